//! Reading primitives: small typed questions to the JSON of `meshes[].primitives[]`.

use serde_json::{Map, Value};

use super::{Accessor, Document, unknown};

/// `primitive.mode` of a triangle list.
pub const TRIANGLES: u64 = 4;

/// A primitive by mesh and position in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PrimitiveId {
    /// Index of the mesh.
    pub mesh: usize,
    /// Position in `mesh.primitives`.
    pub primitive: usize,
}

/// Every primitive of a document, in file order.
#[must_use]
pub fn all(document: &Document) -> Vec<PrimitiveId> {
    let meshes = document.list("meshes").iter().enumerate();
    let of_mesh = |(mesh, json): (usize, &Value)| {
        let count = json.get("primitives").and_then(Value::as_array).map_or(0, Vec::len);
        (0..count).map(move |primitive| PrimitiveId { mesh, primitive })
    };
    meshes.flat_map(of_mesh).collect()
}

/// The JSON of a primitive; `null` if there is none.
#[must_use]
pub fn json(document: &Document, id: PrimitiveId) -> &Value {
    document.list("meshes").get(id.mesh).map_or(&Value::Null, |mesh| &mesh["primitives"][id.primitive])
}

/// The JSON object of a primitive, to be changed.
pub fn json_mut(document: &mut Document, id: PrimitiveId) -> Option<&mut Map<String, Value>> {
    let mesh = document.list_mut("meshes").get_mut(id.mesh)?;
    mesh.get_mut("primitives")?.get_mut(id.primitive)?.as_object_mut()
}

/// Names and accessors of the attributes in `object` (a primitive's `attributes` or a morph target).
pub fn attributes(object: &Value) -> impl Iterator<Item = (&str, usize)> {
    let members = object.as_object().into_iter().flatten();
    members.filter_map(|(name, value)| Some((name.as_str(), as_index(value)?)))
}

/// The accessor of one attribute.
#[must_use]
pub fn attribute<'d>(document: &'d Document, primitive: &Value, name: &str) -> Option<&'d Accessor> {
    document.accessors.get(as_index(&primitive["attributes"][name])?)
}

/// The index of the accessor that holds the indices.
#[must_use]
pub fn indices(primitive: &Value) -> Option<usize> {
    as_index(&primitive["indices"])
}

/// The materials that a primitive can be drawn with: its own, those of its variants, and the coarser ones that stand in for
/// any of these from afar (MSFT_lod).
pub fn materials(document: &Document, primitive: &Value) -> impl Iterator<Item = usize> {
    let mappings = primitive["extensions"]["KHR_materials_variants"]["mappings"].as_array();
    let of_variants = mappings.into_iter().flatten().map(|mapping| &mapping["material"]);
    let near = of_variants.chain([&primitive["material"]]).filter_map(as_index);
    let materials = document.list("materials");
    near.flat_map(move |index| {
        let from_afar =
            materials.get(index).and_then(|json| json["extensions"]["MSFT_lod"]["ids"].as_array());
        from_afar.into_iter().flatten().filter_map(as_index).chain([index])
    })
}

/// `mode`, 4 (triangles) where not given.
#[must_use]
pub fn mode(primitive: &Value) -> u64 {
    primitive.get("mode").and_then(Value::as_u64).unwrap_or(TRIANGLES)
}

/// Number of triangles; 0 for points and lines.
#[must_use]
pub fn triangle_count(document: &Document, primitive: &Value) -> usize {
    let indices = indices(primitive).and_then(|index| document.accessors.get(index));
    let drawn = indices.map_or_else(|| vertex_count(document, primitive), |accessor| accessor.count);
    match mode(primitive) {
        TRIANGLES => drawn / 3,
        5 | 6 => drawn.saturating_sub(2),
        _ => 0,
    }
}

/// Number of vertices, by the POSITION attribute or any other.
#[must_use]
pub fn vertex_count(document: &Document, primitive: &Value) -> usize {
    let count = |(_, index): (&str, usize)| document.accessors.get(index).map(|accessor| accessor.count);
    let position = attribute(document, primitive, "POSITION").map(|accessor| accessor.count);
    position.or_else(|| attributes(&primitive["attributes"]).find_map(count)).unwrap_or(0)
}

/// Vertex numbers in drawing order: the indices, or 0, 1, 2, … where there are none.
#[must_use]
pub fn drawn_vertices(document: &Document, primitive: &Value) -> Vec<u32> {
    match indices(primitive).and_then(|index| document.accessors.get(index)) {
        Some(accessor) => accessor.integers(),
        None => (0..u32::try_from(vertex_count(document, primitive)).unwrap_or(0)).collect(),
    }
}

/// The extension object of a primitive whose vertices and indices come from a Draco stream.
#[must_use]
pub fn draco(primitive: &Value) -> Option<&Value> {
    primitive["extensions"].get(super::draco::EXTENSION)
}

/// All accessors that hold one element a vertex: attributes and morph targets.
#[must_use]
pub fn vertex_accessors(primitive: &Value) -> Vec<usize> {
    let targets = primitive.get("targets").and_then(Value::as_array).into_iter().flatten();
    let of_targets = targets.flat_map(attributes).map(|(_, index)| index);
    attributes(&primitive["attributes"]).map(|(_, index)| index).chain(of_targets).collect()
}

/// Why the vertices of a primitive may not be renumbered or removed; `None` when they may.
#[must_use]
pub fn locked(document: &Document, primitive: &Value) -> Option<&'static str> {
    if draco(primitive).is_some() {
        return Some("compressed with Draco");
    }
    if primitive.as_object().is_some_and(unknown::has_unknown_extension) {
        return Some("an unknown extension may refer to its vertices");
    }
    let used = vertex_accessors(primitive);
    let empty = |index: &usize| document.accessors.get(*index).is_none_or(|a| a.data.is_none());
    if used.is_empty() || used.iter().chain(&indices(primitive)).any(empty) {
        return Some("its vertices or indices have no data");
    }
    None
}

/// Whether the order of a primitive's triangles and of their corners tells more than what is drawn: by `FB_ngon_encoding`
/// a run of triangles with the same first vertex is a polygon.
#[must_use]
pub fn is_ordered(primitive: &Value) -> bool {
    primitive["extensions"].get("FB_ngon_encoding").is_some()
}

/// A JSON value as an index.
#[must_use]
pub fn as_index(value: &Value) -> Option<usize> {
    value.as_u64().and_then(|number| usize::try_from(number).ok())
}
