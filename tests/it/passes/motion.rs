//! How a model moves: every animated property of every node, sampled at a hundred times.
//!
//! The sampler here is written after the specification (appendix C) and shares no code with the optimizer.

use std::collections::BTreeSet;

use glb_optimizer::optimize::budget::Budget;
use glb_optimizer::optimize::document::Document;
use glb_optimizer::optimize::document::primitives::as_index;
use serde_json::Value;

const SAMPLES: usize = 100;
/// What sampling in 32-bit floats adds to an error.
const SLACK: f32 = 3e-6;

/// Panics where a property is further off than the budget says, or a clip has become longer or shorter.
pub fn assert_within(before: &Document, after: &Document, budget: &Budget, pass: &str) {
    let clips = before.list("animations").iter().zip(after.list("animations"));
    for (old, new) in clips {
        let (old, new) = (Clip { document: before, json: old }, Clip { document: after, json: new });
        let duration = old.duration();
        assert_eq!(duration, new.duration(), "{pass}: the clip's length");
        for (node, path) in old.targets().union(&new.targets()) {
            let values = |clip: &Clip, at| clip.sample(*node, path, at);
            let times = || (0..=SAMPLES).map(|i| duration * i as f32 / SAMPLES as f32);
            let rest = old.rest(*node, path);
            let all = times().flat_map(|at| values(&old, at)).chain(rest);
            let largest = all.fold(1e-6f32, |a, b| a.max(b.abs()));
            for at in times() {
                let (a, b) = (values(&old, at), values(&new, at));
                let (error, allowed) = match path.as_str() {
                    "rotation" => (turn(&a, &b), budget.rotation_error),
                    _ => (difference(&a, &b), budget.track_error * largest),
                };
                let allowed = allowed * 1.01 + SLACK * largest;
                assert!(
                    error <= allowed,
                    "{pass}: {path} of node {node} at {at} s: {a:?} is now {b:?}, {error} off, allowed {allowed}"
                );
            }
        }
    }
}

fn difference(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// The angle between two rotations, in radians.
fn turn(a: &[f32], b: &[f32]) -> f32 {
    let chord = |sign: f32| a.iter().zip(b).map(|(a, b)| (a - sign * b).powi(2)).sum::<f32>().sqrt();
    4.0 * (chord(1.0).min(chord(-1.0)) / 2.0).asin()
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
