//! Members, a real server on loopback, and those who would like to be let in.

#![allow(clippy::unwrap_used, reason = "a fixture that cannot be made is a test that fails")]

mod assertions;
mod calls;
mod consortium;
mod directory;
mod requests;
mod roots;
mod server;
mod tokens;
