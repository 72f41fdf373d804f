//! Erasure: on its provider's order a contribution's openings and restricted part are destroyed. Its commitments stay in
//! the log, and hide perfectly; so does the order.
//!
//! Kept true: the order is in the log before anything is destroyed, and whoever follows the log destroys
//! ([`crate::replay`]): a crash in between is made up for when the exchange opens. What was sealed with the contribution
//! keeps its sums; an open epoch is closed without it.
//!
//! A contribution is erased only once a quorum of witnesses vouches for it, and for the seal that counted it: later,
//! nobody can check its proofs any more.
//!
//! Errors: [`Refusal::UnknownRecord`], [`Refusal::CheckFailed`], [`Refusal::NotFinal`]. Cost: two fsyncs and a place in the
//! log's group commit.

use std::sync::Arc;

use nacre_schemas::{
    Digest, Document as _, Signed,
    entry::{Entry, ErasureEntry},
    erasure::Erasure,
    log::Logged,
    membership::Membership,
};
use nacre_verifier::erasure;

use crate::{
    chain::Chain,
    documents,
    error::Error,
    exchange::Exchange,
    refusal::Refusal,
    replay::catch_up,
    store::{self, Store, document::DocumentKind, record::Placed},
    work::to_the_end,
};

/// Checks an order, logs it, and destroys what it names. Ordered again, it says the same.
pub(crate) async fn erase(
    exchange: &Exchange,
    chain: Arc<Chain>,
    caller: &Signed<Membership>,
    signed: Signed<Erasure>,
) -> Result<Logged, Error> {
    erasure::check(&signed, &caller.statement, chain.id()).map_err(Refusal::CheckFailed)?;
    let store = exchange.store().clone();
    catch_up(&store, &chain).await?;
    let placed = placed(&store, &chain, &signed).await?;
    if erased(&store, &chain, placed.leaf).await?.is_none() {
        check_owner(&store, &chain, &placed, &signed).await?;
        // Waited for here, where it holds up no epoch.
        chain.agreed(vouched(&store, &chain, placed.leaf).await?).await?;
    }
    let (of_chain, of_store) = (Arc::clone(&chain), store.clone());
    let leaf = to_the_end(async move {
        // No epoch is closed meanwhile, so whether the contribution was counted does not change.
        let _epochs = of_chain.sealing().await?;
        catch_up(&of_store, &of_chain).await?;
        if let Some(entry) = erased(&of_store, &of_chain, placed.leaf).await? {
            return Ok(entry);
        }
        check_owner(&of_store, &of_chain, &placed, &signed).await?;
        let size = vouched(&of_store, &of_chain, placed.leaf).await?;
        if of_chain.last_agreed().is_none_or(|checkpoint| checkpoint.unverified().size < size) {
            return Err(of_chain.not_final(size).into());
        }
        let (order, body) = (signed.digest(), signed.to_canonical());
        let mut writing = of_store.begin().await?;
        store::document::insert(&mut writing, DocumentKind::Erasure, &order, body).await?;
        of_store.commit(writing).await?;
        let leaf = of_chain.append(&[Entry::Erasure(ErasureEntry { leaf: placed.leaf, order })]).await?;
        catch_up(&of_store, &of_chain).await?;
        of_store.forget_freed().await?;
        tracing::info!(chain = %of_chain.id(), leaf = placed.leaf, "a contribution was erased");
        Ok(leaf)
    })
    .await?;
    documents::logged_at(&chain, leaf).await
}

/// Where the record stands that the order names.
async fn placed(store: &Store, chain: &Chain, signed: &Signed<Erasure>) -> Result<Placed, Error> {
    let record = signed.statement.record;
    let found = store::record::find(store.reader(), chain.id(), &[record]).await?;
    let found = found.into_values().find(|placed| placed.leaf_hash == signed.statement.entry);
    Ok(found.ok_or_else(|| Refusal::UnknownRecord(chain.id().clone()))?)
}

/// At which leaf the contribution's erasure stands, if it was erased.
async fn erased(store: &Store, chain: &Chain, leaf: u64) -> Result<Option<u64>, Error> {
    Ok(store::erased::among(store.reader(), chain.id(), leaf, leaf + 1).await?.get(&leaf).copied())
}

async fn check_owner(store: &Store, chain: &Chain, placed: &Placed, signed: &Signed<Erasure>) -> Result<(), Error> {
    let hashes: [Digest; 1] = [placed.leaf_hash];
    let openings = store::contribution::openings(store.reader(), chain.id(), &hashes).await?;
    let owner = openings.get(&placed.leaf_hash).map(|openings| &openings.header.provider);
    // Whose record it is, is nobody else's business: another's is as unknown as one that is not there.
    if owner == Some(&signed.statement.provider) {
        Ok(())
    } else {
        Err(Refusal::UnknownRecord(chain.id().clone()).into())
    }
}

/// How many entries a quorum has to have vouched for: the contribution, and the seal that counted it.
async fn vouched(store: &Store, chain: &Chain, leaf: u64) -> Result<u64, Error> {
    let mut size = leaf + 1;
    if let Some(last) = store::seal::latest(store.reader(), chain.id()).await?
        && chain.seal_at(last.leaf)?.to > leaf
    {
        size = last.leaf + 1;
    }
    Ok(size)
}
