//! Intake: a batch comes in, is verified, stored, appended, and receipted.
//!
//! Kept true: a record id has one contribution in its chain; nothing is appended whose proofs were not verified and
//! whose bodies are not durable; a receipt is given for what is in the log, and is the same whenever it is asked for.
//!
//! The steps, and what a crash (or a failed disk) leaves after each:
//!
//! 1. *Check* ([`check`], [`standings`], [`proofs`]): nothing is written. A batch that is in the chain already gets its
//!    receipts here, without its proofs being verified again.
//! 2. *Admit* ([`admission`]), many batches together if they came together: the records are looked up once more, and those
//!    that are new go through three steps.
//! 3. *Store* bodies, restricted parts and what the providers signed, in one transaction. Left behind: rows that no entry
//!    commits to. They take space; the provider's resend finds them there and goes on.
//! 4. *Append* each batch's entry and its contributions' entries in one submission. Left behind: either nothing more than
//!    after 3, or the whole submission, durable and covered by a signed checkpoint. If the log reports a failure,
//!    which of the two is not known before it is recovered, as the next group does first; the answer is 503.
//! 5. *Follow* ([`crate::replay`]): the derived tables catch up. Left behind: entries that the tables do not know. The
//!    next intake, or the next opening, follows them before it looks any record up, so the resend meets its own
//!    records and gets their receipts.
//!
//! From 3 on the steps run to their end even if the client hangs up. The answer to every failure from 3 on says that
//! sending the same again is safe; it goes to every batch of the group.
//!
//! Errors: [`Refusal`] for the provider's faults. Cost: the proofs ([`proofs`]); then one fsync each for 3, 4 and 5, for all
//! that are admitted together.

pub(crate) mod admission;
pub(crate) mod check;
pub(crate) mod proofs;

use std::{collections::HashMap, sync::Arc};

use nacre_schemas::{
    Digest, Signed,
    batch::{Batch, BatchStatement},
    membership::Membership,
    receipt::{BatchReceipt, Receipt},
};
use nacre_zk::batch::{BatchError, BatchFault};

use crate::{
    chain::Chain,
    error::{Error, ExchangeError},
    exchange::Exchange,
    intake::{admission::Admission, proofs::Unproven},
    refusal::Refusal,
    replay::catch_up,
    store::{self, Store, record::Placed},
};

/// A batch whose form and signature hold, with what later steps need of it.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) batch: Batch,
    id: Digest,
    body: Signed<BatchStatement>,
    /// Record ids, in order, no two alike.
    records: Vec<Digest>,
}

impl Checked {
    /// Leaf hashes of the contributions, in order.
    fn leaf_hashes(&self) -> &[Digest] {
        &self.body.statement.leaves
    }
}

/// How the records of a batch stand to the chain.
#[derive(Debug)]
enum Standing {
    /// None is in it.
    New,
    /// All are, with these very bytes.
    Known(Vec<Placed>),
}

/// Takes a batch in.
pub(crate) async fn take(
    exchange: &Exchange,
    chain: Arc<Chain>,
    caller: Membership,
    batch: Batch,
) -> Result<BatchReceipt, Error> {
    let place = exchange.intakes().enter()?;
    let of_chain = Arc::clone(&chain);
    let checked = place.run(move || check::batch(batch, &caller, &of_chain)).await??;
    let known = standings(exchange.store(), &chain, std::slice::from_ref(&checked)).await?.pop();
    if let Some(Standing::Known(placed)) = known.transpose()? {
        return Ok(receipts(&chain, &checked.id, &placed)?);
    }
    let (checked, verdict) = exchange.proofs().run(Unproven { checked, place: place.clone() }).await?;
    verdict?;
    let id = checked.id;
    let admission = Admission { chain: Arc::clone(&chain), checked, place };
    let placed = chain.admissions.run(admission).await??;
    Ok(receipts(&chain, &id, &placed)?)
}

pub(crate) fn rejected(error: BatchError) -> Refusal {
    let check = match error.fault {
        BatchFault::SigmaProof => "sigma-proof",
        BatchFault::RangeProof(_) => "range-proof",
        _ => "encoding",
    };
    Refusal::ProofRejected { entry: error.contribution, check, detail: error.to_string() }
}

/// Looks the records of batches up, after the tables have followed the log.
async fn standings(
    store: &Store,
    chain: &Chain,
    batches: &[Checked],
) -> Result<Vec<Result<Standing, Refusal>>, ExchangeError> {
    catch_up(store, chain).await?;
    let records: Vec<Digest> = batches.iter().flat_map(|checked| checked.records.iter().copied()).collect();
    let found = store::record::find(store.reader(), chain.id(), &records).await?;
    Ok(batches.iter().map(|checked| standing(checked, &found)).collect())
}

fn standing(checked: &Checked, found: &HashMap<Digest, Placed>) -> Result<Standing, Refusal> {
    let mut known = Vec::with_capacity(checked.records.len());
    for (entry, (record, leaf_hash)) in checked.records.iter().zip(checked.leaf_hashes()).enumerate() {
        match found.get(record) {
            Some(placed) if placed.leaf_hash == *leaf_hash => known.push((entry, *placed)),
            Some(_) => return Err(Refusal::RecordExists { entry, same: false }),
            None => {}
        }
    }
    match known.first() {
        None => Ok(Standing::New),
        Some(_) if known.len() == checked.records.len() => {
            Ok(Standing::Known(known.into_iter().map(|(_, placed)| placed).collect()))
        }
        Some((entry, _)) => Err(Refusal::RecordExists { entry: *entry, same: true }),
    }
}

/// The receipts of records in the chain, under the first checkpoint that covers them all.
fn receipts(chain: &Chain, batch: &Digest, placed: &[Placed]) -> Result<BatchReceipt, ExchangeError> {
    let last = placed.iter().map(|placed| placed.leaf).max().unwrap_or(0);
    let checkpoint = chain.checkpoint_covering(last)?;
    let size = checkpoint.unverified().size;
    let receipt = |placed: &Placed| -> Result<Receipt, ExchangeError> {
        let inclusion = chain.inclusion(placed.leaf, size)?;
        Ok(Receipt { record: placed.record, entry: placed.leaf_hash, inclusion })
    };
    Ok(BatchReceipt {
        chain: chain.id().clone(),
        batch: *batch,
        checkpoint: chain.note(&checkpoint)?,
        receipts: placed.iter().map(receipt).collect::<Result<_, _>>()?,
    })
}
