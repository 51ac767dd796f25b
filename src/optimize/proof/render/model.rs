//! A document as a renderer sees it: vertex arrays, materials and textures, and what is drawn where in a pose.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use glam::{Mat4, Quat, Vec3};
use rayon::prelude::*;
use serde_json::Value;

use super::super::order;
use super::light::{Light, lights};
use super::material::Material;
use super::part::Part;
use super::pose::{Case, Clip, Pose};
use super::slot::Slot;
use super::texture::Texture;
use super::textures::Textures;
use crate::optimize::codecs::image_file;
use crate::optimize::codecs::resize::{Content, resize};
use crate::optimize::document::primitives::{self, as_index};
use crate::optimize::document::{Accessor, Document};

/// Images are looked at in at most this size, in pixels: more than a close-up can show.
const LARGEST_SIDE: u32 = 2048;

const VARIANTS: &str = "KHR_materials_variants";

/// Larger images are not looked at: decoded they would take more memory than all the rest of a job.
const MOST_PIXELS: u64 = 1 << 26;

/// A document that can be drawn.
pub(in super::super) struct Model<'d> {
    pub(in super::super) document: &'d Document,
    kept: &'d Textures,
    parts: BTreeMap<(usize, usize), Arc<Part>>,
    pub(super) materials: Vec<Material>,
    /// Two for each image: as data, and as colours.
    textures: Vec<Option<Arc<Texture>>>,
    /// Images that could not be decoded; they are drawn white.
    pub(in super::super) undecoded: Vec<usize>,
}

/// Textures that others have taken the places of.
type PutAside = Vec<(usize, Option<Arc<Texture>>)>;

/// A part in its place.
pub(in super::super) struct Draw {
    pub(super) part: Arc<Part>,
    pub(super) world: Mat4,
    /// Index into the model's materials.
    pub(in super::super) material: usize,
    /// Index of the node, to name it.
    pub(in super::super) node: usize,
    /// The lights that the file brings; all of them fall on everything.
    pub(super) lights: Arc<[Light]>,
}

impl Draw {
    /// Where its vertices are in the world.
    pub(in super::super) fn positions(&self) -> Vec<Vec3> {
        self.part.positions.iter().map(|&position| self.world.transform_point3(position)).collect()
    }

    /// The vertices of its triangles.
    pub(in super::super) fn triangles(&self) -> impl Iterator<Item = [u32; 3]> + '_ {
        self.part.triangles.iter().copied()
    }
}

impl<'d> Model<'d> {
    /// Reads what is drawn. Images that cannot be decoded are noted and drawn white.
    pub(in super::super) fn new(document: &'d Document, kept: &'d Textures) -> Self {
        Self::with_images(document, kept, &[])
    }

    /// The same with the images of another model in the place of those with the same indices.
    pub(in super::super) fn with_images_of(document: &'d Document, other: &Model<'d>) -> Self {
        Self::with_images(document, other.kept, &other.textures)
    }

    fn with_images(document: &'d Document, kept: &'d Textures, known: &[Option<Arc<Texture>>]) -> Self {
        kept.enter_model();
        let ids = primitives::all(document);
        let read = |id: &primitives::PrimitiveId| {
            let part = Part::read(document, primitives::json(document, *id))?;
            Some(((id.mesh, id.primitive), Arc::new(part)))
        };
        let parts = ids.par_iter().filter_map(read).collect();
        let mut materials: Vec<Material> =
            document.list("materials").iter().map(|json| Material::read(document, json)).collect();
        materials.push(Material::default());
        let places: BTreeSet<usize> = materials.iter().flat_map(Material::slots).map(place).collect();
        let texture = |&at: &usize| known.get(at).cloned().flatten().or_else(|| texture(document, at, kept));
        let decoded: Vec<_> = places.par_iter().map(|at| (at, texture(at))).collect();
        let mut undecoded = Vec::new();
        let mut textures: Vec<Option<Arc<Texture>>> = vec![None; 2 * document.images.len()];
        for (&at, texture) in decoded {
            match textures.get_mut(at) {
                Some(place) if texture.is_some() => *place = texture,
                _ => undecoded.push(at / 2),
            }
        }
        Self { document, kept, parts, materials, textures, undecoded }
    }

    /// Puts the images of another document in the place of those with the same indices; returns what was there.
    pub(in super::super) fn restore(&mut self, images: &[usize], from: &Document) -> PutAside {
        let places = images.iter().flat_map(|image| [2 * image, 2 * image + 1]);
        let used: Vec<usize> =
            places.filter(|&place| matches!(self.textures.get(place), Some(Some(_)))).collect();
        let restored: Vec<_> =
            used.into_par_iter().map(|place| (place, texture(from, place, self.kept))).collect();
        restored
            .into_iter()
            .map(|(place, texture)| (place, std::mem::replace(&mut self.textures[place], texture)))
            .collect()
    }

    /// Undoes [`Self::restore`].
    pub(in super::super) fn put_back(&mut self, textures: PutAside) {
        for (place, texture) in textures {
            self.textures[place] = texture;
        }
    }

    /// The texture of a slot; `None` where it could not be decoded.
    pub(super) fn texture(&self, slot: &Slot) -> Option<&Texture> {
        self.textures.get(place(slot))?.as_deref()
    }

    /// How many clips there are.
    pub(in super::super) fn clips(&self) -> usize {
        self.document.list("animations").len()
    }

    /// How long a clip is, in seconds.
    pub(in super::super) fn duration(&self, clip: usize) -> f32 {
        Clip::duration(self.document, clip)
    }

    /// How many variants there are.
    pub(in super::super) fn variants(&self) -> usize {
        order::variants(self.document).len()
    }

    /// What is drawn.
    pub(in super::super) fn draws(&self, case: Case) -> Vec<Draw> {
        let pose = Pose::of(self.document, case.moment);
        let lights = lights(self.document, &pose.world).into();
        let nodes = self.document.list("nodes").iter().enumerate();
        let shown = nodes.filter_map(|(index, node)| Some((index, node, pose.world[index]?)));
        shown
            .flat_map(|(index, node, world)| {
                self.draws_of((index, node), world, (&pose, &lights), case.variant)
            })
            .collect()
    }

    /// What a node shows at rest with these weights of its morph targets; nothing where the scene does not show it.
    pub(in super::super) fn morphed(&self, index: usize, weights: Vec<f32>) -> Vec<Draw> {
        let mut pose = Pose::of(self.document, None);
        let node = self.document.list("nodes").get(index);
        let Some((node, world)) = node.zip(pose.world.get(index).copied().flatten()) else {
            return Vec::new();
        };
        drop(pose.weights.insert(index, weights));
        self.draws_of((index, node), world, (&pose, &Arc::default()), None)
    }

    fn draws_of(
        &self,
        (index, node): (usize, &Value),
        world: Mat4,
        (pose, lights): (&Pose, &Arc<[Light]>),
        variant: Option<usize>,
    ) -> Vec<Draw> {
        let Some(mesh) = as_index(&node["mesh"]) else { return Vec::new() };
        let Some(json) = self.document.list("meshes").get(mesh) else { return Vec::new() };
        let weights = pose.weights.get(&index).cloned();
        let weights = weights.unwrap_or_else(|| morph_weights(&node["weights"], &json["weights"]));
        let joints = as_index(&node["skin"]).and_then(|skin| self.joint_matrices(skin, pose));
        let places = instances(self.document, node)
            .map_or_else(|| vec![world], |places| places.into_iter().map(|place| world * place).collect());
        let count = json["primitives"].as_array().map_or(0, Vec::len);
        let mut draws = Vec::new();
        for primitive in 0..count {
            let Some(part) = self.parts.get(&(mesh, primitive)) else { continue };
            let material = material_of(&json["primitives"][primitive], variant);
            let material = material.filter(|&index| index + 1 < self.materials.len());
            let material = material.unwrap_or(self.materials.len() - 1);
            let part = part.morphed(&weights);
            // A skinned mesh ignores where its node is (specification, 3.7.3.3).
            let (part, places) = match &joints {
                Some(joints) if !part.joints.is_empty() => (part.skinned(joints), &[Mat4::IDENTITY][..]),
                _ => (part, &places[..]),
            };
            draws.extend(places.iter().map(|&world| Draw {
                part: part.clone(),
                world,
                material,
                node: index,
                lights: Arc::clone(lights),
            }));
        }
        draws
    }

    fn joint_matrices(&self, skin: usize, pose: &Pose) -> Option<Vec<Mat4>> {
        let skin = self.document.list("skins").get(skin)?;
        let inverse = as_index(&skin["inverseBindMatrices"])
            .and_then(|index| self.document.accessors.get(index))
            .map(Accessor::vectors::<16>);
        let joints = skin["joints"].as_array()?.iter().filter_map(as_index);
        let matrix = |(slot, joint): (usize, usize)| {
            let world = pose.world.get(joint).copied().flatten().unwrap_or(Mat4::IDENTITY);
            let inverse = inverse.as_ref().and_then(|list| list.get(slot));
            inverse.map_or(world, |inverse| world * Mat4::from_cols_array(inverse))
        };
        Some(joints.enumerate().map(matrix).collect())
    }
}

/// The places of EXT_mesh_gpu_instancing, below that of the node; `None` where the node has no instances.
pub(in super::super) fn instances(document: &Document, node: &Value) -> Option<Vec<Mat4>> {
    let attributes = &node["extensions"]["EXT_mesh_gpu_instancing"]["attributes"];
    let accessor = |name: &str| document.accessors.get(as_index(&attributes[name])?);
    let translations = accessor("TRANSLATION").map(|a| a.vectors::<3>()).unwrap_or_default();
    let rotations = accessor("ROTATION").map(|a| a.vectors::<4>()).unwrap_or_default();
    let scales = accessor("SCALE").map(|a| a.vectors::<3>()).unwrap_or_default();
    let count = [translations.len(), rotations.len(), scales.len()].into_iter().max().filter(|&n| n > 0)?;
    let place = |i: usize| {
        Mat4::from_scale_rotation_translation(
            scales.get(i).map_or(Vec3::ONE, |v| Vec3::from_array(*v)),
            rotations.get(i).map_or(Quat::IDENTITY, |v| Quat::from_array(*v)).normalize(),
            translations.get(i).map_or(Vec3::ZERO, |v| Vec3::from_array(*v)),
        )
    };
    Some((0..count).map(place).collect())
}

/// The material of a primitive, in a variant that names another or without.
fn material_of(primitive: &Value, variant: Option<usize>) -> Option<usize> {
    let mappings = primitive["extensions"][VARIANTS]["mappings"].as_array().into_iter().flatten();
    let is_meant = |mapping: &&Value| {
        let variants = mapping["variants"].as_array().into_iter().flatten();
        variants.filter_map(as_index).any(|index| Some(index) == variant)
    };
    let mapped = mappings.into_iter().find(is_meant).and_then(|mapping| as_index(&mapping["material"]));
    mapped.or_else(|| as_index(&primitive["material"]))
}

/// Where the texture of a slot is among those of a model.
fn place(slot: &Slot) -> usize {
    2 * slot.image + usize::from(slot.is_srgb)
}

/// The texture that belongs in a place.
fn texture(document: &Document, place: usize, kept: &Textures) -> Option<Arc<Texture>> {
    let is_srgb = place % 2 == 1;
    let file = document.images.get(place / 2)?.bytes();
    kept.get(file, is_srgb, || decoded(file, is_srgb))
}

fn decoded(file: &[u8], is_srgb: bool) -> Option<Texture> {
    let pixels = image_file::decode_as(file, MOST_PIXELS, is_srgb).ok()?;
    let longest = pixels.width().max(pixels.height());
    if longest <= LARGEST_SIDE {
        return Some(Texture::new(&pixels, is_srgb));
    }
    let fit = |side: u32| (u64::from(side) * u64::from(LARGEST_SIDE) / u64::from(longest)).max(1);
    let side = |side: u32| u32::try_from(fit(side)).unwrap_or(LARGEST_SIDE);
    let content = if is_srgb { Content::Colour } else { Content::Linear };
    let pixels = resize(&pixels, side(pixels.width()), side(pixels.height()), content).ok()?;
    Some(Texture::new(&pixels, is_srgb))
}

fn morph_weights(of_node: &Value, of_mesh: &Value) -> Vec<f32> {
    let list = of_node.as_array().or_else(|| of_mesh.as_array());
    #[expect(clippy::cast_possible_truncation, reason = "f32 is what every viewer reads")]
    let float = |value: &Value| value.as_f64().unwrap_or(0.0) as f32;
    list.map(|list| list.iter().map(float).collect()).unwrap_or_default()
}
