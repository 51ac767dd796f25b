//! From where an original is looked at, and as what: all that a [`Reference`](super::Reference) shows.
//!
//! Every model is seen from all sides and close up ([`camera`](super::render::camera)), in some moments of some of its clips,
//! in some of its variants, and close up where most is to be seen. Numbers are bounded, so that a model with
//! hundreds of clips takes little longer than one.

use std::sync::Arc;

use glam::Vec2;
use rayon::prelude::*;

use super::owners::Owner;
use super::render;
use super::render::camera::{CLOSE, Sphere, VIEW_SIDE, View, WHOLE};
use super::render::model::{Draw, Model};
use super::render::pose::{Case, Moment};
use super::seen::Shot;

/// Moments of a clip that are looked at, as parts of its duration.
pub(super) const MOMENTS: [f32; 2] = [0.31, 0.77];

/// Clips, variants and details that are looked at, at most.
pub(super) const MOST_CLIPS: usize = 4;
pub(super) const MOST_VARIANTS: usize = 4;
const MOST_DETAILS: usize = 2;

/// Details are looked for in squares of cells of this side; five of them are about what a close-up shows.
const CELL: usize = 32;
const CELLS_CLOSE: usize = 5;

/// Vertices that are drawn, instances counted each; larger models are not compared in pictures.
const MOST_VERTICES: usize = 40_000_000;

/// Why there is no picture of an original.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Blank {
    /// No node of the scene has a mesh, or there is no scene.
    #[error("the original shows nothing")]
    Empty,
    /// There are so many vertices, instances counted each.
    #[error(
        "the original has {0} vertices, instances counted, and scenes of more than {MOST_VERTICES} are not drawn"
    )]
    TooLarge(usize),
    /// There are vertices, but nowhere that a camera could look at.
    #[error("the original's coordinates are too large to be drawn")]
    Nowhere,
}

/// Why none of an original's cases can be drawn.
pub(super) fn blank(model: &Model) -> Blank {
    match render::vertices(&model.draws(Case::default())) {
        0 => Blank::Empty,
        vertices if vertices > MOST_VERTICES => Blank::TooLarge(vertices),
        _ => Blank::Nowhere,
    }
}

/// At rest, then the moments of clips, then variants.
pub(super) fn cases(model: &Model) -> Vec<Case> {
    let moments = spread(model.clips(), MOST_CLIPS).flat_map(|clip| {
        let duration = model.duration(clip);
        let moment = |part| Moment { clip, part, seconds: duration * part };
        MOMENTS.map(|part| Case { moment: Some(moment(part)), variant: None })
    });
    let variants =
        spread(model.variants(), MOST_VARIANTS).map(|variant| Case { moment: None, variant: Some(variant) });
    std::iter::once(Case::default()).chain(moments).chain(variants).collect()
}

/// At most `most` of `count`, evenly, the first among them.
pub(super) fn spread(count: usize, most: usize) -> impl Iterator<Item = usize> {
    let chosen = count.min(most);
    (0..chosen).map(move |i| i * count / chosen)
}

/// The pictures of an original.
pub(super) fn shots(model: &Model, cases: &[Case]) -> Vec<Shot> {
    let scenes: Vec<Scene> = cases.par_iter().filter_map(|&case| Scene::new(model, case)).collect();
    let views: Vec<(&Scene, View)> =
        scenes.iter().flat_map(|scene| scene.views().map(move |view| (scene, view))).collect();
    let shot = |(scene, view): &(&Scene, View)| scene.shot(model, *view);
    let mut shots: Vec<Shot> = views.par_iter().with_max_len(1).map(shot).collect();
    let at_rest = scenes.first().filter(|scene| scene.case == Case::default());
    if let Some(scene) = at_rest {
        let details = details(&shots);
        shots.par_extend(details.par_iter().map(|view| scene.shot(model, *view)));
    }
    shots
}

/// Close-ups of where most is to be seen, from different sides.
fn details(shots: &[Shot]) -> Vec<View> {
    let whole = shots.iter().filter(|shot| shot.is_whole());
    let mut found: Vec<(f32, View)> = whole.filter_map(richest).collect();
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut chosen: Vec<View> = Vec::new();
    for (_, view) in found {
        if chosen.len() < MOST_DETAILS && chosen.iter().all(|other| view.is_elsewhere(other)) {
            chosen.push(view);
        }
    }
    chosen
}

/// A close-up of the richest place of a view, and how rich it is; `None` where all is plain.
fn richest(shot: &Shot) -> Option<(f32, View)> {
    let cells = shot.detail(CELL);
    let columns = VIEW_SIDE / CELL;
    let square = |corner: usize| {
        let rows = corner / columns..corner / columns + CELLS_CLOSE;
        rows.flat_map(|row| &cells[row * columns + corner % columns..][..CELLS_CLOSE]).sum::<f32>()
    };
    let starts = 0..=columns - CELLS_CLOSE;
    let corners = starts.clone().flat_map(|row| starts.clone().map(move |column| row * columns + column));
    let (corner, sum) = corners
        .map(|corner| (corner, square(corner)))
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .filter(|best| best.1 > 0.0)?;
    let middle = |cell: usize| (cell as f32 + CELLS_CLOSE as f32 / 2.0) / columns as f32 * 2.0 - 1.0;
    let aim = Vec2::new(middle(corner % columns), -middle(corner / columns));
    Some((sum, shot.view.closer(aim)))
}

/// The original as one of the things it is shown as.
struct Scene {
    case: Case,
    draws: Vec<Draw>,
    around: Sphere,
    owners: Arc<[Owner]>,
}

impl Scene {
    /// `None` where there is nothing to see, or more than can be drawn.
    fn new(model: &Model, case: Case) -> Option<Self> {
        let draws = model.draws(case);
        if render::vertices(&draws) > MOST_VERTICES {
            return None;
        }
        let around = render::sphere(&draws)?;
        let owners = draws.iter().map(Owner::of).collect();
        Some(Self { case, draws, around, owners })
    }

    /// All views at rest, one of everything else.
    fn views(&self) -> impl Iterator<Item = View> + use<> {
        let count = if self.case == Case::default() { usize::MAX } else { 1 };
        WHOLE.into_iter().chain(CLOSE).take(count)
    }

    fn shot(&self, model: &Model, view: View) -> Shot {
        let image = render::render(model, &self.draws, &view, &self.around);
        Shot::new(view, self.case, self.around, image, self.owners.clone())
    }
}
