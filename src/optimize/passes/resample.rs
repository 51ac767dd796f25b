//! resample: animation tracks without the keys that interpolation gives anyway.
//!
//! Key times are only ever left out, never moved: resampling at a fixed rate shifts fast movements. A track
//! that stands still keeps one key, and goes altogether when it stands where the node rests anyway and no
//! other clip moves the node: not every engine puts nodes back when a clip ends.
//! Every clip keeps its duration. A track only gets key times of its own when the keys that go are worth
//! more than the extra accessor.
//! Declines for cubic splines (their tangents carry the shape), for key times that do not rise, and when an
//! unknown extension may refer to animations by number.

use std::collections::{HashMap, HashSet};

use rayon::prelude::*;
use serde_json::{Map, Value, json};

use super::vertex_groups::drop_replaced;
use super::{Context, Outcome, Pass, counted};
use crate::optimize::Error;
use crate::optimize::budget::Budget;
use crate::optimize::document::primitives::as_index;
use crate::optimize::document::{Accessor, Document, Kind, Shape, edit};

/// See the module.
pub(super) struct Resample;

/// What another accessor for key times costs in JSON, in bytes, and what a key costs once compressed.
const ACCESSOR_JSON_BYTES: usize = 110;
const TIME_BYTES: usize = 2;
const VALUE_BYTES_SHARE: usize = 3;

/// Keys further apart than this are not looked at together, which bounds the work for a track.
const LONGEST_GAP: usize = 240;

impl Pass for Resample {
    fn name(&self) -> &'static str {
        "resample"
    }

    fn renumbers(&self) -> bool {
        true
    }

    fn run(&self, document: &mut Document, context: &mut Context) -> Result<Outcome, Error> {
        if document.list("animations").is_empty() {
            return Ok(Outcome::Unchanged("there are no animations".into()));
        }
        let before = edit::referenced(document, Kind::Accessor);
        let moved = moved_targets(document, &context.budget);
        let mut sum = Saved::default();
        for index in 0..document.list("animations").len() {
            let animation = &document.list("animations")[index];
            let resampled = resample(document, animation, &context.budget, &moved);
            if let Some((animation, accessors, saved)) = resampled {
                document.accessors.extend(accessors);
                document.list_mut("animations")[index] = animation;
                sum.keys += saved.keys;
                sum.channels += saved.channels;
            }
        }
        if sum == Saved::default() {
            return Ok(Outcome::Unchanged("every key is needed".into()));
        }
        drop_replaced(document, &before);
        let mut notes = vec![format!("{} left out", counted(sum.keys, "key", "keys"))];
        if sum.channels > 0 {
            let what = counted(sum.channels, "channel", "channels");
            notes.push(format!("{what} removed that held a node where it rests"));
        }
        Ok(Outcome::Changed(notes))
    }
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Saved {
    keys: usize,
    channels: usize,
}

/// One channel with its sampler, taken apart.
struct Track {
    channel: Value,
    sampler: Map<String, Value>,
    times: Vec<f32>,
    values: Vec<f32>,
    /// Components of one key.
    width: usize,
    motion: Motion,
    rest: Option<Vec<f32>>,
}

/// How values lie between two keys, and in what they are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Motion {
    Rotation,
    Linear,
    Step,
    /// Not to be touched.
    Other,
}

/// What a channel drives: a node and a path.
type Target = (Option<usize>, String);

fn target(channel: &Value) -> Target {
    let target = &channel["target"];
    (as_index(&target["node"]), target["path"].as_str().unwrap_or_default().to_owned())
}

/// What some channel of some clip moves away from where it rests.
fn moved_targets(document: &Document, budget: &Budget) -> HashSet<Target> {
    let mut moved = HashSet::new();
    for animation in document.list("animations") {
        for channel in animation["channels"].as_array().into_iter().flatten() {
            if track(document, animation, channel).is_none_or(|track| !track.rests(budget)) {
                moved.insert(target(channel));
            }
        }
    }
    moved
}

/// The animation with fewer keys, with its new accessors (numbered from the end of the document's list);
/// `None` where nothing can go.
fn resample(
    document: &Document,
    animation: &Value,
    budget: &Budget,
    moved: &HashSet<Target>,
) -> Option<(Value, Vec<Accessor>, Saved)> {
    let channels = animation["channels"].as_array()?;
    let mut tracks: Vec<Track> =
        channels.iter().map(|channel| track(document, animation, channel)).collect::<Option<_>>()?;
    let duration = |tracks: &[Track]| {
        tracks.iter().filter_map(|track| track.times.last()).fold(0.0f32, |a, &b| a.max(b))
    };
    let full_duration = duration(&tracks);
    let kept: Vec<Vec<usize>> = tracks.par_iter().map(|track| keys_to_keep(track, budget)).collect();

    let mut saved = Saved::default();
    // Asked of all keys: the one that is kept may be nearer to the rest than the others.
    let resting: Vec<bool> = tracks
        .iter()
        .zip(&kept)
        .map(|(track, kept)| {
            kept.len() == 1 && track.rests(budget) && !moved.contains(&target(&track.channel))
        })
        .collect();
    for (track, kept) in tracks.iter_mut().zip(&kept) {
        saved.keys += track.times.len() - kept.len();
        track.keep(kept);
    }
    saved.channels = resting.iter().filter(|&&rests| rests).count();
    if saved == Saved::default() {
        return None;
    }
    let mut by_rest: Vec<(Track, bool)> = tracks.into_iter().zip(resting).collect();
    let moving = |list: &[(Track, bool)]| {
        list.iter()
            .filter(|(_, rests)| !rests)
            .filter_map(|(track, _)| track.times.last())
            .fold(0.0f32, |a, &b| a.max(b))
    };
    if moving(&by_rest) < full_duration || by_rest.iter().all(|(_, rests)| *rests) {
        // One track that stands still holds the clip at its length.
        let (track, rests) =
            by_rest.iter_mut().find(|(track, _)| track.times.len() == 1 && track.motion != Motion::Other)?;
        if track.times[0] < full_duration {
            track.times.push(full_duration);
            track.values.extend_from_within(..);
            saved.keys = saved.keys.saturating_sub(1);
        }
        saved.channels -= usize::from(std::mem::take(rests));
        if saved == Saved::default() {
            return None;
        }
    }
    let tracks: Vec<Track> =
        by_rest.into_iter().filter(|(_, rests)| !rests).map(|(track, _)| track).collect();
    let (animation, accessors) = assemble(animation, tracks, document.accessors.len());
    Some((animation, accessors, saved))
}

fn track(document: &Document, animation: &Value, channel: &Value) -> Option<Track> {
    let sampler = animation["samplers"].get(as_index(&channel["sampler"])?)?.as_object()?;
    let input = document.accessors.get(as_index(&sampler["input"])?)?;
    let output = document.accessors.get(as_index(&sampler["output"])?)?;
    let (times, values) = (input.floats(), output.floats());
    let path = channel["target"]["path"].as_str().unwrap_or_default();
    let interpolation = sampler.get("interpolation").and_then(Value::as_str).unwrap_or("LINEAR");
    let width = if path == "weights" { values.len() / times.len().max(1) } else { output.shape.components() };
    let usable = times.is_sorted_by(|a, b| a < b)
        && times.iter().chain(&values).all(|value| value.is_finite())
        && width > 0
        && values.len() == times.len() * width;
    let motion = match (path, interpolation) {
        _ if !usable => Motion::Other,
        ("rotation" | "translation" | "scale" | "weights", "STEP") => Motion::Step,
        ("rotation", "LINEAR") if width == 4 => Motion::Rotation,
        ("translation" | "scale" | "weights", "LINEAR") => Motion::Linear,
        _ => Motion::Other,
    };
    let node = as_index(&channel["target"]["node"]).and_then(|index| document.list("nodes").get(index));
    let rest = node.and_then(|node| rest_pose(document, node, path, width));
    Some(Track { channel: channel.clone(), sampler: sampler.clone(), times, values, width, motion, rest })
}

/// What a node's animated property is without animation.
fn rest_pose(document: &Document, node: &Value, path: &str, width: usize) -> Option<Vec<f32>> {
    let numbers = |value: &Value| {
        #[expect(clippy::cast_possible_truncation, reason = "transforms are used as 32-bit floats")]
        let list = value.as_array()?.iter().map(|v| v.as_f64().map(|v| v as f32));
        list.collect::<Option<Vec<f32>>>()
    };
    let default = match path {
        "translation" => vec![0.0; 3],
        "rotation" => vec![0.0, 0.0, 0.0, 1.0],
        "scale" => vec![1.0; 3],
        _ => vec![0.0; width],
    };
    let mesh = as_index(&node["mesh"]).and_then(|index| document.list("meshes").get(index));
    let of_mesh = mesh.and_then(|mesh| numbers(&mesh["weights"])).filter(|_| path == "weights");
    let rest = numbers(&node[path]).or(of_mesh).unwrap_or(default);
    (rest.len() == width).then_some(rest)
}

impl Track {
    fn key(&self, index: usize) -> &[f32] {
        &self.values[index * self.width..][..self.width]
    }

    fn keep(&mut self, kept: &[usize]) {
        if kept.len() < self.times.len() {
            self.values = kept.iter().flat_map(|&index| self.key(index).to_vec()).collect();
            self.times = kept.iter().map(|&index| self.times[index]).collect();
        }
    }

    /// Whether no key is away from where the node rests.
    fn rests(&self, budget: &Budget) -> bool {
        let tolerance = self.tolerance(budget);
        let at_rest = |rest: &Vec<f32>| {
            (0..self.times.len()).all(|key| self.distance(self.key(key), rest) <= tolerance)
        };
        self.motion != Motion::Other && self.rest.as_ref().is_some_and(at_rest)
    }

    /// Radians for rotations, else the largest difference of a component.
    fn distance(&self, a: &[f32], b: &[f32]) -> f32 {
        if self.motion == Motion::Rotation || self.channel["target"]["path"] == "rotation" {
            let chord = |sign: f32| a.iter().zip(b).map(|(a, b)| (a - sign * b).powi(2)).sum::<f32>().sqrt();
            // The angle of a rotation is twice that between quaternions; a chord is its arc for small angles.
            return 2.0 * chord(1.0).min(chord(-1.0));
        }
        a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
    }

    fn tolerance(&self, budget: &Budget) -> f32 {
        if self.channel["target"]["path"] == "rotation" {
            return budget.rotation_error;
        }
        let rest = self.rest.iter().flatten();
        budget.track_error
            * self.values.iter().chain(rest).fold(1e-6f32, |largest, value| largest.max(value.abs()))
    }

    /// The value at a time between two keys.
    fn between(&self, from: usize, to: usize, at: usize) -> Vec<f32> {
        let (a, b) = (self.key(from), self.key(to));
        let t = (self.times[at] - self.times[from]) / (self.times[to] - self.times[from]);
        match self.motion {
            Motion::Rotation => slerp(a, b, t),
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

/// Positions of the keys that are needed.
fn keys_to_keep(track: &Track, budget: &Budget) -> Vec<usize> {
    let count = track.times.len();
    let all = || (0..count).collect();
    if track.motion == Motion::Other || count < 2 {
        return all();
    }
    let tolerance = track.tolerance(budget);
    if (1..count).all(|key| track.distance(track.key(0), track.key(key)) <= tolerance) {
        return vec![0];
    }
    let mut kept = vec![0];
    let mut from = 0;
    while from < count - 1 {
        let mut to = from + 1;
        // As far as every key passed over lies on the way.
        while to + 1 < count
            && to + 1 - from <= LONGEST_GAP
            && (from + 1..=to)
                .all(|at| track.distance(&track.between(from, to + 1, at), track.key(at)) <= tolerance)
        {
            to += 1;
        }
        kept.push(to);
        from = to;
    }
    let gone = (count - kept.len()) * track.width * size_of::<f32>() / VALUE_BYTES_SHARE;
    if gone > ACCESSOR_JSON_BYTES + kept.len() * TIME_BYTES { kept } else { all() }
}

/// The animation made of the tracks; equal samplers are shared, accessors are numbered from `first`.
fn assemble(animation: &Value, tracks: Vec<Track>, first: usize) -> (Value, Vec<Accessor>) {
    let mut accessors: Vec<Accessor> = Vec::new();
    let mut known_accessors = HashMap::new();
    let mut find_or_add = |accessor: Accessor| {
        *known_accessors.entry((accessor.shape, accessor.data.clone())).or_insert_with(|| {
            accessors.push(accessor);
            first + accessors.len() - 1
        })
    };
    let mut samplers: Vec<Value> = Vec::new();
    let mut known_samplers = HashMap::new();
    let mut channels = Vec::new();
    for track in tracks {
        let mut sampler = track.sampler;
        if track.motion != Motion::Other {
            let shape = match (track.channel["target"]["path"].as_str(), track.width) {
                (Some("weights"), _) => Shape::Scalar,
                (_, 4) => Shape::Vec4,
                _ => Shape::Vec3,
            };
            let times = Accessor { bounds: true, ..Accessor::from_floats(Shape::Scalar, &track.times) };
            sampler.insert("input".into(), find_or_add(times).into());
            sampler.insert("output".into(), find_or_add(Accessor::from_floats(shape, &track.values)).into());
        }
        let sampler = Value::Object(sampler);
        let number = *known_samplers.entry(sampler.to_string()).or_insert_with(|| {
            samplers.push(sampler);
            samplers.len() - 1
        });
        let mut channel = track.channel;
        channel["sampler"] = number.into();
        channels.push(channel);
    }
    let mut animation = animation.clone();
    animation["channels"] = json!(channels);
    animation["samplers"] = json!(samplers);
    (animation, accessors)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimize::{Preset, Settings};

    /// A clip that scales node 0, whose keys are these.
    fn clip(times: &[f32], scales: &[f32]) -> Document {
        let root = json!({
            "nodes": [{}],
            "animations": [{
                "channels": [{ "sampler": 0, "target": { "node": 0, "path": "scale" } }],
                "samplers": [{ "input": 0, "output": 1 }],
            }],
        });
        let values: Vec<f32> = scales.iter().flat_map(|&scale| [scale; 3]).collect();
        let accessors =
            vec![Accessor::from_floats(Shape::Scalar, times), Accessor::from_floats(Shape::Vec3, &values)];
        Document { root: root.as_object().cloned().unwrap_or_default(), accessors, ..Document::default() }
    }

    fn resampled(document: &Document) -> Option<Saved> {
        let settings = Settings { preset: Preset::Maximum, ..Settings::default() };
        let animation = &document.list("animations")[0];
        let budget = Budget::of(&settings);
        let moved = moved_targets(document, &budget);
        resample(document, animation, &budget, &moved).map(|(.., saved)| saved)
    }

    /// A door that one clip opens was no longer shut by the next: its channel held it where it rests.
    #[test]
    fn regression_a_resting_channel_stays_when_another_clip_moves_its_node() {
        let mut document = clip(&[0.0, 1.0, 2.0], &[1.0, 1.0, 1.0]);
        let channels = json!([
            { "sampler": 0, "target": { "node": 0, "path": "scale" } },
            { "sampler": 0, "target": { "node": 1, "path": "scale" } },
        ]);
        document.root["nodes"] = json!([{}, {}]);
        document.root["animations"][0]["channels"] = channels;
        assert_eq!(resampled(&document).unwrap().channels, 1);
        let mut other = document.root["animations"][0].clone();
        other["channels"].as_array_mut().unwrap().truncate(1);
        other["samplers"][0]["output"] = 2.into();
        document
            .accessors
            .push(Accessor::from_floats(Shape::Vec3, &[1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 3.0, 3.0, 3.0]));
        document.root["animations"].as_array_mut().unwrap().push(other);
        assert_eq!(resampled(&document).unwrap().channels, 1);
        document.root["animations"][1]["channels"][0]["target"]["node"] = 1.into();
        document.root["nodes"][0]["scale"] = json!([5, 5, 5]);
        assert_eq!(resampled(&document).unwrap().channels, 0);
    }

    /// The only key of the clip was doubled at the same time, which made key times that do not rise.
    #[test]
    fn regression_a_clip_of_one_resting_key_stays_as_it_is() {
        assert_eq!(resampled(&clip(&[0.0], &[1.0])), None);
        assert_eq!(resampled(&clip(&[0.0, 1.0], &[1.0, 1.0])), None);
    }

    /// Keys within the tolerance of the first one, which was within the tolerance of the rest: twice as far off.
    #[test]
    fn regression_a_track_rests_only_when_all_its_keys_do() {
        let budget = Budget::of(&Settings { preset: Preset::Maximum, ..Settings::default() });
        let rests = |scales: &[f32]| {
            let document = clip(&[0.0, 1.0], scales);
            let animation = &document.list("animations")[0];
            track(&document, animation, &animation["channels"][0]).unwrap().rests(&budget)
        };
        assert!(rests(&[1.0 + 0.9 * budget.track_error, 1.0]));
        assert!(!rests(&[1.0 + 0.9 * budget.track_error, 1.0 + 1.8 * budget.track_error]));
    }
}
