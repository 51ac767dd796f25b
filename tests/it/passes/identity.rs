//! What people and scripts look for: names, extras, unknown extensions, and how nodes hang together.

use std::collections::BTreeSet;

use glb_optimizer::optimize::document::Document;
use glb_optimizer::optimize::document::primitives::as_index;
use serde_json::{Map, Value, json};

/// Lists in which every item stays in its place.
const FIXED: [&str; 4] = ["scenes", "nodes", "animations", "cameras"];
/// Lists in which equal items may become one and unused ones may go: who refers to them, by which member.
const MERGED: [(&str, &str, &str); 5] = [
    ("nodes", "skin", "skins"),
    ("nodes", "mesh", "meshes"),
    ("meshes", "material", "materials"),
    ("materials", "index", "textures"),
    ("textures", "source", "images"),
];

/// Everything to be recognised, in a form that can be compared.
#[derive(Debug, PartialEq)]
pub struct Identity {
    fixed: Vec<Value>,
    merged: BTreeSet<String>,
    root: Map<String, Value>,
}

pub fn of(document: &Document) -> Identity {
    let fixed = FIXED.iter().flat_map(|list| document.list(list).iter().map(|item| marks(list, item)));
    let (merged, root) = (merged(document), root(document));
    Identity { fixed: fixed.collect(), merged, root }
}

/// What may be recognised by a mark of its own, wherever it hangs.
pub fn of_marked(document: &Document) -> Identity {
    let bare = |item: &Value| {
        let mut item = item.clone();
        ["children", "nodes"].iter().for_each(|member| drop(item[*member].take()));
        item
    };
    let all = FIXED.iter().flat_map(|list| document.list(list).iter().map(|item| (*list, bare(item))));
    let marked = all.filter(|(list, item)| {
        let name = |item| without_place(marks(list, item));
        name(item) != name(&Value::Null)
    });
    let fixed = marked.map(|(list, item)| marks(list, &item)).collect();
    let (merged, root) = (merged(document), root(document));
    Identity { fixed, merged, root }
}

fn without_place(mut marks: Value) -> Value {
    marks["place"].take();
    marks
}

fn merged(document: &Document) -> BTreeSet<String> {
    let mut merged = BTreeSet::new();
    let mut used = document.list("nodes").to_vec();
    let mut used_in = "nodes";
    for (from, member, list) in MERGED {
        assert_eq!(from, used_in, "the table goes from list to list");
        let items = items(document, list);
        let mut indices = BTreeSet::new();
        used.iter().for_each(|item| gather(item, member, &mut indices));
        let found: Vec<Value> = indices.into_iter().map(|index| items[index].clone()).collect();
        let is_marked = |item: &&Value| marks(list, item) != marks(list, &Value::Null);
        merged.extend(found.iter().filter(is_marked).map(|item| marks(list, item).to_string()));
        if list != "skins" {
            (used, used_in) = (found, list);
        }
    }
    merged
}

fn root(document: &Document) -> Map<String, Value> {
    let mut root = document.root.clone();
    let kept = ["asset", "extras", "unknownMember", "scene", "extensions"];
    root.retain(|name, _| kept.contains(&name.as_str()));
    root
}

fn items(document: &Document, list: &str) -> Vec<Value> {
    match list {
        "images" => document.images.iter().map(|image| image.rest.clone().into()).collect(),
        _ => document.list(list).to_vec(),
    }
}

/// The indices under every member of that name, at any depth.
fn gather(value: &Value, member: &str, found: &mut BTreeSet<usize>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members.iter().filter(|(name, _)| *name != "extras") {
                if name == member {
                    found.extend(as_index(value));
                }
                gather(value, member, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| gather(item, member, found)),
        _ => {}
    }
}

fn marks(list: &str, item: &Value) -> Value {
    json!({
        "list": list,
        "name": item["name"],
        "extras": item["extras"],
        "unknown": item["extensions"]["ACME_secret"],
        "children": item["children"],
        "nodes": item["nodes"],
        "place": [
            numbers(&item["translation"], &[0.0; 3]),
            numbers(&item["rotation"], &[0.0, 0.0, 0.0, 1.0]),
            numbers(&item["scale"], &[1.0; 3]),
            numbers(&item["matrix"], &[]),
        ],
    })
}

/// A member's numbers as 32-bit floats, or what readers assume where it is missing.
fn numbers(value: &Value, default: &[f32]) -> Vec<f32> {
    let given = value.as_array();
    given.map_or(default.to_vec(), |list| list.iter().map(|value| value.as_f64().unwrap() as f32).collect())
}
