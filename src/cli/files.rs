//! Model files on disk: reading one with everything it refers to, and writing a result in one piece.
//!
//! A .gltf may name other files. Only those below its own folder are read, whatever the name says.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use anyhow::Context;
use percent_encoding::percent_decode_str;

use super::UsageError;
use crate::optimize::{Error, Files, Limits, external_uris};

/// A model with the files that it refers to.
pub(super) struct Model {
    pub(super) bytes: Vec<u8>,
    pub(super) files: Files,
}

/// Reads a model and the files that it names.
///
/// # Errors
/// The model cannot be read, or its JSON cannot. A named file that is missing is left to the reader, which
/// knows whether it can do without.
pub(super) fn read(path: &Path) -> anyhow::Result<Model> {
    let bytes = fs::read(path).map_err(|error| UsageError(unreadable(path, &error)))?;
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = folder.canonicalize().context("the folder of the model cannot be found")?;
    let mut files = Files::new();
    for uri in external_uris(&bytes, &Limits::default())? {
        if let Some(content) = read_below(&folder, &uri)? {
            files.insert(uri, content);
        }
    }
    Ok(Model { bytes, files })
}

fn unreadable(path: &Path, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::IsADirectory => {
            format!("is a folder; name the files in it, for example {}/*.glb", path.display())
        }
        _ => format!("cannot be read: {error}"),
    }
}

/// The file that a URI names below a folder; `None` when there is none.
fn read_below(folder: &Path, uri: &str) -> Result<Option<Vec<u8>>, Error> {
    let name = percent_decode_str(uri).decode_utf8_lossy();
    let Ok(path) = folder.join(name.as_ref()).canonicalize() else { return Ok(None) };
    if !path.starts_with(folder) {
        let what = "is outside the model's own folder and was not read; put it beside the model".to_owned();
        return Err(Error::Resource { uri: uri.chars().take(80).collect(), what });
    }
    // A device or a pipe could block for ever.
    if !path.is_file() {
        return Ok(None);
    }
    Ok(fs::read(path).ok())
}

/// Writes a file in one piece: whoever looks sees the old one or the whole new one.
///
/// # Errors
/// The folder cannot be written.
pub(super) fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    write_with(path, |file| Ok(file.write_all(bytes)?))
}

/// The same for a file that `fill` writes, and may read again, before anybody sees it.
///
/// # Errors
/// The folder cannot be written, or `fill` fails.
pub(super) fn write_with<T>(
    path: &Path,
    fill: impl FnOnce(&mut fs::File) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let partial = path.with_file_name(name);
    let written = fs::File::options().read(true).write(true).create(true).truncate(true).open(&partial);
    let written = written.map_err(anyhow::Error::from).and_then(|mut file| {
        let filled = fill(&mut file)?;
        file.sync_all()?;
        fs::rename(&partial, path)?;
        Ok(filled)
    });
    if written.is_err() {
        // Best effort: the reason for the failure is what counts.
        let _ = fs::remove_file(&partial);
    }
    written.with_context(|| format!("{} cannot be written", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_below_the_folder_are_read() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().canonicalize().unwrap().join("model");
        fs::create_dir(&folder).unwrap();
        fs::write(root.path().join("secret"), b"s").unwrap();
        fs::write(folder.join("a b.bin"), b"ok").unwrap();
        assert_eq!(read_below(&folder, "a%20b.bin").unwrap().unwrap(), b"ok");
        assert_eq!(read_below(&folder, "missing.bin").unwrap(), None);
        for uri in ["../secret", "%2e%2e/secret", "/etc/passwd", "x/../../secret"] {
            assert!(!matches!(read_below(&folder, uri), Ok(Some(_))), "{uri}");
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(root.path().join("secret"), folder.join("link")).unwrap();
            assert!(read_below(&folder, "link").is_err());
        }
    }
}
