//! A server, from its start to its end: sockets, TLS, health, metrics, signals. A role adds its routes ([`Host::open`]).
//!
//! | route | answers |
//! |---|---|
//! | `GET /healthz` | `ok`: the process is alive; nothing else is said by it |
//! | `GET /readyz` | 200 if it is fit for all of its work; 503 with what it lacks and why |
//! | `GET /version` | program, version, role |
//! | `GET /metrics` | on the metrics' listener alone |
//!
//! Kept true: it serves from the first moment; while a role opens, its routes wait, a few of them and a while, and are then
//! told to come back (503 `opening`). By plain HTTP it serves this machine only, unless it is told to serve others. At a hang-up
//! signal certificates are read anew, and when their files change. When the shutdown future ends, what is at work is finished
//! within a time.
//!
//! Errors: [`HostError`]. Cost: a task that looks at files and counts once a second.

mod door;
mod watch;

use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    Router, extract::State, http::StatusCode, http::header::CONTENT_TYPE, response::IntoResponse, routing::get,
};
use futures::future::BoxFuture;
use nacre_wire::{
    body::{Json, Nothing, Text},
    operation::{self, Readiness, Reason, Version},
};
use tokio::{
    sync::{Semaphore, watch as channel},
    task::JoinHandle,
};

use self::door::Explain;
pub(crate) use self::watch::free_bytes;
use crate::{
    load::{Load, Sizes},
    metrics::{self, Gauges, Metrics},
    mount::{Call, Mount, Reply},
    problem::ProblemResponse,
    ready::Lack,
    reports::Reports,
    serve::{Connections, Limits, Serving},
    server::{Listeners, ServerConfig},
    tls::{Handshake, ServerTls, TlsError},
};

/// Requests that wait for a role to open.
const WAITING: usize = 64;
/// For how long what a role lacks is not asked for again.
const READY_FOR: Duration = Duration::from_secs(1);
/// How long a role may take to say what it lacks.
const ASKING: Duration = Duration::from_secs(5);

/// Why a server cannot be hosted.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// A socket has no address.
    #[error("the listening socket: {0}")]
    Socket(#[from] io::Error),
    /// Its certificate or key.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Others on the way could read what it says.
    #[error(
        "`[server]` listens on {0}, beyond this machine, by plain HTTP: give `tls`, or listen on 127.0.0.1, or, behind a proxy \
         that does TLS, set `insecure-http = true`"
    )]
    Insecure(SocketAddr),
    /// The process cannot be told to read its certificates anew.
    #[error("no handler for the hang-up signal: {0}")]
    Signal(io::Error),
}

/// What a role says of itself, while it is served.
pub trait Hosted: Send + Sync + 'static {
    /// What it lacks to be fit for all of its work. Asked once a second at most.
    fn lacks(&self) -> BoxFuture<'_, Vec<Lack>>;

    /// Brings the role's own metrics up to date: before each time that they are read.
    fn observe(&self) -> BoxFuture<'_, ()>;
}

/// A role that is open.
struct Opened {
    router: Router,
    role: Arc<dyn Hosted>,
    load: Option<Arc<Load>>,
}

/// What is known of a server by all that serves it.
struct Shared {
    role: &'static str,
    data: PathBuf,
    least_free_bytes: u64,
    tls: Option<Arc<ServerTls>>,
    metrics: Metrics,
    reports: Arc<Reports>,
    connections: Arc<Connections>,
    opened: channel::Sender<Option<Arc<Opened>>>,
    waiting: Semaphore,
    lacks: Mutex<Option<(Instant, Vec<Lack>)>>,
    asking: tokio::sync::Mutex<()>,
}

/// What ends a server once it is ready.
pub type Shutdown = BoxFuture<'static, ()>;

/// A server that runs, until it is told to stop or cannot go on. Boxed, so that a server is compiled in its own crate, once, and
/// not in each program that runs it.
pub type Running<E> = BoxFuture<'static, Result<(), E>>;

/// A server that runs.
pub struct Host {
    shared: Arc<Shared>,
    stop: channel::Sender<bool>,
    opened: channel::Sender<bool>,
    serving: Vec<JoinHandle<()>>,
    watching: JoinHandle<()>,
}

impl Host {
    /// Serves health and version at once; the role's routes once it is open. `data` is the role's folder, whose size is
    /// measured. Cheap: nothing of the role is read.
    pub fn start(
        role: &'static str,
        config: &ServerConfig,
        data: &Path,
        listeners: impl Into<Listeners>,
    ) -> Result<Self, HostError> {
        let listeners = listeners.into();
        let tls = config.tls.as_ref().map(ServerTls::open).transpose()?.map(Arc::new);
        let limits = Limits::default();
        let reports = Arc::new(Reports::default());
        let shared = Arc::new(Shared {
            role,
            data: data.to_owned(),
            least_free_bytes: config.least_free_mib << 20,
            metrics: Metrics::new(role, &reports, tls.is_some(), limits.connections),
            connections: Arc::new(Connections::new(limits.connections, limits.of_one_address)),
            reports,
            opened: channel::Sender::new(None),
            waiting: Semaphore::new(WAITING),
            lacks: Mutex::default(),
            asking: tokio::sync::Mutex::default(),
            tls,
        });
        let (stop, stopping) = channel::channel(false);
        let mut serving = Vec::new();
        let Listeners { callers, metrics, opened } = listeners;
        let sockets = [
            Some((callers, false, door::router(&shared), limits, Arc::clone(&shared.connections))),
            metrics.map(|listener| {
                let limits = Limits::of_monitoring();
                let connections = Arc::new(Connections::new(limits.connections, limits.of_one_address));
                (listener, true, monitoring(&shared), limits, connections)
            }),
        ];
        let mut prepared = Vec::new();
        for (listener, is_monitoring, router, limits, connections) in sockets.into_iter().flatten() {
            let address = listener.local_addr()?;
            // What monitors from this machine needs no certificate.
            let handshake = match is_monitoring && address.ip().is_loopback() {
                true => Handshake::Plain,
                false => shared.handshake(config, address)?,
            };
            let reports = Arc::clone(&shared.reports);
            prepared.push((listener, Serving { handshake, router, limits, connections, reports }));
        }
        let watching = tokio::spawn(watch::Watch::new(Arc::clone(&shared)).map_err(HostError::Signal)?.run());
        for (listener, socket) in prepared {
            serving.push(tokio::spawn(socket.run(listener, stopping.clone())));
        }
        Ok(Self { shared, stop, opened, serving, watching })
    }

    /// A gauge of the role's own, by those labels. Its name gets the prefix `nacre_`. Labels are of closed sets, and never a
    /// record or a person.
    pub fn gauges(&self, name: &'static str, help: &'static str, labels: &'static [&'static str]) -> Gauges {
        self.shared.metrics.with_registry(|registry| Gauges::register(registry, name, help, labels))
    }

    /// The role, once it is open. If it does not open, the sockets are closed before the error is there.
    pub async fn opening<T, E>(mut self, open: impl Future<Output = Result<T, E>>) -> Result<(Self, T), E> {
        match open.await {
            Ok(role) => Ok((self, role)),
            Err(error) => {
                for serving in self.serving.drain(..) {
                    serving.abort();
                    // Fails, as it was cut off.
                    let _ = serving.await;
                }
                Err(error)
            }
        }
    }

    /// Serves the role's routes, whose errors are problem documents.
    pub fn open(&self, router: Router, role: Arc<dyn Hosted>, load: Option<Arc<Load>>) {
        self.open_explained(router, role, load, door::as_problem);
    }

    /// The same for a role whose errors are documents of another kind: `explain` makes one of a status that a library answers
    /// by itself.
    pub fn open_explained(&self, router: Router, role: Arc<dyn Hosted>, load: Option<Arc<Load>>, explain: Explain) {
        let router = door::observed(&self.shared, router, explain);
        self.shared.opened.send_replace(Some(Arc::new(Opened { router, role, load })));
        self.shared.forget_lacks();
        self.opened.send_replace(true);
    }

    /// Serves until the shutdown future ends; then finishes the requests at work.
    pub async fn until(mut self, shutdown: Shutdown) {
        shutdown.await;
        self.stop.send_replace(true);
        for serving in self.serving.drain(..) {
            // Fails only if it panicked: then nothing is at work.
            let _ = serving.await;
        }
        self.shared.reports.say();
    }
}

impl Drop for Host {
    /// A role that does not open ends its server, too.
    fn drop(&mut self) {
        // The role's routes hold what is shared, and are held by it.
        self.shared.opened.send_replace(None);
        self.watching.abort();
        for serving in &self.serving {
            serving.abort();
        }
    }
}

impl Shared {
    /// What connections to that address begin with.
    fn handshake(&self, config: &ServerConfig, address: SocketAddr) -> Result<Handshake, HostError> {
        match &self.tls {
            Some(tls) => Ok(Handshake::Tls(Arc::clone(tls))),
            None if config.insecure_http || address.ip().is_loopback() => Ok(Handshake::Plain),
            None => Err(HostError::Insecure(address)),
        }
    }

    fn opened(&self) -> Option<Arc<Opened>> {
        self.opened.borrow().clone()
    }

    /// What is lacking, as it was a moment ago.
    async fn lacks(&self) -> Vec<Lack> {
        // One asks, the others take its answer.
        let _asking = self.asking.lock().await;
        if let Some((at, lacks)) = &*self.known_lacks()
            && at.elapsed() < READY_FOR
        {
            return lacks.clone();
        }
        let mut lacks = match self.opened() {
            None => vec![Lack::new("opening", "the server is being opened")],
            Some(opened) => {
                let told = tokio::time::timeout(ASKING, opened.role.lacks()).await;
                told.unwrap_or_else(|_| vec![Lack::new("store", "the server does not say in time what it lacks")])
            }
        };
        if let Some(free) = free_bytes(&self.data).filter(|free| *free < self.least_free_bytes) {
            let [free, least] = [free, self.least_free_bytes].map(|bytes| bytes >> 20);
            let data = self.data.display();
            lacks.push(Lack::new("disk", format!("{data}: {free} MiB free, less than {least} (`least-free-mib`)")));
        }
        *self.known_lacks() = Some((Instant::now(), lacks.clone()));
        lacks
    }

    fn forget_lacks(&self) {
        *self.known_lacks() = None;
    }

    fn known_lacks(&self) -> std::sync::MutexGuard<'_, Option<(Instant, Vec<Lack>)>> {
        self.lacks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Answer<R> = Result<Reply<R>, ProblemResponse>;

async fn alive(_: Arc<Shared>, _: Call<(), Nothing>) -> Answer<Text> {
    Ok(Reply::new("ok".to_owned()))
}

async fn version(shared: Arc<Shared>, _: Call<(), Nothing>) -> Answer<Json<Version>> {
    let (name, version) = ("nacre".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
    Ok(Reply::new(Version { name, version, role: shared.role.to_owned() }))
}

async fn ready(shared: Arc<Shared>, _: Call<(), Nothing>) -> Answer<Json<Readiness>> {
    let reasons: Vec<_> = shared.lacks().await.into_iter().map(Reason::from).collect();
    let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    Ok(Reply::new(Readiness { reasons }).status(status))
}

/// Health, readiness and version: without a place, so whatever is at work they are answered.
fn health(shared: &Arc<Shared>) -> Router {
    let load = Load::new(Sizes { anonymous: 0, members: 0, writes: 0 });
    Mount::new(Arc::clone(shared), load)
        .route(operation::GET_HEALTH, alive)
        .route(operation::GET_READINESS, ready)
        .route(operation::GET_VERSION, version)
        .router()
}

/// What the operator's own monitoring reads.
fn monitoring(shared: &Arc<Shared>) -> Router {
    let metrics = Router::new().route("/metrics", get(read_metrics)).with_state(Arc::clone(shared));
    health(shared).merge(metrics)
}

async fn read_metrics(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    let opened = shared.opened();
    if let Some(opened) = &opened
        && tokio::time::timeout(ASKING, opened.role.observe()).await.is_err()
    {
        tracing::warn!("the role's metrics are not up to date");
    }
    let lacks = shared.lacks().await;
    let load = opened.as_ref().and_then(|opened| opened.load.as_ref());
    shared.metrics.look_at(load, &shared.connections, &lacks);
    ([(CONTENT_TYPE, metrics::MEDIA_TYPE)], shared.metrics.encode())
}

#[cfg(test)]
mod tests;
