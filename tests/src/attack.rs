//! Whoever attacks a network with real keys: an admitted regulator, exchanges' and custodians' keys, and what it takes to
//! put altered submissions before honest custodians. Panics where the fixture itself fails.

#![allow(clippy::unwrap_used, reason = "a fixture that cannot be made is a test that fails")]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use nacre::demo::population::{self, PERSON_SYSTEM, Site, Truth};
use nacre_access::{
    client::{Client, ClientError},
    key::AccessKey,
};
use nacre_hosting::key;
use nacre_hosting::tls::ClientTls;
use nacre_ledger::{
    note::{Checkpoint, SignedCheckpoint},
    signing::SigningKey,
};
use nacre_regulator::Context;
use nacre_schemas::{
    Digest, Document as _, Point, Signed,
    answer::{Answer, CustodianId, Decision, Refusal, Share, Verdict},
    catalogue::Catalogue,
    confirmation::{Confirmation, Finding},
    cross::CrossRequest,
    dossier::{ChainAnswer, ChainSums, Dossier, LoggedRequest, Note, Submission},
    id::{ChainId, MemberId},
    measure::Measure,
    query::{Attribute, GroupKey, Quantity, Request, SealProof, SealSpan, SignedRequest, Statistic},
};
use nacre_verifier::{Check, CheckedDossier, Failure, Network, confirmation, dossier};
use nacre_wire::{
    custodian::{self},
    exchange::{self, NumberedSeal, OfChain},
};
use nacre_zk::tally;

use crate::{Running, plan, question};

/// The region that attacks are about, of Guangdong.
pub const HOME: &str = "440100";
/// A region of another jurisdiction, Hong Kong.
pub const ABROAD: &str = "810000";
/// The month that its records are of.
pub const MONTH: &str = "2026-01";
/// k of its network.
pub const MINIMUM_PEOPLE: u32 = 11;

/// A network with records in two jurisdictions, and whoever attacks it.
pub struct Attack {
    /// The network while it runs.
    pub running: Running,
    /// Its trust root.
    pub network: Network,
    /// What its records hold.
    pub truths: Vec<Truth>,
    /// The regulator, who is in it.
    pub member: MemberId,
    signing_key: SigningKey,
    exchanges: BTreeMap<ChainId, Client>,
    /// The regulator's clients of the custodians, by name.
    pub custodians: BTreeMap<String, Client>,
}

/// What is asked about.
pub fn definition() -> &'static Measure {
    Catalogue::built_in().newest(&"bmi".parse().unwrap()).unwrap()
}

/// A signing key from its file.
pub fn read_key(path: &Path) -> SigningKey {
    key::read_signing(path).unwrap()
}

/// The chain of a region.
pub fn chain(region: &str) -> ChainId {
    format!("region/{region}").parse().unwrap()
}

/// The key of a region's chain.
pub fn chain_key(running: &Running, region: &str) -> SigningKey {
    let config = nacre_exchange::Config::read(&running.places.exchanges[region]).unwrap();
    read_key(&config.chains.iter().find(|one| one.id == chain(region)).unwrap().key)
}

/// The keys of all witnesses, by name.
pub fn witness_keys(running: &Running) -> Vec<(String, SigningKey)> {
    let key = |(name, config): (&String, &PathBuf)| {
        (name.clone(), read_key(&nacre_witness::Config::read(config).unwrap().signing_key))
    };
    running.places.witnesses.iter().map(key).collect()
}

/// A checkpoint of a region that its chain's key signs, and all its witnesses, who look away.
pub fn forged_checkpoint(running: &Running, region: &str, size: u64, root: Digest) -> Note {
    let origin = running.network().unwrap().root().origin(&chain(region));
    let checkpoint = Checkpoint { origin: origin.clone(), size, root };
    let signed = SignedCheckpoint::sign(checkpoint, &chain_key(running, region), &origin).unwrap();
    let keys = witness_keys(running);
    let note = keys.iter().fold(signed, |note, (name, key)| note.cosign(key, name).unwrap());
    note.as_str().parse().unwrap()
}

/// A client of a server, in the name of a provider.
pub fn client_of(running: &Running, provider: &str, server: &str) -> Client {
    let config = running.provider(provider).unwrap();
    client_at(running, server, &config.member, &config.access_key)
}

/// A client of a server, in the name of the operator of an exchange.
pub fn operator_client(running: &Running, exchange: &str, server: &str) -> Client {
    let config = nacre_exchange::Config::read(&running.places.exchanges[exchange]).unwrap();
    let operator = config.operator.unwrap();
    client_at(running, server, &operator.member, &operator.access_key)
}

/// A client of a server, in the name of an evaluator.
pub fn evaluator_client(running: &Running, evaluator: &str, server: &str) -> Client {
    let config = nacre_evaluator::Config::read(&running.places.evaluators[evaluator]).unwrap();
    client_at(running, server, &config.member, &config.access_key)
}

fn client_at(running: &Running, server: &str, member: &MemberId, access_key: &Path) -> Client {
    let key = AccessKey::read(access_key).unwrap();
    Client::new(&format!("http://{}", running.addresses[server]), member.clone(), Arc::new(key), &ClientTls::default())
        .unwrap()
}

/// The submission with those confirmations.
pub fn with(submission: &Submission, confirmations: &[Signed<Confirmation>]) -> Submission {
    Submission { confirmations: confirmations.to_vec(), ..submission.clone() }
}

impl Attack {
    /// A network of [`HOME`] and [`ABROAD`] with a month of records of each, sealed.
    pub async fn prepare() -> Self {
        let running = Running::start(&plan(&[HOME, ABROAD], MINIMUM_PEOPLE, PERSON_SYSTEM)).await.unwrap();
        let site = |region: &str| Site {
            member: format!("hospital-{region}"),
            region: region.parse().unwrap(),
            hospital: true,
        };
        let (sites, months) = ([HOME, ABROAD].map(site), [MONTH.parse().unwrap()]);
        let population = population::generate(&running.folder().join("records"), &sites, 140, 9, &months).unwrap();
        for (site, folder) in sites.iter().zip(&population.folders) {
            running.post(&site.member, std::slice::from_ref(folder)).await.unwrap();
        }
        running.seal().await.unwrap();
        Self::on(running, population.truths)
    }

    /// On any network.
    pub fn on(running: Running, truths: Vec<Truth>) -> Self {
        let config = nacre_regulator::Config::read(&running.places.regulator).unwrap();
        let access_key = AccessKey::read(&config.access_key).unwrap();
        let access_key = Arc::new(access_key);
        let client = |url: &str| {
            Client::new(url, config.member.clone(), Arc::clone(&access_key), &ClientTls::default()).unwrap()
        };
        Self {
            network: running.network().unwrap(),
            truths,
            member: config.member.clone(),
            signing_key: read_key(&config.signing_key),
            exchanges: config.exchanges.iter().map(|(chain, url)| (chain.clone(), client(url))).collect(),
            custodians: config.custodians.iter().map(|one| (one.id().to_string(), client(&one.url))).collect(),
            running,
        }
    }

    /// A request about these regions and seals.
    pub async fn request(&self, regions: &[&str], by: &[Attribute], seals: [u64; 2], nonce: u8) -> Request {
        let mut asked = question("bmi", MONTH, MONTH, by, &[Statistic::Count, Statistic::Mean]);
        asked.regions = regions.iter().map(|region| region.parse().unwrap()).collect();
        let regions = asked.regions(self.network.root()).unwrap();
        let mut spans = Vec::new();
        for (_, chain) in &regions {
            let hash = self.seal(chain, seals[1]).await.map_or(Digest([8; 32]), |proof| proof.seal.leaf_hash());
            spans.push(SealSpan { chain: chain.clone(), first: seals[0], last: seals[1], hash });
        }
        let (trust, nonce) = (self.network.digest(), Digest([nonce; 32]));
        let context =
            Context { trust, requester: &self.member, definition: definition(), regions: &regions, spans, nonce };
        asked.request(context).unwrap()
    }

    /// Where the chain shows its seal of that number, if it shows one.
    pub async fn seal(&self, chain: &ChainId, number: u64) -> Option<SealProof> {
        self.exchanges[chain].get(exchange::GET_SEAL, &NumberedSeal { slug: chain.into(), number }).await.ok()
    }

    /// The request with the regulator's signature, and with the seals it names as far as their chains show them.
    pub async fn sign_request(&self, request: Request) -> SignedRequest<Request> {
        let mut seals = Vec::new();
        for span in &request.spans {
            seals.extend(self.seal(&span.chain, span.last).await);
        }
        let signature = self.signing_key.sign_detached(&request);
        SignedRequest { request, seals, signature }
    }

    /// Has the request logged.
    pub async fn log(&self, request: Request) -> LoggedRequest<Request> {
        self.try_log(request).await.unwrap()
    }

    /// The same, if the main chain takes it.
    pub async fn try_log(&self, request: Request) -> Result<LoggedRequest<Request>, ClientError> {
        let main = definition().main_chain();
        let signed = self.sign_request(request).await;
        self.exchanges[&main].call(exchange::POST_REQUEST, &OfChain::new(&main), &signed).await
    }

    /// Has a request of the cross lane logged, with the regulator's signature, if the main chain takes it.
    pub async fn try_log_cross(
        &self,
        request: CrossRequest,
        seals: Vec<SealProof>,
    ) -> Result<LoggedRequest<CrossRequest>, ClientError> {
        let main = nacre_verifier::cross::main_chain();
        let signature = self.signing_key.sign_detached(&request);
        let signed = SignedRequest { request, seals, signature };
        self.exchanges[&main].call(exchange::POST_CROSS_REQUEST, &OfChain::new(&main), &signed).await
    }

    /// What a chain answers to a logged request.
    pub async fn cells(&self, chain: &ChainId, logged: &LoggedRequest<Request>) -> Result<ChainAnswer, ClientError> {
        self.exchanges[chain].call(exchange::POST_CELLS, &OfChain::new(chain), logged).await
    }

    /// What the chains answer to a logged request, as it goes to custodians.
    pub async fn gather(&self, logged: LoggedRequest<Request>) -> Submission {
        let (mut chains, mut sums) = (Vec::new(), Vec::new());
        for span in &logged.request.request.spans {
            let answer = self.cells(&span.chain, &logged).await.unwrap();
            chains.push(answer.evidence);
            sums.push(answer.sums);
        }
        Submission { dossier: Dossier { logged, chains }, sums, confirmations: Vec::new() }
    }

    /// An honest submission of a logged request about these regions and the first seal of each.
    pub async fn submission(&self, regions: &[&str], by: &[Attribute], nonce: u8) -> Submission {
        self.gather(self.log(self.request(regions, by, [1, 1], nonce).await).await).await
    }

    /// Its dossier, checked.
    pub fn checked(&self, submission: &Submission) -> CheckedDossier {
        dossier::check(&submission.dossier, &self.network, definition()).unwrap()
    }

    /// What a custodian finds of its confirmations.
    pub fn check(&self, submission: &Submission) -> Result<(), Failure> {
        let checked = self.checked(submission);
        confirmation::check(&submission.confirmations, &submission.sums, &checked, &self.network)
    }

    /// The chain changes what it says of its sums, and signs that.
    pub fn falsify(&self, submission: &Submission, region: &str, change: impl FnOnce(&mut ChainSums)) -> Submission {
        let mut altered = submission.clone();
        let signed = altered.sums.iter_mut().find(|signed| signed.statement.chain == chain(region)).unwrap();
        change(&mut signed.statement);
        signed.signature = chain_key(&self.running, region).sign_detached(&signed.statement);
        altered
    }

    /// The chain puts another key in the place of its first group's sum, and signs that.
    pub fn falsify_key(&self, submission: &Submission, region: &str, key: Point) -> Submission {
        self.falsify(submission, region, |sums| {
            let keys = &mut sums.groups[0].keys;
            keys.iter_mut().find(|known| known.quantity == Quantity::Sum).unwrap().key = key;
        })
    }

    /// What a custodian finds of its own chains.
    pub async fn confirm(&self, custodian: &str, submission: &Submission) -> Result<Finding, ClientError> {
        self.custodians[custodian].call(custodian::POST_CONFIRMATION, &(), submission).await
    }

    /// The honest confirmations of these custodians.
    pub async fn confirmations(&self, custodians: &[&str], submission: &Submission) -> Vec<Signed<Confirmation>> {
        let mut all = Vec::new();
        for custodian in custodians {
            match self.confirm(custodian, submission).await.unwrap() {
                Finding::Confirmed(confirmations) => all.extend(confirmations),
                Finding::Refused(refused) => panic!("{custodian}: {:?}", refused.statement),
            }
        }
        all
    }

    /// A custodian's verdict.
    pub async fn answer(&self, custodian: &str, submission: &Submission) -> Verdict<Answer> {
        self.custodians[custodian].call(custodian::POST_ANSWER, &(), submission).await.unwrap()
    }

    /// Each custodian refuses, by that check.
    pub async fn all_refuse(&self, submission: &Submission, check: Check, what: &str) -> Vec<Signed<Refusal>> {
        let mut refusals = Vec::new();
        for custodian in self.custodians.keys() {
            match self.answer(custodian, submission).await {
                Verdict::Refused(refused) => {
                    assert_eq!(refused.statement.check.as_str(), check.word(), "{what}: {:?}", refused.statement);
                    refusals.push(refused);
                }
                Verdict::Answered(_) => panic!("{what}: {custodian} gave a share"),
            }
        }
        refusals
    }

    /// Each custodian's share of the first group's sum.
    pub async fn shares(&self, custodians: &[&str], submission: &Submission) -> Vec<(CustodianId, Share)> {
        let mut shares = Vec::new();
        for custodian in custodians {
            let answer = match self.answer(custodian, submission).await {
                Verdict::Answered(signed) => signed.statement,
                Verdict::Refused(refused) => panic!("{custodian}: {:?}", refused.statement),
            };
            let decisions = &answer.groups[0].decisions;
            let decided = decisions.iter().find(|decided| decided.quantity == Quantity::Sum).unwrap();
            let Decision::Opened(share) = &decided.decision else { panic!("{custodian} withholds it") };
            shares.push((answer.custodian.clone(), share.clone()));
        }
        shares
    }

    /// A custodian's signing key.
    pub fn custodian_key(&self, custodian: &str) -> SigningKey {
        read_key(&nacre_custodian::Config::read(&self.running.places.custodians[custodian]).unwrap().signing_key)
    }

    /// What a corrupt custodian signs of the first chain's sums.
    pub fn forge(&self, custodian: &str, submission: &Submission) -> Signed<Confirmation> {
        let (jurisdiction, number) = custodian.split_once('-').unwrap();
        let sums = &submission.sums[0].statement;
        let custodian_id = CustodianId { jurisdiction: jurisdiction.parse().unwrap(), number: number.parse().unwrap() };
        let (request, chain) = (submission.dossier.logged.request.request.digest(), sums.chain.clone());
        self.sign(custodian, Confirmation { request, sums: sums.digest(), chain, custodian: custodian_id })
    }

    /// A confirmation with a custodian's signature.
    pub fn sign(&self, custodian: &str, confirmation: Confirmation) -> Signed<Confirmation> {
        self.custodian_key(custodian).sign(confirmation)
    }

    /// A group of too few people: its key, its commitment, and what nobody may learn.
    pub async fn target(&self) -> (Point, Point, u64) {
        let by = [Attribute::Sex, Attribute::AgeBand];
        let submission = self.submission(&[HOME], &by, 1).await;
        let few = |group: &GroupKey| self.of_group(group).count() < MINIMUM_PEOPLE as usize;
        let group = submission.sums[0].statement.groups.iter().find(|group| few(&group.group)).unwrap();
        let key = group.keys.iter().find(|known| known.quantity == Quantity::Sum).unwrap().key;
        let commitments = &self.checked(&submission).groups[&group.group];
        let commitment = tally::commitment_of(commitments, Quantity::Sum).unwrap();
        (key, commitment, self.truth(&group.group))
    }

    fn truth(&self, group: &GroupKey) -> u64 {
        self.of_group(group).map(|truth| u64::from(truth.value)).sum()
    }

    fn of_group(&self, group: &GroupKey) -> impl Iterator<Item = &Truth> {
        let of_group = move |truth: &&Truth| {
            truth.key.region.to_string() == HOME
                && truth.key.measure == definition().reference()
                && group.sex == Some(truth.key.sex)
                && group.age_band == Some(truth.key.age_band)
        };
        self.truths.iter().filter(of_group)
    }
}
