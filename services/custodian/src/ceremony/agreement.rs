//! What the participants agree on before: who takes part, in which jurisdiction, under which threshold.
//!
//! Kept true: an [`Agreement`] can be carried out: names, keys and numbers occur once, those who receive are custodians 1
//! to n, and those who deal are the same (a new key) or enough of the old ones (the same key).

use std::collections::BTreeSet;

use nacre_hosting::file;
use nacre_schemas::{
    Digest, Document as _, SigningPublicKey,
    ceremony::{Ceremony, KeyPurpose, Participant, SharedKey},
    id::{JurisdictionId, MemberId},
    limits,
    trust::{Jurisdiction, TrustRoot},
};
use nacre_zk::custody::{GroupKeys, resharing::Resharing};
use rand::{RngCore as _, rngs::OsRng};
use serde::Deserialize;

use super::{
    error::CeremonyError,
    files::{self, Folder},
    message::Sender,
    scheme::Scheme,
};

/// The fewest digits of a digest that count as a comparison: 64 bits.
pub const MIN_DIGEST_DIGITS: usize = 16;
/// The longest file of an agreement, in bytes: a table a custodian.
const MAX_AGREEMENT_BYTES: usize = 1 << 20;

/// A custodian to be, as a roster names it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Listed {
    /// Its number, from 1.
    pub number: u16,
    /// Its name in the ceremony.
    pub name: MemberId,
    /// The SM2 key it signs with: messages now, answers later.
    pub signing_key: SigningPublicKey,
}

/// A roster, TOML.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Roster {
    /// The custodians to be.
    pub custodian: Vec<Listed>,
}

/// A checked agreement.
#[derive(Clone, Debug)]
pub struct Agreement {
    ceremony: Ceremony,
    digest: Digest,
    pub(super) scheme: Scheme,
    pub(super) senders: Vec<Sender>,
}

impl Agreement {
    /// To generate a key.
    pub fn to_generate(
        jurisdiction: JurisdictionId,
        purpose: KeyPurpose,
        threshold: u16,
        roster: &Roster,
    ) -> Result<Self, CeremonyError> {
        let participant = |listed: &Listed| Participant {
            name: listed.name.clone(),
            signing_key: listed.signing_key,
            deals: Some(listed.number),
            receives: Some(listed.number),
        };
        let participants = roster.custodian.iter().map(participant).collect();
        Self::new(Ceremony { jurisdiction, purpose, threshold, nonce: nonce(), previous: None, participants })
    }

    /// To share the jurisdiction's key anew, among those of the roster. `dealers` are numbers of custodians of `root`; one
    /// that is in the roster too, by its signing key, stays.
    pub fn to_reshare(
        root: &TrustRoot,
        (jurisdiction, purpose): (&JurisdictionId, KeyPurpose),
        dealers: &BTreeSet<u16>,
        threshold: u16,
        roster: &Roster,
    ) -> Result<Self, CeremonyError> {
        let old = root
            .jurisdiction(jurisdiction)
            .ok_or_else(|| CeremonyError::Plan(format!("the trust root knows no jurisdiction {jurisdiction}")))?;
        let mut participants: Vec<Participant> = Vec::new();
        for listed in &roster.custodian {
            participants.push(Participant {
                name: listed.name.clone(),
                signing_key: listed.signing_key,
                deals: None,
                receives: Some(listed.number),
            });
        }
        for number in dealers {
            let custodian = old.custodians.iter().find(|custodian| custodian.number == *number);
            let key = custodian
                .map(|custodian| custodian.signing_key)
                .ok_or_else(|| CeremonyError::Plan(format!("{jurisdiction} has no custodian {number} to deal")))?;
            if let Some(staying) = participants.iter_mut().find(|participant| participant.signing_key == key) {
                staying.deals = Some(*number);
                continue;
            }
            let name = format!("leaving-{number}").parse().map_err(CeremonyError::Plan)?;
            participants.push(Participant { name, signing_key: key, deals: Some(*number), receives: None });
        }
        let keys = match purpose {
            KeyPurpose::Decryption => GroupKeys::of(old)?,
            KeyPurpose::Pseudonyms => GroupKeys::of_pseudonyms(old)?
                .ok_or_else(|| CeremonyError::Plan(format!("{jurisdiction} has no pseudonyms' key to share anew")))?,
        };
        let (jurisdiction, previous) = (jurisdiction.clone(), Some(keys.stated()));
        Self::new(Ceremony { jurisdiction, purpose, threshold, nonce: nonce(), previous, participants })
    }

    fn new(ceremony: Ceremony) -> Result<Self, CeremonyError> {
        let scheme = check(&ceremony)?;
        let senders = ceremony.participants.iter().map(|participant| Sender {
            name: participant.name.clone(),
            key: participant.signing_key,
            title: title(participant),
        });
        Ok(Self { digest: ceremony.digest(), scheme, senders: senders.collect(), ceremony })
    }

    /// Reads the agreement of a folder.
    pub fn read(folder: &Folder) -> Result<Self, CeremonyError> {
        let path = folder.agreement();
        let text = file::read_text(&path, MAX_AGREEMENT_BYTES)?;
        let wrong = |reason: String| CeremonyError::Agreement { path: path.clone(), reason };
        let ceremony: Ceremony = toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        Self::new(ceremony).map_err(|error| wrong(error.to_string()))
    }

    /// Writes it into a folder, which is made, and in which there is none yet.
    pub fn write(&self, folder: &Folder) -> Result<(), CeremonyError> {
        let path = folder.agreement();
        folder.prepare()?;
        if path.exists() {
            let reason = "there is a ceremony already; a new one takes a new folder".to_owned();
            return Err(CeremonyError::Agreement { path, reason });
        }
        let text = toml::to_string(&self.ceremony)
            .map_err(|error| CeremonyError::Agreement { path: path.clone(), reason: error.to_string() })?;
        files::replace(&path, text.as_bytes())
    }

    /// What is agreed on.
    pub fn ceremony(&self) -> &Ceremony {
        &self.ceremony
    }

    /// Its digest: participants tell it each other over another channel, as by telephone.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Whether this is the ceremony whose digest was told, of which the first 16 digits do.
    pub fn confirm(&self, told: &str) -> Result<(), CeremonyError> {
        let found = self.digest.to_string();
        if told.len() >= MIN_DIGEST_DIGITS && found.starts_with(told) {
            return Ok(());
        }
        Err(CeremonyError::OtherDigest { expected: told.to_owned(), found: self.digest })
    }

    /// What the dealer of that number is called.
    pub(super) fn dealer(&self, number: u16) -> Option<String> {
        self.participants()
            .find(|(participant, _)| participant.deals == Some(number))
            .map(|(_, title)| title.to_owned())
    }

    /// Those who take part, with what messages call them.
    pub fn participants(&self) -> impl Iterator<Item = (&Participant, &str)> {
        self.ceremony.participants.iter().zip(self.senders.iter().map(|sender| sender.title.as_str()))
    }
}

fn nonce() -> Digest {
    let mut bytes = [0; 32];
    OsRng.fill_bytes(&mut bytes);
    Digest(bytes)
}

fn title(participant: &Participant) -> String {
    match (participant.receives, participant.deals) {
        (Some(number), _) => format!("custodian {number} ({})", participant.name),
        (None, Some(number)) => format!("old custodian {number} ({})", participant.name),
        (None, None) => participant.name.to_string(),
    }
}

fn occurs_once<T: Ord>(items: impl Iterator<Item = T>) -> bool {
    let mut seen = BTreeSet::new();
    items.into_iter().all(|item| seen.insert(item))
}

fn check(ceremony: &Ceremony) -> Result<Scheme, CeremonyError> {
    let wrong = |reason: &str| Err(CeremonyError::Plan(reason.to_owned()));
    let participants = &ceremony.participants;
    if participants.len() > 2 * limits::MAX_CUSTODIANS {
        return wrong("too many participants");
    }
    if !occurs_once(participants.iter().map(|participant| &participant.name)) {
        return wrong("two participants have one name");
    }
    if !occurs_once(participants.iter().map(|participant| participant.signing_key)) {
        return wrong("two participants have one signing key");
    }
    if participants.iter().any(|participant| participant.deals.is_none() && participant.receives.is_none()) {
        return wrong("a participant neither deals nor receives");
    }
    let mut receivers: Vec<u16> = participants.iter().filter_map(|participant| participant.receives).collect();
    receivers.sort_unstable();
    let custodians = receivers.len() as u16;
    if receivers.is_empty() || !(1..=custodians).eq(receivers) {
        return wrong("custodians are numbered from 1 without a gap, each once");
    }
    if !occurs_once(participants.iter().filter_map(|participant| participant.deals)) {
        return wrong("two participants deal under one number");
    }
    let Some(previous) = &ceremony.previous else {
        if participants.iter().any(|participant| participant.deals != participant.receives) {
            return wrong("where a key is generated, each participant deals and receives under its one number");
        }
        let jurisdiction = ceremony.jurisdiction.clone();
        return Ok(Scheme::Generation { jurisdiction, threshold: ceremony.threshold, custodians });
    };
    let previous = group_keys(&ceremony.jurisdiction, previous)?;
    let dealers = participants.iter().filter_map(|participant| participant.deals).collect();
    Ok(Scheme::Resharing(Resharing::new(previous, &dealers, ceremony.threshold, custodians)?))
}

/// What a message states, checked.
pub(super) fn group_keys(jurisdiction: &JurisdictionId, stated: &SharedKey) -> Result<GroupKeys, CeremonyError> {
    let by_number = stated.verifying_shares.iter().map(|key| (key.number, key.verifying_share));
    Ok(GroupKeys::new(jurisdiction.clone(), stated.threshold, stated.group_key, by_number.collect())?)
}

/// The jurisdiction's part of a trust root, from the keys that its custodians came to.
pub(super) fn jurisdiction(
    ceremony: &Ceremony,
    keys: &GroupKeys,
    authority_key: SigningPublicKey,
) -> Result<Jurisdiction, CeremonyError> {
    let mut custodians = Vec::new();
    for (number, verifying_share) in keys.verifying_shares() {
        let owner = ceremony.participants.iter().find(|participant| participant.receives == Some(*number));
        let signing_key = owner
            .map(|owner| owner.signing_key)
            .ok_or_else(|| CeremonyError::Plan(format!("nobody is custodian {number}")))?;
        custodians.push(nacre_schemas::trust::Custodian {
            number: *number,
            verifying_share: *verifying_share,
            signing_key,
        });
    }
    Ok(Jurisdiction {
        id: ceremony.jurisdiction.clone(),
        group_key: keys.group_key(),
        threshold: keys.threshold(),
        authority_key,
        custodians,
        pseudonyms: None,
    })
}
