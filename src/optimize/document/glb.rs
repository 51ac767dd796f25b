//! The GLB container (glTF 2.0 specification, section 4): a 12-byte header, a JSON chunk, a BIN chunk.
//!
//! Only cuts bytes apart and joins them; what is inside is read in [`super::read`].

use crate::optimize::Error;

const MAGIC: &[u8; 4] = b"glTF";
const JSON: u32 = 0x4E4F_534A;
const BIN: u32 = 0x004E_4942;
const HEADER_BYTES: usize = 12;
const CHUNK_HEADER_BYTES: usize = 8;

/// A container cut into its chunks; nothing is copied.
#[derive(Debug, PartialEq)]
pub struct Glb<'a> {
    /// The JSON chunk.
    pub json: &'a [u8],
    /// The BIN chunk, if there is one.
    pub bin: Option<&'a [u8]>,
    /// Oddities that do not prevent reading.
    pub warnings: Vec<String>,
}

/// Cuts a .glb file into its chunks.
///
/// # Errors
/// [`Error::Container`] with the reason when it is not a complete binary glTF 2.0 file.
pub fn parse(bytes: &[u8]) -> Result<Glb<'_>, Error> {
    let fail = |what: String| Err(Error::Container(what));
    if bytes.len() < HEADER_BYTES || !bytes.starts_with(MAGIC) {
        return fail(describe_foreign(bytes));
    }
    let version = u32_at(bytes, 4);
    if version != 2 {
        return fail(format!("it is glTF version {version}; only version 2 can be read"));
    }
    let declared = u32_at(bytes, 8) as usize;
    let mut warnings = Vec::new();
    if declared > bytes.len() {
        return fail(format!(
            "its header says {declared} bytes but only {} are there: the file is cut off",
            bytes.len()
        ));
    }
    if declared < bytes.len() {
        warnings.push(format!("{} bytes after the end of the GLB were ignored", bytes.len() - declared));
    }
    let bytes = &bytes[..declared];
    let (kind, json, mut rest) = match chunk(bytes.get(HEADER_BYTES..).unwrap_or_default())? {
        Some(first) => first,
        None => return fail("it has no JSON chunk".into()),
    };
    if kind != JSON {
        return fail("its first chunk is not the JSON chunk".into());
    }
    if !json.len().is_multiple_of(4) {
        warnings.push(format!("the JSON chunk is {} bytes long, which is no multiple of four", json.len()));
    }
    let mut bin = None;
    while let Some((kind, body, after)) = chunk(rest)? {
        match kind {
            BIN if bin.is_some() => return fail("it has two BIN chunks".into()),
            BIN => bin = Some(body),
            JSON => return fail("it has two JSON chunks".into()),
            other => warnings.push(format!("a chunk of unknown type {other:#010x} was dropped")),
        }
        rest = after;
    }
    Ok(Glb { json, bin, warnings })
}

type Chunk<'a> = (u32, &'a [u8], &'a [u8]);

/// The chunk at the start of `bytes`, with what follows it; `None` at the end.
fn chunk(bytes: &[u8]) -> Result<Option<Chunk<'_>>, Error> {
    if bytes.is_empty() {
        return Ok(None);
    }
    if bytes.len() < CHUNK_HEADER_BYTES {
        return Err(Error::Container("it ends inside a chunk header".into()));
    }
    let length = u32_at(bytes, 0) as usize;
    let kind = u32_at(bytes, 4);
    let body = &bytes[CHUNK_HEADER_BYTES..];
    if length > body.len() {
        return Err(Error::Container(format!(
            "a chunk says {length} bytes but only {} are left: the file is cut off",
            body.len()
        )));
    }
    Ok(Some((kind, &body[..length], &body[length..])))
}

/// Joins JSON text and binary data to a .glb; an empty `bin` gives no BIN chunk.
///
/// # Errors
/// [`Error::Limit`] when the result would be over 4 GiB, which the container cannot express.
pub fn build(json: &[u8], bin: &[u8]) -> Result<Vec<u8>, Error> {
    let json_padded = json.len().next_multiple_of(4);
    let bin_padded = bin.len().next_multiple_of(4);
    let bin_chunk = if bin.is_empty() { 0 } else { CHUNK_HEADER_BYTES + bin_padded };
    let total = HEADER_BYTES + CHUNK_HEADER_BYTES + json_padded + bin_chunk;
    let length = |n: usize| {
        u32::try_from(n).map_err(|_| Error::Limit {
            what: "the result, in bytes".into(),
            found: n as u64,
            limit: u64::from(u32::MAX),
        })
    };
    let mut out = Vec::with_capacity(total);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&2u32.to_le_bytes());
    out.extend_from_slice(&length(total)?.to_le_bytes());
    out.extend_from_slice(&length(json_padded)?.to_le_bytes());
    out.extend_from_slice(&JSON.to_le_bytes());
    out.extend_from_slice(json);
    out.resize(HEADER_BYTES + CHUNK_HEADER_BYTES + json_padded, b' ');
    if !bin.is_empty() {
        out.extend_from_slice(&length(bin_padded)?.to_le_bytes());
        out.extend_from_slice(&BIN.to_le_bytes());
        out.extend_from_slice(bin);
        out.resize(total, 0);
    }
    Ok(out)
}

/// What a file that is no GLB seems to be, so that the person sees what they picked by mistake.
fn describe_foreign(bytes: &[u8]) -> String {
    let kind = match bytes {
        [] => "it is empty",
        [0x89, b'P', b'N', b'G', ..] => "it is a PNG image",
        [0xFF, 0xD8, ..] => "it is a JPEG image",
        [b'P', b'K', 3, 4, ..] => "it is a zip archive; unpack it and choose the .glb inside",
        [0x1F, 0x8B, ..] => "it is gzip-compressed; unpack it first",
        [b'<', ..] => "it is an HTML or XML page, perhaps a failed download",
        [b'{', ..] => "it is JSON text, perhaps a .gltf; give it together with its files",
        _ if bytes.starts_with(MAGIC) => "it is too short",
        _ => "it does not begin with \"glTF\"",
    };
    kind.to_owned()
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_is_parsed_again() {
        let glb = build(b"{}", &[1, 2, 3]).unwrap();
        assert_eq!(glb.len() % 4, 0);
        let parsed = parse(&glb).unwrap();
        assert_eq!(parsed.json, b"{}  ");
        assert_eq!(parsed.bin, Some(&[1, 2, 3, 0][..]));
        assert!(parsed.warnings.is_empty());
    }

    #[test]
    fn every_cut_of_a_file_is_refused() {
        let glb = build(b"{\"asset\":{}}", &[7; 40]).unwrap();
        for end in 0..glb.len() {
            assert!(parse(&glb[..end]).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn bytes_after_the_end_are_ignored_with_a_warning() {
        let mut glb = build(b"{}", &[]).unwrap();
        glb.push(9);
        assert_eq!(parse(&glb).unwrap().warnings.len(), 1);
    }

    #[test]
    fn a_wrong_file_is_named() {
        let message = |bytes: &[u8]| parse(bytes).unwrap_err().to_string();
        assert!(message(b"<!doctype html>").contains("HTML"));
        assert!(message(b"PK\x03\x04aaaaaaaaaaaa").contains("zip"));
        assert!(message(b"").contains("empty"));
        let mut old = build(b"{}", &[]).unwrap();
        old[4] = 1;
        assert!(message(&old).contains("version 1"));
    }
}
