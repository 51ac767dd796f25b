//! Proof that a result still shows what its original showed.
//!
//! [`shape`] compares bounding box and surface by a second reader. [`compare`] renders both files in fixed views
//! ([`render`]) and measures how different the pictures look ([`flip`]). What it says holds at the views and poses
//! tested, and nowhere else.

pub mod flip;
pub mod render;
mod shape;

pub use shape::{Shape, compare as compare_shape, shape};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use self::flip::Picture;
use self::render::camera::{CLOSE, Sphere, VIEW_SIDE, View, WHOLE};
use self::render::model::{Draw, Model};
use self::render::pose::Moment;
use super::codecs::Pixels;
use super::document::Document;

/// Moments of the first clip that are looked at, as parts of its duration.
const MOMENTS: [f32; 2] = [0.31, 0.77];

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
}

/// A view of both models: before, after, and their difference, side by side.
pub struct Pictures {
    /// The name of the view.
    pub name: String,
    /// Three squares in a row; the third is black where nothing differs and white where everything does.
    pub pixels: Pixels,
}

/// Compares two documents in every view.
#[must_use]
pub fn compare(before: &Document, after: &Document) -> Comparison {
    compare_with(before, after, |_, _| None).0
}

/// The same, with pictures of every view.
#[must_use]
pub fn compare_in_pictures(before: &Document, after: &Document) -> (Comparison, Vec<Pictures>) {
    compare_with(before, after, Seen::pictures)
}

fn compare_with(
    before: &Document,
    after: &Document,
    picture: impl Fn(&Seen, &str) -> Option<Pictures> + Sync,
) -> (Comparison, Vec<Pictures>) {
    let not_shown = render::not_drawn(before);
    let (before, after) = rayon::join(|| Model::new(before), || Model::new(after));
    let scenes: Vec<Scene> =
        moments(&before).into_iter().filter_map(|moment| Scene::new(&before, &after, moment)).collect();
    let views: Vec<(&Scene, &View)> =
        scenes.iter().flat_map(|scene| scene.views().iter().map(move |view| (scene, view))).collect();
    let seen = views.par_iter().filter_map(|(scene, view)| {
        let seen = Seen::new(&before, &after, scene, view);
        let error = seen.error(scene.name(view))?;
        let pictures = picture(&seen, &error.name);
        Some((error, pictures))
    });
    let (errors, pictures): (Vec<ViewError>, Vec<Option<Pictures>>) = seen.unzip();
    let mut not_shown: Vec<String> = not_shown.into_iter().map(|name| format!("{name} is not drawn")).collect();
    for (model, which) in [(&before, "original"), (&after, "result")] {
        let undecoded = &model.undecoded;
        not_shown.extend(undecoded.iter().map(|image| format!("image {image} of the {which} cannot be decoded")));
    }
    (Comparison::of(errors, not_shown), pictures.into_iter().flatten().collect())
}

fn moments(before: &Model) -> Vec<Option<Moment>> {
    let played = MOMENTS.iter().filter(|_| before.has_clips()).map(|&part| Some(Moment { clip: 0, part }));
    std::iter::once(None).chain(played).collect()
}

/// Both models in one pose.
struct Scene {
    moment: Option<Moment>,
    before: Vec<Draw>,
    after: Vec<Draw>,
    around: Sphere,
}

const AT_REST: [View; 10] = [
    WHOLE[0], WHOLE[1], WHOLE[2], WHOLE[3], WHOLE[4], WHOLE[5], WHOLE[6], WHOLE[7], CLOSE[0], CLOSE[1],
];

impl Scene {
    /// `None` where the original shows nothing.
    fn new(before: &Model, after: &Model, moment: Option<Moment>) -> Option<Self> {
        let (before, after) = (before.draws(moment), after.draws(moment));
        let around = render::sphere(&before)?;
        Some(Self { moment, before, after, around })
    }

    fn views(&self) -> &'static [View] {
        if self.moment.is_some() { &AT_REST[..1] } else { &AT_REST }
    }

    fn name(&self, view: &View) -> String {
        let pose = self.moment.map(|m| format!(", clip {} at {:.0} %", m.clip, m.part * 100.0));
        format!("{}{}", view.name, pose.unwrap_or_default())
    }
}

/// Both models in one view.
struct Seen {
    before: render::Image,
    after: render::Image,
    errors: Vec<f32>,
}

impl Seen {
    fn new(before: &Model, after: &Model, scene: &Scene, view: &View) -> Self {
        let (before, after) = rayon::join(
            || render::render(before, &scene.before, view, &scene.around),
            || render::render(after, &scene.after, view, &scene.around),
        );
        let errors = flip::flip(&before.picture, &after.picture);
        Self { before, after, errors }
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
        (pixels > 0).then(|| ViewError { name, error: sum / pixels as f32, silhouette, pixels })
    }

    fn pictures(&self, name: &str) -> Option<Pictures> {
        let heat = Picture {
            width: VIEW_SIDE,
            // Small errors are what there is to see.
            pixels: self.errors.iter().map(|error| [error.sqrt(); 3]).collect(),
        };
        let rows = (0..VIEW_SIDE).flat_map(|y| {
            let row = |picture: &'_ Picture| picture.row(y).map(|[r, g, b]| [r, g, b, 255]).collect::<Vec<_>>();
            [row(&self.before.picture), row(&self.after.picture), row(&heat)].concat()
        });
        let side = u32::try_from(VIEW_SIDE).ok()?;
        let pixels = Pixels::new(3 * side, side, rows.flatten().collect()).ok()?;
        Some(Pictures { name: name.to_owned(), pixels })
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
