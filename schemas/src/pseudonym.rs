//! How a provider comes by pseudonyms: it sends blinded people to custodians of every jurisdiction, and each multiplies
//! them by its share of the pseudonyms' key, with one proof for all. The arithmetic is `nacre-zk`'s.
//!
//! A blinded person is a uniformly random group element: neither a custodian nor its log learns whom it stands for, nor
//! whether it was asked about before.

use serde::{Deserialize, Serialize};

use crate::{
    Digest, Point, Scalar, Signed,
    answer::CustodianId,
    canonical::{Decode, DecodeError, Decoder, Encode, Encoder, Item},
    document,
    id::MemberId,
    limits, statement, structure,
};

/// One person of a request, blinded or evaluated: a group element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Element(pub Point);

impl Encode for Element {
    fn encode(&self, out: &mut Encoder) {
        self.0.encode(out);
    }
}

impl Decode for Element {
    fn decode(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        Point::decode(input).map(Self)
    }
}

impl Item for Element {
    const MAX_COUNT: usize = limits::MAX_BLINDED;
}

structure! {
    /// What a provider asks custodians.
    pub struct EvaluationRequest {
        /// Who asks.
        pub provider: MemberId,
        /// `A_k = r_k·H(x_k)`: each person under a blind of its own. 1 to [`limits::MAX_BLINDED`].
        pub elements: Vec<Element>,
    }
}
document!(EvaluationRequest, b"NcPq", limits::MAX_BLINDED * Point::SIZE + 256);

structure! {
    /// A custodian's part, signed with its SM2 key: one that does not hold convicts it.
    pub struct Evaluation {
        /// Digest of the [`EvaluationRequest`].
        pub request: Digest,
        /// Who answers.
        pub custodian: CustodianId,
        /// `S_k = y·A_k`, in the request's order.
        pub elements: Vec<Element>,
        /// Of the proof that `y = log_B X` for all of them.
        pub challenge: Scalar,
        /// Of the same.
        pub response: Scalar,
    }
}
document!(Evaluation, b"NcPe", limits::MAX_BLINDED * Point::SIZE + 512);
statement!(Evaluation, "nacre evaluation v1\n");
document!(Signed<Evaluation>, b"NcPs", limits::MAX_BLINDED * Point::SIZE + 768);

structure! {
    /// What a custodian's log keeps of an evaluation: whom it helped to how many pseudonyms. It says nothing of anybody.
    pub struct EvaluationRecord {
        /// Digest of the [`EvaluationRequest`].
        pub request: Digest,
        /// Who asked.
        pub provider: MemberId,
        /// Who answered.
        pub custodian: CustodianId,
        /// How many people the request was about.
        pub people: u32,
    }
}
document!(EvaluationRecord, b"NcPr", 512);
