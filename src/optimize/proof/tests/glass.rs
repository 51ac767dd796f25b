//! What light goes through, and its colour.

use super::*;

/// A ball of glass that stands alone.
fn glass(colour: [f32; 3], has_two_sides: bool) -> Document {
    let mut document = balls();
    let [r, g, b] = colour;
    document.list_mut("materials")[0] = json!({
        "pbrMetallicRoughness": {"baseColorFactor": [r, g, b, 1.0], "metallicFactor": 0.0, "roughnessFactor": 0.1},
        "extensions": {"KHR_materials_transmission": {"transmissionFactor": 1.0}},
        "doubleSided": has_two_sides,
    });
    document.root["scenes"][0]["nodes"] = json!([0]);
    document
}

/// A red glass looked like a green one: before an empty background its colour was multiplied by black.
#[test]
fn regression_glass_before_nothing_shows_its_colour() {
    let [red, green, pink] = [[0.9, 0.1, 0.1], [0.1, 0.9, 0.1], [0.9, 0.15, 0.15]];
    let error = |other| compare(&glass(red, false), &glass(other, false)).mean;
    assert!(error(green) > 0.8, "{}", error(green));
    assert!(error(pink) > 0.01 && error(pink) < 0.3, "{}", error(pink));
}

/// Only the front of a ball of glass was seen, which hid half of its colour.
#[test]
fn regression_glass_with_two_sides_colours_light_twice() {
    let (once, twice) = ([0.8, 0.5, 0.7], [0.8f32 * 0.8, 0.5 * 0.5, 0.7 * 0.7]);
    let error = |colour| compare(&glass(once, true), &glass(colour, false)).mean;
    assert!(error(twice) < 0.5 * error(once), "{} {}", error(twice), error(once));
}
