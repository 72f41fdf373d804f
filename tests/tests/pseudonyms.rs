//! Pseudonyms by identity number: two providers name one person alike, through custodians of whom none learns whom; a
//! custodian that lies is named and another asked; what a provider may ask is bounded, and all others may ask nothing.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    body::to_bytes,
    extract::{Request, State},
    response::Response,
};
use curve25519_dalek::scalar::Scalar;
use nacre_access::{
    client::{Client, ClientError},
    key::AccessKey,
};
use nacre_hosting::tls::ClientTls;
use nacre_ledger::signing::SigningKey;
use nacre_provider::{PostSummary, Reason};
use nacre_schemas::{
    Digest, Document as _, Point, Signed,
    contribution::{Openings, Restricted},
    limits,
    pseudonym::{Element, Evaluation, EvaluationRecord, EvaluationRequest},
};
use nacre_tests::{
    Running,
    attack::read_key,
    gateway::Scaled,
    plan,
    points::{IDENTITY, times_base},
    sender::problem,
};
use nacre_wire::{body::Encoded, custodian::POST_PSEUDONYMS};
use sqlx::{
    Row as _,
    sqlite::{SqliteConnectOptions, SqlitePool},
};
use tokio::net::TcpListener;

const REGION: &str = "440100";
const HOSPITAL: &str = "hospital-440100";
const GYM: &str = "gym-440100";
const PERSON_SYSTEM: &str = "urn:example:local";
const MAINLAND: &str = "urn:oid:2.16.156.10011.1.3";
const CARDS: &str = "urn:example:cards";

/// A person as a hospital and a gym write it down. Local ids have nothing in common.
struct Person {
    /// System and value of the FHIR identifier.
    hospital: (&'static str, String),
    /// As the register has it.
    gym: String,
}

/// A resident's number of the mainland, its check character found by the weights of GB 11643.
fn mainland(number: u32) -> String {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let body = format!("44010019{:02}0{}11{number:03}", 50 + number % 50, 1 + number % 9);
    let sum: u32 = body.bytes().zip(WEIGHTS).map(|(byte, weight)| u32::from(byte - b'0') * weight).sum();
    format!("{body}{}", ["1", "0", "X", "9", "8", "7", "6", "5", "4", "3", "2"][sum as usize % 11])
}

/// So many residents of the mainland, and one person of Hong Kong and Macao each.
fn people(count: u32) -> Vec<Person> {
    let resident = |number| Person { hospital: (MAINLAND, mainland(number)), gym: mainland(number).to_lowercase() };
    let card = |hospital: &str, gym: &str| Person { hospital: (CARDS, hospital.to_owned()), gym: gym.to_owned() };
    (0..count).map(resident).chain([card("A123456(3)", "ａ１２３４５６３"), card("1234567(8)", "12345678")]).collect()
}

fn lines(lines: impl Iterator<Item = serde_json::Value>) -> String {
    lines.map(|line| format!("{line}\n")).collect()
}

fn observation(person: usize, month: &str, code: &str, value: u32, unit: &str) -> serde_json::Value {
    serde_json::json!({
        "resourceType": "Observation", "id": format!("{code}-{person}-{month}"), "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "subject": {"reference": format!("Patient/{person}")}, "effectiveDateTime": format!("{month}-11"),
        "valueQuantity": {"value": value, "system": "http://unitsofmeasure.org", "code": unit},
    })
}

/// What the hospital has of these people and months: patients with their numbers, and their weights.
fn hospital_records(running: &Running, people: &[Person], months: &[&str]) -> PathBuf {
    let patients = people.iter().enumerate().map(|(position, person)| {
        let (system, value) = &person.hospital;
        let identifier = serde_json::json!([
            {"system": PERSON_SYSTEM, "value": format!("H-{position}")}, {"system": system, "value": value},
        ]);
        serde_json::json!({
            "resourceType": "Patient", "id": position.to_string(), "gender": "female", "birthDate": "1980-01-02",
            "identifier": identifier,
        })
    });
    let weights = (0..people.len())
        .flat_map(|person| months.iter().map(move |month| observation(person, month, "29463-7", 60, "kg")));
    write(running, "hospital.ndjson", &lines(patients.chain(weights)))
}

/// What the gym has: patients with ids of its own, their steps, and a register with their numbers.
fn gym_records(running: &Running, people: &[Person], months: &[&str]) -> PathBuf {
    let id = |position: usize| format!("member-{}", 1_000 - position);
    let register = people
        .iter()
        .enumerate()
        .map(|(position, person)| format!("{},female,1980-01-02,{}\n", id(position), person.gym));
    let register = format!("id,sex,birth-date,identity-number\n{}", register.collect::<String>());
    fs::write(running.provider(GYM).unwrap().people.unwrap(), register).unwrap();
    let patients = (0..people.len()).map(|position| {
        let identifier = serde_json::json!([{"system": PERSON_SYSTEM, "value": id(position)}]);
        serde_json::json!({"resourceType": "Patient", "id": position.to_string(), "identifier": identifier})
    });
    let steps = (0..people.len())
        .flat_map(|person| months.iter().map(move |month| observation(person, month, "41950-7", 5_000, "{steps}/d")));
    write(running, "gym.ndjson", &lines(patients.chain(steps)))
}

fn write(running: &Running, name: &str, content: &str) -> PathBuf {
    let path = running.folder().join(name);
    fs::write(&path, content).unwrap();
    path
}

/// A network in which both providers name people by identity number from January 2026 on.
async fn start(elsewhere: Option<(&str, &str)>) -> (Running, Option<String>) {
    let (running, target) = Running::start_behind(&plan(&[REGION], 11, PERSON_SYSTEM), elsewhere).await.unwrap();
    for member in [HOSPITAL, GYM] {
        let path = &running.places.providers[member];
        let text = fs::read_to_string(path).unwrap();
        // The configuration has it all in comments; the register goes to the gym alone.
        let (head, pseudonyms) = text.split_once("# [pseudonyms]").unwrap();
        let head = if member == GYM { head.replace("# people =", "people =") } else { head.to_owned() };
        let pseudonyms = pseudonyms.replace("\n# ", "\n").replace(MAINLAND, &format!("{MAINLAND}\", \"{CARDS}"));
        fs::write(path, format!("{head}[pseudonyms]{pseudonyms}")).unwrap();
    }
    (running, target)
}

async fn post(running: &Running, member: &str, path: PathBuf) -> PostSummary {
    let summary = running.post(member, &[path]).await.unwrap();
    assert_eq!((summary.queued, summary.unsettled.len(), summary.refused_at_exchange.len()), (0, 0, 0), "{summary:?}");
    summary
}

/// The pseudonyms that the exchange has stored, by provider and month, in the order of their bytes.
async fn stored(running: &Running) -> BTreeMap<(String, String), Vec<Digest>> {
    let data = nacre_exchange::Config::read(&running.places.exchanges[REGION]).unwrap().data;
    let options = SqliteConnectOptions::new().filename(data.join("exchange.sqlite")).read_only(true);
    let pool = SqlitePool::connect_with(options).await.unwrap();
    let rows = sqlx::query("SELECT openings, restricted FROM contribution").fetch_all(&pool).await.unwrap();
    pool.close().await;
    let mut stored: BTreeMap<(String, String), BTreeSet<Digest>> = BTreeMap::new();
    for row in rows {
        let (openings, restricted): (Vec<u8>, Vec<u8>) = (row.get(0), row.get(1));
        let header = Openings::from_canonical(&openings).unwrap().header;
        let place = (header.provider.to_string(), header.cell.period.to_string());
        let fresh = stored.entry(place).or_default().insert(Restricted::from_canonical(&restricted).unwrap().pseudonym);
        assert!(fresh, "a person has one record a month here");
    }
    stored.into_iter().map(|(place, pseudonyms)| (place, pseudonyms.into_iter().collect())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hospital_and_a_gym_name_the_same_people_alike_while_one_custodian_of_each_jurisdiction_is_away() {
    let (mut running, _) = start(None).await;
    for away in ["guangdong-1", "hongkong-2", "macao-3"] {
        running.servers.stop(away).await.unwrap();
    }
    let people = people(4);
    let months = ["2025-12", "2026-01", "2026-02"];
    let from_hospital = post(&running, HOSPITAL, hospital_records(&running, &people, &months)).await;
    let from_gym = post(&running, GYM, gym_records(&running, &people, &months)).await;
    for summary in [&from_hospital, &from_gym] {
        assert_eq!((summary.refused.len(), summary.unnamed, summary.posted), (0, 0, 3 * 6), "{summary:?}");
        let away: BTreeSet<&str> = summary.custodian_faults.iter().map(|fault| fault.custodian.as_str()).collect();
        assert_eq!(away, BTreeSet::from(["guangdong-1", "hongkong-2"]), "those who are asked first, and are not there");
        assert!(summary.custodian_faults.iter().all(|fault| !fault.false_part));
    }
    let stored = stored(&running).await;
    let of = |member: &str, month: &str| stored[&(member.to_owned(), month.to_owned())].clone();
    let shared = of(HOSPITAL, "2026-01");
    assert_eq!(shared.len(), people.len());
    for (member, month) in [(HOSPITAL, "2026-02"), (GYM, "2026-01"), (GYM, "2026-02")] {
        assert_eq!(of(member, month), shared, "{member} {month}");
    }
    // Before January each provider's are its own.
    let (hospital, gym) = (of(HOSPITAL, "2025-12"), of(GYM, "2025-12"));
    let all: BTreeSet<&Digest> = shared.iter().chain(&hospital).chain(&gym).collect();
    assert_eq!(all.len(), 3 * people.len());

    // Whoever was named needs nobody any more; who is new waits until there are enough again, and is then named.
    running.servers.stop("macao-1").await.unwrap();
    let more = self::people(5);
    let records = hospital_records(&running, &more, &["2026-03"]);
    let summary = post(&running, HOSPITAL, records.clone()).await;
    assert_eq!((summary.posted, summary.unnamed), (6, 1), "{summary:?}");
    assert!(summary.custodian_faults.iter().any(|fault| fault.custodian == "macao-1"));
    let address = running.addresses["macao-1"].clone();
    running.servers.restart(&running.places, "macao-1", &address).await.unwrap();
    let summary = post(&running, HOSPITAL, records).await;
    assert_eq!((summary.posted, summary.unnamed, summary.already_posted), (1, 0, 6), "{summary:?}");

    // No identity number is anywhere on a disk of the network, but in the gym's own register.
    let numbers: Vec<String> =
        more.iter().map(|person| person.hospital.1.clone()).chain(["A1234563".to_owned()]).collect();
    let network = running.folder().join("network");
    for (path, bytes) in nacre_tests::files_below(&network).unwrap() {
        let holds = |number: &String| bytes.windows(number.len()).any(|window| window == number.as_bytes());
        assert!(path.ends_with("people.csv") || !numbers.iter().any(holds), "{}", path.display());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gateway_names_people_as_files_do_and_says_whom_it_cannot_name() {
    let (running, _) = start(None).await;
    let people = people(2);
    post(&running, GYM, gym_records(&running, &people, &["2026-01"])).await;
    let mut config = running.provider(HOSPITAL).unwrap();
    (config.gateway.grace_days, config.gateway.quiet_hours) = (0, 0);
    let gateway = Scaled::start(&config, "2026-03-15T00:00:00Z").await.unwrap();
    let records = fs::read_to_string(hospital_records(&running, &people, &["2026-01"])).unwrap();
    for line in records.lines() {
        let resource: serde_json::Value = serde_json::from_str(line).unwrap();
        let path = format!("/{}/{}", resource["resourceType"].as_str().unwrap(), resource["id"].as_str().unwrap());
        let (status, answer) = gateway.send("PUT", &path, line.to_owned()).await.unwrap();
        assert_eq!(status, 201, "{answer}");
    }
    // Whose number's check character is wrong is refused, without the number.
    let mut wrong = mainland(7);
    wrong.replace_range(17..18, if wrong.ends_with('0') { "1" } else { "0" });
    let stranger = serde_json::json!({
        "resourceType": "Patient", "id": "9", "gender": "female", "birthDate": "1980-01-02",
        "identifier": [{"system": PERSON_SYSTEM, "value": "H-9"}, {"system": MAINLAND, "value": wrong}],
    });
    let mut answers = vec![gateway.send("PUT", "/Patient/9", stranger.to_string()).await.unwrap()];
    let weight = observation(9, "2026-01", "29463-7", 60, "kg").to_string();
    answers.push(gateway.send("POST", "/Observation", weight).await.unwrap());
    let said = format!("{answers:?}");
    assert!(answers.iter().any(|(status, _)| *status == 422) && !said.contains(&wrong), "{said}");
    let begin = std::time::Instant::now();
    while nacre_provider::status(&config).await.unwrap().posted < 4 {
        assert!(begin.elapsed() < Duration::from_secs(120), "{:?}", nacre_provider::status(&config).await.unwrap());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    gateway.kill().await;
    let stored = stored(&running).await;
    let of = |member: &str| &stored[&(member.to_owned(), "2026-01".to_owned())];
    assert_eq!(of(HOSPITAL), of(GYM));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_number_that_counts_is_refused_by_name_of_the_reason_and_posts_under_the_old_rule_before() {
    let (running, _) = start(None).await;
    let mut people = people(2);
    people[0].hospital.1.replace_range(17..18, if mainland(0).ends_with('0') { "1" } else { "0" });
    people[1].hospital.0 = "urn:example:other";
    let summary = post(&running, HOSPITAL, hospital_records(&running, &people, &["2025-12", "2026-01"])).await;
    assert_eq!(summary.posted, 4 + 2);
    let reasons: BTreeSet<Reason> = summary.refused.iter().map(|refused| refused.reason).collect();
    assert_eq!(reasons, BTreeSet::from([Reason::NoIdentityNumber, Reason::IdentityNumberCheck]));
    assert!(!serde_json::to_string(&summary).unwrap().contains(&people[0].hospital.1));
}

/// A custodian whose owner lies in its name, with its keys.
struct Liar {
    target: String,
    signing_key: SigningKey,
    /// Whether it signs its lie.
    signs: bool,
}

impl Liar {
    /// Passes a call on to the real custodian, and changes its part of the pseudonyms of two people.
    async fn relay(State(liar): State<Arc<Self>>, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        let mut call = reqwest::Client::new().request(parts.method, format!("http://{}{}", liar.target, parts.uri));
        for name in ["content-type", "authorization"] {
            if let Some(value) = parts.headers.get(name) {
                call = call.header(name, value);
            }
        }
        let answer = call.body(body).send().await.unwrap();
        let (status, mut bytes) = (answer.status(), answer.bytes().await.unwrap().to_vec());
        if let Ok(mut part) = serde_json::from_slice::<Signed<Evaluation>>(&bytes) {
            part.statement.elements.swap(0, 1);
            if liar.signs {
                part.signature = liar.signing_key.sign_detached(&part.statement);
            }
            bytes = serde_json::to_vec(&part).unwrap();
        }
        Response::builder().status(status).header("content-type", "application/json").body(bytes.into()).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_custodian_that_lies_is_named_and_another_is_asked() {
    for (signs, expected) in
        [(true, "the proof of the part of macao-1 does not hold"), (false, "its signature does not hold")]
    {
        let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = proxy.local_addr().unwrap().to_string();
        let (running, target) = start(Some(("macao-1", &address))).await;
        let config = nacre_custodian::Config::read(&running.places.custodians["macao-1"]).unwrap();
        let liar = Liar { target: target.unwrap(), signing_key: read_key(&config.signing_key), signs };
        let app = Router::new().fallback(Liar::relay).with_state(Arc::new(liar));
        tokio::spawn(async move { axum::serve(proxy, app).await });

        let people = people(2);
        let summary = post(&running, HOSPITAL, hospital_records(&running, &people, &["2026-01"])).await;
        assert_eq!((summary.posted, summary.unnamed), (4, 0));
        let [fault] = &summary.custodian_faults[..] else { panic!("{:?}", summary.custodian_faults) };
        assert!(fault.custodian == "macao-1" && fault.false_part && fault.detail.contains(expected), "{fault:?}");
        post(&running, GYM, gym_records(&running, &people, &["2026-01"])).await;
        let stored = stored(&running).await;
        let of = |member: &str| &stored[&(member.to_owned(), "2026-01".to_owned())];
        assert_eq!(of(HOSPITAL), of(GYM));
    }
}

/// A client of a custodian, as a member.
fn client(running: &Running, custodian: &str, member: &str, access_key: &Path) -> Client {
    let key = AccessKey::read(access_key).unwrap();
    let url = format!("http://{}", running.addresses[custodian]);
    Client::new(&url, member.parse().unwrap(), Arc::new(key), &ClientTls::default()).unwrap()
}

fn request(member: &str, count: usize) -> EvaluationRequest {
    let element = |number: usize| Element(times_base(&Scalar::from(number as u64 + 1)));
    EvaluationRequest { provider: member.parse().unwrap(), elements: (0..count).map(element).collect() }
}

async fn ask(client: &Client, request: &EvaluationRequest) -> Result<Signed<Evaluation>, ClientError> {
    client.call(POST_PSEUDONYMS, &(), request).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_has_so_many_people_named_a_day_and_the_custodians_log_says_so() {
    let (mut running, _) = start(None).await;
    running.servers.stop("macao-1").await.unwrap();
    let path = running.places.custodians["macao-1"].clone();
    let text = fs::read_to_string(&path).unwrap();
    let changed = text.replace("pseudonyms-per-day = 20000\n", "pseudonyms-per-day = 100\n");
    assert_ne!(changed, text);
    fs::write(&path, changed).unwrap();
    let address = running.addresses["macao-1"].clone();
    running.servers.restart(&running.places, "macao-1", &address).await.unwrap();

    let hospital = client(&running, "macao-1", HOSPITAL, &running.provider(HOSPITAL).unwrap().access_key);
    ask(&hospital, &request(HOSPITAL, 60)).await.unwrap();
    let error = ask(&hospital, &request(HOSPITAL, 60)).await.unwrap_err();
    // 20 people too many, each of whom takes 864 s to come free; a client is told an hour at most.
    assert_eq!(error.retry_after(), Some(Duration::from_secs(3_600)));
    let refused = problem::<Signed<Evaluation>>(Err(error));
    assert_eq!((refused.status, refused.word()), (429, "too-many-pseudonyms"));
    assert!(refused.retry_after_s.is_some_and(|seconds| (16_000..=17_281).contains(&seconds)), "{refused:?}");
    ask(&hospital, &request(HOSPITAL, 40)).await.unwrap();
    let refused = problem(ask(&hospital, &request(HOSPITAL, 101)).await);
    assert_eq!((refused.status, refused.retry_after_s), (429, None), "that many never come free at once");
    // Another provider's day is its own.
    let gym = client(&running, "macao-1", GYM, &running.provider(GYM).unwrap().access_key);
    ask(&gym, &request(GYM, 100)).await.unwrap();

    let bodies = nacre_custodian::Config::read(&path).unwrap().data.join("bodies");
    let mut logged: Vec<(String, u32, Digest)> = Vec::new();
    for entry in fs::read_dir(bodies).unwrap() {
        let record: EvaluationRecord = serde_json::from_slice(&fs::read(entry.unwrap().path()).unwrap()).unwrap();
        assert_eq!(record.custodian.to_string(), "macao-1");
        logged.push((record.provider.to_string(), record.people, record.request));
    }
    logged.sort_by_key(|(provider, people, _)| (provider.clone(), *people));
    let expected = [(GYM, 100), (HOSPITAL, 40), (HOSPITAL, 60)];
    let expected = expected.map(|(member, count)| (member.to_owned(), count as u32, request(member, count).digest()));
    assert_eq!(logged, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_providers_are_helped_each_in_its_own_name_to_people_that_are_proper_points() {
    let (running, _) = start(None).await;
    let hospital = client(&running, "macao-1", HOSPITAL, &running.provider(HOSPITAL).unwrap().access_key);
    let refused = problem(ask(&hospital, &request(GYM, 1)).await);
    assert_eq!((refused.status, refused.word()), (403, "not-the-requester"));
    let regulator = nacre_regulator::Config::read(&running.places.regulator).unwrap();
    let regulator = client(&running, "macao-1", regulator.member.as_str(), &regulator.access_key);
    let error = ask(&regulator, &request("health-commission", 1)).await.unwrap_err();
    assert!(matches!(&error, ClientError::Token { error: nacre_wire::token::TokenError::InvalidScope, .. }), "{error}");

    for bad in [IDENTITY, Point([0xff; 32]), Point([1; 32])] {
        let mut malformed = request(HOSPITAL, 3);
        malformed.elements[2] = Element(bad);
        let refused = problem(ask(&hospital, &malformed).await);
        assert_eq!((refused.status, refused.word(), refused.entry), (422, "bad-request", Some(2)), "{bad:?}");
    }
    for count in [0, limits::MAX_BLINDED + 1] {
        let refused = problem(ask(&hospital, &request(HOSPITAL, count)).await);
        assert_eq!((refused.status, refused.word()), (422, "bad-request"), "{count}");
    }
    for body in [&b"{}"[..], b"{\"provider\": \"hospital-440100\", \"elements\": [\"00\"]}", b"x"] {
        let sent = Encoded::from_bytes(body.to_vec());
        assert_eq!(problem(hospital.call_encoded(POST_PSEUDONYMS, &(), &sent).await).word(), "malformed");
    }
    ask(&hospital, &request(HOSPITAL, limits::MAX_BLINDED)).await.unwrap();
}
