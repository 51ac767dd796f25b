//! How far two images of the same size are apart, in the terms of what they hold: to choose a quality by its result.
//!
//! These are fast checks of one texture by itself. What a texture's error does to the picture of the model is
//! measured by rendering it. Blocks of pixels are averaged before they are compared: what is finer than
//! some screen pixels is not seen, but every texel of a magnified texture is. Large images are sampled on a fixed grid,
//! so that the same two images always give the same figures.

use std::sync::LazyLock;

use super::Pixels;

/// Samples that are enough for a 99.9th percentile of a thousand values.
const MAX_SAMPLES: usize = 1 << 18;

/// Distances between colours in Oklab, in which equal distances look about equally large.
///
/// Source: B. Ottosson, "A perceptual color space for image processing", 2020, but for what is nearly black, see
/// [`NEARLY_BLACK`]. Black to white is 0.86; about 0.02 is just noticeable between two large areas. Blocks are averaged in linear
/// light.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ColourDifference {
    /// The mean distance.
    pub mean: f32,
    /// 99.9 % of the samples are this close or closer.
    pub p999: f32,
}

/// Angles between normals, in degrees.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct NormalDifference {
    /// The mean angle.
    pub mean: f32,
    /// 99.9 % of the samples are this close or closer.
    pub p999: f32,
}

/// Compares sRGB colours in blocks of `block` x `block` pixels, at least 1. Transparent pixels are
/// compared over black and over white and the larger distance counts.
///
/// # Panics
/// If the sizes differ, as do the other functions here: the caller made one image from the other.
pub fn colour(before: &Pixels, after: &Pixels, block: u32) -> ColourDifference {
    assert_same_size(before, after);
    let opaque = before.is_opaque() && after.is_opaque();
    let backgrounds: &[f32] = if opaque { &[0.0] } else { &[0.0, 1.0] };
    let mut distances: Vec<f32> = blocks([before, after], block, light)
        .map(|[before, after]| {
            let over = |background: &f32| {
                let shown = |pixel| oklab(over(pixel, *background));
                distance(shown(before), shown(after))
            };
            backgrounds.iter().map(over).fold(0.0, f32::max)
        })
        .collect();
    ColourDifference { mean: mean(&distances), p999: percentile(&mut distances, 0.999) }
}

/// Compares numbers in blocks, channel by channel: root mean squares for R, G, B, A in steps of 1/255; 0 for those that are not
/// among the `channels` in use.
pub fn linear(before: &Pixels, after: &Pixels, channels: [bool; 4], block: u32) -> [f32; 4] {
    assert_same_size(before, after);
    let (mut squares, mut count) = ([0.0_f64; 4], 0_u32);
    for [before, after] in blocks([before, after], block, numbers) {
        for (channel, square) in squares.iter_mut().enumerate() {
            *square += f64::from(before[channel] - after[channel]).powi(2);
        }
        count += 1;
    }
    let rms = |channel: usize| (squares[channel] / f64::from(count)).sqrt() as f32;
    [0, 1, 2, 3].map(|channel: usize| if channels[channel] { rms(channel) } else { 0.0 })
}

/// Compares tangent-space normals, 2 x RGB - 1, in blocks, whatever their length. Alpha does not count.
pub fn normal(before: &Pixels, after: &Pixels, block: u32) -> NormalDifference {
    assert_same_size(before, after);
    let mut degrees: Vec<f32> =
        blocks([before, after], block, numbers).map(|[before, after]| angle(before, after)).collect();
    NormalDifference { mean: mean(&degrees), p999: percentile(&mut degrees, 0.999) }
}

fn assert_same_size(before: &Pixels, after: &Pixels) {
    let (before, after) = ((before.width(), before.height()), (after.width(), after.height()));
    assert_eq!(before, after, "only images of the same size can be compared");
}

/// At most about [`MAX_SAMPLES`] indices below `count`, evenly apart.
///
/// The step is prime to every power of two: on an even one, each sample would lie in the same place of the 8 x 8
/// blocks of the codecs, and in the same column of most textures.
fn sampled(count: usize) -> impl Iterator<Item = usize> {
    (0..count).step_by(count.div_ceil(MAX_SAMPLES) | 1)
}

/// The blocks of `side` x `side` pixels of two images that are compared: in each, the mean of what pixels come to.
fn blocks(
    images: [&Pixels; 2],
    side: u32,
    of: impl Fn([u8; 4]) -> [f32; 4],
) -> impl Iterator<Item = [[f32; 4]; 2]> {
    let [width, height] = [images[0].width(), images[0].height()].map(|length| length as usize);
    let side = side as usize;
    let (columns, rows) = (width.div_ceil(side), height.div_ceil(side));
    sampled(columns * rows).map(move |at| {
        let (x, y) = (at % columns * side, at / columns * side);
        let (right, below) = ((x + side).min(width), (y + side).min(height));
        images.map(|image| {
            let rows = (y..below).map(|row| &image.texels()[row * width..][x..right]);
            let mut sum = [0.0; 4];
            for texel in rows.flatten() {
                sum.iter_mut().zip(of(*texel)).for_each(|(sum, value)| *sum += value);
            }
            sum.map(|sum| sum / ((right - x) * (below - y)) as f32)
        })
    })
}

/// Linear light multiplied by alpha, and alpha.
fn light([r, g, b, a]: [u8; 4]) -> [f32; 4] {
    let alpha = f32::from(a) / 255.0;
    let [r, g, b] = [r, g, b].map(|value| linear_light(value) * alpha);
    [r, g, b, alpha]
}

fn numbers(texel: [u8; 4]) -> [f32; 4] {
    texel.map(f32::from)
}

/// Lays a colour over a grey background, in linear light.
fn over([r, g, b, alpha]: [f32; 4], background: f32) -> [f32; 3] {
    [r, g, b].map(|value| value + background * (1.0 - alpha))
}

/// Below this, light is seen in proportion, as CIELAB has it (CIE 15:2004; the line touches the cube root). Oklab has the cube
/// root down to nothing, by which the sRGB values 0 and 1 are as far apart as 120 and 140: a picture of black and white
/// could not be stored but without loss.
const NEARLY_BLACK: f32 = 216.0 / 24389.0;

/// How much of light (1 is white) is seen.
fn response(light: f32) -> f32 {
    if light > NEARLY_BLACK { light.cbrt() } else { light * (841.0 / 108.0) + 4.0 / 29.0 }
}

fn oklab([r, g, b]: [f32; 3]) -> [f32; 3] {
    let l = response(0.412_221_46 * r + 0.536_332_55 * g + 0.051_445_995 * b);
    let m = response(0.211_903_5 * r + 0.680_699_5 * g + 0.107_396_96 * b);
    let s = response(0.088_302_46 * r + 0.281_718_85 * g + 0.629_978_7 * b);
    [
        0.210_454_26 * l + 0.793_617_8 * m - 0.004_072_047 * s,
        1.977_998_5 * l - 2.428_592_2 * m + 0.450_593_7 * s,
        0.025_904_037 * l + 0.782_771_77 * m - 0.808_675_77 * s,
    ]
}

fn distance(a: [f32; 3], b: [f32; 3]) -> f32 {
    (0..3).map(|axis| (a[axis] - b[axis]).powi(2)).sum::<f32>().sqrt()
}

/// The angle in degrees. The arc tangent of cross and dot product is exact for small angles, unlike an arc cosine.
fn angle(before: [f32; 4], after: [f32; 4]) -> f32 {
    let [ax, ay, az, _] = before.map(|value| value / 127.5 - 1.0);
    let [bx, by, bz, _] = after.map(|value| value / 127.5 - 1.0);
    let cross = [ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx];
    let sine = cross.iter().map(|value| value * value).sum::<f32>().sqrt();
    sine.atan2(ax * bx + ay * by + az * bz).to_degrees()
}

fn mean(values: &[f32]) -> f32 {
    (values.iter().map(|&value| f64::from(value)).sum::<f64>() / values.len() as f64) as f32
}

/// The value below or at which the given share of `values` lies. Reorders them.
fn percentile(values: &mut [f32], share: f64) -> f32 {
    let rank = ((values.len() as f64 * share).ceil() as usize).clamp(1, values.len());
    *values.select_nth_unstable_by(rank - 1, f32::total_cmp).1
}

/// An sRGB byte as linear light, 0 to 1.
pub fn linear_light(srgb: u8) -> f32 {
    LINEAR[usize::from(srgb)]
}

/// sRGB 0..255 to linear light 0..1 (IEC 61966-2-1).
pub static LINEAR: LazyLock<[f32; 256]> = LazyLock::new(|| {
    std::array::from_fn(|value| {
        let value = value as f32 / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    })
});

#[cfg(test)]
mod tests {
    use super::super::pixels::tests::{landscape, painted};
    use super::*;

    fn flat(colour: [u8; 4]) -> Pixels {
        painted(16, 16, move |_, _| colour)
    }

    #[test]
    fn an_image_is_no_distance_from_itself() {
        let image = landscape(90, 70);
        assert_eq!(colour(&image, &image, 2), ColourDifference::default());
        assert_eq!(linear(&image, &image, [true; 4], 2), [0.0; 4]);
        assert!(normal(&image, &image, 2).p999 < 1e-3);
    }

    #[test]
    fn oklab_agrees_with_the_published_values() {
        // From Ottosson's table: XYZ (1, 0, 0) and so on are not sRGB, but white and sRGB red are widely quoted.
        assert!(distance(oklab([1.0; 3]), [1.0, 0.0, 0.0]) < 1e-4);
        assert!(distance(oklab([1.0, 0.0, 0.0]), [0.627_955, 0.224_863, 0.125_846]) < 1e-4);
        let black_to_white = colour(&flat([0, 0, 0, 255]), &flat([255; 4]), 2);
        assert!((black_to_white.mean - (1.0 - 4.0 / 29.0)).abs() < 1e-4);
    }

    /// Half of a controller's texture was black that no triangle shows, and a value of 1 in its place was more than all else.
    #[test]
    fn regression_what_is_nearly_black_is_nearly_the_same() {
        let step = |from: u8, to: u8| {
            let grey = |value| flat([value, value, value, 255]);
            colour(&grey(from), &grey(to), 1).mean
        };
        assert!(step(0, 1) < step(1, 3) && step(0, 1) < step(120, 121), "{} {}", step(0, 1), step(120, 121));
    }

    #[test]
    fn one_bad_spot_shows_in_the_percentile_that_covers_it() {
        let before = painted(128, 128, |_, _| [100, 100, 100, 255]);
        // 64 of 4096 blocks: 1.6 %, more than 0.1 %.
        let after = painted(128, 128, |x, y| [if x < 16 && y < 16 { 200 } else { 100 }, 100, 100, 255]);
        let found = colour(&before, &after, 2);
        assert!(found.p999 > 0.05 && found.mean > 0.0 && found.mean < 0.02 * found.p999, "{found:?}");
    }

    #[test]
    fn noise_counts_where_texels_are_magnified() {
        let before = painted(64, 64, |_, _| [120, 120, 120, 255]);
        let after =
            painted(
                64,
                64,
                |x, y| if (x + y) % 2 == 0 { [110, 110, 110, 255] } else { [130, 130, 130, 255] },
            );
        assert!(colour(&before, &after, 1).mean > 5.0 * colour(&before, &after, 2).mean);
    }

    #[test]
    fn colour_under_transparency_does_not_count_and_alpha_does() {
        assert_eq!(colour(&flat([255, 0, 0, 0]), &flat([0, 255, 0, 0]), 2), ColourDifference::default());
        // Black over black is still black: only the white background shows this one.
        assert!(colour(&flat([0, 0, 0, 255]), &flat([0, 0, 0, 128]), 2).mean > 0.3);
    }

    #[test]
    fn numbers_are_measured_in_the_channels_in_use() {
        let found = linear(&flat([10, 20, 30, 40]), &flat([13, 20, 30, 90]), [true, true, false, false], 1);
        assert_eq!(found, [3.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn noise_in_numbers_and_normals_counts_where_texels_are_magnified() {
        let noisy = |step: u8| {
            painted(64, 64, move |x, y| {
                let value = if (x + y) % 2 == 0 { 128 - step } else { 128 + step };
                [value, value, 255, 255]
            })
        };
        let (plain, noisy) = (noisy(0), noisy(10));
        let numbers = |block| linear(&plain, &noisy, [true; 4], block)[0];
        assert_eq!((numbers(1), numbers(4)), (10.0, 0.0));
        let normals = |block| normal(&plain, &noisy, block).mean;
        assert!(normals(1) > 4.0 && normals(4) < 0.01, "{} and {}", normals(1), normals(4));
    }

    #[test]
    fn normals_are_measured_in_degrees_whatever_their_length() {
        let found = normal(&flat([128, 128, 255, 255]), &flat([218, 128, 218, 0]), 1);
        assert!((found.mean - 45.0).abs() < 0.5, "{found:?}");
        let shorter = normal(&flat([128, 128, 255, 255]), &flat([128, 128, 200, 255]), 1);
        assert!(shorter.mean < 0.5, "{shorter:?}");
    }

    #[test]
    fn samples_of_a_large_image_fall_on_every_column_of_a_block() {
        let seen: std::collections::BTreeSet<usize> = sampled(4096 * 4096).map(|at| at % 8).collect();
        assert_eq!(seen.len(), 8);
        assert!(sampled(4096 * 4096).count() <= MAX_SAMPLES);
        assert_eq!(sampled(1000).count(), 1000);
    }
}
