//! JPEG, by mozjpeg: the smallest that every glTF loader can read, and lossy with full colour resolution.
//!
//! It holds no alpha: an image with transparency is refused, never flattened in silence. Reading JPEG is in
//! [`image_file`](super::image_file).

use mozjpeg::{ColorSpace, Compress};

use super::{CodecError, Pixels, contain};

/// The longest side that JPEG can hold, in pixels (libjpeg's own limit).
pub const MAX_SIDE: u32 = 65_500;

const NAME: &str = "JPEG";

/// What becomes of red, green and blue before they are rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sampling {
    /// Brightness and colour differences, the latter at half the resolution (4:2:0). For colour.
    Half,
    /// Brightness and colour differences, all at full resolution (4:4:4). For colour with fine saturated detail.
    Full,
    /// Each channel by itself at full resolution, marked as such in the file ("Adobe transform 0"). For normals and
    /// packed data: their channels have little in common, and mixing them spreads the errors of one over the others.
    /// On three normal maps and three packed maps, files of equal error were a fifth to a half smaller than with
    /// [`Full`](Self::Full); only normals below quality 50 got larger, by a tenth.
    Separate,
}

/// How to encode.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Options {
    /// 1 (smallest) to 100 (best).
    pub quality: f32,
    /// How the channels are stored.
    pub sampling: Sampling,
}

/// Encodes an opaque image as a progressive JPEG; a grey one gets a single channel.
///
/// # Errors
/// [`CodecError::Encode`] if the image has transparency, is too large, or the quality is out of range.
pub fn encode(pixels: &Pixels, options: &Options) -> Result<Vec<u8>, CodecError> {
    let (width, height) = (pixels.width(), pixels.height());
    if width.max(height) > MAX_SIDE {
        let reason = format!("{width} x {height} pixels, and no side may be longer than {MAX_SIDE}");
        return Err(CodecError::encode(NAME, reason));
    }
    if !pixels.is_opaque() {
        return Err(CodecError::encode(NAME, "the image has transparent pixels"));
    }
    if !(1.0..=100.0).contains(&options.quality) {
        return Err(CodecError::encode(
            NAME,
            format!("quality {} is not between 1 and 100", options.quality),
        ));
    }
    contain(CodecError::encode(NAME, "mozjpeg gave up"), || {
        let file = if pixels.is_grey() {
            let grey: Vec<u8> = pixels.texels().iter().map(|texel| texel[0]).collect();
            // One channel has no colour differences to halve, and libjpeg would refuse to.
            let options = Options { sampling: Sampling::Full, ..*options };
            compress(ColorSpace::JCS_GRAYSCALE, pixels, &options, &grey)
        } else {
            compress(ColorSpace::JCS_RGB, pixels, options, &pixels.to_rgb())
        };
        file.map_err(|error| CodecError::encode(NAME, error))
    })
}

fn compress(
    channels: ColorSpace,
    size: &Pixels,
    options: &Options,
    samples: &[u8],
) -> std::io::Result<Vec<u8>> {
    let mut encoder = Compress::new(channels);
    encoder.set_size(size.width() as usize, size.height() as usize);
    encoder.set_quality(options.quality);
    encoder.set_progressive_mode();
    match options.sampling {
        Sampling::Half => encoder.set_chroma_sampling_pixel_sizes((2, 2), (2, 2)),
        Sampling::Full => encoder.set_chroma_sampling_pixel_sizes((1, 1), (1, 1)),
        Sampling::Separate => encoder.set_color_space(channels),
    }
    let mut started = encoder.start_compress(Vec::new())?;
    started.write_scanlines(samples)?;
    started.finish()
}

#[cfg(test)]
mod tests {
    use super::super::image_file::{Format, decode, probe};
    use super::super::pixels::tests::{landscape, painted};
    use super::*;

    const GOOD: Options = Options { quality: 90.0, sampling: Sampling::Full };

    fn worst_error(before: &Pixels, file: &[u8]) -> u8 {
        let after = decode(file, 1 << 20).expect("decodes");
        before.rgba().iter().zip(after.rgba()).map(|(a, b)| a.abs_diff(*b)).max().expect("has pixels")
    }

    #[test]
    fn colour_survives_a_round_trip() {
        let image = landscape(50, 30);
        let file = encode(&image, &GOOD).expect("encodes");
        let found = probe(&file).expect("a JPEG");
        assert_eq!((found.format, found.width, found.height), (Format::Jpeg, 50, 30));
        assert!(worst_error(&image, &file) < 20);
    }

    #[test]
    fn full_sampling_keeps_colours_that_half_mixes() {
        let stripes =
            painted(64, 64, |x, _| if x % 2 == 0 { [220, 40, 40, 255] } else { [40, 40, 220, 255] });
        let full = encode(&stripes, &GOOD).expect("encodes");
        let half = encode(&stripes, &Options { sampling: Sampling::Half, ..GOOD }).expect("encodes");
        assert!(worst_error(&stripes, &full) < 30);
        assert!(worst_error(&stripes, &half) > 60);
    }

    #[test]
    fn separate_channels_do_not_disturb_each_other() {
        // Noise in red, a ramp in green, nothing in blue.
        let packed = painted(64, 64, |x, y| [(x * 7919 + y * 104_729) as u8, x as u8 * 4, 0, 255]);
        let error = |sampling| {
            let file = encode(&packed, &Options { quality: 60.0, sampling }).expect("encodes");
            let after = decode(&file, 1 << 20).expect("decodes");
            let of = |channel: usize| {
                let pairs = packed.texels().iter().zip(after.texels());
                pairs.map(|(a, b)| a[channel].abs_diff(b[channel])).max().expect("has pixels")
            };
            (of(1), of(2))
        };
        let (green, blue) = error(Sampling::Separate);
        assert!(green <= 6 && blue == 0, "{green} {blue}");
        let (green, blue) = error(Sampling::Full);
        assert!(green > 12 && blue > 12, "{green} {blue}");
    }

    #[test]
    fn grey_images_have_one_channel() {
        let grey = painted(32, 32, |x, y| {
            let level = (x * 4 + y) as u8;
            [level, level, level, 255]
        });
        for sampling in [Sampling::Half, Sampling::Separate] {
            let file = encode(&grey, &Options { sampling, ..GOOD }).expect("encodes");
            assert!(worst_error(&grey, &file) < 8);
        }
        let file = encode(&grey, &GOOD).expect("encodes");
        let coloured = painted(32, 32, |x, y| [(x * 4 + y) as u8, 90, 90, 255]);
        assert!(file.len() < encode(&coloured, &GOOD).expect("encodes").len());
    }

    #[test]
    fn what_jpeg_cannot_hold_is_refused() {
        let clear = painted(4, 4, |_, _| [1, 2, 3, 254]);
        assert!(matches!(encode(&clear, &GOOD), Err(CodecError::Encode { .. })));
        let wide = painted(MAX_SIDE + 1, 1, |_, _| [0, 0, 0, 255]);
        assert!(matches!(encode(&wide, &GOOD), Err(CodecError::Encode { .. })));
        assert!(encode(&landscape(4, 4), &Options { quality: f32::NAN, ..GOOD }).is_err());
    }

    #[test]
    fn the_same_pixels_give_the_same_bytes() {
        let image = landscape(70, 50);
        assert_eq!(encode(&image, &GOOD), encode(&image, &GOOD));
    }
}
