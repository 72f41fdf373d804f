//! `nacre witness`.

use std::{path::Path, process::ExitCode};

use anyhow::Context as _;
use tokio::net::TcpListener;

use super::{Output, register};
use crate::cli::WitnessCommand;

pub(super) async fn run(command: WitnessCommand, output: Output) -> anyhow::Result<ExitCode> {
    match command {
        WitnessCommand::Serve { config } => serve(&config).await,
        WitnessCommand::Register(command) => register::of_witness(command, output).await,
    }
}

async fn serve(config: &Path) -> anyhow::Result<ExitCode> {
    let config = nacre_witness::Config::read(config)?;
    let listener =
        TcpListener::bind(&config.listen).await.with_context(|| format!("cannot listen on {}", config.listen))?;
    eprintln!("witness {} listens on {}", config.name, listener.local_addr()?);
    nacre_witness::serve(config, listener, super::interrupted()).await?;
    Ok(ExitCode::SUCCESS)
}
