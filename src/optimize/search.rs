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
const RESCUES: usize = 3;
/// How much smaller the share gets at each of them.
const RESCUE_STEP: f32 = 0.4;

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
/// with ever smaller shares. `None` when not even these look right.
///
/// # Errors
/// Those of `attempt`, which is given the share of the budget to use: 1 for all of it.
pub(super) fn search<A: Attempt, E>(
    tries: usize,
    mut attempt: impl FnMut(f32) -> Result<A, E>,
) -> Result<Option<A>, E> {
    let mut best: Option<A> = None;
    let mut bounds = Bounds { passed: None, failed: None };
    let mut share = 1.0;
    let mut last_bytes = None;
    for made in 1.. {
        let found = attempt(share)?;
        let (part, bytes) = (found.part(), found.bytes());
        bounds.enter(share, part);
        if part <= 1.0 && best.as_ref().is_none_or(|best| bytes < best.bytes()) {
            best = Some(found);
        }
        let is_settled = last_bytes == Some(bytes) || (NEAR_ENOUGH..=1.0).contains(&part);
        last_bytes = Some(bytes);
        share = if best.is_none() && made >= tries {
            share * RESCUE_STEP
        } else {
            bounds.next(share, part)
        };
        let is_enough = if best.is_some() { made >= tries || is_settled } else { made >= tries + RESCUES };
        if is_enough || bounds.is_narrow(share) {
            break;
        }
    }
    Ok(best)
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
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a test's own small numbers")]
        fn bytes(&self) -> usize {
            (1000.0 / self.share) as usize
        }

        fn part(&self) -> f32 {
            self.part
        }
    }

    /// A model whose error grows with the share as given; the shares tried are noted.
    fn found(tries: usize, error: impl Fn(f32) -> f32) -> (Option<f32>, Vec<f32>) {
        let mut tried = Vec::new();
        let best = search(tries, |share| {
            tried.push(share);
            Ok::<_, ()>(Made { share, part: error(share) })
        });
        (best.unwrap().map(|made| made.share), tried)
    }

    #[test]
    fn a_model_that_hides_errors_gets_more_of_them() {
        let (share, tried) = found(4, |share| 0.2 * share.powf(0.7));
        let part = 0.2 * share.unwrap().powf(0.7);
        assert!((0.8..=1.0).contains(&part), "{part} after {tried:?}");
    }

    #[test]
    fn a_model_that_shows_them_gets_fewer() {
        let (share, _) = found(3, |share| 2.5 * share);
        assert!((0.25..=0.4).contains(&share.unwrap()), "{share:?}");
    }

    #[test]
    fn one_try_is_one_unless_it_fails() {
        assert_eq!(found(1, |_| 0.1).1, [1.0]);
        assert!(found(1, |share| 4.0 * share).0.is_some_and(|share| share <= 0.25));
    }

    #[test]
    fn what_never_looks_right_is_given_up() {
        let (share, tried) = found(2, |_| 7.0);
        assert_eq!(share, None);
        assert_eq!(tried.len(), 2 + RESCUES);
    }

    #[test]
    fn an_error_that_does_not_depend_on_the_share_ends_the_search() {
        assert!(found(6, |_| 0.95).1.len() <= 2);
    }
}
