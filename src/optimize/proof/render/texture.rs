//! Textures as a GPU samples them: a chain of mip levels, wrapped, filtered within and between levels.

use glam::{Vec2, Vec4};

use crate::optimize::codecs::difference::LINEAR;
use crate::optimize::codecs::{CodecError, Pixels};
use crate::optimize::proof::powers::{Curve, TO_SRGB, floor, log2};

/// What is outside 0 to 1 (glTF sampler, `wrapS` and `wrapT`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrap {
    /// 10497
    Repeat,
    /// 33648
    Mirror,
    /// 33071
    Clamp,
}

/// How a texture is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sampling {
    pub(super) wrap: [Wrap; 2],
    /// Texels without blending between them.
    pub(super) is_nearest: bool,
    /// Smaller levels where the texture is seen from afar.
    pub(super) has_levels: bool,
}

/// An image with its mip levels.
pub(in super::super) struct Texture {
    levels: Vec<Level>,
    /// What a byte of a colour channel stands for, and what one of alpha does.
    values: [f32; 256],
    alphas: [f32; 256],
}

/// What is read of a texture for a pixel: the same of all textures of one size that are read alike.
#[derive(Debug, Clone, Copy)]
pub(super) struct Footprint {
    near: Spot,
    /// In the next level, and its part.
    far: Option<(Spot, f32)>,
}

/// Four neighbours in a level, row by row, and where between them.
#[derive(Debug, Clone, Copy)]
struct Spot {
    level: usize,
    texels: [usize; 4],
    part: Vec2,
}

struct Level {
    width: usize,
    height: usize,
    /// Both.
    size: Vec2,
    texels: Vec<[u8; 4]>,
}

impl Texture {
    /// Builds the mip levels; `is_srgb` images are averaged, and read, as light.
    pub(super) fn new(pixels: &Pixels, is_srgb: bool) -> Self {
        let texels = pixels.texels().to_vec();
        let first = Level::new(pixels.width() as usize, pixels.height() as usize, texels);
        let mut levels = vec![first];
        while let Some(next) = levels.last().and_then(|level| level.halved(is_srgb)) {
            levels.push(next);
        }
        let alphas = std::array::from_fn(|byte| byte as f32 / 255.0);
        let values = if is_srgb { *LINEAR } else { alphas };
        Self { levels, values, alphas }
    }

    /// Bytes of memory that its texels take.
    pub(super) fn bytes(&self) -> usize {
        self.levels.iter().map(|level| std::mem::size_of_val(&level.texels[..])).sum()
    }

    /// Columns and rows of the image.
    pub(super) fn size(&self) -> Vec2 {
        self.levels[0].size
    }

    /// The colour at `uv`, in linear values; `dx` and `dy` are the steps of `uv` to the next pixels.
    pub(super) fn sample(&self, sampling: Sampling, uv: Vec2, dx: Vec2, dy: Vec2) -> Vec4 {
        self.read(&self.footprint(sampling, uv, dx, dy))
    }

    /// What [`Self::sample`] reads.
    pub(super) fn footprint(&self, sampling: Sampling, uv: Vec2, dx: Vec2, dy: Vec2) -> Footprint {
        let size = self.size();
        let step = (dx * size).length_squared().max((dy * size).length_squared());
        let last = if sampling.has_levels { (self.levels.len() - 1) as f32 } else { 0.0 };
        let level = (0.5 * log2(step.clamp(1e-12, 1e12))).clamp(0.0, last);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the levels")]
        let low = level as usize;
        let part = level - low as f32;
        let near = self.spot(low, sampling, uv);
        let far = (part >= 1.0 / 256.0).then(|| (self.spot(low + 1, sampling, uv), part));
        Footprint { near, far }
    }

    /// The colour there. The footprint is this texture's, or that of one of the same size.
    pub(super) fn read(&self, footprint: &Footprint) -> Vec4 {
        let near = self.blended(&footprint.near);
        footprint.far.as_ref().map_or(near, |(far, part)| near.lerp(self.blended(far), *part))
    }

    #[inline(always)]
    fn spot(&self, number: usize, sampling: Sampling, uv: Vec2) -> Spot {
        let level = &self.levels[number];
        let [wrap_x, wrap_y] = sampling.wrap;
        let at = uv * level.size;
        if sampling.is_nearest {
            let x = wrapped(floor(at.x), level.width, wrap_x);
            let texel = wrapped(floor(at.y), level.height, wrap_y) * level.width + x;
            return Spot { level: number, texels: [texel; 4], part: Vec2::ZERO };
        }
        let at = at - 0.5;
        let (x, y) = (floor(at.x), floor(at.y));
        let part = Vec2::new(at.x - x as f32, at.y - y as f32);
        let left = wrapped(x, level.width, wrap_x);
        let right = wrapped(x.saturating_add(1), level.width, wrap_x);
        let top = wrapped(y, level.height, wrap_y) * level.width;
        let bottom = wrapped(y.saturating_add(1), level.height, wrap_y) * level.width;
        Spot { level: number, texels: [top + left, top + right, bottom + left, bottom + right], part }
    }

    #[inline(always)]
    fn blended(&self, spot: &Spot) -> Vec4 {
        let texels = &self.levels[spot.level].texels;
        let [top_left, top_right, bottom_left, bottom_right] = spot.texels;
        // No loop and no closure: this is where most of a comparison's time goes.
        let above = self.colour(texels[top_left]).lerp(self.colour(texels[top_right]), spot.part.x);
        let below = self.colour(texels[bottom_left]).lerp(self.colour(texels[bottom_right]), spot.part.x);
        above.lerp(below, spot.part.y)
    }

    #[inline]
    fn colour(&self, [r, g, b, a]: [u8; 4]) -> Vec4 {
        let values = &self.values;
        Vec4::new(
            values[usize::from(r)],
            values[usize::from(g)],
            values[usize::from(b)],
            self.alphas[usize::from(a)],
        )
    }
}

/// Squares that are looked at of a surface, about.
const MOST_SQUARES: u32 = 1 << 16;

/// The colours of an image on a surface that faces the camera, and on which it fills so many pixels: squares of `side` pixels that
/// lie beside each other, or evenly apart where they are many.
///
/// # Errors
/// Width or height is zero.
pub(in crate::optimize) fn as_mapped(
    pixels: &Pixels,
    (width, height): (u32, u32),
    side: u32,
) -> Result<Pixels, CodecError> {
    let side = side.max(1);
    let squares = [width, height].map(|length| length.div_ceil(side));
    // Odd, so that not all squares lie in the same places of what repeats.
    let step = (squares[0] * squares[1]).div_ceil(MOST_SQUARES).isqrt() | 1;
    let [columns, rows] = squares.map(|count| count.div_ceil(step) * side);
    let texture = Texture::new(pixels, true);
    let sampling = Sampling { wrap: [Wrap::Repeat; 2], is_nearest: false, has_levels: true };
    let size = Vec2::new(width as f32, height as f32);
    let (dx, dy) = (Vec2::new(1.0 / size.x, 0.0), Vec2::new(0.0, 1.0 / size.y));
    let curve = &*TO_SRGB;
    let place = |at: u32| (at / side * step * side + at % side) as f32;
    let shown = |at: u32| {
        let middle = Vec2::new(place(at % columns), place(at / columns)) + 0.5;
        let light = texture.sample(sampling, middle / size, dx, dy);
        let [r, g, b] = light.truncate().to_array().map(|value| to_byte(curve.at(value)));
        [r, g, b, to_byte(light.w)]
    };
    Pixels::new(columns, rows, (0..columns * rows).flat_map(shown).collect())
}

impl Level {
    fn new(width: usize, height: usize, texels: Vec<[u8; 4]>) -> Self {
        Self { width, height, size: Vec2::new(width as f32, height as f32), texels }
    }

    /// The next level, each texel the mean of the up to four below it; `None` after 1 x 1.
    fn halved(&self, is_srgb: bool) -> Option<Self> {
        if self.width == 1 && self.height == 1 {
            return None;
        }
        let (light, curve) = (&*LINEAR, &*TO_SRGB);
        let (width, height) = ((self.width / 2).max(1), (self.height / 2).max(1));
        let mut texels = Vec::with_capacity(width * height);
        let row = |y: usize| &self.texels[y.min(self.height - 1) * self.width..][..self.width];
        for y in 0..height {
            let (above, below) = (row(2 * y), row(2 * y + 1));
            for x in 0..width {
                let (left, right) = ((2 * x).min(self.width - 1), (2 * x + 1).min(self.width - 1));
                let four = [above[left], above[right], below[left], below[right]];
                // Most neighbours are equal where an image is plain.
                let is_plain = four[1] == four[0] && four[2] == four[0] && four[3] == four[0];
                texels.push(match is_srgb {
                    _ if is_plain => four[0],
                    true => mean_of_light(four, light, curve),
                    false => mean(four),
                });
            }
        }
        Some(Self::new(width, height, texels))
    }
}

fn mean_of_light([a, b, c, d]: [[u8; 4]; 4], light: &[f32; 256], curve: &Curve) -> [u8; 4] {
    let mut mean = mean([a, b, c, d]);
    for channel in 0..3 {
        let value = |texel: [u8; 4]| light[usize::from(texel[channel])];
        mean[channel] = to_byte(curve.at((value(a) + value(b) + value(c) + value(d)) / 4.0));
    }
    mean
}

#[inline]
fn mean([a, b, c, d]: [[u8; 4]; 4]) -> [u8; 4] {
    let mut mean = a;
    for channel in 0..4 {
        let sum = [a, b, c, d].iter().fold(2, |sum, texel| sum + u16::from(texel[channel]));
        #[expect(clippy::cast_possible_truncation, reason = "a mean of bytes is a byte")]
        let byte = (sum / 4) as u8;
        mean[channel] = byte;
    }
    mean
}

/// A texel's place in a row or column of `size` texels.
#[expect(clippy::cast_sign_loss, reason = "results lie within the image")]
#[inline]
fn wrapped(at: i32, size: usize, wrap: Wrap) -> usize {
    if at >= 0 && (at as usize) < size {
        return at as usize;
    }
    // No image that was decoded has that many columns.
    let size = i32::try_from(size).unwrap_or(i32::MAX);
    let at = match wrap {
        Wrap::Clamp => at.clamp(0, size - 1),
        Wrap::Repeat => at.rem_euclid(size),
        Wrap::Mirror => {
            let at = at.rem_euclid(size.saturating_mul(2));
            if at < size { at } else { size.saturating_mul(2) - 1 - at }
        }
    };
    at as usize
}

/// A value from 0 to 1 as a byte.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1 in, a byte out")]
fn to_byte(value: f32) -> u8 {
    (value * 255.0 + 0.5) as u8
}
