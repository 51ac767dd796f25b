//! Tracks: one channel with its sampler, taken apart into key times and values.

use serde_json::{Map, Value};

use super::affine::numbers;
use crate::optimize::document::Document;
use crate::optimize::document::primitives::as_index;

/// One channel with its sampler, taken apart.
#[derive(Debug, Clone)]
pub(super) struct Track {
    pub channel: Value,
    pub sampler: Map<String, Value>,
    /// Seconds, rising.
    pub times: Vec<f32>,
    /// `width` components a key.
    pub values: Vec<f32>,
    pub width: usize,
    pub motion: Motion,
    pub property: Property,
    pub node: Option<usize>,
    /// What the property is without animation, where that is known.
    pub rest: Option<Vec<f32>>,
    /// How far values may be off: radians for rotations, else the unit of the property; 0 for not at all.
    pub tolerance: f32,
}

/// How values lie between two keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Motion {
    Linear,
    Step,
    /// Not to be touched: splines, other paths, times that do not rise.
    Other,
}

/// What a channel drives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Property {
    Translation,
    Rotation,
    Scale,
    Weights,
    /// Whatever a pointer or an unknown path names.
    Other,
}

impl Property {
    fn of(path: &str) -> Self {
        match path {
            "translation" => Self::Translation,
            "rotation" => Self::Rotation,
            "scale" => Self::Scale,
            "weights" => Self::Weights,
            _ => Self::Other,
        }
    }
}

/// Takes a channel apart; `None` where its sampler or accessors are missing.
pub(super) fn read(document: &Document, animation: &Value, channel: &Value) -> Option<Track> {
    let sampler = animation["samplers"].get(as_index(&channel["sampler"])?)?.as_object()?;
    let input = document.accessors.get(as_index(&sampler["input"])?)?;
    let output = document.accessors.get(as_index(&sampler["output"])?)?;
    let property = Property::of(channel["target"]["path"].as_str().unwrap_or_default());
    let interpolation = sampler.get("interpolation").and_then(Value::as_str).unwrap_or("LINEAR");
    let (times, values) = (input.floats(), output.floats());
    let keys = times.len().max(1);
    let width = if property == Property::Weights { values.len() / keys } else { output.shape.components() };
    let node = as_index(&channel["target"]["node"]);
    let mut track = Track {
        channel: channel.clone(),
        sampler: sampler.clone(),
        width,
        motion: Motion::Other,
        property,
        node,
        rest: None,
        tolerance: 0.0,
        times,
        values,
    };
    let stands_still = interpolation == "CUBICSPLINE" && track.take_spline_apart();
    let sound = track.width > 0
        && track.values.len() == track.times.len() * track.width
        && track.times.is_sorted_by(|a, b| a < b)
        && track.times.iter().chain(&track.values).all(|value| value.is_finite())
        && (property != Property::Rotation || track.width == 4);
    track.motion = match interpolation {
        _ if !sound || property == Property::Other => Motion::Other,
        "STEP" => Motion::Step,
        "LINEAR" => Motion::Linear,
        _ if stands_still => Motion::Linear,
        _ => Motion::Other,
    };
    let at = node.and_then(|index| document.list("nodes").get(index));
    track.rest = at.and_then(|node| rest_pose(document, node, property, track.width));
    Some(track)
}

/// What a node's animated property is without animation.
fn rest_pose(document: &Document, node: &Value, property: Property, width: usize) -> Option<Vec<f32>> {
    if node.get("matrix").is_some() {
        return None;
    }
    let rest = match property {
        Property::Translation => numbers::<3>(node, "translation").unwrap_or_default().to_vec(),
        Property::Rotation => numbers::<4>(node, "rotation").unwrap_or([0.0, 0.0, 0.0, 1.0]).to_vec(),
        Property::Scale => numbers::<3>(node, "scale").unwrap_or([1.0; 3]).to_vec(),
        Property::Weights => rest_weights(document, node, width),
        Property::Other => return None,
    };
    (rest.len() == width).then_some(rest)
}

fn rest_weights(document: &Document, node: &Value, width: usize) -> Vec<f32> {
    let mesh = as_index(&node["mesh"]).and_then(|index| document.list("meshes").get(index));
    let given = node["weights"].as_array().or_else(|| mesh?["weights"].as_array());
    #[expect(clippy::cast_possible_truncation, reason = "weights are used as 32-bit floats")]
    given.map_or_else(
        || vec![0.0; width],
        |list| list.iter().filter_map(Value::as_f64).map(|v| v as f32).collect(),
    )
}

impl Track {
    /// Values of one key.
    pub(super) fn key(&self, index: usize) -> &[f32] {
        self.values.get(index * self.width..(index + 1) * self.width).unwrap_or_default()
    }

    /// The track with only these keys.
    pub(super) fn with_keys(&self, kept: &[usize]) -> Self {
        let values = kept.iter().flat_map(|&index| self.key(index).to_vec()).collect();
        let times = kept.iter().map(|&index| self.times[index]).collect();
        self.with(times, values)
    }

    /// The track as a single key at its first time.
    pub(super) fn held(&self, value: Vec<f32>) -> Self {
        self.with(self.times[..1].to_vec(), value)
    }

    fn with(&self, times: Vec<f32>, values: Vec<f32>) -> Self {
        let (channel, sampler, rest) = (self.channel.clone(), self.sampler.clone(), self.rest.clone());
        Self { channel, sampler, times, values, rest, ..*self }
    }

    /// Whether it is one value for the whole clip.
    pub(super) fn is_held(&self) -> bool {
        self.motion != Motion::Other && self.times.len() == 1
    }

    /// Takes the values of a spline from between its tangents; whether it stands still, so that it needs no spline.
    /// Keys of splines hold in-tangent, value and out-tangent (glTF 2.0, appendix C.5).
    fn take_spline_apart(&mut self) -> bool {
        let keys = self.times.len();
        if keys == 0 || !self.values.len().is_multiple_of(3 * keys) {
            return false;
        }
        let width = self.values.len() / keys / 3;
        let part = |key: usize, part: usize| &self.values[(3 * key + part) * width..][..width];
        let is_flat = (0..keys).all(|key| {
            let tangents = [part(key, 0), part(key, 2)].concat();
            part(key, 1) == part(0, 1) && tangents.iter().all(|&tangent| tangent == 0.0)
        });
        self.values = (0..keys).flat_map(|key| part(key, 1).to_vec()).collect();
        self.width = width;
        if is_flat {
            self.sampler.shift_remove("interpolation");
        }
        is_flat
    }

    /// Radians for rotations, else the largest difference of a component.
    pub(super) fn distance(&self, a: &[f32], b: &[f32]) -> f32 {
        if self.property == Property::Rotation {
            let chord = |sign: f32| a.iter().zip(b).map(|(a, b)| (a - sign * b).powi(2)).sum::<f32>().sqrt();
            // The angle of a rotation is twice that between quaternions; a chord is its arc for small angles.
            return 2.0 * chord(1.0).min(chord(-1.0));
        }
        a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    }

    /// The value at a time; held before the first key and after the last.
    pub(super) fn sample(&self, time: f32) -> Vec<f32> {
        let next = self.times.partition_point(|&key| key <= time);
        if next == 0 || next == self.times.len() {
            return self.key(next.saturating_sub(1)).to_vec();
        }
        self.between(next - 1, next, time)
    }

    /// The value at a time between two keys.
    pub(super) fn between(&self, from: usize, to: usize, time: f32) -> Vec<f32> {
        let (a, b) = (self.key(from), self.key(to));
        let t = (time - self.times[from]) / (self.times[to] - self.times[from]);
        match self.motion {
            Motion::Linear if self.property == Property::Rotation => slerp(a, b, t),
            Motion::Linear => a.iter().zip(b).map(|(a, b)| a + (b - a) * t).collect(),
            Motion::Step | Motion::Other => a.to_vec(),
        }
    }
}

/// Spherical interpolation along the shorter arc (glTF 2.0, appendix C.4).
fn slerp(a: &[f32], b: &[f32], t: f32) -> Vec<f32> {
    let dot: f32 = a.iter().zip(b).map(|(a, b)| a * b).sum();
    let sign = if dot < 0.0 { -1.0 } else { 1.0 };
    let angle = dot.abs().min(1.0).acos();
    let (from, to) = if angle < 1e-3 {
        (1.0 - t, t)
    } else {
        (((1.0 - t) * angle).sin() / angle.sin(), (t * angle).sin() / angle.sin())
    };
    a.iter().zip(b).map(|(a, b)| a * from + sign * b * to).collect()
}
