//! What no picture shows is said, and textures are read by the coordinates that they name.

use super::*;
use crate::optimize::proof::missing::not_shown;

/// The balls, the left one with a picture by another set of coordinates than all the rest.
fn by_set(set: usize) -> Document {
    let mut document = balls();
    let mut uvs = document.accessors[2].vectors::<2>();
    uvs.iter_mut().for_each(|uv| uv[0] += 0.125);
    document.accessors.push(Accessor::from_floats(Shape::Vec2, &uvs.concat()));
    document.list_mut("meshes")[0]["primitives"][0]["attributes"][format!("TEXCOORD_{set}")] = 7.into();
    document.list_mut("materials")[0]["pbrMetallicRoughness"]["baseColorTexture"]["texCoord"] = set.into();
    document
}

/// Coordinates of the third set were read from the second, and what was wrong with them was not seen.
#[test]
fn regression_four_sets_of_coordinates_are_read() {
    for set in 1..4 {
        let original = by_set(set);
        assert_eq!(compare(&by_set(1), &original).mean, 0.0);
        let mut result = original.clone();
        result.accessors[7] = original.accessors[2].clone();
        let comparison = compare(&original, &result);
        assert!(comparison.mean > 0.05 && comparison.not_shown.is_empty(), "{set}: {comparison:?}");
    }
    let comparison = compare(&by_set(4), &by_set(4));
    assert_eq!(comparison.not_shown, ["textures by coordinates above set 3 are not drawn"]);
}

/// Much could be lost without an error and without a word.
#[test]
fn regression_what_is_not_looked_at_is_said() {
    let told = |change: &dyn Fn(&mut Document), expected: &str| {
        let mut document = balls();
        change(&mut document);
        assert_eq!(not_shown(&Model::new(&document, &Textures::default())), [expected]);
    };
    told(
        &|document| document.root["scenes"].as_array_mut().unwrap().push(json!({"nodes": [0]})),
        "scenes other than the default one are not drawn",
    );
    told(
        &|document| {
            let channel = json!({"sampler": 0, "target": {"path": "pointer"}});
            let clip = json!([{"channels": [channel], "samplers": [{"input": 2, "output": 2}]}]);
            document.root.insert("animations".into(), clip);
        },
        "what KHR_animation_pointer moves is not played",
    );
    told(
        &|document| {
            let light = json!({"extensions": {"KHR_lights_punctual": {"light": 0}}});
            document.root["nodes"].as_array_mut().unwrap().extend(vec![light; 17]);
        },
        "of more than 16 lights, the others do not shine",
    );
    told(
        &|document| {
            let clip = json!({"channels": [], "samplers": []});
            document.root.insert("animations".into(), vec![clip; 5].into());
        },
        "of more than 4 animations, the others are not drawn (where their joints are is compared)",
    );
    told(
        &|document| {
            let variants = vec![json!({"name": "one"}); 5];
            let variants = json!({"KHR_materials_variants": {"variants": variants}});
            document.root.insert("extensions".into(), variants);
        },
        "of more than 4 variants, the others are not drawn",
    );
    told(
        &|document| document.list_mut("meshes")[1]["primitives"][0]["targets"][0]["COLOR_0"] = 1.into(),
        "morph targets of COLOR are not applied",
    );
    told(
        &|document| document.list_mut("meshes")[1]["primitives"][0]["attributes"]["JOINTS_1"] = 4.into(),
        "joints beyond four a vertex are not applied",
    );
}

/// What only the result has was not said.
#[test]
fn regression_what_is_not_looked_at_is_said_of_both_files() {
    let (plain, mut other) = (balls(), balls());
    other.root["scenes"].as_array_mut().unwrap().push(json!({"nodes": [0]}));
    for (before, after) in [(&plain, &other), (&other, &plain), (&other, &other)] {
        assert_eq!(compare(before, after).not_shown, ["scenes other than the default one are not drawn"]);
    }
}

/// Cameras could be lost, and nobody was told.
#[test]
fn regression_cameras_are_compared() {
    let of = |angle: f64| {
        let mut document = balls();
        let camera =
            json!({"name": "eye", "type": "perspective", "perspective": {"yfov": angle, "znear": 0.1}});
        document.root.insert("cameras".into(), json!([camera]));
        document
    };
    let said = |before: &Document, after: &Document| compare(before, after).not_shown;
    let expected = ["the cameras of the result are not those of the original"];
    assert_eq!(said(&of(0.7), &of(0.8)), expected);
    assert_eq!(said(&of(0.7), &balls()), expected);
    assert!(said(&of(0.7), &of(0.700_000_01)).is_empty());
}
