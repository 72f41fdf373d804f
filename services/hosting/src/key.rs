//! The files of keys, read and compared with what others know their holder by.
//!
//! Kept true: a role does not start with a key that nobody knows it by, since its signatures would count for nothing. Errors
//! name the file and both public keys, by [`fingerprint`], as `nacre trust show` prints them; nothing of a secret is in one.
//!
//! Errors: [`KeyFileError`]. Cost: one multiplication on the curve.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use nacre_ledger::signing::SigningKey;
use nacre_schemas::{Digest, SigningPublicKey};

use crate::{
    secret::{self, SecretError},
    tls::TlsError,
};

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The certificate to show to servers, or the CA that is trusted.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// It holds no such key.
    #[error("{} holds no {what}: {reason}", .path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
        /// Which kind of key was expected.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// It holds another key.
    #[error("{} holds the {what} {found}, and {whose} is known by {expected}", .path.display())]
    OtherKey {
        /// The file.
        path: PathBuf,
        /// Which kind of key it is.
        what: &'static str,
        /// The key's holder.
        whose: String,
        /// Fingerprint of the public key that the holder is known by.
        expected: String,
        /// Fingerprint of the public key that belongs to the file's.
        found: String,
    },
}

/// A kind of key, in a file.
#[derive(Clone, Copy, Debug)]
pub struct KeyFile<'a> {
    /// The file.
    pub path: &'a Path,
    /// The kind, as an error has it: `signing key`.
    pub what: &'static str,
}

impl KeyFile<'_> {
    /// That the file does not hold such a key.
    pub fn malformed(&self, reason: impl fmt::Display) -> KeyFileError {
        KeyFileError::NoKey { path: self.path.to_owned(), what: self.what, reason: reason.to_string() }
    }

    /// Compares the public key that belongs to the file's with the one that its holder is known by.
    pub fn check(&self, found: &[u8], expected: &[u8], whose: impl fmt::Display) -> Result<(), KeyFileError> {
        if found == expected {
            return Ok(());
        }
        Err(KeyFileError::OtherKey {
            path: self.path.to_owned(),
            what: self.what,
            whose: whose.to_string(),
            expected: fingerprint(expected),
            found: fingerprint(found),
        })
    }
}

/// Reads a signing key.
pub fn read_signing(path: &Path) -> Result<SigningKey, KeyFileError> {
    let bytes = secret::read::<32>(path)?;
    SigningKey::from_bytes(&bytes).map_err(|error| signing(path).malformed(error))
}

/// Reads the signing key that its holder is known by.
pub fn read_signing_of(
    path: &Path,
    expected: &SigningPublicKey,
    whose: impl fmt::Display,
) -> Result<SigningKey, KeyFileError> {
    let key = read_signing(path)?;
    check_signing(path, &key, expected, whose)?;
    Ok(key)
}

/// Compares a signing key that was read with one that its holder is known by.
pub fn check_signing(
    path: &Path,
    key: &SigningKey,
    expected: &SigningPublicKey,
    whose: impl fmt::Display,
) -> Result<(), KeyFileError> {
    signing(path).check(key.public().as_bytes(), expected.as_bytes(), whose)
}

/// 16 digits of a public key's digest, in groups, for people to compare.
pub fn fingerprint(key: &[u8]) -> String {
    let digits = Digest::of(key).to_string();
    let groups: Vec<&str> = (0..4).map(|group| &digits[4 * group..4 * group + 4]).collect();
    groups.join(" ")
}

fn signing(path: &Path) -> KeyFile<'_> {
    KeyFile { path, what: "signing key" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_signing_key_is_refused_with_its_file_its_holder_and_both_keys() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("signing.hex");
        let (own, other) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap().public());
        secret::write(&path, &*own.to_bytes()).unwrap();
        assert_eq!(read_signing_of(&path, &own.public(), "evaluator-macao").unwrap().public(), own.public());
        let error = read_signing_of(&path, &other, "evaluator-macao").map(drop).unwrap_err().to_string();
        let keys = [own.public(), other].map(|key| fingerprint(key.as_bytes()));
        for part in [path.display().to_string().as_str(), "signing key", "evaluator-macao", &keys[0], &keys[1]] {
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn a_file_without_a_signing_key_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("signing.hex");
        secret::write(&path, &[0; 32]).unwrap();
        let error = read_signing(&path).map(drop).unwrap_err();
        assert!(matches!(error, KeyFileError::NoKey { .. }));
        assert!(error.to_string().contains("signing.hex"), "{error}");
        assert!(!error.to_string().contains("0000"), "{error}");
    }
}
