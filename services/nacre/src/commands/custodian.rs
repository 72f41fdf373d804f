//! `nacre custodian`.

use std::process::ExitCode;

use anyhow::Context as _;
use tokio::net::TcpListener;

use crate::cli::CustodianCommand;

pub(super) async fn run(command: CustodianCommand) -> anyhow::Result<ExitCode> {
    let CustodianCommand::Serve { config } = command;
    let config = nacre_custodian::Config::read(&config)?;
    let listener =
        TcpListener::bind(&config.listen).await.with_context(|| format!("cannot listen on {}", config.listen))?;
    eprintln!("custodian {}-{} listens on {}", config.jurisdiction, config.number, listener.local_addr()?);
    nacre_custodian::serve(config, listener, super::interrupted()).await?;
    Ok(ExitCode::SUCCESS)
}
