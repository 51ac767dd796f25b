//! What is in a file, and where its bytes are.

use serde::{Deserialize, Serialize};

/// What a file holds. Counts are of the file's arrays; `bytes_by` sums exactly to `bytes`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
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
    /// The material slots that show it, for example `baseColorTexture`.
    pub slots: Vec<String>,
}
