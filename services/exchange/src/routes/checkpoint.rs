//! `GET …/checkpoint`: the chain's latest checkpoint, or the first that covers a leaf; `GET …/checkpoint/final`: the last that its
//! witnesses made final, or the first of those that covers a leaf. Signed notes.

use std::sync::Arc;

use nacre_hosting::mount::Reply;
use nacre_wire::{
    body::{Nothing, Text},
    exchange::WhichCheckpoint,
};

use super::{Answer, Asked};
use crate::{chain::Chain, exchange::Exchange, finality::Asker, refusal::Refusal, store};

/// The chain's own.
pub(super) async fn read(exchange: Arc<Exchange>, call: Asked<WhichCheckpoint, Nothing>) -> Answer<Text> {
    let chain = exchange.chain(&call.parameters.slug)?;
    Ok(Reply::new(match call.parameters.covering {
        None => chain.checkpoint().to_string(),
        Some(leaf) => {
            check_leaf(chain, leaf)?;
            chain.checkpoint_covering(leaf)?.to_string()
        }
    }))
}

fn check_leaf(chain: &Chain, leaf: u64) -> Result<(), Refusal> {
    if leaf < chain.size() {
        return Ok(());
    }
    Err(Refusal::NotInLog(format!("{} has {} entries", chain.id(), chain.size())))
}

/// The witnesses'.
pub(super) async fn read_final(exchange: Arc<Exchange>, call: Asked<WhichCheckpoint, Nothing>) -> Answer<Text> {
    let chain = exchange.chain(&call.parameters.slug)?;
    let Some(leaf) = call.parameters.covering else {
        return Ok(Reply::new(chain.last_agreed().ok_or_else(|| chain.not_final(0))?.to_string()));
    };
    check_leaf(chain, leaf)?;
    if !chain.finality().is_witnessed() {
        return Ok(Reply::new(chain.checkpoint_covering(leaf)?.to_string()));
    }
    chain.agreed_for(Asker::Stranger, leaf + 1).await?;
    let note = store::final_checkpoint::covering(exchange.store().reader(), chain.id(), leaf).await?;
    Ok(Reply::new(note.ok_or_else(|| chain.not_final(leaf + 1))?))
}
