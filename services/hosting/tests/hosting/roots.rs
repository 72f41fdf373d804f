//! The folder of trust roots, over restarts and changes of the trust root.

use std::{fs, path::Path, sync::Arc};

use nacre_hosting::roots::{Roots, RootsError};
use nacre_schemas::{Document as _, trust::TrustRoot};
use nacre_verifier::{Named, Network};

use super::founding::Founding;

fn successor(root: &TrustRoot) -> TrustRoot {
    let mut earlier = root.earlier.clone();
    earlier.push(root.digest());
    TrustRoot { serial: root.serial + 1, earlier, ..root.clone() }
}

fn open(folder: &Path, network: &Network) -> Result<Roots, RootsError> {
    Roots::open(folder, Arc::new(network.clone()))
}

#[test]
fn a_server_keeps_each_trust_root_that_it_has_gone_by() {
    let (folder, founding) = (tempfile::tempdir().unwrap(), Founding::new());
    let folder = folder.path().join("roots");
    let first = &founding.network;
    open(&folder, first).unwrap();
    let second = founding.endorse(successor(first.root()));
    let third = founding.endorse(successor(second.root()));
    open(&folder, &second).unwrap();
    let roots = open(&folder, &third).unwrap();
    for (place, network) in [first, &second, &third].into_iter().enumerate() {
        let Named::Known(found, known) = roots.find(&network.digest()) else { panic!("root {place} is not at hand") };
        assert_eq!((found, known.signed()), (place, network.signed()));
    }
}

#[test]
fn one_that_was_lacking_is_kept_for_good() {
    let (folder, founding) = (tempfile::tempdir().unwrap(), Founding::new());
    let first = &founding.network;
    let second = founding.endorse(successor(first.root()));
    let roots = open(folder.path(), &second).unwrap();
    assert!(matches!(roots.find(&first.digest()), Named::Lacking(0)));
    roots.keep(first.signed().clone()).unwrap();
    assert!(matches!(roots.find(&first.digest()), Named::Known(0, _)));
    let stranger = Founding::new();
    assert!(matches!(roots.keep(stranger.network.signed().clone()), Err(RootsError::Refused { .. })));
    drop(roots);
    assert!(matches!(open(folder.path(), &second).unwrap().find(&first.digest()), Named::Known(0, _)));
}

#[test]
fn a_trust_root_that_forgets_the_one_before_it_is_not_served_under() {
    let (folder, founding) = (tempfile::tempdir().unwrap(), Founding::new());
    let first = &founding.network;
    open(folder.path(), first).unwrap();
    let forgetful = founding.endorse(TrustRoot { earlier: Vec::new(), ..successor(first.root()) });
    assert!(matches!(open(folder.path(), &forgetful), Err(RootsError::Refused { .. })));
    let second = founding.endorse(successor(first.root()));
    open(folder.path(), &second).unwrap();
    assert!(matches!(open(folder.path(), first), Err(RootsError::Refused { .. })), "nor is an older one");
    let elsewhere = Founding::new();
    open(folder.path(), &elsewhere.network).unwrap();
}

#[test]
fn a_garbled_file_is_named_and_one_that_was_being_written_is_nothing() {
    let (folder, founding) = (tempfile::tempdir().unwrap(), Founding::new());
    fs::write(folder.path().join("half.tmp"), "network = \"acc").unwrap();
    open(folder.path(), &founding.network).unwrap();
    let file = folder.path().join(format!("{}.toml", founding.network.digest()));
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, &text[..text.len() / 2]).unwrap();
    let error = open(folder.path(), &founding.network).err().unwrap().to_string();
    assert!(error.contains(&founding.network.digest().to_string()), "{error}");
}
