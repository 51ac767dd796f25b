//! Proof that a result still shows what its original showed.
//!
//! [`shape`] compares bounding box and surface by a second reader. A [`Reference`] renders both files ([`render`]) in
//! the views that [`views`] chooses and measures how different the pictures look ([`seen`], [`flip`]). What it says holds
//! at the views, poses and variants tested, and nowhere else.

mod distance;
pub mod flip;
mod missing;
mod morphs;
mod motion;
mod order;
mod owners;
mod powers;
pub mod render;
mod seen;
mod shape;
#[cfg(test)]
pub(super) mod tests;
mod views;

pub(super) use self::render::{as_mapped, drawn_images};
pub use order::align;
pub use shape::{Expectation, Shape, compare as compare_shape, shape};
pub use views::Blank;

use std::collections::HashMap;

use glam::Vec3;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use self::distance::Grid;
use self::morphs::Morphs;
use self::motion::Motion;
use self::owners::{Named, Names, Owner};
use self::render::Textures;
use self::render::camera::{CLOSE, View, WHOLE};
use self::render::model::{Draw, Model};
use self::render::pose::Case;
use self::seen::{Seen, Shot};
use super::codecs::{CodecError, Pixels, png};
use super::document::Document;

/// Triangles of an original that are kept to measure what was added, at most: 72 MB.
const MOST_KEPT: usize = 2_000_000;

/// How different two models look.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Comparison {
    /// Mean FLIP error over the model's pixels, mean of the whole views: 0 the same, 1 black against white.
    pub mean: f32,
    /// The largest mean of a whole view, pose or variant.
    pub worst: f32,
    /// The largest mean of a close-up of the middle.
    pub close_worst: f32,
    /// The largest mean of a close-up of where most is to be seen.
    #[serde(default)]
    pub detail_worst: f32,
    /// The smallest overlap of the outlines in any view: 1 the same, 0 nothing in common.
    pub silhouette: f32,
    /// How far a joint or a node's mesh is from where it was, at most, at the same seconds of every clip, as a part of the
    /// original's radius; `None` where the two have different numbers of joints.
    #[serde(default)]
    pub joints: Option<f32>,
    /// How far what a morph target adds is from what it added, at most, at weight 1 and whether anything plays it or not, as a part of
    /// the original's radius, 1 where it is gone; `None` without targets.
    #[serde(default)]
    pub morphs: Option<f32>,
    /// Which target that is, for people; `None` where all are as they were.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub morphs_at: Option<String>,
    /// How much longer or shorter a clip is, at most, as a part of its duration, 1 where it is gone; `None` without clips.
    #[serde(default)]
    pub durations: Option<f32>,
    /// How far any of a few thousand points of either surface, at rest, is from the other surface, as a part of the original's
    /// radius; at most 0.1, and `None` where there is no surface or too much of it.
    #[serde(default)]
    pub surface: Option<f32>,
    /// The largest part of the original, in any whole view, through which light goes: drawn so simply that other viewers show
    /// more of its errors.
    #[serde(default)]
    pub glass: f32,
    /// Each view.
    pub views: Vec<ViewError>,
    /// What neither picture shows, for people.
    pub not_shown: Vec<String>,
}

/// One view.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ViewError {
    /// From where, which pose and which variant.
    pub name: String,
    /// Mean FLIP error over the pixels that either model covers.
    pub error: f32,
    /// Overlap of the outlines: intersection over union.
    pub silhouette: f32,
    /// Pixels that either model covers.
    pub pixels: usize,
    /// Index of the original's node that has the largest part in the error; `None` where there is none, or only the result
    /// has it.
    pub node: Option<u32>,
    /// That node and its material by name, for people.
    #[serde(default)]
    pub object: Option<String>,
    /// Where it was seen from, so that a viewer can go there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub camera: Option<Standpoint>,
}

/// From where a view looks, and at what. Lengths are the scene's.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Standpoint {
    /// Where the camera is.
    pub position: [f32; 3],
    /// What is in the middle of the view.
    pub target: [f32; 3],
    /// The angle that is seen from top to bottom, in degrees; as much from left to right.
    pub field_of_view: f32,
    /// Index of the animation, and the part of its duration that has passed; `None` at rest.
    pub moment: Option<(usize, f32)>,
    /// Index of the variant, if it is one.
    pub variant: Option<usize>,
}

/// A view of both models: before, after, and their difference, side by side.
#[derive(Debug, Clone)]
pub struct Pictures {
    /// The name of the view.
    pub name: String,
    /// Three squares in a row; the third is black where nothing differs and almost white where everything does.
    pub pixels: Pixels,
}

impl Pictures {
    /// The pictures as a PNG file.
    ///
    /// # Errors
    /// The encoder fails, which it has no reason to.
    pub fn png(&self) -> Result<Vec<u8>, CodecError> {
        png::encode(&self.pixels, &png::Options { effort: 0, exact: true })
    }
}

/// An original in all its views, to compare any number of results with.
pub struct Reference {
    cases: Vec<Case>,
    shots: Vec<Shot>,
    /// What its morph targets add.
    morphs: Vec<Morphs>,
    /// How it moves.
    motion: Motion,
    /// Points of its surface at rest.
    points: Vec<Vec3>,
    /// That surface, unless there is too much of it.
    surface: Option<Grid>,
    /// What its nodes and materials are called.
    names: Names,
    glass: f32,
    cameras: Vec<Value>,
    blank: Option<Blank>,
    not_shown: Vec<String>,
    /// Of all that was looked at.
    textures: Textures,
}

impl Reference {
    /// Draws the original; only pictures are kept of it.
    #[must_use]
    pub fn new(before: &Document) -> Self {
        let textures = Textures::default();
        let model = Model::new(before, &textures);
        let cases = views::cases(&model);
        let mut not_shown = missing::not_shown(&model);
        not_shown.extend(undecoded(&model, "original"));
        let at_rest = model.draws(Case::default());
        let motion = Motion::of(before, boxes(&at_rest));
        // One after the other: side by side, both take their memory at once.
        let shots = views::shots(&model, &cases);
        let is_kept = distance::triangles(&at_rest).nth(MOST_KEPT).is_none();
        let around = render::sphere(&at_rest).filter(|_| is_kept);
        let surface = around.and_then(|around| Grid::of(&at_rest, &around));
        let blank = shots.is_empty().then(|| views::blank(&model));
        not_shown.extend(blank.map(|blank| format!("anything: {blank}")));
        let whole = shots.iter().filter(|shot| shot.is_whole());
        let glass = whole.map(Shot::glass).fold(0.0, f32::max);
        Self {
            shots,
            morphs: morphs::morphs(&model),
            motion,
            points: distance::points(&at_rest),
            surface,
            names: Names::of(before),
            glass,
            cameras: before.list("cameras").to_vec(),
            blank,
            not_shown,
            cases,
            textures,
        }
    }

    /// Why the original shows nothing that could be compared, if it does not.
    #[must_use]
    pub fn blank(&self) -> Option<Blank> {
        self.blank
    }

    /// Whether the original shows nothing that could be compared.
    #[must_use]
    pub fn is_blank(&self) -> bool {
        self.blank.is_some()
    }

    /// Compares a result with the original in every view.
    #[must_use]
    pub fn compare(&self, after: &Document) -> Comparison {
        self.compare_with_pictures(after, |_| None).0
    }

    /// Compares in every view, with pictures of each.
    #[must_use]
    pub fn compare_in_pictures(&self, after: &Document) -> (Comparison, Vec<Pictures>) {
        self.compare_with_pictures(after, |seen| seen.pictures())
    }

    fn compare_with_pictures(
        &self,
        after: &Document,
        picture: impl Fn(&Seen) -> Option<Pictures> + Sync,
    ) -> (Comparison, Vec<Pictures>) {
        let after = Model::new(after, &self.textures);
        let (mut comparison, pictures) = self.look(&after, |_| true, picture);
        self.measure(&after, &mut comparison);
        (comparison, pictures)
    }

    /// Compares an attempt by pictures alone, in one [`Glance`] after the other, until what is seen by then is `enough`.
    #[must_use]
    pub(super) fn compare_attempt(
        &self,
        after: &Document,
        mut enough: impl FnMut(&Comparison) -> bool,
    ) -> Comparison {
        let after = Model::new(after, &self.textures);
        let mut seen = Comparison::default();
        for count in 1..=Glance::ALL.len() {
            let (more, _) = self.look(&after, |shot| Glance::of(shot) == Glance::ALL[count - 1], |_| None);
            let mut errors = std::mem::take(&mut seen.views);
            errors.extend(more.views);
            errors.sort_by_cached_key(|view| self.shots.iter().position(|shot| shot.name() == view.name));
            let by_now = &Glance::ALL[..count];
            seen = self.comparison(errors, |shot| by_now.contains(&Glance::of(shot)));
            if enough(&seen) {
                break;
            }
        }
        seen
    }

    /// What is told of a result only: how far its joints and its surface are from where they were, in `comparison`; and
    /// pictures of the view with the largest error, if there is one.
    #[must_use]
    pub(super) fn complete(&self, after: &Document, comparison: &mut Comparison) -> Option<Pictures> {
        let after = Model::new(after, &self.textures);
        let worst = comparison.worst_view().map(|view| view.name.clone());
        let is_worst = |shot: &Shot| worst.as_ref().is_some_and(|name| shot.name() == *name);
        // One view is drawn by one thread; the others measure meanwhile.
        let look = || self.look(&after, is_worst, |seen| seen.pictures());
        let ((_, pictures), ()) = rayon::join(look, || self.measure(&after, comparison));
        pictures.into_iter().next()
    }

    /// Compares a result in parts: once for each list of images (their indices), with these as the `original` has them, and
    /// once on each of some other surfaces. The difference to what is seen of it as it is, is what is seen of what was done
    /// to each. Few `glances` are enough to tell errors apart, not to accept a result.
    #[must_use]
    pub(super) fn compare_parts(
        &self,
        after: &Document,
        (original, lists): (&Document, &[Vec<usize>]),
        surfaces: &[&Document],
        glances: &[Glance],
    ) -> (Vec<Comparison>, Vec<Comparison>) {
        let seen = |model: &Model| self.look(model, |shot| glances.contains(&Glance::of(shot)), |_| None).0;
        let mut model = Model::new(after, &self.textures);
        let on_surface = |surface: &&Document| seen(&Model::with_images_of(surface, &model));
        let on_surfaces = surfaces.iter().map(on_surface).collect();
        let restored = |images: &Vec<usize>| {
            let put_aside = model.restore(images, original);
            let comparison = seen(&model);
            model.put_back(put_aside);
            comparison
        };
        (lists.iter().map(restored).collect(), on_surfaces)
    }

    /// See [`Comparison::glass`].
    pub(super) fn glass(&self) -> f32 {
        self.glass
    }

    /// The names of the views of some glances, and what their errors count for.
    pub(super) fn stands(&self, glances: &[Glance]) -> Vec<(String, Stand)> {
        let stand = |shot: &Shot| Stand { glance: Glance::of(shot), is_whole: shot.is_whole() };
        let stands = self.shots.iter().map(|shot| (shot.name(), stand(shot)));
        stands.filter(|(_, stand)| glances.contains(&stand.glance)).collect()
    }

    /// What a comparison says of some of the views.
    #[must_use]
    pub(super) fn as_seen_in(&self, glances: &[Glance], seen: &Comparison) -> Comparison {
        let wanted = || self.shots.iter().filter(|shot| glances.contains(&Glance::of(shot)));
        let names: Vec<String> = wanted().map(Shot::name).collect();
        let views = seen.views.iter().filter(|view| names.contains(&view.name)).cloned().collect();
        let whole = wanted().filter(|shot| shot.is_whole()).count();
        Comparison { glass: self.glass, ..Comparison::of(views, whole) }
    }

    /// Compares the pictures of some views.
    fn look(
        &self,
        after: &Model,
        is_wanted: impl Fn(&Shot) -> bool,
        picture: impl Fn(&Seen) -> Option<Pictures> + Sync,
    ) -> (Comparison, Vec<Pictures>) {
        let wanted: Vec<&Shot> = self.shots.iter().filter(|shot| is_wanted(shot)).collect();
        let is_shown = |case: &Case| wanted.iter().any(|shot| shot.case == *case);
        let drawn = self.cases.par_iter().filter(|case| is_shown(case));
        let named = Named::new(&self.names, after.document);
        let drawn = drawn.map(|&case| {
            let draws = after.draws(case);
            let owners = draws.iter().map(|draw| named.owner(draw)).collect();
            (case, draws, owners)
        });
        let drawn: Vec<(Case, Vec<Draw>, Vec<Owner>)> = drawn.collect();
        // Each is worth a thread of its own: in longer pieces, neighbours would wait for each other.
        let seen = wanted.par_iter().with_max_len(1).filter_map(|shot| {
            let (_, draws, owners) = drawn.iter().find(|(case, ..)| *case == shot.case)?;
            let seen = Seen::new(shot, render::render(after, draws, &shot.view, &shot.around), owners);
            let (error, owner) = seen.error()?;
            Some((ViewError { object: owner.map(|owner| named.called(owner)), ..error }, picture(&seen)))
        });
        let (errors, pictures): (Vec<ViewError>, Vec<Option<Pictures>>) = seen.unzip();
        (self.comparison(errors, is_wanted), pictures.into_iter().flatten().collect())
    }

    /// What the errors of some views come to.
    fn comparison(&self, errors: Vec<ViewError>, is_wanted: impl Fn(&Shot) -> bool) -> Comparison {
        let whole = self.shots.iter().filter(|shot| shot.is_whole() && is_wanted(shot)).count();
        Comparison { glass: self.glass, ..Comparison::of(errors, whole) }
    }

    /// What pictures show of neither model, or not as it is.
    fn not_shown(&self, after: &Model) -> Vec<String> {
        let mut not_shown = self.not_shown.clone();
        let of_result = missing::not_shown(after).into_iter().chain(undecoded(after, "result"));
        not_shown.extend(of_result.filter(|line| !self.not_shown.contains(line)));
        if !missing::are_same_cameras(&self.cameras, after.document.list("cameras")) {
            not_shown.push("the cameras of the result are not those of the original".to_owned());
        }
        not_shown
    }

    /// Measures what pictures may not show, and says what they do not.
    fn measure(&self, after: &Model, comparison: &mut Comparison) {
        let radius = self.shots.first().map(|shot| shot.around.radius);
        let apart = radius.and_then(|radius| Some(self.motion.distance(after.document)? / radius));
        comparison.joints = apart;
        let morphs = radius.and_then(|radius| morphs::farthest(&self.morphs, &morphs::morphs(after), radius));
        comparison.morphs_at =
            morphs.as_ref().filter(|(apart, _)| *apart > 0.0).map(|(_, name)| name.clone());
        comparison.morphs = morphs.map(|(apart, _)| apart);
        comparison.durations = self.motion.longer_or_shorter(after.document);
        comparison.surface = self.surface_distance(&after.draws(Case::default()));
        comparison.not_shown = self.not_shown(after);
    }

    /// How far the surfaces are from each other: what is lost is far from the result's, what was added from the original's.
    fn surface_distance(&self, after: &[Draw]) -> Option<f32> {
        let around = self.shots.first()?.around;
        let lost = Grid::of(after, &around)?.farthest(&self.points)?;
        let added = self.surface.as_ref().and_then(|surface| surface.farthest(&distance::points(after)));
        Some(added.map_or(lost, |added| added.max(lost)) / around.radius)
    }
}

/// What a view's error counts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stand {
    pub(super) glance: Glance,
    /// It is one of those whose mean counts.
    pub(super) is_whole: bool,
}

/// Views that are looked at together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Glance {
    /// Half of the whole views at rest, and the variants.
    Around,
    /// The close-ups of the middle. Each takes as long as several whole views.
    CloseUp,
    /// Those of where most is to be seen.
    Detail,
    /// The other half, and the poses.
    Rest,
}

impl Glance {
    /// All views, in the order in which attempts are looked at.
    pub(super) const ALL: [Self; 4] = [Self::Around, Self::CloseUp, Self::Detail, Self::Rest];

    fn of(shot: &Shot) -> Self {
        let is_around = || WHOLE.iter().step_by(2).any(|view| *view == shot.view);
        match shot.view {
            view if view.is_detail() => Self::Detail,
            view if view.zoom > 1.0 => Self::CloseUp,
            _ if shot.case.moment.is_none() && is_around() => Self::Around,
            _ => Self::Rest,
        }
    }
}

/// Whether there is anything to be seen of a model at rest.
#[must_use]
pub fn shows_anything(document: &Document) -> bool {
    let textures = Textures::default();
    render::vertices(&Model::new(document, &textures).draws(Case::default())) > 0
}

/// The boxes around what nodes show, by their indices.
fn boxes(draws: &[Draw]) -> HashMap<usize, [Vec3; 2]> {
    let mut boxes: HashMap<usize, [Vec3; 2]> = HashMap::new();
    for draw in draws {
        for at in draw.positions().into_iter().filter(|at| at.is_finite()) {
            let around = boxes.entry(draw.node).or_insert([at, at]);
            *around = [around[0].min(at), around[1].max(at)];
        }
    }
    boxes
}

fn undecoded<'m>(model: &'m Model, which: &'m str) -> impl Iterator<Item = String> + 'm {
    model.undecoded.iter().map(move |image| format!("image {image} of the {which} cannot be decoded"))
}

impl ViewError {
    /// Whether it is one of those whose mean counts.
    pub(super) fn is_whole(&self) -> bool {
        self.is_among(&WHOLE)
    }

    /// Whether it is a close-up of the middle.
    pub(super) fn is_close(&self) -> bool {
        self.is_among(&CLOSE)
    }

    /// Whether it is a close-up of where most is to be seen.
    pub(super) fn is_detail(&self) -> bool {
        self.name.contains(seen::DETAIL)
    }

    fn is_among(&self, list: &[View]) -> bool {
        list.iter().any(|other| self.name == other.name)
    }
}

impl Comparison {
    /// `whole` views at rest were looked at.
    fn of(views: Vec<ViewError>, whole: usize) -> Self {
        // A view in which neither model is seen is none of `views`, and shows no difference. The sum of no numbers is -0.
        let sum = views.iter().filter(|view| view.is_whole()).map(|view| view.error).fold(0.0, |a, b| a + b);
        let worst = |is_meant: &dyn Fn(&ViewError) -> bool| {
            views.iter().filter(|v| is_meant(v)).map(|v| v.error).fold(0.0, f32::max)
        };
        Self {
            mean: sum / whole.max(1) as f32,
            worst: worst(&|view| !view.is_close() && !view.is_detail()),
            close_worst: worst(&ViewError::is_close),
            detail_worst: worst(&ViewError::is_detail),
            silhouette: views.iter().map(|view| view.silhouette).fold(1.0, f32::min),
            views,
            ..Self::default()
        }
    }

    /// The largest mean of any close-up, of the middle or of where most is to be seen.
    #[must_use]
    pub fn closest_worst(&self) -> f32 {
        self.close_worst.max(self.detail_worst)
    }

    /// The view with the largest error.
    #[must_use]
    pub fn worst_view(&self) -> Option<&ViewError> {
        self.views.iter().max_by(|a, b| a.error.total_cmp(&b.error))
    }
}
