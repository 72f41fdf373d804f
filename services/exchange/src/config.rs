//! `exchange.toml`: where an exchange listens, which chains it hosts, where its keys and files are. Read as
//! [`nacre_hosting::config`] says; nothing secret is in it: each chain's key is a file of its own, of mode 0600.

use std::{collections::BTreeMap, path::Path};

use nacre_hosting::config::{self, ConfigError, ConfigPath, Configuration};
use nacre_hosting::{server::ServerConfig, tls::ClientTlsConfig};
use nacre_schemas::id::{ChainId, MemberId};
use serde::{Deserialize, Serialize};

/// What an exchange is started with.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// Its own URL: the audience of the access tokens it takes.
    pub url: String,
    /// Folder of its logs and of its database; made if missing, with mode 0700. One process has it at a time.
    pub data: ConfigPath,
    /// Folder of its registers: a small file a chain that remembers what was last signed. It must not be restored together
    /// with `data`, so that a chain that was put back to an older state is noticed. Made if missing.
    pub registers: ConfigPath,
    /// The trust root, TOML.
    pub trust: ConfigPath,
    /// Folder of admissions, `*.json`: who may post, ask and close epochs.
    pub members: ConfigPath,
    /// The cross lane's public key, which lists are verified against; without it none are taken.
    pub cross_key: Option<ConfigPath>,
    /// How it is reached.
    pub server: ServerConfig,
    /// How witnesses and other exchanges are called.
    #[serde(default, skip_serializing_if = "ClientTlsConfig::is_default")]
    pub tls: ClientTlsConfig,
    /// Who closes its epochs, and in whose name its chains are anchored.
    pub operator: Option<OperatorConfig>,
    /// The URL of the exchange of each chain that its chains are anchored in.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parents: BTreeMap<ChainId, String>,
    /// The least time between two anchors of one chain in one parent, in milliseconds.
    #[serde(default = "default_anchor_every_ms")]
    pub anchor_every_ms: u64,
    /// The URL of each witness of its chains, by the name in the trust root.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub witnesses: BTreeMap<MemberId, String>,
    /// The chains it hosts, one at least.
    #[serde(rename = "chain")]
    pub chains: Vec<ChainConfig>,
}

fn default_anchor_every_ms() -> u64 {
    60_000
}

/// The member that closes the epochs of an exchange's chains, and anchors them.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct OperatorConfig {
    /// Its name.
    pub member: MemberId,
    /// File of its P-384 access key, PEM.
    pub access_key: ConfigPath,
}

/// A chain that the exchange hosts.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ChainConfig {
    /// Its name.
    pub id: ChainId,
    /// File of its SM2 key, hex.
    pub key: ConfigPath,
}

impl Configuration for Config {
    const OF: &'static str = "an exchange";
}

impl Config {
    /// Reads a configuration.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        config::read(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
        url = "http://127.0.0.1:7200"
        data = "data"
        registers = "registers"
        trust = "../../trust.toml"
        members = "/members"
        [server]
        listen = "127.0.0.1:0"
        [operator]
        member = "operator-440100"
        access-key = "access.pem"
        [[chain]]
        id = "region/440100"
        key = "chain.hex"
    "#;

    #[test]
    fn relative_paths_start_at_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("exchange.toml");
        std::fs::write(&path, TEXT).unwrap();
        let config = Config::read(&path).unwrap();
        assert_eq!(config.chains[0].key, folder.path().join("chain.hex"));
        assert_eq!(config.operator.unwrap().access_key, folder.path().join("access.pem"));
        assert_eq!(config.members, Path::new("/members"));
    }

    #[test]
    fn an_unknown_setting_is_refused_and_the_file_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("exchange.toml");
        std::fs::write(&path, format!("chains = 3\n{TEXT}")).unwrap();
        let error = Config::read(&path).unwrap_err().to_string();
        assert!(error.contains("exchange.toml") && error.contains("chains"), "{error}");
    }
}
