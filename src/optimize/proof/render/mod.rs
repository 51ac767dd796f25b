//! A software renderer: a model in fixed views, the same picture on every machine and any number of threads.
//!
//! [`model`] reads the document, [`pose`] moves it, [`raster`] finds what is seen, [`shade`] colours it. Views are
//! independent of each other, so callers draw them side by side.

pub mod camera;
mod environment;
mod material;
pub(super) mod model;
pub mod pose;
mod raster;
mod shade;
mod texture;

use glam::{Vec2, Vec3};

use self::camera::{Camera, Sphere, VIEW_SIDE, View};
use self::material::Alpha;
use self::model::{Draw, Model};
use self::raster::{Corner, NOTHING, SAMPLES, Visible};
use self::shade::Face;
use super::flip::Picture;

pub(super) use self::material::not_drawn;

/// sRGB of what is behind the model.
const BACKGROUND: f32 = 128.0 / 255.0;

/// Pixels that triangles may be tested against in one view: a hundred times what a well-filled one needs. Beyond that,
/// what is left is not drawn, in either picture.
const MOST_WORK: f32 = 3e8;

/// A model in a view.
pub(super) struct Image {
    /// The model before a grey background.
    pub(super) picture: Picture,
    /// How much of each pixel the model covers, 0 to 1.
    pub(super) coverage: Vec<f32>,
    /// Node that is nearest at each pixel.
    pub(super) nodes: Vec<Option<u32>>,
}

/// How many vertices are drawn.
pub(super) fn vertices(draws: &[Draw]) -> usize {
    draws.iter().map(|draw| draw.part.positions.len()).sum()
}

/// The sphere around everything that is drawn; `None` where nothing is.
pub(super) fn sphere(draws: &[Draw]) -> Option<Sphere> {
    let points = || {
        let world = draws
            .iter()
            .flat_map(|draw| draw.part.positions.iter().map(|&point| draw.world.transform_point3(point)));
        world.filter(|point| point.is_finite())
    };
    let (low, high) = points()
        .fold((Vec3::INFINITY, Vec3::NEG_INFINITY), |(low, high), point| (low.min(point), high.max(point)));
    if low.x > high.x {
        return None;
    }
    let centre = (low + high) / 2.0;
    let radius = points().map(|point| point.distance_squared(centre)).fold(0.0, f32::max).sqrt();
    // Coordinates near the end of what floats hold have no centre.
    if !centre.is_finite() || !radius.is_finite() {
        return None;
    }
    Some(Sphere { centre, radius: radius.max(1e-6) })
}

/// Draws a view.
pub(super) fn render(model: &Model, draws: &[Draw], view: &View, around: &Sphere) -> Image {
    let camera = Camera::new(view, around);
    let corners: Vec<Vec<Option<Corner>>> =
        draws.iter().map(|draw| raster::project(draw, &camera.matrix)).collect();
    let frame = Frame { model, draws, corners, eye: camera.eye, starts: starts(draws) };
    let visible = frame.visible();
    let mut canvas = frame.opaque(&visible);
    frame.blend(&visible, &mut canvas);
    canvas.finish()
}

/// The number of each draw's first triangle or point.
fn starts(draws: &[Draw]) -> Vec<u32> {
    let mut next = 0u32;
    let start = |draw: &Draw| {
        let start = next;
        let count = draw.part.triangles.len() + draw.part.points.len();
        next = next.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
        start
    };
    draws.iter().map(start).collect()
}

struct Frame<'m> {
    model: &'m Model<'m>,
    draws: &'m [Draw],
    corners: Vec<Vec<Option<Corner>>>,
    eye: Vec3,
    starts: Vec<u32>,
}

/// Premultiplied sRGB, coverage and node of every pixel.
struct Canvas {
    colours: Vec<Vec3>,
    coverage: Vec<f32>,
    nodes: Vec<Option<u32>>,
}

impl Frame<'_> {
    fn face(&self, draw: usize, triangle: [u32; 3]) -> Option<Face<'_>> {
        let corners = self.corners_of(draw, triangle)?;
        Some(Face::new(self.model, &self.draws[draw], triangle, corners, self.eye))
    }

    /// The corners of a triangle that faces the camera, or may be seen from behind.
    fn corners_of(&self, draw: usize, triangle: [u32; 3]) -> Option<[Corner; 3]> {
        let corner = |i: usize| self.corners[draw][triangle[i] as usize];
        let corners = [corner(0)?, corner(1)?, corner(2)?];
        let material = &self.model.materials[self.draws[draw].material];
        let facing = raster::facing(corners[0].at, corners[1].at, corners[2].at);
        // A mirrored mesh turns its triangles around.
        let facing = if self.draws[draw].world.determinant() < 0.0 { -facing } else { facing };
        (facing > 0.0 || material.is_double_sided).then_some(corners)
    }

    fn visible(&self) -> Visible {
        let mut visible = Visible::new();
        let mut work = 0.0;
        for (index, draw) in self.draws.iter().enumerate() {
            let material = &self.model.materials[draw.material];
            if material.is_transparent() {
                continue;
            }
            let cutoff = if let Alpha::Mask(cutoff) = material.alpha { Some(cutoff) } else { None };
            for (number, &triangle) in (self.starts[index]..).zip(&draw.part.triangles) {
                let Some(corners) = self.corners_of(index, triangle) else { continue };
                work += raster::effort(&corners);
                if work > MOST_WORK {
                    return visible;
                }
                let face = cutoff.and_then(|_| self.face(index, triangle));
                raster::cover(corners, |pixel, covered, depths| {
                    let is_drawn =
                        face.as_ref().is_none_or(|face| face.alpha(centre(pixel)) >= cutoff.unwrap_or(0.0));
                    if is_drawn {
                        visible.enter(number, pixel, covered, depths);
                    }
                });
            }
            self.enter_points(index, &mut visible);
        }
        visible
    }

    /// Points fill the pixel that they are in.
    fn enter_points(&self, index: usize, visible: &mut Visible) {
        let part = &self.draws[index].part;
        let first = self.starts[index] + u32::try_from(part.triangles.len()).unwrap_or(u32::MAX);
        for (number, &point) in (first..).zip(&part.points) {
            let Some(corner) = self.corners[index][point as usize] else { continue };
            let inside =
                corner.at.cmpge(Vec2::ZERO).all() && corner.at.cmplt(Vec2::splat(VIEW_SIDE as f32)).all();
            if inside {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "inside the view"
                )]
                let pixel = corner.at.y as usize * VIEW_SIDE + corner.at.x as usize;
                visible.enter(number, pixel, [true; 4], [corner.depth; 4]);
            }
        }
    }

    /// The draw and the vertices of a triangle or point by its number.
    fn found(&self, number: u32) -> Option<(usize, [u32; 3])> {
        let draw = self.starts.partition_point(|&start| start <= number).checked_sub(1)?;
        let part = &self.draws[draw].part;
        let local = (number - self.starts[draw]) as usize;
        let point = || part.points.get(local - part.triangles.len()).map(|&p| [p; 3]);
        Some((draw, part.triangles.get(local).copied().or_else(point)?))
    }

    fn opaque(&self, visible: &Visible) -> Canvas {
        let pixels = VIEW_SIDE * VIEW_SIDE;
        let mut canvas = Canvas {
            colours: vec![Vec3::ZERO; pixels],
            coverage: vec![0.0; pixels],
            nodes: vec![None; pixels],
        };
        for (pixel, ids) in visible.ids.iter().enumerate() {
            let mut done = [NOTHING; 4];
            for (i, &id) in ids.iter().enumerate() {
                if id == NOTHING || done.contains(&id) {
                    continue;
                }
                done[i] = id;
                let Some((draw, vertices)) = self.found(id) else { continue };
                let share = ids.iter().filter(|&&other| other == id).count() as f32 / SAMPLES.len() as f32;
                let colour = self.colour(draw, vertices, pixel);
                canvas.colours[pixel] += colour * share;
                canvas.coverage[pixel] += share;
                canvas.nodes[pixel].get_or_insert(u32::try_from(self.draws[draw].node).unwrap_or(u32::MAX));
            }
        }
        canvas
    }

    fn colour(&self, draw: usize, vertices: [u32; 3], pixel: usize) -> Vec3 {
        if vertices[0] == vertices[2] {
            let colours = &self.draws[draw].part.colours;
            let material = self.model.materials[self.draws[draw].material].colour;
            let colour = colours.get(vertices[0] as usize).map_or(material, |&colour| colour * material);
            return colour.truncate().map(texture::to_srgb);
        }
        self.face(draw, vertices).map_or(Vec3::ZERO, |face| face.shade(centre(pixel)).colour)
    }

    /// Lays transparent surfaces over the rest, the farthest draw first.
    fn blend(&self, visible: &Visible, canvas: &mut Canvas) {
        let transparent = |index: &usize| self.model.materials[self.draws[*index].material].is_transparent();
        let mut order: Vec<usize> = (0..self.draws.len()).filter(transparent).collect();
        let distance = |index: usize| self.draws[index].world.w_axis.truncate().distance_squared(self.eye);
        order.sort_by(|&a, &b| distance(b).total_cmp(&distance(a)));
        let mut work = 0.0;
        for index in order {
            let draw = &self.draws[index];
            for &triangle in &draw.part.triangles {
                let Some(face) = self.face(index, triangle) else { continue };
                let Some(corners) = self.corners_of(index, triangle) else { continue };
                // Every pixel of these is shaded.
                work += 4.0 * raster::effort(&corners);
                if work > MOST_WORK {
                    return;
                }
                raster::cover(corners, |pixel, covered, depths| {
                    let seen = (0..4).filter(|&i| covered[i] && depths[i] < visible.depths[pixel][i]).count();
                    if seen > 0 {
                        let shaded = face.shade(centre(pixel));
                        let part = shaded.alpha.clamp(0.0, 1.0) * seen as f32 / SAMPLES.len() as f32;
                        canvas.colours[pixel] = canvas.colours[pixel] * (1.0 - part) + shaded.colour * part;
                        canvas.coverage[pixel] += (1.0 - canvas.coverage[pixel]) * part;
                        canvas.nodes[pixel].get_or_insert(u32::try_from(draw.node).unwrap_or(u32::MAX));
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
    fn finish(self) -> Image {
        let before_grey = |(colour, cover): (&Vec3, &f32)| {
            let colour = *colour + Vec3::splat(BACKGROUND * (1.0 - cover));
            colour.to_array().map(|v| texture::to_byte(v.clamp(0.0, 1.0)))
        };
        let pixels = self.colours.iter().zip(&self.coverage).map(before_grey).collect();
        Image { picture: Picture { width: VIEW_SIDE, pixels }, coverage: self.coverage, nodes: self.nodes }
    }
}
