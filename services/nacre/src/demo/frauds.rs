//! Three frauds, committed with real keys against the running network, and what catches each.

use std::{path::Path, sync::Arc};

use anyhow::{Context as _, bail};
use nacre_access::{
    client::{Client, ClientError},
    key::AccessKey,
};
use nacre_hosting::{key, trust};
use nacre_schemas::{
    Blob, Digest,
    answer::Decision,
    batch::Batch,
    catalogue::Catalogue,
    cohort::{AgeBand, CellKey, Sex},
    contribution::{Header, Payload, Restricted},
    measure::Measure,
    query::Quantity,
    release::{Outcome as Shown, Release},
};
use nacre_verifier::{Failure, Network};
use nacre_wire::exchange::{OfChain, POST_BATCH};
use nacre_zk::{
    batch::{self, Record},
    share::{self, SecretShare},
};
use rand::rngs::OsRng;
use serde::Serialize;

use super::questions;
use crate::{commands::Output, consortium::Consortium};

/// What became of a fraud.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// A check found it.
    Caught,
    /// There was nothing that it could have altered.
    NotTried,
    /// It went through.
    NotCaught,
}

impl Outcome {
    fn word(self) -> &'static str {
        match self {
            Self::Caught => "caught:",
            Self::NotTried => "not tried,",
            Self::NotCaught => "NOT CAUGHT",
        }
    }
}

/// A fraud and what became of it.
#[derive(Clone, Debug, Serialize)]
pub struct Fraud {
    /// What it is.
    pub fraud: &'static str,
    /// What became of it.
    pub outcome: Outcome,
    /// What caught it, in the words of the check; or why it was not tried.
    pub by: String,
}

impl Fraud {
    fn held(fraud: &'static str, verdict: Result<(), Failure>) -> Self {
        match verdict {
            Ok(()) => Self { fraud, outcome: Outcome::NotCaught, by: String::new() },
            Err(failure) => Self { fraud, outcome: Outcome::Caught, by: failure.to_string() },
        }
    }

    fn nothing_shown(fraud: &'static str) -> Self {
        Self { fraud, outcome: Outcome::NotTried, by: "because nothing was shown that could be altered".to_owned() }
    }
}

/// Tries all three.
pub async fn show_all(places: &Consortium, folder: &Path, output: Output) -> anyhow::Result<Vec<Fraud>> {
    let network = trust::read(&places.trust)?;
    let releases = questions::releases(folder, network.root())?;
    let frauds = vec![
        altered_figure(&releases, &network),
        value_out_of_range(places, &network).await?,
        share_from_wrong_key(places, &releases, &network)?,
    ];
    output.say("\n7. Three frauds:");
    for fraud in &frauds {
        output.say(format_args!("   {}: {} {}", fraud.fraud, fraud.outcome.word(), fraud.by));
    }
    Ok(frauds)
}

/// Somebody raises a published figure by one, a sum if one was published, and makes all that follows from it fit.
fn altered_figure(releases: &[Release], network: &Network) -> Fraud {
    let is_sum = |quantity: Quantity| quantity == Quantity::Sum;
    let (fraud, altered) = match raised(releases, is_sum) {
        Some(altered) => ("a published sum raised by one", Some(altered)),
        None => ("a published number raised by one", raised(releases, |_| true)),
    };
    let Some(altered) = altered else { return Fraud::nothing_shown(fraud) };
    Fraud::held(fraud, nacre_verifier::release::check(&altered, network).map(drop))
}

/// The first release that shows such a quantity, with the first of them raised by one.
fn raised(releases: &[Release], wanted: impl Fn(Quantity) -> bool) -> Option<Release> {
    releases.iter().find_map(|release| {
        let mut altered = release.clone();
        let request = &altered.dossier.logged.request.request;
        for figures in &mut altered.figures {
            let shown = figures.results.iter_mut().find_map(|result| match &mut result.outcome {
                Shown::Value(value) if wanted(result.quantity) => Some(value),
                _ => None,
            });
            let Some(value) = shown else { continue };
            *value += 1;
            // The figures are made to fit, so that nothing but the cryptography stands in the way.
            let (group, results) = (figures.group.clone(), figures.results.clone());
            if let Ok(fitting) = nacre_verifier::figures::of_group(&altered.definition, request, group, results) {
                *figures = fitting;
            }
            return Some(altered);
        }
        None
    })
}

/// A hospital with a patched program posts a pressure of 350, by widening the range in its own copy of the definition.
async fn value_out_of_range(places: &Consortium, network: &Network) -> anyhow::Result<Fraud> {
    let fraud = "a systolic pressure of 350 posted by a patched provider";
    let (member, path) =
        places.providers.iter().find(|(name, _)| name.starts_with("hospital")).context("a hospital")?;
    let config = nacre_provider::Config::read(path)?;
    let mut widened = definition("systolic-bp")?;
    widened.hi = 400;
    let header = Header {
        record: Digest::of(b"a record that is not there"),
        provider: member.parse().map_err(anyhow::Error::msg)?,
        cell: CellKey {
            measure: widened.reference(),
            period: super::MONTHS[0].parse().map_err(anyhow::Error::msg)?,
            region: config.region,
            sex: Sex::Male,
            age_band: AgeBand::of_age(50),
        },
    };
    let blob = |size: usize| vec![0; size];
    let payload =
        Payload { nonce: Blob::new(blob(12))?, ciphertext: Blob::new(blob(32))?, wrapped_key: Blob::new(blob(44))? };
    let restricted = Restricted { pseudonym: Digest::of(b"nobody"), payload, cross: None };
    let provider = header.provider.clone();
    let record = Record { measure: &widened, header, restricted, value: 350 };
    let proven = batch::prove(network.key(), &config.chain, &provider, vec![record], &mut OsRng)?;
    let mut batch = Batch {
        chain: config.chain.clone(),
        provider,
        contributions: proven.contributions,
        range_proof: proven.range_proof,
        cross: None,
        signature: nacre_schemas::Signature([0; 64]),
    };
    let key = key::read_signing(&config.signing_key)?;
    batch.signature = key.sign_detached(&batch.statement());
    let access = AccessKey::read(&config.access_key)?;
    let client = Client::new(&config.exchange, config.member.clone(), Arc::new(access), &config.tls.read()?)?;
    match client.call(POST_BATCH, &OfChain::new(&config.chain), &batch).await {
        Ok(_) => Ok(Fraud { fraud, outcome: Outcome::NotCaught, by: String::new() }),
        Err(ClientError::Problem(problem)) if problem.word() == "proof-rejected" => {
            let by = format!(
                "the exchange answers {}: {} (it is bound to the catalogue's definition, range included)",
                problem.status, problem.detail
            );
            Ok(Fraud { fraud, outcome: Outcome::Caught, by })
        }
        // What was refused for another reason shows nothing of the proof.
        Err(error) => bail!("the exchange did not come to the batch's proofs: {error}"),
    }
}

fn definition(name: &str) -> anyhow::Result<Measure> {
    let id = name.parse().map_err(anyhow::Error::msg)?;
    Catalogue::built_in().newest(&id).cloned().with_context(|| format!("the catalogue has {name}"))
}

/// A custodian answers with a share made from another key, and signs it.
fn share_from_wrong_key(places: &Consortium, releases: &[Release], network: &Network) -> anyhow::Result<Fraud> {
    let fraud = "a decryption share made from the wrong key";
    let wrong = SecretShare::from_bytes(&[7; 32].map(|byte: u8| byte & 0x0f))?;
    for release in releases {
        let mut altered = release.clone();
        for signed in &mut altered.answers {
            let custodian = signed.statement.custodian.clone();
            let request = signed.statement.request;
            let decisions = signed.statement.groups.iter_mut().flat_map(|group| &mut group.decisions);
            let mut replaced = false;
            for decision in decisions {
                let Decision::Opened(opened) = &mut decision.decision else { continue };
                *opened = share::answer(&wrong, &request, &custodian, &opened.key, &mut OsRng)?;
                replaced = true;
            }
            if !replaced {
                continue;
            }
            let config = places.custodians.get(&custodian.to_string()).context("the custodian has a configuration")?;
            let config = nacre_custodian::Config::read(config)?;
            let key = key::read_signing(&config.signing_key)?;
            signed.signature = key.sign_detached(&signed.statement);
            return Ok(Fraud::held(fraud, nacre_verifier::release::check(&altered, network).map(drop)));
        }
    }
    Ok(Fraud::nothing_shown(fraud))
}
