//! Work that costs less for many pieces at once than for one after the other: what comes while a group is worked at
//! makes up the next.
//!
//! Kept true: groups are worked at one after the other, pieces in the order they came; a piece that comes while nothing
//! is done waits for nothing; each gets its own answer. A piece whose asker has gone before its group is taken up is left
//! out; one whose group has begun is worked at to the end. A panic ends the group and not those after it: its askers are
//! told [`ExchangeError::Panicked`].
//!
//! It is bounded by who asks: each asker has a [`super::Place`], or is one of a bounded number.
//!
//! Cost: a hand-over between tasks there and back, some microseconds.

use std::future::Future;

use tokio::sync::{mpsc, oneshot};

use crate::error::ExchangeError;

/// Where pieces gather, and are handed to one task.
#[derive(Debug)]
pub(crate) struct Together<I, O> {
    waiting: mpsc::UnboundedSender<Waiting<I, O>>,
}

/// A piece, and who waits for its answer.
#[derive(Debug)]
struct Waiting<I, O> {
    piece: I,
    asker: oneshot::Sender<O>,
}

impl<I: Send + 'static, O: Send + 'static> Together<I, O> {
    /// Starts the task. `work` answers each piece of a group, in order; `size` says how much of `limit`, a group's size at
    /// which it takes no more, a piece makes up. It ends when this is dropped.
    pub(crate) fn start<F>(limit: usize, size: fn(&I) -> usize, work: impl Fn(Vec<I>) -> F + Send + 'static) -> Self
    where
        F: Future<Output = Vec<O>> + Send + 'static,
    {
        let (waiting, mut queue) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Some((pieces, askers)) = next_group(&mut queue, limit, size).await {
                // A task of its own, so that a panic ends it alone.
                let answers = tokio::spawn(work(pieces)).await.unwrap_or_default();
                for (asker, answer) in askers.into_iter().zip(answers) {
                    // An error means that nobody waits any more.
                    let _ = asker.send(answer);
                }
            }
        });
        Self { waiting }
    }

    /// Has the piece worked at with what else is there, and gives its answer.
    pub(crate) async fn run(&self, piece: I) -> Result<O, ExchangeError> {
        let (asker, answer) = oneshot::channel();
        self.waiting.send(Waiting { piece, asker }).map_err(|_| ExchangeError::Panicked)?;
        answer.await.map_err(|_| ExchangeError::Panicked)
    }
}

/// Waits for a piece, then takes what else is there up to the limit; none when nobody can ask any more.
async fn next_group<I, O>(
    queue: &mut mpsc::UnboundedReceiver<Waiting<I, O>>,
    limit: usize,
    size: fn(&I) -> usize,
) -> Option<(Vec<I>, Vec<oneshot::Sender<O>>)> {
    let (mut pieces, mut askers, mut sizes) = (Vec::new(), Vec::new(), 0);
    let mut next = Some(queue.recv().await?);
    while let Some(Waiting { piece, asker }) = next {
        if !asker.is_closed() {
            sizes += size(&piece);
            pieces.push(piece);
            askers.push(asker);
        }
        next = if sizes < limit { queue.try_recv().ok() } else { None };
    }
    Some((pieces, askers))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::Semaphore;

    use super::*;

    /// Answers each number with its group; the groups start as the semaphore lets them. A 13 panics.
    fn grouping(limit: usize, start: &Arc<Semaphore>) -> Arc<Together<usize, Vec<usize>>> {
        let start = Arc::clone(start);
        Arc::new(Together::start(
            limit,
            |piece| *piece,
            move |pieces: Vec<usize>| {
                let start = Arc::clone(&start);
                async move {
                    start.acquire().await.unwrap().forget();
                    assert!(!pieces.contains(&13), "expected in this test");
                    vec![pieces.clone(); pieces.len()]
                }
            },
        ))
    }

    type Asked = tokio::task::JoinHandle<Result<Vec<usize>, ExchangeError>>;

    /// Asks for each piece, and lets each be queued before the next.
    async fn ask(together: &Arc<Together<usize, Vec<usize>>>, pieces: &[usize]) -> Vec<Asked> {
        let mut asked = Vec::new();
        for piece in pieces.iter().copied() {
            let together = Arc::clone(together);
            asked.push(tokio::spawn(async move { together.run(piece).await }));
            for _ in 0..8 {
                tokio::task::yield_now().await;
            }
        }
        asked
    }

    async fn answers(asked: Vec<Asked>) -> Vec<Option<Vec<usize>>> {
        let mut answers = Vec::new();
        for asked in asked {
            answers.push(asked.await.unwrap().ok());
        }
        answers
    }

    #[tokio::test]
    async fn what_comes_while_a_group_is_worked_at_is_the_next_up_to_the_limit() {
        let start = Arc::new(Semaphore::new(0));
        let together = grouping(10, &start);
        let asked = ask(&together, &[1, 2, 3, 4, 5, 6]).await;
        start.add_permits(3);
        let group = |pieces: &[usize]| Some(pieces.to_vec());
        // 1 waited for nothing; 2, 3, 4 are 9, so one more joins.
        let second = group(&[2, 3, 4, 5]);
        let expected = [group(&[1]), second.clone(), second.clone(), second.clone(), second, group(&[6])];
        assert_eq!(answers(asked).await, expected);
    }

    #[tokio::test]
    async fn a_panic_ends_its_group_and_not_the_next() {
        let start = Arc::new(Semaphore::new(0));
        let together = grouping(10, &start);
        let asked = ask(&together, &[1, 2, 13, 4]).await;
        start.add_permits(3);
        assert_eq!(answers(asked).await, [Some(vec![1]), None, None, Some(vec![4])]);
    }

    #[tokio::test]
    async fn a_piece_whose_asker_has_gone_is_left_out() {
        let start = Arc::new(Semaphore::new(0));
        let together = grouping(10, &start);
        let mut asked = ask(&together, &[1, 2, 3]).await;
        asked.remove(1).abort();
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
        start.add_permits(2);
        assert_eq!(answers(asked).await, [Some(vec![1]), Some(vec![3])]);
    }
}
