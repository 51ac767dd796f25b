//! What other optimizers get wrong, a test each.

use std::time::{Duration, Instant};

use glb_optimizer::optimize::document::{Document, Limits, read};
use glb_optimizer::optimize::{Animation, Error, Files, Output, Settings, Simplify, optimize};
use serde_json::{Value, json};

use crate::fixtures::file::{Elements, File, glb, split};

/// Far less than a walk over all paths would take, and far more than a busy machine needs.
const PATIENCE: Duration = Duration::from_secs(60);

fn run(file: &[u8], settings: &Settings) -> Result<Output, Error> {
    optimize(file, &Files::new(), settings, &mut |_| {})
}

fn document(glb: &[u8]) -> Document {
    read::read(glb, &Files::new(), &Limits::default()).unwrap()
}

/// A grid of triangles over the unit square, moved.
fn sheet(file: &mut File, side: u16, origin: [f32; 3]) -> Value {
    let at = |i: u16| f32::from(i) / f32::from(side - 1);
    let points = (0..side).flat_map(|y| (0..side).map(move |x| (x, y)));
    let positions: Vec<f32> = points
        .flat_map(|(x, y)| [at(x) + origin[0], at(y) + origin[1], (at(x) * 7.0).sin() * 0.1 + origin[2]])
        .collect();
    let corner = |x: u16, y: u16| y * side + x;
    let cells = (0..side - 1).flat_map(|y| (0..side - 1).map(move |x| (x, y)));
    let indices: Vec<u16> = cells
        .flat_map(|(x, y)| {
            let (a, b, c, d) = (corner(x, y), corner(x + 1, y), corner(x, y + 1), corner(x + 1, y + 1));
            [a, b, c, b, d, c]
        })
        .collect();
    let position = file.attribute(&Elements::floats("VEC3", &positions));
    let indices = file.accessor(&Elements::shorts("SCALAR", &indices));
    json!({ "attributes": { "POSITION": position }, "indices": indices })
}

/// Forty joints, twenty clips, each with three channels a joint, of which few move.
fn puppet() -> Vec<u8> {
    const JOINTS: usize = 40;
    const CLIPS: usize = 20;
    const KEYS: u8 = 31;
    let mut file = File::new();
    let primitive = sheet(&mut file, 12, [0.0; 3]);
    let mesh = file.push("meshes", json!({ "primitives": [primitive] }));
    let joints: Vec<usize> = (0..JOINTS)
        .map(|i| {
            file.push(
                "nodes",
                json!({ "name": format!("joint {i}"), "mesh": mesh, "translation": [i, 0, 0] }),
            )
        })
        .collect();
    file.push("scenes", json!({ "nodes": joints }));
    for clip in 0..CLIPS {
        let (mut channels, mut samplers) = (Vec::new(), Vec::new());
        for (number, &joint) in joints.iter().enumerate() {
            for path in ["translation", "rotation", "scale"] {
                let moves = path == "rotation" && number % CLIPS == clip;
                let values: Vec<f32> = (0..KEYS)
                    .flat_map(|key| {
                        let half = if moves { (f32::from(key) * 0.3).sin() } else { 0.0 };
                        match path {
                            "translation" => vec![number as f32, 0.0, 0.0],
                            "rotation" => vec![0.0, half.sin(), 0.0, half.cos()],
                            _ => vec![1.0; 3],
                        }
                    })
                    .collect();
                let times: Vec<f32> = (0..KEYS).map(|key| f32::from(key) / 30.0).collect();
                let shape = if path == "rotation" { "VEC4" } else { "VEC3" };
                channels
                    .push(json!({ "sampler": samplers.len(), "target": { "node": joint, "path": path } }));
                samplers.push(json!({
                    "input": file.accessor(&Elements::floats("SCALAR", &times)),
                    "output": file.accessor(&Elements::floats(shape, &values)),
                    "interpolation": "LINEAR",
                }));
            }
        }
        let clip = json!({ "name": format!("clip {clip}"), "channels": channels, "samplers": samplers });
        file.push("animations", clip);
    }
    file.glb()
}

fn channels(glb: &[u8]) -> usize {
    let (json, _) = split(glb);
    let clips = json["animations"].as_array().unwrap();
    clips.iter().map(|clip| clip["channels"].as_array().unwrap().len()).sum()
}

/// Last key time of every clip.
fn durations(glb: &[u8]) -> Vec<f32> {
    let document = document(glb);
    let inputs = |clip: &Value| -> Vec<usize> {
        let samplers = clip["samplers"].as_array().unwrap().iter();
        samplers.map(|sampler| usize::try_from(sampler["input"].as_u64().unwrap()).unwrap()).collect()
    };
    let last = |index: &usize| document.accessors[*index].floats().last().copied().unwrap();
    document.list("animations").iter().map(|clip| inputs(clip).iter().map(last).fold(0.0, f32::max)).collect()
}

#[test]
fn an_animated_file_is_not_left_as_json() {
    let file = puppet();
    let auto = run(&file, &Settings::default()).unwrap();
    let keep = run(&file, &Settings { animation: Animation::Keep, ..Settings::default() }).unwrap();
    assert_eq!((channels(&file), channels(&auto.glb), channels(&keep.glb)), (2400, 40, 2400));
    assert_eq!(durations(&auto.glb), durations(&file));
    assert_eq!(durations(&keep.glb), durations(&file));
    assert!(auto.glb.len() * 20 < file.len(), "{} of {}", auto.glb.len(), file.len());
    assert!(keep.glb.len() * 4 < file.len(), "{} of {}", keep.glb.len(), file.len());
    assert!(
        auto.report.dropped.iter().any(|dropped| dropped.starts_with("2360 channels")),
        "{:?}",
        auto.report.dropped
    );
    assert!(keep.report.dropped.is_empty(), "{:?}", keep.report.dropped);
}

/// With one grid for the scene, the far mesh would make the steps of the near one a thousand times coarser.
#[test]
fn a_small_mesh_in_a_wide_scene_keeps_its_shape() {
    let mut file = File::new();
    let near = sheet(&mut file, 40, [0.0; 3]);
    let far = sheet(&mut file, 40, [5000.0, 0.0, 0.0]);
    let meshes = [near, far].map(|primitive| file.push("meshes", json!({ "primitives": [primitive] })));
    let nodes = meshes.map(|mesh| file.push("nodes", json!({ "mesh": mesh })));
    file.push("scenes", json!({ "nodes": nodes }));
    let file = file.glb();
    let points = |glb: &[u8]| {
        let document = document(glb);
        let index = document.list("meshes")[0]["primitives"][0]["attributes"]["POSITION"].as_u64().unwrap();
        let mut points = document.accessors[usize::try_from(index).unwrap()].vectors::<3>();
        points.sort_by(|a, b| {
            a.map(|v| (v * 1000.0).round()).partial_cmp(&b.map(|v| (v * 1000.0).round())).unwrap()
        });
        points
    };
    let settings = Settings { simplify: Simplify::Off, ..Settings::default() };
    let (before, after) = (points(&file), points(&run(&file, &settings).unwrap().glb));
    assert_eq!(before.len(), after.len());
    for (a, b) in before.iter().zip(&after) {
        assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1.0 / 2000.0), "{a:?} is now {b:?}");
    }
}

#[test]
fn variants_and_their_materials_stay_together() {
    let mut file = File::new();
    let mut primitive = sheet(&mut file, 20, [0.0; 3]);
    let materials: Vec<usize> = (0u8..4)
        .map(|i| {
            let colour = [f32::from(i) / 4.0, 0.5, 0.5, 1.0];
            file.push("materials", json!({ "pbrMetallicRoughness": { "baseColorFactor": colour } }))
        })
        .collect();
    // The first material is nobody's: when it goes, the others move.
    primitive["material"] = materials[1].into();
    primitive["extensions"] = json!({ "KHR_materials_variants": { "mappings": [
        { "material": materials[2], "variants": [0] }, { "material": materials[3], "variants": [1] },
    ]}});
    let mesh = file.push("meshes", json!({ "primitives": [primitive] }));
    let node = file.push("nodes", json!({ "mesh": mesh }));
    file.push("scenes", json!({ "nodes": [node] }));
    file.root.insert("extensionsUsed".into(), json!(["KHR_materials_variants"]));
    let variants = json!({ "variants": [{ "name": "red" }, { "name": "blue" }] });
    file.root.insert("extensions".into(), json!({ "KHR_materials_variants": variants }));
    let (json, _) = split(&run(&file.glb(), &Settings::default()).unwrap().glb);
    let extension = &json["meshes"][0]["primitives"][0]["extensions"]["KHR_materials_variants"];
    let red_of = |material: &Value| {
        let index = usize::try_from(material.as_u64().unwrap()).unwrap();
        json["materials"][index]["pbrMetallicRoughness"]["baseColorFactor"][0].as_f64().unwrap()
    };
    let shown: Vec<f64> = extension["mappings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|mapping| red_of(&mapping["material"]))
        .collect();
    assert_eq!(shown, [0.5, 0.75]);
    assert_eq!(json["extensions"]["KHR_materials_variants"]["variants"][1]["name"], "blue");
}

/// Each node lists the next one twice: a walk over all paths would never end.
#[test]
fn a_graph_that_doubles_at_each_level_is_refused_at_once() {
    let nodes: Vec<Value> =
        (1..=40).map(|next| json!({ "children": [next, next] })).chain([json!({})]).collect();
    let root = json!({ "asset": { "version": "2.0" }, "nodes": nodes, "scenes": [{ "nodes": [0] }] });
    let start = Instant::now();
    let error = run(&glb(root.to_string().into_bytes(), &[]), &Settings::default()).unwrap_err();
    assert_eq!(error.to_string(), "invalid glTF at /nodes/1: has more than one parent");
    assert!(start.elapsed() < PATIENCE);
}

#[test]
fn a_chain_of_nodes_without_end_is_refused_with_the_limit() {
    let nodes: Vec<Value> =
        (1..=100_000).map(|next| json!({ "children": [next] })).chain([json!({})]).collect();
    let root = json!({ "asset": { "version": "2.0" }, "nodes": nodes, "scenes": [{ "nodes": [0] }] });
    let start = Instant::now();
    let error = run(&glb(root.to_string().into_bytes(), &[]), &Settings::default()).unwrap_err();
    assert!(matches!(error, Error::Limit { .. }), "{error}");
    assert!(start.elapsed() < PATIENCE);
}

#[test]
fn an_image_address_is_neither_followed_nor_embedded() {
    for uri in ["/etc/passwd", "file:///etc/passwd", "../../../../etc/passwd", "http://127.0.0.1:1/x.png"] {
        let mut file = File::new();
        let primitive = sheet(&mut file, 30, [0.0; 3]);
        let image = file.push("images", json!({ "uri": uri }));
        let texture = file.push("textures", json!({ "source": image }));
        let pbr = json!({ "pbrMetallicRoughness": { "baseColorTexture": { "index": texture } } });
        let material = file.push("materials", pbr);
        let mut primitive = primitive;
        primitive["material"] = material.into();
        let mesh = file.push("meshes", json!({ "primitives": [primitive] }));
        let node = file.push("nodes", json!({ "mesh": mesh }));
        file.push("scenes", json!({ "nodes": [node] }));
        let output = run(&file.glb(), &Settings::default()).unwrap();
        assert_eq!(split(&output.glb).0["images"][0]["uri"], uri);
        assert!(
            output.report.warnings.iter().any(|warning| warning.contains(uri)),
            "{:?}",
            output.report.warnings
        );
        assert!(!output.glb.windows(5).any(|part| part == b"root:"), "{uri}");
    }
}

#[test]
fn a_byte_order_mark_and_base64_without_padding_are_no_reason_to_refuse() {
    let text = "\u{FEFF}{\"asset\":{\"version\":\"2.0\"},\"buffers\":[{\"byteLength\":4,\"uri\":\
                \"data:application/octet-stream;base64,AAAAAA\"}],\"bufferViews\":[{\"buffer\":0,\"byteLength\":4}],\
                \"accessors\":[{\"bufferView\":0,\"componentType\":5126,\"count\":1,\"type\":\"SCALAR\"}]}";
    let read = read::read(text.as_bytes(), &Files::new(), &Limits::default()).unwrap();
    assert_eq!(read.accessors[0].floats(), [0.0]);
    assert!(read.warnings[0].contains("byte order mark"), "{:?}", read.warnings);
    let in_chunk = glb(text.as_bytes().to_vec(), &[]);
    let error = read::read(&in_chunk, &Files::new(), &Limits::default()).unwrap_err();
    assert_eq!(error.to_string(), "the file's JSON cannot be read: it begins with a byte order mark");
}
