//! Calls without a token, to servers that speak for themselves: what a witness answers is signed.

use std::time::Duration;

use nacre_hosting::tls::ClientTls;
use reqwest::{Method, Response, StatusCode, Url, header::CONTENT_TYPE};

use super::{CONNECT_TIMEOUT, ClientError, http_client, read_body, silence};
use crate::address::Address;

/// A server that is called without a token.
pub struct PlainClient {
    http: reqwest::Client,
    address: Address,
    timeout: Duration,
    max_response_bytes: usize,
}

/// What it answered, whatever the status.
#[derive(Clone, Debug)]
pub struct PlainResponse {
    /// The status.
    pub status: StatusCode,
    /// The body, as text.
    pub body: String,
}

impl PlainClient {
    /// A client of the server at `base_url`; answers longer than the limit are refused.
    pub fn new(
        base_url: &str,
        timeout: Duration,
        max_response_bytes: usize,
        tls: &ClientTls,
    ) -> Result<Self, ClientError> {
        let address = Address::parse(base_url)?;
        Ok(Self {
            http: http_client(&address, tls)?,
            address,
            timeout: timeout.max(CONNECT_TIMEOUT),
            max_response_bytes,
        })
    }

    /// The server's address, without a slash at its end.
    pub fn base_url(&self) -> &str {
        self.address.as_str()
    }

    /// Posts text, gets text.
    pub async fn post_text(&self, path: &str, body: String) -> Result<PlainResponse, ClientError> {
        self.text(Method::POST, path, Some(body)).await
    }

    /// Gets text.
    pub async fn get_text(&self, path: &str) -> Result<PlainResponse, ClientError> {
        self.text(Method::GET, path, None).await
    }

    /// Gets bytes; any status but success is an error.
    pub async fn get_bytes(&self, path: &str) -> Result<Vec<u8>, ClientError> {
        silence::watched(&self.http, &self.address, self.bytes(path)).await
    }

    async fn bytes(&self, path: &str) -> Result<Vec<u8>, ClientError> {
        let (url, response) = self.begin(Method::GET, path, None).await?;
        let (status, content_type) = (response.status(), response.headers().get(CONTENT_TYPE).cloned());
        let body = read_body(&url, response, self.max_response_bytes).await?;
        if status.is_success() {
            return Ok(body);
        }
        Err(ClientError::of_response(&url, status, content_type.as_ref(), &body, None))
    }

    async fn text(&self, method: Method, path: &str, body: Option<String>) -> Result<PlainResponse, ClientError> {
        let asking = async {
            let (url, response) = self.begin(method, path, body).await?;
            let status = response.status();
            let body = read_body(&url, response, self.max_response_bytes).await?;
            let body = String::from_utf8(body).map_err(|error| ClientError::malformed(&url, error.utf8_error()))?;
            Ok(PlainResponse { status, body })
        };
        silence::watched(&self.http, &self.address, asking).await
    }

    async fn begin(&self, method: Method, path: &str, body: Option<String>) -> Result<(Url, Response), ClientError> {
        let url = self.address.at(path).ok_or_else(|| ClientError::Path(path.to_owned()))?;
        let mut request = self.http.request(method, url.clone()).timeout(self.timeout);
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "text/plain; charset=utf-8").body(body);
        }
        let response = request.send().await.map_err(|error| ClientError::transport(&url, error))?;
        Ok((url, response))
    }
}
