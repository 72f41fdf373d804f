//! Decryption shares of the cross lane that prove themselves: a holder's `d = ⟨a, s⟩ + f mod 2^128` for each digit of a
//! result, with a proof that s is the summand which its dealer committed to, and that the flooding f is small.
//!
//! Holders of one summand give the same shares, bit for bit. Where two differ, the proof tells which one lies; where all
//! collude, it tells that they do. What is kept true: a share that verifies is off the right one by less than
//! [`MAX_ERROR`], and a proof tells nothing of the summand beyond the shares. The mathematics is in
//! [`crate::summand_shares`]. A proof is about all digits of a result, and holds for one request, one result, one holder,
//! one summand, and these masks in their order.
//!
//! What it rests on: the commitments are to the words that the summand expands to, which every holder checks when it is
//! dealt its seed ([`commit`]); and the summands and the correction add up to the key, which is the dealer's word.

mod commitments;
mod limbs;
mod masks;
mod prove;
mod verify;
mod wide_sum;

pub use commitments::{SummandCommitments, commit};
pub use limbs::MAX_ERROR;
pub use masks::Masks;
use nacre_schemas::{Digest, answer::CustodianId, cross::MAX_DIGITS, limits};
pub use prove::prove;
pub use verify::{Answered, verify, verify_all};

use crate::{bulletproof::RangeProofError, encoding::EncodingError};

/// What a proof is bound to, beside summand and masks.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// Digest of the request that is answered.
    pub request: &'a Digest,
    /// Digest of the result whose digits are opened: flooding follows from it.
    pub result: &'a Digest,
    /// Who answers.
    pub holder: &'a CustodianId,
}

/// Why a summand or masks cannot be used, or shares are not given or not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SummandError {
    /// A summand or mask of no words, or of too many.
    #[error("{0} words: there are 1 to {limit}", limit = limits::MAX_MASK_WORDS)]
    Words(usize),
    /// Summand and masks, or the masks of a result, differ in length.
    #[error("{found} words instead of {expected}")]
    OtherLength {
        /// Words of what comes first.
        expected: usize,
        /// The other's.
        found: usize,
    },
    /// No digit, or too many for one result.
    #[error("{0} digits: a result has 1 to {MAX_DIGITS}")]
    Digits(usize),
    /// Bytes that are no list of points.
    #[error("{0} bytes are no commitments")]
    Bytes(usize),
    /// Not a share, or not the commitments of one, for each digit.
    #[error("shares, or commitments, of {found} digits instead of {expected}")]
    Shares {
        /// Digits.
        expected: usize,
        /// Shares or commitments found.
        found: usize,
    },
    /// Not a range proof for each run of digits.
    #[error("{found} range proofs instead of {expected}")]
    RangeProofs {
        /// Range proofs that there should be.
        expected: usize,
        /// Range proofs found.
        found: usize,
    },
    /// A point of what a dealer published is not well-formed, or the identity.
    #[error(transparent)]
    Commitment(EncodingError),
    /// A point of a proof is not well-formed, or the identity.
    #[error("digit {digit}: {source}")]
    Limb {
        /// Position of the digit.
        digit: usize,
        /// What is wrong.
        source: EncodingError,
    },
    /// A range proof is not well-formed.
    #[error("range proof {position}: {source}")]
    RangeProof {
        /// Its position.
        position: usize,
        /// What is wrong.
        source: RangeProofError,
    },
    /// All is well-formed, and the shares are not shown to be this summand's, of these masks, for this request and result,
    /// by this holder.
    #[error("the proof of the shares does not hold")]
    Proof,
    /// The range proof could not be made.
    #[error("the range proof could not be made: {0}")]
    Prover(#[from] bulletproofs::ProofError),
}

fn check_words(words: usize) -> Result<(), SummandError> {
    if (1..=limits::MAX_MASK_WORDS).contains(&words) { Ok(()) } else { Err(SummandError::Words(words)) }
}

fn check_same_length(expected: usize, found: usize) -> Result<(), SummandError> {
    if expected == found { Ok(()) } else { Err(SummandError::OtherLength { expected, found }) }
}

#[cfg(test)]
mod tests;
