//! The vertices of several primitives as those of one, each moved to where its node puts it.

use std::collections::HashMap;

use serde_json::Value;

use crate::optimize::document::matrix::{self, IDENTITY, Matrix};
use crate::optimize::document::primitives::{self, TRIANGLES};
use crate::optimize::document::{Accessor, Component, Document, Shape};

/// A primitive and where its vertices go.
#[derive(Clone, Copy)]
pub(super) struct Part<'d> {
    pub(super) json: &'d Value,
    pub(super) matrix: Matrix,
}

/// What several primitives are as one.
pub(super) struct Joined {
    /// By name, in the order of the first primitive.
    pub(super) attributes: Vec<(String, Accessor)>,
    /// `None` where no primitive has indices.
    pub(super) indices: Option<Accessor>,
}

/// More vertices need indices of 32 bits.
pub(super) const MOST_VERTICES: usize = 65_535;

/// Joins primitives of one kind (see [`super::key`]); those with the same attributes share their vertices.
/// `None` where vertices cannot be moved, or there would be too many of them.
pub(super) fn joined(document: &Document, parts: &[Part]) -> Option<Joined> {
    let mut firsts: HashMap<String, u32> = HashMap::new();
    let mut sets: Vec<Part> = Vec::new();
    let mut count = 0;
    let mut indices = Vec::new();
    for part in parts {
        let vertices = primitives::vertex_count(document, part.json);
        let first = *firsts.entry(part.json["attributes"].to_string()).or_insert_with(|| {
            sets.push(*part);
            count += vertices;
            u32::try_from(count - vertices).unwrap_or(u32::MAX)
        });
        if count > MOST_VERTICES {
            return None;
        }
        let drawn = primitives::drawn_vertices(document, part.json);
        indices.extend(wound(drawn, part).into_iter().map(|vertex| vertex + first));
    }
    let names = primitives::attributes(&parts.first()?.json["attributes"]).map(|(name, _)| name.to_owned());
    let of_all = |name: String| {
        let streams = sets.iter().map(|part| moved(document, part, &name)).collect::<Option<Vec<_>>>()?;
        Some((name, concatenated(streams)?))
    };
    let attributes = names.map(of_all).collect::<Option<_>>()?;
    // Without indices, vertices are drawn in their order, once.
    let is_listed = sets.len() == parts.len()
        && parts.iter().all(|part| primitives::indices(part.json).is_none() && !is_mirrored(part));
    let indices = Accessor::from_indices(&indices, count);
    Some(Joined { attributes, indices: (!is_listed).then_some(indices) })
}

fn is_mirrored(part: &Part) -> bool {
    matrix::determinant(&part.matrix) < 0.0
}

/// What a mirror turns inside out is turned back.
fn wound(mut drawn: Vec<u32>, part: &Part) -> Vec<u32> {
    if is_mirrored(part) && primitives::mode(part.json) == TRIANGLES {
        drawn.as_chunks_mut::<3>().0.iter_mut().for_each(|triangle| triangle.swap(1, 2));
    }
    drawn
}

fn concatenated(streams: Vec<Accessor>) -> Option<Accessor> {
    let bytes = streams.iter().flat_map(Accessor::bytes).copied().collect();
    let Accessor { component, shape, normalized, bounds, .. } = *streams.first()?;
    Some(Accessor { normalized, bounds, ..Accessor::from_bytes(component, shape, bytes) })
}

/// An attribute where the part's matrix puts it; `None` for numbers that nobody knows how to move.
fn moved(document: &Document, part: &Part, name: &str) -> Option<Accessor> {
    let accessor = primitives::attribute(document, part.json, name)?;
    let stays = ["TEXCOORD_", "COLOR_", "JOINTS_", "WEIGHTS_"].iter().any(|known| name.starts_with(known));
    if part.matrix == IDENTITY || stays {
        return Some(accessor.clone());
    }
    if accessor.component != Component::F32 {
        return None;
    }
    let vectors = match name {
        "POSITION" => {
            let place = |point: [f32; 3]| matrix::transformed(&part.matrix, point.map(f64::from));
            accessor.vectors::<3>().into_iter().flat_map(place).collect::<Vec<f64>>()
        }
        "NORMAL" => {
            let normals = cofactors(&part.matrix);
            accessor.vectors::<3>().into_iter().flat_map(|normal| turned(&normals, normal)).collect()
        }
        "TANGENT" => {
            let sign = matrix::determinant(&part.matrix).signum();
            let turn = |[x, y, z, w]: [f32; 4]| {
                let [x, y, z] = turned(&part.matrix, [x, y, z]);
                [x, y, z, f64::from(w) * sign]
            };
            accessor.vectors::<4>().into_iter().flat_map(turn).collect()
        }
        _ => return None,
    };
    let floats: Vec<f32> = vectors.into_iter().map(|number| number as f32).collect();
    let shape = if name == "TANGENT" { Shape::Vec4 } else { Shape::Vec3 };
    Some(Accessor { bounds: accessor.bounds, ..Accessor::from_floats(shape, &floats) })
}

/// What turns normals: the inverse transpose, up to a factor. It points outwards for mirrors too.
fn cofactors(m: &Matrix) -> Matrix {
    let sign = matrix::determinant(m).signum();
    let mut found = IDENTITY;
    for (column, cofactors) in found[..3].iter_mut().enumerate() {
        let (a, b) = (m[(column + 1) % 3], m[(column + 2) % 3]);
        for (row, cofactor) in cofactors[..3].iter_mut().enumerate() {
            let (j, k) = ((row + 1) % 3, (row + 2) % 3);
            *cofactor = sign * (a[j] * b[k] - a[k] * b[j]);
        }
    }
    found
}

/// A direction turned, at unit length.
fn turned(matrix: &Matrix, direction: [f32; 3]) -> [f64; 3] {
    let direction = direction.map(f64::from);
    let turned: [f64; 3] =
        std::array::from_fn(|row| (0..3).map(|axis| matrix[axis][row] * direction[axis]).sum());
    let length = turned.iter().map(|v| v * v).sum::<f64>().sqrt();
    if length > 0.0 { turned.map(|v| v / length) } else { direction }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A triangle at z = 0 that looks along z, with a tangent along x.
    fn document() -> Document {
        let positions = [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0];
        let accessors = vec![
            Accessor::from_floats(Shape::Vec3, &positions),
            Accessor::from_floats(Shape::Vec3, &[0.0, 0.0, 1.0].repeat(3)),
            Accessor::from_floats(Shape::Vec4, &[1.0, 0.0, 0.0, 1.0].repeat(3)),
            Accessor::from_indices(&[0, 1, 2], 3),
        ];
        Document { accessors, ..Document::default() }
    }

    fn face(joined: &Joined, first: usize) -> ([[f32; 3]; 3], [f32; 3], [f32; 4]) {
        let streams = |name: &str| &joined.attributes.iter().find(|(n, _)| n == name).unwrap().1;
        let indices = joined.indices.as_ref().unwrap().integers();
        let corners = [0, 1, 2].map(|i| streams("POSITION").vectors::<3>()[indices[first + i] as usize]);
        let at = indices[first] as usize;
        (corners, streams("NORMAL").vectors()[at], streams("TANGENT").vectors()[at])
    }

    #[test]
    fn a_mirrored_part_still_shows_its_front() {
        let document = document();
        let json = json!({ "attributes": { "POSITION": 0, "NORMAL": 1, "TANGENT": 2 }, "indices": 3 });
        let other =
            json!({ "attributes": { "POSITION": 0, "NORMAL": 1, "TANGENT": 2, "_": 0 }, "indices": 3 });
        let mirror = matrix::of_node(&json!({ "scale": [-2, 1, 1], "translation": [0, 0, 5] }), None);
        let parts = [Part { json: &json, matrix: IDENTITY }, Part { json: &other, matrix: mirror }];
        let joined = joined(&document, &parts).unwrap();
        let (corners, normal, tangent) = face(&joined, 3);
        // Still counter-clockwise as seen from where the normal points.
        assert_eq!(corners, [[0.0, 0.0, 5.0], [0.0, 1.0, 5.0], [-2.0, 0.0, 5.0]]);
        assert_eq!((normal, tangent), ([0.0, 0.0, 1.0], [-1.0, 0.0, 0.0, -1.0]));
        assert_eq!(face(&joined, 0).0[1], [1.0, 0.0, 0.0]);
    }

    #[test]
    fn normals_stay_upright_on_what_is_stretched() {
        let stretched = matrix::of_node(&json!({ "scale": [1, 4, 1] }), None);
        let [_, y, z] = turned(&cofactors(&stretched), [0.0, 0.6, 0.8]);
        // Upright on the direction (0, 0.8, -0.6), stretched.
        assert!((y * 0.8 * 4.0 - z * 0.6).abs() < 1e-6);
    }

    #[test]
    fn numbers_of_the_application_are_not_moved() {
        let document = document();
        let json = json!({ "attributes": { "POSITION": 0, "_WIND": 1 }, "indices": 3 });
        let moved = matrix::of_node(&json!({ "translation": [1, 0, 0] }), None);
        assert!(joined(&document, &[Part { json: &json, matrix: moved }]).is_none());
        assert!(joined(&document, &[Part { json: &json, matrix: IDENTITY }]).is_some());
    }
}
