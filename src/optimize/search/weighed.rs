//! What is seen of a part's errors, at the shares at which it was looked at and between them.

use super::part::{Cost, Estimate, Part, STEPS};

/// Less than this is nothing to be divided by, in what is seen.
pub(super) const LEAST_SEEN: f32 = 1e-4;
/// The least effect that a part is taken to have, as a part of what is seen: what no view shows may still be looked at.
pub(super) const LEAST_EFFECT: f32 = 0.001;
/// Measured at shares within this factor, an effect replaces the one before.
const AS_MUCH: f32 = 1.05;

/// A part, and what is seen of its errors.
pub(super) struct Weighed {
    pub(super) part: Part,
    /// What was used of its share and the square of what is seen of that in each view, in rising order of both.
    seen: Vec<(f32, Vec<f32>)>,
    /// Where that was measured; elsewhere it is put down to the part.
    measured: Vec<f32>,
    /// The square of what is seen in each view where all of a share of 1 is used, as long as nothing is known of it.
    supposed: Vec<f32>,
}

/// A share of a group that may be tried next.
pub(super) struct Point {
    pub(super) share: f32,
    pub(super) bytes: f32,
    /// The square of what should be seen of it in each view.
    pub(super) effect: Vec<f32>,
}

impl Weighed {
    pub(super) fn new(part: Part) -> Self {
        Self { part, seen: Vec::new(), measured: Vec::new(), supposed: Vec::new() }
    }

    /// Whether what is seen where so much is used was measured.
    pub(super) fn is_measured(&self, used: f32) -> bool {
        self.measured.iter().any(|&other| is_as_much(other, used))
    }

    pub(super) fn point(&self, share: f32, estimate: &dyn Estimate) -> Point {
        let Cost { bytes, used } = estimate.cost(&self.part, share);
        Point { share, bytes, effect: self.effect(used) }
    }

    /// Shares from the next to `share` on to that times `factor`.
    pub(super) fn along(
        &self,
        share: f32,
        factor: f32,
        estimate: &dyn Estimate,
    ) -> impl Iterator<Item = Point> {
        let step = move |step: i16| share * factor.powf(f32::from(step) / f32::from(STEPS));
        (1..=STEPS).map(move |at| self.point(step(at), estimate))
    }

    /// Takes in what was measured in each view where so much is used: the square of what is seen.
    pub(super) fn measure(&mut self, used: f32, effect: Vec<f32>) {
        self.add(used, effect);
        self.measured.push(used);
    }

    /// Takes this for what is seen where all of a share of 1 is used, until something is known.
    pub(super) fn suppose(&mut self, effect: Vec<f32>) {
        self.supposed = effect;
    }

    /// Takes in what is put down to the part, likewise.
    pub(super) fn add(&mut self, used: f32, effect: Vec<f32>) {
        self.seen.retain(|&(other, _)| !is_as_much(other, used));
        let at = self.seen.partition_point(|(other, _)| *other < used);
        self.seen.insert(at, (used, effect));
        // What is less than was seen of less was hidden by another's errors.
        for after in 1..self.seen.len() {
            let (before, rest) = self.seen.split_at_mut(after);
            let (Some((_, less)), Some((_, more))) = (before.last(), rest.first_mut()) else { continue };
            more.iter_mut().zip(less).for_each(|(more, less)| *more = more.max(*less));
        }
    }

    /// What should be seen where so much of a share is used: between what was seen of less and of more.
    pub(super) fn effect(&self, used: f32) -> Vec<f32> {
        let grown = |near: f32, effect: &[f32]| {
            let growth = (used / near).powf(self.part.growth());
            effect.iter().map(|effect| effect * growth).collect()
        };
        let above = self.seen.partition_point(|(other, _)| *other <= used);
        match (above.checked_sub(1).map(|below| &self.seen[below]), self.seen.get(above)) {
            (None, None) => grown(1.0, &self.supposed),
            (None, Some((near, effect))) | (Some((near, effect)), None) => grown(*near, effect),
            (Some((low, less)), Some((high, more))) => {
                let way = (used / low).ln() / (high / low).ln();
                let between = |(less, more): (&f32, &f32)| {
                    let less = less.max(LEAST_EFFECT * LEAST_SEEN.powi(2));
                    less * (more.max(less) / less).powf(way)
                };
                less.iter().zip(more).map(between).collect()
            }
        }
    }
}

/// Whether what is used of a share twice is as good as the same.
fn is_as_much(one: f32, other: f32) -> bool {
    (one / other).max(other / one) <= AS_MUCH
}
