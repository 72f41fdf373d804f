//! Before a month closes the gateway asks its exchange: for the time, and whether it would take what is to be sealed.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use super::{
    exchange::Site,
    gateway::{Gateway, eager},
    *,
};
use crate::{Clock, Status, status};

/// Waits until the gateway's status is as wanted.
async fn until(site: &Site, wanted: impl Fn(&Status) -> bool) -> Status {
    let begin = Instant::now();
    loop {
        let found = status(&site.config).await.unwrap();
        if wanted(&found) {
            return found;
        }
        assert!(begin.elapsed() < Duration::from_secs(60), "{found:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until the gateway has said that nothing can be closed, in these words; nothing then is.
async fn until_held(site: &Site, word: &str) -> Status {
    let says = |found: &Status| found.posting.last_error.as_ref().is_some_and(|error| error.contains(word));
    let found = until(site, says).await;
    assert_eq!((found.queued, found.posted, found.waiting_months), (0, 0, 1), "{found:?}");
    assert!(site.bodies().is_empty() && found.posting.failures > 0);
    found
}

async fn put(gateway: &Gateway, id: &str, day: &str) -> u16 {
    assert!(matches!(gateway.send("PUT", "/Patient/p", &patient()).await.0, 200 | 201));
    gateway.send("PUT", &format!("/Observation/{id}"), &weight(id, day, "22.0")).await.0
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_clock_that_is_ahead_no_month_closes_and_once_it_is_right_nothing_is_late() {
    let site = eager().await;
    let now = Timestamp::now();
    let today = now.to_zoned(TimeZone::UTC).date().to_string();
    // By this clock the month that it is has ended.
    let gateway = Gateway::start_by(&site.config, Clock::wrong(SignedDuration::from_hours(62 * 24 + 1))).await;
    assert_eq!(put(&gateway, "o1", &today).await, 201);
    let found = until_held(&site, "clock").await;
    let problem = found.posting.clock_problem().unwrap();
    assert!(problem.contains("62 d 0 h 59 min") && problem.contains("ahead of"), "{problem}");
    assert_eq!(put(&gateway, "o2", &today).await, 201, "its month is open");
    gateway.stop().await;

    // Set right, it waits for the month's end and no longer.
    let gateway = Gateway::start_by(&site.config, Clock::system()).await;
    assert_eq!(put(&gateway, "o3", &today).await, 201);
    let latest = (now + SignedDuration::from_hours(33 * 24)).as_second();
    let found = until(&site, |found| found.first_closes_at.is_some_and(|closes| closes < latest)).await;
    assert_eq!((found.posting.clock_problem(), found.posted), (None, 0));
    gateway.stop().await;
    let later = Clock::scaled(now + SignedDuration::from_hours(34 * 24), 500);
    let gateway = Gateway::start_by(&site.config, later).await;
    gateway.until("o1", "posted").await;
    gateway.until("o3", "posted").await;
    assert_eq!(site.size(), 1, "three readings of one month");
    gateway.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whichever_of_the_clocks_is_wrong_months_close_when_they_agree() {
    for (behind_s, word) in [(3_600, "ahead of"), (-3_600, "behind")] {
        let site = eager().await;
        site.set_clock_behind(behind_s);
        let gateway = Gateway::start(&site.config).await;
        assert_eq!(put(&gateway, "o1", "2026-01-05").await, 201);
        let found = until_held(&site, "clock").await;
        assert!(found.posting.clock_problem().unwrap().contains(word), "{found:?}");
        let metrics = gateway.metrics().await;
        let lead = metrics.lines().find_map(|line| line.strip_prefix("nacre_gateway_clock_lead_seconds ")).unwrap();
        assert!((lead.parse::<f64>().unwrap() as i64 - behind_s).abs() <= 2, "{lead}");
        site.set_clock_behind(0);
        gateway.until("o1", "posted").await;
        assert_eq!(status(&site.config).await.unwrap().posting.clock_problem(), None);
        gateway.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_exchange_is_away_or_would_refuse_the_key_months_stay_open() {
    let mut site = eager().await;
    let there = std::mem::replace(&mut site.config.exchange, "http://127.0.0.1:9".to_owned());
    let gateway = Gateway::start(&site.config).await;
    assert_eq!(put(&gateway, "o1", "2026-01-05").await, 201);
    until_held(&site, "127.0.0.1:9").await;
    assert_eq!(put(&gateway, "o1", "2026-01-06").await, 200, "and can be corrected");
    gateway.stop().await;

    site.config.exchange = there;
    let admitted = std::mem::replace(&mut site.config.signing_key, site.folder.path().join("other.key").into());
    let other = nacre_ledger::signing::SigningKey::generate().unwrap();
    nacre_hosting::secret::write(&site.config.signing_key, &*other.to_bytes()).unwrap();
    let gateway = Gateway::start(&site.config).await;
    until_held(&site, "other.key").await;
    gateway.stop().await;

    site.config.signing_key = admitted;
    let gateway = Gateway::start(&site.config).await;
    gateway.until("o1", "posted").await;
    assert_eq!(site.size(), 1);
    gateway.stop().await;
}
