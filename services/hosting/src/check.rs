//! What a server would do with its configuration, and what it lacks: found out without serving.
//!
//! Kept true: nothing is changed, made or taken; no secret is in a finding.

use std::{
    fmt::Display,
    path::Path,
    time::{Duration, SystemTime},
};

use serde::Serialize;

use crate::{
    host,
    server::{Listeners, ServerConfig},
    tls::{ClientTlsConfig, ServerTls},
};

/// What was looked at, and what was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub what: String,
    /// Whether it will do.
    pub will_do: bool,
    /// What was found, and what to do if it will not do.
    pub found: String,
}

/// All that was looked at.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Check {
    /// In the order in which it was looked at.
    pub findings: Vec<Finding>,
}

impl Check {
    /// Something that will do.
    pub fn holds(&mut self, what: impl Display, found: impl Display) {
        self.findings.push(Finding { what: what.to_string(), will_do: true, found: found.to_string() });
    }

    /// Something that will not do.
    pub fn lacks(&mut self, what: impl Display, why: impl Display) {
        self.findings.push(Finding { what: what.to_string(), will_do: false, found: why.to_string() });
    }

    /// Something that was read: what is said of it, or why it cannot be used. None, if it cannot.
    pub fn read<T, E: Display>(
        &mut self,
        what: impl Display,
        read: Result<T, E>,
        say: impl FnOnce(&T) -> String,
    ) -> Option<T> {
        match read {
            Ok(value) => {
                self.holds(what, say(&value));
                Some(value)
            }
            Err(error) => {
                self.lacks(what, error);
                None
            }
        }
    }

    /// Whether nothing is lacking.
    pub fn is_ready(&self) -> bool {
        self.findings.iter().all(|finding| finding.will_do)
    }

    /// The sockets, and what they show.
    pub async fn server(&mut self, config: &ServerConfig) {
        let Some(listeners) = self.read("listen", Listeners::bind(config).await, |_| listens(config)) else { return };
        let address = listeners.address();
        drop(listeners);
        match (&config.tls, address) {
            (Some(tls), _) => {
                if let Some(tls) = self.read("certificate", ServerTls::open(tls), |_| "read, with its key".to_owned()) {
                    self.certificate(tls.expires_at());
                }
            }
            (None, Ok(address)) if !address.ip().is_loopback() && !config.insecure_http => {
                self.lacks("TLS", host::HostError::Insecure(address));
            }
            (None, _) => self.holds("TLS", "none: plain HTTP"),
        }
    }

    fn certificate(&mut self, expires_at: SystemTime) {
        let what = "certificate's end";
        match expires_at.duration_since(SystemTime::now()).map(days) {
            Err(_) => self.lacks(what, "it has expired: clients will refuse this server; renew it"),
            Ok(left) if left < 30 => self.holds(what, format!("in {left} days: renew it soon")),
            Ok(left) => self.holds(what, format!("in {left} days")),
        }
    }

    /// How servers are called.
    pub fn client_tls(&mut self, config: &ClientTlsConfig) {
        if !config.is_default() {
            self.read("TLS of calls", config.read(), |_| "read".to_owned());
        }
    }

    /// A folder that the server keeps its state in, with room on its disk.
    pub fn folder(&mut self, what: &str, path: &Path, least_free_mib: u64) {
        let shown = path.display();
        match std::fs::metadata(path) {
            Ok(found) if !found.is_dir() => return self.lacks(what, format!("{shown} is no folder")),
            Ok(_) => self.holds(what, format!("{shown} is there")),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                self.holds(what, format!("{shown} is not there yet, and will be made"));
            }
            Err(error) => return self.lacks(what, format!("{shown}: {error}")),
        }
        match host::free_bytes(path).map(|free| free >> 20) {
            Some(free) if free < least_free_mib => {
                self.lacks(
                    "disk",
                    format!("{free} MiB free at {shown}, less than {least_free_mib} (`least-free-mib`)"),
                );
            }
            Some(free) => self.holds("disk", format!("{free} MiB free at {shown}")),
            None => self.lacks("disk", format!("{shown}: its disk cannot be looked at")),
        }
    }
}

fn listens(config: &ServerConfig) -> String {
    match &config.metrics {
        Some(metrics) => format!("{}; metrics at {metrics}", config.listen),
        None => format!("{}; no metrics (`metrics` in `[server]`)", config.listen),
    }
}

fn days(left: Duration) -> u64 {
    left.as_secs() / 86_400
}
