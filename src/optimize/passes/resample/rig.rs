//! The rig: the node tree, what hangs on each node, and so how far an error in a track moves the model.
//!
//! A turned shoulder moves the hand. So the tolerance of a track is not an angle but a distance in world space,
//! as a part of the size of what moves: an angle is allowed that distance over the reach of everything below.
//! Reach is taken from the longest bones and the largest scales that occur, in any pose.

use super::affine::{Affine, IDENTITY, Pose, distance, length};
use super::hanging::{Corners, carried, extend, morphs};
use super::track::{Property, Track};
use crate::optimize::budget::Budget;
use crate::optimize::document::Document;
use crate::optimize::document::primitives::as_index;

/// What hangs on little or nothing could be an attachment point: it is taken to reach this part of the size.
const LEAST_REACH: f32 = 0.05;

/// How far a track goes: the length of its longest translation or the largest of its numbers.
pub(super) struct Extent {
    node: usize,
    property: Property,
    largest: f32,
}

impl Extent {
    /// `None` for tracks without a node.
    pub(super) fn of(track: &Track) -> Option<Self> {
        let largest = match track.property {
            Property::Translation => {
                track.values.as_chunks::<3>().0.iter().map(|v| length(*v)).fold(0.0, f32::max)
            }
            _ => track.values.iter().fold(0.0f32, |largest, value| largest.max(value.abs())),
        };
        Some(Self { node: track.node?, property: track.property, largest })
    }
}

/// See the module. Lists are by node.
pub(super) struct Rig {
    pub parents: Vec<Option<usize>>,
    /// Parents before children.
    pub order: Vec<usize>,
    /// How each node rests, in the world.
    pub world: Vec<Affine>,
    pub rest: Vec<Pose>,
    /// For nodes given by a matrix, which cannot be animated.
    pub fixed: Vec<Option<Affine>>,
    carried: Vec<Option<Corners>>,
    /// Largest scale of the node's own space, in the world, in any clip.
    scale: Vec<f32>,
    /// Distance from the node's origin to the furthest thing on or below it, in its own space.
    reach: Vec<f32>,
    /// Largest length of a difference between a morphed vertex and the base, in the node's space.
    morph: Vec<f32>,
    /// How far anything that moves with the node may be off, in world units.
    bound: Vec<f32>,
}

impl Rig {
    /// `extents` are those of the tracks of all clips.
    pub(super) fn of(document: &Document, extents: &[Extent], budget: &Budget) -> Self {
        let nodes = document.list("nodes");
        let (parents, order) = tree(document);
        let fixed: Vec<Option<Affine>> =
            nodes.iter().map(|node| node.get("matrix").map(|_| Affine::of(node))).collect();
        let mut world = vec![IDENTITY; nodes.len()];
        for &node in &order {
            let local = Affine::of(&nodes[node]);
            world[node] = parents[node].map_or(local, |parent: usize| world[parent].times(&local));
        }
        let mut rig = Self {
            rest: nodes.iter().map(Pose::of).collect(),
            carried: carried(document),
            morph: morphs(document),
            scale: vec![1.0; nodes.len()],
            reach: vec![0.0; nodes.len()],
            bound: vec![0.0; nodes.len()],
            parents,
            order,
            world,
            fixed,
        };
        rig.measure_reach(extents);
        rig.measure_bounds(extents, budget);
        rig
    }

    /// Points of a node that must not be off: corners of what hangs on it, or its origin.
    pub(super) fn points(&self, node: usize) -> Vec<[f32; 3]> {
        let Some(corners) = self.carried[node] else { return vec![[0.0; 3]] };
        let corner = |i: usize| std::array::from_fn(|axis| corners[(i >> axis) & 1][axis]);
        (0..8).map(corner).collect()
    }

    /// How far anything that moves with the node may be off, in world units.
    pub(super) fn bound(&self, node: usize) -> f32 {
        self.bound[node]
    }

    /// How far a track's values may be off: radians for rotations, else the unit of the property.
    pub(super) fn tolerance(&self, track: &Track, budget: &Budget) -> f32 {
        let Some(node) = track.node.filter(|&node| node < self.bound.len()) else { return 0.0 };
        let above = self.parents[node].map_or(1.0, |parent| self.scale[parent]);
        let own = self.scale[node];
        let radius = own * self.reach[node];
        let bound = self.bound[node];
        // What is collapsed to a point shows nothing now, but a script may unfold it.
        let over = |amount: f32| if amount > f32::MIN_POSITIVE { bound / amount } else { bound };
        match track.property {
            Property::Translation => over(above),
            Property::Rotation => over(radius).min(budget.turn_error),
            Property::Scale => over(above * self.reach[node]).min(budget.weight_error),
            Property::Weights => over(own * self.morph[node]).min(budget.weight_error),
            Property::Other => 0.0,
        }
    }

    fn measure_reach(&mut self, extents: &[Extent]) {
        let count = self.parents.len();
        let local = |node: usize| self.fixed[node].unwrap_or_else(|| self.rest[node].affine());
        let mut own_scale: Vec<f32> = (0..count).map(|node| local(node).largest_scale()).collect();
        let mut bone: Vec<f32> = (0..count).map(|node| length(local(node).0[3])).collect();
        for extent in extents {
            match extent.property {
                Property::Translation => bone[extent.node] = bone[extent.node].max(extent.largest),
                Property::Scale => own_scale[extent.node] = own_scale[extent.node].max(extent.largest),
                _ => {}
            }
        }
        for &node in &self.order {
            let above = self.parents[node].map_or(1.0, |parent| self.scale[parent]);
            self.scale[node] = above * own_scale[node];
        }
        for &node in self.order.iter().rev() {
            let furthest = self.points(node).into_iter().map(length).fold(0.0, f32::max);
            self.reach[node] = self.reach[node].max(furthest + self.morph[node]);
            if let Some(parent) = self.parents[node] {
                let here = bone[node] + own_scale[node] * self.reach[node];
                self.reach[parent] = self.reach[parent].max(here);
            }
        }
    }

    /// The size that counts for a node is that of its topmost animated ancestor: a figure in a town is not
    /// allowed the error of the town.
    fn measure_bounds(&mut self, extents: &[Extent], budget: &Budget) {
        let tops = self.tops(extents);
        let mut boxes: Vec<Option<Corners>> = vec![None; tops.len()];
        let mut whole = None;
        for (node, &top) in tops.iter().enumerate() {
            for point in self.points(node).into_iter().map(|point| self.world[node].point(point)) {
                if let Some(around) = top.map(|top| &mut boxes[top]) {
                    extend(around, point);
                }
                if self.carried[node].is_some() {
                    extend(&mut whole, point);
                }
            }
        }
        let size = |around: Option<Corners>| around.map_or(0.0, |[least, most]| distance(least, most));
        for (node, &top) in tops.iter().enumerate() {
            let own = top.map_or(0.0, |top| size(boxes[top]));
            let size = if own > 0.0 { own } else { size(whole) };
            if !size.is_finite() {
                continue;
            }
            self.bound[node] = size * budget.motion_error;
            let least = LEAST_REACH * size / self.scale[node];
            self.reach[node] = if least.is_finite() { self.reach[node].max(least) } else { self.reach[node] };
        }
    }

    /// The topmost animated ancestor of each node, itself included; `None` where there is none.
    fn tops(&self, extents: &[Extent]) -> Vec<Option<usize>> {
        let mut is_animated = vec![false; self.parents.len()];
        for extent in extents {
            is_animated[extent.node] = true;
        }
        let mut tops = vec![None; self.parents.len()];
        for &node in &self.order {
            let above = self.parents[node].and_then(|parent| tops[parent]);
            tops[node] = above.or(is_animated[node].then_some(node));
        }
        tops
    }
}

/// The parent of each node, and an order in which parents come before their children.
fn tree(document: &Document) -> (Vec<Option<usize>>, Vec<usize>) {
    let nodes = document.list("nodes");
    let children =
        |node: usize| nodes[node]["children"].as_array().into_iter().flatten().filter_map(as_index);
    let mut parents = vec![None; nodes.len()];
    for node in 0..nodes.len() {
        for child in children(node) {
            parents[child] = Some(node);
        }
    }
    let mut order: Vec<usize> = (0..nodes.len()).filter(|&node| parents[node].is_none()).collect();
    let mut next = 0;
    while let Some(&node) = order.get(next) {
        order.extend(children(node));
        next += 1;
    }
    (parents, order)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::optimize::Settings;
    use crate::optimize::document::{Accessor, Shape};

    /// A shoulder, an elbow 4 away, and a hand 1 further out, which carries a triangle.
    fn arm() -> (Document, Budget) {
        let root = json!({
            "nodes": [
                { "children": [1] },
                { "children": [2], "translation": [4, 0, 0] },
                { "translation": [1, 0, 0], "mesh": 0 },
            ],
            "meshes": [{ "primitives": [{ "attributes": { "POSITION": 0 } }] }],
        });
        let accessors =
            vec![Accessor::from_floats(Shape::Vec3, &[0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0])];
        let root = root.as_object().unwrap().clone();
        let document = Document { root, accessors, ..Document::default() };
        // Without a cap on the angle, so that only distances count.
        let budget = Budget { turn_error: 1.0, ..Budget::of(&Settings::default()) };
        (document, budget)
    }

    fn rotation(node: usize) -> Track {
        let root = json!({
            "channels": [{ "sampler": 0, "target": { "node": node, "path": "rotation" } }],
            "samplers": [{ "input": 0, "output": 1 }],
        });
        let accessors = vec![
            Accessor::from_floats(Shape::Scalar, &[0.0]),
            Accessor::from_floats(Shape::Vec4, &[0.0, 0.0, 0.0, 1.0]),
        ];
        let document = Document { accessors, ..Document::default() };
        super::super::track::read(&document, &root, &root["channels"][0]).unwrap()
    }

    #[test]
    fn a_shoulder_may_turn_less_than_a_hand() {
        let (document, budget) = arm();
        let tracks = [rotation(0), rotation(1), rotation(2)];
        let extents: Vec<Extent> = tracks.iter().filter_map(Extent::of).collect();
        let rig = Rig::of(&document, &extents, &budget);
        let [shoulder, elbow, hand] = tracks.each_ref().map(|track| rig.tolerance(track, &budget));
        assert!(shoulder < elbow && elbow < hand, "{shoulder} {elbow} {hand}");
        // The far corner of the triangle's box lies sqrt(2) from the hand: 4 + 1 + sqrt(2) in all.
        let reach = 5.0 + 2.0f32.sqrt();
        assert!((shoulder * reach - rig.bound(0)).abs() < 1e-6);
    }

    #[test]
    fn a_part_that_moves_alone_is_measured_by_its_own_size() {
        let (document, budget) = arm();
        let whole = Rig::of(&document, &[Extent::of(&rotation(0)).unwrap()], &budget);
        let alone = Rig::of(&document, &[Extent::of(&rotation(2)).unwrap()], &budget);
        assert!(alone.bound(2) < 0.3 * whole.bound(2), "{} {}", alone.bound(2), whole.bound(2));
    }
}
