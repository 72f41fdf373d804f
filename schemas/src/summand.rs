//! Summands of the cross lane's key: commitments to them, and the proof that shares of digits follow from one. What the points
//! mean is `nacre-zk`'s to say, in its `summand`.

use crate::{Blob, Point, canonical::Item, cross, document, id::JurisdictionId, limits, structure};

structure! {
    /// A summand by its jurisdiction and its number there.
    pub struct SummandId {
        /// Whose custodians hold it.
        pub jurisdiction: JurisdictionId,
        /// Its number, from 0: that of the custodians who lack it, in lexicographic order.
        pub number: u16,
    }
}

structure! {
    /// Commitments to a summand's words, as its dealer publishes them.
    pub struct PublishedSummand {
        /// Which summand.
        pub summand: SummandId,
        /// The points, 32 bytes a word.
        pub commitments: Blob<{ limits::MAX_MASK_WORDS * 32 }>,
    }
}
document!(PublishedSummand, b"NcXk", limits::MAX_MASK_WORDS * 32 + 1_024);

impl Item for PublishedSummand {
    const MAX_COUNT: usize = limits::MAX_JURISDICTIONS * limits::MAX_SUMMANDS;
}

structure! {
    /// The commitments to all summands of the key, by jurisdiction and number: a file that the trust root names.
    pub struct PublishedSummands {
        /// The summands.
        pub summands: Vec<PublishedSummand>,
    }
}
document!(PublishedSummands, b"NcXj", 256 << 20);

structure! {
    /// Asks a holder to prove its shares under one summand: other holders gave other shares.
    pub struct SummandDispute {
        /// What the shares are of.
        pub submission: cross::CrossSubmission,
        /// The summand's number in the holder's jurisdiction.
        pub summand: u16,
    }
}
document!(SummandDispute, b"NcXv", cross::CrossSubmission::MAX_BYTES + 64);

structure! {
    /// Commitments to the limbs that the share of a digit follows from, of each number the lowest limb first.
    pub struct ShareLimbs {
        /// To x, the lower half of the mask's upper product.
        pub rest: Point,
        /// To h, what is above.
        pub quotient: [Point; 3],
        /// To f, the flooding.
        pub flooding: [Point; 2],
        /// To w, what is above the share.
        pub carry: [Point; 2],
    }
}

impl Item for ShareLimbs {
    const MAX_COUNT: usize = cross::MAX_DIGITS;
}

/// A range proof of the limbs of up to [`limits::RANGE_PROOF_DIGITS`] shares.
pub type LimbProof = Blob<{ limits::MAX_LIMB_PROOF_BYTES }>;

impl Item for LimbProof {
    const MAX_COUNT: usize = cross::MAX_DIGITS.div_ceil(limits::RANGE_PROOF_DIGITS);
}

structure! {
    /// The proof that a holder's shares of all digits of a result are those of its summand.
    pub struct SummandProof {
        /// One a digit, in the order of the result.
        pub limbs: Vec<ShareLimbs>,
        /// One for each run of [`limits::RANGE_PROOF_DIGITS`] digits.
        pub range_proofs: Vec<LimbProof>,
    }
}
document!(SummandProof, b"NcXp", 32_768);

// The largest proof fits.
const _: () = assert!(
    cross::MAX_DIGITS * limits::SHARE_LIMBS * 32 + LimbProof::MAX_COUNT * (4 + limits::MAX_LIMB_PROOF_BYTES) + 64
        <= <SummandProof as crate::Document>::MAX_BYTES
);
