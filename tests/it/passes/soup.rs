//! What a model draws, without the order in which it is stored: triangles (lines, points) as bags of vertices
//! with all their attributes.

use std::collections::{BTreeMap, BTreeSet};

use glb_optimizer::optimize::document::primitives::{self, PrimitiveId, as_index};
use glb_optimizer::optimize::document::{Accessor, Component, Document};

/// Vertex streams by name; morph targets by their number and name.
type Streams<'d> = BTreeMap<String, &'d Accessor>;

/// The primitives that nodes draw, node by node.
fn drawn(document: &Document) -> Vec<PrimitiveId> {
    let meshes = document.list("nodes").iter().filter_map(|node| as_index(&node["mesh"]));
    let of_mesh = |mesh| {
        let all = primitives::all(document);
        all.into_iter().filter(move |id| id.mesh == mesh)
    };
    meshes.flat_map(of_mesh).collect()
}

fn streams(document: &Document, id: PrimitiveId) -> Streams<'_> {
    let json = primitives::json(document, id);
    let mut streams = Streams::new();
    let mut add = |prefix: &str, object| {
        for (name, index) in primitives::attributes(object) {
            streams.insert(format!("{prefix}{name}"), &document.accessors[index]);
        }
    };
    add("", &json["attributes"]);
    for (number, target) in json["targets"].as_array().into_iter().flatten().enumerate() {
        add(&format!("target {number} "), target);
    }
    streams
}

/// The faces of a primitive, each as the bytes of its vertices in the streams of `names`, in an order that does
/// not depend on storage. Strips and fans are one face: their order is their meaning.
fn faces(document: &Document, id: PrimitiveId, names: &[String]) -> Vec<Vec<Vec<u8>>> {
    let streams = streams(document, id);
    let json = primitives::json(document, id);
    let vertex =
        |number: u32| names.iter().flat_map(|name| element(streams[name], number as usize)).collect();
    let vertices: Vec<Vec<u8>> = primitives::drawn_vertices(document, json).into_iter().map(vertex).collect();
    let corners = match primitives::mode(json) {
        0 => 1,
        1 => 2,
        4 => 3,
        _ => return vec![vertices],
    };
    let mut faces: Vec<Vec<Vec<u8>>> = vertices.chunks_exact(corners).map(<[Vec<u8>]>::to_vec).collect();
    if corners == 3 {
        faces.retain(|face| face[0] != face[1] && face[1] != face[2] && face[2] != face[0]);
    }
    for face in &mut faces {
        // The same winding, whichever vertex comes first.
        let first = (0..corners).min_by_key(|&i| &face[i]).unwrap();
        face.rotate_left(first);
    }
    faces.sort_unstable();
    faces
}

/// The bytes of an element; minus zero counts as zero, which the exponential filter makes of it.
fn element(accessor: &Accessor, number: usize) -> Vec<u8> {
    let size = accessor.element_bytes();
    let bytes = &accessor.bytes()[number * size..][..size];
    if accessor.component != Component::F32 {
        return bytes.to_vec();
    }
    let floats = bytes.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes) + 0.0);
    floats.flat_map(f32::to_le_bytes).collect()
}

/// Panics unless both draw the same; attributes that nothing reads may be missing afterwards.
pub fn assert_same(before: &Document, after: &Document, pass: &str) {
    let (old, new) = (drawn(before), drawn(after));
    assert_eq!(old.len(), new.len(), "{pass}: primitives drawn");
    for (old, new) in old.into_iter().zip(new) {
        let names: Vec<String> = streams(after, new).into_keys().collect();
        let known = streams(before, old);
        assert!(names.iter().all(|name| known.contains_key(name)), "{pass}: a new attribute in {names:?}");
        for lost in known.keys().filter(|name| !names.contains(name)) {
            let may_go = match pass {
                "prune" => lost.contains("TEXCOORD_") || lost.contains("TANGENT"),
                "tangents" => lost == "TANGENT",
                _ => false,
            };
            assert!(may_go && !after.dropped.is_empty(), "{pass}: {lost} is gone");
        }
        assert!(
            faces(before, old, &names) == faces(after, new, &names),
            "{pass}: {new:?} draws something else"
        );
    }
}

/// Panics unless both draw the same but for directions; triangles that are a line or a point may be missing.
pub fn assert_same_places(before: &Document, after: &Document) {
    let (old, new) = (drawn(before), drawn(after));
    assert_eq!(old.len(), new.len(), "primitives drawn");
    for (old, new) in old.into_iter().zip(new) {
        let mut names: Vec<String> = streams(after, new).into_keys().collect();
        assert_eq!(names, streams(before, old).into_keys().collect::<Vec<_>>());
        names.retain(|name| !name.contains("NORMAL") && !name.contains("TANGENT"));
        let faces = |document, id| {
            let place = names.iter().position(|name| name == "POSITION").unwrap();
            let start =
                names[..place].iter().map(|name| streams(document, id)[name].element_bytes()).sum::<usize>();
            let size = streams(document, id)["POSITION"].element_bytes();
            let place = |vertex: &Vec<u8>| vertex[start..start + size].to_vec();
            let mut faces = faces(document, id, &names);
            faces.retain(|face| {
                face.len() != 3 || {
                    let places: BTreeSet<Vec<u8>> = face.iter().map(place).collect();
                    places.len() == 3
                }
            });
            faces
        };
        assert!(faces(before, old) == faces(after, new), "{new:?} draws something else");
    }
}

/// How many vertices each primitive draws.
pub fn sizes(document: &Document) -> Vec<usize> {
    let size = |id| primitives::drawn_vertices(document, primitives::json(document, id)).len();
    drawn(document).into_iter().map(size).collect()
}
