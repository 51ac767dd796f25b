//! Materials as they are shaded, read from glTF's JSON.
//!
//! Understood: metal and roughness, specular-glossiness, normals, occlusion, emission, alpha modes, texture
//! transforms, unlit, clear coat, specular, index of refraction, iridescence, sheen, anisotropy. Transmission is drawn as
//! if it were smooth and bent nothing. What else changes the look (diffuse transmission, ...) is not drawn, on either side;
//! [`missing`](crate::optimize::proof::missing) names it.

use std::collections::BTreeSet;

use glam::{Vec3, Vec4};
use serde_json::Value;

use super::brush::Brush;
use super::sheen::Sheen;
use super::slot::{SETS, Slot, number, numbers};
use super::volume::Volume;
use crate::optimize::document::Document;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Alpha {
    Opaque,
    /// Drawn where alpha reaches this.
    Mask(f32),
    Blend,
}

/// When a material is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layer {
    Opaque,
    /// After that: what lies behind shines through (KHR_materials_transmission).
    Glass,
    /// Last: over everything.
    Blended,
}

/// A thin film (KHR_materials_iridescence).
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Film {
    pub(super) factor: f32,
    pub(super) slot: Option<Slot>,
    pub(super) ior: f32,
    /// Least and most, in nanometres.
    pub(super) thickness: [f32; 2],
    pub(super) thickness_slot: Option<Slot>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Material {
    pub(super) colour: Vec4,
    pub(super) colour_slot: Option<Slot>,
    pub(super) metallic: f32,
    pub(super) roughness: f32,
    pub(super) metal_rough_slot: Option<Slot>,
    pub(super) normal_slot: Option<Slot>,
    pub(super) normal_scale: f32,
    pub(super) occlusion_slot: Option<Slot>,
    pub(super) occlusion_strength: f32,
    pub(super) emissive: Vec3,
    pub(super) emissive_slot: Option<Slot>,
    pub(super) alpha: Alpha,
    pub(super) is_double_sided: bool,
    pub(super) is_unlit: bool,
    /// Reflection of what is no metal, seen from straight ahead.
    pub(super) specular: Vec3,
    pub(super) specular_slot: Option<Slot>,
    /// How much of that, in alpha.
    pub(super) specular_share_slot: Option<Slot>,
    /// Whether `specular_slot` holds glossiness in alpha (KHR_materials_pbrSpecularGlossiness).
    pub(super) is_specular_glossiness: bool,
    pub(super) coat: f32,
    pub(super) coat_slot: Option<Slot>,
    pub(super) coat_roughness: f32,
    pub(super) coat_roughness_slot: Option<Slot>,
    /// Without one, the coat is as smooth as the vertices' normals, whatever lies below it.
    pub(super) coat_normal_slot: Option<Slot>,
    pub(super) coat_normal_scale: f32,
    pub(super) transmission: f32,
    pub(super) transmission_slot: Option<Slot>,
    pub(super) volume: Option<Volume>,
    pub(super) film: Option<Film>,
    pub(super) sheen: Option<Sheen>,
    pub(super) brush: Option<Brush>,
    /// Which sets of texture coordinates are read.
    pub(super) sets: [bool; SETS],
}

impl Default for Material {
    fn default() -> Self {
        Self {
            colour: Vec4::ONE,
            colour_slot: None,
            metallic: 1.0,
            roughness: 1.0,
            metal_rough_slot: None,
            normal_slot: None,
            normal_scale: 1.0,
            occlusion_slot: None,
            occlusion_strength: 1.0,
            emissive: Vec3::ZERO,
            emissive_slot: None,
            alpha: Alpha::Opaque,
            is_double_sided: false,
            is_unlit: false,
            specular: Vec3::splat(0.04),
            specular_slot: None,
            specular_share_slot: None,
            is_specular_glossiness: false,
            coat: 0.0,
            coat_slot: None,
            coat_roughness: 0.0,
            coat_roughness_slot: None,
            coat_normal_slot: None,
            coat_normal_scale: 1.0,
            transmission: 0.0,
            transmission_slot: None,
            volume: None,
            film: None,
            sheen: None,
            brush: None,
            sets: [false; SETS],
        }
    }
}

/// Index of refraction with which specular-glossiness is drawn.
const DENSE_PLASTIC: f32 = 2.0;

impl Material {
    /// Reads a material.
    pub(super) fn read(document: &Document, json: &Value) -> Self {
        let slot = |info: &Value, is_srgb| Slot::read(document, info, is_srgb);
        let core = &json["pbrMetallicRoughness"];
        let extension = |name: &str| &json["extensions"][name];
        let strength = number(&extension("KHR_materials_emissive_strength")["emissiveStrength"], 1.0);
        let coat = extension("KHR_materials_clearcoat");
        let mut material = Self {
            colour: Vec4::from_array(numbers(&core["baseColorFactor"], [1.0; 4])),
            colour_slot: slot(&core["baseColorTexture"], true),
            metallic: number(&core["metallicFactor"], 1.0),
            roughness: number(&core["roughnessFactor"], 1.0),
            metal_rough_slot: slot(&core["metallicRoughnessTexture"], false),
            normal_slot: slot(&json["normalTexture"], false),
            normal_scale: number(&json["normalTexture"]["scale"], 1.0),
            occlusion_slot: slot(&json["occlusionTexture"], false),
            occlusion_strength: number(&json["occlusionTexture"]["strength"], 1.0),
            emissive: Vec3::from_array(numbers(&json["emissiveFactor"], [0.0; 3])) * strength,
            emissive_slot: slot(&json["emissiveTexture"], true),
            alpha: match json["alphaMode"].as_str() {
                Some("MASK") => Alpha::Mask(number(&json["alphaCutoff"], 0.5)),
                Some("BLEND") => Alpha::Blend,
                _ => Alpha::Opaque,
            },
            is_double_sided: json["doubleSided"].as_bool().unwrap_or(false),
            is_unlit: extension("KHR_materials_unlit").is_object(),
            coat: number(&coat["clearcoatFactor"], 0.0),
            coat_slot: slot(&coat["clearcoatTexture"], false),
            coat_roughness: number(&coat["clearcoatRoughnessFactor"], 0.0),
            coat_roughness_slot: slot(&coat["clearcoatRoughnessTexture"], false),
            coat_normal_slot: slot(&coat["clearcoatNormalTexture"], false),
            coat_normal_scale: number(&coat["clearcoatNormalTexture"]["scale"], 1.0),
            transmission: number(&extension("KHR_materials_transmission")["transmissionFactor"], 0.0),
            transmission_slot: slot(&extension("KHR_materials_transmission")["transmissionTexture"], false),
            volume: Volume::read(document, extension("KHR_materials_volume")),
            film: Film::read(document, extension("KHR_materials_iridescence")),
            sheen: Sheen::read(document, extension("KHR_materials_sheen")),
            brush: Brush::read(document, extension("KHR_materials_anisotropy")),
            ..Self::default()
        };
        let ior = number(&extension("KHR_materials_ior")["ior"], 1.5).max(1.0);
        let specular = extension("KHR_materials_specular");
        let reflectance = ((ior - 1.0) / (ior + 1.0)).powi(2) * number(&specular["specularFactor"], 1.0);
        material.specular =
            Vec3::from_array(numbers(&specular["specularColorFactor"], [1.0; 3])) * reflectance;
        material.specular_slot = slot(&specular["specularColorTexture"], true);
        material.specular_share_slot = slot(&specular["specularTexture"], false);
        material.use_specular_glossiness(document, extension("KHR_materials_pbrSpecularGlossiness"));
        material.sets = std::array::from_fn(|set| material.slots().any(|slot| slot.set == set));
        material
    }

    fn use_specular_glossiness(&mut self, document: &Document, json: &Value) {
        if !json.is_object() {
            return;
        }
        self.is_specular_glossiness = true;
        self.colour = Vec4::from_array(numbers(&json["diffuseFactor"], [1.0; 4]));
        self.colour_slot = Slot::read(document, &json["diffuseTexture"], true);
        self.metallic = 0.0;
        self.metal_rough_slot = None;
        // As viewers show it that have no such model: as a plastic that reflects a ninth of what is asked for.
        let reflectance = ((DENSE_PLASTIC - 1.0) / (DENSE_PLASTIC + 1.0)).powi(2);
        self.specular = Vec3::from_array(numbers(&json["specularFactor"], [1.0; 3])) * reflectance;
        self.specular_slot = Slot::read(document, &json["specularGlossinessTexture"], true);
        self.roughness = 1.0 - number(&json["glossinessFactor"], 1.0);
    }

    /// Every texture of the material.
    pub(super) fn slots(&self) -> impl Iterator<Item = &Slot> {
        let all = [
            &self.colour_slot,
            &self.metal_rough_slot,
            &self.normal_slot,
            &self.occlusion_slot,
            &self.emissive_slot,
            &self.specular_slot,
            &self.specular_share_slot,
            &self.coat_slot,
            &self.coat_roughness_slot,
            &self.coat_normal_slot,
            &self.transmission_slot,
        ];
        let of_film = self.film.iter().flat_map(|film| [&film.slot, &film.thickness_slot]);
        let of_sheen = self.sheen.iter().flat_map(|sheen| [&sheen.colour_slot, &sheen.roughness_slot]);
        let of_brush = self.brush.iter().map(|brush| &brush.slot);
        let of_volume = self.volume.iter().map(|volume| &volume.slot);
        all.into_iter().chain(of_film).chain(of_sheen).chain(of_brush).chain(of_volume).flatten()
    }

    pub(super) fn layer(&self) -> Layer {
        match self.alpha {
            _ if self.transmission > 0.0 => Layer::Glass,
            Alpha::Blend => Layer::Blended,
            Alpha::Opaque | Alpha::Mask(_) => Layer::Opaque,
        }
    }
}

/// The images that are drawn. Of the others, which only materials show that are not drawn as they are, no error is seen.
pub(in crate::optimize) fn drawn_images(document: &Document) -> BTreeSet<usize> {
    let materials = document.list("materials").iter().map(|json| Material::read(document, json));
    materials.flat_map(|material| material.slots().map(|slot| slot.image).collect::<Vec<_>>()).collect()
}

impl Film {
    fn read(document: &Document, json: &Value) -> Option<Self> {
        let factor = number(&json["iridescenceFactor"], 0.0);
        (factor > 0.0).then(|| Self {
            factor,
            slot: Slot::read(document, &json["iridescenceTexture"], false),
            ior: number(&json["iridescenceIor"], 1.3).max(1.0),
            thickness: [("iridescenceThicknessMinimum", 100.0), ("iridescenceThicknessMaximum", 400.0)]
                .map(|(name, default)| number(&json[name], default)),
            thickness_slot: Slot::read(document, &json["iridescenceThicknessTexture"], false),
        })
    }
}
