//! The inbox of this node: outcomes of what it offered, and wishes of other nodes for its jobs.
//!
//! A letter is deleted once it was dealt with. An outcome that comes twice is refused by the fencing token. A wish has a key of
//! its own, which whoever grants it deletes before, and whoever gets no answer afterwards: only one of the two can.

use std::sync::Arc;
use std::time::Duration;

use redis::streams::{StreamReadOptions, StreamReadReply};
use redis::{AsyncCommands, RedisResult};
use serde::{Deserialize, Serialize};

use super::Bridge;
use super::link::BLOCK;
use super::offer;
use crate::ids::{Attempt, JobId};
use crate::jobs::{Error, Wish};
use crate::queue::{self, Blame, Failure, Job, JobError, Lease, Output, State};

const PAUSE_AFTER_FAULT: Duration = Duration::from_millis(500);
const LETTERS_AT_ONCE: usize = 16;
/// How long an answer waits for whoever asked, in seconds.
const REPLY_SECONDS: u64 = 60;

/// What a node is told.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Letter {
    /// An attempt that this node gave away has ended.
    Outcome { job: JobId, attempt: Attempt, outcome: Box<Outcome> },
    /// Another node wants something done with a job of this one. The keys of the wish and of its answer are under this id.
    Wish { job: JobId, wish: Wish, id: String },
}

/// How an attempt ended.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Outcome {
    Completed(Output),
    Failed { error: JobError, blame: BlameWord },
}

/// [`Blame`] as it travels.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum BlameWord {
    Input,
    Unclear,
    Node,
}

/// The answer to a wish.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Reply {
    Done(Box<Job>),
    Unknown,
    FilesGone,
    Refused(State),
    Failed(String),
}

impl From<Result<Output, Failure>> for Outcome {
    fn from(outcome: Result<Output, Failure>) -> Self {
        match outcome {
            Ok(output) => Self::Completed(output),
            Err(Failure { error, blame }) => {
                let blame = match blame {
                    Blame::Input => BlameWord::Input,
                    Blame::Unclear => BlameWord::Unclear,
                    Blame::Node => BlameWord::Node,
                };
                Self::Failed { error, blame }
            }
        }
    }
}

impl From<Outcome> for Result<Output, Failure> {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Completed(output) => Ok(output),
            Outcome::Failed { error, blame } => {
                let blame = match blame {
                    BlameWord::Input => Blame::Input,
                    BlameWord::Unclear => Blame::Unclear,
                    BlameWord::Node => Blame::Node,
                };
                Err(Failure { error, blame })
            }
        }
    }
}

impl From<Result<Job, Error>> for Reply {
    fn from(done: Result<Job, Error>) -> Self {
        match done {
            Ok(job) => Self::Done(Box::new(job)),
            Err(Error::Queue(queue::Error::UnknownJob(_))) => Self::Unknown,
            Err(Error::Queue(queue::Error::FilesGone(_))) => Self::FilesGone,
            Err(Error::Queue(queue::Error::Refused { state, .. })) => Self::Refused(state),
            Err(error) => Self::Failed(error.to_string()),
        }
    }
}

/// For ever.
pub(super) async fn run(bridge: Arc<Bridge>) {
    loop {
        bridge.link.connected().await;
        if let Err(error) = read_while_connected(&bridge).await {
            bridge.link.suspect(&error);
            tokio::time::sleep(PAUSE_AFTER_FAULT).await;
        }
    }
}

async fn read_while_connected(bridge: &Arc<Bridge>) -> RedisResult<()> {
    let (mut connection, _counted) = bridge.link.blocking().await?;
    let inbox = bridge.keys.inbox(bridge.node);
    let block_ms = usize::try_from(BLOCK.as_millis()).unwrap_or(usize::MAX);
    let options = StreamReadOptions::default().count(LETTERS_AT_ONCE).block(block_ms);
    // From the beginning: what was not dealt with is still there.
    let mut after = "0".to_owned();
    loop {
        let read: Option<StreamReadReply> = connection.xread_options(&[&inbox], &[&after], &options).await?;
        for letter in read.into_iter().flat_map(|reply| reply.keys).flat_map(|key| key.ids) {
            after.clone_from(&letter.id);
            let text = letter.get::<String>("letter").unwrap_or_default();
            match serde_json::from_str(&text) {
                // Side by side: the files of an outcome may take long.
                Ok(read) => drop(tokio::spawn(deal_with(Arc::clone(bridge), read, letter.id))),
                Err(error) => {
                    tracing::warn!(%error, "a letter of another node cannot be read");
                    let _: () = connection.xdel(&inbox, &[&letter.id]).await?;
                }
            }
        }
    }
}

async fn deal_with(bridge: Arc<Bridge>, letter: Letter, number: String) {
    match letter {
        Letter::Outcome { job, attempt, outcome } => {
            let_in(&bridge, Lease { id: job, attempt }, *outcome).await;
        }
        Letter::Wish { job, wish, id } => {
            if claim(&bridge, &id).await {
                let answer = Reply::from(bridge.jobs.grant(job, wish).await);
                send_reply(&bridge, &id, &answer).await;
            }
        }
    }
    let Ok(mut connection) = bridge.link.connection() else { return };
    let deleted: RedisResult<()> = connection.xdel(bridge.keys.inbox(bridge.node), &[number]).await;
    let _ = deleted.inspect_err(|error| bridge.link.suspect(error));
}

/// Takes a wish. Returns whether it was still there: then nobody else has it any more.
async fn claim(bridge: &Bridge, id: &str) -> bool {
    let Ok(mut connection) = bridge.link.connection() else { return false };
    let deleted: RedisResult<u32> = connection.del(bridge.keys.wish(id)).await;
    deleted.inspect_err(|error| bridge.link.suspect(error)).is_ok_and(|deleted| deleted > 0)
}

async fn let_in(bridge: &Bridge, lease: Lease, outcome: Outcome) {
    bridge.offers.take_out(lease);
    let finished = tokio::select! {
        finished = bridge.jobs.finish_from_another(lease, outcome.into()) => finished,
        () = offer::keep_lease(bridge, lease) => return,
    };
    match finished {
        Ok(job) => tracing::info!(job = %job.id, state = %job.state, "another node has done a job"),
        Err(Error::Queue(queue::Error::LeaseLost { .. })) => {
            tracing::info!(job = %lease.id, attempt = lease.attempt.0, "an outcome came too late and was refused");
        }
        Err(error) => tracing::error!(job = %lease.id, %error, "an outcome could not be written"),
    }
}

async fn send_reply(bridge: &Bridge, id: &str, answer: &Reply) {
    let (Ok(mut connection), Ok(json)) = (bridge.link.connection(), serde_json::to_string(answer)) else {
        return;
    };
    let sent: RedisResult<()> = connection.set_ex(bridge.keys.reply(id), json, REPLY_SECONDS).await;
    let _ = sent.inspect_err(|error| bridge.link.suspect(error));
}
