//! The one binary of Nacre, as a library: networks for trying out, the demo, and what each command does.
//!
//! Kept true: a command prints for people on standard output unless `--json` is given, then one JSON value; progress
//! and warnings go to standard error. What fails says what, where, and what to do, and ends with status 1; a
//! release that does not verify with status 2.

pub mod assembly;
pub mod cli;
pub mod commands;
pub mod consortium;
pub mod demo;
pub mod known_leaks;
pub mod output;
pub mod progress;
pub mod servers;
