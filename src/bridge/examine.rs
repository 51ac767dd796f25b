//! One thorough look at a Redis, for `doctor`: from the socket to its settings, on a connection of its own.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use redis::AsyncConnectionConfig;
use redis::aio::MultiplexedConnection;
use uuid::Uuid;

use super::cause::Cause;
use super::keys::Keys;
use super::link::{client, place, probe};
use super::node::{self, Node};
use crate::config::{Fleet, RedisUrl};

/// The longest that a connection, or one answer, may take.
const ANSWER_TIME: Duration = Duration::from_secs(4);

/// What was seen.
#[derive(Debug, Clone)]
pub struct Examined {
    /// What opening a socket took.
    pub reached: Duration,
    /// What a question and its answer took.
    pub round_trip: Duration,
    /// The other side's version.
    pub version: String,
    /// Whether it writes every command to a file (`appendonly`); none where it does not tell.
    pub is_persistent: Option<bool>,
    /// What it does when its memory is full (`maxmemory-policy`).
    pub memory_policy: Option<String>,
    /// What it holds, in bytes.
    pub used_bytes: u64,
    /// What it may hold, in bytes; 0 is as much as there is.
    pub max_bytes: u64,
    /// The nodes that say that they are there.
    pub nodes: Vec<Node>,
}

/// Connects, writes something that goes away at once, and reads what the server says of itself.
///
/// # Errors
/// The cause why it cannot be used.
pub async fn examine(url: &RedisUrl, fleet: &Fleet) -> Result<Examined, Cause> {
    let reached = probe(url).await?;
    let looked = look(url, Keys::new(&fleet.prefix), reached).await;
    looked.map_err(|error| Cause::of(&place(url), url.is_tls, &error))
}

async fn look(url: &RedisUrl, keys: Keys, reached: Duration) -> redis::RedisResult<Examined> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(ANSWER_TIME))
        .set_response_timeout(Some(ANSWER_TIME));
    let mut connection = client(url)?.get_multiplexed_async_connection_with_config(&config).await?;
    let start = Instant::now();
    let _: String = redis::cmd("PING").query_async(&mut connection).await?;
    let round_trip = start.elapsed();
    // A replica, and a server that is full, answer to everything but this.
    let probe_key = keys.own("doctor", Uuid::new_v4().simple());
    let write = redis::cmd("SET").arg(probe_key).arg(1).arg("PX").arg(1).to_owned();
    let _: String = write.query_async(&mut connection).await?;
    let info = info(&mut connection).await;
    let number = |name: &str| info.get(name).and_then(|value| value.parse().ok()).unwrap_or_default();
    Ok(Examined {
        reached,
        round_trip,
        version: info.get("redis_version").cloned().unwrap_or_else(|| "unknown".into()),
        is_persistent: info.get("aof_enabled").map(|value| value == "1"),
        memory_policy: info.get("maxmemory_policy").cloned(),
        used_bytes: number("used_memory"),
        max_bytes: number("maxmemory"),
        nodes: node::all(&mut connection, &keys).await?,
    })
}

/// The lines of INFO. Services that rent out a Redis often refuse CONFIG, but hardly ever this; without it little is
/// known, and nothing is wrong.
async fn info(connection: &mut MultiplexedConnection) -> HashMap<String, String> {
    let text: String = redis::cmd("INFO").query_async(connection).await.unwrap_or_default();
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    lines.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect()
}
