//! Intake: a batch comes in, is verified, stored, appended, and receipted.
//!
//! Kept true: a record id has one contribution in its chain; nothing is appended whose proofs were not verified and
//! whose bodies are not durable; a receipt is given for what is in the log, and is the same whenever it is asked for.
//!
//! The steps, and what a crash (or a failed disk) leaves after each:
//!
//! 1. *Check* ([`check`], [`standing`], [`proofs`]): nothing is written. A batch that is in the chain already gets its
//!    receipts here, without its proofs being verified again.
//! 2. *Claim* the record ids ([`claims`]): in memory, gone with the process.
//! 3. *Store* bodies, restricted parts and what the provider signed, in one transaction. Left behind: rows that no entry
//!    commits to. They take space; the provider's resend finds them there and goes on.
//! 4. *Append* the batch's entry and its contributions' entries in one submission. Left behind: either nothing more than
//!    after 3, or the whole submission, durable and covered by a signed checkpoint. If the log reports a failure,
//!    which of the two is not known before it is opened again; until then it takes nothing, and the answer is 503.
//! 5. *Follow* ([`crate::replay`]): the derived tables catch up. Left behind: entries that the tables do not know. The
//!    next intake, or the next opening, follows them before it looks any record up, so the resend meets its own
//!    records and gets their receipts.
//!
//! From 2 on the steps run to their end even if the client hangs up. The answer to every failure from 3 on says that
//! sending the same again is safe.
//!
//! Errors: [`Refusal`] for the provider's faults. Cost: the proofs; then one fsync each for 3, 4 and 5, the second shared
//! with whoever appends at the same time.

pub(crate) mod check;
pub(crate) mod claims;
pub(crate) mod proofs;

use std::sync::Arc;

use nacre_schemas::{
    Digest, Document as _,
    batch::{Batch, BatchBody},
    entry::{BatchEntry, Entry},
    membership::Membership,
    receipt::{BatchReceipt, Receipt},
};
use nacre_zk::batch::{BatchError, BatchFault};

use crate::{
    chain::Chain,
    error::{Error, ExchangeError},
    exchange::Exchange,
    intake::proofs::Unproven,
    refusal::Refusal,
    replay::catch_up,
    store::{self, Store, contribution::Body, record::Placed},
    work::to_the_end,
};

/// A batch whose form and signature hold, with what later steps need of it.
#[derive(Debug)]
pub(crate) struct Checked {
    batch: Batch,
    id: Digest,
    body: BatchBody,
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
    if let Standing::Known(placed) = standing(exchange.store(), &chain, &checked).await? {
        return Ok(receipts(&chain, &checked.id, &placed)?);
    }
    let (checked, verdict) = exchange.proofs().run(Unproven { checked, place: place.clone() }).await?;
    verdict.map_err(rejected)?;
    let store = exchange.store().clone();
    to_the_end(async move { admit(&store, &chain, checked).await }).await
}

fn rejected(error: BatchError) -> Refusal {
    let check = match error.fault {
        BatchFault::SigmaProof => "sigma-proof",
        BatchFault::RangeProof(_) => "range-proof",
        _ => "encoding",
    };
    Refusal::ProofRejected { entry: error.contribution, check, detail: error.to_string() }
}

/// Steps 2 to 5 for a batch that was verified.
async fn admit(store: &Store, chain: &Chain, checked: Checked) -> Result<BatchReceipt, Error> {
    // Held to the end of this function, whichever way it ends: what was appended is in the tables by then, or is before
    // they are looked at again.
    let _claim = chain.claims.claim(&checked.records).await;
    let placed = match standing(store, chain, &checked).await? {
        Standing::Known(placed) => placed,
        Standing::New => {
            keep(store, chain, &checked).await?;
            append(chain, &checked).await?;
            catch_up(store, chain).await?;
            match standing(store, chain, &checked).await? {
                Standing::Known(placed) => placed,
                Standing::New => return Err(chain.inconsistent(chain.size(), "an appended record is unknown").into()),
            }
        }
    };
    Ok(receipts(chain, &checked.id, &placed)?)
}

/// Looks the records up, after the tables have followed the log.
async fn standing(store: &Store, chain: &Chain, checked: &Checked) -> Result<Standing, Error> {
    catch_up(store, chain).await?;
    let found = store::record::find(store.reader(), chain.id(), &checked.records).await?;
    let mut known = Vec::with_capacity(checked.records.len());
    for (entry, (record, leaf_hash)) in checked.records.iter().zip(checked.leaf_hashes()).enumerate() {
        match found.get(record) {
            Some(placed) if placed.leaf_hash == *leaf_hash => known.push((entry, *placed)),
            Some(_) => return Err(Refusal::RecordExists { entry, same: false }.into()),
            None => {}
        }
    }
    match known.first() {
        None => Ok(Standing::New),
        Some(_) if known.len() == checked.records.len() => {
            Ok(Standing::Known(known.into_iter().map(|(_, placed)| placed).collect()))
        }
        Some((entry, _)) => Err(Refusal::RecordExists { entry: *entry, same: true }.into()),
    }
}

/// Step 3.
async fn keep(store: &Store, chain: &Chain, checked: &Checked) -> Result<(), ExchangeError> {
    let contributions = checked.batch.contributions.iter().zip(checked.leaf_hashes());
    let bodies: Vec<Body> = contributions
        .map(|(contribution, leaf_hash)| Body {
            leaf_hash: *leaf_hash,
            record: contribution.openings.header.record,
            openings: contribution.openings.to_canonical(),
            restricted: contribution.restricted.to_canonical(),
        })
        .collect();
    let mut writing = store.begin().await?;
    store::contribution::insert(&mut writing, chain.id(), &bodies).await?;
    store::batch::insert(&mut writing, chain.id(), &checked.id, &checked.body).await?;
    Ok(store.commit(writing).await?)
}

/// Step 4.
async fn append(chain: &Chain, checked: &Checked) -> Result<(), ExchangeError> {
    let contributions = checked.batch.contributions.len() as u32;
    let mut entries = vec![Entry::Batch(BatchEntry { contributions, body: checked.body.digest() })];
    entries.extend(checked.batch.contributions.iter().map(|contribution| Entry::Contribution(contribution.entry())));
    chain.append(&entries).await?;
    Ok(())
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
