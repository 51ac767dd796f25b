//! Nodes that nobody can tell from what they draw, so that passes may put them together.
//!
//! A plain node has no name, extras, extensions, camera, skin or weights of its own; nothing but its one parent refers
//! to it, neither an animation nor a skin. Scripts can find it by counting only.

use serde_json::Value;

use crate::optimize::document::primitives::as_index;
use crate::optimize::document::refs::{Kind, visit};
use crate::optimize::document::{Document, edit};

/// What a node hangs below.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Parent {
    Scene(usize),
    Node(usize),
}

/// What a plain node may hold.
const MEMBERS: [&str; 6] = ["mesh", "children", "matrix", "translation", "rotation", "scale"];

/// For every node its parent if it is plain.
pub(super) fn parents(document: &Document) -> Vec<Option<Parent>> {
    let nodes = document.list("nodes");
    let mut references = vec![0; nodes.len()];
    let mut parents = vec![None; nodes.len()];
    visit(&document.root, &mut |at, kind, _, value| {
        let Some(node) = as_index(value).filter(|&node| kind == Kind::Node && node < nodes.len()) else {
            return;
        };
        references[node] += 1;
        let item = at.first_item().unwrap_or_default();
        parents[node] = match (at.list(), at.slot()) {
            ("scenes", "nodes") => Some(Parent::Scene(item)),
            ("nodes", "children") => Some(Parent::Node(item)),
            _ => None,
        };
    });
    for (node, parent) in parents.iter_mut().enumerate() {
        if references[node] != 1 || !holds_only_members(&nodes[node]) {
            *parent = None;
        }
    }
    parents
}

/// Whether a node has no name, extras or anything of its own but a place, a mesh and children.
pub(super) fn holds_only_members(node: &Value) -> bool {
    node.as_object().is_some_and(|members| members.keys().all(|name| MEMBERS.contains(&name.as_str())))
}

/// The children of a node, or the nodes of a scene.
pub(super) fn children(list: &Value) -> Vec<usize> {
    list.as_array().into_iter().flatten().filter_map(as_index).collect()
}

/// Removes the nodes for which `keep` is false, from their parents too. They must have no children.
pub(super) fn remove(document: &mut Document, keep: &[bool]) {
    let is_kept = |node: &Value| as_index(node).is_none_or(|node| keep[node]);
    for (list, member) in [("nodes", "children"), ("scenes", "nodes")] {
        for owner in document.list_mut(list) {
            if let Some(Value::Array(items)) = owner.get_mut(member) {
                items.retain(is_kept);
            }
        }
    }
    edit::retain(document, Kind::Node, keep);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn named_animated_and_shared_nodes_are_not_plain() {
        let root = json!({
            "scenes": [{ "nodes": [0] }],
            "nodes": [
                { "children": [1, 2, 3, 4] },
                { "name": "door" },
                { "mesh": 0, "translation": [1, 0, 0] },
                { "mesh": 0 },
                { "camera": 0 },
                {},
            ],
            "animations": [{ "channels": [{ "target": { "node": 3, "path": "rotation" } }] }],
        });
        let document = Document { root: root.as_object().unwrap().clone(), ..Document::default() };
        let expected = [Some(Parent::Scene(0)), None, Some(Parent::Node(0)), None, None, None];
        assert_eq!(parents(&document), expected);
    }
}
