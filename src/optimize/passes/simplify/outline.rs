//! Whether a simplified surface is still as large as it was.
//!
//! The codec's error is a mean over the planes that met in a vertex: it may cut off a spike, and it cannot see
//! that a cloud of specks, each too small to be missed, is gone. So box and area are compared as well. And what is
//! nothing on a wall is the outline of a wire: thin parts get a smaller error.

use super::metric::area;

/// Largest error of a thin part, in thicknesses: a neon tube of 6 pixels with errors of 0.4 lost its outline (the
/// silhouettes had 0.96 in common), with 0.2 it did not.
const THIN: f64 = 1.0 / 30.0;

/// However thin it seems, at least this part of the error may be spent.
const LEAST_PART: f64 = 0.25;

/// The box around a surface, and its area.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Outline {
    min: [f32; 3],
    max: [f32; 3],
    area: f32,
    /// Four volumes to an area: the diameter of a tube, twice the width of a plate.
    thickness: f64,
}

impl Outline {
    /// Of what the triangles in all `lists` cover.
    pub(super) fn of(positions: &[[f32; 3]], lists: &[Vec<u32>]) -> Self {
        let place = |vertex: u32| positions[vertex as usize];
        let (mut min, mut max) = ([f32::INFINITY; 3], [f32::NEG_INFINITY; 3]);
        for point in lists.iter().flatten().map(|&vertex| place(vertex)) {
            min = std::array::from_fn(|i| min[i].min(point[i]));
            max = std::array::from_fn(|i| max[i].max(point[i]));
        }
        let area = area(lists, place);
        let centre = std::array::from_fn(|i| f32::midpoint(min[i], max[i]));
        let thickness = 4.0 * volume(positions, lists, centre).abs() / f64::from(area);
        Self { min, max, area, thickness }
    }

    /// How much of `error` suits how thin it is. What is thinner than the error is no body but an open surface, or
    /// too small to be seen.
    pub(super) fn allowed(&self, error: f64) -> f64 {
        let thin = self.thickness * THIN;
        if self.thickness > error && thin < error { thin.max(error * LEAST_PART) } else { error }
    }

    /// Whether no side of the box has moved further than `shift`, and no more than a `change` of the area is gone or new.
    pub(super) fn is_close(&self, other: &Self, shift: f64, change: f64) -> bool {
        let sides = self.min.iter().zip(&other.min).chain(self.max.iter().zip(&other.max));
        let is_near = |(a, b): (&f32, &f32)| f64::from((a - b).abs()) <= shift;
        let area = f64::from((self.area - other.area).abs());
        sides.into_iter().all(is_near) && area <= change * f64::from(self.area)
    }
}

/// What the triangles enclose: the sum of the tetrahedra over them, with signs.
fn volume(positions: &[[f32; 3]], lists: &[Vec<u32>], centre: [f32; 3]) -> f64 {
    let of_triangle = |triangle: &[u32; 3]| {
        let [a, b, c] = triangle.map(|vertex| {
            let point = positions[vertex as usize];
            [0, 1, 2].map(|i| f64::from(point[i]) - f64::from(centre[i]))
        });
        let cross = [b[1] * c[2] - b[2] * c[1], b[2] * c[0] - b[0] * c[2], b[0] * c[1] - b[1] * c[0]];
        (a[0] * cross[0] + a[1] * cross[1] + a[2] * cross[2]) / 6.0
    };
    lists.iter().flat_map(|list| list.as_chunks::<3>().0).map(of_triangle).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_corner_and_a_lost_part_are_seen() {
        let positions =
            [[0.0; 3], [2.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.1, 0.1, 0.0], [0.5, 0.1, 0.0], [0.1, 0.5, 0.0]];
        let outline = |list: &[u32]| Outline::of(&positions, &[list.to_vec()]);
        let whole = outline(&[0, 1, 2, 3, 4, 5]);
        assert!(whole.is_close(&whole, 0.0, 0.0));
        assert!(whole.is_close(&outline(&[0, 1, 2]), 0.0, 0.05));
        assert!(!whole.is_close(&outline(&[0, 1, 2]), 0.0, 0.03));
        assert!(!whole.is_close(&outline(&[3, 4, 5]), 0.2, 1.0));
    }

    #[test]
    fn thin_parts_get_a_smaller_error() {
        // A tetrahedron of volume 1/6 and area 1.5 + sqrt(3) / 2.
        let positions = [[0.0; 3], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
        let outline = Outline::of(&positions, &[vec![0, 2, 1, 0, 1, 3, 0, 3, 2, 1, 2, 3]]);
        let thickness = 4.0 / 6.0 / (1.5 + 3.0f64.sqrt() / 2.0);
        assert!((outline.thickness - thickness).abs() < 1e-6);
        assert!((outline.allowed(0.001) - 0.001).abs() < 1e-12);
        assert!((outline.allowed(0.02) - thickness / 30.0).abs() < 1e-6);
        assert!((outline.allowed(0.2) - 0.05).abs() < 1e-12);
        assert!((outline.allowed(1.0) - 1.0).abs() < 1e-12);
    }
}
