//! The allow-list: the only fields of FIT messages that ever become a value. Positions, serial numbers, names and texts have
//! no place here.
//!
//! Kept true: an invalid value (the greatest of its type, by the FIT protocol) is none; a field of another size than the
//! profile gives it makes the file malformed, as its number would be another.

use jiff::{SignedDuration, Timestamp, tz::Offset};
use rustyfit::{
    Decoder, DecoderError, DecoderEvent, StreamingIterator as _,
    profile::{
        mesgdef::{BloodPressure, FileId, MaxMetData, Monitoring, MonitoringHrData, MonitoringInfo, WeightScale},
        typedef::MesgNum,
    },
    proto::{self, MessageDefinition, Value},
};

use crate::refusal::Reason;

/// 1989-12-31T00:00:00Z, which FIT counts seconds from, in seconds of Unix time.
const EPOCH: i64 = 631_065_600;
/// Lesser times are counted from when the device was switched on.
const LEAST_TIME: u32 = 0x1000_0000;
/// The kind of files whose counts go on through the day.
const MONITORING_B: u32 = 32;
/// Activities whose cycles are pairs of steps, counted in steps.
const WALKING: u32 = 6;
const RUNNING: u32 = 1;
/// The timestamp's number in every message.
const TIMESTAMP: u8 = 253;

/// A measurement; times are in seconds since FIT's epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// In 10 g, hundredths of a percent, tenths of kg/m².
    Weight { at: u32, weight: Option<u32>, fat: Option<u32>, bmi: Option<u32> },
    /// In mmHg, and a minute.
    Pressure { at: u32, systolic: Option<u32>, diastolic: Option<u32>, pulse: Option<u32>, failed: bool },
    /// A minute.
    Pulse { at: u32, pulse: u32 },
    /// A minute, of the day so far.
    RestingPulse { at: u32, pulse: u32 },
    /// In tenths of mL/kg/min.
    OxygenUptake { at: u32, uptake: u32 },
    /// Of an activity, since midnight.
    Steps { at: u32, activity: u32, count: u32 },
    /// The device was at work.
    Seen { at: u32 },
}

/// What a file measures.
#[derive(Debug, Default)]
pub(super) struct Messages {
    /// With their positions among all messages of the file.
    pub(super) list: Vec<(u64, Message)>,
    /// The offset from UTC of the device's clock, if the file states it.
    pub(super) offset: Option<Offset>,
}

/// The size that the profile gives a field that is taken, in bytes.
fn profile_size(message: MesgNum, field: u8) -> Option<u8> {
    Some(match (message, field) {
        (MesgNum::FILE_ID, FileId::TYPE) => 1,
        (MesgNum::WEIGHT_SCALE, WeightScale::WEIGHT | WeightScale::PERCENT_FAT | WeightScale::BMI) => 2,
        (MesgNum::WEIGHT_SCALE, WeightScale::USER_PROFILE_INDEX) => 2,
        (MesgNum::BLOOD_PRESSURE, BloodPressure::SYSTOLIC_PRESSURE | BloodPressure::DIASTOLIC_PRESSURE) => 2,
        (MesgNum::BLOOD_PRESSURE, BloodPressure::USER_PROFILE_INDEX) => 2,
        (MesgNum::BLOOD_PRESSURE, BloodPressure::HEART_RATE | BloodPressure::STATUS) => 1,
        (MesgNum::MONITORING, Monitoring::CYCLES) => 4,
        (MesgNum::MONITORING, Monitoring::CYCLES_16 | Monitoring::TIMESTAMP_16) => 2,
        (MesgNum::MONITORING, Monitoring::ACTIVITY_TYPE | Monitoring::HEART_RATE) => 1,
        (MesgNum::MONITORING, Monitoring::CURRENT_ACTIVITY_TYPE_INTENSITY) => 1,
        (MesgNum::MONITORING_INFO, MonitoringInfo::LOCAL_TIMESTAMP) => 4,
        (MesgNum::MONITORING_HR_DATA, MonitoringHrData::CURRENT_DAY_RESTING_HEART_RATE) => 1,
        (MesgNum::MAX_MET_DATA, MaxMetData::UPDATE_TIME) => 4,
        (MesgNum::MAX_MET_DATA, MaxMetData::VO2_MAX) => 2,
        (_, TIMESTAMP) => 4,
        _ => return None,
    })
}

/// Reads a file: all of it, to its last checksum.
pub(super) fn read(bytes: &[u8]) -> Result<Messages, Reason> {
    let mut decoder = Decoder::builder().expand_components(false).build();
    let mut stream = decoder.stream(bytes);
    let mut reading = Reading::default();
    let mut is_empty = true;
    while let Some(event) = stream.next() {
        match event.map_err(|error| explain(&error))? {
            DecoderEvent::MessageDefinition(definition) => check(definition)?,
            DecoderEvent::Message(message) => reading.take(message)?,
            DecoderEvent::FileHeader(_) => is_empty = false,
            DecoderEvent::Crc(_) => {}
        }
    }
    if is_empty { Err(Reason::NotFit) } else { Ok(reading.messages) }
}

fn explain<E>(error: &DecoderError<E>) -> Reason {
    match error {
        DecoderError::Io { .. } | DecoderError::UnexpectedEof => Reason::EndsEarly,
        DecoderError::NotFITFile => Reason::NotFit,
        DecoderError::ChecksumMismatch { .. } => Reason::BrokenChecksum,
        DecoderError::MissingMessageDefinition { .. } => Reason::Malformed,
    }
}

fn check(definition: &MessageDefinition) -> Result<(), Reason> {
    let is_of_profile = |field: &proto::FieldDefinition| {
        profile_size(definition.mesg_num, field.num).is_none_or(|size| size == field.size)
    };
    if definition.field_definitions.iter().all(is_of_profile) { Ok(()) } else { Err(Reason::Malformed) }
}

/// The point in time, if the device knew it.
pub(super) fn instant(at: u32) -> Option<Timestamp> {
    if at < LEAST_TIME {
        return None;
    }
    Timestamp::from_second(EPOCH + i64::from(at)).ok()
}

/// A file that is being read.
#[derive(Default)]
struct Reading {
    messages: Messages,
    position: u64,
    /// The time that short times are counted from.
    clock: u32,
    kind: Option<u32>,
    user: Option<u32>,
}

impl Reading {
    fn take(&mut self, message: &proto::Message) -> Result<(), Reason> {
        let position = self.position;
        self.position += 1;
        let field = |number| integer(message, number);
        if let Some(at) = field(TIMESTAMP) {
            self.clock = at;
        }
        let at = self.clock;
        let found = match message.num {
            MesgNum::FILE_ID => {
                self.kind = field(FileId::TYPE);
                return Ok(());
            }
            MesgNum::MONITORING_INFO => {
                let local = field(MonitoringInfo::LOCAL_TIMESTAMP);
                self.messages.offset = self.messages.offset.or(local.and_then(|local| offset(local, at)));
                Message::Seen { at }
            }
            MesgNum::WEIGHT_SCALE => {
                self.hear_of_user(field(WeightScale::USER_PROFILE_INDEX))?;
                // 0xfffe: the scale was still weighing.
                let weight = field(WeightScale::WEIGHT).filter(|weight| *weight != 0xfffe);
                Message::Weight { at, weight, fat: field(WeightScale::PERCENT_FAT), bmi: field(WeightScale::BMI) }
            }
            MesgNum::BLOOD_PRESSURE => {
                self.hear_of_user(field(BloodPressure::USER_PROFILE_INDEX))?;
                Message::Pressure {
                    at,
                    systolic: field(BloodPressure::SYSTOLIC_PRESSURE),
                    diastolic: field(BloodPressure::DIASTOLIC_PRESSURE),
                    pulse: field(BloodPressure::HEART_RATE),
                    failed: field(BloodPressure::STATUS).is_some_and(|status| status != 0),
                }
            }
            MesgNum::MONITORING => return self.monitoring(position, message),
            MesgNum::MONITORING_HR_DATA => match field(MonitoringHrData::CURRENT_DAY_RESTING_HEART_RATE) {
                Some(pulse) => Message::RestingPulse { at, pulse },
                None => return Ok(()),
            },
            MesgNum::MAX_MET_DATA => match (field(MaxMetData::UPDATE_TIME), field(MaxMetData::VO2_MAX)) {
                (Some(at), Some(uptake)) => Message::OxygenUptake { at, uptake },
                _ => return Ok(()),
            },
            _ => return Ok(()),
        };
        self.messages.list.push((position, found));
        Ok(())
    }

    /// A message of monitoring. Its time may be the last 16 bits of one, after the message before.
    fn monitoring(&mut self, position: u64, message: &proto::Message) -> Result<(), Reason> {
        let field = |number| integer(message, number);
        if let Some(short) = field(Monitoring::TIMESTAMP_16) {
            let passed = (short.wrapping_sub(self.clock)) & 0xffff;
            self.clock = self.clock.checked_add(passed).ok_or(Reason::Malformed)?;
        }
        let at = self.clock;
        let both = field(Monitoring::CURRENT_ACTIVITY_TYPE_INTENSITY).map(|both| both & 0x1f);
        let activity = field(Monitoring::ACTIVITY_TYPE).or(both);
        let count = field(Monitoring::CYCLES).or(field(Monitoring::CYCLES_16));
        if let (Some(activity @ (WALKING | RUNNING)), Some(count), Some(MONITORING_B)) = (activity, count, self.kind) {
            self.messages.list.push((position, Message::Steps { at, activity, count }));
        } else {
            self.messages.list.push((position, Message::Seen { at }));
        }
        if let Some(pulse) = field(Monitoring::HEART_RATE).filter(|pulse| *pulse > 0) {
            self.messages.list.push((position, Message::Pulse { at, pulse }));
        }
        Ok(())
    }

    fn hear_of_user(&mut self, user: Option<u32>) -> Result<(), Reason> {
        let Some(user) = user else { return Ok(()) };
        if *self.user.get_or_insert(user) == user { Ok(()) } else { Err(Reason::SeveralUsers) }
    }
}

/// The valid integer that stands in a field.
fn integer(message: &proto::Message, number: u8) -> Option<u32> {
    match message.fields.iter().find(|field| field.num == number)?.value {
        Value::Uint8(value) => (value != u8::MAX).then_some(value.into()),
        Value::Uint16(value) => (value != u16::MAX).then_some(value.into()),
        Value::Uint32(value) => (value != u32::MAX).then_some(value),
        // A single byte, by the protocol an array.
        Value::ArrayUint8(ref values) => match **values {
            [value] => (value != u8::MAX).then_some(value.into()),
            _ => None,
        },
        _ => None,
    }
}

/// The offset of a clock that shows the one when it is the other; none that no place on Earth has.
fn offset(local: u32, utc: u32) -> Option<Offset> {
    let seconds = i64::from(local) - i64::from(utc);
    let is_possible = seconds % 900 == 0 && SignedDuration::from_secs(seconds).abs() <= SignedDuration::from_hours(14);
    let seconds = i32::try_from(seconds).ok().filter(|_| is_possible)?;
    Offset::from_seconds(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clocks_offset_is_one_that_a_place_on_earth_has() {
        assert_eq!(offset(788_572_800, 788_594_400), Some(Offset::constant(-6)));
        assert_eq!(offset(100, 200), None);
        assert_eq!(offset(15 * 3_600, 0), None);
    }

    #[test]
    fn what_is_no_fit_file_is_refused_and_never_panics() {
        assert_eq!(read(b"").err(), Some(Reason::NotFit));
        assert_eq!(read(b"{}").err(), Some(Reason::NotFit));
        assert_eq!(read(&[14]).err(), Some(Reason::EndsEarly));
    }
}
