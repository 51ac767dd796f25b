//! The soft shine of cloth at grazing angles (KHR_materials_sheen).
//!
//! Source: Estevez and Kulla, "Production Friendly Microfacet Sheen BRDF", 2017. Light comes from all around, so only what
//! their lobe reflects in all is needed: the exponential fit that three.js has used for it since its release 182.

use glam::{Vec3, Vec4Swizzles};
use serde_json::Value;

use super::slot::{Slot, number, numbers};
use super::surface::{Face, Place};
use crate::optimize::document::Document;
use crate::optimize::proof::powers::exp2;

/// A layer of fibres.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sheen {
    colour: Vec3,
    pub(super) colour_slot: Option<Slot>,
    roughness: f32,
    pub(super) roughness_slot: Option<Slot>,
}

impl Sheen {
    /// Reads the extension; `None` where nothing shines.
    pub(super) fn read(document: &Document, json: &Value) -> Option<Self> {
        let colour = Vec3::from_array(numbers(&json["sheenColorFactor"], [0.0; 3]));
        (colour.max_element() > 0.0).then(|| Self {
            colour,
            colour_slot: Slot::read(document, &json["sheenColorTexture"], true),
            roughness: number(&json["sheenRoughnessFactor"], 0.0),
            roughness_slot: Slot::read(document, &json["sheenRoughnessTexture"], false),
        })
    }

    /// What the fibres add to the light from around, and what they leave of what comes from below. `facing` is the
    /// cosine between normal and eye.
    pub(super) fn shine(&self, face: &Face, place: &Place, facing: f32) -> (Vec3, f32) {
        let tint = face.texel(self.colour_slot.as_ref(), place).map_or(Vec3::ONE, |texel| texel.xyz());
        let rough = face.texel(self.roughness_slot.as_ref(), place).map_or(1.0, |texel| texel.w);
        let colour = self.colour * tint;
        let albedo = albedo((self.roughness * rough).clamp(1e-4, 1.0), facing);
        (colour * albedo, 1.0 - colour.max_element() * albedo)
    }
}

/// How much of the light from all around a white layer sends towards the eye.
fn albedo(roughness: f32, facing: f32) -> f32 {
    let (square, inverse) = (roughness * roughness, 1.0 / (roughness + 0.1));
    let slope = -1.9362 + 1.0678 * roughness + 0.4573 * square - 0.8469 * inverse;
    let offset = -0.6014 + 0.5538 * roughness - 0.4670 * square - 0.1255 * inverse;
    exp2((slope * facing + offset) * std::f32::consts::LOG2_E).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cloth_shines_at_its_edge_and_never_more_than_it_gets() {
        for roughness in [0.1, 0.4, 1.0] {
            let [edge, middle] = [0.0, 1.0].map(|facing| albedo(roughness, facing));
            assert!(middle < edge && edge <= 1.0, "{roughness}: {middle} {edge}");
        }
    }
}
