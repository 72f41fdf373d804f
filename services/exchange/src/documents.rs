//! Documents on a chain: admissions, requests and releases on main chains, disputes on the judicial chain, grants
//! ([`crate::grants`]) on regional ones. The chain holds their digest, the store their bytes.
//!
//! Kept true: the bytes are durable before the entry is appended; a document is logged once, so the same document sent
//! again has the same leaf.
//!
//! Crash consequences: after the bytes are stored, a row that no entry commits to, which only takes space; after the
//! append, an entry that the tables follow before the next document is looked up. Sending again is safe at any point.
//!
//! Cost: two fsyncs and a place in the log's group commit.

use axum::body::Bytes;
use std::sync::Arc;

use nacre_access::members::Members;
use nacre_schemas::{
    Blob, DecodeError, Digest, Document, Signed,
    cross::CrossRequest,
    dossier::{Inclusion, LoggedRequest, Note},
    entry::Entry,
    evidence::Dispute,
    limits,
    log::{LogEntry, LogPage, Logged},
    membership::Membership,
    query::{Request, SignedRequest},
    topology::ChainKind,
};
use nacre_verifier::logged;

use crate::{
    answer::definition,
    chain::Chain,
    error::{Error, ExchangeError},
    exchange::Exchange,
    refusal::Refusal,
    replay::catch_up,
    store::{self, Store, document::DocumentKind},
    work::{Place, to_the_end},
};

/// A page of the log that has this many bytes of documents takes no further entry.
const PAGE_BYTES: usize = 4 << 20;

/// Where the entry at that leaf stands, under a final checkpoint.
pub(crate) async fn logged_at(chain: &Chain, leaf: u64) -> Result<Logged, Error> {
    let checkpoint = chain.agreed(leaf + 1).await?;
    let proof = chain.inclusion(leaf, checkpoint.unverified().size)?.proof;
    Ok(Logged { leaf, proof, checkpoint: chain.note(&checkpoint)? })
}

/// Logs a document unless it is logged; says where it stands.
async fn log(
    store: &Store,
    chain: &Chain,
    kind: DocumentKind,
    entry: Entry,
    body: Vec<u8>,
) -> Result<u64, ExchangeError> {
    let _one_at_a_time = chain.documents().await?;
    log_in_turn(store, chain, kind, entry, body).await
}

/// The same, for whoever holds the chain's lock on documents.
pub(crate) async fn log_in_turn(
    store: &Store,
    chain: &Chain,
    kind: DocumentKind,
    entry: Entry,
    body: Vec<u8>,
) -> Result<u64, ExchangeError> {
    let digest = Digest::of(&body);
    catch_up(store, chain).await?;
    if let Some(leaf) = store::logged_document::leaf(store.reader(), chain.id(), &digest).await? {
        return Ok(leaf);
    }
    let mut writing = store.begin().await?;
    store::document::insert(&mut writing, kind, &digest, body).await?;
    store.commit(writing).await?;
    let leaf = chain.append(&[entry]).await?;
    catch_up(store, chain).await?;
    Ok(leaf)
}

/// Logs an admission, unless it is logged; says where it stands.
async fn log_admission(store: &Store, chain: &Chain, admission: &Signed<Membership>) -> Result<u64, ExchangeError> {
    let body = admission.to_canonical();
    log(store, chain, DocumentKind::Membership, Entry::Membership(Digest::of(&body)), body).await
}

/// Logs the admissions, each once, as soon as the chain takes entries.
pub(crate) async fn log_admissions(
    store: Store,
    chain: Arc<Chain>,
    members: Arc<Members>,
) -> Result<(), ExchangeError> {
    chain.probed().await;
    if chain.is_read_only() {
        return Ok(());
    }
    for admission in members.iter() {
        log_admission(&store, &chain, admission).await?;
    }
    Ok(())
}

/// Does it, and notes if it failed: a member whose admission is not logged has it logged with its first request.
pub(crate) async fn noted(chain: Arc<Chain>, logging: impl Future<Output = Result<(), ExchangeError>>) {
    if let Err(error) = logging.await {
        tracing::error!(chain = %chain.id(), %error, "admissions could not be logged");
    }
}

/// Checks a request, logs it, and shows it and its requester's admission under one checkpoint.
pub(crate) async fn request(
    exchange: &Exchange,
    chain: Arc<Chain>,
    caller: &Signed<Membership>,
    signed: SignedRequest<Request>,
) -> Result<LoggedRequest<Request>, Error> {
    let definition = definition(&signed.request)?;
    check_main(&chain, definition.main_chain())?;
    let place = exchange.evidence().enter()?;
    let (network, membership) = (Arc::clone(exchange.network()), caller.statement.clone());
    let (signed, verdict) = place
        .run(move || {
            let verdict = logged::check_request(&signed, &membership, &network, definition);
            (signed, verdict)
        })
        .await?;
    verdict.map_err(Refusal::CheckFailed)?;
    // Witnesses may be waited for from here on, and the queue is for those who work.
    drop(place);
    let entry = Entry::Request(signed.digest());
    let stands = log_request(exchange, &chain, caller, entry, signed.to_canonical()).await?;
    Ok(LoggedRequest {
        request: signed,
        admission: caller.clone(),
        checkpoint: stands.checkpoint,
        admission_inclusion: stands.admission,
        request_inclusion: stands.request,
    })
}

/// Where a request and its requester's admission stand, under one checkpoint.
pub(crate) struct Stands {
    /// A final checkpoint of the chain.
    pub(crate) checkpoint: Note,
    /// The admission's place.
    pub(crate) admission: Inclusion,
    /// The request's place.
    pub(crate) request: Inclusion,
}

/// Logs a request that was checked, of either lane.
pub(crate) async fn log_request(
    exchange: &Exchange,
    chain: &Arc<Chain>,
    caller: &Signed<Membership>,
    entry: Entry,
    body: Vec<u8>,
) -> Result<Stands, Error> {
    let (store, of_chain) = (exchange.store().clone(), Arc::clone(chain));
    let kind = match entry {
        Entry::CrossRequest(_) => DocumentKind::CrossRequest,
        _ => DocumentKind::Request,
    };
    let admission = caller.clone();
    let logging = async move {
        // First, for a request is judged by the admission that stands before it.
        let admission = log_admission(&store, &of_chain, &admission).await?;
        Ok((admission, log(&store, &of_chain, kind, entry, body).await?))
    };
    let (admission, leaf) = to_the_end(logging).await?;
    let checkpoint = chain.agreed(leaf.max(admission) + 1).await?;
    let size = checkpoint.unverified().size;
    Ok(Stands {
        checkpoint: chain.note(&checkpoint)?,
        admission: chain.inclusion(admission, size)?,
        request: chain.inclusion(leaf, size)?,
    })
}

/// The entries of a main chain from a leaf on, as many as a page takes, with the bodies that requests are judged by.
pub(crate) async fn page(exchange: &Exchange, chain: &Chain, from: u64) -> Result<LogPage, Error> {
    if !chain.is_main() {
        return Err(Refusal::NotFollowed(chain.id().clone()).into());
    }
    let size = chain.size();
    if from > size {
        return Err(Refusal::NotInLog(format!("{} has {size} entries", chain.id())).into());
    }
    let end = size.min(from + limits::MAX_LOG_PAGE as u64);
    let mut entries = Vec::new();
    let mut bytes = 0;
    for (leaf, entry) in (from..).zip(chain.entries(from..end).await?) {
        if bytes > PAGE_BYTES {
            break;
        }
        let broken = |what: String| chain.inconsistent(leaf, what);
        let (mut request, mut admission, mut cross) = (None, None, None);
        if let Entry::Request(digest) | Entry::Membership(digest) | Entry::CrossRequest(digest) = &entry {
            let body = store::document::body(exchange.store().reader(), digest).await?;
            let body = body.ok_or_else(|| broken("the document behind it is gone".to_owned()))?;
            bytes += body.len();
            let decoding = |error: DecodeError| broken(error.to_string());
            match entry {
                Entry::Request(_) => request = Some(SignedRequest::<Request>::from_canonical(&body).map_err(decoding)?),
                Entry::CrossRequest(_) => {
                    cross = Some(SignedRequest::<CrossRequest>::from_canonical(&body).map_err(decoding)?)
                }
                _ => admission = Some(Signed::<Membership>::from_canonical(&body).map_err(decoding)?),
            }
        }
        let entry = Blob::new(entry.to_canonical()).map_err(|error| broken(error.to_string()))?;
        entries.push(LogEntry { entry, request, admission, cross });
    }
    Ok(LogPage { first: from, entries })
}

/// Checks a release and logs it.
pub(crate) async fn release(
    exchange: &Exchange,
    chain: Arc<Chain>,
    caller: &Signed<Membership>,
    place: Place,
    body: Bytes,
) -> Result<Logged, Error> {
    let (network, of_chain, member) =
        (Arc::clone(exchange.network()), Arc::clone(&chain), caller.statement.member.clone());
    let (body, verdict) = place
        .run(move || {
            let verdict = check_release(&body, &network, &of_chain, member);
            (body, verdict)
        })
        .await?;
    verdict?;
    let (store, of_chain) = (exchange.store().clone(), Arc::clone(&chain));
    let leaf = to_the_end(async move {
        let entry = Entry::Release(Digest::of(&body));
        Ok(log(&store, &of_chain, DocumentKind::Release, entry, body.into()).await?)
    })
    .await?;
    // Witnesses may be waited for from here on, and nothing large is held any more.
    drop(place);
    logged_at(&chain, leaf).await
}

/// Checks a dispute and logs it.
pub(crate) async fn dispute(
    exchange: &Exchange,
    chain: Arc<Chain>,
    caller: &Membership,
    signed: &Signed<Dispute>,
) -> Result<Logged, Error> {
    if chain.id().kind() != Some(ChainKind::Judicial) {
        return Err(Refusal::NotJudicial(chain.id().clone()).into());
    }
    if signed.statement.claimant != caller.member {
        let (caller, sender) = (caller.member.clone(), signed.statement.claimant.clone());
        return Err(Refusal::OtherSender { caller, sender }.into());
    }
    nacre_verifier::dispute::check(signed, caller, exchange.network()).map_err(Refusal::from)?;
    let (store, of_chain, body) = (exchange.store().clone(), Arc::clone(&chain), signed.to_canonical());
    let entry = Entry::Dispute(signed.digest());
    let leaf = to_the_end(async move { Ok(log(&store, &of_chain, DocumentKind::Dispute, entry, body).await?) }).await?;
    logged_at(&chain, leaf).await
}

fn check_release(
    body: &[u8],
    network: &nacre_verifier::Network,
    chain: &Chain,
    caller: nacre_schemas::id::MemberId,
) -> Result<(), Refusal> {
    let release = nacre_schemas::release::Release::from_canonical(body)?;
    let sender = &release.dossier.logged.request.request.requester;
    if *sender != caller {
        return Err(Refusal::OtherSender { caller, sender: sender.clone() });
    }
    check_main(chain, release.definition.main_chain())?;
    nacre_verifier::release::check(&release, network)?;
    Ok(())
}

/// Requests and releases on a measure stand on the main chain of its domain.
pub(crate) fn check_main(here: &Chain, named: nacre_schemas::id::ChainId) -> Result<(), Refusal> {
    if named == *here.id() { Ok(()) } else { Err(Refusal::OtherChain { here: here.id().clone(), named }) }
}
