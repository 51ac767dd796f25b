//! Tangents as viewers make them for meshes that have none.

use meshopt::TangentOptions;

use super::{CodecError, require, require_in_range, require_triangles};

/// Where the vertices of a mesh are, and how a texture lies on them.
#[derive(Debug, Clone, Copy)]
pub struct Textured<'a> {
    /// One a vertex.
    pub positions: &'a [[f32; 3]],
    /// Of unit length, one a vertex.
    pub normals: &'a [[f32; 3]],
    /// One a vertex.
    pub texcoords: &'a [[f32; 2]],
}

/// The `MikkTSpace` tangent of every corner, x, y, z and the sign of the bitangent; zero where only triangles without
/// area meet.
///
/// # Errors
/// [`CodecError::Input`] for an incomplete triangle, an index past the end, lists of different lengths, or numbers that
/// are not finite.
pub fn generate_tangents(indices: &[u32], mesh: &Textured) -> Result<Vec<[f32; 4]>, CodecError> {
    const NAME: &str = "making tangents";
    let count = mesh.positions.len();
    require_triangles(indices.len(), NAME)?;
    require_in_range(indices, count, NAME)?;
    let are_whole = mesh.normals.len() == count && mesh.texcoords.len() == count;
    require(are_whole, NAME, "positions, normals and texture coordinates are not as many")?;
    let mut numbers = mesh
        .positions
        .as_flattened()
        .iter()
        .chain(mesh.normals.as_flattened())
        .chain(mesh.texcoords.as_flattened());
    require(numbers.all(|number| number.is_finite()), NAME, "a number is not finite")?;
    let options = TangentOptions::Compatible | TangentOptions::ZeroFallback;
    Ok(meshopt::generate_tangents(Some(indices), mesh.positions, mesh.normals, mesh.texcoords, options))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CORNERS: [[f32; 3]; 4] = [[0.0; 3], [1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [0.0, 1.0, 0.0]];

    #[test]
    fn tangents_point_along_u_and_know_a_mirrored_texture() {
        let normals = [[0.0, 0.0, 1.0]; 4];
        let turned = CORNERS.map(|[x, y, _]| [y, -x]);
        let mesh = Textured { positions: &CORNERS, normals: &normals, texcoords: &turned };
        let tangents = generate_tangents(&[0, 1, 2, 0, 2, 3], &mesh).unwrap();
        assert!(tangents.iter().all(|t| (t[1] - 1.0).abs() < 1e-6 && t[3] == 1.0), "{tangents:?}");
        let mirrored = CORNERS.map(|[x, y, _]| [-x, y]);
        let tangents = generate_tangents(&[0, 1, 2], &Textured { texcoords: &mirrored, ..mesh }).unwrap();
        assert!(tangents.iter().all(|t| t[0] < -0.999 && t[3] == -1.0), "{tangents:?}");
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        let mesh =
            Textured { positions: &CORNERS, normals: &[[0.0, 0.0, 1.0]; 4], texcoords: &[[0.0; 2]; 4] };
        assert!(generate_tangents(&[0, 1], &mesh).is_err());
        assert!(generate_tangents(&[0, 1, 4], &mesh).is_err());
        assert!(generate_tangents(&[0, 1, 2], &Textured { normals: &[], ..mesh }).is_err());
        let broken = [[f32::NAN, 0.0]; 4];
        assert!(generate_tangents(&[0, 1, 2], &Textured { texcoords: &broken, ..mesh }).is_err());
        // A texture without extent gives no direction.
        assert!(generate_tangents(&[0, 1, 2], &mesh).unwrap().iter().flatten().all(|v| v.is_finite()));
    }
}
