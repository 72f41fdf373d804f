//! TLS, both sides: what a server shows and asks for, and what a client trusts and shows.
//!
//! Kept true: a server's files are read anew when they change and when the process is told to ([`ServerTls::reload`]); files
//! that do not do leave what was there, and are named. Connections that are open go on as they began. Keys are files of mode
//! 0600. A client that is given a CA trusts that one and no other.
//!
//! Errors: [`TlsError`], with the file. Cost: some 100 kB of files read a reload; a handshake is a signature.

mod certificate;
mod client;

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::SystemTime,
};

use rustls::{
    RootCertStore, ServerConfig,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::WebPkiClientVerifier,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_util::either::Either;

pub use client::{ClientTls, ClientTlsConfig};

use crate::{
    config::ConfigPath,
    secret::{self, SecretError},
};

/// The longest file of certificates, in bytes.
const MAX_CERTIFICATES_BYTES: u64 = 1 << 20;

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file of certificates cannot be read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file does not hold what it is to hold, or does not fit another.
    #[error("{}: {detail}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// A key's file.
    #[error(transparent)]
    Secret(#[from] SecretError),
}

impl TlsError {
    fn malformed(path: &Path, detail: impl ToString) -> Self {
        Self::Malformed { path: path.to_owned(), detail: detail.to_string() }
    }
}

/// What a server shows: certificate and key, and what it asks of its clients.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ServerTlsConfig {
    /// The server's certificate and those above it (PEM).
    pub certificate: ConfigPath,
    /// Its key (PEM, 0600).
    pub key: ConfigPath,
    /// Certificates that the clients' must come from (PEM), if they must have one.
    pub client_ca: Option<ConfigPath>,
}

/// A server's TLS, as its files were last read.
pub struct ServerTls {
    config: ServerTlsConfig,
    current: RwLock<Loaded>,
}

struct Loaded {
    acceptor: TlsAcceptor,
    expires_at: SystemTime,
    /// Of what was read: that it changed is seen by it.
    files: [u8; 32],
}

impl ServerTls {
    /// Reads the files.
    pub fn open(config: &ServerTlsConfig) -> Result<Self, TlsError> {
        Ok(Self { config: config.clone(), current: RwLock::new(Loaded::read(config)?) })
    }

    /// When the certificate expires.
    pub fn expires_at(&self) -> SystemTime {
        self.current.read().unwrap_or_else(PoisonError::into_inner).expires_at
    }

    /// Reads the files again, and says whether they had changed. After an error what was there goes on.
    pub fn reload(&self) -> Result<bool, TlsError> {
        let read = Loaded::read(&self.config)?;
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let changed = current.files != read.files;
        if changed {
            *current = read;
        }
        Ok(changed)
    }

    fn acceptor(&self) -> TlsAcceptor {
        self.current.read().unwrap_or_else(PoisonError::into_inner).acceptor.clone()
    }
}

impl Loaded {
    fn read(config: &ServerTlsConfig) -> Result<Self, TlsError> {
        let certificate = read_file(&config.certificate)?;
        let key = secret::read_text(&config.key)?;
        let client_ca =
            config.client_ca.as_deref().map(|path| Ok::<_, TlsError>((path, read_file(path)?))).transpose()?;
        let mut files = Sha256::new();
        for file in [Some(&certificate[..]), Some(key.as_bytes()), client_ca.as_ref().map(|(_, file)| &file[..])] {
            files.update(Sha256::digest(file.unwrap_or_default()));
        }
        let chain = certificates(&config.certificate, &certificate)?;
        let expires_at = certificate::expires_at(&config.certificate, &chain[0])?;
        let provider = provider();
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsError::malformed(&config.certificate, error))?;
        let builder = match &client_ca {
            None => builder.with_no_client_auth(),
            Some((path, file)) => {
                let roots = Arc::new(roots(path, file)?);
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider).build();
                builder.with_client_cert_verifier(verifier.map_err(|error| TlsError::malformed(path, error))?)
            }
        };
        let mut server = builder
            .with_single_cert(chain, private_key(&config.key, &key)?)
            .map_err(|error| TlsError::malformed(&config.certificate, error))?;
        server.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(server)), expires_at, files: files.finalize().into() })
    }
}

/// What becomes of a connection before its first request.
#[derive(Clone)]
pub(crate) enum Handshake {
    /// Nothing.
    Plain,
    /// TLS.
    Tls(Arc<ServerTls>),
}

impl Handshake {
    pub(crate) async fn shake(&self, stream: TcpStream) -> io::Result<Either<TcpStream, TlsStream<TcpStream>>> {
        match self {
            Self::Plain => Ok(Either::Left(stream)),
            Self::Tls(tls) => tls.acceptor().accept(stream).await.map(Either::Right),
        }
    }
}

/// The implementation of TLS's cryptography.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn read_file(path: &Path) -> Result<Vec<u8>, TlsError> {
    use io::Read as _;
    let unreadable = |source| TlsError::Unreadable { path: path.to_owned(), source };
    let mut content = Vec::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    file.take(MAX_CERTIFICATES_BYTES + 1).read_to_end(&mut content).map_err(unreadable)?;
    if content.len() as u64 > MAX_CERTIFICATES_BYTES {
        return Err(TlsError::malformed(path, "far longer than a file of certificates"));
    }
    Ok(content)
}

/// One certificate at least.
fn certificates(path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    let read = read.map_err(|error| TlsError::malformed(path, error))?;
    if read.is_empty() { Err(TlsError::malformed(path, "there is no certificate (PEM) in it")) } else { Ok(read) }
}

fn roots(path: &Path, pem: &[u8]) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path, pem)? {
        roots.add(certificate).map_err(|error| TlsError::malformed(path, error))?;
    }
    Ok(roots)
}

fn private_key(path: &Path, pem: &str) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|error| TlsError::malformed(path, error))
}
