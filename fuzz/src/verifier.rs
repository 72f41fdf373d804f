//! The offline checks on documents from anywhere: receipts, releases, requests, stretches of a chain, evidence. None
//! panics, and none passes that nobody signed.

use crate::{BATCH, NETWORK, rng};
use nacre_schemas::{
    Document, Signed, anchor::Anchor, answer::Answer, catalogue::Catalogue, dossier::LoggedRequest,
    equivocation::Equivocation, members::MembersPage, query::Request, receipt::BatchReceipt, release::Release,
};
use nacre_verifier::{anchor, equivocation, logged, members, receipt, release};

fn tagged<D: Document>(rest: &[u8]) -> Option<D> {
    D::from_canonical(&[&D::TAG[..], &[D::VERSION], rest].concat()).ok()
}

/// One input.
pub fn run(data: &[u8]) {
    let Some((mode, rest)) = data.split_first() else { return };
    let chain = &NETWORK.root().chains[1];
    match mode % 8 {
        0 => {
            if let Some(receipt) = tagged::<BatchReceipt>(rest) {
                assert!(receipt::check(&receipt, &BATCH, &NETWORK).is_err());
            }
        }
        1 => {
            if let Some(release) = tagged::<Release>(rest) {
                assert!(release::check(&release, &NETWORK).is_err());
            }
        }
        2 => {
            if let Ok(release) = serde_json::from_slice::<Release>(rest) {
                assert!(release::check(&release, &NETWORK).is_err());
            }
        }
        3 => {
            if let Some(logged) = tagged::<LoggedRequest<Request>>(rest) {
                let definition = Catalogue::built_in().newest(&"systolic-bp".parse().expect("a name"));
                assert!(logged::check(&logged, &NETWORK, definition.expect("it is there")).is_err());
            }
        }
        4 => {
            if let Some(evidence) = tagged::<Equivocation>(rest) {
                assert!(equivocation::check(&evidence, &NETWORK).is_err());
            }
        }
        5 => {
            if let Some(found) = tagged::<Anchor>(rest) {
                let _ = anchor::check(&found, chain, None, &NETWORK.root().chains[0], &NETWORK);
            }
        }
        6 => {
            if let Some(page) = tagged::<MembersPage>(rest) {
                let _ = members::check(&page, chain, &NETWORK, &|_| None, &mut rng(6));
            }
        }
        _ => drop(tagged::<Signed<Answer>>(rest)),
    }
}
