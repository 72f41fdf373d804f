//! The allow-list: the only members of FHIR resources that are ever read into a value. A name, an address, a
//! telephone number, a note or a narrative has no field here, so it cannot leave the text it stands in.

use serde::Deserialize;
use serde_json::value::RawValue;

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
    /// A code of FHIR's `administrative-gender`.
    pub gender: Option<String>,
    /// The birth date, which may lack a day.
    #[serde(rename = "birthDate")]
    pub birth_date: Option<String>,
    /// When the person died, to whichever precision.
    #[serde(rename = "deceasedDateTime")]
    pub deceased_date_time: Option<String>,
}

/// A business identifier.
#[derive(Deserialize)]
pub struct Identifier {
    /// The URI of what gives such identifiers.
    pub system: Option<String>,
    /// The identifier itself.
    pub value: Option<String>,
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

/// A span of time.
#[derive(Deserialize)]
pub struct Period {
    /// A date, or a date and a time.
    pub start: Option<String>,
    /// The same.
    pub end: Option<String>,
}
