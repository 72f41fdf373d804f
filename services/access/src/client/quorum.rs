//! As many good answers as it takes, from peers of which each can give one, though some of them fail, are slow or hang.
//!
//! Kept true: as many peers are asked at first as it takes. Each that fails is replaced by the next. Beside each that is late the
//! next is asked, and the late one's answer still counts if it comes first. So a peer that hangs costs what it takes to call it
//! late, and is named; a group that is slow for good reason is asked once more at most, and nobody is given up for being slow.
//!
//! A peer is late after [`LATE`], or earlier once others have answered: after thrice their time, and [`SOONEST`] at least. That is
//! not for one that says it is busy: the next would be no less so.
//!
//! Errors: those of the calls, by peer. How long a call may last is the caller's to bound. Cost: none beside the calls.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::{FutureExt as _, StreamExt as _, stream::FuturesUnordered};
use tokio::time::{Instant, sleep_until};

/// What is said of a peer that was late, and had not answered when enough others had.
pub const WAS_LATE: &str = "no answer when enough others had answered: it hangs, or is slow";
/// After how long a peer is late in any case.
pub const LATE: Duration = Duration::from_secs(2);
/// The least time after which it can be.
const SOONEST: Duration = Duration::from_millis(150);
/// How many times as long as the others it may take.
const SLOWER: u32 = 3;

/// What came of asking.
#[derive(Debug)]
pub struct Quorum<P, T, E> {
    /// As many as it takes, or all that there are if those are fewer.
    pub given: Vec<T>,
    /// The peers that failed, and how.
    pub failed: Vec<(P, E)>,
    /// Those that were late, and had not answered when enough others had.
    pub late: Vec<P>,
}

/// What is told while peers are asked.
#[derive(Debug)]
pub enum Heard<'a, P, E> {
    /// A peer gave what counts.
    Given(&'a P),
    /// It failed.
    Failed(&'a P, &'a E),
    /// It has not answered for that long; if there is another peer, that is asked beside it.
    Late(&'a P, Duration),
}

/// How a call says that its peer is busy, and so is not late before [`LATE`].
#[derive(Clone, Debug, Default)]
pub struct Busy(Arc<AtomicBool>);

impl Busy {
    /// The peer says so.
    pub fn said(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A peer that was asked.
struct Asked<P> {
    peer: P,
    since: Instant,
    busy: Busy,
    answered: bool,
    late: bool,
}

impl<P> Asked<P> {
    /// When it is late, if the others were so quick.
    fn deadline(&self, others: Option<Duration>) -> Instant {
        let others = others.filter(|_| !self.busy.0.load(Ordering::Relaxed));
        self.since + others.map_or(LATE, |others| (SLOWER * others).clamp(SOONEST, LATE))
    }
}

/// Asks the peers, in their order, until `needed` of them gave what counts or none is left.
pub async fn quorum<P: Clone, T, E, A: Future<Output = Result<T, E>>>(
    needed: usize,
    peers: impl IntoIterator<Item = P>,
    ask: impl Fn(P, Busy) -> A,
    mut hear: impl FnMut(Heard<'_, P, E>),
) -> Quorum<P, T, E> {
    let (mut given, mut failed) = (Vec::with_capacity(needed), Vec::new());
    let (mut waiting, mut asked, mut answers) = (peers.into_iter(), Vec::<Asked<P>>::new(), FuturesUnordered::new());
    // How many are asked next, and how long the slowest took that gave something.
    let (mut wanted, mut slowest) = (needed, None::<Duration>);
    loop {
        for peer in waiting.by_ref().take(wanted) {
            let (place, busy) = (asked.len(), Busy::default());
            answers.push(ask(peer.clone(), busy.clone()).map(move |answer| (place, answer)));
            asked.push(Asked { peer, since: Instant::now(), busy, answered: false, late: false });
        }
        if given.len() == needed || answers.is_empty() {
            break;
        }
        wanted = 0;
        let open = asked.iter().filter(|asked| !asked.answered && !asked.late);
        let deadline = open.map(|asked| asked.deadline(slowest)).min();
        let mut overdue = pin!(async {
            match deadline {
                Some(deadline) => sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        });
        tokio::select! {
            biased;
            Some((place, answer)) = answers.next() => {
                let asked = &mut asked[place];
                asked.answered = true;
                match answer {
                    Ok(good) => {
                        hear(Heard::Given(&asked.peer));
                        given.push(good);
                        slowest = slowest.max(Some(asked.since.elapsed()));
                    }
                    Err(error) => {
                        hear(Heard::Failed(&asked.peer, &error));
                        failed.push((asked.peer.clone(), error));
                        // One that was late has been replaced already.
                        wanted = usize::from(!asked.late);
                    }
                }
            }
            () = &mut overdue => {
                let open = asked.iter_mut().filter(|asked| !asked.answered && !asked.late);
                for asked in open.filter(|asked| asked.deadline(slowest) <= Instant::now()) {
                    asked.late = true;
                    hear(Heard::Late(&asked.peer, asked.since.elapsed()));
                    wanted += 1;
                }
            }
        }
    }
    let late = asked.into_iter().filter(|asked| asked.late && !asked.answered).map(|asked| asked.peer);
    Quorum { given, failed, late: late.collect() }
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, future::pending};

    use tokio::time::sleep;

    use super::*;

    /// What a peer does.
    #[derive(Clone, Copy)]
    enum Manner {
        Answers(u64),
        SaysBusy(u64),
        Fails(u64),
        Hangs,
    }

    use Manner::{Answers, Fails, Hangs, SaysBusy};

    struct Came {
        given: Vec<usize>,
        failed: Vec<usize>,
        late: Vec<usize>,
        /// In the order in which they were asked.
        asked: Vec<usize>,
    }

    /// Asks peers that take that many milliseconds.
    async fn ask(needed: usize, manners: &[Manner]) -> Came {
        let asked = RefCell::new(Vec::new());
        let peer = |peer: usize, busy: Busy| {
            asked.borrow_mut().push(peer);
            async move {
                match manners[peer] {
                    Answers(after_ms) => sleep(Duration::from_millis(after_ms)).await,
                    SaysBusy(after_ms) => {
                        busy.said();
                        sleep(Duration::from_millis(after_ms)).await;
                    }
                    Fails(after_ms) => return sleep(Duration::from_millis(after_ms)).map(Err).await,
                    Hangs => pending().await,
                }
                Ok(peer)
            }
        };
        let Quorum { given, failed, late } = quorum(needed, 0..manners.len(), peer, |_| ()).await;
        let failed = failed.into_iter().map(|(peer, ())| peer).collect();
        Came { given, failed, late, asked: asked.into_inner() }
    }

    #[tokio::test]
    async fn no_more_are_asked_than_it_takes_unless_one_fails_or_is_late() {
        let came = ask(2, &[Answers(10), Answers(20), Answers(1)]).await;
        assert_eq!((came.given, came.asked, came.late), (vec![0, 1], vec![0, 1], vec![]));
        let came = ask(2, &[Fails(1), Answers(300), Answers(1)]).await;
        assert_eq!((came.given, came.failed, came.asked), (vec![2, 1], vec![0], vec![0, 1, 2]));
        let came = ask(0, &[Answers(10)]).await;
        assert_eq!((came.given, came.asked), (vec![], vec![]));
    }

    #[tokio::test]
    async fn one_that_hangs_is_replaced_when_it_is_late_and_is_named() {
        let came = ask(2, &[Hangs, Answers(10), Answers(10)]).await;
        assert_eq!((came.given, came.late), (vec![1, 2], vec![0]));
        // Nobody's answer says how long one takes.
        let came = ask(1, &[Hangs, Hangs, Answers(10)]).await;
        assert_eq!((came.given, came.late), (vec![2], vec![0, 1]));
    }

    #[tokio::test]
    async fn one_that_is_slow_still_counts_and_work_that_takes_long_makes_nobody_late() {
        let came = ask(2, &[Answers(1_200), Answers(10), Hangs]).await;
        assert_eq!((came.given, came.asked), (vec![1, 0], vec![0, 1, 2]));
        assert!(!came.late.contains(&0), "{:?}", came.late);
        let came = ask(2, &[Answers(1_200), Answers(700), Answers(1)]).await;
        assert_eq!((came.given, came.asked), (vec![1, 0], vec![0, 1]));
        let came = ask(2, &[SaysBusy(1_200), Answers(1), Answers(1)]).await;
        assert_eq!((came.given, came.asked), (vec![1, 0], vec![0, 1]), "the others are no less busy");
    }

    #[tokio::test]
    async fn each_that_fails_or_is_late_is_replaced_once_while_there_are_others() {
        // The first is replaced when it is late, and not once more when it fails.
        let came = ask(1, &[Fails(3_000), Hangs, Answers(1_500), Answers(1)]).await;
        assert_eq!((came.given, came.failed, came.asked), (vec![2], vec![0], vec![0, 1, 2]));
        assert_eq!(came.late, [1]);
        let came = ask(2, &[Fails(1), Fails(1), Answers(1)]).await;
        assert_eq!((came.given, came.failed, came.late), (vec![2], vec![0, 1], vec![]), "it takes two");
    }
}
