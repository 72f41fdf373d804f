//! Pseudonyms: one person has one, whoever asks, and no single party can go through identity numbers to find whose it is.
//!
//! The pseudonym of x is `SM3(label ‖ F(y, x))`, F the verifiable oblivious pseudorandom function of RFC 9497
//! (ristretto255-SHA512, mode 1; 2HashDH of Jarecki, Kiayias, Krawczyk 2014). Its key `y = Σ_j y_j` exists nowhere: each
//! `y_j` is shared among the custodians of jurisdiction j, t_j of n_j, as a decryption key is, and is another key.
//!
//! ```text
//! provider    A_k = r_k·H(x_k), fresh r_k          [`Blinding::new`]
//! custodian   S_k = y_{j,i}·A_k, one proof for all  [`evaluate`]
//! provider    proof against X_{j,i}                 [`Keys::check`]
//!             r_k⁻¹·Σ_j Σ_i λ_i·S_{j,i,k} = y·H(x_k), hashed with x_k   [`Blinding::finish`]
//! ```
//!
//! *One proof for all* (RFC 9497, 2.2.1): weights w_k of 128 bits are drawn from the transcript after all A_k and S_k, and
//! it is proven that `Σ w_k·S_k = y_{j,i}·Σ w_k·A_k` ([`crate::equality`]). If some `S_k ≠ y_{j,i}·A_k`, that holds with
//! probability 2^-128.
//!
//! *Why a key of its own.* A custodian multiplies whatever it is sent by its share. Were that a share of the decryption
//! key, it would decrypt for any provider. Trust roots with a pseudonyms' key that is also a decryption key are refused.
//!
//! *Why group keys need no proof here.* A jurisdiction may choose its `Y_j` after it saw the others', to own `Σ Y_j`. But
//! nothing is checked against that sum: each custodian proves its own `y_{j,i}`, so the jurisdiction has to know its `y_j`,
//! and the others' stay unknown to it.
//!
//! *What asking gives away of the key.* Every answer is one of a static Diffie-Hellman oracle: whoever has 2^Q of them, each
//! asked upon the one before, needs some 2^(126 - Q/2) steps to find `y` (RFC 9497, 7.2.3). Custodians' daily limits keep Q
//! small.
//!
//! Errors: [`PseudonymError`], naming the custodian whose part does not hold. Cost, a person, of one core: 45 µs to blind, 50 µs
//! to evaluate, 15 µs to check a part, 0.1 ms to finish over six parts.

mod blinding;
mod evaluation;
mod function;

use std::collections::BTreeMap;

use nacre_schemas::{
    Digest, Encode as _, answer::CustodianId, canonical::Encoder, id::JurisdictionId, limits, trust::TrustRoot,
};

use crate::{custody::GroupKeys, encoding::EncodingError, key::KeyError};
pub use blinding::Blinding;
pub use evaluation::{Checked, evaluate};

/// Why there is no pseudonym, or no part of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PseudonymError {
    /// Nobody, or too many at once.
    #[error("a request is about 1 to {max} people, not {0}", max = limits::MAX_BLINDED)]
    Count(usize),
    /// What a person is named by is longer than the function takes.
    #[error("what person {0} of the request is named by is longer than 65,535 bytes")]
    TooLong(usize),
    /// A blinded element is no group element, or the identity, which any key takes to itself.
    #[error(transparent)]
    Blinded(EncodingError),
    /// No such custodian has a share of the pseudonyms' key.
    #[error("{0} has no share of the pseudonyms' key")]
    Unknown(CustodianId),
    /// A part of another request, by another custodian, or of another number of people.
    #[error("{0} answers something else than it was asked")]
    OtherRequest(CustodianId),
    /// A custodian's part is not well-formed.
    #[error("the part of {custodian}: {source}")]
    Malformed {
        /// Whose.
        custodian: CustodianId,
        /// What is wrong with it.
        source: EncodingError,
    },
    /// The part is not made with this custodian's share.
    #[error("the proof of the part of {0} does not hold")]
    Proof(CustodianId),
    /// Two parts of one custodian.
    #[error("{0} is there twice")]
    Duplicate(CustodianId),
    /// Fewer custodians than the jurisdiction's threshold.
    #[error("{present} custodians of {jurisdiction} gave their part; it takes {threshold}")]
    TooFew {
        /// The jurisdiction.
        jurisdiction: JurisdictionId,
        /// Parts there are.
        present: usize,
        /// Parts it takes.
        threshold: u16,
    },
}

impl PseudonymError {
    /// The custodian that is to blame, if one is.
    pub fn culprit(&self) -> Option<&CustodianId> {
        match self {
            Self::OtherRequest(custodian) | Self::Malformed { custodian, .. } | Self::Proof(custodian) => {
                Some(custodian)
            }
            _ => None,
        }
    }
}

/// The public halves of the pseudonyms' key, of every jurisdiction.
#[derive(Clone, Debug)]
pub struct Keys {
    groups: BTreeMap<JurisdictionId, GroupKeys>,
}

impl Keys {
    /// Those of a checked trust root; none if its pseudonyms are the providers' own.
    pub fn of(root: &TrustRoot) -> Result<Option<Self>, KeyError> {
        let mut groups = BTreeMap::new();
        for jurisdiction in &root.jurisdictions {
            let Some(keys) = GroupKeys::of_pseudonyms(jurisdiction)? else { return Ok(None) };
            groups.insert(jurisdiction.id.clone(), keys);
        }
        if groups.is_empty() { Err(KeyError::NoGroupKeys) } else { Ok(Some(Self { groups })) }
    }

    /// Of these jurisdictions.
    pub fn of_groups(groups: impl IntoIterator<Item = GroupKeys>) -> Self {
        Self { groups: groups.into_iter().map(|keys| (keys.jurisdiction().clone(), keys)).collect() }
    }

    /// By jurisdiction.
    pub fn groups(&self) -> &BTreeMap<JurisdictionId, GroupKeys> {
        &self.groups
    }

    /// What tells this key from others: the same however often it is shared anew.
    pub fn digest(&self) -> Digest {
        let mut out = Encoder::new();
        for (jurisdiction, keys) in &self.groups {
            jurisdiction.encode(&mut out);
            keys.group_key().encode(&mut out);
        }
        Digest::of(&out.into_bytes())
    }
}

fn check_count(count: usize) -> Result<(), PseudonymError> {
    if (1..=limits::MAX_BLINDED).contains(&count) { Ok(()) } else { Err(PseudonymError::Count(count)) }
}

#[cfg(test)]
mod tests;
