//! Which triangle is seen at each of the four samples of every pixel.
//!
//! A half-space rasteriser into a buffer of depths and triangle numbers; surfaces are shaded later and only once where
//! all samples of a pixel show the same one. Triangles that reach behind the camera are left out: every
//! camera stands outside of the model's sphere, and only a pose that leaves it can get there.

use glam::{Mat4, Vec2, Vec3, Vec4, Vec4Swizzles};

use super::camera::VIEW_SIDE;

/// Samples a pixel, where GPUs put them for 4x multisampling, in parts of a pixel.
pub(super) const SAMPLES: u32 = 4;
const ALL_SAMPLES: u32 = (1 << SAMPLES) - 1;
const SAMPLES_X: Vec4 = Vec4::new(0.375, 0.875, 0.125, 0.625);
const SAMPLES_Y: Vec4 = Vec4::new(0.125, 0.375, 0.625, 0.875);

/// No triangle.
pub(super) const NOTHING: u32 = u32::MAX;

/// The nearest surface at each sample of every pixel.
pub(super) struct Visible(pub(super) Vec<Pixel>);

/// The nearest surface at the four samples of a pixel.
#[derive(Clone, Copy)]
pub(super) struct Pixel {
    /// 0 near to 1 far.
    pub(super) depths: Vec4,
    /// Number of the element over all draws, or [`NOTHING`].
    pub(super) ids: [u32; SAMPLES as usize],
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

/// Steps of a corner's place within a pixel: as few as a GPU may have (Vulkan: `subPixelPrecisionBits` is 4 or more). Where triangles
/// are as small as pixels, rounding decides which of them is seen.
const STEPS: f32 = 16.0;
/// Corners, and so edges, lie beside samples, which are on the same grid: two triangles of an edge would both have those on it.
const BESIDE_SAMPLES: Vec2 = Vec2::new(1.0 / 64.0, 1.0 / 128.0);

impl Corner {
    /// Where what is behind the camera is: no sample lies in a triangle with such a corner.
    pub(super) const NOWHERE: Self = Self { at: Vec2::NAN, depth: f32::NAN, inverse_w: f32::NAN };

    #[inline]
    fn lanes(&self) -> Vec4 {
        Vec4::new(self.at.x, self.at.y, self.depth, self.inverse_w)
    }
}

/// Where a position is on the screen, by the matrix to clip space; `None` behind the camera.
#[inline]
pub(super) fn corner(matrix: &Mat4, position: Vec3) -> Option<Corner> {
    let clip = *matrix * position.extend(1.0);
    // Not `<=`: a position that is no number has no place either.
    if !(clip.w > 0.0 && clip.z > 0.0) {
        return None;
    }
    let inverse_w = 1.0 / clip.w;
    let screen = clip.xyz() * inverse_w;
    let half = VIEW_SIDE as f32 / 2.0;
    let at = Vec2::new((screen.x + 1.0) * half, (1.0 - screen.y) * half);
    at.is_finite().then_some(Corner { at: on_grid(at), depth: screen.z, inverse_w })
}

/// Added and taken away again, it leaves a whole number: that far from zero, floating-point numbers have no finer steps. Much faster
/// than to round.
const WHOLE: f32 = 1.5 * (1 << 23) as f32;

#[inline]
fn on_grid(at: Vec2) -> Vec2 {
    const FAR: f32 = WHOLE / STEPS;
    (at + FAR) - FAR + BESIDE_SAMPLES
}

/// Twice the area of a triangle on the screen; positive where it faces the camera.
#[inline]
pub(super) fn facing(a: Vec2, b: Vec2, c: Vec2) -> f32 {
    (c - a).perp_dot(b - a)
}

/// Whether all of what lies between some corners is beyond the same edge of the view: for certain, as corners are rounded.
pub(super) fn is_beside_view(corners: &[Corner]) -> bool {
    const ROUNDED: f32 = 1.0;
    let places = corners.iter().map(|corner| corner.at);
    let (low, high) =
        places.fold((Vec2::INFINITY, Vec2::NEG_INFINITY), |(low, high), at| (low.min(at), high.max(at)));
    high.min_element() < -ROUNDED || low.max_element() > VIEW_SIDE as f32 + ROUNDED
}

/// Calls `at(pixel, covered samples, their depths)` for every pixel that a triangle touches; samples are bits. Returns how many
/// pixels were looked at, and a little for the triangle itself.
#[inline]
pub(super) fn cover(corners: [Corner; 3], mut at: impl FnMut(usize, u32, Vec4)) -> f32 {
    const TRIANGLE: f32 = 4.0;
    let [a, b, c] = corners;
    let area = facing(a.at, b.at, c.at);
    let inverse = 1.0 / area;
    if !area.is_finite() || !inverse.is_finite() {
        return TRIANGLE;
    }
    let low = a.at.min(b.at).min(c.at);
    let high = a.at.max(b.at).max(c.at);
    let (Some((x0, x1)), Some((y0, y1))) = (span(low.x, high.x), span(low.y, high.y)) else {
        return TRIANGLE;
    };
    let sign = area.signum();
    let edges = [Edge::new(b, c, sign), Edge::new(c, a, sign), Edge::new(a, b, sign)];
    let [first, second, third] = &edges;
    // Weights are exact in small triangles; by the slopes of a sliver, depths would be anything.
    let (to_b, to_c) = ((b.depth - a.depth) * inverse.abs(), (c.depth - a.depth) * inverse.abs());
    for y in y0..=y1 {
        let row = [first.along(y), second.along(y), third.along(y)];
        for x in x0 + skipped(&edges, &row, (x0, x1 - x0))..=x1 {
            let weight = |edge: usize| edges[edge].at_samples(x, row[edge]);
            let weights = [weight(0), weight(1), weight(2)];
            let [of_a, of_b, of_c] = weights;
            let covered = of_a.min(of_b).min(of_c).cmpge(Vec4::ZERO).bitmask();
            if covered != 0 {
                at(usize::from(y) * VIEW_SIDE + usize::from(x), covered, of_b * to_b + of_c * to_c + a.depth);
            } else if edges.iter().zip(weights).any(|(edge, weight)| edge.is_past(weight)) {
                break;
            }
        }
    }
    f32::from(x1 - x0 + 1) * f32::from(y1 - y0 + 1) + TRIANGLE
}

/// A line a pixel wide, as two triangles; a line of no length is a point, and fills a pixel's square.
pub(super) fn stroke(from: Corner, to: Corner) -> [[Corner; 3]; 2] {
    let length = to.at.distance(from.at);
    let is_point = length < 1e-3;
    let along = if is_point { Vec2::X } else { (to.at - from.at) / length } * 0.5;
    let cap = if is_point { along } else { Vec2::ZERO };
    let side = along.perp();
    let moved = |corner: Corner, by: Vec2| Corner { at: corner.at + by, ..corner };
    let [a, b] = [moved(from, -cap - side), moved(from, side - cap)];
    let [c, d] = [moved(to, cap + side), moved(to, cap - side)];
    [[a, b, c], [a, c, d]]
}

/// Up to this length, in pixels, products of sides and places near them have no more bits than numbers do.
const EXACT: f32 = 48.0;

/// The side of an edge on which a sample is: positive towards the opposite corner. It grows with the distance, and near the edge is
/// the same for both of its triangles to the last bit, but for its sign: no sample falls between them.
#[derive(Clone, Copy)]
struct Edge {
    /// One of its ends: of a long edge, the one that is farther to the left.
    from: Vec2,
    across: f32,
    down: f32,
}

impl Edge {
    /// Of a triangle whose corners lie in this order, with the sign of its area.
    fn new(from: Corner, to: Corner, sign: f32) -> Self {
        let side = (to.at - from.at) * sign;
        // What is shorter is exact in steps of the grid, from either end.
        let is_long = side.abs().max_element() > EXACT;
        let is_turned = is_long && (to.at.x, to.at.y) < (from.at.x, from.at.y);
        Self { from: if is_turned { to.at } else { from.at }, across: side.y, down: -side.x }
    }

    /// What all samples of a row of pixels have in common.
    #[inline]
    fn along(&self, y: u16) -> Vec4 {
        (SAMPLES_Y + (f32::from(y) - self.from.y)) * self.down
    }

    /// The sides of the samples of a pixel in a row.
    #[inline]
    fn at_samples(&self, x: u16, row: Vec4) -> Vec4 {
        (SAMPLES_X + (f32::from(x) - self.from.x)) * self.across + row
    }

    /// Whether a pixel, and all to the right of it, lie beyond. That a pixel has no sample in the triangle does not tell: a sliver
    /// passes between the samples of one, and has those of the next.
    #[inline]
    fn is_past(&self, weights: Vec4) -> bool {
        self.across <= 0.0 && weights.max_element() < 0.0
    }
}

/// How many pixels of a row, from `x0` on and at most `most`, certainly lie before the triangle.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "cut to the row first")]
fn skipped(edges: &[Edge; 3], row: &[Vec4; 3], (x0, most): (u16, u16)) -> u16 {
    if most < 8 {
        return 0;
    }
    let until = |(edge, row): (&Edge, &Vec4)| {
        if edge.across > 0.0 { -edge.at_samples(x0, *row).max_element() / edge.across } else { 0.0 }
    };
    let farthest = edges.iter().zip(row).map(until).fold(0.0, f32::max);
    // One less, as these are rounded.
    (farthest.min(f32::from(most)) as u16).saturating_sub(1)
}

/// Whether both a column and a row of samples lie between some corners: most triangles of fine meshes lie between all, and are told
/// from others by this much faster than by their edges.
#[inline]
pub(super) fn may_cover([a, b, c]: &[Corner; 3]) -> bool {
    // The first two lanes count.
    let [a, b, c] = [a.lanes(), b.lanes(), c.lanes()];
    let columns = |at: Vec4| at * SAMPLES as f32 - 0.5;
    let (low, high) = (columns(a.min(b).min(c)), columns(a.max(b).max(c)));
    // Rounded down: corners on the grid lie on no column, nor half way between two.
    let last = ((high - 0.5) + WHOLE) - WHOLE;
    last.cmpge(low).bitmask() & 0b11 == 0b11
}

/// The pixels between two coordinates, cut at the edges of the view.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "cut to the view first")]
fn span(low: f32, high: f32) -> Option<(u16, u16)> {
    let last = VIEW_SIDE as f32 - 1.0;
    (high >= 0.0 && low <= last + 1.0).then(|| (low.clamp(0.0, last) as u16, high.clamp(0.0, last) as u16))
}

impl Visible {
    pub(super) fn new() -> Self {
        let nothing = Pixel { depths: Vec4::INFINITY, ids: [NOTHING; 4] };
        Self(vec![nothing; VIEW_SIDE * VIEW_SIDE])
    }

    /// The same depths, and no element: for what lies before these.
    pub(super) fn before(other: &Self) -> Self {
        Self(other.0.iter().map(|pixel| Pixel { ids: [NOTHING; 4], ..*pixel }).collect())
    }

    /// Enters an element where it is nearest.
    #[inline]
    pub(super) fn enter(&mut self, id: u32, pixel: usize, covered: u32, depths: Vec4) {
        let pixel = &mut self.0[pixel];
        let nearer = depths.cmplt(pixel.depths).bitmask() & covered;
        match nearer {
            0 => {}
            ALL_SAMPLES => *pixel = Pixel { depths, ids: [id; SAMPLES as usize] },
            _ => {
                for i in (0..SAMPLES as usize).filter(|i| nearer >> i & 1 == 1) {
                    pixel.depths[i] = depths[i];
                    pixel.ids[i] = id;
                }
            }
        }
    }
}

impl Pixel {
    /// Whether nothing is seen there.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.ids == [NOTHING; SAMPLES as usize]
    }

    /// Each element that is seen, and its share of the pixel.
    #[inline]
    pub(super) fn elements(&self) -> impl Iterator<Item = (u32, f32)> + use<> {
        let mut found = [(NOTHING, 0.0); SAMPLES as usize];
        let mut count = 0;
        if self.ids == [self.ids[0]; SAMPLES as usize] {
            found[0] = (self.ids[0], 1.0);
            count = usize::from(self.ids[0] != NOTHING);
        } else {
            for id in self.ids.into_iter().filter(|&id| id != NOTHING) {
                let place = found[..count].iter().position(|element| element.0 == id).unwrap_or(count);
                count = count.max(place + 1);
                found[place] = (id, found[place].1 + 1.0 / SAMPLES as f32);
            }
        }
        found.into_iter().take(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Corners of triangles all over the view and around it, from smaller than a pixel to larger than the view.
    fn triangles() -> impl Iterator<Item = [Corner; 3]> {
        let mut state = 1u32;
        let mut number = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 24) as f32
        };
        (0..4000).map(move |i| {
            let size = [0.1, 0.4, 3.0, 900.0][i % 4];
            let middle = Vec2::new(number(), number()) * 800.0 - 150.0;
            [(); 3].map(|()| {
                let at = middle + (Vec2::new(number(), number()) - 0.5) * size;
                Corner { at: on_grid(at), depth: 0.5, inverse_w: 1.0 }
            })
        })
    }

    /// How many samples a triangle covers, by asking each one of the view.
    fn covered(corners: [Corner; 3]) -> u32 {
        let [a, b, c] = corners;
        let area = facing(a.at, b.at, c.at);
        if area == 0.0 {
            return 0;
        }
        let sign = area.signum();
        let edges = [Edge::new(b, c, sign), Edge::new(c, a, sign), Edge::new(a, b, sign)];
        let low = a.at.min(b.at).min(c.at).floor().clamp(Vec2::ZERO, Vec2::splat(511.0));
        let high = a.at.max(b.at).max(c.at).clamp(Vec2::ZERO, Vec2::splat(511.0));
        let range = |low: f32, high: f32| (low as u16)..=(high as u16);
        let in_pixel = |x, y| {
            let [a, b, c] = edges.map(|edge| edge.at_samples(x, edge.along(y)));
            a.min(b).min(c).cmpge(Vec4::ZERO).bitmask().count_ones()
        };
        range(low.y, high.y).map(|y| range(low.x, high.x).map(|x| in_pixel(x, y)).sum::<u32>()).sum()
    }

    /// A bolt of an engine, of triangles as long as it and thinner than a pixel, let see what was behind it: of each row of pixels, a
    /// sliver got only what came before the first without a sample in it.
    #[test]
    fn regression_triangles_cover_all_samples_that_lie_in_them() {
        for corners in triangles() {
            let mut sum = 0;
            cover(corners, |_, covered, _| sum += covered.count_ones());
            assert_eq!(sum, covered(corners), "{corners:?}");
        }
    }

    #[test]
    fn triangles_between_all_samples_are_told_before_they_are_covered() {
        let mut told = 0;
        for corners in triangles() {
            told += u32::from(!may_cover(&corners));
            assert!(may_cover(&corners) || covered(corners) == 0, "{corners:?}");
        }
        assert!(told > 500, "{told}");
    }

    #[test]
    fn a_triangle_that_reaches_behind_the_camera_covers_nothing() {
        let whole = triangles().nth(3).unwrap();
        for corner in 0..3 {
            let mut corners = whole;
            corners[corner] = Corner::NOWHERE;
            cover(corners, |pixel, _, _| panic!("pixel {pixel} by corner {corner}"));
        }
    }

    #[test]
    fn no_sample_falls_between_two_triangles() {
        for [a, b, _] in triangles() {
            let (one, other) = (Edge::new(a, b, 1.0), Edge::new(b, a, 1.0));
            for step in 0..=64 {
                let on = a.at.lerp(b.at, step as f32 / 64.0);
                if on.min_element() < 0.0 {
                    continue;
                }
                let (x, y) = (on.x as u16, on.y as u16);
                assert_eq!(one.at_samples(x, one.along(y)), -other.at_samples(x, other.along(y)));
            }
        }
    }

    /// By the slopes of their planes, depths of slivers were anything.
    #[test]
    fn depths_lie_between_those_of_the_corners() {
        for mut corners in triangles() {
            corners[1].depth = 0.6;
            let mut depths = Vec::new();
            cover(corners, |_, covered, at| {
                depths.extend((0..4).filter(|i| covered >> i & 1 == 1).map(|i| at[i]))
            });
            assert!(depths.iter().all(|depth| (0.499..0.601).contains(depth)), "{corners:?}: {depths:?}");
        }
    }

    #[test]
    fn what_lies_beside_the_view_covers_nothing() {
        let beside: Vec<_> = triangles().filter(|corners| is_beside_view(corners)).collect();
        assert!(beside.len() > 500, "{}", beside.len());
        for corners in beside {
            cover(corners, |pixel, _, _| panic!("pixel {pixel} of {corners:?}"));
        }
    }
}
