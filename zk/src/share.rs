//! Decryption shares: a custodian's `S = x·D_Σ` with a proof that x is the one behind its `X = x·B`, and their
//! combination. Nobody ever holds the key itself.
//!
//! The proof (Chaum and Pedersen 1993) is bound to the request and the custodian, so a share given for one request
//! is worth nothing in another, and whoever spoils a sum is named. Cost: 0.1 ms to answer, 0.1 ms to verify.

use std::collections::{BTreeMap, BTreeSet};

use curve25519_dalek::{ristretto::RistrettoPoint, scalar::Scalar, traits::Identity};
use nacre_schemas::{
    Digest, Point,
    answer::{CustodianId, Share},
    id::JurisdictionId,
    limits,
    trust::Jurisdiction,
};
use rand::{CryptoRng, RngCore};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::{
    elgamal::{MessagePoint, times_base},
    encoding::{EncodingError, Place, decode_point, decode_proper_point, decode_scalar, encode_point, encode_scalar},
    equality,
    key::KeyError,
    polynomial,
    transcript::{self, ShareContext},
};

/// Why a share is not given, not accepted, or not combined.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShareError {
    /// A point or scalar is not well-formed, or the identity.
    #[error(transparent)]
    Encoding(#[from] EncodingError),
    /// A custodian's share is not well-formed.
    #[error("the share of {custodian}: {source}")]
    Malformed {
        /// Whose.
        custodian: CustodianId,
        /// What is wrong with it.
        source: EncodingError,
    },
    /// The share is not this custodian's for this request.
    #[error("the proof of the share of {0} does not hold")]
    Proof(CustodianId),
    /// Two shares of one custodian.
    #[error("{0} is there twice")]
    Duplicate(CustodianId),
    /// Shares of different sums.
    #[error("the share of {0} is of another sum than the first")]
    OtherSum(CustodianId),
    /// A custodian has no place on the polynomial: its name hashes to 0.
    #[error("{0} hashes to no identifier")]
    NoIdentifier(CustodianId),
    /// Nothing to combine.
    #[error("there are no shares")]
    NoShares,
}

/// A custodian's share `x_{j,i}` of its jurisdiction's key.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SecretShare(Scalar);

impl SecretShare {
    /// From 32 bytes, little-endian and reduced. Zero, the share of nobody, is refused.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, EncodingError> {
        let place = Place::of("the secret share");
        let scalar = decode_scalar(&nacre_schemas::Scalar(*bytes), place)?;
        if scalar == Scalar::ZERO { Err(EncodingError::Identity(place)) } else { Ok(Self(scalar)) }
    }

    /// As 32 bytes.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }

    /// x.
    pub(crate) fn scalar(&self) -> &Scalar {
        &self.0
    }

    /// `X = x·B`.
    pub fn verifying_share(&self) -> Point {
        encode_point(&times_base(&self.0))
    }
}

impl std::fmt::Debug for SecretShare {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretShare(..)")
    }
}

/// The custodian's share of a sum, with its proof. Whether the request may be answered is decided before.
/// The sum's `D_Σ` must not be the identity. Constant time in the secret.
pub fn answer<R: RngCore + CryptoRng>(
    secret: &SecretShare,
    request: &Digest,
    custodian: &CustodianId,
    key: &Point,
    rng: &mut R,
) -> Result<Share, ShareError> {
    let x = &secret.0;
    let d = decode_proper_point(key, Place::of("the sum's key"))?;
    let share = encode_point(&(x * d));
    let verifying_share = secret.verifying_share();
    let context = ShareContext { request, custodian, verifying_share: &verifying_share, key, share: &share };
    let proof = equality::prove(&mut transcript::share(&context), x, &d, rng);
    Ok(Share { key: *key, share, challenge: encode_scalar(&proof.challenge), response: encode_scalar(&proof.response) })
}

/// Whether the share is this custodian's, by its verifying share `X`, for this request. That `share.key` is the
/// sum that was asked about is the caller's to compare.
pub fn verify(
    share: &Share,
    request: &Digest,
    custodian: &CustodianId,
    verifying_share: &Point,
) -> Result<(), ShareError> {
    let big_x = decode_proper_point(verifying_share, Place::of("the verifying share"))?;
    let malformed = |source| ShareError::Malformed { custodian: custodian.clone(), source };
    let d = decode_proper_point(&share.key, Place::of("D")).map_err(malformed)?;
    let s = decode_proper_point(&share.share, Place::of("S")).map_err(malformed)?;
    let c = decode_scalar(&share.challenge, Place::of("the challenge")).map_err(malformed)?;
    let z = decode_scalar(&share.response, Place::of("the response")).map_err(malformed)?;

    let context = ShareContext { request, custodian, verifying_share, key: &share.key, share: &share.share };
    let proof = equality::Proof { challenge: c, response: z };
    let holds = proof.vartime_holds(&mut transcript::share(&context), &big_x, &d, &s);
    if holds { Ok(()) } else { Err(ShareError::Proof(custodian.clone())) }
}

/// `C_Σ - Σ_j Σ_i λ_i·S_{j,i}`, the λ interpolating at 0 over the custodians present of each jurisdiction.
///
/// It is `m·V` if the shares verify, every jurisdiction is there, and each with its threshold at least: the caller
/// checks that. Two shares of one custodian, or shares of different sums, are refused.
pub fn combine(commitment: &Point, shares: &[(CustodianId, Share)]) -> Result<MessagePoint, ShareError> {
    let (_, first) = shares.first().ok_or(ShareError::NoShares)?;
    let mut seen = BTreeSet::new();
    let mut by_jurisdiction: BTreeMap<&JurisdictionId, (Vec<Scalar>, Vec<RistrettoPoint>)> = BTreeMap::new();
    for (custodian, share) in shares {
        if !seen.insert(custodian) {
            return Err(ShareError::Duplicate(custodian.clone()));
        }
        if share.key != first.key {
            return Err(ShareError::OtherSum(custodian.clone()));
        }
        let place = polynomial::place(&custodian.jurisdiction, custodian.number)
            .ok_or_else(|| ShareError::NoIdentifier(custodian.clone()))?;
        let point = decode_proper_point(&share.share, Place::of("S"))
            .map_err(|source| ShareError::Malformed { custodian: custodian.clone(), source })?;
        let (places, points) = by_jurisdiction.entry(&custodian.jurisdiction).or_default();
        places.push(place);
        points.push(point);
    }
    let mask = by_jurisdiction.values().fold(RistrettoPoint::identity(), |sum, (places, points)| {
        sum + polynomial::vartime_interpolate(places, points, &Scalar::ZERO)
    });
    Ok(MessagePoint(decode_point(commitment, Place::of("the sum's commitment"))? - mask))
}

/// Whether a jurisdiction's public keys fit together: proper points, a threshold of more than half, and all
/// `X_{j,i}` on one polynomial of degree t - 1 through `P_j`. Were they not, some t custodians could open nothing; were
/// the degree lower, fewer than t could open everything, whatever the trust root says.
pub fn polynomial_check(jurisdiction: &Jurisdiction) -> Result<(), KeyError> {
    let keys: Vec<(u16, Point)> =
        jurisdiction.custodians.iter().map(|custodian| (custodian.number, custodian.verifying_share)).collect();
    check_keys(&jurisdiction.id, &jurisdiction.group_key, jurisdiction.threshold, &keys)
}

/// The same over verifying shares by number.
pub(crate) fn check_keys(
    jurisdiction: &JurisdictionId,
    group_key: &Point,
    threshold: u16,
    verifying_shares: &[(u16, Point)],
) -> Result<(), KeyError> {
    let custodians = verifying_shares.len();
    check_threshold(threshold, custodians)?;
    // f(0) = P_j comes first; it and the first t - 1 shares determine the polynomial.
    let mut places = vec![Scalar::ZERO];
    let mut points = vec![decode_proper_point(group_key, Place::of("group key"))?];
    let mut previous = 0;
    for (number, verifying_share) in verifying_shares {
        if *number <= previous {
            return Err(KeyError::Number(*number));
        }
        previous = *number;
        let point = decode_proper_point(verifying_share, Place::of("verifying share"))
            .map_err(|source| KeyError::VerifyingShare { number: *number, source })?;
        places.push(polynomial::place(jurisdiction, *number).ok_or(KeyError::NoIdentifier(*number))?);
        points.push(point);
    }
    let t = usize::from(threshold);
    for (position, (number, _)) in verifying_shares.iter().enumerate().skip(t - 1) {
        let expected = polynomial::vartime_interpolate(&places[..t], &points[..t], &places[position + 1]);
        if expected != points[position + 1] {
            return Err(KeyError::NotOnPolynomial(*number));
        }
    }
    // An honest polynomial has a leading coefficient of 0 with probability 2^-252.
    if polynomial::vartime_interpolate(&places[..t - 1], &points[..t - 1], &places[t - 1]) == points[t - 1] {
        return Err(KeyError::LowerThreshold(threshold));
    }
    Ok(())
}

/// More than half, and no more than there are.
pub(crate) fn check_threshold(threshold: u16, custodians: usize) -> Result<(), KeyError> {
    if custodians > limits::MAX_CUSTODIANS {
        return Err(KeyError::TooManyCustodians(custodians));
    }
    let t = usize::from(threshold);
    if 2 * t <= custodians || t > custodians {
        return Err(KeyError::Threshold { threshold, custodians });
    }
    Ok(())
}
