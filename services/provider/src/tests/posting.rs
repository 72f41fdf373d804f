//! From files to receipts, against an exchange that verifies everything and fails when told to.

use std::collections::BTreeSet;

use nacre_hosting::trust::TrustError;
use nacre_schemas::{Digest, Document as _, batch::Batch, contribution::Contribution};

use nacre_reading::{Progress, Stage};

use super::{
    exchange::{Fault, Site},
    *,
};
use crate::{
    Outcome, PostError, PostSummary, open_payload,
    outbox::{Outbox, owner::Owner},
    post_at, receipts,
};

const NOW: &str = "2026-03-15T00:00:00Z";

async fn post(site: &Site, files: &Files) -> PostSummary {
    try_post(site, files).await.unwrap()
}

async fn try_post(site: &Site, files: &Files) -> Result<PostSummary, PostError> {
    post_at(&site.config, &files.paths(), NOW.parse().unwrap(), &()).await
}

/// Months from January of that many people.
fn people(count: usize) -> Files {
    let mut lines = Vec::new();
    for person in 0..count {
        let id = format!("p{person}");
        lines.push(patient_as(&id, &format!("person-{person}"), r#""gender":"male","birthDate":"1980-02-29""#));
        lines.push(weight(&format!("o{person}"), "2026-01-05", "24.5").replace("Patient/p", &format!("Patient/{id}")));
    }
    Files::new().with("a.ndjson", lines.join("\n"))
}

fn two_months(second: &str) -> Files {
    let resources = [patient(), weight("o1", "2026-01-05", "22.0"), weight("o2", "2026-02-05", second)];
    Files::new().with("a.json", bundle(&resources))
}

fn records(bodies: &[Vec<u8>]) -> Vec<BTreeSet<Digest>> {
    let of = |batch: Batch| batch.contributions.iter().map(|found| found.openings.header.record).collect();
    bodies.iter().map(|bytes| of(Batch::from_canonical(bytes).unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_posted_has_receipts_and_is_not_posted_again() {
    let site = Site::new().await;
    let first = post(&site, &two_months("23.0")).await;
    assert_eq!((first.new, first.posted, first.queued, first.already_posted), (2, 2, 0, 0));
    assert_eq!(first.by_measure[&"body-weight@1".parse().unwrap()].new, 2);
    assert!(first.is_clean());
    let again = post(&site, &two_months("23.0")).await;
    assert_eq!((again.new, again.posted, again.queued, again.already_posted), (0, 0, 0, 2));
    assert!(again.is_clean());
    assert_eq!((site.bodies().len(), site.size()), (1, 2));
    let listed = receipts(&site.config).await.unwrap();
    let leaves: Vec<(u64, u64)> = listed.iter().map(|receipt| (receipt.leaf, receipt.checkpoint_size)).collect();
    assert_eq!(leaves, [(0, 2), (1, 2)]);
    let named: BTreeSet<Digest> = listed.iter().map(|receipt| receipt.record).collect();
    assert_eq!(vec![named], records(&site.bodies()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_posted_month_is_not_changed() {
    let site = Site::new().await;
    post(&site, &two_months("23.0")).await;
    let other = post(&site, &two_months("23.1")).await;
    assert_eq!((other.new, other.already_posted, site.size()), (0, 1, 2));
    assert_eq!((other.refused.len(), other.is_clean()), (1, false));
    assert_eq!(other.refused[0].reason, Reason::PostedWithOtherValue);
    assert_eq!(other.refused[0].origin.observation.as_deref(), Some("o2"));
    // The value alone does not make a record: the cell counts, too.
    let moved =
        Files::new().with("a.json", bundle(&[patient().replace("female", "male"), weight("o1", "2026-01-05", "22.0")]));
    assert_eq!(post(&site, &moved).await.refused[0].reason, Reason::PostedWithOtherValue);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_whose_answer_was_lost_is_sent_again_in_the_same_bytes() {
    let site = Site::new().await;
    site.will(&[Fault::Busy, Fault::LostAnswer]);
    let summary = post(&site, &two_months("23.0")).await;
    assert_eq!((summary.posted, summary.queued, site.size()), (2, 0, 2));
    let bodies = site.bodies();
    assert_eq!(bodies.len(), 3);
    assert!(bodies.iter().all(|body| *body == bodies[0]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_delivered_is_posted_by_the_next_run() {
    let site = Site::new().await;
    site.will(&[Fault::NotAdmitted]);
    let first = post(&site, &two_months("23.0")).await;
    assert_eq!((first.posted, first.queued), (0, 2));
    assert_eq!((first.unsettled[0].outcome, first.unsettled[0].records), (Outcome::NotDelivered, 2));
    assert!(!first.is_clean() && receipts(&site.config).await.unwrap().is_empty());
    let second = post(&site, &two_months("23.0")).await;
    assert_eq!((second.new, second.already_queued, second.posted, second.queued), (0, 2, 2, 0));
    let bodies = site.bodies();
    assert_eq!(bodies[0], bodies[1], "queued bytes are sent as they are");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_that_stays_busy_is_left_after_some_attempts() {
    let site = Site::new().await;
    site.will(&[Fault::Busy; crate::MAX_ATTEMPTS as usize]);
    let summary = post(&site, &two_months("23.0")).await;
    assert_eq!((summary.posted, summary.queued), (0, 2));
    assert_eq!(site.bodies().len(), crate::MAX_ATTEMPTS as usize);
    assert_eq!(post(&site, &Files::new()).await.posted, 2, "without its files, from the outbox");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_that_does_not_hold_is_not_kept() {
    for fault in [Fault::FalseReceipt, Fault::Gibberish] {
        let site = Site::new().await;
        site.will(&[fault]);
        let summary = post(&site, &two_months("23.0")).await;
        assert_eq!((summary.posted, summary.queued), (0, 2));
        assert_eq!(summary.unsettled[0].outcome, Outcome::NotReceipted);
        assert!(receipts(&site.config).await.unwrap().is_empty());
        assert_eq!(post(&site, &Files::new()).await.posted, 2);
        assert_eq!((receipts(&site.config).await.unwrap().len(), site.size()), (2, 2));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_refused_does_not_take_the_others_with_it() {
    let site = Site::new().await;
    site.will(&[Fault::Refuse(1)]);
    let summary = post(&site, &people(4)).await;
    assert_eq!((summary.new, summary.posted, summary.queued), (4, 3, 0));
    let sent = records(&site.bodies());
    let refused = &summary.refused_at_exchange[0];
    assert_eq!((summary.refused_at_exchange.len(), refused.problem.as_str()), (1, "contribution-refused"));
    let second: BTreeSet<Digest> = sent[0].iter().copied().filter(|record| *record != refused.record).collect();
    assert_eq!(sent, [sent[0].clone(), second]);
    assert_eq!(sent[0].iter().nth(1), Some(&refused.record), "records stand in the order of their ids");
    let again = post(&site, &people(4)).await;
    assert_eq!((again.new, again.already_posted, again.already_refused, site.size()), (0, 3, 1, 3));
    assert_eq!((summary.refused_records(), summary.is_clean(), again.is_clean()), (1, false, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_record_is_sent_with_another_value() {
    let site = Site::new().await;
    site.will(&[Fault::Refuse(0)]);
    let one = |value: &str| Files::new().with("a.json", bundle(&[patient(), weight("o1", "2026-01-05", value)]));
    assert_eq!(post(&site, &one("22.0")).await.refused_at_exchange.len(), 1);
    assert_eq!(post(&site, &one("22.0")).await.already_refused, 1);
    assert_eq!(post(&site, &one("22.1")).await.posted, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_refused_as_a_whole_is_sealed_anew_by_the_next_run() {
    let site = Site::new().await;
    site.will(&[Fault::RefuseWhole]);
    let first = post(&site, &two_months("23.0")).await;
    assert_eq!((first.posted, first.queued), (0, 0));
    assert_eq!((first.unsettled[0].outcome, first.unsettled[0].records), (Outcome::Refused, 2));
    assert_eq!((first.refused_records(), first.is_clean()), (2, false), "it is not passed over in silence");
    let second = post(&site, &two_months("23.0")).await;
    assert_eq!((second.new, second.posted), (2, 2));
    assert_ne!(site.bodies()[0], site.bodies()[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_month_that_is_open_by_the_exchanges_clock_is_sealed_anew_when_it_has_ended_and_takes_no_other_with_it() {
    let site = Site::new().await;
    let records = |bytes: &[u8]| {
        let of = |one: Contribution| (one.openings.header.cell.period.to_string(), one.openings.header.record);
        Batch::from_canonical(bytes).unwrap().contributions.into_iter().map(of).collect::<Vec<_>>()
    };
    // Sealed once, to learn in which place the later month stands: that is the same every time.
    site.will(&[Fault::RefuseWhole]);
    post(&site, &two_months("23.0")).await;
    let place = records(&site.bodies()[0]).iter().position(|(month, _)| month == "2026-02").unwrap();
    site.will(&[Fault::OpenMonth(place as u32)]);
    let summary = post(&site, &two_months("23.0")).await;
    assert_eq!((summary.posted, summary.queued, summary.refused_at_exchange.len()), (1, 0, 0));
    assert_eq!((summary.unsettled[0].outcome, summary.unsettled[0].records), (Outcome::OpenMonth, 1));
    assert!(!summary.is_clean());
    assert_eq!(records(&site.bodies()[2]).iter().map(|(month, _)| month.as_str()).collect::<Vec<_>>(), ["2026-01"]);
    let later = post(&site, &two_months("23.0")).await;
    assert_eq!((later.posted, later.already_refused, later.is_clean()), (1, 0, true), "with the same value");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_for_an_erased_record_is_named_by_its_id_and_is_no_success() {
    let site = Site::new().await;
    let one = |value: &str| Files::new().with("a.json", bundle(&[patient(), weight("o1", "2026-01-05", value)]));
    post(&site, &one("22.0")).await;
    let erased = receipts(&site.config).await.unwrap().remove(0);
    let outbox = Outbox::open(&site.config.data, &Owner::configured(&site.config)).await.unwrap();
    outbox.erase(&erased.record, &erased.batch).await.unwrap();
    outbox.close().await;
    // As it was, and corrected: nobody can tell these apart any more.
    for value in ["22.0", "22.1"] {
        let summary = post(&site, &one(value)).await;
        assert_eq!((summary.new, summary.posted, summary.is_clean()), (0, 0, false));
        assert_eq!(summary.already_erased, [erased.record]);
        let shown = serde_json::to_string(&summary).unwrap();
        assert!(shown.contains(&erased.record.to_string()) && PERSONAL.iter().all(|text| !shown.contains(text)));
    }
    assert_eq!(site.size(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_outbox_makes_conflicts_and_no_second_record() {
    let site = Site::new().await;
    post(&site, &people(2)).await;
    std::fs::remove_dir_all(&site.config.data).unwrap();
    let summary = post(&site, &people(3)).await;
    assert_eq!((summary.posted, summary.refused_at_exchange.len(), site.size()), (1, 2, 3));
    assert!(summary.refused_at_exchange.iter().all(|refused| refused.problem == "record-exists"));
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_a_batch_holds_makes_more_batches_and_progress_is_told() {
    #[derive(Default)]
    struct Heard(std::sync::Mutex<Vec<(Stage, u64, u64)>>);
    impl Progress for Heard {
        fn stage(&self, stage: Stage, total: u64) {
            self.0.lock().unwrap().push((stage, total, 0));
        }
        fn advance(&self, parts: u64) {
            self.0.lock().unwrap().last_mut().unwrap().2 += parts;
        }
    }
    let (site, heard) = (Site::new().await, Heard::default());
    let files = people(66);
    let summary = post_at(&site.config, &files.paths(), NOW.parse().unwrap(), &heard).await.unwrap();
    assert_eq!((summary.posted, site.size()), (66, 66));
    let sizes: BTreeSet<usize> = records(&site.bodies()).iter().map(BTreeSet::len).collect();
    assert_eq!(sizes, BTreeSet::from([2, 64]));
    let bytes = files.bytes();
    let (people, observations) = ((Stage::People, bytes, bytes), (Stage::Observations, bytes, bytes));
    let stages = [people, observations, (Stage::Sealing, 66, 66), (Stage::Posting, 2, 2)];
    assert_eq!(*heard.0.lock().unwrap(), stages);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_person_is_in_the_outbox_on_the_wire_or_in_the_summary() {
    let site = Site::new().await;
    site.will(&[Fault::Refuse(0)]);
    let summary = post(&site, &two_months("23.0")).await;
    let mut places = site.bodies();
    assert_eq!(places.len(), 2);
    for file in std::fs::read_dir(&site.config.data).unwrap() {
        places.push(std::fs::read(file.unwrap().path()).unwrap());
    }
    places.push(serde_json::to_vec(&summary).unwrap());
    places.push(format!("{summary:?}").into_bytes());
    for place in places {
        for personal in PERSONAL.iter().chain(&["Patient/p", "2026-01-05", "2026-02-05"]) {
            assert!(!place.windows(personal.len()).any(|window| window == personal.as_bytes()), "{personal}");
        }
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn the_outbox_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let site = Site::new().await;
    post(&site, &two_months("23.0")).await;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&site.config.data), 0o700);
    for file in std::fs::read_dir(&site.config.data).unwrap() {
        assert_eq!(mode(&file.unwrap().path()), 0o600);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_opens_its_payloads_and_a_person_has_one_pseudonym() {
    let site = Site::new().await;
    post(&site, &two_months("23.45")).await;
    let batch = Batch::from_canonical(&site.bodies()[0]).unwrap();
    let mut opened = BTreeSet::new();
    for contribution in &batch.contributions {
        let header = &contribution.openings.header;
        let record = open_payload(&[3; 16], header, &contribution.restricted.payload).unwrap();
        assert_eq!((&record.measure, record.period), (&header.cell.measure, header.cell.period));
        opened.insert(format!("{} {} {} {}", record.day.as_str(), record.value, record.unit, record.value_steps));
    }
    assert_eq!(opened.into_iter().collect::<Vec<_>>(), ["2026-01-05 22.0 kg 220", "2026-02-05 23.5 kg 235"]);
    assert_eq!(batch.contributions[0].restricted.pseudonym, batch.contributions[1].restricted.pseudonym);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_that_the_trust_root_does_not_know_is_refused_before_anything_is_read() {
    let mut site = Site::new().await;
    site.config.region = "810000".parse().unwrap();
    assert!(matches!(try_post(&site, &Files::new()).await, Err(PostError::OtherRegion { .. })));
    site.config.chain = "region/810000".parse().unwrap();
    assert!(matches!(try_post(&site, &Files::new()).await, Err(PostError::NoChain(_))));
    std::fs::write(&site.config.trust, "serial = 1").unwrap();
    assert!(matches!(try_post(&site, &Files::new()).await, Err(PostError::TrustFile(TrustError::Malformed { .. }))));
    assert!(!site.config.data.exists());
    assert!(site.folder.path().exists() && site.network.root().chains.len() == 1);
}
