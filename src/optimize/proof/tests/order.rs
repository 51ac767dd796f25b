//! Another tool may write animations and variants in another order.

use super::*;
use crate::optimize::proof::align;

/// What is said of a result whose animations and variants are put in order first.
fn aligned(before: &Document, mut after: Document) -> Comparison {
    align(&mut after, before);
    compare(before, &after)
}

/// The balls with clips of these names, each of which lifts the left one by as much.
fn named(clips: &[(&str, f32)]) -> Document {
    let mut document = lifted(&clips.iter().map(|(_, height)| *height).collect::<Vec<_>>());
    for (clip, (name, _)) in document.list_mut("animations").iter_mut().zip(clips) {
        clip["name"] = (*name).into();
    }
    document
}

/// The balls, the left one of gold in one variant and as it is in the other.
fn golden_in(place: usize) -> Document {
    let mut document = varied();
    let mut names = vec!["plain"; 2];
    names[place] = "golden";
    let variants: Vec<Value> = names.into_iter().map(|name| json!({"name": name})).collect();
    document.root["extensions"]["KHR_materials_variants"]["variants"] = variants.into();
    let mappings = json!({"mappings": [{"material": 1, "variants": [place]}]});
    document.list_mut("meshes")[0]["primitives"][0]["extensions"]["KHR_materials_variants"] = mappings;
    document
}

#[test]
fn clips_are_compared_by_their_names() {
    let original = named(&[("walk", 0.2), ("jump", 1.0)]);
    let other_order = named(&[("jump", 1.0), ("walk", 0.2)]);
    assert!(compare(&original, &other_order).joints.is_some_and(|part| part > 0.1));
    assert_eq!(aligned(&original, other_order).joints, Some(0.0));
    let swapped = named(&[("jump", 0.2), ("walk", 1.0)]);
    assert!(aligned(&original, swapped).joints.is_some_and(|part| part > 0.1), "other movements, same names");
}

#[test]
fn a_clip_that_is_gone_leaves_its_place_empty() {
    let original = named(&[("walk", 0.2), ("jump", 1.0)]);
    let comparison = aligned(&original, named(&[("jump", 1.0)]));
    assert_eq!(comparison.durations, Some(1.0), "walk is gone");
    let comparison = aligned(&original, named(&[("run", 0.2), ("jump", 1.0)]));
    assert_eq!((comparison.durations, comparison.joints), (Some(0.0), Some(0.0)), "renamed, and the same");
}

#[test]
fn clips_without_a_name_of_their_own_keep_their_order() {
    let original = named(&[("clip", 0.2), ("clip", 1.0)]);
    assert_eq!(aligned(&original, original.clone()).joints, Some(0.0));
    assert_eq!(aligned(&lifted(&[0.2, 1.0]), lifted(&[0.2, 1.0])).joints, Some(0.0));
}

#[test]
fn variants_are_compared_by_their_names() {
    assert!(compare(&golden_in(0), &golden_in(1)).worst > 0.01);
    assert_eq!(aligned(&golden_in(0), golden_in(1)).worst, 0.0);
    let mut other = golden_in(1);
    other.root["extensions"]["KHR_materials_variants"]["variants"][0]["name"] = "golden".into();
    other.root["extensions"]["KHR_materials_variants"]["variants"][1]["name"] = "plain".into();
    assert!(aligned(&golden_in(0), other).worst > 0.01, "the gold is in the other one now");
}
