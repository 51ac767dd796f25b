//! What a preset means in numbers: how much error each kind of data may have.
//!
//! The viewing condition behind them: `balanced` is the whole object filling a view of about 512 pixels,
//! `high` the same object seen several times closer, `maximum` a thumbnail or a background object.

use super::settings::{Preset, Settings};

/// Error bounds of one job.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Budget {
    /// Steps of the position grid over the longest side of a mesh, as a power of two.
    pub position_bits: i32,
    /// Bits of an octahedral normal or tangent component.
    pub normal_bits: i32,
    /// Steps of texture coordinates over the unit square, as a power of two.
    pub texcoord_bits: i32,
    /// Whether vertex colours and skin weights keep 16 bits instead of 8.
    pub fine_vertex_fractions: bool,
    /// Bits of a quaternion component.
    pub rotation_bits: i32,
    /// How far a resampled rotation may be off, in radians.
    pub rotation_error: f32,
    /// How far resampled translations, scales and weights may be off, as a part of the track's largest value.
    pub track_error: f32,
    /// Longest side of an image, in pixels.
    pub image_side: u32,
    /// Largest mean error of a colour image, as Oklab distance times 100.
    pub colour_error: f32,
    /// Largest root mean square error of a data image in the channels in use, in steps of 1/255.
    pub data_error: f32,
    /// Largest mean angle between normals of a normal map, in degrees.
    pub normal_map_error: f32,
}

impl Budget {
    /// The numbers of a preset.
    #[must_use]
    pub fn of(settings: &Settings) -> Self {
        match settings.preset {
            Preset::High => Self {
                position_bits: 16,
                normal_bits: 12,
                texcoord_bits: 15,
                fine_vertex_fractions: true,
                rotation_bits: 16,
                rotation_error: 2e-4,
                track_error: 2e-5,
                image_side: 4096,
                colour_error: 1.0,
                data_error: 3.0,
                normal_map_error: 0.8,
            },
            Preset::Balanced => Self {
                position_bits: 14,
                normal_bits: 10,
                texcoord_bits: 13,
                fine_vertex_fractions: false,
                rotation_bits: 14,
                rotation_error: 6e-4,
                track_error: 1e-4,
                image_side: 2048,
                colour_error: 1.8,
                data_error: 6.0,
                normal_map_error: 1.6,
            },
            Preset::Maximum => Self {
                position_bits: 13,
                normal_bits: 8,
                texcoord_bits: 12,
                fine_vertex_fractions: false,
                rotation_bits: 12,
                rotation_error: 2e-3,
                track_error: 5e-4,
                image_side: 1024,
                colour_error: 2.6,
                data_error: 9.0,
                normal_map_error: 2.4,
            },
        }
    }
}
