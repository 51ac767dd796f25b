//! A primitive as a renderer sees it: vertex arrays and what is drawn of them, morphed and skinned.

use std::sync::Arc;

use glam::{Mat3, Mat4, Vec2, Vec3, Vec4};
use serde_json::Value;

use super::slot::SETS;
use crate::optimize::document::primitives::{self, as_index};
use crate::optimize::document::{Accessor, Document};

/// The arrays of a primitive, with triangles, lines or points.
#[derive(Debug, Clone, Default)]
pub(super) struct Part {
    pub(super) positions: Vec<Vec3>,
    /// The box around them.
    pub(super) bounds: [Vec3; 2],
    /// Empty where the surface is flat-shaded.
    pub(super) normals: Vec<Vec3>,
    pub(super) tangents: Vec<Vec4>,
    pub(super) uvs: [Vec<Vec2>; SETS],
    pub(super) colours: Vec<Vec4>,
    pub(super) triangles: Vec<[u32; 3]>,
    /// Lines, and points as lines of no length.
    pub(super) strokes: Vec<[u32; 2]>,
    pub(super) joints: Vec<[u32; 4]>,
    weights: Vec<Vec4>,
    morphs: Vec<Morph>,
}

/// What one morph target adds.
#[derive(Debug, Clone, Default)]
struct Morph {
    positions: Vec<Vec3>,
    normals: Vec<Vec3>,
}

impl Part {
    /// How many triangles, lines and points there are.
    pub(super) fn elements(&self) -> usize {
        self.triangles.len() + self.strokes.len()
    }

    /// Reads a primitive; `None` where it has no positions.
    pub(super) fn read(document: &Document, json: &Value) -> Option<Self> {
        let attribute = |name: &str| primitives::attribute(document, json, name);
        let vec2 = |name: &str| vectors(attribute(name), Vec2::from_array);
        let vec3 = |name| vectors(attribute(name), Vec3::from_array);
        let vec4 = |name| vectors(attribute(name), Vec4::from_array);
        let positions = vec3("POSITION");
        if positions.is_empty() {
            return None;
        }
        let count = positions.len();
        let mut part = Self {
            normals: whole(vec3("NORMAL"), count),
            tangents: whole(vec4("TANGENT"), count),
            uvs: std::array::from_fn(|set| whole(vec2(&format!("TEXCOORD_{set}")), count)),
            colours: whole(attribute("COLOR_0").map(colours).unwrap_or_default(), count),
            joints: whole(attribute("JOINTS_0").map(joints).unwrap_or_default(), count),
            weights: whole(vec4("WEIGHTS_0"), count),
            positions,
            ..Self::default()
        };
        if part.weights.is_empty() {
            part.joints.clear();
        }
        let drawn: Vec<u32> = primitives::drawn_vertices(document, json)
            .into_iter()
            .filter(|&v| (v as usize) < count)
            .collect();
        match primitives::mode(json) {
            0 => part.strokes = drawn.iter().map(|&point| [point; 2]).collect(),
            1 => part.strokes = drawn.as_chunks::<2>().0.to_vec(),
            mode @ (2 | 3) => {
                part.strokes = drawn.windows(2).map(|pair| [pair[0], pair[1]]).collect();
                let ends = drawn.last().zip(drawn.first()).filter(|_| mode == 2);
                part.strokes.extend(ends.map(|(&last, &first)| [last, first]));
            }
            4 => part.triangles = drawn.as_chunks::<3>().0.to_vec(),
            5 => part.triangles = strip(&drawn),
            6 => part.triangles = drawn.windows(2).skip(1).map(|pair| [drawn[0], pair[0], pair[1]]).collect(),
            _ => {}
        }
        let targets = json["targets"].as_array().into_iter().flatten();
        part.morphs = targets.map(|target| Morph::read(document, target, count)).collect();
        Some(part.bounded())
    }

    /// With morph targets added by their weights.
    pub(super) fn morphed(self: &Arc<Self>, weights: &[f32]) -> Arc<Self> {
        if self.morphs.is_empty() || weights.iter().all(|&w| w == 0.0) {
            return self.clone();
        }
        let mut part = (**self).clone();
        for (morph, &weight) in self.morphs.iter().zip(weights).filter(|(_, weight)| **weight != 0.0) {
            part.positions.iter_mut().zip(&morph.positions).for_each(|(at, by)| *at += *by * weight);
            part.normals.iter_mut().zip(&morph.normals).for_each(|(at, by)| *at += *by * weight);
        }
        Arc::new(part.bounded())
    }

    /// With joints applied, in world space. Weights count in proportion to their sum, which is to be 1: viewers make it so.
    pub(super) fn skinned(&self, matrices: &[Mat4]) -> Arc<Self> {
        let mut part = self.clone();
        let matrix = |i: usize| {
            let joint =
                |k: usize| matrices.get(self.joints[i][k] as usize).copied().unwrap_or(Mat4::IDENTITY);
            let sum = self.weights[i].element_sum();
            let weights = (self.weights[i] / if sum > 0.0 { sum } else { 1.0 }).to_array();
            (0..4)
                .fold(Mat4::ZERO, |sum, k| if weights[k] == 0.0 { sum } else { sum + joint(k) * weights[k] })
        };
        for i in 0..part.positions.len() {
            let matrix = matrix(i);
            part.positions[i] = matrix.transform_point3(part.positions[i]);
            let turn = Mat3::from_mat4(matrix);
            if let Some(normal) = part.normals.get_mut(i) {
                *normal = turn * *normal;
            }
            if let Some(tangent) = part.tangents.get_mut(i) {
                *tangent = (turn * tangent.truncate()).extend(tangent.w);
            }
        }
        Arc::new(part.bounded())
    }

    /// With the box around its positions as they are now.
    fn bounded(self) -> Self {
        let none = [Vec3::INFINITY, Vec3::NEG_INFINITY];
        let places = self.positions.iter().filter(|at| at.is_finite());
        let bounds = places.fold(none, |[low, high], &at| [low.min(at), high.max(at)]);
        Self { bounds, ..self }
    }
}

impl Morph {
    fn read(document: &Document, target: &Value, count: usize) -> Self {
        let deltas = |name: &str| {
            let accessor = as_index(&target[name]).and_then(|index| document.accessors.get(index));
            whole(vectors(accessor, Vec3::from_array), count)
        };
        Self { positions: deltas("POSITION"), normals: deltas("NORMAL") }
    }
}

/// The elements of an accessor; none where there is no accessor, or its elements have another number of components.
fn vectors<const N: usize, V>(accessor: Option<&Accessor>, vector: fn([f32; N]) -> V) -> Vec<V> {
    accessor.map(Accessor::vectors::<N>).unwrap_or_default().into_iter().map(vector).collect()
}

/// An attribute, or nothing where it does not cover every vertex.
fn whole<T>(values: Vec<T>, count: usize) -> Vec<T> {
    if values.len() == count { values } else { Vec::new() }
}

fn colours(accessor: &Accessor) -> Vec<Vec4> {
    let rgb = accessor.vectors::<3>().into_iter().map(|[r, g, b]| Vec4::new(r, g, b, 1.0));
    rgb.chain(accessor.vectors::<4>().into_iter().map(Vec4::from_array)).collect()
}

fn joints(accessor: &Accessor) -> Vec<[u32; 4]> {
    accessor.integers().as_chunks::<4>().0.to_vec()
}

fn strip(drawn: &[u32]) -> Vec<[u32; 3]> {
    let turned = |(i, three): (usize, &[u32])| {
        if i % 2 == 0 { [three[0], three[1], three[2]] } else { [three[1], three[0], three[2]] }
    };
    drawn.windows(3).enumerate().map(turned).collect()
}
