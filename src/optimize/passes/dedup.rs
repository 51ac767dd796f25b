//! dedup: items that say the same are stored once.
//!
//! Accessors by their elements, images by their pixels, and texture samplers, textures, materials and meshes by
//! their JSON. Items with names of their own stay apart, as scripts may look for either name.
//! Declines when nothing is equal, or when an unknown extension may refer to items by number.

use std::collections::HashMap;
use std::hash::Hash;

use rayon::prelude::*;
use serde_json::Value;

use super::{Context, Outcome, Pass, counted};
use crate::optimize::Error;
use crate::optimize::codecs::image_file::{self, Format};
use crate::optimize::document::{Accessor, Document, Image, Kind, edit, pointers};

/// See the module.
pub(super) struct Dedup;

/// Larger images are told apart by their files: decoding them takes memory that is for the pass that works on them.
const MAX_PIXELS: u64 = 1 << 24;

impl Pass for Dedup {
    fn name(&self) -> &'static str {
        "dedup"
    }

    fn renumbers(&self) -> bool {
        true
    }

    fn run(&self, document: &mut Document, _: &mut Context) -> Result<Outcome, Error> {
        let mut notes = Vec::new();
        let mut merge = |document: &mut Document, kind, first: Vec<usize>, (one, many)| {
            let removed = merge(document, kind, &first);
            if removed > 0 {
                notes.push(format!("{} stored once", counted(removed, one, many)));
            }
        };
        let first = first_equal(document.accessors.iter().enumerate().map(accessor_key));
        merge(document, Kind::Accessor, first, ("equal accessor", "equal accessors"));
        let first = first_equal(document.images.iter().map(file_key));
        merge(document, Kind::Image, first, ("equal image", "equal images"));
        let first = first_equal(pixel_keys(&document.images).into_iter());
        merge(document, Kind::Image, first, ("image with equal pixels", "images with equal pixels"));
        for (kind, names) in [
            (Kind::Sampler, ("equal sampler", "equal samplers")),
            (Kind::Texture, ("equal texture", "equal textures")),
            (Kind::Material, ("equal material", "equal materials")),
            (Kind::Mesh, ("equal mesh", "equal meshes")),
        ] {
            let is_addressed = match kind {
                Kind::Material => materials_are_addressed(document),
                // An avatar's expressions morph one mesh and not its twin.
                Kind::Mesh => is_avatar(document) || pointers::is_animated(document, Kind::Mesh),
                _ => false,
            };
            if is_addressed {
                continue;
            }
            let items = edit::json_list(&document.root, kind).map_or(&[][..], Vec::as_slice);
            let first = first_equal(items.iter().map(ToString::to_string));
            merge(document, kind, first, names);
        }
        if notes.is_empty() {
            return Ok(Outcome::Unchanged("nothing is stored twice".into()));
        }
        Ok(Outcome::Changed(notes))
    }
}

/// Avatars mean one material and not its twin: VRM 0 keeps a list beside `materials`, item by item, and the
/// expressions of VRM 1 change the colour of single materials. So do animations through pointers.
pub(super) fn materials_are_addressed(document: &Document) -> bool {
    is_avatar(document) || pointers::is_animated(document, Kind::Material)
}

fn is_avatar(document: &Document) -> bool {
    let extensions = document.root.get("extensions").and_then(Value::as_object);
    extensions.is_some_and(|all| all.contains_key("VRM") || all.contains_key("VRMC_vrm"))
}

/// For every item the position of the first one with the same key.
fn first_equal<K: Hash + Eq>(keys: impl Iterator<Item = K>) -> Vec<usize> {
    let mut known = HashMap::new();
    keys.enumerate().map(|(index, key)| *known.entry(key).or_insert(index)).collect()
}

fn merge(document: &mut Document, kind: Kind, first: &[usize]) -> usize {
    let keep: Vec<bool> = first.iter().enumerate().map(|(index, &first)| index == first).collect();
    edit::redirect(document, kind, first);
    edit::retain(document, kind, &keep)
}

/// Accessors without elements stay apart: a reader fills each from the Draco stream of its own primitive.
fn accessor_key((index, accessor): (usize, &Accessor)) -> (String, Result<blake3::Hash, usize>) {
    let Accessor { component, shape, normalized, count, sparse, bounds, packing, rest, view_rest, .. } =
        accessor;
    let description = format!(
        "{component:?} {shape:?} {normalized} {count} {sparse:?} {bounds} {packing:?} {rest:?} {view_rest:?}"
    );
    (description, accessor.data.as_ref().map(|data| blake3::hash(data)).ok_or(index))
}

/// What is written beside an image, and its bytes.
fn file_key(image: &Image) -> (String, blake3::Hash) {
    let Image { mime, source: _, rest, view_rest } = image;
    let uri = if image.bytes().is_empty() { format!("{:?}", image.source) } else { String::new() };
    (format!("{mime} {uri} {rest:?} {view_rest:?}"), blake3::hash(image.bytes()))
}

/// What is written beside an image, and its pixels where others might have the same; its place elsewhere.
fn pixel_keys(images: &[Image]) -> Vec<Result<(String, blake3::Hash), usize>> {
    let sizes: Vec<Option<String>> = images.iter().map(size_key).collect();
    let mut counts: HashMap<&String, usize> = HashMap::new();
    sizes.iter().flatten().for_each(|size| *counts.entry(size).or_default() += 1);
    let key = |(index, image): (usize, &Image)| {
        let size = sizes[index].as_ref().filter(|size| counts[size] > 1).ok_or(index)?;
        let pixels = image_file::decode(image.bytes(), MAX_PIXELS).map_err(|_| index)?;
        Ok((size.clone(), blake3::hash(pixels.rgba())))
    };
    images.par_iter().enumerate().map(key).collect()
}

/// The size of an image whose pixels say all, and what is written beside it. Viewers obey the mark of a KTX2 file as sRGB or
/// linear, turn some photos, and may see more than eight bits.
fn size_key(image: &Image) -> Option<String> {
    let file = image.bytes();
    let probe = image_file::probe(file)?;
    let is_odd = probe.format == Format::Ktx2 || probe.animated || probe.bits_per_channel > 8;
    if is_odd || image_file::is_cut_off(file) || image_file::is_turned(file) {
        return None;
    }
    Some(format!("{} x {} {:?} {:?}", probe.width, probe.height, image.rest, image.view_rest))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Map, json};

    use super::*;
    use crate::optimize::codecs::{CodecError, Pixels, png, webp};
    use crate::optimize::document::{ImageSource, Shape};
    use crate::optimize::settings::Settings;

    fn run(document: &mut Document) -> Outcome {
        super::super::run_alone(&Dedup, document, Settings::default())
    }

    /// Two files of the same picture were stored and compressed twice.
    #[test]
    fn regression_images_with_the_same_pixels_are_stored_once() {
        let of = |blue: u8| {
            let rgba = (0..64_u8).flat_map(|at| [at % 8, at / 8, blue, 255]);
            Pixels::new(8, 8, rgba.collect()).unwrap()
        };
        let (pixels, other) = (of(7), of(8));
        let files = [
            png::encode(&pixels, &png::Options::default()),
            png::encode(&other, &png::Options::default()),
            webp::encode(&pixels, &webp::Options::default()),
        ];
        let image = |file: Result<Vec<u8>, CodecError>| Image {
            mime: String::new(),
            source: ImageSource::Bytes(Arc::new(file.unwrap())),
            rest: Map::new(),
            view_rest: Map::new(),
        };
        let images = files.into_iter().map(image).collect();
        let root = json!({"textures": [{"source": 0}, {"source": 1}, {"source": 2}]});
        let root = root.as_object().unwrap().clone();
        let mut document = Document { root, images, ..Document::default() };
        assert!(matches!(run(&mut document), Outcome::Changed(_)));
        assert_eq!(document.images.len(), 2);
        assert_eq!(json!(document.list("textures")), json!([{"source": 0}, {"source": 1}]));
    }

    /// Twenty equal meshes without a name were twenty draw calls that nothing could put together.
    #[test]
    fn regression_equal_meshes_are_one_unless_an_avatar_means_one_of_them() {
        let mesh = json!({"primitives": [{"attributes": {}}]});
        let root = json!({"meshes": [mesh, mesh, {"name": "a", "primitives": []}], "nodes": [{"mesh": 0}, {"mesh": 1}, {"mesh": 2}]});
        let mut document = Document { root: root.as_object().unwrap().clone(), ..Document::default() };
        let mut avatar = document.clone();
        avatar.root.insert("extensions".into(), json!({"VRMC_vrm": {}}));
        assert!(matches!(run(&mut document), Outcome::Changed(_)));
        assert_eq!(json!(document.list("nodes")), json!([{"mesh": 0}, {"mesh": 0}, {"mesh": 1}]));
        run(&mut avatar);
        assert_eq!(avatar.list("meshes").len(), 3);
    }

    /// Readers that decode Draco into accessors gave two meshes the normals of one of them.
    #[test]
    fn regression_accessors_that_draco_fills_stay_apart() {
        let stored = Accessor::from_floats(Shape::Vec3, &[0.0, 0.0, 1.0]);
        let filled = Accessor { data: None, ..stored.clone() };
        let keys = [&stored, &filled, &stored, &filled].into_iter().enumerate().map(accessor_key);
        assert_eq!(first_equal(keys), [0, 1, 0, 3]);
    }
}
