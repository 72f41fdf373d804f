//! How a record is recognised: by codes, each with the units that it may be given in.
//!
//! Kept true: a code counts within its own code system alone; a unit is taken only where the measure lists it and,
//! if the code names units, where the code names it too. LOINC codes tell mass from amount of substance (2339-0 is
//! mg/dL, 15074-8 mmol/L), so a unit that contradicts its code is a mistake and never a conversion.

use serde::{Deserialize, Serialize};

use crate::{
    canonical::{Decode, DecodeError, Decoder, Encode, Encoder, Item},
    decimal::Decimal,
    id::Text,
    structure,
};

structure! {
    /// A code that a record is recognised by.
    pub struct Code {
        /// The code system's URI.
        pub system: Text<128>,
        /// The code.
        pub code: Text<64>,
        /// If the value is a component: codes of the same system that the panel around it must carry one of.
        pub within: Vec<PanelCode>,
        /// Which of the measure's units the code takes; none listed: all.
        pub units: Vec<UnitCode>,
    }
}

impl Item for Code {
    const MAX_COUNT: usize = 32;
}

impl Code {
    /// Whether the code takes that unit of the measure.
    pub fn takes(&self, unit: &UnitFactor) -> bool {
        self.units.is_empty() || self.units.iter().any(|taken| taken.0 == unit.code)
    }

    /// Whether a record that carries the one carries the other.
    pub fn is_shared_with(&self, other: &Self) -> bool {
        self.system == other.system && self.code == other.code
    }
}

/// The code of a panel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct PanelCode(pub Text<64>);

impl Item for PanelCode {
    const MAX_COUNT: usize = 16;
}

impl Encode for PanelCode {
    fn encode(&self, out: &mut Encoder) {
        self.0.encode(out);
    }
}

impl Decode for PanelCode {
    fn decode(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        Ok(Self(Text::decode(input)?))
    }
}

/// A UCUM unit by its code, case-sensitive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct UnitCode(pub Text<32>);

impl Item for UnitCode {
    const MAX_COUNT: usize = 16;
}

impl Encode for UnitCode {
    fn encode(&self, out: &mut Encoder) {
        self.0.encode(out);
    }
}

impl Decode for UnitCode {
    fn decode(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        Ok(Self(Text::decode(input)?))
    }
}

structure! {
    /// A UCUM unit that is accepted, and its exact conversion to the measure's own: `value × times / over + plus`.
    pub struct UnitFactor {
        /// The UCUM code, case-sensitive.
        pub code: Text<32>,
        /// Multiply by this …
        pub times: Decimal,
        /// … divide by this …
        pub over: Decimal,
        /// … and add this, in the measure's own unit.
        pub plus: Decimal,
    }
}

impl Item for UnitFactor {
    const MAX_COUNT: usize = 16;
}

impl UnitFactor {
    /// Whether it is the measure's own unit, or another name of it.
    pub fn is_identity(&self) -> bool {
        let ratio = |decimal: Decimal, other: Decimal| u128::from(decimal.mantissa()) * u128::from(other.denominator());
        ratio(self.times, self.over) == ratio(self.over, self.times) && self.plus.mantissa() == 0
    }
}
