//! What gets a share of the budget, and what may be known of it beforehand.

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
    /// How much less different an attempt would look with it untouched, view by view.
    pub(in crate::optimize) effect: Vec<f32>,
}

/// What a share of a part should come to.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(in crate::optimize) struct Cost {
    pub(in crate::optimize) bytes: f32,
    /// How much of the share should be used: files come in steps.
    pub(in crate::optimize) used: f32,
}

/// What is known before an attempt is made.
pub(in crate::optimize) trait Estimate {
    /// What a share of a part should come to.
    fn cost(&self, part: &Part, share: f32) -> Cost;
    /// What is seen in all views together, as a part of what is allowed: a smooth function of all, to tell whose errors matter.
    fn pressure(&self, seen: &[f32]) -> f32;
    /// What should be seen in each view of an image whose share of 1 is used up, as long as nothing of it was looked at.
    fn usual(&self) -> Vec<f32>;
}

/// The seen error grows slower than the share: its exponent, found by trying, and that of numbers.
pub(in crate::optimize) const GROWTH: f32 = 0.75;
const GROWTH_OF_NUMBERS: f32 = 1.0;
/// What is seen of an attempt that was wrong by so little that surfaces may get more of the error next.
const NARROWLY: f32 = 1.1;
/// The largest step of all shares between two attempts, as a factor.
const LONGEST_STEP: f32 = 5.0;
/// The same of surfaces towards more errors.
const LONGEST_SURFACE_STEP: f32 = 3.0;
/// The largest step of an image's share, likewise: each has its own cliffs.
pub(super) const LONGEST_IMAGE_STEP: f32 = 4.0;
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
pub(super) const STEPS: i16 = 24;
/// With this exponent, shares next to the last are near each other and others farther apart.
const COARSER: f32 = 1.25;

impl Part {
    /// The exponent by which the square of what is seen grows with what is used, beyond what is known.
    pub(super) fn growth(&self) -> f32 {
        2.0 * if *self == Self::Numbers { GROWTH_OF_NUMBERS } else { GROWTH }
    }

    pub(super) fn share(&self, shares: &Shares) -> f32 {
        match self {
            Self::Images(images) => images.first().map_or(shares.surface, |&image| shares.of_image(image)),
            Self::All | Self::Surface => shares.surface,
            Self::Numbers => shares.numbers,
        }
    }

    pub(super) fn set(&self, shares: &mut Shares, share: f32) {
        match self {
            Self::All => *shares = Shares::even(share, shares.images.len()),
            Self::Images(images) => images.iter().for_each(|&image| shares.images[image] = share),
            Self::Surface => shares.surface = share,
            Self::Numbers => shares.numbers = share,
        }
    }

    /// Itself, and the shares with another one of it.
    pub(super) fn changed(&self, from: &Shares, share: f32) -> (Self, Shares) {
        let mut shares = from.clone();
        self.set(&mut shares, share);
        (self.clone(), shares)
    }

    /// The shares that may be tried next, not too far from the last one, of which `seen` was seen; `even` is what all
    /// would get.
    pub(super) fn shares_after(&self, last: &Shares, even: f32, seen: f32) -> Vec<f32> {
        let last = self.share(last);
        let steps = |longest: f32| {
            let step = move |step: i16| {
                let part = f32::from(step) / f32::from(STEPS);
                longest.powf(part.signum() * part.abs().powf(COARSER))
            };
            (-STEPS..=STEPS).map(move |at| last * step(at))
        };
        let most = match self {
            // Of these nothing is seen at first, and all at once much.
            Self::Surface | Self::Numbers if seen > NARROWLY => last,
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
