//! Problems as HTTP responses (RFC 9457): `application/problem+json`, with the headers that go with the status.

use axum::{
    http::{
        HeaderValue, StatusCode,
        header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
    },
    response::{IntoResponse, Response},
};
use nacre_schemas::problem::{Problem, Retry};
use nacre_wire::{
    media::{PROBLEM_JSON, TEXT, content_type},
    problem::{
        INSUFFICIENT_SCOPE, INTERNAL, MALFORMED, METHOD_NOT_ALLOWED, NO_SUCH_ROUTE, NO_TOKEN, TOO_LARGE, TOOK_TOO_LONG,
    },
};

/// Why an answer is a refusal, beside the answer: for counting. It is a word of the program, nothing that a peer sent.
#[derive(Clone, Debug)]
pub struct Reason(pub String);

/// A problem that a handler can return.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProblemResponse(pub Problem);

impl From<Problem> for ProblemResponse {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl IntoResponse for ProblemResponse {
    fn into_response(self) -> Response {
        let Self(problem) = self;
        let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, axum::Json(&problem)).into_response();
        response.extensions_mut().insert(Reason(problem.word().to_owned()));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        let busy = matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS);
        if busy && problem.retry == Retry::Later {
            headers.insert(RETRY_AFTER, HeaderValue::from(problem.retry_after_s.unwrap_or(1)));
        }
        if let Some(challenge) = challenge(status, problem.word()) {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        response
    }
}

/// The problem as a line of text, for a server whose callers read no documents: status and headers are the same.
pub fn as_text(problem: Problem) -> Response {
    let text = format!("{}\n", problem.detail);
    let (mut parts, _) = ProblemResponse(problem).into_response().into_parts();
    parts.headers.remove(CONTENT_LENGTH);
    parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type(TEXT)));
    Response::from_parts(parts, text.into())
}

/// The problem behind a status that a library answers by itself.
pub fn of_status(status: StatusCode) -> Problem {
    match status {
        StatusCode::SERVICE_UNAVAILABLE => {
            let detail =
                "it took longer than this address gives a request; what was sent may or may not have been taken";
            TOOK_TOO_LONG.problem(detail)
        }
        StatusCode::PAYLOAD_TOO_LARGE => TOO_LARGE.problem("the body is longer than this address takes"),
        StatusCode::NOT_FOUND => NO_SUCH_ROUTE.problem("there is nothing at this address"),
        StatusCode::METHOD_NOT_ALLOWED => METHOD_NOT_ALLOWED.problem("this address does not take that method"),
        status if status.is_server_error() => {
            let detail = "the server failed; its operator finds the cause in its log";
            Problem { status: status.as_u16(), ..INTERNAL.problem(detail) }
        }
        status => Problem { status: status.as_u16(), ..MALFORMED.problem("the request cannot be read as it is") },
    }
}

/// RFC 6750 §3: a caller that sent no token is told the scheme only, others what is wrong with theirs.
fn challenge(status: StatusCode, word: &str) -> Option<&'static str> {
    match status {
        StatusCode::UNAUTHORIZED if word == NO_TOKEN.word => Some("Bearer"),
        StatusCode::UNAUTHORIZED => Some("Bearer error=\"invalid_token\""),
        StatusCode::FORBIDDEN if word == INSUFFICIENT_SCOPE.word => Some("Bearer error=\"insufficient_scope\""),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(problem: Problem, name: &axum::http::HeaderName) -> Option<String> {
        let response = ProblemResponse(problem).into_response();
        response.headers().get(name).map(|value| value.to_str().unwrap().to_owned())
    }

    #[tokio::test]
    async fn the_body_is_the_problem_under_its_media_type_and_status() {
        let problem = Problem::new(422, "bad-batch", "Bad batch", "range proof").at_entry(3).by_check("range");
        let response = ProblemResponse::from(problem.clone()).into_response();
        assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
        let body = axum::body::to_bytes(response.into_body(), 4_096).await.unwrap();
        assert_eq!(serde_json::from_slice::<Problem>(&body).unwrap(), problem);
    }

    #[test]
    fn retry_after_goes_with_a_busy_status_and_the_advice_to_come_back() {
        for (status, retry, expected) in [
            (503, Retry::Later, Some("1")),
            (429, Retry::Later, Some("1")),
            (503, Retry::No, None),
            (409, Retry::Later, None),
        ] {
            let problem = Problem::new(status, "busy", "Busy", "").retry(retry);
            assert_eq!(header(problem, &RETRY_AFTER).as_deref(), expected, "{status} {retry:?}");
        }
        let known = Problem::new(429, "too-many", "Too many", "").retry_after(7_200);
        assert_eq!(header(known, &RETRY_AFTER).as_deref(), Some("7200"));
    }

    #[test]
    fn every_401_carries_a_challenge() {
        for (status, word, expected) in [
            (401, NO_TOKEN.word, Some("Bearer")),
            (401, "expired-token", Some("Bearer error=\"invalid_token\"")),
            (403, INSUFFICIENT_SCOPE.word, Some("Bearer error=\"insufficient_scope\"")),
            (403, "other-jurisdiction", None),
            (404, "no-seal", None),
        ] {
            assert_eq!(header(Problem::new(status, word, "", ""), &WWW_AUTHENTICATE).as_deref(), expected, "{word}");
        }
    }

    #[test]
    fn a_status_that_http_does_not_have_becomes_500() {
        let response = ProblemResponse(Problem::new(7, "odd", "", "")).into_response();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
