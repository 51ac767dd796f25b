//! Several files as one zip archive, made while it is sent. Models are stored as they are: they are compressed already.
//!
//! When it fails on the way, the archive has no end, which every program that opens one notices.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use axum::body::Body;
use tokio::sync::Semaphore;
use tokio_util::io::{ReaderStream, SyncIoBridge};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::error::Problem;
use crate::jobs::StoredFile;

/// What is made ahead of a slow reader, in bytes.
const AHEAD_BYTES: usize = 256 << 10;
/// The text beside the files.
const SUMMARY: &str = "batch.json";

/// Archives that are sent at once: each holds a thread until its reader has taken all of it.
static SENDING: Semaphore = Semaphore::const_new(32);

/// An archive of `files`, by the names that they should have, and of `summary`.
///
/// # Errors
/// As many as there may be are being sent.
pub(super) fn stream(files: Vec<(String, StoredFile)>, summary: Vec<u8>) -> Result<Body, Problem> {
    let permit = SENDING.try_acquire().map_err(|_| Problem::too_many_archives())?;
    let (near, far) = tokio::io::duplex(AHEAD_BYTES);
    tokio::task::spawn_blocking(move || {
        let _permit = permit;
        // A client that went away is such an error.
        if let Err(error) = write(SyncIoBridge::new(near), files, &summary) {
            tracing::warn!(%error, "an archive of results was not finished");
        }
    });
    Ok(Body::from_stream(ReaderStream::new(far)))
}

fn write(target: impl Write, files: Vec<(String, StoredFile)>, summary: &[u8]) -> io::Result<()> {
    let mut archive = ZipWriter::new_stream(target);
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    let mut taken = HashSet::from([SUMMARY.to_owned()]);
    for (name, file) in files {
        archive.start_file(free_name(&name, &mut taken), options.large_file(true))?;
        io::copy(&mut File::open(&file.path)?, &mut archive)?;
    }
    archive.start_file(SUMMARY, options)?;
    archive.write_all(summary)?;
    archive.finish()?.into_inner().flush()
}

/// The name, with a number where an earlier file has it already.
fn free_name(name: &str, taken: &mut HashSet<String>) -> String {
    let path = Path::new(name);
    let stem = path.file_stem().map_or("model".into(), |stem| stem.to_string_lossy());
    let numbered =
        |number: u32| if number == 1 { format!("{stem}.glb") } else { format!("{stem} ({number}).glb") };
    let free = (1..).map(numbered).find(|name| !taken.contains(&name.to_lowercase())).unwrap_or_default();
    taken.insert(free.to_lowercase());
    free
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_names_get_numbers() {
        let mut taken = HashSet::new();
        let names = ["a.glb", "A.glb", "a.glb", "b.gltf"].map(|name| free_name(name, &mut taken));
        assert_eq!(names, ["a.glb", "A (2).glb", "a (3).glb", "b.glb"]);
    }
}
