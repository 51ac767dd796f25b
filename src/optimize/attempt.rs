//! One attempt: passes run on a document, which is then written, read back and compared with the original in pictures
//! ([`super::proof`]). [`super::fit`] decides which attempts are made.

use super::budget::{Budget, Look, Shares};
use super::culprit::Spared;
use super::document::read::{self, Files};
use super::document::{Document, Limits, write};
use super::error::Error;
use super::passes::{self, Context, Memo, Pass};
use super::proof::{self, Comparison, Expectation, Glance, Pictures, Reference};
use super::report::{PassReport, Tried};
use super::search;
use super::settings::{Preset, Settings};
use super::stages::Stages;

/// Parts of a job's time beside the passes, in the unit of [`Pass::weight`].
pub(super) const WRITE_WEIGHT: f32 = 2.0;
pub(super) const COMPARE_WEIGHT: f32 = 4.0;

/// How wrong a result counts, as a part of what is allowed, whose shape is not the original's.
const OUT_OF_SHAPE: f32 = 2.0;

/// What part of all that is allowed has to be used up, by what some of the views show, for the others not to matter: what they
/// come to differs by a few percent from what it came to before.
const HOPELESS: f32 = 1.06;

/// How many of [`Glance::ALL`] show a model at rest, in half of the views or more.
const AT_REST: usize = 3;

/// What results are made of, and compared with.
pub(super) struct Original<'a> {
    pub(super) document: Document,
    /// Size of its file.
    pub(super) bytes: u64,
    /// Its shape.
    pub(super) expected: &'a Expectation,
    /// Its looks.
    pub(super) reference: Reference,
    /// What passes leave alone of it.
    pub(super) spared: Vec<Spared>,
}

/// What the passes made of a document.
#[derive(Clone)]
pub(super) struct Fitted {
    /// The document as written.
    pub(super) document: Document,
    /// The same before numbers were rounded.
    pub(super) unrounded: Document,
    /// Its bytes.
    pub(super) glb: Vec<u8>,
    /// Every pass, as it ran for this result.
    pub(super) reports: Vec<PassReport>,
    /// How different it looks, in some of the views where it cannot be the best; `None` where the original shows nothing.
    pub(super) comparison: Option<Comparison>,
    /// By how many of [`Glance::ALL`].
    pub(super) glances: usize,
    /// The view in which it looks most different; `None` as long as it may not be the result.
    pub(super) worst: Option<Pictures>,
    /// All results that were made and compared, this one included.
    pub(super) curve: Vec<Tried>,
    /// What is wrong with it, for people.
    pub(super) fault: Option<String>,
    /// What it was made with: the numbers of this preset, and these shares of them.
    pub(super) preset: Preset,
    pub(super) shares: Shares,
    /// How much is seen, as a part of what the search aims at.
    pub(super) part: f32,
    /// The same as a part of what the job allows.
    pub(super) part_of_bound: f32,
}

impl search::Attempt for Fitted {
    fn bytes(&self) -> usize {
        self.glb.len()
    }

    fn part(&self) -> f32 {
        self.part
    }
}

/// What passes share on their way.
pub(super) struct Job<'a, 'p> {
    pub(super) settings: &'a Settings,
    pub(super) original: &'a Original<'a>,
    pub(super) stages: &'a mut Stages<'p>,
    pub(super) budget: Budget,
    /// How different attempts are meant to look, and how different they may: as the budget allows, unless a size is asked for.
    pub(super) aim: Look,
    pub(super) bound: Look,
    pub(super) shares: Shares,
    pub(super) memo: &'a Memo,
    pub(super) reports: Vec<PassReport>,
    /// Size of the file as it would be written now.
    pub(super) bytes: u64,
    /// How attempts looked, by the hash of their bytes: shares that differ may come to the same.
    looks: Vec<(blake3::Hash, (Comparison, usize))>,
    /// What was seen of the last attempt that was looked at in every view.
    last_whole: Option<Comparison>,
    /// Size of the smallest attempt that was as it was meant to be, and the size that is asked for. What is larger than both
    /// cannot be the best, whatever it looks like: a few of the views tell the search enough.
    pub(super) least: u64,
    pub(super) wanted_bytes: u64,
}

impl<'a, 'p> Job<'a, 'p> {
    /// A job of which nothing is done, with all of the budget.
    pub(super) fn new(
        original: &'a Original<'a>,
        settings: &'a Settings,
        memo: &'a Memo,
        stages: &'a mut Stages<'p>,
    ) -> Self {
        let budget = Budget::of(settings);
        Self {
            settings,
            original,
            stages,
            budget,
            aim: budget.look,
            bound: budget.look,
            shares: Shares::even(1.0, 0),
            memo,
            reports: Vec::new(),
            bytes: original.bytes,
            looks: Vec::new(),
            last_whole: None,
            least: u64::MAX,
            wanted_bytes: 0,
        }
    }

    /// Runs passes, and reports each.
    ///
    /// # Errors
    /// Those of the passes, and of writing.
    pub(super) fn run(&mut self, list: &[&dyn Pass], document: &mut Document) -> Result<(), Error> {
        for pass in list {
            self.stages.enter(pass.name(), pass.weight());
            let report = self.run_one(*pass, document)?;
            self.bytes = report.bytes_after;
            self.reports.push(report);
        }
        Ok(())
    }

    /// Runs one pass; the size after it is that of the file as it would be written at that moment.
    fn run_one(&mut self, pass: &dyn Pass, document: &mut Document) -> Result<PassReport, Error> {
        let mut part = |part: f32| self.stages.within(part);
        let growth = self.original.bytes.saturating_sub(self.bytes);
        let budget = Budget { growth, ..self.budget.times(&self.shares) };
        let mut context = Context {
            settings: *self.settings,
            budget,
            shares: &self.shares,
            memo: self.memo,
            progress: &mut part,
        };
        let spared = self.original.spared.iter().find(|spared| spared.pass == pass.name());
        let before = spared.map(|spared| (spared, document.clone()));
        let (changed, notes) = match (passes::run(pass, document, &mut context)?, before) {
            (passes::Outcome::Unchanged(reason), _) => (false, vec![reason]),
            (passes::Outcome::Changed(notes), None) => (true, notes),
            (passes::Outcome::Changed(mut notes), Some((spared, before))) => {
                notes.push(spared.why().to_owned());
                let is_restored = spared.restore(&before, document);
                if !is_restored {
                    *document = before;
                }
                (is_restored, notes)
            }
        };
        let bytes_before = self.bytes;
        let bytes_after = if changed { write::write(document)?.len() as u64 } else { bytes_before };
        Ok(PassReport { name: pass.name().into(), changed, bytes_before, bytes_after, seconds: None, notes })
    }

    /// Writes the document, reads it back as a viewer would, and compares it.
    ///
    /// # Errors
    /// Those of writing.
    pub(super) fn finish(&mut self, document: Document) -> Result<Fitted, Error> {
        self.stages.enter("write", WRITE_WEIGHT);
        let glb = write::write(&document)?;
        self.stages.enter("compare", COMPARE_WEIGHT);
        let reports = std::mem::take(&mut self.reports);
        let mut fitted = Fitted {
            document,
            unrounded: Document::default(),
            glb,
            reports,
            comparison: None,
            glances: Glance::ALL.len(),
            worst: None,
            curve: Vec::new(),
            fault: None,
            preset: self.settings.preset,
            shares: self.shares.clone(),
            part: 0.0,
            part_of_bound: 0.0,
        };
        let reference = &self.original.reference;
        let read_back = read::read(&fitted.glb, &Files::new(), &Limits::default());
        let checked =
            read_back.map_err(|error| format!("it cannot be read back: {error}")).and_then(|result| {
                proof::compare_shape(self.original.expected, &result)?;
                Ok(result)
            });
        match checked {
            Err(fault) => {
                (fitted.fault, fitted.part_of_bound, fitted.part) = (Some(fault), OUT_OF_SHAPE, OUT_OF_SHAPE);
            }
            Ok(_) if reference.is_blank() => {}
            Ok(result) => {
                let (comparison, glances) = self.looked_at(&fitted.glb, &result);
                fitted.glances = glances;
                fitted.part_of_bound = self.bound.part(&comparison);
                fitted.part = self.aim.part(&comparison);
                fitted.fault = (fitted.part_of_bound > 1.0).then(|| looks_of(&comparison));
                fitted.comparison = Some(comparison);
            }
        }
        Ok(fitted)
    }

    /// How an attempt looks, as the same bytes did before, if there were any; and by how many of [`Glance::ALL`].
    fn looked_at(&mut self, glb: &[u8], result: &Document) -> (Comparison, usize) {
        let hash = blake3::hash(glb);
        if let Some((_, known)) = self.looks.iter().find(|(of, _)| *of == hash) {
            return known.clone();
        }
        let Self { aim, original, last_whole: last, .. } = &*self;
        let bytes = glb.len() as u64;
        let is_too_large = bytes >= self.least && bytes > self.wanted_bytes;
        // Where whole views are nearest to their bounds, these may tell enough; else all that are at rest.
        let least = match last {
            Some(last) if !aim.is_closer_up(last) => 1,
            _ => AT_REST,
        };
        let mut looked = 0;
        // What all views should show, where some of them tell enough.
        let mut settled = None;
        let seen = original.reference.compare_attempt(result, |seen| {
            looked += 1;
            let may_tell = (least..Glance::ALL.len()).contains(&looked);
            let then = |last| original.reference.as_seen_in(&Glance::ALL[..looked], last);
            let last = last.as_ref().filter(|_| may_tell);
            let expected = last.map(|last| Expected::of(seen, (&then(last), last)));
            settled = expected.filter(|expected| is_too_large || aim.part(&expected.at_least) > HOPELESS);
            settled.is_some()
        });
        let comparison = match settled {
            Some(expected) => expected.all,
            None => {
                self.last_whole = Some(seen.clone());
                seen
            }
        };
        let looked_at = (comparison, looked);
        self.looks.push((hash, looked_at.clone()));
        looked_at
    }
}

/// What all views should show, by what some of them do.
struct Expected {
    /// Of bounds that these views tell something of.
    at_least: Comparison,
    /// Of all; the others as they were before, and changed as much as the mean.
    all: Comparison,
}

impl Expected {
    /// `before` is what was seen in the same views of an attempt, and then in all.
    fn of(seen: &Comparison, (before, all_before): (&Comparison, &Comparison)) -> Self {
        let ratio = |of: f32, to: f32| if to > 0.0 { of / to } else { 1.0 };
        let at_least = Comparison { mean: seen.mean * ratio(all_before.mean, before.mean), ..seen.clone() };
        let change = ratio(seen.mean, before.mean);
        let guessed = |seen: f32, all_before: f32| if seen > 0.0 { seen } else { change * all_before };
        let all = Comparison {
            worst: seen.worst.max(change * all_before.worst),
            close_worst: guessed(seen.close_worst, all_before.close_worst),
            detail_worst: guessed(seen.detail_worst, all_before.detail_worst),
            ..at_least.clone()
        };
        Self { at_least, all }
    }
}

impl Fitted {
    /// What reports say of it where it is one of many.
    pub(super) fn tried(&self) -> Tried {
        let error = self.comparison.as_ref().map(|seen| seen.mean);
        Tried { bytes: self.glb.len() as u64, error }
    }

    /// Looks at `result`, which is what was written, in all views, and from where most is seen.
    pub(super) fn complete(&mut self, result: &Document, reference: &Reference, look: &Look) {
        let Some(comparison) = &mut self.comparison else { return };
        if self.glances < Glance::ALL.len() {
            *comparison = reference.compare(result);
            let looks_wrong = (look.part(comparison) > 1.0).then(|| looks_of(comparison));
            self.fault = self.fault.take().or(looks_wrong);
        }
        self.worst = reference.complete(result, comparison);
        // What pictures do not show is measured of the one result only.
        let mut bounds = look.bounds(comparison).into_iter();
        let moved = bounds.find(|bound| bound.part > 1.0 && !bound.measure.is_seen());
        self.fault = self.fault.take().or(moved.map(|bound| bound.sentence()));
    }
}

/// How a result looks that looks different, for people.
fn looks_of(comparison: &Comparison) -> String {
    let worst = comparison.worst_view();
    let object = |object: &String| format!(", there at {object}");
    let place = worst.map(|view| {
        format!(
            ", most of all from \"{}\"{}",
            view.name,
            view.object.as_ref().map(object).unwrap_or_default()
        )
    });
    format!(
        "it looks different (error {:.3} on average, {:.3} close up, outlines the same by {:.1} %{})",
        comparison.mean,
        comparison.closest_worst(),
        100.0 * comparison.silhouette,
        place.unwrap_or_default()
    )
}
