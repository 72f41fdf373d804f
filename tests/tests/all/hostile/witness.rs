//! Against witnesses, and what witnesses are against: a chain that signs two histories, or goes back to an older one.
//!
//! | who | tries | stopped by |
//! |---|---|---|
//! | an exchange | another history of the same size, or longer | the witness: 409 or 422, and evidence that convicts it |
//! | an exchange | its data folder put back to an older copy | the witness's size: the chain takes nothing more |
//! | anybody | what is no submission, not signed, of no chain | 400, 403, 404 |
//!
//! That a full witness looks at bodies is shown in `exchange.rs`, where the false bodies are.

use nacre_ledger::note::{SignedCheckpoint, Submission};
use nacre_schemas::{Digest, equivocation::Equivocation};
use nacre_tests::{
    Running,
    attack::{HOME, MINIMUM_PEOPLE, chain},
    forged::ForgedChain,
    plan,
    sender::Sender,
};
use nacre_verifier::{Check, equivocation};

const APPEND: &str = "witness-macao";
const FULL: &str = "witness-guangdong";

async fn a_network() -> (Running, Sender) {
    let running = Running::start(&plan(&[HOME], MINIMUM_PEOPLE, "urn:test")).await.unwrap();
    let hospital = Sender::of(&running, "hospital-440100");
    (running, hospital)
}

/// Waits for the chain's checkpoint that makes a leaf final.
async fn agreed(hospital: &Sender, leaf: u64) -> SignedCheckpoint {
    hospital.final_checkpoint(leaf).await.unwrap().parse().unwrap()
}

async fn evidence(running: &Running, witness: &str) -> Equivocation {
    let (status, json) = running.equivocation(witness, &chain(HOME)).await.unwrap();
    assert_eq!(status, 200, "{json}");
    serde_json::from_str(&json).unwrap()
}

async fn alarm(running: &Running, witness: &str) -> bool {
    let text = running.metrics(witness).await.unwrap();
    text.contains("nacre_witness_equivocation{chain=\"region/440100\"} 1")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fork_of_the_same_size_convicts_the_chain() {
    let (mut running, hospital) = a_network().await;
    hospital.post(&hospital.batch(&[(0, 200), (1, 201)])).await.unwrap();
    let first = agreed(&hospital, 2).await;
    assert!(!alarm(&running, APPEND).await);

    let fork = ForgedChain::begin(&running, HOME);
    fork.append(&hospital.batch(&[(0, 300), (1, 301)])).await;
    let size = first.unverified().size;
    assert_eq!(fork.log.size(), size);
    for (witness, old_size) in [(APPEND, 0), (FULL, size)] {
        let submission = Submission { old_size, proof: Vec::new(), checkpoint: fork.log.checkpoint() };
        let (status, text) = running.submit(witness, &submission).await.unwrap();
        assert_eq!((status, text.trim()), (409, size.to_string().as_str()));
        assert!(alarm(&running, witness).await);
        let found = evidence(&running, witness).await;
        equivocation::check(&found, &running.network().unwrap()).unwrap();
        // Either half alone, or twice the same, convicts nobody.
        let same = Equivocation { older: found.newer.clone(), ..found.clone() };
        let failure = equivocation::check(&same, &running.network().unwrap()).unwrap_err();
        assert_eq!(failure.check, Check::Equivocation);
    }
    // It is countersigned no more, honest or not, and that is remembered.
    hospital.post(&hospital.batch(&[(2, 202)])).await.unwrap();
    let address = running.addresses[APPEND].clone();
    running.servers.stop(APPEND).await.unwrap();
    running.servers.restart(&running.places, APPEND, &address).await.unwrap();
    assert!(alarm(&running, APPEND).await);
    let submission = Submission { old_size: size, proof: Vec::new(), checkpoint: first };
    assert_eq!(running.submit(APPEND, &submission).await.unwrap().0, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_longer_fork_convicts_the_chain_by_its_own_proof() {
    let (running, hospital) = a_network().await;
    hospital.post(&hospital.batch(&[(0, 200), (1, 201)])).await.unwrap();
    let size = agreed(&hospital, 2).await.unverified().size;
    let fork = ForgedChain::begin(&running, HOME);
    for person in 0..4 {
        fork.append(&hospital.batch(&[(person, 300)])).await;
    }
    let (status, text) = running.submit(APPEND, &fork.submission(size)).await.unwrap();
    assert_eq!(status, 422, "{text}");
    let found = evidence(&running, APPEND).await;
    let network = running.network().unwrap();
    equivocation::check(&found, &network).unwrap();
    type Change = fn(&mut Equivocation);
    let changes: [Change; 4] = [
        |found| found.root = Digest([7; 32]),
        |found| found.proof.truncate(found.proof.len() - 1),
        |found| found.chain = "main/health".parse().unwrap(),
        |found| std::mem::swap(&mut found.older, &mut found.newer),
    ];
    for change in changes {
        let mut altered = found.clone();
        change(&mut altered);
        assert!(equivocation::check(&altered, &network).is_err());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_copy_of_the_data_signs_nothing() {
    let (mut running, hospital) = a_network().await;
    hospital.post(&hospital.batch(&[(0, 200)])).await.unwrap();
    agreed(&hospital, 1).await;
    let address = running.addresses[HOME].clone();
    let home = running.folder().join("network/exchanges/440100");
    let (data, registers) = (home.join("data"), home.join("registers"));
    let (copy, old_registers) = (running.folder().join("copy"), running.folder().join("old-registers"));
    running.servers.stop(HOME).await.unwrap();
    copy_folder(&data, &copy);
    copy_folder(&registers, &old_registers);
    running.servers.restart(&running.places, HOME, &address).await.unwrap();
    hospital.post(&hospital.batch(&[(1, 201)])).await.unwrap();
    agreed(&hospital, 3).await;

    // The register beside the data knows; and where it was put back with the data, the witnesses do.
    for register in [true, false] {
        running.servers.stop(HOME).await.unwrap();
        std::fs::remove_dir_all(&data).unwrap();
        copy_folder(&copy, &data);
        if !register {
            std::fs::remove_dir_all(&registers).unwrap();
            copy_folder(&old_registers, &registers);
        }
        running.servers.restart(&running.places, HOME, &address).await.unwrap();
        let refused = hospital.refused(&hospital.batch(&[(2, 202)])).await;
        assert_eq!((refused.status, refused.word()), (503, "read-only"), "with its register: {register}");
    }
    assert!(!alarm(&running, APPEND).await, "it signed nothing that contradicts what it signed before");
}

fn copy_folder(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, target) = (entry.as_ref().unwrap().path(), to.join(entry.as_ref().unwrap().file_name()));
        if path.is_dir() {
            copy_folder(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_submission_is_refused_by_its_status() {
    let (running, hospital) = a_network().await;
    hospital.post(&hospital.batch(&[(0, 200)])).await.unwrap();
    let note = agreed(&hospital, 1).await;
    let text = Submission { old_size: 0, proof: Vec::new(), checkpoint: note.clone() }.to_text();
    let renamed = text.replace("region/440100", "region/440200");
    let resized = text.replacen("\n2\n", "\n3\n", 1);
    assert!(renamed != text && resized != text);
    let cases: [(&str, String, u16); 6] = [
        ("nothing", String::new(), 400),
        ("something else", "hello\n\nworld\n".to_owned(), 400),
        ("a proof from beyond the checkpoint", text.replacen("old 0", "old 9", 1), 400),
        ("a chain that nobody knows", renamed, 404),
        ("a checkpoint that the chain did not sign", resized, 403),
        ("more than a submission has", format!("{text}{}", "x".repeat(40_000)), 413),
    ];
    for (what, text, expected) in cases {
        let (status, answer) = running.submit_text(APPEND, text).await.unwrap();
        assert_eq!(status, expected, "{what}: {answer}");
    }
    let again = Submission { old_size: 2, proof: Vec::new(), checkpoint: note };
    let (status, line) = running.submit(APPEND, &again).await.unwrap();
    assert_eq!(status, 200, "the same again is countersigned again: {line}");
}
