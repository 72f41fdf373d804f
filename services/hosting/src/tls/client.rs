//! A client's side: what it trusts, and what it shows to servers that ask.
//!
//! Kept true: with a CA of its own nothing else is trusted; without one, what the system trusts.

use std::sync::Arc;

use rustls::{ClientConfig, RootCertStore};
use serde::{Deserialize, Serialize};

use super::{TlsError, certificates, private_key, provider, read_file, roots};
use crate::{config::ConfigPath, secret};

/// How servers are called by TLS: the table `[tls]` of a role that calls others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct ClientTlsConfig {
    /// Certificates that the servers' must come from (PEM); those that the system trusts if absent.
    pub ca: Option<ConfigPath>,
    /// The certificate to show to servers that ask for one, and those above it (PEM).
    pub certificate: Option<ConfigPath>,
    /// Its key (PEM, 0600).
    pub key: Option<ConfigPath>,
}

/// What a client trusts and shows.
#[derive(Clone, Default)]
pub struct ClientTls {
    config: Option<Arc<ClientConfig>>,
}

impl ClientTlsConfig {
    /// Whether nothing of it is set.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Reads the files.
    pub fn read(&self) -> Result<ClientTls, TlsError> {
        let Some(ca) = &self.ca else {
            return match (&self.certificate, &self.key) {
                (None, None) => Ok(ClientTls::default()),
                (Some(path), _) | (None, Some(path)) => {
                    Err(TlsError::malformed(path, "a client's certificate goes with a `ca` of the servers'"))
                }
            };
        };
        let roots: RootCertStore = roots(ca, &read_file(ca)?)?;
        let builder = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsError::malformed(ca, error))?
            .with_root_certificates(roots);
        let mut config = match (&self.certificate, &self.key) {
            (None, None) => builder.with_no_client_auth(),
            (Some(path), Some(key)) => {
                let chain = certificates(path, &read_file(path)?)?;
                let key = private_key(key, &secret::read_text(key)?)?;
                builder.with_client_auth_cert(chain, key).map_err(|error| TlsError::malformed(path, error))?
            }
            (Some(path), None) | (None, Some(path)) => {
                return Err(TlsError::malformed(path, "`certificate` and `key` go together"));
            }
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(ClientTls { config: Some(Arc::new(config)) })
    }
}

impl ClientTls {
    /// The configuration of rustls; none if what the system trusts is trusted.
    pub fn config(&self) -> Option<&ClientConfig> {
        self.config.as_deref()
    }
}
