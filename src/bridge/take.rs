//! Taking: while a slot is free and nothing waits here, work is taken off the stream, whoever offered it.
//!
//! A message belongs to the node that took it as long as that says so every second. A node that is silent for the
//! visibility timeout has lost it to the next one; one that stops hands it back. The outcome and the end of the message
//! are one step, and only if the owner still wants it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::streams::{
    StreamAutoClaimOptions, StreamAutoClaimReply, StreamId, StreamReadOptions, StreamReadReply,
};
use redis::{AsyncCommands, RedisError, RedisResult, aio::MultiplexedConnection};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Bridge;
use super::inbox::{Letter, Outcome};
use super::link::BLOCK;
use super::node::NodeId;
use super::scripts::{GROUP, Scripts};
use crate::jobs::Slot;
use crate::queue::{Blame, Failure, Job, JobError, Lease};

/// How often a taken message is kept, and so how soon a cancelled job stops.
const KEEP_PAUSE: Duration = Duration::from_millis(700);
/// How often it is looked whether work can be taken at all, or there is work of our own.
const IDLE_PAUSE: Duration = Duration::from_millis(100);
const PAUSE_AFTER_FAULT: Duration = Duration::from_millis(500);
/// A message that was taken so often, and whose takers all went silent, may be what silenced them.
const MAX_DELIVERIES: u32 = 5;
/// How often in a visibility timeout it is looked for messages whose taker has gone silent.
const CLAIMS_A_TIMEOUT: u32 = 6;
/// Outcomes are told again and again for so long, if Redis is away.
const TELL_TIME: Duration = Duration::from_secs(600);

/// A job that was taken.
struct Taken {
    message: String,
    owner: NodeId,
    job: Job,
}

/// Until `stop`; then hands back what is not done.
pub(super) async fn run(bridge: Arc<Bridge>, stop: CancellationToken) {
    let tasks = TaskTracker::new();
    while !stop.is_cancelled() {
        let taking = take_while_connected(&bridge, &tasks, &stop);
        if let Some(Err(error)) = stop.run_until_cancelled(taking).await {
            bridge.link.suspect(&error);
            stop.run_until_cancelled(tokio::time::sleep(PAUSE_AFTER_FAULT)).await;
        }
    }
    tasks.close();
    tasks.wait().await;
}

async fn take_while_connected(
    bridge: &Arc<Bridge>,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> RedisResult<()> {
    bridge.link.connected().await;
    let (mut connection, _counted) = bridge.link.blocking().await?;
    create_group(bridge, &mut connection).await?;
    let mut claimed_at: Option<Instant> = None;
    let pause = bridge.visibility / CLAIMS_A_TIMEOUT;
    loop {
        wait_for_a_slot(bridge).await;
        let may_be_dead = claimed_at.is_none_or(|at| at.elapsed() >= pause);
        let mut message = None;
        if may_be_dead {
            message = claim_of_the_dead(bridge, &mut connection).await?;
            claimed_at = Some(Instant::now()).filter(|_| message.is_none());
        }
        if message.is_none() {
            message = read_new(bridge, &mut connection, BLOCK.min(pause)).await?;
        }
        let Some(message) = message else { continue };
        match parse(&message) {
            Some(taken) => {
                let work = begin(Arc::clone(bridge), taken, bridge.jobs.try_slot(), stop.clone());
                tasks.spawn(work);
            }
            None => {
                tracing::warn!(message = message.id, "a message of the stream cannot be read; it is dropped");
                drop_message(bridge, &mut connection, &message.id).await?;
            }
        }
    }
}

async fn create_group(bridge: &Bridge, connection: &mut MultiplexedConnection) -> RedisResult<()> {
    let created: RedisResult<()> = connection.xgroup_create_mkstream(bridge.keys.work(), GROUP, "0").await;
    match created {
        Err(error) if error.code() == Some("BUSYGROUP") => Ok(()),
        created => created,
    }
}

/// Returns when a slot is free that nothing of this node's own waits for.
async fn wait_for_a_slot(bridge: &Bridge) {
    loop {
        // Before anything is looked at, so that no change falls between.
        let mut changes = bridge.jobs.subscribe();
        // Not held: while we wait for a message, a job of this node's own goes first.
        drop(bridge.jobs.slot().await);
        if bridge.can_take()
            && !bridge.jobs.is_paused().await.unwrap_or(true)
            && !bridge.jobs.has_work().await.unwrap_or(true)
        {
            return;
        }
        // Running out of time is as good as being woken: by the worker, who claims what waits.
        let _ = tokio::time::timeout(IDLE_PAUSE, changes.recv()).await;
    }
}

/// Waits for a message, up to so long.
async fn read_new(
    bridge: &Bridge,
    connection: &mut MultiplexedConnection,
    block: Duration,
) -> RedisResult<Option<StreamId>> {
    let block_ms = usize::try_from(block.as_millis()).unwrap_or(usize::MAX);
    let options = StreamReadOptions::default().group(GROUP, bridge.node.to_string()).count(1).block(block_ms);
    let read: Option<StreamReadReply> =
        connection.xread_options(&[bridge.keys.work()], &[">"], &options).await?;
    Ok(read.and_then(|reply| reply.keys.into_iter().flat_map(|key| key.ids).next()))
}

/// A message whose taker has gone silent.
async fn claim_of_the_dead(
    bridge: &Bridge,
    connection: &mut MultiplexedConnection,
) -> RedisResult<Option<StreamId>> {
    // Soon and often enough that it is begun anew, and if it is short done, within the timeout.
    let idle_ms = (bridge.visibility / 2).as_millis().to_string();
    let options = StreamAutoClaimOptions::default().count(1);
    let node = bridge.node.to_string();
    let claimed: StreamAutoClaimReply =
        connection.xautoclaim_options(bridge.keys.work(), GROUP, node, idle_ms, "0-0", options).await?;
    Ok(claimed.claimed.into_iter().next())
}

async fn drop_message(bridge: &Bridge, connection: &mut MultiplexedConnection, id: &str) -> RedisResult<()> {
    let mut pipe = redis::pipe();
    pipe.xack(bridge.keys.work(), GROUP, &[id]).ignore().xdel(bridge.keys.work(), &[id]).ignore();
    pipe.query_async(connection).await
}

fn parse(message: &StreamId) -> Option<Taken> {
    let field = |name: &str| message.get::<String>(name);
    let owner = serde_json::from_value(field("owner")?.into()).ok()?;
    Some(Taken { message: message.id.clone(), owner, job: serde_json::from_str(&field("job")?).ok()? })
}

/// Sees a taken message through, if there is still a slot for it.
async fn begin(bridge: Arc<Bridge>, taken: Taken, slot: Option<Slot>, stop: CancellationToken) {
    let lease = taken.job.lease();
    let deliveries = match (&slot, keep_once(&bridge, &taken).await) {
        (Some(_), Ok(deliveries)) => deliveries,
        // A job of our own was quicker: somebody else may have a slot.
        (None, _) => return hand_back(&bridge, &taken).await,
        // Nobody has heard of it yet, so the next one to look has it.
        (_, Err(error)) => return bridge.link.suspect(&error),
    };
    let outcome = match deliveries {
        0 => return,
        1..=MAX_DELIVERIES => tokio::select! {
            outcome = bridge.jobs.run_for_another(&taken.job) => outcome,
            () = keep(&bridge, &taken) => {
                return tracing::info!(job = %lease.id, "stopped a job of another node that was cancelled or lost");
            }
            () = stop.cancelled() => return hand_back(&bridge, &taken).await,
        },
        _ => Err(silenced(deliveries)),
    };
    drop(slot);
    tell(&bridge, &taken, outcome.into()).await;
}

fn silenced(deliveries: u32) -> Failure {
    let message = format!("{} nodes took this job, and none of them was heard of again.", deliveries - 1);
    Failure { error: JobError { code: "lost".into(), message }, blame: Blame::Unclear }
}

async fn keep_once(bridge: &Bridge, taken: &Taken) -> RedisResult<u32> {
    let mut connection = bridge.link.connection().map_err(away)?;
    let mut scripts = Scripts { connection: &mut connection, keys: &bridge.keys };
    scripts.keep(taken.job.lease(), &taken.message, bridge.node).await
}

/// Keeps the message until it is not ours any more. While Redis is away, nobody else can get it.
async fn keep(bridge: &Bridge, taken: &Taken) {
    loop {
        tokio::time::sleep(KEEP_PAUSE).await;
        match keep_once(bridge, taken).await {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) => bridge.link.suspect(&error),
        }
    }
}

/// Tells the owner, for as long as that takes.
async fn tell(bridge: &Bridge, taken: &Taken, outcome: Outcome) {
    let lease: Lease = taken.job.lease();
    let letter = Letter::Outcome { job: lease.id, attempt: lease.attempt, outcome: Box::new(outcome) };
    let Ok(letter) = serde_json::to_string(&letter) else { return };
    let start = Instant::now();
    while start.elapsed() < TELL_TIME {
        let told = match bridge.link.connection() {
            Ok(mut connection) => {
                let mut scripts = Scripts { connection: &mut connection, keys: &bridge.keys };
                scripts.finish(taken.owner, lease, &taken.message, &letter).await
            }
            Err(cause) => Err(away(cause)),
        };
        match told {
            Ok(()) => return tracing::info!(job = %lease.id, owner = %taken.owner, "did a job of the fleet"),
            Err(error) => bridge.link.suspect(&error),
        }
        tokio::time::sleep(PAUSE_AFTER_FAULT).await;
    }
    tracing::warn!(job = %lease.id, "an outcome could not be told; its owner will have the job done again");
}

async fn hand_back(bridge: &Bridge, taken: &Taken) {
    let Ok(mut connection) = bridge.link.connection() else { return };
    let mut scripts = Scripts { connection: &mut connection, keys: &bridge.keys };
    // If that fails, another node gets it after the visibility timeout.
    if let Err(error) = scripts.hand_back(taken.job.lease(), &taken.message, bridge.node).await {
        bridge.link.suspect(&error);
    }
}

/// No connection, as an error of a command.
fn away(cause: super::Cause) -> RedisError {
    std::io::Error::new(std::io::ErrorKind::NotConnected, cause.to_string()).into()
}
