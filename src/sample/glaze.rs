//! What is painted on the vase: stoneware with a band of chevrons below, a glaze that has run down from above.
//!
//! Pure functions of the place on the surface; everything repeats after one turn.

use std::f32::consts::TAU;

use crate::optimize::Error;
use crate::optimize::codecs::{Pixels, png};

/// Pixels of each side.
const SIZE: u32 = 1024;
/// Share of the outline that is inside of the vase.
const INSIDE: f32 = 0.72;

const CLAY: [f32; 3] = [0.80, 0.68, 0.53];
const IRON: [f32; 3] = [0.33, 0.20, 0.13];
const COBALT: [f32; 3] = [0.10, 0.17, 0.38];
const GLAZE: [f32; 3] = [0.05, 0.42, 0.40];
const POOL: [f32; 3] = [0.02, 0.18, 0.24];
const FOAM: [f32; 3] = [0.72, 0.85, 0.78];

/// One of the images of its material.
#[derive(Debug, Clone, Copy)]
pub(super) enum Image {
    /// Base colour.
    Colour,
    /// Roughness in green, metal in blue.
    Surface,
    /// Normals in the space of the surface.
    Normals,
}

/// An image as PNG, encoded quickly and not well: that is what the optimizer is for.
pub(super) fn paint(image: Image) -> Result<Vec<u8>, Error> {
    let texel = |x: u32, y: u32| {
        let (u, v) = (x as f32 / SIZE as f32, 1.0 - y as f32 / SIZE as f32);
        let colour = match image {
            Image::Colour => colour(u, v),
            Image::Surface => [0.0, mix(0.78, 0.16, glazed(u, v)), 0.0],
            Image::Normals => normal(u, v),
        };
        let [r, g, b] = colour.map(|value| (value.clamp(0.0, 1.0) * 255.0).round() as u8);
        [r, g, b, 255]
    };
    let rgba = (0..SIZE * SIZE).flat_map(|index| texel(index % SIZE, index / SIZE)).collect();
    let internal = |error: crate::optimize::codecs::CodecError| Error::Internal(error.to_string());
    let pixels = Pixels::new(SIZE, SIZE, rgba).map_err(internal)?;
    png::encode(&pixels, &png::Options { effort: 0, exact: true }).map_err(internal)
}

fn colour(u: f32, v: f32) -> [f32; 3] {
    let grain = noise(u, v, 180.0) - 0.5;
    let speck = step(0.84, 0.9, noise(u, v, 170.0)) * 0.75;
    let clay = blend(CLAY.map(|channel| channel + 0.10 * grain), IRON, speck);
    let clay = blend(clay, COBALT, pattern(u, v));
    // Thin at the edge where it stopped, deep where it pools.
    let depth = v - edge(u);
    let flow = noise(u, v * 0.35, 26.0);
    let glaze =
        blend(blend(GLAZE, POOL, flow), FOAM, 0.8 * step(0.035, 0.0, depth) + 0.25 * step(0.72, 0.9, flow));
    blend(clay, glaze, glazed(u, v))
}

/// Two rings and a row of chevrons between them.
fn pattern(u: f32, v: f32) -> f32 {
    let ring = |at: f32| step(0.006, 0.004, (v - at).abs());
    let wave = ((u * 18.0).fract() - 0.5).abs() * 0.085;
    let chevron = |at: f32| step(0.008, 0.005, (v - at - wave).abs());
    let worn = 0.72 + 0.28 * noise(u, v, 120.0);
    (ring(0.19) + ring(0.305) + chevron(0.215) + chevron(0.245)).min(1.0) * worn
}

/// 1 where the glaze covers the clay.
fn glazed(u: f32, v: f32) -> f32 {
    step(0.0, 0.004, v - edge(u))
}

/// How far down the glaze has run.
fn edge(u: f32) -> f32 {
    let wave = |times: f32, phase: f32| (u * TAU * times + phase).sin();
    let drips = (wave(7.0, 0.4) + 0.6 * wave(13.0, 2.1) + 0.35 * wave(29.0, 1.0)).max(-0.6);
    0.43 - 0.035 * drips + 0.012 * wave(2.0, 0.0)
}

/// Out of the height's slope; the potter's fingers left rings.
fn normal(u: f32, v: f32) -> [f32; 3] {
    const STEP: f32 = 1.0 / SIZE as f32;
    let slope_u = height(u + STEP, v) - height(u - STEP, v);
    let slope_v = height(u, v + STEP) - height(u, v - STEP);
    let (x, y) = (-slope_u * 60.0, -slope_v * 60.0);
    let length = (x * x + y * y + 1.0).sqrt();
    [x / length, y / length, 1.0 / length].map(|value| value * 0.5 + 0.5)
}

fn height(u: f32, v: f32) -> f32 {
    let outside = step(INSIDE, INSIDE - 0.02, v);
    let rings = 0.0011 * (v * TAU * 46.0 + 0.6 * (u * TAU).sin()).sin() * outside;
    let grain = 0.0016 * noise(u, v, 200.0);
    mix(rings + grain, 0.35 * rings + 0.004, glazed(u, v))
}

/// Smooth noise from 0 to 1, `cells` around and as many along.
fn noise(u: f32, v: f32, cells: f32) -> f32 {
    let (x, y) = (u.rem_euclid(1.0) * cells, (v + 1.0) * cells);
    let (left, below) = (x.floor(), y.floor());
    let (fx, fy) = (smooth(x - left), smooth(y - below));
    let at = |right: f32, up: f32| random(((left + right) % cells) as u32, (below + up) as u32);
    mix(mix(at(0.0, 0.0), at(1.0, 0.0), fx), mix(at(0.0, 1.0), at(1.0, 1.0), fx), fy)
}

/// The same number for the same cell, 0 to 1.
fn random(x: u32, y: u32) -> f32 {
    let mut bits = x.wrapping_mul(0x9E37_79B1) ^ y.wrapping_mul(0x85EB_CA77);
    bits = (bits ^ (bits >> 15)).wrapping_mul(0x2C1B_3C6D);
    bits ^= bits >> 13;
    (bits & 0xFFFF) as f32 / 65_535.0
}

fn smooth(t: f32) -> f32 {
    t * t * (3.0 - 2.0 * t)
}

/// 0 at `from`, 1 at `to`, smooth between; `from` may be the larger one.
fn step(from: f32, to: f32, value: f32) -> f32 {
    smooth(((value - from) / (to - from)).clamp(0.0, 1.0))
}

fn mix(a: f32, b: f32, share: f32) -> f32 {
    a + (b - a) * share
}

fn blend(a: [f32; 3], b: [f32; 3], share: f32) -> [f32; 3] {
    [0, 1, 2].map(|channel| mix(a[channel], b[channel], share.clamp(0.0, 1.0)))
}
