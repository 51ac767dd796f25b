//! Levels of detail inside of a result (MSFT_lod): sound files, on any model, in which nothing else has changed.

use std::collections::BTreeSet;

use glb_optimizer::optimize::document::primitives::{self, PrimitiveId, as_index};
use glb_optimizer::optimize::document::{Document, Limits, read};
use glb_optimizer::optimize::proof::Reference;
use glb_optimizer::optimize::report::{Outcome, Report};
use glb_optimizer::optimize::{Effort, Files, Output, Settings, Target, level_alone, optimize};
use proptest::prelude::proptest;
use rayon::ThreadPoolBuilder;
use serde_json::Value;
use tempfile::tempdir;

use crate::fixtures::form::Form;
use crate::fixtures::recipe::{
    Attributes, Colour, Course, Extras, Indices, Interpolation, Materials, Mesh, Morph, Path, Recipe,
    Sharing, Track, recipe,
};
use crate::fixtures::{cases, model};
use crate::support::Server;

const EXTENSION: &str = "MSFT_lod";

fn settings(target: Target, lods: &str) -> Settings {
    let mut settings = Settings { target, effort: Effort::Fast, ..Settings::default() };
    settings.set("lods", lods).unwrap();
    settings
}

fn run(glb: &[u8], settings: &Settings) -> Output {
    optimize(glb, &Files::new(), settings, &mut |_| {}).unwrap()
}

fn document(glb: &[u8]) -> Document {
    read::read(glb, &Files::new(), &Limits::default()).unwrap()
}

/// A ring with a name, a skin, morph targets and a clip that moves it and its targets.
pub(crate) fn ring() -> Recipe {
    let track = |path| Track { path, interpolation: Interpolation::Linear, course: Course::Curved, keys: 9 };
    Recipe {
        meshes: vec![Mesh {
            form: Form::Torus,
            cells: (48, 32),
            size: 1.0,
            primitives: 1,
            sharing: Sharing::Nothing,
            unwelded: false,
            indices: Indices::U16,
            mode: 4,
            interleaved: false,
            attributes: Attributes {
                normal: true,
                tangent: false,
                texcoord_0: true,
                texcoord_1: false,
                colour: Colour::None,
                skin: true,
                own: false,
            },
            morph: Morph::Dense,
        }],
        materials: Materials {
            count: 1,
            textures: true,
            as_jpeg: false,
            normal_maps: false,
            transforms: false,
            variants: false,
        },
        tracks: vec![track(Path::Translation), track(Path::Weights)],
        extras: Extras {
            names: true,
            extras: false,
            unknown_extension: false,
            unused: false,
            duplicates: false,
            camera: false,
            light: false,
            instancing: false,
        },
    }
}

/// Nodes with levels, and the nodes of those.
fn levels(document: &Document) -> Vec<(usize, Vec<usize>)> {
    let ids = |node: &Value| -> Option<Vec<usize>> {
        node["extensions"][EXTENSION]["ids"]
            .as_array()
            .map(|ids| ids.iter().map(|id| as_index(id).unwrap()).collect())
    };
    let nodes = document.list("nodes").iter().enumerate();
    nodes.filter_map(|(index, node)| Some((index, ids(node)?))).collect()
}

fn triangles(document: &Document, node: usize) -> usize {
    let mesh = as_index(&document.list("nodes")[node]["mesh"]).unwrap();
    let count = document.list("meshes")[mesh]["primitives"].as_array().unwrap().len();
    let ids = (0..count).map(|primitive| PrimitiveId { mesh, primitive });
    ids.map(|id| primitives::triangle_count(document, primitives::json(document, id))).sum()
}

/// What moves a node: the samplers of each animation, and what they move.
fn motion(document: &Document, node: usize) -> Vec<(usize, String, String)> {
    let mut moved = Vec::new();
    for (clip, animation) in document.list("animations").iter().enumerate() {
        for channel in animation["channels"].as_array().unwrap() {
            if as_index(&channel["target"]["node"]) == Some(node) {
                moved.push((clip, channel["sampler"].to_string(), channel["target"]["path"].to_string()));
            }
        }
    }
    moved
}

/// Coarser nodes stand in no tree, draw less each, and stand and move as the finest does.
fn assert_sound(document: &Document) {
    let in_trees: BTreeSet<usize> = [("scenes", "nodes"), ("nodes", "children")]
        .iter()
        .flat_map(|(list, member)| document.list(list).iter().flat_map(|item| item[*member].as_array()))
        .flatten()
        .filter_map(as_index)
        .collect();
    let nodes = document.list("nodes");
    let mut seen = BTreeSet::new();
    for (finest, ids) in levels(document) {
        let mut finer = triangles(document, finest);
        for (number, &id) in ids.iter().enumerate() {
            assert!(!in_trees.contains(&id) && seen.insert(id), "node {id} has one place");
            assert!(nodes[id].get("children").is_none() && nodes[id]["extensions"].get(EXTENSION).is_none());
            let fewer = triangles(document, id);
            assert!(fewer > 0 && 4 * fewer <= 3 * finer, "{fewer} of {finer} triangles");
            finer = fewer;
            for member in ["skin", "weights", "matrix", "translation", "rotation", "scale"] {
                assert_eq!(nodes[id].get(member), nodes[finest].get(member), "{member}");
            }
            let instancing = |node: usize| nodes[node]["extensions"].get("EXT_mesh_gpu_instancing");
            assert_eq!(instancing(id), instancing(finest));
            assert_eq!(motion(document, id), motion(document, finest));
            let name = nodes[finest]["name"].as_str().map(|name| format!("{name}_lod{}", number + 1));
            assert_eq!(nodes[id]["name"].as_str(), name.as_deref());
        }
        let coverage: Vec<f64> = nodes[finest]["extras"]["MSFT_screencoverage"]
            .as_array()
            .unwrap()
            .iter()
            .map(|part| part.as_f64().unwrap())
            .collect();
        assert_eq!(coverage.len(), ids.len() + 1);
        assert!(coverage.is_sorted_by(|a, b| a > b) && coverage.ends_with(&[0.0]), "{coverage:?}");
    }
    assert_eq!(document.uses_extension(EXTENSION), !levels(document).is_empty());
    assert!(!document.list("extensionsRequired").iter().any(|name| name == EXTENSION));
}

/// A node without what levels add to it.
fn bare(node: &Value) -> Value {
    let mut node = node.clone();
    for (member, added) in [("extensions", EXTENSION), ("extras", "MSFT_screencoverage")] {
        let Some(Value::Object(members)) = node.get_mut(member) else { continue };
        if members.shift_remove(added).is_some() && members.is_empty() {
            node.as_object_mut().unwrap().shift_remove(member);
        }
    }
    node
}

/// All that a file holds without levels is in the one with levels too, by the same number.
fn assert_only_appended(plain: &Document, document: &Document) {
    for (before, after) in plain.list("nodes").iter().zip(document.list("nodes")) {
        assert_eq!(*before, bare(after));
    }
    for list in ["nodes", "meshes"] {
        assert!(plain.list(list).len() <= document.list(list).len(), "{list}");
    }
    assert!(document.list("meshes").starts_with(plain.list("meshes")));
    for list in ["scenes", "skins", "materials", "textures", "samplers", "cameras"] {
        assert_eq!(plain.list(list), document.list(list), "{list}");
    }
    assert_eq!(plain.images, document.images);
    for (index, (before, after)) in plain.accessors.iter().zip(&document.accessors).enumerate() {
        assert_eq!(before.count, after.count, "accessor {index}");
        // The index codec turns triangles: what counts for indices is what they draw.
        if before.integers().is_empty() {
            assert_eq!(before.floats(), after.floats(), "accessor {index}");
        }
    }
}

fn notes(report: &Report) -> String {
    report.passes.iter().find(|pass| pass.name == "lods").unwrap().notes.join("\n")
}

proptest! {
    #![proptest_config(cases(6))]

    #[test]
    fn levels_only_add_to_a_result(recipe in recipe()) {
        let glb = model::glb(&recipe);
        for target in [Target::Web, Target::Universal] {
            let plain = run(&glb, &settings(target, "0"));
            let Output { glb: result, report, .. } = run(&glb, &settings(target, "3"));
            let read = document(&result);
            assert_sound(&read);
            assert_eq!(report.warnings, Vec::<String>::new());
            assert_eq!(report.lods.len(), levels(&read).iter().map(|(_, ids)| ids.len()).max().unwrap_or(0));
            if report.lods.is_empty() {
                assert!(result == plain.glb && !notes(&report).is_empty());
            } else if plain.report.outcome == Outcome::Optimized {
                assert_only_appended(&document(&plain.glb), &read);
            }
        }
    }
}

#[test]
fn a_skinned_and_animated_model_has_levels_with_half_the_triangles_each() {
    let glb = model::glb(&ring());
    for target in [Target::Web, Target::Universal] {
        let plain = run(&glb, &settings(target, "0"));
        let Output { glb: result, report, .. } = run(&glb, &settings(target, "2"));
        let (before, read) = (document(&plain.glb), document(&result));
        assert_sound(&read);
        assert_only_appended(&before, &read);
        let [(finest, ids)] = &levels(&read)[..] else { panic!("one node has levels: {}", notes(&report)) };
        assert_eq!((ids.len(), report.lods.len()), (2, 2), "{}", notes(&report));
        assert_eq!(motion(&read, *finest).len(), 2);
        assert!(read.list("nodes")[*finest].get("skin").is_some());
        let mut finer = triangles(&read, *finest);
        for (level, &id) in report.lods.iter().zip(ids) {
            let fewer = triangles(&read, id);
            assert!((0.4..0.6).contains(&(fewer as f64 / finer as f64)), "{fewer} of {finer}");
            assert_eq!(level.triangles, fewer as u64);
            let seen = level.comparison.as_ref().unwrap();
            // The clip moves a level as it moves the finest.
            assert!(
                seen.mean > 0.0 && seen.mean < 0.2 && seen.joints.is_some_and(|far| far < 0.01),
                "{seen:?}"
            );
            finer = fewer;
        }
        let more: u64 = report.lods.iter().map(|level| level.bytes).sum();
        assert_eq!(result.len() as u64, plain.glb.len() as u64 + more);
        assert!(notes(&report).starts_with("level 1: "), "{}", notes(&report));
    }
}

#[test]
fn whoever_does_not_know_the_extension_sees_the_same_as_without_levels() {
    let glb = model::glb(&ring());
    let [plain, leveled] = ["0", "3"].map(|lods| run(&glb, &settings(Target::Web, lods)).glb);
    assert!(leveled.len() > plain.len());
    let comparison = Reference::new(&document(&plain)).compare(&document(&leveled));
    assert_eq!((comparison.mean, comparison.worst, comparison.close_worst), (0.0, 0.0, 0.0));
    assert_eq!(comparison.silhouette, 1.0);
}

fn all_triangles(document: &Document) -> usize {
    let count = |id| primitives::triangle_count(document, primitives::json(document, id));
    primitives::all(document).into_iter().map(count).sum()
}

#[test]
fn a_level_alone_is_a_sound_file_that_shows_what_the_result_shows_from_afar() {
    let glb = model::glb(&ring());
    for target in [Target::Web, Target::Universal] {
        let settings = settings(target, "3");
        let Output { glb: result, report, .. } = run(&glb, &settings);
        assert_eq!(report.lods.len(), 3);
        let original = Reference::new(&document(&glb));
        let mut finer = result.len();
        for told in &report.lods {
            let alone = level_alone(&result, told.level, &settings).unwrap();
            assert!(alone.len() < finer, "level {} has {} bytes", told.level, alone.len());
            finer = alone.len();
            let alone = document(&alone);
            assert!(!alone.uses_extension(EXTENSION) && levels(&alone).is_empty());
            assert_eq!(all_triangles(&alone) as u64, told.triangles);
            assert_eq!(alone.list("nodes").len(), document(&result).list("nodes").len() - report.lods.len());
            let seen = original.compare(&alone);
            let expected = told.comparison.as_ref().unwrap();
            assert!((seen.mean - expected.mean).abs() < 1e-4, "{} instead of {}", seen.mean, expected.mean);
        }
    }
}

#[test]
fn levels_are_the_same_bytes_on_any_number_of_threads() {
    let glb = model::glb(&ring());
    let on = |threads| {
        let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| run(&glb, &settings(Target::Web, "2")))
    };
    let (one, two) = (on(1), on(2));
    assert!(one.glb == two.glb);
    assert_eq!(one.report, two.report);
}

#[test]
fn levels_that_a_file_brings_stay_and_get_no_others() {
    let first = run(&model::glb(&ring()), &settings(Target::Universal, "2")).glb;
    let names = |document: &Document| -> Vec<(Value, Vec<Value>)> {
        let name = |node: usize| document.list("nodes")[node]["name"].clone();
        levels(document)
            .into_iter()
            .map(|(finest, ids)| (name(finest), ids.into_iter().map(name).collect()))
            .collect()
    };
    for lods in ["0", "2"] {
        let Output { glb, report, .. } = run(&first, &settings(Target::Web, lods));
        let again = document(&glb);
        assert_eq!(report.outcome, Outcome::Optimized);
        assert_eq!(names(&again), names(&document(&first)));
        assert_eq!(names(&again)[0].1.len(), 2);
        assert_sound(&again);
        assert!(report.lods.is_empty());
        assert!(lods == "0" || notes(&report).contains("they have levels already"), "{}", notes(&report));
    }
}

#[tokio::test]
async fn a_job_over_http_can_ask_for_levels() {
    let folder = tempdir().unwrap();
    let server = Server::start(folder.path());
    let post = async |query: &str| {
        let url = server.address(&format!("/api/v1/jobs?effort=fast&lods={query}"));
        server.client.post(url).body(model::glb(&ring())).send().await.unwrap()
    };
    let refused = post("9").await;
    assert_eq!(refused.status(), 400);
    assert!(refused.text().await.unwrap().contains("a whole number from 0 to 8"));
    let accepted: Value = post("2").await.json().await.unwrap();
    assert_eq!(accepted["settings"]["lods"], "2");
    let id = accepted["id"].as_str().unwrap();
    let job = server.finished(id).await;
    assert_eq!(job["state"], "completed", "{job}");
    let result = server.get(&format!("/api/v1/jobs/{id}/result")).await.bytes().await.unwrap();
    assert_eq!(levels(&document(&result))[0].1.len(), 2);

    let list: Value = server.get(&format!("/api/v1/jobs/{id}/lods")).await.json().await.unwrap();
    let list = list["lods"].as_array().unwrap();
    assert_eq!(list.len(), 2, "{list:#?}");
    for (number, told) in (1..).zip(list) {
        let level = server.get(&format!("/api/v1/jobs/{id}/lods/{number}")).await;
        assert!(
            level.headers()["content-disposition"].to_str().unwrap().contains(&format!("lod{number}.glb"))
        );
        let level = level.bytes().await.unwrap();
        assert_eq!((&told["level"], &told["bytes"]), (&number.into(), &level.len().into()));
        assert_eq!(told["triangles"], all_triangles(&document(&level)));
    }
    for path in ["lods/0", "lods/3", "lods/x"] {
        let missing = server.get(&format!("/api/v1/jobs/{id}/{path}")).await;
        assert_eq!(missing.status(), 404);
        assert_eq!(missing.json::<Value>().await.unwrap()["code"], "no_level", "{path}");
    }
}
