//! What a network that was made looks like to its roles, wherever its folder lies.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use super::*;

fn plan() -> Plan {
    Plan {
        name: "test.nacre.local".to_owned(),
        topology: Topology::of_regions(&["440100".parse().unwrap(), "820000".parse().unwrap()]),
        tls: true,
        anchor_every_ms: 60_000,
        custodians: 3,
        threshold: 2,
        minimum_people: 11,
        person_system: "urn:test".to_owned(),
        cross: None,
    }
}

fn addresses(plan: &Plan) -> Addresses {
    let callers = plan.servers().into_iter().map(|server| (server, "127.0.0.1:1".to_owned())).collect();
    Addresses { callers, metrics: BTreeMap::new() }
}

/// Every path that a configuration names and that is there from the start.
fn of_all_roles(places: &Consortium) -> Vec<ConfigPath> {
    let mut paths = Vec::new();
    for path in places.exchanges.values() {
        let config = nacre_exchange::Config::read(path).unwrap();
        paths.extend([config.trust, config.members, config.operator.unwrap().access_key]);
        let tls = config.server.tls.unwrap();
        paths.extend([tls.certificate, tls.key, config.tls.ca.unwrap()]);
        paths.extend(config.chains.into_iter().map(|chain| chain.key));
    }
    for path in places.witnesses.values() {
        let config = nacre_witness::Config::read(path).unwrap();
        paths.extend([config.trust, config.members, config.signing_key, config.access_key]);
    }
    for path in places.custodians.values() {
        let config = nacre_custodian::Config::read(path).unwrap();
        paths.extend([config.trust, config.members, config.share, config.pseudonym_share.unwrap()]);
        paths.extend([config.signing_key, config.access_key]);
    }
    for path in places.providers.values() {
        let config = nacre_provider::Config::read(path).unwrap();
        paths.extend([config.trust, config.signing_key, config.access_key, config.record_key]);
        paths.extend([config.pseudonym_key, config.payload_key, config.tls.ca.unwrap()]);
    }
    let config = nacre_regulator::Config::read(&places.regulator).unwrap();
    paths.extend([config.trust, config.signing_key, config.access_key]);
    paths
}

#[test]
fn a_networks_folder_can_be_moved() {
    let (folder, plan) = (tempfile::tempdir().unwrap(), plan());
    let addresses = addresses(&plan);
    let [made, moved] = ["made", "moved"].map(|name| folder.path().join(name));
    init(&made, &plan, &addresses).unwrap();
    fs::rename(&made, &moved).unwrap();
    for path in of_all_roles(&Consortium::at(&moved, &plan)) {
        assert!(path.starts_with(&moved) && path.exists(), "{path:?}");
        assert!(path.written().is_relative(), "{:?}", path.written());
    }
}

#[test]
fn a_configuration_that_was_written_reads_as_itself() {
    let (folder, plan) = (tempfile::tempdir().unwrap(), plan());
    let addresses = addresses(&plan);
    let places = init(folder.path(), &plan, &addresses).unwrap();
    for path in places.providers.values() {
        let read = nacre_provider::Config::read(path).unwrap();
        assert!(!read.exchanges.is_empty(), "they stand below in one line");
        fs::write(path, config::to_text(&read).unwrap()).unwrap();
        assert_eq!(nacre_provider::Config::read(path).unwrap(), read);
    }
}
