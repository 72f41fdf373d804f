//! The members directory: what is read from a folder, and what is refused.

use std::{fs, path::Path};

use nacre_access::{
    key::AccessKey,
    members::{AdmissionError, MAX_ADMISSION_FILE_BYTES, Members, MembersError},
};
use nacre_hosting::{key::KeyFileError, secret};
use nacre_ledger::signing::SigningKey;
use nacre_schemas::{
    Signed,
    membership::{MemberRole, Membership},
};
use nacre_verifier::Check;

use crate::consortium::{Consortium, membership};

fn write(folder: &Path, name: &str, admission: &Signed<Membership>) {
    fs::write(folder.join(name), serde_json::to_vec_pretty(admission).unwrap()).unwrap();
}

#[test]
fn a_folder_of_admissions_is_a_directory() {
    let consortium = Consortium::new();
    let folder = tempfile::tempdir().unwrap();
    let (regulator, provider) =
        (consortium.admit("dsf", MemberRole::Regulator), consortium.admit("cha", MemberRole::Provider));
    write(folder.path(), "one.json", &regulator.admission);
    write(folder.path(), "two.json", &provider.admission);
    fs::write(folder.path().join("README"), "one file a member").unwrap();
    let members = Members::load(folder.path(), &consortium.network).unwrap();
    let names: Vec<_> = members.iter().map(|admission| admission.statement.member.as_str()).collect();
    assert_eq!(names, ["cha", "dsf"]);
    assert_eq!(members.find(&"dsf".parse().unwrap()), Some(&regulator.admission));
    assert_eq!(members.find(&"nobody".parse().unwrap()), None);
}

#[test]
fn an_admission_changed_in_any_field_or_signed_by_another_names_its_file() {
    let consortium = Consortium::new();
    let good = consortium.admit("dsf", MemberRole::Regulator);
    let other = consortium.admit("another", MemberRole::Operator).admission.statement;
    let mut cases = vec![good.admission.clone(); 8];
    cases[0].statement.member = other.member;
    cases[1].statement.role = MemberRole::Operator;
    cases[2].statement.jurisdiction = "hongkong".parse().unwrap();
    cases[3].statement.chains.push("judicial".parse().unwrap());
    cases[4].statement.signing_key = other.signing_key;
    cases[5].statement.access_key = other.access_key;
    cases[6].signature.0[5] ^= 1;
    let stranger = SigningKey::generate().unwrap();
    cases[7].signature = stranger.sign_detached(&good.admission.statement);
    for (number, case) in cases.into_iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), "dsf.json", &case);
        let error = Members::load(folder.path(), &consortium.network).err().unwrap();
        assert!(error.to_string().contains("dsf.json: "), "case {number}: {error}");
        let MembersError::Refused { source, .. } = error else { panic!("case {number}: {error}") };
        assert!(matches!(*source, AdmissionError::Unfounded(failure) if failure.check == Check::Admission));
    }
}

#[test]
fn a_member_is_admitted_once() {
    let consortium = Consortium::new();
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "1.json", &consortium.admit("dsf", MemberRole::Regulator).admission);
    write(folder.path(), "2.json", &consortium.admit("dsf", MemberRole::Operator).admission);
    let error = Members::load(folder.path(), &consortium.network).err().unwrap();
    assert!(error.to_string().ends_with("2.json: dsf is admitted twice"), "{error}");
    let twice = vec![consortium.admit("dsf", MemberRole::Regulator).admission; 2];
    let error = Members::from_signed(twice, &consortium.network).err().unwrap();
    assert!(matches!(error, MembersError::Admission(AdmissionError::Twice { .. })));
}

#[test]
fn an_access_key_that_cannot_be_used_is_refused_at_once() {
    let consortium = Consortium::new();
    let key = consortium.admit("dsf", MemberRole::Regulator).key;
    for text in ["", "bm90IGEga2V5", &key.public().as_str()[4..]] {
        let mut bad = membership("dsf", MemberRole::Regulator, &key);
        bad.access_key = text.parse().unwrap();
        let error = Members::from_signed(vec![consortium.sign(bad)], &consortium.network).err().unwrap();
        assert!(matches!(error, MembersError::Admission(AdmissionError::AccessKey { .. })), "{error}");
    }
}

#[test]
fn what_is_no_admission_names_its_file() {
    let consortium = Consortium::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dsf.json");
    for content in ["", "{}", "[]", "{\"membership\":1}"] {
        fs::write(&path, content).unwrap();
        let error = Members::load(folder.path(), &consortium.network).err().unwrap();
        assert!(matches!(&error, MembersError::Malformed { .. }) && error.to_string().contains("dsf.json"), "{error}");
    }
    fs::write(&path, " ".repeat(MAX_ADMISSION_FILE_BYTES + 1)).unwrap();
    let error = Members::load(folder.path(), &consortium.network).err().unwrap();
    assert!(matches!(&error, MembersError::File(_)) && error.to_string().contains("dsf.json"), "{error}");
    let error = Members::load(&folder.path().join("nowhere"), &consortium.network).err().unwrap();
    assert!(matches!(&error, MembersError::File(_)) && error.to_string().contains("nowhere"), "{error}");
}

#[test]
fn an_access_key_that_its_member_was_not_admitted_with_is_refused_with_its_file() {
    let (folder, consortium) = (tempfile::tempdir().unwrap(), Consortium::new());
    let witness = consortium.admit("witness-macao", MemberRole::Witness);
    let members = consortium.directory(&[&witness]);
    let path = folder.path().join("access.pem");
    secret::write_text(&path, &witness.key.to_pem()).unwrap();
    let read = members.read_access_key(&"witness-macao".parse().unwrap(), &path);
    assert_eq!(read.unwrap().public(), witness.key.public());
    let other = folder.path().join("other.pem");
    secret::write_text(&other, &AccessKey::generate().unwrap().to_pem()).unwrap();
    let error = members.read_access_key(&"witness-macao".parse().unwrap(), &other).map(drop).unwrap_err();
    assert!(matches!(error, KeyFileError::OtherKey { .. }));
    assert!(
        ["other.pem", "access key", "witness-macao"].iter().all(|part| error.to_string().contains(part)),
        "{error}"
    );
    // Of a member that the directory does not have, nothing is known to compare with.
    members.read_access_key(&"witness-of-elsewhere".parse().unwrap(), &other).unwrap();
}
