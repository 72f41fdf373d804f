//! What a gateway says of itself to its operator: what it lacks, and its metrics.
//!
//! | metric | |
//! |---|---|
//! | `nacre_gateway_waiting_months` | people's months that wait for their time, or for being sealed |
//! | `nacre_gateway_records{state}` | records by where they stand |
//! | `nacre_gateway_set_aside` | what is left out until somebody looks at it |
//! | `nacre_gateway_failures` | rounds in a row that ended in an error |
//! | `nacre_gateway_clock_lead_seconds` | by how much this clock is ahead of the exchange's; beyond 300 no month is closed |

use std::sync::Arc;

use futures::future::BoxFuture;
use nacre_hosting::{
    Gauges,
    host::{Host, Hosted},
    ready::Lack,
};

use super::{Status, spool::Spool, status};
use crate::outbox::OutboxError;

/// Rounds in a row that may fail before posting is said to be lacking.
const FAILURES: u32 = 3;

/// The gateway as its host sees it.
pub(super) struct Seen {
    spool: Arc<Spool>,
    waiting_months: Gauges,
    records: Gauges,
    set_aside: Gauges,
    failures: Gauges,
    clock_lead: Gauges,
}

impl Seen {
    pub(super) fn by(host: &Host, spool: Arc<Spool>) -> Self {
        let gauge = |name, help| host.gauges(name, help, &[]);
        Self {
            spool,
            waiting_months: gauge(
                "gateway_waiting_months",
                "People's months that wait for their time, or for being sealed",
            ),
            records: host.gauges("gateway_records", "Records by where they stand", &["state"]),
            set_aside: gauge("gateway_set_aside", "What is left out until somebody looks at it: an alarm"),
            failures: gauge("gateway_failures", "Rounds in a row that ended in an error"),
            clock_lead: gauge(
                "gateway_clock_lead_seconds",
                "By how much this machine's clock is ahead of the exchange's; beyond 300 either way no month is closed",
            ),
        }
    }

    async fn status(&self) -> Result<Status, OutboxError> {
        status::of(&self.spool.outbox, &self.spool.sealer.config.chain).await
    }
}

impl Hosted for Seen {
    fn lacks(&self) -> BoxFuture<'_, Vec<Lack>> {
        Box::pin(async {
            let status = match self.status().await {
                Ok(status) => status,
                Err(error) => return vec![Lack::new("store", error)],
            };
            let posting = &status.posting;
            let fails = (posting.failures >= FAILURES).then(|| {
                let why = posting.last_error.as_deref().unwrap_or("see the log");
                Lack::new("posting", format!("{} rounds in a row failed: {why}", posting.failures))
            });
            let clock = posting.clock_problem().map(|why| Lack::new("clock", why));
            fails.into_iter().chain(clock).collect()
        })
    }

    fn observe(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            // What cannot be read is told by readiness.
            let Ok(status) = self.status().await else { return };
            self.waiting_months.set(&[], status.waiting_months as f64);
            for (state, count) in [
                ("queued", status.queued),
                ("posted", status.posted),
                ("sealed", status.sealed),
                ("refused", status.refused),
                ("erased", status.erased),
            ] {
                self.records.set(&[state], count as f64);
            }
            self.set_aside.set(&[], status.set_aside.iter().map(|one| one.count).sum::<u64>() as f64);
            self.failures.set(&[], f64::from(status.posting.failures));
            if let Some(lead_s) = status.posting.clock_lead_s {
                self.clock_lead.set(&[], lead_s as f64);
            }
        })
    }
}
