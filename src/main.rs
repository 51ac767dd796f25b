//! The executable: runs one command, prints what went wrong on stderr, sets the exit code.
//!
//! No logic lives here. The commands are in [`glb_optimizer::cli`].

use std::io::{self, Write};
use std::process::ExitCode;

use glb_optimizer::cli;

fn main() -> ExitCode {
    match cli::run() {
        Ok(()) => ExitCode::SUCCESS,
        // `glb-optimizer inspect a.glb | head`: the reader has seen enough, which is no failure.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            print_chain(&error);
            ExitCode::from(cli::exit_code(&error))
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let source = error.root_cause().downcast_ref::<io::Error>();
    source.is_some_and(|source| source.kind() == io::ErrorKind::BrokenPipe)
}

/// Prints the error and its causes, leaving out those that the sentence above has quoted already.
fn print_chain(error: &anyhow::Error) {
    let mut stderr = io::stderr().lock();
    let mut said = String::new();
    for cause in error.chain() {
        let sentence = cause.to_string();
        if said.contains(&sentence) {
            continue;
        }
        let prefix = if said.is_empty() { "glb-optimizer: " } else { "  because: " };
        // Without a stderr there is nobody to tell.
        let _ = writeln!(stderr, "{prefix}{sentence}");
        said.push_str(&sentence);
    }
}
