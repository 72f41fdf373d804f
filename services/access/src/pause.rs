//! Pauses between attempts: each twice as long as the one before up to the longest, and shortened at random by up to half,
//! so that those who failed together do not come back together.
//!
//! No errors; without randomness the pauses are whole. Cost: none.

use std::time::Duration;

use getrandom::{SysRng, rand_core::TryRng as _};

/// The pauses of something that is tried again and again.
#[derive(Clone, Copy, Debug)]
pub struct Pauses {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl Pauses {
    /// From the first to the longest.
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, next: first }
    }

    /// After a success: the next pause is the first again.
    pub fn begin_again(&mut self) {
        self.next = self.first;
    }

    /// How long to wait after another failure; not shorter than the other side asks for, nor longer than the longest.
    pub fn after(&mut self, asked: Option<Duration>) -> Duration {
        let pause = self.next;
        self.next = (self.next * 2).min(self.longest);
        let part = SysRng.try_next_u32().map_or(1.0, |random| 0.5 + f64::from(random) / f64::from(u32::MAX) / 2.0);
        pause.mul_f64(part).max(asked.unwrap_or_default()).min(self.longest)
    }

    /// Waits that long.
    pub async fn wait(&mut self, asked: Option<Duration>) {
        tokio::time::sleep(self.after(asked)).await;
    }
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
                assert!(whole / 2 <= pause && pause <= whole, "{attempt}: {pause:?}");
            }
            pauses.begin_again();
        }
        assert_eq!(pauses.after(Some(Duration::from_secs(3))), Duration::from_secs(3));
        assert_eq!(pauses.after(Some(Duration::from_secs(3_600))), longest);
        let spread: std::collections::BTreeSet<Duration> = (0..40).map(|_| pauses.after(None)).collect();
        assert!(spread.len() > 1, "all pauses are alike");
    }
}
