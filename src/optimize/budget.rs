//! What a preset means in numbers: how much error each kind of data may have.
//!
//! The viewing condition behind them is the same for all: the whole model in a view of [`VIEW_PIXELS`], and a part of
//! it [`CLOSE_UP`] times nearer. What may differ in the whole view is a mean FLIP error of about 0.020 for `high`,
//! 0.035 for `balanced` and 0.060 for `maximum`. The bounds on images were set by rendering models with them.

use super::proof::{Comparison, Glance, Stand};
use super::settings::{Preset, Settings, Simplify, Target};
use super::verdict::{Bound, Measure};

/// Pixels across a view that the whole model fills.
pub const VIEW_PIXELS: u32 = 512;

/// How much closer the second look is.
pub const CLOSE_UP: f32 = 3.5;

/// How much more error than the whole model a close-up may show, as a factor.
pub const CLOSE_UP_ALLOWANCE: f32 = 1.6;

/// The same for what is measured: a little less, as another renderer may see a little more.
const CLOSE_UP_BOUND: f32 = 1.55;

/// Bounds of one job.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Budget {
    /// How different the result may look as a whole.
    pub look: Look,
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
    /// How far animation may take any point from where it was, as a part of the size of what moves: a quarter
    /// to half a pixel in the view of the preset.
    pub motion_error: f32,
    /// How far a resampled rotation may be off in any case, in radians: shading shows it where the outline does not.
    pub turn_error: f32,
    /// The same for scales and for weights of morph targets, which are parts of one.
    pub weight_error: f32,
    /// Bytes by which the file may still grow; as many as it has become smaller.
    pub growth: u64,
    /// Longest side of an image, in pixels, whatever it shows.
    pub image_side: u32,
    /// What part of its sides each image keeps before anything else: 1 but for levels of detail.
    pub image_part: f32,
    /// Error of a colour image, as distance in Oklab (black to white is 1).
    pub colour_error: Spread,
    /// Largest root mean square error of a data image in the channels in use, in steps of 1/255.
    pub data_error: f32,
    /// Error of a normal map, in degrees.
    pub normal_map_error: Spread,
}

/// How different the result may look, in the measures of [`super::proof`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Look {
    /// Mean FLIP error of the whole views.
    pub mean: f32,
    /// The largest mean FLIP error of a close-up.
    pub close: f32,
    /// The largest mean FLIP error of a close-up of where most is to be seen.
    pub detail: f32,
    /// The largest mean FLIP error of any whole view, pose or variant.
    pub worst: f32,
    /// The smallest overlap of the outlines.
    pub outline: f32,
}

/// How much of the errors of images and surfaces is used in an attempt, as a factor: the numbers of a preset are a first
/// guess, and pictures tell where more or less of them is seen ([`super::search`]).
#[derive(Debug, Clone, PartialEq)]
pub struct Shares {
    /// By the index of the image.
    pub images: Vec<f32>,
    /// Surfaces, and everything else that has no share of its own.
    pub surface: f32,
    /// Bits of numbers: half the share is a bit more.
    pub numbers: f32,
}

impl Shares {
    /// The same for all.
    #[must_use]
    pub fn even(share: f32, images: usize) -> Self {
        Self { images: vec![share; images], surface: share, numbers: share }
    }

    /// Shares on the way to others, by their logarithms; `way` is 0 here and 1 there.
    #[must_use]
    pub fn towards(&self, other: &Self, way: f32) -> Self {
        let mix = |from: f32, to: f32| from * (to / from).powf(way);
        Self {
            images: self.images.iter().zip(&other.images).map(|(from, to)| mix(*from, *to)).collect(),
            surface: mix(self.surface, other.surface),
            numbers: mix(self.numbers, other.numbers),
        }
    }

    /// All of them but that of numbers, which are whole bits, by a factor.
    #[must_use]
    pub fn times(&self, factor: f32) -> Self {
        let images = self.images.iter().map(|share| share * factor).collect();
        Self { images, surface: self.surface * factor, numbers: self.numbers }
    }

    /// That of an image.
    #[must_use]
    pub fn of_image(&self, image: usize) -> f32 {
        self.images.get(image).copied().unwrap_or(self.surface)
    }
}

/// How much more than was measured may be seen of what light goes through, as a part: a heart of glass looked 1.42 times as
/// different in a viewer that refracts.
const GUESS: f32 = 0.4;
/// Where light goes through this part of a model or more, all that is seen may be seen through it.
const MUCH_GLASS: f32 = 1.0 / 3.0;

/// The factor by which more may be seen of colours than was measured.
fn guessed(glass: f32) -> f32 {
    1.0 + GUESS * (glass / MUCH_GLASS).min(1.0)
}

/// The exponent of the mean that is nearly the largest of several.
const SMOOTH: i32 = 12;

impl Look {
    /// A measured difference as a part of the bound: 1 is exactly within it.
    #[must_use]
    pub fn part(&self, seen: &Comparison) -> f32 {
        self.bounds(seen).iter().map(|bound| bound.part).fold(0.0, f32::max)
    }

    /// Everything that is bounded: what was found, and how much may be.
    #[must_use]
    pub fn bounds(&self, seen: &Comparison) -> Vec<Bound> {
        let colour = |measure, found: f32, bound: f32| {
            let bound = bound / guessed(seen.glass);
            Bound { measure, found, bound, part: found / bound }
        };
        let place = |measure, found: Option<f32>, bound: f32| {
            found.map(|found| Bound { measure, found, bound, part: found / bound })
        };
        let outline = (1.0 - seen.silhouette) / (1.0 - self.outline);
        let mut bounds = vec![
            colour(Measure::Mean, seen.mean, self.mean),
            colour(Measure::CloseWorst, seen.close_worst, self.close),
            // A pose is one view, which may stand out as the worst of the others may.
            colour(Measure::Worst, seen.worst, self.worst),
            colour(Measure::DetailWorst, seen.detail_worst, self.detail),
            Bound {
                measure: Measure::Silhouette,
                found: seen.silhouette,
                bound: self.outline,
                part: outline,
            },
        ];
        bounds.extend(place(Measure::Joints, seen.joints, MOVED));
        bounds.extend(place(Measure::Morphs, seen.morphs, MOVED));
        bounds.extend(place(Measure::Durations, seen.durations, LONGER));
        bounds.extend(place(Measure::Surface, seen.surface, OFF));
        bounds
    }

    /// The errors of views, the largest difference of their outlines (1 less the overlap) and glass ([`Comparison::glass`]), as a
    /// smooth function of all bounds, not only of the nearest one: to tell whose errors matter.
    #[must_use]
    pub(super) fn pressure(&self, seen: impl Iterator<Item = (Stand, f32)>, outline: f32, glass: f32) -> f32 {
        let (mut whole, mut count, mut sum) = (0.0, 0, 0.0);
        for (stand, error) in seen {
            sum += (error / self.bound(stand)).powi(SMOOTH);
            if stand.is_whole {
                whole += error;
                count += 1;
            }
        }
        sum += (whole / count.max(1) as f32 / self.mean).powi(SMOOTH);
        let outline = outline / (1.0 - self.outline);
        (sum * guessed(glass).powi(SMOOTH) + outline.powi(SMOOTH)).powf(1.0 / SMOOTH as f32)
    }

    /// The largest error of a view.
    fn bound(&self, stand: Stand) -> f32 {
        match stand.glance {
            Glance::CloseUp => self.close,
            Glance::Detail => self.detail,
            Glance::Around | Glance::Rest => self.worst,
        }
    }

    /// The error of a view at which all that is allowed is used up, where others have as much.
    pub(super) fn of_view(&self, stand: Stand) -> f32 {
        if stand.is_whole { self.mean } else { self.bound(stand) }
    }

    /// Whether close-ups are nearer to their bounds than whole views.
    #[must_use]
    pub fn is_closer_up(&self, seen: &Comparison) -> bool {
        let close = (seen.close_worst / self.close).max(seen.detail_worst / self.detail);
        close > (seen.mean / self.mean).max(seen.worst / self.worst)
    }

    /// Bounds on colours that are so many times as large, and nowhere larger than `most`.
    #[must_use]
    pub fn times(&self, factor: f32, most: &Self) -> Self {
        Self {
            mean: most.mean.min(self.mean * factor),
            close: most.close.min(self.close * factor),
            detail: most.detail.min(self.detail * factor),
            worst: most.worst.min(self.worst * factor),
            outline: most.outline,
        }
    }

    /// Bounds that what was seen just keeps to: its mean, and the others as they are, or as many times as large as it needs; nowhere
    /// larger than `most`.
    #[must_use]
    pub fn met_by(&self, seen: &Comparison, most: &Self) -> Self {
        Self { mean: seen.mean * guessed(seen.glass), ..self.times(self.part(seen).max(1.0), most) }
    }

    /// That of a preset.
    const fn of_preset(mean: f32) -> Self {
        Self { worst: PLAIN_CHANGE.min(mean * WORST_VIEW), ..Self::of(mean) }
    }

    const fn of(mean: f32) -> Self {
        let worst = mean * WORST_VIEW;
        Self { mean, close: mean * CLOSE_UP_BOUND, detail: worst, worst, outline: 0.985 }
    }
}

/// How far anything may be from where it was in a clip or by a morph target, as a part of the model's radius, whatever else is
/// allowed: two or three pixels of a view. At all presets a fox of three clips is off by 0.07 % and a knight of seventy-six by
/// 0.26 %.
const MOVED: f32 = 0.01;

/// How far any point of a surface may be from the other one, as a part of the model's radius, whatever else is allowed: twice what
/// simplification to a number of triangles may do. Of eight models at `maximum` the one that is off most, an engine, is by 0.28 %.
const OFF: f32 = 0.04;

/// By what part of it a clip may be longer or shorter. Results keep the last key time.
const LONGER: f32 = 0.01;

/// How much more than elsewhere a result for `gpu` may differ: GPUs' block formats cost that much, and their small memory
/// is what this target is chosen for.
const BLOCK_COMPRESSION: f32 = 2.5;

/// Vertex colours and skin weights have 8 bits or 16; so many bits more than a preset's, and it is 16: weights of far
/// joints move thin sheets by a pixel.
const BITS_OF_FINE_FRACTIONS: i32 = 2;

/// From 0.05 on a single view is plainly not the same, whatever the others are like: no preset goes that far, even from where
/// no view looks. Who asks for a larger error gets it.
const PLAIN_CHANGE: f32 = 0.044;

/// How much more than the mean of all views a single one may differ.
const WORST_VIEW: f32 = 2.0;

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
const PIXEL: f64 = 1.0 / VIEW_PIXELS as f64;

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

    /// The same for the parts of the errors that an attempt uses.
    #[must_use]
    pub fn times(&self, shares: &Shares) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "a few bits")]
        let bits = -shares.numbers.log2().round() as i32;
        Self {
            surface_error: self.surface_error * f64::from(shares.surface),
            position_bits: (self.position_bits + bits).clamp(8, 20),
            normal_bits: (self.normal_bits + bits).clamp(5, 14),
            texcoord_bits: (self.texcoord_bits + bits).clamp(8, 20),
            fine_vertex_fractions: bits >= BITS_OF_FINE_FRACTIONS,
            ..*self
        }
    }

    /// The bounds of a level of detail that is made from the one before: half of each image's sides, and
    /// a surface that may be off by twice as much with every level.
    #[must_use]
    pub fn from_afar(&self, level: u8) -> Self {
        Self { surface_error: RATIO_PIXELS * PIXEL * f64::from(level).exp2(), image_part: 0.5, ..*self }
    }

    /// The numbers of a preset.
    #[must_use]
    pub fn of(settings: &Settings) -> Self {
        let budget = Self::of_preset(settings.preset);
        let budget = match (settings.max_error, settings.target_size) {
            (Some(error), _) => Self { look: Look::of(error.value()), ..budget },
            (None, Some(_)) => Self { look: Self::of_preset(Preset::Maximum).look, ..budget },
            (None, None) => budget,
        };
        match settings.target {
            // Whoever names a bound gets it.
            Target::Gpu if settings.max_error.is_none() => {
                Self { look: Look::of(budget.look.mean * BLOCK_COMPRESSION), ..budget }
            }
            _ => budget,
        }
    }

    /// The share of all errors to try first: all of the preset's, unless another bound than the preset's was set.
    #[must_use]
    pub fn first_share(&self, settings: &Settings) -> f32 {
        let usual = Self::of_preset(settings.preset).look.mean;
        settings.max_error.map_or(1.0, |error| (error.value() / usual).clamp(0.1, 4.0))
    }

    fn of_preset(preset: Preset) -> Self {
        match preset {
            Preset::High => Self {
                look: Look::of_preset(0.0185),
                surface_error: 0.06 * PIXEL,
                position_bits: 14,
                normal_bits: 11,
                texcoord_bits: 15,
                fine_vertex_fractions: false,
                rotation_bits: 14,
                motion_error: 1e-4,
                turn_error: 2e-3,
                weight_error: 1e-3,
                growth: u64::MAX,
                image_side: 4096,
                image_part: 1.0,
                colour_error: Spread { mean: 0.0022, p999: 0.025 },
                data_error: 2.2,
                normal_map_error: Spread { mean: 0.75, p999: 9.0 },
            },
            Preset::Balanced => Self {
                look: Look::of_preset(0.0326),
                surface_error: 0.2 * PIXEL,
                position_bits: 13,
                normal_bits: 10,
                texcoord_bits: 13,
                fine_vertex_fractions: false,
                rotation_bits: 12,
                motion_error: 5e-4,
                turn_error: 1e-2,
                weight_error: 5e-3,
                growth: u64::MAX,
                image_side: 2048,
                image_part: 1.0,
                colour_error: Spread { mean: 0.0047, p999: 0.05 },
                data_error: 4.8,
                normal_map_error: Spread { mean: 1.5, p999: 16.0 },
            },
            Preset::Maximum => Self {
                look: Look::of_preset(0.056),
                surface_error: 0.4 * PIXEL,
                position_bits: 12,
                normal_bits: 8,
                texcoord_bits: 12,
                fine_vertex_fractions: false,
                rotation_bits: 12,
                // More saves a hundredth of a file, and is seen in poses, where images then may not be seen at all.
                motion_error: 6e-4,
                turn_error: 1.2e-2,
                weight_error: 1e-2,
                growth: u64::MAX,
                image_side: 1024,
                image_part: 1.0,
                colour_error: Spread { mean: 0.0075, p999: 0.072 },
                data_error: 7.5,
                normal_map_error: Spread { mean: 2.4, p999: 23.0 },
            },
        }
    }
}
