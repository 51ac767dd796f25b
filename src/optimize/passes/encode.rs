//! encode: geometry in the form that is smallest to send, meshopt or Draco.
//!
//! Two documents are made, and written to see how large they are. In one everything is for EXT_meshopt_compression:
//! normals and tangents through the octahedral filter (which needs KHR_mesh_quantization), rotations through the
//! quaternion filter, and the codec view by view when the file is written, only where a view becomes smaller. In the
//! other one, triangle meshes are Draco streams ([`streams`]), and the rest is as in the first: animations, skins and
//! morph targets have no place in Draco. A second decoder is a second download for whoever opens the file, so Draco
//! has to make the whole file smaller by a few percent, unless the setting `geometry` decides. So has version 1 of
//! meshopt's codec (KHR_meshopt_compression), which not all loaders know yet.
//!
//! Elements are replaced by what a viewer will decode, so that whoever looks at the document sees the loss.
//! Declines for `universal`, which must open everywhere.

mod columns;
mod fingerprint;
mod streams;

use std::sync::Arc;

use super::{Context, Outcome, Pass, counted};
use crate::optimize::Error;
use crate::optimize::budget::Budget;
use crate::optimize::codecs::CodecError;
use crate::optimize::codecs::meshopt;
use crate::optimize::document::accessor::{Accessor, Component, Filter, Packing, Shape};
use crate::optimize::document::usage::{self, Usage};
use crate::optimize::document::{Document, unknown, write};
use crate::optimize::settings::{Geometry, Target};
use streams::Streamed;

/// See the module.
pub(super) struct Encode;

/// Bytes of an element after either filter: four shorts.
const FILTERED_STRIDE: usize = 8;

/// Draco is taken when it makes the file at most this large, as a part of what meshopt makes of it.
const WORTH_A_DECODER: f64 = 0.97;

/// The same for KHR_meshopt_compression beside EXT_meshopt_compression: only loaders from late 2025 on know it.
const WORTH_A_NEW_LOADER: f64 = 0.95;

impl Pass for Encode {
    fn name(&self) -> &'static str {
        "encode"
    }

    fn weight(&self) -> f32 {
        2.0
    }

    fn run(&self, document: &mut Document, context: &mut Context) -> Result<Outcome, Error> {
        if context.settings.target == Target::Universal {
            return Ok(Outcome::Unchanged(
                "the target opens everywhere, so nothing may need a decoder".into(),
            ));
        }
        let has_elements = |accessor: &Accessor| accessor.data.is_some();
        if !document.accessors.iter().any(has_elements) {
            return Ok(Outcome::Unchanged("the file holds no numbers to encode".into()));
        }
        let streamed = with_draco(document, context)?;
        let mut notes = compress(document, &context.budget)?;
        let mut bytes = size(document)?;
        if let Some((streamed, its_notes)) = streamed {
            let its_bytes = size(&streamed.document)?;
            if context.settings.geometry == Geometry::Draco || its_bytes <= WORTH_A_DECODER * bytes {
                notes = its_notes;
                notes.insert(
                    0,
                    format!("{} as Draco", counted(streamed.primitives, "primitive", "primitives")),
                );
                *document = streamed.document;
                bytes = its_bytes;
            }
        }
        document.compression = Some(meshopt::Version::Khr);
        if !is_avatar(document) && size(document)? <= WORTH_A_NEW_LOADER * bytes {
            notes.push("in the newer version of the codec, KHR_meshopt_compression".into());
        } else {
            document.compression = Some(meshopt::Version::Ext);
        }
        Ok(Outcome::Changed(notes))
    }
}

/// Whether this is a VRM avatar: the programs that open those rarely bring a second or a new decoder.
fn is_avatar(document: &Document) -> bool {
    ["VRM", "VRMC_vrm"].iter().any(|name| document.uses_extension(name))
}

/// The size of the document as a file, in bytes.
fn size(document: &Document) -> Result<f64, Error> {
    #[expect(clippy::cast_precision_loss, reason = "file sizes are far below 2^52")]
    write::write(document).map(|file| file.len() as f64)
}

/// The document with Draco streams, and what else was done to it; `None` where there cannot or may not be any.
fn with_draco(document: &Document, context: &Context) -> Result<Option<(Streamed, Vec<String>)>, Error> {
    let may = match context.settings.geometry {
        Geometry::Auto => !is_avatar(document),
        Geometry::Meshopt => false,
        Geometry::Draco => true,
    };
    if !may || !unknown::extensions(document).is_empty() {
        return Ok(None);
    }
    let all = context.settings.geometry == Geometry::Draco;
    let Some(mut streamed) = streams::streamed(document, &context.budget, all) else { return Ok(None) };
    let notes = compress(&mut streamed.document, &context.budget)?;
    Ok(Some((streamed, notes)))
}

/// Filters what meshopt's filters are for and has the views compressed; notes for people.
fn compress(document: &mut Document, budget: &Budget) -> Result<Vec<String>, Error> {
    let mut vectors = 0;
    let mut rotations = 0;
    for (index, uses) in usage::of(document).iter().enumerate() {
        let accessor = &document.accessors[index];
        let (filtered, changed) = match uses.as_slice() {
            [Usage::Vertex(name)] if name == "NORMAL" || name == "TANGENT" => {
                (unit_vectors(accessor, budget.normal_bits), &mut vectors)
            }
            [Usage::KeyValues(path, how)] if path == "rotation" && how != "CUBICSPLINE" => {
                (quaternions(accessor, budget.rotation_bits), &mut rotations)
            }
            _ => continue,
        };
        if let Some(new) = filtered.map_err(|error| Error::Internal(error.to_string()))? {
            document.accessors[index].replace(new);
            *changed += 1;
        }
    }
    document.compression = Some(meshopt::Version::Ext);
    let mut notes = vec!["buffer views compressed where that makes them smaller".to_owned()];
    if vectors > 0 {
        document.declare_extension(super::QUANTIZATION, true);
        notes.push(format!("{} of normals or tangents filtered", counted(vectors, "accessor", "accessors")));
    }
    if rotations > 0 {
        notes.push(format!("{} filtered", counted(rotations, "rotation track", "rotation tracks")));
    }
    Ok(notes)
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

/// Keys whose rotations agree less than this, as a cosine of half the angle between them, are half a turn apart.
const HALF_TURN: f32 = 0.01;

/// Rotations through the quaternion filter; `None` where they stay as they are.
fn quaternions(accessor: &Accessor, bits: i32) -> Result<Option<Accessor>, CodecError> {
    let values = accessor.vectors::<4>();
    let is_unit = |q: &[f32; 4]| (q.iter().map(|v| v * v).sum::<f32>() - 1.0).abs() < 0.01;
    if accessor.component != Component::F32 || values.is_empty() || !values.iter().all(is_unit) {
        return Ok(None);
    }
    // From one key to another half a turn away, both ways are as short: rounding would choose another one.
    let dot = |a: &[f32; 4], b: &[f32; 4]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    if values.iter().zip(values.iter().skip(1)).any(|(a, b)| dot(a, b).abs() < HALF_TURN) {
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
