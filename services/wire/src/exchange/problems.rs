//! The exchange's problems.
//!
//! Kept true: the words are stable, as clients go by them.

use crate::problem::{LACKS_TRUST_ROOT, ProblemType, READ_ONLY};

macro_rules! problems {
    ($($name:ident: $status:literal $word:literal $title:literal $when:literal $($later:ident)?;)*) => {$(
        #[doc = $when]
        pub const $name: ProblemType = ProblemType::new($status, $word, $title, $when)$(.$later())?;
    )*};
}

problems! {
    ADMISSION_NOT_LOGGED: 409 "admission-not-logged" "Admission not logged" "The requester's admission is not on this chain: the exchange logs the admissions that it has when it starts.";
    BAD_SIGNATURE: 422 "bad-signature" "Bad signature" "The batch is not signed by the key that its provider was admitted with.";
    CHAIN_NOT_ASKED: 422 "chain-not-asked" "The request does not cover the chain" "The request names other chains.";
    CLOCK_OFF: 422 "clock-off" "Clocks differ" "What was signed has a time that is too far from the exchange's.";
    GRANT_ENDED: 403 "grant-ended" "The grant has ended" "The grant was revoked, its time is over, or its record was erased.";
    GRANT_TIME: 422 "grant-time" "Not a time for a grant" "The grant ends before now, or in more than ten years.";
    NO_CROSS_LANE: 422 "no-cross-lane" "No cross lane" "The batch has a list of the cross lane, which the exchange has no key for.";
    NO_READER: 422 "no-reader" "Nothing can be granted to this member" "The grantee is no provider.";
    NO_RECORDS_HERE: 422 "no-records-here" "The chain takes no records" "The chain serves no region.";
    NO_SEAL: 404 "no-seal" "No seal yet" "The chain has not sealed anything yet.";
    NO_SUCH_SEAL: 404 "no-such-seal" "No such seal" "The chain has no seal of that number.";
    NOT_ADMITTED: 403 "not-admitted" "Not admitted" "The caller's admission does not name the chain.";
    NOT_ANCHORED: 404 "not-anchored" "Not anchored yet" "No checkpoint of the child that covers this is anchored here yet." later;
    NOT_FINAL: 503 "not-final" "Not final yet" "Too few witnesses have countersigned that much of the chain yet." later;
    NOT_FOLLOWED: 403 "not-followed" "Not followed" "The chain is no main chain: only main chains are followed entry by entry.";
    NOT_IN_LOG: 404 "not-in-log" "Not in the log" "The leaf, size or tile is beyond the log.";
    NOT_JUDICIAL: 422 "not-judicial" "No judicial chain" "Disputes are logged on the judicial chain alone.";
    NOTHING_TO_SEAL: 409 "nothing-to-seal" "Nothing to seal" "No contribution came in since the last seal.";
    OPEN_PERIOD: 422 "open-period" "Contribution refused" "A contribution's month has not ended yet." later;
    OTHER_CHAIN: 422 "other-chain" "For another chain" "What was sent is for another chain.";
    OTHER_JURISDICTION: 403 "other-jurisdiction" "Other jurisdiction" "The chain is run in another jurisdiction than the caller's.";
    OTHER_KEY: 422 "other-key" "Another key than the grant's" "The key sent with the grant is not the one whose digest the grant has.";
    OTHER_PROVIDER: 422 "other-provider" "Contribution refused" "A contribution's header names another provider.";
    OTHER_REGION: 422 "other-region" "Contribution refused" "A contribution's cell is in another region than the chain's.";
    OTHER_SEAL: 422 "other-seal" "Other seal" "A seal is not the one that the request names by its hash.";
    OTHER_SENDER: 403 "other-sender" "Sent in another's name" "What was sent is in the name of another member than the token.";
    PROOF_REJECTED: 422 "proof-rejected" "Proof rejected" "A proof does not hold; the member `check` names which.";
    RECORD_EXISTS: 409 "record-exists" "Record exists" "A record of the batch is in the chain already, and the batch is not as a whole.";
    RECORD_REPEATED: 422 "record-repeated" "Contribution refused" "A record occurs twice in the batch.";
    STORAGE_UNAVAILABLE: 503 "storage-unavailable" "Storage unavailable" "The exchange could not store or read its data. Sending again unchanged is safe." later;
    UNKNOWN_CHAIN: 404 "unknown-chain" "Unknown chain" "No chain of that name is hosted here.";
    UNKNOWN_GRANT: 404 "unknown-grant" "Unknown grant" "The chain has no such grant of the caller's or to it.";
    UNKNOWN_MEASURE: 422 "unknown-measure" "Unknown measure" "The catalogue has no such measure.";
    UNKNOWN_MEMBER: 404 "unknown-member" "Unknown member" "No member of that name is admitted.";
    UNKNOWN_RECORD: 404 "unknown-record" "Unknown record" "The chain has no such record of the caller's, or not with that entry.";
    UNKNOWN_TRUST_ROOT: 404 "unknown-trust-root" "Unknown trust root" "No trust root of that digest is kept here.";
    UNSEALED_EPOCH: 422 "unsealed-epoch" "Unsealed epoch" "A seal that was asked for does not exist.";
}

/// What a route of a chain answers with.
pub(super) const OF_CHAIN: &[ProblemType] = &[UNKNOWN_CHAIN];
/// What a route that logs a document answers with.
pub(super) const OF_LOGGING: &[ProblemType] = &[UNKNOWN_CHAIN, READ_ONLY, NOT_FINAL];
/// What a route that shows the seals of a request answers with.
pub(super) const OF_SEALS: &[ProblemType] =
    &[UNKNOWN_CHAIN, CHAIN_NOT_ASKED, UNKNOWN_MEASURE, UNSEALED_EPOCH, OTHER_SEAL, NOT_FINAL, LACKS_TRUST_ROOT];
