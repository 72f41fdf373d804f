//! SM2 identities (GB/T 32918.2 with SM3 and the default identifier): of chains, witnesses, providers,
//! custodians, regulators and authorities.
//!
//! Kept true: what is signed is a role label followed by the message, and no label is a prefix of another, so
//! a signature of one kind never passes as one of another kind; a secret key is overwritten when dropped, and
//! is not printed, compared or cloned.
//!
//! Errors: [`KeyError`] for our own key material, [`SignatureError`] for what others send. A public key or
//! signature that is not canonical (a point off the curve, `r` or `s` outside `[1, n-1]`) is refused.
//!
//! Cost: signing is one multiplication of the base point, checking a double one: some tens to a few hundred
//! microseconds. Signing is deterministic (RFC 6979 with HMAC-SM3), so a checkpoint signed again is the same.

use std::{fmt, hint::black_box};

use getrandom::{SysRng, rand_core::TryRng as _};
use nacre_schemas::{Digest, Signature, SigningPublicKey};
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

/// What a signed message is. Every kind of message that is ever signed with SM2 has its label here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// A chain's checkpoint, by the chain.
    Checkpoint,
    /// A witness's word that a checkpoint extends the last it countersigned.
    Cosignature,
    /// A batch of contributions, by its provider.
    Batch,
    /// An admission, by the authority of a jurisdiction.
    Membership,
    /// A request, by its regulator.
    Request,
    /// A chain's word on the sums of a request's groups.
    GroupSums,
    /// A custodian's answer.
    Answer,
    /// A custodian's refusal.
    Refusal,
    /// A custodian's word on the sums of a chain of its own jurisdiction.
    Confirmation,
    /// A custodian's preview.
    Preview,
    /// A custodian's part of pseudonyms.
    Evaluation,
    /// A provider's order to erase a record.
    Erasure,
    /// A dispute over a record, by its claimant.
    Dispute,
    /// A message of a key ceremony, by the custodian that sends it.
    Ceremony,
    /// A request of the cross lane, by its regulator.
    CrossRequest,
    /// A chain's word on what it hands to evaluators.
    CrossManifest,
    /// An evaluator's word that it computed a result.
    CrossConfirmation,
    /// A custodian's answer in the cross lane.
    CrossAnswer,
    /// Leave to read a record, by its provider.
    Grant,
    /// A grant's revocation, by its provider.
    Revocation,
    /// A granted record's reading, by the grantee.
    Access,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 21] = [
        Self::Checkpoint,
        Self::Cosignature,
        Self::Batch,
        Self::Membership,
        Self::Request,
        Self::GroupSums,
        Self::Answer,
        Self::Refusal,
        Self::Confirmation,
        Self::Preview,
        Self::Evaluation,
        Self::Erasure,
        Self::Dispute,
        Self::Ceremony,
        Self::CrossRequest,
        Self::CrossManifest,
        Self::CrossConfirmation,
        Self::CrossAnswer,
        Self::Grant,
        Self::Revocation,
        Self::Access,
    ];

    /// What the signed bytes start with. No label is a prefix of another, as each ends with its only line end.
    pub fn label(self) -> &'static str {
        match self {
            Self::Checkpoint => "nacre checkpoint v1\n",
            Self::Cosignature => "nacre cosignature v1\n",
            Self::Batch => "nacre batch v1\n",
            Self::Membership => "nacre membership v1\n",
            Self::Request => "nacre request v1\n",
            Self::GroupSums => "nacre group sums v1\n",
            Self::Answer => "nacre answer v1\n",
            Self::Refusal => "nacre refusal v1\n",
            Self::Confirmation => "nacre confirmation v1\n",
            Self::Preview => "nacre preview v1\n",
            Self::Evaluation => "nacre evaluation v1\n",
            Self::Erasure => "nacre erasure v1\n",
            Self::Dispute => "nacre dispute v1\n",
            Self::Ceremony => "nacre ceremony v1\n",
            Self::CrossRequest => "nacre cross request v1\n",
            Self::CrossManifest => "nacre cross manifest v1\n",
            Self::CrossConfirmation => "nacre cross confirmation v1\n",
            Self::CrossAnswer => "nacre cross answer v1\n",
            Self::Grant => "nacre grant v1\n",
            Self::Revocation => "nacre revocation v1\n",
            Self::Access => "nacre access v1\n",
        }
    }
}

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
    /// The key did not sign these bytes in this role.
    #[error("the signature is not by this key over this message in this role")]
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

    /// Signs the message in this role.
    pub fn sign(&self, role: Role, message: &[u8]) -> Signature {
        let signature = self
            .key
            .try_multipart_sign(&[role.label().as_bytes(), message])
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

/// Checks that the holder of `public` signed the message in this role.
pub fn verify(
    public: &SigningPublicKey,
    role: Role,
    message: &[u8],
    signature: &Signature,
) -> Result<(), SignatureError> {
    verify_parts(public, &[role.label().as_bytes(), message], signature)
}

fn verify_parts(public: &SigningPublicKey, parts: &[&[u8]], signature: &Signature) -> Result<(), SignatureError> {
    let key =
        VerifyingKey::from_sec1_bytes(DEFAULT_IDENTIFIER, public.as_bytes()).map_err(|_| SignatureError::InvalidKey)?;
    let signature = dsa::Signature::from_slice(signature.as_bytes()).map_err(|_| SignatureError::OutOfRange)?;
    key.multipart_verify(parts, &signature).map_err(|_| SignatureError::Mismatch)
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn no_label_is_a_prefix_of_another_and_each_ends_its_line() {
        for (position, role) in Role::ALL.into_iter().enumerate() {
            let label = role.label();
            assert!(label.is_ascii() && label.find('\n') == Some(label.len() - 1), "{label:?}");
            for other in &Role::ALL[position + 1..] {
                assert!(!label.starts_with(other.label()) && !other.label().starts_with(label), "{label:?}");
            }
        }
    }

    #[test]
    fn a_signature_counts_for_its_key_role_and_message_only() {
        let signer = key(7);
        for role in Role::ALL {
            let signature = signer.sign(role, b"message");
            assert_eq!(verify(&signer.public(), role, b"message", &signature), Ok(()));
            assert_eq!(verify(&signer.public(), role, b"messagE", &signature), Err(SignatureError::Mismatch));
            assert_eq!(verify(&key(8).public(), role, b"message", &signature), Err(SignatureError::Mismatch));
            for other in Role::ALL.into_iter().filter(|other| *other != role) {
                assert_eq!(verify(&signer.public(), other, b"message", &signature), Err(SignatureError::Mismatch));
            }
        }
    }

    #[test]
    fn r_and_s_outside_their_range_are_refused() {
        let signer = key(7);
        let good = signer.sign(Role::Batch, b"message");
        for number in ["00".repeat(32), ORDER.to_owned(), "ff".repeat(32)] {
            for half in [0..32, 32..64] {
                let mut bad = good;
                bad.0[half].copy_from_slice(&bytes(&number));
                assert_eq!(verify(&signer.public(), Role::Batch, b"message", &bad), Err(SignatureError::OutOfRange));
            }
        }
    }

    #[test]
    fn every_flipped_bit_of_a_signature_is_noticed() {
        let signer = key(7);
        let good = signer.sign(Role::Batch, b"message");
        for bit in 0..512 {
            let mut bad = good;
            bad.0[bit / 8] ^= 1 << (bit % 8);
            assert!(verify(&signer.public(), Role::Batch, b"message", &bad).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_public_key_off_the_curve_or_in_another_form_is_refused() {
        let signer = key(7);
        let signature = signer.sign(Role::Batch, b"message");
        let mut off_curve = signer.public();
        off_curve.0[64] ^= 1;
        let mut compressed = signer.public();
        compressed.0[0] = 2 | (compressed.0[64] & 1);
        let mut hybrid = signer.public();
        hybrid.0[0] = 6 | (hybrid.0[64] & 1);
        for public in [off_curve, compressed, hybrid, SigningPublicKey([0; 65])] {
            assert_eq!(verify(&public, Role::Batch, b"message", &signature), Err(SignatureError::InvalidKey));
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
        let signature = largest.sign(Role::Answer, b"message");
        assert_eq!(verify(&largest.public(), Role::Answer, b"message", &signature), Ok(()));
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
