//! The queue's file and its transactions, held so that it can be opened again.
//!
//! After any failed write redb refuses all further ones on the same handle, for good reason: it cannot know
//! what is on the disk. Opened anew, the file is in the state of the last transaction that was committed. So the
//! first call after such a failure opens it anew; as long as that fails, every call says why, and the one after tries again.
//! A file that was damaged from outside makes redb panic here and there; that ends in this file, as an error.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{PoisonError, RwLock};

use redb::{Database, DatabaseError, Durability, ReadTransaction, ReadableDatabase};

use super::error::Error;
use super::migration;
use super::tables::Tables;

/// Opens the database; only where it is told so it may make a new one.
type Opener = dyn Fn(Creation) -> Result<Database, DatabaseError> + Send + Sync;

/// Whether a file that is not there is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Creation {
    Allowed,
    /// Its disk may come back; an empty queue in its place would have lost every job.
    Refused,
}

/// A database that comes back after failures of its disk.
pub(super) struct Store {
    open: Box<Opener>,
    /// For messages.
    path: Box<Path>,
    /// None while it could not be opened again. Calls share the lock; opening takes it alone.
    database: RwLock<Option<Database>>,
}

impl Store {
    /// Opens the database for the first time.
    pub(super) fn new(
        path: &Path,
        open: impl Fn(Creation) -> Result<Database, DatabaseError> + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        let store = Self { open: Box::new(open), path: path.into(), database: RwLock::new(None) };
        store.open(Creation::Allowed)?;
        Ok(store)
    }

    /// Runs `look` on a snapshot.
    pub(super) fn read<T>(
        &self,
        look: impl FnOnce(&ReadTransaction) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.with(|database| look(&database.begin_read()?))
    }

    /// Runs `work` in one transaction. An error leaves the file as it was.
    pub(super) fn write<T>(
        &self,
        durability: Durability,
        work: impl FnOnce(&mut Tables<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.with(|database| {
            let mut transaction = database.begin_write()?;
            transaction.set_durability(durability)?;
            let result = work(&mut Tables::open(&transaction)?)?;
            transaction.commit()?;
            Ok(result)
        })
    }

    /// Calls with the open database, and closes it when the call shows that it is of no more use.
    fn with<T>(&self, call: impl FnOnce(&Database) -> Result<T, Error>) -> Result<T, Error> {
        if self.database.read().unwrap_or_else(PoisonError::into_inner).is_none() {
            self.open(Creation::Refused)?;
        }
        let guard = self.database.read().unwrap_or_else(PoisonError::into_inner);
        // Another call may have closed it meanwhile.
        let Some(database) = guard.as_ref() else { return Err(Error::Closed) };
        let result = self.contained(|| call(database));
        drop(guard);
        if let Err(error) = &result
            && error.is_of_the_disk()
        {
            tracing::error!(%error, "the queue file is closed, to be opened again");
            self.close();
        }
        result
    }

    fn close(&self) {
        let database = self.database.write().unwrap_or_else(PoisonError::into_inner).take();
        // What closing it may still want to write is not worth a word: opening repairs it.
        let _ = self.contained(|| {
            drop(database);
            Ok(())
        });
    }

    fn open(&self, creation: Creation) -> Result<(), Error> {
        let mut slot = self.database.write().unwrap_or_else(PoisonError::into_inner);
        if slot.is_some() {
            return Ok(());
        }
        *slot = Some(self.contained(|| self.open_prepared(creation))?);
        Ok(())
    }

    fn open_prepared(&self, creation: Creation) -> Result<Database, Error> {
        let database = (self.open)(creation).map_err(|error| Error::from_open(error, &self.path))?;
        let transaction = database.begin_write()?;
        migration::prepare(&transaction, &self.path)?;
        transaction.commit()?;
        Ok(database)
    }

    /// Turns a panic of the database into an error. The panic's own words are on stderr already.
    fn contained<T>(&self, call: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|_| {
            let reason = "the database cannot make sense of it".into();
            Err(Error::Damaged { path: self.path.to_path_buf(), reason })
        })
    }
}
