//! A mirror: the log of another chain, followed without its key.
//!
//! Kept true: a mirror holds, in the format of a log, just the entries that the chain signed for: what is added has to
//! lead to the root of a note by the chain's key. So it can serve the same reads, show that the chain grows only, and give
//! a damaged log back what it lost ([`super::repair()`]). It signs nothing. No network is here.
//!
//! Who controls a mirror can keep it behind or offline, and nothing else: whoever reads from it checks against notes.
//!
//! Errors: [`LogError`]; [`LogError::OtherHistory`] is the chain's fault or the way's, and worth keeping the note for.
//! Cost: as for a log, without the signing.

use std::{path::Path, sync::Arc};

use nacre_schemas::SigningPublicKey;

use super::{
    Lock, LogError, LogOptions, Reader,
    block::Place,
    disk::LocalDisk,
    edge::Edge,
    open_files,
    recover::{self, Recovered},
    register::Register,
    scan::verify,
    shared::Files,
    store::{Store, same_checkpoint},
};
use crate::{
    MAX_ENTRY_BYTES,
    merkle::{Hasher as _, Sm3Hasher},
    note::{Checkpoint, SignedCheckpoint},
};

/// Most bytes of entries that a mirror takes under one note.
pub const MAX_MIRRORED_BYTES: usize = 256 << 20;

/// A follower of a chain's log. It has its directory to itself.
pub struct Mirror {
    files: Files,
    /// The present one first.
    keys: Vec<SigningPublicKey>,
    segment_bytes: u64,
    register: Option<Register>,
    /// None until something was mirrored.
    follower: Option<(Store, Reader)>,
    _lock: Lock,
}

impl Mirror {
    /// Opens the mirror of the chain `origin`, whose present key is `public`, in the directory, or begins one there. Of the
    /// options, a mirror has no queue and keeps no keys of entries.
    pub fn open(dir: &Path, origin: &str, public: SigningPublicKey, options: &LogOptions) -> Result<Self, LogError> {
        options.check()?;
        let (files, lock) = open_files(Arc::new(LocalDisk), dir, origin)?;
        let register = match &options.register {
            Some(path) => Some(Register::open_on(Arc::clone(&files.disk), path, origin)?),
            None => None,
        };
        let segment_bytes = options.segment_bytes;
        let keys = [&[public], &options.earlier_keys[..]].concat();
        let (follower, register) = match recover::recover(&files, &keys, register, segment_bytes, None)? {
            Recovered::Log(store) => {
                let reader = Reader { shared: Arc::clone(&store.shared) };
                (Some((*store, reader)), None)
            }
            Recovered::Nothing(register) => (None, register),
        };
        Ok(Self { files, keys, segment_bytes, register, follower, _lock: lock })
    }

    /// Entries mirrored.
    pub fn size(&self) -> u64 {
        self.reader().map_or(0, Reader::size)
    }

    /// What reads the mirror; none as long as nothing was mirrored.
    pub fn reader(&self) -> Option<&Reader> {
        self.follower.as_ref().map(|(_, reader)| reader)
    }

    /// Takes the entries that follow on those mirrored, all that the note covers, or nothing. A chain's log gives
    /// both: `entries`, and `checkpoint_covering` of the first entry that is missing here, which is the next note to
    /// bring the same commits. Takes no entries if the note is of what is here already.
    pub fn append(&mut self, entries: &[Vec<u8>], note: &SignedCheckpoint) -> Result<(), LogError> {
        verify(note, &self.files.origin, &self.keys)?;
        if let Some(position) = entries.iter().position(|entry| entry.len() > MAX_ENTRY_BYTES) {
            return Err(LogError::EntryTooLong { position, found: entries[position].len() });
        }
        if entries.iter().map(Vec::len).sum::<usize>() > MAX_MIRRORED_BYTES || entries.len() > MAX_MIRRORED_BYTES / 256
        {
            return Err(LogError::TooMuchMirrored);
        }
        let (size, said) = (self.size(), note.unverified());
        if let Some(reader) = self.reader().filter(|_| entries.is_empty() && said.size <= size) {
            let (size, computed) = (said.size, said.size);
            return if reader.root_at(size)? == said.root {
                Ok(())
            } else {
                Err(LogError::OtherHistory { size, computed })
            };
        }
        let entries: Vec<&[u8]> = entries.iter().map(Vec::as_slice).collect();
        match &mut self.follower {
            Some((store, _)) => store.commit(&entries, |computed| same_checkpoint(note.clone(), &computed)).map(drop),
            None => self.begin(&entries, note),
        }
    }

    /// The first group of a mirror.
    fn begin(&mut self, entries: &[&[u8]], note: &SignedCheckpoint) -> Result<(), LogError> {
        // Looked at first: the register goes to a store only if there will be one.
        let mut edge = Edge::new();
        for entry in entries {
            edge.push(Place { entry: 0, commit: 0 }, Sm3Hasher::leaf(entry));
        }
        let origin = self.files.origin.clone();
        same_checkpoint(note.clone(), &Checkpoint { origin, size: edge.size(), root: edge.root() })?;
        let register = self.register.take();
        let store = Store::create(self.files.clone(), entries, note.clone(), register, self.segment_bytes)?;
        let reader = Reader { shared: Arc::clone(&store.shared) };
        self.follower = Some((store, reader));
        Ok(())
    }
}
