//! Intake: from the resources of a request to the rows of the spool, and to what is answered for each.
//!
//! Kept true: a resource is judged by the same rules as one from a file ([`nacre_reading::people`], [`nacre_reading::select`]); what is
//! refused leaves nothing; what is answered 200 or 201 is on disk. The plaintext of a request is gone with the request.
//!
//! Which observation it is, is told by what stays the same when a sender repeats it: an id it is put at; else its business
//! identifier; else its own id with person, times and values. The id that a created observation gets is an HMAC of that.
//!
//! Cost: one pass over the text a resource, and one transaction a request.

use std::collections::HashMap;

use jiff::{Timestamp, ToSpan as _, civil::Date, tz::Offset};
use nacre_reading::{
    PersonId, Reason,
    fhir::{
        self,
        resource::{self, Patient},
    },
    observation::{self, Code, Observation, RecordId, Status},
    people::{self, People},
    position::{FilePosition, PersonPosition},
    reading::{Reading, measure_of},
    select::{Selected, Selector, Setting},
};
use nacre_schemas::{Digest, catalogue::Catalogue};
use nacre_wire::gateway::{BUSY, DISK_FULL, FAILED, OTHER_ID, OTHER_TYPE, STANDS};
use serde::Deserialize;

use super::{
    ServeError,
    outcome::{Issue, Refusal},
    request::{Identifier, Item, Read, Whole},
    spool::{ObservationFacts, Spool, content_of, is_unnamed, origin},
};
use crate::{
    outbox::{
        month::Closing,
        observation::{Arrival, ArrivingObservation, ArrivingReading, Conflict, Manner, Taken},
        person::{ArrivingPatient, PersonRow},
    },
    seal::{batch::Subject, name},
};

/// What became of an item.
pub(super) struct Answered {
    /// Its place in the Bundle.
    pub(super) entry: Option<u64>,
    pub(super) result: Result<Accepted, Refusal>,
}

/// An item that was not refused.
#[derive(Debug)]
pub(super) enum Accepted {
    /// It is on disk.
    Kept {
        kind: &'static str,
        id: String,
        version: i64,
        is_new: bool,
        /// What of it is not taken.
        warnings: Vec<Issue>,
    },
    /// It is of no measure, or of another type: passed over.
    PassedOver(Issue),
}

/// What stands between a resource and the spool: arrival, type and id, warnings.
struct Judged {
    arrival: Arrival,
    id: String,
    warnings: Vec<Issue>,
}

enum Verdict {
    Take(Judged),
    /// It is there, under that id.
    There {
        kind: &'static str,
        id: String,
    },
    PassOver(Issue),
}

/// What is read of a resource to tell it from others.
#[derive(Deserialize)]
struct Marks {
    #[serde(rename = "resourceType")]
    resource_type: Option<String>,
    id: Option<String>,
    #[serde(default)]
    identifier: Vec<resource::Identifier>,
}

/// People of one request, with their names.
struct Crowd<'s> {
    spool: &'s Spool,
    people: People<'s>,
    subjects: HashMap<PersonId, Subject>,
}

/// Takes the items of a request in.
pub(super) async fn take(
    spool: &Spool,
    items: Vec<Read<'_>>,
    whole: Whole,
    now: Timestamp,
) -> Result<Vec<Answered>, ServeError> {
    let mut crowd = Crowd::new(spool);
    let mut verdicts: Vec<(Option<u64>, Result<Verdict, Refusal>)> = Vec::new();
    // Patients first: observations may stand before the patient they refer to.
    let mut observations = Vec::new();
    for (position, item) in items.into_iter().enumerate() {
        let item = match item {
            Ok(item) => item,
            Err(refusal) => {
                verdicts.push((u64::try_from(position).ok(), Err(refusal)));
                continue;
            }
        };
        let entry = item.entry;
        let verdict = match checked_kind(&item) {
            Err(refusal) => Err(refusal),
            Ok((Kind::Patient, marks)) => crowd.patient(&item, &marks).await?,
            Ok((Kind::Observation, marks)) => {
                observations.push((verdicts.len(), item, marks));
                Ok(Verdict::PassOver(Issue::passed_over("")))
            }
            Ok((Kind::Other, _)) => {
                let text = "resources of this type are not kept: only Patient and Observation are";
                Ok(Verdict::PassOver(Issue::passed_over(text)))
            }
        };
        verdicts.push((entry, verdict));
    }
    for (_, item, _) in &observations {
        crowd.recall_subject(item.resource).await?;
    }
    let mut selector = Selector::new(Catalogue::built_in(), &crowd.people, now);
    for (place, item, marks) in &observations {
        let verdict = crowd.observation(&mut selector, item, marks, now)?;
        verdicts[*place].1 = crowd.beside_what_is_there(item, verdict).await?;
    }
    settle(spool, verdicts, whole).await
}

/// Takes in what was not refused; of a transaction, nothing if anything was.
async fn settle(
    spool: &Spool,
    verdicts: Vec<(Option<u64>, Result<Verdict, Refusal>)>,
    whole: Whole,
) -> Result<Vec<Answered>, ServeError> {
    let whole = whole == Whole::Transaction;
    let stop = whole && verdicts.iter().any(|(_, verdict)| verdict.is_err());
    let (mut arrivals, mut answered) = (Vec::new(), Vec::new());
    for (entry, verdict) in verdicts {
        let place = answered.len();
        let result = match verdict {
            Err(refusal) => Err(refusal),
            Ok(Verdict::PassOver(issue)) => Ok(Accepted::PassedOver(issue)),
            Ok(Verdict::There { kind, id }) => {
                Ok(Accepted::Kept { kind, id, version: 1, is_new: false, warnings: Vec::new() })
            }
            Ok(Verdict::Take(Judged { arrival, id, warnings })) => {
                let kind = match &arrival {
                    Arrival::Patient(_) => "Patient",
                    Arrival::Observation(_) => "Observation",
                };
                arrivals.push((place, arrival));
                Ok(Accepted::Kept { kind, id, version: 1, is_new: true, warnings })
            }
        };
        answered.push(Answered { entry, result });
    }
    if stop || arrivals.is_empty() {
        return Ok(answered);
    }
    // A Bundle has no order: people go first, as the spool knows no months of people whom it does not know.
    arrivals.sort_by_key(|(_, arrival)| matches!(arrival, Arrival::Observation(_)));
    let (waiting, arrivals): (Vec<usize>, Vec<Arrival>) = arrivals.into_iter().unzip();
    for (place, taken) in waiting.into_iter().zip(spool.outbox.take(&arrivals, whole).await?) {
        let result = &mut answered[place].result;
        match (taken, &mut *result) {
            (Taken::Refused(conflict), _) => *result = Err(Refusal::of_conflict(conflict)),
            (Taken::Updated(now), Ok(Accepted::Kept { version, is_new, .. })) => (*version, *is_new) = (now, false),
            (Taken::Unchanged(kept), Ok(Accepted::Kept { id, version, is_new, .. })) => {
                *id = spool.observation(&kept)?.id;
                (*version, *is_new) = (kept.version, false);
            }
            (Taken::Created, _) | (_, Ok(Accepted::PassedOver(_)) | Err(_)) => {}
        }
    }
    Ok(answered)
}

enum Kind {
    Patient,
    Observation,
    Other,
}

/// That the resource is of the type that its address says, and put where its id says.
fn checked_kind(item: &Item<'_>) -> Result<(Kind, Marks), Refusal> {
    let marks: Marks = serde_json::from_str(item.resource).map_err(|_| Refusal::of_reason(Reason::Malformed))?;
    if marks.resource_type.as_deref() != Some(&item.kind) {
        let text = "the resource's type is not the one of its address";
        return Err(Refusal::new(OTHER_TYPE, "invalid", text));
    }
    if item.id.is_some() && marks.id != item.id {
        return Err(Refusal::new(OTHER_ID, "invalid", "the resource's id is not the one of its address").at("id"));
    }
    let kind = match item.kind.as_str() {
        "Patient" => Kind::Patient,
        "Observation" => Kind::Observation,
        _ => Kind::Other,
    };
    Ok((kind, marks))
}

impl<'s> Crowd<'s> {
    fn new(spool: &'s Spool) -> Self {
        let config = &spool.sealer.config;
        let identity_systems = config.pseudonyms.as_ref().map_or(&[][..], |pseudonyms| &pseudonyms.identity_systems);
        let people = People::new(config.person_system.as_str(), identity_systems);
        Self { spool, people, subjects: HashMap::new() }
    }

    async fn patient(&mut self, item: &Item<'_>, marks: &Marks) -> Result<Result<Verdict, Refusal>, ServeError> {
        let Ok(mut patient) = serde_json::from_str::<Patient>(item.resource) else {
            return Ok(Err(Refusal::of_reason(Reason::Malformed)));
        };
        let place = format!("#{}", item.entry.unwrap_or_default());
        if let Some(wanted) = &item.if_none_exist
            && let Some(row) = self.known(wanted).await?
        {
            let id = self.resource_id(&row.subject);
            for reference in item.full_url.iter().cloned().chain(marks.id.iter().map(|id| format!("Patient/{id}"))) {
                self.recall(&reference, &row)?;
            }
            return Ok(Ok(Verdict::There { kind: "Patient", id }));
        }
        if let (Some(wanted), Some(id)) = (item.if_match, &item.id) {
            // Of patients one version is told, and answers say so.
            let there = self.spool.outbox.patient(&self.spool.patient_name(id)).await?;
            if there.is_none() || wanted != 1 {
                return Ok(Err(Refusal::of_conflict(Conflict::OtherVersion)));
            }
        }
        // The name that this one alone goes by; whoever refers to it does so by fullUrl or id.
        let by_id = patient.id.clone();
        patient.id = Some(place.clone());
        self.people.add(FilePosition::FIRST, item.full_url.as_deref(), patient);
        let person = match self.at(&place).and_then(|position| self.people.person(position)) {
            Ok(person) => person,
            Err(reason) => return Ok(Err(Refusal::of_reason(reason))),
        };
        let subject = self.spool.sealer.subject(&person.id);
        self.subjects.insert(person.id.clone(), subject);
        if let Some(id) = by_id {
            self.people.recall(FilePosition::FIRST, &format!("Patient/{id}"), person.clone());
        }
        if item.manner() != Manner::Replace
            && let Some(before) = self.spool.outbox.person(&subject.name).await?
        {
            let before = self.spool.person(&before)?;
            if (before.sex, before.birth, before.death) != (person.sex, person.birth, person.death) {
                let mut refusal = Refusal::of_reason(Reason::ContradictoryPatient);
                refusal.issues[0].text.push_str("; correct the patient with PUT");
                return Ok(Err(refusal));
            }
        }
        let id = item.id.clone().unwrap_or_else(|| self.resource_id(&subject));
        let person = self.spool.person_row(subject, &person)?;
        let arrival = Arrival::Patient(ArrivingPatient { id: self.spool.patient_name(&id), person });
        Ok(Ok(Verdict::Take(Judged { arrival, id, warnings: Vec::new() })))
    }

    /// The id that a created Patient of that person gets.
    fn resource_id(&self, subject: &Subject) -> String {
        self.spool.name("patient-id", &[&subject.name.0]).to_string()
    }

    fn at(&self, id: &str) -> Result<PersonPosition, Reason> {
        self.people.find(FilePosition::FIRST, &observation::Subject::Reference(format!("Patient/{id}").into()))
    }

    /// The person of that identifier, if the gateway knows it.
    async fn known(&self, wanted: &Identifier) -> Result<Option<PersonRow>, ServeError> {
        if wanted.system != self.spool.sealer.config.person_system.as_str() {
            return Ok(None);
        }
        let Ok(person) = PersonId::new(&wanted.value) else { return Ok(None) };
        Ok(self.spool.outbox.person(&self.spool.sealer.subject(&person).name).await?)
    }

    fn recall(&mut self, reference: &str, row: &PersonRow) -> Result<(), ServeError> {
        let mut person = self.spool.person(row)?;
        // Whoever is in this request too is there under the identifier itself.
        let same = self.subjects.iter().find(|(_, subject)| **subject == row.subject).map(|(id, _)| id.clone());
        if let Some(id) = same {
            person.id = id;
        }
        self.subjects.insert(person.id.clone(), row.subject);
        self.people.recall(FilePosition::FIRST, reference, person);
        Ok(())
    }

    /// Makes known whom an observation is about, if it is nobody of this request.
    async fn recall_subject(&mut self, observation: &str) -> Result<(), ServeError> {
        #[derive(Deserialize)]
        struct About {
            subject: Option<Subject>,
        }
        #[derive(Deserialize)]
        struct Subject {
            reference: Option<String>,
        }
        let about = serde_json::from_str::<About>(observation).ok().and_then(|about| about.subject);
        let Some(reference) = about.and_then(|subject| subject.reference) else { return Ok(()) };
        let named = observation::Subject::Reference(reference.as_str().into());
        if self.people.find(FilePosition::FIRST, &named) != Err(Reason::UnknownPatient) {
            return Ok(());
        }
        let wanted = reference.strip_prefix("Patient?").and_then(|query| super::request::identifier_query(query).ok());
        if let Some(position) = self.within(&reference, wanted.as_ref()) {
            self.people.link(FilePosition::FIRST, &reference, position);
            return Ok(());
        }
        let row = match (people::patient_id(&reference), wanted) {
            (_, Some(wanted)) => self.known(&wanted).await?,
            (Some(id), None) => self.spool.outbox.patient(&self.spool.patient_name(id)).await?,
            (None, None) => None,
        };
        row.map_or(Ok(()), |row| self.recall(&reference, &row))
    }

    /// The person of this request that a reference means, written otherwise than the entry names itself: with a server before
    /// it, with a version, or by identifier.
    fn within(&self, reference: &str, wanted: Option<&Identifier>) -> Option<PersonPosition> {
        let found = match wanted {
            Some(wanted) if wanted.system == self.spool.sealer.config.person_system.as_str() => {
                self.people.find(FilePosition::FIRST, &observation::Subject::Person(PersonId::new(&wanted.value).ok()?))
            }
            Some(_) => return None,
            None => {
                let local = format!("Patient/{}", people::patient_id(reference)?);
                self.people.find(FilePosition::FIRST, &observation::Subject::Reference(local.into()))
            }
        };
        found.ok()
    }

    /// What is not taken changes nothing of what was taken of its id before, which then goes on to count: that has to be said.
    async fn beside_what_is_there(
        &self,
        item: &Item<'_>,
        verdict: Result<Verdict, Refusal>,
    ) -> Result<Result<Verdict, Refusal>, ServeError> {
        let Some(id) = item.id.as_ref().filter(|_| !matches!(verdict, Ok(Verdict::Take(_) | Verdict::There { .. })))
        else {
            return Ok(verdict);
        };
        let there = self.spool.outbox.observation(&self.spool.observation_name(id)).await?;
        if there.is_none_or(|kept| kept.withdrawn) {
            return Ok(verdict);
        }
        const UNCHANGED: &str =
            "what was taken of this id before stays as it is: correct it, or PUT it as entered-in-error";
        Ok(Err(match verdict {
            Err(mut refusal) => {
                refusal.issues.iter_mut().for_each(|issue| issue.text = format!("{}; {UNCHANGED}", issue.text));
                refusal
            }
            Ok(_) => {
                let text = format!("the catalogue has none of the observation's codes; {UNCHANGED}");
                Refusal::new(STANDS, "business-rule", text).at("code")
            }
        }))
    }

    fn observation(
        &self,
        selector: &mut Selector<'_>,
        item: &Item<'_>,
        marks: &Marks,
        now: Timestamp,
    ) -> Result<Result<Verdict, Refusal>, ServeError> {
        let mut observation = match fhir::observation(item.resource) {
            Ok(observation) => observation,
            Err(reason) => return Ok(Err(Refusal::of_reason(reason))),
        };
        if observation.status == Some(Status::EnteredInError) {
            return self.withdrawal(item, &observation, marks);
        }
        // Copies within a request are found out by the spool, so each is judged by itself.
        let source = observation.id.given().map(str::to_owned);
        observation.id = RecordId::Given(item.entry.unwrap_or_default().to_string().into());
        let setting = Setting { file: FilePosition::FIRST, full_url: None, origin: origin(item.entry) };
        let taken = match selector.select(&observation, &setting) {
            Selected::Skipped => {
                let text = "the catalogue has none of the observation's codes: it is not kept";
                let issue = Issue { path: "code", ..Issue::passed_over(text) };
                return Ok(Ok(Verdict::PassOver(issue)));
            }
            Selected::Repeated => Vec::new(),
            Selected::Refused(reason) => return Ok(Err(Refusal::of_reason(reason))),
            Selected::Taken(taken) => taken,
        };
        let (mut readings, mut issues) = (Vec::new(), Vec::new());
        for one in taken {
            let measure = measure_of(&one);
            match one {
                Ok(reading) => readings.push(reading),
                Err((_, reason)) => issues.push(Issue::of_reason(reason, Some(measure))),
            }
        }
        let Some(first) = readings.first() else { return Ok(Err(Refusal { status: 422, issues })) };
        let person = match self.people.person(first.person) {
            Ok(person) => person,
            Err(reason) => return Ok(Err(Refusal::of_reason(reason))),
        };
        if let Some(reason) = is_unnamed(&self.spool.sealer, &person, first.period) {
            return Ok(Err(Refusal::of_reason(reason)));
        }
        let subject = self.subjects.get(&person.id).copied();
        let subject = subject.unwrap_or_else(|| self.spool.sealer.subject(&person.id));
        let identity = self.identity(item, marks, &readings, &subject, source.as_deref());
        let source = source.unwrap_or_else(|| identity.id.clone());
        readings.iter_mut().for_each(|reading| reading.source = source.as_str().into());
        let readings = self.arriving(&readings, &subject, &identity, now)?;
        let arrival = self.arrival(item, identity.clone(), &observation, readings)?;
        let warnings = issues.into_iter().map(Issue::into_warning).collect();
        Ok(Ok(Verdict::Take(Judged { arrival, id: identity.id, warnings })))
    }

    /// An observation that was entered in error takes back what there is of its id.
    fn withdrawal(
        &self,
        item: &Item<'_>,
        observation: &Observation<'_>,
        marks: &Marks,
    ) -> Result<Result<Verdict, Refusal>, ServeError> {
        let Some(id) = item.id.clone() else { return Ok(Err(Refusal::of_reason(Reason::EnteredInError))) };
        let content = self.spool.name("content", &[id.as_bytes(), b"entered-in-error"]);
        let identity =
            Identity { name: self.spool.observation_name(&id), id, identifier: self.identifier(marks), content };
        let arrival = self.arrival(item, identity.clone(), observation, Vec::new())?;
        Ok(Ok(Verdict::Take(Judged { arrival, id: identity.id, warnings: Vec::new() })))
    }

    fn identifier(&self, marks: &Marks) -> Option<Digest> {
        let mut whole =
            marks.identifier.iter().filter_map(|found| Some((found.system.as_ref()?, found.value.as_ref()?)));
        whole.next().map(|(system, value)| self.spool.identifier_name(system, value))
    }

    fn identity(
        &self,
        item: &Item<'_>,
        marks: &Marks,
        readings: &[Reading],
        subject: &Subject,
        source: Option<&str>,
    ) -> Identity {
        let key = &self.spool.sealer.keys.record;
        let conditional = item.if_none_exist.as_ref();
        let conditional = conditional.map(|wanted| self.spool.identifier_name(&wanted.system, &wanted.value));
        let identifier = conditional.or_else(|| self.identifier(marks));
        let content = content_of(readings, subject, key, item.id.as_deref().or(source).unwrap_or_default());
        let id = item
            .id
            .clone()
            .unwrap_or_else(|| self.spool.name("observation-id", &[&identifier.unwrap_or(content).0]).to_string());
        Identity { name: self.spool.observation_name(&id), id, identifier, content }
    }

    fn arriving(
        &self,
        readings: &[Reading],
        subject: &Subject,
        identity: &Identity,
        now: Timestamp,
    ) -> Result<Vec<ArrivingReading>, ServeError> {
        let config = &self.spool.sealer.config.gateway;
        let row = |reading: &Reading| {
            let measure = reading.measure.measure(Catalogue::built_in()).expect("its position is of this catalogue");
            let record =
                name::record(&self.spool.sealer.keys.record, &subject.name, &measure.reference(), reading.period);
            Ok(ArrivingReading {
                record,
                month: self.spool.name("month", &[&subject.name.0, reading.period.to_string().as_bytes()]),
                person: subject.name,
                closing: closing(reading.effective.day, now, config.grace_days, config.quiet_hours),
                sealed: self.spool.reading_row(&identity.name, &record, reading)?,
            })
        };
        readings.iter().map(row).collect()
    }

    fn arrival(
        &self,
        item: &Item<'_>,
        identity: Identity,
        observation: &Observation<'_>,
        readings: Vec<ArrivingReading>,
    ) -> Result<Arrival, ServeError> {
        let withdrawn = observation.status == Some(Status::EnteredInError);
        let status = observation.status.map_or_else(String::new, |status| status.code().to_owned());
        let facts = ObservationFacts { id: identity.id, status, code: catalogue_code(&observation.own.codes) };
        Ok(Arrival::Observation(ArrivingObservation {
            id: identity.name,
            identifier: identity.identifier,
            content: identity.content,
            withdrawn,
            manner: item.manner(),
            if_match: item.if_match,
            sealed: self.spool.observation_row(&identity.name, &facts)?,
            readings,
        }))
    }
}

/// What tells an observation from others.
#[derive(Clone)]
struct Identity {
    id: String,
    /// HMAC of the id.
    name: Digest,
    identifier: Option<Digest>,
    content: Digest,
}

/// The first code that is the catalogue's, of a measure or of a panel: text of the sender's own is not kept.
fn catalogue_code(codes: &[Code<'_>]) -> Option<(String, String)> {
    let is_ours = |system: &str, code: &str| {
        Catalogue::built_in().measures().iter().flat_map(|measure| &measure.codes).any(|ours| {
            let panels = || ours.within.iter().any(|panel| panel.0.as_str() == code);
            ours.system.as_str() == system && (ours.code.as_str() == code || panels())
        })
    };
    let whole = codes.iter().filter_map(|code| Some((code.system.as_deref()?, &*code.code)));
    let mut ours = whole.filter(|(system, code)| is_ours(system, code));
    ours.next().map(|(system, code)| (system.to_owned(), code.to_owned()))
}

/// When a month of that day closes: so many days after it has ended everywhere on Earth (UTC-12), and not before so many
/// hours after now.
fn closing(day: Date, now: Timestamp, grace_days: u16, quiet_hours: u16) -> Closing {
    let next = day.first_of_month().checked_add(1.month()).unwrap_or(Date::MAX);
    let ended = Offset::constant(-12).to_timestamp(next.at(0, 0, 0, 0)).unwrap_or(Timestamp::MAX).as_second();
    let quiet = now.as_second() + i64::from(quiet_hours) * 3_600;
    let ends_at = ended + i64::from(grace_days) * 86_400;
    Closing { ends_at, closes_at: ends_at.max(quiet) }
}

/// What an error of the gateway's own is answered with. What it is about is in the log.
pub(super) fn failed(error: &ServeError) -> Refusal {
    if error.is_disk_full() {
        let text = "the gateway's disk is full: nothing was taken";
        return Refusal::new(DISK_FULL, "no-store", text);
    }
    if error.is_busy() {
        let text = "the gateway is busy: nothing was taken";
        return Refusal::new(BUSY, "throttled", text);
    }
    Refusal::new(FAILED, "exception", "the gateway failed: nothing was taken; its operator finds the cause in its log")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_closes_after_its_grace_and_after_the_quiet() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let closes = |now: &str, grace, quiet| {
            let closes = closing(jiff::civil::date(2026, 1, 15), at(now), grace, quiet);
            let at_once = closing(jiff::civil::date(2026, 1, 15), at("2026-01-15T10:00:00Z"), grace, 0);
            assert_eq!(closes.ends_at, at_once.closes_at);
            Timestamp::from_second(closes.closes_at).unwrap().to_string()
        };
        assert_eq!(closes("2026-01-15T10:00:00Z", 0, 0), "2026-02-01T12:00:00Z");
        assert_eq!(closes("2026-01-15T10:00:00Z", 5, 24), "2026-02-06T12:00:00Z");
        assert_eq!(closes("2026-05-01T10:00:00Z", 5, 24), "2026-05-02T10:00:00Z");
    }
}
