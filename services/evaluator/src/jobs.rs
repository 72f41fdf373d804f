//! What was asked, how far each job is, and what is kept of it over a restart.
//!
//! Kept true: a job is known by the digest of its request, so asking twice is asking once; it belongs to its requester, and
//! others are told that there is none. Its folder is there before it is known, and goes with it. A job that has ended, or was
//! cancelled, changes under the registry's lock alone: so none is cancelled and done at once.
//!
//! Limits: [`Evaluator`]'s queue of unfinished jobs; [`MAX_OF_REQUESTER`] of them one requester's; [`MAX_FINISHED`] finished
//! ones, of which the oldest goes first. Errors: [`Problem`]s.

use std::{
    collections::BTreeMap,
    sync::{Arc, MutexGuard, PoisonError},
};

use nacre_hosting::file::FileError;
use nacre_schemas::{
    Digest, Document as _,
    cross::{CrossJob, CrossOutcome, CrossRequest},
    dossier::LoggedRequest,
    id::MemberId,
    problem::{Problem, Retry},
};
use nacre_verifier::cross;
use nacre_wire::{
    evaluator::{NO_JOB, NOT_DONE},
    problem::BUSY,
};
use tokio::sync::watch;

use crate::{
    evaluator::Evaluator,
    fault::Fault,
    folder::{Folder, Part},
};

/// Unfinished jobs of one requester.
const MAX_OF_REQUESTER: usize = 8;
/// Finished jobs that are kept.
const MAX_FINISHED: usize = 256;

/// How far a job is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Queued,
    Fetching,
    Computing {
        twentieths: u8,
    },
    Done,
    Failed(Problem),
    /// Cancelled, and its files removed.
    Gone,
}

impl State {
    fn is_finished(&self) -> bool {
        matches!(self, Self::Done | Self::Failed(_) | Self::Gone)
    }
}

/// What a job is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    GoOn,
    /// The evaluator stops: the job goes on when it starts again.
    Pause,
    Cancel,
}

/// A job.
pub(crate) struct Job {
    pub(crate) request: Digest,
    requester: MemberId,
    /// Jobs that were known before it.
    number: u64,
    pub(crate) folder: Folder,
    pub(crate) state: watch::Sender<State>,
    pub(crate) order: watch::Sender<Order>,
}

impl Job {
    /// What its requester is told.
    fn shown(&self) -> CrossJob {
        let failed = |problem: &Problem| CrossJob::Failed { reason: problem.to_string(), retry: problem.retry };
        match &*self.state.borrow() {
            State::Queued => CrossJob::Queued,
            State::Fetching => CrossJob::Fetching,
            State::Computing { twentieths } => CrossJob::Computing { twentieths: *twentieths },
            State::Done => CrossJob::Done,
            State::Failed(problem) => failed(problem),
            State::Gone => failed(&no_job()),
        }
    }

    pub(crate) fn is_stopped(&self) -> bool {
        *self.order.borrow() != Order::GoOn
    }

    /// Ends when the job is told to stop.
    pub(crate) async fn stopped(&self) {
        // The sender is the job's own, so it is not gone before.
        let _ = self.order.subscribe().wait_for(|order| *order != Order::GoOn).await;
    }
}

/// Every job that is known.
#[derive(Default)]
pub(crate) struct Registry {
    jobs: BTreeMap<Digest, Arc<Job>>,
    known: u64,
}

impl Registry {
    fn add(&mut self, request: Digest, requester: MemberId, folder: Folder, state: State) -> Arc<Job> {
        self.known += 1;
        let (state, order) = (watch::Sender::new(state), watch::Sender::new(Order::GoOn));
        let job = Arc::new(Job { request, requester, number: self.known, folder, state, order });
        self.jobs.insert(request, Arc::clone(&job));
        job
    }

    fn unfinished(&self) -> impl Iterator<Item = &Arc<Job>> {
        self.jobs.values().filter(|job| !job.state.borrow().is_finished())
    }

    /// Forgets the oldest of too many finished jobs.
    fn make_room(&mut self) {
        let mut finished: Vec<Arc<Job>> =
            self.jobs.values().filter(|job| job.state.borrow().is_finished()).map(Arc::clone).collect();
        finished.sort_by_key(|job| job.number);
        for job in finished.iter().take(finished.len().saturating_sub(MAX_FINISHED)) {
            self.forget(job);
        }
    }

    fn forget(&mut self, job: &Job) {
        if let Err(error) = job.folder.remove() {
            tracing::error!(request = %job.request, %error, "a job's files could not be removed");
        }
        self.jobs.remove(&job.request);
        job.state.send_replace(State::Gone);
    }
}

impl Evaluator {
    fn registry(&self) -> MutexGuard<'_, Registry> {
        // A panic while it was held leaves a job that is known or not: both are states of their own.
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Jobs that wait or work.
    pub(crate) fn unfinished(&self) -> usize {
        self.registry().unfinished().count()
    }

    /// Takes up what was there before: what was not finished goes on.
    pub fn resume(self: &Arc<Self>) -> Result<(), FileError> {
        for (request, folder) in self.folders.list()? {
            let bytes = folder.read(&Part::Request)?.unwrap_or_default();
            let logged = match LoggedRequest::<CrossRequest>::from_canonical(&bytes) {
                Ok(logged) if logged.request.request.digest() == request => logged,
                _ => {
                    tracing::error!(%request, "a job's request is damaged; the job is removed");
                    folder.remove()?;
                    continue;
                }
            };
            let state = kept_state(&folder)?;
            let requester = logged.request.request.requester.clone();
            let job = self.registry().add(request, requester, folder, state);
            if !job.state.borrow().is_finished() {
                self.start(job, logged);
            }
        }
        Ok(())
    }

    /// Has a request computed; a job of that request that is there already is not begun again, unless it failed by what
    /// passes. The request is the caller's own.
    pub async fn submit(self: &Arc<Self>, logged: LoggedRequest<CrossRequest>) -> Result<CrossJob, Problem> {
        let request = logged.request.request.digest();
        if let Some(known) = self.registry().jobs.get(&request).filter(|job| !may_begin_again(job)) {
            return Ok(known.shown());
        }
        let own = Arc::clone(self);
        let admitted = tokio::task::spawn_blocking(move || {
            cross::check(&logged, &own.network).map_err(|failure| Fault::Request(failure).problem())?;
            let (job, new) = own.admit(&logged)?;
            if new {
                own.start(Arc::clone(&job), logged);
            }
            Ok(job.shown())
        });
        admitted.await.map_err(|_| Fault::Stopped.problem())?
    }

    /// Makes the job known, if it is not and there is room. Says whether it is to be started.
    fn admit(&self, logged: &LoggedRequest<CrossRequest>) -> Result<(Arc<Job>, bool), Problem> {
        let request = logged.request.request.digest();
        let requester = &logged.request.request.requester;
        let mut registry = self.registry();
        if let Some(known) = registry.jobs.get(&request).filter(|job| !may_begin_again(job)) {
            if *known.order.borrow() == Order::Cancel {
                return Err(busy("the job is being cancelled"));
            }
            return Ok((Arc::clone(known), false));
        }
        if registry.unfinished().count() >= self.queue {
            return Err(busy("as many jobs as it takes are waiting"));
        }
        if registry.unfinished().filter(|job| job.requester == *requester).count() >= MAX_OF_REQUESTER {
            return Err(busy("as many jobs of one requester as it takes are waiting"));
        }
        let folder = self.folders.of(&request);
        let created = folder.create(&logged.to_canonical()).and_then(|()| folder.clear(&Part::Failure));
        created.map_err(|error| {
            tracing::error!(%request, %error, "a job's folder cannot be made");
            Fault::File(error).problem()
        })?;
        tracing::info!(%request, %requester, "a job is queued");
        if let Some(failed) = registry.jobs.get(&request) {
            failed.state.send_replace(State::Queued);
            return Ok((Arc::clone(failed), true));
        }
        let job = registry.add(request, requester.clone(), folder, State::Queued);
        registry.make_room();
        Ok((job, true))
    }

    fn start(self: &Arc<Self>, job: Arc<Job>, logged: LoggedRequest<CrossRequest>) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(Arc::clone(self).run(job, logged));
    }

    /// Settles what a job came to.
    pub(crate) fn end(&self, job: &Job, came_to: Result<(), Fault>) {
        let mut registry = self.registry();
        let order = *job.order.borrow();
        match came_to {
            _ if order == Order::Cancel => registry.forget(job),
            Ok(()) => {
                job.state.send_replace(State::Done);
            }
            Err(Fault::Interrupted) => {}
            Err(fault) => {
                tracing::error!(request = %job.request, %fault, "a job has failed");
                let problem = fault.problem();
                let bytes = serde_json::to_vec(&problem).expect("a problem is made of texts and numbers");
                if let Err(error) = job.folder.write(&Part::Failure, &bytes) {
                    // Then the next start tries the job again.
                    tracing::error!(request = %job.request, %error, "that a job failed could not be kept");
                }
                job.state.send_replace(State::Failed(problem));
            }
        }
    }

    /// How far a job of the caller's is.
    pub fn state(&self, request: &Digest, caller: &MemberId) -> Result<CrossJob, Problem> {
        Ok(self.find(request, caller)?.shown())
    }

    /// Cancels a job of the caller's and removes it, finished or not. One that computes ends with its chunk.
    pub async fn cancel(self: &Arc<Self>, request: &Digest, caller: &MemberId) -> Result<(), Problem> {
        let job = self.find(request, caller)?;
        let own = Arc::clone(self);
        let told = Arc::clone(&job);
        let tell = tokio::task::spawn_blocking(move || {
            let mut registry = own.registry();
            let finished = told.state.borrow().is_finished();
            told.order.send_replace(Order::Cancel);
            if finished {
                registry.forget(&told);
            }
        });
        tell.await.map_err(|_| Fault::Stopped.problem())?;
        // The sender is the job's own.
        let _ = job.state.subscribe().wait_for(|state| *state == State::Gone).await;
        tracing::info!(%request, "a job is cancelled");
        Ok(())
    }

    /// The outcome of a job of the caller's.
    pub async fn outcome(&self, request: &Digest, caller: &MemberId) -> Result<CrossOutcome, Problem> {
        let job = self.find(request, caller)?;
        let state = job.state.borrow().clone();
        match state {
            State::Done => {}
            State::Failed(problem) => return Err(problem),
            _ => return Err(NOT_DONE.problem("the job is not done yet")),
        }
        let folder = job.folder.clone();
        let read = tokio::task::spawn_blocking(move || folder.outcome()).await;
        match read.map_err(|_| Fault::Stopped.problem())? {
            Ok(Some(outcome)) => Ok(outcome),
            Ok(None) => Err(no_job()),
            Err(error) => Err(Fault::File(error).problem()),
        }
    }

    /// Has all jobs pause at their next chunk, and waits until they did.
    pub async fn pause(&self) {
        let unfinished: Vec<Arc<Job>> = self.registry().unfinished().map(Arc::clone).collect();
        for job in unfinished {
            job.order.send_if_modified(|order| {
                let going = *order == Order::GoOn;
                if going {
                    *order = Order::Pause;
                }
                going
            });
        }
        let mut tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        while tasks.join_next().await.is_some() {}
    }

    fn find(&self, request: &Digest, caller: &MemberId) -> Result<Arc<Job>, Problem> {
        let registry = self.registry();
        let job = registry.jobs.get(request).filter(|job| job.requester == *caller);
        job.map(Arc::clone).ok_or_else(no_job)
    }
}

/// Whether a job that is known is none to wait for: it failed, by what passes.
fn may_begin_again(job: &Job) -> bool {
    matches!(&*job.state.borrow(), State::Failed(problem) if problem.retry == Retry::Later)
}

/// What a folder says of its job.
fn kept_state(folder: &Folder) -> Result<State, FileError> {
    if folder.has(&Part::Outcome)? {
        return Ok(State::Done);
    }
    let failure = folder.read(&Part::Failure)?.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    Ok(failure.map_or(State::Queued, State::Failed))
}

fn busy(detail: &str) -> Problem {
    BUSY.problem(format!("{detail}; ask again in a while"))
}

fn no_job() -> Problem {
    NO_JOB.problem("there is no job of yours for that request")
}
