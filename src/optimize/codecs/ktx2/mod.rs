//! KTX2 with Basis Universal: images that stay compressed in GPU memory, as ETC1S or as UASTC.
//!
//! [`header`] reads what a file says of itself, without trusting it; [`decode`] turns the largest level into pixels;
//! [`encode`] writes a texture with all its mip levels. Only what glTF allows (KHR_texture_basisu) is written, and
//! only that is decoded: two-dimensional textures, no arrays, no cubes, no other block formats.
//!
//! Source: the KTX 2.0 file format specification and the Khronos Data Format Specification 1.3.

mod decode;
mod encode;
mod header;

pub use decode::decode;
pub use encode::{MEMORY_A_PIXEL, Options, encode};
pub use header::{Coding, Header, MAGIC, read_header};

/// Longest side in pixels that is written or decoded, as in the WebGL implementations of today.
pub const MAX_SIDE: u32 = 16_384;

/// The name in error messages.
const FORMAT: &str = "KTX2";
