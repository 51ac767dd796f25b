//! What `--version` tells: which source this program was built from, for what, and by which compiler.
//!
//! `build.rs` says all of it; the commit comes from `install.sh` and `.ci/release`.

/// The version, and below it the facts of the build.
pub(super) const LONG: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    "\ncommit:   ",
    env!("GLB_OPTIMIZER_BUILT_FROM"),
    "\ntarget:   ",
    env!("GLB_OPTIMIZER_TARGET"),
    "\ncompiler: ",
    env!("GLB_OPTIMIZER_COMPILER"),
);
