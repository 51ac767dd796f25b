//! The ways to store an image, and the smallest of them that stays within its goal.
//!
//! Sizes first: the smallest that can still meet the goal, and larger ones, since a larger image at a lower quality
//! may take fewer bytes. Then the lowest quality at each size, by bisection. Each try is decoded again and measured.

use super::goal::Goal;
use crate::optimize::codecs::image_file::{self, Format};
use crate::optimize::codecs::resize::{Content, resize};
use crate::optimize::codecs::{CodecError, Pixels, avif, jpeg, png, webp};
use crate::optimize::settings::{Effort, Target};

/// What an encoder is given besides the pixels.
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
    pub(super) bytes: Vec<u8>,
    pub(super) format: Format,
    pub(super) is_lossless: bool,
    pub(super) size: (u32, u32),
    /// Format and quality, for people.
    pub(super) how: String,
}

/// Lossy qualities, by bisection; the error falls along the list.
const QUALITIES: [u8; 13] = [25, 32, 39, 46, 53, 60, 66, 72, 78, 84, 90, 94, 97];

/// Below this, JPEG and WebP smear grain into blotches, which a mean error forgives and an eye does not.
const LOWEST_WITHOUT_AVIF: usize = 3;

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

/// The smallest candidate; `None` when none is good enough.
pub(super) fn smallest(
    source: &Source,
    goal: &Goal,
    target: Target,
    effort: Effort,
) -> Result<Option<Candidate>, CodecError> {
    let mut best: Option<Candidate> = None;
    let target = if goal.meaning().is_plain { Target::Universal } else { target };
    for pixels in sizes(source, goal, effort)? {
        let at_size = Source { pixels: &pixels, ..*source };
        for candidate in of_size(&at_size, goal, target, effort)? {
            if best.as_ref().is_none_or(|best| candidate.bytes.len() < best.bytes.len()) {
                best = Some(candidate);
            }
        }
    }
    Ok(best)
}

/// The image in the sizes that are worth encoding.
fn sizes(source: &Source, goal: &Goal, effort: Effort) -> Result<Vec<Pixels>, CodecError> {
    let original = source.pixels;
    let mut fitting = vec![original.clone()];
    for part in &PARTS[1..] {
        let side = |length: u32| ((length as f32 * part).round() as u32).max(1);
        let (width, height) = (side(original.width()), side(original.height()));
        if width.min(height) < SHORTEST_SIDE {
            break;
        }
        let smaller = resize(original, width, height, goal.meaning().content)?;
        if goal.error(&smaller)? > RESIZING_SHARE {
            break;
        }
        fitting.push(smaller);
    }
    let wanted = match effort {
        Effort::Fast => 1,
        Effort::Normal => 2,
        Effort::Best => 4,
    };
    Ok(fitting.split_off(fitting.len().saturating_sub(wanted)))
}

fn of_size(
    source: &Source,
    goal: &Goal,
    target: Target,
    effort: Effort,
) -> Result<Vec<Candidate>, CodecError> {
    let pixels = source.pixels;
    let count = u64::from(pixels.width()) * u64::from(pixels.height());
    let (is_web, is_colour) = (target == Target::Web, goal.meaning().content == Content::Colour);
    let is_palette = source.is_lossless && (source.is_flat || source.is_tiny);
    let mut found = Vec::new();
    if is_web && is_palette {
        found.extend(webp_lossless(source)?);
    }
    if !is_web && source.is_lossless {
        found.push(png_lossless(source)?);
    }
    if source.is_tiny {
        return Ok(found);
    }
    if is_web {
        found.extend(avif_lossy(source, goal, effort)?);
    }
    let is_thorough = effort == Effort::Best || count <= SMALL_PIXELS;
    // WebP halves the resolution of colour differences: not for normals, unless they have alpha.
    if is_web && is_thorough && (goal.meaning().content != Content::Normal || !pixels.is_opaque()) {
        found.extend(webp_lossy(source, goal)?);
    }
    if pixels.is_opaque() && (!is_web || (is_thorough && !is_colour)) {
        found.extend(jpeg_lossy(source, goal)?);
    }
    if found.is_empty() && is_web && source.is_lossless {
        // Too fine for any lossy coder, but smaller than PNG all the same.
        found.extend(webp_lossless(source)?);
    }
    Ok(found)
}

/// With the colour of transparent pixels: GPUs blend it in at edges, and the black that libwebp puts there
/// shows as a dark fringe around leaves.
fn webp_lossless(source: &Source) -> Result<Option<Candidate>, CodecError> {
    if source.pixels.width().max(source.pixels.height()) > webp::MAX_SIDE {
        return Ok(None);
    }
    let options = webp::Options { mode: webp::Mode::Lossless, exact: true, ..webp::Options::default() };
    Ok(Some(lossless(source, webp::encode(source.pixels, &options)?, Format::WebP)))
}

fn png_lossless(source: &Source) -> Result<Candidate, CodecError> {
    // Effort 2 takes twice as long for one or two per cent.
    let options = png::Options { exact: true, effort: 1 };
    Ok(lossless(source, png::encode(source.pixels, &options)?, Format::Png))
}

fn lossless(source: &Source, bytes: Vec<u8>, format: Format) -> Candidate {
    let size = (source.pixels.width(), source.pixels.height());
    Candidate { bytes, format, is_lossless: true, size, how: format!("{} without loss", format.name()) }
}

/// The quality is searched with a fast encoder; a slower one then saves another tenth at less error.
fn avif_lossy(source: &Source, goal: &Goal, effort: Effort) -> Result<Option<Candidate>, CodecError> {
    const SEARCH: u8 = 8;
    let channels = avif_channels(goal);
    let encode = |quality, speed| avif::encode(source.pixels, &avif::Options { quality, speed, channels });
    let found = within(source, goal, Format::Avif, 0, |quality| encode(quality, SEARCH))?;
    let (Some((quality, found)), false) = (&found, effort == Effort::Fast) else {
        return Ok(found.map(|(_, candidate)| candidate));
    };
    let slower = if effort == Effort::Best { 4 } else { 6 };
    let bytes = encode(*quality, slower)?;
    let is_better = bytes.len() < found.bytes.len() && is_within(goal, &bytes)?;
    let bytes = if is_better { bytes } else { found.bytes.clone() };
    Ok(Some(Candidate { bytes, how: found.how.clone(), ..*found }))
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

fn webp_lossy(source: &Source, goal: &Goal) -> Result<Option<Candidate>, CodecError> {
    let found = within(source, goal, Format::WebP, LOWEST_WITHOUT_AVIF, |quality| {
        // Sharper colour edges for a few bytes; numbers gain nothing from it.
        let sharp_yuv = goal.meaning().content == Content::Colour;
        let mode = webp::Mode::Lossy { quality: quality.into(), sharp_yuv, alpha_quality: 100 };
        // Alpha that is a number does not hide the colours beside it.
        let exact = goal.meaning().channels[3] && !goal.meaning().is_transparency;
        webp::encode(source.pixels, &webp::Options { mode, exact, ..webp::Options::default() })
    })?;
    Ok(found.map(|(_, candidate)| candidate))
}

/// Packed numbers and normals are stored channel by channel: on a 2048 x 2048 normal map 490 kB for a mean
/// error of 1.5 degrees, where 4:4:4 takes 580 kB and WebP 900 kB.
fn jpeg_lossy(source: &Source, goal: &Goal) -> Result<Option<Candidate>, CodecError> {
    let is_colour = goal.meaning().content == Content::Colour;
    let sampling = if is_colour { jpeg::Sampling::Half } else { jpeg::Sampling::Separate };
    let found = within(source, goal, Format::Jpeg, LOWEST_WITHOUT_AVIF, |quality| {
        jpeg::encode(source.pixels, &jpeg::Options { quality: quality.into(), sampling })
    })?;
    Ok(found.map(|(_, candidate)| candidate))
}

/// The lowest quality whose error is within the goal; `None` when none is.
fn within(
    source: &Source,
    goal: &Goal,
    format: Format,
    lowest: usize,
    encode: impl Fn(u8) -> Result<Vec<u8>, CodecError>,
) -> Result<Option<(u8, Candidate)>, CodecError> {
    let (mut low, mut high) = (lowest, QUALITIES.len());
    let mut best = None;
    while low < high {
        let middle = usize::midpoint(low, high);
        let quality = QUALITIES[middle];
        let bytes = encode(quality)?;
        if is_within(goal, &bytes)? {
            let how = format!("{} at quality {quality}", format.name());
            let size = (source.pixels.width(), source.pixels.height());
            best = Some((quality, Candidate { bytes, format, is_lossless: false, size, how }));
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Ok(best)
}

fn is_within(goal: &Goal, file: &[u8]) -> Result<bool, CodecError> {
    Ok(goal.error(&image_file::decode(file, u64::MAX)?)? <= 1.0)
}
