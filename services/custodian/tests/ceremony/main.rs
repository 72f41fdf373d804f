//! Ceremonies between hosts: what is interrupted goes on, what is missing is named, and so is everyone who cheats.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cheats;
mod endorsing;
mod resharing;
mod rig;

use std::fs;

use nacre_custodian::ceremony::{Agreement, CeremonyError, Folder, Session};
use nacre_ledger::signing::SigningKey;
use nacre_zk::custody::{endorse, verify_endorsement};
use rand::rngs::OsRng;

use rig::{Host, agree, bring, carry, content, custodians, restore, run};

const CEREMONY: &str = "dkg";

#[test]
fn custodians_on_hosts_of_their_own_come_to_one_key() {
    let hosts = custodians(5);
    let hosts: Vec<&Host> = hosts.iter().collect();
    agree(&hosts, 3, CEREMONY);
    let finished = run(&hosts, CEREMONY);
    let keys = finished[0].keys.clone().unwrap();
    assert_eq!((keys.threshold(), keys.verifying_shares().len()), (3, 5));
    for (host, finished) in hosts.iter().zip(&finished) {
        assert_eq!(finished.keys.as_ref(), Some(&keys));
        assert!(finished.waiting.is_empty());
        assert!(host.secrets(CEREMONY).is_empty(), "nothing secret is left but the share");
    }
    let shares: Vec<_> =
        [4, 0, 2].map(|place| hosts[place].share(CEREMONY, place as u16 + 1, &keys)).into_iter().collect();
    let signature = endorse(&shares.iter().collect::<Vec<_>>(), b"root", &mut OsRng).unwrap();
    assert_eq!(verify_endorsement(&keys.group_key(), b"root", &signature), Ok(()));
}

#[test]
fn each_step_can_be_run_again_and_sends_the_same() {
    let hosts = custodians(3);
    let hosts: Vec<&Host> = hosts.iter().collect();
    agree(&hosts, 2, CEREMONY);
    for host in &hosts {
        let path = host.round_1(CEREMONY).unwrap();
        let first = content(&path);
        assert_eq!(content(&host.round_1(CEREMONY).unwrap()), first);
        // Stopped between keeping its secrets and sending: the same message again, not another.
        fs::remove_file(&path).unwrap();
        assert_eq!(content(&host.round_1(CEREMONY).unwrap()), first);
    }
    carry(&hosts, CEREMONY);
    for host in &hosts {
        // Stopped between dealing and destroying the polynomial: the file is there still.
        let kept = content(&host.path(CEREMONY, "secret/round-1.hex"));
        let sent: Vec<_> = host.round_2(CEREMONY).unwrap().iter().map(|path| content(path)).collect();
        restore(&host.path(CEREMONY, "secret/round-1.hex"), kept.as_ref());
        let again: Vec<_> = host.round_2(CEREMONY).unwrap().iter().map(|path| content(path)).collect();
        assert_eq!(sent, again);
        assert_eq!(host.secrets(CEREMONY), ["round-2.hex"]);
        // Round 1 does not begin anew once it is over.
        host.round_1(CEREMONY).unwrap();
        assert_eq!(host.secrets(CEREMONY), ["round-2.hex"]);
    }
    carry(&hosts, CEREMONY);
    for host in &hosts {
        // Stopped between writing the share and the result.
        let kept = content(&host.path(CEREMONY, "secret/round-2.hex"));
        let first = host.finish(CEREMONY).unwrap();
        let share = content(&host.folder(CEREMONY).share());
        restore(&host.path(CEREMONY, "secret/round-2.hex"), kept.as_ref());
        fs::remove_file(host.path(CEREMONY, &format!("out/{}.result.json", host.name))).unwrap();
        let again = host.finish(CEREMONY).unwrap();
        assert_eq!(first.keys, again.keys);
        assert_eq!(content(&host.folder(CEREMONY).share()), share);
        assert!(host.secrets(CEREMONY).is_empty());
    }
    carry(&hosts, CEREMONY);
    assert!(hosts.iter().all(|host| host.finish(CEREMONY).unwrap().waiting.is_empty()));
}

#[test]
fn the_largest_ceremony_fits_every_limit() {
    let count = nacre_schemas::limits::MAX_CUSTODIANS as u16;
    let hosts = custodians(count);
    let hosts: Vec<&Host> = hosts.iter().collect();
    agree(&hosts, count, CEREMONY);
    hosts.iter().for_each(|host| drop(host.round_1(CEREMONY).unwrap()));
    carry(&hosts, CEREMONY);
    hosts.iter().for_each(|host| drop(host.round_2(CEREMONY).unwrap()));
    hosts[1..].iter().for_each(|host| bring(host, hosts[0], CEREMONY));
    let keys = hosts[0].finish(CEREMONY).unwrap().keys.unwrap();
    assert_eq!((keys.threshold(), keys.verifying_shares().len()), (count, count.into()));
}

#[test]
fn dealings_made_again_after_an_interruption_are_the_same_dealings() {
    let hosts = custodians(3);
    let hosts: Vec<&Host> = hosts.iter().collect();
    agree(&hosts, 2, CEREMONY);
    hosts.iter().for_each(|host| drop(host.round_1(CEREMONY).unwrap()));
    carry(&hosts, CEREMONY);
    let kept = content(&hosts[0].path(CEREMONY, "secret/round-1.hex"));
    hosts.iter().for_each(|host| drop(host.round_2(CEREMONY).unwrap()));
    bring(hosts[0], hosts[1], CEREMONY);
    // The first host's disk is set back to before round 2, after one of its dealings got out.
    fs::remove_file(hosts[0].path(CEREMONY, "secret/round-2.hex")).unwrap();
    restore(&hosts[0].path(CEREMONY, "secret/round-1.hex"), kept.as_ref());
    hosts[0].round_2(CEREMONY).unwrap();
    bring(hosts[0], hosts[2], CEREMONY);
    for (from, to) in [(1, 0), (1, 2), (2, 0), (2, 1)] {
        bring(hosts[from], hosts[to], CEREMONY);
    }
    let keys: Vec<_> = hosts.iter().map(|host| host.finish(CEREMONY).unwrap().keys).collect();
    assert!(keys.iter().all(|other| *other == keys[0]));
}

#[test]
fn a_stalled_step_says_whose_message_it_waits_for() {
    let hosts = custodians(3);
    let hosts: Vec<&Host> = hosts.iter().collect();
    agree(&hosts, 2, CEREMONY);
    assert!(matches!(hosts[0].round_2(CEREMONY), Err(CeremonyError::Early("round 1"))));
    assert!(matches!(hosts[0].finish(CEREMONY), Err(CeremonyError::Early("round 2"))));
    hosts[0].round_1(CEREMONY).unwrap();
    hosts[1].round_1(CEREMONY).unwrap();
    bring(hosts[1], hosts[0], CEREMONY);
    let error = hosts[0].round_2(CEREMONY).unwrap_err().to_string();
    assert_eq!(error, "waiting for round-1 of custodian 3 (custodian-3)");
    hosts[2].round_1(CEREMONY).unwrap();
    carry(&hosts, CEREMONY);
    hosts.iter().for_each(|host| drop(host.round_2(CEREMONY).unwrap()));
    let error = hosts[0].finish(CEREMONY).unwrap_err().to_string();
    assert_eq!(error, "waiting for round-2 of custodian 2 (custodian-2), custodian 3 (custodian-3)");
    carry(&hosts, CEREMONY);
    let waiting = hosts[0].finish(CEREMONY).unwrap().waiting;
    assert_eq!(waiting, ["custodian 2 (custodian-2)", "custodian 3 (custodian-3)"]);
}

#[test]
fn what_is_kept_is_for_its_owner_alone_and_a_share_is_not_replaced() {
    use std::os::unix::fs::PermissionsExt as _;
    let hosts = custodians(2);
    let hosts: Vec<&Host> = hosts.iter().collect();
    agree(&hosts, 2, CEREMONY);
    hosts.iter().for_each(|host| drop(host.round_1(CEREMONY).unwrap()));
    let mode = |path: &str| fs::metadata(hosts[0].path(CEREMONY, path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("secret"), mode("secret/round-1.hex")), (0o700, 0o600));
    carry(&hosts, CEREMONY);
    hosts.iter().for_each(|host| drop(host.round_2(CEREMONY).unwrap()));
    carry(&hosts, CEREMONY);
    nacre_hosting::secret::write(&hosts[0].folder(CEREMONY).share(), &[7; 32]).unwrap();
    assert!(matches!(hosts[0].finish(CEREMONY), Err(CeremonyError::OtherShare(_))));
    hosts[1].finish(CEREMONY).unwrap();
    assert_eq!(mode("secret/round-2.hex"), 0o600);
    // Exposed to others, a secret is refused and not used.
    fs::set_permissions(hosts[0].path(CEREMONY, "secret/round-2.hex"), fs::Permissions::from_mode(0o644)).unwrap();
    assert!(matches!(hosts[0].finish(CEREMONY), Err(CeremonyError::Secret(_))));
}

#[test]
fn only_those_who_were_agreed_on_take_part_and_a_digest_is_compared() {
    let hosts = custodians(2);
    let hosts: Vec<&Host> = hosts.iter().collect();
    agree(&hosts, 2, CEREMONY);
    let stranger = SigningKey::generate().unwrap();
    let opened = Session::open(hosts[0].folder(CEREMONY), &stranger);
    assert!(matches!(opened.err(), Some(CeremonyError::NotTakingPart(_))));
    let agreement = Agreement::read(&hosts[0].folder(CEREMONY)).unwrap();
    let digest = agreement.digest().to_string();
    assert!(agreement.confirm(&digest).is_ok() && agreement.confirm(&digest[..16]).is_ok());
    assert!(agreement.confirm(&digest[..15]).is_err() && agreement.confirm(&digest[1..]).is_err());
    let written = agreement.write(&hosts[0].folder(CEREMONY));
    assert!(matches!(written, Err(CeremonyError::Agreement { .. })), "an agreement is not replaced");
}

#[test]
fn an_agreement_that_cannot_be_carried_out_is_refused() {
    let hosts = custodians(3);
    let hosts: Vec<&Host> = hosts.iter().collect();
    agree(&hosts, 2, CEREMONY);
    let text = fs::read_to_string(hosts[0].folder(CEREMONY).agreement()).unwrap();
    let key = hosts[1].key.public().to_string();
    let (name, other) = ("name = \"custodian-2\"", "name = \"custodian-3\"");
    let changes = [
        (name, other),
        (key.as_str(), &hosts[2].key.public().to_string()),
        ("receives = 2", "receives = 3"),
        ("receives = 2", "receives = 4"),
        ("receives = 2", ""),
        ("deals = 2", ""),
        ("threshold = 2", "treshold = 2"),
    ];
    for (from, to) in changes {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("ceremony.toml"), text.replacen(from, to, 1)).unwrap();
        let error = Agreement::read(&Folder::at(folder.path())).err();
        assert!(matches!(error, Some(CeremonyError::Agreement { .. })), "{from} as {to}");
    }
}
