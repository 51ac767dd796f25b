//! A texture as a material uses it: which image, read how, and by which coordinates.

use glam::{Affine2, Vec2};
use serde_json::Value;

use super::texture::{Sampling, Wrap};
use crate::optimize::document::primitives::as_index;
pub(super) use crate::optimize::document::texture_info::{number, numbers};
use crate::optimize::document::{Document, texture_info};

/// Sets of texture coordinates that are read, from 0 on: as many as three.js has.
pub(in super::super) const SETS: usize = 4;

/// A texture as a material uses it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Slot {
    /// Index of the image.
    pub(super) image: usize,
    /// Whether it holds colours.
    pub(super) is_srgb: bool,
    /// Which set of texture coordinates, below [`SETS`].
    pub(super) set: usize,
    /// KHR_texture_transform.
    pub(super) transform: Affine2,
    pub(super) sampling: Sampling,
}

impl Slot {
    /// Texture coordinates of the mesh as those of the image.
    #[inline]
    pub(super) fn at(&self, uv: Vec2) -> Vec2 {
        self.transform.transform_point2(uv)
    }

    /// Whether another texture is read at the same places and in the same way.
    #[inline]
    pub(super) fn is_read_like(&self, other: &Self) -> bool {
        (self.set, self.sampling, self.transform) == (other.set, other.sampling, other.transform)
    }

    /// Reads a texture info; `None` where there is no texture, its image is not in the document, or no such
    /// coordinates are read.
    pub(super) fn read(document: &Document, info: &Value, is_srgb: bool) -> Option<Self> {
        let texture = document.list("textures").get(as_index(&info["index"])?)?;
        let extensions = texture["extensions"].as_object().into_iter().flatten();
        // The extension's image is what a viewer that knows it shows.
        let source = extensions.filter_map(|(_, extension)| as_index(&extension["source"])).next();
        let image = source.or_else(|| as_index(&texture["source"]))?;
        let sampler = as_index(&texture["sampler"]).and_then(|index| document.list("samplers").get(index));
        let sampler = sampler.unwrap_or(&Value::Null);
        let wrap = |name: &str| match sampler[name].as_u64() {
            Some(33071) => Wrap::Clamp,
            Some(33648) => Wrap::Mirror,
            _ => Wrap::Repeat,
        };
        // NEAREST and LINEAR, the two filters that have no mipmaps.
        let has_levels = !matches!(sampler["minFilter"].as_u64(), Some(9728 | 9729));
        let is_nearest = sampler["magFilter"] == 9728;
        let sampling = Sampling { wrap: [wrap("wrapS"), wrap("wrapT")], is_nearest, has_levels };
        let (set, transform) = (texture_info::set(info), texture_info::transform(info));
        (set < SETS).then_some(Self { image, is_srgb, set, transform, sampling })
    }
}
