//! A small network: Guangdong and Hong Kong with two custodians each, two regional chains and the main chain of health
//! on one exchange, and a member of each kind.

use std::{collections::BTreeMap, fs, path::PathBuf, sync::Arc};

use futures::future::BoxFuture;
use nacre_access::{
    client::{Client, ClientError},
    key::AccessKey,
};
use nacre_exchange::{Config, Exchange, router};
use nacre_hosting::secret;
use nacre_hosting::{
    host::{Host, Hosted},
    ready::Lack,
    server::ServerConfig,
    tls::ClientTls,
};
use nacre_ledger::signing::SigningKey;
use nacre_schemas::{
    Blob, Digest, Document as _, Signed,
    batch::Batch,
    catalogue::Catalogue,
    cohort::{AgeBand, CellKey, Sex},
    contribution::{Header, Payload, Restricted},
    id::{ChainId, JurisdictionId, MemberId},
    measure::Measure,
    membership::{MemberRole, Membership},
    problem::Problem,
    receipt::BatchReceipt,
    trust::{
        Chain, Custodian, Disclosure, Endorsement, Jurisdiction, SignedTrustRoot, TrustRoot, Witness, WitnessKind,
    },
};
use nacre_verifier::Network;
use nacre_wire::exchange::{GET_CHAINS, OfChain, POST_BATCH};
use nacre_zk::{
    batch::{Record, prove},
    custody::{self, KeyShare},
};
use rand::rngs::OsRng;
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

pub(crate) const GUANGZHOU: &str = "region/440100";
pub(crate) const SHENZHEN: &str = "region/440300";
pub(crate) const MAIN: &str = "main/health";
pub(crate) const CHAINS: [&str; 3] = [MAIN, GUANGZHOU, SHENZHEN];
const JURISDICTIONS: [&str; 2] = ["guangdong", "hongkong"];

/// What a test needs of a founded jurisdiction.
pub(crate) struct Founding {
    authority: SigningKey,
    pub(crate) shares: Vec<KeyShare>,
    pub(crate) custodian_keys: Vec<SigningKey>,
}

/// A member with its keys.
pub(crate) struct Member {
    pub(crate) signing: SigningKey,
    access: Arc<AccessKey>,
}

/// The network in a folder of its own.
pub(crate) struct World {
    pub(crate) folder: TempDir,
    pub(crate) network: Network,
    pub(crate) foundings: BTreeMap<String, Founding>,
    members: BTreeMap<String, Member>,
    /// Where the witness of all chains is, if they have one.
    witness: Option<String>,
}

/// The exchange while it serves.
pub(crate) struct Running {
    pub(crate) exchange: Arc<Exchange>,
    pub(crate) url: String,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
}

/// One value to be sent: the record's number, month, sex, age, value in steps.
pub(crate) type Row = (u8, &'static str, Sex, u32, u32);

fn found(id: &str) -> Founding {
    let id: JurisdictionId = id.parse().unwrap();
    Founding {
        authority: SigningKey::generate().unwrap(),
        shares: custody::generate(&id, 2, 2, &mut OsRng).unwrap(),
        custodian_keys: (0..2).map(|_| SigningKey::generate().unwrap()).collect(),
    }
}

fn jurisdiction(id: &str, founding: &Founding) -> Jurisdiction {
    let custodian = |(share, key): (&KeyShare, &SigningKey)| Custodian {
        number: share.number(),
        verifying_share: share.secret().verifying_share(),
        signing_key: key.public(),
    };
    Jurisdiction {
        id: id.parse().unwrap(),
        group_key: founding.shares[0].group_key(),
        threshold: 2,
        authority_key: founding.authority.public(),
        custodians: founding.shares.iter().zip(&founding.custodian_keys).map(custodian).collect(),
        pseudonyms: None,
    }
}

/// A trust root that this one follows.
pub(crate) const EARLIER: Digest = Digest([4; 32]);

/// The witness of all chains, if they have one.
const WITNESS: &str = "witness";

fn trust_root(
    foundings: &BTreeMap<String, Founding>,
    keys: &BTreeMap<&str, SigningKey>,
    witnesses: &[Witness],
) -> SignedTrustRoot {
    let chain = |(id, key): (&&str, &SigningKey)| Chain {
        id: id.parse().unwrap(),
        jurisdiction: "guangdong".parse().unwrap(),
        region: id.strip_prefix("region/").map(|region| region.parse().unwrap()),
        parents: Vec::new(),
        signing_key: key.public(),
        witnesses: witnesses.to_vec(),
    };
    let root = TrustRoot {
        network: "nacre-test".parse().unwrap(),
        serial: 1,
        earlier: vec![EARLIER],
        catalogue: Catalogue::built_in().index().digest(),
        disclosure: Disclosure { minimum_people: 1 },
        cross: None,
        jurisdictions: foundings.iter().map(|(id, founding)| jurisdiction(id, founding)).collect(),
        chains: keys.iter().map(chain).collect(),
    };
    let message = root.to_canonical();
    let endorse = |(id, founding): (&String, &Founding)| Endorsement {
        jurisdiction: id.parse().unwrap(),
        signature: custody::endorse(&founding.shares.iter().collect::<Vec<_>>(), &message, &mut OsRng).unwrap(),
    };
    SignedTrustRoot { endorsements: foundings.iter().map(endorse).collect(), root }
}

/// A role that lacks nothing and has no metrics.
struct Quiet;

impl Hosted for Quiet {
    fn lacks(&self) -> BoxFuture<'_, Vec<Lack>> {
        Box::pin(std::future::ready(Vec::new()))
    }

    fn observe(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
}

impl World {
    /// Whose chains have no witness.
    pub(crate) fn new() -> Self {
        Self::with_witness(None)
    }

    /// Whose chains are all witnessed at that address.
    pub(crate) fn witnessed(url: String) -> Self {
        Self::with_witness(Some(url))
    }

    fn with_witness(witness: Option<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let foundings: BTreeMap<String, Founding> =
            JURISDICTIONS.iter().map(|id| (id.to_string(), found(id))).collect();
        let keys: BTreeMap<&str, SigningKey> = CHAINS.iter().map(|id| (*id, SigningKey::generate().unwrap())).collect();
        let listed = |_: &String| Witness {
            name: WITNESS.parse().unwrap(),
            jurisdiction: "guangdong".parse().unwrap(),
            kind: WitnessKind::Full,
            signing_key: SigningKey::generate().unwrap().public(),
        };
        let witnesses: Vec<Witness> = witness.iter().map(listed).collect();
        let signed = trust_root(&foundings, &keys, &witnesses);
        fs::write(folder.path().join("trust.toml"), toml::to_string(&signed).unwrap()).unwrap();
        for (id, key) in &keys {
            let id: ChainId = id.parse().unwrap();
            secret::write(&folder.path().join(format!("{}.hex", id.slug())), &*key.to_bytes()).unwrap();
        }
        let network = Network::new(signed).unwrap();
        let mut world = Self { folder, network, foundings, members: BTreeMap::new(), witness };
        fs::create_dir(world.folder.path().join("members")).unwrap();
        world.admit("hospital", MemberRole::Provider, "guangdong", &[GUANGZHOU]);
        world.admit("gym", MemberRole::Provider, "guangdong", &[GUANGZHOU, SHENZHEN]);
        world.admit("commission", MemberRole::Regulator, "guangdong", &CHAINS);
        world.admit("bureau", MemberRole::Regulator, "guangdong", &CHAINS);
        world.admit("operator", MemberRole::Operator, "guangdong", &CHAINS);
        world.admit("neighbour", MemberRole::Operator, "guangdong", &[SHENZHEN]);
        world.admit("custodian", MemberRole::Custodian, "guangdong", &[GUANGZHOU, SHENZHEN]);
        world.admit("stranger", MemberRole::Custodian, "hongkong", &[GUANGZHOU, SHENZHEN]);
        world
    }

    fn admit(&mut self, member: &str, role: MemberRole, jurisdiction: &str, chains: &[&str]) {
        let (signing, access) = (SigningKey::generate().unwrap(), AccessKey::generate().unwrap());
        let membership = Membership {
            member: member.parse().unwrap(),
            role,
            jurisdiction: jurisdiction.parse().unwrap(),
            chains: chains.iter().map(|id| id.parse().unwrap()).collect(),
            signing_key: signing.public(),
            access_key: access.public(),
        };
        let authority = &self.foundings[jurisdiction].authority;
        let admission = authority.sign(membership);
        let path = self.folder.path().join("members").join(format!("{member}.json"));
        fs::write(path, serde_json::to_vec(&admission).unwrap()).unwrap();
        self.members.insert(member.to_owned(), Member { signing, access: Arc::new(access) });
    }

    pub(crate) fn member(&self, member: &str) -> &Member {
        &self.members[member]
    }

    /// The admission of a member, as it lies in the folder.
    pub(crate) fn admission(&self, member: &str) -> Signed<Membership> {
        let path = self.folder.path().join("members").join(format!("{member}.json"));
        serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn config(&self, url: &str) -> Config {
        let chain = |id: &&str| {
            let slug = id.parse::<ChainId>().unwrap().slug();
            format!("[[chain]]\nid = \"{id}\"\nkey = \"{slug}.hex\"\n")
        };
        let chains: String = CHAINS.iter().map(chain).collect();
        let witness = |url: &String| format!("[witnesses]\n{WITNESS} = \"{url}\"\n");
        let witnesses: String = self.witness.iter().map(witness).collect();
        let text = format!(
            "server.listen = \"127.0.0.1:0\"\nurl = \"{url}\"\ndata = \"data\"\nregisters = \"registers\"\ntrust = \"trust.toml\"\n\
             members = \"members\"\n{witnesses}{chains}"
        );
        let path = self.folder.path().join("exchange.toml");
        fs::write(&path, text).unwrap();
        Config::read(&path).unwrap()
    }

    /// Opens the exchange and serves it.
    pub(crate) async fn start(&self) -> Running {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let exchange = Arc::new(Exchange::open(self.config(&url)).await.unwrap());
        let (app, load) = router(Arc::clone(&exchange));
        let host = Host::start("exchange", &ServerConfig::at("127.0.0.1:0"), &self.data(), listener).unwrap();
        host.open(app, Arc::new(Quiet), Some(load));
        let (stop, stopped) = oneshot::channel::<()>();
        let served = tokio::spawn(async move {
            let shutdown = async {
                let _ = stopped.await;
            };
            host.until(shutdown).await;
        });
        Running { exchange, url, stop, served }
    }

    pub(crate) async fn open(&self) -> Result<Exchange, nacre_exchange::OpenError> {
        Exchange::open(self.config("http://127.0.0.1:1")).await
    }

    pub(crate) fn client(&self, running: &Running, member: &str) -> Client {
        let name = member.parse().unwrap();
        Client::new(&running.url, name, Arc::clone(&self.member(member).access), &ClientTls::default()).unwrap()
    }

    /// A proven and signed batch of values of a measure.
    pub(crate) fn batch_of(&self, measure: &Measure, provider: &str, chain: &str, rows: &[Row]) -> Batch {
        let (provider, chain): (MemberId, ChainId) = (provider.parse().unwrap(), chain.parse().unwrap());
        let region = self.network.root().chain(&chain).unwrap().region.unwrap();
        let record = |(number, period, sex, age, value): &Row| Record {
            measure,
            header: Header {
                record: Digest::of_parts(&[measure.id.as_str().as_bytes(), chain.as_str().as_bytes(), &[*number]]),
                provider: provider.clone(),
                cell: CellKey {
                    measure: measure.reference(),
                    period: period.parse().unwrap(),
                    region,
                    sex: *sex,
                    age_band: AgeBand::of_age(*age),
                },
            },
            restricted: restricted(*number),
            value: *value,
        };
        let records = rows.iter().map(record).collect();
        let proven = prove(self.network.key(), &chain, &provider, records, &mut OsRng).unwrap();
        let mut batch = Batch {
            chain,
            provider,
            contributions: proven.contributions,
            range_proof: proven.range_proof,
            cross: None,
            signature: nacre_schemas::Signature([0; 64]),
        };
        self.sign(&mut batch);
        batch
    }

    pub(crate) fn batch(&self, provider: &str, chain: &str, rows: &[Row]) -> Batch {
        self.batch_of(bmi(), provider, chain, rows)
    }

    /// Signs the batch as it stands with the key of the provider that it names.
    pub(crate) fn sign(&self, batch: &mut Batch) {
        let key = &self.member(batch.provider.as_str()).signing;
        batch.signature = key.sign_detached(&batch.statement());
    }

    pub(crate) async fn post(
        &self,
        running: &Running,
        caller: &str,
        chain: &str,
        batch: &Batch,
    ) -> Answer<BatchReceipt> {
        let client = self.client(running, caller);
        client.call(POST_BATCH, &of(chain), batch).await
    }
}

pub(crate) type Answer<T> = Result<T, ClientError>;

impl Running {
    pub(crate) async fn stop(self) {
        self.stop.send(()).unwrap();
        self.served.await.unwrap();
        self.exchange.close().await;
    }
}

fn restricted(number: u8) -> Restricted {
    Restricted {
        pseudonym: Digest([number; 32]),
        payload: Payload {
            nonce: Blob::new(vec![number; 12]).unwrap(),
            ciphertext: Blob::new(vec![number; 40]).unwrap(),
            wrapped_key: Blob::new(vec![number; 44]).unwrap(),
        },
        cross: None,
    }
}

pub(crate) fn bmi() -> &'static Measure {
    Catalogue::built_in().find(&"bmi@1".parse().unwrap()).unwrap()
}

pub(crate) fn of(chain: &str) -> OfChain {
    OfChain::new(&chain.parse().unwrap())
}

/// The problem that a call ended with.
pub(crate) fn problem<T: std::fmt::Debug>(answer: Answer<T>) -> Problem {
    match answer.unwrap_err() {
        ClientError::Problem(received) => received.problem,
        other => panic!("not a problem: {other}"),
    }
}

/// Entries of a chain.
pub(crate) async fn size(world: &World, running: &Running, chain: &str) -> u64 {
    let chains = world.client(running, "hospital").get(GET_CHAINS, &()).await.unwrap();
    chains.iter().find(|hosted| hosted.id.as_str() == chain).unwrap().size
}
