//! Oddities of image files: cut off, damaged, of a format that glTF does not have, larger than can be.

use crate::optimize::codecs::image_file::{self, Format};
use crate::optimize::document::Limits;

/// What is wrong with an image file, as the end of a sentence; `None` for sound files and for none at all. Nothing
/// is decoded.
#[must_use]
pub fn fault(file: &[u8], limits: &Limits) -> Option<String> {
    if file.is_empty() {
        return None;
    }
    let Some(probe) = image_file::probe(file) else {
        return Some("is no image that is known here; it was kept as it is".into());
    };
    let pixels = u64::from(probe.width) * u64::from(probe.height);
    if pixels > limits.image_pixels {
        let (width, height) = (probe.width, probe.height);
        return Some(format!("says that it is {width} x {height} pixels large; it was kept as it is"));
    }
    let what = match probe.format {
        Format::Other => "is a GIF or BMP, which glTF does not have",
        Format::Png => png_fault(file)?,
        // Some writers append zeros or metadata, so the end marker may stand before the end.
        Format::Jpeg if !file.windows(2).rev().any(|pair| pair == [0xFF, 0xD9]) => "is cut off",
        _ => return None,
    };
    Some(format!("{what}; it was kept as it is where it cannot be decoded"))
}

/// Walks over the chunks of a PNG: a length, a type, the data, and a CRC-32 of type and data (PNG, 5.3).
fn png_fault(file: &[u8]) -> Option<&'static str> {
    const SIGNATURE_BYTES: usize = 8;
    let mut rest = file.get(SIGNATURE_BYTES..)?;
    loop {
        let Some((length, after)) = rest.split_first_chunk::<4>() else { return Some("is cut off") };
        let length = u32::from_be_bytes(*length) as usize;
        let Some((covered, after)) = after.split_at_checked(length.saturating_add(4)) else {
            return Some("is cut off");
        };
        let Some((crc, after)) = after.split_first_chunk::<4>() else { return Some("is cut off") };
        if crc32fast::hash(covered) != u32::from_be_bytes(*crc) {
            return Some("is damaged: a checksum in it is wrong");
        }
        if covered.starts_with(b"IEND") {
            return None;
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A PNG of one grey pixel.
    fn png() -> Vec<u8> {
        let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
        let parts: [(&[u8], &[u8]); 3] = [
            (b"IHDR", &[0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0]),
            (b"IDAT", &[0x78, 0x9c, 0x63, 0x60, 0, 0, 0, 2, 0, 1]),
            (b"IEND", &[]),
        ];
        for (kind, data) in parts {
            let covered = [kind, data].concat();
            file.extend(u32::try_from(data.len()).unwrap().to_be_bytes());
            file.extend(&covered);
            file.extend(crc32fast::hash(&covered).to_be_bytes());
        }
        file
    }

    #[test]
    fn a_flipped_bit_and_a_missing_end_are_seen() {
        let limits = Limits::default();
        let mut file = png();
        assert_eq!(fault(&file, &limits), None);
        let cut = fault(&file[..file.len() - 6], &limits).unwrap();
        assert!(cut.contains("cut off"), "{cut}");
        file[45] ^= 1;
        assert!(fault(&file, &limits).unwrap().contains("damaged"));
    }

    #[test]
    fn an_image_larger_than_the_limit_is_named_with_its_size() {
        let limits = Limits { image_pixels: 0, ..Limits::default() };
        assert!(fault(&png(), &limits).unwrap().contains("1 x 1"));
        assert!(fault(b"<svg/>", &limits).unwrap().contains("no image"));
        assert_eq!(fault(&[], &limits), None);
    }
}
