//! Decimals exactly as JSON writes them. They can exceed a double, and `0.1 + 0.2` must be `0.3` at a band's edge.
//!
//! Kept true: the rational is the number of the text, to the last digit. What would take unreasonable memory is
//! refused: [`MAX_DIGITS`] digits and exponents beyond ±[`MAX_EXPONENT`] bound a number to some fifty bytes.

use num_bigint::BigInt;
use num_rational::BigRational;

use crate::refusal::Reason;

/// Digits before the exponent, at most.
pub(crate) const MAX_DIGITS: usize = 64;
/// The exponent's magnitude, at most.
pub(crate) const MAX_EXPONENT: i32 = 32;

/// Why a JSON value is not a number that is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NumberError {
    /// It is another kind of JSON value.
    NotANumber,
    /// It has more digits, or a larger exponent, than are taken.
    TooLong,
}

impl From<NumberError> for Reason {
    fn from(error: NumberError) -> Self {
        match error {
            NumberError::NotANumber => Self::NotANumber,
            NumberError::TooLong => Self::NumberTooLong,
        }
    }
}

/// The number that a JSON value's text stands for.
pub(crate) fn exact(json: &str) -> Result<BigRational, NumberError> {
    if !json.starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
        return Err(NumberError::NotANumber);
    }
    let (significand, exponent) = match json.split_once(['e', 'E']) {
        Some((significand, exponent)) => (significand, exponent.parse().map_err(|_| NumberError::TooLong)?),
        None => (json, 0_i32),
    };
    let (whole, fraction) = significand.split_once('.').unwrap_or((significand, ""));
    let digits = format!("{whole}{fraction}");
    if digits.trim_start_matches('-').len() > MAX_DIGITS || !(-MAX_EXPONENT..=MAX_EXPONENT).contains(&exponent) {
        return Err(NumberError::TooLong);
    }
    let mantissa: BigInt = digits.parse().map_err(|_| NumberError::NotANumber)?;
    // At most MAX_DIGITS places, so this neither overflows nor grows beyond 10^96.
    let places = fraction.len() as i32 - exponent;
    let power = BigInt::from(10).pow(places.unsigned_abs());
    Ok(if places >= 0 { BigRational::new(mantissa, power) } else { BigRational::from_integer(mantissa * power) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ratio(numerator: i128, denominator: i128) -> BigRational {
        BigRational::new(numerator.into(), denominator.into())
    }

    #[test]
    fn every_digit_of_a_number_counts() {
        for (text, expected) in [
            ("0", ratio(0, 1)),
            ("-0.0", ratio(0, 1)),
            ("127.26700882790468", ratio(12_726_700_882_790_468, 100_000_000_000_000)),
            ("1e3", ratio(1_000, 1)),
            ("1.5E-2", ratio(3, 200)),
            ("1.50e+1", ratio(15, 1)),
            ("-7.25", ratio(-29, 4)),
        ] {
            assert_eq!(exact(text), Ok(expected), "{text}");
        }
        let below = exact("119.99999999999999999999999999999999").unwrap();
        assert!(below < ratio(120, 1), "a double would have made it 120");
    }

    #[test]
    fn numbers_that_cost_too_much_are_refused() {
        let longest = "9".repeat(MAX_DIGITS);
        assert!(exact(&longest).is_ok() && exact("1e32").is_ok() && exact("1e-32").is_ok());
        for text in
            [format!("{longest}0"), format!("0.{longest}"), "1e33".into(), "1e-245".into(), "1e99999999999".into()]
        {
            assert_eq!(exact(&text), Err(NumberError::TooLong), "{text}");
        }
    }

    #[test]
    fn other_json_values_are_not_numbers() {
        for text in ["\"120\"", "null", "true", "[1]", "{}", "-"] {
            assert_eq!(exact(text), Err(NumberError::NotANumber), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_decimal_is_its_mantissa_over_its_power(mantissa in any::<i64>(), places in 0_u32..18) {
            let power = 10_i128.pow(places);
            let magnitude = i128::from(mantissa).unsigned_abs();
            let (whole, fraction) = (magnitude / power as u128, magnitude % power as u128);
            let sign = if mantissa < 0 { "-" } else { "" };
            let text = match places {
                0 => format!("{sign}{whole}"),
                _ => format!("{sign}{whole}.{fraction:0width$}", width = places as usize),
            };
            prop_assert_eq!(exact(&text), Ok(ratio(i128::from(mantissa), power)));
        }
    }
}
