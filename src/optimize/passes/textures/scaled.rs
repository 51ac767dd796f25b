//! An image in another size, which is made when somebody looks at it: of most sizes all that is asked for is known from before.

use std::cell::OnceCell;

use crate::optimize::codecs::resize::{Content, resize};
use crate::optimize::codecs::{CodecError, Pixels};

/// An image in a size.
pub(super) struct Scaled<'a> {
    original: &'a Pixels,
    /// Width and height, in pixels, each at least 1.
    pub(super) size: (u32, u32),
    content: Content,
    made: OnceCell<Pixels>,
}

impl<'a> Scaled<'a> {
    /// Nothing is made yet.
    pub(super) fn new(original: &'a Pixels, size: (u32, u32), content: Content) -> Self {
        Self { original, size, content, made: OnceCell::new() }
    }

    /// How many pixels it has.
    pub(super) fn count(&self) -> u64 {
        u64::from(self.size.0) * u64::from(self.size.1)
    }

    /// The image in this size.
    ///
    /// # Errors
    /// Those of [`resize`].
    pub(super) fn pixels(&self) -> Result<&Pixels, CodecError> {
        if self.size == (self.original.width(), self.original.height()) {
            return Ok(self.original);
        }
        made_once(&self.made, || resize(self.original, self.size.0, self.size.1, self.content))
    }

    /// The same on its own.
    ///
    /// # Errors
    /// Those of [`resize`].
    pub(super) fn into_pixels(self) -> Result<Pixels, CodecError> {
        self.pixels()?;
        Ok(self.made.into_inner().unwrap_or_else(|| self.original.clone()))
    }
}

/// What a cell holds, made if it holds nothing.
pub(super) fn made_once(
    cell: &OnceCell<Pixels>,
    make: impl FnOnce() -> Result<Pixels, CodecError>,
) -> Result<&Pixels, CodecError> {
    if let Some(made) = cell.get() {
        return Ok(made);
    }
    let made = make()?;
    Ok(cell.get_or_init(|| made))
}
