//! PNG, by oxipng: lossless, with every reduction of palette, depth and channels that the pixels allow.
//!
//! Reading PNG is in [`image_file`](super::image_file).

use oxipng::{BitDepth, ColorType, RawImage};

use super::{CodecError, Pixels};

const NAME: &str = "PNG";

/// How to encode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// 0 (fast) to 6 (small, minutes for a large texture): oxipng's preset.
    pub effort: u8,
    /// Keep the colour of fully transparent pixels, for images whose alpha is not transparency.
    pub exact: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { effort: 2, exact: false }
    }
}

/// Encodes `pixels` without loss; an opaque image is written without an alpha channel.
///
/// # Errors
/// [`CodecError::Encode`] for an effort above 6, or when oxipng gives up.
pub fn encode(pixels: &Pixels, options: &Options) -> Result<Vec<u8>, CodecError> {
    if options.effort > 6 {
        return Err(CodecError::encode(NAME, format!("effort {} is not between 0 and 6", options.effort)));
    }
    let (samples, channels) = if pixels.is_opaque() {
        (pixels.to_rgb(), ColorType::RGB { transparent_color: None })
    } else {
        (pixels.rgba().to_vec(), ColorType::RGBA)
    };
    let mut settings = oxipng::Options::from_preset(options.effort);
    settings.optimize_alpha = !options.exact;
    RawImage::new(pixels.width(), pixels.height(), channels, BitDepth::Eight, samples)
        .and_then(|image| image.create_optimized_png(&settings))
        .map_err(|error| CodecError::encode(NAME, error))
}

#[cfg(test)]
mod tests {
    use super::super::image_file::decode;
    use super::super::pixels::tests::{landscape, painted};
    use super::*;

    fn round_trip(pixels: &Pixels, options: &Options) -> Pixels {
        decode(&encode(pixels, options).expect("encodes"), 1 << 20).expect("decodes")
    }

    #[test]
    fn every_pixel_is_kept() {
        let clear = painted(20, 30, |x, y| [x as u8 * 9, y as u8 * 7, 3, (x * y) as u8]);
        for effort in [0, 2, 6] {
            let options = Options { effort, exact: true };
            assert_eq!(round_trip(&landscape(40, 20), &options), landscape(40, 20));
            assert_eq!(round_trip(&clear, &options), clear);
        }
    }

    #[test]
    fn colour_under_transparency_goes_only_when_allowed() {
        let image = painted(32, 32, |x, y| {
            [(x * 37 % 251) as u8, (y * 91 % 241) as u8, 5, if x > 3 { 0 } else { 255 }]
        });
        let loose = round_trip(&image, &Options { exact: false, ..Options::default() });
        assert_ne!(loose, image);
        for (before, after) in image.texels().iter().zip(loose.texels()) {
            assert!(before == after || (before[3] == 0 && after[3] == 0));
        }
    }

    #[test]
    fn few_colours_become_a_palette() {
        let image =
            painted(64, 64, |x, y| if (x / 7 + y / 5) % 2 == 0 { [9, 8, 7, 255] } else { [200, 0, 90, 255] });
        let file = encode(&image, &Options::default()).expect("encodes");
        assert_eq!((file[24], file[25]), (1, 3), "one bit a pixel, palette");
    }

    #[test]
    fn an_impossible_effort_is_an_error() {
        assert!(encode(&landscape(4, 4), &Options { effort: 7, exact: true }).is_err());
    }
}
