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

    let indices: Vec<Vec<u32>> = jsons
        .iter()
        .zip(&drawn)
        .map(|(json, drawn)| {
            let indices = drawn.iter().map(|&vertex| remap[vertex as usize]).collect();
            if primitives::mode(json) == primitives::TRIANGLES {
                without_degenerate(indices)
            } else {
                indices
            }
        })
        .collect();
    let same_triangles = indices.iter().zip(&drawn).all(|(new, old)| new.len() == old.len());
    if unique == group.vertex_count && same_triangles || indices.iter().any(Vec::is_empty) {
        return None;
    }
    let mut vertices = vec![0; unique];
    for (old, &new) in (0u32..).zip(&remap) {
        if new != u32::MAX {
            vertices[new as usize] = old;
        }
    }
    Some(Renumbered { vertices, indices })
}

fn without_degenerate(indices: Vec<u32>) -> Vec<u32> {
    let triangles = indices.as_chunks::<3>().0.iter();
    triangles.filter(|[a, b, c]| a != b && b != c && c != a).flatten().copied().collect()
}
