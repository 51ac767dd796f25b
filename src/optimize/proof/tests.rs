//! Damage of every kind that an optimizer can do, done on purpose: it must be seen.

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::optimize::Settings;
use crate::optimize::budget::Budget;
use crate::optimize::codecs::png;
use crate::optimize::document::accessor::{Accessor, Component, Shape};
use crate::optimize::document::{Image, ImageSource};

const COLUMNS: u16 = 32;
const ROWS: u16 = 16;

/// Two balls beside each other: the left one with a picture and a normal map, the right one bent by a joint and
/// bulged by a morph target.
fn balls() -> Document {
    let root = json!({
        "asset": {"version": "2.0"}, "scene": 0, "scenes": [{"nodes": [0, 1, 2, 3]}],
        "nodes": [
            {"mesh": 0, "translation": [-1.2, 0.0, 0.0]},
            {"mesh": 1, "skin": 0},
            {"translation": [1.2, 0.0, 0.0]},
            {"translation": [1.2, 0.0, 0.0], "rotation": [0.0, 0.0, 0.38, 0.92]},
        ],
        "meshes": [
            {"primitives": [{"attributes": {"POSITION": 0, "NORMAL": 1, "TEXCOORD_0": 2}, "indices": 3, "material": 0}]},
            {"primitives": [{
                "attributes": {"POSITION": 0, "NORMAL": 1, "JOINTS_0": 4, "WEIGHTS_0": 5}, "indices": 3,
                "targets": [{"POSITION": 6}],
            }], "weights": [1.0]},
        ],
        "skins": [{"joints": [2, 3]}],
        "materials": [{
            "pbrMetallicRoughness": {"baseColorTexture": {"index": 0}, "metallicFactor": 0.0, "roughnessFactor": 0.4},
            "normalTexture": {"index": 1},
        }],
        "textures": [{"source": 0}, {"source": 1}],
    });
    let accessors = ball();
    let images =
        vec![image(|x, y| if (x / 8 + y / 8) % 2 == 0 { [220, 60, 40] } else { [40, 90, 200] }), bumps(1.0)];
    Document { root: root.as_object().unwrap().clone(), accessors, images, ..Document::default() }
}

fn ball() -> Vec<Accessor> {
    let angles = (0..=ROWS).flat_map(|row| (0..=COLUMNS).map(move |column| (column, row)));
    let corners: Vec<([f32; 3], [f32; 2])> = angles
        .map(|(column, row)| {
            let (u, v) = (f32::from(column) / f32::from(COLUMNS), f32::from(row) / f32::from(ROWS));
            let (turn, height) = (u * std::f32::consts::TAU, v * std::f32::consts::PI);
            ([height.sin() * turn.sin(), height.cos(), height.sin() * turn.cos()], [u * 2.0, v])
        })
        .collect();
    let points: Vec<f32> = corners.iter().flat_map(|corner| corner.0).collect();
    let uvs: Vec<f32> = corners.iter().flat_map(|corner| corner.1).collect();
    let line = u32::from(COLUMNS) + 1;
    let quads =
        (0..u32::from(ROWS)).flat_map(|row| (0..u32::from(COLUMNS)).map(move |column| row * line + column));
    let indices: Vec<u32> = quads.flat_map(|a| [a, a + line, a + 1, a + 1, a + line, a + line + 1]).collect();
    // The upper half hangs on the second joint.
    let joints = corners.iter().flat_map(|(at, _)| [u8::from(at[1] > 0.0), 0, 0, 0]).collect();
    let weights: Vec<f32> = corners.iter().flat_map(|_| [1.0, 0.0, 0.0, 0.0]).collect();
    let bulge: Vec<f32> = corners.iter().flat_map(|(at, _)| [0.0, 0.0, at[2].max(0.0) * 0.4]).collect();
    vec![
        Accessor { bounds: true, ..Accessor::from_floats(Shape::Vec3, &points) },
        Accessor::from_floats(Shape::Vec3, &points),
        Accessor::from_floats(Shape::Vec2, &uvs),
        Accessor::from_indices(&indices, corners.len()),
        Accessor::from_bytes(Component::U8, Shape::Vec4, joints),
        Accessor::from_floats(Shape::Vec4, &weights),
        Accessor { bounds: true, ..Accessor::from_floats(Shape::Vec3, &bulge) },
    ]
}

fn image(colour: impl Fn(u32, u32) -> [u8; 3]) -> Image {
    let texel = |i: u32| colour(i % 64, i / 64);
    let rgba = (0..64 * 64).map(texel).flat_map(|[r, g, b]| [r, g, b, 255]).collect();
    let file = png::encode(&Pixels::new(64, 64, rgba).unwrap(), &png::Options::default()).unwrap();
    let source = ImageSource::Bytes(Arc::new(file));
    Image {
        mime: "image/png".into(),
        source,
        rest: serde_json::Map::new(),
        view_rest: serde_json::Map::new(),
    }
}

/// Waves as a normal map; `up` is 1, or -1 for a green channel upside down.
fn bumps(up: f32) -> Image {
    image(|x, y| {
        let wave = |at: u32| (at as f32 * std::f32::consts::TAU / 16.0).sin() * 0.5;
        [128.0 + 127.0 * wave(x), 128.0 + 127.0 * wave(y) * up, 220.0].map(|v| v as u8)
    })
}

fn compare(before: &Document, after: &Document) -> Comparison {
    Reference::new(before).compare(after)
}

fn damaged(damage: impl Fn(&mut Document)) -> Comparison {
    let original = balls();
    let mut result = original.clone();
    damage(&mut result);
    compare(&original, &result)
}

/// Asserts that damage is seen, and on which node.
fn assert_seen(node: u32, damage: impl Fn(&mut Document)) {
    let comparison = damaged(damage);
    assert!(is_refused(&comparison), "{comparison:?}");
    let worst = comparison.views.iter().max_by(|a, b| a.error.total_cmp(&b.error)).unwrap();
    assert_eq!(worst.node, Some(node), "{worst:?}");
}

/// Whether a result that looks like this is refused at the default settings.
fn is_refused(comparison: &Comparison) -> bool {
    Budget::of(&Settings::default()).look.part(comparison) > 1.0
}

fn material(document: &mut Document) -> &mut serde_json::Map<String, Value> {
    document.list_mut("materials")[0].as_object_mut().unwrap()
}

#[test]
fn equal_models_look_the_same_from_every_side() {
    let comparison = damaged(|_| {});
    assert_eq!((comparison.mean, comparison.worst, comparison.close_worst), (0.0, 0.0, 0.0));
    assert_eq!(comparison.silhouette, 1.0);
    assert!(comparison.views.len() >= 8, "{comparison:?}");
    assert_eq!(comparison.not_shown, Vec::<String>::new());
}

#[test]
fn a_dropped_texture_is_seen() {
    assert_seen(0, |document| {
        drop(material(document)["pbrMetallicRoughness"].as_object_mut().unwrap().remove("baseColorTexture"))
    });
}

#[test]
fn a_texture_that_cannot_be_decoded_is_seen_and_named() {
    assert_seen(0, |document| document.images[0].source = ImageSource::Bytes(Arc::new(vec![1, 2, 3])));
    let comparison =
        damaged(|document| document.images[0].source = ImageSource::Bytes(Arc::new(vec![1, 2, 3])));
    assert_eq!(comparison.not_shown, ["image 0 of the result cannot be decoded"]);
}

#[test]
fn a_flipped_normal_map_is_seen() {
    assert_seen(0, |document| document.images[1] = bumps(-1.0));
}

#[test]
fn a_torn_seam_is_seen() {
    assert_seen(1, |document| {
        let mut points = document.accessors[0].vectors::<3>();
        let upper = points.len() / 2..points.len() / 2 + usize::from(COLUMNS);
        points[upper].iter_mut().for_each(|point| point[1] += 0.4);
        document.accessors.push(Accessor::from_floats(Shape::Vec3, &points.concat()));
        document.list_mut("meshes")[1]["primitives"][0]["attributes"]["POSITION"] = 7.into();
    });
}

#[test]
fn a_wrong_joint_is_seen() {
    assert_seen(1, |document| document.list_mut("skins")[0]["joints"] = json!([3, 2]));
}

#[test]
fn a_lost_morph_is_seen() {
    assert_seen(1, |document| document.list_mut("meshes")[1]["weights"] = json!([0.0]));
}

#[test]
fn a_blank_file_has_nothing_in_common() {
    let comparison = damaged(|document| document.root["scenes"][0]["nodes"] = json!([]));
    assert_eq!(comparison.silhouette, 0.0);
    assert!(comparison.mean > 0.2, "{comparison:?}");
}

#[test]
fn a_moved_clip_is_seen_in_its_poses() {
    let mut original = balls();
    let times = Accessor { bounds: true, ..Accessor::from_floats(Shape::Scalar, &[0.0, 1.0]) };
    let places = Accessor::from_floats(Shape::Vec3, &[-1.2, 0.0, 0.0, -1.2, 1.0, 0.0]);
    original.accessors.extend([times, places]);
    let clip = json!([{
        "channels": [{"sampler": 0, "target": {"node": 0, "path": "translation"}}],
        "samplers": [{"input": 7, "output": 8}],
    }]);
    original.root.insert("animations".into(), clip);
    let mut result = original.clone();
    result.accessors[8] = Accessor::from_floats(Shape::Vec3, &[-1.2, 0.0, 0.0, -1.2, 0.5, 0.0]);
    let comparison = compare(&original, &result);
    assert_eq!(comparison.mean, 0.0, "at rest nothing has changed");
    assert!(is_refused(&comparison), "{comparison:?}");
}

#[test]
fn pictures_are_the_same_on_any_number_of_threads() {
    let (original, mut result) = (balls(), balls());
    result.images[1] = bumps(0.9);
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| compare(&original, &result))
    };
    assert_eq!(on(1), on(3));
}
