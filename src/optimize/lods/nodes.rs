//! Which nodes can have levels of detail, and how MSFT_lod names those.
//!
//! A loader puts a coarser node into the place of the finest one: below the same parent, with a transform of its own, and
//! with nothing of what the finest one holds besides. So it gets the same transform, skin, weights and instances, animation
//! moves it alike, and a node declines that would take more with it than its mesh. Coarser nodes are in no scene:
//! whoever does not know the extension never draws them.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::graft::rename;
use crate::optimize::document::primitives::as_index;
use crate::optimize::document::refs::{self, At, Kind};
use crate::optimize::document::{Document, edit};

pub(super) const EXTENSION: &str = "MSFT_lod";

/// From which part of the screen on each level is drawn.
const COVERAGE: &str = "MSFT_screencoverage";

/// What a coarser node has in common with the finest one.
const MEMBERS: [&str; 6] = ["skin", "weights", "matrix", "translation", "rotation", "scale"];

/// Extensions that mean the same on a coarser node.
const EXTENSIONS: [&str; 4] =
    ["EXT_mesh_gpu_instancing", "KHR_node_visibility", "KHR_node_selectability", "KHR_node_hoverability"];

/// A node with levels of detail, or to which they can be given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Carrier {
    pub(super) node: usize,
    pub(super) mesh: usize,
    /// Its coarser nodes, finest first.
    pub(super) levels: Vec<usize>,
}

/// The nodes that can have levels, and the others that draw a mesh, by what they decline for.
pub(super) fn carriers(document: &Document) -> (Vec<Carrier>, BTreeMap<String, Vec<usize>>) {
    let shown = shown(document);
    let referrers = Referrers::of(document);
    let (mut carriers, mut declined) = (Vec::new(), BTreeMap::<String, Vec<usize>>::new());
    for (index, node) in document.list("nodes").iter().enumerate() {
        let Some(mesh) = as_index(&node["mesh"]) else { continue };
        let reason = if shown[index] { why_not(node).map(str::to_owned) } else { Some(NOT_SHOWN.into()) };
        match reason.or_else(|| referrers.why_not(index, mesh)) {
            Some(reason) => declined.entry(reason).or_default().push(index),
            None => carriers.push(Carrier { node: index, mesh, levels: Vec::new() }),
        }
    }
    (carriers, declined)
}

const NOT_SHOWN: &str = "no scene shows them";

/// Which nodes some scene shows.
fn shown(document: &Document) -> Vec<bool> {
    let nodes = document.list("nodes");
    let mut shown = vec![false; nodes.len()];
    let below =
        |list: &Value| -> Vec<usize> { list.as_array().into_iter().flatten().filter_map(as_index).collect() };
    let mut waiting: Vec<usize> =
        document.list("scenes").iter().flat_map(|scene| below(&scene["nodes"])).collect();
    while let Some(node) = waiting.pop() {
        if !std::mem::replace(&mut shown[node], true) {
            waiting.extend(below(&nodes[node]["children"]));
        }
    }
    shown
}

/// Why a node, for what it holds, has no levels.
fn why_not(node: &Value) -> Option<&'static str> {
    let extensions = || node["extensions"].as_object().into_iter().flat_map(Map::keys);
    let extras = node.get("extras");
    if extensions().any(|name| name == EXTENSION) {
        return Some("they have levels already");
    }
    if node["children"].as_array().is_some_and(|children| !children.is_empty()) {
        return Some("they have children, which would vanish with them");
    }
    if node.get("camera").is_some() || !extensions().all(|name| EXTENSIONS.contains(&name.as_str())) {
        return Some("they hold a camera, a light or another extension, which would vanish with them");
    }
    if extras.is_some_and(|extras| !extras.is_object()) {
        return Some("their extras are no object, where the screen coverage is written");
    }
    if extras.is_some_and(|extras| extras.get(COVERAGE).is_some()) {
        return Some("their extras speak of screen coverage already");
    }
    None
}

/// What refers to nodes and meshes beside the scene tree and animations, by the list that it is in: it means the finest
/// one only.
struct Referrers {
    nodes: BTreeMap<usize, String>,
    meshes: BTreeMap<usize, String>,
}

impl Referrers {
    fn of(document: &Document) -> Self {
        let mut referrers = Self { nodes: BTreeMap::new(), meshes: BTreeMap::new() };
        refs::visit(&document.root, &mut |at, kind, _, value| {
            let Some(index) = as_index(value) else { return };
            let list = at.list().to_owned();
            match kind {
                Kind::Node if !is_of_the_tree(at) => referrers.nodes.insert(index, list),
                Kind::Mesh if (at.list(), at.name()) != ("nodes", "mesh") => {
                    referrers.meshes.insert(index, list)
                }
                _ => None,
            };
        });
        referrers
    }

    fn why_not(&self, node: usize, mesh: usize) -> Option<String> {
        let of_node = self.nodes.get(&node).map(|list| format!("/{list} refers to them"));
        of_node.or_else(|| self.meshes.get(&mesh).map(|list| format!("/{list} refers to their meshes")))
    }
}

/// Whether a reference to a node is one that levels can live with.
fn is_of_the_tree(at: &At) -> bool {
    matches!(
        (at.list(), at.slot(), at.name()),
        ("scenes", "nodes", _) | ("nodes", "children", _) | ("animations", "target", "node")
    )
}

/// Gives a node one more level, which draws `mesh`. `part` of the side of a view is what the mesh fills where errors are as
/// large as they were measured.
pub(super) fn attach(document: &mut Document, carrier: &mut Carrier, mesh: usize, part: f64) {
    let finest = &document.list("nodes")[carrier.node];
    let mut node = coarser(finest, mesh);
    if let Some(name) = finest.get("name") {
        node["name"] = name.clone();
    }
    rename(&mut node, &ending(carrier.levels.len() + 1));
    let level = edit::push(document, Kind::Node, node);
    carrier.levels.push(level);
    move_alike(document, carrier.node, level);
    let finest = &mut document.list_mut("nodes")[carrier.node];
    finest["extensions"][EXTENSION]["ids"] = json!(carrier.levels);
    finest["extras"][COVERAGE] = coverage(part, carrier.levels.len()).into();
    document.declare_extension(EXTENSION, false);
}

/// Takes away what was said of levels.
pub(super) fn forget_levels(document: &mut Document, carriers: &[Carrier]) {
    for carrier in carriers {
        let node = &mut document.list_mut("nodes")[carrier.node];
        for (member, name) in [("extensions", EXTENSION), ("extras", COVERAGE)] {
            let Some(object) = node.get_mut(member).and_then(Value::as_object_mut) else { continue };
            object.shift_remove(name);
            if object.is_empty()
                && let Some(node) = node.as_object_mut()
            {
                node.shift_remove(member);
            }
        }
    }
    let is_used = document.list("nodes").iter().any(|node| node["extensions"][EXTENSION].is_object());
    if !is_used {
        document.undeclare_extension(EXTENSION);
    }
}

/// What the names of a level end in.
pub(super) fn ending(level: usize) -> String {
    format!("_lod{level}")
}

/// A node that can stand in the place of the finest one.
fn coarser(finest: &Value, mesh: usize) -> Value {
    let mut node = json!({ "mesh": mesh });
    for member in MEMBERS {
        if let Some(value) = finest.get(member) {
            node[member] = value.clone();
        }
    }
    if let Some(extensions) = finest.get("extensions").and_then(Value::as_object) {
        let copied = extensions.iter().filter(|(name, _)| EXTENSIONS.contains(&name.as_str()));
        let copied: Map<String, Value> = copied.map(|(name, value)| (name.clone(), value.clone())).collect();
        if !copied.is_empty() {
            node["extensions"] = copied.into();
        }
    }
    node
}

/// Lets every animation that moves a node move another one by the same keys.
fn move_alike(document: &mut Document, node: usize, other: usize) {
    for animation in document.list_mut("animations") {
        let Some(channels) = animation.get_mut("channels").and_then(Value::as_array_mut) else { continue };
        let mut more: Vec<Value> = channels
            .iter()
            .filter(|channel| as_index(&channel["target"]["node"]) == Some(node))
            .cloned()
            .collect();
        for channel in &mut more {
            channel["target"]["node"] = other.into();
        }
        channels.extend(more);
    }
}

/// The part of the screen above which each level is drawn, the finest first. What a level may lose doubles with each: it is
/// meant to be looked at from twice as far, where it covers a quarter. The coarsest never vanishes.
fn coverage(part: f64, levels: usize) -> Vec<f64> {
    let at = |level: i32| three_digits(part * part * 0.25f64.powi(level));
    (1..).take(levels).map(at).chain([0.0]).collect()
}

fn three_digits(value: f64) -> f64 {
    format!("{value:.2e}").parse().unwrap_or(value)
}

/// The document as it is seen where everything is at a level, or the coarsest that it has.
pub(super) fn seen_at(document: &Document, carriers: &[Carrier], level: usize) -> Document {
    let mut document = document.clone();
    let nodes = document.list_mut("nodes");
    for carrier in carriers {
        if let Some(&coarser) = carrier.levels.get(..level).unwrap_or(&carrier.levels).last() {
            nodes[carrier.node]["mesh"] = nodes[coarser]["mesh"].clone();
        }
        for &level in &carrier.levels {
            if let Some(node) = nodes[level].as_object_mut() {
                node.shift_remove("mesh");
            }
        }
    }
    document
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(root: Value) -> Document {
        Document { root: root.as_object().unwrap().clone(), ..Document::default() }
    }

    #[test]
    fn a_coarser_node_stands_and_moves_as_the_finest_does_and_is_in_no_scene() {
        let mut document = document(json!({
            "scenes": [{ "nodes": [0] }],
            "nodes": [{ "name": "arm", "mesh": 0, "skin": 0, "weights": [0.5], "rotation": [0, 1, 0, 0],
                "extras": { "price": 3 },
                "extensions": { "EXT_mesh_gpu_instancing": { "attributes": { "TRANSLATION": 4 } } } }],
            "meshes": [{}, {}, {}],
            "animations": [{ "channels": [{ "sampler": 1, "target": { "node": 0, "path": "weights" } }] }],
        }));
        let (mut carriers, declined) = carriers(&document);
        assert_eq!((carriers.len(), declined.len()), (1, 0));
        attach(&mut document, &mut carriers[0], 1, 1.0);
        attach(&mut document, &mut carriers[0], 2, 1.0);
        let coarsest = json!({ "mesh": 2, "skin": 0, "weights": [0.5], "rotation": [0, 1, 0, 0],
            "extensions": { "EXT_mesh_gpu_instancing": { "attributes": { "TRANSLATION": 4 } } }, "name": "arm_lod2" });
        assert_eq!(document.list("nodes")[2], coarsest);
        let finest = &document.list("nodes")[0];
        assert_eq!(finest["extensions"][EXTENSION], json!({ "ids": [1, 2] }));
        assert_eq!(finest["extras"], json!({ "price": 3, "MSFT_screencoverage": [0.25, 0.0625, 0.0] }));
        assert_eq!(
            finest["extensions"]["EXT_mesh_gpu_instancing"],
            coarsest["extensions"]["EXT_mesh_gpu_instancing"]
        );
        assert_eq!(document.root["scenes"], json!([{ "nodes": [0] }]));
        assert_eq!(document.root["extensionsUsed"], json!([EXTENSION]));
        assert!(!document.root.contains_key("extensionsRequired"));
        let channels = document.list("animations")[0]["channels"].as_array().unwrap();
        let moved: Vec<&Value> = channels.iter().map(|channel| &channel["target"]["node"]).collect();
        assert_eq!(moved, [0, 1, 2]);
        assert!(channels.iter().all(|channel| channel["sampler"] == 1));
    }

    #[test]
    fn a_node_that_would_take_more_with_it_than_its_mesh_declines() {
        let lod = json!({ EXTENSION: { "ids": [8] } });
        let document = document(json!({
            "scenes": [{ "nodes": [0, 2, 3, 4, 5, 6, 7] }],
            "nodes": [
                { "mesh": 0, "children": [1] }, { "mesh": 0 }, { "mesh": 0, "extras": "a note" },
                { "mesh": 0, "extras": { "MSFT_screencoverage": [1] } }, { "mesh": 0, "extensions": lod },
                { "mesh": 0 }, { "mesh": 1 }, { "mesh": 0, "camera": 0 }, { "mesh": 0 },
            ],
            "meshes": [{}, {}],
            "skins": [{ "joints": [5] }],
            "extensions": { "VRM": { "blendShapeMaster": { "blendShapeGroups": [{ "binds": [{ "mesh": 1 }] }] } } },
        }));
        let (carriers, declined) = carriers(&document);
        assert_eq!(carriers.iter().map(|carrier| carrier.node).collect::<Vec<_>>(), [1]);
        let mut declined: Vec<(usize, &str)> =
            declined.iter().flat_map(|(why, nodes)| nodes.iter().map(|&node| (node, why.as_str()))).collect();
        declined.sort_unstable();
        for ((node, why), (expected, part)) in declined.iter().zip([
            (0, "children"),
            (2, "no object"),
            (3, "already"),
            (4, "levels already"),
            (5, "/skins refers to them"),
            (6, "/extensions refers to their meshes"),
            (7, "camera"),
            (8, "no scene"),
        ]) {
            assert!(*node == expected && why.contains(part), "{node}: {why}");
        }
        assert_eq!(declined.len(), 8);
    }

    #[test]
    fn a_level_is_seen_in_the_place_of_the_finest() {
        let document = document(json!({ "nodes": [{ "mesh": 0 }, { "mesh": 1 }, { "mesh": 2 }] }));
        let carriers = [Carrier { node: 0, mesh: 0, levels: vec![1, 2] }];
        let seen = |level| seen_at(&document, &carriers, level).root["nodes"].clone();
        assert_eq!(seen(0), json!([{ "mesh": 0 }, {}, {}]));
        assert_eq!(seen(1), json!([{ "mesh": 1 }, {}, {}]));
        assert_eq!(seen(5), json!([{ "mesh": 2 }, {}, {}]));
    }
}
