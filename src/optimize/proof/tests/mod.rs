//! The proof on models made in code; what it makes of damage is in [`damage`].

mod blame;
mod damage;
mod glass;
mod missing;
mod order;

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
pub(in crate::optimize) fn balls() -> Document {
    let root = json!({
        "asset": {"version": "2.0"}, "scene": 0, "scenes": [{"nodes": [0, 1, 2, 3]}],
        "nodes": [
            {"name": "left", "mesh": 0, "translation": [-1.2, 0.0, 0.0]},
            {"name": "right", "mesh": 1, "skin": 0},
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
            "name": "bumps",
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

#[test]
fn equal_models_look_the_same_from_every_side() {
    let comparison = compare(&balls(), &balls());
    assert_eq!((comparison.mean, comparison.worst, comparison.close_worst), (0.0, 0.0, 0.0));
    assert_eq!((comparison.silhouette, comparison.joints), (1.0, Some(0.0)));
    assert!(comparison.surface.is_some_and(|part| part < 1e-5), "{:?}", comparison.surface);
    assert!(comparison.views.len() >= 8, "{comparison:?}");
    assert_eq!(comparison.not_shown, Vec::<String>::new());
}

/// The balls with a clip that lifts the left one, and another that lifts it higher.
fn lifted(heights: &[f32]) -> Document {
    let mut document = balls();
    let times = Accessor { bounds: true, ..Accessor::from_floats(Shape::Scalar, &[0.0, 1.0]) };
    document.accessors.push(times);
    let clip = |i: usize| {
        json!({
            "channels": [{"sampler": 0, "target": {"node": 0, "path": "translation"}}],
            "samplers": [{"input": 7, "output": 8 + i}],
        })
    };
    document.root.insert("animations".into(), (0..heights.len()).map(clip).collect());
    let places = heights.iter().map(|height| [-1.2, 0.0, 0.0, -1.2, *height, 0.0]);
    document.accessors.extend(places.map(|places| Accessor::from_floats(Shape::Vec3, &places)));
    document
}

/// The balls, and a variant in which the left one has a material of its own.
fn varied() -> Document {
    let mut document = balls();
    document.root["materials"].as_array_mut().unwrap().push(json!({"name": "gold", "pbrMetallicRoughness": {
        "baseColorFactor": [1.0, 0.7, 0.2, 1.0], "roughnessFactor": 0.3,
    }}));
    document.list_mut("meshes")[0]["primitives"][0]["extensions"] =
        json!({"KHR_materials_variants": {"mappings": [{"material": 1, "variants": [0]}]}});
    let variants = json!({"KHR_materials_variants": {"variants": [{"name": "golden"}]}});
    document.root.insert("extensions".into(), variants);
    document
}

#[test]
fn clips_and_variants_are_looked_at_and_details_close_up() {
    let names = |document: &Document| -> Vec<String> {
        compare(document, document).views.into_iter().map(|view| view.name).collect()
    };
    let of_clips = names(&lifted(&[1.0; 9]));
    let poses: Vec<_> = of_clips.iter().filter(|name| name.contains("clip")).collect();
    assert_eq!(poses.len(), 8, "four clips at two moments each: {poses:?}");
    assert!(of_clips.iter().any(|name| name == "front, clip 6 at 77 %"), "{of_clips:?}");
    assert!(names(&varied()).contains(&"front, variant 0".to_owned()));
    assert!(names(&balls()).iter().any(|name| name.ends_with(", detail")));
}

#[test]
fn points_lines_and_instances_are_drawn() {
    let pixels = |document: &Document| compare(document, document).views[0].pixels;
    let alone = |mode: u32| {
        let mut document = balls();
        document.list_mut("meshes")[0]["primitives"][0]["mode"] = mode.into();
        document.root["scenes"][0]["nodes"] = json!([0]);
        document
    };
    let [points, lines, triangles] = [0, 1, 4].map(|mode| pixels(&alone(mode)));
    assert!(0 < points && points < lines && lines < triangles, "{points}, {lines}, {triangles}");
    let mut repainted = alone(0);
    repainted.images[0] = image(|_, _| [0, 90, 0]);
    let error = compare(&alone(0), &repainted).mean;
    assert!(error > 0.1, "points have the colours of their texture: {error}");
    let mut many = alone(4);
    let places = Accessor::from_floats(Shape::Vec3, &[0.0, 0.0, 0.0, 4.0, 0.0, 0.0]);
    many.accessors.push(places);
    many.list_mut("nodes")[0]["extensions"] =
        json!({"EXT_mesh_gpu_instancing": {"attributes": {"TRANSLATION": 7}}});
    let mut shapes = Reference::new(&many).compare(&alone(4));
    assert!(shapes.silhouette < 0.6, "half of the instances are missing: {shapes:?}");
    shapes = Reference::new(&many).compare(&many);
    assert_eq!(shapes.silhouette, 1.0);
}

/// A cloud of points was told to have another outline wherever its positions were rounded, however finely.
#[test]
fn regression_points_that_move_by_nothing_have_the_same_outline() {
    let mut before = balls();
    for mesh in 0..2 {
        before.root["meshes"][mesh]["primitives"][0]["mode"] = 0.into();
    }
    let mut after = before.clone();
    let rounded = |value: &f32| (value * 65_536.0).round() / 65_536.0 + 3e-6;
    let positions: Vec<f32> = before.accessors[0].floats().iter().map(rounded).collect();
    after.accessors[0] = Accessor::from_floats(Shape::Vec3, &positions);
    let seen = compare(&before, &after);
    assert!(seen.mean < 0.01 && seen.silhouette > 0.995, "{} {}", seen.mean, seen.silhouette);
}

/// Of influences that were cut at four, others had made the sum of weights 1 again, and every one of their results looked broken.
#[test]
fn regression_weights_count_in_proportion_to_their_sum() {
    let before = balls();
    let mut after = before.clone();
    let weights: Vec<f32> =
        before.accessors[5].vectors::<4>().as_flattened().iter().map(|w| w * 0.7).collect();
    after.accessors[5] = Accessor::from_floats(Shape::Vec4, &weights);
    let seen = compare(&before, &after);
    assert!(seen.mean < 1e-3 && seen.silhouette > 0.999, "{seen:?}");
}

#[test]
fn glass_shows_what_is_behind_it() {
    let mut clear = balls();
    clear.list_mut("materials")[0]["extensions"] =
        json!({"KHR_materials_transmission": {"transmissionFactor": 1.0}});
    clear.list_mut("nodes")[1]["translation"] = json!([0.0, 0.0, 0.0]);
    let mut opaque = clear.clone();
    drop(opaque.list_mut("materials")[0].as_object_mut().unwrap().remove("extensions"));
    let comparison = compare(&clear, &opaque);
    assert!(comparison.mean > 0.05, "{comparison:?}");
    assert_eq!(comparison.not_shown, ["KHR_materials_transmission is drawn without refraction and blur"]);
    // Less is allowed where more may be seen than was measured.
    let look = Budget::of(&Settings::default()).look;
    let sure = Comparison { glass: 0.0, ..comparison.clone() };
    assert!(look.part(&comparison) > 1.3 * look.part(&sure), "{}", comparison.glass);
    let pane = Comparison { glass: 0.02, ..comparison.clone() };
    assert!(look.part(&pane) < 1.03 * look.part(&sure), "a pane is not the whole of it");
    assert_eq!(compare(&opaque, &clear).glass, 0.0);
}

/// A mirror that curves within a pixel is blurred, and does not sparkle: teapots, of which there were two thousand in a view, showed
/// the least shift of a normal.
#[test]
fn the_smaller_a_ball_the_less_is_seen_of_how_smooth_it_is() {
    let mirror = |roughness: f32, size: f32| {
        let mut document = balls();
        document.root["materials"] = json!([{"pbrMetallicRoughness": {"roughnessFactor": roughness}}]);
        document.root["nodes"][0]["scale"] = json!([size, size, size]);
        document
    };
    let seen = |size: f32| {
        let view = compare(&mirror(0.0, size), &mirror(0.25, size)).views[0].clone();
        view.error * view.pixels as f32 / (size * size)
    };
    let [large, small] = [seen(1.0), seen(0.012)];
    assert!(small > 0.0 && small * 2.0 < large, "{small} against {large}");
}

#[test]
fn a_solid_colours_the_light_that_goes_through_it() {
    let of = |thickness: f32, scale: f32| {
        let mut document = balls();
        document.list_mut("materials")[0]["extensions"] = json!({
            "KHR_materials_transmission": {"transmissionFactor": 1.0},
            "KHR_materials_volume":
                {"thicknessFactor": thickness, "attenuationDistance": 1.0, "attenuationColor": [0.2, 0.6, 1.0]},
        });
        for node in document.list_mut("nodes") {
            node["scale"] = json!([scale, scale, scale]);
        }
        // One stands behind the other, which is seen from the sides.
        document.list_mut("nodes")[1]["translation"] = json!([0.0, 0.0, 0.0]);
        document
    };
    let error = |a: &Document, b: &Document| compare(a, b).mean;
    assert!(error(&of(1.0, 1.0), &of(0.0, 1.0)) > 0.01);
    assert!(error(&of(1.0, 1.0), &of(1.1, 1.0)) < error(&of(1.0, 1.0), &of(2.0, 1.0)));
    assert_eq!(compare(&of(1.0, 1.0), &of(1.0, 1.0)).mean, 0.0);
}

#[test]
fn images_are_told_apart_that_no_picture_shows() {
    let mut document = balls();
    let shown = drawn_images(&document);
    document.images.push(bumps(1.0));
    document.root["textures"].as_array_mut().unwrap().push(json!({"source": 2}));
    document.list_mut("materials")[0]["extensions"] = json!({"KHR_materials_diffuse_transmission": {
        "diffuseTransmissionFactor": 1.0, "diffuseTransmissionColorTexture": {"index": 2},
    }});
    assert_eq!(shown, [0, 1].into());
    assert_eq!(drawn_images(&document), shown);
}

#[test]
fn fewer_views_see_about_as_much_and_the_worst_one_is_shown() {
    let (original, mut result) = (balls(), balls());
    result.images[1] = bumps(-1.0);
    let reference = Reference::new(&original);
    let mut comparison = reference.compare(&result);
    let lists = [vec![], vec![0], vec![1]];
    let few = [Glance::Around, Glance::CloseUp];
    let (restored, on_surface) = reference.compare_parts(&result, (&original, &lists), &[&original], &few);
    let [glance, other, right] = &restored[..] else { panic!("{restored:?}") };
    assert_eq!(on_surface, std::slice::from_ref(glance), "the surface was not changed");
    assert_eq!((other, right.mean), (glance, 0.0), "only the second image was changed");
    assert!((glance.mean / comparison.mean - 1.0).abs() < 0.3, "{glance:?} is not like {comparison:?}");
    assert_eq!((glance.close_worst, glance.views.len()), (comparison.close_worst, 6));
    let mut counts = Vec::new();
    let whole = reference.compare_attempt(&result, |seen| {
        counts.push(seen.views.len());
        false
    });
    assert_eq!((&counts[..2], counts[3]), (&[4, 6][..], comparison.views.len()));
    assert_eq!(whole, Comparison { joints: None, surface: None, morphs: None, ..comparison.clone() });
    assert_eq!(&reference.as_seen_in(&few, &whole), glance);
    let fewer = reference.compare_attempt(&result, |seen| seen.views.len() >= 6);
    assert_eq!(&fewer, glance);
    let pictures = reference.complete(&result, &mut comparison).unwrap();
    assert_eq!(pictures.name, comparison.worst_view().unwrap().name);
    assert_eq!((pictures.pixels.width(), pictures.pixels.height()), (3 * 512, 512));
    let (_, all) = reference.compare_in_pictures(&result);
    let same = all.iter().find(|other| other.name == pictures.name).unwrap();
    assert!(same.pixels.texels() == pictures.pixels.texels());
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

#[test]
fn the_larger_an_error_the_lighter_its_colour() {
    let lightness = |part: f32| {
        let [r, g, b] = seen::heat(part).map(f32::from);
        0.21 * r + 0.72 * g + 0.07 * b
    };
    let all: Vec<f32> = (0..=100).map(|percent| lightness(percent as f32 / 100.0)).collect();
    assert!(all.is_sorted() && all[0] < 1.0 && all[100] > 245.0, "{all:?}");
    assert_eq!(seen::heat(2.0), seen::heat(1.0));
}
