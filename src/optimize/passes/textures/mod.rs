//! textures: images in the size and quality that can be seen, in a format that the target opens.
//!
//! What an image is decides how it is resized, encoded and compared ([`slots`]); [`density`] says how large it is on
//! the screen, [`goal`] what may be lost at that size, and [`candidates`] finds the cheapest encoding within it. For
//! `web` that is mostly AVIF 4:4:4 (EXT_texture_avif), or WebP (EXT_texture_webp) or JPEG where those are smaller;
//! for `universal` JPEG or PNG. Declines image by image: unknown uses, KTX2 that is small enough, damaged
//! files, and whatever would hardly become smaller. For `gpu`, [`ktx2`] works on the images, as a pass of its own.

mod candidates;
mod coverage;
mod density;
mod fill;
mod goal;
mod ktx2;
mod scaled;
mod shrink;
mod slots;
mod tries;

use std::sync::mpsc;

use serde_json::{Map, Value, json};

pub(super) use self::ktx2::Ktx2;
use self::shrink::{Kept, Rules, Shrunk, Usage};
use self::slots::{Meaning, Meant};
pub(super) use self::tries::AllTries;
use super::{Context, Outcome, Pass};
use crate::optimize::Error;
use crate::optimize::codecs::image_file::{self, Format};
use crate::optimize::codecs::resize::Content;
use crate::optimize::document::primitives::as_index;
use crate::optimize::document::{Document, ImageSource};
use crate::optimize::settings::Target;

/// See the module.
pub(super) struct Textures;

const WEBP: &str = "EXT_texture_webp";
const AVIF: &str = "EXT_texture_avif";
const BASISU: &str = "KHR_texture_basisu";

/// Formats that a texture names through an extension.
const EXTENSIONS: [(&str, Format); 3] = [(WEBP, Format::WebP), (AVIF, Format::Avif), (BASISU, Format::Ktx2)];

/// How much of the errors of colours a thumbnail has, as a factor: no view would tell.
const THUMBNAIL_SHARE: f32 = 4.0;

/// Pixels across which a thumbnail is shown in a list; alone, it is shown larger.
const THUMBNAIL_PIXELS: f32 = 128.0;

/// Pixels of the images that are decoded at the same time, together: 256 MB, and some copies at other sizes.
const PIXELS_AT_ONCE: u64 = 64 << 20;

impl Pass for Textures {
    fn name(&self) -> &'static str {
        "textures"
    }

    fn weight(&self) -> f32 {
        20.0
    }

    fn is_repeated(&self) -> bool {
        true
    }

    fn run(&self, document: &mut Document, context: &mut Context) -> Result<Outcome, Error> {
        if document.images.is_empty() {
            return Ok(Outcome::Unchanged("there are no images".into()));
        }
        if context.settings.target == Target::Gpu {
            return Ok(Outcome::Unchanged("images become KTX2 for this target, as the last step".into()));
        }
        let meanings = slots::meanings(document);
        let results = shrink_all(document, &meanings, context);
        Ok(apply(document, &meanings, results))
    }
}

/// The images whose errors are seen in views, each alone; more than `most` of them by what they hold, in a list for each kind.
pub(super) fn of_a_kind(document: &Document, most: usize) -> Vec<Vec<usize>> {
    let meanings = slots::meanings(document);
    let known =
        || meanings.iter().enumerate().filter_map(|(index, meant)| Some((index, meant.as_ref().ok()?)));
    if known().count() <= most {
        return known().map(|(index, _)| vec![index]).collect();
    }
    let of = |content: Content| {
        known().filter(|(_, meaning)| meaning.content == content).map(|(index, _)| index).collect()
    };
    let kinds = [Content::Colour, Content::Linear, Content::Normal];
    kinds.into_iter().map(of).filter(|list: &Vec<usize>| !list.is_empty()).collect()
}

/// Puts the new image files in the place of the old ones.
fn apply(document: &mut Document, meanings: &[Meant], results: Vec<Result<Shrunk, Kept>>) -> Outcome {
    let mut notes = Vec::new();
    let mut changed = false;
    for (index, result) in results.into_iter().enumerate() {
        let name = describe(document, index, &meanings[index]);
        match result {
            Ok(Shrunk { bytes, format, note }) => {
                notes.push(format!("{name}: {note}"));
                let image = &mut document.images[index];
                image.source = ImageSource::Bytes(bytes);
                format.mime().unwrap_or_default().clone_into(&mut image.mime);
                changed = true;
            }
            Err(Kept::Because(reason)) => notes.push(format!("{name}: {reason}")),
            Err(Kept::Damaged(reason)) => {
                document.warnings.push(format!("{name} stays as it is: {reason}"));
                notes.push(format!("{name}: it is damaged"));
            }
        }
    }
    if !changed {
        return Outcome::Unchanged(notes.join("; "));
    }
    name_formats(document);
    Outcome::Changed(notes)
}

fn shrink_all(document: &Document, meanings: &[Meant], context: &mut Context) -> Vec<Result<Shrunk, Kept>> {
    let settings = context.settings;
    let (budget, shares) = (&context.budget, context.shares);
    let rules = |index, meaning: &Meaning| Rules {
        budget,
        share: if meaning.is_thumbnail { THUMBNAIL_SHARE } else { shares.of_image(index) },
        target: settings.target,
        effort: settings.effort,
    };
    let sizes = density::pixels_per_unit(document);
    let tries = &context.memo.textures;
    let shrink = |index: usize| match &meanings[index] {
        Ok(meaning) => tries.with(index, |tries| {
            let usage = Usage {
                meaning,
                pixels_per_unit: if meaning.is_thumbnail { Some(THUMBNAIL_PIXELS) } else { sizes[index] },
                coverage: &|size| coverage::of_image(document, index, size),
            };
            shrink::shrink(document.images[index].bytes(), &usage, &rules(index, meaning), tries)
        }),
        Err(reason) => Err(Kept::Because((*reason).to_owned())),
    };
    let all: Vec<usize> = (0..document.images.len()).collect();
    let results = each_image(document, &all, PIXELS_AT_ONCE, context.progress, &shrink);
    results.into_iter().map(|(_, result)| result).collect()
}

/// Works on `images` (their indices), as many at once as have `pixels_at_once` together; progress is told from this
/// thread as they finish. The results are in the order of the indices.
fn each_image<R: Send>(
    document: &Document,
    images: &[usize],
    pixels_at_once: u64,
    progress: &mut dyn FnMut(f32),
    work: &(dyn Fn(usize) -> R + Sync),
) -> Vec<(usize, R)> {
    let mut results = Vec::new();
    for batch in batches(document, images, pixels_at_once) {
        let (sender, receiver) = mpsc::channel();
        rayon::in_place_scope(|scope| {
            for index in batch {
                let sender = sender.clone();
                scope.spawn(move |_| {
                    // The receiver lives until every sender is gone.
                    drop(sender.send((index, work(index))));
                });
            }
            drop(sender);
            while let Some(result) = next(&receiver) {
                results.push(result);
                progress(results.len() as f32 / images.len() as f32);
            }
        });
    }
    results.sort_by_key(|&(index, _)| index);
    results
}

/// The images, the largest first so that no thread ends long after the others, in groups that fit into memory.
fn batches(document: &Document, images: &[usize], pixels_at_once: u64) -> Vec<Vec<usize>> {
    let mut sized: Vec<(u64, usize)> =
        images.iter().map(|&index| (image_file::pixels(document.images[index].bytes()), index)).collect();
    sized.sort_by_key(|&(pixels, index)| (std::cmp::Reverse(pixels), index));
    let mut batches: Vec<Vec<usize>> = Vec::new();
    let mut room = 0;
    for (pixels, index) in sized {
        match batches.last_mut() {
            Some(batch) if pixels <= room => batch.push(index),
            _ => {
                batches.push(vec![index]);
                room = pixels_at_once;
            }
        }
        room = room.saturating_sub(pixels);
    }
    batches
}

/// The next message; on a thread of the pool, work is done while waiting, since there may be no other thread.
fn next<T>(receiver: &mpsc::Receiver<T>) -> Option<T> {
    loop {
        match receiver.try_recv() {
            Ok(message) => return Some(message),
            Err(mpsc::TryRecvError::Disconnected) => return None,
            Err(mpsc::TryRecvError::Empty) => match rayon::yield_now() {
                Some(rayon::Yield::Executed) => {}
                Some(rayon::Yield::Idle) => std::thread::yield_now(),
                None => return receiver.recv().ok(),
            },
        }
    }
}

fn describe(document: &Document, index: usize, meaning: &Meant) -> String {
    let name = document.images[index].rest.get("name").and_then(Value::as_str).unwrap_or_default();
    let name = if name.is_empty() { format!("image {index}") } else { format!("image {index} \"{name}\"") };
    match meaning {
        Ok(meaning) => format!("{name} ({})", meaning.slots.join(", ")),
        Err(_) => name,
    }
}

/// Points textures at their images in the way that each format wants.
fn name_formats(document: &mut Document) {
    let formats: Vec<String> = document.images.iter().map(|image| image.mime.clone()).collect();
    let is = |index: usize, format: Format| formats.get(index).map(String::as_str) == format.mime();
    // First all that no longer holds: what was WebP may be AVIF now, and the other way round.
    for (extension, format) in EXTENSIONS {
        for texture in document.list_mut("textures").iter_mut().filter_map(Value::as_object_mut) {
            if let Some(index) = named(texture, extension).filter(|&index| !is(index, format)) {
                unname(texture, extension);
                texture.insert("source".into(), index.into());
            }
        }
    }
    for (extension, format) in EXTENSIONS {
        let (mut is_used, mut is_required) = (false, false);
        for texture in document.list_mut("textures").iter_mut().filter_map(Value::as_object_mut) {
            let plain = texture.get("source").and_then(as_index);
            if let Some(index) = plain.filter(|&index| is(index, format)) {
                texture.shift_remove("source");
                let extensions = texture.entry("extensions").or_insert_with(|| json!({}));
                extensions[extension] = json!({ "source": index });
            }
            if named(texture, extension).is_some() {
                is_used = true;
                is_required |= texture.get("source").is_none();
            }
        }
        if !is_used {
            document.undeclare_extension(extension);
        } else if is_required || !document.uses_extension(extension) {
            document.declare_extension(extension, is_required);
        }
    }
}

/// The image that a texture names through an extension.
fn named(texture: &Map<String, Value>, extension: &str) -> Option<usize> {
    as_index(&texture.get("extensions")?.get(extension)?["source"])
}

fn unname(texture: &mut Map<String, Value>, extension: &str) {
    if let Some(Value::Object(extensions)) = texture.get_mut("extensions") {
        extensions.shift_remove(extension);
        if extensions.is_empty() {
            texture.shift_remove("extensions");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::optimize::document::Image;

    fn image(mime: &str) -> Image {
        let source = ImageSource::Bytes(Arc::new(vec![1]));
        Image { mime: mime.into(), source, rest: serde_json::Map::new(), view_rest: serde_json::Map::new() }
    }

    #[test]
    fn textures_name_webp_through_its_extension_and_the_rest_directly() {
        let root = json!({"textures": [{"source": 0}, {"source": 1}, {"extensions": {WEBP: {"source": 1}}}]});
        let mut document = Document { root: root.as_object().unwrap().clone(), ..Document::default() };
        document.images = vec![image("image/webp"), image("image/jpeg")];
        name_formats(&mut document);
        assert_eq!(document.list("textures")[0], json!({"extensions": {WEBP: {"source": 0}}}));
        assert_eq!(document.list("textures")[1], json!({"source": 1}));
        assert_eq!(document.list("textures")[2], json!({"source": 1}));
        assert_eq!(document.root["extensionsRequired"], json!([WEBP]));
    }

    #[test]
    fn an_image_that_changes_its_format_changes_its_extension() {
        let root = json!({
            "textures": [{"extensions": {WEBP: {"source": 0}}}, {"extensions": {AVIF: {"source": 1}}}],
            "extensionsUsed": [WEBP],
        });
        let mut document = Document { root: root.as_object().unwrap().clone(), ..Document::default() };
        document.images = vec![image("image/avif"), image("image/webp")];
        name_formats(&mut document);
        assert_eq!(document.list("textures")[0], json!({"extensions": {AVIF: {"source": 0}}}));
        assert_eq!(document.list("textures")[1], json!({"extensions": {WEBP: {"source": 1}}}));
        assert_eq!(document.root["extensionsRequired"], json!([WEBP, AVIF]));
    }

    #[test]
    fn large_images_are_decoded_one_batch_after_the_other() {
        let mut document = Document::default();
        // Headers are enough: 8192 x 8192 pixels fill a batch.
        let png = |width: u32| {
            let size = [width.to_be_bytes(), 8192_u32.to_be_bytes()].concat();
            [b"\x89PNG\r\n\x1A\n\0\0\0\rIHDR", &size[..], &[8, 2, 0, 0, 0, 0, 0, 0, 0]].concat()
        };
        for width in [16, 8192, 32, 16_384] {
            let source = ImageSource::Bytes(Arc::new(png(width)));
            document.images.push(Image { source, ..image("image/png") });
        }
        assert_eq!(batches(&document, &[0, 1, 2, 3], PIXELS_AT_ONCE), [vec![3], vec![1], vec![2, 0]]);
    }

    /// A texture with a PNG for those who cannot read WebP needs nothing, yet the extension became required.
    #[test]
    fn regression_webp_beside_a_fallback_is_not_required() {
        let root = json!({
            "textures": [{"source": 0, "extensions": {WEBP: {"source": 1}}}],
            "extensionsUsed": [WEBP],
        });
        let mut document = Document { root: root.as_object().unwrap().clone(), ..Document::default() };
        document.images = vec![image("image/png"), image("image/webp")];
        let before = document.root.clone();
        name_formats(&mut document);
        assert_eq!(document.root, before);
    }
}
