//! `nacre custodian key`, `dkg`, `reshare`, `endorse`.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use nacre_custodian::ceremony::{
    Agreement, Finished, Folder, Roster, Session,
    endorsement::{Endorsing, Signer},
    status,
};
use nacre_hosting::{
    file,
    key::{self, KeyFile, fingerprint},
    secret,
    trust::read_of_any_catalogue,
};
use nacre_ledger::signing::SigningKey;
use nacre_schemas::{Digest, Document as _, ceremony::KeyPurpose};
use nacre_zk::share::SecretShare;
use serde::Serialize;

use super::{Output, trust};
use crate::{
    cli::{
        AggregateArgs, CommitArgs, DkgCommand, DkgStartArgs, EndorseCommand, OwnArgs, ReshareCommand,
        ReshareRound1Args, ReshareStartArgs, SignArgs,
    },
    output,
};

/// The longest roster, in bytes: a table a custodian.
const MAX_ROSTER_BYTES: usize = 1 << 20;

/// What a step leaves to be brought to others.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Sent {
    sent: Vec<PathBuf>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Started {
    ceremony: PathBuf,
    digest: Digest,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Done {
    group_key: Option<nacre_schemas::Point>,
    share: Option<PathBuf>,
    waiting: Vec<String>,
}

pub(super) fn key(file: &Path, output: Output) -> anyhow::Result<()> {
    if !file.exists() {
        secret::write(file, &*SigningKey::generate()?.to_bytes())?;
    }
    let public = key::read_signing(file)?.public();
    output.print(&public, || public.to_string())
}

pub(super) fn dkg(command: DkgCommand, output: Output) -> anyhow::Result<()> {
    match command {
        DkgCommand::Start(args) => start_generation(&args, output),
        DkgCommand::Round1(args) => round_1(&args.own, &args.digest, None, output),
        DkgCommand::Round2(args) => round_2(&args, output),
        DkgCommand::Finish(args) => finish(&args, output),
        DkgCommand::Status(args) => show_status(&args.dir, output),
    }
}

pub(super) fn reshare(command: ReshareCommand, output: Output) -> anyhow::Result<()> {
    match command {
        ReshareCommand::Start(args) => start_resharing(&args, output),
        ReshareCommand::Round1(args) => {
            let ReshareRound1Args { own, digest, share } = args;
            let share = share.as_deref().map(read_share).transpose()?;
            round_1(&own, &digest, share.as_ref(), output)
        }
        ReshareCommand::Round2(args) => round_2(&args, output),
        ReshareCommand::Finish(args) => finish(&args, output),
        ReshareCommand::Status(args) => show_status(&args.dir, output),
    }
}

pub(super) fn endorse(command: EndorseCommand, output: Output) -> anyhow::Result<()> {
    match command {
        EndorseCommand::Commit(args) => commit(&args, output),
        EndorseCommand::Sign(args) => sign(&args, output),
        EndorseCommand::Aggregate(args) => aggregate(&args, output),
    }
}

fn read_share(path: &Path) -> anyhow::Result<SecretShare> {
    let bytes = secret::read::<32>(path)?;
    Ok(SecretShare::from_bytes(&bytes).map_err(|error| KeyFile { path, what: "share" }.malformed(error))?)
}

fn read_roster(path: &Path) -> anyhow::Result<Roster> {
    let text = file::read_text(path, MAX_ROSTER_BYTES)?;
    toml::from_str(&text).with_context(|| format!("{} is not a roster", path.display()))
}

fn start_generation(args: &DkgStartArgs, output: Output) -> anyhow::Result<()> {
    let roster = read_roster(&args.roster)?;
    let agreement = Agreement::to_generate(args.jurisdiction.clone(), args.purpose, args.threshold, &roster)?;
    start(&agreement, &args.dir, output)
}

fn start_resharing(args: &ReshareStartArgs, output: Output) -> anyhow::Result<()> {
    let network = read_of_any_catalogue(&args.trust)?;
    let dealers: BTreeSet<u16> = args.dealers.iter().copied().collect();
    let roster = read_roster(&args.roster)?;
    let key = (&args.jurisdiction, args.purpose);
    let agreement = Agreement::to_reshare(network.root(), key, &dealers, args.threshold, &roster)?;
    start(&agreement, &args.dir, output)
}

fn start(agreement: &Agreement, dir: &Path, output: Output) -> anyhow::Result<()> {
    let folder = Folder::at(dir);
    agreement.write(&folder)?;
    let started = Started { ceremony: folder.agreement(), digest: agreement.digest() };
    output.print(&started, || {
        format!(
            "{}\ndigest {}\n\nGive everyone a copy, and tell each other the digest by telephone. Then everyone runs round1.",
            started.ceremony.display(),
            started.digest,
        )
    })
}

fn sent(paths: Vec<PathBuf>, what_next: &str, output: Output) -> anyhow::Result<()> {
    let sent = Sent { sent: paths };
    output.print(&sent, || {
        let list: String = sent.sent.iter().map(|path| format!("{}\n", path.display())).collect();
        format!("{list}{what_next}")
    })
}

fn round_1(args: &OwnArgs, digest: &str, share: Option<&SecretShare>, output: Output) -> anyhow::Result<()> {
    let key = key::read_signing(&args.key)?;
    let session = Session::open(Folder::at(&args.dir), &key)?;
    session.agreement().confirm(digest)?;
    sent(vec![session.round_1(share)?], "Bring it to everyone's `in`; with theirs in yours, run round2.", output)
}

fn round_2(args: &OwnArgs, output: Output) -> anyhow::Result<()> {
    let key = key::read_signing(&args.key)?;
    let paths = Session::open(Folder::at(&args.dir), &key)?.round_2()?;
    let next = if paths.is_empty() {
        "Nothing to deal: with the dealers' messages in your `in`, run finish."
    } else {
        "Bring each to its receiver's `in`; with those for you in yours, run finish."
    };
    sent(paths, next, output)
}

fn finish(args: &OwnArgs, output: Output) -> anyhow::Result<()> {
    let key = key::read_signing(&args.key)?;
    let Finished { keys, share, waiting } = Session::open(Folder::at(&args.dir), &key)?.finish()?;
    let done = Done { group_key: keys.map(|keys| keys.group_key()), share, waiting };
    output.print(&done, || {
        let share = done.share.as_ref().map(|path| format!("share      {}\n", path.display())).unwrap_or_default();
        let key = done.group_key.map(|key| format!("group key  {key}\n")).unwrap_or_default();
        let next = if done.waiting.is_empty() {
            "Everyone came to the same keys: the ceremony is over.".to_owned()
        } else {
            let waiting = done.waiting.join(", ");
            format!("Bring the .result.json to everyone. Waiting for the result of {waiting}: bring it here and run finish again.")
        };
        format!("{share}{key}{next}")
    })
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Status<'a> {
    jurisdiction: &'a nacre_schemas::id::JurisdictionId,
    purpose: KeyPurpose,
    threshold: u16,
    digest: Digest,
    /// P_j, where it is shared anew.
    group_key: Option<nacre_schemas::Point>,
    participants: &'a [nacre_custodian::ceremony::Progress],
}

fn show_status(dir: &Path, output: Output) -> anyhow::Result<()> {
    let (agreement, participants) = status(&Folder::at(dir))?;
    let ceremony = agreement.ceremony();
    let status = Status {
        jurisdiction: &ceremony.jurisdiction,
        purpose: ceremony.purpose,
        threshold: ceremony.threshold,
        digest: agreement.digest(),
        group_key: ceremony.previous.as_ref().map(|previous| previous.group_key),
        participants: &participants,
    };
    output.print(&status, || {
        let mut table = output::table(&["participant", "signing key", "round 1", "round 2 to", "result"]);
        let mark = |there: bool| if there { "there" } else { "" }.to_owned();
        for progress in status.participants {
            table.add_row([
                progress.participant.clone(),
                fingerprint(progress.signing_key.as_bytes()),
                mark(progress.round_1),
                progress.round_2_to.join("\n"),
                mark(progress.result),
            ]);
        }
        let what = if status.group_key.is_some() { "the same key, shared anew" } else { "a new key" };
        let Status { jurisdiction, purpose, threshold, digest, .. } = &status;
        format!("{jurisdiction}: {what} for {purpose}, threshold {threshold}\ndigest {digest}\n{table}")
    })
}

fn open_signer<'k>(
    own: &OwnArgs,
    ceremony: &Path,
    pseudonyms: Option<&Path>,
    key: &'k SigningKey,
) -> anyhow::Result<Signer<'k>> {
    let pseudonyms = pseudonyms.map(Folder::at);
    Ok(Signer::open(Folder::at(&own.dir), &Folder::at(ceremony), pseudonyms.as_ref(), key)?)
}

fn commit(args: &CommitArgs, output: Output) -> anyhow::Result<()> {
    let key = key::read_signing(&args.own.key)?;
    let signer = open_signer(&args.own, &args.ceremony, args.pseudonyms.as_deref(), &key)?;
    trust::confirm(&signer.root().digest(), &args.digest)?;
    let next = "Bring it to the other signers' `in`; with theirs in yours, run sign.";
    sent(vec![signer.commit(args.again)?], next, output)
}

fn sign(args: &SignArgs, output: Output) -> anyhow::Result<()> {
    let key = key::read_signing(&args.own.key)?;
    let signer = open_signer(&args.own, &args.ceremony, args.pseudonyms.as_deref(), &key)?;
    let next = "Bring it to whoever aggregates.";
    sent(vec![signer.sign(&args.signers.iter().copied().collect())?], next, output)
}

fn aggregate(args: &AggregateArgs, output: Output) -> anyhow::Result<()> {
    let endorsing = Endorsing::open(Folder::at(&args.dir), &args.jurisdiction)?;
    let path = endorsing.aggregate(&args.signers.iter().copied().collect())?;
    sent(vec![path], "Bring it to whoever finishes the trust root.", output)
}
