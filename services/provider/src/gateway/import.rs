//! `$import`: files of NDJSON in the import folder, named by a manifest: FHIR `Parameters` as of the bulk-import operation, or
//! the manifest that a bulk export answers with.
//!
//! Kept true: only files in the import folder are read, whatever a manifest says; what was taken before is not taken twice, so
//! an import that was cut short is started again. One import is at work at a time. Cost: a line at a time.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use nacre_reading::{FileError, Reason, text};
use nacre_wire::gateway::{BUSY, Import, MANIFEST, OUTSIDE};
use serde::Deserialize;
use tokio::{sync::mpsc, task::spawn_blocking};

use super::{
    ServeError,
    clock::Clock,
    intake::{self, Accepted},
    outcome::Refusal,
    request::{Item, Whole},
    spool::Spool,
};

/// Lines that are taken in together.
const LINES: usize = 200;
/// Files of a manifest, at most.
const MAX_INPUTS: usize = 1_000;
/// Refusals that are listed, at most.
const MAX_LISTED: usize = 100;
/// Imports that are remembered.
const MAX_REMEMBERED: usize = 100;

/// A file to import.
pub(super) struct Input {
    kind: String,
    url: String,
}

/// The imports of this gateway.
pub(super) struct Imports {
    folder: PathBuf,
    next: AtomicU64,
    progress: Arc<Mutex<BTreeMap<u64, Import>>>,
}

/// The files that a manifest names.
pub(super) fn inputs(text: &str) -> Result<Vec<Input>, Refusal> {
    #[derive(Deserialize)]
    struct Manifest {
        #[serde(default)]
        parameter: Vec<Parameter>,
        #[serde(default)]
        output: Vec<Output>,
    }
    #[derive(Deserialize)]
    struct Output {
        #[serde(rename = "type")]
        kind: String,
        url: String,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Parameter {
        name: String,
        part: Vec<Parameter>,
        #[serde(rename = "valueCode", alias = "valueString")]
        code: Option<String>,
        #[serde(rename = "valueUri", alias = "valueUrl")]
        uri: Option<String>,
    }
    let malformed = || {
        let text =
            "a manifest is Parameters with `input` of `type` and `url`, or what a bulk export answers, with `output`";
        Refusal::new(MANIFEST, "structure", text)
    };
    let manifest: Manifest = serde_json::from_str(text).map_err(|_| malformed())?;
    let mut inputs: Vec<Input> = manifest.output.into_iter().map(|Output { kind, url }| Input { kind, url }).collect();
    for parameter in manifest.parameter.into_iter().filter(|parameter| parameter.name == "input") {
        let (mut kind, mut url) = (None, None);
        for part in parameter.part {
            match part.name.as_str() {
                "type" | "inputType" => kind = part.code,
                "url" | "inputSource" => url = part.uri.or(part.code),
                _ => {}
            }
        }
        inputs.push(Input { kind: kind.ok_or_else(malformed)?, url: url.ok_or_else(malformed)? });
    }
    if inputs.is_empty() || inputs.len() > MAX_INPUTS {
        return Err(malformed());
    }
    // Whom observations refer to must be known before them.
    inputs.sort_by_key(|input| input.kind != "Patient");
    Ok(inputs)
}

impl Imports {
    /// From files of that folder.
    pub(super) fn of(folder: &Path) -> Result<Self, ServeError> {
        let folder = folder.canonicalize().map_err(|source| ServeError::Import { path: folder.to_owned(), source })?;
        Ok(Self { folder, next: AtomicU64::new(1), progress: Arc::default() })
    }

    /// How the import of that number goes.
    pub(super) fn progress(&self, number: u64) -> Option<Import> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner).get(&number).cloned()
    }

    /// Starts an import; its number.
    pub(super) fn start(&self, spool: &Arc<Spool>, clock: Clock, inputs: Vec<Input>) -> Result<u64, Refusal> {
        let files: Vec<(String, PathBuf)> = inputs
            .iter()
            .map(|input| Ok((input.kind.clone(), self.resolve(&input.url)?)))
            .collect::<Result<_, Refusal>>()?;
        let mut all = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        if all.values().any(|progress| !progress.done) {
            return Err(Refusal::new(BUSY, "throttled", "another import is at work"));
        }
        while all.len() >= MAX_REMEMBERED {
            all.pop_first();
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        all.insert(number, Import::default());
        let (spool, progress) = (Arc::clone(spool), Arc::clone(&self.progress));
        tokio::spawn(async move {
            let note = |change: &dyn Fn(&mut Import)| {
                if let Some(one) = progress.lock().unwrap_or_else(PoisonError::into_inner).get_mut(&number) {
                    change(one);
                }
            };
            let mut ended = Ok(());
            for (kind, path) in files {
                ended = import(&spool, clock, kind, path, &note).await;
                if ended.is_err() {
                    break;
                }
            }
            let problem = ended.err();
            note(&|one| (one.done, one.problem) = (true, problem.clone()));
        });
        Ok(number)
    }

    /// A file of the folder.
    fn resolve(&self, url: &str) -> Result<PathBuf, Refusal> {
        let outside = || {
            let text = "an input's url is a file of the import folder: its name, or file:// and its path";
            Refusal::new(OUTSIDE, "forbidden", text)
        };
        let path = url.strip_prefix("file://").unwrap_or(url);
        let path = self.folder.join(path).canonicalize().map_err(|_| outside())?;
        if path.starts_with(&self.folder) && path.is_file() { Ok(path) } else { Err(outside()) }
    }
}

type Note<'n> = &'n (dyn Fn(&dyn Fn(&mut Import)) + Sync);

/// Takes one file in.
async fn import(spool: &Spool, clock: Clock, kind: String, path: PathBuf, note: Note<'_>) -> Result<(), String> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let (send, mut lines) = mpsc::channel::<(u64, Result<String, Reason>)>(LINES);
    let reading = spawn_blocking(move || -> Result<(), FileError> {
        let mut position = 0;
        text::visit_file(&path, &mut |_, text| {
            position += 1;
            // Nobody receives any more if the import has ended.
            let _ = send.blocking_send((position, text.map(str::to_owned)));
        })
    });
    let mut together = Vec::with_capacity(LINES);
    while lines.recv_many(&mut together, LINES).await > 0 {
        take(spool, clock, &kind, &name, std::mem::take(&mut together), note).await?;
    }
    reading.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
}

fn id(resource: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Named {
        id: Option<String>,
    }
    serde_json::from_str::<Named>(resource).ok()?.id
}

async fn take(
    spool: &Spool,
    clock: Clock,
    kind: &str,
    name: &str,
    lines: Vec<(u64, Result<String, Reason>)>,
    note: Note<'_>,
) -> Result<(), String> {
    let items = lines.iter().map(|(line, text)| match text {
        Err(reason) => Err(Refusal::of_reason(*reason)),
        Ok(resource) => Ok(Item {
            entry: Some(*line),
            kind: kind.to_owned(),
            // What is imported keeps its id: others of the files refer to it by that.
            id: id(resource),
            if_none_exist: None,
            if_match: None,
            full_url: None,
            resource,
        }),
    });
    let answered = intake::take(spool, items.collect(), Whole::Batch, clock.now()).await;
    let answered = answered.map_err(|error| {
        tracing::error!(%error, "an import failed");
        "the gateway failed; start the import again, what was taken is not taken twice".to_owned()
    })?;
    note(&|progress| {
        for (one, (line, _)) in answered.iter().zip(&lines) {
            match &one.result {
                Ok(Accepted::Kept { .. }) => progress.kept += 1,
                Ok(Accepted::PassedOver(_)) => progress.passed_over += 1,
                Err(refusal) => {
                    progress.refused += 1;
                    if progress.refusals.len() < MAX_LISTED {
                        let text = refusal.issues.first().map(|issue| issue.text.clone()).unwrap_or_default();
                        progress.refusals.push((name.to_owned(), *line, text));
                    }
                }
            }
        }
    });
    Ok(())
}
