//! What each command does. One file a role.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use nacre_hosting::server::{Listeners, ServerConfig};
use nacre_pages::Language;
use serde::Serialize;

use crate::cli::{Cli, Command};

mod ceremony;
mod check;
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
mod register;
mod trust;
pub mod verify;
mod witness;

/// Runs a command; its exit code says whether all went well.
pub(crate) async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let language = cli.lang.unwrap_or_else(|| Language::of_environment(|name| std::env::var(name).ok()));
    let output = Output { json: cli.json, language };
    match cli.command {
        Command::Demo(args) => crate::demo::run(&args, output).await,
        Command::Consortium(command) => consortium::run(command, output),
        Command::Exchange(command) => exchange::run(command, output).await,
        Command::Log(command) => log::run(command, output).await,
        Command::Witness(command) => witness::run(command, output).await,
        Command::Evaluator(command) => evaluator::run(command, output).await,
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
    /// One JSON value, which is the same in every language.
    pub json: bool,
    /// The language of text for people.
    pub language: Language,
}

impl Output {
    /// One JSON value. What is left in files for people is in English.
    pub fn for_machines() -> Self {
        Self { json: true, language: Language::English }
    }

    /// Prints the result in the form that was asked for.
    pub fn print<T: Serialize>(self, value: &T, text: impl FnOnce() -> String) -> anyhow::Result<()> {
        write_line(if self.json { serde_json::to_string_pretty(value)? } else { text() })?;
        Ok(())
    }

    /// Prints a line for people only.
    pub fn say(self, line: impl std::fmt::Display) {
        if !self.json {
            // A line beside the result, which says by itself whether it was written.
            let _ = write_line(line);
        }
    }
}

/// Writes a line to standard output. Whoever reads it may have seen enough and gone, as `head` does: that is no error.
fn write_line(line: impl std::fmt::Display) -> io::Result<()> {
    match writeln!(io::stdout(), "{line}") {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

/// An error with its causes, in one line; a cause that is in the text already is not said again.
pub(crate) fn explain(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |text, cause| match text.as_str() {
        "" => cause,
        said if said.contains(&cause) => text,
        said => format!("{said}: {cause}"),
    })
}

/// Listens where the configuration says, and tells people where that is.
async fn listen(who: impl std::fmt::Display, config: &ServerConfig) -> anyhow::Result<Listeners> {
    let listeners = Listeners::bind(config).await?;
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    eprintln!("{who} listens on {scheme}://{}", listeners.address()?);
    Ok(listeners)
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn a_cause_is_said_once() {
        let cause = || io::Error::other("no such host");
        let told = anyhow::anyhow!(cause()).context("region/820000: no such host").context("cannot post");
        assert_eq!(explain(&told), "cannot post: region/820000: no such host");
        let untold = Err::<(), _>(cause()).context("cannot post").unwrap_err();
        assert_eq!(explain(&untold), "cannot post: no such host");
    }
}
