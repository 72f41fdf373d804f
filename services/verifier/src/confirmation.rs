//! Confirmations: before anyone gives a share of a `D_Σ`, enough custodians of each chain's own jurisdiction signed that
//! the chain's sums are those of its sealed cells.
//!
//! Why: a share `x·D_Σ` does not depend on the request it was made for, so shares of one `D` from different requests
//! combine. If custodians answered for a foreign chain on its exchange's word alone, exchanges of two jurisdictions
//! could each sign the same `D` of their choice in a request of its own, and collect every jurisdiction's share of it.
//! With a threshold of confirmations at least one of those who compared the sums is honest, if fewer than a threshold
//! of them are not.
//!
//! Errors: [`Check::Confirmation`]; the place names chain and custodian. Cost: a signature for each confirmation, one
//! digest of each chain's sums. What does not belong fails before its signature is looked at.

use std::collections::{BTreeMap, BTreeSet};

use nacre_ledger::signing;
use nacre_schemas::{
    Digest, Document as _, Signed,
    answer::CustodianId,
    confirmation::Confirmation,
    dossier::ChainSums,
    id::{ChainId, JurisdictionId},
};

use crate::{
    CheckedDossier, Network,
    failure::{Check, Failure, OrFailure as _, ensure},
    note,
};

/// What is to be confirmed of a chain, and by whom.
struct Expected<'a> {
    sums: Digest,
    jurisdiction: &'a JurisdictionId,
}

type Chains<'a> = BTreeMap<&'a ChainId, Expected<'a>>;

/// Checks that the sums of every chain of the dossier are confirmed by as many custodians of the chain's own
/// jurisdiction as its threshold, each counted once. One confirmation that does not hold or belong fails the whole.
pub fn check(
    confirmations: &[Signed<Confirmation>],
    sums: &[Signed<ChainSums>],
    checked: &CheckedDossier,
    network: &Network,
) -> Result<(), Failure> {
    let chains = expected(sums, checked, network)?;
    let mut seen: BTreeSet<(&ChainId, &CustodianId)> = BTreeSet::new();
    for signed in confirmations {
        let (chain, custodian) = (&signed.statement.chain, &signed.statement.custodian);
        let fresh = seen.insert((chain, custodian));
        ensure(fresh, Check::Confirmation, place(signed), "it is counted twice")?;
        check_one(signed, &chains, checked, network)?;
    }
    for (chain, expected) in chains {
        let known = network.root().jurisdiction(expected.jurisdiction);
        let unknown = || Failure::new(Check::Confirmation, chain, "the trust root has no such jurisdiction");
        let threshold = known.ok_or_else(unknown)?.threshold;
        let present = seen.iter().filter(|(confirmed, _)| *confirmed == chain).count();
        let detail =
            format_args!("{present} custodians of {} confirm its sums, it takes {threshold}", expected.jurisdiction);
        ensure(present >= usize::from(threshold), Check::Confirmation, chain, detail)?;
    }
    Ok(())
}

/// Checks one custodian's finding: a confirmation of each chain of its own jurisdiction, in the dossier's order.
pub fn check_finding(
    custodian: &CustodianId,
    confirmations: &[Signed<Confirmation>],
    sums: &[Signed<ChainSums>],
    checked: &CheckedDossier,
    network: &Network,
) -> Result<(), Failure> {
    let chains = expected(sums, checked, network)?;
    let own = chains.iter().filter(|(_, expected)| *expected.jurisdiction == custodian.jurisdiction);
    let named = confirmations.iter().map(|signed| &signed.statement.chain);
    // Spans are in the order of the chains' names.
    let complete = named.eq(own.map(|(chain, _)| *chain));
    ensure(complete, Check::Confirmation, custodian, "it does not confirm each chain of its jurisdiction, once")?;
    for signed in confirmations {
        let itself = signed.statement.custodian == *custodian;
        ensure(itself, Check::Confirmation, custodian, format_args!("it confirms as {}", signed.statement.custodian))?;
        check_one(signed, &chains, checked, network)?;
    }
    Ok(())
}

/// What is to be confirmed: the sums of each chain of the request, in its order.
fn expected<'a>(
    sums: &'a [Signed<ChainSums>],
    checked: &CheckedDossier,
    network: &'a Network,
) -> Result<Chains<'a>, Failure> {
    let spans = checked.request.spans.iter().map(|span| &span.chain);
    let complete = sums.iter().map(|signed| &signed.statement.chain).eq(spans);
    ensure(complete, Check::Confirmation, "submission", "there is not one chain's word for each span of the request")?;
    let expected = |signed: &'a Signed<ChainSums>| {
        let chain = note::chain(network, &signed.statement.chain)?;
        Ok((&chain.id, Expected { sums: signed.statement.digest(), jurisdiction: &chain.jurisdiction }))
    };
    sums.iter().map(expected).collect()
}

fn check_one(
    signed: &Signed<Confirmation>,
    chains: &Chains<'_>,
    checked: &CheckedDossier,
    network: &Network,
) -> Result<(), Failure> {
    let confirmation = &signed.statement;
    let fail = |detail: &str| Failure::new(Check::Confirmation, place(signed), detail);
    let expected = chains.get(&confirmation.chain).ok_or_else(|| fail("the request does not ask this chain"))?;
    let custodian = network.root().custodian(&confirmation.custodian);
    let custodian = custodian.ok_or_else(|| fail("the trust root has no such custodian"))?;
    let own = confirmation.custodian.jurisdiction == *expected.jurisdiction;
    ensure(own, Check::Confirmation, place(signed), format_args!("the chain is {}'s", expected.jurisdiction))?;
    let this = confirmation.request == checked.request_digest;
    ensure(this, Check::Confirmation, place(signed), "it is about another request")?;
    let these = confirmation.sums == expected.sums;
    ensure(these, Check::Confirmation, place(signed), "it confirms other sums than the chain's in this submission")?;
    let key = &custodian.signing_key;
    signing::verify(key, signed).or_failure(Check::Confirmation, place(signed))
}

fn place(signed: &Signed<Confirmation>) -> String {
    format!("{} by {}", signed.statement.chain, signed.statement.custodian)
}
