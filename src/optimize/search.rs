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

/// What gets one share of the budget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// Everything: where nothing is known of its parts.
    All,
    /// The images with these indices.
    Images(Vec<usize>),
    /// Surfaces, and all that has no share of its own.
    Surface,
    /// The bits of numbers.
    Numbers,
}

/// A part, and how much is seen of its errors.
#[derive(Debug, Clone)]
pub(super) struct Group {
    pub(super) part: Part,
    /// How much less different the first attempt would look with it untouched, in the unit of [`Attempt::part`].
    pub(super) effect: f32,
}

/// Attempts beyond the wished number that are made when none was good enough.
const RESCUES: usize = 4;
/// The same when the best uses so little of what is allowed that the search has not found its way yet.
const DETOURS: usize = 2;
const FAR: f32 = 0.8;
/// How much smaller the shares get at each of them.
const RESCUE_STEP: f32 = 0.6;

/// Between this part of what is allowed and all of it, another attempt is not worth its time.
const NEAR_ENOUGH: f32 = 0.94;
/// What an attempt aims at, as a part of what is allowed.
const AIM: f32 = 0.97;
/// How much less is aimed at by the last attempt, which had better be right.
const CAUTION_AT_LAST: f32 = 0.98;
/// How much less is aimed at after each attempt that was a second, third... one in a row to show too much.
const CAUTION: f32 = 0.96;
/// The seen error grows slower than the share: its exponent, found by trying, and that of numbers.
const GROWTH: f32 = 0.75;
const GROWTH_OF_NUMBERS: f32 = 1.0;
/// Outside of this part of what is allowed, what is seen of the parts is not what was thought, and is looked at again.
const EXPECTED: std::ops::RangeInclusive<f32> = 0.7..=1.15;
/// What is seen of an attempt that was wrong by so little that no image gets more of the error next.
const NARROWLY: f32 = 1.1;
/// The largest step of all shares between two attempts, as a factor.
const LONGEST_STEP: f32 = 5.0;
/// The same of surfaces towards more errors.
const LONGEST_SURFACE_STEP: f32 = 3.0;
/// The largest step of an image's share, likewise: each has its own cliffs.
const LONGEST_IMAGE_STEP: f32 = 4.0;
/// The largest share of surfaces: beyond it, outlines have corners that a mean over pixels forgives.
const LARGEST_SURFACE: f32 = 20.0;
/// The largest share of a group of images against what all would get, as a factor.
const LARGEST_RATIO: f32 = 6.0;
/// The share of numbers is a power of two, as one bit is the least step: so many bits more than the preset's, at most, and
/// so many fewer.
const BITS: (i16, i16) = (4, 2);
/// The least share of surfaces: with less, none would ever go.
const LEAST_SURFACE: f32 = 0.05;
/// Steps of a share that are weighed, to each side.
const STEPS: i16 = 16;
/// The least effect that a group is taken to have, as a part of what is seen: what no view shows may still be looked at.
const LEAST_EFFECT: f32 = 0.01;

/// The best result, of at most `tries` attempts (at least one), the first of them with `start` as the share of all; where none
/// looks right, of a few more with ever smaller shares. When not even these look right, the one that looks least wrong.
///
/// `groups` tells what is seen of each part's errors in an attempt; it is not asked where one attempt is enough.
/// `bytes` guesses how many a part takes at a share, from all that was tried so far.
///
/// # Errors
/// Those of `attempt`, which is given the shares of the budget to use, 1 for all of it.
pub(super) fn search<A: Attempt, E>(
    tries: usize,
    start: &Shares,
    mut attempt: impl FnMut(&Shares) -> Result<A, E>,
    mut groups: impl FnMut(&A) -> Vec<Group>,
    bytes: &dyn Fn(&Part, f32) -> f32,
) -> Result<A, E> {
    let mut shares = start.clone();
    let mut best = attempt(&shares)?;
    let mut balance = Balance::of(if tries > 1 { groups(&best) } else { Vec::new() }, best.part(), &shares);
    let mut last = (best.part(), best.bytes());
    let mut course = vec![(shares.clone(), last.0)];
    // What was seen before says nothing of how errors grow by a new balance.
    let mut of_balance = 0;
    for made in 1..tries + RESCUES {
        let is_right = best.rank().looks_right();
        let most = if tries > 1 && best.part() < FAR { tries + DETOURS } else { tries };
        if is_right && made >= most {
            break;
        }
        let caution = match made + 1 {
            next if next > tries && !is_right => RESCUE_STEP,
            next if next == most => CAUTION_AT_LAST,
            _ => 1.0,
        };
        let next = balance.next(&shares, caution * wanted(&balance, &course[of_balance..]), last.0, bytes);
        let is_near = (NEAR_ENOUGH..=1.0).contains(&last.0) && differ_little(&shares, &next);
        let was_tried = course.iter().any(|(tried, _)| *tried == next);
        if is_right && (is_near || was_tried) {
            break;
        }
        shares = next;
        let found = attempt(&shares)?;
        let changed_nothing = found.bytes() == last.1;
        last = (found.part(), found.bytes());
        if made + 1 < most && !EXPECTED.contains(&last.0) {
            balance = Balance::of(groups(&found), last.0, &shares);
            of_balance = course.len();
        }
        course.push((shares.clone(), last.0));
        if found.rank() < best.rank() {
            best = found;
        }
        if changed_nothing && best.rank().looks_right() {
            break;
        }
    }
    Ok(best)
}

/// The error at which [`AIM`] should be seen, in the terms of [`Balance::error`], after what came of the shares before: pairs
/// of them and the part of what is allowed that was seen.
fn wanted(balance: &Balance, course: &[(Shares, f32)]) -> f32 {
    let course: Vec<(f32, f32)> =
        course.iter().map(|(shares, seen)| (balance.error(shares), *seen)).collect();
    let Some(&(expected, seen)) = course.last() else { return AIM };
    let slope = |&(other, other_seen): &(f32, f32)| (other_seen / seen).ln() / (other / expected).ln();
    let before = course.len().checked_sub(2).map(|at| slope(&course[at]));
    let slope = before.filter(|slope| slope.is_finite()).map_or(1.0, |slope| slope.clamp(0.6, 1.5));
    let guess = expected * (AIM / seen.max(1e-3)).powf(1.0 / slope);
    let passed = course.iter().filter(|(_, seen)| *seen <= AIM).map(|(expected, _)| *expected);
    let failed = course.iter().filter(|(_, seen)| *seen > AIM).map(|(expected, _)| *expected);
    let (low, high) = (passed.fold(0.0, f32::max), failed.fold(f32::INFINITY, f32::min));
    // Between what was too little and what was too much, if these are in order: errors are not quite what is expected.
    let is_outside = guess <= low || guess >= high;
    let is_between = is_outside && low > 0.0 && low < high && high.is_finite();
    let guess = if is_between { (low * high).sqrt() } else { guess };
    let misses = course.iter().rev().take_while(|(_, seen)| *seen > 1.0).count().saturating_sub(1);
    guess * CAUTION.powi(i32::try_from(misses).unwrap_or(0))
}

/// Whether another attempt would hardly change anything.
fn differ_little(a: &Shares, b: &Shares) -> bool {
    let both = a.images.iter().zip(&b.images).chain([(&a.surface, &b.surface), (&a.numbers, &b.numbers)]);
    both.into_iter().all(|(a, b)| (a / b).max(b / a) < 1.2)
}

/// How the budget is divided between groups.
struct Balance {
    groups: Vec<Group>,
}

/// A group's shares that may be tried next, with the bytes that they should take.
type Curve = Vec<(f32, f32)>;

impl Balance {
    /// `part` was seen in an attempt with these shares. Effects add up to less than what is seen of all together, as one
    /// error hides another; what is missing is theirs in proportion.
    fn of(mut groups: Vec<Group>, part: f32, shares: &Shares) -> Self {
        if groups.is_empty() {
            groups.push(Group { part: Part::All, effect: part });
        }
        let part = part.max(1e-6);
        groups.iter_mut().for_each(|group| group.effect = group.effect.max(LEAST_EFFECT * part));
        let sum: f32 = groups.iter().map(|group| group.effect).sum();
        for group in &mut groups {
            group.effect *= part / sum / group.part.growth(group.part.share(shares));
        }
        Self { groups }
    }

    /// The shares to try after `last`, of which `seen` was seen, for an error of `wanted`.
    fn next(&self, last: &Shares, wanted: f32, seen: f32, bytes: &dyn Fn(&Part, f32) -> f32) -> Shares {
        let effects: f32 = self.groups.iter().map(|group| group.effect).sum();
        let even = (wanted / effects).powf(1.0 / GROWTH);
        let curve = |group: &Group| -> Curve {
            let shares = group.part.shares_after(last, even, seen);
            shares.into_iter().map(|share| (share, bytes(&group.part, share))).collect()
        };
        let curves: Vec<Curve> = self.groups.iter().map(curve).collect();
        let of_price = |price: f32| self.cheapest(last, price, &curves);
        // The dearer an error, the fewer there are: by bisection over the logarithm of its price in bytes.
        let (mut low, mut high) = (0.0_f32, 36.0_f32);
        for _ in 0..40 {
            let price = f32::midpoint(low, high);
            if self.error(&of_price(price.exp2())) > wanted { low = price } else { high = price }
        }
        self.filled(of_price(high.exp2()), wanted, &curves)
    }

    /// Gives what is left of `wanted` to the part that saves most by it, again and again: shares come in steps.
    fn filled(&self, mut shares: Shares, wanted: f32, curves: &[Curve]) -> Shares {
        loop {
            let room = wanted - self.error(&shares);
            let saving = |(group, curve): (&Group, &Curve)| {
                let now = group.part.share(&shares);
                let (_, bytes) = curve.iter().copied().find(|&(share, _)| share == now)?;
                let costs = |share: f32| group.effect * (group.part.growth(share) - group.part.growth(now));
                let fits = curve.iter().filter(|&&(share, _)| share > now && costs(share) <= room);
                let best = fits.min_by(|a, b| a.1.total_cmp(&b.1))?;
                Some((group.part.clone(), best.0, bytes - best.1)).filter(|&(_, _, saved)| saved > 0.0)
            };
            let savings = self.groups.iter().zip(curves).filter_map(saving);
            let Some((part, share, _)) = savings.max_by(|a, b| a.2.total_cmp(&b.2)) else { return shares };
            part.set(&mut shares, share);
        }
    }

    /// The shares at which bytes and errors together cost least.
    fn cheapest(&self, last: &Shares, price: f32, curves: &[Curve]) -> Shares {
        let mut shares = last.clone();
        for (group, curve) in self.groups.iter().zip(curves) {
            let cost = |&(share, bytes): &(f32, f32)| bytes + price * group.effect * group.part.growth(share);
            if let Some((best, _)) = curve.iter().min_by(|a, b| cost(a).total_cmp(&cost(b))) {
                group.part.set(&mut shares, *best);
            }
        }
        shares
    }

    /// What should be seen of shares, in the unit of [`Attempt::part`].
    fn error(&self, shares: &Shares) -> f32 {
        self.groups.iter().map(|group| group.effect * group.part.growth(group.part.share(shares))).sum()
    }
}

impl Part {
    /// How much more is seen of its errors at a share than at 1.
    fn growth(&self, share: f32) -> f32 {
        share.powf(if *self == Self::Numbers { GROWTH_OF_NUMBERS } else { GROWTH })
    }

    fn share(&self, shares: &Shares) -> f32 {
        match self {
            Self::Images(images) => images.first().map_or(shares.surface, |&image| shares.of_image(image)),
            Self::All | Self::Surface => shares.surface,
            Self::Numbers => shares.numbers,
        }
    }

    fn set(&self, shares: &mut Shares, share: f32) {
        match self {
            Self::All => *shares = Shares::even(share, shares.images.len()),
            Self::Images(images) => images.iter().for_each(|&image| shares.images[image] = share),
            Self::Surface => shares.surface = share,
            Self::Numbers => shares.numbers = share,
        }
    }

    /// The shares that may be tried next, not too far from the last one, of which `seen` was seen; `even` is what all
    /// would get.
    fn shares_after(&self, last: &Shares, even: f32, seen: f32) -> Vec<f32> {
        let last = self.share(last);
        let steps = |longest: f32| {
            let step = move |step: i16| longest.powf(f32::from(step) / f32::from(STEPS));
            (-STEPS..=STEPS).map(move |at| last * step(at))
        };
        let most = match self {
            // Of these nothing is seen at first, and all at once much.
            Self::Surface | Self::Numbers if seen > 1.0 => last,
            // A small step back is all that is needed, and one ahead elsewhere could spoil it.
            Self::Images(_) if (1.0..NARROWLY).contains(&seen) => last,
            Self::Surface => last * LONGEST_SURFACE_STEP,
            _ => f32::INFINITY,
        };
        let shares: Vec<f32> = match self {
            Self::All => {
                vec![even.clamp(last / LONGEST_STEP, last * LONGEST_STEP).min(LARGEST_SURFACE)]
            }
            Self::Images(_) => {
                let may_be = |share: &f32| (share / even).max(even / share) <= LARGEST_RATIO;
                let near = even.clamp(last / LONGEST_IMAGE_STEP, last * LONGEST_IMAGE_STEP);
                steps(LONGEST_IMAGE_STEP).filter(may_be).chain([near]).collect()
            }
            Self::Surface => {
                steps(LONGEST_STEP).map(|share| share.clamp(LEAST_SURFACE, LARGEST_SURFACE)).collect()
            }
            Self::Numbers => (-BITS.0..=BITS.1).map(|bits| f32::from(bits).exp2()).collect(),
        };
        shares.into_iter().map(|share| share.min(most)).collect()
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
            tried.push(shares.surface);
            Ok::<_, ()>(Made { bytes: whole(1000.0 / shares.surface), part: error(shares.surface) })
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
        let bytes = |part: &Part, share: f32| match part {
            Part::Images(images) => (if images[0] == 0 { 10_000.0 } else { 1000.0 }) / share,
            _ => 0.0,
        };
        let image = |index: usize| Part::Images(vec![index]);
        let effects = [0.1, 1.0];
        let attempt = |shares: &Shares| {
            let all = || shares.images.iter().copied().enumerate();
            let part = all().map(|(image, share)| effects[image] * share.powf(GROWTH)).sum();
            Ok::<_, ()>(Made { bytes: whole(all().map(|(at, share)| bytes(&image(at), share)).sum()), part })
        };
        let groups = |_: &Made| {
            effects.iter().enumerate().map(|(at, &effect)| Group { part: image(at), effect }).collect()
        };
        let even = attempt(&Shares::even(0.8, 2)).unwrap();
        let best = search(5, &Shares::even(1.0, 2), attempt, groups, &bytes).unwrap();
        assert!(best.part <= 1.0);
        assert!(best.bytes * 2 < even.bytes, "{} against {}", best.bytes, even.bytes);
    }

    /// A scan of half a million triangles kept 77 bits a vertex, of which nobody saw the last twenty, and so had to lose
    /// triangles that everybody saw.
    #[test]
    fn regression_bits_that_nobody_sees_go_before_triangles_that_everybody_does() {
        let bytes = |part: &Part, share: f32| match part {
            Part::Surface => 1e6 / share.sqrt(),
            Part::Numbers => 1e6 - 2e5 * share.log2(),
            _ => 0.0,
        };
        let (seen_of_surface, seen_of_numbers) = (0.95, 0.05);
        let attempt = |shares: &Shares| {
            let seen =
                seen_of_surface * shares.surface.powf(GROWTH) + seen_of_numbers * shares.numbers.powf(GROWTH);
            let size = (1.0 - 0.2 * shares.numbers.log2()) * bytes(&Part::Surface, shares.surface);
            Ok::<_, ()>(Made { bytes: whole(size), part: seen })
        };
        let group = |part, effect| Group { part, effect };
        let groups =
            |_: &Made| vec![group(Part::Surface, seen_of_surface), group(Part::Numbers, seen_of_numbers)];
        let best = search(5, &Shares::even(1.0, 0), attempt, groups, &bytes).unwrap();
        assert!(best.part <= 1.0 && best.bytes < 800_000, "{}", best.bytes);
    }
}
