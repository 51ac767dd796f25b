//! Colours of a thin film on a surface, by the interference of what its two sides reflect.
//!
//! Source: Belcour and Barla, "A Practical Extension to Microfacet Theory for the Modeling of Varying Iridescence", 2017, in
//! the form that KHR_materials_iridescence gives in its notes on implementation.

use std::f32::consts::PI;

use glam::{Mat3, Vec3};

/// Gaussians of the CIE colour matching functions over the wave number: weight, place and width of X, Y, Z; and the
/// second hump of X.
const WEIGHT: Vec3 = Vec3::new(5.4856e-13, 4.4201e-13, 5.2481e-13);
const PLACE: Vec3 = Vec3::new(1.6810e6, 1.7953e6, 2.2084e6);
const WIDTH: Vec3 = Vec3::new(4.3278e9, 9.3046e9, 6.6121e9);
const SECOND_X: (f32, f32, f32) = (9.7470e-14, 2.2399e6, 4.5282e9);
const WHOLE: f32 = 1.0685e-7;

const XYZ_TO_RGB: Mat3 = Mat3::from_cols(
    Vec3::new(3.240_454_2, -0.969_266, 0.055_643_4),
    Vec3::new(-1.537_138_5, 1.876_010_8, -0.204_025_9),
    Vec3::new(-0.498_531_4, 0.041_556, 1.057_225_2),
);

/// The reflectance at normal incidence that gives the film's colour at this angle. `thickness` is in nanometres,
/// `facing` the cosine between normal and eye, `base` the reflectance of what is below.
pub(super) fn reflectance(film_ior: f32, thickness: f32, facing: f32, base: Vec3) -> Vec3 {
    let grazing = (1.0 - facing).clamp(0.0, 1.0).powi(5).min(0.9999);
    (seen(film_ior, thickness, facing, base) - grazing) / (1.0 - grazing)
}

fn seen(film_ior: f32, thickness: f32, facing: f32, base: Vec3) -> Vec3 {
    let inner_squared = 1.0 - (1.0 - facing * facing) / (film_ior * film_ior);
    if inner_squared < 0.0 {
        return Vec3::ONE;
    }
    let inner = inner_squared.sqrt();
    let outer_side = schlick(Vec3::splat(at_normal(film_ior, 1.0)), facing).x;
    let through = 1.0 - outer_side;
    let root = base.clamp(Vec3::ZERO, Vec3::splat(0.9999)).map(f32::sqrt);
    let base_ior = (1.0 + root) / (1.0 - root);
    let inner_side = schlick(base_ior.map(|ior| at_normal(ior, film_ior)), inner);
    // Light turns its phase where it is reflected by the denser side.
    let phase = base_ior.map(|ior| if ior < film_ior { 2.0 * PI } else { PI });
    let path = 2.0 * film_ior * thickness * inner;
    let both = (outer_side * inner_side).clamp(Vec3::splat(1e-5), Vec3::splat(0.9999));
    let bounced = through * through * inner_side / (1.0 - both);
    let (first, second) = ((bounced - through) * both.map(f32::sqrt), (bounced - through) * both);
    let sum = outer_side
        + bounced
        + first * 2.0 * interference(path, phase)
        + second * 2.0 * interference(2.0 * path, 2.0 * phase);
    sum.max(Vec3::ZERO)
}

/// Reflectance between two media.
fn at_normal(inside: f32, outside: f32) -> f32 {
    ((inside - outside) / (inside + outside)).powi(2)
}

fn schlick(at_normal: Vec3, cosine: f32) -> Vec3 {
    at_normal + (1.0 - at_normal) * (1.0 - cosine).clamp(0.0, 1.0).powi(5)
}

/// How light of all wave lengths interferes after a detour in nanometres, as linear sRGB.
fn interference(path: f32, shift: Vec3) -> Vec3 {
    let phase = 2.0 * PI * path * 1e-9;
    let hump = |weight: f32, place: f32, width: f32, shift: f32| {
        weight * (2.0 * PI * width).sqrt() * (place * phase + shift).cos() * (-phase * phase * width).exp()
    };
    let channel = |i: usize| hump(WEIGHT[i], PLACE[i], WIDTH[i], shift[i]);
    let (weight, place, width) = SECOND_X;
    let xyz = Vec3::new(channel(0) + hump(weight, place, width, shift.x), channel(1), channel(2));
    XYZ_TO_RGB * (xyz / WHOLE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn films_are_coloured_and_thick_ones_are_not() {
        let colour = |thickness| seen(1.8, thickness, 0.9, Vec3::splat(0.04));
        let spread = |colour: Vec3| colour.max_element() - colour.min_element();
        assert!(spread(colour(300.0)) > 0.05, "{}", colour(300.0));
        assert!(spread(colour(30_000.0)) < 0.01, "{}", colour(30_000.0));
    }

    #[test]
    fn a_film_of_what_is_around_it_reflects_like_what_is_below() {
        let below = Vec3::splat(0.3);
        assert!((reflectance(1.0, 200.0, 1.0, below) - below).abs().max_element() < 0.02);
    }
}
