//! From files to months: what people's records come to, one integer a person, measure and month.
//!
//! | module | what it does |
//! |---|---|
//! | [`mod@file`], [`text`], `input` | find files, open them, give out their bytes under caps |
//! | `pass`, and one for each format: [`fhir`], `omh`, `fit`, `apple`, `table` | read records |
//! | [`observation`] | what all of them hand on, whatever the format; with [`time`] and `number`, which are exact |
//! | [`people`], `register` | tell whom a record is about |
//! | [`position`] | the types of the indices that the others use |
//! | `codes`, `units`, [`select`] | decide what counts, as what, and why not |
//! | `derive`, `gather`, `reduce`, `exact`, [`months`] | add what follows, and make one integer of a month |
//! | [`prepare()`] | all of it, in two passes over the files |
//!
//! Kept true: there is no key, no socket and no database here, and nothing is written. A member of a record that is not on
//! its format's allow-list becomes no value. A number keeps every digit until the one rounding, at the end. What is not taken is
//! told with its place and its reason ([`Refused`]), which hold nothing of a person.
//!
//! Errors: [`PrepareError`] when the system cannot give a file, or register or description do not hold; what is wrong with one
//! record is a [`Reason`], and the others are read. Cost: two passes over the files; memory by the readings that count.

mod apple;
mod bundle;
mod codes;
mod derive;
mod exact;
pub mod fhir;
pub mod file;
mod fit;
mod found;
mod gather;
mod identifier;
mod input;
pub mod months;
mod number;
pub mod observation;
mod omh;
mod pass;
pub mod people;
pub mod position;
mod prepare;
mod progress;
pub mod reading;
mod reduce;
mod refusal;
mod register;
pub mod select;
mod settings;
mod table;
pub mod text;
pub mod time;
mod units;

#[cfg(test)]
mod tests;

/// The example of the README, which is compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

pub use file::FileError;
pub use identifier::PersonId;
pub use prepare::{PrepareError, Prepared, prepare, prepare_with};
pub use progress::{Progress, Stage};
pub use reduce::{Deferred, MonthValue};
pub use refusal::{Origin, Place, Reason, Refused};
pub use register::{HeaderProblem, LineProblem, RegisterError};
pub use settings::{PeopleBy, Settings, Unnamed, UtcOffset};
pub use table::description::TableError;
