//! The command line. Help texts teach: what a command does, for whom, with an example that works.

mod ceremony;
mod log;
mod provider;
mod register;
mod trust;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use nacre_pages::Language;
use nacre_schemas::{
    Digest,
    cohort::{AgeBand, Period, Sex},
    id::{ChainId, MeasureId, Text},
    query::{Attribute, Statistic},
    region::Region,
};

pub use ceremony::{
    AggregateArgs, AtArgs, CommitArgs, DkgCommand, DkgRound1Args, DkgStartArgs, EndorseCommand, OwnArgs,
    ReshareCommand, ReshareRound1Args, ReshareStartArgs, SignArgs,
};
pub use log::{CheckLogArgs, LogCommand, LogKeysArgs, LogOfArgs, MirrorLogArgs, RepairLogArgs, ShowLogArgs};
pub use provider::{GrantArgs, ProviderCommand, ReadingArgs};
pub use register::{
    CustodianRegisterCommand, ExchangeRegisterCommand, RenewCustodianRegisterArgs, RenewExchangeRegisterArgs,
    RenewWitnessRegisterArgs, ShowRegisterArgs, StatedArgs, WitnessRegisterCommand,
};
pub use trust::{AssembleArgs, FinishArgs, TrustCommand};

use crate::known_leaks::CrossLaneFlag;

/// Health and fitness records in common use while nobody sees them.
///
/// Providers seal each value and prove it lies in its measure's range; exchanges keep it on an append-only chain;
/// regulators ask for sums; custodians of every jurisdiction open a sum, never a record; anyone verifies the answer.
///
/// New here? `nacre demo` runs the whole of it on this machine in a minute or two.
#[derive(Parser)]
#[command(name = "nacre", version, max_term_width = 110)]
pub struct Cli {
    /// Print one JSON value instead of text.
    #[arg(long, global = true)]
    pub json: bool,
    /// Language of results and of the demo: en, zh-Hans (简体中文), zh-Hant (繁體中文), pt (português).
    ///
    /// A locale's name will do too: zh_HK is zh-Hant, pt_PT is pt. Without this option LC_ALL, else LC_MESSAGES, else LANG decides,
    /// and English stands in for a language that is not among these. JSON is the same in every language; --help, errors and warnings
    /// are in English.
    ///
    /// Example: nacre demo --lang zh-Hans
    #[arg(long, global = true, value_name = "LANGUAGE")]
    pub lang: Option<Language>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Subcommand)]
pub enum Command {
    /// Run a whole network on this machine: people, providers, exchanges, custodians, five questions, their proofs.
    ///
    /// It says step by step what happens, and leaves one page that shows it with charts: index.html of --out, which opens from
    /// disk. Both are in the language of --lang.
    Demo(DemoArgs),
    /// Make a network to try out.
    #[command(subcommand)]
    Consortium(ConsortiumCommand),
    /// Run an exchange: takes batches in, keeps chains, seals epochs, serves cells.
    #[command(subcommand)]
    Exchange(ExchangeCommand),
    /// Check, show, mirror and repair the log of a chain.
    #[command(subcommand)]
    Log(LogCommand),
    /// Run a witness: countersigns what chains sign, if they only ever add; a full witness checks every entry first.
    #[command(subcommand)]
    Witness(WitnessCommand),
    /// Run a custodian: checks each request by itself, then gives its share of the decryption, or refuses. Before: come by
    /// a share together with the other custodians of the jurisdiction.
    #[command(subcommand)]
    Custodian(CustodianCommand),
    /// Run an evaluator: computes cross-tables and means on ciphertexts, for the custodians of its jurisdiction.
    #[command(subcommand)]
    Evaluator(EvaluatorCommand),
    /// Put a network's trust root together, read one, finish it.
    #[command(subcommand)]
    Trust(TrustCommand),
    /// The edge: the one place that sees plaintext records.
    #[command(subcommand)]
    Provider(ProviderCommand),
    /// Ask a question over encrypted records and write the answer with its proof to a file.
    ///
    /// The request is logged on a main chain first; then cells are fetched, custodians of every jurisdiction are
    /// asked, and what they open is put together, verified and published. Groups with too few people are withheld, and so
    /// are those that would single out too few people together with what was asked before: see --dry-run.
    ///
    /// Example: nacre query regulator.toml --measure systolic-bp --regions 440100,810000 --periods 2026-01..2026-03
    /// --by region,sex --statistics count,mean,sd --purpose "quarterly report" --out release.json
    Query(QueryArgs),
    /// Write down where a record of yours stands: in its chain, and anchored up to the judicial chain. One file that proves
    /// it to a court.
    ///
    /// `nacre provider receipts` lists the ids of your records. A record posted just now is waited for until it is anchored.
    /// Keep the file among those it concerns: it says of which measure, month, region, sex and age band the record is, and
    /// holds its ephemeral keys, with which a computer that breaks elliptic curves could open the value.
    ///
    /// Example: nacre evidence 0f3c… --config provider.toml --out evidence.json
    Evidence(EvidenceArgs),
    /// Dispute a record in public: your signed grounds, with the digest of the evidence, on the judicial chain.
    ///
    /// For providers and regulators. The evidence is verified first.
    Dispute(DisputeArgs),
    /// Check a release, a piece of evidence or an equivocation offline, from the file and the trust root alone.
    ///
    /// Needs no network, account or secret. Ends with status 0 if every check holds, 2 if one fails.
    Verify(VerifyArgs),
    /// Compute the result of a cross-lane release again, from what the chains handed over for it, and compare every byte.
    ///
    /// For whoever holds the inputs: an evaluator that has `keep-inputs = true` keeps them in `jobs/<request>/inputs` of its data
    /// folder. The release is verified first. Takes as long as the evaluators took, and a processor with the same vector
    /// instructions as theirs. Ends with status 0 if the result is the same, 2 if it is not or does not verify.
    ///
    /// Example: nacre recompute release.json --trust trust.toml --keys evaluation.key --inputs jobs/0f3c…/inputs
    Recompute(RecomputeArgs),
}

/// `nacre demo`.
#[derive(Args)]
pub struct DemoArgs {
    /// How many people to generate; 950 make about 10,000 contributions.
    #[arg(long, default_value_t = 950, value_parser = clap::value_parser!(u32).range(50..=100_000))]
    pub people: u32,
    /// Seed of the population. Keys and nonces are never seeded.
    #[arg(long, default_value_t = 2026)]
    pub seed: u64,
    /// Where to leave the page, the network, its records and the releases. A demo's folder is replaced, any other is not.
    #[arg(long, default_value = "nacre-demo")]
    pub out: PathBuf,
    /// With the cross lane, or without.
    #[command(flatten)]
    pub cross_lane: CrossLaneFlag,
}

/// `nacre consortium`.
#[derive(Subcommand)]
pub enum ConsortiumCommand {
    /// Make keys, trust root and a configuration for every role in DIR. For trying out, not for production: whoever
    /// runs this holds every secret of every role.
    Init(InitArgs),
}

/// `nacre consortium init`.
#[derive(Args)]
pub struct InitArgs {
    /// Folder to make; it must be empty or not there yet.
    pub dir: PathBuf,
    /// Regions by GB/T 2260 code. Each gets a chain, an exchange, a hospital and a gym; main and judicial chains are on one
    /// exchange more.
    #[arg(long, value_delimiter = ',', default_value = "440100,810000,820000")]
    pub regions: Vec<Region>,
    /// In place of --regions: `gba`, the 29 chains of the Greater Bay Area on five exchanges (main chains and scenes, the
    /// judicial chain, and the regions of each jurisdiction), or a TOML file like schemas/topology/gba.toml.
    #[arg(long, conflicts_with = "regions")]
    pub topology: Option<String>,
    /// Host all chains on one exchange, which is named `all`.
    #[arg(long)]
    pub one_exchange: bool,
    /// With the cross lane, or without.
    #[command(flatten)]
    pub cross_lane: CrossLaneFlag,
    /// The measures that the cross lane answers about, as mvpa-minutes,hba1c. From its first month on the tally lane answers
    /// nothing about them or what shares their codes. It is set for good.
    #[arg(
        long,
        value_delimiter = ',',
        requires = "cross_lane_with_known_leaks",
        required_if_eq("cross_lane_with_known_leaks", "true")
    )]
    pub cross_measures: Vec<MeasureId>,
    /// The first month that the cross lane answers about, as 2026-01. It is set for good.
    #[arg(long, requires = "cross_lane_with_known_leaks", required_if_eq("cross_lane_with_known_leaks", "true"))]
    pub cross_from: Option<Period>,
    /// Anchor a chain in its parents this often at most, in milliseconds.
    #[arg(long, default_value_t = 60_000)]
    pub anchor_every_ms: u64,
    /// k: the least people behind a figure. 11 is the network's rule; less is for small tests.
    #[arg(long, default_value_t = 11, value_parser = clap::value_parser!(u32).range(1..))]
    pub minimum_people: u32,
    /// The FHIR identifier system that names a person in the providers' files.
    #[arg(long, default_value = "urn:nacre:person")]
    pub person_system: String,
    /// First TCP port on loopback; each server takes the next one.
    #[arg(long, default_value_t = 8440)]
    pub port: u16,
    /// First TCP port of the servers' metrics, on loopback; each server takes the next one.
    #[arg(long, default_value_t = 9440)]
    pub metrics_port: u16,
    /// Without TLS. Otherwise the network gets a certificate authority of its own, and every server a certificate.
    #[arg(long)]
    pub plain_http: bool,
}

/// `nacre exchange`.
#[derive(Subcommand)]
pub enum ExchangeCommand {
    /// Serve until interrupted.
    Serve {
        /// exchange.toml
        config: PathBuf,
    },
    /// Say what serving would do and what is lacking, without serving: files, keys, addresses, certificate, disk. Ends with
    /// status 0 if nothing is lacking.
    Check {
        /// exchange.toml
        config: PathBuf,
    },
    /// Close the epoch of every chain of a running exchange: what was posted becomes askable.
    Seal {
        /// exchange.toml
        config: PathBuf,
    },
    /// Show and renew what remembers how far each chain was answered for.
    #[command(subcommand)]
    Register(ExchangeRegisterCommand),
}

/// `nacre witness`.
#[derive(Subcommand)]
pub enum WitnessCommand {
    /// Serve until interrupted. Chains post their checkpoints to /add-checkpoint (C2SP tlog-witness). The metrics have an alarm
    /// for chains that signed two histories, /evidence/CHAIN the proof of it, which `nacre verify` confirms. /readyz is 503
    /// while a chain is not countersigned because the witness does not know for certain what it countersigned before.
    Serve {
        /// witness.toml
        config: PathBuf,
    },
    /// Say what serving would do and what is lacking, without serving: files, keys, addresses, certificate, disk. Ends with
    /// status 0 if nothing is lacking.
    Check {
        /// witness.toml
        config: PathBuf,
    },
    /// Show and renew what remembers how far each chain was countersigned.
    #[command(subcommand)]
    Register(WitnessRegisterCommand),
}

/// `nacre evaluator`.
#[derive(Subcommand)]
pub enum EvaluatorCommand {
    /// Serve until interrupted; a job at work goes on from its last chunk when it is started again. Loading the keys takes
    /// some seconds and 1.2 GB. /v1/arithmetic is what evaluators have to agree on to come to the same bytes.
    Serve {
        /// evaluator.toml
        config: PathBuf,
    },
    /// Say what serving would do and what is lacking, without serving: files, keys, addresses, certificate, disk. Ends with
    /// status 0 if nothing is lacking.
    Check {
        /// evaluator.toml
        config: PathBuf,
    },
}

/// `nacre custodian`.
#[derive(Subcommand)]
pub enum CustodianCommand {
    /// Serve until interrupted.
    Serve {
        /// custodian.toml
        config: PathBuf,
    },
    /// Say what serving would do and what is lacking, without serving: files, keys, addresses, certificate, disk. Ends with
    /// status 0 if nothing is lacking.
    Check {
        /// custodian.toml
        config: PathBuf,
    },
    /// Show and renew what remembers how far the custodian's own log was answered for.
    #[command(subcommand)]
    Register(CustodianRegisterCommand),
    /// Make the SM2 key that the custodian signs with, if the file is not there; print its public key.
    Key {
        /// File of the secret key, hex; it is made with mode 0600.
        file: PathBuf,
    },
    /// Generate the jurisdiction's key together with its other custodians, each on a host of its own.
    #[command(subcommand)]
    Dkg(DkgCommand),
    /// Share the jurisdiction's key anew: replace a lost custodian, or change threshold or number. The key stays.
    #[command(subcommand)]
    Reshare(ReshareCommand),
    /// Endorse a trust root under the jurisdiction's key, together with other custodians.
    #[command(subcommand)]
    Endorse(EndorseCommand),
}

/// `nacre query`.
#[derive(Args)]
pub struct QueryArgs {
    /// regulator.toml
    pub config: PathBuf,
    /// Measure by name, as systolic-bp, or with a version, as systolic-bp@1.
    #[arg(long, required_unless_present_any = ["cross", "mean"], conflicts_with_all = ["cross", "mean"])]
    pub measure: Option<String>,
    /// Two measures, as mvpa-minutes,hba1c: about people who have values of both, whoever has which. With --table. Where the
    /// trust root has the cross lane, as `nacre trust show` says.
    #[arg(long, value_name = "ROWS,COLUMNS", requires = "table", conflicts_with_all = ["mean", "sex", "ages", "by", "dry_run"])]
    pub cross: Option<String>,
    /// How many people are in each pair of bands of the two measures of --cross; cells of few people are not shown.
    #[arg(long, requires = "cross")]
    pub table: bool,
    /// The mean of this measure for each band of the measure of --by-band, over people who have values of both. Where the
    /// trust root has the cross lane.
    #[arg(long, requires = "by_band", conflicts_with_all = ["sex", "ages", "by", "dry_run"])]
    pub mean: Option<String>,
    /// By whose bands --mean is.
    #[arg(long, requires = "mean")]
    pub by_band: Option<String>,
    /// Regions by GB/T 2260 code; all that the network serves if absent.
    #[arg(long, value_delimiter = ',')]
    pub regions: Vec<Region>,
    /// Months, first and last: 2026-01..2026-03; or one month.
    #[arg(long, value_parser = parse_periods)]
    pub periods: Periods,
    /// female, male, other, unknown; all if absent.
    #[arg(long, value_delimiter = ',')]
    pub sex: Vec<Sex>,
    /// Ages on the borders of five-year bands: 45-64, or 60+; all if absent.
    #[arg(long, value_parser = parse_ages)]
    pub ages: Option<Ages>,
    /// Split by region, sex, age-band, period.
    #[arg(long, value_delimiter = ',')]
    pub by: Vec<Attribute>,
    /// count, mean, sd, bands.
    #[arg(long, value_delimiter = ',', default_value = "count,mean,sd")]
    pub statistics: Vec<Statistic>,
    /// Up to which seal of a chain to ask, as region/440100=12; up to its latest if absent. Records that came late are in
    /// later seals: a few people, who could be told from those before, so that groups with them may be withheld.
    #[arg(long, value_delimiter = ',', value_parser = parse_through)]
    pub through: Vec<(ChainId, u64)>,
    /// Why you ask: it is logged in public with the request.
    #[arg(long, default_value = "not stated")]
    pub purpose: String,
    /// Say what would be withheld and why, and ask nothing: no request is logged on a main chain, nothing is opened. The
    /// custodian that looks keeps a record of it.
    #[arg(long, conflicts_with = "out")]
    pub dry_run: bool,
    /// Where to write the release.
    #[arg(long, required_unless_present = "dry_run")]
    pub out: Option<PathBuf>,
}

/// `nacre evidence`.
#[derive(Args)]
pub struct EvidenceArgs {
    /// The record's id, 64 hex digits.
    pub record: Digest,
    /// provider.toml
    #[arg(long)]
    pub config: PathBuf,
    /// Where to write the evidence.
    #[arg(long)]
    pub out: PathBuf,
    /// How long to wait for what is not anchored yet, in seconds. Chains are anchored once a minute, unless configured
    /// otherwise, and there are two anchors on the way.
    #[arg(long, default_value_t = 150)]
    pub wait: u64,
}

/// `nacre dispute`.
#[derive(Args)]
pub struct DisputeArgs {
    /// The evidence on the record.
    pub evidence: PathBuf,
    /// What you dispute. It is public for ever: say nothing of a person.
    #[arg(long)]
    pub grounds: Text<1_024>,
    /// provider.toml or regulator.toml
    #[arg(long)]
    pub config: PathBuf,
}

/// `nacre verify`.
#[derive(Args)]
pub struct VerifyArgs {
    /// The release, evidence or equivocation, as JSON or canonical bytes.
    pub file: PathBuf,
    /// The trust root, obtained by yourself from the jurisdictions, not from whoever gave you the file.
    #[arg(long)]
    pub trust: PathBuf,
}

/// `nacre recompute`.
#[derive(Args)]
pub struct RecomputeArgs {
    /// The release, as JSON or canonical bytes.
    pub release: PathBuf,
    /// The trust root, obtained by yourself from the jurisdictions.
    #[arg(long)]
    pub trust: PathBuf,
    /// The evaluation keys that the trust root names.
    #[arg(long)]
    pub keys: PathBuf,
    /// Folder of what the chains handed over, one file a chain.
    #[arg(long)]
    pub inputs: PathBuf,
}

/// First and last month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Periods {
    /// First.
    pub from: Period,
    /// Last.
    pub to: Period,
}

fn parse_through(text: &str) -> Result<(ChainId, u64), String> {
    let explain = || format!("`{text}` names no seal of a chain; write region/440100=12");
    let (chain, number) = text.split_once('=').ok_or_else(explain)?;
    Ok((chain.parse()?, number.parse().map_err(|_| explain())?))
}

fn parse_periods(text: &str) -> Result<Periods, String> {
    let (from, to) = text.split_once("..").unwrap_or((text, text));
    Ok(Periods { from: from.parse()?, to: to.parse()? })
}

/// Youngest and oldest band.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ages {
    /// Youngest.
    pub youngest: AgeBand,
    /// Oldest.
    pub oldest: AgeBand,
}

fn parse_ages(text: &str) -> Result<Ages, String> {
    let explain = || {
        format!(
            "`{text}` does not lie on the borders of five-year bands; write 45-64, 0-84 or 60+ (85 and over are one band)"
        )
    };
    let (from, to) = match text.strip_suffix('+') {
        Some(from) => (from, None),
        None => text.split_once('-').map(|(from, to)| (from, Some(to))).ok_or_else(explain)?,
    };
    let from: u32 = from.parse().map_err(|_| explain())?;
    let youngest = AgeBand::of_age(from);
    let oldest = match to {
        None => AgeBand::TOP,
        Some(to) => AgeBand::of_age(to.parse().map_err(|_| explain())?),
    };
    let aligned = youngest.from_age() == from
        && to.is_none_or(|to| oldest.to_age().map(|age| age.to_string()).as_deref() == Some(to));
    if aligned && youngest <= oldest { Ok(Ages { youngest, oldest }) } else { Err(explain()) }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_language_can_stand_anywhere_and_one_that_is_not_known_is_told_which_are() {
        let lang = |arguments: &[&str]| Cli::try_parse_from(arguments).map(|cli| cli.lang);
        assert_eq!(lang(&["nacre", "demo", "--lang", "pt"]).ok(), Some(Some(Language::Portuguese)));
        assert_eq!(lang(&["nacre", "--lang", "zh_HK.UTF-8", "demo"]).ok(), Some(Some(Language::TraditionalChinese)));
        assert_eq!(lang(&["nacre", "demo"]).ok(), Some(None));
        let told = lang(&["nacre", "demo", "--lang", "fr"]).unwrap_err().to_string();
        assert!(told.contains("zh-Hant (繁體中文)"), "{told}");
    }

    #[test]
    fn ages_lie_on_band_borders() {
        let ages = |from, to| Ages { youngest: AgeBand::of_age(from), oldest: AgeBand::of_age(to) };
        assert_eq!(parse_ages("45-64"), Ok(ages(45, 64)));
        assert_eq!(parse_ages("60+"), Ok(ages(60, 99)));
        assert_eq!(parse_ages("0-4"), Ok(ages(0, 4)));
        for bad in ["46-64", "45-65", "64-45", "45-99", "45", "x+", "-5", "85-89"] {
            assert!(parse_ages(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn months_are_a_range_or_one() {
        let january: Period = "2026-01".parse().unwrap();
        assert_eq!(parse_periods("2026-01"), Ok(Periods { from: january, to: january }));
        assert_eq!(parse_periods("2026-01..2026-03").unwrap().to, "2026-03".parse().unwrap());
        assert!(parse_periods("2026").is_err());
    }
}
