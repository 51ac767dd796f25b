//! Oddities between items: animations and what they move, morph targets and their meshes, joints and weights.

use serde_json::Value;

use super::{Oddities, list, top};
use crate::optimize::document::primitives::{self, as_index};
use crate::optimize::document::{Document, Shape};

pub(super) fn look(document: &Document, found: &mut Oddities) {
    for (at, animation) in top(&document.root, "animations") {
        for (at, channel) in list(animation, &at, "channels") {
            look_at_channel(document, animation, channel, &at, found);
        }
    }
    for (at, mesh) in top(&document.root, "meshes") {
        look_at_mesh(mesh, &at, found);
    }
    for (at, node) in top(&document.root, "nodes") {
        let weights = node["weights"].as_array().map(Vec::len);
        let mesh = as_index(&node["mesh"]).and_then(|mesh| document.list("meshes").get(mesh));
        if let (Some(weights), Some(mesh)) = (weights, mesh)
            && weights != targets(&mesh["primitives"][0])
        {
            found.note(format!("{at}/weights"), "are not as many as the mesh has morph targets");
        }
    }
}

fn targets(primitive: &Value) -> usize {
    primitive["targets"].as_array().map_or(0, Vec::len)
}

fn look_at_channel(document: &Document, animation: &Value, channel: &Value, at: &str, found: &mut Oddities) {
    let target = &channel["target"];
    let at_target = format!("{at}/target");
    let sampler = as_index(&channel["sampler"]).map_or(&Value::Null, |index| &animation["samplers"][index]);
    let output = as_index(&sampler["output"]).and_then(|index| document.accessors.get(index));
    let expected = match target["path"].as_str() {
        Some("translation" | "scale") => Some(Shape::Vec3),
        Some("rotation") => Some(Shape::Vec4),
        Some("weights") => {
            let node = as_index(&target["node"]).and_then(|node| document.list("nodes").get(node));
            let mesh = node.and_then(|node| document.list("meshes").get(as_index(&node["mesh"])?));
            if node.is_some() && mesh.is_none_or(|mesh| targets(&mesh["primitives"][0]) == 0) {
                found.note(&at_target, "moves weights of a node without morph targets");
            }
            Some(Shape::Scalar)
        }
        Some("pointer") => {
            let pointer = &target["extensions"]["KHR_animation_pointer"];
            if pointer.get("pointer").is_none() {
                found.note(&at_target, "has no \"pointer\"");
            }
            if target.get("node").is_some() {
                found.note(&at_target, "has a node besides its pointer");
            }
            None
        }
        path => {
            let path = path.unwrap_or("none");
            found.note(
                format!("{at_target}/path"),
                format!("{path:?} is unknown; the channel was kept as it is"),
            );
            None
        }
    };
    if let (Some(expected), Some(output)) = (expected, output)
        && output.shape != expected
    {
        let (is, must) = (output.shape.name(), expected.name());
        found.note(at, format!("has values of type {is}, not {must}"));
    }
}

fn look_at_mesh(mesh: &Value, at: &str, found: &mut Oddities) {
    let first = targets(&mesh["primitives"][0]);
    for (at, primitive) in list(mesh, at, "primitives") {
        if targets(primitive) != first {
            found.note(&at, "does not have as many morph targets as the first primitive of the mesh");
        }
        let attributes = &primitive["attributes"];
        for (name, _) in primitives::attributes(attributes) {
            if let Some(set) = name.strip_prefix("JOINTS_")
                && attributes.get(format!("WEIGHTS_{set}")).is_none()
            {
                found.note(format!("{at}/attributes/{name}"), format!("has no WEIGHTS_{set}"));
            }
        }
        for (at, target) in list(primitive, &at, "targets") {
            for (name, _) in primitives::attributes(target) {
                if attributes.get(name).is_none() {
                    found
                        .note(format!("{at}/{name}"), "morphs an attribute that the primitive does not have");
                }
            }
        }
    }
}
