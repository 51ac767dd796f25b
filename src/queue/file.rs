//! The queue's file on the disk: made whole or not at all, and who holds it.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use redb::{Database, DatabaseError, StorageError};

use super::store::Creation;

/// redb would take up to a gigabyte; a queue of job records needs next to nothing.
const CACHE_BYTES: usize = 16 << 20;

/// Opens the database in the file `path`, or creates it where that is allowed.
pub(super) fn open(path: &Path, creation: Creation) -> Result<Database, DatabaseError> {
    match path.try_exists().map_err(StorageError::Io)? {
        false if creation == Creation::Refused => {
            let gone = format!("{} is gone; bring it back, or start again without it", path.display());
            return Err(StorageError::Io(io::Error::new(ErrorKind::NotFound, gone)).into());
        }
        false => create(path)?,
        true => {}
    }
    create_or_open(path)
}

/// Made aside, then given its name: redb refuses a file that was cut off while it was made, and would for ever.
fn create(path: &Path) -> Result<(), DatabaseError> {
    let draft = path.with_extension(format!("new-{}", std::process::id()));
    drop(create_or_open(&draft)?);
    let named = give_name(&draft, path);
    // Left over, it is in nobody's way.
    let _ = fs::remove_file(&draft);
    named.map_err(|error| StorageError::Io(error).into())
}

/// A link, not a rename: another process may have been faster, and its file is in use already.
fn give_name(draft: &Path, path: &Path) -> io::Result<()> {
    match fs::hard_link(draft, path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        // Some file systems have no links. There the file is made where it is to be.
        Err(error)
            if error.kind() == ErrorKind::Unsupported || error.kind() == ErrorKind::PermissionDenied =>
        {
            Ok(())
        }
        linked => linked.and_then(|()| path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())),
    }
}

fn create_or_open(path: &Path) -> Result<Database, DatabaseError> {
    Database::builder().set_cache_size(CACHE_BYTES).create(path)
}

/// Whether a process has the file locked, as redb does it. Looking takes a lock for a moment, which others may share.
pub(super) fn is_held(path: &Path) -> io::Result<bool> {
    let file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        opened => opened?,
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// The process that has the file locked, where the system tells: Linux does, in a list of all locks.
pub(super) fn holder(path: &Path) -> Option<u32> {
    let inode = fs::metadata(path).ok()?.ino();
    holder_in(&fs::read_to_string("/proc/locks").ok()?, inode)
}

/// Lines look like `1: FLOCK  ADVISORY  WRITE 4711 fd:01:131085 0 EOF`: the process, then device and inode.
fn holder_in(locks: &str, inode: u64) -> Option<u32> {
    locks.lines().find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, _, _, _, pid, file, ..] = words.as_slice() else { return None };
        let is_it = file.rsplit(':').next() == Some(inode.to_string().as_str());
        // 0 and -1 stand for a process that this one may not see.
        is_it.then(|| pid.parse().ok()).flatten().filter(|pid| *pid > 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_is_found_among_all_locks() {
        let locks = "1: FLOCK  ADVISORY  WRITE 4711 fd:01:131085 0 EOF\n\
            2: OFDLCK ADVISORY  WRITE -1 fd:01:77 0 EOF\n\
            3: POSIX  ADVISORY  READ  12 00:2f:131086 128 128\n";
        assert_eq!(holder_in(locks, 131_085), Some(4711));
        assert_eq!(holder_in(locks, 77), None);
        assert_eq!(holder_in(locks, 85), None);
    }

    #[test]
    fn a_file_that_was_cut_off_in_the_making_is_in_nobodys_way() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("queue.redb");
        let draft = path.with_extension(format!("new-{}", std::process::id() + 1));
        fs::write(&draft, [0; 4096]).unwrap();
        drop(open(&path, Creation::Allowed).unwrap());
        drop(open(&path, Creation::Refused).unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_file_that_is_gone_is_not_made_again_unless_that_is_allowed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("queue.redb");
        assert!(open(&path, Creation::Refused).is_err_and(|error| error.to_string().contains("is gone")));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
