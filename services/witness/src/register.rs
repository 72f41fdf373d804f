//! What was countersigned last of a chain, in two places that are not restored together: the tables, and the chain's register
//! outside of the data folder.
//!
//! ```text
//! countersign: tables (compare and swap) → register → signature
//! <registers>/<chain>    nacre_ledger::log::Register, of origin "<origin of the chain> witness <name>"
//! ```
//!
//! Kept true: tables and register say the same, or a crash came between the two writes, and the register says what the tables
//! have as the one before; that is made good before anything else is written. Everything else is a folder or a register that was
//! deleted, put back or garbled: the tables do not vouch then for what was countersigned, and nothing more is.
//! A register is made only for a chain of which the tables have nothing.
//!
//! Errors: [`Unsettled`]. Cost: one write and one sync a countersignature.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use nacre_ledger::{
    log::{Answered, LogError, Register, Registered},
    note::{NoteError, SignedCheckpoint},
};
use nacre_schemas::SigningPublicKey;

use crate::store::Countersigned;

/// What the tables have of a chain.
pub(crate) struct Kept {
    /// The checkpoint that was countersigned last.
    pub(crate) last: SignedCheckpoint,
    /// What was countersigned before that.
    before: Answered,
}

/// Why nothing is countersigned.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unsettled {
    /// What was countersigned before is not certain: for the operator.
    #[error("{0}")]
    Alarm(String),
    /// The register cannot be written now.
    #[error(transparent)]
    Register(#[from] LogError),
    /// A write panicked: a defect of this program.
    #[error("a write of the register stopped")]
    Stopped,
}

/// What to do.
const REMEDY: &str = "countersigning over an older copy would sign a second history. Nothing was modified and nothing of the \
                      chain is countersigned. Put the newest copy of what is missing back, or have the chain's peers \
                      confirm where it stands (`nacre witness register renew`)";

impl Kept {
    /// Reads what the tables have; all of it was signed by one of the chain's keys, or the tables are damaged.
    pub(crate) fn of(
        countersigned: Option<&Countersigned>,
        origin: &str,
        keys: &[SigningPublicKey],
    ) -> Result<Option<Self>, Unsettled> {
        let Some(Countersigned { note, previous }) = countersigned else { return Ok(None) };
        let parse = |note: &str| -> Result<SignedCheckpoint, NoteError> {
            let note: SignedCheckpoint = note.parse()?;
            if keys.iter().any(|key| note.verify(origin, origin, key).is_ok()) {
                return Ok(note);
            }
            Err(NoteError::NotSigned { name: origin.to_owned() })
        };
        let broken = |error: NoteError| {
            Unsettled::Alarm(format!("the checkpoint in the table `countersigned`: {error}: {REMEDY}"))
        };
        let last = parse(note).map_err(broken)?;
        let before = previous.as_deref().map(parse).transpose().map_err(broken)?;
        Ok(Some(Self { last, before: before.as_ref().map_or_else(Answered::nothing, answered) }))
    }
}

/// Size and root of a checkpoint.
pub(crate) fn answered(note: &SignedCheckpoint) -> Answered {
    let said = note.unverified();
    Answered { size: said.size, root: said.root }
}

/// The register of a chain. Clones are handles on the same one.
#[derive(Clone)]
pub(crate) struct ChainRegister(Arc<Mutex<Register>>);

impl ChainRegister {
    /// Opens the register of the chain, which that witness keeps in the folder. Nothing is made yet.
    pub(crate) fn open(registers: &Path, slug: &str, origin: &str, witness: &str) -> Result<Self, LogError> {
        let register = Register::open(&registers.join(slug), &format!("{origin} witness {witness}"))?;
        Ok(Self(Arc::new(Mutex::new(register))))
    }

    /// Sees to it that the register says what the tables have. After an error nothing may be countersigned.
    pub(crate) async fn settle(&self, kept: Option<&Kept>) -> Result<(), Unsettled> {
        let now = kept.map_or_else(Answered::nothing, |kept| answered(&kept.last));
        let before = kept.map(|kept| kept.before);
        self.off_thread(move |register| settle(register, now, before)).await
    }

    /// Why the chain is not countersigned, if register and tables do not say the same. Writes nothing.
    pub(crate) fn disagrees(&self, kept: Option<&Kept>) -> Option<String> {
        let now = kept.map_or_else(Answered::nothing, |kept| answered(&kept.last));
        let register = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        judge(&register, now, kept.map(|kept| kept.before)).err()
    }

    /// Writes down, durably, what is about to be countersigned.
    pub(crate) async fn write(&self, next: Answered) -> Result<(), Unsettled> {
        self.off_thread(move |register| Ok(register.write(next)?)).await
    }

    /// What it is and says.
    pub(crate) fn registered(&self) -> Registered {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).registered().clone()
    }

    /// Makes it anew.
    pub(crate) async fn renew(&self, answered: Answered) -> Result<(), Unsettled> {
        self.off_thread(move |register| Ok(register.renew(answered)?)).await
    }

    async fn off_thread(
        &self,
        work: impl FnOnce(&mut Register) -> Result<(), Unsettled> + Send + 'static,
    ) -> Result<(), Unsettled> {
        let register = Arc::clone(&self.0);
        let work = move || work(&mut register.lock().unwrap_or_else(PoisonError::into_inner));
        tokio::task::spawn_blocking(work).await.map_err(|_| Unsettled::Stopped)?
    }
}

/// What is to be done before anything else is written.
enum Step {
    Nothing,
    Begin,
    /// A crash came between the two writes.
    MakeGood,
}

fn settle(register: &mut Register, now: Answered, before: Option<Answered>) -> Result<(), Unsettled> {
    match judge(register, now, before).map_err(Unsettled::Alarm)? {
        Step::Nothing => Ok(()),
        Step::Begin => Ok(register.begin()?),
        Step::MakeGood => Ok(register.write(now)?),
    }
}

/// How the register stands to the last that the tables have, and the one before if they have any.
fn judge(register: &Register, now: Answered, before: Option<Answered>) -> Result<Step, String> {
    let path = register.path().display();
    let tables = format!("the tables have {} entries as countersigned last", now.size);
    match register.registered() {
        Registered::Missing if before.is_none() => Ok(Step::Begin),
        Registered::Missing | Registered::Garbled(_) => {
            let fault = register.fault().unwrap_or_default();
            Err(format!("{tables}, and {fault}: {REMEDY}"))
        }
        Registered::Says { answered, torn: false } if *answered == now => Ok(Step::Nothing),
        Registered::Says { answered, .. } if Some(*answered) == before => Ok(Step::MakeGood),
        Registered::Says { answered, torn: true } if *answered == now => {
            Err(format!("{tables}, and {path} has a slot that cannot be read, which was written for more: {REMEDY}"))
        }
        Registered::Says { answered, .. } if answered.size == now.size => {
            Err(format!("{tables}, and {path} says that it was another checkpoint of as many: {REMEDY}"))
        }
        Registered::Says { answered, .. } => {
            Err(format!("{tables}, and {path} says that {} were: {REMEDY}", answered.size))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use nacre_ledger::{note::Checkpoint, signing::SigningKey};
    use nacre_schemas::Digest;

    use super::*;

    fn key() -> SigningKey {
        SigningKey::from_bytes(&[7; 32]).unwrap()
    }

    fn note(size: u64, root: u8) -> SignedCheckpoint {
        let checkpoint = Checkpoint { origin: "a/b".to_owned(), size, root: Digest([root; 32]) };
        SignedCheckpoint::sign(checkpoint, &key(), "a/b").unwrap()
    }

    fn kept(last: (u64, u8), before: Option<(u64, u8)>) -> Kept {
        let text = |(size, root)| note(size, root).as_str().to_owned();
        let countersigned = Countersigned { note: text(last), previous: before.map(text) };
        Kept::of(Some(&countersigned), "a/b", &[key().public()]).unwrap().unwrap()
    }

    fn open(folder: &Path) -> ChainRegister {
        ChainRegister::open(folder, "b", "a/b", "witness-macao").unwrap()
    }

    #[track_caller]
    fn alarmed(settled: Result<(), Unsettled>, because: &str) {
        match settled {
            Err(Unsettled::Alarm(why)) => assert!(why.contains(because), "{why}"),
            other => panic!("{other:?}, not an alarm of {because}"),
        }
    }

    #[tokio::test]
    async fn tables_and_register_agree_or_a_crash_came_between() {
        let dir = tempfile::tempdir().unwrap();
        open(dir.path()).settle(None).await.unwrap();
        // The tables were written, the register was not.
        let first = kept((5, 1), None);
        open(dir.path()).settle(Some(&first)).await.unwrap();
        open(dir.path()).settle(Some(&first)).await.unwrap();
        let second = kept((8, 2), Some((5, 1)));
        open(dir.path()).settle(Some(&second)).await.unwrap();
        // From here on what was there before is a copy of the past, and so is nothing at all.
        for old in [Some(&first), None] {
            alarmed(open(dir.path()).settle(old).await, "says that 8 were");
        }
        alarmed(open(dir.path()).settle(Some(&kept((8, 3), Some((5, 1))))).await, "another checkpoint of as many");
        alarmed(open(dir.path()).settle(Some(&kept((9, 3), Some((7, 1))))).await, "says that 8 were");
        open(dir.path()).settle(Some(&second)).await.unwrap();
    }

    #[tokio::test]
    async fn a_register_that_is_gone_or_garbled_is_an_alarm_where_something_was_countersigned() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("b");
        open(dir.path()).settle(None).await.unwrap();
        let first = kept((5, 1), None);
        open(dir.path()).settle(Some(&first)).await.unwrap();
        fs::write(&path, [0; 8_192]).unwrap();
        alarmed(open(dir.path()).settle(Some(&first)).await, "cannot be read");
        alarmed(open(dir.path()).settle(None).await, "cannot be read");
        fs::remove_file(&path).unwrap();
        alarmed(open(dir.path()).settle(Some(&first)).await, "is missing");
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_torn_slot_is_a_crash_only_if_the_tables_have_what_was_being_written() {
        let dir = tempfile::tempdir().unwrap();
        open(dir.path()).settle(None).await.unwrap();
        let (first, second) = (kept((5, 1), None), kept((8, 2), Some((5, 1))));
        for kept in [&first, &second] {
            open(dir.path()).settle(Some(kept)).await.unwrap();
        }
        // The second is in the first slot again.
        let path = dir.path().join("b");
        let mut torn = fs::read(&path).unwrap();
        torn[60] ^= 1;
        fs::write(&path, &torn).unwrap();
        alarmed(open(dir.path()).settle(Some(&first)).await, "cannot be read");
        open(dir.path()).settle(Some(&second)).await.unwrap();
        open(dir.path()).settle(Some(&second)).await.unwrap();
    }

    #[test]
    fn a_row_that_the_chain_did_not_sign_is_an_alarm() {
        let good = note(5, 1).as_str().to_owned();
        let garbled = good.replacen("\n5\n", "\n6\n", 1);
        for (note, previous) in [(garbled.clone(), None), ("nothing".to_owned(), None), (good, Some(garbled))] {
            let row = Countersigned { note, previous };
            let read = Kept::of(Some(&row), "a/b", &[key().public()]).map(drop);
            alarmed(read, "the table `countersigned`");
        }
    }
}
