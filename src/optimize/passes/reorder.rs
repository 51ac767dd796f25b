//! reorder: triangles and vertices in the order in which a GPU and a codec like them.
//!
//! Triangles for the vertex cache, then in clusters against overdraw, then vertices in the order of first
//! use (meshoptimizer's three steps, in its recommended order). Nothing is added, removed or rounded.
//! Blended triangles keep their order: engines draw them without writing depth, so it decides what covers what. Only
//! where they are so faint that it hardly does, they move.
//! Declines where the cache order is already as good (within 2 % of the cache misses): reordering a file
//! again and again would only make noise.

use rayon::prelude::*;
use serde_json::Value;

use super::vertex_groups::{self, Renumbered, VertexGroup, why_unchanged};
use super::{Context, Outcome, Pass, counted};
use crate::optimize::Error;
use crate::optimize::codecs::meshopt;
use crate::optimize::document::{Document, Kind, edit, primitives};

/// See the module.
pub(super) struct Reorder;

/// How many more cache misses are accepted for less overdraw; meshoptimizer's recommended value.
const OVERDRAW_THRESHOLD: f32 = 1.05;

/// Size of the simulated first-in first-out vertex cache.
const CACHE_SIZE: usize = 16;

/// Cache misses must fall at least to this part for triangles to be moved.
const WORTHWHILE: f64 = 0.98;

impl Pass for Reorder {
    fn name(&self) -> &'static str {
        "reorder"
    }

    fn renumbers(&self) -> bool {
        true
    }

    fn run(&self, document: &mut Document, _: &mut Context) -> Result<Outcome, Error> {
        let groups = vertex_groups::find(document);
        let reordered =
            groups.par_iter().map(|group| reorder(document, group)).collect::<Result<Vec<_>, _>>()?;
        let before = edit::referenced(document, Kind::Accessor);
        let mut changed = 0;
        for (group, reordered) in groups.iter().zip(reordered) {
            if let Some(reordered) = reordered {
                vertex_groups::apply(document, group, &reordered);
                changed += group.primitives.len();
            }
        }
        if changed == 0 {
            return Ok(Outcome::Unchanged(why_unchanged(
                document,
                "vertices and triangles are already in a good order",
            )));
        }
        vertex_groups::drop_replaced(document, &before);
        Ok(Outcome::Changed(vec![format!("{} reordered", counted(changed, "primitive", "primitives"))]))
    }
}

/// New order of a group; `None` when the present one is as good.
fn reorder(document: &Document, group: &VertexGroup) -> Result<Option<Renumbered>, Error> {
    let mut indices = Vec::new();
    let mut moved = false;
    for &id in &group.primitives {
        let json = primitives::json(document, id);
        if primitives::indices(json).is_none() {
            return Ok(None);
        }
        let old = primitives::drawn_vertices(document, json);
        let positions =
            primitives::attribute(document, json, "POSITION").map(|accessor| accessor.vectors::<3>());
        let may_move = primitives::mode(json) == primitives::TRIANGLES
            && old.len().is_multiple_of(3)
            && !order_counts(document, json);
        let new = match positions {
            Some(positions) if may_move => better_order(&old, &positions)?,
            _ => None,
        };
        moved |= new.is_some();
        indices.push(new.unwrap_or(old));
    }
    let all: Vec<u32> = indices.iter().flatten().copied().collect();
    let remap = meshopt::optimize_vertex_fetch_remap(&all, group.vertex_count).map_err(internal)?;
    let is_identity = (0u32..).zip(&remap).all(|(old, &new)| new == old || new == u32::MAX);
    if !moved && is_identity {
        return Ok(None);
    }
    let used = remap.iter().filter(|&&new| new != u32::MAX).count();
    let mut vertices = vec![0; used];
    for (old, &new) in (0u32..).zip(&remap) {
        if new != u32::MAX {
            vertices[new as usize] = old;
        }
    }
    let renumber = |list: Vec<u32>| list.into_iter().map(|vertex| remap[vertex as usize]).collect();
    Ok(Some(Renumbered { vertices, indices: indices.into_iter().map(renumber).collect() }))
}

/// Opacity up to which blended triangles may change places. Where two of them cover each other, that changes what is
/// seen by the difference of their shades times the square of it.
const FAINT: f64 = 0.3;

/// Whether another order of a primitive's triangles would be another model: they tell polygons, or they are drawn by blending
/// (by some variant at least), and not faintly and evenly so.
pub(super) fn order_counts(document: &Document, primitive: &Value) -> bool {
    primitives::is_ordered(primitive) || order_is_seen(document, primitive)
}

fn order_is_seen(document: &Document, primitive: &Value) -> bool {
    let materials = document.list("materials");
    let has_colours = primitive["attributes"].get("COLOR_0").is_some();
    let is_faint = |material: &Value| {
        let base = &material["pbrMetallicRoughness"];
        let specgloss = material["extensions"].get("KHR_materials_pbrSpecularGlossiness").is_some();
        let opacity = base["baseColorFactor"][3].as_f64().unwrap_or(1.0);
        opacity <= FAINT && base.get("baseColorTexture").is_none() && !has_colours && !specgloss
    };
    let mut used = primitives::materials(document, primitive).filter_map(|index| materials.get(index));
    used.any(|material| material["alphaMode"] == "BLEND" && !is_faint(material))
}

/// The triangles in a better order, if there is one. Repeated while it pays, so that a second run finds
/// nothing to do: the order found depends on the order given.
fn better_order(old: &[u32], positions: &[[f32; 3]]) -> Result<Option<Vec<u32>>, Error> {
    let mut best: Option<Vec<u32>> = None;
    loop {
        let current = best.as_deref().unwrap_or(old);
        let by_cache = meshopt::optimize_vertex_cache(current, positions.len()).map_err(internal)?;
        let new = meshopt::optimize_overdraw(&by_cache, positions, OVERDRAW_THRESHOLD).map_err(internal)?;
        #[expect(clippy::cast_precision_loss, reason = "counts of triangles are far below 2^52")]
        let is_better = (cache_misses(&new) as f64) < WORTHWHILE * cache_misses(current) as f64;
        if !is_better {
            return Ok(best);
        }
        best = Some(new);
    }
}

fn internal(error: crate::optimize::codecs::CodecError) -> Error {
    Error::Internal(error.to_string())
}

/// Vertices that a first-in first-out cache has to load to draw the triangles.
fn cache_misses(indices: &[u32]) -> usize {
    let mut cache = std::collections::VecDeque::with_capacity(CACHE_SIZE);
    let mut misses = 0;
    for index in indices {
        if !cache.contains(index) {
            misses += 1;
            if cache.len() == CACHE_SIZE {
                cache.pop_front();
            }
            cache.push_back(*index);
        }
    }
    misses
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::optimize::document::{Accessor, Shape};

    /// A grid whose triangles come in an order that helps no cache, in one primitive with material 0.
    fn shuffled_grid(alpha_mode: &str, opacity: f32) -> Document {
        const SIDE: u32 = 12;
        let positions: Vec<f32> =
            (0..SIDE * SIDE).flat_map(|v| [(v % SIDE) as f32, (v / SIDE) as f32, 0.0]).collect();
        let squares =
            (0..SIDE - 1).flat_map(|x| (0..SIDE - 1).map(move |y| (x * 7 % (SIDE - 1), y * 5 % (SIDE - 1))));
        let corners = squares.map(|(x, y)| y * SIDE + x);
        let indices: Vec<u32> =
            corners.flat_map(|v| [v, v + 1, v + SIDE, v + 1, v + SIDE + 1, v + SIDE]).collect();
        let root = json!({
            "materials": [{ "alphaMode": alpha_mode, "pbrMetallicRoughness": { "baseColorFactor": [1, 1, 1, opacity] } }],
            "meshes": [{ "primitives": [{ "attributes": { "POSITION": 0 }, "indices": 1, "material": 0 }] }],
        });
        let accessors = vec![
            Accessor::from_floats(Shape::Vec3, &positions),
            Accessor::from_indices(&indices, positions.len() / 3),
        ];
        Document { root: root.as_object().unwrap().clone(), accessors, ..Document::default() }
    }

    /// The positions of all corners in drawing order, after the pass.
    fn drawn_after(mut document: Document) -> Vec<[f32; 3]> {
        for group in vertex_groups::find(&document) {
            if let Some(reordered) = reorder(&document, &group).unwrap() {
                vertex_groups::apply(&mut document, &group, &reordered);
            }
        }
        drawn(&document)
    }

    fn drawn(document: &Document) -> Vec<[f32; 3]> {
        let json = &document.list("meshes")[0]["primitives"][0];
        let positions = primitives::attribute(document, json, "POSITION").unwrap().vectors::<3>();
        primitives::drawn_vertices(document, json).into_iter().map(|v| positions[v as usize]).collect()
    }

    /// Hair and glass are modelled inside out, and engines blend triangles in the order of the file: sorted
    /// for the cache, outer strands vanished behind inner ones.
    #[test]
    fn regression_blended_triangles_keep_their_order() {
        let blended = shuffled_grid("BLEND", 0.9);
        assert_eq!(drawn_after(blended.clone()), drawn(&blended));
        for moves in [shuffled_grid("OPAQUE", 0.9), shuffled_grid("BLEND", 0.2)] {
            assert_ne!(drawn_after(moves.clone()), drawn(&moves));
        }
    }

    #[test]
    fn the_cache_forgets_the_oldest_vertex() {
        assert_eq!(cache_misses(&[0, 1, 2, 2, 1, 0]), 3);
        let far: Vec<u32> = (0..17).chain([0]).collect();
        assert_eq!(cache_misses(&far), 18);
    }
}
