#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use axum::http::{Request as HttpRequest, header::AUTHORIZATION};
use nacre_wire::{
    Scope,
    body::{Json, Nothing, Text},
    exchange::OfChain,
    problem::NO_TOKEN,
    route::Members,
};
use tower::ServiceExt as _;

use super::*;
use crate::load::Sizes;

const GET_NAME: Route<OfChain, Nothing, Text> = Route::get("/v1/{slug}", "getName", "Says the name.");
const POST_SUM: Route<(), Json<Vec<u64>>, Json<u64>, Members> =
    Route::post("/v1/sum", "postSum", "Adds.").scope(Scope::LogWrite).takes_bytes(1 << 20).status(201);

/// Lets in callers that name themselves.
struct Server;

impl Admits<Members> for Server {
    type Caller = String;

    fn admit(&self, route: &Facts, headers: &HeaderMap) -> Result<String, Problem> {
        assert_eq!(route.scope(), Some(Scope::LogWrite));
        let name = headers.get(AUTHORIZATION).ok_or_else(|| NO_TOKEN.problem("who are you?"))?;
        Ok(name.to_str().unwrap().to_owned())
    }
}

async fn name(_: Arc<Server>, call: Call<OfChain, Nothing>) -> Result<Reply<Text>, ProblemResponse> {
    Ok(Reply::new(call.parameters.slug.to_string()))
}

async fn sum(_: Arc<Server>, call: Call<(), Json<Vec<u64>>, String>) -> Result<Reply<Json<u64>>, ProblemResponse> {
    assert_eq!(call.caller, "me");
    Ok(Reply::new(call.body.value().await?.iter().sum()).holding(()))
}

async fn ask(request: HttpRequest<body::Body>) -> (u16, String, String) {
    let load = Load::new(Sizes { anonymous: 1, members: 1, writes: 1 });
    let routes = Mount::new(Arc::new(Server), load).route(GET_NAME, name).route(POST_SUM, sum).router();
    let answer = routes.oneshot(request).await.unwrap();
    let kind = answer.headers().get(CONTENT_TYPE).map_or("", |kind| kind.to_str().unwrap()).to_owned();
    let status = answer.status().as_u16();
    let text = body::to_bytes(answer.into_body(), 1 << 20).await.unwrap();
    (status, kind, String::from_utf8(text.into()).unwrap())
}

fn post(kind: &str, caller: Option<&str>, sent: &str) -> HttpRequest<body::Body> {
    let mut request = HttpRequest::post("/v1/sum").header(CONTENT_TYPE, kind);
    if let Some(caller) = caller {
        request = request.header(AUTHORIZATION, caller);
    }
    request.body(body::Body::from(sent.to_owned())).unwrap()
}

#[tokio::test]
async fn a_handler_is_given_what_the_route_says_and_answers_as_it_says() {
    let named = HttpRequest::get("/v1/region-4%34").body(body::Body::empty()).unwrap();
    assert_eq!(ask(named).await, (200, "text/plain; charset=utf-8".to_owned(), "region-44".to_owned()));
    assert_eq!(
        ask(post("application/json", Some("me"), "[1, 2]")).await,
        (201, media::JSON.to_owned(), "3".to_owned())
    );
    let long = format!("[{}1]", "1, ".repeat(SMALL_BYTES));
    assert_eq!(ask(post("Application/JSON; charset=utf-8", Some("me"), &long)).await.2, (SMALL_BYTES + 1).to_string());
}

#[tokio::test]
async fn a_handler_is_not_called_for_what_the_route_does_not_take() {
    let wrong = |path: &str| HttpRequest::get(path).body(body::Body::empty()).unwrap();
    for (request, status, word) in [
        (wrong("/v1/Region"), 400, "malformed"),
        (post("text/plain", Some("me"), "[]"), 415, "wrong-content-type"),
        (post("application/json", None, "[]"), 401, "no-token"),
        (post("application/json", Some("me"), "[-1]"), 400, "malformed"),
        (post("application/json", Some("me"), &" ".repeat((1 << 20) + 1)), 413, "too-large"),
    ] {
        let (answered, kind, said) = ask(request).await;
        assert_eq!((answered, kind.as_str()), (status, media::PROBLEM_JSON), "{said}");
        assert_eq!(serde_json::from_str::<Problem>(&said).unwrap().word(), word);
    }
}
