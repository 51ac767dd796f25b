//! Resizing, with each kind of image treated as what it is.
//!
//! The arithmetic is on 16-bit integers: the result is the same on every processor and any number of threads.
//! Floats would not be, since fused multiply-add rounds differently.

use std::sync::LazyLock;

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U16x4;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};

use super::{CodecError, Pixels};

/// What the channels of an image mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Content {
    /// sRGB colour and transparency: filtered in linear light and weighted by alpha, so that edges get no dark fringe.
    Colour,
    /// Numbers (occlusion, roughness, metalness, masks): channel by channel.
    Linear,
    /// Tangent-space normals as 2 x RGB - 1: filtered, then brought back to unit length. Alpha is one more number.
    Normal,
}

/// Resizes `pixels` to `width` x `height` pixels, each at least 1.
///
/// # Errors
/// [`CodecError::Input`] if a side is zero.
pub fn resize(pixels: &Pixels, width: u32, height: u32, content: Content) -> Result<Pixels, CodecError> {
    let texels = widened(pixels, content);
    let source = TypedImageRef::new(pixels.width(), pixels.height(), &texels).map_err(refused)?;
    let weighted = content == Content::Colour && !pixels.is_opaque();
    let mut wide = filtered(&source, (width, height), content, weighted)?;
    let is_clear = |texel: &U16x4| scaled_down(texel.0[3]) == 0;
    if weighted && wide.iter().any(is_clear) {
        // Nothing shows where alpha is 0, but the GPU blends with it at the edge: give it the colour around it.
        let plain = filtered(&source, (width, height), content, false)?;
        for (texel, plain) in wide.iter_mut().zip(plain).filter(|(texel, _)| is_clear(texel)) {
            texel.0[..3].copy_from_slice(&plain.0[..3]);
        }
    }
    let rgba = wide.into_iter().flat_map(|texel| narrowed(texel.0, content)).collect();
    Pixels::new(width, height, rgba)
}

fn widened(pixels: &Pixels, content: Content) -> Vec<U16x4> {
    let widen = |&[r, g, b, a]: &[u8; 4]| {
        let [r, g, b] = [r, g, b].map(|value| match content {
            Content::Colour => TO_LINEAR[usize::from(value)],
            Content::Linear | Content::Normal => scaled_up(value),
        });
        U16x4::new([r, g, b, scaled_up(a)])
    };
    pixels.texels().iter().map(widen).collect()
}

fn filtered(
    source: &TypedImageRef<U16x4>,
    (width, height): (u32, u32),
    content: Content,
    weighted: bool,
) -> Result<Vec<U16x4>, CodecError> {
    let filter = match content {
        Content::Colour => FilterType::Lanczos3,
        // No negative weights: a ring around an edge is a wrong number, where in a picture it is sharpness.
        Content::Linear | Content::Normal => FilterType::Hamming,
    };
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter)).use_alpha(weighted);
    let mut target = vec![U16x4::new([0; 4]); width as usize * height as usize];
    let mut view = TypedImage::from_pixels_slice(width, height, &mut target).map_err(refused)?;
    Resizer::new().resize_typed(source, &mut view, &options).map_err(refused)?;
    Ok(target)
}

fn refused(error: impl ToString) -> CodecError {
    CodecError::input("resizing", error)
}

fn narrowed([r, g, b, a]: [u16; 4], content: Content) -> [u8; 4] {
    let [r, g, b] = match content {
        Content::Colour => [r, g, b].map(|value| TO_SRGB[usize::from(value)]),
        Content::Linear => [r, g, b].map(scaled_down),
        Content::Normal => unit_length([r, g, b]),
    };
    [r, g, b, scaled_down(a)]
}

/// Brings a filtered normal back to length 1; the mean of opposite normals has no direction and stays as it is.
fn unit_length(encoded: [u16; 3]) -> [u8; 3] {
    let normal = encoded.map(|value| f32::from(value) / 32_767.5 - 1.0);
    let length = normal.iter().map(|value| value * value).sum::<f32>().sqrt();
    if length < 1e-3 {
        return encoded.map(scaled_down);
    }
    normal.map(|value| ((value / length + 1.0) * 127.5 + 0.5) as u8)
}

fn scaled_up(value: u8) -> u16 {
    u16::from(value) * 257
}

fn scaled_down(value: u16) -> u8 {
    ((u32::from(value) + 128) / 257) as u8
}

/// The transfer function of IEC 61966-2-1: sRGB to linear light, both 0 to 1.
pub fn to_linear(value: f64) -> f64 {
    if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
}

/// Its inverse.
pub fn to_srgb(linear: f64) -> f64 {
    if linear <= 0.003_130_8 { linear * 12.92 } else { 1.055 * linear.powf(1.0 / 2.4) - 0.055 }
}

/// From sRGB 0..255 to linear light 0..65535.
static TO_LINEAR: LazyLock<[u16; 256]> = LazyLock::new(|| {
    std::array::from_fn(|value| (to_linear(value as f64 / 255.0) * 65_535.0).round() as u16)
});

/// Its inverse.
static TO_SRGB: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let encode = |value: u32| (to_srgb(f64::from(value) / 65_535.0) * 255.0).round() as u8;
    (0..=65_535).map(encode).collect()
});

#[cfg(test)]
mod tests {
    use super::super::pixels::tests::{landscape, painted};
    use super::*;

    fn grey(level: u8) -> [u8; 4] {
        [level, level, level, 255]
    }

    fn checker(side: u32) -> Pixels {
        painted(side, side, |x, y| grey(if (x + y) % 2 == 0 { 0 } else { 255 }))
    }

    #[test]
    fn black_and_white_average_in_linear_light() {
        let half = resize(&checker(64), 32, 32, Content::Colour).expect("resizes");
        assert_eq!(half.texels()[16 * 32 + 16], grey(188));
        let half = resize(&checker(64), 32, 32, Content::Linear).expect("resizes");
        assert!(half.texels()[16 * 32 + 16][0].abs_diff(128) <= 1);
    }

    #[test]
    fn transparent_pixels_do_not_bleed_into_visible_ones() {
        let image = painted(64, 64, |x, _| if x < 31 { [255, 0, 0, 255] } else { [0, 255, 0, 0] });
        let half = resize(&image, 32, 32, Content::Colour).expect("resizes");
        let visible = half.texels().iter().filter(|texel| texel[3] > 0);
        assert!(visible.clone().any(|texel| texel[3] < 255), "there is to be an edge");
        assert!(visible.into_iter().all(|texel| texel[..3] == [255, 0, 0]));
        assert_eq!(half.texels()[31], [0, 255, 0, 0], "far from the edge nothing changes, seen or not");
    }

    #[test]
    fn numbers_are_filtered_without_regard_to_alpha() {
        let image = painted(64, 64, |x, _| if x % 2 == 0 { [200, 0, 0, 255] } else { [100, 0, 0, 0] });
        let half = resize(&image, 32, 32, Content::Linear).expect("resizes");
        let middle = half.texels()[16 * 32 + 16];
        assert!(middle[0].abs_diff(150) <= 1 && middle[3].abs_diff(128) <= 1, "{middle:?}");
    }

    #[test]
    fn numbers_never_leave_their_range_at_an_edge() {
        let image = painted(64, 64, |x, _| grey(if x < 30 { 60 } else { 180 }));
        let half = resize(&image, 23, 23, Content::Linear).expect("resizes");
        assert!(half.texels().iter().all(|texel| (60..=180).contains(&texel[0])));
    }

    #[test]
    fn normals_keep_unit_length() {
        // Tilted 45 degrees to the left and right: their mean is 0.7 long.
        let image = painted(64, 64, |x, _| if x % 2 == 0 { [218, 128, 218, 9] } else { [37, 128, 218, 9] });
        let half = resize(&image, 32, 32, Content::Normal).expect("resizes");
        for &[x, y, z, a] in half.texels() {
            let length =
                [x, y, z].map(|value| (f32::from(value) / 127.5 - 1.0).powi(2)).iter().sum::<f32>().sqrt();
            assert!((length - 1.0).abs() < 0.01, "{length}");
            assert_eq!(a, 9);
        }
        let plain = resize(&image, 32, 32, Content::Linear).expect("resizes");
        assert!(plain.texels()[16 * 32 + 16][2] < 230 && half.texels()[16 * 32 + 16][2] > 250);
    }

    #[test]
    fn the_number_of_threads_changes_nothing() {
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
            pool.install(|| resize(&landscape(300, 200), 130, 77, Content::Colour))
        };
        assert_eq!(on(1), on(5));
    }

    #[test]
    fn a_flat_colour_stays_what_it_is_at_any_size() {
        for content in [Content::Colour, Content::Linear] {
            for level in [0, 1, 17, 128, 254, 255] {
                let flat = painted(20, 20, |_, _| grey(level));
                let result = resize(&flat, 7, 33, content).expect("resizes");
                assert!(result.texels().iter().all(|texel| *texel == grey(level)));
            }
        }
    }

    #[test]
    fn a_side_of_zero_is_an_error() {
        assert!(resize(&checker(4), 0, 4, Content::Colour).is_err());
    }
}
