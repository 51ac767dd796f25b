//! Levels of detail: a result again and again with half the triangles and half the sides of its images, as files of
//! their own for things far away. Levels inside of the one result are made in [`inside`], and
//! taken out of it again in [`alone`].
//!
//! Each level is made from the one before, by the same passes, so that it never has more of anything. Names, extras
//! and everything else stay. How different it looks is measured against the original, but bounds nothing: half
//! is what was asked for. A level that would hardly be smaller is not made, and none after it.

mod alone;
mod graft;
mod inside;
mod nodes;

pub use alone::level_alone;
pub(super) use inside::add;

use super::budget::Budget;
use super::document::read::{self, Files};
use super::document::{Document, Limits, write};
use super::error::Error;
use super::inventory;
use super::passes::{self, PASSES};
use super::proof::{Comparison, Reference};
use super::settings::{LodCount, Settings, Simplify};

/// One level of detail.
#[derive(Debug, Clone)]
pub struct Lod {
    /// The file: binary glTF 2.0, smaller than that of the level before.
    pub glb: Vec<u8>,
    /// Its triangles, as [`inventory::Inventory::triangles`] counts them.
    pub triangles: u64,
    /// How different it looks from the original; `None` where that shows nothing.
    pub comparison: Option<Comparison>,
}

/// A level must be at most this part of the one before: a file of its own is another download.
const WORTHWHILE: f64 = 0.9;

/// Half of the triangles, in thousandths.
const HALF: Simplify = Simplify::Ratio(500);

/// Makes up to `count` levels of detail from `result`, which was optimized with `settings`. `input` and its `files` are
/// the original. `progress` is called with the finished part, 0 to 1.
///
/// # Errors
/// See [`Error`]; on an error nothing was produced.
pub fn lods(
    (input, files): (&[u8], &Files),
    result: &[u8],
    settings: &Settings,
    count: LodCount,
    progress: &mut dyn FnMut(f32),
) -> Result<Vec<Lod>, Error> {
    let reference = Reference::new(&read::read(input, files, &Limits::default())?);
    let mut levels: Vec<Lod> = Vec::new();
    for level in 1..=count.get() {
        let before = levels.last().map_or(result, |lod| &lod.glb);
        let glb = halved(before, settings, level)?;
        if glb.len() as f64 > WORTHWHILE * before.len() as f64 {
            break;
        }
        let triangles = inventory::take(&glb, &Files::new())?.triangles;
        let comparison = (!reference.is_blank()).then(|| opened(&glb)).transpose()?;
        let comparison = comparison.map(|document| reference.compare(&document));
        levels.push(Lod { glb, triangles, comparison });
        progress(f32::from(level) / f32::from(count.get()));
    }
    Ok(levels)
}

fn opened(glb: &[u8]) -> Result<Document, Error> {
    read::read(glb, &Files::new(), &Limits::default())
}

/// The next level.
fn halved(glb: &[u8], settings: &Settings, level: u8) -> Result<Vec<u8>, Error> {
    let settings = Settings { simplify: HALF, ..*settings };
    let budget = halving(&settings, level);
    let mut document = opened(glb)?;
    for pass in PASSES {
        passes::run_with(*pass, &mut document, &settings, budget)?;
    }
    write::write(&document)
}

/// What a level may lose doubles from level to level, as it is looked at from twice as far.
fn halving(settings: &Settings, level: u8) -> Budget {
    Budget { growth: 0, ..Budget::of(settings).from_afar(level) }
}
