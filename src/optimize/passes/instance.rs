//! instance: many nodes that draw the same mesh become one node with a list of places (EXT_mesh_gpu_instancing).
//!
//! Viewers without the extension would draw one copy only, so it becomes required, and there must be a gain: at least
//! [`FEWEST`] copies, less JSON, and one draw call instead of many.
//! Declines for `universal`, for nodes that are not plain ([`plain_nodes`]) or group others, for meshes with morph
//! targets, for transparent materials, which are sorted by node, for places that mirror or shear, and when
//! `nodes=keep`.

use std::collections::BTreeMap;

use serde_json::json;

use super::plain_nodes::{self, Parent, children};
use super::{Context, Outcome, Pass, counted};
use crate::optimize::Error;
use crate::optimize::document::matrix::{self, Placing};
use crate::optimize::document::primitives::{self, as_index};
use crate::optimize::document::{Accessor, Document, Shape};
use crate::optimize::settings::{Nodes, Target};

/// See the module.
pub(super) struct Instance;

const EXTENSION: &str = "EXT_mesh_gpu_instancing";

/// Fewer copies are not worth a required extension.
const FEWEST: usize = 16;

/// JSON of an accessor and its view, in bytes.
const ACCESSOR_BYTES: usize = 250;

impl Pass for Instance {
    fn name(&self) -> &'static str {
        "instance"
    }

    fn renumbers(&self) -> bool {
        true
    }

    fn run(&self, document: &mut Document, context: &mut Context) -> Result<Outcome, Error> {
        if context.settings.target == Target::Universal {
            return Ok(Outcome::Unchanged("not every viewer knows instancing".into()));
        }
        if context.settings.nodes == Nodes::Keep {
            return Ok(Outcome::Unchanged("all nodes are to stay".into()));
        }
        let mut keep = vec![true; document.list("nodes").len()];
        let mut notes = Vec::new();
        for ((_, mesh), copies) in copies(document) {
            let Some(node) = instanced(document, mesh, &copies) else { continue };
            notes.push(format!(
                "{} of mesh {mesh} became instances of one",
                counted(copies.len(), "node", "nodes")
            ));
            enter(document, node, &copies);
            copies[1..].iter().for_each(|&copy| keep[copy] = false);
        }
        if notes.is_empty() {
            return Ok(Outcome::Unchanged("no mesh is drawn by many nodes that could be one".into()));
        }
        plain_nodes::remove(document, &keep);
        document.declare_extension(EXTENSION, true);
        Ok(Outcome::Changed(notes))
    }
}

/// The nodes below one parent that draw one mesh and nothing else.
fn copies(document: &Document) -> BTreeMap<(Parent, usize), Vec<usize>> {
    let mut found: BTreeMap<(Parent, usize), Vec<usize>> = BTreeMap::new();
    let parents = plain_nodes::parents(document).into_iter().zip(document.list("nodes"));
    for (index, (parent, node)) in parents.enumerate() {
        let is_leaf = children(&node["children"]).is_empty();
        if let (Some(parent), Some(mesh), true) = (parent, as_index(&node["mesh"]), is_leaf) {
            found.entry((parent, mesh)).or_default().push(index);
        }
    }
    found.retain(|(_, mesh), copies| copies.len() >= FEWEST && can_be_instanced(document, *mesh));
    found
}

fn can_be_instanced(document: &Document, mesh: usize) -> bool {
    let json = &document.list("meshes")[mesh];
    let primitives = json["primitives"].as_array().map_or(&[][..], Vec::as_slice);
    let is_sorted = |material: usize| super::is_sorted(&document.list("materials")[material]);
    !primitives.iter().any(|primitive| {
        primitive.get("targets").is_some() || primitives::materials(document, primitive).any(is_sorted)
    })
}

/// The attributes that stand for the places of the copies.
struct Instanced {
    mesh: usize,
    attributes: Vec<(&'static str, Accessor)>,
}

/// `None` where some place cannot be an instance, or where that would save nothing.
fn instanced(document: &Document, mesh: usize, copies: &[usize]) -> Option<Instanced> {
    let nodes = document.list("nodes");
    let placed = |&copy: &usize| {
        let matrix = matrix::of_node(&nodes[copy], None);
        Placing::of(&matrix).filter(|_| matrix::determinant(&matrix) > 0.0)
    };
    let placings: Vec<Placing> = copies.iter().map(placed).collect::<Option<_>>()?;
    let floats = |list: Vec<f64>| list.into_iter().map(|number| number as f32).collect::<Vec<f32>>();
    let all = [
        (
            "TRANSLATION",
            Shape::Vec3,
            floats(placings.iter().flat_map(|p| p.translation).collect()),
            vec![0.0; 3],
        ),
        (
            "ROTATION",
            Shape::Vec4,
            floats(placings.iter().flat_map(|p| p.rotation).collect()),
            vec![0.0, 0.0, 0.0, 1.0],
        ),
        ("SCALE", Shape::Vec3, floats(placings.iter().flat_map(|p| p.scale).collect()), vec![1.0; 3]),
    ];
    let differs = |values: &[f32], rest: &[f32]| values.chunks(rest.len()).any(|value| value != rest);
    let attributes: Vec<(&str, Accessor)> = all
        .into_iter()
        .filter(|(name, _, values, rest)| *name == "TRANSLATION" || differs(values, rest))
        .map(|(name, shape, values, _)| (name, Accessor::from_floats(shape, &values)))
        .collect();
    // With its number in the list of children.
    let before: usize = copies.iter().map(|&copy| nodes[copy].to_string().len() + 4).sum();
    let after: usize = attributes.iter().map(|(_, accessor)| accessor.bytes().len() + ACCESSOR_BYTES).sum();
    (after < before).then_some(Instanced { mesh, attributes })
}

/// Puts all copies into the first one.
fn enter(document: &mut Document, node: Instanced, copies: &[usize]) {
    let mut attributes = serde_json::Map::new();
    for (name, accessor) in node.attributes {
        attributes.insert(name.to_owned(), document.accessors.len().into());
        document.accessors.push(accessor);
    }
    document.list_mut("nodes")[copies[0]] =
        json!({ "mesh": node.mesh, "extensions": { EXTENSION: { "attributes": attributes } } });
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::optimize::passes::run_alone;
    use crate::optimize::settings::Settings;

    /// So many nodes with one mesh below one parent.
    fn run(count: usize, change: impl Fn(&mut Value), settings: Settings) -> (Document, Outcome) {
        let place =
            |i: usize| json!({ "mesh": 0, "matrix": [0, 0, -2, 0, 0, 2, 0, 0, 2, 0, 0, 0, i, 0.125, 0, 1] });
        let mut nodes: Vec<Value> = vec![json!({ "children": (1..=count).collect::<Vec<_>>() })];
        nodes.extend((1..=count).map(place));
        change(&mut nodes[1]);
        let root = json!({
            "scenes": [{ "nodes": [0] }], "nodes": nodes, "materials": [{ "alphaMode": "BLEND" }],
            "meshes": [{ "primitives": [{ "attributes": {} }] }],
        });
        let mut document = Document { root: root.as_object().unwrap().clone(), ..Document::default() };
        let outcome = run_alone(&Instance, &mut document, settings);
        (document, outcome)
    }

    #[test]
    fn many_copies_become_one_node_with_a_list_of_places() {
        let (document, _) = run(60, |_| {}, Settings::default());
        let attributes = json!({ "TRANSLATION": 0, "ROTATION": 1, "SCALE": 2 });
        let instanced = json!({ "mesh": 0, "extensions": { EXTENSION: { "attributes": attributes } } });
        assert_eq!(document.root["nodes"], json!([{ "children": [1] }, instanced]));
        assert_eq!(document.root["extensionsRequired"], json!([EXTENSION]));
        assert_eq!(document.accessors[0].vectors::<3>()[59], [60.0, 0.125, 0.0]);
        let half = std::f32::consts::FRAC_1_SQRT_2;
        assert_eq!(document.accessors[1].vectors::<4>()[7], [0.0, half, 0.0, half]);
        assert_eq!(document.accessors[2].vectors::<3>()[0], [2.0; 3]);
    }

    #[test]
    fn a_copy_with_a_name_stays_a_node() {
        let (document, _) = run(60, |node| node["name"] = "door".into(), Settings::default());
        assert_eq!(document.list("nodes").len(), 3);
        assert_eq!(document.list("nodes")[1]["name"], "door");
        assert_eq!(document.accessors[0].count, 59);
    }

    #[test]
    fn few_copies_mirrored_ones_and_other_targets_stay_as_they_are() {
        let universal = Settings { target: Target::Universal, ..Settings::default() };
        let kept = Settings { nodes: Nodes::Keep, ..Settings::default() };
        let mirrored = |node: &mut Value| *node = json!({ "mesh": 0, "scale": [-1, 1, 1] });
        for (document, outcome) in [
            run(5, |_| {}, Settings::default()),
            run(60, |_| {}, universal),
            run(60, |_| {}, kept),
            run(60, mirrored, Settings::default()),
        ] {
            assert!(matches!(outcome, Outcome::Unchanged(_)));
            assert!(document.accessors.is_empty());
        }
    }

    #[test]
    fn transparent_copies_are_sorted_one_by_one() {
        let root = json!({
            "materials": [{ "alphaMode": "BLEND" }],
            "meshes": [{ "primitives": [{ "material": 0 }] }, { "primitives": [{}] }],
        });
        let document = Document { root: root.as_object().unwrap().clone(), ..Document::default() };
        assert!(!can_be_instanced(&document, 0) && can_be_instanced(&document, 1));
    }
}
