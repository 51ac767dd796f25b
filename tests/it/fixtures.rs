//! Models made in code: what proptest varies is in [`recipe`], what comes of it in [`model`].
//!
//! Files are put together byte by byte in [`file`], without the optimizer's own writer: a fault that reader
//! and writer share would else go unseen.

pub mod file;
pub mod form;
pub mod image;
pub mod model;
pub mod motion;
pub mod places;
pub mod recipe;

use proptest::test_runner::{Config, RngSeed};

/// How proptest runs here: the same cases every time, unless `PROPTEST_RNG_SEED` asks for others.
pub fn cases(count: u32) -> Config {
    let config = Config::default();
    let rng_seed = match config.rng_seed {
        RngSeed::Random => RngSeed::Fixed(0x676C_5446),
        given => given,
    };
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { config.cases } else { count };
    Config { cases, rng_seed, failure_persistence: None, max_shrink_iters: 200, ..config }
}
