//! Dealing the cross lane's keys for a network on one machine.
//!
//! Kept true: secret keys and the reference string's trapdoor are in memory only, and gone when dealing ends. What stays is the
//! public key, the evaluation keys, and the seeds of the summands, which go to their holders.
//!
//! Cost: half a minute of two cores and 2 GB of memory; files of 380 MB.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{BufWriter, Write as _},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use nacre_custodian::cross::share_file;
use nacre_fhe::{keys::SecretKeys, params::CROSS_1};
use nacre_schemas::{
    Digest, Document as _,
    id::JurisdictionId,
    summand::{PublishedSummands, SummandId},
    trust::CrossKeys,
};
use nacre_zk::{
    replicated::{self, Summand},
    summand,
};

/// Commitments to the summands, beside the keys.
const SUMMANDS: &str = "summands.key";

/// Keys that were dealt: files, and the summands that are still to be handed out.
pub struct CrossDealing {
    /// What the trust root says of them.
    pub keys: CrossKeys,
    public: PathBuf,
    evaluation: PathBuf,
    published: PathBuf,
    /// By jurisdiction, in order.
    summands: Vec<Vec<Summand>>,
    /// By jurisdiction: (custodians, threshold).
    structure: Vec<(u16, u16)>,
}

impl CrossDealing {
    /// Deals fresh keys, and writes the public files into a folder.
    pub fn fresh(folder: &Path, jurisdictions: &[JurisdictionId], structure: &[(u16, u16)]) -> anyhow::Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        // Configurations in other folders name the files.
        let folder = &folder.canonicalize()?;
        let secret = SecretKeys::generate(&CROSS_1)?;
        let dealt = replicated::deal(secret.shared(), structure)?;
        let (public, evaluation) = (folder.join("public.key"), folder.join("evaluation.key"));
        let key = secret.public_key()?;
        let published = publish(&dealt.summands, jurisdictions, secret.shared().len())?;
        let published_at = folder.join(SUMMANDS);
        let summands = write(&published_at, |to| {
            to.write_all(&published.to_canonical())?;
            Ok(published.digest())
        })?;
        let public_key = write(&public, |to| key.write(to))?;
        let keys = secret.evaluation_keys(dealt.correction)?;
        let evaluation_keys = write(&evaluation, |to| keys.write(to))?;
        let parameters = CROSS_1.name.parse().map_err(anyhow::Error::msg)?;
        Ok(Self {
            keys: CrossKeys { parameters, public_key, evaluation_keys, summands },
            published: published_at,
            public,
            evaluation,
            summands: dealt.summands,
            structure: structure.to_vec(),
        })
    }

    /// The file of a custodian's summands.
    pub fn share_file(&self, jurisdiction: usize, custodian: u16) -> anyhow::Result<zeroize::Zeroizing<String>> {
        let (custodians, threshold) = *self.structure.get(jurisdiction).context("no such jurisdiction")?;
        let lacking = replicated::subsets(custodians, threshold - 1);
        let summands = self.summands[jurisdiction].iter().zip(0u16..);
        let held = summands.zip(lacking).filter(|(_, lacking)| !lacking.contains(&custodian));
        Ok(share_file(&held.map(|((summand, number), _)| (number, summand)).collect::<Vec<_>>()))
    }

    /// The file that providers and exchanges read.
    pub fn public(&self) -> &Path {
        &self.public
    }

    /// The file that evaluators read.
    pub fn evaluation(&self) -> &Path {
        &self.evaluation
    }

    /// The file that regulators read: commitments to the summands.
    pub fn published(&self) -> &Path {
        &self.published
    }

    /// The seeds of all summands, for a network that is made again with the same keys. Whoever has them can decrypt
    /// everything: for tests.
    pub fn seeds(&self) -> BTreeMap<usize, Vec<[u8; 32]>> {
        let seeds = |summands: &Vec<Summand>| summands.iter().map(|summand| *summand.seed()).collect();
        self.summands.iter().map(seeds).enumerate().collect()
    }

    /// Keys that were dealt before, from their folder and their seeds.
    pub fn again(
        folder: &Path,
        structure: &[(u16, u16)],
        keys: CrossKeys,
        seeds: &BTreeMap<usize, Vec<[u8; 32]>>,
    ) -> Self {
        let summands = |seeds: &Vec<[u8; 32]>| seeds.iter().map(|seed| Summand::from_seed(*seed)).collect();
        Self {
            keys,
            public: folder.join("public.key"),
            evaluation: folder.join("evaluation.key"),
            published: folder.join(SUMMANDS),
            summands: seeds.values().map(summands).collect(),
            structure: structure.to_vec(),
        }
    }
}

/// Commitments to all summands, by jurisdiction and number.
fn publish(
    summands: &[Vec<Summand>],
    jurisdictions: &[JurisdictionId],
    words: usize,
) -> anyhow::Result<PublishedSummands> {
    let mut published = Vec::new();
    for (jurisdiction, summands) in jurisdictions.iter().zip(summands) {
        for (summand, number) in summands.iter().zip(0u16..) {
            let id = SummandId { jurisdiction: jurisdiction.clone(), number };
            published.push(summand::commit(&summand.expand(words), id)?);
        }
    }
    Ok(PublishedSummands { summands: published })
}

/// Writes a file, synced; gives the digest of what was written.
fn write(path: &Path, content: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<Digest>) -> anyhow::Result<Digest> {
    let explain = || format!("cannot write {}", path.display());
    let mut file = BufWriter::new(File::create(path).with_context(explain)?);
    let digest = content(&mut file).with_context(explain)?;
    file.flush().with_context(explain)?;
    file.get_ref().sync_all().with_context(explain)?;
    Ok(digest)
}
