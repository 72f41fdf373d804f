//! A value computed from other measures of the same person.
//!
//! Kept true: a derivation is data, exact, and from values that belong together: the components of one panel, or
//! readings of one civil day. Nothing is rounded before the end of the month's reduction.

use serde::{Deserialize, Serialize};

use crate::{
    canonical::{Decode, DecodeError, Decoder, Encode, Encoder, Item},
    decimal::Decimal,
    measure::MeasureRef,
    structure,
};

impl Item for MeasureRef {
    const MAX_COUNT: usize = 8;
}

structure! {
    /// The class of a panel, from 1: the greatest, over the parts, of 1 + the position of the band that holds the
    /// part's value once rounded to its step. The panel must hold every part, or it has no class.
    pub struct WorstBand {
        /// The parts, all of one panel.
        pub of: Vec<MeasureRef>,
    }
}

structure! {
    /// `dividend / divisor^power × times / over`, each in its measure's own unit, for months that hold no direct
    /// reading: for each dividend the latest divisor of the same civil day.
    pub struct Quotient {
        /// Above the line.
        pub dividend: MeasureRef,
        /// Below the line.
        pub divisor: MeasureRef,
        /// The divisor's exponent, 1 to 4.
        pub power: u8,
        /// Multiply by this …
        pub times: Decimal,
        /// … and divide by this.
        pub over: Decimal,
    }
}

/// How a measure follows from others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Derivation {
    /// From the components of one panel; there are no direct readings.
    WorstBand(WorstBand),
    /// From two measures, where a month has no direct reading.
    Quotient(Quotient),
}

impl Derivation {
    /// The measures it is computed from.
    pub fn parts(&self) -> Vec<&MeasureRef> {
        match self {
            Self::WorstBand(worst) => worst.of.iter().collect(),
            Self::Quotient(quotient) => vec![&quotient.dividend, &quotient.divisor],
        }
    }
}

impl Encode for Derivation {
    fn encode(&self, out: &mut Encoder) {
        let (code, name, body): (u8, &str, &dyn Encode) = match self {
            Self::WorstBand(body) => (1, "worst-band", body),
            Self::Quotient(body) => (2, "quotient", body),
        };
        out.field("kind", |out| code.encode(out));
        out.field(name, |out| body.encode(out));
    }
}

impl Decode for Derivation {
    fn decode(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        Ok(match u8::decode(input)? {
            1 => Self::WorstBand(Decode::decode(input)?),
            2 => Self::Quotient(Decode::decode(input)?),
            other => return Err(DecodeError::invalid("derivation", format!("no kind {other}"))),
        })
    }
}
