//! Endorsing a trust root between hosts: FROST's two rounds (RFC 9591) over files.
//!
//! ```text
//! root.toml                             the trust root to endorse, without signatures
//! out/<jurisdiction>-<n>.nonce.json     commit: a commitment to nonces → all who will sign
//! out/<jurisdiction>-<n>.signature-share.json   sign → whoever aggregates
//! in/                                   the others' messages
//! secret/<jurisdiction>-<n>.nonces.hex  between the two; destroyed before the signature share is written
//! <jurisdiction>.endorsement.json       aggregate → `nacre trust finish`
//! ```
//!
//! Kept true: a custodian endorses only a root that states for its own jurisdiction what its ceremony came to, custodians'
//! signing keys included. Nonces answer once: their file is gone from the disk before the signature share is there, so a
//! crash between costs another round, never the key. (A restored backup of `secret` would undo that: keep none.) Who signs
//! is fixed by the signers' list; a share made among others is named.
//!
//! Errors: [`CeremonyError`], naming who is missing and whose share is wrong.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use nacre_hosting::{secret, trust};
use nacre_ledger::signing::SigningKey;
use nacre_schemas::{
    Blob, Digest, Document as _, Signed,
    answer::CustodianId,
    ceremony::{self as schemas, Head, KeyPurpose, Message, Step},
    id::JurisdictionId,
    trust::{Endorsement, Jurisdiction, TrustRoot},
};
use nacre_verifier::Network;
use nacre_zk::{
    custody::{
        CustodyError, GroupKeys, KeyShare,
        endorsement::{NonceCommitment, Nonces, SignatureShare, aggregate},
    },
    share::SecretShare,
};
use rand::rngs::OsRng;

use super::{
    agreement,
    error::CeremonyError,
    files::{self, Folder},
    message::{self, Expected, Sender},
    results,
};

/// An endorsement of one trust root by one jurisdiction, as anyone sees it.
pub struct Endorsing {
    folder: Folder,
    root: TrustRoot,
    digest: Digest,
    keys: GroupKeys,
    /// By custodian's number.
    senders: BTreeMap<u16, Sender>,
}

/// The same, as one of its custodians.
pub struct Signer<'a> {
    endorsing: Endorsing,
    key: &'a SigningKey,
    share: KeyShare,
}

type Commitments = BTreeMap<u16, (Signed<Head>, NonceCommitment)>;

impl Endorsing {
    /// Opens a folder with a `root.toml` in it.
    pub fn open(folder: Folder, jurisdiction: &JurisdictionId) -> Result<Self, CeremonyError> {
        let root = read_root(&folder)?;
        let stated = root.jurisdiction(jurisdiction).ok_or_else(|| CeremonyError::Agreement {
            path: root_path(&folder),
            reason: format!("there is no jurisdiction {jurisdiction}"),
        })?;
        let keys = GroupKeys::of(stated)?;
        let sender = |number: u16| -> Result<_, CeremonyError> {
            let name = CustodianId { jurisdiction: jurisdiction.clone(), number }.to_string();
            name.parse().map_err(CeremonyError::Plan)
        };
        let mut senders = BTreeMap::new();
        for custodian in &stated.custodians {
            let title = format!("custodian {} of {jurisdiction}", custodian.number);
            let name = sender(custodian.number)?;
            senders.insert(custodian.number, Sender { name, key: custodian.signing_key, title });
        }
        folder.prepare()?;
        Ok(Self { digest: root.digest(), folder, root, keys, senders })
    }

    /// What is endorsed.
    pub fn root(&self) -> &TrustRoot {
        &self.root
    }

    fn sender(&self, number: u16) -> Result<&Sender, CeremonyError> {
        Ok(self.senders.get(&number).ok_or(CustodyError::NoSuchCustodian(number))?)
    }

    fn expected<'a>(&self, step: Step, sender: &'a Sender) -> Expected<'a> {
        Expected { subject: self.digest, step, sender, receiver: None }
    }

    fn read<B>(&self, step: Step, signers: &BTreeSet<u16>) -> Result<BTreeMap<u16, Message<B>>, CeremonyError>
    where
        B: nacre_schemas::Document + serde::de::DeserializeOwned,
    {
        let (mut messages, mut missing) = (BTreeMap::new(), Vec::new());
        for number in signers {
            let sender = self.sender(*number)?;
            let expected = self.expected(step, sender);
            let message = match expected.outgoing(&self.folder)? {
                Some(own) => Some(own),
                None => expected.incoming(&self.folder)?,
            };
            match message {
                Some(message) => drop(messages.insert(*number, message)),
                None => missing.push(sender.title.clone()),
            }
        }
        if missing.is_empty() { Ok(messages) } else { Err(CeremonyError::Waiting { step, senders: missing }) }
    }

    /// The signers' commitments to nonces.
    fn commitments(&self, signers: &BTreeSet<u16>) -> Result<Commitments, CeremonyError> {
        let mut commitments = BTreeMap::new();
        for (number, message) in self.read::<schemas::NonceCommitment>(Step::Nonce, signers)? {
            let sender = self.sender(number)?.title.clone();
            let commitment = NonceCommitment::from_bytes(message.body.commitment.as_bytes())
                .map_err(|reason| CeremonyError::Unreadable { sender, reason })?;
            commitments.insert(number, (message.signed, commitment));
        }
        Ok(commitments)
    }

    /// Puts the signers' shares together and checks the signature; anyone can. Gives the file.
    pub fn aggregate(&self, signers: &BTreeSet<u16>) -> Result<PathBuf, CeremonyError> {
        let commitments = self.commitments(signers)?;
        let among: Vec<&Signed<Head>> = commitments.values().map(|(head, _)| head).collect();
        let mut shares = BTreeMap::new();
        for (number, message) in self.read::<schemas::SignatureShare>(Step::SignatureShare, signers)? {
            let sender = self.sender(number)?.title.clone();
            if !message.body.among.iter().eq(among.iter().copied()) {
                return Err(CeremonyError::OtherSigners(sender));
            }
            let share = SignatureShare::from_bytes(message.body.share.as_bytes())
                .map_err(|reason| CeremonyError::Unreadable { sender, reason })?;
            shares.insert(number, share);
        }
        let name = |number| self.senders.get(&number).map(|sender| sender.title.clone());
        let signature = aggregate(&self.keys, &self.root.to_canonical(), &values(&commitments), &shares)
            .map_err(|reason| CeremonyError::Custody(reason).naming(name))?;
        let jurisdiction = self.keys.jurisdiction().clone();
        let path = endorsement_path(&self.folder, &jurisdiction);
        files::replace(&path, &files::to_json(&path, &Endorsement { jurisdiction, signature })?)?;
        Ok(path)
    }
}

fn values(commitments: &Commitments) -> BTreeMap<u16, NonceCommitment> {
    commitments.iter().map(|(number, (_, commitment))| (*number, commitment.clone())).collect()
}

impl<'a> Signer<'a> {
    /// Opens a folder with a `root.toml` in it, as the custodian whose ceremony, finished by all, is in `ceremony`; if the
    /// root has a pseudonyms' key, with the ceremony of that, too.
    pub fn open(
        folder: Folder,
        ceremony: &Folder,
        pseudonyms: Option<&Folder>,
        key: &'a SigningKey,
    ) -> Result<Self, CeremonyError> {
        let (agreed, keys) = results::complete(ceremony, KeyPurpose::Decryption)?;
        let public = key.public();
        let own = agreed.ceremony().participants.iter().find(|participant| participant.signing_key == public);
        let number = own.and_then(|own| own.receives).ok_or(CeremonyError::NotTakingPart(public))?;
        let endorsing = Endorsing::open(folder, &agreed.ceremony().jurisdiction)?;
        endorsing.check_own(agreed.ceremony(), &keys, pseudonyms)?;
        endorsing.check_form()?;
        let secret = SecretShare::from_bytes(&*secret::read::<32>(&ceremony.share())?)
            .map_err(|source| CeremonyError::Custody(source.into()))?;
        let share = KeyShare::new(keys, number, secret)?;
        Ok(Self { endorsing, key, share })
    }

    /// What is endorsed.
    pub fn root(&self) -> &TrustRoot {
        self.endorsing.root()
    }

    fn nonces(&self) -> Result<PathBuf, CeremonyError> {
        let sender = self.endorsing.sender(self.share.number())?;
        Ok(self.endorsing.folder.secret(&format!("{}.nonces.hex", sender.name)))
    }

    fn signed<B: nacre_schemas::Document>(&self, step: Step, body: B) -> Result<Message<B>, CeremonyError> {
        let sender = self.endorsing.sender(self.share.number())?;
        Ok(message::sign(self.key, self.endorsing.digest, step, &sender.name, None, body))
    }

    /// Draws nonces, and gives the file to bring to all who will sign. With `again`, draws others after the first were
    /// lost, or used among signers who did not all sign; a signature share on the first is then worth nothing.
    pub fn commit(&self, again: bool) -> Result<PathBuf, CeremonyError> {
        let folder = &self.endorsing.folder;
        let sender = self.endorsing.sender(self.share.number())?;
        let nonces_path = self.nonces()?;
        let path = folder.out(&files::name(sender.name.as_str(), Step::Nonce, None));
        let signed = folder.out(&files::name(sender.name.as_str(), Step::SignatureShare, None));
        let sent: Option<Message<schemas::NonceCommitment>> =
            self.endorsing.expected(Step::Nonce, sender).outgoing(folder)?;
        if sent.is_some() && !again {
            let known = nonces_path.exists() || signed.exists();
            return if known { Ok(path) } else { Err(CeremonyError::SpentNonces) };
        }
        for old in [&signed, &path, &nonces_path] {
            files::destroy(old)?;
        }
        let (nonces, commitment) = Nonces::commit(&self.share, &mut OsRng)?;
        files::write_secret(&nonces_path, &nonces.to_bytes()?)?;
        let commitment = Blob::new(commitment.to_bytes()?).map_err(CustodyError::from)?;
        folder.send(&self.signed(Step::Nonce, schemas::NonceCommitment { commitment })?)
    }

    /// Signs among `signers`, itself included, whose commitments have come. Gives the file to bring to whoever aggregates.
    /// Run again, it gives the same, and signs nothing anew.
    pub fn sign(&self, signers: &BTreeSet<u16>) -> Result<PathBuf, CeremonyError> {
        let number = self.share.number();
        if !signers.contains(&number) {
            return Err(CustodyError::NoSuchCustodian(number).into());
        }
        let sender = self.endorsing.sender(number)?;
        let commitments = self.endorsing.commitments(signers)?;
        let among: Vec<Signed<Head>> = commitments.values().map(|(head, _)| head.clone()).collect();
        let sent: Option<Message<schemas::SignatureShare>> =
            self.endorsing.expected(Step::SignatureShare, sender).outgoing(&self.endorsing.folder)?;
        if let Some(sent) = sent {
            if sent.body.among != among {
                return Err(CeremonyError::OtherSigners(sender.title.clone()));
            }
            return Ok(self.endorsing.folder.out(&files::name(sender.name.as_str(), Step::SignatureShare, None)));
        }
        let nonces = self.take_nonces()?;
        let share = nonces.sign(&self.share, &self.endorsing.root.to_canonical(), &values(&commitments))?;
        let share = Blob::new(share.to_bytes()).map_err(CustodyError::from)?;
        self.endorsing.folder.send(&self.signed(Step::SignatureShare, schemas::SignatureShare { among, share })?)
    }

    /// Reads the nonces and destroys their file: from here on they exist in memory only, once.
    fn take_nonces(&self) -> Result<Nonces, CeremonyError> {
        let path = self.nonces()?;
        let bytes = files::read_secret(&path)?.ok_or(CeremonyError::SpentNonces)?;
        let nonces = Nonces::from_bytes(&bytes).map_err(|_| files::secret_malformed(&path, "it holds no nonces"))?;
        files::destroy(&path)?;
        Ok(nonces)
    }
}

impl Endorsing {
    /// The root would verify, were it endorsed.
    fn check_form(&self) -> Result<(), CeremonyError> {
        let wrong = |failure| CeremonyError::Agreement { path: root_path(&self.folder), reason: format!("{failure}") };
        Network::check_unendorsed(&self.root).map(drop).map_err(wrong)
    }

    /// The root states what the ceremonies came to. A pseudonyms' key that its custodians did not make would be somebody's.
    fn check_own(
        &self,
        ceremony: &schemas::Ceremony,
        keys: &GroupKeys,
        pseudonyms: Option<&Folder>,
    ) -> Result<(), CeremonyError> {
        let id = &ceremony.jurisdiction;
        let wrong = |reason| CeremonyError::Agreement { path: root_path(&self.folder), reason };
        let stated = self.root.jurisdiction(id).ok_or_else(|| wrong(format!("there is no jurisdiction {id}")))?;
        if stated.pseudonyms.is_some() && pseudonyms.is_none() {
            return Err(wrong(format!("it has a pseudonyms' key of {id}: name the folder of that ceremony, too")));
        }
        let mut expected = agreement::jurisdiction(ceremony, keys, stated.authority_key)?;
        expected.pseudonyms = pseudonyms.map(|folder| pseudonyms_of(folder, &expected)).transpose()?;
        if *stated == expected {
            return Ok(());
        }
        Err(wrong(format!("what it states of {id} is not what its ceremony came to")))
    }
}

/// The jurisdiction's part of a trust root, from the results of all its custodians; without a pseudonyms' key.
pub fn jurisdiction_of(
    folder: &Folder,
    authority_key: nacre_schemas::SigningPublicKey,
) -> Result<Jurisdiction, CeremonyError> {
    let (agreed, keys) = results::complete(folder, KeyPurpose::Decryption)?;
    agreement::jurisdiction(agreed.ceremony(), &keys, authority_key)
}

/// The jurisdiction's part of the pseudonyms' key, from the results of all who hold it: the same custodians, under the
/// same numbers.
pub fn pseudonyms_of(folder: &Folder, jurisdiction: &Jurisdiction) -> Result<schemas::SharedKey, CeremonyError> {
    let (agreed, keys) = results::complete(folder, KeyPurpose::Pseudonyms)?;
    let holders = agreement::jurisdiction(agreed.ceremony(), &keys, jurisdiction.authority_key)?;
    let who = |jurisdiction: &Jurisdiction| -> Vec<_> {
        jurisdiction.custodians.iter().map(|custodian| (custodian.number, custodian.signing_key)).collect()
    };
    if holders.id == jurisdiction.id && who(&holders) == who(jurisdiction) {
        return Ok(keys.stated());
    }
    let reason = format!("the custodians of {} are others than those who hold this key", jurisdiction.id);
    Err(CeremonyError::Agreement { path: folder.agreement(), reason })
}

/// Where the root to endorse is.
pub fn root_path(folder: &Folder) -> PathBuf {
    folder.path().join("root.toml")
}

/// Where a jurisdiction's endorsement is, once it is aggregated.
pub fn endorsement_path(folder: &Folder, jurisdiction: &JurisdictionId) -> PathBuf {
    folder.path().join(format!("{jurisdiction}.endorsement.json"))
}

/// The root to endorse.
pub fn read_root(folder: &Folder) -> Result<TrustRoot, CeremonyError> {
    Ok(trust::read_unendorsed(&root_path(folder))?)
}
