//! Several nodes, a real Redis that is killed, frozen, flushed and cut off, and real shared storage.
//!
//! Each test has a Redis of its own (`redis_server.rs`); `nodes.rs` starts nodes on it, `proxy.rs` stands between them
//! and cuts. The bars that take minutes with their full numbers run with small ones unless GLB_OPTIMIZER_BARS is set.

mod anywhere;
mod bars;
mod connection;
mod link;
mod nodes;
mod proxy;
mod s3;
mod spread;
mod storage;
mod work;
