//! Triangle meshes as Draco streams, one for each set of triangles and attributes.
//!
//! Nothing is rounded here that `quantize` has not rounded already, but for normals and tangents. What was encoded is
//! decoded again, and the document gets what the decoder gives: as many vertices, in its order.
//! Left out are primitives with morph targets (Draco does not say which vertex is which afterwards), blended ones (it
//! reorders triangles), points and lines, and whatever has attributes that it cannot hold exactly.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use rayon::prelude::*;
use serde_json::{Map, Value, json};

use crate::optimize::budget::Budget;
use crate::optimize::codecs::draco::{self, Channel, Elements, Source};
use crate::optimize::document::accessor::{Accessor, Component, Packing};
use crate::optimize::document::draco::{EXTENSION, Unpacked, open};
use crate::optimize::document::primitives::{self, PrimitiveId};
use crate::optimize::document::{Blob, Document, Kind, edit};
use crate::optimize::passes::reorder::order_is_seen;
use crate::optimize::passes::vertex_groups::drop_replaced;

/// Attributes beside the positions for which decoders have a bit each.
const MAX_ATTRIBUTES: usize = 8;

/// A document with streams, and how many primitives they serve.
pub(super) struct Streamed {
    pub(super) document: Document,
    pub(super) primitives: usize,
}

/// The document with a stream for every primitive that can have one; `None` if there is none.
pub(super) fn streamed(document: &Document, budget: &Budget) -> Option<Streamed> {
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
    let streams: Vec<Option<Stream>> =
        sets.par_iter().map(|set| Stream::of(document, primitives::json(document, set[0]), budget)).collect();
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
        && !order_is_seen(document, json)
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
}

impl Stream {
    /// Encodes a primitive; `None` if the format cannot hold it, or the codec does not give back what it was given.
    fn of(document: &Document, json: &Value, budget: &Budget) -> Option<Self> {
        let mut attributes: Vec<(&str, usize)> = primitives::attributes(&json["attributes"]).collect();
        attributes.sort_by_key(|(name, _)| *name != "POSITION");
        let mesh = Compact::of(document, json)?;
        let columns = attributes.iter().map(|(name, index)| {
            Column::of(name, &mesh.picked(&document.accessors[*index]), budget.normal_bits)
        });
        let columns = columns.collect::<Option<Vec<Column>>>()?;
        let sources: Vec<Source> = columns.iter().map(Column::source).collect();
        let bytes = draco::encode(&mesh.triangles, &sources).ok()?;
        let wanted: Vec<(u32, &Accessor)> = (0..).zip(columns.iter().map(|column| &column.accessor)).collect();
        let unpacked = open(&bytes, mesh.triangles.len(), &wanted).ok()?;
        let given: Vec<&Accessor> = columns.iter().map(|column| &column.accessor).collect();
        let returned: Vec<&Accessor> = unpacked.attributes.iter().collect();
        let exact: Vec<bool> = columns.iter().map(Column::is_exact).collect();
        let before = fingerprint(mesh.triangles.as_flattened(), &given, &exact);
        if fingerprint(&unpacked.indices.integers(), &returned, &exact) != before {
            return None;
        }
        let names = attributes.iter().map(|(name, _)| (*name).to_owned()).collect();
        Some(Self { bytes, unpacked, names })
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

/// The triangles of a primitive that draw something, over just the vertices that they use.
struct Compact {
    triangles: Vec<[u32; 3]>,
    /// The old number of every vertex.
    vertices: Vec<u32>,
}

impl Compact {
    fn of(document: &Document, json: &Value) -> Option<Self> {
        let positions = primitives::attribute(document, json, "POSITION")?.vectors::<3>();
        let drawn = primitives::drawn_vertices(document, json);
        let (triangles, []) = drawn.as_chunks::<3>() else { return None };
        let mut numbers = vec![u32::MAX; positions.len()];
        let mut compact = Self { triangles: Vec::new(), vertices: Vec::new() };
        for corners in triangles {
            let [a, b, c] = corners.map(|corner| positions[corner as usize]);
            // Rounding has made these a line or a point; the encoder would start a new walk at each.
            if a == b || b == c || c == a {
                continue;
            }
            compact.triangles.push(corners.map(|corner| {
                let number = &mut numbers[corner as usize];
                if *number == u32::MAX {
                    *number = u32::try_from(compact.vertices.len()).unwrap_or(u32::MAX);
                    compact.vertices.push(corner);
                }
                *number
            }));
        }
        (!compact.triangles.is_empty()).then_some(compact)
    }

    /// The elements of the vertices in use.
    fn picked(&self, accessor: &Accessor) -> Accessor {
        let element = accessor.element_bytes();
        let bytes = accessor.bytes();
        let picked = self.vertices.iter().flat_map(|&vertex| &bytes[vertex as usize * element..][..element]);
        let elements = Accessor::from_bytes(accessor.component, accessor.shape, picked.copied().collect());
        Accessor { normalized: accessor.normalized, packing: accessor.packing.clone(), ..elements }
    }
}

/// An attribute on its way into a stream.
struct Column {
    accessor: Accessor,
    channel: Channel,
    floats: Vec<f32>,
    exponent: i32,
}

impl Column {
    fn of(name: &str, accessor: &Accessor, normal_bits: i32) -> Option<Self> {
        let bits = u8::try_from(normal_bits).ok()?;
        let channel = match name.split_once('_').map_or(name, |(head, _)| head) {
            "POSITION" => Channel::Position,
            "NORMAL" => Channel::Normal { bits },
            "TEXCOORD" => Channel::TextureCoordinate,
            "COLOR" => Channel::Color,
            _ => Channel::Generic,
        };
        if accessor.component == Component::U32 {
            return None;
        }
        if accessor.component != Component::F32 && name != "NORMAL" {
            return Some(Self { accessor: accessor.clone(), channel, floats: Vec::new(), exponent: 0 });
        }
        let mut floats = accessor.floats();
        let exponent = match (name, &accessor.packing) {
            ("NORMAL", _) => 0,
            ("TANGENT", _) => 1 - normal_bits,
            (_, Packing::Grid { exponent }) => i32::from(*exponent),
            _ => exact_exponent(&floats)?,
        };
        if name == "TANGENT" {
            let step = (exponent as f32).exp2();
            floats.iter_mut().for_each(|value| *value = (*value / step).round() * step);
        }
        let accessor = Accessor::from_floats(accessor.shape, &floats);
        Some(Self { accessor, channel, floats, exponent })
    }

    fn source(&self) -> Source<'_> {
        let component = self.accessor.component;
        let elements = if component == Component::F32 {
            Elements::Floats { values: &self.floats, exponent: self.exponent }
        } else {
            let signed = matches!(component, Component::I8 | Component::I16);
            Elements::Integers { bytes: self.accessor.bytes(), width: component.bytes(), signed }
        };
        Source { channel: self.channel, components: self.accessor.shape.components(), elements }
    }

    fn is_exact(&self) -> bool {
        !matches!(self.channel, Channel::Normal { .. })
    }
}

/// The largest power of two of which all values are multiples; `None` where one is not finite.
fn exact_exponent(values: &[f32]) -> Option<i32> {
    const FRACTION_BITS: i32 = 23;
    let mut exponent = i32::MAX;
    for value in values.iter().filter(|value| **value != 0.0) {
        if !value.is_normal() {
            return None;
        }
        let bits = value.to_bits();
        let fraction = (bits & 0x007F_FFFF) | 0x0080_0000;
        let power = (bits >> FRACTION_BITS & 0xFF) as i32 - 127 - FRACTION_BITS;
        exponent = exponent.min(power + fraction.trailing_zeros() as i32);
    }
    Some(if exponent == i32::MAX { 0 } else { exponent })
}

/// A number that depends on the triangles and the exact attributes of their corners, but neither on the order of
/// triangles and vertices nor on the corner with which a triangle begins.
fn fingerprint(corners: &[u32], attributes: &[&Accessor], exact: &[bool]) -> u64 {
    let exact: Vec<&&Accessor> = attributes.iter().zip(exact).filter(|(_, exact)| **exact).map(|(a, _)| a).collect();
    let vertices = exact.first().map_or(0, |accessor| accessor.count);
    let of_vertex: Vec<u64> = (0..vertices)
        .map(|vertex| {
            let mut hasher = DefaultHasher::new();
            for accessor in &exact {
                let element = accessor.element_bytes();
                hash_element(&accessor.bytes()[vertex * element..][..element], accessor.component, &mut hasher);
            }
            hasher.finish()
        })
        .collect();
    corners.as_chunks::<3>().0.iter().fold(0, |sum, corners| {
        let [a, b, c] = corners.map(|corner| of_vertex[corner as usize]);
        let first = [[a, b, c], [b, c, a], [c, a, b]].into_iter().min().unwrap_or_default();
        let mut hasher = DefaultHasher::new();
        first.hash(&mut hasher);
        sum.wrapping_add(hasher.finish())
    })
}

/// Negative zero counts as zero: Draco has one of them.
fn hash_element(bytes: &[u8], component: Component, hasher: &mut DefaultHasher) {
    match component {
        Component::F32 => {
            let words = bytes.as_chunks::<4>().0.iter().map(|word| f32::from_le_bytes(*word) + 0.0);
            words.for_each(|value| value.to_bits().hash(hasher));
        }
        _ => bytes.hash(hasher),
    }
}
