//! The ways to store an image, and the smallest of them that stays within its goal.
//!
//! Sizes first: the smallest that can still meet the goal, and larger ones, since a larger image at a lower quality
//! may take fewer bytes. Then the lowest quality at each size, by bisection. Each try is decoded again and measured.

use std::cell::RefCell;
use std::sync::Arc;

use super::goal::Goal;
use super::scaled::Scaled;
use super::tries::{Tries, Try};
use crate::optimize::codecs::image_file::{self, Format};
use crate::optimize::codecs::resize::Content;
use crate::optimize::codecs::{CodecError, Pixels, avif, jpeg, png, webp};
use crate::optimize::settings::{Effort, Target};

/// An image, and what is known of it besides its pixels.
pub(super) struct Source<'a> {
    pub(super) pixels: &'a Pixels,
    /// A file of few bytes a pixel and not JPEG: lossless coding may win.
    pub(super) is_flat: bool,
    /// No loss is worth its bytes: a palette or a ramp.
    pub(super) is_tiny: bool,
    /// Whether it came as a file without loss.
    pub(super) is_lossless: bool,
}

/// An encoded image within the goal.
pub(super) struct Candidate {
    pub(super) bytes: Arc<Vec<u8>>,
    pub(super) format: Format,
    pub(super) is_lossless: bool,
    pub(super) size: (u32, u32),
    /// 0 to 100, in the terms of the format.
    pub(super) quality: u8,
    /// Format and quality, for people.
    pub(super) how: String,
}

/// Lossy qualities, by bisection; the error falls along the list.
fn qualities(effort: Effort) -> &'static [u8] {
    match effort {
        Effort::Fast => &[60, 84, 97],
        Effort::Normal => &[12, 18, 25, 32, 39, 46, 53, 60, 66, 72, 78, 84, 90, 94, 97],
        Effort::Best => &[
            10, 13, 16, 19, 22, 25, 28, 31, 34, 37, 40, 43, 46, 49, 52, 55, 58, 61, 64, 67, 70, 73, 76, 79,
            82, 85, 88, 91, 94, 97,
        ],
    }
}

/// The first quality that is tried, and by how much more the error halves, about.
const FIRST_QUALITY: f32 = 50.0;
const HALVING: f32 = 18.0;
/// What a guess aims at, and from where on a lower quality is not looked for, as parts of the goal.
const AIM: f32 = 0.9;
const NEAR_ENOUGH: f32 = 0.75;

/// Of libaom, while qualities are compared.
fn search_speed(effort: Effort) -> u8 {
    if effort == Effort::Fast { 9 } else { 8 }
}

/// Below this, JPEG and WebP smear grain into blotches, which a mean error forgives and an eye does not.
const LOWEST_WITHOUT_AVIF: u8 = 46;

/// Sides that are tried, as parts of the original's.
const PARTS: [f32; 15] = [
    1.0, 0.75, 0.5, 0.375, 0.25, 0.1875, 0.125, 0.09375, 0.0625, 0.046875, 0.03125, 0.0234375, 0.015625,
    0.01171875, 0.0078125,
];

/// A smaller size may use up this part of the error, so that quality can be traded for bytes.
const RESIZING_SHARE: f32 = 0.6;

/// No side becomes shorter than this, in pixels.
const SHORTEST_SIDE: u32 = 4;

/// WebP's halved colour resolution and higher overhead only pay below this many pixels, where AVIF's own
/// container is most of the file.
const SMALL_PIXELS: u64 = 256 * 256;

/// Above this many pixels `normal` looks at one size only, and no slower: each try takes about a second.
const LARGE_PIXELS: u64 = 1200 * 1200;

/// The smallest candidate; `None` when none is good enough.
pub(super) fn smallest(
    source: &Source,
    goal: &Goal,
    rules: (Target, Effort),
    tries: &mut Tries,
) -> Result<Option<Candidate>, CodecError> {
    let (target, effort) = rules;
    let tries = &RefCell::new(tries);
    let mut best: Option<Candidate> = None;
    let target = if goal.meaning().is_plain { Target::Universal } else { target };
    let sizes = sizes(source.pixels, goal, effort, &mut tries.borrow_mut())?;
    // The smallest first: what takes as many bytes at a larger size need not be looked at.
    for image in sizes.iter().rev() {
        let room = best.as_ref().map_or(usize::MAX, |best| best.bytes.len());
        let search = Search { image, source, goal, target, effort, room, tries };
        best = search.smallest()?.or(best);
    }
    match best {
        Some(best) if best.format == Format::Avif && effort != Effort::Fast => {
            let Some(image) = sizes.iter().find(|image| image.size == best.size) else {
                return Ok(Some(best));
            };
            if effort == Effort::Normal && image.count() > LARGE_PIXELS {
                return Ok(Some(best));
            }
            let search = Search { image, source, goal, target, effort, room: best.bytes.len(), tries };
            Ok(Some(search.refined(best)?))
        }
        best => Ok(best),
    }
}

/// The image in the smallest size that is within the goal.
pub(super) fn smallest_size(original: &Pixels, goal: &Goal) -> Result<Pixels, CodecError> {
    let smallest = sizes(original, goal, Effort::Fast, &mut Tries::default())?.pop();
    smallest.map_or_else(|| Ok(original.clone()), Scaled::into_pixels)
}

/// The image in the sizes that are worth encoding.
fn sizes<'a>(
    original: &'a Pixels,
    goal: &Goal,
    effort: Effort,
    tries: &mut Tries,
) -> Result<Vec<Scaled<'a>>, CodecError> {
    let scaled = |size| Scaled::new(original, size, goal.meaning().content);
    let mut fitting = vec![scaled((original.width(), original.height()))];
    for part in &PARTS[1..] {
        let side = |length: u32| ((length as f32 * part).round() as u32).max(1);
        let (width, height) = (side(original.width()), side(original.height()));
        if width.min(height) < SHORTEST_SIDE {
            break;
        }
        let smaller = scaled((width, height));
        if goal.part(tries.size_error(smaller.size, || goal.error(smaller.pixels()?))?) > RESIZING_SHARE {
            break;
        }
        fitting.push(smaller);
    }
    let wanted = match effort {
        Effort::Fast => 1,
        Effort::Normal if fitting.last().is_some_and(|image| image.count() > LARGE_PIXELS) => 1,
        Effort::Normal => 2,
        Effort::Best => 4,
    };
    Ok(fitting.split_off(fitting.len().saturating_sub(wanted)))
}

/// The ways to store an image of one size.
struct Search<'a> {
    image: &'a Scaled<'a>,
    source: &'a Source<'a>,
    goal: &'a Goal<'a>,
    target: Target,
    effort: Effort,
    /// Only fewer bytes than this are of interest.
    room: usize,
    tries: &'a RefCell<&'a mut Tries>,
}

impl Search<'_> {
    fn smallest(&self) -> Result<Option<Candidate>, CodecError> {
        let found = self.candidates()?.into_iter().filter(|candidate| candidate.bytes.len() < self.room);
        Ok(found.min_by_key(|candidate| candidate.bytes.len()))
    }

    fn candidates(&self) -> Result<Vec<Candidate>, CodecError> {
        let &Source { is_flat, is_tiny, is_lossless, .. } = self.source;
        let image = self.image;
        let is_opaque = || Ok::<_, CodecError>(image.pixels()?.is_opaque());
        let content = self.goal.meaning().content;
        let mut found = Vec::new();
        if self.target != Target::Web {
            if is_lossless {
                // Effort 2 takes twice as long for one or two per cent.
                let options = png::Options { exact: true, effort: 1 };
                found.push(self.lossless(Format::Png, || png::encode(image.pixels()?, &options))?);
            }
            if !is_tiny && is_opaque()? {
                found.extend(self.jpeg()?);
            }
            return Ok(found);
        }
        if is_lossless && (is_flat || is_tiny) {
            found.extend(self.webp_lossless()?);
        }
        if is_tiny {
            return Ok(found);
        }
        found.extend(self.avif()?);
        let is_thorough = self.effort == Effort::Best || image.count() <= SMALL_PIXELS;
        // WebP halves the resolution of colour differences: not for normals, unless they have alpha.
        if is_thorough && (content != Content::Normal || !is_opaque()?) {
            found.extend(self.webp()?);
        }
        if is_thorough && content != Content::Colour && is_opaque()? {
            found.extend(self.jpeg()?);
        }
        if found.is_empty() && is_lossless {
            // Too fine for any lossy coder, but smaller than PNG all the same.
            found.extend(self.webp_lossless()?);
        }
        Ok(found)
    }

    /// With the colour of transparent pixels: GPUs blend it in at edges, and the black that libwebp puts there
    /// shows as a dark fringe around leaves.
    fn webp_lossless(&self) -> Result<Option<Candidate>, CodecError> {
        if self.image.size.0.max(self.image.size.1) > webp::MAX_SIDE {
            return Ok(None);
        }
        let options = webp::Options { mode: webp::Mode::Lossless, exact: true, ..webp::Options::default() };
        Ok(Some(self.lossless(Format::WebP, || webp::encode(self.image.pixels()?, &options))?))
    }

    fn lossless(
        &self,
        format: Format,
        encode: impl FnOnce() -> Result<Vec<u8>, CodecError>,
    ) -> Result<Candidate, CodecError> {
        let size = self.image.size;
        let bytes = self.tries.borrow_mut().lossless(size, format, encode)?;
        let how = format!("{} without loss", format.name());
        Ok(Candidate { bytes, format, is_lossless: true, size, quality: 100, how })
    }

    fn avif(&self) -> Result<Option<Candidate>, CodecError> {
        let speed = search_speed(self.effort);
        self.within(Format::Avif, speed, |quality| self.encoded_avif(quality, speed))
    }

    fn encoded_avif(&self, quality: u8, speed: u8) -> Result<Vec<u8>, CodecError> {
        let channels = avif_channels(self.goal);
        avif::encode(self.image.pixels()?, &avif::Options { quality, speed, channels })
    }

    /// The same quality by a slower encoder, which saves up to a tenth at less error.
    fn refined(&self, best: Candidate) -> Result<Candidate, CodecError> {
        let speed = if self.effort == Effort::Best { 4 } else { 7 };
        let key = self.key(Format::Avif, best.quality, speed);
        let bytes = self.tries.borrow_mut().bytes(key, || self.encoded_avif(best.quality, speed))?;
        let is_better = bytes.len() < best.bytes.len() && self.part(key)? <= 1.0;
        Ok(if is_better { Candidate { bytes, ..best } } else { best })
    }

    fn webp(&self) -> Result<Option<Candidate>, CodecError> {
        let meaning = self.goal.meaning();
        self.within(Format::WebP, 0, |quality| {
            // Sharper colour edges for a few bytes; numbers gain nothing from it.
            let sharp_yuv = meaning.content == Content::Colour;
            let mode = webp::Mode::Lossy { quality: quality.into(), sharp_yuv, alpha_quality: 100 };
            // Alpha that is a number does not hide the colours beside it.
            let exact = meaning.channels[3] && !meaning.is_transparency;
            webp::encode(self.image.pixels()?, &webp::Options { mode, exact, ..webp::Options::default() })
        })
    }

    /// Packed numbers and normals are stored channel by channel: on a 2048 x 2048 normal map 490 kB for a mean
    /// error of 1.5 degrees, where 4:4:4 takes 580 kB and WebP 900 kB.
    fn jpeg(&self) -> Result<Option<Candidate>, CodecError> {
        let meaning = self.goal.meaning();
        let sampling = match meaning.content {
            // Drawn thumbnails have lettering and outlines, which halved colours smear.
            Content::Colour if meaning.is_thumbnail => jpeg::Sampling::Full,
            Content::Colour => jpeg::Sampling::Half,
            Content::Linear | Content::Normal => jpeg::Sampling::Separate,
        };
        self.within(Format::Jpeg, 0, |quality| {
            jpeg::encode(self.image.pixels()?, &jpeg::Options { quality: quality.into(), sampling })
        })
    }

    /// A low quality whose error is within the goal, and the lowest unless it comes near; `None` when none is within, or not
    /// in the room. Each guess follows from what was tried before.
    fn within(
        &self,
        format: Format,
        speed: u8,
        encode: impl Fn(u8) -> Result<Vec<u8>, CodecError>,
    ) -> Result<Option<Candidate>, CodecError> {
        let lowest = if format == Format::Avif { 0 } else { LOWEST_WITHOUT_AVIF };
        let qualities: Vec<u8> =
            qualities(self.effort).iter().copied().filter(|&quality| quality >= lowest).collect();
        let (mut low, mut high) = (0, qualities.len());
        let mut best = None;
        while low < high {
            let guess = guessed(&self.known(format, speed), self.goal.part(1.0).ln());
            let at = qualities.partition_point(|&quality| f32::from(quality) < guess).clamp(low, high - 1);
            let quality = qualities[at];
            let key = self.key(format, quality, speed);
            let bytes = self.tries.borrow_mut().bytes(key, || encode(quality))?;
            if bytes.len() >= self.room {
                high = at;
                continue;
            }
            let part = self.part(key)?;
            if part > 1.0 {
                low = at + 1;
                continue;
            }
            let how = format!("{} at quality {quality}", format.name());
            let size = self.image.size;
            best = Some(Candidate { bytes, format, is_lossless: false, size, quality, how });
            if part > NEAR_ENOUGH {
                break;
            }
            high = at;
        }
        Ok(best)
    }

    /// The qualities tried at this size, with the logarithms of their errors.
    fn known(&self, format: Format, speed: u8) -> Vec<(f32, f32)> {
        let size = self.image.size;
        self.tries
            .borrow()
            .errors(size, format, speed)
            .map(|(q, error)| (q.into(), error.max(1e-4).ln()))
            .collect()
    }

    fn key(&self, format: Format, quality: u8, speed: u8) -> Try {
        Try { size: self.image.size, format, quality, speed }
    }

    /// The error of a try as a part of the goal.
    fn part(&self, key: Try) -> Result<f32, CodecError> {
        let measure = |file: &[u8]| self.goal.error(&image_file::decode(file, u64::MAX)?);
        Ok(self.goal.part(self.tries.borrow_mut().error(key, measure)?))
    }
}

/// The quality at which the goal should be met, from the errors of others. `scale` is the logarithm of the factor that makes
/// an error a part of the goal.
fn guessed(known: &[(f32, f32)], scale: f32) -> f32 {
    let wanted = -scale + AIM.ln();
    let above = known.iter().filter(|(_, error)| *error > wanted).max_by(|a, b| a.0.total_cmp(&b.0));
    let below = known.iter().filter(|(_, error)| *error <= wanted).min_by(|a, b| a.0.total_cmp(&b.0));
    match (above, below) {
        (Some(bad), Some(good)) => bad.0 + (good.0 - bad.0) * (bad.1 - wanted) / (bad.1 - good.1).max(1e-6),
        (Some(one), None) | (None, Some(one)) => one.0 + (one.1 - wanted) * HALVING / std::f32::consts::LN_2,
        (None, None) => FIRST_QUALITY,
    }
}

/// Measured on normal maps and packed maps: files of equal error are a seventh smaller with separate channels.
fn avif_channels(goal: &Goal) -> avif::Channels {
    let meaning = goal.meaning();
    let used: Vec<usize> = (0..4).filter(|&channel| meaning.channels[channel]).collect();
    match (meaning.content, &used[..]) {
        (Content::Colour, _) => avif::Channels::Mixed,
        // Alpha is not among the channels of a grey image.
        (Content::Linear, [channel @ 0..3]) => avif::Channels::One(*channel),
        _ => avif::Channels::Separate,
    }
}
