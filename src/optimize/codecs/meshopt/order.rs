//! Reordering: triangles for the vertex cache and against overdraw, vertices for fetching, and welding equal vertices.
//!
//! Nothing here moves a vertex; the functions give new indices, or a *remap*: the new place of every old vertex, with
//! `u32::MAX` for those that nothing uses.

use meshopt::ffi;

use super::{CodecError, require, require_in_range, require_triangles};

/// Reorders triangles so that their vertices are still in the GPU's vertex cache (lower ACMR).
///
/// # Errors
/// [`CodecError::Input`] for an incomplete triangle or an index past the end.
pub fn optimize_vertex_cache(indices: &[u32], vertex_count: usize) -> Result<Vec<u32>, CodecError> {
    const NAME: &str = "vertex cache optimisation";
    require_triangles(indices.len(), NAME)?;
    require_in_range(indices, vertex_count, NAME)?;
    Ok(meshopt::optimize_vertex_cache(indices, vertex_count))
}

/// Reorders groups of triangles so that outer ones are drawn first and hide the inner ones.
///
/// `indices` must come from [`optimize_vertex_cache`]; `threshold` is how much of its gain may be lost (1.05: 5 %).
///
/// # Errors
/// [`CodecError::Input`] for an incomplete triangle, an index past the end, or positions that are not finite.
#[expect(unsafe_code, reason = "a call into meshoptimizer")]
pub fn optimize_overdraw(
    indices: &[u32],
    positions: &[[f32; 3]],
    threshold: f32,
) -> Result<Vec<u32>, CodecError> {
    const NAME: &str = "overdraw optimisation";
    require_triangles(indices.len(), NAME)?;
    require_in_range(indices, positions.len(), NAME)?;
    require(
        positions.as_flattened().iter().all(|value| value.is_finite()),
        NAME,
        "a position is not finite",
    )?;
    require(threshold.is_finite(), NAME, "the threshold is not a number")?;
    let mut ordered = vec![0; indices.len()];
    // SAFETY: `ordered` is as long as `indices`, all of which lie below `positions.len()`; 12 bytes a position.
    unsafe {
        let (target, source, positions_at) = (ordered.as_mut_ptr(), indices.as_ptr(), positions.as_ptr());
        ffi::meshopt_optimizeOverdraw(
            target,
            source,
            indices.len(),
            positions_at.cast(),
            positions.len(),
            size_of::<[f32; 3]>(),
            threshold,
        );
    }
    Ok(ordered)
}

/// The remap that puts vertices into the order in which `indices` first use them; `u32::MAX` where nothing does.
///
/// # Errors
/// [`CodecError::Input`] for an index past the end.
#[expect(unsafe_code, reason = "a call into meshoptimizer")]
pub fn optimize_vertex_fetch_remap(indices: &[u32], vertex_count: usize) -> Result<Vec<u32>, CodecError> {
    require_in_range(indices, vertex_count, "vertex fetch optimisation")?;
    let mut remap = vec![u32::MAX; vertex_count];
    // Not the wrapper of the `meshopt` crate: that cuts the table off after the number of used vertices.
    // SAFETY: the table has a place for each vertex, and all indices were checked against their number.
    unsafe {
        ffi::meshopt_optimizeVertexFetchRemap(
            remap.as_mut_ptr(),
            indices.as_ptr(),
            indices.len(),
            vertex_count,
        );
    }
    Ok(remap)
}

/// One attribute of all vertices, to be compared byte by byte.
#[derive(Debug, Clone, Copy)]
pub struct Stream<'a> {
    /// At least `stride` bytes a vertex, one after the other. Padding counts too: leave it out or make it zero.
    pub bytes: &'a [u8],
    /// Bytes a vertex, 1 to 256.
    pub stride: usize,
}

/// Finds vertices that are equal in all bytes of all `streams`: the remap that welds them, and how many remain.
///
/// With `indices`, vertices that none of them uses get `u32::MAX`; the others are numbered by first use. -0.0 and 0.0
/// differ here.
///
/// # Errors
/// [`CodecError::Input`] without streams, for one that is too short or too wide, or for an index past the end.
pub fn generate_vertex_remap(
    streams: &[Stream],
    indices: Option<&[u32]>,
    vertex_count: usize,
) -> Result<(Vec<u32>, usize), CodecError> {
    const NAME: &str = "welding";
    /// What meshoptimizer takes at once.
    const MAX_STREAMS: usize = 16;
    require(!streams.is_empty(), NAME, "there is no attribute")?;
    require(
        u32::try_from(vertex_count).is_ok_and(|count| count < u32::MAX),
        NAME,
        "there are too many vertices",
    )?;
    for stream in streams {
        require((1..=256).contains(&stream.stride), NAME, "an attribute is not 1 to 256 bytes wide")?;
        let enough = vertex_count.checked_mul(stream.stride).is_some_and(|bytes| bytes <= stream.bytes.len());
        require(enough, NAME, "an attribute has fewer values than there are vertices")?;
    }
    require_in_range(indices.unwrap_or_default(), vertex_count, NAME)?;

    let (first, rest) = streams.split_at(streams.len().min(MAX_STREAMS));
    let (mut remap, mut unique) = remap_once(first, indices, vertex_count);
    // Morph targets can make more: the number that a vertex has so far then stands for all streams before.
    for group in rest.chunks(MAX_STREAMS - 1) {
        let numbers: Vec<u8> = remap.iter().flat_map(|number| number.to_ne_bytes()).collect();
        let so_far = Stream { bytes: &numbers, stride: 4 };
        let group: Vec<Stream> = std::iter::once(so_far).chain(group.iter().copied()).collect();
        (remap, unique) = remap_once(&group, indices, vertex_count);
    }
    Ok((remap, unique))
}

#[expect(unsafe_code, reason = "a call into meshoptimizer")]
fn remap_once(streams: &[Stream], indices: Option<&[u32]>, vertex_count: usize) -> (Vec<u32>, usize) {
    let describe = |stream: &Stream| {
        let (data, size) = (stream.bytes.as_ptr().cast(), stream.stride);
        ffi::meshopt_Stream { data, size, stride: size }
    };
    let described: Vec<ffi::meshopt_Stream> = streams.iter().map(describe).collect();
    let (indices, index_count) =
        indices.map_or((std::ptr::null(), vertex_count), |indices| (indices.as_ptr(), indices.len()));
    let mut remap = vec![u32::MAX; vertex_count];
    // SAFETY: the caller checked that each stream is long enough and each index in range; the table has a place for
    // each vertex, and there are 1 to 16 streams.
    let unique = unsafe {
        let (target, streams) = (remap.as_mut_ptr(), described.as_ptr());
        ffi::meshopt_generateVertexRemapMulti(
            target,
            indices,
            index_count,
            vertex_count,
            streams,
            described.len(),
        )
    };
    (remap, unique)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Two triangles a square, `side` squares along each edge, deliberately in an order that helps no cache.
    pub(in super::super) fn grid(side: u32) -> (Vec<u32>, Vec<[f32; 3]>) {
        let width = side + 1;
        let positions =
            (0..width * width).map(|at| [(at % width) as f32, (at / width) as f32, 0.0]).collect();
        let squares = (0..side * side).map(|at| at * 7919 % (side * side));
        let corners = squares.map(|at| at / side * width + at % side);
        let indices = corners.flat_map(|v| [v, v + 1, v + width, v + 1, v + width + 1, v + width]);
        (indices.collect(), positions)
    }

    /// Triangles with their smallest index first, sorted: equal sets compare equal.
    pub(in super::super) fn triangle_set(indices: &[u32]) -> Vec<[u32; 3]> {
        let mut triangles = canonical(indices);
        triangles.sort_unstable();
        triangles
    }

    /// Triangles in order, each turned so that its smallest index comes first: the winding stays.
    pub(in super::super) fn canonical(indices: &[u32]) -> Vec<[u32; 3]> {
        let turned = |&triangle: &[u32; 3]| {
            let [a, b, c] = triangle;
            [[a, b, c], [b, c, a], [c, a, b]].into_iter().min().unwrap_or(triangle)
        };
        indices.as_chunks::<3>().0.iter().map(turned).collect()
    }

    #[test]
    fn reordering_keeps_every_triangle() {
        let (indices, positions) = grid(17);
        let cached = optimize_vertex_cache(&indices, positions.len()).expect("valid");
        assert_ne!(cached, indices);
        assert_eq!(triangle_set(&cached), triangle_set(&indices));
        let ordered = optimize_overdraw(&cached, &positions, 1.05).expect("valid");
        assert_eq!(triangle_set(&ordered), triangle_set(&indices));
    }

    #[test]
    fn vertex_cache_order_reuses_vertices() {
        let (indices, positions) = grid(32);
        let misses = |indices: &[u32]| meshopt::analyze_vertex_cache(indices, positions.len(), 16, 0, 0).acmr;
        let cached = optimize_vertex_cache(&indices, positions.len()).expect("valid");
        assert!(misses(&cached) < 0.8 && misses(&indices) > 1.5);
    }

    #[test]
    fn fetch_remap_numbers_vertices_by_first_use() {
        assert_eq!(
            optimize_vertex_fetch_remap(&[4, 1, 2, 2, 1, 0], 6),
            Ok(vec![3, 1, 2, u32::MAX, 0, u32::MAX])
        );
    }

    #[test]
    fn welding_joins_vertices_equal_in_all_streams() {
        let positions = [0_u8, 0, 1, 0, 0];
        let normals = [5_u8, 5, 5, 5, 6].map(|value| [value, value]);
        let streams =
            [Stream { bytes: &positions, stride: 1 }, Stream { bytes: normals.as_flattened(), stride: 2 }];
        assert_eq!(generate_vertex_remap(&streams, None, 5), Ok((vec![0, 0, 1, 0, 2], 3)));
        let used = generate_vertex_remap(&streams, Some(&[4, 3, 0]), 5);
        assert_eq!(used, Ok((vec![1, u32::MAX, u32::MAX, 1, 0], 2)));
    }

    #[test]
    fn welding_takes_more_streams_than_meshoptimizer_does() {
        // Vertices 0 and 1 are equal in all 40 streams, vertex 2 differs in the last one, vertex 3 in the first.
        let same = [1_u8, 1, 1, 1];
        let mut streams = vec![Stream { bytes: &same, stride: 1 }; 40];
        streams[39].bytes = &[1, 1, 2, 1];
        streams[0].bytes = &[1, 1, 1, 9];
        assert_eq!(generate_vertex_remap(&streams, None, 4), Ok((vec![0, 0, 1, 2], 3)));
    }

    #[test]
    fn nothing_to_do_is_no_error() {
        assert_eq!(optimize_vertex_cache(&[], 0), Ok(vec![]));
        assert_eq!(optimize_overdraw(&[], &[], 1.05), Ok(vec![]));
        assert_eq!(optimize_vertex_fetch_remap(&[], 2), Ok(vec![u32::MAX; 2]));
        assert_eq!(generate_vertex_remap(&[Stream { bytes: &[], stride: 4 }], None, 0), Ok((vec![], 0)));
    }

    #[test]
    fn impossible_input_is_an_error() {
        assert!(optimize_vertex_cache(&[0, 1], 2).is_err());
        assert!(optimize_vertex_cache(&[0, 1, 2], 2).is_err());
        assert!(optimize_overdraw(&[0, 0, 0], &[[f32::NAN, 0.0, 0.0]], 1.05).is_err());
        assert!(optimize_vertex_fetch_remap(&[3], 3).is_err());
        let stream = |bytes, stride| [Stream { bytes, stride }];
        assert!(generate_vertex_remap(&[], None, 1).is_err());
        assert!(generate_vertex_remap(&stream(&[0; 7], 4), None, 2).is_err());
        assert!(generate_vertex_remap(&stream(&[0; 999], 257), None, 2).is_err());
        assert!(generate_vertex_remap(&stream(&[], 256), None, usize::MAX).is_err());
        assert!(generate_vertex_remap(&stream(&[0; 8], 4), Some(&[2]), 2).is_err());
    }
}
