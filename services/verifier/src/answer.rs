//! A custodian's answer: signed, about this dossier, deciding on each quantity once, every share proven.

use nacre_ledger::signing;
use nacre_schemas::{
    Signed,
    answer::{Answer, Decision},
    query::Quantity,
    trust::Custodian,
};
use nacre_zk::share;

use crate::{
    CheckedDossier, GroupKeys, Network,
    failure::{Check, Failure, OrFailure as _, ensure},
};

/// Checks an answer. A failure's place names the custodian.
pub fn check(signed: &Signed<Answer>, checked: &CheckedDossier, network: &Network) -> Result<(), Failure> {
    let answer = &signed.statement;
    let place = &answer.custodian;
    let unknown = || Failure::new(Check::AnswerSignature, place, "the trust root has no such custodian");
    let custodian = network.root().custodian(place).ok_or_else(unknown)?;
    signing::verify(&custodian.signing_key, signed).or_failure(Check::AnswerSignature, place)?;
    ensure(answer.request == checked.request_digest, Check::AnswerForm, place, "it answers another request")?;
    ensure(answer.dossier == checked.dossier_digest, Check::AnswerForm, place, "it answers another dossier")?;
    let groups = answer.groups.iter().map(|group| &group.group);
    ensure(groups.eq(checked.groups.keys()), Check::AnswerForm, place, "its groups are not the dossier's")?;
    for group in &answer.groups {
        let quantities = group.decisions.iter().map(|decision| decision.quantity);
        let all = quantities.eq(checked.quantities.iter().copied());
        ensure(
            all,
            Check::AnswerForm,
            place,
            format_args!("group {}: it does not decide on each quantity", group.group),
        )?;
    }
    check_shares(signed, custodian, checked)
}

fn check_shares(signed: &Signed<Answer>, custodian: &Custodian, checked: &CheckedDossier) -> Result<(), Failure> {
    let answer = &signed.statement;
    for group in &answer.groups {
        for decision in &group.decisions {
            let Decision::Opened(opened) = &decision.decision else { continue };
            share::verify(opened, &checked.request_digest, &answer.custodian, &custodian.verifying_share).map_err(
                |error| {
                    let detail = format!("group {} {}: {error}", group.group, decision.quantity);
                    Failure::new(Check::Share, &answer.custodian, detail)
                },
            )?;
        }
    }
    Ok(())
}

/// Checks that the shares were made from the ephemeral keys that the chains gave.
pub fn check_keys(signed: &Signed<Answer>, keys: &GroupKeys) -> Result<(), Failure> {
    let answer = &signed.statement;
    for group in &answer.groups {
        let known = keys.get(&group.group).map(Vec::as_slice).unwrap_or_default();
        for decision in &group.decisions {
            let Decision::Opened(opened) = &decision.decision else { continue };
            let key = known.iter().find(|key| key.quantity == decision.quantity).map(|key| key.key);
            if key != Some(opened.key) {
                let detail = format!("group {} {}: it is made from another key", group.group, decision.quantity);
                return Err(Failure::new(Check::Share, &answer.custodian, detail));
            }
        }
    }
    Ok(())
}

/// The decision on a quantity of the group at that position. The answer was checked before.
pub(crate) fn decision(signed: &Signed<Answer>, group: usize, quantity: Quantity) -> Option<&Decision> {
    let decisions = &signed.statement.groups.get(group)?.decisions;
    decisions.iter().find(|decision| decision.quantity == quantity).map(|decision| &decision.decision)
}
