//! What the chains say of a request's groups beside the dossier: their ephemeral keys. Members only.
//!
//! Here it is checked that each chain signed its word and that it speaks of just the groups its cells make. That the word is true of the sealed cells is for the custodians of that chain's own
//! jurisdiction to check, who alone see the cells' details, and to confirm to the others ([`crate::confirmation`]).

use std::collections::BTreeMap;

use nacre_ledger::signing;
use nacre_schemas::{
    Point, Signed,
    dossier::{ChainEvidence, ChainSums, Dossier, GroupSums, QuantityKey},
    query::GroupKey,
};
use nacre_zk::tally;

use crate::{
    CheckedDossier, Network,
    dossier::groups_of,
    failure::{Check, Failure, OrFailure as _, ensure},
    note,
};

/// `D_Σ` of each quantity over all chains, in the order of the request's quantities, for every group.
pub type GroupKeys = BTreeMap<GroupKey, Vec<QuantityKey>>;

/// Checks the chains' words on a checked dossier, and adds them up.
pub fn check(
    sums: &[Signed<ChainSums>],
    dossier: &Dossier,
    checked: &CheckedDossier,
    network: &Network,
) -> Result<GroupKeys, Failure> {
    let complete = sums.len() == dossier.chains.len();
    ensure(complete, Check::ChainSums, "submission", "there is not one chain's word for each chain of the dossier")?;
    let mut parts: BTreeMap<GroupKey, Vec<&GroupSums>> = BTreeMap::new();
    for (signed, evidence) in sums.iter().zip(&dossier.chains) {
        check_chain(signed, evidence, checked, network)?;
        for group in &signed.statement.groups {
            parts.entry(group.group.clone()).or_default().push(group);
        }
    }
    parts.into_iter().map(|(group, parts)| Ok((group.clone(), total(&group, &parts, checked)?))).collect()
}

fn check_chain(
    signed: &Signed<ChainSums>,
    evidence: &ChainEvidence,
    checked: &CheckedDossier,
    network: &Network,
) -> Result<(), Failure> {
    let (sums, place) = (&signed.statement, &evidence.chain);
    ensure(sums.chain == evidence.chain, Check::ChainSums, place, format_args!("the word is {}'s", sums.chain))?;
    let chain = note::chain(network, &sums.chain)?;
    signing::verify(&chain.signing_key, signed).or_failure(Check::ChainSums, place)?;
    ensure(sums.request == checked.request_digest, Check::ChainSums, place, "it is about another request")?;
    let groups = groups_of(evidence, &checked.request);
    let named = sums.groups.iter().map(|group| &group.group);
    ensure(named.eq(groups.iter()), Check::ChainSums, place, "its groups are not those of its cells")?;
    for group in &sums.groups {
        let place = format_args!("{place} group {}", group.group);
        let quantities = group.keys.iter().map(|key| key.quantity);
        let all = quantities.eq(checked.quantities.iter().copied());
        ensure(all, Check::ChainSums, place, "it does not give each quantity of the request")?;
    }
    Ok(())
}

fn total(group: &GroupKey, parts: &[&GroupSums], checked: &CheckedDossier) -> Result<Vec<QuantityKey>, Failure> {
    let mut keys = Vec::with_capacity(checked.quantities.len());
    for (position, quantity) in checked.quantities.iter().enumerate() {
        let points: Vec<Point> = parts.iter().map(|part| part.keys[position].key).collect();
        let key = tally::sum_points(&points).or_failure(Check::ChainSums, format_args!("group {group} {quantity}"))?;
        keys.push(QuantityKey { quantity: *quantity, key });
    }
    Ok(keys)
}
