//! Meshes, by meshoptimizer: simplification, reordering, the filters and the codec of EXT_meshopt_compression.
//!
//! meshoptimizer is C++ that ends the process where a precondition fails (an index past the end, an odd stride), so
//! each function here checks its preconditions first and says which one failed. In its terms: *reorder* changes the
//! order of triangles and vertices, *filter* prepares values for the codec, *encode* makes bytes smaller.
//!
//! - `order`: vertex cache, overdraw, vertex fetch, welding.
//! - `simplify`: fewer triangles within an error.
//! - `tangents`: what viewers make of texture coordinates.
//! - `filter`: octahedral, quaternion, exponential; values to the bytes that [`encode_vertices`] takes.
//! - `encode` and `decode`: the codec.

mod decode;
mod encode;
mod filter;
mod order;
mod simplify;
mod tangents;

pub use decode::{Filter, Layout, Mode, Version, decode, unfilter};
pub use encode::{encode_index_sequence, encode_triangles, encode_vertices};
pub use filter::{filter_octahedral, filter_quaternion};
pub use order::{
    Stream, generate_vertex_remap, optimize_overdraw, optimize_vertex_cache, optimize_vertex_fetch_remap,
};
pub use simplify::{Freedom, Goal, MAX_SIMPLIFY_ATTRIBUTES, Surface, simplify};
pub use tangents::{Textured, generate_tangents};

use super::CodecError;

/// `Err` with the reason unless `condition` holds.
fn require(condition: bool, operation: &'static str, reason: &str) -> Result<(), CodecError> {
    if condition { Ok(()) } else { Err(CodecError::input(operation, reason)) }
}

fn require_triangles(index_count: usize, operation: &'static str) -> Result<(), CodecError> {
    require(index_count.is_multiple_of(3), operation, "the number of indices is not a multiple of 3")
}

fn require_in_range(indices: &[u32], vertex_count: usize, operation: &'static str) -> Result<(), CodecError> {
    match indices.iter().find(|&&index| index as usize >= vertex_count) {
        None => Ok(()),
        Some(index) => Err(CodecError::input(
            operation,
            format!("index {index} is past the end of {vertex_count} vertices"),
        )),
    }
}
