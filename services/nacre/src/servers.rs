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
use nacre_evaluator::Keys;
use tokio::{
    net::TcpListener,
    sync::{Mutex, watch},
    task::JoinHandle,
};

use crate::consortium::{Consortium, Plan};

/// A server's listener, bound before its configuration is written, so that no port is guessed.
pub struct Ports {
    listeners: BTreeMap<String, TcpListener>,
}

impl Ports {
    /// Binds a free loopback port for each server of the plan.
    pub async fn bind(plan: &Plan) -> io::Result<Self> {
        let mut listeners = BTreeMap::new();
        for server in plan.servers() {
            listeners.insert(server, TcpListener::bind("127.0.0.1:0").await?);
        }
        Ok(Self { listeners })
    }

    /// Each server's `host:port`.
    pub fn addresses(&self) -> io::Result<BTreeMap<String, String>> {
        let address =
            |(server, listener): (&String, &TcpListener)| Ok((server.clone(), listener.local_addr()?.to_string()));
        self.listeners.iter().map(address).collect()
    }
}

struct Running {
    stop: watch::Sender<bool>,
    task: JoinHandle<anyhow::Result<()>>,
}

/// Servers that run.
pub struct Servers {
    running: BTreeMap<String, Running>,
    keys: SharedKeys,
}

/// Evaluation keys, by their file.
#[derive(Clone, Default)]
struct SharedKeys(Arc<Mutex<BTreeMap<PathBuf, Arc<Keys>>>>);

impl SharedKeys {
    /// The keys of a file, which is read once.
    async fn of(&self, path: &Path) -> anyhow::Result<Arc<Keys>> {
        let mut loaded = self.0.lock().await;
        if let Some(keys) = loaded.get(path) {
            return Ok(Arc::clone(keys));
        }
        let file = path.to_owned();
        let keys = tokio::task::spawn_blocking(move || Keys::read(&file)).await??;
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

fn spawn<F>(serve: impl FnOnce(watch::Receiver<bool>) -> F) -> Running
where
    F: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    let (stop, stopped) = watch::channel(false);
    Running { stop, task: tokio::spawn(serve(stopped)) }
}

impl Servers {
    /// Starts every server of a network on its port.
    pub fn start(places: &Consortium, ports: Ports) -> anyhow::Result<Self> {
        let (mut running, keys) = (BTreeMap::new(), SharedKeys::default());
        for (server, listener) in ports.listeners {
            let started = Self::start_one(places, &server, listener, &keys)?;
            running.insert(server, started);
        }
        Ok(Self { running, keys })
    }

    fn start_one(
        places: &Consortium,
        server: &str,
        listener: TcpListener,
        keys: &SharedKeys,
    ) -> anyhow::Result<Running> {
        if let Some(path) = places.exchanges.get(server) {
            let config = nacre_exchange::Config::read(path)?;
            return Ok(spawn(|stop| async move { Ok(nacre_exchange::serve(config, listener, stopped(stop)).await?) }));
        }
        if let Some(path) = places.witnesses.get(server) {
            let config = nacre_witness::Config::read(path)?;
            return Ok(spawn(|stop| async move { Ok(nacre_witness::serve(config, listener, stopped(stop)).await?) }));
        }
        if let Some(path) = places.evaluators.get(server) {
            let config = nacre_evaluator::Config::read(path)?;
            let keys = keys.clone();
            return Ok(spawn(|stop| async move {
                let keys = keys.of(&config.keys).await?;
                Ok(nacre_evaluator::serve_with_keys(config, keys, listener, stopped(stop)).await?)
            }));
        }
        let path = places.custodians.get(server).with_context(|| format!("no configuration for {server}"))?;
        let config = nacre_custodian::Config::read(path)?;
        Ok(spawn(|stop| async move { Ok(nacre_custodian::serve(config, listener, stopped(stop)).await?) }))
    }

    /// Stops one server and waits for its end.
    pub async fn stop(&mut self, server: &str) -> anyhow::Result<()> {
        let Some(running) = self.running.remove(server) else { return Ok(()) };
        // The receiver is gone only if the server has ended by itself; the task says how.
        let _ = running.stop.send(true);
        running.task.await?
    }

    /// Starts a server again that was stopped, on the port its configuration names.
    pub async fn restart(&mut self, places: &Consortium, server: &str, address: &str) -> anyhow::Result<()> {
        let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
        let running = Self::start_one(places, server, listener, &self.keys)?;
        self.running.insert(server.to_owned(), running);
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
