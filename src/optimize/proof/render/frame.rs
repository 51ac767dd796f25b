//! A view being drawn: which surface is seen at each pixel, then its colour, then what is seen through.

use glam::{Vec2, Vec3};

use super::Image;
use super::camera::{Camera, Sphere, VIEW_SIDE, View};
use super::material::Alpha;
use super::model::{Draw, Model};
use super::raster::{self, Corner, NOTHING, SAMPLES, Visible};
use super::shade::{neutral, shade, to_srgb};
use super::surface::{Face, Surface};
use super::texture::to_byte;
use crate::optimize::proof::flip::Picture;

/// sRGB of what is behind the model.
const BACKGROUND: f32 = 128.0 / 255.0;

/// Pixels that triangles may be tested against in one view: a hundred times what a well-filled one needs. Beyond that,
/// what is left is not drawn, in either picture.
const MOST_WORK: f32 = 3e8;

pub(super) struct Frame<'m> {
    surfaces: Vec<Surface<'m>>,
    /// Where the vertices of each surface are on the screen.
    corners: Vec<Vec<Option<Corner>>>,
    /// The number of each surface's first element.
    starts: Vec<u32>,
    camera: Camera,
}

/// Premultiplied sRGB, coverage and node of every pixel.
struct Canvas {
    colours: Vec<Vec3>,
    coverage: Vec<f32>,
    nodes: Vec<Option<u32>>,
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
            surfaces: draws.iter().map(|draw| Surface::new(model, draw)).collect(),
            corners: draws.iter().map(|draw| raster::project(draw, &camera.matrix)).collect(),
            starts: draws.iter().map(start).collect(),
            camera,
        }
    }

    pub(super) fn drawn(&self) -> Image {
        let visible = self.visible();
        let mut canvas = self.opaque(&visible);
        self.blend(&visible, &mut canvas);
        canvas.finish()
    }

    fn visible(&self) -> Visible {
        let mut visible = Visible::new();
        let mut work = 0.0;
        for (index, surface) in self.surfaces.iter().enumerate() {
            if surface.material.is_transparent() {
                continue;
            }
            let part = &surface.draw.part;
            for (number, &triangle) in (self.starts[index]..).zip(&part.triangles) {
                let Some(corners) = surface.seen(&self.corners[index], triangle) else { continue };
                work += raster::effort(&corners);
                if work > MOST_WORK {
                    return visible;
                }
                if let Alpha::Mask(cutoff) = surface.material.alpha {
                    let face = Face::new(surface, triangle, corners);
                    let is_drawn = |pixel| self.alpha(&face, pixel) >= cutoff;
                    raster::cover(corners, |pixel, covered, depths| {
                        if is_drawn(pixel) {
                            visible.enter(number, pixel, covered, depths);
                        }
                    });
                } else {
                    raster::cover(corners, |pixel, covered, depths| {
                        visible.enter(number, pixel, covered, depths);
                    });
                }
            }
            self.enter_strokes(index, &mut visible);
        }
        visible
    }

    fn alpha(&self, face: &Face, pixel: usize) -> f32 {
        let at = centre(pixel);
        face.colour(&face.place(at, self.camera.towards_eye(at))).w
    }

    /// Lines and points are a pixel wide.
    fn enter_strokes(&self, index: usize, visible: &mut Visible) {
        let part = &self.surfaces[index].draw.part;
        let first = self.starts[index].saturating_add(u32::try_from(part.triangles.len()).unwrap_or(u32::MAX));
        for (number, stroke) in (first..).zip(&part.strokes) {
            let [Some(from), Some(to)] = stroke.map(|vertex| self.corners[index][vertex as usize]) else {
                continue;
            };
            for half in raster::stroke(from, to) {
                raster::cover(half, |pixel, covered, depths| visible.enter(number, pixel, covered, depths));
            }
        }
    }

    fn opaque(&self, visible: &Visible) -> Canvas {
        let mut canvas = Canvas::new();
        let mut last: Option<(u32, Face)> = None;
        for (pixel, seen) in visible.0.iter().enumerate() {
            let ids = seen.ids;
            let at = centre(pixel);
            let mut view = None;
            for (i, &id) in ids.iter().enumerate() {
                if id == NOTHING || ids[..i].contains(&id) {
                    continue;
                }
                let Some((index, local)) = self.found(id) else { continue };
                let share = ids.iter().filter(|&&other| other == id).count() as f32 / SAMPLES.len() as f32;
                if last.as_ref().is_none_or(|(of, _)| *of != id) {
                    last = self.face(index, local).map(|face| (id, face));
                }
                let colour = match &last {
                    Some((_, face)) => {
                        let view = *view.get_or_insert_with(|| self.camera.towards_eye(at));
                        shade(face, &face.place(at, view)).colour
                    }
                    None => self.stroke_colour(index, local),
                };
                canvas.add(pixel, colour * share, share, self.surfaces[index].draw.node);
            }
        }
        canvas
    }

    /// The surface of an element and the element's number in it.
    fn found(&self, number: u32) -> Option<(usize, usize)> {
        let index = self.starts.partition_point(|&start| start <= number).checked_sub(1)?;
        Some((index, (number - self.starts[index]) as usize))
    }

    /// A surface's triangle; `None` where the element is another, or not seen.
    fn face(&self, index: usize, local: usize) -> Option<Face<'_>> {
        let surface = &self.surfaces[index];
        let triangle = *surface.draw.part.triangles.get(local)?;
        Some(Face::new(surface, triangle, surface.seen(&self.corners[index], triangle)?))
    }

    /// Lines and points have no side that light could fall on.
    fn stroke_colour(&self, index: usize, local: usize) -> Vec3 {
        let Surface { draw, material, .. } = &self.surfaces[index];
        let stroke = local.checked_sub(draw.part.triangles.len()).and_then(|i| draw.part.strokes.get(i));
        let vertex = stroke.and_then(|&[from, _]| draw.part.colours.get(from as usize));
        let colour = vertex.map_or(material.colour, |&colour| colour * material.colour);
        to_srgb(neutral(colour.truncate()))
    }

    /// Lays transparent surfaces over the rest, the farthest draw first.
    fn blend(&self, visible: &Visible, canvas: &mut Canvas) {
        let transparent = |index: &usize| self.surfaces[*index].material.is_transparent();
        let mut order: Vec<usize> = (0..self.surfaces.len()).filter(transparent).collect();
        let distance = |index: usize| {
            self.surfaces[index].draw.world.w_axis.truncate().distance_squared(self.camera.eye)
        };
        order.sort_by(|&a, &b| distance(b).total_cmp(&distance(a)));
        let mut work = 0.0;
        for index in order {
            let surface = &self.surfaces[index];
            for &triangle in &surface.draw.part.triangles {
                let Some(corners) = surface.seen(&self.corners[index], triangle) else { continue };
                // Every pixel of these is shaded.
                work += 4.0 * raster::effort(&corners);
                if work > MOST_WORK {
                    return;
                }
                let face = Face::new(surface, triangle, corners);
                raster::cover(corners, |pixel, covered, depths| {
                    let behind = &visible.0[pixel].depths;
                    let seen = (0..4).filter(|&i| covered[i] && depths[i] < behind[i]).count();
                    if seen > 0 {
                        let at = centre(pixel);
                        let shaded = shade(&face, &face.place(at, self.camera.towards_eye(at)));
                        let part = shaded.alpha.clamp(0.0, 1.0) * seen as f32 / SAMPLES.len() as f32;
                        canvas.cover(pixel, shaded.colour, part, surface.draw.node);
                    }
                });
            }
        }
    }
}

/// The middle of a pixel.
fn centre(pixel: usize) -> Vec2 {
    Vec2::new((pixel % VIEW_SIDE) as f32 + 0.5, (pixel / VIEW_SIDE) as f32 + 0.5)
}

impl Canvas {
    fn new() -> Self {
        let pixels = VIEW_SIDE * VIEW_SIDE;
        Self { colours: vec![Vec3::ZERO; pixels], coverage: vec![0.0; pixels], nodes: vec![None; pixels] }
    }

    /// Adds a surface that fills a part of the pixel beside others.
    fn add(&mut self, pixel: usize, colour: Vec3, part: f32, node: usize) {
        self.colours[pixel] += colour;
        self.coverage[pixel] += part;
        self.nodes[pixel].get_or_insert(u32::try_from(node).unwrap_or(u32::MAX));
    }

    /// Lays a surface over what is there.
    fn cover(&mut self, pixel: usize, colour: Vec3, part: f32, node: usize) {
        self.colours[pixel] = self.colours[pixel] * (1.0 - part) + colour * part;
        self.coverage[pixel] += (1.0 - self.coverage[pixel]) * part;
        self.nodes[pixel].get_or_insert(u32::try_from(node).unwrap_or(u32::MAX));
    }

    fn finish(self) -> Image {
        let before_grey = |(colour, cover): (&Vec3, &f32)| {
            let colour = *colour + Vec3::splat(BACKGROUND * (1.0 - cover));
            colour.to_array().map(|v| to_byte(v.clamp(0.0, 1.0)))
        };
        let pixels = self.colours.iter().zip(&self.coverage).map(before_grey).collect();
        Image { picture: Picture { width: VIEW_SIDE, pixels }, coverage: self.coverage, nodes: self.nodes }
    }
}
