//! A measure: what is counted, in which unit and step, within which range, by which bands.
//!
//! The definition is part of what is proven: every contribution's transcript holds the digest of the
//! definition, so a value proven for one unit, range or version counts under no other.

use std::{borrow::Cow, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{
    canonical::{Decode, DecodeError, Decoder, Encode, Encoder, Item},
    cohort::text_json,
    decimal::Decimal,
    document, enumeration,
    id::{MeasureId, Text},
    limits, structure,
};

/// A measure by name and version: `systolic-bp@1`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MeasureRef {
    /// The measure.
    pub id: MeasureId,
    /// The version of its definition, from 1.
    pub version: u16,
}

impl fmt::Display for MeasureRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}@{}", self.id, self.version))
    }
}

impl FromStr for MeasureRef {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let explain = || format!("`{text}` is not a measure with its version, as systolic-bp@1");
        let (id, version) = text.split_once('@').ok_or_else(explain)?;
        let version: u16 = version.parse().map_err(|_| explain())?;
        let found = Self { id: id.parse()?, version };
        if found.to_string() == text && version > 0 { Ok(found) } else { Err(explain()) }
    }
}
text_json!(MeasureRef);

impl Encode for MeasureRef {
    fn encode(&self, out: &mut Encoder) {
        out.field("id", |out| self.id.encode(out));
        out.field("version", |out| self.version.encode(out));
    }
}

impl Decode for MeasureRef {
    fn decode(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        Ok(Self { id: MeasureId::decode(input)?, version: u16::decode(input)? })
    }
}

enumeration! {
    /// Which authority supervises the measure, hence which main chain its requests are logged on.
    pub enum Domain {
        /// `main/health`
        Health = 1 as "health",
        /// `main/sport`
        Sport = 2 as "sport",
    }
}

enumeration! {
    /// How a month's readings become its value.
    pub enum Reduction {
        /// The latest reading; of several at one instant the one with the lowest source id.
        Latest = 1 as "latest",
        /// The mean over the days that have a reading of that day's value: its latest whole-day count.
        MeanOfDays = 2 as "mean-of-days",
    }
}

structure! {
    /// A code that a record is recognised by.
    pub struct Code {
        /// The code system's URI.
        pub system: Text<128>,
        /// The code.
        pub code: Text<64>,
        /// If the value is a component: codes of the same system that the panel around it must carry one of.
        pub within: Vec<PanelCode>,
    }
}

impl Item for Code {
    const MAX_COUNT: usize = 32;
}

/// The code of a panel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

structure! {
    /// A UCUM unit that is accepted, with the exact factor to the measure's own unit.
    pub struct UnitFactor {
        /// The UCUM code, case-sensitive.
        pub code: Text<32>,
        /// Multiply by this …
        pub times: Decimal,
        /// … and divide by this.
        pub over: Decimal,
    }
}

impl Item for UnitFactor {
    const MAX_COUNT: usize = 16;
}

structure! {
    /// A measure's definition. Values are integers: a quantity is `value × step` in the first unit.
    pub struct Measure {
        /// Name.
        pub id: MeasureId,
        /// Version of this definition, from 1.
        pub version: u16,
        /// What it is, for people.
        pub title: Text<128>,
        /// Whose supervision it is under.
        pub domain: Domain,
        /// How records name it.
        pub codes: Vec<Code>,
        /// Units accepted; the first is the measure's own.
        pub units: Vec<UnitFactor>,
        /// One step, in the measure's own unit.
        pub step: Decimal,
        /// Least value, in steps.
        pub lo: u32,
        /// Greatest value, in steps.
        pub hi: u32,
        /// Month's value.
        pub reduction: Reduction,
        /// Lower limits of the second and later bands, in steps. The first begins at `lo`.
        pub cuts: Vec<Cut>,
        /// Where the range and the bands come from.
        pub source: Text<512>,
    }
}
document!(Measure, b"NcMs", 16_384);

/// The lower limit of a band, in steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cut(pub u32);

impl Item for Cut {
    const MAX_COUNT: usize = limits::MAX_BANDS - 1;
}

impl Encode for Cut {
    fn encode(&self, out: &mut Encoder) {
        self.0.encode(out);
    }
}

impl Decode for Cut {
    fn decode(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        Ok(Self(u32::decode(input)?))
    }
}

/// One band: the values `lo..=hi`, in steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Band {
    /// Least value.
    pub lo: u32,
    /// Greatest value.
    pub hi: u32,
}

impl Measure {
    /// Name and version.
    pub fn reference(&self) -> MeasureRef {
        MeasureRef { id: self.id.clone(), version: self.version }
    }

    /// The measure's own unit.
    pub fn unit(&self) -> &str {
        self.units.first().map_or("1", |unit| unit.code.as_str())
    }

    /// The bands, which partition `lo..=hi`.
    pub fn bands(&self) -> Vec<Band> {
        let floors = std::iter::once(self.lo).chain(self.cuts.iter().map(|cut| cut.0));
        let ceilings = self.cuts.iter().map(|cut| cut.0 - 1).chain([self.hi]);
        floors.zip(ceilings).map(|(lo, hi)| Band { lo, hi }).collect()
    }

    /// The position of the band that holds the value, if it is in range.
    pub fn band_of(&self, value: u32) -> Option<usize> {
        self.bands().iter().position(|band| (band.lo..=band.hi).contains(&value))
    }

    /// The main chain that requests on this measure are logged on.
    pub fn main_chain(&self) -> crate::id::ChainId {
        format!("main/{}", self.domain).parse().expect("a domain's word makes a name")
    }

    /// Whether the definition is one that the proofs can carry. Says what is wrong.
    pub fn check(&self) -> Result<(), String> {
        let bands = self.cuts.len() + 1;
        if self.version == 0 {
            return Err("versions count from 1".to_owned());
        }
        if self.lo >= self.hi || self.hi >= limits::MAX_VALUE || self.hi - self.lo >= limits::MAX_VALUE_SPAN {
            return Err(format!("range {}..={} steps is empty or too wide", self.lo, self.hi));
        }
        if !(limits::MIN_BANDS..=limits::MAX_BANDS).contains(&bands) {
            return Err(format!("{bands} bands; there are {} to {}", limits::MIN_BANDS, limits::MAX_BANDS));
        }
        let floors: Vec<u32> = std::iter::once(self.lo).chain(self.cuts.iter().map(|cut| cut.0)).collect();
        if !floors.windows(2).all(|pair| pair[0] < pair[1]) || floors.last().is_some_and(|last| *last > self.hi) {
            return Err("the cuts do not rise within the range".to_owned());
        }
        if self.units.is_empty() || self.codes.is_empty() {
            return Err("a measure needs a unit and a code".to_owned());
        }
        let zero = |decimal: &Decimal| decimal.mantissa() == 0;
        if zero(&self.step) || self.units.iter().any(|unit| zero(&unit.times) || zero(&unit.over)) {
            return Err("a step or factor is zero".to_owned());
        }
        Ok(())
    }
}
