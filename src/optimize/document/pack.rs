//! A .gltf and the files beside it, as one .glb: the JSON as it was, with every file in the BIN chunk.
//!
//! Nothing is decoded or improved, so that the result stands for what was sent. Only what points at files changes:
//! buffers become one, and images become buffer views. Next: [`super::read`] reads what comes of it.

use serde_json::{Map, Value, json};

use super::{glb, limits::Limits, read, uri};
use crate::optimize::Error;
use crate::optimize::codecs::image_file;

/// Extensions of a buffer view that name a buffer of their own.
const OWN_BUFFERS: [&str; 2] = ["EXT_meshopt_compression", "KHR_meshopt_compression"];

/// Where an old buffer lies now: its new index, and how far into it.
type Place = (usize, usize);

/// Packs the text of a .gltf, or a .glb that names other files, and those `files` into one .glb.
///
/// # Errors
/// The JSON cannot be read, a buffer's file is missing or too short, or the result would be over 4 GiB. A missing
/// image is none: the reader can do without.
pub fn pack(bytes: &[u8], files: &read::Files) -> Result<Vec<u8>, Error> {
    let parts = read::split(bytes)?;
    let mut root = read::parse_json(parts.json, &Limits::default())?;
    let mut bin = Bin(parts.bin.unwrap_or_default().to_vec());
    let places = pack_buffers(&mut root, files, &mut bin, parts.bin.is_some())?;
    move_views(&mut root, &places);
    pack_images(&mut root, files, &mut bin);
    match root.get("buffers").and_then(Value::as_array).map(Vec::len) {
        Some(..=1) if bin.0.is_empty() => drop(root.remove("buffers")),
        _ => {
            // A chunk needs a byte, and the others behind it have their numbers by now.
            bin.0.resize(bin.0.len().next_multiple_of(4).max(4), 0);
            root["buffers"][0]["byteLength"] = bin.0.len().into();
        }
    }
    let json = serde_json::to_vec(&root).map_err(|error| Error::Json(error.to_string()))?;
    glb::build(&json, &bin.0)
}

/// The binary chunk to be. Every file in it begins at a multiple of eight, which suits every component type.
struct Bin(Vec<u8>);

impl Bin {
    fn append(&mut self, file: &[u8]) -> usize {
        self.0.resize(self.0.len().next_multiple_of(8), 0);
        let at = self.0.len();
        self.0.extend_from_slice(file);
        at
    }
}

/// Buffers with files become the first one; those without (data: URIs, fallbacks) stay what they are, behind it.
fn pack_buffers(
    root: &mut Map<String, Value>,
    files: &read::Files,
    bin: &mut Bin,
    has_bin: bool,
) -> Result<Vec<Place>, Error> {
    let Some(Value::Array(buffers)) = root.remove("buffers") else {
        root.insert("buffers".into(), json!([{ "byteLength": 0 }]));
        return Ok(Vec::new());
    };
    let mut kept = vec![json!({ "byteLength": 0 })];
    let mut places = Vec::with_capacity(buffers.len());
    for (index, buffer) in buffers.into_iter().enumerate() {
        let uri = buffer.get("uri").and_then(Value::as_str).filter(|uri| uri::is_file(uri));
        if let Some(uri) = uri {
            places.push((0, bin.append(file_of(uri, &buffer, files)?)));
        } else if index == 0 && has_bin {
            places.push((0, 0));
        } else {
            places.push((kept.len(), 0));
            kept.push(buffer);
        }
    }
    root.insert("buffers".into(), Value::Array(kept));
    Ok(places)
}

fn file_of<'a>(uri: &str, buffer: &Value, files: &'a read::Files) -> Result<&'a [u8], Error> {
    let fail = |what: String| Error::Resource { uri: uri.chars().take(80).collect(), what };
    let file =
        files.get(uri).ok_or_else(|| fail("the file is missing; send it together with the model".into()))?;
    let declared = buffer.get("byteLength").and_then(Value::as_u64).unwrap_or_default();
    let found = file.len() as u64;
    if found < declared {
        return Err(fail(format!("has {found} bytes, but the model needs {declared}")));
    }
    Ok(file)
}

fn move_views(root: &mut Map<String, Value>, places: &[Place]) {
    let Some(Value::Array(views)) = root.get_mut("bufferViews") else { return };
    for view in views {
        move_view(view, places);
        for name in OWN_BUFFERS {
            if let Some(own) = view.get_mut("extensions").and_then(|extensions| extensions.get_mut(name)) {
                move_view(own, places);
            }
        }
    }
}

fn move_view(view: &mut Value, places: &[Place]) {
    let old = view.get("buffer").and_then(Value::as_u64).and_then(|index| usize::try_from(index).ok());
    // An index out of range is for the reader to refuse.
    let Some(&(buffer, offset)) = old.and_then(|old| places.get(old)) else { return };
    view["buffer"] = buffer.into();
    let inner = view.get("byteOffset").and_then(Value::as_u64).unwrap_or_default();
    if offset > 0 {
        view["byteOffset"] = inner.saturating_add(offset as u64).into();
    }
}

fn pack_images(root: &mut Map<String, Value>, files: &read::Files, bin: &mut Bin) {
    let Some(Value::Array(mut images)) = root.remove("images") else { return };
    let views = root.entry("bufferViews").or_insert_with(|| json!([]));
    for image in &mut images {
        let Some(file) = image.get("uri").and_then(Value::as_str).and_then(|uri| files.get(uri)) else {
            continue;
        };
        let (Some(image), Some(views)) = (image.as_object_mut(), views.as_array_mut()) else { continue };
        let at = bin.append(file);
        image.remove("uri");
        image.insert("bufferView".into(), views.len().into());
        let found = image_file::probe(file).and_then(|probe| probe.format.mime());
        if let Some(mime) = found {
            image.insert("mimeType".into(), mime.into());
        }
        views.push(json!({ "buffer": 0, "byteOffset": at, "byteLength": file.len() }));
    }
    root.insert("images".into(), Value::Array(images));
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRIANGLE: [f32; 9] = [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0];

    fn triangle() -> (Vec<u8>, read::Files) {
        let gltf = json!({
            "asset": { "version": "2.0" }, "scene": 0, "scenes": [{ "nodes": [0] }], "nodes": [{ "mesh": 0 }],
            "meshes": [{ "primitives": [{ "attributes": { "POSITION": 0 } }] }],
            "accessors": [{ "bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3",
                "min": [0.0, 0.0, 0.0], "max": [1.0, 1.0, 0.0] }],
            "bufferViews": [{ "buffer": 1, "byteLength": 36 }],
            "buffers": [{ "byteLength": 3, "uri": "odd.bin" }, { "byteLength": 36, "uri": "a%20b.bin" }],
            "images": [{ "uri": "missing.png" }]
        });
        let positions = TRIANGLE.iter().flat_map(|value| value.to_le_bytes()).collect();
        let files = [("odd.bin".to_owned(), vec![1, 2, 3]), ("a%20b.bin".to_owned(), positions)];
        (gltf.to_string().into_bytes(), files.into())
    }

    #[test]
    fn files_move_into_the_chunk_and_views_follow() {
        let (gltf, files) = triangle();
        let packed = pack(&gltf, &files).unwrap();
        let document = read::read(&packed, &read::Files::new(), &Limits::default()).unwrap();
        let direct = read::read(&gltf, &files, &Limits::default()).unwrap();
        assert_eq!(document.accessors.len(), 1);
        assert_eq!(format!("{:?}", document.accessors), format!("{:?}", direct.accessors));
    }

    #[test]
    fn a_missing_or_short_file_is_named() {
        let (gltf, mut files) = triangle();
        files.insert("a%20b.bin".into(), vec![0; 20]);
        assert!(pack(&gltf, &files).unwrap_err().to_string().contains("20 bytes"));
        files.remove("a%20b.bin");
        assert!(pack(&gltf, &files).unwrap_err().to_string().contains("a%20b.bin"));
    }
}
