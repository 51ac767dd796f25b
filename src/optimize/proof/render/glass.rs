//! What lies behind glass and shines through it.
//!
//! As in three.js: the nearest pane of each pixel is drawn over the opaque surfaces there, tinted by its colour; through one
//! with two sides its own back is seen first. Other panes behind it are not. Nothing is refracted, and rough glass does
//! not blur.

use glam::{Vec3, Vec4};

use super::frame::{Canvas, Frame, Owned};
use super::material::{Alpha, Layer};
use super::raster::{Corner, Pixel, Visible};
use super::shade::Shaded;
use super::surface::Surface;

/// What shines through glass where nothing is behind it, linear and with alpha: white that is half there. It is what
/// three.js takes before a background of which it knows nothing, and shows the colour of a glass that stands alone.
const NOTHING_BEHIND: Vec4 = Vec4::splat(0.5);

impl Frame<'_> {
    /// Draws glass over what is opaque; afterwards it hides what is behind it.
    pub(super) fn glaze(&self, visible: &mut Visible, canvas: &mut Canvas) {
        if !self.surfaces.iter().any(|surface| surface.material.layer() == Layer::Glass) {
            return;
        }
        let backs = self
            .panes(visible, |surface, corners| surface.material.is_double_sided && surface.is_back(corners));
        let panes = self.panes(visible, |_, _| true);
        for (pixel, pane) in panes.0.iter().enumerate() {
            self.draw_pane(pixel, pane, [&backs.0[pixel], &visible.0[pixel]], canvas);
        }
        for (pixel, pane) in visible.0.iter_mut().zip(&panes.0) {
            pixel.depths = pixel.depths.min(pane.depths);
        }
    }

    /// The nearest glass before what is opaque.
    fn panes(&self, opaque: &Visible, is_wanted: impl Fn(&Surface, &[Corner; 3]) -> bool) -> Visible {
        let mut panes = Visible::before(opaque);
        self.enter_layer(Layer::Glass, &mut panes, is_wanted);
        panes
    }

    /// Draws the panes of a pixel over the backs of panes and what is opaque there.
    fn draw_pane(&self, pixel: usize, panes: &Pixel, [backs, opaque]: [&Pixel; 2], canvas: &mut Canvas) {
        if panes.is_empty() {
            return;
        }
        let behind = self.behind(pixel, backs, opaque);
        let (mut colour, mut cover, mut sum) = (Vec3::ZERO, 0.0, 0.0);
        for (id, covered) in panes.elements() {
            let Some((index, shaded)) = self.shaded(id, pixel, Some(behind)) else { continue };
            let (alpha, share) = self.laid(index, &shaded, covered);
            (colour, cover, sum) = (colour + shaded.colour * share, cover + alpha * share, sum + share);
            let depth = panes.depths.min_element();
            canvas.hide(pixel, Owned { owner: self.owner(index), part: covered * shaded.hides, depth });
        }
        if sum > 0.0 {
            canvas.replace(pixel, colour / sum, cover / sum, sum);
            canvas.glazed += 1;
        }
    }

    /// The light behind the panes of a pixel, with alpha. No tone mapper has bent it: that comes once, after the glass.
    fn behind(&self, pixel: usize, backs: &Pixel, opaque: &Pixel) -> Vec4 {
        let light = |(id, share)| Some(self.light(id, pixel)?.extend(1.0) * share);
        let sum: Vec4 = opaque.elements().filter_map(light).sum();
        let opaque = sum + NOTHING_BEHIND * (1.0 - sum.w);
        let of_back = |(id, share)| {
            let (index, shaded) = self.shaded(id, pixel, Some(opaque))?;
            let (alpha, share) = self.laid(index, &shaded, share);
            Some((shaded.light.extend(alpha) - opaque) * share)
        };
        opaque + backs.elements().filter_map(of_back).sum::<Vec4>()
    }

    /// The alpha of a pane and its share of a pixel. One that is blended as well lies over what is there; any other has taken
    /// it in.
    fn laid(&self, index: usize, shaded: &Shaded, share: f32) -> (f32, f32) {
        let is_blended = self.surfaces[index].material.alpha == Alpha::Blend;
        if is_blended { (1.0, share * shaded.alpha) } else { (shaded.alpha, share) }
    }
}
