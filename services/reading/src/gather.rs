//! The readings of a person's month, in no more memory than its reduction needs.
//!
//! Kept true: what is made of a month is the same however its readings were gathered, and in whatever order. A mean over
//! readings, which a wearable gives by the million, is gathered as their sum and their latest; all others one by one, as
//! a later reading, or a quotient, may need any of them.

use std::collections::HashSet;

use nacre_schemas::{
    catalogue::Catalogue,
    measure::{Derivation, Measure, Reduction},
};
use num_rational::BigRational;

use crate::{
    position::MeasurePosition,
    reading::{Reading, latest},
};

/// The readings of one measure of a person's month: at least one.
pub(crate) enum Gathered {
    /// One by one.
    Each(Vec<Reading>),
    /// Their sum.
    Sum {
        /// The exact sum.
        sum: BigRational,
        /// How many they are.
        count: u64,
        /// The latest of them.
        last: Box<Reading>,
    },
}

impl Gathered {
    /// A month of one reading. Of those of which the sum alone is wanted none is kept but the latest.
    pub(crate) fn new(first: Reading, is_summed: bool) -> Self {
        if is_summed {
            Self::Sum { sum: first.value.clone(), count: 1, last: Box::new(first) }
        } else {
            Self::Each(vec![first])
        }
    }

    /// Adds a reading of the same person, measure and month.
    pub(crate) fn add(&mut self, reading: Reading) {
        match self {
            Self::Each(readings) => readings.push(reading),
            Self::Sum { sum, count, last } => {
                *sum += &reading.value;
                *count += 1;
                let is_later = latest([&**last, &reading]).is_some_and(|found| std::ptr::eq(found, &reading));
                if is_later {
                    **last = reading;
                }
            }
        }
    }

    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Each(readings) => readings.len() as u64,
            Self::Sum { count, .. } => *count,
        }
    }

    /// The readings, where they are kept one by one.
    pub(crate) fn each(&self) -> &[Reading] {
        match self {
            Self::Each(readings) => readings,
            Self::Sum { .. } => &[],
        }
    }

    /// One of the readings: all are of one person, measure and month.
    pub(crate) fn any(&self) -> Option<&Reading> {
        match self {
            Self::Each(readings) => readings.first(),
            Self::Sum { last, .. } => Some(last),
        }
    }
}

/// The measures of the catalogue whose readings need no more than their sum.
pub(crate) fn summed(catalogue: &Catalogue) -> HashSet<MeasurePosition> {
    let is_part = |measure| {
        catalogue.measures().iter().any(|other| match &other.derivation {
            Some(Derivation::Quotient(quotient)) => quotient.dividend == measure || quotient.divisor == measure,
            _ => false,
        })
    };
    let is_summed = |measure: &Measure| measure.reduction == Reduction::MeanOfReadings && !is_part(measure.reference());
    MeasurePosition::each(catalogue).filter(|(_, measure)| is_summed(measure)).map(|(position, _)| position).collect()
}
