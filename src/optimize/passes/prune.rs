//! prune: what nothing refers to goes.
//!
//! Accessors, images, textures, texture samplers, materials, meshes, skins and leftover binary data.
//! Trees of nodes without a name that no scene shows go too, but for `nodes=keep`. Scenes, cameras
//! and everything with a meaning of its own stay, however unused they look.
//! What has extras stays, and so do meshes and materials with a name, with all that they need; what else had a name is noted.
//! Vertex attributes that nothing draws with go as well: texture coordinates that no texture of the material
//! reads, tangents without a normal map; but none whose accessor has extras.
//! Declines when everything is in use, or when an unknown extension may refer to items by number.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{Context, Outcome, Pass, counted, plain_nodes};
use crate::optimize::Error;
use crate::optimize::document::primitives::{self, as_index};
use crate::optimize::document::refs::visit;
use crate::optimize::document::{Document, Kind, edit};
use crate::optimize::settings::Nodes;

/// See the module.
pub(super) struct Prune;

/// So many names of a kind are listed one by one: exporters name every accessor, or none.
const MOST_NAMES: usize = 20;

/// In an order in which what only pruned items referred to is found unused next.
const KINDS: [(Kind, &str, &str); 8] = [
    (Kind::Mesh, "mesh", "meshes"),
    (Kind::Skin, "skin", "skins"),
    (Kind::Material, "material", "materials"),
    (Kind::Texture, "texture", "textures"),
    (Kind::Sampler, "sampler", "samplers"),
    (Kind::Image, "image", "images"),
    (Kind::Accessor, "accessor", "accessors"),
    (Kind::Blob, "buffer view", "buffer views"),
];

impl Pass for Prune {
    fn name(&self) -> &'static str {
        "prune"
    }

    fn renumbers(&self) -> bool {
        true
    }

    fn run(&self, document: &mut Document, context: &mut Context) -> Result<Outcome, Error> {
        let mut notes = Vec::new();
        let nodes = if context.settings.nodes == Nodes::Keep { 0 } else { remove_unshown_nodes(document) };
        if nodes > 0 {
            let what = format!("{} without a name that no scene shows", counted(nodes, "node", "nodes"));
            notes.push(format!("removed {what}"));
            document.dropped.push(what);
        }
        for (name, count) in remove_unread_attributes(document) {
            let what =
                format!("{name}, which nothing reads, of {}", counted(count, "primitive", "primitives"));
            notes.push(format!("removed {what}"));
            document.dropped.push(what);
        }
        for (kind, one, many) in KINDS {
            if is_meaningful(document, kind) {
                continue;
            }
            let mut keep = edit::referenced(document, kind);
            for (index, keep) in keep.iter_mut().enumerate().filter(|(_, keep)| !**keep) {
                *keep = must_stay(document, kind, index);
            }
            let gone = keep.iter().enumerate().filter(|(_, keep)| !**keep).map(|(index, _)| index);
            let lost = lost_names(document, kind, gone.collect(), (one, many));
            document.dropped.extend(lost);
            let removed = edit::retain(document, kind, &keep);
            if removed > 0 {
                notes.push(format!("{} without use removed", counted(removed, one, many)));
            }
        }
        let bounds = drop_optional_bounds(document);
        if bounds > 0 {
            notes.push(format!("optional bounds of {} left out", counted(bounds, "accessor", "accessors")));
        }
        if notes.is_empty() {
            return Ok(Outcome::Unchanged("everything in the file is in use".into()));
        }
        Ok(Outcome::Changed(notes))
    }
}

/// Removes trees of nodes that hold nothing but places and meshes, and that nothing refers to from outside; returns how many nodes.
/// A file without a scene is a library: all may be meant.
fn remove_unshown_nodes(document: &mut Document) -> usize {
    let nodes = document.list("nodes");
    if document.list("scenes").is_empty() {
        return 0;
    }
    let mut is_meant: Vec<bool> = nodes.iter().map(|node| !plain_nodes::holds_only_members(node)).collect();
    let mut is_top = vec![true; nodes.len()];
    visit(&document.root, &mut |at, kind, _, value| {
        let Some(node) = as_index(value).filter(|&node| kind == Kind::Node && node < nodes.len()) else {
            return;
        };
        let of = if at.slot() == "children" { &mut is_top } else { &mut is_meant };
        of[node] = at.slot() != "children";
    });
    let mut keep = vec![true; nodes.len()];
    for top in (0..nodes.len()).filter(|top| is_top[*top]) {
        let (mut tree, mut seen) = (vec![top], 0);
        while let Some(&node) = tree.get(seen) {
            tree.extend(plain_nodes::children(&nodes[node]["children"]));
            seen += 1;
        }
        if !tree.iter().any(|&node| is_meant[node]) {
            tree.into_iter().for_each(|node| keep[node] = false);
        }
    }
    edit::retain(document, Kind::Node, &keep)
}

/// The JSON of an item beside what is derived: where its name, extras and extensions are, and those of its parts.
fn json_of(document: &Document, kind: Kind, index: usize) -> Vec<&Map<String, Value>> {
    match kind {
        Kind::Accessor => {
            let accessor = document.accessors.get(index);
            let sparse = accessor.and_then(|accessor| accessor.sparse.as_ref()).map(|sparse| &sparse.rest);
            let own = accessor.into_iter().flat_map(|accessor| [&accessor.rest, &accessor.view_rest]);
            own.chain(sparse).collect()
        }
        Kind::Image => {
            let image = document.images.get(index);
            image.into_iter().flat_map(|image| [&image.rest, &image.view_rest]).collect()
        }
        Kind::Blob => document.blobs.get(index).map(|blob| &blob.rest).into_iter().collect(),
        _ => {
            let item = edit::json_list(&document.root, kind).and_then(|items| items.get(index)?.as_object());
            item.into_iter().collect()
        }
    }
}

/// Whether an item that nothing uses stays: extras are what somebody wrote down on purpose, and by the name of a mesh or a
/// material programs find it, to show it later.
fn must_stay(document: &Document, kind: Kind, index: usize) -> bool {
    let is_found_by_name = matches!(kind, Kind::Mesh | Kind::Material);
    json_of(document, kind, index)
        .into_iter()
        .any(|item| has_extras(item) || (is_found_by_name && name(item).is_some()))
}

/// Whether there are extras in an object or in any part of it.
fn has_extras(object: &Map<String, Value>) -> bool {
    fn within(value: &Value) -> bool {
        match value {
            Value::Object(members) => has_extras(members),
            Value::Array(items) => items.iter().any(within),
            _ => false,
        }
    }
    object.contains_key("extras") || object.values().any(within)
}

fn name(item: &Map<String, Value>) -> Option<&str> {
    item.get("name")?.as_str().filter(|name| !name.is_empty())
}

/// What the items that go were called, for people.
fn lost_names(document: &Document, kind: Kind, gone: Vec<usize>, (one, many): (&str, &str)) -> Vec<String> {
    let json = gone.into_iter().flat_map(|index| json_of(document, kind, index));
    let names: Vec<&str> = json.filter_map(name).collect();
    if names.len() > MOST_NAMES {
        return vec![format!("names of {} {many}, which nothing uses", names.len())];
    }
    names.into_iter().map(|name| format!("{one} \"{name}\", which nothing uses")).collect()
}

/// Whether items may stay although nothing in the file refers to them: a file that holds only materials,
/// meshes or motion (a library), and VRM 0, which numbers materials in a list of its own.
fn is_meaningful(document: &Document, kind: Kind) -> bool {
    let has_vrm0 = document.root.get("extensions").is_some_and(|extensions| extensions.get("VRM").is_some());
    match kind {
        Kind::Mesh => document.list("nodes").is_empty(),
        Kind::Material => has_vrm0 || document.list("meshes").is_empty(),
        // Motion alone, for a model in another file: the skin says which bones it is for.
        Kind::Texture | Kind::Image | Kind::Skin => document.list("meshes").is_empty(),
        _ => false,
    }
}

/// `min` and `max` are required for positions and key times only (specification 3.6.2.5).
fn drop_optional_bounds(document: &mut Document) -> usize {
    let mut required = vec![false; document.accessors.len()];
    crate::optimize::document::refs::visit(&document.root, &mut |at, kind, role, value| {
        use crate::optimize::document::refs::Role;
        let needs =
            role == Role::KeyTimes || (matches!(role, Role::Vertex | Role::Morph) && at.name() == "POSITION");
        if kind == Kind::Accessor
            && needs
            && let Some(slot) = as_index(value).and_then(|index| required.get_mut(index))
        {
            *slot = true;
        }
    });
    let mut dropped = 0;
    for (accessor, required) in document.accessors.iter_mut().zip(required) {
        if accessor.bounds && !required {
            accessor.bounds = false;
            dropped += 1;
        }
    }
    dropped
}

/// Removes vertex attributes that no material reads; returns from how many primitives, by name.
fn remove_unread_attributes(document: &mut Document) -> BTreeMap<String, usize> {
    let mut removed = BTreeMap::new();
    for id in primitives::all(document) {
        let json = primitives::json(document, id);
        if primitives::locked(document, json).is_some() {
            continue;
        }
        let mut readers = Readers::of(document, json);
        // Their accessors stay for the sake of extras; with nothing that uses them, no pass would pack their elements.
        let is_marked = |index: usize| json_of(document, Kind::Accessor, index).into_iter().any(has_extras);
        for (name, _) in primitives::attributes(&json["attributes"]).filter(|&(_, index)| is_marked(index)) {
            readers.add_attribute(name);
        }
        let doomed: Vec<String> = primitives::attributes(&json["attributes"])
            .map(|(name, _)| name.to_owned())
            .filter(|name| !readers.read(name))
            .collect();
        let Some(json) = primitives::json_mut(document, id) else { continue };
        for name in doomed {
            if let Some(Value::Object(attributes)) = json.get_mut("attributes") {
                attributes.shift_remove(&name);
            }
            for target in json.get_mut("targets").and_then(Value::as_array_mut).into_iter().flatten() {
                if let Value::Object(target) = target {
                    target.shift_remove(&name);
                }
            }
            *removed.entry(name).or_default() += 1;
        }
    }
    removed
}

/// What the materials of a primitive (variants included) read.
#[derive(Default)]
struct Readers {
    texcoords: BTreeSet<u64>,
    normal_maps: bool,
    /// A material extension that we do not know may read anything.
    everything: bool,
}

impl Readers {
    fn of(document: &Document, primitive: &Value) -> Self {
        let mut readers = Self::default();
        let used = primitives::materials(document, primitive);
        for material in used.filter_map(|index| document.list("materials").get(index)) {
            readers.everything |=
                material.to_string().contains("VRM") || speaks_of_images(&material["extras"]);
            readers.add(material);
        }
        // Feature ids, property textures, custom shaders of VRM 0: not described by the material.
        let read_more = ["EXT_mesh_features", "EXT_structural_metadata"];
        readers.everything |= read_more.iter().any(|name| primitive["extensions"].get(name).is_some());
        readers.everything |= document.uses_extension("VRM");
        readers
    }

    /// Takes an attribute for one that is read.
    fn add_attribute(&mut self, name: &str) {
        let set: Option<u64> = name.strip_prefix("TEXCOORD_").and_then(|set| set.parse().ok());
        self.texcoords.extend(set);
        self.normal_maps |= name == "TANGENT";
    }

    /// What one material reads, as far as it says so.
    fn add(&mut self, value: &Value) {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    if name.ends_with("Texture") {
                        let transform = &value["extensions"]["KHR_texture_transform"]["texCoord"];
                        let set = transform.as_u64().or(value["texCoord"].as_u64()).unwrap_or(0);
                        self.texcoords.insert(set);
                        self.texcoords.insert(value["texCoord"].as_u64().unwrap_or(0));
                        self.normal_maps |= name.to_ascii_lowercase().contains("normal");
                    }
                    self.normal_maps |= name == "KHR_materials_anisotropy";
                    self.add(value);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.add(item)),
            _ => {}
        }
    }

    fn read(&self, attribute: &str) -> bool {
        if self.everything {
            return true;
        }
        match attribute.split_once('_') {
            // Sets are numbered without gaps (specification 3.7.2.1): one that is read keeps those below it.
            Some(("TEXCOORD", set)) => {
                set.parse::<u64>().is_ok_and(|set| self.texcoords.iter().any(|&read| read >= set))
            }
            None if attribute == "TANGENT" => self.normal_maps,
            _ => true,
        }
    }
}

/// Whether extras may describe textures, or a shader of somebody's own that reads them. What exporters note of a material's past
/// does not.
fn speaks_of_images(extras: &Value) -> bool {
    let is_about = |name: &str| {
        let name = name.to_ascii_lowercase();
        ["tex", "map", "image", "uv", "shader", "uniform", "glsl"].iter().any(|word| name.contains(word))
    };
    match extras {
        Value::Object(members) => {
            members.iter().any(|(name, value)| is_about(name) || speaks_of_images(value))
        }
        Value::Array(items) => items.iter().any(speaks_of_images),
        Value::String(text) => is_about(text),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use std::sync::Arc;

    use super::*;
    use crate::optimize::document::{Accessor, Blob, Image, ImageSource, Shape};
    use crate::optimize::passes::run_alone;
    use crate::optimize::settings::Settings;

    /// Nodes that no scene showed kept their meshes and textures alive.
    #[test]
    fn regression_nodes_without_a_name_that_no_scene_shows_go() {
        let nodes = json!([{"mesh": 0}, {"children": [2]}, {}, {"name": "spare"}, {"extras": 1}, {"children": [3]}, {}]);
        let root = json!({"nodes": nodes, "meshes": [{"primitives": []}], "scenes": [{"nodes": [6]}]});
        let mut document = Document { root: root.as_object().unwrap().clone(), ..Document::default() };
        let kept = Settings { nodes: Nodes::Keep, ..Settings::default() };
        let mut whole = document.clone();
        run_alone(&Prune, &mut whole, kept);
        assert_eq!(whole.list("nodes").len(), 7);
        let mut library = document.clone();
        library.root.remove("scenes");
        run_alone(&Prune, &mut library, Settings::default());
        assert_eq!(library.list("nodes").len(), 7);
        run_alone(&Prune, &mut document, Settings::default());
        // What is above a node with a name places it.
        let left = json!([{"name": "spare"}, {"extras": 1}, {"children": [0]}, {}]);
        assert_eq!(json!(document.list("nodes")), left);
        assert_eq!(document.list("meshes").len(), 0);
    }

    #[test]
    fn texture_coordinates_are_read_by_the_textures_of_all_variants() {
        let root = json!({"materials": [
            {"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}},
            {"emissiveTexture": {"index": 0, "texCoord": 1}},
        ]});
        let document = Document { root: root.as_object().unwrap().clone(), ..Document::default() };
        let primitive = json!({"material": 0, "extensions": {"KHR_materials_variants": {
            "mappings": [{"material": 1, "variants": [0]}]}}});
        let readers = Readers::of(&document, &primitive);
        assert!(readers.read("TEXCOORD_0") && readers.read("TEXCOORD_1") && readers.read("COLOR_0"));
        assert!(!readers.read("TEXCOORD_2") && !readers.read("TANGENT"));
    }

    #[test]
    fn extras_keep_coordinates_if_they_speak_of_images() {
        let extras = [
            (json!({"fromFBX": {"shadingModel": "Phong", "isTruePBR": false}}), false),
            (json!({"cost": 3, "tags": ["wood"]}), false),
            (json!({"lightMapTexture": {"index": 2}}), true),
            (json!({"layers": [{"kind": "uvScroll"}]}), true),
        ];
        for (extras, reads) in extras {
            let root = json!({"materials": [{"extras": extras}]});
            let document = Document { root: root.as_object().unwrap().clone(), ..Document::default() };
            assert_eq!(
                Readers::of(&document, &json!({"material": 0})).read("TEXCOORD_0"),
                reads,
                "{document:?}"
            );
        }
    }

    /// What stands in for a material from afar, and metadata, were not asked.
    #[test]
    fn regression_coordinates_that_materials_from_afar_or_metadata_read_stay() {
        let root = json!({"materials": [
            {"extensions": {"MSFT_lod": {"ids": [1]}}},
            {"emissiveTexture": {"index": 0, "texCoord": 1}},
        ]});
        let document = Document { root: root.as_object().unwrap().clone(), ..Document::default() };
        assert!(Readers::of(&document, &json!({"material": 0})).read("TEXCOORD_1"));
        let described = json!({"extensions": {"EXT_structural_metadata": {"propertyTextures": [0]}}});
        assert!(Readers::of(&document, &described).read("TEXCOORD_3"));
    }

    /// A walk for avatars, without an avatar.
    #[test]
    fn regression_the_skin_of_a_file_of_motion_alone_stays() {
        for (meshes, kept) in [(json!([]), 1), (json!([{"primitives": []}]), 0)] {
            let root =
                json!({"nodes": [{"name": "hip", "mesh": 0}], "skins": [{"joints": [0]}], "meshes": meshes});
            let mut document = Document { root: root.as_object().unwrap().clone(), ..Document::default() };
            run_alone(&Prune, &mut document, Settings::default());
            assert_eq!(document.list("skins").len(), kept);
        }
    }

    /// A mesh that a program puts in later by its name was gone, and so was a material with textures.
    #[test]
    fn regression_unused_meshes_and_materials_with_names_stay_with_what_they_need() {
        let root = json!({
            "nodes": [{"mesh": 0}],
            "meshes": [{"primitives": []}, {"name": "spare", "primitives": []}, {"primitives": []}],
            "textures": [{}, {"name": "lost"}],
            "materials": [
                {"name": "old", "emissiveTexture": {"index": 0}}, {"extras": {"price": 3}}, {}, {"name": ""},
            ],
        });
        let mut document = Document { root: root.as_object().unwrap().clone(), ..Document::default() };
        let outcome = run_alone(&Prune, &mut document, Settings::default());
        assert!(matches!(outcome, Outcome::Changed(_)));
        let (meshes, materials) = (document.list("meshes"), document.list("materials"));
        assert_eq!((meshes.len(), &meshes[1]["name"]), (2, &json!("spare")));
        assert_eq!((materials.len(), &materials[0]["name"]), (2, &json!("old")));
        assert_eq!(document.root["textures"], json!([{}]));
        assert_eq!(document.dropped, ["texture \"lost\", which nothing uses"]);
    }

    /// Images, accessors and buffer views are no JSON, so neither their extras kept them nor their names were noted.
    #[test]
    fn regression_images_and_accessors_with_extras_stay_and_names_are_noted() {
        let rest = |value: Value| value.as_object().unwrap().clone();
        let image = |json: Value, view: Value| Image {
            mime: "image/png".into(),
            source: ImageSource::Missing,
            rest: rest(json),
            view_rest: rest(view),
        };
        let accessor =
            |json: Value| Accessor { rest: rest(json), ..Accessor::from_floats(Shape::Scalar, &[0.0]) };
        let blob = |json: Value| Blob { bytes: Arc::default(), view: 0, pinned: false, rest: rest(json) };
        let extras = || json!({"extras": {"author": "me"}});
        let mut document = Document {
            root: rest(json!({"meshes": [{"primitives": []}], "nodes": [{"mesh": 0}]})),
            images: vec![
                image(extras(), json!({})),
                image(json!({}), extras()),
                image(json!({"name": "old"}), json!({})),
            ],
            accessors: vec![accessor(extras()), accessor(json!({"name": "times"})), accessor(json!({}))],
            blobs: vec![blob(extras()), blob(json!({"name": "rest"}))],
            ..Document::default()
        };
        run_alone(&Prune, &mut document, Settings::default());
        assert_eq!([document.images.len(), document.accessors.len(), document.blobs.len()], [2, 1, 1]);
        let gone = ["image \"old\"", "accessor \"times\"", "buffer view \"rest\""];
        assert_eq!(document.dropped, gone.map(|what| format!("{what}, which nothing uses")));
    }

    /// The accessor of coordinates that nothing reads went with its extras.
    #[test]
    fn regression_an_attribute_whose_accessor_has_extras_stays() {
        let attributes = json!({"POSITION": 0, "TEXCOORD_0": 1, "TEXCOORD_1": 2, "TEXCOORD_2": 3});
        let root = json!({"meshes": [{"primitives": [{"attributes": attributes}]}], "nodes": [{"mesh": 0}]});
        let mut document = Document { root: root.as_object().unwrap().clone(), ..Document::default() };
        document.accessors = vec![Accessor::from_floats(Shape::Vec3, &[0.0; 9]); 4];
        document.accessors[2].rest = json!({"extras": {"arrayIndex": 5}}).as_object().unwrap().clone();
        run_alone(&Prune, &mut document, Settings::default());
        let kept = json!({"POSITION": 0, "TEXCOORD_0": 1, "TEXCOORD_1": 2});
        assert_eq!(document.root["meshes"][0]["primitives"][0]["attributes"], kept);
        assert_eq!(document.accessors.len(), 3);
    }

    #[test]
    fn extras_of_a_part_keep_the_whole_and_many_names_are_counted() {
        let part = json!({"primitives": [{"attributes": {}, "extras": 1}]});
        let mut root = json!({"meshes": [part, {"primitives": []}], "nodes": [{"mesh": 1}]});
        root["samplers"] = vec![json!({"name": "linear"}); MOST_NAMES + 1].into();
        let mut document = Document { root: root.as_object().unwrap().clone(), ..Document::default() };
        run_alone(&Prune, &mut document, Settings::default());
        assert_eq!(document.list("meshes").len(), 2);
        assert_eq!(document.dropped, ["names of 21 samplers, which nothing uses"]);
    }

    /// A second set without the first is invalid glTF.
    #[test]
    fn regression_sets_below_one_that_is_read_stay() {
        let mut readers = Readers::default();
        readers.add(&json!({"occlusionTexture": {"index": 0, "texCoord": 1}}));
        assert!(readers.read("TEXCOORD_0") && readers.read("TEXCOORD_1") && !readers.read("TEXCOORD_2"));
    }
}
