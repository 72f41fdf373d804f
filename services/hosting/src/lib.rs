//! Hosting: what every role of a network takes to run, and is the same for all of them. Nothing of a role's own work is here.
//!
//! * [`config`]: a role's configuration file, read and written by one type.
//! * [`secret`]: the files that hold keys and other secrets.
//! * [`folder`]: a role's data folder, one process's at a time, and its registers beside it.
//! * [`roots`]: the trust roots that a role has gone by, kept whole.

pub mod config;
pub mod folder;
pub mod roots;
pub mod secret;
