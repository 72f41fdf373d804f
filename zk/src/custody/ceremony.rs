//! Distributed key generation among a jurisdiction's custodians (FROST's, RFC 9591 with Pedersen's key generation):
//! three steps, each a type that the next one consumes.
//!
//! 1. [`Committed::begin`]: each broadcasts a [`Commitment`]. 2. [`Committed::deal`]: each sends every other a
//!    [`Dealing`], in secret. 3. [`Dealt::finish`]: each has its [`KeyShare`].
//!
//! Commitments go over an authenticated broadcast (all must get the same), dealings over authenticated and
//! encrypted channels. Before a key is used, all compare [`KeyShare::keys`]; the trust root, which a threshold of
//! custodians endorses, repeats that comparison. Whoever sends last may influence which key comes out, but not know it.
//!
//! Where custodians are apart, the states wait on disk between rounds: [`Committed::to_bytes`], [`Dealt::to_bytes`].
//! Errors: [`CustodyError`], with the numbers of the guilty where they are known. Cost: t·n multiplications a custodian.

use std::collections::BTreeMap;

use frost_ristretto255::{
    Error as FrostError, Identifier,
    keys::{KeyPackage, PublicKeyPackage, SigningShare, dkg},
};
use nacre_schemas::{
    DecodeError, Digest, Point,
    canonical::{Decode as _, Decoder, Encode as _, Encoder},
    id::JurisdictionId,
};
use rand::{CryptoRng, RngCore};
use zeroize::Zeroizing;

use super::{CustodyError, GroupKeys, KeyShare, with_secret};
use crate::{
    encoding::{EncodingError, Place},
    key::KeyError,
    polynomial,
    share::{self, SecretShare},
};

/// Type tags and versions of what waits on disk.
const COMMITTED_TAG: &[u8; 5] = b"NcKc\x01";
const DEALT_TAG: &[u8; 5] = b"NcKd\x01";
/// A state's secret is shorter: 32 coefficients and as many commitments are 2 KiB.
const MAX_SECRET_BYTES: usize = 4_096;

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
        check_shared(threshold, custodians)?;
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
    fn packages_of_others<M, F>(
        &self,
        messages: &BTreeMap<u16, M>,
        package: impl Fn(&M) -> F,
    ) -> Result<BTreeMap<Identifier, F>, CustodyError> {
        let expected = |number: &u16| self.identifiers.contains_key(number) && *number != self.number;
        if let Some(number) = messages.keys().find(|number| !expected(number)) {
            return Err(CustodyError::Messages(*number));
        }
        let others = self.identifiers.iter().filter(|(number, _)| **number != self.number);
        others
            .map(|(number, identifier)| {
                let message = messages.get(number).ok_or(CustodyError::Messages(*number))?;
                Ok((*identifier, package(message)))
            })
            .collect()
    }

    fn custodians(&self) -> u16 {
        self.identifiers.len() as u16
    }

    /// A state for a secret file: whose it is, something public about it, and the secret.
    fn state(&self, tag: &[u8; 5], public: &[u8], secret: &[u8]) -> Zeroizing<Vec<u8>> {
        let mut head = Encoder::new();
        head.raw(tag);
        self.jurisdiction.encode(&mut head);
        for number in [self.number, self.threshold, self.custodians()] {
            number.encode(&mut head);
        }
        head.raw(public);
        (secret.len() as u32).encode(&mut head);
        with_secret(&head.into_bytes(), secret)
    }

    /// Reads what [`Self::state`] wrote, up to what is public about it.
    fn read(tag: &[u8; 5], what: &'static str, input: &mut Decoder<'_>) -> Result<Self, CustodyError> {
        if input.take(tag.len(), what)? != tag {
            return Err(DecodeError::WrongDocument { expected: what }.into());
        }
        let jurisdiction = JurisdictionId::decode(input)?;
        let (number, threshold) = (u16::decode(input)?, u16::decode(input)?);
        Self::new(&jurisdiction, number, threshold, u16::decode(input)?)
    }

    /// Whether FROST's part of a state is this party's.
    fn owns(&self, identifier: &Identifier, threshold: u16, custodians: u16) -> bool {
        self.identifiers.get(&self.number) == Some(identifier)
            && (self.threshold, self.custodians()) == (threshold, custodians)
    }

    fn blame(&self, step: &'static str) -> impl Fn(FrostError) -> CustodyError + use<'_> {
        move |reason| protocol_error(step, &self.identifiers, reason)
    }
}

/// A threshold that a key can be shared by.
pub(super) fn check_shared(threshold: u16, custodians: u16) -> Result<(), CustodyError> {
    share::check_threshold(threshold, custodians.into())?;
    if threshold < 2 { Err(CustodyError::Unshared(threshold)) } else { Ok(()) }
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
        let commitment =
            package.map(Self).map_err(|reason| protocol_error("reading a commitment", &BTreeMap::new(), reason))?;
        one_encoding("commitment", bytes, &commitment.to_bytes()?)?;
        Ok(commitment)
    }

    /// How many coefficients it commits to: the threshold of the polynomial.
    fn coefficients(&self) -> usize {
        // Fails on an identity alone, which no package that was read or made here holds.
        self.0.commitment().serialize().map_or(0, |coefficients| coefficients.len())
    }
}

/// FROST's decoders pass over what follows a message; one message has one encoding here.
pub(super) fn one_encoding(what: &'static str, found: &[u8], canonical: &[u8]) -> Result<(), DecodeError> {
    if found == canonical { Ok(()) } else { Err(DecodeError::invalid(what, "bytes follow the end of the message")) }
}

/// Digest of all commitments, in order.
fn digest<'a>(commitments: impl Iterator<Item = (&'a u16, &'a Commitment)>) -> Result<Digest, CustodyError> {
    let mut all = Encoder::new();
    for (number, commitment) in commitments {
        number.encode(&mut all);
        all.sized(&commitment.to_bytes()?);
    }
    Ok(Digest::of(&all.into_bytes()))
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
        let dealing =
            package.map(Self).map_err(|reason| protocol_error("reading a dealing", &BTreeMap::new(), reason))?;
        one_encoding("dealing", bytes, &dealing.to_bytes()?)?;
        Ok(dealing)
    }

    pub(super) fn new(share: SigningShare) -> Self {
        Self(dkg::round2::Package::new(share))
    }

    pub(super) fn share(&self) -> &SigningShare {
        self.0.signing_share()
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
        let threshold = party.threshold;
        let wrong = |commitment: &Commitment| commitment.coefficients() != usize::from(threshold);
        if let Some((number, commitment)) = commitments.iter().find(|(_, commitment)| wrong(commitment)) {
            let found = commitment.coefficients();
            return Err(CustodyError::Coefficients { number: *number, found, threshold });
        }
        let commitments = party.packages_of_others(commitments, Commitment::clone)?;
        let packages = frost_packages(&commitments);
        let (secret, dealt) = dkg::part2(secret, &packages).map_err(party.blame("checking the commitments"))?;
        let by_number = party.identifiers.iter().filter_map(|(number, identifier)| {
            dealt.get(identifier).map(|package| (*number, Dealing(package.clone())))
        });
        let dealings = by_number.collect();
        Ok((Dealt { party, secret, commitments }, dealings))
    }

    /// For a secret file.
    pub fn to_bytes(&self) -> Result<Zeroizing<Vec<u8>>, CustodyError> {
        let secret = self.secret.serialize().map(Zeroizing::new).map_err(self.party.blame("keeping a polynomial"))?;
        Ok(self.party.state(COMMITTED_TAG, &[], &secret))
    }

    /// From a secret file.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CustodyError> {
        let mut input = Decoder::new(bytes);
        let party = Party::read(COMMITTED_TAG, "Committed", &mut input)?;
        let secret = dkg::round1::SecretPackage::deserialize(input.sized(MAX_SECRET_BYTES, "Committed")?)
            .map_err(party.blame("reading a polynomial"))?;
        input.finish()?;
        let owns = party.owns(secret.identifier(), *secret.min_signers(), *secret.max_signers());
        if owns { Ok(Self { party, secret }) } else { Err(DecodeError::invalid("Committed", OTHERS).into()) }
    }
}

const OTHERS: &str = "it is another party's";

/// A custodian that has dealt and waits for the others' dealings. Secret; overwritten on drop.
pub struct Dealt {
    party: Party,
    secret: dkg::round2::SecretPackage,
    commitments: BTreeMap<Identifier, Commitment>,
}

impl Dealt {
    /// Takes the others' dealings, by number, and checks each against its sender's commitment.
    pub fn finish(self, dealings: &BTreeMap<u16, Dealing>) -> Result<KeyShare, CustodyError> {
        let Self { party, secret, commitments } = self;
        let dealings = party.packages_of_others(dealings, |dealing| dealing.0.clone())?;
        let packages = frost_packages(&commitments);
        let (own, all) = dkg::part3(&secret, &packages, &dealings).map_err(party.blame("checking the dealings"))?;
        key_share(&party, &own, &all)
    }

    /// For a secret file. Of the commitments it holds the digest.
    pub fn to_bytes(&self) -> Result<Zeroizing<Vec<u8>>, CustodyError> {
        let secret = self.secret.serialize().map(Zeroizing::new).map_err(self.party.blame("keeping an own share"))?;
        let digest = self.digest()?;
        Ok(self.party.state(DEALT_TAG, digest.as_bytes(), &secret))
    }

    fn digest(&self) -> Result<Digest, CustodyError> {
        let by_number = self.party.identifiers.iter();
        digest(by_number.filter_map(|(number, identifier)| Some((number, self.commitments.get(identifier)?))))
    }

    /// From a secret file, with the commitments that were dealt upon: others are refused.
    pub fn from_bytes(bytes: &[u8], commitments: &BTreeMap<u16, Commitment>) -> Result<Self, CustodyError> {
        let mut input = Decoder::new(bytes);
        let party = Party::read(DEALT_TAG, "Dealt", &mut input)?;
        let digest = Digest::decode(&mut input)?;
        let secret = dkg::round2::SecretPackage::deserialize(input.sized(MAX_SECRET_BYTES, "Dealt")?)
            .map_err(party.blame("reading an own share"))?;
        input.finish()?;
        if !party.owns(secret.identifier(), *secret.min_signers(), *secret.max_signers()) {
            return Err(DecodeError::invalid("Dealt", OTHERS).into());
        }
        let commitments = party.packages_of_others(commitments, Commitment::clone)?;
        let dealt = Self { party, secret, commitments };
        if dealt.digest()? == digest { Ok(dealt) } else { Err(CustodyError::OtherCommitments) }
    }
}

fn frost_packages(commitments: &BTreeMap<Identifier, Commitment>) -> BTreeMap<Identifier, dkg::round1::Package> {
    commitments.iter().map(|(identifier, commitment)| (*identifier, commitment.0.clone())).collect()
}

fn key_share(party: &Party, own: &KeyPackage, all: &PublicKeyPackage) -> Result<KeyShare, CustodyError> {
    let keys = group_keys(&party.jurisdiction, party.threshold, &party.identifiers, all)?;
    KeyShare::new(keys, party.number, secret_share(own.signing_share())?)
}

/// FROST's public keys by number.
pub(super) fn group_keys(
    jurisdiction: &JurisdictionId,
    threshold: u16,
    identifiers: &BTreeMap<u16, Identifier>,
    all: &PublicKeyPackage,
) -> Result<GroupKeys, CustodyError> {
    let blame = |reason| protocol_error("reading the keys", identifiers, reason);
    let mut verifying_shares = BTreeMap::new();
    for (number, identifier) in identifiers {
        let key = all.verifying_shares().get(identifier).ok_or(CustodyError::NoSuchCustodian(*number))?;
        verifying_shares.insert(*number, point(key.serialize().map_err(blame)?, "verifying share")?);
    }
    let group_key = point(all.verifying_key().serialize().map_err(blame)?, "group key")?;
    Ok(GroupKeys::new(jurisdiction.clone(), threshold, group_key, verifying_shares)?)
}

fn secret_share(share: &SigningShare) -> Result<SecretShare, EncodingError> {
    SecretShare::from_bytes(&*secret_bytes(share)?)
}

/// FROST's secret scalar as 32 bytes.
pub(super) fn secret_bytes(share: &SigningShare) -> Result<Zeroizing<[u8; 32]>, EncodingError> {
    let bytes = Zeroizing::new(share.serialize());
    let bytes: &[u8; 32] =
        bytes.as_slice().try_into().map_err(|_| EncodingError::Scalar(Place::of("the secret share")))?;
    Ok(Zeroizing::new(*bytes))
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
        if !shares.first().is_none_or(|first| first.keys() == share.keys()) {
            return Err(CustodyError::Disagreement(number));
        }
        shares.push(share);
    }
    Ok(shares)
}
