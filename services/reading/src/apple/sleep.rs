//! Stretches of sleep, from records of their stages.
//!
//! A watch gives a record for each stage (core, deep, REM), an older device one for all; time awake or only in bed is none of
//! them. Records of one source that lie less than [`GAP_SECONDS`] apart are one stretch, whose length is the time that any
//! of them covers. A night then counts by its longest stretch, as the catalogue has it, whichever source it is from.
//!
//! Cost: 40 bytes a record until the end of the export, at most [`MAX_RECORDS`] of them.

use jiff::{Timestamp, tz::Offset};

use super::element::Element;
use crate::{refusal::Reason, time::Moment};

/// The kind of these records.
pub(super) const KIND: &str = "HKCategoryTypeIdentifierSleepAnalysis";
/// Longer awake, and what follows is another stretch.
const GAP_SECONDS: i64 = 3_600;
/// Records, at most: some fifty years.
const MAX_RECORDS: usize = 1 << 20;

/// Sleep that is being gathered.
#[derive(Default)]
pub(super) struct Sleep {
    /// Source, start, end, element, and the seconds of the end's offset from UTC.
    records: Vec<(u64, i64, i64, u64, i32)>,
}

/// Sleep without a long interruption.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) start: Moment,
    pub(super) end: Moment,
    /// Asleep.
    pub(super) seconds: i64,
    /// The element that it begins with.
    pub(super) position: u64,
}

impl Sleep {
    pub(super) fn add(&mut self, position: u64, record: &Element<'_>) -> Result<(), Reason> {
        let stage = record.value.as_deref().ok_or(Reason::NoQuantity)?;
        if !stage.starts_with("HKCategoryValueSleepAnalysisAsleep") {
            return Ok(());
        }
        if self.records.len() == MAX_RECORDS {
            return Err(Reason::TooMany);
        }
        let end = record.moment()?;
        let second = |moment: Moment| moment.instant().map(Timestamp::as_second);
        let (Some(from), Some(to), Some(offset)) = (second(record.beginning()?), second(end), end.offset()) else {
            return Err(Reason::InvalidDate);
        };
        if to < from {
            return Err(Reason::EndsBeforeStart);
        }
        self.records.push((record.source, from, to, position, offset.seconds()));
        Ok(())
    }

    /// The stretches of each source.
    pub(super) fn stretches(mut self) -> Vec<Stretch> {
        self.records.sort_unstable();
        let mut found = Vec::new();
        let mut open: Option<Open> = None;
        for (source, from, to, position, offset) in self.records {
            match &mut open {
                Some(stretch) if stretch.source == source && from < stretch.end + GAP_SECONDS => {
                    stretch.seconds += (to - from.max(stretch.end)).max(0);
                    if to > stretch.end {
                        (stretch.end, stretch.offset) = (to, offset);
                    }
                }
                _ => {
                    let next = Open { source, start: from, end: to, seconds: to - from, position, offset };
                    found.extend(open.replace(next).and_then(Open::close));
                }
            }
        }
        found.extend(open.and_then(Open::close));
        found
    }
}

/// A stretch that may go on.
struct Open {
    source: u64,
    start: i64,
    end: i64,
    seconds: i64,
    position: u64,
    offset: i32,
}

impl Open {
    fn close(self) -> Option<Stretch> {
        let offset = Offset::from_seconds(self.offset).ok()?;
        let moment = |second| Moment::at(Timestamp::from_second(second).ok()?, offset);
        let (start, end) = (moment(self.start)?, moment(self.end)?);
        Some(Stretch { start, end, seconds: self.seconds, position: self.position })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stretches(records: &[(u64, &str, &str, &str)]) -> Vec<(Moment, i64)> {
        let mut sleep = Sleep::default();
        for (source, stage, start, end) in records {
            let text = |text: &str| Some(format!("2026-01-{text}:00 +0800").into());
            let value = Some(format!("HKCategoryValueSleepAnalysis{stage}").into());
            let record = Element { source: *source, value, start: text(start), end: text(end), ..Element::default() };
            sleep.add(1, &record).unwrap();
        }
        sleep.stretches().into_iter().map(|stretch| (stretch.end, stretch.seconds / 60)).collect()
    }

    #[test]
    fn stages_of_one_source_are_one_stretch_and_a_long_time_awake_ends_it() {
        let found = stretches(&[
            (1, "AsleepCore", "05 23:00", "06 01:00"),
            (1, "AsleepDeep", "06 00:30", "06 02:00"),
            (1, "Awake", "06 02:00", "06 02:20"),
            (1, "AsleepREM", "06 02:20", "06 06:00"),
            (1, "Asleep", "06 13:00", "06 13:30"),
            (2, "InBed", "05 22:00", "06 07:00"),
            (2, "AsleepUnspecified", "05 23:00", "06 06:30"),
        ]);
        let expected = [("06T06:00", 400), ("06T13:30", 30), ("06T06:30", 450)];
        let moment = |end| crate::time::moment(&format!("2026-01-{end}:00+08:00")).unwrap();
        assert_eq!(found, expected.map(|(end, minutes)| (moment(end), minutes)));
    }
}
