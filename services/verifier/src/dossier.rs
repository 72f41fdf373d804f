//! A dossier: the logged request and every chain's evidence, checked, with the commitments summed by group.

use std::collections::{BTreeMap, BTreeSet};

use nacre_ledger::note::Finality;
use nacre_schemas::{
    Digest, Document as _,
    contribution::Commitments,
    dossier::{ChainEvidence, Dossier},
    id::ChainId,
    measure::Measure,
    query::{GroupKey, Quantity, Request},
};
use nacre_zk::tally::CommitmentSums;

use crate::{
    Network, cells,
    failure::{Check, Failure, OrFailure as _, ensure},
    logged,
};

/// What a dossier shows once it was checked.
#[derive(Clone, Debug)]
pub struct CheckedDossier {
    /// The request.
    pub request: Request,
    /// Digest of the request: what shares are bound to.
    pub request_digest: Digest,
    /// Digest of the dossier: what answers name.
    pub dossier_digest: Digest,
    /// What is to be decrypted for each group, in order.
    pub quantities: Vec<Quantity>,
    /// The commitments of each group, summed over all chains.
    pub groups: BTreeMap<GroupKey, Commitments>,
    /// How far each checkpoint is agreed on, the main chain's first.
    pub finality: Vec<(ChainId, Finality)>,
}

/// Checks a dossier.
pub fn check(dossier: &Dossier, network: &Network, definition: &Measure) -> Result<CheckedDossier, Failure> {
    let request = &dossier.logged.request.request;
    let main = network.main_chain(definition)?.id.clone();
    let mut finality = vec![(main, logged::check(&dossier.logged, network, definition)?)];
    let complete = dossier.chains.len() == request.spans.len();
    ensure(complete, Check::RequestForm, "dossier", "it does not hold one chain's evidence for each span")?;
    for (evidence, span) in dossier.chains.iter().zip(&request.spans) {
        finality.push((span.chain.clone(), cells::check(evidence, span, request, network, definition)?));
    }
    Ok(CheckedDossier {
        request: request.clone(),
        request_digest: request.digest(),
        dossier_digest: dossier.digest(),
        quantities: request.quantities(definition.bands().len()),
        groups: sum_groups(&dossier.chains, request, definition)?,
        finality,
    })
}

/// The groups that a chain's matching cells fall into.
pub(crate) fn groups_of(evidence: &ChainEvidence, request: &Request) -> BTreeSet<GroupKey> {
    let cells = evidence.seals.iter().flat_map(|shown| &shown.run.cells);
    cells.filter(|cell| request.holds(&cell.key)).map(|cell| request.group_of(&cell.key)).collect()
}

fn sum_groups(
    chains: &[ChainEvidence],
    request: &Request,
    definition: &Measure,
) -> Result<BTreeMap<GroupKey, Commitments>, Failure> {
    let mut sums: BTreeMap<GroupKey, CommitmentSums> = BTreeMap::new();
    let bands = definition.bands().len();
    for evidence in chains {
        let cells = evidence.seals.iter().flat_map(|shown| &shown.run.cells);
        for cell in cells.filter(|cell| request.holds(&cell.key)) {
            let sum = sums.entry(request.group_of(&cell.key)).or_insert_with(|| CommitmentSums::new(bands));
            let place = format_args!("{} cell {}", evidence.chain, cell.key);
            sum.add(&cell.sums).or_failure(Check::CellForm, place)?;
        }
    }
    Ok(sums.into_iter().map(|(group, sum)| (group, sum.finish())).collect())
}
