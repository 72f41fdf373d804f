//! A reading: one value of one person at one time, in its measure's own unit; and which of several is the latest.

use std::{cmp::Reverse, sync::Arc};

use nacre_schemas::cohort;
use num_rational::BigRational;

use crate::{
    position::{MeasurePosition, MonthKey, PersonPosition},
    refusal::{Origin, Reason},
    time::Effective,
};

/// One value of one person at one time.
#[derive(Clone, Debug)]
pub struct Reading {
    /// Whose.
    pub person: PersonPosition,
    /// What.
    pub measure: MeasurePosition,
    /// The month that it counts in.
    pub period: cohort::Period,
    /// When it holds.
    pub effective: Effective,
    /// In the measure's own unit.
    pub value: BigRational,
    /// The observation's id, or its fullUrl, or where its format has neither the value: what breaks ties.
    pub source: Arc<str>,
    /// Where it was read.
    pub origin: Origin,
}

impl Reading {
    /// The month that it counts in.
    pub(crate) fn month(&self) -> MonthKey {
        MonthKey { person: self.person, measure: self.measure, period: self.period }
    }
}

/// A reading, or of which measure there is none and why.
pub type Taken = Result<Reading, (MeasurePosition, Reason)>;

/// Of which measure it is.
pub fn measure_of(taken: &Taken) -> MeasurePosition {
    match taken {
        Ok(reading) => reading.measure,
        Err((measure, _)) => *measure,
    }
}

/// The latest reading.
pub(crate) fn latest<'r>(readings: impl IntoIterator<Item = &'r Reading> + Clone) -> Option<&'r Reading> {
    let all = || readings.clone().into_iter();
    let timed = all().filter(|reading| reading.effective.instant.is_some());
    let timed = timed.max_by_key(|reading| (reading.effective.instant, Reverse(&reading.source)));
    let untimed = all().filter(|reading| reading.effective.instant.is_none());
    let untimed = untimed.max_by_key(|reading| (reading.effective.day, Reverse(&reading.source)));
    match (timed, untimed) {
        (Some(timed), Some(untimed)) if untimed.effective.day > timed.effective.day => Some(untimed),
        (timed, untimed) => timed.or(untimed),
    }
}
