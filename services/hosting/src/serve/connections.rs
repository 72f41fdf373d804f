//! Which connections are open, and which of them waits for its peer longest.
//!
//! Kept true: at most so many are open, and of one address beyond this machine at most its share; a connection at which this
//! process is at work is not dismissed for another.
//!
//! Cost: a look at every connection for each one that comes while all places are taken.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use tokio::sync::Notify;

/// In place of a time: the connection is being served.
const SERVED: u64 = u64::MAX;

/// The open connections of one socket.
pub(crate) struct Connections {
    most: usize,
    of_one_address: usize,
    begun: Instant,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    next: u64,
    peers: HashMap<u64, Arc<Peer>>,
}

/// One connection's state.
pub(crate) struct Peer {
    address: IpAddr,
    begun: Instant,
    /// Microseconds after `begun` since when it waits for its peer, or [`SERVED`].
    waits_since_us: AtomicU64,
    dismissal: Notify,
}

/// A connection's place; given back when this goes.
pub(super) struct Entry {
    connections: Arc<Connections>,
    number: u64,
    peer: Arc<Peer>,
}

impl Connections {
    pub(crate) fn new(most: usize, of_one_address: usize) -> Self {
        Self { most, of_one_address, begun: Instant::now(), open: Mutex::default() }
    }

    /// Takes a place; if none is free, that of the connection that has waited for its peer longest. None if all are served.
    pub(super) fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Entry> {
        let mut open = self.open();
        if !address.is_loopback() {
            let has = open.peers.values().filter(|peer| peer.address == address).count();
            if has >= self.of_one_address && !open.dismiss(|peer| peer.address == address) {
                return None;
            }
        }
        if open.peers.len() >= self.most && !open.dismiss(|_| true) {
            return None;
        }
        let peer = Arc::new(Peer {
            address,
            begun: self.begun,
            waits_since_us: AtomicU64::new(SERVED),
            dismissal: Notify::new(),
        });
        peer.waits();
        let number = open.next;
        open.next += 1;
        open.peers.insert(number, Arc::clone(&peer));
        Some(Entry { connections: Arc::clone(self), number, peer })
    }

    /// How many are open.
    pub(crate) fn count(&self) -> usize {
        self.open().peers.len()
    }

    /// Dismisses the connection that has waited for its peer longest, if there is one.
    pub(super) fn make_room(&self) {
        self.open().dismiss(|_| true);
    }

    /// A thread that panicked while it held the lock has left a list that is right as far as it goes.
    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    /// Dismisses the one among those that has waited longest, and says whether there was one.
    fn dismiss(&mut self, among: impl Fn(&Peer) -> bool) -> bool {
        let waiting = self.peers.iter().filter(|(_, peer)| among(peer));
        let waiting = waiting.map(|(number, peer)| (peer.waits_since_us.load(Ordering::Relaxed), *number));
        let Some((_, number)) = waiting.filter(|(since, _)| *since != SERVED).min() else { return false };
        if let Some(peer) = self.peers.remove(&number) {
            peer.dismissal.notify_one();
        }
        true
    }
}

impl Peer {
    fn now_us(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(SERVED - 1)
    }

    /// This process is at work at it.
    pub(crate) fn is_served(&self) {
        self.waits_since_us.store(SERVED, Ordering::Relaxed);
    }

    /// From now on it is the peer's turn, unless it was already.
    pub(crate) fn waits(&self) {
        // Fails if it waits already, which then began earlier.
        let _ = self.waits_since_us.compare_exchange(SERVED, self.now_us(), Ordering::Relaxed, Ordering::Relaxed);
    }

    /// The peer has taken something of its answer.
    pub(super) fn takes(&self) {
        if self.waits_since_us.load(Ordering::Relaxed) != SERVED {
            self.waits_since_us.store(self.now_us(), Ordering::Relaxed);
        }
    }

    /// The address that it calls from.
    pub(crate) fn address(&self) -> IpAddr {
        self.address
    }

    /// Resolves when another takes its place.
    pub(super) async fn dismissed(&self) {
        self.dismissal.notified().await;
    }
}

impl Entry {
    pub(super) fn peer(&self) -> &Arc<Peer> {
        &self.peer
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.connections.open().peers.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_dismissed(entry: &Entry) -> bool {
        let mut dismissed = std::pin::pin!(entry.peer.dismissed());
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        dismissed.as_mut().poll(&mut context).is_ready()
    }

    fn later(entry: &Entry, us: u64) {
        entry.peer.waits_since_us.store(us, Ordering::Relaxed);
    }

    #[test]
    fn one_more_takes_the_place_of_the_one_that_waited_longest_and_never_of_one_at_work() {
        let connections = Arc::new(Connections::new(3, 2));
        let here = IpAddr::from([127, 0, 0, 1]);
        let [first, second, third] = [30, 20, 10].map(|since| {
            let entry = connections.enter(here).unwrap();
            later(&entry, since);
            entry
        });
        third.peer.is_served();
        let fourth = connections.enter(here).unwrap();
        assert_eq!([&first, &second, &third].map(is_dismissed), [false, true, false]);
        for entry in [&first, &fourth] {
            entry.peer.is_served();
        }
        assert!(connections.enter(here).is_none(), "all are at work");
        // The dismissed one's end gives no second place.
        drop(second);
        assert!(connections.enter(here).is_none());
        drop(first);
        assert!(connections.enter(here).is_some());
    }

    #[test]
    fn an_address_beyond_this_machine_has_its_share_and_takes_nobody_elses() {
        let connections = Arc::new(Connections::new(4, 2));
        let [there, elsewhere] = [IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2])];
        let other = connections.enter(elsewhere).unwrap();
        later(&other, 1);
        let own: Vec<Entry> = (0..2).map(|_| connections.enter(there).unwrap()).collect();
        later(&own[0], 5);
        later(&own[1], 9);
        let _third = connections.enter(there).unwrap();
        assert!(is_dismissed(&own[0]) && !is_dismissed(&own[1]) && !is_dismissed(&other));
        own[1].peer.is_served();
        _third.peer.is_served();
        assert!(connections.enter(there).is_none() && connections.enter(elsewhere).is_some());
    }

    #[test]
    fn taking_an_answer_begins_the_wait_anew_and_waiting_twice_does_not() {
        let connections = Arc::new(Connections::new(2, 2));
        let entry = connections.enter(IpAddr::from([127, 0, 0, 1])).unwrap();
        later(&entry, 0);
        entry.peer.waits();
        assert_eq!(entry.peer.waits_since_us.load(Ordering::Relaxed), 0);
        std::thread::sleep(std::time::Duration::from_millis(1));
        entry.peer.takes();
        assert!(entry.peer.waits_since_us.load(Ordering::Relaxed) > 0);
        entry.peer.is_served();
        entry.peer.takes();
        assert_eq!(entry.peer.waits_since_us.load(Ordering::Relaxed), SERVED);
    }
}
