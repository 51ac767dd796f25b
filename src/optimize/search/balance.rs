//! How the budget is divided between the parts of a model: each image, its surface, its numbers.
//!
//! What is seen of each part's errors is measured once ([`Group::effect`]) and taken to grow with its share; what a part
//! takes at a share is guessed from all that was encoded so far. The best division is the one at which a byte more buys the
//! same anywhere.

use crate::optimize::budget::Shares;

/// What gets one share of the budget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::optimize) enum Part {
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
pub(in crate::optimize) struct Group {
    pub(in crate::optimize) part: Part,
    /// How much less different the first attempt would look with it untouched, in the unit of [`Attempt::part`](super::Attempt::part).
    pub(in crate::optimize) effect: f32,
}

/// The seen error grows slower than the share: its exponent, found by trying, and that of numbers.
pub(in crate::optimize) const GROWTH: f32 = 0.75;
const GROWTH_OF_NUMBERS: f32 = 1.0;
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
/// The least part of its share that a part keeps where an attempt is mended.
const LEAST_KEPT: f32 = 0.1;
/// Steps of a share that are weighed, to each side.
const STEPS: i16 = 16;
/// The least effect that a group is taken to have, as a part of what is seen: what no view shows may still be looked at.
const LEAST_EFFECT: f32 = 0.01;

/// How the budget is divided between groups.
pub(super) struct Balance {
    groups: Vec<Group>,
}

/// A group's shares that may be tried next, with the bytes that they should take.
type Curve = Vec<(f32, f32)>;

impl Balance {
    /// `part` was seen in an attempt with these shares. Effects add up to less than what is seen of all together, as one
    /// error hides another; what is missing is theirs in proportion.
    pub(super) fn of(mut groups: Vec<Group>, part: f32, shares: &Shares) -> Self {
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
    pub(super) fn next(
        &self,
        last: &Shares,
        wanted: f32,
        seen: f32,
        bytes: &dyn Fn(&Part, f32) -> f32,
    ) -> Shares {
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

    /// A part with images that alone should save so many bytes (`worth`) at a larger share, and the shares with that one: the
    /// one that saves most for what is seen of it. The share is a guess; where that has `failed`, one at which an attempt has
    /// saved as much (`tried`: the shares of those that showed too much), and where that has failed too, none.
    pub(super) fn leap(
        &self,
        from: &Shares,
        worth: f32,
        (failed, tried): (&[Part], &[Shares]),
        bytes: &dyn Fn(&Part, f32) -> f32,
    ) -> Option<(Part, Shares)> {
        let leap = |group: &Group| {
            let now = group.part.share(from);
            let taken = bytes(&group.part, now);
            let larger =
                (1..=STEPS).map(|step| now * LONGEST_IMAGE_STEP.powf(f32::from(step) / f32::from(STEPS)));
            let price = |share: f32| group.effect * (group.part.growth(share) - group.part.growth(now));
            let gain = |share: f32| {
                let saved = taken - bytes(&group.part, share);
                (share > now && saved >= worth).then(|| (saved / price(share), share))
            };
            let known = tried.iter().filter_map(|shares| gain(group.part.share(shares)));
            let (gain, share) = match failed.iter().filter(|part| **part == group.part).count() {
                0 => larger.filter_map(gain).max_by(|a, b| a.0.total_cmp(&b.0))?,
                1 => known.min_by(|a, b| a.1.total_cmp(&b.1))?,
                _ => return None,
            };
            Some((gain, group.part.clone(), share))
        };
        let may = |group: &&Group| matches!(group.part, Part::Images(_));
        let leaps = self.groups.iter().filter(may).filter_map(leap);
        let (_, part, share) = leaps.max_by(|a, b| a.0.total_cmp(&b.0))?;
        let mut shares = from.clone();
        part.set(&mut shares, share);
        Some((part, shares))
    }

    /// The part that is cheapest to take so much from that `less` is seen of it, but for those that `failed`, and the shares with
    /// less of it.
    pub(super) fn repair(
        &self,
        from: &Shares,
        less: f32,
        failed: &[Part],
        bytes: &dyn Fn(&Part, f32) -> f32,
    ) -> Option<(Part, Shares)> {
        let repair = |group: &Group| {
            let now = group.part.share(from);
            let seen = |share: f32| group.effect * group.part.growth(share);
            let mut smaller =
                (1..=STEPS).map(|step| now * LEAST_KEPT.powf(f32::from(step) / f32::from(STEPS)));
            let share = smaller.find(|&share| seen(now) - seen(share) >= less)?;
            Some((bytes(&group.part, share) - bytes(&group.part, now), group.part.clone(), share))
        };
        let may = |group: &&Group| matches!(group.part, Part::Images(_)) && !failed.contains(&group.part);
        let repairs = self.groups.iter().filter(may).filter_map(repair);
        let (_, part, share) = repairs.min_by(|a, b| a.0.total_cmp(&b.0))?;
        let mut shares = from.clone();
        part.set(&mut shares, share);
        Some((part, shares))
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

    /// What should be seen of shares, in the unit of [`Attempt::part`](super::Attempt::part).
    pub(super) fn error(&self, shares: &Shares) -> f32 {
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

    #[test]
    fn what_is_nearly_right_is_mended_where_that_is_cheapest() {
        let image = |at: usize| Part::Images(vec![at]);
        let groups = [0.5, 0.4, 0.02].into_iter().enumerate();
        let groups = groups.map(|(at, effect)| Group { part: image(at), effect }).collect();
        let from = Shares::even(1.0, 3);
        let balance = Balance::of(groups, 1.04, &from);
        let bytes = |part: &Part, share: f32| match part {
            Part::Images(images) => [100_000.0, 20_000.0, 10.0][images[0]] / share,
            _ => 0.0,
        };
        let repair = |failed: &[Part]| balance.repair(&from, 0.07, failed, &bytes);
        let (part, shares) = repair(&[]).unwrap();
        assert_eq!(part, image(1), "the third is cheaper, and has not so much to give");
        assert_eq!((shares.images[0], shares.images[2]), (1.0, 1.0));
        assert!(balance.error(&shares) <= 0.97, "{}", balance.error(&shares));
        assert_eq!(repair(&[image(1)]).unwrap().0, image(0));
        assert_eq!(repair(&[image(1), image(0)]), None);
    }
}
