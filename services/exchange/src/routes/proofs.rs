//! `GET …/proofs/inclusion` and `…/proofs/consistency`: proofs about the chain's tree.

use axum::{
    Json,
    extract::{Path, Query, State, rejection::QueryRejection},
};
use nacre_ledger::log::LogError;
use nacre_schemas::{Digest, dossier::Inclusion};
use serde::{Deserialize, Serialize};

use super::Served;
use crate::{chain::Chain, error::Error, refusal::Refusal};

/// Which leaf, under the tree of which size.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InclusionQuery {
    leaf: u64,
    size: u64,
}

/// From which size to which.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConsistencyQuery {
    from: u64,
    to: u64,
}

/// A consistency proof.
#[derive(Serialize)]
pub(super) struct Consistency {
    proof: Vec<Digest>,
}

/// That a leaf stands in the tree of that size.
pub(super) async fn inclusion(
    State(exchange): Served,
    Path(slug): Path<String>,
    query: Result<Query<InclusionQuery>, QueryRejection>,
) -> Result<Json<Inclusion>, Error> {
    let chain = exchange.chain(&slug)?;
    let Query(InclusionQuery { leaf, size }) = query.map_err(malformed)?;
    Ok(Json(chain.try_inclusion(leaf, size).map_err(|error| refused(chain, error))?))
}

/// That the tree of one size extends that of another.
pub(super) async fn consistency(
    State(exchange): Served,
    Path(slug): Path<String>,
    query: Result<Query<ConsistencyQuery>, QueryRejection>,
) -> Result<Json<Consistency>, Error> {
    let chain = exchange.chain(&slug)?;
    let Query(ConsistencyQuery { from, to }) = query.map_err(malformed)?;
    let proof = chain.try_consistency(from, to).map_err(|error| refused(chain, error))?;
    Ok(Json(Consistency { proof }))
}

fn malformed(rejection: QueryRejection) -> Refusal {
    Refusal::Malformed(rejection.body_text())
}

/// Numbers beyond the log are the caller's fault, all else is ours.
fn refused(chain: &Chain, error: LogError) -> Error {
    match error {
        LogError::NotCommitted { .. } | LogError::Tree(_) => Refusal::NotInLog(error.to_string()).into(),
        other => chain.failed(other).into(),
    }
}
