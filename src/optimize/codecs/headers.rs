//! Image headers: dimensions and form of a file from its first bytes, without decoding anything.
//!
//! Own parsers, since the sizes must be known before any decoder allocates, for formats too that we only pass on.
//! They trust no length: every read may fall outside the file and then there is no answer.

use super::image_file::{Format, Probe};
use super::ktx2;

const PNG_MAGIC: &[u8] = b"\x89PNG\r\n\x1A\n";

/// Reads the header of any format that we know by its first bytes.
pub(super) fn read(file: &[u8]) -> Option<Probe> {
    match file {
        _ if file.starts_with(PNG_MAGIC) => png(file),
        _ if file.starts_with(b"\xFF\xD8\xFF") => jpeg(file),
        _ if file.starts_with(b"RIFF") && file.get(8..12)? == b"WEBP" => webp(file),
        _ if file.starts_with(ktx2::MAGIC) => ktx2_texture(file),
        _ if file.get(4..8)? == b"ftyp" => avif(file),
        _ if file.starts_with(b"GIF8") => other(le16(file, 6)?, le16(file, 8)?),
        _ if file.starts_with(b"BM") => other(le32(file, 18)?, le32(file, 22)?.cast_signed().unsigned_abs()),
        _ => None,
    }
}

pub(super) fn be16(file: &[u8], at: usize) -> Option<u32> {
    Some(u32::from(u16::from_be_bytes(*file.get(at..)?.first_chunk()?)))
}

pub(super) fn be32(file: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*file.get(at..)?.first_chunk()?))
}

fn le16(file: &[u8], at: usize) -> Option<u32> {
    Some(u32::from(u16::from_le_bytes(*file.get(at..)?.first_chunk()?)))
}

fn le24(file: &[u8], at: usize) -> Option<u32> {
    let [a, b, c] = *file.get(at..)?.first_chunk()?;
    Some(u32::from_le_bytes([a, b, c, 0]))
}

fn le32(file: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*file.get(at..)?.first_chunk()?))
}

/// A format that we do not handle: its size, and nothing good assumed about the rest.
fn other(width: u32, height: u32) -> Option<Probe> {
    Some(Probe {
        format: Format::Other,
        width,
        height,
        bits_per_channel: 8,
        has_alpha: true,
        animated: false,
    })
}

fn png(file: &[u8]) -> Option<Probe> {
    if file.get(12..16)? != b"IHDR" {
        return None;
    }
    let (depth, colour_type) = (*file.get(24)?, *file.get(25)?);
    let mut probe = Probe {
        format: Format::Png,
        width: be32(file, 16)?,
        height: be32(file, 20)?,
        // A palette's entries are 8-bit, however few bits its indices have.
        bits_per_channel: if colour_type == 3 { 8 } else { depth },
        has_alpha: colour_type & 4 != 0,
        animated: false,
    };
    let mut at = 8;
    while let (Some(length), Some(kind)) = (be32(file, at), file.get(at + 4..at + 8)) {
        match kind {
            b"tRNS" => probe.has_alpha = true,
            b"acTL" => probe.animated = true,
            b"IDAT" => break,
            _ => {}
        }
        at = at.checked_add(length as usize)?.checked_add(12)?;
    }
    Some(probe)
}

fn jpeg(file: &[u8]) -> Option<Probe> {
    let mut at = 2;
    loop {
        if *file.get(at)? != 0xFF {
            return None;
        }
        match *file.get(at + 1)? {
            // Fill bytes, and markers that have no length.
            0xFF => at += 1,
            0x01 | 0xD0..=0xD7 => at += 2,
            // Start of frame, of any coding process; C4, C8 and CC are tables.
            0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF => {
                return Some(Probe {
                    format: Format::Jpeg,
                    width: be16(file, at + 7)?,
                    height: be16(file, at + 5)?,
                    bits_per_channel: *file.get(at + 4)?,
                    has_alpha: false,
                    animated: false,
                });
            }
            // Image data or the end before any frame.
            0xD9 | 0xDA => return None,
            _ => at += 2 + be16(file, at + 2)? as usize,
        }
    }
}

/// Whether a JPEG's image data ends without an end marker. In image data, FF is followed by a marker or by 0.
pub(super) fn is_jpeg_cut_off(file: &[u8]) -> bool {
    let marker = |kind: u8| file.windows(2).rposition(|pair| pair == [0xFF, kind]);
    match (marker(0xDA), marker(0xD9)) {
        (Some(scan), end) => end.is_none_or(|end| end < scan),
        (None, _) => true,
    }
}

fn webp(file: &[u8]) -> Option<Probe> {
    let probe = |width, height, has_alpha, animated| {
        Some(Probe { format: Format::WebP, width, height, bits_per_channel: 8, has_alpha, animated })
    };
    match file.get(12..16)? {
        b"VP8 " if file.get(23..26)? == b"\x9D\x01\x2A" => {
            probe(le16(file, 26)? & 0x3FFF, le16(file, 28)? & 0x3FFF, false, false)
        }
        b"VP8L" if *file.get(20)? == 0x2F => {
            let bits = le32(file, 21)?;
            probe((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, bits >> 28 & 1 == 1, false)
        }
        b"VP8X" => {
            let flags = *file.get(20)?;
            probe(le24(file, 24)? + 1, le24(file, 27)? + 1, flags & 0x10 != 0, flags & 0x02 != 0)
        }
        _ => None,
    }
}

fn ktx2_texture(file: &[u8]) -> Option<Probe> {
    let header = ktx2::read_header(file)?;
    Some(Probe {
        format: Format::Ktx2,
        width: header.width,
        height: header.height,
        bits_per_channel: header.bits_per_channel,
        has_alpha: header.has_alpha,
        animated: false,
    })
}

/// Walks the boxes that lie side by side in `bytes` and gives each one's kind and content.
pub(super) fn boxes(bytes: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (size, kind) = (be32(rest, 0)? as usize, rest.get(4..8)?);
        // Size 0 means "to the end". The 64-bit form is only used for media bigger than any texture.
        let size = if size == 0 { rest.len() } else { size };
        let content = rest.get(8..size)?;
        rest = &rest[size..];
        Some((kind, content))
    })
}

pub(super) fn child<'a>(bytes: &'a [u8], name: &[u8; 4]) -> Option<&'a [u8]> {
    boxes(bytes).find(|(kind, _)| kind == name).map(|(_, content)| content)
}

fn avif(file: &[u8]) -> Option<Probe> {
    let brands = child(file, b"ftyp")?;
    if !brands.chunks_exact(4).any(|brand| brand == b"avif" || brand == b"avis") {
        return None;
    }
    // "meta" has a version before its children, as have the properties read below.
    let meta = child(file, b"meta")?.get(4..)?;
    let mut probe = Probe {
        format: Format::Avif,
        width: 0,
        height: 0,
        bits_per_channel: 8,
        has_alpha: false,
        animated: brands.starts_with(b"avis"),
    };
    for (kind, content) in boxes(child(child(meta, b"iprp")?, b"ipco")?) {
        match kind {
            // A grid lists its tiles as well: the image is the biggest.
            b"ispe" => {
                probe.width = probe.width.max(be32(content, 4)?);
                probe.height = probe.height.max(be32(content, 8)?);
            }
            b"pixi" => probe.bits_per_channel = *content.get(5)?,
            b"auxC" if content.get(4..)?.starts_with(b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha") => {
                probe.has_alpha = true;
            }
            _ => {}
        }
    }
    (probe.width > 0).then_some(probe)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn arbitrary_headers_never_panic(
            start in prop::sample::select(vec![
                PNG_MAGIC.to_vec(),
                b"\xFF\xD8\xFF".to_vec(),
                b"RIFF0000WEBPVP8X".to_vec(),
                b"RIFF0000WEBPVP8L".to_vec(),
                ktx2::MAGIC.to_vec(),
                b"\0\0\0\x10ftypavif\0\0\0\0\0\0\0\0meta\0\0\0\0".to_vec(),
                b"GIF89a".to_vec(),
                b"BM".to_vec(),
            ]),
            rest in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            read(&[start, rest].concat());
        }
    }

    #[test]
    fn boxes_end_with_the_bytes_whatever_their_sizes_say() {
        assert_eq!(boxes(b"\0\0\0\x09aaaa1\0\0\0\0bbbb23").count(), 2);
        assert_eq!(boxes(b"\0\0\0\x03aaaa").count(), 0);
        assert_eq!(boxes(b"\xFF\xFF\xFF\xFFaaaa").count(), 0);
    }
}
