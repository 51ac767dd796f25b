//! JSON pointers of KHR_animation_pointer, such as `/materials/3/emissiveFactor`.
//!
//! They name items by number inside a string, where renumbering would not see them. So they are taken apart
//! while a document is worked on, into `{"materials": 3, "of": "/emissiveFactor"}`, whose number is a row of the
//! reference table, and put together again when it is written. A pointer into any other array stays a string:
//! such arrays are never renumbered.

use serde_json::{Map, Value, json};

use super::Document;
use super::refs::Kind;

/// The extension.
pub const EXTENSION: &str = "KHR_animation_pointer";

/// Pointer prefixes and the member under which the number is kept; the table in `refs` has a row for each.
pub(super) const LISTS: [(&str, &str); 11] = [
    ("/accessors/", "accessors"),
    ("/cameras/", "cameras"),
    ("/extensions/KHR_lights_punctual/lights/", "lights"),
    ("/images/", "images"),
    ("/materials/", "materials"),
    ("/meshes/", "meshes"),
    ("/nodes/", "nodes"),
    ("/samplers/", "samplers"),
    ("/scenes/", "scenes"),
    ("/skins/", "skins"),
    ("/textures/", "textures"),
];

/// Turns every pointer string into an object with the number as a member.
pub fn take_apart(root: &mut Map<String, Value>) {
    each(root, |pointer| {
        let text = pointer.as_str()?;
        let (rest, member) =
            LISTS.iter().find_map(|(prefix, name)| Some((text.strip_prefix(prefix)?, *name)))?;
        let (number, of) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
        // What does not come back the same, such as `007`, stays a string.
        let number: usize = number.parse().ok().filter(|parsed: &usize| parsed.to_string() == number)?;
        Some(json!({ member: number, "of": of }))
    });
}

/// Turns the objects back into strings.
pub fn put_together(root: &mut Map<String, Value>) {
    each(root, |pointer| {
        let of = pointer.get("of")?.as_str()?;
        LISTS.iter().find_map(|(prefix, name)| {
            let number = pointer.get(*name)?.as_u64()?;
            Some(format!("{prefix}{number}{of}").into())
        })
    });
}

/// The path of the property that a pointer names, such as `/emissiveFactor`: what follows the number where the pointer is
/// taken apart, else all of it.
#[must_use]
pub fn property(pointer: &Value) -> &str {
    pointer.as_str().or_else(|| pointer["of"].as_str()).unwrap_or_default()
}

/// Whether some animation moves a property of the item of this kind: such items must not be merged with equal
/// ones, and what they hold must stay where the pointer finds it.
#[must_use]
pub fn is_animated(document: &Document, kind: Kind) -> bool {
    let mut found = false;
    super::refs::visit(&document.root, &mut |at, of, _, _| {
        found |= of == kind && at.slot() == "pointer";
    });
    found
}

fn each(root: &mut Map<String, Value>, change: impl Fn(&Value) -> Option<Value>) {
    let animations = root.get_mut("animations").and_then(Value::as_array_mut).into_iter().flatten();
    let channels = animations.filter_map(|animation| animation.get_mut("channels")?.as_array_mut()).flatten();
    for channel in channels {
        let pointer = channel.pointer_mut("/target/extensions/KHR_animation_pointer/pointer");
        if let Some(pointer) = pointer
            && let Some(new) = change(pointer)
        {
            *pointer = new;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimize::document::edit;

    fn document(pointers: &[&str]) -> Document {
        let channel = |pointer: &&str| json!({"target": {"extensions": {EXTENSION: {"pointer": pointer}}}});
        let channels: Vec<Value> = pointers.iter().map(channel).collect();
        let root = json!({
            "animations": [{ "channels": channels }],
            "materials": [{"name": "a"}, {"name": "b"}],
        });
        Document { root: root.as_object().unwrap().clone(), ..Document::default() }
    }

    #[test]
    fn what_is_taken_apart_is_put_together_the_same() {
        let pointers =
            ["/nodes/0/rotation", "/materials/01/x", "/materials/1", "/extensions/ACME/things/3", ""];
        let mut document = document(&pointers);
        let before = document.root.clone();
        take_apart(&mut document.root);
        assert_ne!(document.root, before);
        put_together(&mut document.root);
        assert_eq!(document.root, before);
    }

    #[test]
    fn the_property_is_told_whether_a_pointer_is_taken_apart_or_not() {
        let mut document = document(&["/materials/1/emissiveFactor", "/extensions/ACME/things/3"]);
        let properties = |document: &Document| -> Vec<String> {
            let channels = document.list("animations")[0]["channels"].as_array().unwrap().iter();
            let pointers = channels.map(|channel| &channel["target"]["extensions"][EXTENSION]["pointer"]);
            pointers.map(|pointer| property(pointer).to_owned()).collect()
        };
        assert_eq!(properties(&document), ["/materials/1/emissiveFactor", "/extensions/ACME/things/3"]);
        take_apart(&mut document.root);
        assert_eq!(properties(&document), ["/emissiveFactor", "/extensions/ACME/things/3"]);
    }

    #[test]
    fn a_pointer_follows_its_material() {
        let mut document = document(&["/materials/1/emissiveFactor"]);
        take_apart(&mut document.root);
        assert!(is_animated(&document, Kind::Material) && !is_animated(&document, Kind::Node));
        let used = edit::referenced(&document, Kind::Material);
        assert_eq!(edit::retain(&mut document, Kind::Material, &used), 1);
        put_together(&mut document.root);
        let text = json!(document.root["animations"]).to_string();
        assert!(text.contains("\"/materials/0/emissiveFactor\""), "{text}");
    }
}
