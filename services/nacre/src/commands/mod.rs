//! What each command does. One file a role.

use std::process::ExitCode;

use serde::Serialize;

use crate::cli::{Cli, Command};

mod ceremony;
mod consortium;
mod cross;
mod custodian;
pub mod dispute;
mod evaluator;
mod evidence;
pub mod exchange;
mod log;
mod provider;
mod query;
mod recompute;
mod trust;
pub mod verify;
mod witness;

/// Runs a command; its exit code says whether all went well.
pub async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let output = Output { json: cli.json };
    match cli.command {
        Command::Demo(args) => crate::demo::run(&args, output).await,
        Command::Consortium(command) => consortium::run(command, output),
        Command::Exchange(command) => exchange::run(command, output).await,
        Command::Log(command) => log::run(command, output).await,
        Command::Witness(command) => witness::run(command).await,
        Command::Evaluator(command) => evaluator::run(command).await,
        Command::Custodian(command) => custodian::run(command, output).await,
        Command::Trust(command) => trust::run(command, output).map(|()| ExitCode::SUCCESS),
        Command::Provider(command) => provider::run(command, output).await,
        Command::Query(args) => query::run(args, output).await,
        Command::Evidence(args) => evidence::run(&args, output).await,
        Command::Dispute(args) => dispute::run(&args, output).await,
        Command::Verify(args) => verify::run(&args, output),
        Command::Recompute(args) => recompute::run(&args, output),
    }
}

/// Where a command's result goes: text for people, or one JSON value.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// One JSON value.
    pub json: bool,
}

impl Output {
    /// Prints the result in the form that was asked for.
    pub fn print<T: Serialize>(self, value: &T, text: impl FnOnce() -> String) -> anyhow::Result<()> {
        if self.json {
            println!("{}", serde_json::to_string_pretty(value)?);
        } else {
            println!("{}", text());
        }
        Ok(())
    }

    /// Prints a line for people only.
    pub fn say(self, line: impl std::fmt::Display) {
        if !self.json {
            println!("{line}");
        }
    }
}

/// Resolves at the first interrupt or termination.
async fn interrupted() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = interrupt => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    // Without a handler there is no orderly stop; the process then ends when it is killed.
    if interrupt.await.is_err() {
        std::future::pending::<()>().await;
    }
}
