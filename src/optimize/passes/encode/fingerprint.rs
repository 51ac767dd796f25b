//! Whether two lists of triangles draw the same, whatever the order in which they are stored.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::optimize::document::accessor::{Accessor, Component};

/// A number that depends on the triangles and the exact attributes of their corners, but neither on the order of
/// triangles and vertices nor on the corner with which a triangle begins.
pub(super) fn fingerprint(corners: &[u32], attributes: &[&Accessor], exact: &[bool]) -> u64 {
    let exact: Vec<&&Accessor> =
        attributes.iter().zip(exact).filter(|(_, exact)| **exact).map(|(a, _)| a).collect();
    let vertices = exact.first().map_or(0, |accessor| accessor.count);
    let of_vertex: Vec<u64> = (0..vertices)
        .map(|vertex| {
            let mut hasher = DefaultHasher::new();
            for accessor in &exact {
                let element = accessor.element_bytes();
                hash_element(
                    &accessor.bytes()[vertex * element..][..element],
                    accessor.component,
                    &mut hasher,
                );
            }
            hasher.finish()
        })
        .collect();
    corners.as_chunks::<3>().0.iter().fold(0, |sum, corners| {
        let [a, b, c] = corners.map(|corner| of_vertex[corner as usize]);
        let first = [[a, b, c], [b, c, a], [c, a, b]].into_iter().min().unwrap_or_default();
        let mut hasher = DefaultHasher::new();
        first.hash(&mut hasher);
        sum.wrapping_add(hasher.finish())
    })
}

/// Negative zero counts as zero: Draco has one of them.
fn hash_element(bytes: &[u8], component: Component, hasher: &mut DefaultHasher) {
    match component {
        Component::F32 => {
            let words = bytes.as_chunks::<4>().0.iter().map(|word| f32::from_le_bytes(*word) + 0.0);
            words.for_each(|value| value.to_bits().hash(hasher));
        }
        _ => bytes.hash(hasher),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimize::document::accessor::Shape;

    #[test]
    fn order_does_not_matter_but_winding_and_values_do() {
        let positions = Accessor::from_floats(Shape::Scalar, &[0.0, 1.0, 2.0, 3.0]);
        let of = |corners: &[u32]| fingerprint(corners, &[&positions], &[true]);
        assert_eq!(of(&[0, 1, 2, 1, 2, 3]), of(&[3, 1, 2, 2, 0, 1]));
        assert_ne!(of(&[0, 1, 2]), of(&[0, 2, 1]));
        assert_ne!(of(&[0, 1, 2]), of(&[0, 1, 3]));
        let turned = Accessor::from_floats(Shape::Scalar, &[-0.0, 1.0, 2.0]);
        assert_eq!(of(&[0, 1, 2]), fingerprint(&[0, 1, 2], &[&turned], &[true]));
    }
}
