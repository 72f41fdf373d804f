//! Grants: a posted record opens for whom it was granted to, within its time, and for nobody else; whatever is changed of
//! what is handed over is refused; a FHIR Consent comes to the grants that it permits.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::{
    collections::BTreeSet,
    fs,
    time::{Duration, SystemTime},
};

use nacre_access::client::{Client, ClientError};
use nacre_ledger::signing::SigningKey;
use nacre_provider::{
    Config, Fetched, Given, GrantError, GrantTerms, ListedGrant, Permission, fetch, grant, grant_by_consent, grants,
    revoke,
};
use nacre_schemas::{
    Blob, Digest, Document as _, Signed,
    canonical::fields,
    grant::{Access, Delivery, GrantState, NewGrant, Purpose},
};
use nacre_tests::{Running, attack::read_key, plan};
use nacre_verifier::{Check, grant::check_delivery};
use nacre_wire::exchange::{OfChain, POST_ACCESS, POST_GRANT};
use serde_json::{Value, json};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool};

const SYSTEM: &str = "urn:test:patient";
const OWNER: &str = "hospital-820000";
const GRANTEE: &str = "hospital-810000";
const OTHER: &str = "gym-820000";

async fn network() -> Running {
    Running::start(&plan(&["820000", "810000"], 1, SYSTEM)).await.unwrap()
}

fn patient(id: &str) -> Value {
    json!({"resource": {"resourceType": "Patient", "id": id, "gender": "female", "birthDate": "1980-05-05",
        "identifier": [{"system": SYSTEM, "value": format!("person-{id}")}]}})
}

fn observation(id: &str, patient: &str, day: &str, code: &str, value: f64, unit: &str) -> Value {
    json!({"resource": {"resourceType": "Observation", "id": id, "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "subject": {"reference": format!("Patient/{patient}")}, "effectiveDateTime": day,
        "valueQuantity": {"value": value, "system": "http://unitsofmeasure.org", "code": unit}}})
}

/// Posts two people's records: of one a weight in two months and a haemoglobin, of the other a weight.
async fn post(running: &Running) {
    let bundle = json!({"resourceType": "Bundle", "type": "collection", "entry": [
        patient("a"), patient("b"),
        observation("1", "a", "2026-01-10", "29463-7", 61.5, "kg"),
        observation("2", "a", "2026-02-10", "29463-7", 62.5, "kg"),
        observation("3", "a", "2026-01-12", "4548-4", 5.6, "%"),
        observation("4", "b", "2026-01-10", "29463-7", 80.5, "kg"),
    ]});
    let path = running.folder().join("bundle.json");
    fs::write(&path, bundle.to_string()).unwrap();
    let summary = running.post(OWNER, &[path]).await.unwrap();
    assert_eq!((summary.posted, summary.refused.len()), (4, 0));
}

fn now() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs()
}

fn terms(grantee: &str, until: u64) -> GrantTerms {
    GrantTerms { grantee: grantee.parse().unwrap(), purpose: Purpose::Treatment, until }
}

fn owner(running: &Running) -> Config {
    running.provider(OWNER).unwrap()
}

async fn give(running: &Running, record: Digest, until: u64) -> Given {
    grant(&owner(running), &[record], &terms(GRANTEE, until)).await.unwrap().remove(0)
}

async fn records(running: &Running) -> Vec<Digest> {
    nacre_provider::receipts(&owner(running)).await.unwrap().iter().map(|receipt| receipt.record).collect()
}

async fn read_as(running: &Running, member: &str, grants: &[Digest]) -> Result<Vec<Fetched>, GrantError> {
    let fetched = fetch(&running.provider(member).unwrap(), grants).await?;
    assert_eq!(fetched.unreachable, []);
    Ok(fetched.records)
}

/// The word of the problem that an exchange refused with.
fn word<T>(result: Result<T, GrantError>) -> String {
    match result {
        Err(GrantError::Exchange { source, .. }) => source.problem().unwrap().word().to_owned(),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was not refused"),
    }
}

async fn listed(running: &Running, member: &str, grant: Digest) -> ListedGrant {
    let listed = grants(&running.provider(member).unwrap()).await.unwrap();
    listed.grants.into_iter().find(|one| one.grant == grant).unwrap()
}

/// An access, signed by that member.
fn access(running: &Running, member: &str, grant: &Given, nonce: u8) -> Signed<Access> {
    let config = running.provider(member).unwrap();
    let access = Access {
        chain: grant.terms.chain.clone(),
        grant: grant.grant,
        grantee: config.member,
        at: now(),
        nonce: Digest([nonce; 32]),
    };
    read_key(&config.signing_key).sign(access)
}

/// A client of the owner's exchange in the name of that member.
fn client(running: &Running, member: &str) -> Client {
    nacre_tests::attack::client_of(running, member, "820000")
}

async fn ask(running: &Running, member: &str, access: &Signed<Access>) -> Result<Delivery, ClientError> {
    client(running, member).call(POST_ACCESS, &OfChain::new(&access.statement.chain), access).await
}

async fn database(running: &Running, read_only: bool) -> SqlitePool {
    let data = nacre_exchange::Config::read(&running.places.exchanges["820000"]).unwrap().data;
    SqlitePool::connect_with(SqliteConnectOptions::new().filename(data.join("exchange.sqlite")).read_only(read_only))
        .await
        .unwrap()
}

/// Bytes of the key that the exchange holds for a grant.
async fn key_bytes(running: &Running, grant: Digest) -> i64 {
    let pool = database(running, true).await;
    let length = sqlx::query_scalar("SELECT length(key) FROM granted WHERE digest = $1")
        .bind(grant.0.to_vec())
        .fetch_one(&pool)
        .await
        .unwrap();
    pool.close().await;
    length
}

#[tokio::test(flavor = "multi_thread")]
async fn a_granted_record_opens_for_the_grantee_alone_and_within_its_time_alone() {
    let mut running = network().await;
    post(&running).await;
    let records = records(&running).await;
    let given = give(&running, records[0], now() + 3_600).await;
    assert_eq!(give(&running, records[0], given.terms.until).await, given, "on the same terms there is one grant");

    let opened = read_as(&running, GRANTEE, &[]).await.unwrap();
    assert_eq!(opened.len(), 1);
    let values = ["61.5 kg", "62.5 kg", "80.5 kg", "5.6 %"];
    let shown = format!("{} {}", opened[0].record.value, opened[0].record.unit);
    assert!(values.contains(&shown.as_str()), "{shown}");
    assert_eq!((opened[0].terms.record, &opened[0].record.measure), (records[0], &opened[0].cell.measure));

    // Nobody else: not by listing, nor by asking for it, in the name of either.
    assert!(read_as(&running, OTHER, &[]).await.unwrap().is_empty());
    assert!(matches!(read_as(&running, OTHER, &[given.grant]).await, Err(GrantError::UnknownGrant(_))));
    let problem = |result: Result<Delivery, ClientError>| result.unwrap_err().problem().unwrap().word().to_owned();
    let by_other = access(&running, OTHER, &given, 1);
    assert_eq!(problem(ask(&running, OTHER, &by_other).await), "unknown-grant");
    let by_grantee = access(&running, GRANTEE, &given, 2);
    assert_eq!(problem(ask(&running, OTHER, &by_grantee).await), "check-failed");
    let mut unsigned = by_grantee.clone();
    unsigned.statement.nonce = Digest([3; 32]);
    assert_eq!(problem(ask(&running, GRANTEE, &unsigned).await), "check-failed");
    let mut late = access(&running, GRANTEE, &given, 4);
    late.statement.at -= 3_600;
    let key = read_key(&running.provider(GRANTEE).unwrap().signing_key);
    late.signature = key.sign_detached(&late.statement);
    assert_eq!(problem(ask(&running, GRANTEE, &late).await), "clock-off");

    // The same access again is the same entry; another is another.
    let (once, again) =
        (ask(&running, GRANTEE, &by_grantee).await.unwrap(), ask(&running, GRANTEE, &by_grantee).await.unwrap());
    assert_eq!(once.access_inclusion.leaf, again.access_inclusion.leaf);
    for member in [OWNER, GRANTEE] {
        let listed = listed(&running, member, given.grant).await;
        assert_eq!((listed.state, listed.accesses, listed.is_given), (GrantState::InForce, 2, member == OWNER));
    }

    // What was handed over to the grantee opens with no other key, and not after its time.
    let network = running.network().unwrap();
    let context = given.terms.digest();
    for (member, opens) in [(GRANTEE, true), (OTHER, false), (OWNER, false)] {
        let key = read_key(&running.provider(member).unwrap().signing_key);
        assert_eq!(key.open(&context, once.key.as_bytes()).is_some(), opens, "{member}");
        assert!(key.open(&Digest([9; 32]), once.key.as_bytes()).is_none(), "{member}, in another context");
    }
    check_delivery(&once, &by_grantee, &network, given.terms.until - 1).unwrap();
    let failure = check_delivery(&once, &by_grantee, &network, given.terms.until).unwrap_err();
    assert_eq!(failure.check, Check::Grant);

    let short = give(&running, records[1], now() + 3).await;
    assert_eq!(read_as(&running, GRANTEE, &[short.grant]).await.unwrap().len(), 1);
    while now() < short.terms.until {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(word(read_as(&running, GRANTEE, &[short.grant]).await), "grant-ended");
    assert_eq!(listed(&running, GRANTEE, short.grant).await.state, GrantState::Expired);
    for until in [now() - 1, now() + 12 * 366 * 86_400] {
        assert_eq!(word(grant(&owner(&running), &records[2..3], &terms(GRANTEE, until)).await), "grant-time");
    }

    // A revoked grant's key is destroyed; so are those of a record that is erased, which takes no other's of its batch along.
    assert_eq!(key_bytes(&running, given.grant).await, 145);
    revoke(&owner(&running), &[given.grant]).await.unwrap();
    revoke(&owner(&running), &[given.grant]).await.unwrap();
    assert_eq!(key_bytes(&running, given.grant).await, 0);
    assert_eq!(word(read_as(&running, GRANTEE, &[given.grant]).await), "grant-ended");
    assert_eq!(listed(&running, OWNER, given.grant).await.state, GrantState::Revoked);
    assert_eq!(word(revoke(&running.provider(OTHER).unwrap(), &[given.grant]).await), "unknown-grant");
    let anew = give(&running, records[0], given.terms.until).await;
    assert_ne!(anew.grant, given.grant);
    nacre_provider::erase(&owner(&running), records[0]).await.unwrap();
    assert_eq!(key_bytes(&running, anew.grant).await, 0);
    assert_eq!(word(read_as(&running, GRANTEE, &[anew.grant]).await), "grant-ended");
    let refused = grant(&owner(&running), &records[..1], &terms(GRANTEE, now() + 60)).await;
    assert!(matches!(refused, Err(GrantError::Erased(_))));
    let beside = give(&running, records[2], now() + 3_600).await;
    assert_eq!(read_as(&running, GRANTEE, &[beside.grant]).await.unwrap().len(), 1);

    // Whom nothing can be granted.
    for (grantee, expected) in [("nobody", "unknown-member"), (OWNER, "check-failed")] {
        assert_eq!(word(grant(&owner(&running), &records[2..3], &terms(grantee, now() + 60)).await), expected);
    }
    for member in ["custodian-macao-1", "health-commission"] {
        let refused = grant(&owner(&running), &records[2..3], &terms(member, now() + 60)).await;
        assert!(matches!(refused, Err(GrantError::Grantee { .. })), "{member}");
    }
    // Another's record cannot be granted.
    let stolen = grant(&running.provider(OTHER).unwrap(), &records[2..3], &terms(GRANTEE, now() + 60)).await;
    assert!(matches!(stolen, Err(GrantError::Unknown(_))));

    // An exchange that is away hides nothing of the others.
    running.servers.stop("810000").await.unwrap();
    let config = running.provider(GRANTEE).unwrap();
    let (known, read) = (grants(&config).await.unwrap(), fetch(&config, &[]).await.unwrap());
    for unreachable in [known.unreachable, read.unreachable] {
        assert_eq!(unreachable.iter().map(|one| one.chain.as_str()).collect::<Vec<_>>(), ["region/810000"]);
    }
    assert_eq!((known.grants.len(), read.records.len()), (4, 1));
    assert_eq!(fetch(&config, &[beside.grant]).await.unwrap().unreachable, []);
    let address = running.addresses["810000"].clone();
    running.servers.restart(&running.places, "810000", &address).await.unwrap();

    // The full witness has checked all of it, or nothing here would have been final; and so goes on.
    running.seal().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_changed_of_what_is_handed_over_is_refused() {
    let running = network().await;
    post(&running).await;
    let records = records(&running).await;
    let (given, beside) =
        (give(&running, records[0], now() + 3_600).await, give(&running, records[1], now() + 3_600).await);
    let asked = access(&running, GRANTEE, &given, 1);
    let honest = ask(&running, GRANTEE, &asked).await.unwrap();
    let other = ask(&running, GRANTEE, &access(&running, GRANTEE, &beside, 2)).await.unwrap();
    let network = running.network().unwrap();
    let check = |delivery: &Delivery| check_delivery(delivery, &asked, &network, now()).map(drop);
    check(&honest).unwrap();

    let (bytes, fields) = fields(&honest);
    let (mut undecodable, mut refused) = (0, BTreeSet::new());
    for field in &fields {
        for place in [field.bytes.start, field.bytes.end - 1] {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            match Delivery::from_canonical(&changed) {
                Err(_) => undecodable += 1,
                Ok(changed) => drop(refused.insert(check(&changed).expect_err(&field.path).check.word())),
            }
        }
    }
    println!("{} fields; {undecodable} changes do not decode, the others are refused by {refused:?}", fields.len());
    assert!(
        refused.is_superset(&BTreeSet::from(["grant", "evidence", "batch", "checkpoint", "admission"])),
        "{refused:?}"
    );

    // Parts of another delivery, each of which is good where it belongs.
    type Swap = fn(&mut Delivery, &Delivery);
    let swaps: [(&str, Swap); 6] = [
        ("payload", |one, other| one.restricted = other.restricted.clone()),
        ("payload alone", |one, other| one.restricted.payload = other.restricted.payload.clone()),
        ("key", |one, other| one.key = other.key.clone()),
        ("record", |one, other| one.evidence = other.evidence.clone()),
        ("grant", |one, other| one.grant = other.grant.clone()),
        ("access", |one, other| one.access_inclusion = other.access_inclusion.clone()),
    ];
    for (what, swap) in swaps {
        let mut swapped = honest.clone();
        swap(&mut swapped, &other);
        assert_eq!(check(&swapped).expect_err(what).check, Check::Grant, "{what}");
    }
    assert_eq!(check(&other).unwrap_err().check, Check::Grant, "another grant than was asked by");

    // An exchange that swaps the payload in its tables is found out by the grantee.
    let pool = database(&running, false).await;
    let restricted: Vec<u8> = sqlx::query_scalar("SELECT restricted FROM contribution WHERE record = $1")
        .bind(records[1].0.to_vec())
        .fetch_one(&pool)
        .await
        .unwrap();
    sqlx::query("UPDATE contribution SET restricted = $2 WHERE record = $1")
        .bind(records[0].0.to_vec())
        .bind(restricted)
        .execute(&pool)
        .await
        .unwrap();
    pool.close().await;
    let fetched = read_as(&running, GRANTEE, &[given.grant]).await;
    assert!(matches!(fetched, Err(GrantError::Check(_))), "{:?}", fetched.err().map(|error| error.to_string()));

    // What is sent to be logged: another key than the grant's, another's signature, another's record.
    let home = OfChain::new(&given.terms.chain);
    let new = NewGrant { signed: honest.grant.clone(), key: honest.key.clone() };
    let post = async |member: &str, new: &NewGrant| {
        let sent = client(&running, member).call(POST_GRANT, &home, new).await;
        sent.map_err(|error| error.problem().unwrap().word().to_owned())
    };
    assert!(post(OWNER, &new).await.is_ok(), "what was logged is logged");
    let key = Blob::new(vec![7; 145]).unwrap();
    assert_eq!(post(OWNER, &NewGrant { key, ..new.clone() }).await.unwrap_err(), "other-key");
    assert_eq!(post(OTHER, &new).await.unwrap_err(), "check-failed");
    let signer = |member: &str| -> SigningKey { read_key(&running.provider(member).unwrap().signing_key) };
    let mut stolen = new.clone();
    stolen.signed.statement.terms.provider = OTHER.parse().unwrap();
    stolen.signed.signature = signer(OTHER).sign_detached(&stolen.signed.statement);
    assert_eq!(post(OTHER, &stolen).await.unwrap_err(), "unknown-record");
}

fn consent(status: &str, provision: &Value) -> Value {
    json!({"resourceType": "Consent", "id": "c1", "status": status,
        "patient": {"identifier": {"system": SYSTEM, "value": "person-a"}}, "provision": provision})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_comes_to_the_grants_that_it_permits() {
    let running = network().await;
    post(&running).await;
    let follow = async |consent: &Value| {
        grant_by_consent(&owner(&running), &consent.to_string(), &Permission::default()).await.unwrap()
    };
    let permit = |more: Value| {
        let mut provision = json!({"type": "permit", "period": {"end": "2030-12-31"},
            "actor": [{"role": {"coding": [{"code": "IRCP"}]},
                "reference": {"identifier": {"system": "urn:nacre:member", "value": GRANTEE}}}],
            "purpose": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "TREAT"}]});
        let provision_members = provision.as_object_mut().unwrap();
        provision_members.extend(more.as_object().unwrap().clone());
        consent("active", &provision)
    };
    let all = follow(&permit(json!({}))).await;
    assert_eq!((all.given.len(), all.revoked.len()), (3, 0));
    assert_eq!(follow(&permit(json!({}))).await, all, "followed again it comes to the same");
    let values: BTreeSet<String> = read_as(&running, GRANTEE, &[]).await.unwrap().iter().map(value).collect();
    assert_eq!(values, BTreeSet::from(["61.5 kg".to_owned(), "62.5 kg".to_owned(), "5.6 %".to_owned()]));

    // Narrowed, it revokes what is no longer permitted.
    let weights = json!({"code": [{"coding": [{"system": "http://loinc.org", "code": "29463-7"}]}]});
    let narrowed = follow(&permit(weights.clone())).await;
    assert_eq!((narrowed.given.len(), narrowed.revoked.len()), (2, 1));
    let january = json!({"dataPeriod": {"start": "2026-01-01", "end": "2026-02-27"}});
    let months = follow(&permit(january)).await;
    assert_eq!((months.given.len(), months.revoked.len()), (2, 1), "of February not all days are permitted");
    let values: BTreeSet<String> = read_as(&running, GRANTEE, &[]).await.unwrap().iter().map(value).collect();
    assert_eq!(values, BTreeSet::from(["61.5 kg".to_owned(), "5.6 %".to_owned()]));

    // The guide's example.
    let guide = include_str!("../../docs/grants.md");
    let example = guide.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let mut example: Value = serde_json::from_str(example).unwrap();
    example["patient"]["identifier"] = json!({"system": SYSTEM, "value": "person-b"});
    assert_eq!(follow(&example).await.given.len(), 1);
    example["status"] = "inactive".into();
    assert_eq!(follow(&example).await.revoked.len(), 1);

    let ended = follow(&consent("inactive", &json!({}))).await;
    assert_eq!((ended.given.len(), ended.revoked.len()), (0, 2));
    assert!(read_as(&running, GRANTEE, &[]).await.unwrap().is_empty());
    // In a Bundle the patient may be a resource of it.
    let mut referring = permit(weights);
    referring["patient"] = json!({"reference": "Patient/b"});
    referring["id"] = "c2".into();
    let bundle =
        json!({"resourceType": "Bundle", "type": "collection", "entry": [patient("b"), {"resource": referring}]});
    assert_eq!(follow(&bundle).await.given.len(), 1);
    let denied = json!({"resourceType": "Consent", "id": "c2", "status": "active", "provision": {"type": "deny"},
        "patient": {"identifier": {"system": SYSTEM, "value": "person-b"}}});
    assert_eq!(follow(&denied).await.revoked.len(), 1);
}

fn value(fetched: &Fetched) -> String {
    format!("{} {}", fetched.record.value, fetched.record.unit)
}
