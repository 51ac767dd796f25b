//! tangents: those that viewers would make themselves go.
//!
//! Without tangents, viewers take those of `MikkTSpace` (glTF 2.0, 3.7.2.1) or the slope of the texture coordinates on
//! the screen. What differs from `MikkTSpace` by no more than a normal map may is such a tangent; `prune` has
//! already removed those that nothing reads. Vertices that only tangents kept apart become one ([`weld`]).
//! Declines for other tangents, for anisotropy, which shows them directly, for materials with extras or extensions that
//! are not known, transformed normal maps, morph targets, anything but triangles, and where even a small share of the
//! budget has to do.
//!
//! [`weld`]: super::weld

use std::collections::BTreeSet;

use rayon::prelude::*;
use serde_json::Value;

use super::weld::Weld;
use super::{Context, Outcome, Pass, counted};
use crate::optimize::Error;
use crate::optimize::budget::Spread;
use crate::optimize::codecs::meshopt::{self, Textured};
use crate::optimize::document::primitives::{self, PrimitiveId, TRIANGLES};
use crate::optimize::document::{Document, Kind, edit, unknown};

/// See the module.
pub(super) struct Tangents;

/// Below this share of the budget tangents stay: viewers' own may be what looked too different.
const LEAST_SHARE: f32 = 0.5;

impl Pass for Tangents {
    fn name(&self) -> &'static str {
        "tangents"
    }

    fn renumbers(&self) -> bool {
        true
    }

    fn is_repeated(&self) -> bool {
        true
    }

    fn run(&self, document: &mut Document, context: &mut Context) -> Result<Outcome, Error> {
        if context.shares.surface < LEAST_SHARE {
            return Ok(Outcome::Unchanged("they stay, as it has to look more like the original".into()));
        }
        let bound = context.budget.normal_map_error;
        let ids = primitives::all(document);
        let can_go: Vec<bool> =
            ids.par_iter().map(|&id| are_usual(document, primitives::json(document, id), bound)).collect();
        let gone: Vec<PrimitiveId> =
            ids.into_iter().zip(can_go).filter(|(_, go)| *go).map(|(id, _)| id).collect();
        if gone.is_empty() {
            return Ok(Outcome::Unchanged("no tangents that viewers would make themselves".into()));
        }
        let before = edit::referenced(document, Kind::Accessor);
        for &id in &gone {
            if let Some(Value::Object(attributes)) =
                primitives::json_mut(document, id).and_then(|json| json.get_mut("attributes"))
            {
                attributes.shift_remove("TANGENT");
            }
        }
        super::vertex_groups::drop_replaced(document, &before);
        let what = format!(
            "TANGENT, which viewers make themselves, of {}",
            counted(gone.len(), "primitive", "primitives")
        );
        let mut notes = vec![format!("removed {what}")];
        document.dropped.push(what);
        if let Outcome::Changed(welded) = Weld.run(document, context)? {
            notes.extend(welded);
        }
        Ok(Outcome::Changed(notes))
    }
}

/// Whether a primitive's tangents are within a bound of those that viewers make.
fn are_usual(document: &Document, primitive: &Value, bound: Spread) -> bool {
    let Some(index) = primitives::as_index(&primitive["attributes"]["TANGENT"]) else { return false };
    let has_marks = !document.accessors[index].rest.is_empty();
    if has_marks || primitives::locked(document, primitive).is_some() || primitive.get("targets").is_some() {
        return false;
    }
    let Some(set) = normal_map_set(document, primitive) else { return false };
    let Some(mut angles) = angles(document, primitive, set).filter(|angles| !angles.is_empty()) else {
        return false;
    };
    let mean = angles.iter().map(|&angle| f64::from(angle)).sum::<f64>() / angles.len() as f64;
    let rank = (angles.len() * 999 / 1000).min(angles.len() - 1);
    let p999 = *angles.select_nth_unstable_by(rank, f32::total_cmp).1;
    bound.part(mean as f32, p999) <= 1.0
}

/// The texture coordinates of the normal maps that a primitive may be drawn with; `None` where there is not exactly one
/// set, or something else may read tangents.
fn normal_map_set(document: &Document, primitive: &Value) -> Option<u64> {
    let mut sets = BTreeSet::new();
    for index in primitives::materials(document, primitive) {
        let material = document.list("materials").get(index)?.as_object()?;
        let extensions = material.get("extensions").unwrap_or(&Value::Null);
        let reads_more = material.contains_key("extras")
            || unknown::has_unknown_extension(material)
            || extensions.get("KHR_materials_anisotropy").is_some()
            || extensions.as_object().into_iter().flatten().any(|(name, _)| name.starts_with("VRM"));
        let maps = [
            material.get("normalTexture"),
            extensions["KHR_materials_clearcoat"].get("clearcoatNormalTexture"),
        ];
        for map in maps.into_iter().flatten() {
            if map.get("extensions").is_some() {
                return None;
            }
            sets.insert(map["texCoord"].as_u64().unwrap_or(0));
        }
        if reads_more {
            return None;
        }
    }
    let set = sets.pop_first()?;
    sets.is_empty().then_some(set)
}

/// Between the tangents that a primitive has and those that viewers make, at every corner, in degrees.
fn angles(document: &Document, primitive: &Value, set: u64) -> Option<Vec<f32>> {
    if primitives::mode(primitive) != TRIANGLES {
        return None;
    }
    let attribute = |name: &str| primitives::attribute(document, primitive, name);
    let positions = attribute("POSITION")?.vectors::<3>();
    let normals: Vec<[f32; 3]> = attribute("NORMAL")?.vectors::<3>().into_iter().map(unit).collect();
    // The green of a normal map points to the top of the image, and v to its bottom.
    let texcoords: Vec<[f32; 2]> =
        attribute(&format!("TEXCOORD_{set}"))?.vectors::<2>().into_iter().map(|[u, v]| [u, -v]).collect();
    let given = attribute("TANGENT")?.vectors::<4>();
    let drawn = primitives::drawn_vertices(document, primitive);
    let mesh = Textured { positions: &positions, normals: &normals, texcoords: &texcoords };
    let usual = meshopt::generate_tangents(&drawn, &mesh).ok()?;
    let corners = drawn.iter().zip(&usual).filter(|(_, usual)| usual[..3] != [0.0; 3]);
    corners.map(|(&vertex, usual)| Some(angle(given.get(vertex as usize)?, usual))).collect()
}

fn unit(vector: [f32; 3]) -> [f32; 3] {
    let length = vector.iter().map(|v| v * v).sum::<f32>().sqrt();
    if length > 0.0 { vector.map(|v| v / length) } else { vector }
}

/// In degrees; 180 where the bitangents point apart.
fn angle(a: &[f32; 4], b: &[f32; 4]) -> f32 {
    if a[3].signum() != b[3].signum() {
        return 180.0;
    }
    let ([ax, ay, az], [bx, by, bz]) = (unit([a[0], a[1], a[2]]), unit([b[0], b[1], b[2]]));
    let cross = [ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx];
    let sine = cross.iter().map(|v| v * v).sum::<f32>().sqrt();
    sine.atan2(ax * bx + ay * by + az * bz).to_degrees()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::optimize::budget::{Budget, Shares};
    use crate::optimize::document::{Accessor, Shape};
    use crate::optimize::passes::{Memo, run_alone};
    use crate::optimize::settings::Settings;

    /// Two triangles with a texture along x, and these tangents.
    fn document(tangent: [f32; 4], material: Value) -> Document {
        let corners = [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 1.0, 0.0];
        let texcoords = [0.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 0.0];
        let accessors = vec![
            Accessor::from_floats(Shape::Vec3, &corners),
            Accessor::from_floats(Shape::Vec3, &[0.0, 0.0, 1.0].repeat(4)),
            Accessor::from_floats(Shape::Vec2, &texcoords),
            Accessor::from_floats(Shape::Vec4, &tangent.repeat(4)),
            Accessor::from_indices(&[0, 1, 2, 0, 2, 3], 4),
        ];
        let attributes = json!({ "POSITION": 0, "NORMAL": 1, "TEXCOORD_0": 2, "TANGENT": 3 });
        let primitive = json!({ "attributes": attributes, "indices": 4, "material": 0 });
        let root = json!({ "meshes": [{ "primitives": [primitive] }], "materials": [material] });
        Document { root: root.as_object().unwrap().clone(), accessors, ..Document::default() }
    }

    fn go(tangent: [f32; 4], material: Value) -> bool {
        let mut document = document(tangent, material);
        let outcome = run_alone(&Tangents, &mut document, Settings::default());
        let is_gone = document.list("meshes")[0]["primitives"][0]["attributes"].get("TANGENT").is_none();
        assert_eq!(is_gone, matches!(outcome, Outcome::Changed(_)));
        is_gone
    }

    #[test]
    fn only_usual_tangents_go() {
        let mapped = || json!({ "normalTexture": { "index": 0 } });
        let sign = 1.0;
        assert!(go([1.0, 0.0, 0.0, sign], mapped()));
        assert!(go([0.9999, 0.0141, 0.0, sign], mapped()));
        assert!(!go([0.995, 0.0998, 0.0, sign], mapped()));
        assert!(!go([1.0, 0.0, 0.0, -sign], mapped()));
    }

    #[test]
    fn what_else_may_read_tangents_keeps_them() {
        let usual = [1.0, 0.0, 0.0, 1.0];
        for material in [
            json!({ "normalTexture": { "index": 0 }, "extensions": { "KHR_materials_anisotropy": {} } }),
            json!({ "normalTexture": { "index": 0 }, "extensions": { "ACME_brush": {} } }),
            json!({ "normalTexture": { "index": 0 }, "extras": { "shader": "hair" } }),
            json!({ "normalTexture": { "index": 0, "extensions": { "KHR_texture_transform": { "rotation": 1 } } } }),
            json!({}),
        ] {
            assert!(!go(usual, material));
        }
    }

    #[test]
    fn a_small_share_of_the_budget_keeps_them() {
        let mut document = document([1.0, 0.0, 0.0, 1.0], json!({ "normalTexture": { "index": 0 } }));
        let settings = Settings::default();
        let (shares, memo) = (Shares::even(0.25, 0), Memo::default());
        let budget = Budget::of(&settings);
        let mut context = Context { settings, budget, shares: &shares, memo: &memo, progress: &mut |_| {} };
        assert!(matches!(Tangents.run(&mut document, &mut context), Ok(Outcome::Unchanged(_))));
    }
}
