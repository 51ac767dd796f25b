//! Attributes in the form that the encoder takes: every value once, and a number of a value for each vertex.
//!
//! Draco spreads its steps evenly between the smallest and the largest value of an attribute, which would give each
//! mesh a grid of its own and tear apart meshes that touch. One value that no vertex uses is therefore appended, just
//! so far away that the steps become those of the grid on which the floats are already: they come back exactly.

use std::collections::HashMap;
use std::hash::Hash;

use draco_oxide::core::codec::attribute::geom::{float_vector_to_oct, oct_center};
use draco_oxide::core::types::{AttributeValueIdx, VecPointIdx, Vector};
use draco_oxide::{Attribute as Stored, AttributeDomain, AttributeId, AttributeType, NdVector};

use super::{Channel, Elements, NAME, Source};
use crate::optimize::codecs::CodecError;

/// Bits above which the encoder's own float arithmetic would miss a step.
const MAX_BITS: u8 = 20;

/// The encoder's type for a channel. Joints, weights and tangents have types too, but only inside Google's tools: in
/// a stream they are generic.
pub(super) fn kind(channel: Channel) -> AttributeType {
    match channel {
        Channel::Position => AttributeType::Position,
        Channel::Normal { .. } => AttributeType::Normal,
        Channel::TextureCoordinate => AttributeType::TextureCoordinate,
        Channel::Color => AttributeType::Color,
        Channel::Generic => AttributeType::Custom,
    }
}

/// How many bits the floats of each channel need. The encoder's settings are one for a channel, so attributes of one
/// channel share the larger number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Bits(HashMap<u8, u8>);

impl Bits {
    pub(super) fn of(sources: &[Source<'_>]) -> Result<Self, CodecError> {
        let mut bits = Self::default();
        for source in sources {
            let needed = match (source.channel, &source.elements) {
                (Channel::Normal { bits }, _) => bits,
                (_, Elements::Floats { values, exponent }) => needed(values, source.components, *exponent)?,
                (_, Elements::Integers { .. }) => 1,
            };
            let entry = bits.0.entry(kind(source.channel).get_id()).or_insert(1);
            *entry = needed.max(*entry);
        }
        Ok(bits)
    }

    pub(super) fn for_channel(&self, channel: Channel) -> u8 {
        self.0.get(&kind(channel).get_id()).copied().unwrap_or(1)
    }
}

/// Bits for the steps between the smallest and the largest value of any component.
fn needed(values: &[f32], components: usize, exponent: i32) -> Result<u8, CodecError> {
    let step = f64::from(exponent).exp2();
    let steps = ranges(values, components).map(|(min, max)| (f64::from(max) - f64::from(min)) / step);
    let widest = steps.fold(0.0, f64::max);
    (1..=MAX_BITS)
        .find(|&bits| widest <= f64::from((1_u32 << bits) - 1))
        .ok_or_else(|| CodecError::input(NAME, "the values span too many steps of their grid"))
}

/// Smallest and largest value of each component.
fn ranges(values: &[f32], components: usize) -> impl Iterator<Item = (f32, f32)> {
    (0..components).map(move |component| {
        let of_component = values.iter().skip(component).step_by(components);
        of_component
            .fold((f32::INFINITY, f32::NEG_INFINITY), |(min, max), &value| (min.min(value), max.max(value)))
    })
}

/// One attribute for the encoder.
pub(super) fn attribute(id: usize, source: &Source<'_>, bits: &Bits) -> Result<Stored, CodecError> {
    let form = Form { id, channel: source.channel };
    match (source.elements, source.components) {
        (Elements::Floats { values, .. }, _) if !values.iter().all(|value| value.is_finite()) => {
            Err(CodecError::input(NAME, "a value is not finite"))
        }
        (Elements::Floats { values, .. }, 3) if matches!(source.channel, Channel::Normal { .. }) => {
            Ok(form.normals(values))
        }
        (Elements::Floats { values, exponent }, components) => {
            let bits = bits.for_channel(source.channel);
            let far = far_value(values, components, exponent, bits)?;
            match components {
                1 => Ok(form.floats::<1>(values, &far)),
                2 => Ok(form.floats::<2>(values, &far)),
                3 => Ok(form.floats::<3>(values, &far)),
                4 => Ok(form.floats::<4>(values, &far)),
                _ => Err(CodecError::input(NAME, "an element has more than four components")),
            }
        }
        (Elements::Integers { bytes, width: 1, signed: false }, n) => {
            form.integers(&words(bytes, u8::from_le_bytes), n)
        }
        (Elements::Integers { bytes, width: 1, signed: true }, n) => {
            form.integers(&words(bytes, i8::from_le_bytes), n)
        }
        (Elements::Integers { bytes, width: 2, signed: false }, n) => {
            form.integers(&words(bytes, u16::from_le_bytes), n)
        }
        (Elements::Integers { bytes, width: 2, signed: true }, n) => {
            form.integers(&words(bytes, i16::from_le_bytes), n)
        }
        _ => Err(CodecError::input(NAME, "integers must have one or two bytes")),
    }
}

fn words<const N: usize, T>(bytes: &[u8], read: impl Fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks::<N>().0.iter().map(|&chunk| read(chunk)).collect()
}

/// The value that stretches the range of an attribute to `2^bits - 1` steps of its grid.
fn far_value(values: &[f32], components: usize, exponent: i32, bits: u8) -> Result<Vec<f32>, CodecError> {
    let step = f64::from(exponent).exp2();
    let on_grid = |value: f32| (f64::from(value) / step).fract() == 0.0;
    if !values.iter().copied().all(on_grid) {
        return Err(CodecError::input(NAME, "a value is not on its grid"));
    }
    let mut far: Vec<f32> = ranges(values, components).map(|(min, _)| min + 0.0).collect();
    let Some(first) = far.first_mut() else {
        return Err(CodecError::input(NAME, "an element has no components"));
    };
    let span = f64::from((1_u32 << bits) - 1) * step;
    let end = f64::from(*first) + span;
    #[expect(clippy::cast_possible_truncation, reason = "checked right below")]
    let end_rounded = end as f32;
    if f64::from(end_rounded).total_cmp(&end).is_ne() {
        return Err(CodecError::input(NAME, "the values are too far from the origin for their grid"));
    }
    *first = end_rounded;
    Ok(far)
}

/// What all attributes have besides their values.
struct Form {
    id: usize,
    channel: Channel,
}

impl Form {
    fn floats<const N: usize>(&self, values: &[f32], far: &[f32]) -> Stored
    where
        NdVector<N, f32>: Vector<N>,
    {
        // Adding zero turns a negative zero into the usual one: to the encoder they would be different places.
        let elements: Vec<[f32; N]> =
            values.as_chunks::<N>().0.iter().map(|e| e.map(|value| value + 0.0)).collect();
        let (mut unique, map) = unique(&elements, |element| element.map(f32::to_bits));
        unique.extend(far.as_chunks::<N>().0);
        self.finish(unique, map)
    }

    /// Normals that will be rounded to the same direction count as equal, so that they make no seam.
    fn normals(&self, values: &[f32]) -> Stored {
        let Channel::Normal { bits } = self.channel else { return self.floats::<3>(values, &[]) };
        let center = oct_center(bits);
        let rounded = |normal: &[f32; 3]| {
            let vector = float_vector_to_oct(NdVector::<3, f32>::from(*normal), center);
            [*vector.get(0), *vector.get(1)]
        };
        let (unique, map) = unique(values.as_chunks::<3>().0, rounded);
        self.finish(unique, map)
    }

    fn integers<T>(&self, values: &[T], components: usize) -> Result<Stored, CodecError>
    where
        T: Copy + Eq + Hash,
        NdVector<1, T>: Vector<1>,
        NdVector<2, T>: Vector<2>,
        NdVector<3, T>: Vector<3>,
        NdVector<4, T>: Vector<4>,
    {
        match components {
            1 => Ok(self.exact::<1, T>(values)),
            2 => Ok(self.exact::<2, T>(values)),
            3 => Ok(self.exact::<3, T>(values)),
            4 => Ok(self.exact::<4, T>(values)),
            _ => Err(CodecError::input(NAME, "an element has more than four components")),
        }
    }

    fn exact<const N: usize, T: Copy + Eq + Hash>(&self, values: &[T]) -> Stored
    where
        NdVector<N, T>: Vector<N>,
    {
        let (unique, map) = unique(values.as_chunks::<N>().0, |element| *element);
        self.finish(unique, map)
    }

    fn finish<const N: usize, T>(&self, unique: Vec<[T; N]>, map: Vec<AttributeValueIdx>) -> Stored
    where
        NdVector<N, T>: Vector<N>,
    {
        let (domain, parents) = if self.channel == Channel::Position {
            (AttributeDomain::Position, Vec::new())
        } else {
            (AttributeDomain::Corner, vec![AttributeId::new(0)])
        };
        let values: Vec<NdVector<N, T>> = unique.into_iter().map(NdVector::from).collect();
        let id = AttributeId::new(self.id);
        let mut stored =
            Stored::from_without_removing_duplicates(id, values, kind(self.channel), domain, parents);
        stored.set_point_to_att_val_map(Some(VecPointIdx::from(map)));
        stored
    }
}

/// Every value once, in order of appearance, and for each element the number of its value.
fn unique<T: Copy, K: Eq + Hash>(elements: &[T], key: impl Fn(&T) -> K) -> (Vec<T>, Vec<AttributeValueIdx>) {
    let mut unique = Vec::new();
    let mut known = HashMap::new();
    let map = elements.iter().map(|element| {
        let number = *known.entry(key(element)).or_insert_with(|| {
            unique.push(*element);
            unique.len() - 1
        });
        AttributeValueIdx::from(number)
    });
    let map = map.collect();
    (unique, map)
}
