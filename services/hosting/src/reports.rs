//! What is refused, counted by reason; what is refused for load is said once a second, however often it happens.
//!
//! Kept true: a flood of refusals makes one line a second. Reasons are words of the program: nothing that a peer sent is one.
//!
//! No errors. Cost: a lock and a counter a refusal.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io,
    sync::{Mutex, MutexGuard, PoisonError},
};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

/// Why something was refused.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: String,
}

/// What was refused.
#[derive(Default)]
pub(crate) struct Reports {
    counted: Family<Reason, Counter>,
    unsaid: Mutex<Unsaid>,
}

/// What is not said yet.
#[derive(Default)]
struct Unsaid {
    for_load: BTreeMap<String, u64>,
    /// The last handshake that failed, in the words of the library.
    handshake: Option<String>,
}

impl Reports {
    /// Counts a refusal, and says it with the next line.
    pub(crate) fn refused(&self, reason: &str) {
        self.count(reason);
        *self.unsaid().for_load.entry(reason.to_owned()).or_default() += 1;
    }

    /// Counts a refusal that is the caller's own fault: nothing is said of it.
    pub(crate) fn count(&self, reason: &str) {
        self.counted.get_or_create(&Reason { reason: reason.to_owned() }).inc();
    }

    pub(crate) fn handshake_failed(&self, error: &io::Error) {
        // A peer that connects and goes, as a probe does or a client that another answered first, is no failure.
        let went = [io::ErrorKind::UnexpectedEof, io::ErrorKind::ConnectionReset, io::ErrorKind::BrokenPipe];
        if !went.contains(&error.kind()) {
            self.refused("tls-handshake");
            self.unsaid().handshake = Some(error.to_string());
        }
    }

    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register("refusals", "Calls and connections that were refused, by reason", self.counted.clone());
    }

    /// Says what was refused since the last time.
    pub(crate) fn say(&self) {
        let Unsaid { for_load, handshake } = std::mem::take(&mut *self.unsaid());
        if for_load.is_empty() {
            return;
        }
        let mut counts = String::new();
        for (reason, count) in for_load {
            // Writing to a string cannot fail.
            let _ = write!(counts, "{}{count} {reason}", if counts.is_empty() { "" } else { ", " });
        }
        match handshake {
            Some(last) => tracing::warn!(last_handshake = last, "refused in the last second: {counts}"),
            None => tracing::warn!("refused in the last second: {counts}"),
        }
    }

    /// A panic while it was held leaves counts that are right as far as they go.
    fn unsaid(&self) -> MutexGuard<'_, Unsaid> {
        self.unsaid.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
