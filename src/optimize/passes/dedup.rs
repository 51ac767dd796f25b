//! dedup: items that say the same are stored once.
//!
//! Accessors by their elements, images by their bytes, and texture samplers, textures and materials by
//! their JSON. Items with names of their own stay apart, as scripts may look for either name.
//! Declines when nothing is equal, or when an unknown extension may refer to items by number.

use std::collections::HashMap;
use std::hash::Hash;

use super::{Context, Outcome, Pass, counted, unknown_references};
use crate::optimize::Error;
use crate::optimize::document::{Accessor, Document, Image, Kind, edit};

/// See the module.
pub(super) struct Dedup;

impl Pass for Dedup {
    fn name(&self) -> &'static str {
        "dedup"
    }

    fn run(&self, document: &mut Document, _: &mut Context) -> Result<Outcome, Error> {
        if let Some(reason) = unknown_references(document) {
            return Ok(Outcome::Unchanged(reason));
        }
        let mut notes = Vec::new();
        let mut merge = |document: &mut Document, kind, first: Vec<usize>, (one, many)| {
            let removed = merge(document, kind, &first);
            if removed > 0 {
                notes.push(format!("{} stored once", counted(removed, one, many)));
            }
        };
        let first = first_equal(document.accessors.iter().map(accessor_key));
        merge(document, Kind::Accessor, first, ("equal accessor", "equal accessors"));
        let first = first_equal(document.images.iter().map(image_key));
        merge(document, Kind::Image, first, ("equal image", "equal images"));
        for (kind, names) in [
            (Kind::Sampler, ("equal sampler", "equal samplers")),
            (Kind::Texture, ("equal texture", "equal textures")),
            (Kind::Material, ("equal material", "equal materials")),
        ] {
            if kind == Kind::Material && has_parallel_materials(document) {
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

/// VRM 0 keeps a list beside `materials`, item by item.
fn has_parallel_materials(document: &Document) -> bool {
    document.root.get("extensions").is_some_and(|extensions| extensions.get("VRM").is_some())
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

fn accessor_key(accessor: &Accessor) -> (String, Option<blake3::Hash>) {
    let Accessor { component, shape, normalized, count, sparse, bounds, packing, rest, .. } = accessor;
    let description = format!("{component:?} {shape:?} {normalized} {count} {sparse:?} {bounds} {packing:?} {rest:?}");
    (description, accessor.data.as_ref().map(|data| blake3::hash(data)))
}

fn image_key(image: &Image) -> (String, blake3::Hash) {
    let Image { mime, source: _, rest, view_rest } = image;
    let uri = if image.bytes().is_empty() { format!("{:?}", image.source) } else { String::new() };
    (format!("{mime} {uri} {rest:?} {view_rest:?}"), blake3::hash(image.bytes()))
}
