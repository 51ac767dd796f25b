//! A textureInfo: which coordinates a slot of a material reads its texture by.

use glam::{Affine2, Vec2};
use serde_json::Value;

use super::primitives::as_index;

/// Which set of texture coordinates, n of TEXCOORD_n.
#[must_use]
pub fn set(info: &Value) -> usize {
    let transform = &info["extensions"]["KHR_texture_transform"];
    as_index(&transform["texCoord"]).or_else(|| as_index(&info["texCoord"])).unwrap_or(0)
}

/// KHR_texture_transform: coordinates of the mesh to those of the image.
#[must_use]
pub fn transform(info: &Value) -> Affine2 {
    let transform = &info["extensions"]["KHR_texture_transform"];
    let offset = Vec2::from_array(numbers(&transform["offset"], [0.0; 2]));
    let scale = Vec2::from_array(numbers(&transform["scale"], [1.0; 2]));
    // glTF turns against the clock, with v pointing down.
    let angle = -number(&transform["rotation"], 0.0);
    Affine2::from_scale_angle_translation(Vec2::ONE, angle, offset) * Affine2::from_scale(scale)
}

/// A number, or the default where there is none.
#[expect(clippy::cast_possible_truncation, reason = "f32 is what every viewer reads")]
#[must_use]
pub fn number(value: &Value, default: f32) -> f32 {
    value.as_f64().map_or(default, |number| number as f32)
}

/// A list of so many numbers, or the default.
#[must_use]
pub fn numbers<const N: usize>(value: &Value, default: [f32; N]) -> [f32; N] {
    let list = value.as_array().filter(|list| list.len() == N);
    list.map_or(default, |list| std::array::from_fn(|i| number(&list[i], default[i])))
}
