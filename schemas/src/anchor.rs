//! An anchor's body: what shows a parent chain, and its full witnesses, that the checkpoint anchored is final and extends
//! the one anchored before.

use crate::{Digest, document, dossier::Note, entry::AnchorEntry, structure};

structure! {
    /// The body behind an [`crate::entry::AnchorEntry`].
    pub struct Anchor {
        /// The child's checkpoint, final.
        pub checkpoint: Note,
        /// RFC 6962 consistency proof from the size anchored before; empty for the first anchor of a child.
        pub proof: Vec<Digest>,
    }
}
document!(Anchor, b"NcAc", 65_536);

structure! {
    /// Where a checkpoint is anchored.
    pub struct Anchored {
        /// Position of the entry in the parent, from 0.
        pub leaf: u64,
        /// The entry.
        pub anchor: AnchorEntry,
        /// The checkpoint of the child that it names, as it was shown to the parent: final.
        pub checkpoint: Note,
    }
}
