//! `glb-optimizer work`: a node without page and API, which works for the others of its fleet.
//!
//! It has a data folder and the settings of a server, and needs REDIS_URL and STORAGE_URL: nobody else gives it work.

use std::io::{self, Write};

use super::serve;
use crate::config::{Config, Flags};
use crate::{app, service};

/// Works until SIGTERM or SIGINT.
///
/// # Errors
/// The configuration is wrong or names no Redis or storage, or the data folder cannot be used.
pub(super) fn run(flags: Flags) -> anyhow::Result<()> {
    let config = Config::from_process(flags)?;
    config.check_is_of_a_fleet()?;
    serve::surround(&config, async |_log, stop| app::work_unseen(&config, stop, say_ready).await)
}

/// One plain line, whatever the log's level and format.
fn say_ready() {
    // Without a stderr there is nobody to tell.
    let _ = writeln!(io::stderr().lock(), "GLB Optimizer is ready: working for its fleet");
    service::say_ready();
}
