//! The shares of the budget that a model can take: tried, looked at, and corrected.
//!
//! A preset's numbers for images and surfaces are a first guess: the same error of a texture is plain to see on one
//! model and hidden on another, and costs many bytes here and few there. What counts is how the whole model looks
//! ([`super::proof`]). So the passes that follow the guess are repeated, each image with the share of the error at which a
//! byte more buys the same anywhere, and all of them with as much as the picture just allows. The search knows
//! nothing of documents: it is given a function that makes an attempt.

use super::budget::Shares;

/// An attempt as the search sees it.
pub(super) trait Attempt {
    /// Size of the result, in bytes.
    fn bytes(&self) -> usize;
    /// How much of what is allowed is used up: 1 is all of it.
    fn part(&self) -> f32;
    /// How good it is; the least is the best.
    fn rank(&self) -> Rank;
}

/// How good an attempt is.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub(super) enum Rank {
    /// Right; the number says which of two right ones is better.
    Right(f32),
    /// It looks right and is larger than it should be, by its bytes.
    TooLarge(f32),
    /// It looks wrong, by this much.
    Wrong(f32),
}

impl Rank {
    fn looks_right(self) -> bool {
        !matches!(self, Self::Wrong(_))
    }
}

/// Images that get the same share, and how much is seen of their errors.
#[derive(Debug, Clone)]
pub(super) struct Group {
    /// Their indices.
    pub(super) images: Vec<usize>,
    /// How much less different the first attempt would look with them untouched, in the unit of [`Attempt::part`].
    pub(super) effect: f32,
}

/// Attempts beyond the wished number that are made when none was good enough.
const RESCUES: usize = 4;
/// How much smaller the shares get at each of them.
const RESCUE_STEP: f32 = 0.6;

/// Between this part of what is allowed and all of it, another attempt is not worth its time.
const NEAR_ENOUGH: f32 = 0.94;
/// What an attempt aims at, as a part of what is allowed.
const AIM: f32 = 0.97;
/// The seen error grows slower than the share: its exponent, found by trying.
const GROWTH: f32 = 0.75;
/// The largest step of all shares between two attempts, as a factor.
const LONGEST_STEP: f32 = 5.0;
/// The largest step of one group's share, likewise: each has its own cliffs.
const LONGEST_GROUP_STEP: f32 = 3.0;
/// The largest share of surfaces: beyond it, outlines have corners that a mean over pixels forgives.
const LARGEST_REST: f32 = 20.0;
/// The largest share of a group against that of all, as a factor.
const LARGEST_RATIO: f32 = 5.0;
/// Steps of a group's share that are weighed, to each side.
const STEPS: i16 = 12;
/// The least effect that a group is taken to have, as a part of what is seen: what no view shows may still be looked at.
const LEAST_EFFECT: f32 = 0.02;

/// The best result, of at most `tries` attempts (at least one), the first of them with `start` as the share of all; where none
/// looks right, of a few more with ever smaller shares. When not even these look right, the one that looks least wrong.
///
/// `groups` tells what is seen of the images' errors in the first attempt; it is not asked where one is enough.
/// `bytes` guesses how many an image takes at a share, from all that was tried so far.
///
/// # Errors
/// Those of `attempt`, which is given the shares of the budget to use, 1 for all of it.
pub(super) fn search<A: Attempt, E>(
    tries: usize,
    start: &Shares,
    mut attempt: impl FnMut(&Shares) -> Result<A, E>,
    groups: impl FnOnce(&A) -> Vec<Group>,
    bytes: &dyn Fn(usize, f32) -> f32,
) -> Result<A, E> {
    let mut shares = start.clone();
    let mut best = attempt(&shares)?;
    let groups = if tries > 1 { groups(&best) } else { Vec::new() };
    let mut last = (best.part(), best.bytes());
    let balance = Balance::of(groups, last.0, start.rest);
    let mut course = vec![(balance.error(&shares), last.0)];
    for made in 1..tries + RESCUES {
        let is_right = best.rank().looks_right();
        if is_right && made >= tries {
            break;
        }
        let caution = if made < tries { 1.0 } else { RESCUE_STEP };
        let next = balance.next(&shares, wanted(&course, caution), bytes);
        let is_near = (NEAR_ENOUGH..=1.0).contains(&last.0) && differ_little(&shares, &next);
        if is_right && is_near {
            break;
        }
        shares = next;
        let found = attempt(&shares)?;
        let changed_nothing = found.bytes() == last.1;
        last = (found.part(), found.bytes());
        course.push((balance.error(&shares), last.0));
        if found.rank() < best.rank() {
            best = found;
        }
        if changed_nothing && best.rank().looks_right() {
            break;
        }
    }
    Ok(best)
}

/// The error at which [`AIM`] should be seen, in the terms of [`Balance::error`], after what came of the errors before: pairs
/// of the one that was expected and the one that was seen.
fn wanted(course: &[(f32, f32)], caution: f32) -> f32 {
    let Some(&(expected, seen)) = course.last() else { return AIM };
    let slope = |&(other, other_seen): &(f32, f32)| (other_seen / seen).ln() / (other / expected).ln();
    let before = course.len().checked_sub(2).map(|at| slope(&course[at]));
    let slope = before.filter(|slope| slope.is_finite()).map_or(1.0, |slope| slope.clamp(0.4, 1.5));
    let guess = expected * (AIM / seen.max(1e-3)).powf(1.0 / slope);
    let passed = course.iter().filter(|(_, seen)| *seen <= AIM).map(|(expected, _)| *expected);
    let failed = course.iter().filter(|(_, seen)| *seen > AIM).map(|(expected, _)| *expected);
    let (low, high) = (passed.fold(0.0, f32::max), failed.fold(f32::INFINITY, f32::min));
    // Between what was too little and what was too much, if these are in order: errors are not quite what is expected.
    let is_outside = guess <= low || guess >= high;
    caution
        * if is_outside && low > 0.0 && low < high && high.is_finite() { (low * high).sqrt() } else { guess }
}

/// Whether another attempt would hardly change anything.
fn differ_little(a: &Shares, b: &Shares) -> bool {
    let both = a.images.iter().zip(&b.images).chain([(&a.rest, &b.rest)]);
    both.into_iter().all(|(a, b)| (a / b).max(b / a) < 1.2)
}

/// How the budget is divided between groups.
struct Balance {
    groups: Vec<Group>,
    /// The effect of everything that is in no group.
    rest: f32,
}

impl Balance {
    /// `part` was seen in an attempt with the same share for all.
    fn of(mut groups: Vec<Group>, part: f32, share: f32) -> Self {
        let of_all = share.powf(-GROWTH);
        for group in &mut groups {
            group.effect = of_all * group.effect.max(LEAST_EFFECT * part);
        }
        let known: f32 = groups.iter().map(|group| group.effect).sum();
        let part = part * of_all;
        Self { groups, rest: (part - known).max(LEAST_EFFECT * part) }
    }

    /// The shares to try after `last`, for an error of `wanted`.
    fn next(&self, last: &Shares, wanted: f32, bytes: &dyn Fn(usize, f32) -> f32) -> Shares {
        let level = |shares: &Shares| (wanted / self.error(shares).max(1e-9)).powf(1.0 / GROWTH);
        let even = Shares::even(last.rest, last.images.len());
        let step = level(&even).clamp(1.0 / LONGEST_STEP, LONGEST_STEP);
        let middle = (even.rest * step).min(LARGEST_REST);
        let curves: Vec<Vec<(f32, f32)>> =
            self.groups.iter().map(|group| group.curve(last, middle, bytes)).collect();
        let of_price = |price: f32| self.cheapest(middle, price, &curves, last.images.len());
        // The dearer an error, the fewer there are: by bisection over the logarithm of its price in bytes.
        let (mut low, mut high) = (0.0_f32, 36.0_f32);
        for _ in 0..40 {
            let price = f32::midpoint(low, high);
            if self.error(&of_price(price.exp2())) > wanted { low = price } else { high = price }
        }
        of_price(high.exp2())
    }

    /// The shares at which bytes and errors together cost least.
    fn cheapest(&self, middle: f32, price: f32, curves: &[Vec<(f32, f32)>], images: usize) -> Shares {
        let mut shares = Shares::even(middle, images);
        for (group, curve) in self.groups.iter().zip(curves) {
            let cost = |&(share, bytes): &(f32, f32)| bytes + price * group.effect * share.powf(GROWTH);
            let best = curve.iter().min_by(|a, b| cost(a).total_cmp(&cost(b))).map_or(middle, |best| best.0);
            group.images.iter().for_each(|&image| shares.images[image] = best);
        }
        shares
    }

    /// What should be seen of shares, in the unit of [`Attempt::part`].
    fn error(&self, shares: &Shares) -> f32 {
        let groups = self.groups.iter().map(|group| group.effect * group.share(shares).powf(GROWTH));
        groups.sum::<f32>() + self.rest * shares.rest.powf(GROWTH)
    }
}

impl Group {
    fn share(&self, shares: &Shares) -> f32 {
        self.images.first().map_or(shares.rest, |&image| shares.of_image(image))
    }

    /// The shares that may be tried next, not too far from the last one, with the bytes that they should take.
    fn curve(&self, last: &Shares, middle: f32, bytes: &dyn Fn(usize, f32) -> f32) -> Vec<(f32, f32)> {
        let taken = |share: f32| self.images.iter().map(|&image| bytes(image, share)).sum();
        let step = |step: i16| self.share(last) * LONGEST_GROUP_STEP.powf(f32::from(step) / f32::from(STEPS));
        let may_be = |share: &f32| (share / middle).max(middle / share) <= LARGEST_RATIO;
        let shares = (-STEPS..=STEPS).map(step).filter(may_be);
        shares.map(|share| (share, taken(share))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Made {
        bytes: usize,
        part: f32,
    }

    impl Attempt for Made {
        fn bytes(&self) -> usize {
            self.bytes
        }

        fn part(&self) -> f32 {
            self.part
        }

        fn rank(&self) -> Rank {
            if self.part <= 1.0 { Rank::Right(self.bytes as f32) } else { Rank::Wrong(self.part) }
        }
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a test's own small numbers")]
    fn whole(bytes: f32) -> usize {
        bytes as usize
    }

    /// A model without images whose error grows with the share as given; the shares tried are noted.
    fn found(tries: usize, error: impl Fn(f32) -> f32) -> (Made, Vec<f32>) {
        let mut tried = Vec::new();
        let attempt = |shares: &Shares| {
            tried.push(shares.rest);
            Ok::<_, ()>(Made { bytes: whole(1000.0 / shares.rest), part: error(shares.rest) })
        };
        let best = search(tries, &Shares::even(1.0, 0), attempt, |_| Vec::new(), &|_, _| 0.0);
        (best.unwrap(), tried)
    }

    #[test]
    fn a_model_that_hides_errors_gets_more_of_them() {
        let (best, tried) = found(4, |share| 0.2 * share.powf(0.7));
        assert!((0.8..=1.0).contains(&best.part), "{} after {tried:?}", best.part);
    }

    #[test]
    fn a_model_that_shows_them_gets_fewer() {
        let (best, tried) = found(4, |share| 2.5 * share);
        assert!((0.8..=1.0).contains(&best.part), "{} after {tried:?}", best.part);
    }

    #[test]
    fn one_try_is_one_unless_it_fails() {
        assert_eq!(found(1, |_| 0.1).1, [1.0]);
        assert!(found(1, |share| 4.0 * share).0.part <= 1.0);
    }

    #[test]
    fn what_never_looks_right_is_given_up() {
        let (best, tried) = found(2, |share| 7.0 + share);
        assert_eq!(tried.len(), 2 + RESCUES);
        assert_eq!(best.part, 7.0 + tried.into_iter().fold(1.0, f32::min));
    }

    #[test]
    fn an_error_that_does_not_depend_on_the_share_ends_the_search() {
        assert!(found(6, |_| 0.95).1.len() <= 2);
    }

    /// The errors of the second image are seen ten times as much, and those of the first cost ten times the bytes.
    #[test]
    fn errors_are_put_where_they_save_most_and_show_least() {
        let bytes = |image: usize, share: f32| if image == 0 { 10_000.0 } else { 1000.0 } / share;
        let effects = [0.1, 1.0];
        let attempt = |shares: &Shares| {
            let all = || shares.images.iter().copied().enumerate();
            let part = all().map(|(image, share)| effects[image] * share.powf(GROWTH)).sum();
            Ok::<_, ()>(Made { bytes: whole(all().map(|(image, share)| bytes(image, share)).sum()), part })
        };
        let groups = |_: &Made| {
            effects.iter().enumerate().map(|(i, &effect)| Group { images: vec![i], effect }).collect()
        };
        let even = attempt(&Shares::even(0.8, 2)).unwrap();
        let best = search(5, &Shares::even(1.0, 2), attempt, groups, &bytes).unwrap();
        assert!(best.part <= 1.0);
        assert!(best.bytes * 2 < even.bytes, "{} against {}", best.bytes, even.bytes);
    }
}
