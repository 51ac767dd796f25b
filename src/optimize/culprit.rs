//! The pass at fault, where no share of the budget makes a result look right: found by bisection over the document as it
//! is after each pass, and left out from then on; or where that is enough, only kept from the objects at fault ([`spare`]).
//! Every pass is tested to keep what is seen; this is for the file that none of the tests is like.

mod spare;

pub(super) use spare::Spared;

use super::attempt::{Fitted, Job};
use super::budget::Shares;
use super::document::Document;
use super::error::Error;
use super::passes::Pass;
use super::report::PassReport;

/// The share of all errors with which passes run again: what is seen then is no question of how much.
const CAREFUL: f32 = 0.1;

/// What was found.
pub(super) enum Found {
    /// The place of the first pass after which the original looks wrong, and how it looks then.
    Pass(usize, String),
    /// Objects that this pass has to leave alone.
    Objects(Spared),
    /// It looks right after all of them, carefully made: a result after all.
    Careful(Box<Fitted>),
    /// There is no pass.
    Nothing,
}

/// Looks for the first of `passes` after which the original looks wrong.
///
/// # Errors
/// Those of the passes, and of writing.
pub(super) fn find(job: &mut Job, passes: &[&dyn Pass]) -> Result<Found, Error> {
    let original = job.original;
    job.shares = Shares::even(CAREFUL, original.document.images.len());
    job.bytes = original.bytes;
    // Cheap copies: elements and images are shared until a pass changes them.
    let mut after: Vec<Document> = Vec::new();
    for pass in passes {
        let mut document = after.last().unwrap_or(&original.document).clone();
        job.run(&[*pass], &mut document)?;
        after.push(document);
    }
    let Some(last) = passes.len().checked_sub(1) else { return Ok(Found::Nothing) };
    let mut all = job.finish(after[last].clone())?;
    let Some(mut fault) = all.fault.take() else { return Ok(Found::Careful(Box::new(all))) };
    let (mut first, mut wrong) = (0, last);
    while first < wrong {
        let middle = usize::midpoint(first, wrong);
        match job.finish(after[middle].clone())?.fault {
            Some(found) => (fault, wrong) = (found, middle),
            None => first = middle + 1,
        }
    }
    let pass = passes[wrong].name();
    // Once more the same pass: it was not these objects.
    if !original.spared.iter().any(|spared| spared.pass == pass) {
        let before = wrong.checked_sub(1).map_or(&original.document, |before| &after[before]);
        if let Some(spared) = Spared::find(job, (pass, &fault), before, &after[wrong])? {
            return Ok(Found::Objects(spared));
        }
    }
    Ok(Found::Pass(wrong, fault))
}

/// Says in a result's report that a pass was left out, in its place `at` among the others.
pub(super) fn report(fitted: &mut Fitted, at: usize, pass: &dyn Pass, fault: &str) {
    let before = at.checked_sub(1).and_then(|before| fitted.reports.get(before));
    let bytes = before.map_or(0, |before| before.bytes_after);
    fitted.document.warnings.push(format!("the pass `{}` was left out: after it, {fault}", pass.name()));
    let report = PassReport {
        name: pass.name().into(),
        changed: false,
        bytes_before: bytes,
        bytes_after: bytes,
        seconds: None,
        notes: vec![format!("left out: after it, {fault}")],
    };
    fitted.reports.insert(at.min(fitted.reports.len()), report);
}
