//! `GET /v1/chains`: the chains hosted here.

use std::sync::Arc;

use nacre_hosting::mount::Reply;
use nacre_schemas::log::HostedChain;
use nacre_wire::body::{Json, Nothing};

use super::{Answer, Asked};
use crate::{exchange::Exchange, replay::catch_up, store};

/// The chains, by slug.
pub(super) async fn read(exchange: Arc<Exchange>, _: Asked<(), Nothing>) -> Answer<Json<Vec<HostedChain>>> {
    let mut hosted = Vec::new();
    for chain in exchange.chains() {
        let size = chain.size();
        catch_up(exchange.store(), chain).await?;
        let last = store::seal::latest(exchange.store().reader(), chain.id()).await?;
        hosted.push(HostedChain { id: chain.id().clone(), size, seals: last.map_or(0, |seal| seal.number) });
    }
    Ok(Reply::new(hosted))
}
