//! Who is named for an error: nodes and materials of the original, as far as those of a result are the same ones.

use std::collections::HashMap;

use super::render::model::Draw;
use crate::optimize::document::Document;

/// The node and material of a draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Owner {
    /// Only the result has such a node; its indices are the result's then, and else the original's.
    pub(super) is_added: bool,
    pub(super) node: u32,
    pub(super) material: u32,
}

impl Owner {
    pub(super) fn of(draw: &Draw) -> Self {
        Self { is_added: false, node: number(draw.node), material: number(draw.material) }
    }
}

/// What the nodes and materials of a document are called.
pub(super) struct Names {
    nodes: List,
    materials: List,
}

impl Names {
    pub(super) fn of(document: &Document) -> Self {
        Self {
            nodes: List::of(document, "nodes", "node"),
            materials: List::of(document, "materials", "material"),
        }
    }

    /// Node and material, for people.
    fn called(&self, owner: Owner) -> String {
        let parts = [self.nodes.called(owner.node), self.materials.called(owner.material)];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

/// The owners of a result, as those of its original.
pub(super) struct Named<'n> {
    original: &'n Names,
    result: Names,
}

impl<'n> Named<'n> {
    pub(super) fn new(original: &'n Names, result: &Document) -> Self {
        Self { original, result: Names::of(result) }
    }

    /// Whose a draw of the result is, by name, or by index where names are missing.
    pub(super) fn owner(&self, draw: &Draw) -> Owner {
        let owner = Owner::of(draw);
        let Self { original, result } = self;
        let Some(node) = original.nodes.same(owner.node, &result.nodes) else {
            return Owner { is_added: true, ..owner };
        };
        let material = original.materials.same(owner.material, &result.materials);
        // As the material of what has none.
        let material = material.unwrap_or_else(|| number(original.materials.names.len()));
        Owner { is_added: false, node, material }
    }

    /// Node and material, for people.
    pub(super) fn called(&self, owner: Owner) -> String {
        if owner.is_added {
            return format!("{} of the result", self.result.called(owner));
        }
        self.original.called(owner)
    }
}

/// The names of a list's elements.
struct List {
    what: &'static str,
    names: Vec<Option<String>>,
    /// The first element of each name.
    first: HashMap<String, u32>,
}

impl List {
    fn of(document: &Document, list: &str, what: &'static str) -> Self {
        let names = document.list(list).iter().map(|json| json["name"].as_str().map(str::to_owned));
        let names: Vec<Option<String>> = names.collect();
        let mut first = HashMap::new();
        for (index, name) in names.iter().enumerate() {
            if let Some(name) = name {
                first.entry(name.clone()).or_insert_with(|| number(index));
            }
        }
        Self { what, names, first }
    }

    fn called(&self, index: u32) -> Option<String> {
        Some(match self.names.get(index as usize)? {
            Some(name) => format!("{} {index} \"{name}\"", self.what),
            None => format!("{} {index}", self.what),
        })
    }

    /// The element that one of a result is; `None` where there is none.
    fn same(&self, index: u32, of_result: &Self) -> Option<u32> {
        let name = of_result.names.get(index as usize)?;
        if self.names.get(index as usize) == Some(name) {
            return Some(index);
        }
        self.first.get(name.as_ref()?).copied()
    }
}

fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}
