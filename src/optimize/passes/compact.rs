//! compact: JSON without what readers assume anyway.
//!
//! Members that hold their default value go (glTF 2.0, "Properties Reference"), and so do empty lists and empty
//! `extensions`. A number that came from a 32-bit float is written with the fewest digits that give the same
//! float: 0.01 for 0.009999999776482582. Other numbers stay, as some readers compute with all their digits.
//! Extras and extensions that are not known here are not touched.
//! Declines when there is nothing of this in the file.

use serde_json::{Map, Value, json};

use super::{Context, Outcome, Pass, counted};
use crate::optimize::Error;
use crate::optimize::document::{Document, refs};

/// See the module.
pub(super) struct Compact;

/// Lists whose items are looked at, numbers and all.
const LISTS: [&str; 7] = ["animations", "cameras", "materials", "meshes", "nodes", "samplers", "scenes"];

/// Extensions that belong to other programs: their JSON is known, but it stays as it came.
const VERBATIM: [&str; 2] = ["VRM", "AGI_"];

/// Members with their defaults, by the name of the list or member that holds them.
const DEFAULTS: &[(&str, &str, &str)] = &[
    ("nodes", "matrix", "[1,0,0,0,0,1,0,0,0,0,1,0,0,0,0,1]"),
    ("nodes", "translation", "[0,0,0]"),
    ("nodes", "rotation", "[0,0,0,1]"),
    ("nodes", "scale", "[1,1,1]"),
    ("primitives", "mode", "4"),
    ("samplers", "interpolation", "\"LINEAR\""),
    ("samplers", "wrapS", "10497"),
    ("samplers", "wrapT", "10497"),
    ("materials", "alphaMode", "\"OPAQUE\""),
    ("materials", "doubleSided", "false"),
    ("materials", "emissiveFactor", "[0,0,0]"),
    ("pbrMetallicRoughness", "baseColorFactor", "[1,1,1,1]"),
    ("pbrMetallicRoughness", "metallicFactor", "1"),
    ("pbrMetallicRoughness", "roughnessFactor", "1"),
    ("normalTexture", "scale", "1"),
    ("occlusionTexture", "strength", "1"),
    ("", "texCoord", "0"),
];

impl Pass for Compact {
    fn name(&self) -> &'static str {
        "compact"
    }

    fn run(&self, document: &mut Document, _: &mut Context) -> Result<Outcome, Error> {
        let mut done = Done::default();
        for name in LISTS {
            for item in document.list_mut(name).iter_mut().filter_map(Value::as_object_mut) {
                done.look_at(item, name);
            }
        }
        if done == Done::default() {
            return Ok(Outcome::Unchanged("the JSON says nothing that readers assume anyway".into()));
        }
        let members = counted(done.members, "member", "members");
        let numbers = counted(done.numbers, "number", "numbers");
        Ok(Outcome::Changed(vec![format!("{members} with default values left out, {numbers} shortened")]))
    }
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Done {
    members: usize,
    numbers: usize,
}

impl Done {
    /// `owner` is the list that the object is an item of, or the member that holds it.
    fn look_at(&mut self, object: &mut Map<String, Value>, owner: &str) {
        for (name, value) in object.iter_mut().filter(|(name, _)| *name != "extras") {
            let is_known = owner != "extensions" || refs::is_known(name) && !is_verbatim(name);
            if is_known {
                self.shorten(value, name);
            }
        }
        // Readers do not agree on which of both counts.
        let is_moved_twice = object.contains_key("matrix")
            && ["translation", "rotation", "scale"].iter().any(|name| object.contains_key(*name));
        if owner == "nodes" && is_moved_twice {
            return;
        }
        let before = object.len();
        object.retain(|name, value| !means_nothing(owner, name, value));
        self.members += before - object.len();
    }

    fn shorten(&mut self, value: &mut Value, name: &str) {
        match value {
            Value::Number(_) => {
                let short = shortest(value);
                self.numbers += usize::from(short.is_some());
                *value = short.unwrap_or(value.take());
            }
            Value::Array(items) => {
                for item in items {
                    self.shorten(item, name);
                }
            }
            Value::Object(members) => self.look_at(members, name),
            _ => {}
        }
    }
}

fn is_verbatim(extension: &str) -> bool {
    VERBATIM.iter().any(|prefix| extension.starts_with(prefix))
}

fn means_nothing(owner: &str, name: &str, value: &Value) -> bool {
    let is_empty_list = value.as_array().is_some_and(Vec::is_empty);
    match name {
        "children" | "targets" if is_empty_list => return true,
        "extensions" if value.as_object().is_some_and(Map::is_empty) => return true,
        _ => {}
    }
    let default = |(of, member, _): &&(&str, &str, &str)| {
        *member == name && (*of == owner || of.is_empty() && owner.ends_with("Texture"))
    };
    let Some((.., text)) = DEFAULTS.iter().find(default) else { return false };
    let written = value.to_string();
    written == *text
}

/// A shorter number that every reader of 32-bit floats takes for the same; `None` where there is none.
fn shortest(value: &Value) -> Option<Value> {
    let number = value.as_f64().filter(|_| value.is_f64())?;
    // Whole numbers need no ".0"; beyond this they are not exact in every reader.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() < EXACT {
        #[expect(clippy::cast_possible_truncation, reason = "a whole number below 2^53")]
        return Some(json!(number as i64));
    }
    #[expect(clippy::cast_possible_truncation, reason = "compared with the number below")]
    let float = number as f32;
    let short: f64 = float.to_string().parse().ok()?;
    (f64::from(float) == number && short != number).then(|| json!(short))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimize::Settings;
    use crate::optimize::passes::run_alone;

    fn run(root: Value) -> (Value, Outcome) {
        let mut document = Document { root: root.as_object().unwrap().clone(), ..Document::default() };
        let outcome = run_alone(&Compact, &mut document, Settings::default());
        (document.root.into(), outcome)
    }

    #[test]
    fn defaults_go_and_other_values_stay() {
        let (root, outcome) = run(json!({
            "nodes": [
                { "matrix": [1, 0, 0, 0, 0, 1.0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1], "children": [] },
                { "translation": [0, 0, 0.5], "scale": [1.0, 1.0, 1.0], "extras": { "texCoord": 0, "a": 1.0 } },
            ],
            "materials": [{ "pbrMetallicRoughness": {
                "baseColorTexture": { "index": 0, "texCoord": 0 }, "metallicFactor": 0, "roughnessFactor": 1.0,
            }}],
        }));
        let expected = json!({
            "nodes": [{}, { "translation": [0, 0, 0.5], "extras": { "texCoord": 0, "a": 1.0 } }],
            "materials": [{ "pbrMetallicRoughness": { "baseColorTexture": { "index": 0 }, "metallicFactor": 0 }}],
        });
        assert_eq!(root.to_string(), expected.to_string());
        assert!(matches!(outcome, Outcome::Changed(_)));
        assert!(matches!(run(expected).1, Outcome::Unchanged(_)));
    }

    /// The matrix said nothing and went, and the translation that it had hidden moved the model.
    #[test]
    fn regression_a_node_that_is_moved_twice_stays_as_it_came() {
        let matrix = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];
        let root = json!({ "nodes": [{ "matrix": matrix, "translation": [1, 2, 3] }] });
        assert_eq!(run(root.clone()).0, root);
    }

    #[test]
    fn only_numbers_that_were_32_bit_floats_are_shortened() {
        let (root, _) =
            run(json!({ "nodes": [{ "translation": [0.009999999776482582, 6378137.123456789, -0.5] }] }));
        assert_eq!(root["nodes"][0]["translation"].to_string(), "[0.01,6378137.123456789,-0.5]");
    }

    #[test]
    fn unknown_extensions_and_avatars_stay_as_they_came() {
        let extensions =
            json!({ "ACME_thing": { "texCoord": 0, "x": 1.0 }, "VRMC_materials_mtoon": { "y": 2.0 } });
        let root = json!({ "materials": [{ "extensions": extensions }] });
        assert_eq!(run(root.clone()).0.to_string(), root.to_string());
    }
}
