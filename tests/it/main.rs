//! The optimizer and the real executable, tested from outside: over HTTP, by signals, by killing it, in a browser.
//!
//! One binary for all of it, so that it links once. `support` starts servers, `fixtures` builds models; each
//! other module is one subject. Tests wait for events or for a condition with a deadline, never for a time.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should fail where it stands")]
#![allow(unreachable_pub, reason = "one program of many files: nothing leaves it")]

mod browser;
mod cli;
mod faults;
mod fixtures;
mod fuzz;
mod hostile;
mod http;
mod ktx2;
mod lods;
mod optimize;
mod passes;
mod queue;
mod roundtrip;
mod support;
mod wrongs;
