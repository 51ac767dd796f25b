//! Who is named for an error.

use super::*;

/// Who is named where most is seen of a difference.
fn blamed(before: &Document, after: &Document) -> String {
    let comparison = compare(before, after);
    let worst = comparison.worst_view().unwrap();
    assert!(worst.error > 0.01, "{worst:?}");
    worst.object.clone().unwrap_or_default()
}

/// A ball around both balls.
fn around(document: &mut Document, material: Value) {
    let last = document.list("materials").len();
    document.root["materials"].as_array_mut().unwrap().push(material);
    document.root["meshes"].as_array_mut().unwrap().push(json!({"primitives": [
        {"attributes": {"POSITION": 0, "NORMAL": 1}, "indices": 3, "material": last},
    ]}));
    let node = document.list("nodes").len();
    let mesh = document.list("meshes").len() - 1;
    document.root["nodes"].as_array_mut().unwrap().push(json!({
        "name": "around", "mesh": mesh, "scale": [3.0, 3.0, 3.0],
    }));
    document.root["scenes"][0]["nodes"].as_array_mut().unwrap().push(node.into());
}

fn pane(colour: [f32; 4]) -> Value {
    json!({"alphaMode": "BLEND", "pbrMetallicRoughness": {"baseColorFactor": colour, "metallicFactor": 0.0}})
}

/// Whatever was seen of a pane was put down to what lies behind it.
#[test]
fn regression_panes_in_front_are_named_for_what_they_show() {
    let of = |material: Value| {
        let mut document = balls();
        around(&mut document, material);
        document
    };
    let [red, blue] = [[0.8, 0.1, 0.1, 0.8], [0.1, 0.1, 0.8, 0.8]];
    assert!(blamed(&of(pane(red)), &of(pane(blue))).starts_with("node 4 \"around\""));
    let glass = |colour: [f32; 4]| {
        let mut material = pane(colour);
        material["alphaMode"] = "OPAQUE".into();
        material["extensions"] = json!({"KHR_materials_transmission": {"transmissionFactor": 1.0}});
        material
    };
    assert!(blamed(&of(glass(red)), &of(glass(blue))).starts_with("node 4 \"around\""));
    // What lies behind a clear one is still seen through it.
    let mut clear = of(glass([0.98, 0.98, 0.98, 1.0]));
    let whole = clear.clone();
    clear.images[0] = image(|_, _| [0, 90, 0]);
    assert!(blamed(&whole, &clear).starts_with("node 0 \"left\""));
}

/// A thing that only the result has was put down to what it hides, or to nobody.
#[test]
fn regression_what_only_the_result_shows_is_named() {
    let mut result = balls();
    around(&mut result, json!({"pbrMetallicRoughness": {"baseColorFactor": [0.1, 0.8, 0.1, 1.0]}}));
    let expected = "node 4 \"around\", material 1 of the result";
    assert_eq!(blamed(&balls(), &result), expected);
    assert_eq!(compare(&balls(), &result).worst_view().unwrap().node, None);
    // And what has moved before something else, wherever it is in the list of the result's nodes.
    let mut original = balls();
    around(&mut original, json!({"pbrMetallicRoughness": {"baseColorFactor": [0.1, 0.8, 0.1, 1.0]}}));
    original.list_mut("nodes")[4]["translation"] = json!([0.0, 0.0, -9.0]);
    let mut moved = original.clone();
    moved.list_mut("nodes")[0]["translation"] = json!([0.0, 0.0, 4.0]);
    moved.list_mut("nodes")[0]["scale"] = json!([2.0, 2.0, 2.0]);
    moved.list_mut("nodes").swap(0, 4);
    moved.root["scenes"][0]["nodes"] = json!([0, 1, 2, 3, 4]);
    assert!(blamed(&original, &moved).starts_with("node 0 \"left\""), "{}", blamed(&original, &moved));
}
