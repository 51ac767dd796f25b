//! From a [`Document`] to the bytes of a .glb.
//!
//! The layout ([`super::layout`]) is made anew each time; nothing of the old offsets survives. The same
//! document gives the same bytes on any number of threads.

use std::collections::HashSet;

use rayon::prelude::*;
use serde_json::{Map, Value, json};

use super::accessor::{Accessor, Component, Filter, Shape};
use super::layout::{self, Group, Key, Place, Prepared, Use};
use super::refs::{Kind, visit_mut};
use super::{Document, Image, ImageSource, draco, glb, pointers, views};
use crate::optimize::Error;
use crate::optimize::codecs::meshopt;

const ARRAY_BUFFER: u64 = 34962;
const ELEMENT_ARRAY_BUFFER: u64 = 34963;

/// What a compressed view costs in JSON beyond a plain one, in bytes: it is used when it saves more.
const COMPRESSION_JSON_BYTES: usize = 150;

/// Writes a document as a binary glTF 2.0 file.
///
/// # Errors
/// [`Error::Limit`] when the result would be over 4 GiB; [`Error::Internal`] when a codec fails.
pub fn write(document: &Document) -> Result<Vec<u8>, Error> {
    // Compressed views hold runs of zeros better than a sparse accessor does.
    let sparse_of = |accessor| if document.compression.is_some() { None } else { SparseParts::of(accessor) };
    let mut sparse: Vec<Option<SparseParts>> = document.accessors.iter().map(sparse_of).collect();
    let mut skip: Vec<bool> = sparse.iter().map(Option::is_some).collect();
    for (index, in_stream) in
        draco::supplied(document).into_iter().enumerate().filter(|(_, supplied)| *supplied)
    {
        skip[index] = in_stream;
        sparse[index] = None;
    }
    let layout = layout::lay_out(document, &skip);
    let encoded = layout.groups.par_iter().map(|(key, group)| encode(document.compression, key, group));
    let encoded = encoded.collect::<Result<Vec<Option<Encoded>>, Error>>()?;

    let mut file = File::with_pinned_views(document);
    let groups = layout.groups.iter().zip(&encoded);
    let group_views: Vec<usize> =
        groups.map(|((key, group), encoded)| file.add_group(key, group, encoded.as_ref())).collect();
    let accessors = document.accessors.iter().enumerate().map(|(index, accessor)| {
        let place = layout.places[index].map(|place| Place { group: group_views[place.group], ..place });
        accessor_json(accessor, place, sparse[index].as_ref(), &mut file)
    });
    let accessors: Vec<Value> = accessors.collect();
    let blob_views = file.add_blobs(document);
    let images: Vec<Value> = document.images.iter().map(|image| image_json(image, &mut file)).collect();

    let mut root = document.root.clone();
    visit_mut(&mut root, &mut |kind, _, index| {
        if kind == Kind::Blob {
            *index = blob_views[*index];
        }
    });
    pointers::put_together(&mut root);
    insert_list(&mut root, "accessors", accessors);
    insert_list(&mut root, "images", images);
    file.finish(document, root)
}

fn insert_list(root: &mut Map<String, Value>, name: &str, list: Vec<Value>) {
    if !list.is_empty() {
        root.insert(name.to_owned(), Value::Array(list));
    }
}

/// A group after the codec.
struct Encoded {
    bytes: Vec<u8>,
    extension: &'static str,
    mode: &'static str,
    filter: Option<&'static str>,
}

/// Compresses a group; `None` where that does not pay or the codec cannot hold it.
fn encode(compression: Option<meshopt::Version>, key: &Key, group: &Group) -> Result<Option<Encoded>, Error> {
    let Some(version) = compression else { return Ok(None) };
    let count = group.plain.len() / key.stride;
    let input = if key.filter.is_some() { &group.prepared } else { &group.plain };
    let (mode, bytes) = match key.used_as {
        Use::Triangles if matches!(key.stride, 2 | 4) => {
            ("TRIANGLES", meshopt::encode_triangles(&indices_of(&group.plain, key.stride)))
        }
        Use::Indices if matches!(key.stride, 2 | 4) => {
            ("INDICES", meshopt::encode_index_sequence(&indices_of(&group.plain, key.stride)))
        }
        Use::Vertices | Use::Values if key.stride.is_multiple_of(4) && key.stride <= 256 => {
            ("ATTRIBUTES", meshopt::encode_vertices(input, key.stride, count, version))
        }
        _ => return Ok(None),
    };
    let bytes = bytes.map_err(|error| Error::Internal(error.to_string()))?;
    let filter = key.filter.map(|filter| match filter {
        Prepared::Exponential => "EXPONENTIAL",
        Prepared::Lossy(Filter::Octahedral) => "OCTAHEDRAL",
        Prepared::Lossy(Filter::Quaternion) => "QUATERNION",
    });
    let pays = bytes.len() + COMPRESSION_JSON_BYTES < group.plain.len();
    let extension = views::compression_name(version);
    Ok(pays.then_some(Encoded { bytes, extension, mode, filter }))
}

fn indices_of(bytes: &[u8], stride: usize) -> Vec<u32> {
    let component = if stride == 2 { Component::U16 } else { Component::U32 };
    Accessor::from_bytes(component, Shape::Scalar, bytes.to_vec()).integers()
}

/// The BIN chunk and its views while they grow.
#[derive(Default)]
struct File {
    bin: Vec<u8>,
    views: Vec<Option<Value>>,
    pinned: HashSet<usize>,
    next: usize,
    /// Length of the buffer that stands for decompressed data; 0 when nothing is compressed.
    decompressed_bytes: usize,
}

impl File {
    fn with_pinned_views(document: &Document) -> Self {
        let pinned = document.blobs.iter().filter(|blob| blob.pinned).map(|blob| blob.view);
        Self { pinned: pinned.collect(), ..Self::default() }
    }

    /// Appends bytes at a multiple of `align`; returns the offset.
    fn append(&mut self, bytes: &[u8], align: usize) -> usize {
        self.bin.resize(self.bin.len().next_multiple_of(align), 0);
        let offset = self.bin.len();
        self.bin.extend_from_slice(bytes);
        offset
    }

    /// Puts a view at the next index that is not pinned.
    fn add_view(&mut self, view: Value) -> usize {
        while self.pinned.contains(&self.next) {
            self.next += 1;
        }
        self.next += 1;
        self.put_view(self.next - 1, view);
        self.next - 1
    }

    fn put_view(&mut self, index: usize, view: Value) {
        if self.views.len() <= index {
            self.views.resize(index + 1, None);
        }
        self.views[index] = Some(view);
    }

    fn plain_view(&mut self, bytes: &[u8], align: usize) -> Map<String, Value> {
        let offset = self.append(bytes, align);
        let mut view = Map::new();
        view.insert("buffer".into(), 0.into());
        if offset > 0 {
            view.insert("byteOffset".into(), offset.into());
        }
        view.insert("byteLength".into(), bytes.len().into());
        view
    }

    fn add_group(&mut self, key: &Key, group: &Group, encoded: Option<&Encoded>) -> usize {
        let mut view = match encoded {
            None => self.plain_view(&group.plain, 4),
            Some(encoded) => self.compressed_view(key, group.plain.len(), encoded),
        };
        if key.used_as == Use::Vertices {
            view.insert("byteStride".into(), key.stride.into());
        }
        let target = match key.used_as {
            Use::Vertices => Some(ARRAY_BUFFER),
            Use::Triangles | Use::Indices => Some(ELEMENT_ARRAY_BUFFER),
            Use::Values => None,
        };
        if let Some(target) = target {
            view.insert("target".into(), target.into());
        }
        view.extend(group.rest.clone());
        self.add_view(view.into())
    }

    /// A view whose data lie in a buffer without bytes, and whose extension points at the encoded ones.
    fn compressed_view(&mut self, key: &Key, bytes: usize, encoded: &Encoded) -> Map<String, Value> {
        let at = self.append(&encoded.bytes, 4);
        let offset = self.decompressed_bytes.next_multiple_of(4);
        self.decompressed_bytes = offset + bytes;
        let mut extension = json!({
            "buffer": 0, "byteOffset": at, "byteLength": encoded.bytes.len(),
            "byteStride": key.stride, "count": bytes / key.stride, "mode": encoded.mode,
        });
        if let Some(filter) = encoded.filter {
            extension["filter"] = filter.into();
        }
        let mut view = Map::new();
        view.insert("buffer".into(), 1.into());
        view.insert("byteOffset".into(), offset.into());
        view.insert("byteLength".into(), bytes.into());
        view.insert("extensions".into(), json!({ encoded.extension: extension }));
        view
    }

    /// Adds the blobs; returns the view of each.
    fn add_blobs(&mut self, document: &Document) -> Vec<usize> {
        let mut numbers = Vec::new();
        for blob in &document.blobs {
            let mut view = self.plain_view(&blob.bytes, 8);
            view.extend(blob.rest.clone());
            if blob.pinned {
                self.put_view(blob.view, view.into());
                numbers.push(blob.view);
            } else {
                numbers.push(self.add_view(view.into()));
            }
        }
        numbers
    }

    fn finish(mut self, document: &Document, mut root: Map<String, Value>) -> Result<Vec<u8>, Error> {
        // Pinned views can leave gaps behind the last view of our own; glTF allows no null there.
        let filler = json!({ "buffer": 0, "byteLength": 1 });
        let views =
            std::mem::take(&mut self.views).into_iter().map(|view| view.unwrap_or_else(|| filler.clone()));
        insert_list(&mut root, "bufferViews", views.collect());
        let mut buffers = Vec::new();
        if !self.bin.is_empty() || self.decompressed_bytes > 0 {
            let mut buffer = document.buffer_rest.clone();
            buffer.shift_insert(0, "byteLength".into(), self.bin.len().into());
            buffers.push(Value::Object(buffer));
        }
        let mut declared = Document { root, ..Document::default() };
        if let Some(version) = document.compression.filter(|_| self.decompressed_bytes > 0) {
            let name = views::compression_name(version);
            let fallback = json!({ name: { "fallback": true } });
            buffers.push(json!({ "byteLength": self.decompressed_bytes, "extensions": fallback }));
            declared.declare_extension(name, true);
        }
        insert_list(&mut declared.root, "buffers", buffers);
        let text = serde_json::to_vec(&declared.root).map_err(|error| Error::Internal(error.to_string()))?;
        glb::build(&text, &self.bin)
    }
}

fn accessor_json(
    accessor: &Accessor,
    place: Option<Place>,
    sparse: Option<&SparseParts>,
    file: &mut File,
) -> Value {
    let mut json = Map::new();
    if let Some(Place { group: view, offset }) = place {
        json.insert("bufferView".into(), view.into());
        if offset > 0 {
            json.insert("byteOffset".into(), offset.into());
        }
    }
    json.insert("componentType".into(), accessor.component.code().into());
    if accessor.normalized {
        json.insert("normalized".into(), true.into());
    }
    json.insert("count".into(), accessor.count.into());
    json.insert("type".into(), accessor.shape.name().into());
    if accessor.bounds
        && let Some((min, max)) = accessor.min_max()
    {
        let numbers = |values: Vec<f32>| values.into_iter().map(|v| number(v, accessor.component)).collect();
        json.insert("min".into(), Value::Array(numbers(min)));
        json.insert("max".into(), Value::Array(numbers(max)));
    }
    if let Some(parts) = sparse {
        parts.insert_into(&mut json, file);
    }
    json.extend(accessor.rest.clone());
    json.into()
}

/// A bound as JSON: integers as such, floats with the fewest digits that give the same float.
fn number(value: f32, component: Component) -> Value {
    if component == Component::F32 {
        return value.to_string().parse::<f64>().map_or(Value::Null, Value::from);
    }
    #[expect(clippy::cast_possible_truncation, reason = "bounds of integer components are integers")]
    Value::from(value as i64)
}

fn image_json(image: &Image, file: &mut File) -> Value {
    let mut json = Map::new();
    match &image.source {
        ImageSource::Bytes(bytes) => {
            let mut view = file.plain_view(bytes, 1);
            view.extend(image.view_rest.clone());
            json.insert("bufferView".into(), file.add_view(view.into()).into());
            json.insert("mimeType".into(), image.mime.clone().into());
        }
        ImageSource::Uri(uri) => {
            json.insert("uri".into(), uri.clone().into());
            if !image.mime.is_empty() {
                json.insert("mimeType".into(), image.mime.clone().into());
            }
        }
        ImageSource::Missing => {}
    }
    json.extend(image.rest.clone());
    json.into()
}

/// An accessor as differences from its base.
struct SparseParts {
    base: Option<Vec<u8>>,
    indices: Accessor,
    values: Vec<u8>,
    count: usize,
    rest: Map<String, Value>,
}

impl SparseParts {
    /// `None` where the accessor did not come sparse, or differs from its base in most elements.
    fn of(accessor: &Accessor) -> Option<Self> {
        let sparse = accessor.sparse.as_ref()?;
        let element = accessor.element_bytes();
        let zero = vec![0; element];
        let base = |i: usize| {
            sparse.base.as_ref().map_or(zero.as_slice(), |base| &base[i * element..(i + 1) * element])
        };
        let elements: Vec<&[u8]> = accessor.bytes().chunks_exact(element).collect();
        let mut changed: Vec<u32> =
            (0u32..).zip(&elements).filter(|&(i, now)| base(i as usize) != *now).map(|(i, _)| i).collect();
        if changed.is_empty() {
            // glTF wants at least one substituted element.
            changed.push(0);
        }
        let indices = Accessor::from_indices(&changed, accessor.count);
        let size = changed.len() * (element + indices.element_bytes());
        if size >= accessor.bytes().len() && sparse.rest.is_empty() {
            return None;
        }
        let values = changed.iter().flat_map(|&i| elements[i as usize]).copied().collect();
        let base = sparse.base.as_deref().cloned();
        Some(Self { base, count: changed.len(), indices, values, rest: sparse.rest.clone() })
    }

    fn insert_into(&self, json: &mut Map<String, Value>, file: &mut File) {
        if let Some(base) = &self.base {
            let view = file.plain_view(base, 4);
            json.insert("bufferView".into(), file.add_view(view.into()).into());
        }
        let indices = file.plain_view(self.indices.bytes(), 4);
        let values = file.plain_view(&self.values, 4);
        let mut sparse = self.rest.clone();
        let mut part = |name: &str, members: Value| {
            let entry = sparse.entry(name).or_insert_with(|| json!({}));
            if let (Value::Object(entry), Value::Object(members)) = (entry, members) {
                entry.extend(members);
            }
        };
        let code = self.indices.component.code();
        part("indices", json!({ "bufferView": file.add_view(indices.into()), "componentType": code }));
        part("values", json!({ "bufferView": file.add_view(values.into()) }));
        sparse.insert("count".into(), self.count.into());
        json.insert("sparse".into(), sparse.into());
    }
}

#[cfg(test)]
mod tests {
    use super::super::read::{Files, read};
    use super::*;
    use crate::optimize::document::Limits;

    /// What views of accessors said of themselves was lost.
    #[test]
    fn regression_views_keep_their_extras_and_those_that_say_the_same_are_one() {
        let said = |extras: Value| json!({ "extras": extras }).as_object().unwrap().clone();
        let of = |value: f32, view_rest: Map<String, Value>| Accessor {
            view_rest,
            ..Accessor::from_floats(Shape::Vec3, &[value; 9])
        };
        let accessors = [said(json!(1)), said(json!({"from": "a"})), said(json!(1)), Map::new()];
        let accessors = (0_u8..).zip(accessors).map(|(value, rest)| of(value.into(), rest)).collect();
        let primitive = |index: usize| json!({ "attributes": { "POSITION": index } });
        let primitives: Vec<Value> = (0..4).map(primitive).collect();
        let root = json!({ "asset": { "version": "2.0" }, "meshes": [{ "primitives": primitives }] });
        let before = Document { root: root.as_object().unwrap().clone(), accessors, ..Document::default() };
        for compression in [None, Some(meshopt::Version::Ext)] {
            let file = write(&Document { compression, ..before.clone() }).unwrap();
            let json: Value = serde_json::from_slice(glb::parse(&file).unwrap().json).unwrap();
            let views = json["bufferViews"].as_array().unwrap();
            let extras: Vec<&Value> = views.iter().map(|view| &view["extras"]).collect();
            assert_eq!(extras, [&Value::Null, &json!(1), &json!({"from": "a"})]);
            let after = read(&file, &Files::new(), &Limits::default()).unwrap();
            assert_eq!(after.accessors, before.accessors);
            assert!(after.dropped.is_empty(), "{:?}", after.dropped);
        }
    }

    #[test]
    fn both_versions_of_the_codec_read_as_written() {
        let values: Vec<f32> = (0..3000_u16).map(|i| f32::from(i / 7)).collect();
        let root = json!({
            "asset": { "version": "2.0" },
            "meshes": [{ "primitives": [{ "attributes": { "POSITION": 0 } }] }],
        });
        let root = root.as_object().unwrap().clone();
        let accessors = vec![Accessor { bounds: true, ..Accessor::from_floats(Shape::Vec3, &values) }];
        let plain = Document { root, accessors, ..Document::default() };
        for (version, name) in [
            (meshopt::Version::Ext, "EXT_meshopt_compression"),
            (meshopt::Version::Khr, "KHR_meshopt_compression"),
        ] {
            let compression = Some(version);
            let file = write(&Document { compression, ..plain.clone() }).unwrap();
            let text = glb::parse(&file).unwrap().json;
            let json: Value = serde_json::from_slice(text).unwrap();
            assert_eq!(json["extensionsRequired"], json!([name]));
            assert_eq!(json["buffers"][1]["extensions"][name]["fallback"], true);
            let again = read(&file, &Files::new(), &Limits::default()).unwrap();
            assert_eq!(again.accessors, plain.accessors);
            assert!(!again.uses_extension(name));
        }
    }
}
