//! The custodian's own log of its confirmations, answers, refusals, previews and evaluations, with the bodies behind it.
//!
//! Kept true: a statement that was sent is in the log, and its body is durable before the log names it. So whoever holds
//! the custodian to account finds every statement it ever made, and the log never names a body that is not there. An answer
//! comes after the request that it is about: so the log tells by itself what was opened ([`Record::own`]).
//! Bodies hold shares and no numbers of people; they are files of mode 0600 all the same. A log that is older than its register,
//! damaged, or without a register that can be read takes no statement, so none is sent. One process has the folder at a time.
//!
//! ```text
//! <registers>/log                  the log's register: what it has last answered for
//! <data>/log/                      the log, of origin <network>/custodian/<jurisdiction>-<number>
//! <data>/heads/<chain>.json        how far a main chain was followed (see `history`)
//! <data>/bodies/<digest>.json      a signed request that was answered, a signed confirmation, answer, refusal or preview, or
//!                                  the record of an evaluation, named by the digest that the log holds
//! ```
//!
//! A crash before the append leaves a body that nothing names: harmless, as it was not sent. A crash while the body is
//! written leaves a `.tmp` file, which the next start removes.
//!
//! Errors: [`RecordError`]; after one of [`Record::keep`] the statement must not be sent. Cost: two syncs a statement, and one for all that
//! are sent together.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use nacre_hosting::{
    file::{self, FileError, PRIVATE},
    folder::{self, DataFolder, FolderError},
};
use nacre_ledger::{
    log::{Log, LogError, LogOptions},
    signing::SigningKey,
};
use nacre_schemas::{
    Digest, Document, Signed,
    answer::{Answer, CustodianId, Refusal, Verdict},
    confirmation::{Confirmation, Finding},
    cross::{CrossAnswer, CrossRequest},
    entry::Entry,
    limits,
    preview::Preview,
    pseudonym::EvaluationRecord,
    query::{Request, SignedRequest},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::own::Own;

/// Entries of the log read at a time.
const PAGE_ENTRIES: usize = 1_024;
/// The longest body, in bytes: a release holds many answers, and JSON is a few times as long as the canonical form.
const MAX_BODY_BYTES: usize = 4 * limits::MAX_RELEASE_BYTES;

/// Why a statement could not be recorded.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// A file or folder of bodies.
    #[error("the body {0}")]
    Body(#[from] FileError),
    /// The data folder, or that of the register.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The log.
    #[error("the custodian's log: {0}")]
    Log(#[from] LogError),
    /// Its own log and the bodies behind it do not fit together: what was opened is not known any more.
    #[error("the custodian's log, entry {leaf}: {reason}; restore the data folder as a whole")]
    Damaged {
        /// The entry.
        leaf: u64,
        /// What is wrong.
        reason: String,
    },
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
    /// What a verdict on a request states: the answer after the request that it is about, or the refusal.
    pub fn of_verdict(verdict: &Verdict<Answer>, asked: &SignedRequest<Request>) -> Vec<Self> {
        match verdict {
            Verdict::Answered(answer) => {
                vec![
                    Self::new(asked.digest(), Entry::Request, asked),
                    Self::new(answer.digest(), Entry::Answer, answer),
                ]
            }
            Verdict::Refused(refusal) => vec![Self::of_refusal(refusal)],
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
    pub fn of_preview(signed: &Signed<Preview>) -> Self {
        Self::new(signed.digest(), Entry::Preview, signed)
    }

    /// What a verdict on a cross result states, likewise.
    pub fn of_cross(verdict: &Verdict<CrossAnswer>, asked: &SignedRequest<CrossRequest>) -> Vec<Self> {
        match verdict {
            Verdict::Answered(answer) => {
                let request = Self::new(asked.digest(), Entry::CrossRequest, asked);
                vec![request, Self::new(answer.digest(), Entry::CrossAnswer, answer)]
            }
            Verdict::Refused(refusal) => vec![Self::of_refusal(refusal)],
        }
    }

    /// That a provider was helped to pseudonyms.
    pub fn of_evaluation(evaluation: &EvaluationRecord) -> Self {
        Self::new(evaluation.digest(), Entry::Evaluation, evaluation)
    }

    fn of_refusal(signed: &Signed<Refusal>) -> Self {
        Self::new(signed.digest(), Entry::Refusal, signed)
    }

    fn of_confirmation(signed: &Signed<Confirmation>) -> Self {
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
    /// Held for as long as anything can be recorded.
    _folder: DataFolder,
}

/// The origin of a custodian's log.
pub fn origin(network: &str, custodian: &CustodianId) -> String {
    format!("{network}/custodian/{custodian}")
}

/// The folder of a custodian's log, in its data folder.
pub fn log_folder(data: &Path) -> PathBuf {
    data.join("log")
}

/// The register of a custodian's log, in the folder of its registers.
pub fn register_file(registers: &Path) -> PathBuf {
    registers.join("log")
}

impl Record {
    /// Opens the record in that folder, or begins it there; the folder of registers is another.
    pub fn open(
        data: &Path,
        registers: &Path,
        network: &str,
        custodian: &CustodianId,
        key: SigningKey,
    ) -> Result<Self, RecordError> {
        // First of all: what another process has not finished yet is not ours to remove.
        let taken = DataFolder::take_with_registers(data, registers)?;
        let bodies = data.join("bodies");
        folder::make_private(&bodies)?;
        file::remove_unfinished(&bodies)?;
        file::sync_folder(data)?;
        let options = LogOptions { register: Some(register_file(registers)), ..LogOptions::default() };
        let log = Log::open(&log_folder(data), &origin(network, custodian), key, options)?;
        Ok(Self { log, bodies, _folder: taken })
    }

    /// Why no statement is taken, if that is so.
    pub fn read_only(&self) -> Option<&str> {
        self.log.read_only()
    }

    /// Entries of the log.
    pub fn entries(&self) -> u64 {
        self.log.size()
    }

    /// Records statements that are sent together, at least one. The first's place in the log.
    pub async fn keep(&self, statements: Vec<Statement>) -> Result<u64, RecordError> {
        if let Some(why) = self.read_only() {
            return Err(LogError::ReadOnly { why: why.to_owned() }.into());
        }
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

impl Record {
    /// What this custodian opened, by its own log.
    pub(crate) fn own(&self) -> Result<Own, RecordError> {
        let (mut own, mut requests) = (Own::default(), BTreeMap::new());
        let size = self.log.size();
        for first in (0..size).step_by(PAGE_ENTRIES) {
            let end = size.min(first + PAGE_ENTRIES as u64);
            for (leaf, entry) in (first..end).zip(self.log.entries(first..end, PAGE_ENTRIES)?) {
                let damaged = |reason: String| RecordError::Damaged { leaf, reason };
                match Entry::from_canonical(&entry).map_err(|error| damaged(error.to_string()))? {
                    Entry::Request(digest) => {
                        let request: SignedRequest<Request> = self.body(leaf, &digest)?;
                        requests.insert(request.request.digest(), request);
                    }
                    Entry::Answer(digest) => {
                        let answer: Signed<Answer> = self.body(leaf, &digest)?;
                        let request = requests.get(&answer.statement.request);
                        own.add(
                            request.ok_or_else(|| damaged("it lacks the request before the answer".to_owned()))?,
                            &answer,
                        );
                    }
                    Entry::CrossAnswer(digest) => {
                        own.add_crossed(self.body::<Signed<CrossAnswer>>(leaf, &digest)?.statement.request);
                    }
                    _ => {}
                }
            }
        }
        Ok(own)
    }

    /// The body behind an entry.
    fn body<T: Document + DeserializeOwned>(&self, leaf: u64, digest: &Digest) -> Result<T, RecordError> {
        let path = self.bodies.join(format!("{digest}.json"));
        let bytes = file::read(&path, MAX_BODY_BYTES)?;
        let body: T = serde_json::from_slice(&bytes)
            .map_err(|error| RecordError::Damaged { leaf, reason: format!("{}: {error}", path.display()) })?;
        if body.digest() != *digest {
            let reason = format!("{} is another body than the log names", path.display());
            return Err(RecordError::Damaged { leaf, reason });
        }
        Ok(body)
    }
}

/// Writes the body under its digest. Equal digests are equal bodies, so one that is there stays.
fn write_body(bodies: &Path, digest: &Digest, body: &[u8]) -> Result<(), RecordError> {
    let path = bodies.join(format!("{digest}.json"));
    if path.exists() {
        return Ok(());
    }
    Ok(file::replace(&path, body, PRIVATE)?)
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use nacre_schemas::{
        Point, Scalar, Signature,
        answer::{Answer, Decision, GroupAnswer, QuantityDecision, Refusal, Rule, Share},
        cohort::{AgeBand, Sex},
        confirmation::Confirmation,
        measure::Domain,
        query::{GroupKey, Predicate, Quantity, Request, SealSpan, Statistic},
    };

    use super::*;
    use crate::disclosure::Opened;

    fn custodian() -> CustodianId {
        CustodianId { jurisdiction: "guangdong".parse().unwrap(), number: 2 }
    }

    fn refused() -> Signed<Refusal> {
        let (check, detail) = ("chain-sums".parse().unwrap(), "they differ".parse().unwrap());
        let refusal = Refusal { request: Digest([7; 32]), custodian: custodian(), check, detail };
        Signed { statement: refusal, signature: Signature([9; 64]) }
    }

    fn asked() -> SignedRequest<Request> {
        let request = Request {
            trust: Digest([1; 32]),
            requester: "commission".parse().unwrap(),
            measure: "bmi@1".parse().unwrap(),
            definition: Digest([2; 32]),
            statistics: vec![Statistic::Mean],
            predicate: Predicate {
                regions: vec!["440100".parse().unwrap()],
                from: "2026-01".parse().unwrap(),
                to: "2026-01".parse().unwrap(),
                sexes: Sex::ALL.to_vec(),
                youngest: AgeBand::of_age(0),
                oldest: AgeBand::TOP,
            },
            group_by: Vec::new(),
            spans: vec![SealSpan { chain: "region/440100".parse().unwrap(), first: 1, last: 1, hash: Digest([8; 32]) }],
            purpose: "a test".parse().unwrap(),
            nonce: Digest([3; 32]),
        };
        SignedRequest { request, seals: Vec::new(), signature: Signature([9; 64]) }
    }

    /// An answer that opens the sum of everybody, and withholds their squares.
    fn answered() -> Signed<Answer> {
        let point = Point([1; 32]);
        let share = Share { key: point, share: point, challenge: Scalar([0; 32]), response: Scalar([0; 32]) };
        let decided = |quantity, decision| QuantityDecision { quantity, decision };
        let group = GroupAnswer {
            group: everybody(),
            decisions: vec![
                decided(Quantity::Count, Decision::Opened(share.clone())),
                decided(Quantity::Sum, Decision::Opened(share)),
                decided(Quantity::Squares, Decision::Withheld(Rule::TooFewPeopleForDetail)),
            ],
        };
        let request = asked().request.digest();
        let answer = Answer { request, dossier: Digest([8; 32]), custodian: custodian(), groups: vec![group] };
        Signed { statement: answer, signature: Signature([9; 64]) }
    }

    fn everybody() -> GroupKey {
        GroupKey { region: None, sex: None, age_band: None, period: None }
    }

    fn answer() -> Vec<Statement> {
        Statement::of_verdict(&Verdict::Answered(answered()), &asked())
    }

    fn refusal() -> Vec<Statement> {
        Statement::of_finding(&Finding::Refused(refused()))
    }

    fn confirmed(chain: &str) -> Signed<Confirmation> {
        let (request, sums) = (Digest([7; 32]), Digest([6; 32]));
        let confirmation = Confirmation { request, sums, chain: chain.parse().unwrap(), custodian: custodian() };
        Signed { statement: confirmation, signature: Signature([9; 64]) }
    }

    fn key() -> SigningKey {
        SigningKey::from_bytes(&[7; 32]).unwrap()
    }

    fn try_open(folder: &Path) -> Result<Record, RecordError> {
        Record::open(&folder.join("data"), &folder.join("registers"), "gba", &custodian(), key())
    }

    fn open(folder: &Path) -> Record {
        try_open(folder).unwrap()
    }

    #[tokio::test]
    async fn what_was_kept_is_there_after_opening_again() {
        let data = tempfile::tempdir().unwrap();
        let record = open(data.path());
        assert_eq!(record.keep(answer()).await.unwrap(), 0);
        assert_eq!(record.keep(refusal()).await.unwrap(), 2);
        drop(record);

        fs::write(data.path().join("data/bodies/left.tmp"), "half a bo").unwrap();
        let record = open(data.path());
        assert_eq!(record.log.checkpoint().unverified().origin, "gba/custodian/guangdong-2");
        let entries = record.log.entries(0..3, 3).unwrap();
        let expected =
            [Entry::Request(asked().digest()), Entry::Answer(answered().digest()), Entry::Refusal(refused().digest())];
        assert_eq!(entries, expected.map(|entry| entry.to_canonical()));
        assert!(!data.path().join("data/bodies/left.tmp").exists());

        let path = data.path().join(format!("data/bodies/{}.json", answered().digest()));
        let body: Signed<Answer> = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        assert_eq!(body, answered());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[tokio::test]
    async fn the_log_tells_what_was_opened_and_a_body_that_is_gone_or_changed_is_not_passed_over() {
        let data = tempfile::tempdir().unwrap();
        let record = open(data.path());
        record.keep(refusal()).await.unwrap();
        assert!(record.own().unwrap().on(&Domain::Health.main_chain()).is_empty());
        record.keep(answer()).await.unwrap();
        let request = asked().request.digest();
        let own = record.own().unwrap();
        assert_eq!(own.opened(&request), Some(&[(everybody(), Opened::Sums)].into()));
        assert_eq!(own.on(&Domain::Health.main_chain()), [request].into());
        assert_eq!(own.on(&Domain::Sport.main_chain()), [].into());

        let path = data.path().join(format!("data/bodies/{}.json", answered().digest()));
        let whole = fs::read_to_string(&path).unwrap();
        fs::write(&path, whole.replace("\"count\"", "\"band-1\"")).unwrap();
        assert!(matches!(record.own().err(), Some(RecordError::Damaged { leaf: 2, .. })));
        fs::remove_file(&path).unwrap();
        assert!(matches!(record.own().err(), Some(RecordError::Body { .. })));
    }

    #[tokio::test]
    async fn confirmations_that_are_sent_together_are_logged_one_by_one() {
        let data = tempfile::tempdir().unwrap();
        let record = open(data.path());
        let both = [confirmed("region/440100"), confirmed("region/440300")];
        let statements = Statement::of_finding(&Finding::Confirmed(both.to_vec()));
        assert_eq!(record.keep(statements).await.unwrap(), 0);
        let expected: Vec<Vec<u8>> =
            both.iter().map(|signed| Entry::Confirmation(signed.digest()).to_canonical()).collect();
        assert_eq!(record.log.entries(0..2, 2).unwrap(), expected);
        for signed in both {
            let path = data.path().join(format!("data/bodies/{}.json", signed.digest()));
            let body: Signed<Confirmation> = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            assert_eq!(body, signed);
        }
    }

    #[tokio::test]
    async fn a_verdict_whose_body_cannot_be_written_is_not_logged() {
        let data = tempfile::tempdir().unwrap();
        let record = open(data.path());
        fs::remove_dir_all(data.path().join("data/bodies")).unwrap();
        let error = record.keep(answer()).await.unwrap_err();
        assert!(matches!(error, RecordError::Body { .. }), "{error}");
        assert_eq!(record.log.size(), 0);
    }

    #[tokio::test]
    async fn the_same_refusal_at_once_is_logged_each_time_over_one_body() {
        let data = tempfile::tempdir().unwrap();
        let record = open(data.path());
        let (first, second) = tokio::join!(record.keep(refusal()), record.keep(refusal()));
        assert_eq!(first.unwrap() + second.unwrap(), 1);
        assert_eq!(fs::read_dir(data.path().join("data/bodies")).unwrap().count(), 1);
    }
    fn copy(from: &Path, to: &Path) {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let (path, target) = (entry.as_ref().unwrap().path(), to.join(entry.as_ref().unwrap().file_name()));
            if path.is_dir() {
                copy(&path, &target);
            } else {
                fs::copy(&path, &target).unwrap();
            }
        }
    }

    async fn says_nothing(record: Record, because: &str) {
        let error = record.keep(answer()).await.unwrap_err().to_string();
        assert!(error.contains(because) && record.read_only().is_some(), "{error}");
    }

    #[tokio::test]
    async fn a_custodian_whose_folder_or_register_is_not_as_it_was_says_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let (data, register) = (dir.path().join("data"), register_file(&dir.path().join("registers")));
        let (old, newest) = (dir.path().join("old"), dir.path().join("newest"));
        open(dir.path()).keep(answer()).await.unwrap();
        copy(&data, &old);
        open(dir.path()).keep(refusal()).await.unwrap();
        copy(&data, &newest);
        let restore = |copied: &Path| {
            fs::remove_dir_all(&data).unwrap();
            copy(copied, &data);
        };
        restore(&old);
        says_nothing(open(dir.path()), "says that 3 were answered for").await;
        fs::remove_dir_all(&data).unwrap();
        let error = try_open(dir.path()).map(drop).unwrap_err().to_string();
        assert!(error.contains("says that 3 were answered for"), "{error}");
        restore(&newest);
        let segment = data.join("log/00000000000000000000.seg");
        let garbled: Vec<u8> = fs::read(&segment).unwrap().iter().map(|byte| byte ^ 0x40).collect();
        fs::write(&segment, garbled).unwrap();
        assert!(try_open(dir.path()).is_err());
        restore(&newest);

        let good = fs::read(&register).unwrap();
        fs::write(&register, [7; 8_192]).unwrap();
        says_nothing(open(dir.path()), "cannot be read").await;
        fs::remove_file(&register).unwrap();
        says_nothing(open(dir.path()), "is missing").await;
        fs::write(&register, good).unwrap();
        assert_eq!(open(dir.path()).keep(answer()).await.unwrap(), 3);
    }

    #[tokio::test]
    async fn a_second_process_on_the_folder_removes_nothing_and_does_not_start() {
        let dir = tempfile::tempdir().unwrap();
        let first = open(dir.path());
        let unfinished = dir.path().join("data/bodies/on-its-way.tmp");
        fs::write(&unfinished, "half a bo").unwrap();
        let second = try_open(dir.path()).map(drop);
        assert!(matches!(second, Err(RecordError::Folder(FolderError::InUse(_)))), "{second:?}");
        assert!(unfinished.exists());
        first.keep(answer()).await.unwrap();
    }
}
