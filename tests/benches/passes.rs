//! Time of every pass over models made in code: `cargo bench --bench passes`, with a name to run fewer.
//!
//! Each pass gets the document as the passes before it leave it, and a throughput in bytes of the file as it would be
//! written then. Above the times, what each pass did to that size. Whole processes beside other tools: `tests/bench`.

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on has to stop")]
#![expect(clippy::print_stdout, reason = "its figures are what it is for")]

#[path = "../it"]
#[expect(dead_code, unreachable_pub, reason = "the tests use more of it")]
mod it {
    pub(super) mod fixtures;
}

use std::fmt;
use std::sync::LazyLock;

use divan::Bencher;
use divan::counter::BytesCount;
use glb_optimizer::optimize::budget::{Budget, Shares};
use glb_optimizer::optimize::document::{Document, Limits, read, write};
use glb_optimizer::optimize::passes::{Context, Memo, Outcome, PASSES, Pass};
use glb_optimizer::optimize::proof::Reference;
use glb_optimizer::optimize::{Files, Settings};
use it::fixtures::form::Form;
use it::fixtures::model;
use it::fixtures::recipe::{
    Attributes, Colour, Course, Extras, Indices, Interpolation, Materials, Mesh, Morph, Path, Recipe,
    Sharing, Track,
};

fn main() {
    for case in CASES.iter() {
        let mut after = case.before.clone();
        let outcome = run(case.pass, &mut after);
        let what = match outcome {
            Outcome::Changed(_) => format!("{} to {} bytes", case.bytes, written(&after)),
            Outcome::Unchanged(_) => "unchanged".to_owned(),
        };
        println!("{case}: {what}");
    }
    divan::main();
}

#[divan::bench(args = CASES.iter(), sample_count = 5, sample_size = 1)]
fn pass(bencher: Bencher, case: &Case) {
    bencher
        .counter(BytesCount::new(case.bytes))
        .with_inputs(|| case.before.clone())
        .bench_local_values(|mut document| run(case.pass, &mut document));
}

/// What a job's pictures cost: a million triangles in all views of a model without clips.
#[divan::bench(sample_count = 3, sample_size = 1)]
fn draw_a_million_triangles(bencher: Bencher) {
    let document = document_of(&Recipe { meshes: vec![mesh((1000, 500))], tracks: Vec::new(), ..figure() });
    bencher.bench_local(|| Reference::new(&document));
}

#[divan::bench(sample_count = 3, sample_size = 1)]
fn compare(bencher: Bencher) {
    let before = document_of(&figure());
    let after = document_of(&Recipe { meshes: vec![mesh((100, 70))], ..figure() });
    let reference = Reference::new(&before);
    bencher.bench_local(|| reference.compare(&after));
}

fn document_of(recipe: &Recipe) -> Document {
    read::read(&model::glb(recipe), &Files::new(), &Limits::default()).unwrap()
}

/// A pass in its place in the order.
struct Case {
    model: &'static str,
    pass: &'static dyn Pass,
    before: Document,
    bytes: usize,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.model, self.pass.name())
    }
}

static CASES: LazyLock<Vec<Case>> = LazyLock::new(|| {
    let models = [("surface", surface()), ("figure", figure())];
    models.into_iter().flat_map(|(name, recipe)| cases(name, &recipe)).collect()
});

fn cases(model: &'static str, recipe: &Recipe) -> Vec<Case> {
    let mut document = document_of(recipe);
    let in_order = |&pass: &&'static dyn Pass| {
        let before = document.clone();
        run(pass, &mut document);
        Case { model, pass, bytes: written(&before), before }
    };
    PASSES.iter().map(in_order).collect()
}

fn run(pass: &dyn Pass, document: &mut Document) -> Outcome {
    let settings = Settings::default();
    let mut context = Context {
        settings,
        budget: Budget::of(&settings),
        shares: &Shares::even(1.0, 0),
        memo: &Memo::default(),
        progress: &mut |_| {},
    };
    pass.run(document, &mut context).unwrap()
}

fn written(document: &Document) -> usize {
    write::write(document).unwrap().len()
}

/// 160,000 triangles with three vertices of their own each, as scanners write them.
fn surface() -> Recipe {
    Recipe { meshes: vec![Mesh { unwelded: true, ..mesh((400, 200)) }], tracks: Vec::new(), ..figure() }
}

/// A skinned and morphing model with textures and a long clip.
fn figure() -> Recipe {
    let attributes = Attributes { skin: true, ..mesh((0, 0)).attributes };
    let paths = [Path::Translation, Path::Rotation, Path::Scale, Path::Weights];
    let track =
        |path| Track { path, interpolation: Interpolation::Linear, course: Course::Curved, keys: 5000 };
    Recipe {
        meshes: vec![Mesh { attributes, morph: Morph::Dense, ..mesh((120, 80)) }],
        materials: Materials {
            count: 3,
            textures: true,
            as_jpeg: false,
            normal_maps: true,
            transforms: false,
            variants: false,
        },
        tracks: paths.map(track).into(),
        extras: Extras {
            names: true,
            extras: false,
            unknown_extension: false,
            unused: true,
            duplicates: true,
            camera: false,
            light: false,
            instancing: false,
        },
    }
}

fn mesh(cells: (u32, u32)) -> Mesh {
    Mesh {
        form: Form::Torus,
        cells,
        size: 1.0,
        primitives: 1,
        sharing: Sharing::Nothing,
        unwelded: false,
        indices: Indices::U32,
        mode: 4,
        interleaved: false,
        attributes: Attributes {
            normal: true,
            tangent: false,
            texcoord_0: true,
            texcoord_1: false,
            colour: Colour::None,
            skin: false,
            own: false,
        },
        morph: Morph::None,
    }
}
