//! The time that months close by and rounds wait by.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

/// A clock.
#[derive(Clone, Copy, Debug)]
pub struct Clock(Kind);

#[derive(Clone, Copy, Debug)]
enum Kind {
    System,
    Wrong(SignedDuration),
    Scaled { start: Timestamp, begun: Instant, factor: u32 },
}

impl Clock {
    /// The system's.
    pub const fn system() -> Self {
        Self(Kind::System)
    }

    /// The system's, if it were ahead of what it is by that much.
    pub const fn wrong(ahead: SignedDuration) -> Self {
        Self(Kind::Wrong(ahead))
    }

    /// One that begins at that time and goes so many times as fast. It is as right as the system's: that is what is compared
    /// with another's clock in its place.
    pub fn scaled(start: Timestamp, factor: u32) -> Self {
        Self(Kind::Scaled { start, begun: Instant::now(), factor: factor.max(1) })
    }

    /// The time it shows.
    pub fn now(&self) -> Timestamp {
        match self.0 {
            Kind::System | Kind::Wrong(_) => self.compared(),
            Kind::Scaled { start, begun, factor } => {
                let passed = begun.elapsed().saturating_mul(factor);
                SignedDuration::try_from(passed).ok().and_then(|passed| start.checked_add(passed).ok()).unwrap_or(start)
            }
        }
    }

    /// The time to compare with what another's clock shows.
    pub(super) fn compared(&self) -> Timestamp {
        let now = Timestamp::now();
        match self.0 {
            Kind::Wrong(ahead) => now.checked_add(ahead).unwrap_or(now),
            Kind::System | Kind::Scaled { .. } => now,
        }
    }

    /// What it makes of a span of the monotonic clock.
    pub(super) fn scale(&self, span: Duration) -> Duration {
        match self.0 {
            Kind::System | Kind::Wrong(_) => span,
            Kind::Scaled { factor, .. } => span.saturating_mul(factor),
        }
    }

    /// Waits until it shows that much more.
    pub(super) async fn sleep(&self, time: Duration) {
        let factor = match self.0 {
            Kind::System | Kind::Wrong(_) => 1,
            Kind::Scaled { factor, .. } => factor,
        };
        tokio::time::sleep(time / factor).await;
    }
}
