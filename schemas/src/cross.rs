//! The cross lane's messages: what providers add to a batch, what is asked, what evaluators compute and custodians open.

use serde::{Deserialize, Serialize};

use crate::{
    Blob, Digest, Signature, Signed,
    answer::CustodianId,
    canonical::{Document as _, Item},
    cohort::Period,
    document,
    dossier::LoggedRequest,
    enumeration,
    id::{ChainId, JurisdictionId, MemberId, Text},
    limits,
    measure::MeasureRef,
    membership::Membership,
    problem::Retry,
    query::{SealSpan, SignedRequest},
    statement, structure,
};

/// Bytes of a list's mask: 2,048 words.
pub const MASK_BYTES: usize = 2_048 * 8;
/// Bytes of a contribution's words: 15 of them.
pub const WORDS_BYTES: usize = 15 * 8;
/// The most bytes of a list's proof.
pub const MAX_PROOF_BYTES: usize = 16_384;
/// Bytes of a squashed digit: 4,096 words of mask and one of body, 16 bytes each.
pub const DIGIT_BYTES: usize = 4_097 * 16;
/// The most digits of a result: eight bands with a count of four digits and a sum of seven; sixteen cells take 64.
pub const MAX_DIGITS: usize = 88;
/// The most contributions of a chain that a request matches.
pub const MAX_INPUTS: usize = 65_536;

structure! {
    /// What a batch's contributions share in the cross lane: the mask of their ciphertexts, and the proof that every slot
    /// is a bit. Its context is the batch ([`CrossContext`]).
    pub struct CrossList {
        /// Digest of the public key it is encrypted to.
        pub key: Digest,
        /// 2,048 words, little-endian.
        pub mask: Blob<MASK_BYTES>,
        /// tfhe's proof of encryption.
        pub proof: Blob<MAX_PROOF_BYTES>,
    }
}
document!(CrossList, b"NcXl", MASK_BYTES + MAX_PROOF_BYTES + 256);

structure! {
    /// A contribution's ciphertexts: its own words of its batch's list.
    pub struct CrossWords {
        /// Digest of the [`CrossList`].
        pub list: Digest,
        /// Which of the list's contributions it is, from 0.
        pub position: u8,
        /// The words, little-endian: bits of the cross band, bits of the value.
        pub words: Blob<WORDS_BYTES>,
    }
}

structure! {
    /// What a list's proof is bound to: whose batch, to which chain, of which records in order.
    pub struct CrossContext {
        /// Digest of the public key.
        pub key: Digest,
        /// The chain it is for.
        pub chain: ChainId,
        /// Who sends it.
        pub provider: MemberId,
        /// Digest of each contribution's header.
        pub contributions: Vec<Digest>,
    }
}
document!(CrossContext, b"NcXc", 8_192);

enumeration! {
    /// What is asked of pairs of values.
    pub enum CrossStatistic {
        /// How many people are in each pair of cross bands.
        Table = 1 as "table",
        /// How many people are in each cross band of the first measure, and the sum of their values of the second.
        Mean = 2 as "mean",
    }
}

structure! {
    /// A measure of a cross request.
    pub struct CrossMeasure {
        /// Which.
        pub measure: MeasureRef,
        /// Digest of its definition.
        pub definition: Digest,
    }
}

structure! {
    /// A request about people who have values of two measures: each person's latest of either in the months named.
    pub struct CrossRequest {
        /// Digest of the trust root it is asked under.
        pub trust: Digest,
        /// Who asks.
        pub requester: MemberId,
        /// What is asked.
        pub statistic: CrossStatistic,
        /// By whose bands; the rows of a table.
        pub by: CrossMeasure,
        /// Whose bands are the columns of a table, or whose values are averaged.
        pub of: CrossMeasure,
        /// First month.
        pub from: Period,
        /// Last month.
        pub to: Period,
        /// On which chains, ascending, and over which of their seals.
        pub spans: Vec<SealSpan>,
        /// For which purpose, for those who read the log.
        pub purpose: Text<{ limits::MAX_PURPOSE_BYTES }>,
        /// Random, so that the same question twice is two requests.
        pub nonce: Digest,
    }
}
document!(CrossRequest, b"NcXq", limits::MAX_REQUEST_BYTES);
statement!(CrossRequest, "nacre cross request v1\n");
document!(SignedRequest<CrossRequest>, b"NcXs", limits::MAX_SIGNED_REQUEST_BYTES);
document!(LoggedRequest<CrossRequest>, b"NcXg", limits::MAX_SIGNED_REQUEST_BYTES + 65_536);

structure! {
    /// One contribution's ciphertexts for a request, under a name that holds for that request only.
    pub struct CrossInput {
        /// `SM3(request digest ‖ pseudonym)`.
        pub token: Digest,
        /// Whether it is of the measure whose bands are rows; else of the other.
        pub by: bool,
        /// Its month.
        pub period: Period,
        /// The leaf of its entry in the chain: of one person's values of a month the later counts.
        pub leaf: u64,
        /// Which mask of the inputs it has.
        pub mask: u32,
        /// Which of the list's contributions it is, from 0.
        pub position: u8,
        /// Its words.
        pub words: Blob<WORDS_BYTES>,
    }
}

impl Item for CrossInput {
    const MAX_COUNT: usize = MAX_INPUTS;
}

impl Item for Blob<MASK_BYTES> {
    const MAX_COUNT: usize = MAX_INPUTS;
}

structure! {
    /// What a chain hands to evaluators for a request: each person's latest value of either measure, ordered by token and
    /// then by measure, the rows' first.
    pub struct CrossInputs {
        /// Digest of the request.
        pub request: Digest,
        /// The chain.
        pub chain: ChainId,
        /// The masks that inputs refer to, in the order of their first use.
        pub masks: Vec<Blob<MASK_BYTES>>,
        /// The inputs.
        pub inputs: Vec<CrossInput>,
    }
}
document!(CrossInputs, b"NcXi", 256 << 20);

structure! {
    /// A chain's inputs, by digest, under its key.
    pub struct CrossManifest {
        /// Digest of the request.
        pub request: Digest,
        /// The chain.
        pub chain: ChainId,
        /// Digest of the [`CrossInputs`].
        pub inputs: Digest,
    }
}
document!(CrossManifest, b"NcXm", 1_024);
statement!(CrossManifest, "nacre cross manifest v1\n");

impl Item for CrossManifest {
    const MAX_COUNT: usize = limits::MAX_CHAINS;
}

structure! {
    /// What an evaluator gets from a chain.
    pub struct CrossDelivery {
        /// The inputs.
        pub inputs: CrossInputs,
        /// By the chain's SM2 key, over the canonical bytes of their [`CrossManifest`].
        pub signature: Signature,
    }
}
document!(CrossDelivery, b"NcXd", (256 << 20) + 128);

impl CrossInputs {
    /// What the chain signs.
    pub fn manifest(&self) -> CrossManifest {
        CrossManifest { request: self.request, chain: self.chain.clone(), inputs: self.digest() }
    }
}

structure! {
    /// A squashed digit: mask words and body, little-endian.
    pub struct CrossDigit {
        /// The words.
        pub words: Blob<DIGIT_BYTES>,
    }
}

impl Item for CrossDigit {
    const MAX_COUNT: usize = MAX_DIGITS;
}

structure! {
    /// What an evaluation gives: encrypted counts, or counts and sums, small cells set to zero.
    pub struct CrossResult {
        /// Digest of the request.
        pub request: Digest,
        /// Digest of the evaluation keys.
        pub keys: Digest,
        /// What fixes the arithmetic to the bit: digest of a known computation's outcome.
        pub arithmetic: Digest,
        /// What each chain handed over, in the order of the request's spans.
        pub manifests: Vec<CrossManifest>,
        /// Digits of a count; four bits each.
        pub count_digits: u8,
        /// Digits of a sum; none in a table.
        pub sum_digits: u8,
        /// Counts, then sums: by digit from the lowest, then by cell.
        pub digits: Vec<CrossDigit>,
    }
}
document!(CrossResult, b"NcXr", MAX_DIGITS * (DIGIT_BYTES + 16) + (1 << 20));

structure! {
    /// An evaluator's word that it computed a result itself.
    pub struct CrossConfirmation {
        /// Digest of the request.
        pub request: Digest,
        /// Digest of the [`CrossResult`].
        pub result: Digest,
        /// Who computed it.
        pub evaluator: MemberId,
        /// Its jurisdiction.
        pub jurisdiction: JurisdictionId,
    }
}
document!(CrossConfirmation, b"NcXf", 1_024);
statement!(CrossConfirmation, "nacre cross confirmation v1\n");

structure! {
    /// A confirmation with the evaluator's signature over its canonical bytes.
    pub struct SignedCrossConfirmation {
        /// What it confirms.
        pub confirmation: CrossConfirmation,
        /// The evaluator's admission.
        pub admission: Signed<Membership>,
        /// By the evaluator's SM2 key.
        pub signature: Signature,
    }
}
document!(SignedCrossConfirmation, b"NcXh", 16_384);

impl Item for SignedCrossConfirmation {
    const MAX_COUNT: usize = limits::MAX_JURISDICTIONS;
}

/// How far an evaluator is with a request. How many people it is about is not said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(tag = "state", rename_all = "kebab-case", deny_unknown_fields)]
pub enum CrossJob {
    /// Others come first.
    Queued,
    /// Inputs are being fetched from the chains.
    Fetching,
    /// Being computed.
    Computing {
        /// How much is done, in twentieths.
        twentieths: u8,
    },
    /// The result can be had.
    Done,
    /// There is no result.
    Failed {
        /// Why not.
        reason: String,
        /// Whether to ask again.
        retry: Retry,
    },
}

/// What an evaluator computes with. Evaluators that differ in it will not confirm one result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CrossArithmetic {
    /// Digest of the evaluation keys.
    pub keys: Digest,
    /// Digest of a known computation's outcome on its machine.
    pub arithmetic: Digest,
}

structure! {
    /// What an evaluator gives to whoever asked.
    pub struct CrossOutcome {
        /// What it computed.
        pub result: CrossResult,
        /// Its word on it.
        pub confirmation: SignedCrossConfirmation,
    }
}
document!(CrossOutcome, b"NcXo", MAX_DIGITS * (DIGIT_BYTES + 16) + (2 << 20));

structure! {
    /// What custodians decide on.
    pub struct CrossSubmission {
        /// The request.
        pub logged: LoggedRequest<CrossRequest>,
        /// The result.
        pub result: CrossResult,
        /// One confirmation a jurisdiction, in the order of the trust root.
        pub confirmations: Vec<SignedCrossConfirmation>,
    }
}
document!(CrossSubmission, b"NcXu", MAX_DIGITS * (DIGIT_BYTES + 16) + (4 << 20));

structure! {
    /// Shares of all digits under one summand of the key.
    pub struct SummandShares {
        /// Which summand of the jurisdiction's, from 0: that of the custodians who lack it, in lexicographic order.
        pub summand: u16,
        /// 16 bytes a digit, little-endian, in the order of the result.
        pub shares: Blob<{ MAX_DIGITS * 16 }>,
    }
}

impl Item for SummandShares {
    const MAX_COUNT: usize = limits::MAX_SUMMANDS;
}

structure! {
    /// A custodian's answer, signed with its SM2 key: its shares under every summand that it holds.
    pub struct CrossAnswer {
        /// Digest of the request.
        pub request: Digest,
        /// Digest of the result.
        pub result: Digest,
        /// Who answers.
        pub custodian: CustodianId,
        /// The shares, in the order of the summands.
        pub shares: Vec<SummandShares>,
    }
}
document!(CrossAnswer, b"NcXa", 1 << 20);
statement!(CrossAnswer, "nacre cross answer v1\n");
document!(Signed<CrossAnswer>, b"NcXw", (1 << 20) + 256);

impl Item for CrossAnswer {
    const MAX_COUNT: usize = limits::MAX_JURISDICTIONS * limits::MAX_CUSTODIANS;
}

structure! {
    /// A cell that is shown: at least as many people as the network's minimum.
    pub struct CrossCell {
        /// Band of the first measure, from 0.
        pub by: u8,
        /// Band of the second, from 0; 0 for a mean.
        pub of: u8,
        /// How many people.
        pub people: u64,
        /// The sum of their values of the second measure, in steps; none in a table.
        pub sum: Option<u64>,
    }
}

impl Item for CrossCell {
    const MAX_COUNT: usize = 64;
}

structure! {
    /// What was asked, computed, confirmed and opened. Cells that are not listed were withheld, or empty.
    pub struct CrossRelease {
        /// The request, the result and who computed it.
        pub submission: CrossSubmission,
        /// Custodians' shares.
        pub answers: Vec<Signed<CrossAnswer>>,
        /// What they add up to.
        pub cells: Vec<CrossCell>,
    }
}
document!(CrossRelease, b"NcXe", limits::MAX_RELEASE_BYTES);
