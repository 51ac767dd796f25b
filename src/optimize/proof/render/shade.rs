//! The colour of a surface at a pixel.
//!
//! glTF's metal-rough model (specification, appendix B) under [`environment`](super::environment): light from
//! all around, split-sum reflections with the fit of Lazarov ("Getting More Physical in Call of Duty", 2013), [`sheen`](super::sheen) and a clear coat
//! on top, and the Khronos PBR Neutral tone mapper at the end.

use std::sync::LazyLock;

use glam::{Vec3, Vec4, Vec4Swizzles};

use super::environment::ROOM_LIGHT;
use super::film;
use super::light::Lit;
use super::material::Alpha;
use super::slot::Slot;
use super::surface::{Face, Place};
use crate::optimize::proof::powers::{Curve, TO_SRGB, exp2, power};

/// Smoother than this is as smooth: a perfect mirror too is read from a blurred map.
const SMOOTHEST: f32 = 0.045;

/// What the pixel shows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shaded {
    /// Linear, without an upper bound: what shines through glass before it.
    pub(super) light: Vec3,
    /// The same as it is shown: sRGB, 0 to 1.
    pub(super) colour: Vec3,
    pub(super) alpha: f32,
    /// The part of what is behind that it hides.
    pub(super) hides: f32,
}

impl Shaded {
    fn new(light: Vec3, alpha: f32, hides: f32) -> Self {
        Self { light, colour: to_srgb(neutral(light)), alpha, hides }
    }
}

/// The colour of a face at a place; `behind` is what shines through it, linear and with alpha, where it is glass.
pub(super) fn shade(face: &Face, place: &Place, behind: Option<Vec4>) -> Shaded {
    let material = face.surface.material;
    let colour = face.colour(place);
    let alpha = if material.alpha == Alpha::Blend { colour.w } else { 1.0 };
    if material.is_unlit {
        return Shaded::new(colour.xyz(), alpha, alpha);
    }
    let (light, clear) = lit(face, colour.xyz(), place, behind);
    let missing = behind.map_or(0.0, |behind| 1.0 - behind.w);
    Shaded::new(light, alpha * (1.0 - clear * missing), alpha * (1.0 - clear))
}

/// Light as sRGB.
pub(super) fn to_srgb(light: Vec3) -> Vec3 {
    let curve = &*TO_SRGB;
    light.map(|v| curve.at(v))
}

/// Light that leaves the surface towards the eye, linear and without an upper bound; and the part of light from behind that
/// comes through, in the mean of its colours.
fn lit(face: &Face, colour: Vec3, place: &Place, behind: Option<Vec4>) -> (Vec3, f32) {
    let material = face.surface.material;
    let view = place.view;
    let smooth = face.smooth_normal(place);
    let normal = face.mapped_normal(smooth, place);
    let metal_rough = face.texel(material.metal_rough_slot.as_ref(), place);
    let (metallic, roughness, specular) = reflectance(face, place, metal_rough.unwrap_or(Vec4::ONE));
    let is_matt = roughness >= 1.0 && material.coat <= 0.0;
    let curving = if is_matt { 0.0 } else { face.curving(smooth, place) };
    let roughness = blurred(roughness, curving);
    let facing = normal.dot(view).clamp(0.0, 1.0);
    let matt = colour * (1.0 - metallic);
    let base = specular.lerp(colour, metallic);
    let response = split_sum(roughness, facing);
    let reflected = Reflected::new(with_film(face, place, base, facing), response);
    let bent = material.brush.as_ref().map_or(normal, |b| b.bent(face, place, (smooth, normal), roughness));
    let mirrored = (2.0 * bent.dot(view) * bent - view).lerp(bent, roughness.powi(4));
    let room = &*ROOM_LIGHT;
    let around = room.diffuse(normal);
    // Mostly it is in the image that was just read.
    let is_shared = material.occlusion_slot == material.metal_rough_slot;
    let shade = if is_shared { metal_rough } else { face.texel(material.occlusion_slot.as_ref(), place) };
    let (shadow, shadow_of_glossy) = occlusion(shade, material.occlusion_strength, roughness, facing);
    // What is reflected does not reach the colour below, which the metal in a mixture does not have.
    let mut scattered = Vec3::ZERO;
    if metallic < 1.0 {
        let above = Reflected::new(specular, response);
        scattered = matt * (1.0 - above.once - above.often) * (around * shadow);
    }
    let mut shine = Vec3::ZERO;
    let lights = &face.surface.draw.lights;
    if !lights.is_empty() {
        let lit = Lit { at: face.position(place), normal, view, roughness, base };
        let (white, glossy) = lit.under(lights);
        scattered += matt * white;
        shine = glossy;
    }
    let mut clear = 0.0;
    if let Some(behind) = behind {
        let texel = face.texel(material.transmission_slot.as_ref(), place).unwrap_or(Vec4::ONE);
        let share = (material.transmission * texel.x).clamp(0.0, 1.0);
        let left = matt * material.volume.as_ref().map_or(Vec3::ONE, |volume| volume.left(face, place));
        let through = (1.0 - (base * response.0 + response.1)) * left * behind.xyz();
        scattered = scattered.lerp(through, share);
        clear = share * left.element_sum() / 3.0;
    }
    let glossy = reflected.once * room.reflected(mirrored, roughness) + reflected.often * around;
    let emissive = material.emissive
        * face.texel(material.emissive_slot.as_ref(), place).map_or(Vec3::ONE, |texel| texel.xyz());
    let mut light = scattered + glossy * shadow_of_glossy + shine;
    if let Some(sheen) = &material.sheen {
        let (shine, left) = sheen.shine(face, place, facing);
        light = light * left + shine * around * shadow;
    }
    (coated(face, light + emissive, (smooth, curving), place), clear)
}

/// What a surface reflects: once, and after several bounces between its facets (Fdez-Aguera, "A Multiple-Scattering
/// Microfacet Model for Real-Time Image-based Lighting", 2019).
struct Reflected {
    once: Vec3,
    often: Vec3,
}

impl Reflected {
    fn new(base: Vec3, (scale, bias): (f32, f32)) -> Self {
        let once = base * scale + bias;
        let lost = 1.0 - (scale + bias);
        let average = base + (1.0 - base) / 21.0;
        Self { once, often: once * average * lost / (1.0 - lost * average) }
    }
}

/// The reflectance at normal incidence, with a thin film on it if there is one.
fn with_film(face: &Face, place: &Place, base: Vec3, facing: f32) -> Vec3 {
    let Some(film) = &face.surface.material.film else { return base };
    let texel = |slot: &Option<Slot>| face.texel(slot.as_ref(), place).unwrap_or(Vec4::ONE);
    let [least, most] = film.thickness;
    let thickness = least + (most - least) * texel(&film.thickness_slot).y;
    let share = if thickness > 0.0 { (film.factor * texel(&film.slot).x).clamp(0.0, 1.0) } else { 0.0 };
    base.lerp(film::reflectance(film.ior, thickness, facing, base), share)
}

/// Metalness, roughness and the reflection of what is no metal.
fn reflectance(face: &Face, place: &Place, metal_rough: Vec4) -> (f32, f32, Vec3) {
    let material = face.surface.material;
    let texel = |slot: &Option<Slot>| face.texel(slot.as_ref(), place).unwrap_or(Vec4::ONE);
    let tint = texel(&material.specular_slot);
    if material.is_specular_glossiness {
        let roughness = 1.0 - (1.0 - material.roughness) * tint.w;
        return (0.0, roughness, material.specular * tint.xyz());
    }
    let specular = material.specular * tint.xyz() * texel(&material.specular_share_slot).w;
    (material.metallic * metal_rough.z, material.roughness * metal_rough.y, specular)
}

/// What is left of light from around and of reflections (the latter by Lagarde, "Moving Frostbite to PBR", 2014).
fn occlusion(texel: Option<Vec4>, strength: f32, roughness: f32, facing: f32) -> (f32, f32) {
    let Some(texel) = texel else { return (1.0, 1.0) };
    let shadow = 1.0 + strength * (texel.x - 1.0);
    let exponent = exp2(-16.0 * roughness - 1.0);
    (shadow, (power((facing + shadow).max(0.0), exponent) - 1.0 + shadow).clamp(0.0, 1.0))
}

/// A roughness at which a mirror that curves within a pixel is as blurred as it is there.
fn blurred(roughness: f32, curving: f32) -> f32 {
    (roughness.max(SMOOTHEST) + curving).min(1.0)
}

fn coated(face: &Face, light: Vec3, (smooth, curving): (Vec3, f32), place: &Place) -> Vec3 {
    let material = face.surface.material;
    if material.coat <= 0.0 {
        return light;
    }
    let texel = |slot: &Option<Slot>| face.texel(slot.as_ref(), place).unwrap_or(Vec4::ONE);
    let coat = material.coat * texel(&material.coat_slot).x;
    let roughness = blurred(material.coat_roughness * texel(&material.coat_roughness_slot).y, curving);
    let (view, normal) = (place.view, face.coat_normal(smooth, place));
    let facing = normal.dot(view).clamp(0.0, 1.0);
    let (scale, bias) = split_sum(roughness, facing);
    let mirrored = 2.0 * normal.dot(view) * normal - view;
    let fresnel = 0.04 + 0.96 * (1.0 - facing).powi(5);
    light * (1.0 - coat * fresnel) + coat * (0.04 * scale + bias) * ROOM_LIGHT.reflected(mirrored, roughness)
}

/// By how much less is mirrored the more straight on one looks.
static GRAZING: LazyLock<Curve> = LazyLock::new(|| Curve::of(|facing| exp2(-9.28 * facing)));

/// Scale and bias of the reflectance at normal incidence.
#[inline]
fn split_sum(roughness: f32, facing: f32) -> (f32, f32) {
    let r = Vec4::new(-1.0, -0.0275, -0.572, 0.022) * roughness + Vec4::new(1.0, 0.0425, 1.04, -0.04);
    let a = (r.x * r.x).min(GRAZING.at(facing)) * r.x + r.y;
    (-1.04 * a + r.z, 1.04 * a + r.w)
}

/// Khronos PBR Neutral: colours keep their hue, highlights are bent below white. Source: the specification at
/// github.com/KhronosGroup/ToneMapping.
pub(super) fn neutral(colour: Vec3) -> Vec3 {
    const START: f32 = 0.8 - 0.04;
    const DESATURATION: f32 = 0.15;
    let low = colour.min_element();
    let offset = if low < 0.08 { low - 6.25 * low * low } else { 0.04 };
    let colour = colour - offset;
    let peak = colour.max_element();
    if peak < START {
        return colour;
    }
    let room = 1.0 - START;
    let new_peak = 1.0 - room * room / (peak + room - START);
    let grey = 1.0 - 1.0 / (DESATURATION * (peak - new_peak) + 1.0);
    (colour * (new_peak / peak)).lerp(Vec3::splat(new_peak), grey)
}
