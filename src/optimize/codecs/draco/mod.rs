//! Draco meshes (KHR_draco_mesh_compression), by the pure Rust crates `draco-oxide` and `draco-oxide-decoder`.
//!
//! Draco stores triangles by walking over the surface, so vertices come back in another order and nothing says in
//! which. What it stores is lossy only where an attribute's [`Values`] say so: floats on a grid and integers come back
//! exactly.
//!
//! - `decode`: a stream into triangles and attributes. Its input is hostile.
//! - `encode`: the other way; `stored` holds the trick by which floats stay on their grid.
//!
//! The format is Google's Draco bitstream 2.2, <https://google.github.io/draco/spec/>.

mod decode;
mod encode;
mod stored;
#[cfg(test)]
mod tests;

pub use decode::{decode, keeps_order};
pub use encode::encode;

const NAME: &str = "Draco";

/// A decoded mesh: triangles and one element a vertex in every attribute.
#[derive(Debug, Clone, PartialEq)]
pub struct Mesh {
    /// Vertex numbers; all are below the number of vertices.
    pub triangles: Vec<[u32; 3]>,
    /// Number of vertices.
    pub vertex_count: usize,
    /// The attributes, in the order of the stream.
    pub attributes: Vec<Attribute>,
}

/// An attribute of a decoded mesh.
#[derive(Debug, Clone, PartialEq)]
pub struct Attribute {
    /// The number by which glTF refers to it.
    pub id: u32,
    /// Components of an element: 1 to 4.
    pub components: usize,
    /// The elements one after the other, in vertex order.
    pub values: Values,
}

/// Components in the kind of number that the stream declares.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// 32-bit floats.
    Floats(Vec<f32>),
    /// Integers of any width and sign.
    Integers(Vec<i64>),
}

/// An attribute to be encoded, one element a vertex.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Source<'a> {
    /// What it is.
    pub channel: Channel,
    /// Components of an element: 1 to 4, and 3 for normals.
    pub components: usize,
    /// The components one after the other.
    pub elements: Elements<'a>,
}

/// What an attribute is; decides how it is predicted from its surroundings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// Where vertices are.
    Position,
    /// Directions, kept in octahedral form; the only channel that is rounded here.
    Normal {
        /// Bits of a component, 2 to 20.
        bits: u8,
    },
    /// Texture coordinates.
    TextureCoordinate,
    /// Vertex colours.
    Color,
    /// Anything else.
    Generic,
}

/// The numbers of an attribute to be encoded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Elements<'a> {
    /// Floats that are multiples of 2^exponent, and so come back exactly. Normals may be any floats.
    Floats {
        /// The components.
        values: &'a [f32],
        /// The power of two.
        exponent: i32,
    },
    /// Integers, little-endian.
    Integers {
        /// The components.
        bytes: &'a [u8],
        /// Bytes of a component, 1 or 2.
        width: usize,
        /// Whether they have a sign.
        signed: bool,
    },
}
