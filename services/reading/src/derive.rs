//! Values that follow from others of the same person: the class of a panel, the quotient of two measures.
//!
//! Kept true: a class needs every part, taken, of one panel; a quotient is of two readings of one civil day and
//! stands in only where a month has no direct reading that counts. Nothing is rounded but the parts of a class, which
//! are banded as their own measures would band them. Range and reduction are then those of any reading.
//!
//! Which divisor goes with a dividend: of those of the same civil day, each in its own time zone, the latest. Body
//! height of another day is not taken: a file rarely says whether a height still holds, and the day decides alike
//! for every provider.

use std::collections::{BTreeMap, btree_map::Entry};

use nacre_schemas::{
    catalogue::Catalogue,
    measure::{Derivation, Measure, MeasureRef, Quotient},
};
use num_bigint::BigInt;
use num_rational::BigRational;

use crate::{
    exact::{is_in_range, rational, steps_half_up},
    gather::Gathered,
    position::{MeasurePosition, MonthKey},
    reading::{Reading, Taken, latest, measure_of},
    refusal::{Reason, Refused},
};

/// The readings of each month.
pub(crate) type Months = BTreeMap<MonthKey, Gathered>;

/// A class and its parts.
pub(crate) struct Class {
    measure: MeasurePosition,
    parts: Vec<MeasurePosition>,
}

/// The classes of the catalogue.
pub(crate) fn classes(catalogue: &Catalogue) -> Vec<Class> {
    let class = |(measure, definition): (MeasurePosition, &Measure)| match &definition.derivation {
        Some(Derivation::WorstBand(worst)) => {
            let parts = worst.of.iter().filter_map(|part| MeasurePosition::of(catalogue, part)).collect();
            Some(Class { measure, parts })
        }
        _ => None,
    };
    MeasurePosition::each(catalogue).filter_map(class).collect()
}

impl Class {
    /// The class of what was taken from one panel; none if the panel names no part of it.
    pub(crate) fn of_panel(&self, catalogue: &Catalogue, taken: &[Taken]) -> Option<Taken> {
        let is_part = |measure: MeasurePosition| self.parts.contains(&measure);
        if !taken.iter().any(|found| is_part(measure_of(found))) {
            return None;
        }
        let parts: Vec<&Reading> = taken.iter().flatten().filter(|reading| is_part(reading.measure)).collect();
        let band_of = |part: &&Reading| {
            let definition = part.measure.measure(catalogue)?;
            definition.band_of(steps_half_up(&part.value, definition.step)?)
        };
        let bands: Option<Vec<usize>> = parts.iter().map(band_of).collect();
        let worst = bands.filter(|bands| bands.len() == self.parts.len()).and_then(|bands| bands.into_iter().max());
        Some(match (worst, parts.first()) {
            (Some(worst), Some(first)) => {
                let value = BigRational::from_integer((worst + 1).into());
                Ok(Reading { measure: self.measure, value, ..(*first).clone() })
            }
            _ => Err((self.measure, Reason::IncompletePanel)),
        })
    }
}

/// Adds quotients to the months that have no direct reading. What does not lie in the range is refused.
pub(crate) fn add_quotients(catalogue: &Catalogue, months: &mut Months) -> Vec<Refused> {
    let mut refused = Vec::new();
    for (measure, definition) in MeasurePosition::each(catalogue) {
        let Some(Derivation::Quotient(quotient)) = &definition.derivation else { continue };
        let of = |name: &MeasureRef| MeasurePosition::of(catalogue, name);
        let (Some(dividend), Some(divisor)) = (of(&quotient.dividend), of(&quotient.divisor)) else { continue };
        let mut found = Months::new();
        for (key, dividends) in months.iter().filter(|(key, _)| key.measure == dividend) {
            let month = MonthKey { measure, ..*key };
            let Some(divisors) = months.get(&MonthKey { measure: divisor, ..month }) else { continue };
            if months.contains_key(&month) {
                continue;
            }
            for above in dividends.each() {
                let same_day = divisors.each().iter().filter(|below| below.effective.day == above.effective.day);
                let Some(below) = latest(same_day) else { continue };
                let value = quotient_of(quotient, &above.value, &below.value);
                if is_in_range(definition, &value) {
                    let reading = Reading { measure, value, ..above.clone() };
                    add(&mut found, reading, false);
                } else {
                    let (origin, measure) = (above.origin.clone(), Some(definition.reference()));
                    refused.push(Refused { origin, measure, reason: Reason::OutOfRange });
                }
            }
        }
        months.append(&mut found);
    }
    refused
}

/// Adds a reading to its month.
pub(crate) fn add(months: &mut Months, reading: Reading, is_summed: bool) {
    match months.entry(reading.month()) {
        Entry::Occupied(mut known) => known.get_mut().add(reading),
        Entry::Vacant(free) => {
            free.insert(Gathered::new(reading, is_summed));
        }
    }
}

/// `dividend / divisor^power × times / over`. The catalogue sees to it that a divisor in range is not zero.
fn quotient_of(quotient: &Quotient, dividend: &BigRational, divisor: &BigRational) -> BigRational {
    let below = (0..quotient.power).fold(BigRational::from_integer(BigInt::from(1)), |power, _| power * divisor);
    dividend / below * rational(quotient.times) / rational(quotient.over)
}
