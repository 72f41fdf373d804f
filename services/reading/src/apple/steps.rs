//! A day's steps, from records of many short intervals and several devices.
//!
//! A telephone and a watch count the same steps, and the export holds both. Adding them up would count twice, and Apple's own
//! way of merging them is not in the export; so the day's steps are those of the one source that counted most.
//!
//! Kept true: an interval counts wholly on the civil day on which it ends, one that ends at midnight on the day before; sums
//! are exact. Cost: memory by days and sources, at most [`MAX_SUMS`].

use std::collections::{BTreeMap, btree_map::Entry};

use jiff::civil::Date;
use num_rational::BigRational;

use super::element::Element;
use crate::{number, refusal::Reason, time::When};

/// The kind of these records.
pub(super) const KIND: &str = "HKQuantityTypeIdentifierStepCount";
/// Days times sources, at most: a century of nine devices.
const MAX_SUMS: usize = 1 << 18;

/// Days that are being counted.
#[derive(Default)]
pub(super) struct Steps {
    sums: BTreeMap<(Date, u64), (BigRational, u64)>,
}

/// A day that was counted.
pub(super) struct Day {
    pub(super) date: Date,
    /// The last element that it is from.
    pub(super) position: u64,
    /// Whole ones.
    pub(super) steps: BigRational,
}

impl Steps {
    pub(super) fn add(&mut self, position: u64, record: &Element<'_>) -> Result<(), Reason> {
        if record.unit.as_deref() != Some("count") {
            return Err(Reason::OtherUnit);
        }
        let value = record.value.as_deref().ok_or(Reason::NoQuantity)?;
        let count = number::exact(value).map_err(|_| Reason::NotANumber)?;
        if count < BigRational::from_integer(0.into()) {
            return Err(Reason::OutOfRange);
        }
        let (start, end) = (Some(record.beginning()?), record.moment()?);
        let day = When::Span { start, end }.effective().day;
        let is_full = self.sums.len() == MAX_SUMS;
        match self.sums.entry((day, record.source)) {
            Entry::Occupied(mut known) => {
                let (sum, last) = known.get_mut();
                *sum += count;
                *last = position;
            }
            Entry::Vacant(_) if is_full => return Err(Reason::TooMany),
            Entry::Vacant(free) => {
                free.insert((count, position));
            }
        }
        Ok(())
    }

    /// The days, each by the source that counted most.
    pub(super) fn days(self) -> impl Iterator<Item = Day> {
        let mut days: BTreeMap<Date, (BigRational, u64)> = BTreeMap::new();
        for ((date, _), (sum, position)) in self.sums {
            let most = days.entry(date).or_insert_with(|| (sum.clone(), position));
            if sum > most.0 {
                *most = (sum, position);
            }
        }
        // Whole steps: a count that was shared out over intervals adds up to one, or nearly.
        days.into_iter().map(|(date, (sum, position))| Day { date, position, steps: sum.round() })
    }
}
