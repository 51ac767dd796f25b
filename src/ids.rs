//! The ids that cross module borders. Each is a type of its own, so that one cannot be passed for another.
//!
//! An id carries no meaning beyond identity: nothing here may read a file or the queue. Who makes them:
//! [`JobId`] and [`KeyId`] in [`crate::jobs`], [`BlobId`] in [`crate::blobs`], [`Attempt`] in [`crate::queue`].

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A job: 128 random bits, so that knowing one id does not help to guess another. Written as 32 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct JobId(#[serde(with = "uuid::serde::simple")] Uuid);

impl JobId {
    /// A new id out of the operating system's random numbers.
    #[must_use]
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }

    /// The id as a number, for use as a key.
    #[must_use]
    pub fn as_u128(self) -> u128 {
        self.0.as_u128()
    }

    /// The id that [`JobId::as_u128`] gave this number for.
    #[must_use]
    pub fn from_u128(number: u128) -> Self {
        Self(Uuid::from_u128(number))
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.simple().fmt(f)
    }
}

impl FromStr for JobId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        // The uuid crate also takes hyphens, braces and URNs; one job has one address here.
        if text.len() != 32 {
            return Err(InvalidId);
        }
        Uuid::try_parse(text).map(Self).map_err(|_| InvalidId)
    }
}

/// An API key, as its owner and lists name it: 64 random bits, written as 16 hex digits. It is no secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct KeyId(u64);

impl KeyId {
    /// A new id out of the operating system's random numbers.
    #[must_use]
    pub fn random() -> Self {
        Self(Uuid::new_v4().as_u64_pair().1)
    }

    /// The id as a number, for use as a key.
    #[must_use]
    pub fn as_u64(self) -> u64 {
        self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for KeyId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let is_id = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        u64::from_str_radix(text, 16).ok().filter(|_| is_id).map(Self).ok_or(InvalidId)
    }
}

impl TryFrom<String> for KeyId {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<KeyId> for String {
    fn from(id: KeyId) -> Self {
        id.to_string()
    }
}

/// Bytes by their content: a BLAKE3 hash, written as 64 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BlobId(blake3::Hash);

impl From<blake3::Hash> for BlobId {
    fn from(hash: blake3::Hash) -> Self {
        Self(hash)
    }
}

impl From<BlobId> for String {
    fn from(id: BlobId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for BlobId {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        blake3::Hash::from_hex(text).map(Self).map_err(|_| InvalidId)
    }
}

impl fmt::Display for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_hex())
    }
}

/// Which claim of a job this is. It rises at every claim and never falls, which makes it the fencing
/// token: whoever holds an older one has lost the job.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Attempt(pub u32);

impl Attempt {
    /// The attempt after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// A text that is not an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a valid id")]
pub struct InvalidId;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_id_has_exactly_one_spelling_length() {
        let id = JobId::random();
        assert_eq!(id.to_string().parse(), Ok(id));
        let hyphened = Uuid::from_u128(id.as_u128()).hyphenated().to_string();
        assert_eq!(hyphened.parse::<JobId>(), Err(InvalidId));
        assert_eq!("../../../../etc/passwd0000000000".parse::<JobId>(), Err(InvalidId));
    }

    #[test]
    fn ids_are_plain_hex_in_json() {
        let job = JobId::from_u128(0xab);
        assert_eq!(serde_json::to_string(&job).unwrap(), "\"000000000000000000000000000000ab\"");
        let blob = BlobId::from(blake3::hash(b"x"));
        let json = serde_json::to_string(&blob).unwrap();
        assert_eq!(json.len(), 66);
        assert_eq!(serde_json::from_str::<BlobId>(&json).unwrap(), blob);
    }
}
