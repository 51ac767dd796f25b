//! Animations and variants in the order of the original: another tool may write them in another, and pictures are compared by
//! their places.

use serde_json::{Map, Value};

use super::render::model::VARIANTS;
use crate::optimize::document::Document;
use crate::optimize::document::primitives::{self, as_index};

/// Puts the animations and the variants of `after` in the places that those of the same names have in `before`.
///
/// A name counts that stands once in each; all others keep their order in the places that are left. Where one is gone, an
/// empty animation, or a variant of no primitive, is in its place.
pub fn align(after: &mut Document, before: &Document) {
    let order = places(before.list("animations"), after.list("animations"));
    if let Some(Value::Array(clips)) = after.root.get_mut("animations") {
        *clips = arranged(clips, &order);
    }
    let order = places(variants(before), variants(after));
    if order.iter().enumerate().all(|(place, from)| *from == Some(place)) {
        return;
    }
    for id in primitives::all(after) {
        if let Some(primitive) = primitives::json_mut(after, id) {
            rename(primitive, &order);
        }
    }
    let extension = after.root.get_mut("extensions").and_then(|extensions| extensions.get_mut(VARIANTS));
    if let Some(Value::Array(list)) = extension.and_then(|extension| extension.get_mut("variants")) {
        *list = arranged(list, &order);
    }
}

/// The variants of a document: objects with names.
pub(super) fn variants(document: &Document) -> &[Value] {
    let extension = document.root.get("extensions").and_then(|extensions| extensions.get(VARIANTS));
    extension.and_then(|extension| extension["variants"].as_array()).map_or(&[], Vec::as_slice)
}

/// For each place, which item of `after` belongs there.
fn places(before: &[Value], after: &[Value]) -> Vec<Option<usize>> {
    let mut order: Vec<Option<usize>> = before
        .iter()
        .map(|item| only(before, &item["name"]).and_then(|_| only(after, &item["name"])))
        .collect();
    let mut rest =
        (0..after.len()).filter(|index| !order.contains(&Some(*index))).collect::<Vec<_>>().into_iter();
    for place in order.iter_mut().filter(|place| place.is_none()) {
        *place = rest.next();
    }
    order.extend(rest.map(Some));
    order
}

/// Where the only item of a name is.
fn only(items: &[Value], name: &Value) -> Option<usize> {
    let mut found = (0..items.len()).filter(|&index| name.is_string() && items[index]["name"] == *name);
    found.next().filter(|_| found.next().is_none())
}

fn arranged(items: &[Value], order: &[Option<usize>]) -> Vec<Value> {
    order.iter().map(|from| from.map_or(Value::Null, |from| items[from].clone())).collect()
}

/// Gives the variants that a primitive has materials for their new places.
fn rename(primitive: &mut Map<String, Value>, order: &[Option<usize>]) {
    let extension = primitive.get_mut("extensions").and_then(|extensions| extensions.get_mut(VARIANTS));
    let mappings = extension.and_then(|extension| extension["mappings"].as_array_mut());
    let lists = mappings.into_iter().flatten().filter_map(|mapping| mapping["variants"].as_array_mut());
    for variant in lists.flatten() {
        let place = as_index(variant).and_then(|old| order.iter().position(|from| *from == Some(old)));
        *variant = place.map_or(Value::Null, Value::from);
    }
}
