//! The shares of the budget that a model can take: tried, looked at, and corrected.
//!
//! A preset's numbers for images and surfaces are a first guess: the same error of a texture is plain to see on one
//! model and hidden on another, and costs many bytes here and few there. What counts is how the whole model looks
//! ([`super::proof`]). So the passes that follow the guess are repeated, each image with the share of the error at which a
//! byte more buys the same anywhere ([`balance`]), and all of them with as much as the picture just allows. The search
//! knows nothing of documents: it is given a [`Subject`] that makes attempts.

mod balance;
mod part;
mod refine;
mod weighed;

use std::rc::Rc;

use self::balance::Balance;
pub(super) use self::part::{Cost, Estimate, GROWTH, Group, Part};
pub(super) use self::refine::refine;
use super::budget::Shares;

/// An attempt as the search sees it.
pub(super) trait Attempt {
    /// Size of the result, in bytes.
    fn bytes(&self) -> usize;
    /// How much of what is allowed is used up: 1 is all of it.
    fn part(&self) -> f32;
}

/// What a result is looked for of.
pub(super) trait Subject: Estimate + Sized {
    /// What an attempt comes to.
    type Made: Attempt;
    /// Why there is none.
    type Error;

    /// Makes an attempt with shares of the budget, 1 for all of it.
    ///
    /// # Errors
    /// Those of the passes.
    fn attempt(&mut self, shares: &Shares) -> Result<Self::Made, Self::Error>;

    /// What is seen of each part's errors. It is not asked where one attempt is enough.
    fn groups(&self, made: &Self::Made) -> Vec<Group>;

    /// What is seen of all errors in each view, as [`Group::effect`] has them; not a number where it was not looked at.
    fn seen(&self, made: &Self::Made) -> Vec<f32>;
}

impl<A: Attempt> Attempt for Rc<A> {
    fn bytes(&self) -> usize {
        (**self).bytes()
    }

    fn part(&self) -> f32 {
        (**self).part()
    }
}

/// How good an attempt is; the least is the best.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
enum Rank {
    /// It looks right and has so many bytes.
    Right(usize),
    /// It looks wrong, by this much.
    Wrong(f32),
}

impl Rank {
    fn of(made: &impl Attempt) -> Self {
        if made.part() <= 1.0 { Self::Right(made.bytes()) } else { Self::Wrong(made.part()) }
    }

    fn looks_right(self) -> bool {
        matches!(self, Self::Right(_))
    }
}

/// Attempts beyond the wished number that are made when none was good enough.
const RESCUES: usize = 4;
/// The same when the best uses so little of what is allowed that the search has not found its way yet.
const DETOURS: usize = 2;
const FAR: f32 = 0.8;
/// Or when one that shows too much lets a result of this part of its bytes be expected; and still more where that is this much
/// smaller: several images have cliffs, and each attempt finds the way past one.
const MUCH_SMALLER: f32 = 0.9;
const FAR_SMALLER: f32 = 0.7;
const LONG_DETOURS: usize = 3;
/// How much smaller the shares get at each rescue.
const RESCUE_STEP: f32 = 0.6;

/// The part of the bytes that an image alone must save for a leap to be tried, and what may be expected to be seen then.
const WORTH_A_LEAP: f32 = 0.1;
const NOT_HOPELESS: f32 = 1.2;

/// Attempts that show too much by less than this are mended where they are so much smaller than the best: one part after the
/// other gets less of the error, so many times. Where they are smaller by far ([`FAR_SMALLER`]), also those that show more.
const NEARLY_RIGHT: f32 = 1.06;
const NOT_FAR_OFF: f32 = 1.15;
const WORTH_MENDING: f32 = 0.95;
const MENDED: f32 = 0.985;
const REPAIRS: usize = 2;

/// How often the way from a best that uses little of what is allowed ([`FAR`]) to what is much smaller and shows too much is halved.
const HALVINGS: usize = 3;

/// Between this part of what is allowed and all of it, another attempt is worth its time if it should save this part of the bytes.
const NEAR_ENOUGH: f32 = 0.94;
const WORTH_TRYING: f32 = 0.03;
/// What an attempt aims at, as a part of what is allowed.
const AIM: f32 = 0.97;
/// How much less is aimed at by the last attempt, which had better be right.
const CAUTION_AT_LAST: f32 = 0.98;
/// How much less is aimed at after each attempt that was a second, third... one in a row to show too much.
const CAUTION: f32 = 0.96;
/// The least part of what is allowed that is told from nothing.
const LEAST_PART: f32 = 1e-3;
/// Outside of this part of what is allowed, what is seen of the parts is not what was thought, and is looked at again: this often, as
/// it takes as long as several comparisons.
const EXPECTED: std::ops::RangeInclusive<f32> = 0.7..=1.15;
const SECOND_LOOKS: usize = 3;

/// The best result, of at most `tries` attempts (at least one), the first of them with `start` as the share of all; where none
/// looks right, of a few more with ever smaller shares. When not even these look right, the one that looks least wrong.
/// At the end up to `leaps` more, each with one image over a cliff that the others have passed by, and some that mend what was
/// nearly right and much smaller.
///
/// # Errors
/// Those of [`Subject::attempt`].
pub(super) fn search<S: Subject>(
    subject: &mut S,
    (tries, leaps): (usize, usize),
    start: &Shares,
) -> Result<S::Made, S::Error> {
    let mut shares = start.clone();
    let made = subject.attempt(&shares)?;
    let mut balance = Balance::default();
    let groups = if tries > 1 { subject.groups(&made) } else { Vec::new() };
    balance.add(groups, &subject.seen(&made), &shares, subject);
    let mut last = (made.part(), made.bytes());
    let mut found = Found::new(&shares, made);
    let mut unchanged = 0;
    let mut second_looks = 0;
    for made in 1..tries + RESCUES {
        let is_right = found.is_right();
        // Where there is little time for leaps, there is little for these, and none where there is none.
        let detours = if tries == 1 { 0 } else { found.detours().min(2 * leaps) };
        let most = tries + detours;
        if is_right && made >= most {
            break;
        }
        let caution = match made + 1 {
            next if next > tries && !is_right => RESCUE_STEP,
            next if next == most => CAUTION_AT_LAST,
            _ => 1.0,
        };
        let wanted = caution * wanted(&balance, &found.course, subject);
        let next = balance.next(&shares, wanted, last.0, subject);
        let saved = balance.bytes(&shares, subject) - balance.bytes(&next, subject);
        let is_near = (NEAR_ENOUGH..=1.0).contains(&last.0) && saved < WORTH_TRYING * last.1 as f32;
        let was_tried = found.course.iter().any(|tried| tried.shares == next);
        if is_right && (is_near || was_tried) {
            break;
        }
        let before = std::mem::replace(&mut shares, next);
        let attempt = subject.attempt(&shares)?;
        let changed_nothing = attempt.bytes() == last.1;
        unchanged = if changed_nothing { unchanged + 1 } else { 0 };
        last = (attempt.part(), attempt.bytes());
        let seen = subject.seen(&attempt);
        if made + 1 < most
            && second_looks < SECOND_LOOKS
            && !changed_nothing
            && !EXPECTED.contains(&last.0)
            && seen.iter().all(|seen| seen.is_finite())
        {
            balance.add(subject.groups(&attempt), &seen, &shares, subject);
            second_looks += 1;
        } else {
            balance.learn(&shares, &before, &seen, subject);
        }
        found.add(&shares, attempt);
        let never_wrong = found.course.iter().all(|tried| tried.part <= 1.0);
        if changed_nothing && (never_wrong || (unchanged > 1 && found.is_right())) {
            break;
        }
    }
    if found.is_right() && leaps > 0 {
        found.leap(leaps, &balance, subject)?;
        found.mend(leaps.min(REPAIRS), &balance, subject)?;
        found.approach(leaps.min(HALVINGS), subject)?;
    }
    Ok(found.best)
}

/// What a search has found so far.
struct Found<A> {
    best: A,
    shares_of_best: Shares,
    /// All attempts, in the order in which they were made.
    course: Vec<Tried>,
}

impl<A: Attempt> Found<A> {
    fn new(shares: &Shares, made: A) -> Self {
        let course = vec![Tried::new(shares, &made)];
        Self { best: made, shares_of_best: shares.clone(), course }
    }

    /// Whether the attempt is the best of all.
    fn add(&mut self, shares: &Shares, made: A) -> bool {
        self.course.push(Tried::new(shares, &made));
        let is_best = Rank::of(&made) < Rank::of(&self.best);
        if is_best {
            (self.best, self.shares_of_best) = (made, shares.clone());
        }
        is_best
    }

    fn is_right(&self) -> bool {
        Rank::of(&self.best).looks_right()
    }

    /// How many more attempts are worth making than were wished for.
    fn detours(&self) -> usize {
        let promise = self.course.iter().map(|tried| tried.promise(&self.best)).fold(1.0, f32::min);
        match promise {
            promise if promise <= FAR_SMALLER => LONG_DETOURS,
            promise if promise <= MUCH_SMALLER || self.best.part() < FAR => DETOURS,
            _ => 0,
        }
    }

    /// Takes images over their cliffs that alone would save much, one by one.
    fn leap<S: Subject<Made = A>>(
        &mut self,
        leaps: usize,
        balance: &Balance,
        subject: &mut S,
    ) -> Result<(), S::Error> {
        let mut failed = Vec::new();
        for _ in 0..leaps {
            let worth = WORTH_A_LEAP * self.best.bytes() as f32;
            let room = NOT_HOPELESS - self.best.part();
            let leap = balance.leap(&self.shares_of_best, (worth, room), &failed, subject);
            let Some((part, next)) = leap else { break };
            if !self.add(&next, subject.attempt(&next)?) {
                failed.push(part);
            }
        }
        Ok(())
    }

    /// Gives less of the error to one part of an attempt that shows hardly too much and is much smaller than the best.
    fn mend<S: Subject<Made = A>>(
        &mut self,
        repairs: usize,
        balance: &Balance,
        subject: &mut S,
    ) -> Result<(), S::Error> {
        let mut mended = Vec::new();
        for _ in 0..repairs {
            let smaller = |tried: &Tried, part: f32| (tried.bytes as f32) < part * self.best.bytes() as f32;
            let is_near = |tried: &&Tried| {
                let most = if smaller(tried, FAR_SMALLER) { NOT_FAR_OFF } else { NEARLY_RIGHT };
                tried.part > 1.0 && tried.part < most && smaller(tried, WORTH_MENDING)
            };
            let nearly = self.course.iter().filter(is_near).min_by_key(|tried| tried.bytes);
            let Some(nearly) = nearly else { break };
            let repair = balance.repair(&nearly.shares, nearly.part - MENDED, &mended, subject);
            let Some((part, next)) = repair else { break };
            self.add(&next, subject.attempt(&next)?);
            mended.push(part);
        }
        Ok(())
    }

    /// Where the search has not found its way, whatever it thought to know: halves the way from the best to the attempt that promises
    /// most of those that show too much.
    fn approach<S: Subject<Made = A>>(&mut self, halvings: usize, subject: &mut S) -> Result<(), S::Error> {
        let promise = |tried: &Tried| tried.promise(&self.best);
        let promising = self.course.iter().filter(|tried| promise(tried) <= MUCH_SMALLER);
        let Some(wrong) = promising.min_by(|a, b| promise(a).total_cmp(&promise(b))) else { return Ok(()) };
        let mut wrong = wrong.shares.clone();
        for _ in 0..halvings {
            if self.best.part() >= FAR {
                break;
            }
            let half = self.shares_of_best.towards(&wrong, 0.5);
            // Of numbers there are whole bits.
            let next = Shares { numbers: self.shares_of_best.numbers, ..half };
            if !self.add(&next, subject.attempt(&next)?) {
                wrong = next;
            }
        }
        Ok(())
    }
}

/// What came of shares.
struct Tried {
    shares: Shares,
    part: f32,
    bytes: usize,
}

impl Tried {
    fn new(shares: &Shares, made: &impl Attempt) -> Self {
        Self { shares: shares.clone(), part: made.part(), bytes: made.bytes() }
    }

    /// What part of the bytes of the best a result should have on the way between the two, where just all that is allowed
    /// should be seen; 1 where this one is right itself.
    fn promise(&self, best: &impl Attempt) -> f32 {
        if self.part <= 1.0 || best.part() > 1.0 {
            return 1.0;
        }
        let seen = best.part().max(LEAST_PART);
        let way = (1.0 / seen).ln() / (self.part / seen).ln();
        (self.bytes as f32 / best.bytes() as f32).powf(way)
    }
}

/// The error at which [`AIM`] should be seen, in the terms of [`Balance::error`], after what came of the shares before: pairs
/// of them and the part of what is allowed that was seen.
fn wanted(balance: &Balance, course: &[Tried], estimate: &dyn Estimate) -> f32 {
    let course: Vec<(f32, f32)> =
        course.iter().map(|tried| (balance.error(&tried.shares, estimate), tried.part)).collect();
    let Some(&(expected, seen)) = course.last() else { return AIM };
    let guess = expected * AIM / seen.max(LEAST_PART);
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

#[cfg(test)]
pub(super) mod tests {
    use std::cell::Cell;

    use super::*;

    pub(in crate::optimize::search) struct Made {
        pub(in crate::optimize::search) bytes: usize,
        pub(in crate::optimize::search) part: f32,
        shares: Shares,
    }

    impl Made {
        pub(in crate::optimize::search) fn of(bytes: usize, part: f32) -> Self {
            Self { bytes, part, shares: Shares::even(1.0, 0) }
        }
    }

    impl Attempt for Made {
        fn bytes(&self) -> usize {
            self.bytes
        }

        fn part(&self) -> f32 {
            self.part
        }
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a test's own small numbers")]
    pub(in crate::optimize::search) fn whole(bytes: f32) -> usize {
        bytes as usize
    }

    /// Bytes by a function of part and share; all of a share is used, and the view that shows most counts.
    pub(in crate::optimize::search) struct Told<B>(pub(in crate::optimize::search) B);

    impl<B: Fn(&Part, f32) -> f32> Estimate for Told<B> {
        fn cost(&self, part: &Part, share: f32) -> Cost {
            Cost { bytes: (self.0)(part, share), used: share }
        }

        fn pressure(&self, seen: &[f32]) -> f32 {
            seen.iter().copied().fold(0.0, f32::max)
        }

        fn usual(&self) -> Vec<f32> {
            vec![1.0]
        }
    }

    /// A subject of functions.
    pub(in crate::optimize::search) struct Toy<T, G, B> {
        pub(in crate::optimize::search) attempt: T,
        pub(in crate::optimize::search) groups: G,
        pub(in crate::optimize::search) bytes: Told<B>,
    }

    impl<T, G, B: Fn(&Part, f32) -> f32> Estimate for Toy<T, G, B> {
        fn cost(&self, part: &Part, share: f32) -> Cost {
            self.bytes.cost(part, share)
        }

        fn pressure(&self, seen: &[f32]) -> f32 {
            self.bytes.pressure(seen)
        }

        fn usual(&self) -> Vec<f32> {
            self.bytes.usual()
        }
    }

    impl<T, G, B> Subject for Toy<T, G, B>
    where
        T: FnMut(&Shares) -> Made,
        G: Fn(&Shares) -> Vec<(Part, f32)>,
        B: Fn(&Part, f32) -> f32,
    {
        type Made = Made;
        type Error = std::convert::Infallible;

        fn attempt(&mut self, shares: &Shares) -> Result<Made, Self::Error> {
            Ok(Made { shares: shares.clone(), ..(self.attempt)(shares) })
        }

        fn groups(&self, made: &Made) -> Vec<Group> {
            let groups = (self.groups)(&made.shares).into_iter();
            groups.map(|(part, effect)| Group { part, effect: vec![effect] }).collect()
        }

        fn seen(&self, made: &Made) -> Vec<f32> {
            vec![made.part]
        }
    }

    fn best_of(
        tries: (usize, usize),
        start: &Shares,
        attempt: impl FnMut(&Shares) -> Made,
        groups: impl Fn(&Shares) -> Vec<(Part, f32)>,
        bytes: impl Fn(&Part, f32) -> f32,
    ) -> Made {
        let Ok(made) = search(&mut Toy { attempt, groups, bytes: Told(bytes) }, tries, start);
        made
    }

    /// A model without images whose error grows with the share as given; the shares tried are noted.
    fn found(tries: usize, error: impl Fn(f32) -> f32) -> (Made, Vec<f32>) {
        let mut tried = Vec::new();
        let attempt = |shares: &Shares| {
            tried.push(shares.surface);
            Made::of(whole(1000.0 / shares.surface), error(shares.surface))
        };
        let best = best_of((tries, 0), &Shares::even(1.0, 0), attempt, |_| Vec::new(), |_, _| 0.0);
        (best, tried)
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

    /// What changed nothing at all was divided by, and what came of it ended in the simplifier.
    #[test]
    fn regression_shares_are_numbers_also_where_nothing_is_seen_before_a_cliff() {
        for cliff in [0.3, 0.9, 1.5] {
            let (best, tried) = found(6, |share| if share < cliff { 0.0 } else { 3.0 });
            assert!(tried.iter().all(|share| share.is_finite()), "{tried:?}");
            assert_eq!(best.part, 0.0, "{tried:?}");
        }
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
            Made::of(whole(all().map(|(at, share)| bytes(&image(at), share)).sum()), part)
        };
        let groups = |shares: &Shares| {
            let effect = |(at, share): (usize, &f32)| (image(at), effects[at] * share.powf(GROWTH));
            shares.images.iter().enumerate().map(effect).collect()
        };
        let even = attempt(&Shares::even(0.8, 2));
        let best = best_of((5, 0), &Shares::even(1.0, 2), attempt, groups, bytes);
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
        // Errors that know nothing of each other add up by their squares.
        let seen = |shares: &Shares| {
            let (surface, numbers) = (0.95 * shares.surface.powf(GROWTH), 0.05 * shares.numbers.powf(GROWTH));
            (surface.hypot(numbers), surface, numbers)
        };
        let attempt = |shares: &Shares| {
            let size = (1.0 - 0.2 * shares.numbers.log2()) * bytes(&Part::Surface, shares.surface);
            Made::of(whole(size), seen(shares).0)
        };
        let groups = |shares: &Shares| {
            let (all, surface, numbers) = seen(shares);
            vec![(Part::Surface, all - numbers), (Part::Numbers, all - surface)]
        };
        let best = best_of((5, 0), &Shares::even(1.0, 0), attempt, groups, bytes);
        assert!(best.part <= 1.0 && best.bytes < 800_000, "{}", best.bytes);
    }

    /// A controller with two textures: either falls from 300 kB to 30 at a share of its own, and what is seen leaps with it. An
    /// even share lets both fall at once, which shows too much; one of them may.
    #[test]
    fn regression_of_two_cliffs_that_are_too_much_together_one_is_taken() {
        let cliffs = [1.1, 1.9];
        let fallen =
            |shares: &Shares| -> Vec<bool> { (0..2).map(|at| shares.images[at] >= cliffs[at]).collect() };
        let attempt = |shares: &Shares| {
            let fallen = fallen(shares);
            let bytes = fallen.iter().map(|fallen| if *fallen { 30_000 } else { 300_000 }).sum();
            Made::of(bytes, 0.1 + fallen.iter().filter(|fallen| **fallen).count() as f32 * 0.5)
        };
        let groups = |shares: &Shares| {
            let effects = fallen(shares).into_iter().map(|fallen| if fallen { 0.55 } else { 0.05 });
            effects.enumerate().map(|(at, effect)| (Part::Images(vec![at]), effect)).collect()
        };
        let bytes = |part: &Part, share: f32| match part {
            Part::Images(images) if share < cliffs[images[0]] => 300_000.0,
            _ => 30_000.0,
        };
        let best = best_of((5, 0), &Shares::even(1.0, 2), attempt, groups, bytes);
        assert_eq!((best.bytes, best.part), (330_000, 0.6));
    }

    /// A bottle whose four images all changed a little from attempt to attempt, and never the one that mattered.
    #[test]
    fn regression_a_cliff_that_the_search_has_passed_by_is_taken_at_the_end() {
        let is_fallen = |share: f32| share >= 1.3;
        let attempt =
            |shares: &Shares| Made::of(if is_fallen(shares.images[0]) { 30_000 } else { 300_000 }, 0.95);
        let groups = |_: &Shares| vec![(Part::Images(vec![0]), 0.95)];
        let bytes = |_: &Part, share: f32| if is_fallen(share) { 30_000.0 } else { 300_000.0 };
        for (leaps, expected) in [(0, 300_000), (1, 30_000)] {
            let best = best_of((2, leaps), &Shares::even(1.0, 1), attempt, groups, bytes);
            assert_eq!(best.bytes, expected);
        }
    }

    /// A controller whose parts were looked at after each of six attempts: half of its time.
    #[test]
    fn regression_parts_are_looked_at_again_a_few_times_however_often_they_surprise() {
        let (attempts, looks) = (Cell::new(0), Cell::new(0));
        let attempt = |shares: &Shares| {
            attempts.set(attempts.get() + 1);
            Made::of(whole(1e6 / shares.images[0]), if attempts.get() % 2 == 0 { 0.4 } else { 1.6 })
        };
        let groups = |_: &Shares| {
            looks.set(looks.get() + 1);
            vec![(Part::Images(vec![0]), 0.4)]
        };
        best_of((9, 0), &Shares::even(1.0, 1), attempt, groups, |_, share| 1e6 / share);
        assert!(attempts.get() >= 9, "{attempts:?} attempts");
        assert_eq!(looks.get(), 1 + SECOND_LOOKS);
    }

    /// A bottle with 84 kB at two thirds of what is allowed, where 31 showed hardly too much: eight attempts were behind it.
    #[test]
    fn regression_the_way_to_what_is_much_smaller_is_halved_where_little_is_used_of_what_is_allowed() {
        let of = |share: f32| Made::of(whole(100_000.0 / share), 0.75 * share);
        let at = |share: f32| Shares::even(share, 1);
        let attempt = |shares: &Shares| of(shares.images[0]);
        let mut found = Found::new(&at(0.1), of(0.1));
        found.add(&at(1.6), of(1.6));
        let mut toy = Toy { attempt, groups: |_: &Shares| Vec::new(), bytes: Told(|_: &Part, _| 0.0) };
        let Ok(()) = found.approach(HALVINGS, &mut toy);
        assert!((FAR..=1.0).contains(&found.best.part), "{} of {}", found.best.part, found.best.bytes);
        let tried = found.course.len();
        let Ok(()) = found.approach(HALVINGS, &mut toy);
        assert_eq!(found.course.len(), tried, "near enough");
    }
}
