//! `nacre trust`.

use std::{fs, path::Path};

use anyhow::{Context as _, ensure};
use nacre_custodian::ceremony::{Folder, MIN_DIGEST_DIGITS, endorsement::root_path};
use nacre_hosting::{
    file,
    key::fingerprint,
    trust::{self, TrustError},
};
use nacre_schemas::{
    Digest, Document as _,
    catalogue::Catalogue,
    trust::{Chain, Jurisdiction, TrustRoot},
};
use nacre_verifier::Network;
use serde::Serialize;

use super::Output;
use crate::{
    assembly::{self, Description},
    cli::{AssembleArgs, FinishArgs, TrustCommand},
    known_leaks::CrossLane,
};

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Shown<'a> {
    digest: Digest,
    endorsed: bool,
    cross_lane: CrossLane,
    root: &'a TrustRoot,
}

impl<'a> Shown<'a> {
    fn of(root: &'a TrustRoot, endorsed: bool) -> Self {
        Self { digest: root.digest(), endorsed, cross_lane: CrossLane::of(root), root }
    }
}

pub(super) fn run(command: TrustCommand, output: Output) -> anyhow::Result<()> {
    match command {
        TrustCommand::Assemble(args) => assemble(&args, output),
        TrustCommand::Show { file } => show(&file, output),
        TrustCommand::Finish(args) => finish(&args, output),
    }
}

fn assemble(args: &AssembleArgs, output: Output) -> anyhow::Result<()> {
    let previous = args.previous.as_deref().map(trust::read_of_any_catalogue).transpose()?;
    let root = Description::read(&args.description)?.assemble(previous.as_ref().map(Network::root))?;
    fs::create_dir_all(&args.out).with_context(|| format!("cannot make {}", args.out.display()))?;
    let path = root_path(&Folder::at(&args.out));
    ensure!(!path.exists(), "{} is there already; nothing is overwritten: name another folder", path.display());
    file::publish(&path, toml::to_string(&root)?.as_bytes())?;
    output.print(&Shown::of(&root, false), || {
        let new_key = previous.as_ref().is_some_and(|previous| !assembly::has_key_of(&root, previous.root()));
        let warning = if new_key {
            "\nTHE COLLECTIVE KEY IS ANOTHER THAN BEFORE: what was posted so far can no longer be asked about with what comes.\n"
        } else {
            ""
        };
        let new_pseudonyms =
            previous.as_ref().is_some_and(|previous| !assembly::has_pseudonyms_of(&root, previous.root()));
        let pseudonyms = if new_pseudonyms {
            "\nTHE PSEUDONYMS' KEY IS ANOTHER THAN BEFORE: people who come have other pseudonyms than those who were there.\n"
        } else {
            ""
        };
        format!(
            "{}\n{warning}{pseudonyms}\n{} is to be endorsed by every jurisdiction: give its custodians a copy, and tell each other the digest.",
            text(&root, "not endorsed yet"),
            path.display(),
        )
    })
}

fn show(file: &Path, output: Output) -> anyhow::Result<()> {
    let (root, endorsed) = match trust::read_of_any_catalogue(file) {
        Err(TrustError::Malformed { .. }) => {
            let root = trust::read_unendorsed(file)?;
            Network::check_unendorsed(&root)?;
            (root, false)
        }
        read => (read?.root().clone(), true),
    };
    let state = if endorsed { "endorsed by all its jurisdictions" } else { "not endorsed" };
    output.print(&Shown::of(&root, endorsed), || text(&root, state))
}

fn finish(args: &FinishArgs, output: Output) -> anyhow::Result<()> {
    let network = assembly::finish(&args.dir)?;
    let path = &args.out;
    ensure!(!path.exists(), "{} is there already; nothing is overwritten: name another file", path.display());
    file::publish(path, toml::to_string(network.signed())?.as_bytes())?;
    let root = network.root();
    output.print(&Shown::of(root, true), || {
        let state = "endorsed by all its jurisdictions";
        format!("{}\n\n{} is the trust root: publish it, and its digest elsewhere.", text(root, state), path.display())
    })
}

/// Whether this is the digest that was told, of which the first 16 digits do.
pub(super) fn confirm(found: &Digest, told: &str) -> anyhow::Result<()> {
    let digits = found.to_string();
    ensure!(
        told.len() >= MIN_DIGEST_DIGITS && digits.starts_with(told),
        "the root in this folder has the digest {found}, not {told}: compare root.toml with the others'"
    );
    Ok(())
}

fn text(root: &TrustRoot, state: &str) -> String {
    let own = Catalogue::built_in().index().digest();
    let catalogue = if root.catalogue == own { "that of this program" } else { "NOT THAT OF THIS PROGRAM" };
    let earlier = match root.earlier.last() {
        None => "none: requests under other trust roots do not count".to_owned(),
        Some(last) => format!("{} roots under the same key, the last {last}", root.earlier.len()),
    };
    format!(
        "network    {}\nserial     {}\ndigest     {}\nstate      {state}\nfollows    {earlier}\ncatalogue  {} ({catalogue})\n\
         k          {} people\n{}{}{}",
        root.network,
        root.serial,
        root.digest(),
        root.catalogue,
        root.disclosure.minimum_people,
        CrossLane::of(root).line(),
        root.jurisdictions.iter().map(jurisdiction).collect::<String>(),
        root.chains.iter().map(chain).collect::<String>(),
    )
}

fn jurisdiction(jurisdiction: &Jurisdiction) -> String {
    let mut lines = format!(
        "\n{}: any {} of {} custodians\n  group key      {}\n  authority key  {}\n",
        jurisdiction.id,
        jurisdiction.threshold,
        jurisdiction.custodians.len(),
        fingerprint(jurisdiction.group_key.as_bytes()),
        fingerprint(jurisdiction.authority_key.as_bytes()),
    );
    if let Some(pseudonyms) = &jurisdiction.pseudonyms {
        lines += &format!("  pseudonyms     {}\n", fingerprint(pseudonyms.group_key.as_bytes()));
    }
    for custodian in &jurisdiction.custodians {
        lines += &format!(
            "  custodian {:<4} share {}  signs {}\n",
            custodian.number,
            fingerprint(custodian.verifying_share.as_bytes()),
            fingerprint(custodian.signing_key.as_bytes()),
        );
    }
    lines
}

fn chain(chain: &Chain) -> String {
    let region = chain.region.map(|region| format!(", region {region}")).unwrap_or_default();
    let parents: Vec<&str> = chain.parents.iter().map(nacre_schemas::id::ChainId::as_str).collect();
    let parents = if parents.is_empty() { "not anchored".to_owned() } else { format!("in {}", parents.join(", ")) };
    let mut lines = format!(
        "\nchain {} of {}{region}, {parents}\n  signs          {}\n",
        chain.id,
        chain.jurisdiction,
        fingerprint(chain.signing_key.as_bytes()),
    );
    for witness in &chain.witnesses {
        lines += &format!(
            "  witness {} of {}, {}: signs {}\n",
            witness.name,
            witness.jurisdiction,
            witness.kind,
            fingerprint(witness.signing_key.as_bytes()),
        );
    }
    lines
}
