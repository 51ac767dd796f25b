//! Which keys of a track are needed: pure questions about one track and one tolerance.

use super::track::{Motion, Property, Track};

/// Keys further apart than this are not looked at together, which bounds the work for a track.
const LONGEST_GAP: usize = 240;

/// A value that every key of the track is near to: one of `candidates` (the first that will do), or the
/// track's own middle. `None` for tracks that move.
pub(super) fn constant(track: &Track, candidates: &[&[f32]], tolerance: f32) -> Option<Vec<f32>> {
    if track.motion == Motion::Other || track.times.is_empty() {
        return None;
    }
    let is_near =
        |value: &[f32]| (0..track.times.len()).all(|key| track.distance(track.key(key), value) <= tolerance);
    let known = candidates.iter().find(|value| value.len() == track.width && is_near(value));
    if let Some(known) = known {
        return Some(known.to_vec());
    }
    // A value of the track itself wherever possible: exact tracks stay exact.
    let own = [track.key(0).to_vec(), middle(track)];
    own.into_iter().find(|value| is_near(value))
}

/// The middle of the values' range; for rotations a unit quaternion.
fn middle(track: &Track) -> Vec<f32> {
    let first = track.key(0);
    let (mut least, mut most) = (first.to_vec(), first.to_vec());
    for key in 0..track.times.len() {
        let value = track.key(key);
        let dot: f32 = first.iter().zip(value).map(|(a, b)| a * b).sum();
        // Both signs are the same rotation.
        let sign = if track.property == Property::Rotation && dot < 0.0 { -1.0 } else { 1.0 };
        for (i, &v) in value.iter().enumerate() {
            least[i] = least[i].min(sign * v);
            most[i] = most[i].max(sign * v);
        }
    }
    let mut middle: Vec<f32> = least.iter().zip(&most).map(|(a, b)| f32::midpoint(*a, *b)).collect();
    if track.property == Property::Rotation {
        let length = middle.iter().map(|v| v * v).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
        middle.iter_mut().for_each(|v| *v /= length);
    }
    middle
}

/// Positions of the keys that are needed; all of them where the track is not to be touched. From each kept key
/// to the furthest one such that every key passed over lies on the way.
pub(super) fn needed(track: &Track, tolerance: f32) -> Vec<usize> {
    let count = track.times.len();
    if track.motion == Motion::Other || count < 3 {
        return (0..count).collect();
    }
    let mut kept = vec![0];
    let mut from = 0;
    while from < count - 1 {
        let mut to = from + 1;
        while to + 1 < count && to + 1 - from <= LONGEST_GAP && is_on_the_way(track, from, to + 1, tolerance)
        {
            to += 1;
        }
        kept.push(to);
        from = to;
    }
    kept
}

fn is_on_the_way(track: &Track, from: usize, to: usize, tolerance: f32) -> bool {
    (from + 1..to).all(|at| {
        let value = track.between(from, to, track.times[at]);
        track.distance(&value, track.key(at)) <= tolerance
    })
}

/// Whether the track stays within its tolerance with only the `kept` keys, its first and last among them: a clip
/// must not become shorter.
pub(super) fn fits(track: &Track, kept: &[usize], tolerance: f32) -> bool {
    kept.first() == Some(&0)
        && kept.last() == track.times.len().checked_sub(1).as_ref()
        && kept.windows(2).all(|pair| is_on_the_way(track, pair[0], pair[1], tolerance))
}

/// Where the times of a set are among the track's own; `None` when one of them is missing: no key is moved.
pub(super) fn positions(track: &Track, times: &[f32]) -> Option<Vec<usize>> {
    let find = |time: &f32| track.times.binary_search_by(|own| own.total_cmp(time)).ok();
    times.iter().map(find).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value};

    use super::*;

    fn track(motion: Motion, values: &[f32]) -> Track {
        Track {
            channel: Value::Null,
            sampler: Map::new(),
            times: (0u8..).take(values.len()).map(f32::from).collect(),
            values: values.to_vec(),
            width: 1,
            motion,
            property: Property::Weights,
            node: None,
            rest: None,
            tolerance: 0.0,
        }
    }

    #[test]
    fn keys_on_a_straight_line_are_not_needed_but_its_corner_is() {
        let values = [0.0, 1.0, 2.0, 3.0, 2.0, 1.0];
        assert_eq!(needed(&track(Motion::Linear, &values), 1e-4), [0, 3, 5]);
    }

    #[test]
    fn a_step_needs_its_key_and_only_that() {
        let values = [0.0, 0.0, 0.0, 1.0, 1.0, 1.0];
        let stepping = track(Motion::Step, &values);
        let kept = needed(&stepping, 1e-4);
        assert_eq!(kept, [0, 3, 5]);
        for time in [0.0, 2.9, 3.0, 5.0] {
            assert_eq!(stepping.with_keys(&kept).sample(time), stepping.sample(time));
        }
    }

    #[test]
    fn a_constant_is_taken_from_the_candidates_first() {
        let still = track(Motion::Linear, &[1.0, 1.01, 1.02]);
        assert_eq!(constant(&still, &[&[5.0], &[1.01]], 0.015), Some(vec![1.01]));
        assert_eq!(constant(&still, &[], 0.03), Some(vec![1.0]));
        assert_eq!(constant(&still, &[], 0.0101), Some(vec![1.01]));
        assert_eq!(constant(&still, &[], 0.005), None);
    }

    #[test]
    fn other_key_times_fit_only_within_the_tolerance() {
        let bent = track(Motion::Linear, &[0.0, 1.0, 2.0, 3.0, 2.0, 1.0]);
        assert!(fits(&bent, &[0, 3, 4, 5], 1e-4));
        assert!(!fits(&bent, &[0, 4, 5], 1e-4));
        assert!(!fits(&track(Motion::Linear, &[1.0; 3]), &[0, 1], 1e-4), "the clip would end earlier");
        assert_eq!(positions(&bent, &[0.0, 3.0]), Some(vec![0, 3]));
        assert_eq!(positions(&bent, &[0.0, 3.5]), None);
    }
}
