//! A size that is met, and what looks best of it: bytes are taken from where they show least and given to where they show most.

use super::balance::Balance;
use super::{Attempt as _, Subject};
use crate::optimize::budget::Shares;

/// What looks best, of `made` with `shares` and at most `tries` attempts near it that have no more than `most` bytes.
///
/// # Errors
/// Those of [`Subject::attempt`].
pub(in crate::optimize) fn refine<S: Subject>(
    subject: &mut S,
    (tries, most): (usize, usize),
    made: S::Made,
    shares: &Shares,
) -> Result<S::Made, S::Error> {
    let mut balance = Balance::default();
    balance.add(subject.groups(&made), &subject.seen(&made), shares, subject);
    let (mut best, mut shares) = (made, shares.clone());
    let mut tried = vec![shares.clone()];
    // Bytes that were counted on and were not there.
    let mut missed = 0.0;
    for _ in 0..tries {
        let room = most.saturating_sub(best.bytes()) as f32 - missed;
        let bytes = balance.bytes(&shares, subject) + room;
        let next = balance.next_of_bytes(&shares, bytes, best.part(), subject);
        if tried.contains(&next) {
            break;
        }
        let attempt = subject.attempt(&next)?;
        balance.learn(&next, &shares, &subject.seen(&attempt), subject);
        tried.push(next.clone());
        if attempt.bytes() > most {
            missed += (attempt.bytes() - most) as f32;
        } else if attempt.part() < best.part() {
            (best, shares, missed) = (attempt, next, 0.0);
        }
    }
    Ok(best)
}

#[cfg(test)]
mod tests {
    use super::super::part::{GROWTH, Part};
    use super::super::tests::{Made, Told, Toy, whole};
    use super::*;

    /// The errors of the second image are seen ten times as much, and its bytes cost a tenth: of the same bytes, it should have more.
    #[test]
    fn of_the_same_bytes_less_is_seen() {
        let bytes = |part: &Part, share: f32| match part {
            Part::Images(images) => (if images[0] == 0 { 10_000.0 } else { 1000.0 }) / share,
            _ => 0.0,
        };
        let image = |at: usize| Part::Images(vec![at]);
        let effects = [0.1, 1.0];
        let made = |shares: &Shares| {
            let all = || shares.images.iter().copied().enumerate();
            let part = all().map(|(at, share)| effects[at] * share.powf(GROWTH)).sum();
            Made::of(whole(all().map(|(at, share)| bytes(&image(at), share)).sum()), part)
        };
        let groups = |shares: &Shares| {
            let effect = |(at, share): (usize, &f32)| (image(at), effects[at] * share.powf(GROWTH));
            shares.images.iter().enumerate().map(effect).collect()
        };
        let start = Shares::even(0.8, 2);
        let mut toy = Toy { attempt: made, groups, bytes: Told(bytes) };
        let Ok(first) = Subject::attempt(&mut toy, &start);
        let (size, seen) = (first.bytes, first.part);
        let Ok(best) = refine(&mut toy, (4, size), first, &start);
        assert!(
            best.bytes <= size && best.part < 0.8 * seen,
            "{} of {size}, {} of {seen}",
            best.bytes,
            best.part
        );
    }

    #[test]
    fn what_cannot_be_better_stays_as_it_is() {
        let start = Shares::even(1.0, 0);
        let attempt = |_: &Shares| Made::of(2000, 0.1);
        let mut toy = Toy { attempt, groups: |_: &Shares| Vec::new(), bytes: Told(|_: &Part, _| 0.0) };
        let Ok(best) = refine(&mut toy, (4, 1000), Made::of(1000, 0.5), &start);
        assert_eq!((best.bytes, best.part), (1000, 0.5));
    }
}
