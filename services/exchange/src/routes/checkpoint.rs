//! `GET …/checkpoint`: the chain's latest checkpoint; `GET …/checkpoint/final`: the last that its witnesses made final, or
//! the first of those that covers a leaf. Signed notes.

use axum::extract::{Path, Query, State, rejection::QueryRejection};
use serde::Deserialize;

use super::Served;
use crate::{error::Error, refusal::Refusal, store};

/// The chain's own.
pub(super) async fn read(State(exchange): Served, Path(slug): Path<String>) -> Result<String, Error> {
    Ok(exchange.chain(&slug)?.checkpoint().to_string())
}

/// Which final one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FinalQuery {
    covering: Option<u64>,
}

/// The witnesses'.
pub(super) async fn read_final(
    State(exchange): Served,
    Path(slug): Path<String>,
    query: Result<Query<FinalQuery>, QueryRejection>,
) -> Result<String, Error> {
    let chain = exchange.chain(&slug)?;
    let Query(FinalQuery { covering }) = query.map_err(|rejection| Refusal::Malformed(rejection.body_text()))?;
    let not_yet = |size| Refusal::NotFinal { chain: chain.id().clone(), size };
    let Some(leaf) = covering else {
        return Ok(chain.last_agreed().ok_or_else(|| not_yet(0))?.to_string());
    };
    if leaf >= chain.size() {
        return Err(Refusal::NotInLog(format!("{} has {} entries", chain.id(), chain.size())).into());
    }
    if !chain.finality().is_witnessed() {
        return Ok(chain.checkpoint_covering(leaf)?.to_string());
    }
    chain.agreed(leaf + 1).await?;
    let note = store::final_checkpoint::covering(exchange.store().reader(), chain.id(), leaf).await?;
    Ok(note.ok_or_else(|| not_yet(leaf + 1))?)
}
