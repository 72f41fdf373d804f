//! A log's directory as a crash, a disk or an intruder may have left it: files of a good one, edited, cut, or gone.
//! Opening, checking and showing it does not panic; what is served is what was appended, at its place; and a log that
//! still takes entries has lost none that it answered for, as its register remembers.

use std::{
    collections::BTreeMap,
    fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use arbitrary::Arbitrary;
use nacre_ledger::log::{self, Log, LogOptions};
use tempfile::TempDir;

const ORIGIN: &str = "fuzz/main/health";

#[derive(Arbitrary, Debug)]
enum Edit {
    Flip { file: u8, at: u16, by: u8 },
    Write { file: u8, at: u16, bytes: [u8; 4] },
    Truncate { file: u8, to: u16 },
    Extend { file: u8, bytes: [u8; 8] },
    Remove { file: u8 },
    Copy { from: u8, to: u8 },
}

#[derive(Arbitrary, Debug)]
struct Input {
    edits: Vec<Edit>,
    register: bool,
}

static HOME: LazyLock<TempDir> = LazyLock::new(|| {
    tempfile::tempdir_in(if fs::exists("/dev/shm").unwrap_or(false) { "/dev/shm" } else { "/tmp" }).expect("a folder")
});

struct Good {
    entries: Vec<Vec<u8>>,
    /// By path from the folder; the log's and the register's.
    files: BTreeMap<PathBuf, Vec<u8>>,
}

fn options(home: &Path, register: bool) -> LogOptions {
    let register = register.then(|| home.join("register"));
    LogOptions { segment_bytes: 4_096, queue: 4, register, ..LogOptions::default() }
}

fn open(home: &Path, register: bool) -> Result<Log, log::LogError> {
    Log::open(&home.join("log"), ORIGIN, crate::key(2), options(home, register))
}

static GOOD: LazyLock<Good> = LazyLock::new(|| {
    let home = HOME.path().join("good");
    fs::create_dir_all(&home).expect("a folder");
    let log = open(&home, true).expect("a log");
    let mut entries = Vec::new();
    for group in 0..6u8 {
        let group: Vec<Vec<u8>> = (0..=group).map(|entry| vec![entry; 40 * usize::from(entry) + 1]).collect();
        log.blocking_append(group.clone()).expect("appended");
        entries.extend(group);
    }
    drop(log);
    let mut files = BTreeMap::new();
    collect(&home, &home, &mut files);
    Good { entries, files }
});

fn collect(home: &Path, folder: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            collect(home, &path, files);
        } else {
            let name = path.strip_prefix(home).expect("below").to_owned();
            files.insert(name, fs::read(&path).expect("a file"));
        }
    }
}

fn apply(files: &mut [(PathBuf, Option<Vec<u8>>)], edit: &Edit) {
    let count = files.len();
    let chosen = |number: u8| usize::from(number) % count;
    match edit {
        Edit::Copy { from, to } => files[chosen(*to)].1 = files[chosen(*from)].1.clone(),
        Edit::Remove { file } => files[chosen(*file)].1 = None,
        Edit::Extend { file, bytes } => {
            if let Some(content) = &mut files[chosen(*file)].1 {
                content.extend_from_slice(bytes);
            }
        }
        Edit::Truncate { file, to } => {
            if let Some(content) = &mut files[chosen(*file)].1 {
                content.truncate(usize::from(*to) % (content.len() + 1));
            }
        }
        Edit::Flip { file, at, by } => {
            if let Some(content) = files[chosen(*file)].1.as_mut().filter(|content| !content.is_empty()) {
                let at = usize::from(*at) % content.len();
                content[at] ^= by;
            }
        }
        Edit::Write { file, at, bytes } => {
            if let Some(content) = files[chosen(*file)].1.as_mut().filter(|content| !content.is_empty()) {
                let at = usize::from(*at) % content.len();
                content[at..].iter_mut().zip(bytes).for_each(|(old, new)| *old = *new);
            }
        }
    }
}

/// One input.
pub fn run(data: &[u8]) {
    if let Some(input) = crate::input(data) {
        check(input);
    }
}

fn check(input: Input) {
    let good = &*GOOD;
    let home = HOME.path().join("edited");
    let _ = fs::remove_dir_all(&home);
    // The register lies where whoever spoils the log does not reach.
    let mut files: Vec<_> = good
        .files
        .iter()
        .filter(|(path, _)| path.starts_with("log"))
        .map(|(path, content)| (path.clone(), Some(content.clone())))
        .collect();
    input.edits.iter().take(6).for_each(|edit| apply(&mut files, edit));
    let register = good.files.iter().filter(|(path, _)| !path.starts_with("log"));
    files.extend(register.map(|(path, content)| (path.clone(), Some(content.clone()))));
    for (path, content) in &files {
        let path = home.join(path);
        fs::create_dir_all(path.parent().expect("in a folder")).expect("a folder");
        if let Some(content) = content {
            fs::write(path, content).expect("written");
        }
    }
    let folder = home.join("log");
    let _ = log::inspect(&folder, 0, &mut |_| ControlFlow::Continue(()));
    let Ok(opened) = open(&home, input.register) else { return };
    assert!(opened.size() <= good.entries.len() as u64, "nobody appended more");
    for index in 0..opened.size() {
        if let Ok(entry) = opened.entry(index) {
            assert_eq!(entry, good.entries[index as usize], "entry {index} is another");
        }
    }
    if input.register && opened.read_only().is_none() {
        assert_eq!(opened.size(), good.entries.len() as u64, "what was answered for is lost, and the log goes on");
    }
    if opened.read_only().is_none() {
        let appended = opened.blocking_append(vec![b"more".to_vec()]);
        if let Ok(appended) = appended {
            assert_eq!(opened.entry(appended.first).expect("durable"), b"more");
        }
    }
}
