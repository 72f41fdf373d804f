//! Exponential ElGamal in ristretto255: `E(m) = (D, C) = (r·B, m·V + r·P)`.
//!
//! `C` alone is a Pedersen commitment and hides m perfectly; it is what the public keeps. It binds as long as
//! nobody knows `log_V P`. That is why `V` is hashed to the group: whoever knew `log_B V` could, together with
//! the custodians' `log_B P`, open a commitment to any value.
//!
//! Cost: encrypting takes three multiplications by precomputed tables.

use std::sync::LazyLock;

use curve25519_dalek::{
    constants::RISTRETTO_BASEPOINT_TABLE,
    ristretto::{RistrettoBasepointTable, RistrettoPoint},
    scalar::Scalar,
};
use nacre_schemas::{Digest, Point};

use crate::{encoding::encode_point, key::CollectiveKey};

/// What `V` is hashed from.
const VALUE_BASE_SEED: &[u8] = b"nacre tally lane v1: base of values";

/// The base of messages, with its table (30 kB, made once).
static VALUE_TABLE: LazyLock<RistrettoBasepointTable> = LazyLock::new(|| {
    let seed = VALUE_BASE_SEED;
    let halves = [Digest::of_parts(&[&[0], seed]), Digest::of_parts(&[&[1], seed])];
    let mut uniform = [0; 64];
    uniform[..32].copy_from_slice(halves[0].as_bytes());
    uniform[32..].copy_from_slice(halves[1].as_bytes());
    RistrettoBasepointTable::create(&RistrettoPoint::from_uniform_bytes(&uniform))
});

static VALUE_BASE: LazyLock<RistrettoPoint> = LazyLock::new(|| VALUE_TABLE.basepoint());
static VALUE_BASE_BYTES: LazyLock<Point> = LazyLock::new(|| encode_point(&VALUE_BASE));

/// `V`, the base of messages: `from_uniform_bytes(SM3(0‖s) ‖ SM3(1‖s))`.
pub fn value_base() -> RistrettoPoint {
    *VALUE_BASE
}

/// The encoding of `V`.
pub(crate) fn value_base_bytes() -> Point {
    *VALUE_BASE_BYTES
}

/// `m·V`, in constant time.
pub(crate) fn times_value_base(m: &Scalar) -> RistrettoPoint {
    &*VALUE_TABLE * m
}

/// `r·B`, in constant time.
pub(crate) fn times_base(r: &Scalar) -> RistrettoPoint {
    RISTRETTO_BASEPOINT_TABLE * r
}

/// `(D, C)`.
#[derive(Clone, Copy)]
pub(crate) struct Ciphertext {
    /// `D = r·B`.
    pub(crate) key: RistrettoPoint,
    /// `C = m·V + r·P`.
    pub(crate) commitment: RistrettoPoint,
}

impl Ciphertext {
    /// `E(m)` with randomness r, in constant time.
    pub(crate) fn encrypt(key: &CollectiveKey, m: &Scalar, r: &Scalar) -> Self {
        Self { key: times_base(r), commitment: times_value_base(m) + key.times(r) }
    }
}

/// `m·V`: a decrypted sum that still hides its number behind a discrete logarithm; [`crate::dlog`] finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessagePoint(pub(crate) RistrettoPoint);

impl MessagePoint {
    /// `m·V` for a known m.
    pub fn of(m: u64) -> Self {
        Self(times_value_base(&Scalar::from(m)))
    }

    /// Whether this is `value·V`.
    pub fn is(&self, value: u64) -> bool {
        *self == Self::of(value)
    }
}
