//! A custodian on this machine, opened from files, called over HTTP.

use std::{fs, path::Path};

use nacre_access::{
    client::{Client, ClientError},
    key::AccessKey,
};
use nacre_hosting::secret;
use nacre_hosting::tls::ClientTls;
use nacre_ledger::signing::{self, SigningKey};
use nacre_schemas::{
    Digest, Document as _, Signature, Signed,
    answer::{Answer, CustodianId, Refusal},
    catalogue::Catalogue,
    cohort::{AgeBand, Sex},
    confirmation::Confirmation,
    dossier::{Dossier, Inclusion, LoggedRequest},
    membership::{MemberRole, Membership},
    query::{Predicate, Request, SealSpan, SignedRequest, Statistic},
    region::Region,
    trust::{Chain, Custodian as PublicCustodian, Disclosure, Endorsement, Jurisdiction, SignedTrustRoot, TrustRoot},
};
use nacre_verifier::Network;
use nacre_wire::body::Encoded;
use nacre_zk::custody::{self, KeyShare};
use rand::rngs::OsRng;
use tempfile::TempDir;

use super::*;

const REGION: &str = "440100";
/// Groups a day that a requester is told of in previews.
const PREVIEW_GROUPS: u32 = 6;

/// A network of Guangdong alone, with 3 custodians, on disk as the first of them sees it.
struct Scene {
    folder: TempDir,
    network: Network,
    shares: Vec<KeyShare>,
    regulator: Signed<Membership>,
    access_key: Arc<AccessKey>,
}

fn trust_root(shares: &[KeyShare], keys: &[SigningKey], authority: &SigningKey) -> SignedTrustRoot {
    let custodian = |(share, key): (&KeyShare, &SigningKey)| PublicCustodian {
        number: share.number(),
        verifying_share: share.secret().verifying_share(),
        signing_key: key.public(),
    };
    let chain = |id: &str, region: Option<Region>| Chain {
        id: id.parse().unwrap(),
        jurisdiction: "guangdong".parse().unwrap(),
        region,
        parents: Vec::new(),
        signing_key: SigningKey::generate().unwrap().public(),
        witnesses: Vec::new(),
    };
    let region: Region = REGION.parse().unwrap();
    let root = TrustRoot {
        network: "test".parse().unwrap(),
        serial: 1,
        earlier: Vec::new(),
        catalogue: Catalogue::built_in().index().digest(),
        disclosure: Disclosure { minimum_people: 11 },
        cross: None,
        jurisdictions: vec![Jurisdiction {
            id: "guangdong".parse().unwrap(),
            group_key: shares[0].group_key(),
            threshold: 2,
            authority_key: authority.public(),
            custodians: shares.iter().zip(keys).map(custodian).collect(),
            pseudonyms: None,
        }],
        chains: vec![chain("main/health", None), chain(region.chain().as_str(), Some(region))],
    };
    let quorum: Vec<&KeyShare> = shares.iter().take(2).collect();
    let signature = custody::endorse(&quorum, &root.to_canonical(), &mut OsRng).unwrap();
    SignedTrustRoot { root, endorsements: vec![Endorsement { jurisdiction: "guangdong".parse().unwrap(), signature }] }
}

impl Scene {
    fn new() -> Self {
        let jurisdiction = "guangdong".parse().unwrap();
        let shares = custody::generate(&jurisdiction, 2, 3, &mut OsRng).unwrap();
        let keys: Vec<SigningKey> = (0..3).map(|_| SigningKey::generate().unwrap()).collect();
        let authority = SigningKey::generate().unwrap();
        let signed = trust_root(&shares, &keys, &authority);
        let access_key = AccessKey::generate().unwrap();
        let membership = Membership {
            member: "commission".parse().unwrap(),
            role: MemberRole::Regulator,
            jurisdiction,
            chains: signed.root.chains.iter().map(|chain| chain.id.clone()).collect(),
            signing_key: SigningKey::generate().unwrap().public(),
            access_key: access_key.public(),
        };
        let regulator = authority.sign(membership);

        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("trust.toml"), toml::to_string(&signed).unwrap()).unwrap();
        fs::create_dir(at("members")).unwrap();
        fs::write(at("members/commission.json"), serde_json::to_vec(&regulator).unwrap()).unwrap();
        secret::write(&at("share.hex"), &*shares[0].secret().to_bytes()).unwrap();
        secret::write(&at("signing.hex"), &*keys[0].to_bytes()).unwrap();
        secret::write_text(&at("access.pem"), &AccessKey::generate().unwrap().to_pem()).unwrap();
        let network = Network::new(signed).unwrap();
        Self { folder, network, shares, regulator, access_key: Arc::new(access_key) }
    }

    fn config(&self, url: &str) -> Config {
        let text = format!(
            "server.listen = \"127.0.0.1:0\"\nurl = \"{url}\"\ndata = \"data\"\ntrust = \"trust.toml\"\nmembers = \"members\"\n\
             member = \"custodian-guangdong-1\"\njurisdiction = \"guangdong\"\nnumber = 1\nshare = \"share.hex\"\n\
             signing-key = \"signing.hex\"\naccess-key = \"access.pem\"\npreview-groups-per-day = {PREVIEW_GROUPS}\n\
             [exchanges]\n\"region/{REGION}\" = \"http://127.0.0.1:9\"\n\"main/health\" = \"http://127.0.0.1:9\"\n"
        );
        let path = self.folder.path().join("custodian.toml");
        fs::write(&path, text).unwrap();
        Config::read(&path).unwrap()
    }

    /// Starts the custodian, and gives a client of it for that member, with that key.
    async fn serve(&self, member: &str, key: &Arc<AccessKey>) -> Client {
        let listeners = Listeners::bind_loopback().await.unwrap();
        let url = format!("http://{}", listeners.address().unwrap());
        tokio::spawn(super::serve(self.config(&url), listeners, std::future::pending()));
        Client::new(&url, member.parse().unwrap(), Arc::clone(key), &ClientTls::default()).unwrap()
    }

    /// A well-formed submission whose request was never logged.
    fn submission(&self, requester: &str) -> Submission {
        let bmi = Catalogue::built_in().newest(&"bmi".parse().unwrap()).unwrap();
        let request = Request {
            trust: self.network.digest(),
            requester: requester.parse().unwrap(),
            measure: bmi.reference(),
            definition: bmi.digest(),
            statistics: vec![Statistic::Mean],
            predicate: Predicate {
                regions: vec![REGION.parse().unwrap()],
                from: "2026-01".parse().unwrap(),
                to: "2026-02".parse().unwrap(),
                sexes: Sex::ALL.to_vec(),
                youngest: AgeBand::of_age(0),
                oldest: AgeBand::TOP,
            },
            group_by: Vec::new(),
            spans: vec![SealSpan {
                chain: format!("region/{REGION}").parse().unwrap(),
                first: 1,
                last: 1,
                hash: Digest([8; 32]),
            }],
            purpose: "a test".parse().unwrap(),
            nonce: Digest([3; 32]),
        };
        let nowhere = Inclusion { leaf: 0, proof: Vec::new() };
        let logged = LoggedRequest {
            request: SignedRequest { request, seals: Vec::new(), signature: Signature([1; 64]) },
            admission: self.regulator.clone(),
            checkpoint: "no checkpoint".parse().unwrap(),
            admission_inclusion: nowhere.clone(),
            request_inclusion: nowhere,
        };
        Submission { dossier: Dossier { logged, chains: Vec::new() }, sums: Vec::new(), confirmations: Vec::new() }
    }
}

async fn post(client: &Client, submission: &Submission) -> Result<Verdict<Answer>, ClientError> {
    client.call(POST_ANSWER, &(), submission).await
}

async fn confirm(client: &Client, submission: &Submission) -> Result<Finding, ClientError> {
    client.call(POST_CONFIRMATION, &(), submission).await
}

fn problem(error: &ClientError) -> (u16, &str) {
    error.problem().map(|problem| (problem.status, problem.word())).unwrap()
}

fn bodies(data: &Path) -> Vec<Signed<Refusal>> {
    let files = fs::read_dir(data.join("bodies")).unwrap();
    files.map(|file| serde_json::from_slice(&fs::read(file.unwrap().path()).unwrap()).unwrap()).collect()
}

#[tokio::test]
async fn a_dossier_that_does_not_hold_gets_a_signed_refusal_that_is_on_record() {
    let scene = Scene::new();
    let client = scene.serve("commission", &scene.access_key).await;
    let submission = scene.submission("commission");
    let Verdict::Refused(signed) = post(&client, &submission).await.unwrap() else { panic!("it was never logged") };
    let refusal = &signed.statement;
    assert_eq!(refusal.request, submission.dossier.logged.request.request.digest());
    assert_eq!((refusal.check.as_str(), refusal.custodian.to_string().as_str()), ("request-signature", "guangdong-1"));
    let public = scene.network.root().custodian(&refusal.custodian).unwrap().signing_key;
    signing::verify(&public, &signed).unwrap();
    assert_eq!(bodies(&scene.folder.path().join("data")), [signed]);
}

#[tokio::test]
async fn what_does_not_hold_is_not_confirmed_and_the_refusal_is_on_record() {
    let scene = Scene::new();
    let client = scene.serve("commission", &scene.access_key).await;
    let submission = scene.submission("commission");
    let Finding::Refused(signed) = confirm(&client, &submission).await.unwrap() else { panic!("it was never logged") };
    assert_eq!(signed.statement.check.as_str(), "request-signature");
    assert_eq!(bodies(&scene.folder.path().join("data")), [signed]);
}

#[tokio::test]
async fn who_is_asked_to_confirm_takes_no_confirmations() {
    let scene = Scene::new();
    let client = scene.serve("commission", &scene.access_key).await;
    let mut submission = scene.submission("commission");
    let confirmation = Confirmation {
        request: Digest([1; 32]),
        sums: Digest([2; 32]),
        chain: format!("region/{REGION}").parse().unwrap(),
        custodian: CustodianId { jurisdiction: "guangdong".parse().unwrap(), number: 1 },
    };
    submission.confirmations.push(Signed { statement: confirmation, signature: Signature([1; 64]) });
    let error = confirm(&client, &submission).await.unwrap_err();
    assert_eq!(problem(&error), (400, "unexpected-confirmations"));
}

#[tokio::test]
async fn only_the_requester_is_answered() {
    let scene = Scene::new();
    let client = scene.serve("commission", &scene.access_key).await;
    let error = post(&client, &scene.submission("another")).await.unwrap_err();
    assert_eq!(problem(&error), (403, "not-the-requester"));
    let error = confirm(&client, &scene.submission("another")).await.unwrap_err();
    assert_eq!(problem(&error), (403, "not-the-requester"));
    assert_eq!(bodies(&scene.folder.path().join("data")), []);
}

#[tokio::test]
async fn a_stranger_gets_no_token_and_no_answer() {
    let scene = Scene::new();
    let stranger = Arc::new(AccessKey::generate().unwrap());
    let client = scene.serve("commission", &stranger).await;
    let submission = scene.submission("commission");
    let errors =
        [post(&client, &submission).await.unwrap_err(), confirm(&client, &submission).await.map(drop).unwrap_err()];
    for error in errors {
        assert!(matches!(error, ClientError::Token { status: 400 | 401, .. }), "{error}");
    }
}

#[tokio::test]
async fn what_is_no_submission_is_malformed() {
    let scene = Scene::new();
    let client = scene.serve("commission", &scene.access_key).await;
    for body in [&b"{}"[..], b"", b"[1, 2", b"{\"dossier\": null, \"sums\": []}"] {
        let sent = client.call_encoded(POST_ANSWER, &(), &Encoded::from_bytes(body)).await;
        assert_eq!(problem(&sent.unwrap_err()), (400, "malformed"));
    }
}

#[test]
fn a_custodian_does_not_start_with_anothers_share_or_key() {
    let scene = Scene::new();
    let mut config = scene.config("http://127.0.0.1:9");
    config.share = scene.folder.path().join("other.hex").into();
    secret::write(&config.share, &*scene.shares[1].secret().to_bytes()).unwrap();
    let error = Custodian::open(&config).err().unwrap().to_string();
    assert!(error.contains("share") && error.contains("guangdong-1"), "{error}");

    let mut config = scene.config("http://127.0.0.1:9");
    config.signing_key = scene.folder.path().join("fresh.hex").into();
    secret::write(&config.signing_key, &*SigningKey::generate().unwrap().to_bytes()).unwrap();
    let error = Custodian::open(&config).err().unwrap().to_string();
    assert!(error.contains("signing key") && error.contains("guangdong-1"), "{error}");

    // Its decryption share is none of a pseudonyms' key, which this network does not have.
    let mut config = scene.config("http://127.0.0.1:9");
    config.pseudonym_share = Some(config.share.clone());
    assert!(matches!(Custodian::open(&config), Err(OpenError::NoPseudonyms)));
}

#[test]
fn a_custodian_knows_where_each_chain_of_the_network_is_and_no_other() {
    let scene = Scene::new();
    let mut config = scene.config("http://127.0.0.1:9");
    let url = config.exchanges.clone().into_values().next().unwrap();
    config.exchanges.insert("region/810000".parse().unwrap(), url);
    assert!(matches!(Custodian::open(&config), Err(OpenError::UnknownChain(_))));
    config.exchanges.remove(&"region/810000".parse().unwrap());
    for chain in ["main/health", "region/440100"] {
        let mut config = config.clone();
        config.exchanges.remove(&chain.parse().unwrap());
        let error = Custodian::open(&config).err().unwrap();
        assert!(matches!(&error, OpenError::NoExchange(missing) if missing.as_str() == chain), "{error}");
    }
}

#[tokio::test]
async fn a_preview_that_comes_to_nothing_is_charged_too() {
    let scene = Scene::new();
    let client = scene.serve("commission", &scene.access_key).await;
    let request = scene.submission("commission").dossier.logged.request;
    let preview = async || -> Result<Signed<Preview>, ClientError> { client.call(POST_PREVIEW, &(), &request).await };
    for _ in 0..PREVIEW_GROUPS {
        let error = preview().await.unwrap_err();
        assert_eq!(problem(&error), (422, "check-failed"), "it is not signed by its requester");
    }
    assert_eq!(problem(&preview().await.unwrap_err()), (429, "too-many-previews"));
}
