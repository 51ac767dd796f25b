//! How far a surface is from another: points all over the one, and the nearest triangle of the other.
//!
//! Pictures show what is seen; this shows what moved where no view looks. Points are spread evenly by area, triangles lie in
//! a grid. Source of the nearest point of a triangle: Ericson, "Real-Time Collision Detection", 2005, 5.1.5.

use glam::{UVec3, Vec3};
use rayon::prelude::*;

use super::render::camera::Sphere;
use super::render::model::Draw;

/// Points that are looked at.
const POINTS: usize = 2000;

/// Distances beyond this part of the radius are not looked for.
pub(super) const FARTHEST: f32 = 0.1;

/// Cells along the diameter.
const CELLS: f32 = 64.0;

/// Entries of the grid that are worth their memory; models that need more are not measured.
const MOST_ENTRIES: usize = 8_000_000;

type Triangle = [Vec3; 3];

/// All triangles in the world that have a place there.
pub(super) fn triangles(draws: &[Draw]) -> impl Iterator<Item = Triangle> + '_ {
    let of_draw = |draw: &Draw| {
        let positions = draw.positions();
        draw.triangles()
            .map(move |corners| corners.map(|vertex| positions[vertex as usize]))
            .collect::<Vec<_>>()
    };
    draws.iter().flat_map(of_draw).filter(|corners| corners.iter().all(|corner| corner.is_finite()))
}

fn area([a, b, c]: &Triangle) -> f32 {
    (*b - *a).cross(*c - *a).length() / 2.0
}

/// Points spread over a surface.
pub(super) fn points(draws: &[Draw]) -> Vec<Vec3> {
    let step = triangles(draws).map(|triangle| f64::from(area(&triangle))).sum::<f64>() / POINTS as f64;
    if step <= 0.0 || !step.is_finite() {
        return Vec::new();
    }
    let mut points = Vec::with_capacity(POINTS);
    let mut covered = 0.0;
    for triangle in triangles(draws) {
        covered += f64::from(area(&triangle));
        while covered > step * (points.len() as f64 + 0.5) && points.len() < POINTS {
            points.push(somewhere(&triangle, points.len()));
        }
    }
    points
}

/// A point of a triangle; successive numbers give places that are spread evenly (Roberts' R2 sequence).
fn somewhere([a, b, c]: &Triangle, number: usize) -> Vec3 {
    let [u, v] = [0.754_877_7, 0.569_840_3].map(|step: f32| (number as f32 * step).fract());
    let (u, v) = if u + v > 1.0 { (1.0 - u, 1.0 - v) } else { (u, v) };
    *a + (*b - *a) * u + (*c - *a) * v
}

/// Triangles by the cells that their boxes touch.
pub(super) struct Grid {
    triangles: Vec<Triangle>,
    low: Vec3,
    cell: f32,
    size: UVec3,
    /// Where each cell's triangles begin in `entries`, and where the last ones end.
    starts: Vec<u32>,
    entries: Vec<u32>,
    farthest: f32,
}

impl Grid {
    /// What is drawn; `None` where it is too large to be searched.
    pub(super) fn of(draws: &[Draw], around: &Sphere) -> Option<Self> {
        Self::new(triangles(draws).collect(), around)
    }

    /// How far the farthest of some points is from the surface, in units of the scene, and at most [`FARTHEST`] of the radius;
    /// `None` where there are no points.
    pub(super) fn farthest(&self, points: &[Vec3]) -> Option<f32> {
        points.par_iter().map(|point| self.distance(*point)).reduce_with(f32::max)
    }

    fn new(triangles: Vec<Triangle>, around: &Sphere) -> Option<Self> {
        let (low, cell) = (around.centre - around.radius, 2.0 * around.radius / CELLS);
        let size = UVec3::splat(CELLS as u32);
        let mut grid = Self {
            triangles,
            low,
            cell,
            size,
            starts: vec![0; size.element_product() as usize + 1],
            entries: Vec::new(),
            farthest: around.radius * FARTHEST,
        };
        let mut count = 0;
        for triangle in &grid.triangles {
            let (low, high) = grid.span(triangle);
            count += (high - low + 1).element_product() as usize;
            if count > MOST_ENTRIES {
                return None;
            }
        }
        grid.fill(count);
        Some(grid)
    }

    /// Counts each cell's entries, then puts them into their places.
    fn fill(&mut self, count: usize) {
        let spans: Vec<(UVec3, UVec3)> = self.triangles.iter().map(|triangle| self.span(triangle)).collect();
        let mut next = vec![0u32; self.starts.len()];
        for cell in spans.iter().flat_map(|span| self.cells(*span)) {
            next[cell + 1] += 1;
        }
        for cell in 1..next.len() {
            next[cell] += next[cell - 1];
        }
        self.starts.copy_from_slice(&next);
        let mut entries = vec![0; count];
        for (number, span) in (0u32..).zip(&spans) {
            for cell in self.cells(*span) {
                entries[next[cell] as usize] = number;
                next[cell] += 1;
            }
        }
        self.entries = entries;
    }

    /// The cell of a point; of points outside the nearest.
    fn cell(&self, point: Vec3) -> UVec3 {
        let at = ((point - self.low) / self.cell).clamp(Vec3::ZERO, (self.size - 1).as_vec3());
        at.as_uvec3()
    }

    fn span(&self, [a, b, c]: &Triangle) -> (UVec3, UVec3) {
        (self.cell(a.min(*b).min(*c)), self.cell(a.max(*b).max(*c)))
    }

    fn cells(&self, (low, high): (UVec3, UVec3)) -> impl Iterator<Item = usize> + use<> {
        let size = self.size;
        let place = move |x, y, z| ((z * size.y + y) * size.x + x) as usize;
        (low.z..=high.z).flat_map(move |z| {
            (low.y..=high.y).flat_map(move |y| (low.x..=high.x).map(move |x| place(x, y, z)))
        })
    }

    /// How far a point is from the nearest triangle.
    fn distance(&self, point: Vec3) -> f32 {
        let middle = self.cell(point);
        let mut nearest = self.farthest;
        for ring in 0.. {
            let low = middle.saturating_sub(UVec3::splat(ring));
            let high = (middle + ring).min(self.size - 1);
            for cell in self.cells((low, high)) {
                let entries = self.starts[cell] as usize..self.starts[cell + 1] as usize;
                for &number in &self.entries[entries] {
                    nearest = nearest.min(point.distance(closest(point, &self.triangles[number as usize])));
                }
            }
            // Cells farther away than this ring are farther away than what was found.
            if nearest <= ring as f32 * self.cell {
                break;
            }
        }
        nearest
    }
}

/// The point of a triangle that is nearest to another point.
fn closest(point: Vec3, &[a, b, c]: &Triangle) -> Vec3 {
    let (ab, ac, ap) = (b - a, c - a, point - a);
    let (d1, d2) = (ab.dot(ap), ac.dot(ap));
    if d1 <= 0.0 && d2 <= 0.0 {
        return a;
    }
    let (d3, d4) = (ab.dot(point - b), ac.dot(point - b));
    if d3 >= 0.0 && d4 <= d3 {
        return b;
    }
    let vc = d1 * d4 - d3 * d2;
    if vc <= 0.0 && d1 >= 0.0 && d3 <= 0.0 {
        return a + ab * (d1 / (d1 - d3));
    }
    let (d5, d6) = (ab.dot(point - c), ac.dot(point - c));
    if d6 >= 0.0 && d5 <= d6 {
        return c;
    }
    let vb = d5 * d2 - d1 * d6;
    if vb <= 0.0 && d2 >= 0.0 && d6 <= 0.0 {
        return a + ac * (d2 / (d2 - d6));
    }
    let va = d3 * d6 - d5 * d4;
    if va <= 0.0 && d4 >= d3 && d5 >= d6 {
        return b + (c - b) * ((d4 - d3) / ((d4 - d3) + (d5 - d6)));
    }
    let inverse = 1.0 / (va + vb + vc);
    a + ab * (vb * inverse) + ac * (vc * inverse)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRIANGLE: Triangle = [Vec3::ZERO, Vec3::X, Vec3::Y];

    #[test]
    fn the_nearest_point_is_a_corner_on_an_edge_or_inside() {
        let at = |x, y, z| closest(Vec3::new(x, y, z), &TRIANGLE);
        assert_eq!(at(-1.0, -1.0, 0.0), Vec3::ZERO);
        assert_eq!(at(0.25, -3.0, 1.0), Vec3::new(0.25, 0.0, 0.0));
        assert_eq!(at(0.25, 0.25, 7.0), Vec3::new(0.25, 0.25, 0.0));
        assert_eq!(at(1.0, 1.0, 0.0), Vec3::new(0.5, 0.5, 0.0));
    }

    #[test]
    fn distances_are_those_to_the_surface() {
        let around = Sphere { centre: Vec3::ZERO, radius: 2.0 };
        let grid = Grid::new(vec![TRIANGLE], &around).unwrap();
        assert!((grid.distance(Vec3::new(0.2, 0.2, 0.1)) - 0.1).abs() < 1e-6);
        assert!((grid.distance(Vec3::new(0.2, 0.2, -0.15)) - 0.15).abs() < 1e-6);
        assert_eq!(grid.distance(Vec3::splat(-2.0)), 2.0 * FARTHEST, "no farther than is looked for");
    }
}
