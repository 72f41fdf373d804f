//! Serving HTTP/1.1 from a socket: the one way in which every role does, with a bound on all that a stranger can hold.
//!
//! Kept true, before any token is looked at:
//!
//! * a request's head arrives within [`Limits::head`], and a connection waits for its next request no longer than that; nor
//!   for a TLS handshake;
//! * a body of which nothing arrives for [`Limits::stall`] is given up, and so is an answer of which nothing is taken; in all
//!   both move at [`Limits::least_bytes_per_s`] at least;
//! * so many connections are open, and no address beyond this machine has more than its share. One more takes the place of
//!   the one that has waited for its peer longest, be it for a head, a body or an answer's being taken; one at which this
//!   process is at work is never cut off for it. Connections that are held without being used hold up nobody;
//! * when told to stop, what is at work is finished within [`Limits::finish`], and nothing else is begun; what is not finished
//!   by then is cut off and counted.
//!
//! A peer that still sends when it has been refused can read why: a connection is not closed over it at once.
//!
//! How long a body may take in all is for the routes to say: they know what sends it.
//!
//! Errors: none ends the serving; a socket that gives no connection is asked again after a pause. Cost: a task and some
//! 10 kB a connection, up to [`HEAD_BYTES`] while a head arrives.

mod connections;
mod paced;

use std::{io, net::IpAddr, sync::Arc, time::Duration};

use axum::{Router, body::Body, extract::Request};
use hyper::{body::Incoming, server::conn::http1, service::Service as _};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

pub(crate) use connections::Connections;
use connections::{Entry, Peer};
use paced::{PacedBody, PacedIo};

use crate::{reports::Reports, tls::Handshake};

/// The longest head, in bytes.
const HEAD_BYTES: usize = 64 << 10;
/// Connections that may be open, if the system lets the process have twice as many descriptors.
const MOST_CONNECTIONS: usize = 1_024;
/// After an error of the listening socket, such as no more descriptors.
const PAUSE: Duration = Duration::from_millis(50);

/// What a stranger can hold, and how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Connections open at the same time.
    pub(crate) connections: usize,
    /// How many of them one address has; those of this machine are not counted, as a proxy may stand there.
    pub(crate) of_one_address: usize,
    /// How long a head may take, from the first moment that it is waited for.
    pub(crate) head: Duration,
    /// How long nothing may arrive of a body, or nothing be taken of an answer.
    pub(crate) stall: Duration,
    /// At which rate a body has to arrive, and an answer to be taken, beyond that.
    pub(crate) least_bytes_per_s: u64,
    /// How long what a peer still sends is thrown away, once everything was answered.
    pub(crate) linger: Duration,
    /// How long what is at work may take once the server is told to stop.
    pub(crate) finish: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        // The other half is for files, databases, and calls to others.
        let descriptors = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        let connections = descriptors.map_or(MOST_CONNECTIONS, |most| usize::try_from(most / 2).unwrap_or(usize::MAX));
        let connections = connections.clamp(16, MOST_CONNECTIONS);
        Self {
            connections,
            of_one_address: connections / 2,
            head: Duration::from_secs(20),
            stall: Duration::from_secs(20),
            // Four times what Kestrel asks for, and less than the slowest mobile network gives.
            least_bytes_per_s: 1 << 10,
            linger: Duration::from_secs(5),
            // Service managers kill after 30 s (Kubernetes) or 90 s (systemd).
            finish: Duration::from_secs(25),
        }
    }
}

impl Limits {
    /// Of a listener for the operator's own monitoring.
    pub(crate) fn of_monitoring() -> Self {
        Self { connections: 16, of_one_address: 8, ..Self::default() }
    }
}

/// The connection that a request came by.
#[derive(Clone)]
pub(crate) struct Arrival(Arc<Peer>);

impl Arrival {
    /// The address that the peer calls from.
    pub(crate) fn address(&self) -> IpAddr {
        self.0.address()
    }

    /// Nothing is worked at for the request: its connection gives way to others.
    pub(crate) fn gives_way(&self) {
        self.0.waits();
    }

    /// The request is worked at: its connection gives way no more.
    pub(crate) fn is_at_work(&self) {
        self.0.is_served();
    }
}

/// What every connection of a socket is served by.
#[derive(Clone)]
pub(crate) struct Serving {
    pub(crate) handshake: Handshake,
    pub(crate) router: Router,
    pub(crate) limits: Limits,
    pub(crate) connections: Arc<Connections>,
    pub(crate) reports: Arc<Reports>,
}

impl Serving {
    /// Serves until told to stop, or until nothing is left to tell; then finishes the requests at work.
    pub(crate) async fn run(self, listener: TcpListener, stopping: watch::Receiver<bool>) {
        let mut tasks = JoinSet::new();
        let mut stop = std::pin::pin!(told(stopping.clone()));
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                // Those that have ended are let go of.
                Some(_) = tasks.join_next() => continue,
                () = &mut stop => break,
            };
            match accepted {
                Ok((stream, address)) => {
                    let Some(entry) = self.connections.enter(address.ip()) else {
                        self.reports.refused("connections");
                        continue;
                    };
                    // Answers are written at once; without it they are only slower.
                    let _ = stream.set_nodelay(true);
                    tasks.spawn(self.clone().attend(entry, stream, stopping.clone()));
                }
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    tracing::error!(%error, "the listening socket gives no connection");
                    self.connections.make_room();
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
        // New connections are refused from here on.
        drop(listener);
        let finished = async { while tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(self.limits.finish, finished).await.is_err() {
            tracing::warn!(connections = tasks.len(), "told to stop: what is not finished by now is cut off");
            tasks.shutdown().await;
        }
    }

    /// Serves one connection to its end.
    async fn attend(self, entry: Entry, stream: TcpStream, stopping: watch::Receiver<bool>) {
        let peer = Arc::clone(entry.peer());
        let stream = tokio::select! {
            shaken = tokio::time::timeout(self.limits.head, self.handshake.shake(stream)) => match shaken {
                Ok(Ok(stream)) => stream,
                Ok(Err(error)) => return self.reports.handshake_failed(&error),
                Err(_) => return self.reports.refused("handshake-timeout"),
            },
            () = peer.dismissed() => return,
        };
        let router = TowerToHyperService::new(self.router);
        let (of_service, limits) = (Arc::clone(&peer), self.limits);
        let service = hyper::service::service_fn(move |request: Request<Incoming>| {
            let (peer, router) = (Arc::clone(&of_service), router.clone());
            peer.is_served();
            let body = Arc::clone(&peer);
            let mut request = request.map(|incoming| Body::new(PacedBody::new(incoming, body, &limits)));
            request.extensions_mut().insert(Arrival(Arc::clone(&peer)));
            async move {
                let answer = router.call(request).await;
                // What remains is to be taken; then the next head is waited for.
                peer.waits();
                answer
            }
        });
        let io = TokioIo::new(PacedIo::new(stream, Arc::clone(&peer), limits));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head)
            .max_buf_size(HEAD_BYTES)
            .serve_connection(io, service);
        let mut connection = std::pin::pin!(connection);
        let mut stop = std::pin::pin!(told(stopping));
        let mut is_told = false;
        loop {
            tokio::select! {
                ended = &mut connection => {
                    if let Err(error) = ended {
                        tracing::debug!(%error, "a connection ended early");
                    }
                    return;
                }
                () = &mut stop, if !is_told => {
                    is_told = true;
                    connection.as_mut().graceful_shutdown();
                }
                () = peer.dismissed() => return,
            }
        }
    }
}

/// Whether the error is of the connection that was to be accepted.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Resolves when told to stop, or when nobody is left to tell.
pub(crate) async fn told(mut stopping: watch::Receiver<bool>) {
    drop(stopping.wait_for(|stopping| *stopping).await);
}

#[cfg(test)]
mod tests;
