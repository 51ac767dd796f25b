//! What counts as error besides the distance of surfaces, and how much.
//!
//! meshoptimizer counts a difference in an attribute over a patch of length d as the weight times the difference
//! times d. For directions and colours that is what eyes do: a small patch of wrong colour is a small fault. But
//! what moves places (morph targets, skins, texture coordinates) is a distance already, so its weight is divided
//! by the length of a typical triangle.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::borders::bits;
use crate::optimize::codecs::meshopt::{Freedom, MAX_SIMPLIFY_ATTRIBUTES};
use crate::optimize::document::primitives;
use crate::optimize::document::{Accessor, Component, Document};

/// What a turn of a normal by one radian counts.
const NORMAL_WEIGHT: f32 = 0.5;
/// What a step from black to white in one channel counts.
const COLOUR_WEIGHT: f32 = 1.0;
/// What a shift on a texture counts, as part of the same shift on the surface.
const TEXCOORD_WEIGHT: f32 = 0.5;
/// How far joints pull apart what their weights hold together, as a part of the mesh's size.
const JOINT_REACH: f32 = 0.1;
/// Joints are many and a vertex follows few: joint j counts in column j modulo this.
const JOINT_COLUMNS: usize = 6;

/// The vertices of a group, with all that counts.
#[derive(Debug, Clone)]
pub(super) struct Metric {
    /// Where they are.
    pub positions: Vec<[f32; 3]>,
    /// `weights.len()` numbers a vertex.
    pub attributes: Vec<f32>,
    /// What each attribute counts.
    pub weights: Vec<f32>,
    /// What may happen to each vertex.
    pub freedoms: Vec<Freedom>,
    /// Whether nothing but nodes moves it: what is tiny then stays tiny.
    pub is_rigid: bool,
    position_accessor: usize,
    /// Accessor, its first column in `attributes`, and what its numbers are.
    sources: Vec<(usize, usize, Meaning)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Meaning {
    Position,
    Normal,
    Texcoord,
    Colour,
    Joints,
    Weights,
    /// Displacement by a morph target.
    Displacement,
    /// Follows from the others, nearly: kept as it is at the vertices that stay.
    Follows,
}

impl Meaning {
    /// `None` for attributes that only an application understands.
    fn of(name: &str, is_morph: bool) -> Option<Self> {
        match name.split('_').next().filter(|start| !start.is_empty())? {
            "POSITION" if is_morph => Some(Self::Displacement),
            _ if is_morph => Some(Self::Follows),
            "POSITION" => Some(Self::Position),
            "NORMAL" => Some(Self::Normal),
            "TEXCOORD" => Some(Self::Texcoord),
            "COLOR" => Some(Self::Colour),
            "JOINTS" => Some(Self::Joints),
            "WEIGHTS" => Some(Self::Weights),
            "TANGENT" => Some(Self::Follows),
            _ => None,
        }
    }
}

impl Metric {
    /// For the primitives of a group, which draw `drawn`; `None` where something in it cannot be averaged.
    /// `error` says from where on a displacement matters.
    pub(super) fn of(document: &Document, jsons: &[&Value], drawn: &[Vec<u32>], error: f64) -> Option<Self> {
        let meanings = meanings(jsons)?;
        let of = |wanted: Meaning| {
            let found = meanings.iter().filter(move |(_, meaning)| **meaning == wanted);
            found.map(|(&index, _)| (index, &document.accessors[index]))
        };
        let (position_accessor, accessor) = of(Meaning::Position).next()?;
        let positions = accessor.vectors::<3>();
        if of(Meaning::Position).count() != 1 || !positions.as_flattened().iter().all(|v| v.is_finite()) {
            return None;
        }
        let scale = Scale::of(&positions, drawn)?;
        let mut columns = Columns::new(positions.len());
        for (index, accessor) in of(Meaning::Normal) {
            columns.add(index, Meaning::Normal, accessor, NORMAL_WEIGHT)?;
        }
        for (index, accessor) in of(Meaning::Colour) {
            columns.add(index, Meaning::Colour, accessor, COLOUR_WEIGHT)?;
        }
        for (index, accessor) in of(Meaning::Texcoord) {
            let weight = TEXCOORD_WEIGHT * scale.length_of_texture(accessor, drawn) / scale.triangle;
            columns.add(index, Meaning::Texcoord, accessor, weight)?;
        }
        let joints: Vec<_> = of(Meaning::Joints).map(|(_, accessor)| accessor).collect();
        let weights: Vec<_> = of(Meaning::Weights).map(|(_, accessor)| accessor).collect();
        if !joints.is_empty() {
            columns.add_joints(&joints, &weights, JOINT_REACH * scale.whole / scale.triangle)?;
        }
        let mut freedoms = vec![Freedom::Free; positions.len()];
        for (index, accessor) in of(Meaning::Displacement) {
            let weight = 1.0 / scale.triangle;
            if columns.add(index, Meaning::Displacement, accessor, weight).is_none() {
                lock_displaced(&mut freedoms, accessor, error);
            }
        }
        let seams = meanings.iter().filter(|(_, meaning)| {
            matches!(meaning, Meaning::Texcoord | Meaning::Colour | Meaning::Joints | Meaning::Displacement)
        });
        keep_seams(&mut freedoms, &positions, seams.map(|(&index, _)| &document.accessors[index]));
        let is_rigid = joints.is_empty() && of(Meaning::Displacement).next().is_none();
        let (attributes, weights) = columns.interleaved();
        if !attributes.iter().chain(&weights).all(|value| value.is_finite()) {
            return None;
        }
        let sources = columns.sources;
        Some(Self { positions, attributes, weights, freedoms, is_rigid, position_accessor, sources })
    }

    /// Keeps the vertices for which `locked` holds as they are.
    pub(super) fn lock(&mut self, locked: &[bool]) {
        for (freedom, _) in self.freedoms.iter_mut().zip(locked).filter(|(_, locked)| **locked) {
            *freedom = Freedom::Locked;
        }
    }

    /// The accessors with the numbers that they have now, each in the type it had.
    pub(super) fn moved(&self, document: &Document) -> Vec<(usize, Accessor)> {
        let width = self.weights.len();
        let mut moved = vec![(
            self.position_accessor,
            in_type_of(&document.accessors[self.position_accessor], self.positions.as_flattened()),
        )];
        for &(index, first, meaning) in &self.sources {
            let like = &document.accessors[index];
            let n = like.shape.components();
            let mut values = Vec::with_capacity(n * self.positions.len());
            for (vertex, old) in self.attributes.chunks_exact(width).zip(like.floats().chunks_exact(n)) {
                values.extend(tidied(&vertex[first..first + n], old, meaning));
            }
            moved.push((index, in_type_of(like, &values)));
        }
        moved
    }
}

/// Averages that are valid again: normals of length one, colours between black and white.
fn tidied(new: &[f32], old: &[f32], meaning: Meaning) -> Vec<f32> {
    let length = |v: &[f32]| v.iter().map(|x| x * x).sum::<f32>().sqrt();
    match meaning {
        Meaning::Normal if length(new) > 1e-3 => new.iter().map(|x| x / length(new)).collect(),
        Meaning::Normal => old.to_vec(),
        Meaning::Colour => new.iter().map(|x| x.clamp(0.0, 1.0)).collect(),
        _ => new.to_vec(),
    }
}

/// Floats as an accessor of the same type as `like`.
fn in_type_of(like: &Accessor, values: &[f32]) -> Accessor {
    if like.component == Component::F32 {
        return Accessor::from_floats(like.shape, values);
    }
    let unit = if like.normalized { like.component.unit().unwrap_or(1.0) } else { 1.0 };
    let width = like.component.bytes();
    let bits = 8 * width;
    let (low, high) = match like.component {
        Component::I8 | Component::I16 => (-(1 << (bits - 1)), (1 << (bits - 1)) - 1),
        _ => (0, (1_i64 << bits) - 1),
    };
    let bytes = values.iter().flat_map(|value| {
        #[expect(clippy::cast_possible_truncation, reason = "a cast of a float saturates")]
        let whole = ((value * unit).round() as i64).clamp(low, high);
        // The low bytes of an integer are the same in any width.
        whole.to_le_bytes().into_iter().take(width)
    });
    let normalized = like.normalized;
    Accessor { normalized, ..Accessor::from_bytes(like.component, like.shape, bytes.collect()) }
}

/// What each accessor of the primitives is; `None` where one is two things or unknown.
fn meanings(jsons: &[&Value]) -> Option<BTreeMap<usize, Meaning>> {
    let mut meanings = BTreeMap::new();
    for json in jsons {
        let targets = json["targets"].as_array().into_iter().flatten().map(|target| (target, true));
        for (object, is_morph) in targets.chain([(&json["attributes"], false)]) {
            for (name, index) in primitives::attributes(object) {
                let meaning = Meaning::of(name, is_morph)?;
                if *meanings.entry(index).or_insert(meaning) != meaning {
                    return None;
                }
            }
        }
    }
    Some(meanings)
}

/// Lengths of a mesh, in its own units.
struct Scale {
    /// Longest side of the box around it.
    whole: f32,
    /// Side of a square as large as a triangle is on average.
    triangle: f32,
    area: f32,
}

impl Scale {
    fn of(positions: &[[f32; 3]], drawn: &[Vec<u32>]) -> Option<Self> {
        let triangles: usize = drawn.iter().map(|list| list.len() / 3).sum();
        let area = area(drawn, |vertex| positions.get(vertex as usize).copied().unwrap_or_default());
        let side = |axis: usize| {
            let low = positions.iter().map(|p| p[axis]).fold(f32::INFINITY, f32::min);
            positions.iter().map(|p| p[axis]).fold(f32::NEG_INFINITY, f32::max) - low
        };
        #[expect(clippy::cast_precision_loss, reason = "an average")]
        let triangle = (area / triangles as f32).sqrt();
        let whole = (0..3).map(side).fold(0.0, f32::max);
        (triangle > 0.0 && triangle.is_finite()).then_some(Self { whole, triangle, area })
    }

    /// How long one unit of texture coordinates is on the surface, on average.
    fn length_of_texture(&self, texcoords: &Accessor, drawn: &[Vec<u32>]) -> f32 {
        let texcoords = texcoords.vectors::<2>();
        let flat = |vertex: u32| texcoords.get(vertex as usize).map_or([0.0; 3], |[u, v]| [*u, *v, 0.0]);
        let covered = area(drawn, flat);
        let length = (self.area / covered).sqrt();
        // Coordinates that are all the same, or nearly: nothing on the texture moves.
        if covered > 0.0 { length.min(self.whole) } else { 0.0 }
    }
}

/// The area of all triangles.
pub(super) fn area(drawn: &[Vec<u32>], place: impl Fn(u32) -> [f32; 3]) -> f32 {
    let of_triangle = |triangle: &[u32; 3]| {
        let [a, b, c] = triangle.map(&place);
        let (u, v) = ([0, 1, 2].map(|i| b[i] - a[i]), [0, 1, 2].map(|i| c[i] - a[i]));
        let cross = [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]];
        f64::from(cross.iter().map(|x| x * x).sum::<f32>().sqrt()) / 2.0
    };
    #[expect(clippy::cast_possible_truncation, reason = "summed in double precision")]
    let sum = drawn.iter().flat_map(|list| list.as_chunks::<3>().0).map(of_triangle).sum::<f64>() as f32;
    sum
}

/// Attributes on their way into the metric.
struct Columns {
    vertex_count: usize,
    streams: Vec<(Vec<f32>, usize)>,
    weights: Vec<f32>,
    sources: Vec<(usize, usize, Meaning)>,
}

impl Columns {
    fn new(vertex_count: usize) -> Self {
        Self { vertex_count, streams: Vec::new(), weights: Vec::new(), sources: Vec::new() }
    }

    /// `None` where there is no room left or the numbers do not fit the vertices.
    fn add(&mut self, index: usize, meaning: Meaning, accessor: &Accessor, weight: f32) -> Option<()> {
        let n = accessor.shape.components();
        let first = self.weights.len();
        self.add_values(accessor.floats(), n, weight)?;
        self.sources.push((index, first, meaning));
        Some(())
    }

    fn add_values(&mut self, values: Vec<f32>, n: usize, weight: f32) -> Option<()> {
        if self.weights.len() + n > MAX_SIMPLIFY_ATTRIBUTES || values.len() != n * self.vertex_count {
            return None;
        }
        self.streams.push((values, n));
        self.weights.extend(std::iter::repeat_n(weight, n));
        Some(())
    }

    fn add_joints(&mut self, joints: &[&Accessor], weights: &[&Accessor], weight: f32) -> Option<()> {
        let mut values = vec![0.0; JOINT_COLUMNS * self.vertex_count];
        for (joints, weights) in joints.iter().zip(weights) {
            let pairs = joints.integers().into_iter().zip(weights.floats()).enumerate();
            for (at, (joint, part)) in pairs.take(4 * self.vertex_count) {
                values[at / 4 * JOINT_COLUMNS + joint as usize % JOINT_COLUMNS] += part;
            }
        }
        self.add_values(values, JOINT_COLUMNS, weight)
    }

    /// All attributes of the first vertex, then of the next.
    fn interleaved(&self) -> (Vec<f32>, Vec<f32>) {
        let vertex = |vertex: usize| {
            self.streams.iter().flat_map(move |(values, n)| values[vertex * n..][..*n].iter().copied())
        };
        ((0..self.vertex_count).flat_map(vertex).collect(), self.weights.clone())
    }
}

/// Morph targets that the metric has no room for: what they move further than the error stays as it is.
fn lock_displaced(freedoms: &mut [Freedom], displacements: &Accessor, error: f64) {
    for (freedom, moved) in freedoms.iter_mut().zip(displacements.vectors::<3>()) {
        if moved.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() > error * error {
            *freedom = Freedom::Locked;
        }
    }
}

/// Protects vertices in the same place as another from which they differ in one of `streams`.
fn keep_seams<'a>(
    freedoms: &mut [Freedom],
    positions: &[[f32; 3]],
    streams: impl Iterator<Item = &'a Accessor>,
) {
    let mut first: HashMap<[u32; 3], usize> = HashMap::new();
    let places: Vec<usize> =
        positions.iter().enumerate().map(|(at, p)| *first.entry(bits(p)).or_insert(at)).collect();
    for stream in streams {
        let size = stream.element_bytes();
        let element = |vertex: usize| stream.bytes().get(vertex * size..(vertex + 1) * size);
        for (vertex, &place) in places.iter().enumerate() {
            if freedoms[vertex] == Freedom::Free && element(vertex) != element(place) {
                freedoms[vertex] = Freedom::KeepSeam;
            }
        }
    }
}
