//! Texture slots that a constant texture can leave: what stands in its place.
//!
//! Sources: glTF 2.0, "Materials", and the README of each extension in the Khronos registry.

use serde_json::{Map, Value, json};

use crate::optimize::codecs::difference::linear_light;

/// A slot of a material.
pub(super) struct Slot {
    /// JSON pointer of the object that holds the texture, from the material.
    pub(super) owner: &'static str,
    /// The texture's member.
    pub(super) texture: &'static str,
    means: Means,
}

/// What the texture does.
enum Means {
    /// It multiplies factors.
    Factors(&'static [Factor]),
    /// It tilts normals by its `scale`.
    Normal,
    /// It darkens what light comes from around, by its `strength`.
    Occlusion,
}

/// A factor that a texture multiplies.
struct Factor {
    name: &'static str,
    /// What readers assume; of one number, it is not a list.
    default: &'static [f64],
    /// For each number the channel of the texture: 0 to 3 for R, G, B, A.
    channels: &'static [usize],
    /// Whether red, green and blue are sRGB.
    is_colour: bool,
}

const fn colour(name: &'static str, default: &'static [f64]) -> Factor {
    Factor { name, default, channels: &[0, 1, 2, 3], is_colour: true }
}

const fn number(name: &'static str, default: &'static [f64], channel: &'static [usize]) -> Factor {
    Factor { name, default, channels: channel, is_colour: false }
}

const fn slot(owner: &'static str, texture: &'static str, factors: &'static [Factor]) -> Slot {
    Slot { owner, texture, means: Means::Factors(factors) }
}

const BLACK: &[f64] = &[0.0; 3];
const WHITE: &[f64] = &[1.0; 3];
const OPAQUE_WHITE: &[f64] = &[1.0; 4];
const NONE: &[f64] = &[0.0];
const FULL: &[f64] = &[1.0];
const R: &[usize] = &[0];
const G: &[usize] = &[1];
const B: &[usize] = &[2];
const A: &[usize] = &[3];

const PBR: &str = "/pbrMetallicRoughness";
const CLEARCOAT: &str = "/extensions/KHR_materials_clearcoat";
const DIFFUSE_TRANSMISSION: &str = "/extensions/KHR_materials_diffuse_transmission";
const SHEEN: &str = "/extensions/KHR_materials_sheen";
const SPECULAR: &str = "/extensions/KHR_materials_specular";
const SPECULAR_GLOSSINESS: &str = "/extensions/KHR_materials_pbrSpecularGlossiness";

/// Anisotropy and the thickness of iridescence are missing: what stands for those textures is no product.
pub(super) const SLOTS: &[Slot] = &[
    slot(PBR, "baseColorTexture", &[colour("baseColorFactor", OPAQUE_WHITE)]),
    slot(
        PBR,
        "metallicRoughnessTexture",
        &[number("roughnessFactor", FULL, G), number("metallicFactor", FULL, B)],
    ),
    slot("", "emissiveTexture", &[colour("emissiveFactor", BLACK)]),
    Slot { owner: "", texture: "normalTexture", means: Means::Normal },
    Slot { owner: "", texture: "occlusionTexture", means: Means::Occlusion },
    slot(CLEARCOAT, "clearcoatTexture", &[number("clearcoatFactor", NONE, R)]),
    slot(CLEARCOAT, "clearcoatRoughnessTexture", &[number("clearcoatRoughnessFactor", NONE, G)]),
    Slot { owner: CLEARCOAT, texture: "clearcoatNormalTexture", means: Means::Normal },
    slot(DIFFUSE_TRANSMISSION, "diffuseTransmissionTexture", &[number("diffuseTransmissionFactor", NONE, A)]),
    slot(
        DIFFUSE_TRANSMISSION,
        "diffuseTransmissionColorTexture",
        &[colour("diffuseTransmissionColorFactor", WHITE)],
    ),
    slot(
        "/extensions/KHR_materials_iridescence",
        "iridescenceTexture",
        &[number("iridescenceFactor", NONE, R)],
    ),
    slot(SHEEN, "sheenColorTexture", &[colour("sheenColorFactor", BLACK)]),
    slot(SHEEN, "sheenRoughnessTexture", &[number("sheenRoughnessFactor", NONE, A)]),
    slot(SPECULAR, "specularTexture", &[number("specularFactor", FULL, A)]),
    slot(SPECULAR, "specularColorTexture", &[colour("specularColorFactor", WHITE)]),
    slot(SPECULAR_GLOSSINESS, "diffuseTexture", &[colour("diffuseFactor", OPAQUE_WHITE)]),
    slot(
        SPECULAR_GLOSSINESS,
        "specularGlossinessTexture",
        &[colour("specularFactor", WHITE), number("glossinessFactor", FULL, A)],
    ),
    slot(
        "/extensions/KHR_materials_transmission",
        "transmissionTexture",
        &[number("transmissionFactor", NONE, R)],
    ),
    slot("/extensions/KHR_materials_volume", "thicknessTexture", &[number("thicknessFactor", NONE, G)]),
];

/// For each channel the value that every pixel has.
pub(super) type Constant = [Option<u8>; 4];

impl Slot {
    /// The members of `owner` that mean the same without the texture; `None` where the texture shows. `is_opaque` says
    /// that nobody reads the alpha of a base colour.
    pub(super) fn without(
        &self,
        owner: &Map<String, Value>,
        constant: Constant,
        is_opaque: bool,
    ) -> Option<Vec<(&'static str, Value)>> {
        let info = owner.get(self.texture).unwrap_or(&Value::Null);
        let is_off = |member: &str| info[member].as_f64() == Some(0.0);
        match self.means {
            Means::Factors(factors) => factors
                .iter()
                .map(|factor| Some((factor.name, factor.baked(owner.get(factor.name), constant, is_opaque)?)))
                .collect(),
            // Brushed metal takes its directions from the normal map's, where a mesh has no tangents.
            Means::Normal if owner.get("extensions").is_some_and(|e| e.get(ANISOTROPY).is_some()) => None,
            Means::Normal => (is_off("scale") || is_flat(constant)).then(Vec::new),
            Means::Occlusion => (is_off("strength") || constant[0] == Some(255)).then(Vec::new),
        }
    }
}

const ANISOTROPY: &str = "KHR_materials_anisotropy";

/// Straight up, as near as eight bits can say it.
fn is_flat([x, y, z, _]: Constant) -> bool {
    let is_middle = |value: Option<u8>| matches!(value, Some(127 | 128));
    is_middle(x) && is_middle(y) && z.is_some_and(|z| z >= 254)
}

impl Factor {
    /// The factor times what the texture says; a factor of zero needs no texture to be zero.
    fn baked(&self, given: Option<&Value>, constant: Constant, is_opaque: bool) -> Option<Value> {
        let mut numbers = match given {
            None => self.default.to_vec(),
            Some(Value::Array(list)) => list.iter().map(Value::as_f64).collect::<Option<_>>()?,
            Some(value) => vec![value.as_f64()?],
        };
        if numbers.len() != self.default.len() {
            return None;
        }
        for (number, &channel) in numbers.iter_mut().zip(self.channels) {
            let is_unread = channel == 3 && self.is_colour && is_opaque;
            if *number != 0.0 && !is_unread {
                *number *= self.shown(constant[channel]?, channel);
            }
        }
        let numbers: Vec<Value> = numbers.into_iter().map(rounded).collect();
        Some(if self.default.len() == 1 { numbers[0].clone() } else { numbers.into() })
    }

    fn shown(&self, value: u8, channel: usize) -> f64 {
        if self.is_colour && channel < 3 { linear_light(value).into() } else { f64::from(value) / 255.0 }
    }
}

/// With six decimals: the darkest two sRGB values are 0.0003 apart in linear light.
fn rounded(value: f64) -> Value {
    let value = (value * 1e6).round() / 1e6;
    #[expect(clippy::cast_possible_truncation, reason = "a whole number, and factors are small")]
    if value.fract() == 0.0 && value.abs() < 1e6 { json!(value as i64) } else { json!(value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn without(owner: &str, texture: &str, members: Value, constant: Constant) -> Option<Value> {
        let slot = SLOTS.iter().find(|slot| (slot.owner, slot.texture) == (owner, texture)).unwrap();
        let found = slot.without(members.as_object().unwrap(), constant, true)?;
        Some(found.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>().into())
    }

    #[test]
    fn a_colour_is_multiplied_in_linear_light_and_unread_alpha_stays() {
        let half = [Some(188), Some(255), Some(0), None];
        let baked =
            without(PBR, "baseColorTexture", json!({ "baseColorFactor": [0.5, 0.5, 0.5, 0.25] }), half);
        assert_eq!(baked, Some(json!({ "baseColorFactor": [0.251443, 0.5, 0, 0.25] })));
    }

    #[test]
    fn a_factor_of_zero_needs_no_channel() {
        let green = [None, Some(51), None, None];
        let unmetallic = json!({ "metallicFactor": 0 });
        let expected = json!({ "roughnessFactor": 0.2, "metallicFactor": 0 });
        assert_eq!(without(PBR, "metallicRoughnessTexture", unmetallic, green), Some(expected));
        assert_eq!(without(PBR, "metallicRoughnessTexture", json!({}), green), None);
        let dark = without("", "emissiveTexture", json!({}), [None; 4]);
        assert_eq!(dark, Some(json!({ "emissiveFactor": [0, 0, 0] })));
    }

    #[test]
    fn normals_go_when_flat_and_occlusion_when_bright() {
        let flat = [Some(128), Some(127), Some(255), None];
        assert!(without("", "normalTexture", json!({}), flat).is_some());
        assert!(without("", "normalTexture", json!({ "extensions": { ANISOTROPY: {} } }), flat).is_none());
        assert!(without("", "normalTexture", json!({}), [Some(140), Some(127), Some(255), None]).is_none());
        assert!(
            without("", "normalTexture", json!({ "normalTexture": { "scale": 0 } }), [None; 4]).is_some()
        );
        assert!(without("", "occlusionTexture", json!({}), [Some(255), None, None, None]).is_some());
        assert!(without("", "occlusionTexture", json!({}), [Some(254), None, None, None]).is_none());
    }
}
