//! Servers as operators, callers and strangers meet them. One program, since each takes long to build.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod documents;
mod hanging;
mod monitoring;
mod processes;
mod wire;
