//! Resources that the gateway answers with. Of an observation they say id, status, the catalogue's code and where it stands:
//! its value is masked, as no plaintext is kept.

use serde_json::{Value, json};

use super::{
    ServeError,
    intake::{Accepted, Answered},
    outcome::{Issue, outcome},
    request::Whole,
    spool::Spool,
};
use crate::outbox::{
    observation::{Kept, Standing},
    record::State,
};

const TRANSACTION: &str = "transaction-response";
const BATCH: &str = "batch-response";

/// Where an observation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Withdrawn,
    SetAside,
    Refused,
    Queued,
    Posted,
    Sealed,
    Erased,
}

impl Stage {
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Withdrawn => ("withdrawn", "entered in error, and counted nowhere"),
            Self::SetAside => ("set-aside", "its month cannot be posted: `nacre provider status` says why"),
            Self::Refused => ("refused", "the exchange refused its record: `nacre provider status` says why"),
            Self::Queued => ("queued", "kept until its month closes and is receipted"),
            Self::Posted => ("posted", "its record is in the chain, with a receipt"),
            Self::Sealed => ("sealed", "its record is in the chain and in a sealed epoch"),
            Self::Erased => ("erased", "its record was destroyed"),
        }
    }
}

/// Where it stands: as far as the reading that is least far.
async fn stage(spool: &Spool, kept: &Kept) -> Result<Stage, ServeError> {
    if kept.withdrawn {
        return Ok(Stage::Withdrawn);
    }
    let standings = spool.outbox.standings(&kept.id).await?;
    let is = |wanted: State| move |standing: &Standing| standing.record.is_some_and(|(_, state)| state == wanted);
    if standings.iter().any(is(State::Erased)) {
        return Ok(Stage::Erased);
    }
    if standings.iter().any(|standing| standing.set_aside) {
        return Ok(Stage::SetAside);
    }
    if standings.iter().any(is(State::Refused)) {
        return Ok(Stage::Refused);
    }
    if !standings.iter().all(is(State::Posted)) {
        return Ok(Stage::Queued);
    }
    let sealed = spool.outbox.posting().await?.sealed_leaves;
    for (record, _) in standings.iter().filter_map(|standing| standing.record) {
        if spool.outbox.leaf(&record).await?.is_none_or(|leaf| leaf >= sealed) {
            return Ok(Stage::Posted);
        }
    }
    Ok(Stage::Sealed)
}

/// The observation as it is kept.
pub(super) async fn observation(spool: &Spool, kept: &Kept) -> Result<Value, ServeError> {
    let facts = spool.observation(kept)?;
    let (word, text) = stage(spool, kept).await?.words();
    let code = match facts.code {
        Some((system, code)) => json!({"coding": [{"system": system, "code": code}]}),
        None => json!({"text": "masked"}),
    };
    let masked = json!({"system": "http://terminology.hl7.org/CodeSystem/data-absent-reason", "code": "masked"});
    Ok(json!({
        "resourceType": "Observation",
        "id": facts.id,
        "meta": {
            "versionId": kept.version.to_string(),
            "tag": [{"system": "urn:nacre:state", "code": word, "display": text}],
        },
        "status": facts.status,
        "code": code,
        "dataAbsentReason": {"coding": [masked]},
    }))
}

/// A Patient that is known: nothing of whom is told.
pub(super) fn patient(id: &str) -> Value {
    json!({
        "resourceType": "Patient",
        "id": id,
        "meta": {"tag": [{"system": "urn:nacre:state", "code": "known"}]},
    })
}

/// The answer to a search.
pub(super) fn searchset(found: &[Value]) -> Value {
    let entry = |resource: &Value| json!({"resource": resource, "search": {"mode": "match"}});
    let mut bundle = json!({"resourceType": "Bundle", "type": "searchset", "total": found.len()});
    // FHIR has no empty arrays.
    if !found.is_empty() {
        bundle["entry"] = found.iter().map(entry).collect();
    }
    bundle
}

/// The status of a transaction that was refused, and why it was.
pub(super) fn refused(answered: &[Answered]) -> Option<(u16, Value)> {
    let refused: Vec<_> = answered.iter().filter_map(|one| Some((one.entry, one.result.as_ref().err()?))).collect();
    let (_, first) = refused.first()?;
    let places: Vec<String> = refused.iter().map(|(entry, _)| within(*entry)).collect();
    let issues = refused.iter().zip(&places);
    let issues =
        issues.flat_map(|((_, refusal), place)| refusal.issues.iter().map(move |issue| (issue, place.as_str())));
    Some((first.status, outcome(issues)))
}

/// Where a resource stands, in FHIRPath.
pub(super) fn within(entry: Option<u64>) -> String {
    entry.map_or_else(|| "%resource".to_owned(), |entry| format!("Bundle.entry[{entry}].resource"))
}

/// The answer to a Bundle.
pub(super) fn bundle(whole: Whole, answered: &[Answered]) -> Value {
    let kind = if whole == Whole::Transaction { TRANSACTION } else { BATCH };
    let entries: Vec<Value> = answered.iter().map(|one| json!({"response": response(one)})).collect();
    let mut bundle = json!({"resourceType": "Bundle", "type": kind});
    if !entries.is_empty() {
        bundle["entry"] = entries.into();
    }
    bundle
}

fn response(answered: &Answered) -> Value {
    let place = within(answered.entry);
    let said = |issues: &[Issue]| outcome(issues.iter().map(|issue| (issue, place.as_str())));
    match &answered.result {
        Err(refusal) => json!({"status": refusal.status.to_string(), "outcome": said(&refusal.issues)}),
        // Nothing is kept, so nothing is acknowledged.
        Ok(Accepted::PassedOver(issue)) => json!({"status": "204", "outcome": said(std::slice::from_ref(issue))}),
        Ok(Accepted::Kept { kind, id, version, is_new, warnings }) => {
            let mut response = json!({
                "status": if *is_new { "201" } else { "200" },
                "location": format!("{kind}/{id}/_history/{version}"),
                "etag": format!("W/\"{version}\""),
            });
            if !warnings.is_empty() {
                response["outcome"] = said(warnings);
            }
            response
        }
    }
}

/// What the gateway can do.
pub(super) fn capabilities() -> Value {
    let interactions = |names: &[&str]| names.iter().map(|name| json!({"code": name})).collect::<Vec<_>>();
    let resource = |kind: &str, interactions: Vec<Value>| {
        json!({
            "type": kind, "interaction": interactions, "versioning": "versioned", "readHistory": false,
            "updateCreate": true, "conditionalCreate": true, "conditionalUpdate": false, "conditionalDelete": "not-supported",
        })
    };
    let mut observation = resource("Observation", interactions(&["read", "create", "update", "search-type"]));
    observation["searchParam"] = json!([{"name": "_id", "type": "token"}, {"name": "identifier", "type": "token"}]);
    json!({
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": "2026-11-28",
        "kind": "instance",
        "fhirVersion": "4.0.1",
        "format": ["json"],
        "software": {"name": "Nacre provider gateway", "version": env!("CARGO_PKG_VERSION")},
        "implementation": {"description": "Takes patients and observations in, and seals what months come to. Values are not given back."},
        "rest": [{
            "mode": "server",
            "resource": [resource("Patient", interactions(&["read", "create", "update"])), observation],
            "interaction": interactions(&["transaction", "batch"]),
            "operation": [{"name": "import", "definition": "urn:nacre:operation:import"}],
        }],
    })
}
