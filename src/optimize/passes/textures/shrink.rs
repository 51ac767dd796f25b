//! One image made smaller: decoded, stripped of what nobody reads, and encoded in the cheapest way within its goal.

use std::sync::Arc;

use super::candidates::{self, Candidate, Source};
use super::coverage::Coverage;
use super::fill;
use super::goal::Goal;
use super::slots::Meaning;
use super::tries::Tries;
use crate::optimize::budget::Budget;
use crate::optimize::codecs::image_file::{self, Format};
use crate::optimize::codecs::resize::{Content, resize};
use crate::optimize::codecs::{CodecError, Pixels, avif};
use crate::optimize::document::Limits;
use crate::optimize::settings::{Effort, Target};

/// A smaller image file.
#[derive(Debug)]
pub(super) struct Shrunk {
    pub(super) bytes: Arc<Vec<u8>>,
    pub(super) format: Format,
    /// What was done, for people.
    pub(super) note: String,
}

/// Why an image stays as it is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// For this reason, for people.
    Because(String),
    /// The file is broken in this way: to be warned of.
    Damaged(String),
}

/// A lossy file must be at most this part of the old one: decoding and encoding again always loses a little,
/// which a few per cent are not worth.
const WORTHWHILE: f64 = 0.9;

/// The same for KTX2, which saves GPU memory as it is.
const WORTH_GPU_MEMORY: f64 = 0.5;

/// Below this size of the file in bytes a pixel, lossless coding may win over lossy: flat colours, palettes.
const FLAT_BYTES_A_PIXEL: f64 = 0.25;

/// Images of at most this many pixels are stored without loss: they are palettes and ramps.
const TINY_PIXELS: u64 = 64 * 64;

/// Longest side of a picture that is shown outside the model, in pixels.
const THUMBNAIL_SIDE: u32 = 512;

/// By files of this size and quality it is decided whether an image is smaller with what nobody sees painted over: the texels
/// beside what is shown may have been painted well before.
const SAMPLE_SIDE: u32 = 512;
const SAMPLE: avif::Options = avif::Options { quality: 50, speed: 9, channels: avif::Channels::Mixed };

/// How images are to be encoded.
pub(super) struct Rules<'a> {
    pub(super) budget: &'a Budget,
    /// How much of its errors this image may use, as a factor.
    pub(super) share: f32,
    pub(super) target: Target,
    pub(super) effort: Effort,
}

/// Shares below which an image may have twice, and four times, as many pixels along its sides as the preset's: that number is a
/// first guess as well, and no quality brings back what a smaller image has lost.
const MORE_PIXELS: [f32; 2] = [0.3, 0.08];

impl Rules<'_> {
    /// The longest side, in pixels.
    fn image_side(&self) -> u32 {
        let doublings = MORE_PIXELS.into_iter().filter(|share| self.share < *share).count();
        self.budget.image_side << doublings
    }
}

/// How an image is used.
pub(super) struct Usage<'a> {
    pub(super) meaning: &'a Meaning,
    /// Its size on the screen, see [`density`](super::density).
    pub(super) pixels_per_unit: Option<f32>,
    /// Which of its texels are shown where it has so many pixels, see [`coverage`](super::coverage).
    pub(super) coverage: &'a (dyn Fn((u32, u32)) -> Option<Coverage> + Sync),
}

/// Makes an image smaller.
///
/// # Errors
/// Why it stays as it is.
pub(super) fn shrink(file: &[u8], usage: &Usage, rules: &Rules, tries: &mut Tries) -> Result<Shrunk, Kept> {
    let meaning = usage.meaning;
    let kept = |reason: &str| Kept::Because(reason.to_owned());
    let probe = image_file::probe(file).ok_or_else(|| kept("its format is not known"))?;
    match probe.format {
        Format::Other => return Err(kept(&format!("{} stays as it is", probe.format.name()))),
        Format::WebP | Format::Avif if rules.target == Target::Universal || meaning.is_plain => {
            let reason = format!("{} stays: nothing that opens everywhere is smaller", probe.format.name());
            return Err(kept(&reason));
        }
        _ => {}
    }
    let pixels = opened(file, meaning, rules)?;
    let (width, height) = (pixels.width(), pixels.height());
    tries.begin((width, height));
    let (pixels, is_filled) = filled(pixels, usage, tries).map_err(refused)?;
    let bytes_a_pixel = file.len() as f64 / (f64::from(probe.width) * f64::from(probe.height));
    let source = Source {
        pixels: &pixels,
        is_flat: bytes_a_pixel < FLAT_BYTES_A_PIXEL,
        is_tiny: u64::from(width) * u64::from(height) <= TINY_PIXELS,
        is_lossless: match probe.format {
            // One pixel is as small without loss.
            _ if (width, height) == (1, 1) => true,
            Format::Jpeg | Format::Avif => false,
            // Not even it: but with alpha, PNG is all that opens everywhere.
            Format::Ktx2 => rules.target == Target::Universal,
            _ => true,
        },
    };
    let goal = Goal::new(&pixels, meaning, usage.pixels_per_unit, rules.budget).with_share(rules.share);
    if rules.target != Target::Universal || probe.format != Format::Ktx2 {
        tries.beside(file.len(), WORTHWHILE);
    }
    let best = candidates::smallest(&source, &goal, (rules.target, rules.effort), tries).map_err(refused)?;
    let best = best.ok_or_else(|| kept("no format at hand is good enough"))?;
    if best.bytes.len() as f64 >= file.len() as f64 * worthwhile(probe.format, &best, rules.target) {
        return Err(kept(&format!("{} is already small", probe.format.name())));
    }
    let note = with_filling(described(&best, (probe.width, probe.height), file.len()), is_filled);
    Ok(Shrunk { format: best.format(), bytes: best.bytes, note })
}

/// What was done, and whether what nobody sees was painted over, for people.
pub(super) fn with_filling(note: String, is_filled: bool) -> String {
    if is_filled { format!("{note}; what no triangle shows of it is painted over") } else { note }
}

/// The image with what nobody sees painted over, where that makes it smaller, and else as it is; and whether it was.
pub(super) fn filled(image: Pixels, usage: &Usage, tries: &mut Tries) -> Result<(Pixels, bool), CodecError> {
    let size = (image.width(), image.height());
    let coverage = tries.coverage(|| (usage.coverage)(size));
    let Some(coverage) = coverage.filter(|_| tries.may_be_filled()) else { return Ok((image, false)) };
    let filled = fill::filled(&image, &coverage);
    let is_smaller = tries.is_smaller_filled(|| {
        let part = f64::from(SAMPLE_SIDE) / f64::from(size.0.max(size.1).max(SAMPLE_SIDE));
        let side = |length: u32| ((f64::from(length) * part).round() as u32).max(1);
        let bytes = |image: &Pixels| {
            let sample = resize(image, side(size.0), side(size.1), usage.meaning.content)?;
            Ok(avif::encode(&sample, &SAMPLE)?.len())
        };
        Ok(bytes(&filled)? < bytes(&image)?)
    })?;
    Ok((if is_smaller { filled } else { image }, is_smaller))
}

/// Decodes an image, no larger than the budget allows and without alpha that nobody reads.
///
/// # Errors
/// Why it stays as it is.
pub(super) fn opened(file: &[u8], meaning: &Meaning, rules: &Rules) -> Result<Pixels, Kept> {
    if image_file::is_turned(file) {
        let reason =
            "by its EXIF data it is to be turned, which only some viewers do; save it the right way up";
        return Err(Kept::Because(reason.to_owned()));
    }
    if image_file::is_cut_off(file) {
        let reason = "the end of this JPEG is missing; export it again from its source";
        return Err(Kept::Damaged(reason.to_owned()));
    }
    let is_colour = meaning.content == Content::Colour;
    let most = Limits::default().image_pixels;
    let mut pixels = image_file::decode_as(file, most, is_colour).map_err(refused)?;
    if !meaning.channels[3] {
        pixels.drop_alpha();
    }
    if let Some(one) = one_pixel(&pixels, meaning) {
        return Ok(one);
    }
    let side = if meaning.is_thumbnail { THUMBNAIL_SIDE } else { rules.image_side() };
    let longest = pixels.width().max(pixels.height());
    let part = if meaning.is_thumbnail { 1.0 } else { rules.budget.image_part };
    let side = side.min((longest as f32 * part).ceil() as u32);
    let (width, height) = fitted(pixels.width(), pixels.height(), side);
    if (width, height) == (pixels.width(), pixels.height()) {
        return Ok(pixels);
    }
    resize(&pixels, width, height, meaning.content).map_err(refused)
}

/// An image that is one colour in the channels that somebody reads, as one pixel: `bake` leaves those that have a name.
fn one_pixel(pixels: &Pixels, meaning: &Meaning) -> Option<Pixels> {
    let constant = pixels.constant();
    let is_seen = |channel: usize| meaning.channels[channel];
    if meaning.is_thumbnail || (0..4).any(|channel| is_seen(channel) && constant[channel].is_none()) {
        return None;
    }
    let pixel = (0..4).map(|channel| constant[channel].filter(|_| is_seen(channel)).unwrap_or(255));
    Pixels::new(1, 1, pixel.collect()).ok()
}

/// The part of the old file's bytes that the new one must stay below.
fn worthwhile(before: Format, best: &Candidate, target: Target) -> f64 {
    match (before, target) {
        // Needs an extension that this target must do without, whatever it costs.
        (Format::Ktx2, Target::Universal) => f64::INFINITY,
        (Format::Ktx2, _) => WORTH_GPU_MEMORY,
        _ if best.is_lossless => 1.0,
        _ => WORTHWHILE,
    }
}

/// Why a codec's error leaves an image as it is.
pub(super) fn refused(error: CodecError) -> Kept {
    match error {
        CodecError::Damaged { .. } => Kept::Damaged(error.to_string()),
        _ => Kept::Because(error.to_string()),
    }
}

fn described(best: &Candidate, before: (u32, u32), bytes: usize) -> String {
    let resized = if best.size == before {
        String::new()
    } else {
        format!(", {} x {} from {} x {}", best.size.0, best.size.1, before.0, before.1)
    };
    format!("{}{resized}, {} kB to {} kB", best.how, kilobytes(bytes), kilobytes(best.bytes.len()))
}

/// Thousands of bytes with as many decimals as make sense.
pub(super) fn kilobytes(bytes: usize) -> String {
    let value = bytes as f64 / 1000.0;
    format!("{value:.0$}", if value < 9.95 { 2 } else { 0 })
}

/// The size within a longest side, in the same proportions.
fn fitted(width: u32, height: u32, side: u32) -> (u32, u32) {
    let longest = width.max(height);
    if longest <= side {
        return (width, height);
    }
    let scale = |length: u32| {
        let scaled = (u64::from(length) * u64::from(side) + u64::from(longest) / 2) / u64::from(longest);
        u32::try_from(scaled.max(1)).unwrap_or(side)
    };
    (scale(width), scale(height))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_colour_in_the_channels_in_use_is_one_pixel() {
        let (content, channels) = (Content::Linear, [false, true, false, false]);
        let meaning = Meaning {
            content,
            channels,
            is_transparency: false,
            is_plain: false,
            is_thumbnail: false,
            slots: Vec::new(),
        };
        let noise = |green: u8| (0..64_u8).flat_map(|i| [i, green + i % 2, 255 - i, 255]).collect();
        let one = one_pixel(&Pixels::new(8, 8, noise(100)).unwrap(), &meaning).unwrap();
        assert_eq!((one.width(), one.rgba()), (1, &[255, 100, 255, 255][..]));
        let red = Meaning { channels: [true, false, false, false], ..meaning };
        assert_eq!(one_pixel(&Pixels::new(8, 8, noise(100)).unwrap(), &red), None);
    }

    #[test]
    fn proportions_are_kept_and_no_side_vanishes() {
        assert_eq!(fitted(4096, 2048, 1024), (1024, 512));
        assert_eq!(fitted(1000, 700, 1024), (1000, 700));
        assert_eq!(fitted(16384, 1, 1024), (1024, 1));
    }
}
