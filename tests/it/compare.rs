//! `glb-optimizer compare`: damage made in code, and the exit code that scripts act on.

use serde_json::{Value, json};

use crate::cli::Desk;
use crate::fixtures::file::{Elements, File};
use crate::fixtures::form::{Form, Geometry};

/// A torus and a small box on it, with a clip that lifts the box and a variant that paints the torus.
fn model() -> File {
    let mut file = File::new();
    for (form, size) in [(Form::Torus, 1.0), (Form::Cube, 0.2)] {
        let geometry = Geometry::new(form, 24, 12, size);
        let positions = file.attribute(&Elements::floats("VEC3", &geometry.positions.concat()));
        let normals = file.attribute(&Elements::floats("VEC3", &geometry.normals.concat()));
        let indices = file.accessor(&Elements::words(&geometry.indices));
        let attributes = json!({ "POSITION": positions, "NORMAL": normals });
        let primitive = json!({ "attributes": attributes, "indices": indices, "material": 0 });
        file.push("meshes", json!({ "primitives": [primitive] }));
    }
    file.push("materials", json!({ "pbrMetallicRoughness": { "baseColorFactor": [0.8, 0.1, 0.1, 1.0] } }));
    file.push("materials", json!({ "pbrMetallicRoughness": { "baseColorFactor": [0.1, 0.1, 0.8, 1.0] } }));
    file.push("nodes", json!({ "mesh": 0, "name": "ring" }));
    file.push("nodes", json!({ "mesh": 1, "name": "box", "translation": [0.45, 0.1, 0.0] }));
    file.push("scenes", json!({ "nodes": [0, 1] }));
    file.root.insert("scene".into(), 0.into());
    add_clip(&mut file);
    let mappings = json!({ "mappings": [{ "material": 1, "variants": [0] }] });
    file.root["meshes"][0]["primitives"][0]["extensions"] = json!({ "KHR_materials_variants": mappings });
    file.declare("KHR_materials_variants");
    let variants = json!({ "KHR_materials_variants": { "variants": [{ "name": "blue" }] } });
    file.root.insert("extensions".into(), variants);
    file
}

fn add_clip(file: &mut File) {
    let times = file.accessor(&Elements::floats("SCALAR", &[0.0, 1.0]));
    let places = file.accessor(&Elements::floats("VEC3", &[0.45, 0.1, 0.0, 0.45, 0.9, 0.0]));
    file.push(
        "animations",
        json!({
            "channels": [{ "sampler": 0, "target": { "node": 1, "path": "translation" } }],
            "samplers": [{ "input": times, "output": places }],
        }),
    );
}

/// The model after somebody damaged it.
fn damaged(damage: impl FnOnce(&mut File)) -> Vec<u8> {
    let mut file = model();
    damage(&mut file);
    file.glb()
}

fn desk(after: &[u8]) -> Desk {
    Desk::new().with("before.glb", &model().glb()).with("after.glb", after)
}

/// The exit code was 0 whatever was lost, as long as the mean of the whole views at rest was small.
#[test]
fn regression_what_is_lost_is_past_the_budget_wherever_it_is_seen() {
    let lost_clip = damaged(|file| drop(file.root.shift_remove("animations")));
    let lost_variant = damaged(|file| {
        drop(file.root.shift_remove("extensions"));
        drop(file.root["meshes"][0]["primitives"][0].as_object_mut().unwrap().shift_remove("extensions"));
    });
    let lost_box = damaged(|file| file.root["scenes"][0]["nodes"] = json!([0]));
    for (after, words) in
        [(lost_clip, "in a clip"), (lost_variant, "variant 0"), (lost_box, "node 1 \"box\"")]
    {
        let ended = desk(&after).run(&["compare", "before.glb", "after.glb", "--json"]);
        assert_eq!(ended.code, 1, "{words}: {}", ended.stderr);
        assert!(ended.stderr.contains(words) && ended.stderr.contains("bound"), "{}", ended.stderr);
        let answer: Value = serde_json::from_str(&ended.stdout).unwrap();
        assert_eq!(answer["verdict"]["passes"], false);
        assert!(answer["mean"].is_number(), "{answer}");
    }
}

#[test]
fn the_same_model_passes_and_all_bounds_are_told() {
    let ended = desk(&model().glb()).run(&["compare", "before.glb", "after.glb", "--json"]).done();
    let verdict = serde_json::from_str::<Value>(&ended.stdout).unwrap()["verdict"].clone();
    assert_eq!((&verdict["passes"], &verdict["reason"]), (&json!(true), &Value::Null));
    let bounds = verdict["bounds"].as_array().unwrap();
    let names: Vec<&str> = bounds.iter().filter_map(|bound| bound["measure"].as_str()).collect();
    for name in
        ["mean", "worst", "close_worst", "detail_worst", "silhouette", "joints", "durations", "surface"]
    {
        assert!(names.contains(&name), "{name} is not in {names:?}");
    }
}

/// `nan` passed everything, and so did `inf` and a million.
#[test]
fn regression_an_error_is_a_number_that_means_something() {
    for error in ["nan", "inf", "1e9", "-1", "-0.5", "0", "many"] {
        let arguments = ["compare", "before.glb", "after.glb", "--max-error", error];
        let words = ["a number from 0.001 to 0.5", error];
        let ended = desk(&model().glb()).run(&arguments).failed(2, &words);
        assert!(!ended.stderr.contains("tip:"), "{}", ended.stderr);
    }
}

/// An empty scene had no views, and so no error; whatever it was compared with was the same.
#[test]
fn regression_nothing_drawn_is_not_the_same_as_something() {
    let empty = damaged(|file| file.root["scenes"][0]["nodes"] = json!([]));
    let without = damaged(|file| {
        drop(file.root.shift_remove("scenes"));
        drop(file.root.shift_remove("scene"));
    });
    for blank in [&empty, &without] {
        let ended = desk(blank).run(&["compare", "after.glb", "before.glb"]);
        assert_eq!(ended.code, 1, "{}", ended.stderr);
        assert!(ended.stderr.contains("the original shows nothing"), "{}", ended.stderr);
        assert_eq!(desk(blank).run(&["compare", "before.glb", "after.glb"]).code, 1);
        let same = desk(blank).run(&["compare", "after.glb", "after.glb"]).done();
        assert!(same.stdout.contains("neither model shows anything"), "{}", same.stdout);
        assert!(!same.stdout.contains("-0.0"), "{}", same.stdout);
    }
}

/// A script took what could not be read for models that look different.
#[test]
fn regression_what_cannot_be_compared_does_not_look_different() {
    let desk = desk(&damaged(|_| {}));
    let words = ["the models cannot be compared", "missing.glb"];
    drop(desk.run(&["compare", "missing.glb", "after.glb"]).failed(2, &words));
    let words = ["the models cannot be compared", "after.glb"];
    drop(
        desk.run(&["compare", "after.glb", "after.glb", "--images", "after.glb/pictures"]).failed(2, &words),
    );
}

/// A scene too large for pictures was not drawn at all, and so had no error.
#[test]
fn regression_a_scene_too_large_to_be_drawn_is_not_compared() {
    let many = damaged(|file| {
        let places = file.accessor(&Elements::floats("VEC3", &[0.0; 3 * 130_000]));
        let attributes = json!({ "attributes": { "TRANSLATION": places } });
        file.root["nodes"][0]["extensions"] = json!({ "EXT_mesh_gpu_instancing": attributes });
        file.declare("EXT_mesh_gpu_instancing");
    });
    let desk = desk(&many);
    let words = ["the models cannot be compared", "vertices"];
    drop(desk.run(&["compare", "after.glb", "after.glb"]).failed(2, &words));
    let made = desk.run(&["optimize", "after.glb", "-o", "small.glb", "--effort", "fast"]).done();
    assert!(made.stdout.contains("warning: no picture was made"), "{}", made.stdout);
}
