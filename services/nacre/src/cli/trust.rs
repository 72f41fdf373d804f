//! `nacre trust`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `nacre trust`.
#[derive(Subcommand)]
pub enum TrustCommand {
    /// Put a trust root together from what the jurisdictions' ceremonies came to and a description of the network.
    ///
    /// Nothing secret is needed. The result, root.toml, is what each jurisdiction's custodians endorse. All checks but those
    /// of the endorsements are made.
    Assemble(AssembleArgs),
    /// Print a trust root, endorsed or not, with a fingerprint of every key, and whether the cross lane is on: what a signer
    /// should see before it signs.
    Show {
        /// trust.toml or root.toml
        file: PathBuf,
    },
    /// Put the jurisdictions' endorsements beside the root, check all as every verifier does, and write the trust root.
    Finish(FinishArgs),
}

/// `nacre trust assemble`.
#[derive(Args)]
pub struct AssembleArgs {
    /// TOML: network, minimum-people; for each jurisdiction a `[[jurisdiction]]` with id, authority-key and the folder of its
    /// ceremony; `[[chains]]` as in a trust root. docs/key-ceremony.md has an example.
    pub description: PathBuf,
    /// The trust root in force, if there is one: serial and history go on, and jurisdictions without a ceremony are taken
    /// from it.
    #[arg(long)]
    pub previous: Option<PathBuf>,
    /// Folder to write root.toml to; it is made.
    #[arg(long)]
    pub out: PathBuf,
}

/// `nacre trust finish`.
#[derive(Args)]
pub struct FinishArgs {
    /// Folder with root.toml and, there or in its `in`, a JURISDICTION.endorsement.json for each jurisdiction.
    pub dir: PathBuf,
    /// The trust root to write.
    #[arg(long)]
    pub out: PathBuf,
}
