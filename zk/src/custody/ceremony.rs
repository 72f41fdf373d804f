//! Distributed key generation among a jurisdiction's custodians (FROST's, RFC 9591 with Pedersen's key generation):
//! three steps, each a type that the next one consumes.
//!
//! 1. [`Committed::begin`]: each broadcasts a [`Commitment`]. 2. [`Committed::deal`]: each sends every other a
//!    [`Dealing`], in secret. 3. [`Dealt::finish`]: each has its [`KeyShare`].
//!
//! Commitments go over an authenticated broadcast (all must get the same), dealings over authenticated and
//! encrypted channels. Before a key is used, all compare [`KeyShare::verifying_shares`] and the group key; the
//! trust root, which every custodian endorses, is that comparison. Whoever sends last may influence which key comes
//! out, but not know it.

use std::collections::BTreeMap;

use frost_ristretto255::{
    Error as FrostError, Identifier,
    keys::{KeyPackage, PublicKeyPackage, dkg},
};
use nacre_schemas::{Point, id::JurisdictionId};
use rand::{CryptoRng, RngCore};
use zeroize::Zeroizing;

use super::{CustodyError, KeyShare};
use crate::{
    encoding::{EncodingError, Place},
    key::KeyError,
    polynomial,
    share::{self, SecretShare},
};

/// Who takes part: a jurisdiction's custodians 1 to n, and the threshold.
#[derive(Clone, Debug)]
pub(super) struct Party {
    jurisdiction: JurisdictionId,
    threshold: u16,
    /// Identifiers by number.
    identifiers: BTreeMap<u16, Identifier>,
    /// Whose side this is.
    number: u16,
}

impl Party {
    fn new(jurisdiction: &JurisdictionId, number: u16, threshold: u16, custodians: u16) -> Result<Self, CustodyError> {
        share::check_threshold(threshold, custodians.into())?;
        if threshold < 2 {
            return Err(CustodyError::Unshared(threshold));
        }
        if !(1..=custodians).contains(&number) {
            return Err(CustodyError::NoSuchCustodian(number));
        }
        Ok(Self {
            jurisdiction: jurisdiction.clone(),
            threshold,
            identifiers: identifiers(jurisdiction, 1..=custodians)?,
            number,
        })
    }

    /// One message from each other custodian, as FROST wants them.
    fn packages_of_others<M, F: Clone>(
        &self,
        messages: &BTreeMap<u16, M>,
        package: impl Fn(&M) -> &F,
    ) -> Result<BTreeMap<Identifier, F>, CustodyError> {
        let expected = |number: &u16| self.identifiers.contains_key(number) && *number != self.number;
        if let Some(number) = messages.keys().find(|number| !expected(number)) {
            return Err(CustodyError::Messages(*number));
        }
        let others = self.identifiers.iter().filter(|(number, _)| **number != self.number);
        others
            .map(|(number, identifier)| {
                let message = messages.get(number).ok_or(CustodyError::Messages(*number))?;
                Ok((*identifier, package(message).clone()))
            })
            .collect()
    }

    fn blame(&self, step: &'static str) -> impl Fn(FrostError) -> CustodyError + use<'_> {
        move |reason| protocol_error(step, &self.identifiers, reason)
    }
}

/// Each custodian's identifier.
pub(super) fn identifiers(
    jurisdiction: &JurisdictionId,
    numbers: impl IntoIterator<Item = u16>,
) -> Result<BTreeMap<u16, Identifier>, KeyError> {
    let identifier = |number| {
        let identifier = polynomial::identifier(jurisdiction, number).ok_or(KeyError::NoIdentifier(number))?;
        Ok((number, identifier))
    };
    numbers.into_iter().map(identifier).collect()
}

/// FROST's error with the culprits by number.
pub(super) fn protocol_error(
    step: &'static str,
    identifiers: &BTreeMap<u16, Identifier>,
    reason: FrostError,
) -> CustodyError {
    let guilty = reason.culprits();
    let culprits = identifiers.iter().filter(|(_, identifier)| guilty.contains(identifier));
    CustodyError::Protocol { step, culprits: culprits.map(|(number, _)| *number).collect(), reason }
}

/// What a custodian broadcasts: commitments to its polynomial, and a proof that it knows it.
#[derive(Clone, Debug)]
pub struct Commitment(dkg::round1::Package);

impl Commitment {
    /// For the wire.
    pub fn to_bytes(&self) -> Result<Vec<u8>, CustodyError> {
        self.0.serialize().map_err(|reason| protocol_error("writing a commitment", &BTreeMap::new(), reason))
    }

    /// From the wire.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CustodyError> {
        let package = dkg::round1::Package::deserialize(bytes);
        package.map(Self).map_err(|reason| protocol_error("reading a commitment", &BTreeMap::new(), reason))
    }
}

/// What a custodian sends one other custodian in secret: its polynomial at the other's place.
#[derive(Clone)]
pub struct Dealing(dkg::round2::Package);

impl Dealing {
    /// For an encrypted channel.
    pub fn to_bytes(&self) -> Result<Zeroizing<Vec<u8>>, CustodyError> {
        let bytes = self.0.serialize().map(Zeroizing::new);
        bytes.map_err(|reason| protocol_error("writing a dealing", &BTreeMap::new(), reason))
    }

    /// From an encrypted channel.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CustodyError> {
        let package = dkg::round2::Package::deserialize(bytes);
        package.map(Self).map_err(|reason| protocol_error("reading a dealing", &BTreeMap::new(), reason))
    }
}

impl std::fmt::Debug for Dealing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Dealing(..)")
    }
}

/// A custodian that has chosen its polynomial and waits for the others' commitments. Secret; overwritten on drop.
pub struct Committed {
    party: Party,
    secret: dkg::round1::SecretPackage,
}

impl Committed {
    /// Chooses a polynomial. The commitment goes to all others.
    pub fn begin<R: RngCore + CryptoRng>(
        jurisdiction: &JurisdictionId,
        number: u16,
        threshold: u16,
        custodians: u16,
        rng: &mut R,
    ) -> Result<(Self, Commitment), CustodyError> {
        let party = Party::new(jurisdiction, number, threshold, custodians)?;
        let (secret, package) = dkg::part1(party.identifiers[&number], custodians, threshold, rng)
            .map_err(party.blame("choosing a polynomial"))?;
        Ok((Self { party, secret }, Commitment(package)))
    }

    /// Takes the others' commitments, by number. Each dealing goes to the custodian of its number.
    pub fn deal(
        self,
        commitments: &BTreeMap<u16, Commitment>,
    ) -> Result<(Dealt, BTreeMap<u16, Dealing>), CustodyError> {
        let Self { party, secret } = self;
        let commitments = party.packages_of_others(commitments, |commitment| &commitment.0)?;
        let (secret, packages) = dkg::part2(secret, &commitments).map_err(party.blame("checking the commitments"))?;
        let by_number = party.identifiers.iter().filter_map(|(number, identifier)| {
            packages.get(identifier).map(|package| (*number, Dealing(package.clone())))
        });
        let dealings = by_number.collect();
        Ok((Dealt { party, secret, commitments }, dealings))
    }
}

/// A custodian that has dealt and waits for the others' dealings. Secret; overwritten on drop.
pub struct Dealt {
    party: Party,
    secret: dkg::round2::SecretPackage,
    commitments: BTreeMap<Identifier, dkg::round1::Package>,
}

impl Dealt {
    /// Takes the others' dealings, by number, and checks each against its sender's commitment.
    pub fn finish(self, dealings: &BTreeMap<u16, Dealing>) -> Result<KeyShare, CustodyError> {
        let Self { party, secret, commitments } = self;
        let dealings = party.packages_of_others(dealings, |dealing| &dealing.0)?;
        let (own, all) = dkg::part3(&secret, &commitments, &dealings).map_err(party.blame("checking the dealings"))?;
        key_share(&party, &own, &all)
    }
}

fn key_share(party: &Party, own: &KeyPackage, all: &PublicKeyPackage) -> Result<KeyShare, CustodyError> {
    let blame = party.blame("reading the keys");
    let mut verifying_shares = BTreeMap::new();
    for (number, identifier) in &party.identifiers {
        let key = all.verifying_shares().get(identifier).ok_or(CustodyError::NoSuchCustodian(*number))?;
        verifying_shares.insert(*number, point(key.serialize().map_err(&blame)?, "verifying share")?);
    }
    let secret = Zeroizing::new(own.signing_share().serialize());
    let secret: &[u8; 32] =
        secret.as_slice().try_into().map_err(|_| EncodingError::Scalar(Place::of("the secret share")))?;
    KeyShare {
        jurisdiction: party.jurisdiction.clone(),
        number: party.number,
        threshold: party.threshold,
        secret: SecretShare::from_bytes(secret)?,
        group_key: point(all.verifying_key().serialize().map_err(&blame)?, "group key")?,
        verifying_shares,
    }
    .checked()
}

fn point(bytes: Vec<u8>, field: &'static str) -> Result<Point, EncodingError> {
    bytes.try_into().map(Point).map_err(|_| EncodingError::Point(Place::of(field)))
}

/// All parties in one process.
pub(super) fn generate<R: RngCore + CryptoRng>(
    jurisdiction: &JurisdictionId,
    threshold: u16,
    custodians: u16,
    rng: &mut R,
) -> Result<Vec<KeyShare>, CustodyError> {
    let mut committed = BTreeMap::new();
    let mut commitments = BTreeMap::new();
    for number in 1..=custodians {
        let (state, commitment) = Committed::begin(jurisdiction, number, threshold, custodians, rng)?;
        committed.insert(number, state);
        commitments.insert(number, commitment);
    }
    let mut dealt = BTreeMap::new();
    let mut inboxes: BTreeMap<u16, BTreeMap<u16, Dealing>> = BTreeMap::new();
    for (number, state) in committed {
        let mut others = commitments.clone();
        others.remove(&number);
        let (state, dealings) = state.deal(&others)?;
        dealt.insert(number, state);
        for (to, dealing) in dealings {
            inboxes.entry(to).or_default().insert(number, dealing);
        }
    }
    let mut shares: Vec<KeyShare> = Vec::new();
    for (number, state) in dealt {
        let share = state.finish(inboxes.get(&number).unwrap_or(&BTreeMap::new()))?;
        let agrees =
            |first: &KeyShare| first.group_key == share.group_key && first.verifying_shares == share.verifying_shares;
        if !shares.first().is_none_or(agrees) {
            return Err(CustodyError::Disagreement(number));
        }
        shares.push(share);
    }
    Ok(shares)
}
