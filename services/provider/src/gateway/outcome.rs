//! Refusals as FHIR says them: an `OperationOutcome` with, for each issue, a code, the expression that it is about, the code
//! that was expected, and whether sending again helps.
//!
//! Kept true: nothing of a person is in one; what stands there are places, reasons, and what the catalogue takes.

use nacre_reading::{Reason, position::MeasurePosition};
use nacre_schemas::{catalogue::Catalogue, decimal::Decimal, measure::Measure, problem};
use nacre_wire::{
    ProblemType,
    gateway::{ERASED, IDENTIFIER_TAKEN, LATE, NOT_KEPT, NOTHING_TO_WITHDRAW, OTHER_CONTENT, OTHER_VERSION, REFUSED},
};
use serde_json::{Value, json};

use crate::outbox::observation::Conflict;

/// Whether to send again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Retry {
    /// Not as it is.
    No,
    /// Unchanged, later.
    Later,
    /// Unchanged, once what it refers to is here.
    AfterReferenced,
}

impl Retry {
    const fn word(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::Later => "later",
            Self::AfterReferenced => "after-referenced",
        }
    }
}

/// One issue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Issue {
    pub(super) severity: &'static str,
    /// Of FHIR's `issue-type`.
    pub(super) code: &'static str,
    /// Our word for it.
    pub(super) word: String,
    pub(super) text: String,
    /// What was expected instead.
    pub(super) expected: Option<String>,
    /// FHIRPath, below the resource.
    pub(super) path: &'static str,
    pub(super) retry: Retry,
}

/// A resource or a request that is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) issues: Vec<Issue>,
}

impl Issue {
    fn error(code: &'static str, word: &str, text: impl Into<String>) -> Self {
        let (word, text) = (word.to_owned(), text.into());
        Self { severity: "error", code, word, text, expected: None, path: "", retry: Retry::No }
    }

    /// Why something of the catalogue is not taken.
    pub(super) fn of_reason(reason: Reason, measure: Option<MeasurePosition>) -> Self {
        let (path, code) = guide(reason);
        let word = serde_json::to_value(reason).ok();
        let word = word.as_ref().and_then(Value::as_str).unwrap_or(REFUSED.word).to_owned();
        let measure = measure.and_then(|measure| measure.measure(Catalogue::built_in()));
        let retry = if reason == Reason::UnknownPatient { Retry::AfterReferenced } else { Retry::No };
        let expected = expected(reason, measure);
        let text = match measure {
            Some(measure) => format!("{}: {reason}", measure.reference()),
            None => reason.to_string(),
        };
        Self { severity: "error", code, word, text, expected, path, retry }
    }

    /// The same, said of something that is taken all the same.
    pub(super) fn into_warning(mut self) -> Self {
        self.severity = "warning";
        self
    }

    /// That something is passed over.
    pub(super) fn passed_over(text: &str) -> Self {
        Self { severity: "information", ..Self::error("not-supported", NOT_KEPT.word, text) }
    }

    fn to_json(&self, within: &str) -> Value {
        let expression = if self.path.is_empty() { within.to_owned() } else { format!("{within}.{}", self.path) };
        let mut issue = json!({
            "extension": [{"url": "urn:nacre:retry", "valueCode": self.retry.word()}],
            "severity": self.severity,
            "code": self.code,
            "details": {"coding": [{"system": "urn:nacre:reason", "code": self.word}], "text": self.text},
            "expression": [expression],
        });
        if let Some(expected) = &self.expected {
            issue["diagnostics"] = format!("expected: {expected}").into();
        }
        issue
    }
}

impl Refusal {
    /// Of that type, with one issue, whose code is of FHIR's `issue-type`.
    pub(super) fn new(kind: ProblemType, code: &'static str, text: impl Into<String>) -> Self {
        let retry = if kind.retry == problem::Retry::Later { Retry::Later } else { Retry::No };
        Self { status: kind.status, issues: vec![Issue { retry, ..Issue::error(code, kind.word, text) }] }
    }

    /// About that part of the resource.
    pub(super) fn at(mut self, path: &'static str) -> Self {
        self.issues.iter_mut().for_each(|issue| issue.path = path);
        self
    }

    /// Why something of the catalogue is not taken.
    pub(super) fn of_reason(reason: Reason) -> Self {
        let status = match reason {
            Reason::Malformed | Reason::NotJson | Reason::NoSuchType => 400,
            Reason::ContradictoryPatient | Reason::OtherContentBefore => 409,
            _ => 422,
        };
        Self { status, issues: vec![Issue::of_reason(reason, None)] }
    }

    /// Why something cannot be taken beside what is here.
    pub(super) fn of_conflict(conflict: Conflict) -> Self {
        match conflict {
            Conflict::Late => Self::new(
                LATE,
                "business-rule",
                "the person's month is sealed, and what was sealed is not changed; a posted record can be destroyed: \
                 `nacre provider erase`",
            )
            .at("effective"),
            Conflict::Erased => Self::new(
                ERASED,
                "business-rule",
                "the record of this person, measure and month was erased: nothing of it counts any more, and nothing that \
                 comes later is posted for it",
            )
            .at("effective"),
            Conflict::NothingToWithdraw => Self::new(
                NOTHING_TO_WITHDRAW,
                "not-found",
                "no observation of this id was taken here, so none was withdrawn. One that was POSTed has the id that the \
                 answer's Location said: GET /Observation?identifier=SYSTEM|VALUE finds it",
            )
            .at("id"),
            Conflict::OtherVersion => Self::new(
                OTHER_VERSION,
                "conflict",
                "what is here is not of the version that If-Match names: read it, and correct that",
            )
            .at("meta.versionId"),
            Conflict::OtherContent => Self::new(
                OTHER_CONTENT,
                "duplicate",
                "an observation of this identifier, with other content, was taken before; correct it with PUT",
            )
            .at("identifier"),
            Conflict::IdentifierTaken => {
                let text = "another observation has this identifier: GET /Observation?identifier=SYSTEM|VALUE says which, \
                            and a PUT goes to its id";
                Self::new(IDENTIFIER_TAKEN, "duplicate", text).at("identifier")
            }
        }
    }
}

/// An `OperationOutcome` of issues, each with the place of its resource.
pub(super) fn outcome<'i>(issues: impl IntoIterator<Item = (&'i Issue, &'i str)>) -> Value {
    let issues: Vec<Value> = issues.into_iter().map(|(issue, within)| issue.to_json(within)).collect();
    json!({"resourceType": "OperationOutcome", "issue": issues})
}

/// What was expected, in the terms of the catalogue or of FHIR.
fn expected(reason: Reason, measure: Option<&Measure>) -> Option<String> {
    match (reason, measure) {
        (Reason::NoUnit | Reason::NotUcum | Reason::OtherUnit | Reason::UnitOfAnotherCode, Some(measure)) => {
            let units: Vec<&str> = measure.units.iter().map(|unit| unit.code.as_str()).collect();
            Some(format!("http://unitsofmeasure.org|{}", units.join(" or ")))
        }
        (Reason::OutOfRange, Some(measure)) => {
            let limit =
                |steps: u32| Decimal::new(u64::from(steps) * measure.step.mantissa(), measure.step.places()).ok();
            Some(format!("{} to {} {}", limit(measure.lo)?, limit(measure.hi)?, measure.unit()))
        }
        (Reason::NotFinal | Reason::NoStatus | Reason::Cancelled, _) => Some("final, amended or corrected".to_owned()),
        (Reason::UnknownGender, _) => Some("female, male, other or unknown".to_owned()),
        (Reason::AlmostOurCode, _) => {
            Some("system and code as in the catalogue, such as http://loinc.org|8480-6".to_owned())
        }
        (Reason::DateWithoutDay | Reason::InvalidDate | Reason::TimeWithoutOffset, _) => {
            Some("a date with a day; a time with its offset, such as 2026-01-31T08:00:00+08:00".to_owned())
        }
        _ => None,
    }
}

/// What a reason is about, and FHIR's code for it.
fn guide(reason: Reason) -> (&'static str, &'static str) {
    use Reason as R;
    match reason {
        R::NoSubject => ("subject", "required"),
        R::UnknownPatient => ("subject.reference", "not-found"),
        R::AmbiguousPatient => ("subject.reference", "multiple-matches"),
        R::NoPersonIdentifier | R::NoIdentityNumber => ("identifier", "required"),
        R::SeveralPersonIdentifiers => ("identifier", "multiple-matches"),
        R::UnusablePersonIdentifier
        | R::IdentityNumberForm
        | R::IdentityNumberBirthDate
        | R::IdentityNumberCheck
        | R::ContradictoryIdentity => ("identifier", "value"),
        R::ContradictoryPatient => ("", "conflict"),
        R::UnknownGender => ("gender", "code-invalid"),
        R::NoBirthDate => ("birthDate", "required"),
        R::BirthDateWithoutDay | R::InvalidBirthDate => ("birthDate", "value"),
        R::InvalidDeathDate => ("deceased", "value"),
        R::AlmostOurCode => ("code.coding", "code-invalid"),
        R::NoStatus => ("status", "required"),
        R::NotFinal | R::Cancelled | R::EnteredInError => ("status", "business-rule"),
        R::ModifierExtension => ("modifierExtension", "extension"),
        R::DataAbsent => ("dataAbsentReason", "business-rule"),
        R::NoQuantity => ("value", "required"),
        R::Comparator => ("value.comparator", "business-rule"),
        R::NotANumber | R::NumberTooLong | R::OutOfRange => ("value.value", "value"),
        R::NoUnit => ("value.code", "required"),
        R::NotUcum => ("value.system", "code-invalid"),
        R::OtherUnit | R::UnitOfAnotherCode => ("value.code", "code-invalid"),
        R::SeveralValues => ("component", "duplicate"),
        R::IncompletePanel => ("component", "incomplete"),
        R::NoDate => ("effective", "required"),
        R::SeveralDates
        | R::DateWithoutDay
        | R::TimeWithoutOffset
        | R::InvalidDate
        | R::PeriodWithoutEnd
        | R::LongerThanADay
        | R::FutureDate
        | R::YearOutOfRange
        | R::BeforeBirth
        | R::AfterDeath => ("effective", "value"),
        R::OtherContentBefore => ("id", "duplicate"),
        R::Malformed | R::NotJson | R::NoSuchType => ("", "structure"),
        _ => ("", "business-rule"),
    }
}
