//! A dossier: everything a custodian decides on, checkable offline. It is public: no ephemeral keys, no numbers.
//! What only members may see travels beside it in a [`Submission`].

use crate::{
    Digest, Point, Signed,
    canonical::Item,
    cell::{Cell, CellNumbers},
    confirmation::Confirmation,
    document,
    entry::SealEntry,
    id::{ChainId, Text},
    limits,
    membership::Membership,
    query::{GroupKey, Quantity, Request, SignedRequest},
    statement, structure,
};

/// A checkpoint as a signed note, in the very bytes that were signed.
pub type Note = crate::id::NoteText;

structure! {
    /// Where an entry stands in a chain's tree: its leaf, and the hashes that lead to the root.
    pub struct Inclusion {
        /// Position of the entry, from 0.
        pub leaf: u64,
        /// RFC 6962 audit path.
        pub proof: Vec<Digest>,
    }
}

structure! {
    /// A request of either lane with the proof that the main chain holds it, and that its requester was admitted.
    #[cfg_attr(feature = "json-schema", schemars(rename = "Logged{R}"))]
    pub struct LoggedRequest<R> {
        /// What is asked, signed.
        pub request: SignedRequest<R>,
        /// The requester's admission.
        pub admission: Signed<Membership>,
        /// The main chain's checkpoint.
        pub checkpoint: Note,
        /// The admission's place under it.
        pub admission_inclusion: Inclusion,
        /// The request's place under it.
        pub request_inclusion: Inclusion,
    }
}
document!(LoggedRequest<Request>, b"NcLr", limits::MAX_SIGNED_REQUEST_BYTES + 65_536);

structure! {
    /// A contiguous run of a seal's cells: all that the predicate holds for, and the neighbours that show it.
    pub struct CellRun {
        /// Position of the first cell among the seal's cells, from 0.
        pub first: u32,
        /// The cells, in strict key order. If none matches, the neighbours alone, or none in an empty seal.
        pub cells: Vec<Cell>,
        /// The hashes of the subtrees outside the run, left to right.
        pub proof: Vec<Digest>,
    }
}

structure! {
    /// A seal, its place in its chain, and its cells that were asked about.
    pub struct SealEvidence {
        /// The seal.
        pub seal: SealEntry,
        /// Its place under the chain's checkpoint.
        pub inclusion: Inclusion,
        /// Its cells.
        pub run: CellRun,
    }
}

impl Item for SealEvidence {
    const MAX_COUNT: usize = limits::MAX_SEALS;
}

structure! {
    /// What one chain contributes to an answer.
    pub struct ChainEvidence {
        /// The chain.
        pub chain: ChainId,
        /// Its checkpoint.
        pub checkpoint: Note,
        /// The seals of the request's span, in order.
        pub seals: Vec<SealEvidence>,
    }
}
document!(ChainEvidence, b"NcCe", limits::MAX_RELEASE_BYTES);

impl Item for ChainEvidence {
    const MAX_COUNT: usize = limits::MAX_CHAINS;
}

structure! {
    /// A request, and the evidence of each chain it covers, in the order of its spans.
    pub struct Dossier {
        /// What is asked.
        pub logged: LoggedRequest<Request>,
        /// What the chains hold.
        pub chains: Vec<ChainEvidence>,
    }
}
document!(Dossier, b"NcDo", limits::MAX_RELEASE_BYTES);

structure! {
    /// An ephemeral key summed over a group: what custodians apply their shares to.
    pub struct QuantityKey {
        /// Of which quantity.
        pub quantity: Quantity,
        /// `D_Σ`.
        pub key: Point,
    }
}

impl Item for QuantityKey {
    const MAX_COUNT: usize = 3 + limits::MAX_BANDS;
}

structure! {
    /// The ephemeral keys of a group. How many people are behind it is not said here: custodians see that for
    /// themselves ([`ChainNumbers`]), and the requester, who carries this, has no business with the numbers of a group
    /// that may be withheld.
    pub struct GroupSums {
        /// The group.
        pub group: GroupKey,
        /// `D_Σ` of each quantity the request needs, over this chain's cells.
        pub keys: Vec<QuantityKey>,
    }
}

impl Item for GroupSums {
    const MAX_COUNT: usize = limits::MAX_GROUPS;
}

structure! {
    /// A chain's word on the groups of a request, signed with the chain's SM2 key. Members only.
    pub struct ChainSums {
        /// The chain.
        pub chain: ChainId,
        /// The request, by digest of its canonical bytes.
        pub request: Digest,
        /// Its groups, in order.
        pub groups: Vec<GroupSums>,
    }
}
document!(ChainSums, b"NcCs", 16 << 20);
statement!(ChainSums, "nacre group sums v1\n");
document!(Signed<ChainSums>, b"NcSs", 16 << 20);

impl Item for ChainSums {
    const MAX_COUNT: usize = limits::MAX_CHAINS;
}

structure! {
    /// A request whose numbers a custodian asks a chain for, logged or not, with its requester's admission.
    pub struct NumbersRequest {
        /// The request.
        pub request: SignedRequest<Request>,
        /// The requester's admission.
        pub admission: Signed<Membership>,
    }
}
document!(NumbersRequest, b"NcNr", limits::MAX_SIGNED_REQUEST_BYTES + 8_192);

structure! {
    /// The numbers behind one seal's cells that a request holds for, in their order.
    pub struct SealNumbers {
        /// Number of the seal.
        pub number: u64,
        /// The numbers.
        pub cells: Vec<CellNumbers>,
    }
}

impl Item for SealNumbers {
    const MAX_COUNT: usize = limits::MAX_SEALS;
}

structure! {
    /// What a chain shows custodians of every jurisdiction for a request: the cells, and how many contributions of whom
    /// each holds. The numbers are those that the sealed cells commit to, so no chain's word is needed for them.
    pub struct ChainNumbers {
        /// The cells with their proofs, as a dossier has them.
        pub evidence: ChainEvidence,
        /// The numbers behind them, seal by seal.
        pub seals: Vec<SealNumbers>,
    }
}
document!(ChainNumbers, b"NcCb", limits::MAX_RELEASE_BYTES);

structure! {
    /// What a chain hands to an admitted requester.
    pub struct ChainAnswer {
        /// For the dossier.
        pub evidence: ChainEvidence,
        /// For the custodians.
        pub sums: Signed<ChainSums>,
    }
}
document!(ChainAnswer, b"NcCa", limits::MAX_RELEASE_BYTES);

structure! {
    /// What a custodian is handed.
    pub struct Submission {
        /// What it checks offline.
        pub dossier: Dossier,
        /// What each chain says, in the order of the dossier's chains.
        pub sums: Vec<Signed<ChainSums>>,
        /// The word of each chain's own custodians on its sums, by chain and custodian. Empty when those are asked
        /// for it.
        pub confirmations: Vec<Signed<Confirmation>>,
    }
}
document!(Submission, b"NcSu", limits::MAX_RELEASE_BYTES);

/// The purpose of a refusal or problem, for people.
pub type Detail = Text<1_024>;
