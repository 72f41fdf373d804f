//! `nacre evaluator`.

use std::process::ExitCode;

use anyhow::Context as _;
use tokio::net::TcpListener;

use crate::cli::EvaluatorCommand;

pub(super) async fn run(command: EvaluatorCommand) -> anyhow::Result<ExitCode> {
    let EvaluatorCommand::Serve { config } = command;
    let config = nacre_evaluator::Config::read(&config)?;
    let listener =
        TcpListener::bind(&config.listen).await.with_context(|| format!("cannot listen on {}", config.listen))?;
    eprintln!("evaluator {} listens on {}", config.member, listener.local_addr()?);
    nacre_evaluator::serve(config, listener, super::interrupted()).await?;
    Ok(ExitCode::SUCCESS)
}
