//! Whether a simplified surface is still as large as it was.
//!
//! The codec's error is a mean over the planes that met in a vertex: it may cut off a spike, and it cannot see
//! that a cloud of specks, each too small to be missed, is gone. So box and area are compared as well.

use super::metric::area;

/// The box around a surface, and its area.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Outline {
    min: [f32; 3],
    max: [f32; 3],
    area: f32,
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
        Self { min, max, area: area(lists, place) }
    }

    /// Whether no side of the box has moved further than `shift`, and no more than a `change` of the area is gone or new.
    pub(super) fn is_close(&self, other: &Self, shift: f64, change: f64) -> bool {
        let sides = self.min.iter().zip(&other.min).chain(self.max.iter().zip(&other.max));
        let is_near = |(a, b): (&f32, &f32)| f64::from((a - b).abs()) <= shift;
        let area = f64::from((self.area - other.area).abs());
        sides.into_iter().all(is_near) && area <= change * f64::from(self.area)
    }
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
}
