//! Members, a real server on loopback, and those who would like to be let in.

#![allow(clippy::unwrap_used, reason = "a fixture that cannot be made is a test that fails")]

mod assertions;
mod calls;
mod consortium;
mod directory;
#[path = "../../../hosting/tests/hosting/founding.rs"]
mod founding;
mod requests;
mod server;
mod tokens;
