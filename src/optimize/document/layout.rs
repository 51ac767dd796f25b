//! Which accessors share a buffer view, and at which offset.
//!
//! Accessors of one use, attribute, stride and packing lie one after the other in one view: a view costs
//! about a hundred bytes of JSON (two hundred when compressed), and the codec does better on long streams
//! of one kind. Equal elements are stored once.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value};

use super::Document;
use super::accessor::{Accessor, Filter, Packing};
use super::primitives::{self, as_index};
use super::refs::{Kind, Role, visit};

/// What a buffer view is for; decides `target`, `byteStride` and the codec's mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Use {
    /// Indices of triangle lists.
    Triangles,
    /// Other indices.
    Indices,
    /// Vertex attributes, morph targets included.
    Vertices,
    /// Everything else: animations, matrices, instances.
    Values,
}

/// What all accessors of one view have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// What the view is for.
    pub used_as: Use,
    /// Attribute name for vertices, else empty.
    pub attribute: String,
    /// Distance of elements in bytes.
    pub stride: usize,
    /// The filter that the elements are prepared for.
    pub filter: Option<Prepared>,
    /// What the view says of itself ([`Accessor::view_rest`]), as JSON.
    pub says: String,
}

/// Filters as far as the layout needs to know them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Prepared {
    /// Floats on a grid of powers of two.
    Exponential,
    /// Unit vectors or quaternions.
    Lossy(Filter),
}

/// The content of one buffer view.
#[derive(Debug, Default)]
pub struct Group {
    /// The elements as a viewer sees them.
    pub plain: Vec<u8>,
    /// The same prepared for the codec's filter; empty where there is none.
    pub prepared: Vec<u8>,
    /// What the view says of itself.
    pub rest: Map<String, Value>,
}

/// Where an accessor's elements are: its group and the offset in bytes.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// Position of the group in [`Layout::groups`].
    pub group: usize,
    /// Offset in the decoded view, in bytes.
    pub offset: usize,
}

/// All views for accessors.
#[derive(Debug, Default)]
pub struct Layout {
    /// The views.
    pub groups: Vec<(Key, Group)>,
    /// By accessor; `None` where it has no elements of its own (or is sparse).
    pub places: Vec<Option<Place>>,
}

/// Distributes the accessors of a document over views; `skip` says which ones are written otherwise.
#[must_use]
pub fn lay_out(document: &Document, skip: &[bool]) -> Layout {
    let uses = uses(document);
    let mut by_key: BTreeMap<Key, Vec<usize>> = BTreeMap::new();
    for (index, accessor) in document.accessors.iter().enumerate() {
        if accessor.data.is_some() && !skip[index] {
            by_key
                .entry(key(accessor, &uses[index], document.compression.is_some()))
                .or_default()
                .push(index);
        }
    }
    let mut layout = Layout { groups: Vec::new(), places: vec![None; document.accessors.len()] };
    for (key, members) in by_key {
        let group = fill(document, &key, &members, layout.groups.len(), &mut layout.places);
        layout.groups.push((key, group));
    }
    layout
}

/// Elements as a viewer sees them and as the codec wants them: accessors that agree in both share them.
type Content<'a> = (Cow<'a, [u8]>, Option<Cow<'a, [u8]>>);

fn fill(
    document: &Document,
    key: &Key,
    members: &[usize],
    position: usize,
    places: &mut [Option<Place>],
) -> Group {
    let rest = members.first().map(|&first| document.accessors[first].view_rest.clone());
    let mut group = Group { rest: rest.unwrap_or_default(), ..Group::default() };
    let mut known: HashMap<Content, usize> = HashMap::new();
    for &index in members {
        let accessor = &document.accessors[index];
        let content = (padded(accessor, key.stride), key.filter.map(|_| prepared(accessor, key.stride)));
        let offset = *known.entry(content).or_insert_with_key(|(plain, prepared)| {
            let offset = group.plain.len();
            group.plain.extend_from_slice(plain);
            group.prepared.extend_from_slice(prepared.as_deref().unwrap_or_default());
            offset
        });
        places[index] = Some(Place { group: position, offset });
    }
    group
}

fn key(accessor: &Accessor, used: &(Use, String), compress: bool) -> Key {
    let element = accessor.element_bytes();
    let (mut used_as, attribute) = used.clone();
    if used_as == Use::Triangles && !accessor.count.is_multiple_of(3) {
        used_as = Use::Indices;
    }
    let stride = if used_as == Use::Vertices { element.next_multiple_of(4) } else { element };
    let filter = match &accessor.packing {
        _ if !compress => None,
        Packing::Plain => None,
        Packing::Grid { .. } => Some(Prepared::Exponential),
        Packing::Filtered { filter, .. } => Some(Prepared::Lossy(*filter)),
    };
    let says = match &accessor.view_rest {
        nothing if nothing.is_empty() => String::new(),
        something => Value::from(something.clone()).to_string(),
    };
    Key { used_as, attribute, stride, filter, says }
}

/// How each accessor is used, by the first member that refers to it.
fn uses(document: &Document) -> Vec<(Use, String)> {
    let mut uses = vec![(Use::Values, String::new()); document.accessors.len()];
    visit(&document.root, &mut |at, kind, role, value| {
        let index = as_index(value).filter(|_| kind == Kind::Accessor);
        let Some(entry) = index.and_then(|index| uses.get_mut(index)) else { return };
        match role {
            Role::Vertex | Role::Morph if entry.0 == Use::Values => {
                let prefix = if role == Role::Morph { "morph " } else { "" };
                *entry = (Use::Vertices, format!("{prefix}{}", at.name()));
            }
            Role::Indices => *entry = (Use::Indices, String::new()),
            _ => {}
        }
    });
    mark_triangles(document, &mut uses);
    uses
}

/// The triangle codec may turn `0 1 2` into `1 2 0`, so what also draws lines or strips, or what an extension may want in
/// order, is no list of triangles.
fn mark_triangles(document: &Document, uses: &mut [(Use, String)]) {
    let mut in_lists = vec![false; uses.len()];
    let mut elsewhere = vec![false; uses.len()];
    for id in primitives::all(document) {
        let primitive = primitives::json(document, id);
        let is_list = primitives::mode(primitive) == primitives::TRIANGLES
            && primitives::locked(document, primitive).is_none()
            && !primitives::is_ordered(primitive);
        if let Some(index) = primitives::indices(primitive) {
            *(if is_list { &mut in_lists[index] } else { &mut elsewhere[index] }) = true;
        }
    }
    for (index, entry) in uses.iter_mut().enumerate() {
        if in_lists[index] && !elsewhere[index] {
            entry.0 = Use::Triangles;
        }
    }
}

fn padded(accessor: &Accessor, stride: usize) -> Cow<'_, [u8]> {
    let element = accessor.element_bytes();
    if element == stride {
        return Cow::Borrowed(accessor.bytes());
    }
    let mut bytes = Vec::with_capacity(accessor.count * stride);
    for chunk in accessor.bytes().chunks_exact(element) {
        bytes.extend_from_slice(chunk);
        bytes.resize(bytes.len() + stride - element, 0);
    }
    Cow::Owned(bytes)
}

/// The elements as the filter's decoder wants them.
fn prepared(accessor: &Accessor, stride: usize) -> Cow<'_, [u8]> {
    match &accessor.packing {
        Packing::Plain => padded(accessor, stride),
        Packing::Filtered { encoded, .. } => Cow::Borrowed(encoded),
        Packing::Grid { exponent } => Cow::Owned(exponential(&accessor.floats(), *exponent)),
    }
}

/// Words of the exponential filter: an 8-bit exponent above a 24-bit mantissa, both signed
/// (EXT_meshopt_compression, "Filter 3: exponential"). Exact for multiples of 2^exponent below 2^23 steps.
fn exponential(values: &[f32], exponent: i8) -> Vec<u8> {
    let step = f64::from(exponent).exp2();
    let word = |&value: &f32| {
        #[expect(clippy::cast_possible_truncation, reason = "the grid holds at most 2^23 steps")]
        let mantissa = (f64::from(value) / step).round() as i32;
        ((i32::from(exponent) << 24) | (mantissa & 0x00FF_FFFF)).to_le_bytes()
    };
    values.iter().flat_map(word).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::optimize::document::Shape;

    /// A triangle and a line strip with equal indices share an accessor after dedup; turned triangles drew
    /// other lines.
    #[test]
    fn regression_indices_of_triangles_and_lines_are_not_turned() {
        let of_mode = |mode: u64| json!({"attributes": {"POSITION": 0}, "indices": 1, "mode": mode});
        let used_as = |modes: &[u64]| used_by(modes.iter().map(|&mode| of_mode(mode)).collect());
        assert_eq!(used_as(&[4, 4]), Use::Triangles);
        assert_eq!(used_as(&[4, 3]), Use::Indices);
        assert_eq!(used_as(&[3, 4]), Use::Indices);
    }

    /// The first corner of a triangle says which polygon it is part of.
    #[test]
    fn regression_triangles_that_tell_polygons_are_not_turned() {
        for extension in ["FB_ngon_encoding", "ACME_corners"] {
            let extensions = json!({extension: {}});
            let json = json!({"attributes": {"POSITION": 0}, "indices": 1, "extensions": extensions});
            assert_eq!(used_by(vec![json]), Use::Indices, "{extension}");
        }
    }

    /// What indices are taken for that some primitives have.
    fn used_by(list: Vec<serde_json::Value>) -> Use {
        let root = json!({"meshes": [{"primitives": list}]});
        let accessors =
            vec![Accessor::from_floats(Shape::Vec3, &[0.0; 9]), Accessor::from_indices(&[0, 1, 2], 3)];
        let root = root.as_object().unwrap().clone();
        uses(&Document { root, accessors, ..Document::default() })[1].0
    }
}
