//! A jurisdiction's endorsement of a trust root: a threshold signature under its group key (FROST(ristretto255,
//! SHA-512), RFC 9591). Group keys sign nothing else.
//!
//! It shows that t custodians hold the key, so that no jurisdiction can have chosen its key after seeing the
//! others' and thereby own their sum.

use std::collections::BTreeMap;

use frost_ristretto255::{
    Identifier, Signature as FrostSignature, SigningPackage, VerifyingKey, aggregate,
    keys::{KeyPackage, PublicKeyPackage, SigningShare, VerifyingShare},
    round1, round2,
};
use nacre_schemas::{Point, Signature};
use rand::{CryptoRng, RngCore};

use super::{CustodyError, KeyShare, ceremony};
use crate::{
    encoding::{EncodingError, Place},
    transcript,
};

/// Signs the message with the shares of t custodians or more, all in this process.
pub fn endorse<R: RngCore + CryptoRng>(
    shares: &[&KeyShare],
    message: &[u8],
    rng: &mut R,
) -> Result<Signature, CustodyError> {
    let first = check_shares(shares)?;
    let identifiers = ceremony::identifiers(&first.jurisdiction, first.verifying_shares.keys().copied())?;
    let blame = |reason| ceremony::protocol_error("endorsing", &identifiers, reason);

    let keys = Keys::of(first, &identifiers).map_err(blame)?;
    let mut nonces = BTreeMap::new();
    let mut commitments = BTreeMap::new();
    for share in shares {
        let package = keys.package(share, &identifiers).map_err(blame)?;
        let (nonce, commitment) = round1::commit(package.signing_share(), rng);
        commitments.insert(*package.identifier(), commitment);
        nonces.insert(*package.identifier(), (package, nonce));
    }
    let signing = SigningPackage::new(commitments, &transcript::endorsement(message));
    let mut parts = BTreeMap::new();
    for (identifier, (package, nonce)) in &nonces {
        parts.insert(*identifier, round2::sign(&signing, nonce, package).map_err(blame)?);
    }
    let signature = aggregate(&signing, &parts, &keys.public).map_err(blame)?;
    let bytes = signature.serialize().map_err(blame)?;
    bytes.try_into().map(Signature).map_err(|_| blame(frost_ristretto255::Error::MalformedSignature))
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
        let same = share.jurisdiction == first.jurisdiction
            && share.group_key == first.group_key
            && share.verifying_shares == first.verifying_shares
            && share.threshold == first.threshold;
        if !same || seen.insert(share.number, ()).is_some() {
            return Err(CustodyError::OtherKey(share.number));
        }
    }
    if shares.len() < usize::from(first.threshold) {
        return Err(CustodyError::TooFew { present: shares.len(), threshold: first.threshold });
    }
    Ok(first)
}

/// A jurisdiction's public keys as FROST has them. Every number in them has an identifier, as the identifiers were
/// made from the same share, and a [`KeyShare`]'s own number is among them.
struct Keys {
    threshold: u16,
    public: PublicKeyPackage,
}

impl Keys {
    fn of(share: &KeyShare, identifiers: &BTreeMap<u16, Identifier>) -> Result<Self, frost_ristretto255::Error> {
        let mut verifying_shares = BTreeMap::new();
        for (number, key) in &share.verifying_shares {
            verifying_shares.insert(identifiers[number], VerifyingShare::deserialize(key.as_bytes())?);
        }
        let group_key = VerifyingKey::deserialize(share.group_key.as_bytes())?;
        let public = PublicKeyPackage::new(verifying_shares, group_key, Some(share.threshold));
        Ok(Self { threshold: share.threshold, public })
    }

    fn package(
        &self,
        share: &KeyShare,
        identifiers: &BTreeMap<u16, Identifier>,
    ) -> Result<KeyPackage, frost_ristretto255::Error> {
        let identifier = identifiers[&share.number];
        let secret = SigningShare::deserialize(&*share.secret.to_bytes())?;
        let verifying_share = self.public.verifying_shares()[&identifier];
        Ok(KeyPackage::new(identifier, secret, verifying_share, *self.public.verifying_key(), self.threshold))
    }
}
