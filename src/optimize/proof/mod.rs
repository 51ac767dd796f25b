//! Proof that a result still shows what its original showed.
//!
//! [`shape`] compares bounding box and surface by a second reader. A [`Reference`] renders both files in fixed views
//! ([`render`]) and measures how different the pictures look ([`flip`]). What it says holds at the views and poses
//! tested, and nowhere else.

pub mod flip;
mod powers;
pub mod render;
mod shape;
#[cfg(test)]
mod tests;

pub use shape::{Expectation, Shape, compare as compare_shape, shape};

use std::collections::BTreeMap;
use std::ops::Range;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use self::flip::{Perceived, Picture};
use self::render::camera::{CLOSE, Sphere, VIEW_SIDE, View, WHOLE};
use self::render::model::{Draw, Model};
use self::render::pose::Moment;
use super::codecs::Pixels;
use super::document::Document;

/// Moments of the first clip that are looked at, as parts of its duration.
const MOMENTS: [f32; 2] = [0.31, 0.77];

/// Vertices that are drawn, instances counted each; larger models are not compared in pictures.
const MOST_VERTICES: usize = 40_000_000;

/// Pixels beyond which no filter of FLIP reaches.
const FILTER_REACH: usize = 24;

/// How different two models look.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Mean FLIP error over the model's pixels, mean of the whole views: 0 the same, 1 black against white.
    pub mean: f32,
    /// The largest mean of a whole view or pose.
    pub worst: f32,
    /// The largest mean of a close-up.
    pub close_worst: f32,
    /// The smallest overlap of the outlines in any view: 1 the same, 0 nothing in common.
    pub silhouette: f32,
    /// Each view.
    pub views: Vec<ViewError>,
    /// What neither picture shows, for people.
    pub not_shown: Vec<String>,
}

/// One view.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ViewError {
    /// From where, and which pose.
    pub name: String,
    /// Mean FLIP error over the pixels that either model covers.
    pub error: f32,
    /// Overlap of the outlines: intersection over union.
    pub silhouette: f32,
    /// Pixels that either model covers.
    pub pixels: usize,
    /// Index of the original's node that has the largest part in the error; `None` where there is none.
    pub node: Option<u32>,
}

/// A view of both models: before, after, and their difference, side by side.
pub struct Pictures {
    /// The name of the view.
    pub name: String,
    /// Three squares in a row; the third is black where nothing differs and white where everything does.
    pub pixels: Pixels,
}

/// An original in all its views, to compare any number of results with.
pub struct Reference {
    moments: Vec<Option<Moment>>,
    shots: Vec<Shot>,
    not_shown: Vec<String>,
}

/// The original in one view.
struct Shot {
    view: &'static View,
    moment: Option<Moment>,
    around: Sphere,
    image: render::Image,
    window: Window,
    /// What is perceived in the window.
    perceived: Perceived,
}

/// The part of a view in which the original is seen, with room for filters around it.
struct Window {
    columns: Range<usize>,
    rows: Range<usize>,
}

impl Reference {
    /// Draws the original; only pictures are kept of it.
    #[must_use]
    pub fn new(before: &Document) -> Self {
        let model = Model::new(before);
        let moments = moments(&model);
        let mut not_shown: Vec<String> =
            render::not_drawn(before).into_iter().map(|name| format!("{name} is not drawn")).collect();
        not_shown.extend(undecoded(&model, "original"));
        let scenes: Vec<Scene> = moments.iter().filter_map(|&moment| Scene::new(&model, moment)).collect();
        let views: Vec<(&Scene, &'static View)> = scenes
            .iter()
            .flat_map(|scene| views(scene.moment).iter().map(move |view| (scene, view)))
            .collect();
        let shots = views.par_iter().map(|(scene, view)| scene.shot(&model, view)).collect();
        Self { moments, shots, not_shown }
    }

    /// Whether the original shows nothing that could be compared.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.shots.is_empty()
    }

    /// Compares a result with the original in every view.
    #[must_use]
    pub fn compare(&self, after: &Document) -> Comparison {
        self.compare_with(after, |_, _| None).0
    }

    /// The same, with pictures of every view.
    #[must_use]
    pub fn compare_in_pictures(&self, after: &Document) -> (Comparison, Vec<Pictures>) {
        self.compare_with(after, |seen, name| seen.pictures(name))
    }

    fn compare_with(
        &self,
        after: &Document,
        picture: impl Fn(&Seen, &str) -> Option<Pictures> + Sync,
    ) -> (Comparison, Vec<Pictures>) {
        let after = Model::new(after);
        let poses: Vec<(Option<Moment>, Vec<Draw>)> =
            self.moments.iter().map(|&moment| (moment, after.draws(moment))).collect();
        let seen = self.shots.par_iter().filter_map(|shot| {
            let (_, draws) = poses.iter().find(|(moment, _)| *moment == shot.moment)?;
            let image = render::render(&after, draws, shot.view, &shot.around);
            let seen = Seen::new(shot, image);
            let error = seen.error(shot.name())?;
            let pictures = picture(&seen, &error.name);
            Some((error, pictures))
        });
        let (errors, pictures): (Vec<ViewError>, Vec<Option<Pictures>>) = seen.unzip();
        let mut not_shown = self.not_shown.clone();
        not_shown.extend(undecoded(&after, "result"));
        (Comparison::of(errors, not_shown), pictures.into_iter().flatten().collect())
    }
}

fn undecoded<'m>(model: &'m Model, which: &'m str) -> impl Iterator<Item = String> + 'm {
    model.undecoded.iter().map(move |image| format!("image {image} of the {which} cannot be decoded"))
}

fn moments(before: &Model) -> Vec<Option<Moment>> {
    let played = MOMENTS.iter().filter(|_| before.has_clips()).map(|&part| Some(Moment { clip: 0, part }));
    std::iter::once(None).chain(played).collect()
}

const AT_REST: [View; 10] =
    [WHOLE[0], WHOLE[1], WHOLE[2], WHOLE[3], WHOLE[4], WHOLE[5], WHOLE[6], WHOLE[7], CLOSE[0], CLOSE[1]];

/// The views of a pose: all of them at rest, one of a moving model.
fn views(moment: Option<Moment>) -> &'static [View] {
    if moment.is_some() { &AT_REST[..1] } else { &AT_REST }
}

/// The original in one pose.
struct Scene {
    moment: Option<Moment>,
    draws: Vec<Draw>,
    around: Sphere,
}

impl Scene {
    /// `None` where there is nothing to see, or more than can be drawn.
    fn new(model: &Model, moment: Option<Moment>) -> Option<Self> {
        let draws = model.draws(moment);
        if render::vertices(&draws) > MOST_VERTICES {
            return None;
        }
        let around = render::sphere(&draws)?;
        Some(Self { moment, draws, around })
    }

    fn shot(&self, model: &Model, view: &'static View) -> Shot {
        Shot::new(view, self.moment, self.around, render::render(model, &self.draws, view, &self.around))
    }
}

impl Shot {
    fn new(view: &'static View, moment: Option<Moment>, around: Sphere, image: render::Image) -> Self {
        let window = Window::of(&image.coverage);
        let perceived = Perceived::of(&window.cut(&image.picture));
        Self { view, moment, around, image, window, perceived }
    }

    fn name(&self) -> String {
        let pose = self.moment.map(|m| format!(", clip {} at {:.0} %", m.clip, m.part * 100.0));
        format!("{}{}", self.view.name, pose.unwrap_or_default())
    }

    /// The FLIP error of every pixel. Where the result covers what is far outside the original, it is the largest.
    fn errors(&self, after: &render::Image) -> Vec<f32> {
        let mut all: Vec<f32> =
            after.coverage.iter().map(|cover| if *cover > 0.0 { 1.0 } else { 0.0 }).collect();
        let part = self.window.cut(&after.picture);
        let errors = if part == self.window.cut(&self.image.picture) {
            vec![0.0; part.pixels.len()]
        } else {
            flip::flip(&self.perceived, &Perceived::of(&part))
        };
        let Window { columns, rows } = &self.window;
        for (y, row) in rows.clone().zip(errors.chunks_exact(columns.len())) {
            all[y * VIEW_SIDE..][columns.clone()].copy_from_slice(row);
        }
        all
    }
}

/// Both models in one view.
struct Seen<'r> {
    before: &'r render::Image,
    after: render::Image,
    errors: Vec<f32>,
}

impl<'r> Seen<'r> {
    fn new(shot: &'r Shot, after: render::Image) -> Self {
        let errors = shot.errors(&after);
        Self { before: &shot.image, after, errors }
    }

    /// The error of the view; `None` where neither model is in it.
    fn error(&self, name: String) -> Option<ViewError> {
        let cover = || self.before.coverage.iter().zip(&self.after.coverage);
        let covered = cover().zip(&self.errors).filter(|((a, b), _)| **a > 0.0 || **b > 0.0);
        let (sum, pixels) = covered.fold((0.0, 0), |(sum, pixels), (_, error)| (sum + error, pixels + 1));
        let outlines = cover().map(|(a, b)| (*a >= 0.5, *b >= 0.5));
        let (union, shared) = outlines.fold((0, 0), |(union, shared), (a, b)| {
            (union + usize::from(a || b), shared + usize::from(a && b))
        });
        let silhouette = if union == 0 { 1.0 } else { shared as f32 / union as f32 };
        (pixels > 0).then(|| ViewError {
            name,
            error: sum / pixels as f32,
            silhouette,
            pixels,
            node: self.node(),
        })
    }

    /// The node of the original with the largest sum of errors.
    fn node(&self) -> Option<u32> {
        let mut sums: BTreeMap<u32, f32> = BTreeMap::new();
        for (node, error) in self.before.nodes.iter().zip(&self.errors) {
            if let Some(node) = node {
                *sums.entry(*node).or_default() += error;
            }
        }
        let largest = sums.into_iter().filter(|(_, sum)| *sum > 0.0).max_by(|a, b| a.1.total_cmp(&b.1));
        largest.map(|(node, _)| node)
    }

    fn pictures(&self, name: &str) -> Option<Pictures> {
        // Small errors are what there is to see.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "errors are 0 to 1")]
        let grey = |error: &f32| [(error.sqrt() * 255.0) as u8; 3];
        let heat = Picture { width: VIEW_SIDE, pixels: self.errors.iter().map(grey).collect() };
        let three = [&self.before.picture, &self.after.picture, &heat];
        let row = |y: usize| {
            three.into_iter().flat_map(move |picture| &picture.pixels[y * VIEW_SIDE..][..VIEW_SIDE])
        };
        let rgba = (0..VIEW_SIDE).flat_map(row).flat_map(|&[r, g, b]| [r, g, b, 255]).collect();
        let side = u32::try_from(VIEW_SIDE).ok()?;
        let pixels = Pixels::new(3 * side, side, rgba).ok()?;
        Some(Pictures { name: name.to_owned(), pixels })
    }
}

impl Window {
    /// Around what is covered; all of the view where nothing is.
    fn of(coverage: &[f32]) -> Self {
        let covered =
            || coverage.iter().enumerate().filter(|(_, cover)| **cover > 0.0).map(|(pixel, _)| pixel);
        let range = |place: fn(usize) -> usize| {
            let low = covered().map(place).min()?.saturating_sub(FILTER_REACH);
            let high = covered().map(place).max()? + 1 + FILTER_REACH;
            Some(low..high.min(VIEW_SIDE))
        };
        Self {
            columns: range(|pixel| pixel % VIEW_SIDE).unwrap_or(0..VIEW_SIDE),
            rows: range(|pixel| pixel / VIEW_SIDE).unwrap_or(0..VIEW_SIDE),
        }
    }

    fn cut(&self, picture: &Picture) -> Picture {
        picture.window(self.columns.clone(), self.rows.clone())
    }
}

impl Comparison {
    fn of(views: Vec<ViewError>, not_shown: Vec<String>) -> Self {
        let among = |list: &[View], view: &ViewError| list.iter().any(|other| view.name == other.name);
        let whole: Vec<f32> = views.iter().filter(|v| among(&WHOLE, v)).map(|v| v.error).collect();
        let worst = |is_close: bool| {
            views.iter().filter(|v| among(&CLOSE, v) == is_close).map(|v| v.error).fold(0.0, f32::max)
        };
        Self {
            mean: whole.iter().sum::<f32>() / whole.len().max(1) as f32,
            worst: worst(false),
            close_worst: worst(true),
            silhouette: views.iter().map(|view| view.silhouette).fold(1.0, f32::min),
            not_shown,
            views,
        }
    }
}
