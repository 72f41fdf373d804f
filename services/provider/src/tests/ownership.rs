//! A data folder is one provider's on one chain of one network.

use super::{exchange::Site, *};
use crate::{Clock, OutboxError, PostError, ServeError, post, receipts, serve_by, status};

fn files() -> Files {
    Files::new().with("a.json", bundle(&[patient(), weight("o1", "2026-01-05", "22.0")]))
}

/// What is said of a folder that is not that configuration's.
async fn refused(config: &Config) -> String {
    match post(config, &files().paths(), &()).await {
        Err(PostError::Outbox(error @ OutboxError::OtherOwner { .. })) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

fn key(site: &Site, name: &str) -> std::path::PathBuf {
    let path = site.folder.path().join(name);
    nacre_hosting::secret::write(&path, &[9; 32]).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn another_members_folder_is_refused_and_its_owner_goes_on() {
    let site = Site::new().await;
    let mut other = site.config.clone();
    assert_eq!(post(&site.config, &files().paths(), &()).await.unwrap().posted, 1);
    other.member = "clinic".parse().unwrap();
    let text = refused(&other).await;
    assert!(text.contains("`member` is hospital, and clinic is configured"), "{text}");
    assert!(text.contains(&*site.config.data.to_string_lossy()), "{text}");
    // Reading what is there is refused alike, and so is the gateway.
    assert!(matches!(status(&other).await, Err(OutboxError::OtherOwner { .. })));
    assert!(matches!(receipts(&other).await, Err(PostError::Outbox(OutboxError::OtherOwner { .. }))));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let served = serve_by(other, listener.into(), Box::pin(std::future::pending()), Clock::system()).await;
    assert!(matches!(served, Err(ServeError::Outbox(OutboxError::OtherOwner { .. }))), "{served:?}");
    assert!(!site.config.gateway.spool_key.exists(), "no key is made for a spool that is another's");
    let again = post(&site.config, &files().paths(), &()).await.unwrap();
    assert_eq!((again.already_posted, again.queued, again.is_clean()), (1, 0, true));
    assert_eq!(receipts(&site.config).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_keys_systems_chains_and_networks_are_others() {
    let site = Site::new().await;
    post(&site.config, &files().paths(), &()).await.unwrap();
    let mut other = site.config.clone();
    other.person_system = "urn:other".parse().unwrap();
    assert!(refused(&other).await.contains("`person-system` is urn:example:person"));
    let mut other = site.config.clone();
    other.record_key = key(&site, "other-record.key").into();
    assert!(refused(&other).await.contains("`record-key`"), "months would be posted anew");
    let mut other = site.config.clone();
    other.pseudonym_key = key(&site, "other-pseudonym.key").into();
    assert!(refused(&other).await.contains("`pseudonym-key`"), "people would have two names");
    // A network of the same name under another collective key.
    let mut other = Site::new().await;
    other.config.data.clone_from(&site.config.data);
    assert!(refused(&other.config).await.contains("`trust`"));
    assert_eq!(other.size(), 0);
    let mut other = site.config.clone();
    other.chain = "region/810000".parse().unwrap();
    let text = status(&other).await.unwrap_err().to_string();
    assert!(text.contains("`chain` is region/440100, and region/810000 is configured"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_only_looks_does_not_take_a_folder() {
    let site = Site::new().await;
    let mut looking = site.config.clone();
    looking.member = "clinic".parse().unwrap();
    assert_eq!(status(&looking).await.unwrap().posted, 0);
    assert_eq!(post(&site.config, &files().paths(), &()).await.unwrap().posted, 1);
}
