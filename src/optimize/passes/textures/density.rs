//! How large an image is on the screen: pixels across one repetition of it, when the whole model fills the view.
//!
//! Surfaces are measured in world space against texture coordinates. Skins, morph targets and instancing are not
//! played: this chooses a size, and an image is compared at that size before anything is thrown away.

use std::collections::{BTreeMap, BTreeSet};

use glam::Affine2;
use serde_json::Value;

use crate::optimize::budget::VIEW_PIXELS;
use crate::optimize::document::primitives::{self, PrimitiveId, as_index};
use crate::optimize::document::{Document, texture_info};

/// Pixels across one unit of texture coordinates, for every image; `None` where no surface says so.
pub(super) fn pixels_per_unit(document: &Document) -> Vec<Option<f32>> {
    let instances = instances(document);
    let uses: Vec<Vec<TextureUse>> = document.list("materials").iter().map(texture_uses).collect();
    let mut areas: BTreeMap<usize, Areas> = BTreeMap::new();
    let mut bounds = Bounds::default();
    for id in primitives::all(document) {
        let json = primitives::json(document, id);
        let Some(matrices) = instances.get(&id.mesh) else { continue };
        bounds.add(document, id, matrices);
        if primitives::mode(json) != primitives::TRIANGLES {
            continue;
        }
        let enlarged: f64 = matrices.iter().map(Matrix::area_scale).sum();
        let materials: BTreeSet<usize> = primitives::materials(document, json).collect();
        let uses: Vec<&TextureUse> =
            materials.iter().filter_map(|&index| uses.get(index)).flatten().collect();
        let sets: BTreeSet<usize> = uses.iter().map(|usage| usage.set).collect();
        for set in sets {
            let of_set = areas_of(document, json, set);
            for usage in uses.iter().filter(|usage| usage.set == set) {
                let total = areas.entry(usage.texture).or_default();
                total.world += of_set.world * enlarged;
                let area_scale = f64::from(usage.transform.matrix2.determinant().abs());
                total.texture += of_set.texture * area_scale * matrices.len() as f64;
            }
        }
    }
    per_image(document, &areas, bounds.radius())
}

fn per_image(document: &Document, areas: &BTreeMap<usize, Areas>, radius: f64) -> Vec<Option<f32>> {
    let mut by_image: Vec<Areas> = vec![Areas::default(); document.images.len()];
    for (texture, area) in areas {
        let json = document.list("textures").get(*texture).unwrap_or(&Value::Null);
        for image in images_of(json) {
            if let Some(total) = by_image.get_mut(image) {
                total.world += area.world;
                total.texture += area.texture;
            }
        }
    }
    let pixels = |area: Areas| {
        let pixels = (area.world / area.texture).sqrt() / (2.0 * radius) * f64::from(VIEW_PIXELS);
        (area.world > 0.0 && pixels.is_finite()).then_some(pixels as f32)
    };
    by_image.into_iter().map(pixels).collect()
}

/// The images that a texture names, itself or by extensions.
pub(super) fn images_of(texture: &Value) -> impl Iterator<Item = usize> {
    let extensions = texture["extensions"].as_object().into_iter().flatten();
    let sources = extensions.map(|(_, extension)| &extension["source"]).chain([&texture["source"]]);
    sources.filter_map(as_index)
}

/// Surface in world space and in texture coordinates.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Areas {
    world: f64,
    texture: f64,
}

fn areas_of(document: &Document, primitive: &Value, set: usize) -> Areas {
    let attribute = |name: &str| primitives::attribute(document, primitive, name);
    let (Some(positions), Some(texcoords)) = (attribute("POSITION"), attribute(&format!("TEXCOORD_{set}")))
    else {
        return Areas::default();
    };
    let (positions, texcoords) = (positions.vectors::<3>(), texcoords.vectors::<2>());
    let mut total = Areas::default();
    for corners in primitives::drawn_vertices(document, primitive).as_chunks::<3>().0 {
        let [a, b, c] = corners.map(|vertex| positions.get(vertex as usize).map(|p| p.map(f64::from)));
        let [u, v, w] = corners.map(|vertex| texcoords.get(vertex as usize).map(|t| t.map(f64::from)));
        if let (Some(a), Some(b), Some(c), Some(u), Some(v), Some(w)) = (a, b, c, u, v, w) {
            let (p, q) = (difference(b, a), difference(c, a));
            let cross = [p[1] * q[2] - p[2] * q[1], p[2] * q[0] - p[0] * q[2], p[0] * q[1] - p[1] * q[0]];
            total.world += cross.iter().map(|value| value * value).sum::<f64>().sqrt() / 2.0;
            let (s, t) = (difference(v, u), difference(w, u));
            total.texture += (s[0] * t[1] - s[1] * t[0]).abs() / 2.0;
        }
    }
    total
}

fn difference<const N: usize>(a: [f64; N], b: [f64; N]) -> [f64; N] {
    std::array::from_fn(|axis| a[axis] - b[axis])
}

/// A texture in a material.
#[derive(Debug, PartialEq)]
pub(super) struct TextureUse {
    pub(super) slot: String,
    pub(super) texture: usize,
    pub(super) set: usize,
    /// KHR_texture_transform.
    pub(super) transform: Affine2,
}

/// Every texture that a material names, in glTF's own slots and in those of extensions.
pub(super) fn texture_uses(material: &Value) -> Vec<TextureUse> {
    let mut found = Vec::new();
    let mut waiting = vec![material];
    while let Some(value) = waiting.pop() {
        for (name, member) in value.as_object().into_iter().flatten() {
            match as_index(&member["index"]).filter(|_| name.ends_with("Texture")) {
                Some(texture) => found.push(TextureUse {
                    slot: name.clone(),
                    texture,
                    set: texture_info::set(member),
                    transform: texture_info::transform(member),
                }),
                None => waiting.push(member),
            }
        }
    }
    found
}

/// World matrices of every mesh that some node shows.
fn instances(document: &Document) -> BTreeMap<usize, Vec<Matrix>> {
    let nodes = document.list("nodes");
    let children = |node: &Value| -> Vec<usize> {
        node["children"].as_array().into_iter().flatten().filter_map(as_index).collect()
    };
    let is_child: BTreeSet<usize> = nodes.iter().flat_map(children).collect();
    let mut waiting: Vec<(usize, Matrix)> = (0..nodes.len())
        .filter(|index| !is_child.contains(index))
        .map(|root| (root, Matrix::IDENTITY))
        .collect();
    let mut found: BTreeMap<usize, Vec<Matrix>> = BTreeMap::new();
    while let Some((index, parent)) = waiting.pop() {
        let Some(node) = nodes.get(index) else { continue };
        let world = parent.times(&Matrix::of_node(node));
        if let Some(mesh) = as_index(&node["mesh"]) {
            found.entry(mesh).or_default().push(world);
        }
        waiting.extend(children(node).into_iter().map(|child| (child, world)));
    }
    found
}

/// A box around everything, in world space.
#[derive(Default)]
struct Bounds(Option<([f64; 3], [f64; 3])>);

impl Bounds {
    fn add(&mut self, document: &Document, id: PrimitiveId, matrices: &[Matrix]) {
        let positions = primitives::attribute(document, primitives::json(document, id), "POSITION");
        let points = positions.map(|accessor| accessor.vectors::<3>()).unwrap_or_default();
        let Some(first) = points.first().map(|point| point.map(f64::from)) else { return };
        let (low, high) = points.iter().fold((first, first), |(low, high), point| {
            let axis = |at: usize| f64::from(point[at]);
            (
                std::array::from_fn(|at| low[at].min(axis(at))),
                std::array::from_fn(|at| high[at].max(axis(at))),
            )
        });
        for (matrix, corner) in matrices.iter().flat_map(|matrix| (0..8).map(move |corner| (matrix, corner)))
        {
            let corner = std::array::from_fn(|at| if corner >> at & 1 == 0 { low[at] } else { high[at] });
            let point = matrix.applied(corner);
            let (low, high) = self.0.get_or_insert((point, point));
            for at in 0..3 {
                low[at] = low[at].min(point[at]);
                high[at] = high[at].max(point[at]);
            }
        }
    }

    /// Half the diagonal; 0 without any point.
    fn radius(&self) -> f64 {
        let (low, high) = self.0.unwrap_or_default();
        difference(high, low).iter().map(|side| side * side).sum::<f64>().sqrt() / 2.0
    }
}

/// An affine transform: three columns and a translation.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Matrix([[f64; 3]; 4]);

impl Matrix {
    const IDENTITY: Self = Self([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.0; 3]]);

    fn of_node(node: &Value) -> Self {
        let number = |list: &Value, at: usize, default: f64| list[at].as_f64().unwrap_or(default);
        if let Some(matrix) = node.get("matrix") {
            let element =
                |column: usize, row: usize| number(matrix, column * 4 + row, Self::IDENTITY.0[column][row]);
            return Self(std::array::from_fn(|column| std::array::from_fn(|row| element(column, row))));
        }
        let [x, y, z] = std::array::from_fn(|at| number(&node["rotation"], at, 0.0));
        let w = number(&node["rotation"], 3, 1.0);
        let rotation = [
            [1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y + z * w), 2.0 * (x * z - y * w)],
            [2.0 * (x * y - z * w), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z + x * w)],
            [2.0 * (x * z + y * w), 2.0 * (y * z - x * w), 1.0 - 2.0 * (x * x + y * y)],
        ];
        let scaled = |at: usize| rotation[at].map(|value| value * number(&node["scale"], at, 1.0));
        let translation = std::array::from_fn(|at| number(&node["translation"], at, 0.0));
        Self([scaled(0), scaled(1), scaled(2), translation])
    }

    fn direction(&self, [x, y, z]: [f64; 3]) -> [f64; 3] {
        std::array::from_fn(|row| self.0[0][row] * x + self.0[1][row] * y + self.0[2][row] * z)
    }

    fn applied(&self, point: [f64; 3]) -> [f64; 3] {
        let moved = self.direction(point);
        std::array::from_fn(|row| moved[row] + self.0[3][row])
    }

    fn times(&self, inner: &Self) -> Self {
        let [x, y, z, translation] = inner.0;
        Self([self.direction(x), self.direction(y), self.direction(z), self.applied(translation)])
    }

    /// By how much it enlarges areas, on average over all directions.
    fn area_scale(&self) -> f64 {
        let [a, b, c, _] = self.0;
        let volume = a[0] * (b[1] * c[2] - b[2] * c[1]) - a[1] * (b[0] * c[2] - b[2] * c[0])
            + a[2] * (b[0] * c[1] - b[1] * c[0]);
        volume.abs().powf(2.0 / 3.0)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::optimize::document::{Accessor, Image, ImageSource, Shape};

    /// A square of side 1 in the xy plane, with one image on it.
    fn square(texcoord_span: f32, node: Value, info: Value) -> Document {
        let root = json!({
            "nodes": [node],
            "meshes": [{"primitives": [{"attributes": {"POSITION": 0, "TEXCOORD_0": 1}, "material": 0}]}],
            "materials": [{"pbrMetallicRoughness": {"baseColorTexture": info}}],
            "textures": [{"source": 0}],
        });
        let mut document = Document { root: root.as_object().unwrap().clone(), ..Document::default() };
        let corners = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0], [1.0, 1.0], [0.0, 1.0_f32]];
        let positions: Vec<f32> = corners.iter().flat_map(|&[x, y]| [x, y, 0.0]).collect();
        let texcoords: Vec<f32> = corners.iter().flatten().map(|value| value * texcoord_span).collect();
        document.accessors = vec![
            Accessor::from_floats(Shape::Vec3, &positions),
            Accessor::from_floats(Shape::Vec2, &texcoords),
        ];
        let (rest, view_rest) = Default::default();
        document.images =
            vec![Image { mime: "image/png".into(), source: ImageSource::Missing, rest, view_rest }];
        document
    }

    fn pixels(texcoord_span: f32, node: Value, info: Value) -> f32 {
        pixels_per_unit(&square(texcoord_span, node, info))[0].expect("a surface shows it")
    }

    #[test]
    fn a_square_whose_diagonal_fills_the_view_shows_its_image_at_that_size() {
        let expected = VIEW_PIXELS as f32 / 2.0_f32.sqrt();
        assert!((pixels(1.0, json!({"mesh": 0}), json!({"index": 0})) - expected).abs() < 0.01);
        // Enlarging the whole model changes nothing in what is seen.
        let large = json!({"mesh": 0, "scale": [7.0, 7.0, 7.0]});
        assert!((pixels(1.0, large, json!({"index": 0})) - expected).abs() < 0.01);
    }

    #[test]
    fn an_image_that_repeats_is_seen_smaller() {
        let once = pixels(1.0, json!({"mesh": 0}), json!({"index": 0}));
        let by_texcoords = pixels(4.0, json!({"mesh": 0}), json!({"index": 0}));
        assert!((by_texcoords - once / 4.0).abs() < 0.01);
        let info = json!({"index": 0, "extensions": {"KHR_texture_transform": {"scale": [4.0, 4.0]}}});
        assert!((pixels(1.0, json!({"mesh": 0}), info) - once / 4.0).abs() < 0.01);
    }

    #[test]
    fn what_no_surface_shows_has_no_size() {
        assert_eq!(pixels_per_unit(&square(1.0, json!({}), json!({"index": 0}))), [None]);
        assert_eq!(pixels_per_unit(&square(0.0, json!({"mesh": 0}), json!({"index": 0}))), [None]);
    }

    #[test]
    fn matrices_and_rotations_agree() {
        let half = std::f64::consts::FRAC_1_SQRT_2;
        let turned = Matrix::of_node(&json!({"rotation": [0.0, 0.0, half, half]}));
        let moved = turned.applied([1.0, 0.0, 0.0]);
        assert!(difference(moved, [0.0, 1.0, 0.0]).iter().all(|value| value.abs() < 1e-9));
        let matrix = json!([2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2, 0, 5, 6, 7, 1]);
        let scaled = Matrix::of_node(&json!({"matrix": matrix}));
        assert_eq!(scaled.applied([1.0, 1.0, 1.0]), [7.0, 8.0, 9.0]);
        assert!((scaled.area_scale() - 4.0).abs() < 1e-9);
    }
}
