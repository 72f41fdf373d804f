//! Selection: from an observation to the readings that count, or the reason why one does not.
//!
//! Kept true: a reading is taken only if its code is the catalogue's, its status final, amended or corrected, its
//! unit one the measure lists (UCUM, by code, or by a spelling of [`units`]), its value within the measure's range *before* any rounding, its date
//! a day of the person's life that is not in the future. What the catalogue does not name is skipped, not refused,
//! unless it looks as if the catalogue had been meant. Conversion is exact: `value × times / over + plus`.

use std::{
    collections::{HashMap, HashSet, hash_map::Entry},
    sync::Arc,
};

use jiff::Timestamp;
use nacre_schemas::{
    Digest,
    catalogue::Catalogue,
    cohort,
    measure::{Code, Measure, Reduction},
};
use num_rational::BigRational;

use crate::{
    codes::Codes,
    derive::{self, Class},
    exact::{is_in_range, rational},
    observation::{Observation, Quantity, RecordId, Status},
    people::{People, Person},
    position::{FilePosition, MeasurePosition, PersonPosition},
    reading::{Reading, Taken, measure_of},
    refusal::{Origin, Reason},
    time::{self, Effective},
    units,
};

/// What became of an observation.
pub enum Selected {
    /// The catalogue names none of its codes.
    Skipped,
    /// A copy of one that was read before.
    Repeated,
    /// Readings and refusals, one for each measure that its codes name.
    Taken(Vec<Taken>),
    /// Refused as a whole.
    Refused(Reason),
}

/// Where an observation stands.
pub struct Setting<'a> {
    /// The file that it is read from.
    pub file: FilePosition,
    /// The `fullUrl` of its entry, in a Bundle.
    pub full_url: Option<&'a str>,
    /// The place that a refusal of it names.
    pub origin: Origin,
}

/// Selects readings, and remembers which observations it has seen.
pub struct Selector<'c> {
    catalogue: &'c Catalogue,
    people: &'c People<'c>,
    now: Timestamp,
    codes: Codes<'c>,
    classes: Vec<Class>,
    /// Content of each observation taken, by its source id.
    seen: HashMap<Short, Short>,
    /// Contents of those taken that have none.
    seen_without_id: HashSet<Short>,
}

/// The half of a digest, which tells apart what nobody has picked to collide. There are as many as observations.
type Short = [u8; 16];

fn short(digest: &Digest) -> Short {
    *digest.as_bytes().first_chunk().expect("a digest has 32 bytes")
}

/// A quantity of an observation that a measure is to be read from.
struct Candidate<'o> {
    measure: MeasurePosition,
    codes: Vec<&'o Code>,
    quantity: Option<&'o Quantity<'o>>,
    absent: bool,
    modified: bool,
}

impl<'c> Selector<'c> {
    /// For these measures and people, at that time.
    pub fn new(catalogue: &'c Catalogue, people: &'c People<'c>, now: Timestamp) -> Self {
        let (codes, classes) = (Codes::of(catalogue), derive::classes(catalogue));
        Self { catalogue, people, now, codes, classes, seen: HashMap::new(), seen_without_id: HashSet::new() }
    }

    /// The readings of an observation.
    pub fn select(&mut self, observation: &Observation<'_>, setting: &Setting<'_>) -> Selected {
        let candidates = self.candidates(observation);
        if candidates.is_empty() {
            let meant = self.codes.resembles(observation);
            return if meant { Selected::Refused(Reason::AlmostOurCode) } else { Selected::Skipped };
        }
        let common = match self.common(observation, setting) {
            Ok(common) => common,
            Err(reason) => return Selected::Refused(reason),
        };
        let taken = self.taken(observation, &candidates, &common, setting);
        let readings: Vec<&Reading> = taken.iter().flatten().collect();
        if readings.is_empty() {
            return Selected::Taken(taken);
        }
        let content = short(&content_digest(&readings));
        let Some(source) = &common.source else {
            return if self.seen_without_id.insert(content) { Selected::Taken(taken) } else { Selected::Repeated };
        };
        match self.seen.entry(short(&Digest::of(source.as_bytes()))) {
            Entry::Occupied(before) if *before.get() == content => Selected::Repeated,
            Entry::Occupied(_) => Selected::Refused(Reason::OtherContentBefore),
            Entry::Vacant(free) => {
                free.insert(content);
                Selected::Taken(taken)
            }
        }
    }

    /// Readings and refusals, one for each measure that a candidate is of or that follows from them.
    fn taken(
        &self,
        observation: &Observation<'_>,
        candidates: &[Candidate<'_>],
        common: &Common,
        setting: &Setting<'_>,
    ) -> Vec<Taken> {
        let mut taken: Vec<Taken> = Vec::new();
        for candidate in candidates {
            let read = self.reading(observation, candidate, common, setting);
            // Two equal values of one measure are one reading; two different ones are none.
            let twin = taken.iter_mut().find(|other| measure_of(other) == candidate.measure);
            match (twin, read) {
                (None, read) => taken.push(read.map_err(|reason| (candidate.measure, reason))),
                (Some(Ok(other)), Ok(reading)) if other.value == reading.value => {}
                (Some(Err(_)), Err(_)) => {}
                (Some(twin), _) => *twin = Err((candidate.measure, Reason::SeveralValues)),
            }
        }
        let classes: Vec<Taken> =
            self.classes.iter().filter_map(|class| class.of_panel(self.catalogue, &taken)).collect();
        taken.extend(classes);
        taken
    }

    /// The quantities whose codes the catalogue names: the observation's own for codes that stand alone, its
    /// parts' for codes within a panel.
    fn candidates<'o>(&'o self, observation: &'o Observation<'o>) -> Vec<Candidate<'o>> {
        let Observation { own, parts, .. } = observation;
        let mut found = Vec::new();
        for (measure, codes) in self.codes.of_observation(&own.codes) {
            let (quantity, absent, modified) = (own.quantity.as_ref(), own.is_absent, own.is_modified);
            found.push(Candidate { measure, codes, quantity, absent, modified });
        }
        for part in parts {
            let (absent, modified) = (part.is_absent || own.is_absent, part.is_modified || own.is_modified);
            for (measure, codes) in self.codes.of_part(&part.codes, &own.codes) {
                let quantity = part.quantity.as_ref();
                found.push(Candidate { measure, codes, quantity, absent, modified });
            }
        }
        found
    }

    /// What holds for the observation as a whole.
    fn common(&self, observation: &Observation<'_>, setting: &Setting<'_>) -> Result<Common, Reason> {
        check_status(observation.status)?;
        let source = observation.id.given().or(setting.full_url);
        if source.is_none() && observation.id != RecordId::Content {
            return Err(Reason::NoSourceId);
        }
        let subject = observation.subject.as_ref().map_err(|reason| *reason)?;
        let position = self.people.find(setting.file, subject)?;
        let person = self.people.person(position)?;
        let effective = observation.when?.effective();
        let period = self.check_date(effective, &person)?;
        Ok(Common { source: source.map(Into::into), person: position, effective, period })
    }

    fn check_date(&self, effective: Effective, person: &Person) -> Result<cohort::Period, Reason> {
        let future = match effective.instant {
            Some(instant) => instant > self.now,
            None => effective.day > time::latest_day_anywhere(self.now),
        };
        if future {
            return Err(Reason::FutureDate);
        }
        if effective.day < person.birth {
            return Err(Reason::BeforeBirth);
        }
        if person.death.is_some_and(|death| time::is_after(effective, death)) {
            return Err(Reason::AfterDeath);
        }
        let year = u16::try_from(effective.day.year()).map_err(|_| Reason::YearOutOfRange)?;
        cohort::Period::new(year, effective.day.month().unsigned_abs()).map_err(|_| Reason::YearOutOfRange)
    }

    fn reading(
        &self,
        observation: &Observation<'_>,
        candidate: &Candidate<'_>,
        common: &Common,
        setting: &Setting<'_>,
    ) -> Result<Reading, Reason> {
        let measure = candidate.measure.measure(self.catalogue).expect("its position is of this catalogue");
        if candidate.modified {
            return Err(Reason::ModifierExtension);
        }
        if candidate.absent {
            return Err(Reason::DataAbsent);
        }
        let value = value_in_unit(measure, &candidate.codes, candidate.quantity.ok_or(Reason::NoQuantity)?)?;
        let of_a_day = matches!(measure.reduction, Reduction::MeanOfDays | Reduction::MeanOfNights);
        if of_a_day && !observation.when?.is_within_one_day() {
            return Err(Reason::LongerThanADay);
        }
        Ok(Reading {
            person: common.person,
            measure: candidate.measure,
            period: common.period,
            effective: common.effective,
            // Without an id, the lower value breaks a tie; which it is matters not, but that it is always the same.
            source: common.source.clone().unwrap_or_else(|| value.to_string().into()),
            value,
            origin: setting.origin.clone(),
        })
    }
}

struct Common {
    /// Nothing, for formats whose records have no ids.
    source: Option<Arc<str>>,
    person: PersonPosition,
    effective: Effective,
    period: cohort::Period,
}

fn check_status(status: Option<Status>) -> Result<(), Reason> {
    match status {
        Some(Status::Final | Status::Amended | Status::Corrected) => Ok(()),
        Some(Status::Cancelled) => Err(Reason::Cancelled),
        Some(Status::EnteredInError) => Err(Reason::EnteredInError),
        Some(Status::Other) => Err(Reason::NotFinal),
        None => Err(Reason::NoStatus),
    }
}

/// The quantity in the measure's own unit, if it is a unit that one of the codes takes and lies in the range.
fn value_in_unit(measure: &Measure, codes: &[&Code], quantity: &Quantity<'_>) -> Result<BigRational, Reason> {
    if quantity.is_bound {
        return Err(Reason::Comparator);
    }
    let value = quantity.value.as_ref().map_err(|reason| *reason)?;
    let code = quantity.unit.as_deref().map_err(|reason| *reason)?;
    let of_code = |code: &str| measure.units.iter().find(|unit| unit.code.as_str() == code);
    let unit = of_code(code).or_else(|| of_code(units::ucum(code)?)).ok_or(Reason::OtherUnit)?;
    if !codes.iter().any(|code| code.takes(unit)) {
        return Err(Reason::UnitOfAnotherCode);
    }
    let value = value * rational(unit.times) / rational(unit.over) + rational(unit.plus);
    if is_in_range(measure, &value) { Ok(value) } else { Err(Reason::OutOfRange) }
}

/// Equal for observations that say the same: person, time, and each measure's value however it is written.
fn content_digest(readings: &[&Reading]) -> Digest {
    let mut sorted = readings.to_vec();
    sorted.sort_by_key(|reading| reading.measure);
    let line = |reading: &&Reading| {
        let Effective { day, instant } = reading.effective;
        format!("{:?} {day} {instant:?} {} {}\n", reading.person, reading.measure, reading.value)
    };
    Digest::of(sorted.iter().map(line).collect::<String>().as_bytes())
}

/// The id, if it has FHIR's form: letters, digits, `-`, `.`, at most 64. Anything else is not shown.
pub(crate) fn shown_id(id: Option<&str>) -> Option<Arc<str>> {
    let of_form = |text: &str| {
        (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte))
    };
    id.filter(|text| of_form(text)).map(Into::into)
}
