//! The provider's secrets, read from their files when there is something to seal.
//!
//! Kept true: each is overwritten in memory when dropped; none prints.

use std::sync::Arc;

use nacre_access::key::AccessKey;
use nacre_hosting::{
    key::{self, KeyFileError},
    secret,
    tls::ClientTls,
};
use nacre_ledger::signing::SigningKey;
use zeroize::Zeroizing;

use crate::config::Config;

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

/// That all of a provider's keys can be read.
pub fn check_keys(config: &Config) -> Result<(), KeyFileError> {
    Keys::read(config).map(drop)
}

impl Keys {
    /// Reads them.
    pub(crate) fn read(config: &Config) -> Result<Self, KeyFileError> {
        Ok(Self {
            signing: key::read_signing(&config.signing_key)?,
            access: Arc::new(AccessKey::read(&config.access_key)?),
            tls: config.tls.read()?,
            record: secret::read(&config.record_key)?,
            pseudonym: secret::read(&config.pseudonym_key)?,
            payload: secret::read(&config.payload_key)?,
        })
    }
}
