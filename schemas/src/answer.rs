//! A custodian's word on a request: for each group and quantity a decryption share or a named rule; or a refusal.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    Digest, Point, Scalar, Signed,
    canonical::{Decode, DecodeError, Decoder, Encode, Encoder, Item},
    document,
    dossier::Detail,
    enumeration,
    id::{JurisdictionId, Text},
    limits,
    query::{GroupKey, Quantity},
    statement, structure,
};

enumeration! {
    /// A disclosure rule that withholds a quantity of a group.
    pub enum Rule {
        /// Fewer people than the trust root's minimum k.
        TooFewPeople = 1 as "too-few-people",
        /// Without one provider, or without two, there would be people left, but fewer than k.
        Dominance = 2 as "dominance",
        /// Band counts and squares need 3k people.
        TooFewPeopleForDetail = 3 as "too-few-people-for-detail",
        /// Together with requests logged before, on the same codes, it would single out a group that is withheld; or the
        /// same cells were opened under another version of the measure.
        Partition = 4 as "partition",
        /// The same of band counts and squares, for groups of fewer than 3k people.
        PartitionForDetail = 5 as "partition-for-detail",
        /// The cross lane answers about the same people, and the two subtracted would single out those that it does not match.
        CrossLane = 6 as "cross-lane",
    }
}

impl Rule {
    /// The rule in a sentence.
    pub fn explain(self) -> &'static str {
        match self {
            Self::TooFewPeople => "fewer people than the minimum k",
            Self::Dominance => "without one provider, or without two, fewer than k people would remain",
            Self::TooFewPeopleForDetail => "band counts and squares need 3k people",
            Self::Partition => {
                "subtracted from what was asked before, it would single out fewer than k people; or it was opened under another \
                 version of the measure"
            }
            Self::PartitionForDetail => {
                "subtracted from what was asked before, it would show band counts or squares of fewer than 3k people"
            }
            Self::CrossLane => "the cross lane answers about the same people: from its first month on it alone does",
        }
    }
}

structure! {
    /// A decryption share `S = x·D_Σ` with the Chaum-Pedersen proof of `log_B X = log_D_Σ S`.
    pub struct Share {
        /// `D_Σ`, over all chains.
        pub key: Point,
        /// `S`.
        pub share: Point,
        /// The proof's challenge.
        pub challenge: Scalar,
        /// The proof's response.
        pub response: Scalar,
    }
}
document!(Share, b"NcSh", 256);

/// What a custodian decides on one quantity of one group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// Its share.
    Opened(Share),
    /// The rule that forbids it.
    Withheld(Rule),
}

impl Encode for Decision {
    fn encode(&self, out: &mut Encoder) {
        let (code, body): (u8, &dyn Encode) = match self {
            Self::Opened(share) => (1, share),
            Self::Withheld(rule) => (2, rule),
        };
        out.field("kind", |out| code.encode(out));
        out.field(if code == 1 { "opened" } else { "withheld" }, |out| body.encode(out));
    }
}

impl Decode for Decision {
    fn decode(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        match u8::decode(input)? {
            1 => Ok(Self::Opened(Decode::decode(input)?)),
            2 => Ok(Self::Withheld(Decode::decode(input)?)),
            other => Err(DecodeError::invalid("decision", format!("no kind {other}"))),
        }
    }
}

structure! {
    /// The decision on one quantity.
    pub struct QuantityDecision {
        /// Which quantity.
        pub quantity: Quantity,
        /// What was decided.
        pub decision: Decision,
    }
}

impl Item for QuantityDecision {
    const MAX_COUNT: usize = 3 + limits::MAX_BANDS;
}

structure! {
    /// The decisions on one group, in the order of the request's quantities.
    pub struct GroupAnswer {
        /// Which group.
        pub group: GroupKey,
        /// The decisions.
        pub decisions: Vec<QuantityDecision>,
    }
}

impl Item for GroupAnswer {
    const MAX_COUNT: usize = limits::MAX_GROUPS;
}

/// A custodian by its jurisdiction and its number there, from 1.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct CustodianId {
    /// Whose share of the key it holds a share of.
    pub jurisdiction: JurisdictionId,
    /// Its number, from 1.
    pub number: u16,
}

impl fmt::Display for CustodianId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}-{}", self.jurisdiction, self.number))
    }
}

impl Encode for CustodianId {
    fn encode(&self, out: &mut Encoder) {
        out.field("jurisdiction", |out| self.jurisdiction.encode(out));
        out.field("number", |out| self.number.encode(out));
    }
}

impl Decode for CustodianId {
    fn decode(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        Ok(Self { jurisdiction: Decode::decode(input)?, number: Decode::decode(input)? })
    }
}

structure! {
    /// An answer, signed by the custodian with its SM2 key.
    pub struct Answer {
        /// Digest of the [`crate::query::Request`].
        pub request: Digest,
        /// Digest of the [`crate::dossier::Dossier`] that was checked.
        pub dossier: Digest,
        /// Who answers.
        pub custodian: CustodianId,
        /// The groups, in order.
        pub groups: Vec<GroupAnswer>,
    }
}
document!(Answer, b"NcAn", 16 << 20);
statement!(Answer, "nacre answer v1\n");
document!(Signed<Answer>, b"NcSa", 16 << 20);

impl Item for Answer {
    const MAX_COUNT: usize = limits::MAX_CUSTODIANS * limits::MAX_JURISDICTIONS;
}

structure! {
    /// A refusal of the request as a whole, signed by its custodian: the dossier does not hold, or the members' part does not match it.
    pub struct Refusal {
        /// Digest of the [`crate::query::Request`].
        pub request: Digest,
        /// Who refuses.
        pub custodian: CustodianId,
        /// The check that failed.
        pub check: Text<64>,
        /// What was wrong, for people.
        pub detail: Detail,
    }
}
document!(Refusal, b"NcRf", 4_096);
statement!(Refusal, "nacre refusal v1\n");
document!(Signed<Refusal>, b"NcSf", 4_096);

/// What a custodian says to a submission of either lane: its answer, or which check failed or rule forbids one. Either way it is signed, and
/// logged by the custodian before it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "json-schema", schemars(rename = "{A}Verdict"))]
#[serde(rename_all = "kebab-case")]
#[allow(clippy::large_enum_variant)]
pub enum Verdict<A> {
    /// Its answer.
    Answered(Signed<A>),
    /// Its refusal of the whole.
    Refused(Signed<Refusal>),
}
