//! A jurisdiction's endorsement of a trust root: a threshold signature under its group key (FROST(ristretto255,
//! SHA-512), RFC 9591). Group keys sign nothing else.
//!
//! It shows that t custodians hold the key, so that no jurisdiction can have chosen its key after seeing the
//! others' and thereby own their sum.
//!
//! Two rounds where custodians are apart: [`Nonces::commit`], everyone gets the [`NonceCommitment`]s of those who will
//! sign, [`Nonces::sign`], and anyone puts the [`SignatureShare`]s together with [`aggregate`], which names whoever sent
//! a wrong one. Kept true: a nonce is used once. [`Nonces::sign`] consumes it; where it waits in a file, the file goes
//! before the signature share leaves, since two shares under one nonce give the secret share away.

use std::{collections::BTreeMap, fmt};

use frost_ristretto255::{Identifier, Signature as FrostSignature, SigningPackage, VerifyingKey, round1, round2};
use nacre_schemas::{Point, Signature};
use rand::{CryptoRng, RngCore};
use zeroize::Zeroizing;

use super::{CustodyError, GroupKeys, KeyShare, ceremony};
use crate::{
    encoding::{EncodingError, Place},
    transcript,
};

/// What a custodian keeps between the rounds. Secret; overwritten on drop.
pub struct Nonces(round1::SigningNonces);

/// What a custodian sends in the first round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NonceCommitment(round1::SigningCommitments);

/// What a custodian sends in the second round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureShare(round2::SignatureShare);

impl Nonces {
    /// Draws nonces. They are bound to no message yet.
    pub fn commit<R: RngCore + CryptoRng>(
        share: &KeyShare,
        rng: &mut R,
    ) -> Result<(Self, NonceCommitment), CustodyError> {
        let package = share.frost()?;
        let (nonces, commitment) = round1::commit(package.signing_share(), rng);
        Ok((Self(nonces), NonceCommitment(commitment)))
    }

    /// The custodian's part of the signature of `message`, among those whose commitments are given, by number, its own
    /// included.
    pub fn sign(
        self,
        share: &KeyShare,
        message: &[u8],
        commitments: &BTreeMap<u16, NonceCommitment>,
    ) -> Result<SignatureShare, CustodyError> {
        let identifiers = share.keys().identifiers()?;
        let signing = signing_package(share.keys(), &identifiers, message, commitments)?;
        let signed = round2::sign(&signing, &self.0, &share.frost()?);
        signed.map(SignatureShare).map_err(|reason| ceremony::protocol_error("endorsing", &identifiers, reason))
    }

    /// For a secret file.
    pub fn to_bytes(&self) -> Result<Zeroizing<Vec<u8>>, CustodyError> {
        self.0.serialize().map(Zeroizing::new).map_err(unread("keeping nonces"))
    }

    /// From a secret file.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CustodyError> {
        round1::SigningNonces::deserialize(bytes).map(Self).map_err(unread("reading nonces"))
    }
}

impl fmt::Debug for Nonces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nonces(..)")
    }
}

impl NonceCommitment {
    /// For the wire.
    pub fn to_bytes(&self) -> Result<Vec<u8>, CustodyError> {
        self.0.serialize().map_err(unread("writing a nonce's commitment"))
    }

    /// From the wire.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CustodyError> {
        let commitment =
            round1::SigningCommitments::deserialize(bytes).map_err(unread("reading a nonce's commitment"))?;
        let commitment = Self(commitment);
        ceremony::one_encoding("nonce commitment", bytes, &commitment.to_bytes()?)?;
        Ok(commitment)
    }
}

impl SignatureShare {
    /// For the wire: a scalar, 32 bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.serialize()
    }

    /// From the wire.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CustodyError> {
        round2::SignatureShare::deserialize(bytes).map(Self).map_err(unread("reading a signature share"))
    }
}

fn unread(step: &'static str) -> impl Fn(frost_ristretto255::Error) -> CustodyError {
    move |reason| ceremony::protocol_error(step, &BTreeMap::new(), reason)
}

/// The signature, from the shares of all who committed. If it does not hold, names the first whose share is wrong.
pub fn aggregate(
    keys: &GroupKeys,
    message: &[u8],
    commitments: &BTreeMap<u16, NonceCommitment>,
    shares: &BTreeMap<u16, SignatureShare>,
) -> Result<Signature, CustodyError> {
    let identifiers = keys.identifiers()?;
    let blame = |reason| ceremony::protocol_error("endorsing", &identifiers, reason);
    let signing = signing_package(keys, &identifiers, message, commitments)?;
    let mut parts = BTreeMap::new();
    for number in commitments.keys() {
        let share = shares.get(number).ok_or(CustodyError::Messages(*number))?;
        parts.insert(identifiers[number], share.0);
    }
    let signature = frost_ristretto255::aggregate(&signing, &parts, &keys.frost()?).map_err(blame)?;
    let bytes = signature.serialize().map_err(blame)?;
    bytes.try_into().map(Signature).map_err(|_| blame(frost_ristretto255::Error::MalformedSignature))
}

/// What FROST signs. Every number in the commitments then has an identifier.
fn signing_package(
    keys: &GroupKeys,
    identifiers: &BTreeMap<u16, Identifier>,
    message: &[u8],
    commitments: &BTreeMap<u16, NonceCommitment>,
) -> Result<SigningPackage, CustodyError> {
    if commitments.len() < usize::from(keys.threshold()) {
        return Err(CustodyError::TooFew { present: commitments.len(), threshold: keys.threshold() });
    }
    let mut by_identifier = BTreeMap::new();
    for (number, commitment) in commitments {
        let identifier = identifiers.get(number).ok_or(CustodyError::NoSuchCustodian(*number))?;
        by_identifier.insert(*identifier, commitment.0);
    }
    Ok(SigningPackage::new(by_identifier, &transcript::endorsement(message)))
}

/// Signs the message with the shares of t custodians or more, all in this process.
pub fn endorse<R: RngCore + CryptoRng>(
    shares: &[&KeyShare],
    message: &[u8],
    rng: &mut R,
) -> Result<Signature, CustodyError> {
    let first = check_shares(shares)?;
    let mut nonces = Vec::new();
    let mut commitments = BTreeMap::new();
    for share in shares {
        let (nonce, commitment) = Nonces::commit(share, rng)?;
        commitments.insert(share.number(), commitment);
        nonces.push((share, nonce));
    }
    let mut parts = BTreeMap::new();
    for (share, nonce) in nonces {
        parts.insert(share.number(), nonce.sign(share, message, &commitments)?);
    }
    aggregate(first.keys(), message, &commitments, &parts)
}

/// Whether the signature is the group key's for the message.
pub fn verify_endorsement(group_key: &Point, message: &[u8], signature: &Signature) -> Result<(), CustodyError> {
    let key =
        VerifyingKey::deserialize(group_key.as_bytes()).map_err(|_| EncodingError::Point(Place::of("group key")))?;
    let signature = FrostSignature::deserialize(signature.as_bytes()).map_err(|_| CustodyError::Endorsement)?;
    key.verify(&transcript::endorsement(message), &signature).map_err(|_| CustodyError::Endorsement)
}

/// The shares are of one key, of different custodians, and enough. Gives the first.
fn check_shares<'a>(shares: &[&'a KeyShare]) -> Result<&'a KeyShare, CustodyError> {
    let first = *shares.first().ok_or(CustodyError::TooFew { present: 0, threshold: 2 })?;
    let mut seen = BTreeMap::new();
    for share in shares {
        if share.keys() != first.keys() || seen.insert(share.number(), ()).is_some() {
            return Err(CustodyError::OtherKey(share.number()));
        }
    }
    if shares.len() < usize::from(first.threshold()) {
        return Err(CustodyError::TooFew { present: shares.len(), threshold: first.threshold() });
    }
    Ok(first)
}
