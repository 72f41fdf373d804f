//! What a chain answers to a request: the cells asked about with their proofs; to its requester the sums of each group; to
//! custodians of its own jurisdiction the details behind them; to custodians of all jurisdictions how many contributions
//! of whom the cells hold.
//!
//! Kept true: only sealed cells are seen; of each seal every cell of the measure between the months asked about is
//! shown, with its neighbour on each side, so nothing can be left out; no cell's ephemeral keys leave by [`evidence`];
//! the sums are over exactly the cells that the request holds for, and signed with the chain's key.
//!
//! Errors: [`Refusal::UnsealedEpoch`], [`Refusal::OtherSeal`], [`Refusal::ChainNotAsked`], and the verifier's on the request. Cost: by the cells
//! of the seals in the span, each read, decoded and hashed once, whatever the number of records.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use nacre_hosting::roots::Roots;
use nacre_ledger::{
    note::SignedCheckpoint,
    seal::{self, SealError},
};
use nacre_schemas::{
    DecodeError, Document as _,
    catalogue::Catalogue,
    cell::{Cell, CellDetail, ChainDetails, SealDetails},
    cohort::CellKey,
    dossier::{
        CellRun, ChainAnswer, ChainEvidence, ChainNumbers, ChainSums, GroupSums, LoggedRequest, NumbersRequest,
        QuantityKey, SealEvidence, SealNumbers,
    },
    entry::SealEntry,
    measure::Measure,
    query::{GroupKey, Quantity, Request, SealSpan},
};
use nacre_verifier::{Named, Network, logged, membership};
use nacre_zk::tally::{self, KeySums};

use crate::{
    chain::Chain,
    error::{Error, ExchangeError},
    exchange::Exchange,
    refusal::Refusal,
    replay::catch_up,
    store::{self, Store, seal::SealPlace},
    work::Place,
};

/// The definition that a request names.
pub(crate) fn definition(request: &Request) -> Result<&'static Measure, Refusal> {
    let found = Catalogue::built_in().find(&request.measure);
    found.ok_or_else(|| Refusal::UnknownMeasure(request.measure.clone()))
}

/// A request that was checked, and what this chain is asked in it.
pub(crate) struct Asked {
    request: Arc<Request>,
    definition: &'static Measure,
    span: SealSpan,
}

/// Checks a logged request and finds the chain in it.
pub(crate) async fn asked(
    network: &Arc<Network>,
    chain: &Chain,
    place: &Place,
    logged: LoggedRequest<Request>,
) -> Result<Asked, Error> {
    let definition = definition(&logged.request.request)?;
    let network = Arc::clone(network);
    let (logged, verdict) = place
        .run(move || {
            // Which seals this chain has it knows itself, and others are not its business.
            let verdict = logged::check_standing(&logged, &network, definition);
            (logged, verdict)
        })
        .await?;
    verdict.map_err(Refusal::CheckFailed)?;
    Ok(Asked::of(logged.request.request, definition, chain)?)
}

/// Checks a request that need not be logged yet, under the trust root that it names, and finds the chain in it. Numbers are
/// shown of what was asked under any root of the line, for it counts.
pub(crate) async fn asked_for_numbers(
    roots: &Roots,
    chain: &Chain,
    place: &Place,
    wanted: NumbersRequest,
) -> Result<Asked, Error> {
    let definition = definition(&wanted.request.request)?;
    let trust = wanted.request.request.trust;
    let network = match roots.find(&trust) {
        Named::Known(_, network) => network,
        Named::Lacking(_) => return Err(Refusal::LacksTrustRoot(trust).into()),
        // Refused by its form, in the words of that check.
        Named::Foreign => Arc::clone(roots.lineage().present()),
    };
    let (wanted, verdict) = place
        .run(move || {
            let verdict = membership::check(&wanted.admission, &network)
                .and_then(|requester| logged::check_signed(&wanted.request, requester, &network, definition));
            (wanted, verdict)
        })
        .await?;
    verdict.map_err(Refusal::CheckFailed)?;
    Ok(Asked::of(wanted.request.request, definition, chain)?)
}

impl Asked {
    fn of(request: Request, definition: &'static Measure, chain: &Chain) -> Result<Self, Refusal> {
        let span = request.spans.iter().find(|span| span.chain == *chain.id());
        let span = span.cloned().ok_or_else(|| Refusal::ChainNotAsked(chain.id().clone()))?;
        Ok(Self { request: Arc::new(request), definition, span })
    }
}

/// Cells and sums for the requester.
pub(crate) async fn evidence(
    exchange: &Exchange,
    chain: &Chain,
    place: &Place,
    asked: &Asked,
) -> Result<ChainAnswer, Error> {
    let store = exchange.store();
    let places = places(store, chain, &asked.span).await?;
    let checkpoint = agreed(chain, &places).await?;
    let size = checkpoint.unverified().size;
    let mut seals = Vec::with_capacity(places.len());
    let mut tally = Tally::new(asked);
    for seal_place in places {
        let seen = seen(store, chain, place, asked, seal_place).await?;
        let (grown, added) = place
            .run(move || {
                let added = seen.matching.iter().try_for_each(|(key, detail)| tally.add(key, detail));
                (tally, added.map(|()| (seen.entry, seen.run)))
            })
            .await?;
        tally = grown;
        let (seal, run) = added.map_err(|fault| chain.inconsistent(seal_place.leaf, fault))?;
        seals.push(SealEvidence { seal, inclusion: chain.inclusion(seal_place.leaf, size)?, run });
    }
    let groups = place.run(move || tally.finish()).await?.map_err(|fault| chain.inconsistent(size, fault))?;
    let sums = ChainSums { chain: chain.id().clone(), request: asked.request.digest(), groups };
    Ok(ChainAnswer {
        evidence: ChainEvidence { chain: chain.id().clone(), checkpoint: chain.note(&checkpoint)?, seals },
        sums: chain.key().sign(sums),
    })
}

/// Cells and numbers for a custodian of any jurisdiction.
pub(crate) async fn numbers(
    exchange: &Exchange,
    chain: &Chain,
    place: &Place,
    asked: &Asked,
) -> Result<ChainNumbers, Error> {
    let store = exchange.store();
    let places = places(store, chain, &asked.span).await?;
    let checkpoint = agreed(chain, &places).await?;
    let size = checkpoint.unverified().size;
    let (mut evidence, mut seals) = (Vec::with_capacity(places.len()), Vec::with_capacity(places.len()));
    for seal_place in places {
        let seen = seen(store, chain, place, asked, seal_place).await?;
        let cells = seen.matching.iter().map(|(_, detail)| detail.numbers()).collect();
        seals.push(SealNumbers { number: seal_place.number, cells });
        let inclusion = chain.inclusion(seal_place.leaf, size)?;
        evidence.push(SealEvidence { seal: seen.entry, inclusion, run: seen.run });
    }
    let checkpoint = chain.note(&checkpoint)?;
    Ok(ChainNumbers { evidence: ChainEvidence { chain: chain.id().clone(), checkpoint, seals: evidence }, seals })
}

/// Details for a custodian of the chain's jurisdiction.
pub(crate) async fn details(
    exchange: &Exchange,
    chain: &Chain,
    place: &Place,
    asked: &Asked,
) -> Result<ChainDetails, Error> {
    let store = exchange.store();
    let mut seals = Vec::new();
    for seal_place in places(store, chain, &asked.span).await? {
        let seen = seen(store, chain, place, asked, seal_place).await?;
        let details = seen.matching.into_iter().map(|(_, detail)| detail).collect();
        seals.push(SealDetails { number: seal_place.number, details });
    }
    Ok(ChainDetails { seals })
}

/// A final checkpoint that covers the seals.
async fn agreed(chain: &Chain, places: &[SealPlace]) -> Result<SignedCheckpoint, Refusal> {
    chain.agreed(places.last().map_or(0, |last| last.leaf + 1)).await
}

/// Where the seals of the span stand, all of them.
pub(crate) async fn places(store: &Store, chain: &Chain, span: &SealSpan) -> Result<Vec<SealPlace>, Error> {
    catch_up(store, chain).await?;
    let last = store::seal::latest(store.reader(), chain.id()).await?.map_or(0, |seal| seal.number);
    if span.last > last {
        return Err(Refusal::UnsealedEpoch {
            chain: chain.id().clone(),
            last,
            first_asked: span.first,
            last_asked: span.last,
        }
        .into());
    }
    let places = store::seal::span(store.reader(), chain.id(), span.first, span.last).await?;
    if !places.iter().map(|place| place.number).eq(span.first..=span.last) {
        return Err(chain.inconsistent(chain.size(), "the tables lack a seal").into());
    }
    if let Some(last) = places.last()
        && chain.leaf_hash(last.leaf)? != span.hash
    {
        return Err(Refusal::OtherSeal { chain: chain.id().clone(), seal: span.last }.into());
    }
    Ok(places)
}

/// What a request sees of one seal.
struct Seen {
    entry: SealEntry,
    run: CellRun,
    /// Keys and details of the cells that the request holds for, in order.
    matching: Vec<(CellKey, CellDetail)>,
}

async fn seen(
    store: &Store,
    chain: &Chain,
    place: &Place,
    asked: &Asked,
    seal_place: SealPlace,
) -> Result<Seen, ExchangeError> {
    let entry = chain.seal_at(seal_place.leaf)?;
    let number = seal_place.number;
    let stored = store::cell::of_seal(store.reader(), chain.id(), number).await?;
    if stored.len() != entry.cells as usize {
        return Err(chain.inconsistent(seal_place.leaf, "the seal's cells are not all there"));
    }
    let request = Arc::clone(&asked.request);
    let shown = place.run(move || show(&stored, &request)).await?;
    let (interval, run) = shown.map_err(|fault| chain.inconsistent(seal_place.leaf, fault))?;
    let details = store::cell::details(store.reader(), chain.id(), number, &interval).await?;
    let first_shown = run.first as usize;
    let mut matching = Vec::new();
    for (position, detail) in interval.zip(details) {
        let cell = &run.cells[position - first_shown];
        if asked.request.holds(&cell.key) {
            let detail = CellDetail::from_canonical(&detail);
            let detail = detail.map_err(|error| chain.inconsistent(seal_place.leaf, error))?;
            if !cell.commits_to(&detail) {
                return Err(chain.inconsistent(seal_place.leaf, "a cell's detail is not the one that was sealed"));
            }
            matching.push((cell.key.clone(), detail));
        }
    }
    Ok(Seen { entry, run, matching })
}

/// Why a seal's stored cells cannot be shown.
#[derive(Debug, thiserror::Error)]
enum ShowError {
    #[error("a stored cell: {0}")]
    Cell(#[from] DecodeError),
    #[error(transparent)]
    Seal(#[from] SealError),
}

/// The positions of the cells between the months asked about, and the run that shows them with their neighbours.
fn show(stored: &[Vec<u8>], request: &Request) -> Result<(Range<usize>, CellRun), ShowError> {
    let cells = stored.iter().map(|bytes| Cell::from_canonical(bytes)).collect::<Result<Vec<_>, _>>()?;
    let interval = interval(&cells, request);
    let run = seal::prove_run(&cells, with_neighbours(&interval, cells.len()))?;
    Ok((interval, run))
}

/// The positions of all cells of the measure between the first and the last month asked about: contiguous, for keys
/// begin with measure and month.
fn interval(cells: &[Cell], request: &Request) -> Range<usize> {
    let (from, to) = (request.predicate.from, request.predicate.to);
    let first = cells.partition_point(|cell| (&cell.key.measure, cell.key.period) < (&request.measure, from));
    let end = cells.partition_point(|cell| (&cell.key.measure, cell.key.period) <= (&request.measure, to));
    first..end
}

/// One more on each side, where there is one: the neighbours show that no cell was left out.
fn with_neighbours(interval: &Range<usize>, total: usize) -> Range<usize> {
    interval.start.saturating_sub(1)..(interval.end + 1).min(total)
}

/// The groups of a request while their cells are added up.
struct Tally {
    request: Arc<Request>,
    bands: usize,
    groups: BTreeMap<GroupKey, KeySums>,
}

impl Tally {
    fn new(asked: &Asked) -> Self {
        let bands = asked.definition.bands().len();
        Self { request: Arc::clone(&asked.request), bands, groups: BTreeMap::new() }
    }

    fn add(&mut self, key: &CellKey, detail: &CellDetail) -> Result<(), String> {
        let sums = self.groups.entry(self.request.group_of(key)).or_insert_with(|| KeySums::new(self.bands));
        sums.add(&detail.keys).map_err(|error| error.to_string())
    }

    fn finish(self) -> Result<Vec<GroupSums>, String> {
        let quantities = self.request.quantities(self.bands);
        self.groups.into_iter().map(|(group, sums)| finish(group, &sums, &quantities)).collect()
    }
}

fn finish(group: GroupKey, sums: &KeySums, quantities: &[Quantity]) -> Result<GroupSums, String> {
    let sums = sums.finish();
    let key = |quantity: &Quantity| {
        let key = tally::key_of(&sums, *quantity).map_err(|error| error.to_string())?;
        Ok::<_, String>(QuantityKey { quantity: *quantity, key })
    };
    Ok(GroupSums { group, keys: quantities.iter().map(key).collect::<Result<_, _>>()? })
}
