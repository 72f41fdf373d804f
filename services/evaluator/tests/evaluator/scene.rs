//! A network of one jurisdiction with two regional chains, an evaluator on disk, and an exchange on this crate's own terms: it
//! verifies tokens and hands over real ciphertexts under the chains' real keys. Told to, it fails in one of the ways of
//! [`Fault`].

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::BufWriter,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock},
};

use axum::http::HeaderMap;
use nacre_access::{
    client::Client,
    key::AccessKey,
    members::Members,
    server::{self, Gatekeeper},
};
use nacre_evaluator::{Config, Keys, ServeError};
use nacre_fhe::{
    keys::{PublicKey, SecretKeys},
    list::{List, Plain},
    params::CROSS_1,
};
use nacre_hosting::{
    load::{Load, Sizes},
    mount::{Admits, Call, Mount, Reply},
    problem::ProblemResponse,
    secret,
    tls::ClientTls,
};
use nacre_ledger::{
    merkle::{Sm3Hasher, Tree},
    note::{Checkpoint, SignedCheckpoint},
    signing::SigningKey,
};
use nacre_schemas::{
    Blob, Digest, Document as _, Signed,
    catalogue::Catalogue,
    cross::{CrossDelivery, CrossInput, CrossInputs, CrossMeasure, CrossRequest, CrossStatistic},
    dossier::{Inclusion, LoggedRequest, Note},
    entry::{Entry, SealEntry},
    membership::{MemberRole, Membership},
    problem::Problem,
    query::{SealProof, SealSpan, SignedRequest},
    region::Region,
    trust::{
        Chain, CrossKeys, CrossScope, Custodian, Disclosure, Endorsement, Jurisdiction, SignedTrustRoot, TrustRoot,
    },
};
use nacre_verifier::Network;
use nacre_wire::{
    body::{Canonical, Json},
    exchange::{OfChain, POST_CROSS_INPUTS},
    problem::{BUSY, CHECK_FAILED},
    route::{Facts, Members as OfMembers},
};
use nacre_zk::custody;
use rand::{Rng as _, SeedableRng as _, rngs::OsRng, rngs::StdRng};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

/// Where the people's first values are, and their second.
pub(crate) const CHAINS: [&str; 2] = ["region/440100", "region/440300"];
/// People of whom both are known.
pub(crate) const PEOPLE: usize = 40;
/// k of this network.
pub(crate) const MINIMUM_PEOPLE: u32 = 8;

pub(crate) struct CrossLane {
    /// What results are decrypted with.
    pub(crate) secret: Vec<u128>,
    public: PublicKey,
    pub(crate) keys: Arc<Keys>,
    pub(crate) file: PathBuf,
}

/// One set of keys for all tests: generating it takes most of their time.
pub(crate) fn cross_lane() -> &'static CrossLane {
    static LANE: OnceLock<CrossLane> = OnceLock::new();
    LANE.get_or_init(|| {
        let secret = SecretKeys::generate(&CROSS_1).unwrap();
        let public = secret.public_key().unwrap();
        let seeded = secret.evaluation_keys(vec![0; CROSS_1.shared_dimension().0]).unwrap();
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("evaluator-keys");
        seeded.write(BufWriter::new(File::create(&file).unwrap())).unwrap();
        let keys = Keys::read(&file).unwrap();
        CrossLane { secret: secret.shared(), public, keys, file }
    })
}

/// A way in which a chain's exchange fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Too busy, once.
    Busy,
    /// It does not answer.
    Silent,
    /// It hands over other words than those it signed for.
    OtherWords,
    /// It hands over what it signed for another request.
    OtherRequest,
    /// It refuses.
    Refuse,
}

#[derive(Default)]
struct Held {
    faults: BTreeMap<String, Fault>,
    asked: BTreeMap<String, usize>,
}

struct Exchange {
    gatekeeper: Arc<Gatekeeper>,
    chain_keys: BTreeMap<String, SigningKey>,
    /// By chain: one list of all people.
    lists: BTreeMap<String, List>,
    held: Mutex<Held>,
}

/// The network, the exchange, and the folder of the evaluator.
pub(crate) struct Scene {
    pub(crate) folder: TempDir,
    pub(crate) network: Network,
    /// Bands of the first measure, and values of the second, less their measure's lower limit.
    pub(crate) people: Vec<(Plain, Plain)>,
    exchange: Arc<Exchange>,
    exchange_url: String,
    members: BTreeMap<&'static str, Member>,
    main_key: SigningKey,
}

struct Member {
    signed: Signed<Membership>,
    signing: SigningKey,
    access: Arc<AccessKey>,
}

/// An evaluator that runs.
pub(crate) struct Running {
    url: String,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), ServeError>>,
}

impl Running {
    /// Has it stop as an operator would, and waits.
    pub(crate) async fn stop(self) {
        self.stop.send(()).unwrap();
        self.task.await.unwrap().unwrap();
    }
}

impl Scene {
    pub(crate) async fn new() -> Self {
        let lane = tokio::task::spawn_blocking(cross_lane).await.unwrap();
        let main_key = SigningKey::generate().unwrap();
        let chain_keys: BTreeMap<String, SigningKey> =
            CHAINS.map(|chain| (chain.to_owned(), SigningKey::generate().unwrap())).into();
        let authority = SigningKey::generate().unwrap();
        let root = |keys| trust_root(&authority, &main_key, &chain_keys, keys);
        let known = CrossKeys {
            parameters: CROSS_1.name.parse().unwrap(),
            public_key: lane.public.digest(),
            evaluation_keys: lane.keys.digest,
            summands: Digest([7; 32]),
        };
        let network = Network::new(root(Some(known.clone()))).unwrap();
        let members: BTreeMap<&'static str, Member> = [
            ("evaluator", MemberRole::Evaluator),
            ("commission", MemberRole::Regulator),
            ("another", MemberRole::Regulator),
        ]
        .map(|(name, role)| (name, admit(name, role, &authority, &network)))
        .into();
        let folder = tempfile::tempdir().unwrap();
        write_files(folder.path(), &network, &members);
        let others = CrossKeys { evaluation_keys: Digest([9; 32]), ..known };
        for (name, keys) in [("without.toml", None), ("others.toml", Some(others))] {
            fs::write(folder.path().join(name), toml::to_string(&root(keys)).unwrap()).unwrap();
        }

        let mut random = StdRng::seed_from_u64(11);
        let mut plain = || Plain { band: random.gen_range(0..4), value: random.gen_range(0..1_000) };
        let people: Vec<(Plain, Plain)> = (0..PEOPLE).map(|_| (plain(), plain())).collect();
        let encrypt = |plain: Vec<Plain>| lane.public.encrypt(&plain, b"a test").unwrap();
        let (first, second): (Vec<Plain>, Vec<Plain>) = people.iter().copied().unzip();
        let lists =
            [(CHAINS[0].to_owned(), encrypt(first)), (CHAINS[1].to_owned(), encrypt(second))].into_iter().collect();

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let exchange_url = format!("http://{}", listener.local_addr().unwrap());
        let admitted = members.values().map(|member| member.signed.clone()).collect();
        let admitted = Arc::new(Members::from_signed(admitted, &network).unwrap());
        let gatekeeper = Arc::new(Gatekeeper::new(&exchange_url, admitted).unwrap());
        let exchange = Arc::new(Exchange { gatekeeper, chain_keys, lists, held: Mutex::default() });
        let load = Load::new(Sizes { anonymous: 0, members: 16, writes: 0 });
        let router = Mount::new(Arc::clone(&exchange), load)
            .route(POST_CROSS_INPUTS, inputs)
            .router()
            .merge(server::router(Arc::clone(&exchange.gatekeeper)));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { folder, network, people, exchange, exchange_url, members, main_key }
    }

    /// Has a chain's exchange fail from now on, or no more.
    pub(crate) fn fails(&self, chain: &str, fault: Option<Fault>) {
        let mut held = self.exchange.held.lock().unwrap();
        match fault {
            Some(fault) => held.faults.insert(chain.to_owned(), fault),
            None => held.faults.remove(chain),
        };
    }

    /// How often a chain's exchange was asked.
    pub(crate) fn asked(&self, chain: &str) -> usize {
        self.exchange.held.lock().unwrap().asked.get(chain).copied().unwrap_or_default()
    }

    /// The configuration, with its jobs in that folder and further settings.
    pub(crate) fn config(&self, url: &str, data: &str, settings: &str) -> Config {
        let keys = cross_lane().file.display();
        let exchanges: String =
            CHAINS.iter().map(|chain| format!("\"{chain}\" = \"{}\"\n", self.exchange_url)).collect();
        let text = format!(
            "server.listen = \"127.0.0.1:0\"\nurl = \"{url}\"\ndata = \"{data}\"\ntrust = \"trust.toml\"\nmembers = \"members\"\n\
             member = \"evaluator\"\nsigning-key = \"signing.hex\"\naccess-key = \"access.pem\"\nkeys = \"{keys}\"\n\
             {settings}\n[exchanges]\n{exchanges}"
        );
        let path = self.folder.path().join("evaluator.toml");
        fs::write(&path, text).unwrap();
        Config::read(&path).unwrap()
    }

    /// Starts the evaluator on the jobs of that folder.
    pub(crate) async fn start(&self, data: &str, settings: &str) -> Running {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let config = self.config(&url, data, settings);
        let (stop, stopped) = oneshot::channel();
        let shutdown = async {
            // Dropped by a test that has failed.
            let _ = stopped.await;
        };
        let keys = Arc::clone(&cross_lane().keys);
        let task = tokio::spawn(nacre_evaluator::serve_with_keys(config, async { Ok(keys) }, listener, shutdown));
        Running { url, stop, task }
    }

    /// A client of the evaluator, for that member.
    pub(crate) fn client(&self, running: &Running, member: &str) -> Client {
        Client::new(
            &running.url,
            member.parse().unwrap(),
            Arc::clone(&self.members[member].access),
            &ClientTls::default(),
        )
        .unwrap()
    }

    /// A request of the commission's, logged. Requests of different numbers differ.
    pub(crate) fn logged(&self, statistic: CrossStatistic, number: u8) -> LoggedRequest<CrossRequest> {
        let commission = &self.members["commission"];
        let seal = SealEntry { number: 1, previous: None, from: 0, to: 9, cells: 3, root: Digest([5; 32]) };
        let measure = |id: &str| {
            let definition = Catalogue::built_in().newest(&id.parse().unwrap()).unwrap();
            CrossMeasure { measure: definition.reference(), definition: definition.digest() }
        };
        let request = CrossRequest {
            trust: self.network.digest(),
            requester: "commission".parse().unwrap(),
            statistic,
            by: measure("mvpa-minutes"),
            of: measure("hba1c"),
            from: "2026-01".parse().unwrap(),
            to: "2026-03".parse().unwrap(),
            spans: CHAINS
                .map(|chain| SealSpan { chain: chain.parse().unwrap(), first: 1, last: 1, hash: seal.leaf_hash() })
                .to_vec(),
            purpose: "a test".parse().unwrap(),
            nonce: Digest([number; 32]),
        };
        let seals = CHAINS.map(|chain| {
            let (checkpoint, mut places) = self.sign(chain, &self.exchange.chain_keys[chain], &[seal.leaf_hash()]);
            SealProof { seal: seal.clone(), inclusion: places.remove(0), checkpoint }
        });
        let signature = commission.signing.sign_detached(&request);
        let signed = SignedRequest { request, seals: seals.to_vec(), signature };
        let leaves = [
            Entry::Membership(commission.signed.digest()).leaf_hash(),
            Entry::CrossRequest(signed.digest()).leaf_hash(),
        ];
        let (checkpoint, mut places) = self.sign("main/health", &self.main_key, &leaves);
        let request_inclusion = places.remove(1);
        LoggedRequest {
            request: signed,
            admission: commission.signed.clone(),
            checkpoint,
            admission_inclusion: places.remove(0),
            request_inclusion,
        }
    }

    /// A chain of these leaves, and their places in it.
    fn sign(&self, chain: &str, key: &SigningKey, leaves: &[Digest]) -> (Note, Vec<Inclusion>) {
        let mut tree = Tree::<Sm3Hasher>::new();
        leaves.iter().for_each(|leaf| {
            tree.append(*leaf);
        });
        let size = tree.size();
        let origin = self.network.root().origin(&chain.parse().unwrap());
        let checkpoint = Checkpoint { origin: origin.clone(), size, root: tree.root_at(size).unwrap() };
        let note = SignedCheckpoint::sign(checkpoint, key, &origin).unwrap();
        let place = |leaf| Inclusion { leaf, proof: tree.inclusion(leaf, size).unwrap() };
        (note.as_str().parse().unwrap(), (0..size).map(place).collect())
    }

    /// The truth: people by band of the first measure, and the sums of their values of the second.
    pub(crate) fn truth(&self) -> ([u64; 4], [u64; 4]) {
        let (mut counts, mut sums) = ([0; 4], [0; 4]);
        for (first, second) in &self.people {
            counts[usize::from(first.band)] += 1;
            sums[usize::from(first.band)] += u64::from(second.value);
        }
        (counts, sums)
    }
}

fn trust_root(
    authority: &SigningKey,
    main_key: &SigningKey,
    chain_keys: &BTreeMap<String, SigningKey>,
    keys: Option<CrossKeys>,
) -> SignedTrustRoot {
    let scope = CrossScope {
        chains: CHAINS.map(|chain| chain.parse().unwrap()).to_vec(),
        measures: ["hba1c", "mvpa-minutes", "steps", "systolic-bp"].map(|id| id.parse().unwrap()).to_vec(),
        from: "2020-01".parse().unwrap(),
    };
    let cross = keys.map(|keys| nacre_schemas::trust::CrossLane { scope, keys });
    let id: nacre_schemas::id::JurisdictionId = "guangdong".parse().unwrap();
    let shares = custody::generate(&id, 2, 3, &mut OsRng).unwrap();
    let custodian = |(number, share): (&u16, &nacre_schemas::Point)| Custodian {
        number: *number,
        verifying_share: *share,
        signing_key: SigningKey::generate().unwrap().public(),
    };
    let chain = |name: &str, region: Option<Region>, key: &SigningKey| Chain {
        id: name.parse().unwrap(),
        jurisdiction: id.clone(),
        region,
        parents: Vec::new(),
        signing_key: key.public(),
        witnesses: Vec::new(),
    };
    let regional = chain_keys.iter().map(|(name, key)| {
        let region = name.strip_prefix("region/").unwrap().parse().unwrap();
        chain(name, Some(region), key)
    });
    let root = TrustRoot {
        network: "test".parse().unwrap(),
        serial: 1,
        earlier: Vec::new(),
        catalogue: Catalogue::built_in().index().digest(),
        disclosure: Disclosure { minimum_people: MINIMUM_PEOPLE },
        cross,
        jurisdictions: vec![Jurisdiction {
            id: id.clone(),
            group_key: shares[0].group_key(),
            threshold: 2,
            authority_key: authority.public(),
            pseudonyms: None,
            custodians: shares[0].verifying_shares().iter().map(custodian).collect(),
        }],
        chains: std::iter::once(chain("main/health", None, main_key)).chain(regional).collect(),
    };
    let signature = custody::endorse(&[&shares[0], &shares[1]], &root.to_canonical(), &mut OsRng).unwrap();
    SignedTrustRoot { root, endorsements: vec![Endorsement { jurisdiction: id, signature }] }
}

fn admit(name: &str, role: MemberRole, authority: &SigningKey, network: &Network) -> Member {
    let (signing, access) = (SigningKey::generate().unwrap(), AccessKey::generate().unwrap());
    let membership = Membership {
        member: name.parse().unwrap(),
        role,
        jurisdiction: "guangdong".parse().unwrap(),
        chains: network.root().chains.iter().map(|chain| chain.id.clone()).collect(),
        signing_key: signing.public(),
        access_key: access.public(),
    };
    Member { signed: authority.sign(membership), signing, access: Arc::new(access) }
}

fn write_files(folder: &Path, network: &Network, members: &BTreeMap<&'static str, Member>) {
    fs::write(folder.join("trust.toml"), toml::to_string(network.signed()).unwrap()).unwrap();
    fs::create_dir(folder.join("members")).unwrap();
    for (name, member) in members {
        let file = folder.join(format!("members/{name}.json"));
        fs::write(file, serde_json::to_vec(&member.signed).unwrap()).unwrap();
    }
    secret::write(&folder.join("signing.hex"), &*members["evaluator"].signing.to_bytes()).unwrap();
    secret::write_text(&folder.join("access.pem"), &members["evaluator"].access.to_pem()).unwrap();
}

impl Admits<OfMembers> for Exchange {
    type Caller = Signed<Membership>;

    fn admit(&self, route: &Facts, headers: &HeaderMap) -> Result<Signed<Membership>, Problem> {
        self.gatekeeper.caller(route, headers)
    }
}

async fn inputs(
    exchange: Arc<Exchange>,
    call: Call<OfChain, Json<LoggedRequest<CrossRequest>>, Signed<Membership>>,
) -> Result<Reply<Canonical<CrossDelivery>>, ProblemResponse> {
    let chain = call.parameters.slug.as_str().replacen('-', "/", 1);
    let fault = {
        let mut held = exchange.held.lock().unwrap();
        *held.asked.entry(chain.clone()).or_default() += 1;
        match held.faults.get(&chain).copied() {
            Some(Fault::Busy) => held.faults.remove(&chain),
            other => other,
        }
    };
    match fault {
        Some(Fault::Busy) => Err(BUSY.problem("as it was told to").into()),
        Some(Fault::Refuse) => Err(CHECK_FAILED.problem("as it was told to").into()),
        Some(Fault::Silent) => std::future::pending().await,
        Some(Fault::OtherWords | Fault::OtherRequest) | None => {
            let logged = call.body.value().await?;
            Ok(Reply::new(exchange.delivery(&chain, &logged.request.request, fault)))
        }
    }
}

impl Exchange {
    /// What a chain hands over: everybody's value of the one measure it has.
    fn delivery(&self, chain: &str, request: &CrossRequest, fault: Option<Fault>) -> CrossDelivery {
        let mut digest = request.digest();
        if fault == Some(Fault::OtherRequest) {
            digest.0[0] ^= 1;
        }
        let list = &self.lists[chain];
        let bytes = |words: &[u64]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
        let mut tokens: Vec<(Digest, usize)> =
            (0..PEOPLE).map(|person| (Digest::of_parts(&[digest.as_bytes(), &person.to_le_bytes()]), person)).collect();
        tokens.sort();
        let input = |(token, person): (Digest, usize)| CrossInput {
            token,
            by: chain == CHAINS[0],
            period: "2026-02".parse().unwrap(),
            leaf: person as u64,
            mask: 0,
            position: person as u8,
            words: Blob::new(bytes(&list.bodies[person])).unwrap(),
        };
        let mut inputs = CrossInputs {
            request: digest,
            chain: chain.parse().unwrap(),
            masks: vec![Blob::new(bytes(&list.mask)).unwrap()],
            inputs: tokens.into_iter().map(input).collect(),
        };
        let signature = self.chain_keys[chain].sign_detached(&inputs.manifest());
        if fault == Some(Fault::OtherWords) {
            inputs.inputs[3].words = inputs.inputs[4].words.clone();
        }
        CrossDelivery { inputs, signature }
    }
}
