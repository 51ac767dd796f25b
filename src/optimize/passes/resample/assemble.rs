//! From tracks back to JSON and accessors, in which equal times, values and samplers are stored once.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::super::grids::log2_floor;
use super::super::quantize::on_grid;
use super::track::{Motion, Property, Track};
use crate::optimize::document::primitives::as_index;
use crate::optimize::document::{Accessor, Document, Shape};

/// The accessors of all new tracks of a file.
pub(super) struct Pool {
    first: usize,
    accessors: Vec<Accessor>,
    known: HashMap<(Shape, Vec<u32>, String), usize>,
    /// Whether values may be rounded to grids, which only saves bytes where they are filtered and encoded.
    on_grids: bool,
}

impl Pool {
    /// Accessors will be numbered from the end of the document's list.
    pub(super) fn after(document: &Document, on_grids: bool) -> Self {
        Self { first: document.accessors.len(), accessors: Vec::new(), known: HashMap::new(), on_grids }
    }

    /// The new accessors, in the order of their numbers.
    pub(super) fn into_accessors(self) -> Vec<Accessor> {
        self.accessors
    }

    fn number(&mut self, accessor: Accessor) -> usize {
        let Accessor { shape, bounds, packing, rest, .. } = &accessor;
        let bits = accessor.floats().into_iter().map(f32::to_bits).collect();
        let described = format!("{bounds} {packing:?} {}", json!(rest));
        let next = self.first + self.accessors.len();
        *self.known.entry((*shape, bits, described)).or_insert_with(|| {
            self.accessors.push(accessor);
            next
        })
    }

    /// The values of a track; those that add up in the open are rounded to a quarter of the tolerance. Rotations
    /// have a filter of their own.
    fn values(&self, track: &Track, shape: Shape) -> Accessor {
        let plain = Accessor::from_floats(shape, &track.values);
        if !self.on_grids || track.property == Property::Rotation || track.tolerance < f32::MIN_POSITIVE {
            return plain;
        }
        on_grid(&plain, log2_floor(track.tolerance) - 1).unwrap_or(plain)
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
    let times = Accessor { bounds: true, ..Accessor::from_floats(Shape::Scalar, &track.times) };
    for (member, new) in [("input", times), ("output", pool.values(track, shape))] {
        let old = sampler.get(member).and_then(as_index).and_then(|index| document.accessors.get(index));
        let rest = old.map_or_else(Map::new, |old| old.rest.clone());
        sampler.insert(member.into(), pool.number(Accessor { rest, ..new }).into());
    }
    if track.is_held() || sampler.get("interpolation").is_some_and(|word| word == "LINEAR") {
        // What readers assume anyway; a single key is the same in every way.
        sampler.shift_remove("interpolation");
    }
    sampler
}
