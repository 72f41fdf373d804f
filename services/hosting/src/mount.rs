//! Routes of the wire, as a server mounts them: what every route does before and after its handler.
//!
//! Kept true: a handler is called with parameters of their types, with a caller that was let in ([`Admits`]), and with a body of
//! a media type that the route takes, which is still unread; so nobody without a token makes a server hold a body. A body is
//! read under the route's cap and time. The answer is of the route's status and media type.
//!
//! Errors: problems `malformed` (400), `wrong-content-type` (415), and those of [`crate::body`] and [`crate::load`], in the form
//! that the server has for them ([`Mount::refusing`]). Cost: one pass over the address, one task for a body that is large.

use std::{any::Any, marker::PhantomData, sync::Arc};

use axum::{
    Router,
    body::{self, Bytes},
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::{MethodFilter, on},
};
use nacre_schemas::problem::Problem;
use nacre_wire::{
    Route,
    body::Body,
    media,
    parameters::{ParameterError, Parameters},
    problem::{INTERNAL, MALFORMED, NO_SUCH_ROUTE, WRONG_CONTENT_TYPE},
    route::{Anyone, Facts, Method},
};

use crate::{
    body::Cap,
    body_holding,
    load::{Load, Slot},
    problem::ProblemResponse,
};

/// The longest body that is decoded where it was read; a longer one would keep a thread from other requests.
const SMALL_BYTES: usize = 64 << 10;

/// A server that lets in callers of routes for `A` ([`nacre_wire::route`]).
pub trait Admits<A>: Send + Sync + 'static {
    /// What is known of a caller that was let in.
    type Caller: Send + 'static;

    /// The caller, if it is let in.
    fn admit(&self, route: &Facts, headers: &HeaderMap) -> Result<Self::Caller, Problem>;
}

impl<S: Send + Sync + 'static> Admits<Anyone> for S {
    type Caller = ();

    fn admit(&self, _: &Facts, _: &HeaderMap) -> Result<(), Problem> {
        Ok(())
    }
}

/// A request that was let in.
pub struct Call<P, Q, C = ()> {
    /// Its parameters.
    pub parameters: P,
    /// Its caller.
    pub caller: C,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, unread.
    pub body: Incoming<Q>,
}

/// A body that is not read yet.
pub struct Incoming<Q> {
    body: body::Body,
    announced: Option<u64>,
    cap: Cap,
    slot: Option<Slot>,
    of: PhantomData<fn() -> Q>,
}

/// A body that has arrived.
pub struct Arrived<Q> {
    bytes: Bytes,
    of: PhantomData<fn() -> Q>,
}

impl<Q: Body> Incoming<Q> {
    /// The body, once it is there. With it the request goes from those that are read to those at work.
    pub async fn arrive(self) -> Result<Arrived<Q>, Problem> {
        let bytes = self.cap.read(self.announced, self.body).await?;
        if let Some(slot) = self.slot {
            slot.arrived()?;
        }
        Ok(Arrived { bytes, of: PhantomData })
    }

    /// What was sent.
    pub async fn value(self) -> Result<Q::Value, Problem> {
        self.arrive().await?.value().await
    }
}

impl<Q> Arrived<Q> {
    /// The bytes, for a server that decodes them elsewhere or keeps them.
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }
}

impl<Q: Body> Arrived<Q> {
    /// What was sent.
    pub async fn value(self) -> Result<Q::Value, Problem> {
        let bytes = self.bytes;
        let decoded = if bytes.len() <= SMALL_BYTES {
            Q::decode(bytes)
        } else {
            let decoding = tokio::task::spawn_blocking(move || Q::decode(bytes));
            decoding.await.map_err(|_| INTERNAL.problem("what was sent could not be read"))?
        };
        decoded.map_err(|error| MALFORMED.problem(error))
    }
}

/// What a route answers with.
pub struct Reply<R: Body> {
    value: R::Value,
    status: Option<StatusCode>,
    headers: HeaderMap,
    place: Option<Box<dyn Any + Send + Sync>>,
}

impl<R: Body> Reply<R> {
    /// The usual answer.
    pub fn new(value: R::Value) -> Self {
        Self { value, status: None, headers: HeaderMap::new(), place: None }
    }

    /// The same, with another of the statuses that the route has.
    #[must_use]
    pub fn status(mut self, status: StatusCode) -> Self {
        self.status = Some(status);
        self
    }

    /// The same, with a header of those that the route has.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// The same, which holds this place until the caller has taken it.
    #[must_use]
    pub fn holding(mut self, place: impl Any + Send + Sync) -> Self {
        self.place = Some(Box::new(place));
        self
    }

    fn into_response(self, facts: &Facts) -> Result<Response, Problem> {
        let bytes = R::encode(&self.value).map_err(|error| {
            tracing::error!(%error, operation = facts.operation, "an answer cannot be written");
            INTERNAL.problem("the answer cannot be written; the operator finds the cause in the server's log")
        })?;
        let usual = StatusCode::from_u16(facts.status).unwrap_or(StatusCode::OK);
        let body = match self.place {
            Some(place) => body_holding(place, bytes),
            None => body::Body::from(bytes),
        };
        let mut response = (self.status.unwrap_or(usual), self.headers, body).into_response();
        match R::MEDIA_TYPES.first() {
            Some(media_type) => {
                let kind = HeaderValue::from_static(media::content_type(media_type));
                response.headers_mut().insert(CONTENT_TYPE, kind);
            }
            None => drop(response.headers_mut().remove(CONTENT_TYPE)),
        }
        Ok(response)
    }
}

/// A server's routes while they are mounted.
pub struct Mount<S> {
    state: Arc<S>,
    load: Arc<Load>,
    refuse: fn(Problem) -> Response,
    router: Router,
}

impl<S: Send + Sync + 'static> Mount<S> {
    /// Routes of a server whose handlers are given this.
    pub fn new(state: Arc<S>, load: Arc<Load>) -> Self {
        Self { state, load, refuse: |problem| ProblemResponse(problem).into_response(), router: Router::new() }
    }

    /// The same, for a server that says in another form what is wrong with a call.
    #[must_use]
    pub fn refusing(mut self, refuse: fn(Problem) -> Response) -> Self {
        self.refuse = refuse;
        self
    }

    /// The same, with a route and what answers it. An error may also be an answer beside the usual one.
    #[must_use]
    pub fn route<P, Q, R, A, F, E>(
        mut self,
        route: Route<P, Q, R, A>,
        handler: impl Fn(Arc<S>, Call<P, Q, S::Caller>) -> F + Clone + Send + Sync + 'static,
    ) -> Self
    where
        P: Parameters + Send,
        Q: Body,
        R: Body,
        A: 'static,
        S: Admits<A>,
        F: Future<Output = Result<Reply<R>, E>> + Send,
        E: IntoResponse,
    {
        let facts = *route.facts();
        let (state, refuse) = (Arc::clone(&self.state), self.refuse);
        let answer = move |request: Request| {
            let (state, handler) = (Arc::clone(&state), handler.clone());
            let call = call(&*state, &route, request).map_err(refuse);
            async move {
                let reply = handler(state, call?).await.map_err(IntoResponse::into_response)?;
                reply.into_response(route.facts()).map_err(refuse)
            }
        };
        let served = self.load.bound(facts.pool, on(filter(facts.method), answer), facts.time_limit.duration(), refuse);
        self.router = self.router.route(facts.path, served);
        self
    }

    /// The routes.
    pub fn router(self) -> Router {
        self.router
    }
}

fn filter(method: Method) -> MethodFilter {
    match method {
        Method::Get => MethodFilter::GET,
        Method::Post => MethodFilter::POST,
        Method::Put => MethodFilter::PUT,
        Method::Delete => MethodFilter::DELETE,
    }
}

/// The request, if it is of the route's form and its caller is let in.
fn call<S: Admits<A>, P: Parameters, Q: Body, R: Body, A>(
    server: &S,
    route: &Route<P, Q, R, A>,
    request: Request,
) -> Result<Call<P, Q, S::Caller>, Problem> {
    let (parts, body) = request.into_parts();
    let facts = route.facts();
    let parameters = route.parameters(parts.uri.path(), parts.uri.query()).map_err(|error| match error {
        ParameterError::OtherPath(_) => NO_SUCH_ROUTE.problem("there is nothing at this address"),
        other => MALFORMED.problem(other),
    })?;
    if !facts.takes_any_type && !Q::MEDIA_TYPES.is_empty() {
        let sent = parts.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !media::is_one_of(sent, Q::MEDIA_TYPES) {
            let detail = format!("Content-Type has to be {}", Q::MEDIA_TYPES.join(" or "));
            return Err(WRONG_CONTENT_TYPE.problem(detail));
        }
    }
    let caller = server.admit(facts, &parts.headers)?;
    let body = Incoming {
        body,
        announced: crate::body::announced(&parts.headers),
        cap: Cap { bytes: facts.max_request_bytes, time: facts.body_time },
        slot: parts.extensions.get::<Slot>().cloned(),
        of: PhantomData,
    };
    Ok(Call { parameters, caller, headers: parts.headers, body })
}

#[cfg(test)]
mod tests;
