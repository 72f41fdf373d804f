//! Reading what a caller sends, under a cap and a time.
//!
//! Errors: problems `too-large` (413), `too-slow` (408), `incomplete-body` (400). Cost: the body, in memory once.

use std::{error::Error, time::Duration};

use axum::{
    body::{self, Body, Bytes},
    http::{HeaderMap, header::CONTENT_LENGTH},
};
use nacre_schemas::problem::{Problem, Retry};

/// What is taken of a body.
#[derive(Clone, Copy, Debug)]
pub struct Cap {
    /// Its length, in bytes.
    pub bytes: usize,
    /// How long it may take to arrive.
    pub time: Duration,
}

impl Cap {
    /// The whole body.
    pub async fn read(self, headers: &HeaderMap, body: Body) -> Result<Bytes, Problem> {
        let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        if announced.is_some_and(|length| length > self.bytes as u64) {
            return Err(self.too_large());
        }
        match tokio::time::timeout(self.time, body::to_bytes(body, self.bytes)).await {
            Ok(Ok(bytes)) => Ok(bytes),
            Ok(Err(error)) if is_of_length(&error) => Err(self.too_large()),
            Ok(Err(_)) => {
                let detail = "the body did not arrive whole";
                Err(Problem::new(400, "incomplete-body", "Incomplete body", detail).retry(Retry::Later))
            }
            Err(_) => {
                let detail = format!("the body did not arrive within {} s", self.time.as_secs());
                Err(Problem::new(408, "too-slow", "Too slow", detail).retry(Retry::Later))
            }
        }
    }

    fn too_large(self) -> Problem {
        Problem::new(413, "too-large", "Too large", format!("at most {} bytes are taken here", self.bytes))
    }
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
        let none = HeaderMap::new();
        assert_eq!(&cap.read(&none, Body::from("abc")).await.unwrap()[..], b"abc");
        assert_eq!(cap.read(&none, Body::from("abcd")).await.unwrap_err().word(), "too-large");
        let announced = [(CONTENT_LENGTH, HeaderValue::from_static("4"))].into_iter().collect();
        assert_eq!(cap.read(&announced, Body::empty()).await.unwrap_err().status, 413);
        let broken = futures::stream::iter([Err::<Bytes, _>(std::io::Error::other("gone"))]);
        assert_eq!(cap.read(&none, Body::from_stream(broken)).await.unwrap_err().word(), "incomplete-body");
        let never = futures::stream::pending::<Result<Bytes, std::io::Error>>();
        assert_eq!(cap.read(&none, Body::from_stream(never)).await.unwrap_err().status, 408);
    }
}
