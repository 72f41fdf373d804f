//! What the cross lane is known to tell beyond its answers, with real keys on networks that were asked to have it. **These
//! attacks go through**: it is why the lane is off unless a trust root has it (SECURITY.md, "Cross lane: off by default, and
//! why"), and each test waits for the lane's second edition to turn it. That without the lane they come to nothing is
//! `cross_off.rs`; an exchange that copies a ciphertext is in `fhe/tests/job.rs`.
//!
//! | who | does | learns or changes |
//! |---|---|---|
//! | provider | invents ten people beside the patient, all in a band of their own | the patient's exact value, out of an ordinary public answer |
//! | anyone who reads releases | takes the answer after an erasure off the answer before | the partner's value of the erased person |
//! | custodian | lies about its share while another is away | a released count |

use std::{
    collections::BTreeMap,
    fs::File,
    io::BufReader,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use nacre::{consortium::CrossPlan, demo::population::PERSON_SYSTEM};
use nacre_fhe::{keys::PublicKey, list::Plain, wire};
use nacre_ledger::signing::SigningKey;
use nacre_regulator::{CrossAnswered, CrossQuestion, NamedMeasure};
use nacre_schemas::{
    Blob, Digest,
    answer::Verdict,
    batch::Batch,
    catalogue::Catalogue,
    cross::{CrossAnswer, CrossStatistic},
    erasure::Erasure,
    measure::Measure,
};
use nacre_tests::{
    Running,
    attack::{ABROAD, HOME, read_key},
    plan,
    proxy::Proxy,
    sender::{Sender, restricted},
};
use nacre_verifier::cross;
use nacre_wire::exchange::{OfChain, POST_ERASURE};
use tokio::{
    net::TcpListener,
    sync::{Mutex, MutexGuard},
};

pub(crate) const MINIMUM_PEOPLE: u32 = 11;
/// The person who is attacked: the hospital alone has a value.
const PATIENT: u32 = 500;
/// That value, in tenths of a percent: more than the least that the attacker's people have.
const SECRET: u32 = 97;
/// What the attacker's people have.
const INVENTED: u32 = 60;

/// (person, cross band, value in steps).
pub(crate) type Posted = (u32, u8, u32);

/// A network's evaluation keys take a gigabyte: one network with the lane at a time.
pub(crate) async fn one_at_a_time() -> MutexGuard<'static, ()> {
    static RUNNING: Mutex<()> = Mutex::const_new(());
    RUNNING.lock().await
}

/// A network with the lane, of two jurisdictions, with its providers.
pub(crate) struct Lane {
    pub(crate) running: Running,
    public: PublicKey,
    pub(crate) hospital: Sender,
    pub(crate) gym: Sender,
    /// The attacker: a gym elsewhere.
    pub(crate) stranger: Sender,
}

impl Lane {
    pub(crate) fn on(running: Running) -> Self {
        let [hospital, gym, stranger] =
            ["hospital-440100", "gym-440100", "gym-810000"].map(|member| Sender::of(&running, member));
        let file = File::open(hospital.config.cross_key.as_ref().unwrap()).unwrap();
        let (public, _) = PublicKey::read(BufReader::new(file)).unwrap();
        Self { running, public, hospital, gym, stranger }
    }

    pub(crate) async fn start() -> Self {
        Self::on(Running::start(&with_lane()).await.unwrap())
    }

    /// (person, cross band, value in steps) of each person, in one batch with an honest list.
    pub(crate) fn batch(&self, sender: &Sender, name: &str, month: &str, values: &[Posted]) -> Batch {
        let measure = measure(name);
        let headers: Vec<_> = values.iter().map(|(person, ..)| sender.header(measure, *person, month)).collect();
        let plain = |(_, band, value): &(u32, u8, u32)| Plain { band: *band, value: (*value - measure.lo) as u16 };
        let contributions: Vec<_> = headers.iter().zip(values.iter().map(plain)).collect();
        let (chain, member) = (&sender.config.chain, &sender.config.member);
        let (list, words) = wire::seal(&self.public, chain, member, &contributions).unwrap();
        let parts = headers.into_iter().zip(words).zip(values).map(|((header, words), (person, ..))| {
            let mut restricted = restricted();
            restricted.pseudonym = Digest::of(&person.to_be_bytes());
            restricted.cross = Some(words);
            (header, restricted)
        });
        let plain: Vec<u32> = values.iter().map(|(_, _, value)| *value).collect();
        sender.prove_with(measure, parts.collect(), &plain, Some(list))
    }

    async fn post(&self, sender: &Sender, name: &str, month: &str, values: &[Posted]) -> Batch {
        let batch = self.batch(sender, name, month, values);
        sender.post(&batch).await.unwrap();
        batch
    }

    /// Posts a month of 24 people whose both values are known, in two bands of twelve. Gives the gym's batch, and the hospital's
    /// values by person.
    async fn honest_month(&self, month: &str) -> (Batch, Vec<u32>) {
        // Every chain is asked, so each has something sealed.
        self.stranger.post(&self.stranger.batch(&[(1, 231)])).await.unwrap();
        let values: Vec<u32> = (0..24).map(|person| 50 + person).collect();
        let of: Vec<_> = (0..).zip(&values).map(|(person, value)| (person, 0, *value)).collect();
        self.post(&self.hospital, "hba1c@1", month, &of).await;
        let by: Vec<_> = (0..24).map(|person| (person, (person % 2) as u8, 20)).collect();
        (self.post(&self.gym, "mvpa-minutes@1", month, &by).await, values)
    }

    /// Has the month's ordinary people and the patient posted, and beside the patient ten people of the stranger's invention.
    pub(crate) async fn isolate(&self, month: &str) {
        let mut of: Vec<_> = (0..15).map(|person| (person, 0, 50 + person)).collect();
        of.push((PATIENT, 3, SECRET));
        self.post(&self.hospital, "hba1c@1", month, &of).await;
        let by: Vec<_> = (0..15).map(|person| (person, (person % 3) as u8, 20)).collect();
        self.post(&self.gym, "mvpa-minutes@1", month, &by).await;
        let (by, of) = invented();
        self.post(&self.stranger, "mvpa-minutes@1", month, &by).await;
        self.post(&self.stranger, "hba1c@1", month, &of).await;
    }

    pub(crate) async fn ask(&self, month: &str) -> CrossAnswered {
        let config = nacre_regulator::Config::read(&self.running.places.regulator).unwrap();
        nacre_regulator::cross_query(&config, &mean(month), &()).await.unwrap()
    }
}

/// The attacker's people, and a value of the patient that it invents, in a band where nobody else is; and its people's other
/// values.
pub(crate) fn invented() -> (Vec<Posted>, Vec<Posted>) {
    let fakes = 900..900 + MINIMUM_PEOPLE - 1;
    let mut by: Vec<_> = fakes.clone().map(|fake| (fake, 3, 100)).collect();
    by.push((PATIENT, 3, 100));
    (by, fakes.map(|fake| (fake, 0, INVENTED)).collect())
}

pub(crate) fn with_lane() -> nacre::consortium::Plan {
    let mut plan = plan(&[HOME, ABROAD], MINIMUM_PEOPLE, PERSON_SYSTEM);
    plan.cross = Some(CrossPlan::default());
    plan
}

fn measure(name: &str) -> &'static Measure {
    Catalogue::built_in().find(&name.parse().unwrap()).unwrap()
}

pub(crate) fn mean(month: &str) -> CrossQuestion {
    CrossQuestion {
        statistic: CrossStatistic::Mean,
        by: NamedMeasure::parse("mvpa-minutes").unwrap(),
        of: NamedMeasure::parse("hba1c").unwrap(),
        from: month.parse().unwrap(),
        to: month.parse().unwrap(),
        regions: Vec::new(),
        through: BTreeMap::new(),
        purpose: "does activity go with better values?".parse().unwrap(),
    }
}

/// By band: people and sum.
fn cells(answered: &CrossAnswered) -> BTreeMap<u8, (u64, u64)> {
    answered.release.cells.iter().map(|cell| (cell.by, (cell.people, cell.sum.unwrap()))).collect()
}

/// An answer with one share changed by a digit's step, signed by the custodian that gives it.
fn lie(bytes: &[u8], key: &SigningKey) -> Option<Vec<u8>> {
    let Ok(Verdict::Answered(mut signed)) = serde_json::from_slice::<Verdict<CrossAnswer>>(bytes) else { return None };
    let shares = &mut signed.statement.shares[0].shares;
    let mut changed = shares.as_bytes().to_vec();
    let share = u128::from_le_bytes(changed[..16].try_into().unwrap());
    changed[..16].copy_from_slice(&share.wrapping_sub(1 << 123).to_le_bytes());
    *shares = Blob::new(changed).unwrap();
    signed.signature = key.sign_detached(&signed.statement);
    Some(serde_json::to_vec(&Verdict::Answered(signed)).unwrap())
}

/// The second edition turns it: each cell's people without one provider, and without any two, are none or k at least.
#[tokio::test(flavor = "multi_thread")]
async fn ten_invented_people_still_tell_a_patients_exact_value_with_the_lane_on() {
    let _alone = one_at_a_time().await;
    let lane = Lane::start().await;
    lane.isolate("2025-03").await;
    lane.running.seal().await.unwrap();
    let (people, sum) = cells(&lane.ask("2025-03").await)[&3];
    let invented = u64::from(MINIMUM_PEOPLE - 1);
    assert_eq!((people, sum), (invented + 1, invented * u64::from(INVENTED) + u64::from(SECRET)));
}

/// The second edition turns it: a question has one result for ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_question_repeated_after_an_erasure_still_tells_the_erased_persons_value_with_the_lane_on() {
    const ERASED: usize = 5;
    let _alone = one_at_a_time().await;
    let lane = Lane::start().await;
    let (posted, values) = lane.honest_month("2025-02").await;
    lane.running.seal().await.unwrap();
    let before = cells(&lane.ask("2025-02").await);
    let contribution = &posted.contributions[ERASED];
    let erasure = Erasure {
        chain: lane.gym.config.chain.clone(),
        record: contribution.openings.header.record,
        entry: contribution.entry().leaf_hash(),
        provider: lane.gym.config.member.clone(),
    };
    let home = OfChain::new(&lane.gym.config.chain);
    let order = read_key(&lane.gym.config.signing_key).sign(erasure);
    lane.gym.client.call(POST_ERASURE, &home, &order).await.unwrap();
    let after = cells(&lane.ask("2025-02").await);
    // The erased record was the gym's; what the difference tells is what the hospital has of the same person.
    let (before, after) = (before[&1], after[&1]);
    assert_eq!((before.0 - after.0, before.1 - after.1), (1, u64::from(values[ERASED])));
}

/// The second edition turns it: every share carries its proof.
#[tokio::test(flavor = "multi_thread")]
async fn one_custodian_still_changes_a_result_unnoticed_with_the_lane_on() {
    let _alone = one_at_a_time().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (running, target) = Running::start_behind(&with_lane(), Some(("hongkong-1", &address))).await.unwrap();
    let config = nacre_custodian::Config::read(&running.places.custodians["hongkong-1"]).unwrap();
    let (key, lies) = (read_key(&config.signing_key), Arc::new(AtomicBool::new(false)));
    let on = Arc::clone(&lies);
    let proxy = Proxy::start(listener, target.unwrap(), move |path, bytes| {
        (path == "/v1/cross/answers" && on.load(Ordering::Relaxed)).then(|| lie(bytes, &key)).flatten()
    });
    let mut lane = Lane::on(running);
    lane.honest_month("2025-02").await;
    lane.running.seal().await.unwrap();
    let truth = cells(&lane.ask("2025-02").await);

    // The other holder of what it lies about is away, so nobody gives another share.
    lane.running.servers.stop("hongkong-3").await.unwrap();
    lies.store(true, Ordering::Relaxed);
    let answered = lane.ask("2025-02").await;
    assert!(proxy.twisted() > 0);
    cross::check_release(&answered.release, &lane.running.network().unwrap()).unwrap();
    assert_ne!(cells(&answered), truth);
}
