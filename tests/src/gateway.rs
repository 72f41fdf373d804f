//! A provider's gateway in this process, whose time goes faster than ours.

use std::time::{Duration, Instant};

use nacre_hosting::server::Listeners;
use nacre_provider::{Clock, Config, OutboxError, ServeError, serve_by};
use tokio::{sync::oneshot, task::JoinHandle};

use crate::process::is_open;

/// How much faster.
const FACTOR: u32 = 500;
/// How long one that was cut off may hold the outbox.
const PATIENCE: Duration = Duration::from_secs(60);

/// The gateway.
pub struct Scaled {
    /// Where it is.
    pub url: String,
    metrics: String,
    served: JoinHandle<Result<(), ServeError>>,
    /// Ends, when it goes, what the gateway runs beside.
    stop: oneshot::Sender<()>,
}

impl Scaled {
    /// Starts it at that time, and waits until it serves.
    pub async fn start(config: &Config, now: &str) -> anyhow::Result<Self> {
        let now = now.parse()?;
        Self::start_by(config, || Clock::scaled(now, FACTOR)).await
    }

    /// The same by another clock.
    pub async fn start_by(config: &Config, clock: impl Fn() -> Clock) -> anyhow::Result<Self> {
        let begin = Instant::now();
        loop {
            let listeners = Listeners::bind_loopback().await?;
            let url = format!("http://{}", listeners.address()?);
            let metrics = listeners.metrics_address().transpose()?.map(|address| format!("http://{address}/metrics"));
            let (stop, stopped) = oneshot::channel::<()>();
            let served = tokio::spawn(serve_by(
                config.clone(),
                listeners,
                Box::pin(async move { drop(stopped.await) }),
                clock(),
            ));
            let mut gateway = Self { url, metrics: metrics.unwrap_or_default(), served, stop };
            while !gateway.served.is_finished() {
                if is_open(&gateway.url).await {
                    return Ok(gateway);
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            match (&mut gateway.served).await? {
                Err(ServeError::Outbox(OutboxError::InUse(_))) if begin.elapsed() < PATIENCE => {}
                ended => anyhow::bail!("the gateway does not serve: {ended:?}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Its metrics, in the Prometheus text format.
    pub async fn metrics(&self) -> anyhow::Result<String> {
        Ok(reqwest::get(&self.metrics).await?.error_for_status()?.text().await?)
    }

    /// As a process that is killed: nothing is finished.
    pub async fn kill(self) {
        self.served.abort();
        // An error says that it was cut off.
        let _ = self.served.await;
        drop(self.stop);
    }

    /// Sends JSON of FHIR; status and answer.
    pub async fn send(&self, method: &str, path: &str, body: String) -> anyhow::Result<(u16, serde_json::Value)> {
        let call = reqwest::Client::new().request(method.parse()?, format!("{}{path}", self.url)).body(body);
        let answer = call.header("content-type", "application/fhir+json").send().await?;
        let status = answer.status().as_u16();
        Ok((status, serde_json::from_slice(&answer.bytes().await?).unwrap_or_default()))
    }
}
