//! When a value holds: `date_time`, or `time_interval` in each of its forms.
//!
//! Kept true: a time has its offset from UTC, which the schemas leave open and FHIR requires; of an interval given by
//! one end and a duration the other end is computed exactly, in the offset of the end given. A duration in months or
//! years, whose length is not one, is refused. An interval may not end before it begins.

use jiff::{SignedDuration, Timestamp, civil::Date};
use num_bigint::BigInt;
use num_rational::BigRational;
use serde::Deserialize;

use super::{body::UnitValue, object::Object, schema::Frames};
use crate::{
    number,
    refusal::Reason,
    time::{self, Moment},
};

/// A frame as it is written; exactly one of its members is there.
#[derive(Deserialize)]
pub(super) struct TimeFrame<'a> {
    date_time: Option<String>,
    #[serde(borrow)]
    time_interval: Option<Object<TimeInterval<'a>>>,
}

/// An interval as it is written: two of start, end and duration, or a date and a part of that day.
#[derive(Deserialize)]
struct TimeInterval<'a> {
    start_date_time: Option<String>,
    end_date_time: Option<String>,
    #[serde(borrow)]
    duration: Option<Object<UnitValue<'a>>>,
    date: Option<String>,
    part_of_day: Option<PartOfDay>,
}

/// part-of-day 1.0.
#[derive(Deserialize)]
enum PartOfDay {
    #[serde(rename = "morning", alias = "afternoon", alias = "evening", alias = "night")]
    Any,
}

/// When a value holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// A point in time.
    Moment(Moment),
    /// A day, or rather a part of it.
    PartOfDay(Date),
    /// From start to end.
    Interval(Interval),
}

/// An interval of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Interval {
    start: Moment,
    end: Moment,
    pub(super) length: SignedDuration,
}

impl Interval {
    pub(super) fn span(self) -> time::When {
        time::When::Span { start: Some(self.start), end: self.end }
    }
}

impl TimeFrame<'_> {
    pub(super) fn when(self, frames: Frames) -> Result<When, Reason> {
        match (self.date_time, self.time_interval) {
            (Some(date_time), None) => Ok(When::Moment(timed(&date_time)?.0)),
            (None, Some(Object(interval))) => interval.when(frames),
            _ => Err(Reason::Malformed),
        }
    }
}

impl TimeInterval<'_> {
    fn when(self, frames: Frames) -> Result<When, Reason> {
        let given = (self.start_date_time, self.end_date_time, self.duration, self.date, self.part_of_day);
        let ((start, from), (end, to)) = match given {
            (Some(start), Some(end), None, None, None) => {
                let end = timed(&end)?;
                (timed(&start)?, end)
            }
            (Some(start), None, Some(duration), None, None) => {
                let length = length(&duration.0)?;
                let start = timed(&start)?;
                (start, moved(start, length)?)
            }
            (None, Some(end), Some(duration), None, None) => {
                let length = length(&duration.0)?;
                let end = timed(&end)?;
                (moved(end, -length)?, end)
            }
            (None, None, None, Some(date), Some(_)) if frames == Frames::OpenMhealth => {
                return Ok(When::PartOfDay(time::date_with_day(&date)?));
            }
            _ => return Err(Reason::Malformed),
        };
        let length = to.duration_since(from);
        if length.is_negative() {
            Err(Reason::EndsBeforeStart)
        } else {
            Ok(When::Interval(Interval { start, end, length }))
        }
    }
}

/// The point in time of a text that has a date, a time and an offset.
pub(super) fn instant(text: &str) -> Result<Timestamp, Reason> {
    Ok(timed(text)?.1)
}

/// The same, with the moment that it is.
fn timed(text: &str) -> Result<(Moment, Timestamp), Reason> {
    let moment = time::moment(text)?;
    Ok((moment, moment.instant().ok_or(Reason::InvalidDate)?))
}

/// That point in time moved, in the same offset.
fn moved((moment, instant): (Moment, Timestamp), by: SignedDuration) -> Result<(Moment, Timestamp), Reason> {
    let there = instant.checked_add(by).map_err(|_| Reason::InvalidDate)?;
    let moved = moment.offset().and_then(|offset| Moment::at(there, offset));
    Ok((moved.ok_or(Reason::InvalidDate)?, there))
}

/// A duration, to the nanosecond below.
fn length(duration: &UnitValue<'_>) -> Result<SignedDuration, Reason> {
    let (Some(value), Some(unit)) = (duration.value, &duration.unit) else { return Err(Reason::Malformed) };
    let unit_ps: u64 = match unit.as_str() {
        "ps" => 1,
        "ns" => 1_000,
        "us" => 1_000_000,
        "ms" => 1_000_000_000,
        "sec" => 1_000_000_000_000,
        "min" => 60_000_000_000_000,
        "h" => 3_600_000_000_000_000,
        "d" => 24 * 3_600_000_000_000_000,
        "wk" => 7 * 24 * 3_600_000_000_000_000,
        "Mo" | "yr" => return Err(Reason::UncertainDuration),
        _ => return Err(Reason::UnknownUnit),
    };
    let value = number::exact(value.get()).map_err(|_| Reason::Malformed)?;
    let ns = (value * BigRational::new(BigInt::from(unit_ps), BigInt::from(1_000))).floor().to_integer();
    let ns = i64::try_from(ns).ok().filter(|ns| *ns >= 0).ok_or(Reason::InvalidDate)?;
    Ok(SignedDuration::from_nanos(ns))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn when(frame: &str) -> Result<When, Reason> {
        let frame: Object<TimeFrame<'_>> = serde_json::from_str(frame).map_err(|_| Reason::Malformed)?;
        frame.0.when(Frames::OpenMhealth)
    }

    fn moment(text: &str) -> Moment {
        time::moment(text).unwrap()
    }

    fn interval(members: &str) -> Result<(Moment, Moment), Reason> {
        match when(&format!(r#"{{"time_interval":{{{members}}}}}"#))? {
            When::Interval(Interval { start, end, .. }) => Ok((start, end)),
            other => panic!("{other:?}"),
        }
    }

    const START: &str = r#""start_date_time":"2020-01-31T22:00:00+08:00""#;
    const END: &str = r#""end_date_time":"2020-02-01T06:30:00+08:00""#;

    #[test]
    fn an_interval_is_the_same_in_each_of_its_forms() {
        let expected = Ok((moment("2020-01-31T22:00:00+08:00"), moment("2020-02-01T06:30:00+08:00")));
        assert_eq!(interval(&format!("{START},{END}")), expected);
        for (value, unit) in [("8.5", "h"), ("510", "min"), ("30600", "sec"), ("3.06e4", "sec"), ("30600000", "ms")] {
            let duration = format!(r#""duration":{{"value":{value},"unit":"{unit}"}}"#);
            assert_eq!(interval(&format!("{START},{duration}")), expected, "{duration}");
            assert_eq!(interval(&format!("{duration},{END}")), expected, "{duration}");
        }
        let third = interval(&format!(r#"{START},"duration":{{"value":0.1,"unit":"ms"}}"#));
        assert_eq!(third.unwrap().1, moment("2020-01-31T22:00:00.0001+08:00"));
        let utc = interval(r#""start_date_time":"2020-02-29T00:00:00Z","duration":{"value":1,"unit":"d"}"#);
        assert_eq!(utc.unwrap().1, moment("2020-03-01T00:00:00Z"));
    }

    #[test]
    fn a_moment_and_a_part_of_a_day_are_what_they_say() {
        let expected = When::Moment(moment("2020-02-05T07:25:00.123Z"));
        assert_eq!(when(r#"{"date_time":"2020-02-05T07:25:00.123Z"}"#), Ok(expected));
        let evening = r#"{"time_interval":{"date":"2020-02-05","part_of_day":"evening"}}"#;
        assert_eq!(when(evening), Ok(When::PartOfDay(jiff::civil::date(2020, 2, 5))));
        let frame: TimeFrame<'_> = serde_json::from_str(evening).unwrap();
        assert_eq!(frame.when(Frames::Ieee1752), Err(Reason::Malformed));
    }

    #[test]
    fn a_time_that_cannot_be_told_is_refused() {
        for (frame, reason) in [
            ("{}", Reason::Malformed),
            (r#"["2020-02-05T07:25:00Z"]"#, Reason::Malformed),
            (r#"{"start_date_time":"2020-02-05T07:25:00Z"}"#, Reason::Malformed),
            (r#"{"date_time":"2020-02-05T07:25:00Z","time_interval":{}}"#, Reason::Malformed),
            (r#"{"date_time":"2020-02-05T07:25:00"}"#, Reason::TimeWithoutOffset),
            (r#"{"date_time":"2020-02-05"}"#, Reason::InvalidDate),
            (r#"{"date_time":"2020-02"}"#, Reason::DateWithoutDay),
            (r#"{"date_time":"07:25:00"}"#, Reason::InvalidDate),
            (r#"{"date_time":7}"#, Reason::Malformed),
            (r#"{"time_interval":{"date":"2020-02-30","part_of_day":"night"}}"#, Reason::InvalidDate),
            (r#"{"time_interval":{"date":"2020-02-05","part_of_day":"NIGHT"}}"#, Reason::Malformed),
            (r#"{"time_interval":{"date":"2020-02-05"}}"#, Reason::Malformed),
        ] {
            assert_eq!(when(frame), Err(reason), "{frame}");
        }
        let with = |duration: &str| interval(&format!(r#"{START},"duration":{{{duration}}}"#)).unwrap_err();
        assert_eq!(with(r#""value":1,"unit":"Mo""#), Reason::UncertainDuration);
        assert_eq!(with(r#""value":1,"unit":"yr""#), Reason::UncertainDuration);
        assert_eq!(with(r#""value":1,"unit":"hours""#), Reason::UnknownUnit);
        assert_eq!(with(r#""value":-1,"unit":"h""#), Reason::InvalidDate);
        assert_eq!(with(r#""value":1e30,"unit":"wk""#), Reason::InvalidDate);
        assert_eq!(with(r#""value":107000,"unit":"d""#), Reason::InvalidDate);
        assert_eq!(with(r#""value":"8","unit":"h""#), Reason::Malformed);
        assert_eq!(with(r#""unit":"h""#), Reason::Malformed);
        assert_eq!(interval(START).unwrap_err(), Reason::Malformed);
        let all = format!(r#"{START},{END},"duration":{{"value":8.5,"unit":"h"}}"#);
        assert_eq!(interval(&all).unwrap_err(), Reason::Malformed, "three of which one would be believed");
        let reversed = r#""end_date_time":"2020-01-31T21:59:59+08:00""#;
        assert_eq!(interval(&format!("{START},{reversed}")).unwrap_err(), Reason::EndsBeforeStart);
    }
}
