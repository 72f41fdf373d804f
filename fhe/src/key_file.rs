//! Key files: what the ceremony hands to providers and evaluators.
//!
//! A file is a label, the name of the parameter set, then words of known number, little-endian, each key's seed before its
//! words. Nothing in it says how long it is: the parameter set does. It is known by the SM3 digest of all of its bytes, which
//! the trust root holds; whoever reads a file compares.

use std::io::{self, Read, Write};

use nacre_schemas::Digest;
use sm3::{Digest as _, Sm3};
use tfhe::{
    core_crypto::{
        commons::math::random::{CompressionSeed, Seed},
        prelude::*,
    },
    safe_serialization::{safe_deserialize, safe_serialize},
    zk::CompactPkeCrs,
};

use crate::{
    error::FheError,
    keys::{PublicKey, SeededEvaluationKeys},
    params::{Parameters, Q64, Q128},
};

const PUBLIC: &[u8; 24] = b"nacre cross public v1\n\0\0";
const EVALUATION: &[u8; 24] = b"nacre cross evaluate v1\n";
/// Bytes of a parameter set's name, filled up with zeros.
const NAME_BYTES: usize = 32;
/// The most bytes of a reference string.
const MAX_CRS_BYTES: u64 = 64 << 20;
/// Words that are written at a time.
const BLOCK_WORDS: usize = 8_192;

/// A stream whose bytes are hashed as they pass.
struct Hashed<S> {
    stream: S,
    hasher: Sm3,
}

impl<S> Hashed<S> {
    fn new(stream: S) -> Self {
        Self { stream, hasher: Sm3::new() }
    }

    fn digest(self) -> Digest {
        Digest(self.hasher.finalize().into())
    }
}

impl<S: Write> Write for Hashed<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.stream.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl<S: Read> Read for Hashed<S> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.stream.read(bytes)?;
        self.hasher.update(&bytes[..read]);
        Ok(read)
    }
}

/// A word of a key.
trait Word: Copy {
    const BYTES: usize;
    fn put(self, bytes: &mut Vec<u8>);
    fn get(bytes: &[u8]) -> Self;
}

impl Word for u64 {
    const BYTES: usize = 8;
    fn put(self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.to_le_bytes());
    }
    fn get(bytes: &[u8]) -> Self {
        bytes.iter().rev().fold(0, |word, byte| word << 8 | Self::from(*byte))
    }
}

impl Word for u128 {
    const BYTES: usize = 16;
    fn put(self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.to_le_bytes());
    }
    fn get(bytes: &[u8]) -> Self {
        bytes.iter().rev().fold(0, |word, byte| word << 8 | Self::from(*byte))
    }
}

fn put_words<W: Word>(to: &mut impl Write, words: &[W]) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(BLOCK_WORDS * W::BYTES);
    for block in words.chunks(BLOCK_WORDS) {
        bytes.clear();
        block.iter().for_each(|word| word.put(&mut bytes));
        to.write_all(&bytes)?;
    }
    Ok(())
}

fn get_words<W: Word>(from: &mut impl Read, count: usize) -> io::Result<Vec<W>> {
    let mut words = Vec::with_capacity(count);
    let mut bytes = vec![0; BLOCK_WORDS * W::BYTES];
    while words.len() < count {
        let block = (count - words.len()).min(BLOCK_WORDS) * W::BYTES;
        from.read_exact(&mut bytes[..block])?;
        words.extend(bytes[..block].chunks_exact(W::BYTES).map(W::get));
    }
    Ok(words)
}

fn put_head(to: &mut impl Write, label: &[u8; 24], parameters: &Parameters) -> io::Result<()> {
    let mut name = [0; NAME_BYTES];
    name[..parameters.name.len()].copy_from_slice(parameters.name.as_bytes());
    to.write_all(label)?;
    to.write_all(&name)
}

fn get_head(from: &mut impl Read, label: &[u8; 24]) -> Result<&'static Parameters, FheError> {
    let mut head = [0; 24 + NAME_BYTES];
    from.read_exact(&mut head).map_err(unreadable)?;
    if head[..24] != label[..] {
        return Err(FheError::malformed("key file", "it does not begin as one of this kind"));
    }
    let name = String::from_utf8_lossy(&head[24..]);
    let name = name.trim_end_matches('\0');
    Parameters::named(name).ok_or_else(|| FheError::malformed("key file", "no such parameter set"))
}

fn get_end(from: &mut impl Read) -> Result<(), FheError> {
    match from.read(&mut [0]) {
        Ok(0) => Ok(()),
        Ok(_) => Err(FheError::malformed("key file", "bytes after its end")),
        Err(error) => Err(unreadable(error)),
    }
}

fn unreadable(error: io::Error) -> FheError {
    FheError::malformed("key file", error)
}

impl PublicKey {
    /// Writes the key; gives the digest of what was written.
    pub fn write(&self, to: impl Write) -> io::Result<Digest> {
        let mut to = Hashed::new(to);
        put_head(&mut to, PUBLIC, self.parameters)?;
        put_words(&mut to, self.key.get_mask().as_ref())?;
        put_words(&mut to, self.key.get_body().as_ref())?;
        safe_serialize(&self.crs, &mut to, MAX_CRS_BYTES).map_err(io::Error::other)?;
        to.flush()?;
        Ok(to.digest())
    }

    /// Reads a key, and the digest of what was read.
    pub fn read(from: impl Read) -> Result<(Self, Digest), FheError> {
        let mut from = Hashed::new(from);
        let parameters = get_head(&mut from, PUBLIC)?;
        let words = get_words(&mut from, 2 * parameters.public_dimension.0).map_err(unreadable)?;
        let key = LweCompactPublicKey::from_container(words, Q64);
        let crs: CompactPkeCrs =
            safe_deserialize(&mut from, MAX_CRS_BYTES).map_err(|error| FheError::malformed("key file", error))?;
        get_end(&mut from)?;
        let digest = from.digest();
        Ok((Self { parameters, key, crs, digest }, digest))
    }
}

impl SeededEvaluationKeys {
    /// Writes the keys, some 350 MB; gives the digest of what was written.
    pub fn write(&self, to: impl Write) -> io::Result<Digest> {
        let mut to = Hashed::new(to);
        put_head(&mut to, EVALUATION, self.parameters)?;
        for seed in self.seeds {
            to.write_all(&seed.to_le_bytes())?;
        }
        put_words(&mut to, self.from_public.as_ref())?;
        put_words(&mut to, self.from_big.as_ref())?;
        put_words(&mut to, self.packing.as_ref())?;
        put_words(&mut to, self.bootstrapping.as_ref())?;
        put_words(&mut to, self.squashing.as_ref())?;
        put_words(&mut to, &self.correction)?;
        to.flush()?;
        Ok(to.digest())
    }

    /// Reads the keys, and the digest of what was read.
    pub fn read(from: impl Read) -> Result<(Self, Digest), FheError> {
        let mut from = Hashed::new(from);
        let parameters = get_head(&mut from, EVALUATION)?;
        let keys = Self::read_keys(parameters, &mut from).map_err(unreadable)?;
        get_end(&mut from)?;
        Ok((keys, from.digest()))
    }

    fn read_keys(parameters: &'static Parameters, from: &mut impl Read) -> io::Result<Self> {
        let mut seeds = [0; 5];
        for seed in &mut seeds {
            let mut bytes = [0; 16];
            from.read_exact(&mut bytes)?;
            *seed = u128::from_le_bytes(bytes);
        }
        let seed = |index: usize| CompressionSeed::from(Seed(seeds[index]));
        let (glwe, size) = (parameters.glwe_dimension.to_glwe_size(), parameters.polynomial_size);
        let keyswitch = |from: &mut _, dimension: LweDimension, index| -> io::Result<_> {
            let decomposition = parameters.keyswitch;
            let words = get_words(from, dimension.0 * decomposition.levels.0)?;
            let small = parameters.lwe_dimension.to_lwe_size();
            let (base_log, levels) = (decomposition.base_log, decomposition.levels);
            Ok(SeededLweKeyswitchKey::from_container(words, base_log, levels, small, seed(index), Q64))
        };
        let from_public = keyswitch(from, parameters.public_dimension, 0)?;
        let from_big = keyswitch(from, parameters.big_dimension(), 1)?;
        let (base_log, levels) = (parameters.packing.base_log, parameters.packing.levels);
        let words = get_words(from, parameters.public_dimension.0 * levels.0 * size.0)?;
        let packing = SeededLwePackingKeyswitchKey::from_container(words, base_log, levels, glwe, size, seed(2), Q64);
        let (base_log, levels) = (parameters.bootstrapping.base_log, parameters.bootstrapping.levels);
        let words = get_words(from, parameters.lwe_dimension.0 * levels.0 * glwe.0 * size.0)?;
        let bootstrapping = SeededLweBootstrapKey::from_container(words, glwe, size, base_log, levels, seed(3), Q64);
        let (base_log, levels) = (parameters.squashing.base_log, parameters.squashing.levels);
        let squashed = parameters.squashed_dimension.to_glwe_size();
        let words = get_words(from, parameters.lwe_dimension.0 * levels.0 * squashed.0 * size.0)?;
        let squashing = SeededLweBootstrapKey::from_container(words, squashed, size, base_log, levels, seed(4), Q128);
        let correction = get_words(from, parameters.shared_dimension().0)?;
        Ok(Self { parameters, seeds, from_public, from_big, packing, bootstrapping, squashing, correction })
    }
}
