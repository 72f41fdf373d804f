//! The allow-list: the only members of a data point that are ever read into a value. User notes, names of sources and
//! of devices, distances and places have no field here, so they cannot leave the text they stand in.
//!
//! Words of a closed vocabulary that a schema gives are checked to be of it, if they bear on what the value means; where
//! on the body it was measured, and in which posture, does not.

use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;

use super::{object::Object, schema::SchemaId, time_frame::TimeFrame};

/// What of a header is needed to tell what the body is.
#[derive(Deserialize)]
pub(super) struct Kind {
    pub(super) schema_id: Object<SchemaId>,
}

/// What is read of a header: Open mHealth's (header 1.0 to 1.2), or IEEE 1752.1's, which says some of it otherwise.
#[derive(Deserialize)]
pub(super) struct Header {
    pub(super) id: Option<String>,
    /// IEEE 1752.1's id.
    pub(super) uuid: Option<String>,
    pub(super) creation_date_time: Option<String>,
    /// IEEE 1752.1's.
    pub(super) source_creation_date_time: Option<String>,
    pub(super) user_id: Option<String>,
    /// IEEE 1752.1's.
    #[serde(rename = "modality")]
    pub(super) _modality: Option<Modality>,
    #[serde(rename = "acquisition_provenance")]
    pub(super) _acquisition_provenance: Option<Object<AcquisitionProvenance>>,
}

/// Where a value is from.
#[derive(Deserialize)]
pub(super) struct AcquisitionProvenance {
    #[serde(rename = "modality")]
    pub(super) _modality: Option<Modality>,
}

/// Whether a sensor or the person says so.
#[derive(Deserialize)]
pub(super) enum Modality {
    #[serde(rename = "sensed")]
    Sensed,
    #[serde(rename = "self-reported")]
    SelfReported,
}

/// What is read of a body.
#[derive(Deserialize)]
pub(super) struct Body<'a> {
    #[serde(borrow)]
    pub(super) effective_time_frame: Option<Object<TimeFrame<'a>>>,
    pub(super) descriptive_statistic: Option<DescriptiveStatistic>,
    /// Only whether there is one.
    pub(super) descriptive_statistic_denominator: Option<IgnoredAny>,
    pub(super) temporal_relationship_to_meal: Option<Meal>,
    #[serde(rename = "temporal_relationship_to_sleep")]
    pub(super) _temporal_relationship_to_sleep: Option<Sleep>,
    pub(super) temporal_relationship_to_physical_activity: Option<PhysicalActivity>,
    pub(super) specimen_source: Option<Specimen>,
    /// blood-glucose 1.0's.
    #[serde(rename = "blood_specimen_type")]
    pub(super) _blood_specimen_type: Option<BloodSpecimen>,
    /// Only whether there is one.
    pub(super) activity_name: Option<IgnoredAny>,

    #[serde(borrow)]
    pub(super) blood_glucose: Option<Object<UnitValue<'a>>>,
    #[serde(borrow)]
    pub(super) systolic_blood_pressure: Option<Object<UnitValue<'a>>>,
    #[serde(borrow)]
    pub(super) diastolic_blood_pressure: Option<Object<UnitValue<'a>>>,
    #[serde(borrow)]
    pub(super) body_fat_percentage: Option<Object<UnitValue<'a>>>,
    #[serde(borrow)]
    pub(super) body_height: Option<Object<UnitValue<'a>>>,
    #[serde(borrow)]
    pub(super) body_mass_index: Option<Object<UnitValue<'a>>>,
    #[serde(borrow)]
    pub(super) body_weight: Option<Object<UnitValue<'a>>>,
    #[serde(borrow)]
    pub(super) kcal_burned: Option<Object<UnitValue<'a>>>,
    #[serde(borrow)]
    pub(super) heart_rate: Option<Object<UnitValue<'a>>>,
    #[serde(borrow)]
    pub(super) sleep_duration: Option<Object<UnitValue<'a>>>,
    #[serde(borrow)]
    pub(super) total_sleep_time: Option<Object<UnitValue<'a>>>,
    /// A number in step-count 1.0 and 2.0, with its unit in 3.0.
    #[serde(borrow)]
    pub(super) step_count: Option<&'a RawValue>,
}

/// An amount. Its value stays text, so that no digit is lost.
#[derive(Deserialize)]
pub(super) struct UnitValue<'a> {
    #[serde(borrow)]
    pub(super) value: Option<&'a RawValue>,
    pub(super) unit: Option<String>,
}

/// descriptive-statistic 1.0 to 1.2. Only a sum can be a reading; the others are here to be told from misspelt ones.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum DescriptiveStatistic {
    #[serde(rename = "sum")]
    Sum,
    #[serde(
        rename = "average",
        alias = "count",
        alias = "maximum",
        alias = "median",
        alias = "minimum",
        alias = "standard deviation",
        alias = "variance",
        alias = "20th percentile",
        alias = "80th percentile",
        alias = "lower quartile",
        alias = "upper quartile",
        alias = "quartile deviation",
        alias = "1st quintile",
        alias = "2nd quintile",
        alias = "3rd quintile",
        alias = "4th quintile"
    )]
    Other,
}

/// temporal-relationship-to-meal 1.0 to 1.2.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum Meal {
    #[serde(rename = "fasting")]
    Fasting,
    #[serde(
        rename = "not fasting",
        alias = "before meal",
        alias = "after meal",
        alias = "before breakfast",
        alias = "after breakfast",
        alias = "before lunch",
        alias = "after lunch",
        alias = "before dinner",
        alias = "after dinner",
        alias = "2 hours postprandial",
        alias = "with meal",
        alias = "with food"
    )]
    Other,
}

/// temporal-relationship-to-sleep 1.0.
#[derive(Deserialize)]
pub(super) enum Sleep {
    #[serde(rename = "before sleeping", alias = "during sleep", alias = "on waking")]
    Any,
}

/// temporal-relationship-to-physical-activity 1.0.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum PhysicalActivity {
    #[serde(rename = "at rest")]
    AtRest,
    #[serde(rename = "before exercise")]
    BeforeExercise,
    #[serde(rename = "active", alias = "after exercise", alias = "during exercise")]
    Exerting,
}

/// specimen-source 1.0 to 2.1.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
pub(super) enum Specimen {
    #[serde(rename = "capillary blood", alias = "plasma", alias = "serum", alias = "whole blood")]
    Blood,
    #[serde(
        rename = "interstitial fluid",
        alias = "breath",
        alias = "lacrimal fluid",
        alias = "saliva",
        alias = "sweat",
        alias = "tears",
        alias = "urine"
    )]
    Other,
}

/// blood-specimen-type 1.0.
#[derive(Deserialize)]
pub(super) enum BloodSpecimen {
    #[serde(rename = "whole blood", alias = "plasma", alias = "serum")]
    Any,
}
