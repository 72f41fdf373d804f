//! `nacre custodian`.

use std::{path::Path, process::ExitCode};

use nacre_hosting::signals;

use super::{Output, ceremony, check, register};
use crate::cli::CustodianCommand;

pub(super) async fn run(command: CustodianCommand, output: Output) -> anyhow::Result<ExitCode> {
    match command {
        CustodianCommand::Serve { config } => serve(&config).await?,
        CustodianCommand::Check { config } => return check::custodian(&config, output).await,
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
    let listeners =
        super::listen(format_args!("custodian {}-{}", config.jurisdiction, config.number), &config.server).await?;
    nacre_custodian::serve(config, listeners, Box::pin(signals::stop())).await?;
    Ok(())
}
