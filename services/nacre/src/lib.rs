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

use std::process::ExitCode;

use clap::Parser as _;

/// The program, from its arguments to its exit status. It is compiled here, so that programs around it are quickly built.
pub fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    if let Err(error) = nacre_hosting::logs::begin() {
        eprintln!("nacre: {error}");
        return ExitCode::FAILURE;
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("nacre: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(commands::run(cli)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("nacre: {}", commands::explain(&error));
            ExitCode::FAILURE
        }
    }
}
