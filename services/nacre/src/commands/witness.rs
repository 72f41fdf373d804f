//! `nacre witness`.

use std::process::ExitCode;

use anyhow::Context as _;
use tokio::net::TcpListener;

use crate::cli::WitnessCommand;

pub(super) async fn run(command: WitnessCommand) -> anyhow::Result<ExitCode> {
    let WitnessCommand::Serve { config } = command;
    let config = nacre_witness::Config::read(&config)?;
    let listener =
        TcpListener::bind(&config.listen).await.with_context(|| format!("cannot listen on {}", config.listen))?;
    eprintln!("witness {} listens on {}", config.name, listener.local_addr()?);
    nacre_witness::serve(config, listener, super::interrupted()).await?;
    Ok(ExitCode::SUCCESS)
}
