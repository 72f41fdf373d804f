//! `nacre log`: what is in a chain's log, whether it is whole, and how to have it again.

use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{Arc, OnceLock},
    time::Duration,
};

use anyhow::{Context as _, bail, ensure};
use nacre_access::client::PlainClient;
use nacre_hosting::{tls::ClientTlsConfig, trust};
use nacre_ledger::{
    MAX_ENTRY_BYTES,
    log::{Finding, Item, LogError, LogOptions, Mirror, check, inspect, repair},
    note::SignedCheckpoint,
    tile::{self, TilePath},
};
use nacre_schemas::{Document as _, SigningPublicKey, entry::Entry, id::ChainId};
use nacre_verifier::Lineage;
use nacre_wire::{
    exchange::{GET_CHECKPOINT, GET_TILE, OfTile, WhichCheckpoint},
    parameters::ChainSlug,
};
use serde::Serialize;

use super::Output;
use crate::{
    cli::{CheckLogArgs, LogCommand, LogKeysArgs, MirrorLogArgs, RepairLogArgs, ShowLogArgs},
    progress::Bars,
};

/// What a log that is not sound ends with.
const UNSOUND: u8 = 2;
/// What a request may take.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Entries fetched under one checkpoint, about.
const STRETCH_LEAVES: u64 = 16_384;

pub(super) async fn run(command: LogCommand, output: Output) -> anyhow::Result<ExitCode> {
    match command {
        LogCommand::Check(args) => check_log(&args, output),
        LogCommand::Show(args) => show(&args, output),
        LogCommand::Mirror(args) => mirror(&args, output).await,
        LogCommand::Repair(args) => repair_log(&args, output),
    }
}

/// A chain as its log is checked: what it is called, and the keys that it signs and signed with.
struct Identity {
    origin: String,
    public: SigningPublicKey,
    earlier: Vec<SigningPublicKey>,
}

impl Identity {
    /// From the trust roots.
    fn read(args: &LogKeysArgs, chain: &ChainId) -> anyhow::Result<Self> {
        let network = trust::read_of_any_catalogue(&args.trust)?;
        let found = network.root().chain(chain).with_context(|| format!("the trust root has no chain {chain}"))?;
        let (origin, public) = (network.root().origin(chain), found.signing_key);
        let mut lineage = Lineage::new(Arc::new(network));
        for path in &args.earlier_trust {
            let earlier = trust::read_unchecked(path)?;
            lineage.add(earlier).with_context(|| format!("{} is not before the present trust root", path.display()))?;
        }
        let earlier = lineage.signing_keys(chain).into_iter().filter(|key| *key != public).collect();
        Ok(Self { origin, public, earlier })
    }

    fn keys(&self) -> Vec<SigningPublicKey> {
        [&[self.public], &self.earlier[..]].concat()
    }

    fn mirror(&self, dir: &Path) -> Result<Mirror, LogError> {
        let options = LogOptions { earlier_keys: self.earlier.clone(), ..LogOptions::default() };
        Mirror::open(dir, &self.origin, self.public, &options)
    }
}

#[derive(Serialize)]
struct Checked {
    sound: bool,
    entries: u64,
    commits: u64,
    segments: usize,
    /// The last checkpoint up to which everything is right.
    checkpoint: Option<String>,
    findings: Vec<Found>,
    derived: Vec<Found>,
}

#[derive(Serialize)]
struct Found {
    file: PathBuf,
    offset: u64,
    what: String,
}

fn found(finding: &Finding) -> Found {
    Found { file: finding.file.clone(), offset: finding.offset, what: finding.what.clone() }
}

fn check_log(args: &CheckLogArgs, output: Output) -> anyhow::Result<ExitCode> {
    let identity = Identity::read(&args.of.keys, &args.of.chain)?;
    ensure!(args.dir.is_dir(), "{} is not a folder", args.dir.display());
    let (bars, begun) = (Bars::new(), OnceLock::new());
    let report = check(&args.dir, &identity.origin, &identity.keys(), args.register.as_deref(), &|progress| {
        begun.get_or_init(|| bars.begin("Checking segments", progress.of_segments as u64));
        bars.reach(progress.segments as u64);
    })?;
    bars.end();
    let checked = Checked {
        sound: report.is_sound(),
        entries: report.entries,
        commits: report.commits,
        segments: report.segments,
        checkpoint: report.checkpoint.as_ref().map(ToString::to_string),
        findings: report.findings.iter().chain(&report.unfinished).map(found).collect(),
        derived: report.derived.iter().map(found).collect(),
    };
    output.print(&checked, || {
        let list = |findings: &[Found]| {
            let line = |one: &Found| format!("  {} at byte {}: {}\n", one.file.display(), one.offset, one.what);
            findings.iter().map(line).collect::<String>()
        };
        let verdict = if checked.sound { "SOUND" } else { "NOT SOUND" };
        let mut text = format!(
            "{verdict}  {} entries, {} commits, {} segments\n{}",
            checked.entries,
            checked.commits,
            checked.segments,
            list(&checked.findings)
        );
        if !checked.sound {
            text.push_str("Copy the folder away, mirror the chain (nacre log mirror), then nacre log repair.\n");
        }
        if !checked.derived.is_empty() {
            text.push_str("Derived files, made anew when the log is opened:\n");
            text.push_str(&list(&checked.derived));
        }
        text
    })?;
    Ok(if checked.sound { ExitCode::SUCCESS } else { ExitCode::from(UNSOUND) })
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case", tag = "what")]
enum Line {
    Segment { file: PathBuf, first: u64, bytes: u64 },
    Entry { index: u64, offset: u64, kind: String, bytes: usize },
    Commit { sequence: u64, offset: u64, size: u64 },
    End { room_bytes: u64 },
    Unreadable { offset: u64, why: String },
}

fn show(args: &ShowLogArgs, output: Output) -> anyhow::Result<ExitCode> {
    let mut lines = Vec::new();
    inspect(&args.dir, args.from, &mut |item| {
        match item {
            Item::Entry { index, .. } if index < args.from => {}
            Item::Segment { path, first, bytes } => {
                lines.push(Line::Segment { file: path.to_owned(), first, bytes });
            }
            Item::Entry { index, offset, bytes } => {
                // Other programs may keep logs of other entries in this format.
                let kind = Entry::from_canonical(bytes).map_or("unknown", |entry| entry.kind()).to_owned();
                lines.push(Line::Entry { index, offset, kind, bytes: bytes.len() });
            }
            Item::Commit { sequence, offset, note } => {
                lines.push(Line::Commit { sequence, offset, size: note.unverified().size });
            }
            Item::End { room_bytes } => lines.push(Line::End { room_bytes }),
            Item::Unreadable { offset, what } => lines.push(Line::Unreadable { offset, why: what.to_owned() }),
        }
        if lines.len() < args.lines { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    output.print(&lines, || lines.iter().map(text).collect::<Vec<_>>().join("\n"))?;
    Ok(ExitCode::SUCCESS)
}

fn text(line: &Line) -> String {
    match line {
        Line::Segment { file, first, bytes } => {
            format!("segment {} from entry {first}, {bytes} bytes", file.display())
        }
        Line::Entry { index, offset, kind, bytes } => format!("{offset:>12}  entry {index}: {kind}, {bytes} bytes"),
        Line::Commit { sequence, offset, size } => format!("{offset:>12}  commit to {size} entries, frame {sequence}"),
        Line::End { room_bytes } => format!("{:>12}  end, {room_bytes} bytes of room", ""),
        Line::Unreadable { offset, why } => format!("{offset:>12}  UNREADABLE: {why}"),
    }
}

#[derive(Serialize)]
struct Mirrored {
    chain: ChainId,
    before: u64,
    entries: u64,
}

async fn mirror(args: &MirrorLogArgs, output: Output) -> anyhow::Result<ExitCode> {
    let identity = Identity::read(&args.keys, &args.chain)?;
    let ca = args.ca.clone().map(Into::into);
    let tls = ClientTlsConfig { ca, ..ClientTlsConfig::default() }.read()?;
    let client = PlainClient::new(&args.url, TIMEOUT, tile::MAX_BUNDLE_BYTES, &tls)?;
    let source = Source { client, slug: (&args.chain).into() };
    let mut mirror = identity.mirror(&args.dir)?;
    let before = mirror.size();
    let latest = source.note(None).await?;
    latest.verify(&identity.origin, &identity.origin, &identity.public)?;
    let end = latest.unverified().size;
    let bars = Bars::new();
    bars.begin("Mirroring entries", end);
    while mirror.size() < end {
        let from = mirror.size();
        // The chain's own checkpoints, one a stretch, so that not all of a long chain is held in memory.
        let note = source.note(Some((from + STRETCH_LEAVES).min(end) - 1)).await?;
        let to = note.unverified().size;
        ensure!(to > from, "{} shows a checkpoint of {to} entries where more than {from} were asked for", args.url);
        let entries = source.entries(from, to).await?;
        mirror.append(&entries, &note)?;
        bars.reach(mirror.size());
    }
    mirror.append(&[], &latest)?;
    bars.end();
    let mirrored = Mirrored { chain: args.chain.clone(), before, entries: mirror.size() };
    output.print(&mirrored, || {
        let Mirrored { chain, before, entries } = &mirrored;
        format!("{chain}: {entries} entries mirrored, {} of them new, all signed for by the chain", entries - before)
    })?;
    Ok(ExitCode::SUCCESS)
}

/// An exchange that is mirrored from.
struct Source {
    client: PlainClient,
    slug: ChainSlug,
}

impl Source {
    /// The latest checkpoint, or the first that covers a leaf.
    async fn note(&self, covering: Option<u64>) -> anyhow::Result<SignedCheckpoint> {
        let which = WhichCheckpoint { slug: self.slug.clone(), covering };
        let note: String = self.client.get(GET_CHECKPOINT, &which).await?;
        Ok(note.parse()?)
    }

    /// The entries of the range, bundle by bundle. What they are is for the mirror to check.
    async fn entries(&self, from: u64, to: u64) -> anyhow::Result<Vec<Vec<u8>>> {
        let width = u64::from(tile::WIDTH);
        let mut entries = Vec::new();
        for index in from / width..to.div_ceil(width) {
            let first = index * width;
            let held = (to - first).min(width);
            let path = TilePath::Entries { index, width: u16::try_from(held)? };
            let name = path.to_string().trim_start_matches("tile/").parse().map_err(anyhow::Error::msg::<String>)?;
            let answer = self.client.get(GET_TILE, &OfTile { slug: self.slug.clone(), name }).await?;
            let bundle = split(&answer, usize::try_from(held)?).with_context(|| path.to_string())?;
            entries.extend(bundle.into_iter().skip(usize::try_from(from.saturating_sub(first))?));
        }
        Ok(entries)
    }
}

/// The entries of a bundle, unchecked.
fn split(mut bundle: &[u8], count: usize) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut entries = Vec::with_capacity(count);
    while let Some((length, rest)) = bundle.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length));
        ensure!(length <= MAX_ENTRY_BYTES && length <= rest.len(), "the bundle is cut off");
        entries.push(rest[..length].to_vec());
        bundle = &rest[length..];
    }
    if entries.len() != count || !bundle.is_empty() {
        bail!("the bundle has {} entries where {count} are signed for", entries.len());
    }
    Ok(entries)
}

#[derive(Serialize)]
struct Repaired {
    segments: Vec<u64>,
    entries_from_mirror: u64,
    size: u64,
}

fn repair_log(args: &RepairLogArgs, output: Output) -> anyhow::Result<ExitCode> {
    let identity = Identity::read(&args.of.keys, &args.of.chain)?;
    let mirror = identity.mirror(&args.from)?;
    let reader = mirror.reader().with_context(|| format!("{} mirrors nothing yet", args.from.display()))?;
    let done = repair(&args.dir, &identity.origin, &identity.keys(), reader)?;
    let repaired = Repaired { segments: done.segments, entries_from_mirror: done.entries_from_mirror, size: done.size };
    output.print(&repaired, || {
        let Repaired { segments, entries_from_mirror, size } = &repaired;
        format!(
            "{} segments written anew, {entries_from_mirror} entries taken from the mirror; the log has {size} entries. \
             Check it with nacre log check, then start its exchange.",
            segments.len()
        )
    })?;
    Ok(ExitCode::SUCCESS)
}
