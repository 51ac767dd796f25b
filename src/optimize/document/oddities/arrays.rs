//! Oddities of numbers: bounds that are not those of the elements, normals that are no unit vectors, inverse bind
//! matrices that are not affine, indices that restart a primitive.

use serde_json::Value;

use super::{Oddities, top};
use crate::optimize::document::primitives::{self, as_index};
use crate::optimize::document::refs::{Kind, Role, visit};
use crate::optimize::document::{Accessor, Component, Document};

/// Declared bounds may be off by this part of the range: exporters round them.
const BOUNDS_TOLERANCE: f32 = 1e-3;
/// Lengths of normals may be off by this much; quantized ones are.
const LENGTH_TOLERANCE: f32 = 0.05;

/// Compares `min` and `max` in an accessor's JSON with its elements.
pub(super) fn accessor(json: &Value, accessor: &Accessor, at: &str, found: &mut Oddities) {
    if accessor.count == 0 {
        found.note(format!("{at}/count"), "must be at least 1; nothing refers to the accessor");
    }
    if !accessor.bounds {
        return;
    }
    let Some((least, most)) = accessor.min_max() else { return };
    let range = least.iter().zip(&most).map(|(a, b)| b - a).fold(0.0f32, f32::max);
    let largest = least.iter().chain(&most).fold(0.0f32, |a, b| a.max(b.abs()));
    let slack = BOUNDS_TOLERANCE * range.max(largest * BOUNDS_TOLERANCE);
    for (name, true_values) in [("min", least), ("max", most)] {
        let declared = json[name].as_array().map_or(&[][..], Vec::as_slice);
        let is_off = |(declared, real): (&Value, &f32)| {
            #[expect(clippy::cast_possible_truncation, reason = "bounds are compared as 32-bit floats")]
            let declared = declared.as_f64().map(|declared| declared as f32);
            declared.is_some_and(|declared| (declared - real).abs() > slack)
        };
        if declared.iter().zip(&true_values).any(is_off) {
            found.note(format!("{at}/{name}"), "is not that of the elements; it was computed anew");
        }
    }
}

pub(super) fn look(document: &Document, found: &mut Oddities) {
    let mut looked_at = vec![false; document.accessors.len()];
    visit(&document.root, &mut |at, kind, role, value| {
        let index = as_index(value).filter(|_| kind == Kind::Accessor);
        let Some(index) = index.filter(|&index| !std::mem::replace(&mut looked_at[index], true)) else {
            return;
        };
        let accessor = &document.accessors[index];
        match role {
            Role::Vertex if at.name() == "NORMAL" && has_odd_lengths(accessor) => {
                found.note(at, "has normals that are not of unit length; they were kept");
            }
            Role::InverseBind if !is_affine(accessor) => {
                found.note(at, "has matrices whose last row is not 0 0 0 1; they were kept");
            }
            Role::Indices if restarts(accessor) => {
                found.note(at, "holds the largest number of its type, which glTF forbids");
            }
            _ => {}
        }
    });
    for (at, mesh) in top(&document.root, "meshes") {
        for (i, primitive) in mesh["primitives"].as_array().into_iter().flatten().enumerate() {
            if primitives::attributes(&primitive["attributes"]).next().is_none() {
                found.note(format!("{at}/primitives/{i}"), "has no attributes and draws nothing");
            }
        }
    }
}

fn has_odd_lengths(accessor: &Accessor) -> bool {
    let is_odd = |normal: &[f32; 3]| {
        let length = normal.iter().map(|v| v * v).sum::<f32>().sqrt();
        // Exporters write zeros where a triangle has no area.
        length > 0.0 && (length - 1.0).abs() > LENGTH_TOLERANCE
    };
    accessor.component == Component::F32 && accessor.vectors::<3>().iter().any(is_odd)
}

fn is_affine(accessor: &Accessor) -> bool {
    let near = |value: f32, expected: f32| (value - expected).abs() < 1e-4;
    accessor
        .vectors::<16>()
        .iter()
        .all(|matrix| [3, 7, 11].iter().all(|&i| near(matrix[i], 0.0)) && near(matrix[15], 1.0))
}

fn restarts(accessor: &Accessor) -> bool {
    let largest = match accessor.component {
        Component::U8 => 0xFF,
        Component::U16 => 0xFFFF,
        _ => u32::MAX,
    };
    accessor.integers().contains(&largest)
}
