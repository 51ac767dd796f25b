//! Textures as a GPU samples them: a chain of mip levels, wrapped, filtered within and between levels.

use glam::{Vec2, Vec4};

use crate::optimize::codecs::Pixels;
use crate::optimize::codecs::difference::linear_light;

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
}

/// An image with its mip levels.
pub(in super::super) struct Texture {
    levels: Vec<Level>,
    is_srgb: bool,
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
        Self { levels, is_srgb }
    }

    /// The colour at `uv`, in linear values; `dx` and `dy` are the steps of `uv` to the next pixels.
    pub(super) fn sample(&self, sampling: Sampling, uv: Vec2, dx: Vec2, dy: Vec2) -> Vec4 {
        let size = Vec2::new(self.levels[0].width as f32, self.levels[0].height as f32);
        let step = (dx * size).length_squared().max((dy * size).length_squared());
        let last = (self.levels.len() - 1) as f32;
        let level = (0.5 * step.max(1e-12).log2()).clamp(0.0, last);
        let (low, part) = (level.floor(), level.fract());
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the levels")]
        let low = low as usize;
        let near = self.in_level(low, sampling, uv);
        if part < 1.0 / 256.0 { near } else { near.lerp(self.in_level(low + 1, sampling, uv), part) }
    }

    fn in_level(&self, level: usize, sampling: Sampling, uv: Vec2) -> Vec4 {
        let level = &self.levels[level];
        let at = uv * Vec2::new(level.width as f32, level.height as f32);
        if sampling.is_nearest {
            return self.texel(level, sampling, whole(at.x), whole(at.y));
        }
        let at = at - 0.5;
        let (x, y) = (whole(at.x), whole(at.y));
        let part = at - at.floor();
        let texel = |dx, dy| self.texel(level, sampling, x + dx, y + dy);
        let top = texel(0, 0).lerp(texel(1, 0), part.x);
        let bottom = texel(0, 1).lerp(texel(1, 1), part.x);
        top.lerp(bottom, part.y)
    }

    fn texel(&self, level: &Level, sampling: Sampling, x: i64, y: i64) -> Vec4 {
        let x = wrapped(x, level.width, sampling.wrap[0]);
        let y = wrapped(y, level.height, sampling.wrap[1]);
        let [r, g, b, a] = level.texels[y * level.width + x];
        let alpha = f32::from(a) / 255.0;
        if self.is_srgb {
            Vec4::new(linear_light(r), linear_light(g), linear_light(b), alpha)
        } else {
            Vec4::new(f32::from(r) / 255.0, f32::from(g) / 255.0, f32::from(b) / 255.0, alpha)
        }
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
    std::array::from_fn(|channel| {
        let values = texels.map(|texel| texel[channel]);
        if is_srgb && channel < 3 {
            let light = values.iter().map(|&v| linear_light(v)).sum::<f32>() / 4.0;
            to_byte(to_srgb(light))
        } else {
            let sum: u16 = values.iter().map(|&v| u16::from(v)).sum();
            #[expect(clippy::cast_possible_truncation, reason = "a mean of bytes is a byte")]
            let mean = ((sum + 2) / 4) as u8;
            mean
        }
    })
}

#[expect(clippy::cast_possible_truncation, reason = "coordinates beyond any texture saturate")]
fn whole(value: f32) -> i64 {
    value.floor() as i64
}

#[expect(
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::cast_possible_truncation,
    reason = "sizes of images are small, and results lie within them"
)]
fn wrapped(at: i64, size: usize, wrap: Wrap) -> usize {
    let size = size as i64;
    let at = match wrap {
        Wrap::Clamp => at.clamp(0, size - 1),
        Wrap::Repeat => at.rem_euclid(size),
        Wrap::Mirror => {
            let at = at.rem_euclid(2 * size);
            if at < size { at } else { 2 * size - 1 - at }
        }
    };
    at as usize
}

/// Light as sRGB, 0 to 1.
pub(super) fn to_srgb(light: f32) -> f32 {
    let light = light.clamp(0.0, 1.0);
    if light <= 0.003_130_8 { light * 12.92 } else { 1.055 * light.powf(1.0 / 2.4) - 0.055 }
}

/// A value from 0 to 1 as a byte.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1 in, a byte out")]
pub(super) fn to_byte(value: f32) -> u8 {
    (value * 255.0 + 0.5) as u8
}
