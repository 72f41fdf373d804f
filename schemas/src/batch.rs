//! A batch: up to 64 contributions of one provider to one chain under one range proof and one signature.

use crate::{
    Blob, Digest, Signature, Signed,
    canonical::Document,
    contribution::Contribution,
    cross::CrossList,
    document,
    id::{ChainId, MemberId},
    limits, statement, structure,
};

structure! {
    /// What a provider posts.
    pub struct Batch {
        /// The chain it is for.
        pub chain: ChainId,
        /// Who sends it.
        pub provider: MemberId,
        /// The contributions, 1 to 64, in the order the range proof has them.
        pub contributions: Vec<Contribution>,
        /// One aggregated Bulletproof over all of them: each value lies in its band.
        pub range_proof: Blob<{ limits::MAX_RANGE_PROOF_BYTES }>,
        /// What its contributions share in the cross lane, if its network has one.
        pub cross: Option<CrossList>,
        /// The provider's, over [`BatchStatement`]: the list's digest is in every contribution's restricted part.
        pub signature: Signature,
    }
}
document!(Batch, b"NcBt", limits::MAX_BATCH_BYTES);

structure! {
    /// What the provider signs: where the batch goes, the ordered leaf hashes, the range proof. Signed, it is the body behind the batch's
    /// entry: what a full witness needs beside the contributions.
    pub struct BatchStatement {
        /// The chain it is for.
        pub chain: ChainId,
        /// Who sends it.
        pub provider: MemberId,
        /// RFC 6962 leaf hashes of the contributions' entries, in order.
        pub leaves: Vec<Digest>,
        /// The range proof.
        pub range_proof: Blob<{ limits::MAX_RANGE_PROOF_BYTES }>,
    }
}
document!(BatchStatement, b"NcBs", limits::MAX_BATCH_BYTES);
statement!(BatchStatement, "nacre batch v1\n");
document!(Signed<BatchStatement>, b"NcBb", limits::MAX_BATCH_BYTES);

impl Batch {
    /// What the provider signs.
    pub fn statement(&self) -> BatchStatement {
        BatchStatement {
            chain: self.chain.clone(),
            provider: self.provider.clone(),
            leaves: self.contributions.iter().map(|contribution| contribution.entry().leaf_hash()).collect(),
            range_proof: self.range_proof.clone(),
        }
    }

    /// The body behind its entry.
    pub fn body(&self) -> Signed<BatchStatement> {
        Signed { statement: self.statement(), signature: self.signature }
    }

    /// Names the batch: equal for equal bytes.
    pub fn id(&self) -> Digest {
        self.digest()
    }
}
