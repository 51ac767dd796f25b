//! GLB Optimizer: turns a heavy 3D model (.glb) into a small one that looks the same.

pub mod app;
pub mod blobs;
pub mod cli;
pub mod config;
pub mod events;
pub mod health;
pub mod http;
pub mod ids;
pub mod jobs;
pub mod optimize;
pub mod queue;
pub mod sandbox;
pub mod worker;
