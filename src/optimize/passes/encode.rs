//! encode: the vertex and index codec of EXT_meshopt_compression, after its filters.
//!
//! Normals and tangents go through the octahedral filter (which needs KHR_mesh_quantization), rotations
//! through the quaternion filter; the elements are replaced by what a viewer will decode, so that whoever
//! looks at the document sees the loss. The codec itself runs when the file is written, view by view, and
//! only where a view becomes smaller.
//! Declines for `universal`, which must open everywhere.

use std::sync::Arc;

use super::{Context, Outcome, Pass, counted};
use crate::optimize::Error;
use crate::optimize::codecs::CodecError;
use crate::optimize::codecs::meshopt;
use crate::optimize::document::Document;
use crate::optimize::document::accessor::{Accessor, Component, Filter, Packing, Shape};
use crate::optimize::document::usage::{self, Usage};
use crate::optimize::settings::Target;

/// See the module.
pub(super) struct Encode;

/// Bytes of an element after either filter: four shorts.
const FILTERED_STRIDE: usize = 8;

impl Pass for Encode {
    fn name(&self) -> &'static str {
        "encode"
    }

    fn run(&self, document: &mut Document, context: &mut Context) -> Result<Outcome, Error> {
        if context.settings.target == Target::Universal {
            return Ok(Outcome::Unchanged("the target opens everywhere, so nothing may need a decoder".into()));
        }
        let has_elements = |accessor: &Accessor| accessor.data.is_some();
        if !document.accessors.iter().any(has_elements) {
            return Ok(Outcome::Unchanged("the file holds no numbers to encode".into()));
        }
        let mut vectors = 0;
        let mut rotations = 0;
        for (index, uses) in usage::of(document).iter().enumerate() {
            let accessor = &document.accessors[index];
            let filtered = match uses.as_slice() {
                [Usage::Vertex(name)] if name == "NORMAL" || name == "TANGENT" => {
                    unit_vectors(accessor, context.budget.normal_bits)
                }
                [Usage::KeyValues(path, how)] if path == "rotation" && how != "CUBICSPLINE" => {
                    quaternions(accessor, context.budget.rotation_bits)
                }
                _ => Ok(None),
            };
            let Some(new) = filtered.map_err(|error| Error::Internal(error.to_string()))? else { continue };
            *(if new.shape == Shape::Vec4 && !uses_vertices(uses) { &mut rotations } else { &mut vectors }) += 1;
            document.accessors[index].replace(new);
        }
        document.compress = true;
        let mut notes = vec!["buffer views compressed where that makes them smaller".to_owned()];
        if vectors > 0 {
            document.declare_extension("KHR_mesh_quantization", true);
            notes.push(format!("{} of normals or tangents filtered", counted(vectors, "accessor", "accessors")));
        }
        if rotations > 0 {
            notes.push(format!("{} filtered", counted(rotations, "rotation track", "rotation tracks")));
        }
        Ok(Outcome::Changed(notes))
    }
}

fn uses_vertices(uses: &[Usage]) -> bool {
    matches!(uses, [Usage::Vertex(_)])
}

/// Normals (or tangents with their sign) through the octahedral filter; `None` where they stay floats.
fn unit_vectors(accessor: &Accessor, bits: i32) -> Result<Option<Accessor>, CodecError> {
    let values = accessor.floats();
    if accessor.component != Component::F32 || values.is_empty() || values.iter().any(|v| !v.is_finite()) {
        return Ok(None);
    }
    let n = accessor.shape.components();
    let vectors: Vec<[f32; 4]> =
        values.chunks_exact(n).map(|v| [v[0], v[1], v[2], v.get(3).copied().unwrap_or(0.0)]).collect();
    let encoded = meshopt::filter_octahedral(&vectors, FILTERED_STRIDE, bits.unsigned_abs())?;
    filtered(accessor.shape, Filter::Octahedral, encoded)
}

/// Rotations through the quaternion filter; `None` where they stay as they are.
fn quaternions(accessor: &Accessor, bits: i32) -> Result<Option<Accessor>, CodecError> {
    let values = accessor.vectors::<4>();
    let is_unit = |q: &[f32; 4]| (q.iter().map(|v| v * v).sum::<f32>() - 1.0).abs() < 0.01;
    if accessor.component != Component::F32 || values.is_empty() || !values.iter().all(is_unit) {
        return Ok(None);
    }
    let encoded = meshopt::filter_quaternion(&values, bits.unsigned_abs())?;
    filtered(Shape::Vec4, Filter::Quaternion, encoded)
}

/// An accessor of normalized shorts that holds what the filter's decoder gives.
fn filtered(shape: Shape, filter: Filter, encoded: Vec<u8>) -> Result<Option<Accessor>, CodecError> {
    let how = match filter {
        Filter::Octahedral => meshopt::Filter::Octahedral,
        Filter::Quaternion => meshopt::Filter::Quaternion,
    };
    let decoded = meshopt::unfilter(&encoded, how, FILTERED_STRIDE)?;
    let element = shape.element_bytes(Component::I16);
    let data = decoded.chunks_exact(FILTERED_STRIDE).flat_map(|chunk| &chunk[..element]).copied().collect();
    let packing = Packing::Filtered { filter, encoded: Arc::new(encoded) };
    Ok(Some(Accessor { normalized: true, packing, ..Accessor::from_bytes(Component::I16, shape, data) }))
}
