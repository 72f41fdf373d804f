//! Reduction: a month's readings of one person become one integer number of steps.
//!
//! Kept true: arithmetic is exact until the one rounding, half a step up, at the very end; the result does not
//! depend on the order in which readings were found; a month counts only once it has ended everywhere on Earth, so
//! no later reading can still change it.
//!
//! What each reduction means is said at [`Reduction`]; here is what its *latest* means to the letter. Readings with a
//! time are compared by instant, whatever their offsets; equal instants by lowest source id. A date without a time
//! stands before every time of that day: it is chosen only if its day lies after the day of the latest timed reading.

use std::collections::BTreeMap;

use jiff::civil::Date;
use nacre_schemas::{
    cohort::{AgeBand, Period, Sex},
    identity::IdentityNumber,
    measure::{Measure, MeasureRef, Reduction},
};
use num_rational::BigRational;
use serde::Serialize;

use crate::{
    exact::steps_half_up,
    gather::Gathered,
    identifier::PersonId,
    people::Person,
    reading::{Reading, latest},
    refusal::{Origin, Reason},
    time,
};

/// One person's value of one measure in one month, in steps: what is sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MonthValue {
    /// Whose; it does not print.
    pub person: PersonId,
    /// The person's identity number, which does not print either, or why there is none that counts.
    pub identity: Result<IdentityNumber, Reason>,
    /// What.
    pub measure: MeasureRef,
    /// The month.
    pub period: Period,
    /// Administrative sex.
    pub sex: Sex,
    /// Age at the chosen value.
    pub age_band: AgeBand,
    /// The value, in the measure's steps.
    pub value_steps: u32,
    /// How many readings the month had.
    pub readings: u32,
    /// The civil date of the chosen value; for a mean, of the last.
    pub day: Date,
    /// Where the chosen value stands.
    pub origin: Origin,
}

/// Months that have not ended: they are read again when they have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Deferred {
    /// The measure.
    pub measure: MeasureRef,
    /// The month.
    pub period: Period,
    /// How many people have readings in it.
    pub people: u64,
}

/// The value of a person's month; the readings, at least one, are all of that month and measure.
pub(crate) fn month_value(measure: &Measure, person: &Person, readings: &Gathered) -> Result<MonthValue, Reason> {
    let (chosen, value) = match readings {
        Gathered::Each(readings) => reduced(measure.reduction, readings).ok_or(Reason::NoQuantity)?,
        Gathered::Sum { sum, count, last } => (&**last, sum / BigRational::from_integer((*count).into())),
    };
    let day = chosen.effective.day;
    // Every reading lies in the range, whose limits are whole steps, so a rounded mean does too: this guards the proof.
    let value_steps = steps_half_up(&value, measure.step).filter(|steps| measure.band_of(*steps).is_some());
    Ok(MonthValue {
        person: person.id.clone(),
        identity: person.identity.clone(),
        measure: measure.reference(),
        period: chosen.period,
        sex: person.sex,
        age_band: AgeBand::of_age(time::age_in_years(person.birth, day).ok_or(Reason::BeforeBirth)?),
        value_steps: value_steps.ok_or(Reason::OutOfRange)?,
        readings: u32::try_from(readings.len()).unwrap_or(u32::MAX),
        day,
        origin: chosen.origin.clone(),
    })
}

/// The reading that month and age are taken from, and the month's exact value.
fn reduced(reduction: Reduction, readings: &[Reading]) -> Option<(&Reading, BigRational)> {
    let all: Vec<&Reading> = readings.iter().collect();
    let counted = match reduction {
        Reduction::Latest => return latest(readings).map(|chosen| (chosen, chosen.value.clone())),
        Reduction::MeanOfReadings => all,
        Reduction::MeanOfDays | Reduction::MeanOfWeeks => one_a_day(&all, |day| latest(day.iter().copied())),
        Reduction::MeanOfNights => one_a_day(&all, longest),
    };
    let last = latest(counted.iter().copied())?;
    let values = |readings: &[&Reading]| mean(readings.iter().map(|reading| &reading.value));
    if reduction != Reduction::MeanOfWeeks {
        return Some((last, values(&counted)?));
    }
    let mut weeks: BTreeMap<(i16, i8), Vec<&Reading>> = BTreeMap::new();
    for reading in counted {
        let week = reading.effective.day.iso_week_date();
        weeks.entry((week.year(), week.week())).or_default().push(reading);
    }
    let weeks: Option<Vec<BigRational>> = weeks.values().map(|week| values(week)).collect();
    Some((last, mean(&weeks?)?))
}

/// Of each civil day the reading that stands for it, in the order of days.
fn one_a_day<'r>(readings: &[&'r Reading], choose: impl Fn(&[&'r Reading]) -> Option<&'r Reading>) -> Vec<&'r Reading> {
    let mut days: BTreeMap<Date, Vec<&Reading>> = BTreeMap::new();
    for reading in readings {
        days.entry(reading.effective.day).or_default().push(reading);
    }
    days.values().filter_map(|day| choose(day)).collect()
}

/// The greatest value; of equal ones the latest.
fn longest<'r>(readings: &[&'r Reading]) -> Option<&'r Reading> {
    let greatest = readings.iter().map(|reading| &reading.value).max()?;
    latest(readings.iter().copied().filter(|reading| reading.value == *greatest))
}

fn mean<'v>(values: impl IntoIterator<Item = &'v BigRational>) -> Option<BigRational> {
    let (mut sum, mut count) = (BigRational::from_integer(0.into()), 0_u32);
    for value in values {
        sum += value;
        count += 1;
    }
    (count > 0).then(|| sum / BigRational::from_integer(count.into()))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use nacre_schemas::catalogue::Catalogue;

    use super::*;
    use crate::{
        people::tests::person_named,
        position::{MeasurePosition, PersonPosition},
        refusal::{Origin, Place},
        time::moment,
    };

    fn reading(at: &str, numerator: i64, denominator: i64, source: &str) -> Reading {
        let effective = moment(at).unwrap().effective();
        Reading {
            person: PersonPosition::FIRST,
            measure: MeasurePosition::each(Catalogue::built_in()).next().unwrap().0,
            period: at[..7].parse().unwrap(),
            effective,
            value: BigRational::new(numerator.into(), denominator.into()),
            source: source.into(),
            origin: Origin { file: Path::new("a.json").into(), place: Place::File, observation: Some(source.into()) },
        }
    }

    fn person(sex: Sex, birth: &str) -> Person {
        let (id, identity) = (person_named("A"), Err(Reason::NoIdentityNumber));
        Person { id, sex, birth: birth.parse().unwrap(), death: None, identity }
    }

    fn chosen(readings: &[Reading]) -> String {
        latest(readings).unwrap().source.to_string()
    }

    fn measure(name: &str) -> &'static Measure {
        Catalogue::built_in().newest(&name.parse().unwrap()).unwrap()
    }

    #[test]
    fn the_latest_is_by_instant_whatever_the_offsets_and_the_order() {
        let mut readings = vec![
            reading("2020-01-10T23:00:00-05:00", 120, 1, "latest"),
            reading("2020-01-11T01:00:00+08:00", 121, 1, "a"),
            reading("2020-01-10", 122, 1, "b"),
        ];
        for _ in 0..3 {
            readings.rotate_left(1);
            assert_eq!(chosen(&readings), "latest");
        }
    }

    #[test]
    fn ties_go_to_the_lowest_source_id() {
        let at = "2020-01-10T10:00:00Z";
        let same = "2020-01-10T18:00:00+08:00";
        assert_eq!(chosen(&[reading(at, 1, 1, "b"), reading(same, 2, 1, "a"), reading(at, 3, 1, "c")]), "a");
        assert_eq!(chosen(&[reading("2020-01-10", 1, 1, "b"), reading("2020-01-10", 2, 1, "a")]), "a");
    }

    #[test]
    fn a_date_without_a_time_stands_before_every_time_of_its_day() {
        let morning = reading("2020-01-10T00:00:00+14:00", 1, 1, "timed");
        assert_eq!(chosen(&[reading("2020-01-10", 2, 1, "untimed"), morning.clone()]), "timed");
        assert_eq!(chosen(&[morning, reading("2020-01-11", 2, 1, "untimed")]), "untimed");
    }

    #[test]
    fn a_mean_is_over_days_each_with_its_latest_count_and_is_rounded_once() {
        let readings = [
            reading("2020-01-03T09:00:00Z", 1_000, 1, "a"),
            reading("2020-01-03T21:00:00Z", 5_010, 1, "b"),
            reading("2020-01-04", 5_040, 1, "c"),
        ];
        let person = person(Sex::Female, "1980-01-04");
        let found = month_value(measure("steps"), &person, &Gathered::Each(readings.to_vec())).unwrap();
        // (5010 + 5040) / 2 = 5025 is 100.5 steps of 50 and goes up; each rounded first would give 100 + 101.
        assert_eq!((found.value_steps, found.readings), (101, 3));
        assert_eq!((found.day.to_string().as_str(), found.age_band.to_string().as_str()), ("2020-01-04", "40-44"));
    }

    #[test]
    fn a_mean_over_readings_is_the_same_however_they_are_gathered() {
        let mut readings = vec![
            reading("2020-01-03T09:00:00Z", 61, 1, "b"),
            reading("2020-01-14T21:00:00+08:00", 181, 3, "b"),
            reading("2020-01-14T13:00:00Z", 70, 1, "a"),
            reading("2020-01-03", 59, 1, "c"),
        ];
        let person = person(Sex::Female, "1980-01-04");
        for _ in 0..readings.len() {
            readings.rotate_left(1);
            let mut summed = Gathered::new(readings[0].clone(), true);
            readings[1..].iter().for_each(|reading| summed.add(reading.clone()));
            let each = Gathered::Each(readings.clone());
            assert_eq!((summed.len(), summed.each().len()), (each.len(), 0));
            let [one, other] =
                [&summed, &each].map(|found| month_value(measure("heart-rate"), &person, found).unwrap());
            assert_eq!(one, other);
            assert_eq!(one.origin.observation.as_deref(), Some("a"));
        }
    }

    #[test]
    fn the_age_is_that_on_the_day_of_the_chosen_value() {
        let person = person(Sex::Male, "1980-01-15");
        let age = |at: &str| {
            month_value(measure("bmi"), &person, &Gathered::Each(vec![reading(at, 25, 1, "a")]))
                .unwrap()
                .age_band
                .to_string()
        };
        assert_eq!(age("2020-01-14T23:59:59+08:00"), "35-39");
        assert_eq!(age("2020-01-15T00:00:00+08:00"), "40-44");
    }
}
