//! Hosting: what every role of a network takes to run, and is the same for all of them. Nothing of a role's own work is here.
//!
//! * [`config`]: a role's configuration file, read and written by one type; [`server`]: how it is reached.
//! * [`host`]: a server from its start to its end; health, metrics, signals. [`load`]: bounds on what is at work.
//! * [`folder`]: a role's data folder, one process's at a time, and its registers beside it.
//! * [`mod@file`]: files that are replaced as a whole, and reading under a cap.
//! * [`sqlite`]: a role's tables, opened so that they are durable and outlast a full disk.
//! * [`retry`]: how long to wait before something is tried again.
//! * [`secret`]: the files that hold keys and other secrets. [`key`]: signing keys, compared with what their holder is known by.
//! * [`trust`]: the trust root that a role goes by; [`roots`]: those it went by before, kept whole.
//! * [`check`]: what a server would do and lacks, without serving.
//! * [`tls`]: certificates, both sides.
//! * [`mount`]: routes of the wire, with what every one of them does; [`body`], [`problem`], [`request_id`]: what is the same for every request.
//! * [`logs`]: the process's log.

pub mod body;
pub mod check;
pub mod config;
pub mod file;
pub mod folder;
mod held;
pub mod host;
pub mod key;
pub mod load;
pub mod logs;
mod metrics;
pub mod mount;
pub mod problem;
pub mod ready;
mod reports;
pub mod request_id;
pub mod retry;
pub mod roots;
pub mod secret;
mod serve;
pub mod server;
pub mod signals;
pub mod sqlite;
pub mod tls;
pub mod trust;

use held::body_holding;
pub use metrics::Gauges;
