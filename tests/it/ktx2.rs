//! Laws of KTX2 textures: what `gpu` writes, that it never makes a file larger, and that `universal` undoes it.

use std::io::Cursor;

use glb_optimizer::optimize::codecs::ktx2::{Coding, read_header};
use glb_optimizer::optimize::report::Outcome;
use glb_optimizer::optimize::{Files, Output, Preset, Settings, Target, optimize};
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use rayon::ThreadPoolBuilder;
use serde_json::{Value, json};

use crate::fixtures::file::{Elements, File, split};

const SIDE: u32 = 250;

/// A wall with one material and its three images, of `side` pixels: colour, normals, occlusion with roughness and metal.
fn wall(side: u32, format: ImageFormat) -> Vec<u8> {
    let mut file = File::new();
    let texel = |x: u32, y: u32, channel: u32| {
        let wave = (x as f32 * 0.05 * (channel + 1) as f32).sin() * (y as f32 * 0.04).cos();
        let noise = (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503 + channel)) >> 16 & 15;
        (128.0 + 90.0 * wave) as u8 + noise as u8
    };
    let direction = |x: u32, y: u32| {
        let tilt = |at: u32, channel: u32| (f32::from(texel(at, y / 8, channel)) - 128.0) / 300.0;
        let (u, v) = (tilt(x, 0), tilt(x, 1));
        [u, v, (1.0 - u * u - v * v).sqrt()].map(|value| ((value + 1.0) * 127.5) as u8)
    };
    let colour = RgbImage::from_fn(side, side, |x, y| Rgb([0, 1, 2].map(|channel| texel(x, y, channel))));
    let normal = RgbImage::from_fn(side, side, |x, y| Rgb(direction(x, y)));
    let packed = RgbImage::from_fn(side, side, |x, y| Rgb([3, 1, 0].map(|channel| texel(y, x, channel))));
    for picture in [colour, normal, packed] {
        let mut bytes = Cursor::new(Vec::new());
        DynamicImage::from(picture).write_to(&mut bytes, format).unwrap();
        let view = file.view(&bytes.into_inner());
        let image = file.push("images", json!({ "bufferView": view, "mimeType": format.to_mime_type() }));
        file.push("textures", json!({ "source": image }));
    }
    let texture = |index: usize| json!({ "index": index });
    let surface = json!({ "baseColorTexture": texture(0), "metallicRoughnessTexture": texture(2) });
    let material = json!({
        "pbrMetallicRoughness": surface, "normalTexture": texture(1), "occlusionTexture": texture(2),
    });
    file.push("materials", material);
    let corners = [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0];
    let positions = file.attribute(&Elements::floats("VEC3", &corners));
    let normals = file.attribute(&Elements::floats("VEC3", &[0.0, 0.0, 1.0].repeat(4)));
    let texcoords = file.attribute(&Elements::floats("VEC2", &[0.0, 1.0, 1.0, 1.0, 0.0, 0.0, 1.0, 0.0]));
    let indices = file.accessor(&Elements::shorts("SCALAR", &[0, 1, 2, 2, 1, 3]));
    let attributes = json!({ "POSITION": positions, "NORMAL": normals, "TEXCOORD_0": texcoords });
    let primitive = json!({ "attributes": attributes, "indices": indices, "material": 0 });
    file.push("meshes", json!({ "primitives": [primitive] }));
    file.push("nodes", json!({ "mesh": 0 }));
    file.push("scenes", json!({ "nodes": [0] }));
    file.glb()
}

fn run(glb: &[u8], target: Target) -> Output {
    let settings = Settings { preset: Preset::Balanced, target, ..Settings::default() };
    optimize(glb, &Files::new(), &settings, &mut |_| {}).unwrap()
}

/// The image files of a GLB.
fn images(glb: &[u8]) -> Vec<Vec<u8>> {
    let (json, bin) = split(glb);
    let bytes = |image: &Value| {
        let view = &json["bufferViews"][image["bufferView"].as_u64().unwrap() as usize];
        let start = view["byteOffset"].as_u64().unwrap_or(0) as usize;
        bin[start..start + view["byteLength"].as_u64().unwrap() as usize].to_vec()
    };
    json["images"].as_array().unwrap().iter().map(bytes).collect()
}

#[test]
fn gpu_writes_ktx2_that_gltf_allows_and_saves_memory() {
    let Output { glb, report, .. } = run(&wall(SIDE, ImageFormat::Png), Target::Gpu);
    assert_eq!(report.outcome, Outcome::Optimized);
    assert!(report.after.extensions_required.iter().any(|name| name == "KHR_texture_basisu"));
    let headers: Vec<_> = images(&glb).iter().map(|file| read_header(file).unwrap()).collect();
    for header in &headers {
        assert!(header.width % 4 == 0 && header.height % 4 == 0, "{header:?}");
        assert_eq!(header.levels, header.width.max(header.height).ilog2() + 1, "{header:?}");
    }
    assert_eq!(headers[1].coding, Coding::Uastc, "normals are never ETC1S");
    let memory: u64 = headers.iter().map(|header| header.gpu_bytes()).sum();
    assert_eq!(report.after.gpu_texture_bytes, memory);
    assert!(memory * 3 < report.before.gpu_texture_bytes);
    let (json, _) = split(&glb);
    for texture in json["textures"].as_array().unwrap() {
        assert!(texture.get("source").is_none(), "{texture}");
        assert!(texture["extensions"]["KHR_texture_basisu"]["source"].is_u64(), "{texture}");
    }
}

#[test]
fn gpu_never_makes_a_file_larger_and_says_what_stays() {
    // JPEG of few bytes a pixel: there is no room for all of it as KTX2.
    let glb = wall(SIDE, ImageFormat::Jpeg);
    let Output { glb: result, report, .. } = run(&glb, Target::Gpu);
    assert!(result.len() <= glb.len());
    let notes = &report.passes.iter().find(|pass| pass.name == "ktx2").unwrap().notes;
    // Where no attempt looks right, the pass is left out, which is said too.
    let says = |note: &String| note.contains("KTX2") || note.starts_with("left out");
    assert!(notes.iter().all(says), "{notes:?}");
}

#[test]
fn gpu_gives_the_same_bytes_on_any_number_of_threads() {
    let glb = wall(SIDE, ImageFormat::Png);
    let on = |threads| {
        let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| run(&glb, Target::Gpu).glb)
    };
    assert!(on(1) == on(3));
}

#[test]
fn universal_needs_no_ktx2_and_web_keeps_what_is_small() {
    let gpu = run(&wall(SIDE, ImageFormat::Png), Target::Gpu).glb;
    let again = run(&gpu, Target::Gpu);
    assert_eq!(images(&again.glb), images(&gpu), "what is KTX2 already stays");
    let Output { glb, report, .. } = run(&gpu, Target::Universal);
    if report.outcome == Outcome::Optimized {
        assert!(!report.after.extensions_used.iter().any(|name| name == "KHR_texture_basisu"));
        assert!(images(&glb).iter().all(|file| read_header(file).is_none()));
    } else {
        assert!(report.warnings.iter().any(|warning| warning.contains("KHR_texture_basisu")), "{report:?}");
    }
}
