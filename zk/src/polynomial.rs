//! The polynomials of threshold sharing, seen from outside: a jurisdiction's secret is f(0), custodian i holds
//! f(x_i) where x_i is hashed from its name, and any t of them interpolate.

use curve25519_dalek::{ristretto::RistrettoPoint, scalar::Scalar, traits::VartimeMultiscalarMul};
use frost_ristretto255::Identifier;
use nacre_schemas::id::JurisdictionId;

use crate::transcript;

/// The custodian's place on its jurisdiction's polynomial, as FROST names it. None if its name hashes to 0, which
/// happens with probability 2^-252.
pub(crate) fn identifier(jurisdiction: &JurisdictionId, number: u16) -> Option<Identifier> {
    Identifier::derive(&transcript::custodian(jurisdiction, number)).ok()
}

/// The same place as a scalar.
pub(crate) fn place(jurisdiction: &JurisdictionId, number: u16) -> Option<Scalar> {
    let bytes: [u8; 32] = identifier(jurisdiction, number)?.serialize().try_into().ok()?;
    Scalar::from_canonical_bytes(bytes).into()
}

/// Lagrange's coefficients: `f(at) = Σ λ_i·f(places_i)` for every f of lower degree than there are places. The
/// places are distinct.
pub(crate) fn coefficients(places: &[Scalar], at: &Scalar) -> Vec<Scalar> {
    let coefficient = |(i, place): (usize, &Scalar)| {
        let others = places.iter().enumerate().filter(|(k, _)| *k != i).map(|(_, other)| other);
        let (numerator, denominator) = others.fold((Scalar::ONE, Scalar::ONE), |(numerator, denominator), other| {
            (numerator * (at - other), denominator * (place - other))
        });
        numerator * denominator.invert()
    };
    places.iter().enumerate().map(coefficient).collect()
}

/// `f(at)·B` from `f(places_i)·B`. Variable time.
pub(crate) fn vartime_interpolate(places: &[Scalar], points: &[RistrettoPoint], at: &Scalar) -> RistrettoPoint {
    RistrettoPoint::vartime_multiscalar_mul(coefficients(places, at), points)
}
