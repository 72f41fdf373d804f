//! Reading Open mHealth and IEEE 1752.1 data points: a header that says whose and of which schema, and a body.
//!
//! A data point becomes an [`Observation`] with the schema's name as its code, so that every rule of
//! [`crate::select`] holds for it as for FHIR's: range, time, person, copies. What its own format adds:
//!
//! | schema | becomes | of its time and words |
//! |---|---|---|
//! | blood-glucose | glucose, or fasting glucose if `temporal_relationship_to_meal` is `fasting` | of blood only: not of interstitial fluid, breath, saliva, sweat, tears, urine |
//! | blood-pressure | a panel of systolic and diastolic pressure | both; not while or after exerting oneself |
//! | body-fat-percentage, body-height, body-mass-index, body-weight | itself | |
//! | heart-rate | heart rate, or resting heart rate if `at rest` | |
//! | sleep-duration, total-sleep-time | sleep | over an interval, of which the night is that which ends with it |
//! | step-count, calories-burned | the day's count | over an interval of a day (23 to 25 hours), the day being that on which it ends, midnight the day before; of no single activity |
//!
//! Kept true: an aggregate is no reading. Whatever has a `descriptive_statistic` is refused, whether or not it could be
//! undone, for a mean, minimum or percentile would stand as one value among single ones; `sum` alone is what a count or
//! a duration over its interval is in any case. A value over more than a day has no month that could be told. A part of
//! a day given by name is the day. Units are Open mHealth's own ([`units`]).
//!
//! Provenance (`modality`: sensed or self-reported) makes no difference to whether a value counts: it is checked to be
//! one of the two, and is not kept. A body without a header says neither whose nor what it is, and is no data point.
//!
//! Errors: a [`Reason`] for the data point. Cost: one parse of the header and one of the body.

mod body;
mod object;
mod schema;
mod time_frame;
mod units;

use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::value::RawValue;

use self::{
    body::{Body, DescriptiveStatistic, Header, Kind, Meal, PhysicalActivity, Specimen, UnitValue},
    object::Object,
    schema::{Content, Schema, SchemaId, Unread},
    time_frame::{Interval, When},
};
use crate::{
    codes::{NACRE, OPEN_MHEALTH},
    found::Rejected,
    identifier::PersonId,
    observation::{Code, Measured, Observation, Quantity, RecordId, Subject},
    refusal::Reason,
    time,
};

/// The system of codes that are names of IEEE 1752.1's schemas.
const IEEE_1752: &str = "https://w3id.org/ieee/ieee-1752-schema";
/// The least that can be a day's count: the shortest day of the year has 23 hours.
const SHORTEST_DAY: SignedDuration = SignedDuration::from_hours(23);
/// The longest day of the year.
const LONGEST_DAY: SignedDuration = SignedDuration::from_hours(25);

/// The observation that a data point is. One of no measure's schema has a code and nothing else.
pub(crate) fn observation<'a>(header: &RawValue, body: &'a RawValue) -> Result<Observation<'a>, Rejected> {
    let reject = |reason| Rejected { id: None, reason };
    let Kind { schema_id: Object(schema_id) } = object(header).map_err(reject)?;
    let schema = schema_id.schema();
    if schema == Err(Unread::Schema) {
        let named = Measured::named(code_of(&schema_id));
        return Ok(Observation::new(Err(Reason::NoSubject), Err(Reason::NoDate), named));
    }
    let header: Header = object(header).map_err(reject)?;
    let id = header.id.clone().or(header.uuid.clone());
    let read = || {
        let schema = schema.map_err(|_| Reason::UnknownSchemaVersion)?;
        header.check()?;
        let (when, own, parts) = measured(&schema_id, schema, object(body)?)?;
        let person = header.user_id.ok_or(Reason::NoSubject).and_then(|id| PersonId::new(&id));
        // Data points have no status: they are what their source stands by.
        Ok(Observation { parts, ..Observation::new(person.map(Subject::Person), Ok(when), own) })
    };
    match read() {
        Ok(observation) => {
            let id = id.map_or(RecordId::Missing, |id| RecordId::Given(id.into()));
            Ok(Observation { id, ..observation })
        }
        Err(reason) => Err(Rejected { id, reason }),
    }
}

fn object<'a, T: Deserialize<'a>>(json: &'a RawValue) -> Result<T, Reason> {
    serde_json::from_str::<Object<T>>(json.get()).map(|Object(members)| members).map_err(|_| Reason::Malformed)
}

impl Header {
    /// That what the schemas of headers require is there.
    fn check(&self) -> Result<(), Reason> {
        if self.id.is_none() && self.uuid.is_none() {
            return Err(Reason::NoSourceId);
        }
        let created = self.creation_date_time.as_ref().or(self.source_creation_date_time.as_ref());
        time_frame::instant(created.ok_or(Reason::Malformed)?).map(|_| ()).map_err(|_| Reason::Malformed)
    }
}

fn code_of(schema: &SchemaId) -> Code<'static> {
    let system = match schema.namespace.as_str() {
        "omh" => Some(OPEN_MHEALTH),
        "ieee" => Some(IEEE_1752),
        _ => None,
    };
    Code { system: system.map(Into::into), code: schema.name.clone().into() }
}

/// When it was measured, what was measured, and the parts of it.
fn measured<'a>(
    id: &SchemaId,
    schema: Schema,
    mut body: Body<'a>,
) -> Result<(time::When, Measured<'a>, Vec<Measured<'a>>), Reason> {
    let when = body.effective_time_frame.take().ok_or(Reason::NoDate)?.0.when(schema.frames);
    let mut own = Measured::named(code(id, schema.content, &body)?);
    let content = schema.content;
    check_statistic(content, &body)?;
    let when = match when? {
        When::Moment(_) | When::PartOfDay(_) if content.is_over_time() => return Err(Reason::NoInterval),
        When::Moment(moment) => time::When::Moment(moment),
        When::PartOfDay(date) => time::When::Moment(time::Moment::of_day(date)),
        When::Interval(interval) => {
            check_interval(content, &body, &interval)?;
            interval.span()
        }
    };
    if content == Content::BloodPressure {
        return Ok((when, own, pressures(body)?));
    }
    own.quantity = Some(value(content, body)?);
    Ok((when, own, Vec::new()))
}

/// The code that says which measure it is.
fn code(id: &SchemaId, content: Content, body: &Body<'_>) -> Result<Code<'static>, Reason> {
    let activity = body.temporal_relationship_to_physical_activity;
    match content {
        Content::BloodGlucose if body.specimen_source == Some(Specimen::Other) => Err(Reason::OtherSpecimen),
        Content::BloodGlucose if body.temporal_relationship_to_meal == Some(Meal::Fasting) => {
            Ok((NACRE, "fasting-glucose").into())
        }
        Content::BloodPressure if activity == Some(PhysicalActivity::Exerting) => Err(Reason::UnderExertion),
        Content::HeartRate if activity == Some(PhysicalActivity::AtRest) => Ok((NACRE, "resting-heart-rate").into()),
        _ => Ok(code_of(id)),
    }
}

impl Content {
    /// Whether it adds up over an interval, and so means nothing without one.
    fn is_over_time(self) -> bool {
        self.is_of_a_day() || matches!(self, Self::SleepDuration | Self::TotalSleepTime)
    }

    /// Whether the measure is a count of a whole day.
    fn is_of_a_day(self) -> bool {
        matches!(self, Self::StepCount { .. } | Self::CaloriesBurned)
    }
}

fn check_statistic(content: Content, body: &Body<'_>) -> Result<(), Reason> {
    match (body.descriptive_statistic, body.descriptive_statistic_denominator) {
        (None, None) => Ok(()),
        (Some(DescriptiveStatistic::Sum), None) if content.is_over_time() => Ok(()),
        _ => Err(Reason::Aggregated),
    }
}

fn check_interval(content: Content, body: &Body<'_>, interval: &Interval) -> Result<(), Reason> {
    if interval.length > LONGEST_DAY {
        return Err(Reason::LongerThanADay);
    }
    let part = interval.length < SHORTEST_DAY || body.activity_name.is_some();
    if content.is_of_a_day() && part { Err(Reason::PartOfADay) } else { Ok(()) }
}

fn pressures(body: Body<'_>) -> Result<Vec<Measured<'_>>, Reason> {
    let part = |code, value| quantity(value).map(|pressure| Measured::of((OPEN_MHEALTH, code), pressure));
    Ok(vec![
        part("systolic-blood-pressure", body.systolic_blood_pressure)?,
        part("diastolic-blood-pressure", body.diastolic_blood_pressure)?,
    ])
}

fn value(content: Content, body: Body<'_>) -> Result<Quantity<'_>, Reason> {
    let member = match content {
        Content::BloodGlucose => body.blood_glucose,
        Content::BodyFatPercentage => body.body_fat_percentage,
        Content::BodyHeight => body.body_height,
        Content::BodyMassIndex => body.body_mass_index,
        Content::BodyWeight => body.body_weight,
        Content::CaloriesBurned => body.kcal_burned,
        Content::HeartRate => body.heart_rate,
        Content::SleepDuration => body.sleep_duration,
        Content::TotalSleepTime => body.total_sleep_time,
        Content::StepCount { number: false } => body.step_count.map(object).transpose()?.map(Object),
        Content::StepCount { number: true } => {
            body.step_count.map(|number| Object(UnitValue { value: Some(number), unit: Some("steps".to_owned()) }))
        }
        // Its values are components.
        Content::BloodPressure => None,
    };
    quantity(member)
}

fn quantity(value: Option<Object<UnitValue<'_>>>) -> Result<Quantity<'_>, Reason> {
    let Object(UnitValue { value, unit }) = value.ok_or(Reason::NoQuantity)?;
    let code = unit.map(|unit| units::ucum(&unit).ok_or(Reason::UnknownUnit)).transpose()?;
    Ok(Quantity::of_json(value, code.map(Into::into).ok_or(Reason::NoUnit)))
}
