//! Laws that hold for every pass of the optimizer, on any model.
//!
//! Each law runs over generated models ([`fixtures`]) and over every pass of `PASSES`: once on the model as it
//! came and once where the pass stands in the order. What a model draws is compared in [`soup`], how it moves in
//! [`motion`], what people and scripts look for in [`identity`], how far numbers may be off in [`precision`],
//! and how far a simplified surface may be off in [`surface`].

mod identity;
mod motion;
mod precision;
mod soup;
mod surface;

use glb_optimizer::optimize::budget::{Budget, Shares};
use glb_optimizer::optimize::document::{Document, Limits, read, write};
use glb_optimizer::optimize::passes::{self, Context, Memo, Outcome, PASSES, Pass};
use glb_optimizer::optimize::{Animation, Files, Geometry, Nodes, Preset, Settings, Target};
use proptest::prelude::{Just, Strategy, prop_oneof, proptest};
use rayon::ThreadPoolBuilder;

use crate::fixtures::recipe::{Recipe, recipe};
use crate::fixtures::{cases, model};

/// Passes that round nothing, so that geometry must come out bit by bit.
const EXACT: [&str; 7] = ["compact", "bake", "dedup", "prune", "weld", "tangents", "reorder"];

/// Passes that put nodes together, so that they are other nodes afterwards.
const REGROUPING: [&str; 4] = ["flatten", "instance", "palette", "join"];

/// One run of one pass.
struct Step<'a> {
    pass: &'a dyn Pass,
    settings: Settings,
    before: &'a Document,
    after: &'a Document,
    outcome: Outcome,
}

impl Step<'_> {
    fn name(&self) -> &'static str {
        self.pass.name()
    }

    fn regroups(&self) -> bool {
        REGROUPING.contains(&self.name())
    }

    fn budget(&self) -> Budget {
        Budget::of(&self.settings)
    }
}

fn settings() -> impl Strategy<Value = Settings> {
    let preset = prop_oneof![Just(Preset::High), Just(Preset::Balanced), Just(Preset::Maximum)];
    let target = prop_oneof![2 => Just(Target::Web), 1 => Just(Target::Universal)];
    let geometry = prop_oneof![Just(Geometry::Auto), Just(Geometry::Meshopt), Just(Geometry::Draco)];
    let animation = prop_oneof![Just(Animation::Auto), Just(Animation::Keep)];
    let nodes = prop_oneof![4 => Just(Nodes::Auto), 1 => Just(Nodes::Keep)];
    (preset, target, geometry, animation, nodes).prop_map(|(preset, target, geometry, animation, nodes)| {
        Settings { preset, target, geometry, animation, nodes, ..Settings::default() }
    })
}

fn run(pass: &dyn Pass, document: &mut Document, settings: Settings) -> Outcome {
    let mut context = Context {
        settings,
        budget: Budget::of(&settings),
        shares: &Shares::even(1.0, 0),
        memo: &Memo::default(),
        progress: &mut |_| {},
    };
    passes::run(pass, document, &mut context).unwrap_or_else(|error| panic!("{}: {error}", pass.name()))
}

fn read(glb: &[u8]) -> Document {
    read::read(glb, &Files::new(), &Limits::default()).unwrap()
}

fn write(document: &Document) -> Vec<u8> {
    write::write(document).unwrap()
}

/// Calls `law` for every pass on the model as it came, and for every pass in its place in the order.
fn each_step(recipe: &Recipe, settings: Settings, law: impl Fn(&Step)) {
    let original = read(&model::glb(recipe));
    let mut current = original.clone();
    for &pass in PASSES {
        let mut alone = original.clone();
        let outcome = run(pass, &mut alone, settings);
        law(&Step { pass, settings, before: &original, after: &alone, outcome });
        let before = current.clone();
        let outcome = run(pass, &mut current, settings);
        law(&Step { pass, settings, before: &before, after: &current, outcome });
    }
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn a_result_reads_as_the_document_says(recipe in recipe(), settings in settings()) {
        each_step(&recipe, settings, |step| {
            let again = read(&write(step.after));
            assert_eq!(again.accessors.len(), step.after.accessors.len());
            for (index, (found, said)) in again.accessors.iter().zip(&step.after.accessors).enumerate() {
                // The index codec turns triangles: what counts for indices is what they draw.
                if step.after.compression.is_none() || said.integers().is_empty() {
                    assert_eq!(found.floats(), said.floats(), "{}: accessor {index}", step.name());
                }
                assert_eq!(found.bounds, said.bounds, "{}: accessor {index}", step.name());
            }
            soup::assert_same(step.after, &again, step.name());
            let images = |document: &Document| document.images.clone();
            assert_eq!(images(&again), images(step.after), "{}", step.name());
        });
    }

    #[test]
    fn unchanged_means_the_same_bytes(recipe in recipe(), settings in settings()) {
        each_step(&recipe, settings, |step| {
            if let Outcome::Unchanged(reason) = &step.outcome {
                assert!(write(step.before) == write(step.after), "{} says: {reason}", step.name());
                assert_eq!(step.before.warnings, step.after.warnings);
                assert_eq!(step.before.dropped, step.after.dropped);
            }
        });
    }

    #[test]
    fn exact_passes_do_nothing_the_second_time(recipe in recipe(), settings in settings()) {
        each_step(&recipe, settings, |step| {
            if EXACT.contains(&step.name()) {
                let again = run(step.pass, &mut step.after.clone(), settings);
                assert!(matches!(again, Outcome::Unchanged(_)), "{}: {again:?}", step.name());
            }
        });
    }

    #[test]
    fn the_same_model_gives_the_same_bytes_on_any_number_of_threads(
        recipe in recipe(), settings in settings(),
    ) {
        each_step(&recipe, settings, |step| {
            let expected = write(step.after);
            for threads in [1, 2] {
                let pool = ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                let mut again = step.before.clone();
                let outcome = pool.install(|| run(step.pass, &mut again, settings));
                assert_eq!(outcome, step.outcome, "{} on {threads} threads", step.name());
                assert!(write(&again) == expected, "{} on {threads} threads", step.name());
            }
        });
    }

    #[test]
    fn what_people_look_for_survives(recipe in recipe(), settings in settings()) {
        each_step(&recipe, settings, |step| {
            let of = if step.regroups() { identity::of_marked } else { identity::of };
            assert_eq!(of(step.before), of(step.after), "{}", step.name());
        });
    }

    #[test]
    fn exact_passes_draw_the_same_triangles(recipe in recipe(), settings in settings()) {
        each_step(&recipe, settings, |step| {
            if EXACT.contains(&step.name()) {
                soup::assert_same(step.before, step.after, step.name());
            }
        });
    }

    #[test]
    fn other_passes_draw_as_many_triangles(recipe in recipe(), settings in settings()) {
        each_step(&recipe, settings, |step| {
            if step.name() == "encode" {
                soup::assert_same_places(step.before, step.after);
            } else if step.regroups() {
                let total = |document| soup::sizes(document).into_iter().sum::<usize>();
                assert_eq!(total(step.before), total(step.after), "{}", step.name());
            } else if !EXACT.contains(&step.name()) && step.name() != "simplify" {
                assert_eq!(soup::sizes(step.before), soup::sizes(step.after), "{}", step.name());
            }
        });
    }

    #[test]
    fn a_simplified_surface_stays_within_the_stated_error(recipe in recipe(), settings in settings()) {
        each_step(&recipe, settings, |step| {
            if step.name() == "simplify" {
                surface::assert_close(step.before, step.after, &step.budget());
                for (old, new) in soup::sizes(step.before).into_iter().zip(soup::sizes(step.after)) {
                    assert!(new <= old && (new > 0 || old == 0));
                }
            }
        });
    }

    #[test]
    fn rounding_stays_within_the_stated_error(recipe in recipe(), settings in settings()) {
        each_step(&recipe, settings, |step| {
            if step.after.uses_extension("KHR_draco_mesh_compression") {
                // Its vertices are in another order: see `soup::assert_same_places`, which finds all but normals
                // unchanged. How far those turn is tested with the codec.
            } else if ["quantize", "encode"].contains(&step.name()) {
                precision::assert_within(step.before, step.after, &step.budget(), step.name());
            } else if step.name() != "resample" {
                precision::assert_same_skin(step.before, step.after);
            }
        });
    }

    #[test]
    fn movement_stays_within_the_budget(recipe in recipe(), settings in settings()) {
        each_step(&recipe, settings, |step| {
            if step.regroups() {
                motion::assert_same_world(step.before, step.after, step.name());
            } else {
                motion::assert_within(step.before, step.after, &step.budget(), step.name());
            }
        });
    }
}
