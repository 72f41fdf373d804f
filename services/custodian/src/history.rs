//! History: the main chains, followed entry by entry, and what every logged request may be told.
//!
//! A request is judged by all that were logged before it ([`crate::disclosure`]), so a custodian has to know them. It
//! follows each main chain from its first entry ([`main_chain`]): every page must hash to the root of a checkpoint that the chain
//! signed, and must go on from what was followed before; a chain that shows another past is refused. How far it was followed is
//! kept in a file ([`heads`]), so this holds over restarts, although the entries are fetched anew. Of each request on the
//! family of measures that is asked about it then gets the numbers behind its cells from their chains, once.
//!
//! Kept true: decisions are a function of the log, of the trust roots and of the sealed cells, and of nobody's word. A logged
//! request is judged under the trust root that it names ([`standing`]), so what was told stays told when keys, witnesses or k
//! change. One that nobody could ever be answered (it names a root of no line of this one, its requester was not admitted, it
//! does not show that its chains have the seals it names) counts for nothing: it carries the proof of its seals with it, under
//! checkpoints that the chains' witnesses made final, so the same requests count for every custodian, whenever it looks. Besides,
//! what this custodian opened itself ([`crate::own`]) counts in any case.
//!
//! What an exchange can do here is to refuse its numbers, or earlier trust roots: then nothing that comes after the request can
//! be decided on, and callers are told to ask again later. One that hangs holds up only families of measures that have a request
//! about its chain: the main chain is free again while numbers are waited for.
//!
//! Errors: a [`Fault`] where a chain shows something false, a problem where it shows nothing. Cost: an entry is fetched and
//! hashed once, and a request's cells once, for as long as the process runs; after a start they are fetched anew.

mod heads;
mod main_chain;
mod standing;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
    time::Duration,
};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use nacre_access::client::Client;
use nacre_hosting::{
    file::FileError,
    roots::{Roots, RootsError},
};
use nacre_schemas::{
    Digest, Document as _,
    catalogue::Catalogue,
    cross::CrossRequest,
    dossier::{ChainNumbers, LoggedRequest, Note, NumbersRequest},
    id::ChainId,
    measure::{Domain, Measure, MeasureRef},
    query::{Request, SealSpan, SignedRequest},
};
use nacre_verifier::{Check, Failure, Named, Network, cross, note, numbers};
use nacre_wire::{
    custodian::UNRECORDED,
    exchange::{GET_FINAL_CHECKPOINT, GET_TRUST_ROOT, OfChain, OfTrustRoot, POST_NUMBERS, WhichCheckpoint},
    problem::LACKS_TRUST_ROOT,
};
use tokio::{sync::Mutex, time::timeout};

use self::{
    heads::{Head, Heads},
    main_chain::{Asked, Logged, Main, history},
    standing::Standing,
};
use crate::{
    cross::conflict,
    custodian::{CONCURRENT_CHAINS, Obstacle, is_final, off_thread, unavailable},
    disclosure::{Decisions, Disclosure, Groups, Rules},
    fault::Fault,
    own::Own,
};

/// How long an exchange may take to show an earlier trust root: others are asked at the same time.
const ROOT_PATIENCE: Duration = Duration::from_secs(2);

/// The main chains as far as they were followed, and what was decided. Whoever holds a chain holds no family, and the other way
/// round.
pub(crate) struct History {
    network: Arc<Network>,
    roots: Arc<Roots>,
    own: Own,
    heads: Heads,
    mains: BTreeMap<ChainId, Mutex<Main>>,
    /// By main chain and the first measure of each.
    families: BTreeMap<(ChainId, MeasureRef), Mutex<Family>>,
}

/// What was decided on the requests of one family.
struct Family {
    disclosure: Disclosure,
    /// Entries of the main chain whose requests were judged.
    judged: u64,
    /// By leaf.
    decisions: BTreeMap<u64, Arc<Decisions>>,
}

impl History {
    /// Nothing followed yet in this life; what was in earlier ones is read from the custodian's folder.
    pub(crate) fn open(data: &Path, roots: Arc<Roots>, own: Own) -> Result<Self, FileError> {
        let heads = Heads::open(data)?;
        let mut mains = BTreeMap::new();
        for id in Domain::ALL.iter().map(|domain| domain.main_chain()) {
            let main = Main::new(heads.read(&id)?, own.on(&id));
            mains.insert(id, Mutex::new(main));
        }
        let place = |definition: &Measure| Some((definition.main_chain(), family_of(definition).into_iter().next()?));
        let places = Catalogue::built_in().measures().iter().filter_map(place);
        let families = places.map(|place| (place, Mutex::new(Family::new()))).collect();
        Ok(Self { network: Arc::clone(roots.lineage().present()), roots, own, heads, mains, families })
    }

    /// The decisions on a logged request, which was checked before.
    pub(crate) async fn decisions(
        &self,
        exchanges: &BTreeMap<ChainId, Client>,
        logged: &LoggedRequest<Request>,
        definition: &'static Measure,
    ) -> Result<Arc<Decisions>, Obstacle> {
        let id = definition.main_chain();
        let head = self.head(&id, &logged.checkpoint)?;
        let mut main = self.main(&id)?.lock().await;
        self.follow(&mut main, &id, &head, exchanges).await?;
        let leaf = logged.request_inclusion.leaf;
        let measures = family_of(definition);
        let requests = main.of_family(&measures, leaf + 1);
        drop(main);
        let mut family = self.family(&id, &measures)?.lock().await;
        self.judge_until(&mut family, &id, requests, leaf + 1, exchanges).await?;
        family.decisions.get(&leaf).cloned().ok_or_else(|| {
            let detail = "the request is not one that can be answered where it stands in the log";
            Fault::from(Failure::new(Check::History, "request", detail)).into()
        })
    }

    /// Whether a logged cross request, which was checked before, may be answered by those logged before it.
    pub(crate) async fn judge_cross(
        &self,
        exchanges: &BTreeMap<ChainId, Client>,
        logged: &LoggedRequest<CrossRequest>,
    ) -> Result<(), Obstacle> {
        let id = cross::main_chain();
        let head = self.head(&id, &logged.checkpoint)?;
        let mut main = self.main(&id)?.lock().await;
        self.follow(&mut main, &id, &head, exchanges).await?;
        let leaf = logged.request_inclusion.leaf;
        let mut counting: Vec<(u64, &SignedRequest<CrossRequest>)> = Vec::new();
        for other in main.logged.iter().take_while(|other| other.leaf < leaf) {
            let Asked::Cross(signed) = &other.asked else { continue };
            let answered = self.own.has_crossed(&other.asked.digest());
            match &other.standing {
                // One that nobody can ever be answered counts for nothing.
                Standing::Nothing if !answered => continue,
                Standing::Lacks(trust) if !answered => return Err(lacking(&id, other.leaf, trust)),
                _ => {}
            }
            let conflicts = counting.iter().any(|(_, known)| conflict(&known.request, &signed.request));
            if answered || !conflicts {
                counting.push((other.leaf, signed));
            }
        }
        let request = &logged.request.request;
        match counting.iter().find(|(_, other)| conflict(&other.request, request)) {
            Some((earlier, _)) => Err(Fault::CrossOverlap { earlier: *earlier }.into()),
            None => Ok(()),
        }
    }

    /// The decisions on a request if it were logged next, and how many entries of the main chain they go by.
    pub(crate) async fn preview(
        &self,
        exchanges: &BTreeMap<ChainId, Client>,
        wanted: NumbersRequest,
        definition: &'static Measure,
    ) -> Result<(Decisions, u64), Obstacle> {
        let id = definition.main_chain();
        let head = self.latest(&id, exchanges).await?;
        let mut main = self.main(&id)?.lock().await;
        self.follow(&mut main, &id, &head, exchanges).await?;
        let (measures, size) = (family_of(definition), main.tree.size());
        let requests = main.of_family(&measures, size);
        drop(main);
        let mut family = self.family(&id, &measures)?.lock().await;
        self.judge_until(&mut family, &id, requests, size, exchanges).await?;
        // A copy: what is only looked at leaves no trace in what counts. Others may have judged further meanwhile.
        let (mut disclosure, size) = (family.disclosure.clone(), family.judged);
        drop(family);
        let groups = self.groups(exchanges, &wanted, definition).await?;
        let network = Arc::clone(&self.network);
        Ok((off_thread(move || disclosure.judge(&groups, Rules::of(network.root()))).await?, size))
    }

    /// The last checkpoint of the chain that its witnesses made final, as its exchange shows it.
    async fn latest(&self, id: &ChainId, exchanges: &BTreeMap<ChainId, Client>) -> Result<Head, Obstacle> {
        let wanted = WhichCheckpoint { slug: id.into(), covering: None };
        let note = client(exchanges, id)?.get(GET_FINAL_CHECKPOINT, &wanted).await;
        let note = note.map_err(|error| unavailable(id, &error.to_string()))?;
        let note: Note = note.parse().map_err(|error| history(id, error))?;
        Ok(self.head(id, &note)?)
    }

    fn main(&self, id: &ChainId) -> Result<&Mutex<Main>, Obstacle> {
        let missing = || Fault::from(Failure::new(Check::TrustRoot, id, "the trust root has no such chain"));
        Ok(self.mains.get(id).ok_or_else(missing)?)
    }

    fn family(&self, id: &ChainId, measures: &[MeasureRef]) -> Result<&Mutex<Family>, Obstacle> {
        let missing = || Fault::from(Failure::new(Check::History, "request", "the catalogue has no such measure"));
        let family = measures.first().and_then(|first| self.families.get(&(id.clone(), first.clone())));
        Ok(family.ok_or_else(missing)?)
    }

    fn head(&self, id: &ChainId, checkpoint: &Note) -> Result<Head, Fault> {
        let chain = note::chain(&self.network, id)?;
        let (checkpoint, _) = note::check(checkpoint, chain, &self.network)?;
        Ok(Head { size: checkpoint.size, root: checkpoint.root })
    }

    /// Follows the chain to a checkpoint that it signed, to all that this custodian ever answered, and settles what counts.
    async fn follow(
        &self,
        main: &mut Main,
        id: &ChainId,
        head: &Head,
        exchanges: &BTreeMap<ChainId, Client>,
    ) -> Result<(), Obstacle> {
        self.follow_to(main, id, head, exchanges).await?;
        if !main.awaited.is_empty() {
            let latest = self.latest(id, exchanges).await?;
            self.follow_to(main, id, &latest, exchanges).await?;
        }
        if let Some(request) = main.awaited.first() {
            let detail = format!(
                "this custodian answered the request {request}, and the chain does not show it: it was put back to an older \
                 state, or shows another history"
            );
            tracing::error!(chain = %id, %request, "a main chain lacks a request that was answered");
            return Err(history(id, detail).into());
        }
        self.settle(main, id, exchanges).await
    }

    /// Follows the chain to a checkpoint that it signed, and keeps how far.
    async fn follow_to(
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
                Obstacle::Problem(UNRECORDED.problem(detail))
            })?;
            main.kept = size;
        }
        Ok(())
    }

    /// Says of each request whether it counts, and under which trust root; asks exchanges for roots that are lacking.
    async fn settle(
        &self,
        main: &mut Main,
        id: &ChainId,
        exchanges: &BTreeMap<ChainId, Client>,
    ) -> Result<(), Obstacle> {
        let named: BTreeSet<Digest> = main.logged.iter().map(|request| request.asked.trust()).collect();
        for trust in named {
            if matches!(self.roots.find(&trust), Named::Lacking(_)) {
                self.fetch_root(id, trust, exchanges).await?;
            }
        }
        let lineage = self.roots.lineage();
        let candidates = standing::candidates(&main.logged, &lineage);
        let holding = off_thread(move || standing::holding(&candidates)).await?;
        standing::settle(&mut main.logged, &holding, &lineage);
        Ok(())
    }

    /// Asks exchanges for an earlier trust root, the main chain's first, and keeps it. It stays lacking if none shows one that holds
    /// at once; it is asked for again before the next request is judged.
    async fn fetch_root(
        &self,
        id: &ChainId,
        trust: Digest,
        exchanges: &BTreeMap<ChainId, Client>,
    ) -> Result<(), Obstacle> {
        let wanted = OfTrustRoot { digest: trust };
        let mut fetches = Vec::with_capacity(exchanges.len());
        for client in exchanges.get(id).into_iter().chain(exchanges.values()) {
            fetches.push(timeout(ROOT_PATIENCE, client.get(GET_TRUST_ROOT, &wanted)));
        }
        let mut answers = stream::iter(fetches).buffer_unordered(CONCURRENT_CHAINS);
        while let Some(answer) = answers.next().await {
            let Ok(Ok(signed)) = answer else { continue };
            if signed.root.digest() != trust {
                continue;
            }
            let roots = Arc::clone(&self.roots);
            match off_thread(move || roots.keep(signed)).await? {
                Ok(()) => return Ok(()),
                // The digest is without the endorsements, so another exchange may have those that hold.
                Err(error @ RootsError::Refused { .. }) => {
                    tracing::error!(%trust, %error, "an earlier trust root is not taken");
                }
                Err(error) => {
                    tracing::error!(%trust, %error, "an earlier trust root could not be kept");
                    let detail = "the custodian cannot record what it would go by, so it says nothing";
                    return Err(Obstacle::Problem(UNRECORDED.problem(detail)));
                }
            }
        }
        Ok(())
    }

    /// Judges the requests of the family that stand before that leaf and were not judged yet, in order.
    async fn judge_until(
        &self,
        family: &mut Family,
        id: &ChainId,
        requests: Vec<Logged>,
        end: u64,
        exchanges: &BTreeMap<ChainId, Client>,
    ) -> Result<(), Obstacle> {
        for request in requests {
            if request.leaf >= family.judged {
                self.judge(family, id, &request, exchanges).await?;
                family.judged = request.leaf + 1;
            }
        }
        family.judged = family.judged.max(end);
        Ok(())
    }

    async fn judge(
        &self,
        family: &mut Family,
        id: &ChainId,
        request: &Logged,
        exchanges: &BTreeMap<ChainId, Client>,
    ) -> Result<(), Obstacle> {
        let Asked::Tally(signed) = &request.asked else { return Ok(()) };
        let opened = self.own.opened(&request.asked.digest());
        let network = match &request.standing {
            Standing::Counts(network) => Some(network),
            Standing::Lacks(trust) => return Err(lacking(id, request.leaf, trust)),
            Standing::Nothing | Standing::Unsettled => None,
        };
        if (network.is_some() || opened.is_some())
            && let Some(admission) = request.admission.clone()
            && let Some(definition) = Catalogue::built_in().find(&signed.request.measure)
        {
            let wanted = NumbersRequest { request: (**signed).clone(), admission };
            let groups = self.groups(exchanges, &wanted, definition).await?;
            let decisions =
                network.map(|network| family.disclosure.judge(&groups, Rules::of(network.root()))).unwrap_or_default();
            if let Some(opened) = opened {
                family.disclosure.count(&groups, &decisions, opened);
            }
            if network.is_some() {
                family.decisions.insert(request.leaf, Arc::new(decisions));
            }
        }
        Ok(())
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
        let (network, request) = (Arc::clone(&self.network), wanted.request.request.clone());
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

impl Family {
    /// Nothing judged yet.
    fn new() -> Self {
        Self { disclosure: Disclosure::new(), judged: 0, decisions: BTreeMap::new() }
    }
}

/// What a chain shows of its numbers for a span.
async fn fetch(
    exchanges: &BTreeMap<ChainId, Client>,
    span: SealSpan,
    wanted: &NumbersRequest,
) -> Result<(SealSpan, ChainNumbers), Obstacle> {
    let chain = span.chain.clone();
    match client(exchanges, &chain)?.call(POST_NUMBERS, &OfChain::new(&chain), wanted).await {
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

/// A request cannot be judged without the trust root that it, or one before it, names.
fn lacking(chain: &ChainId, leaf: u64, trust: &Digest) -> Obstacle {
    tracing::error!(%chain, leaf, %trust, "an earlier trust root is lacking, and no exchange shows it");
    let detail = format!(
        "{chain}: the request at {leaf} cannot be judged without the trust root {trust}, which this custodian lacks and no \
         exchange shows; nothing of its measures is answered until its operator puts the file into the folder `roots`"
    );
    Obstacle::Problem(LACKS_TRUST_ROOT.problem(detail))
}

/// The measures that share codes with this one, itself among them, in order.
fn family_of(definition: &Measure) -> Vec<MeasureRef> {
    Catalogue::built_in().family(&definition.reference()).into_iter().map(Measure::reference).collect()
}
