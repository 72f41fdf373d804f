//! What reading has to be told: what names a person, where the register and the description of tables lie, and whose
//! files are that name nobody.

use std::path::PathBuf;

use jiff::tz::Offset;
use nacre_schemas::{id::Text, region::Region};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{identifier::PersonId, time};

/// What reading has to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where the people are counted; records do not say.
    pub region: Region,
    /// System of the identifier that names a person.
    pub person_system: Text<256>,
    /// Systems of the identifiers that are identity numbers. Of a patient who has several the first listed counts.
    pub identity_systems: Vec<Text<256>>,
    /// The register of people (CSV: id, sex, birth-date and, if wanted, region and identity-number); if any.
    pub people: Option<PathBuf>,
    /// What the columns of CSV files are (TOML); without it none are read.
    pub table: Option<PathBuf>,
    /// Whose files are that name nobody, and in which time zone their times are.
    pub unnamed: Unnamed,
}

impl Settings {
    /// Of a region, whose people are told by identifiers of that system: without a register, a description of tables or
    /// identity numbers.
    pub fn new(region: Region, person_system: Text<256>) -> Self {
        let identity_systems = Vec::new();
        Self { region, person_system, identity_systems, people: None, table: None, unnamed: Unnamed::default() }
    }
}

/// Files that name nobody: FIT and Apple Health.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Unnamed {
    /// How it is told whose a file is, unless one person is given for all of them.
    pub people: Option<PeopleBy>,
    /// The offset from UTC of times that have none, such as `+08:00`, which is the default: all of the Greater Bay Area's.
    pub utc_offset: UtcOffset,
    /// The one person whom all of them are of. A run is told so; a configuration never is.
    #[serde(skip)]
    pub person: Option<PersonId>,
}

impl Default for Unnamed {
    fn default() -> Self {
        Self { people: None, utc_offset: UtcOffset(Offset::constant(8)), person: None }
    }
}

/// How it is told whose a file is that names nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PeopleBy {
    /// The name of the folder that it lies in is the person's identifier.
    Folder,
}

/// An offset from UTC, written `±hh:mm` or `Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UtcOffset(pub Offset);

impl<'de> Deserialize<'de> for UtcOffset {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let read = time::offset(&text).map(Self);
        read.map_err(|_| D::Error::custom(format!("`{text}` is no offset from UTC, such as +08:00")))
    }
}

impl Serialize for UtcOffset {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // An offset that was read has whole minutes.
        let (minutes, sign) = (self.0.seconds().abs() / 60, if self.0.seconds() < 0 { '-' } else { '+' });
        serializer.collect_str(&format_args!("{sign}{:02}:{:02}", minutes / 60, minutes % 60))
    }
}
