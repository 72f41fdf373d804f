//! Computing a release's result again, by whoever holds what the chains handed over for it.
//!
//! Kept true: the result is said to be the same only if every byte of it came out of the same inputs, which the chains signed
//! and the release names. Machines whose Fourier transforms round otherwise come to other bytes: that is found
//! before anything is computed, and is no verdict.
//!
//! Errors: [`RecomputeError`]. Cost: that of the job, see [`nacre_fhe::job`].

use std::path::Path;

use nacre_fhe::job::Job;
use nacre_hosting::file;
use nacre_schemas::{
    Digest, Document as _,
    cross::{CrossDelivery, CrossRelease},
    id::ChainId,
};
use nacre_verifier::{Failure, Network, cross};

use crate::{
    fault::Fault,
    inputs,
    keys::Keys,
    work::{context, task},
};

/// Why a result cannot be computed again.
#[derive(Debug, thiserror::Error)]
pub enum RecomputeError {
    /// The release does not even verify.
    #[error(transparent)]
    Release(#[from] Failure),
    /// Other keys than the result was computed with.
    #[error("the result was computed with evaluation keys {wanted:.8}…, these are {found:.8}…", wanted = .wanted.to_string(), found = .found.to_string())]
    OtherKeys {
        /// The result's.
        wanted: Digest,
        /// The file's.
        found: Digest,
    },
    /// This machine comes to other bytes.
    #[error(
        "the result was computed on machines of arithmetic {wanted:.8}…, this one's is {found:.8}…: its bytes would differ, \
         though its meaning would not. Use a processor with the same vector instructions",
        wanted = .wanted.to_string(), found = .found.to_string()
    )]
    OtherArithmetic {
        /// The result's.
        wanted: Digest,
        /// This machine's.
        found: Digest,
    },
    /// Inputs that are at hand are not those the result was computed from.
    #[error("{0}: these are not the inputs that the release names, though the chain signed them for its request")]
    OtherInputs(ChainId),
    /// Inputs are missing, or are not what a chain handed over.
    #[error("{0}")]
    Inputs(String),
}

/// What computing again came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recomputed {
    /// Digest of the release's result.
    pub released: Digest,
    /// Digest of what was computed here.
    pub found: Digest,
    /// How many people were matched.
    pub people: usize,
}

impl Recomputed {
    /// Whether the result is the same to the byte.
    pub fn is_same(&self) -> bool {
        self.released == self.found
    }
}

/// Computes the release's result again from a folder of what chains handed over: one file a chain, by its slug, as an evaluator
/// keeps them (`jobs/<request>/inputs`).
pub fn recompute(
    release: &CrossRelease,
    network: &Network,
    keys: &Keys,
    folder: &Path,
    mut progress: impl FnMut(usize, usize),
) -> Result<Recomputed, RecomputeError> {
    let definitions = cross::check_release(release, network)?;
    let (request, result) = (&release.submission.logged.request.request, &release.submission.result);
    if keys.digest != result.keys {
        return Err(RecomputeError::OtherKeys { wanted: result.keys, found: keys.digest });
    }
    if keys.arithmetic != result.arithmetic {
        return Err(RecomputeError::OtherArithmetic { wanted: result.arithmetic, found: keys.arithmetic });
    }
    let read = |chain: &ChainId| file::read_if_there(&folder.join(chain.slug()), CrossDelivery::MAX_BYTES);
    let (people, manifests) = inputs::people(read, request, &result.request, network).map_err(explain(folder))?;
    if let Some((_, other)) = result.manifests.iter().zip(&manifests).find(|(released, found)| released != found) {
        return Err(RecomputeError::OtherInputs(other.chain.clone()));
    }
    let task = task(request, &definitions, network).map_err(|error| RecomputeError::Inputs(error.to_string()))?;
    let mut job = Job::new(&keys.evaluation, &people, task, &context(&result.request, keys, &manifests));
    progress(0, people.len());
    while job.step() {
        progress(job.done(), people.len());
    }
    // It is never told to stop.
    let digits = job.finish(|| true).ok_or_else(|| RecomputeError::Inputs("it was told to stop".to_owned()))?;
    let found = digits.into_result(result.request, keys.digest, keys.arithmetic, manifests);
    Ok(Recomputed { released: result.digest(), found: found.digest(), people: people.len() })
}

fn explain(folder: &Path) -> impl Fn(Fault) -> RecomputeError {
    move |fault| RecomputeError::Inputs(format!("{}: {fault}", folder.display()))
}
