//! Jobs of other nodes: read from the mirror; wishes go to the node that accepted the job.

use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{AsyncCommands, RedisResult};
use uuid::Uuid;

use super::inbox::{Letter, Reply};
use super::keys::Keys;
use super::link::Link;
use super::mirror::Mirrored;
use super::node::NodeId;
use super::scripts::Scripts;
use crate::ids::{BatchId, JobId};
use crate::jobs::{Answer, Elsewhere, Error, Wish};
use crate::queue::{self, Cursor, Job, State};

/// How long a wish may take.
const WISH_TIME: Duration = Duration::from_secs(5);
/// When a wish goes by itself, should nobody be able to take it back: after that time.
const WISH_EXPIRY: Duration = Duration::from_secs(10);
/// An upload waits so long for each word about a result that may be there; after that the work is done here.
const CACHE_TIME: Duration = Duration::from_millis(150);
const FIRST_LOOK: Duration = Duration::from_millis(5);
const LATER_LOOK: Duration = Duration::from_millis(50);

/// The way to the other nodes.
pub(super) struct Remote {
    link: Arc<Link>,
    keys: Keys,
    node: NodeId,
}

impl Remote {
    pub(super) fn new(link: Arc<Link>, keys: Keys, node: NodeId) -> Self {
        Self { link, keys, node }
    }

    async fn mirrored(&self, id: JobId) -> Result<Option<Mirrored>, Error> {
        let away = Error::RedisAway { id };
        let Ok(mut connection) = self.link.connection() else { return Err(away) };
        let json: RedisResult<Option<String>> = connection.get(self.keys.job(id)).await;
        let json = json.inspect_err(|error| self.link.suspect(error)).map_err(|_| away)?;
        let mirrored = json.and_then(|json| serde_json::from_str(&json).ok());
        // What this node does not have itself, it has purged: the mirror is late.
        Ok(mirrored.filter(|mirrored: &Mirrored| mirrored.owner != self.node))
    }

    /// None when nobody answers.
    async fn wish(&self, owner: NodeId, job: JobId, wish: Wish) -> Option<Reply> {
        let mut connection = self.link.connection().ok()?;
        let is_there: bool = connection.exists(self.keys.node(owner)).await.ok()?;
        if !is_there {
            return None;
        }
        let id = Uuid::new_v4().simple().to_string();
        let letter = serde_json::to_string(&Letter::Wish { job, wish, id: id.clone() }).ok()?;
        let mut scripts = Scripts { connection: &mut connection, keys: &self.keys };
        let sent = scripts.wish(owner, &id, &letter, WISH_EXPIRY).await;
        if sent.inspect_err(|error| self.link.suspect(error)).is_ok()
            && let Some(answer) = self.answer(&mut connection, &id).await
        {
            return Some(answer);
        }
        // Whoever asked is told that it was not done: nor may it be, when the owner is back, or when a letter arrives of which
        // Redis said nothing. One that is gone is being granted. Where nothing answers, it is gone soon by itself.
        let taken_back: RedisResult<u32> = connection.del(self.keys.wish(&id)).await;
        match taken_back.inspect_err(|error| self.link.suspect(error)) {
            Ok(0) => self.answer(&mut connection, &id).await,
            _ => None,
        }
    }

    /// Waits for the answer to a wish, as long as that may take.
    async fn answer(&self, connection: &mut MultiplexedConnection, id: &str) -> Option<Reply> {
        let (start, key) = (Instant::now(), self.keys.reply(id));
        let mut pause = FIRST_LOOK;
        while start.elapsed() < WISH_TIME {
            tokio::time::sleep(pause).await;
            pause = LATER_LOOK;
            // A look that fails is not the last one: the wish may well have been granted.
            let json: RedisResult<Option<String>> = connection.get_del(&key).await;
            if let Ok(Some(json)) = json.inspect_err(|error| self.link.suspect(error)) {
                return serde_json::from_str(&json).ok();
            }
        }
        None
    }

    async fn others(
        &self,
        state: Option<State>,
        after: Option<Cursor>,
        limit: usize,
    ) -> RedisResult<Vec<Job>> {
        let Ok(mut connection) = self.link.connection() else { return Ok(Vec::new()) };
        let until = after.map_or("+inf".to_owned(), |after| after.created_at_ms.to_string());
        // All states at once: between two looks a job would go from one to another, and be in neither or in both.
        let mut pipe = redis::pipe();
        pipe.atomic();
        for state in State::ALL.into_iter().filter(|one| state.is_none_or(|state| state == *one)) {
            let range = pipe.cmd("ZRANGE").arg(self.keys.jobs(state)).arg(&until).arg("-inf");
            // Own jobs are among them and left out later, so more are read than wanted.
            range
                .arg("BYSCORE")
                .arg("REV")
                .arg("LIMIT")
                .arg(0)
                .arg(limit.saturating_mul(4))
                .arg("WITHSCORES");
        }
        let found: Vec<Vec<(String, u64)>> = pipe.query_async(&mut connection).await?;
        let cursor = |(id, created_at_ms): (String, u64)| {
            let cursor = Cursor { created_at_ms, id: id.parse().ok()? };
            Some((cursor, self.keys.own("job", id)))
        };
        let is_after = |cursor: &Cursor| after.is_none_or(|after| *cursor < after);
        let found = found.into_iter().flatten().filter_map(cursor);
        let mut found: Vec<_> = found.filter(|(cursor, _)| is_after(cursor)).collect();
        found.sort_unstable_by_key(|entry| std::cmp::Reverse(entry.0));
        let mut others = self.of_others(found.into_iter().map(|(_, key)| key).collect()).await?;
        others.truncate(limit);
        Ok(others)
    }

    async fn in_batch(&self, batch: BatchId) -> RedisResult<Vec<Job>> {
        let Ok(mut connection) = self.link.connection() else { return Ok(Vec::new()) };
        let ids: Vec<String> = connection.zrange(self.keys.batch(batch), 0, -1).await?;
        self.of_others(ids.into_iter().map(|id| self.keys.own("job", id)).collect()).await
    }

    /// The records under these keys that belong to other nodes.
    async fn of_others(&self, keys: Vec<String>) -> RedisResult<Vec<Job>> {
        let Ok(mut connection) = self.link.connection() else { return Ok(Vec::new()) };
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let records: Vec<Option<String>> = connection.mget(keys).await?;
        let mirrored = records.into_iter().flatten().filter_map(|json| serde_json::from_str(&json).ok());
        let others = mirrored.filter(|mirrored: &Mirrored| mirrored.owner != self.node);
        Ok(others.map(|mirrored| mirrored.job).collect())
    }
}

impl Elsewhere for Remote {
    fn job(&self, id: JobId) -> Answer<'_, Result<Option<Job>, Error>> {
        Box::pin(async move { Ok(self.mirrored(id).await?.map(|mirrored| mirrored.job)) })
    }

    fn result(&self, recipe: [u8; 32]) -> Answer<'_, Option<Job>> {
        Box::pin(async move {
            let mut connection = self.link.connection().ok()?;
            let found = connection.get(self.keys.result(recipe));
            let found: RedisResult<Option<String>> = tokio::time::timeout(CACHE_TIME, found).await.ok()?;
            let id = found.inspect_err(|error| self.link.suspect(error)).ok()??;
            let mirrored = tokio::time::timeout(CACHE_TIME, self.mirrored(id.parse().ok()?)).await.ok()?;
            mirrored.ok()?.map(|mirrored| mirrored.job).filter(|job| !job.files_gone)
        })
    }

    fn ask(&self, id: JobId, wish: Wish) -> Answer<'_, Result<Job, Error>> {
        Box::pin(async move {
            let unknown = queue::Error::UnknownJob(id);
            let Some(Mirrored { owner, .. }) = self.mirrored(id).await? else { return Err(unknown.into()) };
            let wanted = wish.participle();
            match self.wish(owner, id, wish).await {
                Some(Reply::Done(job)) => Ok(*job),
                Some(Reply::Unknown) => Err(unknown.into()),
                Some(Reply::FilesGone) => Err(queue::Error::FilesGone(id).into()),
                Some(Reply::Refused(state)) => Err(queue::Error::Refused { state, wanted }.into()),
                Some(Reply::Failed(reason)) => {
                    tracing::warn!(job = %id, %owner, reason, "another node failed to do something");
                    Err(Error::OwnerAway { id, wanted })
                }
                None => Err(Error::OwnerAway { id, wanted }),
            }
        })
    }

    fn batch(&self, id: BatchId) -> Answer<'_, Vec<Job>> {
        Box::pin(async move {
            let found = self.in_batch(id).await;
            found.inspect_err(|error| self.link.suspect(error)).unwrap_or_default()
        })
    }

    fn list(&self, state: Option<State>, after: Option<Cursor>, limit: usize) -> Answer<'_, Vec<Job>> {
        Box::pin(async move {
            let listed = self.others(state, after, limit).await;
            listed.inspect_err(|error| self.link.suspect(error)).unwrap_or_default()
        })
    }
}
