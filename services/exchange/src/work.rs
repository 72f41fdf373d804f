//! Work that keeps a core busy (proofs, sums of points) runs on rayon, away from the threads that serve sockets.
//!
//! Kept true: a queue holds a bounded number of requests, those at work included; one that finds it full is told so
//! at once ([`Refusal::Busy`]) and nothing of it is kept. A place is given back when its work has ended, not when its
//! client has gone. A panic ends the one piece of work and not the process.
//!
//! Cost: a hand-over between threads, some microseconds a piece.

mod together;

use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

pub(crate) use together::Together;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::{
    error::{Error, ExchangeError},
    refusal::Refusal,
};

/// A bounded number of places.
#[derive(Clone, Debug)]
pub(crate) struct Queue {
    size: usize,
    places: Arc<Semaphore>,
}

/// A place in a queue, for as long as a request needs it.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    permit: Arc<OwnedSemaphorePermit>,
}

impl Queue {
    /// A queue of that many places.
    pub(crate) fn new(places: usize) -> Self {
        Self { size: places, places: Arc::new(Semaphore::new(places)) }
    }

    /// Places that are taken.
    pub(crate) fn taken(&self) -> usize {
        self.size - self.places.available_permits()
    }

    /// Takes a place, if one is free.
    pub(crate) fn enter(&self) -> Result<Place, Refusal> {
        let permit = Arc::clone(&self.places).try_acquire_owned().map_err(|_| Refusal::Busy)?;
        Ok(Place { permit: Arc::new(permit) })
    }
}

impl Place {
    /// Runs a piece of work on rayon. Without whoever asked for it, it still runs to its end.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ExchangeError> {
        let permit = Arc::clone(&self.permit);
        let (sender, receiver) = oneshot::channel();
        rayon::spawn(move || {
            // What the work had captured is dropped with it: nothing half-changed can be seen afterwards.
            if let Ok(result) = catch_unwind(AssertUnwindSafe(work)) {
                // An error means that nobody waits any more.
                let _ = sender.send(result);
            }
            drop(permit);
        });
        receiver.await.map_err(|_| ExchangeError::Panicked)
    }
}

/// Runs a sequence of writes to its end even if the client goes away in the middle of it.
pub(crate) async fn to_the_end<T: Send + 'static>(
    writes: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    tokio::spawn(writes).await.map_err(|_| ExchangeError::Panicked)?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_queue_says_so_and_a_place_comes_free_when_its_work_ends() {
        let queue = Queue::new(1);
        let place = queue.enter().unwrap();
        assert!(matches!(queue.enter(), Err(Refusal::Busy)));
        assert_eq!(place.run(|| 7).await.unwrap(), 7);
        let (release, held) = std::sync::mpsc::channel::<()>();
        let waiting = tokio::spawn(async move { place.run(move || held.recv().is_ok()).await });
        tokio::task::yield_now().await;
        waiting.abort();
        assert!(waiting.await.is_err());
        assert!(queue.enter().is_err(), "the client has gone, the work has not");
        release.send(()).unwrap();
        while queue.enter().is_err() {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_panic_ends_the_work_and_not_the_process() {
        let queue = Queue::new(1);
        let place = queue.enter().unwrap();
        let result = place.run(|| assert!(std::hint::black_box(false), "expected in this test")).await;
        assert!(matches!(result, Err(ExchangeError::Panicked)));
        drop(place);
        while queue.enter().is_err() {
            tokio::task::yield_now().await;
        }
    }
}
