//! API keys as their owner and administrators see them: made, shown once, listed, revoked, recognised.
//!
//! A key is `glbo_`, its id, and a random secret; the hash of all of it is what is stored (`queue/api_keys.rs`).

use std::path::Path;
use std::time::Duration;

use super::{Error, Jobs, as_ms, now_ms};
use crate::ids::KeyId;
use crate::queue::{self, ApiKey, Queue, Quota, Scope, Used};
use crate::secrets::Secret;

/// How every key begins, so that people and scanners of source code recognise one.
pub const KEY_PREFIX: &str = "glbo_";

/// The longest life of a key that has an end, in days.
pub const MAX_KEY_DAYS: u32 = 36_500;

/// What a new key shall be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKey {
    /// What it is for.
    pub name: String,
    /// What it allows.
    pub scopes: Vec<Scope>,
    /// How much it may send a day.
    pub quota: Quota,
    /// How long it is worth something; for ever, if nothing is said.
    pub lifetime: Option<Duration>,
}

impl NewKey {
    /// The record to store, and the key itself, which nobody can make out of the record.
    fn make(self) -> (ApiKey, Secret) {
        let id = KeyId::random();
        let text = format!("{KEY_PREFIX}{id}_{}", Secret::random().reveal());
        let created_at_ms = now_ms();
        let key = ApiKey {
            id,
            name: self.name,
            hash: blake3::hash(text.as_bytes()).to_hex().to_string(),
            scopes: self.scopes,
            quota: self.quota,
            created_at_ms,
            expires_at_ms: self.lifetime.map(|lifetime| created_at_ms.saturating_add(as_ms(lifetime))),
            used: Used::default(),
        };
        (key, text.into())
    }
}

impl Jobs {
    /// Makes a key. The second value is the key itself: it is shown once and then nowhere.
    ///
    /// # Errors
    /// The queue cannot be written.
    pub async fn create_key(&self, new: NewKey) -> Result<(ApiKey, Secret), Error> {
        let (key, secret) = new.make();
        let stored = key.clone();
        self.on_queue(move |queue| queue.write_api_key(&stored)).await?;
        tracing::info!(key = %key.id, "made an API key");
        Ok((key, secret))
    }

    /// All keys, the latest first.
    ///
    /// # Errors
    /// The queue cannot be read.
    pub async fn keys(&self) -> Result<Vec<ApiKey>, Error> {
        self.on_queue(Queue::api_keys).await
    }

    /// Forgets a key: it is worth nothing from now on.
    ///
    /// # Errors
    /// [`queue::Error::UnknownApiKey`], or the queue cannot be written.
    pub async fn revoke_key(&self, id: KeyId) -> Result<(), Error> {
        self.on_queue(move |queue| queue.remove_api_key(id)).await?;
        tracing::info!(key = %id, "revoked an API key");
        Ok(())
    }

    /// The key that this text is, if it is one that is worth something.
    ///
    /// # Errors
    /// The queue cannot be read.
    pub async fn recognise_key(&self, text: &str) -> Result<Option<ApiKey>, Error> {
        let id = text.strip_prefix(KEY_PREFIX).and_then(|rest| rest.get(..16)).and_then(|id| id.parse().ok());
        let Some(id) = id else { return Ok(None) };
        let found = self.on_queue(move |queue| queue.api_key(id)).await?;
        // Hashes are compared in a time that tells nothing about where they differ.
        let is_right = |key: &ApiKey| {
            blake3::Hash::from_hex(&key.hash).is_ok_and(|hash| hash == blake3::hash(text.as_bytes()))
        };
        Ok(found.filter(|key| is_right(key) && !key.is_expired(now_ms())))
    }
}

/// The keys of a data folder that no server uses.
pub struct KeysOfFolder(Queue);

impl KeysOfFolder {
    /// Opens the folder's queue and locks it.
    ///
    /// # Errors
    /// [`queue::Error::InUse`] while a server runs, or it cannot be opened.
    pub fn open(folder: &Path) -> Result<Self, queue::Error> {
        Ok(Self(Queue::open(&folder.join(queue::FILE))?))
    }

    /// As [`Jobs::create_key`].
    ///
    /// # Errors
    /// The queue cannot be written.
    pub fn create(&self, new: NewKey) -> Result<(ApiKey, Secret), queue::Error> {
        let (key, secret) = new.make();
        self.0.write_api_key(&key)?;
        Ok((key, secret))
    }

    /// As [`Jobs::keys`].
    ///
    /// # Errors
    /// The queue cannot be read.
    pub fn list(&self) -> Result<Vec<ApiKey>, queue::Error> {
        self.0.api_keys()
    }

    /// As [`Jobs::revoke_key`].
    ///
    /// # Errors
    /// [`queue::Error::UnknownApiKey`], or the queue cannot be written.
    pub fn revoke(&self, id: KeyId) -> Result<(), queue::Error> {
        self.0.remove_api_key(id)
    }
}
