//! How a model moves: where everything that is drawn stands in the world, sampled at a hundred times.
//!
//! The player here is written after the specification (appendix C) and shares no code with the optimizer.

use std::collections::BTreeSet;

use glb_optimizer::optimize::budget::Budget;
use glb_optimizer::optimize::document::Document;
use glb_optimizer::optimize::document::primitives::{self, as_index};
use serde_json::{Value, json};

const SAMPLES: usize = 100;
/// What sampling in 32-bit floats adds to an error, as a part of the model's size.
const SLACK: f32 = 1e-5;
/// Passes after `resample` round what it left: each may add this part of its error.
const ROUNDING: f32 = 1.0;

type Point = [f32; 3];

/// Panics where something is further off than the budget says, or a clip has become longer or shorter.
pub fn assert_within(before: &Document, after: &Document, budget: &Budget, pass: &str) {
    let drawn = drawn_points(before);
    let clips = before.list("animations").iter().zip(after.list("animations"));
    for (old, new) in clips {
        let (old, new) = (Clip { document: before, json: old }, Clip { document: after, json: new });
        let duration = old.duration();
        assert_eq!(duration, new.duration(), "{pass}: the clip's length");
        assert_times_are_old(&old, &new, pass);
        // A skinned body is as large as its joints let it be: about as in its own space.
        let size = size_of(&old, &drawn, duration).max(skinned_size(before));
        let allowed = size * (budget.motion_error * (1.0 + ROUNDING) + SLACK);
        for at in (0..=SAMPLES).map(|i| duration * i as f32 / SAMPLES as f32) {
            assert_weights_within(&old, &new, at, budget, pass);
            for (&(node, point), (a, b)) in
                drawn.iter().zip(old.placed(&drawn, at).iter().zip(new.placed(&drawn, at)))
            {
                let error = distance(*a, b);
                assert!(
                    error <= allowed,
                    "{pass}: {point:?} of node {node} at {at} s: {a:?} is now {b:?}, {error} off, allowed {allowed}"
                );
            }
        }
    }
}

/// Panics unless everything that is drawn stands where it stood, at rest and during clips, whatever node draws it.
pub fn assert_same_world(before: &Document, after: &Document, pass: &str) {
    let rest = json!({ "channels": [], "samplers": [] });
    let clips = before.list("animations").iter().zip(after.list("animations"));
    for (old, new) in clips.chain([(&rest, &rest)]) {
        let (old, new) = (Clip { document: before, json: old }, Clip { document: after, json: new });
        let duration = old.duration();
        for at in (0..=SAMPLES / 10).map(|i| duration * i as f32 * 10.0 / SAMPLES as f32) {
            let (a, b) = (old.moments(at), new.moments(at));
            for (a, b) in a.iter().zip(&b) {
                let allowed = 1e-4 * (a.abs() + 1e-3);
                assert!((a - b).abs() <= allowed, "{pass}: at {at} s from {a} to {b}");
            }
        }
    }
}

/// No key is moved: every key time was there before.
fn assert_times_are_old(old: &Clip, new: &Clip, pass: &str) {
    let times = |clip: &Clip| -> BTreeSet<u32> {
        let inputs = clip.channels().flat_map(|(_, _, sampler)| clip.floats(sampler, "input"));
        inputs.map(f32::to_bits).collect()
    };
    assert!(times(new).is_subset(&times(old)), "{pass}: a key time appeared that was not there");
}

fn assert_weights_within(old: &Clip, new: &Clip, at: f32, budget: &Budget, pass: &str) {
    for (node, path) in old.targets().iter().filter(|(_, path)| path == "weights") {
        let (a, b) = (old.sample(*node, path, at), new.sample(*node, path, at));
        let error = a.iter().zip(&b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(
            error <= budget.weight_error * (1.0 + ROUNDING) + SLACK,
            "{pass}: weights {a:?} are now {b:?}"
        );
    }
}

/// Corners of every mesh with its node, and the origin of every other node.
fn drawn_points(document: &Document) -> Vec<(usize, Point)> {
    let mut points = Vec::new();
    for (index, node) in document.list("nodes").iter().enumerate() {
        points.push((index, [0.0; 3]));
        let Some(mesh) = as_index(&node["mesh"]).filter(|_| node.get("skin").is_none()) else { continue };
        for json in document.list("meshes")[mesh]["primitives"].as_array().into_iter().flatten() {
            let positions = primitives::attribute(document, json, "POSITION");
            let vertices = positions.map(|accessor| accessor.vectors::<3>()).unwrap_or_default();
            points.extend(vertices.into_iter().map(|vertex| (index, vertex)));
        }
    }
    points
}

/// Every vertex with the node that draws it, as often as it is drawn.
fn drawn_corners(document: &Document) -> Vec<(usize, Point)> {
    let mut corners = Vec::new();
    for (index, node) in document.list("nodes").iter().enumerate() {
        let Some(mesh) = as_index(&node["mesh"]) else { continue };
        for json in document.list("meshes")[mesh]["primitives"].as_array().into_iter().flatten() {
            let positions = primitives::attribute(document, json, "POSITION").unwrap().vectors::<3>();
            let drawn = primitives::drawn_vertices(document, json).into_iter();
            corners.extend(drawn.map(|vertex| (index, positions[vertex as usize])));
        }
    }
    corners
}

/// The diagonal of the box around everything, wherever the clip takes it.
fn size_of(clip: &Clip, drawn: &[(usize, Point)], duration: f32) -> f32 {
    let (mut least, mut most) = ([f32::INFINITY; 3], [f32::NEG_INFINITY; 3]);
    for at in (0..=SAMPLES).map(|i| duration * i as f32 / SAMPLES as f32) {
        for point in clip.placed(drawn, at) {
            for axis in 0..3 {
                least[axis] = least[axis].min(point[axis]);
                most[axis] = most[axis].max(point[axis]);
            }
        }
    }
    distance(least, most)
}

/// The diagonal of the box around each skinned mesh, of the largest.
fn skinned_size(document: &Document) -> f32 {
    let nodes = document.list("nodes").iter().filter(|node| node.get("skin").is_some());
    let meshes = nodes.filter_map(|node| document.list("meshes").get(as_index(&node["mesh"])?));
    let primitives = meshes.flat_map(|mesh| mesh["primitives"].as_array().into_iter().flatten());
    let positions = primitives.filter_map(|json| primitives::attribute(document, json, "POSITION"));
    let boxes = positions.filter_map(|accessor| accessor.min_max());
    let diagonal = |(least, most): (Vec<f32>, Vec<f32>)| {
        least.iter().zip(&most).map(|(a, b)| (a - b).powi(2)).sum::<f32>().sqrt()
    };
    boxes.map(diagonal).fold(0.0, f32::max)
}

fn distance(a: Point, b: Point) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f32>().sqrt()
}

fn cross(a: Point, b: Point) -> Point {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

/// A point scaled, turned by a unit quaternion and shifted.
fn moved(point: Point, translation: &[f32], rotation: &[f32], scale: &[f32]) -> Point {
    let point: Point = std::array::from_fn(|i| point[i] * scale[i]);
    let axis = [rotation[0], rotation[1], rotation[2]];
    let twice = cross(axis, point).map(|v| 2.0 * v);
    let turned = cross(axis, twice);
    std::array::from_fn(|i| point[i] + rotation[3] * twice[i] + turned[i] + translation[i])
}

struct Clip<'d> {
    document: &'d Document,
    json: &'d Value,
}

impl Clip<'_> {
    fn channels(&self) -> impl Iterator<Item = (usize, &str, &Value)> {
        self.json["channels"].as_array().unwrap().iter().map(|channel| {
            let sampler = as_index(&channel["sampler"]).unwrap();
            let target = &channel["target"];
            let node = as_index(&target["node"]).unwrap();
            (node, target["path"].as_str().unwrap(), &self.json["samplers"][sampler])
        })
    }

    fn targets(&self) -> BTreeSet<(usize, String)> {
        self.channels().map(|(node, path, _)| (node, path.to_owned())).collect()
    }

    fn floats(&self, sampler: &Value, member: &str) -> Vec<f32> {
        self.document.accessors[as_index(&sampler[member]).unwrap()].floats()
    }

    fn duration(&self) -> f32 {
        let ends =
            self.channels().filter_map(|(_, _, sampler)| self.floats(sampler, "input").last().copied());
        ends.fold(0.0, f32::max)
    }

    /// How many corners are drawn, and the sums of the absolute values and of the squares of their coordinates in
    /// the world.
    fn moments(&self, at: f32) -> [f64; 3] {
        let points = drawn_corners(self.document);
        let numbers = || self.placed(&points, at).into_iter().flatten().map(f64::from);
        [points.len() as f64, numbers().map(f64::abs).sum(), numbers().map(|v| v * v).sum()]
    }

    /// Points of nodes in the world at a time.
    fn placed(&self, points: &[(usize, Point)], at: f32) -> Vec<Point> {
        let nodes = self.document.list("nodes");
        let mut parents = vec![None; nodes.len()];
        for (index, node) in nodes.iter().enumerate() {
            for child in node["children"].as_array().into_iter().flatten().filter_map(as_index) {
                parents[child] = Some(index);
            }
        }
        let poses: Vec<[Vec<f32>; 3]> = (0..nodes.len())
            .map(|node| ["translation", "rotation", "scale"].map(|path| self.sample(node, path, at)))
            .collect();
        let place = |&(node, mut point): &(usize, Point)| {
            let mut next = Some(node);
            while let Some(node) = next {
                let [translation, rotation, scale] = &poses[node];
                point = moved(point, translation, rotation, scale);
                next = parents[node];
            }
            point
        };
        points.iter().map(place).collect()
    }

    /// The property at a time; where nothing moves it, as it rests.
    fn sample(&self, node: usize, path: &str, at: f32) -> Vec<f32> {
        let found = self.channels().find(|&(n, p, _)| (n, p) == (node, path));
        let Some((_, _, sampler)) = found else { return self.rest(node, path) };
        let (times, values) = (self.floats(sampler, "input"), self.floats(sampler, "output"));
        let interpolation = sampler["interpolation"].as_str().unwrap_or("LINEAR");
        let parts = if interpolation == "CUBICSPLINE" { 3 } else { 1 };
        let width = values.len() / times.len() / parts;
        let part = |key: usize, part: usize| &values[(key * parts + part) * width..][..width];
        let value = |key| part(key, parts / 2);
        let next = times.partition_point(|&time| time <= at);
        if next == 0 || next == times.len() {
            return value(if next == 0 { 0 } else { next - 1 }).to_vec();
        }
        let (from, to) = (next - 1, next);
        let span = times[to] - times[from];
        let t = (at - times[from]) / span;
        match interpolation {
            "STEP" => value(from).to_vec(),
            "LINEAR" if path == "rotation" => slerp(value(from), value(to), t),
            "LINEAR" => mix(&[(1.0 - t, value(from)), (t, value(to))]),
            _ => {
                let (t2, t3) = (t * t, t * t * t);
                mix(&[
                    (2.0 * t3 - 3.0 * t2 + 1.0, value(from)),
                    (span * (t3 - 2.0 * t2 + t), part(from, 2)),
                    (-2.0 * t3 + 3.0 * t2, value(to)),
                    (span * (t3 - t2), part(to, 0)),
                ])
            }
        }
    }

    fn rest(&self, node: usize, path: &str) -> Vec<f32> {
        let node = &self.document.list("nodes")[node];
        let mesh = as_index(&node["mesh"]).map(|mesh| &self.document.list("meshes")[mesh]["weights"]);
        let given = [Some(&node[path]), mesh.filter(|_| path == "weights")];
        let given = given.into_iter().flatten().find_map(Value::as_array);
        match given {
            Some(list) => list.iter().map(|value| value.as_f64().unwrap() as f32).collect(),
            None if path == "rotation" => vec![0.0, 0.0, 0.0, 1.0],
            None if path == "scale" => vec![1.0; 3],
            None => vec![0.0; 3],
        }
    }
}

fn mix(parts: &[(f32, &[f32])]) -> Vec<f32> {
    (0..parts[0].1.len()).map(|i| parts.iter().map(|(factor, values)| factor * values[i]).sum()).collect()
}

fn slerp(a: &[f32], b: &[f32], t: f32) -> Vec<f32> {
    let dot: f32 = a.iter().zip(b).map(|(a, b)| a * b).sum();
    let angle = dot.abs().min(1.0).acos();
    if angle < 1e-3 {
        return mix(&[(1.0 - t, a), (t * dot.signum(), b)]);
    }
    let part = |share: f32| (share * angle).sin() / angle.sin();
    mix(&[(part(1.0 - t), a), (part(t) * dot.signum(), b)])
}
