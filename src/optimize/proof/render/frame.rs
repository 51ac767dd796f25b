//! A view being drawn: which surface is seen at each pixel, then its colour, then what is seen through.

use glam::{Vec2, Vec3, Vec4};

use super::camera::{Camera, Sphere, VIEW_SIDE, View};
use super::material::{Alpha, Layer};
use super::model::{Draw, Model};
use super::raster::{self, Corner, SAMPLES, Visible};
use super::shade::{Shaded, neutral, shade, to_srgb};
use super::surface::{Face, Surface};
use super::{Image, NOBODY};
use crate::optimize::proof::flip::Picture;

/// sRGB of what is behind the model, and its bytes.
const GREY: f32 = 128.0 / 255.0;
pub(in crate::optimize::proof) const BACKGROUND: [u8; 3] = [128; 3];

/// Pixels that triangles may be tested against in one view: a hundred times what a well-filled one needs. Beyond that,
/// what is left is not drawn, in either picture.
const MOST_WORK: f32 = 3e8;

pub(super) struct Frame<'m> {
    pub(super) surfaces: Vec<Surface<'m>>,
    /// The number of each surface's first element.
    starts: Vec<u32>,
    camera: Camera,
}

/// Premultiplied sRGB, coverage and owner (see [`Image`]) of every pixel; and the part of it that is the owner's.
pub(super) struct Canvas {
    pub(super) colours: Vec<Vec3>,
    pub(super) coverage: Vec<f32>,
    owners: Vec<u32>,
    parts: Vec<f32>,
    depths: Vec<f32>,
    /// Pixels that show something through a pane.
    pub(super) glazed: usize,
}

/// Whose a part of a pixel is, and how deep it lies.
pub(super) struct Owned {
    pub(super) owner: u32,
    pub(super) part: f32,
    pub(super) depth: f32,
}

impl<'m> Frame<'m> {
    pub(super) fn new(model: &'m Model<'m>, draws: &'m [Draw], view: &View, around: &Sphere) -> Self {
        let camera = Camera::new(view, around);
        let mut next = 0u32;
        let start = |draw: &Draw| {
            let start = next;
            next = next.saturating_add(u32::try_from(draw.part.elements()).unwrap_or(u32::MAX));
            start
        };
        Self {
            surfaces: draws.iter().map(|draw| Surface::new(model, draw, &camera.matrix)).collect(),
            starts: draws.iter().map(start).collect(),
            camera,
        }
    }

    pub(super) fn drawn(&self) -> Image {
        let mut visible = Visible::new();
        self.enter_layer(Layer::Opaque, &mut visible, |_, _| true);
        let mut canvas = self.opaque(&visible);
        self.glaze(&mut visible, &mut canvas);
        self.blend(&visible, &mut canvas);
        canvas.finish()
    }

    /// Finds what is nearest among the surfaces of a layer, and of what is there; of triangles, those that are wanted.
    pub(super) fn enter_layer(
        &self,
        layer: Layer,
        visible: &mut Visible,
        is_wanted: impl Fn(&Surface, &[Corner; 3]) -> bool,
    ) {
        let mut work = 0.0;
        for (index, surface) in self.surfaces.iter().enumerate() {
            if surface.material.layer() != layer || surface.is_beside_view() {
                continue;
            }
            let places = surface.corners();
            work += surface.draw.part.triangles.len() as f32;
            for (number, &triangle) in (self.starts[index]..).zip(&surface.draw.part.triangles) {
                let corners = surface.seen(&places, triangle);
                let Some(corners) = corners.filter(|corners| is_wanted(surface, corners)) else { continue };
                work += if let Alpha::Mask(cutoff) = surface.material.alpha {
                    let face = Face::new(surface, triangle, corners);
                    raster::cover(corners, |pixel, covered, depths| {
                        if self.alpha(&face, pixel) >= cutoff {
                            visible.enter(number, pixel, covered, depths);
                        }
                    })
                } else {
                    raster::cover(corners, |pixel, covered, depths| {
                        visible.enter(number, pixel, covered, depths);
                    })
                };
                if work > MOST_WORK {
                    return;
                }
            }
            self.enter_strokes(index, &places, visible);
        }
    }

    fn alpha(&self, face: &Face, pixel: usize) -> f32 {
        let at = centre(pixel);
        face.colour(&face.place(at, self.camera.towards_eye(at))).w
    }

    /// Lines and points are a pixel wide.
    fn enter_strokes(&self, index: usize, places: &[Corner], visible: &mut Visible) {
        let part = &self.surfaces[index].draw.part;
        let first =
            self.starts[index].saturating_add(u32::try_from(part.triangles.len()).unwrap_or(u32::MAX));
        for (number, stroke) in (first..).zip(&part.strokes) {
            let [from, to] = stroke.map(|vertex| places[vertex as usize]);
            for half in raster::stroke(from, to) {
                raster::cover(half, |pixel, covered, depths| visible.enter(number, pixel, covered, depths));
            }
        }
    }

    fn opaque(&self, visible: &Visible) -> Canvas {
        let mut canvas = Canvas::new();
        let mut last: Option<(u32, usize, Face)> = None;
        for (pixel, seen) in visible.0.iter().enumerate().filter(|(_, seen)| !seen.is_empty()) {
            let depth = seen.depths.min_element();
            for (id, part) in seen.elements() {
                if last.as_ref().is_none_or(|(of, ..)| *of != id) {
                    last = self.face(id).map(|(index, face)| (id, index, face));
                }
                let (index, colour) = match &last {
                    Some((_, index, face)) => (*index, self.shaded_at(face, pixel, None).colour),
                    None => {
                        let Some((index, light)) = self.stroke(id) else { continue };
                        (index, to_srgb(neutral(light)))
                    }
                };
                canvas.add(pixel, colour, Owned { owner: self.owner(index), part, depth });
            }
        }
        canvas
    }

    /// The surface that an element is part of, and its colour in a pixel; `None` for what is no triangle.
    pub(super) fn shaded(&self, id: u32, pixel: usize, behind: Option<Vec4>) -> Option<(usize, Shaded)> {
        let (index, face) = self.face(id)?;
        Some((index, self.shaded_at(&face, pixel, behind)))
    }

    fn shaded_at(&self, face: &Face, pixel: usize, behind: Option<Vec4>) -> Shaded {
        let at = centre(pixel);
        shade(face, &face.place(at, self.camera.towards_eye(at)), behind)
    }

    /// Who is to be named for what a surface shows.
    pub(super) fn owner(&self, index: usize) -> u32 {
        u32::try_from(index).unwrap_or(u32::MAX)
    }

    /// The surface of an element and the element's number in it.
    fn found(&self, number: u32) -> Option<(usize, usize)> {
        let index = self.starts.partition_point(|&start| start <= number).checked_sub(1)?;
        Some((index, (number - self.starts[index]) as usize))
    }

    /// A triangle and the surface that it is part of; `None` where the element is another, or not seen.
    fn face(&self, id: u32) -> Option<(usize, Face<'_>)> {
        let (index, local) = self.found(id)?;
        let surface = &self.surfaces[index];
        let triangle = *surface.draw.part.triangles.get(local)?;
        Some((index, Face::new(surface, triangle, surface.seen_alone(triangle)?)))
    }

    /// The surface that a line or a point is part of, and its light: it has no side that any could fall on.
    fn stroke(&self, id: u32) -> Option<(usize, Vec3)> {
        let (index, local) = self.found(id)?;
        let part = &self.surfaces[index].draw.part;
        let [from, _] = *part.strokes.get(local.checked_sub(part.triangles.len())?)?;
        Some((index, self.surfaces[index].colour_of(from as usize).truncate()))
    }

    /// The light of an opaque element in a pixel, linear and without an upper bound.
    pub(super) fn light(&self, id: u32, pixel: usize) -> Option<Vec3> {
        let shaded = self.shaded(id, pixel, None).map(|(_, shaded)| shaded.light);
        shaded.or_else(|| self.stroke(id).map(|(_, light)| light))
    }

    /// Lays transparent surfaces over the rest, the farthest draw first.
    fn blend(&self, visible: &Visible, canvas: &mut Canvas) {
        let transparent = |index: &usize| self.surfaces[*index].material.layer() == Layer::Blended;
        let mut order: Vec<usize> = (0..self.surfaces.len()).filter(transparent).collect();
        let distance = |index: usize| {
            self.surfaces[index].draw.world.w_axis.truncate().distance_squared(self.camera.eye)
        };
        order.sort_by(|&a, &b| distance(b).total_cmp(&distance(a)));
        let mut work = 0.0;
        for index in order {
            let surface = &self.surfaces[index];
            if surface.is_beside_view() {
                continue;
            }
            let places = surface.corners();
            work += surface.draw.part.triangles.len() as f32;
            for &triangle in &surface.draw.part.triangles {
                let Some(corners) = surface.seen(&places, triangle) else { continue };
                let face = Face::new(surface, triangle, corners);
                let looked_at = raster::cover(corners, |pixel, covered, depths| {
                    let seen = covered & depths.cmplt(visible.0[pixel].depths).bitmask();
                    if seen != 0 {
                        let shaded = self.shaded_at(&face, pixel, None);
                        let part = shaded.alpha.clamp(0.0, 1.0) * seen.count_ones() as f32 / SAMPLES as f32;
                        canvas.replace(pixel, shaded.colour, 1.0, part);
                        let depth = depths.min_element();
                        canvas.hide(pixel, Owned { owner: self.owner(index), part, depth });
                    }
                });
                // Every pixel of these is shaded.
                work += 4.0 * looked_at;
                if work > MOST_WORK {
                    return;
                }
            }
        }
    }
}

/// The middle of a pixel.
fn centre(pixel: usize) -> Vec2 {
    Vec2::new((pixel % VIEW_SIDE) as f32 + 0.5, (pixel / VIEW_SIDE) as f32 + 0.5)
}

/// The bytes of a colour in a pixel. Each is rounded up or down as the pixel has it, more often to what is nearer. Otherwise, whether
/// a wall that became a third of a step darker is seen to be darker would depend on where between two steps its light happens
/// to lie, which differs from viewer to viewer.
fn on_screen(colour: Vec3, pixel: usize) -> [u8; 3] {
    let grain = grain(pixel);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
    std::array::from_fn(|channel| (colour[channel].clamp(0.0, 1.0) * 255.0 + grain[channel]) as u8)
}

/// Three numbers between 0 and 1 that are the pixel's own and like those of no pixel near it.
fn grain(pixel: usize) -> [f32; 3] {
    // SplitMix64 (Steele, Lea and Flood, 2014) in the state of the pixel's number, without its last step.
    let mut bits = (pixel as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    [16, 32, 48].map(|shift| (f32::from((bits >> shift) as u8) + 0.5) / 256.0)
}

impl Canvas {
    fn new() -> Self {
        let pixels = VIEW_SIDE * VIEW_SIDE;
        Self {
            colours: vec![Vec3::ZERO; pixels],
            coverage: vec![0.0; pixels],
            owners: vec![NOBODY; pixels],
            parts: vec![0.0; pixels],
            depths: vec![f32::INFINITY; pixels],
            glazed: 0,
        }
    }

    /// Adds a surface that fills a part of the pixel beside others.
    fn add(&mut self, pixel: usize, colour: Vec3, of: Owned) {
        self.colours[pixel] += colour * of.part;
        self.coverage[pixel] += of.part;
        self.own(pixel, of);
    }

    /// Puts a surface of this coverage in the place of a part of what is there.
    pub(super) fn replace(&mut self, pixel: usize, colour: Vec3, coverage: f32, share: f32) {
        self.colours[pixel] = self.colours[pixel].lerp(colour, share);
        self.coverage[pixel] += (coverage - self.coverage[pixel]) * share;
    }

    /// Takes a part of a pixel from whoever is behind.
    pub(super) fn hide(&mut self, pixel: usize, by: Owned) {
        self.parts[pixel] *= 1.0 - by.part;
        self.own(pixel, by);
    }

    /// A pixel belongs to whoever has the largest part of it; of two, to the one in front.
    fn own(&mut self, pixel: usize, by: Owned) {
        if self.owners[pixel] == by.owner {
            self.parts[pixel] += by.part;
            self.depths[pixel] = self.depths[pixel].min(by.depth);
        } else if by.part >= self.parts[pixel] {
            self.owners[pixel] = by.owner;
            self.parts[pixel] = by.part;
            self.depths[pixel] = by.depth;
        }
    }

    fn finish(self) -> Image {
        let shown = |(pixel, (colour, &cover)): (usize, (&Vec3, &f32))| match cover {
            0.0 => BACKGROUND,
            _ => on_screen(*colour + Vec3::splat(GREY * (1.0 - cover)), pixel),
        };
        let pixels = self.colours.iter().zip(&self.coverage).enumerate().map(shown).collect();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1 in, a byte out")]
        let coverage = self.coverage.iter().map(|cover| (cover * 255.0).ceil() as u8).collect();
        Image {
            picture: Picture { width: VIEW_SIDE, pixels },
            coverage,
            owners: self.owners,
            depths: self.depths,
            glazed: self.glazed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::optimize::proof::flip::Perceived;

    #[test]
    fn a_part_of_a_step_is_seen_in_that_part_of_the_pixels() {
        let pixels = VIEW_SIDE * VIEW_SIDE;
        for from in [60.0, 60.3, 60.49, 60.5, 60.9] {
            for by in [0.0, 0.1, 0.5, 1.0] {
                let bytes = |level: f32, pixel| on_screen(Vec3::splat(level / 255.0), pixel);
                let changed = |channel: usize| {
                    let is_changed =
                        |&pixel: &usize| bytes(from, pixel)[channel] != bytes(from + by, pixel)[channel];
                    (0..pixels).filter(is_changed).count() as f32 / pixels as f32
                };
                for part in [0, 1, 2].map(changed) {
                    assert!((part - by).abs() < 0.01, "{part} for {by} from {from}");
                }
            }
        }
    }

    #[test]
    fn a_plain_wall_has_next_to_no_details() {
        let wall = |level: f32| {
            let shown = |pixel| on_screen(Vec3::splat(level / 255.0), pixel);
            Picture { width: VIEW_SIDE, pixels: (0..VIEW_SIDE * VIEW_SIDE).map(shown).collect() }
        };
        for level in [20.5, 60.3, 128.0, 200.5] {
            let count = Perceived::of(&wall(level)).detail().filter(|&detail| detail > 0.0).count();
            assert!(count < VIEW_SIDE * VIEW_SIDE / 1000, "{count} pixels at {level}");
        }
    }

    #[test]
    fn a_colour_of_a_screen_is_shown_as_it_is() {
        let shown = |byte: u8, pixel| on_screen(Vec3::splat(f32::from(byte) / 255.0), pixel);
        assert!((0..=u8::MAX).all(|byte| (0..4096).all(|pixel| shown(byte, pixel) == [byte; 3])));
    }
}
