//! What an exchange says of a chain's log: which chains there are, where a document stands, that one tree extends another; and
//! a stretch of a main chain, for its followers: entries as they are hashed, and the bodies that requests are judged by.

use crate::{
    Blob, Digest, Signed,
    canonical::Item,
    cross::CrossRequest,
    document,
    dossier::Note,
    id::ChainId,
    limits,
    membership::Membership,
    query::{Request, SignedRequest},
    structure,
};

structure! {
    /// A chain that an exchange hosts.
    pub struct HostedChain {
        /// Its name.
        pub id: ChainId,
        /// Its entries.
        pub size: u64,
        /// Its seals.
        pub seals: u64,
    }
}

impl Item for HostedChain {
    const MAX_COUNT: usize = limits::MAX_CHAINS;
}

structure! {
    /// Where a document stands that was logged.
    pub struct Logged {
        /// Position of its entry, from 0.
        pub leaf: u64,
        /// RFC 6962 audit path under the checkpoint.
        pub proof: Vec<Digest>,
        /// A final checkpoint of the chain.
        pub checkpoint: Note,
    }
}

structure! {
    /// That the tree of one size extends that of another (RFC 6962).
    pub struct ConsistencyProof {
        /// The hashes.
        pub proof: Vec<Digest>,
    }
}

structure! {
    /// An entry of a main chain.
    pub struct LogEntry {
        /// Its canonical bytes: what its leaf is the hash of.
        pub entry: Blob<{ limits::MAX_ENTRY_BYTES }>,
        /// The body behind it, if it logs a request.
        pub request: Option<SignedRequest<Request>>,
        /// The body behind it, if it logs an admission.
        pub admission: Option<Signed<Membership>>,
        /// The body behind it, if it logs a request of the cross lane.
        pub cross: Option<SignedRequest<CrossRequest>>,
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
