//! Primitives that share vertices, so that passes that renumber vertices do it for all of them at once.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Map, Value};

use crate::optimize::document::primitives::{self, PrimitiveId};
use crate::optimize::document::refs::{Kind, Role, visit};
use crate::optimize::document::{Accessor, Document, edit};

/// Primitives that share at least one vertex accessor with another of the group, and all their accessors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct VertexGroup {
    /// The primitives, in file order.
    pub primitives: Vec<PrimitiveId>,
    /// Their attribute and morph target accessors, in file order; all of one length.
    pub accessors: Vec<usize>,
    /// Number of vertices.
    pub vertex_count: usize,
}

/// A group with new vertex numbers: what [`apply`] enters into the document.
#[derive(Debug)]
pub(super) struct Renumbered {
    /// The old number of every new vertex, in new order.
    pub vertices: Vec<u32>,
    /// New indices of each primitive, in the group's order.
    pub indices: Vec<Vec<u32>>,
}

/// The groups of a document, without those in which some vertex may not be renumbered.
#[must_use]
pub(super) fn find(document: &Document) -> Vec<VertexGroup> {
    let ids = primitives::all(document);
    let mut sets = Sets::new(document.accessors.len());
    for &id in &ids {
        for pair in primitives::vertex_accessors(primitives::json(document, id)).windows(2) {
            sets.join(pair[0], pair[1]);
        }
    }
    let mut groups: BTreeMap<usize, VertexGroup> = BTreeMap::new();
    let mut locked = vec![false; document.accessors.len()];
    for id in ids {
        let json = primitives::json(document, id);
        let accessors = primitives::vertex_accessors(json);
        let Some(&first) = accessors.first() else { continue };
        let root = sets.root(first);
        locked[root] |= primitives::locked(document, json).is_some() || draws_bare_points(json);
        let group = groups.entry(root).or_insert_with(|| VertexGroup {
            primitives: Vec::new(),
            accessors: Vec::new(),
            vertex_count: primitives::vertex_count(document, json),
        });
        group.primitives.push(id);
        group.accessors.extend(accessors);
    }
    visit(&document.root, &mut |_, kind, role, value| {
        if let Some(index) = primitives::as_index(value)
            && kind == Kind::Accessor
            && !matches!(role, Role::Vertex | Role::Morph)
        {
            locked[sets.root(index)] = true;
        }
    });
    groups
        .into_iter()
        .filter(|(root, _)| !locked[*root])
        .map(|(_, mut group)| {
            group.accessors.sort_unstable();
            group.accessors.dedup();
            group
        })
        .collect()
}

/// Why a pass over the groups has nothing to do: the lock on the first primitive, or else `otherwise`.
pub(super) fn why_unchanged(document: &Document, otherwise: &str) -> String {
    let mut ids = primitives::all(document).into_iter();
    match ids.find_map(|id| primitives::locked(document, primitives::json(document, id))) {
        Some(lock) => format!("{otherwise}, except for those that cannot be touched ({lock})"),
        None => otherwise.to_owned(),
    }
}

/// Points without indices are drawn one by one: merging equal ones would draw fewer.
fn draws_bare_points(primitive: &Value) -> bool {
    primitives::mode(primitive) == 0 && primitives::indices(primitive).is_none()
}

/// Enters new vertex numbers; primitives that shared their indices go on sharing them.
pub(super) fn apply(document: &mut Document, group: &VertexGroup, renumbered: &Renumbered) {
    for &index in &group.accessors {
        let accessor = &mut document.accessors[index];
        let element = accessor.element_bytes();
        let old = accessor.bytes();
        let picked = renumbered.vertices.iter().flat_map(|&v| &old[v as usize * element..][..element]);
        let bytes = picked.copied().collect();
        let normalized = accessor.normalized;
        let (component, shape) = (accessor.component, accessor.shape);
        accessor.replace(Accessor { normalized, ..Accessor::from_bytes(component, shape, bytes) });
    }
    let mut written: HashMap<(&[u32], String), usize> = HashMap::new();
    for (&id, indices) in group.primitives.iter().zip(&renumbered.indices) {
        let old = primitives::indices(primitives::json(document, id)).and_then(|i| document.accessors.get(i));
        // Name and extras stay; indices that have different ones are not shared.
        let of = |what: fn(&Accessor) -> &Map<String, Value>| old.map(what).cloned().unwrap_or_default();
        let (rest, view_rest) = (of(|accessor| &accessor.rest), of(|accessor| &accessor.view_rest));
        let said = [&rest, &view_rest].map(|map| Value::from(map.clone()).to_string()).concat();
        let index = *written.entry((indices, said)).or_insert_with(|| {
            let accessor = Accessor::from_indices(indices, renumbered.vertices.len());
            document.accessors.push(Accessor { rest, view_rest, ..accessor });
            document.accessors.len() - 1
        });
        if let Some(json) = primitives::json_mut(document, id) {
            json.insert("indices".into(), index.into());
        }
    }
}

/// Removes the accessors that `before` pointed at and nothing does any more.
pub(super) fn drop_replaced(document: &mut Document, before: &[bool]) {
    let now = edit::referenced(document, Kind::Accessor);
    let keep: Vec<bool> = now
        .iter()
        .enumerate()
        .map(|(index, &used)| used || !before.get(index).copied().unwrap_or(true))
        .collect();
    edit::retain(document, Kind::Accessor, &keep);
}

/// Disjoint sets of accessors.
struct Sets(Vec<usize>);

impl Sets {
    fn new(count: usize) -> Self {
        Self((0..count).collect())
    }

    /// Halves the path as it goes: without that, a long chain would be walked for each of its items.
    fn root(&mut self, mut item: usize) -> usize {
        while self.0[item] != item {
            self.0[item] = self.0[self.0[item]];
            item = self.0[item];
        }
        item
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        // The smaller number becomes the root: the result does not depend on the order of joining.
        self.0[a.max(b)] = a.min(b);
    }
}
