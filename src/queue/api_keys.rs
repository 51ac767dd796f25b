//! API keys: who may send files to this server, how many a day, and what was sent today.
//!
//! They lie in the queue's file because a key pays for a job in the transaction that accepts it: neither a crash nor
//! two uploads at once get around a quota. Of the secret only the hash is stored. What a scope allows is decided in
//! `http/admin.rs` and `http/caller.rs`.

use redb::{ReadTransaction, ReadableTable};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Queue;
use super::error::Error;
use super::tables::{self, Tables};
use crate::ids::KeyId;

const DAY_MS: u64 = 24 * 3600 * 1000;

/// One API key, as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApiKey {
    /// Its id, which is a part of the key.
    pub id: KeyId,
    /// What it is for, in its maker's words.
    pub name: String,
    /// The BLAKE3 hash of the whole key, in hexadecimal.
    pub hash: String,
    /// What it allows.
    pub scopes: Vec<Scope>,
    /// How much it may send a day.
    #[serde(default)]
    pub quota: Quota,
    /// When it was made, in milliseconds since 1970.
    pub created_at_ms: u64,
    /// From when it is worth nothing, in milliseconds since 1970; never, if nothing is said.
    #[serde(default)]
    pub expires_at_ms: Option<u64>,
    /// What it has sent.
    #[serde(default)]
    pub used: Used,
}

/// What an API key allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// To send files.
    Upload,
    /// To see what concerns all jobs: lists, totals, measurements.
    Read,
    /// Whatever administrators may do.
    Admin,
}

/// How much an API key may send a day; without a number, as much as it likes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quota {
    /// Files that become jobs.
    #[serde(default)]
    pub files_per_day: Option<u64>,
    /// Bytes of such files.
    #[serde(default)]
    pub bytes_per_day: Option<u64>,
}

/// What was sent on the day on which something was sent last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Used {
    /// Days since 1970, UTC.
    pub day: u64,
    /// Files that became jobs.
    pub files: u64,
    /// Bytes of these.
    pub bytes: u64,
}

impl ApiKey {
    /// Whether it allows this; what administrators may do includes all else.
    #[must_use]
    pub fn allows(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope) || self.scopes.contains(&Scope::Admin)
    }

    /// Whether it is worth nothing any more.
    #[must_use]
    pub fn is_expired(&self, now_ms: u64) -> bool {
        self.expires_at_ms.is_some_and(|end_ms| end_ms <= now_ms)
    }

    /// The key after one more file of `bytes`.
    ///
    /// # Errors
    /// [`Error::QuotaUsedUp`].
    pub fn charged(&self, bytes: u64, now_ms: u64) -> Result<Self, Error> {
        let today = now_ms / DAY_MS;
        let before = if self.used.day == today { self.used } else { Used { day: today, ..Used::default() } };
        let used = Used { files: before.files + 1, bytes: before.bytes.saturating_add(bytes), ..before };
        let is_over = |used: u64, quota: Option<u64>| quota.is_some_and(|quota| used > quota);
        let over = |of| Err(Error::QuotaUsedUp { id: self.id, of });
        match self.quota {
            Quota { files_per_day, .. } if is_over(used.files, files_per_day) => over("files"),
            Quota { bytes_per_day, .. } if is_over(used.bytes, bytes_per_day) => over("bytes"),
            _ => Ok(Self { used, ..self.clone() }),
        }
    }
}

impl Queue {
    /// Adds an API key, or changes it.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_api_key(&self, key: &ApiKey) -> Result<(), Error> {
        self.change(|tables| write(tables, key))
    }

    /// The API key with this id, if there is one.
    ///
    /// # Errors
    /// The file or the record cannot be read.
    pub fn api_key(&self, id: KeyId) -> Result<Option<ApiKey>, Error> {
        self.store.read(|snapshot| {
            let keys = snapshot.open_table(tables::API_KEYS)?;
            keys.get(id.as_u64())?.map(|record| decode(id, record.value())).transpose()
        })
    }

    /// All API keys, the latest first.
    ///
    /// # Errors
    /// The file or a record cannot be read.
    pub fn api_keys(&self) -> Result<Vec<ApiKey>, Error> {
        self.store.read(all)
    }

    /// Forgets an API key.
    ///
    /// # Errors
    /// [`Error::UnknownApiKey`], or the file cannot be written.
    pub fn remove_api_key(&self, id: KeyId) -> Result<(), Error> {
        self.change(|tables| match tables.api_keys.remove(id.as_u64())? {
            Some(_) => Ok(()),
            None => Err(Error::UnknownApiKey(id)),
        })
    }
}

pub(super) fn all(snapshot: &ReadTransaction) -> Result<Vec<ApiKey>, Error> {
    let mut keys = Vec::new();
    for entry in snapshot.open_table(tables::API_KEYS)?.iter()? {
        let (_, record) = entry?;
        // A record that cannot be read must not hide the others; whoever shows that key is told.
        keys.extend(serde_json::from_slice::<ApiKey>(record.value()).ok());
    }
    keys.sort_by_key(|key| std::cmp::Reverse(key.created_at_ms));
    Ok(keys)
}

/// Lets a key pay for one more file.
pub(super) fn charge(tables: &mut Tables<'_>, id: KeyId, bytes: u64, now_ms: u64) -> Result<(), Error> {
    let key = tables.api_keys.get(id.as_u64())?.map(|record| decode(id, record.value())).transpose()?;
    let key = key.ok_or(Error::UnknownApiKey(id))?.charged(bytes, now_ms)?;
    write(tables, &key)
}

pub(super) fn write(tables: &mut Tables<'_>, key: &ApiKey) -> Result<(), Error> {
    let record = serde_json::to_vec(key).map_err(|source| Error::ApiKeyRecord { id: key.id, source })?;
    tables.api_keys.insert(key.id.as_u64(), record.as_slice())?;
    Ok(())
}

fn decode(id: KeyId, record: &[u8]) -> Result<ApiKey, Error> {
    serde_json::from_slice(record).map_err(|source| Error::ApiKeyRecord { id, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(quota: Quota) -> ApiKey {
        ApiKey {
            id: KeyId::random(),
            name: "shop".into(),
            hash: String::new(),
            scopes: vec![Scope::Upload],
            quota,
            created_at_ms: 0,
            expires_at_ms: Some(5 * DAY_MS),
            used: Used::default(),
        }
    }

    #[test]
    fn a_quota_is_used_up_and_begins_anew_at_midnight() {
        let key = key(Quota { files_per_day: Some(2), bytes_per_day: Some(100) });
        let once = key.charged(40, DAY_MS).unwrap();
        let twice = once.charged(60, 2 * DAY_MS - 1).unwrap();
        assert_eq!(twice.used, Used { day: 1, files: 2, bytes: 100 });
        assert!(matches!(twice.charged(0, DAY_MS), Err(Error::QuotaUsedUp { of: "files", .. })));
        assert!(matches!(once.charged(61, DAY_MS), Err(Error::QuotaUsedUp { of: "bytes", .. })));
        assert_eq!(twice.charged(100, 2 * DAY_MS).unwrap().used, Used { day: 2, files: 1, bytes: 100 });
    }

    #[test]
    fn a_key_allows_what_its_scopes_say_until_it_expires() {
        let key = key(Quota::default());
        assert!(key.allows(Scope::Upload) && !key.allows(Scope::Read) && !key.allows(Scope::Admin));
        assert!(ApiKey { scopes: vec![Scope::Admin], ..key.clone() }.allows(Scope::Read));
        assert!(!key.is_expired(5 * DAY_MS - 1) && key.is_expired(5 * DAY_MS));
    }

    #[test]
    fn keys_are_kept_found_listed_and_forgotten() {
        let queue = Queue::in_memory().unwrap();
        let (first, second) = (key(Quota::default()), ApiKey { created_at_ms: 1, ..key(Quota::default()) });
        queue.write_api_key(&first).unwrap();
        queue.write_api_key(&second).unwrap();
        assert_eq!(queue.api_key(first.id).unwrap(), Some(first.clone()));
        assert_eq!(queue.api_keys().unwrap(), [second, first.clone()]);
        queue.remove_api_key(first.id).unwrap();
        assert_eq!(queue.api_key(first.id).unwrap(), None);
        assert!(matches!(queue.remove_api_key(first.id), Err(Error::UnknownApiKey(_))));
    }
}
