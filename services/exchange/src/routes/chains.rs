//! `GET /v1/chains`: the chains hosted here.

use axum::{Json, extract::State};
use nacre_schemas::id::ChainId;
use serde::Serialize;

use super::Served;
use crate::{error::Error, replay::catch_up, store};

/// A hosted chain.
#[derive(Serialize)]
pub(super) struct Hosted {
    id: ChainId,
    /// Entries.
    size: u64,
    /// Seals.
    seals: u64,
}

/// The chains, by slug.
pub(super) async fn read(State(exchange): Served) -> Result<Json<Vec<Hosted>>, Error> {
    let mut hosted = Vec::new();
    for chain in exchange.chains() {
        let size = chain.size();
        catch_up(exchange.store(), chain).await?;
        let last = store::seal::latest(exchange.store().reader(), chain.id()).await?;
        hosted.push(Hosted { id: chain.id().clone(), size, seals: last.map_or(0, |seal| seal.number) });
    }
    Ok(Json(hosted))
}
