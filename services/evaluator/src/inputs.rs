//! What chains hand over for a request: fetched, checked, kept, read back.
//!
//! Kept true: what is computed on, the chain signed for: its key is over the digest of every byte. That is checked when inputs
//! come, and again whenever they are read from disk, so a file that was changed is not computed on.
//!
//! Errors: [`Fault`], which names the chain. Cost: one chain's inputs in memory, 256 MB at most.

use std::time::Duration;

use nacre_access::client::{Client, ClientError};
use nacre_fhe::matching::{self, People};
use nacre_hosting::{file::FileError, retry::Pauses};
use nacre_ledger::signing;
use nacre_schemas::{
    Digest, Document as _,
    cross::{CrossDelivery, CrossInputs, CrossManifest, CrossRequest},
    dossier::LoggedRequest,
    id::ChainId,
};
use nacre_verifier::Network;
use nacre_wire::{
    body::Encoded,
    exchange::{OfChain, POST_CROSS_INPUTS},
};

use crate::fault::Fault;

/// How long an exchange may take to hand over its inputs.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(600);
/// How often an exchange is asked that has no time, or cannot be reached.
const ATTEMPTS: u32 = 6;
/// The pauses between; an exchange may ask for longer ones.
const PAUSES: Pauses = Pauses::new(Duration::from_secs(2), Duration::from_secs(30));

/// Asks a chain's exchange for its inputs.
pub(crate) async fn fetch(
    client: &Client,
    chain: &ChainId,
    logged: &LoggedRequest<CrossRequest>,
) -> Result<CrossDelivery, Fault> {
    let failed = |error| Fault::Exchange { chain: chain.clone(), error };
    let asked = Encoded::of(logged).map_err(|error| failed(error.into()))?;
    let (mut attempt, mut pauses) = (1, PAUSES);
    loop {
        match client.call_encoded(POST_CROSS_INPUTS, &OfChain::new(chain), &asked).await {
            Ok(delivery) => return Ok(delivery),
            // What was handed over in full and is no delivery is the chain's doing.
            Err(ClientError::Malformed { detail, .. }) => {
                return Err(Fault::FalseInputs { chain: chain.clone(), reason: detail });
            }
            Err(error) if attempt < ATTEMPTS && error.is_retryable() => {
                tracing::warn!(%chain, %error, "inputs are not handed over yet");
                pauses.wait(error.retry_after()).await;
                attempt += 1;
            }
            Err(error) => return Err(failed(error)),
        }
    }
}

/// Checks what a chain handed over: the chain's signature on all of it, and that it is for the request. Gives what was signed.
pub(crate) fn check(
    delivery: &CrossDelivery,
    chain: &ChainId,
    request: &CrossRequest,
    digest: &Digest,
    network: &Network,
) -> Result<CrossManifest, Fault> {
    let fault = |reason: String| Fault::FalseInputs { chain: chain.clone(), reason };
    let CrossDelivery { inputs, signature } = delivery;
    let known = network.root().chain(chain).ok_or_else(|| fault("the trust root has no such chain".to_owned()))?;
    let manifest = inputs.manifest();
    signing::verify_detached(&known.signing_key, &manifest, signature)
        .map_err(|error| fault(format!("its signature on its inputs: {error}")))?;
    matching::check(inputs, request, digest, chain).map_err(|error| fault(error.to_string()))?;
    Ok(manifest)
}

/// What a chain handed over, from its bytes as they were kept, checked.
pub(crate) fn read(
    bytes: &[u8],
    chain: &ChainId,
    request: &CrossRequest,
    digest: &Digest,
    network: &Network,
) -> Result<(CrossInputs, CrossManifest), Fault> {
    let delivery = CrossDelivery::from_canonical(bytes)
        .map_err(|error| Fault::FalseInputs { chain: chain.clone(), reason: error.to_string() })?;
    let manifest = check(&delivery, chain, request, digest, network)?;
    Ok((delivery.inputs, manifest))
}

/// Who is counted, from every chain's inputs as they were kept, and what the chains signed for them in the order of the
/// request. Each chain is read up to twice.
pub(crate) fn people(
    kept: impl Fn(&ChainId) -> Result<Option<Vec<u8>>, FileError>,
    request: &CrossRequest,
    digest: &Digest,
    network: &Network,
) -> Result<(People, Vec<CrossManifest>), Fault> {
    let mut manifests = vec![None; request.spans.len()];
    let load = |place: usize| -> Result<CrossInputs, Fault> {
        let chain = &request.spans[place].chain;
        let bytes = kept(chain)?.ok_or_else(|| Fault::NoInputs(chain.clone()))?;
        let (inputs, manifest) = read(&bytes, chain, request, digest, network)?;
        manifests[place] = Some(manifest);
        Ok(inputs)
    };
    let people = People::matched(request, load)?;
    // Each chain was loaded once at least.
    Ok((people, manifests.into_iter().flatten().collect()))
}
