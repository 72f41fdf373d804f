//! `evaluator.toml`: where an evaluator listens, what it computes with, whom it asks. Read as [`nacre_hosting::config`] says;
//! nothing secret is in it: the keys are in files of their own, of mode 0600.

use std::{collections::BTreeMap, num::NonZeroUsize, path::Path};

use nacre_hosting::config::{self, ConfigError, ConfigPath, Configuration};
use nacre_hosting::{server::ServerConfig, tls::ClientTlsConfig};
use nacre_schemas::id::{ChainId, MemberId};
use serde::{Deserialize, Serialize};

/// What an evaluator is started with.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// Its own URL: the audience of the access tokens it takes.
    pub url: String,
    /// Folder of its jobs, its own in this network: requests, inputs, checkpoints, results. Inputs are some 16 kB a batch; at worst 256 MB a chain.
    pub data: ConfigPath,
    /// The trust root, TOML.
    pub trust: ConfigPath,
    /// Folder of admissions, `*.json`: who may ask, and its own.
    pub members: ConfigPath,
    /// The name it was admitted under.
    pub member: MemberId,
    /// File of the SM2 key that it signs results with, hex.
    pub signing_key: ConfigPath,
    /// File of the P-384 key it asks exchanges with, PEM.
    pub access_key: ConfigPath,
    /// File of the evaluation keys that the trust root names.
    pub keys: ConfigPath,
    /// Threads that compute; one a core unless said otherwise.
    #[serde(default)]
    pub threads: Option<NonZeroUsize>,
    /// Jobs that are not finished, the one at work included; more are told to come back.
    #[serde(default = "Config::queue")]
    pub queue: NonZeroUsize,
    /// Whether inputs stay when their job is done, for who computes it again.
    #[serde(default)]
    pub keep_inputs: bool,
    /// How it is reached.
    pub server: ServerConfig,
    /// How exchanges are called.
    #[serde(default, skip_serializing_if = "ClientTlsConfig::is_default")]
    pub tls: ClientTlsConfig,
    /// Where the chains are: every regional chain of the network.
    pub exchanges: BTreeMap<ChainId, String>,
}

impl Configuration for Config {
    const OF: &'static str = "an evaluator";
}

impl Config {
    /// Jobs that wait or work, unless the file says otherwise.
    pub const QUEUE: NonZeroUsize = NonZeroUsize::new(16).expect("16 is not 0");

    const fn queue() -> NonZeroUsize {
        Self::QUEUE
    }

    /// Reads a configuration.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        config::read(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
        url = "http://127.0.0.1:7500"
        data = "data"
        trust = "../../trust.toml"
        members = "/members"
        member = "evaluator-guangdong"
        signing-key = "signing.hex"
        access-key = "access.pem"
        keys = "../cross.evaluation"
        [server]
        listen = "127.0.0.1:0"
        [exchanges]
        "region/440100" = "http://127.0.0.1:7200"
    "#;

    #[test]
    fn relative_paths_start_at_the_file_and_the_rest_has_defaults() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("evaluator.toml");
        std::fs::write(&path, TEXT).unwrap();
        let config = Config::read(&path).unwrap();
        assert_eq!(config.keys, folder.path().join("../cross.evaluation"));
        assert_eq!(config.members, Path::new("/members"));
        assert_eq!((config.queue.get(), config.threads, config.keep_inputs), (16, None, false));
    }

    #[test]
    fn a_setting_that_is_unknown_or_zero_is_refused_and_the_file_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("evaluator.toml");
        for setting in ["share = 3", "threads = 0", "queue = 0"] {
            std::fs::write(&path, format!("{setting}\n{TEXT}")).unwrap();
            let error = Config::read(&path).unwrap_err().to_string();
            assert!(error.contains("evaluator.toml") && error.contains(&setting[..5]), "{error}");
        }
    }
}
