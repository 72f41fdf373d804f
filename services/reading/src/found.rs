//! What the readers of all formats hand on: the records that they find, where each stands, and what is wrong with others.
//!
//! Kept true: a record is handed on once, in the order of the file, in the pass that is for it.

use jiff::civil::Date;
use nacre_schemas::cohort::Sex;

use crate::{
    fhir::resource::Patient,
    identifier::PersonId,
    observation::Observation,
    refusal::{Place, Reason},
};

/// A record of a file, or why there is none.
pub(crate) enum Found<'a> {
    Patient(Patient),
    /// What a file that is all of one person says of the person.
    Owner(Owner),
    Observation(Box<Observation<'a>>),
    /// An observation that its own format's rules exclude.
    Rejected(Rejected),
    /// An observation of nothing that the catalogue names.
    Uncoded,
    /// A record of another type, passed over.
    Other,
    /// A record of the wanted type that is not of its shape.
    Malformed,
    /// No record, whichever type is wanted.
    Unreadable(Reason),
}

/// Whom a file is of, and what it says of the person.
pub(crate) struct Owner {
    pub(crate) person: PersonId,
    pub(crate) sex: Option<Sex>,
    pub(crate) birth: Option<Date>,
}

/// Where something was found, and the `fullUrl` of its Bundle entry.
pub(crate) struct Spot<'a> {
    pub(crate) place: Place,
    pub(crate) full_url: Option<&'a str>,
}

/// Which records a pass over a file is for; the others are not parsed beyond their type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Patients,
    Observations,
}

/// A record that the rules of its own format exclude.
#[derive(Debug)]
pub(crate) struct Rejected {
    /// Its id, if that could be read.
    pub(crate) id: Option<String>,
    pub(crate) reason: Reason,
}
