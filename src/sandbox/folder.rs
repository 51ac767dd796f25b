//! A private folder for one child, for as long as its job lasts.

use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// A folder for one child, removed with everything in it when this value goes.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// Creates the folder `path`, for this user only.
    ///
    /// # Errors
    /// It cannot be created.
    pub fn create(path: PathBuf) -> io::Result<Self> {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&path)?;
        Ok(Self(path))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(folder = %self.0.display(), %error, "a job's folder stays until the next start");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_goes_with_its_value() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::create(root.path().join("work/job")).unwrap();
        std::fs::write(folder.path().join("output.glb"), b"x").unwrap();
        let path = folder.path().to_owned();
        drop(folder);
        assert!(!path.exists());
    }
}
