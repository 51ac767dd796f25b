//! bake: a texture that is one colour becomes the material's factor, and one that changes nothing goes.
//!
//! One colour means: every pixel is the same, give or take one step of 255, in the channels that its slot reads.
//! What changes nothing: a flat normal map, occlusion without any, whatever a factor of zero multiplies
//! ([`slots`]). The images go with `prune`, unless something else shows them.
//! Declines where an animation or an avatar's expressions change factors, beside an extension that is not known, which may
//! change them too (KHR_interactivity does), and where a texture or image would take its name or extras along: those stay,
//! and `textures` makes them one pixel.

mod slots;

use rayon::prelude::*;
use serde_json::{Map, Value};

use self::slots::{Constant, SLOTS, Slot};
use super::dedup::materials_are_addressed;
use super::{Context, Outcome, Pass, unknown_references};
use crate::optimize::Error;
use crate::optimize::codecs::image_file::{self, Format};
use crate::optimize::document::primitives::as_index;
use crate::optimize::document::refs::{Kind, visit};
use crate::optimize::document::{Document, Image};

/// See the module.
pub(super) struct Bake;

/// One colour takes at most this part of a byte a pixel in PNG, WebP and JPEG, after [`HEADER_BYTES`]: larger files
/// need not be decoded.
const CONSTANT_BYTES_A_PIXEL: f64 = 0.1;

/// Header, tables and some metadata.
const HEADER_BYTES: f64 = 4096.0;

/// Larger images are not decoded to see: memory is for the pass that works on them.
const MAX_PIXELS: u64 = 1 << 24;

impl Pass for Bake {
    fn name(&self) -> &'static str {
        "bake"
    }

    fn run(&self, document: &mut Document, _: &mut Context) -> Result<Outcome, Error> {
        if materials_are_addressed(document) {
            return Ok(Outcome::Unchanged("an animation or an avatar's expressions change materials".into()));
        }
        if let Some(reason) = unknown_references(document) {
            return Ok(Outcome::Unchanged(reason));
        }
        let constants: Vec<Constant> = document.images.par_iter().map(constant).collect();
        let mut uses = Uses::of(document);
        let (mut baked, mut kept) = (Vec::new(), Vec::new());
        for index in 0..document.list("materials").len() {
            for slot in SLOTS {
                let material = &document.list("materials")[index];
                let Some((texture, members)) = bakeable(document, material, slot, &constants) else {
                    continue;
                };
                let place = format!("{} of material {index}{}", slot.texture, named(material));
                if let Some(what) = uses.would_lose(document, texture) {
                    kept.push(format!("{place} is one colour or unseen, but {what}"));
                    continue;
                }
                uses.release(document, texture);
                put_in(&mut document.list_mut("materials")[index], slot, members);
                baked.push(format!("{place} went into factors"));
            }
        }
        if baked.is_empty() && kept.is_empty() {
            return Ok(Outcome::Unchanged("no texture is one colour everywhere".into()));
        }
        if baked.is_empty() {
            return Ok(Outcome::Unchanged(kept.join("; ")));
        }
        Ok(Outcome::Changed(baked.into_iter().chain(kept).collect()))
    }
}

/// The texture of a slot and the members that can stand for it.
fn bakeable(
    document: &Document,
    material: &Value,
    slot: &Slot,
    constants: &[Constant],
) -> Option<(usize, Vec<(&'static str, Value)>)> {
    let owner = material.pointer(slot.owner)?.as_object()?;
    let info = owner.get(slot.texture)?.as_object()?;
    if info.contains_key("extras") {
        return None;
    }
    let texture = as_index(info.get("index")?)?;
    let constant = match sources(document.list("textures").get(texture)?)[..] {
        [image] => constants.get(image).copied().unwrap_or_default(),
        // Which of several is shown depends on the viewer.
        _ => Constant::default(),
    };
    let is_opaque = matches!(material["alphaMode"].as_str(), None | Some("OPAQUE"));
    Some((texture, slot.without(owner, constant, is_opaque)?))
}

/// Takes the texture out of a slot and puts the members in.
fn put_in(material: &mut Value, slot: &Slot, members: Vec<(&'static str, Value)>) {
    if let Some(Value::Object(owner)) = material.pointer_mut(slot.owner) {
        owner.shift_remove(slot.texture);
        owner.extend(members.into_iter().map(|(name, value)| (name.to_owned(), value)));
    }
}

/// What every pixel of an image has in common.
fn constant(image: &Image) -> Constant {
    let file = image.bytes();
    let Some(probe) = image_file::probe(file) else { return Constant::default() };
    let pixels = f64::from(probe.width) * f64::from(probe.height);
    let is_large = file.len() as f64 > HEADER_BYTES + pixels * CONSTANT_BYTES_A_PIXEL;
    // Viewers obey the mark of a KTX2 file as sRGB or linear, whatever its slot.
    if is_large || probe.format == Format::Ktx2 || image_file::is_cut_off(file) {
        return Constant::default();
    }
    image_file::decode(file, MAX_PIXELS).map(|pixels| pixels.constant()).unwrap_or_default()
}

/// How many references there are to each texture, and how many textures in use show each image.
struct Uses {
    textures: Vec<usize>,
    images: Vec<usize>,
}

impl Uses {
    fn of(document: &Document) -> Self {
        let mut uses = Self {
            textures: vec![0; document.list("textures").len()],
            images: vec![0; document.images.len()],
        };
        visit(&document.root, &mut |at, kind, _, value| {
            let Some(index) = as_index(value) else { return };
            match kind {
                Kind::Texture => count(&mut uses.textures, index),
                // Those of textures are counted below.
                Kind::Image if !at.to_string().starts_with("/textures/") => count(&mut uses.images, index),
                _ => {}
            }
        });
        for (texture, &used) in document.list("textures").iter().zip(&uses.textures) {
            if used > 0 {
                sources(texture).into_iter().for_each(|image| count(&mut uses.images, image));
            }
        }
        uses
    }

    /// Why the last reference to a texture must stay: what it or its image are called.
    fn would_lose(&self, document: &Document, texture: usize) -> Option<&'static str> {
        if self.textures[texture] > 1 {
            return None;
        }
        let json = &document.list("textures")[texture];
        let is_marked =
            |object: &Map<String, Value>| object.contains_key("name") || object.contains_key("extras");
        if json.as_object().is_some_and(is_marked) {
            return Some("its texture has a name or extras");
        }
        let last = sources(json).into_iter().filter(|&image| self.images.get(image) == Some(&1));
        last.filter_map(|image| document.images.get(image))
            .any(|image| is_marked(&image.rest) || !image.view_rest.is_empty())
            .then_some("its image has a name or extras")
    }

    fn release(&mut self, document: &Document, texture: usize) {
        self.textures[texture] -= 1;
        if self.textures[texture] == 0 {
            for image in sources(&document.list("textures")[texture]) {
                if let Some(uses) = self.images.get_mut(image) {
                    *uses -= 1;
                }
            }
        }
    }
}

/// An unknown extension may name an image that is not there.
fn count(uses: &mut [usize], index: usize) {
    if let Some(uses) = uses.get_mut(index) {
        *uses += 1;
    }
}

/// The images that a texture names, in whatever format.
fn sources(texture: &Value) -> Vec<usize> {
    let extensions = texture["extensions"].as_object().into_iter().flatten();
    let named = extensions.map(|(_, extension)| &extension["source"]).chain([&texture["source"]]);
    named.filter_map(as_index).collect()
}

fn named(item: &Value) -> String {
    item["name"].as_str().map(|name| format!(" \"{name}\"")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::optimize::codecs::{Pixels, png};
    use crate::optimize::document::ImageSource;
    use crate::optimize::passes::run_alone;
    use crate::optimize::settings::Settings;

    fn image(rest: Value, at: impl Fn(usize) -> [u8; 4]) -> Image {
        let pixels = Pixels::new(16, 16, (0..256).flat_map(at).collect()).unwrap();
        let bytes = png::encode(&pixels, &png::Options { exact: true, effort: 0 }).unwrap();
        let source = ImageSource::Bytes(Arc::new(bytes));
        let rest = rest.as_object().unwrap().clone();
        Image { mime: "image/png".into(), source, rest, view_rest: Map::new() }
    }

    fn run(materials: Value, images: Vec<Image>) -> (Document, Outcome) {
        let textures: Vec<Value> = (0..images.len()).map(|source| json!({ "source": source })).collect();
        let root = json!({ "materials": materials, "textures": textures });
        let mut document =
            Document { root: root.as_object().unwrap().clone(), images, ..Document::default() };
        let outcome = run_alone(&Bake, &mut document, Settings::default());
        (document, outcome)
    }

    #[test]
    fn one_colour_becomes_a_factor_and_a_picture_stays() {
        let materials = json!([
            { "pbrMetallicRoughness": { "baseColorTexture": { "index": 0 } } },
            { "pbrMetallicRoughness": { "baseColorTexture": { "index": 1 } } },
        ]);
        let flat = image(json!({}), |_| [255, 0, 255, 255]);
        let (document, _) = run(materials, vec![flat, image(json!({}), |i| [i as u8, 0, 0, 255])]);
        assert_eq!(
            document.list("materials")[0]["pbrMetallicRoughness"],
            json!({ "baseColorFactor": [1, 0, 1, 1] })
        );
        assert!(document.list("materials")[1]["pbrMetallicRoughness"]["baseColorTexture"].is_object());
    }

    #[test]
    fn a_name_that_nothing_else_shows_stays() {
        let one = json!({ "occlusionTexture": { "index": 0 } });
        let white = |rest| image(rest, |_| [255; 4]);
        let (_, outcome) = run(json!([one]), vec![white(json!({ "name": "ao" }))]);
        assert!(matches!(&outcome, Outcome::Unchanged(why) if why.contains("name")), "{outcome:?}");
        // Of two that show it, one can go.
        let (document, outcome) = run(json!([one, one]), vec![white(json!({ "name": "ao" }))]);
        assert!(matches!(&outcome, Outcome::Changed(notes) if notes.len() == 2), "{outcome:?}");
        assert_eq!(document.root["materials"], json!([{}, one]));
        let (document, _) = run(json!([one]), vec![white(json!({}))]);
        assert_eq!(document.root["materials"], json!([{}]));
    }

    #[test]
    fn animated_materials_and_unknown_extensions_keep_their_textures() {
        let unknown = json!([{ "occlusionTexture": { "index": 0 }, "extensions": { "ACME_wet": {} } }]);
        assert!(matches!(run(unknown, vec![image(json!({}), |_| [255; 4])]).1, Outcome::Unchanged(_)));
        let root = json!({
            "materials": [{ "occlusionTexture": { "index": 0 } }],
            "textures": [{ "source": 0 }],
            "animations": [{ "channels": [{ "target": { "extensions": { "KHR_animation_pointer": {
                "pointer": { "materials": 0, "of": "/occlusionTexture/strength" } } } } }] }],
        });
        let images = vec![image(json!({}), |_| [255; 4])];
        let mut document =
            Document { root: root.as_object().unwrap().clone(), images, ..Document::default() };
        assert!(matches!(run_alone(&Bake, &mut document, Settings::default()), Outcome::Unchanged(_)));
    }

    /// An extension of the root sets the factor later, and the texture that it was zero for was gone.
    #[test]
    fn regression_an_extension_of_the_root_may_set_factors() {
        let picture = image(json!({}), |i| [i as u8, 0, 0, 255]);
        let root = json!({
            "materials": [{ "emissiveTexture": { "index": 0 } }],
            "textures": [{ "source": 0 }],
            "extensions": { "KHR_interactivity": { "graphs": [] } },
        });
        let root = root.as_object().unwrap().clone();
        let mut document = Document { root, images: vec![picture], ..Document::default() };
        let outcome = run_alone(&Bake, &mut document, Settings::default());
        assert!(
            matches!(&outcome, Outcome::Unchanged(why) if why.contains("KHR_interactivity")),
            "{outcome:?}"
        );
        assert!(document.list("materials")[0]["emissiveTexture"].is_object());
    }

    #[test]
    fn what_a_factor_of_zero_multiplies_goes_whatever_it_shows() {
        let picture = image(json!({}), |i| [i as u8, 0, 0, 255]);
        let (document, _) = run(json!([{ "emissiveTexture": { "index": 0 } }]), vec![picture]);
        assert_eq!(document.root["materials"], json!([{ "emissiveFactor": [0, 0, 0] }]));
    }
}
