//! Calls without a token, to servers that speak for themselves: what a witness answers is signed.

use std::time::Duration;

use nacre_hosting::tls::ClientTls;
use nacre_wire::{
    Route,
    body::{Body, Nothing},
    parameters::Parameters,
};
use reqwest::{Response, StatusCode, Url, header::CONTENT_TYPE};

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

    /// Calls a route, and gives what it answers, whatever the status.
    pub async fn ask<P: Parameters, Q: Body, S: Body>(
        &self,
        route: Route<P, Q, S>,
        parameters: &P,
        body: &Q::Value,
    ) -> Result<PlainResponse, ClientError> {
        let asking = async {
            let (url, response) = self.begin(&route, parameters, body).await?;
            let status = response.status();
            let body = read_body(&url, response, self.max_response_bytes).await?;
            let body = String::from_utf8(body).map_err(|error| ClientError::malformed(&url, error.utf8_error()))?;
            Ok(PlainResponse { status, body })
        };
        silence::watched(&self.http, &self.address, asking).await
    }

    /// Calls a route that takes no body; any status but success is an error.
    pub async fn get<P: Parameters, S: Body>(
        &self,
        route: Route<P, Nothing, S>,
        parameters: &P,
    ) -> Result<S::Value, ClientError> {
        let asking = async {
            let (url, response) = self.begin(&route, parameters, &()).await?;
            let (status, content_type) = (response.status(), response.headers().get(CONTENT_TYPE).cloned());
            let body = read_body(&url, response, self.max_response_bytes).await?;
            if status.is_success() {
                return S::decode(body.into()).map_err(|error| ClientError::malformed(&url, error));
            }
            Err(ClientError::of_response(&url, status, content_type.as_ref(), &body, None))
        };
        silence::watched(&self.http, &self.address, asking).await
    }

    async fn begin<P: Parameters, Q: Body, S: Body>(
        &self,
        route: &Route<P, Q, S>,
        parameters: &P,
        body: &Q::Value,
    ) -> Result<(Url, Response), ClientError> {
        let url = super::url(&self.address, route, parameters)?;
        let method = super::method(route.facts().method);
        let mut request = self.http.request(method, url.clone()).timeout(self.timeout);
        if let Some(kind) = super::content_type::<Q>() {
            request = request.header(CONTENT_TYPE, kind).body(Q::encode(body)?);
        }
        let response = request.send().await.map_err(|error| ClientError::transport(&url, error))?;
        Ok((url, response))
    }
}
