//! GLB Optimizer: turns a heavy 3D model (.glb) into a small one that looks the same.

pub mod ids;
pub mod optimize;
pub mod queue;
