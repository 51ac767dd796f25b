//! Lights that a file brings (KHR_lights_punctual): points, spots and a sun, beside the light from all around.
//!
//! Their fall-off is the one of three.js, which follows the extension, with its smooth end where a range is given. What they
//! make shine: GGX with Smith's correlated shadowing (glTF specification, appendix B).

use std::f32::consts::{FRAC_PI_4, PI};

use glam::{Mat4, Vec3};
use serde_json::Value;

use super::slot::{number, numbers};
use crate::optimize::document::Document;
use crate::optimize::document::primitives::as_index;

const EXTENSION: &str = "KHR_lights_punctual";

/// Lights that are drawn: each costs as much as a texture.
pub(in super::super) const MOST_LIGHTS: usize = 16;

/// What is nearer than this counts as this near, squared: three.js has the same bound.
const NEAREST_SQUARED: f32 = 0.01;

/// A light in its place.
#[derive(Debug, Clone)]
pub(super) struct Light {
    /// In candela, or in lux for a sun.
    intensity: Vec3,
    place: Place,
}

#[derive(Debug, Clone)]
enum Place {
    /// The direction towards a sun.
    Far(Vec3),
    /// A lamp.
    Near { at: Vec3, range: f32, cone: Option<Cone> },
}

/// What a spot lights: all of it within `inner`, nothing outside of `outer`; both are cosines.
#[derive(Debug, Clone)]
struct Cone {
    axis: Vec3,
    inner: f32,
    outer: f32,
}

/// The lights of a document whose nodes stand like this; `None` are nodes that are not shown.
pub(super) fn lights(document: &Document, world: &[Option<Mat4>]) -> Vec<Light> {
    let list = &document.root.get("extensions").unwrap_or(&Value::Null)[EXTENSION]["lights"];
    let nodes = document.list("nodes").iter().zip(world);
    let placed = nodes.filter_map(|(node, world)| {
        let light = list.get(as_index(&node["extensions"][EXTENSION]["light"])?)?;
        Light::read(light, (*world)?)
    });
    placed.take(MOST_LIGHTS).collect()
}

impl Light {
    fn read(json: &Value, world: Mat4) -> Option<Self> {
        let colour = Vec3::from_array(numbers(&json["color"], [1.0; 3]));
        let intensity = colour * number(&json["intensity"], 1.0);
        let axis = -world.z_axis.truncate().normalize_or_zero();
        let lamp = |cone| Place::Near {
            at: world.w_axis.truncate(),
            range: number(&json["range"], f32::INFINITY),
            cone,
        };
        let place = match json["type"].as_str()? {
            "directional" => Place::Far(-axis),
            "point" => lamp(None),
            "spot" => {
                let angle = |name: &str, default| number(&json["spot"][name], default).cos();
                let (inner, outer) = (angle("innerConeAngle", 0.0), angle("outerConeAngle", FRAC_PI_4));
                lamp(Some(Cone { axis, inner, outer }))
            }
            _ => return None,
        };
        (intensity.is_finite() && world.is_finite()).then_some(Self { intensity, place })
    }

    /// The direction towards the light, and what falls from there on a surface that faces it; `None` where nothing does.
    pub(super) fn falling(&self, on: Vec3) -> Option<(Vec3, Vec3)> {
        let (at, range, cone) = match &self.place {
            Place::Far(towards) => return Some((*towards, self.intensity)),
            Place::Near { at, range, cone } => (at, range, cone),
        };
        let squared = at.distance_squared(on);
        let towards = (*at - on).try_normalize()?;
        let inside = cone.as_ref().map_or(1.0, |cone| cone.share(-towards));
        let light = self.intensity * (left_at(squared, *range) * inside / squared.max(NEAREST_SQUARED));
        (light != Vec3::ZERO).then_some((towards, light))
    }
}

/// The part of a lamp's light that its smooth end leaves, by the square of the distance and the range.
pub(super) fn left_at(squared: f32, range: f32) -> f32 {
    (1.0 - (squared / (range * range)).powi(2)).clamp(0.0, 1.0).powi(2)
}

impl Cone {
    /// How much of the light goes in a direction, with a soft edge.
    fn share(&self, direction: Vec3) -> f32 {
        let part = (self.axis.dot(direction) - self.outer) / (self.inner - self.outer).max(1e-6);
        let part = part.clamp(0.0, 1.0);
        part * part * (3.0 - 2.0 * part)
    }
}

/// A surface that lights shine on.
pub(super) struct Lit {
    pub(super) at: Vec3,
    pub(super) normal: Vec3,
    /// Towards the eye.
    pub(super) view: Vec3,
    pub(super) roughness: f32,
    /// What it reflects straight on.
    pub(super) base: Vec3,
}

impl Lit {
    /// What all lights scatter from it where it is white, and what they make shine.
    pub(super) fn under(&self, lights: &[Light]) -> (Vec3, Vec3) {
        let (mut scattered, mut glossy) = (Vec3::ZERO, Vec3::ZERO);
        for (towards, light) in lights.iter().filter_map(|light| light.falling(self.at)) {
            let received = light * self.normal.dot(towards).clamp(0.0, 1.0);
            scattered += received / PI;
            glossy += received * self.shine(towards);
        }
        (scattered, glossy)
    }

    /// The part of a light that it mirrors to the eye.
    fn shine(&self, towards: Vec3) -> Vec3 {
        let half = (towards + self.view).normalize_or(self.normal);
        let dot = |other: Vec3| self.normal.dot(other).clamp(0.0, 1.0);
        let (to_light, to_eye, to_half) = (dot(towards), dot(self.view), dot(half));
        let squared = self.roughness.powi(4);
        let bent = |of: f32, other: f32| of * (squared + (1.0 - squared) * other * other).sqrt();
        let visible = 0.5 / (bent(to_light, to_eye) + bent(to_eye, to_light)).max(1e-6);
        let spread = to_half * to_half * (squared - 1.0) + 1.0;
        let facets = squared / (PI * spread * spread).max(1e-9);
        let grazing = (1.0 - self.view.dot(half).clamp(0.0, 1.0)).powi(5);
        (self.base + (1.0 - self.base) * grazing) * (visible * facets)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn light(json: &Value) -> Light {
        Light::read(json, Mat4::from_translation(Vec3::new(0.0, 0.0, 2.0))).unwrap()
    }

    #[test]
    fn a_lamp_fades_with_the_square_of_the_distance_and_ends_at_its_range() {
        let lamp = light(&json!({ "type": "point", "intensity": 8.0, "color": [1.0, 0.5, 0.0] }));
        assert_eq!(lamp.falling(Vec3::ZERO), Some((Vec3::Z, Vec3::new(2.0, 1.0, 0.0))));
        let short = light(&json!({ "type": "point", "range": 2.0 }));
        assert_eq!(short.falling(Vec3::ZERO), None);
        assert!(short.falling(Vec3::Z).is_some());
    }

    #[test]
    fn a_spot_lights_what_is_in_its_cone() {
        let spot = light(&json!({ "type": "spot", "spot": { "outerConeAngle": 0.5 } }));
        let brightness = |x: f32| spot.falling(Vec3::X * x).map_or(0.0, |(_, light)| light.x);
        assert!(brightness(0.0) > brightness(0.5) && brightness(0.5) > 0.0);
        assert_eq!(brightness(1.5), 0.0);
    }

    #[test]
    fn a_sun_is_everywhere_and_what_is_no_light_is_none() {
        let sun = light(&json!({ "type": "directional", "intensity": 3.0 }));
        assert_eq!(sun.falling(Vec3::X * 1e6), Some((Vec3::Z, Vec3::splat(3.0))));
        assert!(Light::read(&json!({ "type": "area" }), Mat4::IDENTITY).is_none());
    }

    /// What comes back is never more than what fell, from whatever side one looks.
    #[test]
    fn a_white_surface_reflects_less_than_it_receives() {
        let sun = [light(&json!({ "type": "directional" }))];
        for roughness in [0.2, 0.5, 1.0] {
            let mut sum = 0.0;
            let steps = 4000u16;
            for step in 0..steps {
                // Directions spread evenly over the half sphere.
                let height = (f32::from(step) + 0.5) / f32::from(steps);
                let turn = f32::from(step) * 2.399_963;
                let flat = (1.0 - height * height).sqrt();
                let view = Vec3::new(flat * turn.cos(), flat * turn.sin(), height);
                let lit = Lit { at: Vec3::ZERO, normal: Vec3::Z, view, roughness, base: Vec3::ONE };
                sum += lit.under(&sun).1.x * height * 2.0 * PI / f32::from(steps);
            }
            // Rough facets hide each other: 1 - ln 2 is left at the roughest.
            assert!((0.3..=1.02).contains(&sum), "{sum} at roughness {roughness}");
        }
    }
}
