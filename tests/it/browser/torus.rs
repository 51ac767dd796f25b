//! A textured torus with normals as a .glb, built in code: heavy enough that optimizing it pays, and not symmetric to
//! the eye, so that a turned view looks different.

use std::f32::consts::TAU;
use std::io::Cursor;

use image::{ImageFormat, Rgb, RgbImage};
use serde_json::{Value, json};

use crate::fixtures::file;

const AROUND: u32 = 96;
const ACROSS: u32 = 48;
const TEXTURE_SIZE: u32 = 256;

/// The file.
pub(super) fn glb() -> Vec<u8> {
    named("torus")
}

/// The same under another name inside, so that it is another file.
pub(super) fn named(name: &str) -> Vec<u8> {
    let (json, bin) = parts(name);
    file::glb(json.to_string().into_bytes(), &bin)
}

/// The same as a .gltf, and its torus.bin.
pub(super) fn gltf() -> (Vec<u8>, Vec<u8>) {
    let (mut json, bin) = parts("torus");
    json["buffers"][0]["uri"] = json!("torus.bin");
    (json.to_string().into_bytes(), bin)
}

fn parts(name: &str) -> (Value, Vec<u8>) {
    let (positions, normals, uvs) = vertices();
    let parts = [bytes(&positions), bytes(&normals), bytes(&uvs), indices(), texture()];
    let mut bin = Vec::new();
    let mut views = Vec::new();
    for part in &parts {
        views.push(json!({ "buffer": 0, "byteOffset": bin.len(), "byteLength": part.len() }));
        bin.extend(part);
        bin.resize(bin.len().next_multiple_of(4), 0);
    }
    let count = (AROUND + 1) * (ACROSS + 1);
    let json = json!({
        "asset": { "version": "2.0" },
        "scene": 0,
        "scenes": [{ "nodes": [0] }],
        "nodes": [{ "mesh": 0, "name": name, "rotation": [0.5, 0.0, 0.0, 0.8660254] }],
        "meshes": [{ "primitives": [{
            "attributes": { "POSITION": 0, "NORMAL": 1, "TEXCOORD_0": 2 }, "indices": 3, "material": 0
        }] }],
        "materials": [{ "pbrMetallicRoughness": { "baseColorTexture": { "index": 0 }, "metallicFactor": 0.0 } }],
        "textures": [{ "source": 0 }],
        "images": [{ "bufferView": 4, "mimeType": "image/png" }],
        "accessors": [
            { "bufferView": 0, "componentType": 5126, "count": count, "type": "VEC3",
              "min": [-1.4, -0.4, -1.4], "max": [1.4, 0.4, 1.4] },
            { "bufferView": 1, "componentType": 5126, "count": count, "type": "VEC3" },
            { "bufferView": 2, "componentType": 5126, "count": count, "type": "VEC2" },
            { "bufferView": 3, "componentType": 5125, "count": AROUND * ACROSS * 6, "type": "SCALAR" },
        ],
        "bufferViews": views,
        "buffers": [{ "byteLength": bin.len() }],
    });
    (json, bin)
}

fn vertices() -> (Vec<f32>, Vec<f32>, Vec<f32>) {
    let (mut positions, mut normals, mut uvs) = (Vec::new(), Vec::new(), Vec::new());
    for i in 0..=AROUND {
        for j in 0..=ACROSS {
            let (u, v) = (i as f32 / AROUND as f32, j as f32 / ACROSS as f32);
            let (sin_u, cos_u) = (u * TAU).sin_cos();
            let (sin_v, cos_v) = (v * TAU).sin_cos();
            let ring = 1.0 + 0.4 * cos_v;
            positions.extend([ring * cos_u, 0.4 * sin_v, ring * sin_u]);
            normals.extend([cos_v * cos_u, sin_v, cos_v * sin_u]);
            uvs.extend([u, v]);
        }
    }
    (positions, normals, uvs)
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn indices() -> Vec<u8> {
    let row = ACROSS + 1;
    let corners = (0..AROUND * ACROSS).flat_map(|quad| {
        let a = quad / ACROSS * row + quad % ACROSS;
        [a, a + 1, a + row, a + row, a + 1, a + row + 1]
    });
    corners.flat_map(u32::to_le_bytes).collect()
}

/// Stripes that change their colour all the way round.
fn texture() -> Vec<u8> {
    let image = RgbImage::from_fn(TEXTURE_SIZE, TEXTURE_SIZE, |x, y| {
        let light = if (y / 32) % 2 == 0 { 255 } else { 120 };
        Rgb([x as u8, light, 255 - x as u8])
    });
    let mut png = Cursor::new(Vec::new());
    image.write_to(&mut png, ImageFormat::Png).unwrap();
    png.into_inner()
}
