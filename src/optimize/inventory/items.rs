//! The meshes and animations of a file, one by one and in sum.
//!
//! Numbers are what the file claims: they may be anything. See [`super`] for where they are added up.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::spaces::{Counted, Part};
use super::{AnimationEntry, MeshEntry, accessor_count, list, sum};
use crate::optimize::document::primitives::{TRIANGLES, as_index, mode};

/// Every mesh, in the file's order.
pub(super) fn meshes(root: &Map<String, Value>, counted: &Counted) -> Vec<MeshEntry> {
    let entry = |(index, mesh): (usize, &Value)| {
        let primitives: Vec<&Value> = primitives(mesh).collect();
        let streams = primitives.iter().filter_map(|primitive| primitive["attributes"].as_object());
        let attributes: BTreeSet<&String> = streams.flat_map(Map::keys).collect();
        MeshEntry {
            name: name(mesh),
            primitives: primitives.len(),
            triangles: sum(primitives.iter().map(|primitive| triangles(root, primitive))),
            vertices: vertices(root, &primitives),
            attributes: attributes.into_iter().cloned().collect(),
            morph_targets: primitives.iter().map(|primitive| morph_targets(primitive)).sum(),
            bytes: counted.of(&[Part::Vertices, Part::Indices, Part::MorphTargets], index),
        }
    };
    list(root, "meshes").iter().enumerate().map(entry).collect()
}

/// Every animation, in the file's order.
pub(super) fn animations(root: &Map<String, Value>, counted: &Counted) -> Vec<AnimationEntry> {
    let entry = |(index, animation): (usize, &Value)| AnimationEntry {
        name: name(animation),
        channels: channels(animation).count(),
        keyframes: sum(channels(animation).map(|channel| keyframes(root, channel))),
        bytes: counted.of(&[Part::Animations], index),
    };
    list(root, "animations").iter().enumerate().map(entry).collect()
}

/// The primitives of a mesh.
pub(super) fn primitives(mesh: &Value) -> impl Iterator<Item = &Value> {
    mesh["primitives"].as_array().map_or(&[][..], Vec::as_slice).iter()
}

/// The channels of an animation, each with its animation.
pub(super) fn channels(animation: &Value) -> impl Iterator<Item = (&Value, &Value)> {
    let channels = animation["channels"].as_array().map_or(&[][..], Vec::as_slice);
    channels.iter().map(move |channel| (animation, channel))
}

/// The triangles of a primitive.
pub(super) fn triangles(root: &Map<String, Value>, primitive: &Value) -> u64 {
    let attributes = &primitive["attributes"];
    let drawn = if primitive["indices"].is_u64() { &primitive["indices"] } else { &attributes["POSITION"] };
    match mode(primitive) {
        TRIANGLES => accessor_count(root, drawn) / 3,
        5 | 6 => accessor_count(root, drawn).saturating_sub(2),
        _ => 0,
    }
}

/// The vertices of the distinct POSITION accessors.
pub(super) fn vertices(root: &Map<String, Value>, primitives: &[&Value]) -> u64 {
    let positions = primitives.iter().filter_map(|primitive| primitive["attributes"]["POSITION"].as_u64());
    let distinct: BTreeSet<u64> = positions.collect();
    sum(distinct.into_iter().map(|index| accessor_count(root, &index.into())))
}

/// The keyframes of a channel.
pub(super) fn keyframes(root: &Map<String, Value>, (animation, channel): (&Value, &Value)) -> u64 {
    let sampler = as_index(&channel["sampler"]).map(|index| &animation["samplers"][index]);
    sampler.map_or(0, |sampler| accessor_count(root, &sampler["input"]))
}

/// The morph targets of a primitive.
pub(super) fn morph_targets(primitive: &Value) -> usize {
    primitive["targets"].as_array().map_or(0, Vec::len)
}

fn name(item: &Value) -> Option<String> {
    item["name"].as_str().map(str::to_owned)
}
