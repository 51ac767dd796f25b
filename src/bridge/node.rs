//! Nodes: who this one is, and who else is there.
//!
//! A node says every few seconds that it is there, under a key that goes away by itself. Its id stays the same over
//! restarts, because it lies in the data folder beside the queue that it stands for.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use redis::AsyncCommands;
use redis::aio::MultiplexedConnection;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::keys::Keys;

/// A node that was silent for so long is not there.
pub(super) const PRESENCE: Duration = Duration::from_secs(10);

const ID_FILE: &str = "node-id";

/// A node: 128 random bits, written as 32 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NodeId(#[serde(with = "uuid::serde::simple")] Uuid);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.simple().fmt(f)
    }
}

impl NodeId {
    pub(super) fn random() -> Self {
        Self(Uuid::new_v4())
    }

    /// The id in the data folder; a new one where there is none, written down if that is possible.
    pub(super) fn of_folder(folder: &Path) -> Self {
        let path = folder.join(ID_FILE);
        let known = std::fs::read_to_string(&path).ok().and_then(|text| Uuid::try_parse(text.trim()).ok());
        known.map(Self).unwrap_or_else(|| {
            let id = Self::random();
            if let Err(error) = std::fs::write(&path, id.to_string()) {
                tracing::warn!(%error, "the id of this node is new with every start");
            }
            id
        })
    }
}

/// What a node says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// Its id.
    pub id: NodeId,
    /// The name of its machine.
    pub host: String,
    /// Its process on that machine.
    pub pid: u32,
    /// The version of the program.
    pub version: String,
    /// Jobs that may run on it at once.
    pub slots: usize,
    /// Whether it takes part in shared work.
    pub shares: bool,
    /// How many of its own jobs are in each state.
    pub jobs: BTreeMap<String, u64>,
    /// When it said so, in milliseconds since 1970 by its own clock.
    pub seen_at_ms: u64,
}

/// Says that this node is there. Returns whether Redis still knew it from the last time.
pub(super) async fn say(
    connection: &mut MultiplexedConnection,
    keys: &Keys,
    node: &Node,
) -> redis::RedisResult<bool> {
    let json = serde_json::to_string(node).unwrap_or_default();
    let mut pipe = redis::pipe();
    let before = pipe.sadd(keys.nodes(), node.id.to_string()).ignore();
    let present_ms = u64::try_from(PRESENCE.as_millis()).unwrap_or_default();
    before.cmd("SET").arg(keys.node(node.id)).arg(json).arg("PX").arg(present_ms).arg("GET");
    let (known,): (Option<String>,) = before.query_async(connection).await?;
    Ok(known.is_some())
}

/// Takes this node off the list, because it stops.
pub(super) async fn leave(
    connection: &mut MultiplexedConnection,
    keys: &Keys,
    id: NodeId,
) -> redis::RedisResult<()> {
    let mut pipe = redis::pipe();
    pipe.del(keys.node(id)).ignore().srem(keys.nodes(), id.to_string()).ignore();
    pipe.query_async(connection).await
}

/// All nodes that are there.
pub(super) async fn all(
    connection: &mut MultiplexedConnection,
    keys: &Keys,
) -> redis::RedisResult<Vec<Node>> {
    let ids: Vec<String> = connection.smembers(keys.nodes()).await?;
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let names: Vec<String> = ids.iter().map(|id| keys.own("node", id)).collect();
    let said: Vec<Option<String>> = connection.mget(&names).await?;
    let gone: Vec<&String> =
        ids.iter().zip(&said).filter(|(_, said)| said.is_none()).map(|(id, _)| id).collect();
    if !gone.is_empty() {
        let _: () = connection.srem(keys.nodes(), gone).await?;
    }
    let mut nodes: Vec<Node> =
        said.into_iter().flatten().filter_map(|json| serde_json::from_str(&json).ok()).collect();
    nodes.sort_by_key(|node: &Node| node.id);
    Ok(nodes)
}

/// The name of this machine.
pub(super) fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_keeps_its_id_with_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let id = NodeId::of_folder(folder.path());
        assert_eq!(NodeId::of_folder(folder.path()), id);
        assert_ne!(NodeId::of_folder(Path::new("/nowhere")), id);
    }
}
