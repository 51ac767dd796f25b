//! The executable: parses the command line, runs one command, prints the error chain, sets the exit code.

fn main() {}
