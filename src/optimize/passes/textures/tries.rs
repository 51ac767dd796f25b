//! What was encoded of an image before. The passes are repeated with other shares of the budget ([`super::super::Memo`]),
//! and ask for many of the same files again: encoding them is nearly all the time that a job takes.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::coverage::Coverage;
use crate::optimize::codecs::CodecError;
use crate::optimize::codecs::image_file::Format;
use crate::optimize::search::Cost;

/// Width and height, in pixels.
type Size = (u32, u32);

/// A coder, and how it is told to work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Coder {
    pub(super) format: Format,
    /// Of AVIF; 0 for others.
    pub(super) speed: u8,
    /// Whether red, green and blue of a colour are planes by themselves, of AVIF.
    pub(super) is_apart: bool,
}

impl Coder {
    /// One with nothing to be told.
    pub(super) fn of(format: Format) -> Self {
        Self { format, speed: 0, is_apart: false }
    }
}

/// Everything that decides the bytes of an encoded image, besides the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Try {
    pub(super) size: Size,
    pub(super) coder: Coder,
    /// 0 to 100, in the terms of the format; `None` without loss.
    pub(super) quality: Option<u8>,
}

struct Made {
    bytes: Arc<Vec<u8>>,
    error: Option<f32>,
}

/// A lossy try, for guesses at others.
pub(super) struct Known {
    pub(super) quality: u8,
    pub(super) bytes: f32,
    /// `None` where nobody has asked for it.
    pub(super) error: Option<f32>,
}

/// Outside of what was tried, bytes are taken to fall with the error by these exponents: on the side of few errors and on
/// the side of many.
const FALL: [f32; 2] = [1.5, 0.75];

/// Errors below this are none.
const NONE: f32 = 1e-4;

/// What is smaller by less than this factor is as large.
const MUCH_SMALLER: f32 = 1.03;

/// Bytes double with so much more quality, about, and grow with the pixels by this exponent.
const DOUBLING: f32 = 14.0;
const GROWTH_WITH_PIXELS: f32 = 0.65;

/// The tries at one image.
#[derive(Default)]
pub(in super::super) struct Tries {
    /// Size of what is encoded: the image, or less of it where a preset allows no more.
    source: Size,
    made: BTreeMap<Try, Made>,
    resized: BTreeMap<Size, f32>,
    /// Goals, with the bytes of the smallest file within each.
    asked: Vec<(f32, f32)>,
    /// Which texels are shown, once that was asked for; and whether the image is smaller with the others painted over.
    coverage: OnceCell<Option<Arc<Coverage>>>,
    is_smaller_filled: Option<bool>,
    /// Bytes of the image's own file, and of those that are small enough to take its place.
    own: Option<(f32, f32)>,
}

impl Tries {
    /// Forgets what was tried of a source of another size: its errors were others.
    pub(super) fn begin(&mut self, source: Size) {
        if self.source != source {
            let coverage = std::mem::take(&mut self.coverage);
            *self = Self { source, coverage, ..Self::default() };
        }
    }

    /// Which texels are shown, found out at the first call.
    pub(super) fn coverage(&self, of: impl FnOnce() -> Option<Coverage>) -> Option<Arc<Coverage>> {
        self.coverage.get_or_init(|| of().map(Arc::new)).clone()
    }

    /// Whether the image may be smaller with what nobody sees painted over: it was not found out that it is not.
    pub(super) fn may_be_filled(&self) -> bool {
        self.is_smaller_filled.unwrap_or(true)
    }

    /// Whether the image is smaller with what nobody sees painted over, found out unless it was before.
    pub(super) fn is_smaller_filled(
        &mut self,
        of: impl FnOnce() -> Result<bool, CodecError>,
    ) -> Result<bool, CodecError> {
        if let Some(known) = self.is_smaller_filled {
            return Ok(known);
        }
        Ok(*self.is_smaller_filled.insert(of()?))
    }

    /// The file of a try, encoded unless it was before.
    pub(super) fn bytes(
        &mut self,
        key: Try,
        encode: impl FnOnce() -> Result<Vec<u8>, CodecError>,
    ) -> Result<Arc<Vec<u8>>, CodecError> {
        if let Some(made) = self.made.get(&key) {
            return Ok(made.bytes.clone());
        }
        let bytes = Arc::new(encode()?);
        self.made.insert(key, Made { bytes: bytes.clone(), error: None });
        Ok(bytes)
    }

    /// The error of a try that [`Self::bytes`] has given, measured unless it was before.
    pub(super) fn error(
        &mut self,
        key: Try,
        measure: impl FnOnce(&[u8]) -> Result<f32, CodecError>,
    ) -> Result<f32, CodecError> {
        let Some(made) = self.made.get_mut(&key) else { return Ok(f32::INFINITY) };
        if let Some(error) = made.error {
            return Ok(error);
        }
        let error = measure(&made.bytes)?;
        made.error = Some(error);
        Ok(error)
    }

    /// The smallest of all tries with at most this error.
    pub(super) fn smallest(&self, error: f32) -> Option<(Try, Arc<Vec<u8>>)> {
        let is_within = |made: &Made| made.error.is_some_and(|found| found <= error);
        let within = self.made.iter().filter(|(_, made)| is_within(made));
        let (key, made) = within.min_by_key(|(_, made)| made.bytes.len())?;
        Some((*key, made.bytes.clone()))
    }

    /// The lossy tries at a size, by their quality.
    pub(super) fn known(&self, size: Size, coder: Coder) -> Vec<Known> {
        self.lossy(coder).filter(|(at, _)| *at == size).map(|(_, known)| known).collect()
    }

    /// The bytes that a lossy try should take, by those at this size or, where there are none, at the nearest; `None` where
    /// nothing is known at all.
    pub(super) fn expected_bytes(&self, key: Try) -> Option<f32> {
        let pixels = |(width, height): Size| (width as f32 * height as f32).ln();
        let distance = |size: Size| (pixels(size) - pixels(key.size)).abs();
        let tried = || self.lossy(key.coder);
        let (nearest, _) = tried().min_by(|a, b| distance(a.0).total_cmp(&distance(b.0)))?;
        let known = self.known(nearest, key.coder);
        let quality = f32::from(key.quality?);
        let above = known.iter().find(|known| f32::from(known.quality) >= quality);
        let below = known.iter().rfind(|known| f32::from(known.quality) <= quality);
        let beyond = |known: &Known| {
            known.bytes.ln() + (quality - f32::from(known.quality)) / DOUBLING * std::f32::consts::LN_2
        };
        let here = match (below, above) {
            (Some(low), Some(high)) if high.quality > low.quality => {
                let way = (quality - f32::from(low.quality)) / f32::from(high.quality - low.quality);
                low.bytes.ln() * (1.0 - way) + high.bytes.ln() * way
            }
            (Some(one), _) | (None, Some(one)) => beyond(one),
            (None, None) => return None,
        };
        Some((here + GROWTH_WITH_PIXELS * (pixels(key.size) - pixels(nearest))).exp())
    }

    fn lossy(&self, coder: Coder) -> impl Iterator<Item = (Size, Known)> + '_ {
        let known = move |(key, made): (&Try, &Made)| {
            let quality = key.quality.filter(|_| key.coder == coder)?;
            Some((key.size, Known { quality, bytes: made.bytes.len() as f32, error: made.error }))
        };
        self.made.iter().filter_map(known)
    }

    /// The error of the image in another size, measured unless it was before.
    pub(super) fn size_error(
        &mut self,
        size: Size,
        measure: impl FnOnce() -> Result<f32, CodecError>,
    ) -> Result<f32, CodecError> {
        if let Some(&error) = self.resized.get(&size) {
            return Ok(error);
        }
        let error = measure()?;
        self.resized.insert(size, error);
        Ok(error)
    }

    /// Notes the bytes of the image's own file, and the part of them below which another takes its place.
    pub(super) fn beside(&mut self, own: usize, part: f64) {
        self.own = Some((own as f32, own as f32 * part as f32));
    }

    /// Notes what came of a goal, the largest error that was allowed.
    pub(super) fn remember(&mut self, goal: f32) {
        if let Some((_, bytes)) = self.smallest(goal) {
            self.asked.push((goal, bytes.len() as f32));
        }
    }

    /// What the image should take, and the error it should have, where so much (`goal`) is allowed: those of its own file where
    /// nothing is much smaller.
    pub(in super::super) fn at(&self, goal: f32) -> Cost {
        let of_tries = self.of_tries(goal);
        match self.own {
            Some((own, enough)) if of_tries.bytes >= enough => Cost { bytes: own, used: NONE },
            _ => of_tries,
        }
    }

    /// The same of a new file: that of the smallest try within the goal if there is nothing smaller to be found, or something
    /// between that and the next. Nothing without any.
    fn of_tries(&self, goal: f32) -> Cost {
        let measured = self.made.values().filter_map(|made| Some((made.error?, made.bytes.len() as f32)));
        let mut tried: Vec<(f32, f32)> = measured.map(|(error, bytes)| (error.max(NONE), bytes)).collect();
        tried.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        // Only what takes fewer bytes than all that is better.
        let mut least = f32::INFINITY;
        tried.retain(|&(_, bytes)| {
            let is_less = bytes < least;
            least = least.min(bytes);
            is_less
        });
        let beyond = |(near, bytes): (f32, f32)| bytes * (goal / near).powf(-FALL[usize::from(goal > near)]);
        let above = tried.partition_point(|&(error, _)| error <= goal);
        let guess = |bytes| Cost { bytes, used: goal };
        match (above.checked_sub(1).map(|below| tried[below]), tried.get(above)) {
            (None, None) => Cost::default(),
            (None, Some(&end)) => guess(beyond(end)),
            (Some((used, bytes)), _) if self.nothing_is_below(goal, bytes) => Cost { bytes, used },
            // What is as good as without loss says nothing of what is worse.
            (Some((used, bytes)), None) if used <= NONE => Cost { bytes, used },
            (Some(end), None) => guess(beyond(end)),
            (Some((low, more)), Some(&(high, fewer))) => {
                let part = (goal / low).ln() / (high / low).ln();
                guess(more * (fewer / more).powf(part))
            }
        }
    }

    /// Whether nothing much smaller than this was found even where as much was allowed, or more.
    fn nothing_is_below(&self, goal: f32, bytes: f32) -> bool {
        let as_large = self.asked.iter().filter(|(asked, _)| *asked >= goal);
        as_large.map(|(_, found)| *found).fold(0.0, f32::max) * MUCH_SMALLER >= bytes
    }
}

/// The tries at every image of a document, by its index.
#[derive(Default)]
pub(in super::super) struct AllTries(Mutex<BTreeMap<usize, Tries>>);

impl AllTries {
    /// Works with the tries at one image; two workers never ask for the same one at once.
    pub(in super::super) fn with<R>(&self, image: usize, work: impl FnOnce(&mut Tries) -> R) -> R {
        let all = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut tries = all().remove(&image).unwrap_or_default();
        let result = work(&mut tries);
        all().insert(image, tries);
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_of_another_source_are_forgotten() {
        let mut tries = Tries::default();
        let key = Try { size: (4, 4), coder: Coder::of(Format::Avif), quality: Some(60) };
        for (source, known) in [((8, 8), 0), ((8, 8), 1), ((16, 16), 0)] {
            tries.begin(source);
            assert_eq!(tries.known((4, 4), key.coder).len(), known, "{source:?}");
            tries.bytes(key, || Ok(vec![0; 9])).unwrap();
        }
    }

    #[test]
    fn nothing_is_encoded_or_measured_twice() {
        let all = AllTries::default();
        let key = Try { size: (4, 4), coder: Coder::of(Format::Avif), quality: Some(60) };
        let mut encoded = 0;
        let mut measured = 0;
        for _ in 0..3 {
            all.with(7, |tries| {
                let bytes = tries.bytes(key, || {
                    encoded += 1;
                    Ok(vec![1, 2, 3])
                });
                assert_eq!(*bytes.unwrap(), [1, 2, 3]);
                let error = tries.error(key, |bytes| {
                    measured += bytes.len();
                    Ok(0.5)
                });
                assert_eq!(error, Ok(0.5));
            });
        }
        assert_eq!((encoded, measured), (1, 3));
    }
}
