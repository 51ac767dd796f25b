//! What was encoded of an image before. The passes are repeated with other shares of the budget ([`super::super::Memo`]),
//! and ask for many of the same files again: encoding them is nearly all the time that a job takes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::optimize::codecs::CodecError;
use crate::optimize::codecs::image_file::Format;

/// Everything that decides the bytes of an encoded image, besides the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Try {
    pub(super) size: (u32, u32),
    pub(super) format: Format,
    pub(super) quality: u8,
    pub(super) speed: u8,
}

struct Made {
    bytes: Arc<Vec<u8>>,
    error: Option<f32>,
}

/// The tries at one image.
#[derive(Default)]
pub(super) struct Tries {
    made: BTreeMap<Try, Made>,
    resized: BTreeMap<(u32, u32), f32>,
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

    /// The error of the image in another size, measured unless it was before.
    pub(super) fn size_error(
        &mut self,
        size: (u32, u32),
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

/// The tries at every image of a document, by its index.
#[derive(Default)]
pub(in super::super) struct AllTries(Mutex<BTreeMap<usize, Tries>>);

impl AllTries {
    /// Works with the tries at one image; two workers never ask for the same one at once.
    pub(super) fn with<R>(&self, image: usize, work: impl FnOnce(&mut Tries) -> R) -> R {
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
