//! The ways to store an image, and the smallest of them that stays within its goal.
//!
//! It starts at a size at which quality can be traded for bytes too, or at that of the best of all tries before, looks for the
//! lowest quality there, and goes on to larger and smaller sizes for as long as that takes fewer bytes. Each try is decoded
//! again and measured.

use std::cell::RefCell;
use std::sync::Arc;

use super::goal::Goal;
use super::scaled::Scaled;
use super::tries::{Coder, Known, Tries, Try};
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
    coder: Coder,
    pub(super) is_lossless: bool,
    pub(super) size: (u32, u32),
    /// 0 to 100, in the terms of the format; 100 without loss.
    quality: u8,
    /// Format and quality, for people.
    pub(super) how: String,
}

impl Candidate {
    fn new(key: Try, bytes: Arc<Vec<u8>>) -> Self {
        let Try { size, coder, quality } = key;
        let name = coder.format.name();
        let apart = if coder.is_apart { ", red, green and blue apart" } else { "" };
        let how = match quality {
            Some(quality) => format!("{name} at quality {quality}{apart}"),
            None => format!("{name} without loss"),
        };
        Self { bytes, coder, is_lossless: quality.is_none(), size, quality: quality.unwrap_or(100), how }
    }

    /// Its format.
    pub(super) fn format(&self) -> Format {
        self.coder.format
    }
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
/// What a guess aims at, as a part of the goal.
const AIM: f32 = 0.95;

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

/// Up to this part of the error, a smaller size leaves enough of it to trade quality for bytes; beyond the second nothing is left.
const RESIZING_SHARE: f32 = 0.6;
const MOST_RESIZING: f32 = 0.9;

/// No side becomes shorter than this, in pixels.
const SHORTEST_SIDE: u32 = 4;

/// WebP's halved colour resolution and higher overhead only pay below this many pixels, where AVIF's own
/// container is most of the file.
const SMALL_PIXELS: u64 = 256 * 256;

/// Above this many pixels each try takes about a second: `normal` does not encode them once more by a slower encoder.
const LARGE_PIXELS: u64 = 1200 * 1200;

/// From this quality of AVIF on, what matters is how brightness and colour differences are rounded, which pulls all of a photo
/// whose own were rounded (a JPEG) to one side: 0.2 steps on a table's wood, at any quality. Red, green and blue by themselves are
/// not mixed at all, and may take fewer bytes then.
const FINE_QUALITY: u8 = 90;
/// The same of flat paint, whose few colours come out as they are where they are not mixed: a fox's fur, 12 kB at quality 46 with next to
/// no error, in place of 16 at 72 with a visible one.
const FINE_QUALITY_OF_FLAT: u8 = 46;

/// From this quality on a larger image at a lower quality may take fewer bytes, and up to the other a smaller one at a higher.
const HIGH_QUALITY: u8 = 46;
const LOW_QUALITY: u8 = 25;

/// The smallest candidate; `None` when none is good enough. What came of the goal is remembered.
pub(super) fn smallest(
    source: &Source,
    goal: &Goal,
    rules: (Target, Effort),
    tries: &mut Tries,
) -> Result<Option<Candidate>, CodecError> {
    let best = search(source, goal, rules, tries)?;
    tries.remember(goal.error_within());
    Ok(best)
}

/// Looks at the size of the best of all tries before, or else at the usual one, and then at larger and at smaller sizes for as
/// long as each takes fewer bytes.
fn search(
    source: &Source,
    goal: &Goal,
    rules: (Target, Effort),
    tries: &mut Tries,
) -> Result<Option<Candidate>, CodecError> {
    let (target, effort) = rules;
    let target = if goal.meaning().is_plain { Target::Universal } else { target };
    let sizes = sizes(source.pixels, goal, tries)?;
    let before = tries.smallest(goal.error_within()).map(|(key, bytes)| Candidate::new(key, bytes));
    let tries = &RefCell::new(tries);
    let at_size =
        |at: usize, room| Search { image: &sizes[at].image, source, goal, target, effort, room, tries };
    let smaller = |at: usize, best: &Option<Candidate>| {
        at_size(at, best.as_ref().map_or(usize::MAX, |best| best.bytes.len())).smallest()
    };
    let usual = || sizes.iter().rposition(|size| size.part <= RESIZING_SHARE).unwrap_or(0);
    let of_before =
        before.as_ref().and_then(|best| sizes.iter().position(|size| size.image.size == best.size));
    let start = of_before.unwrap_or_else(usual);
    let mut best = smaller(start, &before)?.or(before);
    if effort == Effort::Fast {
        return Ok(best);
    }
    let is_cheap = |at: usize| effort == Effort::Best || sizes[at].image.count() <= LARGE_PIXELS;
    let may_grow =
        |best: Option<&Candidate>| best.is_none_or(|best| best.quality >= HIGH_QUALITY && !best.is_lossless);
    let may_shrink = |best: Option<&Candidate>| best.is_some_and(|best| best.quality <= LOW_QUALITY);
    let mut walk = |sizes: &mut dyn Iterator<Item = usize>, may: &dyn Fn(Option<&Candidate>) -> bool| {
        for at in sizes {
            let better = if is_cheap(at) || may(best.as_ref()) { smaller(at, &best)? } else { None };
            let Some(better) = better else { break };
            best = Some(better);
        }
        Ok::<_, CodecError>(())
    };
    walk(&mut (0..start).rev(), &may_grow)?;
    walk(&mut (start + 1..sizes.len()), &may_shrink)?;
    match best {
        Some(best) if best.format() == Format::Avif => {
            let at = sizes.iter().position(|size| size.image.size == best.size);
            match at.filter(|&at| is_cheap(at)) {
                Some(at) => Ok(Some(at_size(at, best.bytes.len()).refined(best)?)),
                None => Ok(Some(best)),
            }
        }
        best => Ok(best),
    }
}

/// The image in the smallest size that is within the goal.
pub(super) fn smallest_size(original: &Pixels, goal: &Goal) -> Result<Pixels, CodecError> {
    let mut sizes = sizes(original, goal, &mut Tries::default())?;
    let usual = sizes.iter().rposition(|size| size.part <= RESIZING_SHARE).unwrap_or(0);
    sizes.swap_remove(usual).image.into_pixels()
}

/// A size that may be enough.
struct Size<'a> {
    image: Scaled<'a>,
    /// The error that it makes alone, as a part of the goal.
    part: f32,
}

/// The image in the sizes that are worth encoding, from the largest to the smallest.
fn sizes<'a>(original: &'a Pixels, goal: &Goal, tries: &mut Tries) -> Result<Vec<Size<'a>>, CodecError> {
    let scaled = |size| Scaled::new(original, size, goal.meaning().content);
    let mut sizes = vec![Size { image: scaled((original.width(), original.height())), part: 0.0 }];
    let mut is_enough = true;
    for part in &PARTS[1..] {
        let side = |length: u32| ((length as f32 * part).round() as u32).max(1);
        let (width, height) = (side(original.width()), side(original.height()));
        if width.min(height) < SHORTEST_SIDE {
            break;
        }
        let image = scaled((width, height));
        let part = goal.part(tries.size_error(image.size, || goal.error_of_size(image.pixels()?))?);
        let was_enough = std::mem::replace(&mut is_enough, part <= MOST_RESIZING);
        match (was_enough, is_enough) {
            (_, true) => sizes.push(Size { image, part }),
            // The next may have mip levels where the original has them, as this one may not.
            (true, false) => {}
            (false, false) => break,
        }
    }
    Ok(sizes)
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
        if found.is_empty() && is_lossless && self.room == usize::MAX {
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
        let key = Try { size: self.image.size, coder: Coder::of(format), quality: None };
        let mut tries = self.tries.borrow_mut();
        let bytes = tries.bytes(key, encode)?;
        let error = tries.size_error(key.size, || Ok(0.0))?;
        tries.error(key, |_| Ok(error))?;
        Ok(Candidate::new(key, bytes))
    }

    fn avif(&self) -> Result<Option<Candidate>, CodecError> {
        let coder = Coder { speed: search_speed(self.effort), ..Coder::of(Format::Avif) };
        let with = |search: &Self, coder| search.within(coder, |quality| search.encoded_avif(quality, coder));
        let mixed = with(self, coder)?;
        let fine = if self.source.is_flat { FINE_QUALITY_OF_FLAT } else { FINE_QUALITY };
        let is_fine = match &mixed {
            Some(mixed) => mixed.quality >= fine,
            // Flat paint in any case: which qualities were tried is an accident of the search, and its few colours may take less.
            None => self.source.is_flat || self.is_too_coarse(coder),
        };
        if self.goal.meaning().content != Content::Colour || !is_fine {
            return Ok(mixed);
        }
        let room = mixed.as_ref().map_or(self.room, |mixed| mixed.bytes.len());
        let apart = with(&Self { room, ..*self }, Coder { is_apart: true, ..coder })?;
        Ok(apart.or(mixed))
    }

    /// Whether even high qualities were not good enough, rather than too large.
    fn is_too_coarse(&self, coder: Coder) -> bool {
        let known = self.tries.borrow().known(self.image.size, coder);
        known.iter().any(|known| known.quality >= FINE_QUALITY && known.bytes < self.room as f32)
    }

    fn encoded_avif(&self, quality: u8, coder: Coder) -> Result<Vec<u8>, CodecError> {
        let channels = if coder.is_apart { avif::Channels::Separate } else { avif_channels(self.goal) };
        avif::encode(self.image.pixels()?, &avif::Options { quality, speed: coder.speed, channels })
    }

    /// The same quality by a slower encoder, which saves up to a tenth at less error.
    fn refined(&self, best: Candidate) -> Result<Candidate, CodecError> {
        let coder = Coder { speed: if self.effort == Effort::Best { 4 } else { 7 }, ..best.coder };
        let key = self.key(coder, best.quality);
        let bytes = self.tries.borrow_mut().bytes(key, || self.encoded_avif(best.quality, coder))?;
        let is_better = bytes.len() < best.bytes.len() && self.part(key)? <= 1.0;
        Ok(if is_better { Candidate { bytes, ..best } } else { best })
    }

    fn webp(&self) -> Result<Option<Candidate>, CodecError> {
        let meaning = self.goal.meaning();
        self.within(Coder::of(Format::WebP), |quality| {
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
        self.within(Coder::of(Format::Jpeg), |quality| {
            jpeg::encode(self.image.pixels()?, &jpeg::Options { quality: quality.into(), sampling })
        })
    }

    /// The lowest quality whose error is within the goal, as far as can be told by guesses that follow from what was tried
    /// before; `None` when none is within, or not in the room.
    fn within(
        &self,
        coder: Coder,
        encode: impl Fn(u8) -> Result<Vec<u8>, CodecError>,
    ) -> Result<Option<Candidate>, CodecError> {
        let lowest = if coder.format == Format::Avif { 0 } else { LOWEST_WITHOUT_AVIF };
        let qualities: Vec<u8> =
            qualities(self.effort).iter().copied().filter(|&quality| quality >= lowest).collect();
        let from = |quality: f32| qualities.partition_point(|&other| f32::from(other) < quality);
        let key = |quality: u8| self.key(coder, quality);
        // Too little, enough, and too many bytes, as far as is known.
        let (mut low, mut high, mut best) = (0, qualities.len(), None);
        for known in self.tries.borrow().known(self.image.size, coder).into_iter().rev() {
            let at = from(known.quality.into());
            match known.error.map(|error| self.goal.part(error)) {
                _ if known.bytes >= self.room as f32 => high = at,
                Some(part) if part <= 1.0 => (high, best) = (at, Some(known.quality)),
                Some(_) => {
                    low = at + 1;
                    break;
                }
                None => {}
            }
        }
        while low < high {
            let is_in_room = |&at: &usize| {
                let expected = self.tries.borrow().expected_bytes(key(qualities[at]));
                expected.is_none_or(|bytes| bytes < self.room as f32)
            };
            let Some(affordable) = (low..high).rev().find(is_in_room) else { break };
            let known = self.errors(coder);
            let guess = match (guessed(&known, self.goal.part(1.0).ln()), self.room) {
                (Some(guess), _) => from(guess),
                (None, usize::MAX) => from(FIRST_QUALITY),
                // If not even that is good enough, nothing in the room is.
                (None, _) => affordable,
            };
            // The best is as low as it should get.
            if best.is_some() && guess >= high {
                break;
            }
            let at = guess.clamp(low, affordable);
            let key = key(qualities[at]);
            let bytes = self.tries.borrow_mut().bytes(key, || encode(qualities[at]))?;
            if bytes.len() >= self.room {
                high = at;
            } else if self.part(key)? > 1.0 {
                low = at + 1;
            } else {
                (high, best) = (at, Some(qualities[at]));
            }
        }
        let Some(key) = best.map(key) else { return Ok(None) };
        let bytes = self.tries.borrow_mut().bytes(key, || encode(key.quality.unwrap_or_default()))?;
        Ok(Some(Candidate::new(key, bytes)))
    }

    /// The qualities tried at this size, with the logarithms of their errors.
    fn errors(&self, coder: Coder) -> Vec<(f32, f32)> {
        let known = self.tries.borrow().known(self.image.size, coder);
        let error = |known: Known| Some((f32::from(known.quality), known.error?.max(1e-4).ln()));
        known.into_iter().filter_map(error).collect()
    }

    fn key(&self, coder: Coder, quality: u8) -> Try {
        Try { size: self.image.size, coder, quality: Some(quality) }
    }

    /// The error of a try as a part of the goal: its own, and no less than that of its size.
    fn part(&self, key: Try) -> Result<f32, CodecError> {
        let measure = |file: &[u8]| self.goal.error(&image_file::decode(file, u64::MAX)?);
        let mut tries = self.tries.borrow_mut();
        let of_size = tries.size_error(key.size, || Ok(0.0))?;
        Ok(self.goal.part(tries.error(key, |file| Ok(measure(file)?.max(of_size)))?))
    }
}

/// The quality at which the goal should be met, from the errors of others in the order of their qualities. `scale` is the
/// logarithm of the factor that makes an error a part of the goal.
fn guessed(known: &[(f32, f32)], scale: f32) -> Option<f32> {
    let wanted = -scale + AIM.ln();
    let is_good = |&(_, error): &(f32, f32)| error <= wanted;
    let good = known.iter().position(is_good).unwrap_or(known.len());
    let usual = std::f32::consts::LN_2 / HALVING;
    // Between two, or beyond the last two on one side; the error may hardly fall at all.
    let (near, other) = match (good, known.len()) {
        (_, 0) => return None,
        (0, _) => (known[0], known.get(1)),
        (good, all) if good == all => (known[all - 1], all.checked_sub(2).map(|at| &known[at])),
        (good, _) => (known[good - 1], Some(&known[good])),
    };
    let slope = other.map_or(usual, |other| (near.1 - other.1) / (other.0 - near.0));
    let slope = slope.clamp(usual / 4.0, usual * 4.0);
    Some(near.0 + (near.1 - wanted) / slope)
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

#[cfg(test)]
mod tests {
    use super::super::goal::tests::COLOUR;
    use super::*;
    use crate::optimize::budget::Budget;
    use crate::optimize::settings::{Preset, Settings};

    /// Wood of a JPEG, all of whose colour differences are the same whole numbers: mixed anew they were rounded to one side
    /// everywhere, and no quality was good enough.
    #[test]
    fn regression_a_photo_is_not_stored_without_loss_for_how_its_colour_is_rounded() {
        let side = 256_u32;
        let rgba = (0..side * side).flat_map(|at| {
            let (x, y) = ((at % side) as f32, (at / side) as f32);
            let light = 120.0 + 12.0 * (x / 3.0).sin() * (y / 11.0).cos();
            let (blue, red) = (-28.0, 60.0);
            let colour = [light + 1.402 * red, light - 0.344 * blue - 0.714 * red, light + 1.772 * blue];
            let [r, g, b] = colour.map(|value| value.round() as u8);
            [r, g, b, 255]
        });
        let pixels = Pixels::new(side, side, rgba.collect()).unwrap();
        let budget = Budget::of(&Settings { preset: Preset::High, ..Settings::default() });
        let goal = Goal::new(&pixels, &COLOUR, Some(64.0), &budget).with_share(0.5);
        let source = Source { pixels: &pixels, is_flat: false, is_tiny: false, is_lossless: true };
        let rules = (Target::Web, Effort::Normal);
        let best = smallest(&source, &goal, rules, &mut Tries::default()).unwrap().unwrap();
        assert!(best.how.contains("AVIF") && best.how.ends_with("apart"), "{}", best.how);
    }
}
