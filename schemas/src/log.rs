//! A stretch of a main chain, for whoever follows it: entries as they are hashed, and the bodies that requests are judged by.

use crate::{
    Blob, canonical::Item, cross::SignedCrossRequest, document, limits, membership::SignedMembership,
    query::SignedRequest, structure,
};

structure! {
    /// An entry of a main chain.
    pub struct LogEntry {
        /// Its canonical bytes: what its leaf is the hash of.
        pub entry: Blob<{ limits::MAX_ENTRY_BYTES }>,
        /// The body behind it, if it logs a request.
        pub request: Option<SignedRequest>,
        /// The body behind it, if it logs an admission.
        pub admission: Option<SignedMembership>,
        /// The body behind it, if it logs a request of the cross lane.
        pub cross: Option<SignedCrossRequest>,
    }
}

impl Item for LogEntry {
    const MAX_COUNT: usize = limits::MAX_LOG_PAGE;
}

structure! {
    /// Entries next to each other.
    pub struct LogPage {
        /// Position of the first.
        pub first: u64,
        /// The entries; at least one, unless there is none from there on.
        pub entries: Vec<LogEntry>,
    }
}
document!(LogPage, b"NcLp", limits::MAX_LOG_PAGE * (limits::MAX_ENTRY_BYTES + limits::MAX_SIGNED_REQUEST_BYTES + 64));
