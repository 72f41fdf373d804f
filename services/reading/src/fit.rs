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
//! hold. Numbers are the file's integers, over the scale that the profile gives them; no floating point. Times are
//! UTC in the file; the civil day is that of the offset that a monitoring file states itself, or else of the configured
//! one. A file of several users says of none who it is, and is refused.
//!
//! Errors: a [`Reason`] for the file or the message. Cost: the file is held whole, and read twice.

mod message;
mod steps;

use std::io::Read as _;

use jiff::tz::Offset;
use num_rational::BigRational;

use self::{
    message::{Message, Messages},
    steps::Steps,
};
use crate::{
    codes::{BLOOD_PRESSURE, DIASTOLIC, LOINC, NACRE, SYSTOLIC},
    file::{FileError, Source},
    found::{Found, Rejected, Spot},
    identifier::PersonId,
    input::Input,
    observation::{Known, Measured, Observation, Quantity},
    refusal::{Place, Reason},
    time::{Moment, When},
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
                    self.single(*position, at, (LOINC, "29463-7"), "kg", weight, 100);
                    self.single(*position, at, (LOINC, "41982-0"), "%", fat, 100);
                    self.single(*position, at, (LOINC, "39156-5"), "kg/m2", bmi, 10);
                }
                Message::Pressure { at, systolic, diastolic, pulse, failed } => {
                    self.pressure(*position, at, [(SYSTOLIC, systolic), (DIASTOLIC, diastolic)], failed);
                    self.single(*position, at, (LOINC, "8867-4"), "/min", pulse, 1);
                }
                Message::Pulse { at, pulse } => {
                    self.single(*position, at, (LOINC, "8867-4"), "/min", Some(pulse), 1);
                }
                Message::RestingPulse { at, pulse } => {
                    self.single(*position, at, (LOINC, "40443-4"), "/min", Some(pulse), 1);
                }
                Message::OxygenUptake { at, uptake } => {
                    self.single(*position, at, (NACRE, "vo2max"), "mL/kg/min", Some(uptake), 10);
                }
                Message::Steps { at, activity, count } => steps.count(*position, at, self.offset, activity, count),
                Message::Seen { at } => steps.see(at, self.offset),
            }
        }
        for day in steps.days() {
            match day.steps {
                Ok(count) => {
                    let count = Quantity::exact(BigRational::from_integer(count.into()), "{steps}/d");
                    let measured = Measured::of((LOINC, "41950-7"), count);
                    self.observe(day.position, When::Moment(Moment::of_day(day.date)), measured, Vec::new());
                }
                Err(reason) => self.reject(day.position, reason),
            }
        }
    }

    /// An integer of so many parts of the unit, which is a measurement by itself.
    fn single(&mut self, position: u64, at: u32, code: Known<'_>, unit: &str, count: Option<u32>, a_unit: u32) {
        let Some(count) = count else { return };
        match moment(at, self.offset) {
            Ok(at) => self.observe(position, at, Measured::of(code, Quantity::parts(count, a_unit, unit)), Vec::new()),
            Err(reason) => self.reject(position, reason),
        }
    }

    fn pressure(&mut self, position: u64, at: u32, values: [(Known<'_>, Option<u32>); 2], failed: bool) {
        let part = |(code, value): (_, Option<u32>)| Some(Measured::of(code, Quantity::parts(value?, 1, "mm[Hg]")));
        let parts: Vec<Measured<'_>> = values.into_iter().filter_map(part).collect();
        match moment(at, self.offset) {
            _ if parts.is_empty() => {}
            _ if failed => self.reject(position, Reason::FailedMeasurement),
            Ok(at) => self.observe(position, at, Measured::named(BLOOD_PRESSURE.into()), parts),
            Err(reason) => self.reject(position, reason),
        }
    }

    fn observe(&mut self, position: u64, at: When, own: Measured<'_>, parts: Vec<Measured<'_>>) {
        let observation = Observation { parts, ..Observation::of(&self.person, at, own) };
        (self.visitor)(spot(position), Found::Observation(Box::new(observation)));
    }

    fn reject(&mut self, position: u64, reason: Reason) {
        (self.visitor)(spot(position), Found::Rejected(Rejected { id: None, reason }));
    }
}

fn spot(position: u64) -> Spot<'static> {
    Spot { place: Place::Entry(position), full_url: None }
}

fn moment(at: u32, offset: Offset) -> Result<When, Reason> {
    let instant = message::instant(at).ok_or(Reason::NoClock)?;
    Moment::at(instant, offset).map(When::Moment).ok_or(Reason::InvalidDate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_was_never_set_has_no_date() {
        assert_eq!(moment(0x0fff_ffff, Offset::UTC).err(), Some(Reason::NoClock));
        let expected = crate::time::moment("2009-09-10T05:38:00+08:00").unwrap();
        assert_eq!(moment(621_466_680, Offset::constant(8)), Ok(When::Moment(expected)));
    }
}
