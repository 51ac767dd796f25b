//! Progress on stderr: a bar on a terminal, a line a stage elsewhere.

use std::cell::RefCell;
use std::io::{self, IsTerminal, Write};
use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};

/// How far the work on one file is.
pub(super) struct Display {
    name: String,
    bar: Option<ProgressBar>,
    stage: RefCell<String>,
}

impl Display {
    pub(super) fn new(input: &Path) -> Self {
        let name = input.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let bar = io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(100);
            // A fixed template; if it were wrong, the default style would do.
            if let Ok(style) = ProgressStyle::with_template("{prefix} {bar:30} {pos:>3} % {msg}") {
                bar.set_style(style);
            }
            bar.set_prefix(name.clone());
            bar
        });
        Self { name, bar, stage: RefCell::default() }
    }

    /// Shows the stage and 0 to 100 over the whole work.
    pub(super) fn show(&self, stage: &str, percent: f32) {
        let is_new = *self.stage.borrow() != stage;
        if let Some(bar) = &self.bar {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 100")]
            bar.set_position(percent as u64);
            bar.set_message(stage.to_owned());
        } else if is_new {
            // Whoever closed stderr does not want to know.
            let _ = writeln!(io::stderr(), "{}: {stage} ({percent:.0} %)", self.name);
        }
        if is_new {
            self.stage.replace(stage.to_owned());
        }
    }

    pub(super) fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
