//! `nacre witness`.

use std::{path::Path, process::ExitCode};

use nacre_hosting::signals;

use super::{Output, check, register};
use crate::cli::WitnessCommand;

pub(super) async fn run(command: WitnessCommand, output: Output) -> anyhow::Result<ExitCode> {
    match command {
        WitnessCommand::Serve { config } => serve(&config).await,
        WitnessCommand::Check { config } => check::witness(&config, output).await,
        WitnessCommand::Register(command) => register::of_witness(command, output).await,
    }
}

async fn serve(config: &Path) -> anyhow::Result<ExitCode> {
    let config = nacre_witness::Config::read(config)?;
    let listeners = super::listen(format_args!("witness {}", config.name), &config.server).await?;
    nacre_witness::serve(config, listeners, Box::pin(signals::stop())).await?;
    Ok(ExitCode::SUCCESS)
}
