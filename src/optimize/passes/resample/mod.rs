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
mod hanging;
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::optimize::budget::Budget;
    use crate::optimize::document::Shape;
    use crate::optimize::passes::run_alone;
    use crate::optimize::{Preset, Settings};

    /// A clip that scales node 0, whose keys are these.
    fn clip(times: &[f32], scales: &[f32]) -> Document {
        let root = json!({
            "nodes": [{ "mesh": 0 }, { "mesh": 0, "translation": [10, 0, 0] }],
            "meshes": [{ "primitives": [{ "attributes": { "POSITION": 2 } }] }],
            "animations": [{
                "channels": [{ "sampler": 0, "target": { "node": 0, "path": "scale" } }],
                "samplers": [{ "input": 0, "output": 1 }],
            }],
        });
        let values: Vec<f32> = scales.iter().flat_map(|&scale| [scale; 3]).collect();
        let accessors =
            [(Shape::Scalar, times), (Shape::Vec3, &values), (Shape::Vec3, &[0.0, 0.0, 0.0, 1.0, 0.0, 0.0])]
                .map(|(shape, values)| Accessor::from_floats(shape, values))
                .to_vec();
        Document { root: root.as_object().cloned().unwrap(), accessors, ..Document::default() }
    }

    fn run(document: &mut Document, animation: Animation) -> Outcome {
        let settings = Settings { preset: Preset::Maximum, animation, ..Settings::default() };
        run_alone(&Resample, document, settings)
    }

    fn channels(document: &Document, clip: usize) -> usize {
        document.list("animations")[clip]["channels"].as_array().unwrap().len()
    }

    /// Adds a clip that moves node 1 and holds node 0 where it rests.
    fn with_two_clips() -> Document {
        let mut document = clip(&[0.0, 1.0, 2.0], &[1.0, 1.0, 1.0]);
        let moved = [1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 5.0, 5.0, 5.0];
        document.accessors.push(Accessor::from_floats(Shape::Vec3, &moved));
        let animation = json!({
            "channels": [
                { "sampler": 0, "target": { "node": 0, "path": "scale" } },
                { "sampler": 1, "target": { "node": 1, "path": "scale" } },
            ],
            "samplers": [{ "input": 0, "output": 1 }, { "input": 0, "output": 3 }],
        });
        document.root["animations"].as_array_mut().unwrap().push(animation);
        document
    }

    #[test]
    fn a_resting_channel_goes_and_is_reported_but_no_clip_loses_all() {
        let mut document = with_two_clips();
        assert!(matches!(run(&mut document, Animation::Auto), Outcome::Changed(_)));
        assert_eq!([channels(&document, 0), channels(&document, 1)], [1, 1]);
        assert_eq!(document.list("animations")[1]["channels"][0]["target"]["node"], 1);
        assert!(document.dropped[0].starts_with("1 channel of animations"), "{:?}", document.dropped);
    }

    #[test]
    fn keep_keeps_every_channel_with_one_key() {
        let mut document = with_two_clips();
        assert!(matches!(run(&mut document, Animation::Keep), Outcome::Changed(_)));
        assert_eq!([channels(&document, 0), channels(&document, 1)], [1, 2]);
        assert!(document.dropped.is_empty());
        let sampler = &document.list("animations")[1]["samplers"][0];
        let keys = document.accessors[usize::try_from(sampler["input"].as_u64().unwrap()).unwrap()].floats();
        assert_eq!(keys, [0.0]);
    }

    #[test]
    fn a_clip_that_stands_still_keeps_its_length() {
        let mut document = clip(&[0.0, 1.0, 2.0], &[1.0, 1.0, 1.0]);
        run(&mut document, Animation::Auto);
        assert_eq!(channels(&document, 0), 1);
        let input = &document.list("animations")[0]["samplers"][0]["input"];
        let times = document.accessors[usize::try_from(input.as_u64().unwrap()).unwrap()].floats();
        assert_eq!(times, [0.0, 2.0]);
    }

    /// The only key of the clip was doubled at the same time, which made key times that do not rise.
    #[test]
    fn regression_a_clip_of_one_resting_key_stays_as_it_is() {
        for mut document in [clip(&[0.0], &[1.0]), clip(&[0.0, 1.0], &[1.0, 1.0])] {
            assert!(matches!(run(&mut document, Animation::Auto), Outcome::Unchanged(_)));
        }
    }

    /// Keys within the tolerance of the first one, which was within the tolerance of the rest: twice as far off.
    #[test]
    fn regression_a_track_rests_only_when_all_its_keys_do() {
        let near = |first: f32, second: f32| {
            let mut document = with_two_clips();
            let values: Vec<f32> = [first, second, second].iter().flat_map(|&scale| [scale; 3]).collect();
            document.accessors[1] = Accessor::from_floats(Shape::Vec3, &values);
            run(&mut document, Animation::Auto);
            channels(&document, 1)
        };
        // The mesh is a line of length 1 from its node, so a scale is as far off as the line's end.
        let tolerance = Budget::of(&Settings { preset: Preset::Maximum, ..Settings::default() }).motion_error;
        assert_eq!(near(1.0 + 0.1 * tolerance, 1.0), 1);
        assert_eq!(near(1.0 + 0.9 * tolerance, 1.0 + 1.8 * tolerance), 2);
    }

    #[test]
    fn a_spline_that_moves_is_left_alone_and_one_that_stands_still_becomes_a_key() {
        let spline = |tangents: [f32; 3]| {
            let mut document = clip(&[0.0, 1.0, 2.0], &[1.0; 3]);
            // In-tangent, value, out-tangent of each key.
            let key = |tangent: f32| [[tangent; 3], [1.5; 3], [tangent; 3]].concat();
            let values: Vec<f32> = tangents.into_iter().flat_map(key).collect();
            document.accessors[1] = Accessor::from_floats(Shape::Vec3, &values);
            let samplers = json!([{ "input": 0, "output": 1, "interpolation": "CUBICSPLINE" }]);
            document.root["animations"][0]["samplers"] = samplers;
            run(&mut document, Animation::Keep);
            let sampler = &document.list("animations")[0]["samplers"][0];
            let output = usize::try_from(sampler["output"].as_u64().unwrap()).unwrap();
            (sampler["interpolation"] == "CUBICSPLINE", document.accessors[output].count)
        };
        assert_eq!(spline([0.0, 2.0, 0.0]), (true, 9));
        assert_eq!(spline([0.0; 3]), (false, 2));
    }
}
