//! Disputes: a member's signed statement over a record of a chain. Whether it is right is for the court that reads it.

use nacre_ledger::signing;
use nacre_schemas::{
    Document as _, Signed,
    dossier::{Inclusion, Note},
    entry::Entry,
    evidence::Dispute,
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
pub fn check(signed: &Signed<Dispute>, claimant: &Membership, network: &Network) -> Result<(), Failure> {
    let dispute = &signed.statement;
    let place = format_args!("{} record {}", dispute.chain, dispute.record);
    ensure(network.root().chain(&dispute.chain).is_some(), Check::Dispute, place, "the trust root has no such chain")?;
    let own = dispute.claimant == claimant.member;
    ensure(own, Check::Dispute, place, format_args!("it is in the name of {}", dispute.claimant))?;
    signing::verify(&claimant.signing_key, signed).or_failure(Check::Dispute, place)
}

/// Checks that the judicial chain holds the dispute, under a final checkpoint.
pub fn check_logged(
    signed: &Signed<Dispute>,
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
