//! Evidence: one file that shows a court where a record stands, since when, and who said it; and disputes over it.

use crate::{
    Blob, Digest, Signed,
    batch::BatchStatement,
    canonical::Item,
    document,
    dossier::{Inclusion, Note},
    entry::AnchorEntry,
    erasure::Erasure,
    id::{ChainId, MemberId, Text},
    limits,
    members::MemberContribution,
    membership::Membership,
    statement, structure,
};

structure! {
    /// A checkpoint anchored in a parent chain.
    pub struct AnchorStep {
        /// The parent.
        pub chain: ChainId,
        /// Its entry: name, size and root of the checkpoint that the step before ends with.
        pub anchor: AnchorEntry,
        /// The entry's place under the checkpoint.
        pub inclusion: Inclusion,
        /// The parent's checkpoint, final.
        pub checkpoint: Note,
    }
}

impl Item for AnchorStep {
    const MAX_COUNT: usize = limits::MAX_ANCHORS;
}

structure! {
    /// That a record was erased: the order, and its entry's place.
    pub struct ErasureStep {
        /// The order.
        pub order: Signed<Erasure>,
        /// Its entry's place under the record's checkpoint.
        pub inclusion: Inclusion,
    }
}

structure! {
    /// All there is to show of one record.
    pub struct Evidence {
        /// The record.
        pub record: Digest,
        /// Its chain.
        pub chain: ChainId,
        /// Canonical bytes of its entry: the commitments.
        pub entry: Blob<{ limits::MAX_ENTRY_BYTES }>,
        /// What members see of it; none if it was erased.
        pub contribution: Option<MemberContribution>,
        /// If it was erased, on whose order.
        pub erasure: Option<ErasureStep>,
        /// What its provider signed.
        pub batch: Signed<BatchStatement>,
        /// The provider's admission.
        pub provider: Signed<Membership>,
        /// The entry's place under the checkpoint.
        pub inclusion: Inclusion,
        /// The chain's checkpoint, final: the one that the first anchor names, if there is an anchor.
        pub checkpoint: Note,
        /// The anchors above it, up to the last chain.
        pub anchors: Vec<AnchorStep>,
    }
}
document!(Evidence, b"NcEv", 4 << 20);

structure! {
    /// A dispute over a record, signed by the claimant with its SM2 key.
    pub struct Dispute {
        /// Digest of the [`Evidence`].
        pub evidence: Digest,
        /// The record's chain.
        pub chain: ChainId,
        /// The record.
        pub record: Digest,
        /// Who disputes it.
        pub claimant: MemberId,
        /// What is disputed, for those who read it.
        pub grounds: Text<1_024>,
    }
}
document!(Dispute, b"NcDi", 4_096);
statement!(Dispute, "nacre dispute v1\n");
document!(Signed<Dispute>, b"NcSd", 4_096);
