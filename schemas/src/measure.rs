//! A measure: what is counted, in which unit and step, within which range, by which bands.
//!
//! The definition is part of what is proven: every contribution's transcript holds the digest of the
//! definition, so a value proven for one unit, range or version counts under no other.
//!
//! How a month's readings become an integer, in order, exactly, with one rounding: each reading is converted to the
//! measure's own unit ([`UnitFactor`]); the month's readings are reduced to one value ([`Reduction`]); that value is
//! divided by the step and rounded, half a step up; the band is that of the rounded integer.

pub mod derivation;
pub mod recognition;

use std::{borrow::Cow, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{
    canonical::{Decode, DecodeError, Decoder, Encode, Encoder, Item},
    cohort::text_json,
    decimal::Decimal,
    document, enumeration,
    id::{ChainId, MeasureId, Text},
    limits,
    query::Statistic,
    structure,
};

pub use derivation::{Derivation, Quotient, WorstBand};
pub use recognition::{Code, PanelCode, UnitCode, UnitFactor};

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

impl Domain {
    /// The main chain that requests on its measures are logged on.
    pub fn main_chain(self) -> ChainId {
        format!("main/{self}").parse().expect("a domain's word makes a name")
    }
}

enumeration! {
    /// How a month's readings become its value.
    ///
    /// A reading belongs to the month of its civil day, in its own time zone: the day it was taken, or on which the
    /// period it is over ended; a period that ends at midnight ended on the day before. *The latest* of several
    /// readings is that of the latest instant, of equal instants that with the lowest source id; a date without a
    /// time stands before every time of that day. Month and age are those of the chosen reading's day; for a mean,
    /// of the latest reading that is part of it.
    pub enum Reduction {
        /// The latest reading.
        Latest = 1 as "latest",
        /// The mean over the civil days that have a reading, each counted by its latest. A reading is the whole day's
        /// count, so none is over a period longer than a day.
        MeanOfDays = 2 as "mean-of-days",
        /// The mean over all readings.
        MeanOfReadings = 3 as "mean-of-readings",
        /// The mean over the nights that have a reading, a night being named by the civil day of waking. Each counts
        /// by its longest reading, so a nap does not stand for the night; of equally long ones, by the latest.
        MeanOfNights = 4 as "mean-of-nights",
        /// The mean over the ISO 8601 weeks (Monday to Sunday) that have a reading; each week counts by the mean of
        /// its days, each day by its latest reading. Readings are rates a week; one that is given a day, `min/d`,
        /// counts as seven times that, so a week with all seven days counts by their sum. Of a week that two months
        /// share, each month has its own days.
        MeanOfWeeks = 5 as "mean-of-weeks",
    }
}

enumeration! {
    /// What arithmetic a measure's integers bear.
    pub enum Scale {
        /// Amounts: sums mean something.
        Quantity = 1 as "quantity",
        /// Classes in order: counts of them mean something, their mean does not.
        Ordinal = 2 as "ordinal",
    }
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
        /// How it follows from other measures, if it does.
        pub derivation: Option<Derivation>,
        /// Whether it is an amount or a class.
        pub scale: Scale,
        /// Lower limits of the second and later bands, in steps. The first begins at `lo`.
        pub cuts: Vec<Cut>,
        /// Those of them that part the coarse bands of the cross lane: 2, 4 or 8 bands.
        pub cross_cuts: Vec<Cut>,
        /// Where the range and the bands come from.
        pub source: Text<512>,
    }
}
document!(Measure, b"NcMs", 16_384);

/// The lower limit of a band, in steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
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
        self.parted_by(&self.cuts)
    }

    /// The coarse bands of the cross lane, which partition `lo..=hi` too.
    pub fn cross_bands(&self) -> Vec<Band> {
        self.parted_by(&self.cross_cuts)
    }

    fn parted_by(&self, cuts: &[Cut]) -> Vec<Band> {
        let floors = std::iter::once(self.lo).chain(cuts.iter().map(|cut| cut.0));
        let ceilings = cuts.iter().map(|cut| cut.0 - 1).chain([self.hi]);
        floors.zip(ceilings).map(|(lo, hi)| Band { lo, hi }).collect()
    }

    /// The position of the band that holds the value, if it is in range.
    pub fn band_of(&self, value: u32) -> Option<usize> {
        self.bands().iter().position(|band| (band.lo..=band.hi).contains(&value))
    }

    /// The main chain that requests on this measure are logged on.
    pub fn main_chain(&self) -> ChainId {
        self.domain.main_chain()
    }

    /// Whether the statistic means something for this measure.
    pub fn offers(&self, statistic: Statistic) -> bool {
        match statistic {
            Statistic::Count | Statistic::Bands => true,
            Statistic::Mean | Statistic::Sd => self.scale == Scale::Quantity,
        }
    }

    /// Whether all of these statistics are offered. Says which is not, and why.
    pub fn check_statistics(&self, statistics: &[Statistic]) -> Result<(), String> {
        match statistics.iter().find(|statistic| !self.offers(**statistic)) {
            None => Ok(()),
            Some(refused) => Err(format!(
                "{} is a class, so its {refused} has no meaning; ask for count and bands",
                self.reference()
            )),
        }
    }

    /// Whether the definition is one that the proofs can carry. Says what is wrong.
    pub fn check(&self) -> Result<(), String> {
        if self.version == 0 {
            return Err("versions count from 1".to_owned());
        }
        self.check_range_and_bands()?;
        self.check_cross_bands()?;
        self.check_codes_and_units()?;
        self.check_derivation()
    }

    fn check_range_and_bands(&self) -> Result<(), String> {
        let bands = self.cuts.len() + 1;
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
        Ok(())
    }

    fn check_cross_bands(&self) -> Result<(), String> {
        let bands = self.cross_cuts.len() + 1;
        if bands < limits::MIN_BANDS || !bands.is_power_of_two() {
            return Err(format!("{bands} cross bands; there are 2, 4 or 8"));
        }
        if !self.cross_cuts.windows(2).all(|pair| pair[0] < pair[1]) {
            return Err("the cuts of the cross bands do not rise".to_owned());
        }
        match self.cross_cuts.iter().find(|cut| !self.cuts.contains(cut)) {
            None => Ok(()),
            Some(cut) => Err(format!("the cross bands are cut at {} steps, where no band begins", cut.0)),
        }
    }

    fn check_codes_and_units(&self) -> Result<(), String> {
        if self.units.is_empty() || self.codes.is_empty() {
            return Err("a measure needs a unit and a code".to_owned());
        }
        let zero = |decimal: &Decimal| decimal.mantissa() == 0;
        if zero(&self.step) || self.units.iter().any(|unit| zero(&unit.times) || zero(&unit.over)) {
            return Err("a step or factor is zero".to_owned());
        }
        if !self.units.first().is_some_and(UnitFactor::is_identity) {
            return Err(format!("the first unit, {}, is the measure's own and is not converted", self.unit()));
        }
        let twice = |position: usize| self.units[..position].iter().any(|unit| unit.code == self.units[position].code);
        if let Some(position) = (0..self.units.len()).find(|position| twice(*position)) {
            return Err(format!("the unit {} is listed twice", self.units[position].code));
        }
        let twice =
            |position: usize| self.codes[..position].iter().any(|code| code.is_shared_with(&self.codes[position]));
        if let Some(position) = (0..self.codes.len()).find(|position| twice(*position)) {
            return Err(format!("the code {} is listed twice", self.codes[position].code));
        }
        for code in &self.codes {
            if let Some(unit) = code.units.iter().find(|unit| self.units.iter().all(|known| known.code != unit.0)) {
                return Err(format!("the code {} takes {}, which is no unit of the measure", code.code, unit.0));
            }
        }
        Ok(())
    }

    /// What a derivation demands of the measure itself; what it demands of its parts is the catalogue's to check.
    fn check_derivation(&self) -> Result<(), String> {
        if self.scale == Scale::Ordinal && self.reduction != Reduction::Latest {
            return Err(format!("a class has no mean, so its reduction is latest and not {}", self.reduction));
        }
        match &self.derivation {
            None => Ok(()),
            Some(Derivation::WorstBand(worst)) => {
                let one = self.step.mantissa() == self.step.denominator();
                if worst.of.len() < 2 || self.scale != Scale::Ordinal || self.lo != 1 || !one {
                    return Err(
                        "the worst band is an ordinal class from 1, in steps of 1, of two parts or more".to_owned()
                    );
                }
                Ok(())
            }
            Some(Derivation::Quotient(quotient)) => {
                let zero = quotient.times.mantissa() == 0 || quotient.over.mantissa() == 0;
                if zero || !(1..=4).contains(&quotient.power) || self.scale == Scale::Ordinal {
                    return Err("a quotient is an amount, by powers 1 to 4 and factors other than zero".to_owned());
                }
                Ok(())
            }
        }
    }
}
