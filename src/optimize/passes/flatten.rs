//! flatten: nodes that only group others make way for what they group.
//!
//! The children of a plain node ([`plain_nodes`]) without a mesh take its place. Where it moves, turns or scales
//! them, they do so themselves: only plain children, since scripts and animations expect the others as they were.
//! Declines for everything named or referred to, where a transform cannot be written without shear, where the
//! JSON would not become shorter, in files with one root by GODOT_single_root, and when `nodes=keep`.

use serde_json::{Map, Value};

use super::plain_nodes::{self, Parent, children};
use super::{Context, Outcome, Pass, counted};
use crate::optimize::Error;
use crate::optimize::document::matrix::{self, IDENTITY, Matrix, Placing};
use crate::optimize::document::{Document, Kind, edit};
use crate::optimize::settings::Nodes;

/// See the module.
pub(super) struct Flatten;

impl Pass for Flatten {
    fn name(&self) -> &'static str {
        "flatten"
    }

    fn renumbers(&self) -> bool {
        true
    }

    fn run(&self, document: &mut Document, context: &mut Context) -> Result<Outcome, Error> {
        if context.settings.nodes == Nodes::Keep {
            return Ok(Outcome::Unchanged("all nodes are to stay".into()));
        }
        // The root is node 0 and has no transform, so it looks like one that only groups others.
        if document.uses_extension("GODOT_single_root") {
            return Ok(Outcome::Unchanged(
                "the file has one root by GODOT_single_root, which is to stay".into(),
            ));
        }
        let mut flat = Flat::of(document);
        flat.go_down();
        let removed = flat.carried.iter().flatten().count();
        if removed == 0 {
            return Ok(Outcome::Unchanged("no node without a name only groups others".into()));
        }
        let nodes = flat.nodes();
        if length(&nodes) >= length(document.list("nodes")) {
            return Ok(Outcome::Unchanged("nodes in other places would take more JSON".into()));
        }
        let keep: Vec<bool> = flat.carried.iter().map(Option::is_none).collect();
        let scenes: Vec<Vec<usize>> =
            document.list("scenes").iter().map(|scene| flat.expanded(children(&scene["nodes"]))).collect();
        for (scene, nodes) in document.list_mut("scenes").iter_mut().zip(scenes) {
            if scene.get("nodes").is_some() {
                scene["nodes"] = nodes.into();
            }
        }
        document.list_mut("nodes").clone_from_slice(&nodes);
        edit::retain(document, Kind::Node, &keep);
        Ok(Outcome::Changed(vec![format!(
            "{} removed",
            counted(removed, "node that only groups others", "nodes that only group others")
        )]))
    }
}

fn length(nodes: &[Value]) -> usize {
    nodes.iter().map(|node| node.to_string().len()).sum()
}

/// The nodes of a document on their way to fewer levels.
struct Flat<'d> {
    document: &'d Document,
    /// What each plain node hangs below.
    parents: Vec<Option<Parent>>,
    /// For each node that goes, what it and those above it that go do to its children.
    carried: Vec<Option<Matrix>>,
}

impl<'d> Flat<'d> {
    fn of(document: &'d Document) -> Self {
        let count = document.list("nodes").len();
        Self { document, parents: plain_nodes::parents(document), carried: vec![None; count] }
    }

    /// Decides from the roots down, since what goes hands its transform on.
    fn go_down(&mut self) {
        let is_root = |parent: &Option<Parent>| matches!(parent, Some(Parent::Scene(_)));
        let nodes = self.document.list("nodes");
        let mut is_child = vec![false; nodes.len()];
        nodes.iter().flat_map(|node| children(&node["children"])).for_each(|child| is_child[child] = true);
        let mut waiting: Vec<usize> =
            (0..nodes.len()).filter(|&node| is_root(&self.parents[node]) || !is_child[node]).collect();
        while let Some(node) = waiting.pop() {
            self.carried[node] = self.handed_on(node);
            waiting.extend(children(&nodes[node]["children"]));
        }
    }

    /// The transform that a node's children take over if it goes; `None` where it must stay.
    fn handed_on(&self, node: usize) -> Option<Matrix> {
        let json = &self.document.list("nodes")[node];
        let below = children(&json["children"]);
        if self.parents[node].is_none() || json.get("mesh").is_some() || below.is_empty() {
            return None;
        }
        let place = self.placed(node);
        let may_move = |&child: &usize| {
            let moved = matrix::product(&place, &matrix::of_node(&self.document.list("nodes")[child], None));
            self.parents[child].is_some() && Placing::of(&moved).is_some()
        };
        (place == IDENTITY || below.iter().all(may_move)).then_some(place)
    }

    /// Where a node stands below the nearest node above it that stays.
    fn placed(&self, node: usize) -> Matrix {
        let own = matrix::of_node(&self.document.list("nodes")[node], None);
        match self.parents[node] {
            Some(Parent::Node(parent)) => {
                self.carried[parent].map_or(own, |above| matrix::product(&above, &own))
            }
            _ => own,
        }
    }

    /// The children that take the places of those nodes that go.
    fn expanded(&self, list: Vec<usize>) -> Vec<usize> {
        let mut found = Vec::new();
        let mut waiting: Vec<usize> = list.into_iter().rev().collect();
        while let Some(node) = waiting.pop() {
            if self.carried[node].is_some() {
                waiting.extend(children(&self.document.list("nodes")[node]["children"]).into_iter().rev());
            } else {
                found.push(node);
            }
        }
        found
    }

    /// All nodes, of which those that go are empty.
    fn nodes(&self) -> Vec<Value> {
        let nodes = self.document.list("nodes").iter().enumerate();
        let changed = |(index, node): (usize, &Value)| {
            let mut members = node.as_object().cloned().unwrap_or_default();
            if self.carried[index].is_some() {
                return Value::Object(Map::new());
            }
            if let Some(below) = members.get_mut("children") {
                *below = self.expanded(children(below)).into();
            }
            let place = self.placed(index);
            // Only a plain node can have another place now.
            if place != matrix::of_node(node, None)
                && let Some(placing) = Placing::of(&place)
            {
                members.retain(|name, _| matches!(name.as_str(), "mesh" | "children"));
                members.extend(placing.members());
            }
            Value::Object(members)
        };
        nodes.map(changed).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::optimize::passes::run_alone;
    use crate::optimize::settings::Settings;

    fn run(nodes: Value, more: Value) -> (Document, Outcome) {
        let mut root = json!({ "scenes": [{ "nodes": [0] }], "nodes": nodes });
        root.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let mut document = Document { root: root.as_object().unwrap().clone(), ..Document::default() };
        let outcome = run_alone(&Flatten, &mut document, Settings::default());
        (document, outcome)
    }

    #[test]
    fn groups_hand_their_transform_on() {
        let nodes = json!([
            { "children": [1], "scale": [2, 2, 2] },
            { "children": [2, 3], "translation": [1, 0, 0] },
            { "mesh": 0, "translation": [0, 1, 0] },
            { "mesh": 1 },
        ]);
        let (document, _) = run(nodes, json!({}));
        let expected = json!([
            { "mesh": 0, "translation": [2, 2, 0], "scale": [2, 2, 2] },
            { "mesh": 1, "translation": [2, 0, 0], "scale": [2, 2, 2] },
        ]);
        assert_eq!(document.root["nodes"], expected);
        assert_eq!(document.root["scenes"], json!([{ "nodes": [0, 1] }]));
    }

    /// The extension is a name alone, and the unnamed root that it promises to engines was taken out.
    #[test]
    fn regression_the_one_root_of_a_file_stays() {
        let nodes = json!([{ "children": [1, 2] }, { "mesh": 0 }, { "mesh": 1 }]);
        let (document, outcome) = run(nodes.clone(), json!({ "extensionsUsed": ["GODOT_single_root"] }));
        assert!(
            matches!(&outcome, Outcome::Unchanged(why) if why.contains("GODOT_single_root")),
            "{outcome:?}"
        );
        assert_eq!(document.root["nodes"], nodes);
        assert_eq!(run(nodes, json!({})).0.list("nodes").len(), 2);
    }

    #[test]
    fn a_name_below_keeps_a_group_that_moves_it() {
        let nodes = json!([{ "children": [1], "scale": [2, 2, 2] }, { "name": "door", "mesh": 0 }]);
        assert!(matches!(run(nodes, json!({})).1, Outcome::Unchanged(_)));
        let nodes = json!([{ "children": [1] }, { "name": "door", "mesh": 0 }]);
        assert_eq!(run(nodes, json!({})).0.root["nodes"], json!([{ "name": "door", "mesh": 0 }]));
    }

    #[test]
    fn an_animated_group_stays_and_references_follow() {
        let nodes =
            json!([{ "children": [1, 2] }, { "children": [3] }, { "children": [4] }, { "mesh": 0 }, {}]);
        let animations =
            json!({ "animations": [{ "channels": [{ "target": { "node": 2, "path": "scale" } }] }] });
        let (document, _) = run(nodes, animations);
        assert_eq!(document.root["nodes"], json!([{ "children": [2] }, { "mesh": 0 }, {}]));
        assert_eq!(document.root["scenes"], json!([{ "nodes": [1, 0] }]));
        assert_eq!(document.root["animations"][0]["channels"][0]["target"]["node"], json!(0));
    }

    #[test]
    fn what_would_shear_stays() {
        let nodes = json!([
            { "children": [1], "scale": [1, 5, 1] },
            { "mesh": 0, "rotation": [0, 0, 0.6, 0.8] },
        ]);
        assert!(matches!(run(nodes, json!({})).1, Outcome::Unchanged(_)));
    }
}
