//! The schemas that are read, by namespace, name and version, and what a body of each holds.
//!
//! Kept true: a schema of a measure is read in the versions listed and in no other, for a later one may mean something
//! else by the same member. Whatever is not listed is no measure's and is passed over.

use serde::Deserialize;

/// A header's `schema_id`.
#[derive(Deserialize)]
pub(super) struct SchemaId {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) version: String,
}

/// What a body holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    BloodGlucose,
    BloodPressure,
    BodyFatPercentage,
    BodyHeight,
    BodyMassIndex,
    BodyWeight,
    CaloriesBurned,
    HeartRate,
    SleepDuration,
    /// With its own unit, or a number.
    StepCount {
        number: bool,
    },
    TotalSleepTime,
}

/// How a body says when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frames {
    /// omh:time-frame 1.0.
    OpenMhealth,
    /// IEEE 1752.1 time-frame 1.0, which has no parts of a day.
    Ieee1752,
}

/// A schema that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Schema {
    pub(super) content: Content,
    pub(super) frames: Frames,
}

/// A schema that is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// No measure's.
    Schema,
    /// A measure's, in a version that is not known here.
    Version,
}

/// A schema by its names.
struct Known {
    namespace: &'static str,
    name: &'static str,
    content: Content,
    /// Versions with Open mHealth's own time frames.
    open_mhealth: &'static [&'static str],
    /// Versions with IEEE 1752.1's.
    ieee_1752: &'static [&'static str],
}

const fn known(
    namespace: &'static str,
    name: &'static str,
    content: Content,
    open_mhealth: &'static [&'static str],
    ieee_1752: &'static [&'static str],
) -> Known {
    Known { namespace, name, content, open_mhealth, ieee_1752 }
}

const SCHEMAS: &[Known] = &[
    known("omh", "blood-glucose", Content::BloodGlucose, &["1.0", "2.0", "3.0"], &["4.0"]),
    known("omh", "blood-pressure", Content::BloodPressure, &["1.0", "2.0", "3.0", "3.1"], &["4.0"]),
    known("omh", "body-fat-percentage", Content::BodyFatPercentage, &["1.0"], &["2.0"]),
    known("omh", "body-height", Content::BodyHeight, &["1.0"], &["2.0"]),
    known("omh", "body-mass-index", Content::BodyMassIndex, &["1.0", "2.0"], &["3.0"]),
    known("omh", "body-weight", Content::BodyWeight, &["1.0", "2.0"], &["3.0"]),
    known("omh", "calories-burned", Content::CaloriesBurned, &["1.0", "2.0"], &[]),
    known("omh", "heart-rate", Content::HeartRate, &["1.0", "1.1", "2.0"], &[]),
    known("omh", "sleep-duration", Content::SleepDuration, &["1.0", "2.0"], &[]),
    known("omh", "step-count", Content::StepCount { number: true }, &["1.0", "2.0"], &[]),
    known("omh", "step-count", Content::StepCount { number: false }, &["3.0"], &[]),
    known("omh", "total-sleep-time", Content::TotalSleepTime, &["1.0"], &[]),
    known("ieee", "total-sleep-time", Content::TotalSleepTime, &[], &["1.0"]),
];

impl SchemaId {
    /// How a body of it is read.
    pub(super) fn schema(&self) -> Result<Schema, Unread> {
        let is_named = |known: &&Known| (known.namespace, known.name) == (&*self.namespace, &*self.name);
        let mut named = SCHEMAS.iter().filter(is_named).peekable();
        named.peek().ok_or(Unread::Schema)?;
        let has = |versions: &[&str]| versions.contains(&&*self.version);
        let found = named.find_map(|known| {
            let frames = has(known.open_mhealth).then_some(Frames::OpenMhealth);
            let frames = frames.or(has(known.ieee_1752).then_some(Frames::Ieee1752))?;
            Some(Schema { content: known.content, frames })
        });
        found.ok_or(Unread::Version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(namespace: &str, name: &str, version: &str) -> Result<Schema, Unread> {
        SchemaId { namespace: namespace.to_owned(), name: name.to_owned(), version: version.to_owned() }.schema()
    }

    #[test]
    fn a_schema_is_known_by_namespace_name_and_version() {
        let own = schema("omh", "body-weight", "2.0").unwrap();
        assert_eq!(own, Schema { content: Content::BodyWeight, frames: Frames::OpenMhealth });
        assert_eq!(schema("omh", "body-weight", "3.0").unwrap().frames, Frames::Ieee1752);
        assert_eq!(schema("omh", "step-count", "2.0").unwrap().content, Content::StepCount { number: true });
        assert_eq!(schema("omh", "step-count", "3.0").unwrap().content, Content::StepCount { number: false });
        for (namespace, name, version, unread) in [
            ("omh", "body-weight", "4.0", Unread::Version),
            ("omh", "step-count", "3", Unread::Version),
            ("ieee", "body-weight", "3.0", Unread::Schema),
            ("omh", "body-temperature", "1.0", Unread::Schema),
            ("granola", "body-weight", "1.0", Unread::Schema),
        ] {
            assert_eq!(schema(namespace, name, version), Err(unread), "{namespace}:{name}:{version}");
        }
    }
}
