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

use super::{questions, tell::Teller};
use crate::{consortium::Consortium, output};

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
    /// The key of it in a word.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Caught => "outcome-caught",
            Self::NotTried => "outcome-not-tried",
            Self::NotCaught => "outcome-not-caught",
        }
    }
}

/// What is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A published sum is raised by one.
    RaisedSum,
    /// A published number is raised by one.
    RaisedNumber,
    /// A provider posts a value beyond its measure's range.
    OutOfRange,
    /// A custodian answers with a share from a wrong key.
    WrongShare,
}

impl Kind {
    /// What it is, for machines: the same in every language.
    fn name(self) -> &'static str {
        match self {
            Self::RaisedSum => "a published sum raised by one",
            Self::RaisedNumber => "a published number raised by one",
            Self::OutOfRange => "a systolic pressure of 350 posted by a patched provider",
            Self::WrongShare => "a decryption share made from the wrong key",
        }
    }

    /// The key of what it is, for people.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::RaisedSum => "fraud-raised-sum",
            Self::RaisedNumber => "fraud-raised-number",
            Self::OutOfRange => "fraud-out-of-range",
            Self::WrongShare => "fraud-wrong-share",
        }
    }

    /// The key of what catches it.
    fn caught_key(self) -> &'static str {
        match self {
            Self::RaisedSum | Self::RaisedNumber => "fraud-raised-caught",
            Self::OutOfRange => "fraud-out-of-range-caught",
            Self::WrongShare => "fraud-wrong-share-caught",
        }
    }
}

/// A fraud and what became of it.
#[derive(Clone, Debug, Serialize)]
pub struct Fraud {
    /// Which it is.
    #[serde(skip)]
    pub kind: Kind,
    /// The same in words.
    pub fraud: &'static str,
    /// What became of it.
    pub outcome: Outcome,
    /// What caught it, in the words of the check; or why it was not tried.
    pub by: String,
}

impl Fraud {
    /// A fraud with what became of it.
    pub(super) fn new(kind: Kind, outcome: Outcome, by: impl Into<String>) -> Self {
        Self { kind, fraud: kind.name(), outcome, by: by.into() }
    }

    fn held(kind: Kind, verdict: Result<(), Failure>) -> Self {
        match verdict {
            Ok(()) => Self::new(kind, Outcome::NotCaught, ""),
            Err(failure) => Self::new(kind, Outcome::Caught, failure.to_string()),
        }
    }

    fn nothing_shown(kind: Kind) -> Self {
        Self::new(kind, Outcome::NotTried, "because nothing was shown that could be altered")
    }

    /// The key of what is to be said of the outcome.
    pub(super) fn means_key(&self) -> &'static str {
        match self.outcome {
            Outcome::Caught => self.kind.caught_key(),
            Outcome::NotTried => "fraud-not-tried",
            Outcome::NotCaught => "fraud-not-caught-means",
        }
    }
}

/// Tries all three.
pub(super) async fn show_all(places: &Consortium, folder: &Path, teller: &mut Teller) -> anyhow::Result<Vec<Fraud>> {
    let network = trust::read(&places.trust)?;
    let releases = questions::releases(folder, network.root())?;
    let frauds = vec![
        altered_figure(&releases, &network),
        value_out_of_range(places, &network).await?,
        share_from_wrong_key(places, &releases, &network)?,
    ];
    teller.step("step-frauds");
    teller.tell("demo-frauds", &[]);
    let language = teller.language();
    for fraud in &frauds {
        teller.say(&format!("- {}", language.text(fraud.kind.key())));
        let (outcome, means) = (language.text(fraud.outcome.key()), language.text(fraud.means_key()));
        teller.say(&format!("  {}", output::named(&outcome, &means, language)));
        if fraud.outcome == Outcome::Caught {
            teller.say(&format!("  {} {}", language.text("fraud-detail"), fraud.by));
        }
    }
    Ok(frauds)
}

/// Somebody raises a published figure by one, a sum if one was published, and makes all that follows from it fit.
fn altered_figure(releases: &[Release], network: &Network) -> Fraud {
    let is_sum = |quantity: Quantity| quantity == Quantity::Sum;
    let (kind, altered) = match raised(releases, is_sum) {
        Some(altered) => (Kind::RaisedSum, Some(altered)),
        None => (Kind::RaisedNumber, raised(releases, |_| true)),
    };
    let Some(altered) = altered else { return Fraud::nothing_shown(kind) };
    Fraud::held(kind, nacre_verifier::release::check(&altered, network).map(drop))
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
        Ok(_) => Ok(Fraud::new(Kind::OutOfRange, Outcome::NotCaught, "")),
        Err(ClientError::Problem(problem)) if problem.word() == "proof-rejected" => {
            let by = format!(
                "the exchange answers {}: {} (it is bound to the catalogue's definition, range included)",
                problem.status, problem.detail
            );
            Ok(Fraud::new(Kind::OutOfRange, Outcome::Caught, by))
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
    let kind = Kind::WrongShare;
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
            return Ok(Fraud::held(kind, nacre_verifier::release::check(&altered, network).map(drop)));
        }
    }
    Ok(Fraud::nothing_shown(kind))
}
