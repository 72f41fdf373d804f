//! A role's trust root: what is refused, and that its file is named.

use std::{fs, path::Path};

use nacre_hosting::trust::{self, TrustError};
use nacre_schemas::{Digest, trust::TrustRoot};

use super::founding::Founding;

fn write(path: &Path, root: &impl serde::Serialize) {
    fs::write(path, toml::to_string(root).unwrap()).unwrap();
}

#[test]
fn a_trust_root_is_read_as_it_was_endorsed() {
    let (folder, founding) = (tempfile::tempdir().unwrap(), Founding::new());
    let path = folder.path().join("trust.toml");
    write(&path, founding.network.signed());
    assert_eq!(trust::read(&path).unwrap().digest(), founding.network.digest());
}

#[test]
fn one_of_another_catalogue_is_no_roles_and_can_be_checked_all_the_same() {
    let (folder, founding) = (tempfile::tempdir().unwrap(), Founding::new());
    let path = folder.path().join("trust.toml");
    let other = TrustRoot { catalogue: Digest::of(b"another"), ..founding.network.root().clone() };
    let other = founding.endorse(other);
    write(&path, other.signed());
    assert!(matches!(trust::read(&path), Err(TrustError::OtherCatalogue(named)) if named == path));
    assert_eq!(trust::read_of_any_catalogue(&path).unwrap().digest(), other.digest());
}

#[test]
fn a_file_that_is_no_trust_root_is_named() {
    let (folder, founding) = (tempfile::tempdir().unwrap(), Founding::new());
    let path = folder.path().join("trust.toml");
    let mut false_root = founding.network.signed().clone();
    false_root.root.disclosure.minimum_people += 1;
    let too_long = "#".repeat(trust::MAX_BYTES + 1);
    let contents = [toml::to_string(&false_root).unwrap(), "serial = 1".to_owned(), too_long];
    let mut errors = vec![trust::read(&path).map(drop).unwrap_err()];
    for content in contents {
        fs::write(&path, content).unwrap();
        errors.push(trust::read(&path).map(drop).unwrap_err());
    }
    let kinds: [fn(&TrustError) -> bool; 4] = [
        |error| matches!(error, TrustError::Unreadable(_)),
        |error| matches!(error, TrustError::Refused { .. }),
        |error| matches!(error, TrustError::Malformed { .. }),
        |error| matches!(error, TrustError::Unreadable(_)),
    ];
    for (error, is_expected) in errors.iter().zip(kinds) {
        assert!(is_expected(error) && error.to_string().contains("trust.toml"), "{error}");
    }
}
