//! Every codec, encoding and decoding for real: what is built in may still fail on this processor.

use super::Finding;
use crate::optimize::codecs::draco::{self, Channel, Elements, Source};
use crate::optimize::codecs::ktx2::{self, Coding};
use crate::optimize::codecs::meshopt::{self, Filter, Layout, Mode, Version};
use crate::optimize::codecs::{CodecError, Pixels, avif, image_file, jpeg, png, resize::Content, webp};

/// Width and height of the picture, in pixels.
const SIDE: u32 = 64;
/// Vertices along a side of the mesh.
const VERTICES: u32 = 16;
/// The largest mean difference of a channel that a lossy codec may leave at the qualities below. Nothing to do with beauty:
/// a codec that is broken is off by tens.
const MOST_MEAN_DIFFERENCE: f64 = 6.0;

/// Encodes and decodes once; says how many bytes lay between.
type RoundTrip = fn() -> Result<usize, String>;

/// The codecs, with the names of their checks.
pub(super) const ALL: [(&str, RoundTrip); 7] = [
    ("codec_png", png_round_trip),
    ("codec_jpeg", jpeg_round_trip),
    ("codec_webp", webp_round_trip),
    ("codec_avif", avif_round_trip),
    ("codec_ktx2", ktx2_round_trip),
    ("codec_meshopt", meshopt_round_trip),
    ("codec_draco", draco_round_trip),
];

pub(super) fn exercise(round_trip: RoundTrip) -> Finding {
    match round_trip() {
        Ok(bytes) => Finding::pass(format!("encoded into {bytes} bytes and decoded")),
        Err(reason) => {
            Finding::fail(reason, "this executable does not fit this machine: build it here, and report this")
        }
    }
}

fn png_round_trip() -> Result<usize, String> {
    let file = said(png::encode(&picture()?, &png::Options { effort: 1, exact: true }))?;
    compare(&file, 0.0)
}

fn jpeg_round_trip() -> Result<usize, String> {
    let options = jpeg::Options { quality: 90.0, sampling: jpeg::Sampling::Full };
    compare(&said(jpeg::encode(&picture()?, &options))?, MOST_MEAN_DIFFERENCE)
}

fn webp_round_trip() -> Result<usize, String> {
    let lossy = webp::Mode::Lossy { quality: 90.0, sharp_yuv: true, alpha_quality: 100 };
    let encode = |mode| said(webp::encode(&picture()?, &webp::Options { mode, ..webp::Options::default() }));
    compare(&encode(webp::Mode::Lossless)?, 0.0)?;
    compare(&encode(lossy)?, MOST_MEAN_DIFFERENCE)
}

fn avif_round_trip() -> Result<usize, String> {
    let options = avif::Options { quality: 80, speed: 8, channels: avif::Channels::Mixed };
    compare(&said(avif::encode(&picture()?, &options))?, MOST_MEAN_DIFFERENCE)
}

fn ktx2_round_trip() -> Result<usize, String> {
    let encode = |coding| {
        let options = ktx2::Options { coding, quality: 90, effort: 2, content: Content::Colour };
        said(ktx2::encode(&picture()?, &options))
    };
    compare(&encode(Coding::Etc1s)?, MOST_MEAN_DIFFERENCE)?;
    compare(&encode(Coding::Uastc)?, MOST_MEAN_DIFFERENCE)
}

fn meshopt_round_trip() -> Result<usize, String> {
    let (triangles, positions) = mesh();
    let bytes: Vec<u8> = positions.iter().flat_map(|value| value.to_le_bytes()).collect();
    let (stride, count) = (12, positions.len() / 3);
    let encoded = said(meshopt::encode_vertices(&bytes, stride, count, Version::Ext))?;
    let layout =
        Layout { mode: Mode::Attributes, filter: Filter::None, count, stride, version: Version::Ext };
    let decoded = said(meshopt::decode(&encoded, &layout, bytes.len()))?;
    let indices = triangles.as_flattened();
    let encoded_indices = said(meshopt::encode_triangles(indices))?;
    let layout = Layout { mode: Mode::Triangles, count: indices.len(), stride: 4, ..layout };
    let decoded_indices = said(meshopt::decode(&encoded_indices, &layout, 4 * indices.len()))?;
    if decoded != bytes || decoded_indices.len() != 4 * indices.len() {
        return Err("the mesh that came back is another".into());
    }
    Ok(encoded.len() + encoded_indices.len())
}

fn draco_round_trip() -> Result<usize, String> {
    let (triangles, positions) = mesh();
    let elements = Elements::Floats { values: &positions, exponent: -4 };
    let source = Source { channel: Channel::Position, components: 3, elements };
    let streams = said(draco::encode(&triangles, &[source]))?;
    let stream = streams.first().ok_or("nothing came of it")?;
    let decoded = said(draco::decode(stream, triangles.len()))?;
    if decoded.triangles.len() != triangles.len() || decoded.vertex_count != positions.len() / 3 {
        return Err("the mesh that came back is another".into());
    }
    Ok(stream.len())
}

/// Decodes, and compares with the picture.
fn compare(file: &[u8], most_difference: f64) -> Result<usize, String> {
    let (before, after) = (picture()?, said(image_file::decode(file, u64::from(SIDE * SIDE)))?);
    if (after.width(), after.height()) != (SIDE, SIDE) {
        return Err(format!("{} x {} pixels came back", after.width(), after.height()));
    }
    let off =
        before.rgba().iter().zip(after.rgba()).map(|(before, after)| f64::from(before.abs_diff(*after)));
    let mean = off.sum::<f64>() / before.rgba().len() as f64;
    if mean > most_difference {
        return Err(format!("the picture that came back is off by {mean:.1} of 255 on the average"));
    }
    Ok(file.len())
}

/// Soft colours, as every codec likes them.
fn picture() -> Result<Pixels, String> {
    let texel = |at: u32| {
        let (x, y) = (at % SIDE, at / SIDE);
        [(40 + 3 * x) as u8, (200 - 2 * y) as u8, (60 + x + y) as u8, 255]
    };
    said(Pixels::new(SIDE, SIDE, (0..SIDE * SIDE).flat_map(texel).collect()))
}

/// A wavy square whose coordinates are multiples of 1/16.
fn mesh() -> (Vec<[u32; 3]>, Vec<f32>) {
    let vertices = (0..VERTICES * VERTICES).map(|vertex| (vertex % VERTICES, vertex / VERTICES));
    let positions = vertices.flat_map(|(x, y)| [x, y, (x * x + 3 * y) % 7].map(|value| value as f32 / 16.0));
    let corners = (0..VERTICES - 1).flat_map(|y| (0..VERTICES - 1).map(move |x| y * VERTICES + x));
    let triangles = corners.flat_map(|v| [[v, v + 1, v + VERTICES], [v + 1, v + VERTICES + 1, v + VERTICES]]);
    (triangles.collect(), positions.collect())
}

fn said<T>(result: Result<T, CodecError>) -> Result<T, String> {
    result.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_codec_passes_here() {
        for (name, round_trip) in ALL {
            assert!(round_trip().is_ok_and(|bytes| bytes > 0), "{name}: {:?}", round_trip());
        }
    }

    #[test]
    fn another_picture_is_not_taken_for_it() {
        let black = Pixels::new(SIDE, SIDE, [0, 0, 0, 255].repeat((SIDE * SIDE) as usize)).unwrap();
        let file = png::encode(&black, &png::Options::default()).unwrap();
        assert!(compare(&file, MOST_MEAN_DIFFERENCE).unwrap_err().contains("off by"));
        assert!(compare(b"nothing", MOST_MEAN_DIFFERENCE).is_err());
    }
}
