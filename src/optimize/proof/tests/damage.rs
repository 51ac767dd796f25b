//! Damage of every kind that an optimizer can do, done on purpose: it must be seen.

use super::*;

fn damaged(damage: impl Fn(&mut Document)) -> Comparison {
    let original = balls();
    let mut result = original.clone();
    damage(&mut result);
    compare(&original, &result)
}

/// Asserts that damage is seen, and on which node.
fn assert_seen(node: u32, damage: impl Fn(&mut Document)) {
    let comparison = damaged(damage);
    assert!(is_refused(&comparison), "{comparison:?}");
    let worst = comparison.views.iter().max_by(|a, b| a.error.total_cmp(&b.error)).unwrap();
    assert_eq!(worst.node, Some(node), "{worst:?}");
    let name = ["node 0 \"left\"", "node 1 \"right\""][node as usize];
    assert!(worst.object.as_ref().is_some_and(|object| object.starts_with(name)), "{worst:?}");
}

/// Whether a result that looks like this is refused at the default settings.
fn is_refused(comparison: &Comparison) -> bool {
    Budget::of(&Settings::default()).look.part(comparison) > 1.0
}

fn material(document: &mut Document) -> &mut serde_json::Map<String, Value> {
    document.list_mut("materials")[0].as_object_mut().unwrap()
}

#[test]
fn a_dropped_texture_is_seen() {
    assert_seen(0, |document| {
        drop(material(document)["pbrMetallicRoughness"].as_object_mut().unwrap().remove("baseColorTexture"))
    });
}

#[test]
fn a_texture_that_cannot_be_decoded_is_seen_and_named() {
    assert_seen(0, |document| document.images[0].source = ImageSource::Bytes(Arc::new(vec![1, 2, 3])));
    let comparison =
        damaged(|document| document.images[0].source = ImageSource::Bytes(Arc::new(vec![1, 2, 3])));
    assert_eq!(comparison.not_shown, ["image 0 of the result cannot be decoded"]);
}

#[test]
fn a_flipped_normal_map_is_seen() {
    assert_seen(0, |document| document.images[1] = bumps(-1.0));
}

#[test]
fn a_flipped_normal_map_of_a_coat_is_seen() {
    let mut original = balls();
    original.images.push(bumps(1.0));
    original.root["textures"].as_array_mut().unwrap().push(json!({"source": 2}));
    material(&mut original).insert(
        "extensions".into(),
        json!({"KHR_materials_clearcoat": {"clearcoatFactor": 1.0, "clearcoatNormalTexture": {"index": 2}}}),
    );
    let mut result = original.clone();
    result.images[2] = bumps(-1.0);
    assert!(is_refused(&compare(&original, &result)));
}

#[test]
fn a_lost_layer_of_a_material_is_seen() {
    for (name, layer) in [
        ("KHR_materials_clearcoat", json!({"clearcoatFactor": 1.0})),
        ("KHR_materials_sheen", json!({"sheenColorFactor": [0.9, 0.9, 0.9], "sheenRoughnessFactor": 0.4})),
        ("KHR_materials_anisotropy", json!({"anisotropyStrength": 1.0})),
        ("KHR_materials_iridescence", json!({"iridescenceFactor": 1.0})),
        ("KHR_materials_transmission", json!({"transmissionFactor": 1.0})),
    ] {
        let plain = balls();
        let mut layered = balls();
        material(&mut layered).insert("extensions".into(), json!({name: layer}));
        assert!(is_refused(&compare(&layered, &plain)), "{name}");
    }
}

#[test]
fn a_torn_seam_is_seen() {
    assert_seen(1, |document| {
        let mut points = document.accessors[0].vectors::<3>();
        let upper = points.len() / 2..points.len() / 2 + usize::from(COLUMNS);
        points[upper].iter_mut().for_each(|point| point[1] += 0.4);
        document.accessors.push(Accessor::from_floats(Shape::Vec3, &points.concat()));
        document.list_mut("meshes")[1]["primitives"][0]["attributes"]["POSITION"] = 7.into();
    });
}

#[test]
fn a_wrong_joint_is_seen() {
    assert_seen(1, |document| document.list_mut("skins")[0]["joints"] = json!([3, 2]));
}

#[test]
fn a_lost_morph_is_seen() {
    assert_seen(1, |document| document.list_mut("meshes")[1]["weights"] = json!([0.0]));
}

#[test]
fn a_blank_file_has_nothing_in_common() {
    let comparison = damaged(|document| document.root["scenes"][0]["nodes"] = json!([]));
    assert_eq!(comparison.silhouette, 0.0);
    assert!(comparison.mean > 0.2, "{comparison:?}");
}

#[test]
fn a_moved_clip_is_seen_in_its_poses() {
    let comparison = compare(&lifted(&[1.0]), &lifted(&[0.5]));
    assert_eq!(comparison.mean, 0.0, "at rest nothing has changed");
    assert!(is_refused(&comparison), "{comparison:?}");
    assert!(comparison.joints.is_some_and(|part| part > 0.1), "{:?}", comparison.joints);
}

#[test]
fn a_lost_clip_is_seen_wherever_it_was_in_the_list() {
    let original = lifted(&[0.0, 1.0]);
    let mut result = original.clone();
    drop(result.root["animations"].as_array_mut().unwrap().pop());
    assert!(is_refused(&compare(&original, &result)));
    drop(result.root.shift_remove("animations"));
    assert!(is_refused(&compare(&original, &result)));
}

#[test]
fn wrong_weights_are_seen() {
    assert_seen(1, |document| {
        let weights: Vec<f32> =
            document.accessors[5].vectors::<4>().iter().flat_map(|_| [0.5, 0.5, 0.0, 0.0]).collect();
        document.accessors[5] = Accessor::from_floats(Shape::Vec4, &weights);
        let joints = document.accessors[4].integers();
        let both = |joint: &[u32; 4]| [u8::from(joint[0] > 0), u8::from(joint[0] == 0), 0, 0];
        let joints = joints.as_chunks::<4>().0.iter().flat_map(both).collect();
        document.accessors[4] = Accessor::from_bytes(Component::U8, Shape::Vec4, joints);
    });
}

#[test]
fn a_missing_node_is_seen() {
    assert_seen(0, |document| document.root["scenes"][0]["nodes"] = json!([1, 2, 3]));
    assert_seen(1, |document| document.root["scenes"][0]["nodes"] = json!([0, 2, 3]));
}

#[test]
fn a_swapped_material_is_seen() {
    let original = varied();
    let mut result = original.clone();
    result.list_mut("meshes")[0]["primitives"][0]["material"] = 1.into();
    let comparison = compare(&original, &result);
    assert!(is_refused(&comparison), "{comparison:?}");
    let worst = comparison.worst_view().unwrap();
    assert_eq!(worst.object.as_deref(), Some("node 0 \"left\", material 0 \"bumps\""));
}

#[test]
fn a_lost_variant_is_seen() {
    let original = varied();
    let mut result = original.clone();
    drop(result.root.shift_remove("extensions"));
    drop(result.list_mut("meshes")[0]["primitives"][0].as_object_mut().unwrap().remove("extensions"));
    let comparison = compare(&original, &result);
    assert_eq!(comparison.mean, 0.0, "without a variant nothing has changed");
    assert!(is_refused(&comparison), "{comparison:?}");
}

/// The left ball of [`lifted`] with a clip of these key times and heights.
fn moved(times: &[f32], heights: &[f32]) -> Document {
    let mut document = lifted(&[0.0]);
    document.accessors[7] = Accessor { bounds: true, ..Accessor::from_floats(Shape::Scalar, times) };
    let places: Vec<f32> = heights.iter().flat_map(|height| [-1.2, *height, 0.0]).collect();
    document.accessors[8] = Accessor::from_floats(Shape::Vec3, &places);
    document
}

/// What happened between the two moments that pictures show was not seen, and a slower clip was asked for later seconds.
#[test]
fn regression_a_clip_is_measured_in_the_same_seconds_from_beginning_to_end() {
    let (times, heights) = ([0.0, 0.45, 0.55, 0.65, 1.0], [0.0, 0.0, 1.0, 0.0, 0.0]);
    let original = moved(&times, &heights);
    let still = compare(&original, &moved(&times, &[0.0; 5]));
    assert!(still.worst == 0.0 && is_refused(&still), "{still:?}");
    let slower = compare(&original, &moved(&times.map(|time| 3.0 * time), &heights));
    assert!(slower.durations.is_some_and(|part| (part - 2.0).abs() < 1e-3), "{slower:?}");
    assert!(slower.joints.is_some_and(|part| part > 0.1) && is_refused(&slower), "{slower:?}");
    let shorter = compare(&moved(&times, &[0.0; 5]), &moved(&times.map(|time| 0.9 * time), &[0.0; 5]));
    assert!(shorter.joints == Some(0.0) && is_refused(&shorter), "{shorter:?}");
}

/// Pictures show four clips; of the others nothing was measured.
#[test]
fn regression_every_clip_is_measured() {
    let original = Reference::new(&lifted(&[0.5; 9]));
    for clip in 0..9 {
        let mut heights = [0.5; 9];
        heights[clip] = -0.5;
        let far = original.motion.distance(&lifted(&heights));
        assert!(far.is_some_and(|far| far > 0.5), "clip {clip}: {far:?}");
    }
}

/// What is packed into integers has its place in the node: that has not moved, but for a clip.
#[test]
fn a_mesh_that_begins_elsewhere_in_its_node_has_not_moved() {
    let original = lifted(&[1.0]);
    let mut result = original.clone();
    let points: Vec<f32> =
        result.accessors[0].vectors::<3>().as_flattened().iter().map(|x| x + 1.0).collect();
    result.accessors.push(Accessor { bounds: true, ..Accessor::from_floats(Shape::Vec3, &points) });
    result.list_mut("meshes")[0]["primitives"][0]["attributes"]["POSITION"] = 9.into();
    drop(result.list_mut("nodes")[0].as_object_mut().unwrap().remove("mesh"));
    result.list_mut("nodes")[0]["children"] = json!([4]);
    result.list_mut("nodes")[0]["name"] = "holder".into();
    let child = json!({"name": "left", "mesh": 0, "translation": [-1.0, -1.0, -1.0]});
    result.root["nodes"].as_array_mut().unwrap().push(child);
    let seen = compare(&original, &result);
    assert!(seen.joints.is_some_and(|far| far < 1e-5) && !is_refused(&seen), "{seen:?}");
}

/// What is lost inside of something, and what was added, was measured in one direction only, and bounded in none.
#[test]
fn regression_a_surface_inside_of_another_is_measured_in_both_directions() {
    let plain = balls();
    let mut filled = balls();
    let inner = json!({"mesh": 0, "translation": [-1.2, 0.0, 0.0], "scale": [0.5, 0.5, 0.5]});
    filled.root["nodes"].as_array_mut().unwrap().push(inner);
    filled.root["scenes"][0]["nodes"] = json!([0, 1, 2, 3, 4]);
    for (original, result) in [(&filled, &plain), (&plain, &filled)] {
        let seen = compare(original, result);
        assert!(seen.mean < 1e-3 && is_refused(&seen), "{seen:?}");
    }
}

/// Morph targets that no clip plays and no weight shows were not looked at.
#[test]
fn regression_morph_targets_are_measured_that_nothing_plays() {
    let mut original = balls();
    original.list_mut("meshes")[1]["weights"] = json!([0.0]);
    original.list_mut("meshes")[1]["extras"] = json!({"targetNames": ["bulge"]});
    let mut lost = original.clone();
    drop(lost.list_mut("meshes")[1]["primitives"][0].as_object_mut().unwrap().remove("targets"));
    let mut larger = original.clone();
    let bulge: Vec<f32> =
        larger.accessors[6].vectors::<3>().as_flattened().iter().map(|by| by * 5.0).collect();
    larger.accessors[6] = Accessor { bounds: true, ..Accessor::from_floats(Shape::Vec3, &bulge) };
    for result in [&lost, &larger] {
        let seen = compare(&original, result);
        assert!(seen.worst == 0.0 && is_refused(&seen), "{seen:?}");
        assert_eq!(seen.morphs_at.as_deref(), Some("morph target 0 \"bulge\" of mesh 1"));
    }
    assert_eq!(compare(&original, &original).morphs, Some(0.0));
}
