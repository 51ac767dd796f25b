//! What geometry takes at a share of the budget, guessed from the attempts so far: [`super::search`] weighs it against what
//! images take.
//!
//! Surfaces are counted in coordinates, the numbers of vertices that are rounded to bits: their number falls with the error
//! that simplification may make, and each of them takes a bit less where rounding may be twice as coarse.

use super::document::Document;
use super::document::usage::{self, Usage};

/// Beyond what was tried, the coordinates that are left are taken to fall with the share by this exponent.
const FALL: f32 = 0.4;

/// What part of a bit less is saved a coordinate: entropy coding had saved some of it before.
const BIT_SAVED: f32 = 0.8;

/// The attempts at one document.
pub(super) struct GeometrySizes {
    /// Coordinates before triangles go.
    all: f32,
    /// Of each attempt, the share of surfaces and the coordinates that were left, by share.
    left: Vec<(f32, f32)>,
    /// Bytes a coordinate in the last attempt.
    bytes_each: f32,
}

impl GeometrySizes {
    /// Nothing was tried of `document` yet.
    pub(super) fn of(document: &Document) -> Self {
        Self { all: coordinates(document), left: Vec::new(), bytes_each: 0.0 }
    }

    /// Notes an attempt with a share for surfaces: `left` of it before it was encoded ([`coordinates`]), in `bytes`.
    pub(super) fn add(&mut self, share: f32, left: f32, bytes: u64) {
        let left = left.max(1.0);
        self.left.push((share, left));
        self.left.sort_by(|a, b| a.0.total_cmp(&b.0));
        self.bytes_each = bytes as f32 / left;
    }

    /// Bytes of all geometry at a share for surfaces.
    pub(super) fn surface(&self, share: f32) -> f32 {
        let beyond = |(near, left): (f32, f32)| left * (share / near).powf(-FALL);
        let above = self.left.partition_point(|&(tried, _)| tried <= share);
        let left = match (above.checked_sub(1).map(|below| self.left[below]), self.left.get(above)) {
            (None, None) => self.all,
            (None, Some(&end)) | (Some(end), None) => beyond(end),
            (Some((low, more)), Some(&(high, fewer))) => {
                more * (fewer / more).powf((share / low).ln() / (high / low).ln())
            }
        };
        self.bytes_each * left.min(self.all)
    }

    /// Bytes that coarser numbers save (below 0) or finer ones cost, at a share for numbers.
    pub(super) fn numbers(&self, share: f32) -> f32 {
        let left = self.left.last().map_or(self.all, |&(_, left)| left);
        -BIT_SAVED / 8.0 * left * share.log2()
    }
}

/// How many numbers of vertices are rounded to a number of bits, in a document without Draco streams.
pub(super) fn coordinates(document: &Document) -> f32 {
    let rounded = |uses: &Vec<Usage>| match uses.as_slice() {
        // Two coordinates of an octahedron stand for a direction.
        [Usage::Vertex(name)] if name == "NORMAL" || name == "TANGENT" || name.starts_with("TEXCOORD_") => 2,
        [Usage::Vertex(name)] if name == "POSITION" => 3,
        [Usage::Morph(_)] => 3,
        _ => 0,
    };
    let of = usage::of(document);
    let counts = of.iter().zip(&document.accessors).map(|(uses, accessor)| rounded(uses) * accessor.count);
    counts.sum::<usize>() as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes() -> GeometrySizes {
        GeometrySizes { all: 1000.0, left: vec![(1.0, 500.0), (4.0, 250.0)], bytes_each: 2.0 }
    }

    #[test]
    fn surfaces_take_what_they_took_and_something_between() {
        let at = |share| sizes().surface(share);
        assert_eq!((at(1.0), at(4.0)), (1000.0, 500.0));
        assert!((at(2.0) - 707.0).abs() < 1.0);
        assert!(at(0.5) > 1000.0 && at(8.0) < 500.0);
        assert_eq!(at(0.001), 2000.0, "there is never more than before");
    }

    #[test]
    fn what_does_not_fall_is_not_taken_to_fall() {
        let stays = GeometrySizes { left: vec![(1.0, 1000.0), (4.0, 1000.0)], ..sizes() };
        assert_eq!(stays.surface(2.0), stays.surface(1.0));
    }

    #[test]
    fn a_bit_less_saves_a_bit_a_coordinate() {
        assert_eq!(sizes().numbers(1.0), 0.0);
        assert_eq!(sizes().numbers(2.0), -BIT_SAVED * 250.0 / 8.0);
        assert_eq!(sizes().numbers(0.5), BIT_SAVED * 250.0 / 8.0);
    }
}
