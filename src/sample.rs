//! A model to try the page with: a glazed vase, made when it is first asked for.
//!
//! It wastes bytes as real exports do: every triangle has corners of its own, all numbers are floats, and its images are
//! PNG. Must look good and stay small in code; what is painted on it is in `sample/glaze.rs`.

mod glaze;

use std::f32::consts::TAU;

use serde_json::json;

use crate::optimize::Error;
use crate::optimize::document::glb;
use glaze::Image;

/// Steps around the vase, and along its outline.
const AROUND: usize = 96;
const ALONG: usize = 112;
/// Radius and height in metres, from the middle of the foot up the outside, over the lip and down inside.
const OUTLINE: [[f32; 2]; 14] = [
    [0.0, 0.0],
    [0.075, 0.0],
    [0.082, 0.012],
    [0.105, 0.055],
    [0.132, 0.12],
    [0.128, 0.185],
    [0.092, 0.25],
    [0.052, 0.305],
    [0.046, 0.34],
    [0.068, 0.372],
    [0.064, 0.374],
    [0.038, 0.338],
    [0.045, 0.29],
    [0.0, 0.2],
];
/// Bytes of a corner: position, normal and texture coordinates, all as floats.
const CORNER_BYTES: usize = 32;

/// The vase as a .glb.
///
/// # Errors
/// An image cannot be encoded, which would be a fault of the encoder.
pub fn vase() -> Result<Vec<u8>, Error> {
    let corners = corners();
    let mut bin: Vec<u8> = corners.iter().flatten().flat_map(|value| value.to_le_bytes()).collect();
    let mut views = vec![json!({ "buffer": 0, "byteLength": bin.len(), "byteStride": CORNER_BYTES })];
    for image in [Image::Colour, Image::Surface, Image::Normals] {
        let png = glaze::paint(image)?;
        views.push(json!({ "buffer": 0, "byteOffset": bin.len(), "byteLength": png.len() }));
        bin.extend(&png);
        bin.resize(bin.len().next_multiple_of(4), 0);
    }
    let png = |view: usize| json!({ "bufferView": view, "mimeType": "image/png" });
    let accessor = |offset: usize, kind: &str| json!({ "bufferView": 0, "byteOffset": offset, "componentType": 5126, "count": corners.len(), "type": kind });
    let mut positions = accessor(0, "VEC3");
    positions["min"] = json!(extent(&corners, f32::min));
    positions["max"] = json!(extent(&corners, f32::max));
    let document = json!({
        "asset": { "version": "2.0", "generator": "GLB Optimizer, sample" },
        "scene": 0,
        "scenes": [{ "nodes": [0] }],
        "nodes": [{ "name": "Vase", "mesh": 0 }],
        "meshes": [{ "name": "Vase", "primitives": [{
            "attributes": { "POSITION": 0, "NORMAL": 1, "TEXCOORD_0": 2 }, "material": 0 }] }],
        "materials": [{ "name": "Glaze", "doubleSided": true,
            "pbrMetallicRoughness": { "baseColorTexture": { "index": 0 }, "metallicRoughnessTexture": { "index": 1 } },
            "normalTexture": { "index": 2 } }],
        "textures": [{ "source": 0 }, { "source": 1 }, { "source": 2 }],
        "images": [png(1), png(2), png(3)],
        "accessors": [positions, accessor(12, "VEC3"), accessor(24, "VEC2")],
        "bufferViews": views,
        "buffers": [{ "byteLength": bin.len() }],
    });
    glb::build(document.to_string().as_bytes(), &bin)
}

/// The corners of the two triangles of a quad: to the right, and up.
const QUAD: [(usize, usize); 6] = [(0, 0), (0, 1), (1, 0), (1, 0), (0, 1), (1, 1)];

/// All triangles, each with three corners of its own.
fn corners() -> Vec<[f32; 8]> {
    let quads = (0..AROUND).flat_map(|across| (0..ALONG).map(move |along| (across, along)));
    let corner_of = |(across, along): (usize, usize), (right, up): (usize, usize)| {
        corner((across + right) as f32 / AROUND as f32, (along + up) as f32 / ALONG as f32)
    };
    quads.flat_map(|quad| QUAD.map(|offset| corner_of(quad, offset))).collect()
}

/// The least or the largest of each coordinate.
fn extent(corners: &[[f32; 8]], choose: fn(f32, f32) -> f32) -> [f32; 3] {
    [0, 1, 2].map(|axis| corners.iter().map(|corner| corner[axis]).reduce(choose).unwrap_or_default())
}

/// Position, normal and texture coordinates at `u` around and `v` along, both 0 to 1.
fn corner(u: f32, v: f32) -> [f32; 8] {
    let ([radius, height], [out, up]) = (outline(v), slope(v));
    let (sin, cos) = (u * TAU).sin_cos();
    [radius * cos, height, radius * sin, up * cos, -out, up * sin, u, 1.0 - v]
}

/// A point of the outline: a smooth curve through [`OUTLINE`] (Catmull and Rom).
fn outline(v: f32) -> [f32; 2] {
    let last = OUTLINE.len() - 1;
    let at = v.clamp(0.0, 1.0) * last as f32;
    let index = (at as usize).min(last - 1);
    let t = at - index as f32;
    let point = |offset: usize| OUTLINE[(index + offset).saturating_sub(1).min(last)];
    let (a, b, c, d) = (point(0), point(1), point(2), point(3));
    let [radius, height] = [0, 1].map(|axis| {
        let slope_b = (c[axis] - a[axis]) / 2.0;
        let slope_c = (d[axis] - b[axis]) / 2.0;
        let (square, cube) = (t * t, t * t * t);
        b[axis] * (2.0 * cube - 3.0 * square + 1.0)
            + slope_b * (cube - 2.0 * square + t)
            + c[axis] * (3.0 * square - 2.0 * cube)
            + slope_c * (cube - square)
    });
    [radius.max(0.0), height.max(0.0)]
}

/// The direction of the outline, of length 1.
fn slope(v: f32) -> [f32; 2] {
    let (before, after) = (outline(v - 0.002), outline(v + 0.002));
    let [out, up] = [after[0] - before[0], after[1] - before[1]];
    let length = (out * out + up * up).sqrt().max(f32::MIN_POSITIVE);
    [out / length, up / length]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimize::document::read;
    use crate::optimize::{Files, Limits};

    #[test]
    fn the_vase_is_a_valid_model_with_something_to_win() {
        let glb = vase().unwrap();
        let document = read::read(&glb, &Files::default(), &Limits::default()).unwrap();
        assert!(document.warnings.is_empty(), "{:?}", document.warnings);
        assert!(glb.len() > 2_000_000, "{} bytes", glb.len());
    }

    #[test]
    fn normals_have_length_one_and_point_outwards() {
        for v in [0.1, 0.3, 0.5] {
            let [x, _, z, nx, ny, nz, ..] = corner(0.2, v);
            assert!((nx * nx + ny * ny + nz * nz - 1.0).abs() < 1e-4);
            assert!(x * nx + z * nz > 0.0, "at {v}");
        }
    }
}
