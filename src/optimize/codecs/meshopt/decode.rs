//! The codec of EXT_meshopt_compression and KHR_meshopt_compression, reading side. Its input is hostile.
//!
//! A damaged stream may still decode to some bytes: what they mean, and whether indices are in range, is checked by
//! whoever asked for them.

use meshopt::ffi;

use super::{CodecError, require, require_triangles};

const NAME: &str = "meshopt";
const OPERATION: &str = "meshopt decoding";

/// What was encoded: the extension's `mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// ATTRIBUTES: elements of `stride` bytes.
    Attributes,
    /// TRIANGLES: indices of a triangle list.
    Triangles,
    /// INDICES: any list of indices.
    Indices,
}

/// What is to be undone after decoding attributes: the extension's `filter`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filter {
    /// NONE.
    None,
    /// OCTAHEDRAL: stride 4 or 8.
    Octahedral,
    /// QUATERNION: stride 8.
    Quaternion,
    /// EXPONENTIAL: any stride.
    Exponential,
    /// COLOR: stride 4 or 8; KHR_meshopt_compression only.
    Color,
}

/// Whose version of the vertex codec is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// EXT_meshopt_compression: version 0.
    Ext,
    /// KHR_meshopt_compression: versions 0 and 1.
    Khr,
}

/// The extension's description of a compressed buffer view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// The kind of stream.
    pub mode: Mode,
    /// Only attributes can have one.
    pub filter: Filter,
    /// Number of elements: vertices, or indices (not triangles).
    pub count: usize,
    /// Bytes an element after decoding.
    pub stride: usize,
    /// The extension that the buffer view uses.
    pub version: Version,
}

/// Decodes `encoded` into count x stride bytes, with the filter undone.
///
/// # Errors
/// [`CodecError::Input`] for a layout that the extension does not allow or that needs more than `max_bytes`, before
/// anything is allocated; [`CodecError::Damaged`] if the stream does not hold what the layout says.
#[expect(unsafe_code, reason = "a call into meshoptimizer")]
pub fn decode(encoded: &[u8], layout: &Layout, max_bytes: usize) -> Result<Vec<u8>, CodecError> {
    check(layout)?;
    let length = layout.count.checked_mul(layout.stride).filter(|&length| length <= max_bytes);
    let length = length.ok_or_else(|| {
        let reason =
            format!("{} x {} bytes are more than the limit of {max_bytes}", layout.count, layout.stride);
        CodecError::input(OPERATION, reason)
    })?;
    check_header(encoded, layout)?;
    // Whole words, since the decoders write 16 and 32-bit values: a byte buffer need not be aligned for that.
    let mut words = vec![0_u64; length.div_ceil(8)];
    let status = run(encoded, layout, &mut words);
    if status != 0 {
        return Err(CodecError::damaged(NAME, reason(status)));
    }
    // SAFETY: `words` holds at least `length` initialised bytes, and bytes need no alignment.
    Ok(unsafe { std::slice::from_raw_parts(words.as_ptr().cast::<u8>(), length) }.to_vec())
}

/// Every combination on which meshoptimizer would end the process.
fn check(layout: &Layout) -> Result<(), CodecError> {
    let stride = layout.stride;
    if layout.mode == Mode::Attributes {
        let fits = (4..=256).contains(&stride) && stride.is_multiple_of(4);
        require(fits, OPERATION, "the stride of attributes is not a multiple of 4 from 4 to 256")?;
    } else {
        require(stride == 2 || stride == 4, OPERATION, "the stride of indices is neither 2 nor 4")?;
        require(layout.filter == Filter::None, OPERATION, "indices cannot have a filter")?;
    }
    if layout.mode == Mode::Triangles {
        require_triangles(layout.count, OPERATION)?;
    }
    let fits = match layout.filter {
        Filter::Octahedral | Filter::Color => stride == 4 || stride == 8,
        Filter::Quaternion => stride == 8,
        Filter::None | Filter::Exponential => true,
    };
    require(fits, OPERATION, "the filter does not go with the stride")
}

/// The first byte holds the kind of stream and its version.
fn check_header(encoded: &[u8], layout: &Layout) -> Result<(), CodecError> {
    let allowed: &[u8] = match (layout.mode, layout.version) {
        (Mode::Attributes, Version::Ext) => &[0xA0],
        (Mode::Attributes, Version::Khr) => &[0xA0, 0xA1],
        (Mode::Triangles, _) => &[0xE1],
        (Mode::Indices, _) => &[0xD1],
    };
    match encoded.first() {
        None => Err(CodecError::damaged(NAME, "there are no bytes")),
        Some(header) if allowed.contains(header) => Ok(()),
        Some(header) => {
            let reason =
                format!("it begins with {header:#04x}, which the extension does not know for this mode");
            Err(CodecError::damaged(NAME, reason))
        }
    }
}

/// Decodes and undoes the filter; 0 or meshoptimizer's error. `words` has room for count x stride bytes.
#[expect(unsafe_code, reason = "a call into meshoptimizer")]
fn run(encoded: &[u8], layout: &Layout, words: &mut [u64]) -> i32 {
    let Layout { count, stride, .. } = *layout;
    let (target, source, length) = (words.as_mut_ptr().cast(), encoded.as_ptr(), encoded.len());
    // SAFETY: `check` made sure of stride and count, `words` is aligned and large enough, and the decoders do not
    // read past `length`, whatever the bytes say.
    let status = unsafe {
        match layout.mode {
            Mode::Attributes => ffi::meshopt_decodeVertexBuffer(target, count, stride, source, length),
            Mode::Triangles => ffi::meshopt_decodeIndexBuffer(target, count, stride, source, length),
            Mode::Indices => ffi::meshopt_decodeIndexSequence(target, count, stride, source, length),
        }
    };
    if status == 0 {
        undo_filter(layout, words);
    }
    status
}

/// Undoes the filter in place. `check` has passed, and `words` has room for count x stride bytes.
#[expect(unsafe_code, reason = "a call into meshoptimizer")]
fn undo_filter(layout: &Layout, words: &mut [u64]) {
    let (target, count, stride) = (words.as_mut_ptr().cast(), layout.count, layout.stride);
    // SAFETY: as for decoding; filters work element by element in place.
    unsafe {
        match layout.filter {
            Filter::None => {}
            Filter::Octahedral => ffi::meshopt_decodeFilterOct(target, count, stride),
            Filter::Quaternion => ffi::meshopt_decodeFilterQuat(target, count, stride),
            Filter::Exponential => ffi::meshopt_decodeFilterExp(target, count, stride),
            Filter::Color => ffi::meshopt_decodeFilterColor(target, count, stride),
        }
    }
}

/// What a decoder will make of filtered elements.
///
/// # Errors
/// [`CodecError::Input`] for a stride that does not go with the filter.
pub fn unfilter(filtered: &[u8], filter: Filter, stride: usize) -> Result<Vec<u8>, CodecError> {
    let count = filtered.len() / stride.max(1);
    let layout = Layout { mode: Mode::Attributes, filter, count, stride, version: Version::Ext };
    check(&layout)?;
    let mut words: Vec<u64> = filtered
        .chunks(8)
        .map(|chunk| {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            u64::from_le_bytes(word)
        })
        .collect();
    undo_filter(&layout, &mut words);
    Ok(words.iter().flat_map(|word| word.to_le_bytes()).take(count * stride).collect())
}

fn reason(status: i32) -> &'static str {
    match status {
        -1 => "its header is of an unknown version",
        -2 => "it ends too early for the number of elements",
        _ => "there are bytes left over, or they contradict each other",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::order::tests::{canonical, grid};
    use super::super::*;
    use super::Mode::{Attributes, Indices, Triangles};

    const MAX: usize = 1 << 20;

    fn layout(mode: Mode, count: usize, stride: usize) -> Layout {
        Layout { mode, filter: Filter::None, count, stride, version: Version::Ext }
    }

    fn filtered(filter: Filter, count: usize, stride: usize) -> Layout {
        Layout { filter, ..layout(Attributes, count, stride) }
    }

    fn u32_values(bytes: &[u8]) -> Vec<u32> {
        bytes.as_chunks().0.iter().map(|&bytes| u32::from_le_bytes(bytes)).collect()
    }

    /// Filters `vectors`, encodes, decodes: normalized 16-bit integers as floats.
    fn through(filter: Filter, bytes: &[u8], count: usize) -> Vec<[f32; 4]> {
        let encoded = encode_vertices(bytes, 8, count, Version::Ext).expect("valid");
        let decoded = decode(&encoded, &filtered(filter, count, 8), MAX).expect("valid");
        let values: Vec<f32> = decoded
            .as_chunks()
            .0
            .iter()
            .map(|&bytes| f32::from(i16::from_le_bytes(bytes)) / 32_767.0)
            .collect();
        values.as_chunks().0.to_vec()
    }

    proptest! {
        #[test]
        fn vertices_come_back_exactly(
            words in 1_usize..20,
            bytes in prop::collection::vec(any::<u8>(), 0..3000),
            version in prop_oneof![Just(Version::Ext), Just(Version::Khr)],
        ) {
            let (stride, count) = (words * 4, bytes.len() / (words * 4));
            let bytes = &bytes[..count * stride];
            let encoded = encode_vertices(bytes, stride, count, version).expect("valid");
            let layout = Layout { version, ..layout(Attributes, count, stride) };
            prop_assert_eq!(decode(&encoded, &layout, MAX).expect("valid"), bytes);
        }

        #[test]
        fn index_sequences_come_back_exactly(indices in prop::collection::vec(0_u32..1 << 30, 0..300)) {
            let encoded = encode_index_sequence(&indices).expect("valid");
            let decoded = decode(&encoded, &layout(Indices, indices.len(), 4), MAX).expect("valid");
            prop_assert_eq!(u32_values(&decoded), indices);
        }

        #[test]
        fn triangles_come_back_in_order_and_winding(mut indices in prop::collection::vec(0_u32..400, 0..300)) {
            indices.truncate(indices.len() / 3 * 3);
            let encoded = encode_triangles(&indices).expect("valid");
            let decoded = decode(&encoded, &layout(Triangles, indices.len(), 4), MAX).expect("valid");
            prop_assert_eq!(canonical(&u32_values(&decoded)), canonical(&indices));
        }

        #[test]
        fn exponential_words_are_mantissas_times_powers_of_two(
            mantissas in prop::collection::vec(-8_388_607_i32..8_388_608, 1..300),
            exponent in -100_i32..100,
        ) {
            let word = |&mantissa: &i32| ((exponent << 24) | (mantissa & 0x00FF_FFFF)).to_le_bytes();
            let bytes: Vec<u8> = mantissas.iter().flat_map(word).collect();
            let encoded = encode_vertices(&bytes, 4, mantissas.len(), Version::Ext).expect("valid");
            let decoded = decode(&encoded, &filtered(Filter::Exponential, mantissas.len(), 4), MAX).expect("valid");
            for (mantissa, after) in mantissas.iter().zip(u32_values(&decoded).into_iter().map(f32::from_bits)) {
                prop_assert_eq!(f64::from(after), f64::from(*mantissa) * f64::from(exponent).exp2());
            }
        }

        #[test]
        fn colours_of_the_newer_extension_are_read(colour in prop::array::uniform4(0.0_f32..1.0)) {
            let words = meshopt::encode_filter_color::<u8>(&[colour], 8);
            let encoded = encode_vertices(words.as_flattened(), 4, 1, Version::Khr).expect("valid");
            let layout = Layout { version: Version::Khr, ..filtered(Filter::Color, 1, 4) };
            let decoded = decode(&encoded, &layout, MAX).expect("valid");
            for (before, after) in colour.iter().zip(decoded) {
                prop_assert!((before - f32::from(after) / 255.0).abs() < 0.02, "{} became {}", before, after);
            }
        }

        #[test]
        fn octahedral_filter_stays_within_its_bits(x in -1.0_f32..1.0, y in -1.0_f32..1.0, z in -1.0_f32..1.0) {
            let length = (x * x + y * y + z * z).sqrt();
            prop_assume!(length > 0.01);
            let vector = [x / length, y / length, z / length, -1.0];
            let bytes = filter_octahedral(&[vector], 8, 12).expect("valid");
            let back = through(Filter::Octahedral, &bytes, 1)[0];
            prop_assert!(vector.iter().zip(back).all(|(a, b)| (a - b).abs() < 2e-3), "{:?} {:?}", vector, back);
        }

        #[test]
        fn quaternion_filter_keeps_the_rotation(q in prop::array::uniform4(-1.0_f32..1.0)) {
            let length = q.iter().map(|value| value * value).sum::<f32>().sqrt();
            prop_assume!(length > 0.01);
            let q = q.map(|value| value / length);
            let bytes = filter_quaternion(&[q], 14).expect("valid");
            let back = through(Filter::Quaternion, &bytes, 1)[0];
            let cosine: f32 = q.iter().zip(back).map(|(a, b)| a * b).sum();
            prop_assert!((cosine.abs() - 1.0).abs() < 1e-3, "{:?} {:?}", q, back);
        }

        #[test]
        fn arbitrary_bytes_and_layouts_never_panic(
            header in prop::sample::select(vec![0xA0_u8, 0xA1, 0xD1, 0xE1, 0x00]),
            tail in prop::collection::vec(any::<u8>(), 0..400),
            mode in prop::sample::select(vec![Attributes, Triangles, Indices]),
            filter in prop::sample::select(
                vec![Filter::None, Filter::Octahedral, Filter::Quaternion, Filter::Exponential]
            ),
            (count, stride) in (0_usize..2000, 0_usize..300),
        ) {
            let encoded = [&[header], tail.as_slice()].concat();
            let layout = Layout { mode, filter, count, stride, version: Version::Khr };
            if let Ok(bytes) = decode(&encoded, &layout, MAX) {
                prop_assert_eq!(bytes.len(), count * stride);
            }
        }
    }

    #[test]
    fn sixteen_bit_indices_come_back() {
        let (indices, _) = grid(9);
        let encoded = encode_triangles(&indices).expect("valid");
        let decoded = decode(&encoded, &layout(Triangles, indices.len(), 2), MAX).expect("valid");
        let wide: Vec<u32> =
            decoded.as_chunks().0.iter().map(|&bytes| u32::from(u16::from_le_bytes(bytes))).collect();
        assert_eq!(canonical(&wide), canonical(&indices));
    }

    #[test]
    fn a_stream_that_is_cut_off_or_of_another_count_is_an_error() {
        let (indices, positions) = grid(12);
        let bytes: Vec<u8> = positions.as_flattened().iter().flat_map(|value| value.to_le_bytes()).collect();
        let streams = [
            (
                encode_vertices(&bytes, 12, positions.len(), Version::Ext).expect("valid"),
                layout(Attributes, positions.len(), 12),
            ),
            (encode_triangles(&indices).expect("valid"), layout(Triangles, indices.len(), 4)),
            (encode_index_sequence(&indices).expect("valid"), layout(Indices, indices.len(), 4)),
        ];
        for (encoded, layout) in streams {
            assert!(decode(&encoded, &layout, MAX).is_ok());
            for length in 0..encoded.len() {
                assert!(decode(&encoded[..length], &layout, MAX).is_err(), "{layout:?} cut at {length}");
            }
            // A vertex stream has a header for every 64 elements: closer counts cannot always be told apart.
            for count in [0, layout.count - 66, layout.count + 66, layout.count * 2] {
                assert!(decode(&encoded, &Layout { count, ..layout }, MAX).is_err(), "{layout:?} as {count}");
            }
        }
    }

    #[test]
    fn layouts_that_the_extension_forbids_are_refused() {
        let encoded = encode_vertices(&[0; 64], 16, 4, Version::Ext).expect("valid");
        let forbidden = [
            layout(Attributes, 4, 0),
            layout(Attributes, 4, 6),
            layout(Attributes, 4, 260),
            layout(Attributes, usize::MAX, 16),
            layout(Attributes, MAX, 16),
            layout(Triangles, 4, 4),
            layout(Triangles, 3, 1),
            layout(Indices, 3, 8),
            filtered(Filter::Octahedral, 4, 16),
            filtered(Filter::Quaternion, 4, 4),
            Layout { mode: Indices, ..filtered(Filter::Exponential, 4, 4) },
        ];
        for layout in forbidden {
            assert!(matches!(decode(&encoded, &layout, MAX), Err(CodecError::Input { .. })), "{layout:?}");
        }
    }

    #[test]
    fn version_one_is_for_the_khronos_extension_only() {
        let vertices: Vec<[u32; 4]> = (0..50).map(|at| [at, at * 3, 7, 0]).collect();
        let encoded = meshopt::encode_vertex_buffer_level(&vertices, 2, Some(1)).expect("encodes");
        let ext = layout(Attributes, 50, 16);
        assert!(matches!(decode(&encoded, &ext, MAX), Err(CodecError::Damaged { .. })));
        let decoded = decode(&encoded, &Layout { version: Version::Khr, ..ext }, MAX).expect("valid");
        assert_eq!(u32_values(&decoded), vertices.as_flattened());
    }
}
