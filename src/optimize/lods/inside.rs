//! Levels of detail inside of the one result, by the extension MSFT_lod.
//!
//! Each level's surfaces are made from those of the level before, and packed as the result's are; textures and materials
//! are the result's own. Only appends: whoever does not know the extension sees the same model, from the same numbers.
//! How different each level looks is measured in the written file, but bounds nothing: half is what was asked for.

use std::collections::BTreeMap;

use super::graft::Graft;
use super::nodes::{self, Carrier};
use super::{HALF, halving};
use crate::optimize::attempt::{COMPARE_WEIGHT, Fitted};
use crate::optimize::document::read::{self, Files};
use crate::optimize::document::{Document, Limits, draco, primitives, write};
use crate::optimize::error::Error;
use crate::optimize::passes::{self, Outcome};
use crate::optimize::proof::{self, Expectation, Reference};
use crate::optimize::report::{Level, PassReport};
use crate::optimize::settings::{Geometry, LodCount, Settings, Target};
use crate::optimize::stages::Stages;

/// A mesh's level must have at most this part of the triangles of the one before.
const WORTHWHILE: f64 = 0.75;

/// So many nodes are named where some decline for the same reason.
const NAMED: usize = 3;

const NAME: &str = "lods";

/// Adds the levels that the settings ask for to a result that is right; without any it stays as it is. What was done, and
/// why some nodes decline, is entered into its reports.
///
/// # Errors
/// Those of the passes, of reading and of writing.
pub(in super::super) fn add(
    (input, files): (&[u8], &Files),
    fitted: &mut Fitted,
    settings: &Settings,
    expected: &Expectation,
    stages: &mut Stages,
) -> Result<Vec<Level>, Error> {
    let count = settings.lods.map_or(0, LodCount::get);
    if count == 0 {
        return Ok(Vec::new());
    }
    stages.enter(NAME, f32::from(count) * COMPARE_WEIGHT);
    let mut notes = Vec::new();
    let mut levels = Vec::new();
    let bytes_before = fitted.glb.len() as u64;
    if fitted.fault.is_some() {
        notes.push("the original stays as it came".to_owned());
    } else {
        let mut grown = Grown::of(fitted, settings);
        notes = grown.declined();
        while levels.len() < usize::from(count) {
            match grown.grow()? {
                Ok(level) => levels.push(level),
                Err(reason) => {
                    notes.push(reason);
                    break;
                }
            }
        }
        if !levels.is_empty() {
            let reference = Reference::new(&read::read(input, files, &Limits::default())?);
            compare(&grown, &mut levels, (expected, &reference), stages)?;
            (fitted.glb, fitted.document) = (grown.glb, grown.document);
        }
    }
    notes.splice(0..0, levels.iter().map(note));
    fitted.reports.push(PassReport {
        name: NAME.into(),
        changed: !levels.is_empty(),
        bytes_before,
        bytes_after: fitted.glb.len() as u64,
        seconds: None,
        notes,
    });
    Ok(levels)
}

/// A result while it gets levels.
struct Grown {
    settings: Settings,
    document: Document,
    glb: Vec<u8>,
    carriers: Vec<Carrier>,
    /// Why other nodes decline.
    declined: BTreeMap<String, Vec<usize>>,
    /// The meshes as they are at the present level, by their numbers in the result, before numbers are rounded.
    surface: Document,
    /// The same meshes by their numbers in `document`.
    meshes: Vec<usize>,
    /// Meshes of which there may be a further level.
    growing: Vec<bool>,
    /// What part of a view each of them fills.
    parts: Vec<f64>,
    level: u8,
}

impl Grown {
    fn of(fitted: &mut Fitted, settings: &Settings) -> Self {
        let (document, surface) = (fitted.document.clone(), std::mem::take(&mut fitted.unrounded));
        let (carriers, declined) = nodes::carriers(&document);
        let mut growing = vec![false; surface.list("meshes").len()];
        carriers.iter().for_each(|carrier| growing[carrier.mesh] = true);
        // What the result does without, its levels do without too.
        let target = if document.compression.is_none() { Target::Universal } else { settings.target };
        let has_draco = document.uses_extension(draco::EXTENSION);
        let geometry = if has_draco { Geometry::Draco } else { Geometry::Meshopt };
        Self {
            settings: Settings { target, geometry, simplify: HALF, ..*settings },
            glb: fitted.glb.clone(),
            carriers,
            declined,
            parts: passes::parts_of_view(&surface),
            meshes: (0..growing.len()).collect(),
            growing,
            surface,
            document,
            level: 0,
        }
    }

    /// Why nodes have no levels, for people.
    fn declined(&self) -> Vec<String> {
        let named = |&node: &usize| match self.document.list("nodes")[node]["name"].as_str() {
            Some(name) => format!("node {node} \"{name}\""),
            None => format!("node {node}"),
        };
        let note = |(reason, nodes): (&String, &Vec<usize>)| {
            let mut names: Vec<String> = nodes.iter().take(NAMED).map(named).collect();
            if nodes.len() > NAMED {
                names.push(format!("and {} more", nodes.len() - NAMED));
            }
            format!("none for what {reason}: {}", names.join(", "))
        };
        self.declined.iter().map(note).collect()
    }

    /// Adds a level, or says why there is none.
    fn grow(&mut self) -> Result<Result<Level, String>, Error> {
        if self.carriers.is_empty() {
            return Ok(Err("no node can have levels".into()));
        }
        self.level += 1;
        let before = triangles(&self.surface);
        let budget = halving(&self.settings, self.level);
        let outcome = passes::run_with(passes::COARSEN, &mut self.surface, &self.settings, budget)?;
        if let Outcome::Unchanged(reason) = outcome {
            return Ok(Err(format!("no level {}: {reason}", self.level)));
        }
        let after = triangles(&self.surface);
        for (mesh, growing) in self.growing.iter_mut().enumerate() {
            *growing &= after[mesh] as f64 <= WORTHWHILE * before[mesh] as f64;
        }
        if !self.growing.contains(&true) {
            return Ok(Err(format!("no level {}: it would hardly have fewer triangles", self.level)));
        }
        let mut packed = self.surface.clone();
        for pass in passes::PACK {
            passes::run_with(*pass, &mut packed, &self.settings, budget)?;
        }
        self.graft(&packed);
        let bytes_before = self.glb.len();
        self.glb = write::write(&self.document)?;
        let counts = triangles(&self.document);
        Ok(Ok(Level {
            level: self.level,
            triangles: self.meshes.iter().map(|&mesh| counts[mesh]).sum(),
            bytes: self.glb.len().saturating_sub(bytes_before) as u64,
            comparison: None,
        }))
    }

    /// Adds the meshes that have become coarser, and a node for each that draws one.
    fn graft(&mut self, packed: &Document) {
        let mut graft = Graft::new(packed);
        let ending = nodes::ending(usize::from(self.level));
        for mesh in (0..self.meshes.len()).filter(|&mesh| self.growing[mesh]) {
            self.meshes[mesh] = graft.mesh(&mut self.document, mesh, self.meshes[mesh], &ending);
        }
        for carrier in self.carriers.iter_mut().filter(|carrier| self.growing[carrier.mesh]) {
            let (mesh, part) = (self.meshes[carrier.mesh], self.parts[carrier.mesh]);
            nodes::attach(&mut self.document, carrier, mesh, part);
        }
        for name in [draco::EXTENSION, passes::QUANTIZATION] {
            if packed.uses_extension(name) {
                self.document.declare_extension(name, true);
            }
        }
    }
}

/// The triangles of each mesh.
fn triangles(document: &Document) -> Vec<u64> {
    let mut counts = vec![0; document.list("meshes").len()];
    for id in primitives::all(document) {
        counts[id.mesh] += primitives::triangle_count(document, primitives::json(document, id)) as u64;
    }
    counts
}

/// Reads the file as a viewer would, and compares each of its levels with the original.
fn compare(
    grown: &Grown,
    levels: &mut [Level],
    (expected, reference): (&Expectation, &Reference),
    stages: &mut Stages,
) -> Result<(), Error> {
    let result = read::read(&grown.glb, &Files::new(), &Limits::default())?;
    proof::compare_shape(expected, &result)
        .map_err(|fault| Error::Internal(format!("levels of detail changed the finest one: {fault}")))?;
    let count = levels.len() as f32;
    for level in levels.iter_mut().filter(|_| !reference.is_blank()) {
        let seen = nodes::seen_at(&result, &grown.carriers, usize::from(level.level));
        level.comparison = Some(reference.compare(&seen));
        stages.within(f32::from(level.level) / count);
    }
    Ok(())
}

/// One level, for people.
fn note(level: &Level) -> String {
    let Level { level, triangles, bytes, comparison } = level;
    let error = comparison.as_ref().map(|seen| format!(", error {:.3} on average", seen.mean));
    format!("level {level}: {triangles} triangles, {bytes} bytes more{}", error.unwrap_or_default())
}
