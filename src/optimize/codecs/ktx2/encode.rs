//! Writes Basis textures: ETC1S or UASTC with zstd, always with all mip levels.
//!
//! The mip levels are made by [`resize`](super::super::resize()), not by the encoder: in linear light, with normals
//! brought back to unit length. One call works on one thread, so the bytes are the same on any number of them;
//! callers run several textures side by side. A call takes about [`MEMORY_A_PIXEL`] bytes a pixel, and out of memory
//! it ends the process: callers budget.

use std::sync::Once;

use basisu_c_sys::common::{
    BTF_ETC1S, BTF_UASTC_LDR_4X4, BU_COMP_FLAGS_KTX2_OUTPUT, BU_COMP_FLAGS_KTX2_UASTC_ZSTD,
    BU_COMP_FLAGS_SRGB,
};
use basisu_c_sys::encoder as basis;

use super::{Coding, FORMAT, MAX_SIDE};
use crate::optimize::codecs::resize::{Content, resize};
use crate::optimize::codecs::{CodecError, Pixels};

/// Bytes of memory that an encoding takes for each pixel of the largest level, measured.
pub const MEMORY_A_PIXEL: u64 = 80;

/// How a texture is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// ETC1S or UASTC.
    pub coding: Coding,
    /// 1 to 100. For ETC1S the size of the codebooks; for UASTC how little is changed to help zstd (100: nothing).
    pub quality: u8,
    /// 0 to 10: how long the encoder searches.
    pub effort: u8,
    /// What the channels are: colours are marked as sRGB and weighted as the eye does, the rest is linear.
    pub content: Content,
}

/// Encodes a texture with all mip levels.
///
/// # Errors
/// [`CodecError::Encode`] if a side is no multiple of 4, which glTF demands, or over 16,384 pixels, or if the encoder
/// gives up; [`CodecError::Input`] for [`Coding::Other`].
pub fn encode(pixels: &Pixels, options: &Options) -> Result<Vec<u8>, CodecError> {
    let (width, height) = (pixels.width(), pixels.height());
    if width % 4 != 0 || height % 4 != 0 || width.max(height) > MAX_SIDE {
        let reason =
            format!("{width} x {height} pixels: each side must be a multiple of 4, up to {MAX_SIDE}");
        return Err(CodecError::encode(FORMAT, reason));
    }
    let format = match options.coding {
        Coding::Etc1s => BTF_ETC1S,
        Coding::Uastc => BTF_UASTC_LDR_4X4,
        Coding::Other => return Err(CodecError::input("the KTX2 encoder", "it writes ETC1S and UASTC only")),
    };
    let mut encoder = Encoder::new()?;
    encoder.add_level(0, pixels)?;
    let mut smaller = None;
    for level in 1..=width.max(height).ilog2() {
        let above = smaller.as_ref().unwrap_or(pixels);
        let next = resize(above, (width >> level).max(1), (height >> level).max(1), options.content)?;
        encoder.add_level(level, &next)?;
        smaller = Some(next);
    }
    drop(smaller);
    let is_colour = options.content == Content::Colour;
    let mut file = encoder.run(format, options, is_colour)?;
    if !is_colour {
        name_no_primaries(&mut file);
    }
    Ok(file)
}

/// KHR_texture_basisu: what is no colour has no colour primaries. The encoder always writes BT.709.
fn name_no_primaries(file: &mut [u8]) {
    const PRIMARIES_IN_DESCRIPTOR: usize = 13;
    let descriptor =
        file.get(48..).and_then(|rest| rest.first_chunk()).map(|bytes| u32::from_le_bytes(*bytes));
    let at = descriptor.map(|start| start as usize + PRIMARIES_IN_DESCRIPTOR);
    if let Some(primaries) = at.and_then(|at| file.get_mut(at)) {
        *primaries = 0;
    }
}

/// The library's parameters: a handle that only it can free.
struct Encoder(u64);

impl Encoder {
    fn new() -> Result<Self, CodecError> {
        static INIT: Once = Once::new();
        // SAFETY: fills the library's tables; once, and before anything else of it is called.
        #[expect(unsafe_code, reason = "the encoder is a C library")]
        INIT.call_once(|| unsafe { basis::bu_init() });
        // SAFETY: the tables are filled.
        #[expect(unsafe_code, reason = "the encoder is a C library")]
        let handle = unsafe { basis::bu_new_comp_params() };
        if handle == 0 {
            return Err(CodecError::encode(FORMAT, "the encoder did not start"));
        }
        Ok(Self(handle))
    }

    /// Copies a level into the library. Level 0 comes first.
    fn add_level(&mut self, level: u32, pixels: &Pixels) -> Result<(), CodecError> {
        let start = pixels.rgba().as_ptr().expose_provenance() as u64;
        let (width, height) = (pixels.width(), pixels.height());
        // SAFETY: the handle is alive, and `start` begins width x height x 4 bytes, which is what `Pixels` promises.
        // The library copies them before it returns.
        #[expect(unsafe_code, reason = "the encoder is a C library")]
        let added =
            unsafe { basis::bu_comp_params_set_image_rgba32(self.0, level, start, width, height, width * 4) };
        if added.is_err() {
            return Err(CodecError::encode(FORMAT, "the encoder did not take a mip level"));
        }
        Ok(())
    }

    /// Encodes what was added; on the calling thread, because its own threads would take all cores a call.
    fn run(self, format: u32, options: &Options, is_colour: bool) -> Result<Vec<u8>, CodecError> {
        let colour = if is_colour { BU_COMP_FLAGS_SRGB } else { 0 };
        let flags = BU_COMP_FLAGS_KTX2_OUTPUT | BU_COMP_FLAGS_KTX2_UASTC_ZSTD | colour;
        let (quality, effort) = (i32::from(options.quality.clamp(1, 100)), i32::from(options.effort.min(10)));
        // SAFETY: the handle is alive and holds at least one level.
        #[expect(unsafe_code, reason = "the encoder is a C library")]
        let encoded = unsafe { basis::bu_compress_texture(self.0, format, quality, effort, flags, 0.0) };
        if encoded.is_err() {
            return Err(CodecError::encode(FORMAT, "the encoder gave up"));
        }
        // SAFETY: after a successful call the library owns `length` bytes at `start` until the handle is freed, which
        // is after they were copied.
        #[expect(unsafe_code, reason = "the encoder is a C library")]
        let bytes = unsafe {
            let start = basis::bu_comp_params_get_comp_data_ofs(self.0) as usize;
            let length = basis::bu_comp_params_get_comp_data_size(self.0) as usize;
            if start == 0 || length == 0 {
                return Err(CodecError::encode(FORMAT, "the encoder gave nothing"));
            }
            std::slice::from_raw_parts(std::ptr::with_exposed_provenance::<u8>(start), length).to_vec()
        };
        Ok(bytes)
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        // SAFETY: the handle came from `bu_new_comp_params` and is freed once.
        #[expect(unsafe_code, reason = "the encoder is a C library")]
        let freed = unsafe { basis::bu_delete_comp_params(self.0) };
        debug_assert!(freed.is_ok(), "the encoder knows its handle");
    }
}

#[cfg(test)]
mod tests {
    use super::super::{decode, read_header};
    use super::*;
    use crate::optimize::codecs::difference;
    use crate::optimize::codecs::image_file;
    use crate::optimize::codecs::pixels::tests::{landscape, painted};

    fn options(coding: Coding, content: Content) -> Options {
        Options { coding, quality: 90, effort: 2, content }
    }

    /// A dome: every direction of the upper half, smoothly.
    fn dome(side: u32) -> Pixels {
        painted(side, side, |x, y| {
            let [x, y] = [x, y].map(|at| (at as f32 + 0.5) / side as f32 * 1.4 - 0.7);
            let z = (1.0 - x * x - y * y).sqrt();
            let [r, g, b] = [x, y, z].map(|value| ((value + 1.0) * 127.5).round() as u8);
            [r, g, b, 255]
        })
    }

    #[test]
    fn colour_comes_back_close_in_both_codings() {
        let image = landscape(128, 64);
        for (coding, bound) in [(Coding::Etc1s, 0.04), (Coding::Uastc, 0.008)] {
            let file = encode(&image, &options(coding, Content::Colour)).expect("encodes");
            let after = image_file::decode(&file, 1 << 20).expect("decodes");
            let found = difference::colour(&image, &after, 1);
            assert!(found.mean < bound, "{coding:?}: {found:?}");
            assert_eq!(read_header(&file).map(|header| header.coding), Some(coding));
        }
    }

    #[test]
    fn alpha_is_written_only_where_there_is_some() {
        let clear = painted(32, 32, |x, y| [200, 100, 50, (x * 4 + y * 4) as u8]);
        for coding in [Coding::Etc1s, Coding::Uastc] {
            let file = encode(&clear, &options(coding, Content::Colour)).expect("encodes");
            assert_eq!(read_header(&file).map(|header| header.has_alpha), Some(true));
            let after = decode(&file).expect("decodes");
            let found = difference::linear(&clear, &after, [false, false, false, true], 1);
            assert!(found[3] < 8.0, "{coding:?}: {found:?}");
            let file = encode(&landscape(32, 32), &options(coding, Content::Colour)).expect("encodes");
            assert_eq!(read_header(&file).map(|header| header.has_alpha), Some(false));
        }
    }

    #[test]
    fn every_mip_level_is_there_and_is_the_picture_made_smaller() {
        let image = dome(64);
        let file = encode(&image, &options(Coding::Uastc, Content::Normal)).expect("encodes");
        assert_eq!(read_header(&file).map(|header| header.levels), Some(7));
        let transcoder = basisu::Transcoder::new(&file).expect("a texture");
        for level in 0..7 {
            let side = 64 >> level;
            let flags = basisu::DecodeFlags::NONE;
            let rgba = transcoder.transcode(level, basisu::TargetFormat::Rgba32, flags).expect("a level");
            let found = Pixels::new(side, side, rgba).expect("sizes agree");
            let wanted = resize(&image, side, side, Content::Normal).expect("resizes");
            let error = difference::normal(&wanted, &found, 1);
            // A block of the smallest levels spans half the dome: the codec itself is a few degrees off there.
            assert!(error.mean < 6.0, "level {level}: {error:?}");
        }
    }

    #[test]
    fn colours_are_marked_as_srgb_and_numbers_as_linear_without_primaries() {
        let descriptor = |content| {
            let file = encode(&landscape(16, 16), &options(Coding::Uastc, content)).expect("encodes");
            let at = u32::from_le_bytes(*file[48..].first_chunk().expect("a header")) as usize;
            (file[at + 13], file[at + 14])
        };
        const BT709_SRGB: (u8, u8) = (1, 2);
        const NONE_LINEAR: (u8, u8) = (0, 1);
        assert_eq!(descriptor(Content::Colour), BT709_SRGB);
        assert_eq!(descriptor(Content::Linear), NONE_LINEAR);
        assert_eq!(descriptor(Content::Normal), NONE_LINEAR);
    }

    #[test]
    fn several_at_once_give_the_bytes_of_one_alone() {
        let encode = |coding| encode(&landscape(96, 64), &options(coding, Content::Colour)).expect("encodes");
        for coding in [Coding::Etc1s, Coding::Uastc] {
            let alone = encode(coding);
            let others: Vec<_> = (0..4).map(|_| std::thread::spawn(move || encode(coding))).collect();
            assert!(others.into_iter().all(|other| other.join().expect("encodes") == alone));
        }
    }

    #[test]
    fn sides_that_gltf_forbids_are_errors() {
        for (width, height) in [(30, 32), (32, 2), (MAX_SIDE + 4, 4)] {
            let image = painted(width, height, |_, _| [0; 4]);
            assert!(encode(&image, &options(Coding::Uastc, Content::Linear)).is_err(), "{width} x {height}");
        }
    }

    #[test]
    fn damaged_files_are_errors_and_never_panics() {
        for coding in [Coding::Etc1s, Coding::Uastc] {
            let file = encode(&landscape(32, 16), &options(coding, Content::Colour)).expect("encodes");
            for length in 0..file.len() {
                drop(image_file::decode(&file[..length], 1 << 20));
            }
            for at in 0..file.len() {
                for flip in [0x01, 0x55, 0x80, 0xFF] {
                    let mut changed = file.clone();
                    changed[at] ^= flip;
                    if let Ok(image) = image_file::decode(&changed, 1 << 20) {
                        assert!(u64::from(image.width()) * u64::from(image.height()) <= 1 << 20);
                    }
                }
            }
        }
    }
}
