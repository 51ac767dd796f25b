//! The share of the budget that a model can take: tried, looked at, and corrected.
//!
//! A preset's numbers for images and surfaces are a first guess: the same error of a texture is plain to see on one
//! model and hidden on another. What counts is how the whole model looks ([`super::proof`]), so the passes that follow
//! the guess are repeated with a larger or smaller share of it until the picture just stays within what the preset
//! allows. The search knows nothing of documents: it is given a function that makes an attempt.

/// An attempt as the search sees it.
pub(super) trait Attempt {
    /// Size of the result, in bytes.
    fn bytes(&self) -> usize;
    /// How different it looks, as a part of what is allowed: 1 is exactly within it.
    fn part(&self) -> f32;
}

/// Attempts beyond the wished number that are made when none was good enough.
const RESCUES: usize = 4;
/// How much smaller the share gets at each of them.
const RESCUE_STEP: f32 = 0.6;

/// Between this part of what is allowed and all of it, another attempt is not worth its time.
const NEAR_ENOUGH: f32 = 0.88;
/// What an attempt aims at, as a part of what is allowed.
const AIM: f32 = 0.95;
/// The seen error grows slower than the share: its exponent, found by trying.
const GROWTH: f32 = 0.75;
/// The largest step between two attempts, as a factor.
const LONGEST_STEP: f32 = 3.0;
/// Steps smaller than this change nothing worth having.
const SHORTEST_STEP: f32 = 1.08;

/// The smallest result that looks right, of at most `tries` attempts (at least one); where none does, of a few more
/// with ever smaller shares. When not even these look right, the one that looks least wrong.
///
/// # Errors
/// Those of `attempt`, which is given the share of the budget to use: 1 for all of it.
pub(super) fn search<A: Attempt, E>(
    tries: usize,
    mut attempt: impl FnMut(f32) -> Result<A, E>,
) -> Result<A, E> {
    let mut share = 1.0;
    let mut best = attempt(share)?;
    let mut bounds = Bounds { passed: None, failed: None };
    let mut last = (best.part(), best.bytes());
    bounds.enter(share, last.0);
    for made in 1..tries + RESCUES {
        let is_right = best.part() <= 1.0;
        let guess = bounds.next(share, last.0);
        share = if is_right || made < tries { guess } else { guess.min(share * RESCUE_STEP) };
        let is_near = last.0 <= 1.0 && last.0 >= NEAR_ENOUGH;
        if is_right && (made >= tries || is_near || bounds.is_narrow(share)) {
            break;
        }
        let found = attempt(share)?;
        let changed_nothing = found.bytes() == last.1;
        last = (found.part(), found.bytes());
        bounds.enter(share, last.0);
        if is_better(&found, &best) {
            best = found;
        }
        if changed_nothing && best.part() <= 1.0 {
            break;
        }
    }
    Ok(best)
}

/// Right before wrong, then smaller before larger; of two wrong ones the less wrong.
fn is_better(a: &impl Attempt, b: &impl Attempt) -> bool {
    match (a.part() <= 1.0, b.part() <= 1.0) {
        (true, true) => a.bytes() < b.bytes(),
        (false, false) => a.part() < b.part(),
        (is_right, _) => is_right,
    }
}

/// The largest share that passed and the smallest that failed.
struct Bounds {
    passed: Option<f32>,
    failed: Option<f32>,
}

impl Bounds {
    fn enter(&mut self, share: f32, part: f32) {
        if part <= 1.0 {
            self.passed = Some(self.passed.map_or(share, |known: f32| known.max(share)));
        } else {
            self.failed = Some(self.failed.map_or(share, |known: f32| known.min(share)));
        }
    }

    /// The share to try next: where the error should be right, kept between what is known.
    fn next(&self, share: f32, part: f32) -> f32 {
        let step = (AIM / part.max(1e-3)).powf(1.0 / GROWTH);
        let guess = share * step.clamp(1.0 / LONGEST_STEP, LONGEST_STEP);
        match (self.passed, self.failed) {
            (Some(passed), Some(failed)) if guess <= passed || guess >= failed => (passed * failed).sqrt(),
            _ => guess,
        }
    }

    /// Whether a share lies too near to one that is known to be worth an attempt.
    fn is_narrow(&self, share: f32) -> bool {
        let near = |known: f32| (share / known).max(known / share) < SHORTEST_STEP;
        self.passed.is_some_and(near)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Made {
        share: f32,
        part: f32,
    }

    impl Attempt for Made {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a test's own small numbers"
        )]
        fn bytes(&self) -> usize {
            (1000.0 / self.share) as usize
        }

        fn part(&self) -> f32 {
            self.part
        }
    }

    /// A model whose error grows with the share as given; the shares tried are noted.
    fn found(tries: usize, error: impl Fn(f32) -> f32) -> (f32, Vec<f32>) {
        let mut tried = Vec::new();
        let best = search(tries, |share| {
            tried.push(share);
            Ok::<_, ()>(Made { share, part: error(share) })
        });
        (best.unwrap().share, tried)
    }

    #[test]
    fn a_model_that_hides_errors_gets_more_of_them() {
        let (share, tried) = found(4, |share| 0.2 * share.powf(0.7));
        let part = 0.2 * share.powf(0.7);
        assert!((0.8..=1.0).contains(&part), "{part} after {tried:?}");
    }

    #[test]
    fn a_model_that_shows_them_gets_fewer() {
        let (share, _) = found(3, |share| 2.5 * share);
        assert!((0.25..=0.4).contains(&share), "{share:?}");
    }

    #[test]
    fn one_try_is_one_unless_it_fails() {
        assert_eq!(found(1, |_| 0.1).1, [1.0]);
        assert!(found(1, |share| 4.0 * share).0 <= 0.25);
    }

    #[test]
    fn what_never_looks_right_is_given_up() {
        let (share, tried) = found(2, |share| 7.0 + share);
        assert_eq!(tried.len(), 2 + RESCUES);
        assert_eq!(share, tried.into_iter().fold(1.0, f32::min));
    }

    #[test]
    fn an_error_that_does_not_depend_on_the_share_ends_the_search() {
        assert!(found(6, |_| 0.95).1.len() <= 2);
    }
}
