//! History: the main chains, followed entry by entry, and what every logged request may be told.
//!
//! A request is judged by all that were logged before it ([`crate::disclosure`]), so a custodian has to know them. It
//! follows each main chain from its first entry: every page must hash to the root of a checkpoint that the chain signed,
//! and must go on from what was followed before; a chain that shows another past is refused. How far it was followed is
//! kept in a file ([`Heads`]), so this holds over restarts, although the entries are fetched anew. Of each request on the
//! family of measures that is asked about it then gets the numbers behind its cells from their chains, once.
//!
//! Kept true: decisions are a function of the log and of the sealed cells, and of nobody's word. A logged request that
//! nobody can ever be answered (it names another trust root or definition, its requester was not admitted, it does not show
//! that its chains have the seals it names) counts for nothing: it carries the proof of its seals with it, under
//! checkpoints that the chains' witnesses made final, so the same requests count for every custodian, whenever it looks.
//!
//! What an exchange can do here is to refuse its numbers: then nothing that comes after the request can be decided on,
//! and callers are told to ask again later.
//!
//! Errors: a [`Fault`] where a chain shows something false, a problem where it shows nothing. Cost: an entry is fetched and
//! hashed once, and a request's cells once, for as long as the process runs; after a start they are fetched anew.

use std::{
    collections::BTreeMap,
    fs::{self, DirBuilder},
    io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use nacre_access::{Scope, client::Client};
use nacre_ledger::merkle::{Hasher as _, Sm3Hasher, tree::Tree};
use nacre_schemas::{
    Digest, Document as _,
    catalogue::Catalogue,
    cross::{LoggedCrossRequest, SignedCrossRequest},
    dossier::{ChainNumbers, LoggedRequest, Note, NumbersRequest},
    entry::Entry,
    id::{ChainId, MemberId},
    log::{LogEntry, LogPage},
    measure::{Domain, Measure, MeasureRef},
    membership::SignedMembership,
    problem::Problem,
    query::{SealSpan, SignedRequest},
};
use nacre_verifier::{Check, Failure, Network, cross, logged, membership, note, numbers};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::{
    cross::conflict,
    custodian::{CONCURRENT_CHAINS, Obstacle, is_final, off_thread, unavailable},
    disclosure::{Decisions, Disclosure, Groups},
    fault::Fault,
    record::{remove_unfinished, write_whole},
};

/// The main chains as far as they were followed.
pub(crate) struct History {
    network: Network,
    heads: Heads,
    mains: BTreeMap<ChainId, Mutex<Main>>,
}

/// How far each main chain was followed in this life or an earlier one: a file a chain, `<data>/heads/<slug>.json`.
struct Heads {
    folder: PathBuf,
}

/// One main chain.
struct Main {
    /// As far as it was followed before the process started.
    pinned: Option<Head>,
    /// What the file says of how far.
    kept: u64,
    tree: Tree<Sm3Hasher>,
    requests: Vec<Logged>,
    crossed: Vec<Crossed>,
    /// The latest admission of each member.
    admissions: BTreeMap<MemberId, SignedMembership>,
    /// By the first measure of the family.
    families: BTreeMap<MeasureRef, Family>,
}

/// A logged request.
struct Logged {
    leaf: u64,
    request: Arc<SignedRequest>,
    /// That of its requester, as it stood then; none if there was none.
    admission: Option<SignedMembership>,
}

/// A logged request of the cross lane.
struct Crossed {
    leaf: u64,
    request: Arc<SignedCrossRequest>,
    admission: Option<SignedMembership>,
}

/// What was decided on the requests of one family.
struct Family {
    disclosure: Disclosure,
    /// Requests judged, of all that the chain holds.
    judged: usize,
    /// By leaf.
    decisions: BTreeMap<u64, Arc<Decisions>>,
}

/// Size and root of a main chain's tree: of a checkpoint that was checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    size: u64,
    root: Digest,
}

impl Heads {
    fn open(data: &Path) -> io::Result<Self> {
        let folder = data.join("heads");
        DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        remove_unfinished(&folder)?;
        Ok(Self { folder })
    }

    fn path(&self, id: &ChainId) -> PathBuf {
        self.folder.join(format!("{}.json", id.slug()))
    }

    fn read(&self, id: &ChainId) -> io::Result<Option<Head>> {
        match fs::read(self.path(id)) {
            Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Durable when it returns.
    fn write(&self, id: &ChainId, head: &Head) -> io::Result<()> {
        write_whole(&self.folder, &self.path(id), &serde_json::to_vec(head)?)
    }
}

impl History {
    /// Nothing followed yet in this life; what was in earlier ones is read from the custodian's folder.
    pub(crate) fn open(data: &Path, network: &Network) -> io::Result<Self> {
        let heads = Heads::open(data)?;
        let mut mains = BTreeMap::new();
        for id in Domain::ALL.iter().map(|domain| domain.main_chain()) {
            let (pinned, tree, requests) = (heads.read(&id)?, Tree::new(), Vec::new());
            let kept = pinned.as_ref().map_or(0, |head| head.size);
            let crossed = Vec::new();
            let main =
                Main { pinned, kept, tree, requests, crossed, admissions: BTreeMap::new(), families: BTreeMap::new() };
            mains.insert(id, Mutex::new(main));
        }
        Ok(Self { network: network.clone(), heads, mains })
    }

    /// The decisions on a logged request, which was checked before.
    pub(crate) async fn decisions(
        &self,
        exchanges: &BTreeMap<ChainId, Client>,
        logged: &LoggedRequest,
        definition: &'static Measure,
    ) -> Result<Arc<Decisions>, Obstacle> {
        let id = definition.main_chain();
        let head = self.head(&id, &logged.checkpoint)?;
        let mut main = self.main(&id)?.lock().await;
        self.follow(&mut main, &id, &head, exchanges).await?;
        let leaf = logged.request_inclusion.leaf;
        let family = family_of(definition);
        self.judge_until(&mut main, &family, leaf + 1, exchanges).await?;
        let decided = main.families.get(&family[0]).and_then(|family| family.decisions.get(&leaf)).cloned();
        decided.ok_or_else(|| {
            let detail = "the request is not one that can be answered where it stands in the log";
            Fault::from(Failure::new(Check::History, "request", detail)).into()
        })
    }

    /// Whether a logged cross request, which was checked before, may be answered by those logged before it.
    pub(crate) async fn judge_cross(
        &self,
        exchanges: &BTreeMap<ChainId, Client>,
        logged: &LoggedCrossRequest,
    ) -> Result<(), Obstacle> {
        let id = cross::main_chain();
        let head = self.head(&id, &logged.checkpoint)?;
        let mut main = self.main(&id)?.lock().await;
        self.follow(&mut main, &id, &head, exchanges).await?;
        let leaf = logged.request_inclusion.leaf;
        let mut counting: Vec<&Crossed> = Vec::new();
        for crossed in main.crossed.iter().filter(|crossed| crossed.leaf < leaf) {
            let conflicts = counting.iter().any(|other| conflict(&other.request.request, &crossed.request.request));
            // One that nobody can ever be answered counts for nothing.
            if !conflicts && self.is_valid(crossed) {
                counting.push(crossed);
            }
        }
        let request = &logged.request.request;
        match counting.iter().find(|other| conflict(&other.request.request, request)) {
            Some(other) => Err(Fault::CrossOverlap { earlier: other.leaf }.into()),
            None => Ok(()),
        }
    }

    fn is_valid(&self, crossed: &Crossed) -> bool {
        crossed.admission.as_ref().is_some_and(|admission| {
            membership::check(admission, &self.network)
                .and_then(|requester| cross::check_request(&crossed.request, requester, &self.network))
                .is_ok()
        })
    }

    /// The decisions on a request if it were logged next, and how many entries of the main chain they go by.
    pub(crate) async fn preview(
        &self,
        exchanges: &BTreeMap<ChainId, Client>,
        wanted: NumbersRequest,
        definition: &'static Measure,
    ) -> Result<(Decisions, u64), Obstacle> {
        let id = definition.main_chain();
        let client = client(exchanges, &id)?;
        let note = client.get_text(&format!("/v1/chains/{}/checkpoint/final", id.slug()), None).await;
        let note = note.map_err(|error| unavailable(&id, &error.to_string()))?;
        let note: Note = note.parse().map_err(|error| history(&id, error))?;
        let head = self.head(&id, &note)?;
        let mut main = self.main(&id)?.lock().await;
        self.follow(&mut main, &id, &head, exchanges).await?;
        let family = family_of(definition);
        let size = main.tree.size();
        self.judge_until(&mut main, &family, size, exchanges).await?;
        // A copy: what is only looked at leaves no trace in what counts.
        let mut disclosure = main.families[&family[0]].disclosure.clone();
        drop(main);
        let groups = self.groups(exchanges, &wanted, definition).await?;
        Ok((off_thread(move || disclosure.judge(&groups)).await?, size))
    }

    fn main(&self, id: &ChainId) -> Result<&Mutex<Main>, Obstacle> {
        let missing = || Fault::from(Failure::new(Check::TrustRoot, id, "the trust root has no such chain"));
        Ok(self.mains.get(id).ok_or_else(missing)?)
    }

    fn head(&self, id: &ChainId, checkpoint: &Note) -> Result<Head, Fault> {
        let chain = note::chain(&self.network, id)?;
        let (checkpoint, _) = note::check(checkpoint, chain, &self.network)?;
        Ok(Head { size: checkpoint.size, root: checkpoint.root })
    }

    /// Follows the chain to a checkpoint that it signed, and keeps how far.
    async fn follow(
        &self,
        main: &mut Main,
        id: &ChainId,
        head: &Head,
        exchanges: &BTreeMap<ChainId, Client>,
    ) -> Result<(), Obstacle> {
        main.follow(id, head, exchanges).await?;
        let size = main.tree.size();
        if size > main.kept {
            let root = main.tree.root_at(size);
            let head = Head { size, root: root.map_err(|error| history(id, error))? };
            self.heads.write(id, &head).map_err(|error| {
                tracing::error!(chain = %id, %error, "how far a chain was followed could not be kept");
                let detail = "the custodian cannot record what it would go by, so it says nothing";
                Obstacle::Problem(Problem::new(500, "unrecorded", "Not recorded", detail))
            })?;
            main.kept = size;
        }
        Ok(())
    }

    /// Judges the family's requests that stand before that leaf and were not judged yet, in order.
    async fn judge_until(
        &self,
        main: &mut Main,
        family: &[MeasureRef],
        end: u64,
        exchanges: &BTreeMap<ChainId, Client>,
    ) -> Result<(), Obstacle> {
        let minimum = self.network.root().disclosure.minimum_people;
        let new = || Family { disclosure: Disclosure::new(minimum), judged: 0, decisions: BTreeMap::new() };
        let judging = main.families.entry(family[0].clone()).or_insert_with(new);
        while let Some(logged) = main.requests.get(judging.judged).filter(|logged| logged.leaf < end) {
            if family.contains(&logged.request.request.measure)
                && let Some(groups) = self.groups_of_logged(exchanges, logged).await?
            {
                let decisions = judging.disclosure.judge(&groups);
                judging.decisions.insert(logged.leaf, Arc::new(decisions));
            }
            judging.judged += 1;
        }
        Ok(())
    }

    /// The groups of a logged request; none if it cannot ever be answered.
    async fn groups_of_logged(
        &self,
        exchanges: &BTreeMap<ChainId, Client>,
        logged: &Logged,
    ) -> Result<Option<Groups>, Obstacle> {
        let Some(definition) = Catalogue::built_in().find(&logged.request.request.measure) else { return Ok(None) };
        let Some(admission) = logged.admission.clone() else { return Ok(None) };
        let valid = membership::check(&admission, &self.network)
            .and_then(|requester| logged::check_request(&logged.request, requester, &self.network, definition));
        if valid.is_err() {
            return Ok(None);
        }
        let wanted = NumbersRequest { request: (*logged.request).clone(), admission };
        Ok(Some(self.groups(exchanges, &wanted, definition).await?))
    }

    /// The groups of a request with the numbers behind their cells.
    async fn groups(
        &self,
        exchanges: &BTreeMap<ChainId, Client>,
        wanted: &NumbersRequest,
        definition: &'static Measure,
    ) -> Result<Groups, Obstacle> {
        let spans = wanted.request.request.spans.clone();
        let fetches = spans.into_iter().map(|span| fetch(exchanges, span, wanted));
        let shown: Vec<(SealSpan, ChainNumbers)> =
            stream::iter(fetches).buffer_unordered(CONCURRENT_CHAINS).try_collect().await?;
        let (network, request) = (self.network.clone(), wanted.request.request.clone());
        let count = move || {
            let mut cells = Vec::with_capacity(shown.len());
            for (span, numbers) in shown {
                cells.push((span.chain.clone(), numbers::check(&numbers, &span, &request, &network, definition)?));
            }
            Ok(Groups::of(&request, definition.bands().len(), &cells))
        };
        Ok(off_thread(count).await?.map_err(|failure: Failure| Fault::from(failure))?)
    }
}

impl Main {
    /// Follows the chain to a checkpoint that it signed, at least as far as in an earlier life.
    async fn follow(
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
                self.admissions.insert(admission.membership.member.clone(), admission);
            }
            Read::Request(leaf, request) => {
                let admission = self.admissions.get(&request.request.requester).cloned();
                self.requests.push(Logged { leaf, request: Arc::new(request), admission });
            }
            Read::Crossed(leaf, request) => {
                let admission = self.admissions.get(&request.request.requester).cloned();
                self.crossed.push(Crossed { leaf, request: Arc::new(*request), admission });
            }
            Read::Other => {}
        }
    }
}

/// What an entry means here.
enum Read {
    Admission(SignedMembership),
    Request(u64, SignedRequest),
    Crossed(u64, Box<SignedCrossRequest>),
    Other,
}

impl Read {
    fn of(id: &ChainId, leaf: u64, shown: LogEntry) -> Result<Self, Fault> {
        let entry = Entry::from_canonical(shown.entry.as_bytes());
        let missing = || history(id, format!("entry {leaf}: the body behind it is not shown"));
        match entry.map_err(|error| history(id, format!("entry {leaf}: {error}")))? {
            Entry::Request(digest) => {
                let request = shown.request.filter(|request| request.digest() == digest).ok_or_else(missing)?;
                Ok(Self::Request(leaf, request))
            }
            Entry::CrossRequest(digest) => {
                let request = shown.cross.filter(|request| request.digest() == digest).ok_or_else(missing)?;
                Ok(Self::Crossed(leaf, Box::new(request)))
            }
            Entry::Membership(digest) => {
                let admission = shown.admission.filter(|admission| admission.digest() == digest);
                Ok(Self::Admission(admission.ok_or_else(missing)?))
            }
            _ => Ok(Self::Other),
        }
    }
}

async fn page(id: &ChainId, from: u64, exchanges: &BTreeMap<ChainId, Client>) -> Result<LogPage, Obstacle> {
    let path = format!("/v1/chains/{}/entries?from={from}", id.slug());
    let page = client(exchanges, id)?.get_json::<LogPage>(&path, Some(Scope::LogRead)).await;
    let page = page.map_err(|error| unavailable(id, &error.to_string()))?;
    if page.first != from || page.entries.is_empty() {
        return Err(history(id, "it signed a checkpoint over entries that it does not show").into());
    }
    Ok(page)
}

/// What a chain shows of its numbers for a span.
async fn fetch(
    exchanges: &BTreeMap<ChainId, Client>,
    span: SealSpan,
    wanted: &NumbersRequest,
) -> Result<(SealSpan, ChainNumbers), Obstacle> {
    let chain = span.chain.clone();
    let path = format!("/v1/chains/{}/numbers", chain.slug());
    match client(exchanges, &chain)?.post_json::<_, ChainNumbers>(&path, Scope::NumbersRead, wanted).await {
        Ok(numbers) => Ok((span, numbers)),
        Err(error) if is_final(&error) => {
            let detail = format!("it does not show the numbers of its cells: {error}");
            Err(Fault::from(Failure::new(Check::ChainNumbers, chain, detail)).into())
        }
        Err(error) => Err(unavailable(&chain, &error.to_string())),
    }
}

fn client<'a>(exchanges: &'a BTreeMap<ChainId, Client>, chain: &ChainId) -> Result<&'a Client, Obstacle> {
    exchanges.get(chain).ok_or_else(|| unavailable(chain, "the custodian does not know its exchange"))
}

fn history(chain: &ChainId, detail: impl std::fmt::Display) -> Fault {
    Failure::new(Check::History, chain, detail).into()
}

/// The measures that share codes with this one, itself among them, in order.
fn family_of(definition: &Measure) -> Vec<MeasureRef> {
    Catalogue::built_in().family(&definition.reference()).into_iter().map(Measure::reference).collect()
}

#[cfg(test)]
mod tests {
    use nacre_schemas::Blob;

    use super::*;

    fn chain() -> ChainId {
        Domain::Health.main_chain()
    }

    /// Entries without a body, numbered.
    fn entries(numbers: std::ops::Range<u8>) -> Vec<LogEntry> {
        let bytes = numbers.map(|number| Entry::Release(Digest([number; 32])).to_canonical());
        let entry = |bytes| LogEntry { entry: Blob::new(bytes).unwrap(), request: None, admission: None, cross: None };
        bytes.map(entry).collect()
    }

    fn head(entries: &[LogEntry]) -> Head {
        let mut tree = Tree::<Sm3Hasher>::new();
        for entry in entries {
            tree.append(Sm3Hasher::leaf(entry.entry.as_bytes()));
        }
        Head { size: tree.size(), root: tree.root_at(tree.size()).unwrap() }
    }

    fn main(pinned: Option<Head>) -> Main {
        let kept = pinned.as_ref().map_or(0, |head| head.size);
        let (tree, requests) = (Tree::new(), Vec::new());
        Main {
            pinned,
            kept,
            tree,
            requests,
            crossed: Vec::new(),
            admissions: BTreeMap::new(),
            families: BTreeMap::new(),
        }
    }

    fn refused(outcome: Result<Vec<Read>, Fault>) -> String {
        let fault = outcome.err().unwrap();
        assert_eq!(fault.check(), Check::History);
        fault.to_string()
    }

    #[test]
    fn a_chain_is_followed_if_what_it_shows_is_what_it_signed() {
        let mut main = main(None);
        assert_eq!(main.check(&chain(), &head(&entries(0..3)), entries(0..3)).unwrap().len(), 3);
        assert_eq!(main.check(&chain(), &head(&entries(0..7)), entries(3..7)).unwrap().len(), 4);
        let earlier = main.check(&chain(), &head(&entries(0..2)), Vec::new()).unwrap();
        assert!(earlier.is_empty(), "an earlier checkpoint holds as well");
        let mut other = entries(0..2);
        other.swap(0, 1);
        refused(main.check(&chain(), &head(&other), Vec::new()));
        let error = refused(main.check(&chain(), &head(&entries(0..9)), entries(7..8)));
        assert!(error.contains("main/health"), "{error}");
    }

    #[test]
    fn a_chain_that_shows_another_past_than_before_a_restart_is_refused() {
        let before = head(&entries(0..4));
        let mut forked = entries(0..6);
        forked[2] = entries(9..10).remove(0);
        refused(main(Some(before.clone())).check(&chain(), &head(&forked), forked.clone()));
        assert!(main(Some(before)).check(&chain(), &head(&entries(0..6)), entries(0..6)).is_ok());
    }

    #[test]
    fn an_entry_that_logs_a_request_comes_with_the_request() {
        let mut shown = entries(0..1);
        shown[0].entry = Blob::new(Entry::Request(Digest([3; 32])).to_canonical()).unwrap();
        let error = refused(main(None).check(&chain(), &head(&shown), shown.clone()));
        assert!(error.contains("entry 0: the body behind it is not shown"), "{error}");
    }

    #[test]
    fn how_far_a_chain_was_followed_is_there_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let heads = Heads::open(folder.path()).unwrap();
        assert_eq!(heads.read(&chain()).unwrap(), None);
        for size in [3, 5] {
            heads.write(&chain(), &head(&entries(0..size))).unwrap();
        }
        fs::write(folder.path().join("heads/left.tmp"), "half a he").unwrap();
        let heads = Heads::open(folder.path()).unwrap();
        assert_eq!(heads.read(&chain()).unwrap(), Some(head(&entries(0..5))));
        assert!(!folder.path().join("heads/left.tmp").exists());
    }
}
