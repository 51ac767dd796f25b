//! Adding items to arrays, removing them, and renumbering every reference to them.

use serde_json::{Map, Value};

use super::refs::{Kind, visit_mut};
use super::{Document, refs};

/// The JSON array of a kind; `None` for arrays that are not JSON (accessors, images, blobs) or missing.
#[must_use]
pub fn json_list(root: &Map<String, Value>, kind: Kind) -> Option<&Vec<Value>> {
    let mut value = root.get(*path(kind).first()?)?;
    for part in &path(kind)[1..] {
        value = value.get(part)?;
    }
    value.as_array()
}

/// The same, to be changed.
pub fn json_list_mut(root: &mut Map<String, Value>, kind: Kind) -> Option<&mut Vec<Value>> {
    let mut value = root.get_mut(*path(kind).first()?)?;
    for part in &path(kind)[1..] {
        value = value.get_mut(part)?;
    }
    value.as_array_mut()
}

fn path(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Accessor | Kind::Image | Kind::Blob => &[],
        Kind::Camera => &["cameras"],
        Kind::Light => &["extensions", "KHR_lights_punctual", "lights"],
        Kind::Material => &["materials"],
        Kind::Mesh => &["meshes"],
        Kind::Node => &["nodes"],
        Kind::Sampler => &["samplers"],
        Kind::Scene => &["scenes"],
        Kind::Skin => &["skins"],
        Kind::Texture => &["textures"],
        Kind::Variant => &["extensions", "KHR_materials_variants", "variants"],
    }
}

/// Adds an item to an array of JSON that is there; returns its number.
pub fn push(document: &mut Document, kind: Kind, item: Value) -> usize {
    let Some(list) = json_list_mut(&mut document.root, kind) else { return 0 };
    list.push(item);
    list.len() - 1
}

/// Which items of a kind something refers to.
#[must_use]
pub fn referenced(document: &Document, kind: Kind) -> Vec<bool> {
    let mut used = vec![false; document.count(kind)];
    refs::visit(&document.root, &mut |_, found, _, value| {
        let index = value.as_u64().and_then(|index| usize::try_from(index).ok());
        if found == kind
            && let Some(slot) = index.and_then(|index| used.get_mut(index))
        {
            *slot = true;
        }
    });
    used
}

/// Points every reference to item `i` of a kind at item `to[i]`; no item is removed.
pub fn redirect(document: &mut Document, kind: Kind, to: &[usize]) {
    visit_mut(&mut document.root, &mut |found, _, index| {
        if found == kind
            && let Some(&target) = to.get(*index)
        {
            *index = target;
        }
    });
}

/// Removes the items for which `keep` is false and renumbers the rest. Nothing may refer to a removed
/// item. Returns how many were removed.
pub fn retain(document: &mut Document, kind: Kind, keep: &[bool]) -> usize {
    let removed = keep.iter().filter(|keep| !**keep).count();
    if removed == 0 {
        return 0;
    }
    let mut next = 0;
    let to: Vec<usize> = keep
        .iter()
        .map(|&keep| {
            next += usize::from(keep);
            next.saturating_sub(1)
        })
        .collect();
    redirect(document, kind, &to);
    let mut kept = keep.iter();
    let mut keeps = || kept.next().copied().unwrap_or(true);
    match kind {
        Kind::Accessor => document.accessors.retain(|_| keeps()),
        Kind::Image => document.images.retain(|_| keeps()),
        Kind::Blob => document.blobs.retain(|_| keeps()),
        _ => {
            if let Some(list) = json_list_mut(&mut document.root, kind) {
                list.retain(|_| keeps());
            }
        }
    }
    remove_if_empty(document, kind);
    removed
}

/// glTF forbids empty arrays.
fn remove_if_empty(document: &mut Document, kind: Kind) {
    if let [name] = path(kind)
        && document.list(name).is_empty()
    {
        document.root.shift_remove(*name);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document() -> Document {
        let root = json!({
            "nodes": [{"mesh": 2}, {"mesh": 0}],
            "meshes": [{"name": "a"}, {"name": "b"}, {"name": "c"}],
        });
        Document { root: root.as_object().unwrap().clone(), ..Document::default() }
    }

    #[test]
    fn unreferenced_items_go_and_the_rest_is_renumbered() {
        let mut document = document();
        let used = referenced(&document, Kind::Mesh);
        assert_eq!(used, [true, false, true]);
        assert_eq!(retain(&mut document, Kind::Mesh, &used), 1);
        assert_eq!(document.root["meshes"], json!([{"name": "a"}, {"name": "c"}]));
        assert_eq!(document.root["nodes"], json!([{"mesh": 1}, {"mesh": 0}]));
    }

    #[test]
    fn an_array_that_becomes_empty_is_removed() {
        let mut document = document();
        document.root["nodes"] = json!([{}]);
        retain(&mut document, Kind::Mesh, &[false; 3]);
        assert!(!document.root.contains_key("meshes"));
    }
}
