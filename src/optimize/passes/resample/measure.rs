//! Measuring: plays a clip as it was and as it would be, and compares where things are in the world.
//!
//! Errors of a chain of joints add up. Where a point is further off than allowed, all tracks that move it are
//! given less, and the clip is thinned again.

use super::affine::{Affine, Pose, distance};
use super::rig::Rig;
use super::track::{Property, Track};

/// Nodes posed at most in a file, each at many times: bounds the work for long clips of large scenes.
const POSES: usize = 1 << 20;
/// Fewer times than this say too little about a clip.
const LEAST_TIMES: usize = 8;

/// One clip's tracks by the node that they move.
pub(super) struct Stage<'a> {
    rig: &'a Rig,
    tracks: &'a [Track],
    by_node: Vec<Vec<usize>>,
    /// Nodes that move, parents first.
    moving: Vec<usize>,
    times: Vec<f32>,
    /// What is compared on each moving node, in its own space.
    points: Vec<Vec<[f32; 3]>>,
}

impl<'a> Stage<'a> {
    /// `None` where there is too much to play; `clips` is their number in the file.
    pub(super) fn set(rig: &'a Rig, tracks: &'a [Track], clips: usize) -> Option<Self> {
        let nodes = rig.parents.len();
        let affordable = POSES / nodes.saturating_mul(clips).max(1);
        let mut times: Vec<f32> = tracks.iter().flat_map(|track| track.times.iter().copied()).collect();
        times.sort_unstable_by(f32::total_cmp);
        times.dedup();
        if affordable < LEAST_TIMES.min(times.len()) {
            return None;
        }
        let stride = times.len().div_ceil(affordable.max(1)).max(1);
        let mut by_node = vec![Vec::new(); nodes];
        for (index, track) in tracks.iter().enumerate() {
            if let Some(list) = track.node.and_then(|node| by_node.get_mut(node)) {
                list.push(index);
            }
        }
        let mut moves = vec![false; nodes];
        for &node in &rig.order {
            moves[node] = !by_node[node].is_empty() || rig.parents[node].is_some_and(|parent| moves[parent]);
        }
        let moving: Vec<usize> = rig.order.iter().copied().filter(|&node| moves[node]).collect();
        let points = moving.iter().map(|&node| rig.points(node)).collect();
        let times = times.into_iter().step_by(stride).collect();
        Some(Self { rig, tracks, by_node, moving, times, points })
    }

    /// By node: how far anything on it is off at worst when the `thinned` tracks are played, as a part of what is
    /// allowed.
    pub(super) fn errors(&self, thinned: &[Track]) -> Vec<f32> {
        let mut worst = vec![0.0f32; self.rig.parents.len()];
        let (mut old, mut new) = (self.rig.world.clone(), self.rig.world.clone());
        for &time in &self.times {
            for (&node, points) in self.moving.iter().zip(&self.points) {
                old[node] = self.posed(node, self.tracks, time, &old);
                new[node] = self.posed(node, thinned, time, &new);
                let off = |point: &[f32; 3]| distance(old[node].point(*point), new[node].point(*point));
                let off = points.iter().map(off).fold(0.0, f32::max);
                worst[node] = worst[node].max(off / self.rig.bound(node).max(f32::MIN_POSITIVE));
            }
        }
        worst
    }

    fn posed(&self, node: usize, tracks: &[Track], time: f32, world: &[Affine]) -> Affine {
        let local = self.rig.fixed[node].unwrap_or_else(|| {
            let mut pose = self.rig.rest[node];
            for &index in &self.by_node[node] {
                apply(&tracks[index], time, &mut pose);
            }
            pose.affine()
        });
        self.rig.parents[node].map_or(local, |parent| world[parent].times(&local))
    }
}

fn apply(track: &Track, time: f32, pose: &mut Pose) {
    match (track.property, track.sample(time).as_slice()) {
        (Property::Translation, &[x, y, z]) => pose.translation = [x, y, z],
        (Property::Rotation, &[x, y, z, w]) => pose.rotation = [x, y, z, w],
        (Property::Scale, &[x, y, z]) => pose.scale = [x, y, z],
        _ => {}
    }
}
