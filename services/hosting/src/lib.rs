//! Hosting: what every role of a network takes to run, and is the same for all of them. Nothing of a role's own work is here.
//!
//! * [`config`]: a role's configuration file, read and written by one type.

pub mod config;
