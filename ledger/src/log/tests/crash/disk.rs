//! A disk in memory that can lose what was not synced.
//!
//! Kept true: a file has the bytes that the process sees, those that are durable, and the changes between the two in the
//! order they were made; a directory has the names that the process sees and those that are durable. [`PowerDisk::lose`]
//! makes an image out of these that a disk keeping to [`crate::log::disk`]'s promises may hold after a power failure.
//!
//! Cost: memory.

use std::{
    any::Any,
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use crate::log::disk::{Disk, DiskFile};

/// A disk writes so many bytes at once, or none of them.
const SECTOR_BYTES: usize = 512;

/// What of the changes that were not synced gets lost.
#[derive(Clone, Copy, Debug)]
pub(super) enum Loss {
    Nothing,
    Everything,
    /// The last change is there up to its middle, at a byte.
    HalfOfTheLast,
    /// The last change is not there.
    AllButTheLast,
    /// Each change is there or not, whatever came before it.
    Writes(u64),
    /// Each sector of each change is there or not.
    Sectors(u64),
}

#[derive(Clone)]
enum Change {
    Write { position: u64, bytes: Vec<u8> },
    Length(u64),
}

#[derive(Default)]
struct File {
    seen: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
}

#[derive(Default)]
struct State {
    files: Vec<File>,
    seen: BTreeMap<PathBuf, usize>,
    durable: BTreeMap<PathBuf, usize>,
    calls: usize,
    syncs: usize,
    stop_at: Option<usize>,
    fail_sync: Option<usize>,
}

/// Handles on one disk.
#[derive(Clone, Default)]
pub(super) struct PowerDisk {
    state: Arc<Mutex<State>>,
}

impl std::fmt::Debug for PowerDisk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PowerDisk")
    }
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Write { position, bytes: written } => {
                let end = *position as usize + written.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[*position as usize..end].copy_from_slice(written);
            }
            Self::Length(length) => bytes.resize(*length as usize, 0),
        }
    }

    /// The change in pieces that a disk writes in one go.
    fn sectors(&self) -> Vec<Change> {
        let Self::Write { position, bytes } = self else { return vec![self.clone()] };
        let (mut sectors, mut done) = (Vec::new(), 0);
        while done < bytes.len() {
            let at = *position as usize + done;
            let end = bytes.len().min(done + SECTOR_BYTES - at % SECTOR_BYTES);
            sectors.push(Self::Write { position: at as u64, bytes: bytes[done..end].to_vec() });
            done = end;
        }
        sectors
    }
}

/// A sequence of coin tosses that is the same each time (xorshift, Marsaglia 2003).
struct Coin(u64);

impl Coin {
    fn toss(&mut self) -> bool {
        for (left, by) in [(true, 13), (false, 7), (true, 17)] {
            self.0 ^= if left { self.0 << by } else { self.0 >> by };
        }
        self.0 >> 33 & 1 == 1
    }
}

impl File {
    fn change(&mut self, change: Change) {
        change.apply(&mut self.seen);
        self.pending.push(change);
    }

    /// What of this file is left.
    fn after(&self, loss: Loss, coin: &mut Coin, is_last: bool) -> Vec<u8> {
        let mut left = self.durable.clone();
        let kept: Vec<Change> = match loss {
            Loss::Nothing => self.pending.clone(),
            Loss::Everything => Vec::new(),
            Loss::HalfOfTheLast | Loss::AllButTheLast if is_last => {
                let mut kept = self.pending.clone();
                let last = kept.pop();
                if let (Some(Change::Write { position, mut bytes }), Loss::HalfOfTheLast) = (last, loss) {
                    bytes.truncate(bytes.len() / 2);
                    kept.push(Change::Write { position, bytes });
                }
                kept
            }
            Loss::HalfOfTheLast | Loss::AllButTheLast => self.pending.clone(),
            Loss::Writes(_) => self.pending.iter().filter(|_| coin.toss()).cloned().collect(),
            Loss::Sectors(_) => self.pending.iter().flat_map(Change::sectors).filter(|_| coin.toss()).collect(),
        };
        kept.iter().for_each(|change| change.apply(&mut left));
        left
    }
}

impl PowerDisk {
    /// Stops everything at the call of this number and after it, counted from the disk's first.
    pub(super) fn stop_at(&self, call: usize) {
        self.state.lock().unwrap().stop_at = Some(call);
    }

    /// Lets the sync of this number fail, once, and forget what it should have made durable.
    pub(super) fn fail_sync(&self, sync: usize) {
        self.state.lock().unwrap().fail_sync = Some(sync);
    }

    /// Calls so far that change what is seen or durable.
    pub(super) fn calls(&self) -> usize {
        self.state.lock().unwrap().calls
    }

    /// Syncs so far, of files and directories.
    pub(super) fn syncs(&self) -> usize {
        self.state.lock().unwrap().syncs
    }

    /// The power goes and comes back.
    pub(super) fn lose(&self, loss: Loss, seed: u64) {
        let mut state = self.state.lock().unwrap();
        let state = &mut *state;
        let seed = match loss {
            Loss::Writes(random) | Loss::Sectors(random) => seed.wrapping_mul(1_000_003) ^ (random << 32),
            _ => seed,
        };
        let mut coin = Coin(seed | 1 << 60);
        for _ in 0..64 {
            coin.toss();
        }
        let names: Vec<PathBuf> = state.seen.keys().chain(state.durable.keys()).cloned().collect();
        for name in names {
            let (seen, durable) = (state.seen.get(&name).copied(), state.durable.get(&name).copied());
            let kept = match loss {
                Loss::Nothing | Loss::HalfOfTheLast => seen,
                Loss::Everything | Loss::AllButTheLast => durable,
                Loss::Writes(_) | Loss::Sectors(_) => {
                    if coin.toss() {
                        seen
                    } else {
                        durable
                    }
                }
            };
            match kept {
                Some(file) => drop(state.durable.insert(name, file)),
                None => drop(state.durable.remove(&name)),
            }
        }
        state.seen = state.durable.clone();
        let last = state.files.iter().rposition(|file| !file.pending.is_empty());
        for (number, file) in state.files.iter_mut().enumerate() {
            let left = file.after(loss, &mut coin, Some(number) == last);
            *file = File { seen: left.clone(), durable: left, pending: Vec::new() };
        }
        (state.stop_at, state.fail_sync) = (None, None);
    }

    /// Counts a call, and refuses it if the disk has stopped. The change of the call at which it stops is made, so that it may
    /// be lost or not; syncs are not.
    fn call(&self, state: &mut State, change: impl FnOnce(&mut State) -> io::Result<()>) -> io::Result<()> {
        let call = state.calls;
        state.calls += 1;
        match state.stop_at {
            Some(stop_at) if call > stop_at => Err(io::Error::other("the power is off")),
            Some(stop_at) if call == stop_at => {
                let _ = change(state);
                Err(io::Error::other("the power goes"))
            }
            _ => change(state),
        }
    }

    fn sync_call(&self, state: &mut State, make_durable: impl FnOnce(&mut State, bool)) -> io::Result<()> {
        let (sync, stops) = (state.syncs, state.stop_at.is_some_and(|stop_at| state.calls >= stop_at));
        state.syncs += 1;
        state.calls += 1;
        if stops {
            return Err(io::Error::other("the power is off"));
        }
        let fails = state.fail_sync == Some(sync);
        make_durable(state, fails);
        if fails { Err(io::Error::other("the disk cannot write")) } else { Ok(()) }
    }
}

fn not_found() -> io::Error {
    io::Error::from(io::ErrorKind::NotFound)
}

impl Disk for PowerDisk {
    fn create_directory(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn lock(&self, _: &Path) -> io::Result<Option<Box<dyn Any + Send + Sync>>> {
        Ok(Some(Box::new(())))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let state = self.state.lock().unwrap();
        let names = state.seen.keys().filter(|path| path.parent() == Some(dir));
        Ok(names.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect())
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.state.lock().unwrap();
        if state.seen.contains_key(path) {
            return Err(io::Error::from(io::ErrorKind::AlreadyExists));
        }
        self.call(&mut state, |state| {
            state.files.push(File::default());
            state.seen.insert(path.to_owned(), state.files.len() - 1);
            Ok(())
        })?;
        Ok(Arc::new(PowerFile { disk: self.clone(), file: state.files.len() - 1 }))
    }

    fn open(&self, path: &Path, _: bool) -> io::Result<Arc<dyn DiskFile>> {
        let file = *self.state.lock().unwrap().seen.get(path).ok_or_else(not_found)?;
        Ok(Arc::new(PowerFile { disk: self.clone(), file }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state.lock().unwrap();
        self.call(&mut state, |state| {
            let file = state.seen.remove(from).ok_or_else(not_found)?;
            state.seen.insert(to.to_owned(), file);
            Ok(())
        })
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state.lock().unwrap();
        self.call(&mut state, |state| state.seen.remove(path).map(drop).ok_or_else(not_found))
    }

    fn sync_directory(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state.lock().unwrap();
        self.sync_call(&mut state, |state, fails| {
            if !fails {
                state.durable.retain(|path, _| path.parent() != Some(dir));
                let seen = state.seen.iter().filter(|(path, _)| path.parent() == Some(dir));
                state.durable.extend(seen.map(|(path, file)| (path.clone(), *file)));
            }
        })
    }
}

struct PowerFile {
    disk: PowerDisk,
    file: usize,
}

impl PowerFile {
    fn change(&self, change: Change) -> io::Result<()> {
        let mut state = self.disk.state.lock().unwrap();
        self.disk.call(&mut state, |state| {
            state.files[self.file].change(change);
            Ok(())
        })
    }
}

impl DiskFile for PowerFile {
    fn length(&self) -> io::Result<u64> {
        Ok(self.disk.state.lock().unwrap().files[self.file].seen.len() as u64)
    }

    fn read_at(&self, bytes: &mut [u8], position: u64) -> io::Result<usize> {
        let state = self.disk.state.lock().unwrap();
        let held = state.files[self.file].seen.get(position as usize..).unwrap_or(&[]);
        let count = held.len().min(bytes.len());
        bytes[..count].copy_from_slice(&held[..count]);
        Ok(count)
    }

    fn write_at(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        self.change(Change::Write { position, bytes: bytes.to_vec() })
    }

    fn allocate(&self, length: u64) -> io::Result<()> {
        if self.length()? >= length { Ok(()) } else { self.change(Change::Length(length)) }
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.change(Change::Length(length))
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.state.lock().unwrap();
        self.disk.sync_call(&mut state, |state, fails| {
            let file = &mut state.files[self.file];
            // A system whose sync failed has dropped the changes, and shows them all the same.
            file.pending.clear();
            if !fails {
                file.durable = file.seen.clone();
            }
        })
    }
}
