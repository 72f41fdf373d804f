//! `nacre consortium`.

use std::{collections::BTreeMap, process::ExitCode};

use anyhow::Context as _;

use super::Output;
use crate::{
    cli::{ConsortiumCommand, InitArgs},
    consortium::{self, Plan},
};

pub(super) fn run(command: ConsortiumCommand, output: Output) -> anyhow::Result<ExitCode> {
    let ConsortiumCommand::Init(args) = command;
    init(args, output)
}

fn init(args: InitArgs, output: Output) -> anyhow::Result<ExitCode> {
    let mut regions = args.regions;
    regions.sort();
    regions.dedup();
    let plan = Plan {
        name: "nacre.local".to_owned(),
        regions,
        custodians: 3,
        threshold: 2,
        minimum_people: args.minimum_people,
        person_system: args.person_system,
    };
    let mut addresses = BTreeMap::new();
    for (offset, server) in plan.servers().into_iter().enumerate() {
        let offset = u16::try_from(offset).context("too many servers")?;
        let port = args.port.checked_add(offset).context("the ports run past 65535; choose a lower --port")?;
        addresses.insert(server, format!("127.0.0.1:{port}"));
    }
    let places = consortium::init(&args.dir, &plan, &addresses)?;
    output.print(&places, || {
        let dir = args.dir.display();
        let list = |configs: &BTreeMap<String, std::path::PathBuf>| {
            configs.values().map(|path| format!("  {}\n", path.display())).collect::<String>()
        };
        format!(
            "A network for trying out is in {dir}. NOT FOR PRODUCTION: every secret of every role was made here.\n\n\
             Trust root:  {}\n\nExchanges (nacre exchange serve …):\n{}\nWitnesses (nacre witness serve …):\n{}\nCustodians (nacre custodian serve …):\n{}\n\
             Providers (nacre provider post … FILES):\n{}\nRegulator (nacre query …):\n  {}",
            places.trust.display(),
            list(&places.exchanges),
            list(&places.witnesses),
            list(&places.custodians),
            list(&places.providers),
            places.regulator.display(),
        )
    })?;
    Ok(ExitCode::SUCCESS)
}
