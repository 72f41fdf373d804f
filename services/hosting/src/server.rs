//! How a server is reached: the table `[server]` of every role that serves.

use std::{io, net::SocketAddr};

use serde::{Deserialize, Serialize};
use tokio::{net::TcpListener, sync::watch};

use crate::{config::ConfigPath, tls::ServerTlsConfig};

/// Room on the data folder's disk under which a server is not ready, in MiB, unless the configuration says otherwise.
const LEAST_FREE_MIB: u64 = 1_024;

/// How a server is reached.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ServerConfig {
    /// Address to listen on, as `127.0.0.1:7200`.
    pub listen: String,
    /// Address of `/metrics`, as `127.0.0.1:9200`: another than the callers'. None are given if absent.
    pub metrics: Option<String>,
    /// TLS, which is needed beyond this machine, unless `insecure-http` is set.
    pub tls: Option<ServerTlsConfig>,
    /// Serve by plain HTTP beyond this machine: behind a proxy that does TLS, on a network of its own.
    #[serde(default, skip_serializing_if = "is_false")]
    pub insecure_http: bool,
    /// Room on the disk of the data folder under which the server is not ready, in MiB.
    #[serde(default = "least_free_mib", skip_serializing_if = "is_least_free_mib")]
    pub least_free_mib: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_false(set: &bool) -> bool {
    !set
}

fn least_free_mib() -> u64 {
    LEAST_FREE_MIB
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_least_free_mib(set: &u64) -> bool {
    *set == LEAST_FREE_MIB
}

impl ServerConfig {
    /// One that listens at that address, and has nothing else set.
    pub fn at(listen: impl Into<String>) -> Self {
        Self { listen: listen.into(), metrics: None, tls: None, insecure_http: false, least_free_mib: LEAST_FREE_MIB }
    }

    /// The same with a certificate.
    #[must_use]
    pub fn with_tls(mut self, certificate: ConfigPath, key: ConfigPath) -> Self {
        self.tls = Some(ServerTlsConfig { certificate, key, client_ca: None });
        self
    }
}

/// Why a server cannot be reached.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} (`{setting}` in `[server]`): {source}")]
pub struct ListenError {
    address: String,
    setting: &'static str,
    source: io::Error,
}

/// A server's sockets.
#[derive(Debug)]
pub struct Listeners {
    pub(crate) callers: TcpListener,
    pub(crate) metrics: Option<TcpListener>,
    pub(crate) opened: watch::Sender<bool>,
}

impl Listeners {
    /// Listens where the configuration says.
    pub async fn bind(config: &ServerConfig) -> Result<Self, ListenError> {
        let listen = async |setting, address: &str| {
            let bound = TcpListener::bind(address).await;
            bound.map_err(|source| ListenError { address: address.to_owned(), setting, source })
        };
        let callers = listen("listen", &config.listen).await?;
        let metrics = match &config.metrics {
            Some(address) => Some(listen("metrics", address).await?),
            None => None,
        };
        Ok(Self { callers, metrics, opened: watch::Sender::default() })
    }

    /// On free ports of loopback, both.
    pub async fn bind_loopback() -> io::Result<Self> {
        let listen = || TcpListener::bind("127.0.0.1:0");
        Ok(Self { metrics: Some(listen().await?), ..listen().await?.into() })
    }

    /// Becomes true once the server that serves here is open, and closes when it has ended: for what starts it.
    pub fn opened(&self) -> watch::Receiver<bool> {
        self.opened.subscribe()
    }

    /// The address for callers.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.callers.local_addr()
    }

    /// The address of metrics.
    pub fn metrics_address(&self) -> Option<io::Result<SocketAddr>> {
        self.metrics.as_ref().map(TcpListener::local_addr)
    }
}

impl From<TcpListener> for Listeners {
    /// For callers alone.
    fn from(callers: TcpListener) -> Self {
        Self { callers, metrics: None, opened: watch::Sender::default() }
    }
}
