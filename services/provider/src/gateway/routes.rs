//! The gateway's routes ([`nacre_wire::gateway`]), and what holds for all of them.
//!
//! Kept true: a body is read only after its sender was let in; what is at work is bounded; every refusal is an
//! `OperationOutcome`; no address, header or body is logged, as people may be named in each.

use std::{path::Path as FilePath, sync::Arc};

use axum::{
    Router,
    body::Bytes,
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
        header::{
            CONTENT_LOCATION, CONTENT_TYPE, ETAG, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_UNMODIFIED_SINCE,
            LOCATION, RETRY_AFTER, WWW_AUTHENTICATE,
        },
    },
    response::{IntoResponse, Response},
    routing::MethodRouter,
};
use nacre_hosting::{
    load::{Load, Sizes},
    mount::{Admits, Call, Incoming, Mount, Reply},
    problem::Reason,
};
use nacre_schemas::problem::Problem;
use nacre_wire::{
    ProblemType,
    body::{Body, Json, Nothing},
    gateway::{
        self, BUSY, Bundle, BundleAnswer, CapabilityStatement, FAILED, Fhir, GET_CAPABILITIES, GET_IMPORT,
        GET_OBSERVATION, GET_OBSERVATIONS, GET_PATIENT, Import, ImportManifest, MALFORMED, MAX_BODY_BYTES, MEDIA_TYPE,
        NO_IMPORT, NO_ROUTE, NO_TOKEN, NOT_SUPPORTED, NOT_UTF8, Observation, OfImport, OfResource, POST_BUNDLE,
        POST_IMPORT, POST_OBSERVATION, POST_PATIENT, PUT_OBSERVATION, PUT_PATIENT, Patient, REFUSED, SEARCH, Search,
        SearchSet, TOO_LARGE, TOO_SLOW, TOOK_TOO_LONG, UNKNOWN,
    },
    media, problem,
    route::{Facts, Senders},
};
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    ServeError, answer,
    clock::Clock,
    door::Door,
    import::{self, Imports},
    intake::{self, Accepted, Answered},
    outcome::{Refusal, Retry, outcome},
    request::{self, Item, Whole},
    spool::Spool,
};

/// Requests at work at the same time; each may hold a body.
const MAX_REQUESTS: usize = 32;
/// The precondition that HTTP itself does not have.
const IF_NONE_EXIST: HeaderName = HeaderName::from_static("if-none-exist");
const PROGRESS: HeaderName = HeaderName::from_static("x-progress");

/// What every handler is given.
pub(super) struct Desk {
    pub(super) spool: Arc<Spool>,
    pub(super) clock: Clock,
    door: Door,
    places: Arc<Semaphore>,
    imports: Option<Imports>,
}

/// A sender's request, which holds its place until it is answered.
type Sent<P, Q> = Call<P, Q, OwnedSemaphorePermit>;

/// An answer beside a route's usual one.
struct Otherwise(Response);

impl IntoResponse for Otherwise {
    fn into_response(self) -> Response {
        self.0
    }
}

impl From<Refusal> for Otherwise {
    fn from(refusal: Refusal) -> Self {
        Self(said(&refusal))
    }
}

impl From<Problem> for Otherwise {
    fn from(problem: Problem) -> Self {
        let malformed = || Refusal::new(MALFORMED, "structure", "the body is not of the shape that is taken");
        Self(refused(&problem, malformed))
    }
}

impl Admits<Senders> for Desk {
    type Caller = OwnedSemaphorePermit;

    /// Lets in senders that may post, as long as there is a place.
    fn admit(&self, _: &Facts, headers: &HeaderMap) -> Result<OwnedSemaphorePermit, Problem> {
        if !self.door.lets_in(headers) {
            return Err(NO_TOKEN.problem("this gateway asks for its token: Authorization: Bearer …"));
        }
        let place = Arc::clone(&self.places).try_acquire_owned();
        place.map_err(|_| BUSY.problem("as many requests as it takes are at work"))
    }
}

/// Everything that the gateway serves.
pub(super) fn router(
    spool: Arc<Spool>,
    door: Door,
    clock: Clock,
    import: Option<&FilePath>,
) -> Result<Router, ServeError> {
    let imports = import.map(Imports::of).transpose()?;
    let places = Arc::new(Semaphore::new(MAX_REQUESTS));
    let desk = Arc::new(Desk { spool, clock, door, places, imports });
    // The places of all its routes are the desk's.
    let load = Load::new(Sizes { anonymous: 0, members: 0, writes: 0 });
    let mounted = Mount::new(desk, load)
        .refusing(|problem| refused(&problem, request::wrong_id))
        .route(GET_CAPABILITIES, capabilities)
        .route(POST_BUNDLE, bundle)
        .route(POST_PATIENT, |desk, call| create("Patient", desk, call))
        .route(PUT_PATIENT, |desk, call| update("Patient", desk, call))
        .route(GET_PATIENT, read_patient)
        .route(POST_OBSERVATION, |desk, call| create("Observation", desk, call))
        .route(PUT_OBSERVATION, |desk, call| update("Observation", desk, call))
        .route(GET_OBSERVATION, read_observation)
        .route(POST_IMPORT, start_import)
        .refusing(|problem| refused(&problem, request::wrong_search))
        .route(GET_OBSERVATIONS, search)
        .refusing(|problem| refused(&problem, no_such_import))
        .route(GET_IMPORT, read_import);
    let of_types = [
        POST_PATIENT.facts().path,
        POST_OBSERVATION.facts().path,
        PUT_PATIENT.facts().path,
        PUT_OBSERVATION.facts().path,
    ];
    let explained = of_types
        .into_iter()
        .fold(Router::new(), |router, path| router.route(path, MethodRouter::new().fallback(not_taken)));
    Ok(mounted.router().merge(explained))
}

fn text(body: &Bytes) -> Result<&str, Refusal> {
    let body = std::str::from_utf8(body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body));
    body.map_err(|_| Refusal::new(NOT_UTF8, "structure", "the body is not UTF-8"))
}

async fn capabilities(_: Arc<Desk>, _: Call<(), Nothing>) -> Result<Reply<Fhir<CapabilityStatement>>, Otherwise> {
    Ok(shown(&answer::capabilities()))
}

async fn bundle(desk: Arc<Desk>, call: Sent<(), Fhir<Bundle>>) -> Result<Reply<Fhir<BundleAnswer>>, Otherwise> {
    let body = call.body.value().await?;
    let (whole, items) = request::bundle(text(&body)?)?;
    let taken = intake::take(&desk.spool, items, whole, desk.clock.now()).await.map_err(|error| failed(&error))?;
    if whole == Whole::Transaction
        && let Some((status, why)) = answer::refused(&taken)
    {
        return Err(Otherwise(resource(status_of(status), &why)));
    }
    Ok(shown(&answer::bundle(whole, &taken)))
}

async fn create<B: Body<Value = Bytes>>(kind: &str, desk: Arc<Desk>, call: Sent<(), B>) -> Result<Reply<B>, Otherwise> {
    understood(&call.headers, &IF_NONE_EXIST)?;
    let if_none_exist = condition(&call.headers, &IF_NONE_EXIST, gateway::IF_NONE_EXIST)?;
    let if_none_exist = if_none_exist.map(request::identifier_query).transpose()?;
    single(&desk, call.body, |resource| Item {
        entry: None,
        kind: kind.to_owned(),
        id: None,
        if_none_exist,
        if_match: None,
        full_url: None,
        resource,
    })
    .await
}

async fn update<B: Body<Value = Bytes>>(
    kind: &str,
    desk: Arc<Desk>,
    call: Sent<OfResource, B>,
) -> Result<Reply<B>, Otherwise> {
    understood(&call.headers, &IF_MATCH)?;
    let if_match = condition(&call.headers, &IF_MATCH, gateway::IF_MATCH)?;
    let if_match = if_match.map(request::version).transpose()?;
    let id = call.parameters.id.to_string();
    single(&desk, call.body, |resource| Item {
        entry: None,
        kind: kind.to_owned(),
        id: Some(id),
        if_none_exist: None,
        if_match,
        full_url: None,
        resource,
    })
    .await
}

/// The text of a precondition, if there is one.
fn condition<'h>(headers: &'h HeaderMap, name: &HeaderName, wrong: ProblemType) -> Result<Option<&'h str>, Refusal> {
    let text = headers.get(name).map(HeaderValue::to_str).transpose();
    text.map_err(|_| Refusal::new(wrong, "invalid", format!("the header {name} is no text")))
}

/// That no precondition is there but the one that is taken.
fn understood(headers: &HeaderMap, taken: &HeaderName) -> Result<(), Refusal> {
    let all = [IF_MATCH, IF_NONE_MATCH, IF_NONE_EXIST, IF_MODIFIED_SINCE, IF_UNMODIFIED_SINCE];
    let other = all.iter().any(|name| name != taken && headers.contains_key(name));
    if other { Err(request::no_such_condition()) } else { Ok(()) }
}

/// One resource, which is a transaction of one.
async fn single<B: Body<Value = Bytes>>(
    desk: &Desk,
    body: Incoming<B>,
    item: impl FnOnce(&str) -> Item<'_>,
) -> Result<Reply<B>, Otherwise> {
    let body = body.value().await?;
    let items = vec![Ok(item(text(&body)?))];
    let taken = intake::take(&desk.spool, items, Whole::Transaction, desk.clock.now()).await;
    match taken.map_err(|error| failed(&error))?.into_iter().next() {
        Some(one) => kept(desk, one).await,
        None => Err(Refusal::new(FAILED, "exception", "nothing was taken").into()),
    }
}

async fn kept<B: Body<Value = Bytes>>(desk: &Desk, answered: Answered) -> Result<Reply<B>, Otherwise> {
    let (kind, id, version, is_new) = match answered.result? {
        Accepted::PassedOver(mut issue) => {
            issue.severity = "error";
            return Err(Refusal { status: 422, issues: vec![issue] }.into());
        }
        Accepted::Kept { kind, id, version, is_new, .. } => (kind, id, version, is_new),
    };
    let found = match kind {
        "Patient" => Ok(Some(answer::patient(&id))),
        _ => observation(desk, &id).await,
    };
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    let headers =
        [(LOCATION, format!("/{kind}/{id}/_history/{version}")), (ETAG, format!("W/\"{version}\""))].into_iter();
    // An id is of FHIR's form, which fits a header.
    let headers = headers.filter_map(|(name, value)| Some((name, HeaderValue::try_from(value).ok()?)));
    match found {
        Ok(Some(found)) => {
            Ok(headers.fold(shown(&found).status(status), |reply, (name, value)| reply.header(name, value)))
        }
        // It is on disk all the same.
        Ok(None) | Err(_) => Err(Otherwise((status, headers.collect::<HeaderMap>()).into_response())),
    }
}

async fn observation(desk: &Desk, id: &str) -> Result<Option<Value>, ServeError> {
    let spool = &desk.spool;
    match spool.outbox.observation(&spool.observation_name(id)).await? {
        Some(kept) => Ok(Some(answer::observation(spool, &kept).await?)),
        None => Ok(None),
    }
}

async fn read_observation(
    desk: Arc<Desk>,
    call: Sent<OfResource, Nothing>,
) -> Result<Reply<Fhir<Observation>>, Otherwise> {
    Ok(found(observation(&desk, call.parameters.id.as_str()).await)?)
}

async fn read_patient(desk: Arc<Desk>, call: Sent<OfResource, Nothing>) -> Result<Reply<Fhir<Patient>>, Otherwise> {
    let id = call.parameters.id.as_str();
    let known = desk.spool.outbox.patient(&desk.spool.patient_name(id)).await;
    Ok(found(known.map(|known| known.map(|_| answer::patient(id))).map_err(ServeError::from))?)
}

fn found<B: Body<Value = Bytes>>(found: Result<Option<Value>, ServeError>) -> Result<Reply<B>, Refusal> {
    match found.map_err(|error| failed(&error))? {
        Some(found) => Ok(shown(&found)),
        None => Err(Refusal::new(UNKNOWN, "not-found", "nothing of this id was taken here")),
    }
}

async fn search(desk: Arc<Desk>, call: Sent<Search, Nothing>) -> Result<Reply<Fhir<SearchSet>>, Otherwise> {
    let spool = &desk.spool;
    let kept = match (&call.parameters.id, &call.parameters.identifier) {
        (Some(id), None) => spool.outbox.observation(&spool.observation_name(id)).await,
        (None, Some(token)) => match request::identifier(token) {
            Some(wanted) => {
                let name = spool.identifier_name(&wanted.system, &wanted.value);
                spool.outbox.identified_observation(&name).await
            }
            None => return Err(Refusal::new(SEARCH, "value", "identifier is SYSTEM|VALUE").into()),
        },
        _ => return Err(request::wrong_search().into()),
    };
    let found = match kept {
        Ok(Some(kept)) => answer::observation(spool, &kept).await.map(|one| vec![one]),
        Ok(None) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    };
    Ok(shown(&answer::searchset(&found.map_err(|error| failed(&error))?)))
}

/// Why a method is not taken at the address of a type, or of a resource.
async fn not_taken(method: Method) -> Response {
    match method {
        Method::PUT => said(&request::no_conditional_update()),
        Method::DELETE => said(&request::no_deletion()),
        _ => explain(StatusCode::METHOD_NOT_ALLOWED),
    }
}

fn no_imports() -> Refusal {
    Refusal::new(NO_IMPORT, "not-supported", "this gateway has no import folder: `import` in `[gateway]`")
}

fn no_such_import() -> Refusal {
    Refusal::new(UNKNOWN, "not-found", "no import of this number; after a restart, start it again")
}

async fn start_import(desk: Arc<Desk>, call: Sent<(), Fhir<ImportManifest>>) -> Result<Reply<Nothing>, Otherwise> {
    let imports = desk.imports.as_ref().ok_or_else(no_imports)?;
    let body = call.body.value().await?;
    let number = imports.start(&desk.spool, desk.clock, import::inputs(text(&body)?)?)?;
    let location = GET_IMPORT.address(&OfImport { number }).ok().and_then(|at| HeaderValue::try_from(at).ok());
    let begun = Reply::new(());
    Ok(match location {
        Some(location) => begun.header(CONTENT_LOCATION, location),
        None => begun,
    })
}

async fn read_import(desk: Arc<Desk>, call: Sent<OfImport, Nothing>) -> Result<Reply<Json<Import>>, Otherwise> {
    let imports = desk.imports.as_ref().ok_or_else(no_imports)?;
    let progress = imports.progress(call.parameters.number).ok_or_else(no_such_import)?;
    if progress.done {
        return Ok(Reply::new(progress));
    }
    let shown = format!("{} kept, {} refused", progress.kept, progress.refused);
    Err(Otherwise((StatusCode::ACCEPTED, [(PROGRESS, shown)]).into_response()))
}

/// A document for a status that a library answers by itself.
pub(super) fn explain(status: StatusCode) -> Response {
    let refusal = match status {
        StatusCode::NOT_FOUND => Refusal::new(NO_ROUTE, "not-found", "there is nothing at this address"),
        StatusCode::METHOD_NOT_ALLOWED => {
            Refusal::new(NOT_SUPPORTED, "not-supported", "this address does not take this method")
        }
        StatusCode::SERVICE_UNAVAILABLE => {
            Refusal::new(TOOK_TOO_LONG, "timeout", "it took longer than a request may take")
        }
        status if status.is_server_error() => {
            Refusal::new(FAILED, "exception", "the gateway failed; its log has the cause")
        }
        _ => Refusal::new(REFUSED, "invalid", "the request cannot be read as it is"),
    };
    said(&Refusal { status: status.as_u16(), ..refusal })
}

/// A refusal for a problem of the mount's. What is wrong with parameters the route says, as a problem may name what was sent.
fn refused(problem: &Problem, of_parameters: fn() -> Refusal) -> Response {
    let word = problem.word();
    if word == problem::MALFORMED.word {
        return said(&of_parameters());
    }
    let too_large = format!("the body is longer than {MAX_BODY_BYTES} bytes, or it broke off; send smaller Bundles");
    let known = [
        (problem::WRONG_CONTENT_TYPE, MEDIA_TYPE, "not-supported", "bodies are application/fhir+json"),
        (problem::TOO_LARGE, TOO_LARGE, "too-long", &too_large),
        (problem::INCOMPLETE, TOO_LARGE, "too-long", &too_large),
        (problem::TOO_SLOW, TOO_SLOW, "timeout", &problem.detail),
        (problem::NO_SUCH_ROUTE, NO_ROUTE, "not-found", &problem.detail),
        (NO_TOKEN, NO_TOKEN, "login", &problem.detail),
        (BUSY, BUSY, "throttled", &problem.detail),
    ];
    let found = known.into_iter().find(|(of_mount, ..)| of_mount.word == word);
    let (_, kind, code, text) = found.unwrap_or((problem::INTERNAL, FAILED, "exception", &problem.detail));
    said(&Refusal::new(kind, code, text))
}

fn failed(error: &ServeError) -> Refusal {
    tracing::error!(%error, "a request failed");
    intake::failed(error)
}

fn status_of(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

fn said(refusal: &Refusal) -> Response {
    let place = answer::within(None);
    let status = status_of(refusal.status);
    let mut response = resource(status, &outcome(refusal.issues.iter().map(|issue| (issue, place.as_str()))));
    if let Some(issue) = refusal.issues.first() {
        response.extensions_mut().insert(Reason(issue.word.clone()));
    }
    if refusal.issues.iter().any(|issue| issue.retry == Retry::Later) {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
    }
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

fn resource(status: StatusCode, resource: &Value) -> Response {
    let kind = HeaderValue::from_static(media::FHIR_JSON);
    (status, [(CONTENT_TYPE, kind)], resource.to_string()).into_response()
}

fn shown<B: Body<Value = Bytes>>(resource: &Value) -> Reply<B> {
    Reply::new(resource.to_string().into())
}
