//! Oddities of form: empty arrays, names that are no strings, extensions that are no objects or stand where
//! they do not belong.

use std::fmt;

use serde_json::{Map, Value};

use super::Oddities;
use crate::optimize::document::refs::is_known;

/// Extensions and the lists whose items they belong to; `""` is the root. Others may stand anywhere.
const PLACES: [(&str, &[&str]); 11] = [
    ("EXT_mesh_gpu_instancing", &["nodes"]),
    ("EXT_texture_avif", &["textures"]),
    ("EXT_texture_webp", &["textures"]),
    ("KHR_draco_mesh_compression", &["primitives"]),
    ("KHR_lights_punctual", &["", "nodes"]),
    ("KHR_materials_", &["materials"]),
    ("KHR_materials_variants", &["", "primitives"]),
    ("KHR_mesh_quantization", &[]),
    ("KHR_node_visibility", &["nodes"]),
    ("KHR_texture_basisu", &["textures"]),
    ("MSFT_texture_dds", &["textures"]),
];

/// Where a member stands; written out only for what is odd, as files may have millions of members.
struct Place<'a> {
    parent: Option<&'a Self>,
    name: &'a str,
    item: Option<usize>,
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
        }
        write!(f, "/{}", self.name)?;
        self.item.map_or(Ok(()), |item| write!(f, "/{item}"))
    }
}

/// Looks at everything but extras and unknown extensions.
pub(super) fn look(root: &Map<String, Value>, found: &mut Oddities) {
    members(root, None, "", found);
}

/// `owner` is the list that the object is an item of, or the member that holds it.
fn members(object: &Map<String, Value>, parent: Option<&Place>, owner: &str, found: &mut Oddities) {
    for (name, value) in object {
        let place = Place { parent, name, item: None };
        match (name.as_str(), value) {
            ("extras", _) => {}
            ("extensions", Value::Object(extensions)) => look_at_extensions(extensions, &place, owner, found),
            ("name", value) if !value.is_string() => found.note(place, "must be a string"),
            (_, Value::Array(items)) if items.is_empty() => found.note(place, "is an empty array"),
            (_, Value::Array(items)) => {
                for (i, item) in items.iter().enumerate() {
                    if let Value::Object(object) = item {
                        members(object, Some(&Place { parent, name, item: Some(i) }), name, found);
                    }
                }
            }
            (_, Value::Object(object)) => members(object, Some(&place), name, found),
            _ => {}
        }
    }
}

fn look_at_extensions(extensions: &Map<String, Value>, at: &Place, owner: &str, found: &mut Oddities) {
    for (name, value) in extensions.iter().filter(|(name, _)| is_known(name)) {
        let place = Place { parent: Some(at), name, item: None };
        let exact = PLACES.iter().find(|(known, _)| known == name);
        let family = || PLACES.iter().find(|(known, _)| known.ends_with('_') && name.starts_with(known));
        if let Some((_, owners)) = exact.or_else(family)
            && !owners.contains(&owner)
        {
            found.note(&place, "does not belong here; it was kept");
        }
        match value {
            // Avatars and the like have their own idea of what may be empty.
            Value::Object(_) if !name.starts_with("KHR_") && !name.starts_with("EXT_") => {}
            Value::Object(object) => members(object, Some(&place), name, found),
            _ => found.note(place, "must be an object"),
        }
    }
}
