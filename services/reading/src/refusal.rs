//! What was not taken, where it stands, and why. Nothing of a person is in it: a place in a file, the observation's
//! technical id, a reason. (A file's own name may name a person; it is shown to whoever named the file, never logged.)

use std::{path::Path, sync::Arc};

use nacre_schemas::{identity::IdentityError, measure::MeasureRef};
use serde::{Serialize, Serializer, ser::SerializeMap};

/// Where in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// The file as a whole, or the one resource in it.
    File,
    /// An entry of a Bundle or an array, a message of a FIT file, an element of an Apple Health export, from 0.
    Entry(u64),
    /// A line, from 1.
    Line(u64),
}

/// What a refusal is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The file.
    pub file: Arc<Path>,
    /// Where in it.
    pub place: Place,
    /// The id of the Observation, if it has one of FHIR's form.
    pub observation: Option<Arc<str>>,
}

impl Origin {
    fn entries<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        map.serialize_entry("file", &self.file.display().to_string())?;
        match self.place {
            Place::File => {}
            Place::Entry(entry) => map.serialize_entry("entry", &entry)?,
            Place::Line(line) => map.serialize_entry("line", &line)?,
        }
        match &self.observation {
            Some(observation) => map.serialize_entry("observation", &**observation),
            None => Ok(()),
        }
    }
}

impl Serialize for Origin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.entries(&mut map)?;
        map.end()
    }
}

/// Something that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What.
    pub origin: Origin,
    /// Of which measure, if it came to that.
    pub measure: Option<MeasureRef>,
    /// Why.
    pub reason: Reason,
}

impl Serialize for Refused {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        self.origin.entries(&mut map)?;
        if let Some(measure) = &self.measure {
            map.serialize_entry("measure", measure)?;
        }
        map.serialize_entry("reason", &self.reason)?;
        map.serialize_entry("text", &self.reason.to_string())?;
        map.end()
    }
}

/// Why something was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    // Files
    /// A file over the cap, of a format that is held whole: JSON and FIT.
    #[error("the file is larger than 64 MiB; split it, or export JSON as NDJSON")]
    FileTooLarge,
    /// A line over the cap.
    #[error("the line is longer than 4 MiB")]
    LineTooLong,
    /// A record over the cap, of a format that is read as a stream.
    #[error("the record is longer than 4 MiB, so the file is read no further")]
    RecordTooLong,
    /// More than memory is set aside for.
    #[error("the file has more of this kind than is taken; export fewer years at a time")]
    TooMany,
    /// Not UTF-8.
    #[error("the text is not UTF-8")]
    NotUtf8,
    /// Not a JSON object.
    #[error("this is not a JSON object")]
    NotJson,
    /// JSON without the marks of a format that is read.
    #[error("this is neither a FHIR resource (no resourceType) nor an Open mHealth data point (no header and body)")]
    UnknownFormat,
    /// A resource type that is no name of a type.
    #[error("the resourceType is no name of a FHIR type, such as Observation")]
    NoSuchType,
    /// The compressed file ends early or is damaged; lines before were read.
    #[error("the compressed file is damaged from here on")]
    BrokenCompression,
    /// A FIT file without its marks.
    #[error("this is not a FIT file, or another begins in it that is none")]
    NotFit,
    /// A file that should be longer.
    #[error("the file ends before its end; copy it again")]
    EndsEarly,
    /// A FIT file whose checksum does not hold.
    #[error("the file's checksum does not hold: it is damaged")]
    BrokenChecksum,
    /// XML that is no export of Apple Health.
    #[error("this is not an export of Apple Health (its first element is not HealthData)")]
    NotAppleHealth,
    /// XML that is not well-formed.
    #[error("the XML is not well-formed here, so the file is read no further")]
    BrokenXml,
    /// An archive that cannot be opened, or that holds no export.
    #[error("this is not the archive that Apple Health exports: there is no XML file of the export in it")]
    NotAppleArchive,
    /// CSV without a description.
    #[error("nothing says what the file's columns are: give `table = \"table.toml\"` in provider.toml")]
    NoTable,
    /// A first line that lacks a column which the description names.
    #[error("the first line does not name the columns that the description of the table has, or names one twice")]
    OtherColumns,
    /// More or fewer fields than columns.
    #[error("the line has not as many fields as the file has columns")]
    OtherFields,
    /// A word for a measure that the description does not have.
    #[error("the description of the table gives no measure for the word that stands in the measure's column")]
    UnknownWord,
    /// A member of the record has another shape than its format gives it.
    #[error("the record is not of the shape that its format (FHIR R4, Open mHealth) gives it")]
    Malformed,

    // Persons
    /// A file that names nobody, and nobody is named for it.
    #[error(
        "the file does not say whose it is: give --person, or lay it into a folder that is named by the person's identifier and set `people = \"folder\"` under [unnamed] in provider.toml"
    )]
    NobodyNamed,
    /// A device's file of several users.
    #[error("the file is of several users of one device, and does not say who they are")]
    SeveralUsers,
    /// No subject reference.
    #[error("the observation names no subject")]
    NoSubject,
    /// The subject is nobody known.
    #[error("the subject is none of the patients in these files, nor in the register of people")]
    UnknownPatient,
    /// Two different patients go by the subject's reference.
    #[error("different patients in these files go by the subject's reference")]
    AmbiguousPatient,
    /// The patient has no identifier of the configured system.
    #[error("the patient has no identifier of the configured person-system")]
    NoPersonIdentifier,
    /// The patient has two.
    #[error("the patient has several identifiers of the configured person-system")]
    SeveralPersonIdentifiers,
    /// The identifier is empty, longer than 256 bytes or holds control characters.
    #[error("the patient's identifier is empty, too long or not printable")]
    UnusablePersonIdentifier,
    /// The same person twice, with different sex or birth date.
    #[error("files or register contradict each other on the person's sex or birth date")]
    ContradictoryPatient,
    /// Where people are named by identity number, one who has none.
    #[error("neither the files nor the register of people give the person's identity number")]
    NoIdentityNumber,
    /// An identity number of no known form.
    #[error("the person's identity number has not the form of one of the mainland, Hong Kong or Macao")]
    IdentityNumberForm,
    /// An identity number with an impossible date of birth.
    #[error("the date of birth in the person's identity number is no date")]
    IdentityNumberBirthDate,
    /// An identity number with a mistyped character.
    #[error("the check character of the person's identity number is wrong")]
    IdentityNumberCheck,
    /// Two identity numbers for one person.
    #[error("files or register contradict each other on the person's identity number")]
    ContradictoryIdentity,
    /// The register says another region than the chain serves.
    #[error("the person is registered in another region than this chain serves; post to that region's chain")]
    OtherRegion,
    /// Gender is no code of FHIR's.
    #[error("the patient's gender is not female, male, other or unknown")]
    UnknownGender,
    /// No birth date, hence no age.
    #[error("the patient has no birth date, hence no age")]
    NoBirthDate,
    /// A birth year or month only.
    #[error("the patient's birth date has no day, so the age band is uncertain")]
    BirthDateWithoutDay,
    /// Not a date.
    #[error("the patient's birth date is not a date")]
    InvalidBirthDate,
    /// Not a date.
    #[error("the patient's date of death is not a date")]
    InvalidDeathDate,

    // Data points of Open mHealth and IEEE 1752.1
    /// A version of a measure's schema that is not known.
    #[error("this version of the data point's schema is not known to this program")]
    UnknownSchemaVersion,
    /// A unit that is none of Open mHealth's.
    #[error("the unit is none of Open mHealth's")]
    UnknownUnit,
    /// A mean, minimum or the like, or a count per something.
    #[error("the value is a statistic of several (descriptive_statistic), not a reading")]
    Aggregated,
    /// A count or duration at a point in time, or in a part of a day.
    #[error("what adds up over time needs the interval that it is over (time_interval with start, end or duration)")]
    NoInterval,
    /// A daily count over less than a day.
    #[error("the value is of a part of a day or of one activity, and the measure counts whole days")]
    PartOfADay,
    /// Months and years differ.
    #[error("the duration is in months or years, whose length differs")]
    UncertainDuration,
    /// The interval is negative.
    #[error("the interval ends before it begins")]
    EndsBeforeStart,
    /// Glucose of something else than blood.
    #[error("the specimen is not blood")]
    OtherSpecimen,
    /// Blood pressure while or after exerting oneself.
    #[error("the blood pressure was taken in or after exertion")]
    UnderExertion,

    // Devices
    /// A device that has not been told the time.
    #[error("the device did not know the date")]
    NoClock,
    /// A device's measurement that failed.
    #[error("the device says that the measurement failed")]
    FailedMeasurement,

    // Observations
    /// A code of the catalogue, but for its system or for space around it.
    #[error("the code is one of the catalogue's, but its system is missing or another, or there is space around it")]
    AlmostOurCode,
    /// Neither an id nor a fullUrl nor, in a data point, a uuid.
    #[error("the observation has neither an id nor a fullUrl (a data point: neither id nor uuid)")]
    NoSourceId,
    /// An extension that may change the meaning of everything else.
    #[error("the observation has a modifier extension, which may negate it")]
    ModifierExtension,
    /// No status.
    #[error("the observation has no status")]
    NoStatus,
    /// registered, preliminary, unknown or no code of FHIR's.
    #[error("the observation is not final")]
    NotFinal,
    /// cancelled.
    #[error("the observation was cancelled")]
    Cancelled,
    /// entered-in-error.
    #[error("the observation was entered in error")]
    EnteredInError,
    /// A data-absent reason stands in the value's place.
    #[error("the value is absent, for a stated reason")]
    DataAbsent,
    /// No quantity.
    #[error("there is no quantity")]
    NoQuantity,
    /// A bound and not a reading.
    #[error("the quantity is a bound (it has a comparator), not a reading")]
    Comparator,
    /// The value is not a JSON number.
    #[error("the value is not a number")]
    NotANumber,
    /// More digits or a larger exponent than are taken.
    #[error("the number has more than 64 digits or an exponent beyond 32")]
    NumberTooLong,
    /// No unit code.
    #[error("the quantity has no coded unit")]
    NoUnit,
    /// A unit of another system.
    #[error("the unit is not coded in UCUM (http://unitsofmeasure.org)")]
    NotUcum,
    /// A unit that the measure does not list.
    #[error("the measure does not take this unit")]
    OtherUnit,
    /// A unit that belongs to another code of the measure: mass against amount of substance.
    #[error("the measure takes this unit under another code, not under this one")]
    UnitOfAnotherCode,
    /// Outside the measure's range, exactly.
    #[error("the value is outside the measure's range")]
    OutOfRange,
    /// Two different values of one measure in one panel.
    #[error("the panel has different values of one measure")]
    SeveralValues,
    /// A class needs all parts of its panel.
    #[error("the panel lacks a value that the class is told from")]
    IncompletePanel,
    /// No effective date.
    #[error("the observation has no effective date")]
    NoDate,
    /// Two effective dates.
    #[error("the observation has several effective dates")]
    SeveralDates,
    /// A year or a month.
    #[error("the date has no day")]
    DateWithoutDay,
    /// A time without its offset.
    #[error("the time has no offset from UTC")]
    TimeWithoutOffset,
    /// Not a date.
    #[error("the date is not one of FHIR's form")]
    InvalidDate,
    /// A period without its end.
    #[error("the observation's period has not ended")]
    PeriodWithoutEnd,
    /// A day's count, or what belongs to one moment, over a longer span.
    #[error("the value is over a period longer than a day")]
    LongerThanADay,
    /// After now.
    #[error("the date lies in the future")]
    FutureDate,
    /// Before 1900, or after 2199.
    #[error("the date is outside the years 1900 to 2199")]
    YearOutOfRange,
    /// Before the birth date.
    #[error("the date lies before the patient's birth")]
    BeforeBirth,
    /// After the date of death.
    #[error("the date lies after the patient's death")]
    AfterDeath,
    /// An id that was read before, with other content.
    #[error("an observation of the same id but other content was read before; the first counts")]
    OtherContentBefore,

    // Months
    /// The month was posted with another value.
    #[error("already posted with another value; a posted month is not changed")]
    PostedWithOtherValue,
}

impl Reason {
    /// Why an identity number does not count.
    pub fn of_identity(error: IdentityError) -> Self {
        match error {
            IdentityError::Form => Self::IdentityNumberForm,
            IdentityError::BirthDate => Self::IdentityNumberBirthDate,
            IdentityError::CheckCharacter => Self::IdentityNumberCheck,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_written_with_its_place_and_its_reason_in_words() {
        let origin = Origin { file: Path::new("a.json").into(), place: Place::Entry(3), observation: Some("b".into()) };
        let refused = Refused { origin, measure: Some("bmi@1".parse().unwrap()), reason: Reason::NotUcum };
        let expected = serde_json::json!({
            "file": "a.json", "entry": 3, "observation": "b", "measure": "bmi@1", "reason": "not-ucum",
            "text": "the unit is not coded in UCUM (http://unitsofmeasure.org)",
        });
        assert_eq!(serde_json::to_value(&refused).unwrap(), expected);
        let refused =
            Refused { origin: Origin { place: Place::Line(2), observation: None, ..refused.origin }, ..refused };
        assert_eq!(serde_json::to_value(&refused).unwrap()["line"], 2);
    }
}
