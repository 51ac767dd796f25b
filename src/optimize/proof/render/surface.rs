//! Triangles on the screen: where on them a pixel lies, and which way they face there.

use std::cell::OnceCell;

use glam::{Mat3, Mat4, Vec2, Vec3, Vec4};

use super::material::Material;
use super::model::{Draw, Model};
use super::raster::{self, Corner};
use super::slot::{SETS, Slot};
use super::texture::Footprint;

/// A draw, ready to be shaded.
pub(super) struct Surface<'m> {
    pub(super) model: &'m Model<'m>,
    pub(super) draw: &'m Draw,
    pub(super) material: &'m Material,
    /// From the mesh to clip space.
    to_clip: Mat4,
    /// From the mesh's directions to the world's, and the same for normals.
    along: Mat3,
    turn: Mat3,
    /// A mirrored mesh turns its triangles around.
    is_mirrored: bool,
}

impl<'m> Surface<'m> {
    /// `camera` leads from the world to clip space.
    pub(super) fn new(model: &'m Model<'m>, draw: &'m Draw, camera: &Mat4) -> Self {
        let along = Mat3::from_mat4(draw.world);
        Self {
            model,
            draw,
            material: &model.materials[draw.material],
            to_clip: *camera * draw.world,
            along,
            turn: along.inverse().transpose(),
            is_mirrored: along.determinant() < 0.0,
        }
    }

    /// How much larger the mesh is in the world, in the mean of its three directions.
    pub(super) fn scale(&self) -> f32 {
        let Mat3 { x_axis, y_axis, z_axis } = self.along;
        (x_axis.length() + y_axis.length() + z_axis.length()) / 3.0
    }

    /// Whether a triangle with these corners on the screen is seen from behind.
    #[inline]
    pub(super) fn is_back(&self, [a, b, c]: &[Corner; 3]) -> bool {
        (raster::facing(a.at, b.at, c.at) < 0.0) != self.is_mirrored
    }

    /// Where all its vertices are on the screen.
    pub(super) fn corners(&self) -> Vec<Corner> {
        let corner = |&position| raster::corner(&self.to_clip, position).unwrap_or(Corner::NOWHERE);
        self.draw.part.positions.iter().map(corner).collect()
    }

    /// Whether nothing of it can be in the view.
    pub(super) fn is_beside_view(&self) -> bool {
        let [low, high] = self.draw.part.bounds;
        let corner = |i: usize| {
            let side = |axis: usize| if i >> axis & 1 == 0 { low[axis] } else { high[axis] };
            raster::corner(&self.to_clip, Vec3::from_array(std::array::from_fn(side)))
        };
        // What reaches behind the camera may be anywhere.
        let corners: Option<Vec<Corner>> = (0..8).map(corner).collect();
        corners.is_some_and(|corners| raster::is_beside_view(&corners))
    }

    /// The corners of a triangle that faces the camera, or may be seen from behind, and has samples between them; of all `corners`.
    #[inline]
    pub(super) fn seen(&self, corners: &[Corner], triangle: [u32; 3]) -> Option<[Corner; 3]> {
        let [a, b, c] = triangle;
        let corners = [corners[a as usize], corners[b as usize], corners[c as usize]];
        raster::may_cover(&corners).then_some(corners).and_then(|corners| self.facing(corners))
    }

    /// The same of a triangle alone, which has samples.
    #[inline]
    pub(super) fn seen_alone(&self, [a, b, c]: [u32; 3]) -> Option<[Corner; 3]> {
        let corner = |vertex: u32| raster::corner(&self.to_clip, self.draw.part.positions[vertex as usize]);
        self.facing([corner(a)?, corner(b)?, corner(c)?])
    }

    #[inline]
    fn facing(&self, corners: [Corner; 3]) -> Option<[Corner; 3]> {
        (self.material.is_double_sided || !self.is_back(&corners)).then_some(corners)
    }

    /// The material's colour at a vertex, linear and with alpha.
    pub(super) fn colour_of(&self, vertex: usize) -> Vec4 {
        let Self { draw, material, model, .. } = self;
        let texel = material.colour_slot.as_ref().and_then(|slot| {
            let uv = slot.at(*draw.part.uvs[slot.set].get(vertex)?);
            let texture = model.texture(slot).filter(|_| uv.is_finite())?;
            Some(texture.sample(slot.sampling, uv, Vec2::ZERO, Vec2::ZERO))
        });
        let colour = draw.part.colours.get(vertex).copied().unwrap_or(Vec4::ONE);
        material.colour * texel.unwrap_or(Vec4::ONE) * colour
    }
}

/// How much farther than its nearest corner a place on a triangle's plane may be, as one over it.
const LEAST_NEARNESS: f32 = 1e-3;

/// The mean of three corners' values by their weights.
#[inline]
fn mixed<T: std::ops::Mul<f32, Output = T> + std::ops::Add<Output = T>>(
    [a, b, c]: [T; 3],
    weights: Vec3,
) -> T {
    a * weights.x + b * weights.y + c * weights.z
}

/// A triangle on the screen.
pub(super) struct Face<'f> {
    pub(super) surface: &'f Surface<'f>,
    vertices: [usize; 3],
    /// Where the first corner is, and how the corners' weights change from there to the right and down.
    from: Vec2,
    across: Vec3,
    down: Vec3,
    /// One over the distance of each corner along the view.
    nearness: Vec3,
    is_back: bool,
    /// Normals of the corners in the world, on the side that is seen; `None` where the mesh has none.
    normals: Option<[Vec3; 3]>,
    /// Directions of u and v of the normal map (or of a brush) and of the coat's, where the mesh has no tangents.
    axes: Option<(Vec3, Vec3)>,
    coat_axes: Option<(Vec3, Vec3)>,
}

/// A place on a triangle.
pub(super) struct Place {
    /// Of the corners.
    weights: Vec3,
    /// The same one pixel to the right and one below.
    beside: [Vec3; 2],
    /// Texture coordinates at these three, in the sets that the material reads.
    uvs: [[Vec2; 3]; SETS],
    /// Towards the eye.
    pub(super) view: Vec3,
    /// What was read of the first texture: mostly the others are of its size, and read alike.
    first: OnceCell<(Slot, Vec2, Footprint)>,
}

impl<'f> Face<'f> {
    #[inline]
    pub(super) fn new(surface: &'f Surface<'f>, triangle: [u32; 3], corners: [Corner; 3]) -> Self {
        let [a, b, c] = corners.map(|corner| corner.at);
        let inverse = 1.0 / raster::facing(a, b, c);
        let mut face = Self {
            surface,
            vertices: triangle.map(|vertex| vertex as usize),
            from: a,
            across: Vec3::new(c.y - b.y, a.y - c.y, b.y - a.y) * inverse,
            down: Vec3::new(b.x - c.x, c.x - a.x, a.x - b.x) * inverse,
            nearness: Vec3::from_array(corners.map(|corner| corner.inverse_w)),
            is_back: surface.is_back(&corners),
            normals: None,
            axes: None,
            coat_axes: None,
        };
        face.normals = face.normals();
        if surface.draw.part.tangents.is_empty() {
            let axes = |slot: Option<&Slot>| slot.and_then(|slot| face.axes(slot));
            let material = surface.material;
            let of_brush = material.brush.as_ref().and_then(|brush| brush.slot.as_ref());
            (face.axes, face.coat_axes) =
                (axes(material.normal_slot.as_ref().or(of_brush)), axes(material.coat_normal_slot.as_ref()));
        }
        face
    }

    /// Where the middle of a pixel lies, of which the triangle covers a part. Where it lies outside, values go on beyond the corners,
    /// as on GPUs.
    #[inline]
    pub(super) fn place(&self, at: Vec2, view: Vec3) -> Place {
        let raw = Vec3::X + self.across * (at.x - self.from.x) + self.down * (at.y - self.from.y);
        let weights = self.in_perspective(raw);
        let beside = [self.in_perspective(raw + self.across), self.in_perspective(raw + self.down)];
        let mut uvs = [[Vec2::ZERO; 3]; SETS];
        for (set, read) in self.surface.material.sets.into_iter().enumerate() {
            let values = &self.surface.draw.part.uvs[set];
            if read && !values.is_empty() {
                let mix = |weights| self.mix(values, weights);
                uvs[set] = [mix(weights), mix(beside[0]), mix(beside[1])];
            }
        }
        Place { weights, beside, uvs, view, first: OnceCell::new() }
    }

    #[inline]
    fn in_perspective(&self, weights: Vec3) -> Vec3 {
        let near = weights * self.nearness;
        let sum = near.element_sum();
        if sum > LEAST_NEARNESS * self.nearness.max_element() {
            return near / sum;
        }
        // Beyond the horizon of its plane there is nothing.
        let inside = weights.max(Vec3::ZERO) * self.nearness;
        inside / inside.element_sum()
    }

    /// A vertex attribute; the array covers all vertices.
    #[inline]
    fn mix<T>(&self, values: &[T], weights: Vec3) -> T
    where
        T: Copy + std::ops::Mul<f32, Output = T> + std::ops::Add<Output = T>,
    {
        let [a, b, c] = self.vertices;
        mixed([values[a], values[b], values[c]], weights)
    }

    /// A texture at a place; `None` where there is none.
    pub(super) fn texel(&self, slot: Option<&Slot>, place: &Place) -> Option<Vec4> {
        let slot = slot?;
        let texture = self.surface.model.texture(slot)?;
        if self.surface.draw.part.uvs[slot.set].is_empty() {
            return None;
        }
        let size = texture.size();
        if let Some((first, of, footprint)) = place.first.get()
            && *of == size
            && first.is_read_like(slot)
        {
            return Some(texture.read(footprint));
        }
        let [here, right, below] = place.uvs[slot.set].map(|uv| slot.at(uv));
        if !here.is_finite() {
            return None;
        }
        let footprint = texture.footprint(slot.sampling, here, right - here, below - here);
        // It stays that of the first.
        let _ = place.first.set((*slot, size, footprint));
        Some(texture.read(&footprint))
    }

    /// The material's colour, linear and with alpha.
    pub(super) fn colour(&self, place: &Place) -> Vec4 {
        let material = self.surface.material;
        let texel = self.texel(material.colour_slot.as_ref(), place).unwrap_or(Vec4::ONE);
        let colours = &self.surface.draw.part.colours;
        let vertex = if colours.is_empty() { Vec4::ONE } else { self.mix(colours, place.weights) };
        material.colour * texel * vertex
    }

    fn normals(&self) -> Option<[Vec3; 3]> {
        let Surface { draw, material, turn, .. } = self.surface;
        let normals = &draw.part.normals;
        let side = if self.is_back && material.is_double_sided { -1.0 } else { 1.0 };
        let [a, b, c] = self.vertices;
        let turned = |vertex: usize| *turn * normals[vertex] * side;
        (!normals.is_empty()).then(|| [turned(a), turned(b), turned(c)])
    }

    /// The normal of the vertices, or of the triangle where they have none; towards the eye.
    #[inline]
    pub(super) fn smooth_normal(&self, place: &Place) -> Vec3 {
        let Some(normals) = &self.normals else {
            let [a, b, c] = self.positions();
            let normal = (b - a).cross(c - a).normalize_or(place.view);
            return if normal.dot(place.view) < 0.0 { -normal } else { normal };
        };
        mixed(*normals, place.weights).normalize_or(place.view)
    }

    /// By how much the `smooth` normal of a place turns from a pixel to the next: the largest change of its coordinates, as three.js
    /// has it.
    #[inline]
    pub(super) fn curving(&self, smooth: Vec3, place: &Place) -> f32 {
        let Some(normals) = self.normals.filter(|[a, b, c]| a != b || b != c) else { return 0.0 };
        let turned = |weights| (mixed(normals, weights).normalize_or(smooth) - smooth).abs().max_element();
        let [right, below] = place.beside;
        turned(right).max(turned(below))
    }

    /// Where a place is in the world.
    pub(super) fn position(&self, place: &Place) -> Vec3 {
        let Surface { draw, .. } = self.surface;
        draw.world.transform_point3(self.mix(&draw.part.positions, place.weights))
    }

    fn positions(&self) -> [Vec3; 3] {
        let Surface { draw, along, .. } = self.surface;
        // Only differences between them count.
        self.vertices.map(|vertex| *along * draw.part.positions[vertex])
    }

    /// The normal that the normal map makes of another.
    pub(super) fn mapped_normal(&self, smooth: Vec3, place: &Place) -> Vec3 {
        let material = self.surface.material;
        self.bumped(smooth, (&material.normal_slot, material.normal_scale), self.axes, place)
    }

    /// The same for the coat.
    pub(super) fn coat_normal(&self, smooth: Vec3, place: &Place) -> Vec3 {
        let material = self.surface.material;
        self.bumped(smooth, (&material.coat_normal_slot, material.coat_normal_scale), self.coat_axes, place)
    }

    fn bumped(
        &self,
        smooth: Vec3,
        (slot, scale): (&Option<Slot>, f32),
        axes: Option<(Vec3, Vec3)>,
        place: &Place,
    ) -> Vec3 {
        let Some(texel) = self.texel(slot.as_ref(), place) else { return smooth };
        let Some((tangent, bitangent)) = self.tangents(smooth, axes, place) else { return smooth };
        let bump = texel.truncate() * 2.0 - 1.0;
        (tangent * (bump.x * scale) + bitangent * (bump.y * scale) + smooth * bump.z).normalize_or(smooth)
    }

    /// Directions of u and v of the normal map.
    pub(super) fn directions(&self, smooth: Vec3, place: &Place) -> Option<(Vec3, Vec3)> {
        self.tangents(smooth, self.axes, place)
    }

    /// Directions of u and v on the surface: those given, or those of the texture coordinates.
    fn tangents(&self, smooth: Vec3, axes: Option<(Vec3, Vec3)>, place: &Place) -> Option<(Vec3, Vec3)> {
        let Surface { draw, material, along, .. } = self.surface;
        if !draw.part.tangents.is_empty() {
            let given = self.mix(&draw.part.tangents, place.weights);
            let sign = if self.is_back && material.is_double_sided { -1.0 } else { 1.0 };
            let tangent = (*along * given.truncate()).try_normalize()? * sign;
            let handedness = draw.part.tangents[self.vertices[0]].w.signum();
            return Some((tangent, smooth.cross(tangent) * handedness));
        }
        let (tangent, bitangent) = axes?;
        let flat = |v: Vec3| (v - smooth * smooth.dot(v)).try_normalize();
        Some((flat(tangent)?, flat(bitangent)?))
    }

    /// Directions of u and against v, from the triangle's edges: the same anywhere on it. Green points to the top of the
    /// image, as with the bitangents that files give.
    fn axes(&self, slot: &Slot) -> Option<(Vec3, Vec3)> {
        let uvs = &self.surface.draw.part.uvs[slot.set];
        if uvs.is_empty() {
            return None;
        }
        let [a, b, c] = self.positions();
        let [uv_a, uv_b, uv_c] = self.vertices.map(|vertex| slot.transform.transform_point2(uvs[vertex]));
        let (e1, e2, d1, d2) = (b - a, c - a, uv_b - uv_a, uv_c - uv_a);
        let turn = d1.perp_dot(d2).signum();
        Some(((e1 * d2.y - e2 * d1.y) * turn, (e1 * d2.x - e2 * d1.x) * turn))
    }
}
