//! A GLB with every reference to bytes replaced by (a hash of) the bytes, written after the specification.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use glb_optimizer::optimize::codecs::meshopt;
use serde_json::{Map, Value, json};

use crate::fixtures::file::split;

const COMPRESSION: &str = "EXT_meshopt_compression";

/// Panics where the second file says something else than the first.
pub fn assert_same(before: &[u8], after: &[u8], name: &str) {
    let (old, new) = (resolve(before), resolve(after));
    for key in old.keys().chain(new.keys()) {
        let (old, new) = (old.get(key), new.get(key));
        match (old.and_then(Value::as_array), new.and_then(Value::as_array)) {
            (Some(a), Some(b)) if key != "extensionsUsed" && key != "extensionsRequired" => {
                assert_eq!(a.len(), b.len(), "{name}: /{key}");
                for (i, (a, b)) in a.iter().zip(b).enumerate() {
                    assert_eq!(a, b, "{name}: /{key}/{i}");
                }
            }
            _ => assert_eq!(old, new, "{name}: /{key}"),
        }
    }
}

struct File<'a> {
    json: Value,
    bin: &'a [u8],
}

fn resolve(glb: &[u8]) -> Map<String, Value> {
    let (json, bin) = split(glb);
    let file = File { json, bin };
    let mut root = file.json.as_object().unwrap().clone();
    let list = |name: &str| file.json[name].as_array().cloned().unwrap_or_default();
    root.remove("bufferViews");
    let buffer = list("buffers").into_iter().next().map(|buffer| without(&buffer, &["byteLength", "uri"]));
    root.insert("buffers".into(), buffer.filter(|rest| !rest.is_empty()).map_or(Value::Null, Value::Object));
    root.insert("accessors".into(), list("accessors").iter().map(|json| file.accessor(json)).collect());
    root.insert("images".into(), list("images").iter().map(|json| file.image(json)).collect());
    for name in ["extensionsUsed", "extensionsRequired"] {
        let mut names = list(name);
        names.retain(|name| name != COMPRESSION);
        names.sort_by_key(Value::to_string);
        root.insert(name.into(), names.into());
    }
    let mut root = Value::Object(root);
    file.resolve_views(&mut root);
    root.as_object().unwrap().clone()
}

fn without(json: &Value, members: &[&str]) -> Map<String, Value> {
    let mut rest = json.as_object().unwrap().clone();
    rest.retain(|name, _| !members.contains(&name.as_str()));
    rest
}

fn number(json: &Value, member: &str) -> usize {
    usize::try_from(json[member].as_u64().unwrap_or(0)).unwrap()
}

fn hash(bytes: &[u8]) -> Value {
    format!("{} bytes {}", bytes.len(), blake3::hash(bytes).to_hex()).into()
}

impl File<'_> {
    fn view(&self, index: usize) -> Cow<'_, [u8]> {
        let json = &self.json["bufferViews"][index];
        let range = |json: &Value| {
            let start = number(json, "byteOffset");
            &self.bin[start..start + number(json, "byteLength")]
        };
        let Some(compression) = json["extensions"].get(COMPRESSION) else {
            return Cow::Borrowed(range(json));
        };
        let layout = meshopt::Layout {
            mode: match compression["mode"].as_str().unwrap() {
                "ATTRIBUTES" => meshopt::Mode::Attributes,
                "TRIANGLES" => meshopt::Mode::Triangles,
                _ => meshopt::Mode::Indices,
            },
            filter: match compression["filter"].as_str() {
                Some("OCTAHEDRAL") => meshopt::Filter::Octahedral,
                Some("QUATERNION") => meshopt::Filter::Quaternion,
                Some("EXPONENTIAL") => meshopt::Filter::Exponential,
                _ => meshopt::Filter::None,
            },
            count: number(compression, "count"),
            stride: number(compression, "byteStride"),
            version: meshopt::Version::Ext,
        };
        Cow::Owned(meshopt::decode(range(compression), &layout, usize::MAX).unwrap())
    }

    /// Elements of an accessor or of a part of a sparse one, packed.
    fn elements(&self, json: &Value, count: usize, size: usize) -> Vec<u8> {
        let view = number(json, "bufferView");
        let stride = self.json["bufferViews"][view]["byteStride"].as_u64();
        let stride = stride.map_or(size, |stride| usize::try_from(stride).unwrap());
        let bytes = self.view(view);
        let start = number(json, "byteOffset");
        (0..count).flat_map(|i| &bytes[start + i * stride..][..size]).copied().collect()
    }

    fn accessor(&self, json: &Value) -> Value {
        let derived = ["bufferView", "byteOffset", "sparse", "normalized", "min", "max"];
        let mut resolved = without(json, &derived);
        resolved.insert("normalized".into(), json["normalized"].as_bool().unwrap_or(false).into());
        let has_data = json.get("bufferView").is_some() || json.get("sparse").is_some();
        let has_bounds = json.get("min").is_some() || json.get("max").is_some();
        if !has_data {
            // Bounds of elements that a compressed primitive supplies.
            resolved.insert("bounds".into(), json!([json["min"], json["max"]]));
            return resolved.into();
        }
        resolved.insert("has bounds".into(), has_bounds.into());
        let (count, size) = (number(json, "count"), element_bytes(json));
        let mut bytes = match json.get("bufferView") {
            Some(_) => self.elements(json, count, size),
            None => vec![0; count * size],
        };
        if let Some(sparse) = json.get("sparse") {
            let changed = number(sparse, "count");
            let width = component_bytes(&sparse["indices"]);
            let indices = self.elements(&sparse["indices"], changed, width);
            let values = self.elements(&sparse["values"], changed, size);
            for (index, value) in indices.chunks(width).zip(values.chunks(size)) {
                let index = index.iter().rev().fold(0, |sum, &byte| sum * 256 + usize::from(byte));
                bytes[index * size..][..size].copy_from_slice(value);
            }
        }
        resolved.insert("elements".into(), hash(&bytes));
        resolved.into()
    }

    fn image(&self, json: &Value) -> Value {
        let mut resolved = without(json, &["bufferView", "uri"]);
        if json.get("bufferView").is_some() {
            resolved.insert("file".into(), hash(&self.view(number(json, "bufferView"))));
        } else if let Some((_, data)) = json["uri"].as_str().and_then(|uri| uri.split_once(";base64,")) {
            resolved.insert("file".into(), hash(&STANDARD.decode(data).unwrap()));
        } else {
            resolved.insert("file".into(), json["uri"].clone());
        }
        resolved.into()
    }

    /// Replaces what extensions say about buffer views: Draco streams, property tables, and anything unknown.
    fn resolve_views(&self, value: &mut Value) {
        match value {
            Value::Object(members) => {
                for (name, value) in members.iter_mut() {
                    let is_view =
                        ["bufferView", "values", "arrayOffsets", "stringOffsets"].contains(&name.as_str());
                    match value.as_u64().filter(|_| is_view) {
                        Some(view) => *value = hash(&self.view(usize::try_from(view).unwrap())),
                        None => self.resolve_views(value),
                    }
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.resolve_views(item)),
            _ => {}
        }
    }
}

fn component_bytes(json: &Value) -> usize {
    match json["componentType"].as_u64().unwrap() {
        5120 | 5121 => 1,
        5122 | 5123 => 2,
        _ => 4,
    }
}

fn element_bytes(json: &Value) -> usize {
    let component = component_bytes(json);
    // Columns of small matrices are padded to four bytes.
    let matrix = |rows: usize| rows * (rows * component).next_multiple_of(4);
    match json["type"].as_str().unwrap() {
        "SCALAR" => component,
        "VEC2" => 2 * component,
        "VEC3" => 3 * component,
        "VEC4" => 4 * component,
        "MAT2" => matrix(2),
        "MAT3" => matrix(3),
        _ => matrix(4),
    }
}
