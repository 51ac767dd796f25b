//! resample: animation tracks without the keys that interpolation gives anyway.
//!
//! Key times are only ever left out, never moved: resampling at a fixed rate shifts fast movements. How far a
//! track may be off follows from how far that moves the model ([`rig`]), and is measured by playing each clip
//! ([`measure`]). A track that stands still keeps one key; where it stands where its node rests, it goes
//! altogether, as other tools do, unless `animation` is `keep`: an engine that does not put nodes back when a
//! clip ends would show the last pose of another clip.
//! Every clip keeps its duration and at least one channel. Equal key times and values are stored once in the
//! file, and tracks share key times where that is cheaper ([`clip`]).
//! Declines for splines (their tangents carry the shape), for key times that do not rise, and when an
//! unknown extension may refer to animations by number.

mod affine;
mod assemble;
mod clip;
mod keys;
mod measure;
mod rig;
mod track;

use serde_json::Value;

use self::assemble::Pool;
use self::clip::{Constants, Surroundings};
use self::rig::{Extent, Rig};
use self::track::Track;
use super::vertex_groups::drop_replaced;
use super::{Context, Outcome, Pass, counted};
use crate::optimize::Error;
use crate::optimize::document::{Accessor, Document, Kind, edit};
use crate::optimize::settings::{Animation, Target};

/// See the module.
pub(super) struct Resample;

/// Constants remembered for one property of a node; more would make hostile files slow.
const CONSTANTS_KEPT: usize = 32;

impl Pass for Resample {
    fn name(&self) -> &'static str {
        "resample"
    }

    fn renumbers(&self) -> bool {
        true
    }

    fn run(&self, document: &mut Document, context: &mut Context) -> Result<Outcome, Error> {
        if document.list("animations").is_empty() {
            return Ok(Outcome::Unchanged("there are no animations".into()));
        }
        let rig = Rig::of(document, &extents(document), &context.budget);
        let clips = document.list("animations").len();
        let around = Surroundings { rig: &rig, budget: &context.budget, clips };
        let drops = context.settings.animation == Animation::Auto;
        let pool = Pool::after(document, context.settings.target != Target::Universal);
        let (animations, accessors, saved) = resampled(document, &around, drops, pool);
        if saved == Saved::default() {
            return Ok(Outcome::Unchanged("every key is needed".into()));
        }
        let before = edit::referenced(document, Kind::Accessor);
        document.accessors.extend(accessors);
        document.list_mut("animations").clone_from_slice(&animations);
        drop_replaced(document, &before);
        Ok(Outcome::Changed(notes(document, saved)))
    }
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Saved {
    keys: usize,
    channels: usize,
}

fn notes(document: &mut Document, saved: Saved) -> Vec<String> {
    let mut notes = vec![format!("{} left out", counted(saved.keys, "key", "keys"))];
    if saved.channels > 0 {
        let what = counted(saved.channels, "channel", "channels");
        notes.push(format!("{what} removed that held a node where it rests"));
        let kept = "the setting animation=keep keeps them";
        document.dropped.push(format!("{what} of animations that held a node where it rests ({kept})"));
    }
    notes
}

fn extents(document: &Document) -> Vec<Extent> {
    let tracks = document.list("animations").iter().flat_map(|animation| tracks(document, animation));
    tracks.flatten().filter_map(|track| Extent::of(&track)).collect()
}

/// The tracks of a clip; `None` in the place of one that cannot be taken apart.
fn tracks<'d>(document: &'d Document, animation: &'d Value) -> impl Iterator<Item = Option<Track>> {
    let channels = animation["channels"].as_array().into_iter().flatten();
    channels.map(|channel| track::read(document, animation, channel))
}

/// All animations with fewer keys, and the accessors that they need.
fn resampled(
    document: &Document,
    around: &Surroundings,
    drops: bool,
    mut pool: Pool,
) -> (Vec<Value>, Vec<Accessor>, Saved) {
    let mut constants = Constants::new();
    let mut saved = Saved::default();
    let mut animations = Vec::new();
    for animation in document.list("animations") {
        let old: Option<Vec<Track>> = tracks(document, animation).collect();
        let Some(old) = old.filter(|tracks| !tracks.is_empty()) else {
            animations.push(animation.clone());
            continue;
        };
        let new = settled(&old, clip::thinned(&old, around, &constants), drops);
        remember(&new, &mut constants);
        let keys = |tracks: &[Track]| tracks.iter().map(|track| track.times.len()).sum::<usize>();
        saved.channels += old.len() - new.len();
        saved.keys += keys(&old).saturating_sub(keys(&new));
        animations.push(assemble::animation(document, animation, new, &mut pool));
    }
    (animations, pool.into_accessors(), saved)
}

/// The tracks that stay, of a clip that is as long as before: players take the last key time as its end.
fn settled(old: &[Track], mut new: Vec<Track>, drops: bool) -> Vec<Track> {
    let full = duration(old.iter());
    let rests = |track: &Track| track.is_held() && track.rest.as_ref() == Some(&track.values);
    let mut stays: Vec<bool> = new.iter().map(|track| !drops || !rests(track)).collect();
    let left = duration(new.iter().zip(&stays).filter(|(_, stays)| **stays).map(|(track, _)| track));
    if left < full || !stays.contains(&true) {
        // A track that stands still holds the clip at its length; one that would stay anyway if there is one.
        let held = |stay: bool| (0..new.len()).find(|&index| new[index].is_held() && stays[index] == stay);
        if let Some(index) = held(true).or_else(|| held(false)) {
            stays[index] = true;
            if new[index].times[0] < full {
                new[index].times.push(full);
                new[index].values.extend_from_within(..);
            }
        }
    }
    let mut stays = stays.into_iter();
    new.retain(|_| stays.next() == Some(true));
    new
}

/// The last key time, in seconds; 0 without tracks.
fn duration<'t>(tracks: impl Iterator<Item = &'t Track>) -> f32 {
    tracks.filter_map(|track| track.times.last()).fold(0.0, |latest, &time| latest.max(time))
}

fn remember(tracks: &[Track], constants: &mut Constants) {
    for track in tracks {
        let Some(node) = track.node.filter(|_| track.is_held()) else { continue };
        let known = constants.entry((node, track.property)).or_default();
        if known.len() < CONSTANTS_KEPT && !known.contains(&track.values) {
            known.push(track.values.clone());
        }
    }
}
