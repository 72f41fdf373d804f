//! A contribution: what one provider says, sealed, of one person's value of one measure in one month.
//!
//! *Commitments* are what the chain keeps for ever and the public may see: they hide perfectly. *Openings*
//! (header, ephemeral keys, proof) are for members of the chain. The *restricted part* is for the exchange alone.
//! The chain's entry holds the commitments and one digest over the rest, so the rest can be erased.

use crate::{
    Blob, Digest, Point, Scalar,
    canonical::{Document, Item},
    cohort::CellKey,
    cross::CrossWords,
    document,
    entry::ContributionEntry,
    id::MemberId,
    limits, structure,
};

structure! {
    /// Which record this is: whose, of what, when, and in which cell it counts.
    pub struct Header {
        /// HMAC-SM3 under the provider's key of (person, measure@version, period).
        pub record: Digest,
        /// The provider.
        pub provider: MemberId,
        /// Where it counts.
        pub cell: CellKey,
    }
}
document!(Header, b"NcHd", 1_024);

structure! {
    /// The second halves of the ciphertexts, `C = m·V + r·P`.
    pub struct Commitments {
        /// To v.
        pub value: Point,
        /// To v².
        pub square: Point,
        /// To each band indicator, 1 for the band that holds v, else 0.
        pub bands: Vec<Point>,
    }
}
document!(Commitments, b"NcCm", 1_024);

structure! {
    /// The first halves of the ciphertexts, `D = r·B`, in the order of the commitments.
    pub struct EphemeralKeys {
        /// Of v.
        pub value: Point,
        /// Of v².
        pub square: Point,
        /// Of each band indicator.
        pub bands: Vec<Point>,
    }
}
document!(EphemeralKeys, b"NcEk", 1_024);

structure! {
    /// A band's part of the sigma proof: announcements of its three relations, responses for (b, r, t).
    pub struct BandProof {
        /// For `D_k = r·B`.
        pub key: Point,
        /// For `C_k = b·V + r·P`.
        pub commitment: Point,
        /// For `C_k = b·C_k + t·P`, which makes b a bit.
        pub bit: Point,
        /// Response for b.
        pub b: Scalar,
        /// Response for r.
        pub r: Scalar,
        /// Response for t.
        pub t: Scalar,
    }
}

impl Item for BandProof {
    const MAX_COUNT: usize = limits::MAX_BANDS;
}

structure! {
    /// The sigma proof that the ciphertexts hold one value, its square, and the bits of one band.
    /// It carries the announcements and not the challenge, so that many verify as one sum.
    pub struct SigmaProof {
        /// Announcement for `D = r·B`.
        pub value_key: Point,
        /// Announcement for `C = v·V + r·P`.
        pub value_commitment: Point,
        /// Announcement for `C₂ = v·C + s·P`.
        pub square_commitment: Point,
        /// Announcement for `D₂ = v·D + s·B`.
        pub square_key: Point,
        /// Each band's part.
        pub bands: Vec<BandProof>,
        /// Announcement for `Σ C_k - V = u·P`.
        pub one_commitment: Point,
        /// Announcement for `Σ D_k = u·B`.
        pub one_key: Point,
        /// Response for v.
        pub v: Scalar,
        /// Response for r.
        pub r: Scalar,
        /// Response for s.
        pub s: Scalar,
        /// Response for u.
        pub u: Scalar,
    }
}

structure! {
    /// What members of the chain see beside the commitments.
    pub struct Openings {
        /// Which record.
        pub header: Header,
        /// First halves of the ciphertexts.
        pub keys: EphemeralKeys,
        /// That the ciphertexts belong together.
        pub proof: SigmaProof,
    }
}
document!(Openings, b"NcOp", limits::MAX_CONTRIBUTION_BYTES);

structure! {
    /// The record itself, de-identified, encrypted with SM4-GCM under a fresh key; its context is the header.
    pub struct Payload {
        /// 96-bit nonce.
        pub nonce: Blob<12>,
        /// Ciphertext and tag.
        pub ciphertext: Blob<{ limits::MAX_PAYLOAD_BYTES }>,
        /// The payload's key, encrypted under a key of the provider's own.
        pub wrapped_key: Blob<64>,
    }
}

structure! {
    /// What the exchange alone sees.
    pub struct Restricted {
        /// The person: under the provider's own key, or under that of all custodians, by identity number.
        pub pseudonym: Digest,
        /// The record for whom it will be granted to.
        pub payload: Payload,
        /// Its value for the cross lane, if its network has one.
        pub cross: Option<CrossWords>,
    }
}
document!(Restricted, b"NcRs", limits::MAX_CONTRIBUTION_BYTES);

structure! {
    /// One value of one person in one month, sealed and proven.
    pub struct Contribution {
        /// What the chain keeps.
        pub commitments: Commitments,
        /// What its members see.
        pub openings: Openings,
        /// What the exchange alone sees.
        pub restricted: Restricted,
    }
}
document!(Contribution, b"NcCt", limits::MAX_CONTRIBUTION_BYTES);

impl Item for Contribution {
    const MAX_COUNT: usize = limits::MAX_BATCH_CONTRIBUTIONS;
}

impl Contribution {
    /// The chain's entry for it.
    pub fn entry(&self) -> ContributionEntry {
        ContributionEntry::new(self.commitments.clone(), &self.openings, self.restricted.digest())
    }
}
