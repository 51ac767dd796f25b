//! From tracks back to JSON and accessors, in which equal times, values and samplers are stored once.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::track::{Motion, Property, Track};
use crate::optimize::document::primitives::as_index;
use crate::optimize::document::{Accessor, Document, Shape};

/// The accessors of all new tracks of a file.
pub(super) struct Pool {
    first: usize,
    accessors: Vec<Accessor>,
    known: HashMap<(Shape, Vec<u32>, String), usize>,
}

impl Pool {
    /// Accessors will be numbered from the end of the document's list.
    pub(super) fn after(document: &Document) -> Self {
        Self { first: document.accessors.len(), accessors: Vec::new(), known: HashMap::new() }
    }

    /// The new accessors, in the order of their numbers.
    pub(super) fn into_accessors(self) -> Vec<Accessor> {
        self.accessors
    }

    /// The number of an accessor with these values; `rest` is what the old one held besides.
    fn number(&mut self, shape: Shape, values: &[f32], bounds: bool, rest: &Map<String, Value>) -> usize {
        let described = if rest.is_empty() { String::new() } else { json!(rest).to_string() };
        let key = (shape, values.iter().map(|value| value.to_bits()).collect(), format!("{bounds} {described}"));
        let next = self.first + self.accessors.len();
        *self.known.entry(key).or_insert_with(|| {
            let accessor = Accessor { bounds, rest: rest.clone(), ..Accessor::from_floats(shape, values) };
            self.accessors.push(accessor);
            next
        })
    }
}

/// The animation made of these tracks.
pub(super) fn animation(document: &Document, old: &Value, tracks: Vec<Track>, pool: &mut Pool) -> Value {
    let mut samplers: Vec<Value> = Vec::new();
    let mut known = HashMap::new();
    let mut channels = Vec::new();
    for track in tracks {
        let sampler = Value::Object(sampler(document, &track, pool));
        let number = *known.entry(sampler.to_string()).or_insert_with(|| {
            samplers.push(sampler);
            samplers.len() - 1
        });
        let mut channel = track.channel;
        channel["sampler"] = number.into();
        channels.push(channel);
    }
    let mut animation = old.clone();
    animation["channels"] = json!(channels);
    animation["samplers"] = json!(samplers);
    animation
}

fn sampler(document: &Document, track: &Track, pool: &mut Pool) -> Map<String, Value> {
    let mut sampler = track.sampler.clone();
    if track.motion == Motion::Other {
        return sampler;
    }
    let shape = match track.property {
        Property::Rotation => Shape::Vec4,
        Property::Weights => Shape::Scalar,
        _ => Shape::Vec3,
    };
    let nothing = Map::new();
    for (member, shape, values) in [("input", Shape::Scalar, &track.times), ("output", shape, &track.values)] {
        let old = sampler.get(member).and_then(as_index);
        let rest = old.and_then(|index| document.accessors.get(index)).map_or(&nothing, |old| &old.rest);
        sampler.insert(member.into(), pool.number(shape, values, member == "input", rest).into());
    }
    if track.is_held() || sampler.get("interpolation").is_some_and(|word| word == "LINEAR") {
        // What readers assume anyway; a single key is the same in every way.
        sampler.shift_remove("interpolation");
    }
    sampler
}
