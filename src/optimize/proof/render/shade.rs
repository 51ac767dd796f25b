//! The colour of a surface at a pixel.
//!
//! glTF's metal-rough model (specification, appendix B) under [`environment`](super::environment): light from
//! all around, split-sum reflections with the fit of Lazarov ("Getting More Physical in Call of Duty", 2013), a clear coat on
//! top, and the Khronos PBR Neutral tone mapper at the end.

use glam::{Mat3, Vec2, Vec3, Vec4, Vec4Swizzles};

use super::environment::ROOM_LIGHT;
use super::material::{Alpha, Material, Slot};
use super::model::{Draw, Model};
use super::raster::Corner;
use super::texture::to_srgb;

/// Reflections of rougher highlights than this are all that a pixel can hold.
const SMOOTHEST: f32 = 0.0525;

/// A triangle on the screen, ready to be shaded.
pub(super) struct Face<'m> {
    model: &'m Model<'m>,
    draw: &'m Draw,
    material: &'m Material,
    vertices: [usize; 3],
    corners: [Corner; 3],
    /// From the mesh's normals to the world's.
    turn: Mat3,
    eye: Vec3,
}

/// What the pixel shows, before tone mapping where it is lit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shaded {
    /// sRGB, 0 to 1.
    pub(super) colour: Vec3,
    pub(super) alpha: f32,
}

/// Weights of the corners at a point and one pixel to the right and below.
struct Weights {
    here: Vec3,
    right: Vec3,
    below: Vec3,
}

impl<'m> Face<'m> {
    pub(super) fn new(
        model: &'m Model<'m>,
        draw: &'m Draw,
        triangle: [u32; 3],
        corners: [Corner; 3],
        eye: Vec3,
    ) -> Self {
        let material = &model.materials[draw.material];
        let turn = Mat3::from_mat4(draw.world).inverse().transpose();
        Self { model, draw, material, vertices: triangle.map(|v| v as usize), corners, turn, eye }
    }

    /// The alpha at a point, for alpha tests.
    pub(super) fn alpha(&self, at: Vec2) -> f32 {
        self.colour(&self.weights(at)).w
    }

    /// The colour at a point, in pixels.
    pub(super) fn shade(&self, at: Vec2) -> Shaded {
        let weights = self.weights(at);
        let colour = self.colour(&weights);
        let alpha = match self.material.alpha {
            Alpha::Blend => colour.w,
            Alpha::Opaque | Alpha::Mask(_) => 1.0,
        };
        // What shines through glass is its tint; a quarter of the pane is always seen.
        let alpha = alpha * (1.0 - 0.75 * self.material.transmission.clamp(0.0, 1.0));
        if self.material.is_unlit {
            return Shaded { colour: colour.xyz().map(to_srgb), alpha };
        }
        let light = self.lit(colour.xyz(), &weights);
        Shaded { colour: neutral(light).map(to_srgb), alpha }
    }

    /// Perspective-correct weights; a point outside the triangle takes the nearest inside.
    fn weights(&self, at: Vec2) -> Weights {
        let [a, b, c] = self.corners;
        let area = super::raster::facing(a.at, b.at, c.at);
        let raw = |at: Vec2| {
            use super::raster::facing;
            Vec3::new(facing(at, b.at, c.at), facing(a.at, at, c.at), facing(a.at, b.at, at)) / area
        };
        let depth = Vec3::new(a.inverse_w, b.inverse_w, c.inverse_w);
        let perspective = |weights: Vec3| {
            let weights = weights * depth;
            weights / weights.element_sum()
        };
        let inside = |weights: Vec3| {
            let weights = weights.max(Vec3::ZERO);
            perspective(weights / weights.element_sum().max(1e-12))
        };
        Weights {
            here: inside(raw(at)),
            right: perspective(raw(at + Vec2::X)),
            below: perspective(raw(at + Vec2::Y)),
        }
    }

    fn mix<T: Copy + std::ops::Mul<f32, Output = T> + std::ops::Add<Output = T>>(
        &self,
        values: &[T],
        weights: Vec3,
    ) -> Option<T> {
        let [a, b, c] = self.vertices;
        Some(*values.get(a)? * weights.x + *values.get(b)? * weights.y + *values.get(c)? * weights.z)
    }

    /// A texture at the weights; `None` where there is none.
    fn texel(&self, slot: Option<&Slot>, weights: &Weights) -> Option<Vec4> {
        let slot = slot?;
        let texture = self.model.texture(slot)?;
        let uvs = &self.draw.part.uvs[slot.set];
        let at = |weights: Vec3| self.mix(uvs, weights).map(|uv| slot.transform.transform_point2(uv));
        let (here, right, below) = (at(weights.here)?, at(weights.right)?, at(weights.below)?);
        here.is_finite().then(|| texture.sample(slot.sampling, here, right - here, below - here))
    }

    fn colour(&self, weights: &Weights) -> Vec4 {
        let texel = self.texel(self.material.colour_slot.as_ref(), weights).unwrap_or(Vec4::ONE);
        let vertex = self.mix(&self.draw.part.colours, weights.here).unwrap_or(Vec4::ONE);
        self.material.colour * texel * vertex
    }

    /// Light that leaves the surface towards the eye, linear and without an upper bound.
    fn lit(&self, colour: Vec3, weights: &Weights) -> Vec3 {
        let material = self.material;
        let position = self.position(weights.here);
        let view = (self.eye - position).normalize_or(Vec3::Y);
        let smooth = self.smooth_normal(weights.here, view);
        let normal = self.mapped_normal(smooth, weights);
        let (metallic, roughness, specular) = self.reflectance(weights);
        let roughness = roughness.clamp(SMOOTHEST, 1.0);
        let facing = normal.dot(view).clamp(0.0, 1.0);
        let base_reflectance = specular.lerp(colour, metallic);
        let (scale, bias) = split_sum(roughness, facing);
        let single = base_reflectance * scale + bias;
        let mirrored = (2.0 * normal.dot(view) * normal - view).normalize_or(normal);
        let mirrored = mirrored.lerp(normal, roughness.powi(4)).normalize_or(normal);
        let occlusion = self.occlusion(weights);
        let matt = colour * (1.0 - metallic) * (1.0 - single.max_element()) * ROOM_LIGHT.diffuse(normal);
        let glossy = single * ROOM_LIGHT.reflected(mirrored, roughness);
        let emissive = material.emissive
            * self.texel(material.emissive_slot.as_ref(), weights).map_or(Vec3::ONE, |texel| texel.xyz());
        let light = (matt + glossy) * occlusion + emissive;
        self.coated(light, smooth, view, weights)
    }

    fn position(&self, weights: Vec3) -> Vec3 {
        let local = self.mix(&self.draw.part.positions, weights).unwrap_or(Vec3::ZERO);
        self.draw.world.transform_point3(local)
    }

    /// The normal of the vertices, or of the triangle where they have none; towards the eye.
    fn smooth_normal(&self, weights: Vec3, view: Vec3) -> Vec3 {
        let flat = || {
            let at = self.vertices.map(|v| self.draw.world.transform_point3(self.draw.part.positions[v]));
            (at[1] - at[0]).cross(at[2] - at[0])
        };
        let given = self.mix(&self.draw.part.normals, weights).map(|normal| self.turn * normal);
        let normal = given.unwrap_or_else(flat).normalize_or(view);
        let is_back = self.is_back();
        if is_back && self.material.is_double_sided || given.is_none() && normal.dot(view) < 0.0 {
            -normal
        } else {
            normal
        }
    }

    fn is_back(&self) -> bool {
        let [a, b, c] = self.corners;
        super::raster::facing(a.at, b.at, c.at) < 0.0
    }

    fn mapped_normal(&self, smooth: Vec3, weights: &Weights) -> Vec3 {
        let Some(texel) = self.texel(self.material.normal_slot.as_ref(), weights) else { return smooth };
        let mut bump = texel.xyz() * 2.0 - 1.0;
        bump.x *= self.material.normal_scale;
        bump.y *= self.material.normal_scale;
        let Some((tangent, bitangent)) = self.tangents(smooth, weights) else { return smooth };
        (tangent * bump.x + bitangent * bump.y + smooth * bump.z).normalize_or(smooth)
    }

    /// Directions of u and v on the surface: those given, or those of the texture coordinates.
    fn tangents(&self, smooth: Vec3, weights: &Weights) -> Option<(Vec3, Vec3)> {
        if let Some(given) = self.mix(&self.draw.part.tangents, weights.here) {
            let sign = if self.is_back() && self.material.is_double_sided { -1.0 } else { 1.0 };
            let tangent = (Mat3::from_mat4(self.draw.world) * given.truncate()).try_normalize()? * sign;
            return Some((
                tangent,
                smooth.cross(tangent) * self.draw.part.tangents[self.vertices[0]].w.signum(),
            ));
        }
        let slot = self.material.normal_slot.as_ref()?;
        let uvs = &self.draw.part.uvs[slot.set];
        let at = |weights: Vec3| {
            Some((self.position(weights), slot.transform.transform_point2(self.mix(uvs, weights)?)))
        };
        // Steps over the triangle's own edges: the same anywhere on it.
        let (p0, uv0) = at(Vec3::X)?;
        let (p1, uv1) = at(Vec3::Y)?;
        let (p2, uv2) = at(Vec3::Z)?;
        let (e1, e2, d1, d2) = (p1 - p0, p2 - p0, uv1 - uv0, uv2 - uv0);
        let turn = d1.perp_dot(d2);
        let tangent = (e1 * d2.y - e2 * d1.y) * turn.signum();
        let bitangent = (e1 * d2.x - e2 * d1.x) * turn.signum();
        let flat = |v: Vec3| (v - smooth * smooth.dot(v)).try_normalize();
        // Green points to the top of the image, against v: as the bitangents that files give.
        Some((flat(tangent)?, flat(bitangent)?))
    }

    /// Metalness, roughness and the reflection of what is no metal.
    fn reflectance(&self, weights: &Weights) -> (f32, f32, Vec3) {
        let material = self.material;
        if material.is_specular_glossiness {
            let texel = self.texel(material.specular_slot.as_ref(), weights).unwrap_or(Vec4::ONE);
            let roughness = 1.0 - (1.0 - material.roughness) * texel.w;
            return (0.0, roughness, material.specular * texel.xyz());
        }
        let texel = self.texel(material.metal_rough_slot.as_ref(), weights).unwrap_or(Vec4::ONE);
        let tint = self.texel(material.specular_slot.as_ref(), weights).unwrap_or(Vec4::ONE);
        (material.metallic * texel.z, material.roughness * texel.y, material.specular * tint.xyz())
    }

    fn occlusion(&self, weights: &Weights) -> f32 {
        let texel = self.texel(self.material.occlusion_slot.as_ref(), weights);
        texel.map_or(1.0, |texel| 1.0 + self.material.occlusion_strength * (texel.x - 1.0))
    }

    fn coated(&self, light: Vec3, normal: Vec3, view: Vec3, weights: &Weights) -> Vec3 {
        let material = self.material;
        if material.coat <= 0.0 {
            return light;
        }
        let texel = |slot: &Option<Slot>| self.texel(slot.as_ref(), weights).unwrap_or(Vec4::ONE);
        let coat = material.coat * texel(&material.coat_slot).x;
        let roughness =
            (material.coat_roughness * texel(&material.coat_roughness_slot).y).clamp(SMOOTHEST, 1.0);
        let facing = normal.dot(view).clamp(0.0, 1.0);
        let (scale, bias) = split_sum(roughness, facing);
        let mirrored = (2.0 * normal.dot(view) * normal - view).normalize_or(normal);
        let fresnel = 0.04 + 0.96 * (1.0 - facing).powi(5);
        light * (1.0 - coat * fresnel)
            + coat * (0.04 * scale + bias) * ROOM_LIGHT.reflected(mirrored, roughness)
    }
}

/// Scale and bias of the reflectance at normal incidence.
fn split_sum(roughness: f32, facing: f32) -> (f32, f32) {
    let r = Vec4::new(-1.0, -0.0275, -0.572, 0.022) * roughness + Vec4::new(1.0, 0.0425, 1.04, -0.04);
    let a = (r.x * r.x).min((-9.28 * facing).exp2()) * r.x + r.y;
    (-1.04 * a + r.z, 1.04 * a + r.w)
}

/// Khronos PBR Neutral: colours keep their hue, highlights are bent below white. Source: the specification at
/// github.com/KhronosGroup/ToneMapping.
fn neutral(colour: Vec3) -> Vec3 {
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
