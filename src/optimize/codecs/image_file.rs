//! Image files: what one is (from its header) and its pixels (for PNG, JPEG, WebP, AVIF and KTX2).
//!
//! glTF wants pixels as they are stored: gamma and colour profiles in a PNG and the orientation in a JPEG are ignored
//! here on purpose; of the latter [`is_turned`] tells. Writers are in [`png`](super::png), [`jpeg`](super::jpeg), [`webp`],
//! [`avif`] and [`ktx2`].

use std::io::Cursor;

use image::codecs::{jpeg::JpegDecoder, png::PngDecoder};
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageResult, Limits};

use super::{CodecError, Pixels, avif, contain, headers, ktx2, resize, webp};

/// The format of an image file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Format {
    /// Portable Network Graphics, one of glTF's two own formats.
    Png,
    /// JPEG, the other one.
    Jpeg,
    /// EXT_texture_webp.
    WebP,
    /// EXT_texture_avif.
    Avif,
    /// KHR_texture_basisu.
    Ktx2,
    /// An image, but none that glTF knows: GIF, BMP. Only the dimensions are read.
    Other,
}

impl Format {
    /// The media type that glTF uses; `None` for formats that glTF does not know.
    pub fn mime(self) -> Option<&'static str> {
        match self {
            Self::Png => Some("image/png"),
            Self::Jpeg => Some("image/jpeg"),
            Self::WebP => Some("image/webp"),
            Self::Avif => Some("image/avif"),
            Self::Ktx2 => Some("image/ktx2"),
            Self::Other => None,
        }
    }

    /// The name that people use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Png => "PNG",
            Self::Jpeg => "JPEG",
            Self::WebP => "WebP",
            Self::Avif => "AVIF",
            Self::Ktx2 => "KTX2",
            Self::Other => "GIF or BMP",
        }
    }
}

/// What the header of an image file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe {
    /// Told from the bytes, never from a name or a MIME type.
    pub format: Format,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// 1 to 16.
    pub bits_per_channel: u8,
    /// The file can hold alpha; the pixels may still all be opaque.
    pub has_alpha: bool,
    /// More than one frame.
    pub animated: bool,
}

/// The pixels of `file`, width times height, from its header; 0 where [`probe`] finds none.
pub fn pixels(file: &[u8]) -> u64 {
    probe(file).map_or(0, |probe| u64::from(probe.width) * u64::from(probe.height))
}

/// Reads the header of `file`; `None` if it is no image that we know or its header is cut off.
pub fn probe(file: &[u8]) -> Option<Probe> {
    headers::read(file)
}

/// Whether the end of `file` is missing although [`decode`] makes a picture of it: JPEG decoders fill up with grey.
pub fn is_cut_off(file: &[u8]) -> bool {
    probe(file).is_some_and(|probe| probe.format == Format::Jpeg) && headers::is_jpeg_cut_off(file)
}

/// Whether a JPEG says that it is to be turned or mirrored: browsers do so, and other loaders do not.
pub fn is_turned(file: &[u8]) -> bool {
    if probe(file).is_none_or(|probe| probe.format != Format::Jpeg) {
        return false;
    }
    let orientation = contain(CodecError::damaged("JPEG", "the decoder gave up on it"), || {
        let decoder = JpegDecoder::new(Cursor::new(file));
        Ok(decoder.and_then(|mut decoder| decoder.orientation()).unwrap_or(Orientation::NoTransforms))
    });
    orientation.is_ok_and(|orientation| orientation != Orientation::NoTransforms)
}

/// Decodes a PNG, JPEG, WebP, AVIF or KTX2 file (of that the largest level). 16-bit channels are rounded to 8.
///
/// # Errors
/// [`CodecError::TooManyPixels`] for width x height above `max_pixels`, before anything is allocated for them;
/// [`CodecError::Unsupported`] for other formats, animated WebP, tiled AVIF and CMYK; [`CodecError::Damaged`] otherwise.
pub fn decode(file: &[u8], max_pixels: u64) -> Result<Pixels, CodecError> {
    let probe = probe(file).ok_or_else(|| {
        CodecError::damaged("image", "it begins like no format that we know, or it is cut off")
    })?;
    let (width, height, format) = (probe.width, probe.height, probe.format.name());
    if u64::from(width) * u64::from(height) > max_pixels {
        return Err(CodecError::TooManyPixels { width, height, max_pixels });
    }
    if width == 0 || height == 0 {
        return Err(CodecError::damaged(format, "its header says that it has no pixels"));
    }
    contain(CodecError::damaged(format, "the decoder gave up on it"), || match probe.format {
        Format::Png => read(PngDecoder::with_limits(Cursor::new(file), limits(&probe)), &probe),
        Format::Jpeg => read(JpegDecoder::new(Cursor::new(file)), &probe),
        Format::WebP => webp::decode(file, (width, height)),
        Format::Avif => avif::decode(file, (width, height)),
        Format::Ktx2 => ktx2::decode(file),
        Format::Other => Err(CodecError::Unsupported {
            format,
            reason: "only PNG, JPEG, WebP, AVIF and KTX2 are decoded; the image stays as it is".into(),
        }),
    })
}

/// Decodes as [`decode`] does, to the numbers that a viewer shows in a slot for colours (`is_colour`) or for other data. Viewers
/// obey a KTX2 file's own mark as sRGB or linear, whatever its slot, and files exist whose normals and roughness are
/// marked as sRGB; no other format has such a mark.
///
/// # Errors
/// Those of [`decode`].
pub fn decode_as(file: &[u8], max_pixels: u64, is_colour: bool) -> Result<Pixels, CodecError> {
    let mut pixels = decode(file, max_pixels)?;
    let Some(header) = ktx2::read_header(file).filter(|header| header.is_srgb != is_colour) else {
        return Ok(pixels);
    };
    let shown: [u8; 256] = std::array::from_fn(|value| {
        let value = value as f64 / 255.0;
        let shown = if header.is_srgb { resize::to_linear(value) } else { resize::to_srgb(value) };
        (shown * 255.0).round() as u8
    });
    for texel in pixels.texels_mut() {
        for value in &mut texel[..3] {
            *value = shown[usize::from(*value)];
        }
    }
    Ok(pixels)
}

/// Room for the pixels at 16 bits and for the metadata of a sane file: a small PNG may hold a huge text.
fn limits(probe: &Probe) -> Limits {
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(u64::from(probe.width) * u64::from(probe.height) * 8 + (64 << 20));
    limits
}

fn read(decoder: ImageResult<impl ImageDecoder>, probe: &Probe) -> Result<Pixels, CodecError> {
    let damaged = |reason: &dyn ToString| CodecError::damaged(probe.format.name(), reason.to_string());
    let decoder = decoder.map_err(|error| damaged(&error))?;
    if decoder.dimensions() != (probe.width, probe.height) {
        return Err(damaged(&"it states two different sizes"));
    }
    let image = DynamicImage::from_decoder(decoder).map_err(|error| damaged(&error))?;
    Pixels::new(probe.width, probe.height, image.into_rgba8().into_raw())
}

#[cfg(test)]
mod tests {
    use image::{ExtendedColorType, ImageEncoder, codecs::jpeg::JpegEncoder, codecs::png::PngEncoder};

    use super::super::pixels::tests::{landscape, painted};
    use super::*;

    const MAX: u64 = 1 << 20;

    fn png_of(bytes: &[u8], width: u32, height: u32, kind: ExtendedColorType) -> Vec<u8> {
        let mut file = Vec::new();
        PngEncoder::new(&mut file).write_image(bytes, width, height, kind).expect("encodes");
        file
    }

    #[test]
    fn a_jpeg_that_is_to_be_turned_is_known() {
        let plain = landscape_jpeg();
        assert!(!is_turned(&plain) && !is_turned(b"no image"));
        for (orientation, is_other) in [(1, false), (6, true)] {
            // A directory of one entry: tag 0x0112, one short.
            let exif = [
                b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".as_slice(),
                &[orientation, 0, 0, 0, 0, 0, 0],
            ];
            let exif = exif.concat();
            let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
            let turned = [&plain[..2], &[0xFF, 0xE1], &length, &exif, &plain[2..]].concat();
            assert_eq!(is_turned(&turned), is_other);
        }
    }

    fn landscape_jpeg() -> Vec<u8> {
        let mut file = Vec::new();
        let rgb = landscape(40, 24).to_rgb();
        JpegEncoder::new(&mut file).write_image(&rgb, 40, 24, ExtendedColorType::Rgb8).expect("encodes");
        file
    }

    /// Header bytes: each part is placed at its offset, zeros between.
    fn header(parts: &[(usize, &[u8])]) -> Vec<u8> {
        let mut file = vec![0; 128];
        for (at, bytes) in parts {
            file[*at..at + bytes.len()].copy_from_slice(bytes);
        }
        file
    }

    #[test]
    fn png_of_every_kind_is_read() {
        let image = painted(3, 2, |x, y| [x as u8 * 100, y as u8 * 50, 9, 200 + x as u8]);
        let file = png_of(image.rgba(), 3, 2, ExtendedColorType::Rgba8);
        assert_eq!(decode(&file, MAX), Ok(image));
        let found = probe(&file).expect("a PNG");
        assert_eq!((found.format, found.width, found.height), (Format::Png, 3, 2));
        assert!(found.has_alpha && !found.animated && found.bits_per_channel == 8);

        let grey = decode(&png_of(&[0, 77], 2, 1, ExtendedColorType::L8), MAX).expect("a PNG");
        assert_eq!(grey.texels(), [[0, 0, 0, 255], [77, 77, 77, 255]]);
        let grey_alpha = decode(&png_of(&[5, 6], 1, 1, ExtendedColorType::La8), MAX).expect("a PNG");
        assert_eq!(grey_alpha.texels(), [[5, 5, 5, 6]]);
    }

    #[test]
    fn sixteen_bits_are_rounded_to_eight() {
        let samples: Vec<u8> = [0x8080_u16, 0x80FF, 0xFFFF].iter().flat_map(|v| v.to_ne_bytes()).collect();
        let file = png_of(&samples, 1, 1, ExtendedColorType::Rgb16);
        assert_eq!(probe(&file).expect("a PNG").bits_per_channel, 16);
        assert_eq!(decode(&file, MAX).expect("a PNG").texels(), [[0x80, 0x80, 0xFF, 255]]);
    }

    #[test]
    fn palette_with_transparency_is_expanded() {
        // 2 x 1, 1 bit a pixel; written by oxipng's own reduction, which the header must show.
        let image = painted(64, 64, |x, _| if x % 2 == 0 { [255, 0, 0, 255] } else { [0, 0, 255, 128] });
        let file = super::super::png::encode(&image, &Default::default()).expect("encodes");
        assert_eq!(file[25], 3, "the fixture is to be a palette image");
        assert!(probe(&file).expect("a PNG").has_alpha);
        assert_eq!(decode(&file, MAX), Ok(image));
    }

    #[test]
    fn jpeg_is_read_and_its_orientation_ignored() {
        let file = landscape_jpeg();
        let found = probe(&file).expect("a JPEG");
        assert_eq!((found.format, found.width, found.height), (Format::Jpeg, 40, 24));
        // An EXIF block that asks for a rotation by 90 degrees, right after the start marker.
        let exif = b"\xFF\xE1\x00\x22Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
        let rotated = [&file[..2], exif, &file[2..]].concat();
        assert_eq!(decode(&rotated, MAX), decode(&file, MAX));
        assert_eq!(decode(&rotated, MAX).expect("a JPEG").width(), 40);
    }

    #[test]
    fn a_jpeg_that_was_cut_off_is_told_apart() {
        let file = landscape_jpeg();
        assert!(!is_cut_off(&file));
        assert!(!is_cut_off(&[&file[..], b"trailing bytes"].concat()));
        let cut = &file[..file.len() - 10];
        assert!(is_cut_off(cut));
        assert!(decode(cut, MAX).is_ok(), "it still gives a picture");
    }

    #[test]
    fn sizes_are_refused_from_the_header() {
        let huge = header(&[(0, b"\x89PNG\r\n\x1A\n\0\0\0\rIHDR\0\x01\0\0\0\x01\0\0\x08\x02")]);
        let refused = CodecError::TooManyPixels { width: 65536, height: 65536, max_pixels: MAX };
        assert_eq!(decode(&huge, MAX), Err(refused));
    }

    #[test]
    fn headers_of_formats_that_are_only_passed_on() {
        let avif = header(&[
            (0, b"\0\0\0\x14ftypavif\0\0\0\0mif1"),
            (20, b"\0\0\0\x54meta\0\0\0\0"),
            (32, b"\0\0\0\x44iprp\0\0\0\x3Cipco"),
            (48, b"\0\0\0\x14ispe\0\0\0\0\0\0\x02\0\0\0\x01\0"),
            (68, b"\0\0\0\x10pixi\0\0\0\0\x03\x0A\x0A\x0A"),
        ]);
        let found = probe(&avif).expect("an AVIF");
        assert_eq!((found.format, found.width, found.height), (Format::Avif, 512, 256));
        assert_eq!((found.bits_per_channel, found.has_alpha), (10, false));

        let ktx2 = header(&[
            (0, b"\xABKTX 20\xBB\r\n\x1A\n\0\0\0\0\x01\0\0\0\0\x04\0\0\0\x02\0\0"),
            (48, &80_u32.to_le_bytes()),
            (80, &44_u32.to_le_bytes()),
            (90, &[40, 0, 166]),
            (111, &[3]),
        ]);
        let found = probe(&ktx2).expect("a KTX2");
        assert_eq!((found.format, found.width, found.height), (Format::Ktx2, 1024, 512));
        assert!(found.has_alpha);

        let webp = header(&[(0, b"RIFF\0\0\0\0WEBPVP8X\x0A\0\0\0\x12\0\0\0\xFF\x03\0\xFF\x01\0")]);
        let found = probe(&webp).expect("a WebP");
        assert_eq!((found.width, found.height, found.has_alpha, found.animated), (1024, 512, true, true));

        let gif = probe(b"GIF89a\x10\0\x08\0\0\0").expect("a GIF");
        assert_eq!((gif.format, gif.width, gif.height), (Format::Other, 16, 8));
        assert_eq!(probe(b"glTF\x02\0\0\0 not an image"), None);
    }

    #[test]
    fn damaged_files_are_errors_and_never_panics() {
        let png = png_of(landscape(32, 32).rgba(), 32, 32, ExtendedColorType::Rgba8);
        let webp = webp::encode(&landscape(32, 32), &Default::default()).expect("encodes");
        for file in [png, landscape_jpeg(), webp] {
            let whole = decode(&file, MAX).expect("an image");
            for length in 0..file.len() {
                // The last bytes may not matter, and a cut JPEG still gives a picture.
                let result = decode(&file[..length], MAX);
                assert!(result.is_err() || result == Ok(whole.clone()) || file[0] == 0xFF, "cut at {length}");
            }
            for at in 0..file.len() {
                let mut changed = file.clone();
                changed[at] ^= 0x55;
                if let Ok(image) = decode(&changed, MAX) {
                    assert!(u64::from(image.width()) * u64::from(image.height()) <= MAX);
                }
            }
        }
    }
}
