//! The collective key `P = Σ P_j`, under which all values are encrypted. Opening anything takes every
//! jurisdiction.
//!
//! That the `P_j` were not chosen to cancel each other is not visible here: the trust root's endorsements
//! show it ([`crate::custody::verify_endorsement`]).

use std::{fmt, sync::Arc};

use curve25519_dalek::{
    ristretto::{RistrettoBasepointTable, RistrettoPoint},
    scalar::Scalar,
    traits::{Identity, IsIdentity},
};
use nacre_schemas::Point;

use crate::encoding::{EncodingError, Place, decode_proper_point, encode_point};

/// Why keys are not usable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// A key is not a group element, or the identity.
    #[error(transparent)]
    Encoding(#[from] EncodingError),
    /// No jurisdiction, no key.
    #[error("a collective key needs the key of one jurisdiction at least")]
    NoGroupKeys,
    /// The group keys add up to the identity: everything would be encrypted under nothing.
    #[error("the group keys add up to the identity")]
    Cancelled,
    /// The threshold is not more than half of the custodians, or more than there are.
    #[error("a threshold of {threshold} does not fit {custodians} custodians: it takes more than half")]
    Threshold {
        /// The threshold.
        threshold: u16,
        /// How many custodians there are.
        custodians: usize,
    },
    /// More custodians than a jurisdiction may have.
    #[error("{0} custodians are too many for one jurisdiction")]
    TooManyCustodians(usize),
    /// Two custodians with one number, or a number out of order, or 0.
    #[error("custodian {0} is out of order: numbers count up from 1, each once")]
    Number(u16),
    /// A custodian's verifying share is not a group element, or the identity.
    #[error("custodian {number}: {source}")]
    VerifyingShare {
        /// Whose.
        number: u16,
        /// What is wrong with it.
        source: EncodingError,
    },
    /// A verifying share that the others and the group key do not lead to.
    #[error("custodian {0}: its verifying share is not on the polynomial of the others and the group key")]
    NotOnPolynomial(u16),
    /// The polynomial's degree is lower than the threshold says: fewer custodians than stated would suffice.
    #[error("fewer than {0} custodians suffice: the polynomial of the verifying shares is of a lower degree")]
    LowerThreshold(u16),
    /// A custodian has no identifier: a hash came out as 0.
    #[error("custodian {0} hashes to no identifier")]
    NoIdentifier(u16),
}

/// `P`, with a table of its multiples (30 kB; shared by clones).
#[derive(Clone)]
pub struct CollectiveKey {
    point: RistrettoPoint,
    bytes: Point,
    table: Arc<RistrettoBasepointTable>,
}

impl CollectiveKey {
    /// The sum of the jurisdictions' group keys. Most of the cost is making the table: keep the key.
    pub fn of_group_keys(group_keys: &[Point]) -> Result<Self, KeyError> {
        if group_keys.is_empty() {
            return Err(KeyError::NoGroupKeys);
        }
        let mut point = RistrettoPoint::identity();
        for group_key in group_keys {
            point += decode_proper_point(group_key, Place::of("group key"))?;
        }
        if point.is_identity() {
            return Err(KeyError::Cancelled);
        }
        let table = Arc::new(RistrettoBasepointTable::create(&point));
        Ok(Self { point, bytes: encode_point(&point), table })
    }

    /// Its encoding.
    pub fn bytes(&self) -> Point {
        self.bytes
    }

    /// `P`.
    pub(crate) fn point(&self) -> RistrettoPoint {
        self.point
    }

    /// `r·P`, in constant time.
    pub(crate) fn times(&self, r: &Scalar) -> RistrettoPoint {
        &*self.table * r
    }
}

impl fmt::Debug for CollectiveKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CollectiveKey({})", self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn keys_that_cancel_each_other_are_refused() {
        let (key, _) = fixture::key(1);
        let negated = encode_point(&-key.point());
        assert_eq!(CollectiveKey::of_group_keys(&[key.bytes(), negated]).err(), Some(KeyError::Cancelled));
    }
}
