//! `witness.toml`: where a witness listens, who it is, where the chains are that it mirrors.
//!
//! Kept true: a configuration that was read names files only by full paths, relative ones taken from the folder of the
//! file. Nothing secret is in it. Errors: [`ConfigError`], with the path. Cost: one small file.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use nacre_access::folder::registers_beside;
use nacre_schemas::id::{ChainId, MemberId};
use serde::Deserialize;

/// What a witness is started with.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// Address to listen on, as `127.0.0.1:7400`.
    pub listen: String,
    /// Folder of its database; made if missing, with mode 0700. One process has it at a time.
    pub data: PathBuf,
    /// Folder of its registers: a small file a chain that remembers what was countersigned last. It must not be restored
    /// together with `data`, so that a witness that was put back to an older state is noticed. Made if missing;
    /// `<data>.registers` unless it is given.
    #[serde(default)]
    pub registers: PathBuf,
    /// The trust root, TOML.
    pub trust: PathBuf,
    /// Folder of admissions, `*.json`: whose batches and requests are taken for good.
    pub members: PathBuf,
    /// The name that the trust root lists it under.
    pub name: MemberId,
    /// File of the SM2 key it countersigns with, hex.
    pub signing_key: PathBuf,
    /// File of the P-384 key it fetches bodies with, PEM.
    pub access_key: PathBuf,
    /// Where the chains are that it is a full witness of.
    #[serde(default)]
    pub exchanges: BTreeMap<ChainId, String>,
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
    #[error("{} is no witness's configuration: {error}", .path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: toml::de::Error,
    },
}

impl Config {
    /// Reads a configuration.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text =
            fs::read_to_string(path).map_err(|error| ConfigError::Unreadable { path: path.to_owned(), error })?;
        let mut config: Self =
            toml::from_str(&text).map_err(|error| ConfigError::Malformed { path: path.to_owned(), error })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let own =
            [&mut config.data, &mut config.trust, &mut config.members, &mut config.signing_key, &mut config.access_key];
        for file in own {
            *file = folder.join(&*file);
        }
        config.registers = match config.registers.as_os_str().is_empty() {
            true => registers_beside(&config.data),
            false => folder.join(&config.registers),
        };
        Ok(config)
    }
}
