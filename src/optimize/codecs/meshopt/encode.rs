//! The codec of EXT_meshopt_compression and KHR_meshopt_compression, writing side. What it writes,
//! [`decode`](super::decode()) reads.
//!
//! The versions are the extensions': vertices 0 or 1, indices 1. Put the indices through
//! `order` first: the codec lives from neighbours that are alike.

use meshopt::ffi;

use super::{CodecError, Version, require, require_triangles};

/// Encodes `count` elements of `stride` bytes: mode ATTRIBUTES, in the newest version of the vertex codec that the
/// extension allows.
///
/// # Errors
/// [`CodecError::Input`] unless the stride is a multiple of 4 from 4 to 256 and `bytes` holds count x stride.
#[expect(unsafe_code, reason = "a call into meshoptimizer")]
pub fn encode_vertices(
    bytes: &[u8],
    stride: usize,
    count: usize,
    version: Version,
) -> Result<Vec<u8>, CodecError> {
    const NAME: &str = "vertex encoding";
    // The slowest and smallest; has no effect on version 0.
    const LEVEL: i32 = 3;
    let codec_version = match version {
        Version::Ext => 0,
        Version::Khr => 1,
    };
    let fits = (4..=256).contains(&stride) && stride.is_multiple_of(4);
    require(fits, NAME, "the stride is not a multiple of 4 from 4 to 256")?;
    require(count.checked_mul(stride) == Some(bytes.len()), NAME, "the bytes are not count x stride")?;
    // SAFETY: the stride is one that meshoptimizer takes, and both buffers are passed with their true lengths.
    unsafe {
        let mut encoded = vec![0; ffi::meshopt_encodeVertexBufferBound(count, stride)];
        let (target, source) = (encoded.as_mut_ptr(), bytes.as_ptr().cast());
        let size = ffi::meshopt_encodeVertexBufferLevel(
            target,
            encoded.len(),
            source,
            count,
            stride,
            LEVEL,
            codec_version,
        );
        finished(encoded, size, NAME)
    }
}

/// Encodes a triangle list: mode TRIANGLES, index codec version 1. The corners of a triangle may come back turned,
/// in the same winding.
///
/// # Errors
/// [`CodecError::Input`] for an incomplete triangle.
pub fn encode_triangles(indices: &[u32]) -> Result<Vec<u8>, CodecError> {
    const NAME: &str = "index encoding";
    require_triangles(indices.len(), NAME)?;
    let encoded = meshopt::encode_index_buffer(indices, vertex_count(indices));
    encoded.map_err(|error| CodecError::input(NAME, error)).and_then(|encoded| not_empty(encoded, NAME))
}

/// Encodes any list of indices (strips, lines, points), exactly: mode INDICES, version 1.
///
/// # Errors
/// [`CodecError::Input`] for an index of 2^30 or more.
pub fn encode_index_sequence(indices: &[u32]) -> Result<Vec<u8>, CodecError> {
    const NAME: &str = "index sequence encoding";
    // The format spends two bits of each difference on its sign and the choice of a baseline, and drops what is above.
    let fits = indices.iter().all(|&index| index < 1 << 30);
    require(fits, NAME, "an index is too large for this mode")?;
    let encoded = meshopt::encode_index_sequence(indices, vertex_count(indices));
    encoded.map_err(|error| CodecError::input(NAME, error)).and_then(|encoded| not_empty(encoded, NAME))
}

/// One more than the highest index, for the bound on the output.
fn vertex_count(indices: &[u32]) -> usize {
    indices.iter().max().map_or(0, |&index| index as usize + 1)
}

fn finished(mut encoded: Vec<u8>, size: usize, operation: &'static str) -> Result<Vec<u8>, CodecError> {
    encoded.truncate(size);
    // The bound leaves room for the worst case; most of it is not used.
    encoded.shrink_to_fit();
    not_empty(encoded, operation)
}

/// meshoptimizer says "the buffer was too small" by a size of 0; a header is always written.
fn not_empty(encoded: Vec<u8>, operation: &'static str) -> Result<Vec<u8>, CodecError> {
    require(!encoded.is_empty(), operation, "meshoptimizer gave no output")?;
    Ok(encoded)
}

#[cfg(test)]
mod tests {
    use super::super::order::tests::grid;
    use super::super::{optimize_vertex_cache, optimize_vertex_fetch_remap};
    use super::*;

    #[test]
    fn versions_are_those_of_the_extension() {
        assert_eq!(encode_vertices(&[0; 16], 16, 1, Version::Ext).expect("valid")[0], 0xA0);
        assert_eq!(encode_vertices(&[0; 16], 16, 1, Version::Khr).expect("valid")[0], 0xA1);
        assert_eq!(encode_triangles(&[0, 1, 2]).expect("valid")[0], 0xE1);
        assert_eq!(encode_index_sequence(&[0, 1]).expect("valid")[0], 0xD1);
    }

    #[test]
    fn ordered_triangles_take_about_a_byte_each() {
        let (indices, positions) = grid(40);
        let cached = optimize_vertex_cache(&indices, positions.len()).expect("valid");
        let remap = optimize_vertex_fetch_remap(&cached, positions.len()).expect("valid");
        let ordered: Vec<u32> = cached.iter().map(|&index| remap[index as usize]).collect();
        let encoded = encode_triangles(&ordered).expect("valid");
        assert!(encoded.len() < 40 * 40 * 2 * 3 / 2, "{} bytes", encoded.len());
        assert!(encoded.len() < encode_triangles(&indices).expect("valid").len());
    }

    #[test]
    fn impossible_input_is_an_error() {
        for stride in [0, 1, 2, 6, 260, usize::MAX] {
            assert!(encode_vertices(&[0; 520], stride, 2, Version::Ext).is_err(), "stride {stride}");
        }
        assert!(encode_vertices(&[0; 8], 4, 3, Version::Ext).is_err());
        assert!(encode_triangles(&[0, 1]).is_err());
        assert!(encode_index_sequence(&[1 << 30]).is_err());
    }
}
