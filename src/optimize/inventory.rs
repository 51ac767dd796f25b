//! What is in a file, and where its bytes are.
//!
//! Read straight from the file's own JSON and byte ranges, by no other code than the container's: it is the
//! independent count against which the optimizer's claims can be held.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::codecs::{image_file, ktx2};
use super::document::primitives::as_index;
use super::document::read::{Files, parse_json, split};
use super::document::refs::{self, Kind, Role};
use super::document::{Limits, primitives};
use super::error::Error;

/// What a file holds. Counts are of the file's arrays; `bytes_by` sums exactly to `bytes`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Inventory {
    /// File size in bytes.
    pub bytes: u64,
    /// Where they are.
    pub bytes_by: BytesBy,
    /// Scenes in the file.
    pub scenes: usize,
    /// Nodes in the file.
    pub nodes: usize,
    /// Meshes in the file.
    pub meshes: usize,
    /// Primitives over all meshes.
    pub primitives: usize,
    /// Triangles over all primitives, each mesh counted once.
    pub triangles: u64,
    /// Vertices over all distinct POSITION accessors.
    pub vertices: u64,
    /// Materials in the file.
    pub materials: usize,
    /// Textures in the file.
    pub textures: usize,
    /// Every image with its format, size and use.
    pub images: Vec<ImageEntry>,
    /// Bytes of GPU memory that the images take once uploaded, mip levels included.
    pub gpu_texture_bytes: u64,
    /// Animations in the file.
    pub animations: usize,
    /// Animation channels over all animations.
    pub channels: usize,
    /// Keyframes over all animation channels.
    pub keyframes: u64,
    /// Skins in the file.
    pub skins: usize,
    /// Morph targets over all primitives.
    pub morph_targets: usize,
    /// `extensionsUsed`, as written.
    pub extensions_used: Vec<String>,
    /// `extensionsRequired`, as written.
    pub extensions_required: Vec<String>,
}

/// Bytes of a file by what they are for. Every byte is counted once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BytesBy {
    /// GLB header, chunk headers, padding inside chunks.
    pub container: u64,
    /// The JSON text.
    pub json: u64,
    /// Vertex attributes.
    pub vertices: u64,
    /// Triangle, line and point indices.
    pub indices: u64,
    /// Morph target attributes.
    pub morph_targets: u64,
    /// Image files.
    pub images: u64,
    /// Animation key times and values.
    pub animations: u64,
    /// Inverse bind matrices.
    pub skins: u64,
    /// Data of extensions.
    pub extensions: u64,
    /// Bytes of the BIN chunk that nothing refers to.
    pub unused: u64,
}

impl BytesBy {
    /// The parts with their names, largest first.
    #[must_use]
    pub fn parts(&self) -> Vec<(&'static str, u64)> {
        let mut parts = vec![
            ("container", self.container),
            ("json", self.json),
            ("vertices", self.vertices),
            ("indices", self.indices),
            ("morph targets", self.morph_targets),
            ("images", self.images),
            ("animations", self.animations),
            ("skins", self.skins),
            ("extensions", self.extensions),
            ("unused", self.unused),
        ];
        parts.sort_by_key(|&(_, bytes)| std::cmp::Reverse(bytes));
        parts
    }

    /// Sum over all parts: the file size.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.parts().iter().map(|&(_, bytes)| bytes).sum()
    }
}

/// One image of a file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ImageEntry {
    /// Its name in the file, if it has one.
    pub name: Option<String>,
    /// Media type, for example `image/png`.
    pub mime: String,
    /// Width in pixels; 0 where the header could not be read.
    pub width: u32,
    /// Height in pixels; 0 where the header could not be read.
    pub height: u32,
    /// Bytes of the image file.
    pub bytes: u64,
    /// Bytes of GPU memory once uploaded, mip levels included.
    pub gpu_bytes: u64,
    /// The material slots that show it, for example `baseColorTexture`.
    pub slots: Vec<String>,
}

/// Counts what is in a .glb, or in a .gltf with the `files` that it refers to.
///
/// # Errors
/// [`Error::Container`] or [`Error::Json`] when the file cannot be cut apart; anything deeper that is
/// wrong only leaves its part uncounted.
pub fn take(bytes: &[u8], files: &Files) -> Result<Inventory, Error> {
    let parts = split(bytes)?;
    let root = parse_json(parts.json, &Limits::default())?;
    let mut spaces = Spaces::new(&root, bytes, parts.json, parts.bin, files);
    let mut inventory = count_items(&root);
    mark_views(&root, &mut spaces);
    inventory.images = images(&root, &spaces);
    mark_external_images(&root, files, &mut spaces);
    inventory.gpu_texture_bytes = sum(inventory.images.iter().map(|image| image.gpu_bytes));
    inventory.bytes_by = spaces.sum();
    inventory.bytes = inventory.bytes_by.total();
    Ok(inventory)
}

/// A sum of numbers that a file claims: they may be anything.
fn sum(numbers: impl Iterator<Item = u64>) -> u64 {
    numbers.fold(0, u64::saturating_add)
}

fn list<'v>(root: &'v Map<String, Value>, name: &str) -> &'v [Value] {
    root.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn count_items(root: &Map<String, Value>) -> Inventory {
    let count = |name: &str| list(root, name).len();
    let names = |name: &str| list(root, name).iter().filter_map(|v| v.as_str().map(str::to_owned)).collect();
    let accessor_count = |value: &Value| {
        let accessor = as_index(value).and_then(|index| list(root, "accessors").get(index));
        accessor.and_then(|accessor| accessor["count"].as_u64()).unwrap_or(0)
    };
    let primitives: Vec<&Value> = list(root, "meshes")
        .iter()
        .flat_map(|mesh| mesh["primitives"].as_array().map_or(&[][..], Vec::as_slice))
        .collect();
    let mut positions: Vec<u64> =
        primitives.iter().filter_map(|p| p["attributes"]["POSITION"].as_u64()).collect();
    positions.sort_unstable();
    positions.dedup();
    let triangles = |p: &&Value| {
        let drawn = if p["indices"].is_u64() { &p["indices"] } else { &p["attributes"]["POSITION"] };
        match primitives::mode(p) {
            primitives::TRIANGLES => accessor_count(drawn) / 3,
            5 | 6 => accessor_count(drawn).saturating_sub(2),
            _ => 0,
        }
    };
    let animations = list(root, "animations");
    let channels: Vec<(&Value, &Value)> = animations
        .iter()
        .flat_map(|animation| {
            let channels = animation["channels"].as_array().map_or(&[][..], Vec::as_slice);
            channels.iter().map(move |channel| (animation, channel))
        })
        .collect();
    let keyframes = |&(animation, channel): &(&Value, &Value)| {
        let sampler = as_index(&channel["sampler"]).map(|index| &animation["samplers"][index]);
        sampler.map_or(0, |sampler| accessor_count(&sampler["input"]))
    };
    Inventory {
        scenes: count("scenes"),
        nodes: count("nodes"),
        meshes: count("meshes"),
        primitives: primitives.len(),
        triangles: sum(primitives.iter().map(triangles)),
        vertices: sum(positions.into_iter().map(|index| accessor_count(&index.into()))),
        materials: count("materials"),
        textures: count("textures"),
        animations: animations.len(),
        channels: channels.len(),
        keyframes: sum(channels.iter().map(keyframes)),
        skins: count("skins"),
        morph_targets: primitives.iter().map(|p| p["targets"].as_array().map_or(0, Vec::len)).sum(),
        extensions_used: names("extensionsUsed"),
        extensions_required: names("extensionsRequired"),
        ..Inventory::default()
    }
}

/// What a byte is for, in the order in which claims on the same byte win.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Images,
    Vertices,
    Indices,
    MorphTargets,
    Animations,
    Skins,
    Extensions,
}

/// The file's bytes outside the JSON: the BIN chunk and external buffers, with the claims on them.
struct Spaces<'a> {
    buffers: Vec<&'a [u8]>,
    views: Vec<Value>,
    claims: Vec<(usize, usize, usize, Part)>,
    counted: BytesBy,
}

impl<'a> Spaces<'a> {
    fn new(
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
    fn range(&self, view: &Value) -> Option<(usize, usize, usize)> {
        let view = self.views.get(as_index(view)?)?;
        let extension = |name| view["extensions"].get(name);
        let stored = extension("EXT_meshopt_compression").or_else(|| extension("KHR_meshopt_compression"));
        let stored = stored.unwrap_or(view);
        let buffer = as_index(&stored["buffer"])?;
        let start = as_index(&stored["byteOffset"]).unwrap_or(0);
        let end = start.checked_add(as_index(&stored["byteLength"])?)?;
        (end <= self.buffers.get(buffer)?.len()).then_some((buffer, start, end))
    }

    fn claim(&mut self, view: &Value, part: Part) {
        if let Some((buffer, start, end)) = self.range(view) {
            self.claims.push((buffer, start, end, part));
        }
    }

    /// Counts every byte once: overlapping claims go to the one that begins first.
    fn sum(mut self) -> BytesBy {
        self.claims.sort_unstable();
        let mut reached = vec![0; self.buffers.len()];
        let mut by = self.counted;
        for (buffer, start, end, part) in self.claims {
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
            *at = end.max(*at);
        }
        for (buffer, reached) in self.buffers.iter().zip(reached) {
            let rest = (buffer.len() - reached) as u64;
            *(if rest < 8 { &mut by.container } else { &mut by.unused }) += rest;
        }
        by
    }
}

fn mark_views(root: &Map<String, Value>, spaces: &mut Spaces) {
    refs::visit(root, &mut |at, kind, role, value| {
        let part = match (kind, role) {
            (Kind::Blob, _) if at.name() == "bufferView" => return spaces.claim(value, Part::Vertices),
            (Kind::Blob, _) => return spaces.claim(value, Part::Extensions),
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
            spaces.claim(view, part);
        }
    });
    for image in list(root, "images") {
        spaces.claim(&image["bufferView"], Part::Images);
    }
}

fn mark_external_images(root: &Map<String, Value>, files: &Files, spaces: &mut Spaces) {
    let uris = list(root, "images").iter().filter_map(|image| image["uri"].as_str());
    spaces.counted.images += uris.filter_map(|uri| files.get(uri)).map(|file| file.len() as u64).sum::<u64>();
}

fn images(root: &Map<String, Value>, spaces: &Spaces) -> Vec<ImageEntry> {
    let mut slots = slots_by_image(root);
    let entry = |(index, json): (usize, &Value)| {
        let range = spaces.range(&json["bufferView"]);
        let bytes = range.map_or(&[][..], |(buffer, start, end)| &spaces.buffers[buffer][start..end]);
        let probe = image_file::probe(bytes);
        let declared = json["mimeType"].as_str().unwrap_or_default();
        ImageEntry {
            name: json["name"].as_str().map(str::to_owned),
            mime: probe.and_then(|probe| probe.format.mime()).unwrap_or(declared).to_owned(),
            width: probe.map_or(0, |probe| probe.width),
            height: probe.map_or(0, |probe| probe.height),
            bytes: bytes.len() as u64,
            gpu_bytes: probe.map_or(0, |probe| gpu_bytes(probe, bytes)),
            slots: std::mem::take(&mut slots[index]),
        }
    };
    list(root, "images").iter().enumerate().map(entry).collect()
}

/// The names of the texture slots that show each image.
fn slots_by_image(root: &Map<String, Value>) -> Vec<Vec<String>> {
    let mut by_texture = vec![Vec::new(); list(root, "textures").len()];
    refs::visit(root, &mut |at, kind, _, value| {
        if kind == Kind::Texture
            && let Some(names) = as_index(value).and_then(|index| by_texture.get_mut(index))
        {
            names.push(at.slot().to_owned());
        }
    });
    let mut by_image = vec![Vec::new(); list(root, "images").len()];
    refs::visit(root, &mut |at, kind, _, value| {
        if kind == Kind::Image
            && let Some(names) = as_index(value).and_then(|index| by_image.get_mut(index))
            && let Some(texture) = at.first_item().and_then(|index| by_texture.get(index))
        {
            names.extend(texture.iter().cloned());
        }
    });
    for names in &mut by_image {
        names.sort_unstable();
        names.dedup();
    }
    by_image
}

/// Bytes after upload: four a texel with all mip levels (a third more than the first), or what a KTX2 file holds,
/// which stays compressed.
fn gpu_bytes(probe: image_file::Probe, bytes: &[u8]) -> u64 {
    if let Some(header) = ktx2::read_header(bytes) {
        return header.gpu_bytes();
    }
    let texels = u64::from(probe.width).saturating_mul(u64::from(probe.height));
    texels.saturating_mul(4).saturating_mul(4) / 3
}
