//! Exact arithmetic between readings and steps: rationals throughout, and the one rounding.

use nacre_schemas::{decimal::Decimal, measure::Measure};
use num_bigint::BigInt;
use num_rational::BigRational;

/// A catalogue's decimal as a rational.
pub(crate) fn rational(decimal: Decimal) -> BigRational {
    BigRational::new(BigInt::from(decimal.mantissa()), BigInt::from(decimal.denominator()))
}

/// The number of steps nearest to a value that is not negative; half a step goes up.
pub(crate) fn steps_half_up(value: &BigRational, step: Decimal) -> Option<u32> {
    let half = BigRational::new(BigInt::from(1), BigInt::from(2));
    u32::try_from((value / rational(step) + half).floor().to_integer()).ok()
}

/// Whether the value, in the measure's own unit, lies in its range before any rounding.
pub(crate) fn is_in_range(measure: &Measure, value: &BigRational) -> bool {
    let step = rational(measure.step);
    let limit = |steps: u32| BigRational::from_integer(steps.into()) * &step;
    (limit(measure.lo)..=limit(measure.hi)).contains(value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn half_a_step_goes_up_as_integers_have_it(
            numerator in 0_u64..1 << 40, denominator in 1_u64..1 << 20, mantissa in 1_u64..1_000, places in 0_u8..4,
        ) {
            let step = Decimal::new(mantissa, places).unwrap();
            // numerator / denominator / (mantissa / 10^places), doubled, plus one, halved, all in integers.
            let (up, down) = (u128::from(numerator) * u128::from(step.denominator()), u128::from(denominator) * u128::from(mantissa));
            let expected = (2 * up + down) / (2 * down);
            let value = BigRational::new(numerator.into(), denominator.into());
            prop_assert_eq!(steps_half_up(&value, step).map(u128::from), u32::try_from(expected).ok().map(u128::from));
        }
    }
}
