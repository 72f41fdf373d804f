//! Anchors of child chains: a parent chain takes a child's checkpoint that is final and extends the one it took before.
//!
//! Kept true: what a parent holds of a child is one growing list; the body that shows an anchor to be one is durable before
//! its entry; a checkpoint that is covered already adds nothing, so sending again is safe at any point.
//!
//! Crash consequences: after the body is stored, a row that no entry names, which only takes space; after the append, an entry
//! that the tables follow before the next anchor is looked at. Errors: the verifier's `checkpoint` and `anchor`. Cost: an SM2
//! check a witness of the child, two fsyncs and a place in the log's group commit.

use std::sync::Arc;

use nacre_schemas::{
    anchor::{Anchor, Anchored},
    entry::{AnchorEntry, Entry},
    membership::Membership,
    trust,
};
use nacre_verifier::{Check, Failure, Network, anchor, note};

use crate::{
    chain::Chain,
    error::{Error, ExchangeError},
    exchange::Exchange,
    refusal::Refusal,
    replay::catch_up,
    store::{self, Store, anchor::AnchorPlace},
    work::{Place, to_the_end},
};

/// Takes a checkpoint of a child that its operator sends.
pub(crate) async fn take(
    exchange: &Exchange,
    parent: Arc<Chain>,
    caller: &Membership,
    anchor: Anchor,
) -> Result<Anchored, Error> {
    let network = Arc::clone(exchange.network());
    let child = anchor::child(&anchor.checkpoint, &network).map_err(Refusal::from)?.clone();
    if !caller.chains.contains(&child.id) {
        return Err(Refusal::NotAdmitted { member: caller.member.clone(), chain: child.id }.into());
    }
    let place = exchange.evidence().enter()?;
    let store = exchange.store().clone();
    to_the_end(async move {
        let _one_at_a_time = parent.documents().await?;
        let taking = Taking { network, store, parent: &parent, child };
        taking.take(&place, anchor).await
    })
    .await
}

/// The first anchor of a child that covers its leaf; the latest if no leaf is named.
pub(crate) async fn find(
    exchange: &Exchange,
    parent: &Chain,
    child: &trust::Chain,
    covering: Option<u64>,
) -> Result<Anchored, Error> {
    let store = exchange.store();
    catch_up(store, parent).await?;
    let found = match covering {
        Some(leaf) => store::anchor::covering(store.reader(), parent.id(), &child.id, leaf).await?,
        None => store::anchor::latest(store.reader(), parent.id(), &child.id).await?,
    };
    let none = || Refusal::NotAnchored { here: parent.id().clone(), child: child.id.to_string() };
    Ok(shown(store, parent, found.ok_or_else(none)?).await?)
}

async fn shown(store: &Store, parent: &Chain, place: AnchorPlace) -> Result<Anchored, ExchangeError> {
    let body = store::anchor::body(store.reader(), parent.id(), &place.entry).await?;
    let body = body.ok_or_else(|| parent.inconsistent(place.leaf, "the body of the anchor is gone"))?;
    Ok(Anchored { leaf: place.leaf, anchor: place.entry, checkpoint: body.checkpoint })
}

/// A child's anchor while it is taken.
struct Taking<'a> {
    network: Arc<Network>,
    store: Store,
    parent: &'a Chain,
    child: trust::Chain,
}

impl Taking<'_> {
    async fn take(self, place: &Place, anchor: Anchor) -> Result<Anchored, Error> {
        let (store, parent) = (&self.store, self.parent);
        catch_up(store, parent).await?;
        let latest = store::anchor::latest(store.reader(), parent.id(), &self.child.id).await?;
        let before = latest.map(|place| place.entry);
        let (network, child, facts) = (Arc::clone(&self.network), self.child.clone(), parent.facts().clone());
        let (anchor, verdict) = place
            .run(move || {
                let verdict = judge(&anchor, &child, before.as_ref(), &facts, &network);
                (anchor, verdict)
            })
            .await?;
        let (entry, is_new) = verdict.map_err(Refusal::from)?;
        if !is_new {
            return self.covered(entry).await;
        }
        let mut writing = store.begin().await?;
        store::anchor::keep_body(&mut writing, parent.id(), &entry, &anchor).await?;
        store.commit(writing).await?;
        let leaf = parent.append(&[Entry::Anchor(entry.clone())]).await?;
        catch_up(store, parent).await?;
        tracing::info!(chain = %parent.id(), child = %entry.chain, size = entry.size, "a checkpoint is anchored");
        Ok(Anchored { leaf, anchor: entry, checkpoint: anchor.checkpoint })
    }

    /// The anchor that covers a checkpoint which adds nothing.
    async fn covered(&self, entry: AnchorEntry) -> Result<Anchored, Error> {
        let (store, parent) = (&self.store, self.parent);
        let found = store::anchor::covering(store.reader(), parent.id(), &self.child.id, entry.size - 1).await?;
        let found = found.ok_or_else(|| parent.inconsistent(parent.size(), "the tables lack an anchor"))?;
        if found.entry.size == entry.size && found.entry.root != entry.root {
            let place = format_args!("{} in {}", entry.chain, parent.id());
            let detail = "another root of that size is anchored: the chain forked";
            return Err(Refusal::from(Failure::new(Check::Anchor, place, detail)).into());
        }
        Ok(shown(store, parent, found).await?)
    }
}

/// The entry that the anchor would have, and whether it adds to what is anchored.
fn judge(
    anchor: &Anchor,
    child: &trust::Chain,
    before: Option<&AnchorEntry>,
    parent: &trust::Chain,
    network: &Network,
) -> Result<(AnchorEntry, bool), Failure> {
    let (checkpoint, _) = note::check(&anchor.checkpoint, child, network)?;
    if checkpoint.size > 0 && before.is_some_and(|before| checkpoint.size <= before.size) {
        return Ok((AnchorEntry { chain: child.id.clone(), size: checkpoint.size, root: checkpoint.root }, false));
    }
    Ok((anchor::check(anchor, child, before, parent, network)?, true))
}
