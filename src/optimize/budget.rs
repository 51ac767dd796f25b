//! What a preset means in numbers: how much error each kind of data may have.
//!
//! The viewing condition behind them is the same for all: the whole model in a view of [`VIEW_PIXELS`], and a part of
//! it [`CLOSE_UP`] times nearer. What may differ in the whole view is a mean FLIP error of about 0.020 for `high`,
//! 0.035 for `balanced` and 0.060 for `maximum`. The bounds on images were set by rendering models with them.

use super::settings::{Preset, Settings};

/// Pixels across a view that the whole model fills.
pub const VIEW_PIXELS: u32 = 512;

/// How much closer the second look is.
pub const CLOSE_UP: f32 = 3.5;

/// How much more error than the whole model a close-up may show, as a factor.
pub const CLOSE_UP_ALLOWANCE: f32 = 1.6;

/// Bounds of one job.
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
    /// Bytes by which the file may still grow; as many as it has become smaller.
    pub growth: u64,
    /// Longest side of an image, in pixels, whatever it shows.
    pub image_side: u32,
    /// Error of a colour image, as distance in Oklab (black to white is 1).
    pub colour_error: Spread,
    /// Largest root mean square error of a data image in the channels in use, in steps of 1/255.
    pub data_error: f32,
    /// Error of a normal map, in degrees.
    pub normal_map_error: Spread,
}

/// A bound on an error that is spread over an image: a mean that hides no bad places.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// Largest mean.
    pub mean: f32,
    /// Largest value of 99.9 % of the samples.
    pub p999: f32,
}

impl Spread {
    /// A measured error as a part of the bound: 1 is exactly within it.
    #[must_use]
    pub fn part(&self, mean: f32, p999: f32) -> f32 {
        (mean / self.mean).max(p999 / self.p999)
    }
}

impl Budget {
    /// The numbers of a preset.
    #[must_use]
    pub fn of(settings: &Settings) -> Self {
        match settings.preset {
            Preset::High => Self {
                position_bits: 14,
                normal_bits: 11,
                texcoord_bits: 15,
                fine_vertex_fractions: true,
                rotation_bits: 16,
                rotation_error: 2e-4,
                track_error: 2e-5,
                growth: u64::MAX,
                image_side: 4096,
                colour_error: Spread { mean: 0.0022, p999: 0.025 },
                data_error: 2.2,
                normal_map_error: Spread { mean: 0.75, p999: 9.0 },
            },
            Preset::Balanced => Self {
                position_bits: 13,
                normal_bits: 10,
                texcoord_bits: 13,
                fine_vertex_fractions: false,
                rotation_bits: 14,
                rotation_error: 6e-4,
                track_error: 1e-4,
                growth: u64::MAX,
                image_side: 2048,
                colour_error: Spread { mean: 0.0047, p999: 0.05 },
                data_error: 4.8,
                normal_map_error: Spread { mean: 1.5, p999: 16.0 },
            },
            Preset::Maximum => Self {
                position_bits: 12,
                normal_bits: 8,
                texcoord_bits: 12,
                fine_vertex_fractions: false,
                rotation_bits: 12,
                rotation_error: 2e-3,
                track_error: 5e-4,
                growth: u64::MAX,
                image_side: 1024,
                colour_error: Spread { mean: 0.0095, p999: 0.09 },
                data_error: 9.5,
                normal_map_error: Spread { mean: 3.0, p999: 28.0 },
            },
        }
    }
}
