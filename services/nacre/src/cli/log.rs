//! `nacre log`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use nacre_schemas::id::ChainId;

/// `nacre log`.
#[derive(Subcommand)]
pub enum LogCommand {
    /// Check a chain's log in full: every frame, checksum, hash, link, signature and root, and what is derived from them.
    /// The log must be closed. Ends with status 0 if it is sound, 2 if not; nothing is changed.
    ///
    /// Example: nacre log check exchanges/440100/data/chains/region-440100 --chain region/440100 --trust trust.toml
    Check(CheckLogArgs),
    /// List what is in a log, without believing any of it: segments, commits, entries, where each lies.
    Show(ShowLogArgs),
    /// Follow a chain from its exchange into a folder: every entry is checked against what the chain signed. Run again, it
    /// goes on from there. The mirror can be checked and shown like a log, and it repairs one.
    ///
    /// Example: nacre log mirror URL region/440100 my-mirror --trust trust.toml
    Mirror(MirrorLogArgs),
    /// Repair a damaged or outdated log from a mirror of its chain. The log must be closed; keep a copy of it first.
    Repair(RepairLogArgs),
}

/// Whose log it is.
#[derive(Args)]
pub struct LogOfArgs {
    /// The chain, as region/440100.
    #[arg(long)]
    pub chain: ChainId,
    /// What says its keys.
    #[command(flatten)]
    pub keys: LogKeysArgs,
}

/// The keys that a chain signs and signed with.
#[derive(Args)]
pub struct LogKeysArgs {
    /// The present trust root: it has the chain's key.
    #[arg(long)]
    pub trust: PathBuf,
    /// Earlier trust roots, if the chain had another key: what that signed is checked under it. An exchange keeps them in
    /// `roots` of its data folder.
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub earlier_trust: Vec<PathBuf>,
}

/// `nacre log check`.
#[derive(Args)]
pub struct CheckLogArgs {
    /// The log's folder.
    pub dir: PathBuf,
    /// Whose it is.
    #[command(flatten)]
    pub of: LogOfArgs,
    /// The log's register, to be compared too.
    #[arg(long)]
    pub register: Option<PathBuf>,
}

/// `nacre log show`.
#[derive(Args)]
pub struct ShowLogArgs {
    /// The log's folder.
    pub dir: PathBuf,
    /// From which entry on.
    #[arg(long, default_value_t = 0)]
    pub from: u64,
    /// At most how many lines.
    #[arg(long, default_value_t = 100)]
    pub lines: usize,
}

/// `nacre log mirror`.
#[derive(Args)]
pub struct MirrorLogArgs {
    /// The exchange's URL.
    pub url: String,
    /// The chain, as region/440100.
    pub chain: ChainId,
    /// The mirror's folder.
    pub dir: PathBuf,
    /// Certificates that the exchange's must come from (PEM); those that the system trusts if absent.
    #[arg(long)]
    pub ca: Option<PathBuf>,
    /// What says its keys.
    #[command(flatten)]
    pub keys: LogKeysArgs,
}

/// `nacre log repair`.
#[derive(Args)]
pub struct RepairLogArgs {
    /// The log's folder.
    pub dir: PathBuf,
    /// The mirror's folder.
    #[arg(long)]
    pub from: PathBuf,
    /// Whose it is.
    #[command(flatten)]
    pub of: LogOfArgs,
}
