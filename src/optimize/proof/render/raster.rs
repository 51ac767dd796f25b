//! Which triangle is seen at each of the four samples of every pixel.
//!
//! A half-space rasteriser into a buffer of depths and triangle numbers; surfaces are shaded later and only once where
//! all samples of a pixel show the same one. Triangles that reach behind the camera are left out: every
//! camera stands outside of the model's sphere, and only a pose that leaves it can get there.

use glam::{Mat4, Vec2, Vec3, Vec4Swizzles};

use super::camera::VIEW_SIDE;
use super::model::Draw;

/// Samples a pixel, where GPUs put them for 4x multisampling, in parts of a pixel.
pub(super) const SAMPLES: [Vec2; 4] =
    [Vec2::new(0.375, 0.125), Vec2::new(0.875, 0.375), Vec2::new(0.125, 0.625), Vec2::new(0.625, 0.875)];

/// No triangle.
pub(super) const NOTHING: u32 = u32::MAX;

/// The nearest surface at each sample.
pub(super) struct Visible {
    /// Depth, 0 near to 1 far; four samples a pixel.
    pub(super) depths: Vec<[f32; 4]>,
    /// Number of the triangle over all draws, or [`NOTHING`].
    pub(super) ids: Vec<[u32; 4]>,
}

/// A corner on the screen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Corner {
    /// Pixels from the upper left.
    pub(super) at: Vec2,
    /// 0 near to 1 far.
    pub(super) depth: f32,
    /// One over the distance along the view.
    pub(super) inverse_w: f32,
}

/// The corners of a draw's vertices; `None` behind the camera.
pub(super) fn project(draw: &Draw, camera: &Mat4) -> Vec<Option<Corner>> {
    let matrix = *camera * draw.world;
    draw.part.positions.iter().map(|&position| corner(&matrix, position)).collect()
}

fn corner(matrix: &Mat4, position: Vec3) -> Option<Corner> {
    let clip = *matrix * position.extend(1.0);
    // Not `<=`: a position that is no number has no place either.
    if !(clip.w > 0.0 && clip.z > 0.0) {
        return None;
    }
    let inverse_w = 1.0 / clip.w;
    let screen = clip.xyz() * inverse_w;
    let half = VIEW_SIDE as f32 / 2.0;
    let at = Vec2::new((screen.x + 1.0) * half, (1.0 - screen.y) * half);
    at.is_finite().then_some(Corner { at, depth: screen.z, inverse_w })
}

/// Twice the area of a triangle on the screen; positive where it faces the camera.
pub(super) fn facing(a: Vec2, b: Vec2, c: Vec2) -> f32 {
    (c - a).perp_dot(b - a)
}

/// Calls `at(pixel, covered samples, their depths)` for every pixel that a triangle touches.
pub(super) fn cover(corners: [Corner; 3], mut at: impl FnMut(usize, [bool; 4], [f32; 4])) {
    let [a, b, c] = corners;
    let area = facing(a.at, b.at, c.at);
    if area == 0.0 || !area.is_finite() {
        return;
    }
    let low = a.at.min(b.at).min(c.at);
    let high = a.at.max(b.at).max(c.at);
    let Some((x0, x1)) = span(low.x, high.x) else { return };
    let Some((y0, y1)) = span(low.y, high.y) else { return };
    let inverse = 1.0 / area;
    for y in y0..=y1 {
        for x in x0..=x1 {
            let (mut covered, mut depths) = ([false; 4], [0.0; 4]);
            for (i, offset) in SAMPLES.iter().enumerate() {
                let point = Vec2::new(x as f32, y as f32) + *offset;
                let weights = [
                    facing(point, b.at, c.at) * inverse,
                    facing(a.at, point, c.at) * inverse,
                    facing(a.at, b.at, point) * inverse,
                ];
                covered[i] = weights.iter().all(|&w| w >= 0.0);
                depths[i] = weights[0] * a.depth + weights[1] * b.depth + weights[2] * c.depth;
            }
            if covered != [false; 4] {
                at(y * VIEW_SIDE + x, covered, depths);
            }
        }
    }
}

/// How many pixels [`cover`] looks at, and a little for the triangle itself.
pub(super) fn effort(corners: &[Corner; 3]) -> f32 {
    let [a, b, c] = corners.map(|corner| corner.at.clamp(Vec2::ZERO, Vec2::splat(VIEW_SIDE as f32)));
    let size = a.max(b).max(c) - a.min(b).min(c) + 1.0;
    size.x * size.y + 4.0
}

/// The pixels between two coordinates, cut at the edges of the view.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "cut to the view first")]
fn span(low: f32, high: f32) -> Option<(usize, usize)> {
    let last = VIEW_SIDE as f32 - 1.0;
    (high >= 0.0 && low <= last + 1.0)
        .then(|| (low.clamp(0.0, last) as usize, high.clamp(0.0, last) as usize))
}

impl Visible {
    pub(super) fn new() -> Self {
        let pixels = VIEW_SIDE * VIEW_SIDE;
        Self { depths: vec![[f32::INFINITY; 4]; pixels], ids: vec![[NOTHING; 4]; pixels] }
    }

    /// Enters a triangle where it is nearest.
    pub(super) fn enter(&mut self, id: u32, pixel: usize, covered: [bool; 4], depths: [f32; 4]) {
        for i in 0..4 {
            if covered[i] && depths[i] < self.depths[pixel][i] {
                self.depths[pixel][i] = depths[i];
                self.ids[pixel][i] = id;
            }
        }
    }
}
