//! Reading Garmin FIT: what scales, cuffs and watches measured, of the one person whom the file is of.
//!
//! | message | becomes |
//! |---|---|
//! | weight_scale | weight, body fat, body mass index |
//! | blood_pressure | a panel of systolic and diastolic pressure, and the heart rate taken with it |
//! | monitoring | heart rate; of a file of kind `monitoring_b`, the day's steps ([`steps`]) |
//! | monitoring_hr_data | the day's resting heart rate |
//! | max_met_data | maximal oxygen uptake |
//!
//! Nothing else is read: no place, serial number, name, or text, and no setting that only looks like a reading (a profile's
//! weight, or its resting heart rate). What a workout recorded second by second is passed over too: the pulse while
//! running is no heart rate that a month's mean could be of.
//!
//! Kept true: a file counts as a whole or not at all, so nothing of it is taken before its last checksum has been found to
//! hold. Numbers are the file's integers, with the decimal point where the profile puts it; no floating point. Times are
//! UTC in the file; the civil day is that of the offset that a monitoring file states itself, or else of the configured
//! one. A file of several users says of none who it is, and is refused.
//!
//! Errors: a [`Reason`] for the file or the message. Cost: the file is held whole, and read twice.

mod message;
mod steps;

use std::io::Read as _;

use jiff::tz::Offset;

use self::{
    message::{Message, Messages},
    steps::Steps,
};
use crate::{
    file::{FileError, Source},
    found::{Found, Rejected, Spot},
    input::Input,
    observed::{Amount, BLOOD_PRESSURE, Code, DIASTOLIC, LOINC, NACRE, SYSTOLIC, When, panel, single},
    people::PersonId,
    refusal::{Place, Reason},
};

/// A FIT file, in bytes, at most.
const MAX_FIT_BYTES: u64 = 64 << 20;

/// Hands each measurement of the file to the visitor, in order.
pub(crate) fn visit(
    source: &Source,
    input: Input<'_>,
    offset: Offset,
    visitor: &mut dyn FnMut(Spot<'_>, Found<'_>),
) -> Result<(), FileError> {
    let mut bytes = Vec::new();
    input.take(MAX_FIT_BYTES + 1).read_to_end(&mut bytes).map_err(|error| source.cannot_read(error))?;
    let read = if bytes.len() as u64 > MAX_FIT_BYTES { Err(Reason::FileTooLarge) } else { message::read(&bytes) };
    match read.and_then(|messages| Ok((source.owner.clone()?, messages))) {
        Ok((person, messages)) => Reader { person, offset, visitor }.visit(&messages),
        Err(reason) => visitor(Spot { place: Place::File, full_url: None }, Found::Unreadable(reason)),
    }
    Ok(())
}

/// Makes observations of messages.
struct Reader<'v> {
    person: PersonId,
    offset: Offset,
    visitor: &'v mut dyn FnMut(Spot<'_>, Found<'_>),
}

impl Reader<'_> {
    fn visit(&mut self, messages: &Messages) {
        self.offset = messages.offset.unwrap_or(self.offset);
        let mut steps = Steps::default();
        for (position, message) in &messages.list {
            match *message {
                Message::Weight { at, weight, fat, bmi } => {
                    self.single(*position, at, (LOINC, "29463-7"), "kg", weight.map(|raw| decimal(raw, 2)));
                    self.single(*position, at, (LOINC, "41982-0"), "%", fat.map(|raw| decimal(raw, 2)));
                    self.single(*position, at, (LOINC, "39156-5"), "kg/m2", bmi.map(|raw| decimal(raw, 1)));
                }
                Message::Pressure { at, systolic, diastolic, pulse, failed } => {
                    self.pressure(*position, at, [(SYSTOLIC, systolic), (DIASTOLIC, diastolic)], failed);
                    self.single(*position, at, (LOINC, "8867-4"), "/min", pulse.map(|raw| raw.to_string()));
                }
                Message::Pulse { at, pulse } => {
                    self.single(*position, at, (LOINC, "8867-4"), "/min", Some(pulse.to_string()));
                }
                Message::RestingPulse { at, pulse } => {
                    self.single(*position, at, (LOINC, "40443-4"), "/min", Some(pulse.to_string()));
                }
                Message::OxygenUptake { at, uptake } => {
                    self.single(*position, at, (NACRE, "vo2max"), "mL/kg/min", Some(decimal(uptake, 1)));
                }
                Message::Steps { at, activity, count } => steps.count(*position, at, self.offset, activity, count),
                Message::Seen { at } => steps.see(at, self.offset),
            }
        }
        for day in steps.days() {
            match day.steps {
                Ok(count) => {
                    let amount = Amount::new((LOINC, "41950-7"), &count.to_string(), "{steps}/d");
                    self.observe(day.position, amount.as_ref(), When::Moment(day.date.to_string()));
                }
                Err(reason) => self.reject(day.position, reason),
            }
        }
    }

    fn single(&mut self, position: u64, at: u32, code: Code<'_>, unit: &str, value: Option<String>) {
        let Some(value) = value else { return };
        match moment(at, self.offset) {
            Ok(at) => self.observe(position, Amount::new(code, &value, unit).as_ref(), at),
            Err(reason) => self.reject(position, reason),
        }
    }

    fn pressure(&mut self, position: u64, at: u32, values: [(Code<'_>, Option<u32>); 2], failed: bool) {
        let amount = |(code, value): (_, Option<u32>)| Amount::new(code, &value?.to_string(), "mm[Hg]").ok();
        let amounts: Vec<Amount<'_>> = values.into_iter().filter_map(amount).collect();
        match moment(at, self.offset) {
            _ if amounts.is_empty() => {}
            _ if failed => self.reject(position, Reason::FailedMeasurement),
            Ok(at) => {
                let observation = panel(&self.person, at, BLOOD_PRESSURE, &amounts);
                (self.visitor)(spot(position), Found::Observation(Box::new(observation)));
            }
            Err(reason) => self.reject(position, reason),
        }
    }

    fn observe(&mut self, position: u64, amount: Result<&Amount<'_>, &Reason>, at: When) {
        match amount {
            Ok(amount) => {
                let observation = single(&self.person, at, amount);
                (self.visitor)(spot(position), Found::Observation(Box::new(observation)));
            }
            Err(reason) => self.reject(position, *reason),
        }
    }

    fn reject(&mut self, position: u64, reason: Reason) {
        (self.visitor)(spot(position), Found::Rejected(Rejected { id: None, reason }));
    }
}

fn spot(position: u64) -> Spot<'static> {
    Spot { place: Place::Entry(position), full_url: None }
}

/// The decimal of so many places that an integer stands for.
fn decimal(raw: u32, places: usize) -> String {
    let digits = format!("{raw:0>width$}", width = places + 1);
    let (whole, fraction) = digits.split_at(digits.len() - places);
    format!("{whole}.{fraction}")
}

fn moment(at: u32, offset: Offset) -> Result<When, Reason> {
    let instant = message::instant(at).ok_or(Reason::NoClock)?;
    Ok(When::Moment(instant.display_with_offset(offset).to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_integer_has_its_point_where_the_profile_puts_it() {
        for (raw, places, expected) in [(7580, 2, "75.80"), (5, 2, "0.05"), (0, 1, "0.0"), (221, 1, "22.1")] {
            assert_eq!(decimal(raw, places), expected);
        }
    }

    #[test]
    fn a_device_that_was_never_set_has_no_date() {
        assert_eq!(moment(0x0fff_ffff, Offset::UTC).err(), Some(Reason::NoClock));
        let Ok(When::Moment(text)) = moment(621_466_680, Offset::constant(8)) else { panic!() };
        assert_eq!(text, "2009-09-10T05:38:00+08:00");
    }
}
