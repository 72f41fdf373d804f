//! `nacre custodian dkg`, `reshare`, `endorse`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use nacre_schemas::{ceremony::KeyPurpose, id::JurisdictionId};

/// `nacre custodian dkg`.
///
/// Each custodian keeps a folder for the ceremony. What a step writes to its `out` is brought to everyone else's `in`, by
/// whatever means: every message is signed, and what is secret in it is encrypted. A step that was interrupted is run
/// again. The steps: start, by one of them; round1, round2, finish, by everyone.
#[derive(Subcommand)]
pub enum DkgCommand {
    /// Write DIR/ceremony.toml for a roster, and print its digest. Everyone gets a copy, and compares the digest by telephone.
    Start(DkgStartArgs),
    /// Choose a polynomial; the commitment to it goes to everyone.
    Round1(DkgRound1Args),
    /// Check everyone's round 1, and deal to each.
    Round2(OwnArgs),
    /// Check what was dealt, write DIR/share.hex, tell everyone the public keys; run again, compare the others'.
    Finish(OwnArgs),
    /// Say who takes part and whose messages are there.
    Status(AtArgs),
}

/// `nacre custodian reshare`.
///
/// As a key generation; but only some of the old custodians deal, as many as the threshold at least, each from its old
/// share. Once the new trust root is in force, everyone destroys its old share.
#[derive(Subcommand)]
pub enum ReshareCommand {
    /// Write DIR/ceremony.toml for a roster of the new custodians, and print its digest.
    Start(ReshareStartArgs),
    /// A dealer commits to its old share, weighted; a new custodian makes a key to be dealt to.
    Round1(ReshareRound1Args),
    /// Check everyone's round 1, and deal to each new custodian. Who does not deal, only checks.
    Round2(OwnArgs),
    /// Check what was dealt, write DIR/share.hex, tell everyone the public keys; run again, compare the others'.
    Finish(OwnArgs),
    /// Say who takes part and whose messages are there.
    Status(AtArgs),
}

/// A ceremony's folder.
#[derive(Args)]
pub struct AtArgs {
    /// The ceremony's folder.
    pub dir: PathBuf,
}

/// A ceremony's folder, and who one is.
#[derive(Args)]
pub struct OwnArgs {
    /// The ceremony's folder.
    pub dir: PathBuf,
    /// File of one's SM2 signing key (nacre custodian key).
    #[arg(long)]
    pub key: PathBuf,
}

/// `nacre custodian dkg start`.
#[derive(Args)]
pub struct DkgStartArgs {
    /// Folder to make.
    pub dir: PathBuf,
    /// Whose key.
    #[arg(long)]
    pub jurisdiction: JurisdictionId,
    /// Which of its keys: decryption, or pseudonyms, a key of its own that the same custodians hold.
    #[arg(long, default_value = "decryption")]
    pub purpose: KeyPurpose,
    /// How many custodians it takes to open anything: more than half.
    #[arg(long)]
    pub threshold: u16,
    /// TOML: for each custodian a `[[custodian]]` with number, name and signing-key.
    #[arg(long)]
    pub roster: PathBuf,
}

/// `nacre custodian dkg round1`.
#[derive(Args)]
pub struct DkgRound1Args {
    /// Folder and key.
    #[command(flatten)]
    pub own: OwnArgs,
    /// The digest of ceremony.toml as the others told it, 16 digits or more.
    #[arg(long)]
    pub digest: String,
}

/// `nacre custodian reshare start`.
#[derive(Args)]
pub struct ReshareStartArgs {
    /// Folder to make.
    pub dir: PathBuf,
    /// The trust root in force: it knows the keys and the old custodians.
    #[arg(long)]
    pub trust: PathBuf,
    /// Whose key.
    #[arg(long)]
    pub jurisdiction: JurisdictionId,
    /// Which of its keys: decryption, or pseudonyms, a key of its own that the same custodians hold.
    #[arg(long, default_value = "decryption")]
    pub purpose: KeyPurpose,
    /// How many custodians it is to take afterwards.
    #[arg(long)]
    pub threshold: u16,
    /// TOML: the new custodians. Who stays is listed with its signing key of the trust root.
    #[arg(long)]
    pub roster: PathBuf,
    /// Numbers, in the trust root, of the old custodians who deal.
    #[arg(long, value_delimiter = ',', required = true)]
    pub dealers: Vec<u16>,
}

/// `nacre custodian reshare round1`.
#[derive(Args)]
pub struct ReshareRound1Args {
    /// Folder and key.
    #[command(flatten)]
    pub own: OwnArgs,
    /// The digest of ceremony.toml as the others told it, 16 digits or more.
    #[arg(long)]
    pub digest: String,
    /// A dealer's old share: the share.hex of the ceremony before.
    #[arg(long)]
    pub share: Option<PathBuf>,
}

/// `nacre custodian endorse`.
///
/// DIR holds root.toml, the same for everyone (nacre trust assemble). What a step writes to its `out` is brought to the
/// other signers' `in`.
#[derive(Subcommand)]
pub enum EndorseCommand {
    /// Commit to nonces. Look at what you sign first: nacre trust show DIR/root.toml
    Commit(CommitArgs),
    /// Sign, once the commitments of all signers are there. Nonces are destroyed before anything is written.
    Sign(SignArgs),
    /// Put the signature shares together; anyone can. The endorsement goes to whoever finishes the trust root.
    Aggregate(AggregateArgs),
}

/// `nacre custodian endorse commit`.
#[derive(Args)]
pub struct CommitArgs {
    /// Folder and key.
    #[command(flatten)]
    pub own: OwnArgs,
    /// The folder of one's own ceremony, finished by all: its share, and what the root must say of the jurisdiction.
    #[arg(long)]
    pub ceremony: PathBuf,
    /// The folder of the ceremony of the pseudonyms' key, if the root has one.
    #[arg(long)]
    pub pseudonyms: Option<PathBuf>,
    /// The digest of the root as the others told it, 16 digits or more.
    #[arg(long)]
    pub digest: String,
    /// Draw other nonces, after the first were lost, or used among signers who did not all sign.
    #[arg(long)]
    pub again: bool,
}

/// `nacre custodian endorse sign`.
#[derive(Args)]
pub struct SignArgs {
    /// Folder and key.
    #[command(flatten)]
    pub own: OwnArgs,
    /// The folder of one's own ceremony.
    #[arg(long)]
    pub ceremony: PathBuf,
    /// The folder of the ceremony of the pseudonyms' key, if the root has one.
    #[arg(long)]
    pub pseudonyms: Option<PathBuf>,
    /// Numbers of the custodians who sign, one's own among them; all of them name the same.
    #[arg(long, value_delimiter = ',', required = true)]
    pub signers: Vec<u16>,
}

/// `nacre custodian endorse aggregate`.
#[derive(Args)]
pub struct AggregateArgs {
    /// The endorsement's folder.
    pub dir: PathBuf,
    /// Whose endorsement.
    #[arg(long)]
    pub jurisdiction: JurisdictionId,
    /// Numbers of the custodians who signed.
    #[arg(long, value_delimiter = ',', required = true)]
    pub signers: Vec<u16>,
}
