//! `regulator.toml`: who asks, under which trust root, and where exchanges and custodians are.
//!
//! Kept true: a configuration that was read names files only by full paths, relative ones taken from the folder of the
//! file. Nothing secret is in it: keys are files of their own, of mode 0600. Addresses are not trusted: whatever
//! answers there has to show the keys of the trust root. Errors: [`ConfigError`], with the path.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use nacre_schemas::{
    answer::CustodianId,
    id::{ChainId, JurisdictionId, MemberId},
};
use serde::Deserialize;

/// What a regulator asks with.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// The name it was admitted under.
    pub member: MemberId,
    /// The trust root, TOML.
    pub trust: PathBuf,
    /// File of the SM2 key its requests are signed with, hex.
    pub signing_key: PathBuf,
    /// File of the P-384 key it calls exchanges and custodians with, PEM.
    pub access_key: PathBuf,
    /// Where the chains are, main chains included.
    pub exchanges: BTreeMap<ChainId, String>,
    /// Where each jurisdiction's evaluator is, for the cross lane.
    #[serde(default)]
    pub evaluators: BTreeMap<JurisdictionId, String>,
    /// File of the commitments to the cross lane's key, for telling who lies where custodians differ.
    pub cross_summands: Option<PathBuf>,
    /// Where the custodians are.
    #[serde(default, rename = "custodian")]
    pub custodians: Vec<CustodianAddress>,
}

/// Where a custodian is.
#[derive(Clone, Debug, Deserialize)]
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

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}: {error}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// The file is not a configuration.
    #[error("{} is no regulator's configuration: {error}", .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: toml::de::Error,
    },
    /// A custodian is listed twice.
    #[error("{}: custodian {custodian} is listed twice", .path.display())]
    Repeated {
        /// The file.
        path: PathBuf,
        /// The custodian.
        custodian: CustodianId,
    },
}

impl Config {
    /// Reads a configuration.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text =
            fs::read_to_string(path).map_err(|error| ConfigError::Unreadable { path: path.to_owned(), error })?;
        let mut config: Self =
            toml::from_str(&text).map_err(|error| ConfigError::Malformed { path: path.to_owned(), error })?;
        let mut seen = std::collections::BTreeSet::new();
        if let Some(twice) = config.custodians.iter().find(|custodian| !seen.insert(custodian.id())) {
            return Err(ConfigError::Repeated { path: path.to_owned(), custodian: twice.id() });
        }
        let folder = path.parent().unwrap_or(Path::new(""));
        let own = [&mut config.trust, &mut config.signing_key, &mut config.access_key];
        for file in own.into_iter().chain(&mut config.cross_summands) {
            *file = folder.join(&*file);
        }
        Ok(config)
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
        fs::write(&path, text).unwrap();
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
