//! Equivocation: two checkpoints that a chain signed and that cannot both be true. The evidence speaks for itself.

use crate::{Digest, document, dossier::Note, id::ChainId, limits, structure};

structure! {
    /// A chain convicted by its own signatures.
    ///
    /// Of two sizes, the proof shows that the entries under the newer root begin with another tree than the older
    /// checkpoint says; of one size, the two roots differ, and there is nothing to prove.
    pub struct Equivocation {
        /// The chain.
        pub chain: ChainId,
        /// The checkpoint of the smaller size, signed by the chain.
        pub older: Note,
        /// The other one.
        pub newer: Note,
        /// Root that the first entries of the newer one have, as many as the older one has.
        pub root: Digest,
        /// RFC 6962 consistency proof from that root to the newer one's; empty if the sizes are equal.
        pub proof: Vec<Digest>,
    }
}
document!(Equivocation, b"NcEq", 2 * limits::MAX_NOTE_BYTES + 16_384);
