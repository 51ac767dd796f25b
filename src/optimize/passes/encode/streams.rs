//! Triangle meshes as Draco streams, one for each set of triangles and attributes.
//!
//! Nothing is rounded here that `quantize` has not rounded already, but for normals and tangents. What was encoded is
//! decoded again, and the document gets what the decoder gives: as many vertices, in its order.
//! Left out are primitives with morph targets (Draco does not say which vertex is which afterwards), blended ones (it
//! reorders triangles), points and lines, and whatever has attributes that it cannot hold exactly.

use std::collections::HashMap;
use std::sync::Arc;

use rayon::prelude::*;
use serde_json::{Map, Value, json};

use super::columns::{Column, Compact, meshopt_bytes};
use super::fingerprint::fingerprint;
use crate::optimize::budget::Budget;
use crate::optimize::codecs::draco::{self, Source};
use crate::optimize::document::accessor::Accessor;
use crate::optimize::document::draco::{EXTENSION, Unpacked, open};
use crate::optimize::document::primitives::{self, PrimitiveId};
use crate::optimize::document::{Blob, Document, Kind, edit};
use crate::optimize::passes::reorder::order_counts;
use crate::optimize::passes::vertex_groups::drop_replaced;

/// Attributes beside the positions for which decoders have a bit each.
const MAX_ATTRIBUTES: usize = 8;

/// Bytes of JSON that a stream costs beyond shared views.
const STREAM_JSON_BYTES: usize = 100;

/// Bytes of JSON for the views that meshopt needs as soon as one mesh is left to it.
const VIEWS_JSON_BYTES: usize = 700;

/// A document with streams, and how many primitives they serve.
pub(super) struct Streamed {
    pub(super) document: Document,
    pub(super) primitives: usize,
}

/// The document with a stream for every primitive that can have one, but for those that `all` does not ask for and
/// that would be clearly larger; `None` if there is none.
pub(super) fn streamed(document: &Document, budget: &Budget, all: bool) -> Option<Streamed> {
    let mut numbers: HashMap<Vec<usize>, usize> = HashMap::new();
    let mut sets: Vec<Vec<PrimitiveId>> = Vec::new();
    for id in primitives::all(document) {
        let json = primitives::json(document, id);
        if !is_suitable(document, json) {
            continue;
        }
        let number = *numbers.entry(key(json)).or_insert(sets.len());
        if number == sets.len() {
            sets.push(Vec::new());
        }
        sets[number].push(id);
    }
    let of_set = |set: &Vec<PrimitiveId>| Stream::of(document, primitives::json(document, set[0]), budget);
    let mut streams: Vec<Option<Stream>> = sets.par_iter().map(of_set).collect();
    let losses: usize = streams.iter().flatten().map(Stream::loss).sum();
    if !all && losses > VIEWS_JSON_BYTES {
        streams.iter_mut().for_each(|stream| *stream = stream.take().filter(|stream| stream.loss() == 0));
    }
    let before = edit::referenced(document, Kind::Accessor);
    let mut result = Streamed { document: document.clone(), primitives: 0 };
    for (set, stream) in sets.iter().zip(streams) {
        if let Some(stream) = stream {
            result.primitives += set.len();
            stream.enter(&mut result.document, set);
        }
    }
    if result.primitives == 0 {
        return None;
    }
    drop_replaced(&mut result.document, &before);
    result.document.declare_extension(EXTENSION, true);
    Some(result)
}

fn is_suitable(document: &Document, json: &Value) -> bool {
    let attributes = primitives::attributes(&json["attributes"]).count();
    primitives::mode(json) == primitives::TRIANGLES
        && primitives::locked(document, json).is_none()
        && json.get("targets").is_none()
        && primitives::attribute(document, json, "POSITION").is_some()
        && attributes <= MAX_ATTRIBUTES + 1
        && !order_counts(document, json)
}

/// What primitives must agree in to share a stream: names in a fixed order, accessors, indices.
fn key(json: &Value) -> Vec<usize> {
    let mut key: Vec<usize> = primitives::indices(json).into_iter().collect();
    for (name, index) in primitives::attributes(&json["attributes"]) {
        key.push(usize::MAX - name.len());
        key.extend(name.bytes().map(usize::from));
        key.push(index);
    }
    key
}

/// A stream, and what a reader makes of it.
struct Stream {
    bytes: Vec<u8>,
    unpacked: Unpacked,
    /// Attribute names, in the order of their numbers in the stream.
    names: Vec<String>,
    /// About what meshopt would need.
    meshopt_bytes: usize,
}

impl Stream {
    /// Encodes a primitive; `None` if the format cannot hold it, or the codec does not give back what it was given. There are no
    /// buffer views of accessors in a stream, so it cannot hold what those say of themselves.
    fn of(document: &Document, json: &Value, budget: &Budget) -> Option<Self> {
        let mut attributes: Vec<(&str, usize)> = primitives::attributes(&json["attributes"]).collect();
        attributes.sort_by_key(|(name, _)| *name != "POSITION");
        let mut accessors = attributes.iter().map(|(_, index)| *index).chain(primitives::indices(json));
        if accessors.any(|index| !document.accessors[index].view_rest.is_empty()) {
            return None;
        }
        let mesh = Compact::of(document, json)?;
        let columns = attributes.iter().map(|(name, index)| {
            Column::of(name, &mesh.picked(&document.accessors[*index]), budget.normal_bits)
        });
        let columns = columns.collect::<Option<Vec<Column>>>()?;
        let sources: Vec<Source> = columns.iter().map(Column::source).collect();
        let given: Vec<&Accessor> = columns.iter().map(|column| &column.accessor).collect();
        let exact: Vec<bool> = columns.iter().map(Column::is_exact).collect();
        let before = fingerprint(mesh.triangles.as_flattened(), &given, &exact);
        let wanted: Vec<(u32, &Accessor)> = (0..).zip(given).collect();
        let checked = |bytes: Vec<u8>| {
            let unpacked = open(&bytes, mesh.triangles.len(), &wanted).ok()?;
            let returned: Vec<&Accessor> = unpacked.attributes.iter().collect();
            let is_same = fingerprint(&unpacked.indices.integers(), &returned, &exact) == before;
            is_same.then_some((bytes, unpacked))
        };
        let streams = draco::encode(&mesh.triangles, &sources).ok()?;
        let (bytes, unpacked) = streams.into_iter().find_map(checked)?;
        let names = attributes.iter().map(|(name, _)| (*name).to_owned()).collect();
        let meshopt_bytes = meshopt_bytes(&mesh.triangles, &columns);
        Some(Self { bytes, unpacked, names, meshopt_bytes })
    }

    /// By how many bytes it is larger than with meshopt; 0 where it is smaller.
    fn loss(&self) -> usize {
        (self.bytes.len() + STREAM_JSON_BYTES).saturating_sub(self.meshopt_bytes)
    }

    /// Gives primitives the stream and accessors for what it holds.
    fn enter(self, document: &mut Document, set: &[PrimitiveId]) {
        let Some(first) = set.first() else { return };
        let json = primitives::json(document, *first).clone();
        let mut add = |old: Option<usize>, elements: Accessor| {
            let old = old.and_then(|index| document.accessors.get(index)).cloned();
            let rest = old.as_ref().map(|old| old.rest.clone()).unwrap_or_default();
            let bounds = old.is_some_and(|old| old.bounds);
            document.accessors.push(Accessor { rest, bounds, ..elements });
            document.accessors.len() - 1
        };
        let indices = add(primitives::indices(&json), self.unpacked.indices);
        let mut attributes = Map::new();
        let mut in_stream = Map::new();
        for ((number, name), elements) in self.names.iter().enumerate().zip(self.unpacked.attributes) {
            let old = primitives::as_index(&json["attributes"][name]);
            attributes.insert(name.clone(), add(old, elements).into());
            in_stream.insert(name.clone(), number.into());
        }
        let blob = document.blobs.len();
        let bytes = Arc::new(self.bytes);
        document.blobs.push(Blob { bytes, view: 0, pinned: false, rest: Map::new() });
        for &id in set {
            let Some(json) = primitives::json_mut(document, id) else { continue };
            json.insert("indices".into(), indices.into());
            json.insert("attributes".into(), attributes.clone().into());
            let extensions = json.entry("extensions").or_insert_with(|| json!({}));
            extensions[EXTENSION] = json!({ "bufferView": blob, "attributes": in_stream });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimize::Settings;
    use crate::optimize::document::Shape;

    /// A grid of vertices and the triangles of its left and right half.
    fn document(primitives: Value, materials: Value) -> Document {
        const SIDE: u32 = 24;
        let vertices = (0..SIDE * SIDE).map(|v| ((v % SIDE) as f32, (v / SIDE) as f32));
        let positions: Vec<f32> =
            vertices.clone().flat_map(|(x, y)| [x / 4.0, y / 4.0, x * y % 7.0]).collect();
        let ids: Vec<f32> = vertices.map(|(x, y)| x * 100.0 + y).collect();
        let half = |from: u32, to: u32| {
            let corners = (0..SIDE - 1).flat_map(move |y| (from..to).map(move |x| y * SIDE + x));
            corners.flat_map(|v| [v, v + 1, v + SIDE, v + 1, v + SIDE + 1, v + SIDE]).collect::<Vec<u32>>()
        };
        let mut accessors = vec![
            Accessor { bounds: true, ..Accessor::from_floats(Shape::Vec3, &positions) },
            Accessor::from_floats(Shape::Scalar, &ids),
            Accessor::from_indices(&half(0, 12), 576),
            Accessor::from_indices(&half(12, SIDE - 1), 576),
        ];
        accessors[2].rest.insert("name".into(), "left".into());
        let root = json!({ "meshes": [{ "primitives": primitives }], "materials": materials });
        Document { root: root.as_object().unwrap().clone(), accessors, ..Document::default() }
    }

    fn half(indices: usize) -> Value {
        json!({ "attributes": { "_ID": 1, "POSITION": 0 }, "indices": indices, "material": 0 })
    }

    fn run(document: &Document) -> Option<Streamed> {
        streamed(document, &Budget::of(&Settings::default()), true)
    }

    #[test]
    fn parts_of_one_vertex_buffer_get_a_stream_each_and_equal_ones_share() {
        let before = document(json!([half(2), half(3), half(2)]), json!([{}]));
        let after = run(&before).unwrap();
        assert_eq!((after.primitives, after.document.blobs.len()), (3, 2));
        let primitives = &after.document.list("meshes")[0]["primitives"];
        assert_eq!(primitives[0], primitives[2]);
        assert_eq!(after.document.accessors.len(), 6, "the shared buffer is gone");
        let left = &after.document.accessors[primitives::indices(&primitives[0]).unwrap()];
        assert_eq!(left.rest["name"], "left");
        assert!(after.document.uses_extension(EXTENSION));
    }

    #[test]
    fn each_primitive_draws_what_it_drew() {
        let before = document(json!([half(2), half(3)]), json!([{}]));
        let after = run(&before).unwrap().document;
        let corners = |document: &Document, number: usize| {
            let json = &document.list("meshes")[0]["primitives"][number];
            let get = |name| primitives::attribute(document, json, name).unwrap();
            let drawn = primitives::drawn_vertices(document, json);
            fingerprint(&drawn, &[get("POSITION"), get("_ID")], &[true, true])
        };
        for number in 0..2 {
            assert_eq!(corners(&before, number), corners(&after, number));
        }
    }

    #[test]
    fn what_draco_would_change_stays_with_meshopt() {
        let blended = json!([{ "alphaMode": "BLEND" }]);
        assert!(run(&document(json!([half(2)]), blended)).is_none());
        let with = |name: &str, value: Value| {
            let mut primitive = half(2);
            primitive[name] = value;
            run(&document(json!([primitive]), json!([{}])))
        };
        assert!(with("targets", json!([{ "POSITION": 0 }])).is_none());
        assert!(with("mode", json!(1)).is_none());
        assert!(with("extensions", json!({ "ACME_edges": { "vertices": [1, 2] } })).is_none());
        let mut fine = document(json!([half(2)]), json!([{}]));
        let roots: Vec<f32> = (0..576).map(|v| (v as f32).sqrt()).collect();
        fine.accessors[1] = Accessor::from_floats(Shape::Scalar, &roots);
        assert!(run(&fine).is_none(), "floats that no grid holds");
    }
}
