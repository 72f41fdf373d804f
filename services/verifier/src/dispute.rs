//! Disputes: a member's signed statement over a record of a chain. Whether it is right is for the court that reads it.

use nacre_ledger::signing::{self, Role};
use nacre_schemas::{
    Document as _,
    dossier::{Inclusion, Note},
    entry::Entry,
    evidence::SignedDispute,
    membership::Membership,
    topology::ChainKind,
    trust::Chain,
};

use crate::{
    Network,
    failure::{Check, Failure, OrFailure as _, ensure},
    logged::check_inclusion,
    note,
};

/// Checks that the member disputes a record of a chain that there is.
pub fn check(signed: &SignedDispute, claimant: &Membership, network: &Network) -> Result<(), Failure> {
    let dispute = &signed.dispute;
    let place = format_args!("{} record {}", dispute.chain, dispute.record);
    ensure(network.root().chain(&dispute.chain).is_some(), Check::Dispute, place, "the trust root has no such chain")?;
    let own = dispute.claimant == claimant.member;
    ensure(own, Check::Dispute, place, format_args!("it is in the name of {}", dispute.claimant))?;
    signing::verify(&claimant.signing_key, Role::Dispute, &dispute.to_canonical(), &signed.signature)
        .or_failure(Check::Dispute, place)
}

/// Checks that the judicial chain holds the dispute, under a final checkpoint.
pub fn check_logged(
    signed: &SignedDispute,
    inclusion: &Inclusion,
    checkpoint: &Note,
    chain: &Chain,
    network: &Network,
) -> Result<(), Failure> {
    let judicial = chain.id.kind() == Some(ChainKind::Judicial);
    ensure(judicial, Check::Dispute, &chain.id, "disputes are logged on the judicial chain")?;
    let (checkpoint, _) = note::check(checkpoint, chain, network)?;
    let entry = Entry::Dispute(signed.digest());
    check_inclusion(&entry.leaf_hash(), inclusion, &checkpoint, Check::Dispute, &chain.id)
}
