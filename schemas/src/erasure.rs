//! Erasure: a provider's order that the body of one of its contributions be destroyed. The commitments stay.

use crate::{
    Digest, Signed, document,
    id::{ChainId, MemberId},
    statement, structure,
};

structure! {
    /// An order, signed by the provider with its SM2 key.
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
statement!(Erasure, "nacre erasure v1\n");
document!(Signed<Erasure>, b"NcSe", 1_024);
