//! Proof that a result still shows what its original showed; so far of its shape.
//!
//! The result is read back from its bytes and handed to another implementation, the `gltf` crate, so that a
//! fault that our reader and our writer share does not go unseen. Compared are the bounding box and the
//! surface area in the default pose: a result that lost a mesh, tore one apart or is blank cannot pass.
//! Materials and motion are not compared here.

use glam::Mat4;
use serde_json::{Map, Value, json};

use super::render::model::instances;
use crate::optimize::budget::{self, Budget};
use crate::optimize::document::accessor::{Accessor, Component, Shape as ElementShape};
use crate::optimize::document::matrix::{IDENTITY, Matrix, product, transformed};
use crate::optimize::document::primitives::{self, as_index};
use crate::optimize::document::{Document, Kind, edit, write};
use crate::optimize::error::Error;
use crate::optimize::settings::{Settings, Simplify};

/// Share of rounding in the largest shift of a side of the bounding box, as a part of its diagonal.
const BOX_TOLERANCE: f64 = 2e-3;
/// Share of rounding in the largest change of the surface area, as a part of it.
const AREA_TOLERANCE: f64 = 1e-2;

/// The shape of all scenes together, in world space and without animation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shape {
    /// Smallest coordinates.
    pub min: [f64; 3],
    /// Largest coordinates.
    pub max: [f64; 3],
    /// Sum of all triangle areas, in square units of the scene.
    pub area: f64,
}

/// Measures a document with the `gltf` crate's readers; `None` where it holds no shape that they can read
/// (no triangles, or only Draco streams).
///
/// # Errors
/// [`Error::Internal`] when the other implementation does not accept what we write.
pub fn shape(document: &Document) -> Result<Option<Shape>, Error> {
    let geometry = geometry_only(document);
    if geometry.list("meshes").is_empty() {
        return Ok(None);
    }
    let plain = write::write(&geometry)?;
    let gltf = gltf::Gltf::from_slice(&plain)
        .map_err(|error| Error::Internal(format!("a second reader refuses the geometry: {error}")))?;
    let mut shape = Shape { min: [f64::INFINITY; 3], max: [f64::NEG_INFINITY; 3], area: 0.0 };
    let mut waiting: Vec<(gltf::Node, Matrix)> =
        gltf.scenes().flat_map(|scene| scene.nodes()).map(|node| (node, IDENTITY)).collect();
    while let Some((node, parent)) = waiting.pop() {
        let world = product(&parent, &node.transform().matrix().map(|column| column.map(f64::from)));
        // The crate knows no instances, so where they stand is for our own reader to say.
        let instances = document.list("nodes").get(node.index()).and_then(|json| instances(document, json));
        let places: Vec<Matrix> = match instances {
            Some(instances) => {
                let place = |instance: Mat4| instance.to_cols_array_2d().map(|column| column.map(f64::from));
                instances.into_iter().map(|instance| product(&world, &place(instance))).collect()
            }
            None => vec![world],
        };
        for primitive in node.mesh().into_iter().flat_map(|mesh| mesh.primitives()) {
            let reader = primitive.reader(|_| gltf.blob.as_deref());
            let Some(positions) = reader.read_positions() else { continue };
            let positions: Vec<[f64; 3]> = positions.map(|point| point.map(f64::from)).collect();
            let drawn: Vec<usize> = match reader.read_indices() {
                Some(indices) => indices.into_u32().map(|index| index as usize).collect(),
                None => (0..positions.len()).collect(),
            };
            for place in &places {
                let points: Vec<[f64; 3]> =
                    positions.iter().map(|point| transformed(place, *point)).collect();
                shape.add(&points, &drawn, primitive.mode() == gltf::mesh::Mode::Triangles);
            }
        }
        waiting.extend(node.children().map(|child| (child, world)));
    }
    Ok((shape.min[0] <= shape.max[0]).then_some(shape))
}

/// What a result is compared with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Expectation {
    /// The original's shape; `None` where it has none.
    pub shape: Option<Shape>,
    /// Largest shift of a side of the bounding box, as a part of its diagonal.
    pub shift: f64,
    /// Largest change of the surface area, as a part of it.
    pub change: f64,
}

impl Expectation {
    /// What a result of these settings must keep of the shape: rounding and simplification have their share.
    #[must_use]
    pub fn new(shape: Option<Shape>, settings: &Settings) -> Self {
        let error = Budget::of(settings).simplify_error(settings.simplify);
        // A mesh's error is a part of the longest side of the scene, and its box may move by two.
        let shift = BOX_TOLERANCE + if settings.simplify == Simplify::Off { 0.0 } else { 2.0 * error };
        Self { shape, shift, change: AREA_TOLERANCE + budget::surface_change(settings.simplify) }
    }
}

/// Compares the expected shape with that of a result that was read back.
///
/// # Errors
/// What differs, for people.
pub fn compare(expected: &Expectation, result: &Document) -> Result<(), String> {
    let Some(before) = expected.shape else { return Ok(()) };
    let after = shape(result).map_err(|error| error.to_string())?;
    let after = after.ok_or("it shows nothing")?;
    let diagonal = (0..3).map(|i| (before.max[i] - before.min[i]).powi(2)).sum::<f64>().sqrt();
    let shift = (0..3)
        .map(|i| (before.min[i] - after.min[i]).abs().max((before.max[i] - after.max[i]).abs()))
        .fold(0.0, f64::max);
    if shift > diagonal * expected.shift {
        return Err(format!("its outline moved by {:.2} % of the model's size", 100.0 * shift / diagonal));
    }
    let change = (after.area - before.area).abs();
    if change > before.area * expected.change {
        return Err(format!("its surface changed by {:.2} %", 100.0 * change / before.area));
    }
    Ok(())
}

/// A copy with nothing but float positions, indices and the node tree: all that a shape depends on, and all
/// that the other implementation is sure to read.
fn geometry_only(document: &Document) -> Document {
    // Extras may be any JSON, and the crate takes only objects.
    let bare = |accessor: &Accessor| Accessor { rest: Map::new(), sparse: None, ..accessor.clone() };
    let accessors = document.accessors.iter().map(bare).collect();
    let mut copy = Document { accessors, ..Document::default() };
    copy.root.insert("asset".into(), json!({ "version": "2.0" }));
    for name in ["scene", "scenes", "nodes", "meshes"] {
        copy.root.extend(document.root.get(name).map(|value| (name.to_owned(), value.clone())));
    }
    let is_empty: Vec<bool> =
        copy.list("meshes").iter().map(|mesh| shown(document, mesh).is_empty()).collect();
    for scene in copy.list_mut("scenes").iter_mut().filter_map(Value::as_object_mut) {
        scene.retain(|name, _| name == "nodes");
        // The crate wants a list, also of nothing.
        scene.entry("nodes").or_insert_with(|| json!([]));
    }
    for mesh in copy.list_mut("meshes") {
        *mesh = json!({ "primitives": shown(document, mesh) });
    }
    for node in copy.list_mut("nodes").iter_mut().filter_map(Value::as_object_mut) {
        node.retain(|name, _| {
            ["children", "matrix", "translation", "rotation", "scale", "mesh"].contains(&name.as_str())
        });
        if node.get("mesh").and_then(as_index).is_some_and(|mesh| is_empty[mesh]) {
            node.shift_remove("mesh");
        }
    }
    for kind in [Kind::Mesh, Kind::Accessor] {
        let used = edit::referenced(&copy, kind);
        edit::retain(&mut copy, kind, &used);
    }
    for accessor in &mut copy.accessors {
        if accessor.shape == ElementShape::Vec3 && accessor.component != Component::F32 {
            *accessor = Accessor::from_floats(ElementShape::Vec3, &accessor.floats());
        }
        accessor.bounds |= accessor.shape == ElementShape::Vec3;
    }
    copy
}

/// The primitives of a mesh whose elements are in the file, without anything but positions and indices.
fn shown(document: &Document, mesh: &Value) -> Vec<Value> {
    let has_elements =
        |value: &Value| as_index(value).is_some_and(|index| document.accessors[index].data.is_some());
    let primitives = mesh.get("primitives").and_then(Value::as_array).into_iter().flatten();
    let readable = primitives.filter(|primitive| {
        has_elements(&primitive["attributes"]["POSITION"])
            && primitive.get("indices").is_none_or(has_elements)
    });
    let stripped = readable.map(|primitive| {
        let mut stripped = json!({
            "attributes": { "POSITION": primitive["attributes"]["POSITION"] },
            "mode": primitives::mode(primitive),
        });
        if let Some(indices) = primitive.get("indices") {
            stripped["indices"] = indices.clone();
        }
        stripped
    });
    stripped.collect()
}

impl Shape {
    fn add(&mut self, points: &[[f64; 3]], drawn: &[usize], are_triangles: bool) {
        let corner = |index: &usize| points.get(*index).copied();
        for point in drawn.iter().filter_map(corner) {
            for (i, coordinate) in point.into_iter().enumerate() {
                self.min[i] = self.min[i].min(coordinate);
                self.max[i] = self.max[i].max(coordinate);
            }
        }
        if are_triangles {
            let triangles = drawn.as_chunks::<3>().0.iter();
            let corners = triangles.filter_map(|[a, b, c]| Some([corner(a)?, corner(b)?, corner(c)?]));
            self.area += corners.map(|[a, b, c]| triangle_area(a, b, c)).sum::<f64>();
        }
    }
}

fn triangle_area(a: [f64; 3], b: [f64; 3], c: [f64; 3]) -> f64 {
    let side = |to: [f64; 3]| [to[0] - a[0], to[1] - a[1], to[2] - a[2]];
    let (u, v) = (side(b), side(c));
    let normal = [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]];
    normal.iter().map(|n| n * n).sum::<f64>().sqrt() / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A triangle of area 2 in a node that moves it by 10 along x.
    fn triangle(corner: f32) -> Document {
        let positions = [0.0, 0.0, 0.0, corner, 0.0, 0.0, 0.0, 2.0, 0.0];
        let accessor = Accessor { bounds: true, ..Accessor::from_floats(ElementShape::Vec3, &positions) };
        let root = json!({
            "asset": {"version": "2.0"}, "scene": 0, "scenes": [{"nodes": [0]}],
            "nodes": [{"mesh": 0, "translation": [10.0, 0.0, 0.0]}],
            "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}],
        });
        Document { root: root.as_object().unwrap().clone(), accessors: vec![accessor], ..Document::default() }
    }

    #[test]
    fn shapes_are_measured_in_world_space() {
        let shape = shape(&triangle(2.0)).unwrap().unwrap();
        assert_eq!(shape, Shape { min: [10.0, 0.0, 0.0], max: [12.0, 2.0, 0.0], area: 2.0 });
    }

    #[test]
    fn instances_stand_where_they_are_put_and_a_scene_may_be_empty() {
        let mut copies = triangle(2.0);
        copies.accessors.push(Accessor::from_floats(ElementShape::Vec3, &[0.0, 0.0, 0.0, 5.0, 0.0, 0.0]));
        copies.root["nodes"][0]["extensions"] =
            json!({"EXT_mesh_gpu_instancing": {"attributes": {"TRANSLATION": 1}}});
        copies.root["scenes"].as_array_mut().unwrap().push(json!({"name": "empty"}));
        let shape = shape(&copies).unwrap().unwrap();
        assert_eq!(shape, Shape { min: [10.0, 0.0, 0.0], max: [17.0, 2.0, 0.0], area: 4.0 });
    }

    #[test]
    fn a_result_that_moved_or_shows_nothing_does_not_pass() {
        let settings = Settings { simplify: Simplify::Off, ..Settings::default() };
        let before = &Expectation::new(shape(&triangle(2.0)).unwrap(), &settings);
        assert_eq!(compare(before, &triangle(2.0)), Ok(()));
        assert!(compare(before, &triangle(1.9)).is_err());
        let mut blank = triangle(2.0);
        blank.root["nodes"][0].as_object_mut().unwrap().shift_remove("mesh");
        assert_eq!(compare(before, &blank), Err("it shows nothing".into()));
    }
}
