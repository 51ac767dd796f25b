//! What is in a file, and where its bytes are.
//!
//! Read straight from the file's own JSON and byte ranges, by no other code than the container's: it is the
//! independent count against which the optimizer's claims can be held.

mod items;
mod spaces;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::codecs::{image_file, ktx2};
use super::document::Limits;
use super::document::primitives::as_index;
use super::document::read::{Files, parse_json, split};
use super::document::refs::{self, Kind};
use super::error::Error;
use spaces::Spaces;

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
    /// Every mesh with its size and streams.
    #[serde(default)]
    pub mesh_entries: Vec<MeshEntry>,
    /// Every animation with its size.
    #[serde(default)]
    pub animation_entries: Vec<AnimationEntry>,
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

/// One mesh of a file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MeshEntry {
    /// Its name in the file, if it has one.
    pub name: Option<String>,
    /// Its primitives.
    pub primitives: usize,
    /// Triangles over all primitives.
    pub triangles: u64,
    /// Vertices over its distinct POSITION accessors.
    pub vertices: u64,
    /// The streams that its vertices have, for example `NORMAL`.
    pub attributes: Vec<String>,
    /// Morph targets over all primitives.
    pub morph_targets: usize,
    /// Bytes of its vertices, indices and morph targets. What it shares with an earlier mesh is counted there.
    pub bytes: u64,
}

/// One animation of a file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AnimationEntry {
    /// Its name in the file, if it has one.
    pub name: Option<String>,
    /// Its channels.
    pub channels: usize,
    /// Keyframes over all channels.
    pub keyframes: u64,
    /// Bytes of key times and values. What it shares with an earlier animation is counted there.
    pub bytes: u64,
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
    spaces::mark_views(&root, &mut spaces);
    inventory.images = images(&root, &spaces);
    mark_external_images(&root, files, &mut spaces);
    inventory.gpu_texture_bytes = sum(inventory.images.iter().map(|image| image.gpu_bytes));
    let counted = spaces.sum();
    inventory.bytes_by = counted.by;
    inventory.mesh_entries = items::meshes(&root, &counted);
    inventory.animation_entries = items::animations(&root, &counted);
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

/// How many elements the accessor with this index has.
fn accessor_count(root: &Map<String, Value>, index: &Value) -> u64 {
    let accessor = as_index(index).and_then(|index| list(root, "accessors").get(index));
    accessor.and_then(|accessor| accessor["count"].as_u64()).unwrap_or(0)
}

fn count_items(root: &Map<String, Value>) -> Inventory {
    let count = |name: &str| list(root, name).len();
    let names = |name: &str| list(root, name).iter().filter_map(|v| v.as_str().map(str::to_owned)).collect();
    let primitives: Vec<&Value> = list(root, "meshes").iter().flat_map(items::primitives).collect();
    let channels: Vec<(&Value, &Value)> = list(root, "animations").iter().flat_map(items::channels).collect();
    Inventory {
        scenes: count("scenes"),
        nodes: count("nodes"),
        meshes: count("meshes"),
        primitives: primitives.len(),
        triangles: sum(primitives.iter().map(|primitive| items::triangles(root, primitive))),
        vertices: items::vertices(root, &primitives),
        materials: count("materials"),
        textures: count("textures"),
        animations: count("animations"),
        channels: channels.len(),
        keyframes: sum(channels.iter().map(|channel| items::keyframes(root, *channel))),
        skins: count("skins"),
        morph_targets: primitives.iter().map(|primitive| items::morph_targets(primitive)).sum(),
        extensions_used: names("extensionsUsed"),
        extensions_required: names("extensionsRequired"),
        ..Inventory::default()
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
