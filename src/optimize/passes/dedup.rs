//! dedup: items that say the same are stored once.
//!
//! Accessors by their elements, images by their bytes, and texture samplers, textures and materials by
//! their JSON. Items with names of their own stay apart, as scripts may look for either name.
//! Declines when nothing is equal, or when an unknown extension may refer to items by number.

use std::collections::HashMap;
use std::hash::Hash;

use serde_json::Value;

use super::{Context, Outcome, Pass, counted};
use crate::optimize::Error;
use crate::optimize::document::{Accessor, Document, Image, Kind, edit, pointers};

/// See the module.
pub(super) struct Dedup;

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
        let first = first_equal(document.images.iter().map(image_key));
        merge(document, Kind::Image, first, ("equal image", "equal images"));
        for (kind, names) in [
            (Kind::Sampler, ("equal sampler", "equal samplers")),
            (Kind::Texture, ("equal texture", "equal textures")),
            (Kind::Material, ("equal material", "equal materials")),
        ] {
            if kind == Kind::Material && materials_are_addressed(document) {
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
    let extensions = document.root.get("extensions").and_then(Value::as_object);
    extensions.is_some_and(|all| all.contains_key("VRM") || all.contains_key("VRMC_vrm"))
        || pointers::is_animated(document, Kind::Material)
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
    let Accessor { component, shape, normalized, count, sparse, bounds, packing, rest, .. } = accessor;
    let description =
        format!("{component:?} {shape:?} {normalized} {count} {sparse:?} {bounds} {packing:?} {rest:?}");
    (description, accessor.data.as_ref().map(|data| blake3::hash(data)).ok_or(index))
}

fn image_key(image: &Image) -> (String, blake3::Hash) {
    let Image { mime, source: _, rest, view_rest } = image;
    let uri = if image.bytes().is_empty() { format!("{:?}", image.source) } else { String::new() };
    (format!("{mime} {uri} {rest:?} {view_rest:?}"), blake3::hash(image.bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimize::document::Shape;

    /// Readers that decode Draco into accessors gave two meshes the normals of one of them.
    #[test]
    fn regression_accessors_that_draco_fills_stay_apart() {
        let stored = Accessor::from_floats(Shape::Vec3, &[0.0, 0.0, 1.0]);
        let filled = Accessor { data: None, ..stored.clone() };
        let keys = [&stored, &filled, &stored, &filled].into_iter().enumerate().map(accessor_key);
        assert_eq!(first_equal(keys), [0, 1, 0, 3]);
    }
}
