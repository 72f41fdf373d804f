//! SM2 identities (GB/T 32918.2 with SM3 and the default identifier): of chains, witnesses, providers,
//! custodians, regulators and authorities.
//!
//! Kept true: what is signed is a [`Label`] followed by the message, and no label is a prefix of another, so
//! a signature of one kind never passes as one of another kind. A [`Statement`] brings its label along; other messages, as
//! notes, are signed by [`SigningKey::sign_labelled`]. A secret key is overwritten when dropped, and
//! is not printed, compared or cloned.
//!
//! Errors: [`KeyError`] for our own key material, [`SignatureError`] for what others send. A public key or
//! signature that is not canonical (a point off the curve, `r` or `s` outside `[1, n-1]`) is refused.
//!
//! Cost: signing is one multiplication of the base point, checking a double one: some tens to a few hundred
//! microseconds. Signing is deterministic (RFC 6979 with HMAC-SM3), so a checkpoint signed again is the same.

use std::{fmt, hint::black_box};

use getrandom::{SysRng, rand_core::TryRng as _};
use nacre_schemas::{Digest, Label, Signature, Signed, SigningPublicKey, Statement};
use sm2::{
    Scalar,
    dsa::{
        self, VerifyingKey,
        signature::{MultipartSigner as _, MultipartVerifier as _},
    },
    elliptic_curve::sec1::ToSec1Point as _,
};
use zeroize::Zeroizing;

use crate::sealing;

/// The identifier that enters every signature's hash (GB/T 35276, the default when none is agreed).
pub const DEFAULT_IDENTIFIER: &str = "1234567812345678";

/// Why a secret key cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The number is not in `[1, n-2]`.
    #[error("these bytes are no SM2 secret key: it is a number from 1 to n-2")]
    OutOfRange,
    /// The operating system gave no randomness.
    #[error("the operating system gave no randomness: {0}")]
    NoRandomness(getrandom::Error),
}

/// Why a signature does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The public key is not an uncompressed point of the curve.
    #[error("the public key is not a point of the SM2 curve")]
    InvalidKey,
    /// `r` or `s` is outside `[1, n-1]`.
    #[error("the signature's r or s is out of range")]
    OutOfRange,
    /// The key did not sign these bytes under this label.
    #[error("the signature is not by this key over this message of this kind")]
    Mismatch,
}

/// An SM2 secret key. It has no `Clone`: whoever needs it twice reads it twice or shares it.
pub struct SigningKey {
    // Boxed, so that moving the key leaves no copies behind.
    key: Box<dsa::SigningKey>,
}

impl SigningKey {
    /// A fresh key from the operating system's randomness.
    pub fn generate() -> Result<Self, KeyError> {
        loop {
            let mut bytes = Zeroizing::new([0; 32]);
            SysRng.try_fill_bytes(bytes.as_mut()).map_err(KeyError::NoRandomness)?;
            // One draw in 2^32 is at or above the order and is drawn again, so that keys are uniform.
            if let Ok(key) = Self::from_bytes(&bytes) {
                return Ok(key);
            }
        }
    }

    /// The key with this number, big-endian, in `[1, n-2]`.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, KeyError> {
        let key = dsa::SigningKey::from_slice(DEFAULT_IDENTIFIER, bytes).map_err(|_| KeyError::OutOfRange)?;
        // Signing divides by 1 + d: with d = n - 1 the key exists, and can sign nothing.
        if key.as_nonzero_scalar().as_ref() + &Scalar::ONE == Scalar::ZERO {
            return Err(KeyError::OutOfRange);
        }
        Ok(Self { key: Box::new(key) })
    }

    /// The number, big-endian: for storing the key.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.key.to_bytes().into())
    }

    /// The public key.
    pub fn public(&self) -> SigningPublicKey {
        let point = self.key.verifying_key().to_sec1_point(false);
        let mut bytes = [0; SigningPublicKey::SIZE];
        bytes.copy_from_slice(point.as_bytes());
        SigningPublicKey(bytes)
    }

    /// Signs the statement.
    pub fn sign<T: Statement>(&self, statement: T) -> Signed<T> {
        let signature = self.sign_detached(&statement);
        Signed { statement, signature }
    }

    /// The signature over a statement that does not travel with it as [`Signed`].
    pub fn sign_detached<T: Statement>(&self, statement: &T) -> Signature {
        self.sign_labelled(T::LABEL, &statement.to_canonical())
    }

    /// The signature over a message that is no statement, under a label of its own.
    pub fn sign_labelled(&self, label: Label, message: &[u8]) -> Signature {
        let signature = self
            .key
            .try_multipart_sign(&[label.as_bytes(), message])
            .expect("fails only if r, r + k or s is 0 modulo n, which takes 2^254 messages to meet, as 1 + d is not 0");
        Signature(signature.to_bytes().into())
    }

    /// What was sealed to this key in this context; none if it was not. Why signing and opening with one key is sound, and
    /// what may be sealed so: [`crate::sealing`].
    pub fn open(&self, context: &Digest, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        sealing::open(*self.key.as_nonzero_scalar(), context, sealed)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey(of {})", self.public())
    }
}

impl Drop for SigningKey {
    /// `sm2`'s key does not zeroize itself nor lend its number mutably: it is overwritten with the key of the
    /// number 1, and the compiler is told that somebody looks.
    fn drop(&mut self) {
        let mut one = [0; 32];
        one[31] = 1;
        if let Ok(known) = dsa::SigningKey::from_slice(DEFAULT_IDENTIFIER, &one) {
            *self.key = known;
            black_box(&*self.key);
        }
    }
}

/// Checks that the holder of `public` signed the statement. That the statement names that holder is the caller's to check.
pub fn verify<T: Statement>(public: &SigningPublicKey, signed: &Signed<T>) -> Result<(), SignatureError> {
    verify_detached(public, &signed.statement, &signed.signature)
}

/// The same of a statement whose signature is beside it.
pub fn verify_detached<T: Statement>(
    public: &SigningPublicKey,
    statement: &T,
    signature: &Signature,
) -> Result<(), SignatureError> {
    verify_labelled(public, T::LABEL, &statement.to_canonical(), signature)
}

/// Checks that the holder of `public` signed the message under this label.
pub fn verify_labelled(
    public: &SigningPublicKey,
    label: Label,
    message: &[u8],
    signature: &Signature,
) -> Result<(), SignatureError> {
    verify_parts(public, &[label.as_bytes(), message], signature)
}

fn verify_parts(public: &SigningPublicKey, parts: &[&[u8]], signature: &Signature) -> Result<(), SignatureError> {
    let key =
        VerifyingKey::from_sec1_bytes(DEFAULT_IDENTIFIER, public.as_bytes()).map_err(|_| SignatureError::InvalidKey)?;
    let signature = dsa::Signature::from_slice(signature.as_bytes()).map_err(|_| SignatureError::OutOfRange)?;
    key.multipart_verify(parts, &signature).map_err(|_| SignatureError::Mismatch)
}

#[cfg(test)]
mod tests {
    use nacre_schemas::{Document as _, erasure::Erasure};

    use super::*;

    const LABEL: Label = Label::new("nacre test v1\n");

    const ORDER: &str = "fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123";

    fn key(number: u8) -> SigningKey {
        SigningKey::from_bytes(&[number; 32]).unwrap()
    }

    fn bytes(hex_digits: &str) -> [u8; 32] {
        hex::decode(hex_digits).unwrap().try_into().unwrap()
    }

    #[test]
    fn the_example_of_the_standard_verifies() {
        // GB/T 32918.5-2017, Annex A.2: the recommended curve, the default identifier.
        let secret = "3945208f7b2144b13f36e38ac6d39f95889393692860b51a42fb81ef4df7c5b8";
        let public = "0409f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020\
                      ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13";
        let signature = "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3\
                         b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa";
        let public: SigningPublicKey = public.parse().unwrap();
        assert_eq!(SigningKey::from_bytes(&bytes(secret)).unwrap().public(), public);
        let signature: Signature = signature.parse().unwrap();
        assert_eq!(verify_parts(&public, &[b"message digest"], &signature), Ok(()));
        assert_eq!(verify_parts(&public, &[b"message digesT"], &signature), Err(SignatureError::Mismatch));
    }

    #[test]
    fn a_signature_counts_for_its_key_label_and_message_only() {
        let signer = key(7);
        let signature = signer.sign_labelled(LABEL, b"message");
        let check = |key: &SigningKey, label, message| verify_labelled(&key.public(), label, message, &signature);
        assert_eq!(check(&signer, LABEL, b"message"), Ok(()));
        assert_eq!(check(&signer, LABEL, b"messagE"), Err(SignatureError::Mismatch));
        assert_eq!(check(&key(8), LABEL, b"message"), Err(SignatureError::Mismatch));
        assert_eq!(check(&signer, Label::new("nacre test v2\n"), b"message"), Err(SignatureError::Mismatch));
    }

    #[test]
    fn a_statement_is_signed_under_the_label_of_its_type() {
        let signer = key(7);
        let erasure = Erasure {
            chain: "region/440100".parse().unwrap(),
            record: Digest([1; 32]),
            entry: Digest([3; 32]),
            provider: "clinic".parse().unwrap(),
        };
        let signed = signer.sign(erasure.clone());
        assert_eq!(verify(&signer.public(), &signed), Ok(()));
        assert_eq!(signed.signature, signer.sign_labelled(Erasure::LABEL, &erasure.to_canonical()));
        let altered = Signed { statement: Erasure { record: Digest([2; 32]), ..erasure }, ..signed };
        assert_eq!(verify(&signer.public(), &altered), Err(SignatureError::Mismatch));
    }

    #[test]
    fn r_and_s_outside_their_range_are_refused() {
        let signer = key(7);
        let good = signer.sign_labelled(LABEL, b"message");
        for number in ["00".repeat(32), ORDER.to_owned(), "ff".repeat(32)] {
            for half in [0..32, 32..64] {
                let mut bad = good;
                bad.0[half].copy_from_slice(&bytes(&number));
                assert_eq!(verify_labelled(&signer.public(), LABEL, b"message", &bad), Err(SignatureError::OutOfRange));
            }
        }
    }

    #[test]
    fn every_flipped_bit_of_a_signature_is_noticed() {
        let signer = key(7);
        let good = signer.sign_labelled(LABEL, b"message");
        for bit in 0..512 {
            let mut bad = good;
            bad.0[bit / 8] ^= 1 << (bit % 8);
            assert!(verify_labelled(&signer.public(), LABEL, b"message", &bad).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_public_key_off_the_curve_or_in_another_form_is_refused() {
        let signer = key(7);
        let signature = signer.sign_labelled(LABEL, b"message");
        let mut off_curve = signer.public();
        off_curve.0[64] ^= 1;
        let mut compressed = signer.public();
        compressed.0[0] = 2 | (compressed.0[64] & 1);
        let mut hybrid = signer.public();
        hybrid.0[0] = 6 | (hybrid.0[64] & 1);
        for public in [off_curve, compressed, hybrid, SigningPublicKey([0; 65])] {
            assert_eq!(verify_labelled(&public, LABEL, b"message", &signature), Err(SignatureError::InvalidKey));
        }
    }

    #[test]
    fn the_numbers_0_and_n_minus_1_and_up_are_no_keys() {
        let mut bad = vec![[0; 32], bytes(ORDER), [0xff; 32]];
        let mut below = bytes(ORDER);
        below[31] -= 1;
        bad.push(below);
        for number in &bad {
            assert!(matches!(SigningKey::from_bytes(number), Err(KeyError::OutOfRange)));
        }
        below[31] -= 1;
        let largest = SigningKey::from_bytes(&below).unwrap();
        let signature = largest.sign_labelled(LABEL, b"message");
        assert_eq!(verify_labelled(&largest.public(), LABEL, b"message", &signature), Ok(()));
    }

    #[test]
    fn a_generated_key_is_kept_by_its_bytes_and_not_printed() {
        let fresh = SigningKey::generate().unwrap();
        let again = SigningKey::from_bytes(&fresh.to_bytes()).unwrap();
        assert_eq!(again.public(), fresh.public());
        assert_ne!(SigningKey::generate().unwrap().public(), fresh.public());
        assert!(!format!("{fresh:?}").contains(&hex::encode(fresh.to_bytes())));
    }
}
