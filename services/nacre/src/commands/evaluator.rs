//! `nacre evaluator`.

use std::process::ExitCode;

use nacre_hosting::signals;

use crate::cli::EvaluatorCommand;

pub(super) async fn run(command: EvaluatorCommand) -> anyhow::Result<ExitCode> {
    let EvaluatorCommand::Serve { config } = command;
    let config = nacre_evaluator::Config::read(&config)?;
    let listeners = super::listen(format_args!("evaluator {}", config.member), &config.server).await?;
    nacre_evaluator::serve(config, listeners, signals::stop()).await?;
    Ok(ExitCode::SUCCESS)
}
