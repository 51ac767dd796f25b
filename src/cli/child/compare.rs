//! How different two models look. Both are anybody's files.

use std::fs::File;

use super::{Failure, create, fault, read, write};
use crate::optimize::compare::compare;
use crate::optimize::document::{Document, read::read as read_document};
use crate::optimize::{Files, Limits, MaxError};
use crate::sandbox::Compare;

/// Two models, and an open file for their comparison.
pub(super) struct Pair {
    before: Vec<u8>,
    after: Vec<u8>,
    max_error: Option<MaxError>,
    comparison: File,
}

impl Pair {
    pub(super) fn open(task: &Compare) -> Result<Self, Failure> {
        Ok(Self {
            before: read(&task.before)?,
            after: read(&task.after)?,
            max_error: task.max_error,
            comparison: create(&task.comparison)?,
        })
    }

    pub(super) fn run(self) -> Result<(), Failure> {
        let (before, after) = (document(&self.before)?, document(&self.after)?);
        let (compared, _) =
            compare(&before, after, self.max_error, false).map_err(Failure::NothingCompared)?;
        let json =
            serde_json::to_vec(&compared).map_err(|error| fault("writing the comparison", error.into()))?;
        write(self.comparison, &json)
    }
}

fn document(bytes: &[u8]) -> Result<Document, Failure> {
    Ok(read_document(bytes, &Files::new(), &Limits::default())?)
}
