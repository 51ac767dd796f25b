//! Oddities of items in the JSON: nodes, cameras, materials, lights, variants, textures, buffers.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::{Oddities, list, top};
use crate::optimize::document::primitives::as_index;

/// Material members with the range of their numbers.
const RANGES: [(&str, f64, f64); 15] = [
    ("alphaCutoff", 0.0, f64::MAX),
    ("anisotropyStrength", 0.0, 1.0),
    ("attenuationDistance", f64::MIN_POSITIVE, f64::MAX),
    ("baseColorFactor", 0.0, 1.0),
    ("clearcoatFactor", 0.0, 1.0),
    ("clearcoatRoughnessFactor", 0.0, 1.0),
    ("dispersion", 0.0, f64::MAX),
    ("emissiveFactor", 0.0, 1.0),
    ("emissiveStrength", 0.0, f64::MAX),
    ("iridescenceFactor", 0.0, 1.0),
    ("iridescenceIor", 1.0, f64::MAX),
    ("metallicFactor", 0.0, 1.0),
    ("roughnessFactor", 0.0, 1.0),
    ("thicknessFactor", 0.0, f64::MAX),
    ("transmissionFactor", 0.0, 1.0),
];

pub(super) fn look(root: &Map<String, Value>, found: &mut Oddities) {
    for (at, node) in top(root, "nodes") {
        look_at_node(node, &at, found);
    }
    for (at, camera) in top(root, "cameras") {
        look_at_camera(camera, &at, found);
    }
    for (at, material) in top(root, "materials") {
        look_at_numbers(material, &at, found);
    }
    look_at_lights(root, found);
    for (at, mesh) in top(root, "meshes") {
        for (at, primitive) in list(mesh, &at, "primitives") {
            look_at_variants(primitive, &at, found);
        }
    }
    look_at_textures(root, found);
    look_at_views(root, found);
    let quantization = |name| {
        root.get(name)
            .and_then(Value::as_array)
            .is_some_and(|names| names.iter().any(|name| name == "KHR_mesh_quantization"))
    };
    if quantization("extensionsUsed") && !quantization("extensionsRequired") {
        found.note("/extensionsRequired", "must name KHR_mesh_quantization, which the file uses");
    }
}

fn look_at_node(node: &Value, at: &str, found: &mut Oddities) {
    let numbers = |name: &str| -> Vec<f64> {
        node[name].as_array().into_iter().flatten().filter_map(Value::as_f64).collect()
    };
    let is_moved = ["translation", "rotation", "scale"].iter().any(|name| node.get(name).is_some());
    if node.get("matrix").is_some() && is_moved {
        found.note(at, "has both a matrix and translation, rotation or scale; both were kept");
    }
    let rotation = numbers("rotation");
    let length = rotation.iter().map(|v| v * v).sum::<f64>().sqrt();
    if rotation.len() == 4 && (length - 1.0).abs() > 0.01 {
        found.note(format!("{at}/rotation"), format!("is no unit quaternion: its length is {length:.3}"));
    }
    let matrix = numbers("matrix");
    if matrix.len() == 16 && !is_decomposable(&matrix) {
        found.note(format!("{at}/matrix"), "cannot be decomposed into translation, rotation and scale");
    }
    if node.get("weights").is_some() && node.get("mesh").is_none() {
        found.note(format!("{at}/weights"), "are given, but the node has no mesh");
    }
}

/// Whether the axes are at right angles and none is zero.
fn is_decomposable(matrix: &[f64]) -> bool {
    let axis = |i: usize| [matrix[4 * i], matrix[4 * i + 1], matrix[4 * i + 2]];
    let dot = |a: [f64; 3], b: [f64; 3]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let cosine = |a, b| dot(a, b) / (dot(a, a) * dot(b, b)).sqrt();
    let has_affine_row = [3, 7, 11].iter().all(|&i| matrix[i] == 0.0);
    let at_right_angles =
        [(0, 1), (0, 2), (1, 2)].iter().all(|&(i, j)| cosine(axis(i), axis(j)).abs() < 1e-2);
    has_affine_row && at_right_angles
}

fn look_at_camera(camera: &Value, at: &str, found: &mut Oddities) {
    for kind in ["orthographic", "perspective"] {
        let lens = &camera[kind];
        let at = format!("{at}/{kind}");
        for size in ["xmag", "ymag", "yfov", "aspectRatio"] {
            if lens[size].as_f64() == Some(0.0) {
                found.note(format!("{at}/{size}"), "must not be zero");
            }
        }
        if let (Some(near), Some(far)) = (lens["znear"].as_f64(), lens["zfar"].as_f64())
            && far <= near
        {
            found.note(format!("{at}/zfar"), "must be greater than znear");
        }
    }
}

/// Numbers outside of their range, at any depth of a material.
fn look_at_numbers(value: &Value, at: &str, found: &mut Oddities) {
    for (name, value) in value.as_object().into_iter().flatten().filter(|(name, _)| *name != "extras") {
        let at = format!("{at}/{name}");
        let numbers = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        let mut numbers = numbers.iter().filter_map(Value::as_f64);
        let range = RANGES.iter().find(|(known, ..)| known == name);
        if let Some((_, least, most)) = range {
            if numbers.any(|number| number < *least || number > *most) {
                found.note(&at, "is out of range; it was kept");
            }
        } else if name == "ior" && numbers.any(|ior| ior != 0.0 && ior < 1.0) {
            found.note(&at, "must be 0 or at least 1; it was kept");
        }
        look_at_numbers(value, &at, found);
    }
}

fn look_at_lights(root: &Map<String, Value>, found: &mut Oddities) {
    const NAME: &str = "KHR_lights_punctual";
    let at = format!("/extensions/{NAME}");
    if let Some(lights) = root.get("extensions").and_then(|all| all.get(NAME)) {
        if lights.get("lights").is_none() {
            found.note(&at, "has no \"lights\"");
        }
        for (at, light) in list(lights, &at, "lights") {
            if light.get("type").is_none() {
                found.note(at, "has no \"type\"");
            }
        }
    }
    for (at, node) in top(root, "nodes") {
        if node["extensions"].get(NAME).is_some_and(|light| light.get("light").is_none()) {
            found.note(format!("{at}/extensions/{NAME}"), "has no \"light\"");
        }
    }
}

fn look_at_variants(primitive: &Value, at: &str, found: &mut Oddities) {
    let at = format!("{at}/extensions/KHR_materials_variants");
    let Some(variants) = primitive["extensions"].get("KHR_materials_variants") else { return };
    if variants.get("mappings").is_none() {
        found.note(&at, "has no \"mappings\"");
    }
    let mut taken = HashSet::new();
    for (at, mapping) in list(variants, &at, "mappings") {
        if mapping.get("material").is_none() || mapping.get("variants").is_none() {
            found.note(&at, "must have \"material\" and \"variants\"");
        }
        for (at, variant) in list(mapping, &at, "variants") {
            if !taken.insert(variant.to_string()) {
                found.note(at, "names a variant that another mapping names too");
            }
        }
    }
}

fn look_at_textures(root: &Map<String, Value>, found: &mut Oddities) {
    const FORMATS: [(&str, &str); 3] = [
        ("EXT_texture_avif", "image/avif"),
        ("EXT_texture_webp", "image/webp"),
        ("KHR_texture_basisu", "image/ktx2"),
    ];
    let images: Vec<&Value> = top(root, "images").map(|(_, image)| image).collect();
    let mime = |source: &Value| images.get(as_index(source)?)?["mimeType"].as_str();
    for (at, texture) in top(root, "textures") {
        let has_source = |value: &Value| value.get("source").is_some();
        let extensions = texture["extensions"].as_object().into_iter().flatten();
        if !has_source(texture) && !extensions.map(|(_, value)| value).any(has_source) {
            found.note(&at, "has no image: what it shows is up to the viewer");
        }
        for (name, expected) in FORMATS {
            let given = mime(&texture["extensions"][name]["source"]);
            if let Some(given) = given.filter(|given| *given != expected) {
                found.note(format!("{at}/extensions/{name}/source"), format!("is {given}, not {expected}"));
            }
        }
        if let Some(given) =
            mime(&texture["source"]).filter(|mime| !["image/png", "image/jpeg"].contains(mime))
        {
            found.note(format!("{at}/source"), format!("is {given}: core glTF has only PNG and JPEG"));
        }
    }
}

fn look_at_views(root: &Map<String, Value>, found: &mut Oddities) {
    const ELEMENT_ARRAY_BUFFER: u64 = 34963;
    for (at, view) in top(root, "bufferViews") {
        if view.get("byteStride").is_some() && view["target"].as_u64() == Some(ELEMENT_ARRAY_BUFFER) {
            found.note(format!("{at}/byteStride"), "is not allowed for indices");
        }
    }
    if top(root, "bufferViews").next().is_none() {
        for (at, buffer) in top(root, "buffers") {
            found.note(at, format!("is not used; its {} bytes were left out", buffer["byteLength"]));
        }
    }
    for (at, accessor) in top(root, "accessors") {
        if accessor.get("byteOffset").is_some() && accessor.get("bufferView").is_none() {
            found.note(format!("{at}/byteOffset"), "is given, but there is no bufferView");
        }
        const FLOAT: u64 = 5126;
        if accessor["normalized"] == true && accessor["componentType"].as_u64() == Some(FLOAT) {
            found.note(format!("{at}/normalized"), "is not allowed for floats");
        }
    }
}
