//! weld: vertices that are equal in every attribute become one, and vertices that nothing draws go.
//!
//! Exact by design: a tolerance would tear or smear normals, texture coordinates and skin weights. Triangles
//! that have become a line or a point draw nothing and go as well.
//! Declines where an extension may refer to vertices by number, where vertices come from a Draco stream,
//! and where points are drawn without indices.

use rayon::prelude::*;

use super::vertex_groups::{self, Renumbered, VertexGroup, why_unchanged};
use super::{Context, Outcome, Pass, counted};
use crate::optimize::Error;
use crate::optimize::codecs::meshopt::{self, Stream};
use crate::optimize::document::{Document, Kind, edit, primitives};

/// See the module.
pub(super) struct Weld;

impl Pass for Weld {
    fn name(&self) -> &'static str {
        "weld"
    }

    fn renumbers(&self) -> bool {
        true
    }

    fn run(&self, document: &mut Document, _: &mut Context) -> Result<Outcome, Error> {
        let groups = vertex_groups::find(document);
        let welded: Vec<Option<Renumbered>> = groups.par_iter().map(|group| weld(document, group)).collect();
        let before = edit::referenced(document, Kind::Accessor);
        let mut merged = 0;
        for (group, welded) in groups.iter().zip(welded) {
            if let Some(welded) = welded {
                merged += group.vertex_count - welded.vertices.len();
                vertex_groups::apply(document, group, &welded);
            }
        }
        if edit::referenced(document, Kind::Accessor) == before {
            return Ok(Outcome::Unchanged(why_unchanged(
                document,
                "no two vertices are equal and all are drawn",
            )));
        }
        vertex_groups::drop_replaced(document, &before);
        Ok(Outcome::Changed(vec![format!("{} merged or unused", counted(merged, "vertex", "vertices"))]))
    }
}

/// New vertex numbers of a group; `None` when nothing would change.
fn weld(document: &Document, group: &VertexGroup) -> Option<Renumbered> {
    let streams: Vec<Stream> = group
        .accessors
        .iter()
        .map(|&index| &document.accessors[index])
        .map(|accessor| Stream { bytes: accessor.bytes(), stride: accessor.element_bytes() })
        .collect();
    let jsons: Vec<_> = group.primitives.iter().map(|&id| primitives::json(document, id)).collect();
    let drawn: Vec<Vec<u32>> = jsons.iter().map(|json| primitives::drawn_vertices(document, json)).collect();
    let all: Vec<u32> = drawn.iter().flatten().copied().collect();
    let (remap, unique) = meshopt::generate_vertex_remap(&streams, Some(&all), group.vertex_count).ok()?;
    let mut apart = Apart { next: u32::try_from(unique).ok()?, old: Vec::new() };

    let indices: Vec<Vec<u32>> = jsons
        .iter()
        .zip(&drawn)
        .map(|(json, drawn)| {
            let indices: Vec<u32> = drawn.iter().map(|&vertex| remap[vertex as usize]).collect();
            if primitives::mode(json) != primitives::TRIANGLES {
                indices
            } else if primitives::is_ordered(json) {
                as_polygons(drawn, &indices, &mut apart)
            } else {
                without_degenerate(indices)
            }
        })
        .collect();
    let same_triangles = indices.iter().zip(&drawn).all(|(new, old)| new.len() == old.len());
    if unique + apart.old.len() >= group.vertex_count && same_triangles || indices.iter().any(Vec::is_empty) {
        return None;
    }
    let mut vertices = vec![0; unique];
    for (old, &new) in (0u32..).zip(&remap) {
        if new != u32::MAX {
            vertices[new as usize] = old;
        }
    }
    vertices.extend(apart.old);
    Some(Renumbered { vertices, indices })
}

/// Vertices that stay apart from their equals.
struct Apart {
    /// The new number of the next one.
    next: u32,
    /// The old numbers of those so far.
    old: Vec<u32>,
}

impl Apart {
    /// The new number of an old vertex that is not to be its equals'.
    fn another(&mut self, old: u32) -> u32 {
        self.old.push(old);
        self.next += 1;
        self.next - 1
    }
}

/// Triangles whose runs with the same first vertex are polygons, by old and by new numbers, without those that draw nothing.
/// Where two polygons in a row would begin with the same vertex, the second one keeps one of its own.
fn as_polygons(old: &[u32], new: &[u32], apart: &mut Apart) -> Vec<u32> {
    let mut indices: Vec<u32> = Vec::with_capacity(new.len());
    // The first vertex of the polygon: by its old number, and by its new one as soon as a triangle of it is kept.
    let (mut polygon, mut begins_with) = (None, None);
    for (&[first, ..], &[a, b, c]) in old.as_chunks::<3>().0.iter().zip(new.as_chunks::<3>().0) {
        if polygon != Some(first) {
            (polygon, begins_with) = (Some(first), None);
        }
        if a == b || b == c || c == a {
            continue;
        }
        let last = indices.len().checked_sub(3).map(|at| indices[at]);
        let new_first = begins_with.unwrap_or_else(|| if last == Some(a) { apart.another(first) } else { a });
        begins_with = Some(new_first);
        indices.extend([new_first, b, c]);
    }
    indices
}

fn without_degenerate(indices: Vec<u32>) -> Vec<u32> {
    let triangles = indices.as_chunks::<3>().0.iter();
    triangles.filter(|[a, b, c]| a != b && b != c && c != a).flatten().copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polygons_stay_apart_though_their_vertices_are_equal() {
        let mut apart = Apart { next: 10, old: Vec::new() };
        // A quad, a triangle that begins with an equal vertex, one that draws nothing, and one more with the same beginning.
        let old = [0, 1, 2, 0, 2, 3, 4, 5, 6, 7, 8, 9, 4, 6, 1];
        let new = [0, 1, 2, 0, 2, 3, 0, 2, 4, 5, 5, 6, 0, 4, 1];
        let kept = as_polygons(&old, &new, &mut apart);
        assert_eq!(kept, [0, 1, 2, 0, 2, 3, 10, 2, 4, 0, 4, 1]);
        assert_eq!((apart.old, apart.next), (vec![4], 11));
    }

    #[test]
    fn polygons_without_equal_vertices_stay_as_they_are() {
        let mut apart = Apart { next: 6, old: Vec::new() };
        let indices = [0, 1, 2, 0, 2, 3, 3, 4, 5];
        assert_eq!(as_polygons(&indices, &indices, &mut apart), indices);
        assert!(apart.old.is_empty());
    }
}
