//! join: primitives that are drawn alike become one, so that there are fewer draw calls.
//!
//! Alike: the same material (in every variant), mode, and attributes of the same types. First within each mesh; then
//! plain nodes ([`plain_nodes`]) below one parent whose meshes have one primitive, no name and no other use, their
//! vertices moved to where the nodes put them.
//! Declines for everything named, for morph targets, other extensions and extras, for transparent materials, which are
//! sorted by node, where an accessor has other uses (there would be two of it), beyond 65,535 vertices, where
//! a part is so small beside the whole that their common grid would be coarse for it, and when `nodes=keep`.

mod vertices;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use self::vertices::{Joined, MOST_VERTICES, Part, joined};
use super::plain_nodes::{self, Parent, children};
use super::{Context, Outcome, Pass, counted, is_sorted, vertex_groups};
use crate::optimize::Error;
use crate::optimize::document::matrix::{self, IDENTITY, Matrix};
use crate::optimize::document::primitives::{self, PrimitiveId, as_index};
use crate::optimize::document::refs::visit;
use crate::optimize::document::{Document, Kind, edit};
use crate::optimize::settings::Nodes;

/// See the module.
pub(super) struct Join;

/// What a primitive may hold.
const MEMBERS: [&str; 5] = ["attributes", "indices", "material", "mode", "extensions"];

/// Modes that are lists: points, lines, triangles.
const LISTS: [u64; 3] = [0, 1, 4];

/// A part must be at least this large, as a part of the longest side of the whole: the grid of positions is as fine as
/// a mesh is large, and may become coarser by one bit.
const LEAST_PART: f64 = 0.5;

impl Pass for Join {
    fn name(&self) -> &'static str {
        "join"
    }

    fn renumbers(&self) -> bool {
        true
    }

    fn run(&self, document: &mut Document, context: &mut Context) -> Result<Outcome, Error> {
        if context.settings.nodes == Nodes::Keep {
            return Ok(Outcome::Unchanged("all nodes are to stay".into()));
        }
        let before = edit::referenced(document, Kind::Accessor);
        // Of the accessors that were there: joining one group changes the uses of no other.
        let accessors = uses(document, Kind::Accessor);
        let meshes = 0..document.list("meshes").len();
        let in_meshes: usize = meshes.map(|mesh| join_in(document, mesh, &accessors)).sum();
        let nodes = join_nodes(document);
        if in_meshes + nodes == 0 {
            return Ok(Outcome::Unchanged("nothing without a name is drawn like something beside it".into()));
        }
        vertex_groups::drop_replaced(document, &before);
        let mut notes = Vec::new();
        if in_meshes > 0 {
            notes.push(format!(
                "{} joined to others of their meshes",
                counted(in_meshes, "primitive", "primitives")
            ));
        }
        if nodes > 0 {
            notes.push(format!("{} joined to others beside them", counted(nodes, "node", "nodes")));
        }
        Ok(Outcome::Changed(notes))
    }
}

/// What primitives have in common that can be joined; `None` for those that cannot.
fn key(document: &Document, primitive: &Value) -> Option<String> {
    let members = primitive.as_object()?;
    let extensions = primitive["extensions"].as_object().into_iter().flatten();
    let is_plain = members.keys().all(|name| MEMBERS.contains(&name.as_str()))
        && extensions.map(|(name, _)| name).all(|name| name == "KHR_materials_variants")
        && LISTS.contains(&primitives::mode(primitive))
        && primitives::locked(document, primitive).is_none();
    let is_bare = |index: usize| {
        let accessor = &document.accessors[index];
        accessor.rest.is_empty() && accessor.view_rest.is_empty()
    };
    let accessors = primitives::vertex_accessors(primitive).into_iter().chain(primitives::indices(primitive));
    let shown_in_order = |material| document.list("materials").get(material).is_some_and(is_sorted);
    if !is_plain
        || !accessors.into_iter().all(is_bare)
        || primitives::materials(document, primitive).any(shown_in_order)
    {
        return None;
    }
    let mut attributes: Vec<String> = primitives::attributes(&primitive["attributes"])
        .map(|(name, index)| (name, &document.accessors[index]))
        .map(|(name, a)| format!("{name} {:?} {:?} {}", a.component, a.shape, a.normalized))
        .collect();
    attributes.sort_unstable();
    let rest: Map<String, Value> = members
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "attributes" | "indices"))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    Some(format!("{} {attributes:?}", Value::from(rest)))
}

/// Joins the primitives of a mesh; returns how many went.
fn join_in(document: &mut Document, mesh: usize, accessors: &[usize]) -> usize {
    let list = document.list("meshes")[mesh]["primitives"].as_array().map_or(&[][..], Vec::as_slice);
    let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (number, primitive) in list.iter().enumerate() {
        if let Some(key) = key(document, primitive) {
            groups.entry(key).or_default().push(number);
        }
    }
    let mut keep = vec![true; list.len()];
    for numbers in groups.into_values().filter(|numbers| numbers.len() > 1) {
        let list = &document.list("meshes")[mesh]["primitives"];
        let parts: Vec<Part> = numbers.iter().map(|&n| Part { json: &list[n], matrix: IDENTITY }).collect();
        let Some(joined) = are_alone(&parts, accessors).then(|| joined(document, &parts)).flatten() else {
            continue;
        };
        enter(document, PrimitiveId { mesh, primitive: numbers[0] }, joined);
        numbers[1..].iter().for_each(|&number| keep[number] = false);
    }
    if let Some(Value::Array(list)) = document.list_mut("meshes")[mesh].get_mut("primitives") {
        let mut keeps = keep.iter();
        list.retain(|_| keeps.next() == Some(&true));
    }
    keep.iter().filter(|keep| !**keep).count()
}

/// Puts what was joined into a primitive.
fn enter(document: &mut Document, id: PrimitiveId, joined: Joined) {
    let mut add = |accessor| {
        document.accessors.push(accessor);
        Value::from(document.accessors.len() - 1)
    };
    let attributes: Map<String, Value> =
        joined.attributes.into_iter().map(|(name, accessor)| (name, add(accessor))).collect();
    let indices = joined.indices.map(add);
    if let Some(primitive) = primitives::json_mut(document, id) {
        primitive.insert("attributes".into(), attributes.into());
        primitive.extend(indices.map(|index| ("indices".to_owned(), index)));
    }
}

/// Whether nobody else uses the accessors of these primitives, and each belongs to one set of attributes.
fn are_alone(parts: &[Part], accessors: &[usize]) -> bool {
    let mut sets: BTreeMap<usize, &Value> = BTreeMap::new();
    let mut own: BTreeMap<usize, usize> = BTreeMap::new();
    for part in parts {
        for index in primitives::vertex_accessors(part.json) {
            if *sets.entry(index).or_insert(&part.json["attributes"]) != &part.json["attributes"] {
                return false;
            }
            *own.entry(index).or_default() += 1;
        }
        if let Some(index) = primitives::indices(part.json) {
            *own.entry(index).or_default() += 1;
        }
    }
    own.into_iter().all(|(index, count)| accessors.get(index) == Some(&count))
}

/// How often each item of a kind is referred to.
fn uses(document: &Document, kind: Kind) -> Vec<usize> {
    let mut uses = vec![0; document.count(kind)];
    visit(&document.root, &mut |_, found, _, value| {
        if let Some(uses) = as_index(value).filter(|_| found == kind).and_then(|index| uses.get_mut(index)) {
            *uses += 1;
        }
    });
    uses
}

/// A plain node with a mesh of its own.
struct Leaf {
    node: usize,
    mesh: usize,
    matrix: Matrix,
    bounds: [[f64; 3]; 2],
    vertices: usize,
}

/// Joins nodes beside each other; returns how many went.
fn join_nodes(document: &mut Document) -> usize {
    let mut keep = [vec![true; document.list("nodes").len()], vec![true; document.list("meshes").len()]];
    let mut gone = 0;
    for leaves in leaves(document).into_values() {
        for group in groups(leaves) {
            if join_group(document, &group) {
                for leaf in &group[1..] {
                    (keep[0][leaf.node], keep[1][leaf.mesh]) = (false, false);
                }
                gone += group.len() - 1;
            }
        }
    }
    let [nodes, meshes] = keep;
    plain_nodes::remove(document, &nodes);
    edit::retain(document, Kind::Mesh, &meshes);
    gone
}

/// The nodes that can be joined, by their parent and what their primitives have in common.
fn leaves(document: &Document) -> BTreeMap<(Parent, String), Vec<Leaf>> {
    let (meshes, accessors) = (uses(document, Kind::Mesh), uses(document, Kind::Accessor));
    let mut found: BTreeMap<(Parent, String), Vec<Leaf>> = BTreeMap::new();
    let parents = plain_nodes::parents(document).into_iter().zip(document.list("nodes"));
    for (index, (parent, node)) in parents.enumerate() {
        let is_leaf = children(&node["children"]).is_empty();
        let (Some(parent), Some(mesh), true) = (parent, as_index(&node["mesh"]), is_leaf) else { continue };
        let primitive = PrimitiveId { mesh, primitive: 0 };
        let json = primitives::json(document, primitive);
        let members = document.list("meshes")[mesh].as_object().map_or(0, Map::len);
        let is_only =
            document.list("meshes")[mesh]["primitives"].as_array().is_some_and(|list| list.len() == 1);
        let used = primitives::vertex_accessors(json).into_iter().chain(primitives::indices(json));
        if meshes[mesh] != 1
            || members != 1
            || !is_only
            || used.into_iter().any(|index| accessors[index] != 1)
        {
            continue;
        }
        let matrix = matrix::of_node(node, None);
        if let (Some(key), Some(bounds)) = (key(document, json), bounds(document, json, &matrix)) {
            let vertices = primitives::vertex_count(document, json);
            found.entry((parent, key)).or_default().push(Leaf {
                node: index,
                mesh,
                matrix,
                bounds,
                vertices,
            });
        }
    }
    found
}

/// The box around a primitive where a matrix puts it; `None` where it is flattened.
fn bounds(document: &Document, primitive: &Value, matrix: &Matrix) -> Option<[[f64; 3]; 2]> {
    let (min, max) = primitives::attribute(document, primitive, "POSITION")?.min_max()?;
    if min.len() != 3 || matrix::determinant(matrix) == 0.0 {
        return None;
    }
    let corner = |bits: usize| -> [f64; 3] {
        let corner = std::array::from_fn(|i| f64::from(if bits >> i & 1 == 0 { min[i] } else { max[i] }));
        matrix::transformed(matrix, corner)
    };
    let corners = (0..8).map(corner).map(|corner| [corner, corner]);
    corners.reduce(around)
}

fn around(a: [[f64; 3]; 2], b: [[f64; 3]; 2]) -> [[f64; 3]; 2] {
    [std::array::from_fn(|i| a[0][i].min(b[0][i])), std::array::from_fn(|i| a[1][i].max(b[1][i]))]
}

fn longest_side([min, max]: [[f64; 3]; 2]) -> f64 {
    (0..3).map(|i| max[i] - min[i]).fold(0.0, f64::max)
}

/// Those that are large enough beside the whole, in groups of so many vertices.
fn groups(mut leaves: Vec<Leaf>) -> Vec<Vec<Leaf>> {
    let whole = leaves.iter().map(|leaf| leaf.bounds).reduce(around).map_or(0.0, longest_side);
    leaves.retain(|leaf| longest_side(leaf.bounds) >= LEAST_PART * whole);
    let mut groups: Vec<Vec<Leaf>> = Vec::new();
    let mut vertices = 0;
    for leaf in leaves {
        vertices += leaf.vertices;
        match groups.last_mut() {
            Some(group) if vertices <= MOST_VERTICES => group.push(leaf),
            _ => {
                vertices = leaf.vertices;
                groups.push(vec![leaf]);
            }
        }
    }
    groups.retain(|group| group.len() > 1);
    groups
}

/// Puts the primitives of a group into its first node; false where vertices cannot be moved.
fn join_group(document: &mut Document, group: &[Leaf]) -> bool {
    let first = &group[0];
    let is_moved = group.iter().any(|leaf| leaf.matrix != first.matrix);
    let part = |leaf: &Leaf| Part {
        json: primitives::json(document, PrimitiveId { mesh: leaf.mesh, primitive: 0 }),
        matrix: if is_moved { leaf.matrix } else { IDENTITY },
    };
    let parts: Vec<Part> = group.iter().map(part).collect();
    let Some(joined) = joined(document, &parts) else { return false };
    enter(document, PrimitiveId { mesh: first.mesh, primitive: 0 }, joined);
    if is_moved {
        document.list_mut("nodes")[first.node] = json!({ "mesh": first.mesh });
    }
    true
}

#[cfg(test)]
mod tests;
