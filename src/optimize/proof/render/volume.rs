//! What a solid leaves of the light that goes through it (KHR_materials_volume).
//!
//! Light is taken to go straight through: as far as the thickness says, in the scale of the node, as viewers that rasterize
//! do. It is not bent on its way.

use glam::Vec3;
use serde_json::Value;

use super::slot::{Slot, number, numbers};
use super::surface::{Face, Place};
use crate::optimize::document::Document;
use crate::optimize::proof::powers::power;

/// A colour below this is taken for it.
const BLACKEST: f32 = 1e-6;

/// The inside of a body.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Volume {
    /// In units of the mesh.
    thickness: f32,
    pub(super) slot: Option<Slot>,
    /// What is left of white light after `distance`.
    colour: Vec3,
    distance: f32,
}

impl Volume {
    /// Reads the extension; `None` where nothing is taken from the light.
    pub(super) fn read(document: &Document, json: &Value) -> Option<Self> {
        let (thickness, distance) =
            (number(&json["thicknessFactor"], 0.0), number(&json["attenuationDistance"], f32::INFINITY));
        (thickness > 0.0 && distance > 0.0 && distance.is_finite()).then(|| Self {
            thickness,
            slot: Slot::read(document, &json["thicknessTexture"], false),
            // Black would leave nothing where there is no thickness either.
            colour: Vec3::from_array(numbers(&json["attenuationColor"], [1.0; 3]))
                .clamp(Vec3::splat(BLACKEST), Vec3::ONE),
            distance,
        })
    }

    /// The part of each colour that comes through.
    pub(super) fn left(&self, face: &Face, place: &Place) -> Vec3 {
        let texel = face.texel(self.slot.as_ref(), place).map_or(1.0, |texel| texel.y);
        let way = self.thickness * texel * face.surface.scale();
        self.colour.map(|part| power(part, way / self.distance))
    }
}
