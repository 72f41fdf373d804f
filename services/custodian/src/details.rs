//! What only members see of the custodian's own chains: each cell's ephemeral keys, and that the chain's signed sums are
//! theirs.
//!
//! A dossier is public and holds no ephemeral key, so nothing in it ties the `D_Σ` that a chain signs to the cells it
//! sealed. This module does: the digest of every detail stands in its sealed cell, and the signed sums must be exactly
//! what the details add up to. A custodian checks the chains of its *own* jurisdiction, whose details never leave it,
//! and takes the others' on the signed word of a threshold of *their* custodians, who checked them in the same way
//! ([`nacre_verifier::confirmation`]).
//!
//! That word must be there *before* a share is given: a share is `x·D_Σ` whatever request it was asked in, and shares
//! of one `D` from different requests combine. Two exchanges of different jurisdictions that conspire with a regulator
//! could otherwise each sign the same `D` of their choice, each in a request of its own, and every jurisdiction's
//! custodians would answer it for the chain that is not theirs.
//!
//! Nothing is remembered of what was confirmed, and nothing needs to be: the sums are a function of the request and of
//! the sealed cells, so of one history of a chain only one list of sums is ever confirmed for a request. A chain that
//! shows two histories can have sums of each confirmed, but only such as its seals commit to: the same as if it had sealed
//! them for two requests. That the seals are true is the witnesses' work.
//!
//! Errors: [`Fault`], with the chain and the seal, cell or group. Cost: a hash and a point addition a quantity for each
//! cell: microseconds a cell.

use std::collections::BTreeMap;

use nacre_schemas::{
    cell::{Cell, ChainDetails},
    dossier::{ChainEvidence, ChainSums, GroupSums, QuantityKey},
    id::ChainId,
    query::{GroupKey, Quantity, Request},
};
use nacre_zk::tally::{self, KeySums};

use crate::fault::Fault;

/// Checks the details against the chain's sealed cells, and the chain's signed sums against the details.
pub fn check(
    request: &Request,
    bands: usize,
    evidence: &ChainEvidence,
    details: &ChainDetails,
    signed: &ChainSums,
) -> Result<(), Fault> {
    let quantities = request.quantities(bands);
    let expected = add_up(request, bands, &quantities, evidence, details)?;
    match first_difference(&expected, &signed.groups) {
        Some(group) => Err(Fault::FalseSums { chain: evidence.chain.clone(), group }),
        None => Ok(()),
    }
}

/// The sums that the chain must have signed.
fn add_up(
    request: &Request,
    bands: usize,
    quantities: &[Quantity],
    evidence: &ChainEvidence,
    details: &ChainDetails,
) -> Result<Vec<GroupSums>, Fault> {
    let mut groups: BTreeMap<GroupKey, KeySums> = BTreeMap::new();
    for (position, sealed) in evidence.seals.iter().enumerate() {
        let seal = sealed.seal.number;
        let cells: Vec<&Cell> = sealed.run.cells.iter().filter(|cell| request.holds(&cell.key)).collect();
        let shown = details.seals.get(position).filter(|shown| shown.number == seal);
        let shown = shown.filter(|shown| shown.details.len() == cells.len());
        let Some(shown) = shown else {
            return Err(Fault::OtherCells { chain: evidence.chain.clone(), seal });
        };
        for (cell, detail) in cells.into_iter().zip(&shown.details) {
            let place = Place { chain: &evidence.chain, seal, cell };
            if !cell.commits_to(detail) {
                return Err(place.false_detail());
            }
            let sums = groups.entry(request.group_of(&cell.key)).or_insert_with(|| KeySums::new(bands));
            sums.add(&detail.keys).map_err(|error| place.impossible(error.to_string()))?;
        }
    }
    if details.seals.len() > evidence.seals.len() {
        let seal = details.seals[evidence.seals.len()].number;
        return Err(Fault::OtherCells { chain: evidence.chain.clone(), seal });
    }
    groups.into_iter().map(|(group, sums)| finish(group, &sums, quantities)).collect()
}

/// The first group on which the two differ, if they do.
fn first_difference(expected: &[GroupSums], signed: &[GroupSums]) -> Option<GroupKey> {
    let differing = expected.iter().zip(signed).find(|(expected, signed)| expected != signed);
    if let Some((expected, _)) = differing {
        return Some(expected.group.clone());
    }
    let shorter = expected.len().min(signed.len());
    expected.get(shorter).or(signed.get(shorter)).map(|extra| extra.group.clone())
}

/// Where a cell stands, for blaming it.
struct Place<'a> {
    chain: &'a ChainId,
    seal: u64,
    cell: &'a Cell,
}

impl Place<'_> {
    fn false_detail(&self) -> Fault {
        Fault::FalseDetail { chain: self.chain.clone(), seal: self.seal, cell: self.cell.key.clone() }
    }

    fn impossible(&self, reason: String) -> Fault {
        Fault::ImpossibleCell { chain: self.chain.clone(), seal: self.seal, cell: self.cell.key.clone(), reason }
    }
}

fn finish(group: GroupKey, sums: &KeySums, quantities: &[Quantity]) -> Result<GroupSums, Fault> {
    let sums = sums.finish();
    let key_of = |quantity: &Quantity| match tally::key_of(&sums, *quantity) {
        Ok(key) => Ok(QuantityKey { quantity: *quantity, key }),
        Err(error) => {
            let reason = error.to_string();
            Err(Fault::UnanswerableKey { group: group.clone(), quantity: *quantity, reason })
        }
    };
    let keys = quantities.iter().map(key_of).collect::<Result<_, _>>()?;
    Ok(GroupSums { group, keys })
}

#[cfg(test)]
mod tests;
