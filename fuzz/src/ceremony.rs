//! A ceremony's files as another custodian, or whoever carries them, may have left them: an agreement, a message of round
//! 1, a message of round 2. Nothing panics, and no share comes of a message that its sender did not sign.

use std::{fs, sync::LazyLock};

use nacre_custodian::ceremony::{Agreement, Folder, Listed, Roster, Session, status};
use nacre_schemas::ceremony::KeyPurpose;
use tempfile::TempDir;

/// Two custodians; the first is at round 2, and waits for the second.
static HOME: LazyLock<TempDir> = LazyLock::new(|| {
    let home = tempfile::tempdir_in(if fs::exists("/dev/shm").unwrap_or(false) { "/dev/shm" } else { "/tmp" })
        .expect("a folder");
    let listed = |number: u8| Listed {
        number: number.into(),
        name: format!("custodian-{number}").parse().expect("a name"),
        signing_key: crate::key(20 + number).public(),
    };
    let roster = Roster { custodian: vec![listed(1), listed(2)] };
    let agreement = Agreement::to_generate("guangdong".parse().expect("a name"), KeyPurpose::Decryption, 2, &roster)
        .expect("agreed");
    agreement.write(&Folder::at(home.path())).expect("written");
    let key = crate::key(21);
    Session::open(Folder::at(home.path()), &key).expect("opened").round_1(None).expect("round 1");
    home
});

/// One input.
pub fn run(data: &[u8]) {
    let Some((mode, rest)) = data.split_first() else { return };
    let folder = Folder::at(HOME.path());
    let at = |name: &str| HOME.path().join("in").join(name);
    if mode % 3 == 0 {
        let other = HOME.path().join("other");
        fs::create_dir_all(&other).expect("a folder");
        fs::write(other.join("ceremony.toml"), rest).expect("written");
        if let Ok(agreement) = Agreement::read(&Folder::at(&other)) {
            let _ = agreement.confirm("0123456789abcdef");
        }
        return;
    }
    let name = if mode % 3 == 1 { "custodian-2.round-1.json" } else { "custodian-2.round-2.to.custodian-1.json" };
    fs::write(at(name), rest).expect("written");
    let key = crate::key(21);
    let session = Session::open(folder.clone(), &key).expect("opened");
    let _ = status(&folder);
    assert!(session.round_2().is_err() && session.finish().is_err(), "the second signed nothing");
    fs::remove_file(at(name)).expect("removed");
}
