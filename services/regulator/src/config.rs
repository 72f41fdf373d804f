//! `regulator.toml`: who asks, under which trust root, and where exchanges and custodians are. Read as
//! [`nacre_hosting::config`] says; nothing secret is in it: keys are files of their own, of mode 0600. Addresses are not
//! trusted: whatever answers there has to show the keys of the trust root.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use nacre_hosting::{
    config::{self, ConfigError, ConfigPath, Configuration},
    tls::ClientTlsConfig,
};
use nacre_schemas::{
    answer::CustodianId,
    id::{ChainId, JurisdictionId, MemberId},
};
use serde::{Deserialize, Serialize};

/// What a regulator asks with.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// The name it was admitted under.
    pub member: MemberId,
    /// The trust root, TOML.
    pub trust: ConfigPath,
    /// File of the SM2 key its requests are signed with, hex.
    pub signing_key: ConfigPath,
    /// File of the P-384 key it calls exchanges and custodians with, PEM.
    pub access_key: ConfigPath,
    /// How exchanges, evaluators and custodians are called.
    #[serde(default, skip_serializing_if = "ClientTlsConfig::is_default")]
    pub tls: ClientTlsConfig,
    /// Where the chains are, main chains included.
    pub exchanges: BTreeMap<ChainId, String>,
    /// Where each jurisdiction's evaluator is, for the cross lane.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub evaluators: BTreeMap<JurisdictionId, String>,
    /// File of the commitments to the cross lane's key, for telling who lies where custodians differ.
    pub cross_summands: Option<ConfigPath>,
    /// Where the custodians are.
    #[serde(default, rename = "custodian")]
    pub custodians: Vec<CustodianAddress>,
}

/// Where a custodian is.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CustodianAddress {
    /// Its jurisdiction.
    pub jurisdiction: JurisdictionId,
    /// Its number there, from 1.
    pub number: u16,
    /// Its URL.
    pub url: String,
}

impl CustodianAddress {
    /// Who is there.
    pub fn id(&self) -> CustodianId {
        CustodianId { jurisdiction: self.jurisdiction.clone(), number: self.number }
    }
}

impl Configuration for Config {
    const OF: &'static str = "a regulator";

    fn check(&self) -> Result<(), String> {
        let mut seen = BTreeSet::new();
        match self.custodians.iter().find(|custodian| !seen.insert(custodian.id())) {
            Some(twice) => Err(format!("custodian: {} is listed twice", twice.id())),
            None => Ok(()),
        }
    }
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
        member = "health-commission"
        trust = "../../trust.toml"
        signing-key = "signing.hex"
        access-key = "/keys/access.pem"
        [exchanges]
        "main/health" = "http://127.0.0.1:7100"
        "region/440100" = "http://127.0.0.1:7200"
        [[custodian]]
        jurisdiction = "guangdong"
        number = 1
        url = "http://127.0.0.1:7301"
    "#;

    fn read(text: &str) -> Result<Config, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("regulator.toml");
        std::fs::write(&path, text).unwrap();
        let config = Config::read(&path)?;
        assert_eq!(config.signing_key, folder.path().join("signing.hex"));
        Ok(config)
    }

    #[test]
    fn relative_paths_start_at_the_file() {
        let config = read(TEXT).unwrap();
        assert_eq!(config.access_key, Path::new("/keys/access.pem"));
        assert_eq!((config.exchanges.len(), config.custodians[0].id().to_string().as_str()), (2, "guangdong-1"));
    }

    #[test]
    fn a_custodian_listed_twice_is_named() {
        let again = TEXT.split_once("[[custodian]]").unwrap().1;
        let error = read(&format!("{TEXT}[[custodian]]{again}")).unwrap_err().to_string();
        assert!(error.contains("guangdong-1 is listed twice"), "{error}");
    }

    #[test]
    fn an_unknown_setting_is_refused() {
        let error = read(&format!("keys = 3\n{TEXT}")).unwrap_err().to_string();
        assert!(error.contains("keys"), "{error}");
    }
}
