//! Draco streams, reading side. The input is hostile.
//!
//! The decoder takes memory for the counts in a stream's header before it has read what they count, so those counts
//! are read first, by own code, and compared with what the file declares elsewhere.

use draco_oxide::core::attribute::{Attribute as Stored, ComponentDataType};
use draco_oxide::core::bit_coder::Reader;
use draco_oxide::core::codec::header::EncoderMethod;
use draco_oxide::core::mesh::Mesh as StoredMesh;
use draco_oxide_decoder::connectivity::decode_connectivity;

use super::{Attribute, Mesh, NAME, Values};
use crate::optimize::codecs::{CodecError, contain};

/// Triangles that a byte can stand for. Even a flat grid of equal squares, of which nothing is left to store, needs
/// more bytes than that; only streams made to exhaust memory are below.
const TRIANGLES_A_BYTE: usize = 4096;

/// Attributes a mesh may have.
const MAX_ATTRIBUTES: u64 = 64;

/// Decodes a stream of at most `max_triangles`.
///
/// # Errors
/// [`CodecError::Damaged`] when the bytes are no Draco mesh, contradict each other, or hold more than that;
/// [`CodecError::Unsupported`] for versions of the format other than 2.2.
pub fn decode(bytes: &[u8], max_triangles: usize) -> Result<Mesh, CodecError> {
    let header = Header::read(bytes)?;
    header.check(bytes.len(), max_triangles)?;
    let panicked = CodecError::damaged(NAME, "they contradict each other");
    contain(panicked, || {
        check_attributes(bytes, &header)?;
        let stored =
            draco_oxide_decoder::decode_mesh(bytes).map_err(|error| CodecError::damaged(NAME, error))?;
        unpacked(stored)
    })
}

/// Whether a stream gives vertices back in the order in which they went in: triangles stored one by one.
#[must_use]
pub fn keeps_order(bytes: &[u8]) -> bool {
    const METHOD: usize = 8;
    bytes.get(METHOD).is_some_and(|&method| method != EDGEBREAKER)
}

/// Connectivity as a walk over the surface.
const EDGEBREAKER: u8 = 1;

/// The counts at the start of a stream.
struct Header {
    triangles: u64,
    /// Vertices by position, or all of them where the triangles are stored one by one.
    vertices: u64,
    /// Places where the walk over the surface splits; each makes a vertex for a while.
    splits: u64,
    /// Places where parts of the walk meet again.
    joints: u64,
    /// How the triangles are stored.
    method: EncoderMethod,
    /// Where the description of the triangles begins, in bytes from the start.
    triangles_at: usize,
}

impl Header {
    fn read(bytes: &[u8]) -> Result<Self, CodecError> {
        const HAS_METADATA: u8 = 0x80;
        let [b'D', b'R', b'A', b'C', b'O', major, minor, kind, method, _, flags, ..] = bytes else {
            return Err(CodecError::damaged(NAME, "they do not begin with DRACO"));
        };
        if *kind != 1 {
            let reason = "they hold a cloud of points, which glTF does not allow";
            return Err(CodecError::damaged(NAME, reason));
        }
        if (*major, *minor) != (2, 2) {
            let reason = format!("version {major}.{minor} of the format; only 2.2 is known, encode it again");
            return Err(CodecError::Unsupported { format: NAME, reason });
        }
        let mut rest = Bytes(&bytes[11..]);
        if flags & HAS_METADATA != 0 {
            rest.skip_metadata()?;
        }
        let triangles_at = bytes.len() - rest.0.len();
        if *method != EDGEBREAKER {
            let (triangles, vertices) = (rest.number()?, rest.number()?);
            return Ok(Self {
                triangles,
                vertices,
                splits: 0,
                joints: 0,
                method: EncoderMethod::Sequential,
                triangles_at,
            });
        }
        rest.take(1)?; // how the walk is stored
        let (vertices, triangles) = (rest.number()?, rest.number()?);
        rest.take(1)?; // attributes with seams
        let _symbols = rest.number()?;
        let splits = rest.number()?;
        let joints = rest.number()?;
        Ok(Self { triangles, vertices, splits, joints, method: EncoderMethod::Edgebreaker, triangles_at })
    }

    fn check(&self, bytes: usize, max_triangles: usize) -> Result<(), CodecError> {
        let fail = |reason: String| Err(CodecError::damaged(NAME, reason));
        let Self { triangles, vertices, splits, joints, .. } = *self;
        if triangles > max_triangles as u64 {
            return fail(format!(
                "they hold {triangles} triangles, but at most {max_triangles} are declared"
            ));
        }
        if triangles > bytes.saturating_mul(TRIANGLES_A_BYTE) as u64 {
            return fail(format!("{bytes} bytes cannot hold {triangles} triangles"));
        }
        if vertices > 3 * triangles || splits > triangles || joints > triangles {
            return fail(format!(
                "{triangles} triangles cannot have {vertices} vertices, {splits} splits and {joints} joints"
            ));
        }
        Ok(())
    }
}

/// Counts the attributes, which stand behind the triangles: each takes memory for every vertex, however small its
/// part of the stream is.
fn check_attributes(bytes: &[u8], header: &Header) -> Result<(), CodecError> {
    let mut reader = Reader::new(&bytes[header.triangles_at..]);
    decode_connectivity(&mut reader, header.method).map_err(|error| CodecError::damaged(NAME, error))?;
    let mut rest = Bytes(&bytes[bytes.len() - reader.remaining()..]);
    let groups = rest.take(1)?[0];
    if header.method == EncoderMethod::Edgebreaker {
        rest.take(3 * usize::from(groups))?; // the surface that each group walks over
    }
    let mut attributes = 0;
    for _ in 0..groups {
        let of_group = rest.number()?;
        attributes += of_group;
        if attributes > MAX_ATTRIBUTES {
            let reason = format!("they hold more than {MAX_ATTRIBUTES} attributes");
            return Err(CodecError::damaged(NAME, reason));
        }
        for _ in 0..of_group {
            rest.take(4)?; // kind, type of number, components, whether normalized
            rest.number()?; // id
        }
        // How each is stored.
        rest.take(usize::try_from(of_group).unwrap_or(usize::MAX))?;
    }
    Ok(())
}

/// Bytes that are taken from the front.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], CodecError> {
        let Some((taken, rest)) = self.0.split_at_checked(count) else {
            return Err(CodecError::damaged(NAME, "they end inside their header"));
        };
        self.0 = rest;
        Ok(taken)
    }

    /// A number in groups of seven bits, low ones first.
    fn number(&mut self) -> Result<u64, CodecError> {
        let mut number = 0;
        for shift in (0..35).step_by(7) {
            let byte = self.take(1)?[0];
            number |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(CodecError::damaged(NAME, "a number in their header is too long"))
    }

    fn length(&mut self) -> Result<usize, CodecError> {
        Ok(usize::try_from(self.number()?).unwrap_or(usize::MAX))
    }

    /// Passes over the metadata of the attributes and then of the mesh.
    fn skip_metadata(&mut self) -> Result<(), CodecError> {
        for _ in 0..self.number()? {
            self.number()?; // the attribute
            self.skip_block()?;
        }
        self.skip_block()
    }

    /// Passes over a block: names with values, then names with inner blocks. Not recursive, as the depth is the
    /// file's choice.
    fn skip_block(&mut self) -> Result<(), CodecError> {
        let mut inner_blocks_left = Vec::new();
        loop {
            for _ in 0..self.number()? {
                self.skip_name()?;
                let length = self.length()?;
                self.take(length)?;
            }
            inner_blocks_left.push(self.number()?);
            while inner_blocks_left.last() == Some(&0) {
                inner_blocks_left.pop();
            }
            let Some(left) = inner_blocks_left.last_mut() else { return Ok(()) };
            *left -= 1;
            self.skip_name()?;
        }
    }

    fn skip_name(&mut self) -> Result<(), CodecError> {
        let length = usize::from(self.take(1)?[0]);
        self.take(length).map(|_| ())
    }
}

fn unpacked(stored: StoredMesh) -> Result<Mesh, CodecError> {
    let vertex_count = stored.attributes.first().map_or(0, Stored::len);
    if stored.attributes.is_empty()
        || stored.attributes.iter().any(|attribute| attribute.len() != vertex_count)
    {
        return Err(CodecError::damaged(NAME, "the attributes are of different lengths"));
    }
    let mut triangles = Vec::with_capacity(stored.faces.len());
    for face in &stored.faces {
        let corners = face.map(usize::from);
        if corners.iter().any(|&corner| corner >= vertex_count) {
            return Err(CodecError::damaged(NAME, "a triangle refers to a vertex that is not there"));
        }
        #[expect(clippy::cast_possible_truncation, reason = "the crate's indices are 32 bits wide")]
        triangles.push(corners.map(|corner| corner as u32));
    }
    let attributes =
        stored.attributes.iter().map(attribute).collect::<Result<Vec<Attribute>, CodecError>>()?;
    Ok(Mesh { triangles, vertex_count, attributes })
}

fn attribute(stored: &Stored) -> Result<Attribute, CodecError> {
    use ComponentDataType as Type;
    let bytes = stored.get_data_as_bytes();
    let values = match stored.get_component_type() {
        Type::F32 => Values::Floats(spread(stored, &words(bytes, f32::from_ne_bytes))?),
        Type::I8 => integers(stored, &words(bytes, |b| i64::from(i8::from_ne_bytes(b))))?,
        Type::U8 => integers(stored, &words(bytes, |b| i64::from(u8::from_ne_bytes(b))))?,
        Type::I16 => integers(stored, &words(bytes, |b| i64::from(i16::from_ne_bytes(b))))?,
        Type::U16 => integers(stored, &words(bytes, |b| i64::from(u16::from_ne_bytes(b))))?,
        Type::I32 => integers(stored, &words(bytes, |b| i64::from(i32::from_ne_bytes(b))))?,
        Type::U32 => integers(stored, &words(bytes, |b| i64::from(u32::from_ne_bytes(b))))?,
        Type::F64 | Type::I64 | Type::U64 | Type::Invalid => {
            return Err(CodecError::damaged(
                NAME,
                "an attribute has a type of number that glTF does not know",
            ));
        }
    };
    let id = u32::try_from(stored.get_id().as_usize()).unwrap_or(u32::MAX);
    Ok(Attribute { id, components: stored.get_num_components(), values })
}

fn integers(stored: &Stored, values: &[i64]) -> Result<Values, CodecError> {
    spread(stored, values).map(Values::Integers)
}

fn words<const N: usize, T>(bytes: &[u8], read: impl Fn([u8; N]) -> T) -> Vec<T> {
    bytes.as_chunks::<N>().0.iter().map(|&chunk| read(chunk)).collect()
}

/// One element a vertex: equal ones are stored once.
fn spread<T: Copy>(stored: &Stored, values: &[T]) -> Result<Vec<T>, CodecError> {
    let Some(map) = stored.point_map_as_slice() else { return Ok(values.to_vec()) };
    let n = stored.get_num_components();
    let mut elements = Vec::with_capacity(map.len() * n);
    for &index in map {
        let start = usize::from(index).saturating_mul(n);
        let element = start.checked_add(n).and_then(|end| values.get(start..end));
        elements
            .extend_from_slice(element.ok_or_else(|| CodecError::damaged(NAME, "a vertex has no value"))?);
    }
    Ok(elements)
}
