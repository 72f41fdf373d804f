//! `GET …/checkpoint`: the chain's latest checkpoint, or the first that covers a leaf; `GET …/checkpoint/final`: the last that its witnesses made final, or
//! the first of those that covers a leaf. Signed notes.

use axum::extract::{Path, Query, State, rejection::QueryRejection};
use serde::Deserialize;

use super::Served;
use crate::{chain::Chain, error::Error, finality::Asker, refusal::Refusal, store};

/// The chain's own.
pub(super) async fn read(
    State(exchange): Served,
    Path(slug): Path<String>,
    query: Result<Query<Which>, QueryRejection>,
) -> Result<String, Error> {
    let chain = exchange.chain(&slug)?;
    let Query(Which { covering }) = query.map_err(|rejection| Refusal::Malformed(rejection.body_text()))?;
    Ok(match covering {
        None => chain.checkpoint().to_string(),
        Some(leaf) => {
            check_leaf(chain, leaf)?;
            chain.checkpoint_covering(leaf)?.to_string()
        }
    })
}

fn check_leaf(chain: &Chain, leaf: u64) -> Result<(), Refusal> {
    if leaf < chain.size() {
        return Ok(());
    }
    Err(Refusal::NotInLog(format!("{} has {} entries", chain.id(), chain.size())))
}

/// Which one: the latest, or the first that covers a leaf.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    covering: Option<u64>,
}

/// The witnesses'.
pub(super) async fn read_final(
    State(exchange): Served,
    Path(slug): Path<String>,
    query: Result<Query<Which>, QueryRejection>,
) -> Result<String, Error> {
    let chain = exchange.chain(&slug)?;
    let Query(Which { covering }) = query.map_err(|rejection| Refusal::Malformed(rejection.body_text()))?;
    let Some(leaf) = covering else {
        return Ok(chain.last_agreed().ok_or_else(|| chain.not_final(0))?.to_string());
    };
    check_leaf(chain, leaf)?;
    if !chain.finality().is_witnessed() {
        return Ok(chain.checkpoint_covering(leaf)?.to_string());
    }
    chain.agreed_for(Asker::Stranger, leaf + 1).await?;
    let note = store::final_checkpoint::covering(exchange.store().reader(), chain.id(), leaf).await?;
    Ok(note.ok_or_else(|| chain.not_final(leaf + 1))?)
}
