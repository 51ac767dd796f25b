//! textures: work in progress.

use super::{Context, Outcome, Pass};
use crate::optimize::Error;
use crate::optimize::document::Document;

/// See the module.
pub(super) struct Textures;

impl Pass for Textures {
    fn name(&self) -> &'static str {
        "textures"
    }

    fn weight(&self) -> f32 {
        20.0
    }

    fn run(&self, _: &mut Document, _: &mut Context) -> Result<Outcome, Error> {
        Ok(Outcome::Unchanged("wip".into()))
    }
}
