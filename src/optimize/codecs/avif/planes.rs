//! RGB to the planes of AV1 and back (ITU-T H.273), in full range or video range, 8 to 12 bits, with and without
//! subsampled chroma.

use std::collections::{HashMap, HashSet};

use super::super::{CodecError, Pixels};
use super::NAME;
use super::aom::Frame;

/// Matrix coefficients of ITU-T H.273: no matrix, the planes are green, blue, red.
pub(super) const IDENTITY: u16 = 0;
/// BT.601, which every reader assumes where nothing is said.
pub(super) const BT601: u16 = 6;

/// Weights of red and blue in brightness.
fn weights(matrix: u16) -> Option<(f32, f32)> {
    match matrix {
        1 => Some((0.2126, 0.0722)),
        // 2 is "not specified".
        2 | 5 | BT601 => Some((0.299, 0.114)),
        4 => Some((0.30, 0.11)),
        7 => Some((0.212, 0.087)),
        9 => Some((0.2627, 0.0593)),
        _ => None,
    }
}

/// BT.601 in full range as libyuv has it, and so Chromium: parts of 64 of a colour difference in red, green and blue. They are
/// off by up to a third of a percent, which is seen where all of an image has the same strong colour.
mod libyuv {
    use super::Frame;

    pub(super) const BLUE: i32 = 113;
    pub(super) const GREEN: (i32, i32) = (22, 46);
    pub(super) const RED: i32 = 90;
    /// Parts of 65536 of a sample times 257 in its brightness, which has 64 parts.
    const LUMA: i32 = 16320;

    /// A row of a frame with three planes of 8 bits.
    pub(super) fn row(frame: &Frame, y: u32) -> Vec<[u8; 3]> {
        let [luma, blue, red] = [0, 1, 2].map(|plane| frame.row(plane, y));
        let byte = |sample: u16| u8::try_from(sample).unwrap_or(u8::MAX);
        let samples = luma.into_iter().zip(blue.into_iter().zip(red));
        samples.map(|(y, (u, v))| colour([y, u, v].map(byte))).collect()
    }

    /// A colour, by the same sums as there.
    pub(super) fn colour([y, u, v]: [u8; 3]) -> [u8; 3] {
        let (y, u, v) = (i32::from(y), i32::from(u) - 128, i32::from(v) - 128);
        let y = ((y * 257 * LUMA) >> 16) + 32;
        let [r, g, b] = [y + RED * v, y - GREEN.0 * u - GREEN.1 * v, y + BLUE * u];
        [r, g, b].map(|value| (value >> 6).clamp(0, 255) as u8)
    }
}

/// Brightness and colour differences at full resolution, out of which [`libyuv::colour`] makes the same colours again: viewers
/// whose numbers are the standard's are off by less than half a step.
///
/// Three numbers that are rounded each by itself make a colour that is off by one step in most cases, and a wide plain area that
/// is off by a step is seen. So those of plain areas are rounded together: of the eight ways, the one whose colour is nearest.
/// Elsewhere that would only be noise.
pub(super) fn from_colour(pixels: &Pixels) -> Vec<Vec<u8>> {
    let mix = Mix::new();
    let plain = Plain::of(pixels);
    let mut planes = std::array::from_fn::<_, 3, _>(|_| Vec::with_capacity(pixels.texels().len()));
    let (mut last, mut samples) = (None, [0; 3]);
    for &[r, g, b, _] in pixels.texels() {
        let colour = [r, g, b];
        if last != Some(colour) {
            samples = if plain.contains(colour) { mix.nearest(colour) } else { mix.rounded(colour) };
            last = Some(colour);
        }
        for (plane, sample) in planes.iter_mut().zip(samples) {
            plane.push(sample);
        }
    }
    planes.into()
}

/// Pixels that are looked at for [`Plain`], and which part of them has to have a colour.
const PLAIN_SAMPLES: usize = 1 << 16;
const PLAIN_PART: usize = 256;

/// Colours of which there is much in an image.
struct Plain {
    colours: HashSet<[u8; 3]>,
    /// Which cells of 8 x 8 x 8 colours hold any: most pixels lie in others, and need not be looked up.
    cells: Vec<bool>,
}

impl Plain {
    fn of(pixels: &Pixels) -> Self {
        let colours = plain_colours(pixels);
        let mut cells = vec![false; 1 << 15];
        for &colour in &colours {
            cells[cell(colour)] = true;
        }
        Self { colours, cells }
    }

    fn contains(&self, colour: [u8; 3]) -> bool {
        self.cells[cell(colour)] && self.colours.contains(&colour)
    }
}

fn cell(colour: [u8; 3]) -> usize {
    colour.into_iter().fold(0, |cell, channel| cell << 5 | usize::from(channel >> 3))
}

fn plain_colours(pixels: &Pixels) -> HashSet<[u8; 3]> {
    let texels = pixels.texels();
    // Odd, so that not all samples lie in the same columns.
    let step = texels.len().div_ceil(PLAIN_SAMPLES) | 1;
    let mut counts = HashMap::<[u8; 3], usize>::new();
    for &[r, g, b, _] in texels.iter().step_by(step) {
        *counts.entry([r, g, b]).or_default() += 1;
    }
    let least = texels.len().div_ceil(step).div_ceil(PLAIN_PART);
    counts.into_iter().filter(|&(_, count)| count >= least).map(|(colour, _)| colour).collect()
}

/// The weights of [`libyuv`]'s numbers turned round.
struct Mix {
    kr: f32,
    kb: f32,
    blue: f32,
    red: f32,
}

impl Mix {
    fn new() -> Self {
        let part = |of: i32| of as f32 / 64.0;
        let (blue, red) = (part(libyuv::BLUE), part(libyuv::RED));
        let (green_of_blue, green_of_red) = (part(libyuv::GREEN.0) / blue, part(libyuv::GREEN.1) / red);
        let sum = 1.0 + green_of_blue + green_of_red;
        Self { kr: green_of_red / sum, kb: green_of_blue / sum, blue, red }
    }

    /// The samples of a colour, between whole numbers.
    fn exact(&self, colour: [u8; 3]) -> [f32; 3] {
        let [r, g, b] = colour.map(f32::from);
        let y = self.kr * r + (1.0 - self.kr - self.kb) * g + self.kb * b;
        [y, (b - y) / self.blue + 128.0, (r - y) / self.red + 128.0]
    }

    /// Each sample rounded by itself.
    fn rounded(&self, colour: [u8; 3]) -> [u8; 3] {
        // A cast saturates, and is many times faster than `round`, which is a call on older processors.
        self.exact(colour).map(|value| (value + 0.5) as u8)
    }

    /// The samples whose colour is nearest to this one; of equally near ones those that are [`Self::rounded`].
    fn nearest(&self, colour: [u8; 3]) -> [u8; 3] {
        let (rounded, below) = (self.rounded(colour), self.exact(colour).map(|value| value as u8));
        let ways = (0..8_u8).map(|way| {
            // The other whole number beside the exact one.
            let other = |plane: usize| match rounded[plane] == below[plane] {
                true => below[plane].saturating_add(1),
                false => below[plane],
            };
            let sample = |plane: usize| if way >> plane & 1 == 1 { other(plane) } else { rounded[plane] };
            [0, 1, 2].map(sample)
        });
        ways.min_by_key(|&samples| distance(libyuv::colour(samples), colour)).unwrap_or(rounded)
    }
}

/// The square of how far colours are apart, where green is seen best and blue worst.
fn distance(a: [u8; 3], b: [u8; 3]) -> u32 {
    let square = |channel: usize| u32::from(a[channel].abs_diff(b[channel])).pow(2);
    3 * square(0) + 6 * square(1) + square(2)
}

/// Each of `channels` (0 is red) as a plane.
pub(super) fn from_channels(pixels: &Pixels, channels: &[usize]) -> Vec<Vec<u8>> {
    let plane = |&channel: &usize| pixels.texels().iter().map(|texel| texel[channel]).collect();
    channels.iter().map(plane).collect()
}

/// Pixels of a decoded frame and, if there is one, of its alpha frame.
pub(super) fn to_pixels(
    frame: &Frame,
    alpha: Option<&Frame>,
    matrix: (u16, bool),
) -> Result<Pixels, CodecError> {
    let (width, height) = frame.size();
    let mut rgba = Vec::with_capacity(width as usize * height as usize * 4);
    let colours = Colours::new(frame, matrix)?;
    let is_usual =
        frame.depth() == 8 && frame.chroma_shift() == Some((0, 0)) && matches!(matrix, (2 | 5 | BT601, true));
    for y in 0..height {
        let row: Vec<[u8; 3]> = match is_usual {
            true => libyuv::row(frame, y),
            false => colours.row(frame, y).into_iter().map(|rgb| rgb.map(narrowed)).collect(),
        };
        let alphas = alpha.map(|alpha| (alpha.row(0, y), Range::new(alpha.depth(), alpha.matrix().1)));
        for (x, rgb) in row.into_iter().enumerate() {
            rgba.extend(rgb);
            rgba.push(alphas.as_ref().map_or(255, |(samples, range)| narrowed(range.luma(samples[x]))));
        }
    }
    Pixels::new(width, height, rgba)
}

fn narrowed(value: f32) -> u8 {
    (value * 255.0 + 0.5) as u8
}

/// How samples become numbers from 0 to 1, or from -0.5 to 0.5.
#[derive(Clone, Copy)]
struct Range {
    black: f32,
    luma: f32,
    chroma: f32,
    half: f32,
}

impl Range {
    fn new(depth: u32, is_full: bool) -> Self {
        let step = (1_u32 << (depth - 8)) as f32;
        let half = 128.0 * step;
        if is_full {
            let top = ((1_u32 << depth) - 1) as f32;
            Self { black: 0.0, luma: top, chroma: top, half }
        } else {
            Self { black: 16.0 * step, luma: 219.0 * step, chroma: 224.0 * step, half }
        }
    }

    fn luma(self, sample: u16) -> f32 {
        (f32::from(sample) - self.black) / self.luma
    }

    fn chroma(self, sample: f32) -> f32 {
        (sample - self.half) / self.chroma
    }
}

/// What the three planes of a frame mean.
struct Colours {
    range: Range,
    weights: Option<(f32, f32)>,
}

impl Colours {
    fn new(frame: &Frame, (matrix, is_full): (u16, bool)) -> Result<Self, CodecError> {
        let range = Range::new(frame.depth(), is_full);
        let is_plain = frame.chroma_shift() == Some((0, 0));
        match weights(matrix) {
            None if frame.chroma_shift().is_none() => Ok(Self { range, weights: Some((0.299, 0.114)) }),
            None if matrix == IDENTITY && is_plain => Ok(Self { range, weights: None }),
            None => {
                let reason = format!("its colours are mixed by matrix {matrix}, which is rare");
                Err(CodecError::Unsupported { format: NAME, reason })
            }
            weights => Ok(Self { range, weights }),
        }
    }

    fn row(&self, frame: &Frame, y: u32) -> Vec<[f32; 3]> {
        let range = self.range;
        let luma = frame.row(0, y).into_iter().map(|sample| range.luma(sample));
        let Some(shift) = frame.chroma_shift() else { return luma.map(|grey| [grey; 3]).collect() };
        let Some((kr, kb)) = self.weights else {
            let others = frame.row(1, y).into_iter().zip(frame.row(2, y));
            return luma.zip(others).map(|(g, (b, r))| [range.luma(r), g, range.luma(b)]).collect();
        };
        let (blue, red) = (chroma_row(frame, 1, y, shift), chroma_row(frame, 2, y, shift));
        luma.zip(blue.into_iter().zip(red))
            .map(|(y, (cb, cr))| {
                let (cb, cr) = (range.chroma(cb), range.chroma(cr));
                let (r, b) = (y + (2.0 - 2.0 * kr) * cr, y + (2.0 - 2.0 * kb) * cb);
                [r, (y - kr * r - kb * b) / (1.0 - kr - kb), b]
            })
            .collect()
    }
}

/// A row of chroma at full resolution: subsampled planes are interpolated between the centres of their samples.
fn chroma_row(frame: &Frame, plane: usize, y: u32, (x_shift, y_shift): (u32, u32)) -> Vec<f32> {
    let (width, _) = frame.size();
    let row = |y: u32| frame.row(plane, y).into_iter().map(f32::from);
    let rows: Vec<f32> = if y_shift == 0 {
        row(y).collect()
    } else {
        // Even rows lie a quarter below the sample before, odd ones a quarter above the one after.
        let near = y / 2;
        let other = if y.is_multiple_of(2) { near.saturating_sub(1) } else { near + 1 };
        row(near).zip(row(other)).map(|(near, other)| near * 0.75 + other * 0.25).collect()
    };
    if x_shift == 0 {
        return rows;
    }
    let at = |x: usize| {
        let near = x / 2;
        let other = if x.is_multiple_of(2) { near.saturating_sub(1) } else { (near + 1).min(rows.len() - 1) };
        rows[near] * 0.75 + rows[other] * 0.25
    };
    (0..width as usize).map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Not biased, and hardly farther off than the rounding of three numbers makes it.
    #[test]
    fn colours_come_back_as_they_were() {
        let mut sum = [0i32; 3];
        let steps = || (0..=255u8).step_by(15);
        let colours = steps().flat_map(|r| steps().flat_map(move |g| steps().map(move |b| [r, g, b, 255])));
        let colours: Vec<[u8; 4]> = colours.collect();
        let side = u32::try_from(colours.len()).unwrap();
        let planes = from_colour(&Pixels::new(side, 1, colours.concat()).unwrap());
        for (at, colour) in colours.iter().enumerate() {
            let back = libyuv::colour([0, 1, 2].map(|plane: usize| planes[plane][at]));
            for channel in 0..3 {
                let off = i32::from(back[channel]) - i32::from(colour[channel]);
                assert!(off.abs() <= 2, "{colour:?} became {back:?}");
                sum[channel] += off;
            }
        }
        let bias = sum.map(|sum| f64::from(sum) / colours.len() as f64);
        assert!(bias.iter().all(|bias| bias.abs() < 0.1), "{bias:?}");
    }

    /// A fox of one orange was off by a step of red all over, of which everything was seen that may be.
    #[test]
    fn regression_plain_colours_come_back_exactly_where_that_is_possible() {
        let (orange, sky) = ([255, 191, 0], [12, 200, 255]);
        let texels = (0..64).flat_map(|at| if at < 32 { orange } else { sky }.into_iter().chain([255]));
        let planes = from_colour(&Pixels::new(64, 1, texels.collect()).unwrap());
        let shown = |at: usize| libyuv::colour([0, 1, 2].map(|plane: usize| planes[plane][at]));
        assert_eq!((shown(0), shown(63)), (orange, sky));
    }

    /// What Chromium 156 shows of an AVIF with these samples.
    #[test]
    fn colours_are_those_of_a_browser() {
        for (samples, colour) in [
            ([0, 126, 128], [0, 1, 0]),
            ([216, 103, 151], [248, 208, 172]),
            ([219, 105, 148], [247, 213, 178]),
            ([222, 107, 146], [247, 216, 185]),
            ([228, 105, 148], [255, 222, 187]),
            ([235, 108, 140], [252, 233, 200]),
            ([255, 127, 128], [255, 255, 253]),
        ] {
            assert_eq!(libyuv::colour(samples), colour, "{samples:?}");
        }
    }
}
