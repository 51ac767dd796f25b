//! Models out of what somebody sent: zip archives, a .gltf with its files, loose .glb files.
//!
//! All files together are one folder of names, in which a .gltf finds what it refers to. Nothing is ever written under
//! a name that came with a file: the models leave as one stream of bytes, with a list of their sizes. What is odd is
//! refused whole, so that nobody takes a part for all of it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, Write};

use percent_encoding::percent_decode_str;
use zip::ZipArchive;

use super::{Failure, create, fault, write};
use crate::optimize::{self, Error, Files, Limits, external_uris};
use crate::sandbox::{Found, Named, Unpack, Unpacked};

/// Files in all archives together.
const MOST_ENTRIES: usize = 10_000;
/// Models in one upload.
const MOST_MODELS: usize = 1_000;
/// How often an archive's size it may unpack to, once that is more than [`HARMLESS_BYTES`]. Deflate reaches 1032.
const MOST_RATIO: u64 = 200;
const HARMLESS_BYTES: u64 = 64 << 20;
const ZIP_MAGIC: [u8; 4] = *b"PK\x03\x04";
const GLB_MAGIC: [u8; 4] = *b"glTF";

/// Everything that was sent, open.
pub(super) struct Upload {
    files: Vec<(String, File)>,
    models: File,
    list: File,
    most_bytes: u64,
}

impl Upload {
    pub(super) fn open(task: &Unpack) -> Result<Self, Failure> {
        let open = |Named { name, path }: &Named| {
            let file = File::open(path).map_err(|error| fault("reading the upload", error))?;
            Ok((name.clone(), file))
        };
        Ok(Self {
            files: task.files.iter().map(open).collect::<Result<_, Failure>>()?,
            models: create(&task.models)?,
            list: create(&task.list)?,
            most_bytes: task.most_bytes,
        })
    }

    pub(super) fn most_bytes(&self) -> u64 {
        // The JSON of a packed model is a little longer than it was.
        self.most_bytes.saturating_mul(2)
    }

    pub(super) fn run(mut self) -> Result<(), Failure> {
        let mut folder = Folder::of(self.files, self.most_bytes)?;
        let names = folder.models();
        if names.is_empty() {
            return Err(Failure::NoModel);
        }
        if names.len() > MOST_MODELS {
            return Err(over("models in one upload", names.len() as u64, MOST_MODELS as u64));
        }
        let mut unpacked = Unpacked::default();
        for name in names {
            let model = folder.model(&name)?;
            self.models.write_all(&model).map_err(|error| fault("writing the models", error))?;
            unpacked.models.push(Found { name, bytes: model.len() as u64 });
        }
        let list = serde_json::to_vec(&unpacked).map_err(|error| fault("writing the list", error.into()))?;
        write(self.list, &list)
    }
}

/// Where the bytes under a name are.
enum Place {
    Loose { file: File, is_glb: bool },
    Entry { archive: usize, index: usize },
}

/// All files by name, with `/` between folders.
struct Folder {
    places: BTreeMap<String, Place>,
    archives: Vec<(String, ZipArchive<File>)>,
    /// What may still be read, in bytes.
    left_bytes: u64,
}

impl Folder {
    fn of(files: Vec<(String, File)>, most_bytes: u64) -> Result<Self, Failure> {
        let mut folder = Self { places: BTreeMap::new(), archives: Vec::new(), left_bytes: most_bytes };
        for (name, mut file) in files {
            let mut magic = [0; 4];
            let has_magic = file.read_exact(&mut magic).is_ok();
            let is_archive = has_magic && magic == ZIP_MAGIC;
            file.rewind().map_err(|error| fault("reading the upload", error))?;
            if is_archive {
                folder.add_archive(name, file)?;
            } else {
                let refuse = |what: String| Failure::Archive { name: "(the form)".into(), what };
                let plain = plain_name(&name).map_err(refuse)?;
                if folder.places.insert(plain, Place::Loose { file, is_glb: magic == GLB_MAGIC }).is_some() {
                    return Err(refuse(format!("it holds \"{name}\" twice")));
                }
            }
        }
        Ok(folder)
    }

    fn add_archive(&mut self, name: String, file: File) -> Result<(), Failure> {
        let refuse = |what: String| Failure::Archive { name: name.clone(), what };
        let packed_bytes = file.metadata().map_err(|error| fault("reading the upload", error))?.len();
        let mut archive = ZipArchive::new(file).map_err(|error| refuse(error.to_string()))?;
        if self.places.len() + archive.len() > MOST_ENTRIES {
            return Err(over("files in one upload", archive.len() as u64, MOST_ENTRIES as u64));
        }
        let mut unpacked_bytes = 0_u64;
        for index in 0..archive.len() {
            let entry = archive.by_index_raw(index).map_err(|error| refuse(error.to_string()))?;
            let entry_name = entry.name().map_err(|error| refuse(error.to_string()))?.into_owned();
            let plain = plain_name(&entry_name).map_err(refuse)?;
            if entry.encrypted() || entry.is_symlink() {
                let kind = if entry.encrypted() { "is encrypted" } else { "is a link" };
                return Err(refuse(format!("\"{plain}\" {kind}")));
            }
            unpacked_bytes = unpacked_bytes.saturating_add(entry.size());
            if !entry.is_dir() && !is_left_behind(&plain) {
                let place = Place::Entry { archive: self.archives.len(), index };
                if self.places.insert(plain.clone(), place).is_some() {
                    return Err(refuse(format!("it holds \"{plain}\" twice")));
                }
            }
        }
        if unpacked_bytes > HARMLESS_BYTES.max(packed_bytes.saturating_mul(MOST_RATIO)) {
            return Err(refuse(format!("it unpacks to more than {MOST_RATIO} times its size")));
        }
        if unpacked_bytes > self.left_bytes {
            return Err(over("an archive's files, unpacked, in bytes", unpacked_bytes, self.left_bytes));
        }
        self.archives.push((name, archive));
        Ok(())
    }

    fn models(&self) -> Vec<String> {
        // Somebody has sent a loose model as one, whatever it is called.
        let is_model = |name: &str, place: &Place| {
            ends_with(name, &["glb", "gltf", "vrm"]) || matches!(place, Place::Loose { is_glb: true, .. })
        };
        let models = self.places.iter().filter(|(name, place)| is_model(name, place));
        models.map(|(name, _)| name.clone()).collect()
    }

    /// A model as .glb, with all that it refers to.
    fn model(&mut self, name: &str) -> Result<Vec<u8>, Failure> {
        let bytes = self.read(name)?.ok_or(Failure::NoModel)?;
        let about = |error: Error| in_file(name, error);
        let uris = external_uris(&bytes, &Limits::default()).map_err(about)?;
        if uris.is_empty() && bytes.starts_with(&GLB_MAGIC) {
            return Ok(bytes);
        }
        let mut files = Files::new();
        for uri in uris {
            let target = resolve(name, &uri).ok_or_else(|| {
                let what = "is outside of what was sent and was not read; send it together with the model";
                about(Error::Resource { uri: uri.chars().take(80).collect(), what: what.into() })
            })?;
            if !files.contains_key(&uri)
                && let Some(content) = self.read(&target)?
            {
                files.insert(uri, content);
            }
        }
        optimize::pack(&bytes, &files).map_err(about)
    }

    /// The bytes under a name; none where there is no such file.
    fn read(&mut self, name: &str) -> Result<Option<Vec<u8>>, Failure> {
        let mut bytes = Vec::new();
        // Sizes that an archive declares are not believed.
        let most = self.left_bytes.saturating_add(1);
        match self.places.get_mut(name) {
            None => return Ok(None),
            Some(Place::Loose { file, .. }) => {
                let read = file.rewind().and_then(|()| file.take(most).read_to_end(&mut bytes));
                read.map_err(|error| fault("reading the upload", error))?;
            }
            Some(Place::Entry { archive, index }) => {
                let (archive_name, archive) = &mut self.archives[*archive];
                let refuse = |what: String| Failure::Archive { name: archive_name.clone(), what };
                let entry = archive.by_index(*index).map_err(|error| refuse(error.to_string()))?;
                let read = entry.take(most).read_to_end(&mut bytes);
                read.map_err(|error: io::Error| refuse(format!("\"{name}\" cannot be unpacked: {error}")))?;
            }
        }
        let found = bytes.len() as u64;
        match self.left_bytes.checked_sub(found) {
            Some(left_bytes) => self.left_bytes = left_bytes,
            None => return Err(over("all files, unpacked, in bytes", found, self.left_bytes)),
        }
        Ok(Some(bytes))
    }
}

/// An archive's name for a file, if it stays below the archive: no `..`, no root, no drive.
fn plain_name(name: &str) -> Result<String, String> {
    let slashed = name.replace('\\', "/");
    let is_safe = |part: &str| part != ".." && !part.contains(|c: char| c.is_control() || c == ':');
    if slashed.starts_with('/') || !slashed.split('/').all(is_safe) {
        let shown: String = name.chars().filter(|c| !c.is_control()).take(80).collect();
        return Err(format!("it holds a file named \"{shown}\", which is not below the archive"));
    }
    let parts: Vec<&str> = slashed.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    Ok(parts.join("/"))
}

/// What operating systems put into archives unasked.
fn is_left_behind(name: &str) -> bool {
    name.split('/').any(|part| part == "__MACOSX" || part.starts_with('.'))
}

fn ends_with(name: &str, endings: &[&str]) -> bool {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    ending.is_some_and(|ending| endings.contains(&ending.as_str()))
}

/// The name that a URI in the file `from` stands for; none where it leads out of the upload.
fn resolve(from: &str, uri: &str) -> Option<String> {
    let path = percent_decode_str(uri).decode_utf8_lossy().replace('\\', "/");
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    if path.starts_with('/') {
        return None;
    }
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

fn in_file(name: &str, error: Error) -> Failure {
    Failure::InFile { name: name.chars().filter(|c| !c.is_control()).take(80).collect(), error }
}

fn over(what: &str, found: u64, limit: u64) -> Failure {
    Error::Limit { what: what.into(), found, limit }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lead_out_are_refused() {
        assert_eq!(plain_name("models/./chair.glb").unwrap(), "models/chair.glb");
        assert_eq!(plain_name("models\\chair.glb").unwrap(), "models/chair.glb");
        for name in ["../a.glb", "/etc/passwd", "a/../../b.glb", "C:\\a.glb", "\\\\host\\a.glb", "a\0.glb"] {
            assert!(plain_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn uris_stay_within_the_upload() {
        assert_eq!(resolve("a/b.gltf", "tex/../c%20d.png").as_deref(), Some("a/c d.png"));
        assert_eq!(resolve("a/b.gltf", "../c.bin").as_deref(), Some("c.bin"));
        for uri in ["../../c.bin", "/c.bin", "%2e%2e/%2e%2e/c.bin"] {
            assert_eq!(resolve("a/b.gltf", uri), None, "{uri}");
        }
    }
}
