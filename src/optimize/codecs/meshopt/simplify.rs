//! Simplification: fewer triangles that show nearly the same surface.
//!
//! Edges collapse in the order of the error that this makes (quadrics, as in Garland and Heckbert, "Surface
//! Simplification Using Quadric Error Metrics", 1997, and Hoppe, "New Quadric Metric for Simplifying Meshes with
//! Appearance Attributes", 1999), until the error is spent. Then positions and attributes of what remains
//! move to where they fit the original best. The kind that gives up topology is not offered.

use meshopt::ffi;
use meshopt::{SimplifyOptions, SimplifyVertex};

use super::{CodecError, require, require_in_range, require_triangles};

/// Attributes that meshoptimizer can weigh at once.
pub const MAX_SIMPLIFY_ATTRIBUTES: usize = 32;

/// What may happen to a vertex.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freedom {
    /// It may go or move, and its seam (another vertex in the same place) may be closed.
    Free,
    /// It may go or move along its seam, which stays open: texture coordinates differ across it.
    KeepSeam,
    /// It stays where and what it is.
    Locked,
}

/// The vertices of a mesh; what is kept of them is moved in place.
#[derive(Debug)]
pub struct Surface<'a> {
    /// Where they are.
    pub positions: &'a mut [[f32; 3]],
    /// `weights.len()` numbers a vertex.
    pub attributes: &'a mut [f32],
    /// What a difference of 1 in each attribute counts, over a length of 1: meshoptimizer takes the mesh's longest
    /// side as the unit of length. At most [`MAX_SIMPLIFY_ATTRIBUTES`].
    pub weights: &'a [f32],
    /// One for each vertex.
    pub freedoms: &'a [Freedom],
}

/// Where to stop.
#[derive(Debug, Clone, Copy)]
pub struct Goal {
    /// Number of indices that is few enough; 0 to go on as long as the error allows.
    pub index_count: usize,
    /// Largest error, in units of the positions. It is an estimate (the mean over the planes that met in a
    /// vertex), not a strict distance.
    pub error: f32,
    /// Whether parts smaller than the error may go altogether.
    pub drop_specks: bool,
}

/// The indices of fewer triangles over the same vertices, and the error that was made.
///
/// # Errors
/// [`CodecError::Input`] for an incomplete triangle, an index past the end, lists of different lengths, too many
/// attributes, or a number that is not finite.
#[expect(unsafe_code, reason = "a call into meshoptimizer; the wrapper has no function that moves vertices")]
pub fn simplify(indices: &[u32], surface: &mut Surface, goal: &Goal) -> Result<(Vec<u32>, f32), CodecError> {
    check(indices, surface, goal)?;
    let locks: Vec<u8> = surface.freedoms.iter().map(|freedom| flag(*freedom).bits()).collect();
    let mut options = SimplifyOptions::ErrorAbsolute | SimplifyOptions::Permissive;
    options.set(SimplifyOptions::Prune, goal.drop_specks);
    let mut result = indices.to_vec();
    let mut error = 0.0;
    // SAFETY: indices are triangles within the vertices; positions, attributes and locks have a place for each
    // vertex, at strides of 12 bytes, the size of all weights and 1 byte; all weights and the error are at least 0.
    let count = unsafe {
        ffi::meshopt_simplifyWithUpdate(
            result.as_mut_ptr(),
            result.len(),
            surface.positions.as_mut_ptr().cast(),
            surface.positions.len(),
            size_of::<[f32; 3]>(),
            surface.attributes.as_mut_ptr(),
            size_of_val(surface.weights),
            surface.weights.as_ptr(),
            surface.weights.len(),
            locks.as_ptr(),
            goal.index_count.min(indices.len()),
            goal.error,
            options.bits(),
            &raw mut error,
        )
    };
    result.truncate(count);
    Ok((result, error))
}

fn flag(freedom: Freedom) -> SimplifyVertex {
    match freedom {
        Freedom::Free => SimplifyVertex::None,
        Freedom::KeepSeam => SimplifyVertex::Protect,
        Freedom::Locked => SimplifyVertex::Lock,
    }
}

fn check(indices: &[u32], surface: &Surface, goal: &Goal) -> Result<(), CodecError> {
    const NAME: &str = "simplification";
    let Surface { positions, attributes, weights, freedoms } = surface;
    require_triangles(indices.len(), NAME)?;
    require_in_range(indices, positions.len(), NAME)?;
    require(weights.len() <= MAX_SIMPLIFY_ATTRIBUTES, NAME, "there are too many attributes")?;
    require(attributes.len() == weights.len() * positions.len(), NAME, "attributes and vertices differ")?;
    require(freedoms.len() == positions.len(), NAME, "locks and vertices differ")?;
    let finite = |values: &[f32]| values.iter().all(|value| value.is_finite());
    require(finite(positions.as_flattened()), NAME, "a position is not finite")?;
    require(finite(attributes), NAME, "an attribute is not finite")?;
    let valid = |value: f32| value.is_finite() && value >= 0.0;
    require(weights.iter().all(|&weight| valid(weight)), NAME, "a weight is not a number of at least 0")?;
    require(valid(goal.error), NAME, "the error is not a number of at least 0")
}

#[cfg(test)]
mod tests {
    use super::super::order::tests::grid;
    use super::*;

    const GOAL: Goal = Goal { index_count: 0, error: 0.01, drop_specks: false };

    fn run(indices: &[u32], positions: &mut [[f32; 3]], freedom: Freedom) -> Vec<u32> {
        let freedoms = vec![freedom; positions.len()];
        let mut surface = Surface { positions, attributes: &mut [], weights: &[], freedoms: &freedoms };
        simplify(indices, &mut surface, &GOAL).expect("valid").0
    }

    #[test]
    fn a_plane_needs_few_triangles_and_keeps_its_corners() {
        let (indices, mut positions) = grid(16);
        let before = positions.clone();
        let few = run(&indices, &mut positions, Freedom::Free);
        assert!(few.len() / 3 < 20, "{} triangles", few.len() / 3);
        for corner in [[0.0, 0.0], [16.0, 0.0], [0.0, 16.0], [16.0, 16.0]] {
            let near = |v: &u32| {
                let [x, y, _] = positions[*v as usize];
                (x - corner[0]).abs() + (y - corner[1]).abs() < 0.05
            };
            assert!(few.iter().any(near), "{corner:?}");
        }
        assert_eq!(before.len(), positions.len());
    }

    #[test]
    fn locked_vertices_stay_where_they_are() {
        let (indices, mut positions) = grid(8);
        let before = positions.clone();
        assert_eq!(run(&indices, &mut positions, Freedom::Locked).len(), indices.len());
        assert_eq!(before, positions);
    }

    #[test]
    fn attributes_count() {
        let (indices, positions) = grid(16);
        let triangles = |weight: f32| {
            let mut attributes: Vec<f32> = positions.iter().map(|p| (p[0] * 1.3).sin()).collect();
            let freedoms = vec![Freedom::Free; positions.len()];
            let mut moved = positions.clone();
            let mut surface = Surface {
                positions: &mut moved,
                attributes: &mut attributes,
                weights: &[weight],
                freedoms: &freedoms,
            };
            simplify(&indices, &mut surface, &GOAL).expect("valid").0.len() / 3
        };
        let (ignored, weighed) = (triangles(0.0), triangles(1.0));
        assert!(ignored < 20 && weighed > 25, "{ignored} {weighed}");
    }

    #[test]
    fn impossible_input_is_an_error() {
        let mut positions = [[0.0; 3]; 3];
        let freedoms = [Freedom::Free; 3];
        let mut attempt = |indices: &[u32], attributes: &mut [f32], weights: &[f32], error: f32| {
            let mut surface = Surface { positions: &mut positions, attributes, weights, freedoms: &freedoms };
            simplify(indices, &mut surface, &Goal { error, ..GOAL })
        };
        assert!(attempt(&[0, 1, 2], &mut [], &[], 0.1).is_ok());
        assert!(attempt(&[0, 1], &mut [], &[], 0.1).is_err());
        assert!(attempt(&[0, 1, 3], &mut [], &[], 0.1).is_err());
        assert!(attempt(&[0, 1, 2], &mut [0.0], &[1.0], 0.1).is_err());
        assert!(attempt(&[0, 1, 2], &mut [f32::NAN; 3], &[1.0], 0.1).is_err());
        assert!(attempt(&[0, 1, 2], &mut [0.0; 3], &[-1.0], 0.1).is_err());
        assert!(attempt(&[0, 1, 2], &mut [0.0; 99], &[1.0; 33], 0.1).is_err());
        assert!(attempt(&[0, 1, 2], &mut [], &[], f32::NAN).is_err());
    }
}
