//! Where joints and nodes with meshes are in many moments of every clip: what moves is compared where no picture looks.
//!
//! Both files are asked for the same seconds. A node is compared by how far it takes its mesh from where that rests, since
//! what is packed into integers begins elsewhere in its node; a joint by where it is.

use std::collections::HashMap;

use glam::{Mat4, Vec3};
use rayon::prelude::*;
use serde_json::Value;

use super::render::pose::{Clip, Pose};
use super::views::MOMENTS;
use crate::optimize::document::Document;
use crate::optimize::document::primitives::as_index;

/// Moments of a clip beside those of pictures: the middles of as many equal parts.
const PARTS: usize = 16;

/// Nodes that are posed at most, counted once for each moment, clips together: some 0.2 s. Where there are more, moments are
/// left out evenly, so that of thousands of clips not every one is looked at.
const MOST_POSED: usize = 400_000;

/// The shortest duration by which another is divided, in seconds.
const INSTANT: f32 = 1e-3;

/// What a box has.
const CORNERS: usize = 8;

/// An original in motion.
pub(super) struct Motion {
    /// How long each clip is, in seconds.
    durations: Vec<f32>,
    /// Index of a clip, and seconds.
    moments: Vec<(usize, f32)>,
    /// The original at rest and then in each moment.
    stances: Vec<Stance>,
    /// Nodes with a mesh, what they are called, and the box around what each shows at rest.
    nodes: Vec<(usize, Option<String>)>,
    boxes: HashMap<usize, [Vec3; 2]>,
}

/// Where everything is at a moment.
struct Stance {
    joints: Vec<Vec3>,
    /// From where the node's mesh rests to where it is; `None` where it is not shown, or rests without a size.
    nodes: Vec<Option<Mat4>>,
}

impl Motion {
    /// Plays the original; `boxes` are around what its nodes show at rest.
    pub(super) fn of(document: &Document, boxes: HashMap<usize, [Vec3; 2]>) -> Self {
        let durations = durations(document);
        let moments = moments(&durations, document.list("nodes").len());
        let nodes = with_meshes(document);
        let indices: Vec<usize> = nodes.iter().map(|(index, _)| *index).collect();
        let stances = stances(document, &moments, &indices);
        Self { durations, moments, stances, nodes, boxes }
    }

    /// How far a joint or a node's mesh is from where it was, at most, in units of the scene; `None` where there are other
    /// numbers of joints.
    pub(super) fn distance(&self, after: &Document) -> Option<f32> {
        let pairs = self.pairs(after);
        let theirs: Vec<usize> = pairs.iter().map(|(_, theirs)| *theirs).collect();
        let after = stances(after, &self.moments, &theirs);
        let mut farthest = 0.0f32;
        for (before, after) in self.stances.iter().zip(&after) {
            if before.joints.len() != after.joints.len() {
                return None;
            }
            let joints = before.joints.iter().zip(&after.joints).map(|(a, b)| a.distance(*b));
            let nodes = pairs.iter().zip(&after.nodes).map(|((ours, _), moved)| {
                let moved = before.nodes[*ours].zip(*moved);
                moved.map_or(0.0, |moved| self.apart(self.nodes[*ours].0, moved))
            });
            farthest = joints.chain(nodes).fold(farthest, f32::max);
        }
        Some(farthest)
    }

    /// The largest difference of a clip's duration, as a part of it, 1 where it is gone; `None` where there are no clips.
    pub(super) fn longer_or_shorter(&self, after: &Document) -> Option<f32> {
        let after = durations(after);
        let change = |(clip, before): (usize, &f32)| match after.get(clip) {
            Some(after) => (after - before).abs() / before.max(INSTANT),
            None => 1.0,
        };
        self.durations.iter().enumerate().map(change).reduce(f32::max)
    }

    /// Places in `nodes`, and the nodes of the result that are the same ones: by their order where there are as many, else by
    /// names that no other has.
    fn pairs(&self, after: &Document) -> Vec<(usize, usize)> {
        let theirs = with_meshes(after);
        if theirs.len() == self.nodes.len() {
            return theirs.iter().enumerate().map(|(place, (index, _))| (place, *index)).collect();
        }
        let (ours, theirs) = (by_name(&self.nodes), by_name(&theirs));
        let place = |index: usize| self.nodes.iter().position(|(other, _)| *other == index);
        let pairs = ours.iter().filter_map(|(name, &index)| Some((place(index)?, *theirs.get(name)?)));
        let mut pairs: Vec<(usize, usize)> = pairs.collect();
        pairs.sort_unstable();
        pairs
    }

    /// How far two transforms take the corners of what a node shows from each other.
    fn apart(&self, node: usize, (a, b): (Mat4, Mat4)) -> f32 {
        let Some([low, high]) = self.boxes.get(&node) else { return 0.0 };
        let corner = |number: usize| {
            let pick = |axis: usize| if number >> axis & 1 == 0 { low[axis] } else { high[axis] };
            Vec3::new(pick(0), pick(1), pick(2))
        };
        let apart =
            (0..CORNERS).map(corner).map(|at| a.transform_point3(at).distance(b.transform_point3(at)));
        apart.fold(0.0, f32::max)
    }
}

fn durations(document: &Document) -> Vec<f32> {
    (0..document.list("animations").len()).map(|clip| Clip::duration(document, clip)).collect()
}

/// The moments that are looked at, in the order of clips.
fn moments(durations: &[f32], nodes: usize) -> Vec<(usize, f32)> {
    let even = (0..PARTS).map(|part| (part as f32 + 0.5) / PARTS as f32);
    let parts: Vec<f32> = even.chain(MOMENTS).collect();
    let count = parts.len() * durations.len();
    let chosen = super::views::spread(count, MOST_POSED / nodes.max(1));
    let moment = |number: usize| {
        let clip = number / parts.len();
        (clip, durations[clip] * parts[number % parts.len()])
    };
    chosen.map(moment).collect()
}

/// At rest, and then in each moment.
fn stances(document: &Document, moments: &[(usize, f32)], nodes: &[usize]) -> Vec<Stance> {
    let rest = Pose::of(document, None);
    let at_rest = |node: usize| rest.world.get(node).copied().flatten();
    let back: Vec<Option<Mat4>> = nodes.iter().map(|&node| at_rest(node).and_then(inverse)).collect();
    let stance = |pose: &Pose| Stance {
        joints: pose.joints(document),
        nodes: nodes
            .iter()
            .zip(&back)
            .map(|(&node, back)| Some(pose.world.get(node).copied().flatten()? * (*back)?))
            .collect(),
    };
    let of_clip = |moments: &[(usize, f32)]| -> Vec<Stance> {
        let clip = Clip::read(document, moments[0].0);
        moments.iter().map(|(_, seconds)| stance(&Pose::at(document, &clip, *seconds))).collect()
    };
    let clips: Vec<&[(usize, f32)]> = moments.chunk_by(|a, b| a.0 == b.0).collect();
    let played: Vec<Vec<Stance>> = clips.into_par_iter().map(of_clip).collect();
    std::iter::once(stance(&rest)).chain(played.into_iter().flatten()).collect()
}

fn inverse(matrix: Mat4) -> Option<Mat4> {
    let inverse = matrix.inverse();
    inverse.is_finite().then_some(inverse)
}

/// The nodes that move a mesh, and their names.
fn with_meshes(document: &Document) -> Vec<(usize, Option<String>)> {
    let name = |node: &Value| node["name"].as_str().map(str::to_owned);
    let nodes = document.list("nodes").iter().enumerate();
    // A skin's mesh is where its joints are, wherever its node is.
    let nodes = nodes.filter(|(_, node)| as_index(&node["mesh"]).is_some() && node.get("skin").is_none());
    nodes.map(|(index, node)| (index, name(node))).collect()
}

/// The nodes whose names no other has.
fn by_name(nodes: &[(usize, Option<String>)]) -> HashMap<&str, usize> {
    let mut counts: HashMap<&str, (usize, usize)> = HashMap::new();
    for (index, name) in nodes.iter().filter_map(|(index, name)| Some((index, name.as_deref()?))) {
        counts.entry(name).or_insert((*index, 0)).1 += 1;
    }
    counts.into_iter().filter(|(_, (_, count))| *count == 1).map(|(name, (index, _))| (name, index)).collect()
}
