//! libaom: AV1 frames in and out. The only `unsafe` code of AVIF.
//!
//! It knows planes and bits, neither colours nor containers. One thread a frame, so that callers can work on many at
//! once and the bytes never depend on the machine.

use std::ffi::{c_int, c_uint};

use libaom_sys as ffi;

use super::super::CodecError;
use super::NAME;

/// What to encode: 8-bit planes of `width` x `height`, one after the other; one plane (monochrome) or three (4:4:4).
pub(super) struct Planes<'a> {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) samples: &'a [Vec<u8>],
}

/// Quantizer 0 (best) to 63; speed 0 to 9.
#[derive(Debug, Clone, Copy)]
pub(super) struct Effort {
    pub(super) quantizer: u8,
    pub(super) speed: u8,
}

/// Encodes one still frame of full-range samples.
pub(super) fn encode(planes: &Planes, effort: Effort, matrix: u16) -> Result<Vec<u8>, CodecError> {
    let image = Image::new(planes)?;
    let mut encoder = Context::encoder(planes)?;
    let is_spoilt = effort.speed > FASTEST_FOR_DRAWINGS && is_drawn(planes);
    let speed = if is_spoilt { FASTEST_FOR_DRAWINGS } else { effort.speed };
    let controls = [
        (ffi::AOME_SET_CPUUSED, c_int::from(speed)),
        // Looking for places to copy from takes ten times as long: not where haste was asked for.
        (ffi::AV1E_SET_ENABLE_INTRABC, c_int::from(!is_spoilt)),
        (ffi::AOME_SET_CQ_LEVEL, c_int::from(effort.quantizer)),
        (ffi::AV1E_SET_ENABLE_QM, 1),
        (ffi::AV1E_SET_QM_MIN, STEEPEST),
        (ffi::AV1E_SET_QM_MAX, STEEPEST),
        (ffi::AV1E_SET_COLOR_PRIMARIES, ffi::AOM_CICP_CP_BT_709 as c_int),
        (ffi::AV1E_SET_TRANSFER_CHARACTERISTICS, ffi::AOM_CICP_TC_SRGB as c_int),
        (ffi::AV1E_SET_MATRIX_COEFFICIENTS, c_int::from(matrix)),
        (ffi::AV1E_SET_COLOR_RANGE, ffi::AOM_CR_FULL_RANGE as c_int),
    ];
    for (control, value) in controls {
        encoder.set(control, value)?;
    }
    encoder.weigh_by_frequency()?;
    encoder.encode(&image)
}

/// The quantization matrix that takes most from high frequencies. These are what is not seen of a texture: it is looked at from
/// where a texel is about a pixel or less. At equal FLIP error files of colours were 7 to 27 % smaller than without matrices, also
/// where a texel is a pixel, and smaller than by the flatter ones that were tried (2, 4, 6, 8 and 10 of 15).
const STEEPEST: c_int = 0;

/// What is drawn, not photographed, gets palettes from libaom, which at higher speeds than this makes the file three times as
/// large: 61 kB against 15, and against 19 without palettes, on a flat texture of 2048 x 2048 pixels.
const FASTEST_FOR_DRAWINGS: u8 = 7;

/// Side of the blocks that are looked at, how many different values a drawn one has at most, and which part of them have to be.
const BLOCK: usize = 16;
const FEW_VALUES: u32 = 4;
const DRAWN_PART: usize = 10;

/// Whether libaom takes an image for a drawing: a tenth of its blocks have two to four brightnesses.
fn is_drawn(planes: &Planes) -> bool {
    let Some(luma) = planes.samples.first() else { return false };
    let (width, height) = (planes.width as usize, planes.height as usize);
    let has_few_values = |x: usize, y: usize| {
        // A bit for each value.
        let mut values = [0_u64; 4];
        for value in (y..y + BLOCK).flat_map(|row| &luma[row * width + x..][..BLOCK]) {
            values[usize::from(value >> 6)] |= 1 << (value & 63);
        }
        let count: u32 = values.iter().map(|bits| bits.count_ones()).sum();
        (2..=FEW_VALUES).contains(&count)
    };
    let blocks = |length: usize| (0..length / BLOCK).map(|at| at * BLOCK);
    let drawn = blocks(height).flat_map(|y| blocks(width).map(move |x| (x, y)));
    let drawn = drawn.filter(|&(x, y)| has_few_values(x, y)).count();
    drawn * BLOCK * BLOCK * DRAWN_PART > width * height
}

/// libaom's state, freed on every way out.
struct Context(Box<ffi::aom_codec_ctx_t>);

impl Context {
    #[expect(unsafe_code, reason = "calls into libaom")]
    fn encoder(planes: &Planes) -> Result<Self, CodecError> {
        // SAFETY: plain C structures, for which zeros are valid; libaom fills them in before it reads them.
        let (mut context, mut config) =
            unsafe { (Box::new(std::mem::zeroed()), std::mem::zeroed::<ffi::aom_codec_enc_cfg_t>()) };
        // SAFETY: the interface is static and the structure is only written.
        let status = unsafe {
            ffi::aom_codec_enc_config_default(ffi::aom_codec_av1_cx(), &mut config, ffi::AOM_USAGE_ALL_INTRA)
        };
        checked(status)?;
        let is_grey = planes.samples.len() == 1;
        config.g_profile = c_uint::from(!is_grey);
        (config.g_w, config.g_h) = (planes.width, planes.height);
        config.monochrome = c_uint::from(is_grey);
        config.g_limit = 1;
        config.g_lag_in_frames = 0;
        config.g_threads = 1;
        config.rc_end_usage = ffi::AOM_Q;
        config.rc_min_quantizer = 0;
        config.rc_max_quantizer = 63;
        // SAFETY: as above; the boxed context does not move while libaom points into it.
        let status = unsafe {
            let version = ffi::AOM_ENCODER_ABI_VERSION as c_int;
            ffi::aom_codec_enc_init_ver(&mut *context, ffi::aom_codec_av1_cx(), &config, 0, version)
        };
        checked(status)?;
        Ok(Self(context))
    }

    #[expect(unsafe_code, reason = "calls into libaom")]
    fn decoder() -> Result<Self, CodecError> {
        // SAFETY: a plain C structure, for which zeros are valid.
        let mut context = unsafe { Box::new(std::mem::zeroed()) };
        let config = ffi::aom_codec_dec_cfg_t { threads: 1, w: 0, h: 0, allow_lowbitdepth: 1 };
        // SAFETY: the interface is static; the boxed context does not move while libaom points into it.
        let status = unsafe {
            let version = ffi::AOM_DECODER_ABI_VERSION as c_int;
            ffi::aom_codec_dec_init_ver(&mut *context, ffi::aom_codec_av1_dx(), &config, 0, version)
        };
        checked(status)?;
        Ok(Self(context))
    }

    #[expect(unsafe_code, reason = "a call into libaom")]
    fn set(&mut self, control: ffi::aome_enc_control_id, value: c_int) -> Result<(), CodecError> {
        // SAFETY: every control that is used takes one int.
        checked(unsafe { ffi::aom_codec_control(&mut *self.0, control as c_int, value) })
    }

    /// Errors count as the quantization matrix weighs them, where ways to code a block are compared.
    #[expect(unsafe_code, reason = "a call into libaom")]
    fn weigh_by_frequency(&mut self) -> Result<(), CodecError> {
        // SAFETY: both strings end with a zero, and are only read.
        checked(unsafe {
            ffi::aom_codec_set_option(&mut *self.0, c"dist-metric".as_ptr(), c"qm-psnr".as_ptr())
        })
    }

    #[expect(unsafe_code, reason = "calls into libaom")]
    fn encode(&mut self, image: &Image) -> Result<Vec<u8>, CodecError> {
        let mut bytes = Vec::new();
        // The second call, without an image, says that there are no more.
        for image in [image.0.cast_const(), std::ptr::null()] {
            // SAFETY: the image is whole and outlives the call.
            checked(unsafe { ffi::aom_codec_encode(&mut *self.0, image, 0, 1, 0) })?;
            let mut iterator = std::ptr::null();
            loop {
                // SAFETY: a packet is valid until the next call, and is copied before it.
                let packet = unsafe { ffi::aom_codec_get_cx_data(&mut *self.0, &mut iterator).as_ref() };
                let Some(packet) = packet else { break };
                if packet.kind == ffi::AOM_CODEC_CX_FRAME_PKT {
                    // SAFETY: the kind says which part of the union is filled in.
                    let part = unsafe {
                        let frame = packet.data.frame;
                        std::slice::from_raw_parts(frame.buf.cast::<u8>(), frame.sz)
                    };
                    bytes.extend_from_slice(part);
                }
            }
        }
        if bytes.is_empty() { Err(CodecError::encode(NAME, "libaom gave no frame")) } else { Ok(bytes) }
    }
}

impl Drop for Context {
    #[expect(unsafe_code, reason = "a call into libaom")]
    fn drop(&mut self) {
        // SAFETY: initialised in the constructors.
        unsafe { ffi::aom_codec_destroy(&mut *self.0) };
    }
}

fn checked(status: ffi::aom_codec_err_t) -> Result<(), CodecError> {
    match status {
        ffi::AOM_CODEC_OK => Ok(()),
        status => Err(CodecError::encode(NAME, format!("libaom answers {status}"))),
    }
}

/// libaom's copy of the planes, freed on every way out.
struct Image(*mut ffi::aom_image_t);

impl Image {
    #[expect(unsafe_code, reason = "calls into libaom, and planes that it allocated")]
    fn new(planes: &Planes) -> Result<Self, CodecError> {
        let is_grey = planes.samples.len() == 1;
        let format = if is_grey { ffi::AOM_IMG_FMT_I420 } else { ffi::AOM_IMG_FMT_I444 };
        // SAFETY: libaom allocates structure and planes, or answers null.
        let image =
            unsafe { ffi::aom_img_alloc(std::ptr::null_mut(), format, planes.width, planes.height, 32) };
        if image.is_null() {
            return Err(CodecError::encode(NAME, "there is not enough memory for its pixels"));
        }
        let image = Self(image);
        // SAFETY: the structure was just made and nobody else has it.
        let inner = unsafe { &mut *image.0 };
        inner.monochrome = c_int::from(is_grey);
        inner.range = ffi::AOM_CR_FULL_RANGE;
        for plane in 0..3 {
            let stride = inner.stride[plane] as usize;
            let (width, height) = match (plane, is_grey) {
                // Monochrome is 4:2:0 with planes that are not written to the file, yet read.
                (1 | 2, true) => (planes.width.div_ceil(2) as usize, planes.height.div_ceil(2) as usize),
                _ => (planes.width as usize, planes.height as usize),
            };
            for y in 0..height {
                // SAFETY: every plane has `height` rows of `stride` bytes, of which `width` are samples.
                let row =
                    unsafe { std::slice::from_raw_parts_mut(inner.planes[plane].add(y * stride), width) };
                match planes.samples.get(plane) {
                    Some(samples) => row.copy_from_slice(&samples[y * width..][..width]),
                    None => row.fill(128),
                }
            }
        }
        Ok(image)
    }
}

impl Drop for Image {
    #[expect(unsafe_code, reason = "a call into libaom")]
    fn drop(&mut self) {
        // SAFETY: allocated by libaom in `new`.
        unsafe { ffi::aom_img_free(self.0) }
    }
}

/// A decoded frame, still in libaom's memory.
pub(super) struct Frame {
    image: *const ffi::aom_image_t,
    // Owns what `image` points at.
    _context: Context,
}

impl Frame {
    /// Decodes the first frame of `data`, whose sizes were checked before.
    #[expect(unsafe_code, reason = "calls into libaom")]
    pub(super) fn decode(data: &[u8]) -> Result<Self, CodecError> {
        let mut context = Context::decoder()?;
        let damaged = |reason: &str| CodecError::damaged(NAME, reason);
        // SAFETY: the slice is passed with its true length; libaom copies what it keeps.
        let status = unsafe {
            ffi::aom_codec_decode(&mut *context.0, data.as_ptr(), data.len(), std::ptr::null_mut())
        };
        if status != ffi::AOM_CODEC_OK {
            return Err(damaged("its image data is broken or cut off"));
        }
        let mut iterator = std::ptr::null();
        // SAFETY: the frame is valid until the next call on the context, and there is none.
        let image = unsafe { ffi::aom_codec_get_frame(&mut *context.0, &mut iterator) };
        if image.is_null() {
            return Err(damaged("it holds no frame"));
        }
        Ok(Self { image, _context: context })
    }

    #[expect(unsafe_code, reason = "a structure in libaom's memory")]
    fn image(&self) -> &ffi::aom_image_t {
        // SAFETY: lives as long as the context.
        unsafe { &*self.image }
    }

    pub(super) fn size(&self) -> (u32, u32) {
        (self.image().d_w, self.image().d_h)
    }

    /// Bits of a sample: 8, 10 or 12.
    pub(super) fn depth(&self) -> u32 {
        self.image().bit_depth
    }

    /// By how many bits the chroma planes are narrower and lower; `None` without chroma.
    pub(super) fn chroma_shift(&self) -> Option<(u32, u32)> {
        let image = self.image();
        (image.monochrome == 0).then_some((image.x_chroma_shift, image.y_chroma_shift))
    }

    /// The matrix coefficients (ITU-T H.273), and whether samples span the full range.
    pub(super) fn matrix(&self) -> (u16, bool) {
        (self.image().mc as u16, self.image().range == ffi::AOM_CR_FULL_RANGE)
    }

    /// Row `y` of a plane; the last row for any beyond it.
    #[expect(unsafe_code, reason = "planes in libaom's memory")]
    pub(super) fn row(&self, plane: usize, y: u32) -> Vec<u16> {
        let image = self.image();
        let (x_shift, y_shift) = if plane == 0 { (0, 0) } else { self.chroma_shift().unwrap_or((0, 0)) };
        let width = ((image.d_w + (1 << x_shift) - 1) >> x_shift) as usize;
        let last = ((image.d_h + (1 << y_shift) - 1) >> y_shift) - 1;
        let offset = y.min(last) as usize * image.stride[plane] as usize;
        // SAFETY: libaom allocated every row of a plane; the format says how wide a sample is.
        unsafe {
            let start = image.planes[plane].add(offset);
            if image.fmt & ffi::AOM_IMG_FMT_HIGHBITDEPTH == 0 {
                let samples = std::slice::from_raw_parts(start, width);
                samples.iter().map(|&sample| sample.into()).collect()
            } else {
                std::slice::from_raw_parts(start.cast::<u16>(), width).to_vec()
            }
        }
    }
}
