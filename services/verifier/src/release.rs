//! A release: everything checked again from nothing but the trust root.
//!
//! The order is that of the protocol: definition, request, checkpoints, seals, cells, sums; shares and thresholds;
//! the integers, and that there are enough of them; the figures. The first failure ends it and names its check.

use std::collections::BTreeSet;

use nacre_ledger::note::Finality;
use nacre_schemas::{
    Digest, Document as _, Point,
    answer::{CustodianId, Decision, Rule, Share},
    limits,
    query::{GroupKey, Quantity},
    release::{Outcome, QuantityResult, Release},
};
use nacre_zk::{share, tally};
use serde::Serialize;

use crate::{
    CheckedDossier, Network, answer, dossier,
    failure::{Check, Failure, OrFailure as _, ensure},
    figures,
};

/// What was checked, and what the release rests on without this check seeing it.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Digest of the release.
    pub release: Digest,
    /// Digest of the trust root.
    pub trust: Digest,
    /// What was checked, in order.
    pub checked: Vec<String>,
    /// What has to be taken on trust, and whose word it is.
    pub rests_on: Vec<String>,
    /// The custodians whose shares opened the figures.
    pub custodians: Vec<CustodianId>,
}

/// Checks a release against a trust root.
pub fn check(release: &Release, network: &Network) -> Result<Report, Failure> {
    check_definition(release, network)?;
    let checked = dossier::check(&release.dossier, network, &release.definition)?;
    for signed in &release.answers {
        answer::check(signed, &checked, network)?;
    }
    check_thresholds(release, network)?;
    check_integers(release, &checked)?;
    check_disclosure(release, network)?;
    check_figures(release, &checked)?;
    Ok(report(release, &checked, network))
}

fn check_definition(release: &Release, network: &Network) -> Result<(), Failure> {
    let (definition, place) = (&release.definition, release.definition.reference());
    ensure(
        release.catalogue.digest() == network.root().catalogue,
        Check::Definition,
        "catalogue",
        "it is not the one the trust root names",
    )?;
    let entry = release.catalogue.definitions.iter().find(|entry| entry.measure == place);
    let listed = entry.is_some_and(|entry| entry.digest == definition.digest());
    ensure(listed, Check::Definition, &place, "the catalogue holds another definition under this name")?;
    definition.check().or_failure(Check::Definition, &place)
}

fn check_thresholds(release: &Release, network: &Network) -> Result<(), Failure> {
    let mut seen = BTreeSet::new();
    for signed in &release.answers {
        let custodian = &signed.statement.custodian;
        ensure(seen.insert(custodian.clone()), Check::Threshold, custodian, "it is counted twice")?;
    }
    for jurisdiction in &network.root().jurisdictions {
        let present = seen.iter().filter(|custodian| custodian.jurisdiction == jurisdiction.id).count();
        let detail = format_args!("{present} of its custodians answered, it takes {}", jurisdiction.threshold);
        ensure(present >= usize::from(jurisdiction.threshold), Check::Threshold, &jurisdiction.id, detail)?;
    }
    Ok(())
}

/// Every integer is what the shares open; whatever is withheld is so by a custodian's signed word.
fn check_integers(release: &Release, checked: &CheckedDossier) -> Result<(), Failure> {
    let groups = release.figures.iter().map(|figures| &figures.group);
    ensure(groups.eq(checked.groups.keys()), Check::Combination, "figures", "their groups are not the dossier's")?;
    for (position, figures) in release.figures.iter().enumerate() {
        let quantities = figures.results.iter().map(|result| result.quantity);
        let all = quantities.eq(checked.quantities.iter().copied());
        let place = format_args!("group {}", figures.group);
        ensure(all, Check::Combination, place, "it does not give each quantity of the request")?;
        for result in &figures.results {
            check_result(release, checked, position, &figures.group, result)?;
        }
    }
    Ok(())
}

/// People are at most contributions, so what is opened of fewer than k contributions was opened against the rules, or for a
/// seal that counts people who are not there.
fn check_disclosure(release: &Release, network: &Network) -> Result<(), Failure> {
    let minimum = u64::from(network.root().disclosure.minimum_people);
    for figures in &release.figures {
        let opened = |result: &&QuantityResult| matches!(result.outcome, Outcome::Value(_));
        let count = figures.results.iter().find_map(|result| match (result.quantity, result.outcome) {
            (Quantity::Count, Outcome::Value(count)) => Some(count),
            _ => None,
        });
        for result in figures.results.iter().filter(opened) {
            let factor = if result.quantity.is_detail() { limits::DETAIL_FACTOR } else { 1 };
            let place = format_args!("group {} {}", figures.group, result.quantity);
            let enough = count.is_some_and(|count| count >= factor * minimum);
            ensure(
                enough,
                Check::Disclosure,
                place,
                "it is opened for fewer contributions than the rules want people",
            )?;
        }
    }
    Ok(())
}

fn check_result(
    release: &Release,
    checked: &CheckedDossier,
    position: usize,
    group: &GroupKey,
    result: &QuantityResult,
) -> Result<(), Failure> {
    let place = || format!("group {group} {}", result.quantity);
    let fail = |detail: &str| Err(Failure::new(Check::Combination, place(), detail));
    let (opened, withheld) = decisions(release, position, result.quantity);
    match (result.outcome, withheld) {
        (Outcome::Withheld(rule), Some(named)) if rule == named => Ok(()),
        (Outcome::Withheld(_), Some(_)) => fail("it is withheld by another rule than the custodians name"),
        (Outcome::Withheld(_), None) => fail("it is said to be withheld, but the custodians opened it"),
        (Outcome::Value(_), Some(_)) => fail("the custodians withheld it"),
        (Outcome::Value(value), None) => {
            let commitment = commitment_of(checked, group, result.quantity)?;
            let one_key = opened.windows(2).all(|pair| pair[0].1.key == pair[1].1.key);
            ensure(one_key, Check::Combination, place(), "the custodians' shares are made from different keys")?;
            let message = share::combine(&commitment, &opened).or_failure(Check::Combination, place())?;
            ensure(message.is(value), Check::Combination, place(), format_args!("the shares do not open it to {value}"))
        }
    }
}

/// The shares of a quantity, and the first rule in the list of rules by which a custodian withholds it.
fn decisions(release: &Release, group: usize, quantity: Quantity) -> (Vec<(CustodianId, Share)>, Option<Rule>) {
    let mut opened = Vec::new();
    let mut rules = BTreeSet::new();
    for signed in &release.answers {
        match answer::decision(signed, group, quantity) {
            Some(Decision::Opened(share)) => opened.push((signed.statement.custodian.clone(), share.clone())),
            Some(Decision::Withheld(rule)) => {
                rules.insert(*rule);
            }
            None => {}
        }
    }
    (opened, rules.first().copied())
}

fn commitment_of(checked: &CheckedDossier, group: &GroupKey, quantity: Quantity) -> Result<Point, Failure> {
    let place = || format!("group {group} {quantity}");
    let sums = checked.groups.get(group);
    let sums = sums.ok_or_else(|| Failure::new(Check::Combination, place(), "the dossier has no such group"))?;
    tally::commitment_of(sums, quantity).or_failure(Check::Combination, place())
}

fn check_figures(release: &Release, checked: &CheckedDossier) -> Result<(), Failure> {
    for stated in &release.figures {
        let group = stated.group.clone();
        let computed = figures::of_group(&release.definition, &checked.request, group, stated.results.clone())?;
        let place = format_args!("group {}", stated.group);
        ensure(computed == *stated, Check::Figures, place, "the figures do not follow from the integers")?;
    }
    Ok(())
}

fn report(release: &Release, checked: &CheckedDossier, network: &Network) -> Report {
    let cells: usize =
        release.dossier.chains.iter().flat_map(|chain| &chain.seals).map(|seal| seal.run.cells.len()).sum();
    let seals: usize = release.dossier.chains.iter().map(|chain| chain.seals.len()).sum();
    let root = network.root();
    let mut checked_list = vec![
        format!("trust root of {}: endorsed by {} jurisdictions", root.network, root.jurisdictions.len()),
        format!("definition of {}, by digest", release.definition.reference()),
        format!("request by {}: signed, admitted, logged on {}", checked.request.requester, checked.finality[0].0),
        format!("{seals} seals of {} chains: in their chain, none skipped", release.dossier.chains.len()),
        format!("{cells} cells: under their seal, each once, none left out"),
        format!("{} answers: signatures, shares, thresholds of every jurisdiction", release.answers.len()),
        format!("{} groups: integers opened by the shares, k at least, figures recomputed", release.figures.len()),
    ];
    let mut rests_on = vec![
        "each contribution's proofs, each record counted once, the sums of ephemeral keys and the numbers of people: the \
         word of each chain's full witnesses, who checked them before they countersigned (of its exchange, where it has no \
         witnesses), and, within its own jurisdiction, of the custodians who saw the sealed details"
            .to_owned(),
    ];
    for (chain, finality) in &checked.finality {
        match finality {
            Finality::NoWitnesses => {
                rests_on.push(format!("{chain} has no witnesses: that it shows everyone one history is its own word"));
            }
            Finality::Final { by } => checked_list.push(format!("{chain}: final by {}", by.join(", "))),
        }
    }
    Report {
        release: release.digest(),
        trust: network.digest(),
        checked: checked_list,
        rests_on,
        custodians: release.answers.iter().map(|signed| signed.statement.custodian.clone()).collect(),
    }
}
