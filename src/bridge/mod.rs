//! The bridge to Redis: several nodes that share work, files and what they know of each other.
//!
//! Nothing that was accepted depends on Redis. To the queue of this node the bridge is one more worker: it claims
//! jobs, and another node does the work. Redis holds offers, letters and a mirror; the queue of the node that accepted
//! a job is the truth about it, and its fencing token lets one outcome in.
//!
//! ```text
//! link.rs       the connection: tried for ever, checked, never waited for; cause.rs: why there is none
//! presence.rs   says that this node is there, looks who else is, knows the tier; node.rs, status.rs
//! offer.rs      jobs for which no slot is free here go to the stream; their leases are kept while Redis knows them
//! take.rs       messages of the stream are worked on while a slot is free
//! inbox.rs      outcomes of offers, and wishes of other nodes
//! mirror.rs     what changes here is told: records, progress; hear.rs listens to the others
//! remote.rs     jobs of other nodes: the answer to `jobs::Elsewhere`
//! counter.rs    counters of all nodes
//! examine.rs    one thorough look for `doctor`
//! keys.rs       every name in Redis; scripts.rs: what happens there in one step
//! ```
//!
//! When Redis goes, offers that nobody took come back at once, taken ones after the visibility timeout; when it forgets
//! (FLUSHALL, an empty restart), all come back. An attempt that was given away and came back does not count.
//! Nothing in here may answer a request of HTTP or decide what a job's state is.

mod cause;
mod counter;
mod examine;
mod hear;
mod inbox;
mod keys;
mod link;
mod mirror;
mod node;
mod offer;
mod presence;
mod remote;
mod scripts;
mod status;
mod take;

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use redis::RedisError;
use redis::aio::MultiplexedConnection;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use cause::Cause;
pub use counter::Counted;
pub use examine::{Examined, examine};
pub use keys::Keys;
pub use link::{MAX_CONNECTIONS, POOL_SIZE, probe};
pub use node::{Node, NodeId};
pub use status::{Connection, Status, Storage, Switch};

use crate::config::Fleet;
use crate::jobs::{Jobs, Tier};
use link::{Link, State};
use offer::Offers;
use remote::Remote;
use status::Switches;

/// How far checks of a good connection are apart.
const CHECK_PAUSE: Duration = Duration::from_secs(2);

/// What connects this node with others.
pub struct Bridge {
    link: Arc<Link>,
    keys: Keys,
    node: NodeId,
    jobs: Arc<Jobs>,
    visibility: Duration,
    storage: RwLock<Storage>,
    nodes: RwLock<Vec<Node>>,
    switches: Switches,
    offers: Offers,
    mirror_wanted: Notify,
}

impl Bridge {
    /// The bridge of the node with these jobs, if it was told of a Redis. Dials nobody.
    ///
    /// # Errors
    /// The address cannot be used at all.
    pub fn new(jobs: Arc<Jobs>, fleet: &Fleet, data_dir: &Path) -> Result<Option<Arc<Self>>, Cause> {
        let Some(url) = fleet.redis.clone() else { return Ok(None) };
        let node = match jobs.tier() {
            Tier::Embedded => NodeId::of_folder(data_dir),
            Tier::Sync { .. } => NodeId::random(),
        };
        let keys = Keys::new(&fleet.prefix);
        let link = Arc::new(Link::new(url, keys.probe(node))?);
        jobs.set_elsewhere(Arc::new(Remote::new(Arc::clone(&link), keys.clone(), node)));
        let storage = presence::storage_before_its_probe(&jobs);
        Ok(Some(Arc::new(Self {
            link,
            keys,
            node,
            jobs,
            visibility: fleet.visibility,
            storage: RwLock::new(storage),
            nodes: RwLock::default(),
            switches: Switches::default(),
            offers: Offers::default(),
            mirror_wanted: Notify::new(),
        })))
    }

    /// Keeps all of it going until `stop`; then hands back what is not done, and leaves.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let tasks = TaskTracker::new();
        let link = Arc::clone(&self.link);
        let keeping = tokio::spawn(async move { link.keep(CHECK_PAUSE).await });
        tasks.spawn(stop.clone().run_until_cancelled_owned(presence::keep(Arc::clone(&self))));
        tasks.spawn(stop.clone().run_until_cancelled_owned(presence::probe_storage(Arc::clone(&self))));
        tasks.spawn(stop.clone().run_until_cancelled_owned(mirror::run(Arc::clone(&self))));
        tasks.spawn(stop.clone().run_until_cancelled_owned(hear::run(Arc::clone(&self))));
        tasks.spawn(stop.clone().run_until_cancelled_owned(inbox::run(Arc::clone(&self))));
        tasks.spawn(offer::run(Arc::clone(&self), stop.clone()));
        tasks.spawn(take::run(Arc::clone(&self), stop));
        tasks.close();
        tasks.wait().await;
        if let Ok(mut connection) = self.link.connection() {
            // Without this it goes by itself in a few seconds.
            let _ = node::leave(&mut connection, &self.keys, self.node).await;
        }
        keeping.abort();
    }

    /// A connection for commands, such as counters and caches, at once.
    ///
    /// # Errors
    /// The cause why there is none: do without.
    pub fn connection(&self) -> Result<MultiplexedConnection, Cause> {
        self.link.connection()
    }

    /// Reports that a command failed, so that the connection is looked at now.
    pub fn suspect(&self, error: &RedisError) {
        self.link.suspect(error);
    }

    /// The names of keys.
    #[must_use]
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// How the fleet looks from here. Asks nobody: what is known is at most a few seconds old.
    #[must_use]
    pub fn status(&self) -> Status {
        let url = self.link.url();
        let (cause, latency) = match self.link.state() {
            State::Connected { latency, .. } => (None, Some(latency)),
            State::Disconnected(cause) => (Some(cause), None),
        };
        let (tier, reason) = self.tier();
        Status {
            tier,
            reason,
            state: if cause.is_none() { "connected" } else { "disconnected" },
            cause: cause.as_ref().map(Cause::code),
            error: cause.as_ref().map(Cause::to_string),
            latency_ms: latency.map(|latency| latency.as_secs_f64() * 1_000.0),
            connection: Connection {
                host: url.host.clone(),
                port: url.port,
                database: url.database,
                tls: url.is_tls,
                password_set: url.password.is_some(),
                pool_size: POOL_SIZE,
                active_connections: self.link.active_connections(),
                max_connections: MAX_CONNECTIONS,
            },
            storage: self.storage(),
            node: self.node,
            nodes: if cause.is_none() { self.nodes() } else { Vec::new() },
        }
    }

    /// The latest switches of the tier, the newest last.
    #[must_use]
    pub fn switches(&self) -> Vec<Switch> {
        self.switches.all()
    }

    /// The tier now, and why it is not `redis` if it is not.
    #[must_use]
    pub fn tier(&self) -> (&'static str, Option<String>) {
        let cause = self.link.connection().err();
        let is_kept = matches!(self.jobs.tier(), Tier::Embedded);
        match status::why_alone(cause.as_ref(), &self.storage(), is_kept) {
            None => ("redis", None),
            reason => (self.jobs.tier().name(), reason),
        }
    }

    /// Whether this node can work for others: it need not keep jobs itself for that.
    fn can_take(&self) -> bool {
        self.link.is_connected() && self.storage().shared
    }

    fn storage(&self) -> Storage {
        self.storage.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn nodes(&self) -> Vec<Node> {
        self.nodes.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
