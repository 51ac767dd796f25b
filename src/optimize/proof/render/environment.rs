//! The light in which models are compared: a room with bright panels, as product viewers have it.
//!
//! Light comes from all sides and with hard contrasts, so that a shifted normal or a wrong roughness shows in
//! reflections. The room is computed, not loaded: walls lit by a lamp under the ceiling, six panels, some dark furniture.
//! Reflections of rough surfaces are read from maps blurred beforehand by the lobe of their roughness (split-sum, Karis,
//! "Real Shading in Unreal Engine 4", 2013).

use std::sync::LazyLock;

use glam::{Vec2, Vec3, Vec4};

use super::light::left_at;

/// Roughness of each blurred map, and its side in texels.
const MAPS: [(f32, usize); 8] =
    [(0.05, 64), (0.12, 64), (0.2, 48), (0.3, 48), (0.42, 48), (0.58, 32), (0.78, 32), (1.0, 24)];
/// Side of the map of the unblurred room, in texels.
const SOURCE_SIDE: usize = 64;
const IRRADIANCE_SIDE: usize = 16;
/// How much the room is blurred before anything else, in radians (a standard deviation): edges of panels would be as sharp as
/// nowhere else. A little more is added by reading between texels.
const SOFTNESS: f32 = 0.035;
/// Places along a normal distribution of deviation 1 that stand for an equal part of it each.
const SPREAD: [f32; 6] = [-1.542, -0.752, -0.235, 0.235, 0.752, 1.542];

/// The half sizes of the room, in metres; the model hangs below its middle.
const ROOM: Vec3 = Vec3::new(15.5, 14.0, 14.5);
const VIEWER: Vec3 = Vec3::new(0.6, -9.5, -0.6);
const LAMP: Vec3 = Vec3::new(1.2, 3.0, -0.4);
const LAMP_POWER: f32 = 900.0;
/// The lamp's light ends here, smoothly, as that of a file's lamps does where a range is given.
const LAMP_RANGE: f32 = 28.0;

/// Centre, half size and radiance of the panels.
const PANELS: [(Vec3, Vec3, f32); 6] = [
    (Vec3::new(-15.4, 1.2, 7.5), Vec3::new(0.05, 1.2, 1.4), 50.0),
    (Vec3::new(-15.4, 4.8, -8.8), Vec3::new(0.05, 1.2, 1.4), 50.0),
    (Vec3::new(15.4, -1.0, -2.5), Vec3::new(0.08, 2.1, 3.2), 17.0),
    (Vec3::new(0.3, -4.3, 13.9), Vec3::new(2.2, 2.7, 0.05), 43.0),
    (Vec3::new(4.0, -1.7, -13.3), Vec3::new(1.25, 1.0, 0.05), 20.0),
    (Vec3::new(0.8, 6.8, -0.7), Vec3::new(0.5, 0.05, 0.5), 100.0),
];

/// Centre and half size of the furniture.
const BOXES: [(Vec3, Vec3); 5] = [
    (Vec3::new(-10.0, -11.0, 1.1), Vec3::new(1.2, 4.0, 2.3)),
    (Vec3::new(6.9, -12.3, 7.0), Vec3::new(2.0, 3.1, 1.9)),
    (Vec3::new(-1.3, -13.0, 5.4), Vec3::new(1.0, 2.3, 1.0)),
    (Vec3::new(3.0, -13.9, -3.3), Vec3::new(0.8, 0.8, 0.8)),
    (Vec3::new(-1.4, -13.5, -6.3), Vec3::new(2.0, 1.8, 1.5)),
];

/// The room, ready to light surfaces.
pub(super) struct Environment {
    maps: Vec<Map>,
    irradiance: Map,
}

/// The one room.
pub(super) static ROOM_LIGHT: LazyLock<Environment> = LazyLock::new(Environment::new);

impl Environment {
    fn new() -> Self {
        let source = Map::painted(SOURCE_SIDE, |direction| {
            let (x_axis, y_axis) = direction.any_orthonormal_pair();
            let ray =
                |x: f32, y: f32| light_from((direction + (x_axis * x + y_axis * y) * SOFTNESS).normalize());
            let rays = SPREAD.iter().flat_map(|x| SPREAD.map(|y| ray(*x, y)));
            rays.sum::<f32>() / (SPREAD.len() * SPREAD.len()) as f32
        });
        let samples = source.samples();
        let maps = MAPS.map(|(roughness, side)| blurred(&samples, side, Lobe::of(roughness)));
        let irradiance = Map::painted(IRRADIANCE_SIDE, |normal| {
            let received = |four: &Samples| four.light * four.angle * four.cosine(normal).max(Vec4::ZERO);
            sum_of(samples.iter().map(received).sum()) / std::f32::consts::PI
        });
        Self { maps: maps.into(), irradiance }
    }

    /// Light that a matt white surface gives back.
    pub(super) fn diffuse(&self, normal: Vec3) -> f32 {
        self.irradiance.at(folded(normal))
    }

    /// Light that a mirror of this roughness gives back; the direction's length does not matter.
    pub(super) fn reflected(&self, direction: Vec3, roughness: f32) -> f32 {
        let above = MAPS.partition_point(|map| map.0 < roughness).min(MAPS.len() - 1);
        let below = above.saturating_sub(1);
        let (low, high) = (MAPS[below].0, MAPS[above].0);
        let part = if high > low { ((roughness - low) / (high - low)).clamp(0.0, 1.0) } else { 0.0 };
        let at = folded(direction);
        let near = self.maps[below].at(at);
        near + (self.maps[above].at(at) - near) * part
    }
}

/// The GGX lobe around the direction of reflection, with the eye on it.
struct Lobe {
    alpha_squared: f32,
    /// Cosine beyond which the lobe is too weak to matter.
    narrowest: f32,
}

impl Lobe {
    fn of(roughness: f32) -> Self {
        let alpha = roughness * roughness;
        let reach = (alpha * 12.0).atan().min(std::f32::consts::FRAC_PI_4) * 2.0;
        Self { alpha_squared: alpha * alpha, narrowest: reach.cos().max(0.0) }
    }

    fn weight(&self, cosine: Vec4) -> Vec4 {
        // The half vector lies half way between eye and light.
        let half = (1.0 + cosine) / 2.0;
        let bottom = half * (self.alpha_squared - 1.0) + 1.0;
        self.alpha_squared / (bottom * bottom) * cosine
    }
}

fn blurred(samples: &[Samples], side: usize, lobe: Lobe) -> Map {
    Map::painted(side, |direction| {
        let (mut sum, mut total) = (Vec4::ZERO, Vec4::ZERO);
        for four in samples {
            let cosine = four.cosine(direction);
            let is_near = cosine.cmpgt(Vec4::splat(lobe.narrowest));
            if is_near.any() {
                let weight = Vec4::select(is_near, lobe.weight(cosine) * four.angle, Vec4::ZERO);
                sum += four.light * weight;
                total += weight;
            }
        }
        sum_of(sum) / (sum_of(total) + 1e-9)
    })
}

/// In the same order on every machine.
fn sum_of(four: Vec4) -> f32 {
    (four.x + four.y) + (four.z + four.w)
}

/// Four texels of a map: their directions, their light and their solid angles.
struct Samples {
    x: Vec4,
    y: Vec4,
    z: Vec4,
    light: Vec4,
    angle: Vec4,
}

impl Samples {
    fn cosine(&self, direction: Vec3) -> Vec4 {
        self.x * direction.x + self.y * direction.y + self.z * direction.z
    }
}

/// Light in every direction, on an octahedron unfolded to a square.
struct Map {
    side: usize,
    /// Rows of `side` texels, with one more around them: those across the edges of the square.
    texels: Vec<f32>,
}

impl Map {
    fn painted(side: usize, light: impl Fn(Vec3) -> f32) -> Self {
        // By one thread: one that waits for others while the room is made may begin with a picture that needs it.
        let inner: Vec<f32> = (0..side * side).map(|i| light(direction(side, i))).collect();
        let framed = |i: usize| {
            let (mut x, mut y) = (i % (side + 2), i / (side + 2));
            // The other side of an edge of the square is the same edge, turned around.
            if x == 0 || x > side {
                (x, y) = (x.clamp(1, side), side + 1 - y);
            }
            if y == 0 || y > side {
                (x, y) = (side + 1 - x, y.clamp(1, side));
            }
            inner[(y - 1) * side + x - 1]
        };
        Self { side, texels: (0..(side + 2) * (side + 2)).map(framed).collect() }
    }

    /// All its texels; there is a multiple of four.
    fn samples(&self) -> Vec<Samples> {
        let area = 4.0 / (self.side * self.side) as f32;
        let of = |i: usize| {
            let direction = direction(self.side, i);
            let light = self.texels[(i / self.side + 1) * (self.side + 2) + i % self.side + 1];
            let flat = direction / (direction.x.abs() + direction.y.abs() + direction.z.abs());
            // A face of the octahedron has 1/sqrt(3) of distance; the square's cells project onto it evenly.
            (direction, light, area / flat.length().powi(3))
        };
        let four = |first: usize| {
            let four = [of(first), of(first + 1), of(first + 2), of(first + 3)];
            let each = |value: fn(&(Vec3, f32, f32)) -> f32| Vec4::from_array(four.each_ref().map(value));
            Samples {
                x: each(|(direction, ..)| direction.x),
                y: each(|(direction, ..)| direction.y),
                z: each(|(direction, ..)| direction.z),
                light: each(|(_, light, _)| *light),
                angle: each(|(.., angle)| *angle),
            }
        };
        (0..self.side * self.side).step_by(4).map(four).collect()
    }

    /// The light at octahedral coordinates.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0.5 to side + 0.5")]
    #[inline]
    fn at(&self, folded: Vec2) -> f32 {
        let at = folded.clamp(Vec2::ZERO, Vec2::ONE) * self.side as f32 + 0.5;
        // Small numbers: a processor turns them into floats and back in one step.
        let (x, y) = (at.x as u16, at.y as u16);
        let part = Vec2::new(at.x - f32::from(x), at.y - f32::from(y));
        let row = |y: usize| {
            let pair = &self.texels[y * (self.side + 2) + usize::from(x)..][..2];
            pair[0] + (pair[1] - pair[0]) * part.x
        };
        let y = usize::from(y);
        let top = row(y);
        top + (row(y + 1) - top) * part.y
    }
}

/// Octahedral coordinates of a direction, 0 to 1.
#[inline]
fn folded(direction: Vec3) -> Vec2 {
    let flat = direction / (direction.x.abs() + direction.y.abs() + direction.z.abs());
    let mut at = Vec2::new(flat.x, flat.z);
    if flat.y < 0.0 {
        let turned = Vec2::ONE - Vec2::new(at.y.abs(), at.x.abs());
        at = Vec2::new(turned.x.copysign(at.x), turned.y.copysign(at.y));
    }
    at * 0.5 + 0.5
}

/// The direction of a texel's middle.
fn direction(side: usize, texel: usize) -> Vec3 {
    let at = Vec2::new((texel % side) as f32 + 0.5, (texel / side) as f32 + 0.5) / side as f32 * 2.0 - 1.0;
    let y = 1.0 - at.x.abs() - at.y.abs();
    let mut flat = at;
    if y < 0.0 {
        flat = Vec2::new((1.0 - at.y.abs()).copysign(at.x), (1.0 - at.x.abs()).copysign(at.y));
    }
    Vec3::new(flat.x, y, flat.y).normalize()
}

/// Light that comes to the model from a direction.
fn light_from(direction: Vec3) -> f32 {
    let panel = PANELS
        .iter()
        .filter_map(|(centre, half, light)| Some((hit_box(VIEWER, direction, *centre, *half)?.0, *light)));
    let furniture = BOXES.iter().filter_map(|(centre, half)| {
        let (distance, normal) = hit_box(VIEWER, direction, *centre, *half)?;
        Some((distance, lit(VIEWER + direction * distance, normal)))
    });
    let nearest = panel.chain(furniture).min_by(|a, b| a.0.total_cmp(&b.0));
    nearest.map_or_else(
        || {
            let (distance, normal) = wall(direction);
            lit(VIEWER + direction * distance, normal)
        },
        |hit| hit.1,
    )
}

/// A matt white surface under the lamp.
fn lit(at: Vec3, normal: Vec3) -> f32 {
    let to_lamp = LAMP - at;
    let distance = to_lamp.length().max(1.0);
    let squared = distance * distance;
    let light = LAMP_POWER / std::f32::consts::PI * left_at(squared, LAMP_RANGE);
    light * normal.dot(to_lamp / distance).max(0.0) / squared
}

/// Distance and inward normal of the wall in a direction.
fn wall(direction: Vec3) -> (f32, Vec3) {
    let faces = (ROOM * direction.signum() - VIEWER) / direction;
    let distance = faces.min_element();
    let normal = Vec3::select(faces.cmple(Vec3::splat(distance)), -direction.signum(), Vec3::ZERO);
    (distance, normal.normalize())
}

/// Distance and outward normal where a ray enters a box.
fn hit_box(from: Vec3, direction: Vec3, centre: Vec3, half: Vec3) -> Option<(f32, Vec3)> {
    let near = (centre - half * direction.signum() - from) / direction;
    let far = (centre + half * direction.signum() - from) / direction;
    let (enter, leave) = (near.max_element(), far.min_element());
    if enter > leave || enter <= 0.0 {
        return None;
    }
    let normal = Vec3::select(near.cmpge(Vec3::splat(enter)), -direction.signum(), Vec3::ZERO);
    Some((enter, normal.normalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Normals that point down, and a little to one side of the seam or to the other, were lit as if they pointed elsewhere.
    #[test]
    fn regression_light_is_the_same_on_both_sides_of_the_seam_of_a_map() {
        for step in 0..40 {
            let angle = (step as f32 + 0.5) / 40.0 * std::f32::consts::PI;
            for (x, z) in [(angle.cos(), 0.0), (0.0, angle.cos())] {
                let beside = |by: f32| {
                    Vec3::new(if x == 0.0 { by } else { x }, -angle.sin(), if z == 0.0 { by } else { z })
                };
                let [one, other] = [1e-6, -1e-6].map(|by| ROOM_LIGHT.diffuse(beside(by)));
                assert!((one - other).abs() < 1e-3, "diffuse: {one} and {other} at {}", beside(0.0));
                for roughness in [0.05, 0.3, 1.0] {
                    let [one, other] = [1e-6, -1e-6].map(|by| ROOM_LIGHT.reflected(beside(by), roughness));
                    assert!(
                        (one - other).abs() < 1e-3 * (1.0 + one),
                        "{roughness}: {one} and {other} at {}",
                        beside(0.0)
                    );
                }
            }
        }
    }
}
