//! Everything that an exchange refuses, with the status, the word and the advice that go with it.
//!
//! The words are stable: clients go by them. No text here says anything of a person; record ids are named by the
//! position of their contribution in what was sent.

use nacre_schemas::{
    DecodeError, Digest,
    cohort::Period,
    grant::GrantState,
    id::{ChainId, MemberId},
    limits::MAX_CLOCK_SKEW_SECONDS,
    measure::MeasureRef,
    membership::MemberRole,
    problem::{Problem, Retry},
};
use nacre_verifier::Failure;

/// What the caller got wrong, or has to wait for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// No such route.
    #[error("there is nothing at this address")]
    NoRoute,
    /// No chain of that name is hosted here.
    #[error("no chain {0} is hosted here")]
    UnknownChain(String),
    /// The body or the query is not what the route takes.
    #[error("{0}")]
    Malformed(String),
    /// All places of a queue are taken.
    #[error("the exchange has as much to do as it takes at once")]
    Busy,
    /// No record of that name and entry, or another provider's.
    #[error("{0} has no such record of yours, or not with that entry")]
    UnknownRecord(ChainId),
    /// Too few witnesses have countersigned that much of the chain yet.
    #[error("no checkpoint of {chain} with {size} entries or more is final yet; its witnesses are being asked{}", awaited(.lacking))]
    NotFinal {
        /// The chain.
        chain: ChainId,
        /// The entries needed.
        size: u64,
        /// The names of the witnesses that have not countersigned.
        lacking: Vec<String>,
    },
    /// The caller's admission does not name the chain.
    #[error("{member} was not admitted to {chain}")]
    NotAdmitted {
        /// The caller.
        member: MemberId,
        /// The chain.
        chain: ChainId,
    },
    /// What was sent is in the name of another member than the token.
    #[error("the token is {caller}'s, what was sent is {sender}'s")]
    OtherSender {
        /// Whose token it is.
        caller: MemberId,
        /// Who is named in the body.
        sender: MemberId,
    },
    /// The caller is of another jurisdiction than the chain.
    #[error("{0} is run in another jurisdiction than the caller's: details do not leave their jurisdiction")]
    OtherJurisdiction(ChainId),
    /// The batch or release is for another chain.
    #[error("this is {here}, what was sent is for {named}")]
    OtherChain {
        /// The chain of the address.
        here: ChainId,
        /// The chain in the body.
        named: ChainId,
    },
    /// The chain serves no region.
    #[error("{0} serves no region, so it takes no records")]
    NoRecordsHere(ChainId),
    /// The batch's signature does not hold.
    #[error("the batch is not signed by the key that its provider was admitted with: {0}")]
    BadSignature(String),
    /// A contribution that does not belong in this batch, chain or time.
    #[error("contribution {entry}: {fault}")]
    Contribution {
        /// Its position.
        entry: usize,
        /// What is wrong with it.
        fault: ContributionFault,
    },
    /// A proof of the batch does not hold.
    #[error("{detail}")]
    ProofRejected {
        /// The position of the contribution at fault, unless it is the batch's range proof.
        entry: Option<usize>,
        /// Name of the check.
        check: &'static str,
        /// What does not hold.
        detail: String,
    },
    /// The record is in the chain already.
    #[error("the record of contribution {entry} is in the chain already{}", if *.same { ", with the same bytes, while others of the batch are not: send those apart" } else { ", with other bytes: it stays as it is" })]
    RecordExists {
        /// Its position.
        entry: usize,
        /// Whether the bytes are the same.
        same: bool,
    },
    /// The chain has not sealed anything yet.
    #[error("{0} has no seal yet")]
    NoSeal(ChainId),
    /// The chain has no seal of that number.
    #[error("{chain} has no seal {number}")]
    NoSuchSeal {
        /// The chain.
        chain: ChainId,
        /// The number.
        number: u64,
    },
    /// No contribution came in since the last seal.
    #[error("no contribution came in since the last seal")]
    NothingToSeal,
    /// A seal that was asked for does not exist.
    #[error("{chain} has seals 1 to {last}, not all of {first_asked} to {last_asked}")]
    UnsealedEpoch {
        /// The chain.
        chain: ChainId,
        /// Its last seal; 0 if it has none.
        last: u64,
        /// The first asked for.
        first_asked: u64,
        /// The last asked for.
        last_asked: u64,
    },
    /// A seal that was asked for is not the one that the request names by its hash.
    #[error("seal {seal} of {chain} is not the one that the request names by its hash")]
    OtherSeal {
        /// The chain.
        chain: ChainId,
        /// The last seal asked for.
        seal: u64,
    },
    /// The entries of this chain are not served.
    #[error("{0} is no main chain: only main chains are followed entry by entry")]
    NotFollowed(ChainId),
    /// The request does not cover this chain.
    #[error("the request does not cover {0}")]
    ChainNotAsked(ChainId),
    /// The catalogue has no such measure.
    #[error("the catalogue has no measure {0}")]
    UnknownMeasure(MeasureRef),
    /// The request was asked under an earlier trust root, which is not kept here.
    #[error("this exchange does not keep the trust root {0} yet: its operator has to put it into the folder `roots`")]
    LacksTrustRoot(Digest),
    /// No trust root of that digest is kept.
    #[error("no trust root {0} of this network is kept here")]
    UnknownTrustRoot(Digest),
    /// No anchor of the child is here, or none that covers what was asked for.
    #[error("no checkpoint of {child} that covers this is anchored in {here} yet")]
    NotAnchored {
        /// The parent.
        here: ChainId,
        /// The child.
        child: String,
    },
    /// A batch has a list that nobody here can verify.
    #[error("this exchange has no key of the cross lane, and takes no lists for it")]
    NoCrossLane,
    /// No member of that name.
    #[error("no member {0} is admitted")]
    UnknownMember(MemberId),
    /// No grant of that name, or not the caller's.
    #[error("{0} has no such grant of yours or to you")]
    UnknownGrant(ChainId),
    /// The grant has ended.
    #[error("the grant is {0}: ask the provider for another")]
    GrantEnded(GrantState),
    /// A grant's time is over before it begins, or too long.
    #[error("a grant ends after now ({now}, Unix seconds) and within ten years, and this one at {until}")]
    GrantTime {
        /// The exchange's time.
        now: u64,
        /// The grant's end.
        until: u64,
    },
    /// The key that was sent with a grant is not the one that it names.
    #[error("the key sent with the grant is not the one whose digest the grant has")]
    OtherKey,
    /// The member cannot be granted anything.
    #[error("{member} was admitted as {role}: records are granted to providers alone")]
    NoReader {
        /// The grantee.
        member: MemberId,
        /// Its role.
        role: MemberRole,
    },
    /// The caller's clock is wrong, or the exchange's.
    #[error(
        "it was signed at {at} and it is {now} here (Unix seconds): set the clocks, they may differ by {MAX_CLOCK_SKEW_SECONDS} s"
    )]
    ClockOff {
        /// The exchange's time.
        now: u64,
        /// The time that was signed.
        at: u64,
    },
    /// Disputes go elsewhere.
    #[error("{0} is no judicial chain: disputes are logged on `judicial`")]
    NotJudicial(ChainId),
    /// The leaf or size asked for is not in the log.
    #[error("{0}")]
    NotInLog(String),
    /// A check of the request or release failed.
    #[error(transparent)]
    CheckFailed(#[from] Failure),
}

/// What is wrong with one contribution, before its proofs are looked at.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ContributionFault {
    /// Its header names another provider than the batch.
    #[error("its header names another provider")]
    OtherProvider,
    /// Its cell is in another region than the chain's.
    #[error("its cell is in another region than the chain's")]
    OtherRegion,
    /// The catalogue has no such measure.
    #[error("the catalogue has no measure {0}")]
    UnknownMeasure(MeasureRef),
    /// Its month has not ended.
    #[error("the month {0} has not ended yet")]
    OpenPeriod(Period),
    /// Its record id occurs before it in the same batch.
    #[error("its record occurs twice in the batch")]
    Repeated,
}

impl ContributionFault {
    fn word(&self) -> &'static str {
        match self {
            Self::OtherProvider => "other-provider",
            Self::OtherRegion => "other-region",
            Self::UnknownMeasure(_) => "unknown-measure",
            Self::OpenPeriod(_) => "open-period",
            Self::Repeated => "record-repeated",
        }
    }
}

/// Which witnesses are waited for, if any was asked yet.
fn awaited(lacking: &[String]) -> String {
    if lacking.is_empty() { String::new() } else { format!(", and {} have not countersigned", lacking.join(", ")) }
}

impl From<DecodeError> for Refusal {
    fn from(error: DecodeError) -> Self {
        Self::Malformed(error.to_string())
    }
}

impl Refusal {
    /// Status, word and title.
    fn class(&self) -> (u16, &'static str, &'static str) {
        match self {
            Self::NoRoute => (404, "no-such-route", "No such address"),
            Self::UnknownChain(_) => (404, "unknown-chain", "Unknown chain"),
            Self::Malformed(_) => (400, "malformed", "Malformed"),
            Self::Busy => (503, "busy", "Busy"),
            Self::UnknownRecord(_) => (404, "unknown-record", "Unknown record"),
            Self::NotFinal { .. } => (503, "not-final", "Not final yet"),
            Self::NotAdmitted { .. } => (403, "not-admitted", "Not admitted"),
            Self::OtherSender { .. } => (403, "other-sender", "Sent in another's name"),
            Self::OtherJurisdiction(_) => (403, "other-jurisdiction", "Other jurisdiction"),
            Self::OtherChain { .. } => (422, "other-chain", "For another chain"),
            Self::NoRecordsHere(_) => (422, "no-records-here", "The chain takes no records"),
            Self::BadSignature(_) => (422, "bad-signature", "Bad signature"),
            Self::Contribution { fault, .. } => (422, fault.word(), "Contribution refused"),
            Self::ProofRejected { .. } => (422, "proof-rejected", "Proof rejected"),
            Self::RecordExists { .. } => (409, "record-exists", "Record exists"),
            Self::NoSeal(_) => (404, "no-seal", "No seal yet"),
            Self::NoSuchSeal { .. } => (404, "no-such-seal", "No such seal"),
            Self::NothingToSeal => (409, "nothing-to-seal", "Nothing to seal"),
            Self::UnsealedEpoch { .. } => (422, "unsealed-epoch", "Unsealed epoch"),
            Self::OtherSeal { .. } => (422, "other-seal", "Other seal"),
            Self::NotFollowed(_) => (403, "not-followed", "Not followed"),
            Self::ChainNotAsked(_) => (422, "chain-not-asked", "The request does not cover the chain"),
            Self::UnknownMeasure(_) => (422, "unknown-measure", "Unknown measure"),
            Self::LacksTrustRoot(_) => (503, "lacks-trust-root", "An earlier trust root is not kept"),
            Self::UnknownTrustRoot(_) => (404, "unknown-trust-root", "Unknown trust root"),
            Self::NotAnchored { .. } => (404, "not-anchored", "Not anchored yet"),
            Self::NoCrossLane => (422, "no-cross-lane", "No cross lane"),
            Self::UnknownMember(_) => (404, "unknown-member", "Unknown member"),
            Self::UnknownGrant(_) => (404, "unknown-grant", "Unknown grant"),
            Self::GrantEnded(_) => (403, "grant-ended", "The grant has ended"),
            Self::GrantTime { .. } => (422, "grant-time", "Not a time for a grant"),
            Self::OtherKey => (422, "other-key", "Another key than the grant's"),
            Self::NoReader { .. } => (422, "no-reader", "Nothing can be granted to this member"),
            Self::ClockOff { .. } => (422, "clock-off", "Clocks differ"),
            Self::NotJudicial(_) => (422, "not-judicial", "No judicial chain"),
            Self::NotInLog(_) => (404, "not-in-log", "Not in the log"),
            Self::CheckFailed(_) => (422, "check-failed", "Check failed"),
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let (status, word, title) = refusal.class();
        let problem = Self::new(status, word, title, &refusal);
        match refusal {
            Refusal::Contribution { entry, fault: ContributionFault::OpenPeriod(_) } => {
                problem.at_entry(entry).retry(Retry::Later)
            }
            Refusal::Contribution { entry, .. } | Refusal::RecordExists { entry, .. } => problem.at_entry(entry),
            Refusal::ProofRejected { entry: Some(entry), check, .. } => problem.by_check(check).at_entry(entry),
            Refusal::ProofRejected { entry: None, check, .. } => problem.by_check(check),
            Refusal::CheckFailed(failure) => problem.by_check(failure.check),
            Refusal::Busy | Refusal::NotFinal { .. } | Refusal::LacksTrustRoot(_) | Refusal::NotAnchored { .. } => {
                problem.retry(Retry::Later)
            }
            _ => problem,
        }
    }
}
