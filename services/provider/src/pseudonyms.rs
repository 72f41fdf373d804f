//! Naming people to the exchange: by the provider's own key, or from a configured month on by identity number, together
//! with the custodians, so that all providers name one person alike.
//!
//! Kept true: custodians get blinded people only, in the order of HMACs, so neither a request nor its order tells anything
//! of anybody; a pseudonym is taken only from parts whose proofs hold, of a threshold of every jurisdiction; a person is
//! asked about once, as the outbox keeps what came of it under an HMAC of the number.
//!
//! If too few custodians of a jurisdiction give their part (they are away, or the provider's day is used up), records
//! without a pseudonym are left for the next run; nothing else waits for them.
//!
//! Errors: [`PseudonymsError`] if it cannot work as configured. What custodians do is in the summary. Cost: 0.25 ms of one
//! core a person who is new, and a round trip for [`limits::MAX_BLINDED`] of them.

mod custodians;

use std::{collections::BTreeMap, sync::Arc};

use nacre_reading::{Progress, Reason, Refused, Stage};
use nacre_schemas::{Digest, answer::CustodianId, id::JurisdictionId, identity::IdentityNumber, limits};
use nacre_zk::pseudonym::{Blinding, Keys};
use rand::rngs::OsRng;
use tokio::task::spawn_blocking;
use zeroize::Zeroizing;

use self::custodians::Custodians;
use crate::{
    config::PseudonymConfig,
    outbox::Outbox,
    post::PostError,
    seal::{
        batch::{Named, Ready, Sealer},
        name,
    },
    summary::PostSummary,
};

/// Why people cannot be named as configured.
#[derive(Debug, thiserror::Error)]
pub enum PseudonymsError {
    /// The trust root has no key for it.
    #[error("the trust root has no pseudonyms' key: take `[pseudonyms]` out of the configuration")]
    NoKey,
    /// An address of nobody.
    #[error("`[pseudonyms]`: the trust root has no custodian {0}")]
    NoSuchCustodian(CustodianId),
    /// Too few addresses.
    #[error("`[pseudonyms]`: {listed} custodians of {jurisdiction} are listed; it takes {threshold}")]
    TooFew {
        /// Whose.
        jurisdiction: JurisdictionId,
        /// How many there are.
        listed: usize,
        /// How many it takes.
        threshold: u16,
    },
    /// An address that is none.
    #[error("`[pseudonyms]`, custodian {custodian}: {reason}")]
    Address {
        /// Whose.
        custodian: CustodianId,
        /// What is wrong with it.
        reason: String,
    },
}

/// People who have no pseudonym yet, by what the outbox will know them by, with the values that wait for it.
type Waiting = BTreeMap<Digest, (IdentityNumber, Vec<Named>)>;

/// Gives the people of these values their pseudonyms. Values without one are left out: refused, if their people have no
/// identity number that counts, or counted as unnamed.
pub(crate) async fn give(
    sealer: &Arc<Sealer>,
    outbox: &Outbox,
    values: Vec<Named>,
    summary: &mut PostSummary,
    progress: &dyn Progress,
) -> Result<Vec<Ready>, PostError> {
    let Some(config) = &sealer.config.pseudonyms else {
        return Ok(values.into_iter().map(by_own_key).collect());
    };
    // The network was checked, so its keys hold.
    let keys = Keys::of(sealer.network.root()).ok().flatten().ok_or(PseudonymsError::NoKey)?;
    let mut ready = Vec::new();
    let waiting = sort(sealer, outbox, config, &keys, values, &mut ready, summary).await?;
    if !waiting.is_empty() {
        progress.stage(Stage::Pseudonyms, waiting.len() as u64);
        let custodians = Custodians::new(config, keys, sealer)?;
        ask(custodians, outbox, waiting, &mut ready, summary, progress).await?;
    }
    Ok(ready)
}

fn by_own_key(named: Named) -> Ready {
    Ready { pseudonym: named.own_pseudonym, named }
}

/// Puts what needs no custodian into `ready`, and refuses what has no number.
async fn sort(
    sealer: &Sealer,
    outbox: &Outbox,
    config: &PseudonymConfig,
    keys: &Keys,
    values: Vec<Named>,
    ready: &mut Vec<Ready>,
    summary: &mut PostSummary,
) -> Result<Waiting, PostError> {
    let (mut waiting, key) = (Waiting::new(), keys.digest());
    for named in values {
        if named.value.period < config.from {
            ready.push(by_own_key(named));
            continue;
        }
        match named.value.identity.clone() {
            Err(reason) => summary.refused.push(refused(named, reason)),
            Ok(number) => {
                let person = name::identity(&sealer.keys.record, &key, &number);
                if let Some((_, others)) = waiting.get_mut(&person) {
                    others.push(named);
                } else if let Some(pseudonym) = outbox.pseudonym(&person).await? {
                    ready.push(Ready { named, pseudonym });
                } else {
                    waiting.insert(person, (number, vec![named]));
                }
            }
        }
    }
    Ok(waiting)
}

fn refused(named: Named, reason: Reason) -> Refused {
    Refused { origin: named.value.origin, measure: Some(named.value.measure), reason }
}

/// Asks the custodians, so many people at a time, until one jurisdiction has too few that answer.
async fn ask(
    mut custodians: Custodians,
    outbox: &Outbox,
    mut waiting: Waiting,
    ready: &mut Vec<Ready>,
    summary: &mut PostSummary,
    progress: &dyn Progress,
) -> Result<(), PostError> {
    while !waiting.is_empty() {
        let rest = waiting.keys().nth(limits::MAX_BLINDED).copied();
        let later = rest.map(|first| waiting.split_off(&first)).unwrap_or_default();
        let now = std::mem::replace(&mut waiting, later);
        let inputs = now.values().map(|(number, _)| number.to_bytes()).collect();
        let blinding = blind(&custodians, inputs).await?;
        let found = custodians.ask(blinding).await?;
        summary.custodian_faults.append(&mut custodians.faults);
        let Some(pseudonyms) = found else {
            let without = now.values().chain(waiting.values()).map(|(_, values)| values.len() as u64);
            summary.unnamed += without.sum::<u64>();
            return Ok(());
        };
        let named: Vec<(Digest, Digest)> = now.keys().copied().zip(pseudonyms).collect();
        outbox.keep_pseudonyms(&named).await?;
        for ((_, values), (_, pseudonym)) in now.into_values().zip(&named) {
            ready.extend(values.into_iter().map(|named| Ready { named, pseudonym: *pseudonym }));
        }
        progress.advance(named.len() as u64);
    }
    Ok(())
}

async fn blind(custodians: &Custodians, inputs: Vec<Zeroizing<Vec<u8>>>) -> Result<Blinding, PostError> {
    let provider = custodians.provider.clone();
    let blinding = spawn_blocking(move || Blinding::new(&provider, inputs, &mut OsRng)).await;
    let blinding = blinding.map_err(|error| PostError::Interrupted(error.to_string()))?;
    blinding.map_err(|error| PostError::Interrupted(error.to_string()))
}
