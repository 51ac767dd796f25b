//! AV1's sequence header, read before libaom: it says how much memory a frame will take.
//!
//! Only as far as the frame size. Source: AV1 Bitstream & Decoding Process Specification, sections 5.3 and 5.5.

use super::super::CodecError;
use super::NAME;

/// What a stream says of its one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sequence {
    pub(super) profile: u8,
    pub(super) level: u8,
    pub(super) width: u32,
    pub(super) height: u32,
}

const SEQUENCE_HEADER: u8 = 1;
const FRAME_HEADER: u8 = 3;
const FRAME: u8 = 6;

/// Reads the one sequence header of a still image.
///
/// # Errors
/// [`CodecError::Damaged`] if there is not exactly one header, and one frame to be decoded: each further one could
/// ask for any amount of memory and time.
pub(super) fn of_still(data: &[u8]) -> Result<Sequence, CodecError> {
    let kinds = || units(data).map(|(kind, _)| kind);
    let frames = kinds().filter(|kind| matches!(*kind, FRAME_HEADER | FRAME)).count();
    let mut headers = units(data).filter(|(kind, _)| *kind == SEQUENCE_HEADER);
    match (headers.next(), headers.next(), frames) {
        (Some((_, header)), None, 1) => {
            header_of(header).ok_or_else(|| CodecError::damaged(NAME, "its sequence header is cut off"))
        }
        _ => Err(CodecError::damaged(NAME, "it does not hold exactly one frame")),
    }
}

/// The units (OBUs) of a stream: type and content.
fn units(data: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut rest = data;
    std::iter::from_fn(move || {
        let (&head, mut tail) = rest.split_first()?;
        if head & 0b100 != 0 {
            tail = tail.get(1..)?;
        }
        let size = if head & 0b10 == 0 { tail.len() } else { leb128(&mut tail)? };
        let content = tail.get(..size)?;
        rest = &tail[size..];
        Some((head >> 3 & 0xF, content))
    })
}

fn leb128(bytes: &mut &[u8]) -> Option<usize> {
    let mut value = 0;
    for position in 0..8 {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7F) << (position * 7);
        if byte & 0x80 == 0 {
            return usize::try_from(value).ok();
        }
    }
    None
}

fn header_of(content: &[u8]) -> Option<Sequence> {
    let mut bits = Bits { bytes: content, at: 0 };
    let profile = bits.take(3)? as u8;
    bits.take(1)?;
    let level = if bits.take(1)? == 1 { bits.take(5)? as u8 } else { operating_points(&mut bits)? };
    let (width_bits, height_bits) = (bits.take(4)? + 1, bits.take(4)? + 1);
    let (width, height) = (bits.take(width_bits)? + 1, bits.take(height_bits)? + 1);
    Some(Sequence { profile, level, width, height })
}

/// Skips timing and operating points; gives the level of the first.
fn operating_points(bits: &mut Bits) -> Option<u8> {
    let mut delay_bits = None;
    if bits.take(1)? == 1 {
        bits.take(32)?;
        bits.take(32)?;
        if bits.take(1)? == 1 {
            bits.skip_uvlc()?;
        }
        if bits.take(1)? == 1 {
            delay_bits = Some(bits.take(5)? + 1);
            bits.take(32)?;
            bits.take(10)?;
        }
    }
    let has_display_delay = bits.take(1)? == 1;
    let mut first = None;
    for _ in 0..=bits.take(5)? {
        bits.take(12)?;
        let level = bits.take(5)? as u8;
        if level > 7 {
            bits.take(1)?;
        }
        if let Some(delay_bits) = delay_bits
            && bits.take(1)? == 1
        {
            bits.take(delay_bits)?;
            bits.take(delay_bits)?;
            bits.take(1)?;
        }
        if has_display_delay && bits.take(1)? == 1 {
            bits.take(4)?;
        }
        first.get_or_insert(level);
    }
    first
}

/// Reads bits from the highest down.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    /// The next `count` bits, at most 32.
    fn take(&mut self, count: u32) -> Option<u32> {
        let mut value = 0_u32;
        for _ in 0..count {
            let bit = self.bytes.get(self.at / 8)? >> (7 - self.at % 8) & 1;
            value = value << 1 | u32::from(bit);
            self.at += 1;
        }
        Some(value)
    }

    fn skip_uvlc(&mut self) -> Option<()> {
        let mut zeros = 0;
        while self.take(1)? == 0 {
            zeros += 1;
        }
        self.take(zeros.min(32)).map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn arbitrary_streams_never_panic(data in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = of_still(&data);
            header_of(&data);
        }
    }

    #[test]
    fn a_reduced_header_gives_profile_level_and_size() {
        // Profile 1, still, reduced, level 8; 10 bits each for 640 - 1 and 480 - 1.
        let bits = format!("001{}{}{:05b}{:04b}{:04b}{:010b}{:010b}", 1, 1, 8, 9, 9, 639, 479);
        let bits = format!("{bits:0<40}");
        let content: Vec<u8> =
            (0..5).map(|at| u8::from_str_radix(&bits[at * 8..][..8], 2).expect("bits")).collect();
        let stream = [&[SEQUENCE_HEADER << 3 | 2, 5], &content[..], &[FRAME << 3 | 2, 0]].concat();
        let expected = Sequence { profile: 1, level: 8, width: 640, height: 480 };
        assert_eq!(of_still(&stream), Ok(expected));
        assert!(of_still(&[stream.clone(), stream].concat()).is_err(), "two frames");
    }
}
