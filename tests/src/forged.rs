//! A chain whose operator does as it likes: it has the chain's real key and none of the exchange's rules.
//!
//! What it seals is given to it cell by cell; what it then shows of that (inclusions, runs, sums, details) hangs
//! together, so that a test shows what *the seal's contents* can and cannot get away with. It serves what a regulator
//! and custodians ask an exchange for, on the address of the exchange it stands in for, which must have been stopped.

#![allow(clippy::unwrap_used, reason = "a fixture that cannot be made is a test that fails")]

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::StatusCode,
    routing::{get, post},
};
use nacre_hosting::problem::ProblemResponse;
use nacre_ledger::{
    log::{Log, LogOptions},
    note::{SignedCheckpoint, Submission},
    seal,
    signing::SigningKey,
};
use nacre_schemas::{
    Blob, Document as _,
    batch::Batch,
    catalogue::Catalogue,
    cell::{Cell, CellDetail, ChainDetails, ProviderCount, SealDetails},
    cohort::CellKey,
    contribution::Contribution,
    dossier::{
        ChainAnswer, ChainEvidence, ChainNumbers, ChainSums, GroupSums, Inclusion, LoggedRequest, NumbersRequest,
        QuantityKey, SealEvidence, SealNumbers,
    },
    entry::{BatchEntry, Entry, PreviousSeal, SealEntry},
    id::{ChainId, MemberId},
    members::{MemberContribution, MemberEntry, MembersPage},
    problem::Problem,
    query::{GroupKey, Request, SealProof, SealSpan},
};
use nacre_zk::tally::{self, CommitmentSums, KeySums};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::{
    Running,
    attack::{chain, chain_key, witness_keys},
};

/// Sealed cells with what is behind them.
pub type Cells = Vec<(Cell, CellDetail)>;

struct Epoch {
    entry: SealEntry,
    leaf: u64,
    cells: Cells,
}

/// The chain.
pub struct ForgedChain {
    id: ChainId,
    key: SigningKey,
    /// Its log, to append anything to.
    pub log: Log,
    epochs: Vec<Epoch>,
    /// The bodies behind its entries, by leaf.
    bodies: Mutex<BTreeMap<u64, Vec<u8>>>,
    /// Of all its witnesses.
    witnesses: Vec<(String, SigningKey)>,
    // Goes last, after the log is closed.
    _folder: TempDir,
}

impl ForgedChain {
    /// An empty history of a region's chain.
    pub fn begin(running: &Running, region: &str) -> Self {
        let (id, folder) = (chain(region), tempfile::tempdir().unwrap());
        let origin = running.network().unwrap().root().origin(&id);
        let log = Log::open(folder.path(), &origin, chain_key(running, region), LogOptions::default()).unwrap();
        Self {
            id,
            key: chain_key(running, region),
            log,
            epochs: Vec::new(),
            bodies: Mutex::default(),
            witnesses: witness_keys(running),
            _folder: folder,
        }
    }

    /// Appends a batch as the exchange would; nothing of it is checked.
    pub async fn append(&self, batch: &Batch) -> u64 {
        let contributions = batch.contributions.len() as u32;
        let mut entries = vec![Entry::Batch(BatchEntry { contributions, body: batch.body().digest() })];
        entries.extend(batch.contributions.iter().map(|contribution| Entry::Contribution(contribution.entry())));
        let first = self.log.append(entries.iter().map(Entry::to_canonical).collect()).await.unwrap().first;
        let mut bodies = self.bodies.lock().unwrap();
        bodies.insert(first, batch.body().to_canonical());
        for (leaf, contribution) in (first + 1..).zip(&batch.contributions) {
            bodies.insert(leaf, MemberContribution::of(contribution).to_canonical());
        }
        first
    }

    /// Its entries with their bodies, as a full witness fetches them.
    fn members_page(&self, from: u64) -> MembersPage {
        let entries = self.log.entries(from..self.log.size(), usize::MAX).unwrap();
        let bodies = self.bodies.lock().unwrap();
        let entry = |(leaf, entry): (u64, Vec<u8>)| MemberEntry {
            entry: Blob::new(entry).unwrap(),
            body: Blob::new(bodies.get(&leaf).cloned().unwrap_or_default()).unwrap(),
        };
        MembersPage { first: from, entries: (from..).zip(entries).map(entry).collect() }
    }

    /// What it sends a witness that has countersigned so many of its entries.
    pub fn submission(&self, old_size: u64) -> Submission {
        let checkpoint = self.log.checkpoint();
        let proof = match old_size {
            0 => Vec::new(),
            old_size => self.log.consistency(old_size, checkpoint.unverified().size).unwrap(),
        };
        Submission { old_size, proof, checkpoint }
    }

    /// Seals these cells over all leaves since the last seal.
    pub async fn seal(&mut self, cells: Cells) {
        let last = self.epochs.last();
        let public: Vec<Cell> = cells.iter().map(|(cell, _)| cell.clone()).collect();
        let entry = SealEntry {
            number: last.map_or(1, |epoch| epoch.entry.number + 1),
            previous: last.map(|epoch| PreviousSeal { leaf: epoch.leaf, hash: epoch.entry.leaf_hash() }),
            from: last.map_or(0, |epoch| epoch.entry.to),
            to: self.log.size(),
            cells: cells.len() as u32,
            root: seal::cells_root(&public).unwrap(),
        };
        let leaf = self.log.append(vec![Entry::Seal(entry.clone()).to_canonical()]).await.unwrap().first;
        self.epochs.push(Epoch { entry, leaf, cells });
    }

    /// Forgets the last seal, which the log keeps: the next one is made as if it had never been.
    pub fn forget(&mut self) {
        self.epochs.pop().unwrap();
    }

    /// Its latest checkpoint, countersigned by all its witnesses: they look away, so that a test is about what custodians
    /// see by themselves. That witnesses who look do not countersign has tests of its own.
    pub fn checkpoint(&self) -> SignedCheckpoint {
        let countersign = |note: SignedCheckpoint, (name, key): &(String, SigningKey)| note.cosign(key, name).unwrap();
        self.witnesses.iter().fold(self.log.checkpoint(), countersign)
    }

    fn span(&self, request: &Request) -> impl Iterator<Item = &Epoch> {
        let span: &SealSpan = request.spans.iter().find(|span| span.chain == self.id).unwrap();
        let numbers = span.first..=span.last;
        self.epochs.iter().filter(move |epoch| numbers.contains(&epoch.entry.number))
    }

    /// Whether the request names its seals, and no others.
    fn is_asked(&self, request: &Request) -> bool {
        let named = request.spans.iter().find(|span| span.chain == self.id).map(|span| span.hash);
        self.span(request).last().map(|epoch| epoch.entry.leaf_hash()) == named
    }

    /// Where its seal stands.
    fn proof(&self, epoch: &Epoch) -> SealProof {
        let checkpoint = self.checkpoint();
        let inclusion = self.log.inclusion(epoch.leaf, checkpoint.unverified().size).unwrap();
        let inclusion = Inclusion { leaf: epoch.leaf, proof: inclusion };
        SealProof { seal: epoch.entry.clone(), inclusion, checkpoint: checkpoint.as_str().parse().unwrap() }
    }

    fn evidence(&self, request: &Request) -> ChainEvidence {
        let (checkpoint, size) = (self.checkpoint(), self.log.size());
        let shown = |epoch: &Epoch| {
            let public: Vec<Cell> = epoch.cells.iter().map(|(cell, _)| cell.clone()).collect();
            SealEvidence {
                seal: epoch.entry.clone(),
                inclusion: Inclusion { leaf: epoch.leaf, proof: self.log.inclusion(epoch.leaf, size).unwrap() },
                run: seal::prove_run(&public, 0..public.len()).unwrap(),
            }
        };
        let seals = self.span(request).map(shown).collect();
        ChainEvidence { chain: self.id.clone(), checkpoint: checkpoint.as_str().parse().unwrap(), seals }
    }

    /// What it answers to a regulator.
    pub fn answer(&self, logged: &LoggedRequest<Request>) -> ChainAnswer {
        let request = &logged.request.request;
        let sums = ChainSums { chain: self.id.clone(), request: request.digest(), groups: self.groups(request) };
        ChainAnswer { evidence: self.evidence(request), sums: self.key.sign(sums) }
    }

    /// What it shows to a custodian of any jurisdiction.
    pub fn numbers(&self, request: &Request) -> ChainNumbers {
        let of_seal = |epoch: &Epoch| SealNumbers {
            number: epoch.entry.number,
            cells: matching(epoch, request).map(|(_, detail)| detail.numbers()).collect(),
        };
        ChainNumbers { evidence: self.evidence(request), seals: self.span(request).map(of_seal).collect() }
    }

    /// What it shows to a custodian of its jurisdiction.
    pub fn details(&self, logged: &LoggedRequest<Request>) -> ChainDetails {
        let request = &logged.request.request;
        let of_seal = |epoch: &Epoch| SealDetails {
            number: epoch.entry.number,
            details: matching(epoch, request).map(|(_, detail)| detail.clone()).collect(),
        };
        ChainDetails { seals: self.span(request).map(of_seal).collect() }
    }

    /// The sums of its sealed details.
    fn groups(&self, request: &Request) -> Vec<GroupSums> {
        let bands = Catalogue::built_in().find(&request.measure).unwrap().bands().len();
        let mut groups: BTreeMap<GroupKey, KeySums> = BTreeMap::new();
        for epoch in self.span(request) {
            for (cell, detail) in matching(epoch, request) {
                let sums = groups.entry(request.group_of(&cell.key)).or_insert_with(|| KeySums::new(bands));
                sums.add(&detail.keys).unwrap();
            }
        }
        let group = |(group, sums): (GroupKey, KeySums)| {
            let sums = sums.finish();
            let key = |quantity| QuantityKey { quantity, key: tally::key_of(&sums, quantity).unwrap() };
            GroupSums { group, keys: request.quantities(bands).into_iter().map(key).collect() }
        };
        groups.into_iter().map(group).collect()
    }
}

fn matching<'a>(epoch: &'a Epoch, request: &'a Request) -> impl Iterator<Item = &'a (Cell, CellDetail)> {
    epoch.cells.iter().filter(|(cell, _)| request.holds(&cell.key))
}

/// The cells that contributions add up to, honestly; a contribution may be named as often as one likes.
pub fn cells_of<'a>(contributions: impl IntoIterator<Item = &'a Contribution>) -> Cells {
    let mut by_cell: BTreeMap<CellKey, Vec<&Contribution>> = BTreeMap::new();
    for contribution in contributions {
        by_cell.entry(contribution.openings.header.cell.clone()).or_default().push(contribution);
    }
    by_cell.into_iter().map(|(key, of)| cell_of(key, &of)).collect()
}

fn cell_of(key: CellKey, contributions: &[&Contribution]) -> (Cell, CellDetail) {
    let bands = contributions[0].commitments.bands.len();
    let (mut commitments, mut keys) = (CommitmentSums::new(bands), KeySums::new(bands));
    let mut providers: BTreeMap<MemberId, u64> = BTreeMap::new();
    for contribution in contributions {
        commitments.add(&contribution.commitments).unwrap();
        keys.add(&contribution.openings.keys).unwrap();
        *providers.entry(contribution.openings.header.provider.clone()).or_default() += 1;
    }
    let count = |(provider, contributions)| ProviderCount { provider, contributions };
    let detail = CellDetail { contributions: providers.into_iter().map(count).collect(), keys: keys.finish() };
    (Cell { key, sums: commitments.finish(), numbers: detail.numbers().digest() }, detail)
}

/// Puts another detail behind a cell, and commits to it.
pub fn replace_detail(cell: &mut (Cell, CellDetail), change: impl FnOnce(&mut CellDetail)) {
    change(&mut cell.1);
    cell.0.numbers = cell.1.numbers().digest();
}

/// What a server shows, to be replaced while it serves.
pub struct Shown {
    /// To regulators.
    pub to_regulators: ForgedChain,
    /// To custodians; the same history if there is no other.
    pub to_custodians: Option<ForgedChain>,
    /// What is done to the numbers that custodians are shown.
    pub lie: Option<fn(&mut ChainNumbers)>,
}

impl Shown {
    fn of(chain: ForgedChain) -> Self {
        Self { to_regulators: chain, to_custodians: None, lie: None }
    }

    fn to_custodians(&self) -> &ForgedChain {
        self.to_custodians.as_ref().unwrap_or(&self.to_regulators)
    }
}

/// A server that stands in for an exchange.
pub struct Impostor {
    shown: Arc<Mutex<Shown>>,
}

type Serving = State<Arc<Mutex<Shown>>>;

impl Impostor {
    /// Stops the region's exchange and serves the chain in its place.
    pub async fn replace(running: &mut Running, region: &str, shown: ForgedChain) -> Self {
        running.servers.stop(region).await.unwrap();
        let listener = TcpListener::bind(&running.addresses[region]).await.unwrap();
        let shown = Arc::new(Mutex::new(Shown::of(shown)));
        let slug = chain(region).slug();
        let at = |rest: &str| format!("/v1/chains/{slug}/{rest}");
        let app = Router::new()
            .route("/oauth/token", post(token))
            .route(&at("seals/latest"), get(latest))
            .route(&at("seals/{number}"), get(numbered))
            .route(&at("cells"), post(cells))
            .route(&at("details"), post(details))
            .route(&at("numbers"), post(numbers))
            .route(&at("bodies"), get(bodies))
            .route(&at("proofs/consistency"), get(consistency))
            .with_state(Arc::clone(&shown));
        // Ends with the runtime of the test.
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { shown }
    }

    /// Shows another chain to everybody from now on.
    pub fn show(&self, chain: ForgedChain) {
        *self.shown.lock().unwrap() = Shown::of(chain);
    }

    /// Lies about numbers from now on, or no longer.
    pub fn lie(&self, lie: Option<fn(&mut ChainNumbers)>) {
        self.shown.lock().unwrap().lie = lie;
    }

    /// Shows one history to regulators and another to custodians from now on.
    pub fn show_two(&self, to_regulators: ForgedChain, to_custodians: ForgedChain) {
        *self.shown.lock().unwrap() = Shown { to_regulators, to_custodians: Some(to_custodians), lie: None };
    }
}

async fn token() -> Json<Value> {
    Json(json!({ "access_token": "anything", "token_type": "bearer", "expires_in": 300 }))
}

async fn latest(State(shown): Serving) -> Json<SealProof> {
    let shown = shown.lock().unwrap();
    Json(shown.to_regulators.proof(shown.to_regulators.epochs.last().unwrap()))
}

async fn numbered(State(shown): Serving, Path(number): Path<u64>) -> Result<Json<SealProof>, StatusCode> {
    let shown = shown.lock().unwrap();
    let found = shown.to_regulators.epochs.iter().find(|epoch| epoch.entry.number == number);
    found.map(|epoch| Json(shown.to_regulators.proof(epoch))).ok_or(StatusCode::NOT_FOUND)
}

#[derive(serde::Deserialize)]
struct From {
    from: u64,
    to: Option<u64>,
}

async fn bodies(State(shown): Serving, Query(From { from, .. }): Query<From>) -> Vec<u8> {
    shown.lock().unwrap().to_custodians().members_page(from).to_canonical()
}

async fn consistency(State(shown): Serving, Query(From { from, to }): Query<From>) -> Json<Value> {
    let proof = shown.lock().unwrap().to_custodians().log.consistency(from, to.unwrap()).unwrap();
    Json(json!({ "proof": proof }))
}

async fn cells(State(shown): Serving, Json(logged): Json<LoggedRequest<Request>>) -> Json<ChainAnswer> {
    Json(shown.lock().unwrap().to_regulators.answer(&logged))
}

async fn details(State(shown): Serving, Json(logged): Json<LoggedRequest<Request>>) -> Json<ChainDetails> {
    let shown = shown.lock().unwrap();
    Json(shown.to_custodians().details(&logged))
}

async fn numbers(
    State(shown): Serving,
    Json(wanted): Json<NumbersRequest>,
) -> Result<Json<ChainNumbers>, ProblemResponse> {
    let shown = shown.lock().unwrap();
    let request = &wanted.request.request;
    if !shown.to_custodians().is_asked(request) {
        return Err(Problem::new(422, "other-seal", "Other seal", "the request names another seal").into());
    }
    let mut numbers = shown.to_custodians().numbers(request);
    if let Some(lie) = shown.lie {
        lie(&mut numbers);
    }
    Ok(Json(numbers))
}
