//! WebP, by libwebp: lossy (4:2:0) and lossless.
//!
//! Lossy WebP always halves the resolution of colour differences. Base colours hardly suffer, normal maps do: see
//! [`jpeg`](super::jpeg) for 4:4:4 and [`difference`](super::difference) to find out. Encoding uses one thread, so
//! that callers can encode many images at once.

use libwebp_sys as ffi;

use super::{CodecError, Pixels};

/// The longest side that WebP can hold, in pixels.
pub const MAX_SIDE: u32 = 16_383;

const NAME: &str = "WebP";

/// How pixels become fewer bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mode {
    /// Prediction and DCT, colour differences at half the resolution.
    Lossy {
        /// 0 (smallest) to 100 (best).
        quality: f32,
        /// Slower, sharper conversion to 4:2:0: keeps thin saturated lines.
        sharp_yuv: bool,
        /// 0 to 100; 100 keeps alpha exactly.
        alpha_quality: u8,
    },
    /// Every pixel as it was.
    Lossless,
}

/// How to encode.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// Lossy or lossless.
    pub mode: Mode,
    /// 0 (fast) to 6 (small): libwebp's "method".
    pub effort: u8,
    /// Keep the colour of fully transparent pixels, for images whose alpha is not transparency.
    pub exact: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { mode: Mode::Lossless, effort: 4, exact: false }
    }
}

/// Encodes `pixels`. An opaque image is written without an alpha channel.
///
/// # Errors
/// [`CodecError::Encode`] for sides above [`MAX_SIDE`], options out of range, or when libwebp gives up.
#[expect(unsafe_code, reason = "a call into libwebp")]
pub fn encode(pixels: &Pixels, options: &Options) -> Result<Vec<u8>, CodecError> {
    let (width, height) = (pixels.width(), pixels.height());
    if width.max(height) > MAX_SIDE {
        let reason = format!("{width} x {height} pixels, and no side may be longer than {MAX_SIDE}");
        return Err(CodecError::encode(NAME, reason));
    }
    let config = config(options)?;
    let mut picture = Picture::new(pixels)?;
    let mut output = Output::new();
    picture.0.writer = Some(ffi::WebPMemoryWrite);
    picture.0.custom_ptr = (&raw mut output.0).cast();
    // SAFETY: the configuration was validated, the picture owns its pixels, and `output` outlives the call.
    let done = unsafe { ffi::WebPEncode(&config, &mut picture.0) };
    if done == 0 {
        return Err(CodecError::encode(NAME, format!("libwebp says {:?}", picture.0.error_code)));
    }
    Ok(output.bytes().to_vec())
}

#[expect(unsafe_code, reason = "a call into libwebp")]
fn config(options: &Options) -> Result<ffi::WebPConfig, CodecError> {
    let mut config =
        ffi::WebPConfig::new().map_err(|()| CodecError::encode(NAME, "libwebp does not start"))?;
    config.method = options.effort.into();
    config.exact = options.exact.into();
    config.thread_level = 0;
    // Without loss "quality" is how hard to search; these go with the methods as in libwebp's own levels.
    let search = [0.0, 20.0, 30.0, 50.0, 75.0, 90.0, 100.0];
    match options.mode {
        Mode::Lossy { quality, sharp_yuv, alpha_quality } => {
            config.quality = quality;
            config.use_sharp_yuv = sharp_yuv.into();
            config.alpha_quality = alpha_quality.into();
        }
        Mode::Lossless => {
            config.lossless = 1;
            config.quality = search[usize::from(options.effort.min(6))];
        }
    }
    // SAFETY: a plain read of an initialised structure.
    let valid = unsafe { ffi::WebPValidateConfig(&config) } != 0;
    // libwebp lets NaN pass: it is neither below 0 nor above 100.
    if valid && !config.quality.is_nan() {
        Ok(config)
    } else {
        Err(CodecError::encode(NAME, format!("{options:?} is out of range")))
    }
}

/// libwebp's copy of the pixels, freed on every way out.
struct Picture(ffi::WebPPicture);

impl Picture {
    #[expect(unsafe_code, reason = "a call into libwebp")]
    fn new(pixels: &Pixels) -> Result<Self, CodecError> {
        let picture = ffi::WebPPicture::new();
        let mut picture = Self(picture.map_err(|()| CodecError::encode(NAME, "libwebp does not start"))?);
        // Both at most MAX_SIDE, so that nothing is cut off.
        picture.0.width = pixels.width() as i32;
        picture.0.height = pixels.height() as i32;
        // Always handed over as RGB: the encoder then converts with the method that the options name.
        picture.0.use_argb = 1;
        let stride = picture.0.width * 4;
        // SAFETY: `Pixels` holds exactly height x stride bytes.
        let copied = unsafe { ffi::WebPPictureImportRGBA(&mut picture.0, pixels.rgba().as_ptr(), stride) };
        match copied {
            0 => Err(CodecError::encode(NAME, "there is not enough memory for its pixels")),
            _ => Ok(picture),
        }
    }
}

impl Drop for Picture {
    #[expect(unsafe_code, reason = "a call into libwebp")]
    fn drop(&mut self) {
        // SAFETY: initialised in `new`; frees only what the picture owns.
        unsafe { ffi::WebPPictureFree(&mut self.0) }
    }
}

/// The growing output, allocated by libwebp and freed on every way out.
struct Output(ffi::WebPMemoryWriter);

impl Output {
    fn new() -> Self {
        Self(ffi::WebPMemoryWriter { mem: std::ptr::null_mut(), size: 0, max_size: 0, pad: [0] })
    }

    #[expect(unsafe_code, reason = "a buffer that libwebp filled")]
    fn bytes(&self) -> &[u8] {
        if self.0.mem.is_null() {
            return &[];
        }
        // SAFETY: libwebp wrote `size` bytes at `mem`, which lives until drop.
        unsafe { std::slice::from_raw_parts(self.0.mem, self.0.size) }
    }
}

impl Drop for Output {
    #[expect(unsafe_code, reason = "a call into libwebp")]
    fn drop(&mut self) {
        // SAFETY: `mem` is null or was allocated by libwebp.
        unsafe { ffi::WebPMemoryWriterClear(&mut self.0) }
    }
}

/// Decodes a still WebP file that must have the `expected` width and height.
#[expect(unsafe_code, reason = "a call into libwebp")]
pub(super) fn decode(file: &[u8], expected: (u32, u32)) -> Result<Pixels, CodecError> {
    let features = features(file)?;
    if features.has_animation != 0 {
        let reason = "it is animated, and glTF allows only still images".into();
        return Err(CodecError::Unsupported { format: NAME, reason });
    }
    let (width, height) = expected;
    if (features.width, features.height) != (width as i32, height as i32) {
        return Err(CodecError::damaged(NAME, "it states two different sizes"));
    }
    let mut rgba = vec![0; width as usize * height as usize * 4];
    // SAFETY: both slices are passed with their true lengths, and libwebp checks the stride against them.
    let decoded = unsafe {
        let (data, pixels) = (file.as_ptr(), rgba.as_mut_ptr());
        ffi::WebPDecodeRGBAInto(data, file.len(), pixels, rgba.len(), features.width * 4)
    };
    if decoded.is_null() {
        return Err(CodecError::damaged(NAME, "its image data is broken or cut off"));
    }
    Pixels::new(width, height, rgba)
}

#[expect(unsafe_code, reason = "a call into libwebp")]
fn features(file: &[u8]) -> Result<ffi::WebPBitstreamFeatures, CodecError> {
    let mut features = ffi::WebPBitstreamFeatures {
        width: 0,
        height: 0,
        has_alpha: 0,
        has_animation: 0,
        format: 0,
        pad: [0; 5],
    };
    // SAFETY: the slice is passed with its true length, and the structure is only written.
    let status = unsafe { ffi::WebPGetFeatures(file.as_ptr(), file.len(), &mut features) };
    match status {
        ffi::VP8StatusCode::VP8_STATUS_OK => Ok(features),
        _ => Err(CodecError::damaged(NAME, format!("libwebp says {status:?}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::super::image_file::{Format, probe};
    use super::super::pixels::tests::{landscape, painted};
    use super::*;

    fn lossy(quality: f32) -> Options {
        Options { mode: Mode::Lossy { quality, sharp_yuv: true, alpha_quality: 100 }, ..Options::default() }
    }

    fn round_trip(pixels: &Pixels, options: &Options) -> Pixels {
        let file = encode(pixels, options).expect("encodes");
        decode(&file, (pixels.width(), pixels.height())).expect("decodes")
    }

    #[test]
    fn lossless_keeps_every_pixel() {
        let image = painted(33, 17, |x, y| [x as u8 * 7, y as u8 * 9, (x * y) as u8, 100 + x as u8]);
        for effort in 0..=6 {
            assert_eq!(round_trip(&image, &Options { effort, ..Options::default() }), image);
        }
    }

    #[test]
    fn exact_keeps_colour_under_transparency() {
        let image = painted(16, 16, |x, y| [x as u8 * 10, y as u8 * 10, 90, 0]);
        assert_eq!(round_trip(&image, &Options { exact: true, ..Options::default() }), image);
        assert_ne!(round_trip(&image, &Options { exact: false, ..Options::default() }), image);
    }

    #[test]
    fn quality_trades_bytes_for_fidelity() {
        let image = landscape(128, 128);
        let sizes: Vec<usize> =
            [30.0, 60.0, 90.0].map(|quality| encode(&image, &lossy(quality)).expect("encodes").len()).into();
        assert!(sizes.is_sorted(), "{sizes:?}");
        let worst = |options: &Options| {
            let result = round_trip(&image, options);
            let differences = image.rgba().iter().zip(result.rgba()).map(|(a, b)| a.abs_diff(*b));
            differences.max().expect("has pixels")
        };
        assert!(worst(&lossy(95.0)) < worst(&lossy(30.0)));
    }

    #[test]
    fn the_same_pixels_give_the_same_bytes() {
        let image = landscape(100, 60);
        assert_eq!(encode(&image, &lossy(80.0)), encode(&image, &lossy(80.0)));
    }

    #[test]
    fn alpha_is_written_only_where_there_is_some() {
        let opaque = encode(&landscape(16, 16), &lossy(80.0)).expect("encodes");
        let found = probe(&opaque).expect("a WebP");
        assert_eq!((found.format, found.width, found.has_alpha), (Format::WebP, 16, false));
        let clear = painted(16, 16, |x, _| [9, 9, 9, x as u8]);
        assert!(probe(&encode(&clear, &lossy(80.0)).expect("encodes")).expect("a WebP").has_alpha);
        assert_eq!(round_trip(&clear, &lossy(80.0)).texels()[5][3], 5);
    }

    #[test]
    fn limits_are_errors() {
        let wide = painted(MAX_SIDE + 1, 1, |_, _| [0, 0, 0, 255]);
        assert!(matches!(encode(&wide, &Options::default()), Err(CodecError::Encode { .. })));
        let image = landscape(8, 8);
        assert!(encode(&image, &lossy(101.0)).is_err());
        assert!(encode(&image, &lossy(f32::NAN)).is_err());
        assert!(encode(&image, &Options { effort: 7, ..Options::default() }).is_err());
    }
}
