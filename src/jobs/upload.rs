//! A file on its way in: written to the blob store as it comes, refused as early as it can be.
//!
//! Only the container's 12-byte header is looked at here; whether the rest is a good model is for the
//! optimizer, in its sandbox. Never holds more of the file than the chunk that it was handed.

use super::Error;
use super::room::Room;
use crate::blobs::BlobWriter;

/// Magic, version and total length, each a little-endian 32-bit number.
const HEADER_BYTES: usize = 12;

/// An upload in progress. Dropped without [`super::Jobs::submit`], it leaves nothing behind.
#[derive(Debug)]
pub struct Upload {
    pub(super) writer: BlobWriter,
    header: Vec<u8>,
    room: Room,
    max_bytes: u64,
    /// Whether it may be no model, but something that belongs to one.
    may_be_part: bool,
    /// Whether its name says that it is a model: then an archive is not taken for one.
    is_named_model: bool,
}

/// The first bytes of a zip archive.
const ZIP_MAGIC: &[u8] = b"PK\x03\x04";
/// What a .gltf consists of beside itself; also all that may hold it.
const PARTS: [&str; 10] = ["gltf", "bin", "png", "jpg", "jpeg", "webp", "avif", "ktx2", "basis", "zip"];

/// What a model that is one file is called.
const MODELS: [&str; 2] = ["glb", "vrm"];

impl Upload {
    pub(super) fn new(writer: BlobWriter, room: Room, max_bytes: u64) -> Self {
        Self {
            writer,
            header: Vec::with_capacity(HEADER_BYTES),
            room,
            max_bytes,
            may_be_part: false,
            is_named_model: false,
        }
    }

    /// The same for a file that may be an archive of models, or by its `name` a part of one: see
    /// [`super::Jobs::models_of`].
    pub(super) fn or_part(self, name: &str) -> Self {
        let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
        let ends = |endings: &[&str]| ending.as_deref().is_some_and(|ending| endings.contains(&ending));
        Self { may_be_part: ends(&PARTS), is_named_model: ends(&MODELS), ..self }
    }

    /// Whether it is a model by itself.
    #[must_use]
    pub fn is_glb(&self) -> bool {
        self.header.starts_with(b"glTF")
    }

    /// Refuses what is neither a whole model, nor an archive, nor by its name a part of a model.
    pub(super) fn check_kind(&self) -> Result<(), Error> {
        if self.is_part() { Ok(()) } else { self.check_complete() }
    }

    fn is_part(&self) -> bool {
        let is_archive = self.header.starts_with(ZIP_MAGIC) && !self.is_named_model;
        !self.is_glb() && (self.may_be_part || is_archive)
    }

    /// Takes the next bytes of the file.
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::NotAGlb`] as soon as the header shows it, [`Error::NoRoom`], or the disk refuses.
    pub async fn write(&mut self, chunk: &[u8]) -> Result<(), Error> {
        if self.writer.bytes() + chunk.len() as u64 > self.max_bytes {
            return Err(Error::TooLarge { max_bytes: self.max_bytes });
        }
        let missing = HEADER_BYTES - self.header.len();
        self.header.extend(chunk.iter().take(missing));
        if missing > 0 && self.header.len() == HEADER_BYTES && !self.is_part() {
            declared_bytes(&self.header)?;
        }
        self.room.make(chunk.len() as u64).await?;
        Ok(self.writer.write(chunk).await?)
    }

    /// All of it has come.
    ///
    /// # Errors
    /// The disk refuses.
    pub async fn close(&mut self) -> Result<(), Error> {
        self.writer.close().await?;
        Ok(())
    }

    /// Whether the whole file came, as far as its header tells.
    pub(super) fn check_complete(&self) -> Result<(), Error> {
        let (declared, arrived) = (declared_bytes(&self.header)?, self.writer.bytes());
        // Bytes after the declared end are common and harmless; missing ones are not.
        if u64::from(declared) > arrived {
            let what = format!("it says that it has {declared} bytes, but only {arrived} arrived");
            return Err(Error::NotAGlb(what));
        }
        Ok(())
    }
}

/// The file's length as its header declares it.
fn declared_bytes(header: &[u8]) -> Result<u32, Error> {
    let refuse = |what: String| Err(Error::NotAGlb(what));
    let ([magic, version, length], []) = header.as_chunks::<4>() else {
        return refuse(format!("it has only {} bytes", header.len()));
    };
    match (magic, u32::from_le_bytes(*version)) {
        (b"glTF", 2) => Ok(u32::from_le_bytes(*length)),
        (b"glTF", version) => refuse(format!("it is binary glTF version {version}; only version 2 is known")),
        _ => refuse("it does not begin with \"glTF\"".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(magic: &[u8; 4], version: u32, length: u32) -> Vec<u8> {
        [&magic[..], &version.to_le_bytes(), &length.to_le_bytes()].concat()
    }

    #[test]
    fn a_header_is_read_or_refused_with_the_reason() {
        assert_eq!(declared_bytes(&header(b"glTF", 2, 300)).unwrap(), 300);
        let reason = |bytes: &[u8]| declared_bytes(bytes).unwrap_err().to_string();
        assert!(reason(&header(b"glTF", 1, 300)).contains("version 1"));
        assert!(reason(&header(b"PK\x03\x04", 2, 300)).contains("does not begin with"));
        assert!(reason(b"glTF").contains("only 4 bytes"));
        assert!(reason(b"").contains("only 0 bytes"));
    }
}
