//! The passes, in one list, in run order.
//!
//! **Adding a pass.** Write `passes/<name>.rs`: what it does and why it may decline, `impl Pass`, tests
//! beside it. Add `mod <name>;` and one row in [`PASSES`], with the reason for its place. The laws in
//! `tests/it/passes.rs` then run on it.
//!
//! A pass changes the document or leaves it exactly as it was and says why. It never fails because of what
//! a model holds: the reader has refused what cannot be worked with.

mod bake;
mod compact;
mod dedup;
mod encode;
mod flatten;
mod grids;
mod instance;
mod join;
mod palette;
mod plain_nodes;
mod prune;
mod quantize;
mod reorder;
mod resample;
mod simplify;
mod tangents;
mod textures;
mod vertex_groups;
mod viewing;
mod weld;

use super::budget::{Budget, Shares};
use super::document::{Document, unknown};
use super::error::Error;
use super::search::Cost;
use super::settings::Settings;

/// One step of the optimizer.
pub trait Pass: Sync {
    /// Its name in reports, progress and logs.
    fn name(&self) -> &'static str;

    /// Its share of a job's time, relative to the others; only progress depends on it.
    fn weight(&self) -> f32 {
        1.0
    }

    /// Whether it moves or removes items that others refer to by number: such a pass does not run where an
    /// unknown extension may hold such a number.
    fn renumbers(&self) -> bool {
        false
    }

    /// Whether it, and every pass after it, runs again when the model looked better or worse than the preset wants: what
    /// it does depends on the share of the budget that is tried.
    fn is_repeated(&self) -> bool {
        false
    }

    /// Whether it, and every pass after it, makes numbers coarser and nothing else that is seen: what is seen of that is
    /// told apart from the rest.
    fn rounds(&self) -> bool {
        false
    }

    /// Changes the document, or leaves it as it was. Called by [`run`] only.
    ///
    /// # Errors
    /// [`Error::Internal`] when a codec fails on valid data.
    fn run(&self, document: &mut Document, context: &mut Context) -> Result<Outcome, Error>;
}

/// What a pass did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It changed the document; the notes say what, for people.
    Changed(Vec<String>),
    /// The document is exactly as it was, for this reason.
    Unchanged(String),
}

/// What a pass may look at besides the document.
pub struct Context<'a> {
    /// What was asked for.
    pub settings: Settings,
    /// What that means in numbers.
    pub budget: Budget,
    /// How much of the errors of images is used in this attempt.
    pub shares: &'a Shares,
    /// What passes remember when they are repeated.
    pub memo: &'a Memo,
    /// To be called with the finished part (0 to 1) inside long passes.
    pub progress: &'a mut dyn FnMut(f32),
}

/// What passes remember of a document from one attempt to the next (see [`Pass::is_repeated`]): nothing is made twice, and
/// what was good enough once is not forgotten.
#[derive(Default)]
pub struct Memo {
    textures: textures::AllTries,
}

impl Memo {
    /// What an image should cost at a share of the budget, from what was tried of it; nothing where nothing was.
    pub(super) fn image_cost(&self, image: usize, share: f32) -> Cost {
        self.textures.with(image, |tries| tries.at(share))
    }
}

/// Every pass in run order.
pub const PASSES: &[&dyn Pass] = &[
    // First, so that what says the same looks the same, and nothing is worked on twice or for nobody.
    &compact::Compact,
    // What it makes of textures may be equal, or in use no more.
    &bake::Bake,
    &dedup::Dedup,
    &prune::Prune,
    &resample::Resample,
    // After resample, which may leave nodes that nothing moves; what is flat has brothers and sisters to be one with.
    &flatten::Flatten,
    // Before join, which leaves meshes alone that are drawn twice.
    &instance::Instance,
    // Colours that are texels no longer keep primitives apart.
    &palette::Palette,
    // Vertices that are equal in different primitives are then for weld, and simplify sees whole surfaces.
    &join::Join,
    // Equal vertices must be found before their numbers are rounded apart or reordered.
    &weld::Weld,
    // Before meshes change, which tell how large an image is seen.
    &textures::Textures,
    // Before simplify, which would keep seams for the sake of tangents; again with another share, since viewers that
    // make tangents in their own way may look too different.
    &tangents::Tangents,
    // After weld, which gives it whole surfaces; before anything looks at the order of triangles.
    &simplify::Simplify,
    &reorder::Reorder,
    // Rounding needs the final vertices, packing needs the rounded numbers.
    &quantize::Quantize,
    &encode::Encode,
    // Its files may be larger than those before, by as much as the others have saved.
    &textures::Ktx2,
];

/// What makes the surfaces of a document coarser.
pub(super) const COARSEN: &dyn Pass = &simplify::Simplify;

/// What packs surfaces, in run order: those of [`PASSES`] that come after [`COARSEN`].
pub(super) const PACK: &[&dyn Pass] = &[&reorder::Reorder, &quantize::Quantize, &encode::Encode];

/// What takes unused items out of a document.
pub(super) const PRUNE: &dyn Pass = &prune::Prune;

/// What packs a document whose numbers are rounded already.
pub(super) const ENCODE: &dyn Pass = &encode::Encode;

/// The extension without which packed normals and tangents may be no integers.
pub(super) const QUANTIZATION: &str = "KHR_mesh_quantization";

/// Runs one pass, unless what it moves may be referred to by an unknown extension.
///
/// # Errors
/// Those of [`Pass::run`].
pub fn run(pass: &dyn Pass, document: &mut Document, context: &mut Context) -> Result<Outcome, Error> {
    if pass.renumbers()
        && let Some(reason) = unknown_references(document)
    {
        return Ok(Outcome::Unchanged(reason));
    }
    pass.run(document, context)
}

/// Runs one pass as [`run`] does, with nothing around it and all of a budget.
///
/// # Errors
/// Those of [`Pass::run`].
pub(super) fn run_with(
    pass: &dyn Pass,
    document: &mut Document,
    settings: &Settings,
    budget: Budget,
) -> Result<Outcome, Error> {
    let (shares, memo) = (Shares::even(1.0, 0), Memo::default());
    let mut context =
        Context { settings: *settings, budget, shares: &shares, memo: &memo, progress: &mut |_| {} };
    run(pass, document, &mut context)
}

/// Why arrays must stay as they are: the unknown extensions that may point into them.
fn unknown_references(document: &Document) -> Option<String> {
    let mut names = unknown::extensions(document).into_iter().peekable();
    names.peek()?;
    let names: Vec<String> = names.collect();
    Some(format!("{} may refer to items by number, so all stay in place", names.join(", ")))
}

/// The images whose errors are seen in views, each alone; more than `most` of them by what they hold, in a list for each kind.
pub(super) fn images_of_a_kind(document: &Document, most: usize) -> Vec<Vec<usize>> {
    textures::of_a_kind(document, most)
}

/// For every mesh the part of a view's side that it fills where errors are as large as the passes take them to be.
pub(super) fn parts_of_view(document: &Document) -> Vec<f64> {
    viewing::parts(document)
}

/// Whether viewers draw what has this material from back to front, by where its node is: such nodes stay apart.
fn is_sorted(material: &serde_json::Value) -> bool {
    let sees_through = ["KHR_materials_transmission", "KHR_materials_volume"];
    material["alphaMode"] == "BLEND"
        || sees_through.iter().any(|name| material["extensions"][name].is_object())
}

/// `1 vertex`, `2 vertices`: a count with its noun.
fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// Runs one pass with nothing around it, for its own tests.
#[cfg(test)]
fn run_alone(pass: &dyn Pass, document: &mut Document, settings: Settings) -> Outcome {
    let budget = Budget::of(&settings);
    let (shares, memo) = (Shares::even(1.0, 0), Memo::default());
    let mut context = Context { settings, budget, shares: &shares, memo: &memo, progress: &mut |_| {} };
    pass.run(document, &mut context).expect("a pass runs on what the reader lets through")
}
