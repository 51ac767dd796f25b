//! How much a file may ask for. Checked from declared numbers, before anything is allocated for them.

use crate::optimize::Error;

/// Upper bounds for one document. The defaults are far above any model that a browser can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of JSON text.
    pub json_bytes: u64,
    /// Items in any one top-level array (nodes, accessors, ...).
    pub items: u64,
    /// Longest chain of nodes from a root to a leaf.
    pub node_depth: u64,
    /// Bytes of all accessors and other buffer data together, after decompression.
    pub decoded_bytes: u64,
    /// Vertices drawn, and animation keys played, counted again for each primitive and channel that shares
    /// them: passes work on each.
    pub repeated_elements: u64,
    /// Pixels of one image, before it is decoded.
    pub image_pixels: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            json_bytes: 256 << 20,
            items: 1_000_000,
            node_depth: 2_000,
            decoded_bytes: 2 << 30,
            repeated_elements: 1 << 29,
            image_pixels: 16_384 * 16_384,
        }
    }
}

/// What a document has already asked for, against [`Limits::decoded_bytes`].
#[derive(Debug)]
pub struct Budget {
    used: u64,
    limit: u64,
}

impl Budget {
    /// A fresh budget under `limits`.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self { used: 0, limit: limits.decoded_bytes }
    }

    /// Takes `bytes` from the budget; call it before allocating them.
    ///
    /// # Errors
    /// [`Error::Limit`] naming `at` when the sum is over the limit.
    pub fn take(&mut self, bytes: u64, at: &str) -> Result<(), Error> {
        self.used = self.used.saturating_add(bytes);
        if self.used > self.limit {
            return Err(Error::Limit {
                what: format!("data after decompression, in bytes (at {at})"),
                found: self.used,
                limit: self.limit,
            });
        }
        Ok(())
    }
}

/// Compares a count with its limit.
///
/// # Errors
/// [`Error::Limit`] when `found` is over `limit`.
pub fn check(what: &str, found: u64, limit: u64) -> Result<(), Error> {
    if found > limit {
        return Err(Error::Limit { what: what.to_owned(), found, limit });
    }
    Ok(())
}
