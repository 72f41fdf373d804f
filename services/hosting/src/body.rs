//! Reading what a caller sends, under a cap and a time.
//!
//! Errors: problems `too-large` (413), `too-slow` (408), `incomplete` (400). Cost: the body, in memory once.

use std::{error::Error, time::Duration};

use axum::{
    body::{self, Body, Bytes},
    http::{HeaderMap, header::CONTENT_LENGTH},
};
use nacre_schemas::problem::Problem;
use nacre_wire::problem::{INCOMPLETE, TOO_LARGE, TOO_SLOW};

/// What is taken of a body.
#[derive(Clone, Copy, Debug)]
pub struct Cap {
    /// Its length, in bytes.
    pub bytes: usize,
    /// How long it may take to arrive.
    pub time: Duration,
}

impl Cap {
    /// The whole body, of which so many bytes were announced.
    pub async fn read(self, announced: Option<u64>, body: Body) -> Result<Bytes, Problem> {
        if announced.is_some_and(|length| length > self.bytes as u64) {
            return Err(self.too_large());
        }
        match tokio::time::timeout(self.time, body::to_bytes(body, self.bytes)).await {
            Ok(Ok(bytes)) => Ok(bytes),
            Ok(Err(error)) if is_of_length(&error) => Err(self.too_large()),
            Ok(Err(_)) => Err(INCOMPLETE.problem("the body did not arrive whole")),
            Err(_) => Err(TOO_SLOW.problem(format!("the body did not arrive within {} s", self.time.as_secs()))),
        }
    }

    fn too_large(self) -> Problem {
        TOO_LARGE.problem(format!("at most {} bytes are taken here", self.bytes))
    }
}

/// How many bytes a body is said to have.
pub(crate) fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Whether a body was too long: the libraries say so only by the error that they carry.
fn is_of_length(error: &axum::Error) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<http_body_util::LengthLimitError>() {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

    use axum::http::HeaderValue;

    use super::*;

    #[tokio::test]
    async fn what_does_not_arrive_as_it_should_is_said() {
        let cap = Cap { bytes: 3, time: Duration::from_millis(50) };
        assert_eq!(&cap.read(None, Body::from("abc")).await.unwrap()[..], b"abc");
        assert_eq!(cap.read(None, Body::from("abcd")).await.unwrap_err().word(), "too-large");
        let announced = announced(&[(CONTENT_LENGTH, HeaderValue::from_static("4"))].into_iter().collect());
        assert_eq!(cap.read(announced, Body::empty()).await.unwrap_err().status, 413);
        let broken = futures::stream::iter([Err::<Bytes, _>(std::io::Error::other("gone"))]);
        assert_eq!(cap.read(None, Body::from_stream(broken)).await.unwrap_err().word(), "incomplete");
        let never = futures::stream::pending::<Result<Bytes, std::io::Error>>();
        assert_eq!(cap.read(None, Body::from_stream(never)).await.unwrap_err().status, 408);
    }
}
