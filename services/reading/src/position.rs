//! Where something stands in a list of a run: a person among its people, a measure in the catalogue, a file among its files.
//!
//! Kept true: a position is of one list, and a position of another is another type. Cost: a copy of a word.

use std::fmt;

use nacre_schemas::{
    catalogue::Catalogue,
    cohort::Period,
    measure::{Measure, MeasureRef},
};

/// A person, among the [`People`](crate::people::People) of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PersonPosition(pub(crate) usize);

impl PersonPosition {
    /// The first of a run, or the only one.
    pub const FIRST: Self = Self(0);
}

/// A file, among those of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FilePosition(pub(crate) usize);

impl FilePosition {
    /// The first of a run, or the only one.
    pub const FIRST: Self = Self(0);
}

/// A measure, in the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MeasurePosition(usize);

impl MeasurePosition {
    /// Where the measure of that name stands, if the catalogue has it.
    pub fn of(catalogue: &Catalogue, name: &MeasureRef) -> Option<Self> {
        catalogue.measures().iter().position(|measure| measure.reference() == *name).map(Self)
    }

    /// The measures of the catalogue, each with its position.
    pub(crate) fn each(catalogue: &Catalogue) -> impl Iterator<Item = (Self, &Measure)> {
        catalogue.measures().iter().enumerate().map(|(position, measure)| (Self(position), measure))
    }

    /// The measure that stands there; none in a catalogue that the position is not of.
    pub fn measure(self, catalogue: &Catalogue) -> Option<&Measure> {
        catalogue.measures().get(self.0)
    }
}

/// The number, from 0.
impl fmt::Display for MeasurePosition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// A month of one person and one measure. Months are listed by person, then by measure, then by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MonthKey {
    /// Whose.
    pub person: PersonPosition,
    /// What.
    pub measure: MeasurePosition,
    /// The month.
    pub period: Period,
}
