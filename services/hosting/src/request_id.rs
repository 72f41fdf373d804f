//! The name of a request (`X-Request-Id`): taken from the caller or made here, on every line about it, in the answer, and
//! handed on with the calls that are made for it.
//!
//! Kept true: what a caller gives is taken only if it is short and of letters, digits, `.`, `_` and `-`.
//!
//! No errors. Cost: 16 random bytes a request that brings none.

use std::{fmt, sync::Arc};

use axum::http::{HeaderMap, HeaderName, HeaderValue};

/// The header.
pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");
/// The longest that is taken, in characters.
const MAX_CHARACTERS: usize = 64;

tokio::task_local! {
    static CURRENT: RequestId;
}

/// The name of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// The caller's, or a new one.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        headers.get(HEADER).and_then(|given| given.to_str().ok()).and_then(Self::parse).unwrap_or_else(Self::new)
    }

    fn parse(text: &str) -> Option<Self> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        let fits = (1..=MAX_CHARACTERS).contains(&text.len()) && text.bytes().all(allowed);
        fits.then(|| Self(text.into()))
    }

    fn new() -> Self {
        let mut bytes = [0; 16];
        // A name that is not unique misleads nobody but a reader of logs.
        let _ = getrandom::fill(&mut bytes);
        Self(hex::encode(bytes).into())
    }

    /// That of the request that is being answered on this task, if one is.
    pub fn current() -> Option<Self> {
        CURRENT.try_with(Self::clone).ok()
    }

    /// Runs the work as part of the request.
    pub(crate) async fn scope<F: Future>(self, work: F) -> F::Output {
        CURRENT.scope(self, work).await
    }

    /// As a header's value.
    pub fn to_header(&self) -> Option<HeaderValue> {
        HeaderValue::from_str(&self.0).ok()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A task of its own that is part of the request at work, if one is.
pub fn spawn<F>(work: F) -> tokio::task::JoinHandle<F::Output>
where
    F: Future<Output: Send> + Send + 'static,
{
    let span = tracing::Span::current();
    match RequestId::current() {
        Some(id) => tokio::spawn(tracing::Instrument::instrument(id.scope(work), span)),
        None => tokio::spawn(tracing::Instrument::instrument(work, span)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

    use super::*;

    #[test]
    fn a_callers_name_is_taken_if_it_can_do_no_harm() {
        let of = |given: &[u8]| {
            let headers = [(HEADER, HeaderValue::from_bytes(given).unwrap())];
            RequestId::of(&headers.into_iter().collect()).to_string()
        };
        assert_eq!(of(b"a-1.B_2"), "a-1.B_2");
        for bad in [&b""[..], b"two words", b"line\tbreak", "\u{e9}".as_bytes(), &[b'a'; MAX_CHARACTERS + 1]] {
            let made = of(bad);
            assert!(made.len() == 32 && made.bytes().all(|byte| byte.is_ascii_hexdigit()), "{made}");
        }
        assert_ne!(RequestId::of(&HeaderMap::new()), RequestId::of(&HeaderMap::new()));
    }

    #[tokio::test]
    async fn work_of_a_request_carries_its_name_and_other_work_none() {
        assert_eq!(RequestId::current(), None);
        let id = RequestId::parse("one").unwrap();
        let carried = id.clone().scope(async { spawn(async { RequestId::current() }).await.unwrap() }).await;
        assert_eq!(carried, Some(id));
        assert_eq!(spawn(async { RequestId::current() }).await.unwrap(), None);
    }
}
