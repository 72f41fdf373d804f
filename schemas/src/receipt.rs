//! Receipts: an exchange's proof that it holds what it acknowledged.

use crate::{
    Digest,
    canonical::Item,
    document,
    dossier::{Inclusion, Note},
    id::ChainId,
    limits, structure,
};

structure! {
    /// A record's place in its chain.
    pub struct Receipt {
        /// The record.
        pub record: Digest,
        /// Leaf hash of its entry.
        pub entry: Digest,
        /// Its place under the batch's checkpoint.
        pub inclusion: Inclusion,
    }
}

impl Item for Receipt {
    const MAX_COUNT: usize = limits::MAX_BATCH_CONTRIBUTIONS;
}

structure! {
    /// The receipts of a batch, under the first checkpoint that covers it: the same whenever they are asked for.
    pub struct BatchReceipt {
        /// The chain.
        pub chain: ChainId,
        /// Digest of the batch.
        pub batch: Digest,
        /// The signed checkpoint.
        pub checkpoint: Note,
        /// One a contribution, in the order of the batch.
        pub receipts: Vec<Receipt>,
    }
}
document!(BatchReceipt, b"NcRc", 1 << 20);
