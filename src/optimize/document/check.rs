//! Refuses documents that contradict the specification, so that passes can trust what they are given.
//!
//! What can be worked around is only noted in `warnings`. After [`check`], every listed index is in range,
//! nodes form a forest, primitives hold as many elements in every attribute, and indices are below the
//! vertex count.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::accessor::{Component, Shape};
use super::limits;
use super::primitives::{self, PrimitiveId, as_index};
use super::refs::{Kind, Role, visit};
use super::{Accessor, Document, Limits, unknown};
use crate::optimize::Error;

/// Checks types and counts of the top-level members, before anything is read.
///
/// # Errors
/// [`Error::Invalid`], [`Error::Unsupported`] or [`Error::Limit`].
pub fn shape(root: &Map<String, Value>, limits: &Limits) -> Result<(), Error> {
    const LISTS: [&str; 15] = [
        "accessors",
        "animations",
        "bufferViews",
        "buffers",
        "cameras",
        "images",
        "materials",
        "meshes",
        "nodes",
        "samplers",
        "scenes",
        "skins",
        "textures",
        "extensionsUsed",
        "extensionsRequired",
    ];
    let asset = root.get("asset").and_then(|asset| asset.get("version")).and_then(Value::as_str);
    match asset {
        Some(version) if version.starts_with("2.") => {}
        Some(version) => {
            return Err(Error::invalid("/asset/version", format!("{version:?} cannot be read, only 2.x")));
        }
        None => return Err(Error::invalid("/asset/version", "is missing: this is no glTF 2.0 file")),
    }
    if let Some(minimum) = root["asset"].get("minVersion").and_then(Value::as_str)
        && minimum != "2.0"
    {
        return Err(Error::Unsupported { at: "/asset/minVersion".into(), what: format!("glTF {minimum}") });
    }
    for name in LISTS {
        match root.get(name) {
            None => {}
            Some(Value::Array(items)) => {
                limits::check(name, items.len() as u64, limits.items)?;
                let wants_object = !name.starts_with("extensions");
                if let Some(i) = items.iter().position(|item| item.is_object() != wants_object) {
                    return Err(Error::invalid(format!("/{name}/{i}"), "has the wrong JSON type"));
                }
                let is_wrong = |item: &Value| item.get("extensions").is_some_and(|all| !all.is_object());
                if let Some(i) = items.iter().position(is_wrong) {
                    return Err(Error::invalid(format!("/{name}/{i}/extensions"), "must be an object"));
                }
            }
            Some(_) => return Err(Error::invalid(format!("/{name}"), "must be an array")),
        }
    }
    inner_lists(root)?;
    let extensions = root.get("extensions");
    if extensions.is_some_and(|extensions| !extensions.is_object()) {
        return Err(Error::invalid("/extensions", "must be an object"));
    }
    Ok(())
}

/// Refuses lists inside of items that are no lists: what they hold would be lost without a word.
fn inner_lists(root: &Map<String, Value>) -> Result<(), Error> {
    const MEMBERS: [(&str, &[&str]); 5] = [
        ("animations", &["channels", "samplers"]),
        ("meshes", &["primitives"]),
        ("nodes", &["children"]),
        ("scenes", &["nodes"]),
        ("skins", &["joints"]),
    ];
    for (list, members) in MEMBERS {
        for (i, item) in root.get(list).and_then(Value::as_array).into_iter().flatten().enumerate() {
            let wrong = members.iter().find(|name| item.get(**name).is_some_and(|value| !value.is_array()));
            if let Some(name) = wrong {
                return Err(Error::invalid(format!("/{list}/{i}/{name}"), "must be an array"));
            }
        }
    }
    Ok(())
}

/// Checks a document that was just read; declares extensions that the file forgot to declare.
///
/// # Errors
/// [`Error::Invalid`] at the first fault, [`Error::Limit`] for node chains that are too deep.
pub fn check(document: &mut Document, limits: &Limits) -> Result<(), Error> {
    indices_in_range(document)?;
    nodes_form_a_forest(document, limits)?;
    let mut scans = Scans::default();
    for id in primitives::all(document) {
        primitive(document, id, &mut scans)?;
        limits::check("vertices drawn by all primitives", scans.drawn, limits.repeated_elements)?;
    }
    skins(document)?;
    animations(document, limits)?;
    declare_used_extensions(document);
    Ok(())
}

fn indices_in_range(document: &Document) -> Result<(), Error> {
    let mut fault = None;
    visit(&document.root, &mut |at, kind, role, value| {
        let is_none = value.as_i64() == Some(-1) && at.to_string().contains("/VRM/");
        let in_range = as_index(value).is_some_and(|index| index < document.count(kind));
        let is_empty =
            || kind == Kind::Accessor && document.accessors[as_index(value).unwrap_or(0)].count == 0;
        if in_range && fault.is_none() && is_empty() {
            fault = Some(Error::invalid(at.to_string(), "points at an accessor without elements"));
        }
        if !in_range && !is_none && fault.is_none() {
            fault = Some(Error::invalid(at.to_string(), describe_reference(kind, role, value)));
        }
    });
    fault.map_or(Ok(()), Err)
}

fn describe_reference(kind: Kind, role: Role, value: &Value) -> String {
    let name = if role == Role::Item { format!("{kind:?}").to_lowercase() } else { "accessor".into() };
    let shown: String = value.to_string().chars().take(40).collect();
    format!("there is no {name} {shown}")
}

fn nodes_form_a_forest(document: &Document, limits: &Limits) -> Result<(), Error> {
    let nodes = document.list("nodes");
    let mut parent = vec![None; nodes.len()];
    for (index, node) in nodes.iter().enumerate() {
        let children = node.get("children").and_then(Value::as_array).into_iter().flatten();
        for child in children.filter_map(as_index) {
            if parent[child].replace(index).is_some() {
                return Err(Error::invalid(format!("/nodes/{child}"), "has more than one parent"));
            }
        }
    }
    // Depths are remembered, so that every node is walked over once.
    let mut depth = vec![0u64; nodes.len()];
    for start in 0..nodes.len() {
        let mut chain = Vec::new();
        let mut at = Some(start);
        while let Some(node) = at.filter(|&node| depth[node] == 0) {
            if chain.len() > nodes.len() {
                return Err(Error::invalid(format!("/nodes/{start}"), "is its own ancestor"));
            }
            chain.push(node);
            at = parent[node];
        }
        let above = at.map_or(0, |node| depth[node]);
        for (steps, &node) in chain.iter().rev().enumerate() {
            depth[node] = above + steps as u64 + 1;
        }
        limits::check("the depth of the node tree", depth[start], limits.node_depth)?;
    }
    Ok(())
}

/// What was found in accessors, so that each is looked through once, however many primitives share it.
#[derive(Default)]
struct Scans {
    unusable: HashMap<usize, bool>,
    largest: HashMap<usize, usize>,
    drawn: u64,
}

impl Scans {
    /// Whether an accessor holds a float that is no finite number.
    fn is_unusable(&mut self, document: &Document, index: usize) -> bool {
        let accessor = &document.accessors[index];
        *self.unusable.entry(index).or_insert_with(|| {
            accessor.component == Component::F32 && accessor.floats().iter().any(|value| !value.is_finite())
        })
    }

    /// The largest of the indices that an accessor holds.
    fn largest_index(&mut self, document: &Document, index: usize) -> usize {
        let accessor = &document.accessors[index];
        let largest = || accessor.integers().into_iter().max().unwrap_or(0) as usize;
        *self.largest.entry(index).or_insert_with(largest)
    }
}

fn primitive(document: &Document, id: PrimitiveId, scans: &mut Scans) -> Result<(), Error> {
    let at = format!("/meshes/{}/primitives/{}", id.mesh, id.primitive);
    let json = primitives::json(document, id);
    if !json["attributes"].is_object() {
        return Err(Error::invalid(at, "\"attributes\" is missing"));
    }
    if primitives::mode(json) > 6 {
        return Err(Error::invalid(format!("{at}/mode"), "must be 0 to 6"));
    }
    let vertices = primitives::vertex_count(document, json);
    for index in primitives::vertex_accessors(json) {
        if document.accessors[index].count != vertices {
            let count = document.accessors[index].count;
            let what = format!("accessor {index} has {count} elements, but there are {vertices} vertices");
            return Err(Error::invalid(at, what));
        }
    }
    for (name, index) in primitives::attributes(&json["attributes"]) {
        attribute(name, &document.accessors[index])
            .map_err(|what| Error::invalid(format!("{at}/attributes/{name}"), what))?;
    }
    let targets = json.get("targets").and_then(Value::as_array).into_iter().flatten();
    for (name, index) in targets.chain([&json["attributes"]]).flat_map(primitives::attributes) {
        if name == "POSITION" && scans.is_unusable(document, index) {
            return Err(Error::invalid(
                at,
                format!("a position in accessor {index} is infinite or not a number"),
            ));
        }
    }
    let drawn = primitives::indices(json).map_or(vertices, |index| document.accessors[index].count);
    scans.drawn += drawn as u64;
    if let Some(index) = primitives::indices(json) {
        let accessor = &document.accessors[index];
        let unsigned = matches!(accessor.component, Component::U8 | Component::U16 | Component::U32);
        if accessor.shape != Shape::Scalar || !unsigned {
            return Err(Error::invalid(format!("{at}/indices"), "must be unsigned integer scalars"));
        }
        let largest = scans.largest_index(document, index);
        if largest >= vertices && accessor.data.is_some() {
            let what = format!("index {largest} is past the last of {vertices} vertices");
            return Err(Error::invalid(format!("{at}/indices"), what));
        }
    }
    Ok(())
}

/// Whether an attribute has a type that the specification (or KHR_mesh_quantization) allows.
fn attribute(name: &str, accessor: &Accessor) -> Result<(), String> {
    let set_free_name = name.split_once('_').map_or(name, |(head, _)| head);
    let shapes: &[Shape] = match set_free_name {
        "POSITION" | "NORMAL" => &[Shape::Vec3],
        "TANGENT" | "JOINTS" | "WEIGHTS" => &[Shape::Vec4],
        "TEXCOORD" => &[Shape::Vec2],
        "COLOR" => &[Shape::Vec3, Shape::Vec4],
        _ => return Ok(()),
    };
    if !shapes.contains(&accessor.shape) {
        return Err(format!("must not be {}", accessor.shape.name()));
    }
    if set_free_name == "JOINTS" && !matches!(accessor.component, Component::U8 | Component::U16) {
        return Err("must be unsigned bytes or shorts".into());
    }
    Ok(())
}

fn skins(document: &Document) -> Result<(), Error> {
    for (i, skin) in document.list("skins").iter().enumerate() {
        let at = format!("/skins/{i}");
        let joints = skin.get("joints").and_then(Value::as_array).map_or(0, Vec::len);
        if joints == 0 {
            return Err(Error::invalid(at, "\"joints\" is missing or empty"));
        }
        let Some(index) = skin.get("inverseBindMatrices").and_then(as_index) else { continue };
        let matrices = &document.accessors[index];
        if (matrices.shape, matrices.component) != (Shape::Mat4, Component::F32) || matrices.count < joints {
            let what = format!("must hold a float matrix for each of the {joints} joints");
            return Err(Error::invalid(format!("{at}/inverseBindMatrices"), what));
        }
    }
    Ok(())
}

fn animations(document: &mut Document, limits: &Limits) -> Result<(), Error> {
    let mut warnings = Vec::new();
    let mut played = 0;
    for (i, animation) in document.list("animations").iter().enumerate() {
        let at = format!("/animations/{i}");
        let list = |name: &str| animation.get(name).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        for (j, channel) in list("channels").iter().enumerate() {
            let sampler = channel.get("sampler").and_then(as_index);
            if sampler.is_none_or(|sampler| sampler >= list("samplers").len()) {
                return Err(Error::invalid(format!("{at}/channels/{j}/sampler"), "there is no such sampler"));
            }
            let output = sampler.and_then(|sampler| as_index(&list("samplers")[sampler]["output"]));
            played += output.map_or(0, |index| document.accessors[index].count as u64);
            limits::check("keys played by all channels", played, limits.repeated_elements)?;
        }
        for (j, sampler) in list("samplers").iter().enumerate() {
            let at = format!("{at}/samplers/{j}");
            let accessor = |name: &str| as_index(&sampler[name]).map(|index| &document.accessors[index]);
            let (Some(input), Some(_)) = (accessor("input"), accessor("output")) else {
                return Err(Error::invalid(at, "\"input\" or \"output\" is missing"));
            };
            if (input.shape, input.component) != (Shape::Scalar, Component::F32) {
                return Err(Error::invalid(format!("{at}/input"), "key times must be float scalars"));
            }
            if !input.floats().is_sorted_by(|a, b| a < b) {
                warnings.push(format!("{at}: key times do not rise; the animation was left as it is"));
            }
        }
    }
    document.warnings.extend(warnings);
    Ok(())
}

fn declare_used_extensions(document: &mut Document) {
    for name in unknown::all_extensions(document) {
        if !document.uses_extension(&name) {
            document.warnings.push(format!("the file uses {name} without declaring it; it was declared"));
            document.declare_extension(&name, false);
        }
    }
}
