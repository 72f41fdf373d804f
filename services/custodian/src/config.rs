//! `custodian.toml`: where a custodian listens, what it holds, whom it asks. Read as [`nacre_hosting::config`] says; nothing
//! secret is in it: the share and the keys are in files of their own, of mode 0600.

use std::{
    collections::BTreeMap,
    num::NonZeroU32,
    path::{Path, PathBuf},
};

use nacre_hosting::{
    config::{self, ConfigError, ConfigPath, Configuration},
    folder::registers_beside,
};
use nacre_hosting::{server::ServerConfig, tls::ClientTlsConfig};
use nacre_schemas::id::{ChainId, JurisdictionId, MemberId};
use serde::{Deserialize, Serialize};

/// What a custodian is started with.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// Its own URL: the audience of the access tokens it takes.
    pub url: String,
    /// Folder of its log and of the bodies behind it; made if missing, with mode 0700. One process has it at a time.
    pub data: ConfigPath,
    /// Folder of its log's register, a small file that remembers what was last signed. It must not be restored together
    /// with `data`, so that a custodian that was put back to an older state is noticed. Made if missing;
    /// `<data>.registers` unless it is given.
    pub registers: Option<ConfigPath>,
    /// The trust root, TOML.
    pub trust: ConfigPath,
    /// Folder of admissions, `*.json`: who may ask.
    pub members: ConfigPath,
    /// The name under which the exchanges of its jurisdiction know it.
    pub member: MemberId,
    /// Its jurisdiction.
    pub jurisdiction: JurisdictionId,
    /// Its number there, from 1.
    pub number: u16,
    /// File of its share of the key, hex.
    pub share: ConfigPath,
    /// File of its share of the cross lane's key, if its network has one.
    pub cross_share: Option<ConfigPath>,
    /// File of its share of the pseudonyms' key, hex; none if it takes no part in pseudonyms.
    pub pseudonym_share: Option<ConfigPath>,
    /// People a day whose pseudonyms it helps one provider to: what a provider that goes through numbers finds in a day.
    #[serde(default = "Config::pseudonyms_per_day")]
    pub pseudonyms_per_day: NonZeroU32,
    /// Groups a day that it tells one requester of in previews, of which each says whether a group is under a limit.
    #[serde(default = "Config::preview_groups_per_day")]
    pub preview_groups_per_day: NonZeroU32,
    /// File of the SM2 key its verdicts and its log are signed with, hex.
    pub signing_key: ConfigPath,
    /// File of the P-384 key it asks exchanges with, PEM.
    pub access_key: ConfigPath,
    /// How it is reached.
    pub server: ServerConfig,
    /// How exchanges are called.
    #[serde(default, skip_serializing_if = "ClientTlsConfig::is_default")]
    pub tls: ClientTlsConfig,
    /// Where the chains are: every regional and every main chain of the network.
    pub exchanges: BTreeMap<ChainId, String>,
}

impl Configuration for Config {
    const OF: &'static str = "a custodian";
}

impl Config {
    /// People a day unless the file says otherwise. Where it takes two custodians of three, a hospital of 100,000 people is
    /// named in four days, and to try out all cards of Hong Kong (26 letters, 6 digits) takes two years and a half.
    pub const PSEUDONYMS_PER_DAY: NonZeroU32 = NonZeroU32::new(20_000).expect("20,000 is not 0");
    /// Groups a day unless the file says otherwise: one preview by region, sex and age band of all regions.
    pub const PREVIEW_GROUPS_PER_DAY: NonZeroU32 = NonZeroU32::new(1_024).expect("1,024 is not 0");

    const fn pseudonyms_per_day() -> NonZeroU32 {
        Self::PSEUDONYMS_PER_DAY
    }

    const fn preview_groups_per_day() -> NonZeroU32 {
        Self::PREVIEW_GROUPS_PER_DAY
    }

    /// Reads a configuration.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        config::read(path)
    }

    /// The folder of its registers, whether it is configured or not.
    pub fn registers(&self) -> PathBuf {
        self.registers.as_deref().map_or_else(|| registers_beside(&self.data), Path::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"
        url = "http://127.0.0.1:7300"
        data = "data"
        trust = "../../trust.toml"
        members = "/members"
        member = "custodian-guangdong-1"
        jurisdiction = "guangdong"
        number = 1
        share = "share.hex"
        signing-key = "signing.hex"
        access-key = "access.pem"
        [server]
        listen = "127.0.0.1:0"
        [exchanges]
        "region/440100" = "http://127.0.0.1:7200"
    "#;

    #[test]
    fn relative_paths_start_at_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("custodian.toml");
        std::fs::write(&path, TEXT).unwrap();
        let config = Config::read(&path).unwrap();
        assert_eq!(config.share, folder.path().join("share.hex"));
        assert_eq!(config.members, Path::new("/members"));
        assert_eq!(config.registers(), folder.path().join("data.registers"));
        assert_eq!(config.exchanges.len(), 1);
        std::fs::write(&path, format!("registers = \"apart\"\n{TEXT}")).unwrap();
        assert_eq!(Config::read(&path).unwrap().registers(), folder.path().join("apart"));
    }

    #[test]
    fn an_unknown_setting_is_refused_and_the_file_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("custodian.toml");
        std::fs::write(&path, format!("shares = 3\n{TEXT}")).unwrap();
        let error = Config::read(&path).unwrap_err().to_string();
        assert!(error.contains("custodian.toml") && error.contains("shares"), "{error}");
    }
}
