//! `nacre dispute`: a provider or regulator disputes a record, on the judicial chain.

use std::{collections::BTreeMap, path::Path, process::ExitCode, sync::Arc};

use anyhow::{Context as _, ensure};
use nacre_access::{client::Client, key::AccessKey};
use nacre_hosting::{config, config::ConfigPath, file, key, tls::ClientTlsConfig, trust};
use nacre_schemas::{
    Digest, Document as _,
    dossier::Inclusion,
    evidence::{Dispute, Evidence},
    id::{ChainId, MemberId, Text},
    log,
    topology::ChainKind,
};
use nacre_wire::exchange::{OfChain, POST_DISPUTE};
use serde::{Deserialize, Serialize, de::IgnoredAny};

use super::{
    Output,
    verify::{self, Proof},
};
use crate::cli::DisputeArgs;

/// Where a dispute stands.
#[derive(Clone, Debug, Serialize)]
pub struct Logged {
    /// The chain that holds it.
    pub chain: ChainId,
    /// Its place there, from 0.
    pub leaf: u64,
    /// Digest of the dispute.
    pub dispute: Digest,
    /// Digest of the evidence that it names.
    pub evidence: Digest,
}

pub(super) async fn run(args: &DisputeArgs, output: Output) -> anyhow::Result<ExitCode> {
    let Proof::Evidence(evidence) = verify::read(&args.evidence)? else {
        anyhow::bail!("{} is no evidence: see nacre evidence", args.evidence.display());
    };
    let logged = dispute(&Claimant::read(&args.config)?, &evidence, &args.grounds).await?;
    output.print(&logged, || {
        format!(
            "The dispute {} of {} is leaf {} of {}, signed by you, under a checkpoint that was checked. Keep the evidence: \
             the chain holds its digest.",
            logged.dispute,
            args.evidence.display(),
            logged.leaf,
            logged.chain,
        )
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Who disputes: a provider or a regulator.
pub struct Claimant {
    member: MemberId,
    trust: ConfigPath,
    signing_key: ConfigPath,
    access_key: ConfigPath,
    exchanges: BTreeMap<ChainId, String>,
    tls: ClientTlsConfig,
}

/// What tells a provider's configuration from a regulator's.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Shape {
    record_key: Option<IgnoredAny>,
}

impl Claimant {
    /// From `provider.toml` or `regulator.toml`.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = file::read_text(path, config::MAX_BYTES)?;
        let shape: Shape = toml::from_str(&text).with_context(|| format!("{} is no configuration", path.display()))?;
        Ok(match shape.record_key {
            Some(IgnoredAny) => {
                let config = nacre_provider::Config::read(path)?;
                Self {
                    member: config.member,
                    trust: config.trust,
                    signing_key: config.signing_key,
                    access_key: config.access_key,
                    exchanges: config.exchanges,
                    tls: config.tls,
                }
            }
            None => {
                let config = nacre_regulator::Config::read(path)?;
                Self {
                    member: config.member,
                    trust: config.trust,
                    signing_key: config.signing_key,
                    access_key: config.access_key,
                    exchanges: config.exchanges,
                    tls: config.tls,
                }
            }
        })
    }
}

/// Verifies the evidence, signs the dispute, logs it on the judicial chain, and checks that it stands there.
pub async fn dispute(claimant: &Claimant, evidence: &Evidence, grounds: &Text<1_024>) -> anyhow::Result<Logged> {
    let network = trust::read_of_any_catalogue(&claimant.trust)?;
    nacre_verifier::evidence::check(evidence, &network)?;
    ensure!(!grounds.as_str().is_empty(), "a dispute needs its grounds, as --grounds \"the person never was here\"");
    let chains = &network.root().chains;
    let judicial = chains.iter().find(|chain| chain.id.kind() == Some(ChainKind::Judicial));
    let judicial = judicial.context("the trust root has no judicial chain")?;
    let url = claimant.exchanges.get(&judicial.id);
    let url = url.with_context(|| format!("`exchanges` in the configuration does not say where {} is", judicial.id))?;
    let dispute = Dispute {
        evidence: evidence.digest(),
        chain: evidence.chain.clone(),
        record: evidence.record,
        claimant: claimant.member.clone(),
        grounds: grounds.clone(),
    };
    let key = key::read_signing(&claimant.signing_key)?;
    let signed = key.sign(dispute);
    let access = AccessKey::read(&claimant.access_key)?;
    let client = Client::new(url, claimant.member.clone(), Arc::new(access), &claimant.tls.read()?)?;
    let log::Logged { leaf, proof, checkpoint } =
        client.call(POST_DISPUTE, &OfChain::new(&judicial.id), &signed).await?;
    nacre_verifier::dispute::check_logged(&signed, &Inclusion { leaf, proof }, &checkpoint, judicial, &network)?;
    Ok(Logged { chain: judicial.id.clone(), leaf, dispute: signed.digest(), evidence: signed.statement.evidence })
}
