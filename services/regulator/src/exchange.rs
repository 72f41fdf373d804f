//! Calls to exchanges, chain by chain.
//!
//! Kept true: what comes back is only read here, and believed nowhere before [`crate::query`] has checked it. Errors
//! name the chain and what was asked of it. Chains at one address share a connection and its tokens. An exchange that has as
//! much to do as it takes is asked again for [`PATIENCE`], ever less often: all that is asked of it here can be repeated. One
//! that hangs is given up within seconds, and with it the query, which can do without none of its chains.

use nacre_hosting::retry::Pauses;
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use nacre_access::{
    Scope,
    client::{Client, ClientError},
    key::AccessKey,
};
use nacre_hosting::tls::ClientTls;
use nacre_schemas::{
    Digest, Document as _,
    cross::{LoggedCrossRequest, SignedCrossRequest},
    dossier::{ChainAnswer, Inclusion, LoggedRequest, Note},
    id::{ChainId, MemberId},
    query::{SealProof, SignedRequest},
    release::Release,
};
use serde::Deserialize;

use crate::error::QueryError;

const LOOKING_UP: &str = "looking up a seal";
const LOGGING: &str = "logging the request";
const READING: &str = "reading cells";
/// How long an exchange is asked again that has no place for the request.
const PATIENCE: Duration = Duration::from_secs(60);
/// The pauses between.
const PAUSES: Pauses = Pauses::new(Duration::from_millis(250), Duration::from_secs(10));

/// The exchanges of the chains that the configuration names.
pub(crate) struct Exchanges {
    clients: BTreeMap<ChainId, Arc<Client>>,
}

/// The main chain's word that it holds a release.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Publication {
    /// Its place in the chain, from 0.
    pub leaf: u64,
    /// RFC 6962 audit path.
    pub proof: Vec<Digest>,
    /// The chain's checkpoint that covers it.
    pub checkpoint: Note,
}

impl Publication {
    /// Its place as the verifier takes it.
    pub fn inclusion(&self) -> Inclusion {
        Inclusion { leaf: self.leaf, proof: self.proof.clone() }
    }
}

impl Exchanges {
    pub(crate) fn new(
        addresses: &BTreeMap<ChainId, String>,
        member: &MemberId,
        key: &Arc<AccessKey>,
        tls: &ClientTls,
    ) -> Result<Self, QueryError> {
        let mut by_url: BTreeMap<&str, Arc<Client>> = BTreeMap::new();
        let mut clients = BTreeMap::new();
        for (chain, url) in addresses {
            if !by_url.contains_key(url.as_str()) {
                let client = Client::new(url, member.clone(), Arc::clone(key), tls)
                    .map_err(|error| QueryError::OwnAddresses { whom: chain.to_string(), reason: error.to_string() })?;
                by_url.insert(url, Arc::new(client));
            }
            clients.insert(chain.clone(), Arc::clone(&by_url[url.as_str()]));
        }
        Ok(Self { clients })
    }

    /// The seal of that number, or the latest, and its place under a final checkpoint.
    pub(crate) async fn seal(&self, chain: &ChainId, number: Option<u64>) -> Result<SealProof, QueryError> {
        let which = number.map_or("latest".to_owned(), |number| number.to_string());
        let (client, path) = (self.client(chain)?, path(chain, &format!("seals/{which}")));
        match patiently(async || client.get_json(&path, None).await).await {
            Ok(seal) => Ok(seal),
            Err(error) if error.problem().is_some_and(|problem| problem.word() == "no-seal") => {
                Err(QueryError::ChainWithoutSeal { chain: chain.clone() })
            }
            Err(error) => Err(blame(chain, LOOKING_UP, error)),
        }
    }

    pub(crate) async fn log(&self, main: &ChainId, request: &SignedRequest) -> Result<LoggedRequest, QueryError> {
        let (client, path) = (self.client(main)?, path(main, "requests"));
        let answer = patiently(async || client.post_json(&path, Scope::LogWrite, request).await).await;
        answer.map_err(|error| blame(main, LOGGING, error))
    }

    /// Has the main chain log a request of the cross lane.
    pub(crate) async fn log_cross(
        &self,
        main: &ChainId,
        request: &SignedCrossRequest,
    ) -> Result<LoggedCrossRequest, QueryError> {
        let (client, path) = (self.client(main)?, path(main, "cross/requests"));
        let answer = patiently(async || client.post_json(&path, Scope::LogWrite, request).await).await;
        answer.map_err(|error| blame(main, LOGGING, error))
    }

    pub(crate) async fn cells(&self, chain: &ChainId, logged: &LoggedRequest) -> Result<ChainAnswer, QueryError> {
        let (client, path) = (self.client(chain)?, path(chain, "cells"));
        let answer = patiently(async || client.post_json(&path, Scope::CellsRead, logged).await).await;
        answer.map_err(|error| blame(chain, READING, error))
    }

    /// Publishes the release. The error is for people: the caller still has the release.
    pub(crate) async fn publish(&self, main: &ChainId, release: &Release) -> Result<Publication, String> {
        let client = self.client(main).map_err(|error| error.to_string())?;
        let path = path(main, "releases");
        let media_type = "application/vnd.nacre.release";
        let answer =
            patiently(async || client.post_bytes(&path, Scope::LogWrite, media_type, release.to_canonical()).await);
        answer.await.map_err(|error| error.to_string())
    }

    fn client(&self, chain: &ChainId) -> Result<&Client, QueryError> {
        let missing = || QueryError::OwnAddresses {
            whom: chain.to_string(),
            reason: "`[exchanges]` does not name this chain".to_owned(),
        };
        self.clients.get(chain).map(Arc::as_ref).ok_or_else(missing)
    }
}

/// Asks again while the exchange says that it has no place.
async fn patiently<T>(ask: impl AsyncFn() -> Result<T, ClientError>) -> Result<T, ClientError> {
    let (begun, mut pauses) = (Instant::now(), PAUSES);
    loop {
        match ask().await {
            Err(error) if error.problem().is_some_and(|problem| problem.word() == "busy") => {
                let pause = pauses.after(error.retry_after());
                if begun.elapsed() + pause >= PATIENCE {
                    return Err(error);
                }
                tokio::time::sleep(pause).await;
            }
            other => return other,
        }
    }
}

fn path(chain: &ChainId, rest: &str) -> String {
    format!("/v1/chains/{}/{rest}", chain.slug())
}

fn blame(chain: &ChainId, doing: &'static str, error: ClientError) -> QueryError {
    let chain = chain.clone();
    match error.problem() {
        Some(problem) => QueryError::ExchangeRefused { chain, doing, problem: Box::new(problem.clone()) },
        None if error.is_retryable() => {
            let reason = format!("{error}; a query needs all of its chains: ask again when it answers");
            QueryError::ExchangeUnreachable { chain, doing, reason }
        }
        None => QueryError::ExchangeUnreachable { chain, doing, reason: error.to_string() },
    }
}
