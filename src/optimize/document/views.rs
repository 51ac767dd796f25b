//! Buffer views and the accessors on them, as read. After reading there are no views any more.

use std::borrow::Cow;
use std::cell::Cell;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::accessor::{Accessor, Component, Packing, Shape, Sparse};
use super::limits::Budget;
use super::refs::is_known;
use super::unknown::has_unknown_extension;
use crate::optimize::Error;
use crate::optimize::codecs::meshopt;

/// A buffer view with its bytes, decompressed.
#[derive(Debug)]
pub struct View<'a> {
    /// The bytes.
    pub bytes: Cow<'a, [u8]>,
    /// Distance of elements in bytes, where the file gives one.
    stride: Option<usize>,
    /// What its JSON object held besides its range: name, layout, extras and extensions.
    pub rest: Map<String, Value>,
    /// The buffer that holds its bytes.
    buffer: usize,
    /// Whether an accessor or an image reads it.
    used: Cell<bool>,
    /// Whether an accessor reads it: its JSON goes, as data are laid out anew.
    of_accessor: Cell<bool>,
    /// Whether accessors have taken its extras along.
    is_told: Cell<bool>,
    /// The extension without which nobody can read it, and the place that requires it.
    needs: Option<(String, String)>,
}

impl View<'_> {
    /// Whether an accessor or an image reads it.
    #[must_use]
    pub fn is_used(&self) -> bool {
        self.used.get()
    }

    /// Whether an accessor reads it.
    #[must_use]
    pub fn is_of_accessor(&self) -> bool {
        self.of_accessor.get()
    }

    /// Whether its extras are with the accessors that read it.
    #[must_use]
    pub fn is_told(&self) -> bool {
        self.is_told.get()
    }

    /// The extras, for an accessor to take along; those of a view with an unknown extension stay with that.
    fn told(&self) -> Map<String, Value> {
        let extras = self.rest.get("extras").filter(|_| !has_unknown_extension(&self.rest));
        self.is_told.set(extras.is_some());
        extras.map(|extras| ("extras".to_owned(), extras.clone())).into_iter().collect()
    }

    /// Refuses a view whose bytes are not what they seem.
    ///
    /// # Errors
    /// [`Error::Unsupported`] where a required extension that is not known is on the view or its buffer.
    pub fn check_readable(&self) -> Result<(), Error> {
        let Some((at, name)) = &self.needs else { return Ok(()) };
        Err(Error::Unsupported { at: at.clone(), what: format!("the extension {name}") })
    }
}

/// The extensions that compress buffer views, and what each allows. They share all members.
const COMPRESSIONS: [(&str, meshopt::Version); 2] =
    [("EXT_meshopt_compression", meshopt::Version::Ext), ("KHR_meshopt_compression", meshopt::Version::Khr)];

/// The names of the extensions that compress buffer views.
pub fn compressions() -> impl Iterator<Item = &'static str> {
    COMPRESSIONS.iter().map(|(name, _)| *name)
}

/// The name of the extension that allows a version of the codec.
#[must_use]
pub fn compression_name(version: meshopt::Version) -> &'static str {
    COMPRESSIONS.iter().find(|row| row.1 == version).map_or("", |row| row.0)
}

/// Whether a buffer stands for decompressed data and holds none itself.
#[must_use]
pub fn is_fallback(buffer: &Value) -> bool {
    compressions().any(|name| buffer["extensions"][name]["fallback"] == true)
}

/// Reads all buffer views.
///
/// # Errors
/// [`Error::Invalid`] for a range outside its buffer or data that do not decode; [`Error::Limit`].
pub fn read<'a>(
    list: &[Value],
    buffers: &'a [Option<Cow<'a, [u8]>>],
    budget: &mut Budget,
) -> Result<Vec<View<'a>>, Error> {
    let mut views = Vec::new();
    for (i, json) in list.iter().enumerate() {
        let at = format!("/bufferViews/{i}");
        let stride = optional(json, "byteStride", &at)?;
        if stride.is_some_and(|stride| !(1..=252).contains(&stride)) {
            return Err(Error::invalid(at, "byteStride must be between 4 and 252"));
        }
        let found = compression(json);
        let bytes = match found {
            Some((name, version, compression)) => {
                let at = format!("{at}/extensions/{name}");
                Cow::Owned(decompress(compression, version, buffers, &at, budget)?)
            }
            None => Cow::Borrowed(range(json, buffers, &at)?),
        };
        let mut rest = json.as_object().cloned().unwrap_or_default();
        for derived in ["buffer", "byteOffset", "byteLength"] {
            rest.shift_remove(derived);
        }
        if let Some(Value::Object(extensions)) = rest.get_mut("extensions") {
            compressions().for_each(|name| drop(extensions.shift_remove(name)));
            if extensions.is_empty() {
                rest.shift_remove("extensions");
            }
        }
        let buffer = required(found.map_or(json, |(.., compression)| compression), "buffer", &at)?;
        let (used, of_accessor, is_told, needs) = Default::default();
        views.push(View { bytes, stride, rest, buffer, used, of_accessor, is_told, needs });
    }
    Ok(views)
}

/// Marks the views that nobody can read who does not know an extension: one of `required`, on the view or its buffer, may pack
/// or encrypt the bytes.
pub fn mark_unreadable(views: &mut [View], buffers: &[Value], required: &[Value]) {
    let unknown = |extensions: Option<&Value>| {
        let mut names = extensions.and_then(Value::as_object).into_iter().flat_map(Map::keys);
        names.find(|name| !is_known(name) && required.iter().any(|required| required == *name)).cloned()
    };
    for (index, view) in views.iter_mut().enumerate() {
        let of_view =
            unknown(view.rest.get("extensions")).map(|name| (format!("/bufferViews/{index}"), name));
        let of_buffer = || unknown(buffers.get(view.buffer)?.get("extensions"));
        let of_buffer = || of_buffer().map(|name| (format!("/buffers/{}", view.buffer), name));
        view.needs = of_view.or_else(of_buffer);
    }
}

/// The extension that compresses a view: its name, what it allows, its members.
fn compression(view: &Value) -> Option<(&'static str, meshopt::Version, &Value)> {
    let extensions = view.get("extensions")?;
    COMPRESSIONS.iter().find_map(|&(name, version)| Some((name, version, extensions.get(name)?)))
}

/// The bytes that `buffer`, `byteOffset` and `byteLength` of an object name.
fn range<'a>(json: &Value, buffers: &'a [Option<Cow<'a, [u8]>>], at: &str) -> Result<&'a [u8], Error> {
    let index = required(json, "buffer", at)?;
    let buffer = match buffers.get(index) {
        Some(Some(bytes)) => bytes,
        Some(None) => return Err(Error::invalid(at, format!("buffer {index} holds no data"))),
        None => return Err(Error::invalid(at, format!("there is no buffer {index}"))),
    };
    let offset = optional(json, "byteOffset", at)?.unwrap_or(0);
    let length = required(json, "byteLength", at)?;
    let end = offset.checked_add(length);
    end.and_then(|end| buffer.get(offset..end)).ok_or_else(|| {
        let size = buffer.len();
        Error::invalid(at, format!("bytes {offset}+{length} are outside buffer {index} of {size} bytes"))
    })
}

/// Decodes a view of EXT_meshopt_compression or KHR_meshopt_compression.
fn decompress(
    json: &Value,
    version: meshopt::Version,
    buffers: &[Option<Cow<'_, [u8]>>],
    at: &str,
    budget: &mut Budget,
) -> Result<Vec<u8>, Error> {
    let encoded = range(json, buffers, at)?;
    let stride = required(json, "byteStride", at)?;
    let count = required(json, "count", at)?;
    let word = |name: &str| json.get(name).and_then(Value::as_str);
    let mode = match word("mode") {
        Some("ATTRIBUTES") => meshopt::Mode::Attributes,
        Some("TRIANGLES") => meshopt::Mode::Triangles,
        Some("INDICES") => meshopt::Mode::Indices,
        _ => return Err(Error::invalid(format!("{at}/mode"), "must be ATTRIBUTES, TRIANGLES or INDICES")),
    };
    let filter = match word("filter") {
        None | Some("NONE") => meshopt::Filter::None,
        Some("OCTAHEDRAL") => meshopt::Filter::Octahedral,
        Some("QUATERNION") => meshopt::Filter::Quaternion,
        Some("EXPONENTIAL") => meshopt::Filter::Exponential,
        Some("COLOR") if version == meshopt::Version::Khr => meshopt::Filter::Color,
        Some(other) => return Err(Error::invalid(format!("{at}/filter"), format!("\"{other}\" is unknown"))),
    };
    let bytes = (count as u64).saturating_mul(stride as u64);
    budget.take(bytes, at)?;
    let max_bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
    let layout = meshopt::Layout { mode, filter, count, stride, version };
    meshopt::decode(encoded, &layout, max_bytes).map_err(|error| Error::invalid(at, error.to_string()))
}

/// Reads one accessor.
///
/// # Errors
/// [`Error::Invalid`] naming the member at fault; [`Error::Limit`].
pub fn read_accessor(json: &Value, at: &str, views: &[View], budget: &mut Budget) -> Result<Accessor, Error> {
    let component = Component::from_code(required(json, "componentType", at)? as u64)
        .ok_or_else(|| Error::invalid(format!("{at}/componentType"), "is not a component type of glTF"))?;
    let shape = json.get("type").and_then(Value::as_str).and_then(Shape::from_name);
    let shape =
        shape.ok_or_else(|| Error::invalid(format!("{at}/type"), "is not an element type of glTF"))?;
    let count = required(json, "count", at)?;
    let element = shape.element_bytes(component);
    // Without elements there is nothing to look for; the checks that follow refuse any use of such an accessor.
    let has_data = count > 0 && (json.get("bufferView").is_some() || json.get("sparse").is_some());
    if has_data {
        budget.take((count as u64).saturating_mul(element as u64), at)?;
    }
    let base = match json.get("bufferView") {
        Some(_) if count > 0 => Some(gather(json, "bufferView", (count, element), at, views)?),
        _ => None,
    };
    let view_rest = match base {
        Some(_) => find(views, json, "bufferView", at)?.told(),
        None => Map::new(),
    };
    let mut rest = json.as_object().cloned().unwrap_or_default();
    for derived in ["bufferView", "byteOffset", "componentType", "normalized", "count", "type", "sparse"] {
        rest.shift_remove(derived);
    }
    if has_data {
        // Computed again when written; where a compressed primitive supplies the elements they are all
        // that a reader has.
        rest.shift_remove("min");
        rest.shift_remove("max");
    }
    let mut accessor = Accessor {
        component,
        shape,
        normalized: json.get("normalized") == Some(&Value::Bool(true)),
        count,
        data: base.map(Arc::new),
        sparse: None,
        bounds: has_data && (json.get("min").is_some() || json.get("max").is_some()),
        packing: Packing::Plain,
        rest,
        view_rest,
    };
    if let Some(sparse) = json.get("sparse").filter(|_| count > 0) {
        substitute(&mut accessor, sparse, &format!("{at}/sparse"), views)?;
    }
    Ok(accessor)
}

/// Copies `count` elements of `element` bytes from the view that `json` names, without the gaps.
fn gather(
    json: &Value,
    key: &str,
    (count, element): (usize, usize),
    at: &str,
    views: &[View],
) -> Result<Vec<u8>, Error> {
    let view = find(views, json, key, at)?;
    view.of_accessor.set(true);
    let offset = optional(json, "byteOffset", at)?.unwrap_or(0);
    let stride = view.stride.unwrap_or(element);
    let outside = || {
        let size = view.bytes.len();
        Error::invalid(
            at,
            format!("{count} elements from byte {offset} do not fit its buffer view of {size} bytes"),
        )
    };
    if stride < element {
        return Err(Error::invalid(at, format!("byteStride {stride} is below the element size {element}")));
    }
    let span = (count - 1).checked_mul(stride).and_then(|gaps| gaps.checked_add(element));
    let end = span.and_then(|span| span.checked_add(offset)).ok_or_else(outside)?;
    let bytes = view.bytes.get(offset..end).ok_or_else(outside)?;
    if stride == element {
        return Ok(bytes.to_vec());
    }
    Ok(bytes.chunks(stride).flat_map(|chunk| &chunk[..element]).copied().collect())
}

/// Applies the sparse substitution of an accessor (specification 3.6.2.3).
fn substitute(accessor: &mut Accessor, json: &Value, at: &str, views: &[View]) -> Result<(), Error> {
    let count = required(json, "count", at)?;
    if count == 0 || count > accessor.count {
        return Err(Error::invalid(format!("{at}/count"), "must be between 1 and the accessor's count"));
    }
    let part = |name: &str| json.get(name).unwrap_or(&Value::Null);
    let indices_at = format!("{at}/indices");
    let component = required(part("indices"), "componentType", &indices_at)? as u64;
    let component = Component::from_code(component)
        .filter(|c| matches!(c, Component::U8 | Component::U16 | Component::U32))
        .ok_or_else(|| Error::invalid(&indices_at, "componentType must be 5121, 5123 or 5125"))?;
    let size = component.bytes();
    let indices = gather(part("indices"), "bufferView", (count, size), &indices_at, views)?;
    let indices = Accessor::from_bytes(component, Shape::Scalar, indices).integers();
    let element = accessor.element_bytes();
    let values = gather(part("values"), "bufferView", (count, element), &format!("{at}/values"), views)?;

    let base = accessor.data.take();
    let mut bytes = base.as_deref().cloned().unwrap_or_else(|| vec![0; accessor.count * element]);
    for (index, value) in indices.iter().zip(values.chunks_exact(element)) {
        let start = *index as usize * element;
        match bytes.get_mut(start..start + element) {
            Some(slot) => slot.copy_from_slice(value),
            None => {
                return Err(Error::invalid(&indices_at, format!("index {index} is past the last element")));
            }
        }
    }
    accessor.data = Some(Arc::new(bytes));
    accessor.sparse = Some(Sparse { base, rest: sparse_rest(json) });
    Ok(())
}

/// Extras and extensions of `sparse`, `sparse.indices` and `sparse.values`.
fn sparse_rest(json: &Value) -> Map<String, Value> {
    let mut rest = json.as_object().cloned().unwrap_or_default();
    rest.shift_remove("count");
    for part in ["indices", "values"] {
        if let Some(Value::Object(members)) = rest.get_mut(part) {
            members.retain(|name, _| name == "extras" || name == "extensions");
            if members.is_empty() {
                rest.shift_remove(part);
            }
        }
    }
    rest
}

/// The view whose index a member holds; marks it as used.
///
/// # Errors
/// [`Error::Invalid`] when there is no such view; those of [`View::check_readable`].
pub fn find<'v, 'a>(views: &'v [View<'a>], json: &Value, key: &str, at: &str) -> Result<&'v View<'a>, Error> {
    let index = required(json, key, at)?;
    let view = views.get(index);
    let view = view
        .ok_or_else(|| Error::invalid(format!("{at}/{key}"), format!("there is no buffer view {index}")))?;
    view.check_readable()?;
    view.used.set(true);
    Ok(view)
}

/// A member that must be a non-negative integer.
///
/// # Errors
/// [`Error::Invalid`] when it is missing or something else.
pub fn required(json: &Value, key: &str, at: &str) -> Result<usize, Error> {
    optional(json, key, at)?.ok_or_else(|| Error::invalid(at, format!("\"{key}\" is missing")))
}

/// A member that may be missing but else must be a non-negative integer.
///
/// # Errors
/// [`Error::Invalid`] when it is something else.
pub fn optional(json: &Value, key: &str, at: &str) -> Result<Option<usize>, Error> {
    let Some(value) = json.get(key) else { return Ok(None) };
    let index = value.as_u64().and_then(|number| usize::try_from(number).ok());
    // Half the address space is out of reach anyway, and sums of two such numbers cannot overflow.
    match index.filter(|&number| number <= usize::MAX / 4) {
        Some(number) => Ok(Some(number)),
        None => Err(Error::invalid(
            format!("{at}/{key}"),
            format!("{value} is not a usable non-negative integer"),
        )),
    }
}
