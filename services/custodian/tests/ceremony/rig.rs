//! Custodians on hosts of their own, and the carrier between them.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use nacre_custodian::ceremony::{Agreement, CeremonyError, Finished, Folder, Listed, Roster, Session};
use nacre_hosting::secret;
use nacre_ledger::signing::SigningKey;
use nacre_schemas::{ceremony::KeyPurpose, id::JurisdictionId, trust::TrustRoot};
use nacre_zk::{
    custody::{GroupKeys, KeyShare},
    share::SecretShare,
};
use tempfile::TempDir;

/// A participant at home.
pub(crate) struct Host {
    pub(crate) name: String,
    pub(crate) key: SigningKey,
    /// Of its share of the old key, in a resharing.
    pub(crate) old_share: Option<SecretShare>,
    home: TempDir,
}

impl Host {
    pub(crate) fn new(name: &str) -> Self {
        let key = SigningKey::generate().unwrap();
        Self { name: name.to_owned(), key, old_share: None, home: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn folder(&self, ceremony: &str) -> Folder {
        Folder::at(self.home.path().join(ceremony))
    }

    pub(crate) fn session(&self, ceremony: &str) -> Session<'_> {
        Session::open(self.folder(ceremony), &self.key).unwrap()
    }

    pub(crate) fn round_1(&self, ceremony: &str) -> Result<PathBuf, CeremonyError> {
        self.session(ceremony).round_1(self.old_share.as_ref())
    }

    pub(crate) fn round_2(&self, ceremony: &str) -> Result<Vec<PathBuf>, CeremonyError> {
        self.session(ceremony).round_2()
    }

    pub(crate) fn finish(&self, ceremony: &str) -> Result<Finished, CeremonyError> {
        self.session(ceremony).finish()
    }

    pub(crate) fn path(&self, ceremony: &str, file: &str) -> PathBuf {
        self.folder(ceremony).path().join(file)
    }

    /// The share it came to, which fits the public keys.
    pub(crate) fn share(&self, ceremony: &str, number: u16, keys: &GroupKeys) -> KeyShare {
        let bytes = secret::read::<32>(&self.folder(ceremony).share()).unwrap();
        KeyShare::new(keys.clone(), number, SecretShare::from_bytes(&bytes).unwrap()).unwrap()
    }

    /// Names of its secret files.
    pub(crate) fn secrets(&self, ceremony: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(ceremony, "secret")).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

/// Copies everything that went out at one host to the others' `in`.
pub(crate) fn carry(hosts: &[&Host], ceremony: &str) {
    for from in hosts {
        for to in hosts.iter().filter(|to| to.name != from.name) {
            bring(from, to, ceremony);
        }
    }
}

/// Copies everything that went out at one host to another's `in`.
pub(crate) fn bring(from: &Host, to: &Host, ceremony: &str) {
    for entry in fs::read_dir(from.path(ceremony, "out")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.path(ceremony, "in").join(entry.file_name())).unwrap();
    }
}

pub(crate) fn jurisdiction() -> JurisdictionId {
    "guangdong".parse().unwrap()
}

fn roster(hosts: &[&Host]) -> Roster {
    let listed = |(position, host): (usize, &&Host)| Listed {
        number: position as u16 + 1,
        name: host.name.parse().unwrap(),
        signing_key: host.key.public(),
    };
    Roster { custodian: hosts.iter().enumerate().map(listed).collect() }
}

/// One agreement in everyone's folder: to generate a key that decrypts.
pub(crate) fn agree(hosts: &[&Host], threshold: u16, ceremony: &str) {
    agree_on(KeyPurpose::Decryption, hosts, threshold, ceremony);
}

/// The same for any purpose.
pub(crate) fn agree_on(purpose: KeyPurpose, hosts: &[&Host], threshold: u16, ceremony: &str) {
    let agreement = Agreement::to_generate(jurisdiction(), purpose, threshold, &roster(hosts)).unwrap();
    for host in hosts {
        agreement.write(&host.folder(ceremony)).unwrap();
    }
}

/// One agreement in everyone's folder: to share a key anew among `new`, with these old custodians dealing.
pub(crate) fn agree_to_reshare(
    root: &TrustRoot,
    (dealers, everyone): (&[u16], &[&Host]),
    new: &[&Host],
    threshold: u16,
    ceremony: &str,
) {
    let dealers: BTreeSet<u16> = dealers.iter().copied().collect();
    let key = (&jurisdiction(), KeyPurpose::Decryption);
    let agreement = Agreement::to_reshare(root, key, &dealers, threshold, &roster(new)).unwrap();
    for host in everyone {
        agreement.write(&host.folder(ceremony)).unwrap();
    }
}

/// All steps of everyone.
pub(crate) fn run(hosts: &[&Host], ceremony: &str) -> Vec<Finished> {
    hosts.iter().for_each(|host| drop(host.round_1(ceremony).unwrap()));
    carry(hosts, ceremony);
    hosts.iter().for_each(|host| drop(host.round_2(ceremony).unwrap()));
    carry(hosts, ceremony);
    hosts.iter().for_each(|host| drop(host.finish(ceremony).unwrap()));
    carry(hosts, ceremony);
    hosts.iter().map(|host| host.finish(ceremony).unwrap()).collect()
}

/// Sets a secret file back to what it was.
pub(crate) fn restore(path: &Path, content: &[u8]) {
    nacre_custodian::ceremony::replace(path, content).unwrap();
}

pub(crate) fn content(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap()
}

/// Hosts `custodian-1` to n.
pub(crate) fn custodians(count: u16) -> Vec<Host> {
    (1..=count).map(|number| Host::new(&format!("custodian-{number}"))).collect()
}
