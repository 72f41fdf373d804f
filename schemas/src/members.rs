//! A stretch of a chain with the bodies behind its entries: what members of the chain see, and full witnesses check.
//!
//! Which body an entry has follows from its kind: a batch its signed [`crate::batch::BatchStatement`], a contribution its
//! [`MemberContribution`], and entries that hold a digest the document of that digest. None have seals and anchors, which
//! say all there is; releases, which `verify` checks by themselves and which may have 256 MiB; and contributions that
//! were erased.

use crate::{
    Blob, Digest,
    canonical::{Document, Item},
    contribution::{Commitments, Contribution, Openings},
    document,
    entry::ContributionEntry,
    limits, structure,
};

structure! {
    /// What members of the chain see of a contribution beside its commitments, which stand in its entry.
    pub struct MemberContribution {
        /// Header, ephemeral keys, proof.
        pub openings: Openings,
        /// Digest of the restricted part.
        pub restricted: Digest,
    }
}
document!(MemberContribution, b"NcMc", limits::MAX_CONTRIBUTION_BYTES);

impl MemberContribution {
    /// The members' part of a contribution.
    pub fn of(contribution: &Contribution) -> Self {
        Self { openings: contribution.openings.clone(), restricted: contribution.restricted.digest() }
    }

    /// The entry of a contribution with these commitments and this body.
    pub fn entry(&self, commitments: Commitments) -> ContributionEntry {
        ContributionEntry::new(commitments, &self.openings, self.restricted)
    }
}

structure! {
    /// An entry and what is behind it.
    pub struct MemberEntry {
        /// Its canonical bytes: what its leaf is the hash of.
        pub entry: Blob<{ limits::MAX_ENTRY_BYTES }>,
        /// Canonical bytes of its body; empty if it has none.
        pub body: Blob<{ limits::MAX_BATCH_BYTES }>,
    }
}

impl Item for MemberEntry {
    const MAX_COUNT: usize = limits::MAX_MEMBERS_PAGE;
}

structure! {
    /// Entries next to each other.
    pub struct MembersPage {
        /// Position of the first.
        pub first: u64,
        /// The entries; at least one, unless there is none from there on. Batches are whole.
        pub entries: Vec<MemberEntry>,
    }
}
document!(MembersPage, b"NcMp", limits::MAX_MEMBERS_PAGE_BYTES);
