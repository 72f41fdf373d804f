//! The operator of an exchange, with its own key and those of its chains: a parent chain is sent checkpoints that do not
//! extend what it holds, that another chain's operator sends, or that belong elsewhere.

use nacre::consortium::Plan;
use nacre_access::client::{Client, ClientError};
use nacre_ledger::note::{Checkpoint, SignedCheckpoint};
use nacre_schemas::{
    Digest,
    anchor::{Anchor, Anchored},
    dossier::Note,
};
use nacre_tests::{
    Running,
    attack::{ABROAD, HOME, chain, chain_key, client_of, forged_checkpoint, operator_client},
    plan,
    sender::{Sender, problem},
};
use nacre_wire::exchange::{GET_ANCHOR, GET_CONSISTENCY, OfChain, POST_ANCHOR, TwoSizes, WhichAnchor};

/// A parent, and a child that has 2, 4 and 6 entries in turn.
struct Scene {
    running: Running,
    /// The operator of the child's exchange, at the parent's.
    operator: Client,
    hospital: Sender,
    /// The child's checkpoints, final.
    notes: Vec<Note>,
    /// Its last, as the child alone signed it.
    unwitnessed: Note,
}

impl Scene {
    async fn prepare() -> Self {
        // Nothing is anchored by itself while the test runs.
        let plan = Plan { anchor_every_ms: u64::from(u32::MAX), ..plan(&[HOME, ABROAD], 2, "urn:nobody") };
        let running = Running::start(&plan).await.unwrap();
        let hospital = Sender::of(&running, "hospital-440100");
        let (mut notes, mut unwitnessed) = (Vec::new(), None);
        for number in 0..3 {
            let receipt = hospital.post(&hospital.batch(&[(number, 200)])).await.unwrap();
            let covering = receipt.receipts[0].inclusion.leaf;
            notes.push(hospital.final_checkpoint(covering).await.unwrap().parse().unwrap());
            unwitnessed = Some(receipt.checkpoint);
        }
        let operator = operator_client(&running, HOME, "main");
        Self { running, operator, hospital, notes, unwitnessed: unwitnessed.unwrap() }
    }

    /// The child's proof that its tree of one size extends that of another.
    async fn proof(&self, from: u64, to: u64) -> Vec<Digest> {
        let sizes = TwoSizes { slug: (&self.hospital.config.chain).into(), from, to };
        self.hospital.client.get(GET_CONSISTENCY, &sizes).await.unwrap().proof
    }

    /// A checkpoint of that size that the child and its witnesses sign, and that is not the child's history.
    fn forged(&self, size: u64) -> Note {
        forged_checkpoint(&self.running, HOME, size, Digest([7; 32]))
    }
}

async fn send(client: &Client, parent: &str, checkpoint: &Note, proof: &[Digest]) -> Result<Anchored, ClientError> {
    let anchor = Anchor { checkpoint: checkpoint.clone(), proof: proof.to_vec() };
    client.call(POST_ANCHOR, &OfChain { slug: parent.parse().unwrap() }, &anchor).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_that_does_not_extend_the_one_anchored_is_refused() {
    let scene = Scene::prepare().await;
    let (operator, parent, notes) = (&scene.operator, "main-health", &scene.notes);
    let check = |answer: Result<Anchored, ClientError>| problem(answer).check.unwrap();
    let useless = scene.proof(2, 4).await;

    assert_eq!(
        check(send(operator, parent, &notes[0], &[Digest([1; 32])]).await),
        "anchor",
        "the first needs no proof"
    );
    assert_eq!(check(send(operator, parent, &scene.forged(0), &[]).await), "anchor", "of nothing");
    let first = send(operator, parent, &notes[0], &[]).await.unwrap();
    assert_eq!((first.anchor.chain.clone(), first.anchor.size), (chain(HOME), 2));
    assert_eq!(send(operator, parent, &notes[0], &[]).await.unwrap(), first, "the same again is the same anchor");

    let proof = scene.proof(2, 6).await;
    assert_eq!(check(send(operator, parent, &notes[2], &[]).await), "anchor", "without a proof");
    assert_eq!(check(send(operator, parent, &notes[2], &useless).await), "anchor", "with another's proof");
    for place in 0..proof.len() {
        let mut wrong = proof.clone();
        wrong[place].0[0] ^= 1;
        assert_eq!(check(send(operator, parent, &notes[2], &wrong).await), "anchor", "hash {place} is wrong");
    }
    assert_eq!(check(send(operator, parent, &scene.forged(6), &proof).await), "anchor", "of a fork");
    let second = send(operator, parent, &notes[2], &proof).await.unwrap();
    // Admissions may be logged between them.
    assert!(second.leaf > first.leaf && second.anchor.size == 6);

    // What is covered adds nothing; what contradicts it is refused.
    let covered = send(operator, parent, &notes[1], &useless).await.unwrap();
    assert_eq!(covered, second);
    assert_eq!(check(send(operator, parent, &scene.forged(6), &[]).await), "anchor", "another root of the same size");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_chains_own_operator_anchors_it_and_only_in_its_parents() {
    let scene = Scene::prepare().await;
    let note = &scene.notes[0];
    assert_eq!(problem(send(&scene.operator, "judicial", note, &[]).await).check.unwrap(), "anchor", "no parent of it");
    assert_eq!(problem(send(&scene.operator, "region-440100", note, &[]).await).word(), "unknown-chain");
    let abroad = operator_client(&scene.running, ABROAD, "main");
    assert_eq!(problem(send(&abroad, "main-health", note, &[]).await).word(), "not-admitted");
    let main = operator_client(&scene.running, "main", "main");
    assert_eq!(problem(send(&main, "main-health", note, &[]).await).word(), "not-admitted");
    // A provider is given no token for it.
    let provider = client_of(&scene.running, "hospital-440100", "main");
    let refused = send(&provider, "main-health", note, &[]).await.unwrap_err();
    assert!(
        matches!(&refused, ClientError::Token { error: nacre_wire::token::TokenError::InvalidScope, .. }),
        "{refused}"
    );

    // A checkpoint of another network, of an unknown chain, or by another key.
    let key = chain_key(&scene.running, ABROAD);
    let network = scene.running.network().unwrap();
    for (origin, signer) in [
        (network.root().origin(&chain(HOME)), network.root().origin(&chain(HOME))),
        (network.root().origin(&chain("440300")), network.root().origin(&chain("440300"))),
        ("elsewhere/region/440100".to_owned(), "elsewhere/region/440100".to_owned()),
    ] {
        let checkpoint = Checkpoint { origin, size: 2, root: Digest([7; 32]) };
        let forged = SignedCheckpoint::sign(checkpoint, &key, &signer).unwrap();
        let answer = send(&scene.operator, "main-health", &forged.as_str().parse().unwrap(), &[]).await;
        assert_eq!(problem(answer).check.unwrap(), "checkpoint");
    }
    assert_eq!(
        problem(send(&scene.operator, "main-health", &scene.unwitnessed, &[]).await).check.unwrap(),
        "checkpoint",
        "without its witnesses"
    );
    let [slug, child] = ["main-health", "region-440100"].map(|slug| slug.parse().unwrap());
    let latest = scene.operator.get(GET_ANCHOR, &WhichAnchor { slug, child, covering: None }).await;
    assert_eq!(problem(latest).word(), "not-anchored", "after all that, nothing is anchored");
}
