//! Resharing: the same key among other custodians, or under another threshold (Desmedt and Jajodia 1997, with Feldman's
//! commitments; proactive in the sense of Herzberg, Jarecki, Krawczyk and Yung 1995).
//!
//! Dealers are t or more of the old custodians. 1. [`Dealer::begin`]: each broadcasts a [`Commitment`] to a fresh
//! polynomial through λ·x, its share weighted by Lagrange's coefficient for these dealers. 2. [`Dealer::deal`]: each sends
//! every new custodian its [`Dealing`], in secret. 3. [`Resharing::receive`]: each new custodian has its [`KeyShare`].
//!
//! Kept true: `P_j` stays, as each commitment is checked to open with `λ·X` of its dealer; whoever deals anything else is
//! named. The new polynomial is fresh but for its value at 0: old shares and new ones do not combine, and t - 1 old
//! shares with t' - 1 new ones tell nothing of the key. **t old shares still are the key**: whoever leaves or is replaced
//! destroys its own, and a resharing after t thefts comes too late.
//!
//! A lost custodian takes no part; its number may go to a new one, whose share is another. Why not FROST's own repair: that
//! restores the *lost share*, which whoever found the lost disk then has too. Why not its refresh: that takes all old
//! custodians, and keeps t and n.
//!
//! Errors: [`CustodyError`], with the number of the guilty. Cost: t'·n' multiplications a dealer, t'·n' for a receiver
//! and each dealer.

use std::collections::{BTreeMap, BTreeSet};

use curve25519_dalek::{ristretto::RistrettoPoint, scalar::Scalar, traits::Identity as _};
use frost_ristretto255::{
    Error as FrostError, Identifier, SigningKey,
    keys::{IdentifierList, PublicKeyPackage, SecretShare as FrostShare, VerifiableSecretSharingCommitment, split},
};
use nacre_schemas::{
    DecodeError, Point,
    canonical::{Decode as _, Decoder, Encode as _, Encoder},
    limits,
};
use rand::{CryptoRng, RngCore};
use zeroize::Zeroizing;

use super::{
    CustodyError, GroupKeys, KeyShare,
    ceremony::{self, Dealing},
    with_secret,
};
use crate::{
    encoding::{EncodingError, Place, decode_point, decode_proper_point, decode_scalar, encode_point},
    key::KeyError,
    polynomial,
    share::SecretShare,
};

const DEALER_TAG: &[u8; 5] = b"NcKr\x01";
const DEALER: &str = "Dealer";

/// What is agreed before: the key, who deals, and how it is to be shared afterwards.
#[derive(Clone, Debug)]
pub struct Resharing {
    previous: GroupKeys,
    /// λ by dealer's number.
    weights: BTreeMap<u16, Scalar>,
    threshold: u16,
    /// Of the new custodians, 1 to n', by number.
    identifiers: BTreeMap<u16, Identifier>,
}

/// Commitments to the coefficients of a dealer's polynomial, as many as the new threshold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commitment(VerifiableSecretSharingCommitment);

impl Commitment {
    /// For the wire.
    pub fn to_bytes(&self) -> Result<Vec<u8>, CustodyError> {
        self.0.serialize_whole().map_err(|reason| unread("writing a commitment", reason))
    }

    /// From the wire.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CustodyError> {
        let commitment = VerifiableSecretSharingCommitment::deserialize_whole(bytes)
            .map_err(|reason| unread("reading a commitment", reason))?;
        let commitment = Self(commitment);
        ceremony::one_encoding("commitment", bytes, &commitment.to_bytes()?)?;
        Ok(commitment)
    }

    fn points(&self) -> Result<Vec<RistrettoPoint>, CustodyError> {
        let place = Place::of("a commitment's coefficient");
        let coefficients = self.0.serialize().map_err(|reason| unread("reading a commitment", reason))?;
        let point = |bytes: Vec<u8>| {
            let bytes = bytes.try_into().map_err(|_| EncodingError::Point(place))?;
            Ok(decode_point(&Point(bytes), place)?)
        };
        coefficients.into_iter().map(point).collect()
    }
}

fn unread(step: &'static str, reason: FrostError) -> CustodyError {
    ceremony::protocol_error(step, &BTreeMap::new(), reason)
}

impl Resharing {
    /// Old keys, the numbers of the dealers (t of the old custodians at least), the new threshold and number of custodians.
    pub fn new(
        previous: GroupKeys,
        dealers: &BTreeSet<u16>,
        threshold: u16,
        custodians: u16,
    ) -> Result<Self, CustodyError> {
        ceremony::check_shared(threshold, custodians)?;
        if let Some(number) = dealers.iter().find(|number| !previous.verifying_shares().contains_key(number)) {
            return Err(CustodyError::NoSuchCustodian(*number));
        }
        if dealers.len() < usize::from(previous.threshold()) {
            return Err(CustodyError::TooFew { present: dealers.len(), threshold: previous.threshold() });
        }
        let place =
            |number: &u16| polynomial::place(previous.jurisdiction(), *number).ok_or(KeyError::NoIdentifier(*number));
        let places: Vec<Scalar> = dealers.iter().map(place).collect::<Result<_, _>>()?;
        let weights = polynomial::coefficients(&places, &Scalar::ZERO);
        let identifiers = ceremony::identifiers(previous.jurisdiction(), 1..=custodians)?;
        let weights = dealers.iter().copied().zip(weights).collect();
        Ok(Self { previous, weights, threshold, identifiers })
    }

    /// The keys as they are before.
    pub fn previous(&self) -> &GroupKeys {
        &self.previous
    }

    /// The new public keys, from one commitment of each dealer, each checked. `P_j` is the old one: the constant terms are
    /// `λ·X`, and add up to what the old shares interpolate to at 0.
    pub fn keys(&self, commitments: &BTreeMap<u16, Commitment>) -> Result<GroupKeys, CustodyError> {
        self.one_of_each_dealer(commitments)?;
        let mut sum = vec![RistrettoPoint::identity(); usize::from(self.threshold)];
        for (number, commitment) in commitments {
            for (total, point) in sum.iter_mut().zip(self.check(*number, commitment)?) {
                *total += point;
            }
        }
        let bytes = sum.iter().map(|point| encode_point(point).0);
        let all = VerifiableSecretSharingCommitment::deserialize(bytes)
            .and_then(|sum| PublicKeyPackage::from_commitment(&self.identifiers.values().copied().collect(), &sum))
            .map_err(|reason| ceremony::protocol_error("adding up the commitments", &self.identifiers, reason))?;
        ceremony::group_keys(self.previous.jurisdiction(), self.threshold, &self.identifiers, &all)
    }

    /// The dealer's commitment opens with `λ·X`, and has the right number of coefficients.
    fn check(&self, number: u16, commitment: &Commitment) -> Result<Vec<RistrettoPoint>, CustodyError> {
        let points = commitment.points()?;
        if points.len() != usize::from(self.threshold) {
            return Err(CustodyError::Coefficients { number, found: points.len(), threshold: self.threshold });
        }
        let missing = || CustodyError::NoSuchCustodian(number);
        let weight = self.weights.get(&number).ok_or_else(missing)?;
        let share = self.previous.verifying_shares().get(&number).ok_or_else(missing)?;
        let expected = weight * decode_proper_point(share, Place::of("verifying share"))?;
        if points[0] == expected { Ok(points) } else { Err(CustodyError::NotItsShare(number)) }
    }

    fn one_of_each_dealer<M>(&self, messages: &BTreeMap<u16, M>) -> Result<(), CustodyError> {
        let odd = messages.keys().find(|number| !self.weights.contains_key(number));
        let missing = self.weights.keys().find(|number| !messages.contains_key(number));
        odd.or(missing).map_or(Ok(()), |number| Err(CustodyError::Messages(*number)))
    }

    /// The new share of custodian `number`, from a commitment and a dealing of each dealer. Each dealing is checked
    /// against its dealer's commitment.
    pub fn receive(
        &self,
        number: u16,
        commitments: &BTreeMap<u16, Commitment>,
        dealings: &BTreeMap<u16, Dealing>,
    ) -> Result<KeyShare, CustodyError> {
        let keys = self.keys(commitments)?;
        self.one_of_each_dealer(dealings)?;
        let own = *self.identifiers.get(&number).ok_or(CustodyError::NoSuchCustodian(number))?;
        let mut sum = Zeroizing::new(Scalar::ZERO);
        for (dealer, dealing) in dealings {
            let commitment = commitments.get(dealer).ok_or(CustodyError::Messages(*dealer))?;
            let wrong =
                |reason| CustodyError::Protocol { step: "checking the dealings", culprits: vec![*dealer], reason };
            FrostShare::new(own, *dealing.share(), commitment.0.clone()).verify().map_err(wrong)?;
            let part = ceremony::secret_bytes(dealing.share())?;
            *sum += decode_scalar(&nacre_schemas::Scalar(*part), Place::of("a dealing"))?;
        }
        let secret = Zeroizing::new(sum.to_bytes());
        KeyShare::new(keys, number, SecretShare::from_bytes(&secret)?)
    }
}

/// An old custodian that has chosen its polynomial and waits for the other dealers' commitments. Secret; overwritten on
/// drop.
pub struct Dealer {
    number: u16,
    dealings: BTreeMap<u16, Dealing>,
}

impl Dealer {
    /// Chooses a polynomial through λ·x. The commitment goes to all others.
    pub fn begin<R: RngCore + CryptoRng>(
        resharing: &Resharing,
        share: &KeyShare,
        rng: &mut R,
    ) -> Result<(Self, Commitment), CustodyError> {
        let number = share.number();
        if *share.keys() != resharing.previous {
            return Err(CustodyError::OtherKey(number));
        }
        let weight = resharing.weights.get(&number).ok_or(CustodyError::NoSuchCustodian(number))?;
        let bytes = nacre_schemas::Scalar(*share.secret().to_bytes());
        let weighted = Zeroizing::new(weight * decode_scalar(&bytes, Place::of("the secret share"))?);
        let identifiers: Vec<Identifier> = resharing.identifiers.values().copied().collect();
        let blame = |reason| ceremony::protocol_error("choosing a polynomial", &resharing.identifiers, reason);
        let key = SigningKey::deserialize(weighted.as_bytes()).map_err(blame)?;
        let custodians = identifiers.len() as u16;
        let (shares, _) =
            split(&key, custodians, resharing.threshold, IdentifierList::Custom(&identifiers), rng).map_err(blame)?;
        let mut dealings = BTreeMap::new();
        let mut commitment = None;
        for (receiver, identifier) in &resharing.identifiers {
            let dealt = shares.get(identifier).ok_or(CustodyError::NoSuchCustodian(*receiver))?;
            dealings.insert(*receiver, Dealing::new(*dealt.signing_share()));
            commitment = Some(Commitment(dealt.commitment().clone()));
        }
        let commitment = commitment.ok_or(CustodyError::Unshared(0))?;
        Ok((Self { number, dealings }, commitment))
    }

    /// Takes the commitments of all dealers, its own included, by number. Each dealing goes to the new custodian of its
    /// number, this one among them if it stays.
    pub fn deal(
        self,
        resharing: &Resharing,
        commitments: &BTreeMap<u16, Commitment>,
    ) -> Result<BTreeMap<u16, Dealing>, CustodyError> {
        resharing.keys(commitments)?;
        Ok(self.dealings)
    }

    /// For a secret file.
    pub fn to_bytes(&self) -> Result<Zeroizing<Vec<u8>>, CustodyError> {
        let mut head = Encoder::new();
        head.raw(DEALER_TAG);
        self.number.encode(&mut head);
        (self.dealings.len() as u16).encode(&mut head);
        let mut secret = Zeroizing::new(Vec::with_capacity(32 * self.dealings.len()));
        for dealing in self.dealings.values() {
            secret.extend_from_slice(&*ceremony::secret_bytes(dealing.share())?);
        }
        Ok(with_secret(&head.into_bytes(), &secret))
    }

    /// From a secret file.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CustodyError> {
        let mut input = Decoder::new(bytes);
        if input.take(DEALER_TAG.len(), DEALER)? != DEALER_TAG {
            return Err(DecodeError::WrongDocument { expected: DEALER }.into());
        }
        let number = u16::decode(&mut input)?;
        let count = u16::decode(&mut input)?;
        if usize::from(count) > limits::MAX_CUSTODIANS {
            return Err(KeyError::TooManyCustodians(count.into()).into());
        }
        let mut dealings = BTreeMap::new();
        for receiver in 1..=count {
            let share = frost_ristretto255::keys::SigningShare::deserialize(input.take(32, DEALER)?)
                .map_err(|reason| unread("reading dealings", reason))?;
            dealings.insert(receiver, Dealing::new(share));
        }
        input.finish()?;
        Ok(Self { number, dealings })
    }

    /// Its number among the old custodians.
    pub fn number(&self) -> u16 {
        self.number
    }
}

#[cfg(test)]
mod tests;
