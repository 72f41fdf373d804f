//! The time that months close by and rounds wait by.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

/// A clock.
#[derive(Clone, Copy, Debug)]
pub struct Clock(Kind);

#[derive(Clone, Copy, Debug)]
enum Kind {
    System,
    Scaled { start: Timestamp, begun: Instant, factor: u32 },
}

impl Clock {
    /// The system's.
    pub const fn system() -> Self {
        Self(Kind::System)
    }

    /// One that begins at that time and goes so many times as fast.
    pub fn scaled(start: Timestamp, factor: u32) -> Self {
        Self(Kind::Scaled { start, begun: Instant::now(), factor: factor.max(1) })
    }

    /// The time it shows.
    pub fn now(&self) -> Timestamp {
        match self.0 {
            Kind::System => Timestamp::now(),
            Kind::Scaled { start, begun, factor } => {
                let passed = begun.elapsed().saturating_mul(factor);
                SignedDuration::try_from(passed).ok().and_then(|passed| start.checked_add(passed).ok()).unwrap_or(start)
            }
        }
    }

    /// What it makes of a span of the monotonic clock.
    pub(super) fn scale(&self, span: Duration) -> Duration {
        match self.0 {
            Kind::System => span,
            Kind::Scaled { factor, .. } => span.saturating_mul(factor),
        }
    }

    /// Waits until it shows that much more.
    pub(super) async fn sleep(&self, time: Duration) {
        let factor = match self.0 {
            Kind::System => 1,
            Kind::Scaled { factor, .. } => factor,
        };
        tokio::time::sleep(time / factor).await;
    }
}
