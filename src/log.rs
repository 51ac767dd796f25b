//! The log: one line an event on stderr, and how much it tells, which may change while the program runs.
//!
//! The lines are written by a thread of their own, and dropped where nobody reads them: a pipe that is full stops the log,
//! and not the server. For people on a terminal, JSON for programs elsewhere; both escape control characters. Whoever has
//! something to say uses `tracing`; nothing else in here.

use std::io::{self, IsTerminal};
use std::sync::Arc;

use tracing::level_filters::LevelFilter;
use tracing_appender::non_blocking::{NonBlocking, WorkerGuard};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt, reload};

/// The log of this process, once it was started.
#[derive(Debug, Clone)]
pub struct Log {
    filter: reload::Handle<LevelFilter, Registry>,
    usual: LevelFilter,
    /// Writes what is left when the last one goes.
    _writer: Arc<WorkerGuard>,
}

impl Log {
    /// Starts it, with what `usual` says for a level. Once in a process.
    #[must_use]
    pub fn start(usual: LevelFilter) -> Self {
        let (layer, filter) = reload::Layer::new(usual);
        let (writer, guard) = NonBlocking::new(io::stderr());
        let lines = fmt::layer().with_writer(writer).with_target(false);
        let lines = if io::stderr().is_terminal() {
            lines.boxed()
        } else {
            lines.json().flatten_event(true).with_current_span(false).boxed()
        };
        tracing_subscriber::registry().with(layer).with(lines).init();
        Self { filter, usual, _writer: Arc::new(guard) }
    }

    /// How much it tells now.
    #[must_use]
    pub fn level(&self) -> LevelFilter {
        self.filter.clone_current().unwrap_or(LevelFilter::OFF)
    }

    /// Makes it tell more or less, until it is told otherwise or the program starts again.
    pub fn set_level(&self, level: LevelFilter) {
        // Before a change to less and after one to more, so that it is seen.
        let is_more = level > self.level();
        if !is_more {
            tracing::info!(%level, "the level of the log has changed");
        }
        // It fails only when there is no log any more.
        let _ = self.filter.reload(level);
        if is_more {
            tracing::info!(%level, "the level of the log has changed");
        }
    }

    /// Everything that helps to look closer, or what is usual again.
    pub fn toggle(&self) {
        let closer = LevelFilter::DEBUG.max(self.usual);
        self.set_level(if self.level() == self.usual { closer } else { self.usual });
    }
}
