//! The result of a size: what looks best of all that is no larger.
//!
//! The bound on what is seen is looked for whose smallest result has that size, with a search for each bound that is tried;
//! what is still missing is made up between the nearest attempts on either side. So a size gets what a preset would have
//! made of it, had there been one for it; and then a few more attempts that take bytes from where they show least and give
//! them to where they show most.

use std::rc::Rc;

use super::series::{Prepared, Series};
use super::{Budget, Error, Fitted, Job, Memo, Original, Pass, Settings, Stages, attempts_of};
use crate::optimize::budget::{Look, Shares};
use crate::optimize::proof::Glance;
use crate::optimize::report::Tried;
use crate::optimize::search::{Attempt as _, GROWTH};
use crate::optimize::settings::Preset;

/// From this part of a size on, it is met.
const MET: f32 = 0.98;
/// The part of a size that is aimed at.
const AIM: f32 = 0.99;
/// Bounds that are tried, at most.
const BOUNDS: usize = 5;
/// Bytes fall with the bound by this exponent, about, until more is known.
const FALL: f32 = 0.8;
/// The least part of the way between two bounds that is gone at once.
const SHORTEST_WAY: f32 = 0.1;
/// The smallest bound: nobody sees less.
const LEAST: f32 = 5e-4;
/// Attempts in each search with a preset after the first.
const LATER_TRIES: usize = 3;
/// Attempts between two others, at most.
const FILLINGS: usize = 3;
/// Attempts near the best, at most.
const REFINEMENTS: usize = 4;

/// What looks best of at most `size` bytes; where all is larger, the smallest that looks right, and else what looks least wrong.
///
/// # Errors
/// Those of the passes, and of writing.
pub(super) fn of_size(
    size: u64,
    passes: &[&dyn Pass],
    original: &Original,
    settings: &Settings,
    stages: &mut Stages,
) -> Result<Fitted, Error> {
    let most = Budget::of(settings).look;
    let mut presets =
        [Preset::High, Preset::Balanced, Preset::Maximum].map(|preset| At::new(preset, settings));
    let rungs = presets.each_ref().map(|at| at.usual.mean);
    let start = Budget::of(&Settings { target_size: None, max_error: None, ..*settings }).look.mean;
    let mut seen = Nearest { size, best: None, fits: None, exceeds: None };
    let mut ground = Ground { passes, original, stages, curve: Vec::new() };
    towards((size, start, most.mean), &rungs, |bound| {
        let at = &mut presets[nearest(&rungs, bound)];
        let aim = at.usual.times(bound / at.usual.mean, &most);
        let growth = |before: f32| (bound / before).powf(1.0 / GROWTH);
        let (tries, leaps) = attempts_of(settings, original);
        let tries = tries.max(2);
        let first = growth(at.usual.mean);
        let (tries, last) = match at.last.take() {
            Some((before, shares)) => (tries.min(LATER_TRIES), Some(shares.times(growth(before)))),
            None => (tries, None),
        };
        let made = at.attempts(&mut ground, |series| {
            series.towards(aim, most, size);
            let from = last.unwrap_or_else(|| series.even(first));
            series.smallest((tries, leaps), &from, &mut |made| seen.add(made))
        })?;
        at.last = Some((bound, made.shares.clone()));
        Ok::<_, Error>(made.bytes())
    })?;
    for _ in 0..FILLINGS {
        let Some((preset, shares)) = seen.between() else { break };
        let Some(at) = presets.iter_mut().find(|at| at.settings.preset == preset) else { break };
        let made = at.attempts(&mut ground, |series| {
            series.towards(most, most, size);
            series.attempt(&shares)
        })?;
        seen.add(&made);
    }
    if let Some(best) = seen.best.clone().filter(|best| seen.is_right(best))
        && let Some(looks) = &best.comparison
        && let Some(at) = presets.iter_mut().find(|at| at.settings.preset == best.preset)
    {
        let aim = at.usual.met_by(looks, &most);
        at.attempts(&mut ground, |series| {
            series.towards(aim, most, size);
            let mut see = |made: &Rc<Fitted>| {
                if seen.is_right(made) {
                    seen.add(made);
                }
            };
            series.refined((REFINEMENTS, size), &best, &mut see)
        })?;
    }
    let best = seen.into_best().ok_or_else(|| Error::Internal("no attempt was made".to_owned()))?;
    Ok(Fitted { curve: ground.curve, ..Rc::unwrap_or_clone(best) })
}

/// Why a result has not the size that was asked for, for people; `None` where it has. `curve` is all that was tried.
pub(in crate::optimize) fn missed(
    bytes: u64,
    wanted: u64,
    settings: &Settings,
    curve: &[Tried],
) -> Option<String> {
    if bytes > wanted {
        let error = Budget::of(settings).look.mean;
        return Some(format!(
            "{wanted} bytes were asked for, but the smallest of {} results that looks right has {bytes}: an error of at most {error:.3} \
             on average, and what follows from it for the worst view, close-ups and outlines; allow a larger error",
            curve.len()
        ));
    }
    if bytes as f32 >= MET * wanted as f32 {
        return None;
    }
    let larger = curve.iter().map(|tried| tried.bytes).filter(|tried| *tried > bytes);
    let (fit, exceed): (Vec<u64>, Vec<u64>) = larger.partition(|tried| *tried <= wanted);
    let reason = match (fit.len(), exceed.iter().min()) {
        (0, None) => "nothing that was tried looks better and has more".to_owned(),
        (0, Some(next)) => {
            format!(
                "the next larger of {} results has {next}, as images and numbers shrink in steps",
                curve.len()
            )
        }
        (fit, _) => format!("{fit} of {} results came nearer, and none of these looks better", curve.len()),
    };
    Some(format!("{wanted} bytes were asked for, and the result has {bytes}: {reason}"))
}

/// What all attempts are made on, and what came of them.
struct Ground<'a, 'p> {
    passes: &'a [&'a dyn Pass],
    original: &'a Original<'a>,
    stages: &'a mut Stages<'p>,
    curve: Vec<Tried>,
}

/// The attempts with a preset's numbers.
struct At {
    settings: Settings,
    /// How different its results may look.
    usual: Look,
    memo: Memo,
    prepared: Option<Prepared>,
    /// The last bound, and the shares of the smallest result within it.
    last: Option<(f32, Shares)>,
}

impl At {
    fn new(preset: Preset, settings: &Settings) -> Self {
        let settings = Settings { preset, target_size: None, max_error: None, ..*settings };
        let usual = Budget::of(&settings).look;
        Self { settings, usual, memo: Memo::default(), prepared: None, last: None }
    }

    /// Makes attempts; what was prepared for them is kept for the next.
    fn attempts(
        &mut self,
        ground: &mut Ground,
        make: impl FnOnce(&mut Series) -> Result<Rc<Fitted>, Error>,
    ) -> Result<Rc<Fitted>, Error> {
        let job = Job::new(ground.original, &self.settings, &self.memo, ground.stages);
        let mut series = Series::new(ground.passes, job, self.prepared.take())?;
        let made = make(&mut series)?;
        let (prepared, tried) = series.end();
        self.prepared = Some(prepared);
        ground.curve.extend(tried);
        Ok(made)
    }
}

/// The rung that is nearest to a bound.
fn nearest(rungs: &[f32], bound: f32) -> usize {
    let distance = |at: &usize| (rungs[*at] / bound).ln().abs();
    (0..rungs.len()).min_by(|a, b| distance(a).total_cmp(&distance(b))).unwrap_or(0)
}

/// The attempts that matter.
struct Nearest {
    size: u64,
    best: Option<Rc<Fitted>>,
    /// The largest that is small enough, and the smallest that is not.
    fits: Option<Rc<Fitted>>,
    exceeds: Option<Rc<Fitted>>,
}

impl Nearest {
    fn add(&mut self, made: &Rc<Fitted>) {
        let is_better = |old: &Rc<Fitted>| self.standing(made) < self.standing(old);
        if self.best.as_ref().is_none_or(is_better) {
            self.best = Some(Rc::clone(made));
        }
        let is_fit = self.is_fit(made);
        let nearest = if is_fit { &mut self.fits } else { &mut self.exceeds };
        let is_nearer = |old: &Rc<Fitted>| (made.bytes() > old.bytes()) == is_fit;
        if nearest.as_ref().is_none_or(is_nearer) {
            *nearest = Some(Rc::clone(made));
        }
    }

    /// The others are let go.
    fn into_best(self) -> Option<Rc<Fitted>> {
        self.best
    }

    /// Whether all of it was looked at, nothing is wrong with it, and it is small enough.
    fn is_right(&self, made: &Fitted) -> bool {
        made.fault.is_none() && made.glances == Glance::ALL.len() && self.is_fit(made)
    }

    fn is_fit(&self, made: &Fitted) -> bool {
        made.glb.len() as u64 <= self.size
    }

    /// The least is the best: first what is right and fits, by its error.
    fn standing(&self, made: &Fitted) -> (u8, f32) {
        if made.fault.is_some() {
            (2, made.part_of_bound)
        } else if self.is_fit(made) {
            (0, made.comparison.as_ref().map_or(0.0, |seen| seen.mean))
        } else {
            (1, made.glb.len() as f32)
        }
    }

    /// Shares between the nearest attempts, unless the size is met or they were made with the numbers of different presets.
    fn between(&self) -> Option<(Preset, Shares)> {
        let (fits, exceeds) = (self.fits.as_ref()?, self.exceeds.as_ref()?);
        let size = self.size as f32;
        if fits.bytes() as f32 >= MET * size || fits.preset != exceeds.preset {
            return None;
        }
        let [low, high] = [fits, exceeds].map(|made| (made.bytes() as f32).ln());
        let way = ((AIM * size).ln() - low) / (high - low);
        let shares = fits.shares.towards(&exceeds.shares, way.clamp(SHORTEST_WAY, 1.0 - SHORTEST_WAY));
        Some((fits.preset, shares))
    }
}

/// What came of a bound, as logarithms.
#[derive(Clone, Copy)]
struct Found {
    bound: f32,
    bytes: f32,
}

/// Tries bounds on the mean error, from `start` on and at most `most`, until the smallest result of one has `size` bytes or a
/// little less. `smallest` searches within a bound and gives the bytes. Where all so far were too large, or too small, the next
/// is one of the `rungs`, in rising order, if there is one in between.
///
/// # Errors
/// Those of `smallest`.
fn towards<E>(
    (size, start, most): (u64, f32, f32),
    rungs: &[f32],
    mut smallest: impl FnMut(f32) -> Result<usize, E>,
) -> Result<(), E> {
    let wanted = (AIM * size as f32).ln();
    let (mut fits, mut exceeds): (Option<Found>, Option<Found>) = (None, None);
    let mut bound = start.min(most);
    for _ in 0..BOUNDS {
        let bytes = smallest(bound)?;
        let found = Found { bound: bound.ln(), bytes: (bytes as f32).ln() };
        let is_fit = bytes as u64 <= size;
        *(if is_fit { &mut fits } else { &mut exceeds }) = Some(found);
        if is_fit && bytes as f32 >= MET * size as f32 {
            break;
        }
        let guess = (found.bound + (found.bytes - wanted) / FALL).exp();
        let next = match (exceeds, fits) {
            (Some(low), Some(high)) => {
                let way = (low.bytes - wanted) / (low.bytes - high.bytes);
                let way = way.clamp(SHORTEST_WAY, 1.0 - SHORTEST_WAY);
                (low.bound + (high.bound - low.bound) * way).exp()
            }
            _ if is_fit => rungs.iter().copied().rev().find(|rung| *rung < bound).unwrap_or(guess),
            _ => rungs.iter().copied().find(|rung| *rung > bound).unwrap_or(guess),
        };
        let next = next.clamp(LEAST.min(most), most);
        if next == bound {
            break;
        }
        bound = next;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUNGS: [f32; 3] = [0.02, 0.035, 0.06];

    fn tried(size: u64, most: f32, bytes: impl Fn(f32) -> f32) -> Vec<(f32, usize)> {
        let mut tried = Vec::new();
        let smallest = |bound: f32| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a test's own small numbers"
            )]
            let bytes = bytes(bound / RUNGS[1]) as usize;
            tried.push((bound, bytes));
            Ok::<_, ()>(bytes)
        };
        towards((size, RUNGS[1], most), &RUNGS, smallest).unwrap();
        tried
    }

    #[test]
    fn the_bound_whose_smallest_result_has_the_size_is_found() {
        for size in [70_000_u64, 100_000, 150_000, 500_000] {
            let tried = tried(size, 0.06, |bound| 100_000.0 * bound.powf(-1.2) + 5000.0);
            let met = tried.last().unwrap().1 as f32 / size as f32;
            assert!((MET..=1.0).contains(&met), "{size}: {tried:?}");
        }
    }

    #[test]
    fn who_misses_a_size_says_why() {
        let curve: Vec<Tried> = [700, 900, 940, 1300].map(|bytes| Tried { bytes, error: Some(0.01) }).into();
        let said = |bytes, wanted| missed(bytes, wanted, &Settings::default(), &curve).unwrap_or_default();
        assert_eq!([said(990, 1000), said(1000, 1000)], ["", ""]);
        for (bytes, wanted, reason) in [
            (700, 600, "allow a larger error"),
            (900, 1000, "1 of 4 results came nearer"),
            (940, 1000, "the next larger of 4 results has 1300"),
            (1300, 2000, "nothing that was tried looks better"),
        ] {
            assert!(said(bytes, wanted).contains(reason), "{}", said(bytes, wanted));
        }
    }

    #[test]
    fn no_bound_is_beyond_what_is_allowed() {
        for most in [0.03, 0.05, 0.06, 0.1] {
            let tried = tried(10_000, most, |bound| 100_000.0 / bound);
            assert_eq!(tried.last().unwrap().0, most, "{tried:?}");
            assert!(tried.len() <= BOUNDS);
        }
    }

    #[test]
    fn presets_are_tried_before_anything_between_or_beyond_them() {
        let bounds = |size| -> Vec<f32> {
            tried(size, 0.06, |bound| 100_000.0 / bound).into_iter().map(|(bound, _)| bound).collect()
        };
        assert_eq!(bounds(100_000), RUNGS[1..2], "met at once");
        assert_eq!(bounds(60_000)[..2], RUNGS[1..]);
        assert_eq!(bounds(1_000_000)[..2], [RUNGS[1], RUNGS[0]]);
        assert!(bounds(1_000_000)[2] < RUNGS[0]);
    }
}
