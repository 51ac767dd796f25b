//! Nodes of one fleet: servers with a Redis and a shared folder.

use std::path::Path;
use std::time::Instant;

use serde_json::Value;
use tempfile::TempDir;

use crate::redis_server::Redis;
use crate::support::{DEADLINE, Server};

/// The shortest that is allowed: so soon another node does what a dead one was doing.
pub(super) const VISIBILITY_S: &str = "5";

/// What the nodes of a fleet have in common.
pub(super) struct Fleet {
    pub(super) folder: TempDir,
    pub(super) redis_url: String,
}

impl Fleet {
    pub(super) fn of(redis: &Redis) -> Self {
        Self { folder: tempfile::tempdir().unwrap(), redis_url: redis.url() }
    }

    /// Starts the node with this name, which keeps its data folder, and waits until it shares.
    pub(super) async fn node(&self, name: &str) -> Server {
        let node = self.node_with(name, &[]);
        until_tier(&node, "redis").await;
        node
    }

    /// Starts a node with more variables and waits for nothing.
    pub(super) fn node_with(&self, name: &str, variables: &[(&str, &str)]) -> Server {
        self.with_variables(variables, |all| Server::start_with(&self.folder.path().join(name), all))
    }

    /// Starts a node by another command, that it listens on this address, and waits for nothing.
    pub(super) fn node_behind(&self, wrapper: &[&str], address: &str, name: &str) -> Server {
        self.with_variables(&[], |all| {
            Server::start_behind(wrapper, address, &self.folder.path().join(name), all)
        })
    }

    fn with_variables(
        &self,
        variables: &[(&str, &str)],
        start: impl FnOnce(&[(&str, &str)]) -> Server,
    ) -> Server {
        let storage = format!("file://{}", self.folder.path().join("shared").display());
        let mut all = vec![
            ("REDIS_URL", self.redis_url.as_str()),
            ("STORAGE_URL", storage.as_str()),
            ("VISIBILITY_TIMEOUT_SECONDS", VISIBILITY_S),
            ("LOG_LEVEL", "debug"),
        ];
        all.extend(variables);
        start(&all)
    }
}

/// A server with these variables and a data folder of its own.
pub(super) fn alone(folder: &Path, variables: &[(&str, &str)]) -> Server {
    Server::start_with(folder, variables)
}

pub(super) async fn health(node: &Server) -> Value {
    node.get("/health").await.json().await.unwrap()
}

/// Waits until the node's health is as `condition` wants it.
pub(super) async fn health_until(node: &Server, condition: impl Fn(&Value) -> bool) -> Value {
    let start = Instant::now();
    loop {
        let health = health(node).await;
        if condition(&health) {
            return health;
        }
        assert!(start.elapsed() < DEADLINE, "the health stays {health:#}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

pub(super) async fn until_tier(node: &Server, tier: &str) -> Value {
    health_until(node, |health| health["tier"] == tier).await
}

/// Waits until the node sees so many nodes that share, itself among them.
pub(super) async fn until_nodes(node: &Server, count: usize) {
    health_until(node, |health| {
        let nodes = health["nodes"].as_array().into_iter().flatten();
        nodes.filter(|node| node["shares"] == true).count() == count
    })
    .await;
}
