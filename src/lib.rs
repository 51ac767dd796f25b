//! GLB Optimizer: turns a heavy 3D model (.glb) into a small one that looks the same.
//!
//! One executable with a web page, a REST API, a command line, a queue that survives `kill -9`, and the
//! optimizer. This page is the map; each module's own header goes on from here.
//!
//! # The parts
//!
//! A module imports only what stands below it; `tests/tidy.rs` reads the source and fails otherwise.
//!
//! | module | what it is |
//! |---|---|
//! | [`cli`] | one file a command; prints, and turns errors into exit codes |
//! | [`app`] | builds the parts of the server, starts them, stops them in order |
//! | [`http`], [`worker`] | the two sides of the queue: thin handlers; slots, wake-ups, heartbeats |
//! | [`watch`], [`service`] | a folder whose models are optimized as they come; what systemd hands over and is told |
//! | [`health`], [`doctor`] | how this node does: at any time; once and thoroughly |
//! | [`bridge`] | the fleet: work, files and knowledge shared over Redis |
//! | [`config`] | what this node was told |
//! | [`jobs`] | **the life of a job**, top to bottom |
//! | [`queue`], [`blobs`], [`events`], [`sandbox`] | what that life needs: records, bytes, announcements, child processes |
//! | [`ids`], [`meter`], [`sample`], [`secrets`], [`timestamp`], [`log`] | types that tell a job from a blob; what is counted for `/metrics`; the vase for a first try; tokens, compared and kept; times as they are shown; how much is logged |
//! | [`optimize`] | the core. Pure: bytes and settings in, bytes and a report out |
//!
//! # One job, step by step
//!
//! 1. `POST /api/v1/jobs` reaches `http/upload.rs`. Every chunk of the body goes to [`jobs::Upload::write`],
//!    which counts it against the limit, looks at the first 12 bytes, and hands it to a
//!    [`blobs::BlobWriter`]: hashed and written as it comes, never held in memory.
//! 2. [`jobs::Jobs::submit`] publishes the blob (sync, rename, sync of the folder), then
//!    [`queue::Queue::enqueue`]s the job in one durable transaction. Only now the client reads "202".
//!    A power cut before this leaves an unreferenced blob; after it, a job that will be finished.
//! 3. The announcement wakes [`worker::run`], which claims the job under a lease
//!    ([`queue::Queue::claim`]). The claim raises the job's `attempt`, its fencing token. While the job runs,
//!    the worker extends the lease every few seconds; a cancelled job loses it, and is let go.
//! 4. [`jobs::Jobs::run`] starts a child through [`sandbox::Sandbox::run`]: this same executable, with a hidden
//!    command, a private folder and nothing of our environment. It calls [`optimize::optimize`], writes the
//!    result and the report into its folder, and tells its progress, which [`events`] passes to listeners.
//! 5. The result and the report are copied into the blob store, and only then [`jobs::Jobs::finish`]
//!    acknowledges the job. A crash, a kill or a time-out is a `nack` instead: queued again after a
//!    back-off, dead after [`queue::MAX_ATTEMPTS`]. Bad input is dead at once, with its message.
//! 6. `http/events.rs` tells everybody who listens, and `http/download.rs` serves the result by its hash.
//!
//! When the program is killed at any point of this, the next start reclaims the job
//! ([`queue::Queue::reclaim`]): the queue's file is locked by one process, so whoever opens it knows that
//! all earlier holders are dead. When it is asked to stop, it hands running jobs back
//! ([`queue::Queue::release`]), and the attempt does not count.
//!
//! `glb-optimizer optimize a.glb` enters at step 4's [`optimize::optimize`] and needs none of the rest.

pub mod app;
pub mod blobs;
pub mod bridge;
pub mod cli;
pub mod config;
pub mod doctor;
pub mod events;
pub mod health;
pub mod http;
pub mod ids;
pub mod jobs;
pub mod log;
pub mod meter;
pub mod optimize;
pub mod queue;
pub mod sample;
pub mod sandbox;
pub mod secrets;
pub mod service;
pub mod timestamp;
pub mod watch;
pub mod webhook;
pub mod worker;
