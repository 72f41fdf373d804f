//! FHIR R4 Consents, read as grants.
//!
//! A Consent narrows what it permits in many ways, and reading one of them wrongly would let somebody read what the patient
//! did not permit. So this reads an allow-list, and what it does not know but might narrow (nested provisions, security
//! labels, modifier extensions) makes the Consent one that is not followed, by name and place. Texts, names and
//! attachments are never read.
//!
//! | of the Consent | is read as |
//! |---|---|
//! | `status` | `active` grants; `inactive`, `rejected` and `entered-in-error` revoke what it granted; others are not followed |
//! | `patient` | identifier of `person-system`, or a Patient of the same Bundle that has one |
//! | `provision.type` | `permit`; a `deny` grants nothing, and revokes what the Consent granted before |
//! | `provision.period` | must have begun; its end is the grants' |
//! | `provision.actor` | identifier of system `urn:nacre:member`: the grantees |
//! | `provision.action` | `access`, `use` or `disclose` of HL7's consentaction, if any is named |
//! | `provision.purpose` | HL7's v3-ActReason; one grant each |
//! | `provision.code` | records of measures that read these codes; of all, if none |
//! | `provision.dataPeriod` | records of months that lie within it |

use std::collections::HashMap;

use jiff::{Timestamp, civil::Date, tz::Offset};
use nacre_reading::{
    PersonId, UtcOffset,
    fhir::resource::{Bundle, BundleEntry, CodeableConcept, Coding, Identifier, Patient, Period as Span},
    time,
};
use nacre_schemas::{cohort::Period, grant::Purpose, id::MemberId, measure::Measure};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{GrantTerms, now, parse_until};
use crate::config::Config;

/// The system of identifiers that are names of members.
const MEMBERS: &str = "urn:nacre:member";
const PURPOSES: &str = "http://terminology.hl7.org/CodeSystem/v3-ActReason";
const ACTIONS: &str = "http://terminology.hl7.org/CodeSystem/consentaction";

/// Why a Consent is not followed, with the place as FHIRPath. No text of the Consent is in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConsentProblem {
    /// Not JSON of a Consent, or of a Bundle with one.
    #[error("the file is no FHIR Consent, and no Bundle that holds one")]
    NotConsent,
    /// Something may narrow it that is not understood.
    #[error("{path} may narrow what is permitted, and is not understood: grant by record instead")]
    NotUnderstood {
        /// Where.
        path: String,
    },
    /// A part is missing, or is not of its form.
    #[error("{path}: {detail}")]
    Wrong {
        /// Where.
        path: &'static str,
        /// What is wrong.
        detail: String,
    },
    /// A month out of the calendar.
    #[error("{0}")]
    Month(String),
}

fn wrong(path: &'static str, detail: impl ToString) -> ConsentProblem {
    ConsentProblem::Wrong { path, detail: detail.to_string() }
}

#[derive(Deserialize)]
struct Marks {
    #[serde(rename = "resourceType")]
    resource_type: Option<String>,
}

#[derive(Deserialize)]
struct Written<'a> {
    id: Option<String>,
    #[serde(default)]
    identifier: Vec<Identifier>,
    status: Option<String>,
    patient: Option<Subject>,
    #[serde(borrow)]
    provision: Option<&'a RawValue>,
    #[serde(rename = "modifierExtension", borrow)]
    modifier_extension: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Subject {
    reference: Option<String>,
    identifier: Option<Identifier>,
}

#[derive(Deserialize)]
struct Provision {
    #[serde(rename = "type")]
    kind: Option<String>,
    period: Option<Span>,
    #[serde(default)]
    actor: Vec<Actor>,
    #[serde(default)]
    action: Vec<CodeableConcept>,
    #[serde(default)]
    purpose: Vec<Coding>,
    #[serde(default)]
    code: Vec<CodeableConcept>,
    #[serde(rename = "dataPeriod")]
    data_period: Option<Span>,
}

/// The members of a provision that are read, and those that narrow nothing.
const KNOWN: [&str; 9] = ["id", "extension", "type", "period", "actor", "action", "purpose", "code", "dataPeriod"];

#[derive(Deserialize)]
struct Actor {
    reference: Option<Subject>,
}

/// A Consent.
pub(crate) struct Consent {
    /// What it is known by: a business identifier, or its id.
    pub(crate) id: String,
    pub(crate) person: PersonId,
    provision: Option<Provision>,
    offset: UtcOffset,
}

/// What is permitted. Parts that are empty or none are left open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Permission {
    /// Who may read.
    pub grantees: Vec<MemberId>,
    /// For what.
    pub purposes: Vec<Purpose>,
    /// Until when, exclusive: Unix seconds.
    pub until: Option<u64>,
    /// Systems and codes of what may be read; of all, if none.
    codes: Vec<(String, String)>,
    /// The days of what may be read.
    days: (Option<Date>, Option<Date>),
}

impl Permission {
    /// To these grantees, for these purposes, until then, as far as a Consent leaves it open.
    pub fn new(grantees: Vec<MemberId>, purposes: Vec<Purpose>, until: Option<u64>) -> Self {
        Self { grantees, purposes, until, ..Self::default() }
    }

    /// The grants of one record.
    pub(crate) fn terms(&self) -> Result<Vec<GrantTerms>, ConsentProblem> {
        let until = self.until.ok_or_else(|| wrong("Consent.provision.period.end", "it has no end: give --until"))?;
        if self.grantees.is_empty() {
            return Err(wrong("Consent.provision.actor", format!("it names no identifier of {MEMBERS}: give --to")));
        }
        if self.purposes.is_empty() {
            return Err(wrong("Consent.provision.purpose", "it names none: give --purpose"));
        }
        let pairs =
            self.grantees.iter().flat_map(|grantee| self.purposes.iter().map(move |purpose| (grantee, purpose)));
        Ok(pairs.map(|(grantee, purpose)| GrantTerms { grantee: grantee.clone(), purpose: *purpose, until }).collect())
    }

    /// Whether records of the measure are permitted.
    pub(crate) fn covers_measure(&self, measure: &Measure) -> bool {
        let names = |(system, code): &(String, String)| {
            measure.codes.iter().any(|known| known.system.as_str() == system && known.code.as_str() == code)
        };
        self.codes.is_empty() || self.codes.iter().any(names)
    }

    /// Whether records of the month are permitted: all days of it have to be.
    pub(crate) fn covers_month(&self, period: Period) -> bool {
        let first = Date::new(period.year().cast_signed(), period.month().cast_signed(), 1);
        let Ok(first) = first else { return false };
        let (from, to) = self.days;
        from.is_none_or(|from| from <= first) && to.is_none_or(|to| first.last_of_month() <= to)
    }
}

impl Consent {
    /// The Consents of a file: one, or those of a Bundle.
    pub(crate) fn read(text: &str, config: &Config) -> Result<Vec<Self>, ConsentProblem> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let patients = Patients::of(text, config.person_system.as_str());
        let mut consents = Vec::new();
        for written in resources(text)? {
            if kind(written).as_deref() == Some("Consent") {
                consents.push(Self::of(written, &patients, config)?);
            }
        }
        if consents.is_empty() { Err(ConsentProblem::NotConsent) } else { Ok(consents) }
    }

    fn of(text: &str, patients: &Patients, config: &Config) -> Result<Self, ConsentProblem> {
        let written: Written<'_> = serde_json::from_str(text).map_err(|_| ConsentProblem::NotConsent)?;
        if written.modifier_extension.is_some() {
            return Err(ConsentProblem::NotUnderstood { path: "Consent.modifierExtension".to_owned() });
        }
        let patient = written.patient.ok_or_else(|| wrong("Consent.patient", "there is none"))?;
        let person = patients.find(&patient).ok_or_else(|| {
            wrong(
                "Consent.patient",
                "it has no identifier of person-system, and no Patient of the file is meant that has one",
            )
        })?;
        let business =
            written.identifier.iter().find_map(|one| Some(format!("{}|{}", one.system.as_ref()?, one.value.as_ref()?)));
        let id = business.or(written.id).filter(|id| !id.is_empty());
        let id =
            id.ok_or_else(|| wrong("Consent.id", "it has neither id nor identifier, so it could not be revoked"))?;
        let status = written.status.as_deref().unwrap_or_default();
        let provision = match (status, written.provision) {
            ("active", Some(provision)) => Some(read_provision(provision)?),
            ("active", None) => return Err(wrong("Consent.provision", "there is none, so nothing is permitted by it")),
            ("inactive" | "rejected" | "entered-in-error", _) => None,
            _ => return Err(wrong("Consent.status", "it is neither active nor ended")),
        };
        Ok(Self { id, person, provision, offset: config.unnamed.utc_offset })
    }

    /// What it permits now; nothing, if it was ended, denies, or its time is over.
    pub(crate) fn permission(&self, defaults: &Permission) -> Result<Option<Permission>, ConsentProblem> {
        let Some(provision) = &self.provision else { return Ok(None) };
        match provision.kind.as_deref() {
            Some("permit") => {}
            Some("deny") => return Ok(None),
            _ => return Err(wrong("Consent.provision.type", "it is neither permit nor deny")),
        }
        check_actions(&provision.action)?;
        let until = self.until(provision, defaults.until)?;
        if until.is_some_and(|until| until <= now()) {
            return Ok(None);
        }
        let mut grantees = provision.actor.iter().map(member).collect::<Result<Vec<_>, _>>()?;
        if grantees.is_empty() {
            grantees.clone_from(&defaults.grantees);
        }
        let mut purposes = provision.purpose.iter().map(purpose).collect::<Result<Vec<_>, _>>()?;
        if purposes.is_empty() {
            purposes.clone_from(&defaults.purposes);
        }
        let codes = provision.code.iter().map(codes).collect::<Result<Vec<_>, _>>()?.concat();
        let days = provision.data_period.as_ref().map_or(Ok((None, None)), days)?;
        Ok(Some(Permission { grantees, purposes, until, codes, days }))
    }

    /// The earlier of its own end and what was given, if it has begun.
    fn until(&self, provision: &Provision, given: Option<u64>) -> Result<Option<u64>, ConsentProblem> {
        let Some(period) = &provision.period else { return Ok(given) };
        if let Some(start) = &period.start {
            let start =
                begin(start, self.offset.0).ok_or_else(|| wrong("Consent.provision.period.start", "no moment"))?;
            if start > Timestamp::now() {
                return Err(wrong("Consent.provision.period.start", "it has not begun: read the Consent again then"));
            }
        }
        let end = period.end.as_deref().map(|end| parse_until(end, self.offset)).transpose();
        let end = end.map_err(|_| wrong("Consent.provision.period.end", "no moment"))?;
        Ok(end.into_iter().chain(given).min())
    }
}

/// The provision, unless it has something that may narrow it and is not known.
fn read_provision(text: &RawValue) -> Result<Provision, ConsentProblem> {
    let malformed = |_| wrong("Consent.provision", "not of the form that FHIR gives it");
    let members: HashMap<String, &RawValue> = serde_json::from_str(text.get()).map_err(malformed)?;
    let mut unknown: Vec<&str> = members.keys().map(String::as_str).filter(|name| !KNOWN.contains(name)).collect();
    unknown.sort_unstable();
    match unknown.first() {
        // A name that is not one of FHIR's is not repeated.
        Some(name) if name.len() <= 32 && name.bytes().all(|byte| byte.is_ascii_alphabetic()) => {
            Err(ConsentProblem::NotUnderstood { path: format!("Consent.provision.{name}") })
        }
        Some(_) => Err(ConsentProblem::NotUnderstood { path: "Consent.provision".to_owned() }),
        None => serde_json::from_str(text.get()).map_err(malformed),
    }
}

fn check_actions(actions: &[CodeableConcept]) -> Result<(), ConsentProblem> {
    let reads = |coding: &Coding| {
        coding.system.as_deref() == Some(ACTIONS)
            && matches!(coding.code.as_deref(), Some("access" | "use" | "disclose"))
    };
    if actions.is_empty() || actions.iter().flat_map(|action| &action.coding).any(reads) {
        return Ok(());
    }
    Err(wrong("Consent.provision.action", format!("it names neither access, use nor disclose of {ACTIONS}")))
}

fn member(actor: &Actor) -> Result<MemberId, ConsentProblem> {
    let place = "Consent.provision.actor.reference.identifier";
    let identifier = actor.reference.as_ref().and_then(|reference| reference.identifier.as_ref());
    let named = identifier.filter(|identifier| identifier.system.as_deref() == Some(MEMBERS));
    let name = named.and_then(|identifier| identifier.value.as_deref());
    let name = name.ok_or_else(|| wrong(place, format!("an actor has no identifier of {MEMBERS}")))?;
    name.parse().map_err(|_| wrong(place, "no name of a member"))
}

fn purpose(coding: &Coding) -> Result<Purpose, ConsentProblem> {
    let known = coding.system.as_deref() == Some(PURPOSES);
    let code = coding.code.as_deref().filter(|_| known).and_then(|code| code.parse().ok());
    code.ok_or_else(|| {
        let words: Vec<&str> = Purpose::ALL.iter().map(|purpose| purpose.word()).collect();
        wrong("Consent.provision.purpose", format!("not one of {} of {PURPOSES}", words.join(", ")))
    })
}

fn codes(concept: &CodeableConcept) -> Result<Vec<(String, String)>, ConsentProblem> {
    let pair = |coding: &Coding| Some((coding.system.clone()?, coding.code.clone()?));
    let pairs: Vec<_> = concept.coding.iter().filter_map(pair).collect();
    if pairs.is_empty() { Err(wrong("Consent.provision.code", "a code has no system or no code")) } else { Ok(pairs) }
}

fn days(span: &Span) -> Result<(Option<Date>, Option<Date>), ConsentProblem> {
    let day = |text: &Option<String>| text.as_deref().map(time::moment).transpose().map(|at| at.map(|at| at.day));
    let bounds = day(&span.start).and_then(|start| Ok((start, day(&span.end)?)));
    bounds.map_err(|_| wrong("Consent.provision.dataPeriod", "a bound is no day"))
}

/// When a period that starts so has begun for good: a year or month, with its first day.
fn begin(text: &str, offset: Offset) -> Option<Timestamp> {
    let full = match text.len() {
        4 => format!("{text}-01-01"),
        7 => format!("{text}-01"),
        _ => text.to_owned(),
    };
    let moment = time::moment(&full).ok()?;
    moment.instant().or_else(|| offset.to_timestamp(moment.day.at(0, 0, 0, 0)).ok())
}

fn kind(text: &str) -> Option<String> {
    serde_json::from_str::<Marks>(text).ok()?.resource_type
}

/// The resources of a Bundle, or the one that the text is.
fn resources(text: &str) -> Result<Vec<&str>, ConsentProblem> {
    if kind(text).as_deref() != Some("Bundle") {
        return Ok(vec![text]);
    }
    let bundle: Bundle<'_> = serde_json::from_str(text).map_err(|_| ConsentProblem::NotConsent)?;
    let entries = bundle.entry.unwrap_or_default().into_iter();
    let inside = entries.filter_map(|entry| serde_json::from_str::<BundleEntry<'_>>(entry.get()).ok()?.resource);
    Ok(inside.map(RawValue::get).collect())
}

/// Patients of a Bundle, by what references call them.
struct Patients {
    system: String,
    /// None if a name is given to two.
    by_name: HashMap<String, Option<PersonId>>,
}

impl Patients {
    fn of(text: &str, system: &str) -> Self {
        let mut patients = Self { system: system.to_owned(), by_name: HashMap::new() };
        let bundle = serde_json::from_str::<Bundle<'_>>(text).ok().and_then(|bundle| bundle.entry);
        for entry in bundle.unwrap_or_default() {
            let Ok(BundleEntry { full_url, resource: Some(resource) }) = serde_json::from_str(entry.get()) else {
                continue;
            };
            if kind(resource.get()).as_deref() != Some("Patient") {
                continue;
            }
            let Ok(patient) = serde_json::from_str::<Patient>(resource.get()) else { continue };
            let person = patient.identifier.iter().find_map(|identifier| patients.person(identifier));
            for name in full_url.into_iter().chain(patient.id.map(|id| format!("Patient/{id}"))) {
                let known = patients.by_name.entry(name).or_insert_with(|| person.clone());
                if *known != person {
                    *known = None;
                }
            }
        }
        patients
    }

    fn person(&self, identifier: &Identifier) -> Option<PersonId> {
        let own = identifier.system.as_deref() == Some(&self.system);
        identifier.value.as_deref().filter(|_| own).and_then(|value| PersonId::new(value).ok())
    }

    fn find(&self, subject: &Subject) -> Option<PersonId> {
        let named = subject.identifier.as_ref().and_then(|identifier| self.person(identifier));
        named.or_else(|| self.by_name.get(subject.reference.as_ref()?)?.clone())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::tests::config;

    fn provision(more: &Value) -> Value {
        let mut provision = json!({"type": "permit", "period": {"start": "2020", "end": "2099-12-31"},
            "actor": [{"reference": {"identifier": {"system": MEMBERS, "value": "hospital-b"}}}],
            "purpose": [{"system": PURPOSES, "code": "TREAT"}, {"system": PURPOSES, "code": "HRESCH"}]});
        provision.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        provision
    }

    fn consent(provision: &Value) -> Value {
        let system = config(std::path::Path::new("/nowhere")).person_system;
        json!({"resourceType": "Consent", "id": "c", "status": "active", "provision": provision,
            "patient": {"identifier": {"system": system, "value": "A"}}})
    }

    fn read(consent: &Value) -> Result<Option<Permission>, ConsentProblem> {
        let config = config(std::path::Path::new("/nowhere"));
        let mut read = Consent::read(&consent.to_string(), &config)?;
        read.remove(0).permission(&Permission::default())
    }

    fn permitted(more: &Value) -> Permission {
        read(&consent(&provision(more))).unwrap().unwrap()
    }

    #[test]
    fn actors_purposes_and_end_become_terms() {
        let terms = permitted(&json!({})).terms().unwrap();
        let purposes: Vec<Purpose> = terms.iter().map(|terms| terms.purpose).collect();
        assert_eq!(purposes, [Purpose::Treatment, Purpose::Research]);
        // The day named is included, by the Greater Bay Area's time.
        assert!(terms.iter().all(|terms| terms.until == 4_102_416_000 && terms.grantee.as_str() == "hospital-b"));
        let open = Permission::new(vec!["gym".parse().unwrap()], vec![Purpose::PublicHealth], Some(4_000_000_000));
        let text = consent(&json!({"type": "permit"})).to_string();
        let consents = Consent::read(&text, &config(std::path::Path::new("/nowhere"))).unwrap();
        let terms = consents[0].permission(&open).unwrap().unwrap().terms().unwrap();
        assert_eq!((terms.len(), terms[0].until, terms[0].purpose), (1, 4_000_000_000, Purpose::PublicHealth));
        for missing in [json!({"actor": []}), json!({"purpose": []}), json!({"period": {}})] {
            assert!(permitted(&missing).terms().is_err(), "{missing}");
        }
    }

    #[test]
    fn codes_and_days_narrow() {
        let catalogue = nacre_schemas::catalogue::Catalogue::built_in();
        let [weight, bmi] = ["body-weight", "bmi"].map(|id| catalogue.newest(&id.parse().unwrap()).unwrap());
        let all = permitted(&json!({}));
        assert!(all.covers_measure(weight) && all.covers_measure(bmi));
        let code = json!({"code": [{"coding": [{"system": "http://loinc.org", "code": "29463-7"}]}]});
        assert!(permitted(&code).covers_measure(weight) && !permitted(&code).covers_measure(bmi));
        let days = permitted(&json!({"dataPeriod": {"start": "2026-01-02", "end": "2026-03-31T23:00:00+08:00"}}));
        let covered = |month: &str| days.covers_month(month.parse().unwrap());
        assert!(!covered("2026-01") && covered("2026-02") && covered("2026-03") && !covered("2026-04"));
        assert!(all.covers_month("1999-12".parse().unwrap()));
    }

    #[test]
    fn what_ended_or_denies_permits_nothing() {
        for status in ["inactive", "rejected", "entered-in-error"] {
            let mut ended = consent(&provision(&json!({})));
            ended["status"] = status.into();
            assert_eq!(read(&ended), Ok(None), "{status}");
        }
        assert_eq!(read(&consent(&provision(&json!({"type": "deny"})))), Ok(None));
        assert_eq!(read(&consent(&provision(&json!({"period": {"end": "2021-01-01"}})))), Ok(None));
    }

    #[test]
    fn what_may_narrow_and_is_not_understood_is_not_followed() {
        for (more, place) in [
            (json!({"provision": [{"type": "deny"}]}), "Consent.provision.provision"),
            (json!({"securityLabel": [{}]}), "Consent.provision.securityLabel"),
            (json!({"class": [{}]}), "Consent.provision.class"),
            (json!({"data": [{}]}), "Consent.provision.data"),
            (json!({"modifierExtension": [{}]}), "Consent.provision.modifierExtension"),
            (json!({"Li Wei": 1}), "Consent.provision may"),
            (json!({"type": null}), "Consent.provision.type"),
            (json!({"period": {"start": "2098"}}), "Consent.provision.period.start"),
            (json!({"period": {"end": "some day"}}), "Consent.provision.period.end"),
            (json!({"actor": [{"reference": {"reference": "Organization/1"}}]}), "Consent.provision.actor"),
            (
                json!({"actor": [{"reference": {"identifier": {"system": MEMBERS, "value": "B!"}}}]}),
                "Consent.provision.actor",
            ),
            (json!({"purpose": [{"system": PURPOSES, "code": "HMARKT"}]}), "Consent.provision.purpose"),
            (json!({"purpose": [{"code": "TREAT"}]}), "Consent.provision.purpose"),
            (json!({"action": [{"coding": [{"system": ACTIONS, "code": "collect"}]}]}), "Consent.provision.action"),
            (json!({"code": [{"text": "weight"}]}), "Consent.provision.code"),
            (json!({"dataPeriod": {"start": "2026"}}), "Consent.provision.dataPeriod"),
        ] {
            let problem = read(&consent(&provision(&more))).expect_err(&more.to_string()).to_string();
            assert!(problem.starts_with(place) && !problem.contains("Li Wei"), "{more}: {problem}");
        }
        for (name, value, place) in [
            ("status", json!("draft"), "Consent.status"),
            ("patient", json!({"reference": "Patient/1"}), "Consent.patient"),
            ("patient", json!(null), "Consent.patient"),
            ("id", json!(null), "Consent.id"),
            ("provision", json!(null), "Consent.provision"),
            ("modifierExtension", json!([{}]), "Consent.modifierExtension"),
        ] {
            let mut changed = consent(&provision(&json!({})));
            changed[name] = value;
            let problem = read(&changed).expect_err(name).to_string();
            assert!(problem.starts_with(place), "{name}: {problem}");
        }
        let config = config(std::path::Path::new("/nowhere"));
        for text in ["", "7", "[]", "{}", r#"{"resourceType":"Patient"}"#, r#"{"resourceType":"Bundle","entry":[7]}"#] {
            assert_eq!(Consent::read(text, &config).err(), Some(ConsentProblem::NotConsent), "{text}");
        }
    }

    #[test]
    fn a_patient_of_the_bundle_is_found_unless_two_go_by_one_name() {
        let config = config(std::path::Path::new("/nowhere"));
        let patient = |id: &str, value: &str| {
            json!({"fullUrl": "urn:uuid:1", "resource": {"resourceType": "Patient", "id": id,
                "identifier": [{"system": "urn:other", "value": "X"}, {"system": config.person_system, "value": value}]}})
        };
        let referring = |reference: &str| {
            let mut consent = consent(&provision(&json!({})));
            consent["patient"] = json!({ "reference": reference });
            json!({ "resource": consent })
        };
        let read = |entries: Vec<Value>| {
            Consent::read(&json!({"resourceType": "Bundle", "entry": entries}).to_string(), &config)
        };
        for reference in ["Patient/1", "urn:uuid:1"] {
            let found = read(vec![referring(reference), patient("1", "A")]).unwrap();
            assert!(found[0].person == PersonId::new("A").unwrap());
            let two = read(vec![patient("1", "A"), referring(reference), patient("1", "B")]);
            assert!(two.is_err_and(|problem| problem.to_string().starts_with("Consent.patient")));
        }
    }
}
