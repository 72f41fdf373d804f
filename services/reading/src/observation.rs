//! One measurement, as the readers of all formats hand it to selection: what was measured and how much, when, of whom, and
//! what narrows it.
//!
//! | part | what selection asks of it |
//! |---|---|
//! | [`RecordId`], [`Version`] | whether it was read before |
//! | [`Status`] | whether its source stands by it |
//! | [`Subject`] | whose it is |
//! | [`When`] | which month it counts in |
//! | [`Measured`]: its own, or those of its parts if it is a panel | which measures it is of, and what it says of them |
//!
//! Kept true: a reader parses each text once, and a number that its format has as an integer is never written as text. A part that is
//! missing or wrong keeps its reason until selection asks for it, so the reason that is told does not depend on
//! the format. A name, an address or a note has no field here.

use std::borrow::Cow;

use jiff::Timestamp;
use num_rational::BigRational;
use serde_json::value::RawValue;

use crate::{identifier::PersonId, number, refusal::Reason, time::When};

/// The system of UCUM units.
pub(crate) const UCUM: &str = "http://unitsofmeasure.org";

/// A measurement.
#[derive(Clone, Debug)]
pub struct Observation<'a> {
    /// What tells it from others of its source.
    pub id: RecordId<'a>,
    /// Which version of it this is.
    pub version: Version<'a>,
    /// Whether its source stands by it; nothing, if its format has such a word and it is missing.
    pub status: Option<Status>,
    /// Whose it is, or why that is not told.
    pub subject: Result<Subject<'a>, Reason>,
    /// When it was measured, or why that is not told.
    pub when: Result<When, Reason>,
    /// What was measured: of a panel, the panel.
    pub own: Measured<'a>,
    /// The parts of a panel.
    pub parts: Vec<Measured<'a>>,
}

impl<'a> Observation<'a> {
    /// A measurement that its source stands by, of a format without ids.
    pub(crate) fn new(subject: Result<Subject<'a>, Reason>, when: Result<When, Reason>, own: Measured<'a>) -> Self {
        let (id, version, status) = (RecordId::Content, Version::default(), Some(Status::Final));
        Self { id, version, status, subject, when, own, parts: Vec::new() }
    }

    /// The same of a person who is known.
    pub(crate) fn of(person: &PersonId, when: When, own: Measured<'a>) -> Self {
        Self::new(Ok(Subject::Person(person.clone())), Ok(when), own)
    }
}

/// What tells a record from others of its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordId<'a> {
    /// The id that stands in it.
    Given(Cow<'a, str>),
    /// None stands in it, though its format has ids.
    Missing,
    /// Its format has none: what it says tells it from others.
    Content,
}

impl RecordId<'_> {
    /// The id, if one stands in the record.
    pub fn given(&self) -> Option<&str> {
        match self {
            Self::Given(id) => Some(id),
            Self::Missing | Self::Content => None,
        }
    }
}

/// A version of a record, where its format has such.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Version<'a> {
    /// FHIR's `meta.versionId`.
    pub id: Option<Cow<'a, str>>,
    /// FHIR's `meta.lastUpdated`, if it is an instant.
    pub updated: Option<Timestamp>,
}

/// Whether a source stands by a record: the codes of FHIR's `observation-status` that selection tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It does.
    Final,
    /// It does, with something added.
    Amended,
    /// It does, after a correction.
    Corrected,
    /// It was not measured after all.
    Cancelled,
    /// It never was.
    EnteredInError,
    /// `registered`, `preliminary`, `unknown`, or no code at all.
    Other,
}

impl Status {
    const CODES: [(&'static str, Self); 5] = [
        ("final", Self::Final),
        ("amended", Self::Amended),
        ("corrected", Self::Corrected),
        ("cancelled", Self::Cancelled),
        ("entered-in-error", Self::EnteredInError),
    ];

    pub(crate) fn of_code(code: &str) -> Self {
        Self::CODES.into_iter().find(|(known, _)| *known == code).map_or(Self::Other, |(_, status)| status)
    }

    /// FHIR's code; `unknown` stands for all that are not told apart.
    pub fn code(self) -> &'static str {
        Self::CODES.into_iter().find(|(_, status)| *status == self).map_or("unknown", |(code, _)| code)
    }
}

/// Whom a record is about.
#[derive(Clone, Debug)]
pub enum Subject<'a> {
    /// The person, in formats whose records or files say who it is.
    Person(PersonId),
    /// A URL that a patient goes by, absolute or relative.
    Reference(Cow<'a, str>),
}

/// How much was measured, of what, and what narrows it.
#[derive(Clone, Debug, Default)]
pub struct Measured<'a> {
    /// Codes for one thing in several systems.
    pub codes: Vec<Code<'a>>,
    /// How much; nothing, if it says of no quantity.
    pub quantity: Option<Quantity<'a>>,
    /// Whether it says why the value is absent.
    pub is_absent: bool,
    /// Whether it has a modifier extension: it may negate everything else, and FHIR forbids to pass over it.
    pub is_modified: bool,
}

impl<'a> Measured<'a> {
    /// So much of what a code names.
    pub(crate) fn of(code: Known<'a>, quantity: Quantity<'a>) -> Self {
        Self { quantity: Some(quantity), ..Self::named(code.into()) }
    }

    /// What a code names, and no quantity of it.
    pub(crate) fn named(code: Code<'a>) -> Self {
        Self { codes: vec![code], ..Self::default() }
    }
}

/// A code of a system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code<'a> {
    /// The URI of the system, if it is told.
    pub system: Option<Cow<'a, str>>,
    /// The code, as it was written.
    pub code: Cow<'a, str>,
}

/// A system and a code of it, both of which the catalogue has.
pub(crate) type Known<'c> = (&'c str, &'c str);

impl<'c> From<Known<'c>> for Code<'c> {
    fn from((system, code): Known<'c>) -> Self {
        Self { system: Some(Cow::Borrowed(system)), code: Cow::Borrowed(code) }
    }
}

/// How much.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quantity<'a> {
    /// The number, exactly, in that unit; or why there is none.
    pub value: Result<BigRational, Reason>,
    /// The code of the unit in UCUM, or a spelling that stands for one; or why there is none.
    pub unit: Result<Cow<'a, str>, Reason>,
    /// Whether the number is a bound (`<`, `>=`) and not a reading.
    pub is_bound: bool,
}

impl<'a> Quantity<'a> {
    /// A number that is known exactly.
    pub(crate) fn exact(value: BigRational, unit: &'a str) -> Self {
        Self { value: Ok(value), unit: Ok(Cow::Borrowed(unit)), is_bound: false }
    }

    /// An integer of so many parts of the unit.
    pub(crate) fn parts(count: u32, a_unit: u32, unit: &'a str) -> Self {
        Self::exact(BigRational::new(count.into(), a_unit.into()), unit)
    }

    /// A number as a text has it, by JSON's rules. What is no JSON at all is refused.
    pub(crate) fn written(text: &str, unit: &'a str) -> Result<Self, Reason> {
        let json: &RawValue = serde_json::from_str(text).map_err(|_| Reason::NotANumber)?;
        Ok(Self::of_json(Some(json), Ok(Cow::Borrowed(unit))))
    }

    /// A number as JSON has it, if it has one.
    pub(crate) fn of_json(json: Option<&RawValue>, unit: Result<Cow<'a, str>, Reason>) -> Self {
        let value = json.ok_or(Reason::NoQuantity).and_then(|json| Ok(number::exact(json.get())?));
        Self { value, unit, is_bound: false }
    }
}
