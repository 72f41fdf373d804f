//! Small secrets for one receiver: encrypted with SM2 (GB/T 32918.4, C1C3C2) in a context.
//!
//! Kept true: what is sealed opens for its receiver, unchanged, in its context alone. The scheme authenticates what it
//! encrypts, but has no associated data, so the context's digest is encrypted with it. Why SM2's own scheme: a kept library
//! has it, and it is the national standard. Opening tells nothing of why it failed.
//!
//! *Signing keys open, too*: what a member is sent is sealed to the key it was admitted with. ECIES and ECDSA, and ECIES and
//! EC-Schnorr, under one key were shown jointly secure (Degabriele, Lehmann, Paterson, Smart, Strefler: On the Joint Security of
//! Encryption and Signature in EMV, CT-RSA 2012); SM2's two schemes are close relatives of these, for which we know of
//! no proof. Deployments that must have two certificates (GM/T 0034) would admit a second key. What is to stay secret
//! though the signing key is found years later gets a [`DecryptionKey`] of its own, which is destroyed in time.
//!
//! Cost: two multiplications.

use getrandom::SysRng;
use nacre_schemas::{Digest, SigningPublicKey};
use sm2::{
    NonZeroScalar, SecretKey,
    elliptic_curve::{Generate as _, sec1::ToSec1Point as _},
    pke::{DecryptingKey, EncryptingKey, Mode},
};
use zeroize::Zeroizing;

/// A secret key that does nothing but open. Overwritten on drop.
pub struct DecryptionKey(SecretKey);

impl DecryptionKey {
    /// A fresh one. None if the operating system gives no randomness.
    pub fn generate() -> Option<Self> {
        SecretKey::try_generate_from_rng(&mut SysRng).ok().map(Self)
    }

    /// The key with this number, big-endian; none if there is none.
    pub fn from_bytes(bytes: &[u8; 32]) -> Option<Self> {
        SecretKey::from_slice(bytes).ok().map(Self)
    }

    /// The number, big-endian: for storing the key.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes().into())
    }

    /// What is sealed to.
    pub fn public(&self) -> SigningPublicKey {
        let point = self.0.public_key().to_sec1_point(false);
        let mut bytes = [0; SigningPublicKey::SIZE];
        bytes.copy_from_slice(point.as_bytes());
        SigningPublicKey(bytes)
    }

    /// What was sealed in this context; none if it was not.
    pub fn open(&self, context: &Digest, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        open(self.0.to_nonzero_scalar(), context, sealed)
    }
}

pub(crate) fn open(secret: NonZeroScalar, context: &Digest, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let plain = Zeroizing::new(DecryptingKey::new_with_mode(secret, Mode::C1C3C2).decrypt(sealed).ok()?);
    let content = plain.strip_prefix(context.as_bytes())?;
    Some(Zeroizing::new(content.to_vec()))
}

/// Seals in a context. None if the key is no point of the curve, or the operating system gives no randomness.
pub fn seal(to: &SigningPublicKey, context: &Digest, content: &[u8]) -> Option<Vec<u8>> {
    let key = EncryptingKey::from_sec1_bytes(to.as_bytes()).ok()?;
    let mut plain = Zeroizing::new(Vec::with_capacity(Digest::SIZE + content.len()));
    plain.extend_from_slice(context.as_bytes());
    plain.extend_from_slice(content);
    key.encrypt(&mut SysRng, &plain).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signing::SigningKey;

    #[test]
    fn what_is_sealed_opens_for_its_receiver_in_its_context_alone() {
        let (key, other) = (DecryptionKey::generate().unwrap(), DecryptionKey::generate().unwrap());
        let (here, elsewhere) = (Digest::of(b"here"), Digest::of(b"elsewhere"));
        let sealed = seal(&key.public(), &here, b"a share").unwrap();
        let signing = SigningKey::from_bytes(&[7; 32]).unwrap();
        let to_signer = seal(&signing.public(), &here, b"a share").unwrap();
        assert_eq!(signing.open(&here, &to_signer).unwrap().as_slice(), b"a share");
        assert!(signing.open(&elsewhere, &to_signer).is_none() && signing.open(&here, &sealed).is_none());
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
    fn the_example_of_the_standard_opens() {
        // GB/T 32918.5-2017, C.2 (the recommended curve), the message being "encryption standard".
        let number = "3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8";
        let sealed = [
            "04",
            "04ebfc718e8d1798620432268e77feb6415e2ede0e073c0f4f640ecd2e149a73",
            "e858f9d81e5430a57b36daab8f950a3c64e6ee6a63094d99283aff767e124df0",
            "59983c18f809e262923c53aec295d30383b54e39d609d160afcb1908d0bd8766",
            "21886ca989ca9c7d58087307ca93092d651efa",
        ];
        let key = SecretKey::from_slice(&hex::decode(number).unwrap()).unwrap();
        let key = DecryptingKey::new_with_mode(key.to_nonzero_scalar(), Mode::C1C3C2);
        assert_eq!(key.decrypt(&hex::decode(sealed.concat()).unwrap()).unwrap(), b"encryption standard");
    }

    #[test]
    fn nothing_is_sealed_to_what_is_no_key() {
        for bytes in [[0; 65], [4; 65]] {
            assert!(seal(&SigningPublicKey(bytes), &Digest::of(b""), b"a share").is_none());
        }
    }
}
