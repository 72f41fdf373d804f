use nacre_schemas::{Blob, measure::Domain};

use super::*;

fn chain() -> ChainId {
    Domain::Health.main_chain()
}

/// Entries without a body, numbered.
fn entries(numbers: std::ops::Range<u8>) -> Vec<LogEntry> {
    let bytes = numbers.map(|number| Entry::Release(Digest([number; 32])).to_canonical());
    let entry = |bytes| LogEntry { entry: Blob::new(bytes).unwrap(), request: None, admission: None, cross: None };
    bytes.map(entry).collect()
}

fn head(entries: &[LogEntry]) -> Head {
    let mut tree = Tree::<Sm3Hasher>::new();
    for entry in entries {
        tree.append(Sm3Hasher::leaf(entry.entry.as_bytes()));
    }
    Head { size: tree.size(), root: tree.root_at(tree.size()).unwrap() }
}

fn main(pinned: Option<Head>) -> Main {
    Main::new(pinned, BTreeSet::new())
}

fn refused(outcome: Result<Vec<Read>, Fault>) -> String {
    let fault = outcome.err().unwrap();
    assert_eq!(fault.check(), Check::History);
    fault.to_string()
}

#[test]
fn a_chain_is_followed_if_what_it_shows_is_what_it_signed() {
    let mut main = main(None);
    assert_eq!(main.check(&chain(), &head(&entries(0..3)), entries(0..3)).unwrap().len(), 3);
    assert_eq!(main.check(&chain(), &head(&entries(0..7)), entries(3..7)).unwrap().len(), 4);
    let earlier = main.check(&chain(), &head(&entries(0..2)), Vec::new()).unwrap();
    assert!(earlier.is_empty(), "an earlier checkpoint holds as well");
    let mut other = entries(0..2);
    other.swap(0, 1);
    refused(main.check(&chain(), &head(&other), Vec::new()));
    let error = refused(main.check(&chain(), &head(&entries(0..9)), entries(7..8)));
    assert!(error.contains("main/health"), "{error}");
}

#[test]
fn a_chain_that_shows_another_past_than_before_a_restart_is_refused() {
    let before = head(&entries(0..4));
    let mut forked = entries(0..6);
    forked[2] = entries(9..10).remove(0);
    refused(main(Some(before.clone())).check(&chain(), &head(&forked), forked.clone()));
    assert!(main(Some(before)).check(&chain(), &head(&entries(0..6)), entries(0..6)).is_ok());
}

#[test]
fn an_entry_that_logs_a_request_comes_with_the_request() {
    let mut shown = entries(0..1);
    shown[0].entry = Blob::new(Entry::Request(Digest([3; 32])).to_canonical()).unwrap();
    let error = refused(main(None).check(&chain(), &head(&shown), shown.clone()));
    assert!(error.contains("entry 0: the body behind it is not shown"), "{error}");
}
