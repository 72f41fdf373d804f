//! Shares of one `D` from different requests combine. Two exchanges of different jurisdictions and an admitted regulator
//! try to collect them for a `D` of their choice, and every honest custodian refuses.
//!
//! The attackers here hold both chains' keys. Custodians' keys are used only where a test says that they are corrupt.

#![allow(clippy::unwrap_used, reason = "a fixture that cannot be made is a test that fails")]

use std::{collections::BTreeMap, sync::Arc};

use nacre::demo::population::{self, PERSON_SYSTEM, Site, Truth};
use nacre_access::{
    Scope,
    client::{Client, ClientError},
    key::AccessKey,
    secret,
};
use nacre_ledger::signing::{Role, SigningKey};
use nacre_regulator::Context;
use nacre_schemas::{
    Digest, Document as _, Point,
    answer::{CustodianId, Decision, Share, Verdict},
    canonical::fields,
    catalogue::Catalogue,
    confirmation::{Confirmation, Finding, SignedConfirmation},
    dossier::{ChainAnswer, Dossier, LoggedRequest, Submission},
    id::{ChainId, MemberId},
    measure::Measure,
    query::{Attribute, GroupKey, Quantity, SealSpan, SignedRequest, Statistic},
};
use nacre_tests::{Running, plan, question};
use nacre_verifier::{Check, CheckedDossier, Failure, Network, confirmation, dossier};
use nacre_zk::{share, tally};

const HOME: &str = "440100";
const ABROAD: &str = "810000";
const MONTH: &str = "2026-01";
const MINIMUM_PEOPLE: u32 = 11;

/// By what an exchange says a seal is named.
#[derive(serde::Deserialize)]
struct Named {
    hash: Digest,
}

/// A network with records in two jurisdictions, and whoever attacks it.
struct Attack {
    running: Running,
    network: Network,
    truths: Vec<Truth>,
    member: MemberId,
    signing_key: SigningKey,
    exchanges: BTreeMap<ChainId, Client>,
    custodians: BTreeMap<String, Client>,
}

fn definition() -> &'static Measure {
    Catalogue::built_in().newest(&"bmi".parse().unwrap()).unwrap()
}

fn read_key(path: &std::path::Path) -> SigningKey {
    SigningKey::from_bytes(&secret::read::<32>(path).unwrap()).unwrap()
}

fn chain(region: &str) -> ChainId {
    format!("region/{region}").parse().unwrap()
}

impl Attack {
    async fn prepare() -> Self {
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

        let config = nacre_regulator::Config::read(&running.places.regulator).unwrap();
        let access_key = AccessKey::from_pem(&secret::read_text(&config.access_key).unwrap()).unwrap();
        let access_key = Arc::new(access_key);
        let client = |url: &str| Client::new(url, config.member.clone(), Arc::clone(&access_key)).unwrap();
        Self {
            network: running.network().unwrap(),
            truths: population.truths,
            member: config.member.clone(),
            signing_key: read_key(&config.signing_key),
            exchanges: config.exchanges.iter().map(|(chain, url)| (chain.clone(), client(url))).collect(),
            custodians: config.custodians.iter().map(|one| (one.id().to_string(), client(&one.url))).collect(),
            running,
        }
    }

    /// An honest submission of a logged request about these regions.
    async fn submission(&self, regions: &[&str], by: &[Attribute], nonce: u8) -> Submission {
        let mut asked = question("bmi", MONTH, MONTH, by, &[Statistic::Count, Statistic::Mean]);
        asked.regions = regions.iter().map(|region| region.parse().unwrap()).collect();
        let regions = asked.regions(self.network.root()).unwrap();
        let mut spans = Vec::new();
        for (_, chain) in &regions {
            let path = format!("/v1/chains/{}/seals/1", chain.slug());
            let Named { hash } = self.exchanges[chain].get_json(&path, None).await.unwrap();
            spans.push(SealSpan { chain: chain.clone(), first: 1, last: 1, hash });
        }
        let (trust, nonce) = (self.network.digest(), Digest([nonce; 32]));
        let context =
            Context { trust, requester: &self.member, definition: definition(), regions: &regions, spans, nonce };
        let request = asked.request(context).unwrap();
        let signature = self.signing_key.sign(Role::Request, &request.to_canonical());
        let main = definition().main_chain();
        let path = format!("/v1/chains/{}/requests", main.slug());
        let signed = SignedRequest { request, signature };
        let logged: LoggedRequest = self.exchanges[&main].post_json(&path, Scope::LogWrite, &signed).await.unwrap();
        let (mut chains, mut sums) = (Vec::new(), Vec::new());
        for span in &logged.request.request.spans {
            let path = format!("/v1/chains/{}/cells", span.chain.slug());
            let exchange = &self.exchanges[&span.chain];
            let answer: ChainAnswer = exchange.post_json(&path, Scope::CellsRead, &logged).await.unwrap();
            chains.push(answer.evidence);
            sums.push(answer.sums);
        }
        Submission { dossier: Dossier { logged, chains }, sums, confirmations: Vec::new() }
    }

    fn checked(&self, submission: &Submission) -> CheckedDossier {
        dossier::check(&submission.dossier, &self.network, definition()).unwrap()
    }

    fn check(&self, submission: &Submission) -> Result<(), Failure> {
        let checked = self.checked(submission);
        confirmation::check(&submission.confirmations, &submission.sums, &checked, &self.network)
    }

    /// The chain puts another key in the place of its first group's sum, and signs that.
    fn falsify(&self, submission: &Submission, region: &str, key: Point) -> Submission {
        let mut altered = submission.clone();
        let signed = altered.sums.iter_mut().find(|signed| signed.sums.chain == chain(region)).unwrap();
        let keys = &mut signed.sums.groups[0].keys;
        keys.iter_mut().find(|known| known.quantity == Quantity::Sum).unwrap().key = key;
        let config = nacre_exchange::Config::read(&self.running.places.exchanges[region]).unwrap();
        let key = read_key(&config.chains.iter().find(|one| one.id == chain(region)).unwrap().key);
        signed.signature = key.sign(Role::GroupSums, &signed.sums.to_canonical());
        altered
    }

    async fn confirm(&self, custodian: &str, submission: &Submission) -> Result<Finding, ClientError> {
        let client = &self.custodians[custodian];
        client.post_json("/v1/confirmations", Scope::AnswersRequest, submission).await
    }

    /// The honest confirmations of these custodians.
    async fn confirmations(&self, custodians: &[&str], submission: &Submission) -> Vec<SignedConfirmation> {
        let mut all = Vec::new();
        for custodian in custodians {
            match self.confirm(custodian, submission).await.unwrap() {
                Finding::Confirmed(confirmations) => all.extend(confirmations),
                Finding::Refused(refused) => panic!("{custodian}: {:?}", refused.refusal),
            }
        }
        all
    }

    async fn answer(&self, custodian: &str, submission: &Submission) -> Verdict {
        let client = &self.custodians[custodian];
        client.post_json("/v1/answers", Scope::AnswersRequest, submission).await.unwrap()
    }

    /// Each of these custodians refuses, by that check.
    async fn all_refuse(&self, submission: &Submission, check: Check, what: &str) {
        for custodian in self.custodians.keys() {
            match self.answer(custodian, submission).await {
                Verdict::Refused(refused) => {
                    assert_eq!(refused.refusal.check.as_str(), check.word(), "{what}: {:?}", refused.refusal);
                }
                Verdict::Answered(_) => panic!("{what}: {custodian} gave a share"),
            }
        }
    }

    /// Each custodian's share of the first group's sum.
    async fn shares(&self, custodians: &[&str], submission: &Submission) -> Vec<(CustodianId, Share)> {
        let mut shares = Vec::new();
        for custodian in custodians {
            let answer = match self.answer(custodian, submission).await {
                Verdict::Answered(signed) => signed.answer,
                Verdict::Refused(refused) => panic!("{custodian}: {:?}", refused.refusal),
            };
            let decisions = &answer.groups[0].decisions;
            let decided = decisions.iter().find(|decided| decided.quantity == Quantity::Sum).unwrap();
            let Decision::Opened(share) = &decided.decision else { panic!("{custodian} withholds it") };
            shares.push((answer.custodian.clone(), share.clone()));
        }
        shares
    }

    fn custodian_key(&self, custodian: &str) -> SigningKey {
        read_key(&nacre_custodian::Config::read(&self.running.places.custodians[custodian]).unwrap().signing_key)
    }

    /// What a corrupt custodian signs of the first chain's sums.
    fn forge(&self, custodian: &str, submission: &Submission) -> SignedConfirmation {
        let (jurisdiction, number) = custodian.split_once('-').unwrap();
        let sums = &submission.sums[0].sums;
        let custodian_id = CustodianId { jurisdiction: jurisdiction.parse().unwrap(), number: number.parse().unwrap() };
        let (request, chain) = (submission.dossier.logged.request.request.digest(), sums.chain.clone());
        self.sign(custodian, Confirmation { request, sums: sums.digest(), chain, custodian: custodian_id })
    }

    fn sign(&self, custodian: &str, confirmation: Confirmation) -> SignedConfirmation {
        let signature = self.custodian_key(custodian).sign(Role::Confirmation, &confirmation.to_canonical());
        SignedConfirmation { confirmation, signature }
    }

    /// A group of too few people: its key, its commitment, and what nobody may learn.
    async fn target(&self) -> (Point, Point, u64) {
        let by = [Attribute::Sex, Attribute::AgeBand];
        let submission = self.submission(&[HOME], &by, 1).await;
        let few = |group: &GroupKey| self.of_group(group).count() < MINIMUM_PEOPLE as usize;
        let group = submission.sums[0].sums.groups.iter().find(|group| few(&group.group)).unwrap();
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

fn with(submission: &Submission, confirmations: &[SignedConfirmation]) -> Submission {
    Submission { confirmations: confirmations.to_vec(), ..submission.clone() }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_honest_custodian_gives_a_share_of_a_key_that_its_chains_own_custodians_do_not_confirm() {
    let attack = Attack::prepare().await;
    let (key, _, _) = attack.target().await;
    let honest = attack.submission(&[HOME], &[], 2).await;
    let abroad = attack.submission(&[ABROAD], &[], 3).await;
    let altered = attack.falsify(&honest, HOME, key);
    let altered_abroad = attack.falsify(&abroad, ABROAD, key);

    // The chain's own custodians see the difference; the others have nothing to confirm.
    for custodian in ["guangdong-1", "guangdong-2", "guangdong-3"] {
        let Finding::Refused(refused) = attack.confirm(custodian, &altered).await.unwrap() else {
            panic!("{custodian} confirms false sums");
        };
        assert_eq!(refused.refusal.check.as_str(), Check::ChainDetails.word());
    }
    for custodian in ["hongkong-1", "macao-1"] {
        let error = attack.confirm(custodian, &altered).await.unwrap_err();
        assert_eq!(error.problem().map(|problem| problem.word()), Some("no-own-chain"));
    }

    // Both requests of the attack, without confirmations.
    attack.all_refuse(&altered, Check::Confirmation, "request 1").await;
    attack.all_refuse(&altered_abroad, Check::Confirmation, "request 2").await;
    // With what honest custodians confirmed of honest sums.
    let confirmed = attack.confirmations(&["guangdong-1", "guangdong-2"], &honest).await;
    attack.all_refuse(&with(&altered, &confirmed), Check::Confirmation, "other sums").await;
    let confirmed_abroad = attack.confirmations(&["hongkong-1", "hongkong-2"], &abroad).await;
    attack.all_refuse(&with(&altered, &confirmed_abroad), Check::Confirmation, "another chain's and request's").await;
    // With fewer corrupt custodians than it takes: 1 of the 2 here, and any number elsewhere.
    let corrupt = attack.forge("guangdong-1", &altered);
    attack.all_refuse(&with(&altered, std::slice::from_ref(&corrupt)), Check::Confirmation, "one alone").await;
    let twice = [corrupt.clone(), corrupt.clone()];
    attack.all_refuse(&with(&altered, &twice), Check::Confirmation, "one twice").await;
    let foreign = ["hongkong-1", "hongkong-2", "macao-1"].map(|custodian| attack.forge(custodian, &altered));
    attack.all_refuse(&with(&altered, &foreign), Check::Confirmation, "foreign custodians").await;
    let mixed = [corrupt, foreign[0].clone()];
    attack.all_refuse(&with(&altered, &mixed), Check::Confirmation, "one and a foreign one").await;

    // The honest sums with their confirmations are answered by everyone.
    for custodian in attack.custodians.keys() {
        let verdict = attack.answer(custodian, &with(&honest, &confirmed)).await;
        assert!(matches!(verdict, Verdict::Answered(_)), "{custodian}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_the_threshold_of_confirmations_that_stands_between_the_attack_and_the_record() {
    let attack = Attack::prepare().await;
    let (key, commitment, secret) = attack.target().await;
    // As if a threshold of custodians were corrupt in both jurisdictions: the shares of two requests then combine.
    let altered = attack.falsify(&attack.submission(&[HOME], &[], 2).await, HOME, key);
    let forged = ["guangdong-1", "guangdong-2"].map(|custodian| attack.forge(custodian, &altered));
    let altered = with(&altered, &forged);
    let altered_abroad = attack.falsify(&attack.submission(&[ABROAD], &[], 3).await, ABROAD, key);
    let forged = ["hongkong-1", "hongkong-2"].map(|custodian| attack.forge(custodian, &altered_abroad));
    let altered_abroad = with(&altered_abroad, &forged);
    let mut shares = attack.shares(&["hongkong-1", "hongkong-2", "macao-1", "macao-2"], &altered).await;
    shares.extend(attack.shares(&["guangdong-1", "guangdong-2"], &altered_abroad).await);
    assert!(share::combine(&commitment, &shares).unwrap().is(secret), "the attack is a real one");

    // Even then a custodian checks its own chains by itself, whatever others confirm.
    let Verdict::Refused(refused) = attack.answer("guangdong-3", &altered).await else {
        panic!("guangdong-3 takes the others' word for its own chain");
    };
    assert_eq!(refused.refusal.check.as_str(), Check::ChainDetails.word());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_field_of_a_confirmation_is_checked() {
    let attack = Attack::prepare().await;
    let submission = attack.submission(&[HOME, ABROAD], &[], 2).await;
    let custodians = ["guangdong-1", "guangdong-3", "hongkong-2", "hongkong-3"];
    let honest = attack.confirmations(&custodians, &submission).await;
    let checked = attack.checked(&submission);
    let check = |confirmations: &[SignedConfirmation]| {
        confirmation::check(confirmations, &submission.sums, &checked, &attack.network)
    };
    check(&honest).unwrap();
    attack.check(&with(&submission, &honest)).unwrap();

    // Changed by a stranger, and changed and signed again by the custodian itself.
    let (bytes, fields) = fields(&honest[0]);
    assert_eq!(fields.iter().map(|field| field.bytes.len()).sum::<usize>() + 5, bytes.len());
    for field in &fields {
        for place in field.bytes.clone() {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            let Ok(changed) = SignedConfirmation::from_canonical(&changed) else { continue };
            let again = attack.sign("guangdong-1", changed.confirmation.clone());
            for hostile in [changed, again] {
                if hostile == honest[0] {
                    // Only the signature was changed, and signing is deterministic.
                    continue;
                }
                let mut confirmations = honest.clone();
                confirmations[0] = hostile;
                let failure = check(&confirmations).expect_err(&field.path);
                assert_eq!(failure.check, Check::Confirmation, "{}: {failure}", field.path);
            }
        }
    }

    let refused = |confirmations: &[SignedConfirmation], place: &str, detail: &str| {
        let failure = check(confirmations).expect_err(detail);
        assert!(failure.check == Check::Confirmation && failure.place.contains(place), "{failure}");
        assert!(failure.detail.contains(detail), "{failure}");
    };
    refused(&honest[1..], "region/440100", "1 custodians of guangdong confirm");
    refused(&honest[..3], "region/810000", "1 custodians of hongkong confirm");
    refused(&honest[..2], "region/810000", "0 custodians of hongkong confirm");
    let more = |extra: SignedConfirmation| [honest.as_slice(), &[extra]].concat();
    refused(&more(honest[1].clone()), "region/440100 by guangdong-3", "counted twice");
    refused(&more(attack.forge("macao-1", &submission)), "region/440100 by macao-1", "the chain is guangdong's");
    let mut elsewhere = honest[0].confirmation.clone();
    elsewhere.chain = chain("820000");
    refused(&more(attack.sign("guangdong-1", elsewhere)), "region/820000 by guangdong-1", "does not ask this chain");
    // More than it takes is no harm.
    check(&more(attack.confirmations(&["guangdong-2"], &submission).await.remove(0))).unwrap();

    // The same question asked again is another request: its confirmations do not serve this one.
    let again = attack.submission(&[HOME, ABROAD], &[], 4).await;
    let stale = attack.check(&with(&again, &honest)).unwrap_err();
    assert!(stale.check == Check::Confirmation && stale.detail.contains("another request"), "{stale}");
    // Sums that leave out a chain need no confirmation of it, so they are not looked at.
    let short = confirmation::check(&honest[..2], &submission.sums[..1], &checked, &attack.network).unwrap_err();
    assert_eq!((short.check, short.place.as_str()), (Check::Confirmation, "submission"));
}
