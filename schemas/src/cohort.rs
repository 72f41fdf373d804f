//! Cohort: the quasi-identifiers a record keeps. Month, region, sex, five-year age band; nothing finer exists.

use std::{borrow::Cow, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{
    canonical::{Decode, DecodeError, Decoder, Encode, Encoder, Item},
    enumeration,
    measure::MeasureRef,
    region::Region,
    structure,
};

macro_rules! text_json {
    ($name:ident) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Cow::<str>::deserialize(deserializer)?.parse().map_err(D::Error::custom)
            }
        }
    };
}
pub(crate) use text_json;

/// A calendar month, `2026-01`, of the years 1900 to 2199.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period {
    year: u16,
    month: u8,
}

impl Period {
    /// January 1900.
    pub const FIRST: Self = Self { year: 1900, month: 1 };

    /// The month of that year, if both are in range.
    pub fn new(year: u16, month: u8) -> Result<Self, String> {
        if !(1900..2200).contains(&year) || !(1..=12).contains(&month) {
            return Err(format!("{year:04}-{month:02} is not a month of the years 1900 to 2199"));
        }
        Ok(Self { year, month })
    }

    /// The year.
    pub fn year(self) -> u16 {
        self.year
    }

    /// The month, 1 to 12.
    pub fn month(self) -> u8 {
        self.month
    }

    /// Months since January 1900; consecutive months differ by one.
    pub fn ordinal(self) -> u32 {
        (u32::from(self.year) - 1900) * 12 + u32::from(self.month) - 1
    }

    /// The month after, unless it is 2200.
    pub fn next(self) -> Result<Self, String> {
        match self.month {
            12 => Self::new(self.year + 1, 1),
            month => Self::new(self.year, month + 1),
        }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{:04}-{:02}", self.year, self.month))
    }
}

impl FromStr for Period {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let explain = || format!("`{text}` is not a month; write 2026-01");
        let (year, month) = text.split_once('-').ok_or_else(explain)?;
        if year.len() != 4 || month.len() != 2 || !text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') {
            return Err(explain());
        }
        Self::new(year.parse().map_err(|_| explain())?, month.parse().map_err(|_| explain())?)
    }
}
text_json!(Period);

impl Encode for Period {
    fn encode(&self, out: &mut Encoder) {
        out.field("year", |out| self.year.encode(out));
        out.field("month", |out| self.month.encode(out));
    }
}

impl Decode for Period {
    fn decode(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        Self::new(u16::decode(input)?, u8::decode(input)?).map_err(|error| DecodeError::invalid("period", error))
    }
}

enumeration! {
    /// Administrative sex, as FHIR's `AdministrativeGender` has it.
    pub enum Sex {
        /// `female`
        Female = 1 as "female",
        /// `male`
        Male = 2 as "male",
        /// `other`
        Other = 3 as "other",
        /// `unknown`
        Unknown = 4 as "unknown",
    }
}

impl Item for Sex {
    const MAX_COUNT: usize = 4;
}

/// A five-year age band, `45-49`; ages of 85 and more are one band, `85+`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AgeBand(u8);

impl AgeBand {
    /// The oldest band, `85+`.
    pub const TOP: Self = Self(17);

    /// The band of an age in completed years.
    pub fn of_age(years: u32) -> Self {
        Self((years / 5).min(17) as u8)
    }

    /// The youngest age of the band, in years.
    pub fn from_age(self) -> u32 {
        u32::from(self.0) * 5
    }

    /// The oldest age of the band, in years; none for `85+`.
    pub fn to_age(self) -> Option<u32> {
        (self != Self::TOP).then(|| self.from_age() + 4)
    }
}

impl fmt::Display for AgeBand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_age() {
            Some(to) => f.pad(&format!("{}-{to}", self.from_age())),
            None => f.pad("85+"),
        }
    }
}

impl FromStr for AgeBand {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        (0..=17)
            .map(Self)
            .find(|band| band.to_string() == text)
            .ok_or_else(|| format!("`{text}` is not a five-year age band; they are 0-4, 5-9, … 80-84, 85+"))
    }
}
text_json!(AgeBand);

impl Encode for AgeBand {
    fn encode(&self, out: &mut Encoder) {
        self.0.encode(out);
    }
}

impl Decode for AgeBand {
    fn decode(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        match u8::decode(input)? {
            band @ 0..=17 => Ok(Self(band)),
            other => Err(DecodeError::invalid("age band", format!("no band {other}"))),
        }
    }
}

structure! {
    /// The cell a contribution is counted in. Cells are ordered by these fields in this order.
    #[derive(PartialOrd, Ord, Hash)]
    pub struct CellKey {
        /// What was measured, by which version of its definition.
        pub measure: MeasureRef,
        /// The month of the chosen value.
        pub period: Period,
        /// Where the provider is.
        pub region: Region,
        /// Administrative sex.
        pub sex: Sex,
        /// Age at the chosen value.
        pub age_band: AgeBand,
    }
}

impl fmt::Display for CellKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} {} {}", self.measure, self.period, self.region, self.sex, self.age_band)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_fall_into_five_year_bands_with_a_top_code() {
        for (age, band) in [(0, "0-4"), (4, "0-4"), (5, "5-9"), (84, "80-84"), (85, "85+"), (120, "85+")] {
            assert_eq!(AgeBand::of_age(age).to_string(), band);
            assert_eq!(band.parse::<AgeBand>().unwrap(), AgeBand::of_age(age));
        }
        assert!("46-50".parse::<AgeBand>().is_err());
    }

    #[test]
    fn a_month_is_written_one_way() {
        assert_eq!("2026-01".parse::<Period>().unwrap().to_string(), "2026-01");
        for bad in ["2026-1", "2026-13", "2026-00", "1899-12", "26-01", "2026-01-01", "+026-01", ""] {
            assert!(bad.parse::<Period>().is_err(), "{bad}");
        }
        let december: Period = "2025-12".parse().unwrap();
        assert_eq!(december.next().unwrap().to_string(), "2026-01");
        assert_eq!(december.next().unwrap().ordinal(), december.ordinal() + 1);
    }
}
