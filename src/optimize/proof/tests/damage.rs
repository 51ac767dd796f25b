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
