//! Why a child ended without a result, in words that its owner and the server's operator understand.
//!
//! A process that dies leaves a signal, and sometimes last words on stderr; which limit was hit is told from
//! these. Changes nothing and asks nobody.

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Duration;

use super::{DISK_FULL, Line};

/// What Rust and C++ say before they abort because no memory was given to them, and what codecs say who survive it.
const WANT_OF_MEMORY: [&str; 6] = [
    "memory allocation of",
    "std::bad_alloc",
    "cannot allocate memory",
    "memory allocation error",
    "not enough memory",
    "out of memory",
];

/// What a child may call its reason, and whether the input is at fault then. It may be hijacked, and its words become labels
/// and keys that stay.
const CODES: [(&str, bool); 10] = [
    ("not_a_glb", true),
    ("invalid_json", true),
    ("invalid_gltf", true),
    ("unsupported", true),
    ("too_large", true),
    ("missing_resource", true),
    ("bad_archive", true),
    ("no_model", true),
    (DISK_FULL, false),
    ("internal", false),
];
/// What any other word becomes.
const UNKNOWN: &str = "other";

/// Whether a job with this code is over because of its input.
#[must_use]
pub fn is_of_input(code: &str) -> bool {
    CODES.iter().any(|&(known, of_input)| known == code && of_input)
}

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The child said so itself.
    #[error("{message}")]
    Refused {
        /// A stable word for programs.
        code: &'static str,
        /// A sentence for people.
        message: String,
        /// Whether the input is at fault.
        bad_input: bool,
    },
    /// The child ended without an outcome.
    #[error("The optimizer {0}")]
    Crashed(String),
    /// The child asked for more memory than it may have.
    #[error(
        "The optimizer needed more than {} MB of memory, which is this server's limit for a job (MEMORY_LIMIT_MB).",
        .limit_bytes >> 20
    )]
    OverMemoryLimit {
        /// The limit in bytes.
        limit_bytes: u64,
    },
    /// The machine or the container ran out of memory, and the system chose the child to die.
    #[error("The optimizer was killed by the system{}.", if *.is_certain { ", which ran out of memory" } else { ", probably for want of memory" })]
    KilledForMemory {
        /// Whether the system counted such a kill.
        is_certain: bool,
    },
    /// The child took too long and was killed.
    #[error(
        "The optimizer took longer than {} seconds, which is this server's limit for a job (TASK_TIMEOUT_SECONDS), and was stopped.",
        .0.as_secs()
    )]
    TimedOut(Duration),
    /// Somebody sent the child a signal that asks programs to end.
    #[error("The optimizer was asked to stop from outside.")]
    AskedToStop,
    /// The child could not be started or spoken to.
    #[error("The optimizer's process could not be run: {0}.")]
    Io(#[from] io::Error),
}

impl Error {
    /// A stable word for programs.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Refused { code, .. } => code,
            Self::OverMemoryLimit { .. } | Self::KilledForMemory { is_certain: true } => "out_of_memory",
            Self::Crashed(_) | Self::KilledForMemory { is_certain: false } | Self::AskedToStop => "crashed",
            Self::TimedOut(_) => "timed_out",
            Self::Io(_) => "not_started",
        }
    }

    /// By what the child was killed, in a word; none if it ended by itself or never ran.
    #[must_use]
    pub fn kill(&self) -> Option<&'static str> {
        match self {
            Self::OverMemoryLimit { .. } => Some("memory_limit"),
            Self::KilledForMemory { .. } => Some("out_of_memory"),
            Self::TimedOut(_) => Some("timed_out"),
            Self::Crashed(_) => Some("crashed"),
            Self::Refused { .. } | Self::AskedToStop | Self::Io(_) => None,
        }
    }

    /// Whether the input is at fault; trying again cannot help then.
    #[must_use]
    pub fn is_bad_input(&self) -> bool {
        matches!(self, Self::Refused { bad_input: true, .. })
    }

    /// Whether this node is at fault, for certain: the attempt says nothing about the input.
    #[must_use]
    pub fn is_of_this_node(&self) -> bool {
        match self {
            Self::Io(_) | Self::AskedToStop => true,
            Self::Refused { code, .. } => *code == DISK_FULL,
            _ => false,
        }
    }
}

/// All that a child left behind.
pub(super) struct Ending {
    pub(super) outcome: Option<Line>,
    pub(super) status: ExitStatus,
    /// The end of what it wrote to stderr.
    pub(super) complaint: String,
    /// Whether the system killed something for want of memory meanwhile.
    pub(super) is_oom_kill: bool,
    /// What it was allowed to have.
    pub(super) memory_bytes: u64,
}

impl Ending {
    pub(super) fn judge(self) -> Result<(), Error> {
        match self.outcome {
            Some(Line::Done {}) if self.status.success() => Ok(()),
            // A codec may report it as any other failure. It is the limit's fault, and another attempt may have more.
            Some(Line::Error { message, bad_input: false, .. }) if speaks_of_memory(&message) => {
                Err(Error::OverMemoryLimit { limit_bytes: self.memory_bytes })
            }
            Some(Line::Error { code, message, bad_input }) => {
                let known = CODES.iter().map(|&(known, _)| known).find(|known| *known == code);
                Err(Error::Refused { code: known.unwrap_or(UNKNOWN), message, bad_input })
            }
            _ => Err(self.crash()),
        }
    }

    fn crash(&self) -> Error {
        match self.status.signal() {
            Some(6) if speaks_of_memory(&self.complaint) => {
                Error::OverMemoryLimit { limit_bytes: self.memory_bytes }
            }
            Some(9) => Error::KilledForMemory { is_certain: self.is_oom_kill },
            Some(1 | 2 | 15) => Error::AskedToStop,
            Some(24) => Error::Crashed("used more processor time than this server allows a job.".into()),
            Some(25) => Error::Crashed("wrote a larger file than this server allows.".into()),
            Some(signal) => Error::Crashed(format!("was killed by signal {signal} ({}).", meaning(signal))),
            None => {
                let code = self.status.code().unwrap_or(-1);
                Error::Crashed(format!("ended with exit code {code} and without a result."))
            }
        }
    }
}

fn speaks_of_memory(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    WANT_OF_MEMORY.iter().any(|words| text.contains(words))
}

fn meaning(signal: i32) -> &'static str {
    match signal {
        4 => "it met an instruction that this processor does not have",
        6 => "it gave up",
        7 | 11 => "it touched memory that is not its own",
        8 => "it divided by zero",
        31 => "it tried something that the sandbox forbids",
        _ => "an unusual one",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(outcome: Option<Line>, status: i32, complaint: &str) -> Result<(), Error> {
        let (status, complaint) = (ExitStatus::from_raw(status), complaint.to_owned());
        Ending { outcome, status, complaint, is_oom_kill: false, memory_bytes: 512 << 20 }.judge()
    }

    #[test]
    fn a_result_counts_only_if_the_child_ended_well() {
        let done = || Some(Line::Done {});
        assert!(judged(done(), 0, "").is_ok());
        assert_eq!(judged(done(), 11, "").unwrap_err().code(), "crashed");
        assert_eq!(judged(None, 0, "").unwrap_err().code(), "crashed");
        let said = |code: &str| {
            let line = Line::Error { code: code.into(), message: "no".into(), bad_input: true };
            judged(Some(line), 0, "").unwrap_err().code()
        };
        assert_eq!([said("invalid_gltf"), said("a label of its own")], ["invalid_gltf", "other"]);
    }

    #[test]
    fn a_codec_that_reports_want_of_memory_is_tried_again_and_the_limit_named() {
        let said = |message: &str, bad_input| {
            let message = message.to_owned();
            judged(Some(Line::Error { code: "internal".into(), message, bad_input }), 0, "").unwrap_err()
        };
        for message in [
            "WebP cannot hold this: there is not enough memory for its pixels",
            "AVIF: Memory allocation error",
        ] {
            let error = said(message, false);
            assert_eq!(error.code(), "out_of_memory", "{message}");
            assert!(error.to_string().contains("MEMORY_LIMIT_MB") && !error.is_bad_input());
        }
        // What the file says about itself is no want of memory.
        assert_eq!(said("node \"out of memory\" is invalid", true).code(), "internal");
        assert_eq!(said("an index is wrong", false).code(), "internal");
    }

    #[test]
    fn signals_are_explained_and_none_blames_the_file() {
        let said = |signal, complaint| {
            let error = judged(None, signal, complaint).unwrap_err();
            assert!(!error.is_bad_input());
            error.to_string()
        };
        assert_eq!(
            said(6, "memory allocation of 268435456 bytes failed"),
            "The optimizer needed more than 512 MB of memory, which is this server's limit for a job (MEMORY_LIMIT_MB)."
        );
        assert_eq!(said(6, ""), "The optimizer was killed by signal 6 (it gave up).");
        assert_eq!(said(9, ""), "The optimizer was killed by the system, probably for want of memory.");
        assert_eq!(said(25, ""), "The optimizer wrote a larger file than this server allows.");
        assert!(said(11, "").contains("memory that is not its own"));
    }

    #[test]
    fn a_kill_that_the_system_counted_is_certain() {
        let status = ExitStatus::from_raw(9);
        let ending =
            Ending { outcome: None, status, complaint: String::new(), is_oom_kill: true, memory_bytes: 0 };
        let error = ending.judge().unwrap_err();
        assert!(matches!(error, Error::KilledForMemory { is_certain: true }), "{error}");
    }
}
