//! The optimizer and the real executable, tested from outside: over HTTP, by signals, by killing it, in a browser.
//!
//! One binary for all of it, so that it links once. `support` starts servers, `fixtures` builds models; each
//! other module is one subject. Tests wait for events or for a condition with a deadline, never for a time.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should fail where it stands")]
#![allow(unreachable_pub, reason = "one program of many files: nothing leaves it")]

mod access;
mod api;
mod api_docs;
mod backup;
mod blobs;
mod browser;
mod chaos;
mod cli;
mod cli_jobs;
mod commands;
mod compare;
mod doctor;
mod faults;
mod fixtures;
mod fleet;
mod fuzz;
mod health;
mod held;
mod hostile;
mod hostile_uploads;
mod http;
mod ktx2;
mod legacy;
mod load;
mod lods;
mod log;
mod metrics;
mod operate;
mod optimize;
mod passes;
mod queue;
mod rates;
mod redis_server;
mod release;
mod restricted;
mod roundtrip;
mod sandbox;
mod service;
mod shared_results;
mod support;
mod watch;
mod webhooks;
mod wire;
mod wrongs;
