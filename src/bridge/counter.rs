//! Counters that all nodes share, such as what a client has asked for in this minute.

use std::time::Duration;

use redis::{RedisResult, Script};

use super::Bridge;

/// Whoever counts waits at most so long: a count is not worth more.
const COUNT_TIME: Duration = Duration::from_millis(150);

/// KEYS counter; ARGV lifetime. In one step, so that no counter stays for ever.
const COUNT: &str = "
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return {count, redis.call('PTTL', KEYS[1])}";

/// A counter after it was raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// How often it was raised, this time too.
    pub count: u64,
    /// When it begins anew.
    pub left: Duration,
}

impl Bridge {
    /// Raises the counter `name`, which begins anew `lifetime` after it was raised first. None when Redis does not answer
    /// at once: the caller does without.
    pub async fn count(&self, name: &str, lifetime: Duration) -> Option<Counted> {
        let mut connection = self.connection().ok()?;
        let script = Script::new(COUNT);
        let lifetime_ms = u64::try_from(lifetime.as_millis()).unwrap_or(u64::MAX);
        let mut call = script.key(self.keys().own("count", name));
        let raised = call.arg(lifetime_ms).invoke_async(&mut connection);
        let raised: RedisResult<(u64, i64)> = tokio::time::timeout(COUNT_TIME, raised).await.ok()?;
        match raised {
            Ok((count, left_ms)) => {
                let left = Duration::from_millis(u64::try_from(left_ms).unwrap_or_default());
                Some(Counted { count, left })
            }
            Err(error) => {
                self.suspect(&error);
                None
            }
        }
    }
}
