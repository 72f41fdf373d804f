//! A provider with a patched program: it proves, signs and posts whatever a test tells it to, with its real keys.

#![allow(clippy::unwrap_used, reason = "a fixture that cannot be made is a test that fails")]

use nacre_access::client::{Client, ClientError};
use nacre_ledger::signing::SigningKey;
use nacre_provider::Config;
use nacre_schemas::log::HostedChain;
use nacre_schemas::{
    Blob, Digest, Signature,
    batch::Batch,
    cohort::{AgeBand, CellKey, Sex},
    contribution::{Header, Payload, Restricted},
    cross::CrossList,
    measure::Measure,
    problem::Problem,
    receipt::BatchReceipt,
};
use nacre_verifier::Network;
use nacre_wire::{
    body::Encoded,
    exchange::{GET_CHAINS, GET_CHECKPOINT, GET_FINAL_CHECKPOINT, OfChain, POST_BATCH, WhichCheckpoint},
};
use nacre_zk::batch::{Record, prove};
use rand::rngs::OsRng;

use crate::{
    Running,
    attack::{MONTH, definition, read_key},
};

/// Who sends.
pub struct Sender {
    /// Its configuration: name, chain, region.
    pub config: Config,
    /// A client of its exchange, in its name.
    pub client: Client,
    key: SigningKey,
    network: Network,
}

impl Sender {
    /// As that provider.
    pub fn of(running: &Running, member: &str) -> Self {
        let config = running.provider(member).unwrap();
        let client = running.provider_client(member).unwrap();
        Self { key: read_key(&config.signing_key), network: running.network().unwrap(), client, config }
    }

    /// The header of a record: a number stands for the person, in everybody's cell of women of 50 to 54 years.
    pub fn header(&self, measure: &Measure, number: u32, month: &str) -> Header {
        let (member, measured) = (self.config.member.as_str().as_bytes(), measure.reference().to_string());
        Header {
            record: Digest::of_parts(&[member, measured.as_bytes(), month.as_bytes(), &number.to_be_bytes()]),
            provider: self.config.member.clone(),
            cell: CellKey {
                measure: measure.reference(),
                period: month.parse().unwrap(),
                region: self.config.region,
                sex: Sex::Female,
                age_band: AgeBand::of_age(50),
            },
        }
    }

    /// A proven and signed batch of these persons' values of body mass index.
    pub fn batch(&self, values: &[(u32, u32)]) -> Batch {
        self.batch_of(definition(), MONTH, values)
    }

    /// The same of another measure and month.
    pub fn batch_of(&self, measure: &Measure, month: &str, values: &[(u32, u32)]) -> Batch {
        let headers = values.iter().map(|(number, _)| self.header(measure, *number, month)).collect();
        self.prove(measure, headers, &values.iter().map(|(_, value)| *value).collect::<Vec<_>>())
    }

    /// The same with any headers.
    pub fn prove(&self, measure: &Measure, headers: Vec<Header>, values: &[u32]) -> Batch {
        self.prove_with(measure, headers.into_iter().map(|header| (header, restricted())).collect(), values, None)
    }

    /// The same with any restricted parts, and any list for the cross lane.
    pub fn prove_with(
        &self,
        measure: &Measure,
        parts: Vec<(Header, Restricted)>,
        values: &[u32],
        cross: Option<CrossList>,
    ) -> Batch {
        let record = |((header, restricted), value): (_, &u32)| Record { measure, header, restricted, value: *value };
        let records = parts.into_iter().zip(values).map(record).collect();
        let (chain, provider) = (self.config.chain.clone(), self.config.member.clone());
        let proven = prove(self.network.key(), &chain, &provider, records, &mut OsRng).unwrap();
        let (contributions, range_proof) = (proven.contributions, proven.range_proof);
        let mut batch = Batch { chain, provider, contributions, range_proof, cross, signature: Signature([0; 64]) };
        self.sign(&mut batch);
        batch
    }

    /// Signs a batch as it stands.
    pub fn sign(&self, batch: &mut Batch) {
        batch.signature = self.key.sign_detached(&batch.statement());
    }

    /// Posts a batch as it stands.
    pub async fn post(&self, batch: &Batch) -> Result<BatchReceipt, ClientError> {
        self.client.call(POST_BATCH, &OfChain::new(&self.config.chain), batch).await
    }

    /// Posts bytes where batches go.
    pub async fn post_bytes(&self, bytes: Vec<u8>) -> Result<BatchReceipt, ClientError> {
        let (chain, batch) = (OfChain::new(&self.config.chain), Encoded::from_bytes(bytes));
        self.client.call_encoded(POST_BATCH, &chain, &batch).await
    }

    /// The chains of the exchange.
    pub async fn hosted(&self) -> Vec<HostedChain> {
        self.client.get(GET_CHAINS, &()).await.unwrap()
    }

    /// The first final checkpoint of the chain that covers a leaf.
    pub async fn final_checkpoint(&self, leaf: u64) -> Result<String, ClientError> {
        let which = WhichCheckpoint { slug: (&self.config.chain).into(), covering: Some(leaf) };
        self.client.get(GET_FINAL_CHECKPOINT, &which).await
    }

    /// The latest checkpoint of the chain.
    pub async fn checkpoint(&self) -> Result<String, ClientError> {
        let which = WhichCheckpoint { slug: (&self.config.chain).into(), covering: None };
        self.client.get(GET_CHECKPOINT, &which).await
    }

    /// The problem that posting a batch ends with.
    pub async fn refused(&self, batch: &Batch) -> Problem {
        problem(self.post(batch).await)
    }
}

/// The problem that a call ended with.
pub fn problem<T>(answer: Result<T, ClientError>) -> Problem {
    match answer.map(drop).unwrap_err() {
        ClientError::Problem(received) => received.problem,
        other => panic!("not a problem: {other}"),
    }
}

/// The restricted part of a record of somebody.
pub fn restricted() -> Restricted {
    let blob = |size: usize| vec![7; size];
    Restricted {
        pseudonym: Digest::of(b"somebody"),
        payload: Payload {
            nonce: Blob::new(blob(12)).unwrap(),
            ciphertext: Blob::new(blob(40)).unwrap(),
            wrapped_key: Blob::new(blob(44)).unwrap(),
        },
        cross: None,
    }
}
