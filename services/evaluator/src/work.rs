//! One job, from queued to done.
//!
//! ```text
//! wait → fetch every chain's inputs that are not on disk → wait → match → chunk, checkpoint, chunk, … → finish → sign → keep
//! ```
//!
//! Kept true: what a crash leaves is where the job goes on: inputs on disk are not fetched again, people under a
//! checkpoint are not added again. The outcome is durable before the job is done, and inputs go after it. Computing is
//! off the async threads, on a pool of its own, one job at a time.
//!
//! Errors: [`Fault`]. Cost: see [`nacre_fhe::job`].

use std::sync::Arc;

use nacre_fhe::{
    FheError,
    job::{self, Task},
    matching::People,
};
use nacre_schemas::{
    Digest, Document as _,
    cross::{
        CrossConfirmation, CrossDelivery, CrossManifest, CrossOutcome, CrossRequest, CrossResult,
        SignedCrossConfirmation,
    },
    dossier::LoggedRequest,
    id::ChainId,
};
use nacre_verifier::{
    Network,
    cross::{self, Definitions},
};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::{
    evaluator::Evaluator,
    fault::Fault,
    folder::Part,
    inputs,
    jobs::{Job, State},
    keys::Keys,
};

/// Progress is told in so many steps.
const STEPS: usize = 20;

impl Evaluator {
    /// Does a job, and settles what it came to.
    pub(crate) async fn run(self: Arc<Self>, job: Arc<Job>, logged: LoggedRequest<CrossRequest>) {
        let came_to = self.work(&job, Arc::new(logged)).await;
        let settle = tokio::task::spawn_blocking(move || self.end(&job, came_to));
        if settle.await.is_err() {
            tracing::error!("what a job came to could not be settled");
        }
    }

    async fn work(self: &Arc<Self>, job: &Arc<Job>, logged: Arc<LoggedRequest<CrossRequest>>) -> Result<(), Fault> {
        {
            let _place = turn(&self.fetching, job).await?;
            job.state.send_replace(State::Fetching);
            tokio::select! {
                fetched = self.fetch(job, &logged) => fetched?,
                () = job.stopped() => return Err(Fault::Interrupted),
            }
            job.state.send_replace(State::Queued);
        }
        let _place = turn(&self.computing, job).await?;
        let (own, job) = (Arc::clone(self), Arc::clone(job));
        let computing = move || own.threads.install(|| own.compute(&job, &logged));
        tokio::task::spawn_blocking(computing).await.map_err(|_| Fault::Stopped)?
    }

    /// Has the inputs of every chain on disk, checked.
    async fn fetch(self: &Arc<Self>, job: &Arc<Job>, logged: &Arc<LoggedRequest<CrossRequest>>) -> Result<(), Fault> {
        for place in 0..logged.request.request.spans.len() {
            let chain = &logged.request.request.spans[place].chain;
            if self.keep(job, logged, place, None).await? {
                continue;
            }
            // Every regional chain has a client since the evaluator was opened; a request names no other.
            let unknown =
                || Fault::FalseInputs { chain: chain.clone(), reason: "its exchange is not known".to_owned() };
            let client = self.exchanges.get(chain).ok_or_else(unknown)?;
            let came = inputs::fetch(client, chain, logged).await?;
            self.keep(job, logged, place, Some(came)).await?;
        }
        Ok(())
    }

    /// Checks a chain's inputs, and keeps them if they just came. Without any that came: whether good ones are kept.
    async fn keep(
        self: &Arc<Self>,
        job: &Arc<Job>,
        logged: &Arc<LoggedRequest<CrossRequest>>,
        place: usize,
        came: Option<CrossDelivery>,
    ) -> Result<bool, Fault> {
        let (own, job, logged) = (Arc::clone(self), Arc::clone(job), Arc::clone(logged));
        let keeping = move || {
            let request = &logged.request.request;
            let chain = &request.spans[place].chain;
            let part = Part::Inputs(chain.clone());
            match came {
                Some(delivery) => {
                    inputs::check(&delivery, chain, request, &job.request, &own.network)?;
                    job.folder.write(&part, &delivery.to_canonical())?;
                    Ok(true)
                }
                None => {
                    let kept = job.folder.read(&part)?;
                    let read = |bytes: Vec<u8>| inputs::read(&bytes, chain, request, &job.request, &own.network);
                    Ok(kept.is_some_and(|bytes| read(bytes).is_ok()))
                }
            }
        };
        tokio::task::spawn_blocking(keeping).await.map_err(|_| Fault::Stopped)?
    }

    /// Computes, signs and keeps the outcome.
    fn compute(&self, job: &Job, logged: &LoggedRequest<CrossRequest>) -> Result<(), Fault> {
        // Again: the job may have waited over a restart, under another trust root.
        let (definitions, _) = cross::check(logged, &self.network)?;
        let request = &logged.request.request;
        let (people, manifests) = self.people(job, request)?;
        let Some(result) = self.result(job, request, &definitions, &people, manifests)? else {
            return Err(Fault::Interrupted);
        };
        let outcome = CrossOutcome { confirmation: self.confirm(&result), result };
        job.folder.write(&Part::Outcome, &outcome.to_canonical())?;
        tracing::info!(request = %job.request, result = %outcome.confirmation.confirmation.result, "a job is done");
        job.folder.clear(&Part::Checkpoint)?;
        if !self.keep_inputs {
            job.folder.clear_inputs()?;
        }
        Ok(())
    }

    /// Who is counted, from the inputs on disk, and what chains signed for them.
    fn people(&self, job: &Job, request: &CrossRequest) -> Result<(People, Vec<CrossManifest>), Fault> {
        let read = |chain: &ChainId| job.folder.read(&Part::Inputs(chain.clone()));
        inputs::people(read, request, &job.request, &self.network)
    }

    /// The result; none if the job is told to stop.
    fn result(
        &self,
        job: &Job,
        request: &CrossRequest,
        definitions: &Definitions,
        people: &People,
        manifests: Vec<CrossManifest>,
    ) -> Result<Option<CrossResult>, Fault> {
        let task = task(request, definitions, &self.network)?;
        let mut computation = self.begin(job, people, task, &manifests)?;
        loop {
            job.state.send_replace(State::Computing { twentieths: twentieths(computation.done(), people.len()) });
            if job.is_stopped() {
                return Ok(None);
            }
            if !computation.step() {
                break;
            }
            job.folder.write(&Part::Checkpoint, &computation.checkpoint())?;
        }
        let digits = computation.finish(|| !job.is_stopped());
        let Keys { digest, arithmetic, .. } = &*self.keys;
        Ok(digits.map(|digits| digits.into_result(job.request, *digest, *arithmetic, manifests)))
    }

    /// The computation, from its checkpoint if it has one.
    fn begin<'a>(
        &'a self,
        job: &Job,
        people: &'a People,
        task: Task,
        manifests: &[CrossManifest],
    ) -> Result<job::Job<'a>, Fault> {
        let keys = &self.keys.evaluation;
        let context = context(&job.request, &self.keys, manifests);
        if let Some(checkpoint) = job.folder.read(&Part::Checkpoint)? {
            match job::Job::resume(keys, people, task, &context, &checkpoint) {
                Ok(resumed) => {
                    tracing::info!(request = %job.request, "a job goes on from its checkpoint");
                    return Ok(resumed);
                }
                Err(error) => tracing::warn!(request = %job.request, %error, "a job begins again"),
            }
        }
        Ok(job::Job::new(keys, people, task, &context))
    }

    fn confirm(&self, result: &CrossResult) -> SignedCrossConfirmation {
        let confirmation = CrossConfirmation {
            request: result.request,
            result: result.digest(),
            evaluator: self.admission.statement.member.clone(),
            jurisdiction: self.admission.statement.jurisdiction.clone(),
        };
        let signature = self.signing_key.sign_detached(&confirmation);
        SignedCrossConfirmation { confirmation, admission: self.admission.clone(), signature }
    }
}

/// What is computed for a request.
pub(crate) fn task(request: &CrossRequest, definitions: &Definitions, network: &Network) -> Result<Task, FheError> {
    let minimum = network.root().disclosure.minimum_people;
    Task::new(request.statistic, definitions.shape(request.statistic), minimum)
}

/// What a computation is of: request, keys, arithmetic, every chain's inputs.
pub(crate) fn context(request: &Digest, keys: &Keys, manifests: &[CrossManifest]) -> Digest {
    let manifests: Vec<u8> = manifests.iter().flat_map(|manifest| *manifest.digest().as_bytes()).collect();
    Digest::of_parts(&[request.as_bytes(), keys.digest.as_bytes(), keys.arithmetic.as_bytes(), &manifests])
}

/// Rounded down, so that it does not tell how many people there are. Of nobody, all are done.
fn twentieths(done: usize, people: usize) -> u8 {
    (done * STEPS).checked_div(people).unwrap_or(STEPS) as u8
}

/// Waits for a turn, unless the job is told to stop.
async fn turn<'a>(places: &'a Semaphore, job: &Job) -> Result<SemaphorePermit<'a>, Fault> {
    tokio::select! {
        // They are never closed.
        place = places.acquire() => place.map_err(|_| Fault::Interrupted),
        () = job.stopped() => Err(Fault::Interrupted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_told_in_twentieths_and_of_nobody_all_is_done() {
        assert_eq!([0, 99, 100, 1_999, 2_000].map(|done| twentieths(done, 2_000)), [0, 0, 1, 19, 20]);
        assert_eq!((twentieths(0, 1), twentieths(1, 1)), (0, 20));
        assert_eq!(twentieths(0, 0), 20);
    }
}
