//! The allow-list: the only members of FHIR resources that are ever read into a value. A name, an address, a
//! telephone number, a note or a narrative has no field here, so it cannot leave the text it stands in.

use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

/// A Bundle of any type. Each entry is kept as text until it is its turn.
#[derive(Deserialize)]
pub struct Bundle<'a> {
    #[serde(borrow)]
    /// The entries, in order.
    pub entry: Option<Vec<&'a RawValue>>,
}

/// An entry of a Bundle.
#[derive(Deserialize)]
pub struct BundleEntry<'a> {
    /// What other entries refer to its resource by.
    #[serde(rename = "fullUrl")]
    pub full_url: Option<String>,
    /// The resource, unread.
    #[serde(borrow)]
    pub resource: Option<&'a RawValue>,
}

/// What is read of a Patient.
#[derive(Deserialize)]
pub struct Patient {
    /// What other resources of its server refer to it by.
    pub id: Option<String>,
    /// What others call the person.
    #[serde(default)]
    pub identifier: Vec<Identifier>,
    pub(crate) gender: Option<String>,
    #[serde(rename = "birthDate")]
    pub(crate) birth_date: Option<String>,
    #[serde(rename = "deceasedDateTime")]
    pub(crate) deceased_date_time: Option<String>,
}

/// A business identifier.
#[derive(Deserialize)]
pub struct Identifier {
    /// The URI of what gives such identifiers.
    pub system: Option<String>,
    /// The identifier itself.
    pub value: Option<String>,
}

/// What is read of an Observation.
#[derive(Default, Deserialize)]
pub struct Observation<'a> {
    /// What its server calls it.
    pub id: Option<String>,
    /// A code of FHIR's `observation-status`.
    pub status: Option<String>,
    /// What was measured.
    #[serde(default)]
    pub code: CodeableConcept,
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
pub struct Component<'a> {
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
pub struct CodeableConcept {
    /// The codes, one a system.
    #[serde(default)]
    pub coding: Vec<Coding>,
}

/// A code of a system.
#[derive(Deserialize)]
pub struct Coding {
    /// The URI of its system.
    pub system: Option<String>,
    /// The code, as the system writes it.
    pub code: Option<String>,
}

/// Whom a record is about: a reference to another resource, or the person.
#[derive(Deserialize)]
pub struct Reference {
    /// A URL, absolute or relative.
    pub reference: Option<String>,
    /// The identifier that names the person, of formats whose records hold it themselves. FHIR's never do.
    #[serde(skip)]
    pub person: Option<Zeroizing<String>>,
}

/// A span of time.
#[derive(Deserialize)]
pub struct Period {
    /// A date, or a date and a time.
    pub start: Option<String>,
    /// The same.
    pub end: Option<String>,
}

/// A measured amount. Its value stays text, so that no digit is lost; its `unit` is for people and is not read.
#[derive(Deserialize)]
pub struct Quantity<'a> {
    #[serde(borrow)]
    pub(crate) value: Option<&'a RawValue>,
    /// `<`, `>=` and the like: then the value is a bound and not a reading.
    pub(crate) comparator: Option<String>,
    pub(crate) system: Option<String>,
    pub(crate) code: Option<String>,
}
