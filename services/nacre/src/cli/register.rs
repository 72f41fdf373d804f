//! `nacre exchange register`, `nacre witness register`, `nacre custodian register`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use nacre_schemas::{Digest, id::ChainId};

/// `nacre exchange register`.
#[derive(Subcommand)]
pub enum ExchangeRegisterCommand {
    /// Show what each chain's log holds and what its register says. The exchange must be stopped; the logs are read in full;
    /// nothing is changed. Ends with status 0 if they agree, 2 if not.
    Show(ShowRegisterArgs),
    /// Write the register of a chain anew, after its witnesses confirmed that the log ends where the chain does.
    ///
    /// For a log that is read-only because its register is missing or cannot be read. The exchange must be stopped. The log is
    /// checked in full, then each witness of the chain is asked to countersign its last checkpoint: a quorum that does has seen
    /// nothing longer and nothing else. A register that can be read is believed: a log that has less than it says is an old
    /// copy, and this command refuses it; restore the newest, or mirror the chain from a full witness and repair the log.
    ///
    /// What witnesses have not seen they cannot confirm: if the newest of the log may be lost, ask the chain's providers for
    /// their receipts before, and bring the checkpoints along with --note.
    ///
    /// Example: nacre exchange register renew exchange.toml --chain region/440100
    Renew(RenewExchangeRegisterArgs),
}

/// `nacre witness register`.
#[derive(Subcommand)]
pub enum WitnessRegisterCommand {
    /// Show what the tables have as countersigned last of each chain, and what the registers say. The witness must be
    /// stopped; nothing is changed. Ends with status 0 if they agree, 2 if not.
    Show(ShowRegisterArgs),
    /// Write the register of a chain anew, after the chain's peers confirmed where it stands.
    ///
    /// For a chain that is not countersigned because of an alarm: tables or register are missing, older, or garbled. The
    /// witness must be stopped. The chain's exchange shows its latest checkpoint, and proves that it extends the last that a
    /// quorum of witnesses countersigned, what the tables have, what the register says, and every checkpoint given by --note.
    /// The witness then goes on from there, and from nothing that is shorter; a full witness checks what is new before it
    /// countersigns again.
    ///
    /// Without peers that can confirm anything, say size and root as you read them elsewhere: they must be what the tables have.
    ///
    /// Example: nacre witness register renew witness.toml --chain region/440100
    Renew(RenewWitnessRegisterArgs),
}

/// `nacre custodian register`.
#[derive(Subcommand)]
pub enum CustodianRegisterCommand {
    /// Show what the custodian's own log holds and what its register says. The custodian must be stopped; the log is read in
    /// full; nothing is changed. Ends with status 0 if they agree, 2 if not.
    Show(ShowRegisterArgs),
    /// Write the register of the custodian's own log anew.
    ///
    /// For a log that is read-only because its register is missing or cannot be read. The custodian must be stopped. Nobody but the
    /// custodian has this log, so nobody can confirm where it ends: say its size and root as you read them elsewhere before, in
    /// what monitoring or an earlier `show` wrote down. They must be what the log has. Answers of the custodian that are in
    /// releases and that its log does not have are a sign that it is an old copy: look before.
    ///
    /// Example: nacre custodian register renew custodian.toml --size 1204 --root 5f0c…
    Renew(RenewCustodianRegisterArgs),
}

/// `nacre … register show`.
#[derive(Args)]
pub struct ShowRegisterArgs {
    /// The role's configuration.
    pub config: PathBuf,
}

/// Size and root as the operator read them elsewhere.
#[derive(Args)]
pub struct StatedArgs {
    /// Entries, as read elsewhere: they must be as many as are here. Only with --root.
    #[arg(long, requires = "root")]
    pub size: Option<u64>,
    /// The root of the tree of that size, 64 hex digits.
    #[arg(long, requires = "size")]
    pub root: Option<Digest>,
}

/// `nacre exchange register renew`.
#[derive(Args)]
pub struct RenewExchangeRegisterArgs {
    /// exchange.toml
    pub config: PathBuf,
    /// The chain, as region/440100.
    #[arg(long)]
    pub chain: ChainId,
    /// A file with a checkpoint of the chain from elsewhere (a receipt's, a witness's, a parent chain's): the log has to have
    /// it. May be given several times.
    #[arg(long)]
    pub note: Vec<PathBuf>,
    /// In place of a quorum of witnesses that confirm. Witnesses that contradict still count.
    #[command(flatten)]
    pub stated: StatedArgs,
}

/// `nacre witness register renew`.
#[derive(Args)]
pub struct RenewWitnessRegisterArgs {
    /// witness.toml
    pub config: PathBuf,
    /// The chain, as region/440100.
    #[arg(long)]
    pub chain: ChainId,
    /// The URL of the chain's exchange; that of the configuration if it is absent.
    #[arg(long, conflicts_with_all = ["size", "root"])]
    pub exchange: Option<String>,
    /// A file with a checkpoint of the chain from elsewhere: what the exchange shows has to extend it. May be given several times.
    #[arg(long, conflicts_with_all = ["size", "root"])]
    pub note: Vec<PathBuf>,
    /// In place of the exchange's word.
    #[command(flatten)]
    pub stated: StatedArgs,
}

/// `nacre custodian register renew`.
#[derive(Args)]
pub struct RenewCustodianRegisterArgs {
    /// custodian.toml
    pub config: PathBuf,
    /// Entries, as read elsewhere.
    #[arg(long)]
    pub size: u64,
    /// The root of the tree of that size, 64 hex digits.
    #[arg(long)]
    pub root: Digest,
}
