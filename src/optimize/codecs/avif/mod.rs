//! AVIF, by libaom: lossy at full colour resolution (4:4:4), about half the bytes of WebP at equal rendered error.
//!
//! [`aom`] calls the library, [`planes`] turns RGB into its planes and back, [`container`] writes and reads the boxes
//! around them, [`sequence`] bounds memory before libaom sees a byte. Encoding uses one thread; the bytes depend on
//! pixels and options alone.

mod aom;
mod container;
mod planes;
mod sequence;

use self::aom::{Effort, Frame, Planes};
use super::{CodecError, Pixels};

/// The longest side that we write, in pixels: that of AV1.
pub const MAX_SIDE: u32 = 65_536;

const NAME: &str = "AVIF";

/// What becomes of red, green and blue before they are rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channels {
    /// Brightness and colour differences (BT.601). For colour; a grey image gets one plane.
    Mixed,
    /// Each by itself, green with the precision of brightness.
    Separate,
    /// Only this one (0 is red), as a grey image: for numbers of which one channel is read.
    One(usize),
}

/// How to encode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// 0 (smallest) to 100 (best), as other tools count: libaom's quantizer from 63 to 0.
    pub quality: u8,
    /// 0 (slow, small) to 9 (fast): libaom's "cpu-used". Drawings are encoded at 7 at most.
    pub speed: u8,
    /// How the channels are stored.
    pub channels: Channels,
}

/// Encodes `pixels`; alpha only where there is some.
///
/// # Errors
/// [`CodecError::Encode`] for options out of range, or when libaom gives up.
pub fn encode(pixels: &Pixels, options: &Options) -> Result<Vec<u8>, CodecError> {
    let is_valid = options.quality <= 100
        && options.speed <= 9
        && !matches!(options.channels, Channels::One(channel) if channel > 3)
        && pixels.width().max(pixels.height()) <= MAX_SIDE;
    if !is_valid {
        let (width, height) = (pixels.width(), pixels.height());
        return Err(CodecError::encode(NAME, format!("{options:?} at {width} x {height} pixels")));
    }
    let quantizer = ((100 - u32::from(options.quality)) * 63 + 50) / 100;
    let effort = Effort { quantizer: quantizer as u8, speed: options.speed };
    let (samples, matrix) = match options.channels {
        Channels::One(channel) => (planes::from_channels(pixels, &[channel]), planes::BT601),
        _ if pixels.is_grey() => (planes::from_channels(pixels, &[0]), planes::BT601),
        Channels::Mixed => (planes::from_colour(pixels), planes::BT601),
        Channels::Separate => (planes::from_channels(pixels, &[1, 2, 0]), planes::IDENTITY),
    };
    let colour = encode_planes(pixels, &samples, effort, matrix)?;
    let with_alpha = !pixels.is_opaque() && !matches!(options.channels, Channels::One(_));
    let alpha = if with_alpha {
        let samples = planes::from_channels(pixels, &[3]);
        Some(encode_planes(pixels, &samples, effort, planes::BT601)?)
    } else {
        None
    };
    container::write(&colour, alpha.as_deref(), samples.len() == 1, matrix)
}

fn encode_planes(
    size: &Pixels,
    samples: &[Vec<u8>],
    effort: Effort,
    matrix: u16,
) -> Result<Vec<u8>, CodecError> {
    let planes = Planes { width: size.width(), height: size.height(), samples };
    aom::encode(&planes, effort, matrix)
}

/// Decodes a still AVIF file that must have the `expected` width and height. More than 8 bits are rounded to 8.
pub(super) fn decode(file: &[u8], expected: (u32, u32)) -> Result<Pixels, CodecError> {
    let streams = container::read(file)?;
    let frame = decode_frame(&streams.colour, expected)?;
    let alpha = match &streams.alpha {
        Some(data) => Some(decode_frame(data, expected)?),
        None => None,
    };
    planes::to_pixels(&frame, alpha.as_ref(), streams.matrix.unwrap_or(frame.matrix()))
}

fn decode_frame(data: &[u8], expected: (u32, u32)) -> Result<Frame, CodecError> {
    let sizes_differ = || CodecError::damaged(NAME, "it states two different sizes");
    let sequence = sequence::of_still(data)?;
    // libaom takes memory for the size in the stream, whatever the container says.
    if (sequence.width, sequence.height) != expected {
        return Err(sizes_differ());
    }
    let frame = Frame::decode(data)?;
    if frame.size() == expected { Ok(frame) } else { Err(sizes_differ()) }
}

#[cfg(test)]
mod tests {
    use super::super::image_file::{self, Format, probe};
    use super::super::pixels::tests::{landscape, painted};
    use super::*;

    fn options(quality: u8, channels: Channels) -> Options {
        Options { quality, speed: 8, channels }
    }

    fn round_trip(pixels: &Pixels, options: &Options) -> Pixels {
        let file = encode(pixels, options).expect("encodes");
        let found = probe(&file).expect("an AVIF");
        assert_eq!(
            (found.format, found.width, found.height),
            (Format::Avif, pixels.width(), pixels.height())
        );
        assert_eq!(found.has_alpha, !pixels.is_opaque() && !matches!(options.channels, Channels::One(_)));
        image_file::decode(&file, 1 << 20).expect("decodes")
    }

    fn worst(before: &Pixels, after: &Pixels, channel: usize) -> u8 {
        let differences = before.texels().iter().zip(after.texels());
        differences.map(|(a, b)| a[channel].abs_diff(b[channel])).max().expect("has pixels")
    }

    #[test]
    fn colour_and_alpha_survive_a_round_trip() {
        let image = painted(61, 35, |x, y| [x as u8 * 4, y as u8 * 7, 90, 255 - x as u8 * 3]);
        for channels in [Channels::Mixed, Channels::Separate] {
            let result = round_trip(&image, &options(95, channels));
            for channel in 0..4 {
                assert!(worst(&image, &result, channel) < 12, "{channels:?}, channel {channel}");
            }
        }
    }

    #[test]
    fn saturated_colours_come_back_as_they_were() {
        let palette = [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [0, 0, 0], [255, 255, 0]];
        for colour in palette {
            let image = painted(16, 16, |_, _| [colour[0], colour[1], colour[2], 255]);
            let result = round_trip(&image, &options(100, Channels::Mixed));
            assert!((0..3).all(|channel| worst(&image, &result, channel) <= 2), "{colour:?}");
        }
    }

    /// A truck's plain paint took 62 kB, where other tools needed 16.
    #[test]
    fn regression_drawings_are_not_spoilt_by_haste() {
        let plates = painted(512, 512, |x, y| {
            let [r, g, b] =
                [[176, 30, 24], [214, 214, 208], [60, 60, 66]][((x / 96 + y / 80 * 2) % 3) as usize];
            let is_seam = x % 96 < 2 || y % 80 < 2;
            if is_seam { [r / 10 * 6, g / 10 * 6, b / 10 * 6, 255] } else { [r, g, b, 255] }
        });
        let bytes = |speed| {
            encode(&plates, &Options { quality: 25, speed, channels: Channels::Mixed })
                .expect("encodes")
                .len()
        };
        let (slow, fast) = (bytes(7), bytes(8));
        assert!(fast < slow + 400, "{fast} bytes at speed 8, {slow} at 7");
    }

    #[test]
    fn one_channel_is_stored_alone() {
        let image = painted(32, 32, |x, y| [(x * 31) as u8, (x + y) as u8 * 3, (y * 57) as u8, 255]);
        let all = encode(&image, &options(70, Channels::Separate)).expect("encodes");
        let one = encode(&image, &options(70, Channels::One(1))).expect("encodes");
        assert!(one.len() < all.len());
        let result = round_trip(&image, &options(90, Channels::One(1)));
        assert!(result.is_grey() && worst(&image, &result, 1) < 12);
    }

    #[test]
    fn quality_trades_bytes_for_fidelity() {
        let image = landscape(128, 128);
        let results = [20, 60, 95].map(|quality| {
            let options = options(quality, Channels::Mixed);
            (
                encode(&image, &options).expect("encodes").len(),
                worst(&image, &round_trip(&image, &options), 0),
            )
        });
        assert!(results.is_sorted_by(|a, b| a.0 < b.0 && a.1 > b.1), "{results:?}");
    }

    #[test]
    fn what_is_coarse_is_kept_before_what_is_fine() {
        let error = |side: u32| {
            let checker = |x: u32, y: u32| if (x / side + y / side).is_multiple_of(2) { 116 } else { 140 };
            let image = painted(128, 128, |x, y| [checker(x, y), checker(x, y), 90, 255]);
            let result = round_trip(&image, &options(70, Channels::Mixed));
            let off = image.texels().iter().zip(result.texels()).map(|(a, b)| u32::from(a[1].abs_diff(b[1])));
            off.sum::<u32>() as f32 / (128.0 * 128.0)
        };
        let (coarse, fine) = (error(16), error(1));
        assert!(coarse * 3.0 < fine, "{coarse} and {fine}");
    }

    #[test]
    fn the_same_pixels_give_the_same_bytes() {
        let image = landscape(100, 60);
        let options = options(60, Channels::Mixed);
        assert_eq!(encode(&image, &options), encode(&image, &options));
    }

    #[test]
    fn options_out_of_range_are_errors() {
        let image = landscape(8, 8);
        for bad in [
            options(101, Channels::Mixed),
            options(50, Channels::One(4)),
            Options { speed: 10, ..options(50, Channels::Mixed) },
        ] {
            assert!(matches!(encode(&image, &bad), Err(CodecError::Encode { .. })), "{bad:?}");
        }
    }

    #[test]
    fn damaged_files_are_errors_and_never_panics() {
        let image = painted(48, 32, |x, y| [x as u8 * 5, y as u8 * 7, 90, 200 + x as u8]);
        let file = encode(&image, &options(60, Channels::Mixed)).expect("encodes");
        for length in 0..file.len() {
            assert!(image_file::decode(&file[..length], 1 << 20).is_err(), "cut at {length}");
        }
        for at in 0..file.len() {
            let mut changed = file.clone();
            for flip in [0x55, 0xFF, 0x01] {
                changed[at] = file[at] ^ flip;
                if let Ok(image) = image_file::decode(&changed, 1 << 20) {
                    assert_eq!((image.width(), image.height()), (48, 32));
                }
            }
        }
    }

    /// A stream may ask for any size, whatever the container says.
    #[test]
    fn a_stream_larger_than_its_container_says_is_refused_before_it_is_decoded() {
        let small = encode(&landscape(16, 16), &options(60, Channels::Mixed)).expect("encodes");
        let large = encode(&landscape(64, 64), &options(60, Channels::Mixed)).expect("encodes");
        let stream = container::read(&large).expect("a container").colour;
        let mut forged = container::write(&stream, None, false, planes::BT601).expect("writes");
        let size_at = forged.windows(4).position(|bytes| bytes == b"ispe").expect("has one") + 8;
        forged[size_at..size_at + 8].copy_from_slice(&[0, 0, 0, 16, 0, 0, 0, 16]);
        let refused = image_file::decode(&forged, 1 << 20);
        assert_eq!(refused, Err(CodecError::damaged(NAME, "it states two different sizes")));
        assert!(image_file::decode(&small, 1 << 20).is_ok());
    }
}
