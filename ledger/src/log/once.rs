//! Entries that are to be in the log once: which keys are committed, which are on their way.
//!
//! Kept true: a key is looked up, and claimed if it is new, under one lock; so of any number of submissions with one
//! key, at any time and from any thread, one is written and the others are told its place. The key of an entry follows
//! from its bytes ([`OnceBy`]), so it is known again after a restart, and two entries count as one only if all 256 bits
//! of their keys are equal. A group that could not be written frees its keys.
//!
//! Errors: those of whoever had the key before. Cost: some 15 bytes an entry in memory, 150 MB for 10^7 (a table of
//! places by 32 bits of the key; whoever is found there is read from disk and compared in full). Opening a log fills
//! the table: from the leaf hashes, or from every entry if the key is another.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use hashbrown::HashTable;
use nacre_schemas::Digest;
use tokio::sync::oneshot;

use super::{Appended, LogError, Reader, block::LEAVES};
use crate::merkle::{Hasher as _, Sm3Hasher};

/// What makes two entries the same.
#[derive(Clone, Copy, Debug)]
pub enum OnceBy {
    /// All of their bytes: the key is the leaf's hash.
    Entry,
    /// What this function, which has to be pure, makes of the bytes.
    Key(fn(&[u8]) -> Digest),
}

impl OnceBy {
    /// The entry's key.
    pub fn key(self, entry: &[u8]) -> Digest {
        match self {
            Self::Entry => Sm3Hasher::leaf(entry),
            Self::Key(key) => key(entry),
        }
    }
}

/// Where an entry is that was submitted to be there once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Its index.
    pub index: u64,
    /// Whether it was there, or on its way, before this submission.
    pub repeated: bool,
}

/// What to do about one entry of a submission.
pub(super) enum Claim {
    /// It is in the log.
    Committed(u64),
    /// Another submission is about to write it, and its place will come.
    InFlight(oneshot::Receiver<Result<u64, LogError>>),
    /// It is the next of the entries to be submitted.
    New,
}

/// The keys of a log.
pub(super) struct Once {
    by: OnceBy,
    state: Mutex<State>,
}

/// The table has as many parts as a byte has values, so that only a small one grows at a time.
const PARTS: usize = 256;
const INDEX_BITS: u32 = 40;

struct State {
    /// How often the log was recovered after a failure.
    recoveries: u64,
    /// By the first byte of the key: its next three bytes above, the entry's index in the 40 bits below.
    committed: Vec<HashTable<u64>>,
    in_flight: HashMap<Digest, Vec<oneshot::Sender<Result<u64, LogError>>>>,
}

impl Once {
    /// The keys of what is in the log.
    pub(super) fn of(by: OnceBy, reader: &Reader) -> Result<Self, LogError> {
        let mut state = State {
            recoveries: 0,
            committed: (0..PARTS).map(|_| HashTable::new()).collect(),
            in_flight: HashMap::new(),
        };
        let (mut index, size) = (0, reader.size());
        while index < size {
            let end = size.min((index / LEAVES as u64 + 1) * LEAVES as u64);
            let keys: Vec<Digest> = match by {
                OnceBy::Entry => {
                    reader.shared.places(index..end)?.into_iter().map(|(_, leaf_hash)| leaf_hash).collect()
                }
                OnceBy::Key(key) => reader.entries(index..end, LEAVES)?.iter().map(|entry| key(entry)).collect(),
            };
            for key in keys {
                state.insert(&key, index);
                index += 1;
            }
        }
        Ok(Self { by, state: Mutex::new(state) })
    }

    /// Looks the entries up and claims the new ones, which whoever calls has to submit or [`Once::free`]; and as of which
    /// recovery that is.
    pub(super) fn claim(&self, entries: &[Vec<u8>], reader: &Reader) -> Result<(Vec<Claim>, u64), LogError> {
        let keys: Vec<Digest> = entries.iter().map(|entry| self.by.key(entry)).collect();
        let mut state = self.state();
        // First what can fail, so that nothing stays claimed if it does.
        let committed: Vec<Option<u64>> =
            keys.iter().map(|key| state.find(key, self.by, reader)).collect::<Result<_, _>>()?;
        let claim = |(key, committed): (Digest, Option<u64>)| match committed {
            Some(index) => Claim::Committed(index),
            None => match state.in_flight.entry(key) {
                std::collections::hash_map::Entry::Occupied(mut waiting) => {
                    let (sender, receiver) = oneshot::channel();
                    waiting.get_mut().push(sender);
                    Claim::InFlight(receiver)
                }
                std::collections::hash_map::Entry::Vacant(free) => {
                    free.insert(Vec::new());
                    Claim::New
                }
            },
        };
        let claims = keys.into_iter().zip(committed).map(claim).collect();
        Ok((claims, state.recoveries))
    }

    /// How often the log was recovered after a failure.
    pub(super) fn recoveries(&self) -> u64 {
        self.state().recoveries
    }

    /// Takes over entries that were found in the log when it was recovered. What was claimed before is claimed no more.
    pub(super) fn recovered<'a>(&self, first: u64, entries: impl Iterator<Item = &'a [u8]>) {
        let mut state = self.state();
        state.recoveries += 1;
        self.take_over(&mut state, first, entries);
    }

    /// Takes over entries that are committed, and tells who waits for them.
    pub(super) fn committed<'a>(&self, first: u64, entries: impl Iterator<Item = &'a [u8]>) {
        self.take_over(&mut self.state(), first, entries);
    }

    fn take_over<'a>(&self, state: &mut State, first: u64, entries: impl Iterator<Item = &'a [u8]>) {
        for (index, entry) in (first..).zip(entries) {
            let key = self.by.key(entry);
            state.insert(&key, index);
            for waiting in state.in_flight.remove(&key).into_iter().flatten() {
                // One that no longer waits needs no answer.
                let _ = waiting.send(Ok(index));
            }
        }
    }

    /// Frees the keys of entries that were not written.
    pub(super) fn free<'a>(&self, entries: impl Iterator<Item = &'a [u8]>, cause: &str) {
        let mut state = self.state();
        for entry in entries {
            for waiting in state.in_flight.remove(&self.by.key(entry)).into_iter().flatten() {
                let _ = waiting.send(Err(LogError::Poisoned { cause: cause.to_owned() }));
            }
        }
    }

    /// Tells everyone who waits that nothing more will come.
    pub(super) fn abandon(&self) {
        self.state().in_flight.clear();
    }

    /// A thread that panicked while it held the lock has left a table that is right as far as it goes.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn insert(&mut self, key: &Digest, index: u64) {
        let (part, tag) = part_and_tag(key);
        debug_assert!(index < 1 << INDEX_BITS, "a log of 2^40 entries takes a thousand years at a hundred a second");
        self.committed[part].insert_unique(spread(tag), tag << INDEX_BITS | index, |slot| spread(slot >> INDEX_BITS));
    }

    /// The first entry with the key.
    fn find(&self, key: &Digest, by: OnceBy, reader: &Reader) -> Result<Option<u64>, LogError> {
        let (part, tag) = part_and_tag(key);
        let candidates = self.committed[part].iter_hash(spread(tag)).filter(|slot| **slot >> INDEX_BITS == tag);
        let mut found: Option<u64> = None;
        for index in candidates.map(|slot| slot & ((1 << INDEX_BITS) - 1)) {
            let held = match by {
                OnceBy::Entry => reader.leaf_hash(index)?,
                OnceBy::Key(of) => of(&reader.entry(index)?),
            };
            if held == *key {
                found = Some(found.map_or(index, |before| before.min(index)));
            }
        }
        Ok(found)
    }
}

fn part_and_tag(key: &Digest) -> (usize, u64) {
    (key.0[0].into(), super::frame::number(&key.0[1..4]))
}

/// The 24 bits of a tag over all of a table's hash (Fibonacci hashing, Knuth volume 3, section 6.4).
fn spread(tag: u64) -> u64 {
    (tag + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Where each entry of a submission is, once the new ones are.
pub(super) enum Wait {
    At(u64),
    Behind(oneshot::Receiver<Result<u64, LogError>>),
    /// The n-th of the new ones.
    New(u64),
}

/// Splits a submission into what is to be written and what each entry waits for.
pub(super) fn split(entries: Vec<Vec<u8>>, claims: Vec<Claim>) -> (Vec<Vec<u8>>, Vec<Wait>) {
    let mut new = Vec::new();
    let waits = entries.into_iter().zip(claims).map(|(entry, claim)| match claim {
        Claim::Committed(index) => Wait::At(index),
        Claim::InFlight(receiver) => Wait::Behind(receiver),
        Claim::New => {
            new.push(entry);
            Wait::New(new.len() as u64 - 1)
        }
    });
    let waits = waits.collect();
    (new, waits)
}

/// The place of one entry, given that of the new ones.
pub(super) async fn settle(wait: Wait, appended: Option<&Appended>) -> Result<Placed, LogError> {
    match (wait, appended) {
        (Wait::At(index), _) => Ok(Placed { index, repeated: true }),
        (Wait::Behind(receiver), _) => {
            let index = receiver.await.unwrap_or_else(|_| Err(super::stopped()))?;
            Ok(Placed { index, repeated: true })
        }
        (Wait::New(position), Some(appended)) => Ok(Placed { index: appended.first + position, repeated: false }),
        (Wait::New(_), None) => Err(super::stopped()),
    }
}
