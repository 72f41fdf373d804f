//! The canonical encoding has one form for one value, and refuses everything else without allocating for it.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use nacre_schemas::{
    Blob, DecodeError, Digest, Document as _, Signature, Signed,
    batch::BatchStatement,
    canonical::fields,
    cohort::{AgeBand, Sex},
    entry::{BatchEntry, Entry, SealEntry},
    query::{Attribute, Predicate, Quantity, Request, SealSpan, SignedRequest, Statistic},
};
use proptest::prelude::*;

fn statement() -> BatchStatement {
    BatchStatement {
        chain: "region/440100".parse().unwrap(),
        provider: "hospital-440100".parse().unwrap(),
        leaves: vec![Digest([1; 32]), Digest([2; 32])],
        range_proof: Blob::new(vec![3; 96]).unwrap(),
    }
}

fn request() -> Request {
    Request {
        trust: Digest([1; 32]),
        requester: "health-commission".parse().unwrap(),
        measure: "systolic-bp@1".parse().unwrap(),
        definition: Digest([2; 32]),
        statistics: vec![Statistic::Count, Statistic::Mean],
        predicate: Predicate {
            regions: vec!["440100".parse().unwrap(), "810000".parse().unwrap()],
            from: "2026-01".parse().unwrap(),
            to: "2026-03".parse().unwrap(),
            sexes: vec![Sex::Female, Sex::Male],
            youngest: AgeBand::of_age(45),
            oldest: AgeBand::of_age(64),
        },
        group_by: vec![Attribute::Region, Attribute::Sex],
        spans: vec![
            SealSpan { chain: "region/440100".parse().unwrap(), first: 1, last: 2, hash: Digest([5; 32]) },
            SealSpan { chain: "region/810000".parse().unwrap(), first: 1, last: 1, hash: Digest([6; 32]) },
        ],
        purpose: "quarterly report 季度".parse().unwrap(),
        nonce: Digest([3; 32]),
    }
}

#[test]
fn every_prefix_and_every_surplus_is_refused() {
    let bytes = request().to_canonical();
    assert_eq!(Request::from_canonical(&bytes), Ok(request()));
    for length in 0..bytes.len() {
        assert!(Request::from_canonical(&bytes[..length]).is_err(), "{length} bytes");
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert_eq!(Request::from_canonical(&longer), Err(DecodeError::Trailing(1)));
}

#[test]
fn no_type_or_version_passes_for_another() {
    let bytes = statement().to_canonical();
    assert!(matches!(Request::from_canonical(&bytes), Err(DecodeError::WrongDocument { .. })));
    let mut later = bytes.clone();
    later[4] += 1;
    assert!(matches!(BatchStatement::from_canonical(&later), Err(DecodeError::WrongDocument { .. })));
}

#[test]
fn lengths_and_counts_are_capped_before_anything_is_allocated() {
    let (bytes, fields) = fields(&statement());
    let count = fields.iter().find(|field| field.path == "leaves.count").unwrap().bytes.clone();
    let mut many = bytes.clone();
    many[count].fill(0xff);
    assert!(matches!(BatchStatement::from_canonical(&many), Err(DecodeError::TooLong { what: "list", .. })));
    let proof = fields.iter().find(|field| field.path == "range_proof").unwrap().bytes.clone();
    let mut long = bytes.clone();
    long[proof.start..proof.start + 4].fill(0xff);
    assert!(matches!(BatchStatement::from_canonical(&long), Err(DecodeError::TooLong { what: "byte string", .. })));
    assert!(Blob::<4>::new(vec![0; 5]).is_err());
}

#[test]
fn flags_and_variants_have_one_code_each() {
    let seal = SealEntry { number: 1, previous: None, from: 0, to: 9, cells: 3, root: Digest([4; 32]) };
    let entry = Entry::Seal(seal);
    let (bytes, fields) = fields(&entry);
    let flag = fields.iter().find(|field| field.path == "seal.previous.present").unwrap().bytes.clone();
    let mut odd = bytes.clone();
    odd[flag.start] = 2;
    assert!(Entry::from_canonical(&odd).is_err());
    let mut unknown = bytes.clone();
    unknown[5] = 99;
    assert!(Entry::from_canonical(&unknown).is_err());
}

#[test]
fn entries_of_every_kind_read_back_and_have_their_own_leaf() {
    let digest = Digest([5; 32]);
    let entries = [
        Entry::Batch(BatchEntry { contributions: 2, body: digest }),
        Entry::Membership(digest),
        Entry::Request(digest),
        Entry::Release(digest),
        Entry::Answer(digest),
        Entry::Refusal(digest),
        Entry::Confirmation(digest),
    ];
    let mut leaves = std::collections::BTreeSet::new();
    for entry in entries {
        assert_eq!(Entry::from_canonical(&entry.to_canonical()).as_ref(), Ok(&entry));
        assert!(leaves.insert(entry.leaf_hash()), "{}", entry.kind());
    }
}

#[test]
fn json_says_the_same_and_takes_no_unknown_member() {
    let json = serde_json::to_value(request()).unwrap();
    assert_eq!(json["measure"], "systolic-bp@1");
    assert_eq!(json["predicate"]["regions"][0], "440100");
    assert_eq!(serde_json::from_value::<Request>(json.clone()).unwrap(), request());
    let mut more = json.clone();
    more["extra"] = 1.into();
    assert!(serde_json::from_value::<Request>(more).is_err());
    let mut upper = json;
    upper["nonce"] = "AB".repeat(32).into();
    assert!(serde_json::from_value::<Request>(upper).is_err(), "hex has one case");
    let mut object = serde_json::to_value(request()).unwrap();
    object["statistics"][0] = serde_json::json!({ "count": null });
    assert!(serde_json::from_value::<Request>(object).is_err(), "a word has one form");
}

#[test]
fn malformed_requests_are_named() {
    type Change = fn(&mut Request);
    let changes: [(Change, &str); 7] = [
        (|request| request.statistics.clear(), "each need one"),
        (|request| request.predicate.regions.reverse(), "in order"),
        (|request| request.group_by = vec![Attribute::Sex, Attribute::Sex], "each once"),
        (|request| request.predicate.to = "2025-12".parse().unwrap(), "out of order"),
        (|request| request.predicate.oldest = AgeBand::of_age(20), "ages"),
        (|request| request.spans.reverse(), "chains"),
        (|request| request.spans[0].first = 3, "no span"),
    ];
    assert_eq!(request().check(), Ok(()));
    for (change, fault) in changes {
        let mut changed = request();
        change(&mut changed);
        let error = changed.check().unwrap_err();
        assert!(error.contains(fault), "{error}");
    }
}

proptest! {
    #[test]
    fn whatever_decodes_encodes_to_the_same_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200), flip in any::<prop::sample::Index>()) {
        // Random bytes behind a proper head, and a proper message with one byte changed.
        let mut random = b"NcRq\x01".to_vec();
        random.extend_from_slice(&bytes);
        let mut changed = request().to_canonical();
        let place = flip.index(changed.len());
        changed[place] ^= bytes.first().copied().unwrap_or(1);
        for input in [random, changed] {
            if let Ok(decoded) = Request::from_canonical(&input) {
                prop_assert_eq!(decoded.to_canonical(), input);
            }
        }
    }

    #[test]
    fn quantities_read_back(code in 0_u8..=255) {
        use nacre_schemas::canonical::{Decode as _, Decoder, Encode as _, Encoder};
        if let Ok(quantity) = Quantity::decode(&mut Decoder::new(&[code])) {
            let mut out = Encoder::new();
            quantity.encode(&mut out);
            prop_assert_eq!(out.into_bytes(), vec![code]);
            prop_assert_eq!(quantity.to_string().parse::<Quantity>(), Ok(quantity));
        }
    }
}

#[test]
fn a_signed_statement_is_its_tag_the_statement_and_the_signature() {
    let signed = Signed { statement: statement(), signature: Signature([7; 64]) };
    let bytes = signed.to_canonical();
    // A statement's own tag and version are not repeated within.
    assert_eq!(bytes, [b"NcBb\x01".as_slice(), &statement().to_canonical()[5..], &[7; 64]].concat());
    assert_eq!(Signed::from_canonical(&bytes), Ok(signed));
}

#[test]
fn a_signed_request_has_its_seals_before_the_signature() {
    let signed = SignedRequest { request: request(), seals: Vec::new(), signature: Signature([7; 64]) };
    let bytes = signed.to_canonical();
    assert_eq!(bytes, [b"NcSr\x01".as_slice(), &request().to_canonical()[5..], &[0; 4], &[7; 64]].concat());
    assert_eq!(SignedRequest::from_canonical(&bytes), Ok(signed));
}
