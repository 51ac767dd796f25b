//! Secrets: made at random, compared in constant time, never shown by accident.
//!
//! The admin token lies in a file of the data folder that only the folder's owner can read: whoever can read it could
//! change everything in there anyway. Nothing in here logs. Who asks for a secret: `http/admin.rs`.

use std::fmt;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use uuid::Uuid;

/// The file of the admin token in the data folder.
const TOKEN_FILE: &str = "admin-token";
/// Nobody but the owner.
const PRIVATE: u32 = 0o600;

/// A text that must not be seen: it has no `Display`, and `Debug` leaves it out.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// A new one of 244 random bits.
    #[must_use]
    pub fn random() -> Self {
        Self(format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple()))
    }

    /// Whether `given` is this secret. Hashes are compared, in a time that tells nothing about where they differ.
    #[must_use]
    pub fn is(&self, given: &str) -> bool {
        blake3::hash(given.as_bytes()) == blake3::hash(self.0.as_bytes())
    }

    /// Another secret that follows from this one, but not the other way round. `purpose` is its name for ever.
    #[must_use]
    pub fn derived(&self, purpose: &str) -> Self {
        Self(blake3::Hash::from(blake3::derive_key(purpose, self.0.as_bytes())).to_hex().to_string())
    }

    /// The text itself, to be sent or stored.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.is(&other.0)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// The admin token of a data folder, and whether it was made just now. Whoever calls it holds the folder's lock.
///
/// # Errors
/// The file cannot be read or written.
pub fn admin_token(folder: &Path) -> io::Result<(Secret, bool)> {
    if let Some(token) = stored_admin_token(folder)? {
        // It may have been written by hand.
        fs::set_permissions(folder.join(TOKEN_FILE), Permissions::from_mode(PRIVATE))?;
        return Ok((token, false));
    }
    let token = Secret::random();
    let unfinished = folder.join("admin-token.new");
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(PRIVATE).open(&unfinished)?;
    file.set_permissions(Permissions::from_mode(PRIVATE))?;
    file.write_all(format!("{}\n", token.0).as_bytes())?;
    file.sync_all()?;
    fs::rename(unfinished, folder.join(TOKEN_FILE))?;
    File::open(folder)?.sync_all()?;
    Ok((token, true))
}

/// The admin token that a server has left in its data folder; none if there is no such file.
///
/// # Errors
/// The file is there and cannot be read.
pub fn stored_admin_token(folder: &Path) -> io::Result<Option<Secret>> {
    match fs::read_to_string(folder.join(TOKEN_FILE)) {
        Ok(text) if text.trim().is_empty() => Ok(None),
        Ok(text) => Ok(Some(Secret(text.trim().to_owned()))),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_compared_as_a_whole_and_not_shown() {
        let secret = Secret::from("s3cret".to_owned());
        assert!(secret.is("s3cret"));
        for wrong in ["s3cre", "s3crets", "", "S3cret"] {
            assert!(!secret.is(wrong), "{wrong}");
        }
        assert_eq!(format!("{:?}", Some(&secret)), "Some(Secret(..))");
        assert_ne!(Secret::random(), Secret::random());
        assert_ne!(secret.derived("a cookie"), secret);
    }

    #[test]
    fn the_admin_token_is_made_once_and_only_its_owner_can_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let (token, is_new) = admin_token(folder.path()).unwrap();
        assert!(is_new && token.reveal().len() == 64);
        let file = folder.path().join(TOKEN_FILE);
        fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
        assert_eq!(admin_token(folder.path()).unwrap(), (token, false));
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, PRIVATE);
        // A crash may have left the file empty.
        fs::write(&file, "\n").unwrap();
        assert!(admin_token(folder.path()).unwrap().1);
        assert_eq!(stored_admin_token(&folder.path().join("nowhere")).unwrap(), None);
    }
}
