//! One level of detail as a file of its own, out of a result that holds it (MSFT_lod).
//!
//! For loaders that do not know the extension, and for whoever wants to load what is far away by itself. The finest
//! node draws what the level draws, and the coarser nodes go: so names, places and animations are those of the result.

use std::collections::BTreeSet;

use serde_json::Value;

use super::halving;
use super::nodes::{self, Carrier, EXTENSION};
use crate::optimize::document::primitives::as_index;
use crate::optimize::document::read::{self, Files};
use crate::optimize::document::{Document, Kind, Limits, edit, unknown, write};
use crate::optimize::error::Error;
use crate::optimize::passes;
use crate::optimize::settings::{Settings, Target};

/// The level `level` of `result`, which was made with `settings`; 1 is the one after the finest. What has no such level is as
/// coarse as it gets.
///
/// # Errors
/// Those of reading, of the passes and of writing.
pub fn level_alone(result: &[u8], level: u8, settings: &Settings) -> Result<Vec<u8>, Error> {
    let document = read::read(result, &Files::new(), &Limits::default())?;
    let carriers = carriers(&document);
    let mut alone = nodes::seen_at(&document, &carriers, usize::from(level));
    nodes::forget_levels(&mut alone, &carriers);
    forget_coarser_nodes(&mut alone, &carriers);
    forget_other_levels(&mut alone, &document);
    passes::run_with(passes::PRUNE, &mut alone, settings, halving(settings, level))?;
    if settings.target != Target::Universal {
        passes::run_with(passes::ENCODE, &mut alone, settings, halving(settings, level))?;
    }
    write::write(&alone)
}

/// The nodes that have levels which draw meshes and nothing else.
fn carriers(document: &Document) -> Vec<Carrier> {
    let list = document.list("nodes");
    let carrier = |(node, json): (usize, &Value)| {
        let ids = json["extensions"][EXTENSION]["ids"].as_array()?;
        let levels = ids.iter().map(as_index).collect::<Option<Vec<usize>>>()?;
        let draws = |&level: &usize| as_index(&list[level]["mesh"]).is_some();
        let is_simple = levels.iter().all(|level| draws(level) && list[*level].get("children").is_none());
        is_simple.then_some(Carrier { node, mesh: as_index(&json["mesh"])?, levels })
    };
    list.iter().enumerate().filter_map(carrier).collect()
}

/// What only the other levels of `document` draw goes, whatever its name and extras; what nothing used there stays.
fn forget_other_levels(alone: &mut Document, document: &Document) {
    if !unknown::extensions(document).is_empty() {
        return;
    }
    for kind in [Kind::Mesh, Kind::Accessor] {
        let before = edit::referenced(document, kind);
        let now = edit::referenced(alone, kind);
        let keep: Vec<bool> = now.into_iter().zip(before).map(|(now, before)| now || !before).collect();
        edit::retain(alone, kind, &keep);
    }
}

/// No scene has them. Where an unknown extension may number nodes they stay, empty as they are.
fn forget_coarser_nodes(document: &mut Document, carriers: &[Carrier]) {
    if !unknown::extensions(document).is_empty() {
        return;
    }
    let coarser: BTreeSet<usize> =
        carriers.iter().flat_map(|carrier| carrier.levels.iter().copied()).collect();
    for animation in document.list_mut("animations") {
        if let Some(channels) = animation.get_mut("channels").and_then(Value::as_array_mut) {
            let moves_one = |channel: &Value| {
                as_index(&channel["target"]["node"]).is_some_and(|node| coarser.contains(&node))
            };
            channels.retain(|channel| !moves_one(channel));
        }
    }
    let keep: Vec<bool> = (0..document.list("nodes").len()).map(|node| !coarser.contains(&node)).collect();
    edit::retain(document, Kind::Node, &keep);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn meshes_of_other_levels_go_although_they_have_names_and_one_that_nothing_used_stays() {
        let root = json!({
            "nodes": [{"mesh": 0, "extensions": {"MSFT_lod": {"ids": [1]}}}, {"mesh": 1}],
            "meshes": [
                {"name": "vase", "primitives": []}, {"name": "coarse", "primitives": []},
                {"name": "spare", "primitives": []},
            ],
        });
        let document = Document { root: root.as_object().unwrap().clone(), ..Document::default() };
        let mut alone = nodes::seen_at(&document, &carriers(&document), 1);
        forget_other_levels(&mut alone, &document);
        let names = alone.list("meshes").iter().map(|mesh| mesh["name"].as_str().unwrap());
        assert_eq!(names.collect::<Vec<_>>(), ["coarse", "spare"]);
    }
}
