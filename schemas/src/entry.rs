//! Entries of a chain. Each is at most a few hundred bytes and commits to its body by hash, so bodies can
//! be served, replicated and erased beside the log.

use crate::{
    Digest,
    canonical::{Decode, DecodeError, Decoder, Document, Encode, Encoder},
    contribution::{Commitments, Openings},
    document,
    id::ChainId,
    limits, structure,
};

structure! {
    /// A contribution's entry: its commitments, and one digest over everything that can be erased.
    pub struct ContributionEntry {
        /// The C's.
        pub commitments: Commitments,
        /// `SM3(openings ‖ digest of the restricted part)`.
        pub rest: Digest,
    }
}

impl ContributionEntry {
    /// The entry of these parts.
    pub fn new(commitments: Commitments, openings: &Openings, restricted: Digest) -> Self {
        let rest = Digest::of_parts(&[&openings.to_canonical(), restricted.as_bytes()]);
        Self { commitments, rest }
    }

    /// `SM3(0x00 ‖ entry)`: its leaf in the RFC 6962 tree.
    pub fn leaf_hash(&self) -> Digest {
        Entry::Contribution(self.clone()).leaf_hash()
    }
}

structure! {
    /// A batch's entry; the entries of its contributions follow it.
    pub struct BatchEntry {
        /// How many contributions follow.
        pub contributions: u32,
        /// Digest of the signed [`crate::batch::BatchStatement`].
        pub body: Digest,
    }
}

structure! {
    /// The seal before a seal, by its place and its content: so the last seal of a chain commits to all before it.
    pub struct PreviousSeal {
        /// Position of its entry in the chain.
        pub leaf: u64,
        /// Leaf hash of its entry.
        pub hash: Digest,
    }
}

structure! {
    /// A closed epoch: which leaves it covers, and one root over the cells they add up to.
    pub struct SealEntry {
        /// Number of the seal in its chain, from 1.
        pub number: u64,
        /// The seal before; none for the first.
        pub previous: Option<PreviousSeal>,
        /// First leaf covered.
        pub from: u64,
        /// First leaf no longer covered.
        pub to: u64,
        /// Number of cells.
        pub cells: u32,
        /// Merkle root over the cells in strict key order.
        pub root: Digest,
    }
}

impl SealEntry {
    /// `SM3(0x00 ‖ entry)`: its leaf in the RFC 6962 tree, and the name that requests and the next seal know it by.
    pub fn leaf_hash(&self) -> Digest {
        Entry::Seal(self.clone()).leaf_hash()
    }
}

structure! {
    /// A child chain's checkpoint, anchored: it extends the one anchored before.
    pub struct AnchorEntry {
        /// The child.
        pub chain: ChainId,
        /// Its size.
        pub size: u64,
        /// Its root at that size.
        pub root: Digest,
    }
}

structure! {
    /// A contribution whose body was destroyed, on its provider's order.
    pub struct ErasureEntry {
        /// Position of the contribution's entry in this chain.
        pub leaf: u64,
        /// Digest of the signed [`crate::erasure::Erasure`].
        pub order: Digest,
    }
}

/// An entry of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// One contribution.
    Contribution(ContributionEntry),
    /// The batch that the following contributions came in.
    Batch(BatchEntry),
    /// A closed epoch.
    Seal(SealEntry),
    /// A member admitted, by digest of the signed [`crate::membership::Membership`].
    Membership(Digest),
    /// A request logged, by digest of the [`crate::query::SignedRequest`].
    Request(Digest),
    /// A release published, by digest of the [`crate::release::Release`].
    Release(Digest),
    /// A custodian's answer, by digest of the signed [`crate::answer::Answer`]; in its own log.
    Answer(Digest),
    /// A custodian's refusal, by digest of the signed [`crate::answer::Refusal`]; in its own log.
    Refusal(Digest),
    /// A custodian's confirmation, by digest of the signed [`crate::confirmation::Confirmation`]; in its own log.
    Confirmation(Digest),
    /// A custodian's preview, by digest of the signed [`crate::preview::Preview`]; in its own log.
    Preview(Digest),
    /// A child chain's checkpoint.
    Anchor(AnchorEntry),
    /// A contribution's body destroyed.
    Erasure(ErasureEntry),
    /// A dispute over a record, by digest of the signed [`crate::evidence::Dispute`]; on the judicial chain.
    Dispute(Digest),
    /// A request of the cross lane logged, by digest of its [`crate::query::SignedRequest`].
    CrossRequest(Digest),
    /// A custodian's answer in the cross lane, by digest of the signed [`crate::cross::CrossAnswer`]; in its own log.
    CrossAnswer(Digest),
    /// Pseudonyms that a custodian helped a provider to, by digest of the [`crate::pseudonym::EvaluationRecord`]; in its
    /// own log.
    Evaluation(Digest),
    /// Leave to read a record, by digest of the signed [`crate::grant::Grant`].
    Grant(Digest),
    /// A grant revoked, by digest of the signed [`crate::grant::Revocation`].
    Revocation(Digest),
    /// A granted record read, by digest of the signed [`crate::grant::Access`].
    Access(Digest),
}

impl Entry {
    /// What kind it is, for people.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Contribution(_) => "contribution",
            Self::Batch(_) => "batch",
            Self::Seal(_) => "seal",
            Self::Membership(_) => "membership",
            Self::Request(_) => "request",
            Self::Release(_) => "release",
            Self::Answer(_) => "answer",
            Self::Refusal(_) => "refusal",
            Self::Confirmation(_) => "confirmation",
            Self::Preview(_) => "preview",
            Self::Anchor(_) => "anchor",
            Self::Erasure(_) => "erasure",
            Self::Dispute(_) => "dispute",
            Self::CrossRequest(_) => "cross-request",
            Self::CrossAnswer(_) => "cross-answer",
            Self::Evaluation(_) => "evaluation",
            Self::Grant(_) => "grant",
            Self::Revocation(_) => "revocation",
            Self::Access(_) => "access",
        }
    }

    /// RFC 6962 leaf hash with SM3: `SM3(0x00 ‖ canonical entry)`.
    pub fn leaf_hash(&self) -> Digest {
        Digest::of_parts(&[&[0], &self.to_canonical()])
    }
}

impl Encode for Entry {
    fn encode(&self, out: &mut Encoder) {
        let (code, body): (u8, &dyn Encode) = match self {
            Self::Contribution(body) => (1, body),
            Self::Batch(body) => (2, body),
            Self::Seal(body) => (3, body),
            Self::Membership(body) => (4, body),
            Self::Request(body) => (5, body),
            Self::Release(body) => (6, body),
            Self::Answer(body) => (7, body),
            Self::Refusal(body) => (8, body),
            Self::Confirmation(body) => (9, body),
            Self::Preview(body) => (10, body),
            Self::Anchor(body) => (11, body),
            Self::Erasure(body) => (12, body),
            Self::Dispute(body) => (13, body),
            Self::CrossRequest(body) => (14, body),
            Self::CrossAnswer(body) => (15, body),
            Self::Evaluation(body) => (16, body),
            Self::Grant(body) => (17, body),
            Self::Revocation(body) => (18, body),
            Self::Access(body) => (19, body),
        };
        out.field("kind", |out| code.encode(out));
        out.field(self.kind(), |out| body.encode(out));
    }
}

impl Decode for Entry {
    fn decode(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        Ok(match u8::decode(input)? {
            1 => Self::Contribution(Decode::decode(input)?),
            2 => Self::Batch(Decode::decode(input)?),
            3 => Self::Seal(Decode::decode(input)?),
            4 => Self::Membership(Decode::decode(input)?),
            5 => Self::Request(Decode::decode(input)?),
            6 => Self::Release(Decode::decode(input)?),
            7 => Self::Answer(Decode::decode(input)?),
            8 => Self::Refusal(Decode::decode(input)?),
            9 => Self::Confirmation(Decode::decode(input)?),
            10 => Self::Preview(Decode::decode(input)?),
            11 => Self::Anchor(Decode::decode(input)?),
            12 => Self::Erasure(Decode::decode(input)?),
            13 => Self::Dispute(Decode::decode(input)?),
            14 => Self::CrossRequest(Decode::decode(input)?),
            15 => Self::CrossAnswer(Decode::decode(input)?),
            16 => Self::Evaluation(Decode::decode(input)?),
            17 => Self::Grant(Decode::decode(input)?),
            18 => Self::Revocation(Decode::decode(input)?),
            19 => Self::Access(Decode::decode(input)?),
            other => return Err(DecodeError::invalid("entry", format!("no kind {other}"))),
        })
    }
}
document!(Entry, b"NcEn", limits::MAX_ENTRY_BYTES);
