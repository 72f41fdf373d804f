//! The exchange: takes batches in, closes epochs, answers logged requests with sealed cells. One process hosts one or
//! more chains, each with a log of its own; a regional chain is a shard.
//!
//! Kept true: what is receipted is durable and stays; nothing but sums over sealed cells is answered; openings leave to
//! nobody here, restricted parts by no route at all.
//!
//! Who controls an exchange can refuse service, and read headers and pseudonyms. It cannot read a value, nor change,
//! drop or invent a receipted record without a full witness noticing.
//!
//! The way of a batch is told in `intake`, of an epoch in `seals`, of an answer in `answer`, of requests and releases in
//! `documents`, of an order to erase in `erasures`, how witnesses agree in `finality`; `anchors` and `anchoring` tell of
//! chains that vouch for others, `records` of one record's evidence; `replay` says what a restart does. Errors:
//! [`OpenError`] before it serves; problem documents after.

mod anchoring;
mod anchors;
mod answer;
mod bodies;
mod chain;
mod config;
mod cross;
mod documents;
mod erasures;
mod error;
mod exchange;
mod finality;
mod grants;
mod intake;
mod records;
mod refusal;
mod replay;
mod routes;
mod seals;
mod store;
mod vitals;
mod work;

use std::sync::Arc;

use nacre_hosting::{
    host::{Host, Running, Shutdown},
    server::Listeners,
};

pub use chain::{log_folder, register_file};
pub use config::{ChainConfig, Config, OperatorConfig};
pub use error::{ExchangeError, OpenError, ServeError};
pub use exchange::{Exchange, roots_folder};
pub use routes::router;
pub use store::StoreError;
use vitals::Seen;

/// Serves from the first moment, opens the exchange, and goes on until the shutdown future ends; then finishes the requests
/// under way.
pub fn serve(config: Config, listeners: Listeners, shutdown: Shutdown) -> Running<ServeError> {
    Box::pin(async move {
        let host = Host::start("exchange", &config.server, &config.data, listeners)?;
        let (host, exchange) = host.opening(Exchange::open(config)).await?;
        let exchange = Arc::new(exchange);
        let (router, load) = router(Arc::clone(&exchange));
        host.open(router, Seen::by(&host, Arc::clone(&exchange)), Some(load));
        host.until(shutdown).await;
        exchange.close().await;
        Ok(())
    })
}
