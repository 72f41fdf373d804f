//! A server as its callers and its operator see it.

use std::{net::IpAddr, os::unix::fs::PermissionsExt as _, time::SystemTime};

use axum::routing::post;
use nacre_wire::route::Pool;
use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair, SanType};
use reqwest::Response;
use tokio::sync::oneshot;

use super::*;
use crate::{
    body::Cap,
    load::Sizes,
    tls::{ClientTlsConfig, ServerTlsConfig},
};

/// Longer than anything here takes by itself.
const PATIENCE: Duration = Duration::from_secs(30);

/// A role that lacks what it is told to lack.
#[derive(Default)]
struct Role(Mutex<Vec<Lack>>);

impl Hosted for Role {
    fn lacks(&self) -> BoxFuture<'_, Vec<Lack>> {
        Box::pin(async { self.0.lock().unwrap().clone() })
    }

    fn observe(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

fn as_document(problem: nacre_schemas::problem::Problem) -> axum::response::Response {
    ProblemResponse(problem).into_response()
}

fn routes(load: &Arc<Load>) -> Router {
    let read = load.bound(Pool::Anonymous, get(async || "read"), PATIENCE, as_document);
    let write = async |body: axum::body::Body| {
        let read = Cap { bytes: 8, time: PATIENCE }.read(None, body).await;
        read.map(|bytes| bytes.len().to_string()).map_err(crate::problem::ProblemResponse)
    };
    Router::new()
        .route("/v1/things/{name}", read)
        .route("/v1/write", load.bound(Pool::Writes, post(write), PATIENCE, as_document))
        .route("/v1/panic", get(async || -> String { panic!("on purpose") }))
}

struct Scene {
    folder: tempfile::TempDir,
    address: SocketAddr,
    metrics: SocketAddr,
    host: Host,
}

impl Scene {
    async fn start(config: impl FnOnce(&Path) -> ServerConfig) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listeners = Listeners::bind_loopback().await.unwrap();
        let (address, metrics) = (listeners.address().unwrap(), listeners.metrics_address().unwrap().unwrap());
        let config = config(folder.path());
        let host = Host::start("test", &config, folder.path(), listeners).unwrap();
        Self { folder, address, metrics, host }
    }

    fn open(&self) -> Arc<Role> {
        let (role, load) = (Arc::new(Role::default()), Load::new(Sizes { anonymous: 4, members: 4, writes: 4 }));
        self.host.open(routes(&load), Arc::clone(&role) as Arc<dyn Hosted>, Some(load));
        role
    }

    async fn get(&self, path: &str) -> Response {
        client().get(format!("http://{}{path}", self.address)).send().await.unwrap()
    }

    async fn metrics(&self) -> String {
        client().get(format!("http://{}/metrics", self.metrics)).send().await.unwrap().text().await.unwrap()
    }
}

fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap()
}

fn plain(_: &Path) -> ServerConfig {
    ServerConfig::at("127.0.0.1:0")
}

#[tokio::test]
async fn health_is_served_while_a_role_opens_and_its_routes_wait_for_it() {
    let scene = Scene::start(plain).await;
    assert_eq!(scene.get("/healthz").await.text().await.unwrap(), "ok");
    assert_eq!(scene.get("/version").await.json::<serde_json::Value>().await.unwrap()["role"], "test");
    let ready = scene.get("/readyz").await;
    assert_eq!(ready.status(), 503);
    assert_eq!(ready.json::<serde_json::Value>().await.unwrap()["reasons"][0]["what"], "opening");
    let (asked, ()) = tokio::join!(scene.get("/v1/things/a"), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        scene.open();
    });
    assert_eq!(asked.text().await.unwrap(), "read");
    assert_eq!(scene.get("/readyz").await.status(), 200);
}

#[tokio::test]
async fn what_a_role_lacks_is_said_and_measured() {
    let scene = Scene::start(plain).await;
    let role = scene.open();
    role.0.lock().unwrap().push(Lack::new("read-only", "main is damaged: repair it"));
    scene.host.shared.forget_lacks();
    let ready = scene.get("/readyz").await;
    assert_eq!(ready.status(), 503);
    let said = ready.json::<serde_json::Value>().await.unwrap();
    assert_eq!(said["reasons"][0]["why"], "main is damaged: repair it");
    assert_eq!(scene.get("/healthz").await.status(), 200, "it is alive");
    let metrics = scene.metrics().await;
    assert!(
        metrics.contains("nacre_ready 0\n") && metrics.contains("nacre_lacking{what=\"read-only\"} 1\n"),
        "{metrics}"
    );
}

#[tokio::test]
async fn a_disk_with_too_little_room_is_lacking() {
    let scene = Scene::start(|_| ServerConfig { least_free_mib: 1 << 40, ..ServerConfig::at("127.0.0.1:0") }).await;
    scene.open();
    let said = scene.get("/readyz").await.json::<serde_json::Value>().await.unwrap();
    assert_eq!(said["reasons"][0]["what"], "disk", "{said}");
}

#[tokio::test]
async fn requests_are_counted_by_template_and_named_and_refusals_by_word() {
    let scene = Scene::start(plain).await;
    scene.open();
    let asked = client().get(format!("http://{}/v1/things/alice", scene.address)).header("x-request-id", "it-is-me");
    assert_eq!(asked.send().await.unwrap().headers()["x-request-id"], "it-is-me");
    for (path, status, word) in
        [("/nothing", 404, "no-such-route"), ("/v1/write", 405, "method-not-allowed"), ("/v1/panic", 500, "internal")]
    {
        let answer = scene.get(path).await;
        assert_eq!((answer.status().as_u16(), answer.headers()["x-request-id"].len()), (status, 32));
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        assert_eq!(answer.json::<serde_json::Value>().await.unwrap()["type"], format!("urn:nacre:problem:{word}"));
    }
    for (body, status) in [("12345678", 200), ("123456789", 413), ("12345678901234567", 413)] {
        let sent = client().post(format!("http://{}/v1/write", scene.address)).body(body).send().await.unwrap();
        assert_eq!(sent.status().as_u16(), status, "{body}");
    }
    let metrics = scene.metrics().await;
    for line in [
        "nacre_http_requests_total{route=\"/v1/things/{name}\",method=\"GET\",status=\"200\"} 1",
        "nacre_refusals_total{reason=\"no-such-route\"} 1",
        "nacre_refusals_total{reason=\"too-large\"} 2",
        "nacre_http_places{pool=\"anonymous\"} 4",
        "role=\"test\"",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
    assert!(!metrics.contains("alice") && scene.get("/metrics").await.status() == 404);
}

#[tokio::test]
async fn beyond_this_machine_plain_http_is_served_only_if_it_is_told_to() {
    let everywhere = || async { tokio::net::TcpListener::bind("0.0.0.0:0").await.unwrap() };
    let config = ServerConfig::at("0.0.0.0:0");
    let refused = Host::start("test", &config, Path::new("."), everywhere().await).err().unwrap();
    assert!(refused.to_string().contains("insecure-http = true"), "{refused}");
    let told = ServerConfig { insecure_http: true, ..config };
    assert!(Host::start("test", &told, Path::new("."), everywhere().await).is_ok());
}

#[tokio::test]
async fn a_stop_waits_for_what_is_at_work_and_for_nothing_else() {
    let scene = Scene::start(plain).await;
    scene.open();
    let (stop, stopped) = oneshot::channel::<()>();
    let Scene { address, host, .. } = scene;
    let ending = tokio::spawn(host.until(Box::pin(async { drop(stopped.await) })));
    drop(stop);
    tokio::time::timeout(PATIENCE, ending).await.unwrap().unwrap();
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

/// An authority, and what it issues.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// Writes a certificate for loopback that expires in so many days, and its key.
    fn issue(&self, folder: &Path, name: &str, days: i64) -> (PathBuf, PathBuf) {
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![SanType::IpAddress(IpAddr::from([127, 0, 0, 1]))];
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        let at = i64::try_from(now).unwrap() + days * 86_400;
        params.not_after = rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(u64::try_from(at).unwrap());
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap().pem();
        let (at, key_at) = (folder.join(format!("{name}.pem")), folder.join(format!("{name}.key")));
        std::fs::write(&at, certificate).unwrap();
        std::fs::write(&key_at, key.serialize_pem()).unwrap();
        std::fs::set_permissions(&key_at, std::fs::Permissions::from_mode(0o600)).unwrap();
        (at, key_at)
    }

    fn write(&self, path: &Path) {
        std::fs::write(path, &self.pem).unwrap();
    }
}

fn with_tls(folder: &Path, authority: &Authority, days: i64, client_ca: Option<&Authority>) -> ServerConfig {
    let (certificate, key) = authority.issue(folder, "server", days);
    let client_ca = client_ca.map(|authority| {
        authority.write(&folder.join("clients.pem"));
        folder.join("clients.pem").into()
    });
    let tls = ServerTlsConfig { certificate: certificate.into(), key: key.into(), client_ca };
    ServerConfig { tls: Some(tls), ..ServerConfig::at("127.0.0.1:0") }
}

/// What a client that trusts the authority is answered, or why it is not.
async fn call(scene: &Scene, trusted: &Authority, shown: Option<(PathBuf, PathBuf)>) -> Result<String, String> {
    let ca = scene.folder.path().join("ca.pem");
    trusted.write(&ca);
    let (certificate, key) = shown.map(|(certificate, key)| (certificate.into(), key.into())).unzip();
    let tls = ClientTlsConfig { ca: Some(ca.into()), certificate, key }.read().unwrap();
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE);
    let client = client.tls_backend_preconfigured(tls.config().unwrap().clone()).build().unwrap();
    let answer = client.get(format!("https://{}/healthz", scene.address)).send().await;
    match answer {
        Ok(answer) => Ok(answer.text().await.unwrap()),
        Err(error) => {
            let mut text = error.to_string();
            let mut cause = std::error::Error::source(&error);
            while let Some(error) = cause {
                text = format!("{text}: {error}");
                cause = error.source();
            }
            Err(text)
        }
    }
}

#[tokio::test]
async fn a_certificate_that_is_foreign_or_has_expired_is_refused_and_a_renewed_one_is_served_at_once() {
    let (ours, others) = (Authority::new("ours"), Authority::new("others"));
    let scene = Scene::start(|folder| with_tls(folder, &ours, 10, None)).await;
    assert_eq!(call(&scene, &ours, None).await.as_deref(), Ok("ok"));
    let foreign = call(&scene, &others, None).await.unwrap_err();
    assert!(foreign.contains("UnknownIssuer"), "{foreign}");
    let plain = client().get(format!("http://{}/healthz", scene.address)).send().await;
    assert!(plain.is_err(), "plain HTTP is not served beside TLS");
    // Renewed with one that has expired: what is served is the file's.
    ours.issue(scene.folder.path(), "server", -1);
    let tls = scene.host.shared.tls.clone().unwrap();
    assert!(tls.reload().unwrap() && !tls.reload().unwrap());
    let expired = call(&scene, &ours, None).await.unwrap_err();
    assert!(expired.contains("expired"), "{expired}");
    // What cannot be read leaves what was there.
    let before = tls.expires_at();
    std::fs::write(scene.folder.path().join("server.pem"), "nothing").unwrap();
    let broken = tls.reload().unwrap_err().to_string();
    assert!(broken.contains("server.pem"), "{broken}");
    assert_eq!(tls.expires_at(), before);
    ours.issue(scene.folder.path(), "server", 90);
    // By its own looking at the files.
    let begun = Instant::now();
    while call(&scene, &ours, None).await.is_err() {
        assert!(begun.elapsed() < PATIENCE, "the renewed certificate is not served");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let refused = scene.host.shared.metrics.encode();
    assert!(refused.contains("nacre_refusals_total{reason=\"tls-handshake\"}"), "{refused}");
}

#[tokio::test]
async fn a_key_that_is_not_the_certificates_is_refused_at_the_start() {
    let ours = Authority::new("ours");
    let folder = tempfile::tempdir().unwrap();
    let config = with_tls(folder.path(), &ours, 10, None);
    let (_, other) = ours.issue(folder.path(), "other", 10);
    std::fs::copy(other, folder.path().join("server.key")).unwrap();
    let listeners = Listeners::bind_loopback().await.unwrap();
    let refused = Host::start("test", &config, folder.path(), listeners).err().unwrap().to_string();
    assert!(refused.contains("server.pem"), "{refused}");
}

#[tokio::test]
async fn a_server_that_asks_for_certificates_refuses_a_client_without_a_good_one() {
    let (ours, clients, others) = (Authority::new("ours"), Authority::new("clients"), Authority::new("others"));
    let scene = Scene::start(|folder| with_tls(folder, &ours, 10, Some(&clients))).await;
    let issue = |authority: &Authority, name, days| Some(authority.issue(scene.folder.path(), name, days));
    assert_eq!(call(&scene, &ours, issue(&clients, "good", 10)).await.as_deref(), Ok("ok"));
    for (what, shown, said) in [
        ("none", None, "CertificateRequired"),
        ("expired", issue(&clients, "expired", -1), "CertificateExpired"),
        ("foreign", issue(&others, "foreign", 10), "UnknownCA"),
    ] {
        let refused = call(&scene, &ours, shown).await.unwrap_err();
        assert!(refused.contains(said), "{what}: {refused}");
    }
}

#[tokio::test]
async fn a_server_that_is_cut_off_lets_go_of_its_role() {
    let scene = Scene::start(plain).await;
    let role = scene.open();
    assert_eq!(scene.get("/v1/things/a").await.status(), 200);
    drop(scene);
    let begun = Instant::now();
    while Arc::strong_count(&role) > 1 {
        assert!(begun.elapsed() < PATIENCE, "it is still held");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
