//! From files to months: read, select, reduce. Nothing is sealed or sent here, and no key is needed.
//!
//! The register of people and the patients of all files are gathered before any observation is looked at, as exports
//! put them in files of their own. Cost: two passes over the files; memory by the readings that count, some 250 bytes each, but
//! for those of which [`mod@crate::gather`] keeps the sum.

use std::{
    collections::{BTreeMap, HashSet},
    path::PathBuf,
};

use jiff::Timestamp;
use nacre_schemas::{
    catalogue::Catalogue,
    cohort::Period,
    measure::{Measure, MeasureRef},
};

use crate::{
    derive::{self, Months},
    file::{self, FileError, Source},
    found::{Found, Wanted},
    gather,
    months::{self, Reduced},
    pass::Pass,
    people::People,
    position::{FilePosition, MeasurePosition},
    progress::{Progress, Stage},
    reduce::{Deferred, MonthValue},
    refusal::{Origin, Reason, Refused},
    register::{self, RegisterError},
    select::{Selected, Selector, Setting, shown_id},
    settings::Settings,
    table::description::{Description, TableError},
    time,
};

/// What the files come to.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The months' values, in the order in which their people, measures and months were found.
    pub records: Vec<MonthValue>,
    /// What was not taken.
    pub refused: Vec<Refused>,
    /// Months that have not ended.
    pub deferred: Vec<Deferred>,
    /// Files read.
    pub files: u64,
    /// Observations found in them.
    pub observations: u64,
    /// Observations of which the catalogue names no code.
    pub skipped: u64,
    /// Observations that were copies of one read before.
    pub repeated: u64,
    /// Readings that count towards a month, ended or not, by measure.
    pub readings: BTreeMap<MeasureRef, u64>,
}

/// Why nothing can be read.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The register of people.
    #[error(transparent)]
    Register(#[from] RegisterError),
    /// The description of CSV files.
    #[error(transparent)]
    Table(#[from] TableError),
}

/// Reads the files or folders and computes what would be posted at that time.
pub fn prepare(settings: &Settings, paths: &[PathBuf], now: Timestamp) -> Result<Prepared, PrepareError> {
    prepare_with(settings, paths, now, &())
}

/// The same, with progress.
pub fn prepare_with(
    settings: &Settings,
    paths: &[PathBuf],
    now: Timestamp,
    progress: &dyn Progress,
) -> Result<Prepared, PrepareError> {
    let table = settings.table.as_deref().map(Description::read).transpose()?;
    let sources = file::list(paths, settings)?;
    let pass = |wanted| Pass { wanted, utc_offset: settings.unnamed.utc_offset, table: table.as_ref(), progress };
    let bytes = sources.iter().map(|source| source.length).sum();
    let mut prepared = Prepared {
        records: Vec::new(),
        refused: Vec::new(),
        deferred: Vec::new(),
        files: sources.len() as u64,
        observations: 0,
        skipped: 0,
        repeated: 0,
        readings: BTreeMap::new(),
    };
    progress.stage(Stage::People, bytes);
    let people = read_people(settings, &sources, &mut prepared, &pass(Wanted::Patients))?;
    let catalogue = Catalogue::built_in();
    let mut selector = Selector::new(catalogue, &people, now);
    let mut months = Months::new();
    progress.stage(Stage::Observations, bytes);
    let mut reading =
        Reading { summed: gather::summed(catalogue), pass: pass(Wanted::Observations), months: &mut months };
    for (position, source) in (0..).map(FilePosition).zip(&sources) {
        prepared.read_observations(position, source, &mut selector, &mut reading)?;
    }
    prepared.refused.extend(derive::add_quotients(catalogue, &mut months));
    prepared.reduce(catalogue, &people, months, now);
    Ok(prepared)
}

fn read_people<'c>(
    settings: &'c Settings,
    sources: &[Source],
    prepared: &mut Prepared,
    pass: &Pass<'_>,
) -> Result<People<'c>, PrepareError> {
    let mut people = People::new(settings.person_system.as_str(), &settings.identity_systems);
    if let Some(path) = &settings.people {
        for person in register::read(path)? {
            people.enroll(person, settings.region);
        }
    }
    for (position, source) in (0..).map(FilePosition).zip(sources) {
        pass.visit(source, &mut |spot, found| match found {
            Found::Patient(patient) => people.add(position, spot.full_url, patient),
            Found::Owner(owner) => people.hear_of_owner(&owner),
            Found::Malformed => {
                let origin = Origin { file: source.path.clone(), place: spot.place, observation: None };
                prepared.refused.push(Refused { origin, measure: None, reason: Reason::Malformed });
            }
            // What cannot be read at all is reported once, by the pass for observations.
            Found::Observation(_) | Found::Rejected(_) | Found::Uncoded | Found::Other | Found::Unreadable(_) => {}
        })?;
    }
    Ok(people)
}

/// The pass for observations, and what it gathers.
struct Reading<'r> {
    pass: Pass<'r>,
    /// Of which measures no more than the sum of a month's readings is gathered.
    summed: HashSet<MeasurePosition>,
    months: &'r mut Months,
}

impl Prepared {
    fn read_observations(
        &mut self,
        position: FilePosition,
        source: &Source,
        selector: &mut Selector<'_>,
        reading: &mut Reading<'_>,
    ) -> Result<(), FileError> {
        let Reading { pass, summed, months } = reading;
        pass.visit(source, &mut |spot, found| {
            let mut origin = Origin { file: source.path.clone(), place: spot.place, observation: None };
            match found {
                Found::Observation(observation) => {
                    origin.observation = shown_id(observation.id.given());
                    let setting = Setting { file: position, full_url: spot.full_url, origin };
                    let selected = selector.select(&observation, &setting);
                    self.take(selected, setting.origin, months, summed);
                }
                Found::Rejected(rejected) => {
                    self.observations += 1;
                    origin.observation = shown_id(rejected.id.as_deref());
                    self.refuse(origin, rejected.reason);
                }
                Found::Malformed => self.refuse(origin, Reason::Malformed),
                Found::Unreadable(reason) => self.refuse(origin, reason),
                Found::Uncoded => {
                    self.observations += 1;
                    self.skipped += 1;
                }
                Found::Patient(_) | Found::Owner(_) | Found::Other => {}
            }
        })
    }

    fn refuse(&mut self, origin: Origin, reason: Reason) {
        self.refused.push(Refused { origin, measure: None, reason });
    }

    fn take(&mut self, selected: Selected, origin: Origin, months: &mut Months, summed: &HashSet<MeasurePosition>) {
        self.observations += 1;
        match selected {
            Selected::Skipped => self.skipped += 1,
            Selected::Repeated => self.repeated += 1,
            Selected::Refused(reason) => self.refuse(origin, reason),
            Selected::Taken(taken) => {
                for reading in taken {
                    match reading {
                        Ok(reading) => {
                            let is_summed = summed.contains(&reading.measure);
                            derive::add(months, reading, is_summed);
                        }
                        Err((measure, reason)) => {
                            let measure = measure.measure(Catalogue::built_in()).map(Measure::reference);
                            self.refused.push(Refused { origin: origin.clone(), measure, reason });
                        }
                    }
                }
            }
        }
    }

    fn reduce(&mut self, catalogue: &Catalogue, people: &People<'_>, found: Months, now: Timestamp) {
        let mut deferred: BTreeMap<(MeasureRef, Period), u64> = BTreeMap::new();
        for month in months::reduced(catalogue, found, |position| people.person(position)) {
            let Reduced { measure, period, readings, day, origin, value } = month;
            *self.readings.entry(measure.reference()).or_default() += readings;
            if !time::month_has_ended(day, now) {
                *deferred.entry((measure.reference(), period)).or_default() += 1;
                continue;
            }
            match value {
                Ok(value) => self.records.push(value),
                Err(reason) => self.refused.push(Refused { origin, measure: Some(measure.reference()), reason }),
            }
        }
        let listed = deferred.into_iter().map(|((measure, period), people)| Deferred { measure, period, people });
        self.deferred = listed.collect();
    }
}
