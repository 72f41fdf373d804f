//! Checkpoints: the chain's own signature and, where it has witnesses, their quorum, a full witness among them.

use nacre_ledger::note::{Checkpoint, Finality, PolicyWitness, SignedCheckpoint, WitnessPolicy};
use nacre_schemas::{
    dossier::Note,
    id::ChainId,
    trust::{Chain, Witness, WitnessKind},
};

use crate::{
    Network,
    failure::{Check, Failure, OrFailure as _},
};

/// Whose countersignatures make the chain's checkpoints final.
pub fn policy(chain: &Chain) -> Result<WitnessPolicy, Failure> {
    let witness = |witness: &Witness| PolicyWitness {
        name: witness.name.to_string(),
        public: witness.signing_key,
        full: witness.kind == WitnessKind::Full,
    };
    WitnessPolicy::new(chain.witnesses.iter().map(witness).collect()).or_failure(Check::TrustRoot, &chain.id)
}

/// The chain of that name in the trust root.
pub fn chain<'a>(network: &'a Network, id: &ChainId) -> Result<&'a Chain, Failure> {
    let unknown = || Failure::new(Check::Checkpoint, id, "the trust root has no such chain");
    network.root().chain(id).ok_or_else(unknown)
}

/// Checks a chain's checkpoint: origin, signature, quorum. Says by whom it is final.
pub fn check(note: &Note, chain: &Chain, network: &Network) -> Result<(Checkpoint, Finality), Failure> {
    let signed = check_signed(note, chain, network)?;
    let finality = policy(chain)?.check(&signed).or_failure(Check::Checkpoint, &chain.id)?;
    Ok((signed.unverified().clone(), finality))
}

/// Checks a chain's own word on itself, countersigned or not: origin and signature.
pub fn check_signed(note: &Note, chain: &Chain, network: &Network) -> Result<SignedCheckpoint, Failure> {
    let place = &chain.id;
    let signed: SignedCheckpoint = note.as_str().parse().or_failure(Check::Checkpoint, place)?;
    let origin = network.root().origin(&chain.id);
    signed.verify(&origin, &origin, &chain.signing_key).or_failure(Check::Checkpoint, place)?;
    Ok(signed)
}
