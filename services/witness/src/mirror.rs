//! The full witness's work: what is new in a chain is fetched with its bodies, checked, and mirrored.
//!
//! Kept true: what is mirrored is the chain's own list, for every stretch is shown to be under a checkpoint that the
//! chain signed before it is kept; and of everything mirrored holds
//!
//! * all that [`members::check`] checks of a stretch: admissions, signatures, every proof;
//! * each record id stands once in the whole chain;
//! * seals follow one another, and the cells of each are the sums of its epoch's contributions, each of those that were
//!   not erased before it in exactly one cell;
//! * anchors extend those before them;
//! * what was erased, its own provider had erased; its body is destroyed here as well.
//!
//! A witness that comes late finds bodies erased. Proofs and cells that they were part of it then takes on the word of a
//! quorum: a final checkpoint that covers them and stands before the erasure, behind which a full witness stood that saw
//! them. It countersigns only when each missing body's erasure has come.
//!
//! Errors: [`NotMirrored`]. Cost: 0.4 ms of a core a contribution; memory by pages of some 8 MB and by cells.

use std::sync::Arc;

use nacre_access::{
    client::{Client, ClientError},
    members::Members,
};
use nacre_ledger::{
    merkle::{Frontier, Sm3Hasher, consistency},
    note::Checkpoint,
};
use nacre_schemas::{
    Digest, Document as _, Signed,
    anchor::Anchor,
    dossier::Note,
    entry::{AnchorEntry, Entry, PreviousSeal, SealEntry},
    erasure::Erasure,
    id::MemberId,
    members::{MemberContribution, MemberEntry, MembersPage},
    membership::Membership,
    trust::Chain,
};
use nacre_verifier::{
    Check, Failure, Network, anchor,
    epoch::{Contributed, Epoch},
    members::{self, CheckedEntry, Stands},
    note,
};
use nacre_wire::exchange::{FromLeaf, GET_BODIES, GET_CONSISTENCY, GET_FINAL_CHECKPOINT, TwoSizes, WhichCheckpoint};
use rand::rngs::OsRng;

use crate::store::{self, LastSeal, Store, StoreError, Writing};

/// Entries of an epoch read and added up at a time.
const STRETCH_LEAVES: u64 = 4_096;

/// Why a chain could not be mirrored up to a checkpoint.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotMirrored {
    /// Its exchange cannot be had now.
    #[error("its exchange does not show what is new: {0}")]
    Unavailable(String),
    /// It holds something that does not belong there.
    #[error(transparent)]
    Failed(#[from] Failure),
    /// Our own tables.
    #[error("{file}: {0}", file = store::FILE)]
    Store(#[from] StoreError),
    /// A check panicked: a defect of this program.
    #[error("a check stopped")]
    Stopped,
}

impl From<ClientError> for NotMirrored {
    fn from(error: ClientError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<sqlx::Error> for NotMirrored {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// One chain, mirrored.
pub(crate) struct Mirror {
    pub(crate) chain: Chain,
    pub(crate) network: Arc<Network>,
    pub(crate) members: Arc<Members>,
    pub(crate) client: Client,
    pub(crate) store: Store,
}

impl Mirror {
    /// Mirrors the chain up to a checkpoint that it signed. When this returns, everything under it holds.
    pub(crate) async fn advance(&self, target: &Checkpoint) -> Result<(), NotMirrored> {
        loop {
            let mut writing = self.store.begin().await?;
            let frontier = store::mirrored(&mut writing, &self.chain.id).await?;
            let missing = store::first_missing(&mut writing, &self.chain.id).await?;
            drop(writing);
            if frontier.size() < target.size {
                self.step(frontier, target).await?;
                continue;
            }
            self.check_within(&(target.size, target.root), &(frontier.size(), frontier.root())).await?;
            return match missing {
                Some(leaf) => Err(self.fault(leaf, "its body is not shown, and its erasure is not in the log").into()),
                None => Ok(()),
            };
        }
    }

    /// The next page.
    async fn step(&self, mut frontier: Frontier<Sm3Hasher>, target: &Checkpoint) -> Result<(), NotMirrored> {
        let page = self.page(frontier.size(), target.size).await?;
        let checked = self.check_page(page.clone()).await?;
        for entry in &checked {
            frontier.append(entry.hash);
        }
        // Before anything is kept: what is shown is what the chain signed.
        self.check_within(&(frontier.size(), frontier.root()), &(target.size, target.root)).await?;
        let mut vouched = Vec::new();
        for entry in &checked {
            if matches!(entry.stands, Stands::Contribution { body: None, .. }) {
                vouched.push((entry.leaf, self.vouched(entry.leaf, target).await?));
            }
        }
        let erasing = checked.iter().any(|entry| matches!(entry.stands, Stands::Erasure(..)));
        let mut writing = self.store.begin().await?;
        if store::mirrored(&mut writing, &self.chain.id).await?.size() != page.first {
            // Another process mirrors into the same tables, and was first: what it kept was checked as well.
            return Ok(());
        }
        for (leaf, size) in vouched {
            store::add_missing(&mut writing, &self.chain.id, leaf, size).await?;
        }
        for (shown, entry) in page.entries.iter().zip(checked) {
            self.apply(&mut writing, shown, entry, target).await?;
        }
        store::set_mirrored(&mut writing, &self.chain.id, &frontier).await?;
        writing.commit().await?;
        if erasing {
            self.store.forget_freed().await?;
        }
        Ok(())
    }

    /// Entries from a leaf on, none beyond the target.
    async fn page(&self, from: u64, to: u64) -> Result<MembersPage, NotMirrored> {
        let wanted = FromLeaf { slug: (&self.chain.id).into(), from };
        let mut page = self.client.get(GET_BODIES, &wanted).await.map_err(|error| match error {
            ClientError::Malformed { detail, .. } => self.fault(from, &format!("what is shown of it: {detail}")).into(),
            unavailable => NotMirrored::from(unavailable),
        })?;
        if page.first != from || page.entries.is_empty() {
            return Err(self.fault(from, "the chain signed for entries that it does not show").into());
        }
        page.entries.truncate(usize::try_from(to - from).unwrap_or(usize::MAX));
        Ok(page)
    }

    async fn check_page(&self, page: MembersPage) -> Result<Vec<CheckedEntry>, NotMirrored> {
        let (chain, network, members) = (self.chain.clone(), Arc::clone(&self.network), Arc::clone(&self.members));
        let check = move || {
            let admission =
                |member: &MemberId| -> Option<Membership> { members.find(member).map(|one| one.statement.clone()) };
            members::check(&page, &chain, &network, &admission, &mut OsRng)
        };
        Ok(tokio::task::spawn_blocking(check).await.map_err(|_| NotMirrored::Stopped)??)
    }

    /// The tree of the first size and root begins the tree of the second, by the exchange's proof.
    async fn check_within(&self, (from, from_root): &(u64, Digest), to: &(u64, Digest)) -> Result<(), NotMirrored> {
        let (to, to_root) = to;
        let proof = if from == to || *from == 0 {
            Vec::new()
        } else {
            let sizes = TwoSizes { slug: (&self.chain.id).into(), from: *from, to: *to };
            self.client.get(GET_CONSISTENCY, &sizes).await?.proof
        };
        let within = consistency::verify::<Sm3Hasher>(*from, from_root, *to, to_root, &proof);
        within.map_err(|error| self.fault(*from, &format!("what is shown is not what the chain signed: {error}")))?;
        Ok(())
    }

    /// Entries under the first final checkpoint that covers a leaf: a quorum vouched for what stands there.
    async fn vouched(&self, leaf: u64, target: &Checkpoint) -> Result<u64, NotMirrored> {
        let wanted = WhichCheckpoint { slug: (&self.chain.id).into(), covering: Some(leaf) };
        let note: Note = self.client.get(GET_FINAL_CHECKPOINT, &wanted).await?.parse().map_err(|error: String| {
            self.fault(leaf, &format!("its body is not shown, and neither is who vouched for it: {error}"))
        })?;
        let (checkpoint, _) = note::check(&note, &self.chain, &self.network)?;
        if checkpoint.size <= leaf || self.chain.witnesses.is_empty() {
            return Err(self.fault(leaf, "its body is not shown, and no quorum vouched for it").into());
        }
        let (vouched, signed) = ((checkpoint.size, checkpoint.root), (target.size, target.root));
        let (shorter, longer) = if vouched.0 <= signed.0 { (&vouched, &signed) } else { (&signed, &vouched) };
        self.check_within(shorter, longer).await?;
        Ok(checkpoint.size)
    }

    /// Keeps an entry, if it fits to all that stands before it.
    async fn apply(
        &self,
        writing: &mut Writing,
        shown: &MemberEntry,
        entry: CheckedEntry,
        target: &Checkpoint,
    ) -> Result<(), NotMirrored> {
        let CheckedEntry { leaf, hash, stands } = entry;
        let id = &self.chain.id;
        match stands {
            Stands::Contribution { body: Some(body), .. } => {
                self.add_record(writing, &body.openings.header.record, leaf).await?;
            }
            // Vouched for before; the record is named by its erasure.
            Stands::Contribution { body: None, .. } | Stands::Batch { .. } | Stands::Document => {}
            Stands::Seal(seal) => self.seal(writing, &seal, leaf, hash, target).await?,
            Stands::Anchor(entry, body) => self.anchor(writing, &entry, &body, leaf).await?,
            Stands::Erasure(erased, order) => self.erasure(writing, erased, &order, leaf).await?,
        }
        Ok(store::keep(writing, id, leaf, shown.entry.as_bytes(), shown.body.as_bytes()).await?)
    }

    async fn add_record(&self, writing: &mut Writing, record: &Digest, leaf: u64) -> Result<(), NotMirrored> {
        match store::add_record(writing, &self.chain.id, record, leaf).await? {
            Some(first) if first != leaf => {
                let detail = format!("its record stands at leaf {first} already");
                Err(Failure::new(Check::RecordTwice, self.place(leaf), detail).into())
            }
            _ => Ok(()),
        }
    }

    async fn anchor(
        &self,
        writing: &mut Writing,
        entry: &AnchorEntry,
        body: &Anchor,
        leaf: u64,
    ) -> Result<(), NotMirrored> {
        let child = note::chain(&self.network, &entry.chain)?;
        let before = store::last_anchor(writing, &self.chain.id, &entry.chain).await?;
        if anchor::check(body, child, before.as_ref(), &self.chain, &self.network)? != *entry {
            return Err(Failure::new(Check::Anchor, self.place(leaf), "another checkpoint is behind the entry").into());
        }
        Ok(store::set_anchor(writing, &self.chain.id, entry).await?)
    }

    async fn erasure(
        &self,
        writing: &mut Writing,
        erased: u64,
        order: &Signed<Erasure>,
        leaf: u64,
    ) -> Result<(), NotMirrored> {
        let fail = |detail: &str| -> NotMirrored { Failure::new(Check::Erasure, self.place(leaf), detail).into() };
        let order = &order.statement;
        let kept = store::kept(writing, &self.chain.id, erased, erased.saturating_add(1)).await?;
        let kept = kept.into_iter().next().filter(|_| erased < leaf);
        let kept = kept.ok_or_else(|| fail("what it erases does not stand before it"))?;
        let entry = self.entry(erased, &kept.entry)?;
        if !matches!(entry, Entry::Contribution(_)) || entry.leaf_hash() != order.entry {
            return Err(fail("the order is for another entry"));
        }
        if kept.body.is_empty() {
            let vouched = store::take_missing(writing, &self.chain.id, erased).await?;
            let vouched = vouched.ok_or_else(|| fail("it was erased before"))?;
            if vouched > leaf {
                return Err(fail("nobody vouched for the body before it was erased"));
            }
            self.add_record(writing, &order.record, erased).await?;
        } else {
            let header = self.body(erased, &kept.body)?.openings.header;
            if header.record != order.record || header.provider != order.provider {
                return Err(fail("the order is for another record, or another provider's"));
            }
        }
        Ok(store::erase(writing, &self.chain.id, erased).await?)
    }

    /// A seal follows the one before, and its cells are the sums of its epoch.
    async fn seal(
        &self,
        writing: &mut Writing,
        seal: &SealEntry,
        leaf: u64,
        hash: Digest,
        target: &Checkpoint,
    ) -> Result<(), NotMirrored> {
        let last = store::last_seal(writing, &self.chain.id).await?;
        let number = last.as_ref().map_or(1, |last| last.number + 1);
        let follows = seal.number == number
            && seal.previous == last.as_ref().map(|last| last.place.clone())
            && seal.from == last.as_ref().map_or(0, |last| last.ends)
            && seal.from <= seal.to
            && seal.to <= leaf;
        if !follows {
            let detail = format!("it does not follow seal {}", number - 1);
            return Err(Failure::new(Check::SealSequence, self.place(leaf), detail).into());
        }
        let (epoch, missing) = self.epoch(writing, seal).await?;
        if missing.is_empty() {
            self.check_cells(epoch, seal, leaf)?;
        } else {
            let vouched = self.vouched(leaf, target).await?;
            for leaf in missing {
                store::add_missing(writing, &self.chain.id, leaf, vouched).await?;
            }
        }
        let last = LastSeal { number, place: PreviousSeal { leaf, hash }, ends: seal.to };
        Ok(store::set_seal(writing, &self.chain.id, &last).await?)
    }

    fn check_cells(&self, epoch: Epoch, seal: &SealEntry, leaf: u64) -> Result<(), Failure> {
        let fail = |detail: String| Failure::new(Check::SealCells, self.place(leaf), detail);
        let (cells, root) = epoch.finish().map_err(|error| fail(error.to_string()))?;
        if cells.len() != seal.cells as usize {
            return Err(fail(format!("it has {} cells, its epoch has {}", seal.cells, cells.len())));
        }
        if root == seal.root { Ok(()) } else { Err(fail("its cells are not the sums of its epoch".to_owned())) }
    }

    /// The epoch's contributions added up, those erased before left out; and the leaves whose bodies are missing.
    async fn epoch(&self, writing: &mut Writing, seal: &SealEntry) -> Result<(Epoch, Vec<u64>), NotMirrored> {
        let (mut epoch, mut missing) = (Epoch::default(), Vec::new());
        let mut from = seal.from;
        while from < seal.to {
            let to = seal.to.min(from + STRETCH_LEAVES);
            let mut contributed = Vec::new();
            for kept in store::kept(writing, &self.chain.id, from, to).await? {
                let Entry::Contribution(entry) = self.entry(kept.leaf, &kept.entry)? else { continue };
                if kept.body.is_empty() {
                    if store::is_missing(writing, &self.chain.id, kept.leaf).await? {
                        missing.push(kept.leaf);
                    }
                    continue;
                }
                let openings = self.body(kept.leaf, &kept.body)?.openings;
                contributed.push(Contributed { leaf: kept.leaf, commitments: entry.commitments, openings });
            }
            let adding = move || {
                let added = epoch.add(contributed);
                (epoch, added)
            };
            let (grown, added) = tokio::task::spawn_blocking(adding).await.map_err(|_| NotMirrored::Stopped)?;
            added.map_err(|(leaf, fault)| self.fault(leaf, &fault))?;
            (epoch, from) = (grown, to);
        }
        Ok((epoch, missing))
    }

    fn entry(&self, leaf: u64, bytes: &[u8]) -> Result<Entry, Failure> {
        Entry::from_canonical(bytes).map_err(|error| self.fault(leaf, &error.to_string()))
    }

    fn body(&self, leaf: u64, bytes: &[u8]) -> Result<MemberContribution, Failure> {
        MemberContribution::from_canonical(bytes).map_err(|error| self.fault(leaf, &error.to_string()))
    }

    fn place(&self, leaf: u64) -> String {
        format!("{} leaf {leaf}", self.chain.id)
    }

    fn fault(&self, leaf: u64, detail: &str) -> Failure {
        Failure::new(Check::Entry, self.place(leaf), detail)
    }
}
