//! Which byte of a file is for what: claims of its lists on byte ranges, each byte counted once.
//!
//! Shares no code with the writer. See [`super`] for what is made of it.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::{BytesBy, list};
use crate::optimize::document::primitives::as_index;
use crate::optimize::document::read::Files;
use crate::optimize::document::refs::{self, Kind, Role};

/// What a byte is for, in the order in which claims on the same byte win.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Part {
    Images,
    Vertices,
    Indices,
    MorphTargets,
    Animations,
    Skins,
    Extensions,
}

/// The file's bytes outside the JSON: the BIN chunk and external buffers, with the claims on them.
pub(super) struct Spaces<'a> {
    pub(super) buffers: Vec<&'a [u8]>,
    views: Vec<Value>,
    /// Buffer, start, end, what for, and of which mesh, animation, skin or image.
    claims: Vec<(usize, usize, usize, Part, usize)>,
    pub(super) counted: BytesBy,
}

/// Every byte of a file, counted once.
#[derive(Default)]
pub(super) struct Counted {
    pub(super) by: BytesBy,
    items: HashMap<(Part, usize), u64>,
}

impl Counted {
    /// Bytes of a mesh or an animation. What it shares with an earlier one is counted there.
    pub(super) fn of(&self, parts: &[Part], item: usize) -> u64 {
        parts.iter().filter_map(|&part| self.items.get(&(part, item))).sum()
    }
}

impl<'a> Spaces<'a> {
    pub(super) fn new(
        root: &Map<String, Value>,
        file: &'a [u8],
        json: &[u8],
        bin: Option<&'a [u8]>,
        files: &'a Files,
    ) -> Self {
        let of_buffer = |(i, buffer): (usize, &Value)| match buffer["uri"].as_str() {
            Some(uri) => files.get(uri).map_or(&[][..], Vec::as_slice),
            None if i == 0 => bin.unwrap_or_default(),
            None => &[],
        };
        let buffers: Vec<&[u8]> = list(root, "buffers").iter().enumerate().map(of_buffer).collect();
        let text = json.iter().rposition(|&byte| byte != b' ' && byte != 0).map_or(0, |last| last + 1);
        let bin_bytes = bin.map_or(0, <[u8]>::len);
        let has_no_buffer = list(root, "buffers").first().is_none_or(|buffer| buffer["uri"].is_string());
        let counted = BytesBy {
            json: text as u64,
            container: (file.len() - text - bin_bytes) as u64,
            // A BIN chunk that no buffer stands for.
            unused: if has_no_buffer { bin_bytes as u64 } else { 0 },
            ..BytesBy::default()
        };
        Self { buffers, views: list(root, "bufferViews").to_vec(), claims: Vec::new(), counted }
    }

    /// Buffer, start and end of a view; what is stored, not what it decodes to.
    pub(super) fn range(&self, view: &Value) -> Option<(usize, usize, usize)> {
        let view = self.views.get(as_index(view)?)?;
        let extension = |name| view["extensions"].get(name);
        let stored = extension("EXT_meshopt_compression").or_else(|| extension("KHR_meshopt_compression"));
        let stored = stored.unwrap_or(view);
        let buffer = as_index(&stored["buffer"])?;
        let start = as_index(&stored["byteOffset"]).unwrap_or(0);
        let end = start.checked_add(as_index(&stored["byteLength"])?)?;
        (end <= self.buffers.get(buffer)?.len()).then_some((buffer, start, end))
    }

    fn claim(&mut self, view: &Value, part: Part, item: usize) {
        if let Some((buffer, start, end)) = self.range(view) {
            self.claims.push((buffer, start, end, part, item));
        }
    }

    /// Counts every byte once: overlapping claims go to the one that begins first.
    pub(super) fn sum(mut self) -> Counted {
        self.claims.sort_unstable();
        let mut reached = vec![0; self.buffers.len()];
        let mut by = self.counted;
        let mut items = HashMap::new();
        for (buffer, start, end, part, item) in self.claims {
            let at = &mut reached[buffer];
            let gap = start.saturating_sub(*at) as u64;
            // Up to seven bytes between two views are alignment, not waste.
            *(if gap < 8 { &mut by.container } else { &mut by.unused }) += gap;
            let new = end.saturating_sub(start.max(*at)) as u64;
            *match part {
                Part::Images => &mut by.images,
                Part::Vertices => &mut by.vertices,
                Part::Indices => &mut by.indices,
                Part::MorphTargets => &mut by.morph_targets,
                Part::Animations => &mut by.animations,
                Part::Skins => &mut by.skins,
                Part::Extensions => &mut by.extensions,
            } += new;
            *items.entry((part, item)).or_default() += new;
            *at = end.max(*at);
        }
        for (buffer, reached) in self.buffers.iter().zip(reached) {
            let rest = (buffer.len() - reached) as u64;
            *(if rest < 8 { &mut by.container } else { &mut by.unused }) += rest;
        }
        Counted { by, items }
    }
}

/// Claims what the file's own lists point to.
pub(super) fn mark_views(root: &Map<String, Value>, spaces: &mut Spaces) {
    refs::visit(root, &mut |at, kind, role, value| {
        let item = at.first_item().unwrap_or(0);
        let part = match (kind, role) {
            (Kind::Blob, _) if at.list() == "meshes" => return spaces.claim(value, Part::Vertices, item),
            (Kind::Blob, _) => return spaces.claim(value, Part::Extensions, item),
            (_, Role::Vertex) => Part::Vertices,
            (_, Role::Indices) => Part::Indices,
            (_, Role::Morph) => Part::MorphTargets,
            (_, Role::InverseBind) => Part::Skins,
            (_, Role::KeyTimes | Role::KeyValues) => Part::Animations,
            (_, Role::Instance) => Part::Extensions,
            (_, Role::Item) => return,
        };
        let accessor = as_index(value).and_then(|index| list(root, "accessors").get(index));
        let accessor = accessor.unwrap_or(&Value::Null);
        let sparse = &accessor["sparse"];
        for view in
            [&accessor["bufferView"], &sparse["indices"]["bufferView"], &sparse["values"]["bufferView"]]
        {
            spaces.claim(view, part, item);
        }
    });
    for (index, image) in list(root, "images").iter().enumerate() {
        spaces.claim(&image["bufferView"], Part::Images, index);
    }
}
