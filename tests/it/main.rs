//! The real executable, driven from outside: over HTTP, by signals, by killing it.
//!
//! One binary for all of it, so that it links once. `support` starts servers and builds models; each other
//! module is one subject. Tests wait for events or for a condition with a deadline, never for a time.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should fail where it stands")]

mod browser;
mod faults;
mod http;
mod queue;
mod support;
