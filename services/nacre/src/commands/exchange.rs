//! `nacre exchange`.

use std::{process::ExitCode, sync::Arc};

use anyhow::Context as _;
use nacre_access::{client::Client, client::ClientError, key::AccessKey};
use nacre_exchange::Config;
use nacre_schemas::{entry::SealEntry, id::ChainId};
use serde::Serialize;

use nacre_hosting::signals;
use nacre_wire::exchange::{OfChain, POST_SEAL};

use super::{Output, check, register};
use crate::{cli::ExchangeCommand, output};

pub(super) async fn run(command: ExchangeCommand, output: Output) -> anyhow::Result<ExitCode> {
    match command {
        ExchangeCommand::Serve { config } => serve(Config::read(&config)?).await,
        ExchangeCommand::Check { config } => check::exchange(&config, output).await,
        ExchangeCommand::Seal { config } => {
            let seals = seal(&Config::read(&config)?).await?;
            output.print(&seals, || table(&seals))?;
            Ok(ExitCode::SUCCESS)
        }
        ExchangeCommand::Register(command) => register::of_exchange(command, output).await,
    }
}

async fn serve(config: Config) -> anyhow::Result<ExitCode> {
    let chains: Vec<String> = config.chains.iter().map(|chain| chain.id.to_string()).collect();
    let listeners = super::listen(format_args!("exchange of {}", chains.join(", ")), &config.server).await?;
    nacre_exchange::serve(config, listeners, Box::pin(signals::stop())).await?;
    Ok(ExitCode::SUCCESS)
}

/// What became of a chain's epoch.
#[derive(Debug, Serialize)]
pub struct Sealed {
    /// The chain.
    pub chain: ChainId,
    /// Its new seal; none if there was nothing to seal.
    pub seal: Option<SealEntry>,
}

/// Closes the epoch of every chain of a running exchange that has contributions.
pub async fn seal(config: &Config) -> anyhow::Result<Vec<Sealed>> {
    let operator = config.operator.as_ref().context("the configuration names no operator, who alone closes epochs")?;
    let key = AccessKey::read(&operator.access_key)?;
    let client = Client::new(&config.url, operator.member.clone(), Arc::new(key), &config.tls.read()?)?;
    let mut sealed = Vec::new();
    for chain in &config.chains {
        let seal = match client.get(POST_SEAL, &OfChain::new(&chain.id)).await {
            Ok(seal) => Some(seal),
            Err(ClientError::Problem(problem)) if problem.word() == "nothing-to-seal" => None,
            Err(error) => return Err(error).with_context(|| format!("cannot seal {}", chain.id)),
        };
        sealed.push(Sealed { chain: chain.id.clone(), seal });
    }
    Ok(sealed)
}

fn table(sealed: &[Sealed]) -> String {
    let mut table = output::table(&["chain", "seal", "leaves", "cells"]);
    for Sealed { chain, seal } in sealed {
        match seal {
            Some(seal) => table.add_row(vec![
                chain.to_string(),
                seal.number.to_string(),
                format!("{}..{}", seal.from, seal.to),
                seal.cells.to_string(),
            ]),
            None => table.add_row(vec![chain.to_string(), "nothing to seal".to_owned()]),
        };
    }
    table.to_string()
}
