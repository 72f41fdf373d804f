//! Hosting: what every role of a network takes to run, and is the same for all of them. Nothing of a role's own work is here.
//!
//! * [`config`]: a role's configuration file, read and written by one type.
//! * [`folder`]: a role's data folder, one process's at a time, and its registers beside it.
//! * [`file`]: files that are replaced as a whole, and reading under a cap.
//! * [`sqlite`]: a role's tables, opened so that they are durable and outlast a full disk.
//! * [`retry`]: how long to wait before something is tried again.
//! * [`secret`]: the files that hold keys and other secrets.
//! * [`key`]: signing keys, compared with what their holder is known by.
//! * [`trust`]: the trust root that a role goes by; [`roots`]: those it went by before, kept whole.

pub mod config;
pub mod file;
pub mod folder;
pub mod key;
pub mod retry;
pub mod roots;
pub mod secret;
pub mod sqlite;
pub mod trust;
