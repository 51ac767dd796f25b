//! Items of another document, copied with the accessors and blobs that they refer to.
//!
//! Only appends: what the document holds keeps its number. All else that an item refers to, such as materials, has to have
//! the same number in both documents.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::Document;
use super::refs::{self, Kind};

/// Brings items of one document into another.
pub struct Bring<'d> {
    /// The document that they come from.
    pub from: &'d Document,
    /// Accessors and blobs that are there already, by their numbers in `from`: items share them.
    brought: HashMap<(Kind, usize), usize>,
}

impl<'d> Bring<'d> {
    /// Brings items of `from`; nothing is there yet.
    #[must_use]
    pub fn new(from: &'d Document) -> Self {
        Self { from, brought: HashMap::new() }
    }

    /// An item of a top-level list, such as `meshes`, with the numbers that its accessors and blobs have in the document.
    pub fn item(&mut self, document: &mut Document, list: &str, item: Value) -> Value {
        let mut root = Map::new();
        root.insert(list.into(), vec![item].into());
        refs::visit_mut(&mut root, &mut |kind, _, index| {
            if matches!(kind, Kind::Accessor | Kind::Blob) {
                let from = self.from;
                let bring = || bring(document, from, kind, *index);
                *index = *self.brought.entry((kind, *index)).or_insert_with(bring);
            }
        });
        root[list][0].take()
    }
}

/// Copies an accessor or a blob; returns its number.
fn bring(document: &mut Document, from: &Document, kind: Kind, index: usize) -> usize {
    if kind == Kind::Blob {
        document.blobs.push(from.blobs[index].clone());
        return document.blobs.len() - 1;
    }
    document.accessors.push(from.accessors[index].clone());
    document.accessors.len() - 1
}
