//! Attempts at one document with the numbers of one preset, and the search among them.

use std::cell::RefCell;
use std::rc::Rc;

use super::super::attempt::{Fitted, Job};
use super::super::budget::{Budget, Look, Shares};
use super::super::document::Document;
use super::super::document::read::Files;
use super::super::error::Error;
use super::super::inventory;
use super::super::passes::{self, Pass};
use super::super::proof::{Comparison, Glance, Reference, drawn_images};
use super::super::report::{PassReport, Tried};
use super::super::search::{Attempt as _, Group, Part, search};
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
        self.curve.push(Tried { bytes, error: made.comparison.as_ref().map(|seen| seen.mean) });
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
        let series = RefCell::new(self);
        let attempt = |shares: &Shares| {
            let made = series.borrow_mut().attempt(shares)?;
            see(&made);
            Ok(made)
        };
        let groups = |made: &Rc<Fitted>| series.borrow().groups(made);
        let bytes = |part: &Part, share: f32| series.borrow().bytes(part, share);
        search((tries, if tries > 1 { leaps } else { 0 }), start, attempt, groups, &bytes)
    }

    /// How many bytes a part should take.
    fn bytes(&self, part: &Part, share: f32) -> f32 {
        match part {
            // The larger, the fewer.
            Part::All => 1.0 / share,
            Part::Images(images) => images.iter().map(|&image| self.job.memo.image_bytes(image, share)).sum(),
            Part::Surface => self.geometry.surface(share),
            Part::Numbers => self.geometry.numbers(share),
        }
    }

    fn groups(&self, made: &Fitted) -> Vec<Group> {
        let Job { original, settings, aim, .. } = &self.job;
        groups(made, &self.prepared.document, &original.reference, (settings.target, aim))
    }
}

/// Bytes of vertices, indices and morph targets in a file.
fn geometry_bytes(glb: &[u8]) -> Result<u64, Error> {
    let by = inventory::take(glb, &Files::new())?.bytes_by;
    Ok(by.vertices + by.indices + by.morph_targets)
}

/// Up to this many images are looked at one by one: each takes as long as a comparison.
const SINGLE_IMAGES: usize = 8;

/// The parts whose errors are told apart, and what is seen of each in an attempt: images of the same kind together where they
/// are many. Images that no picture shows, such as those for viewers that lack an extension, are taken to show what the others
/// do on average; thumbnails, which are small beside the model, as little as can be.
fn groups(
    made: &Fitted,
    original: &Document,
    reference: &Reference,
    (target, look): (Target, &Look),
) -> Vec<Group> {
    let lists = match target {
        // Block formats have no qualities to choose from.
        Target::Gpu => Vec::new(),
        Target::Web | Target::Universal => passes::images_of_a_kind(original, SINGLE_IMAGES),
    };
    let drawn = drawn_images(original);
    let (lists, hidden): (Vec<_>, Vec<_>) =
        lists.into_iter().partition(|images| images.iter().any(|image| drawn.contains(image)));
    let glances = [Glance::Around, Glance::CloseUp];
    // The same images on a surface that is only rounded, and on the original's: where there are no images, that is the original.
    let surfaces: &[&Document] =
        if original.images.is_empty() { &[&made.unrounded] } else { &[&made.unrounded, original] };
    let compared = |lists: &[Vec<usize>], surfaces: &[&Document]| {
        reference.compare_parts(&made.document, (original, lists), surfaces, &glances)
    };
    let (restored, on_surfaces) = compared(&lists, surfaces);
    let as_it_is = match &made.comparison {
        Some(seen) if made.glances >= glances.len() => reference.as_seen_in(&glances, seen),
        // With nothing restored it is as it is.
        Some(_) => compared(&[Vec::new()], &[]).0.pop().unwrap_or_default(),
        None => Comparison::default(),
    };
    let whole = look.pressure(&as_it_is);
    let effect = |seen: &Comparison| whole - look.pressure(seen);
    let images = lists.into_iter().zip(&restored);
    let mut groups: Vec<Group> =
        images.map(|(images, seen)| Group { part: Part::Images(images), effect: effect(seen) }).collect();
    if !groups.is_empty() {
        let usual = groups.iter().map(|group| group.effect.max(0.0)).sum::<f32>() / groups.len() as f32;
        let thumbnails = passes::thumbnails(original);
        groups.extend(hidden.into_iter().map(|images| {
            let is_small = images.iter().all(|image| thumbnails.contains(image));
            Group { part: Part::Images(images), effect: if is_small { 0.0 } else { usual } }
        }));
    }
    let mut on_surfaces = on_surfaces.iter().map(effect);
    let numbers = on_surfaces.next().unwrap_or(0.0).max(0.0);
    groups.push(Group { part: Part::Numbers, effect: numbers });
    groups.push(Group { part: Part::Surface, effect: on_surfaces.next().unwrap_or(whole) - numbers });
    groups
}
