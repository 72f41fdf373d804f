//! What can fail, by name. The names are stable: programs, refusals and problem documents carry them.

use std::fmt;

macro_rules! checks {
    ($($(#[$meta:meta])* $variant:ident = $word:literal,)*) => {
        /// A check, by name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Check { $($(#[$meta])* $variant,)* }

        impl Check {
            /// Every check.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its name.
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }
        }
    };
}

checks! {
    /// The trust root: order, keys, thresholds, polynomials, endorsements.
    TrustRoot = "trust-root",
    /// A member's admission: by which authority, in which role, to which chain.
    Admission = "admission",
    /// The definition of the measure, by digest.
    Definition = "definition",
    /// A request's form, trust root, spans.
    RequestForm = "request-form",
    /// A request's signature.
    RequestSignature = "request-signature",
    /// A checkpoint's signature and witnesses.
    Checkpoint = "checkpoint",
    /// The request stands in the main chain.
    RequestInclusion = "request-inclusion",
    /// The requester's admission stands in the main chain.
    AdmissionInclusion = "admission-inclusion",
    /// A seal stands in its chain.
    SealInclusion = "seal-inclusion",
    /// The seals of a span follow one another without a gap.
    SealSequence = "seal-sequence",
    /// Cells stand under their seal's root, in order, each once.
    CellInclusion = "cell-inclusion",
    /// No cell that the request asks about was left out.
    CellOmission = "cell-omission",
    /// A cell has the shape its measure and chain give it, and its points are points.
    CellForm = "cell-form",
    /// A chain's word on the sums of its groups.
    ChainSums = "chain-sums",
    /// A chain's word on its groups against the sealed details behind it.
    ChainDetails = "chain-details",
    /// The numbers that a chain shows are those that its sealed cells commit to.
    ChainNumbers = "chain-numbers",
    /// A main chain's log is the one that was followed so far, and holds the bodies behind its entries.
    History = "history",
    /// Enough custodians of each chain's own jurisdiction confirmed just the sums that the chain signed.
    Confirmation = "confirmation",
    /// A custodian's signature on its answer.
    AnswerSignature = "answer-signature",
    /// An answer is to this request and dossier, and decides on each group and quantity once.
    AnswerForm = "answer-form",
    /// A decryption share's proof.
    Share = "share",
    /// Enough custodians of every jurisdiction, each once.
    Threshold = "threshold",
    /// The shares open the sum to the integer that is claimed, or a rule withholds it.
    Combination = "combination",
    /// What was opened is of as many contributions as the disclosure limits want people.
    Disclosure = "disclosure",
    /// The figures follow from the integers.
    Figures = "figures",
    /// A receipt is for the batch that was sent.
    Receipt = "receipt",
    /// Two checkpoints of a chain contradict each other.
    Equivocation = "equivocation",
    /// An entry is one that its chain may hold where it stands, and its body is the one behind it.
    Entry = "entry",
    /// A batch is its provider's, for its chain, with proofs that hold.
    Batch = "batch",
    /// A record id stands once in its chain.
    RecordTwice = "record-twice",
    /// A seal's cells are the sums of the epoch's contributions.
    SealCells = "seal-cells",
    /// An erasure is its provider's order on its own record.
    Erasure = "erasure",
    /// An anchored checkpoint extends the one anchored before.
    Anchor = "anchor",
    /// The parts of an evidence file are of one record.
    Evidence = "evidence",
    /// The trust root has a cross lane.
    CrossLane = "cross-lane",
    /// A result of the cross lane has the form that its request gives it.
    CrossResult = "cross-result",
    /// An evaluator of each jurisdiction computed the result.
    CrossConfirmation = "cross-confirmation",
    /// A dispute is its claimant's.
    Dispute = "dispute",
    /// A grant and its revocation are the record's provider's, an access is the grantee's and in time, and what is handed
    /// over is what was granted.
    Grant = "grant",
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// A check that failed, where, and what was wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("check {check} failed at {place}: {detail}")]
pub struct Failure {
    /// The check.
    pub check: Check,
    /// The chain, seal, cell, group, custodian or member it failed at.
    pub place: String,
    /// What was wrong.
    pub detail: String,
}

impl Failure {
    /// A failure of this check, at this place.
    pub fn new(check: Check, place: impl fmt::Display, detail: impl fmt::Display) -> Self {
        Self { check, place: place.to_string(), detail: detail.to_string() }
    }
}

/// Turns any error into a failure of a check at a place.
pub(crate) trait OrFailure<T> {
    fn or_failure(self, check: Check, place: impl fmt::Display) -> Result<T, Failure>;
}

impl<T, E: fmt::Display> OrFailure<T> for Result<T, E> {
    fn or_failure(self, check: Check, place: impl fmt::Display) -> Result<T, Failure> {
        self.map_err(|error| Failure::new(check, place, error))
    }
}

/// Fails the check at the place unless the condition holds.
pub(crate) fn ensure(
    condition: bool,
    check: Check,
    place: impl fmt::Display,
    detail: impl fmt::Display,
) -> Result<(), Failure> {
    if condition { Ok(()) } else { Err(Failure::new(check, place, detail)) }
}
