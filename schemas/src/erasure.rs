//! Erasure: a provider's order that the body of one of its contributions be destroyed. The commitments stay.

use crate::{
    Digest, Signature, document,
    id::{ChainId, MemberId},
    structure,
};

structure! {
    /// An order.
    pub struct Erasure {
        /// The chain that the record is on.
        pub chain: ChainId,
        /// The record.
        pub record: Digest,
        /// Leaf hash of its entry.
        pub entry: Digest,
        /// Who orders it: the record's provider.
        pub provider: MemberId,
    }
}
document!(Erasure, b"NcEr", 1_024);

structure! {
    /// An order with the provider's signature over its canonical bytes.
    pub struct SignedErasure {
        /// What is ordered.
        pub erasure: Erasure,
        /// By the provider's SM2 key.
        pub signature: Signature,
    }
}
document!(SignedErasure, b"NcSe", 1_024);
