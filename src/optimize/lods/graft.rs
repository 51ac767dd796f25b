//! Meshes of a coarser document, added to the one that is written.
//!
//! Only appends: what the document holds keeps its number. Both documents have the same materials by number, so nothing of
//! those is copied.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::optimize::document::primitives::{self, PrimitiveId};
use crate::optimize::document::refs::{self, Kind};
use crate::optimize::document::{Document, edit};

/// Brings meshes of one level into a document.
pub(super) struct Graft<'d> {
    from: &'d Document,
    /// Accessors and blobs that are there already, by their numbers in `from`: primitives share them.
    brought: HashMap<(Kind, usize), usize>,
}

impl<'d> Graft<'d> {
    pub(super) fn new(from: &'d Document) -> Self {
        Self { from, brought: HashMap::new() }
    }

    /// Adds a mesh with a name of this ending, and returns its number. Primitives that have as many triangles as those of
    /// `finer`, a mesh of the document, stay those.
    pub(super) fn mesh(&mut self, document: &mut Document, mesh: usize, finer: usize, ending: &str) -> usize {
        let mut json = self.from.list("meshes")[mesh].clone();
        rename(&mut json, ending);
        for primitive in 0..json["primitives"].as_array().map_or(0, Vec::len) {
            let coarser = primitives::json(self.from, PrimitiveId { mesh, primitive });
            let known = primitives::json(document, PrimitiveId { mesh: finer, primitive });
            let count = primitives::triangle_count(document, known);
            json["primitives"][primitive] = if primitives::triangle_count(self.from, coarser) == count {
                known.clone()
            } else {
                self.primitive(document, coarser.clone())
            };
        }
        edit::push(document, Kind::Mesh, json)
    }

    /// A primitive with the numbers that its accessors and its stream have in the document.
    fn primitive(&mut self, document: &mut Document, json: Value) -> Value {
        let mut root = Map::new();
        root.insert("meshes".into(), serde_json::json!([{ "primitives": [json] }]));
        refs::visit_mut(&mut root, &mut |kind, _, index| {
            if matches!(kind, Kind::Accessor | Kind::Blob) {
                let from = self.from;
                let bring = || brought(document, from, kind, *index);
                *index = *self.brought.entry((kind, *index)).or_insert_with(bring);
            }
        });
        root["meshes"][0]["primitives"][0].take()
    }
}

/// Copies an accessor or a blob; returns its number.
fn brought(document: &mut Document, from: &Document, kind: Kind, index: usize) -> usize {
    if kind == Kind::Blob {
        document.blobs.push(from.blobs[index].clone());
        return document.blobs.len() - 1;
    }
    document.accessors.push(from.accessors[index].clone());
    document.accessors.len() - 1
}

/// Puts an ending to a name, where there is one.
pub(super) fn rename(json: &mut Value, ending: &str) {
    if let Some(name) = json["name"].as_str() {
        json["name"] = format!("{name}{ending}").into();
    }
}
