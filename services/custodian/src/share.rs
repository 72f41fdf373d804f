//! Share: the custodian's part of the decryption of what may be opened, and its signed word on all of it.
//!
//! Kept true: a share is made only of a quantity that [`crate::decide`] opened, under the key that [`crate::check`]
//! bound to this request; its proof is bound to the request and to this custodian. The answer names the dossier
//! that was checked and decides on each group and quantity once, in the dossier's order.
//!
//! Errors: [`Fault::UnanswerableKey`], if a group's key is the identity, whose share would be the identity whatever the
//! secret, or no group element. Cost: three multiplications and a hash for each quantity opened, on rayon's threads.

use nacre_ledger::signing::SigningKey;
use nacre_schemas::{
    Digest, Document as _, Signed,
    answer::{Answer, CustodianId, Decision, GroupAnswer, QuantityDecision, Refusal},
    confirmation::Confirmation,
    dossier::{ChainSums, QuantityKey},
    preview::{GroupRuling, Preview, QuantityRuling},
    query::{GroupKey, Quantity},
};
use nacre_verifier::{CheckedDossier, GroupKeys};
use nacre_zk::share::{self, SecretShare};
use rand::rngs::OsRng;
use rayon::prelude::*;

use crate::{
    decide::{self, Ruling},
    disclosure::Decisions,
    fault::Fault,
};

/// A custodian as its verdicts show it: name, share of the key, signing key.
pub struct Signer {
    /// Who it is.
    pub custodian: CustodianId,
    /// Its share of its jurisdiction's key.
    pub secret: SecretShare,
    /// Signs its verdicts.
    pub signing_key: SigningKey,
}

impl Signer {
    /// Answers a checked dossier by the decisions on its groups.
    pub fn answer(
        &self,
        dossier: &CheckedDossier,
        keys: &GroupKeys,
        decisions: &Decisions,
    ) -> Result<Signed<Answer>, Fault> {
        let group = |(group, keys): (&GroupKey, &Vec<QuantityKey>)| {
            let decided = decisions.get(group).ok_or_else(|| Fault::Undecided(group.clone()))?;
            let decisions = dossier
                .quantities
                .iter()
                .zip(keys)
                .map(|(quantity, key)| {
                    self.decision(&dossier.request_digest, group, *quantity, decided.on(*quantity), key)
                })
                .collect::<Result<_, _>>()?;
            Ok(GroupAnswer { group: group.clone(), decisions })
        };
        let answer = Answer {
            request: dossier.request_digest,
            dossier: dossier.dossier_digest,
            custodian: self.custodian.clone(),
            groups: keys.par_iter().map(group).collect::<Result<_, Fault>>()?,
        };
        Ok(self.signing_key.sign(answer))
    }

    /// Confirms the sums of a chain of its own, which [`crate::check::own_chains`] compared with the sealed details.
    pub fn confirm(&self, request: Digest, sums: &ChainSums) -> Signed<Confirmation> {
        let (chain, custodian) = (sums.chain.clone(), self.custodian.clone());
        let confirmation = Confirmation { request, sums: sums.digest(), chain, custodian };
        self.signing_key.sign(confirmation)
    }

    /// Says what would become of a request, by decisions that were made as if it had been logged.
    pub fn preview(
        &self,
        request: Digest,
        size: u64,
        quantities: &[Quantity],
        decisions: &Decisions,
    ) -> Signed<Preview> {
        let ruling = |quantity: &Quantity, decision: &decide::Decision| QuantityRuling {
            quantity: *quantity,
            withheld: match decision.on(*quantity) {
                Ruling::Open => None,
                Ruling::Withhold(rule) => Some(rule),
            },
        };
        let groups = decisions.iter().map(|(group, decision)| GroupRuling {
            group: group.clone(),
            quantities: quantities.iter().map(|quantity| ruling(quantity, decision)).collect(),
        });
        let preview = Preview { request, custodian: self.custodian.clone(), size, groups: groups.collect() };
        self.signing_key.sign(preview)
    }

    /// Refuses the request as a whole.
    pub fn refuse(&self, request: Digest, fault: &Fault) -> Signed<Refusal> {
        let refusal: Refusal = fault.refusal(request, self.custodian.clone());
        self.signing_key.sign(refusal)
    }

    fn decision(
        &self,
        request: &Digest,
        group: &GroupKey,
        quantity: Quantity,
        ruling: Ruling,
        known: &QuantityKey,
    ) -> Result<QuantityDecision, Fault> {
        let unanswerable = |reason: String| Fault::UnanswerableKey { group: group.clone(), quantity, reason };
        let decision = match ruling {
            Ruling::Withhold(rule) => Decision::Withheld(rule),
            Ruling::Open if known.quantity != quantity => {
                return Err(unanswerable(format!("the chains give the key of {} in its place", known.quantity)));
            }
            Ruling::Open => Decision::Opened(
                share::answer(&self.secret, request, &self.custodian, &known.key, &mut OsRng)
                    .map_err(|error| unanswerable(error.to_string()))?,
            ),
        };
        Ok(QuantityDecision { quantity, decision })
    }
}

#[cfg(test)]
mod tests;
