//! Group elements and scalars as bytes. Each has one encoding, and nothing else is accepted: a point is a
//! canonical ristretto255 encoding (RFC 9496), a scalar is reduced modulo ℓ.
//!
//! Cost: decoding a point takes 4 µs, a scalar next to nothing.

use curve25519_dalek::{
    ristretto::{CompressedRistretto, RistrettoPoint},
    scalar::Scalar,
    traits::IsIdentity,
};
use nacre_schemas as schemas;

/// Why bytes do not stand for the group element or scalar that is wanted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodingError {
    /// Not the canonical encoding of a ristretto255 element.
    #[error("{0} is not the canonical encoding of a group element")]
    Point(Place),
    /// Not reduced modulo ℓ.
    #[error("{0} is not a reduced scalar")]
    Scalar(Place),
    /// The identity, where it would void what is proven.
    #[error("{0} is the identity")]
    Identity(Place),
    /// A list of bands of another length than the measure's.
    #[error("{place} has {found} bands instead of {expected}")]
    BandCount {
        /// Which list.
        place: Place,
        /// Bands of the measure, or of the sum so far.
        expected: usize,
        /// Bands found.
        found: usize,
    },
    /// No band of that position.
    #[error("there is no band {0}")]
    NoSuchBand(u8),
}

/// Where in a message the bytes stand: a field, and the position if there are several (a band's, say).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The field's name.
    pub field: &'static str,
    /// Position in its list, from 0.
    pub position: Option<usize>,
}

impl Place {
    /// A field that occurs once.
    pub(crate) fn of(field: &'static str) -> Self {
        Self { field, position: None }
    }

    /// One of several.
    pub(crate) fn at(field: &'static str, position: usize) -> Self {
        Self { field, position: Some(position) }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.position {
            None => f.write_str(self.field),
            Some(position) => write!(f, "{} {position}", self.field),
        }
    }
}

/// The element that the bytes encode.
pub(crate) fn decode_point(bytes: &schemas::Point, place: Place) -> Result<RistrettoPoint, EncodingError> {
    CompressedRistretto(*bytes.as_bytes()).decompress().ok_or(EncodingError::Point(place))
}

/// The element that the bytes encode, if it is not the identity.
pub(crate) fn decode_proper_point(bytes: &schemas::Point, place: Place) -> Result<RistrettoPoint, EncodingError> {
    let point = decode_point(bytes, place)?;
    if point.is_identity() { Err(EncodingError::Identity(place)) } else { Ok(point) }
}

/// The scalar that the bytes encode.
pub(crate) fn decode_scalar(bytes: &schemas::Scalar, place: Place) -> Result<Scalar, EncodingError> {
    Option::from(Scalar::from_canonical_bytes(*bytes.as_bytes())).ok_or(EncodingError::Scalar(place))
}

/// The encoding of an element.
pub(crate) fn encode_point(point: &RistrettoPoint) -> schemas::Point {
    schemas::Point(point.compress().to_bytes())
}

/// The encoding of a scalar.
pub(crate) fn encode_scalar(scalar: &Scalar) -> schemas::Scalar {
    schemas::Scalar(scalar.to_bytes())
}
