//! The FHIR gateway: `nacre provider serve`, inside the provider's own network. Systems of the hospital post FHIR R4 to it as
//! it comes; it de-identifies, keeps what months need in an encrypted spool, and when a month closes reduces, seals and posts it.
//!
//! | module | what it does |
//! |---|---|
//! | [`routes`] | HTTP: addresses, limits, who may |
//! | [`request`], [`intake`] | from a body to rows of the spool |
//! | [`answer`], [`outcome`] | resources that are answered |
//! | [`spool`], [`cipher`] | what is kept, and how it is written |
//! | [`rounds`] | closing months, posting, waiting |
//! | [`status`], [`vitals`] | where everything stands, for people and for monitoring |
//!
//! **When a month closes.** A person's month is reduced to one integer a measure, and what was posted is never changed. So it
//! stays open for `grace-days` after it has ended everywhere on Earth, and for `quiet-hours` after the last change of it,
//! whichever is later; history can thus be posted, too. Until then an observation can be corrected (PUT) and withdrawn (PUT as
//! entered-in-error). What comes for a record that is sealed is refused as late.
//!
//! Kept true: what was answered 200 or 201 is on disk and ends in exactly one record, whatever is killed when; no plaintext is
//! kept longer than its request takes; nothing of a person is in the spool in the clear, in a log or in an answer.
//!
//! **When the clock is wrong.** Months are closed by the system's clock and by the exchange's: while these differ by more than
//! five minutes, or the exchange cannot be asked, none is closed, and `nacre provider status` says why. What a clock that was
//! ahead has made a month wait too long for is cut once it is right.
//!
//! **When the clock jumps.** A jump of more than ten minutes against the monotonic
//! clock, which a broken time server makes, holds closing up for an hour; posting goes on. A wait that a clock turned back has
//! made longer than the longest one is over.
//!
//! Errors: [`ServeError`]. Cost: one synchronous write a request, some 5 ms of one core a record when its month closes.

mod answer;
mod cipher;
mod clock;
mod door;
mod import;
mod intake;
mod outcome;
mod request;
mod rounds;
mod routes;
mod spool;
mod status;
mod vitals;

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use nacre_hosting::{
    host::{Host, HostError, Running, Shutdown},
    key::KeyFileError,
    server::Listeners,
};
use tokio::sync::watch;

pub use self::{
    clock::Clock,
    status::{SetAside, Status, status},
};
use self::{door::Door, rounds::Rounds, spool::Spool};
use crate::{
    config::Config,
    outbox::{Outbox, OutboxError},
    post::{self, PostError},
    sm4_gcm::EncryptError,
};

/// Why the gateway does not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// What posting needs.
    #[error(transparent)]
    Post(#[from] PostError),
    /// The outbox or the spool.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// A row of the spool.
    #[error("the spool: {0}")]
    Row(String),
    /// A secret: the spool's key, the token, the key of the certificate.
    #[error(transparent)]
    Secret(#[from] nacre_hosting::secret::SecretError),
    /// The token is too short to be one.
    #[error("{}: a token has at least 32 characters; make one with `openssl rand -hex 32`", .0.display())]
    Token(PathBuf),
    /// It cannot be reached.
    #[error(transparent)]
    Host(#[from] HostError),
    /// Anybody could post.
    #[error(
        "`[server]` listens on {0}, beyond this machine, and lets anybody in: give `token` in `[gateway]`, or `client-ca` in \
         `[server.tls]`, or listen on 127.0.0.1"
    )]
    Open(SocketAddr),
    /// The import folder.
    #[error("cannot use the import folder {}: {source}", path.display())]
    Import {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The socket has no address.
    #[error("the listening socket: {0}")]
    Socket(#[from] std::io::Error),
}

impl From<EncryptError> for ServeError {
    fn from(error: EncryptError) -> Self {
        Self::Row(error.to_string())
    }
}

impl From<KeyFileError> for ServeError {
    fn from(error: KeyFileError) -> Self {
        Self::Post(error.into())
    }
}

impl ServeError {
    /// Whether others have what it takes, and for how long nobody knows.
    pub(crate) fn is_busy(&self) -> bool {
        match self {
            Self::Outbox(error) | Self::Post(PostError::Outbox(error)) => error.is_busy(),
            _ => false,
        }
    }

    /// Whether it is for want of room on the disk.
    pub(crate) fn is_disk_full(&self) -> bool {
        match self {
            Self::Outbox(error) | Self::Post(PostError::Outbox(error)) => error.is_disk_full(),
            _ => false,
        }
    }
}

/// Serves and posts until the shutdown future ends; then finishes the requests at work.
pub fn serve(config: Config, listeners: Listeners, shutdown: Shutdown) -> Running<ServeError> {
    serve_by(config, listeners, shutdown, Clock::system())
}

/// The same by another clock.
pub fn serve_by(config: Config, listeners: Listeners, shutdown: Shutdown, clock: Clock) -> Running<ServeError> {
    Box::pin(async move {
        let door = Door::open(&config, listeners.address()?)?;
        let host = Host::start("gateway", &config.server, &config.data, listeners)?;
        let opened = async {
            let sealer = Arc::new(post::sealer(&config)?);
            let outbox = Outbox::open(&config.data, &sealer.owner()).await?;
            Spool::open(outbox, sealer, &config.gateway.spool_key).await
        };
        let (host, spool) = host.opening(opened).await?;
        let spool = Arc::new(spool);
        let (stop, stopped) = watch::channel(false);
        let rounds = tokio::spawn(Rounds::new(Arc::clone(&spool), clock)?.run(stopped.clone()));
        let app = routes::router(Arc::clone(&spool), door, clock, config.gateway.import.as_deref())?;
        host.open_explained(app, Arc::new(vitals::Seen::by(&host, Arc::clone(&spool))), None, routes::explain);
        let shutdown = async move {
            shutdown.await;
            // Fails only if the rounds have ended.
            let _ = stop.send(true);
        };
        host.until(Box::pin(shutdown)).await;
        // A round is safe to be left at any point.
        rounds.abort();
        drop(rounds.await);
        spool.outbox.checkpoint().await?;
        Ok(())
    })
}
