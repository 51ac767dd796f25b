//! textures: images in the size and quality that can be seen, in a format that the target opens.
//!
//! What an image is decides how it is resized, encoded and compared ([`slots`]); [`shrink`] finds the
//! cheapest encoding within the budget. For `web` that is WebP (EXT_texture_webp) or, where WebP's halved
//! colour resolution would hurt normals or packed numbers, JPEG 4:4:4; for `universal` JPEG or PNG.
//! Declines image by image: unknown uses, formats that stay as they are (KTX2, AVIF), damaged files, and
//! whatever would hardly become smaller.

mod shrink;
mod slots;

use std::sync::{Arc, mpsc};

use serde_json::{Value, json};

use self::shrink::{Rules, Shrunk};
use self::slots::Meaning;
use super::{Context, Outcome, Pass};
use crate::optimize::Error;
use crate::optimize::codecs::image_file::Format;
use crate::optimize::document::primitives::as_index;
use crate::optimize::document::{Document, ImageSource};

/// See the module.
pub(super) struct Textures;

const WEBP: &str = "EXT_texture_webp";

impl Pass for Textures {
    fn name(&self) -> &'static str {
        "textures"
    }

    fn weight(&self) -> f32 {
        20.0
    }

    fn run(&self, document: &mut Document, context: &mut Context) -> Result<Outcome, Error> {
        if document.images.is_empty() {
            return Ok(Outcome::Unchanged("there are no images".into()));
        }
        let meanings = slots::meanings(document);
        let shrunk = shrink_all(document, &meanings, context);
        let mut notes = Vec::new();
        let mut changed = false;
        for (index, result) in shrunk.into_iter().enumerate() {
            let name = describe(document, index, &meanings[index]);
            match result {
                Ok(Shrunk { bytes, format, note }) => {
                    notes.push(format!("{name}: {note}"));
                    let image = &mut document.images[index];
                    image.source = ImageSource::Bytes(Arc::new(bytes));
                    format.mime().unwrap_or_default().clone_into(&mut image.mime);
                    changed = true;
                }
                Err(reason) => notes.push(format!("{name}: {reason}")),
            }
        }
        if !changed {
            return Ok(Outcome::Unchanged(notes.join("; ")));
        }
        name_formats(document);
        Ok(Outcome::Changed(notes))
    }
}

/// Works on all images at once; progress is told from this thread as they finish.
fn shrink_all(
    document: &Document,
    meanings: &[Meaning],
    context: &mut Context,
) -> Vec<Result<Shrunk, String>> {
    let count = document.images.len();
    let rules = Rules { budget: &context.budget, target: context.settings.target };
    let mut results: Vec<Result<Shrunk, String>> = Vec::new();
    results.resize_with(count, || Err("not reached".to_owned()));
    let (sender, receiver) = mpsc::channel();
    rayon::in_place_scope(|scope| {
        for (index, image) in document.images.iter().enumerate() {
            let (sender, rules) = (sender.clone(), &rules);
            scope.spawn(move |_| {
                let result = shrink::shrink(image.bytes(), &meanings[index], rules);
                // The receiver lives until every sender is gone.
                drop(sender.send((index, result)));
            });
        }
        drop(sender);
        for (done, (index, result)) in std::iter::from_fn(|| next(&receiver)).enumerate() {
            results[index] = result;
            (context.progress)((done + 1) as f32 / count as f32);
        }
    });
    results
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

fn describe(document: &Document, index: usize, meaning: &Meaning) -> String {
    let name = document.images[index].rest.get("name").and_then(Value::as_str).unwrap_or_default();
    let name = if name.is_empty() { format!("image {index}") } else { format!("image {index} \"{name}\"") };
    match meaning {
        Meaning::Known { slots, .. } => format!("{name} ({})", slots.join(", ")),
        Meaning::Fixed(_) => name,
    }
}

/// Points textures at their images in the way that each format wants.
fn name_formats(document: &mut Document) {
    let is_webp: Vec<bool> =
        document.images.iter().map(|image| Some(image.mime.as_str()) == Format::WebP.mime()).collect();
    let webp_at = |value: &Value| as_index(value).filter(|&index| is_webp.get(index) == Some(&true));
    let (mut is_used, mut is_required) = (false, false);
    for texture in document.list_mut("textures") {
        let Value::Object(texture) = texture else { continue };
        let plain = texture.get("source").and_then(webp_at);
        if let Some(index) = plain {
            texture.shift_remove("source");
            let extensions = texture.entry("extensions").or_insert_with(|| json!({}));
            extensions[WEBP] = json!({ "source": index });
        }
        let Some(Value::Object(extensions)) = texture.get_mut("extensions") else { continue };
        let source = extensions.get(WEBP).and_then(|extension| as_index(&extension["source"]));
        match source {
            Some(index) if is_webp.get(index) == Some(&false) => {
                // What was WebP is JPEG now, which needs no extension.
                extensions.shift_remove(WEBP);
                if extensions.is_empty() {
                    texture.shift_remove("extensions");
                }
                texture.insert("source".into(), index.into());
            }
            Some(_) => {
                is_used = true;
                is_required |= texture.get("source").is_none();
            }
            None => {}
        }
    }
    if !is_used {
        document.undeclare_extension(WEBP);
    } else if is_required || !document.uses_extension(WEBP) {
        document.declare_extension(WEBP, is_required);
    }
}

#[cfg(test)]
mod tests {
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
