//! Sums of encoded points: cells over contributions, groups over cells, requests over chains. Encryption is
//! additive, so the sum of ciphertexts is a ciphertext of the sum.
//!
//! A sum may be the identity: that is what no contribution at all adds up to. Sums are kept decoded while they
//! grow. Cost: 4 µs a point to decode, 0.2 µs to add.

use curve25519_dalek::{ristretto::RistrettoPoint, traits::Identity};
use nacre_schemas::{
    Point,
    contribution::{Commitments, EphemeralKeys},
    query::Quantity,
};

pub use crate::encoding::EncodingError;
use crate::encoding::{Place, decode_point, encode_point};

/// The sum of one side of ciphertexts, decoded.
#[derive(Clone)]
struct Sums {
    value: RistrettoPoint,
    square: RistrettoPoint,
    bands: Vec<RistrettoPoint>,
}

impl Sums {
    fn new(bands: usize) -> Self {
        let identity = RistrettoPoint::identity();
        Self { value: identity, square: identity, bands: vec![identity; bands] }
    }

    /// Adds all or nothing.
    fn add(&mut self, value: &Point, square: &Point, bands: &[Point]) -> Result<(), EncodingError> {
        let (expected, found) = (self.bands.len(), bands.len());
        if found != expected {
            return Err(EncodingError::BandCount { place: Place::of("the addend"), expected, found });
        }
        let value = decode_point(value, Place::of("the value"))?;
        let square = decode_point(square, Place::of("the square"))?;
        let decode = |(position, band)| decode_point(band, Place::at("band", position));
        let bands = bands.iter().enumerate().map(decode).collect::<Result<Vec<_>, _>>()?;
        self.value += value;
        self.square += square;
        for (sum, band) in self.bands.iter_mut().zip(bands) {
            *sum += band;
        }
        Ok(())
    }

    fn band_encodings(&self) -> Vec<Point> {
        self.bands.iter().map(encode_point).collect()
    }
}

/// A growing sum of C's.
#[derive(Clone)]
pub struct CommitmentSums(Sums);

impl CommitmentSums {
    /// The empty sum, for a measure of so many bands.
    pub fn new(bands: usize) -> Self {
        Self(Sums::new(bands))
    }

    /// Adds all commitments, or none if one is not well-formed.
    pub fn add(&mut self, commitments: &Commitments) -> Result<(), EncodingError> {
        self.0.add(&commitments.value, &commitments.square, &commitments.bands)
    }

    /// The sum so far.
    pub fn finish(&self) -> Commitments {
        let Self(sums) = self;
        Commitments {
            value: encode_point(&sums.value),
            square: encode_point(&sums.square),
            bands: sums.band_encodings(),
        }
    }
}

/// A growing sum of D's.
#[derive(Clone)]
pub struct KeySums(Sums);

impl KeySums {
    /// The empty sum, for a measure of so many bands.
    pub fn new(bands: usize) -> Self {
        Self(Sums::new(bands))
    }

    /// Adds all keys, or none if one is not well-formed.
    pub fn add(&mut self, keys: &EphemeralKeys) -> Result<(), EncodingError> {
        self.0.add(&keys.value, &keys.square, &keys.bands)
    }

    /// The sum so far.
    pub fn finish(&self) -> EphemeralKeys {
        let Self(sums) = self;
        EphemeralKeys {
            value: encode_point(&sums.value),
            square: encode_point(&sums.square),
            bands: sums.band_encodings(),
        }
    }
}

/// The C of a quantity. The count is the sum over the bands, as each contribution sets exactly one.
pub fn commitment_of(commitments: &Commitments, quantity: Quantity) -> Result<Point, EncodingError> {
    part(&commitments.value, &commitments.square, &commitments.bands, quantity)
}

/// The D of a quantity.
pub fn key_of(keys: &EphemeralKeys, quantity: Quantity) -> Result<Point, EncodingError> {
    part(&keys.value, &keys.square, &keys.bands, quantity)
}

fn part(value: &Point, square: &Point, bands: &[Point], quantity: Quantity) -> Result<Point, EncodingError> {
    let (point, place) = match quantity {
        Quantity::Count => return sum_points(bands),
        Quantity::Sum => (value, Place::of("the value")),
        Quantity::Squares => (square, Place::of("the square")),
        Quantity::Band(band) => {
            let position = usize::from(band);
            let point = bands.get(position).ok_or(EncodingError::NoSuchBand(band))?;
            (point, Place::at("band", position))
        }
    };
    decode_point(point, place)?;
    Ok(*point)
}

/// The sum of points; the identity for none.
pub fn sum_points<'a>(points: impl IntoIterator<Item = &'a Point>) -> Result<Point, EncodingError> {
    let mut sum = RistrettoPoint::identity();
    for (position, point) in points.into_iter().enumerate() {
        sum += decode_point(point, Place::at("summand", position))?;
    }
    Ok(encode_point(&sum))
}

#[cfg(test)]
mod tests;
