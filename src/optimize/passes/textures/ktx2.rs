//! ktx2: the images of target `gpu` as KTX2 textures (KHR_texture_basisu), which stay compressed in GPU memory.
//!
//! Memory is its aim, not bytes: a KTX2 file may be larger than the PNG or JPEG that it replaces, as long as the whole
//! result does not become larger than what came in. So it is the last pass, when the size of the rest is known, and
//! where there is not enough room the images that grew most are coded more cheaply, step by step ([`STEPS`]).
//! ETC1S where its measured error allows it and UASTC elsewhere; for normals always UASTC, since ETC1S has one
//! direction for a block of texels and shows as facets.
//! Declines for other targets; image by image for unknown uses, KTX2 files, damaged ones, and for lack of room.

use std::cmp::Reverse;

use super::goal::Goal;
use super::shrink::{self, Kept, Rules, Shrunk, Usage, kilobytes, refused};
use super::slots::{self, Meant};
use super::tries::Tries;
use super::{apply, candidates, coverage, density, each_image};
use crate::optimize::Error;
use crate::optimize::codecs::image_file::{self, Format};
use crate::optimize::codecs::ktx2::{self, Coding, MEMORY_A_PIXEL};
use crate::optimize::codecs::resize::{Content, resize};
use crate::optimize::codecs::{CodecError, Pixels};
use crate::optimize::document::Document;
use crate::optimize::passes::{Context, Outcome, Pass};
use crate::optimize::settings::{Effort, Preset, Target};

/// See the module.
pub(in super::super) struct Ktx2;

/// How an image is coded; each step takes fewer bytes than the one before.
struct Step {
    /// How much error ETC1S may have, as a part of the budget; above it, UASTC is taken.
    etc1s_error: f32,
    /// Quality and effort, see [`ktx2::Options`]: the first whose measured error is allowed are taken, or the last. Below 25
    /// hardly a byte is saved. With more effort the files are twice as large at the same error, as the simplest block modes pack
    /// best; but noise needs the others.
    uastc: &'static [(u8, u8)],
    /// The part of each side that is kept.
    part: f32,
}

const STEPS: [Step; 3] = [
    Step { etc1s_error: 1.0, uastc: &[(75, 0), (90, 0), (100, 2)], part: 1.0 },
    Step { etc1s_error: 2.0, uastc: &[(25, 0)], part: 1.0 },
    Step { etc1s_error: 4.0, uastc: &[(25, 0)], part: 0.5 },
];

/// How much error UASTC may have at any but the best quality, as a part of the budget: no more than all that may be used.
const UASTC_ERROR: f32 = 1.0 / SHARE;

/// The part of the error that may be used: it is tried once, without a look at the model, so that it had better be right.
const SHARE: f32 = 0.5;

/// Pixels of the images that are encoded at the same time: a gigabyte.
const PIXELS_AT_ONCE: u64 = (1 << 30) / MEMORY_A_PIXEL;

/// Bytes of JSON by which a texture grows that names its image through an extension.
const EXTENSION_BYTES: u64 = 64;

/// Images of at most this many pixels are stored as for `web`: their GPU memory does not matter, their edges do.
const SMALL_PIXELS: u64 = 64 * 64;

impl Pass for Ktx2 {
    fn name(&self) -> &'static str {
        "ktx2"
    }

    fn weight(&self) -> f32 {
        5.0
    }

    fn run(&self, document: &mut Document, context: &mut Context) -> Result<Outcome, Error> {
        if context.settings.target != Target::Gpu {
            return Ok(Outcome::Unchanged("only the target `gpu` stores images as KTX2".into()));
        }
        if document.images.is_empty() {
            return Ok(Outcome::Unchanged("there are no images".into()));
        }
        let meanings = slots::meanings(document);
        let results = encode_all(document, &meanings, context);
        Ok(apply(document, &meanings, results))
    }
}

/// Encodes every image, and those that take too much room again.
fn encode_all(document: &Document, meanings: &[Meant], context: &mut Context) -> Vec<Result<Shrunk, Kept>> {
    let settings = context.settings;
    let rules = Rules { budget: &context.budget, share: 1.0, target: Target::Web, effort: settings.effort };
    let sizes = density::pixels_per_unit(document);
    let room = context.budget.growth.saturating_sub(document.list("textures").len() as u64 * EXTENSION_BYTES);
    let mut steps = vec![0; document.images.len()];
    let mut results: Vec<Result<Shrunk, Kept>> = Vec::new();
    results.resize_with(steps.len(), || Err(Kept::Because("not reached".to_owned())));
    let mut images: Vec<usize> = (0..steps.len()).collect();
    // Nobody knows how many rounds there will be: each fills half of what is left of the progress bar.
    let mut left = 1.0_f32;
    while !images.is_empty() {
        let encode = |index: usize| {
            let meaning = meanings[index].as_ref().map_err(|reason| Kept::Because((*reason).to_owned()))?;
            let step = STEPS.get(steps[index]).ok_or_else(no_room)?;
            let usage = Usage {
                meaning,
                pixels_per_unit: sizes[index],
                coverage: &|size| coverage::of_image(document, index, size),
            };
            encode(document.images[index].bytes(), &usage, step, (settings.preset, &rules))
        };
        let mut progress = |part: f32| (context.progress)(1.0 - left + left / 2.0 * part);
        for (index, result) in each_image(document, &images, PIXELS_AT_ONCE, &mut progress, &encode) {
            results[index] = result;
        }
        left /= 2.0;
        images = too_large(document, &results, room);
        images.iter().for_each(|&index| steps[index] += 1);
    }
    results
}

fn no_room() -> Kept {
    Kept::Because("it stays as it is: with it as KTX2 the whole file would be larger than it was".to_owned())
}

/// The images that grew most, as few as would make enough room if they had not grown at all.
fn too_large(document: &Document, results: &[Result<Shrunk, Kept>], room: u64) -> Vec<usize> {
    let signed = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
    let growth = |(index, result): (usize, &Result<Shrunk, Kept>)| {
        let new = result.as_ref().ok()?.bytes.len();
        Some((signed(new as u64) - signed(document.images[index].bytes().len() as u64), index))
    };
    let mut grown: Vec<(i64, usize)> = results.iter().enumerate().filter_map(growth).collect();
    let mut excess = grown.iter().map(|&(bytes, _)| bytes).sum::<i64>().saturating_sub(signed(room));
    grown.sort_by_key(|&(bytes, index)| (Reverse(bytes), index));
    let mut chosen = Vec::new();
    for (bytes, index) in grown {
        if excess <= 0 || bytes <= 0 {
            break;
        }
        excess -= bytes;
        chosen.push(index);
    }
    chosen
}

/// Encodes an image, or says why it stays.
fn encode(
    file: &[u8],
    usage: &Usage,
    step: &Step,
    (preset, rules): (Preset, &Rules),
) -> Result<Shrunk, Kept> {
    let meaning = usage.meaning;
    let probe = image_file::probe(file).ok_or_else(|| Kept::Because("its format is not known".to_owned()))?;
    if probe.format == Format::Ktx2 && rules.budget.image_part >= 1.0 {
        return Err(Kept::Because("it is KTX2 already".to_owned()));
    }
    let tries = &mut Tries::default();
    if meaning.is_thumbnail
        || meaning.is_plain
        || u64::from(probe.width) * u64::from(probe.height) <= SMALL_PIXELS
    {
        return shrink::shrink(file, usage, rules, tries);
    }
    let original = shrink::opened(file, meaning, rules)?;
    let (original, is_filled) = shrink::filled(original, usage, tries).map_err(refused)?;
    let goal = Goal::new(&original, meaning, usage.pixels_per_unit, rules.budget).with_share(SHARE);
    let pixels = seen(&original, &goal, step.part).map_err(refused)?;
    let coded = coded(&pixels, &goal, step, (etc1s_quality(preset), rules.effort)).map_err(refused)?;
    let note = described(&coded, &pixels, (probe.width, probe.height), file.len());
    let note = shrink::with_filling(note, is_filled);
    Ok(Shrunk { bytes: coded.bytes.into(), format: Format::Ktx2, note })
}

/// Sizes of the codebooks. Above 75 the error hardly falls, as measured on photographs of 1024 x 1024 pixels.
fn etc1s_quality(preset: Preset) -> u8 {
    match preset {
        Preset::High => 100,
        Preset::Balanced => 75,
        Preset::Maximum => 50,
    }
}

/// The image in the smallest size that shows what can be seen, or a part of that, with sides that glTF allows.
fn seen(original: &Pixels, goal: &Goal, part: f32) -> Result<Pixels, CodecError> {
    let smallest = candidates::smallest_size(original, goal)?;
    let side = |length: u32| ((length as f32 * part / 4.0).round() as u32).max(1) * 4;
    let (width, height) = (side(smallest.width()), side(smallest.height()));
    if (width, height) == (smallest.width(), smallest.height()) {
        return Ok(smallest);
    }
    resize(original, width, height, goal.meaning().content)
}

struct Coded {
    bytes: Vec<u8>,
    how: String,
}

fn coded(
    pixels: &Pixels,
    goal: &Goal,
    step: &Step,
    (etc1s_quality, effort): (u8, Effort),
) -> Result<Coded, CodecError> {
    let content = goal.meaning().content;
    let is_fast = effort == Effort::Fast;
    if content == Content::Colour || (content == Content::Linear && !is_fast) {
        let effort = if is_fast { 0 } else { 2 };
        let options = ktx2::Options { coding: Coding::Etc1s, quality: etc1s_quality, effort, content };
        let bytes = ktx2::encode(pixels, &options)?;
        // One try is enough for `fast`: for colours it is mostly the one that is taken.
        if is_fast || goal.part(goal.error(&image_file::decode(&bytes, u64::MAX)?)?) <= step.etc1s_error {
            return Ok(Coded { bytes, how: format!("KTX2 (ETC1S) at quality {etc1s_quality}") });
        }
    }
    uastc(pixels, goal, if is_fast { &step.uastc[..1] } else { step.uastc })
}

/// The first of these (quality and effort) that is good enough, or the last.
fn uastc(pixels: &Pixels, goal: &Goal, ways: &[(u8, u8)]) -> Result<Coded, CodecError> {
    let content = goal.meaning().content;
    let coded = |(quality, effort): (u8, u8)| {
        let bytes = ktx2::encode(pixels, &ktx2::Options { coding: Coding::Uastc, quality, effort, content })?;
        Ok(Coded { bytes, how: format!("KTX2 (UASTC) at quality {quality}") })
    };
    let (&last, others) = ways.split_last().unwrap_or((&(100, 2), &[]));
    for &way in others {
        let coded = coded(way)?;
        if goal.part(goal.error(&image_file::decode(&coded.bytes, u64::MAX)?)?) <= UASTC_ERROR {
            return Ok(coded);
        }
    }
    coded(last)
}

fn described(coded: &Coded, pixels: &Pixels, before: (u32, u32), bytes: usize) -> String {
    let (width, height) = (pixels.width(), pixels.height());
    let resized = if (width, height) == before {
        String::new()
    } else {
        format!(", {width} x {height} from {} x {}", before.0, before.1)
    };
    let levels = width.max(height).ilog2() + 1;
    let (old, new) = (kilobytes(bytes), kilobytes(coded.bytes.len()));
    format!("{}, {levels} mip levels{resized}, {old} kB to {new} kB", coded.how)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::goal::tests::COLOUR;
    use super::*;
    use crate::optimize::budget::Budget;
    use crate::optimize::document::{Image as Stored, ImageSource};
    use crate::optimize::settings::Settings;

    fn document(sizes: &[usize]) -> Document {
        let image = |&size: &usize| Stored {
            mime: "image/png".into(),
            source: ImageSource::Bytes(Arc::new(vec![0; size])),
            rest: serde_json::Map::new(),
            view_rest: serde_json::Map::new(),
        };
        Document { images: sizes.iter().map(image).collect(), ..Document::default() }
    }

    fn became(size: usize) -> Result<Shrunk, Kept> {
        Ok(Shrunk { bytes: vec![0; size].into(), format: Format::Ktx2, note: String::new() })
    }

    #[test]
    fn the_images_that_grew_most_make_room_and_no_more_than_needed() {
        let before = document(&[100, 100, 100, 100]);
        let after = [became(400), became(50), became(200), Err(no_room())];
        // Together they grew by 350.
        assert_eq!(too_large(&before, &after, 350), [0; 0]);
        assert_eq!(too_large(&before, &after, 300), [0]);
        assert_eq!(too_large(&before, &after, 20), [0, 2]);
        assert_eq!(too_large(&before, &after, u64::MAX), [0; 0]);
    }

    #[test]
    fn every_step_is_cheaper_than_the_one_before() {
        for pair in STEPS.windows(2) {
            assert!(pair[1].etc1s_error >= pair[0].etc1s_error);
            assert!(pair[1].uastc[0] <= pair[0].uastc[0] && pair[1].part <= pair[0].part);
        }
    }

    /// A noisy gradient was stored at a quality that nobody had measured, looked wrong, and stayed PNG.
    #[test]
    fn regression_uastc_that_shows_too_much_gets_more_quality() {
        let side = 128_u32;
        let rgba = (0..side * side).flat_map(|at| {
            let (x, y) = (at % side, at / side);
            let noise = (at.wrapping_mul(2_654_435_761) >> 27) as u8;
            [(2 * x) as u8 / 2 + noise, (2 * y) as u8 / 2 + noise, 40 + noise, 255]
        });
        let pixels = Pixels::new(side, side, rgba.collect()).unwrap();
        let budget = Budget::of(&Settings { preset: Preset::High, ..Settings::default() });
        let goal = Goal::new(&pixels, &COLOUR, Some(128.0), &budget).with_share(SHARE);
        let part = |ways: &[(u8, u8)]| {
            let coded = uastc(&pixels, &goal, ways).unwrap();
            goal.part(goal.error(&image_file::decode(&coded.bytes, u64::MAX).unwrap()).unwrap())
        };
        let (first, measured) = (part(&[(75, 0)]), part(STEPS[0].uastc));
        assert!(first > UASTC_ERROR && measured <= UASTC_ERROR, "{measured} after {first}");
    }
}
