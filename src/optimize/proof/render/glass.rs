//! What lies behind glass and shines through it.
//!
//! The nearest pane of each pixel is drawn over what the opaque surfaces left there, tinted by its colour; panes behind
//! others are not seen. Nothing is refracted, and rough glass does not blur.

use glam::{Vec3, Vec4};

use super::frame::{Canvas, Frame};
use super::material::{Alpha, Layer};
use super::raster::Visible;
use super::texture::to_byte;
use crate::optimize::codecs::difference::linear_light;

impl Frame<'_> {
    /// Draws glass over what is opaque; afterwards it hides what is behind it.
    pub(super) fn glaze(&self, visible: &mut Visible, canvas: &mut Canvas) {
        if !self.surfaces.iter().any(|surface| surface.material.layer() == Layer::Glass) {
            return;
        }
        let mut panes = Visible::before(visible);
        self.enter_layer(Layer::Glass, &mut panes);
        for (pixel, seen) in panes.0.iter().enumerate() {
            let behind = canvas.light(pixel);
            let (mut colour, mut cover, mut sum) = (Vec3::ZERO, 0.0, 0.0);
            let mut owner = None;
            for (id, share) in seen.elements() {
                let Some((index, shaded)) = self.shaded(id, pixel, Some(behind)) else { continue };
                // A pane that is blended as well lies over what is there; any other has taken it in.
                let is_blended = self.surfaces[index].material.alpha == Alpha::Blend;
                let (of_pane, share) =
                    if is_blended { (1.0, share * shaded.alpha) } else { (shaded.alpha, share) };
                (colour, cover, sum) = (colour + shaded.colour * share, cover + of_pane * share, sum + share);
                owner.get_or_insert(self.owner(index));
            }
            if let Some(owner) = owner.filter(|_| sum > 0.0) {
                canvas.replace(pixel, colour / sum, cover / sum, sum, owner);
                canvas.glazed += 1;
            }
        }
        for (pixel, pane) in visible.0.iter_mut().zip(&panes.0) {
            pixel.depths = pixel.depths.min(pane.depths);
        }
    }
}

impl Canvas {
    /// What a pixel shows, linear and with alpha.
    fn light(&self, pixel: usize) -> Vec4 {
        let cover = self.coverage[pixel];
        if cover <= 0.0 {
            return Vec4::ZERO;
        }
        let colour = (self.colours[pixel] / cover).clamp(Vec3::ZERO, Vec3::ONE);
        (colour.map(|v| linear_light(to_byte(v))) * cover).extend(cover)
    }
}
