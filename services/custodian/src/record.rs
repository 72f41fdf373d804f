//! The custodian's own log of its confirmations, answers, refusals, previews and evaluations, with the bodies behind it.
//!
//! Kept true: a statement that was sent is in the log, and its body is durable before the log names it. So whoever holds
//! the custodian to account finds every statement it ever made, and the log never names a body that is not there.
//! Bodies hold shares and no numbers of people; they are files of mode 0600 all the same.
//!
//! ```text
//! <data>/log/                      the log, of origin <network>/custodian/<jurisdiction>-<number>
//! <data>/heads/<chain>.json        how far a main chain was followed (see `history`)
//! <data>/bodies/<digest>.json      a signed confirmation, answer, refusal or preview, or the record of an evaluation,
//!                                  named by the digest that the log holds
//! ```
//!
//! A crash before the append leaves a body that nothing names: harmless, as it was not sent. A crash while the body is
//! written leaves a `.tmp` file, which the next start removes.
//!
//! Errors: [`RecordError`]; after one the statement must not be sent. Cost: two syncs a statement, and one for all that
//! are sent together.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use nacre_ledger::{
    log::{Log, LogError, LogOptions},
    signing::SigningKey,
};
use nacre_schemas::{
    Digest, Document as _,
    answer::{CustodianId, SignedAnswer, SignedRefusal, Verdict},
    confirmation::{Finding, SignedConfirmation},
    cross::CrossVerdict,
    entry::Entry,
    preview::SignedPreview,
    pseudonym::EvaluationRecord,
};
use serde::Serialize;

/// Why a statement could not be recorded.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// A file or folder of bodies.
    #[error("cannot write {}: {error}", .path.display())]
    Body {
        /// Which.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// The log.
    #[error("the custodian's log: {0}")]
    Log(#[from] LogError),
    /// The thread that wrote the body panicked.
    #[error("the writer of a body stopped")]
    Stopped,
}

/// Something the custodian said, as the record keeps it.
pub struct Statement {
    entry: Entry,
    digest: Digest,
    body: Vec<u8>,
}

impl Statement {
    /// What a verdict states.
    pub fn of_verdict(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Answered(answer) => Self::of_answer(answer),
            Verdict::Refused(refusal) => Self::of_refusal(refusal),
        }
    }

    /// What a finding states: each confirmation by itself, or the refusal.
    pub fn of_finding(finding: &Finding) -> Vec<Self> {
        match finding {
            Finding::Confirmed(confirmations) => confirmations.iter().map(Self::of_confirmation).collect(),
            Finding::Refused(refusal) => vec![Self::of_refusal(refusal)],
        }
    }

    /// What a preview states.
    pub fn of_preview(signed: &SignedPreview) -> Self {
        Self::new(signed.digest(), Entry::Preview, signed)
    }

    /// What a verdict on a cross result states.
    pub fn of_cross(verdict: &CrossVerdict) -> Self {
        match verdict {
            CrossVerdict::Answered(answer) => Self::new(answer.digest(), Entry::CrossAnswer, answer),
            CrossVerdict::Refused(refusal) => Self::of_refusal(refusal),
        }
    }

    /// That a provider was helped to pseudonyms.
    pub fn of_evaluation(evaluation: &EvaluationRecord) -> Self {
        Self::new(evaluation.digest(), Entry::Evaluation, evaluation)
    }

    fn of_answer(signed: &SignedAnswer) -> Self {
        Self::new(signed.digest(), Entry::Answer, signed)
    }

    fn of_refusal(signed: &SignedRefusal) -> Self {
        Self::new(signed.digest(), Entry::Refusal, signed)
    }

    fn of_confirmation(signed: &SignedConfirmation) -> Self {
        Self::new(signed.digest(), Entry::Confirmation, signed)
    }

    fn new(digest: Digest, entry: impl FnOnce(Digest) -> Entry, signed: &impl Serialize) -> Self {
        let body = serde_json::to_vec(signed);
        let body = body.expect("fails only for maps with keys that are no texts, and statements have no maps");
        Self { entry: entry(digest), digest, body }
    }
}

/// The log and the bodies, open.
pub struct Record {
    log: Log,
    bodies: PathBuf,
}

/// The origin of a custodian's log.
pub fn origin(network: &str, custodian: &CustodianId) -> String {
    format!("{network}/custodian/{custodian}")
}

impl Record {
    /// Opens the record in that folder, or begins it there.
    pub fn open(data: &Path, network: &str, custodian: &CustodianId, key: SigningKey) -> Result<Self, RecordError> {
        let bodies = data.join("bodies");
        let explain = |error| RecordError::Body { path: bodies.clone(), error };
        DirBuilder::new().recursive(true).mode(0o700).create(&bodies).map_err(explain)?;
        remove_unfinished(&bodies).map_err(explain)?;
        sync_folder(data).map_err(explain)?;
        let log = Log::open(&data.join("log"), &origin(network, custodian), key, LogOptions::default())?;
        Ok(Self { log, bodies })
    }

    /// Records statements that are sent together, at least one. The first's place in the log.
    pub async fn keep(&self, statements: Vec<Statement>) -> Result<u64, RecordError> {
        let entries = statements.iter().map(|statement| statement.entry.to_canonical()).collect();
        let bodies = self.bodies.clone();
        let write =
            move || statements.iter().try_for_each(|statement| write_body(&bodies, &statement.digest, &statement.body));
        tokio::task::spawn_blocking(write).await.map_err(|_| RecordError::Stopped)??;
        // After a failed write. A statement whose appending failed was not sent, and may be in the log all the same.
        self.log.recover().await?;
        Ok(self.log.append(entries).await?.first)
    }
}

/// Writes the body under its digest. Equal digests are equal bodies, so one that is there stays.
fn write_body(bodies: &Path, digest: &Digest, body: &[u8]) -> Result<(), RecordError> {
    let path = bodies.join(format!("{digest}.json"));
    if path.exists() {
        return Ok(());
    }
    write_whole(bodies, &path, body).map_err(|error| RecordError::Body { path, error })
}

/// Writes a file of the folder, new or in place of what was there: after a crash it is there as a whole, old or new.
pub(crate) fn write_whole(folder: &Path, path: &Path, body: &[u8]) -> io::Result<()> {
    // A name of its own, for the same refusal may be on its way twice.
    let mut nonce = [0; 8];
    rand::RngCore::fill_bytes(&mut rand::rngs::OsRng, &mut nonce);
    let unfinished = path.with_extension(format!("{}.tmp", hex::encode(nonce)));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
    file.write_all(body)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    sync_folder(folder)
}

/// Removes what a crash left of files that were being written.
pub(crate) fn remove_unfinished(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "tmp") {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use nacre_schemas::{
        Signature,
        answer::{Answer, Refusal},
        confirmation::Confirmation,
    };

    use super::*;

    fn custodian() -> CustodianId {
        CustodianId { jurisdiction: "guangdong".parse().unwrap(), number: 2 }
    }

    fn answered(number: u8) -> SignedAnswer {
        let (request, dossier) = (Digest([number; 32]), Digest([8; 32]));
        let answer = Answer { request, dossier, custodian: custodian(), groups: Vec::new() };
        SignedAnswer { answer, signature: Signature([9; 64]) }
    }

    fn refused() -> SignedRefusal {
        let (check, detail) = ("chain-sums".parse().unwrap(), "they differ".parse().unwrap());
        let refusal = Refusal { request: Digest([7; 32]), custodian: custodian(), check, detail };
        SignedRefusal { refusal, signature: Signature([9; 64]) }
    }

    fn answer() -> Vec<Statement> {
        vec![Statement::of_verdict(&Verdict::Answered(answered(1)))]
    }

    fn refusal() -> Vec<Statement> {
        Statement::of_finding(&Finding::Refused(refused()))
    }

    fn confirmed(chain: &str) -> SignedConfirmation {
        let (request, sums) = (Digest([7; 32]), Digest([6; 32]));
        let confirmation = Confirmation { request, sums, chain: chain.parse().unwrap(), custodian: custodian() };
        SignedConfirmation { confirmation, signature: Signature([9; 64]) }
    }

    fn key() -> SigningKey {
        SigningKey::from_bytes(&[7; 32]).unwrap()
    }

    #[tokio::test]
    async fn what_was_kept_is_there_after_opening_again() {
        let data = tempfile::tempdir().unwrap();
        let record = Record::open(data.path(), "gba", &custodian(), key()).unwrap();
        assert_eq!(record.keep(answer()).await.unwrap(), 0);
        assert_eq!(record.keep(refusal()).await.unwrap(), 1);
        drop(record);

        fs::write(data.path().join("bodies/left.tmp"), "half a bo").unwrap();
        let record = Record::open(data.path(), "gba", &custodian(), key()).unwrap();
        assert_eq!(record.log.checkpoint().unverified().origin, "gba/custodian/guangdong-2");
        let entries = record.log.entries(0..2, 2).unwrap();
        let expected = [Entry::Answer(answered(1).digest()), Entry::Refusal(refused().digest())];
        assert_eq!(entries, expected.map(|entry| entry.to_canonical()));
        assert!(!data.path().join("bodies/left.tmp").exists());

        let path = data.path().join(format!("bodies/{}.json", answered(1).digest()));
        let body: SignedAnswer = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        assert_eq!(body, answered(1));
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[tokio::test]
    async fn confirmations_that_are_sent_together_are_logged_one_by_one() {
        let data = tempfile::tempdir().unwrap();
        let record = Record::open(data.path(), "gba", &custodian(), key()).unwrap();
        let both = [confirmed("region/440100"), confirmed("region/440300")];
        let statements = Statement::of_finding(&Finding::Confirmed(both.to_vec()));
        assert_eq!(record.keep(statements).await.unwrap(), 0);
        let expected: Vec<Vec<u8>> =
            both.iter().map(|signed| Entry::Confirmation(signed.digest()).to_canonical()).collect();
        assert_eq!(record.log.entries(0..2, 2).unwrap(), expected);
        for signed in both {
            let path = data.path().join(format!("bodies/{}.json", signed.digest()));
            let body: SignedConfirmation = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            assert_eq!(body, signed);
        }
    }

    #[tokio::test]
    async fn a_verdict_whose_body_cannot_be_written_is_not_logged() {
        let data = tempfile::tempdir().unwrap();
        let record = Record::open(data.path(), "gba", &custodian(), key()).unwrap();
        fs::remove_dir_all(data.path().join("bodies")).unwrap();
        let error = record.keep(answer()).await.unwrap_err();
        assert!(matches!(error, RecordError::Body { .. }), "{error}");
        assert_eq!(record.log.size(), 0);
    }

    #[tokio::test]
    async fn the_same_refusal_at_once_is_logged_each_time_over_one_body() {
        let data = tempfile::tempdir().unwrap();
        let record = Record::open(data.path(), "gba", &custodian(), key()).unwrap();
        let (first, second) = tokio::join!(record.keep(refusal()), record.keep(refusal()));
        assert_eq!(first.unwrap() + second.unwrap(), 1);
        assert_eq!(fs::read_dir(data.path().join("bodies")).unwrap().count(), 1);
    }
}
