//! HTTPS: rustls in front of the routes, with the senders' certificates if the configuration names who issues them.
//!
//! Kept true: what a connection that does not come to a handshake can hold, and how long, [`nacre_access::server::serve`] bounds.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use nacre_hosting::secret;
use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::WebPkiClientVerifier,
};
use tokio_rustls::TlsAcceptor;

use super::ServeError;
use crate::config::TlsConfig;

fn wrong(path: &Path, detail: impl ToString) -> ServeError {
    ServeError::Tls { path: PathBuf::from(path), detail: detail.to_string() }
}

/// Reads certificates and key.
pub(super) fn acceptor(config: &TlsConfig) -> Result<TlsAcceptor, ServeError> {
    let certificates = certificates(&config.certificate)?;
    let pem = secret::read_text(&config.key)?;
    let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|error| wrong(&config.key, error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(&config.certificate, error))?;
    let builder = match &config.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for certificate in self::certificates(path)? {
                roots.add(certificate).map_err(|error| wrong(path, error))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.map_err(|error| wrong(path, error))?)
        }
    };
    let mut server = builder.with_single_cert(certificates, key).map_err(|error| wrong(&config.certificate, error))?;
    server.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(server)))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, ServeError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let read = read.map_err(|error| wrong(path, error))?;
    if read.is_empty() { Err(wrong(path, "there is no certificate (PEM) in it")) } else { Ok(read) }
}
