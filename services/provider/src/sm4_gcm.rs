//! SM4-GCM (RFC 8998): what the provider encrypts, at rest and in payloads.
//!
//! Kept true: nonces are 96 random bits, so one key takes at most 2^32 messages (NIST SP 800-38D, 8.3); plaintexts can be
//! padded, so that a ciphertext's length tells nothing of the value; what was opened is overwritten when dropped.
//! Cost: a few microseconds.

use aes_gcm::{
    AesGcm,
    aead::{Aead as _, KeyInit as _, Payload as Message, consts::U12},
};
use serde::Serialize;
use sm4::Sm4;
use zeroize::Zeroizing;

/// Bytes of a nonce.
pub(crate) const NONCE_BYTES: usize = 12;
/// Bytes of a tag.
pub(crate) const TAG_BYTES: usize = 16;

type Sm4Gcm = AesGcm<Sm4, U12>;

/// Why something cannot be encrypted.
#[derive(Debug, thiserror::Error)]
pub enum EncryptError {
    /// The operating system gave no randomness.
    #[error("the operating system gave no randomness: {0}")]
    NoRandomness(getrandom::Error),
    /// It cannot be written down, or is longer than the cipher takes.
    #[error("it cannot be written down")]
    Unwritable,
}

/// A fresh key.
pub(crate) fn generate() -> Result<Zeroizing<[u8; 16]>, EncryptError> {
    let mut key = Zeroizing::new([0; 16]);
    getrandom::fill(&mut key[..]).map_err(EncryptError::NoRandomness)?;
    Ok(key)
}

/// Encrypts in a context; the nonce comes first.
pub(crate) fn encrypt(key: &[u8; 16], plaintext: &[u8], context: &[u8]) -> Result<Vec<u8>, EncryptError> {
    let mut nonce = [0; NONCE_BYTES];
    getrandom::fill(&mut nonce).map_err(EncryptError::NoRandomness)?;
    encrypt_with(key, &nonce, plaintext, context)
}

fn encrypt_with(
    key: &[u8; 16],
    nonce: &[u8; NONCE_BYTES],
    plaintext: &[u8],
    context: &[u8],
) -> Result<Vec<u8>, EncryptError> {
    let message = Message { msg: plaintext, aad: context };
    let sealed = Sm4Gcm::new(key.into()).encrypt(nonce.into(), message).map_err(|_| EncryptError::Unwritable)?;
    Ok([nonce, &sealed[..]].concat())
}

/// What was encrypted in this context; none if it was not, or was changed.
pub(crate) fn decrypt(key: &[u8; 16], encrypted: &[u8], context: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, sealed) = encrypted.split_first_chunk::<NONCE_BYTES>()?;
    let message = Message { msg: sealed, aad: context };
    Sm4Gcm::new(key.into()).decrypt(nonce.into(), message).ok().map(Zeroizing::new)
}

/// The value as JSON, filled up with spaces to a multiple of so many bytes.
pub(crate) fn padded<T: Serialize>(value: &T, multiple: usize) -> Result<Zeroizing<Vec<u8>>, EncryptError> {
    // Room for all of it, so that no part is left behind in memory that was outgrown.
    let mut plaintext = Zeroizing::new(Vec::with_capacity(8 * multiple));
    serde_json::to_writer(&mut *plaintext, value).map_err(|_| EncryptError::Unwritable)?;
    let length = plaintext.len().next_multiple_of(multiple);
    plaintext.resize(length, b' ');
    Ok(plaintext)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_gives_the_vector_of_rfc_8998() {
        // RFC 8998, Appendix A.1.
        let bytes = |digits: &str| hex::decode(digits).unwrap();
        let key: [u8; 16] = bytes("0123456789abcdeffedcba9876543210").try_into().unwrap();
        let nonce: [u8; 12] = bytes("00001234567800000000abcd").try_into().unwrap();
        let context = bytes("feedfacedeadbeeffeedfacedeadbeefabaddad2");
        let plaintext = bytes(
            "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbccccccccccccccccdddddddddddddddd\
             eeeeeeeeeeeeeeeeffffffffffffffffeeeeeeeeeeeeeeeeaaaaaaaaaaaaaaaa",
        );
        let expected = "17f399f08c67d5ee19d0dc9969c4bb7d5fd46fd3756489069157b282bb200735\
                        d82710ca5c22f0ccfa7cbf93d496ac15a56834cbcf98c397b4024a2691233b8d\
                        83de3541e4c2b58177e065a9bf7b62ec";
        let encrypted = encrypt_with(&key, &nonce, &plaintext, &context).unwrap();
        assert_eq!(hex::encode(&encrypted[NONCE_BYTES..]), expected);
        assert_eq!(*decrypt(&key, &encrypted, &context).unwrap(), plaintext);
    }

    #[test]
    fn what_was_changed_does_not_open() {
        let key = generate().unwrap();
        let encrypted = encrypt(&key, b"a value", b"here").unwrap();
        assert_eq!(decrypt(&key, &encrypted, b"here").unwrap().as_slice(), b"a value");
        assert!(decrypt(&key, &encrypted, b"there").is_none());
        assert_ne!(encrypt(&key, b"a value", b"here").unwrap(), encrypted);
        for position in 0..encrypted.len() {
            let mut changed = encrypted.clone();
            changed[position] ^= 1;
            assert!(decrypt(&key, &changed, b"here").is_none(), "byte {position}");
            assert!(decrypt(&key, &encrypted[..position], b"here").is_none(), "{position} bytes");
        }
    }
}
