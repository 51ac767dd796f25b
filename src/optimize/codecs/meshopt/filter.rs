//! The filters of EXT_meshopt_compression, writing side: values rounded into the form that the vertex codec packs
//! best. Each gives the bytes for [`encode_vertices`](super::encode_vertices); the loader undoes it.

use super::{CodecError, require};

/// Rounds unit vectors to `bits` (2 to 16) in octahedral form. The loader gets 4 normalized integers a vector.
///
/// `stride` is 4 (`i8`, at most 8 bits) or 8 (`i16`). The fourth component (a tangent's sign) is kept as a normalized
/// integer of full width.
///
/// # Errors
/// [`CodecError::Input`] for other strides and bits, or values that are not finite.
pub fn filter_octahedral(vectors: &[[f32; 4]], stride: usize, bits: u32) -> Result<Vec<u8>, CodecError> {
    const NAME: &str = "the octahedral filter";
    require(stride == 4 || stride == 8, NAME, "the stride is neither 4 nor 8")?;
    require((2..=16).contains(&bits), NAME, "the number of bits is not 2 to 16")?;
    require(stride == 8 || bits <= 8, NAME, "a stride of 4 has room for 8 bits only")?;
    require_finite(vectors.as_flattened(), NAME)?;
    let bits = bits as i32;
    Ok(match stride {
        4 => {
            meshopt::encode_filter_oct::<i8>(vectors, bits).as_flattened().iter().map(|&v| v as u8).collect()
        }
        _ => little_endian(meshopt::encode_filter_oct::<i16>(vectors, bits).as_flattened()),
    })
}

/// Rounds unit quaternions to `bits` (4 to 16) a component. The stride is 8; the loader gets 4 normalized `i16`.
///
/// # Errors
/// [`CodecError::Input`] for other numbers of bits, or values that are not finite.
pub fn filter_quaternion(quaternions: &[[f32; 4]], bits: u32) -> Result<Vec<u8>, CodecError> {
    const NAME: &str = "the quaternion filter";
    require((4..=16).contains(&bits), NAME, "the number of bits is not 4 to 16")?;
    require_finite(quaternions.as_flattened(), NAME)?;
    Ok(little_endian(meshopt::encode_filter_quat(quaternions, bits as i32).as_flattened()))
}

fn little_endian(values: &[i16]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// The conversion of NaN to an integer is undefined in C++.
fn require_finite(values: &[f32], operation: &'static str) -> Result<(), CodecError> {
    require(values.iter().all(|value| value.is_finite()), operation, "a value is not finite")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_count_times_stride() {
        let vectors = [[0.0, 0.0, 1.0, 1.0]; 5];
        assert_eq!(filter_octahedral(&vectors, 4, 8).expect("valid").len(), 20);
        assert_eq!(filter_octahedral(&vectors, 8, 12).expect("valid").len(), 40);
        assert_eq!(filter_quaternion(&vectors, 12).expect("valid").len(), 40);
    }

    #[test]
    fn impossible_input_is_an_error() {
        let vector = [[0.0, 0.0, 1.0, 0.0]];
        assert!(filter_octahedral(&vector, 6, 8).is_err());
        assert!(filter_octahedral(&vector, 4, 9).is_err());
        assert!(filter_octahedral(&vector, 8, 17).is_err());
        assert!(filter_octahedral(&vector, 8, 1).is_err());
        assert!(filter_octahedral(&[[f32::NAN; 4]], 8, 8).is_err());
        assert!(filter_quaternion(&vector, 3).is_err());
        assert!(filter_quaternion(&[[f32::INFINITY; 4]], 8).is_err());
    }
}
