//! Dealings under way: encrypted with SM2 (GB/T 32918.4, C1C3C2) to a key that its receiver made for this ceremony.
//!
//! Why SM2's own scheme: a kept library has it, and it is the national standard. Why a key for the ceremony, and not the
//! receiver's signing key: the files may lie about for years, and whoever gets hold of the signing keys later would read
//! t dealings of each and have the jurisdiction's key; the ceremony's decryption keys are destroyed when it is finished.
//! The scheme has no associated data, so ceremony, sender and receiver are encrypted with the dealing, under its hash.
//!
//! Cost: two multiplications a dealing.

use getrandom::SysRng;
use nacre_schemas::{Digest, SigningPublicKey};
use sm2::{
    SecretKey,
    elliptic_curve::{Generate as _, sec1::ToSec1Point as _},
    pke::{DecryptingKey, EncryptingKey, Mode},
};
use zeroize::Zeroizing;

/// The secret half of a ceremony's encryption key. Overwritten on drop.
pub(super) struct DecryptionKey(SecretKey);

impl DecryptionKey {
    /// A fresh one. None if the operating system gives no randomness.
    pub(super) fn generate() -> Option<Self> {
        SecretKey::try_generate_from_rng(&mut SysRng).ok().map(Self)
    }

    pub(super) fn from_bytes(bytes: &[u8; 32]) -> Option<Self> {
        SecretKey::from_slice(bytes).ok().map(Self)
    }

    pub(super) fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes().into())
    }

    pub(super) fn public(&self) -> SigningPublicKey {
        let point = self.0.public_key().to_sec1_point(false);
        let mut bytes = [0; SigningPublicKey::SIZE];
        bytes.copy_from_slice(point.as_bytes());
        SigningPublicKey(bytes)
    }

    /// What was sealed in this context; none if it was not.
    pub(super) fn open(&self, context: &Digest, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let key = DecryptingKey::new_with_mode(self.0.to_nonzero_scalar(), Mode::C1C3C2);
        let plain = Zeroizing::new(key.decrypt(sealed).ok()?);
        let dealing = plain.strip_prefix(context.as_bytes())?;
        Some(Zeroizing::new(dealing.to_vec()))
    }
}

/// Seals a dealing in a context. None if the key is no point of the curve.
pub(super) fn seal(to: &SigningPublicKey, context: &Digest, dealing: &[u8]) -> Option<Vec<u8>> {
    let key = EncryptingKey::from_sec1_bytes(to.as_bytes()).ok()?;
    let mut plain = Zeroizing::new(Vec::with_capacity(Digest::SIZE + dealing.len()));
    plain.extend_from_slice(context.as_bytes());
    plain.extend_from_slice(dealing);
    key.encrypt(&mut SysRng, &plain).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dealing_opens_for_its_receiver_in_its_context_alone() {
        let (key, other) = (DecryptionKey::generate().unwrap(), DecryptionKey::generate().unwrap());
        let (here, elsewhere) = (Digest::of(b"here"), Digest::of(b"elsewhere"));
        let sealed = seal(&key.public(), &here, b"a share").unwrap();
        let again = DecryptionKey::from_bytes(&key.to_bytes()).unwrap();
        assert_eq!(again.open(&here, &sealed).unwrap().as_slice(), b"a share");
        assert!(key.open(&elsewhere, &sealed).is_none() && other.open(&here, &sealed).is_none());
        for position in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[position] ^= 1;
            assert!(key.open(&here, &changed).is_none(), "byte {position}");
        }
        for length in 0..sealed.len() {
            assert!(key.open(&here, &sealed[..length]).is_none(), "{length} bytes");
        }
    }

    #[test]
    fn nothing_is_sealed_to_what_is_no_key() {
        for bytes in [[0; 65], [4; 65]] {
            assert!(seal(&SigningPublicKey(bytes), &Digest::of(b""), b"a share").is_none());
        }
    }
}
