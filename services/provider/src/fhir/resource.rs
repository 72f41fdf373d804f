//! The allow-list: the only members of FHIR resources that are ever read into a value. A name, an address, a
//! telephone number, a note or a narrative has no field here, so it cannot leave the text it stands in.

use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

/// A Bundle of any type. Each entry is kept as text until it is its turn.
#[derive(Deserialize)]
pub(crate) struct Bundle<'a> {
    #[serde(borrow)]
    pub(crate) entry: Option<Vec<&'a RawValue>>,
}

/// An entry of a Bundle.
#[derive(Deserialize)]
pub(crate) struct BundleEntry<'a> {
    #[serde(rename = "fullUrl")]
    pub(crate) full_url: Option<String>,
    #[serde(borrow)]
    pub(crate) resource: Option<&'a RawValue>,
}

/// What is read of a Patient.
#[derive(Deserialize)]
pub(crate) struct Patient {
    pub(crate) id: Option<String>,
    #[serde(default)]
    pub(crate) identifier: Vec<Identifier>,
    pub(crate) gender: Option<String>,
    #[serde(rename = "birthDate")]
    pub(crate) birth_date: Option<String>,
    #[serde(rename = "deceasedDateTime")]
    pub(crate) deceased_date_time: Option<String>,
}

/// A business identifier.
#[derive(Deserialize)]
pub(crate) struct Identifier {
    pub(crate) system: Option<String>,
    pub(crate) value: Option<String>,
}

/// What is read of an Observation.
#[derive(Default, Deserialize)]
pub(crate) struct Observation<'a> {
    pub(crate) id: Option<String>,
    pub(crate) status: Option<String>,
    #[serde(default)]
    pub(crate) code: CodeableConcept,
    pub(crate) subject: Option<Reference>,
    #[serde(rename = "effectiveDateTime")]
    pub(crate) effective_date_time: Option<String>,
    #[serde(rename = "effectiveInstant")]
    pub(crate) effective_instant: Option<String>,
    #[serde(rename = "effectivePeriod")]
    pub(crate) effective_period: Option<Period>,
    #[serde(rename = "valueQuantity", borrow)]
    pub(crate) value_quantity: Option<Quantity<'a>>,
    /// Only whether there is one.
    #[serde(rename = "dataAbsentReason")]
    pub(crate) data_absent_reason: Option<IgnoredAny>,
    /// Only whether there is one: it may negate everything else, and FHIR forbids to pass over it.
    #[serde(rename = "modifierExtension")]
    pub(crate) modifier_extension: Option<IgnoredAny>,
    #[serde(default, borrow)]
    pub(crate) component: Vec<Component<'a>>,
    /// Whether its format gives records no ids, so that what it says is all that tells it from others.
    #[serde(skip)]
    pub(crate) is_without_id: bool,
}

/// What is read of a component of a panel.
#[derive(Deserialize)]
pub(crate) struct Component<'a> {
    #[serde(default)]
    pub(crate) code: CodeableConcept,
    #[serde(rename = "valueQuantity", borrow)]
    pub(crate) value_quantity: Option<Quantity<'a>>,
    #[serde(rename = "dataAbsentReason")]
    pub(crate) data_absent_reason: Option<IgnoredAny>,
    #[serde(rename = "modifierExtension")]
    pub(crate) modifier_extension: Option<IgnoredAny>,
}

/// Codes for one thing in several systems.
#[derive(Default, Deserialize)]
pub(crate) struct CodeableConcept {
    #[serde(default)]
    pub(crate) coding: Vec<Coding>,
}

/// A code of a system.
#[derive(Deserialize)]
pub(crate) struct Coding {
    pub(crate) system: Option<String>,
    pub(crate) code: Option<String>,
}

/// Whom a record is about: a reference to another resource, or the person.
#[derive(Deserialize)]
pub(crate) struct Reference {
    pub(crate) reference: Option<String>,
    /// The identifier that names the person, of formats whose records hold it themselves. FHIR's never do.
    #[serde(skip)]
    pub(crate) person: Option<Zeroizing<String>>,
}

/// A span of time.
#[derive(Deserialize)]
pub(crate) struct Period {
    pub(crate) start: Option<String>,
    pub(crate) end: Option<String>,
}

/// A measured amount. Its value stays text, so that no digit is lost; its `unit` is for people and is not read.
#[derive(Deserialize)]
pub(crate) struct Quantity<'a> {
    #[serde(borrow)]
    pub(crate) value: Option<&'a RawValue>,
    /// `<`, `>=` and the like: then the value is a bound and not a reading.
    pub(crate) comparator: Option<String>,
    pub(crate) system: Option<String>,
    pub(crate) code: Option<String>,
}
