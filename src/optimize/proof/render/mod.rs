//! A software renderer: a model in fixed views, the same picture on every machine and any number of threads.
//!
//! [`model`] reads the document, [`pose`] moves it, [`frame`] draws it: [`raster`] finds what is seen, [`shade`] colours it. Views are
//! independent of each other, so callers draw them side by side.

mod brush;
pub mod camera;
mod environment;
mod film;
mod frame;
mod glass;
mod light;
mod material;
pub(super) mod model;
mod part;
pub mod pose;
mod raster;
mod shade;
mod sheen;
mod slot;
mod surface;
mod texture;
mod textures;
mod volume;

use glam::Vec3;

use self::camera::{Sphere, View};
use self::frame::Frame;
use self::model::{Draw, Model};
use super::flip::Picture;

pub(super) use self::frame::BACKGROUND;
pub(super) use self::light::MOST_LIGHTS;
pub(in crate::optimize) use self::material::drawn_images;
pub(super) use self::slot::SETS;
pub(in crate::optimize) use self::texture::as_mapped;
pub(super) use self::textures::Textures;

/// No draw.
pub(super) const NOBODY: u32 = u32::MAX;

/// A model in a view.
pub(super) struct Image {
    /// The model before a grey background.
    pub(super) picture: Picture,
    /// How much of each pixel the model covers: 0 only where it covers nothing, 255 all.
    pub(super) coverage: Vec<u8>,
    /// Which of the draws has the largest part in each pixel, or [`NOBODY`].
    pub(super) owners: Vec<u32>,
    /// Where that is: 0 near to 1 far, infinite where nobody is.
    pub(super) depths: Vec<f32>,
    /// How many pixels show something through a pane.
    pub(super) glazed: usize,
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
    Frame::new(model, draws, view, around).drawn()
}
