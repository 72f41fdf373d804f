//! The gateway over HTTP, before an exchange that verifies everything and fails when told to.

use nacre_hosting::{server::Listeners, tls::ServerTlsConfig};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

use super::{
    exchange::{Fault, Site},
    log, *,
};
use crate::{Clock, ServeError, post_at, serve_by, status};

const NOW: &str = "2026-03-15T00:00:00Z";
/// How much faster than ours the gateway's time goes.
const FACTOR: u32 = 500;

/// A gateway that runs.
pub(super) struct Gateway {
    pub(super) url: String,
    metrics: String,
    pub(super) client: reqwest::Client,
    stop: Option<oneshot::Sender<()>>,
    served: JoinHandle<Result<(), ServeError>>,
}

impl Gateway {
    pub(super) async fn start(config: &Config) -> Self {
        Self::start_at(config, NOW).await
    }

    pub(super) async fn start_at(config: &Config, now: &str) -> Self {
        Self::start_by(config, Clock::scaled(now.parse().unwrap(), FACTOR)).await
    }

    pub(super) async fn start_by(config: &Config, clock: Clock) -> Self {
        // Fails only if there is one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listeners = Listeners::bind_loopback().await.unwrap();
        let url = format!("http://{}", listeners.address().unwrap());
        let metrics = format!("http://{}/metrics", listeners.metrics_address().unwrap().unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        let served =
            tokio::spawn(serve_by(config.clone(), listeners, Box::pin(async move { drop(stopped.await) }), clock));
        let gateway = Self { url, metrics, client: reqwest::Client::new(), stop: Some(stop), served };
        while gateway.client.get(format!("{}/healthz", gateway.url)).send().await.is_err() {
            assert!(!gateway.served.is_finished(), "{:?}", gateway.served.await);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        gateway
    }

    pub(super) async fn metrics(&self) -> String {
        self.client.get(&self.metrics).send().await.unwrap().text().await.unwrap()
    }

    pub(super) async fn stop(mut self) {
        drop(self.stop.take());
        self.served.await.unwrap().unwrap();
    }

    pub(super) async fn send(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let request = self.client.request(method, format!("{}{path}", self.url)).body(body.to_owned());
        let answer = request.header("content-type", "application/fhir+json").send().await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or(Value::Null))
    }

    pub(super) async fn get(&self, path: &str) -> (u16, Value) {
        self.send("GET", path, "").await
    }

    /// Where an observation stands.
    pub(super) async fn state(&self, id: &str) -> String {
        let (status, found) = self.get(&format!("/Observation/{id}")).await;
        assert_eq!(status, 200, "{found}");
        assert_eq!(found["dataAbsentReason"]["coding"][0]["code"], "masked");
        assert!(found.get("valueQuantity").is_none() && found.get("effectiveDateTime").is_none(), "{found}");
        found["meta"]["tag"][0]["code"].as_str().unwrap().to_owned()
    }

    pub(super) async fn until(&self, id: &str, wanted: &str) {
        let begin = Instant::now();
        loop {
            let state = self.state(id).await;
            if state == wanted {
                return;
            }
            assert!(begin.elapsed() < Duration::from_secs(60), "{id} is {state} and not {wanted}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Months close as soon as they have ended.
pub(super) async fn eager() -> Site {
    let mut site = Site::new().await;
    (site.config.gateway.grace_days, site.config.gateway.quiet_hours) = (0, 0);
    site
}

pub(super) fn entry(method: &str, url: &str, resource: &str) -> String {
    format!(
        r#"{{"fullUrl":"urn:uuid:{url}-{}","resource":{resource},"request":{{"method":"{method}","url":"{url}"}}}}"#,
        resource.len()
    )
}

pub(super) fn bundle_of(kind: &str, entries: &[String]) -> String {
    format!(r#"{{"resourceType":"Bundle","type":"{kind}","entry":[{}]}}"#, entries.join(","))
}

/// Patient `p` and these observations, put.
pub(super) fn put(kind: &str, observations: &[(&str, String)]) -> String {
    let mut entries = vec![entry("PUT", "Patient/p", &patient())];
    entries.extend(observations.iter().map(|(id, text)| entry("PUT", &format!("Observation/{id}"), text)));
    bundle_of(kind, &entries)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_posted_over_fhir_is_one_record_and_the_same_as_from_a_file() {
    let site = eager().await;
    let gateway = Gateway::start(&site.config).await;
    let body = put("transaction", &[("o1", weight("o1", "2026-01-05", "22.0"))]);
    let (status, answer) = gateway.send("POST", "/", &body).await;
    assert_eq!((status, &answer["type"]), (200, &json!("transaction-response")), "{answer}");
    assert_eq!(answer["entry"][1]["response"]["status"], "201");
    assert_eq!(answer["entry"][1]["response"]["location"], "Observation/o1/_history/1");
    gateway.until("o1", "posted").await;
    let (_, again) = gateway.send("POST", "/", &body).await;
    assert_eq!(again["entry"][1]["response"]["status"], "200", "{again}");
    // The month is sealed: nothing is added to it.
    let (status, late) = gateway.send("PUT", "/Observation/o2", &weight("o2", "2026-01-06", "30.0")).await;
    assert_eq!((status, &late["issue"][0]["details"]["coding"][0]["code"]), (422, &json!("late")));
    gateway.stop().await;
    let files = Files::new().with("a.json", bundle(&[patient(), weight("o1", "2026-01-05", "22.0")]));
    let summary = post_at(&site.config, &files.paths(), NOW.parse().unwrap(), &()).await.unwrap();
    assert_eq!((summary.already_posted, summary.new, site.size()), (1, 0, 1));
    let found = status_of(&site).await;
    assert_eq!((found.posted, found.queued, found.waiting_months), (1, 0, 0));
}

async fn status_of(site: &Site) -> crate::Status {
    status(&site.config).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_senders_of_the_same_make_one_record_each() {
    let site = eager().await;
    let gateway = Arc::new(Gateway::start(&site.config).await);
    let observations = ["2026-01-05", "2026-02-05"].map(|day| {
        let id = r#""identifier":[{"system":"urn:lab","value":"DAY"}],"code""#.replace("DAY", day);
        weight("x", day, "22.0").replacen("\"code\"", &id, 1).replace("Patient/p", "urn:uuid:p")
    });
    let of_patient =
        format!(r#"{{"fullUrl":"urn:uuid:p","resource":{},"request":{{"method":"POST","url":"Patient"}}}}"#, patient());
    let mut entries = vec![of_patient];
    entries.extend(observations.iter().map(|text| entry("POST", "Observation", text)));
    let body = bundle_of("transaction", &entries);
    let senders = (0..16).map(|_| {
        let (gateway, body) = (Arc::clone(&gateway), body.clone());
        tokio::spawn(async move {
            let mut places = Vec::new();
            for _ in 0..4 {
                let (status, answer) = gateway.send("POST", "/", &body).await;
                if status == 503 {
                    continue;
                }
                assert_eq!(status, 200, "{answer}");
                places.push(answer["entry"][1]["response"]["location"].as_str().unwrap().to_owned());
            }
            places
        })
    });
    let mut places = std::collections::BTreeSet::new();
    for sender in senders.collect::<Vec<_>>() {
        places.extend(sender.await.unwrap());
    }
    assert_eq!(places.len(), 1, "one observation, whoever asked: {places:?}");
    let id = places.first().unwrap().split('/').nth(1).unwrap().to_owned();
    gateway.until(&id, "posted").await;
    let (_, found) = gateway.get("/Observation?identifier=urn:lab%7C2026-02-05").await;
    assert_eq!(found["total"], 1, "{found}");
    gateway.until(found["entry"][0]["resource"]["id"].as_str().unwrap(), "posted").await;
    assert_eq!(site.size(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_is_taken_whole_and_a_batch_entry_by_entry() {
    let site = eager().await;
    let gateway = Gateway::start_at(&site.config, "2026-01-10T00:00:00Z").await;
    let other = r#"{"resourceType":"Encounter","id":"e"}"#.to_owned();
    let entries = [
        ("o1", weight("o1", "2026-01-05", "22.0")),
        ("o2", weight("o2", "2026-01-05", "22.0").replace(r#""code":"kg""#, r#""code":"stone""#)),
    ];
    let (status, answer) = gateway.send("POST", "/", &put("transaction", &entries)).await;
    assert_eq!(status, 422, "{answer}");
    let issue = &answer["issue"][0];
    assert_eq!(issue["expression"], json!(["Bundle.entry[2].resource.value.code"]));
    assert_eq!(issue["extension"][0]["valueCode"], "no");
    assert!(issue["diagnostics"].as_str().unwrap().contains("kg"), "{issue}");
    assert_eq!(gateway.get("/Observation/o1").await.0, 404, "nothing of a refused transaction is kept");
    assert_eq!(gateway.get("/Patient/p").await.0, 404);
    let mut body = put("batch", &entries);
    body.truncate(body.len() - 2);
    body.push_str(&format!(",{}]}}", entry("POST", "Encounter", &other)));
    let (status, answer) = gateway.send("POST", "/", &body).await;
    assert_eq!(status, 200);
    let statuses: Vec<&str> =
        answer["entry"].as_array().unwrap().iter().map(|one| one["response"]["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["201", "201", "422", "204"], "{answer}");
    assert_eq!(gateway.state("o1").await, "queued");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn until_its_month_closes_an_observation_is_corrected_and_withdrawn() {
    let mut site = eager().await;
    site.config.gateway.quiet_hours = 1;
    let gateway = Gateway::start(&site.config).await;
    let two = [("o1", weight("o1", "2026-01-05", "22.0")), ("o2", weight("o2", "2026-01-09", "99.0"))];
    assert_eq!(gateway.send("POST", "/", &put("transaction", &two)).await.0, 200);
    let (status, _) = gateway.send("PUT", "/Observation/o1", &weight("o1", "2026-01-05", "24.0")).await;
    assert_eq!(status, 200);
    let wrong = two[1].1.replace("\"final\"", "\"entered-in-error\"");
    assert_eq!(gateway.send("PUT", "/Observation/o2", &wrong).await.0, 200);
    assert_eq!(gateway.state("o2").await, "withdrawn");
    gateway.until("o1", "posted").await;
    gateway.stop().await;
    let files = Files::new().with("a.json", bundle(&[patient(), weight("o1", "2026-01-05", "24.0")]));
    let summary = post_at(&site.config, &files.paths(), NOW.parse().unwrap(), &()).await.unwrap();
    assert_eq!((summary.already_posted, site.size()), (1, 1), "the corrected value alone was posted");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_observation_of_nobody_known_is_to_be_sent_again_after_its_patient() {
    let site = eager().await;
    let gateway = Gateway::start(&site.config).await;
    let (status, answer) = gateway.send("POST", "/Observation", &weight("o1", "2026-01-05", "22.0")).await;
    assert_eq!((status, &answer["issue"][0]["extension"][0]["valueCode"]), (422, &json!("after-referenced")));
    assert_eq!(gateway.send("PUT", "/Patient/p", &patient()).await.0, 201);
    let (status, answer) = gateway.send("POST", "/Observation", &weight("o1", "2026-01-05", "22.0")).await;
    assert_eq!(status, 201, "{answer}");
    gateway.until(answer["id"].as_str().unwrap(), "posted").await;
    let (status, answer) =
        gateway.send("DELETE", &format!("/Observation/{}", answer["id"].as_str().unwrap()), "").await;
    assert_eq!((status, &answer["resourceType"]), (405, &json!("OperationOutcome")));
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_asked_for_and_beyond_this_machine_nobody_is_let_in_without() {
    let mut site = eager().await;
    let open = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let refused = crate::serve(site.config.clone(), open.into(), Box::pin(std::future::pending())).await;
    assert!(matches!(refused, Err(ServeError::Open(_))));
    let path = site.folder.path().join("gateway.token");
    nacre_hosting::secret::write_text(&path, &"0123456789abcdef".repeat(2)).unwrap();
    site.config.gateway.token = Some(path.into());
    let gateway = Gateway::start(&site.config).await;
    assert_eq!(gateway.get("/metadata").await.0, 200);
    let (status, answer) = gateway.get("/Observation/o1").await;
    assert_eq!((status, &answer["issue"][0]["code"]), (401, &json!("login")));
    for (token, expected) in [("0123456789abcdef".repeat(2), 404), ("0123456789abcdef".repeat(3), 401)] {
        let asked = gateway.client.get(format!("{}/Observation/o1", gateway.url)).bearer_auth(token);
        assert_eq!(asked.send().await.unwrap().status().as_u16(), expected);
    }
    gateway.stop().await;
}

/// A certificate authority.
struct Authority(rcgen::CertifiedIssuer<'static, rcgen::KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = rcgen::CertificateParams::new([]).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        Self(rcgen::CertifiedIssuer::self_signed(params, rcgen::KeyPair::generate().unwrap()).unwrap())
    }

    /// Certificate and key for that name.
    fn issue(&self, name: &str) -> (String, String) {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new([name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tls_who_has_no_certificate_of_the_hospitals_own_is_not_let_in() {
    // Fails only if there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut site = eager().await;
    let (hospital, strangers) = (Authority::new(), Authority::new());
    let (certificate, key) = hospital.issue("127.0.0.1");
    let file = |name: &str| site.folder.path().join(name);
    std::fs::write(file("gateway.crt"), certificate).unwrap();
    nacre_hosting::secret::write_text(&file("gateway.key"), &key).unwrap();
    std::fs::write(file("hospital-ca.crt"), hospital.0.pem()).unwrap();
    let tls = ServerTlsConfig {
        certificate: file("gateway.crt").into(),
        key: file("gateway.key").into(),
        client_ca: Some(file("hospital-ca.crt").into()),
    };
    site.config.server.tls = Some(tls);
    // With certificates it may listen beyond this machine, and without a token.
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (stop, stopped) = oneshot::channel::<()>();
    let clock = Clock::scaled(NOW.parse().unwrap(), FACTOR);
    let served = tokio::spawn(serve_by(
        site.config.clone(),
        listener.into(),
        Box::pin(async move { drop(stopped.await) }),
        clock,
    ));
    let client = |identity: Option<(String, String)>| {
        let root = reqwest::Certificate::from_pem(hospital.0.pem().as_bytes()).unwrap();
        let builder = reqwest::Client::builder().tls_certs_only([root]);
        let builder = match identity {
            None => builder,
            Some((certificate, key)) => {
                let pem = format!("{certificate}{key}");
                builder.identity(reqwest::Identity::from_pem(pem.as_bytes()).unwrap())
            }
        };
        builder.build().unwrap()
    };
    let known = client(Some(hospital.issue("ward-3")));
    let begin = Instant::now();
    while known.get(format!("https://127.0.0.1:{port}/healthz")).send().await.is_err() {
        assert!(!served.is_finished() && begin.elapsed() < Duration::from_secs(60), "it does not serve");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let put = |client: &reqwest::Client, scheme: &str| {
        let call = client.put(format!("{scheme}://127.0.0.1:{port}/Patient/p")).body(patient());
        call.header("content-type", "application/fhir+json").send()
    };
    assert_eq!(put(&known, "https").await.unwrap().status().as_u16(), 201);
    for stranger in [client(None), client(Some(strangers.issue("ward-3")))] {
        assert!(put(&stranger, "https").await.is_err(), "it was let in");
    }
    assert!(put(&known, "http").await.is_err(), "plain HTTP was answered");
    // Who says nothing holds up nobody.
    let _silent = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    assert_eq!(put(&known, "https").await.unwrap().status().as_u16(), 200);
    drop(stop);
    served.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_person_is_in_the_spool_the_outbox_the_logs_on_the_wire_or_in_an_answer() {
    let log = log::of_all_threads();
    let site = eager().await;
    site.will(&[Fault::Busy, Fault::RefuseWhole]);
    let gateway = Gateway::start(&site.config).await;
    let device = r#""device":{"display":"SERIAL-4711","identifier":{"value":"SERIAL-4711"}},"#;
    let coordinates = r#""extension":[{"url":"urn:place","valueString":"22.5431,114.0579"}],"status""#;
    let weigh = |id: &str, at: &str| {
        weight(id, at, "71.234").replacen("\"status\"", coordinates, 1).replacen(
            "\"code\":",
            &format!("{device}\"code\":"),
            1,
        )
    };
    let observations = [("o1", weigh("o1", "2026-01-05")), ("o2", weigh("o2", "2026-03-05"))];
    let (status, answer) = gateway.send("POST", "/", &put("transaction", &observations)).await;
    assert_eq!(status, 200, "{answer}");
    let bad = weigh("o3", "2026-01-07").replace("71.234", "9999.5");
    let (_, refusal) = gateway.send("POST", "/", &put("transaction", &[("o3", bad)])).await;
    gateway.until("o1", "posted").await;
    let (_, read) = gateway.get("/Observation/o2").await;
    let mut places = site.bodies();
    assert!(places.len() >= 3);
    let mut spool = 0;
    for file in std::fs::read_dir(&site.config.data).unwrap() {
        places.push(std::fs::read(file.unwrap().path()).unwrap());
        spool += places.last().unwrap().len();
    }
    assert!(spool > 10_000, "the spool is looked at");
    places.extend([answer, refusal, read].map(|answer| answer.to_string().into_bytes()));
    gateway.stop().await;
    let logged = log.bytes();
    assert!(logged.windows(11).any(|window| window == b"INSERT INTO"), "statements are logged at that level");
    places.push(logged);
    let secrets = ["SERIAL-4711", "22.5431", "114.0579", "71.234", "9999.5", "2026-01-05", "2026-03-05"];
    for (number, place) in places.iter().enumerate() {
        for personal in PERSONAL.iter().chain(&secrets) {
            let found = place.windows(personal.len()).position(|window| window == personal.as_bytes());
            let around =
                found.map(|at| String::from_utf8_lossy(&place[at.saturating_sub(200)..(at + 50).min(place.len())]));
            assert!(found.is_none(), "{personal} in place {number} of {}: {around:?}", places.len());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_month_that_is_refused_time_and_again_is_set_aside_and_does_not_hold_up_others() {
    let site = eager().await;
    site.will(&[Fault::RefuseWhole; 5]);
    let gateway = Gateway::start(&site.config).await;
    let first = put("transaction", &[("o1", weight("o1", "2026-01-05", "22.0"))]);
    assert_eq!(gateway.send("POST", "/", &first).await.0, 200);
    gateway.until("o1", "set-aside").await;
    let second = put("transaction", &[("o2", weight("o2", "2026-02-05", "22.0"))]);
    assert_eq!(gateway.send("POST", "/", &second).await.0, 200);
    gateway.until("o2", "posted").await;
    let found = status_of(&site).await;
    assert_eq!((found.set_aside.len(), found.set_aside[0].what.as_str(), found.posted), (1, "month", 1), "{found:?}");
    // A correction is a new attempt.
    assert_eq!(gateway.send("PUT", "/Observation/o1", &weight("o1", "2026-01-05", "23.0")).await.0, 200);
    gateway.until("o1", "posted").await;
    assert!(status_of(&site).await.set_aside.is_empty());
    gateway.stop().await;
}
