//! What no picture of a document shows, or not as it is: said to people, as nothing else tells whether it is still there.

use serde_json::Value;

use super::render::model::Model;
use super::render::{MOST_LIGHTS, SETS};
use super::views::{MOST_CLIPS, MOST_VARIANTS};
use crate::optimize::document::{Document, primitives, texture_info};

/// What is drawn more simply than it is.
const APPROXIMATED: &[(&str, &str)] = &[
    ("KHR_materials_pbrSpecularGlossiness", "with the highlights of plastic"),
    ("KHR_materials_transmission", "without refraction and blur"),
    ("KHR_materials_volume", "without refraction"),
];

/// Extensions that change the look and are not drawn.
const NOT_DRAWN: &[&str] = &[
    "KHR_materials_diffuse_transmission",
    "KHR_materials_dispersion",
    "KHR_materials_volume_scatter",
    "VRMC_materials_mtoon",
];

/// Numbers that differ by no more than this part are the same, written otherwise.
const ROUNDED: f64 = 1e-5;

/// What of a model is not drawn, or not as it is.
pub(super) fn not_shown(model: &Model) -> Vec<String> {
    let mut lines = of_materials(model.document);
    lines.extend(of_meshes(model.document));
    lines.extend(of_scenes(model));
    lines
}

fn of_materials(document: &Document) -> Vec<String> {
    let materials = document.list("materials");
    let is_used = |name: &str| materials.iter().any(|material| material["extensions"].get(name).is_some());
    let missing = NOT_DRAWN.iter().filter(|name| is_used(name)).map(|name| format!("{name} is not drawn"));
    let simpler = APPROXIMATED.iter().filter(|(name, _)| is_used(name));
    let simpler = simpler.map(|(name, how)| format!("{name} is drawn {how}"));
    let is_far = materials.iter().any(reads_far_set);
    let far = is_far.then(|| format!("textures by coordinates above set {} are not drawn", SETS - 1));
    missing.chain(simpler).chain(far).collect()
}

/// Whether a texture info in here has coordinates that are not read.
fn reads_far_set(json: &Value) -> bool {
    let is_inside = match json {
        Value::Object(members) => members.values().any(reads_far_set),
        Value::Array(items) => items.iter().any(reads_far_set),
        _ => false,
    };
    is_inside || texture_info::set(json) >= SETS
}

fn of_meshes(document: &Document) -> Vec<String> {
    let all = || primitives::all(document).into_iter().map(|id| primitives::json(document, id));
    let targets = || all().flat_map(|json| json["targets"].as_array().into_iter().flatten());
    let of = |object: &Value, prefix: &str| {
        primitives::attributes(object).any(|(name, _)| name.starts_with(prefix))
    };
    let morphs = ["TANGENT", "COLOR_", "TEXCOORD_"].into_iter().filter(|name| targets().any(|t| of(t, name)));
    let mut lines: Vec<String> = morphs
        .map(|name| format!("morph targets of {} are not applied", name.trim_end_matches('_')))
        .collect();
    let far_sets = |json: &Value| {
        primitives::attributes(&json["attributes"])
            .any(|(name, _)| name.starts_with("JOINTS_") && name != "JOINTS_0")
    };
    if all().any(far_sets) {
        lines.push("joints beyond four a vertex are not applied".to_owned());
    }
    lines
}

fn of_scenes(model: &Model) -> Vec<String> {
    let document = model.document;
    let clips = document.list("animations");
    let channels = || clips.iter().flat_map(|clip| clip["channels"].as_array().into_iter().flatten());
    let lights = document.list("nodes").iter();
    let lights = lights.filter(|node| node["extensions"].get("KHR_lights_punctual").is_some()).count();
    let lines = [
        (document.list("scenes").len() > 1, "scenes other than the default one are not drawn".to_owned()),
        (
            channels().any(|channel| channel["target"]["path"] == "pointer"),
            "what KHR_animation_pointer moves is not played".to_owned(),
        ),
        (lights > MOST_LIGHTS, format!("of more than {MOST_LIGHTS} lights, the others do not shine")),
        (
            clips.len() > MOST_CLIPS,
            format!(
                "of more than {MOST_CLIPS} animations, the others are not drawn (where their joints are is compared)"
            ),
        ),
        (
            model.variants() > MOST_VARIANTS,
            format!("of more than {MOST_VARIANTS} variants, the others are not drawn"),
        ),
    ];
    lines.into_iter().filter(|(is_so, _)| *is_so).map(|(_, line)| line).collect()
}

/// Whether two documents have the same cameras, by name and numbers.
pub(super) fn are_same_cameras(before: &[Value], after: &[Value]) -> bool {
    let is_same = |(a, b): (&Value, &Value)| {
        ["name", "type", "perspective", "orthographic"].iter().all(|member| is_alike(&a[member], &b[member]))
    };
    before.len() == after.len() && before.iter().zip(after).all(is_same)
}

/// Equal but for how numbers are rounded.
fn is_alike(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            let [a, b] = [a, b].map(|number| number.as_f64().unwrap_or_default());
            (a - b).abs() <= ROUNDED * a.abs().max(b.abs())
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| is_alike(a, b)))
        }
        _ => a == b,
    }
}
