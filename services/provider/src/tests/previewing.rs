//! A preview shows what posting sends, to the byte.

use std::collections::BTreeMap;

use nacre_schemas::{Digest, Document as _, batch::Batch};

use super::{exchange::Site, *};
use crate::{PreviewedPseudonym, post_at, preview_at};

const NOW: &str = "2026-03-15T00:00:00Z";

#[tokio::test(flavor = "multi_thread")]
async fn what_a_preview_shows_is_what_the_exchange_gets_afterwards() {
    let site = Site::new().await;
    let resources = [
        patient(),
        weight("o1", "2026-01-05", "70.25"),
        weight("o2", "2026-02-05", "71"),
        steps("o3", "2026-01-05", "5020"),
        weight("o4", "2026-03-05", "71"),
        weight("o5", "2026-01-06", "7000"),
    ];
    let files = Files::new().with("a.json", bundle(&resources));
    let preview = preview_at(&site.config, &files.paths(), NOW.parse().unwrap(), &()).unwrap();
    assert_eq!((preview.records.len(), preview.deferred.len(), preview.refused.len()), (3, 1, 1));
    assert!(!site.config.data.exists() && site.bodies().is_empty(), "nothing is sent or kept");
    post_at(&site.config, &files.paths(), NOW.parse().unwrap(), &()).await.unwrap();
    let sent: Vec<_> =
        site.bodies().iter().flat_map(|bytes| Batch::from_canonical(bytes).unwrap().contributions).collect();
    let sent: BTreeMap<Digest, _> = sent.into_iter().map(|one| (one.openings.header.record, one)).collect();
    assert_eq!(sent.len(), 3);
    for record in &preview.records {
        let sent = &sent[&record.header.record];
        assert_eq!(sent.openings.header, record.header);
        assert_eq!(record.pseudonym, PreviewedPseudonym::Own(sent.restricted.pseudonym));
        let lengths = record.ciphertext_bytes;
        assert_eq!(lengths.commitments, sent.commitments.to_canonical().len());
        assert_eq!(lengths.openings, sent.openings.to_canonical().len());
        assert_eq!(lengths.payload, sent.restricted.payload.ciphertext.as_bytes().len());
        assert_eq!(lengths.wrapped_key, sent.restricted.payload.wrapped_key.as_bytes().len());
        let opened = crate::open_payload(&[3; 16], &record.header, &sent.restricted.payload).unwrap();
        let inside = &record.stays_encrypted;
        assert_eq!(
            (opened.value, opened.unit.as_str(), opened.readings),
            (inside.value, &*inside.unit, inside.readings)
        );
        assert_eq!(opened.day.as_str(), inside.day);
    }
    let shown = serde_json::to_value(&preview).unwrap();
    assert_eq!(shown["records"][0]["source"]["entry"], 1);
    assert_eq!(shown["records"][0]["stays-encrypted"]["unit"], "kg");
    for personal in PERSONAL {
        assert!(!shown.to_string().contains(personal), "{personal}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_is_to_be_named_with_custodians_has_no_pseudonym_yet() {
    let mut site = Site::new().await;
    site.config.pseudonyms = Some(crate::PseudonymConfig {
        from: "2026-02".parse().unwrap(),
        identity_systems: Vec::new(),
        custodians: Vec::new(),
    });
    let resources = [patient(), weight("o1", "2026-01-05", "70"), weight("o2", "2026-02-05", "71")];
    let files = Files::new().with("a.json", bundle(&resources));
    let preview = preview_at(&site.config, &files.paths(), NOW.parse().unwrap(), &()).unwrap();
    assert!(matches!(preview.records[0].pseudonym, PreviewedPseudonym::Own(_)));
    assert_eq!(preview.records[1].pseudonym, PreviewedPseudonym::None, "it has no identity number");
}
