//! From a FHIR Observation to an [`Observation`]. What is wrong with one member alone waits for selection.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;

use crate::{
    observation::{Code, Measured, Observation, Quantity, RecordId, Status, Subject, UCUM, Version},
    refusal::Reason,
    time::{self, When},
};

/// Reads an Observation.
///
/// Errors: [`Reason::Malformed`], if a member that is read is not of the shape that FHIR R4 gives it.
pub fn observation(json: &str) -> Result<Observation<'_>, Reason> {
    let resource: Resource<'_> = serde_json::from_str(json).map_err(|_| Reason::Malformed)?;
    Ok(resource.into_observation())
}

/// The allow-list: what is read of an Observation.
#[derive(Deserialize)]
struct Resource<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    /// Read by itself: what is wrong with it takes nothing from the observation.
    #[serde(borrow)]
    meta: Option<&'a RawValue>,
    #[serde(borrow)]
    status: Option<Text<'a>>,
    #[serde(default, borrow)]
    code: Concept<'a>,
    #[serde(borrow)]
    subject: Option<Reference<'a>>,
    #[serde(rename = "effectiveDateTime", borrow)]
    effective_date_time: Option<Text<'a>>,
    #[serde(rename = "effectiveInstant", borrow)]
    effective_instant: Option<Text<'a>>,
    #[serde(rename = "effectivePeriod", borrow)]
    effective_period: Option<Period<'a>>,
    #[serde(rename = "valueQuantity", borrow)]
    value_quantity: Option<Amount<'a>>,
    /// Only whether there is one.
    #[serde(rename = "dataAbsentReason")]
    data_absent_reason: Option<IgnoredAny>,
    /// Only whether there is one.
    #[serde(rename = "modifierExtension")]
    modifier_extension: Option<IgnoredAny>,
    #[serde(default, borrow)]
    component: Vec<Component<'a>>,
}

/// What is read of a component of a panel.
#[derive(Deserialize)]
struct Component<'a> {
    #[serde(default, borrow)]
    code: Concept<'a>,
    #[serde(rename = "valueQuantity", borrow)]
    value_quantity: Option<Amount<'a>>,
    #[serde(rename = "dataAbsentReason")]
    data_absent_reason: Option<IgnoredAny>,
    #[serde(rename = "modifierExtension")]
    modifier_extension: Option<IgnoredAny>,
}

/// A string, which is borrowed unless something in it is escaped.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl Text<'_> {
    fn as_str(&self) -> &str {
        &self.0
    }
}

#[derive(Default, Deserialize)]
struct Concept<'a> {
    #[serde(default, borrow)]
    coding: Vec<Coding<'a>>,
}

#[derive(Deserialize)]
struct Coding<'a> {
    #[serde(borrow)]
    system: Option<Text<'a>>,
    #[serde(borrow)]
    code: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Reference<'a> {
    #[serde(borrow)]
    reference: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Period<'a> {
    #[serde(borrow)]
    start: Option<Text<'a>>,
    #[serde(borrow)]
    end: Option<Text<'a>>,
}

/// A Quantity. Its `unit` is for people and is not read.
#[derive(Deserialize)]
struct Amount<'a> {
    #[serde(borrow)]
    value: Option<&'a RawValue>,
    /// `<`, `>=` and the like.
    #[serde(borrow)]
    comparator: Option<Text<'a>>,
    #[serde(borrow)]
    system: Option<Text<'a>>,
    #[serde(borrow)]
    code: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Meta<'a> {
    #[serde(rename = "versionId", borrow)]
    version_id: Option<Text<'a>>,
    #[serde(rename = "lastUpdated", borrow)]
    last_updated: Option<Text<'a>>,
}

impl<'a> Resource<'a> {
    fn into_observation(self) -> Observation<'a> {
        let when = self.when();
        let reference = self.subject.and_then(|subject| subject.reference);
        Observation {
            id: self.id.map_or(RecordId::Missing, |Text(id)| RecordId::Given(id)),
            version: self.meta.map(version).unwrap_or_default(),
            status: self.status.map(|Text(code)| Status::of_code(&code)),
            subject: reference.map(|Text(url)| Subject::Reference(url)).ok_or(Reason::NoSubject),
            when,
            own: Measured {
                codes: self.code.into_codes(),
                quantity: self.value_quantity.map(Amount::into_quantity),
                is_absent: self.data_absent_reason.is_some(),
                is_modified: self.modifier_extension.is_some(),
            },
            parts: self.component.into_iter().map(Component::into_measured).collect(),
        }
    }

    fn when(&self) -> Result<When, Reason> {
        let moment = |text: &Text<'_>| Ok(When::Moment(time::moment(&text.0)?));
        match (&self.effective_date_time, &self.effective_instant, &self.effective_period) {
            (None, None, None) => Err(Reason::NoDate),
            (Some(text), None, None) | (None, Some(text), None) => moment(text),
            (None, None, Some(Period { start, end })) => {
                Ok(When::span(start.as_ref().map(Text::as_str), end.as_ref().map(Text::as_str))?)
            }
            _ => Err(Reason::SeveralDates),
        }
    }
}

impl<'a> Component<'a> {
    fn into_measured(self) -> Measured<'a> {
        Measured {
            codes: self.code.into_codes(),
            quantity: self.value_quantity.map(Amount::into_quantity),
            is_absent: self.data_absent_reason.is_some(),
            is_modified: self.modifier_extension.is_some(),
        }
    }
}

impl<'a> Concept<'a> {
    /// The codes; a system without one names nothing.
    fn into_codes(self) -> Vec<Code<'a>> {
        let code = |Coding { system, code }| Some(Code { system: system.map(|Text(system)| system), code: code?.0 });
        self.coding.into_iter().filter_map(code).collect()
    }
}

impl<'a> Amount<'a> {
    fn into_quantity(self) -> Quantity<'a> {
        let unit = match (self.system, self.code) {
            (Some(Text(system)), Some(_)) if system != UCUM => Err(Reason::NotUcum),
            (Some(_), Some(Text(code))) => Ok(code),
            _ => Err(Reason::NoUnit),
        };
        Quantity { is_bound: self.comparator.is_some(), ..Quantity::of_json(self.value, unit) }
    }
}

fn version(meta: &RawValue) -> Version<'_> {
    let Ok(Meta { version_id, last_updated }) = serde_json::from_str(meta.get()) else { return Version::default() };
    let instant = |Text(text): Text<'_>| -> Option<Timestamp> { time::moment(&text).ok()?.instant() };
    Version { id: version_id.map(|Text(id)| id), updated: last_updated.and_then(instant) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_borrowed_and_the_version_is_carried() {
        let text = r#"{"id":"o1","meta":{"versionId":"3","lastUpdated":"2026-01-06T08:00:00+08:00","tag":[7]},
            "status":"final","code":{"coding":[{"system":"s"},{"code":"8480-6"}]}}"#;
        let found = observation(text).unwrap();
        assert!(matches!(found.id, RecordId::Given(Cow::Borrowed("o1"))));
        assert!(matches!(found.version.id, Some(Cow::Borrowed("3"))));
        assert_eq!(found.version.updated.unwrap().to_string(), "2026-01-06T00:00:00Z");
        assert_eq!(found.own.codes, [Code { system: None, code: "8480-6".into() }]);
        for meta in ["7", "{\"versionId\":3}", "[]", "null"] {
            let text = format!("{{\"meta\":{meta}}}");
            assert_eq!(observation(&text).unwrap().version, Version::default(), "{meta}");
        }
    }

    #[test]
    fn what_is_missing_or_wrong_keeps_its_reason() {
        let found = observation(r#"{"effectiveDateTime":"2026","valueQuantity":{"value":"7","code":"kg"}}"#).unwrap();
        assert_eq!((found.subject.err(), found.when.err()), (Some(Reason::NoSubject), Some(Reason::DateWithoutDay)));
        let quantity = found.own.quantity.unwrap();
        assert_eq!((quantity.value, quantity.unit), (Err(Reason::NotANumber), Err(Reason::NoUnit)));
        assert_eq!(observation(r#"{"id":7}"#).err(), Some(Reason::Malformed));
    }
}
