//! Image and mesh codecs: small safe functions over slices, and the only place where `unsafe` is allowed.
//!
//! Nothing in here knows glTF, reads a file or decides a quality: passes choose, codecs obey. Every input may be
//! hostile, so sizes are checked before memory is taken and every failure is a [`CodecError`], never a panic.
//! The same input gives the same bytes on any number of threads.
//!
//! | module | library | why this one |
//! |---|---|---|
//! | [`image_file`] | `image` (png, zune-jpeg) | pure Rust readers that are fuzzed; own header parsers, to know sizes first |
//! | [`avif`] | `libaom-sys` | the reference encoder: seven times faster than rav1e at equal size and quality |
//! | [`webp`] | `libwebp-sys` | the reference encoder with all its options; the `webp` crate carries an old one |
//! | [`jpeg`] | `mozjpeg` | trellis quantisation, and 4:4:4, which WebP does not have |
//! | [`ktx2`] | `basisu`, `basisu_c_sys` | a pure Rust reader, equal to the reference; Basis Universal's own encoder |
//! | [`png`] | `oxipng` | lossless palette and bit depth reductions |
//! | [`resize`] | `fast_image_resize` | integer arithmetic: the same result on every processor |
//! | [`difference`] | none | error measures, to choose a quality by what it does |
//! | [`meshopt`] | `meshopt` | meshoptimizer: reordering, and the codec behind EXT_meshopt_compression |

pub mod avif;
pub mod difference;
mod headers;
pub mod image_file;
pub mod jpeg;
pub mod ktx2;
pub mod meshopt;
pub mod pixels;
pub mod png;
pub mod resize;
pub mod webp;

pub use pixels::Pixels;

/// Why a codec gave no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// Refused from the header alone, before any pixel was decoded.
    #[error(
        "the image is {width} x {height} pixels, more than the limit of {max_pixels} pixels in all; make it smaller or raise the limit"
    )]
    TooManyPixels {
        /// Width in pixels, as the header says.
        width: u32,
        /// Height in pixels, as the header says.
        height: u32,
        /// The limit that was in force.
        max_pixels: u64,
    },
    /// The bytes do not hold what they claim to hold.
    #[error("the {format} bytes cannot be decoded: {reason}; export the file again from its source")]
    Damaged {
        /// The format, as people call it.
        format: &'static str,
        /// What was found.
        reason: String,
    },
    /// Valid, but not something that we read.
    #[error("{format} images of this kind cannot be read: {reason}")]
    Unsupported {
        /// The format, as people call it.
        format: &'static str,
        /// What is not supported, and what to do instead.
        reason: String,
    },
    /// The encoder refused.
    #[error("{format} cannot hold this: {reason}")]
    Encode {
        /// The format, as people call it.
        format: &'static str,
        /// The encoder's limit that was passed.
        reason: String,
    },
    /// The arguments do not fit each other: an index past the end, an impossible stride.
    #[error("{operation} cannot work on this: {reason}")]
    Input {
        /// The function that refused.
        operation: &'static str,
        /// What does not fit.
        reason: String,
    },
}

impl CodecError {
    fn damaged(format: &'static str, reason: impl ToString) -> Self {
        Self::Damaged { format, reason: reason.to_string() }
    }

    fn encode(format: &'static str, reason: impl ToString) -> Self {
        Self::Encode { format, reason: reason.to_string() }
    }

    fn input(operation: &'static str, reason: impl ToString) -> Self {
        Self::Input { operation, reason: reason.to_string() }
    }
}

/// Runs third-party code that may panic on unlucky input; a panic becomes `on_panic`.
///
/// mozjpeg reports its errors by unwinding, and the pure Rust readers index into buffers that a hostile
/// file describes.
fn contain<T>(on_panic: CodecError, work: impl FnOnce() -> Result<T, CodecError>) -> Result<T, CodecError> {
    // Nothing outlives the closure half-changed: codecs own their state, and it is dropped by the unwinding.
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).unwrap_or(Err(on_panic))
}
