//! Reading an Apple Health export, `export.xml`, of any size: it is streamed, and one element is held at a time.
//!
//! | in the export | becomes |
//! |---|---|
//! | Record of a quantity ([`quantity`]) | itself |
//! | Correlation of blood pressure | a panel of systolic and diastolic pressure (their records stand in the export once more, by themselves, and are passed over there) |
//! | Records of steps | the day's steps: those of the source that has most ([`steps`]) |
//! | Records of sleep | each stretch of sleep ([`sleep`]) |
//! | ActivitySummary | the day's active energy, and its minutes of exercise; none of days on which no watch was worn |
//! | Me | the person's sex and birth date, which must not contradict the register's |
//!
//! Nothing else is read: no place (workout routes), no device, no metadata, no text. Names of sources ("Anna's iPhone") tell one
//! source from another by a hash under a key that is made for the run, and are not kept.
//!
//! Kept true: Apple writes every time in the offset that the telephone had when it exported, and that is the offset taken.
//! The day of the export and days after it are not whole, so what adds up over a day is refused for them. What adds up is
//! given out only when the export has been read to its end.
//!
//! Errors: a [`Reason`] for the element, or for the file from some element on. Cost: some 3 µs an element; memory by the
//! days that have steps, and 40 bytes a record of sleep.

mod element;
mod quantity;
mod sleep;
mod steps;

use std::io::{BufRead, BufReader, Read};

use jiff::civil::Date;
use nacre_schemas::cohort::Sex;
use num_rational::BigRational;
use quick_xml::{Reader as XmlReader, events::Event};
use zip::ZipArchive;

use self::{element::Element, sleep::Sleep, steps::Steps};
use crate::{
    codes::{BLOOD_PRESSURE, DIASTOLIC, LOINC, NACRE, SYSTOLIC},
    file::{FileError, Format, Source},
    found::{Found, Owner, Rejected, Spot, Wanted},
    identifier::PersonId,
    input::{Input, Leash, Slack},
    observation::{Known, Measured, Observation, Quantity},
    refusal::{Place, Reason},
    time::{self, Moment, When},
};

/// The buffer that files are read through, in bytes.
const BUFFER_BYTES: usize = 64 << 10;

/// Hands what the export holds to the visitor, in order; what adds up comes last.
pub(crate) fn visit(
    source: &Source,
    input: Input<'_>,
    wanted: Wanted,
    visitor: &mut dyn FnMut(Spot<'_>, Found<'_>),
) -> Result<(), FileError> {
    let mut refuse = |reason| visitor(spot(Place::File), Found::Unreadable(reason));
    let person = match &source.owner {
        Ok(person) => person.clone(),
        Err(reason) => {
            // Of XML that is something else it does not matter whose it is.
            let is_other = source.format == Format::AppleHealth && !begins_as_export(input);
            refuse(if is_other { Reason::NotAppleHealth } else { *reason });
            return Ok(());
        }
    };
    if source.format != Format::AppleArchive {
        return Reader::new(person, wanted, visitor).visit(source, input);
    }
    let Ok(mut archive) = ZipArchive::new(BufReader::new(input)) else {
        refuse(Reason::NotAppleArchive);
        return Ok(());
    };
    // Its name is in the telephone's language; the clinical document beside it is another format.
    let is_export = |name: &str| {
        let depth = name.matches('/').count();
        depth <= 1 && name.ends_with(".xml") && !name.ends_with("export_cda.xml")
    };
    let name = |position| archive.name_for_index(position).and_then(Result::ok);
    let found = (0..archive.len()).find(|position| name(*position).is_some_and(|name| is_export(&name)));
    match found.map(|position| archive.by_index(position)) {
        Some(Ok(export)) => Reader::new(person, wanted, visitor).visit(source, export),
        _ => {
            refuse(Reason::NotAppleArchive);
            Ok(())
        }
    }
}

fn begins_as_export(input: impl Read) -> bool {
    let (leash, _) = Leash::new(input);
    let mut xml = XmlReader::from_reader(BufReader::new(leash));
    let mut buffer = Vec::new();
    loop {
        match xml.read_event_into(&mut buffer) {
            Ok(Event::Start(tag) | Event::Empty(tag)) => return tag.name().0 == "HealthData",
            Ok(Event::Eof) | Err(_) => return false,
            Ok(_) => buffer.clear(),
        }
    }
}

fn spot(place: Place) -> Spot<'static> {
    Spot { place, full_url: None }
}

/// What ends the reading of an export.
enum Stop {
    /// Everything that is wanted has been read.
    Done,
    /// The rest cannot be read.
    Unreadable(Reason),
    /// The system refused.
    System(std::io::Error),
}

/// Reads what follows the last element: an archive tells only there whether all before was as it should be.
fn rest(mut input: impl BufRead, slack: &Slack) -> Stop {
    slack.renew();
    match std::io::copy(&mut input, &mut std::io::sink()) {
        Ok(_) => Stop::Done,
        Err(_) if slack.is_used_up() => Stop::Unreadable(Reason::RecordTooLong),
        Err(error) if crate::text::is_about_content(&error) => Stop::Unreadable(Reason::BrokenCompression),
        Err(error) => Stop::System(error),
    }
}

/// An export that is being read.
struct Reader<'v> {
    person: PersonId,
    wanted: Wanted,
    visitor: &'v mut dyn FnMut(Spot<'_>, Found<'_>),
    /// How many elements below the first were begun.
    position: u64,
    /// How deep the element is that was begun last: 1 is `HealthData`.
    depth: u32,
    /// The day of the export.
    exported: Option<Date>,
    /// The correlation that is open: where it stands, when it was, and what was found in it.
    correlation: Option<Correlation>,
    steps: Steps,
    sleep: Sleep,
}

struct Correlation {
    position: u64,
    when: Result<Moment, Reason>,
    parts: Vec<Result<Measured<'static>, Reason>>,
}

impl<'v> Reader<'v> {
    fn new(person: PersonId, wanted: Wanted, visitor: &'v mut dyn FnMut(Spot<'_>, Found<'_>)) -> Self {
        Self {
            person,
            wanted,
            visitor,
            position: 0,
            depth: 0,
            exported: None,
            correlation: None,
            steps: Steps::default(),
            sleep: Sleep::default(),
        }
    }

    fn visit(mut self, source: &Source, input: impl Read) -> Result<(), FileError> {
        let (leash, slack) = Leash::new(input);
        match self.read(BufReader::with_capacity(BUFFER_BYTES, leash), &slack) {
            Stop::Done => Ok(()),
            Stop::System(error) => Err(source.cannot_read(error)),
            Stop::Unreadable(reason) => {
                let place = if self.position == 0 { Place::File } else { Place::Entry(self.position - 1) };
                (self.visitor)(spot(place), Found::Unreadable(reason));
                Ok(())
            }
        }
    }

    fn read(&mut self, input: impl BufRead, slack: &Slack) -> Stop {
        let mut xml = XmlReader::from_reader(input);
        let mut buffer = Vec::new();
        loop {
            buffer.clear();
            slack.renew();
            let handled = match xml.read_event_into(&mut buffer) {
                Ok(Event::Start(tag)) => {
                    self.depth += 1;
                    self.element(&tag)
                }
                Ok(Event::Empty(tag)) => {
                    self.depth += 1;
                    self.element(&tag).and_then(|()| self.end())
                }
                Ok(Event::End(_)) => self.end(),
                Ok(Event::Eof) if self.depth == 0 => Err(Stop::Unreadable(Reason::NotAppleHealth)),
                Ok(Event::Eof) => Err(Stop::Unreadable(Reason::EndsEarly)),
                Ok(_) => Ok(()),
                Err(_) if slack.is_used_up() => Err(Stop::Unreadable(Reason::RecordTooLong)),
                Err(quick_xml::Error::Io(error)) if !crate::text::is_about_content(&error) => {
                    Err(Stop::System(error.kind().into()))
                }
                Err(_) => {
                    Err(Stop::Unreadable(if self.depth == 0 { Reason::NotAppleHealth } else { Reason::BrokenXml }))
                }
            };
            match handled {
                Ok(()) => {}
                Err(Stop::Done) if self.wanted == Wanted::Observations => return rest(xml.into_inner(), slack),
                Err(stop) => return stop,
            }
        }
    }

    /// An element begins.
    fn element(&mut self, tag: &quick_xml::events::BytesStart<'_>) -> Result<(), Stop> {
        let name = tag.name();
        if self.depth == 1 {
            return if name.0 == "HealthData" { Ok(()) } else { Err(Stop::Unreadable(Reason::NotAppleHealth)) };
        }
        if self.depth == 2 {
            self.position += 1;
        }
        let read = || Element::of(tag).map_err(Stop::Unreadable);
        match (self.wanted, name.0, self.depth) {
            (_, "ExportDate", 2) => self.exported = read()?.value.as_deref().and_then(element::day),
            (Wanted::Patients, "Me", 2) => return self.owner(&read()?),
            // Who it is stands before all records.
            (Wanted::Patients, "Record" | "Correlation" | "Workout" | "ActivitySummary", 2) => return Err(Stop::Done),
            (Wanted::Patients, ..) => {}
            (_, "Record", 2) => self.record(&read()?),
            (_, "Record", 3) => self.member(&read()?),
            (_, "Correlation", 2) => self.begin_correlation(&read()?),
            (_, "ActivitySummary", 2) => self.summary(&read()?),
            _ => {}
        }
        Ok(())
    }

    /// The element that was begun last ends.
    fn end(&mut self) -> Result<(), Stop> {
        self.depth = self.depth.saturating_sub(1);
        if self.depth == 1 {
            self.end_correlation();
        }
        if self.depth > 0 {
            return Ok(());
        }
        if self.wanted == Wanted::Observations {
            self.add_up();
        }
        Err(Stop::Done)
    }

    fn owner(&mut self, me: &Element<'_>) -> Result<(), Stop> {
        let sex = match me.sex.as_deref() {
            Some("HKBiologicalSexFemale") => Some(Sex::Female),
            Some("HKBiologicalSexMale") => Some(Sex::Male),
            Some("HKBiologicalSexOther") => Some(Sex::Other),
            _ => None,
        };
        // Who has not told the telephone has an empty one; then the register's counts.
        let birth = me.birth.as_deref().and_then(|text| time::date_with_day(text).ok());
        let owner = Owner { person: self.person.clone(), sex, birth };
        let place = self.place();
        (self.visitor)(spot(place), Found::Owner(owner));
        Err(Stop::Done)
    }

    fn place(&self) -> Place {
        Place::Entry(self.position.saturating_sub(1))
    }

    fn record(&mut self, record: &Element<'_>) {
        let (position, kind) = (self.place(), record.kind.as_deref().unwrap_or_default());
        if let Some(quantity) = quantity::of(kind) {
            let taken = quantity.measured(record).and_then(|measured| Ok((measured, record.moment()?)));
            match taken {
                Ok((measured, at)) => self.observe(position, When::Moment(at), measured, Vec::new()),
                Err(reason) => self.reject(position, reason),
            }
            return;
        }
        let added = match kind {
            steps::KIND => self.steps.add(self.position, record),
            sleep::KIND => self.sleep.add(self.position, record),
            // They come once more, in their correlation.
            quantity::SYSTOLIC_KIND | quantity::DIASTOLIC_KIND => Ok(()),
            _ => {
                (self.visitor)(spot(position), Found::Uncoded);
                Ok(())
            }
        };
        if let Err(reason) = added {
            self.reject(position, reason);
        }
    }

    fn begin_correlation(&mut self, correlation: &Element<'_>) {
        if correlation.kind.as_deref() == Some("HKCorrelationTypeIdentifierBloodPressure") {
            let (position, when) = (self.position, correlation.moment());
            self.correlation = Some(Correlation { position, when, parts: Vec::new() });
        }
    }

    fn member(&mut self, record: &Element<'_>) {
        let Some(correlation) = &mut self.correlation else { return };
        let code = match record.kind.as_deref() {
            Some(quantity::SYSTOLIC_KIND) => SYSTOLIC,
            Some(quantity::DIASTOLIC_KIND) => DIASTOLIC,
            _ => return,
        };
        // A pressure has two of them; more would be of no use and take memory.
        if correlation.parts.len() < 4 {
            let value = record.value.as_deref().unwrap_or_default();
            let unit = if record.unit.as_deref() == Some("mmHg") { "mm[Hg]" } else { "" };
            correlation.parts.push(Quantity::written(value, unit).map(|pressure| Measured::of(code, pressure)));
        }
    }

    fn end_correlation(&mut self) {
        let Some(Correlation { position, when, parts }) = self.correlation.take() else { return };
        let place = Place::Entry(position.saturating_sub(1));
        let parts: Result<Vec<Measured<'_>>, Reason> = parts.into_iter().collect();
        match parts.and_then(|parts| Ok((parts, when?))) {
            Ok((parts, at)) => self.observe(place, When::Moment(at), Measured::named(BLOOD_PRESSURE.into()), parts),
            Err(reason) => self.reject(place, reason),
        }
    }

    fn summary(&mut self, summary: &Element<'_>) {
        let place = self.place();
        let Some(date) = summary.date.as_deref().and_then(|text| time::date_with_day(text).ok()) else {
            return self.reject(place, Reason::InvalidDate);
        };
        let is_worn = |value: &Option<_>| {
            value.as_deref().is_some_and(|text: &str| text.bytes().any(|byte| matches!(byte, b'1'..=b'9')))
        };
        if !is_worn(&summary.energy) && !is_worn(&summary.stand_hours) {
            return (self.visitor)(spot(place), Found::Uncoded);
        }
        if !self.is_whole(date) {
            return self.reject(place, Reason::PartOfADay);
        }
        let energy_unit = match summary.energy_unit.as_deref() {
            Some("kcal" | "Cal") => "kcal/d",
            Some("kJ") => "kJ/d",
            _ => "",
        };
        let values: [(Known<'_>, _, _); 2] =
            [((LOINC, "41979-6"), &summary.energy, energy_unit), ((NACRE, "mvpa-minutes"), &summary.exercise, "min/d")];
        for (code, value, unit) in values {
            let Some(value) = value.as_deref() else { continue };
            match Quantity::written(value, unit) {
                Ok(amount) => {
                    let at = When::Moment(Moment::of_day(date));
                    self.observe(place, at, Measured::of(code, amount), Vec::new());
                }
                Err(reason) => self.reject(place, reason),
            }
        }
    }

    /// Whether the export can have all of the day.
    fn is_whole(&self, date: Date) -> bool {
        self.exported.is_none_or(|exported| date < exported)
    }

    fn add_up(&mut self) {
        for day in std::mem::take(&mut self.steps).days() {
            let place = Place::Entry(day.position.saturating_sub(1));
            if self.is_whole(day.date) {
                let measured = Measured::of((LOINC, "41950-7"), Quantity::exact(day.steps, "{steps}/d"));
                self.observe(place, When::Moment(Moment::of_day(day.date)), measured, Vec::new());
            } else {
                self.reject(place, Reason::PartOfADay);
            }
        }
        for stretch in std::mem::take(&mut self.sleep).stretches() {
            let place = Place::Entry(stretch.position.saturating_sub(1));
            let seconds = Quantity::exact(BigRational::from_integer(stretch.seconds.into()), "s");
            let when = When::Span { start: Some(stretch.start), end: stretch.end };
            self.observe(place, when, Measured::of((LOINC, "93832-4"), seconds), Vec::new());
        }
    }

    fn observe(&mut self, place: Place, when: When, own: Measured<'_>, parts: Vec<Measured<'_>>) {
        let observation = Observation { parts, ..Observation::of(&self.person, when, own) };
        (self.visitor)(spot(place), Found::Observation(Box::new(observation)));
    }

    fn reject(&mut self, place: Place, reason: Reason) {
        (self.visitor)(spot(place), Found::Rejected(Rejected { id: None, reason }));
    }
}
