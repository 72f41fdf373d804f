//! The tests of the whole way, in one program: each program of tests links every server, which takes a core a minute or more.
//! One kind of them by its module: `cargo test --release -p nacre-tests --test all hostile::`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod catalogue;
mod circles;
mod corpora;
mod cross;
mod demo;
mod dependencies;
mod erasure;
mod faults;
mod flow;
mod gateway;
mod grants;
mod hostile;
mod hosting;
mod kill;
mod layers;
mod log;
mod mutation;
mod national;
mod openmhealth;
mod prose;
mod provider;
mod pseudonyms;
mod synthea;
mod topology;
