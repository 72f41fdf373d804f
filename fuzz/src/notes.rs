//! Checkpoints, cosignatures and submissions to a witness, as text. What parses is written as it was read; no edit of a
//! note that a chain signed passes for another checkpoint of its.

use std::sync::LazyLock;

use nacre_ledger::{
    note::{Checkpoint, PolicyWitness, SignedCheckpoint, Submission, WitnessPolicy},
    signing::SigningKey,
};
use nacre_schemas::Digest;

const ORIGIN: &str = "fuzz/main/health";
const WITNESS: &str = "witness.example";

static KEYS: LazyLock<(SigningKey, SigningKey)> = LazyLock::new(|| (crate::key(2), crate::key(4)));
static SIGNED: LazyLock<SignedCheckpoint> = LazyLock::new(|| {
    let checkpoint = Checkpoint { origin: ORIGIN.to_owned(), size: 77, root: Digest::of(b"root") };
    SignedCheckpoint::sign(checkpoint, &KEYS.0, ORIGIN).expect("a note")
});

fn judge(note: &SignedCheckpoint) {
    assert_eq!(note.as_str().parse::<SignedCheckpoint>().as_ref(), Ok(note));
    if let Ok(checkpoint) = note.verify(ORIGIN, ORIGIN, &KEYS.0.public()) {
        assert_eq!(checkpoint, SIGNED.unverified(), "the chain signed no other");
    }
    let _ = note.verify_cosignature(WITNESS, &KEYS.1.public());
    let witness = PolicyWitness { name: WITNESS.to_owned(), public: KEYS.1.public(), full: true };
    let policy = WitnessPolicy::new(vec![witness]).expect("a policy");
    let _ = policy.check(note);
    let _ = note.cosignature(&KEYS.1, WITNESS);
}

/// One input.
pub fn run(data: &[u8]) {
    let Some((mode, rest)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    match mode % 4 {
        0 => {
            if let Ok(note) = text.parse::<SignedCheckpoint>() {
                judge(&note);
            }
        }
        1 => {
            if let Ok(note) = SIGNED.with_cosignature(text, WITNESS, &KEYS.1.public()) {
                judge(&note);
            }
        }
        2 => {
            if let Ok(submission) = Submission::parse(text) {
                let again = Submission::parse(&submission.to_text());
                assert_eq!(again.as_ref(), Ok(&submission));
                judge(&submission.checkpoint);
            }
        }
        _ => {
            // A good note with a piece of it exchanged.
            let good = SIGNED.as_str();
            let at = rest.len().wrapping_mul(31) % good.len();
            if good.is_char_boundary(at) {
                let end = (at + text.len()).min(good.len());
                if let (Some(head), Some(tail)) = (good.get(..at), good.get(end..)) {
                    if let Ok(note) = format!("{head}{text}{tail}").parse::<SignedCheckpoint>() {
                        judge(&note);
                    }
                }
            }
        }
    }
}
