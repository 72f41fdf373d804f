//! `nacre evaluator`.

use std::{path::Path, process::ExitCode};

use nacre_hosting::signals;

use super::{Output, check};
use crate::cli::EvaluatorCommand;

pub(super) async fn run(command: EvaluatorCommand, output: Output) -> anyhow::Result<ExitCode> {
    match command {
        EvaluatorCommand::Serve { config } => serve(&config).await,
        EvaluatorCommand::Check { config } => check::evaluator(&config, output).await,
    }
}

async fn serve(config: &Path) -> anyhow::Result<ExitCode> {
    let config = nacre_evaluator::Config::read(config)?;
    let listeners = super::listen(format_args!("evaluator {}", config.member), &config.server).await?;
    nacre_evaluator::serve(config, listeners, Box::pin(signals::stop())).await?;
    Ok(ExitCode::SUCCESS)
}
