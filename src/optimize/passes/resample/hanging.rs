//! What hangs on each node: its mesh, or the vertices that it pulls as a joint. Only boxes are kept.

use std::collections::BTreeSet;

use serde_json::Value;

use super::affine::{Affine, IDENTITY, length};
use crate::optimize::document::primitives::{self, PrimitiveId, as_index};
use crate::optimize::document::{Accessor, Document};

/// Corners of the box around what hangs on a node, in the node's space.
pub(super) type Corners = [[f32; 3]; 2];

/// Pairs of mesh and skin that are looked at vertex by vertex; joints of further ones count by their origins.
const SKINNED_MESHES: usize = 4096;

/// Makes a box large enough for a point.
pub(super) fn extend(around: &mut Option<Corners>, point: [f32; 3]) {
    let [least, most] = around.get_or_insert([point, point]);
    for axis in 0..3 {
        least[axis] = least[axis].min(point[axis]);
        most[axis] = most[axis].max(point[axis]);
    }
}

fn primitives_of(document: &Document, mesh: usize) -> impl Iterator<Item = &Value> {
    let count =
        document.list("meshes").get(mesh).and_then(|mesh| mesh["primitives"].as_array()).map_or(0, Vec::len);
    (0..count).map(move |primitive| primitives::json(document, PrimitiveId { mesh, primitive }))
}

/// What hangs on each node: its mesh, or the vertices of skinned meshes that it pulls as a joint.
pub(super) fn carried(document: &Document) -> Vec<Option<Corners>> {
    let nodes = document.list("nodes");
    let by_mesh: Vec<Option<Corners>> =
        (0..document.list("meshes").len()).map(|mesh| box_of(document, mesh)).collect();
    let mut boxes = vec![None; nodes.len()];
    let mut skinned = BTreeSet::new();
    for (index, node) in nodes.iter().enumerate() {
        let Some(mesh) = as_index(&node["mesh"]) else { continue };
        match as_index(&node["skin"]) {
            None => boxes[index] = by_mesh.get(mesh).copied().flatten(),
            Some(skin) => drop(skinned.insert((mesh, skin))),
        }
    }
    // Skins and meshes can be combined a million times over in a small file.
    for (mesh, skin) in skinned.into_iter().take(SKINNED_MESHES) {
        hang_on_joints(document, mesh, &document.list("skins")[skin], &mut boxes);
    }
    boxes
}

fn box_of(document: &Document, mesh: usize) -> Option<Corners> {
    let mut around = None;
    let positions =
        primitives_of(document, mesh).filter_map(|json| primitives::attribute(document, json, "POSITION"));
    for point in positions.flat_map(Accessor::vectors::<3>) {
        extend(&mut around, point);
    }
    around
}

fn hang_on_joints(document: &Document, mesh: usize, skin: &Value, boxes: &mut [Option<Corners>]) {
    let joints: Vec<usize> = skin["joints"].as_array().into_iter().flatten().filter_map(as_index).collect();
    let inverse = as_index(&skin["inverseBindMatrices"]).and_then(|index| document.accessors.get(index));
    let inverse = inverse.map(Accessor::vectors::<16>).unwrap_or_default();
    for json in primitives_of(document, mesh) {
        let attribute = |name| primitives::attribute(document, json, name);
        let (Some(points), Some(pulled), Some(weights)) =
            (attribute("POSITION"), attribute("JOINTS_0"), attribute("WEIGHTS_0"))
        else {
            continue;
        };
        let pulls = pulled.integers();
        let rows =
            points.vectors::<3>().into_iter().zip(pulls.as_chunks::<4>().0).zip(weights.vectors::<4>());
        for ((point, joint_numbers), weights) in rows {
            for (&number, weight) in joint_numbers.iter().zip(weights) {
                let Some(&joint) = joints.get(number as usize).filter(|_| weight > 0.0) else { continue };
                let bind = inverse.get(number as usize).map_or(IDENTITY, Affine::from_columns);
                extend(&mut boxes[joint], bind.point(point));
            }
        }
    }
}

/// By node: how far a morph target at weight 1 moves a vertex, at most.
pub(super) fn morphs(document: &Document) -> Vec<f32> {
    let furthest = |mesh: usize| {
        let targets = primitives_of(document, mesh)
            .flat_map(|json| json["targets"].as_array().into_iter().flatten())
            .filter_map(|target| document.accessors.get(as_index(&target["POSITION"])?));
        targets.flat_map(|accessor| accessor.vectors::<3>()).map(length).fold(0.0, f32::max)
    };
    let by_mesh: Vec<f32> = (0..document.list("meshes").len()).map(furthest).collect();
    let of_node = |node: &Value| as_index(&node["mesh"]).and_then(|mesh| by_mesh.get(mesh).copied());
    document.list("nodes").iter().map(|node| of_node(node).unwrap_or(0.0)).collect()
}
