//! Trust roots, admissions and rosters as text: reading and checking does not panic, and no other root than the endorsed
//! one passes.

use std::sync::LazyLock;

use crate::NETWORK;
use nacre_custodian::ceremony::Roster;
use nacre_schemas::{
    Signed,
    membership::Membership,
    trust::{SignedTrustRoot, TrustRoot},
};
use nacre_verifier::{Network, membership};

static GOOD: LazyLock<String> = LazyLock::new(|| toml::to_string(NETWORK.signed()).expect("it has a text"));

fn judge(text: &str) {
    if let Ok(signed) = toml::from_str::<SignedTrustRoot>(text) {
        if let Ok(network) = Network::new(signed) {
            assert_eq!(network.signed(), NETWORK.signed(), "nobody endorsed another root");
        }
    }
}

/// One input.
pub fn run(data: &[u8]) {
    let Some((mode, rest)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    match mode % 5 {
        0 => judge(text),
        1 => {
            if let Ok(root) = toml::from_str::<TrustRoot>(text) {
                let _ = Network::check_unendorsed(&root);
            }
        }
        2 => {
            if let Ok(signed) = serde_json::from_str::<Signed<Membership>>(text) {
                // The seeds have one that the authority signed.
                let _ = membership::check(&signed, &NETWORK);
            }
        }
        3 => drop(toml::from_str::<Roster>(text)),
        _ => {
            // The good root with a piece of it exchanged.
            let Some((place, text)) = text.split_at_checked(4) else { return };
            let place = place.bytes().fold(0usize, |place, byte| place << 7 | usize::from(byte)) % GOOD.len();
            let end = (place + text.len()).min(GOOD.len());
            if let (Some(head), Some(tail)) = (GOOD.get(..place), GOOD.get(end..)) {
                judge(&format!("{head}{text}{tail}"));
            }
        }
    }
}
