//! Oddities: what a file says against the specification without harm to the passes. Nothing is refused or
//! changed here; each oddity is named with its place, so that it can be put right where the file came from.
//!
//! [`json`] looks at the JSON as it came, [`items`] and [`scene`] at what it says, [`arrays`] at numbers and
//! [`images`] at image files. What cannot be worked with is refused in [`super::check`].

mod arrays;
mod images;
mod items;
mod json;
mod scene;

use std::fmt::Display;

use serde_json::{Map, Value};

use super::{Accessor, Document};

pub use images::fault as image_fault;

/// More of a kind help nobody.
const NAMED: usize = 30;

/// Oddities found so far.
#[derive(Debug, Default)]
pub struct Oddities {
    named: Vec<String>,
    more: usize,
}

impl Oddities {
    /// Looks at the JSON root as it came, before anything is lifted out of it.
    #[must_use]
    pub fn of_json(root: &Map<String, Value>) -> Self {
        let mut found = Self::default();
        json::look(root, &mut found);
        items::look(root, &mut found);
        found
    }

    /// Compares an accessor's JSON with the elements that were read.
    pub fn look_at_accessor(&mut self, json: &Value, accessor: &Accessor, at: &str) {
        arrays::accessor(json, accessor, at, self);
    }

    /// Looks at a document that was read and checked; returns all warnings.
    #[must_use]
    pub fn with_document(mut self, document: &Document) -> Vec<String> {
        scene::look(document, &mut self);
        arrays::look(document, &mut self);
        if self.more > 0 {
            self.named.push(format!("{} more places go against the specification", self.more));
        }
        self.named
    }

    fn note(&mut self, at: impl Display, what: impl Display) {
        if self.named.len() < NAMED {
            self.named.push(format!("{at} {what}"));
        } else {
            self.more += 1;
        }
    }
}

/// Items of a member that should be an array of them, with their places.
fn list<'v>(parent: &'v Value, at: &str, name: &str) -> impl Iterator<Item = (String, &'v Value)> + use<'v> {
    let path = format!("{at}/{name}");
    let items = parent.get(name).and_then(Value::as_array).into_iter().flatten().enumerate();
    items.map(move |(i, item)| (format!("{path}/{i}"), item))
}

/// The same for a member of the root.
fn top<'v>(
    root: &'v Map<String, Value>,
    name: &'static str,
) -> impl Iterator<Item = (String, &'v Value)> + use<'v> {
    let items = root.get(name).and_then(Value::as_array).into_iter().flatten().enumerate();
    items.map(move |(i, item)| (format!("/{name}/{i}"), item))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(root: &Value) -> Vec<String> {
        Oddities::of_json(root.as_object().unwrap()).named
    }

    #[test]
    fn each_oddity_is_named_with_its_place() {
        let found = |root: Value| of(&root).join("; ");
        assert!(
            found(json!({"nodes": [{"children": []}]})).starts_with("/nodes/0/children is an empty array")
        );
        assert!(found(json!({"nodes": [{"name": 7}]})).starts_with("/nodes/0/name must be a string"));
        let misplaced = json!({"materials": [{"extensions": {"KHR_node_visibility": {}}}]});
        assert!(
            found(misplaced).contains("/materials/0/extensions/KHR_node_visibility does not belong here")
        );
        let factor = json!({"materials": [{"extensions": {"KHR_materials_ior": {"ior": 0.5}}}]});
        assert!(found(factor).contains("/materials/0/extensions/KHR_materials_ior/ior"));
        let camera = json!({"cameras": [{"orthographic": {"xmag": 0, "ymag": 1, "znear": 0, "zfar": 1}}]});
        assert!(found(camera).contains("/cameras/0/orthographic/xmag"));
        assert!(found(json!({"textures": [{}]})).contains("/textures/0"));
        let both = json!({"nodes": [{"matrix": [1,0,0,0, 0,1,0,0, 0,0,1,0, 0,0,0,1], "scale": [1, 1, 1]}]});
        assert!(found(both).contains("/nodes/0 has both"));
    }

    #[test]
    fn a_sound_file_and_extras_give_nothing() {
        let root = json!({
            "asset": {"version": "2.0", "extras": {"list": [], "name": 3}},
            "nodes": [{"mesh": 0, "rotation": [0, 0, 0, 1], "name": "a"}],
            "extensions": {"ACME_list": {"items": [], "name": 1}},
            "extensionsUsed": ["ACME_list"],
            "materials": [{"extensions": {"KHR_materials_ior": {"ior": 1.5}}}],
        });
        assert_eq!(of(&root), [""; 0]);
    }

    #[test]
    fn a_thousand_oddities_do_not_make_a_thousand_warnings() {
        let root = json!({"textures": vec![json!({}); 1000]});
        let found = Oddities::of_json(root.as_object().unwrap());
        let warnings = found.with_document(&Document::default());
        assert_eq!(warnings.len(), NAMED + 1);
        assert!(warnings[NAMED].starts_with("970 more"));
    }
}
