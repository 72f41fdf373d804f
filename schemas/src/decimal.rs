//! An exact, non-negative decimal as definitions and figures use it: `0.1`, `18.016`, `127.3`.

use std::{borrow::Cow, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{
    canonical::{Decode, DecodeError, Decoder, Encode, Encoder},
    cohort::text_json,
};

/// `mantissa / 10^places`, kept as written: `0.10` and `0.1` are different texts, hence different values here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decimal {
    mantissa: u64,
    places: u8,
}

impl Decimal {
    /// The most decimal places.
    pub const MAX_PLACES: u8 = 12;
    /// `0`.
    pub const ZERO: Self = Self { mantissa: 0, places: 0 };
    /// `1`.
    pub const ONE: Self = Self { mantissa: 1, places: 0 };

    /// `mantissa / 10^places`.
    pub fn new(mantissa: u64, places: u8) -> Result<Self, String> {
        if places > Self::MAX_PLACES {
            return Err(format!("{places} decimal places; at most {} are taken", Self::MAX_PLACES));
        }
        Ok(Self { mantissa, places })
    }

    /// The digits as an integer.
    pub fn mantissa(self) -> u64 {
        self.mantissa
    }

    /// How many of them stand behind the point.
    pub fn places(self) -> u8 {
        self.places
    }

    /// `10^places`.
    pub fn denominator(self) -> u64 {
        10_u64.pow(u32::from(self.places))
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.places == 0 {
            return f.pad(&self.mantissa.to_string());
        }
        let places = usize::from(self.places);
        f.pad(&format!("{}.{:0places$}", self.mantissa / self.denominator(), self.mantissa % self.denominator()))
    }
}

impl FromStr for Decimal {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = || format!("{whole}{fraction}");
        let places = u8::try_from(fraction.len()).map_err(|_| format!("`{text}` has too many digits"))?;
        let mantissa = digits().parse().map_err(|_| format!("`{text}` is not a decimal number"))?;
        let found = Self::new(mantissa, places)?;
        if found.to_string() == text {
            Ok(found)
        } else {
            Err(format!("`{text}` is not a plain decimal; write {found}"))
        }
    }
}
text_json!(Decimal);

impl Encode for Decimal {
    fn encode(&self, out: &mut Encoder) {
        out.field("mantissa", |out| self.mantissa.encode(out));
        out.field("places", |out| self.places.encode(out));
    }
}

impl Decode for Decimal {
    fn decode(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        Self::new(u64::decode(input)?, u8::decode(input)?).map_err(|error| DecodeError::invalid("decimal", error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_reads_back_as_written() {
        for text in ["0", "1", "0.1", "18.016", "0.10", "200000"] {
            assert_eq!(text.parse::<Decimal>().unwrap().to_string(), text);
        }
        for bad in ["", ".5", "1.", "-1", "+1", "1e3", "01", "1.2.3", "0.0000000000001", "99999999999999999999"] {
            assert!(bad.parse::<Decimal>().is_err(), "{bad}");
        }
    }
}
