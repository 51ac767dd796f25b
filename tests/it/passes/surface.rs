//! How far a simplified surface is from the original one: both ways, vertex by vertex.

use glb_optimizer::optimize::budget::Budget;
use glb_optimizer::optimize::document::primitives::{self, PrimitiveId};
use glb_optimizer::optimize::document::{Document, accessor::Accessor};
use glb_optimizer::optimize::settings::Simplify;

type Point = [f64; 3];

/// A mesh never counts as less than a quarter of the view, so it may be off by this many times what its own
/// size allows.
const SMALL_PART: f64 = 4.0;
/// The error is a mean over planes, not a strict distance.
const SLACK: f64 = 3.0;

/// Panics where a vertex of either document is too far from the other's surface. Primitives must correspond.
pub fn assert_close(before: &Document, after: &Document, budget: &Budget) {
    let ids = primitives::all(before);
    assert_eq!(ids, primitives::all(after));
    for id in ids.into_iter().filter(|&id| primitives::mode(primitives::json(before, id)) == 4) {
        let (old, new) = (triangles(before, id), triangles(after, id));
        if old == new {
            continue;
        }
        let bound = SLACK * SMALL_PART * budget.simplify_error(Simplify::Auto) * diagonal(before, id.mesh);
        for (from, to) in [(&old, &new), (&new, &old)] {
            for point in from.iter().flatten() {
                let distance =
                    to.iter().map(|triangle| distance(point, triangle)).fold(f64::INFINITY, f64::min);
                assert!(distance <= bound, "{id:?}: {point:?} is {distance} away, allowed {bound}");
            }
        }
    }
}

fn positions(document: &Document, id: PrimitiveId) -> Vec<Point> {
    let accessor = primitives::attribute(document, primitives::json(document, id), "POSITION");
    accessor.map(Accessor::vectors::<3>).unwrap().iter().map(|p| p.map(f64::from)).collect()
}

fn triangles(document: &Document, id: PrimitiveId) -> Vec<[Point; 3]> {
    let positions = positions(document, id);
    let drawn = primitives::drawn_vertices(document, primitives::json(document, id));
    drawn.as_chunks::<3>().0.iter().map(|corners| corners.map(|v| positions[v as usize])).collect()
}

fn diagonal(document: &Document, mesh: usize) -> f64 {
    let ids = primitives::all(document).into_iter().filter(|id| id.mesh == mesh);
    let points: Vec<Point> = ids.flat_map(|id| positions(document, id)).collect();
    let side = |axis: usize| {
        let low = points.iter().map(|p| p[axis]).fold(f64::INFINITY, f64::min);
        points.iter().map(|p| p[axis]).fold(f64::NEG_INFINITY, f64::max) - low
    };
    (0..3).map(|axis| side(axis).powi(2)).sum::<f64>().sqrt()
}

fn minus(a: &Point, b: &Point) -> Point {
    std::array::from_fn(|i| a[i] - b[i])
}

fn dot(a: &Point, b: &Point) -> f64 {
    (0..3).map(|i| a[i] * b[i]).sum()
}

/// From a point to the nearest point of a triangle: inside it by barycentric coordinates, or on an edge.
fn distance(point: &Point, [a, b, c]: &[Point; 3]) -> f64 {
    let (u, v, w) = (minus(b, a), minus(c, a), minus(point, a));
    let (uu, uv, vv, wu, wv) = (dot(&u, &u), dot(&u, &v), dot(&v, &v), dot(&w, &u), dot(&w, &v));
    let area = uu * vv - uv * uv;
    let (s, t) = ((vv * wu - uv * wv) / area, (uu * wv - uv * wu) / area);
    if area > 0.0 && s >= 0.0 && t >= 0.0 && s + t <= 1.0 {
        let inside: Point = std::array::from_fn(|i| w[i] - s * u[i] - t * v[i]);
        return dot(&inside, &inside).sqrt();
    }
    let edges = [(a, b), (b, c), (c, a)];
    edges.into_iter().map(|(from, to)| distance_to_edge(point, from, to)).fold(f64::INFINITY, f64::min)
}

fn distance_to_edge(point: &Point, from: &Point, to: &Point) -> f64 {
    let (along, away) = (minus(to, from), minus(point, from));
    let length = dot(&along, &along);
    let part = if length > 0.0 { (dot(&away, &along) / length).clamp(0.0, 1.0) } else { 0.0 };
    let rest: Point = std::array::from_fn(|i| away[i] - part * along[i]);
    dot(&rest, &rest).sqrt()
}
