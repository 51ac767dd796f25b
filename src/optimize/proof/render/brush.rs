//! Reflections drawn out along a direction, as on brushed metal (KHR_materials_anisotropy).
//!
//! The reflection is looked up along a bent normal, as Filament does for light from all around ("Physically Based
//! Rendering in Filament", section "Anisotropy" of image-based lights).

use glam::{Mat2, Vec2, Vec3};
use serde_json::Value;

use super::slot::{Slot, number};
use super::surface::{Face, Place};
use crate::optimize::document::Document;

/// The brush and its strokes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Brush {
    /// Length is the strength; the direction is relative to the tangent.
    stroke: Vec2,
    /// Red and green: direction. Blue: strength.
    pub(super) slot: Option<Slot>,
}

impl Brush {
    /// Reads the extension; `None` where nothing is brushed.
    pub(super) fn read(document: &Document, json: &Value) -> Option<Self> {
        let strength = number(&json["anisotropyStrength"], 0.0);
        let turn = number(&json["anisotropyRotation"], 0.0);
        (strength > 0.0).then(|| Self {
            stroke: strength * Vec2::from_angle(turn),
            slot: Slot::read(document, &json["anisotropyTexture"], false),
        })
    }

    /// The normal by which the room is reflected.
    pub(super) fn bent(
        &self,
        face: &Face,
        place: &Place,
        (smooth, normal): (Vec3, Vec3),
        roughness: f32,
    ) -> Vec3 {
        let Some((tangent, bitangent)) = face.directions(smooth, place) else { return normal };
        let stroke = match face.texel(self.slot.as_ref(), place) {
            Some(texel) => {
                let direction = (Vec2::new(texel.x, texel.y) * 2.0 - 1.0).normalize_or(Vec2::X);
                Mat2::from_cols(self.stroke, self.stroke.perp()) * direction * texel.z
            }
            None => self.stroke,
        };
        let strength = stroke.length().min(1.0);
        let along = stroke.normalize_or(Vec2::X);
        let across = bitangent * along.x - tangent * along.y;
        let round = across.cross(place.view).cross(across).normalize_or(normal);
        let share = (1.0 - strength * (1.0 - roughness)).powi(4);
        round.lerp(normal, share).normalize_or(normal)
    }
}
