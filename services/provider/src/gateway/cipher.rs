//! The spool's cipher: SM4-GCM under a key of its own, with table and ids of the row authenticated, so that a row opens in
//! its own place alone.
//!
//! Kept true: at most 2^32 rows a key ([`crate::sm4_gcm`]); rows are padded, so their length tells nothing of the value.
//! Errors tell the table and nothing of the row. Cost: a few microseconds.

use std::path::Path;

use nacre_hosting::secret::{self, SecretError};
use nacre_schemas::Digest;
use serde::{Serialize, de::DeserializeOwned};
use zeroize::Zeroizing;

use crate::{
    outbox::OutboxError,
    sm4_gcm::{self, EncryptError},
};

/// Plaintexts are filled up with spaces to a multiple of this.
const PADDING_BYTES: usize = 64;

/// The spool's cipher.
pub(super) struct Cipher(Zeroizing<[u8; 16]>);

impl Cipher {
    /// With the key of that file; made, if there is none and it may be.
    pub(super) fn open(path: &Path, may_be_made: bool) -> Result<Self, SecretError> {
        if may_be_made && !path.exists() {
            let key = sm4_gcm::generate().map_err(|error| SecretError::Io {
                path: path.to_owned(),
                source: std::io::Error::other(error.to_string()),
            })?;
            secret::write(path, &key[..])?;
        }
        Ok(Self(secret::read(path)?))
    }

    /// Encrypts a row.
    pub(super) fn seal<T: Serialize>(&self, table: &str, ids: &[&Digest], row: &T) -> Result<Vec<u8>, EncryptError> {
        sm4_gcm::encrypt(&self.0, &sm4_gcm::padded(row, PADDING_BYTES)?, &context(table, ids))
    }

    /// Decrypts a row.
    pub(super) fn open_row<T: DeserializeOwned>(
        &self,
        table: &str,
        ids: &[&Digest],
        sealed: &[u8],
    ) -> Result<T, OutboxError> {
        let damaged = || {
            OutboxError::Damaged(format!("a row of the spool's table {table} does not open: another key, or damaged"))
        };
        let plain = sm4_gcm::decrypt(&self.0, sealed, &context(table, ids)).ok_or_else(damaged)?;
        serde_json::from_slice(&plain).map_err(|_| damaged())
    }
}

fn context(table: &str, ids: &[&Digest]) -> Vec<u8> {
    let mut context = format!("nacre provider spool v1\n{table}\n").into_bytes();
    ids.iter().for_each(|id| context.extend_from_slice(&id.0));
    context
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cipher(byte: u8) -> Cipher {
        Cipher(Zeroizing::new([byte; 16]))
    }

    #[test]
    fn a_row_opens_under_its_key_in_its_place_alone() {
        let (one, other) = (Digest([1; 32]), Digest([2; 32]));
        let sealed = cipher(1).seal("reading", &[&one, &other], &"a value").unwrap();
        let open = |cipher: &Cipher, table: &str, ids: &[&Digest], sealed: &[u8]| {
            cipher.open_row::<String>(table, ids, sealed).ok()
        };
        assert_eq!(open(&cipher(1), "reading", &[&one, &other], &sealed).as_deref(), Some("a value"));
        assert_eq!(open(&cipher(2), "reading", &[&one, &other], &sealed), None);
        assert_eq!(open(&cipher(1), "person", &[&one, &other], &sealed), None);
        assert_eq!(open(&cipher(1), "reading", &[&other, &one], &sealed), None);
        for position in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[position] ^= 1;
            assert_eq!(open(&cipher(1), "reading", &[&one, &other], &changed), None, "{position}");
        }
        assert_eq!(open(&cipher(1), "reading", &[&one, &other], &sealed[..5]), None);
    }

    #[test]
    fn short_rows_have_one_length() {
        let lengths = ["1", "a longer value"].map(|row| cipher(1).seal("reading", &[], &row).unwrap().len());
        assert_eq!(lengths[0], lengths[1]);
    }
}
