//! Observations from formats that give amounts one by one and no ids: built here, so that every rule of [`crate::select`]
//! holds for them as for FHIR's.

use serde_json::value::RawValue;

use crate::{
    fhir::resource::{CodeableConcept, Coding, Component, Observation, Period, Quantity},
    people::PersonId,
    refusal::Reason,
    select::UCUM,
};

/// A code of a system.
pub(crate) type Code<'c> = (&'c str, &'c str);

/// The system of LOINC's codes.
pub(crate) const LOINC: &str = "http://loinc.org";
/// The system of Open mHealth's.
pub(crate) const OPEN_MHEALTH: &str = "https://w3id.org/openmhealth";
/// The system of the catalogue's own.
pub(crate) const NACRE: &str = "urn:nacre:code";
/// The code of a panel of blood pressures, and those of what stands in it.
pub(crate) const BLOOD_PRESSURE: Code<'_> = (LOINC, "85354-9");
pub(crate) const SYSTOLIC: Code<'_> = (LOINC, "8480-6");
pub(crate) const DIASTOLIC: Code<'_> = (LOINC, "8462-4");

/// What was measured: how much, of what.
pub(crate) struct Amount<'c> {
    code: Code<'c>,
    /// The number as it was written.
    value: Box<RawValue>,
    unit: &'c str,
}

impl<'c> Amount<'c> {
    /// The value is a number as JSON writes them.
    pub(crate) fn new(code: Code<'c>, value: &str, unit: &'c str) -> Result<Self, Reason> {
        let value = RawValue::from_string(value.to_owned()).map_err(|_| Reason::NotANumber)?;
        Ok(Self { code, value, unit })
    }

    fn quantity(&self) -> Quantity<'_> {
        let (system, code) = (Some(UCUM.to_owned()), Some(self.unit.to_owned()));
        Quantity { value: Some(&self.value), comparator: None, system, code }
    }
}

/// When it was measured.
pub(crate) enum When {
    /// A date, or a date and a time with its offset from UTC.
    Moment(String),
    /// From start to end.
    Span(String, String),
}

/// An amount by itself.
pub(crate) fn single<'a>(person: &PersonId, when: When, amount: &'a Amount<'_>) -> Observation<'a> {
    let value_quantity = Some(amount.quantity());
    Observation { code: concept(amount.code), value_quantity, ..of(person, when) }
}

/// Amounts that belong together, under the code of their panel.
pub(crate) fn panel<'a>(person: &PersonId, when: When, code: Code<'_>, amounts: &'a [Amount<'_>]) -> Observation<'a> {
    let component = |amount: &'a Amount<'_>| Component {
        code: concept(amount.code),
        value_quantity: Some(amount.quantity()),
        data_absent_reason: None,
        modifier_extension: None,
    };
    Observation { code: concept(code), component: amounts.iter().map(component).collect(), ..of(person, when) }
}

fn of<'a>(person: &PersonId, when: When) -> Observation<'a> {
    let (effective_date_time, effective_period) = match when {
        When::Moment(text) => (Some(text), None),
        When::Span(start, end) => (None, Some(Period { start: Some(start), end: Some(end) })),
    };
    Observation {
        // These formats have no status: what stands there was measured.
        status: Some("final".to_owned()),
        subject: Some(person.reference()),
        effective_date_time,
        effective_period,
        is_without_id: true,
        ..Observation::default()
    }
}

fn concept((system, code): Code<'_>) -> CodeableConcept {
    CodeableConcept { coding: vec![Coding { system: Some(system.to_owned()), code: Some(code.to_owned()) }] }
}
