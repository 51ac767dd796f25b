//! The document: a glTF asset in which passes never see a byte offset.
//!
//! - [`glb`] cuts the container apart, [`read`] turns it into a [`Document`], [`check`] refuses what
//!   contradicts the specification, [`write`] lays a document out as a new .glb. [`views`] and [`draco`] undo
//!   compression on the way in.
//! - [`uri`] tells files beside a .gltf from data and web addresses.
//! - [`refs`] is the one table of members that hold an index; [`unknown`] says what must stay unmoved
//!   because an extension that is not in the table may point at it.
//! - [`oddities`] names what goes against the specification without harm; [`limits`] bounds what a file may
//!   ask for.
//!
//! Why an own model and not the types of the `gltf` crate: a round trip through gltf-json 1.4.1 loses
//! morph target attributes, extensions of `sparse`, `asset` and animations, and unknown root members,
//! adds defaults, and refuses files that use KHR_animation_pointer. So everything but arrays of numbers
//! and image files stays JSON (`serde_json`, member order kept), and only those two are lifted out.

pub mod accessor;
pub mod bring;
pub mod check;
pub mod draco;
pub mod edit;
pub mod glb;
pub mod layout;
pub mod limits;
pub mod matrix;
pub mod oddities;
pub mod pack;
pub mod pointers;
pub mod primitives;
pub mod read;
pub mod refs;
pub mod texture_info;
pub mod unknown;
pub mod uri;
pub mod usage;
pub mod views;
pub mod write;

use std::sync::Arc;

use serde_json::{Map, Value};

pub use accessor::{Accessor, Component, Shape};
pub use limits::Limits;
pub use refs::Kind;

use crate::optimize::codecs::meshopt;

/// A glTF asset held in memory.
#[derive(Debug, Clone, Default)]
pub struct Document {
    /// The JSON root without `accessors`, `images`, `bufferViews` and `buffers`. Indices into
    /// `accessors` and `images` are positions in the lists below; indices into buffer views are
    /// positions in `blobs`.
    pub root: Map<String, Value>,
    /// Typed arrays.
    pub accessors: Vec<Accessor>,
    /// Image files.
    pub images: Vec<Image>,
    /// Other binary data that extensions point at.
    pub blobs: Vec<Blob>,
    /// What the JSON object of the first buffer held besides its length.
    pub buffer_rest: Map<String, Value>,
    /// Whether [`write`] compresses buffer views, and for which extension.
    pub compression: Option<meshopt::Version>,
    /// What is odd about the file and was worked around.
    pub warnings: Vec<String>,
    /// What the file had and the document has not.
    pub dropped: Vec<String>,
}

/// An image of a document.
#[derive(Debug, Clone, PartialEq)]
pub struct Image {
    /// Media type, for example `image/png`.
    pub mime: String,
    /// The image file, or the address of one that was not handed in.
    pub source: ImageSource,
    /// What else the JSON object held: name, extras, extensions.
    pub rest: Map<String, Value>,
    /// Extras and extensions of the buffer view that held the image.
    pub view_rest: Map<String, Value>,
}

/// Where the bytes of an image are.
#[derive(Debug, Clone, PartialEq)]
pub enum ImageSource {
    /// In the file.
    Bytes(Arc<Vec<u8>>),
    /// Elsewhere; kept as written.
    Uri(String),
    /// Nowhere: the JSON object gives neither (invalid, but kept).
    Missing,
}

impl Image {
    /// The image file; empty where it is not in this document.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        match &self.source {
            ImageSource::Bytes(bytes) => bytes,
            ImageSource::Uri(_) | ImageSource::Missing => &[],
        }
    }
}

/// Binary data that is neither an accessor nor an image: a Draco stream, a metadata table.
#[derive(Debug, Clone, PartialEq)]
pub struct Blob {
    /// The bytes.
    pub bytes: Arc<Vec<u8>>,
    /// Its index among the buffer views of the file, which must be kept when nobody knows what points
    /// at it.
    pub view: usize,
    /// Whether `view` must be kept.
    pub pinned: bool,
    /// What its JSON object held besides its range, `byteStride` included: only its extension knows the layout.
    pub rest: Map<String, Value>,
}

impl Document {
    /// Items of a top-level JSON array; empty when it is missing.
    #[must_use]
    pub fn list(&self, name: &str) -> &[Value] {
        self.root.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// Items of a top-level JSON array, to be changed.
    pub fn list_mut(&mut self, name: &str) -> &mut [Value] {
        self.root.get_mut(name).and_then(Value::as_array_mut).map_or(&mut [], Vec::as_mut_slice)
    }

    /// How many items an array has.
    #[must_use]
    pub fn count(&self, kind: Kind) -> usize {
        match kind {
            Kind::Accessor => self.accessors.len(),
            Kind::Image => self.images.len(),
            Kind::Blob => self.blobs.len(),
            _ => edit::json_list(&self.root, kind).map_or(0, Vec::len),
        }
    }

    /// Whether `extensionsUsed` names the extension.
    #[must_use]
    pub fn uses_extension(&self, name: &str) -> bool {
        self.list("extensionsUsed").iter().any(|used| used == name)
    }

    /// Names an extension in `extensionsUsed` or `extensionsRequired`, once.
    pub fn declare_extension(&mut self, name: &str, required: bool) {
        let lists: &[&str] =
            if required { &["extensionsUsed", "extensionsRequired"] } else { &["extensionsUsed"] };
        for list in lists {
            let entry = self.root.entry(*list).or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(names) = entry
                && !names.iter().any(|used| used == name)
            {
                names.push(name.into());
            }
        }
    }

    /// Takes an extension out of `extensionsUsed` and `extensionsRequired`.
    pub fn undeclare_extension(&mut self, name: &str) {
        for list in ["extensionsUsed", "extensionsRequired"] {
            if let Some(Value::Array(names)) = self.root.get_mut(list) {
                names.retain(|used| used != name);
                if names.is_empty() {
                    self.root.shift_remove(list);
                }
            }
        }
    }
}
