//! Checkpoints: the chain's own signature and, where it has witnesses, their quorum.

use nacre_ledger::note::{Checkpoint, Finality, SignedCheckpoint, WitnessPolicy};
use nacre_schemas::{dossier::Note, id::ChainId, trust::Chain};

use crate::{
    Network,
    failure::{Check, Failure, OrFailure as _},
};

/// Whose countersignatures make the chain's checkpoints final.
pub(crate) fn policy(chain: &Chain) -> Result<WitnessPolicy, Failure> {
    let witnesses = chain.witnesses.iter().map(|witness| (witness.name.to_string(), witness.signing_key)).collect();
    WitnessPolicy::new(witnesses).or_failure(Check::TrustRoot, &chain.id)
}

/// The chain of that name in the trust root.
pub fn chain<'a>(network: &'a Network, id: &ChainId) -> Result<&'a Chain, Failure> {
    let unknown = || Failure::new(Check::Checkpoint, id, "the trust root has no such chain");
    network.root().chain(id).ok_or_else(unknown)
}

/// Checks a chain's checkpoint: origin, signature, quorum. Says by whom it is final.
pub fn check(note: &Note, chain: &Chain, network: &Network) -> Result<(Checkpoint, Finality), Failure> {
    let place = &chain.id;
    let signed: SignedCheckpoint = note.as_str().parse().or_failure(Check::Checkpoint, place)?;
    let origin = network.root().origin(&chain.id);
    let checkpoint = signed.verify(&origin, &origin, &chain.signing_key).or_failure(Check::Checkpoint, place)?.clone();
    let finality = policy(chain)?.check(&signed).or_failure(Check::Checkpoint, place)?;
    Ok((checkpoint, finality))
}
