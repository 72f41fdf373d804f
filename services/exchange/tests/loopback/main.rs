//! An exchange on loopback, with real keys, proofs, logs and files.

// `allow-unwrap-in-tests` does not reach the functions that tests share.
#![allow(clippy::unwrap_used)]

mod batches;
mod crowds;
mod http;
mod network;
mod releases;
mod requests;
mod restarts;
mod seals;
mod witnesses;
