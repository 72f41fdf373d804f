//! The provider's secrets, read from their files when there is something to seal.
//!
//! Kept true: each is overwritten in memory when dropped; none prints.

use std::{path::PathBuf, sync::Arc};

use nacre_access::key::AccessKey;
use nacre_hosting::{
    secret,
    tls::{ClientTls, TlsError},
};
use nacre_ledger::signing::SigningKey;
use zeroize::Zeroizing;

use crate::config::Config;

/// Why a key cannot be used. None of it shows the key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file.
    #[error(transparent)]
    File(#[from] secret::SecretError),
    /// Its certificate as a client, or the CA that it trusts.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Not an SM2 secret key.
    #[error("{}: {source}", path.display())]
    Signing {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: nacre_ledger::signing::KeyError,
    },
    /// Not a P-384 secret key.
    #[error("{}: {source}", path.display())]
    Access {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: nacre_access::key::KeyError,
    },
}

/// All of them.
pub(crate) struct Keys {
    /// Signs batches.
    pub(crate) signing: SigningKey,
    /// Signs requests for access tokens.
    pub(crate) access: Arc<AccessKey>,
    /// What is trusted of the servers that are called, and shown to them.
    pub(crate) tls: ClientTls,
    /// Names records and fingerprints them.
    pub(crate) record: Zeroizing<[u8; 32]>,
    /// Names persons to the exchange.
    pub(crate) pseudonym: Zeroizing<[u8; 32]>,
    /// Wraps the keys of payloads.
    pub(crate) payload: Zeroizing<[u8; 16]>,
}

impl Keys {
    /// Reads them.
    pub(crate) fn read(config: &Config) -> Result<Self, KeyError> {
        let signing = SigningKey::from_bytes(&*secret::read::<32>(&config.signing_key)?);
        let access = AccessKey::from_pem(&secret::read_text(&config.access_key)?);
        Ok(Self {
            signing: signing.map_err(|source| KeyError::Signing { path: config.signing_key.to_path_buf(), source })?,
            access: Arc::new(
                access.map_err(|source| KeyError::Access { path: config.access_key.to_path_buf(), source })?,
            ),
            tls: config.tls.read()?,
            record: secret::read(&config.record_key)?,
            pseudonym: secret::read(&config.pseudonym_key)?,
            payload: secret::read(&config.payload_key)?,
        })
    }
}
