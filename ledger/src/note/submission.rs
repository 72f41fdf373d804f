//! What a chain sends a witness, and what it gets back: the bodies of <https://c2sp.org/tlog-witness>, `add-checkpoint`.
//!
//! ```text
//! old <size, decimal>\n
//! <base64 of a hash>\n          one line a hash of the consistency proof from that size, at most 63
//! \n
//! <signed note>
//! ```
//!
//! The answer is signature lines of the note, in the profile of [`super::checkpoint`]: SM2, and no timestamp.
//!
//! Kept true: one text for one submission. Errors: [`NoteError`]. Cost: one pass over at most 20 KiB.

use std::fmt::Write as _;

use nacre_schemas::{Digest, limits};

use super::{
    checkpoint::{NoteError, SignedCheckpoint},
    text,
};

/// Where it is posted.
pub const PATH: &str = "/add-checkpoint";
/// Most hashes of a proof that one tree extends another: their sizes are 64-bit numbers.
pub const MAX_PROOF_HASHES: usize = 63;
/// Longest submission, in bytes.
pub const MAX_SUBMISSION_BYTES: usize = limits::MAX_NOTE_BYTES + MAX_PROOF_HASHES * 45 + 32;

/// A checkpoint for a witness to countersign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// Size that the chain believes the witness to have countersigned last; 0 for none.
    pub old_size: u64,
    /// Consistency proof from that size; empty from 0.
    pub proof: Vec<Digest>,
    /// The chain's signed checkpoint.
    pub checkpoint: SignedCheckpoint,
}

impl Submission {
    /// The text that is posted.
    pub fn to_text(&self) -> String {
        let mut text = format!("old {}\n", self.old_size);
        for hash in &self.proof {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{}", text::encode_base64(hash.as_bytes()));
        }
        text.push('\n');
        text.push_str(self.checkpoint.as_str());
        text
    }

    /// Reads what was posted.
    pub fn parse(text: &str) -> Result<Self, NoteError> {
        if text.len() > MAX_SUBMISSION_BYTES {
            return Err(NoteError::TooLong { found: text.len() });
        }
        let blank = text.find("\n\n").ok_or(NoteError::Malformed("no blank line behind the proof"))?;
        let (head, note) = (&text[..blank], &text[blank + 2..]);
        let mut lines = head.split('\n');
        let old = lines.next().and_then(|line| line.strip_prefix("old "));
        let old_size = text::parse_size(old.ok_or(NoteError::Malformed("the first line is not `old` and a size"))?)?;
        let mut proof = Vec::new();
        for line in lines {
            if proof.len() == MAX_PROOF_HASHES {
                return Err(NoteError::Malformed("the proof has more than 63 hashes"));
            }
            proof.push(Digest(text::decode_base64(line, "a hash of the proof is not 32 bytes of base64")?));
        }
        Ok(Self { old_size, proof, checkpoint: note.parse()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{note::Checkpoint, signing::SigningKey};

    fn submission(hashes: u8) -> Submission {
        let key = SigningKey::from_bytes(&[7; 32]).unwrap();
        let checkpoint = Checkpoint { origin: "nacre/a".to_owned(), size: 9, root: Digest([9; 32]) };
        Submission {
            old_size: 4,
            proof: (0..hashes).map(|hash| Digest([hash; 32])).collect(),
            checkpoint: SignedCheckpoint::sign(checkpoint, &key, "nacre/a").unwrap(),
        }
    }

    #[test]
    fn what_is_written_is_read_the_same() {
        for hashes in [0, 1, 63] {
            let submission = submission(hashes);
            assert_eq!(Submission::parse(&submission.to_text()).unwrap(), submission);
        }
        assert!(Submission::parse(&submission(64).to_text()).is_err());
    }

    #[test]
    fn no_other_spelling_is_read() {
        let text = submission(2).to_text();
        for (from, to) in
            [("old 4", "old 04"), ("old 4", "old +4"), ("old 4", "new 4"), ("old 4\n", ""), ("\n\n", "\n")]
        {
            assert!(Submission::parse(&text.replacen(from, to, 1)).is_err(), "{from:?} as {to:?}");
        }
    }
}
