//! Laws of the whole optimizer: what goes in, what comes out, and whether the report tells the truth.

use glb_optimizer::optimize::document::primitives::{self, PrimitiveId};
use glb_optimizer::optimize::document::{Document, Limits, read, write};
use glb_optimizer::optimize::inventory::Inventory;
use glb_optimizer::optimize::passes::PASSES;
use glb_optimizer::optimize::report::Outcome;
use glb_optimizer::optimize::{Effort, Files, Output, Progress, Settings, Target, optimize};
use gltf::Gltf;
use proptest::prelude::proptest;
use rayon::ThreadPoolBuilder;

use crate::fixtures::file::split;
use crate::fixtures::recipe::{Recipe, recipe};
use crate::fixtures::{cases, model};

fn web() -> Settings {
    Settings { effort: Effort::Fast, ..Settings::default() }
}

fn universal() -> Settings {
    Settings { target: Target::Universal, ..web() }
}

fn run(glb: &[u8], settings: &Settings) -> Output {
    optimize(glb, &Files::new(), settings, &mut |_| {}).unwrap()
}

fn document(glb: &[u8]) -> Document {
    read::read(glb, &Files::new(), &Limits::default()).unwrap()
}

/// Without its `extras` feature the crate refuses extras that are no object, and attributes of one's own.
fn without_extras(mut recipe: Recipe) -> Recipe {
    recipe.extras.extras = false;
    recipe.meshes.iter_mut().for_each(|mesh| mesh.attributes.own = false);
    recipe
}

proptest! {
    #![proptest_config(cases(5))]

    #[test]
    fn the_result_is_never_larger_and_the_report_adds_up(recipe in recipe()) {
        let glb = model::glb(&recipe);
        for settings in [web(), universal()] {
            let Output { glb: result, report, .. } = run(&glb, &settings);
            assert!(result.len() <= glb.len(), "{} became {}", glb.len(), result.len());
            assert_eq!(report.outcome == Outcome::AlreadyOptimal, result == glb, "{:?}", report.warnings);
            let is_choice = |warning: &String| warning.contains("not worth its errors");
            let told: Vec<&String> = report.warnings.iter().filter(|warning| !is_choice(warning)).collect();
            assert!(told.is_empty(), "a sound model gives no cause for {told:?}");
            for (inventory, bytes) in [(&report.before, &glb), (&report.after, &result)] {
                assert_eq!(inventory.bytes, bytes.len() as u64);
                assert_eq!(sum(inventory), bytes.len() as u64, "{:?}", inventory.bytes_by);
                let by = inventory.bytes_by;
                let meshes: u64 = inventory.mesh_entries.iter().map(|mesh| mesh.bytes).sum();
                assert_eq!(meshes, by.vertices + by.indices + by.morph_targets);
                let animations: u64 = inventory.animation_entries.iter().map(|entry| entry.bytes).sum();
                assert_eq!(animations, by.animations);
            }
            let names: Vec<&str> = report.passes.iter().map(|pass| pass.name.as_str()).collect();
            assert_eq!(names, PASSES.iter().map(|pass| pass.name()).collect::<Vec<_>>());
            assert_eq!(report.input_hash, blake3::hash(&glb).to_hex().to_string());
            assert_eq!(report.output_hash, blake3::hash(&result).to_hex().to_string());
            assert_eq!(report.settings, settings);
        }
    }

    /// Fed in again, a result lost as much again for next to nothing.
    #[test]
    fn regression_a_result_is_not_worn_down_for_a_few_bytes(recipe in recipe()) {
        let first = run(&model::glb(&recipe), &web()).glb;
        let Output { glb: second, report, .. } = run(&first, &web());
        let is_exact = report.comparison.is_none_or(|comparison| comparison.mean == 0.0);
        let left = second.len() as f64 / first.len() as f64;
        assert!(second == first || is_exact || left <= 0.97, "{left} of it for {:?}", report.outcome);
    }

    #[test]
    fn the_same_input_gives_the_same_bytes(recipe in recipe()) {
        let glb = model::glb(&recipe);
        let expected = run(&glb, &web());
        for threads in [1, 2] {
            let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let again = pool.install(|| run(&glb, &web()));
            assert!(again.glb == expected.glb, "on {threads} threads");
            assert_eq!(again.report, expected.report);
        }
    }

    #[test]
    fn universal_needs_no_extension_that_the_input_did_not_need(recipe in recipe()) {
        let report = run(&model::glb(&recipe), &universal()).report;
        let known = &report.before.extensions_required;
        let added = report.after.extensions_required.iter().find(|name| !known.contains(name));
        assert_eq!(added, None);
    }

    #[test]
    fn the_gltf_crate_reads_universal_results_as_we_do(recipe in recipe()) {
        let glb = model::glb(&without_extras(recipe));
        Gltf::from_slice(&glb).expect("the model itself is valid");
        let result = run(&glb, &universal()).glb;
        let theirs = Gltf::from_slice(&result).expect("the result is valid");
        assert_same_geometry(&theirs, &document(&result));
    }

    #[test]
    fn the_gltf_crate_reads_decompressed_web_results_as_we_do(recipe in recipe()) {
        let compressed = document(&run(&model::glb(&without_extras(recipe)), &web()).glb);
        let plain = write::write(&decompressed(&compressed)).unwrap();
        // The extensions of web results are unknown to the crate, so it cannot be asked to validate them.
        let theirs = Gltf::from_slice_without_validation(&plain).unwrap();
        assert_same_geometry(&theirs, &compressed);
    }

    #[test]
    fn progress_rises_to_a_hundred_through_every_stage(recipe in recipe()) {
        let mut seen: Vec<Progress> = Vec::new();
        optimize(&model::glb(&recipe), &Files::new(), &web(), &mut |now| seen.push(now)).unwrap();
        assert!(seen.is_sorted_by(|a, b| a.percent <= b.percent), "{seen:?}");
        assert!((seen.last().unwrap().percent - 100.0).abs() < 0.01, "{seen:?}");
        let mut stages: Vec<&str> = seen.iter().map(|now| now.stage).collect();
        stages.dedup();
        let passes = PASSES.iter().map(|pass| pass.name());
        let first = ["read", "compare"].into_iter().chain(passes).chain(["write", "compare"]);
        // More may follow: attempts with less of the budget.
        assert!(stages.starts_with(&first.collect::<Vec<_>>()), "{stages:?}");
    }
}

fn sum(inventory: &Inventory) -> u64 {
    inventory.bytes_by.parts().iter().map(|&(_, bytes)| bytes).sum()
}

/// The same document without meshopt and Draco, as the elements are all there.
fn decompressed(document: &Document) -> Document {
    let mut plain = Document { compression: None, ..document.clone() };
    for id in primitives::all(document) {
        if let Some(extensions) =
            primitives::json_mut(&mut plain, id).and_then(|json| json.get_mut("extensions"))
        {
            extensions.as_object_mut().unwrap().remove("KHR_draco_mesh_compression");
        }
    }
    plain
}

fn assert_same_geometry(theirs: &Gltf, ours: &Document) {
    let bin = theirs.blob.as_deref();
    for mesh in theirs.meshes() {
        for primitive in mesh.primitives() {
            let id = PrimitiveId { mesh: mesh.index(), primitive: primitive.index() };
            let json = primitives::json(ours, id);
            let reader = primitive.reader(|_| bin);
            let positions: Vec<[f32; 3]> = reader.read_positions().unwrap().collect();
            let ours_positions = primitives::attribute(ours, json, "POSITION").unwrap();
            assert_eq!(positions, ours_positions.vectors::<3>(), "{id:?}");
            let indices = reader.read_indices().map(|indices| indices.into_u32().collect::<Vec<u32>>());
            let ours_indices = primitives::indices(json).map(|index| ours.accessors[index].integers());
            assert_eq!(indices, ours_indices, "{id:?}");
        }
    }
}

#[test]
fn a_result_given_again_is_still_not_larger() {
    let mut runner = proptest::test_runner::TestRunner::new(cases(1));
    let tree = proptest::strategy::Strategy::new_tree(&recipe(), &mut runner).unwrap();
    let glb = model::glb(&proptest::strategy::ValueTree::current(&tree));
    let once = run(&glb, &web()).glb;
    let twice = run(&once, &web()).glb;
    assert!(twice.len() <= once.len());
    assert_eq!(split(&twice).0["asset"]["version"], "2.0");
}
