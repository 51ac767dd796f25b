//! How far rounded numbers may be off, by what they are used for: the sentences of `budget.rs`, measured.
//!
//! `quantize` and `encode` keep the accessors in their places, so elements are compared one by one.

use glb_optimizer::optimize::budget::Budget;
use glb_optimizer::optimize::document::accessor::Accessor;
use glb_optimizer::optimize::document::primitives::{self, as_index};
use glb_optimizer::optimize::document::usage::{self, Usage};
use glb_optimizer::optimize::document::{Document, Kind, edit};

/// Part by which a bound may be passed for the sake of 32-bit arithmetic in this test.
const SLACK: f32 = 1.0001;

/// Panics where an element is further off than the budget says.
pub fn assert_within(before: &Document, after: &Document, budget: &Budget, pass: &str) {
    assert_eq!(before.accessors.len(), after.accessors.len(), "{pass}");
    let steps = position_steps(before, budget);
    for (index, uses) in usage::of(before).iter().enumerate() {
        let (old, new) = (&before.accessors[index], &after.accessors[index]);
        let place = format!("{pass}: accessor {index}, used as {uses:?}");
        for used in uses {
            match used {
                Usage::Vertex(name) | Usage::Morph(name) if name == "POSITION" => {
                    assert_close(old, new, steps[index] / 2.0, &place);
                }
                Usage::Vertex(name) if name == "NORMAL" || name == "TANGENT" => {
                    assert_directions(old, new, budget, &place);
                }
                Usage::Morph(_) => {
                    assert_close(old, new, 0.5 * (1.0 - budget.normal_bits as f32).exp2(), &place)
                }
                Usage::Vertex(name) if name.starts_with("TEXCOORD") => {
                    let step = (-budget.texcoord_bits as f32).exp2();
                    assert_close(old, new, 0.5 * step, &place);
                }
                Usage::Vertex(name) if name.starts_with("COLOR") => {
                    assert_close(old, new, fraction_error(budget), &place);
                }
                Usage::Vertex(name) if name.starts_with("WEIGHTS") => {
                    assert_weights(old, new, budget, &place)
                }
                // What moves is measured in `motion`.
                Usage::KeyValues(..) => {}
                Usage::Vertex(_) | Usage::Other => assert_close(old, new, 0.0, &place),
            }
        }
    }
}

/// Panics where a pass that does not round has changed inverse bind matrices.
pub fn assert_same_skin(before: &Document, after: &Document) {
    let matrices = |document: &Document| -> Vec<Vec<f32>> {
        let used = edit::referenced(document, Kind::Skin);
        let skins = document.list("skins").iter().zip(used).filter(|(_, used)| *used);
        let index = skins.filter_map(|(skin, _)| as_index(&skin["inverseBindMatrices"]));
        index.map(|index| document.accessors[index].floats()).collect()
    };
    assert_eq!(matrices(before), matrices(after));
}

/// Half a step of the integers that hold colours and weights.
fn fraction_error(budget: &Budget) -> f32 {
    0.5 / if budget.fine_vertex_fractions { 65535.0 } else { 255.0 }
}

/// The grid step that a mesh's size allows for each accessor: a power of two below its longest side.
fn position_steps(document: &Document, budget: &Budget) -> Vec<f32> {
    let mut steps = vec![0.0f32; document.accessors.len()];
    for mesh in document.list("meshes") {
        let primitives = mesh["primitives"].as_array().unwrap();
        let positions = |json| primitives::attribute(document, json, "POSITION").unwrap();
        let bounds = primitives.iter().map(|json| positions(json).min_max().unwrap());
        let (low, high) = bounds
            .reduce(|(low, high), (min, max)| {
                let pick = |a: Vec<f32>, b: Vec<f32>, choose: fn(f32, f32) -> f32| {
                    a.into_iter().zip(b).map(|(a, b)| choose(a, b)).collect()
                };
                (pick(low, min, f32::min), pick(high, max, f32::max))
            })
            .unwrap();
        let side = low.iter().zip(&high).map(|(low, high)| high - low).fold(0.0, f32::max);
        for json in primitives {
            let targets = json["targets"].as_array().into_iter().flatten();
            for object in targets.chain([&json["attributes"]]) {
                let index = as_index(&object["POSITION"]).unwrap();
                steps[index] = steps[index].max((side.log2().floor() - budget.position_bits as f32).exp2());
            }
        }
    }
    steps
}

fn assert_close(old: &Accessor, new: &Accessor, error: f32, place: &str) {
    let (old, new) = (old.floats(), new.floats());
    assert_eq!(old.len(), new.len(), "{place}");
    for (i, (a, b)) in old.iter().zip(&new).enumerate() {
        // The exponential filter holds 23 bits: numbers far from zero cannot be as fine as asked for.
        let bound = if error > 0.0 { error.max(a.abs() * 2e-6) * SLACK } else { 0.0 };
        assert!((a - b).abs() <= bound, "{place}: component {i} from {a} to {b}, allowed {bound}");
    }
}

/// Normals (or tangents with their sign) may turn by one and a half steps of their octahedral grid.
fn assert_directions(old: &Accessor, new: &Accessor, budget: &Budget, place: &str) {
    let allowed = 1.5 * (1.0 - (budget.normal_bits - 1) as f32).exp2();
    let n = old.shape.components();
    for (a, b) in old.floats().chunks_exact(n).zip(new.floats().chunks_exact(n)) {
        let angle = angle(a, b);
        assert!(angle <= allowed, "{place}: {a:?} turned to {b:?} by {angle}, allowed {allowed}");
        assert_eq!(a.get(3), b.get(3), "{place}: the sign of a tangent");
    }
}

fn angle(a: &[f32], b: &[f32]) -> f32 {
    let length = |v: &[f32]| v[..3].iter().map(|x| x * x).sum::<f32>().sqrt();
    let (la, lb) = (length(a), length(b));
    let chord = (0..3).map(|i| (a[i] / la - b[i] / lb).powi(2)).sum::<f32>().sqrt();
    2.0 * (chord / 2.0).min(1.0).asin()
}

/// Weights move by up to two steps (rounding, then what the largest one takes on) and sum to one.
fn assert_weights(old: &Accessor, new: &Accessor, budget: &Budget, place: &str) {
    assert_close(old, new, 4.0 * fraction_error(budget), place);
    for weights in new.floats().as_chunks::<4>().0 {
        let sum: f32 = weights.iter().sum();
        assert!((sum - 1.0).abs() < 1e-5, "{place}: {weights:?} sum to {sum}");
    }
}
