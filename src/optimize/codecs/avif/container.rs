//! AVIF's container: the boxes around one or two AV1 frames.
//!
//! Reads what glTF may hold, one still image with or without alpha, and refuses the rest of HEIF (grids, layers,
//! rotations). Writes the least that browsers want. It trusts no length and no number. Sources: ISO/IEC 14496-12,
//! ISO/IEC 23008-12, and the AVIF specification of AOMedia.

use super::super::CodecError;
use super::super::headers::{be16, be32, boxes, child};
use super::{NAME, sequence};

/// The AV1 streams of a file, and what the container says about their colours.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Streams {
    pub(super) colour: Vec<u8>,
    pub(super) alpha: Option<Vec<u8>>,
    /// Matrix coefficients and full range, which overrule those in the stream.
    pub(super) matrix: Option<(u16, bool)>,
}

const ALPHA: &[u8] = b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha";

/// Takes a file apart.
///
/// # Errors
/// [`CodecError::Unsupported`] for valid files of other kinds, [`CodecError::Damaged`] for the rest.
pub(super) fn read(file: &[u8]) -> Result<Streams, CodecError> {
    let broken = || CodecError::damaged(NAME, "its boxes contradict each other or are cut off");
    let meta = child(file, b"meta").and_then(|meta| meta.get(4..)).ok_or_else(broken)?;
    let items = Items { file, meta };
    let primary = items.primary().ok_or_else(broken)?;
    if items.kind(primary) != Some(b"av01") {
        return Err(unsupported("it is put together from tiles or layers"));
    }
    let properties = items.properties(primary).ok_or_else(broken)?;
    if properties.iter().any(|(kind, _)| matches!(*kind, b"irot" | b"imir" | b"clap" | b"lsel" | b"a1op")) {
        return Err(unsupported("it is rotated, cut or in layers"));
    }
    let colour = items.data(primary).ok_or_else(broken)?;
    let alpha = match items.alpha_of(primary) {
        Some(item) => Some(items.data(item).ok_or_else(broken)?),
        None => None,
    };
    if items.references(b"prem").any(|(from, _)| from == primary) {
        return Err(unsupported("its colours are multiplied by alpha"));
    }
    let nclx = properties.iter().find(|(kind, content)| *kind == b"colr" && content.starts_with(b"nclx"));
    let matrix = nclx.and_then(|(_, colour)| Some((be16(colour, 8)? as u16, colour.get(10)? >> 7 == 1)));
    Ok(Streams { colour, alpha, matrix })
}

fn unsupported(reason: &str) -> CodecError {
    CodecError::Unsupported { format: NAME, reason: reason.into() }
}

/// The items that "meta" describes.
struct Items<'a> {
    file: &'a [u8],
    meta: &'a [u8],
}

type Property<'a> = (&'a [u8; 4], &'a [u8]);

impl<'a> Items<'a> {
    fn primary(&self) -> Option<u32> {
        let mut reader = Reader::full(child(self.meta, b"pitm")?)?;
        reader.id(reader.version >= 1)
    }

    fn kind(&self, item: u32) -> Option<&'a [u8]> {
        let table = child(self.meta, b"iinf")?;
        let entries = table.get(if *table.first()? == 0 { 6 } else { 8 }..)?;
        let mut entries = boxes(entries).filter(|(kind, _)| kind == b"infe");
        entries.find_map(|(_, entry)| {
            let mut reader = Reader::full(entry)?;
            let id = reader.id(reader.version >= 3)?;
            reader.take(2)?;
            let kind = reader.rest.get(..4)?;
            (id == item).then_some(kind)
        })
    }

    /// Who points at whom, for one kind of reference.
    fn references(&self, kind: &'static [u8; 4]) -> impl Iterator<Item = (u32, u32)> {
        let table = child(self.meta, b"iref").unwrap_or_default();
        let wide = table.first().is_some_and(|version| *version >= 1);
        let of_kind = boxes(table.get(4..).unwrap_or_default()).filter(move |(name, _)| name == kind);
        of_kind.flat_map(move |(_, content)| {
            let mut reader = Reader { version: 0, flags: 0, rest: content };
            let (from, count) = (reader.id(wide), reader.take(2));
            (0..count.unwrap_or(0)).map_while(move |_| Some((from?, reader.id(wide)?)))
        })
    }

    fn alpha_of(&self, primary: u32) -> Option<u32> {
        let is_alpha = |item: u32| {
            let properties = self.properties(item).unwrap_or_default();
            properties.iter().any(|(kind, content)| {
                *kind == b"auxC" && content.get(4..).is_some_and(|urn| urn.starts_with(ALPHA))
            })
        };
        self.references(b"auxl").find(|(from, to)| *to == primary && is_alpha(*from)).map(|(from, _)| from)
    }

    fn properties(&self, item: u32) -> Option<Vec<Property<'a>>> {
        let properties = child(self.meta, b"iprp")?;
        let all: Vec<Property> = boxes(child(properties, b"ipco")?)
            .filter_map(|(kind, content)| Some((kind.first_chunk()?, content)))
            .collect();
        let mut reader = Reader::full(child(properties, b"ipma")?)?;
        for _ in 0..reader.take(4)? {
            let id = reader.id(reader.version >= 1)?;
            let count = reader.take(1)?;
            let (size, mask) = if reader.flags & 1 == 1 { (2, 0x7FFF) } else { (1, 0x7F) };
            let numbers: Option<Vec<u64>> = (0..count).map(|_| Some(reader.take(size)? & mask)).collect();
            if id == item {
                // 1 is the first; 0 means none.
                let wanted = numbers?.into_iter().filter_map(|number| number.checked_sub(1));
                return Some(wanted.filter_map(|index| all.get(index as usize).copied()).collect());
            }
        }
        None
    }

    /// An item's bytes, put together from its extents. Never more than the file holds.
    fn data(&self, item: u32) -> Option<Vec<u8>> {
        let mut reader = Reader::full(child(self.meta, b"iloc")?)?;
        let sizes = reader.take(2)?;
        let [offset_size, length_size, base_size, index_size] =
            [12, 8, 4, 0].map(|shift| (sizes >> shift & 0xF) as usize);
        let count = if reader.version < 2 { reader.take(2)? } else { reader.take(4)? };
        for _ in 0..count {
            let id = reader.id(reader.version >= 2)?;
            let method = if reader.version >= 1 { reader.take(2)? & 0xF } else { 0 };
            reader.take(2)?;
            let base = reader.take(base_size)?;
            let mut bytes = Vec::new();
            for _ in 0..reader.take(2)? {
                if reader.version >= 1 {
                    reader.take(index_size)?;
                }
                let (offset, length) = (reader.take(offset_size)?, reader.take(length_size)?);
                if id != item {
                    continue;
                }
                let source = if method == 1 { child(self.meta, b"idat")? } else { self.file };
                let part = source.get(usize::try_from(base.checked_add(offset)?).ok()?..)?;
                let length = if length == 0 { part.len() } else { usize::try_from(length).ok()? };
                bytes.extend_from_slice(part.get(..length)?);
                if bytes.len() > self.file.len() {
                    return None;
                }
            }
            if id == item {
                return (method < 2).then_some(bytes);
            }
        }
        None
    }
}

/// Reads big-endian numbers one after the other.
struct Reader<'a> {
    version: u8,
    flags: u32,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Of a box that begins with version and flags.
    fn full(content: &'a [u8]) -> Option<Self> {
        let head = be32(content, 0)?;
        Some(Self { version: (head >> 24) as u8, flags: head & 0xFF_FFFF, rest: content.get(4..)? })
    }

    /// A number of 0 to 8 bytes.
    fn take(&mut self, bytes: usize) -> Option<u64> {
        let (number, rest) = self.rest.split_at_checked(bytes)?;
        self.rest = rest;
        (bytes <= 8).then(|| number.iter().fold(0, |value, &byte| value << 8 | u64::from(byte)))
    }

    fn id(&mut self, wide: bool) -> Option<u32> {
        self.take(if wide { 4 } else { 2 }).map(|id| id as u32)
    }
}

/// Writes a file of 8-bit frames: `colour` in one or three planes, `alpha` in one.
pub(super) fn write(
    colour: &[u8],
    alpha: Option<&[u8]>,
    is_grey: bool,
    matrix: u16,
) -> Result<Vec<u8>, CodecError> {
    let sequence = sequence::of_still(colour)?;
    let (width, height) = (sequence.width.to_be_bytes(), sequence.height.to_be_bytes());
    let grey_level = match alpha {
        Some(alpha) => sequence::of_still(alpha)?.level,
        None => sequence.level,
    };
    let properties = [
        full(b"ispe", &[&width, &height]),
        configuration(sequence.profile, sequence.level, is_grey),
        bit_depths(if is_grey { 1 } else { 3 }),
        // sRGB, full range; numbers and normals too, so that nothing converts them.
        boxed(b"colr", &[b"nclx", &[0, 1, 0, 13], &matrix.to_be_bytes(), &[0x80]]),
        configuration(0, grey_level, true),
        bit_depths(1),
        full(b"auxC", &[ALPHA, &[0]]),
    ];
    let shown = if alpha.is_some() { &properties[..] } else { &properties[..4] };
    // Entries: item, count, properties by number from 1; the highest bit marks those that a reader must know.
    let associations: &[&[u8]] = match alpha {
        None => &[&[0, 0, 0, 1], &[0, 1, 4, 1, 0x82, 3, 4]],
        Some(_) => &[&[0, 0, 0, 2], &[0, 1, 4, 1, 0x82, 3, 4], &[0, 2, 4, 1, 0x85, 6, 7]],
    };
    let entry = |item: u8| full_of(2, b"infe", &[&[0, item, 0, 0], b"av01", &[0]]);
    let count = 1 + u8::from(alpha.is_some());
    let entries: Vec<u8> = (1..=count).flat_map(entry).collect();
    let references = match alpha {
        None => Vec::new(),
        Some(_) => full(b"iref", &[&boxed(b"auxl", &[&[0, 2, 0, 1, 0, 1]])]),
    };
    let head = boxed(b"ftyp", &[b"avif", &[0; 4], b"avifmif1miaf"]);
    let meta = |offset: u32| {
        let alpha_length = alpha.map_or(0, <[u8]>::len) as u32;
        let location = |item: u8, offset: u32, length: u32| {
            [&[0, item, 0, 0, 0, 1][..], &offset.to_be_bytes(), &length.to_be_bytes()].concat()
        };
        let mut locations = location(1, offset + alpha_length, colour.len() as u32);
        if alpha.is_some() {
            locations.extend(location(2, offset, alpha_length));
        }
        full(
            b"meta",
            &[
                &full(b"hdlr", &[&[0; 4], b"pict", &[0; 13]]),
                &full(b"pitm", &[&[0, 1]]),
                &full(b"iloc", &[&[0x44, 0, 0, count], &locations]),
                &full(b"iinf", &[&[0, count], &entries]),
                &references,
                &boxed(b"iprp", &[&boxed(b"ipco", &[&shown.concat()]), &full(b"ipma", associations)]),
            ],
        )
    };
    let data_at = (head.len() + meta(0).len() + 8) as u32;
    Ok([head, meta(data_at), boxed(b"mdat", &[alpha.unwrap_or_default(), colour])].concat())
}

/// AV1's own description, which browsers compare with the stream.
fn configuration(profile: u8, level: u8, is_grey: bool) -> Vec<u8> {
    // Monochrome counts as subsampled both ways.
    let layout = if is_grey { 0b0001_1100 } else { 0 };
    boxed(b"av1C", &[&[0x81, profile << 5 | level, layout, 0]])
}

fn bit_depths(channels: usize) -> Vec<u8> {
    full(b"pixi", &[&[channels as u8], &[8, 8, 8][..channels]])
}

fn boxed(kind: &[u8; 4], parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    [&(content.len() as u32 + 8).to_be_bytes()[..], kind, &content].concat()
}

fn full(kind: &[u8; 4], parts: &[&[u8]]) -> Vec<u8> {
    full_of(0, kind, parts)
}

/// A box that begins with its version, and with flags, of which none is set.
fn full_of(version: u8, kind: &[u8; 4], parts: &[&[u8]]) -> Vec<u8> {
    boxed(kind, &[&[version, 0, 0, 0], &parts.concat()])
}
