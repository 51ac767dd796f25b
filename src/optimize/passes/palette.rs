//! palette: many materials of one colour each become one with a small texture of all the colours, so that `join` can
//! draw their primitives at once.
//!
//! Only materials without name, extras, extensions and textures, shown by primitives without texture coordinates; they
//! may differ in base colour, metalness, roughness and emission, which are rounded to eight bits. Every vertex gets
//! the coordinates of its colour's texel, at its centre, and the sampler takes the nearest texel.
//! Declines for the preset `high`, since half a step of 255 everywhere costs a FLIP error of up to 0.01; where fewer
//! than [`FEWEST`] draw calls would be saved, which costs more than it gains; where variants, animations or avatars
//! refer to materials; for `universal`, whose texture coordinates would not be compressed; and when `nodes=keep`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::dedup::materials_are_addressed;
use super::join::Join;
use super::{Context, Outcome, Pass, counted, is_sorted};
use crate::optimize::Error;
use crate::optimize::codecs::resize::to_srgb;
use crate::optimize::codecs::{CodecError, Pixels, png};
use crate::optimize::document::primitives::{self, PrimitiveId, as_index};
use crate::optimize::document::{Accessor, Document, Image, ImageSource, Kind, Shape, edit};
use crate::optimize::settings::{Nodes, Preset, Target};

/// See the module.
pub(super) struct Palette;

/// Draw calls saved that are worth a texture: their JSON is about as long as the texture with its own.
const FEWEST: usize = 4;

/// Colours in one palette: a power of two, whose texel centres no rounding moves.
const MOST_COLOURS: usize = 256;

/// What a material may hold.
const MEMBERS: [&str; 3] = ["pbrMetallicRoughness", "emissiveFactor", "doubleSided"];
const PBR_MEMBERS: [&str; 3] = ["baseColorFactor", "metallicFactor", "roughnessFactor"];

impl Pass for Palette {
    fn name(&self) -> &'static str {
        "palette"
    }

    fn renumbers(&self) -> bool {
        true
    }

    fn run(&self, document: &mut Document, context: &mut Context) -> Result<Outcome, Error> {
        let declined = |reason: &str| Ok(Outcome::Unchanged(reason.into()));
        if context.settings.target == Target::Universal || context.settings.nodes == Nodes::Keep {
            return declined("materials stay apart for this target, or because all nodes are to stay");
        }
        if context.settings.preset == Preset::High {
            return declined("colours of eight bits would not stand a close look");
        }
        if materials_are_addressed(document) {
            return declined("an animation or an avatar's expressions change materials");
        }
        let groups = groups(document);
        if groups.is_empty() {
            return declined("no materials without a name are one colour each");
        }
        let mut painted = document.clone();
        for group in &groups {
            paint(&mut painted, group).map_err(|error| Error::Internal(error.to_string()))?;
        }
        let gone: BTreeSet<usize> = groups.iter().flat_map(|group| &group[1..]).copied().collect();
        let keep: Vec<bool> =
            (0..document.list("materials").len()).map(|index| !gone.contains(&index)).collect();
        edit::retain(&mut painted, Kind::Material, &keep);
        if draws_joined(&painted, context)? + FEWEST > draws_joined(document, context)? {
            return declined("primitives of different colours could not be drawn at once");
        }
        *document = painted;
        Ok(Outcome::Changed(vec![format!(
            "{} became one colour of a palette each",
            counted(gone.len() + groups.len(), "material", "materials")
        )]))
    }
}

/// How many primitives there would be after `join`.
fn draws_joined(document: &Document, context: &mut Context) -> Result<usize, Error> {
    let mut joined = document.clone();
    Join.run(&mut joined, context)?;
    Ok(primitives::all(&joined).len())
}

/// Materials that one palette can stand for: they agree in everything but what it holds.
fn groups(document: &Document) -> Vec<Vec<usize>> {
    let mut usable: Vec<bool> = document.list("materials").iter().map(is_plain).collect();
    for id in primitives::all(document) {
        let json = primitives::json(document, id);
        let own = as_index(&json["material"]);
        let takes_coordinates = can_be_painted(document, json);
        for material in primitives::materials(document, json) {
            usable[material] &= takes_coordinates && own == Some(material) && json["extensions"].is_null();
        }
    }
    let mut groups: BTreeMap<bool, Vec<usize>> = BTreeMap::new();
    for (index, material) in document.list("materials").iter().enumerate().filter(|(index, _)| usable[*index])
    {
        groups.entry(material["doubleSided"] == true).or_default().push(index);
    }
    groups.retain(|_, group| group.len() > 1);
    groups
        .into_values()
        .flat_map(|group| group.chunks(MOST_COLOURS).map(<[usize]>::to_vec).collect::<Vec<_>>())
        .collect()
}

fn is_plain(material: &Value) -> bool {
    let only = |object: &Value, names: &[&str]| {
        object.as_object().is_none_or(|members| members.keys().all(|name| names.contains(&name.as_str())))
    };
    only(material, &MEMBERS) && only(&material["pbrMetallicRoughness"], &PBR_MEMBERS) && !is_sorted(material)
}

/// Whether every vertex can get coordinates that nothing else reads.
fn can_be_painted(document: &Document, primitive: &Value) -> bool {
    primitives::locked(document, primitive).is_none()
        && primitives::attributes(&primitive["attributes"]).all(|(name, _)| !name.starts_with("TEXCOORD_"))
}

/// What one material looks like, in the bytes of textures.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Colour {
    base: [u8; 4],
    metal_rough: [u8; 4],
    emissive: [u8; 4],
}

impl Colour {
    fn of(material: &Value) -> Self {
        let pbr = &material["pbrMetallicRoughness"];
        let list = |value: &Value, default: f64| {
            std::array::from_fn::<f64, 3, _>(|i| value[i].as_f64().unwrap_or(default)).map(to_srgb)
        };
        let byte = |value: f64| (value.clamp(0.0, 1.0) * 255.0).round() as u8;
        let opaque = |[r, g, b]: [f64; 3]| [byte(r), byte(g), byte(b), 255];
        let factor = |name: &str| pbr[name].as_f64().unwrap_or(1.0);
        Self {
            base: opaque(list(&pbr["baseColorFactor"], 1.0)),
            metal_rough: opaque([0.0, factor("roughnessFactor"), factor("metallicFactor")]),
            emissive: opaque(list(&material["emissiveFactor"], 0.0)),
        }
    }
}

/// What one of a palette's textures holds of a colour.
type Texel = fn(&Colour) -> [u8; 4];

/// A texture of a palette, its slot, and the factors that it multiplies.
type Layer = (Texel, &'static str, Vec<(&'static str, Value)>);

/// Gives the first material of a group the colours of all, and every primitive the coordinates of its own.
fn paint(document: &mut Document, group: &[usize]) -> Result<(), CodecError> {
    let colours: Vec<Colour> =
        group.iter().map(|&index| Colour::of(&document.list("materials")[index])).collect();
    let first = group[0];
    let width = colours.len().next_power_of_two();
    let mut material = document.list("materials")[first].clone();
    let differs = |part: Texel| colours.iter().any(|colour| part(colour) != part(&colours[0]));
    let parts: [Layer; 3] = [
        (|c| c.base, "baseColorTexture", vec![("baseColorFactor", json!([1, 1, 1, 1]))]),
        (
            |c| c.metal_rough,
            "metallicRoughnessTexture",
            vec![("metallicFactor", json!(1)), ("roughnessFactor", json!(1))],
        ),
        (|c| c.emissive, "emissiveTexture", vec![("emissiveFactor", json!([1, 1, 1]))]),
    ];
    for (part, slot, factors) in parts {
        if differs(part) {
            let owner =
                if slot == "emissiveTexture" { &mut material } else { &mut material["pbrMetallicRoughness"] };
            owner[slot] = json!({ "index": add_texture(document, &colours, width, part)? });
            factors.into_iter().for_each(|(name, value)| owner[name] = value);
        }
    }
    document.list_mut("materials")[first] = material;
    for id in primitives::all(document) {
        let material = as_index(&primitives::json(document, id)["material"]);
        if let Some(number) = group.iter().position(|&index| Some(index) == material) {
            enter(document, id, first, (number as f32 + 0.5) / width as f32);
        }
    }
    Ok(())
}

/// Adds a row of texels; returns the index of its texture.
fn add_texture(
    document: &mut Document,
    colours: &[Colour],
    width: usize,
    part: Texel,
) -> Result<usize, CodecError> {
    let rgba = (0..width).flat_map(|i| part(colours.get(i).unwrap_or(&colours[0]))).collect();
    let pixels = Pixels::new(u32::try_from(width).unwrap_or(1), 1, rgba)?;
    let file = png::encode(&pixels, &png::Options { exact: true, effort: 1 })?;
    document.images.push(Image {
        mime: "image/png".into(),
        source: ImageSource::Bytes(Arc::new(file)),
        rest: Map::new(),
        view_rest: Map::new(),
    });
    let nearest = json!({ "magFilter": 9728, "minFilter": 9728, "wrapS": 33071, "wrapT": 33071 });
    let sampler = match document.list("samplers").iter().position(|sampler| *sampler == nearest) {
        Some(known) => known,
        None => push(document, "samplers", nearest),
    };
    Ok(push(document, "textures", json!({ "source": document.images.len() - 1, "sampler": sampler })))
}

fn push(document: &mut Document, list: &str, item: Value) -> usize {
    let entry = document.root.entry(list).or_insert_with(|| json!([]));
    if let Value::Array(items) = entry {
        items.push(item);
    }
    document.list(list).len() - 1
}

fn enter(document: &mut Document, id: PrimitiveId, material: usize, at: f32) {
    let count = primitives::vertex_count(document, primitives::json(document, id));
    document.accessors.push(Accessor::from_floats(Shape::Vec2, &[at, 0.5].repeat(count)));
    let index = document.accessors.len() - 1;
    if let Some(primitive) = primitives::json_mut(document, id) {
        primitive.insert("material".into(), material.into());
        primitive["attributes"]["TEXCOORD_0"] = index.into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimize::passes::run_alone;
    use crate::optimize::settings::Settings;

    /// One mesh with a triangle for each material.
    fn run(change: impl Fn(&mut Value)) -> (Document, Outcome) {
        let count = 6;
        let colour =
            |i: usize| json!({ "pbrMetallicRoughness": { "baseColorFactor": [0.1 * i as f64, 0, 1, 1] } });
        let primitive = |i: usize| json!({ "attributes": { "POSITION": i }, "material": i });
        let mut root = json!({
            "nodes": [{ "mesh": 0 }],
            "meshes": [{ "primitives": (0..count).map(primitive).collect::<Vec<_>>() }],
            "materials": (0..count).map(colour).collect::<Vec<_>>(),
        });
        change(&mut root);
        let corners = [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0];
        let accessors = vec![Accessor::from_floats(Shape::Vec3, &corners); count];
        let mut document =
            Document { root: root.as_object().unwrap().clone(), accessors, ..Document::default() };
        let outcome = run_alone(&Palette, &mut document, Settings::default());
        (document, outcome)
    }

    #[test]
    fn colours_become_texels_that_are_hit_in_the_middle() {
        let (document, _) = run(|_| {});
        let pbr = json!({ "baseColorFactor": [1, 1, 1, 1], "baseColorTexture": { "index": 0 } });
        assert_eq!(document.root["materials"], json!([{ "pbrMetallicRoughness": pbr }]));
        let image = crate::optimize::codecs::image_file::decode(document.images[0].bytes(), 64).unwrap();
        assert_eq!((image.width(), image.height()), (8, 1));
        for (number, primitive) in
            document.list("meshes")[0]["primitives"].as_array().unwrap().iter().enumerate()
        {
            let [u, v] = primitives::attribute(&document, primitive, "TEXCOORD_0").unwrap().vectors()[2];
            assert_eq!((u * 8.0, v), (number as f32 + 0.5, 0.5));
            let expected = (to_srgb(0.1 * number as f64) * 255.0).round() as u8;
            assert_eq!(image.texels()[(u * 8.0) as usize], [expected, 0, 255, 255]);
        }
    }

    #[test]
    fn names_variants_and_textures_keep_materials_apart() {
        for change in [
            |root: &mut Value| (0..4).for_each(|i| root["materials"][i]["name"] = "red".into()),
            |root: &mut Value| (0..4).for_each(|i| root["materials"][i]["extras"] = json!({ "price": 1 })),
            |root: &mut Value| (0..4).for_each(|i| root["materials"][i]["alphaMode"] = "BLEND".into()),
            |root: &mut Value| {
                (0..4)
                    .for_each(|i| root["meshes"][0]["primitives"][i]["attributes"]["TEXCOORD_0"] = json!(0));
            },
            |root: &mut Value| {
                let variants =
                    json!({ "KHR_materials_variants": { "mappings": [{ "material": 0, "variants": [0] }] } });
                (0..4).for_each(|i| root["meshes"][0]["primitives"][i]["extensions"] = variants.clone());
            },
        ] {
            let (document, outcome) = run(change);
            assert!(matches!(outcome, Outcome::Unchanged(_)));
            assert_eq!(document.list("materials").len(), 6);
            assert!(document.images.is_empty());
        }
    }

    #[test]
    fn few_draw_calls_are_not_worth_a_texture() {
        let apart = |root: &mut Value| root["meshes"][0]["primitives"].as_array_mut().unwrap().truncate(4);
        assert!(matches!(run(apart).1, Outcome::Unchanged(_)));
    }
}
