//! What simplification keeps, on grids of 16 by 16 squares built here.

use serde_json::{Value, json};

use super::*;
use crate::optimize::Settings;
use crate::optimize::document::{Component, Shape};
use crate::optimize::passes::run_alone;

const SIDE: u32 = 16;
const WIDTH: u32 = SIDE + 1;

/// Where a grid's vertices are: a unit square.
fn places() -> Vec<[f32; 3]> {
    let part = |at: u32| at as f32 / SIDE as f32;
    (0..WIDTH * WIDTH).map(|v| [part(v % WIDTH), part(v / WIDTH), 0.0]).collect()
}

/// The triangles of the columns from `first` up to `last`.
fn columns(first: u32, last: u32) -> Vec<u32> {
    let squares = (0..SIDE).flat_map(|y| (first..last).map(move |x| y * WIDTH + x));
    squares.flat_map(|v| [v, v + 1, v + WIDTH, v + 1, v + WIDTH + 1, v + WIDTH]).collect()
}

/// A document of one mesh in one node; primitives name their accessors by position in the list.
fn document(primitives: Value, accessors: Vec<Accessor>) -> Document {
    let root = json!({
        "scenes": [{ "nodes": [0] }], "nodes": [{ "mesh": 0 }], "meshes": [{ "primitives": primitives }],
    });
    Document { root: root.as_object().unwrap().clone(), accessors, ..Document::default() }
}

fn positions(places: &[[f32; 3]]) -> Accessor {
    Accessor::from_floats(Shape::Vec3, places.as_flattened())
}

fn whole() -> Accessor {
    Accessor::from_indices(&columns(0, SIDE), places().len())
}

fn run(document: &mut Document, settings: Settings) -> Outcome {
    run_alone(&Simplify, document, settings)
}

/// How many triangles the first primitive has after the pass at default settings.
fn triangles_after(mut document: Document) -> usize {
    run(&mut document, Settings::default());
    triangles(&document)
}

fn triangles(document: &Document) -> usize {
    primitives::drawn_vertices(document, &document.list("meshes")[0]["primitives"][0]).len() / 3
}

/// A grid with one more attribute.
fn with_attribute(name: &str, accessor: Accessor) -> Document {
    let primitive = json!({ "attributes": { "POSITION": 0, name: 2 }, "indices": 1 });
    document(json!([primitive]), vec![positions(&places()), whole(), accessor])
}

const ALL: usize = 2 * (SIDE * SIDE) as usize;

#[test]
fn a_flat_grid_becomes_few_triangles_and_loses_its_other_vertices() {
    let mut document = document(
        json!([{ "attributes": { "POSITION": 0 }, "indices": 1 }]),
        vec![positions(&places()), whole()],
    );
    assert!(matches!(run(&mut document, Settings::default()), Outcome::Changed(_)));
    assert!(triangles(&document) < 20, "{}", triangles(&document));
    let used = primitives::drawn_vertices(&document, &document.list("meshes")[0]["primitives"][0]);
    assert_eq!(document.accessors[0].count, used.iter().collect::<std::collections::BTreeSet<_>>().len());
}

#[test]
fn the_setting_switches_it_off_or_says_where_to_stop() {
    let grid = || with_attribute("NORMAL", positions(&vec![[0.0, 0.0, 1.0]; places().len()]));
    let with = |simplify| {
        let mut document = grid();
        run(&mut document, Settings { simplify, ..Settings::default() });
        triangles(&document)
    };
    assert_eq!(with(Setting::Off), ALL);
    assert!((ALL / 2 - 4..=ALL / 2).contains(&with(Setting::Ratio(500))));
    assert!(with(Setting::Auto) < 20);
}

#[test]
fn what_cannot_be_averaged_stays() {
    let scalar = Accessor::from_floats(Shape::Scalar, &vec![1.0; places().len()]);
    assert_eq!(triangles_after(with_attribute("_TEMPERATURE", scalar)), ALL);
    let features = json!([{ "attributes": { "POSITION": 0 }, "indices": 1,
        "extensions": { "EXT_mesh_features": { "featureIds": [{ "featureCount": 2 }] } } }]);
    assert_eq!(triangles_after(document(features, vec![positions(&places()), whole()])), ALL);
    let lines = json!([{ "attributes": { "POSITION": 0 }, "indices": 1, "mode": 1 }]);
    assert_eq!(triangles_after(document(lines, vec![positions(&places()), whole()])), ALL);
    let broken = vec![[f32::NAN; 3]; places().len()];
    let plain = json!([{ "attributes": { "POSITION": 0 }, "indices": 1 }]);
    assert_eq!(triangles_after(document(plain, vec![positions(&broken), whole()])), ALL);
}

/// Tools that look at positions only make wood shine like metal: half the triangles of a helmet went, and so did
/// the bends of its surface.
#[test]
fn regression_normals_and_colours_are_part_of_the_error() {
    let bent = places().iter().map(|p| [(p[0] * 9.0).sin() * 0.6, 0.0, 0.8]).collect::<Vec<_>>();
    let left = triangles_after(with_attribute("NORMAL", positions(&bent)));
    assert!(left > 20, "{left}");
    let painted = places().iter().map(|p| [(p[0] * 9.0).sin().abs(), 0.2, 0.2]).collect::<Vec<_>>();
    let left = triangles_after(with_attribute("COLOR_0", positions(&painted)));
    assert!(left > 20, "{left}");
}

#[test]
fn what_a_morph_target_bends_keeps_its_triangles() {
    let bend = |height: f32| {
        let moved = places().iter().map(|p| [0.0, 0.0, height * (p[0] * 9.0).sin()]).collect::<Vec<_>>();
        let primitive =
            json!({ "attributes": { "POSITION": 0 }, "indices": 1, "targets": [{ "POSITION": 2 }] });
        triangles_after(document(json!([primitive]), vec![positions(&places()), whole(), positions(&moved)]))
    };
    assert!(bend(0.0) < 20 && bend(0.2) > 30, "{} {}", bend(0.0), bend(0.2));
}

/// Sixteen targets are more numbers than the metric holds: what moves then stays, the rest goes.
#[test]
fn what_more_morph_targets_move_than_can_be_weighed_stays() {
    let moved = places().iter().map(|p| [0.0, 0.0, if p[0] < 0.5 { 0.1 } else { 0.0 }]).collect::<Vec<_>>();
    let targets: Vec<Value> = (2..18).map(|accessor| json!({ "POSITION": accessor })).collect();
    let primitive = json!({ "attributes": { "POSITION": 0 }, "indices": 1, "targets": targets });
    let mut accessors = vec![positions(&places()), whole()];
    accessors.extend(std::iter::repeat_n(positions(&moved), 16));
    let left = triangles_after(document(json!([primitive]), accessors));
    assert!((ALL / 2 - 32..ALL - 50).contains(&left), "{left}");
}

#[test]
fn vertices_of_different_joints_do_not_merge() {
    let ramp = |hard: bool| {
        let count = places().len();
        let joints = (0..count).flat_map(|v| [u8::from(hard && places()[v][0] > 0.5), 0, 0, 0]).collect();
        let weights: Vec<f32> = (0..count).flat_map(|_| [1.0, 0.0, 0.0, 0.0]).collect();
        let primitive =
            json!({ "attributes": { "POSITION": 0, "JOINTS_0": 2, "WEIGHTS_0": 3 }, "indices": 1 });
        let accessors = vec![
            positions(&places()),
            whole(),
            Accessor::from_bytes(Component::U8, Shape::Vec4, joints),
            Accessor::from_floats(Shape::Vec4, &weights),
        ];
        triangles_after(document(json!([primitive]), accessors))
    };
    assert!(ramp(false) < 20 && ramp(true) > 5, "{} {}", ramp(false), ramp(true));
}

/// Simplified one by one, two primitives that meet in a curve drew apart.
#[test]
fn primitives_keep_the_vertices_where_they_touch() {
    let wavy: Vec<[f32; 3]> = places().iter().map(|p| [p[0], p[1], 0.0003 * (p[1] * 20.0).sin()]).collect();
    let halves = [columns(0, SIDE / 2), columns(SIDE / 2, SIDE)];
    let primitives = json!([
        { "attributes": { "POSITION": 0 }, "indices": 1 }, { "attributes": { "POSITION": 2 }, "indices": 3 },
    ]);
    let [left, right] = halves.map(|half| Accessor::from_indices(&half, wavy.len()));
    let mut document = document(primitives, vec![positions(&wavy), left, positions(&wavy), right]);
    assert!(matches!(run(&mut document, Settings::default()), Outcome::Changed(_)));
    let border = |index: usize| {
        let json = &document.list("meshes")[0]["primitives"][index];
        let all = primitives::attribute(&document, json, "POSITION").unwrap().vectors::<3>();
        let drawn = primitives::drawn_vertices(&document, json);
        let on_border = drawn.iter().map(|&v| all[v as usize]).filter(|p| p[0] == 0.5);
        on_border.map(|p| p.map(f32::to_bits)).collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(border(0).len(), WIDTH as usize);
    assert_eq!(border(0), border(1));
}

#[test]
fn integers_stay_integers() {
    let bytes = places().iter().flat_map(|p| [(p[0] * 96.0) as u8, (p[1] * 96.0) as u8, 0]).collect();
    let stored = Accessor::from_bytes(Component::U8, Shape::Vec3, bytes);
    let primitive = json!([{ "attributes": { "POSITION": 0 }, "indices": 1 }]);
    let mut document = document(primitive, vec![stored, whole()]);
    assert!(matches!(run(&mut document, Settings::default()), Outcome::Changed(_)));
    assert_eq!(document.accessors[0].component, Component::U8);
    assert!(document.accessors[0].bytes().iter().all(|&byte| byte <= 96));
}
