//! `nacre … register`: what a role has answered for, and how an operator renews what remembers it.
//!
//! Kept true: a register is renewed only where it is missing or cannot be read, only to what is there, and only after peers
//! confirmed size and root, or the operator said both as read elsewhere. What any of them contradicts is not renewed.
//! The role is stopped meanwhile: its folder is held.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, bail, ensure};
use nacre_access::client::PlainClient;
use nacre_hosting::tls::ClientTls;
use nacre_hosting::{
    file,
    folder::DataFolder,
    roots::{Roots, RootsError},
    trust,
};
use nacre_ledger::{
    log::{Answered, LogOptions, Mirror, Reader, Register, Registered, check},
    note::{SignedCheckpoint, Submission},
};
use nacre_schemas::{Digest, SigningPublicKey, answer::CustodianId, dossier::Note, id::ChainId, limits, trust::Chain};
use nacre_verifier::{Lineage, Network, note};
use nacre_wire::witness::ADD_CHECKPOINT;
use nacre_witness::renewal::{Renewal, Word};
use serde::Serialize;

use super::Output;
use crate::cli::{
    CustodianRegisterCommand, ExchangeRegisterCommand, RenewCustodianRegisterArgs, RenewExchangeRegisterArgs,
    RenewWitnessRegisterArgs, StatedArgs, WitnessRegisterCommand,
};

/// What registers that do not agree end with.
const DISAGREES: u8 = 2;
/// What a witness may take: a full witness checks what is new first.
const WITNESS_TIMEOUT: Duration = Duration::from_secs(120);
/// A witness that has another size than asked about says so, and is asked again with its own.
const ATTEMPTS: usize = 3;

/// Size and root.
#[derive(Serialize)]
struct Place {
    size: u64,
    root: Digest,
}

impl From<Answered> for Place {
    fn from(Answered { size, root }: Answered) -> Self {
        Self { size, root }
    }
}

/// A log or a witness's tables, beside what their register says.
#[derive(Serialize)]
struct Shown {
    /// The chain, or the custodian.
    of: String,
    /// What is there.
    holds: Option<Place>,
    /// `missing`, `garbled`, or `written`.
    register: &'static str,
    /// What it says.
    says: Option<Place>,
    /// Why nothing is signed, if that is so.
    alarm: Option<String>,
}

fn shown(of: String, holds: Option<Answered>, registered: &Registered, alarm: Option<String>) -> Shown {
    let (register, says) = match registered {
        Registered::Missing => ("missing", None),
        Registered::Garbled(_) => ("garbled", None),
        Registered::Says { answered, .. } => ("written", Some((*answered).into())),
    };
    Shown { of, holds: holds.map(Into::into), register, says, alarm }
}

fn print(all: &[Shown], output: Output) -> anyhow::Result<ExitCode> {
    output.print(&all, || {
        let place = |place: &Option<Place>| {
            place.as_ref().map_or("nothing".to_owned(), |place| format!("{} entries, root {}", place.size, place.root))
        };
        let lines = all.iter().map(|one| {
            let alarm = one.alarm.as_ref().map(|why| format!("\n  ALARM     {why}")).unwrap_or_default();
            format!(
                "{}\n  holds     {}\n  register  {}: {}{alarm}",
                one.of,
                place(&one.holds),
                one.register,
                place(&one.says)
            )
        });
        lines.collect::<Vec<_>>().join("\n")
    })?;
    let agree = all.iter().all(|one| one.alarm.is_none());
    Ok(if agree { ExitCode::SUCCESS } else { ExitCode::from(DISAGREES) })
}

/// What a register was renewed to.
#[derive(Serialize)]
struct Renewed {
    of: String,
    size: u64,
    root: Digest,
    /// Whether anything had to be.
    changed: bool,
    /// Which witnesses confirmed it.
    confirmed_by: Vec<String>,
}

impl Renewed {
    fn print(&self, start: &str, output: Output) -> anyhow::Result<ExitCode> {
        output.print(self, || {
            let Self { of, size, root, .. } = self;
            if !self.changed {
                return format!("{of}: the register agrees with what is there, {size} entries: nothing to renew");
            }
            let by = match self.confirmed_by.as_slice() {
                [] => "as you said".to_owned(),
                by => format!("confirmed by {}", by.join(", ")),
            };
            format!("{of}: the register says {size} entries, root {root}, {by}. The one before is kept beside it. Start the {start}.")
        })?;
        Ok(ExitCode::SUCCESS)
    }
}

fn stated(args: &StatedArgs) -> Option<Answered> {
    Some(Answered { size: args.size?, root: args.root? })
}

fn read_notes(paths: &[PathBuf]) -> anyhow::Result<Vec<Note>> {
    let read = |path: &PathBuf| {
        let text = file::read_text(path, limits::MAX_NOTE_BYTES)?;
        text.parse().map_err(|error: String| anyhow::anyhow!("{} is no checkpoint: {error}", path.display()))
    };
    paths.iter().map(read).collect()
}

/// A log that is closed, with its register.
struct Closed {
    of: String,
    dir: PathBuf,
    register: PathBuf,
    origin: String,
    public: SigningPublicKey,
    /// Those that it had before.
    earlier: Vec<SigningPublicKey>,
}

impl Closed {
    /// What a full check finds the log to hold; an error if it is not sound.
    fn holds(&self) -> anyhow::Result<Option<SignedCheckpoint>> {
        if !self.dir.is_dir() {
            return Ok(None);
        }
        let report = check(&self.dir, &self.origin, &[&[self.public], &self.earlier[..]].concat(), None, &|_| {})?;
        if let Some(first) = report.findings.iter().chain(&report.unfinished).next() {
            let (file, offset, what) = (first.file.display(), first.offset, &first.what);
            bail!(
                "the log of {} is not sound: {file} at byte {offset}: {what}. `nacre log check` has all of it; repair it \
                 first (`nacre log repair`)",
                self.of
            );
        }
        Ok(report.checkpoint)
    }

    fn show(&self) -> anyhow::Result<Shown> {
        let registered = nacre_ledger::log::registered(&self.register, &self.origin)?;
        let (holds, alarm) = match self.holds() {
            Ok(holds) => {
                let holds = holds.as_ref().map(answered);
                let alarm = disagrees(holds, &registered, None);
                (holds, alarm)
            }
            Err(error) => (None, Some(super::explain(&error))),
        };
        Ok(shown(self.of.clone(), holds, &registered, alarm))
    }

    /// Opens what is there, and its register, if that has to be renewed and may be.
    fn open(&self) -> anyhow::Result<Opened> {
        self.holds()?.with_context(|| {
            format!(
                "{} holds no log: a register cannot bring it back. Restore the newest copy, or mirror the chain \
                 (`nacre log mirror`)",
                self.dir.display()
            )
        })?;
        // Without a register nothing is decided by it; the log is sound, so nothing is cut off.
        let options = LogOptions { earlier_keys: self.earlier.clone(), ..LogOptions::default() };
        let mirror = Mirror::open(&self.dir, &self.origin, self.public, &options)?;
        let reader = mirror.reader().with_context(|| format!("{} holds no log", self.dir.display()))?.clone();
        let register = Register::open(&self.register, &self.origin)?;
        let held = answered(&reader.checkpoint());
        if let Some(says) = register.answered() {
            let here = (says.size <= held.size).then(|| reader.root_at(says.size)).transpose()?;
            ensure!(
                here == Some(says.root),
                "{} says that {} entries were answered for, and the {} in {} are fewer or others: an old copy, or another \
                 history. A register that can be read is not renewed: restore the newest copy, or repair the log from a \
                 mirror (`nacre log mirror`, `nacre log repair`)",
                register.path().display(),
                says.size,
                held.size,
                self.dir.display()
            );
        }
        let needed = disagrees(Some(held), register.registered(), Some(&reader)).is_some();
        Ok(Opened { reader, register, held, needed, _mirror: mirror })
    }
}

struct Opened {
    reader: Reader,
    register: Register,
    held: Answered,
    /// Whether the log is read-only because of the register.
    needed: bool,
    /// Keeps the log locked.
    _mirror: Mirror,
}

fn answered(note: &SignedCheckpoint) -> Answered {
    let said = note.unverified();
    Answered { size: said.size, root: said.root }
}

/// Why a log with this end would be opened to be read only.
fn disagrees(held: Option<Answered>, registered: &Registered, reader: Option<&Reader>) -> Option<String> {
    let size = held.map_or(0, |held| held.size);
    match registered {
        Registered::Missing if held.is_none() => None,
        Registered::Missing => Some("the register is missing: nothing is signed until it is renewed".to_owned()),
        Registered::Garbled(what) => {
            Some(format!("the register cannot be read: {what}. Nothing is signed until it is renewed"))
        }
        Registered::Says { answered, .. } if answered.size > size => Some(format!(
            "{} entries were answered for: what is here is an old copy. Restore the newest",
            answered.size
        )),
        Registered::Says { answered, torn: true } if answered.size == size => Some(
            "a slot of the register cannot be read, which was written for more than the log has: an old copy, or a damaged \
             register"
                .to_owned(),
        ),
        Registered::Says { answered, .. } => {
            let other = held.is_some_and(|held| held.size == answered.size && held.root != answered.root)
                || reader.is_some_and(|reader| reader.root_at(answered.size).ok() != Some(answered.root));
            other.then(|| "other entries were answered for: another history".to_owned())
        }
    }
}

/// Runs `nacre exchange register`.
pub(super) async fn of_exchange(command: ExchangeRegisterCommand, output: Output) -> anyhow::Result<ExitCode> {
    match command {
        ExchangeRegisterCommand::Show(args) => {
            let config = nacre_exchange::Config::read(&args.config)?;
            let _folder = DataFolder::take(&config.data)?;
            let present = Arc::new(trust::read_of_any_catalogue(&config.trust)?);
            // An exchange does not start without them either.
            let (lineage, unread) = match lineage(&config, Arc::clone(&present)) {
                Ok(lineage) => (lineage, None),
                Err(error) => (Lineage::new(present), Some(super::explain(&error.into()))),
            };
            let logs = config.chains.iter().map(|hosted| {
                let chain = find(lineage.present(), &hosted.id)?;
                let shown = closed_chain(&config, &lineage, chain).show()?;
                Ok(Shown { alarm: shown.alarm.or_else(|| unread.clone()), ..shown })
            });
            print(&logs.collect::<anyhow::Result<Vec<_>>>()?, output)
        }
        ExchangeRegisterCommand::Renew(args) => renew_exchange(&args, output).await,
    }
}

fn find<'a>(network: &'a Network, chain: &ChainId) -> anyhow::Result<&'a Chain> {
    network.root().chain(chain).with_context(|| format!("the trust root has no chain {chain}"))
}

/// The trust roots that the exchange goes by and went by.
fn lineage(config: &nacre_exchange::Config, present: Arc<Network>) -> Result<Lineage, RootsError> {
    Ok(Roots::open(&nacre_exchange::roots_folder(&config.data), present)?.lineage())
}

fn closed_chain(config: &nacre_exchange::Config, lineage: &Lineage, chain: &Chain) -> Closed {
    Closed {
        of: chain.id.to_string(),
        dir: nacre_exchange::log_folder(&config.data, &chain.id),
        register: nacre_exchange::register_file(&config.registers, &chain.id),
        origin: lineage.present().root().origin(&chain.id),
        public: chain.signing_key,
        earlier: lineage.signing_keys(&chain.id).into_iter().filter(|key| *key != chain.signing_key).collect(),
    }
}

async fn renew_exchange(args: &RenewExchangeRegisterArgs, output: Output) -> anyhow::Result<ExitCode> {
    let config = nacre_exchange::Config::read(&args.config)?;
    let _folder = DataFolder::take(&config.data)?;
    let lineage = lineage(&config, Arc::new(trust::read_of_any_catalogue(&config.trust)?))?;
    let network = lineage.present();
    let chain = find(network, &args.chain)?;
    ensure!(
        config.chains.iter().any(|hosted| hosted.id == args.chain),
        "{} does not host {}",
        args.config.display(),
        args.chain
    );
    let mut opened = closed_chain(&config, &lineage, chain).open()?;
    let held = opened.held;
    let mut confirmed_by = Vec::new();
    if opened.needed {
        for given in read_notes(&args.note)? {
            let given = answered(&note::check_signed(&given, chain, network)?);
            let here = (given.size <= held.size).then(|| opened.reader.root_at(given.size)).transpose()?;
            ensure!(
                here == Some(given.root),
                "the chain signed a checkpoint of {} entries, and the {} here are fewer or others: an old copy; nothing was \
                 renewed",
                given.size,
                held.size
            );
        }
        let asked = ask_witnesses(&config, chain, &opened.reader, output).await?;
        match (note::policy(chain)?.check(&asked.note), stated(&args.stated)) {
            (Ok(nacre_ledger::note::Finality::Final { .. }), _) => {}
            (_, Some(said)) => check_stated(said, held)?,
            (failed, None) => bail!(
                "the log has {} entries, root {}, and too few confirm it: {}. Start the witnesses that are away; or, if you \
                 read size and root elsewhere, say them: --size N --root HEX. Nothing was renewed",
                held.size,
                held.root,
                failed.err().map_or("the chain has no witnesses".to_owned(), |error| error.to_string())
            ),
        }
        confirmed_by = asked.by;
        opened.register.renew(held)?;
    }
    let (of, changed) = (args.chain.to_string(), opened.needed);
    Renewed { of, size: held.size, root: held.root, changed, confirmed_by }.print("exchange", output)
}

fn check_stated(said: Answered, held: Answered) -> anyhow::Result<()> {
    ensure!(
        said == held,
        "you said {} entries with root {}, and there are {} with root {}; nothing was renewed",
        said.size,
        said.root,
        held.size,
        held.root
    );
    Ok(())
}

/// The log's last checkpoint with the countersignatures of those that confirmed it.
struct Asked {
    note: SignedCheckpoint,
    by: Vec<String>,
}

/// Has the witnesses countersign the log's last checkpoint. One that has seen more, or something else, is an error.
async fn ask_witnesses(
    config: &nacre_exchange::Config,
    chain: &Chain,
    reader: &Reader,
    output: Output,
) -> anyhow::Result<Asked> {
    let tls = config.tls.read()?;
    let mut asked = Asked { note: reader.checkpoint(), by: Vec::new() };
    for witness in &chain.witnesses {
        let name = witness.name.to_string();
        let Some(url) = config.witnesses.get(&witness.name) else {
            output.say(format!("{name}: the configuration does not say where it is"));
            continue;
        };
        match ask(url, &tls, reader).await? {
            Said::Countersigned(lines) => {
                asked.note = asked.note.with_cosignature(&lines, &name, &witness.signing_key)?;
                output.say(format!("{name}: confirms {} entries", asked.note.unverified().size));
                asked.by.push(name);
            }
            Said::More(theirs) => bail!(
                "{name} countersigned {theirs} entries, and the log has {}: an old copy. Restore the newest, or mirror the \
                 chain from a full witness; nothing was renewed",
                reader.size()
            ),
            Said::Other => bail!(
                "{name} countersigned another history of {} entries: the log is not the one that it has seen; nothing was \
                 renewed",
                reader.size()
            ),
            Said::Nothing(why) => output.say(format!("{name}: does not confirm: {why}")),
        }
    }
    Ok(asked)
}

/// What a witness said.
enum Said {
    Countersigned(String),
    More(u64),
    Other,
    Nothing(String),
}

async fn ask(url: &str, tls: &ClientTls, reader: &Reader) -> anyhow::Result<Said> {
    let client = PlainClient::new(url, WITNESS_TIMEOUT, limits::MAX_NOTE_BYTES, tls)?;
    let checkpoint = reader.checkpoint();
    let ours = checkpoint.unverified().size;
    let mut old_size = ours;
    for _ in 0..ATTEMPTS {
        let proof = if old_size == 0 { Vec::new() } else { reader.consistency(old_size, ours)? };
        let sent = Submission { old_size, proof, checkpoint: checkpoint.clone() };
        let answer = match client.ask(ADD_CHECKPOINT, &(), &sent.to_text()).await {
            Ok(answer) => answer,
            Err(error) => return Ok(Said::Nothing(error.to_string())),
        };
        let theirs = || answer.body.trim_end().parse::<u64>().ok();
        match (answer.status.as_u16(), theirs()) {
            (200, _) => return Ok(Said::Countersigned(answer.body)),
            (409, Some(theirs)) if theirs > ours => return Ok(Said::More(theirs)),
            (409, Some(theirs)) if theirs == old_size => return Ok(Said::Other),
            (409, Some(theirs)) => old_size = theirs,
            (status, _) => {
                let said: String = answer.body.trim_end().chars().take(300).collect();
                return Ok(Said::Nothing(format!("it answered {status}: {said}")));
            }
        }
    }
    Ok(Said::Nothing("it has another size each time it is asked".to_owned()))
}

/// Runs `nacre custodian register`.
pub(super) fn of_custodian(command: CustodianRegisterCommand, output: Output) -> anyhow::Result<ExitCode> {
    match command {
        CustodianRegisterCommand::Show(args) => {
            let (_folder, log) = closed_custodian(&args.config)?;
            print(&[log.show()?], output)
        }
        CustodianRegisterCommand::Renew(args) => renew_custodian(&args, output),
    }
}

fn renew_custodian(args: &RenewCustodianRegisterArgs, output: Output) -> anyhow::Result<ExitCode> {
    let (_folder, log) = closed_custodian(&args.config)?;
    let mut opened = log.open()?;
    let held = opened.held;
    check_stated(Answered { size: args.size, root: args.root }, held)?;
    if opened.needed {
        opened.register.renew(held)?;
    }
    let (size, root, changed) = (held.size, held.root, opened.needed);
    Renewed { of: log.of, size, root, changed, confirmed_by: Vec::new() }.print("custodian", output)
}

/// A custodian's own log, and its folder, which no custodian runs on.
fn closed_custodian(path: &Path) -> anyhow::Result<(DataFolder, Closed)> {
    let config = nacre_custodian::Config::read(path)?;
    let network = trust::read_of_any_catalogue(&config.trust)?;
    let id = CustodianId { jurisdiction: config.jurisdiction.clone(), number: config.number };
    let known = network.root().custodian(&id).with_context(|| format!("the trust root has no custodian {id}"))?;
    let log = Closed {
        dir: nacre_custodian::record::log_folder(&config.data),
        register: nacre_custodian::record::register_file(&config.registers()),
        origin: nacre_custodian::record::origin(network.root().network.as_str(), &id),
        public: known.signing_key,
        // A custodian's key is its own for as long as its log is.
        earlier: Vec::new(),
        of: format!("custodian {id}"),
    };
    Ok((DataFolder::take(&config.data)?, log))
}

/// Runs `nacre witness register`.
pub(super) async fn of_witness(command: WitnessRegisterCommand, output: Output) -> anyhow::Result<ExitCode> {
    match command {
        WitnessRegisterCommand::Show(args) => {
            let config = nacre_witness::Config::read(&args.config)?;
            let network = trust::read_of_any_catalogue(&config.trust)?;
            let listed = |chain: &&Chain| chain.witnesses.iter().any(|witness| witness.name == config.name);
            let mut all = Vec::new();
            for chain in network.root().chains.iter().filter(listed) {
                let standing = Renewal::open(&config, &chain.id).await?.standing();
                all.push(shown(chain.id.to_string(), standing.tables, &standing.registered, standing.alarm));
            }
            print(&all, output)
        }
        WitnessRegisterCommand::Renew(args) => renew_witness(&args, output).await,
    }
}

async fn renew_witness(args: &RenewWitnessRegisterArgs, output: Output) -> anyhow::Result<ExitCode> {
    let config = nacre_witness::Config::read(&args.config)?;
    let word = match stated(&args.stated) {
        Some(said) => Word::Operator(said),
        None => {
            let exchange = args.exchange.clone().or_else(|| config.exchanges.get(&args.chain).cloned());
            let exchange = exchange.with_context(|| {
                format!("the configuration does not say where {} is; say --exchange URL", args.chain)
            })?;
            Word::Peers { exchange, notes: read_notes(&args.note)? }
        }
    };
    let renewed = Renewal::open(&config, &args.chain).await?.renew(&config, word).await?;
    let confirmed_by = renewed.confirmed.map_or_else(Vec::new, |(_, by)| by);
    let Answered { size, root } = renewed.answered;
    Renewed { of: args.chain.to_string(), size, root, changed: renewed.changed, confirmed_by }.print("witness", output)
}
