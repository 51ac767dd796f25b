//! A decoded image: the one form in which the image codecs hand pixels to each other.
//!
//! It is always 8-bit RGBA with straight alpha. It says nothing about what the channels mean (colour, normals,
//! roughness): whoever uses it does, see [`resize`](super::resize) and [`difference`](super::difference).

use super::CodecError;

/// Width x height pixels of 8-bit RGBA, row by row from the top, alpha not multiplied in.
#[derive(Clone, PartialEq, Eq)]
pub struct Pixels {
    width: u32,
    height: u32,
    // Always exactly width x height x 4 long: the unsafe code of the encoders relies on it.
    rgba: Vec<u8>,
}

impl Pixels {
    /// Takes `rgba`, which holds 4 bytes a pixel.
    ///
    /// # Errors
    /// [`CodecError::Input`] if a side is zero or the length is not width x height x 4.
    pub fn new(width: u32, height: u32, rgba: Vec<u8>) -> Result<Self, CodecError> {
        let expected = (u64::from(width) * u64::from(height)).checked_mul(4);
        if rgba.is_empty() || expected != Some(rgba.len() as u64) {
            let reason = format!("{} bytes are not {width} x {height} pixels of 4 bytes", rgba.len());
            return Err(CodecError::input("an image", reason));
        }
        Ok(Self { width, height, rgba })
    }

    /// Width in pixels, at least 1.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels, at least 1.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// All bytes: R, G, B, A, R, G, …
    pub fn rgba(&self) -> &[u8] {
        &self.rgba
    }

    /// The pixels, row by row.
    pub fn texels(&self) -> &[[u8; 4]] {
        self.rgba.as_chunks().0
    }

    /// The pixels, to be changed in place.
    pub fn texels_mut(&mut self) -> &mut [[u8; 4]] {
        self.rgba.as_chunks_mut().0
    }

    /// The bytes without alpha: R, G, B, R, …
    pub fn to_rgb(&self) -> Vec<u8> {
        self.texels().iter().flat_map(|&[r, g, b, _]| [r, g, b]).collect()
    }

    /// True if every alpha is 255.
    pub fn is_opaque(&self) -> bool {
        self.texels().iter().all(|texel| texel[3] == 255)
    }

    /// True if red, green and blue are equal everywhere; alpha does not matter.
    pub fn is_grey(&self) -> bool {
        self.texels().iter().all(|&[r, g, b, _]| r == g && g == b)
    }

    /// For each channel the value of all pixels, where they are the same but for one step, as a lossy format leaves
    /// them.
    pub fn constant(&self) -> [Option<u8>; 4] {
        let (mut least, mut most) = ([u8::MAX; 4], [0; 4]);
        for texel in self.texels() {
            least = std::array::from_fn(|channel| least[channel].min(texel[channel]));
            most = std::array::from_fn(|channel| most[channel].max(texel[channel]));
        }
        std::array::from_fn(|channel| {
            let (least, most) = (least[channel], most[channel]);
            let is_constant = most.checked_sub(least)? <= u8::from(channel < 3);
            let values = self.texels().iter().map(|texel| texel[channel]);
            is_constant.then(|| most_of(values, least, most))
        })
    }

    /// Sets every alpha to 255, for uses in which it is ignored.
    pub fn drop_alpha(&mut self) {
        for texel in self.texels_mut() {
            texel[3] = 255;
        }
    }
}

/// Which of two values is the more frequent one.
fn most_of(values: impl Iterator<Item = u8>, least: u8, most: u8) -> u8 {
    let (mut count, mut high) = (0_u64, 0_u64);
    for value in values {
        count += 1;
        high += u64::from(value == most);
    }
    if 2 * high > count { most } else { least }
}

impl std::fmt::Debug for Pixels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Millions of bytes help nobody in a failed assertion.
        write!(f, "Pixels({} x {})", self.width, self.height)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An image in which the pixel at x, y is `at(x, y)`.
    pub(in super::super) fn painted(width: u32, height: u32, at: impl Fn(u32, u32) -> [u8; 4]) -> Pixels {
        let rgba = (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).flat_map(|(x, y)| at(x, y));
        Pixels::new(width, height, rgba.collect()).expect("sizes agree")
    }

    /// Smooth in all channels with some texture, as a photograph is.
    pub(in super::super) fn landscape(width: u32, height: u32) -> Pixels {
        painted(width, height, |x, y| {
            let wave = ((x as f32 * 0.37).sin() * (y as f32 * 0.23).cos() * 20.0) as i32;
            let level = |base: u32| (base as i32 % 200 + 28 + wave).clamp(0, 255) as u8;
            [level(x), level(y), level((x + y) / 2), 255]
        })
    }

    #[test]
    fn lengths_that_do_not_fit_are_refused() {
        assert!(Pixels::new(2, 2, vec![0; 15]).is_err());
        assert!(Pixels::new(0, 2, vec![]).is_err());
        assert!(Pixels::new(u32::MAX, u32::MAX, vec![0; 4]).is_err());
    }

    #[test]
    fn queries_see_a_single_odd_pixel() {
        let mut image = painted(3, 2, |_, _| [7, 7, 7, 255]);
        assert!(image.is_opaque() && image.is_grey());
        image.texels_mut()[5] = [7, 8, 7, 254];
        assert!(!image.is_opaque() && !image.is_grey());
        image.drop_alpha();
        assert!(image.is_opaque());
        assert_eq!(image.to_rgb()[15..], [7, 8, 7]);
    }

    #[test]
    fn one_step_is_no_difference_but_in_alpha() {
        let mut image = painted(3, 2, |x, _| [7, 9, 40 * x as u8, 200]);
        assert_eq!(image.constant(), [Some(7), Some(9), None, Some(200)]);
        image.texels_mut()[5] = [6, 11, 0, 201];
        assert_eq!(image.constant(), [Some(7), None, None, None]);
    }
}
