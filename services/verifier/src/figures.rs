//! Figures from integers, by exact arithmetic: whoever computes them gets the same digits.
//!
//! With n values v in steps, S = Σv, Q = Σv² and the step s: mean = S·s/n; SD² = (nQ - S²)/(n(n - 1))·s²; the mean's
//! 95 % interval is mean ± 1.96·SD/√n (normal), clipped to the measure's range; a band's share c/n has the Wilson score
//! interval (Wilson 1927) with z = 1.96. Each is rounded once, half up: means and deviations to two places more than
//! the step, percentages to two. An interval's ends are the rounded estimate and the rounded half-width, combined.

use nacre_schemas::{
    decimal::Decimal,
    measure::Measure,
    query::{GroupKey, Quantity, Request, Statistic},
    release::{BandShare, Estimate, GroupFigures, Interval, Mean, Outcome, QuantityResult},
};
use num_bigint::BigUint;
use num_traits::ToPrimitive as _;

use crate::failure::{Check, Failure};

/// Decimal places that means and deviations have more than the step.
const EXTRA_PLACES: u8 = 2;
/// z² of a 95 % interval, 1.96², in ten-thousandths.
const Z_SQUARED: u64 = 38_416;
/// Decimal places of a percentage.
const PERCENT_PLACES: u8 = 2;

/// `numerator / denominator`, rounded half up.
fn rounded(numerator: &BigUint, denominator: &BigUint) -> BigUint {
    (numerator * 2_u8 + denominator) / (denominator * 2_u8)
}

/// `√(numerator / denominator)`, rounded half up: ⌊(⌊2x⌋ + 1)/2⌋ with ⌊2x⌋ = ⌊√⌊4x²⌋⌋.
fn rounded_root(numerator: &BigUint, denominator: &BigUint) -> BigUint {
    (((numerator * 4_u8) / denominator).sqrt() + 1_u8) / 2_u8
}

struct Scale {
    places: u8,
    /// Units of the last place in one step.
    step: BigUint,
}

impl Scale {
    fn of(measure: &Measure) -> Result<Self, Failure> {
        let places = measure.step.places() + EXTRA_PLACES;
        let step = BigUint::from(measure.step.mantissa()) * 10_u64.pow(u32::from(EXTRA_PLACES));
        Ok(Self { places, step })
    }

    fn decimal(&self, value: &BigUint) -> Result<Decimal, Failure> {
        decimal(value, self.places)
    }
}

fn fail(detail: impl std::fmt::Display) -> Failure {
    Failure::new(Check::Figures, "figures", detail)
}

fn decimal(value: &BigUint, places: u8) -> Result<Decimal, Failure> {
    let mantissa = value.to_u64().ok_or_else(|| fail("a figure is too large"))?;
    Decimal::new(mantissa, places).map_err(fail)
}

/// What is known of a group, by quantity.
struct Known<'a>(&'a [QuantityResult]);

impl Known<'_> {
    fn value(&self, quantity: Quantity) -> Option<u64> {
        self.0.iter().find(|result| result.quantity == quantity).and_then(|result| match result.outcome {
            Outcome::Value(value) => Some(value),
            Outcome::Withheld(_) => None,
        })
    }
}

/// The figures of a group from its integers.
pub fn of_group(
    measure: &Measure,
    request: &Request,
    group: GroupKey,
    results: Vec<QuantityResult>,
) -> Result<GroupFigures, Failure> {
    let asks = |statistic| request.statistics.contains(&statistic);
    let known = Known(&results);
    let count = known.value(Quantity::Count).filter(|count| *count > 0);
    let sum = known.value(Quantity::Sum);
    let deviation = match (count, sum, known.value(Quantity::Squares)) {
        (Some(n), Some(s), Some(q)) if n > 1 => Some(spread(n, s, q)?),
        _ => None,
    };
    let scale = Scale::of(measure)?;
    let mean = match (count, sum) {
        (Some(n), Some(s)) if asks(Statistic::Mean) => Some(mean(measure, &scale, n, s, deviation.as_ref())?),
        _ => None,
    };
    let sd = match (&deviation, count) {
        (Some(spread), Some(n)) if asks(Statistic::Sd) => {
            let denominator = BigUint::from(n) * (n - 1);
            let squared = spread * &scale.step * &scale.step;
            Some(scale.decimal(&rounded_root(&squared, &denominator))?)
        }
        _ => None,
    };
    let bands = match count {
        Some(n) if asks(Statistic::Bands) => band_shares(measure, &known, n)?,
        _ => Vec::new(),
    };
    Ok(GroupFigures { group, mean, sd, bands, results })
}

/// nQ - S², which is n(n - 1) times the variance.
fn spread(n: u64, s: u64, q: u64) -> Result<BigUint, Failure> {
    let (left, right) = (BigUint::from(n) * q, BigUint::from(s) * s);
    if left < right {
        return Err(fail(format!("no {n} values have the sum {s} and the sum of squares {q}")));
    }
    Ok(left - right)
}

fn mean(measure: &Measure, scale: &Scale, n: u64, s: u64, spread: Option<&BigUint>) -> Result<Mean, Failure> {
    let estimate = rounded(&(&scale.step * s), &BigUint::from(n));
    let interval = spread.map(|spread| {
        let squared = spread * &scale.step * &scale.step * Z_SQUARED;
        let denominator = BigUint::from(n) * n * (n - 1) * 10_000_u32;
        let half = rounded_root(&squared, &denominator);
        let (least, greatest) = (&scale.step * measure.lo, &scale.step * measure.hi);
        let low = if estimate >= &least + &half { &estimate - &half } else { least };
        let high = (&estimate + &half).min(greatest);
        Ok(Interval { low: scale.decimal(&low)?, high: scale.decimal(&high)? })
    });
    Ok(Mean { estimate: scale.decimal(&estimate)?, interval: interval.transpose()? })
}

fn band_shares(measure: &Measure, known: &Known<'_>, n: u64) -> Result<Vec<BandShare>, Failure> {
    let positions = 0..measure.bands().len() as u8;
    let counts: Option<Vec<u64>> = positions.map(|position| known.value(Quantity::Band(position))).collect();
    let Some(counts) = counts else { return Ok(Vec::new()) };
    if counts.iter().try_fold(0_u64, |sum, count| sum.checked_add(*count)) != Some(n) {
        return Err(fail("the bands do not add up to the count"));
    }
    let share = |(position, count): (usize, &u64)| {
        Ok(BandShare { band: position as u8, count: *count, percent: wilson(*count, n)? })
    };
    counts.iter().enumerate().map(share).collect()
}

/// c of n in percent with the Wilson score interval: centre (c + z²/2)/(n + z²), half-width
/// z·√(c(n - c)/n + z²/4)/(n + z²).
fn wilson(c: u64, n: u64) -> Result<Estimate, Failure> {
    let scale = BigUint::from(100_u32) * 10_u32.pow(u32::from(PERCENT_PLACES));
    let width = BigUint::from(n) * 10_000_u32 + Z_SQUARED;
    let centre = rounded(&((BigUint::from(c) * 10_000_u32 + Z_SQUARED / 2) * &scale), &width);
    let inner = BigUint::from(c) * (n - c) * 40_000_u32 + BigUint::from(n) * Z_SQUARED;
    let squared = inner * Z_SQUARED * &scale * &scale;
    let half = rounded_root(&squared, &(BigUint::from(n) * 4_u8 * &width * &width));
    let low = if centre > half { &centre - &half } else { BigUint::ZERO };
    let high = (&centre + &half).min(scale.clone());
    let estimate = rounded(&(BigUint::from(c) * &scale), &BigUint::from(n));
    let decimal = |value: &BigUint| decimal(value, PERCENT_PLACES);
    Ok(Estimate { estimate: decimal(&estimate)?, low: decimal(&low)?, high: decimal(&high)? })
}

#[cfg(test)]
mod tests {
    use nacre_schemas::{answer::Rule, catalogue::Catalogue};
    use proptest::prelude::*;

    use super::*;

    fn request(statistics: Vec<Statistic>) -> Request {
        let zero = nacre_schemas::Digest([0; 32]);
        Request {
            trust: zero,
            requester: "regulator".parse().unwrap(),
            measure: "systolic-bp@1".parse().unwrap(),
            definition: zero,
            statistics,
            predicate: nacre_schemas::query::Predicate {
                regions: vec!["820000".parse().unwrap()],
                from: "2026-01".parse().unwrap(),
                to: "2026-01".parse().unwrap(),
                sexes: vec![nacre_schemas::cohort::Sex::Female],
                youngest: nacre_schemas::cohort::AgeBand::of_age(0),
                oldest: nacre_schemas::cohort::AgeBand::TOP,
            },
            group_by: Vec::new(),
            spans: Vec::new(),
            purpose: "test".parse().unwrap(),
            nonce: zero,
        }
    }

    fn measure(name: &str) -> &'static Measure {
        Catalogue::built_in().newest(&name.parse().unwrap()).unwrap()
    }

    fn all() -> GroupKey {
        GroupKey { region: None, sex: None, age_band: None, period: None }
    }

    fn integers(measure: &Measure, values: &[u32]) -> Vec<QuantityResult> {
        let result = |quantity, value| QuantityResult { quantity, outcome: Outcome::Value(value) };
        let sum = values.iter().map(|value| u64::from(*value)).sum();
        let squares = values.iter().map(|value| u64::from(*value).pow(2)).sum();
        let mut results = vec![
            result(Quantity::Count, values.len() as u64),
            result(Quantity::Sum, sum),
            result(Quantity::Squares, squares),
        ];
        for position in 0..measure.bands().len() {
            let inside = values.iter().filter(|value| measure.band_of(**value) == Some(position)).count();
            results.push(result(Quantity::Band(position as u8), inside as u64));
        }
        results
    }

    fn number(decimal: Decimal) -> f64 {
        decimal.to_string().parse().unwrap()
    }

    #[test]
    fn figures_of_a_small_sample_are_those_of_the_textbook() {
        // 118, 122, 131, 149: mean 130, SD √(570/3) = 13.784…, interval 130 ± 1.96·13.784/2.
        let systolic = measure("systolic-bp");
        let results = integers(systolic, &[118, 122, 131, 149]);
        let statistics = Statistic::ALL.to_vec();
        let figures = of_group(systolic, &request(statistics), all(), results).unwrap();
        let mean = figures.mean.unwrap();
        let interval = mean.interval.unwrap();
        assert_eq!(mean.estimate.to_string(), "130.00");
        assert_eq!((interval.low.to_string(), interval.high.to_string()), ("116.49".into(), "143.51".into()));
        assert_eq!(figures.sd.unwrap().to_string(), "13.78");
        // Two of four: 50 %, Wilson 15.00 to 85.00 (Wilson 1927, z = 1.96).
        let two = &figures.bands[1];
        assert_eq!((two.count, two.percent.estimate.to_string()), (2, "50.00".to_owned()));
        assert_eq!((two.percent.low.to_string(), two.percent.high.to_string()), ("15.00".into(), "85.00".into()));
    }

    #[test]
    fn what_is_withheld_or_not_asked_yields_no_figure() {
        let systolic = measure("systolic-bp");
        let mut results = integers(systolic, &[118, 122]);
        let asked = vec![Statistic::Mean, Statistic::Sd, Statistic::Bands];
        results[2].outcome = Outcome::Withheld(Rule::TooFewPeopleForDetail);
        results[4].outcome = Outcome::Withheld(Rule::TooFewPeopleForDetail);
        let figures = of_group(systolic, &request(asked), all(), results).unwrap();
        assert!(figures.mean.is_some_and(|mean| mean.interval.is_none()));
        assert!(figures.sd.is_none() && figures.bands.is_empty());
        let results = integers(systolic, &[118, 122]);
        let figures = of_group(systolic, &request(vec![Statistic::Count]), all(), results).unwrap();
        assert!(figures.mean.is_none() && figures.sd.is_none() && figures.bands.is_empty());
    }

    #[test]
    fn impossible_integers_are_refused() {
        let systolic = measure("systolic-bp");
        let mut results = integers(systolic, &[118, 122, 131]);
        results[2].outcome = Outcome::Value(10);
        assert!(of_group(systolic, &request(vec![Statistic::Sd]), all(), results).is_err());
        let mut results = integers(systolic, &[118, 122, 131]);
        results[3].outcome = Outcome::Value(7);
        assert!(of_group(systolic, &request(vec![Statistic::Bands]), all(), results).is_err());
    }

    proptest! {
        #[test]
        fn figures_agree_with_floating_point(values in prop::collection::vec(0_u32..=4000, 2..200)) {
            let steps = measure("steps");
            let figures = of_group(steps, &request(Statistic::ALL.to_vec()), all(), integers(steps, &values)).unwrap();
            let n = values.len() as f64;
            let unit: Vec<f64> = values.iter().map(|value| f64::from(*value) * 50.0).collect();
            let mean = unit.iter().sum::<f64>() / n;
            let sd = (unit.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
            let half = 1.96 * sd / n.sqrt();
            let found = figures.mean.unwrap();
            let interval = found.interval.unwrap();
            prop_assert!((number(found.estimate) - mean).abs() <= 0.0051);
            prop_assert!((number(figures.sd.unwrap()) - sd).abs() <= 0.0051);
            prop_assert!((number(interval.low) - (mean - half).max(0.0)).abs() <= 0.0102);
            prop_assert!((number(interval.high) - (mean + half).min(200_000.0)).abs() <= 0.0102);
            for share in figures.bands {
                let p = share.count as f64 / n;
                let z2 = 1.96_f64.powi(2);
                let centre = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
                let half = (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt() * 1.96 / (1.0 + z2 / n);
                prop_assert!((number(share.percent.estimate) - 100.0 * p).abs() <= 0.0051);
                prop_assert!((number(share.percent.low) - 100.0 * (centre - half).max(0.0)).abs() <= 0.0102);
                prop_assert!((number(share.percent.high) - 100.0 * (centre + half).min(1.0)).abs() <= 0.0102);
            }
        }
    }
}
