//! How much an image may differ, as it is seen: at the size in which the model's surface shows it, filling the view
//! and in a close-up. What is finer than a screen pixel has averaged out by then.

use std::borrow::Cow;
use std::cell::OnceCell;

use super::scaled::made_once;
use super::slots::Meaning;
use crate::optimize::budget::{Budget, CLOSE_UP, CLOSE_UP_ALLOWANCE, VIEW_PIXELS};
use crate::optimize::codecs::resize::{Content, resize};
use crate::optimize::codecs::{CodecError, Pixels, difference};
use crate::optimize::proof;

/// No view is smaller than this, in pixels: close to a part of a large scene, more is seen than the whole shows.
const SMALLEST_VIEW: f32 = 128.0;

/// Across a picture that is shown beside the model, in pixels: as lists of avatars show it.
const THUMBNAIL_PIXELS: f32 = 256.0;

/// From this magnification on, single texels are told apart.
const MAGNIFIED: f32 = 1.3;

/// Below that, an image is compared in half of the size in which it is seen. In that size, so many pixels across are seen as one:
/// the area over which FLIP's filter for brightness averages at its usual distance (a Gaussian with a deviation of 1.03
/// pixels) is that of a square with a side of 3.6. Numbers are not seen before they are lit, which is sharper than they are.
const LOOKED_AT: f32 = 0.5;
const SEEN_AS_ONE: u32 = 2;

/// The same where it is looked at more sharply, in the size in which it is seen: nearly that square.
const SHARP_AS_ONE: u32 = 3;

/// Numbers of this many pixels across are lit as one where they are magnified.
const LIT_AS_ONE: u32 = 2;

/// The original as it is seen, and what its channels are.
pub(super) struct Goal<'a> {
    original: &'a Pixels,
    meaning: &'a Meaning,
    budget: &'a Budget,
    /// How much of the budget may be used, as a factor.
    share: f32,
    /// From the largest to the smallest.
    views: Vec<View>,
}

/// From one distance. What is made of the original for it is made when somebody looks.
struct View {
    /// The size in which it is compared.
    size: (u32, u32),
    compared: OnceCell<Pixels>,
    /// The size in which it is seen, and what a surface shows then.
    seen: (u32, u32),
    mapped: OnceCell<Pixels>,
    /// How much of the budget's error is allowed in it.
    allowance: f32,
    is_magnified: bool,
}

impl<'a> Goal<'a> {
    /// `pixels_per_unit`: across one repetition of the image when the whole model fills the view.
    pub(super) fn new(
        original: &'a Pixels,
        meaning: &'a Meaning,
        pixels_per_unit: Option<f32>,
        budget: &'a Budget,
    ) -> Self {
        let (width, height) = (original.width() as f32, original.height() as f32);
        let pixels_per_unit = pixels_per_unit.filter(|_| !meaning.is_thumbnail);
        let otherwise = if meaning.is_thumbnail { THUMBNAIL_PIXELS } else { VIEW_PIXELS as f32 };
        let whole = pixels_per_unit.unwrap_or(otherwise) / (width * height).sqrt();
        let whole = whole.max(SMALLEST_VIEW / width.max(height));
        let mut views: Vec<View> = Vec::new();
        for (scale, allowance) in [(whole * CLOSE_UP, CLOSE_UP_ALLOWANCE), (whole, 1.0)] {
            let is_magnified = scale > MAGNIFIED;
            let part = if is_magnified { 1.0 } else { LOOKED_AT * scale.min(1.0) };
            let side = |length: f32| (length * part).round().max(1.0) as u32;
            let size = (side(width), side(height));
            match views.last_mut() {
                // Magnified in both views: the stricter one decides.
                Some(closer) if size == closer.size => closer.allowance = allowance,
                _ => {
                    let seen = |length: f32| (length * scale.min(1.0)).round().max(1.0) as u32;
                    views.push(View {
                        size,
                        compared: OnceCell::new(),
                        seen: (seen(width), seen(height)),
                        mapped: OnceCell::new(),
                        allowance,
                        is_magnified,
                    });
                }
            }
        }
        Self { original, meaning, budget, share: 1.0, views }
    }

    /// The same with another share of the budget.
    pub(super) fn with_share(self, share: f32) -> Self {
        Self { share, ..self }
    }

    /// What the channels are.
    pub(super) fn meaning(&self) -> &Meaning {
        self.meaning
    }

    /// An error as a part of the share of the budget that may be used: 1 is exactly within it.
    pub(super) fn part(&self, error: f32) -> f32 {
        error / self.share
    }

    /// The largest error that is within the goal.
    pub(super) fn error_within(&self) -> f32 {
        self.share
    }

    /// The error of another image, of any size, as a part of the whole budget, see [`Self::part`].
    pub(super) fn error(&self, other: &Pixels) -> Result<f32, CodecError> {
        let (mut worst, mut other) = (0.0_f32, Cow::Borrowed(other));
        for (at, view) in self.views.iter().enumerate() {
            // Of the larger one: that has all that this shows, and no more pixels than the original.
            if (other.width(), other.height()) != view.size {
                other = Cow::Owned(resize(&other, view.size.0, view.size.1, self.meaning.content)?);
            }
            let difference = self.difference(self.compared(at)?, &other, view.is_magnified);
            worst = worst.max(difference / view.allowance);
        }
        Ok(worst)
    }

    /// The original in the size in which it is compared in a view, made as others are.
    fn compared(&self, at: usize) -> Result<&Pixels, CodecError> {
        let larger = at.checked_sub(1).map_or(Ok(self.original), |larger| self.compared(larger))?;
        let View { size, compared, .. } = &self.views[at];
        if (larger.width(), larger.height()) == *size {
            return Ok(larger);
        }
        made_once(compared, || resize(larger, size.0, size.1, self.meaning.content))
    }

    /// The error of the image in another size, of which files in that size have at least as much. Colours are looked at as sharply
    /// as they are seen, on a surface: of what a coder loses little is missed there, but of fine grain that a smaller size has not
    /// all, and still more where mip levels of one size lie between those of the other.
    pub(super) fn error_of_size(&self, other: &Pixels) -> Result<f32, CodecError> {
        let mut worst = self.error(other)?;
        if self.meaning.content == Content::Colour {
            for view in self.views.iter().filter(|view| !view.is_magnified) {
                let mapped = |pixels: &Pixels| proof::as_mapped(pixels, view.seen, SHARP_AS_ONE);
                let original = made_once(&view.mapped, || mapped(self.original))?;
                let colour = difference::colour(original, &mapped(other)?, SHARP_AS_ONE);
                let part = self.budget.colour_error.part(colour.mean, colour.p999);
                worst = worst.max(part / view.allowance);
            }
        }
        Ok(worst)
    }

    fn difference(&self, before: &Pixels, after: &Pixels, is_magnified: bool) -> f32 {
        let channels = self.meaning.channels;
        let (seen, lit) = if is_magnified { (1, LIT_AS_ONE) } else { (SEEN_AS_ONE, 1) };
        let numbers = |channels| {
            let rms = difference::linear(before, after, channels, lit);
            rms.into_iter().fold(0.0, f32::max) / self.budget.data_error
        };
        match self.meaning.content {
            Content::Colour => {
                let colour = difference::colour(before, after, seen);
                let alpha = numbers([false, false, false, channels[3]]);
                self.budget.colour_error.part(colour.mean, colour.p999).max(alpha)
            }
            Content::Linear => numbers(channels),
            Content::Normal => {
                let angle = difference::normal(before, after, lit);
                self.budget.normal_map_error.part(angle.mean, angle.p999)
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::optimize::codecs::resize::resize;
    use crate::optimize::settings::Settings;

    pub(in super::super) static COLOUR: Meaning = Meaning {
        content: Content::Colour,
        channels: [true, true, true, false],
        is_transparency: false,
        is_plain: false,
        is_thumbnail: false,
        slots: Vec::new(),
    };

    fn checker(side: u32) -> Pixels {
        let rgba = (0..side * side).flat_map(|at| match (at % side + at / side) % 2 {
            0 => [90, 90, 90, 255],
            _ => [160, 160, 160, 255],
        });
        Pixels::new(side, side, rgba.collect()).unwrap()
    }

    #[test]
    fn detail_counts_only_where_it_is_seen() {
        let budget = Budget::of(&Settings::default());
        let image = checker(512);
        let half = resize(&image, 256, 256, Content::Colour).unwrap();
        let near = Goal::new(&image, &COLOUR, Some(1000.0), &budget);
        let far = Goal::new(&image, &COLOUR, Some(20.0), &budget);
        assert_eq!(near.error(&image).unwrap(), 0.0);
        assert!(near.error(&half).unwrap() > 1.0);
        assert!(far.error(&half).unwrap() < 0.2);
    }

    /// The grain of a lantern's wood was gone in an image of 1536 x 1536 of 2048 x 2048 pixels, at no error. It took 980 kB, since
    /// all others paid for it, and takes 240.
    #[test]
    fn regression_grain_that_a_smaller_size_has_not_is_missed() {
        let budget = Budget::of(&Settings::default());
        let grain = |x: u32, y: u32| ((x * 7 + y * 13) % 31 + (x * x + y * 3) % 17) as u8 * 3;
        let rgba = (0..512 * 512).flat_map(|at| [grain(at % 512, at / 512), 80, 60, 255]);
        let image = Pixels::new(512, 512, rgba.collect()).unwrap();
        let smaller = resize(&image, 384, 384, Content::Colour).unwrap();
        let goal = Goal::new(&image, &COLOUR, Some(128.0), &budget);
        let (as_a_coder, as_seen) = (goal.error(&smaller).unwrap(), goal.error_of_size(&smaller).unwrap());
        assert!(as_seen > 1.3 * as_a_coder, "{as_seen} against {as_a_coder}");
        assert_eq!(goal.error_of_size(&image).unwrap(), 0.0);
    }

    /// A table's wood of three quarters of its pixels showed more than of half of them.
    #[test]
    fn regression_a_size_between_two_mip_levels_shows_more_than_the_next() {
        let budget = Budget::of(&Settings::default());
        let rgba = (0..512 * 512).flat_map(|at: u32| {
            let (x, y) = (at % 512, at / 512);
            let grain = (x / 6 * 7 + y / 6 * 13) % 31 + (x / 6 * (x / 6) + y / 6 * 3) % 17;
            [grain as u8 * 4, 80, 60, 255]
        });
        let image = Pixels::new(512, 512, rgba.collect()).unwrap();
        let error = |side| {
            let goal = Goal::new(&image, &COLOUR, Some(128.0), &budget);
            let whole = goal.views.iter().rposition(|view| !view.is_magnified).unwrap();
            let goal = Goal { views: goal.views.into_iter().skip(whole).collect(), ..goal };
            goal.error_of_size(&resize(&image, side, side, Content::Colour).unwrap()).unwrap()
        };
        assert!(error(384) > 1.5 * error(256), "{} against {}", error(384), error(256));
    }

    #[test]
    fn an_image_that_is_magnified_anyway_has_one_view() {
        let budget = Budget::of(&Settings::default());
        let [image, large] = [64, 512].map(checker);
        let goal = Goal::new(&image, &COLOUR, Some(1000.0), &budget);
        assert_eq!(goal.views.len(), 1);
        assert_eq!(goal.views[0].allowance, 1.0);
        let large = Goal::new(&large, &COLOUR, None, &budget);
        assert_eq!(large.views.len(), 2, "once a texel is a pixel");
        assert!(large.views[0].is_magnified && !large.views[1].is_magnified);
    }
}
