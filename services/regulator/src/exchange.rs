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
    client::{Client, ClientError},
    key::AccessKey,
};
use nacre_hosting::tls::ClientTls;
use nacre_schemas::{
    cross::CrossRequest,
    dossier::{ChainAnswer, LoggedRequest},
    id::{ChainId, MemberId},
    log::Logged,
    query::{Request, SealProof, SignedRequest},
    release::Release,
};
use nacre_wire::{
    exchange::{
        GET_LATEST_SEAL, GET_SEAL, NO_SEAL, NumberedSeal, OfChain, POST_CELLS, POST_CROSS_REQUEST, POST_RELEASE,
        POST_REQUEST,
    },
    problem::BUSY,
};

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
        let client = self.client(chain)?;
        let asked = patiently(async || match number {
            Some(number) => client.get(GET_SEAL, &NumberedSeal { slug: chain.into(), number }).await,
            None => client.get(GET_LATEST_SEAL, &OfChain::new(chain)).await,
        });
        match asked.await {
            Ok(seal) => Ok(seal),
            Err(error) if error.problem().is_some_and(|problem| problem.word() == NO_SEAL.word) => {
                Err(QueryError::ChainWithoutSeal { chain: chain.clone() })
            }
            Err(error) => Err(blame(chain, LOOKING_UP, error)),
        }
    }

    pub(crate) async fn log(
        &self,
        main: &ChainId,
        request: &SignedRequest<Request>,
    ) -> Result<LoggedRequest<Request>, QueryError> {
        let (client, chain) = (self.client(main)?, OfChain::new(main));
        let answer = patiently(async || client.call(POST_REQUEST, &chain, request).await).await;
        answer.map_err(|error| blame(main, LOGGING, error))
    }

    /// Has the main chain log a request of the cross lane.
    pub(crate) async fn log_cross(
        &self,
        main: &ChainId,
        request: &SignedRequest<CrossRequest>,
    ) -> Result<LoggedRequest<CrossRequest>, QueryError> {
        let (client, chain) = (self.client(main)?, OfChain::new(main));
        let answer = patiently(async || client.call(POST_CROSS_REQUEST, &chain, request).await).await;
        answer.map_err(|error| blame(main, LOGGING, error))
    }

    pub(crate) async fn cells(
        &self,
        chain: &ChainId,
        logged: &LoggedRequest<Request>,
    ) -> Result<ChainAnswer, QueryError> {
        let (client, of) = (self.client(chain)?, OfChain::new(chain));
        let answer = patiently(async || client.call(POST_CELLS, &of, logged).await).await;
        answer.map_err(|error| blame(chain, READING, error))
    }

    /// Publishes the release. The error is for people: the caller still has the release.
    pub(crate) async fn publish(&self, main: &ChainId, release: &Release) -> Result<Logged, String> {
        let client = self.client(main).map_err(|error| error.to_string())?;
        let chain = OfChain::new(main);
        let answer = patiently(async || client.call(POST_RELEASE, &chain, release).await);
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
            Err(error) if error.problem().is_some_and(|problem| problem.word() == BUSY.word) => {
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
