//! `witness.toml`: where a witness listens, who it is, where the chains are that it mirrors. Read as
//! [`nacre_hosting::config`] says; nothing secret is in it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use nacre_hosting::{
    config::{self, ConfigError, ConfigPath, Configuration},
    folder::registers_beside,
};
use nacre_hosting::{server::ServerConfig, tls::ClientTlsConfig};
use nacre_schemas::id::{ChainId, MemberId};
use serde::{Deserialize, Serialize};

/// What a witness is started with.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// Folder of its database; made if missing, with mode 0700. One process has it at a time.
    pub data: ConfigPath,
    /// Folder of its registers: a small file a chain that remembers what was countersigned last. It must not be restored
    /// together with `data`, so that a witness that was put back to an older state is noticed. Made if missing;
    /// `<data>.registers` unless it is given.
    pub registers: Option<ConfigPath>,
    /// The trust root, TOML.
    pub trust: ConfigPath,
    /// Folder of admissions, `*.json`: whose batches and requests are taken for good.
    pub members: ConfigPath,
    /// The name that the trust root lists it under.
    pub name: MemberId,
    /// File of the SM2 key it countersigns with, hex.
    pub signing_key: ConfigPath,
    /// File of the P-384 key it fetches bodies with, PEM.
    pub access_key: ConfigPath,
    /// How it is reached.
    pub server: ServerConfig,
    /// How exchanges are called.
    #[serde(default, skip_serializing_if = "ClientTlsConfig::is_default")]
    pub tls: ClientTlsConfig,
    /// Where the chains are that it is a full witness of.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub exchanges: BTreeMap<ChainId, String>,
}

impl Configuration for Config {
    const OF: &'static str = "a witness";
}

impl Config {
    /// Reads a configuration.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        config::read(path)
    }

    /// The folder of its registers, whether it is configured or not.
    pub fn registers(&self) -> PathBuf {
        self.registers.as_deref().map_or_else(|| registers_beside(&self.data), Path::to_owned)
    }
}
