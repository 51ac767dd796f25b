//! Animations and variants in the order of the original: another tool may write them in another, and pictures are compared by
//! their places.

use serde_json::Value;

use crate::optimize::document::{Document, Kind, edit};

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
    let place = |index: usize| order.iter().position(|from| *from == Some(index));
    let to: Vec<usize> = (0..variants(after).len()).filter_map(place).collect();
    edit::redirect(after, Kind::Variant, &to);
    if let Some(list) = edit::json_list_mut(&mut after.root, Kind::Variant) {
        *list = arranged(list, &order);
    }
}

/// The variants of a document: objects with names.
pub(super) fn variants(document: &Document) -> &[Value] {
    edit::json_list(&document.root, Kind::Variant).map_or(&[], Vec::as_slice)
}

/// For each place, which item of `after` belongs there; every item has a place.
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
