//! What nobody sees of an image, painted so that it costs nothing: the colours around go on, ever more blurred.
//!
//! A texture atlas is islands in a sea, and their shores cost many bytes: half of what a lossy coder spends may go into edges that
//! no triangle shows. Source of the method, called pull and push: S. J. Gortler et al., "The Lumigraph", SIGGRAPH 1996.

use super::coverage::Coverage;
use crate::optimize::codecs::Pixels;

/// Means of four numbers; `None` where nothing is known.
struct Level {
    width: usize,
    height: usize,
    texels: Vec<Option<[f32; 4]>>,
}

/// The image with other texels where it is not shown.
pub(super) fn filled(image: &Pixels, coverage: &Coverage) -> Pixels {
    let (width, height) = (image.width() as usize, image.height() as usize);
    let is_shown = |x: usize, y: usize| coverage.shows((x, y), (width, height));
    let of_image = |x: usize, y: usize| is_shown(x, y).then(|| image.texels()[y * width + x].map(f32::from));
    let mut levels = vec![Level::halved((width, height), of_image)];
    while let Some(level) = levels.last().filter(|level| level.width.max(level.height) > 1) {
        levels.push(Level::halved((level.width, level.height), |x, y| level.texels[y * level.width + x]));
    }
    // From the coarsest, which knows all if any texel is shown, to the finest.
    for at in (1..levels.len()).rev() {
        let (finer, coarser) = levels.split_at_mut(at);
        if let (Some(finer), Some(coarser)) = (finer.last_mut(), coarser.first()) {
            finer.complete(coarser);
        }
    }
    let mut filled = image.clone();
    for (at, texel) in filled.texels_mut().iter_mut().enumerate() {
        let (x, y) = (at % width, at / width);
        if !is_shown(x, y) {
            *texel = levels[0].between(x, y).map(|value| value.round() as u8);
        }
    }
    filled
}

impl Level {
    /// Half of something, of which four at a time are averaged.
    fn halved((width, height): (usize, usize), of: impl Fn(usize, usize) -> Option<[f32; 4]>) -> Self {
        let (half_width, half_height) = (width.div_ceil(2), height.div_ceil(2));
        let texel = |at: usize| {
            let (x, y) = (at % half_width * 2, at / half_width * 2);
            let (mut sum, mut count) = ([0.0; 4], 0.0_f32);
            for (x, y) in [(x, y), (x + 1, y), (x, y + 1), (x + 1, y + 1)] {
                if let Some(known) = (x < width && y < height).then(|| of(x, y)).flatten() {
                    sum.iter_mut().zip(known).for_each(|(sum, value)| *sum += value);
                    count += 1.0;
                }
            }
            (count > 0.0).then(|| sum.map(|value| value / count))
        };
        let texels = (0..half_width * half_height).map(texel).collect();
        Self { width: half_width, height: half_height, texels }
    }

    /// Takes what is not known from a level of half the size.
    fn complete(&mut self, half: &Self) {
        for (at, texel) in self.texels.iter_mut().enumerate() {
            if texel.is_none() {
                *texel = Some(half.between(at % self.width, at / self.width));
            }
        }
    }

    /// What is at a texel of twice the size, between the four nearest.
    fn between(&self, x: usize, y: usize) -> [f32; 4] {
        let near = |at: usize, length: usize| {
            let next =
                if at.is_multiple_of(2) { (at / 2).saturating_sub(1) } else { (at / 2 + 1).min(length - 1) };
            [(at / 2, 0.75), (next, 0.25)]
        };
        let mut sum = [0.0; 4];
        for (row, high) in near(y, self.height) {
            for (column, wide) in near(x, self.width) {
                let texel = self.texels[row * self.width + column].unwrap_or_default();
                sum.iter_mut().zip(texel).for_each(|(sum, value)| *sum += value * high * wide);
            }
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::coverage::of_image;
    use super::*;
    use crate::optimize::document::{Accessor, Document, Shape};

    /// An image of which the left is shown.
    fn left(size: (u32, u32)) -> Coverage {
        let root = json!({
            "meshes": [{"primitives": [{"attributes": {"TEXCOORD_0": 0}, "material": 0}]}],
            "materials": [{"emissiveTexture": {"index": 0}}],
            "textures": [{"source": 0}],
        });
        let mut document = Document { root: root.as_object().unwrap().clone(), ..Document::default() };
        let corners = [0.02, 0.0, 0.48, 0.0, 0.3, 0.99, 0.02, 0.0, 0.3, 0.99, 0.02, 0.99];
        document.accessors = vec![Accessor::from_floats(Shape::Vec2, &corners)];
        of_image(&document, 0, size).unwrap()
    }

    #[test]
    fn what_is_shown_stays_and_the_rest_goes_on_smoothly() {
        let (width, height) = (50, 30);
        let of = |at: usize| {
            if at % width < 26 { [10, (at / width * 8) as u8, 30, 255] } else { [255, 0, 255, 0] }
        };
        let rgba = (0..width * height).flat_map(of).collect();
        let image = Pixels::new(50, 30, rgba).unwrap();
        let coverage = left((50, 30));
        let filled = filled(&image, &coverage);
        for (at, (after, before)) in filled.texels().iter().zip(image.texels()).enumerate() {
            let (x, y) = (at % width, at / width);
            if coverage.shows((x, y), (width, height)) {
                assert_eq!(after, before);
            } else {
                assert_eq!((after[0], after[2], after[3]), (10, 30, 255), "{x} {y}");
            }
        }
        let steps = filled.rgba().chunks(4 * width).flat_map(|row| row.windows(8).step_by(4));
        assert!(steps.map(|pair| pair[1].abs_diff(pair[5])).all(|step| step < 30), "no shore is left");
    }
}
