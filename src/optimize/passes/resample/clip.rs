//! One clip: which keys of its tracks stay, and which key times they share.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use rayon::prelude::*;

use super::keys;
use super::measure::Stage;
use super::rig::Rig;
use super::track::{Motion, Property, Track};
use crate::optimize::budget::Budget;

/// Rounds of thinning and measuring; the last one before giving up on the clip.
const ROUNDS: usize = 5;
/// Part of a tolerance that a track gets where a clip is too large to be measured.
const UNMEASURED_SHARE: f32 = 0.125;
/// Errors are brought to this part of the bound, so that few rounds are needed.
const AIM: f32 = 0.8;

/// What another accessor for key times costs in JSON, and what a time and a component of a value cost once
/// compressed; in bytes.
const ACCESSOR_BYTES: usize = 130;
const TIME_BYTES: usize = 3;
const COMPONENT_BYTES: usize = 1;
/// Sets of key times that a track is tried with.
const SETS_TRIED: usize = 12;

/// Values at which tracks of earlier clips stood still, by what they drive: equal ones are stored once.
pub(super) type Constants = HashMap<(usize, Property), Vec<Vec<f32>>>;

/// What thinning needs to know besides the clip.
pub(super) struct Surroundings<'a> {
    pub rig: &'a Rig,
    pub budget: &'a Budget,
    /// Number of clips in the file.
    pub clips: usize,
}

/// The tracks with fewer keys; nothing in the clip is further off than the budget allows.
pub(super) fn thinned(tracks: &[Track], around: &Surroundings, constants: &Constants) -> Vec<Track> {
    let stage = Stage::set(around.rig, tracks, around.clips);
    let first = if stage.is_some() { 1.0 } else { UNMEASURED_SHARE };
    let mut shares = vec![first; around.rig.parents.len()];
    for _ in 0..ROUNDS {
        let tolerances: Vec<f32> = tracks.iter().map(|track| tolerance(track, around, &shares)).collect();
        let thinned = thin(tracks, &tolerances, constants);
        let Some(stage) = &stage else { return thinned };
        let errors = stage.errors(&thinned);
        if errors.iter().all(|&error| error <= 1.0) {
            return thinned;
        }
        soften(&mut shares, errors, around.rig);
    }
    thin(tracks, &vec![0.0; tracks.len()], constants)
}

fn tolerance(track: &Track, around: &Surroundings, shares: &[f32]) -> f32 {
    let share = track.node.and_then(|node| shares.get(node)).copied().unwrap_or(0.0);
    share * around.rig.tolerance(track, around.budget)
}

/// Gives less to all tracks that move a point which is too far off.
fn soften(shares: &mut [f32], mut errors: Vec<f32>, rig: &Rig) {
    for &node in rig.order.iter().rev() {
        if let Some(parent) = rig.parents[node] {
            errors[parent] = errors[parent].max(errors[node]);
        }
    }
    for (share, error) in shares.iter_mut().zip(errors) {
        if error > 1.0 {
            *share *= AIM / error;
        }
    }
}

/// What stays of a track.
enum Stay {
    Held(Vec<f32>),
    Keys(Vec<usize>),
}

fn thin(tracks: &[Track], tolerances: &[f32], constants: &Constants) -> Vec<Track> {
    let stay = |(track, &tolerance): (&Track, &f32)| {
        let known = track.node.and_then(|node| constants.get(&(node, track.property)));
        let rest = track.rest.as_deref();
        let candidates: Vec<&[f32]> =
            rest.into_iter().chain(known.into_iter().flatten().map(Vec::as_slice)).collect();
        match keys::constant(track, &candidates, tolerance) {
            Some(value) => Stay::Held(value),
            None => Stay::Keys(keys::needed(track, tolerance)),
        }
    };
    let mut stays: Vec<Stay> = tracks.par_iter().zip(tolerances).map(stay).collect();
    share_times(tracks, tolerances, &mut stays);
    let apply =
        |((track, stay), &tolerance): ((&Track, Stay), &f32)| Track { tolerance, ..reduced(track, stay) };
    tracks.iter().zip(stays).zip(tolerances).map(apply).collect()
}

fn reduced(track: &Track, stay: Stay) -> Track {
    match stay {
        _ if track.motion == Motion::Other => track.clone(),
        Stay::Held(value) => track.held(value),
        Stay::Keys(kept) => track.with_keys(&kept),
    }
}

/// Key times of its own cost a track an accessor, so it takes those of another, or all it had, where that is
/// cheaper. Those that need most choose first.
fn share_times(tracks: &[Track], tolerances: &[f32], stays: &mut [Stay]) {
    let mut order: Vec<(usize, usize)> = Vec::new();
    for (index, stay) in stays.iter().enumerate() {
        if let Stay::Keys(kept) = stay
            && tracks[index].motion != Motion::Other
        {
            order.push((kept.len(), index));
        }
    }
    order.sort_unstable_by_key(|&(count, index)| (Reverse(count), index));
    let mut sets: Vec<Vec<f32>> = Vec::new();
    let mut known: HashSet<Vec<u32>> = HashSet::new();
    for (_, index) in order {
        let (track, tolerance) = (&tracks[index], tolerances[index]);
        let Stay::Keys(own) = &stays[index] else { continue };
        let value_bytes = track.width * COMPONENT_BYTES;
        let cost = |kept: &[usize]| {
            let times: Vec<u32> = kept.iter().map(|&key| track.times[key].to_bits()).collect();
            let new = if known.contains(&times) { 0 } else { ACCESSOR_BYTES + TIME_BYTES * kept.len() };
            new + kept.len() * value_bytes
        };
        let all: Vec<usize> = (0..track.times.len()).collect();
        // Newest first: the sets become shorter from track to track.
        let shared = sets.iter().rev().take(SETS_TRIED).filter_map(|set| keys::positions(track, set));
        let shared = shared.filter(|kept| keys::fits(track, kept, tolerance));
        let best = shared.chain([all]).min_by_key(|kept| cost(kept));
        let best = best.filter(|kept| cost(kept) < cost(own)).unwrap_or_else(|| own.clone());
        let times: Vec<f32> = best.iter().map(|&key| track.times[key]).collect();
        if known.insert(times.iter().map(|time| time.to_bits()).collect()) {
            sets.push(times);
        }
        stays[index] = Stay::Keys(best);
    }
}
