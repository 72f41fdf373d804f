//! Putting a trust root together: from what each jurisdiction's ceremony came to, and a description of the network.
//!
//! Kept true: what comes out passes every check of the verifier but those of the endorsements; with a root before it, the
//! serial is one more, and if the group keys are the same, it names that root and all that one named.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use nacre_custodian::ceremony::{
    Folder,
    endorsement::{endorsement_path, jurisdiction_of, pseudonyms_of},
};
use nacre_hosting::{config, file};
use nacre_schemas::{
    Document as _, SigningPublicKey,
    catalogue::Catalogue,
    id::{JurisdictionId, NetworkId},
    trust::{Chain, Disclosure, Endorsement, Jurisdiction, SignedTrustRoot, TrustRoot},
};
use nacre_verifier::Network;
use serde::Deserialize;

/// The longest endorsement, in bytes of JSON: a name and a signature.
const MAX_ENDORSEMENT_BYTES: usize = 4_096;

/// What people write down of a network.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Description {
    /// Its name.
    pub network: NetworkId,
    /// k.
    pub minimum_people: u32,
    /// Its jurisdictions.
    pub jurisdiction: Vec<Listed>,
    /// Its chains, as in a trust root.
    pub chains: Vec<Chain>,
}

/// A jurisdiction of a description.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Listed {
    /// Its name.
    pub id: JurisdictionId,
    /// Signs admissions.
    pub authority_key: SigningPublicKey,
    /// Folder of its ceremony, with the results of all its custodians; none if its keys are those of the root before.
    pub ceremony: Option<PathBuf>,
    /// Folder of the ceremony of its part of the pseudonyms' key. Whoever shares the one key anew, shares the other, too.
    pub pseudonyms: Option<PathBuf>,
}

impl Description {
    /// Reads a description; ceremonies' folders are relative to it.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = file::read_text(path, config::MAX_BYTES)?;
        let mut description: Self =
            toml::from_str(&text).with_context(|| format!("{} is no description of a network", path.display()))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        for listed in &mut description.jurisdiction {
            for ceremony in [&mut listed.ceremony, &mut listed.pseudonyms].into_iter().flatten() {
                *ceremony = folder.join(&*ceremony);
            }
        }
        Ok(description)
    }

    fn jurisdiction(listed: &Listed, previous: Option<&TrustRoot>) -> anyhow::Result<Jurisdiction> {
        let mut jurisdiction = Self::by_ceremony(listed, previous)?;
        if let Some(ceremony) = &listed.pseudonyms {
            let keys = pseudonyms_of(&Folder::at(ceremony), &jurisdiction);
            jurisdiction.pseudonyms = Some(keys.with_context(|| format!("the pseudonyms' key of {}", listed.id))?);
        }
        Ok(jurisdiction)
    }

    /// By its own ceremony; or as the root before has it, which may have a pseudonyms' key.
    fn by_ceremony(listed: &Listed, previous: Option<&TrustRoot>) -> anyhow::Result<Jurisdiction> {
        let Some(ceremony) = &listed.ceremony else {
            let known = previous.and_then(|previous| previous.jurisdiction(&listed.id)).with_context(|| {
                format!("{} has no ceremony, and there is no trust root before to take its keys from", listed.id)
            })?;
            return Ok(Jurisdiction { authority_key: listed.authority_key, ..known.clone() });
        };
        let jurisdiction = jurisdiction_of(&Folder::at(ceremony), listed.authority_key)
            .with_context(|| format!("the ceremony of {}", listed.id))?;
        let found = &jurisdiction.id;
        ensure!(*found == listed.id, "{} holds the ceremony of {found}, not of {}", ceremony.display(), listed.id);
        Ok(jurisdiction)
    }

    /// The trust root, to be endorsed.
    pub fn assemble(&self, previous: Option<&TrustRoot>) -> anyhow::Result<TrustRoot> {
        let jurisdictions = self.jurisdiction.iter().map(|listed| Self::jurisdiction(listed, previous));
        let mut jurisdictions: Vec<Jurisdiction> = jurisdictions.collect::<anyhow::Result<_>>()?;
        jurisdictions.sort_by(|one, other| one.id.cmp(&other.id));
        let mut chains = self.chains.clone();
        chains.sort_by(|one, other| one.id.cmp(&other.id));
        let mut root = TrustRoot {
            network: self.network.clone(),
            serial: 1,
            earlier: Vec::new(),
            catalogue: Catalogue::built_in().index().digest(),
            disclosure: Disclosure { minimum_people: self.minimum_people },
            cross: None,
            jurisdictions,
            chains,
        };
        if let Some(previous) = previous {
            follow(&mut root, previous)?;
        }
        Network::check_unendorsed(&root)?;
        Ok(root)
    }
}

fn follow(root: &mut TrustRoot, previous: &TrustRoot) -> anyhow::Result<()> {
    if root.network != previous.network {
        bail!("the trust root before is of the network {}, not {}", previous.network, root.network);
    }
    root.serial = previous.serial.checked_add(1).context("serials are used up")?;
    // Set at founding: custodians refuse a successor that changes it.
    root.cross.clone_from(&previous.cross);
    if has_key_of(root, previous) {
        root.earlier.clone_from(&previous.earlier);
        root.earlier.push(previous.digest());
    }
    Ok(())
}

/// Whether both have the same jurisdictions with the same group keys, hence the same collective key.
pub fn has_key_of(root: &TrustRoot, other: &TrustRoot) -> bool {
    let keys = |root: &TrustRoot| -> Vec<_> {
        root.jurisdictions.iter().map(|jurisdiction| (jurisdiction.id.clone(), jurisdiction.group_key)).collect()
    };
    keys(root) == keys(other)
}

/// Whether the pseudonyms' key of the one is that of the other, if that has one.
pub fn has_pseudonyms_of(root: &TrustRoot, other: &TrustRoot) -> bool {
    let keys = |root: &TrustRoot| -> Option<Vec<_>> {
        root.jurisdictions.iter().map(|jurisdiction| Some(jurisdiction.pseudonyms.as_ref()?.group_key)).collect()
    };
    keys(other).is_none_or(|keys_before| keys(root) == Some(keys_before))
}

/// The root of a folder with the endorsements beside it, as every verifier checks it.
pub fn finish(dir: &Path) -> anyhow::Result<Network> {
    let folder = Folder::at(dir);
    let root = nacre_custodian::ceremony::endorsement::read_root(&folder)?;
    let (mut endorsements, mut missing) = (Vec::new(), Vec::new());
    for jurisdiction in &root.jurisdictions {
        let here = endorsement_path(&folder, &jurisdiction.id);
        let brought = endorsement_path(&Folder::at(dir.join("in")), &jurisdiction.id);
        match [here, brought].into_iter().find(|path| path.exists()) {
            None => missing.push(jurisdiction.id.to_string()),
            Some(path) => {
                let endorsement: Endorsement = serde_json::from_slice(&file::read(&path, MAX_ENDORSEMENT_BYTES)?)
                    .with_context(|| format!("{} is no endorsement", path.display()))?;
                endorsements.push(endorsement);
            }
        }
    }
    ensure!(missing.is_empty(), "waiting for the endorsement of {}", missing.join(", "));
    Ok(Network::new(SignedTrustRoot { root, endorsements })?)
}
