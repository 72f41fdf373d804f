//! What the exchange would not take is found out before anything is sealed; what cannot be found out, afterwards.

use nacre_access::key::AccessKey;
use nacre_hosting::secret;
use nacre_ledger::signing::SigningKey;
use nacre_reading::{Progress, Stage};
use nacre_schemas::membership::MemberRole;

use super::{exchange::Site, *};
use crate::{Disagreement, PostError, PostSummary, post, status};

fn files() -> Files {
    Files::new().with("a.json", bundle(&[patient(), weight("o1", "2026-01-05", "22.0")]))
}

async fn try_post(config: &Config) -> Result<PostSummary, PostError> {
    post(config, &files().paths(), &()).await
}

/// Why nothing was posted; and nothing was read, sealed, sent or queued.
async fn refused(site: &Site) -> Disagreement {
    struct Nothing;
    impl Progress for Nothing {
        fn stage(&self, stage: Stage, _: u64) {
            panic!("{stage:?} was begun");
        }
        fn advance(&self, _: u64) {}
    }
    let before = site.bodies().len();
    let error = post(&site.config, &files().paths(), &Nothing).await.unwrap_err();
    assert_eq!((site.bodies().len(), status(&site.config).await.unwrap().queued), (before, 0));
    assert!(PERSONAL.iter().all(|text| !error.to_string().contains(text)));
    match error {
        PostError::Disagreement(disagreement) => disagreement,
        other => panic!("{other}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signing_key_that_is_not_the_admitted_one_is_named_and_the_admitted_one_then_posts_all() {
    let mut site = Site::new().await;
    let admitted = std::mem::replace(&mut site.config.signing_key, site.folder.path().join("other.key").into());
    secret::write(&site.config.signing_key, &*SigningKey::generate().unwrap().to_bytes()).unwrap();
    let disagreement = refused(&site).await;
    assert!(matches!(disagreement, Disagreement::OtherSigningKey { .. }), "{disagreement}");
    let text = disagreement.to_string();
    assert!(text.contains("other.key") && text.contains("signing key") && text.contains("hospital"), "{text}");
    site.config.signing_key = admitted;
    let summary = try_post(&site.config).await.unwrap();
    assert_eq!((summary.posted, summary.is_clean()), (1, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_access_key_or_a_member_who_is_not_admitted_is_not_let_in_and_it_is_said() {
    let mut site = Site::new().await;
    let admitted = std::mem::replace(&mut site.config.access_key, site.folder.path().join("other.pem").into());
    secret::write_text(&site.config.access_key, &AccessKey::generate().unwrap().to_pem()).unwrap();
    let disagreement = refused(&site).await;
    assert!(matches!(disagreement, Disagreement::NotLetIn { .. }), "{disagreement}");
    assert!(disagreement.to_string().contains("access key"), "{disagreement}");
    site.config.access_key = admitted;
    (site.config.member, site.config.data) = ("clinic".parse().unwrap(), site.folder.path().join("clinic").into());
    let disagreement = refused(&site).await;
    assert!(matches!(disagreement, Disagreement::NotLetIn { .. }), "{disagreement}");
    assert!(disagreement.to_string().contains("clinic"), "{disagreement}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admission_to_another_chain_or_role_is_none() {
    let elsewhere = Site::admitting(|membership| membership.chains = vec!["region/810000".parse().unwrap()]).await;
    let disagreement = refused(&elsewhere).await;
    assert!(matches!(disagreement, Disagreement::NotAdmitted(_)), "{disagreement}");
    assert!(disagreement.to_string().contains("region/440100"), "{disagreement}");
    // The role of a member settles what tokens it gets.
    let otherwise = Site::admitting(|membership| membership.role = MemberRole::Regulator).await;
    let disagreement = refused(&otherwise).await;
    assert!(matches!(disagreement, Disagreement::NotLetIn { .. }), "{disagreement}");
}

#[tokio::test(flavor = "multi_thread")]
async fn clocks_that_differ_are_said_by_how_much_and_small_differences_do_not_matter() {
    let site = Site::new().await;
    for (behind_s, word) in [(40 * 86_400, "ahead of"), (-3_600, "behind")] {
        site.set_clock_behind(behind_s);
        let disagreement = refused(&site).await;
        assert!(matches!(disagreement, Disagreement::Clock(_)), "{disagreement}");
        let text = disagreement.to_string();
        assert!(text.contains("clock") && text.contains(word), "{text}");
    }
    site.set_clock_behind(200);
    assert!(try_post(&site.config).await.unwrap().is_clean());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_that_is_away_holds_up_sending_and_not_sealing() {
    let mut site = Site::new().await;
    let there = std::mem::replace(&mut site.config.exchange, "http://127.0.0.1:9".to_owned());
    let summary = try_post(&site.config).await.unwrap();
    assert_eq!((summary.new, summary.queued, summary.is_clean()), (1, 1, false));
    site.config.exchange = there;
    let summary = try_post(&site.config).await.unwrap();
    assert_eq!((summary.posted, summary.is_clean()), (1, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_that_hangs_is_named_within_a_bounded_time_and_what_is_sealed_is_kept_and_posted_later() {
    let mut site = Site::new().await;
    // The system takes connections for it, and nothing is ever answered.
    let hung = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", hung.local_addr().unwrap());
    let there = std::mem::replace(&mut site.config.exchange, url.clone());
    let begun = std::time::Instant::now();
    let summary = try_post(&site.config).await.unwrap();
    let took = begun.elapsed();
    println!("posting to an exchange that hangs: {took:?}");
    assert!(took < std::time::Duration::from_secs(220), "{took:?}");
    assert_eq!((summary.new, summary.queued, summary.is_clean()), (1, 1, false));
    let [unsettled] = summary.unsettled.as_slice() else { panic!("{:?}", summary.unsettled) };
    for said in [url.as_str(), "does not answer", "kept in the outbox", "post again"] {
        assert!(unsettled.detail.contains(said), "{}", unsettled.detail);
    }
    site.config.exchange = there;
    let summary = try_post(&site.config).await.unwrap();
    assert_eq!((summary.posted, summary.is_clean()), (1, true));
}
