//! How the budget is divided between the parts of a model: each image, its surface, its numbers.
//!
//! What is seen of each part's errors, in each view, is measured in an attempt ([`Group::effect`]), again in others where it is not as it was
//! thought to be, and taken to grow with the errors before, between and after these. What a part takes at a share, and how much
//! of it is used, is guessed from all that was encoded so far ([`Cost`]). The best division is the one at which a byte more buys
//! the same anywhere.

use super::part::{Estimate, Group, LONGEST_IMAGE_STEP, Part};
use super::weighed::{LEAST_EFFECT, LEAST_SEEN, Point, Weighed};
use crate::optimize::budget::Shares;

/// The largest share that all images would get: of some nothing is seen in any view, and may be in others.
const LARGEST_EVEN: f32 = 8.0;
/// Less than this is nothing to be divided by, in what is seen.
const LEAST_PRICE: f32 = 1e-4;
/// A little more of what is seen, as a part of the most.
const LITTLE: f32 = 0.01;
/// How often a division is made anew, with what a view's errors weigh in the last.
const DIVISIONS: usize = 6;
/// How far from what was seen shares of a size are looked for, to either side, as a logarithm to base 2; and how often.
const WIDEST_LOOK: f32 = 0.5;
const LOOKS: usize = 10;
/// The least part of its share that a part keeps where an attempt is mended.
const LEAST_KEPT: f32 = 0.1;

/// What is hidden of an error grows with this power of the square of what is not.
const HIDDEN: f32 = 0.7;
/// Where less than this part of what was seen has changed, nothing is learned of it.
const LEAST_CHANGE: f32 = 0.01;
/// Where more than this part of what was seen was not expected, some part is not what it was taken to be.
const FAR_OFF: f32 = 0.5;
/// Below this, next to nothing is used of a share: that tells nothing of more.
const LEAST_USED: f32 = 0.05;

/// How the budget is divided between groups.
#[derive(Default)]
pub(super) struct Balance {
    groups: Vec<Weighed>,
}

type Curve = Vec<Point>;

impl Balance {
    /// Takes in what was seen of each group, and of all in each view, in an attempt with these shares. Errors that know nothing
    /// of each other add up by their squares. Where one hides another, much is missing, most of all of the smaller ones: they
    /// get more of that than in proportion.
    pub(super) fn add(
        &mut self,
        mut groups: Vec<Group>,
        seen: &[f32],
        shares: &Shares,
        estimate: &dyn Estimate,
    ) {
        if groups.is_empty() {
            groups.push(Group { part: Part::All, effect: seen.to_vec() });
        }
        let all = |view: usize| seen[view].max(LEAST_SEEN).powi(2);
        let of = |group: &Group, view: usize| {
            let effect = group.effect.get(view).copied().unwrap_or_default();
            let without = (seen[view] - effect).max(0.0).powi(2);
            (all(view) - without).max(LEAST_EFFECT * all(view))
        };
        let sum = |of: &dyn Fn(&Group) -> f32| groups.iter().map(of).sum::<f32>();
        let sums: Vec<(f32, f32)> = (0..seen.len())
            .map(|view| (sum(&|group| of(group, view)), sum(&|group| of(group, view).powf(HIDDEN))))
            .collect();
        for group in groups {
            let scaled = |view: usize| {
                let (effect, (squares, hidden)) = (of(&group, view), sums[view]);
                match all(view) - squares {
                    missing if missing > 0.0 => effect + missing * effect.powf(HIDDEN) / hidden,
                    _ => effect * all(view) / squares,
                }
            };
            let effect = (0..seen.len()).map(scaled).collect();
            let share = group.part.share(shares);
            let used = estimate.cost(&group.part, share).used;
            let known = self.groups.iter().position(|known| known.part == group.part);
            let at = known.unwrap_or_else(|| {
                self.groups.push(Weighed::new(group.part));
                self.groups.len() - 1
            });
            match &mut self.groups[at] {
                group if used > LEAST_USED => group.measure(used, effect),
                group => group.suppose(estimate.usual().into_iter().map(|seen| seen.powi(2)).collect()),
            }
        }
    }

    /// Takes in what was seen of shares in each view (what is not finite was not looked at): what was not expected is put down
    /// to what is not as it was in the attempt `before`, in proportion to how much its errors were taken to change. Where that is
    /// much, not to what was measured: then it was the rest whose errors were taken for others.
    pub(super) fn learn(&mut self, shares: &Shares, before: &Shares, seen: &[f32], estimate: &dyn Estimate) {
        let (mut effects, before) = (self.effects(shares, estimate), self.effects(before, estimate));
        let used = |group: &Weighed| estimate.cost(&group.part, group.part.share(shares)).used;
        let used: Vec<f32> = self.groups.iter().map(used).collect();
        let measured = self.groups.iter().zip(&used).map(|(group, used)| group.is_measured(*used));
        let measured: Vec<bool> = measured.collect();
        let guessed = |amounts: &[f32]| -> Vec<f32> {
            amounts.iter().zip(&measured).map(|(amount, known)| if *known { 0.0 } else { *amount }).collect()
        };
        for (view, &seen) in seen.iter().enumerate().filter(|(_, seen)| seen.is_finite()) {
            let changes: Vec<f32> =
                effects.iter().zip(&before).map(|(now, before)| (now[view] - before[view]).abs()).collect();
            let present: Vec<f32> = effects.iter().map(|now| now[view]).collect();
            let seen = seen.max(LEAST_SEEN).powi(2);
            let surprise = seen - present.iter().sum::<f32>();
            let is_much = |amounts: &Vec<f32>| amounts.iter().sum::<f32>() >= LEAST_CHANGE * seen;
            if !is_much(&changes) {
                continue;
            }
            let unmeasured = [guessed(&changes), guessed(&present)].into_iter().find(is_much);
            let blamed = unmeasured.filter(|_| surprise > FAR_OFF * seen).unwrap_or(changes);
            let all: f32 = blamed.iter().sum();
            for (now, blame) in effects.iter_mut().zip(blamed) {
                now[view] = (now[view] + surprise * blame / all).max(LEAST_EFFECT * now[view]);
            }
        }
        let before_and_now = before.into_iter().zip(effects).zip(used);
        for (group, ((before, now), used)) in self.groups.iter_mut().zip(before_and_now) {
            if now != before && used > LEAST_USED {
                group.add(used, now);
            }
        }
    }

    /// What should be seen of each group at shares, in each view.
    fn effects(&self, shares: &Shares, estimate: &dyn Estimate) -> Vec<Vec<f32>> {
        let of = |group: &Weighed| group.point(group.part.share(shares), estimate).effect;
        self.groups.iter().map(of).collect()
    }

    /// The shares to try after `last`, of which `seen` was seen, for an error of `wanted`.
    pub(super) fn next(&self, last: &Shares, wanted: f32, seen: f32, estimate: &dyn Estimate) -> Shares {
        let even = self.even(wanted, estimate);
        let curve = |group: &Weighed| -> Curve {
            let shares = group.part.shares_after(last, even, seen);
            shares.into_iter().map(|share| group.point(share, estimate)).collect()
        };
        let curves: Vec<Curve> = self.groups.iter().map(curve).collect();
        let mut best: Option<(f32, Shares)> = None;
        // What a view's errors weigh depends on the division, and the other way round.
        let mut weights = self.weights(&self.sum(last, estimate), estimate);
        for _ in 0..DIVISIONS {
            let of_price = |price: f32| self.cheapest(last, price, &weights, &curves);
            // The dearer an error, the fewer there are: by bisection over the logarithm of its price in bytes.
            let (mut low, mut high) = (0.0_f32, 36.0_f32);
            for _ in 0..40 {
                let price = f32::midpoint(low, high);
                if self.error(&of_price(price.exp2()), estimate) > wanted {
                    low = price
                } else {
                    high = price
                }
            }
            let shares = self.filled(of_price(high.exp2()), (wanted, estimate), &curves);
            let found = self.weights(&self.sum(&shares, estimate), estimate);
            weights.iter_mut().zip(found).for_each(|(weight, found)| *weight = f32::midpoint(*weight, found));
            let bytes = self.bytes(&shares, estimate);
            if best.as_ref().is_none_or(|(least, _)| bytes < *least) {
                best = Some((bytes, shares));
            }
        }
        best.map_or_else(|| last.clone(), |(_, shares)| shares)
    }

    /// The shares to try after `last` that should take no more than so many bytes, and of which least should be seen; `seen` was seen
    /// of the last.
    pub(super) fn next_of_bytes(
        &self,
        last: &Shares,
        bytes: f32,
        seen: f32,
        estimate: &dyn Estimate,
    ) -> Shares {
        let now = self.error(last, estimate).max(LEAST_PRICE).log2();
        let mut best = last.clone();
        // By bisection over the logarithm of what is seen: the less, the more bytes.
        let (mut low, mut high) = (now - WIDEST_LOOK, now + WIDEST_LOOK);
        for _ in 0..LOOKS {
            let wanted = f32::midpoint(low, high);
            let next = self.next(last, wanted.exp2(), seen, estimate);
            if self.bytes(&next, estimate) <= bytes {
                (high, best) = (wanted, next);
            } else {
                low = wanted;
            }
        }
        best
    }

    /// What a little more in each view adds to all that is seen.
    fn weights(&self, seen: &[f32], estimate: &dyn Estimate) -> Vec<f32> {
        let now = together(estimate, seen);
        let step = LITTLE * seen.iter().copied().fold(LEAST_SEEN.powi(2), f32::max);
        let more = |view: usize| {
            let mut more = seen.to_vec();
            more[view] += step;
            ((together(estimate, &more) - now) / step).max(0.0)
        };
        (0..seen.len()).map(more).collect()
    }

    /// The same share of all images of which alone this much should be seen, if all of it were used.
    fn even(&self, wanted: f32, estimate: &dyn Estimate) -> f32 {
        let others = [Part::Surface, Part::Numbers];
        let images = || self.groups.iter().filter(|group| !others.contains(&group.part));
        let (mut low, mut high) = (-16.0_f32, 16.0_f32);
        for _ in 0..40 {
            let share = f32::midpoint(low, high);
            let effects = images().map(|group| group.effect(share.exp2()));
            if together(estimate, &summed(effects)) > wanted { high = share } else { low = share }
        }
        low.exp2().min(LARGEST_EVEN)
    }

    /// A part with images that alone should save so many bytes (`worth`) at a larger share, of which no more should be seen than
    /// there is `room`, and the shares with that one: the one that saves most for what is seen of it, but for those that `failed`.
    pub(super) fn leap(
        &self,
        from: &Shares,
        (worth, room): (f32, f32),
        failed: &[Part],
        estimate: &dyn Estimate,
    ) -> Option<(Part, Shares)> {
        let seen = self.sum(from, estimate);
        let leap = |group: &Weighed| {
            let now = group.point(group.part.share(from), estimate);
            let gain = |next: Point| {
                let saved = now.bytes - next.bytes;
                let price = together(estimate, &exchanged(&seen, &now, &next)) - together(estimate, &seen);
                (saved >= worth && price <= room).then(|| (saved / price.max(LEAST_PRICE), next.share))
            };
            let larger = group.along(now.share, LONGEST_IMAGE_STEP, estimate);
            let (gain, share) = larger.filter_map(gain).max_by(|a, b| a.0.total_cmp(&b.0))?;
            Some((gain, group.part.changed(from, share)))
        };
        let images = self.parts_but(failed).filter(|group| group.part != Part::Surface);
        let leaps = images.filter_map(leap);
        leaps.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, leap)| leap)
    }

    /// The part that is cheapest to take so much from that `less` is seen of it, but for those that `failed`, and the shares with
    /// less of it.
    pub(super) fn repair(
        &self,
        from: &Shares,
        less: f32,
        failed: &[Part],
        estimate: &dyn Estimate,
    ) -> Option<(Part, Shares)> {
        let seen = self.sum(from, estimate);
        let repair = |group: &Weighed| {
            let now = group.point(group.part.share(from), estimate);
            let is_enough = |next: &Point| {
                together(estimate, &seen) - together(estimate, &exchanged(&seen, &now, next)) >= less
            };
            let next = group.along(now.share, LEAST_KEPT, estimate).find(is_enough)?;
            Some((next.bytes - now.bytes, group.part.changed(from, next.share)))
        };
        let repairs = self.parts_but(failed).filter_map(repair);
        repairs.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, repair)| repair)
    }

    /// The groups whose share may be anything, and that are none of these.
    fn parts_but(&self, failed: &[Part]) -> impl Iterator<Item = &Weighed> {
        let is_stepless = |part: &Part| matches!(part, Part::Images(_) | Part::Surface);
        self.groups.iter().filter(move |group| is_stepless(&group.part) && !failed.contains(&group.part))
    }

    /// Gives what is left of `wanted` to the part that saves most by it, again and again: shares come in steps.
    fn filled(
        &self,
        mut shares: Shares,
        (wanted, estimate): (f32, &dyn Estimate),
        curves: &[Curve],
    ) -> Shares {
        loop {
            let seen = self.sum(&shares, estimate);
            let saving = |(group, curve): (&Weighed, &Curve)| {
                let now = group.part.share(&shares);
                let now = curve.iter().find(|point| point.share == now)?;
                let larger = curve.iter().filter(|next| next.share > now.share && next.bytes < now.bytes);
                let fits = |next: &&Point| together(estimate, &exchanged(&seen, now, next)) <= wanted;
                let best = larger.filter(fits).min_by(|a, b| a.bytes.total_cmp(&b.bytes))?;
                Some((group.part.clone(), best.share, now.bytes - best.bytes))
            };
            let savings = self.groups.iter().zip(curves).filter_map(saving);
            let Some((part, share, _)) = savings.max_by(|a, b| a.2.total_cmp(&b.2)) else { return shares };
            part.set(&mut shares, share);
        }
    }

    /// The shares at which bytes and errors together cost least.
    fn cheapest(&self, last: &Shares, price: f32, weights: &[f32], curves: &[Curve]) -> Shares {
        let mut shares = last.clone();
        for (group, curve) in self.groups.iter().zip(curves) {
            let cost = |point: &Point| {
                let weighed = point.effect.iter().zip(weights).map(|(effect, weight)| effect * weight);
                point.bytes + price * weighed.sum::<f32>()
            };
            let costs = curve.iter().map(|point| (cost(point), point.share));
            if let Some((_, best)) = costs.min_by(|a, b| a.0.total_cmp(&b.0)) {
                group.part.set(&mut shares, best);
            }
        }
        shares
    }

    /// What should be seen of shares, in the unit of [`Attempt::part`](super::Attempt::part).
    pub(super) fn error(&self, shares: &Shares, estimate: &dyn Estimate) -> f32 {
        together(estimate, &self.sum(shares, estimate))
    }

    /// The square of that in each view.
    fn sum(&self, shares: &Shares, estimate: &dyn Estimate) -> Vec<f32> {
        summed(self.effects(shares, estimate).into_iter())
    }

    /// What all parts should take.
    pub(super) fn bytes(&self, shares: &Shares, estimate: &dyn Estimate) -> f32 {
        let of = |group: &Weighed| estimate.cost(&group.part, group.part.share(shares)).bytes;
        self.groups.iter().map(of).sum()
    }
}

/// What is seen in all views together, by the squares of what is seen in each.
fn together(estimate: &dyn Estimate, squares: &[f32]) -> f32 {
    let seen: Vec<f32> = squares.iter().map(|square| square.max(0.0).sqrt()).collect();
    estimate.pressure(&seen)
}

fn summed(effects: impl Iterator<Item = Vec<f32>>) -> Vec<f32> {
    let add = |mut sum: Vec<f32>, effect: Vec<f32>| {
        sum.resize(effect.len(), 0.0);
        sum.iter_mut().zip(effect).for_each(|(sum, effect)| *sum += effect);
        sum
    };
    effects.fold(Vec::new(), add)
}

/// What should be seen with another point of a group.
fn exchanged(seen: &[f32], now: &Point, next: &Point) -> Vec<f32> {
    let changes = now.effect.iter().zip(&next.effect).map(|(now, next)| next - now);
    seen.iter().zip(changes).map(|(seen, change)| (seen + change).max(0.0)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::part::Cost;
    use super::super::tests::Told;
    use super::*;

    fn image(at: usize) -> Part {
        Part::Images(vec![at])
    }

    #[test]
    fn what_is_nearly_right_is_mended_where_that_is_cheapest() {
        let groups = [0.5, 0.4, 0.02].into_iter().enumerate();
        let groups = groups.map(|(at, effect)| Group { part: image(at), effect: vec![effect] }).collect();
        let from = Shares::even(1.0, 3);
        let told = Told(|part: &Part, share: f32| match part {
            Part::Images(images) => [100_000.0, 20_000.0, 10.0][images[0]] / share,
            _ => 0.0,
        });
        let mut balance = Balance::default();
        balance.add(groups, &[1.04], &from, &told);
        let repair = |failed: &[Part]| balance.repair(&from, 0.07, failed, &told);
        let (part, shares) = repair(&[]).unwrap();
        assert_eq!(part, image(1), "the third is cheaper, and has not so much to give");
        assert_eq!((shares.images[0], shares.images[2]), (1.0, 1.0));
        let error = balance.error(&shares, &told);
        assert!(error <= 0.97, "{error}");
        assert_eq!(repair(&[image(1)]).unwrap().0, image(0));
        assert_eq!(repair(&[image(1), image(0)]), None);
    }

    /// Of a shoe's variants one showed too much, whatever the others looked like: all images but its own paid for it.
    #[test]
    fn regression_the_image_of_the_view_that_shows_too_much_gets_less() {
        let groups = (0..2).map(|at| {
            let effect = if at == 0 { vec![0.9, 0.0] } else { vec![0.0, 1.3] };
            Group { part: image(at), effect }
        });
        let even = Shares::even(1.0, 2);
        let told = Told(|_: &Part, share: f32| 1000.0 / share);
        let mut balance = Balance::default();
        balance.add(groups.collect(), &[0.9, 1.3], &even, &told);
        let next = balance.next(&even, 0.97, 1.3, &told);
        assert!(next.images[0] >= 0.95 && next.images[1] < 0.8, "{next:?}");
        assert!(balance.error(&next, &told) <= 0.97);
    }

    #[test]
    fn what_was_not_expected_is_put_down_to_what_has_changed() {
        let told = Told(|_: &Part, share: f32| 1000.0 / share);
        let mut balance = Balance::default();
        let groups = (0..2).map(|at| Group { part: image(at), effect: vec![0.4] }).collect();
        let even = Shares::even(1.0, 2);
        balance.add(groups, &[0.8], &even, &told);
        let mut other = even.clone();
        other.images[1] = 2.0;
        balance.learn(&other, &even, &[1.6], &told);
        assert!((balance.error(&other, &told) - 1.6).abs() < 1e-3);
        assert!((balance.error(&even, &told) - 0.8).abs() < 1e-3);
        other.images = vec![2.0, 1.0];
        assert!(balance.error(&other, &told) < 1.2, "the first is as it was taken to be");
    }

    /// A controller's texture was stored without loss at first. What was seen of a lossy one was put down to the surface, which
    /// got finer and finer, while the texture stayed.
    #[test]
    fn regression_what_is_seen_of_an_image_is_not_put_down_to_what_was_looked_at() {
        /// Without loss up to a share of 1.
        struct Flat;
        impl Estimate for Flat {
            fn cost(&self, part: &Part, share: f32) -> Cost {
                let is_lossless = *part == image(0) && share <= 1.0;
                Cost { bytes: 1000.0 / share, used: if is_lossless { 0.0 } else { share } }
            }

            fn pressure(&self, seen: &[f32]) -> f32 {
                seen[0]
            }

            fn usual(&self) -> Vec<f32> {
                vec![0.5]
            }
        }
        let mut balance = Balance::default();
        let part = |part| Group { part, effect: vec![1e-5] };
        let even = Shares::even(1.0, 1);
        balance.add(vec![part(image(0)), part(Part::Surface)], &[1e-5], &even, &Flat);
        let next = balance.next(&even, 0.97, 1e-5, &Flat);
        assert!((1.5..3.0).contains(&next.images[0]), "what is usual would show too much soon: {next:?}");
        balance.learn(&next, &even, &[2.0], &Flat);
        let next = balance.next(&next, 0.97, 2.0, &Flat);
        assert!(next.images[0] < 1.5 && next.surface >= 1.0, "{next:?}");
    }

    /// A surface that was three times as coarse was taken for rounding, which then got finer and finer.
    #[test]
    fn what_was_measured_is_not_blamed() {
        let told = Told(|_: &Part, share: f32| 1000.0 / share);
        let mut balance = Balance::default();
        let groups = (0..2).map(|at| Group { part: image(at), effect: vec![0.4] }).collect();
        let even = Shares::even(1.0, 2);
        balance.add(groups, &[0.8], &even, &told);
        let both = Shares { images: vec![2.0, 3.0], ..even.clone() };
        balance.learn(&both, &even, &[2.4], &told);
        let first = Shares { images: vec![2.0, 1.0], ..even.clone() };
        balance.learn(&first, &both, &[2.3], &told);
        assert!((balance.error(&first, &told) - 2.3).abs() < 1e-2);
        assert!((balance.error(&even, &told) - 0.8).abs() < 1e-3, "what was measured stays");
        let finer = Shares { images: vec![2.0, 0.5], ..even.clone() };
        assert!(balance.error(&finer, &told) > 2.2, "less of the second does not help");
    }
}
