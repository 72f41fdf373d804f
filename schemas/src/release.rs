//! A release: the one file that proves a published figure. Dossier, shares, figures; nothing in it is secret.

use serde::{Deserialize, Serialize};

use crate::{
    Signed,
    answer::{Answer, Rule},
    canonical::{Decode, DecodeError, Decoder, Encode, Encoder, Item},
    catalogue::CatalogueIndex,
    decimal::Decimal,
    document,
    dossier::Dossier,
    limits,
    measure::Measure,
    query::{GroupKey, Quantity},
    structure,
};

/// What became of one quantity of one group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Its decrypted integer, in steps (squares: in squared steps).
    Value(u64),
    /// The rule that withheld it.
    Withheld(Rule),
}

impl Encode for Outcome {
    fn encode(&self, out: &mut Encoder) {
        let (code, body): (u8, &dyn Encode) = match self {
            Self::Value(value) => (1, value),
            Self::Withheld(rule) => (2, rule),
        };
        out.field("kind", |out| code.encode(out));
        out.field(if code == 1 { "value" } else { "withheld" }, |out| body.encode(out));
    }
}

impl Decode for Outcome {
    fn decode(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        match u8::decode(input)? {
            1 => Ok(Self::Value(Decode::decode(input)?)),
            2 => Ok(Self::Withheld(Decode::decode(input)?)),
            other => Err(DecodeError::invalid("outcome", format!("no kind {other}"))),
        }
    }
}

structure! {
    /// One quantity of one group.
    pub struct QuantityResult {
        /// Which.
        pub quantity: Quantity,
        /// What became of it.
        pub outcome: Outcome,
    }
}

impl Item for QuantityResult {
    const MAX_COUNT: usize = 3 + limits::MAX_BANDS;
}

structure! {
    /// An estimate with its 95 % interval.
    pub struct Estimate {
        /// The estimate.
        pub estimate: Decimal,
        /// Lower end.
        pub low: Decimal,
        /// Upper end.
        pub high: Decimal,
    }
}

structure! {
    /// A band's count and its share of the group in percent.
    pub struct BandShare {
        /// Position of the band in the definition, from 0.
        pub band: u8,
        /// Contributions in it.
        pub count: u64,
        /// Percent of the group, with the Wilson score interval.
        pub percent: Estimate,
    }
}

impl Item for BandShare {
    const MAX_COUNT: usize = limits::MAX_BANDS;
}

structure! {
    /// The figures of one group: integers, and what follows from them by exact arithmetic.
    pub struct GroupFigures {
        /// Which group.
        pub group: GroupKey,
        /// The quantities, in the order of the request.
        pub results: Vec<QuantityResult>,
        /// Mean in the measure's unit with the normal interval where the deviation is known too.
        pub mean: Option<Mean>,
        /// Standard deviation (n - 1) in the measure's unit.
        pub sd: Option<Decimal>,
        /// The bands, if all their counts are known.
        pub bands: Vec<BandShare>,
    }
}

impl Item for GroupFigures {
    const MAX_COUNT: usize = limits::MAX_GROUPS;
}

structure! {
    /// A mean.
    pub struct Mean {
        /// The mean, in the measure's unit.
        pub estimate: Decimal,
        /// Lower and upper end of the 95 % interval, if the deviation is known.
        pub interval: Option<Interval>,
    }
}

structure! {
    /// An interval of 95 %, clipped to the measure's range.
    pub struct Interval {
        /// Lower end.
        pub low: Decimal,
        /// Upper end.
        pub high: Decimal,
    }
}

structure! {
    /// A release.
    pub struct Release {
        /// Digests of all definitions: what the trust root's catalogue digest is over.
        pub catalogue: CatalogueIndex,
        /// The definition of the measure that was asked.
        pub definition: Measure,
        /// What the custodians checked.
        pub dossier: Dossier,
        /// The answers whose shares were combined: as many as each jurisdiction's threshold.
        pub answers: Vec<Signed<Answer>>,
        /// The figures.
        pub figures: Vec<GroupFigures>,
    }
}
document!(Release, b"NcRl", limits::MAX_RELEASE_BYTES);
