//! `nacre custodian`.

use std::{path::Path, process::ExitCode};

use anyhow::Context as _;
use tokio::net::TcpListener;

use super::{Output, ceremony, register};
use crate::cli::CustodianCommand;

pub(super) async fn run(command: CustodianCommand, output: Output) -> anyhow::Result<ExitCode> {
    match command {
        CustodianCommand::Serve { config } => serve(&config).await?,
        CustodianCommand::Register(command) => return register::of_custodian(command, output),
        CustodianCommand::Key { file } => ceremony::key(&file, output)?,
        CustodianCommand::Dkg(command) => ceremony::dkg(command, output)?,
        CustodianCommand::Reshare(command) => ceremony::reshare(command, output)?,
        CustodianCommand::Endorse(command) => ceremony::endorse(command, output)?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn serve(config: &Path) -> anyhow::Result<()> {
    let config = nacre_custodian::Config::read(config)?;
    let listener =
        TcpListener::bind(&config.listen).await.with_context(|| format!("cannot listen on {}", config.listen))?;
    eprintln!("custodian {}-{} listens on {}", config.jurisdiction, config.number, listener.local_addr()?);
    nacre_custodian::serve(config, listener, super::interrupted()).await?;
    Ok(())
}
