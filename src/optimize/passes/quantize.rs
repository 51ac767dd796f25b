//! quantize: numbers get as many bits as the error budget needs, and no more.
//!
//! Positions are rounded to a grid whose step is a power of two and whose origin is the mesh's own: meshes
//! that touch share grid points, nodes keep their transforms (integer positions would need a scale in the
//! node, which breaks scripts and editors), and the exponential filter holds the rounded floats exactly.
//! Texture coordinates are rounded the same way, or become normalized shorts for `universal`; colours, skin
//! weights and joint numbers become the smallest integers that core glTF allows.
//! Declines for accessors that are also used in another way, and for `universal` where rounding would save
//! no byte.

use super::grids::{self, has_grid, log2_floor};
use super::{Context, Outcome, Pass, counted};
use crate::optimize::Error;
use crate::optimize::budget::Budget;
use crate::optimize::document::Document;
use crate::optimize::document::accessor::{Accessor, Component, Packing, Shape};
use crate::optimize::document::usage::{self, Usage};
use crate::optimize::settings::Target;

/// See the module.
pub(super) struct Quantize;

/// Bits of a float's mantissa that the exponential filter can hold, sign apart.
const MANTISSA_BITS: i32 = 23;

/// Decoders build 2^exponent as a normal float.
const LEAST_EXPONENT: i8 = -126;

impl Pass for Quantize {
    fn name(&self) -> &'static str {
        "quantize"
    }

    fn rounds(&self) -> bool {
        true
    }

    fn run(&self, document: &mut Document, context: &mut Context) -> Result<Outcome, Error> {
        let uses = usage::of(document);
        let grids = grids::find(document, &context.budget);
        let mut changed = 0;
        for (index, uses) in uses.iter().enumerate() {
            let accessor = &document.accessors[index];
            if let Some(new) = quantized(accessor, uses, grids[index], context) {
                document.accessors[index].replace(new);
                changed += 1;
            }
        }
        if changed == 0 {
            return Ok(Outcome::Unchanged("every number already has as few bits as it needs".into()));
        }
        Ok(Outcome::Changed(vec![format!(
            "{} rounded to fewer bits",
            counted(changed, "accessor", "accessors")
        )]))
    }
}

/// The accessor with fewer bits; `None` where it stays as it is.
fn quantized(accessor: &Accessor, uses: &[Usage], grid: Option<i32>, context: &Context) -> Option<Accessor> {
    let [usage] = uses else { return None };
    let budget = &context.budget;
    let for_web = context.settings.target != Target::Universal;
    match usage {
        Usage::Vertex(name) | Usage::Morph(name) if for_web && has_grid(name) => on_grid(accessor, grid?),
        Usage::Vertex(name) if name.starts_with("TEXCOORD_") => short_texcoords(accessor, grid?),
        Usage::Vertex(name) if name.starts_with("COLOR_") => {
            fractions(accessor, exact_bytes(accessor) || !budget.fine_vertex_fractions)
        }
        Usage::Vertex(name) if name.starts_with("JOINTS_") => joints(accessor),
        Usage::Vertex(name) if name == "WEIGHTS_0" => weights(accessor, budget),
        Usage::Morph(_) if for_web => on_grid(accessor, 1 - budget.normal_bits),
        Usage::KeyValues(path, interpolation) => key_values(accessor, path, interpolation, for_web),
        _ => None,
    }
}

/// Floats rounded to multiples of 2^exponent; `None` where the filter cannot hold numbers that fine. A coarser
/// grid instead would ruin what lies far from its origin: scans in map coordinates.
pub(super) fn on_grid(accessor: &Accessor, exponent: i32) -> Option<Accessor> {
    if accessor.component != Component::F32 || accessor.data.is_none() {
        return None;
    }
    let values = accessor.floats();
    let largest = largest(&values);
    if !largest.is_finite() {
        return None;
    }
    let is_held = largest == 0.0 || finest_exponent(largest) <= exponent;
    let exponent = i8::try_from(exponent).ok().filter(|&exponent| is_held && exponent >= LEAST_EXPONENT)?;
    let step = f64::from(exponent).exp2();
    #[expect(clippy::cast_possible_truncation, reason = "the grid has fewer steps than a float has bits")]
    let snap = |value: &f32| ((f64::from(*value) / step).round() * step) as f32;
    let snapped: Vec<f32> = values.iter().map(snap).collect();
    Some(Accessor { packing: Packing::Grid { exponent }, ..Accessor::from_floats(accessor.shape, &snapped) })
}

/// The finest grid on which the filter can hold a number.
fn finest_exponent(number: f32) -> i32 {
    log2_floor(number) + 2 - MANTISSA_BITS
}

/// Texture coordinates as normalized shorts, where those are fine enough.
fn short_texcoords(accessor: &Accessor, exponent: i32) -> Option<Accessor> {
    const SHORT_BITS: i32 = 16;
    if exponent >= -SHORT_BITS { fractions(accessor, false) } else { None }
}

/// Whether every value is a multiple of 1/255 already.
fn exact_bytes(accessor: &Accessor) -> bool {
    accessor.floats().iter().all(|value| {
        let scaled = value * 255.0;
        (scaled - scaled.round()).abs() < 1e-3
    })
}

/// Floats between 0 and 1 as normalized bytes or shorts.
fn fractions(accessor: &Accessor, as_bytes: bool) -> Option<Accessor> {
    let component = if as_bytes { Component::U8 } else { Component::U16 };
    if accessor.component.bytes() <= component.bytes() || accessor.data.is_none() {
        return None;
    }
    let values = accessor.floats();
    if !values.iter().all(|value| (0.0..=1.0).contains(value)) {
        return None;
    }
    let unit = component.unit()?;
    let scaled: Vec<u32> = values.iter().map(|value| round(value * unit)).collect();
    Some(unsigned(accessor.shape, component, true, &scaled))
}

fn round(value: f32) -> u32 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "callers stay in range")]
    let rounded = value.round() as u32;
    rounded
}

fn unsigned(shape: Shape, component: Component, normalized: bool, values: &[u32]) -> Accessor {
    let width = component.bytes();
    let data = values.iter().flat_map(|value| value.to_le_bytes().into_iter().take(width)).collect();
    Accessor { normalized, ..Accessor::from_bytes(component, shape, data) }
}

fn joints(accessor: &Accessor) -> Option<Accessor> {
    let joints = accessor.integers();
    let fit =
        accessor.component == Component::U16 && !joints.is_empty() && joints.iter().all(|&joint| joint < 256);
    fit.then(|| unsigned(accessor.shape, Component::U8, false, &joints))
}

/// Skin weights as integers that still sum to exactly one: what rounding loses goes to the largest weight.
fn weights(accessor: &Accessor, budget: &Budget) -> Option<Accessor> {
    let component = if budget.fine_vertex_fractions { Component::U16 } else { Component::U8 };
    if accessor.component.bytes() <= component.bytes() || accessor.data.is_none() {
        return None;
    }
    let unit = component.unit()?;
    let mut scaled = Vec::new();
    for weights in accessor.vectors::<4>() {
        let sum: f32 = weights.iter().sum();
        // More than four influences, or weights that were never normalized: rounding could change the pose.
        if weights.iter().any(|weight| !(0.0..=1.0).contains(weight)) || (sum - 1.0).abs() > 0.01 {
            return None;
        }
        let mut rounded = weights.map(|weight| round(weight / sum * unit));
        let largest = (0..4).rev().max_by_key(|&i| rounded[i]).unwrap_or(0);
        rounded[largest] = (rounded[largest] + round(unit)).saturating_sub(rounded.iter().sum());
        scaled.extend(rounded);
    }
    Some(unsigned(accessor.shape, component, true, &scaled))
}

/// Key values on a grid of the track's own size; rotations of `universal` as normalized shorts.
fn key_values(accessor: &Accessor, path: &str, interpolation: &str, for_web: bool) -> Option<Accessor> {
    const TRACK_BITS: i32 = 16;
    const LEAST_TRACK_BITS: i32 = 10;
    let values = accessor.floats();
    match path {
        // Tangents, in units a second, are many times larger than the values that would share their grid.
        _ if interpolation == "CUBICSPLINE" => None,
        // `resample` knew how fine it must be.
        _ if matches!(accessor.packing, Packing::Grid { .. }) => None,
        "rotation" if accessor.component != Component::F32 => None,
        "rotation" if for_web => None, // packed by `encode`, with its own filter
        "rotation" => {
            let unit = Component::I16.unit()?;
            #[expect(clippy::cast_possible_truncation, reason = "clamped to the unit interval")]
            let short = |value: &f32| ((value.clamp(-1.0, 1.0) * unit).round() as i16).to_le_bytes();
            let data = values.iter().flat_map(short).collect();
            Some(Accessor { normalized: true, ..Accessor::from_bytes(Component::I16, accessor.shape, data) })
        }
        "translation" | "scale" | "weights" if for_web => {
            let size = if path == "translation" { way(accessor) } else { largest(&values) };
            match largest(&values) {
                0.0 => on_grid(accessor, 0),
                // The finest that the filter can hold, where that is not quite as fine.
                largest if size > 0.0 => {
                    let exponent = (log2_floor(size) - TRACK_BITS).max(finest_exponent(largest));
                    let is_fine = exponent <= log2_floor(size) - LEAST_TRACK_BITS;
                    is_fine.then(|| on_grid(accessor, exponent))?
                }
                _ => None,
            }
        }
        _ => None,
    }
}

fn largest(values: &[f32]) -> f32 {
    values.iter().fold(0.0, |largest, value| largest.max(value.abs()))
}

/// How far positions go along an axis at most: what moves may be small beside its distance from the origin.
fn way(accessor: &Accessor) -> f32 {
    let positions = accessor.vectors::<3>();
    let along = |axis: usize| {
        let bounds = positions.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), position| {
            (low.min(position[axis]), high.max(position[axis]))
        });
        (bounds.1 - bounds.0).max(0.0)
    };
    (0..3).map(along).fold(0.0, f32::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grid_values_are_within_half_a_step() {
        let values = [0.1, -3.7, 1234.567];
        let accessor = Accessor::from_floats(Shape::Vec3, &values);
        let snapped = on_grid(&accessor, -4).unwrap();
        for (before, after) in values.iter().zip(snapped.floats()) {
            assert!((before - after).abs() <= 0.5 / 16.0);
            assert_eq!((after * 16.0).fract(), 0.0);
        }
    }

    /// A scan of 20 m in map coordinates was rounded to 12 cm, where its budget was 2 mm.
    #[test]
    fn regression_what_the_filter_cannot_hold_is_not_rounded_more_coarsely() {
        let far_away = Accessor::from_floats(Shape::Scalar, &[500_000.0, 500_020.0]);
        assert_eq!(on_grid(&far_away, -9), None);
        assert!(on_grid(&far_away, -2).is_some());
        assert_eq!(on_grid(&Accessor::from_floats(Shape::Scalar, &[1e-34]), -127), None);
    }

    #[test]
    fn regression_cubic_splines_keep_values_that_are_small_beside_their_tangents() {
        let spline =
            Accessor::from_floats(Shape::Vec3, &[0.0, 900.0, 0.0, 0.01, 0.02, 0.03, 0.0, 900.0, 0.0]);
        assert_eq!(key_values(&spline, "translation", "CUBICSPLINE", true), None);
        assert!(key_values(&spline, "translation", "LINEAR", true).is_some());
    }

    /// A model of one unit that hovered by 0.05 at 10 000 units from the origin moved in steps of an eighth.
    #[test]
    fn regression_small_movements_far_from_the_origin_are_not_rounded_away() {
        let hovering = Accessor::from_floats(Shape::Vec3, &[1e4, 0.0, 0.0, 1e4, 0.05, 0.0, 1e4, 0.21, 0.0]);
        assert_eq!(key_values(&hovering, "translation", "LINEAR", true), None, "no filter holds that");
        let near = Accessor::from_floats(Shape::Vec3, &[3.0, 0.0, 0.0, 3.0, 0.05, 0.0]);
        let rounded = key_values(&near, "translation", "LINEAR", true).map(|accessor| accessor.floats());
        assert!((rounded.unwrap()[4] - 0.05).abs() < 1e-6);
        let still = Accessor::from_floats(Shape::Vec3, &[0.3, 0.2, 0.1]);
        assert_eq!(key_values(&still, "translation", "LINEAR", true), None);
    }

    #[test]
    fn weights_still_sum_to_one() {
        let budget = Budget::of(&crate::optimize::Settings::default());
        let thirds = Accessor::from_floats(Shape::Vec4, &[0.333_33, 0.333_33, 0.333_34, 0.0]);
        let rounded = weights(&thirds, &budget).unwrap();
        assert_eq!(rounded.bytes().iter().map(|&b| u32::from(b)).sum::<u32>(), 255);
        let loose = Accessor::from_floats(Shape::Vec4, &[0.5, 0.2, 0.0, 0.0]);
        assert_eq!(weights(&loose, &budget), None);
    }

    #[test]
    fn colours_that_came_from_bytes_become_the_same_bytes() {
        let accessor = Accessor::from_floats(Shape::Vec3, &[1.0, 128.0 / 255.0, 0.0]);
        assert!(exact_bytes(&accessor));
        assert_eq!(fractions(&accessor, true).unwrap().bytes(), [255, 128, 0]);
    }
}
