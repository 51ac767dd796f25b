//! One primitive's triangles and attributes on their way into a Draco stream.

use serde_json::Value;

use crate::optimize::codecs::CodecError;
use crate::optimize::codecs::draco::{Channel, Elements, Source};
use crate::optimize::codecs::meshopt::{self, Version};
use crate::optimize::document::Document;
use crate::optimize::document::accessor::{Accessor, Component, Packing};
use crate::optimize::document::primitives;

/// The triangles of a primitive that draw something, over just the vertices that they use.
pub(super) struct Compact {
    pub(super) triangles: Vec<[u32; 3]>,
    /// The old number of every vertex.
    vertices: Vec<u32>,
}

impl Compact {
    pub(super) fn of(document: &Document, json: &Value) -> Option<Self> {
        let positions = primitives::attribute(document, json, "POSITION")?.vectors::<3>();
        let drawn = primitives::drawn_vertices(document, json);
        let (triangles, []) = drawn.as_chunks::<3>() else { return None };
        let mut numbers = vec![u32::MAX; positions.len()];
        let mut compact = Self { triangles: Vec::new(), vertices: Vec::new() };
        for corners in triangles {
            let [a, b, c] = corners.map(|corner| positions[corner as usize]);
            // Rounding has made these a line or a point; the encoder would start a new walk at each.
            if a == b || b == c || c == a {
                continue;
            }
            compact.triangles.push(corners.map(|corner| {
                let number = &mut numbers[corner as usize];
                if *number == u32::MAX {
                    *number = u32::try_from(compact.vertices.len()).unwrap_or(u32::MAX);
                    compact.vertices.push(corner);
                }
                *number
            }));
        }
        (!compact.triangles.is_empty()).then_some(compact)
    }

    /// The elements of the vertices in use.
    pub(super) fn picked(&self, accessor: &Accessor) -> Accessor {
        let element = accessor.element_bytes();
        let bytes = accessor.bytes();
        let picked = self.vertices.iter().flat_map(|&vertex| &bytes[vertex as usize * element..][..element]);
        let elements = Accessor::from_bytes(accessor.component, accessor.shape, picked.copied().collect());
        Accessor { normalized: accessor.normalized, packing: accessor.packing.clone(), ..elements }
    }
}

/// An attribute on its way into a stream.
pub(super) struct Column {
    /// The elements as they go in.
    pub(super) accessor: Accessor,
    channel: Channel,
    floats: Vec<f32>,
    exponent: i32,
}

impl Column {
    /// `None` for numbers that Draco cannot hold exactly.
    pub(super) fn of(name: &str, accessor: &Accessor, normal_bits: i32) -> Option<Self> {
        let bits = u8::try_from(normal_bits).ok()?;
        let channel = match name.split_once('_').map_or(name, |(head, _)| head) {
            "POSITION" => Channel::Position,
            "NORMAL" => Channel::Normal { bits },
            "TEXCOORD" => Channel::TextureCoordinate,
            "COLOR" => Channel::Color,
            _ => Channel::Generic,
        };
        if accessor.component == Component::U32 {
            return None;
        }
        if accessor.component != Component::F32 && name != "NORMAL" {
            return Some(Self { accessor: accessor.clone(), channel, floats: Vec::new(), exponent: 0 });
        }
        let mut floats = accessor.floats();
        let exponent = match (name, &accessor.packing) {
            ("NORMAL", _) => 0,
            ("TANGENT", _) => 1 - normal_bits,
            (_, Packing::Grid { exponent }) => i32::from(*exponent),
            _ => exact_exponent(&floats)?,
        };
        if name == "TANGENT" {
            let step = (exponent as f32).exp2();
            floats.iter_mut().for_each(|value| *value = (*value / step).round() * step);
        }
        let accessor = Accessor::from_floats(accessor.shape, &floats);
        Some(Self { accessor, channel, floats, exponent })
    }

    pub(super) fn source(&self) -> Source<'_> {
        let component = self.accessor.component;
        let elements = if component == Component::F32 {
            Elements::Floats { values: &self.floats, exponent: self.exponent }
        } else {
            let signed = matches!(component, Component::I8 | Component::I16);
            Elements::Integers { bytes: self.accessor.bytes(), width: component.bytes(), signed }
        };
        Source { channel: self.channel, components: self.accessor.shape.components(), elements }
    }

    /// Whether it comes out as it goes in.
    pub(super) fn is_exact(&self) -> bool {
        !matches!(self.channel, Channel::Normal { .. })
    }
}

/// The largest power of two of which all values are multiples; `None` where one is not finite.
fn exact_exponent(values: &[f32]) -> Option<i32> {
    const FRACTION_BITS: i32 = 23;
    let mut exponent = i32::MAX;
    for value in values.iter().filter(|value| **value != 0.0) {
        if !value.is_normal() {
            return None;
        }
        let bits = value.to_bits();
        let fraction = (bits & 0x007F_FFFF) | 0x0080_0000;
        let power = (bits >> FRACTION_BITS & 0xFF) as i32 - 127 - FRACTION_BITS;
        exponent = exponent.min(power + fraction.trailing_zeros() as i32);
    }
    Some(if exponent == i32::MAX { 0 } else { exponent })
}

/// About as many bytes as meshopt would need, filters included.
pub(super) fn meshopt_bytes(triangles: &[[u32; 3]], columns: &[Column]) -> usize {
    let indices = meshopt::encode_triangles(triangles.as_flattened());
    let attributes = columns.iter().map(|column| column.for_meshopt().map_or(0, |bytes| bytes.len()));
    indices.map_or(0, |bytes| bytes.len()) + attributes.sum::<usize>()
}

impl Column {
    fn for_meshopt(&self) -> Result<Vec<u8>, CodecError> {
        const OCTAHEDRAL_STRIDE: usize = 8;
        let (bytes, stride) = match self.channel {
            Channel::Normal { bits } => {
                let normals = self.floats.as_chunks::<3>().0.iter().map(|[x, y, z]| [*x, *y, *z, 0.0]);
                let normals: Vec<[f32; 4]> = normals.collect();
                let bytes = meshopt::filter_octahedral(&normals, OCTAHEDRAL_STRIDE, u32::from(bits))?;
                (bytes, OCTAHEDRAL_STRIDE)
            }
            _ if self.accessor.component == Component::F32 => {
                let step = (self.exponent as f32).exp2();
                #[expect(clippy::cast_possible_truncation, reason = "an estimate; on a grid it is exact")]
                let steps = self.floats.iter().flat_map(|value| ((value / step) as i32).to_le_bytes());
                (steps.collect(), self.accessor.element_bytes())
            }
            _ => {
                let element = self.accessor.element_bytes();
                let stride = element.next_multiple_of(4);
                let padding = vec![0; stride - element];
                let elements = self.accessor.bytes().chunks_exact(element);
                (elements.flat_map(|element| [element, padding.as_slice()].concat()).collect(), stride)
            }
        };
        meshopt::encode_vertices(&bytes, stride, self.accessor.count, Version::Ext)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grid_of_exact_floats_is_found() {
        assert_eq!(exact_exponent(&[3.0, -0.75, 0.0]), Some(-2));
        assert_eq!(exact_exponent(&[1024.0, 4096.0]), Some(10));
        assert_eq!(exact_exponent(&[0.0]), Some(0));
        assert_eq!(exact_exponent(&[1.0, f32::NAN]), None);
        assert_eq!(exact_exponent(&[1e-40]), None);
    }
}
