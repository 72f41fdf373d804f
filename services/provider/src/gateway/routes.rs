//! The addresses, and what holds for all of them.
//!
//! | route | takes | answers |
//! |---|---|---|
//! | `GET /metadata` | | `CapabilityStatement` |
//! | `POST /` | `Bundle`, transaction or batch | `Bundle`, or why the transaction is refused |
//! | `POST /Patient`, `PUT /Patient/{id}`, `GET /Patient/{id}` | `Patient` | id, and nothing of the person |
//! | `POST /Observation`, `PUT /Observation/{id}`, `GET /Observation/{id}` | `Observation` | id, status, code, where it stands |
//! | `GET /Observation?_id=` or `?identifier=` | | `Bundle` |
//! | `POST /$import`, `GET /$import/{number}` | manifest | where it stands |
//!
//! Kept true: a body is read only after its sender was let in, never beyond [`MAX_BODY_BYTES`]; what is at work is bounded; every
//! refusal is an `OperationOutcome`; no address, header or body is logged, as people may be named in each.

use std::{path::Path as FilePath, sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Bytes, to_bytes},
    extract::{Path, RawQuery, Request, State},
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{CONTENT_TYPE, ETAG, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE},
    },
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use nacre_hosting::problem::Reason;
use serde_json::Value;
use tokio::sync::Semaphore;
use tower_http::timeout::TimeoutLayer;

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

/// A body, in bytes, at most.
pub(super) const MAX_BODY_BYTES: usize = 16 << 20;
/// Requests at work at the same time; each may hold a body.
const MAX_REQUESTS: usize = 32;
/// What a request may take.
const TIMEOUT: Duration = Duration::from_secs(60);
const MEDIA_TYPE: &str = "application/fhir+json";

/// What every handler is given.
pub(super) struct Desk {
    pub(super) spool: Arc<Spool>,
    pub(super) clock: Clock,
    door: Door,
    places: Semaphore,
    imports: Option<Imports>,
}

type Served = State<Arc<Desk>>;

/// Everything that the gateway serves.
pub(super) fn router(
    spool: Arc<Spool>,
    door: Door,
    clock: Clock,
    import: Option<&FilePath>,
) -> Result<Router, ServeError> {
    let imports = import.map(Imports::of).transpose()?;
    let desk = Arc::new(Desk { spool, clock, door, places: Semaphore::new(MAX_REQUESTS), imports });
    let guarded = Router::new()
        .route("/", post(bundle))
        .route("/Patient", post(create).put(no_conditional_update))
        .route("/Observation", post(create).get(search).put(no_conditional_update))
        .route("/Patient/{id}", get(read_patient).put(update).delete(no_deletion))
        .route("/Observation/{id}", get(read_observation).put(update).delete(no_deletion))
        .route("/$import", post(start_import))
        .route("/$import/{number}", get(read_import))
        .layer(middleware::from_fn_with_state(Arc::clone(&desk), admit));
    Ok(Router::new()
        .route("/metadata", get(async || resource(StatusCode::OK, &answer::capabilities())))
        .merge(guarded)
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, TIMEOUT))
        .with_state(desk))
}

/// Lets in who may post, as long as there is a place.
async fn admit(State(desk): Served, request: Request, next: Next) -> Response {
    if !desk.door.lets_in(request.headers()) {
        let refusal =
            Refusal::new(401, "login", "no-token", "this gateway asks for its token: Authorization: Bearer …");
        let mut response = said(&refusal);
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        return response;
    }
    let Ok(_place) = desk.places.try_acquire() else {
        return said(
            &Refusal::new(503, "throttled", "busy", "as many requests as it takes are at work").retry(Retry::Later),
        );
    };
    next.run(request).await
}

async fn body(request: Request) -> Result<Bytes, Refusal> {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if !matches!(kind.as_str(), "application/fhir+json" | "application/json" | "text/json" | "application/json+fhir") {
        return Err(Refusal::new(415, "not-supported", "media-type", "bodies are application/fhir+json"));
    }
    to_bytes(request.into_body(), MAX_BODY_BYTES).await.map_err(|_| {
        let text = format!("the body is longer than {MAX_BODY_BYTES} bytes, or it broke off; send smaller Bundles");
        Refusal::new(413, "too-long", "too-large", text)
    })
}

fn text(body: &Bytes) -> Result<&str, Refusal> {
    let body = std::str::from_utf8(body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body));
    body.map_err(|_| Refusal::new(400, "structure", "not-utf8", "the body is not UTF-8"))
}

async fn bundle(State(desk): Served, request: Request) -> Response {
    let answered = async {
        let body = body(request).await?;
        let (whole, items) = request::bundle(text(&body)?)?;
        let taken = intake::take(&desk.spool, items, whole, desk.clock.now()).await;
        Ok::<_, Refusal>((whole, taken.map_err(|error| failed(&error))?))
    };
    match answered.await {
        Err(refusal) => said(&refusal),
        Ok((Whole::Transaction, taken)) => match answer::refused(&taken) {
            Some((status, why)) => resource(status_of(status), &why),
            None => resource(StatusCode::OK, &answer::bundle(Whole::Transaction, &taken)),
        },
        Ok((Whole::Batch, taken)) => resource(StatusCode::OK, &answer::bundle(Whole::Batch, &taken)),
    }
}

async fn create(State(desk): Served, request: Request) -> Response {
    let kind = request.uri().path().trim_start_matches('/').to_owned();
    let conditions = understood(request.headers(), "if-none-exist").and_then(|()| {
        condition(request.headers(), "if-none-exist").map(|query| query.and_then(request::identifier_query)).transpose()
    });
    let if_none_exist = match conditions {
        Ok(wanted) => wanted,
        Err(refusal) => return said(&refusal),
    };
    single(&desk, request, |resource| Item {
        entry: None,
        kind,
        id: None,
        if_none_exist,
        if_match: None,
        full_url: None,
        resource,
    })
    .await
}

async fn update(State(desk): Served, Path(id): Path<String>, request: Request) -> Response {
    let conditions = understood(request.headers(), "if-match")
        .and_then(|()| condition(request.headers(), "if-match").map(|tag| tag.and_then(request::version)).transpose());
    let (id, if_match) = match request::checked_id(&id).and_then(|id| Ok((id, conditions?))) {
        Ok(found) => found,
        Err(refusal) => return said(&refusal),
    };
    let kind = request.uri().path().split('/').nth(1).unwrap_or_default().to_owned();
    single(&desk, request, |resource| Item {
        entry: None,
        kind,
        id: Some(id),
        if_none_exist: None,
        if_match,
        full_url: None,
        resource,
    })
    .await
}

/// The text of a precondition, if there is one.
fn condition<'h>(headers: &'h HeaderMap, name: &str) -> Option<Result<&'h str, Refusal>> {
    let text = headers.get(name)?.to_str();
    Some(text.map_err(|_| Refusal::new(400, "invalid", name, format!("the header {name} is no text"))))
}

/// That no precondition is there but the one that is taken.
fn understood(headers: &HeaderMap, taken: &str) -> Result<(), Refusal> {
    let others = ["if-match", "if-none-match", "if-none-exist", "if-modified-since", "if-unmodified-since"];
    let other = others.into_iter().any(|name| name != taken && headers.contains_key(name));
    if other { Err(request::no_such_condition()) } else { Ok(()) }
}

async fn no_conditional_update() -> Response {
    said(&request::no_conditional_update())
}

/// One resource, which is a transaction of one.
async fn single(desk: &Desk, request: Request, item: impl FnOnce(&str) -> Item<'_>) -> Response {
    let taken = async {
        let body = body(request).await?;
        let items = vec![Ok(item(text(&body)?))];
        let taken = intake::take(&desk.spool, items, Whole::Transaction, desk.clock.now()).await;
        taken.map_err(|error| failed(&error))
    };
    match taken.await {
        Err(refusal) => said(&refusal),
        Ok(taken) => match taken.into_iter().next() {
            Some(one) => kept(desk, one).await,
            None => said(&Refusal::new(500, "exception", "failed", "nothing was taken").retry(Retry::Later)),
        },
    }
}

async fn kept(desk: &Desk, answered: Answered) -> Response {
    let (kind, id, version, is_new) = match answered.result {
        Err(refusal) => return said(&refusal),
        Ok(Accepted::PassedOver(mut issue)) => {
            issue.severity = "error";
            return said(&Refusal { status: 422, issues: vec![issue] });
        }
        Ok(Accepted::Kept { kind, id, version, is_new, .. }) => (kind, id, version, is_new),
    };
    let shown = match kind {
        "Patient" => Ok(Some(answer::patient(&id))),
        _ => observation(desk, &id).await,
    };
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    let mut response = match shown {
        Ok(Some(shown)) => resource(status, &shown),
        // It is on disk all the same.
        Ok(None) | Err(_) => status.into_response(),
    };
    // An id is of FHIR's form, which fits a header.
    if let Ok(location) = HeaderValue::try_from(format!("/{kind}/{id}/_history/{version}")) {
        response.headers_mut().insert(LOCATION, location);
    }
    if let Ok(tag) = HeaderValue::try_from(format!("W/\"{version}\"")) {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

async fn observation(desk: &Desk, id: &str) -> Result<Option<Value>, ServeError> {
    let spool = &desk.spool;
    match spool.outbox.observation(&spool.observation_name(id)).await? {
        Some(kept) => Ok(Some(answer::observation(spool, &kept).await?)),
        None => Ok(None),
    }
}

async fn read_observation(State(desk): Served, Path(id): Path<String>) -> Response {
    found(observation(&desk, &id).await)
}

async fn read_patient(State(desk): Served, Path(id): Path<String>) -> Response {
    let known = desk.spool.outbox.patient(&desk.spool.patient_name(&id)).await;
    found(known.map(|known| known.map(|_| answer::patient(&id))).map_err(ServeError::from))
}

fn found(found: Result<Option<Value>, ServeError>) -> Response {
    match found {
        Ok(Some(shown)) => resource(StatusCode::OK, &shown),
        Ok(None) => said(&Refusal::new(404, "not-found", "unknown", "nothing of this id was taken here")),
        Err(error) => said(&failed(&error)),
    }
}

async fn search(State(desk): Served, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let pairs: Vec<_> =
        form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| !name.starts_with("_format")).collect();
    let kept = match pairs.as_slice() {
        [(name, id)] if name == "_id" => desk.spool.outbox.observation(&desk.spool.observation_name(id)).await,
        [(name, token)] if name == "identifier" => match request::identifier(token) {
            Some(wanted) => {
                let name = desk.spool.identifier_name(&wanted.system, &wanted.value);
                desk.spool.outbox.identified_observation(&name).await
            }
            None => return said(&Refusal::new(400, "value", "search", "identifier is SYSTEM|VALUE")),
        },
        _ => {
            let text = "values are not kept, so observations are found by _id or identifier alone";
            return said(&Refusal::new(400, "not-supported", "search", text));
        }
    };
    let shown = match kept {
        Ok(Some(kept)) => answer::observation(&desk.spool, &kept).await.map(|one| vec![one]),
        Ok(None) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    };
    match shown {
        Ok(shown) => resource(StatusCode::OK, &answer::searchset(&shown)),
        Err(error) => said(&failed(&error)),
    }
}

async fn no_deletion() -> Response {
    said(&request::no_deletion())
}

fn no_imports() -> Refusal {
    Refusal::new(403, "not-supported", "no-import", "this gateway has no import folder: `import` in `[gateway]`")
}

async fn start_import(State(desk): Served, request: Request) -> Response {
    let begun = async {
        let imports = desk.imports.as_ref().ok_or_else(no_imports)?;
        let body = body(request).await?;
        imports.start(&desk.spool, desk.clock, import::inputs(text(&body)?)?)
    };
    match begun.await {
        Ok(number) => {
            let location = HeaderValue::try_from(format!("/$import/{number}"));
            let mut response = StatusCode::ACCEPTED.into_response();
            if let Ok(location) = location {
                response.headers_mut().insert("content-location", location);
            }
            response
        }
        Err(refusal) => said(&refusal),
    }
}

async fn read_import(State(desk): Served, Path(number): Path<u64>) -> Response {
    let Some(imports) = &desk.imports else { return said(&no_imports()) };
    match imports.progress(number) {
        None => said(&Refusal::new(
            404,
            "not-found",
            "unknown",
            "no import of this number; after a restart, start it again",
        )),
        Some(progress) if progress.done => axum::Json(progress).into_response(),
        Some(progress) => {
            let shown = format!("{} kept, {} refused", progress.kept, progress.refused);
            let mut response = StatusCode::ACCEPTED.into_response();
            if let Ok(shown) = HeaderValue::try_from(shown) {
                response.headers_mut().insert("x-progress", shown);
            }
            response
        }
    }
}

/// A document for a status that a library answers by itself.
pub(super) fn explain(status: StatusCode) -> Response {
    let (kind, code, text) = match status {
        StatusCode::NOT_FOUND => ("not-found", "no-route", "there is nothing at this address"),
        StatusCode::METHOD_NOT_ALLOWED => ("not-supported", "not-supported", "this address does not take this method"),
        StatusCode::SERVICE_UNAVAILABLE => ("timeout", "too-slow", "it took longer than a request may take"),
        status if status.is_server_error() => ("exception", "failed", "the gateway failed; its log has the cause"),
        _ => ("invalid", "refused", "the request cannot be read as it is"),
    };
    let refusal = Refusal::new(status.as_u16(), kind, code, text);
    said(&if status.is_server_error() { refusal.retry(Retry::Later) } else { refusal })
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
    let mut response =
        resource(status_of(refusal.status), &outcome(refusal.issues.iter().map(|issue| (issue, place.as_str()))));
    if let Some(issue) = refusal.issues.first() {
        response.extensions_mut().insert(Reason(issue.word.clone()));
    }
    if refusal.issues.iter().any(|issue| issue.retry == Retry::Later) {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
    }
    response
}

fn resource(status: StatusCode, resource: &Value) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    (status, headers, resource.to_string()).into_response()
}
