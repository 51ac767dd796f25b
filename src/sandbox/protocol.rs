//! What server and child say to each other. Either side may be older than the other after an update on disk.
//!
//! The child may be hijacked, so nothing that it says is kept in full: see [`Line::shortened`].

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Confinement;
use crate::optimize::{MaxError, Settings};

/// Longer words of a child are cut off, in characters.
const MOST_CHARS: usize = 2_000;

/// What the child is to do, and what it may take.
#[derive(Debug, Serialize, Deserialize)]
pub struct Request {
    /// The work; without any the child only says how it is confined.
    pub task: Option<Task>,
    /// How much memory it may have, in bytes.
    pub memory_bytes: u64,
    /// How long it may run, in seconds.
    pub time_s: u64,
    /// The process that the child must not outlive.
    pub parent: u32,
}

/// What can be done with files that nobody trusts. The child opens all of them before it looks into any.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// A job.
    Optimize(Optimize),
    /// Models out of archives and loose files.
    Unpack(Unpack),
    /// How different two models look.
    Compare(Compare),
}

/// Files that hold models.
#[derive(Debug, Serialize, Deserialize)]
pub struct Unpack {
    /// Zip archives, models, and what these refer to.
    pub files: Vec<Named>,
    /// The file to write all models to, as .glb, one after the other.
    pub models: PathBuf,
    /// The file to write an [`Unpacked`] to, as JSON.
    pub list: PathBuf,
    /// The most that may be in all archives together, unpacked, in bytes.
    pub most_bytes: u64,
}

/// A file and what its sender calls it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Named {
    /// Its name, which may have folders; only to be looked up, never to be opened.
    pub name: String,
    /// Where it really is.
    pub path: PathBuf,
}

/// What was found.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unpacked {
    /// The models, in the order in which they were written.
    pub models: Vec<Found>,
}

/// One model.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// Its name, perhaps with folders.
    pub name: String,
    /// Its size in bytes.
    pub bytes: u64,
}

/// Two models.
#[derive(Debug, Serialize, Deserialize)]
pub struct Compare {
    /// The original.
    pub before: PathBuf,
    /// What was made of it.
    pub after: PathBuf,
    /// How different they may look, in the place of what the default preset allows.
    pub max_error: Option<MaxError>,
    /// The file to write the comparison to, as JSON.
    pub comparison: PathBuf,
}

/// One file to optimize.
#[derive(Debug, Serialize, Deserialize)]
pub struct Optimize {
    /// The file to read.
    pub input: PathBuf,
    /// The file to write the result to.
    pub output: PathBuf,
    /// The file to write the report to, as JSON.
    pub report: PathBuf,
    /// The file to write pictures of the worst view to, as PNG; it stays empty where there are none.
    pub worst_view: PathBuf,
    /// The files to write levels of detail to, each as a file of its own; those that there are none for stay empty.
    pub levels: Vec<PathBuf>,
    /// What was asked for.
    pub settings: Settings,
}

/// One line of the child's answer.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// Its first words: what holds it.
    Confined(Confinement),
    /// How far it is.
    Progress {
        /// What is running.
        stage: String,
        /// 0 to 100 over the whole job.
        percent: f32,
    },
    /// The outcome: both files are written.
    Done {},
    /// The outcome: the file was refused or the optimizer failed.
    Error {
        /// A stable word for programs.
        code: String,
        /// A sentence for people.
        message: String,
        /// Whether the input is at fault, so that trying again cannot help.
        bad_input: bool,
    },
}

impl Line {
    pub(super) fn is_outcome(&self) -> bool {
        matches!(self, Self::Done {} | Self::Error { .. })
    }

    /// The line with no text longer than anybody wants to read: it goes into the queue and to listeners.
    pub(super) fn shortened(self) -> Self {
        match self {
            Self::Progress { stage, percent } => Self::Progress { stage: shortened(stage), percent },
            Self::Error { code, message, bad_input } => {
                Self::Error { code: shortened(code), message: shortened(message), bad_input }
            }
            other => other,
        }
    }
}

fn shortened(text: String) -> String {
    match text.char_indices().nth(MOST_CHARS) {
        Some((end, _)) => format!("{} ...", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_look_as_promised() {
        let line = Line::Progress { stage: "weld".into(), percent: 12.5 };
        let json = serde_json::to_string(&line).unwrap();
        assert_eq!(json, r#"{"progress":{"stage":"weld","percent":12.5}}"#);
        assert_eq!(serde_json::to_string(&Line::Done {}).unwrap(), r#"{"done":{}}"#);
    }

    #[test]
    fn a_talkative_child_is_cut_short() {
        let message = "ö".repeat(1 << 20);
        let Line::Error { message, .. } =
            (Line::Error { code: "x".into(), message, bad_input: true }).shortened()
        else {
            panic!("another line came out");
        };
        assert_eq!(message.chars().count(), MOST_CHARS + 4);
    }
}
