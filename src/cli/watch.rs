//! `glb-optimizer watch`: optimizes the models of a folder as they come, without page and API.
//!
//! The same as `serve --watch`, for machines on which nobody is to reach a port. It has a data folder of a server, which
//! remembers over restarts what was accepted. What is done is in [`crate::watch`].

use std::io::{self, Write};
use std::path::PathBuf;

use super::settings::SettingsFlags;
use super::{UsageError, serve};
use crate::config::{self, Config, Watch};
use crate::{app, service};

/// What `watch` can be told.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A model is taken when it has not changed for a second; chair.glb becomes chair-optimized.glb. Folders inside are not
looked into, and a .gltf with its files is left alone: pack it into a .glb. A server that runs on the same data folder does this
itself: glb-optimizer serve --watch DIR.
Example:
  glb-optimizer watch /srv/incoming -o /srv/small --preset high")]
pub(super) struct Flags {
    /// The folder whose models are optimized as they come
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Where results go; beside the models if nothing is said
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Folder for the queue and its files [env: DATA_DIR] [default: ~/.local/share/glb-optimizer]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Models at once [env: MAX_CONCURRENT_TASKS] [default: number of cores]
    #[arg(long, value_name = "N")]
    workers: Option<String>,
    #[command(flatten)]
    settings: SettingsFlags,
}

/// Watches until SIGTERM or SIGINT.
///
/// # Errors
/// There is no such folder, the configuration is wrong, or the data folder cannot be used.
pub(super) fn run(flags: Flags) -> anyhow::Result<()> {
    let Flags { folder, output, data_dir, workers, settings } = flags;
    // A server waits for its folder; whoever names one by hand should hear of a slip.
    if !folder.is_dir() {
        return Err(UsageError(format!("{} is no folder that could be watched", folder.display())).into());
    }
    let server = config::Flags { data_dir, workers, ..config::Flags::default() };
    let watch = Some(Watch { folder, output, settings: settings.settings() });
    let config = Config { watch, ..Config::from_process(server)? };
    serve::surround(&config, async |_log, stop| app::work_unseen(&config, stop, say_ready).await)
}

/// One plain line, whatever the log's level and format.
fn say_ready() {
    // Without a stderr there is nobody to tell.
    let _ = writeln!(io::stderr().lock(), "GLB Optimizer is ready: watching");
    service::say_ready();
}
