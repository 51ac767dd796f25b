//! Accessors: typed arrays without byte offsets.
//!
//! An accessor owns its elements, packed one after the other in little-endian order. Where they end up
//! in a file (buffer view, offset, stride, compression) is decided by [`super::write`] alone.

use std::sync::Arc;

use serde_json::{Map, Value};

/// Component type of an accessor (glTF 2.0, `accessor.componentType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Component {
    /// 5120
    I8,
    /// 5121
    U8,
    /// 5122
    I16,
    /// 5123
    U16,
    /// 5125
    U32,
    /// 5126
    F32,
}

impl Component {
    const ALL: [(Self, u64, usize); 6] = [
        (Self::I8, 5120, 1),
        (Self::U8, 5121, 1),
        (Self::I16, 5122, 2),
        (Self::U16, 5123, 2),
        (Self::U32, 5125, 4),
        (Self::F32, 5126, 4),
    ];

    /// From the number used in JSON.
    #[must_use]
    pub fn from_code(code: u64) -> Option<Self> {
        Self::ALL.iter().find(|row| row.1 == code).map(|row| row.0)
    }

    /// The number used in JSON.
    #[must_use]
    pub fn code(self) -> u64 {
        Self::ALL[self as usize].1
    }

    /// Bytes of one component.
    #[must_use]
    pub fn bytes(self) -> usize {
        Self::ALL[self as usize].2
    }

    /// The integer that stands for 1.0 when normalized; `None` for floats and 32-bit integers.
    #[must_use]
    pub fn unit(self) -> Option<f32> {
        match self {
            Self::I8 => Some(127.0),
            Self::U8 => Some(255.0),
            Self::I16 => Some(32767.0),
            Self::U16 => Some(65535.0),
            Self::U32 | Self::F32 => None,
        }
    }
}

/// Element type of an accessor (glTF 2.0, `accessor.type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Shape {
    /// `SCALAR`
    Scalar,
    /// `VEC2`
    Vec2,
    /// `VEC3`
    Vec3,
    /// `VEC4`
    Vec4,
    /// `MAT2`
    Mat2,
    /// `MAT3`
    Mat3,
    /// `MAT4`
    Mat4,
}

impl Shape {
    const ALL: [(Self, &'static str, usize, usize); 7] = [
        (Self::Scalar, "SCALAR", 1, 1),
        (Self::Vec2, "VEC2", 1, 2),
        (Self::Vec3, "VEC3", 1, 3),
        (Self::Vec4, "VEC4", 1, 4),
        (Self::Mat2, "MAT2", 2, 2),
        (Self::Mat3, "MAT3", 3, 3),
        (Self::Mat4, "MAT4", 4, 4),
    ];

    /// From the word used in JSON.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|row| row.1 == name).map(|row| row.0)
    }

    /// The word used in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    /// Components of one element.
    #[must_use]
    pub fn components(self) -> usize {
        let (_, _, columns, rows) = Self::ALL[self as usize];
        columns * rows
    }

    /// Bytes of one element. Matrix columns start at multiples of four bytes (specification 3.6.2.4).
    #[must_use]
    pub fn element_bytes(self, component: Component) -> usize {
        let (_, _, columns, rows) = Self::ALL[self as usize];
        let column = rows * component.bytes();
        if columns == 1 { column } else { columns * column.next_multiple_of(4) }
    }
}

/// A typed array of a document.
#[derive(Debug, Clone, PartialEq)]
pub struct Accessor {
    /// Type of a component.
    pub component: Component,
    /// Type of an element.
    pub shape: Shape,
    /// Whether integers stand for fractions of one.
    pub normalized: bool,
    /// Number of elements.
    pub count: usize,
    /// The elements, packed; `None` where the file holds none (all zero, or supplied by a compressed
    /// primitive).
    pub data: Option<Arc<Vec<u8>>>,
    /// Set where the accessor is to be written as differences from a base.
    pub sparse: Option<Sparse>,
    /// Whether `min` and `max` are written; they are computed from the elements.
    pub bounds: bool,
    /// How the elements may be packed when the file is compressed.
    pub packing: Packing,
    /// `name`, `extras`, `extensions` and whatever else the JSON object held.
    pub rest: Map<String, Value>,
    /// `extras` of the buffer view that held the elements; only accessors with the same lie in a view together.
    pub view_rest: Map<String, Value>,
}

/// How a sparse accessor was stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Sparse {
    /// The elements before substitution; `None` for zeros.
    pub base: Option<Arc<Vec<u8>>>,
    /// The JSON object without what is derived: extras and extensions of `sparse` and its two parts.
    pub rest: Map<String, Value>,
}

/// How elements are prepared for the vertex codec. The elements themselves always hold what a viewer
/// sees after decoding.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Packing {
    /// As they are.
    #[default]
    Plain,
    /// Every float is a multiple of 2^exponent below 2^23 steps: the exponential filter holds it exactly.
    Grid {
        /// The power of two.
        exponent: i8,
    },
    /// Filtered by a lossy filter; `encoded` decodes to exactly the accessor's elements.
    Filtered {
        /// The filter.
        filter: Filter,
        /// The filtered elements, before the vertex codec.
        encoded: Arc<Vec<u8>>,
    },
}

/// Filters of EXT_meshopt_compression that lose precision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Filter {
    /// Unit vectors.
    Octahedral,
    /// Unit quaternions.
    Quaternion,
}

impl Accessor {
    /// A float accessor; `values` holds `shape.components()` numbers an element.
    #[must_use]
    pub fn from_floats(shape: Shape, values: &[f32]) -> Self {
        let data = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        Self::from_bytes(Component::F32, shape, data)
    }

    /// A scalar accessor of indices below `limit`, in the smallest type that holds them and does not
    /// reach the primitive-restart value.
    #[must_use]
    pub fn from_indices(indices: &[u32], limit: usize) -> Self {
        if limit <= usize::from(u16::MAX) {
            #[expect(clippy::cast_possible_truncation, reason = "indices are below limit, which fits")]
            let data = indices.iter().flat_map(|&i| (i as u16).to_le_bytes()).collect();
            Self::from_bytes(Component::U16, Shape::Scalar, data)
        } else {
            let data = indices.iter().flat_map(|i| i.to_le_bytes()).collect();
            Self::from_bytes(Component::U32, Shape::Scalar, data)
        }
    }

    /// An accessor over packed elements; a trailing part of an element is ignored by `count`.
    #[must_use]
    pub fn from_bytes(component: Component, shape: Shape, data: Vec<u8>) -> Self {
        Self {
            component,
            shape,
            normalized: false,
            count: data.len() / shape.element_bytes(component),
            data: Some(Arc::new(data)),
            sparse: None,
            bounds: false,
            packing: Packing::Plain,
            rest: Map::new(),
            view_rest: Map::new(),
        }
    }

    /// Bytes of one element.
    #[must_use]
    pub fn element_bytes(&self) -> usize {
        self.shape.element_bytes(self.component)
    }

    /// The elements as bytes; empty where the file holds none.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.data.as_deref().map_or(&[], Vec::as_slice)
    }

    /// All components as floats in element order, normalized integers as fractions. Empty where the file
    /// holds no elements; matrices are supported for floats only (as glTF uses them).
    #[must_use]
    pub fn floats(&self) -> Vec<f32> {
        let scale = if self.normalized { self.component.unit() } else { None };
        let float = |raw: f32| scale.map_or(raw, |unit| (raw / unit).max(-1.0));
        let bytes = self.bytes();
        match self.component {
            Component::I8 => bytes.iter().map(|&b| float(f32::from(b as i8))).collect(),
            Component::U8 => bytes.iter().map(|&b| float(f32::from(b))).collect(),
            Component::I16 => words(bytes, |b| float(f32::from(i16::from_le_bytes(b)))),
            Component::U16 => words(bytes, |b| float(f32::from(u16::from_le_bytes(b)))),
            #[expect(clippy::cast_precision_loss, reason = "glTF reads 32-bit integers as floats only here")]
            Component::U32 => words(bytes, |b| u32::from_le_bytes(b) as f32),
            Component::F32 => words(bytes, f32::from_le_bytes),
        }
    }

    /// All components as unsigned integers; empty for signed and float components.
    #[must_use]
    pub fn integers(&self) -> Vec<u32> {
        match self.component {
            Component::U8 => self.bytes().iter().map(|&b| u32::from(b)).collect(),
            Component::U16 => words(self.bytes(), |b| u32::from(u16::from_le_bytes(b))),
            Component::U32 => words(self.bytes(), u32::from_le_bytes),
            Component::I8 | Component::I16 | Component::F32 => Vec::new(),
        }
    }

    /// Elements as arrays of `N` floats; `N` must be the number of components.
    #[must_use]
    pub fn vectors<const N: usize>(&self) -> Vec<[f32; N]> {
        if self.shape.components() == N { self.floats().as_chunks::<N>().0.to_vec() } else { Vec::new() }
    }

    /// Replaces the elements, keeping name, extras and whether bounds are written.
    pub fn replace(&mut self, with: Self) {
        *self = Self {
            bounds: self.bounds,
            sparse: self.sparse.take().map(|sparse| Sparse { base: None, ..sparse }),
            rest: std::mem::take(&mut self.rest),
            view_rest: std::mem::take(&mut self.view_rest),
            ..with
        };
    }

    /// Smallest and largest value of every component, as stored (not normalized).
    #[must_use]
    pub fn min_max(&self) -> Option<(Vec<f32>, Vec<f32>)> {
        let raw = Self { normalized: false, ..self.clone() }.floats();
        let n = self.shape.components();
        let first = raw.get(..n)?;
        let (mut min, mut max) = (first.to_vec(), first.to_vec());
        for element in raw.chunks_exact(n) {
            for (i, &v) in element.iter().enumerate() {
                min[i] = min[i].min(v);
                max[i] = max[i].max(v);
            }
        }
        Some((min, max))
    }
}

fn words<const N: usize, T>(bytes: &[u8], read: impl Fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks::<N>().0.iter().map(|&chunk| read(chunk)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_in_the_order_of_their_enums() {
        for (component, code, _) in Component::ALL {
            assert_eq!(Component::from_code(code), Some(component));
            assert_eq!(component.code(), code);
        }
        for (shape, name, ..) in Shape::ALL {
            assert_eq!(Shape::from_name(name), Some(shape));
            assert_eq!(shape.name(), name);
        }
    }

    #[test]
    fn small_matrices_have_padded_columns() {
        assert_eq!(Shape::Mat3.element_bytes(Component::U8), 12);
        assert_eq!(Shape::Mat2.element_bytes(Component::U16), 8);
        assert_eq!(Shape::Mat4.element_bytes(Component::F32), 64);
        assert_eq!(Shape::Vec3.element_bytes(Component::U8), 3);
    }

    #[test]
    fn normalized_integers_read_as_fractions() {
        let mut a = Accessor::from_bytes(Component::I8, Shape::Scalar, vec![127, 0x80, 0]);
        assert_eq!(a.floats(), [127.0, -128.0, 0.0]);
        a.normalized = true;
        assert_eq!(a.floats(), [1.0, -1.0, 0.0]);
    }

    #[test]
    fn indices_never_reach_the_restart_value() {
        assert_eq!(Accessor::from_indices(&[65534], 65535).component, Component::U16);
        assert_eq!(Accessor::from_indices(&[65535], 65536).component, Component::U32);
    }

    #[test]
    fn bounds_are_of_the_stored_numbers() {
        let a = Accessor::from_floats(Shape::Vec2, &[1.0, 5.0, -2.0, 7.0]);
        assert_eq!(a.min_max(), Some((vec![-2.0, 5.0], vec![1.0, 7.0])));
    }
}
