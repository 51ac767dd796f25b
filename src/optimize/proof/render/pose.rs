//! Where nodes are: at rest, or at a moment of a clip.
//!
//! Interpolation follows the glTF 2.0 specification, appendix C.

use std::collections::{BTreeSet, HashMap};

use glam::{Mat4, Quat, Vec3, Vec4};
use serde_json::Value;

use crate::optimize::document::Document;
use crate::optimize::document::primitives::as_index;

/// The world transforms and morph weights of every node.
pub(in super::super) struct Pose {
    /// World matrix of each node; `None` for nodes that the scene does not show.
    pub(in super::super) world: Vec<Option<Mat4>>,
    /// Morph weights that the clip sets, by node.
    pub(super) weights: HashMap<usize, Vec<f32>>,
}

/// A moment of a clip: its index, and the part of its duration that has passed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moment {
    /// Index of the animation.
    pub clip: usize,
    /// 0 to 1.
    pub part: f32,
    /// The same in seconds of the original, whatever the other file's duration is.
    pub seconds: f32,
}

/// What a model is shown as.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Case {
    /// A moment of a clip, or at rest.
    pub moment: Option<Moment>,
    /// Index of a variant of KHR_materials_variants, or none.
    pub variant: Option<usize>,
}

/// A node's own transform.
#[derive(Clone, Copy)]
enum Local {
    Matrix(Mat4),
    Parts { translation: Vec3, rotation: Quat, scale: Vec3 },
}

impl Local {
    fn read(node: &Value) -> Self {
        if let Some(matrix) = floats::<16>(&node["matrix"]) {
            return Self::Matrix(Mat4::from_cols_array(&matrix));
        }
        Self::Parts {
            translation: floats(&node["translation"]).map_or(Vec3::ZERO, Vec3::from_array),
            rotation: floats(&node["rotation"]).map_or(Quat::IDENTITY, Quat::from_array),
            scale: floats(&node["scale"]).map_or(Vec3::ONE, Vec3::from_array),
        }
    }

    fn matrix(self) -> Mat4 {
        match self {
            Self::Matrix(matrix) => matrix,
            Self::Parts { translation, rotation, scale } => {
                Mat4::from_scale_rotation_translation(scale, rotation.normalize(), translation)
            }
        }
    }

    fn set(&mut self, path: &str, value: &[f32]) {
        // Only nodes without a matrix can be animated.
        let Self::Parts { translation, rotation, scale } = self else { return };
        match (path, value) {
            ("translation", &[x, y, z]) => *translation = Vec3::new(x, y, z),
            ("scale", &[x, y, z]) => *scale = Vec3::new(x, y, z),
            ("rotation", &[x, y, z, w]) => *rotation = Quat::from_xyzw(x, y, z, w),
            _ => {}
        }
    }
}

impl Pose {
    /// The pose of a document at rest or at a moment.
    pub(in super::super) fn of(document: &Document, moment: Option<Moment>) -> Self {
        match moment {
            Some(moment) => Self::at(document, &Clip::read(document, moment.clip), moment.seconds),
            None => Self::at(document, &Clip::default(), 0.0),
        }
    }

    /// The pose of a document so many seconds into a clip.
    pub(in super::super) fn at(document: &Document, clip: &Clip, seconds: f32) -> Self {
        let nodes = document.list("nodes");
        let mut locals: Vec<Local> = nodes.iter().map(Local::read).collect();
        let mut weights = HashMap::new();
        for (node, path, track) in &clip.tracks {
            let value = track.at(seconds, path == "rotation");
            match locals.get_mut(*node) {
                Some(_) if path == "weights" => drop(weights.insert(*node, value)),
                Some(local) => local.set(path, &value),
                None => {}
            }
        }
        let mut world = vec![None; nodes.len()];
        let scene = document.root.get("scene").and_then(as_index).unwrap_or(0);
        let roots = document.list("scenes").get(scene).map_or(&Value::Null, |scene| &scene["nodes"]);
        let mut waiting: Vec<(usize, Mat4)> = indices(roots).map(|node| (node, Mat4::IDENTITY)).collect();
        while let Some((node, parent)) = waiting.pop() {
            let (Some(local), Some(None)) = (locals.get(node), world.get(node)) else { continue };
            let matrix = parent * local.matrix();
            world[node] = Some(matrix);
            waiting.extend(indices(&nodes[node]["children"]).map(|child| (child, matrix)));
        }
        Self { world, weights }
    }

    /// Where every joint of every skin is.
    pub(in super::super) fn joints(&self, document: &Document) -> Vec<Vec3> {
        let joints = document.list("skins").iter().flat_map(|skin| indices(&skin["joints"]));
        let place = |joint: usize| self.world.get(joint).copied().flatten().unwrap_or(Mat4::IDENTITY);
        joints.map(|joint| place(joint).w_axis.truncate()).collect()
    }
}

fn indices(list: &Value) -> impl Iterator<Item = usize> {
    list.as_array().into_iter().flatten().filter_map(as_index)
}

#[expect(clippy::cast_possible_truncation, reason = "f32 is what every viewer reads")]
fn floats<const N: usize>(value: &Value) -> Option<[f32; N]> {
    let list = value.as_array().filter(|list| list.len() == N)?;
    Some(std::array::from_fn(|i| list[i].as_f64().unwrap_or(0.0) as f32))
}

/// A clip, ready to be played: which nodes it moves, how, and by which track.
#[derive(Default)]
pub(in super::super) struct Clip {
    tracks: Vec<(usize, String, Track)>,
}

impl Clip {
    /// Reads what moves nodes; nothing where there is no such clip.
    pub(in super::super) fn read(document: &Document, clip: usize) -> Self {
        let clip = document.list("animations").get(clip).unwrap_or(&Value::Null);
        let track = |channel: &Value| {
            let target = &channel["target"];
            let track = Track::read(document, &clip["samplers"][as_index(&channel["sampler"])?])?;
            Some((as_index(&target["node"])?, target["path"].as_str()?.to_owned(), track))
        };
        let channels = clip["channels"].as_array().into_iter().flatten();
        Self { tracks: channels.filter_map(track).collect() }
    }

    /// How long a clip is, in seconds: its last key time, whatever that moves.
    pub(in super::super) fn duration(document: &Document, clip: usize) -> f32 {
        let clip = document.list("animations").get(clip).unwrap_or(&Value::Null);
        let channels = clip["channels"].as_array().into_iter().flatten();
        let samplers: BTreeSet<usize> =
            channels.filter_map(|channel| as_index(&channel["sampler"])).collect();
        let inputs = samplers.into_iter().filter_map(|sampler| as_index(&clip["samplers"][sampler]["input"]));
        let times = inputs.collect::<BTreeSet<usize>>().into_iter();
        let last = times.filter_map(|times| document.accessors.get(times)?.floats().last().copied());
        last.fold(0.0, f32::max)
    }
}

struct Track {
    times: Vec<f32>,
    values: Vec<f32>,
    width: usize,
    how: String,
}

impl Track {
    fn read(document: &Document, sampler: &Value) -> Option<Self> {
        let floats = |name: &str| Some(document.accessors.get(as_index(&sampler[name])?)?.floats());
        let (times, values) = (floats("input")?, floats("output")?);
        let how = sampler["interpolation"].as_str().unwrap_or("LINEAR").to_owned();
        let per_key = values.len().checked_div(times.len())?;
        let width = if how == "CUBICSPLINE" { per_key / 3 } else { per_key };
        (width > 0).then_some(Self { times, values, width, how })
    }

    /// The value of a key; for cubic splines `part` is 0 (in-tangent), 1 (value) or 2 (out-tangent).
    fn key(&self, key: usize, part: usize) -> &[f32] {
        let parts = if self.how == "CUBICSPLINE" { 3 } else { 1 };
        let part = if parts == 3 { part } else { 0 };
        &self.values[(key * parts + part) * self.width..][..self.width]
    }

    fn at(&self, time: f32, is_rotation: bool) -> Vec<f32> {
        let next = self.times.partition_point(|&key| key <= time);
        if next == 0 || next == self.times.len() {
            return self.key(next.saturating_sub(1), 1).to_vec();
        }
        let (from, to) = (next - 1, next);
        let gap = self.times[to] - self.times[from];
        let part = (time - self.times[from]) / gap;
        let (a, b) = (self.key(from, 1), self.key(to, 1));
        match self.how.as_str() {
            "STEP" => a.to_vec(),
            "CUBICSPLINE" => self.spline(from, part, gap),
            _ if is_rotation && self.width == 4 => {
                let quat = |v: &[f32]| Quat::from_vec4(Vec4::from_slice(v)).normalize();
                quat(a).slerp(quat(b), part).to_array().to_vec()
            }
            _ => a.iter().zip(b).map(|(a, b)| a + (b - a) * part).collect(),
        }
    }

    fn spline(&self, from: usize, t: f32, gap: f32) -> Vec<f32> {
        let (a, out, into, b) =
            (self.key(from, 1), self.key(from, 2), self.key(from + 1, 0), self.key(from + 1, 1));
        let (t2, t3) = (t * t, t * t * t);
        let value = |i: usize| {
            (2.0 * t3 - 3.0 * t2 + 1.0) * a[i]
                + gap * (t3 - 2.0 * t2 + t) * out[i]
                + (3.0 * t2 - 2.0 * t3) * b[i]
                + gap * (t3 - t2) * into[i]
        };
        (0..self.width).map(value).collect()
    }
}
