//! Hosting: what every role of a network takes to run, and is the same for all of them. Nothing of a role's own work is here.
//!
//! * [`config`]: a role's configuration file, read and written by one type; [`server`]: how it is reached.
//! * [`host`]: a server from its start to its end; health, metrics, signals. [`load`]: bounds on what is at work.
//! * [`secret`]: the files that hold keys and other secrets. [`folder`]: a role's data folder, one process's at a time, and its
//!   registers beside it. [`roots`]: the trust roots that a role has gone by, kept whole.
//! * [`tls`]: certificates, both sides.
//! * [`body`], [`problem`], [`request_id`]: what is the same for every request.
//! * [`logs`]: the process's log.

pub mod body;
pub mod config;
pub mod folder;
mod held;
pub mod host;
pub mod load;
pub mod logs;
mod metrics;
pub mod problem;
pub mod ready;
mod reports;
pub mod request_id;
pub mod roots;
pub mod secret;
mod serve;
pub mod server;
pub mod signals;
pub mod tls;

pub use held::body_holding;
pub use metrics::Gauges;
