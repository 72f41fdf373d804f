//! What months come to: derived readings are added, and each month of a person and a measure becomes one value.
//!
//! Kept true: readings from files and readings that were kept since they arrived come to the same value, as this is the one way
//! from readings to values.

use jiff::civil::Date;
use nacre_schemas::{
    catalogue::Catalogue,
    cohort::Period,
    measure::{Measure, MeasureRef},
};

use crate::{
    derive::{self, Months},
    people::Person,
    position::{MonthKey, PersonPosition},
    reading::Reading,
    reduce::{self, MonthValue},
    refusal::{Origin, Reason},
};

/// A month that was reduced.
pub(crate) struct Reduced<'c> {
    pub(crate) measure: &'c Measure,
    pub(crate) period: Period,
    /// How many readings it has.
    pub(crate) readings: u64,
    /// A day of it.
    pub(crate) day: Date,
    /// Where one of its readings stands.
    pub(crate) origin: Origin,
    pub(crate) value: Result<MonthValue, Reason>,
}

/// Reduces months whose quotients were added, in the order of their keys.
pub(crate) fn reduced<'c>(
    catalogue: &'c Catalogue,
    months: Months,
    person: impl Fn(PersonPosition) -> Result<Person, Reason>,
) -> impl Iterator<Item = Reduced<'c>> {
    months.into_iter().filter_map(move |(MonthKey { person: whose, measure, period }, gathered)| {
        let measure = measure.measure(catalogue)?;
        let any = gathered.any()?;
        let (day, origin, readings) = (any.effective.day, any.origin.clone(), gathered.len());
        let value = person(whose).and_then(|person| reduce::month_value(measure, &person, &gathered));
        Some(Reduced { measure, period, readings, day, origin, value })
    })
}

/// What readings of one person come to, month by month: a value each, or of which measure there is none and why. A quotient that
/// lies out of range is none, and the two readings that it is of count by themselves.
pub fn of_person(
    catalogue: &Catalogue,
    person: &Person,
    readings: impl IntoIterator<Item = Reading>,
) -> Vec<Result<MonthValue, (MeasureRef, Reason)>> {
    let mut months = Months::new();
    for reading in readings {
        derive::add(&mut months, reading, false);
    }
    derive::add_quotients(catalogue, &mut months);
    let month = |month: Reduced<'_>| month.value.map_err(|reason| (month.measure.reference(), reason));
    reduced(catalogue, months, |_| Ok(person.clone())).map(month).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use nacre_schemas::cohort::Sex;
    use num_rational::BigRational;

    use super::*;
    use crate::{people::tests::person_named, position::MeasurePosition, refusal::Place, time::moment};

    fn reading(measure: &str, at: &str, value: i64) -> Reading {
        Reading {
            person: PersonPosition::FIRST,
            measure: MeasurePosition::of(Catalogue::built_in(), &measure.parse().unwrap()).unwrap(),
            period: at[..7].parse().unwrap(),
            effective: moment(at).unwrap().effective(),
            value: BigRational::from_integer(value.into()),
            source: measure.into(),
            origin: Origin { file: Path::new("a.json").into(), place: Place::File, observation: None },
        }
    }

    #[test]
    fn a_persons_readings_come_to_months_with_what_follows_from_them() {
        let identity = Err(Reason::NoIdentityNumber);
        let birth = "1980-02-29".parse().unwrap();
        let person = Person { id: person_named("A"), sex: Sex::Female, birth, death: None, identity };
        let readings = [
            reading("body-weight@1", "2026-01-05T08:00:00Z", 70),
            reading("body-height@1", "2026-01-05T08:00:00Z", 175),
            reading("body-weight@1", "1970-02-05", 4),
        ];
        let found: Vec<String> = of_person(Catalogue::built_in(), &person, readings)
            .into_iter()
            .map(|month| match month {
                Ok(value) => format!("{} {} {}", value.measure, value.period, value.value_steps),
                Err((measure, reason)) => format!("{measure} {reason:?}"),
            })
            .collect();
        assert!(found.contains(&"body-weight@1 2026-01 700".to_owned()), "{found:?}");
        assert!(found.iter().any(|month| month.starts_with("bmi@") && month.contains("2026-01")), "{found:?}");
        assert!(found.contains(&"body-weight@1 BeforeBirth".to_owned()), "{found:?}");
    }
}
