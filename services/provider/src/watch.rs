//! Watching folders: their files are posted as soon as they are complete, again and again, until somebody says stop.
//!
//! A file is complete when its length and time of change have stayed the same for a while, or when it was renamed from a
//! name that is not read. Each time one has come or changed, or a month has ended that was waited for, *all* complete
//! files are read: a month's value needs all of its readings, and an observation its patient, whichever file they came in.
//! Records posted before are known by their ids and are not posted again.
//!
//! Kept true: no file is moved, changed or removed. What was done is written down beside the outbox (`watch.json`, replaced
//! as a whole) after it was done, so a process that is killed does at worst the same once more. It holds no paths, which may
//! name people, but HMACs of them.
//!
//! Errors: those of posting end it, but for a file that cannot be read, which is tried again. Cost: a look at each file's
//! length, a few times a minute; what is read each time is read whole, so files whose months are all posted are better
//! moved elsewhere.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, Instant, UNIX_EPOCH},
};

use jiff::{Timestamp, civil::Date};
use nacre_hosting::file as stored;
use nacre_reading::{FileError, PrepareError, Progress, file, time};
use nacre_schemas::{Digest, cohort::Period};
use serde::{Deserialize, Serialize};

use crate::{
    config::Config,
    keys::Keys,
    outbox::OutboxError,
    post::{PostError, post_at},
    seal::name,
    summary::PostSummary,
};

/// The name of the file that remembers, in the folder of the outbox.
pub const WATCH_FILE_NAME: &str = "watch.json";
/// The longest such file that is read, in bytes: some hundred a file that was posted.
const MAX_MEMORY_BYTES: usize = 256 << 20;
/// How long to wait before what could not be posted is tried again.
const RETRY: Duration = Duration::from_secs(300);

/// How often to look, and how long to wait for a file to be complete.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Between two looks.
    pub every: Duration,
    /// For which a file must not change.
    pub settle: Duration,
}

/// What a watch tells.
pub enum Report {
    /// A run was made of that many files.
    Posted(Box<PostSummary>),
    /// Files cannot be read now; they are tried again.
    Unreadable(FileError),
}

/// A file's length and time of change, in nanoseconds of Unix time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    bytes: u64,
    changed_ns: u64,
}

/// What was done.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Done {
    /// The files of the last run, by an HMAC of their paths.
    files: BTreeMap<Digest, Stamp>,
    /// Months that it left because they had not ended.
    waiting: Vec<Period>,
    /// Whether it left records queued, unnamed or in batches that were refused whole.
    incomplete: bool,
}

/// Posts what lies in the folders, and what comes, until it is dropped. A run under way is then cut short as by a crash.
pub async fn watch(
    config: &Config,
    folders: &[PathBuf],
    pace: Pace,
    progress: &dyn Progress,
    report: &mut (dyn FnMut(Report) + Send),
) -> Result<(), PostError> {
    let memory = config.data.join(WATCH_FILE_NAME);
    let keys = Keys::read(config)?;
    let mut watch = Watch { keys, done: recall(&memory), seen: BTreeMap::new(), tried: None };
    loop {
        match watch.complete(config, folders, pace.settle) {
            Err(error) => report(Report::Unreadable(error)),
            Ok(files) if watch.is_due(&files) => {
                let paths: Vec<PathBuf> = files.keys().cloned().collect();
                watch.tried = Some(Instant::now());
                match post_at(config, &paths, Timestamp::now(), progress).await {
                    Ok(summary) => {
                        watch.done = watch.after(&files, &summary);
                        remember(&memory, &watch.done).map_err(OutboxError::from)?;
                        report(Report::Posted(Box::new(summary)));
                    }
                    Err(PostError::Prepare(PrepareError::File(error))) => report(Report::Unreadable(error)),
                    Err(error) => return Err(error),
                }
            }
            Ok(_) => {}
        }
        tokio::time::sleep(pace.every).await;
    }
}

/// A watch under way.
struct Watch {
    keys: Keys,
    done: Done,
    /// Since when each file has been as it is.
    seen: BTreeMap<PathBuf, (Stamp, Instant)>,
    tried: Option<Instant>,
}

impl Watch {
    /// The files that have not changed for that long.
    fn complete(
        &mut self,
        config: &Config,
        folders: &[PathBuf],
        settle: Duration,
    ) -> Result<BTreeMap<PathBuf, Stamp>, FileError> {
        let mut seen = BTreeMap::new();
        for source in file::list(folders, &config.reading())? {
            let path = source.path.to_path_buf();
            // Gone since it was listed: it is not seen.
            let Ok(stamp) = stamp(&path) else { continue };
            let since = match self.seen.get(&path) {
                Some((before, since)) if *before == stamp => *since,
                _ => Instant::now(),
            };
            seen.insert(path, (stamp, since));
        }
        self.seen = seen;
        let is_complete =
            |path: &Path, stamp: &Stamp, since: &Instant| since.elapsed() >= settle || self.is_done(path, stamp);
        let complete = self.seen.iter().filter(|(path, (stamp, since))| is_complete(path, stamp, since));
        Ok(complete.map(|(path, (stamp, _))| (path.clone(), *stamp)).collect())
    }

    fn name(&self, path: &Path) -> Digest {
        name::file(&self.keys.record, path.as_os_str().as_encoded_bytes())
    }

    fn is_done(&self, path: &Path, stamp: &Stamp) -> bool {
        self.done.files.get(&self.name(path)) == Some(stamp)
    }

    /// What is to be remembered of a run of those files.
    fn after(&self, files: &BTreeMap<PathBuf, Stamp>, summary: &PostSummary) -> Done {
        let mut waiting: Vec<Period> = summary.deferred.iter().map(|deferred| deferred.period).collect();
        waiting.sort_unstable();
        waiting.dedup();
        let files = files.iter().map(|(path, stamp)| (self.name(path), *stamp)).collect();
        // What was refused as a whole is nowhere, and is sealed anew when its files are read again.
        let incomplete = (summary.queued, summary.unnamed) != (0, 0) || !summary.unsettled.is_empty();
        Done { files, waiting, incomplete }
    }

    /// Whether there is something to do about the files.
    fn is_due(&self, files: &BTreeMap<PathBuf, Stamp>) -> bool {
        let may_retry = self.tried.is_none_or(|tried| tried.elapsed() >= RETRY);
        let now = Timestamp::now();
        files.iter().any(|(path, stamp)| !self.is_done(path, stamp))
            || self.done.waiting.iter().any(|period| has_ended(*period, now))
            || (self.done.incomplete && may_retry)
    }
}

fn has_ended(period: Period, now: Timestamp) -> bool {
    let first = i16::try_from(period.year()).ok().zip(i8::try_from(period.month()).ok());
    first.and_then(|(year, month)| Date::new(year, month, 1).ok()).is_some_and(|day| time::month_has_ended(day, now))
}

fn stamp(path: &Path) -> io::Result<Stamp> {
    let found = fs::metadata(path)?;
    let since = found.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(Stamp { bytes: found.len(), changed_ns: u64::try_from(since.as_nanos()).unwrap_or(u64::MAX) })
}

/// What was done before; nothing, if that cannot be read, for it would only be done once more.
fn recall(memory: &Path) -> Done {
    let kept = stored::read(memory, MAX_MEMORY_BYTES).ok();
    kept.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

fn remember(memory: &Path, done: &Done) -> Result<(), stored::FileError> {
    let bytes = serde_json::to_vec(done).map_err(|error| stored::FileError::broken(memory, error))?;
    stored::replace(memory, &bytes, stored::PRIVATE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_is_waited_for_until_it_has_ended_everywhere() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let period: Period = "2026-02".parse().unwrap();
        assert!(!has_ended(period, at("2026-03-01T11:59:59Z")));
        assert!(has_ended(period, at("2026-03-01T12:00:00Z")));
    }

    #[test]
    fn what_was_done_is_read_back_and_what_is_broken_is_done_again() {
        let folder = tempfile::tempdir().unwrap();
        let memory = folder.path().join(WATCH_FILE_NAME);
        assert_eq!(recall(&memory), Done::default());
        let files = BTreeMap::from([(Digest([7; 32]), Stamp { bytes: 5, changed_ns: 9 })]);
        let done = Done { files, waiting: vec!["2026-02".parse().unwrap()], incomplete: true };
        remember(&memory, &done).unwrap();
        assert_eq!(recall(&memory), done);
        fs::write(&memory, "{\"files\":").unwrap();
        assert_eq!(recall(&memory), Done::default());
    }
}
