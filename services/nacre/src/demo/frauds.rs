//! Three frauds, committed with real keys against the running network, and what catches each.

use std::{path::Path, sync::Arc};

use anyhow::{Context as _, bail};
use nacre_access::{
    Scope,
    client::{Client, ClientError},
    key::AccessKey,
    secret,
};
use nacre_ledger::signing::{Role, SigningKey};
use nacre_schemas::{
    Blob, Digest, Document as _,
    answer::Decision,
    batch::Batch,
    catalogue::Catalogue,
    cohort::{AgeBand, CellKey, Sex},
    contribution::{Header, Payload, Restricted},
    measure::Measure,
    receipt::BatchReceipt,
    release::{Outcome, Release},
};
use nacre_verifier::Network;
use nacre_zk::{
    batch::{self, Record},
    share::{self, SecretShare},
};
use rand::rngs::OsRng;
use serde::Serialize;

use super::questions;
use crate::{
    commands::{Output, verify},
    consortium::Consortium,
};

/// A fraud and what became of it.
#[derive(Clone, Debug, Serialize)]
pub struct Caught {
    /// What was tried.
    pub fraud: &'static str,
    /// Whether it was caught.
    pub caught: bool,
    /// By what, in the words of the check.
    pub by: String,
}

/// Tries all three.
pub async fn show_all(places: &Consortium, folder: &Path, output: Output) -> anyhow::Result<Vec<Caught>> {
    let network = verify::read_trust(&places.trust)??;
    let release = questions::first_release(folder)?;
    let caught = vec![
        altered_figure(&release, &network),
        value_out_of_range(places, &network).await?,
        share_from_wrong_key(places, &release, &network)?,
    ];
    output.say("\n7. Three frauds:");
    for fraud in &caught {
        output.say(format_args!(
            "   {}: {} {}",
            fraud.fraud,
            if fraud.caught { "caught:" } else { "NOT CAUGHT" },
            fraud.by
        ));
    }
    Ok(caught)
}

/// Somebody raises a published sum by one and recomputes the mean.
fn altered_figure(release: &Release, network: &Network) -> Caught {
    let mut altered = release.clone();
    let request = &altered.dossier.logged.request.request;
    for figures in altered.figures.iter_mut().take(1) {
        for result in &mut figures.results {
            if let (nacre_schemas::query::Quantity::Sum, Outcome::Value(value)) = (result.quantity, &mut result.outcome)
            {
                *value += 1;
            }
        }
        // The figures are made to fit, so that nothing but the cryptography stands in the way.
        let (group, results) = (figures.group.clone(), figures.results.clone());
        if let Ok(fitting) = nacre_verifier::figures::of_group(&altered.definition, request, group, results) {
            *figures = fitting;
        }
    }
    let result = nacre_verifier::release::check(&altered, network);
    Caught { fraud: "a published sum raised by one", caught: result.is_err(), by: failure(result) }
}

fn failure<T>(result: Result<T, nacre_verifier::Failure>) -> String {
    result.err().map(|failure| failure.to_string()).unwrap_or_default()
}

/// A hospital with a patched program posts a pressure of 350, by widening the range in its own copy of the definition.
async fn value_out_of_range(places: &Consortium, network: &Network) -> anyhow::Result<Caught> {
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
    let key = SigningKey::from_bytes(&*secret::read::<32>(&config.signing_key)?)?;
    batch.signature = key.sign(Role::Batch, &batch.statement().to_canonical());
    let access = AccessKey::from_pem(&secret::read_text(&config.access_key)?)?;
    let client = Client::new(&config.exchange, config.member.clone(), Arc::new(access))?;
    let path = format!("/v1/chains/{}/batches", config.chain.slug());
    let answer: Result<BatchReceipt, ClientError> =
        client.post_bytes(&path, Scope::BatchesWrite, "application/vnd.nacre.batch", batch.to_canonical()).await;
    let (caught, by) = match answer {
        Ok(_) => (false, String::new()),
        Err(ClientError::Problem(problem)) => (
            true,
            format!(
                "the exchange answers {}: {} (it is bound to the catalogue's definition, range included)",
                problem.status, problem.detail
            ),
        ),
        Err(error) => bail!("the exchange could not be asked: {error}"),
    };
    Ok(Caught { fraud: "a systolic pressure of 350 posted by a patched provider", caught, by })
}

fn definition(name: &str) -> anyhow::Result<Measure> {
    let id = name.parse().map_err(anyhow::Error::msg)?;
    Catalogue::built_in().newest(&id).cloned().with_context(|| format!("the catalogue has {name}"))
}

/// A custodian answers with a share made from another key, and signs it.
fn share_from_wrong_key(places: &Consortium, release: &Release, network: &Network) -> anyhow::Result<Caught> {
    let mut altered = release.clone();
    let signed = altered.answers.first_mut().context("a release has answers")?;
    let custodian = signed.answer.custodian.clone();
    let request = signed.answer.request;
    let wrong = SecretShare::from_bytes(&[7; 32].map(|byte: u8| byte & 0x0f))?;
    for decision in signed.answer.groups.iter_mut().flat_map(|group| &mut group.decisions) {
        if let Decision::Opened(opened) = &mut decision.decision {
            *opened = share::answer(&wrong, &request, &custodian, &opened.key, &mut OsRng)?;
        }
    }
    let config = places.custodians.get(&custodian.to_string()).context("the custodian has a configuration")?;
    let config = nacre_custodian::Config::read(config)?;
    let key = SigningKey::from_bytes(&*secret::read::<32>(&config.signing_key)?)?;
    signed.signature = key.sign(Role::Answer, &signed.answer.to_canonical());
    let result = nacre_verifier::release::check(&altered, network);
    Ok(Caught { fraud: "a decryption share made from the wrong key", caught: result.is_err(), by: failure(result) })
}
