//! What has to happen in Redis in one step, as scripts that run inside of it.
//!
//! Each is safe to be sent twice: a connection may break after a script has run and before its answer came. What an
//! offer is: see `keys.rs`.

use std::time::Duration;

use redis::{RedisResult, Script, aio::MultiplexedConnection};

use super::keys::Keys;
use super::node::NodeId;
use crate::queue::Lease;

/// The consumer group of all takers.
pub(super) const GROUP: &str = "takers";

/// How long an offer is remembered without anybody extending it, in milliseconds.
const OFFER_MS: u64 = 24 * 3600 * 1000;
/// How long an inbox waits for a node that is away, in milliseconds.
const INBOX_MS: u64 = 24 * 3600 * 1000;
/// A bound for streams, in case that nobody takes anything out. Far above what nodes offer.
const MAX_ENTRIES: u64 = 100_000;

/// KEYS work offer; ARGV owner job attempt lifetime bound
const OFFER: &str = "
local id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[5], '*', 'owner', ARGV[1], 'job', ARGV[2])
redis.call('DEL', KEYS[2])
redis.call('HSET', KEYS[2], 'attempt', ARGV[3], 'message', id)
redis.call('PEXPIRE', KEYS[2], ARGV[4])
return id";

/// KEYS work offer; ARGV attempt lifetime. 0: forgotten, 1: waits, 2: somebody works on it
const LOOK: &str = "
local offer = redis.call('HMGET', KEYS[2], 'attempt', 'message', 'taker')
if offer[1] ~= ARGV[1] or #redis.call('XRANGE', KEYS[1], offer[2], offer[2]) == 0 then return 0 end
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return offer[3] and 2 or 1";

/// KEYS work offer; ARGV attempt group
const WITHDRAW: &str = "
local offer = redis.call('HMGET', KEYS[2], 'attempt', 'message')
if offer[1] ~= ARGV[1] then return 0 end
redis.call('XACK', KEYS[1], ARGV[2], offer[2])
redis.call('XDEL', KEYS[1], offer[2])
redis.call('DEL', KEYS[2])
return 1";

/// KEYS work offer; ARGV attempt group node message. 0: not wanted or not mine any more
const KEEP: &str = "
if redis.call('HGET', KEYS[2], 'attempt') ~= ARGV[1] then
  redis.call('XACK', KEYS[1], ARGV[2], ARGV[4])
  redis.call('XDEL', KEYS[1], ARGV[4])
  return 0
end
local pending = redis.call('XPENDING', KEYS[1], ARGV[2], ARGV[4], ARGV[4], 1)
if #pending == 0 or pending[1][2] ~= ARGV[3] then return 0 end
redis.call('XCLAIM', KEYS[1], ARGV[2], ARGV[3], 0, ARGV[4], 'JUSTID')
redis.call('HSET', KEYS[2], 'taker', ARGV[3])
return pending[1][4]";

/// KEYS work offer inbox; ARGV attempt group message outcome lifetime bound
const FINISH: &str = "
if redis.call('HGET', KEYS[2], 'attempt') == ARGV[1] then
  redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[6], '*', 'letter', ARGV[4])
  redis.call('PEXPIRE', KEYS[3], ARGV[5])
  redis.call('DEL', KEYS[2])
end
redis.call('XACK', KEYS[1], ARGV[2], ARGV[3])
redis.call('XDEL', KEYS[1], ARGV[3])
return 1";

/// KEYS work offer; ARGV attempt group message node
const HAND_BACK: &str = "
local pending = redis.call('XPENDING', KEYS[1], ARGV[2], ARGV[3], ARGV[3], 1)
if #pending == 0 or pending[1][2] ~= ARGV[4] then return 0 end
local entries = redis.call('XRANGE', KEYS[1], ARGV[3], ARGV[3])
redis.call('XACK', KEYS[1], ARGV[2], ARGV[3])
redis.call('XDEL', KEYS[1], ARGV[3])
if #entries == 0 or redis.call('HGET', KEYS[2], 'attempt') ~= ARGV[1] then return 0 end
local id = redis.call('XADD', KEYS[1], '*', unpack(entries[1][2]))
redis.call('HSET', KEYS[2], 'message', id)
redis.call('HDEL', KEYS[2], 'taker')
return 1";

/// How an offer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Offered {
    /// Redis knows nothing of it.
    Forgotten,
    /// Nobody has taken it yet.
    Waits,
    /// Somebody works on it.
    Taken,
}

/// The scripts, on one connection.
pub(super) struct Scripts<'a> {
    pub(super) connection: &'a mut MultiplexedConnection,
    pub(super) keys: &'a Keys,
}

impl Scripts<'_> {
    /// Puts a job on the stream. An earlier offer of the same job is forgotten.
    pub(super) async fn offer(&mut self, owner: NodeId, lease: Lease, job: &str) -> RedisResult<()> {
        let script = Script::new(OFFER);
        let mut call = script.key(self.keys.work());
        call.key(self.keys.offer(lease.id)).arg(owner.to_string()).arg(job).arg(lease.attempt.0);
        let _id: String = call.arg(OFFER_MS).arg(MAX_ENTRIES).invoke_async(self.connection).await?;
        Ok(())
    }

    /// Looks how an offer does.
    pub(super) async fn look(&mut self, lease: Lease) -> RedisResult<Offered> {
        let script = Script::new(LOOK);
        let mut call = script.key(self.keys.work());
        call.key(self.keys.offer(lease.id)).arg(lease.attempt.0).arg(OFFER_MS);
        Ok(match call.invoke_async(self.connection).await? {
            0 => Offered::Forgotten,
            1 => Offered::Waits,
            _ => Offered::Taken,
        })
    }

    /// Takes an offer back; whoever works on it learns it when it next keeps the message.
    pub(super) async fn withdraw(&mut self, lease: Lease) -> RedisResult<()> {
        let script = Script::new(WITHDRAW);
        let mut call = script.key(self.keys.work());
        call.key(self.keys.offer(lease.id)).arg(lease.attempt.0).arg(GROUP);
        let _withdrawn: u32 = call.invoke_async(self.connection).await?;
        Ok(())
    }

    /// Says that `node` works on a message. Returns how often it was given out, or 0 if it is not this node's any more.
    pub(super) async fn keep(&mut self, lease: Lease, message: &str, node: NodeId) -> RedisResult<u32> {
        let script = Script::new(KEEP);
        let mut call = script.key(self.keys.work());
        call.key(self.keys.offer(lease.id)).arg(lease.attempt.0).arg(GROUP).arg(node.to_string());
        call.arg(message).invoke_async(self.connection).await
    }

    /// Tells the owner how an attempt ended, unless it is not interested any more; and takes the message away.
    pub(super) async fn finish(
        &mut self,
        owner: NodeId,
        lease: Lease,
        message: &str,
        letter: &str,
    ) -> RedisResult<()> {
        let script = Script::new(FINISH);
        let mut call = script.key(self.keys.work());
        call.key(self.keys.offer(lease.id)).key(self.keys.inbox(owner)).arg(lease.attempt.0).arg(GROUP);
        call.arg(message).arg(letter).arg(INBOX_MS).arg(MAX_ENTRIES);
        let _done: u32 = call.invoke_async(self.connection).await?;
        Ok(())
    }

    /// Lets another node have a message, unharmed.
    pub(super) async fn hand_back(&mut self, lease: Lease, message: &str, node: NodeId) -> RedisResult<()> {
        let script = Script::new(HAND_BACK);
        let mut call = script.key(self.keys.work());
        call.key(self.keys.offer(lease.id)).arg(lease.attempt.0).arg(GROUP).arg(message);
        let _done: u32 = call.arg(node.to_string()).invoke_async(self.connection).await?;
        Ok(())
    }

    /// Puts a wish into a node's inbox, with the key that whoever grants it takes.
    pub(super) async fn wish(
        &mut self,
        node: NodeId,
        id: &str,
        letter: &str,
        expiry: Duration,
    ) -> RedisResult<()> {
        let inbox = self.keys.inbox(node);
        let mut pipe = redis::pipe();
        pipe.set_ex(self.keys.wish(id), "", expiry.as_secs()).ignore();
        let add = pipe.cmd("XADD").arg(&inbox).arg("MAXLEN").arg("~").arg(MAX_ENTRIES).arg("*");
        add.arg("letter").arg(letter).ignore();
        pipe.cmd("PEXPIRE").arg(&inbox).arg(INBOX_MS).ignore();
        pipe.query_async(self.connection).await
    }
}
