//! `glb-optimizer backup`: all jobs and files of a server in one archive, while it runs.
//!
//! Asks the running server, which alone may read its queue. With `--data-dir` it reads a folder that no server
//! holds. The archive appears whole or not at all, and was read back before it does.

use std::fs::Permissions;
use std::io::{self, BufReader, BufWriter, Seek, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use anyhow::Context;
use serde_json::json;

use super::client::Client;
use super::files;
use crate::config::RemoteFlags;
use crate::jobs::{self, Backup, Contents};

/// What `backup` can be told.
#[derive(Debug, clap::Args)]
pub(super) struct Flags {
    /// The archive to write, a .tar file; one that is there is replaced
    #[arg(value_name = "FILE")]
    archive: PathBuf,
    #[command(flatten)]
    remote: RemoteFlags,
    /// Save this data folder, which no server uses, without asking one
    #[arg(long, value_name = "DIR", conflicts_with = "server")]
    data_dir: Option<PathBuf>,
    /// Print JSON on stdout
    #[arg(long)]
    json: bool,
}

/// Makes the archive.
///
/// # Errors
/// No server answers or it refuses, the folder cannot be read, or the archive cannot be written.
pub(super) fn run(flags: &Flags) -> anyhow::Result<()> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().build().context("no threads can be started")?;
    let contents = files::write_with(&flags.archive, |file| {
        // Uploads and ids of jobs are nobody else's business.
        file.set_permissions(Permissions::from_mode(0o600))?;
        match &flags.data_dir {
            Some(folder) => drop(Backup::of_folder(folder)?.write_to(BufWriter::new(&*file))?),
            None => drop(io::copy(&mut Client::new(&flags.remote)?.download("/api/v1/backup")?, file)?),
        }
        file.rewind()?;
        runtime
            .block_on(jobs::check(BufReader::new(file)))
            .context("the backup did not arrive whole; try again")
    })?;
    say(&flags.archive.display().to_string(), &contents, flags.json)
}

/// What an archive held: the archive or folder that was written, and how much is in it.
pub(super) fn say(written: &str, contents: &Contents, is_json: bool) -> anyhow::Result<()> {
    let Contents { jobs, blobs, .. } = contents;
    let said = if is_json {
        json!({ "written": written, "jobs": jobs, "blobs": blobs }).to_string()
    } else {
        format!("{written}: {jobs} jobs and {blobs} files")
    };
    Ok(writeln!(io::stdout().lock(), "{said}")?)
}
