//! What a request asks for: one resource, or the entries of a Bundle, each with its method and address.

use nacre_wire::gateway::{
    CONDITIONAL_UPDATE, ID_FORM, IF_MATCH, IF_NONE_EXIST, MALFORMED, NOT_SUPPORTED, PRECONDITION, ResourceId, SEARCH,
    TOO_MANY_ENTRIES,
};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::outcome::Refusal;
use crate::outbox::observation::Manner;

/// Entries of a Bundle, at most.
pub(super) const MAX_ENTRIES: usize = 10_000;

/// How a Bundle is to be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whole {
    /// All of it or nothing.
    Transaction,
    /// Each entry by itself.
    Batch,
}

/// A resource with what is to become of it.
pub(super) struct Item<'a> {
    /// Its place in the Bundle.
    pub(super) entry: Option<u64>,
    /// `Patient`, `Observation` or another type.
    pub(super) kind: String,
    /// The id that it is put at.
    pub(super) id: Option<String>,
    /// The identifier that there must be none of.
    pub(super) if_none_exist: Option<Identifier>,
    /// The version that it must replace.
    pub(super) if_match: Option<i64>,
    pub(super) full_url: Option<String>,
    pub(super) resource: &'a str,
}

/// System and value.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Identifier {
    pub(super) system: String,
    pub(super) value: String,
}

#[derive(Deserialize)]
struct Bundle<'a> {
    #[serde(rename = "resourceType")]
    resource_type: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(borrow)]
    entry: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(rename = "fullUrl")]
    full_url: Option<String>,
    #[serde(borrow)]
    resource: Option<&'a RawValue>,
    request: Option<Request>,
}

#[derive(Deserialize)]
struct Request {
    method: Option<String>,
    url: Option<String>,
    #[serde(rename = "ifNoneExist")]
    if_none_exist: Option<String>,
    #[serde(rename = "ifMatch")]
    if_match: Option<String>,
    #[serde(rename = "ifNoneMatch")]
    if_none_match: Option<String>,
    #[serde(rename = "ifModifiedSince")]
    if_modified_since: Option<String>,
}

/// An entry, or why it is none.
pub(super) type Read<'a> = Result<Item<'a>, Refusal>;

/// The entries of a Bundle.
pub(super) fn bundle(text: &str) -> Result<(Whole, Vec<Read<'_>>), Refusal> {
    let structure = |text: &str| Refusal::new(MALFORMED, "structure", text);
    let bundle: Bundle<'_> =
        serde_json::from_str(text).map_err(|_| structure("the body is not JSON of the shape of a Bundle"))?;
    if bundle.resource_type.as_deref() != Some("Bundle") {
        return Err(structure(
            "this address takes a Bundle; a single resource goes to its type's, such as /Observation",
        ));
    }
    let whole = match bundle.kind.as_deref() {
        Some("transaction") => Whole::Transaction,
        Some("batch") => Whole::Batch,
        _ => return Err(structure("the Bundle's type is neither transaction nor batch").at("type")),
    };
    let entries = bundle.entry.unwrap_or_default();
    if entries.len() > MAX_ENTRIES {
        let text = format!("more than {MAX_ENTRIES} entries; send several Bundles");
        return Err(Refusal::new(TOO_MANY_ENTRIES, "too-long", text));
    }
    Ok((whole, (0..).zip(entries).map(|(position, entry)| item(position, entry.get())).collect()))
}

fn item(position: u64, text: &str) -> Read<'_> {
    let structure = |text: &str| Refusal::new(MALFORMED, "structure", text);
    let entry: Entry<'_> = serde_json::from_str(text).map_err(|_| structure("the entry is not of a Bundle's shape"))?;
    let request = entry.request.ok_or_else(|| structure("the entry says no request (method and url)"))?;
    let url = request.url.unwrap_or_default();
    if request.if_none_match.is_some() || request.if_modified_since.is_some() {
        return Err(no_such_condition());
    }
    let (kind, id) = match url.split_once('/') {
        Some((kind, id)) => (kind.to_owned(), Some(id.to_owned())),
        None => (url.clone(), None),
    };
    let method = request.method.unwrap_or_default();
    if method == "PUT" && url.contains('?') {
        return Err(no_conditional_update());
    }
    let id = match (method.as_str(), id) {
        ("POST", None) => None,
        ("PUT", Some(id)) => Some(checked_id(&id)?),
        ("DELETE", _) => return Err(no_deletion()),
        _ => {
            let text = "only POST to a type and PUT to a type and id are taken in a Bundle";
            return Err(Refusal::new(NOT_SUPPORTED, "not-supported", text));
        }
    };
    let resource = entry.resource.ok_or_else(|| structure("the entry has no resource"))?.get();
    let if_none_exist = request.if_none_exist.as_deref().map(identifier_query).transpose()?;
    let if_match = request.if_match.as_deref().map(version).transpose()?;
    Ok(Item { entry: Some(position), kind, id, if_none_exist, if_match, full_url: entry.full_url, resource })
}

/// The version that a precondition names, as entity tags of versions are written: `W/"3"`.
pub(super) fn version(tag: &str) -> Result<i64, Refusal> {
    let quoted = tag.trim().trim_start_matches("W/");
    let digits = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    digits.and_then(|digits| digits.parse().ok()).ok_or_else(|| {
        let text = "a precondition names one version, as ETag and meta.versionId did: If-Match: W/\"3\"";
        Refusal::new(IF_MATCH, "value", text)
    })
}

/// That a precondition is not understood; passing over it could do what it was to prevent.
pub(super) fn no_such_condition() -> Refusal {
    let text = "of preconditions If-Match is taken on PUT, and If-None-Exist on POST: nothing was taken";
    Refusal::new(PRECONDITION, "not-supported", text)
}

/// That a PUT needs an id.
pub(super) fn no_conditional_update() -> Refusal {
    let text = "a PUT goes to an id: GET /Observation?identifier=SYSTEM|VALUE says which an observation has";
    Refusal::new(CONDITIONAL_UPDATE, "not-supported", text)
}

/// That nothing is deleted here, and what to do.
pub(super) fn no_deletion() -> Refusal {
    let text = "nothing is deleted over FHIR: before its month closes, PUT an observation as entered-in-error; a posted \
                record is destroyed by `nacre provider erase`";
    Refusal::new(NOT_SUPPORTED, "not-supported", text)
}

/// That an id is not of FHIR's form.
pub(super) fn wrong_id() -> Refusal {
    Refusal::new(ID_FORM, "value", "an id is 1 to 64 letters, digits, hyphens and dots").at("id")
}

/// An id of FHIR's form.
fn checked_id(id: &str) -> Result<String, Refusal> {
    id.parse().map(|id: ResourceId| id.to_string()).map_err(|_| wrong_id())
}

/// The criterion of a conditional create: an identifier, and nothing else.
pub(super) fn identifier_query(query: &str) -> Result<Identifier, Refusal> {
    let query = query.rsplit_once('?').map_or(query, |(_, query)| query);
    let refused = || {
        let text = "a conditional create goes by identifier=SYSTEM|VALUE alone";
        Refusal::new(IF_NONE_EXIST, "not-supported", text)
    };
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    let (Some((name, value)), None) = (pairs.next(), pairs.next()) else { return Err(refused()) };
    if name != "identifier" {
        return Err(refused());
    }
    identifier(&value).ok_or_else(refused)
}

/// That a search is by something else than what is kept.
pub(super) fn wrong_search() -> Refusal {
    let text = "values are not kept, so observations are found by _id or identifier alone";
    Refusal::new(SEARCH, "not-supported", text)
}

/// A token of a search, `SYSTEM|VALUE`.
pub(super) fn identifier(token: &str) -> Option<Identifier> {
    let (system, value) = token.split_once('|').filter(|(_, value)| !value.is_empty())?;
    Some(Identifier { system: system.to_owned(), value: value.to_owned() })
}

impl Item<'_> {
    /// How it is to be taken.
    pub(super) fn manner(&self) -> Manner {
        match (&self.id, &self.if_none_exist) {
            (Some(_), _) => Manner::Replace,
            (None, Some(_)) => Manner::CreateIfNone,
            (None, None) => Manner::Create,
        }
    }
}
