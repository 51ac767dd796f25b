//! What was encoded of an image before. The passes are repeated with other shares of the budget ([`super::super::Memo`]),
//! and ask for many of the same files again: encoding them is nearly all the time that a job takes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::optimize::codecs::CodecError;
use crate::optimize::codecs::image_file::Format;

/// Width and height, in pixels.
type Size = (u32, u32);

/// Everything that decides the bytes of an encoded image, besides the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Try {
    pub(super) size: Size,
    pub(super) format: Format,
    pub(super) quality: u8,
    pub(super) speed: u8,
}

struct Made {
    bytes: Arc<Vec<u8>>,
    error: Option<f32>,
}

/// Outside of what was tried, bytes are taken to fall with the error by these exponents: on the side of few errors and on
/// the side of many.
const FALL: [f32; 2] = [1.5, 0.75];

/// Errors below this are none.
const NONE: f32 = 1e-4;

/// The tries at one image.
#[derive(Default)]
pub(in super::super) struct Tries {
    made: BTreeMap<Try, Made>,
    /// The same without loss.
    lossless: BTreeMap<(Size, Format), Arc<Vec<u8>>>,
    resized: BTreeMap<Size, f32>,
}

impl Tries {
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

    /// The file without loss, encoded unless it was before.
    pub(super) fn lossless(
        &mut self,
        size: Size,
        format: Format,
        encode: impl FnOnce() -> Result<Vec<u8>, CodecError>,
    ) -> Result<Arc<Vec<u8>>, CodecError> {
        if let Some(bytes) = self.lossless.get(&(size, format)) {
            return Ok(bytes.clone());
        }
        let bytes = Arc::new(encode()?);
        self.lossless.insert((size, format), bytes.clone());
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

    /// The qualities that were tried, with their errors.
    pub(super) fn errors(
        &self,
        size: Size,
        format: Format,
        speed: u8,
    ) -> impl Iterator<Item = (u8, f32)> + '_ {
        let is_meant = move |key: &&Try| (key.size, key.format, key.speed) == (size, format, speed);
        let tried = self.made.iter().filter(move |(key, _)| is_meant(key));
        tried.filter_map(|(key, made)| Some((key.quality, made.error?)))
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
}

impl Tries {
    /// The bytes that the image should take with an error: between those of the tries next to it, and no more than without
    /// loss. 0 without any.
    pub(in super::super) fn bytes_at(&self, error: f32) -> f32 {
        let lossy = self.made.values().filter_map(|made| Some((made.error?, made.bytes.len() as f32)));
        // Without loss, but perhaps smaller than the original is.
        let lossless = self.lossless.iter().map(|((size, _), bytes)| {
            (self.resized.get(size).copied().unwrap_or_default(), bytes.len() as f32)
        });
        let (exact, mut tried): (Vec<_>, Vec<_>) =
            lossy.chain(lossless).partition(|&(error, _)| error < NONE);
        let most = exact.into_iter().map(|(_, bytes)| bytes).fold(f32::INFINITY, f32::min);
        tried.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        // Only what takes fewer bytes than all that is better.
        let mut least = f32::INFINITY;
        tried.retain(|&(_, bytes)| {
            let is_less = bytes < least;
            least = least.min(bytes);
            is_less
        });
        let beyond =
            |(near, bytes): (f32, f32)| bytes * (error / near).powf(-FALL[usize::from(error > near)]);
        let above = tried.partition_point(|&(tried, _)| tried <= error);
        let bytes = match (above.checked_sub(1).map(|below| tried[below]), tried.get(above)) {
            (None, None) => most,
            (None, Some(&end)) | (Some(end), None) => beyond(end),
            (Some((low, more)), Some(&(high, fewer))) => {
                let part = (error / low).ln() / (high / low).ln();
                more * (fewer / more).powf(part)
            }
        };
        Some(bytes.min(most)).filter(|bytes| bytes.is_finite()).unwrap_or_default()
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
    fn nothing_is_encoded_or_measured_twice() {
        let all = AllTries::default();
        let key = Try { size: (4, 4), format: Format::Avif, quality: 60, speed: 8 };
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
