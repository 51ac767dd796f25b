//! The one table of every member that holds an index into another array, and the walk over it.
//!
//! Reading checks these members, pruning follows them, and whoever removes or moves items of an array
//! renumbers them, all through [`visit`] and [`visit_mut`]. An extension that is not in the table keeps
//! its JSON verbatim, so the arrays that it may point into must stay unmoved (see [`super::unknown`]).
//!
//! Indices of animation samplers are local to their animation and not listed. Sources: the glTF 2.0
//! specification and the README of each extension in the Khronos registry; VRM 0.0 and 1.0 by their schemas.

use std::fmt;
use std::sync::OnceLock;

use serde_json::{Map, Value};

/// The arrays of a document that other members point into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// `accessors`
    Accessor,
    /// `cameras`
    Camera,
    /// `images`
    Image,
    /// `extensions.KHR_lights_punctual.lights`
    Light,
    /// `materials`
    Material,
    /// `meshes`
    Mesh,
    /// `nodes`
    Node,
    /// `samplers`
    Sampler,
    /// `scenes`
    Scene,
    /// `skins`
    Skin,
    /// `textures`
    Texture,
    /// `extensions.KHR_materials_variants.variants`
    Variant,
    /// Buffer views that hold neither accessors nor images: [`super::Document::blobs`].
    Blob,
}

/// What an accessor is used for; decides its layout and what may be done to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Not an accessor.
    Item,
    /// Indices of a primitive.
    Indices,
    /// Vertex attribute of a primitive.
    Vertex,
    /// Attribute of a morph target.
    Morph,
    /// Inverse bind matrices of a skin.
    InverseBind,
    /// Key times of an animation sampler.
    KeyTimes,
    /// Key values of an animation sampler.
    KeyValues,
    /// Per-instance attribute of EXT_mesh_gpu_instancing.
    Instance,
}

use Kind::{
    Accessor, Blob, Camera, Image, Light, Material, Mesh, Node, Sampler, Scene, Skin, Texture, Variant,
};
use Role::{Indices, Instance, InverseBind, Item, KeyTimes, KeyValues, Morph, Vertex};

/// Path, with `*` for every item or member; the array pointed into; the accessor's role.
const TABLE: &[(&str, Kind, Role)] = &[
    ("scene", Scene, Item),
    ("scenes/*/nodes/*", Node, Item),
    ("nodes/*/children/*", Node, Item),
    ("nodes/*/mesh", Mesh, Item),
    ("nodes/*/skin", Skin, Item),
    ("nodes/*/camera", Camera, Item),
    ("nodes/*/extensions/KHR_lights_punctual/light", Light, Item),
    ("nodes/*/extensions/EXT_mesh_gpu_instancing/attributes/*", Accessor, Instance),
    ("nodes/*/extensions/MSFT_lod/ids/*", Node, Item),
    ("nodes/*/extensions/VRMC_node_constraint/constraint/*/source", Node, Item),
    ("meshes/*/primitives/*/indices", Accessor, Indices),
    ("meshes/*/primitives/*/attributes/*", Accessor, Vertex),
    ("meshes/*/primitives/*/targets/*/*", Accessor, Morph),
    ("meshes/*/primitives/*/material", Material, Item),
    ("meshes/*/primitives/*/extensions/KHR_draco_mesh_compression/bufferView", Blob, Item),
    ("meshes/*/primitives/*/extensions/KHR_materials_variants/mappings/*/material", Material, Item),
    ("meshes/*/primitives/*/extensions/KHR_materials_variants/mappings/*/variants/*", Variant, Item),
    ("meshes/*/primitives/*/extensions/EXT_mesh_features/featureIds/*/texture/index", Texture, Item),
    ("skins/*/inverseBindMatrices", Accessor, InverseBind),
    ("skins/*/skeleton", Node, Item),
    ("skins/*/joints/*", Node, Item),
    ("animations/*/channels/*/target/node", Node, Item),
    ("animations/*/channels/*/target/extensions/KHR_animation_pointer/pointer/accessors", Accessor, Item),
    ("animations/*/channels/*/target/extensions/KHR_animation_pointer/pointer/cameras", Camera, Item),
    ("animations/*/channels/*/target/extensions/KHR_animation_pointer/pointer/images", Image, Item),
    ("animations/*/channels/*/target/extensions/KHR_animation_pointer/pointer/lights", Light, Item),
    ("animations/*/channels/*/target/extensions/KHR_animation_pointer/pointer/materials", Material, Item),
    ("animations/*/channels/*/target/extensions/KHR_animation_pointer/pointer/meshes", Mesh, Item),
    ("animations/*/channels/*/target/extensions/KHR_animation_pointer/pointer/nodes", Node, Item),
    ("animations/*/channels/*/target/extensions/KHR_animation_pointer/pointer/samplers", Sampler, Item),
    ("animations/*/channels/*/target/extensions/KHR_animation_pointer/pointer/scenes", Scene, Item),
    ("animations/*/channels/*/target/extensions/KHR_animation_pointer/pointer/skins", Skin, Item),
    ("animations/*/channels/*/target/extensions/KHR_animation_pointer/pointer/textures", Texture, Item),
    ("animations/*/samplers/*/input", Accessor, KeyTimes),
    ("animations/*/samplers/*/output", Accessor, KeyValues),
    ("textures/*/source", Image, Item),
    ("textures/*/sampler", Sampler, Item),
    ("textures/*/extensions/EXT_texture_webp/source", Image, Item),
    ("textures/*/extensions/EXT_texture_avif/source", Image, Item),
    ("textures/*/extensions/KHR_texture_basisu/source", Image, Item),
    ("textures/*/extensions/MSFT_texture_dds/source", Image, Item),
    ("materials/*/pbrMetallicRoughness/*/index", Texture, Item),
    ("materials/*/normalTexture/index", Texture, Item),
    ("materials/*/occlusionTexture/index", Texture, Item),
    ("materials/*/emissiveTexture/index", Texture, Item),
    ("materials/*/extensions/MSFT_lod/ids/*", Material, Item),
    ("extensions/EXT_lights_ies/lights/*/bufferView", Blob, Item),
    ("extensions/EXT_lights_image_based/lights/*/specularImages/*/*", Image, Item),
    ("extensions/EXT_structural_metadata/propertyTables/*/properties/*/values", Blob, Item),
    ("extensions/EXT_structural_metadata/propertyTables/*/properties/*/arrayOffsets", Blob, Item),
    ("extensions/EXT_structural_metadata/propertyTables/*/properties/*/stringOffsets", Blob, Item),
    ("extensions/EXT_structural_metadata/propertyTextures/*/properties/*/index", Texture, Item),
    ("extensions/KHR_audio/audio/*/bufferView", Blob, Item),
    ("extensions/KHR_audio_emitter/audio/*/bufferView", Blob, Item),
    ("extensions/MSFT_audio_emitter/clips/*/bufferView", Blob, Item),
    ("extensions/VRM/meta/texture", Texture, Item),
    ("extensions/VRM/humanoid/humanBones/*/node", Node, Item),
    ("extensions/VRM/firstPerson/firstPersonBone", Node, Item),
    ("extensions/VRM/firstPerson/meshAnnotations/*/mesh", Mesh, Item),
    ("extensions/VRM/blendShapeMaster/blendShapeGroups/*/binds/*/mesh", Mesh, Item),
    ("extensions/VRM/secondaryAnimation/boneGroups/*/center", Node, Item),
    ("extensions/VRM/secondaryAnimation/boneGroups/*/bones/*", Node, Item),
    ("extensions/VRM/secondaryAnimation/colliderGroups/*/node", Node, Item),
    ("extensions/VRM/materialProperties/*/textureProperties/*", Texture, Item),
    ("extensions/VRMC_vrm/meta/thumbnailImage", Image, Item),
    ("extensions/VRMC_vrm/humanoid/humanBones/*/node", Node, Item),
    ("extensions/VRMC_vrm/firstPerson/meshAnnotations/*/node", Node, Item),
    ("extensions/VRMC_vrm/expressions/*/*/morphTargetBinds/*/node", Node, Item),
    ("extensions/VRMC_vrm/expressions/*/*/materialColorBinds/*/material", Material, Item),
    ("extensions/VRMC_vrm/expressions/*/*/textureTransformBinds/*/material", Material, Item),
    ("extensions/VRMC_springBone/colliders/*/node", Node, Item),
    ("extensions/VRMC_springBone/springs/*/joints/*/node", Node, Item),
    ("extensions/VRMC_springBone/springs/*/center", Node, Item),
    ("extensions/VRMC_vrm_animation/humanoid/humanBones/*/node", Node, Item),
    ("extensions/VRMC_vrm_animation/expressions/*/*/node", Node, Item),
    ("extensions/VRMC_vrm_animation/lookAt/node", Node, Item),
];

/// Material extensions, all of whose `...Texture` members are texture infos with an `index`.
const MATERIAL_EXTENSIONS: &[&str] = &[
    "ADOBE_materials_clearcoat_specular",
    "ADOBE_materials_clearcoat_tint",
    "ADOBE_materials_thin_transparency",
    "KHR_materials_anisotropy",
    "KHR_materials_clearcoat",
    "KHR_materials_diffuse_transmission",
    "KHR_materials_iridescence",
    "KHR_materials_pbrSpecularGlossiness",
    "KHR_materials_sheen",
    "KHR_materials_specular",
    "KHR_materials_transmission",
    "KHR_materials_volume",
    "KHR_materials_volume_scatter",
    "MSFT_packing_normalRoughnessMetallic",
    "MSFT_packing_occlusionRoughnessMetallic",
    "VRMC_materials_mtoon",
];

/// Extensions that hold no index beyond the table, apart from those into lists of their own.
const WITHOUT_INDICES: &[&str] = &[
    "AGI_articulations",
    "AGI_stk_metadata",
    "CESIUM_RTC",
    "EXT_instance_features",
    "EXT_meshopt_compression",
    "EXT_texture_avif",
    "EXT_texture_webp",
    "FB_geometry_metadata",
    "FB_ngon_encoding",
    "GODOT_single_root",
    "KHR_materials_dispersion",
    "KHR_materials_emissive_strength",
    "KHR_materials_ior",
    "KHR_materials_unlit",
    "KHR_meshopt_compression",
    "KHR_mesh_quantization",
    "KHR_node_hoverability",
    "KHR_node_selectability",
    "KHR_node_visibility",
    "KHR_texture_basisu",
    "KHR_texture_transform",
    "KHR_xmp",
    "KHR_xmp_json_ld",
    "OMI_link",
    "OMI_seat",
    "OMI_spawn_point",
    "VRMC_materials_hdr_emissiveMultiplier",
    "VRMC_springBone_extended_collider",
    "VRMC_springBone_limit",
];

/// Whether every index that the extension can hold is in the table.
#[must_use]
pub fn is_known(extension: &str) -> bool {
    let in_table = || TABLE.iter().any(|(path, ..)| path.split('/').any(|part| part == extension));
    WITHOUT_INDICES.contains(&extension) || MATERIAL_EXTENSIONS.contains(&extension) || in_table()
}

/// The table as a tree, so that a walk only visits members that can matter.
#[derive(Default)]
struct Branch {
    named: Vec<(String, Branch)>,
    every: Option<Box<Branch>>,
    leaf: Option<(Kind, Role)>,
}

impl Branch {
    fn grow(&mut self, path: &str, leaf: (Kind, Role)) {
        let mut at = self;
        for part in path.split('/') {
            at = if part == "*" {
                at.every.get_or_insert_default()
            } else if let Some(found) = at.named.iter().position(|(name, _)| name == part) {
                &mut at.named[found].1
            } else {
                at.named.push((part.to_owned(), Self::default()));
                let last = at.named.len() - 1;
                &mut at.named[last].1
            };
        }
        at.leaf = Some(leaf);
    }
}

fn tree() -> &'static Branch {
    static TREE: OnceLock<Branch> = OnceLock::new();
    TREE.get_or_init(|| {
        let mut root = Branch::default();
        for &(path, kind, role) in TABLE {
            root.grow(path, (kind, role));
        }
        for extension in MATERIAL_EXTENSIONS {
            root.grow(&format!("materials/*/extensions/{extension}/*/index"), (Texture, Item));
        }
        root
    })
}

/// Where a member stands in the JSON; printed as a JSON pointer.
#[derive(Debug, Clone, Copy)]
pub struct At<'a> {
    parent: Option<&'a At<'a>>,
    key: Key<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Key<'a> {
    Name(&'a str),
    Item(usize),
}

impl At<'_> {
    /// The member's own name; empty for an item of an array.
    #[must_use]
    pub fn name(&self) -> &str {
        match self.key {
            Key::Name(name) => name,
            Key::Item(_) => "",
        }
    }

    /// The name of the object that holds the member: the texture slot of a texture info's `index`.
    #[must_use]
    pub fn slot(&self) -> &str {
        self.parent.map_or("", At::name)
    }

    /// The outermost name: `textures` of `/textures/2/source`.
    #[must_use]
    pub fn list(&self) -> &str {
        self.parent.map_or(self.name(), At::list)
    }

    /// The outermost position in an array: `2` of `/textures/2/source`.
    #[must_use]
    pub fn first_item(&self) -> Option<usize> {
        let above = self.parent.and_then(At::first_item);
        above.or(match self.key {
            Key::Item(item) => Some(item),
            Key::Name(_) => None,
        })
    }
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
        }
        match self.key {
            Key::Name(name) => write!(f, "/{name}"),
            Key::Item(item) => write!(f, "/{item}"),
        }
    }
}

/// Calls `found` for every listed member that is there, with its place, kind, role and value.
pub fn visit<'v>(root: &'v Map<String, Value>, found: &mut dyn FnMut(&At, Kind, Role, &'v Value)) {
    for (name, branch) in &tree().named {
        if let Some(value) = root.get(name) {
            descend(value, branch, &At { parent: None, key: Key::Name(name) }, found);
        }
    }
}

fn descend<'v>(
    value: &'v Value,
    branch: &Branch,
    at: &At,
    found: &mut dyn FnMut(&At, Kind, Role, &'v Value),
) {
    if let Some((kind, role)) = branch.leaf {
        found(at, kind, role, value);
    }
    match value {
        Value::Object(members) => {
            for (name, branch) in &branch.named {
                if let Some(value) = members.get(name) {
                    descend(value, branch, &At { parent: Some(at), key: Key::Name(name) }, found);
                }
            }
            if let Some(branch) = &branch.every {
                for (name, value) in members {
                    descend(value, branch, &At { parent: Some(at), key: Key::Name(name) }, found);
                }
            }
        }
        Value::Array(items) => {
            if let Some(branch) = &branch.every {
                for (item, value) in items.iter().enumerate() {
                    descend(value, branch, &At { parent: Some(at), key: Key::Item(item) }, found);
                }
            }
        }
        _ => {}
    }
}

/// Calls `found` for every listed index, which it may change. Members that hold no index (VRM 0 writes
/// -1 for "none") are passed over.
pub fn visit_mut(root: &mut Map<String, Value>, found: &mut dyn FnMut(Kind, Role, &mut usize)) {
    for (name, branch) in &tree().named {
        if let Some(value) = root.get_mut(name) {
            descend_mut(value, branch, found);
        }
    }
}

fn descend_mut(value: &mut Value, branch: &Branch, found: &mut dyn FnMut(Kind, Role, &mut usize)) {
    if let (Some((kind, role)), Some(number)) = (branch.leaf, value.as_u64()) {
        let before = usize::try_from(number).unwrap_or(usize::MAX);
        let mut index = before;
        found(kind, role, &mut index);
        if index != before {
            *value = Value::from(index);
        }
    }
    match value {
        Value::Object(members) => {
            for (name, branch) in &branch.named {
                if let Some(value) = members.get_mut(name) {
                    descend_mut(value, branch, found);
                }
            }
            if let Some(branch) = &branch.every {
                for (_, value) in members.iter_mut() {
                    descend_mut(value, branch, found);
                }
            }
        }
        Value::Array(items) => {
            if let Some(branch) = &branch.every {
                for value in items {
                    descend_mut(value, branch, found);
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn every_index_is_found_with_its_place() {
        let root = object(json!({
            "scene": 0,
            "nodes": [{"mesh": 3, "extras": {"mesh": 9}}],
            "meshes": [{"primitives": [{"attributes": {"POSITION": 1}, "material": 2}]}],
            "materials": [{"extensions": {"KHR_materials_clearcoat": {
                "clearcoatFactor": 1, "clearcoatTexture": {"index": 5}}}}],
        }));
        let mut seen = Vec::new();
        visit(&root, &mut |at, kind, _, value| seen.push((at.to_string(), kind, value.as_u64().unwrap())));
        seen.sort();
        assert_eq!(
            seen,
            [
                ("/materials/0/extensions/KHR_materials_clearcoat/clearcoatTexture/index".into(), Texture, 5),
                ("/meshes/0/primitives/0/attributes/POSITION".into(), Accessor, 1),
                ("/meshes/0/primitives/0/material".into(), Material, 2),
                ("/nodes/0/mesh".into(), Mesh, 3),
                ("/scene".into(), Scene, 0),
            ]
        );
    }

    #[test]
    fn indices_can_be_renumbered_and_minus_one_stays() {
        let mut root = object(json!({
            "nodes": [{"children": [1, 2]}],
            "extensions": {"VRM": {"firstPerson": {"firstPersonBone": -1}}},
        }));
        visit_mut(&mut root, &mut |_, _, index| *index += 10);
        assert_eq!(root["nodes"][0]["children"], json!([11, 12]));
        assert_eq!(root["extensions"]["VRM"]["firstPerson"]["firstPersonBone"], json!(-1));
    }

    #[test]
    fn known_extensions_are_those_in_the_table() {
        assert!(is_known("KHR_lights_punctual") && is_known("VRM") && is_known("KHR_texture_transform"));
        assert!(!is_known("ACME_secret"));
    }
}
