//! Primitives of KHR_draco_mesh_compression as read: what their streams hold becomes plain accessors.
//!
//! Afterwards passes see such a primitive like any other. A stream decodes to vertices in an order of its own, so one
//! whose primitive has morph targets or attributes beside the stream stays closed: nothing says which vertex is which.
//! Writing streams is the business of the pass `encode`.

mod open;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use rayon::prelude::*;
use serde_json::Value;

use super::accessor::Accessor;
use super::limits::Budget;
use super::primitives::{self, PrimitiveId, TRIANGLES, as_index};
use super::refs::visit;
use super::{Document, Kind, edit};
use crate::optimize::Error;
use crate::optimize::codecs::draco;

pub use open::{Unpacked, open};

/// The extension's name.
pub const EXTENSION: &str = "KHR_draco_mesh_compression";

const TRIANGLE_STRIP: u64 = 5;

/// Bytes that a decoder works with for each corner of a triangle.
const WORKING_BYTES: u64 = 32;

/// Opens every stream whose vertices may be put in another order. References to blobs must have been checked.
///
/// # Errors
/// [`Error::Invalid`] naming the primitive whose stream is damaged or contradicts its accessors; [`Error::Limit`].
pub fn unpack(document: &mut Document, budget: &mut Budget) -> Result<(), Error> {
    let mut ids = primitives::all(document);
    ids.retain(|&id| primitives::draco(primitives::json(document, id)).is_some());
    let jobs = ids.into_iter().map(|id| Job::of(document, id)).collect::<Result<Vec<Job>, Error>>()?;
    if jobs.is_empty() {
        return Ok(());
    }
    let mut distinct: HashMap<&Content, usize> = HashMap::new();
    let mut contents = Vec::new();
    for job in &jobs {
        distinct.entry(&job.content).or_insert_with(|| {
            contents.push(job);
            contents.len() - 1
        });
    }
    for job in &contents {
        budget.take(job.declared_bytes(document), &job.at)?;
    }
    let decoded =
        contents.par_iter().map(|job| job.decode(document)).collect::<Result<Vec<Unpacked>, Error>>()?;
    let numbers: Vec<usize> = jobs.iter().map(|job| distinct[&job.content]).collect();
    let mut filled = Filled::default();
    let mut numbers_of_contents: HashMap<usize, Numbers> = HashMap::new();
    for (job, number) in jobs.iter().zip(numbers) {
        if job.keeps_stream {
            continue;
        }
        let numbers = numbers_of_contents
            .entry(number)
            .or_insert_with(|| filled.enter(document, job, &decoded[number]));
        job.write_back(document, numbers);
    }
    drop_streams(document, &jobs);
    Ok(())
}

/// Which accessors need not be written, as Draco streams hold their elements for everyone who refers to them.
#[must_use]
pub fn supplied(document: &Document) -> Vec<bool> {
    let mut uses = vec![0_usize; document.accessors.len()];
    visit(&document.root, &mut |_, kind, _, value| {
        if let Some(count) = as_index(value).filter(|_| kind == Kind::Accessor).and_then(|i| uses.get_mut(i))
        {
            *count += 1;
        }
    });
    let mut uses_by_streams = vec![0_usize; document.accessors.len()];
    for id in primitives::all(document) {
        let json = primitives::json(document, id);
        let Some(extension) = primitives::draco(json) else { continue };
        let names = primitives::attributes(&extension["attributes"]).map(|(name, _)| name);
        let attributes = names.filter_map(|name| as_index(&json["attributes"][name]));
        for index in attributes.chain(primitives::indices(json)) {
            uses_by_streams[index] += 1;
        }
    }
    uses.iter().zip(&uses_by_streams).map(|(uses, by_streams)| *uses > 0 && uses == by_streams).collect()
}

/// What two primitives must agree in to be decoded once for both.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Content {
    blob: usize,
    indices: Option<usize>,
    /// Name, accessor and number in the stream.
    attributes: Vec<(String, usize, u32)>,
}

/// A primitive with a stream.
struct Job {
    id: PrimitiveId,
    at: String,
    content: Content,
    mode: u64,
    /// Whether the order of its vertices matters to data that are not in the stream.
    keeps_stream: bool,
}

/// The accessors that hold what was unpacked.
struct Numbers {
    indices: usize,
    attributes: Vec<usize>,
}

impl Job {
    fn of(document: &mut Document, id: PrimitiveId) -> Result<Self, Error> {
        let at = format!("/meshes/{}/primitives/{}", id.mesh, id.primitive);
        let json = primitives::json(document, id);
        let mode = primitives::mode(json);
        if mode != TRIANGLES && mode != TRIANGLE_STRIP {
            return Err(Error::invalid(format!("{at}/mode"), "a Draco stream holds triangles only"));
        }
        let extension = primitives::draco(json).unwrap_or(&Value::Null);
        let at = format!("{at}/extensions/{EXTENSION}");
        let Some(blob) = as_index(&extension["bufferView"]) else {
            return Err(Error::invalid(at, "\"bufferView\" is missing"));
        };
        let mut attributes = Vec::new();
        let mut lost = Vec::new();
        for (name, number) in primitives::attributes(&extension["attributes"]) {
            let Ok(number) = u32::try_from(number) else {
                return Err(Error::invalid(format!("{at}/attributes/{name}"), "is too large"));
            };
            match as_index(&json["attributes"][name]) {
                Some(accessor) => attributes.push((name.to_owned(), accessor, number)),
                None => {
                    lost.push(format!("{name} of the Draco stream of {at}: the primitive does not use it"))
                }
            }
        }
        let indices = primitives::indices(json);
        let known = |&index: &usize| index < document.accessors.len();
        if !attributes.iter().map(|(_, accessor, _)| accessor).chain(&indices).all(known) {
            return Err(Error::invalid(at, "the primitive refers to an accessor that is not there"));
        }
        let counts = attributes.iter().map(|(name, index, _)| (name, document.accessors[*index].count));
        for pair in counts.collect::<Vec<_>>().windows(2) {
            if pair[0].1 != pair[1].1 {
                let [(a, m), (b, n)] = [pair[0], pair[1]];
                return Err(Error::invalid(at, format!("{a} has {m} elements and {b} has {n}")));
            }
        }
        let has_others = primitives::vertex_accessors(json).len() > attributes.len();
        let content = Content { blob, indices, attributes };
        let keeps_stream = has_others && !draco::keeps_order(document.blobs[blob].bytes.as_slice());
        document.dropped.extend(lost);
        Ok(Self { id, at, content, mode, keeps_stream })
    }

    /// The most triangles that the accessors declare.
    fn max_triangles(&self, document: &Document) -> usize {
        let count = |index: usize| document.accessors[index].count;
        match (self.content.indices, self.mode) {
            (Some(indices), TRIANGLES) => count(indices) / 3,
            (Some(indices), _) => count(indices),
            // Nothing declares it: a closed surface has two triangles a vertex.
            (None, _) => 2 * self.content.attributes.first().map_or(0, |(_, accessor, _)| count(*accessor)),
        }
    }

    fn declared_bytes(&self, document: &Document) -> u64 {
        let corners = 3 * self.max_triangles(document) as u64;
        let elements = self.content.attributes.iter().map(|(_, index, _)| {
            let accessor = &document.accessors[*index];
            (accessor.count as u64).saturating_mul(accessor.element_bytes() as u64)
        });
        elements.fold(corners.saturating_mul(WORKING_BYTES), u64::saturating_add)
    }

    fn decode(&self, document: &Document) -> Result<Unpacked, Error> {
        let stream = document.blobs[self.content.blob].bytes.as_slice();
        let wanted: Vec<(u32, &Accessor)> = self
            .content
            .attributes
            .iter()
            .map(|(_, index, number)| (*number, &document.accessors[*index]))
            .collect();
        open(stream, self.max_triangles(document), &wanted)
            .map_err(|what| Error::invalid(&self.at, what))
            .map(|unpacked| Unpacked { warning: self.difference(document, &unpacked), ..unpacked })
    }

    /// What the accessors say that is not so. Numbers of vertices may differ: decoders split vertices at seams, and
    /// not all split the same ones.
    fn difference(&self, document: &Document, unpacked: &Unpacked) -> Option<String> {
        let indices = self.content.indices.filter(|_| self.mode == TRIANGLES)?;
        let (declared, found) = (document.accessors[indices].count, unpacked.indices.count);
        (declared != found).then(|| {
            format!(
                "{}: {} triangles are declared, and it holds {}; those were taken",
                self.at,
                declared / 3,
                found / 3
            )
        })
    }

    /// Points the primitive at its accessors and takes the extension off.
    fn write_back(&self, document: &mut Document, numbers: &Numbers) {
        let Some(json) = primitives::json_mut(document, self.id) else { return };
        json.insert("indices".into(), numbers.indices.into());
        if self.mode != TRIANGLES {
            json.shift_remove("mode");
        }
        for ((name, ..), number) in self.content.attributes.iter().zip(&numbers.attributes) {
            json["attributes"][name] = (*number).into();
        }
        if let Some(Value::Object(extensions)) = json.get_mut("extensions") {
            extensions.shift_remove(EXTENSION);
            if extensions.is_empty() {
                json.shift_remove("extensions");
            }
        }
    }
}

/// Accessors that already hold what some stream supplied.
#[derive(Default)]
struct Filled(HashSet<usize>);

impl Filled {
    fn enter(&mut self, document: &mut Document, job: &Job, unpacked: &Unpacked) -> Numbers {
        document.warnings.extend(unpacked.warning.clone());
        let attributes = job.content.attributes.iter().zip(&unpacked.attributes);
        let attributes =
            attributes.map(|((_, index, _), elements)| self.fill(document, *index, elements)).collect();
        let indices = match job.content.indices {
            Some(index) => self.fill(document, index, &unpacked.indices),
            None => {
                document.accessors.push(unpacked.indices.clone());
                document.accessors.len() - 1
            }
        };
        Numbers { indices, attributes }
    }

    /// Puts elements into the accessor that waits for them; or into a copy, where several streams share it.
    fn fill(&mut self, document: &mut Document, index: usize, elements: &Accessor) -> usize {
        let waiting = document.accessors[index].data.is_none() && !self.0.contains(&index);
        let mut accessor = document.accessors[index].clone();
        if !waiting && accessor.data == elements.data {
            return index;
        }
        // Bounds of an accessor without elements are kept as written; from here on they are computed.
        let had_bounds =
            accessor.rest.shift_remove("min").is_some() | accessor.rest.shift_remove("max").is_some();
        accessor.bounds |= had_bounds;
        accessor.sparse = None;
        accessor.replace(Accessor { data: Some(Arc::new(elements.bytes().to_vec())), ..elements.clone() });
        self.0.insert(index);
        if waiting {
            document.accessors[index] = accessor;
            return index;
        }
        document.accessors.push(accessor);
        document.accessors.len() - 1
    }
}

/// Removes the streams that nothing needs any more, and the extension's name with the last of them.
fn drop_streams(document: &mut Document, jobs: &[Job]) {
    let used = edit::referenced(document, Kind::Blob);
    let mut keep = vec![true; document.blobs.len()];
    for job in jobs {
        let blob = job.content.blob;
        keep[blob] = used[blob] || document.blobs[blob].pinned;
    }
    edit::retain(document, Kind::Blob, &keep);
    if jobs.iter().all(|job| !job.keeps_stream) {
        document.undeclare_extension(EXTENSION);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;
    use crate::optimize::codecs::draco::{Channel, Elements, Source};
    use crate::optimize::document::accessor::{Component, Shape};
    use crate::optimize::document::{Blob, Limits};

    const SQUARE: [f32; 12] = [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 0.0];
    const TRIANGLES: [[u32; 3]; 2] = [[0, 1, 2], [0, 2, 3]];

    /// A stream of a square with positions (0) and joints (1).
    fn stream() -> Blob {
        let positions = Elements::Floats { values: &SQUARE, exponent: 0 };
        let joints = Elements::Integers { bytes: &[7; 16], width: 1, signed: false };
        let sources = [
            Source { channel: Channel::Position, components: 3, elements: positions },
            Source { channel: Channel::Generic, components: 4, elements: joints },
        ];
        let bytes = Arc::new(draco::encode(&TRIANGLES, &sources).unwrap().remove(0));
        Blob { bytes, view: 0, pinned: false, rest: Map::new() }
    }

    /// An accessor that waits for its elements.
    fn waiting(component: Component, shape: Shape, count: usize) -> Accessor {
        let rest = json!({"name": "kept", "min": [0, 0, 0], "max": [9, 9, 9]});
        let rest = rest.as_object().unwrap().clone();
        Accessor { data: None, count, rest, ..Accessor::from_bytes(component, shape, Vec::new()) }
    }

    fn document(primitives: Value) -> Document {
        let root = json!({ "extensionsUsed": [EXTENSION], "meshes": [{ "primitives": primitives }] });
        let accessors = vec![
            waiting(Component::F32, Shape::Vec3, 4),
            waiting(Component::U16, Shape::Vec4, 4),
            waiting(Component::U8, Shape::Scalar, 6),
        ];
        let root = root.as_object().unwrap().clone();
        Document { root, accessors, blobs: vec![stream()], ..Document::default() }
    }

    fn primitive() -> Value {
        json!({ "attributes": { "POSITION": 0, "JOINTS_0": 1 }, "indices": 2, "extensions": {
            EXTENSION: { "bufferView": 0, "attributes": { "POSITION": 0, "JOINTS_0": 1 } } } })
    }

    fn unpacked(primitives: Value) -> Result<Document, Error> {
        let mut document = document(primitives);
        unpack(&mut document, &mut Budget::new(&Limits::default()))?;
        Ok(document)
    }

    #[test]
    fn a_stream_becomes_plain_accessors() {
        let document = unpacked(json!([primitive()])).unwrap();
        let expected = json!({ "attributes": { "POSITION": 0, "JOINTS_0": 1 }, "indices": 2 });
        assert_eq!(document.list("meshes")[0]["primitives"][0], expected);
        assert!(!document.uses_extension(EXTENSION) && document.blobs.is_empty());
        let [positions, joints, indices] = &document.accessors[..] else { panic!() };
        assert_eq!(positions.min_max(), Some((vec![0.0; 3], vec![1.0, 1.0, 0.0])));
        assert!(positions.bounds && positions.rest.len() == 1 && positions.rest["name"] == "kept");
        assert_eq!(joints.integers(), [7; 16]);
        assert_eq!((joints.component, indices.count), (Component::U16, 6));
        assert!(document.warnings.is_empty());
    }

    #[test]
    fn primitives_share_accessors_only_where_they_hold_the_same() {
        let mut other = primitive();
        other["extensions"][EXTENSION]["attributes"] = json!({ "POSITION": 0, "JOINTS_0": 0 });
        let document = unpacked(json!([primitive(), primitive()])).unwrap();
        assert_eq!(document.accessors.len(), 3);
        // The second stream holds three components where the accessor wants four.
        assert!(unpacked(json!([primitive(), other])).is_err());
    }

    #[test]
    fn data_that_are_in_no_stream_keep_it_closed() {
        let mut with_targets = primitive();
        with_targets["targets"] = json!([{ "POSITION": 0 }]);
        let document = unpacked(json!([with_targets])).unwrap();
        assert!(primitives::draco(&document.list("meshes")[0]["primitives"][0]).is_some());
        assert!(document.uses_extension(EXTENSION) && document.blobs.len() == 1);
    }

    #[test]
    fn contradictions_are_refused_and_name_their_place() {
        let refused = |change: &dyn Fn(&mut Document)| {
            let mut document = document(json!([primitive()]));
            change(&mut document);
            let error = unpack(&mut document, &mut Budget::new(&Limits::default())).unwrap_err();
            assert!(error.is_bad_input() && error.to_string().contains("/meshes/0/primitives/0"), "{error}");
        };
        refused(&|document| document.accessors[0].count = 5);
        refused(&|document| document.accessors[2].count = 3);
        refused(&|document| document.accessors[1].shape = Shape::Vec3);
        refused(&|document| document.accessors.truncate(2));
        refused(&|document| document.blobs[0].bytes = Arc::new(b"DRACO".to_vec()));
        refused(&|document| {
            let json = primitives::json_mut(document, PrimitiveId { mesh: 0, primitive: 0 }).unwrap();
            json.insert("mode".into(), 1.into());
        });
    }
}
