//! What an image is, by the texture slots that show it: colour, numbers or normals, and in which channels.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::optimize::codecs::resize::Content;
use crate::optimize::document::primitives::as_index;
use crate::optimize::document::refs::{Kind, visit};
use crate::optimize::document::{Document, unknown};

/// What an image is: it may lose precision in the channels in use, and the others may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Meaning {
    /// What its channels are.
    pub(super) content: Content,
    /// Which of R, G, B, A some material reads.
    pub(super) channels: [bool; 4],
    /// Whether alpha is transparency, not a number.
    pub(super) is_transparency: bool,
    /// Whether programs read it without a 3D engine: it must be PNG or JPEG, whatever the target.
    pub(super) is_plain: bool,
    /// Whether it is shown beside the model, small, and not on it.
    pub(super) is_thumbnail: bool,
    /// The slots, for people.
    pub(super) slots: Vec<String>,
}

/// The meaning of an image, or why it must stay as it is.
pub(super) type Meant = Result<Meaning, &'static str>;

const R: [bool; 4] = [true, false, false, false];
const G: [bool; 4] = [false, true, false, false];
const A: [bool; 4] = [false, false, false, true];
const GB: [bool; 4] = [false, true, true, false];
const RGB: [bool; 4] = [true, true, true, false];
const RGBA: [bool; 4] = [true; 4];

/// Slot, content, channels that the specification of the slot reads. Alpha of a base colour is read only
/// where the material says so.
const SLOTS: &[(&str, Content, [bool; 4])] = &[
    ("baseColorTexture", Content::Colour, RGB),
    ("diffuseTexture", Content::Colour, RGB),
    ("emissiveTexture", Content::Colour, RGB),
    ("sheenColorTexture", Content::Colour, RGB),
    ("specularColorTexture", Content::Colour, RGB),
    ("diffuseTransmissionColorTexture", Content::Colour, RGB),
    ("specularGlossinessTexture", Content::Colour, RGBA),
    ("shadeMultiplyTexture", Content::Colour, RGB),
    ("matcapTexture", Content::Colour, RGB),
    ("rimMultiplyTexture", Content::Colour, RGB),
    ("metallicRoughnessTexture", Content::Linear, GB),
    ("occlusionTexture", Content::Linear, R),
    ("clearcoatTexture", Content::Linear, R),
    ("clearcoatRoughnessTexture", Content::Linear, G),
    ("transmissionTexture", Content::Linear, R),
    ("thicknessTexture", Content::Linear, G),
    ("specularTexture", Content::Linear, A),
    ("sheenRoughnessTexture", Content::Linear, A),
    ("iridescenceTexture", Content::Linear, R),
    ("iridescenceThicknessTexture", Content::Linear, G),
    ("anisotropyTexture", Content::Linear, RGB),
    ("diffuseTransmissionTexture", Content::Linear, A),
    ("outlineWidthMultiplyTexture", Content::Linear, G),
    ("normalTexture", Content::Normal, RGB),
    ("clearcoatNormalTexture", Content::Normal, RGB),
];

/// Slots whose alpha is transparency when the material is not opaque.
const TRANSPARENT_SLOTS: [&str; 2] = ["baseColorTexture", "diffuseTexture"];

/// What every image of a document is.
pub(super) fn meanings(document: &Document) -> Vec<Meant> {
    let by_texture = slots_by_texture(document);
    let mut found: Vec<Option<Meant>> = vec![None; document.images.len()];
    let mut enter = |image: usize, meaning: Meant| {
        if let Some(slot) = found.get_mut(image) {
            *slot = Some(match slot.take() {
                Some(known) => merged(known, meaning),
                None => meaning,
            });
        }
    };
    visit(&document.root, &mut |at, kind, _, value| {
        let Some(image) = as_index(value).filter(|_| kind == Kind::Image) else { return };
        let place = at.to_string();
        if place == "/extensions/VRMC_vrm/meta/thumbnailImage" {
            return enter(image, Ok(thumbnail(true)));
        }
        if !place.starts_with("/textures/") {
            return enter(image, Err("shown outside textures, where only its own format is allowed"));
        }
        let texture = at.first_item().unwrap_or(usize::MAX);
        let json = document.list("textures").get(texture).unwrap_or(&Value::Null);
        if has_alternative(json) {
            return enter(image, Err("its texture offers it as one of several formats"));
        }
        match by_texture.get(&texture) {
            Some(meaning) => enter(image, meaning.clone()),
            None => enter(image, Err("no material shows it")),
        }
    });
    found.into_iter().map(|meaning| meaning.unwrap_or(Err("nothing refers to it"))).collect()
}

/// Whether a texture names more than one image.
fn has_alternative(texture: &Value) -> bool {
    let extensions = texture["extensions"].as_object().into_iter().flatten();
    let sources = extensions.filter(|(_, extension)| extension["source"].is_u64()).count();
    sources + usize::from(texture["source"].is_u64()) > 1
}

fn slots_by_texture(document: &Document) -> BTreeMap<usize, Meant> {
    let mut by_texture: BTreeMap<usize, Meant> = BTreeMap::new();
    let may_read_all = unknown::may_read_images(document);
    visit(&document.root, &mut |at, kind, _, value| {
        let Some(texture) = as_index(value).filter(|_| kind == Kind::Texture) else { return };
        let place = at.to_string();
        let material = at.first_item().filter(|_| place.starts_with("/materials/"));
        let meaning = match material.and_then(|index| document.list("materials").get(index)) {
            Some(material) => of_slot(at.slot(), material, may_read_all),
            // VRM 0 lists the textures of its materials again; those that no glTF material shows are its own.
            None if place.starts_with("/extensions/VRM/materialProperties/") => return,
            // A texture, which viewers load as any other.
            None if place.starts_with("/extensions/VRM/meta/") => Ok(thumbnail(false)),
            None => Err("an extension reads exact values from it"),
        };
        let entry = by_texture.remove(&texture);
        by_texture.insert(texture, entry.map_or(meaning.clone(), |known| merged(known, meaning)));
    });
    by_texture
}

/// An avatar's portrait, for lists of avatars.
fn thumbnail(is_plain: bool) -> Meaning {
    let (content, channels, slots) = (Content::Colour, RGBA, vec!["thumbnail".to_owned()]);
    Meaning { content, channels, is_transparency: true, is_plain, is_thumbnail: true, slots }
}

fn of_material(content: Content, slots: Vec<String>) -> Meaning {
    Meaning { content, channels: RGBA, is_transparency: false, is_plain: false, is_thumbnail: false, slots }
}

/// What a slot of a material makes of an image; `may_read_all`: an unknown extension elsewhere may read every channel of it.
fn of_slot(slot: &str, material: &Value, may_read_all: bool) -> Meant {
    let Some(&(_, content, mut channels)) = SLOTS.iter().find(|row| row.0 == slot) else {
        return Err("it is in a slot that is not known");
    };
    let is_transparency = TRANSPARENT_SLOTS.contains(&slot);
    let is_opaque = matches!(material["alphaMode"].as_str(), None | Some("OPAQUE"));
    channels[3] |= is_transparency && !is_opaque;
    if may_read_all || unknown::is_within(material) {
        // It may read what glTF does not, such as occlusion packed into the red of roughness and metal.
        let slots = vec![slot.to_owned()];
        return Ok(of_material(content, slots));
    }
    Ok(Meaning { channels, is_transparency, ..of_material(content, vec![slot.to_owned()]) })
}

/// An image in two uses: channels add up, contents must agree.
fn merged(a: Meant, b: Meant) -> Meant {
    let (mut a, b) = (a?, b?);
    if a.content != b.content {
        return Err("it is used both as colour and as numbers");
    }
    a.slots.extend(b.slots);
    a.slots.sort_unstable();
    a.slots.dedup();
    a.channels = std::array::from_fn(|i| a.channels[i] || b.channels[i]);
    a.is_transparency &= b.is_transparency;
    a.is_plain |= b.is_plain;
    a.is_thumbnail &= b.is_thumbnail;
    Ok(a)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn channels(slot: &str, material: Value) -> [bool; 4] {
        of_slot(slot, &material, false).expect("a known slot").channels
    }

    fn of(slot: &str) -> Meant {
        of_slot(slot, &json!({}), false)
    }

    /// Only the material's own extensions were asked, so alpha that one of a node reads was dropped.
    #[test]
    fn regression_an_unknown_extension_elsewhere_may_read_every_channel() {
        let channels = |change: &dyn Fn(&mut Value)| {
            let mut root = json!({
                "materials": [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}],
                "textures": [{"source": 0}],
                "nodes": [{}],
            });
            change(&mut root);
            let document = Document { root: root.as_object().unwrap().clone(), ..Document::default() };
            slots_by_texture(&document)[&0].clone().expect("a known slot").channels
        };
        let masked = json!({"ACME_mask": {"texture": {"index": 0}, "channel": "A"}});
        let wet = json!({"ACME_wet": {"howMuch": 1}});
        assert_eq!(channels(&|root| root["nodes"][0]["extensions"] = masked.clone()), RGBA);
        assert_eq!(channels(&|root| root["extensions"] = masked.clone()), RGBA);
        assert_eq!(channels(&|root| root["textures"][0]["extensions"] = wet.clone()), RGBA);
        let info = "/materials/0/pbrMetallicRoughness/baseColorTexture";
        assert_eq!(channels(&|root| root.pointer_mut(info).unwrap()["extensions"] = wet.clone()), RGBA);
        assert_eq!(channels(&|root| root["nodes"][0]["extensions"] = wet.clone()), RGB);
    }

    #[test]
    fn alpha_of_a_base_colour_counts_only_where_the_material_is_transparent() {
        assert_eq!(channels("baseColorTexture", json!({})), RGB);
        assert_eq!(channels("baseColorTexture", json!({"alphaMode": "MASK"})), RGBA);
    }

    #[test]
    fn a_material_with_an_unknown_extension_may_read_every_channel() {
        let material = json!({"extensions": {"ACME_packing": {}}});
        assert_eq!(channels("metallicRoughnessTexture", material), RGBA);
        assert_eq!(
            channels("metallicRoughnessTexture", json!({"extensions": {"KHR_materials_ior": {}}})),
            GB
        );
    }

    #[test]
    fn occlusion_and_roughness_in_one_image_need_three_channels() {
        let merged = merged(of("occlusionTexture"), of("metallicRoughnessTexture"));
        assert!(matches!(merged, Ok(Meaning { channels: RGB, content: Content::Linear, .. })));
    }

    #[test]
    fn an_image_that_is_colour_and_number_stays() {
        let both = merged(of("baseColorTexture"), of("occlusionTexture"));
        assert!(both.is_err());
    }
}
