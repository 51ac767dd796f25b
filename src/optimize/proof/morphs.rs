//! What each morph target adds, whether anything plays it or not.
//!
//! A target is compared by the box around the ways on which it takes vertices, at weight 1 and in the world: welding, another
//! order of vertices, and packing into integers leave that as it is.

use glam::Vec3;
use rayon::prelude::*;
use serde_json::Value;

use super::render;
use super::render::model::{Draw, Model};
use crate::optimize::document::Document;
use crate::optimize::document::primitives::as_index;

/// Vertices that are moved at most, counted once for each target, all nodes together: a second or two. Where there are more,
/// targets are only counted.
const MOST_MOVED: usize = 50_000_000;

/// How far off a target is that is gone, as a part of the radius.
const GONE: f32 = 1.0;

/// A node that shows a mesh with morph targets.
pub(super) struct Morphs {
    node: Option<String>,
    mesh: String,
    targets: Vec<Target>,
}

/// A morph target.
struct Target {
    name: Option<String>,
    /// The box around where it takes vertices from where they were, and nowhere; `None` where that was not measured.
    ways: Option<[Vec3; 2]>,
}

/// The morph targets of everything that is shown at rest.
pub(super) fn morphs(model: &Model) -> Vec<Morphs> {
    let document = model.document;
    let nodes = document.list("nodes").iter().enumerate();
    let nodes = nodes.filter_map(|(index, node)| Some((index, node, as_index(&node["mesh"])?)));
    let count = |mesh: usize| targets_of(document, mesh).map_or(0, Vec::len);
    let still = |(index, node, mesh)| {
        let draws = model.morphed(index, Vec::new());
        (count(mesh) > 0 && !draws.is_empty()).then_some((index, node, mesh, draws))
    };
    let shown: Vec<(usize, &Value, usize, Vec<Draw>)> = nodes.filter_map(still).collect();
    let moved: usize = shown.iter().map(|(_, _, mesh, draws)| count(*mesh) * render::vertices(draws)).sum();
    let of_node = |(index, node, mesh, still): &(usize, &Value, usize, Vec<Draw>)| {
        let name = &document.list("meshes")[*mesh];
        let ways = |target| (moved <= MOST_MOVED).then(|| ways(model, *index, target, still));
        let target = |number: usize| Target {
            name: name["extras"]["targetNames"][number].as_str().map(str::to_owned),
            ways: ways(number),
        };
        Morphs {
            node: node["name"].as_str().map(str::to_owned),
            mesh: name["name"]
                .as_str()
                .map_or(format!("mesh {mesh}"), |name| format!("mesh {mesh} \"{name}\"")),
            targets: (0..count(*mesh)).into_par_iter().map(target).collect(),
        }
    };
    shown.iter().map(of_node).collect()
}

fn targets_of(document: &Document, mesh: usize) -> Option<&Vec<Value>> {
    document.list("meshes").get(mesh)?["primitives"][0]["targets"].as_array()
}

/// The box around the ways of a node's vertices from where they are without any target.
fn ways(model: &Model, node: usize, target: usize, still: &[Draw]) -> [Vec3; 2] {
    let mut weights = vec![0.0; target + 1];
    weights[target] = 1.0;
    let moved = model.morphed(node, weights);
    let pairs =
        moved.iter().zip(still).flat_map(|(to, from)| to.positions().into_iter().zip(from.positions()));
    let ways = pairs.map(|(to, from)| to - from).filter(|way| way.is_finite());
    ways.fold([Vec3::ZERO; 2], |[low, high], way| [low.min(way), high.max(way)])
}

/// How far what a target adds is from what it added, at most, as a part of the radius, and which it is, for people; `None` where
/// the original has no targets.
pub(super) fn farthest(before: &[Morphs], after: &[Morphs], radius: f32) -> Option<(f32, String)> {
    let same = |place: usize, one: &Morphs| {
        if before.len() == after.len() {
            return after.get(place);
        }
        after.iter().find(|other| one.node.is_some() && other.node == one.node)
    };
    let all = before.iter().enumerate().flat_map(|(place, one)| one.apart(same(place, one), radius));
    all.max_by(|a, b| a.0.total_cmp(&b.0))
}

impl Morphs {
    /// How far each target is off, and what it is called.
    fn apart(&self, after: Option<&Self>, radius: f32) -> Vec<(f32, String)> {
        let of = |(number, target): (usize, &Target)| {
            let name = target.name.as_ref().map(|name| format!(" \"{name}\"")).unwrap_or_default();
            let there = after.and_then(|after| after.same(number, target));
            let apart = there.map_or(GONE, |there| target.apart(there) / radius);
            (apart, format!("morph target {number}{name} of {}", self.mesh))
        };
        self.targets.iter().enumerate().map(of).collect()
    }

    /// The target of that name, or of that number where the names are others.
    fn same(&self, number: usize, target: &Target) -> Option<&Target> {
        let named = self.targets.iter().find(|other| target.name.is_some() && other.name == target.name);
        named.or_else(|| self.targets.get(number))
    }
}

impl Target {
    fn apart(&self, other: &Self) -> f32 {
        let Some(([low, high], [other_low, other_high])) = self.ways.zip(other.ways) else { return 0.0 };
        low.distance(other_low).max(high.distance(other_high))
    }
}
