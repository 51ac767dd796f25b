//! Textures as a GPU samples them: a chain of mip levels, wrapped, filtered within and between levels.

use glam::{Vec2, Vec4};

use crate::optimize::codecs::Pixels;
use crate::optimize::codecs::difference::linear_light;
use crate::optimize::proof::powers::{TO_SRGB, floor, log2};

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
    /// What a byte of a colour channel stands for.
    values: [f32; 256],
}

struct Level {
    width: usize,
    height: usize,
    texels: Vec<[u8; 4]>,
}

impl Texture {
    /// Builds the mip levels; `is_srgb` images are averaged, and read, as light.
    pub(super) fn new(pixels: &Pixels, is_srgb: bool) -> Self {
        let first = Level {
            width: pixels.width() as usize,
            height: pixels.height() as usize,
            texels: pixels.texels().to_vec(),
        };
        let mut levels = vec![first];
        while let Some(next) = levels.last().and_then(|level| level.halved(is_srgb)) {
            levels.push(next);
        }
        let value = |byte| if is_srgb { linear_light(byte) } else { f32::from(byte) / 255.0 };
        let values = std::array::from_fn(|byte| value(u8::try_from(byte).unwrap_or(u8::MAX)));
        Self { levels, values }
    }

    /// Bytes of memory that its texels take.
    pub(super) fn bytes(&self) -> usize {
        self.levels.iter().map(|level| std::mem::size_of_val(&level.texels[..])).sum()
    }

    /// The colour at `uv`, in linear values; `dx` and `dy` are the steps of `uv` to the next pixels.
    pub(super) fn sample(&self, sampling: Sampling, uv: Vec2, dx: Vec2, dy: Vec2) -> Vec4 {
        let size = Vec2::new(self.levels[0].width as f32, self.levels[0].height as f32);
        let step = (dx * size).length_squared().max((dy * size).length_squared());
        let last = if sampling.has_levels { (self.levels.len() - 1) as f32 } else { 0.0 };
        let level = (0.5 * log2(step.clamp(1e-12, 1e12))).clamp(0.0, last);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the levels")]
        let low = level as usize;
        let part = level - low as f32;
        let near = self.in_level(low, sampling, uv);
        if part < 1.0 / 256.0 { near } else { near.lerp(self.in_level(low + 1, sampling, uv), part) }
    }

    fn in_level(&self, level: usize, sampling: Sampling, uv: Vec2) -> Vec4 {
        let level = &self.levels[level];
        let [wrap_x, wrap_y] = sampling.wrap;
        let at = uv * Vec2::new(level.width as f32, level.height as f32);
        if sampling.is_nearest {
            let x = wrapped(floor(at.x), level.width, wrap_x);
            return self.texel(level, x, wrapped(floor(at.y), level.height, wrap_y));
        }
        let at = at - 0.5;
        let (x, y) = (floor(at.x), floor(at.y));
        let part = Vec2::new(at.x - x as f32, at.y - y as f32);
        let left = wrapped(x, level.width, wrap_x);
        let right = wrapped(x.saturating_add(1), level.width, wrap_x);
        let row = |y: i32| {
            let y = wrapped(y, level.height, wrap_y);
            self.texel(level, left, y).lerp(self.texel(level, right, y), part.x)
        };
        row(y).lerp(row(y.saturating_add(1)), part.y)
    }

    #[inline]
    fn texel(&self, level: &Level, x: usize, y: usize) -> Vec4 {
        let [r, g, b, a] = level.texels[y * level.width + x];
        let value = |byte: u8| self.values[usize::from(byte)];
        Vec4::new(value(r), value(g), value(b), f32::from(a) / 255.0)
    }
}

impl Level {
    /// The next level, each texel the mean of the up to four below it; `None` after 1 x 1.
    fn halved(&self, is_srgb: bool) -> Option<Self> {
        if self.width == 1 && self.height == 1 {
            return None;
        }
        let (width, height) = ((self.width / 2).max(1), (self.height / 2).max(1));
        let mut texels = Vec::with_capacity(width * height);
        for y in 0..height {
            let rows = [(2 * y).min(self.height - 1), (2 * y + 1).min(self.height - 1)];
            for x in 0..width {
                let columns = [(2 * x).min(self.width - 1), (2 * x + 1).min(self.width - 1)];
                let below = [0, 1, 2, 3].map(|i| self.texels[rows[i / 2] * self.width + columns[i % 2]]);
                texels.push(mean(below, is_srgb));
            }
        }
        Some(Self { width, height, texels })
    }
}

fn mean(texels: [[u8; 4]; 4], is_srgb: bool) -> [u8; 4] {
    // Most neighbours are equal where an image is plain.
    if texels.iter().all(|texel| *texel == texels[0]) {
        return texels[0];
    }
    std::array::from_fn(|channel| {
        let values = texels.map(|texel| texel[channel]);
        if is_srgb && channel < 3 {
            to_byte(TO_SRGB.at(values.map(linear_light).iter().sum::<f32>() / 4.0))
        } else {
            let sum: u16 = values.iter().map(|&v| u16::from(v)).sum();
            #[expect(clippy::cast_possible_truncation, reason = "a mean of bytes is a byte")]
            let mean = ((sum + 2) / 4) as u8;
            mean
        }
    })
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
pub(super) fn to_byte(value: f32) -> u8 {
    (value * 255.0 + 0.5) as u8
}
