//! `nacre ROLE check`: what a server would do with its configuration, and what it lacks, without serving.

use std::{collections::BTreeMap, path::Path, process::ExitCode};

use nacre_access::members::Members;
use nacre_hosting::{check::Check, key, server::ServerConfig, tls::ClientTlsConfig, trust};
use nacre_schemas::{
    id::{ChainId, MemberId},
    trust::WitnessKind,
};
use nacre_verifier::Network;

use super::Output;
use crate::output;

/// Prints what was found; the exit code says whether anything is lacking.
fn conclude(check: &Check, output: Output) -> anyhow::Result<ExitCode> {
    output.print(check, || {
        let mut table = output::table(&["", "", "found"]);
        for finding in &check.findings {
            let sign = if finding.will_do { "ok" } else { "LACKS" };
            table.add_row(vec![finding.what.as_str(), sign, finding.found.as_str()]);
        }
        table.to_string()
    })?;
    Ok(if check.is_ready() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What is the same for every server: its sockets and certificate, how it calls others, its folder.
async fn of_all(server: &ServerConfig, tls: &ClientTlsConfig, data: &Path) -> Check {
    let mut check = Check::default();
    check.server(server).await;
    check.client_tls(tls);
    check.folder("data", data, server.least_free_mib);
    check
}

/// The trust root and the admissions that a server goes by.
fn network(check: &mut Check, trust: &Path, members: &Path) -> Option<(Network, Members)> {
    let network = check.read("trust root", trust::read(trust), |network| {
        let root = network.root();
        format!("{}, serial {}, {} chains", root.network, root.serial, root.chains.len())
    })?;
    let members = check.read("members", Members::load(members, &network), |members| {
        format!("{} admissions", members.iter().count())
    })?;
    Some((network, members))
}

fn access_key(check: &mut Check, members: &Members, member: &MemberId, path: &Path) {
    check.read("access key", members.read_access_key(member, path), |_| format!("of {member}"));
}

/// That it is known where the exchanges of these chains are.
fn exchanges<'c>(check: &mut Check, known: &BTreeMap<ChainId, String>, wanted: impl Iterator<Item = &'c ChainId>) {
    let missing: Vec<&str> = wanted.filter(|chain| !known.contains_key(*chain)).map(ChainId::as_str).collect();
    match missing.as_slice() {
        [] => check.holds("exchanges", format!("of {} chains", known.len())),
        missing => check.lacks("exchanges", format!("`[exchanges]` does not say where {} is", missing.join(", "))),
    }
}

pub(super) async fn exchange(config: &Path, output: Output) -> anyhow::Result<ExitCode> {
    let config = nacre_exchange::Config::read(config)?;
    let mut check = of_all(&config.server, &config.tls, &config.data).await;
    check.folder("registers", &config.registers, 0);
    if let Some((network, members)) = network(&mut check, &config.trust, &config.members) {
        for hosted in &config.chains {
            let what = hosted.id.as_str();
            let Some(facts) = network.root().chain(&hosted.id) else {
                check.lacks(what, "the trust root has no such chain");
                continue;
            };
            let read = key::read_signing_of(&hosted.key, &facts.signing_key, &hosted.id);
            check.read(what, read, |_| "its key is the one that the trust root names".to_owned());
            let names = facts.witnesses.iter().map(|witness| &witness.name);
            let away: Vec<&str> =
                names.filter(|name| !config.witnesses.contains_key(*name)).map(MemberId::as_str).collect();
            if !away.is_empty() {
                check.lacks(what, format!("`[witnesses]` does not say where {} is", away.join(", ")));
            }
            for parent in facts.parents.iter().filter(|parent| !config.parents.contains_key(*parent)) {
                check.lacks(what, format!("`[parents]` does not say where {parent} is, which it is anchored in"));
            }
        }
        match &config.operator {
            Some(operator) => access_key(&mut check, &members, &operator.member, &operator.access_key),
            None => check.holds("operator", "none: epochs are closed and chains anchored by nobody here"),
        }
    }
    conclude(&check, output)
}

pub(super) async fn witness(config: &Path, output: Output) -> anyhow::Result<ExitCode> {
    let config = nacre_witness::Config::read(config)?;
    let mut check = of_all(&config.server, &config.tls, &config.data).await;
    check.folder("registers", &config.registers(), 0);
    if let Some((network, members)) = network(&mut check, &config.trust, &config.members) {
        let of_own = |chain: &nacre_schemas::trust::Chain| {
            let listed = chain.witnesses.iter().find(|witness| witness.name == config.name)?;
            Some((chain.id.clone(), listed.kind, listed.signing_key))
        };
        let listed: Vec<_> = network.root().chains.iter().filter_map(of_own).collect();
        match listed.first() {
            None => check.lacks("chains", format!("no chain of the trust root lists {} as a witness", config.name)),
            Some((_, _, known)) => {
                check.holds("chains", format!("{} list it", listed.len()));
                let read = key::read_signing_of(&config.signing_key, known, &config.name);
                check.read("signing key", read, |_| "the one that the chains list".to_owned());
            }
        }
        let full = listed.iter().filter(|(_, kind, _)| *kind == WitnessKind::Full).map(|(id, _, _)| id);
        exchanges(&mut check, &config.exchanges, full);
        access_key(&mut check, &members, &config.name, &config.access_key);
    }
    conclude(&check, output)
}

pub(super) async fn custodian(config: &Path, output: Output) -> anyhow::Result<ExitCode> {
    let config = nacre_custodian::Config::read(config)?;
    let mut check = of_all(&config.server, &config.tls, &config.data).await;
    check.folder("registers", &config.registers(), 0);
    if let Some((network, members)) = network(&mut check, &config.trust, &config.members) {
        let keys = nacre_custodian::Custodian::check_keys(&config, &network);
        check.read("shares and signing key", keys, |id| format!("those that the trust root knows {id} by"));
        access_key(&mut check, &members, &config.member, &config.access_key);
        let root = network.root();
        let wanted = root.chains.iter().filter(|chain| chain.region.is_some()).map(|chain| &chain.id);
        exchanges(&mut check, &config.exchanges, wanted);
    }
    conclude(&check, output)
}

pub(super) async fn evaluator(config: &Path, output: Output) -> anyhow::Result<ExitCode> {
    let config = nacre_evaluator::Config::read(config)?;
    let mut check = of_all(&config.server, &config.tls, &config.data).await;
    if let Some((network, members)) = network(&mut check, &config.trust, &config.members) {
        match members.find(&config.member) {
            None => check.lacks("admission", format!("{} is not among the members", config.member)),
            Some(admission) => {
                let known = &admission.statement.signing_key;
                let read = key::read_signing_of(&config.signing_key, known, &config.member);
                check.read("signing key", read, |_| "the one that it was admitted with".to_owned());
            }
        }
        access_key(&mut check, &members, &config.member, &config.access_key);
        let wanted = network.root().chains.iter().filter(|chain| chain.region.is_some()).map(|chain| &chain.id);
        exchanges(&mut check, &config.exchanges, wanted);
        match (&network.root().cross, std::fs::metadata(&config.keys)) {
            (None, _) => check.lacks("cross lane", "the trust root has none"),
            (Some(_), Ok(found)) => {
                check.holds(
                    "evaluation keys",
                    format!("{} MB; compared with the trust root at the start", found.len() / 1_000_000),
                );
            }
            (Some(_), Err(error)) => check.lacks("evaluation keys", format!("{}: {error}", config.keys.display())),
        }
    }
    conclude(&check, output)
}

pub(super) async fn provider(config: &Path, output: Output) -> anyhow::Result<ExitCode> {
    let config = nacre_provider::Config::read(config)?;
    let mut check = of_all(&config.server, &config.tls, &config.data).await;
    let read = trust::read(&config.trust);
    if let Some(network) = check.read("trust root", read, |network| network.root().network.to_string()) {
        let chain = network.root().chain(&config.chain);
        match chain.is_some_and(|chain| chain.region == Some(config.region)) {
            true => check.holds("chain", format!("{} counts the people of {}", config.chain, config.region)),
            false => check.lacks("chain", format!("the trust root has no {} for {}", config.chain, config.region)),
        }
    }
    check.read("keys", nacre_provider::check_keys(&config), |()| "all of them can be read".to_owned());
    conclude(&check, output)
}
