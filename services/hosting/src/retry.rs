//! Pauses between attempts: each twice as long as the one before up to the longest, and shortened at random by up to half,
//! so that those who failed together do not come back together. For what is tried for as long as a role runs, where
//! `backon`'s own loops end: it begins again after each success, and hears what the other side asks for.
//!
//! No errors. Cost: none.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};

/// The pauses of something that is tried again and again.
#[derive(Debug)]
pub struct Pauses {
    builder: ExponentialBuilder,
    longest: Duration,
    /// From the last success on.
    next: Option<ExponentialBackoff>,
}

impl Pauses {
    /// From the first to the longest.
    pub const fn new(first: Duration, longest: Duration) -> Self {
        // What is added at random is up to as much again: so these are the shortest that each can come to.
        let builder = ExponentialBuilder::new().with_min_delay(half(first)).with_max_delay(half(longest));
        Self { builder: builder.with_jitter().without_max_times(), longest, next: None }
    }

    /// After a success: the next pause is the first again.
    pub fn begin_again(&mut self) {
        self.next = None;
    }

    /// How long to wait after another failure; not shorter than the other side asks for, nor longer than the longest.
    pub fn after(&mut self, asked: Option<Duration>) -> Duration {
        let next = self.next.get_or_insert_with(|| self.builder.build());
        // They do not end.
        let pause = next.next().unwrap_or(self.longest);
        pause.max(asked.unwrap_or_default()).min(self.longest)
    }

    /// Waits that long.
    pub async fn wait(&mut self, asked: Option<Duration>) {
        tokio::time::sleep(self.after(asked)).await;
    }
}

const fn half(time: Duration) -> Duration {
    time.checked_div(2).expect("two is not zero")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_are_spread_and_bounded_and_begin_again() {
        let (first, longest) = (Duration::from_millis(100), Duration::from_secs(10));
        let mut pauses = Pauses::new(first, longest);
        for _ in 0..2 {
            for attempt in 0..100 {
                let whole = first.saturating_mul(1 << attempt.min(16)).min(longest);
                let pause = pauses.after(None);
                // The factor is a floating-point number.
                let slack = Duration::from_micros(1);
                assert!(whole / 2 <= pause + slack && pause <= whole + slack, "{attempt}: {pause:?}");
            }
            pauses.begin_again();
        }
        assert_eq!(pauses.after(Some(Duration::from_secs(3))), Duration::from_secs(3));
        assert_eq!(pauses.after(Some(Duration::from_secs(3_600))), longest);
        let spread: std::collections::BTreeSet<Duration> = (0..40).map(|_| pauses.after(None)).collect();
        assert!(spread.len() > 1, "all pauses are alike");
    }
}
