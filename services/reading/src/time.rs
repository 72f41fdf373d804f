//! When a value holds: a moment or a span, in the value's own time zone; and both as FHIR writes them (`date`, `dateTime`,
//! `instant`, `Period`), which the other formats write them much alike.
//!
//! Kept true: the day is the civil date that was written, whatever the offset; the instant is the point in time
//! that it names, to the nanosecond (further digits are dropped). A date without a time has a day and no instant.
//! A date without a day (`2019`, `2019-05`) is refused: no month's latest value can be told from it.

use jiff::{
    SignedDuration, Timestamp, ToSpan as _,
    civil::{Date, Time},
    tz::Offset,
};

use crate::refusal::Reason;

/// The day of a value, in its own time zone, and the instant if a time was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effective {
    /// The civil date.
    pub day: Date,
    /// The point in time.
    pub instant: Option<Timestamp>,
}

/// A date, or a point in time with its offset from UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The civil date, at that offset.
    pub day: Date,
    /// The point in time and the offset, if a time was given.
    time: Option<(Timestamp, Offset)>,
}

impl Moment {
    /// A date without a time.
    pub(crate) fn of_day(day: Date) -> Self {
        Self { day, time: None }
    }

    /// A point in time, on a clock of that offset. None outside the years 1 to 9999, and of no offset that FHIR can write: more than
    /// 14 hours, or of seconds.
    pub(crate) fn at(instant: Timestamp, offset: Offset) -> Option<Self> {
        let day = offset.to_datetime(instant).date();
        let is_written = offset.seconds().abs() <= 14 * 3_600 && offset.seconds() % 60 == 0;
        (is_written && day.year() > 0).then_some(Self { day, time: Some((instant, offset)) })
    }

    /// The point in time, if a time was given.
    pub fn instant(&self) -> Option<Timestamp> {
        self.time.map(|(instant, _)| instant)
    }

    /// The offset from UTC, if a time was given.
    pub(crate) fn offset(&self) -> Option<Offset> {
        self.time.map(|(_, offset)| offset)
    }

    /// The day, and the point in time.
    pub fn effective(&self) -> Effective {
        Effective { day: self.day, instant: self.instant() }
    }

    fn is_midnight(&self) -> bool {
        self.time.is_some_and(|(instant, offset)| offset.to_datetime(instant).time() == Time::midnight())
    }
}

/// When something was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// At a moment, or on a day.
    Moment(Moment),
    /// Over a span of time.
    Span {
        /// When it began, if that is told.
        start: Option<Moment>,
        /// When it ended.
        end: Moment,
    },
}

impl When {
    /// Reads a span as FHIR writes a `Period`. The start of one that ends on a date alone is of no use, so it may be anything.
    pub(crate) fn span(start: Option<&str>, end: Option<&str>) -> Result<Self, DateError> {
        let end = moment(end.ok_or(DateError::NoEnd)?)?;
        let start = match start.map(moment) {
            Some(Err(error)) if end.time.is_some() => return Err(error),
            start => start.and_then(Result::ok),
        };
        Ok(Self::Span { start, end })
    }

    /// The day and the point in time that its value is of. A span's is known when the span has ended; one that ends
    /// at midnight, having begun before, belongs to the day that ends there, so a day's step count is counted on its day.
    pub fn effective(&self) -> Effective {
        match self {
            Self::Moment(moment) => moment.effective(),
            Self::Span { start, end } => {
                let begun = start.and_then(|start| start.instant());
                let begun_before = begun.is_some_and(|start| end.instant().is_some_and(|end| start < end));
                let day =
                    if begun_before && end.is_midnight() { end.day.yesterday().unwrap_or(end.day) } else { end.day };
                Effective { day, instant: end.instant() }
            }
        }
    }

    /// Whether it can be what a day's count is over: no longer than the longest day of the year.
    pub(crate) fn is_within_one_day(&self) -> bool {
        let Self::Span { start: Some(start), end } = self else { return true };
        match (start.instant(), end.instant()) {
            (Some(start), Some(end)) => end.duration_since(start) <= SignedDuration::from_hours(25),
            _ => start.day == end.day,
        }
    }
}

/// Why a date is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateError {
    /// It names a year or a month only.
    NoDay,
    /// It has a time but no offset from UTC, which FHIR requires.
    NoOffset,
    /// It is not a date of FHIR's form, or of no calendar.
    Invalid,
    /// A period that has not ended.
    NoEnd,
}

impl From<DateError> for Reason {
    fn from(error: DateError) -> Self {
        match error {
            DateError::NoDay => Self::DateWithoutDay,
            DateError::NoOffset => Self::TimeWithoutOffset,
            DateError::Invalid => Self::InvalidDate,
            DateError::NoEnd => Self::PeriodWithoutEnd,
        }
    }
}

/// Reads a `date`, `dateTime` or `instant`.
pub fn moment(text: &str) -> Result<Moment, DateError> {
    let (date, time) = text.split_at_checked(10).unwrap_or((text, ""));
    let day = date_with_day(date)?;
    if time.is_empty() {
        return Ok(Moment::of_day(day));
    }
    let time = time.strip_prefix('T').ok_or(DateError::Invalid)?;
    let offset_at = time.find(['Z', '+', '-']).unwrap_or(time.len());
    let (clock, zone) = time.split_at(offset_at);
    let clock = clock_time(clock)?;
    if zone.is_empty() {
        return Err(DateError::NoOffset);
    }
    let offset = offset(zone)?;
    let instant = offset.to_timestamp(day.to_datetime(clock)).map_err(|_| DateError::Invalid)?;
    Ok(Moment { day, time: Some((instant, offset)) })
}

/// Reads a `date` or `dateTime`; one without a day means the last day that it can mean.
pub fn latest_moment(text: &str) -> Result<Effective, DateError> {
    match moment(text) {
        Err(DateError::NoDay) => {
            let month = if text.len() == 4 { format!("{text}-12") } else { text.to_owned() };
            let day = date_with_day(&format!("{month}-01"))?.last_of_month();
            Ok(Effective { day, instant: None })
        }
        read => read.map(|moment| moment.effective()),
    }
}

/// Whether the one certainly lies after the other: by instant where both have one, by civil day otherwise.
pub(crate) fn is_after(one: Effective, other: Effective) -> bool {
    match (one.instant, other.instant) {
        (Some(one), Some(other)) => one > other,
        _ => one.day > other.day,
    }
}

/// Completed years at a date. Who is born on 29 February completes a year on 1 March of other years.
pub(crate) fn age_in_years(birth: Date, at: Date) -> Option<u32> {
    let before_birthday = (at.month(), at.day()) < (birth.month(), birth.day());
    u32::try_from(i32::from(at.year()) - i32::from(birth.year()) - i32::from(before_birthday)).ok()
}

/// The day it is at `now` where it is latest on Earth (UTC+14): no later day has begun anywhere.
pub(crate) fn latest_day_anywhere(now: Timestamp) -> Date {
    Offset::constant(14).to_datetime(now).date()
}

/// The day it is at `now` where it is earliest on Earth (UTC-12): every earlier day has ended everywhere.
pub(crate) fn earliest_day_anywhere(now: Timestamp) -> Date {
    Offset::constant(-12).to_datetime(now).date()
}

/// Whether the month of that day has ended everywhere on Earth, so that no reading of any time zone can still join it.
pub fn month_has_ended(day: Date, now: Timestamp) -> bool {
    day.first_of_month().checked_add(1.month()).is_ok_and(|next| next <= earliest_day_anywhere(now))
}

/// Reads `YYYY-MM-DD`.
pub(crate) fn date_with_day(text: &str) -> Result<Date, DateError> {
    let bytes = text.as_bytes();
    let year = || number(text, 0, 4).filter(|year| *year > 0);
    match bytes.len() {
        4 if year().is_some() => Err(DateError::NoDay),
        7 if year().is_some()
            && bytes[4] == b'-'
            && number(text, 5, 2).is_some_and(|month| (1..=12).contains(&month)) =>
        {
            Err(DateError::NoDay)
        }
        10 if bytes[4] == b'-' && bytes[7] == b'-' => {
            let (year, month, day) = (year(), number(text, 5, 2), number(text, 8, 2));
            let (Some(year), Some(month), Some(day)) = (year, month, day) else { return Err(DateError::Invalid) };
            Date::new(year, month as i8, day as i8).map_err(|_| DateError::Invalid)
        }
        _ => Err(DateError::Invalid),
    }
}

/// Reads `hh:mm:ss` with an optional fraction. A leap second counts as the second before it.
fn clock_time(text: &str) -> Result<Time, DateError> {
    let (clock, fraction) = text.split_once('.').map_or((text, None), |(clock, fraction)| (clock, Some(fraction)));
    let bytes = clock.as_bytes();
    if bytes.len() != 8 || bytes[2] != b':' || bytes[5] != b':' {
        return Err(DateError::Invalid);
    }
    let (hour, minute, second) = (number(clock, 0, 2), number(clock, 3, 2), number(clock, 6, 2));
    let (Some(hour), Some(minute), Some(second)) = (hour, minute, second) else { return Err(DateError::Invalid) };
    let nanosecond = match fraction {
        None => 0,
        Some(digits) if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            return Err(DateError::Invalid);
        }
        Some(digits) => {
            let kept = &digits[..digits.len().min(9)];
            format!("{kept:0<9}").parse().map_err(|_| DateError::Invalid)?
        }
    };
    let second = if second == 60 { 59 } else { second };
    Time::new(hour as i8, minute as i8, second as i8, nanosecond).map_err(|_| DateError::Invalid)
}

/// Reads `Z` or `±hh:mm`, up to 14 hours.
pub fn offset(text: &str) -> Result<Offset, DateError> {
    if text == "Z" {
        return Ok(Offset::UTC);
    }
    let bytes = text.as_bytes();
    let (Some(hours), Some(minutes)) = (number(text, 1, 2), number(text, 4, 2)) else { return Err(DateError::Invalid) };
    let minutes_in_all = i32::from(hours) * 60 + i32::from(minutes);
    if bytes.len() != 6 || bytes[3] != b':' || minutes > 59 || minutes_in_all > 14 * 60 {
        return Err(DateError::Invalid);
    }
    let sign = if bytes[0] == b'-' { -1 } else { 1 };
    Offset::from_seconds(sign * minutes_in_all * 60).map_err(|_| DateError::Invalid)
}

/// The number of these decimal digits.
fn number(text: &str, from: usize, count: usize) -> Option<i16> {
    let digits = text.get(from..from + count)?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn span(start: &str, end: &str) -> When {
        When::span(Some(start), Some(end)).unwrap()
    }

    #[test]
    fn the_day_is_that_of_the_values_own_offset() {
        let late = moment("2020-01-31T23:30:00-05:00").unwrap();
        assert_eq!(late.day, date(2020, 1, 31));
        assert_eq!(late.instant(), moment("2020-02-01T04:30:00Z").unwrap().instant());
        let early = moment("2020-02-01T00:10:00.123456789123+14:00").unwrap();
        assert_eq!(early.day, date(2020, 2, 1));
        assert_eq!(early.instant().unwrap().to_string(), "2020-01-31T10:10:00.123456789Z");
        assert_eq!(moment("2020-02-29").unwrap().effective(), Effective { day: date(2020, 2, 29), instant: None });
    }

    #[test]
    fn a_date_without_a_day_is_told_from_nonsense() {
        for text in ["2019", "2019-05"] {
            assert_eq!(moment(text), Err(DateError::NoDay), "{text}");
        }
        assert_eq!(moment("2019-05-01T10:00:00"), Err(DateError::NoOffset));
        let invalid = [
            "",
            "19",
            "0000",
            "2019-13",
            "2019-02-29",
            "2019-00-10",
            "2019-1-1",
            "20190101",
            "2019-05-01T",
            "2019-05-01T10Z",
            "2019-05-01T10:00Z",
            "2019-05-01T24:00:00Z",
            "2019-05-01 10:00:00Z",
            "2019-05-01T10:00:00+15:00",
            "2019-05-01T10:00:00+1400",
            "2019-05-01T10:00:00.Z",
            "2019-05-01T10:00:00+08:00x",
            "２０１９-05-01",
            "+2019-05-01",
        ];
        for text in invalid {
            assert_eq!(moment(text), Err(DateError::Invalid), "{text}");
        }
    }

    #[test]
    fn one_moment_is_after_another_by_instant_or_else_by_day() {
        let after = |one: &str, other: &str| is_after(moment(one).unwrap().effective(), latest_moment(other).unwrap());
        assert!(after("2020-01-10T10:00:01Z", "2020-01-10T18:00:00+08:00"));
        assert!(!after("2020-01-10T10:00:00Z", "2020-01-10T18:00:00+08:00"));
        assert!(!after("2020-01-10T23:00:00Z", "2020-01-10") && after("2020-01-11", "2020-01-10T23:00:00Z"));
        assert!(!after("2020-02-29", "2020-02") && after("2020-03-01", "2020-02"));
        assert!(!after("2020-12-31", "2020") && after("2021-01-01", "2020"));
        assert_eq!(latest_moment("2020-13"), Err(DateError::Invalid));
    }

    #[test]
    fn a_period_counts_when_it_ends_and_midnight_ends_the_day_before() {
        let day = |start, end| span(start, end).effective().day;
        assert_eq!(day("2020-01-31T00:00:00+08:00", "2020-02-01T00:00:00+08:00"), date(2020, 1, 31));
        assert_eq!(day("2020-01-31T00:00:00+08:00", "2020-02-01T00:00:00.000+08:00"), date(2020, 1, 31));
        assert_eq!(day("2020-01-31T00:00:00+08:00", "2020-02-01T00:00:00.001+08:00"), date(2020, 2, 1));
        assert_eq!(day("2020-01-31T00:00:00+08:00", "2020-01-31T23:59:59+08:00"), date(2020, 1, 31));
        assert_eq!(day("2020-02-01T00:00:00+08:00", "2020-02-01T00:00:00+08:00"), date(2020, 2, 1));
        assert_eq!(day("2020-01-31", "2020-01-31"), date(2020, 1, 31));
        assert_eq!(When::span(Some("2020-01-31"), None), Err(DateError::NoEnd));
        assert_eq!(When::span(Some("x"), Some("2020-01-31T00:00:00Z")), Err(DateError::Invalid));
        assert_eq!(day("x", "2020-01-31"), date(2020, 1, 31));
    }

    #[test]
    fn a_point_in_time_on_a_clock_is_the_moment_that_is_written_so() {
        let at = |text: &str, hours| Moment::at(text.parse().unwrap(), Offset::constant(hours));
        assert_eq!(at("2026-01-04T23:30:00Z", 8), moment("2026-01-05T07:30:00+08:00").ok());
        assert_eq!(at("2026-01-04T23:30:00Z", 15), None);
        assert_eq!(Moment::at("2026-01-04T23:30:00Z".parse().unwrap(), Offset::from_seconds(1).unwrap()), None);
        assert_eq!(at("0001-01-01T00:30:00Z", -1), None, "of the year before the first");
    }

    #[test]
    fn a_days_count_is_over_a_day() {
        assert!(span("2020-01-01T00:00:00Z", "2020-01-02T00:00:00Z").is_within_one_day());
        assert!(span("2020-01-01", "2020-01-01").is_within_one_day());
        assert!(!span("2020-01-01T00:00:00Z", "2020-01-08T00:00:00Z").is_within_one_day());
        assert!(!span("2020-01-01", "2020-01-02").is_within_one_day());
    }

    #[test]
    fn a_year_is_completed_on_the_birthday() {
        let born = date(1980, 2, 29);
        assert_eq!(age_in_years(born, date(2021, 2, 28)), Some(40));
        assert_eq!(age_in_years(born, date(2021, 3, 1)), Some(41));
        assert_eq!(age_in_years(born, date(2020, 2, 29)), Some(40));
        assert_eq!(age_in_years(born, born), Some(0));
        assert_eq!(age_in_years(born, date(1980, 2, 28)), None);
    }

    #[test]
    fn a_month_has_ended_only_when_it_has_ended_everywhere() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        assert!(!month_has_ended(date(2020, 1, 15), at("2020-02-01T11:59:59Z")));
        assert!(month_has_ended(date(2020, 1, 15), at("2020-02-01T12:00:00Z")));
        assert!(month_has_ended(date(2019, 12, 31), at("2020-01-01T12:00:00Z")));
        assert_eq!(latest_day_anywhere(at("2020-01-31T10:00:00Z")), date(2020, 2, 1));
    }
}
