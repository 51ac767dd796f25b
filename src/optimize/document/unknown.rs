//! Extensions that are not in the reference table: what they may point at must stay unmoved.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::Document;
use super::refs::is_known;

/// Names of all extensions whose JSON is somewhere in the document; extras are free text and not searched.
#[must_use]
pub fn all_extensions(document: &Document) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for object in objects(document) {
        collect(object, &mut found);
    }
    found
}

/// The JSON of a document: its root, and what stayed with the arrays and views that were lifted out of it.
fn objects(document: &Document) -> impl Iterator<Item = &Map<String, Value>> {
    let sparse = document.accessors.iter().filter_map(|accessor| Some(&accessor.sparse.as_ref()?.rest));
    let accessors = document.accessors.iter().map(|accessor| &accessor.rest).chain(sparse);
    let images = document.images.iter().flat_map(|image| [&image.rest, &image.view_rest]);
    let blobs = document.blobs.iter().map(|blob| &blob.rest);
    [&document.root, &document.buffer_rest].into_iter().chain(accessors).chain(images).chain(blobs)
}

/// The extensions that are not in the reference table: those of [`all_extensions`], and those that are only declared, which
/// may say something of the whole file.
#[must_use]
pub fn extensions(document: &Document) -> BTreeSet<String> {
    let lists = ["extensionsUsed", "extensionsRequired"].map(|name| document.list(name));
    let declared = lists.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned);
    all_extensions(document).into_iter().chain(declared).filter(|name| !is_known(name)).collect()
}

fn collect(object: &Map<String, Value>, found: &mut BTreeSet<String>) {
    for (name, value) in object.iter().filter(|(name, _)| *name != "extras") {
        if name == "extensions" {
            found.extend(value.as_object().into_iter().flat_map(Map::keys).cloned());
        }
        collect_value(value, found);
    }
}

fn collect_value(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => collect(members, found),
        Value::Array(items) => items.iter().for_each(|item| collect_value(item, found)),
        _ => {}
    }
}

/// Whether an object carries an extension that is not in the table.
#[must_use]
pub fn has_unknown_extension(object: &Map<String, Value>) -> bool {
    let extensions = object.get("extensions").and_then(Value::as_object);
    extensions.is_some_and(|members| members.keys().any(|name| !is_known(name)))
}

/// Whether there is an extension that is not in the table anywhere in a value.
#[must_use]
pub fn is_within(value: &Value) -> bool {
    let mut found = BTreeSet::new();
    collect_value(value, &mut found);
    found.iter().any(|name| !is_known(name))
}

/// Buffer views that an unknown extension seems to point at: integers under a member whose name speaks
/// of a view. Their bytes are kept beside whatever a known reader makes of them.
#[must_use]
pub fn buffer_views(document: &Document) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    each_member(document, &mut |name, value| {
        if name.contains("view") {
            let items = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
            let indices = items.iter().filter_map(Value::as_u64);
            found.extend(indices.filter_map(|index| usize::try_from(index).ok()));
        }
    });
    found
}

/// Whether an unknown extension seems to read images, in whatever channels: a member's name speaks of one, or it is about a
/// texture or an image itself.
#[must_use]
pub fn may_read_images(document: &Document) -> bool {
    let mut found = document.list("textures").iter().any(is_within);
    found |= document
        .images
        .iter()
        .any(|image| [&image.rest, &image.view_rest].map(has_unknown_extension) != [false; 2]);
    each_member(document, &mut |name, _| found |= name.contains("texture") || name.contains("image"));
    found
}

/// Calls `found` for every member of unknown extensions, the extensions themselves included, with its name in lower case.
fn each_member(document: &Document, found: &mut dyn FnMut(&str, &Value)) {
    for (name, value) in objects(document).flatten() {
        gather(value, name == "extensions", false, found);
    }
}

fn gather(value: &Value, inside_extensions: bool, unknown: bool, found: &mut dyn FnMut(&str, &Value)) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let unknown = unknown || (inside_extensions && !is_known(name));
                if unknown {
                    found(&name.to_ascii_lowercase(), value);
                }
                if name != "extras" {
                    gather(value, name == "extensions", unknown, found);
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| gather(item, false, unknown, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::optimize::document::{Accessor, Shape};

    #[test]
    fn unknown_extensions_are_found_at_any_depth_but_not_in_extras() {
        let root = json!({
            "extensions": {"ACME_root": {"bufferView": 4, "deep": {"views": [1, 2]}}},
            "nodes": [{"extensions": {"KHR_lights_punctual": {"light": 0}, "ACME_node": {"x": 1}}}],
            "extras": {"extensions": {"ACME_extras": {}}},
        });
        let document = Document { root: root.as_object().unwrap().clone(), ..Document::default() };
        let names: Vec<String> = extensions(&document).into_iter().collect();
        assert_eq!(names, ["ACME_node", "ACME_root"]);
        assert_eq!(buffer_views(&document).into_iter().collect::<Vec<_>>(), [1, 2, 4]);
    }

    /// An extension may be a name without JSON, and so was not seen.
    #[test]
    fn regression_extensions_that_are_only_declared_are_found() {
        let root = json!({
            "extensionsUsed": ["ACME_flag", "KHR_materials_unlit"], "extensionsRequired": ["ACME_must"],
        });
        let document = Document { root: root.as_object().unwrap().clone(), ..Document::default() };
        assert_eq!(extensions(&document).into_iter().collect::<Vec<_>>(), ["ACME_flag", "ACME_must"]);
        assert!(all_extensions(&document).is_empty(), "there is no JSON of any");
    }

    /// Accessors and images are no part of the root, so what their extensions pointed at was moved.
    #[test]
    fn regression_extensions_of_accessors_are_found() {
        let rest = json!({"extensions": {"ACME_timed": {"bufferView": 3}}});
        let mut accessor = Accessor::from_floats(Shape::Scalar, &[0.0]);
        accessor.rest = rest.as_object().unwrap().clone();
        let document = Document { accessors: vec![accessor], ..Document::default() };
        assert!(extensions(&document).contains("ACME_timed"));
        assert!(buffer_views(&document).contains(&3));
    }
}
