//! What can go wrong with a call, and whether to try again.
//!
//! Kept true: no error carries a token, an assertion or what was sent; what a server says of itself is cut and
//! freed of control characters, so that it can be shown on a terminal and logged.

use std::{error::Error, fmt, ops::Deref, time::Duration};

use nacre_schemas::problem::{Problem, Retry};
use nacre_wire::{body::BodyError, media::PROBLEM_JSON, parameters::ParameterError, token::TokenError};
use reqwest::{
    StatusCode, Url,
    header::{HeaderMap, HeaderValue, RETRY_AFTER},
};

use crate::{AddressError, key::KeyError};

/// The longest text of a server that is shown, in characters.
const MAX_SHOWN_CHARACTERS: usize = 1_024;

/// The longest pause that a server can ask for, in seconds.
const MAX_RETRY_AFTER_S: u32 = 3_600;

/// A problem as it was received. It reads as the [`Problem`] it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedProblem {
    /// The problem, with the status of the response.
    pub problem: Problem,
    /// How long the server asks to wait, in seconds.
    pub retry_after_s: Option<u32>,
}

impl Deref for ReceivedProblem {
    type Target = Problem;
    fn deref(&self) -> &Problem {
        &self.problem
    }
}

impl fmt::Display for ReceivedProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.problem.fmt(f)
    }
}

/// Why a call brought no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The server says what is wrong.
    #[error("{0}")]
    Problem(Box<ReceivedProblem>),
    /// The server's token endpoint refuses (RFC 6749 §5.2).
    #[error("{url} issues no token ({word}): {description}", word = error.as_str())]
    Token {
        /// The token endpoint.
        url: String,
        /// The error's word.
        error: TokenError,
        /// What it says.
        description: String,
        /// HTTP status.
        status: u16,
        /// How long the server asks to wait, in seconds.
        retry_after_s: Option<u32>,
    },
    /// Another status than success, without a problem: something between us and the server, perhaps.
    #[error("{url} answered with status {status}")]
    Status {
        /// What was called.
        url: String,
        /// HTTP status.
        status: u16,
        /// How long to wait, in seconds.
        retry_after_s: Option<u32>,
    },
    /// No response, or half of one.
    #[error("{url}: {detail}")]
    Transport {
        /// What was called.
        url: String,
        /// What went wrong.
        detail: String,
    },
    /// The server hangs: it said nothing, not even to a question for its health.
    #[error("{url} does not answer: nothing came in {waited_s} s, not even to a question for its health")]
    Silent {
        /// The server.
        url: String,
        /// How long it was waited for, in seconds.
        waited_s: u64,
    },
    /// The response is not what was expected.
    #[error("{url} answered with something else than expected: {detail}")]
    Malformed {
        /// What was called.
        url: String,
        /// Where it departs.
        detail: String,
    },
    /// The response is longer than is taken.
    #[error("{url} answered with more than {limit_bytes} bytes")]
    TooLong {
        /// What was called.
        url: String,
        /// The limit.
        limit_bytes: usize,
    },
    /// Our mistake: the server's address.
    #[error(transparent)]
    Address(AddressError),
    /// Our mistake: a path that leads to another server.
    #[error("{0} is no path on a server")]
    Path(String),
    /// Our mistake: parameters that cannot stand in an address.
    #[error("the address cannot be written: {0}")]
    Parameter(#[from] ParameterError),
    /// Our mistake: a body that cannot be written.
    #[error("what was to be sent cannot be written: {0}")]
    Unwritable(#[from] BodyError),
    /// Our access key cannot sign, or there is no randomness to name an assertion with.
    #[error("no assertion can be signed: {0}")]
    Key(#[from] KeyError),
    /// The HTTP client cannot be set up: no certificates to trust, most often.
    #[error("the HTTP client cannot be set up: {0}")]
    Setup(String),
}

impl ClientError {
    /// Whether the same call can succeed a little later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Problem(problem) => problem.retry == Retry::Later || is_passing(problem.status),
            Self::Token { status, .. } | Self::Status { status, .. } => is_passing(*status),
            Self::Transport { .. } | Self::Silent { .. } => true,
            _ => false,
        }
    }

    /// How long the server asks to wait, an hour at most; a date instead of a number of seconds counts as none.
    pub fn retry_after(&self) -> Option<Duration> {
        let seconds = match self {
            Self::Problem(problem) => problem.retry_after_s,
            Self::Token { retry_after_s, .. } | Self::Status { retry_after_s, .. } => *retry_after_s,
            _ => None,
        };
        seconds.map(|seconds| Duration::from_secs(seconds.into()))
    }

    /// The problem, if the server named one.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Problem(received) => Some(&received.problem),
            _ => None,
        }
    }

    pub(super) fn transport(url: &Url, error: reqwest::Error) -> Self {
        let error = error.without_url();
        let detail = refused_certificate(&error).map_or_else(|| chain(&error), str::to_owned);
        Self::Transport { url: url.to_string(), detail }
    }

    pub(super) fn malformed(url: &Url, detail: impl fmt::Display) -> Self {
        Self::Malformed { url: url.to_string(), detail: shown(&detail.to_string()) }
    }

    /// The error of a response that is no success.
    pub(super) fn of_response(
        url: &Url,
        status: StatusCode,
        content_type: Option<&HeaderValue>,
        body: &[u8],
        retry_after_s: Option<u32>,
    ) -> Self {
        let media_type = content_type.and_then(|value| value.to_str().ok()).unwrap_or_default();
        let media_type = media_type.split(';').next().unwrap_or_default().trim();
        if media_type.eq_ignore_ascii_case(PROBLEM_JSON)
            && let Ok(mut problem) = serde_json::from_slice::<Problem>(body)
        {
            problem.kind = shown(&problem.kind);
            problem.title = shown(&problem.title);
            problem.detail = shown(&problem.detail);
            problem.check = problem.check.as_deref().map(shown);
            // The response's own, which is what was acted on along the way.
            problem.status = status.as_u16();
            return Self::Problem(Box::new(ReceivedProblem { problem, retry_after_s }));
        }
        Self::Status { url: url.to_string(), status: status.as_u16(), retry_after_s }
    }
}

fn is_passing(status: u16) -> bool {
    matches!(status, 429 | 500..=504)
}

/// The seconds that `Retry-After` asks for.
pub(super) fn retry_after_s(headers: &HeaderMap) -> Option<u32> {
    let seconds: u32 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(seconds.min(MAX_RETRY_AFTER_S))
}

/// What is wrong with the certificate that the server showed, or that it was shown, if that is what ended the call.
fn refused_certificate(error: &reqwest::Error) -> Option<&'static str> {
    use rustls::{AlertDescription as Alert, CertificateError as Certificate, Error as Tls};
    let mut source = error.source();
    while let Some(error) = source {
        let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        let tls = wrapped.and_then(|inner| inner.downcast_ref::<Tls>()).or_else(|| error.downcast_ref::<Tls>());
        match tls {
            Some(Tls::InvalidCertificate(Certificate::UnknownIssuer)) => {
                return Some(
                    "the server's certificate is not from a CA that is trusted here: name the right one as `ca` in `[tls]`, or \
                     another is answering in its place",
                );
            }
            Some(Tls::InvalidCertificate(Certificate::Expired | Certificate::ExpiredContext { .. })) => {
                return Some("the server's certificate has expired: its operator has to renew it");
            }
            Some(Tls::InvalidCertificate(
                Certificate::NotValidForName | Certificate::NotValidForNameContext { .. },
            )) => {
                return Some("the server's certificate is for another name than the one it was called by");
            }
            Some(Tls::AlertReceived(Alert::CertificateRequired)) => {
                return Some(
                    "the server asks for a certificate: name one as `certificate`, with its `key`, in `[tls]`",
                );
            }
            Some(Tls::AlertReceived(Alert::CertificateExpired)) => {
                return Some("the certificate shown to the server has expired: renew `certificate` in `[tls]`");
            }
            Some(Tls::AlertReceived(Alert::UnknownCA | Alert::BadCertificate | Alert::CertificateUnknown)) => {
                return Some("the server does not take the certificate that it was shown: `certificate` in `[tls]`");
            }
            _ => source = wrapped.map(|inner| inner as &(dyn Error + 'static)).or_else(|| error.source()),
        }
    }
    None
}

/// An error and what it came from, in one line: `reqwest` names the cause only in its sources.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    shown(&text)
}

/// A foreign text as it can be shown.
pub(super) fn shown(text: &str) -> String {
    text.chars().filter(|character| !character.is_control()).take(MAX_SHOWN_CHARACTERS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, content_type: &'static str, body: &str) -> ClientError {
        let url = Url::parse("http://exchange.example/v1/chains").unwrap();
        let status = StatusCode::from_u16(status).unwrap();
        let content_type = HeaderValue::from_static(content_type);
        ClientError::of_response(&url, status, Some(&content_type), body.as_bytes(), Some(7))
    }

    #[test]
    fn a_problem_is_read_whatever_the_parameters_of_its_media_type() {
        let problem = Problem::new(409, "nothing-to-seal", "Nothing to seal", "the epoch is empty");
        let body = serde_json::to_string(&problem).unwrap();
        for content_type in ["application/problem+json", "Application/Problem+JSON; charset=utf-8"] {
            let error = of(409, content_type, &body);
            assert_eq!(error.problem(), Some(&problem));
            assert_eq!(error.retry_after(), Some(Duration::from_secs(7)));
            assert!(!error.is_retryable());
        }
        for (content_type, body) in [("text/html", body.as_str()), ("application/problem+json", "<html>")] {
            assert!(matches!(of(502, content_type, body), ClientError::Status { status: 502, .. }));
        }
    }

    #[test]
    fn the_status_is_the_responses_and_the_text_can_be_shown() {
        let problem = Problem::new(200, "odd", "a\u{1b}[2Jb", "x".repeat(5_000));
        let error = of(500, "application/problem+json", &serde_json::to_string(&problem).unwrap());
        let problem = error.problem().unwrap();
        assert_eq!((problem.status, problem.title.as_str()), (500, "a[2Jb"));
        assert_eq!(problem.detail.len(), MAX_SHOWN_CHARACTERS);
    }

    #[test]
    fn what_passes_by_itself_is_retryable() {
        for (status, retry, expected) in [
            (400, Retry::No, false),
            (401, Retry::WithNewToken, false),
            (409, Retry::Later, true),
            (429, Retry::No, true),
            (500, Retry::No, true),
            (501, Retry::No, true),
            (504, Retry::No, true),
            (505, Retry::No, false),
        ] {
            let body = serde_json::to_string(&Problem::new(status, "odd", "", "").retry(retry)).unwrap();
            assert_eq!(of(status, "application/problem+json", &body).is_retryable(), expected, "{status}");
        }
        assert!(of(503, "text/html", "").is_retryable() && !of(404, "text/html", "").is_retryable());
    }

    #[test]
    fn retry_after_is_bounded_and_a_date_is_passed_over() {
        let of =
            |text: &'static str| retry_after_s(&HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(text))]));
        assert_eq!(of("3"), Some(3));
        assert_eq!(of("999999"), Some(MAX_RETRY_AFTER_S));
        assert_eq!(of("-1"), None);
        assert_eq!(of("Fri, 31 Dec 1999 23:59:59 GMT"), None);
    }
}
