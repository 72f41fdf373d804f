//! The tests that take more than one module.

mod data_points;
mod devices;
mod fit_file;
mod intake;
mod measures;
mod memory;
mod openmhealth;
mod refusals;
mod selection;
mod synthetic;
mod tables;

use std::path::{Path, PathBuf};

use jiff::Timestamp;

pub(crate) use self::synthetic::*;
use crate::{Prepared, Reason, Settings, prepare};

impl Files {
    pub(crate) fn prepare(&self) -> Prepared {
        self.prepare_at("2026-03-15T00:00:00Z")
    }

    pub(crate) fn prepare_at(&self, now: &str) -> Prepared {
        let now: Timestamp = now.parse().unwrap();
        prepare(&settings(), &self.paths(), now).unwrap()
    }
}

/// What people are told by, and no more.
pub(crate) fn settings() -> Settings {
    Settings::new("440100".parse().unwrap(), PERSON_SYSTEM.parse().unwrap())
}

/// What would be posted: measure, month, sex, age band, value in steps, number of readings.
pub(crate) fn values(prepared: &Prepared) -> Vec<String> {
    let line = |value: &crate::MonthValue| {
        let (measure, period, sex, age) = (&value.measure, value.period, value.sex, value.age_band);
        format!("{measure} {period} {sex} {age} {} {}", value.value_steps, value.readings)
    };
    prepared.records.iter().map(line).collect()
}

pub(crate) fn reasons(prepared: &Prepared) -> Vec<Reason> {
    prepared.refused.iter().map(|refused| refused.reason).collect()
}
