//! The public half of a jurisdiction's key.
//!
//! Kept true: a [`GroupKeys`] holds proper points only, a threshold of more than half, and verifying shares that lie on
//! one polynomial of degree t - 1 through the group key. Errors: [`KeyError`]. Cost: n interpolations of t points, once.

use std::collections::BTreeMap;

use frost_ristretto255::{
    Identifier, VerifyingKey,
    keys::{KeyPackage, PublicKeyPackage, SigningShare, VerifyingShare},
};
use nacre_schemas::{
    Point,
    ceremony::{NumberedKey, SharedKey},
    id::JurisdictionId,
    trust::Jurisdiction,
};

use super::{CustodyError, KeyShare, ceremony};
use crate::{key::KeyError, share};

/// `P_j`, `X_{j,i}` and `t_j`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupKeys {
    jurisdiction: JurisdictionId,
    threshold: u16,
    group_key: Point,
    verifying_shares: BTreeMap<u16, Point>,
}

impl GroupKeys {
    /// Takes the keys if they fit together. Verifying shares by custodians' numbers.
    pub fn new(
        jurisdiction: JurisdictionId,
        threshold: u16,
        group_key: Point,
        verifying_shares: BTreeMap<u16, Point>,
    ) -> Result<Self, KeyError> {
        let by_number: Vec<(u16, Point)> = verifying_shares.iter().map(|(number, key)| (*number, *key)).collect();
        share::check_keys(&jurisdiction, &group_key, threshold, &by_number)?;
        Ok(Self { jurisdiction, threshold, group_key, verifying_shares })
    }

    /// Those that a trust root states.
    pub fn of(jurisdiction: &Jurisdiction) -> Result<Self, KeyError> {
        share::polynomial_check(jurisdiction)?;
        let keys = jurisdiction.custodians.iter().map(|custodian| (custodian.number, custodian.verifying_share));
        Ok(Self {
            jurisdiction: jurisdiction.id.clone(),
            threshold: jurisdiction.threshold,
            group_key: jurisdiction.group_key,
            verifying_shares: keys.collect(),
        })
    }

    /// Those of the pseudonyms' key that a trust root states, if it does.
    pub fn of_pseudonyms(jurisdiction: &Jurisdiction) -> Result<Option<Self>, KeyError> {
        let Some(stated) = &jurisdiction.pseudonyms else { return Ok(None) };
        let shares: Vec<(u16, Point)> =
            stated.verifying_shares.iter().map(|share| (share.number, share.verifying_share)).collect();
        share::check_keys(&jurisdiction.id, &stated.group_key, stated.threshold, &shares)?;
        Ok(Some(Self {
            jurisdiction: jurisdiction.id.clone(),
            threshold: stated.threshold,
            group_key: stated.group_key,
            verifying_shares: shares.into_iter().collect(),
        }))
    }

    /// As messages and trust roots state them.
    pub fn stated(&self) -> SharedKey {
        let numbered = |(number, key): (&u16, &Point)| NumberedKey { number: *number, verifying_share: *key };
        SharedKey {
            group_key: self.group_key,
            threshold: self.threshold,
            verifying_shares: self.verifying_shares.iter().map(numbered).collect(),
        }
    }

    /// Whose key it is.
    pub fn jurisdiction(&self) -> &JurisdictionId {
        &self.jurisdiction
    }

    /// How many custodians it takes.
    pub fn threshold(&self) -> u16 {
        self.threshold
    }

    /// `P_j`.
    pub fn group_key(&self) -> Point {
        self.group_key
    }

    /// `X_{j,i}` of every custodian, by number.
    pub fn verifying_shares(&self) -> &BTreeMap<u16, Point> {
        &self.verifying_shares
    }

    /// Each custodian's identifier.
    pub(super) fn identifiers(&self) -> Result<BTreeMap<u16, Identifier>, KeyError> {
        ceremony::identifiers(&self.jurisdiction, self.verifying_shares.keys().copied())
    }

    /// As FROST has them.
    pub(super) fn frost(&self) -> Result<PublicKeyPackage, CustodyError> {
        let identifiers = self.identifiers()?;
        let wrong = |reason| ceremony::protocol_error("reading the keys", &identifiers, reason);
        let mut verifying_shares = BTreeMap::new();
        for (number, key) in &self.verifying_shares {
            let key = VerifyingShare::deserialize(key.as_bytes()).map_err(wrong)?;
            verifying_shares.insert(identifiers[number], key);
        }
        let group_key = VerifyingKey::deserialize(self.group_key.as_bytes()).map_err(wrong)?;
        Ok(PublicKeyPackage::new(verifying_shares, group_key, Some(self.threshold)))
    }
}

impl KeyShare {
    /// As FROST has it.
    pub(super) fn frost(&self) -> Result<KeyPackage, CustodyError> {
        let public = self.keys.frost()?;
        let identifiers = self.keys.identifiers()?;
        let secret = SigningShare::deserialize(&*self.secret.to_bytes())
            .map_err(|reason| ceremony::protocol_error("reading the keys", &identifiers, reason))?;
        let identifier = *identifiers.get(&self.number).ok_or(CustodyError::NoSuchCustodian(self.number))?;
        let own = public.verifying_shares().get(&identifier).ok_or(CustodyError::NoSuchCustodian(self.number))?;
        Ok(KeyPackage::new(identifier, secret, *own, *public.verifying_key(), self.keys.threshold))
    }
}
