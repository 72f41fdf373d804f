//! What a server looks at while it serves: its certificate's files, its folder, its disk, the hang-up signal.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Shared;

/// How often what was refused is said.
const ROUND: Duration = Duration::from_secs(1);
/// How often certificates are looked at, in rounds.
const CERTIFICATES_EVERY: u64 = 5;
/// How often the data folder is measured, in rounds.
const MEASURE_EVERY: u64 = 60;
/// How long before a certificate's end it is warned of.
const WARN_BEFORE: Duration = Duration::from_secs(30 * 86_400);
/// How often it is.
const WARN_EVERY: Duration = Duration::from_secs(86_400);

/// Looks at what changes beside the requests.
pub(super) struct Watch {
    shared: Arc<Shared>,
    hang_up: Signal,
    warned: Option<Instant>,
    /// What was wrong with the certificate's files last, so that it is said once.
    fault: Option<String>,
}

impl Watch {
    pub(super) fn new(shared: Arc<Shared>) -> io::Result<Self> {
        Ok(Self { shared, hang_up: signal(SignalKind::hangup())?, warned: None, fault: None })
    }

    pub(super) async fn run(mut self) {
        let mut rounds = tokio::time::interval(ROUND);
        rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut round = 0;
        loop {
            tokio::select! {
                told = self.hang_up.recv() => {
                    if told.is_some() {
                        tracing::warn!("told to read its certificate anew");
                        self.fault = None;
                        self.look_at_certificate();
                    }
                }
                _ = rounds.tick() => {
                    self.shared.reports.say();
                    if round % CERTIFICATES_EVERY == 0 {
                        self.look_at_certificate();
                    }
                    if round % MEASURE_EVERY == 0 {
                        self.measure().await;
                        if let Some(load) = self.shared.opened().and_then(|opened| opened.load.clone()) {
                            load.forget();
                        }
                    }
                    round += 1;
                }
            }
        }
    }

    /// Reads the certificate's files, and warns of its end.
    fn look_at_certificate(&mut self) {
        let Some(tls) = &self.shared.tls else { return };
        match tls.reload() {
            Ok(true) => {
                (self.fault, self.warned) = (None, None);
                tracing::warn!("its certificate or client CA changed: new connections get the new one");
            }
            Ok(false) => self.fault = None,
            Err(error) => {
                let error = error.to_string();
                if self.fault.as_ref() != Some(&error) {
                    tracing::error!(error, "the certificate cannot be read anew: the one before is served on");
                    self.fault = Some(error);
                }
            }
        }
        let expires_at = tls.expires_at();
        let seconds = expires_at.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        self.shared.metrics.certificate_expires(seconds);
        let left = expires_at.duration_since(SystemTime::now()).unwrap_or_default();
        if left < WARN_BEFORE && self.warned.is_none_or(|warned| warned.elapsed() >= WARN_EVERY) {
            self.warned = Some(Instant::now());
            match left.as_secs() / 86_400 {
                0 if left.is_zero() => tracing::error!("the certificate has expired: clients refuse this server"),
                days => tracing::warn!(days, "the certificate expires soon: put a new one in its place"),
            }
        }
    }

    async fn measure(&self) {
        let data = self.shared.data.clone();
        let measured = tokio::task::spawn_blocking(move || (size_bytes(&data), free_bytes(&data))).await;
        if let Ok((size, free)) = measured {
            self.shared.metrics.measured(Some(size), free);
        }
    }
}

/// Room for this process on the folder's disk; of the nearest folder above it that is there.
pub(crate) fn free_bytes(folder: &Path) -> Option<u64> {
    let found = folder.ancestors().find_map(|folder| rustix::fs::statvfs(folder).ok())?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

/// The size of all files in a folder, and below.
fn size_bytes(folder: &Path) -> u64 {
    let (mut size, mut folders) = (0_u64, vec![PathBuf::from(folder)]);
    while let Some(folder) = folders.pop() {
        // What goes while it is measured is not counted.
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(found) if found.is_dir() => folders.push(entry.path()),
                Ok(found) => size = size.saturating_add(found.len()),
                Err(_) => {}
            }
        }
    }
    size
}
