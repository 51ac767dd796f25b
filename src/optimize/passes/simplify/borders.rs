//! Where primitives of a mesh touch: vertices there must not move, or a gap would open.
//!
//! Modelling tools cut a mesh into primitives at the borders of materials, and each is simplified for itself.

use std::collections::{HashMap, HashSet};

use crate::optimize::document::{Document, primitives};
use crate::optimize::passes::vertex_groups::VertexGroup;

/// A place in a mesh, by the bits of its coordinates.
type Place = (usize, [u32; 3]);

/// The places that several primitives of a mesh have in common.
pub(super) struct Borders(HashSet<Place>);

impl Borders {
    /// Those of every mesh of which some primitive is in a group.
    pub(super) fn of(document: &Document, groups: &[VertexGroup]) -> Self {
        let touched: HashSet<usize> =
            groups.iter().flat_map(|group| &group.primitives).map(|id| id.mesh).collect();
        let mut shared = HashSet::new();
        for (mesh, json) in
            document.list("meshes").iter().enumerate().filter(|(mesh, _)| touched.contains(mesh))
        {
            let parts = json["primitives"].as_array().map_or(&[][..], Vec::as_slice);
            if parts.len() < 2 {
                continue;
            }
            let drawn: Vec<Vec<u32>> =
                parts.iter().map(|part| primitives::drawn_vertices(document, part)).collect();
            let mut owners: HashMap<[u32; 3], usize> = HashMap::new();
            for part in distinct_parts(parts, &drawn) {
                let accessor = primitives::attribute(document, &parts[part], "POSITION");
                let positions = accessor.map(|accessor| accessor.vectors::<3>()).unwrap_or_default();
                for position in drawn[part].iter().filter_map(|&vertex| positions.get(vertex as usize)) {
                    if *owners.entry(bits(position)).or_insert(part) != part {
                        shared.insert((mesh, bits(position)));
                    }
                }
            }
        }
        Self(shared)
    }

    /// Which of a group's vertices lie on a border of some mesh that uses the group.
    pub(super) fn locked(&self, group: &VertexGroup, positions: &[[f32; 3]]) -> Vec<bool> {
        let mut meshes: Vec<usize> = group.primitives.iter().map(|id| id.mesh).collect();
        meshes.dedup();
        let is_shared =
            |position: &[f32; 3]| meshes.iter().any(|&mesh| self.0.contains(&(mesh, bits(position))));
        positions.iter().map(is_shared).collect()
    }
}

/// The first of all lists with the same content.
pub(super) fn distinct(lists: &[Vec<u32>]) -> Vec<usize> {
    let mut seen = HashSet::new();
    (0..lists.len()).filter(|&list| seen.insert(&lists[list])).collect()
}

/// The first of all primitives that draw the same triangles of the same vertices.
fn distinct_parts(parts: &[serde_json::Value], drawn: &[Vec<u32>]) -> Vec<usize> {
    let mut seen = HashSet::new();
    (0..parts.len())
        .filter(|&part| seen.insert((parts[part]["attributes"].to_string(), &drawn[part])))
        .collect()
}

/// The same for 0.0 and -0.0.
pub(super) fn bits(position: &[f32; 3]) -> [u32; 3] {
    position.map(|coordinate| (coordinate + 0.0).to_bits())
}
