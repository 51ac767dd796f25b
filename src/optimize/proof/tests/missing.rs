//! Textures are read by the coordinates that they name.

use super::*;

/// The balls, the left one with a picture by another set of coordinates than all the rest.
fn by_set(set: usize) -> Document {
    let mut document = balls();
    let mut uvs = document.accessors[2].vectors::<2>();
    uvs.iter_mut().for_each(|uv| uv[0] += 0.125);
    document.accessors.push(Accessor::from_floats(Shape::Vec2, &uvs.concat()));
    document.list_mut("meshes")[0]["primitives"][0]["attributes"][format!("TEXCOORD_{set}")] = 7.into();
    document.list_mut("materials")[0]["pbrMetallicRoughness"]["baseColorTexture"]["texCoord"] = set.into();
    document
}

/// Coordinates of the third set were read from the second, and what was wrong with them was not seen.
#[test]
fn regression_four_sets_of_coordinates_are_read() {
    for set in 1..4 {
        let original = by_set(set);
        assert_eq!(compare(&by_set(1), &original).mean, 0.0);
        let mut result = original.clone();
        result.accessors[7] = original.accessors[2].clone();
        let comparison = compare(&original, &result);
        assert!(comparison.mean > 0.05 && comparison.not_shown.is_empty(), "{set}: {comparison:?}");
    }
}
