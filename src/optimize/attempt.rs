//! One attempt: passes run on a document, which is then written, read back and compared with the original in pictures
//! ([`super::proof`]). [`super::fit`] decides which attempts are made.

use super::budget::{Budget, Shares};
use super::document::read::{self, Files};
use super::document::{Document, Limits, write};
use super::error::Error;
use super::passes::{self, Context, Memo, Pass};
use super::proof::{self, Comparison, Expectation, Pictures, Reference};
use super::report::{PassReport, Tried};
use super::search::{self, Rank};
use super::settings::Settings;
use super::stages::Stages;

/// Parts of a job's time beside the passes, in the unit of [`Pass::weight`].
pub(super) const WRITE_WEIGHT: f32 = 2.0;
pub(super) const COMPARE_WEIGHT: f32 = 4.0;

/// How wrong a result counts, as a part of what is allowed, whose shape is not the original's.
const OUT_OF_SHAPE: f32 = 2.0;

/// What part of all that is allowed has to be used up, by what half of the views show, for the others not to matter: what they
/// come to differs by a few percent from what it came to before.
const HOPELESS: f32 = 1.06;

/// What results are made of, and compared with.
pub(super) struct Original<'a> {
    pub(super) document: Document,
    /// Size of its file.
    pub(super) bytes: u64,
    /// Its shape.
    pub(super) expected: &'a Expectation,
    /// Its looks.
    pub(super) reference: Reference,
}

/// What the passes made of a document.
pub(super) struct Fitted {
    /// The document as written.
    pub(super) document: Document,
    /// The same before numbers were rounded.
    pub(super) unrounded: Document,
    /// Its bytes.
    pub(super) glb: Vec<u8>,
    /// Every pass, as it ran for this result.
    pub(super) reports: Vec<PassReport>,
    /// How different it looks, in half of the views where it cannot be the best; `None` where the original shows nothing.
    pub(super) comparison: Option<Comparison>,
    /// The view in which it looks most different; `None` as long as it may not be the result.
    pub(super) worst: Option<Pictures>,
    /// All results that were made and compared, this one included.
    pub(super) curve: Vec<Tried>,
    /// What is wrong with it, for people.
    pub(super) fault: Option<String>,
    part: f32,
    /// The size that was asked for.
    wanted_bytes: Option<u64>,
}

impl search::Attempt for Fitted {
    fn bytes(&self) -> usize {
        self.glb.len()
    }

    fn part(&self) -> f32 {
        self.part
    }

    fn rank(&self) -> Rank {
        let bytes = self.glb.len();
        match self.wanted_bytes {
            _ if self.part > 1.0 => Rank::Wrong(self.part),
            Some(wanted) if bytes as u64 > wanted => Rank::TooLarge(bytes as f32),
            Some(_) => Rank::Right(self.part),
            None => Rank::Right(bytes as f32),
        }
    }
}

/// What passes share on their way.
pub(super) struct Job<'a, 'p> {
    pub(super) settings: &'a Settings,
    pub(super) original: &'a Original<'a>,
    pub(super) stages: &'a mut Stages<'p>,
    pub(super) budget: Budget,
    pub(super) shares: Shares,
    pub(super) memo: &'a Memo,
    pub(super) reports: Vec<PassReport>,
    /// Size of the file as it would be written now.
    pub(super) bytes: u64,
    /// How attempts looked, by the hash of their bytes: shares that differ may come to the same.
    looks: Vec<(blake3::Hash, Comparison)>,
    /// What was seen of the last attempt that was looked at in every view.
    whole_by_half: Option<WholeByHalf>,
    /// Size from which on an attempt cannot be the best, whatever it looks like: half of the views tell the search enough.
    pub(super) too_large: Option<usize>,
}

impl<'a, 'p> Job<'a, 'p> {
    /// A job of which nothing is done, with all of the budget.
    pub(super) fn new(
        original: &'a Original<'a>,
        settings: &'a Settings,
        memo: &'a Memo,
        stages: &'a mut Stages<'p>,
    ) -> Self {
        Self {
            settings,
            original,
            stages,
            budget: Budget::of(settings),
            shares: Shares::even(1.0, 0),
            memo,
            reports: Vec::new(),
            bytes: original.bytes,
            looks: Vec::new(),
            whole_by_half: None,
            too_large: None,
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
        let (changed, notes) = match passes::run(pass, document, &mut context)? {
            passes::Outcome::Changed(notes) => (true, notes),
            passes::Outcome::Unchanged(reason) => (false, vec![reason]),
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
            worst: None,
            curve: Vec::new(),
            fault: None,
            part: 0.0,
            wanted_bytes: self.settings.target_size.map(|size| size.bytes),
        };
        let reference = &self.original.reference;
        let read_back = read::read(&fitted.glb, &Files::new(), &Limits::default());
        let checked =
            read_back.map_err(|error| format!("it cannot be read back: {error}")).and_then(|result| {
                proof::compare_shape(self.original.expected, &result)?;
                Ok(result)
            });
        match checked {
            Err(fault) => (fitted.fault, fitted.part) = (Some(fault), OUT_OF_SHAPE),
            Ok(_) if reference.is_blank() => {}
            Ok(result) => {
                let comparison = self.looked_at(&fitted.glb, &result);
                fitted.part = self.budget.look.part(&comparison);
                if fitted.part <= 1.0 && fitted.wanted_bytes.is_some() {
                    fitted.part = self.budget.look.of_all().part(&comparison);
                }
                fitted.fault = (fitted.part > 1.0).then(|| looks_of(&comparison));
                fitted.comparison = Some(comparison);
            }
        }
        Ok(fitted)
    }

    /// How an attempt looks: as the same bytes did before, if there were any.
    fn looked_at(&mut self, glb: &[u8], result: &Document) -> Comparison {
        let hash = blake3::hash(glb);
        if let Some((_, known)) = self.looks.iter().find(|(of, _)| *of == hash) {
            return known.clone();
        }
        let (look, ratio) = (&self.budget.look, self.whole_by_half);
        let is_too_large = self.too_large.is_some_and(|size| glb.len() >= size);
        let hopeless = |half: &Comparison| {
            let expected = ratio.map(|ratio| ratio.of_whole(half));
            expected.filter(|expected| is_too_large || look.part(expected) > HOPELESS)
        };
        let (half, whole) = self.original.reference.compare_attempt(result, |half| hopeless(half).is_none());
        let comparison = match whole {
            Some(whole) => {
                self.whole_by_half = Some(WholeByHalf::new(&whole, &half));
                whole
            }
            None => hopeless(&half).unwrap_or(half),
        };
        self.looks.push((hash, comparison.clone()));
        comparison
    }
}

/// How much more is seen in all views than in half of them, as factors.
#[derive(Debug, Clone, Copy)]
pub(super) struct WholeByHalf {
    mean: f32,
    worst: f32,
}

impl WholeByHalf {
    fn new(whole: &Comparison, half: &Comparison) -> Self {
        let ratio = |whole: f32, half: f32| if half > 0.0 { whole / half } else { 1.0 };
        Self { mean: ratio(whole.mean, half.mean), worst: ratio(whole.worst, half.worst) }
    }

    /// What all views should show, by what half of them do. Those that are close are among these.
    fn of_whole(self, half: &Comparison) -> Comparison {
        Comparison { mean: half.mean * self.mean, worst: half.worst * self.worst, ..half.clone() }
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
        comparison.close_worst,
        100.0 * comparison.silhouette,
        place.unwrap_or_default()
    )
}
