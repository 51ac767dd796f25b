//! Attempts at one document with the numbers of one preset, and the search among them.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::super::attempt::{Fitted, Job};
use super::super::budget::{Budget, Look, Shares};
use super::super::document::Document;
use super::super::document::read::Files;
use super::super::error::Error;
use super::super::inventory;
use super::super::passes::{self, Pass};
use super::super::proof::{Comparison, Glance, Stand, drawn_images};
use super::super::report::{PassReport, Tried};
use super::super::search::{Attempt as _, Cost, Estimate, Group, Part, Subject, refine, search};
use super::super::settings::Target;
use super::super::sizes::{self, GeometrySizes};

/// What the passes that are not repeated made of a document.
pub(super) struct Prepared {
    document: Document,
    reports: Vec<PassReport>,
    bytes: u64,
}

/// Attempts at a document.
pub(super) struct Series<'a, 'p> {
    job: Job<'a, 'p>,
    passes: &'a [&'a dyn Pass],
    /// The first of the passes that are repeated, and of those that round.
    repeated: usize,
    rounding: usize,
    prepared: Prepared,
    geometry: GeometrySizes,
    /// Size of the smallest attempt that was as it was meant to be.
    least: u64,
    curve: Vec<Tried>,
}

impl<'a, 'p> Series<'a, 'p> {
    /// Runs what is not repeated, unless that was done before.
    ///
    /// # Errors
    /// Those of the passes.
    pub(super) fn new(
        passes: &'a [&'a dyn Pass],
        mut job: Job<'a, 'p>,
        prepared: Option<Prepared>,
    ) -> Result<Self, Error> {
        let from = |is_first: fn(&dyn Pass) -> bool| {
            passes.iter().position(|pass| is_first(*pass)).unwrap_or(passes.len())
        };
        let (repeated, rounding) = (from(|pass| pass.is_repeated()), from(|pass| pass.rounds()));
        let prepared = match prepared {
            Some(prepared) => prepared,
            None => {
                let mut document = job.original.document.clone();
                job.run(&passes[..repeated], &mut document)?;
                Prepared { document, reports: std::mem::take(&mut job.reports), bytes: job.bytes }
            }
        };
        let geometry = GeometrySizes::of(&prepared.document);
        Ok(Self { job, passes, repeated, rounding, prepared, geometry, least: u64::MAX, curve: Vec::new() })
    }

    /// What another series of the same preset can begin with, and what came of this one.
    pub(super) fn end(self) -> (Prepared, Vec<Tried>) {
        (self.prepared, self.curve)
    }

    pub(super) fn budget(&self) -> &Budget {
        &self.job.budget
    }

    /// Attempts are meant to look like this, and are right if they look like `bound`; up to a size, any may be the best.
    pub(super) fn towards(&mut self, aim: Look, bound: Look, size: u64) {
        (self.job.aim, self.job.bound, self.job.wanted_bytes) = (aim, bound, size);
    }

    /// The same share for everything.
    pub(super) fn even(&self, share: f32) -> Shares {
        Shares::even(share, self.prepared.document.images.len())
    }

    /// Makes an attempt.
    ///
    /// # Errors
    /// Those of the passes, and of writing.
    pub(super) fn attempt(&mut self, shares: &Shares) -> Result<Rc<Fitted>, Error> {
        let Self { job, passes, prepared, .. } = self;
        let mut document = prepared.document.clone();
        (job.reports, job.bytes, job.shares) = (prepared.reports.clone(), prepared.bytes, shares.clone());
        job.least = self.least;
        job.run(&passes[self.repeated..self.rounding], &mut document)?;
        let left = sizes::coordinates(&document);
        let unrounded = document.clone();
        job.run(&passes[self.rounding..], &mut document)?;
        let mut made = job.finish(document)?;
        // Whatever happens until the next attempt.
        job.stages.enter("search", 0.0);
        made.unrounded = unrounded;
        let bytes = made.glb.len() as u64;
        if made.part() <= 1.0 {
            self.least = self.least.min(bytes);
        }
        self.curve.push(made.tried());
        self.geometry.add(shares.surface, left, geometry_bytes(&made.glb)?);
        Ok(Rc::new(made))
    }

    /// The smallest result that looks as it is meant to, see [`search`]; each attempt is shown to `see`.
    ///
    /// # Errors
    /// Those of the passes, and of writing.
    pub(super) fn smallest(
        &mut self,
        (tries, leaps): (usize, usize),
        start: &Shares,
        see: &mut dyn FnMut(&Rc<Fitted>),
    ) -> Result<Rc<Fitted>, Error> {
        let hidden_share = if tries > 1 { HIDDEN_SHARE } else { 1.0 } * start.surface;
        search(&mut self.shown(hidden_share, see), (tries, leaps), start)
    }

    /// What looks best of `made` and at most `tries` attempts near it that are no larger than `most`, see [`refine`]; likewise.
    ///
    /// # Errors
    /// Those of the passes, and of writing.
    pub(super) fn refined(
        &mut self,
        (tries, most): (usize, u64),
        made: &Rc<Fitted>,
        see: &mut dyn FnMut(&Rc<Fitted>),
    ) -> Result<Rc<Fitted>, Error> {
        let drawn = drawn_images(&self.prepared.document);
        let hidden = made.shares.images.iter().enumerate().find(|(image, _)| !drawn.contains(image));
        let hidden_share = hidden.map_or(made.shares.surface, |(_, share)| *share);
        let part = made.comparison.as_ref().map_or(0.0, |seen| self.job.aim.part(seen));
        let as_aimed = Rc::new(Fitted { part, ..Fitted::clone(made) });
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        refine(&mut self.shown(hidden_share, see), (tries, most), as_aimed, &made.shares)
    }

    fn shown<'s>(&'s mut self, hidden_share: f32, see: &'s mut dyn FnMut(&Rc<Fitted>)) -> Shown<'s, 'a, 'p> {
        let views = self.job.original.reference.stands(GLANCES);
        let drawn = drawn_images(&self.prepared.document);
        Shown { series: self, views, drawn, hidden_share, see }
    }
}

/// The views in which the errors of parts are told apart.
const GLANCES: &[Glance] = &[Glance::Around, Glance::CloseUp, Glance::Detail];

/// The share of images that no picture shows, as a part of the first: what the others end with is more than that, as a rule.
const HIDDEN_SHARE: f32 = 2.0;

/// What is taken to be seen of an image where it has all of a preset's error, as a part of all that is allowed.
const USUAL: f32 = 0.5;

/// Attempts, each of which is shown to somebody.
struct Shown<'s, 'a, 'p> {
    series: &'s mut Series<'a, 'p>,
    views: Vec<(String, Stand)>,
    drawn: BTreeSet<usize>,
    hidden_share: f32,
    see: &'s mut dyn FnMut(&Rc<Fitted>),
}

impl Shown<'_, '_, '_> {
    /// The error of each view in a comparison of some of them, none where it shows neither model; and last, how much the outlines
    /// differ at most.
    fn errors(&self, seen: &Comparison) -> Vec<f32> {
        let of = |name: &str| seen.views.iter().find(|view| view.name == name);
        let views = || self.views.iter().map(|(name, _)| of(name));
        let outline = views().flatten().map(|view| 1.0 - view.silhouette).fold(0.0, f32::max);
        views().map(|view| view.map_or(0.0, |view| view.error)).chain([outline]).collect()
    }

    /// The same, with [`HIDDEN_SHARE`] for images that no picture shows, such as those for viewers that lack an extension.
    fn with_hidden(&self, shares: &Shares) -> Shares {
        let hidden = |image: usize| !self.drawn.contains(&image);
        let images = shares.images.iter().enumerate();
        let images = images.map(|(image, share)| if hidden(image) { self.hidden_share } else { *share });
        Shares { images: images.collect(), ..shares.clone() }
    }
}

impl Estimate for Shown<'_, '_, '_> {
    fn cost(&self, part: &Part, share: f32) -> Cost {
        let Series { job, geometry, .. } = &*self.series;
        let of = |bytes: f32| Cost { bytes, used: share };
        match part {
            // The larger, the fewer.
            Part::All => of(1.0 / share),
            Part::Images(images) => {
                let costs = images.iter().map(|&image| job.memo.image_cost(image, share));
                let sum = costs.fold(Cost::default(), |sum, cost| Cost {
                    bytes: sum.bytes + cost.bytes,
                    used: sum.used + cost.used,
                });
                Cost { used: sum.used / images.len().max(1) as f32, ..sum }
            }
            Part::Surface => of(geometry.surface(share)),
            Part::Numbers => of(geometry.numbers(share)),
        }
    }

    fn pressure(&self, seen: &[f32]) -> f32 {
        let (Some((outline, errors)), job) = (seen.split_last(), &self.series.job) else { return 0.0 };
        let stands = self.views.iter().map(|(_, stand)| *stand);
        job.aim.pressure(stands.zip(errors.iter().copied()), *outline, job.original.reference.glass())
    }

    fn usual(&self) -> Vec<f32> {
        let views = self.views.iter().map(|(_, stand)| USUAL * self.series.job.aim.of_view(*stand));
        // Images do not change outlines.
        views.chain([0.0]).collect()
    }
}

impl Subject for Shown<'_, '_, '_> {
    type Made = Rc<Fitted>;
    type Error = Error;

    fn attempt(&mut self, shares: &Shares) -> Result<Rc<Fitted>, Error> {
        let made = self.series.attempt(&self.with_hidden(shares))?;
        (self.see)(&made);
        Ok(made)
    }

    /// The parts whose errors are told apart, and what is seen of each: images of the same kind together where they are many.
    fn groups(&self, made: &Rc<Fitted>) -> Vec<Group> {
        let Series { job, prepared, .. } = &*self.series;
        let (original, reference) = (&prepared.document, &job.original.reference);
        let lists = match job.settings.target {
            // Block formats have no qualities to choose from.
            Target::Gpu => Vec::new(),
            Target::Web | Target::Universal => passes::images_of_a_kind(original, SINGLE_IMAGES),
        };
        let is_drawn = |images: &Vec<usize>| images.iter().any(|image| self.drawn.contains(image));
        let lists: Vec<Vec<usize>> = lists.into_iter().filter(is_drawn).collect();
        // The same images on a surface that is only rounded, and on the original's: where there are no images, that is the original.
        let surfaces: &[&Document] =
            if original.images.is_empty() { &[&made.unrounded] } else { &[&made.unrounded, original] };
        let (restored, on_surfaces) =
            reference.compare_parts(&made.document, (original, &lists), surfaces, GLANCES);
        let whole = self.seen(made);
        let effect = |seen: &Comparison| -> Vec<f32> {
            whole.iter().zip(self.errors(seen)).map(|(whole, seen)| whole - seen).collect()
        };
        let images = lists.into_iter().zip(&restored);
        let mut groups: Vec<Group> =
            images.map(|(images, seen)| Group { part: Part::Images(images), effect: effect(seen) }).collect();
        let mut on_surfaces = on_surfaces.iter().map(effect);
        let numbers = on_surfaces.next().unwrap_or_default();
        let both = on_surfaces.next().unwrap_or(whole);
        let surface = both.iter().zip(&numbers).map(|(both, numbers)| both - numbers.max(0.0)).collect();
        groups.push(Group { part: Part::Numbers, effect: numbers });
        groups.push(Group { part: Part::Surface, effect: surface });
        groups
    }

    fn seen(&self, made: &Rc<Fitted>) -> Vec<f32> {
        let Some(seen) = &made.comparison else { return vec![0.0; self.views.len() + 1] };
        let mut errors = self.errors(seen);
        for (error, (_, stand)) in errors.iter_mut().zip(&self.views) {
            if !Glance::ALL[..made.glances].contains(&stand.glance) {
                *error = f32::NAN;
            }
        }
        errors
    }
}

/// Bytes of vertices, indices and morph targets in a file.
fn geometry_bytes(glb: &[u8]) -> Result<u64, Error> {
    let by = inventory::take(glb, &Files::new())?.bytes_by;
    Ok(by.vertices + by.indices + by.morph_targets)
}

/// Up to this many images are looked at one by one: each takes as long as a comparison.
const SINGLE_IMAGES: usize = 8;
