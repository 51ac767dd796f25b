//! One Draco stream as accessors of the types that a file wants.

use crate::optimize::codecs::draco::{self, Mesh, Values};
use crate::optimize::document::accessor::{Accessor, Component, Shape};

/// A stream's elements.
#[derive(Debug, Clone, PartialEq)]
pub struct Unpacked {
    /// The triangles.
    pub indices: Accessor,
    /// The attributes, in the order and types that were asked for.
    pub attributes: Vec<Accessor>,
    /// How that differs from what the file declares.
    pub(super) warning: Option<String>,
}

/// Decodes a stream of at most `max_triangles`; `wanted` are numbers of attributes, each with an accessor whose type
/// the elements are to have.
///
/// # Errors
/// What is wrong with the stream, or does not go with the types.
pub fn open(stream: &[u8], max_triangles: usize, wanted: &[(u32, &Accessor)]) -> Result<Unpacked, String> {
    let mesh = draco::decode(stream, max_triangles).map_err(|error| error.to_string())?;
    let indices = Accessor::from_indices(mesh.triangles.as_flattened(), mesh.vertex_count);
    let attributes = wanted.iter().map(|(number, accessor)| elements(&mesh, *number, accessor));
    Ok(Unpacked {
        indices,
        attributes: attributes.collect::<Result<Vec<Accessor>, String>>()?,
        warning: None,
    })
}

/// An attribute of a stream in the type that its accessor declares.
fn elements(mesh: &Mesh, number: u32, declared: &Accessor) -> Result<Accessor, String> {
    let attribute = mesh.attributes.iter().find(|attribute| attribute.id == number);
    let attribute = attribute.ok_or_else(|| format!("the stream has no attribute {number}"))?;
    if declared.shape.components() != attribute.components || declared.shape == Shape::Mat2 {
        let (found, shape) = (attribute.components, declared.shape.name());
        return Err(format!("the stream holds {found} components an element, which is no {shape}"));
    }
    let component = declared.component;
    #[expect(clippy::cast_precision_loss, reason = "glTF reads them as floats")]
    #[expect(clippy::cast_possible_truncation, reason = "rounded on purpose, and checked by `integers`")]
    let elements = match (&attribute.values, component) {
        (Values::Floats(values), Component::F32) => Accessor::from_floats(declared.shape, values),
        (Values::Integers(values), Component::F32) => {
            Accessor::from_floats(declared.shape, &values.iter().map(|&v| v as f32).collect::<Vec<f32>>())
        }
        (Values::Integers(values), _) => integers(component, declared.shape, values.iter().copied())?,
        (Values::Floats(values), _) => {
            let unit = component.unit().filter(|_| declared.normalized).unwrap_or(1.0);
            integers(component, declared.shape, values.iter().map(|v| (v * unit).round() as i64))?
        }
    };
    Ok(Accessor { normalized: declared.normalized, ..elements })
}

fn integers(
    component: Component,
    shape: Shape,
    values: impl Iterator<Item = i64>,
) -> Result<Accessor, String> {
    let range = match component {
        Component::I8 => i64::from(i8::MIN)..=i64::from(i8::MAX),
        Component::U8 => 0..=i64::from(u8::MAX),
        Component::I16 => i64::from(i16::MIN)..=i64::from(i16::MAX),
        Component::U16 => 0..=i64::from(u16::MAX),
        Component::U32 | Component::F32 => 0..=i64::from(u32::MAX),
    };
    let mut bytes = Vec::new();
    for value in values {
        if !range.contains(&value) {
            return Err(format!("{value} does not fit the accessor's type"));
        }
        bytes.extend_from_slice(&value.to_le_bytes()[..component.bytes()]);
    }
    Ok(Accessor::from_bytes(component, shape, bytes))
}
