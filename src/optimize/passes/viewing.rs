//! From pixels to a mesh's own units: how long, in a mesh, what fills a view of the whole scene is.
//!
//! An error in pixels means something different in a screw and in the machine that it is part of. Here the scene
//! is the box around every mesh where a node puts it (instances, skins and animated scales included), and a
//! mesh that stands in several places counts where it is largest.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::optimize::document::matrix::{self, IDENTITY, Matrix};
use crate::optimize::document::primitives::{self, as_index};
use crate::optimize::document::{Accessor, Document};

/// A small part of a large scene is looked at from nearer: it counts as filling at least this part of a view.
const LEAST_PART_OF_VIEW: f64 = 0.25;

/// For every mesh the length in its own units that fills a view; `None` where it has no size.
pub(super) fn lengths(document: &Document) -> Vec<Option<f64>> {
    lengths_of(document, &spheres(document))
}

/// For every mesh the part of such a length that it is across, 0 to 1.
pub(super) fn parts(document: &Document) -> Vec<f64> {
    let spheres = spheres(document);
    let lengths = lengths_of(document, &spheres);
    let part = |(sphere, length): (&Option<Sphere>, Option<f64>)| {
        sphere.zip(length).map_or(1.0, |(sphere, length)| (2.0 * sphere.radius / length).min(1.0))
    };
    spheres.iter().zip(lengths).map(part).collect()
}

fn spheres(document: &Document) -> Vec<Option<Sphere>> {
    document.list("meshes").iter().map(|mesh| Sphere::around(document, mesh)).collect()
}

fn lengths_of(document: &Document, spheres: &[Option<Sphere>]) -> Vec<Option<f64>> {
    let placed = placements(document, spheres);
    let widest = |sphere: &Sphere| 2.0 * sphere.radius / LEAST_PART_OF_VIEW;
    let mut lengths: Vec<Option<f64>> = spheres.iter().map(|sphere| sphere.as_ref().map(widest)).collect();
    for scene in scenes(document) {
        let shown: Vec<&Placement> = scene.iter().flat_map(|&node| &placed[node]).collect();
        let size = longest_side(shown.iter().map(|placement| placement.sphere));
        for placement in shown.iter().filter(|placement| placement.scale > 0.0) {
            if let Some(length) = &mut lengths[placement.mesh] {
                *length = length.min(size / placement.scale);
            }
        }
    }
    lengths
}

/// The nodes of each scene, whole trees. A file without scenes is one scene.
fn scenes(document: &Document) -> Vec<Vec<usize>> {
    let scenes = document.list("scenes");
    if scenes.is_empty() {
        return vec![(0..document.list("nodes").len()).collect()];
    }
    let below = |scene: &Value| {
        let mut nodes = children(&scene["nodes"]);
        let mut at = 0;
        while let Some(&node) = nodes.get(at) {
            nodes.extend(
                document.list("nodes").get(node).map(|json| children(&json["children"])).unwrap_or_default(),
            );
            at += 1;
        }
        nodes
    };
    scenes.iter().map(below).collect()
}

fn children(list: &Value) -> Vec<usize> {
    list.as_array().into_iter().flatten().filter_map(as_index).collect()
}

/// A ball that holds a mesh.
#[derive(Debug, Clone, Copy)]
struct Sphere {
    centre: [f64; 3],
    radius: f64,
}

impl Sphere {
    /// Around the box of a mesh at rest; `None` where it has no size.
    fn around(document: &Document, mesh: &Value) -> Option<Self> {
        let (mut min, mut max) = ([f64::INFINITY; 3], [f64::NEG_INFINITY; 3]);
        for primitive in mesh["primitives"].as_array().into_iter().flatten() {
            let positions = primitives::attribute(document, primitive, "POSITION")?;
            for position in positions.vectors::<3>() {
                for i in 0..3 {
                    min[i] = min[i].min(f64::from(position[i]));
                    max[i] = max[i].max(f64::from(position[i]));
                }
            }
        }
        let radius = (0..3).map(|i| (max[i] - min[i]).powi(2)).sum::<f64>().sqrt() / 2.0;
        let centre = std::array::from_fn(|i| f64::midpoint(min[i], max[i]));
        (radius > 0.0 && radius.is_finite()).then_some(Self { centre, radius })
    }

    /// Around all instances that a node draws.
    fn around_instances(self, node: &Value, ranges: &mut Ranges) -> Self {
        let radius = self.radius * ranges.largest(&instancing(node)["SCALE"]);
        let Some((min, max)) = ranges.of(&instancing(node)["TRANSLATION"]) else {
            return Self { radius, ..self };
        };
        let middle: [f64; 3] = std::array::from_fn(|i| f64::midpoint(min[i], max[i]));
        let spread = (0..3).map(|i| (max[i] - min[i]).powi(2)).sum::<f64>().sqrt() / 2.0;
        Self { centre: std::array::from_fn(|i| self.centre[i] + middle[i]), radius: radius + spread }
    }
}

/// The longest side of the box around spheres: never more than the diameter of the scene.
fn longest_side(spheres: impl Iterator<Item = Sphere> + Clone) -> f64 {
    let side = |axis: usize| {
        let low = spheres.clone().map(|s| s.centre[axis] - s.radius).fold(f64::INFINITY, f64::min);
        let high = spheres.clone().map(|s| s.centre[axis] + s.radius).fold(f64::NEG_INFINITY, f64::max);
        high - low
    };
    (0..3).map(side).fold(0.0, f64::max)
}

/// A mesh where a node puts it.
#[derive(Debug)]
struct Placement {
    mesh: usize,
    scale: f64,
    sphere: Sphere,
}

/// What each node puts where; the instances of a node count as one, as large as the largest.
fn placements(document: &Document, spheres: &[Option<Sphere>]) -> Vec<Option<Placement>> {
    let mut ranges = Ranges { document, known: BTreeMap::new() };
    let worlds = worlds(document, &mut ranges);
    let skins: Vec<Option<Matrix>> =
        document.list("skins").iter().map(|skin| largest_joint(document, skin, &worlds)).collect();
    let mut of_node = |(node, world): (&Value, &Matrix)| {
        let mesh = as_index(&node["mesh"])?;
        let sphere = spheres.get(mesh)?.as_ref()?.around_instances(node, &mut ranges);
        // The node of a skinned mesh does not move it (specification 3.7.3.3).
        let skin = as_index(&node["skin"]).and_then(|skin| skins.get(skin).copied().flatten());
        let matrix = skin.unwrap_or(*world);
        let scale = matrix::largest_scale(&matrix);
        let centre = matrix::transformed(&matrix, sphere.centre);
        let placed = Sphere { centre, radius: sphere.radius * scale };
        Some(Placement { mesh, scale: scale * ranges.largest(&instancing(node)["SCALE"]), sphere: placed })
    };
    document.list("nodes").iter().zip(&worlds).map(&mut of_node).collect()
}

/// The world transform of every node, its scale as large as any animation makes it.
fn worlds(document: &Document, ranges: &mut Ranges) -> Vec<Matrix> {
    let nodes = document.list("nodes");
    let scales = largest_scales(document, ranges);
    let mut is_child = vec![false; nodes.len()];
    for child in nodes.iter().flat_map(|node| children(&node["children"])) {
        is_child[child] = true;
    }
    let mut worlds = vec![IDENTITY; nodes.len()];
    let mut waiting: Vec<(usize, Matrix)> =
        (0..nodes.len()).filter(|&node| !is_child[node]).map(|node| (node, IDENTITY)).collect();
    while let Some((node, parent)) = waiting.pop() {
        worlds[node] = matrix::product(&parent, &matrix::of_node(&nodes[node], scales[node]));
        waiting.extend(children(&nodes[node]["children"]).into_iter().map(|child| (child, worlds[node])));
    }
    worlds
}

/// The largest scale that animations or rest give each node that some animation scales.
fn largest_scales(document: &Document, ranges: &mut Ranges) -> Vec<Option<[f64; 3]>> {
    let nodes = document.list("nodes");
    let mut scales: Vec<Option<[f64; 3]>> = vec![None; nodes.len()];
    for animation in document.list("animations") {
        let channels = animation["channels"].as_array().into_iter().flatten();
        for channel in channels.filter(|channel| channel["target"]["path"] == "scale") {
            let sampler = as_index(&channel["sampler"]).unwrap_or(usize::MAX);
            let keys = ranges.of(&animation["samplers"][sampler]["output"]);
            let (Some(node), Some((min, max))) = (as_index(&channel["target"]["node"]), keys) else {
                continue;
            };
            let Some(slot) = scales.get_mut(node) else { continue };
            let known = slot.or_else(|| matrix::numbers(&nodes[node]["scale"])).unwrap_or([1.0; 3]);
            *slot = Some(std::array::from_fn(|i| known[i].abs().max(min[i].abs()).max(max[i].abs())));
        }
    }
    scales
}

/// Where the joint that enlarges most puts a skin's meshes.
fn largest_joint(document: &Document, skin: &Value, worlds: &[Matrix]) -> Option<Matrix> {
    let inverse = as_index(&skin["inverseBindMatrices"]).and_then(|index| document.accessors.get(index));
    let inverse = inverse.map(Accessor::vectors::<16>).unwrap_or_default();
    let place = |(number, joint): (usize, usize)| {
        let bind = inverse.get(number).map_or(IDENTITY, |flat| matrix::from_columns(&flat.map(f64::from)));
        Some(matrix::product(worlds.get(joint)?, &bind))
    };
    let places = children(&skin["joints"]).into_iter().enumerate().filter_map(place);
    places.max_by(|a, b| matrix::largest_scale(a).total_cmp(&matrix::largest_scale(b)))
}

/// The attributes of EXT_mesh_gpu_instancing; null without it.
fn instancing(node: &Value) -> &Value {
    &node["extensions"]["EXT_mesh_gpu_instancing"]["attributes"]
}

/// The smallest number of each component, and the largest.
type Range = ([f64; 3], [f64; 3]);

/// The ranges of accessors, each looked through once: a file may use one a million times.
struct Ranges<'d> {
    document: &'d Document,
    known: BTreeMap<usize, Option<Range>>,
}

impl Ranges<'_> {
    /// Those of the accessor that a JSON value names, if its elements are of three numbers.
    fn of(&mut self, index: &Value) -> Option<Range> {
        let index = as_index(index)?;
        let accessor = self.document.accessors.get(index)?;
        *self.known.entry(index).or_insert_with(|| {
            let (min, max) = accessor.min_max()?;
            let triple = |list: Vec<f32>| <[f32; 3]>::try_from(list).ok().map(|v| v.map(f64::from));
            Some((triple(min)?, triple(max)?))
        })
    }

    /// The largest absolute number in it; 1 where there is none.
    fn largest(&mut self, index: &Value) -> f64 {
        let Some((min, max)) = self.of(index) else { return 1.0 };
        min.into_iter().chain(max).map(f64::abs).fold(0.0, f64::max)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::optimize::document::Shape;

    /// Two meshes of diameter 2: one at rest, one in the nodes given.
    fn lengths_with(nodes: Value, more: Value) -> Vec<Option<f64>> {
        let positions = Accessor::from_floats(Shape::Vec3, &[-1.0, 0.0, 0.0, 1.0, 0.0, 0.0]);
        let mesh = json!({ "primitives": [{ "attributes": { "POSITION": 0 } }] });
        let mut root = json!({ "nodes": nodes, "meshes": [mesh, mesh] });
        root.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let keys = Accessor::from_floats(Shape::Vec3, &[0.0, 0.0, 0.0, 5.0, 1.0, 1.0]);
        let accessors = vec![positions, keys];
        lengths(&Document { root: root.as_object().unwrap().clone(), accessors, ..Document::default() })
    }

    #[test]
    fn the_whole_scene_fills_the_view() {
        let apart = json!([{ "mesh": 0 }, { "mesh": 1, "translation": [4, 0, 0], "scale": [2, 2, 2] }]);
        // From -1 to 6: seven units, of which the second mesh sees each twice as large.
        assert_eq!(lengths_with(apart, json!({})), [Some(7.0), Some(3.5)]);
    }

    #[test]
    fn a_small_part_of_a_large_scene_is_seen_from_nearer() {
        let far = json!([{ "mesh": 0 }, { "mesh": 1, "translation": [1000, 0, 0] }]);
        assert_eq!(lengths_with(far, json!({})), [Some(8.0), Some(8.0)]);
        assert_eq!(lengths_with(json!([{ "mesh": 0 }]), json!({})), [Some(2.0), Some(8.0)]);
    }

    /// A mesh that an animation lets grow out of nothing would have been simplified to nothing.
    #[test]
    fn an_animated_scale_counts_where_it_is_largest() {
        let nodes = json!([{ "mesh": 0, "scale": [0, 0, 0] }, { "mesh": 1 }]);
        let animations = json!({ "animations": [{
            "samplers": [{ "input": 1, "output": 1 }],
            "channels": [{ "sampler": 0, "target": { "node": 0, "path": "scale" } }] }] });
        assert_eq!(lengths_with(nodes, animations), [Some(2.0), Some(8.0)]);
    }

    #[test]
    fn instances_make_a_scene_as_large_as_they_spread() {
        let nodes = json!([{ "mesh": 0, "extensions": {
            "EXT_mesh_gpu_instancing": { "attributes": { "TRANSLATION": 1 } } } }]);
        let spread = (25.0f64 + 1.0 + 1.0).sqrt();
        assert_eq!(lengths_with(nodes, json!({}))[0], Some(2.0 + spread));
    }
}
