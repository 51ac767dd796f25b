//! The header of a KTX2 file: its size, levels and coding, and the memory that it takes on a GPU.
//!
//! Every number is a claim of the file. Nothing here allocates by one; [`decode`](super::decode()) compares them with
//! what is there.

/// The first bytes of every KTX2 file.
pub const MAGIC: &[u8] = b"\xABKTX 20\xBB\r\n\x1A\n";

/// Where the list of levels begins; three numbers of 8 bytes a level.
const LEVELS_AT: usize = 80;
const LEVEL_BYTES: usize = 24;

/// How the blocks of 4 x 4 texels are coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Coding {
    /// Two colours and a shared brightness ramp a block, from a codebook: small, and too coarse for normals.
    Etc1s,
    /// 16 bytes a block, close to ASTC and BC7 in quality.
    Uastc,
    /// Blocks or pixels of another kind, which glTF does not allow.
    Other,
}

/// How the bytes of all levels are packed once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    None,
    /// Part of ETC1S: codebooks for the whole file.
    BasisLz,
    Zstd,
    Other,
}

/// Where a level is: bytes of the file, and its length once unpacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Level {
    pub(super) start: u64,
    pub(super) length: u64,
    pub(super) unpacked: u64,
}

/// What a file says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Mip levels in the file; at least 1.
    pub levels: u32,
    /// How its blocks are coded.
    pub coding: Coding,
    /// Whether it can hold alpha.
    pub has_alpha: bool,
    /// Whether it is marked as sRGB: the GPU then makes light of its colours, whatever the material uses them for.
    pub is_srgb: bool,
    /// 8 to 255.
    pub bits_per_channel: u8,
    /// Neither an array, nor a cube, nor a volume.
    pub is_plain: bool,
    pub(super) packing: Packing,
}

impl Header {
    /// Bytes of GPU memory for all levels that are in the file: a compressed texture gets no others.
    ///
    /// 16 bytes a block, or 8 for ETC1S without alpha (as ETC1 or BC1); other codings count as four bytes a texel.
    #[must_use]
    pub fn gpu_bytes(&self) -> u64 {
        let bytes = |level: u32| {
            let side = |length: u32| u64::from((length >> level).max(1));
            let blocks = side(self.width).div_ceil(4).saturating_mul(side(self.height).div_ceil(4));
            match self.coding {
                Coding::Etc1s if !self.has_alpha => blocks.saturating_mul(8),
                Coding::Etc1s | Coding::Uastc => blocks.saturating_mul(16),
                Coding::Other => side(self.width).saturating_mul(side(self.height)).saturating_mul(4),
            }
        };
        (0..self.levels.min(32)).map(bytes).fold(0, u64::saturating_add)
    }

    /// Bytes of the largest level as UASTC.
    pub(super) fn uastc_bytes(&self) -> u64 {
        u64::from(self.width.div_ceil(4)) * u64::from(self.height.div_ceil(4)) * 16
    }
}

/// Reads the header; `None` if it is cut off or is none.
#[must_use]
pub fn read_header(file: &[u8]) -> Option<Header> {
    if !file.starts_with(MAGIC) {
        return None;
    }
    let word = |at| le32(file, at);
    let descriptor = file.get(word(48)? as usize..)?;
    let (coding, has_alpha) = read_descriptor(descriptor)?;
    Some(Header {
        width: word(20)?,
        height: word(24)?.max(1),
        levels: word(40)?.max(1),
        coding: if word(12)? == 0 { coding } else { Coding::Other },
        has_alpha,
        is_srgb: descriptor.get(14) == Some(&2),
        // 0 and 1 both mean bytes: the first is for formats in blocks.
        bits_per_channel: u8::try_from(word(16)?.max(1).checked_mul(8)?).ok()?,
        is_plain: word(24)? > 0 && word(28)? == 0 && word(32)? == 0 && word(36)? == 1,
        packing: match word(44)? {
            0 => Packing::None,
            1 => Packing::BasisLz,
            2 => Packing::Zstd,
            _ => Packing::Other,
        },
    })
}

/// Coding and alpha from the data format descriptor: a total size, a 24-byte block header, 16 bytes a sample.
fn read_descriptor(descriptor: &[u8]) -> Option<(Coding, bool)> {
    let block_bytes = usize::from(u16::from_le_bytes(*descriptor.get(10..)?.first_chunk()?));
    let samples = descriptor.get(28..4 + block_bytes)?;
    let mut channels = samples.chunks_exact(16).map(|sample| sample[3] & 0x0F);
    Some(match *descriptor.get(12)? {
        163 => (Coding::Etc1s, channels.len() > 1),
        // RGBA, or red and alpha.
        166 => (Coding::Uastc, channels.any(|channel| channel == 3 || channel == 5)),
        _ => (Coding::Other, channels.any(|channel| channel == 15)),
    })
}

/// The place of the largest level.
pub(super) fn largest_level(file: &[u8]) -> Option<Level> {
    let entry = file.get(LEVELS_AT..LEVELS_AT + LEVEL_BYTES)?;
    let [start, length, unpacked] = std::array::from_fn(|i| le64(entry, 8 * i));
    Some(Level { start: start?, length: length?, unpacked: unpacked? })
}

fn le32(file: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*file.get(at..)?.first_chunk()?))
}

fn le64(file: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*file.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(coding: Coding, has_alpha: bool, levels: u32) -> Header {
        Header {
            width: 16,
            height: 8,
            levels,
            coding,
            has_alpha,
            is_srgb: false,
            bits_per_channel: 8,
            is_plain: true,
            packing: Packing::None,
        }
    }

    #[test]
    fn gpu_memory_is_that_of_the_levels_in_the_file() {
        assert_eq!(header(Coding::Uastc, false, 1).gpu_bytes(), 4 * 2 * 16);
        // 16 x 8, 8 x 4, 4 x 2, 2 x 1, 1 x 1: the small ones take a whole block each.
        assert_eq!(header(Coding::Uastc, true, 5).gpu_bytes(), (8 + 2 + 1 + 1 + 1) * 16);
        assert_eq!(header(Coding::Etc1s, false, 5).gpu_bytes(), 13 * 8);
        assert_eq!(header(Coding::Etc1s, true, 5).gpu_bytes(), 13 * 16);
    }

    #[test]
    fn claims_of_any_size_are_counted_without_overflow() {
        let huge = Header { width: u32::MAX, height: u32::MAX, ..header(Coding::Other, true, u32::MAX) };
        assert!(huge.gpu_bytes() > 1 << 60);
    }
}
