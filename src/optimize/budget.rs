//! What a preset means in numbers: how much error each kind of data may have.
//!
//! The viewing condition behind them: `balanced` is the whole object filling a view of about 512 pixels,
//! `high` the same object seen several times closer, `maximum` a thumbnail or a background object.

use super::settings::{Preset, Settings, Simplify};

/// Error bounds of one job.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Budget {
    /// How far a simplified surface may be off, as a part of the length that fills a view.
    pub surface_error: f64,
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
    /// Longest side in pixels at which images are compared: what is finer is not seen.
    pub seen_side: u32,
    /// Error of a colour image, as distance in Oklab (black to white is 1).
    pub colour_error: Spread,
    /// Largest root mean square error of a data image in the channels in use, in steps of 1/255.
    pub data_error: f32,
    /// Error of a normal map, in degrees.
    pub normal_map_error: Spread,
}

/// What part of a mesh's area simplification may take or add.
#[must_use]
pub fn surface_change(setting: Simplify) -> f64 {
    match setting {
        Simplify::Off => 0.0,
        Simplify::Auto => 0.02,
        Simplify::Ratio(_) => 0.2,
    }
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

/// A pixel of a view of 512, as a part of the view. A fifth of one (`balanced`) keeps even thin tubes, of which every
/// pixel is an edge, within the FLIP of a look from normal distance.
const PIXEL: f64 = 1.0 / 512.0;

/// What a surface may be off where a number of triangles was asked for, in pixels: beyond that nothing is like the
/// original any more.
const RATIO_PIXELS: f64 = 5.0;

impl Budget {
    /// How far a simplified surface may be off, as a part of the length that fills a view.
    #[must_use]
    pub fn simplify_error(&self, setting: Simplify) -> f64 {
        match setting {
            Simplify::Ratio(_) => self.surface_error.max(RATIO_PIXELS * PIXEL),
            Simplify::Auto | Simplify::Off => self.surface_error,
        }
    }

    /// The numbers of a preset.
    #[must_use]
    pub fn of(settings: &Settings) -> Self {
        match settings.preset {
            Preset::High => Self {
                surface_error: 0.06 * PIXEL,
                position_bits: 14,
                normal_bits: 11,
                texcoord_bits: 15,
                fine_vertex_fractions: true,
                rotation_bits: 16,
                rotation_error: 2e-4,
                track_error: 2e-5,
                image_side: 4096,
                seen_side: 2048,
                colour_error: Spread { mean: 0.003, p999: 0.018 },
                data_error: 1.6,
                normal_map_error: Spread { mean: 0.6, p999: 7.0 },
            },
            Preset::Balanced => Self {
                surface_error: 0.2 * PIXEL,
                position_bits: 13,
                normal_bits: 10,
                texcoord_bits: 13,
                fine_vertex_fractions: false,
                rotation_bits: 14,
                rotation_error: 6e-4,
                track_error: 1e-4,
                image_side: 2048,
                seen_side: 1024,
                colour_error: Spread { mean: 0.0045, p999: 0.028 },
                data_error: 2.8,
                normal_map_error: Spread { mean: 0.9, p999: 11.0 },
            },
            Preset::Maximum => Self {
                surface_error: 0.4 * PIXEL,
                position_bits: 12,
                normal_bits: 8,
                texcoord_bits: 12,
                fine_vertex_fractions: false,
                rotation_bits: 12,
                rotation_error: 2e-3,
                track_error: 5e-4,
                image_side: 1024,
                seen_side: 512,
                colour_error: Spread { mean: 0.008, p999: 0.05 },
                data_error: 6.0,
                normal_map_error: Spread { mean: 2.0, p999: 22.0 },
            },
        }
    }
}
