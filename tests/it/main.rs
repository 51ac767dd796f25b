//! The optimizer and the executable, tested from outside.
//!
//! One binary for all of it, so that it links once. `fixtures` builds models; each other module is one subject.

#![allow(unreachable_pub, reason = "one program of many files: nothing leaves it")]

mod cli;
mod fixtures;
mod hostile;
mod optimize;
mod passes;
mod roundtrip;
