//! What is joined, what stays apart, and where vertices go.

use serde_json::{Value, json};

use super::*;
use crate::optimize::document::{Accessor, Shape};
use crate::optimize::passes::run_alone;
use crate::optimize::settings::Settings;

/// Squares of four vertices: accessors 0, 2, 4 are positions, 1, 3, 5 indices.
fn document(root: Value) -> Document {
    let corners = [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 0.0];
    let square = |shift: f32| {
        let positions: Vec<f32> = corners.iter().map(|v| v + shift).collect();
        [Accessor::from_floats(Shape::Vec3, &positions), Accessor::from_indices(&[0, 1, 2, 0, 2, 3], 4)]
    };
    let accessors = [0.0, 0.5, 1.0].map(square).into_iter().flatten().collect();
    Document { root: root.as_object().unwrap().clone(), accessors, ..Document::default() }
}

fn primitive(number: usize) -> Value {
    json!({ "attributes": { "POSITION": 2 * number }, "indices": 2 * number + 1 })
}

fn mesh(number: usize) -> Value {
    json!({ "primitives": [primitive(number)] })
}

fn run(root: Value) -> (Document, Outcome) {
    let mut document = document(root);
    let outcome = run_alone(&Join, &mut document, Settings::default());
    (document, outcome)
}

#[test]
fn primitives_of_a_mesh_with_one_material_become_one() {
    let mut red = primitive(2);
    red["material"] = 0.into();
    let mesh = json!({ "name": "lamp", "primitives": [primitive(0), red, primitive(1)] });
    let (document, _) = run(json!({ "meshes": [mesh], "materials": [{}], "nodes": [{ "mesh": 0 }] }));
    let list = document.list("meshes")[0]["primitives"].as_array().unwrap();
    assert_eq!(list.len(), 2);
    assert_eq!(primitives::drawn_vertices(&document, &list[0]), [0, 1, 2, 0, 2, 3, 4, 5, 6, 4, 6, 7]);
    assert_eq!(primitives::vertex_count(&document, &list[0]), 8);
    assert_eq!(list[1]["material"], 0);
    assert_eq!(document.accessors.len(), 4);
}

#[test]
fn shared_vertices_stay_shared() {
    let (a, mut b) = (primitive(0), primitive(0));
    b["indices"] = 3.into();
    let (document, _) = run(json!({ "meshes": [{ "primitives": [a, b] }], "nodes": [{ "mesh": 0 }] }));
    let joined = &document.list("meshes")[0]["primitives"][0];
    assert_eq!(primitives::vertex_count(&document, joined), 4);
    assert_eq!(primitives::drawn_vertices(&document, joined).len(), 12);
}

/// Vertices that two primitives draw without indices were drawn once.
#[test]
fn regression_what_is_drawn_twice_is_drawn_twice() {
    let bare = json!({ "attributes": { "POSITION": 0 } });
    let (document, _) = run(json!({ "meshes": [{ "primitives": [bare, bare] }], "nodes": [{ "mesh": 0 }] }));
    let joined = &document.list("meshes")[0]["primitives"][0];
    assert_eq!(primitives::drawn_vertices(&document, joined), [0, 1, 2, 3, 0, 1, 2, 3]);
}

#[test]
fn nodes_beside_each_other_become_one_where_they_stand() {
    let root = json!({
        "scenes": [{ "nodes": [0] }],
        "nodes": [
            { "children": [1, 2, 3] },
            { "mesh": 0, "translation": [0, 0, 1] },
            { "mesh": 1, "name": "door" },
            { "mesh": 2, "translation": [0, -1, 0] },
        ],
        "meshes": [mesh(0), mesh(1), mesh(2)],
    });
    let (document, _) = run(root);
    let expected = json!([{ "children": [1, 2] }, { "mesh": 0 }, { "mesh": 1, "name": "door" }]);
    assert_eq!(document.root["nodes"], expected);
    let joined = &document.list("meshes")[0]["primitives"][0];
    let positions = primitives::attribute(&document, joined, "POSITION").unwrap().vectors::<3>();
    assert_eq!((positions[0], positions[4]), ([0.0, 0.0, 1.0], [1.0, 0.0, 1.0]));
    assert_eq!(document.list("meshes").len(), 2);
}

#[test]
fn what_has_a_name_extras_or_another_use_stays_apart() {
    let two = |change: fn(&mut Value)| {
        let mut root = json!({
            "scenes": [{ "nodes": [0, 1] }], "nodes": [{ "mesh": 0 }, { "mesh": 1 }],
            "meshes": [mesh(0), mesh(1)], "materials": [{ "alphaMode": "BLEND" }],
        });
        change(&mut root);
        run(root).1
    };
    assert!(matches!(two(|_| {}), Outcome::Changed(_)));
    for change in [
        |root: &mut Value| root["meshes"][1]["name"] = "lamp".into(),
        |root: &mut Value| root["nodes"][1]["extras"] = json!({ "price": 3 }),
        |root: &mut Value| root["meshes"][1]["primitives"][0]["extras"] = json!(1),
        |root: &mut Value| root["meshes"][1]["primitives"][0]["targets"] = json!([{ "POSITION": 4 }]),
        |root: &mut Value| root["meshes"][1]["primitives"][0]["indices"] = 1.into(),
        |root: &mut Value| {
            root["meshes"][0]["primitives"][0]["material"] = 0.into();
            root["meshes"][1]["primitives"][0]["material"] = 0.into();
        },
        |root: &mut Value| root["nodes"][1]["scale"] = json!([0.1, 0.1, 0.1]),
    ] {
        assert!(matches!(two(change), Outcome::Unchanged(_)));
    }
}

#[test]
fn nodes_keep_keeps_them() {
    let root =
        json!({ "meshes": [{ "primitives": [primitive(0), primitive(1)] }], "nodes": [{ "mesh": 0 }] });
    let settings = Settings { nodes: Nodes::Keep, ..Settings::default() };
    assert!(matches!(run_alone(&Join, &mut document(root), settings), Outcome::Unchanged(_)));
}
