//! Exchanges, witnesses, custodians and evaluators as tasks of this process, each on a loopback port of its own: for the
//! demo and for tests.
//!
//! They are the servers that `nacre exchange serve` and its like run, from the same configurations. Evaluators share the keys
//! that they load, a gigabyte.

use std::{
    collections::BTreeMap,
    future::Future,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context as _;
use nacre_evaluator::{Keys, ServeError};
use nacre_hosting::server::{Listeners, ServerConfig};
use tokio::{
    sync::{Mutex, watch},
    task::JoinHandle,
};

use crate::consortium::{Addresses, Consortium, Plan};

/// The servers' listeners, bound before their configurations are written, so that no port is guessed.
pub struct Ports {
    listeners: BTreeMap<String, Listeners>,
}

impl Ports {
    /// Binds free loopback ports for each server of the plan, for callers and for metrics.
    pub async fn bind(plan: &Plan) -> io::Result<Self> {
        let mut listeners = BTreeMap::new();
        for server in plan.servers() {
            listeners.insert(server, Listeners::bind_loopback().await?);
        }
        Ok(Self { listeners })
    }

    /// Where they listen.
    pub fn addresses(&self) -> io::Result<Addresses> {
        let mut addresses = Addresses::default();
        for (server, listeners) in &self.listeners {
            addresses.callers.insert(server.clone(), listeners.address()?.to_string());
            if let Some(metrics) = listeners.metrics_address() {
                addresses.metrics.insert(server.clone(), metrics?.to_string());
            }
        }
        Ok(addresses)
    }
}

/// Where a server listens.
enum At {
    Bound(Listeners),
    /// For callers at this address; for metrics where the configuration says.
    Address(String),
}

impl At {
    async fn listeners(self, config: &ServerConfig) -> anyhow::Result<Listeners> {
        match self {
            Self::Bound(listeners) => Ok(listeners),
            Self::Address(listen) => Ok(Listeners::bind(&ServerConfig { listen, ..config.clone() }).await?),
        }
    }
}

struct Running {
    stop: watch::Sender<bool>,
    opened: watch::Receiver<bool>,
    task: JoinHandle<anyhow::Result<()>>,
}

/// Servers that run.
pub struct Servers {
    running: BTreeMap<String, Running>,
    keys: SharedKeys,
}

/// Evaluation keys by their file, which evaluators of one process share: ready to be used, they take 1.2 GB.
#[derive(Clone, Default)]
pub struct SharedKeys(Arc<Mutex<BTreeMap<PathBuf, Arc<Keys>>>>);

impl SharedKeys {
    /// The keys of a file, which is read once.
    async fn of(&self, path: &Path) -> Result<Arc<Keys>, ServeError> {
        let mut loaded = self.0.lock().await;
        if let Some(keys) = loaded.get(path) {
            return Ok(Arc::clone(keys));
        }
        let file = path.to_owned();
        let read = tokio::task::spawn_blocking(move || Keys::read(&file)).await;
        let keys = read.map_err(|_| ServeError::Stopped)??;
        loaded.insert(path.to_owned(), Arc::clone(&keys));
        Ok(keys)
    }
}

/// Resolves when told to stop, or when nobody is left to tell.
async fn stopped(mut stop: watch::Receiver<bool>) {
    while !*stop.borrow_and_update() {
        if stop.changed().await.is_err() {
            return;
        }
    }
}

fn spawn<F>(at: Listeners, serve: impl FnOnce(Listeners, watch::Receiver<bool>) -> F) -> Running
where
    F: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    let (stop, stopped) = watch::channel(false);
    Running { stop, opened: at.opened(), task: tokio::spawn(serve(at, stopped)) }
}

impl Running {
    /// Whether it opens. One that does not has ended; its task says why.
    async fn opens(&mut self) -> bool {
        self.opened.wait_for(|open| *open).await.is_ok()
    }
}

impl Servers {
    /// Starts every server of a network on its port. Returns once all are open. Evaluators take keys from those, and leave there
    /// what they read.
    pub async fn start(places: &Consortium, ports: Ports, keys: SharedKeys) -> anyhow::Result<Self> {
        let mut servers = Self { running: BTreeMap::new(), keys };
        for (server, listeners) in ports.listeners {
            servers.start_one(places, &server, At::Bound(listeners)).await?;
        }
        // They open side by side.
        let mut ended = None;
        for (server, running) in &mut servers.running {
            if !running.opens().await {
                ended = Some(server.clone());
                break;
            }
        }
        match ended {
            None => Ok(servers),
            Some(server) => {
                servers.stop(&server).await.with_context(|| server.clone())?;
                anyhow::bail!("{server} ended before it was open")
            }
        }
    }

    async fn start_one(&mut self, places: &Consortium, server: &str, at: At) -> anyhow::Result<()> {
        let running = if let Some(path) = places.exchanges.get(server) {
            let config = nacre_exchange::Config::read(path)?;
            let at = at.listeners(&config.server).await?;
            spawn(at, |at, stop| async move { Ok(nacre_exchange::serve(config, at, Box::pin(stopped(stop))).await?) })
        } else if let Some(path) = places.witnesses.get(server) {
            let config = nacre_witness::Config::read(path)?;
            let at = at.listeners(&config.server).await?;
            spawn(at, |at, stop| async move { Ok(nacre_witness::serve(config, at, Box::pin(stopped(stop))).await?) })
        } else if let Some(path) = places.evaluators.get(server) {
            let config = nacre_evaluator::Config::read(path)?;
            let at = at.listeners(&config.server).await?;
            let (keys, file) = (self.keys.clone(), config.keys.to_path_buf());
            let keys = Box::pin(async move { keys.of(&file).await });
            spawn(at, |at, stop| async move {
                Ok(nacre_evaluator::serve_with_keys(config, keys, at, Box::pin(stopped(stop))).await?)
            })
        } else {
            let path = places.custodians.get(server).with_context(|| format!("no configuration for {server}"))?;
            let config = nacre_custodian::Config::read(path)?;
            let at = at.listeners(&config.server).await?;
            spawn(at, |at, stop| async move { Ok(nacre_custodian::serve(config, at, Box::pin(stopped(stop))).await?) })
        };
        self.running.insert(server.to_owned(), running);
        Ok(())
    }

    /// Stops one server and waits for its end.
    pub async fn stop(&mut self, server: &str) -> anyhow::Result<()> {
        let Some(running) = self.running.remove(server) else { return Ok(()) };
        // The receiver is gone only if the server has ended by itself; the task says how.
        let _ = running.stop.send(true);
        running.task.await?
    }

    /// Starts a server again that was stopped, at that address. Returns once it is open; or has ended, and [`Self::stop`]
    /// says why.
    pub async fn restart(&mut self, places: &Consortium, server: &str, address: &str) -> anyhow::Result<()> {
        self.start_one(places, server, At::Address(address.to_owned())).await?;
        if let Some(running) = self.running.get_mut(server) {
            running.opens().await;
        }
        Ok(())
    }

    /// Stops them all.
    pub async fn stop_all(&mut self) -> anyhow::Result<()> {
        let servers: Vec<String> = self.running.keys().cloned().collect();
        for server in servers {
            self.stop(&server).await.with_context(|| server)?;
        }
        Ok(())
    }
}
