//! The grids to which positions and texture coordinates are rounded: how fine, for each accessor.
//!
//! A step is a power of two, so that the exponential filter holds rounded floats exactly and meshes that touch
//! share grid points. [`super::quantize`] does the rounding.

use serde_json::Value;

use crate::optimize::budget::Budget;
use crate::optimize::document::primitives;
use crate::optimize::document::{Accessor, Document};

/// The exponent of the grid of every accessor of positions or texture coordinates (morph targets included): the
/// finest one that a mesh or a material using it asks for.
#[must_use]
pub(super) fn find(document: &Document, budget: &Budget) -> Vec<Option<i32>> {
    let mut grids = vec![None; document.accessors.len()];
    enter_positions(document, budget.position_bits, &mut grids);
    enter_texcoords(document, budget.texcoord_bits, &mut grids);
    grids
}

/// Whether [`find`] has an exponent for attributes of this name.
pub(super) fn has_grid(name: &str) -> bool {
    name == "POSITION" || name.starts_with("TEXCOORD_")
}

/// Enters the exponent of the position grid: a step is a part of the longest side of the mesh.
fn enter_positions(document: &Document, bits: i32, grids: &mut [Option<i32>]) {
    for mesh in document.list("meshes") {
        let primitives = mesh["primitives"].as_array().map_or(&[][..], Vec::as_slice);
        let of_primitive =
            |json| primitives::attribute(document, json, "POSITION").and_then(Accessor::min_max);
        let bounds: Vec<_> = primitives.iter().filter_map(of_primitive).collect();
        let side = (0..3)
            .map(|axis| {
                let min = bounds.iter().map(|(min, _)| min[axis]).fold(f32::INFINITY, f32::min);
                let max = bounds.iter().map(|(_, max)| max[axis]).fold(f32::NEG_INFINITY, f32::max);
                max - min
            })
            .fold(0.0, f32::max);
        if side <= 0.0 || !side.is_finite() {
            continue;
        }
        let exponent = log2_floor(side) - bits;
        for json in primitives {
            enter(json, |name| name == "POSITION", exponent, grids);
        }
    }
}

/// The largest power of two that is not above `value`, as its exponent.
pub(super) fn log2_floor(value: f32) -> i32 {
    #[expect(clippy::cast_possible_truncation, reason = "exponents of floats fit")]
    let floor = value.log2().floor() as i32;
    floor
}

/// Enters the exponent of the grid of texture coordinates: a step is a part of the texture, once the material
/// has scaled it.
fn enter_texcoords(document: &Document, bits: i32, grids: &mut [Option<i32>]) {
    let materials = document.list("materials");
    let magnification: Vec<i32> =
        materials.iter().map(|material| log2_floor(largest_scale(material).max(1.0))).collect();
    for id in primitives::all(document) {
        let json = primitives::json(document, id);
        let used = primitives::materials(document, json).filter_map(|index| magnification.get(index));
        let exponent = -bits - used.copied().max().unwrap_or(0);
        enter(json, |name| name.starts_with("TEXCOORD_"), exponent, grids);
    }
}

/// The largest scale of any KHR_texture_transform in a material.
fn largest_scale(value: &Value) -> f32 {
    match value {
        Value::Object(members) => {
            let scale =
                members.get("KHR_texture_transform").and_then(|transform| transform["scale"].as_array());
            #[expect(clippy::cast_possible_truncation, reason = "only its magnitude matters")]
            let of_scale =
                scale.into_iter().flatten().filter_map(Value::as_f64).map(|scale| scale.abs() as f32);
            of_scale.chain(members.values().map(largest_scale)).fold(0.0, f32::max)
        }
        Value::Array(items) => items.iter().map(largest_scale).fold(0.0, f32::max),
        _ => 0.0,
    }
}

/// Asks for a grid for the attributes of a primitive and its morph targets whose names are `wanted`.
fn enter(primitive: &Value, wanted: fn(&str) -> bool, exponent: i32, grids: &mut [Option<i32>]) {
    let targets = primitive["targets"].as_array().into_iter().flatten();
    let all = targets.chain([&primitive["attributes"]]).flat_map(primitives::attributes);
    for (_, index) in all.filter(|(name, _)| wanted(name)) {
        grids[index] = Some(grids[index].map_or(exponent, |finer| finer.min(exponent)));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::optimize::Settings;
    use crate::optimize::document::Shape;

    /// The step of the texture coordinates of a primitive whose texture is repeated this often.
    fn step(scale: f64) -> i32 {
        let root = json!({
            "materials": [{ "normalTexture": {
                "index": 0, "extensions": { "KHR_texture_transform": { "scale": [1.0, scale] } } } }],
            "meshes": [{ "primitives": [{ "attributes": { "TEXCOORD_0": 0 }, "material": 0 }] }],
        });
        let accessors = vec![Accessor::from_floats(Shape::Vec2, &[0.5, 0.5])];
        let root = root.as_object().unwrap().clone();
        let budget = Budget::of(&Settings::default());
        find(&Document { root, accessors, ..Document::default() }, &budget)[0].unwrap() + budget.texcoord_bits
    }

    /// A fabric repeated a hundred times was shifted by more than a hundredth of itself at each vertex.
    #[test]
    fn regression_textures_that_are_repeated_have_finer_coordinates() {
        assert_eq!(step(1.0), 0);
        assert_eq!(step(0.1), 0);
        assert_eq!(step(-1.5), 0);
        assert_eq!(step(100.0), -6);
    }
}
