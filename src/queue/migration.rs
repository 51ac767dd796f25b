//! The layout's version: older files are brought up to it in one transaction, newer ones are refused.
//!
//! The records in `jobs` and `api_keys` are the truth and stay readable for ever (serde defaults); everything else follows
//! from them. So a migration is: throw the indexes away and make them again.

use std::path::Path;

use redb::{ReadableTable, ReadableTableMetadata, TableDefinition, TableHandle, WriteTransaction};

use super::error::Error;
use super::job::Job;
use super::tables::{self, API_KEYS, DAYS, JOBS, META, SET_ASIDE, Tables};

/// The newest layout that this version knows.
pub(super) const FORMAT: u64 = 3;
const FORMAT_KEY: &str = "format";

/// Creates what is missing, migrates an older file, and refuses a newer one.
pub(super) fn prepare(transaction: &WriteTransaction, path: &Path) -> Result<(), Error> {
    let (found, is_set_aside) = {
        let meta = transaction.open_table(META)?;
        (meta.get(FORMAT_KEY)?.map(|format| format.value()), meta.get(SET_ASIDE)?.is_some())
    };
    match found {
        Some(found) if found > FORMAT => {
            return Err(Error::NewerFormat { path: path.into(), found, known: FORMAT });
        }
        Some(found) if found < FORMAT => {
            tracing::info!(from = found, to = FORMAT, "the queue file is of an older version: migrating it");
            rebuild_indexes(transaction)?;
        }
        // This may be the version that can read what another could not.
        _ if is_set_aside => rebuild_indexes(transaction)?,
        _ => {}
    }
    Tables::open(transaction)?.meta.insert(FORMAT_KEY, FORMAT)?;
    Ok(())
}

/// Makes every index again out of the records. Damaged records are left where they are, without an index:
/// one of them must not keep all others from starting.
fn rebuild_indexes(transaction: &WriteTransaction) -> Result<(), Error> {
    let truths = [META.name(), JOBS.name(), DAYS.name(), API_KEYS.name()];
    let found: Vec<String> = transaction.list_tables()?.map(|table| table.name().to_owned()).collect();
    let has_days = found.iter().any(|name| name == DAYS.name());
    let indexes = found.into_iter().filter(|name| !truths.contains(&name.as_str()));
    for name in indexes {
        transaction.delete_table(TableDefinition::<(), ()>::new(&name))?;
    }
    let mut tables = Tables::open(transaction)?;
    let jobs = readable_jobs(&tables)?;
    if jobs.len() as u64 == tables.jobs.len()? {
        tables.meta.remove(SET_ASIDE)?;
    } else {
        tables.meta.insert(SET_ASIDE, 1)?;
    }
    for job in jobs {
        tables.index(&job)?;
        if !has_days {
            tables.tally(&job)?;
        }
    }
    Ok(())
}

fn readable_jobs(tables: &Tables<'_>) -> Result<Vec<Job>, Error> {
    let mut jobs = Vec::new();
    for entry in tables.jobs.iter()? {
        let (id, record) = entry?;
        match tables::decode(id.value(), record.value()) {
            Ok(job) => jobs.push(job),
            Err(error) => tracing::error!(%error, "a job is left out"),
        }
    }
    Ok(jobs)
}
