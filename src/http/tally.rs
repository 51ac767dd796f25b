//! How many of something each client has open just now.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

/// The counts, by whom they are of; whoever has none is not in it.
#[derive(Debug)]
pub(super) struct Tally<K: Eq + Hash>(Arc<Mutex<HashMap<K, usize>>>);

/// One that is counted, until this value goes.
#[derive(Debug)]
pub(super) struct Counted<K: Eq + Hash> {
    tally: Tally<K>,
    key: K,
}

impl<K: Eq + Hash> Default for Tally<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K: Eq + Hash> Clone for Tally<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K: Eq + Hash + Clone> Tally<K> {
    /// Counts one more of `key`, if `check` allows it by the counts so far.
    ///
    /// # Errors
    /// Those of `check`.
    pub(super) fn admit<E>(
        &self,
        key: K,
        check: impl FnOnce(&HashMap<K, usize>) -> Result<(), E>,
    ) -> Result<Counted<K>, E> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        check(&counts)?;
        *counts.entry(key.clone()).or_default() += 1;
        drop(counts);
        Ok(Counted { tally: self.clone(), key })
    }
}

#[cfg(test)]
impl<K: Eq + Hash> Tally<K> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.lock().unwrap().is_empty()
    }
}

impl<K: Eq + Hash> Drop for Counted<K> {
    fn drop(&mut self) {
        let mut counts = self.tally.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.key);
            }
        }
    }
}
