//! `GET …/proofs/inclusion` and `…/proofs/consistency`: proofs about the chain's tree.

use std::sync::Arc;

use nacre_hosting::mount::Reply;
use nacre_ledger::log::LogError;
use nacre_schemas::{dossier::Inclusion, log::ConsistencyProof};
use nacre_wire::{
    body::{Json, Nothing},
    exchange::{LeafOfTree, TwoSizes},
};

use super::{Answer, Asked};
use crate::{chain::Chain, error::Error, exchange::Exchange, refusal::Refusal};

/// That a leaf stands in the tree of that size.
pub(super) async fn inclusion(exchange: Arc<Exchange>, call: Asked<LeafOfTree, Nothing>) -> Answer<Json<Inclusion>> {
    let LeafOfTree { slug, leaf, size } = call.parameters;
    let chain = exchange.chain(&slug)?;
    Ok(Reply::new(chain.try_inclusion(leaf, size).map_err(|error| refused(chain, error))?))
}

/// That the tree of one size extends that of another.
pub(super) async fn consistency(
    exchange: Arc<Exchange>,
    call: Asked<TwoSizes, Nothing>,
) -> Answer<Json<ConsistencyProof>> {
    let TwoSizes { slug, from, to } = call.parameters;
    let chain = exchange.chain(&slug)?;
    let proof = chain.try_consistency(from, to).map_err(|error| refused(chain, error))?;
    Ok(Reply::new(ConsistencyProof { proof }))
}

/// Numbers beyond the log are the caller's fault, all else is ours.
fn refused(chain: &Chain, error: LogError) -> Error {
    match error {
        LogError::NotCommitted { .. } | LogError::Tree(_) => Refusal::NotInLog(error.to_string()).into(),
        other => chain.failed(other).into(),
    }
}
