//! One image made smaller: resized to the budget, then encoded in the cheapest way that stays within it.
//!
//! The quality is found, not guessed: each candidate is decoded again and compared with the image that went
//! into the encoder, in the terms of what its channels are.

use super::slots::Meaning;
use crate::optimize::budget::Budget;
use crate::optimize::codecs::image_file::{self, Format};
use crate::optimize::codecs::resize::{Content, resize};
use crate::optimize::codecs::{CodecError, Pixels, difference, jpeg, png, webp};
use crate::optimize::document::Limits;
use crate::optimize::settings::Target;

/// A smaller image file.
#[derive(Debug)]
pub(super) struct Shrunk {
    pub(super) bytes: Vec<u8>,
    pub(super) format: Format,
    /// What was done, for people.
    pub(super) note: String,
}

/// Lossy qualities that are tried, by bisection; the error falls along the list. Below 60 both coders smear fine
/// grain into blotches, which a mean error forgives and an eye does not.
const QUALITIES: [f32; 7] = [60.0, 70.0, 78.0, 85.0, 90.0, 94.0, 97.0];

/// A lossy file must be at most this part of the old one: decoding and encoding again always loses a little,
/// which a few per cent are not worth.
const WORTHWHILE: f64 = 0.9;

/// Below this size of the file in bytes a pixel, lossless coding may win over lossy: flat colours, palettes.
const FLAT_BYTES_A_PIXEL: f64 = 0.25;

/// Images of at most this many pixels are stored without loss: they are palettes and ramps.
const TINY_PIXELS: u64 = 64 * 64;

/// How images are to be encoded.
pub(super) struct Rules<'a> {
    pub(super) budget: &'a Budget,
    pub(super) target: Target,
}

/// Makes an image smaller.
///
/// # Errors
/// The reason, for people, why it stays as it is.
pub(super) fn shrink(file: &[u8], meaning: &Meaning, rules: &Rules) -> Result<Shrunk, String> {
    let (content, channels, is_transparency) = match meaning {
        Meaning::Known { content, channels, is_transparency, .. } => (content, channels, is_transparency),
        Meaning::Fixed(reason) => return Err((*reason).to_owned()),
    };
    let probe = image_file::probe(file).ok_or("its format is not known")?;
    if !matches!(probe.format, Format::Png | Format::Jpeg | Format::WebP) {
        return Err(format!("{} stays as it is", probe.format.name()));
    }
    if probe.format == Format::WebP && rules.target == Target::Universal {
        return Err("WebP stays as it is: nothing that opens everywhere is smaller".to_owned());
    }
    let say = |error: CodecError| error.to_string();
    let mut pixels = image_file::decode(file, Limits::default().image_pixels).map_err(say)?;
    if !channels[3] {
        pixels.drop_alpha();
    }
    let (width, height) = fitted(pixels.width(), pixels.height(), rules.budget.image_side);
    let is_resized = (width, height) != (pixels.width(), pixels.height());
    if is_resized {
        pixels = resize(&pixels, width, height, *content).map_err(say)?;
    }
    let goal = Goal::new(*content, *channels, rules.budget, &pixels).map_err(say)?;
    let exact = channels[3] && !is_transparency;
    let bytes_a_pixel = file.len() as f64 / (f64::from(probe.width) * f64::from(probe.height));
    let is_tiny = u64::from(width) * u64::from(height) <= TINY_PIXELS;
    let source = Source {
        pixels: &pixels,
        file: probe.format,
        is_flat: bytes_a_pixel < FLAT_BYTES_A_PIXEL,
        is_tiny,
        exact,
    };
    let best = candidates(&source, &goal, rules.target).map_err(say)?;
    let best = best.into_iter().min_by_key(|candidate| candidate.bytes.len());
    let best = best.ok_or("no format at hand is good enough")?;
    let limit = if best.is_lossless { file.len() as f64 } else { file.len() as f64 * WORTHWHILE };
    if best.bytes.len() as f64 >= limit {
        return Err(format!("{} is already small", probe.format.name()));
    }
    let resized = if is_resized {
        format!(", {width} x {height} from {} x {}", probe.width, probe.height)
    } else {
        String::new()
    };
    let (before, after) = (kilobytes(file.len()), kilobytes(best.bytes.len()));
    let note = format!("{}{resized}, {before} kB to {after} kB", best.how);
    Ok(Shrunk { bytes: best.bytes, format: best.format, note })
}

/// Thousands of bytes with as many decimals as make sense.
fn kilobytes(bytes: usize) -> String {
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

struct Source<'a> {
    pixels: &'a Pixels,
    file: Format,
    is_flat: bool,
    is_tiny: bool,
    exact: bool,
}

struct Candidate {
    bytes: Vec<u8>,
    format: Format,
    is_lossless: bool,
    how: String,
}

fn candidates(source: &Source, goal: &Goal, target: Target) -> Result<Vec<Candidate>, CodecError> {
    let mut found = Vec::new();
    let pixels = source.pixels;
    let is_palette = source.file != Format::Jpeg && (source.is_flat || source.is_tiny);
    let fits_webp = pixels.width().max(pixels.height()) <= webp::MAX_SIDE;
    if target == Target::Web && fits_webp {
        if is_palette {
            found.push(webp_lossless(source)?);
        }
        // WebP halves the resolution of colour differences: never for normals that JPEG can hold.
        if !source.is_tiny && (goal.content != Content::Normal || !pixels.is_opaque()) {
            found.extend(webp_lossy(source, goal)?);
        }
    } else if source.file == Format::Png {
        // Effort 2 takes twice as long for one or two per cent.
        let options = png::Options { exact: true, effort: 1 };
        found.push(lossless(png::encode(pixels, &options)?, Format::Png));
    }
    let wants_jpeg = target == Target::Universal || goal.content != Content::Colour;
    if wants_jpeg && pixels.is_opaque() && !source.is_tiny {
        found.extend(jpeg_lossy(source, goal)?);
    }
    if found.is_empty() && target == Target::Web && fits_webp && source.file == Format::Png {
        // Too fine for any lossy coder, but smaller than PNG all the same.
        found.push(webp_lossless(source)?);
    }
    Ok(found)
}

/// With the colour of transparent pixels: GPUs blend it in at edges, and the black that libwebp puts there
/// shows as a dark fringe around leaves.
fn webp_lossless(source: &Source) -> Result<Candidate, CodecError> {
    let options = webp::Options { mode: webp::Mode::Lossless, exact: true, ..webp::Options::default() };
    Ok(lossless(webp::encode(source.pixels, &options)?, Format::WebP))
}

fn webp_lossy(source: &Source, goal: &Goal) -> Result<Option<Candidate>, CodecError> {
    within(goal, Format::WebP, |quality| {
        // Sharper colour edges for a few bytes; numbers gain nothing from it.
        let sharp_yuv = goal.content == Content::Colour;
        let mode = webp::Mode::Lossy { quality, sharp_yuv, alpha_quality: 100 };
        webp::encode(source.pixels, &webp::Options { mode, exact: source.exact, ..webp::Options::default() })
    })
}

/// Packed numbers and normals are stored channel by channel: on a 2048 x 2048 normal map 490 kB for a mean
/// error of 1.5 degrees, where 4:4:4 takes 580 kB and WebP 900 kB.
fn jpeg_lossy(source: &Source, goal: &Goal) -> Result<Option<Candidate>, CodecError> {
    let is_colour = goal.content == Content::Colour;
    let sampling = if is_colour { jpeg::Sampling::Half } else { jpeg::Sampling::Separate };
    within(goal, Format::Jpeg, |quality| jpeg::encode(source.pixels, &jpeg::Options { quality, sampling }))
}

fn lossless(bytes: Vec<u8>, format: Format) -> Candidate {
    Candidate { bytes, format, is_lossless: true, how: format!("{} without loss", format.name()) }
}

/// The lowest quality whose error is within the budget; `None` when none is.
fn within(
    goal: &Goal,
    format: Format,
    encode: impl Fn(f32) -> Result<Vec<u8>, CodecError>,
) -> Result<Option<Candidate>, CodecError> {
    let (mut low, mut high) = (0, QUALITIES.len());
    let mut best = None;
    while low < high {
        let middle = usize::midpoint(low, high);
        let quality = QUALITIES[middle];
        let bytes = encode(quality)?;
        let decoded = image_file::decode(&bytes, u64::MAX)?;
        if goal.error(&decoded)? <= 1.0 {
            let how = format!("{} at quality {quality}", format.name());
            best = Some(Candidate { bytes, format, is_lossless: false, how });
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Ok(best)
}

/// How much an image may differ, as it is seen: at the size of the budget's viewing condition, where the
/// noise between neighbouring texels has averaged out.
struct Goal<'a> {
    content: Content,
    channels: [bool; 4],
    budget: &'a Budget,
    seen: Pixels,
}

impl<'a> Goal<'a> {
    fn new(
        content: Content,
        channels: [bool; 4],
        budget: &'a Budget,
        original: &Pixels,
    ) -> Result<Self, CodecError> {
        Ok(Self { content, channels, budget, seen: seen(original, content, budget)? })
    }

    /// The error as a part of the budget: 1 is exactly within it.
    fn error(&self, decoded: &Pixels) -> Result<f32, CodecError> {
        let after = seen(decoded, self.content, self.budget)?;
        let before = &self.seen;
        let numbers =
            |channels| difference::linear(before, &after, channels).rms.into_iter().fold(0.0, f32::max);
        Ok(match self.content {
            Content::Colour => {
                let colour = difference::colour(before, &after);
                let alpha = numbers([false, false, false, self.channels[3]]) / self.budget.data_error;
                self.budget.colour_error.part(colour.mean, colour.p999).max(alpha)
            }
            Content::Linear => numbers(self.channels) / self.budget.data_error,
            Content::Normal => {
                let angle = difference::normal(before, &after);
                self.budget.normal_map_error.part(angle.mean, angle.p999)
            }
        })
    }
}

/// An image at the size in which it is looked at.
fn seen(pixels: &Pixels, content: Content, budget: &Budget) -> Result<Pixels, CodecError> {
    let (width, height) = fitted(pixels.width(), pixels.height(), budget.seen_side);
    if (width, height) == (pixels.width(), pixels.height()) {
        return Ok(pixels.clone());
    }
    resize(pixels, width, height, content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proportions_are_kept_and_no_side_vanishes() {
        assert_eq!(fitted(4096, 2048, 1024), (1024, 512));
        assert_eq!(fitted(1000, 700, 1024), (1000, 700));
        assert_eq!(fitted(16384, 1, 1024), (1024, 1));
    }
}
