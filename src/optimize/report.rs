//! What was done and what came of it: the JSON beside every result.
//!
//! Every figure here is counted on the bytes of this job. Times are not: the core has no clock, so
//! `seconds` and `stages` are filled in by whoever ran it (see [`Report::set_times`]).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::inventory::Inventory;
use super::proof::Comparison;
use super::settings::Settings;

/// The report of one job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Report {
    /// Version of this program.
    pub version: String,
    /// What was asked for.
    pub settings: Settings,
    /// BLAKE3 of the input file, hexadecimal.
    pub input_hash: String,
    /// BLAKE3 of the result, hexadecimal.
    pub output_hash: String,
    /// Whether the result is smaller, or the input as it came.
    pub outcome: Outcome,
    /// What the input held and where its bytes were.
    pub before: Inventory,
    /// The same of the result.
    pub after: Inventory,
    /// Wall-clock seconds from the first byte read to the last one written, measured by the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// Where that time went, in the order in which the stages first ran: they add up to `seconds`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<StageTime>,
    /// How many results were made and compared with the original until this one was right.
    pub attempts: usize,
    /// Size and looks of each of them, in the order in which they were made: what can be traded for what.
    #[serde(default)]
    pub curve: Vec<Tried>,
    /// How different result and original look; `null` where nothing was compared: the original shows nothing, or is
    /// itself the result. After [`Outcome::KeptOriginal`] it is that of the result that was thrown away.
    pub comparison: Option<Comparison>,
    /// Every step that ran, in run order.
    pub passes: Vec<PassReport>,
    /// The levels of detail inside of the result, without the finest: there, where the settings ask for them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lods: Vec<Level>,
    /// What is odd about the input and was worked around.
    pub warnings: Vec<String>,
    /// What the input had and the result has not.
    pub dropped: Vec<String>,
}

/// How long one stage took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StageTime {
    /// `read`, a pass, `write`, `compare` (pictures of original and result), or `search` (what is seen of each part).
    pub name: String,
    /// Wall-clock seconds in all, however often it ran.
    pub seconds: f64,
}

/// A result that was made on the way.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Tried {
    /// Its size.
    pub bytes: u64,
    /// Mean FLIP error of the whole views, expected from half of them where these showed more than is allowed; `null` where nothing
    /// could be compared.
    pub error: Option<f32>,
}

/// A level of detail inside of a result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Level {
    /// Its number: 1 is the one after the finest.
    pub level: u8,
    /// Triangles of all meshes at this level, or the coarsest that they have.
    pub triangles: u64,
    /// How many bytes larger the result is for it.
    pub bytes: u64,
    /// How different it looks from the original; `null` where that shows nothing.
    pub comparison: Option<Comparison>,
}

/// Whether the result is smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The result is smaller than the input, or would be without the levels of detail that were asked for.
    Optimized,
    /// Nothing that was tried made the file smaller, or by so little that it is not worth the errors: the result is the input,
    /// byte for byte.
    AlreadyOptimal,
    /// The result failed its proof (a warning says how): the result is the input, byte for byte.
    KeptOriginal,
}

/// One pass: what it did, or why it declined.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PassReport {
    /// The pass's name, as in the list of passes.
    pub name: String,
    /// Whether it changed anything.
    pub changed: bool,
    /// File size before it, in bytes, as if the document were written at that moment.
    pub bytes_before: u64,
    /// File size after it.
    pub bytes_after: u64,
    /// Wall-clock seconds, measured by the caller; absent when nobody measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// What it did, or why it did nothing, for people.
    pub notes: Vec<String>,
}

impl Report {
    /// Enters the times that the caller measured.
    pub fn set_times(&mut self, seconds: f64, stages: Vec<StageTime>) {
        for pass in &mut self.passes {
            pass.seconds = stages.iter().find(|stage| stage.name == pass.name).map(|stage| stage.seconds);
        }
        self.seconds = Some(seconds);
        self.stages = stages;
    }
}
