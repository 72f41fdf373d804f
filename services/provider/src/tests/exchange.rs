//! An exchange in memory, over HTTP, on this crate's own terms: it verifies tokens, signatures and proofs and keeps a
//! real tree and signed checkpoints, with the code that exchanges use. What it does not do is keep anything on disk.
//! Told to, it fails in one of the ways of [`Fault`].

use std::{
    collections::{HashMap, VecDeque},
    path::Path,
    sync::{Arc, Mutex},
};

use axum::{
    Json,
    http::{HeaderMap, StatusCode, header::DATE},
    response::{IntoResponse, Response},
};
use jiff::{SignedDuration, Timestamp, fmt::rfc2822::DateTimePrinter};
use nacre_access::{
    key::AccessKey,
    members::Members as Admitted,
    server::{self, Gatekeeper},
};
use nacre_hosting::{
    load::{Load, Sizes},
    mount::{Admits, Call, Mount, Reply},
    problem::ProblemResponse,
    secret,
};
use nacre_ledger::{
    merkle::{Sm3Hasher, Tree},
    note::{Checkpoint, SignedCheckpoint},
    signing::{self, SigningKey},
};
use nacre_schemas::{
    Digest, Document as _, Signed,
    batch::Batch,
    catalogue::Catalogue,
    dossier::Inclusion,
    id::JurisdictionId,
    membership::{MemberRole, Membership},
    problem::{Problem, Retry},
    receipt::{BatchReceipt, Receipt},
    trust::{Chain, Custodian, Disclosure, Endorsement, Jurisdiction, SignedTrustRoot, TrustRoot},
};
use nacre_verifier::Network;
use nacre_wire::{
    body::{self, Canonical, Nothing, Text},
    exchange::{GET_MEMBER, OPEN_PERIOD, OfChain, OfMember, POST_BATCH, UNKNOWN_MEMBER},
    operation::GET_HEALTH,
    route::{Facts, Members},
};
use nacre_zk::custody;
use rand::rngs::OsRng;
use tempfile::TempDir;

use super::config;
use crate::Config;

/// A way to fail, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Too busy to look at the batch.
    Busy,
    /// The batch is taken, and the answer is lost.
    LostAnswer,
    /// The receipt is of a tree that the chain did not sign.
    FalseReceipt,
    /// The answer is no receipt.
    Gibberish,
    /// That contribution is refused.
    Refuse(u32),
    /// That contribution's month has not ended.
    OpenMonth(u32),
    /// The batch is refused, and no contribution named.
    RefuseWhole,
    /// The provider is not let in.
    NotAdmitted,
}

#[derive(Default)]
struct Held {
    tree: Tree<Sm3Hasher>,
    receipts: HashMap<Digest, BatchReceipt>,
    records: HashMap<Digest, Digest>,
    faults: VecDeque<Fault>,
    /// Every body that came in.
    bodies: Vec<Vec<u8>>,
    /// By how many seconds its clock is behind.
    behind_s: i64,
}

/// A provider, its exchange, and the network they are in.
pub(super) struct Site {
    pub(super) folder: TempDir,
    pub(super) config: Config,
    pub(super) network: Network,
    server: Arc<Server>,
}

struct Server {
    network: Network,
    key: SigningKey,
    gatekeeper: Arc<Gatekeeper>,
    held: Mutex<Held>,
}

impl Site {
    /// Founds a network of one jurisdiction and one chain, admits a provider, and starts the exchange.
    pub(super) async fn new() -> Self {
        Self::admitting(|_| {}).await
    }

    /// The same with another admission.
    pub(super) async fn admitting(change: impl FnOnce(&mut Membership)) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let folder = tempfile::tempdir().unwrap();
        let mut config = config(folder.path());
        config.exchange = url;
        let (chain_key, authority) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
        let signed = trust_root(&config, &chain_key, &authority);
        std::fs::write(&config.trust, toml::to_string(&signed).unwrap()).unwrap();
        let network = Network::new(signed).unwrap();
        let admission = admit(&config, &authority, change);
        let members = Arc::new(Admitted::from_signed(vec![admission], &network).unwrap());
        let gatekeeper = Arc::new(Gatekeeper::new(&config.exchange, members).unwrap());
        let held = Mutex::new(Held::default());
        let server = Arc::new(Server { network: network.clone(), key: chain_key, gatekeeper, held });
        let load = Load::new(Sizes { anonymous: 64, members: 64, writes: 64 });
        let router = Mount::new(Arc::clone(&server), load)
            .route(POST_BATCH, batches)
            .route(GET_MEMBER, member)
            .route(GET_HEALTH, healthz)
            .router()
            .merge(server::router(Arc::clone(&server.gatekeeper)));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { folder, config, network, server }
    }

    /// Has the exchange fail in these ways, one a batch that comes in.
    pub(super) fn will(&self, faults: &[Fault]) {
        self.server.held.lock().unwrap().faults.extend(faults);
    }

    /// Sets the exchange's clock behind by so many seconds.
    pub(super) fn set_clock_behind(&self, seconds: i64) {
        self.server.held.lock().unwrap().behind_s = seconds;
    }

    /// The bodies that came in so far.
    pub(super) fn bodies(&self) -> Vec<Vec<u8>> {
        self.server.held.lock().unwrap().bodies.clone()
    }

    /// Records in the chain.
    pub(super) fn size(&self) -> u64 {
        self.server.held.lock().unwrap().tree.size()
    }
}

fn trust_root(config: &Config, chain_key: &SigningKey, authority: &SigningKey) -> SignedTrustRoot {
    let id: JurisdictionId = "guangdong".parse().unwrap();
    let shares = custody::generate(&id, 2, 3, &mut OsRng).unwrap();
    let custodian = |(number, share): (&u16, &nacre_schemas::Point)| Custodian {
        number: *number,
        verifying_share: *share,
        signing_key: SigningKey::generate().unwrap().public(),
    };
    let jurisdiction = Jurisdiction {
        id: id.clone(),
        group_key: shares[0].group_key(),
        threshold: 2,
        authority_key: authority.public(),
        custodians: shares[0].verifying_shares().iter().map(custodian).collect(),
        pseudonyms: None,
    };
    let chain = Chain {
        id: config.chain.clone(),
        jurisdiction: id.clone(),
        region: Some(config.region),
        parents: Vec::new(),
        signing_key: chain_key.public(),
        witnesses: Vec::new(),
    };
    let root = TrustRoot {
        network: "test".parse().unwrap(),
        serial: 1,
        earlier: Vec::new(),
        catalogue: Catalogue::built_in().index().digest(),
        disclosure: Disclosure { minimum_people: 11 },
        cross: None,
        jurisdictions: vec![jurisdiction],
        chains: vec![chain],
    };
    let signature = custody::endorse(&[&shares[0], &shares[1]], &root.to_canonical(), &mut OsRng).unwrap();
    SignedTrustRoot { root, endorsements: vec![Endorsement { jurisdiction: id, signature }] }
}

/// Writes the provider's keys and admits it.
fn admit(config: &Config, authority: &SigningKey, change: impl FnOnce(&mut Membership)) -> Signed<Membership> {
    let (signing, access) = (SigningKey::generate().unwrap(), AccessKey::generate().unwrap());
    secret::write(&config.signing_key, &*signing.to_bytes()).unwrap();
    secret::write_text(&config.access_key, &access.to_pem()).unwrap();
    let keys: [(&Path, &[u8]); 3] =
        [(&config.record_key, &[1; 32]), (&config.pseudonym_key, &[2; 32]), (&config.payload_key, &[3; 16])];
    for (path, key) in keys {
        secret::write(path, key).unwrap();
    }
    let mut membership = Membership {
        member: config.member.clone(),
        role: MemberRole::Provider,
        jurisdiction: "guangdong".parse().unwrap(),
        chains: vec![config.chain.clone()],
        signing_key: signing.public(),
        access_key: access.public(),
    };
    change(&mut membership);
    authority.sign(membership)
}

impl Admits<Members> for Server {
    type Caller = Signed<Membership>;

    fn admit(&self, route: &Facts, headers: &HeaderMap) -> Result<Signed<Membership>, Problem> {
        self.gatekeeper.caller(route, headers)
    }
}

async fn member(
    server: Arc<Server>,
    call: Call<OfMember, Nothing, Signed<Membership>>,
) -> Result<Reply<body::Json<Signed<Membership>>>, ProblemResponse> {
    let found = server.gatekeeper.members().find(&call.parameters.member).cloned();
    found.map(Reply::new).ok_or_else(|| UNKNOWN_MEMBER.problem("not here").into())
}

async fn healthz(server: Arc<Server>, _: Call<(), Nothing>) -> Result<Reply<Text>, ProblemResponse> {
    let behind = SignedDuration::from_secs(server.held.lock().unwrap().behind_s);
    let date = DateTimePrinter::new().timestamp_to_rfc9110_string(&(Timestamp::now() - behind)).unwrap();
    Ok(Reply::new("ok".to_owned()).header(DATE, date.parse().unwrap()))
}

async fn batches(
    server: Arc<Server>,
    call: Call<OfChain, Canonical<Batch>, Signed<Membership>>,
) -> Result<Reply<body::Json<BatchReceipt>>, Response> {
    let refused = |problem: Problem| ProblemResponse(problem).into_response();
    let batch = call.body.value().await.map_err(refused)?;
    let mut held = server.held.lock().unwrap();
    held.bodies.push(batch.to_canonical());
    // What was taken is not refused afterwards: the same bytes get the same receipt.
    let is_taken = held.receipts.contains_key(&batch.id());
    let refuses = |fault: &Fault| matches!(fault, Fault::Refuse(_) | Fault::OpenMonth(_) | Fault::RefuseWhole);
    let fault = held.faults.pop_front().filter(|fault| !(is_taken && refuses(fault)));
    let problem = |status, word: &str| Problem::new(status, word, "A fault of this test", "as it was told to");
    match fault {
        Some(Fault::Busy) => return Err(refused(problem(503, "busy").retry(Retry::Later))),
        Some(Fault::Refuse(entry)) => {
            return Err(refused(problem(422, "contribution-refused").at_entry(entry as usize)));
        }
        Some(Fault::OpenMonth(entry)) => return Err(refused(problem(422, OPEN_PERIOD.word).at_entry(entry as usize))),
        Some(Fault::RefuseWhole) => return Err(refused(problem(422, "proof-rejected"))),
        Some(Fault::NotAdmitted) => return Err(refused(problem(403, "not-admitted"))),
        Some(Fault::Gibberish) => return Err(Json("thank you").into_response()),
        Some(Fault::LostAnswer | Fault::FalseReceipt) | None => {}
    }
    let mut receipt = take(&server, &mut held, &call.caller.statement, &batch).map_err(refused)?;
    match fault {
        Some(Fault::LostAnswer) => return Err(StatusCode::BAD_GATEWAY.into_response()),
        Some(Fault::FalseReceipt) => receipt.receipts[0].inclusion.leaf += 1,
        _ => {}
    }
    Ok(Reply::new(receipt))
}

/// What an exchange does with a batch: checks everything, appends, and answers with receipts.
fn take(server: &Server, held: &mut Held, member: &Membership, batch: &Batch) -> Result<BatchReceipt, Problem> {
    let refuse = |word: &str, detail: String| Problem::new(422, word, "The batch is refused", detail);
    if let Some(receipt) = held.receipts.get(&batch.id()) {
        return Ok(receipt.clone());
    }
    signing::verify(&member.signing_key, &batch.body()).map_err(|error| refuse("bad-signature", error.to_string()))?;
    nacre_zk::batch::verify(server.network.key(), Catalogue::built_in(), batch, &mut OsRng)
        .map_err(|error| refuse("proof-rejected", error.to_string()))?;
    for (entry, contribution) in batch.contributions.iter().enumerate() {
        if held.records.contains_key(&contribution.openings.header.record) {
            let exists = Problem::new(409, "record-exists", "The record exists", "with other bytes");
            return Err(exists.at_entry(entry));
        }
    }
    let mut places = Vec::new();
    for contribution in &batch.contributions {
        let (record, entry) = (contribution.openings.header.record, contribution.entry().leaf_hash());
        held.records.insert(record, batch.id());
        places.push((record, entry, held.tree.append(entry)));
    }
    let size = held.tree.size();
    let origin = server.network.root().origin(&batch.chain);
    let checkpoint = Checkpoint { origin: origin.clone(), size, root: held.tree.root_at(size).unwrap() };
    let note = SignedCheckpoint::sign(checkpoint, &server.key, &origin).unwrap();
    let inclusion = |leaf| Inclusion { leaf, proof: held.tree.inclusion(leaf, size).unwrap() };
    let receipts =
        places.into_iter().map(|(record, entry, leaf)| Receipt { record, entry, inclusion: inclusion(leaf) });
    let receipt = BatchReceipt {
        chain: batch.chain.clone(),
        batch: batch.id(),
        checkpoint: note.as_str().parse().unwrap(),
        receipts: receipts.collect(),
    };
    held.receipts.insert(batch.id(), receipt.clone());
    Ok(receipt)
}
