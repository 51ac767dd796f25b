//! What each accessor is used for, in full: passes change elements only where every use allows it.

use serde_json::Value;

use super::primitives::{self, as_index};
use super::refs::{Kind, Role, visit};
use super::{Document, unknown};

/// One use of an accessor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Usage {
    /// A vertex attribute, by name.
    Vertex(String),
    /// A morph target attribute, by name.
    Morph(String),
    /// Key values of an animation, by path (`rotation`, ...) and interpolation (`LINEAR`, ...).
    KeyValues(String, String),
    /// Any other use, or a use that must not be disturbed.
    Other,
}

/// The uses of every accessor; of three or more different ones only two are listed, as no pass can serve both.
#[must_use]
pub fn of(document: &Document) -> Vec<Vec<Usage>> {
    let mut uses = vec![Vec::new(); document.accessors.len()];
    visit(&document.root, &mut |at, kind, role, value| {
        let index = as_index(value).filter(|_| kind == Kind::Accessor);
        let Some(list) = index.and_then(|index| uses.get_mut(index)) else { return };
        let usage = match role {
            Role::Vertex => Usage::Vertex(at.name().to_owned()),
            Role::Morph => Usage::Morph(at.name().to_owned()),
            // Entered below, where the path is known.
            Role::KeyValues => return,
            _ => Usage::Other,
        };
        add(list, usage);
    });
    add_key_values(document, &mut uses);
    for (list, accessor) in uses.iter_mut().zip(&document.accessors) {
        if unknown::has_unknown_extension(&accessor.rest) {
            *list = vec![Usage::Other];
        }
    }
    for id in primitives::all(document) {
        let json = primitives::json(document, id);
        if primitives::locked(document, json).is_some() {
            for index in primitives::vertex_accessors(json) {
                uses[index] = vec![Usage::Other];
            }
        }
    }
    uses
}

/// Two are enough to tell one use from several: a hostile file may have a million on one accessor.
fn add(list: &mut Vec<Usage>, usage: Usage) {
    if list.len() < 2 && !list.contains(&usage) {
        list.push(usage);
    }
}

fn add_key_values(document: &Document, uses: &mut [Vec<Usage>]) {
    for animation in document.list("animations") {
        let samplers = animation["samplers"].as_array().map_or(&[][..], Vec::as_slice);
        let channels = animation["channels"].as_array().map_or(&[][..], Vec::as_slice);
        for channel in channels {
            let sampler = as_index(&channel["sampler"]).and_then(|number| samplers.get(number));
            let sampler = sampler.unwrap_or(&Value::Null);
            let output = as_index(&sampler["output"]).and_then(|index| uses.get_mut(index));
            let interpolation = sampler["interpolation"].as_str().unwrap_or("LINEAR");
            let path = channel["target"]["path"].as_str().unwrap_or("pointer");
            if let Some(list) = output {
                add(list, Usage::KeyValues(path.to_owned(), interpolation.to_owned()));
            }
        }
    }
}
