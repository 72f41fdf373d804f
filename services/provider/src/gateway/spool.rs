//! What the spool keeps of people, observations and readings, and how it is written: what de-identification lets through,
//! and no more.
//!
//! Of a person sex, birth date, date of death and, where people are named by it, the identity number, as later observations
//! need them; of an observation its id, status and the catalogue's code; of a reading measure, time, value,
//! and the id that breaks ties. All of it is encrypted ([`super::cipher`]); identifiers are HMACs.

use std::{path::Path, str::FromStr as _, sync::Arc};

use nacre_reading::{
    Origin, PersonId, Place, Reason,
    people::Person,
    position::{MeasurePosition, PersonPosition},
    reading::Reading,
    time::Effective,
};
use nacre_schemas::{Digest, catalogue::Catalogue, cohort, identity::IdentityNumber, measure::Measure};
use num_rational::BigRational;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::cipher::Cipher;
use crate::{
    outbox::{Lock, Outbox, OutboxError, observation::Kept, person::PersonRow},
    seal::{
        batch::{Sealer, Subject},
        name,
    },
    sm4_gcm::EncryptError,
};

/// The gateway's part of the outbox.
pub(crate) struct Spool {
    pub(super) outbox: Outbox,
    pub(super) sealer: Arc<Sealer>,
    cipher: Cipher,
    // Held as long as anybody here works on it: nobody else posts from this outbox.
    _lock: Lock,
}

/// Of a person. Overwritten when dropped.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
struct PersonFacts {
    sex: String,
    birth: String,
    death: Option<(String, Option<String>)>,
    identity: Option<String>,
}

/// Of an observation: what an answer says of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ObservationFacts {
    pub(super) id: String,
    pub(super) status: String,
    /// System and code.
    pub(super) code: Option<(String, String)>,
}

/// Of a reading. Overwritten when dropped.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
struct ReadingFacts {
    measure: String,
    day: String,
    instant: Option<String>,
    value: String,
    source: String,
}

impl Spool {
    /// The spool of an outbox, under the configured key.
    pub(crate) async fn open(outbox: Outbox, sealer: Arc<Sealer>, key: &Path) -> Result<Self, super::ServeError> {
        let lock = outbox.lock()?;
        let anybody = outbox.any_person().await?;
        let cipher = Cipher::open(key, anybody.is_none())?;
        let spool = Self { outbox, sealer, cipher, _lock: lock };
        if let Some(person) = anybody {
            spool.person(&person)?;
        }
        Ok(spool)
    }

    /// A name under the record key, of something of that kind.
    pub(super) fn name(&self, kind: &str, texts: &[&[u8]]) -> Digest {
        name::held(&self.sealer.keys.record, kind, texts)
    }

    /// What a Patient's id is known by.
    pub(super) fn patient_name(&self, id: &str) -> Digest {
        self.name("patient", &[id.as_bytes()])
    }

    /// What an Observation's id is known by.
    pub(super) fn observation_name(&self, id: &str) -> Digest {
        self.name("observation", &[id.as_bytes()])
    }

    /// What an Observation's business identifier is known by.
    pub(super) fn identifier_name(&self, system: &str, value: &str) -> Digest {
        self.name("identifier", &[system.as_bytes(), value.as_bytes()])
    }

    /// Writes down a person. The identity number is kept where people are named by it, and nowhere else.
    pub(super) fn person_row(&self, subject: Subject, person: &Person) -> Result<PersonRow, EncryptError> {
        let by_number = self.sealer.config.pseudonyms.is_some();
        let facts = PersonFacts {
            sex: person.sex.to_string(),
            birth: person.birth.to_string(),
            death: person.death.map(|death| (death.day.to_string(), death.instant.map(|instant| instant.to_string()))),
            identity: person.identity.as_ref().ok().filter(|_| by_number).and_then(number_text),
        };
        Ok(PersonRow { subject, sealed: self.cipher.seal("person", &[&subject.name], &facts)? })
    }

    /// Reads a person. The identifier is not there: its name stands for it.
    pub(super) fn person(&self, row: &PersonRow) -> Result<Person, OutboxError> {
        let facts: PersonFacts = self.cipher.open_row("person", &[&row.subject.name], &row.sealed)?;
        let identity = match &facts.identity {
            Some(text) => text.parse().map_err(Reason::of_identity),
            None => Err(Reason::NoIdentityNumber),
        };
        let id =
            PersonId::new(&row.subject.name.to_string()).map_err(|reason| OutboxError::Damaged(reason.to_string()))?;
        let damaged = || OutboxError::Damaged("a person of the spool".to_owned());
        let death = facts.death.as_ref().map(|(day, instant)| effective(day, instant.as_deref()).ok_or_else(damaged));
        Ok(Person {
            id,
            sex: facts.sex.parse().map_err(|_| damaged())?,
            birth: facts.birth.parse().map_err(|_| damaged())?,
            death: death.transpose()?,
            identity,
        })
    }

    /// Writes down what answers say of an observation.
    pub(super) fn observation_row(&self, id: &Digest, facts: &ObservationFacts) -> Result<Vec<u8>, EncryptError> {
        self.cipher.seal("observation", &[id], facts)
    }

    /// Reads it.
    pub(super) fn observation(&self, kept: &Kept) -> Result<ObservationFacts, OutboxError> {
        self.cipher.open_row("observation", &[&kept.id], &kept.sealed)
    }

    /// Writes down a reading.
    pub(super) fn reading_row(
        &self,
        observation: &Digest,
        record: &Digest,
        reading: &Reading,
    ) -> Result<Vec<u8>, EncryptError> {
        let measure = reading.measure.measure(Catalogue::built_in()).ok_or(EncryptError::Unwritable)?;
        let facts = ReadingFacts {
            measure: measure.reference().to_string(),
            day: reading.effective.day.to_string(),
            instant: reading.effective.instant.map(|instant| instant.to_string()),
            value: reading.value.to_string(),
            source: reading.source.to_string(),
        };
        self.cipher.seal("reading", &[observation, record], &facts)
    }

    /// Reads a reading.
    pub(super) fn reading(&self, observation: &Digest, record: &Digest, sealed: &[u8]) -> Result<Reading, OutboxError> {
        let facts: ReadingFacts = self.cipher.open_row("reading", &[observation, record], sealed)?;
        let damaged = |what: &str| OutboxError::Damaged(format!("a reading of the spool: {what}"));
        let measure = facts.measure.parse().ok().and_then(|name| MeasurePosition::of(Catalogue::built_in(), &name));
        let effective = effective(&facts.day, facts.instant.as_deref()).ok_or_else(|| damaged("its time"))?;
        let (year, month) = (u16::try_from(effective.day.year()), effective.day.month().unsigned_abs());
        let period = year.ok().and_then(|year| cohort::Period::new(year, month).ok());
        Ok(Reading {
            person: PersonPosition::FIRST,
            measure: measure.ok_or_else(|| damaged("the catalogue of this program has no such measure"))?,
            period: period.ok_or_else(|| damaged("its month"))?,
            effective,
            value: BigRational::from_str(&facts.value).map_err(|_| damaged("its value"))?,
            source: facts.source.as_str().into(),
            origin: origin(None),
        })
    }
}

fn effective(day: &str, instant: Option<&str>) -> Option<Effective> {
    Some(Effective { day: day.parse().ok()?, instant: instant.map(str::parse).transpose().ok()? })
}

/// The text of a number, which reads as the same number again.
fn number_text(number: &IdentityNumber) -> Option<String> {
    let bytes = number.to_bytes();
    // A kind of one byte, a length of four, the characters.
    let text = std::str::from_utf8(bytes.get(5..)?).ok()?;
    (text.parse::<IdentityNumber>().as_ref() == Ok(number)).then(|| text.to_owned())
}

/// Where what came over HTTP stands.
pub(super) fn origin(entry: Option<u64>) -> Origin {
    let place = entry.map_or(Place::File, Place::Entry);
    Origin { file: Path::new("gateway").into(), place, observation: None }
}

/// The identity number of a value counts where it is asked for.
pub(super) fn is_unnamed(sealer: &Sealer, person: &Person, period: cohort::Period) -> Option<Reason> {
    let asked = sealer.config.pseudonyms.as_ref().is_some_and(|pseudonyms| period >= pseudonyms.from);
    person.identity.as_ref().err().copied().filter(|_| asked)
}

/// Equal for readings that say the same of the same person, however they are written.
pub(super) fn content_of(readings: &[Reading], subject: &Subject, key: &[u8; 32], id: &str) -> Digest {
    let mut lines: Vec<String> = readings
        .iter()
        .map(|reading| {
            let Effective { day, instant } = reading.effective;
            let measure = reading.measure.measure(Catalogue::built_in()).map(Measure::reference);
            let measure = measure.map_or_else(String::new, |name| name.to_string());
            format!("{measure} {day} {instant:?} {}", reading.value)
        })
        .collect();
    lines.sort();
    name::held(key, "content", &[&subject.name.0, id.as_bytes(), lines.join("\n").as_bytes()])
}
