//! From bytes to a [`Document`]: buffers are resolved, views decompressed, accessors unpacked.
//!
//! Reads nothing from disk or network: files that a .gltf names are handed in. Every declared size is
//! compared with what is there, and with the [`Limits`], before memory is taken for it.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::limits::{self, Budget};
use super::oddities::{self, Oddities};
use super::primitives::as_index;
use super::refs::{Kind, is_known, visit, visit_mut};
use super::unknown::has_unknown_extension;
use super::views::{self, View};
use super::{
    Blob, Document, Image, ImageSource, Limits, accessor, check, draco, glb, pointers, unknown, uri,
};
use crate::optimize::Error;
use crate::optimize::codecs::image_file;

/// UTF-8 for U+FEFF.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Files that a glTF refers to, by URI as written in it.
pub type Files = BTreeMap<String, Vec<u8>>;

/// Reads a .glb, or the JSON text of a .gltf together with `files`.
///
/// # Errors
/// [`Error`] naming the place when the file is no glTF, contradicts the specification, refers to a
/// buffer that was not handed in, or is over a limit.
pub fn read(bytes: &[u8], files: &Files, limits: &Limits) -> Result<Document, Error> {
    let parts = split(bytes)?;
    let mut root = parse_json(parts.json, limits)?;
    check::shape(&root, limits)?;
    pointers::take_apart(&mut root);
    let mut oddities = Oddities::of_json(&root);
    let mut warnings = parts.warnings;
    let mut budget = Budget::new(limits);

    let buffer_list = take_list(&mut root, "buffers");
    let buffers = read_buffers(&buffer_list, parts.bin, files)?;
    let mut views = views::read(&take_list(&mut root, "bufferViews"), &buffers, &mut budget)?;
    let required = root.get("extensionsRequired").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    views::mark_unreadable(&mut views, &buffer_list, required);
    let accessors = take_list(&mut root, "accessors")
        .iter()
        .enumerate()
        .map(|(i, json)| {
            let at = format!("/accessors/{i}");
            let accessor = views::read_accessor(json, &at, &views, &mut budget)?;
            oddities.look_at_accessor(json, &accessor, &at);
            Ok(accessor)
        })
        .collect::<Result<Vec<accessor::Accessor>, Error>>()?;
    let image_list = take_list(&mut root, "images");
    let images = image_list
        .iter()
        .enumerate()
        .map(|(i, json)| {
            let image = read_image(json, i, &views, files, &mut warnings)?;
            budget.take(image.bytes().len() as u64, &format!("/images/{i}"))?;
            let fault = oddities::image_fault(image.bytes(), limits);
            warnings.extend(fault.map(|fault| format!("image {i} {fault}")));
            Ok(image)
        })
        .collect::<Result<Vec<Image>, Error>>()?;

    let mut document = Document { root, accessors, images, warnings, ..Document::default() };
    document.buffer_rest = buffer_list.first().map(rest_of_buffer).unwrap_or_default();
    note_lost_buffers(&buffer_list, &mut document.dropped);
    note_lost_views(&views, &mut document.dropped);
    collect_blobs(&mut document, &views, &mut budget)?;
    draco::unpack(&mut document, &mut budget)?;
    views::compressions().for_each(|name| document.undeclare_extension(name));
    check::check(&mut document, limits)?;
    let found = oddities.with_document(&document);
    document.warnings.extend(found);
    Ok(document)
}

/// URIs of buffers and images that are not `data:` URIs and not web addresses, in order.
///
/// # Errors
/// As [`read`], for a file whose JSON cannot be read.
pub fn external_uris(bytes: &[u8], limits: &Limits) -> Result<Vec<String>, Error> {
    let root = parse_json(split(bytes)?.json, limits)?;
    let lists = ["buffers", "images"].iter().filter_map(|name| root.get(*name)?.as_array());
    let uris = lists.flatten().filter_map(|item| item.get("uri")?.as_str());
    Ok(uris.filter(|uri| uri::is_file(uri)).map(str::to_owned).collect())
}

/// JSON text alone is a .gltf; anything else must be a container.
pub(crate) fn split(bytes: &[u8]) -> Result<glb::Glb<'_>, Error> {
    // Editors write a byte order mark into text files; in the JSON chunk of a .glb it has no excuse.
    let text = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    if text.trim_ascii_start().starts_with(b"{") {
        let mark = "the JSON begins with a byte order mark, which was left out".to_owned();
        let warnings = if text.len() < bytes.len() { vec![mark] } else { Vec::new() };
        return Ok(glb::Glb { json: text, bin: None, warnings });
    }
    glb::parse(bytes)
}

pub(crate) fn parse_json(text: &[u8], limits: &Limits) -> Result<Map<String, Value>, Error> {
    limits::check("the JSON text, in bytes", text.len() as u64, limits.json_bytes)?;
    if text.starts_with(BYTE_ORDER_MARK) {
        return Err(Error::Json("it begins with a byte order mark".into()));
    }
    let end = text.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    match serde_json::from_slice(&text[..end]) {
        Ok(Value::Object(root)) => Ok(root),
        Ok(_) => Err(Error::Json("it must be an object".into())),
        Err(error) => Err(Error::Json(error.to_string())),
    }
}

fn take_list(root: &mut Map<String, Value>, name: &str) -> Vec<Value> {
    match root.shift_remove(name) {
        Some(Value::Array(items)) => items,
        _ => Vec::new(),
    }
}

/// The bytes of every buffer; `None` for the fallback buffers of compressed views, which hold none.
fn read_buffers<'a>(
    list: &[Value],
    bin: Option<&'a [u8]>,
    files: &'a Files,
) -> Result<Vec<Option<Cow<'a, [u8]>>>, Error> {
    let mut buffers = Vec::new();
    for (i, json) in list.iter().enumerate() {
        let at = format!("/buffers/{i}");
        let length = views::required(json, "byteLength", &at)?;
        let is_fallback = views::is_fallback(json);
        let bytes = match (json.get("uri").and_then(Value::as_str), bin) {
            (Some(uri), _) => Some(resolve(uri, files)?),
            (None, Some(bin)) if i == 0 => Some(Cow::Borrowed(bin)),
            // The mark is optional: who reads from such a buffer is refused then.
            (None, _) if i > 0 || is_fallback => None,
            (None, _) => return Err(Error::invalid(at, "the buffer has no data: the BIN chunk is missing")),
        };
        let bytes = match bytes {
            Some(bytes) if bytes.len() < length => {
                let what = format!("byteLength is {length} but only {} bytes are there", bytes.len());
                return Err(Error::invalid(at, what));
            }
            Some(Cow::Borrowed(bytes)) => Some(Cow::Borrowed(&bytes[..length])),
            Some(Cow::Owned(mut bytes)) => {
                bytes.truncate(length);
                Some(Cow::Owned(bytes))
            }
            None => None,
        };
        buffers.push(bytes);
    }
    Ok(buffers)
}

/// Decodes a `data:` URI or finds the file that was handed in.
fn resolve<'a>(uri: &str, files: &'a Files) -> Result<Cow<'a, [u8]>, Error> {
    let shortened: String = uri.chars().take(80).collect();
    let fail = |what: &str| Err(Error::Resource { uri: shortened.clone(), what: what.to_owned() });
    if let Some(bytes) = files.get(uri) {
        return Ok(Cow::Borrowed(bytes));
    }
    match uri::data(uri) {
        Some(Some(bytes)) => Ok(Cow::Owned(bytes)),
        Some(None) => fail("this data: URI is not valid base64"),
        None => fail("the file refers to this, and it was not given with it"),
    }
}

fn read_image(
    json: &Value,
    index: usize,
    views: &[View],
    files: &Files,
    warnings: &mut Vec<String>,
) -> Result<Image, Error> {
    let at = format!("/images/{index}");
    let mut rest = json.as_object().cloned().unwrap_or_default();
    let uri = rest.shift_remove("uri");
    let declared = rest.shift_remove("mimeType").and_then(|mime| mime.as_str().map(str::to_owned));
    let mut view_rest = Map::new();
    let source = if rest.contains_key("bufferView") {
        let view = views::find(views, json, "bufferView", &at)?;
        rest.shift_remove("bufferView");
        view_rest.clone_from(&view.rest);
        view_rest.retain(|name, _| name == "extras" || name == "extensions");
        ImageSource::Bytes(Arc::new(view.bytes.to_vec()))
    } else if let Some(uri) = uri.as_ref().and_then(Value::as_str) {
        match resolve(uri, files) {
            Ok(bytes) => ImageSource::Bytes(Arc::new(bytes.into_owned())),
            Err(error) => {
                warnings.push(format!("image {index} was left as it is: {error}"));
                ImageSource::Uri(uri.to_owned())
            }
        }
    } else {
        warnings.push(format!("image {index} has neither a buffer view nor a URI"));
        ImageSource::Missing
    };
    let mut image = Image { mime: declared.clone().unwrap_or_default(), source, rest, view_rest };
    if let Some(found) = image_file::probe(image.bytes()).and_then(|probe| probe.format.mime()) {
        if declared.as_deref().is_some_and(|declared| declared != found) {
            warnings.push(format!("image {index} says {} but is {found}", image.mime));
        }
        found.clone_into(&mut image.mime);
    }
    Ok(image)
}

fn rest_of_buffer(json: &Value) -> Map<String, Value> {
    let mut rest = json.as_object().cloned().unwrap_or_default();
    rest.retain(|name, _| name != "byteLength" && name != "uri");
    rest
}

/// All buffers become one: what the others were called is lost, so it is said.
fn note_lost_buffers(list: &[Value], dropped: &mut Vec<String>) {
    for (i, json) in list.iter().enumerate().skip(1) {
        let mut rest = rest_of_buffer(json);
        let extensions = rest.shift_remove("extensions").unwrap_or_default();
        let names = extensions.as_object().into_iter().flat_map(Map::keys).filter(|name| !is_known(name));
        dropped.extend(names.map(|name| format!("extension {name} of buffer {i}: all buffers become one")));
        if !rest.is_empty() {
            dropped.push(format!("name or extras of buffer {i}: all buffers become one"));
        }
    }
}

/// Views of accessors are made anew: what the old ones were called is lost, as are extras of those that hold differences from a
/// base, so it is said.
fn note_lost_views(views: &[View], dropped: &mut Vec<String>) {
    match views.iter().filter(|view| is_lost(view)).count() {
        0 => {}
        1 => dropped.push("name or extras of a buffer view: data are laid out anew".into()),
        count => dropped.push(format!("names or extras of {count} buffer views: data are laid out anew")),
    }
}

/// Whether something that a view says of itself is in no other place of the document: accessors take extras of theirs along, images
/// extensions too, and a view with an extension that is not known is kept beside.
fn is_lost(view: &View) -> bool {
    let has = |name: &str| view.rest.contains_key(name);
    if view.is_of_accessor() {
        let is_lost = has("name") || has("extensions") || (has("extras") && !view.is_told());
        return is_lost && !has_unknown_extension(&view.rest);
    }
    view.is_used() && has("name")
}

/// Keeps the views that are neither accessors nor images, and those that an unknown extension is about, and points the
/// references at them.
fn collect_blobs(document: &mut Document, views: &[View], budget: &mut Budget) -> Result<(), Error> {
    let mut listed = vec![false; views.len()];
    let mut used_by_draco = HashSet::new();
    let mut fault = None;
    visit(&document.root, &mut |at, kind, _, value| {
        if kind == Kind::Blob {
            match value.as_u64().and_then(|i| listed.get_mut(usize::try_from(i).ok()?)) {
                Some(slot) => {
                    *slot = true;
                    // As with views of accessors: what they hold is known, so no unknown extension is behind them.
                    if at.slot() == draco::EXTENSION
                        && let Some(index) = as_index(value)
                    {
                        used_by_draco.insert(index);
                        fault = fault.take().or(views[index].check_readable().err());
                    }
                }
                None => fault = Some(Error::invalid(at.to_string(), "there is no such buffer view")),
            }
        }
    });
    if let Some(fault) = fault {
        return Err(fault);
    }
    let is_described =
        |view: &View| has_unknown_extension(&view.rest) && (view.is_of_accessor() || !view.is_used());
    let has_unknown = !unknown::extensions(document).is_empty() || views.iter().any(is_described);
    let pointed_at = unknown::buffer_views(document);
    let mut position = vec![0; views.len()];
    for (index, view) in views.iter().enumerate() {
        let is_used = view.is_used() || used_by_draco.contains(&index);
        let pinned = has_unknown && (!is_used || pointed_at.contains(&index) || is_described(view));
        if listed[index] || pinned || !is_used {
            position[index] = document.blobs.len();
            // Views may overlap, so their sum is not bounded by the size of the file.
            budget.take(view.bytes.len() as u64, &format!("/bufferViews/{index}"))?;
            let bytes = Arc::new(view.bytes.to_vec());
            document.blobs.push(Blob { bytes, view: index, pinned, rest: view.rest.clone() });
        }
    }
    visit_mut(&mut document.root, &mut |kind, _, index| {
        if kind == Kind::Blob {
            *index = position[*index];
        }
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::optimize::document::write;

    /// Three positions; then `change`.
    fn document(change: impl Fn(&mut Value)) -> Result<Document, Error> {
        let zeros = format!("data:application/octet-stream;base64,{}", "A".repeat(48));
        let mut root = json!({
            "asset": {"version": "2.0"},
            "buffers": [{"byteLength": 36, "uri": zeros}, {"byteLength": 4, "uri": zeros}],
            "bufferViews": [{"buffer": 0, "byteLength": 36}],
            "accessors": [{"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3"}],
            "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}],
        });
        change(&mut root);
        read(root.to_string().as_bytes(), &Files::new(), &Limits::default())
    }

    /// Data are laid out anew, and what an extension said of a view that an accessor reads was lost, name and all.
    #[test]
    fn regression_a_view_that_an_unknown_extension_is_about_stays() {
        let hash = json!({"ACME_hash": {"sum": "abc"}});
        let read = document(|root| root["bufferViews"][0]["extensions"] = hash.clone()).unwrap();
        assert!(unknown::extensions(&read).contains("ACME_hash"));
        assert!(read.dropped.is_empty(), "{:?}", read.dropped);
        let written = write::write(&read).unwrap();
        let json: Value = serde_json::from_slice(glb::parse(&written).unwrap().json).unwrap();
        let view = &json["bufferViews"][0];
        assert_eq!((&view["extensions"], &view["byteLength"]), (&hash, &json!(36)));
        assert_eq!(json["accessors"][0]["bufferView"], 1);
    }

    /// Packed bytes were read as if they were plain.
    #[test]
    fn regression_bytes_that_a_required_extension_packs_are_refused() {
        for (list, at) in [("bufferViews", "/bufferViews/0"), ("buffers", "/buffers/0")] {
            let packed = |required: bool| {
                document(|root| {
                    root[list][0]["extensions"] = json!({"ACME_packed": {}});
                    root[if required { "extensionsRequired" } else { "extensionsUsed" }] =
                        json!(["ACME_packed"]);
                })
            };
            assert!(packed(false).is_ok());
            let error = packed(true).unwrap_err().to_string();
            assert!(error.contains(at) && error.contains("ACME_packed"), "{error}");
        }
    }

    #[test]
    fn an_extension_of_a_buffer_that_becomes_part_of_the_first_is_named() {
        let read = document(|root| root["buffers"][1]["extensions"] = json!({"ACME_buffer": {}})).unwrap();
        assert_eq!(read.dropped, ["extension ACME_buffer of buffer 1: all buffers become one"]);
    }
}
