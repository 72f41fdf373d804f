//! The cross lane at an exchange: lists are verified with the batches they come in, requests are logged, and evaluators are
//! handed each person's latest values under names that hold for one request.
//!
//! Kept true: what is handed over depends on the request, the seals it names and what was erased since; two evaluators that
//! ask get the same bytes. No pseudonym leaves: `SM3(request ‖ pseudonym)` of different requests cannot be matched by who
//! does not know pseudonyms. What does leave is ciphertext, under a key that no one holds.
//!
//! Errors: [`Refusal`]s, and the verifier's on the request. Cost: by the values of its measures and months, in the seals that
//! the request covers.

use std::{collections::BTreeMap, fs::File, io::BufReader, path::Path, sync::Arc};

use futures::TryStreamExt as _;
use nacre_fhe::{keys::PublicKey, wire};
use nacre_hosting::file::FileError;
use nacre_schemas::{
    Digest, Document as _, Signed,
    cross::{CrossDelivery, CrossInput, CrossInputs, CrossRequest, CrossWords, MAX_INPUTS},
    dossier::LoggedRequest,
    entry::Entry,
    membership::Membership,
    query::{SealSpan, SignedRequest},
};
use nacre_verifier::{Network, cross};

use crate::{
    answer,
    chain::Chain,
    documents,
    error::{Error, ExchangeError, OpenError},
    exchange::Exchange,
    intake::Checked,
    refusal::Refusal,
    store::{self, Store, cross_value::Value},
    work::Place,
};

/// Reads the network's public key, and compares it with the trust root.
pub(crate) fn read_key(path: &Path, network: &Network) -> Result<Arc<PublicKey>, OpenError> {
    let lane = cross::lane(network)?;
    let reader = BufReader::new(File::open(path).map_err(FileError::at(path))?);
    let malformed = |reason: String| OpenError::CrossKey { path: path.display().to_string(), reason };
    let (key, digest) = PublicKey::read(reader).map_err(|error| malformed(error.to_string()))?;
    if lane.keys.public_key == digest {
        Ok(Arc::new(key))
    } else {
        Err(malformed("it is not the one that the trust root names".to_owned()))
    }
}

/// Checks a batch's list against the network's key. Where the network has no lane, or this exchange no key, no lists are taken.
pub(crate) fn check_list(checked: &Checked, network: &Network, key: Option<&PublicKey>) -> Result<(), Refusal> {
    let mut parts = checked.batch.contributions.iter();
    if checked.batch.cross.is_none() && parts.all(|part| part.restricted.cross.is_none()) {
        return Ok(());
    }
    cross::lane(network).map_err(Refusal::CheckFailed)?;
    let key = key.ok_or(Refusal::NoCrossLane)?;
    let refused = |error: nacre_fhe::FheError| Refusal::ProofRejected {
        entry: None,
        check: "cross-list",
        detail: error.to_string(),
    };
    wire::verify(key, &checked.batch).map_err(refused)
}

/// Checks a cross request, logs it, and shows it and its requester's admission under one checkpoint.
pub(crate) async fn log(
    exchange: &Exchange,
    chain: Arc<Chain>,
    caller: &Signed<Membership>,
    signed: SignedRequest<CrossRequest>,
) -> Result<LoggedRequest<CrossRequest>, Error> {
    documents::check_main(&chain, cross::main_chain())?;
    let place = exchange.evidence().enter()?;
    let (network, membership) = (Arc::clone(exchange.network()), caller.statement.clone());
    let (signed, verdict) = place
        .run(move || {
            let verdict = cross::check_request(&signed, &membership, &network);
            (signed, verdict)
        })
        .await?;
    verdict.map_err(Refusal::CheckFailed)?;
    // Witnesses may be waited for from here on, and the queue is for those who work.
    drop(place);
    let entry = Entry::CrossRequest(signed.digest());
    let stands = documents::log_request(exchange, &chain, caller, entry, signed.to_canonical()).await?;
    Ok(LoggedRequest {
        request: signed,
        admission: caller.clone(),
        checkpoint: stands.checkpoint,
        admission_inclusion: stands.admission,
        request_inclusion: stands.request,
    })
}

/// What the chain hands to evaluators for a logged request.
pub(crate) async fn inputs(
    exchange: &Exchange,
    chain: &Chain,
    place: &Place,
    logged: LoggedRequest<CrossRequest>,
) -> Result<CrossDelivery, Error> {
    let network = Arc::clone(exchange.network());
    let (logged, verdict) = place
        .run(move || {
            let verdict = cross::check(&logged, &network);
            (logged, verdict)
        })
        .await?;
    verdict.map_err(Refusal::CheckFailed)?;
    let request = logged.request.request;
    let span = request.spans.iter().find(|span| span.chain == *chain.id());
    let span = span.ok_or_else(|| Refusal::ChainNotAsked(chain.id().clone()))?;
    let found = latest(exchange.store(), chain, &request, span).await?;
    let inputs = assemble(exchange.store(), chain, &request, found).await?;
    let signature = chain.key().sign_detached(&inputs.manifest());
    Ok(CrossDelivery { inputs, signature })
}

/// A person's latest value of a measure.
struct Found {
    input: CrossInput,
    list: Digest,
}

/// By token, then by measure: the rows' first.
type Latest = BTreeMap<(Digest, bool), Found>;

/// Each person's latest value of either measure among the contributions that the span's seals cover.
async fn latest(store: &Store, chain: &Chain, request: &CrossRequest, span: &SealSpan) -> Result<Latest, Error> {
    let digest = request.digest();
    let mut latest = Latest::new();
    for seal in answer::places(store, chain, span).await? {
        let sealed = chain.seal_at(seal.leaf)?;
        for (by, asked) in [(true, &request.by), (false, &request.of)] {
            let (months, leaves) = (request.from..=request.to, sealed.from..sealed.to);
            let values = store::cross_value::among(store.reader(), chain.id(), &asked.measure, months, leaves);
            let mut values = std::pin::pin!(values.map_err(ExchangeError::from)?);
            while let Some(value) = values.try_next().await.map_err(ExchangeError::from)? {
                add(&mut latest, &digest, by, value);
                if latest.len() > MAX_INPUTS {
                    let detail = format!("the request matches more than {MAX_INPUTS} values here: ask for fewer seals");
                    return Err(Refusal::Malformed(detail).into());
                }
            }
        }
    }
    Ok(latest)
}

fn add(latest: &mut Latest, request: &Digest, by: bool, value: Value) {
    let Value { leaf, period, restricted } = value;
    let Some(CrossWords { list, position, words }) = restricted.cross else { return };
    let token = Digest::of_parts(&[request.as_bytes(), restricted.pseudonym.as_bytes()]);
    let later = |found: &Found| (found.input.period, found.input.leaf) < (period, leaf);
    if latest.get(&(token, !by)).is_none_or(later) {
        let input = CrossInput { token, by, period, leaf, mask: 0, position, words };
        latest.insert((token, !by), Found { input, list });
    }
}

/// Puts the masks beside the inputs, each once.
async fn assemble(
    store: &Store,
    chain: &Chain,
    request: &CrossRequest,
    found: Latest,
) -> Result<CrossInputs, ExchangeError> {
    let mut places: BTreeMap<Digest, u32> = BTreeMap::new();
    let (mut masks, mut inputs) = (Vec::new(), Vec::with_capacity(found.len()));
    for Found { mut input, list } in found.into_values() {
        input.mask = match places.get(&list) {
            Some(place) => *place,
            None => {
                let kept = store::cross_list::find(store.reader(), chain.id(), &list).await?;
                let kept = kept.ok_or_else(|| chain.inconsistent(input.leaf, "its batch's list is gone"))?;
                let place = masks.len() as u32;
                masks.push(kept.mask);
                places.insert(list, place);
                place
            }
        };
        inputs.push(input);
    }
    Ok(CrossInputs { request: request.digest(), chain: chain.id().clone(), masks, inputs })
}
