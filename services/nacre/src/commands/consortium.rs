//! `nacre consortium`.

use std::{collections::BTreeMap, path::Path, process::ExitCode};

use anyhow::Context as _;
use nacre_hosting::{config, file};
use nacre_schemas::topology::Topology;

use super::Output;
use crate::{
    cli::{ConsortiumCommand, InitArgs},
    consortium::{self, Addresses, CrossPlan, Plan},
    known_leaks,
};

pub(super) fn run(command: ConsortiumCommand, output: Output) -> anyhow::Result<ExitCode> {
    let ConsortiumCommand::Init(args) = command;
    init(args, output)
}

fn topology(args: &InitArgs) -> anyhow::Result<Topology> {
    let topology = match args.topology.as_deref() {
        None => Topology::of_regions(&args.regions),
        Some("gba") => Topology::gba(),
        Some(path) => {
            let text = file::read_text(Path::new(path), config::MAX_BYTES);
            let text = text.context("a topology is a file, or `gba`, which is built in")?;
            Topology::from_toml(&text).with_context(|| path.to_owned())?
        }
    };
    Ok(if args.one_exchange { topology.on_one_server("all") } else { topology })
}

fn init(args: InitArgs, output: Output) -> anyhow::Result<ExitCode> {
    let topology = topology(&args)?;
    let plan = Plan {
        name: "nacre.local".to_owned(),
        topology,
        tls: !args.plain_http,
        anchor_every_ms: args.anchor_every_ms,
        custodians: 3,
        threshold: 2,
        minimum_people: args.minimum_people,
        person_system: args.person_system,
        cross: args.cross_lane.cross_lane_with_known_leaks.then_some(CrossPlan {
            regions: Vec::new(),
            measures: args.cross_measures,
            from: args.cross_from,
        }),
    };
    let mut addresses = Addresses::default();
    let at = |first: u16, offset, option| {
        let port =
            first.checked_add(offset).with_context(|| format!("the ports run past 65535; choose a lower {option}"));
        port.map(|port| format!("127.0.0.1:{port}"))
    };
    for (offset, server) in plan.servers().into_iter().enumerate() {
        let offset = u16::try_from(offset).context("too many servers")?;
        addresses.metrics.insert(server.clone(), at(args.metrics_port, offset, "--metrics-port")?);
        addresses.callers.insert(server, at(args.port, offset, "--port")?);
    }
    let places = consortium::init(&args.dir, &plan, &addresses)?;
    output.print(&places, || {
        let dir = args.dir.display();
        let list = |configs: &BTreeMap<String, std::path::PathBuf>| {
            configs.values().map(|path| format!("  {}\n", path.display())).collect::<String>()
        };
        let lane = match places.evaluators.is_empty() {
            true => String::new(),
            false => format!(
                "\n\nEvaluators (nacre evaluator serve …):\n{}\nTHE CROSS LANE IS ON, for invented data only. What is known to leak:\n{}",
                list(&places.evaluators),
                known_leaks::listed("  - "),
            ),
        };
        format!(
            "A network for trying out is in {dir}. NOT FOR PRODUCTION: every secret of every role was made here.\n\n\
             Trust root:  {}\n\nExchanges (nacre exchange serve …):\n{}\nWitnesses (nacre witness serve …):\n{}\nCustodians (nacre custodian serve …):\n{}\n\
             Providers (nacre provider post … FILES):\n{}\nRegulator (nacre query …):\n  {}{lane}",
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
