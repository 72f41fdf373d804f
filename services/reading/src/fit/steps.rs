//! A day's steps, from counts that go on since midnight.
//!
//! A monitoring file of kind `monitoring_b` gives, now and then, how many cycles of an activity there were since midnight by
//! the device's clock; a pair of walking or running cycles counts two steps. The day's steps are the greatest count of each
//! activity, added up.
//!
//! Kept true: a day counts only if the file goes on to its end, as a part of a day is no day's count. That it begins with the
//! day is not needed: counts go on over files. What is counted at midnight belongs to the day that ends.

use std::collections::BTreeMap;

use jiff::{civil::Date, tz::Offset};

use super::message::instant;
use crate::refusal::Reason;

/// Days that are being counted.
#[derive(Default)]
pub(super) struct Steps {
    days: BTreeMap<Date, Counts>,
    /// The last moment at which the device was at work, and its civil day.
    last: Option<(u32, Date)>,
}

#[derive(Default)]
struct Counts {
    by_activity: BTreeMap<u32, u32>,
    /// Where the last of them stands.
    position: u64,
}

/// A day that was counted.
pub(super) struct Day {
    pub(super) date: Date,
    /// Where its last count stands in the file.
    pub(super) position: u64,
    pub(super) steps: Result<u64, Reason>,
}

impl Steps {
    /// Takes a count of steps.
    pub(super) fn count(&mut self, position: u64, at: u32, offset: Offset, activity: u32, count: u32) {
        self.see(at, offset);
        // A second earlier, so that midnight is the end of a day. Without a date there is nothing to count.
        let Some(date) = at.checked_sub(1).and_then(|before| date(before, offset)) else { return };
        let counts = self.days.entry(date).or_default();
        let known = counts.by_activity.entry(activity).or_default();
        *known = count.max(*known);
        counts.position = position;
    }

    /// The device was at work then.
    pub(super) fn see(&mut self, at: u32, offset: Offset) {
        if let Some(date) = date(at, offset)
            && self.last.is_none_or(|(last, _)| at > last)
        {
            self.last = Some((at, date));
        }
    }

    /// The days, each whole or refused.
    pub(super) fn days(self) -> impl Iterator<Item = Day> {
        let last = self.last.map(|(_, date)| date);
        self.days.into_iter().map(move |(date, counts)| {
            let is_over = last.is_some_and(|last| last > date);
            let sum = counts.by_activity.values().map(|count| u64::from(*count)).sum();
            Day { date, position: counts.position, steps: if is_over { Ok(sum) } else { Err(Reason::PartOfADay) } }
        })
    }
}

fn date(at: u32, offset: Offset) -> Option<Date> {
    Some(offset.to_datetime(instant(at)?).date())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2020-01-01T00:00:00Z.
    const NEW_YEAR: u32 = (1_577_836_800 - 631_065_600) as u32;

    fn days(counts: &[(u32, u32, u32)], seen: u32, offset: Offset) -> Vec<(String, Result<u64, Reason>)> {
        let mut steps = Steps::default();
        for (after, activity, count) in counts {
            steps.count(0, NEW_YEAR + after, offset, *activity, *count);
        }
        steps.see(NEW_YEAR + seen, offset);
        steps.days().map(|day| (day.date.to_string(), day.steps)).collect()
    }

    #[test]
    fn the_greatest_counts_of_a_whole_day_add_up_and_a_part_of_a_day_is_refused() {
        let counts = [(3_600, 6, 100), (7_200, 6, 900), (7_300, 1, 50), (86_400, 6, 1_000), (90_000, 6, 7)];
        let found = days(&counts, 90_000, Offset::UTC);
        let expected = [("2020-01-01".to_owned(), Ok(1_050)), ("2020-01-02".to_owned(), Err(Reason::PartOfADay))];
        assert_eq!(found, expected);
    }

    #[test]
    fn the_day_is_that_of_the_devices_clock() {
        let found = days(&[(3_600, 6, 100)], 90_000, Offset::constant(-6));
        assert_eq!(found, [("2019-12-31".to_owned(), Ok(100))]);
    }

    #[test]
    fn a_device_without_a_clock_counts_nothing() {
        let mut steps = Steps::default();
        steps.count(0, 5, Offset::UTC, 6, 100);
        assert_eq!(steps.days().count(), 0);
    }
}
