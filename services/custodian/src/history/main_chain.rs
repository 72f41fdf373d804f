//! A main chain, followed entry by entry, as far as its checkpoints vouch for what its exchange shows.
//!
//! Kept true: what is here hashes to the root of a checkpoint that the chain signed, and goes on from what was followed
//! before, in this life or an earlier one. Errors: a [`Fault`] of [`Check::History`] where the chain shows something else, a
//! problem where it shows nothing. Cost: an entry is fetched and hashed once for as long as the process runs.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use nacre_access::client::Client;
use nacre_ledger::merkle::{Hasher as _, Sm3Hasher, tree::Tree};
use nacre_schemas::{
    Digest, Document as _, Signed,
    cross::CrossRequest,
    entry::Entry,
    id::{ChainId, MemberId},
    log::{LogEntry, LogPage},
    measure::MeasureRef,
    membership::Membership,
    query::{Request, SignedRequest},
};
use nacre_verifier::{Check, Failure};
use nacre_wire::exchange::{FromLeaf, GET_ENTRIES};

use super::{client, heads::Head, standing::Standing};
use crate::{
    custodian::{Obstacle, unavailable},
    fault::Fault,
};

/// One main chain.
pub(super) struct Main {
    /// As far as it was followed before the process started.
    pub(super) pinned: Option<Head>,
    /// What the file says of how far.
    pub(super) kept: u64,
    /// Requests that this custodian answered in an earlier life, by digest, and that the chain did not show yet in this one.
    pub(super) awaited: BTreeSet<Digest>,
    pub(super) tree: Tree<Sm3Hasher>,
    /// Requests of both lanes, in order.
    pub(super) logged: Vec<Logged>,
    /// The latest admission of each member.
    pub(super) admissions: BTreeMap<MemberId, Signed<Membership>>,
}

/// A logged request.
#[derive(Clone)]
pub(super) struct Logged {
    pub(super) leaf: u64,
    pub(super) asked: Asked,
    /// That of its requester, as it stood then; none if there was none.
    pub(super) admission: Option<Signed<Membership>>,
    pub(super) standing: Standing,
}

/// What was asked, in either lane.
#[derive(Clone)]
pub(super) enum Asked {
    Tally(Arc<SignedRequest<Request>>),
    Cross(Arc<SignedRequest<CrossRequest>>),
}

impl Asked {
    /// Digest of the request without its signature: what answers name it by.
    pub(super) fn digest(&self) -> Digest {
        match self {
            Self::Tally(signed) => signed.request.digest(),
            Self::Cross(signed) => signed.request.digest(),
        }
    }

    /// The trust root that it names.
    pub(super) fn trust(&self) -> Digest {
        match self {
            Self::Tally(signed) => signed.request.trust,
            Self::Cross(signed) => signed.request.trust,
        }
    }

    fn requester(&self) -> &MemberId {
        match self {
            Self::Tally(signed) => &signed.request.requester,
            Self::Cross(signed) => &signed.request.requester,
        }
    }
}

impl Main {
    /// Nothing followed yet in this life. `awaited` are the requests that this custodian answered in earlier ones.
    pub(super) fn new(pinned: Option<Head>, awaited: BTreeSet<Digest>) -> Self {
        let kept = pinned.as_ref().map_or(0, |head| head.size);
        Self { pinned, kept, awaited, tree: Tree::new(), logged: Vec::new(), admissions: BTreeMap::new() }
    }

    /// Follows the chain to a checkpoint that it signed, at least as far as in an earlier life.
    pub(super) async fn follow(
        &mut self,
        id: &ChainId,
        head: &Head,
        exchanges: &BTreeMap<ChainId, Client>,
    ) -> Result<(), Obstacle> {
        let before = self.tree.size();
        let end = head.size.max(self.pinned.as_ref().map_or(0, |pinned| pinned.size));
        let missing = usize::try_from(end.saturating_sub(before)).map_err(|error| history(id, error))?;
        let mut shown: Vec<LogEntry> = Vec::new();
        while shown.len() < missing {
            let page = page(id, before + shown.len() as u64, exchanges).await?;
            shown.extend(page.entries);
        }
        shown.truncate(missing);
        match self.check(id, head, shown) {
            Ok(read) => {
                read.into_iter().for_each(|read| self.take(read));
                Ok(())
            }
            Err(fault) => {
                // What was followed before stands; what was shown now was never part of it.
                self.tree.truncate(before);
                Err(fault.into())
            }
        }
    }

    /// The requests about these measures that stand before that leaf, in order, as they stand now.
    pub(super) fn of_family(&self, measures: &[MeasureRef], end: u64) -> Vec<Logged> {
        let before = self.logged.iter().take_while(|request| request.leaf < end);
        let of_family = |request: &&Logged| match &request.asked {
            Asked::Tally(signed) => measures.contains(&signed.request.measure),
            Asked::Cross(_) => false,
        };
        before.filter(of_family).cloned().collect()
    }

    /// Appends the entries to the tree, and says what they mean if its root is the checkpoint's.
    fn check(&mut self, id: &ChainId, head: &Head, shown: Vec<LogEntry>) -> Result<Vec<Read>, Fault> {
        let mut entries = Vec::with_capacity(shown.len());
        for entry in shown {
            entries.push((self.tree.append(Sm3Hasher::leaf(entry.entry.as_bytes())), entry));
        }
        for Head { size, root } in self.pinned.iter().chain([head]) {
            if self.tree.root_at(*size).map_err(|error| history(id, error))? != *root {
                return Err(history(id, "the entries that it shows are not those of a checkpoint that it signed"));
            }
        }
        entries.into_iter().map(|(leaf, entry)| Read::of(id, leaf, entry)).collect()
    }

    fn take(&mut self, read: Read) {
        match read {
            Read::Admission(admission) => {
                self.admissions.insert(admission.statement.member.clone(), *admission);
            }
            Read::Request(leaf, asked) => {
                self.awaited.remove(&asked.digest());
                let admission = self.admissions.get(asked.requester()).cloned();
                self.logged.push(Logged { leaf, asked, admission, standing: Standing::Unsettled });
            }
            Read::Other => {}
        }
    }
}

/// What an entry means here.
pub(super) enum Read {
    Admission(Box<Signed<Membership>>),
    Request(u64, Asked),
    Other,
}

impl Read {
    fn of(id: &ChainId, leaf: u64, shown: LogEntry) -> Result<Self, Fault> {
        let entry = Entry::from_canonical(shown.entry.as_bytes());
        let missing = || history(id, format!("entry {leaf}: the body behind it is not shown"));
        match entry.map_err(|error| history(id, format!("entry {leaf}: {error}")))? {
            Entry::Request(digest) => {
                let request = shown.request.filter(|request| request.digest() == digest).ok_or_else(missing)?;
                Ok(Self::Request(leaf, Asked::Tally(Arc::new(request))))
            }
            Entry::CrossRequest(digest) => {
                let request = shown.cross.filter(|request| request.digest() == digest).ok_or_else(missing)?;
                Ok(Self::Request(leaf, Asked::Cross(Arc::new(request))))
            }
            Entry::Membership(digest) => {
                let admission = shown.admission.filter(|admission| admission.digest() == digest);
                Ok(Self::Admission(Box::new(admission.ok_or_else(missing)?)))
            }
            _ => Ok(Self::Other),
        }
    }
}

async fn page(id: &ChainId, from: u64, exchanges: &BTreeMap<ChainId, Client>) -> Result<LogPage, Obstacle> {
    let page = client(exchanges, id)?.get(GET_ENTRIES, &FromLeaf { slug: id.into(), from }).await;
    let page = page.map_err(|error| unavailable(id, &error.to_string()))?;
    if page.first != from || page.entries.is_empty() {
        return Err(history(id, "it signed a checkpoint over entries that it does not show").into());
    }
    Ok(page)
}

/// What a chain shows is not what it signed.
pub(super) fn history(chain: &ChainId, detail: impl std::fmt::Display) -> Fault {
    Failure::new(Check::History, chain, detail).into()
}

#[cfg(test)]
mod tests;
