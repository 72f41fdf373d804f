//! The spool's cipher: SM4-GCM under a key of its own, with table and ids of the row authenticated, so that a row opens in
//! its own place alone.
//!
//! Kept true: a fresh random nonce a row (at most 2^32 rows a key, NIST SP 800-38D, 8.3); plaintexts are padded, so a
//! ciphertext's length tells nothing of the value; what was opened is overwritten when dropped. Errors tell the table and
//! nothing of the row. Cost: a few microseconds.

use std::path::Path;

use aes_gcm::{
    AesGcm,
    aead::{Aead as _, KeyInit as _, Payload as Message, consts::U12},
};
use nacre_access::secret::{self, SecretError};
use nacre_schemas::Digest;
use serde::{Serialize, de::DeserializeOwned};
use sm4::Sm4;
use zeroize::Zeroizing;

use crate::outbox::OutboxError;

/// Plaintexts are filled up with spaces to a multiple of this.
const PADDING_BYTES: usize = 64;

/// The spool's cipher.
pub(super) struct Cipher(Zeroizing<[u8; 16]>);

/// Why a row cannot be encrypted.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SealRowError {
    /// The operating system gave no randomness.
    #[error("the operating system gave no randomness: {0}")]
    NoRandomness(getrandom::Error),
    /// It cannot be written down.
    #[error("a row of the spool cannot be written down")]
    Encoding,
}

impl Cipher {
    /// With the key of that file; made, if there is none and it may be.
    pub(super) fn open(path: &Path, may_be_made: bool) -> Result<Self, SecretError> {
        if may_be_made && !path.exists() {
            let mut key = Zeroizing::new([0; 16]);
            getrandom::fill(&mut key[..]).map_err(|error| SecretError::Io {
                path: path.to_owned(),
                source: std::io::Error::other(error.to_string()),
            })?;
            secret::write(path, &key[..])?;
        }
        Ok(Self(secret::read(path)?))
    }

    /// Encrypts a row.
    pub(super) fn seal<T: Serialize>(&self, table: &str, ids: &[&Digest], row: &T) -> Result<Vec<u8>, SealRowError> {
        let mut plain = Zeroizing::new(Vec::with_capacity(8 * PADDING_BYTES));
        serde_json::to_writer(&mut *plain, row).map_err(|_| SealRowError::Encoding)?;
        let length = plain.len().next_multiple_of(PADDING_BYTES);
        plain.resize(length, b' ');
        let mut nonce = [0; 12];
        getrandom::fill(&mut nonce).map_err(SealRowError::NoRandomness)?;
        let context = context(table, ids);
        let message = Message { msg: &plain, aad: &context };
        let cipher = AesGcm::<Sm4, U12>::new((&*self.0).into());
        let sealed = cipher.encrypt((&nonce).into(), message).map_err(|_| SealRowError::Encoding)?;
        Ok([&nonce[..], &sealed].concat())
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
        let (nonce, sealed) = sealed.split_first_chunk::<12>().ok_or_else(damaged)?;
        let context = context(table, ids);
        let cipher = AesGcm::<Sm4, U12>::new((&*self.0).into());
        let plain = cipher.decrypt(nonce.into(), Message { msg: sealed, aad: &context }).map_err(|_| damaged())?;
        serde_json::from_slice(&Zeroizing::new(plain)).map_err(|_| damaged())
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
