//! The largest level of a Basis texture as pixels.
//!
//! The file is hostile: each length that it claims is compared with its bytes and its size before the library, pure
//! Rust, sees it. What the library's own checks miss ends as an error too, since a panic is contained by
//! [`image_file::decode`](super::super::image_file::decode()).

use basisu::{DecodeFlags, TargetFormat, Transcoder};

use super::header::{Level, Packing, largest_level, read_header};
use super::{Coding, FORMAT, Header, MAX_SIDE};
use crate::optimize::codecs::{CodecError, Pixels};

/// Decodes the largest level. The caller has compared the size with its limit.
///
/// # Errors
/// [`CodecError::Unsupported`] for arrays, cubes, volumes and codings other than ETC1S and UASTC;
/// [`CodecError::Damaged`] for files that do not hold what they claim.
pub fn decode(file: &[u8]) -> Result<Pixels, CodecError> {
    let damaged = |reason: &str| CodecError::damaged(FORMAT, reason);
    let header = read_header(file).ok_or_else(|| damaged("its header is cut off"))?;
    require_basis(&header)?;
    let level = largest_level(file).ok_or_else(|| damaged("its list of levels is cut off"))?;
    check_level(&header, &level, file.len() as u64)?;
    // The library's reasons are names of its own types, which help nobody.
    let transcoder =
        Transcoder::new(file).map_err(|_| damaged("its header or codebooks contradict themselves"))?;
    let rgba = transcoder
        .transcode(0, TargetFormat::Rgba32, DecodeFlags::NONE)
        .map_err(|_| damaged("its largest level cannot be unpacked"))?;
    Pixels::new(header.width, header.height, rgba)
}

fn require_basis(header: &Header) -> Result<(), CodecError> {
    let reason = if !header.is_plain {
        "it is an array, a cube or a volume, not one picture; it stays as it is"
    } else if header.coding == Coding::Other {
        "its blocks are neither ETC1S nor UASTC, the two that glTF allows; it stays as it is"
    } else if header.width.max(header.height) > MAX_SIDE {
        "it is more than 16,384 pixels long; it stays as it is"
    } else {
        return Ok(());
    };
    Err(CodecError::Unsupported { format: FORMAT, reason: reason.into() })
}

fn check_level(header: &Header, level: &Level, file_bytes: u64) -> Result<(), CodecError> {
    let end = level.start.checked_add(level.length);
    let reason = if end.is_none_or(|end| end > file_bytes) {
        "its largest level lies past the end of the file"
    } else {
        let unpacked = match (header.coding, header.packing) {
            (Coding::Etc1s, Packing::BasisLz) => return Ok(()),
            (Coding::Uastc, Packing::None) => level.length,
            (Coding::Uastc, Packing::Zstd) => level.unpacked,
            _ => {
                return Err(CodecError::damaged(
                    FORMAT,
                    "its blocks are packed in a way that does not exist",
                ));
            }
        };
        if unpacked == header.uastc_bytes() {
            return Ok(());
        }
        "its largest level is not as long as its width and height say"
    };
    Err(CodecError::damaged(FORMAT, reason))
}

#[cfg(test)]
mod tests {
    use super::super::{Options, encode};
    use super::*;
    use crate::optimize::codecs::pixels::tests::landscape;
    use crate::optimize::codecs::resize::Content;

    fn file(coding: Coding) -> Vec<u8> {
        let options = Options { coding, quality: 90, effort: 0, content: Content::Colour };
        encode(&landscape(32, 16), &options).expect("encodes")
    }

    fn with_word(mut file: Vec<u8>, at: usize, value: u32) -> Vec<u8> {
        file[at..at + 4].copy_from_slice(&value.to_le_bytes());
        file
    }

    #[test]
    fn arrays_cubes_and_volumes_are_refused_by_name() {
        for (at, value) in [(28, 2), (32, 1), (36, 6)] {
            let refused = decode(&with_word(file(Coding::Uastc), at, value)).expect_err("not one picture");
            assert!(matches!(refused, CodecError::Unsupported { .. }), "{refused}");
            assert!(refused.to_string().contains("stays as it is"), "{refused}");
        }
    }

    #[test]
    fn other_block_formats_are_refused_by_name() {
        const BC7: u32 = 145;
        let refused = decode(&with_word(file(Coding::Uastc), 12, BC7)).expect_err("not Basis");
        assert!(matches!(refused, CodecError::Unsupported { .. }), "{refused}");
    }

    #[test]
    fn a_size_that_the_levels_contradict_is_an_error_before_memory_is_taken() {
        let lie = with_word(with_word(file(Coding::Uastc), 20, 16_384), 24, 16_384);
        assert!(matches!(decode(&lie), Err(CodecError::Damaged { .. })));
        let longer = with_word(file(Coding::Etc1s), 88, u32::MAX);
        assert!(matches!(decode(&longer), Err(CodecError::Damaged { .. })));
    }
}
