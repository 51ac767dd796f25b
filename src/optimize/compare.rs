//! How different two models look, whatever tool wrote them: held to the bounds that [`optimize`](super::optimize) holds its own
//! results to.

use serde::Serialize;
use utoipa::ToSchema;

use super::budget::Budget;
use super::document::Document;
use super::proof::{self, Blank, Comparison, Pictures, Reference};
use super::verdict::Verdict;
use super::{MaxError, Settings};

const ONLY_THE_OTHER: &str = "the original shows nothing, and the other model does";

/// What is said of two models.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Compared {
    /// What was measured.
    #[serde(flatten)]
    pub comparison: Comparison,
    /// Whether they pass as the same.
    pub verdict: Verdict,
}

/// Compares `after` with `before`, of the same names with each other ([`proof::align`]), by the bounds of `max_error` or
/// else of the default preset; and draws every view, if there shall be `pictures`.
///
/// Two models that show nothing look the same.
///
/// # Errors
/// There is something to compare, but no picture of it.
pub fn compare(
    before: &Document,
    mut after: Document,
    max_error: Option<MaxError>,
    pictures: bool,
) -> Result<(Compared, Vec<Pictures>), Blank> {
    proof::align(&mut after, before);
    let reference = Reference::new(before);
    let (comparison, drawn) = if pictures {
        reference.compare_in_pictures(&after)
    } else {
        (reference.compare(&after), Vec::new())
    };
    let verdict = match reference.blank() {
        Some(Blank::Empty) if proof::shows_anything(&after) => Verdict::against(ONLY_THE_OTHER),
        Some(Blank::Empty) | None => {
            let settings = Settings { max_error, ..Settings::default() };
            Verdict::of(&Budget::of(&settings).look, &comparison)
        }
        Some(why) => return Err(why),
    };
    Ok((Compared { comparison, verdict }, drawn))
}
