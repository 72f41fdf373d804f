//! Arithmetic on encoded group elements, for those who forge them.

#![allow(clippy::unwrap_used, reason = "a fixture that cannot be made is a test that fails")]

use curve25519_dalek::{
    constants::RISTRETTO_BASEPOINT_TABLE,
    ristretto::{CompressedRistretto, RistrettoPoint},
    scalar::Scalar,
};
use nacre_schemas::Point;
use nacre_zk::elgamal::value_base;

fn decoded(point: &Point) -> RistrettoPoint {
    CompressedRistretto(point.0).decompress().unwrap()
}

fn encoded(point: &RistrettoPoint) -> Point {
    Point(point.compress().to_bytes())
}

/// The encoding of the identity.
pub const IDENTITY: Point = Point([0; 32]);

/// The point with its sign changed.
pub fn negated(point: &Point) -> Point {
    encoded(&-decoded(point))
}

/// The difference.
pub fn minus(one: &Point, other: &Point) -> Point {
    encoded(&(decoded(one) - decoded(other)))
}

/// The sum.
pub fn plus(one: &Point, other: &Point) -> Point {
    encoded(&(decoded(one) + decoded(other)))
}

/// `C + m·V`: a commitment to m more.
pub fn holding_more(commitment: &Point, m: i64) -> Point {
    let magnitude = Scalar::from(m.unsigned_abs()) * value_base();
    let shift = if m < 0 { -magnitude } else { magnitude };
    encoded(&(decoded(commitment) + shift))
}

/// `r·B`.
pub fn times_base(r: &Scalar) -> Point {
    encoded(&(RISTRETTO_BASEPOINT_TABLE * r))
}
