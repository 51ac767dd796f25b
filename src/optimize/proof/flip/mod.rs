//! FLIP: how different two pictures look to somebody who flips between them.
//!
//! Source: Andersson, Nilsson, Akenine-Möller, Oskarsson, Åström, Fairchild, "FLIP: A Difference Evaluator for
//! Alternating Images", HPG 2020, in its low-dynamic-range form with the published constants. All its filters
//! are separable, which is used here. A test compares this with NVIDIA's own program.

mod filters;

use std::ops::Range;
use std::sync::LazyLock;

use self::filters::{Plane, along, down, kernel, without_tails};
use super::powers::{Curve, power};
use crate::optimize::codecs::difference::LINEAR;

/// Pixels a degree of the viewer's eye: 0.7 m before a screen of 3840 pixels on 0.7 m, as the authors assume.
const PIXELS_PER_DEGREE: f32 = 67.0206;

/// Gaussians of the contrast sensitivity functions: (weight, width in degrees), for brightness, red-green, blue-yellow.
const SENSITIVITY: [[(f32, f32); 2]; 3] =
    [[(1.0, 0.0047), (0.0, 1e-5)], [(1.0, 0.0053), (0.0, 1e-5)], [(34.1, 0.04), (13.5, 0.025)]];
const WIDEST: f32 = 0.04;

/// Exponent of the colour difference, and the break in its curve.
const COLOUR_EXPONENT: f32 = 0.7;
const BREAK_AT: f32 = 0.4;
const BREAK_TO: f32 = 0.95;

/// Width of the edges and points that are looked for, in degrees; exponent of their difference.
const FEATURE_WIDTH: f32 = 0.082;
const FEATURE_EXPONENT: f32 = 0.5;

/// What edges and points together stay below, at all but a few pixels, where pixels differ by no more than how they are rounded.
const GRAIN: f32 = 0.004;

/// Reference white of D65, as XYZ of linear sRGB (1, 1, 1).
const WHITE: [f32; 3] = [0.950_428_55, 1.0, 1.088_900_4];

/// CIELAB's response to a part of white: a cube root, and straight where it is dark.
static RESPONSE: LazyLock<Curve> = LazyLock::new(|| {
    let delta = 6.0f32 / 29.0;
    let straight = |v: f32| v / (3.0 * delta * delta) + 4.0 / 29.0;
    Curve::of(|v| if v > delta.powi(3) { power(v, 1.0 / 3.0) } else { straight(v) })
});

/// A picture, row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Pixels a row.
    pub width: usize,
    /// sRGB colours; a whole number of rows.
    pub pixels: Vec<[u8; 3]>,
}

/// The error of each pixel: 0 (the same) to 1. Both pictures have the same size.
#[must_use]
pub fn flip(before: &Perceived, after: &Perceived) -> Vec<f32> {
    flip_where(before, after, |_| true)
}

/// The same in some pixels, and 0 in others.
pub(super) fn flip_where(
    before: &Perceived,
    after: &Perceived,
    is_wanted: impl Fn(usize) -> bool,
) -> Vec<f32> {
    let scale = ColourScale::new();
    let error = |i: usize| {
        if !is_wanted(i) {
            return 0.0;
        }
        let colour = scale.error(distance(before.colours[i], after.colours[i]));
        let edges = (before.edges[i] - after.edges[i]).abs();
        let points = (before.points[i] - after.points[i]).abs();
        let feature = power(edges.max(points) * std::f32::consts::FRAC_1_SQRT_2, FEATURE_EXPONENT);
        power(colour, 1.0 - feature)
    };
    (0..before.edges.len()).map(error).collect()
}

/// From distances between colours to errors: most of the scale is for small ones.
struct ColourScale {
    break_at: f32,
    largest: f32,
}

impl ColourScale {
    fn new() -> Self {
        let [green, blue] = [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]].map(|colour| hunt(lab(colour, &RESPONSE)));
        let largest = power(distance(green, blue), COLOUR_EXPONENT);
        Self { break_at: BREAK_AT * largest, largest }
    }

    fn error(&self, distance: f32) -> f32 {
        let colour = power(distance, COLOUR_EXPONENT);
        if colour < self.break_at {
            colour * BREAK_TO / self.break_at
        } else {
            BREAK_TO + (colour - self.break_at) / (self.largest - self.break_at) * (1.0 - BREAK_TO)
        }
    }
}

/// A picture as it is perceived: most of the work, done once for a picture that is compared with many.
pub struct Perceived {
    /// Filtered, in a space in which distances are differences seen.
    colours: Vec<[f32; 3]>,
    edges: Vec<f32>,
    points: Vec<f32>,
}

impl Perceived {
    /// What is perceived of a picture. By one thread: pictures are many, and a thread that waited for another here would begin
    /// another picture meanwhile, with all the memory that takes.
    #[must_use]
    pub fn of(picture: &Picture) -> Self {
        if picture.pixels.is_empty() {
            return Self { colours: Vec::new(), edges: Vec::new(), points: Vec::new() };
        }
        let [y, cx, cz] = opponent_planes(picture);
        let (edges, points) = features(&y);
        let [of_y, of_cx, of_cz] = SENSITIVITY;
        let colours = colours(&[blurred(y, of_y), blurred(cx, of_cx), blurred(cz, of_cz)]);
        Self { colours, edges, points }
    }
}

impl Perceived {
    /// How much there is to see at each pixel: edges and points, but for those of a plain wall's grain.
    pub(super) fn detail(&self) -> impl Iterator<Item = f32> {
        self.edges.iter().zip(&self.points).map(|(edge, point)| (edge + point - GRAIN).max(0.0))
    }
}

/// Brightness, red-green and blue-yellow of a picture.
fn opponent_planes(picture: &Picture) -> [Plane; 3] {
    let light = &*LINEAR;
    let opponent = |[r, g, b]: [u8; 3]| {
        to_opponent(xyz([light[usize::from(r)], light[usize::from(g)], light[usize::from(b)]]))
    };
    let mut planes = [(); 3].map(|()| Vec::with_capacity(picture.pixels.len()));
    // Around the model, neighbours are equal.
    let mut last = ([0; 3], opponent([0; 3]));
    for &pixel in &picture.pixels {
        if pixel != last.0 {
            last = (pixel, opponent(pixel));
        }
        planes.iter_mut().zip(last.1).for_each(|(plane, value)| plane.push(value));
    }
    planes.map(|values| Plane { width: picture.width, values })
}

/// The colours of filtered planes.
fn colours([y, cx, cz]: &[Plane; 3]) -> Vec<[f32; 3]> {
    let response = &*RESPONSE;
    let colour = |opponent| {
        let [r, g, b] = rgb(from_opponent(opponent));
        hunt(lab([r.clamp(0.0, 1.0), g.clamp(0.0, 1.0), b.clamp(0.0, 1.0)], response))
    };
    // Likewise.
    let mut last = ([0.0; 3], colour([0.0; 3]));
    let places = y.values.iter().zip(&cx.values).zip(&cz.values);
    places
        .map(|((&y, &cx), &cz)| {
            if [y, cx, cz] != last.0 {
                last = ([y, cx, cz], colour([y, cx, cz]));
            }
            last.1
        })
        .collect()
}

/// One plane through its contrast sensitivity: what is finer than the eye resolves is averaged away. It takes the plane, which is gone
/// before the next is filtered.
fn blurred(plane: Plane, gaussians: [(f32, f32); 2]) -> Plane {
    let pi = std::f32::consts::PI;
    let radius = (3.0 * (WIDEST / (2.0 * pi * pi)).sqrt() * PIXELS_PER_DEGREE).ceil();
    let mut sum = vec![0.0; plane.values.len()];
    let mut total = 0.0;
    for (weight, width) in gaussians.into_iter().filter(|gaussian| gaussian.0 > 0.0) {
        let kernel = kernel(radius, |x| (-(pi * x / PIXELS_PER_DEGREE).powi(2) / width).exp());
        let kernel = without_tails(&kernel);
        let scale = weight * (pi / width).sqrt();
        total += scale * kernel.iter().sum::<f32>().powi(2);
        let part = down(&along(&plane, kernel), kernel);
        sum.iter_mut().zip(&part.values).for_each(|(sum, value)| *sum += scale * value);
    }
    sum.iter_mut().for_each(|value| *value /= total);
    Plane { width: plane.width, values: sum }
}

/// Strength of edges and of points, by the first and second derivative of a Gaussian; of brightness from 0 to 1.
fn features(opponent: &Plane) -> (Vec<f32>, Vec<f32>) {
    let values = opponent.values.iter().map(|y| (y + 16.0) / 116.0).collect();
    let brightness = &Plane { width: opponent.width, values };
    let deviation = 0.5 * FEATURE_WIDTH * PIXELS_PER_DEGREE;
    let radius = (3.0 * deviation).ceil();
    let gauss = |x: f32| (-x * x / (2.0 * deviation * deviation)).exp();
    let smooth = kernel(radius, gauss);
    let smooth_sum: f32 = smooth.iter().sum();
    // Each two-dimensional kernel is scaled so that its positive and its negative part sum to one.
    let balanced = |raw: Vec<f32>| {
        let [up, low] =
            [1.0, -1.0].map(|sign| raw.iter().map(|v| (v * sign).max(0.0)).sum::<f32>() * smooth_sum);
        raw.into_iter().map(|v| if v > 0.0 { v / up } else { v / low }).collect::<Vec<f32>>()
    };
    let edge = balanced(kernel(radius, |x| -x * gauss(x)));
    let point = balanced(kernel(radius, |x| (x * x / (deviation * deviation) - 1.0) * gauss(x)));
    let smoothed = along(brightness, &smooth);
    let strength = |kernel: &[f32]| {
        let x = down(&along(brightness, kernel), &smooth);
        let y = down(&smoothed, kernel);
        x.values.iter().zip(&y.values).map(|(x, y)| (x * x + y * y).sqrt()).collect::<Vec<f32>>()
    };
    (strength(&edge), strength(&point))
}

fn xyz([r, g, b]: [f32; 3]) -> [f32; 3] {
    [
        0.412_391 * r + 0.357_584 * g + 0.180_481 * b,
        0.212_639 * r + 0.715_169 * g + 0.072_192_3 * b,
        0.019_330_8 * r + 0.119_195 * g + 0.950_532 * b,
    ]
}

fn rgb([x, y, z]: [f32; 3]) -> [f32; 3] {
    [
        3.240_97 * x - 1.537_383 * y - 0.498_611 * z,
        -0.969_244 * x + 1.875_968 * y + 0.041_555 * z,
        0.055_630 * x - 0.203_977 * y + 1.056_972 * z,
    ]
}

/// XYZ to the linear opponent space YCxCz.
fn to_opponent(xyz: [f32; 3]) -> [f32; 3] {
    let (x, y, z) = (xyz[0] / WHITE[0], xyz[1] / WHITE[1], xyz[2] / WHITE[2]);
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

fn from_opponent([y, cx, cz]: [f32; 3]) -> [f32; 3] {
    let y = (y + 16.0) / 116.0;
    let (x, z) = (y + cx / 500.0, y - cz / 200.0);
    [x * WHITE[0], y * WHITE[1], z * WHITE[2]]
}

/// CIELAB of a linear sRGB colour; `response` is [`RESPONSE`].
#[inline]
fn lab(colour: [f32; 3], response: &Curve) -> [f32; 3] {
    let [x, y, z] = xyz(colour);
    let [x, y, z] = [response.at(x / WHITE[0]), response.at(y / WHITE[1]), response.at(z / WHITE[2])];
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

/// The Hunt effect: colours look more colourful where it is brighter.
fn hunt([l, a, b]: [f32; 3]) -> [f32; 3] {
    [l, 0.01 * l * a, 0.01 * l * b]
}

/// The HyAB distance: city-block in brightness, Euclidean in colour.
fn distance(a: [f32; 3], b: [f32; 3]) -> f32 {
    (a[0] - b[0]).abs() + ((a[1] - b[1]).powi(2) + (a[2] - b[2]).powi(2)).sqrt()
}

impl Picture {
    /// A part of the picture.
    #[must_use]
    pub fn window(&self, columns: Range<usize>, rows: Range<usize>) -> Self {
        let row = |y: usize| &self.pixels[y * self.width..][columns.clone()];
        let mut pixels = Vec::with_capacity(columns.len() * rows.len());
        rows.for_each(|y| pixels.extend_from_slice(row(y)));
        Self { width: columns.len(), pixels }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture with shapes, grain and gradients in it.
    fn scene(shift: usize, grain: u32) -> Picture {
        let pixel = |i: usize| {
            let (x, y) = (i % 96 + shift, i / 96);
            let noise = ((x * 73 + y * 151) as u32).wrapping_mul(2_654_435_761) >> 24;
            let in_disc = (x as i32 - 48).pow(2) + (y as i32 - 30).pow(2) < 400;
            let base = if in_disc { [200, 60, 30] } else { [x as u32 * 2 % 256, y as u32 * 3 % 256, 128] };
            base.map(|v| (v + noise * grain / 256).min(255) as u8)
        };
        Picture { width: 96, pixels: (0..96 * 64).map(pixel).collect() }
    }

    fn reference(before: &Picture, after: &Picture) -> Vec<f32> {
        let image = |picture: &Picture| nv_flip::FlipImageRgb8::with_data(96, 64, &picture.pixels.concat());
        nv_flip::flip(image(before), image(after), PIXELS_PER_DEGREE).to_vec()
    }

    #[test]
    fn errors_are_those_of_the_authors_program() {
        for (shift, grain) in [(1, 0), (0, 40), (7, 200)] {
            let (before, after) = (scene(0, 0), scene(shift, grain));
            let ours = flip(&Perceived::of(&before), &Perceived::of(&after));
            let theirs = reference(&before, &after);
            let farthest = ours.iter().zip(&theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(farthest < 2e-3, "{farthest} at shift {shift}, grain {grain}");
        }
    }

    #[test]
    fn equal_pictures_have_no_error_and_opposite_ones_the_largest() {
        let plain = |v: u8| Picture { width: 32, pixels: vec![[v; 3]; 32 * 32] };
        let flip = |a, b| flip(&Perceived::of(&plain(a)), &Perceived::of(&plain(b)));
        assert!(flip(90, 90).iter().all(|&error| error == 0.0));
        assert!(flip(0, 255).iter().all(|&error| error > 0.9));
    }
}
